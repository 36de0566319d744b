import Glibc
import LabCore
import NIOCore
import NIOPosix
import NIOSSL
import Synchronization

/// One connection between the event loop's thread and the thread of the loop that owns its stream.
///
/// What is said in one turn of one thread is one errand to the other. `@unchecked Sendable`: `shared` is behind a lock;
/// `tail` and `isPaused` are the event loop's; `stream` is set once, before anything is posted, and used on the owner's thread.
final class TCPConnection: StreamTailOwner, @unchecked Sendable {
    private struct Shared {
        var events: [ByteStreamEvent] = []
        var byteCount = 0
        var isReportPosted = false
        var output: [UInt8] = []
        var isFlushPosted = false
        var isClosed = false
    }

    /// Bytes that wait for the owner before no more are read from the socket.
    private static let readAhead = 1 << 20

    let medium: String
    private let streams: StreamLoop
    private let loop: any Loop
    private let clock: @Sendable () -> RunInstant
    private let shared = Mutex(Shared())
    private var tail: StreamTail?
    private var isPaused = false
    /// Called instead of reporting `.opened`, for accepted connections.
    private let onOpen: ((TCPConnection) -> Void)?
    weak var stream: TCPStream?

    init(
        medium: String, on streams: StreamLoop, reportingTo loop: any Loop, clock: @escaping @Sendable () -> RunInstant,
        onOpen: ((TCPConnection) -> Void)? = nil
    ) {
        self.medium = medium
        self.streams = streams
        self.loop = loop
        self.clock = clock
        self.onOpen = onOpen
    }

    // MARK: From the owner's thread

    func connect(to target: TCPTarget) {
        let prepared: (verification: CertificateVerification, context: NIOSSLContext)?
        do {
            prepared = try target.security.map { security in
                let host = security.serverName ?? target.address.host
                let verification = try CertificateVerification(security.roots, host: host, medium: medium)
                return (verification, try NIOSSLContext(configuration: security.configuration()))
            }
        } catch {
            return report(.closed(StreamFailure(error, .connect, medium)))
        }
        var bootstrap = ClientBootstrap(group: streams.eventLoop)
            .connectTimeout(.nanoseconds(target.timeout.nanoseconds))
            .channelOption(.tcpOption(.tcp_nodelay), value: 1)
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    let finding = VerificationFinding()
                    if let prepared {
                        try channel.pipeline.syncOperations.addHandler(prepared.verification.handler(prepared.context, finding))
                    }
                    try channel.pipeline.syncOperations.addHandler(
                        StreamTail(
                            owner: self, medium: self.medium, handshakeTimeout: prepared == nil ? nil : target.timeout, finding: finding))
                }
            }
        if let silence = target.silence { bootstrap = bootstrap.lost(after: silence) }
        if let source = target.source, let address = StreamAddress(source, 0).numeric { bootstrap = bootstrap.bind(to: address) }
        let future =
            if let numeric = target.address.numeric { bootstrap.connect(to: numeric) } else {
                bootstrap.connect(host: target.address.host, port: target.address.port)
            }
        future.whenFailure { error in self.report(.closed(StreamFailure(error, .connect, self.medium))) }
    }

    func send(_ bytes: [UInt8]) {
        guard !bytes.isEmpty else { return }
        let mustPost = shared.withLock { shared in
            guard !shared.isClosed else { return false }
            if shared.output.isEmpty { shared.output = bytes } else { shared.output.append(contentsOf: bytes) }
            defer { shared.isFlushPosted = true }
            return !shared.isFlushPosted
        }
        if mustPost { streams.eventLoop.execute { self.flush() } }
    }

    /// What was sent goes out first, as far as that goes without waiting.
    func close() {
        let mustPost = shared.withLock { shared in
            defer { shared.isClosed = true }
            shared.events = []
            return !shared.isClosed
        }
        guard mustPost else { return }
        streams.eventLoop.execute {
            self.flush()
            self.tail?.close()
            self.tail = nil
        }
    }

    private func hand() {
        let (events, mustResume) = shared.withLock { shared in
            let events = shared.events
            let mustResume = shared.byteCount > Self.readAhead
            shared.events = []
            shared.byteCount = 0
            shared.isReportPosted = false
            return (events, mustResume)
        }
        if mustResume {
            streams.eventLoop.execute {
                self.isPaused = false
                self.tail?.setReading(true)
            }
        }
        stream?.report(events, from: self)
    }

    // MARK: From the event loop's thread

    private func flush() {
        let output = shared.withLock { shared in
            let output = shared.output
            shared.output = []
            shared.isFlushPosted = false
            return output
        }
        tail?.append(output)
        tail?.flush()
    }

    private func report(_ event: ByteStreamEvent) {
        var count = 0
        if case .bytes(let bytes, _) = event { count = bytes.count }
        let (mustPost, mustPause) = shared.withLock { shared in
            guard !shared.isClosed else { return (false, false) }
            shared.events.append(event)
            shared.byteCount += count
            defer { shared.isReportPosted = true }
            return (!shared.isReportPosted, shared.byteCount > Self.readAhead)
        }
        if mustPost { loop.post { self.hand() } }
        if mustPause, !isPaused {
            isPaused = true
            tail?.setReading(false)
        }
    }

    func opened(_ tail: StreamTail) {
        guard !shared.withLock({ $0.isClosed }) else { return tail.close() }
        self.tail = tail
        if let onOpen { onOpen(self) } else { report(.opened) }
    }

    func received(_ tail: StreamTail, _ buffer: ByteBuffer) { report(.bytes([UInt8](buffer.readableBytesView), at: clock())) }

    func writabilityChanged(_ tail: StreamTail, _ isWritable: Bool) {}

    func closed(_ tail: StreamTail, _ failure: StreamFailure) {
        self.tail = nil
        // Nobody has heard of an accepted connection that did not become open.
        if onOpen == nil || tail.isOpen { report(.closed(failure)) }
    }
}

extension ClientBootstrap {
    /// Has the kernel ask the other one when nothing comes, and give up when it does not answer (tcp(7)).
    fileprivate func lost(after silence: Duration) -> ClientBootstrap {
        let seconds = Int(max(3, silence.components.seconds))
        return channelOption(.socketOption(.so_keepalive), value: 1)
            .channelOption(.tcpOption(NIOBSDSocket.Option(rawValue: TCP_KEEPIDLE)), value: seconds - seconds / 3 * 2)
            .channelOption(.tcpOption(NIOBSDSocket.Option(rawValue: TCP_KEEPINTVL)), value: seconds / 3)
            .channelOption(.tcpOption(NIOBSDSocket.Option(rawValue: TCP_KEEPCNT)), value: 2)
            // What was sent and is not acknowledged counts as well; in milliseconds.
            .channelOption(.tcpOption(NIOBSDSocket.Option(rawValue: TCP_USER_TIMEOUT)), value: seconds * 1_000)
    }
}

/// What a `TCPListener` needs on the event loop. `@unchecked Sendable`: `onAccept` is called on the owner's thread only.
final class TCPEntrance: @unchecked Sendable {
    private let streams: StreamLoop
    private let loop: any Loop
    private let clock: @Sendable () -> RunInstant
    private let scheme: String
    private let onAccept: (TCPStream) -> Void

    init(
        streams: StreamLoop, loop: any Loop, clock: @escaping @Sendable () -> RunInstant, scheme: String,
        onAccept: @escaping (TCPStream) -> Void
    ) {
        self.streams = streams
        self.loop = loop
        self.clock = clock
        self.scheme = scheme
        self.onAccept = onAccept
    }

    func listen(at address: StreamAddress, _ security: ServerSecurity?) throws -> any Channel {
        let context = try security.map { try NIOSSLContext(configuration: $0.configuration()) }
        let bootstrap = ServerBootstrap(group: streams.eventLoop)
            .serverChannelOption(.backlog, value: 1_024)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .childChannelOption(.tcpOption(.tcp_nodelay), value: 1)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture { try self.prepare(channel, context) }
            }
        let resolved = try address.numeric ?? SocketAddress.makeAddressResolvingHost(address.host, port: address.port)
        return try bootstrap.bind(to: resolved).wait()
    }

    private func prepare(_ channel: any Channel, _ context: NIOSSLContext?) throws {
        let name = "\(scheme) \(StreamAddress(channel.remoteAddress)?.description ?? "of a client")"
        let connection = TCPConnection(medium: name, on: streams, reportingTo: loop, clock: clock) { connection in
            self.loop.post {
                self.onAccept(TCPStream(accepted: connection, named: name, on: self.streams, reportingTo: self.loop))
            }
        }
        let pipeline = channel.pipeline.syncOperations
        if let context { try pipeline.addHandler(NIOSSLServerHandler(context: context)) }
        try pipeline.addHandler(StreamTail(owner: connection, medium: name, handshakeTimeout: context == nil ? nil : .seconds(10)))
    }
}
