import NIOCore
import NIOWebSocket

/// Bytes out of and into binary frames (RFC 6455 §5). Frames are no borders for MQTT [MQTT-6.0.0-2], so the parts of a
/// fragmented message are handed on as they come.
final class WebSocketFrames: ChannelDuplexHandler {
    typealias InboundIn = WebSocketFrame
    typealias InboundOut = ByteBuffer
    typealias OutboundIn = ByteBuffer
    typealias OutboundOut = WebSocketFrame

    /// Between the first part of a message and its last.
    private var isFragmented = false
    private var isClosing = false

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        let frame = Self.unwrapInboundIn(data)
        guard !isClosing else { return }
        // A client masks every frame, and no extension is agreed on (§5.1, §5.2).
        guard frame.maskKey != nil, !frame.rsv1, !frame.rsv2, !frame.rsv3 else { return end(context, .protocolError) }
        switch frame.opcode {
        case .binary where !isFragmented, .continuation where isFragmented:
            isFragmented = !frame.fin
            let bytes = frame.unmaskedData
            if bytes.readableBytes > 0 { context.fireChannelRead(Self.wrapInboundOut(bytes)) }
        case .ping:
            // A pong carries what the ping carried (§5.5.3).
            context.writeAndFlush(Self.wrapOutboundOut(WebSocketFrame(fin: true, opcode: .pong, data: frame.unmaskedData)), promise: nil)
        case .pong: break
        case .connectionClose: answerClose(context, frame.unmaskedData)
        case .text: end(context, .unacceptableData)  // [MQTT-6.0.0-1]
        default: end(context, .protocolError)
        }
    }

    /// The close frame is answered with its own code (§5.5.1).
    private func answerClose(_ context: ChannelHandlerContext, _ data: ByteBuffer) {
        var data = data
        guard data.readableBytes > 0 else { return end(context, .normalClosure) }
        guard let code = data.readInteger(as: UInt16.self), isValid(code), data.readString(length: data.readableBytes) != nil else {
            return end(context, .protocolError)
        }
        end(context, WebSocketErrorCode(codeNumber: Int(code)))
    }

    /// Codes that may be sent (§7.4).
    private func isValid(_ code: UInt16) -> Bool { (1_000...1_003).contains(code) || (1_007...1_014).contains(code) || (3_000...4_999).contains(code) }

    private func end(_ context: ChannelHandlerContext, _ code: WebSocketErrorCode) {
        sendClose(context, code)
        context.close(promise: nil)
    }

    private func sendClose(_ context: ChannelHandlerContext, _ code: WebSocketErrorCode) {
        guard !isClosing else { return }
        isClosing = true
        var data = context.channel.allocator.buffer(capacity: 2)
        data.write(webSocketErrorCode: code)
        context.writeAndFlush(Self.wrapOutboundOut(WebSocketFrame(fin: true, opcode: .connectionClose, data: data)), promise: nil)
    }

    func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
        guard !isClosing else {
            promise?.fail(ChannelError.ioOnClosedChannel)
            return
        }
        context.write(Self.wrapOutboundOut(WebSocketFrame(fin: true, opcode: .binary, data: Self.unwrapOutboundIn(data))), promise: promise)
    }

    func close(context: ChannelHandlerContext, mode: CloseMode, promise: EventLoopPromise<Void>?) {
        if context.channel.isActive { sendClose(context, .normalClosure) }
        context.close(mode: mode, promise: promise)
    }
}
