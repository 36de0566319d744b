import Foundation
import LabCore
import Synchronization
import Testing
import Transports

@Suite("HTTP requests of devices (HTTPRequester)", .timeLimit(.minutes(2)))
struct HTTPClientTests {
    private let bench: RequestBench

    init() throws { bench = try RequestBench() }

    private static let ok = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"

    // MARK: What is sent

    @Test("method, path with its query and body arrive as they were given", arguments: ["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"])
    func request(_ method: String) async throws {
        let echo = try EchoServer()
        let body = ["POST", "PUT", "PATCH"].contains(method) ? Array("{\"signal\":-71}\r\n\0\u{e9}".utf8) : []
        let answer = try await bench.send(HTTPCall(method, "/a%20b//c?x=1&y=%2f&z", body: body), to: echo.address).get()
        let call = try #require(echo.taken.first)
        #expect(call.method == method && call.path == "/a%20b//c?x=1&y=%2f&z" && call.body == body)
        #expect(answer.status == 200)
        #expect(answer.body == (method == "HEAD" ? [] : Array("\(method) \(call.path) ".utf8) + body))
    }

    @Test("headers keep their order, repeated ones too, and a host that is given is the only one: it may be signed")
    func headers() async throws {
        let server = ScriptedServer(.text(Self.ok))
        let address = try server.start(on: bench.sockets)
        defer { server.stop() }
        let given = [("x-second", "2"), ("host", "cloud.lab"), ("x-first", "1"), ("x-second", "again"), ("authorization", "Device a b")]
        let headers = given.map { HTTPCall.Header($0.0, $0.1) }
        _ = try await bench.send(HTTPCall("GET", "/h", headers: headers), to: address).get()
        let lines = server.requests.joined().split(separator: "\r\n").map(String.init)
        #expect(lines == ["GET /h HTTP/1.1"] + given.map { "\($0.0): \($0.1)" })
    }

    @Test("without a host the address is it, and a body has its length once; nothing else is added")
    func additions() async throws {
        let server = ScriptedServer(.text(Self.ok))
        let address = try server.start(on: bench.sockets)
        defer { server.stop() }
        let call = HTTPCall("POST", "/h", headers: [HTTPCall.Header("content-length", "999")], body: Array("four".utf8))
        _ = try await bench.send(call, to: address).get()
        let parts = server.requests.joined().components(separatedBy: "\r\n")
        #expect(parts.first == "POST /h HTTP/1.1" && parts.last == "four")
        #expect(Set(parts.dropFirst().dropLast(2).map { $0.lowercased() }) == ["host: \(address)", "content-length: 4"])
    }

    // MARK: What comes back

    @Test("status, headers in their order with names in lower case, and body")
    func answer() async throws {
        let server = ScriptedServer(.text("HTTP/1.1 418 I'm a teapot\r\nX-B: 1\r\na-first: 2\r\nX-B: 3\r\nContent-Length: 5\r\n\r\nshort"))
        let address = try server.start(on: bench.sockets)
        defer { server.stop() }
        let answer = try await bench.send(HTTPCall("GET", "/"), to: address).get()
        let headers = [("x-b", "1"), ("a-first", "2"), ("x-b", "3"), ("content-length", "5")].map { HTTPCall.Header($0.0, $0.1) }
        #expect(answer == HTTPAnswer(status: 418, headers: headers, body: Array("short".utf8)))
    }

    @Test("a redirection is an answer, and is not followed")
    func redirection() async throws {
        let server = ScriptedServer(.text("HTTP/1.1 302 Found\r\nlocation: /elsewhere\r\ncontent-length: 0\r\n\r\n"))
        let address = try server.start(on: bench.sockets)
        defer { server.stop() }
        let answer = try await bench.send(HTTPCall("GET", "/"), to: address).get()
        #expect(answer.status == 302 && answer.header("location") == "/elsewhere")
        #expect(server.requests.count == 1)
    }

    @Test("chunks and the end of the connection delimit a body as well (RFC 9112 §6.3)")
    func framings() async throws {
        for text in [
            "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n",
            "HTTP/1.1 200 OK\r\nconnection: close\r\n\r\nabcde",
        ] {
            let server = ScriptedServer(.textAndEnd(text))
            let address = try server.start(on: bench.sockets)
            defer { server.stop() }
            #expect(try await bench.send(HTTPCall("GET", "/"), to: address).get().body == Array("abcde".utf8))
        }
    }

    @Test("a megabyte goes up and comes down")
    func large() async throws {
        let echo = try EchoServer()
        let body = (0..<1_000_000).map { UInt8(truncatingIfNeeded: $0 &* 31) }
        let answer = try await bench.send(HTTPCall("POST", "/", body: body), to: echo.address).get()
        #expect(answer.body == Array("POST / ".utf8) + body)
    }

    // MARK: Failures

    @Test("nobody listens: unreachable")
    func refused() async throws {
        let server = ScriptedServer(.silence)
        let address = try server.start(on: bench.sockets)
        server.stop()
        #expect(await bench.send(HTTPCall("GET", "/"), to: address) == .failure(.unreachable))
    }

    @Test("an address that cannot be: unreachable")
    func impossible() async throws {
        #expect(await bench.send(HTTPCall("GET", "/"), to: StreamAddress("127.0.0.1", 70_000)) == .failure(.unreachable))
        #expect(await bench.send(HTTPCall("GET", "/"), to: StreamAddress("no such host", 80)) == .failure(.unreachable))
    }

    @Test("no answer, or half of one, by the limit: timed out", arguments: ["", "HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nab"])
    func limit(_ text: String) async throws {
        let server = ScriptedServer(text.isEmpty ? .silence : .text(text))
        let address = try server.start(on: bench.sockets)
        defer { server.stop() }
        #expect(await bench.send(HTTPCall("GET", "/"), to: address, limit: .seconds(1)) == .failure(.timedOut))
        #expect(server.requests.count == 1)
    }

    @Test(
        "a connection that ends before the answer is complete, or an answer that is no HTTP: interrupted",
        arguments: ["", "HTTP/1.1 200 OK\r\n", "HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nab", "220 mail.example ESMTP\r\n"])
    func broken(_ text: String) async throws {
        let server = ScriptedServer(.textAndEnd(text))
        let address = try server.start(on: bench.sockets)
        defer { server.stop() }
        #expect(await bench.send(HTTPCall("POST", "/", body: [1, 2, 3]), to: address, limit: .seconds(10)) == .failure(.interrupted))
        // It may have taken effect, so it is not sent a second time.
        #expect(server.openings == 1)
    }

    @Test("a cloud that dies while it answers, and one that has come back")
    func crash() async throws {
        let echo = try EchoServer()
        #expect(await bench.send(HTTPCall("GET", "/dead"), to: echo.address) == .failure(.interrupted))
        #expect(try await bench.send(HTTPCall("GET", "/alive"), to: echo.address).get().status == 200)
        try echo.server.setListening(false)
        #expect(await bench.send(HTTPCall("GET", "/"), to: echo.address) == .failure(.unreachable))
        try echo.server.setListening(true)
        #expect(try await bench.send(HTTPCall("GET", "/again"), to: echo.address).get().status == 200)
    }

    @Test("a pool that is closed: what is under way is interrupted, what comes later unreachable or interrupted, and each is told once")
    func closing() async throws {
        let server = ScriptedServer(.silence)
        let address = try server.start(on: bench.sockets)
        defer { server.stop() }
        async let pending = bench.send(HTTPCall("GET", "/"), to: address)
        while server.requests.isEmpty { await Task.yield() }
        await withCheckedContinuation { continuation in
            Thread.detachNewThread { [pool = bench.pool] in
                pool.close()
                continuation.resume()
            }
        }
        #expect(await pending == .failure(.interrupted))
        let later = await bench.send(HTTPCall("GET", "/"), to: address)
        #expect(later == .failure(.unreachable) || later == .failure(.interrupted))
    }

    // MARK: Connections

    @Test("requests share a connection, unless each is to have a fresh one", arguments: [false, true])
    func sharing(_ isFresh: Bool) async throws {
        let server = ScriptedServer(.text(Self.ok))
        let address = try server.start(on: bench.sockets)
        defer { server.stop() }
        for _ in 0..<3 { _ = try await bench.send(HTTPCall("GET", "/"), to: address, isFresh: isFresh).get() }
        #expect(server.openings == (isFresh ? 3 : 1))
        #expect(server.requests.allSatisfy { $0.contains("connection: close\r\n") == isFresh })
    }

    @Test("two hundred requests at once are all answered, each with its own answer")
    func many() async throws {
        let echo = try EchoServer()
        let bodies = try await withThrowingTaskGroup(of: (Int, [UInt8]).self) { group in
            for number in 0..<200 {
                group.addTask { [bench] in (number, try await bench.send(HTTPCall("GET", "/\(number)"), to: echo.address).get().body) }
            }
            return try await group.reduce(into: [:]) { $0[$1.0] = $1.1 }
        }
        #expect(bodies.count == 200)
        #expect(bodies.allSatisfy { $1 == Array("GET /\($0) ".utf8) })
    }

    // MARK: TLS

    @Test("authorities come from a file as well; one that is not there, or is none, is refused at the beginning")
    func authorities() async throws {
        let certificates = try LabCertificates(at: Date())
        let echo = try EchoServer(security: ServerSecurity(certificates.server()))
        let folder = try TestFolder()
        let file = try folder.write("authority.pem", certificates.authority)
        let bench = try RequestBench(security: ClientSecurity(roots: .file(file)))
        #expect(try await bench.send(HTTPCall("GET", "/"), to: echo.address, secure: true).get().status == 200)
        let wrong = try folder.write("wrong.pem", "no certificate")
        for (path, reason) in [(file + ".gone", StreamFailure.Reason.notFound), (wrong, .certificate)] {
            let failure = #expect(throws: StreamFailure.self) { _ = try RequestBench(security: ClientSecurity(roots: .file(path))) }
            #expect(failure?.reason == reason && failure?.medium == path)
        }
    }

    @Test("https with an authority that is known; without it, and without TLS at the other end, nothing is sent: unreachable")
    func security() async throws {
        let certificates = try LabCertificates(at: Date())
        let echo = try EchoServer(security: ServerSecurity(certificates.server()))
        let trusting = try RequestBench(security: ClientSecurity(roots: .pinned(certificates.authority)))
        let answer = try await trusting.send(HTTPCall("GET", "/secret"), to: echo.address, secure: true).get()
        #expect(answer.body == Array("GET /secret ".utf8))
        let stranger = try LabCertificates(named: "Stranger", at: Date())
        let other = try RequestBench(security: ClientSecurity(roots: .pinned(stranger.authority)))
        #expect(await other.send(HTTPCall("GET", "/"), to: echo.address, secure: true, limit: .seconds(10)) == .failure(.unreachable))
        let plain = try EchoServer()
        #expect(await trusting.send(HTTPCall("GET", "/"), to: plain.address, secure: true, limit: .seconds(10)) == .failure(.unreachable))
        #expect(echo.taken.count == 1 && plain.taken.isEmpty)
    }
}
