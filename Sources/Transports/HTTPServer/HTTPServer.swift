package import LabCore
import NIOCore
import NIOSSL
import Synchronization

/// Serves HTTP/1.1, with TLS where a listener has it, and has one closure answer every request.
///
/// Everything runs on one event loop: parsing, which is swift-nio's, the closure until it goes elsewhere, and writing.
package final class HTTPServer: Sendable {
    /// Answers one request.
    ///
    /// - Parameters:
    ///   - call: with header names in lower case and the whole body.
    ///   - peer: the address of the other end, without its port.
    ///   - answer: to be called once, on any thread, at once or later. A failure closes the connection without an answer, as a server that
    ///     died would. The next request of the connection waits for it.
    package typealias Respond = @Sendable (
        _ call: HTTPCall, _ peer: String, _ answer: @escaping @Sendable (Result<HTTPAnswer, HTTPFailure>) -> Void
    ) -> Void

    private struct Listening: Sendable {
        /// With the port that it got.
        var listener: StreamListener
        /// `nil` while nobody may connect.
        var running: HTTPServerRun?
    }

    private let loop: StreamLoop
    private let ownsLoop: Bool
    private let serving: HTTPServing
    private let state = Mutex<[Listening]>([])

    /// - Parameters:
    ///   - loop: the thread of the sockets; one of the server's own where it is `nil`.
    ///   - respond: called on the loop's thread, which it must not block.
    package init(on loop: StreamLoop? = nil, limits: HTTPServerLimits = HTTPServerLimits(), respond: @escaping Respond) {
        self.loop = loop ?? StreamLoop()
        ownsLoop = loop == nil
        serving = HTTPServing(limits, respond)
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
        for entry in entries { entry.running?.close(after: serving.limits.grace) }
        if ownsLoop { loop.stop() }
    }

    private func open(_ listener: StreamListener) throws(StreamFailure) -> HTTPServerRun {
        let medium = "\(listener.security == nil ? "http" : "https") \(listener.address)"
        do {
            let security = try listener.security.map { try Self.context($0, medium) }
            let address =
                try listener.address.numeric ?? SocketAddress.makeAddressResolvingHost(listener.address.host, port: listener.address.port)
            return try HTTPServerRun.open(serving, at: address, security, on: loop.eventLoop)
        } catch is SocketAddressError.UnknownHost {
            throw StreamFailure(
                .notFound, medium, "there is no host \(listener.address.host)", remedy: "check its spelling, or name it by its address")
        } catch {
            throw StreamFailure(error, .listen, medium)
        }
    }

    private static func context(_ security: ServerSecurity, _ medium: String) throws -> NIOSSLContext {
        var configuration = try security.configuration()
        configuration.applicationProtocols = ["http/1.1"]
        do { return try NIOSSLContext(configuration: configuration) } catch {
            throw StreamFailure(
                .certificate, medium, "the certificate and the key cannot be used together",
                remedy: "give the key that the certificate was made for")
        }
    }
}
