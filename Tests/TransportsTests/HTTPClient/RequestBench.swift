import LabCore
import NIOCore
import Synchronization
import Transports

/// A pool of HTTP connections, the loop that uses it, and the servers' loop.
final class RequestBench: Sendable {
    let sockets = StreamLoop()
    private let owner = StreamLoop()
    let pool: HTTPClientPool

    init(security: ClientSecurity? = nil) throws {
        pool = try HTTPClientPool(on: sockets, reportingTo: owner, security: security)
    }

    /// One request and what became of it, told on the loop's thread after the call has returned.
    func send(
        _ call: HTTPCall, to address: StreamAddress, secure: Bool = false, isFresh: Bool = false, limit: Duration = .seconds(30)
    ) async -> Result<HTTPAnswer, HTTPFailure> {
        await withCheckedContinuation { continuation in
            owner.post { [pool, owner] in
                let hasReturned = Mutex(false)
                let requester = pool.requester(to: address, secure: secure, isFresh: isFresh, limit: limit)
                requester.send(call) { result in
                    let isAfterwards = owner.eventLoop.inEventLoop && hasReturned.withLock { $0 }
                    continuation.resume(returning: isAfterwards ? result : .success(HTTPAnswer(status: -1)))
                }
                hasReturned.withLock { $0 = true }
            }
        }
    }
}

/// A server that reacts to every piece of a request with bytes by hand, or not at all. To be stopped at the end.
final class ScriptedServer: StreamServerHandler {
    enum Reaction: Sendable {
        case silence
        case text(String)
        case textAndEnd(String)
    }

    private struct State: Sendable {
        var server: StreamServer?
        var openings = 0
        var requests: [String] = []
    }

    private let state = Mutex(State())
    private let reaction: Reaction

    init(_ reaction: Reaction) { self.reaction = reaction }

    func start(on sockets: StreamLoop) throws -> StreamAddress {
        let server = StreamServer(on: sockets, handler: self)
        state.withLock { $0.server = server }
        return try server.listen(StreamListener(.loopback))
    }

    func stop() {
        let server = state.withLock { state in
            defer { state.server = nil }
            return state.server
        }
        server?.stop()
    }

    /// Connections that were opened.
    var openings: Int { state.withLock { $0.openings } }
    /// What came, in the pieces in which it came.
    var requests: [String] { state.withLock { $0.requests } }

    func opened(_ connection: StreamID, _ peer: StreamPeer) { state.withLock { $0.openings += 1 } }
    func closed(_ connection: StreamID, _ failure: StreamFailure) {}

    func received(_ connection: StreamID, _ bytes: [UInt8]) {
        let server = state.withLock { state in
            state.requests.append(String(decoding: bytes, as: UTF8.self))
            return state.server
        }
        switch reaction {
        case .silence: break
        case .text(let text): server?.send(connection, Array(text.utf8))
        case .textAndEnd(let text):
            server?.send(connection, Array(text.utf8))
            server?.close(connection)
        }
    }
}
