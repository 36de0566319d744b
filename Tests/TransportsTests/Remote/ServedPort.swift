import LabCore
import Transports

/// A server of one serial port that behaves as it is told; written against RFC 854 and RFC 2217, not against the client's code.
final class ServedPort: ByteStream {
    enum Manner: Sendable, Equatable {
        /// RFC 2217, and every setting is possible.
        case obliging
        /// A bare connection.
        case bare
        /// Telnet without COM-PORT-OPTION.
        case plainTelnet
        /// Does not agree to binary transmission.
        case textOnly
        /// A bare connection to a device that echoes.
        case echoing
        /// Takes everything, says nothing.
        case silent
        /// Says that and closes.
        case saying(String)
        /// Agrees, and confirms nothing.
        case unconfirming
        /// Answers SET-BAUDRATE with these bytes.
        case answeringRate([UInt8])
        /// Answers that setting with that value.
        case answering(code: UInt8, value: UInt8)
        /// A subnegotiation without an end.
        case endless
    }

    let name: String
    var onEvent: ((ByteStreamEvent) -> Void)?
    private(set) var isOpen = false
    /// COM-PORT-OPTION subnegotiations as they came.
    private(set) var commands: [[UInt8]] = []
    /// All bytes that came over the wire.
    private(set) var wire: [UInt8] = []
    private let stream: TCPStream
    private let manner: Manner
    private var command: [UInt8] = []
    private var state = State.data
    private enum State { case data, escape, verb(UInt8), inside, insideEscape }

    private let isBare: Bool

    /// - Parameter isBare: its client speaks no telnet.
    init(_ stream: TCPStream, _ manner: Manner, isBare: Bool) {
        self.isBare = isBare
        name = "server of \(stream.name)"
        self.stream = stream
        self.manner = manner
        stream.onEvent = { [unowned self] event in
            switch event {
            case .opened: break
            case .bytes(let bytes, let time): take(bytes, time)
            case .closed:
                isOpen = false
                onEvent?(event)
            }
        }
        begin()
    }

    private func begin() {
        switch manner {
        case .bare: isOpen = true
        case .saying where isBare: refuse()
        case .endless: stream.send([255, 250, 44] + [UInt8](repeating: 7, count: 5_000))
        default: break
        }
    }

    private func refuse() {
        guard case .saying(let text) = manner else { return }
        stream.send(Array(text.utf8))
        stream.close()
    }

    // MARK: From the client

    private func take(_ bytes: [UInt8], _ time: RunInstant) {
        wire += bytes
        switch manner {
        case .bare: return onEvent?(.bytes(bytes, at: time)) ?? ()
        case .echoing: return stream.send(bytes)
        // What lies unread at a socket that is closed makes a reset, which the text could not survive.
        case .saying: return refuse()
        case .silent, .endless: return
        default: break
        }
        var data: [UInt8] = []
        for byte in bytes { take(byte, &data) }
        if !data.isEmpty { onEvent?(.bytes(data, at: time)) }
    }

    private func take(_ byte: UInt8, _ data: inout [UInt8]) {
        switch (state, byte) {
        case (.data, 255): state = .escape
        case (.data, _): data.append(byte)
        case (.escape, 251...254): state = .verb(byte)
        case (.escape, 250): (state, command) = (.inside, [])
        case (.escape, 255):
            data.append(byte)
            state = .data
        case (.escape, _): state = .data
        case (.verb(let verb), _):
            answer(verb, byte)
            state = .data
        case (.inside, 255): state = .insideEscape
        case (.inside, _): command.append(byte)
        case (.insideEscape, 240):
            state = .data
            perform(command)
        case (.insideEscape, _):
            command.append(byte)
            state = .inside
        }
    }

    private func answer(_ verb: UInt8, _ option: UInt8) {
        // WILL is answered by DO (253) or DONT (254), DO by WILL (251) or WONT (252).
        let isGood =
            switch option {
            case 0: manner != .textOnly
            case 3: true
            case 44: verb == 251 && manner != .plainTelnet
            default: false
            }
        if verb == 251 { stream.send([255, isGood ? 253 : 254, option]) }
        if verb == 253 { stream.send([255, isGood ? 251 : 252, option]) }
    }

    private func perform(_ command: [UInt8]) {
        guard command.first == 44, command.count > 1 else { return }
        let (code, value) = (command[1], Array(command.dropFirst(2)))
        commands.append(Array(command.dropFirst()))
        switch manner {
        case .unconfirming: return
        case .answeringRate(let answer) where code == 1: say([101] + answer)
        case .answering(code, let other): say([code + 100, other])
        default: say([code + 100] + value)
        }
        // The modem lines' mask is the last that a client asks for.
        guard code == 11, !isOpen else { return }
        isOpen = true
        onEvent?(.opened)
    }

    // MARK: To the client

    func say(_ payload: [UInt8]) { stream.send([255, 250, 44] + doubled(payload) + [255, 240]) }
    func sendRaw(_ bytes: [UInt8]) { stream.send(bytes) }
    private func doubled(_ bytes: [UInt8]) -> [UInt8] { bytes.flatMap { $0 == 255 ? [255, 255] : [$0] } }

    func open() {}
    func send(_ bytes: [UInt8]) { if isOpen { stream.send(manner == .bare ? bytes : doubled(bytes)) } }
    func close() {
        isOpen = false
        stream.close()
    }
}

/// A port of another machine, at a server on this one.
final class RemoteBench: StreamBench {
    let reactor: Reactor
    let port: RemoteSerialPort
    private let listener: TCPListener
    private let sockets: StreamLoop
    private let served = Served()
    var client: any ByteStream { port }
    /// The server's end that spoke last.
    var server: (any ByteStream)? { served.ports.last { $0.isOpen } ?? served.ports.last }
    var address: StreamAddress { listener.address }
    var serving: ServedPort? { served.ports.last { $0.isOpen } ?? served.ports.last }
    let names: (client: String, server: String)
    var onServerEvent: ((ByteStreamEvent) -> Void)? {
        get { served.onEvent }
        set { served.onEvent = newValue }
    }

    private final class Served {
        var ports: [ServedPort] = []
        var onEvent: ((ByteStreamEvent) -> Void)?

        func add(_ port: ServedPort) {
            ports.append(port)
            if port.isOpen { onEvent?(.opened) }
            port.onEvent = { [unowned self, unowned port] event in
                ports.removeAll { $0 === port }
                if event.failure == nil { ports.append(port) }
                onEvent?(event)
            }
        }
    }

    init(
        _ wire: RemoteSerialPort.Wire = .rfc2217, _ manner: ServedPort.Manner? = nil, settings: SerialSettings = SerialSettings(),
        patience: Duration = .seconds(20)
    ) throws {
        let (reactor, sockets) = (try Reactor(), StreamLoop())
        self.reactor = reactor
        self.sockets = sockets
        let manner = manner ?? (wire == .raw ? .bare : .obliging)
        let clock: @Sendable () -> RunInstant = { reactor.now }
        listener = try TCPListener(on: sockets, reportingTo: reactor, clock: clock) { [served] in
            served.add(ServedPort($0, manner, isBare: wire == .raw))
        }
        port = RemoteSerialPort(
            wire, at: listener.address, settings: settings, on: sockets, reportingTo: reactor, clock: clock, patience: patience)
        names = ("\(wire == .raw ? "tcp" : "rfc2217")://\(listener.address)", "server of tcp 127.0.0.1")
    }

    deinit { listener.close() }

    func offer() -> Bool { true }
    func run(until condition: () -> Bool) -> Bool { reactor.run(until: condition, timeout: .seconds(30)) }
}
