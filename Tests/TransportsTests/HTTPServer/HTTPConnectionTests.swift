import Foundation
import LabCore
import Synchronization
import Testing

@testable import Transports

extension BlockingSocket {
    func write(_ text: String) -> Bool { write(Array(text.utf8)) }

    /// What comes until the text ends like this, or until the other side closes.
    func text(until ending: String? = nil) -> String {
        var bytes: [UInt8] = []
        while ending.map({ !bytes.suffix($0.utf8.count).elementsEqual($0.utf8) }) ?? true, let next = read(), !next.isEmpty { bytes += next }
        return String(decoding: bytes, as: UTF8.self)
    }
}

@Suite("Connections to the HTTP server", .ownThread, .timeLimit(.minutes(1)))
struct HTTPConnectionTests {
    private typealias Answered = @Sendable (Result<HTTPAnswer, HTTPFailure>) -> Void

    /// Answers that wait for the test.
    private final class Waiting: Sendable {
        private let all = Mutex<[(path: String, answer: Answered)]>([])

        func add(_ call: HTTPCall, _ answer: @escaping Answered) { all.withLock { $0.append((call.path, answer)) } }
        var paths: [String] { all.withLock { $0.map(\.path) } }

        /// The first one that waits, when it is there.
        func next() async -> (path: String, answer: Answered) {
            while true {
                if let first = all.withLock({ $0.isEmpty ? nil : $0.removeFirst() }) { return first }
                await Task.yield()
            }
        }
    }

    private static func request(_ path: String, _ headers: String = "") -> String { "GET \(path) HTTP/1.1\r\nHost: lab\r\n\(headers)\r\n" }
    private static func answer(_ path: String) -> String { "HTTP/1.1 200 OK\r\ncontent-length: \(path.utf8.count)\r\n\r\n\(path)" }
    private static func result(_ path: String) -> Result<HTTPAnswer, HTTPFailure> { .success(HTTPAnswer(status: 200, body: Array(path.utf8))) }

    /// Answers with the path.
    private static func mirror(_ limits: HTTPServerLimits = HTTPServerLimits(), taken: Waiting? = nil) -> HTTPServer {
        HTTPServer(limits: limits) { call, _, answer in
            taken?.add(call, { _ in })
            answer(result(call.path))
        }
    }

    // MARK: Requests without waiting

    @Test("the second of two requests waits until the first is answered, and an answer that comes twice counts once")
    func order() async throws {
        let waiting = Waiting()
        let server = HTTPServer { call, _, answer in waiting.add(call, answer) }
        defer { server.stop() }
        let client = try BlockingSocket(port: server.listen(StreamAddress("127.0.0.1", 0)).port)
        #expect(client.write(Self.request("/1") + Self.request("/2") + Self.request("/3", "Connection: close\r\n")))
        let first = await waiting.next()
        #expect(waiting.paths.isEmpty)
        first.answer(Self.result("/1"))
        let second = await waiting.next()
        first.answer(Self.result("/again"))
        #expect(waiting.paths.isEmpty)
        second.answer(Self.result("/2"))
        second.answer(.failure(.interrupted))
        let third = await waiting.next()
        third.answer(Self.result("/3"))
        #expect(client.text() == Self.answer("/1") + Self.answer("/2") + Self.answer("/3"))
    }

    @Test(
        "after a request that is refused nothing is answered, but all that came before it",
        arguments: [
            ("POST /2 HTTP/1.1\r\nContent-Length: 2000\r\n\r\n" + String(repeating: "x", count: 2_000), "413 Payload Too Large"),
            ("POST /2 HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n7d0\r\n" + String(repeating: "x", count: 2_000) + "\r\n0\r\n\r\n", "413 Payload Too Large"),
            ("nonsense\r\n\r\n", "400 Bad Request"), ("POST /2 HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n", "400 Bad Request"),
        ], [false, true])
    func refusedBetween(refused: (request: String, status: String), isLate: Bool) async throws {
        let waiting = Waiting()
        let server = HTTPServer(limits: HTTPServerLimits(bodyBytes: 1_000)) { call, _, answer in waiting.add(call, answer) }
        defer { server.stop() }
        let client = try BlockingSocket(port: server.listen(StreamAddress("127.0.0.1", 0)).port)
        #expect(client.write(Self.request("/1") + (isLate ? "" : refused.request + Self.request("/3"))))
        let first = await waiting.next()
        if isLate { #expect(client.write(refused.request + Self.request("/3"))) }
        first.answer(Self.result("/1"))
        let text = client.text()
        #expect(text.hasPrefix(Self.answer("/1") + "HTTP/1.1 \(refused.status)\r\n"), "\(text)")
        #expect(text.components(separatedBy: "HTTP/1.1 ").count == 3)
        #expect(waiting.paths.isEmpty)
    }

    @Test("many requests in one piece and in single bytes are answered in their order")
    func pieces() throws {
        let server = Self.mirror()
        defer { server.stop() }
        let port = try server.listen(StreamAddress("127.0.0.1", 0)).port
        let requests = (1...50).map { Self.request("/\($0)", $0 == 50 ? "Connection: close\r\n" : "") }.joined()
        let expected = (1...50).map { Self.answer("/\($0)") }.joined()
        let whole = try BlockingSocket(port: port)
        #expect(whole.write(requests))
        #expect(whole.text() == expected)
        let cut = try BlockingSocket(port: port)
        for byte in requests.utf8 { #expect(cut.write([byte])) }
        #expect(cut.text() == expected)
    }

    // MARK: Ends

    @Test("the server closes after the last answer: of HTTP/1.0, of `close`, and of protocols that it does not speak (RFC 9112 §9.3, §9.6)")
    func last() throws {
        let server = Self.mirror()
        defer { server.stop() }
        let port = try server.listen(StreamAddress("127.0.0.1", 0)).port
        for request in [
            "GET / HTTP/1.0\r\n\r\n", "GET / HTTP/1.1\r\nConnection: x, close\r\n\r\n",
            "GET / HTTP/1.1\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\n\r\n",
        ] {
            let client = try BlockingSocket(port: port)
            #expect(client.write(request))
            #expect(client.text() == Self.answer("/"), "\(request)")
        }
    }

    @Test("a connection on which nothing comes any more is closed after the idle time")
    func idle() throws {
        let server = Self.mirror(HTTPServerLimits(idleTime: .milliseconds(200)))
        defer { server.stop() }
        let client = try BlockingSocket(port: server.listen(StreamAddress("127.0.0.1", 0)).port)
        #expect(client.write(Self.request("/1")))
        #expect(client.text(until: "/1") == Self.answer("/1"))
        #expect(client.write(Self.request("/2") + "GET /half"))
        #expect(client.text() == Self.answer("/2"))
    }

    @Test("an answer may take longer than the idle time")
    func longAnswer() async throws {
        let waiting = Waiting()
        let server = HTTPServer(limits: HTTPServerLimits(idleTime: .milliseconds(100))) { call, _, answer in waiting.add(call, answer) }
        defer { server.stop() }
        let address = try server.listen(StreamAddress("127.0.0.1", 0))
        let client = try BlockingSocket(port: address.port)
        #expect(client.write(Self.request("/long")))
        let long = await waiting.next()
        // By the time that the server closes this one, the idle time is over twice.
        for _ in 0..<2 { #expect(try BlockingSocket(port: address.port).text() == "") }
        long.answer(Self.result("/long"))
        #expect(client.text(until: "/long") == Self.answer("/long"))
    }

    @Test("a body that does not come in its time closes the connection, however long it may be idle")
    func slowBody() throws {
        let server = Self.mirror(HTTPServerLimits(idleTime: .seconds(60), transferTime: .milliseconds(200)))
        defer { server.stop() }
        let client = try BlockingSocket(port: server.listen(StreamAddress("127.0.0.1", 0)).port)
        #expect(client.write("POST /1 HTTP/1.1\r\nContent-Length: 2\r\n\r\na"))
        #expect(client.write("b"))
        #expect(client.text(until: "/1") == Self.answer("/1"))
        #expect(client.write("POST /2 HTTP/1.1\r\nContent-Length: 2\r\n\r\na"))
        #expect(client.text() == "")
    }

    @Test("a client that does not take its answers loses its connection after the transfer time")
    func slowReader() throws {
        let limits = HTTPServerLimits(idleTime: .seconds(60), transferTime: .milliseconds(200), connections: 1)
        let large = HTTPAnswer(status: 200, body: Array(repeating: UInt8(ascii: "x"), count: 500_000))
        let server = HTTPServer(limits: limits) { call, _, answer in answer(call.path == "/large" ? .success(large) : Self.result(call.path)) }
        defer { server.stop() }
        let port = try server.listen(StreamAddress("127.0.0.1", 0)).port
        let slow = try BlockingSocket(port: port)
        // More than the kernel holds for a connection.
        #expect(slow.write(String(repeating: Self.request("/large"), count: 60)))
        // It is accepted only when the other is gone.
        let next = try BlockingSocket(port: port)
        #expect(next.write(Self.request("/next")))
        #expect(next.text(until: "/next") == Self.answer("/next"))
        withExtendedLifetime(slow) {}
    }

    @Test("an answer that comes when the connection is gone is forgotten, and its large body counts no more")
    func lateAnswer() async throws {
        let waiting = Waiting()
        let limits = HTTPServerLimits(bodyBytes: 10, routes: [HTTPRouteLimit("PUT", "/image", bodyBytes: 1_000)], largeBodies: 1)
        let server = HTTPServer(limits: limits) { call, _, answer in
            if call.header("x-late") == nil { answer(Self.result(call.path)) } else { waiting.add(call, answer) }
        }
        defer { server.stop() }
        let port = try server.listen(StreamAddress("127.0.0.1", 0)).port
        func upload(_ header: String = "") throws -> BlockingSocket {
            let client = try BlockingSocket(port: port)
            let head = "PUT /image HTTP/1.1\r\nAuthorization: t\r\nConnection: close\r\n\(header)Content-Length: 20\r\n\r\n"
            #expect(client.write(head + String(repeating: "x", count: 20)))
            return client
        }
        var gone: BlockingSocket? = try upload("X-Late: 1\r\n")
        let late = await waiting.next()
        #expect(try upload().text().hasPrefix("HTTP/1.1 503 "))
        gone?.resetsAtEnd()
        gone = nil
        // The end of the first is known when there is room for another.
        while try upload().text() != Self.answer("/image") {}
        late.answer(Self.result("/late"))
        late.answer(.failure(.interrupted))
        let client = try BlockingSocket(port: port)
        #expect(client.write(Self.request("/after", "Connection: close\r\n")))
        #expect(client.text() == Self.answer("/after"))
    }

    // MARK: Many

    @Test("beyond the most connections nobody is accepted until one ends", arguments: [1, 3])
    func connections(most: Int) throws {
        let taken = Waiting()
        let server = Self.mirror(HTTPServerLimits(connections: most), taken: taken)
        defer { server.stop() }
        let port = try server.listen(StreamAddress("127.0.0.1", 0)).port
        var inside: [BlockingSocket] = []
        for index in 0..<most {
            inside.append(try BlockingSocket(port: port))
            #expect(inside[index].write(Self.request("/in")))
            #expect(inside[index].text(until: "/in") == Self.answer("/in"))
        }
        // The kernel takes them; the server does not.
        let outside = try (0..<2).map { _ in try BlockingSocket(port: port) }
        for client in outside { #expect(client.write(Self.request("/out", "Connection: close\r\n"))) }
        for client in inside {
            #expect(client.write(Self.request("/in")))
            #expect(client.text(until: "/in") == Self.answer("/in"))
        }
        #expect(taken.paths == Array(repeating: "/in", count: 2 * most))
        inside.removeLast()
        for client in outside { #expect(client.text() == Self.answer("/out")) }
    }

    @Test("a server that stops closes at once who has no request, and answers who has one")
    func stopping() async throws {
        let waiting = Waiting()
        let server = HTTPServer(limits: HTTPServerLimits(grace: .seconds(50))) { call, _, answer in waiting.add(call, answer) }
        let port = try server.listen(StreamAddress("127.0.0.1", 0)).port
        let idle = try BlockingSocket(port: port)
        let busy = try BlockingSocket(port: port)
        #expect(busy.write(Self.request("/1") + Self.request("/2")))
        let first = await waiting.next()
        async let stopped: Void = withCheckedContinuation { continuation in
            Thread.detachNewThread {
                server.stop()
                continuation.resume()
            }
        }
        #expect(idle.text() == "")
        first.answer(Self.result("/1"))
        await waiting.next().answer(Self.result("/2"))
        #expect(busy.text() == Self.answer("/1") + Self.answer("/2"))
        await stopped
    }
}
