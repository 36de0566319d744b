import LabCore
import NIOCore
import NIOHTTP1
import NIOWebSocket

/// Turns a connection into a WebSocket, or refuses it (RFC 6455 §4.2).
struct WebSocketEntrance: Sendable {
    let settings: WebSocketSettings
    let medium: String
    let timeout: Duration
    /// Adds what takes the bytes.
    let accepted: @Sendable (any Channel) throws -> Void
    let refused: @Sendable (any Channel, StreamFailure) -> Void

    func install(in channel: any Channel) throws {
        let upgrader = NIOWebSocketServerUpgrader(
            maxFrameSize: settings.maximumFrameSize,
            shouldUpgrade: { channel, head in channel.eventLoop.makeSucceededFuture(headers(for: head)) },
            upgradePipelineHandler: { channel, _ in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(WebSocketFrames())
                    try accepted(channel)
                }
            })
        let doorman = WebSocketDoorman(entrance: self)
        let bound = NIOLoopBound(doorman, eventLoop: channel.eventLoop)
        try channel.pipeline.syncOperations.configureHTTPServerPipeline(
            withServerUpgrade: (
                upgraders: [upgrader],
                completionHandler: { context in context.pipeline.syncOperations.removeHandler(bound.value, promise: nil) }
            ))
        try channel.pipeline.syncOperations.addHandler(doorman)
    }

    /// Whether a client offers what it must; nil if not.
    private func headers(for head: HTTPRequestHead) -> HTTPHeaders? {
        let path = head.uri.prefix { $0 != "?" }
        if let wanted = settings.path, path != wanted { return nil }
        let offered = head.headers[canonicalForm: "Sec-WebSocket-Protocol"]
        guard offered.contains(where: { $0.lowercased() == settings.subprotocol.lowercased() }) else { return nil }
        return ["Sec-WebSocket-Protocol": settings.subprotocol]
    }
}

/// Answers whoever does not become a WebSocket, and waits no longer than it must for those who might.
private final class WebSocketDoorman: ChannelInboundHandler, RemovableChannelHandler {
    typealias InboundIn = HTTPServerRequestPart
    typealias OutboundOut = HTTPServerResponsePart

    private let entrance: WebSocketEntrance
    private var timer: Scheduled<Void>?
    private var isAnswered = false

    init(entrance: WebSocketEntrance) { self.entrance = entrance }

    func handlerAdded(context: ChannelHandlerContext) {
        let bound = NIOLoopBound(context, eventLoop: context.eventLoop)
        timer = context.eventLoop.assumeIsolated().scheduleTask(in: .nanoseconds(entrance.timeout.nanoseconds)) { [weak self] in
            self?.refuse(bound.value, StreamFailure(.timedOut, self?.entrance.medium ?? "", "no WebSocket request came in time"))
        }
    }

    func handlerRemoved(context: ChannelHandlerContext) { timer?.cancel() }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        guard case .head(let head) = Self.unwrapInboundIn(data), !isAnswered else { return }
        isAnswered = true
        let wanted = entrance.settings
        let isUpgrade = head.headers[canonicalForm: "Upgrade"].contains { $0.lowercased() == "websocket" }
        let text =
            isUpgrade
            ? "WebSocket with the sub-protocol \(wanted.subprotocol)\(wanted.path.map { " at \($0)" } ?? "") only\n"
            : "This is a WebSocket with the sub-protocol \(wanted.subprotocol)\n"
        var headers: HTTPHeaders = ["Connection": "close", "Content-Type": "text/plain", "Content-Length": "\(text.utf8.count)"]
        if !isUpgrade { headers.add(name: "Upgrade", value: "websocket") }
        let answer = HTTPResponseHead(version: .http1_1, status: isUpgrade ? .badRequest : .upgradeRequired, headers: headers)
        context.write(Self.wrapOutboundOut(.head(answer)), promise: nil)
        context.write(Self.wrapOutboundOut(.body(.byteBuffer(context.channel.allocator.buffer(string: text)))), promise: nil)
        context.writeAndFlush(Self.wrapOutboundOut(.end(nil)), promise: nil)
        refuse(
            context,
            StreamFailure(.malformed, entrance.medium, "\(head.method) \(head.uri) is no WebSocket with the sub-protocol \(wanted.subprotocol)"))
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        // The request itself follows, and is answered.
        if error is NIOWebSocketUpgradeError { return }
        refuse(context, StreamFailure(error, .transfer, entrance.medium))
    }

    private func refuse(_ context: ChannelHandlerContext, _ failure: StreamFailure) {
        entrance.refused(context.channel, failure)
        context.close(promise: nil)
    }
}
