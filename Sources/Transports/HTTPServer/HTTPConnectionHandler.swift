import LabCore
import NIOCore
import NIOHTTP1

/// One connection: takes requests, has them answered one after the other, and writes the answers.
///
/// Everything here happens on the event loop.
final class HTTPConnectionHandler: ChannelDuplexHandler {
    typealias InboundIn = HTTPServerRequestPart
    typealias OutboundIn = Never

    private enum Phase {
        /// For the head of the next request.
        case waiting
        /// The body of a request.
        case receiving
        /// A request is with whoever answers it.
        case answering
        /// The kernel has not taken all of an answer.
        case sending
        /// The last answer is through. What the client still sends is thrown away until it closes too: closing over it would take
        /// the answer away from the client (RFC 9112 §9.6).
        case leaving
        case ended
    }

    /// What came while a request was being answered.
    private enum Arrival {
        case part(HTTPServerRequestPart)
        case malformed
    }

    private let serving: HTTPServing
    private let connections: HTTPConnections
    private let isBare: Bool
    private var context: ChannelHandlerContext?
    private var outlet: HTTPOutlet?
    private var timer: HTTPConnectionTimer?
    private var phase = Phase.waiting
    private lazy var peer = context?.channel.remoteAddress?.ipAddress ?? "unknown"

    // The request that is being received or answered.
    private var call = HTTPCall("", "")
    private var isToHead = false
    private var mostBytes = 0
    /// By when its body must be there; `nil` until it is known that it did not come with the head.
    private var receivingEnd: NIODeadline?
    /// It is counted among the large bodies.
    private var isLarge = false
    /// The connection ends with its answer.
    private var isLast = false
    /// Tells its answer from one that comes twice.
    private var number = 0

    private var arrivals = CircularBuffer<Arrival>(initialCapacity: 1)
    private var isTakingArrivals = false
    private var isReadHeld = false
    /// The client has closed its half.
    private var hasInputEnded = false
    /// The connection ends when nothing is to be answered.
    private var isUnwanted = false
    private var lingeringBytes = 0

    /// - Parameter isBare: there is no TLS.
    init(_ serving: HTTPServing, _ connections: HTTPConnections, isBare: Bool) {
        self.serving = serving
        self.connections = connections
        self.isBare = isBare
    }

    // MARK: Coming and going

    func handlerAdded(context: ChannelHandlerContext) {
        self.context = context
        timer = HTTPConnectionTimer(context.eventLoop) { [weak self] in self?.end() }
        timer?.wait(serving.idleTime)
        connections.add(self)
    }

    func channelInactive(context: ChannelHandlerContext) { forget() }

    func handlerRemoved(context: ChannelHandlerContext) {
        forget()
        self.context = nil
    }

    /// Closes it at once, without an answer to what is under way.
    func end() {
        guard phase != .ended else { return }
        letGo()
        context?.close(promise: nil)
    }

    /// Closes it at once where no request is under way, and with the last answer where there is one.
    func endAfterAnswers() {
        isUnwanted = true
        if phase == .waiting { end() }
    }

    private func letGo() {
        phase = .ended
        timer?.cancel()
        timer = nil
        outlet = nil
        arrivals.removeAll()
        leaveRequest()
    }

    private func forget() {
        letGo()
        connections.remove(self)
    }

    private func leaveRequest() {
        call = HTTPCall("", "")
        if isLarge { serving.largeBodies.leave() }
        isLarge = false
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        guard let event = event as? ChannelEvent, event == .inputClosed else { return context.fireUserInboundEventTriggered(event) }
        hasInputEnded = true
        switch phase {
        case .waiting, .receiving, .leaving: end()
        case .answering, .sending, .ended: break
        }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        switch error {
        case is HTTPParserError, is ByteToMessageDecoderError.PayloadTooLargeError:
            switch phase {
            // Where the connection is gone, the rest of a request was no end of it.
            case .waiting where context.channel.isActive, .receiving where context.channel.isActive: take(.malformed)
            case .answering, .sending: if !isLast { arrivals.append(.malformed) }
            case .leaving: break
            case .waiting, .receiving, .ended: end()
            }
        // What comes after something malformed.
        case is ByteToMessageDecoderError: break
        default: end()
        }
    }

    // MARK: Receiving

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        let part = Self.unwrapInboundIn(data)
        switch phase {
        case .waiting, .receiving: take(.part(part))
        case .answering, .sending: if isLast { throwAway(part) } else { arrivals.append(.part(part)) }
        case .leaving: throwAway(part)
        case .ended: break
        }
    }

    func channelReadComplete(context: ChannelHandlerContext) { limitReceiving() }

    /// Nothing is read while requests wait for their turn; otherwise a client could fill the memory with them. As long as none waits, reading
    /// goes on, since to stop it and to begin again are two system calls.
    func read(context: ChannelHandlerContext) {
        if arrivals.isEmpty { context.read() } else { isReadHeld = true }
    }

    private func take(_ arrival: Arrival) {
        switch arrival {
        case .part(.head(let head)): begin(HTTPRequestOpening(head))
        case .part(.body(let bytes)): append(bytes)
        case .part(.end): ask()
        case .malformed: refuse(.malformed)
        }
    }

    private func takeArrivals() {
        guard !isTakingArrivals else { return }
        isTakingArrivals = true
        while phase == .waiting || phase == .receiving, let arrival = arrivals.popFirst() { take(arrival) }
        isTakingArrivals = false
        if phase == .waiting, hasInputEnded || isUnwanted { leave() }
        limitReceiving()
        if isReadHeld, arrivals.isEmpty {
            isReadHeld = false
            context?.read()
        }
    }

    private func begin(_ opening: HTTPRequestOpening) {
        phase = .receiving
        receivingEnd = nil
        call = opening.call
        isToHead = call.method == "HEAD"
        isLast = opening.isLast
        mostBytes = serving.limits.bodyBytes(of: call.method, call.path, hasToken: opening.hasToken)
        if let length = opening.contentLength, length > mostBytes { return refuse(.tooLarge(mostBytes)) }
        if opening.isWaiting { sendContinue() }
    }

    private func append(_ bytes: ByteBuffer) {
        let size = call.body.count + bytes.readableBytes
        guard size <= mostBytes else { return refuse(.tooLarge(mostBytes)) }
        if !isLarge, size > serving.limits.bodyBytes {
            isLarge = serving.largeBodies.enter(atMost: serving.limits.largeBodies)
            guard isLarge else { return refuse(.tooMany) }
        }
        if call.body.isEmpty { call.body = Array(buffer: bytes) } else { call.body.append(contentsOf: bytes.readableBytesView) }
    }

    /// Called once for each read, not for each part: a request that comes in one piece needs no limit.
    private func limitReceiving() {
        guard phase == .receiving else { return }
        let now = NIODeadline.now()
        let end = receivingEnd ?? now + serving.receivingTime(mostBytes)
        receivingEnd = end
        timer?.wait(until: min(end, now + serving.idleTime))
    }

    private func throwAway(_ part: HTTPServerRequestPart) {
        guard case .body(let bytes) = part else { return }
        lingeringBytes += bytes.readableBytes
        if lingeringBytes > serving.lingerBytes { end() }
    }

    // MARK: Answering

    private func ask() {
        guard let context else { return }
        phase = .answering
        timer?.pause()
        number += 1
        var call = HTTPCall("", "")
        swap(&call, &self.call)
        let eventLoop = context.eventLoop
        let this = NIOLoopBound(self, eventLoop: eventLoop)
        serving.respond(call, peer) { [number] result in
            guard eventLoop.inEventLoop else { return eventLoop.execute { this.value.answered(number, result) } }
            this.value.answered(number, result)
        }
    }

    private func answered(_ number: Int, _ result: Result<HTTPAnswer, HTTPFailure>) {
        guard phase == .answering, number == self.number else { return }
        switch result {
        case .success(let answer): send(answer)
        case .failure: end()
        }
    }

    private func refuse(_ refusal: HTTPRefusal) {
        isLast = true
        send(refusal.answer)
    }

    private func send(_ answer: HTTPAnswer) {
        guard let outlet = openOutlet() else { return end() }
        var buffer = connections.takeBuffer()
        buffer.writeAnswer(answer, isToHead: isToHead)
        if outlet.hand(&buffer) {
            connections.giveBack(&buffer)
            return sent()
        }
        phase = .sending
        timer?.wait(serving.sendingTime(answer.body.count))
        outlet.write(buffer) { [self] isTaken in
            guard phase == .sending else { return }
            if isTaken { sent() } else { end() }
        }
    }

    private func sent() {
        leaveRequest()
        if isLast { return leave() }
        phase = .waiting
        timer?.wait(serving.idleTime)
        takeArrivals()
    }

    private func sendContinue() {
        var buffer = ByteBuffer(staticString: "HTTP/1.1 100 Continue\r\n\r\n")
        guard let outlet = openOutlet(), !outlet.hand(&buffer) else { return }
        outlet.write(buffer) { _ in }
    }

    /// Closes this half, and the whole as soon as the client has closed the other.
    private func leave() {
        guard !hasInputEnded, !isUnwanted, let context else { return end() }
        phase = .leaving
        arrivals.removeAll()
        timer?.wait(serving.lingerTime)
        context.close(mode: .output, promise: nil)
        guard isReadHeld else { return }
        isReadHeld = false
        context.read()
    }

    private func openOutlet() -> HTTPOutlet? {
        if outlet == nil, let context, context.channel.isActive { outlet = HTTPOutlet(context, isBare: isBare) }
        return outlet
    }
}
