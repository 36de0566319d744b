import HummingbirdCore
import HummingbirdTLS
package import LabCore
import Logging
import NIOCore
import NIOSSL
import Synchronization

/// Serves HTTP/1.1, with TLS where a listener has it, and has one closure answer every request.
///
/// Everything runs on one event loop: parsing, the closure until it goes elsewhere, and writing. Hummingbird's server does
/// the work; here are the limits, the way that a failure looks to a client, and listening that can end and begin again.
package final class HTTPServer: Sendable {
    /// Answers one request.
    ///
    /// - Parameters:
    ///   - call: with header names in lower case and the whole body.
    ///   - peer: the address of the other end, without its port.
    /// - Returns: a failure closes the connection without an answer, as a server that died would.
    package typealias Respond = @Sendable (_ call: HTTPCall, _ peer: String) async -> Result<HTTPAnswer, HTTPFailure>

    private struct Listening: Sendable {
        /// With the port that it got.
        var listener: StreamListener
        /// `nil` while nobody may connect.
        var running: HTTPServerRun?
    }

    private let loop: StreamLoop
    private let ownsLoop: Bool
    private let executor: EventLoopTaskExecutor
    private let exchange: HTTPExchange
    private let limits: HTTPServerLimits
    private let state = Mutex<[Listening]>([])

    /// - Parameters:
    ///   - loop: the thread of the sockets; one of the server's own where it is `nil`.
    ///   - respond: called on the loop's thread, which it must not block.
    package init(on loop: StreamLoop? = nil, limits: HTTPServerLimits = HTTPServerLimits(), respond: @escaping Respond) {
        self.loop = loop ?? StreamLoop()
        ownsLoop = loop == nil
        executor = EventLoopTaskExecutor(self.loop.eventLoop)
        exchange = HTTPExchange(limits: limits, respond: respond)
        self.limits = limits
    }

    deinit {
        for entry in state.withLock({ $0 }) { entry.running?.abandon() }
    }

    /// Opens a listener; may be called for several. Waits for the loop, so it must not be called on its thread.
    ///
    /// - Returns: the address with the port that it got.
    /// - Throws: `.busy`, `.permissionDenied`, `.notFound` for the address, `.certificate` for what TLS needs.
    @discardableResult
    package func listen(_ listener: StreamListener) throws(StreamFailure) -> StreamAddress {
        let running = try open(listener)
        var listener = listener
        listener.address.port = running.address.port
        state.withLock { $0.append(Listening(listener: listener, running: running)) }
        return running.address
    }

    /// Opens a listener without TLS.
    @discardableResult
    package func listen(_ address: StreamAddress) throws(StreamFailure) -> StreamAddress { try listen(StreamListener(address)) }

    /// Every address with its scheme, `http` or `https`, in the order in which they were opened.
    package var addresses: [(scheme: String, address: StreamAddress)] {
        state.withLock { $0.map { ($0.listener.security == nil ? "http" : "https", $0.listener.address) } }
    }

    /// Ends listening and all connections, as when the process behind it dies, or begins to listen again on the same ports.
    ///
    /// - Throws: where somebody else has taken a port meanwhile; the listeners before it are open then.
    package func setListening(_ isListening: Bool) throws(StreamFailure) {
        for (index, entry) in state.withLock({ $0 }).enumerated() {
            if isListening, entry.running == nil {
                let running = try open(entry.listener)
                state.withLock { $0[index].running = running }
            } else if !isListening, let running = entry.running {
                running.close(after: .zero)
                state.withLock { $0[index].running = nil }
            }
        }
    }

    /// Ends listening; requests under way have the grace of the limits to be answered. Does nothing the second time.
    package func stop() {
        let entries = state.withLock { entries in
            defer { entries = [] }
            return entries
        }
        for entry in entries { entry.running?.close(after: limits.grace) }
        if ownsLoop { loop.stop() }
    }

    private func open(_ listener: StreamListener) throws(StreamFailure) -> HTTPServerRun {
        let medium = "\(listener.security == nil ? "http" : "https") \(listener.address)"
        let connections = HTTPConnections()
        do {
            let channel = HTTP1Channel(responder: exchange.responder, configuration: configuration(connections))
            guard let security = listener.security else { return try open(channel, connections, at: listener.address, medium) }
            var configuration = try security.configuration()
            configuration.applicationProtocols = ["http/1.1"]
            let secured: TLSChannel<HTTP1Channel>
            do { secured = try TLSChannel(channel, tlsConfiguration: configuration) } catch {
                throw StreamFailure(
                    .certificate, medium, "the certificate and the key cannot be used together",
                    remedy: "give the key that the certificate was made for")
            }
            return try open(secured, connections, at: listener.address, medium)
        } catch is SocketAddressError.UnknownHost {
            throw StreamFailure(
                .notFound, medium, "there is no host \(listener.address.host)", remedy: "check its spelling, or name it by its address")
        } catch {
            throw StreamFailure(error, .listen, medium)
        }
    }

    private func open(
        _ channel: some ServerChildChannel, _ connections: HTTPConnections, at address: StreamAddress, _ medium: String
    ) throws -> HTTPServerRun {
        let resolved = try address.numeric ?? SocketAddress.makeAddressResolvingHost(address.host, port: address.port)
        let configuration = ServerConfiguration(
            address: .hostname(resolved.ipAddress ?? address.host, port: address.port), backlog: 1_024,
            availableConnectionsDelegate: MaximumAvailableConnections(limits.connections, logger: HTTPServerRun.silence))
        return try HTTPServerRun(channel, configuration, connections, on: loop.eventLoop, executor)
    }

    private func configuration(_ connections: HTTPConnections) -> HTTP1Channel.Configuration {
        let decoder = HTTP1Channel.Configuration.DecoderConfiguration(
            maxHeaderFieldSize: limits.headerBytes, maxHeaderListSize: limits.headerBytes, maxHeaderFieldCount: limits.headerCount)
        return HTTP1Channel.Configuration(
            additionalChannelHandlers: [HTTPConnectionEntry(connections)], idleTimeout: TimeAmount(limits.idleTime),
            httpDecoderConfiguration: decoder)
    }
}

/// What one client may cost. Whoever answers may have narrower limits, and better words for them.
package struct HTTPServerLimits: Sendable, Hashable {
    /// Beyond it a request is answered 413 before it is read, and its connection closed.
    package var bodyBytes: Int
    /// Where more is taken, as of files that are uploaded.
    package var routes: [HTTPRouteLimit]
    /// Bodies beyond `bodyBytes` at the same time; a further one is answered 503.
    package var largeBodies: Int
    /// All headers together, and each; beyond it the answer is 400.
    package var headerBytes: Int
    package var headerCount: Int
    /// For the handshake of TLS, for the head of a request, and between requests.
    package var idleTime: Duration
    /// For the body of a request, and for taking the answer; a body that may be larger has a second more for each MiB.
    package var transferTime: Duration
    /// Further connections wait until others end.
    package var connections: Int
    /// What requests under way have when the server stops.
    package var grace: Duration

    package init(
        bodyBytes: Int = 1 << 20, routes: [HTTPRouteLimit] = [], largeBodies: Int = 4, headerBytes: Int = 1 << 16, headerCount: Int = 256,
        idleTime: Duration = .seconds(60), transferTime: Duration = .seconds(30), connections: Int = 8_192, grace: Duration = .seconds(1)
    ) {
        self.bodyBytes = bodyBytes
        self.routes = routes
        self.largeBodies = largeBodies
        self.headerBytes = headerBytes
        self.headerCount = headerCount
        self.idleTime = idleTime
        self.transferTime = transferTime
        self.connections = connections
        self.grace = grace
    }

    /// Bytes that the body of a request may have.
    ///
    /// A body is kept in memory before anybody looks at who sends it. So nobody gets more than the others without at least showing a token,
    /// and those who show one do not together get more than `largeBodies` allows.
    ///
    /// - Parameter target: the path with its query, as sent.
    func bodyBytes(of method: String, _ target: String, hasToken: Bool) -> Int {
        guard hasToken, let route = routes.first(where: { $0.method == method && $0.holds(target) }) else { return bodyBytes }
        return max(bodyBytes, route.bodyBytes)
    }
}

/// The limit of one route.
package struct HTTPRouteLimit: Sendable, Hashable {
    package var method: String
    /// Without a query; a word in braces stands for any segment: `/api/v1/versions/{version}/image`.
    package var path: String
    package var bodyBytes: Int

    package init(_ method: String, _ path: String, bodyBytes: Int) {
        self.method = method
        self.path = path
        self.bodyBytes = bodyBytes
    }

    fileprivate func holds(_ target: String) -> Bool {
        let called = target.prefix { $0 != "?" }.split(separator: "/", omittingEmptySubsequences: false)
        let own = path.split(separator: "/", omittingEmptySubsequences: false)
        return called.count == own.count && zip(own, called).allSatisfy { $0.hasPrefix("{") || $0 == $1 }
    }
}
