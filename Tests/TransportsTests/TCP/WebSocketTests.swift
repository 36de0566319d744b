import LabCore
import Testing
import Transports

/// Frames by hand from RFC 6455; the mask is the one of its §5.7.
private enum Frame {
    static let mask: [UInt8] = [0x37, 0xFA, 0x21, 0x3D]

    static func masked(_ first: UInt8, _ payload: [UInt8]) -> [UInt8] {
        precondition(payload.count < 126)
        return [first, 0x80 | UInt8(payload.count)] + mask + payload.enumerated().map { $1 ^ mask[$0 % 4] }
    }

    static let hello = Array("Hello".utf8)
}

@Suite("WebSocket server (RFC 6455, MQTT 5.0 §6)", .timeLimit(.minutes(2)))
struct WebSocketTests {
    private let bench = SocketBench()
    private let handler = ServerProbe()

    /// The request of RFC 6455 §1.3 with MQTT's sub-protocol.
    private func request(subprotocol: String? = "mqtt", path: String = "/mqtt") -> String {
        """
        GET \(path) HTTP/1.1\r
        Host: server.example.com\r
        Upgrade: websocket\r
        Connection: Upgrade\r
        Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r
        \(subprotocol.map { "Sec-WebSocket-Protocol: \($0)\r\n" } ?? "")Sec-WebSocket-Version: 13\r
        \r

        """
    }

    private func head(of client: StreamProbe) async -> String {
        var text = ""
        while !text.hasSuffix("\r\n\r\n") {
            let byte = await client.bytes(1)
            if byte.isEmpty { break }
            text += String(decoding: byte, as: UTF8.self)
        }
        return text
    }

    private func server(_ settings: WebSocketSettings = WebSocketSettings(), timeout: Duration = .seconds(20)) throws -> (StreamServer, StreamProbe) {
        let server = StreamServer(on: bench.sockets, handler: handler, handshakeTimeout: timeout)
        return (server, bench.client(try server.listen(StreamListener(.loopback, framing: .webSocket(settings)))))
    }

    private func upgraded() async throws -> (server: StreamServer, client: StreamProbe, id: StreamID) {
        let (server, client) = try server()
        #expect(await client.open() == .opened)
        await client.send(request())
        let answer = await head(of: client)
        #expect(answer.hasPrefix("HTTP/1.1 101 Switching Protocols\r\n"))
        // The value of §1.3.
        #expect(answer.lowercased().contains("sec-websocket-accept: s3pplmbitxaq9kygzzhzrbk+xoo="))
        #expect(answer.lowercased().contains("sec-websocket-protocol: mqtt\r\n"))
        return (server, client, try #require(await handler.nextOpened()).id)
    }

    @Test("a masked binary frame is its bytes; what is sent is an unmasked binary frame (§5.7)")
    func binary() async throws {
        let (server, client, id) = try await upgraded()
        defer { server.stop() }
        await client.send([0x82, 0x85, 0x37, 0xFA, 0x21, 0x3D, 0x7F, 0x9F, 0x4D, 0x51, 0x58])
        #expect(await handler.next() == .received(id, Frame.hello))
        server.send(id, Frame.hello)
        #expect(await client.bytes(7) == [0x82, 0x05, 0x48, 0x65, 0x6C, 0x6C, 0x6F])
    }

    @Test("a fragmented message is the same bytes, with a ping between its parts (§5.4)")
    func fragments() async throws {
        let (server, client, _) = try await upgraded()
        defer { server.stop() }
        await client.send(Frame.masked(0x02, Array("Hel".utf8)) + Frame.masked(0x89, []) + Frame.masked(0x80, Array("lo".utf8)))
        #expect(await handler.bytes(5) == Frame.hello)
        #expect(await client.bytes(2) == [0x8A, 0x00])
    }

    @Test("a frame with a length of two bytes (§5.2)")
    func longFrame() async throws {
        let (server, client, id) = try await upgraded()
        defer { server.stop() }
        let payload = [UInt8](repeating: 0x2A, count: 300)
        await client.send([0x82, 0xFE, 0x01, 0x2C] + Frame.mask + payload.enumerated().map { $1 ^ Frame.mask[$0 % 4] })
        #expect(await handler.bytes(300) == payload)
        server.send(id, payload)
        #expect(await client.bytes(304) == [0x82, 0x7E, 0x01, 0x2C] + payload)
    }

    @Test("a ping is answered with a pong of the same content (§5.5.3, §5.7)")
    func ping() async throws {
        let (server, client, _) = try await upgraded()
        defer { server.stop() }
        await client.send([0x89, 0x85, 0x37, 0xFA, 0x21, 0x3D, 0x7F, 0x9F, 0x4D, 0x51, 0x58])
        #expect(await client.bytes(7) == [0x8A, 0x05, 0x48, 0x65, 0x6C, 0x6C, 0x6F])
    }

    @Test("a close frame is answered with its code, then the connection ends (§5.5.1)")
    func close() async throws {
        let (server, client, id) = try await upgraded()
        defer { server.stop() }
        await client.send(Frame.masked(0x88, [0x03, 0xE8]))
        let (bytes, failure) = await client.rest()
        #expect(bytes == [0x88, 0x02, 0x03, 0xE8])
        #expect(failure?.reason == .ended)
        guard case .closed(id, _)? = await handler.next() else { return #expect(Bool(false), "not told that it closed") }
    }

    @Test("close from the server is a close frame with 1000 (§7.4.1)")
    func closeFromServer() async throws {
        let (server, client, id) = try await upgraded()
        defer { server.stop() }
        server.close(id)
        #expect(await client.rest().bytes == [0x88, 0x02, 0x03, 0xE8])
    }

    @Test(
        "what a client must not send closes the connection with its code",
        arguments: [
            ("a text frame [MQTT-6.0.0-1]", Frame.masked(0x81, Frame.hello), 1_003),
            ("a frame without a mask (§5.1)", [0x82, 0x01, 0x00], 1_002),
            ("a reserved bit (§5.2)", Frame.masked(0xC2, [0]), 1_002),
            ("a continuation of nothing (§5.4)", Frame.masked(0x80, [0]), 1_002),
            ("a message within a message (§5.4)", Frame.masked(0x02, [0]) + Frame.masked(0x82, [0]), 1_002),
            ("an unknown operation (§5.2)", Frame.masked(0x83, [0]), 1_002),
            ("a fragmented ping (§5.5)", Frame.masked(0x09, [0]), 1_002),
            ("a close code of one byte (§5.5.1)", Frame.masked(0x88, [3]), 1_002),
            ("a close code that is reserved (§7.4.1)", Frame.masked(0x88, [0x03, 0xED]), 1_002),
            ("a frame of 2^32 bytes", [0x82, 0xFF, 0, 0, 0, 1, 0, 0, 0, 0] + Frame.mask, 1_009),
        ] as [(String, [UInt8], UInt16)])
    func violations(_ what: String, _ frames: [UInt8], _ code: UInt16) async throws {
        let (server, client, _) = try await upgraded()
        defer { server.stop() }
        await client.send(frames)
        let (bytes, failure) = await client.rest()
        #expect(bytes == [0x88, 0x02, UInt8(code >> 8), UInt8(code & 0xFF)], "\(what)")
        #expect(failure?.reason == .ended || failure?.reason == .vanished, "\(what)")
    }

    @Test("without the sub-protocol, or at another path, it is refused with 400", arguments: [(nil, "/mqtt"), ("wamp", "/mqtt"), ("mqtt", "/other")])
    func refusedUpgrade(_ subprotocol: String?, _ path: String) async throws {
        let (server, client) = try server(WebSocketSettings(path: "/mqtt"))
        defer { server.stop() }
        #expect(await client.open() == .opened)
        await client.send(request(subprotocol: subprotocol, path: path))
        let answer = String(decoding: await client.rest().bytes, as: UTF8.self)
        #expect(answer.hasPrefix("HTTP/1.1 400 Bad Request\r\n"))
        #expect(answer.hasSuffix("WebSocket with the sub-protocol mqtt at /mqtt only\n"))
        guard case .refused(let failure)? = await handler.next() else { return #expect(Bool(false), "not told that it was refused") }
        #expect(failure.reason == .malformed)
    }

    @Test("one of several sub-protocols, spelt in capitals, with a query at the path")
    func oneOfSeveral() async throws {
        let (server, client) = try server(WebSocketSettings(path: "/mqtt"))
        defer { server.stop() }
        #expect(await client.open() == .opened)
        await client.send(request(subprotocol: "mqttv3.1, MQTT", path: "/mqtt?token=1"))
        #expect(await head(of: client).hasPrefix("HTTP/1.1 101 "))
    }

    @Test("a browser's plain request is answered with 426 and what to use")
    func plainRequest() async throws {
        let (server, client) = try server()
        defer { server.stop() }
        #expect(await client.open() == .opened)
        await client.send("GET / HTTP/1.1\r\nHost: lab\r\n\r\n")
        let answer = String(decoding: await client.rest().bytes, as: UTF8.self)
        #expect(answer.hasPrefix("HTTP/1.1 426 Upgrade Required\r\n"))
        #expect(answer.hasSuffix("This is a WebSocket with the sub-protocol mqtt\n"))
    }

    @Test("bytes that are no HTTP end the connection")
    func noHTTP() async throws {
        let (server, client) = try server()
        defer { server.stop() }
        #expect(await client.open() == .opened)
        await client.send([0x10, 0x0C, 0x00, 0x04, 0x4D, 0x51, 0x54, 0x54, 0x04, 0x02, 0x00, 0x3C, 0x00, 0x00])
        #expect(await client.rest().failure != nil)
    }

    @Test("whoever says nothing is let go after the time")
    func silence() async throws {
        let (server, client) = try server(timeout: .milliseconds(50))
        defer { server.stop() }
        #expect(await client.open() == .opened)
        #expect(await client.next()?.failure?.reason == .ended)
        guard case .refused(let failure)? = await handler.next() else { return #expect(Bool(false), "not told that it was refused") }
        #expect(failure.reason == .timedOut)
    }
}
