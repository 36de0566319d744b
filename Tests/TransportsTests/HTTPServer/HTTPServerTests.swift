import Foundation
import LabCore
import Programs
import Synchronization
import Testing

@testable import Transports

/// A server on a free port of loopback whose answers say what it was asked.
final class EchoServer: Sendable {
    let server: HTTPServer
    let address: StreamAddress
    private let calls: Calls

    final class Calls: Sendable {
        let all = Mutex<[HTTPCall]>([])
        let peers = Mutex<[String]>([])
    }

    init(limits: HTTPServerLimits = HTTPServerLimits(), security: ServerSecurity? = nil) throws {
        let calls = Calls()
        self.calls = calls
        server = HTTPServer(limits: limits) { call, peer, answer in
            calls.all.withLock { $0.append(call) }
            calls.peers.withLock { $0.append(peer) }
            answer(Self.answer(call))
        }
        address = try server.listen(StreamListener(StreamAddress("127.0.0.1", 0), security: security))
    }

    deinit { server.stop() }

    var taken: [HTTPCall] { calls.all.withLock { $0 } }
    var peers: [String] { calls.peers.withLock { $0 } }

    func url(_ path: String = "/") -> String { "http://\(address)\(path)" }

    private static func answer(_ call: HTTPCall) -> Result<HTTPAnswer, HTTPFailure> {
        switch call.path {
        case "/dead": return .failure(.interrupted)
        case "/nothing": return .success(HTTPAnswer(status: 204))
        case "/ordered":
            let headers = [("b-second", "1"), ("a-first", "2"), ("b-second", "3")].map { HTTPCall.Header($0.0, $0.1) }
            return .success(HTTPAnswer(status: 418, headers: headers, body: Array("short and stout".utf8)))
        default:
            let body = call.method == "HEAD" ? [] : Array("\(call.method) \(call.path) ".utf8) + call.body
            let size = call.method == "HEAD" ? 42 : body.count
            return .success(HTTPAnswer(status: 200, headers: [HTTPCall.Header("content-length", String(size))], body: body))
        }
    }
}

extension HTTPServer {
    /// For answers that take their time, each on a thread of its own: other tests may hold all of those on which tasks run.
    convenience init(
        limits: HTTPServerLimits = HTTPServerLimits(),
        answering: @escaping @Sendable (_ call: HTTPCall, _ peer: String) async -> Result<HTTPAnswer, HTTPFailure>
    ) {
        self.init(limits: limits) { call, peer, answer in
            Task(executorPreference: ThreadExecutor()) { answer(await answering(call, peer)) }
        }
    }

    /// Closes every connection without an answer.
    static var silent: HTTPServer { HTTPServer { _, _, answer in answer(.failure(.unreachable)) } }
}

@Suite("HTTP server with clients that we did not write (RFC 9112)")
struct HTTPServerTests {
    static let curlOptions = ["--silent", "--show-error", "--max-time", "20"]

    private func curl(_ arguments: [String], for test: String = #function, input: String = "") async throws -> ChildProcess.Outcome? {
        try await ForeignClient("curl", for: test)?.run(Self.curlOptions + arguments, input: input)
    }

    @Test("an answer goes out with its status, its headers in their order and its body, and nothing more")
    func answer() async throws {
        let echo = try EchoServer()
        guard let client = RawClient(for: "HTTP answer") else { return }
        let text = try await client.send(["GET /ordered HTTP/1.1\r\nHost: lab\r\nConnection: close\r\n\r\n"], to: echo.address)
        #expect(
            text == "HTTP/1.1 418 I'm a teapot\r\nb-second: 1\r\na-first: 2\r\nb-second: 3\r\ncontent-length: 15\r\n\r\nshort and stout")
    }

    @Test("a request comes with its method, path and query as sent, its headers in lower case, its body and the address of its sender")
    func request() async throws {
        let echo = try EchoServer()
        let arguments = [
            "-X", "PUT", "-H", "X-Device-Id: QT_001", "-H", "Host: cloud.lab", "--data-binary", "@-", echo.url("/a%20b?x=1&y=%2f"),
        ]
        guard let outcome = try await curl(arguments, input: "line\r\n") else { return }
        #expect(outcome.output == "PUT /a%20b?x=1&y=%2f line\r\n")
        let call = try #require(echo.taken.first)
        #expect(call.method == "PUT" && call.path == "/a%20b?x=1&y=%2f" && call.body == Array("line\r\n".utf8))
        #expect(call.header("host") == "cloud.lab" && call.header("x-device-id") == "QT_001" && call.header("content-length") == "6")
        #expect(echo.peers == ["127.0.0.1"])
    }

    @Test("a second host header is not lost: two readers must not see two requests")
    func twoHosts() async throws {
        let echo = try EchoServer()
        guard let client = RawClient(for: "two hosts") else { return }
        _ = try await client.send(["GET / HTTP/1.1\r\nHost: one\r\nHost: two\r\nConnection: close\r\n\r\n"], to: echo.address)
        for call in echo.taken { #expect(call.headers.filter { $0.name == "host" }.map(\.value) == ["one", "two"]) }
    }

    @Test("HEAD is answered with the length of what GET would give, and 204 without one (RFC 9110 §8.6)")
    func withoutBody() async throws {
        let echo = try EchoServer()
        guard let head = try await curl(["--head", echo.url("/x")]) else { return }
        #expect(head.output == "HTTP/1.1 200 OK\r\ncontent-length: 42\r\n\r\n")
        #expect(try await curl(["--include", echo.url("/nothing")])?.output == "HTTP/1.1 204 No Content\r\n\r\n")
    }

    @Test("a connection serves one request after the other (RFC 9112 §9.3)")
    func keepAlive() async throws {
        let echo = try EchoServer()
        let arguments = ["--write-out", " %{num_connects};", echo.url("/1"), echo.url("/nothing"), echo.url("/dead"), echo.url("/2")]
        guard let outcome = try await curl(arguments) else { return }
        // The answer that never came ended the connection, so the last request needed another one.
        #expect(outcome.output == "GET /1  1; 0; 0;GET /2  1;" || outcome.output == "GET /1  1; 0; 1;GET /2  1;")
        #expect(outcome.errors.contains("Empty reply from server"))
    }

    @Test("requests that come without waiting are answered in their order (RFC 9112 §9.3.2)")
    func pipelining() async throws {
        let order = Mutex<[String]>([])
        let server = HTTPServer { call, _ in
            // The first one takes its time.
            if call.path == "/1" { for _ in 0..<100 { await Task.yield() } }
            order.withLock { $0.append(call.path) }
            return .success(HTTPAnswer(status: 200, body: Array(call.path.utf8)))
        }
        defer { server.stop() }
        let address = try server.listen(StreamAddress("127.0.0.1", 0))
        guard let client = RawClient(for: "pipelining") else { return }
        let requests = (1...20).map { "GET /\($0) HTTP/1.1\r\nHost: lab\r\n\(($0 == 20 ? "Connection: close\r\n" : ""))\r\n" }
        let text = try await client.send([requests.joined()], to: address)
        let expected = (1...20).map { "HTTP/1.1 200 OK\r\ncontent-length: \("/\($0)".count)\r\n\r\n/\($0)" }.joined()
        #expect(text == expected)
        #expect(order.withLock { $0 } == (1...20).map { "/\($0)" })
    }

    @Test("many clients at once each get their own answer")
    func concurrent() async throws {
        let echo = try EchoServer()
        let arguments = ["--parallel", "--parallel-immediate", "--parallel-max", "50", echo.url("/[1-200]")]
        guard let outcome = try await curl(arguments) else { return }
        #expect(outcome.status == 0)
        #expect(outcome.output.split(separator: "GET ").map(String.init).sorted() == (1...200).map { "/\($0) " }.sorted())
    }

    @Test("a client that has said all may close its half of the connection before it is answered")
    func halfClosed() async throws {
        let echo = try EchoServer()
        guard let python = ForeignClient("python3", for: "half-closed connection") else { return }
        let script = """
            import socket
            s = socket.create_connection(("127.0.0.1", \(echo.address.port)), 10)
            s.sendall(b"GET /half HTTP/1.1\\r\\nHost: lab\\r\\n\\r\\n")
            s.shutdown(socket.SHUT_WR)
            data = b""
            while True:
                part = s.recv(4096)
                if not part: break
                data += part
            print(data.decode())
            """
        #expect(try await python.run(["-c", script]).output.contains("GET /half "))
    }

    // MARK: Bodies

    @Test("a body in chunks is put together (RFC 9112 §7.1)")
    func chunked() async throws {
        let echo = try EchoServer()
        let body = String(repeating: "0123456789", count: 5_000)
        let arguments = ["-H", "Transfer-Encoding: chunked", "--data-binary", "@-", echo.url("/c")]
        guard let outcome = try await curl(arguments, input: body) else { return }
        #expect(outcome.output == "POST /c " + body)
        guard let client = RawClient(for: "chunks") else { return }
        let pieces = [
            "POST /d HTTP/1.1\r\nHost: lab\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n5\r", "\nhel", "lo\r\n6;x=y\r\n wor",
            "ld\r\n0\r\n\r\n",
        ]
        #expect(try await client.send(pieces, to: echo.address).hasSuffix("POST /d hello world"))
    }

    @Test("a body at the limit is taken; beyond it the answer is 413 and the connection ends, however the body comes")
    func bodyLimit() async throws {
        let echo = try EchoServer(limits: HTTPServerLimits(bodyBytes: 1_000))
        for form in [[], ["-H", "Transfer-Encoding: chunked"]] {
            let arguments = form + ["--include", "--data-binary", "@-", echo.url("/b")]
            guard let fits = try await curl(arguments, input: String(repeating: "x", count: 1_000)) else { return }
            #expect(fits.output.hasPrefix("HTTP/1.1 200 OK"))
            let count = echo.taken.count
            let refused = try await curl(arguments, input: String(repeating: "x", count: 1_001))
            #expect(
                refused?.output.contains("HTTP/1.1 413 ") == true
                    && refused?.output.hasSuffix("The body is larger than 1000 bytes.\n") == true)
            #expect(refused?.output.contains("connection: close\r\n") == true)
            #expect(echo.taken.count == count)
        }
    }

    @Test("a route may have a larger limit, for those who show a token; all others keep theirs", arguments: [[], ["-H", "Transfer-Encoding: chunked"]])
    func routeLimit(form: [String]) async throws {
        let echo = try EchoServer(limits: HTTPServerLimits(bodyBytes: 1_000, routes: [HTTPRouteLimit("PUT", "/v/{version}/image", bodyBytes: 3_000_000)]))
        func status(_ method: String, _ path: String, token: String = "Authorization: Bearer t", bytes: Int) async throws -> String? {
            let arguments = form + ["-o", "/dev/null", "-w", "%{http_code}", "-X", method, "-H", token, "--data-binary", "@-", echo.url(path)]
            return try await curl(arguments, input: String(repeating: "x", count: bytes))?.output
        }
        guard let taken = try await status("PUT", "/v/2.4.0/image?device_type=x", bytes: 3_000_000) else { return }
        #expect(taken == "200")
        #expect(echo.taken.first?.body.count == 3_000_000)
        #expect(try await status("PUT", "/v/2.4.0/image", bytes: 3_000_001) == "413")
        #expect(try await status("PUT", "/v/2.4.0/image", token: "X-Other: t", bytes: 1_001) == "413")
        #expect(try await status("POST", "/v/2.4.0/image", bytes: 1_001) == "413")
        for path in ["/v/2.4.0/manifest", "/v/2.4.0/image/", "/v/image", "/v/2.4.0/x/image"] {
            #expect(try await status("PUT", path, bytes: 1_001) == "413", "\(path)")
        }
        #expect(echo.taken.count == 1)
    }

    @Test("so many large bodies at once: a further one is told to come again, small ones are taken", arguments: [(0, "503"), (1, "200")])
    func largeBodies(atOnce: Int, answer: String) async throws {
        let route = HTTPRouteLimit("PUT", "/image", bodyBytes: 3_000_000)
        let echo = try EchoServer(limits: HTTPServerLimits(bodyBytes: 1_000, routes: [route], largeBodies: atOnce))
        // One after the other: what has ended counts no more.
        for (bytes, status) in [(2_000_000, answer), (3_000_000, answer), (1_000, "200"), (2_000_000, answer)] {
            let arguments = ["-D", "-", "-o", "/dev/null", "-X", "PUT", "-H", "Authorization: Bearer t", "--data-binary", "@-", echo.url("/image")]
            guard let head = try await curl(arguments, input: String(repeating: "x", count: bytes))?.output else { return }
            // curl waits for the word to send what is large.
            let final = head.components(separatedBy: "HTTP/1.1 ").last ?? ""
            #expect(final.hasPrefix(status), "\(head)")
            #expect(final.lowercased().contains("retry-after: 10") == (status == "503"), "\(head)")
        }
    }

    @Test("a body that is announced as too large is refused before it is sent")
    func announced() async throws {
        let echo = try EchoServer(limits: HTTPServerLimits(bodyBytes: 1_000, transferTime: .milliseconds(300)))
        guard let client = RawClient(for: "announced body") else { return }
        let text = try await client.send(["POST / HTTP/1.1\r\nHost: lab\r\nContent-Length: 1000000000000\r\n\r\n"], to: echo.address)
        #expect(text.hasPrefix("HTTP/1.1 413 "))
        #expect(echo.taken.isEmpty)
    }

    @Test("a client that waits for 100 is told to go on, or that it is too much (RFC 9110 §10.1.1)")
    func expectContinue() async throws {
        let echo = try EchoServer(limits: HTTPServerLimits(bodyBytes: 1_000))
        let arguments = ["--include", "-H", "Expect: 100-continue", "--expect100-timeout", "15", "--data-binary", "@-", echo.url("/e")]
        guard let taken = try await curl(arguments, input: "hello") else { return }
        #expect(taken.output.hasPrefix("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n"))
        let refused = try await curl(arguments, input: String(repeating: "x", count: 2_000))
        #expect(refused?.output.hasPrefix("HTTP/1.1 413 ") == true)
    }

    @Test(
        "a body that ends before its length is no request",
        arguments: ["Content-Length: 10\r\n\r\nhello", "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n"])
    func truncated(rest: String) async throws {
        let echo = try EchoServer()
        guard let python = ForeignClient("python3", for: "truncated body") else { return }
        for ending in ["s.shutdown(socket.SHUT_WR); s.recv(4096)", "s.close()"] {
            let script = """
                import socket, sys
                s = socket.create_connection(("127.0.0.1", \(echo.address.port)), 10)
                s.sendall(b"POST / HTTP/1.1\\r\\nHost: lab\\r\\n" + sys.stdin.buffer.read())
                \(ending)
                """
            _ = try await python.run(["-c", script], input: rest)
        }
        echo.server.stop()
        #expect(echo.taken.isEmpty)
    }

    // MARK: Limits and malformed requests

    @Test("a header of 10000 bytes is taken, one beyond the limit is not")
    func headers() async throws {
        let echo = try EchoServer()
        guard let fits = try await curl(["-H", "x-long: " + String(repeating: "h", count: 10_000), echo.url("/h")]) else { return }
        #expect(fits.output == "GET /h ")
        #expect(echo.taken.first?.header("x-long")?.utf8.count == 10_000)
        let refused = try await curl(["--include", "-H", "x-long: " + String(repeating: "h", count: 70_000), echo.url("/h")])
        #expect(refused?.output.hasPrefix("HTTP/1.1 400 ") == true)
        #expect(echo.taken.count == 1)
    }

    @Test(
        "what is no request is answered 400 and the connection ends",
        arguments: [
            "nonsense\r\n\r\n", "GET\r\n\r\n", "GET / HTTP/9.9\r\n\r\n", "GET / FTP/1.1\r\n\r\n", "get / HTTP/1.1\r\n\r\n",
            "GET / HTTP/1.1\r\nNo colon\r\n\r\n", "GET / HTTP/1.1\r\nHost : lab\r\n\r\n", "GET / HTTP/1.1\r\nHost: a\u{0}b\r\n\r\n",
            "GET / HTTP/1.1\r\n: empty\r\n\r\n", "GET / HTTP/1.1\r\nHost: lab\r\n folded\r\n\r\n",
            "POST / HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab", "POST / HTTP/1.1\r\nContent-Length: -1\r\n\r\n",
            "POST / HTTP/1.1\r\nContent-Length: 99999999999999999999\r\n\r\n",
            "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n",
            "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n0\r\n\r\n",
            "\u{16}\u{3}\u{1}\u{0}\u{5}\u{1}\u{0}\u{0}\u{1}\u{0}\r\n\r\n",
        ])
    func malformed(request: String) async throws {
        let echo = try EchoServer(limits: HTTPServerLimits(idleTime: .seconds(5)))
        guard let client = RawClient(for: "malformed requests") else { return }
        let text = try await client.send([request], to: echo.address)
        #expect(text.hasPrefix("HTTP/1.1 400 Bad Request\r\n"), "\(text)")
        #expect(echo.taken.isEmpty)
    }

    @Test(
        "a client that is too slow loses its connection: with its head, with its body, and with nothing at all",
        arguments: ["", "GET / HTTP/1.1\r\nHost: ", "POST / HTTP/1.1\r\nContent-Length: 10\r\n\r\nhel"])
    func slow(request: String) async throws {
        let echo = try EchoServer(limits: HTTPServerLimits(idleTime: .milliseconds(200), transferTime: .milliseconds(200)))
        guard let client = RawClient(for: "slow clients") else { return }
        // It comes back at all only because the server closes.
        let text = try await client.send([request], to: echo.address)
        #expect(text == "" || text.hasPrefix("HTTP/1.1 400 "))
        #expect(echo.taken.isEmpty)
    }

    // MARK: A server that dies

    @Test("a failure instead of an answer closes the connection without a byte")
    func failure() async throws {
        let echo = try EchoServer()
        guard let outcome = try await curl(["--include", echo.url("/dead")]) else { return }
        // curl(1): 52, nothing was returned from the server.
        #expect(outcome.status == 52 && outcome.output == "")
    }

    @Test("while it does not listen nobody can connect and nobody is connected; afterwards it answers on the same port")
    func setListening() async throws {
        let echo = try EchoServer()
        guard let before = try await curl([echo.url("/1")]) else { return }
        #expect(before.output == "GET /1 ")
        guard let client = RawClient(for: "listening") else { return }
        async let idle = client.send(["GET /kept HTTP/1.1\r\nHost: lab\r\n\r\n"], to: echo.address)
        while !echo.taken.contains(where: { $0.path == "/kept" }) { await Task.yield() }
        try echo.server.setListening(false)
        // The connection that was open has ended.
        #expect(try await idle.hasSuffix("GET /kept "))
        // A test beside this one may have got the port meanwhile, so what counts is that this server hears nothing.
        _ = try await curl([echo.url("/2")])
        #expect(!echo.taken.contains { $0.path == "/2" })
        try echo.server.setListening(false)
        try echo.server.setListening(true)
        #expect(try await curl([echo.url("/3")])?.output == "GET /3 ")
        try echo.server.setListening(true)
        #expect(echo.server.addresses.map(\.address) == [echo.address])
    }

    @Test("a server that stops answers what is under way, and lets nobody wait for what never ends")
    func stop() async throws {
        let gate = AsyncStream<Void>.makeStream()
        let started = AsyncStream<Void>.makeStream()
        let server = HTTPServer(limits: HTTPServerLimits(grace: .seconds(10))) { call, _ in
            started.continuation.yield()
            if call.path == "/late" { for await _ in gate.stream { break } }
            return .success(HTTPAnswer(status: 200, body: Array("late".utf8)))
        }
        let address = try server.listen(StreamAddress("127.0.0.1", 0))
        async let answer = curl(["http://\(address)/late"])
        for await _ in started.stream { break }
        async let stopped: Void = withCheckedContinuation { continuation in
            Thread.detachNewThread {
                server.stop()
                continuation.resume()
            }
        }
        gate.continuation.yield()
        await stopped
        if let answer = try await answer { #expect(answer.output == "late") }

        let stuck = HTTPServer(limits: HTTPServerLimits(grace: .milliseconds(50))) { _, _ in
            started.continuation.yield()
            for await _ in AsyncStream<Void>.makeStream().stream {}
            return .failure(.timedOut)
        }
        let other = try stuck.listen(StreamAddress("127.0.0.1", 0))
        async let nothing = curl(["http://\(other)/"])
        for await _ in started.stream { break }
        await withCheckedContinuation { continuation in
            Thread.detachNewThread {
                stuck.stop()
                continuation.resume()
            }
        }
        #expect(try await nothing?.output == "")
    }

    // MARK: Starting

    @Test("a port in use, an address of nobody and a name of nobody are told with what to do")
    func wrongAddresses() throws {
        let echo = try EchoServer()
        let server = HTTPServer.silent
        defer { server.stop() }
        let busy = #expect(throws: StreamFailure.self) { try server.listen(echo.address) }
        #expect(busy?.reason == .busy)
        #expect(busy?.description == "http \(echo.address): the port is in use; choose another port, or 0 for any free one")
        let foreign = #expect(throws: StreamFailure.self) { try server.listen(StreamAddress("192.0.2.1", 0)) }
        #expect(foreign?.reason == .notFound)
        let unknown = #expect(throws: StreamFailure.self) { try server.listen(StreamAddress("no-such-host.invalid", 0)) }
        #expect(unknown?.reason == .notFound)
        #expect(unknown?.detail == "there is no host no-such-host.invalid")
        // It is not spoilt by that.
        let address = try server.listen(StreamAddress("localhost", 0))
        #expect(address.port > 0 && server.addresses.map(\.address.port) == [address.port])
    }

    @Test("a server that is forgotten gives its port back")
    func forgotten() throws {
        var server: HTTPServer? = .silent
        let address = try #require(try server?.listen(StreamAddress("127.0.0.1", 0)))
        server = nil
        let other = HTTPServer.silent
        defer { other.stop() }
        // Nobody waits for the end of what is forgotten.
        while (try? other.listen(address)) == nil { sched_yield() }
        #expect(other.addresses.map(\.address) == [address])
    }

    @Test("a port that was taken while it did not listen is told")
    func takenMeanwhile() throws {
        let echo = try EchoServer()
        try echo.server.setListening(false)
        let other = HTTPServer.silent
        defer { other.stop() }
        try other.listen(echo.address)
        let failure = #expect(throws: StreamFailure.self) { try echo.server.setListening(true) }
        #expect(failure?.reason == .busy)
    }
}
