import NIOCore

/// The connections that a listener has accepted and that are still open, and what they share.
///
/// Everything here happens on the event loop.
final class HTTPConnections {
    private enum Ending { case none, afterAnswers, now }

    private var open: [ObjectIdentifier: HTTPConnectionHandler] = [:]
    private var ending = Ending.none
    private var emptied: [EventLoopPromise<Void>] = []
    private var spare = ByteBuffer()

    func add(_ connection: HTTPConnectionHandler) {
        open[ObjectIdentifier(connection)] = connection
        switch ending {
        case .none: break
        case .afterAnswers: connection.endAfterAnswers()
        case .now: connection.end()
        }
    }

    /// Does nothing the second time.
    func remove(_ connection: HTTPConnectionHandler) {
        guard open.removeValue(forKey: ObjectIdentifier(connection)) != nil, open.isEmpty else { return }
        for promise in emptied { promise.succeed() }
        emptied = []
    }

    /// Closes those that wait for a request at once, and the others, and every one that is added later, when they are answered.
    func endAfterAnswers() {
        ending = .afterAnswers
        for connection in Array(open.values) { connection.endAfterAnswers() }
    }

    /// Closes all, and every one that is added later.
    func endAll() {
        ending = .now
        for connection in Array(open.values) { connection.end() }
    }

    /// Succeeds when no connection is open.
    func whenEmpty(on eventLoop: any EventLoop) -> EventLoopFuture<Void> {
        guard !open.isEmpty else { return eventLoop.makeSucceededVoidFuture() }
        let promise = eventLoop.makePromise(of: Void.self)
        emptied.append(promise)
        return promise.futureResult
    }

    // MARK: Storage for answers

    /// Storage that answers use one after the other, so that most cost no allocation.
    func takeBuffer() -> ByteBuffer {
        var buffer = ByteBuffer()
        swap(&buffer, &spare)
        return buffer
    }

    func giveBack(_ buffer: inout ByteBuffer) {
        guard buffer.capacity <= Self.keptBytes else { return }
        buffer.clear()
        swap(&buffer, &spare)
    }

    /// What one large answer took is not kept.
    private static let keptBytes = 1 << 18
}
