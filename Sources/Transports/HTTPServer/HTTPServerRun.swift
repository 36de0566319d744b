import NIOCore
import NIOHTTP1
import NIOPosix
import NIOSSL

/// One life of a listener, from binding to its port until nobody is connected any more.
final class HTTPServerRun: Sendable {
    /// With the port that it got.
    let address: StreamAddress
    private let channel: any Channel
    private let connections: NIOLoopBound<HTTPConnections>
    private var eventLoop: any EventLoop { channel.eventLoop }

    private init(_ address: StreamAddress, _ channel: any Channel, _ connections: NIOLoopBound<HTTPConnections>) {
        self.address = address
        self.channel = channel
        self.connections = connections
    }

    /// Binds and begins to accept. Waits for the event loop.
    ///
    /// - Throws: why it could not bind.
    static func open(
        _ serving: HTTPServing, at address: SocketAddress, _ security: NIOSSLContext?, on eventLoop: any EventLoop
    ) throws -> HTTPServerRun {
        try eventLoop.flatSubmit {
            let connections = NIOLoopBound(HTTPConnections(), eventLoop: eventLoop)
            return bootstrap(serving, connections, security, on: eventLoop).bind(to: address).flatMapThrowing { channel in
                guard let address = StreamAddress(channel.localAddress) else { throw ChannelError.unknownLocalAddress }
                return HTTPServerRun(address, channel, connections)
            }
        }.wait()
    }

    private static func bootstrap(
        _ serving: HTTPServing, _ connections: NIOLoopBound<HTTPConnections>, _ security: NIOSSLContext?, on eventLoop: any EventLoop
    ) -> ServerBootstrap {
        ServerBootstrap(group: eventLoop)
            .serverChannelOption(.backlog, value: 1_024)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .serverChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(HTTPConnectionGate(serving.limits.connections))
                }
            }
            // A client that has said all may close its half before it is answered.
            .childChannelOption(.allowRemoteHalfClosure, value: true)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    let pipeline = channel.pipeline.syncOperations
                    if let security { try pipeline.addHandler(NIOSSLServerHandler(context: security)) }
                    try pipeline.addHandler(decoder(serving.limits))
                    try pipeline.addHandler(HTTPConnectionHandler(serving, connections.value, isBare: security == nil))
                }
            }
    }

    private static func decoder(_ limits: HTTPServerLimits) -> ByteToMessageHandler<HTTPRequestDecoder> {
        var configuration = NIOHTTPDecoderLimitConfiguration()
        configuration.maxHeaderFieldSize = limits.headerBytes
        configuration.maxHeaderListSize = limits.headerBytes
        configuration.maxHeaderFieldCount = limits.headerCount
        // A header and one read. Only an endless path is more, and what follows a change of protocols.
        return ByteToMessageHandler(HTTPRequestDecoder(limitConfiguration: configuration), maximumBufferSize: limits.headerBytes + 1 << 17)
    }

    /// Closes everything without waiting for it.
    func abandon() {
        eventLoop.execute { [channel, connections] in
            channel.close(promise: nil)
            connections.value.endAll()
        }
    }

    /// Accepts nobody any more, and closes connections: idle ones at once, the others with their answer or after the time.
    /// Waits until all are closed.
    func close(after grace: Duration) {
        // Fails only where the loop has ended, and all that was on it.
        try? eventLoop.flatSubmit { [self] in end(after: grace) }.wait()
    }

    private func end(after grace: Duration) -> EventLoopFuture<Void> {
        channel.close(promise: nil)
        let connections = connections.value
        guard grace > .zero else {
            connections.endAll()
            return connections.whenEmpty(on: eventLoop).and(channel.closeFuture).map { _ in }
        }
        connections.endAfterAnswers()
        let timer = eventLoop.assumeIsolated().scheduleTask(in: TimeAmount(grace)) { connections.endAll() }
        return connections.whenEmpty(on: eventLoop).and(channel.closeFuture).map { _ in timer.cancel() }
    }
}
