import LabCore
import Transports

/// The other end of MQTT connections, which does what a test says: it cuts what it hears into packets and answers by hand.
final class ScriptedBroker {
    let address: StreamAddress
    private let listener: TCPListener
    private let sockets: StreamLoop
    private let state = State()

    /// Whole packets of all connections, in their order; CONNECT begins a connection.
    var packets: [[UInt8]] { state.packets }
    /// Called with each packet; what it returns is sent.
    var answer: (([UInt8]) -> [UInt8])? {
        get { state.answer }
        set { state.answer = newValue }
    }
    var connections: Int { state.streams.count }

    private final class State {
        var packets: [[UInt8]] = []
        var answer: (([UInt8]) -> [UInt8])?
        var streams: [TCPStream] = []
        var rest: [UInt8] = []

        func take(_ bytes: [UInt8], from stream: TCPStream) {
            rest += bytes
            while let size = Self.packetSize(rest), rest.count >= size {
                let packet = Array(rest.prefix(size))
                rest.removeFirst(size)
                packets.append(packet)
                if let answer = answer?(packet) { stream.send(answer) }
            }
        }

        /// Of the first packet, once its length is there (MQTT 3.1.1 §2.2.3).
        private static func packetSize(_ bytes: [UInt8]) -> Int? {
            var (length, shift) = (0, 0)
            for (index, byte) in bytes.dropFirst().prefix(4).enumerated() {
                length |= Int(byte & 0x7f) << shift
                shift += 7
                if byte < 0x80 { return index + 2 + length }
            }
            return nil
        }
    }

    init(on reactor: Reactor, at address: StreamAddress = StreamAddress("127.0.0.1", 0)) throws {
        sockets = StreamLoop()
        listener = try TCPListener(on: sockets, at: address, reportingTo: reactor, clock: { .start }) { [state] stream in
            state.rest = []
            state.streams.append(stream)
            stream.onEvent = { [unowned stream] event in
                if case .bytes(let bytes, _) = event { state.take(bytes, from: stream) }
            }
        }
        self.address = listener.address
    }

    deinit {
        listener.close()
        for stream in state.streams { stream.onEvent = nil }
    }

    func send(_ bytes: [UInt8]) { state.streams.last?.send(bytes) }
    func close() { state.streams.last?.close() }

    /// Packets of one type (MQTT 3.1.1 table 2.1).
    func packets(ofType type: UInt8) -> [[UInt8]] { packets.filter { $0[0] >> 4 == type } }

    static let connack: [UInt8] = [0x20, 2, 0, 0]

    /// Accepts every connection, and acknowledges nothing.
    static func accept(_ packet: [UInt8]) -> [UInt8] { packet[0] == 0x10 ? connack : [] }

    /// Accepts and acknowledges publishes with quality 1. Their topic has one letter, so the identifier is at 5 (§3.3.2).
    static func acknowledge(_ packet: [UInt8]) -> [UInt8] {
        packet[0] & 0xf6 == 0x32 ? [0x40, 2, packet[5], packet[6]] : accept(packet)
    }
}

/// A client with what it told.
final class ClientLog {
    let client: MosquittoClient
    private let reactor: Reactor
    private(set) var notices: [MQTTNotice] = []

    init(_ client: MosquittoClient, on reactor: Reactor) {
        self.client = client
        self.reactor = reactor
        client.onNotice = { [weak self] in self?.notices.append($0) }
    }

    func forget() { notices = [] }
    func wait(until condition: () -> Bool) -> Bool { reactor.run(until: condition, timeout: .seconds(Int64(30 * reactor.speed))) }
    func hears(_ expected: [MQTTNotice]) -> Bool { wait { self.notices.count >= expected.count } && notices == expected }

    func connect(_ options: MQTTConnection) -> MQTTNotice? {
        let count = notices.count
        client.perform(.connect(options))
        return wait { self.notices.count > count } ? notices[count] : nil
    }

    func publish(_ topic: String, _ payload: String, _ quality: UInt8, _ token: UInt32 = 0, retain: Bool = false) {
        client.perform(
            .publish(topic: topic, payload: Array(payload.utf8), quality: quality, retain: retain, token: Token(rawValue: token)))
    }

    /// Subscribes and waits for the consent.
    func subscribe(_ filter: String, _ quality: UInt8) -> MQTTNotice? {
        let count = notices.count
        client.perform(.subscribe(filter: filter, quality: quality))
        return wait { self.notices.count > count } ? notices[count] : nil
    }
}

extension MQTTConnection {
    /// As a device connects.
    static func plain(_ clientID: String, isClean: Bool = true, keepAlive: UInt16 = 60) -> MQTTConnection {
        MQTTConnection(clientID: clientID, isClean: isClean, keepAlive: keepAlive)
    }
}
