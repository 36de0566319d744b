import LabCore
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

    /// Ends the thread and all that lives on it. Must not be called on the loop's own thread.
    package func stop() {
        // Fails only for a group that is stopped already.
        try? group.syncShutdownGracefully()
    }
}
