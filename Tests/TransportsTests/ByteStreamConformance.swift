import Foundation
import LabCore
import Simulation
import Testing
import Transports

/// The media that carry bytes. Each passes the same tests.
enum StreamMedium: String, CaseIterable, CustomTestStringConvertible {
    case memory, pseudoTerminal, tcp, tls, remotePort, bareRemotePort
    var testDescription: String { rawValue }

    func bench() throws -> any StreamBench {
        switch self {
        case .memory: MemoryBench()
        case .pseudoTerminal: try TerminalBench()
        case .tcp: try SocketPairBench(isSecure: false)
        case .tls: try SocketPairBench(isSecure: true)
        case .remotePort: try RemoteBench(.rfc2217)
        case .bareRemotePort: try RemoteBench(.raw)
        }
    }
}

/// Two ends that can be connected, and the loop that they live on.
protocol StreamBench: AnyObject {
    /// The end that opens the connection, and may do so again.
    var client: any ByteStream { get }
    /// The other end, as it is now; nil before there was a connection, where each has an end of its own.
    var server: (any ByteStream)? { get }
    /// The words that names begin with: client, server.
    var names: (client: String, server: String) { get }
    /// Offers the other end, again after it was closed.
    func offer() -> Bool
    /// Called with everything that the other end tells, whichever it is.
    var onServerEvent: ((ByteStreamEvent) -> Void)? { get set }
    func run(until condition: () -> Bool) -> Bool
}

final class MemoryBench: StreamBench {
    private let kernel = Kernel()
    private let link: Link
    let client: any ByteStream
    let server: (any ByteStream)?
    let names = (client: "cable.near", server: "cable.far")
    var onServerEvent: ((ByteStreamEvent) -> Void)? {
        get { server?.onEvent }
        set { server?.onEvent = newValue }
    }

    init() {
        link = Link(on: kernel, name: "cable", profile: LinkProfile(delay: .milliseconds(1), speed: .bytesPerSecond(1 << 20)), seed: 1)
        client = LinkStream(link, .near)
        server = LinkStream(link, .far)
    }

    deinit { kernel.shutDown() }

    func offer() -> Bool { true }
    func run(until condition: () -> Bool) -> Bool {
        kernel.run(until: kernel.now.advanced(by: .seconds(60)), condition: condition) == .satisfied
    }
}

final class TerminalBench: StreamBench {
    private let bench: PortBench
    private let terminal: PseudoTerminal
    let client: any ByteStream
    var server: (any ByteStream)? { terminal }
    let names: (client: String, server: String)
    var onServerEvent: ((ByteStreamEvent) -> Void)?

    init() throws {
        bench = try PortBench()
        terminal = PseudoTerminal(name: bench.path("port"), on: bench.reactor)
        client = SerialPort(path: bench.path("port"), on: bench.reactor)
        names = (bench.path("port"), bench.path("port"))
        terminal.onEvent = { [weak self] event in if event != .opened { self?.onServerEvent?(event) } }
    }

    func offer() -> Bool {
        terminal.open()
        return run { self.terminal.isOpen }
    }

    func run(until condition: () -> Bool) -> Bool { bench.reactor.run(until: condition, timeout: .seconds(30)) }
}

final class SocketPairBench: StreamBench {
    private let reactor: Reactor
    private let listener: TCPListener
    private let sockets = StreamLoop()
    private let accepted = Accepted()
    let client: any ByteStream
    var server: (any ByteStream)? { accepted.streams.last }
    let names: (client: String, server: String)
    var onServerEvent: ((ByteStreamEvent) -> Void)? {
        get { accepted.onEvent }
        set { accepted.onEvent = newValue }
    }

    /// A connection that was given up may be accepted later than the one after it, so all are kept; who spoke last comes last.
    private final class Accepted {
        private(set) var streams: [TCPStream] = []
        var onEvent: ((ByteStreamEvent) -> Void)?

        func add(_ stream: TCPStream) {
            streams.append(stream)
            // An accepted stream is open; the others tell it.
            onEvent?(.opened)
            stream.onEvent = { [unowned self, unowned stream] event in
                streams.removeAll { $0 === stream }
                if event.failure == nil { streams.append(stream) }
                onEvent?(event)
            }
        }
    }

    init(isSecure: Bool) throws {
        let reactor = try Reactor()
        self.reactor = reactor
        let clock: @Sendable () -> RunInstant = { reactor.now }
        let certificates = isSecure ? try LabCertificates(at: Date()) : nil
        listener = try TCPListener(
            on: sockets, security: try certificates.map { ServerSecurity(try $0.server()) }, reportingTo: reactor, clock: clock
        ) { [accepted] stream in accepted.add(stream) }
        let target = TCPTarget(listener.address, security: certificates.map { ClientSecurity(roots: .pinned($0.authority)) })
        client = TCPStream(to: target, on: sockets, reportingTo: reactor, clock: clock)
        let scheme = isSecure ? "tls" : "tcp"
        names = ("\(scheme) \(listener.address)", "\(scheme) 127.0.0.1")
    }

    deinit { listener.close() }

    func offer() -> Bool { true }
    func run(until condition: () -> Bool) -> Bool { reactor.run(until: condition, timeout: .seconds(30)) }
}

@Suite("Byte streams: what every medium keeps", .ownThread, .timeLimit(.minutes(3)))
struct ByteStreamConformance {
    /// A connection with what both ends told.
    private final class Conversation {
        let bench: any StreamBench
        var clientEvents: [ByteStreamEvent] = []
        var serverEvents: [ByteStreamEvent] = []
        /// Whether a call to the client is under way, and whether an event came then.
        var isInside = false
        var cameFromInside = false

        init(_ medium: StreamMedium) throws {
            bench = try medium.bench()
            bench.client.onEvent = { [unowned self] event in
                if isInside { cameFromInside = true }
                clientEvents.append(event)
            }
            bench.onServerEvent = { [unowned self] in serverEvents.append($0) }
        }

        /// Ends what refers to the streams, so that all goes when the test is over.
        deinit { bench.client.close() }

        func call(_ body: (any ByteStream) -> Void) {
            isInside = true
            body(bench.client)
            isInside = false
        }

        func connect() throws {
            try #require(bench.offer())
            let count = clientEvents.count
            bench.client.open()
            try #require(bench.run { self.clientEvents.count > count && self.bench.server?.isOpen == true })
            try #require(clientEvents[count] == .opened)
        }

        var clientHeard: [UInt8] { Self.bytes(clientEvents) }
        var serverHeard: [UInt8] { Self.bytes(serverEvents) }
        static func bytes(_ events: [ByteStreamEvent]) -> [UInt8] {
            events.reduce(into: []) { if case .bytes(let bytes, _) = $1 { $0 += bytes } }
        }

        /// A byte each way, after which everything that was sent before has come.
        ///
        /// What answers is the end that has heard it: an earlier connection may still be closing.
        func mark() -> Bool {
            let before = (marks(clientEvents), marks(serverEvents))
            bench.client.send([Self.mark])
            guard bench.run(until: { self.marks(self.serverEvents) > before.1 }) else { return false }
            bench.server?.send([Self.mark])
            return bench.run { self.marks(self.clientEvents) > before.0 }
        }

        /// No other byte is above 127.
        private static let mark: UInt8 = 0xff

        private func marks(_ events: [ByteStreamEvent]) -> Int {
            events.count { if case .bytes(let bytes, _) = $0 { bytes.last == Self.mark } else { false } }
        }
    }

    private static func pattern(_ count: Int) -> [UInt8] { (0..<count).map { UInt8(truncatingIfNeeded: $0 &* 31 ^ $0 >> 9) & 0x7f } }

    @Test("opening is told once, however often it is asked for", arguments: StreamMedium.allCases)
    func openOnce(_ medium: StreamMedium) throws {
        let talk = try Conversation(medium)
        try #require(talk.bench.offer())
        #expect(!talk.bench.client.isOpen)
        talk.call { $0.open() }
        talk.call { $0.open() }
        try #require(talk.bench.run { talk.bench.client.isOpen && talk.bench.server?.isOpen == true })
        talk.call { $0.open() }
        #expect(talk.mark())
        #expect(talk.clientEvents.count { $0 == .opened } == 1)
        #expect(talk.clientEvents.first == .opened)
    }

    @Test("bytes come in the order in which they were sent, both ways", arguments: StreamMedium.allCases)
    func order(_ medium: StreamMedium) throws {
        let talk = try Conversation(medium)
        try talk.connect()
        for byte in 0..<100 as Range<UInt8> {
            talk.call { $0.send([byte]) }
            talk.bench.server?.send([byte, byte])
        }
        #expect(talk.mark())
        #expect(talk.serverHeard.dropLast() == Array(0..<100)[...])
        #expect(talk.clientHeard.dropLast() == (0..<100).flatMap { [$0, $0] }[...])
        #expect(!talk.cameFromInside)
    }

    @Test("a megabyte each way at the same time, more than the medium takes at once", arguments: StreamMedium.allCases)
    func bulk(_ medium: StreamMedium) throws {
        let talk = try Conversation(medium)
        try talk.connect()
        let (up, down) = (Self.pattern(1 << 20), Array(Self.pattern(1 << 20).reversed()))
        talk.call { $0.send(up) }
        talk.bench.server?.send(down)
        // What is sent later comes later.
        #expect(talk.mark())
        #expect(talk.serverHeard.dropLast() == up[...])
        #expect(talk.clientHeard.dropLast() == down[...])
    }

    @Test("bytes carry moments that do not go back", arguments: StreamMedium.allCases)
    func moments(_ medium: StreamMedium) throws {
        let talk = try Conversation(medium)
        try talk.connect()
        for _ in 0..<5 {
            talk.bench.server?.send([1])
            let count = talk.clientHeard.count
            try #require(talk.bench.run { talk.clientHeard.count > count })
        }
        let moments = talk.clientEvents.compactMap { if case .bytes(_, let moment) = $0 { moment } else { nil } }
        #expect(moments.count == 5)
        #expect(moments == moments.sorted())
        #expect(moments.first.map { $0 > .start } == true)
    }

    @Test("nothing is told after close, and it can be opened again", arguments: StreamMedium.allCases)
    func close(_ medium: StreamMedium) throws {
        let talk = try Conversation(medium)
        try talk.connect()
        talk.bench.server?.send(Self.pattern(100))
        talk.call { $0.close() }
        talk.call { $0.close() }
        #expect(!talk.bench.client.isOpen)
        let count = talk.clientEvents.count
        talk.bench.server?.send(Self.pattern(100))
        try talk.connect()
        #expect(talk.mark())
        #expect(Array(talk.clientEvents.dropFirst(count).prefix(1)) == [.opened])
        #expect(Conversation.bytes(Array(talk.clientEvents.dropFirst(count))) == [0xff])
        #expect(!talk.cameFromInside)
    }

    @Test("closed while it is being opened: no event", arguments: StreamMedium.allCases)
    func closeWhileOpening(_ medium: StreamMedium) throws {
        let talk = try Conversation(medium)
        try #require(talk.bench.offer())
        talk.call { $0.open() }
        talk.call { $0.close() }
        #expect(!talk.bench.client.isOpen)
        try talk.connect()
        #expect(talk.mark())
        #expect(talk.clientEvents.count { $0 == .opened } == 1)
    }

    @Test("what is sent while it is closed is dropped", arguments: StreamMedium.allCases)
    func sendWhileClosed(_ medium: StreamMedium) throws {
        let talk = try Conversation(medium)
        talk.call { $0.send([1, 2, 3]) }
        try talk.connect()
        #expect(talk.mark())
        talk.call { $0.close() }
        talk.call { $0.send([4, 5, 6]) }
        try talk.connect()
        #expect(talk.mark())
        #expect(talk.serverHeard == [0xff, 0xff])
    }

    @Test("the other side closes: told once with a reason, and it can be opened again", arguments: StreamMedium.allCases)
    func peerCloses(_ medium: StreamMedium) throws {
        let talk = try Conversation(medium)
        try talk.connect()
        talk.bench.server?.close()
        try #require(talk.bench.run { !talk.bench.client.isOpen })
        let failure = try #require(talk.clientEvents.last?.failure)
        #expect([.ended, .vanished].contains(failure.reason))
        #expect(failure.medium == talk.bench.client.name)
        try talk.connect()
        #expect(talk.mark())
        #expect(talk.clientEvents.count { $0.failure != nil } == 1)
    }

    @Test("closing inside of an event: nothing more comes", arguments: StreamMedium.allCases)
    func closeInside(_ medium: StreamMedium) throws {
        let talk = try Conversation(medium)
        try talk.connect()
        var seen = 0
        let client = talk.bench.client
        client.onEvent = { [unowned client] _ in
            seen += 1
            client.close()
        }
        talk.bench.server?.send(Self.pattern(200_000))
        try #require(talk.bench.run { seen > 0 })
        client.onEvent = { [unowned talk] in talk.clientEvents.append($0) }
        try talk.connect()
        #expect(seen == 1)
    }

    @Test("opening inside of the event that it is closed", arguments: StreamMedium.allCases)
    func reopenInside(_ medium: StreamMedium) throws {
        let talk = try Conversation(medium)
        try talk.connect()
        let client = talk.bench.client
        var isAgain = false
        client.onEvent = { [unowned client, unowned talk] event in
            talk.clientEvents.append(event)
            if event.failure != nil, !isAgain {
                isAgain = true
                // The pseudo terminal needs a moment to be there again.
                _ = medium == .pseudoTerminal ? talk.bench.server?.open() : nil
                client.open()
            }
        }
        talk.bench.server?.close()
        try #require(talk.bench.run { talk.clientEvents.count { $0 == .opened } == 2 && talk.bench.server?.isOpen == true })
        #expect(talk.mark())
    }

    @Test("sending nothing is nothing", arguments: StreamMedium.allCases)
    func empty(_ medium: StreamMedium) throws {
        let talk = try Conversation(medium)
        try talk.connect()
        talk.call { $0.send([]) }
        talk.bench.server?.send([])
        #expect(talk.mark())
        #expect(talk.clientEvents.count { if case .bytes(let bytes, _) = $0 { bytes.isEmpty } else { false } } == 0)
        #expect(talk.serverEvents.count { if case .bytes(let bytes, _) = $0 { bytes.isEmpty } else { false } } == 0)
    }

    @Test("names tell which medium it is", arguments: StreamMedium.allCases)
    func names(_ medium: StreamMedium) throws {
        let talk = try Conversation(medium)
        #expect(talk.bench.client.name == talk.bench.names.client)
        try talk.connect()
        #expect(talk.bench.client.name == talk.bench.names.client)
        #expect(talk.bench.server?.name.hasPrefix(talk.bench.names.server) == true)
    }
}
