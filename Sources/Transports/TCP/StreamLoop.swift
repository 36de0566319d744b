package import LabCore
package import NIOCore
import NIOPosix

/// The thread on which the sockets of a run live: servers, clients and proxies share one.
///
/// The thread ends with `stop()`, or some time after the last reference to the loop is gone.
package final class StreamLoop: Loop {
    private let group: MultiThreadedEventLoopGroup
    package let eventLoop: any EventLoop

    package init() {
        group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
        eventLoop = group.next()
    }

    deinit { group.shutdownGracefully { _ in } }

    package func post(_ action: @escaping @Sendable () -> Void) { eventLoop.execute(action) }

    /// Calls the action on the loop's thread and waits for it. Must not be called on that thread.
    ///
    /// - Returns: nil when the loop has been stopped.
    @discardableResult
    package func run<Result: Sendable>(_ action: @escaping @Sendable () -> Result) -> Result? { try? eventLoop.submit(action).wait() }

    /// Calls the action on the loop's thread after the time; to be called on that thread.
    package func schedule(after time: Duration, _ action: @escaping () -> Void) -> StreamTimer {
        StreamTimer(eventLoop.assumeIsolated().scheduleTask(in: .nanoseconds(max(0, time.nanoseconds)), action))
    }

    /// The machine's monotonic clock, counted from now.
    package static func clock() -> @Sendable () -> RunInstant {
        let start = NIODeadline.now()
        return { RunInstant(nanoseconds: (NIODeadline.now() - start).nanoseconds) }
    }

    /// Ends the thread and all that lives on it. Must not be called on the loop's own thread.
    package func stop() {
        // Fails only for a group that is stopped already.
        try? group.syncShutdownGracefully()
    }
}

/// Something that is to happen on a `StreamLoop`.
package struct StreamTimer: Sendable {
    private let scheduled: Scheduled<Void>

    fileprivate init(_ scheduled: Scheduled<Void>) { self.scheduled = scheduled }

    /// Does nothing if it has happened.
    package func cancel() { scheduled.cancel() }
}
