import NIOCore

/// The moment by which something must have happened on a connection.
///
/// It moves with every request, and nearly always to later: so there is one task on the loop, which looks again when it is due, instead of a
/// task that is made and cancelled for each request.
///
/// Everything here happens on the event loop.
final class HTTPConnectionTimer {
    private let eventLoop: any EventLoop
    private let expired: () -> Void
    private var due = NIODeadline.distantFuture
    private var task: Scheduled<Void>?
    /// When the task looks.
    private var nextLook = NIODeadline.distantFuture

    /// - Parameter expired: called when nothing has moved the moment before it came.
    init(_ eventLoop: any EventLoop, expired: @escaping () -> Void) {
        self.eventLoop = eventLoop
        self.expired = expired
    }

    func wait(_ time: TimeAmount) { wait(until: .now() + time) }

    func wait(until moment: NIODeadline) {
        due = moment
        if moment < nextLook { schedule() }
    }

    /// Nothing need happen for now.
    func pause() { due = .distantFuture }

    /// Nothing will happen any more.
    func cancel() {
        task?.cancel()
        task = nil
        (due, nextLook) = (.distantFuture, .distantFuture)
    }

    private func schedule() {
        task?.cancel()
        nextLook = due
        task = eventLoop.assumeIsolated().scheduleTask(deadline: due) { [weak self] in self?.look() }
    }

    private func look() {
        task = nil
        nextLook = .distantFuture
        guard due != .distantFuture else { return }
        if due <= .now() { expired() } else { schedule() }
    }
}
