import HummingbirdCore
import Logging
import NIOCore
import Synchronization

/// One life of a listener, from binding to its port until nobody is connected any more.
final class HTTPServerRun: Sendable {
    /// With the port that it got.
    let address: StreamAddress
    private let connections: HTTPConnections
    private let eventLoop: any EventLoop
    private let executor: EventLoopTaskExecutor
    private let shutdown: @Sendable () async throws -> Void

    /// What there is to say is in answers and events.
    static let silence = Logger(label: "http", factory: { _ in SwiftLogNoOpLogHandler() })

    /// Binds and begins to accept. Waits for the event loop.
    ///
    /// - Throws: why it could not bind.
    init<Channel: ServerChildChannel>(
        _ channel: Channel, _ configuration: ServerConfiguration, _ connections: HTTPConnections, on eventLoop: any EventLoop,
        _ executor: EventLoopTaskExecutor
    ) throws {
        let bound = eventLoop.makePromise(of: StreamAddress?.self)
        let server = Server(
            childChannelSetup: channel, configuration: configuration,
            onServerRunning: { bound.succeed(StreamAddress($0.localAddress)) }, eventLoopGroup: eventLoop, logger: Self.silence)
        Task(executorPreference: executor) {
            do {
                try await server.run()
                // It ran, and told its address long ago.
                bound.fail(ChannelError.alreadyClosed)
            } catch { bound.fail(error) }
        }
        guard let address = try bound.futureResult.wait() else { throw ChannelError.unknownLocalAddress }
        self.address = address
        self.connections = connections
        self.eventLoop = eventLoop
        self.executor = executor
        shutdown = { try await server.shutdownGracefully() }
    }

    /// Closes everything without waiting for it.
    func abandon() {
        connections.closeAll()
        let shutdown = shutdown
        // Fails only for a listener that is closed already.
        Task(executorPreference: executor) { try? await shutdown() }
    }

    /// Accepts nobody any more, and closes connections: idle ones at once, the others with their answer or after the time.
    /// Waits until all are closed.
    func close(after grace: Duration) {
        let done = eventLoop.makePromise(of: Void.self)
        let (shutdown, connections) = (shutdown, connections)
        if grace == .zero { connections.closeAll() }
        let timer = eventLoop.scheduleTask(in: TimeAmount(grace)) { connections.closeAll() }
        Task(executorPreference: executor) {
            // Fails only for a listener that is closed already.
            try? await shutdown()
            timer.cancel()
            done.succeed()
        }
        try? done.futureResult.wait()
    }
}

/// Runs tasks on an event loop, so that requests are read, answered and written without a change of threads.
final class EventLoopTaskExecutor: TaskExecutor {
    private let eventLoop: any EventLoop

    init(_ eventLoop: any EventLoop) { self.eventLoop = eventLoop }

    func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        eventLoop.execute { unsafe job.runSynchronously(on: self.asUnownedTaskExecutor()) }
    }
}

/// The connections that a listener has accepted and that are still open.
final class HTTPConnections: Sendable {
    private struct State {
        var channels: [ObjectIdentifier: any Channel] = [:]
        var isClosed = false
    }

    private let state = Mutex(State())

    fileprivate func add(_ channel: any Channel) {
        let isLate = state.withLock { state in
            state.channels[ObjectIdentifier(channel)] = channel
            return state.isClosed
        }
        if isLate { channel.close(promise: nil) }
    }

    fileprivate func remove(_ channel: any Channel) { state.withLock { $0.channels[ObjectIdentifier(channel)] = nil } }

    /// Closes all, and every one that is added later.
    func closeAll() {
        let channels = state.withLock { state in
            state.isClosed = true
            return state.channels
        }
        for channel in channels.values { channel.close(promise: nil) }
    }
}

/// Enters a connection into the list for as long as it is open.
final class HTTPConnectionEntry: ChannelInboundHandler, RemovableChannelHandler {
    typealias InboundIn = Never

    private let connections: HTTPConnections

    init(_ connections: HTTPConnections) { self.connections = connections }

    func handlerAdded(context: ChannelHandlerContext) { connections.add(context.channel) }
    func handlerRemoved(context: ChannelHandlerContext) { connections.remove(context.channel) }

    func channelInactive(context: ChannelHandlerContext) {
        connections.remove(context.channel)
        context.fireChannelInactive()
    }
}
