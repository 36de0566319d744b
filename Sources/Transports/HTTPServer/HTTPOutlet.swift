import Glibc
import NIOCore

/// The way of bytes to a client.
///
/// Without TLS they go to the kernel past the channel, so that a small answer costs little more than its system call. What the kernel does not
/// take, and its errors, are left to the channel.
///
/// Everything here happens on the event loop.
final class HTTPOutlet {
    private let context: ChannelHandlerContext
    /// The descriptor of a connection without TLS. Nobody may write to it when the channel has closed it, since its number may then be another's.
    private var socket: NIOBSDSocket.Handle?
    /// Writes that the channel has not finished: what follows has to wait behind them.
    private var waitingWrites = 0

    /// - Parameter isBare: no other handler changes the bytes.
    init(_ context: ChannelHandlerContext, isBare: Bool) {
        self.context = context
        if isBare { socket = (try? context.pipeline.syncOperations.withUnsafeTransportIfAvailable { $0 }) ?? nil }
    }

    /// Gives the kernel what it takes now, and takes it from the buffer.
    ///
    /// - Returns: whether that was all.
    func hand(_ buffer: inout ByteBuffer) -> Bool {
        guard let socket, waitingWrites == 0 else { return false }
        let taken = unsafe buffer.withUnsafeReadableBytes { unsafe Glibc.send(socket, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL)) }
        if taken > 0 { buffer.moveReaderIndex(forwardBy: taken) }
        return buffer.readableBytes == 0
    }

    /// Leaves bytes to the channel.
    ///
    /// - Parameter done: called with whether the kernel has taken them; perhaps before this returns.
    func write(_ buffer: ByteBuffer, done: @escaping (_ isTaken: Bool) -> Void) {
        waitingWrites += 1
        context.writeAndFlush(NIOAny(buffer)).assumeIsolated().whenComplete { result in
            self.waitingWrites -= 1
            if case .success = result { done(true) } else { done(false) }
        }
    }
}
