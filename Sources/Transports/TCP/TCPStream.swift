package import LabCore
import NIOCore

/// Where a client connects to, and how.
package struct TCPTarget: Sendable, Hashable {
    package var address: StreamAddress
    package var security: ClientSecurity?
    /// For the connection and for the TLS handshake, each.
    package var timeout: Duration
    /// The address of this machine that the connection comes from, such as 127.0.0.7; nil for any.
    package var source: String?
    /// After so long without an answer of the other machine's kernel the connection is lost; nil: as the system has it, which is hours.
    package var silence: Duration?

    package init(
        _ address: StreamAddress, security: ClientSecurity? = nil, timeout: Duration = .seconds(10), source: String? = nil, silence: Duration? = nil
    ) {
        self.address = address
        self.security = security
        self.timeout = timeout
        self.source = source
        self.silence = silence
    }

    /// `tcp 127.0.0.1:1883`, `tls broker.example:8883`.
    package var name: String { "\(security == nil ? "tcp" : "tls") \(address)" }
}

/// A TCP or TLS connection: one that is made from here and can be made again, or one that a `TCPListener` accepted.
///
/// `@unchecked Sendable`: it belongs to the thread of the loop that it reports to, like every stream; the event loop's
/// thread sees only `TCPConnection`.
package final class TCPStream: ByteStream, @unchecked Sendable {
    package let name: String
    package private(set) var isOpen = false
    package var onEvent: ((ByteStreamEvent) -> Void)?

    private let target: TCPTarget?
    private let streams: StreamLoop
    private let loop: any Loop
    private let clock: @Sendable () -> RunInstant
    private var connection: TCPConnection?

    /// - Parameters:
    ///   - loop: whose thread uses the stream and is told its events.
    ///   - clock: the time of the run, asked on the event loop's thread whenever bytes were read.
    package init(
        to target: TCPTarget, on streams: StreamLoop, reportingTo loop: any Loop, clock: @escaping @Sendable () -> RunInstant
    ) {
        name = target.name
        self.target = target
        self.streams = streams
        self.loop = loop
        self.clock = clock
    }

    /// A connection that was accepted; it is open.
    init(accepted connection: TCPConnection, named name: String, on streams: StreamLoop, reportingTo loop: any Loop) {
        self.name = name
        target = nil
        self.streams = streams
        self.loop = loop
        clock = { .start }
        self.connection = connection
        isOpen = true
        connection.stream = self
    }

    deinit { connection?.close() }

    package func open() {
        guard connection == nil else { return }
        guard let target else {
            let failure = StreamFailure(.unsupported, name, "an accepted connection cannot be opened again")
            loop.post { [weak self] in self?.onEvent?(.closed(failure)) }
            return
        }
        let connection = TCPConnection(medium: name, on: streams, reportingTo: loop, clock: clock)
        connection.stream = self
        self.connection = connection
        connection.connect(to: target)
    }

    package func send(_ bytes: [UInt8]) {
        if isOpen { connection?.send(bytes) }
    }

    package func close() {
        isOpen = false
        connection?.close()
        connection = nil
    }

    /// Hands out what one connection reported; on the loop's thread.
    func report(_ events: [ByteStreamEvent], from source: TCPConnection) {
        for event in events {
            // The owner may have closed it, or opened it anew, because of the event before.
            guard connection === source else { return }
            switch event {
            case .opened: isOpen = true
            case .closed:
                isOpen = false
                connection = nil
            case .bytes: break
            }
            onEvent?(event)
        }
    }
}

/// Accepts TCP or TLS connections and hands each out as a `TCPStream`.
///
/// `@unchecked Sendable`: it belongs to the thread of the loop that it reports to; what the event loop uses is set once.
package final class TCPListener: @unchecked Sendable {
    /// With the port that it got.
    package let address: StreamAddress
    private let channel: any Channel
    private var isClosed = false

    /// Listens; to be called on the thread of `loop`, or before that runs.
    ///
    /// - Parameters:
    ///   - address: port 0 for any free one.
    ///   - onAccept: called on the loop's thread with a stream that is open; bytes follow after `onEvent` could be set in it.
    ///     A stream that nobody keeps is closed.
    /// - Throws: `.busy`, `.permissionDenied`, `.notFound` for the address; `.certificate` for what TLS needs.
    package init(
        on streams: StreamLoop, at address: StreamAddress = StreamAddress("127.0.0.1", 0), security: ServerSecurity? = nil,
        reportingTo loop: any Loop, clock: @escaping @Sendable () -> RunInstant, onAccept: @escaping (TCPStream) -> Void
    ) throws(StreamFailure) {
        let scheme = security == nil ? "tcp" : "tls"
        do {
            let entrance = TCPEntrance(streams: streams, loop: loop, clock: clock, scheme: scheme, onAccept: onAccept)
            channel = try entrance.listen(at: address, security)
            self.address = StreamAddress(channel.localAddress) ?? address
        } catch {
            throw StreamFailure(error, .listen, "\(scheme) \(address)")
        }
    }

    deinit { close() }

    /// Accepts no more; what was accepted stays. Does nothing the second time: the event loop may have been stopped by then.
    package func close() {
        guard !isClosed else { return }
        isClosed = true
        channel.close(promise: nil)
    }
}
