import Glibc
import LabCore
import NIOCore
import NIOSSL
import NIOTLS
import Synchronization

/// Whom a connection's end tells what happens, on the event loop.
protocol StreamTailOwner: AnyObject {
    /// Ready for bytes: connected, and past the TLS handshake and the WebSocket upgrade.
    func opened(_ tail: StreamTail)
    func received(_ tail: StreamTail, _ buffer: ByteBuffer)
    func writabilityChanged(_ tail: StreamTail, _ isWritable: Bool)
    /// Once, whether it was open or not; not after `close()`.
    func closed(_ tail: StreamTail, _ failure: StreamFailure)
}

/// The last handler of a connection's pipeline: bytes in, bytes out, one end.
///
/// Everything here happens on the event loop.
final class StreamTail: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    private let owner: any StreamTailOwner
    private let medium: String
    /// What must happen before the connection is open, and for how long it is waited for. Nil: nothing.
    private let handshakeTimeout: Duration?
    /// Why the certificate was refused, where the lab has verified it itself.
    private let finding: VerificationFinding?
    private var context: ChannelHandlerContext?
    private var handshakeTimer: Scheduled<Void>?
    private var failure: StreamFailure?
    private(set) var isOpen = false
    private var isClosed = false
    /// What was sent in this turn of the loop.
    private var pending: [UInt8] = []
    var hasPending: Bool { !pending.isEmpty }
    /// Bytes go to the kernel as they are: no other handler changes them.
    private let isBare: Bool
    /// The descriptor of a bare connection; nil as soon as the channel has closed it, since its number may then be another's.
    private var socket: NIOBSDSocket.Handle?
    /// Writes of a bare connection that the channel has not finished: what follows has to wait behind them.
    private var waitingWrites = 0
    /// The owner's number for it.
    var id = StreamID(rawValue: 0)
    let listener: Int

    /// - Parameter isBare: it is the only handler of its channel.
    init(
        owner: any StreamTailOwner, medium: String, listener: Int = 0, handshakeTimeout: Duration? = nil,
        finding: VerificationFinding? = nil,
        isBare: Bool = false
    ) {
        self.owner = owner
        self.medium = medium
        self.listener = listener
        self.handshakeTimeout = handshakeTimeout
        self.finding = finding
        self.isBare = isBare
    }

    // MARK: Coming and going

    func handlerAdded(context: ChannelHandlerContext) {
        self.context = context
        if context.channel.isActive { connected(context) }
    }

    func channelActive(context: ChannelHandlerContext) { connected(context) }

    private func connected(_ context: ChannelHandlerContext) {
        guard !isOpen, handshakeTimer == nil, !isClosed else { return }
        guard let handshakeTimeout else { return open() }
        handshakeTimer = context.eventLoop.assumeIsolated().scheduleTask(in: .nanoseconds(handshakeTimeout.nanoseconds)) { [weak self] in
            self?.handshakeTimedOut()
        }
    }

    private func open() {
        isOpen = true
        if isBare { socket = (try? context?.pipeline.syncOperations.withUnsafeTransportIfAvailable { $0 }) ?? nil }
        owner.opened(self)
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        guard case TLSUserEvent.handshakeCompleted? = event as? TLSUserEvent, !isOpen, !isClosed else { return }
        handshakeTimer?.cancel()
        handshakeTimer = nil
        open()
    }

    private func handshakeTimedOut() {
        guard !isOpen, !isClosed else { return }
        failure = StreamFailure(
            .timedOut, medium, "the TLS handshake did not end in time", remedy: "check whether the other side speaks TLS on this port")
        context?.close(promise: nil)
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        // The first error is the cause of those that follow it.
        if failure == nil { failure = finding?.value.withLock { $0 } ?? StreamFailure(error, .transfer, medium) }
        context.close(promise: nil)
    }

    func channelInactive(context: ChannelHandlerContext) {
        handshakeTimer?.cancel()
        handshakeTimer = nil
        self.context = nil
        socket = nil
        guard !isClosed else { return }
        isClosed = true
        owner.closed(self, failure ?? ending)
    }

    private var ending: StreamFailure {
        isOpen || handshakeTimeout == nil
            ? StreamFailure(.ended, medium, "the other side closed the connection")
            : StreamFailure(
                .malformed, medium, "the other side closed during the TLS handshake", remedy: "check whether the port is the one for TLS")
    }

    /// Closes it after what was sent has been handed to the kernel as far as it takes it now; the owner hears no more.
    func close() {
        guard !isClosed else { return }
        flush()
        isClosed = true
        context?.close(promise: nil)
    }

    /// How long a connection that was left waits for the other side to close it too.
    private static let farewell = TimeAmount.seconds(1)

    /// Closes it as `close()` does, but in a way that lets the other side read what was sent last: bytes that arrive at a
    /// closed socket are answered with a reset, and after that the other side's next write fails before it has read on.
    func leave() {
        guard !isClosed else { return }
        flush()
        isClosed = true
        guard let context else { return }
        context.close(mode: .output, promise: nil)
        // What still arrives is thrown away; it has to be read for the end of the stream to be seen.
        try? context.channel.syncOptions?.setOption(.autoRead, value: true)
        context.eventLoop.assumeIsolated().scheduleTask(in: Self.farewell) { [weak self] in self?.context?.close(promise: nil) }
    }

    // MARK: Bytes

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        if !isClosed { owner.received(self, Self.unwrapInboundIn(data)) }
    }

    func channelWritabilityChanged(context: ChannelHandlerContext) {
        if isOpen, !isClosed { owner.writabilityChanged(self, context.channel.isWritable) }
        context.fireChannelWritabilityChanged()
    }

    /// Takes bytes for the next `flush`. The first array is kept as it is, so that one send costs no copy here.
    func append(_ bytes: [UInt8]) {
        if pending.isEmpty { pending = bytes } else { pending.append(contentsOf: bytes) }
    }

    /// Writes what was sent.
    func flush() {
        var buffer = ByteBuffer()
        flush(through: &buffer)
    }

    /// Writes what was sent, through a buffer that many connections share.
    func flush(through buffer: inout ByteBuffer) {
        // Whoever hears of the write may send again.
        var bytes: [UInt8] = []
        swap(&bytes, &pending)
        guard !isClosed, !bytes.isEmpty, let context else { return }
        let taken = handToKernel(bytes)
        if taken == bytes.count { return }
        // Takes its storage again if the connection before has handed all of it to the kernel.
        buffer.clear()
        buffer.writeBytes(bytes[taken...])
        guard socket != nil else { return context.writeAndFlush(Self.wrapOutboundOut(buffer), promise: nil) }
        waitingWrites += 1
        context.writeAndFlush(Self.wrapOutboundOut(buffer)).assumeIsolated().whenComplete { _ in self.waitingWrites -= 1 }
    }

    /// The way past the channel, on which a small message costs little more than its system call. What the kernel does not take, and its
    /// errors, are left to the channel.
    ///
    /// - Returns: how many bytes it took.
    private func handToKernel(_ bytes: [UInt8]) -> Int {
        guard let socket, waitingWrites == 0 else { return 0 }
        return max(0, unsafe bytes.withUnsafeBytes { unsafe send(socket, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL)) })
    }

    func setReading(_ isReading: Bool) {
        guard let context, !isClosed else { return }
        // Fails only for a channel that is closed, where it does not matter.
        try? context.channel.syncOptions?.setOption(.autoRead, value: isReading)
    }

    var peer: StreamAddress? { StreamAddress(context?.channel.remoteAddress) }

    /// The verified certificate that the other side showed.
    var peerCertificate: NIOSSLCertificate? {
        guard let context else { return nil }
        return (try? context.pipeline.syncOperations.handler(type: NIOSSLServerHandler.self))?.peerCertificate
    }
}

/// Where the verification of a certificate leaves its reason for the handler that will see only that it failed.
final class VerificationFinding: Sendable {
    let value = Mutex<StreamFailure?>(nil)
}
