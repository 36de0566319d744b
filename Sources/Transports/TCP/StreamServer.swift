package import LabCore
import NIOCore
import NIOPosix
import NIOSSL

/// Listens on any number of addresses and tells one handler about all connections.
///
/// `@unchecked Sendable`: everything that changes belongs to the event loop; calls from other threads go there first.
package final class StreamServer: @unchecked Sendable {
    private let eventLoop: any EventLoop
    private let handler: any StreamServerHandler
    private let handshakeTimeout: Duration
    private let watermarks: ChannelOptions.Types.WriteBufferWaterMark

    // Event loop only.
    private var channels: [any Channel] = []
    private var listenerCount = 0
    private var tails: [StreamTail?] = []
    private var uses: [UInt32] = []
    private var freeSlots: [Int] = []
    private var dirty: [StreamTail] = []
    /// Storage that is used again and again, so that a message costs no allocation here.
    private var output = ByteBuffer()
    private var input: [UInt8] = []

    /// - Parameters:
    ///   - handshakeTimeout: for the TLS handshake and the WebSocket upgrade, each.
    ///   - congestion: bytes that wait for one connection when it stops to be writable; at a quarter of it, it is again.
    package init(
        on loop: StreamLoop, handler: any StreamServerHandler, handshakeTimeout: Duration = .seconds(10), congestion: Int = 1 << 20
    ) {
        eventLoop = loop.eventLoop
        self.handler = handler
        self.handshakeTimeout = handshakeTimeout
        watermarks = .init(low: max(1, congestion / 4), high: max(1, congestion))
    }

    // MARK: Listening

    /// Opens a listener; may be called for several. Not on the event loop: it waits for it.
    ///
    /// - Returns: the address with the port that it got.
    /// - Throws: `.busy`, `.permissionDenied`, `.notFound` for the address, `.certificate` for what TLS needs.
    @discardableResult
    package func listen(_ listener: StreamListener) throws(StreamFailure) -> StreamAddress {
        let medium = "\(listener.scheme) \(listener.address)"
        do {
            let context = try listener.security.map { try NIOSSLContext(configuration: $0.configuration()) }
            let index = try eventLoop.submit {
                self.listenerCount += 1
                return self.listenerCount - 1
            }.wait()
            let bootstrap = ServerBootstrap(group: eventLoop)
                .serverChannelOption(.backlog, value: 4_096)
                .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
                .childChannelOption(.tcpOption(.tcp_nodelay), value: 1)
                .childChannelOption(.writeBufferWaterMark, value: watermarks)
                .childChannelOption(.recvAllocator, value: AdaptiveRecvByteBufferAllocator(minimum: 256, initial: 256, maximum: 65_536))
                .childChannelInitializer { channel in
                    channel.eventLoop.makeCompletedFuture { try self.prepare(channel, listener, index, context, medium) }
                }
            let address =
                try listener.address.numeric
                ?? SocketAddress.makeAddressResolvingHost(listener.address.host, port: listener.address.port)
            let channel = try bootstrap.bind(to: address).wait()
            try eventLoop.submit { self.channels.append(channel) }.wait()
            return StreamAddress(channel.localAddress) ?? listener.address
        } catch {
            throw StreamFailure(error, .listen, medium)
        }
    }

    private func prepare(
        _ channel: any Channel, _ listener: StreamListener, _ index: Int, _ context: NIOSSLContext?, _ medium: String
    ) throws {
        let pipeline = channel.pipeline.syncOperations
        if let context { try pipeline.addHandler(NIOSSLServerHandler(context: context)) }
        switch listener.framing {
        case .plain:
            let timeout = context == nil ? nil : handshakeTimeout
            try pipeline.addHandler(
                StreamTail(owner: self, medium: medium, listener: index, handshakeTimeout: timeout, isBare: context == nil))
        case .webSocket(let settings):
            let entrance = WebSocketEntrance(settings: settings, medium: medium, timeout: handshakeTimeout) { [unowned self] channel in
                try channel.pipeline.syncOperations.addHandler(StreamTail(owner: self, medium: medium, listener: index))
            } refused: { [unowned self] channel, failure in
                refuse(StreamAddress(channel.remoteAddress), failure)
            }
            try entrance.install(in: channel)
        }
    }

    /// Closes all connections and listeners. Nothing is told to the handler after it. Not on the event loop: it waits for it.
    package func stop() {
        let closing = try? eventLoop.submit {
            let listening = self.channels
            self.channels = []
            for tail in self.tails { tail?.close() }
            self.tails = []
            self.uses = []
            self.freeSlots = []
            return listening.map { $0.close() }
        }.wait()
        // Fails only for a listener that is closed already.
        for future in closing ?? [] { try? future.wait() }
    }

    // MARK: Connections

    package func send(_ connection: StreamID, _ bytes: [UInt8]) {
        guard eventLoop.inEventLoop else { return eventLoop.execute { self.send(connection, bytes) } }
        guard !bytes.isEmpty, let tail = tail(connection) else { return }
        if !tail.hasPending {
            if dirty.isEmpty { eventLoop.execute { self.flushAll() } }
            dirty.append(tail)
        }
        tail.append(bytes)
    }

    /// Closes a connection after what was sent has been handed to the kernel as far as it takes it now.
    package func close(_ connection: StreamID) {
        guard eventLoop.inEventLoop else { return eventLoop.execute { self.close(connection) } }
        guard let tail = tail(connection) else { return }
        release(tail)
        tail.leave()
    }

    package func pauseReading(_ connection: StreamID) { setReading(connection, false) }
    package func resumeReading(_ connection: StreamID) { setReading(connection, true) }

    private func setReading(_ connection: StreamID, _ isReading: Bool) {
        guard eventLoop.inEventLoop else { return eventLoop.execute { self.setReading(connection, isReading) } }
        tail(connection)?.setReading(isReading)
    }

    /// Open connections; on the event loop only.
    package var connectionCount: Int { tails.count - freeSlots.count }

    // MARK: Slots

    private func tail(_ connection: StreamID) -> StreamTail? {
        let slot = Int(truncatingIfNeeded: connection.rawValue & 0xFFFF_FFFF)
        guard slot < tails.count, let tail = tails[slot], tail.id == connection else { return nil }
        return tail
    }

    /// The number says the slot and how often that was used, so that it is never given twice.
    private func enlist(_ tail: StreamTail) {
        let slot: Int
        if let free = freeSlots.popLast() {
            slot = free
        } else {
            slot = tails.count
            tails.append(nil)
            uses.append(0)
        }
        uses[slot] += 1
        tail.id = StreamID(rawValue: UInt64(uses[slot]) << 32 | UInt64(slot))
        tails[slot] = tail
    }

    private func release(_ tail: StreamTail) {
        let slot = Int(truncatingIfNeeded: tail.id.rawValue & 0xFFFF_FFFF)
        guard slot < tails.count, tails[slot] === tail else { return }
        tails[slot] = nil
        freeSlots.append(slot)
    }

    // MARK: Writing

    /// What is sent in one turn of the loop, whoever caused it, is one write for each connection.
    private func flushAll() {
        // A write can fail at once, and the handler can send because of it: that is for the next turn.
        var turn: [StreamTail] = []
        var buffer = ByteBuffer()
        swap(&turn, &dirty)
        swap(&buffer, &output)
        for tail in turn { tail.flush(through: &buffer) }
        turn.removeAll(keepingCapacity: true)
        if dirty.isEmpty { swap(&turn, &dirty) }
        if buffer.capacity <= Self.keptBytes { swap(&buffer, &output) }
    }

    /// What one large message took is not kept.
    private static let keptBytes = 1 << 18
    /// Reads up to this size share storage; larger ones get an array that fits.
    private static let smallBytes = 512

    private func refuse(_ peer: StreamAddress?, _ failure: StreamFailure) { handler.refused(peer ?? StreamAddress("", 0), failure) }
}

extension StreamServer: StreamTailOwner {
    func opened(_ tail: StreamTail) {
        enlist(tail)
        let subject = tail.peerCertificate.flatMap { CertificateText.subject($0) }
        handler.opened(
            tail.id, StreamPeer(address: tail.peer ?? StreamAddress("", 0), listener: tail.listener, certificateSubject: subject))
    }

    func received(_ tail: StreamTail, _ buffer: ByteBuffer) {
        guard buffer.readableBytes <= Self.smallBytes else { return handler.received(tail.id, [UInt8](buffer.readableBytesView)) }
        var bytes: [UInt8] = []
        swap(&bytes, &input)
        bytes.removeAll(keepingCapacity: true)
        bytes.append(contentsOf: buffer.readableBytesView)
        handler.received(tail.id, bytes)
        // A handler that keeps the bytes keeps this storage, and the next read gets its own.
        swap(&bytes, &input)
    }

    func writabilityChanged(_ tail: StreamTail, _ isWritable: Bool) { handler.writabilityChanged(tail.id, isWritable) }

    func closed(_ tail: StreamTail, _ failure: StreamFailure) {
        guard tail.isOpen else { return refuse(tail.peer, failure) }
        release(tail)
        handler.closed(tail.id, failure)
    }
}
