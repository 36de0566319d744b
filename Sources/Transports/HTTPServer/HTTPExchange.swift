import HTTPTypes
import HummingbirdCore
import LabCore
import NIOCore
import Synchronization

/// One request and its answer, on a connection.
struct HTTPExchange: Sendable {
    var limits: HTTPServerLimits
    var respond: HTTPServer.Respond
    let largeBodies = LargeBodies()

    /// Ends a connection from inside of a request.
    private struct Hangup: Error {}

    var responder: HTTP1Channel.Responder {
        { request, writer, channel in try await answer(request, writer, channel) }
    }

    /// - Throws: whatever is to close the connection.
    @concurrent
    private func answer(_ request: Request, _ writer: consuming ResponseWriter, _ channel: any Channel) async throws {
        let most = limits.bodyBytes(of: request.method.rawValue, request.head.path ?? "/", hasToken: request.headers[.authorization] != nil)
        if let size = request.headers[.contentLength].flatMap({ Int($0) }), size > most {
            return try await refuse(.tooLarge(most), request, writer, channel, rest: request.body.makeAsyncIterator())
        }
        if request.headers[.expect]?.lowercased() == "100-continue" {
            try await writer.writeInformationalHead(HTTPResponse(status: .continue))
        }
        var body: [UInt8] = []
        var parts = request.body.makeAsyncIterator()
        let timer = hangUp(channel, after: limits.transferTime + .seconds((most - limits.bodyBytes) >> 20))
        var isLarge = false
        defer {
            timer.cancel()
            if isLarge { largeBodies.leave() }
        }
        while let part = try await parts.next() {
            guard body.count + part.readableBytes <= most else { return try await refuse(.tooLarge(most), request, writer, channel, rest: parts) }
            if !isLarge, body.count + part.readableBytes > limits.bodyBytes {
                isLarge = largeBodies.enter(atMost: limits.largeBodies)
                guard isLarge else { return try await refuse(.tooMany, request, writer, channel, rest: parts) }
            }
            body.append(contentsOf: part.readableBytesView)
        }
        timer.cancel()
        // A connection that ended in the middle of a body must not look like a shorter body.
        guard channel.isActive else { throw Hangup() }
        let peer = channel.remoteAddress?.ipAddress ?? "unknown"
        switch await respond(Self.call(request, body), peer) {
        case .success(let answer): try await write(Self.response(answer), answer.body, writer, channel)
        case .failure: throw Hangup()
        }
    }

    @concurrent
    private func write(_ head: HTTPResponse, _ body: [UInt8], _ writer: consuming ResponseWriter, _ channel: any Channel) async throws {
        let timer = hangUp(channel, after: limits.transferTime)
        defer { timer.cancel() }
        try await writer.write(response: head, body: body.isEmpty ? ResponseBody() : ResponseBody(byteBuffer: ByteBuffer(bytes: body)))
    }

    /// Why a body is not read to its end.
    private enum Refusal {
        case tooLarge(_ most: Int)
        /// So many large ones are being received that there is no memory for another.
        case tooMany

        var status: Int {
            switch self {
            case .tooLarge: 413
            case .tooMany: 503
            }
        }

        var text: String {
            switch self {
            case .tooLarge(let most): "The body is larger than \(most) bytes.\n"
            case .tooMany: "Other large bodies are being received; try again when they are through.\n"
            }
        }
    }

    /// Answers and closes. What the client still sends is read for a while: closing over it would take the answer away
    /// from the client (RFC 9112 §9.6).
    @concurrent
    private func refuse(
        _ refusal: Refusal, _ request: Request, _ writer: consuming ResponseWriter, _ channel: any Channel, rest: RequestBody.AsyncIterator
    ) async throws {
        let text = refusal.text
        var answer = HTTPAnswer(
            status: refusal.status,
            headers: [
                HTTPCall.Header("content-type", "text/plain; charset=utf-8"), HTTPCall.Header("content-length", String(text.utf8.count)),
                HTTPCall.Header("connection", "close"),
            ])
        if case .tooMany = refusal { answer.headers.append(HTTPCall.Header("retry-after", "10")) }
        try await write(Self.response(answer), request.method == .head ? [] : Array(text.utf8), writer, channel)
        let timer = hangUp(channel, after: min(limits.transferTime, Self.lingerTime))
        defer { timer.cancel() }
        var (rest, read) = (rest, 0)
        while read < Self.lingerBytes, let part = try await rest.next() { read += part.readableBytes }
        throw Hangup()
    }

    private static let lingerTime = Duration.seconds(2)
    private static let lingerBytes = 4 << 20

    private func hangUp(_ channel: any Channel, after time: Duration) -> Scheduled<Void> {
        channel.eventLoop.scheduleTask(in: TimeAmount(time)) { channel.close(promise: nil) }
    }

    // MARK: Between HTTP and the lab's words

    private static func call(_ request: Request, _ body: [UInt8]) -> HTTPCall {
        // The library keeps the first `host` apart from the other headers.
        let host = request.head.authority.map { [HTTPCall.Header("host", $0)] } ?? []
        let headers = host + request.headers.map { HTTPCall.Header($0.name.canonicalName, $0.value) }
        return HTTPCall(request.method.rawValue, request.head.path ?? "/", headers: headers, body: body)
    }

    private static func response(_ answer: HTTPAnswer) -> HTTPResponse {
        var fields = HTTPFields()
        for header in answer.headers {
            guard let name = HTTPField.Name(header.name) else { continue }
            fields.append(HTTPField(name: name, value: header.value))
        }
        // Without a length the client would have to wait for the end of the connection. 204 has none (RFC 9110 §8.6).
        if fields[.contentLength] == nil, answer.status >= 200, answer.status != 204, answer.status != 304,
            let name = HTTPField.Name("content-length")
        {
            fields.append(HTTPField(name: name, value: String(answer.body.count)))
        }
        return HTTPResponse(status: HTTPResponse.Status(code: answer.status), headerFields: fields)
    }
}

/// How many bodies beyond the usual limit are being received or answered.
final class LargeBodies: Sendable {
    private let count = Mutex(0)

    /// - Returns: false where there are so many already.
    func enter(atMost most: Int) -> Bool {
        count.withLock { count in
            guard count < most else { return false }
            count += 1
            return true
        }
    }

    func leave() { count.withLock { $0 -= 1 } }
}
