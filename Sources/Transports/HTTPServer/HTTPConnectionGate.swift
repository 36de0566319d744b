import NIOCore

/// Accepts connections while fewer than the most are open; further ones wait in the kernel until others end.
///
/// Everything here happens on the event loop.
final class HTTPConnectionGate: ChannelDuplexHandler {
    typealias InboundIn = any Channel
    typealias InboundOut = any Channel
    typealias OutboundIn = Never

    private let most: Int
    private var count = 0
    private var context: ChannelHandlerContext?
    private var isFull = false
    /// How many the listening channel accepts in one turn; 0 before the first.
    private var burst = 0
    private static let largestBurst = 16

    init(_ most: Int) { self.most = most }

    func handlerAdded(context: ChannelHandlerContext) { self.context = context }
    func handlerRemoved(context: ChannelHandlerContext) { self.context = nil }

    func read(context: ChannelHandlerContext) {
        guard count < most else {
            isFull = true
            return
        }
        let room = min(Self.largestBurst, most - count)
        if room != burst {
            burst = room
            // Fails only for a channel that is closed, where it does not matter.
            try? context.channel.syncOptions?.setOption(.maxMessagesPerRead, value: UInt(room))
        }
        context.read()
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        count += 1
        // It knows of those as well that fail before they have a handler.
        Self.unwrapInboundIn(data).closeFuture.assumeIsolated().whenComplete { _ in self.left() }
        context.fireChannelRead(data)
    }

    private func left() {
        count -= 1
        guard isFull, let context else { return }
        isFull = false
        read(context: context)
    }
}
