import LabCore
import Testing
import Transports

@Suite("Stream server", .timeLimit(.minutes(2)))
struct StreamServerTests {
    private let bench = SocketBench()
    private let handler = ServerProbe()

    @Test("tells about a connection: opened with its peer, bytes, closed")
    func life() async throws {
        let server = StreamServer(on: bench.sockets, handler: handler)
        defer { server.stop() }
        let address = try server.listen(StreamListener(.loopback))
        #expect(address.port > 0)
        let client = bench.client(address)
        #expect(await client.open() == .opened)
        let (id, peer) = try #require(await handler.nextOpened())
        #expect(peer.address.host == "127.0.0.1")
        #expect(peer.certificateSubject == nil)
        await client.send("ping")
        #expect(await handler.next() == .received(id, Array("ping".utf8)))
        server.send(id, Array("pong".utf8))
        #expect(await client.bytes(4) == Array("pong".utf8))
        await client.close()
        guard case .closed(id, let failure)? = await handler.next() else { return #expect(Bool(false), "not told that it closed") }
        #expect(failure.reason == .ended)
    }

    @Test("sends in one turn of the loop come as one piece")
    func merged() async throws {
        let server = StreamServer(on: bench.sockets, handler: handler)
        defer { server.stop() }
        let client = bench.client(try server.listen(StreamListener(.loopback)))
        #expect(await client.open() == .opened)
        let id = try #require(await handler.nextOpened()).id
        bench.sockets.post { for number in 0..<100 { server.send(id, [UInt8(number)]) } }
        guard case .bytes(let bytes, _)? = await client.next() else { return #expect(Bool(false), "no bytes came") }
        #expect(bytes == Array(0..<100))
    }

    @Test("close from here sends what was sent before and tells the handler nothing")
    func closeFromHere() async throws {
        let server = StreamServer(on: bench.sockets, handler: handler)
        defer { server.stop() }
        let client = bench.client(try server.listen(StreamListener(.loopback)))
        #expect(await client.open() == .opened)
        let id = try #require(await handler.nextOpened()).id
        server.send(id, Array("bye".utf8))
        server.close(id)
        let (bytes, failure) = await client.rest()
        #expect(bytes == Array("bye".utf8))
        #expect(failure?.reason == .ended)
        // The next that the handler hears is of another connection.
        #expect(await client.open() == .opened)
        let second = try #require(await handler.nextOpened()).id
        #expect(second != id)
        // A number that is past does no harm.
        server.send(id, [1])
        server.close(id)
        server.send(second, [2])
        #expect(await client.bytes(1) == [2])
    }

    @Test("the last words can be read by a client that goes on writing after them")
    func lastWords() throws {
        let handler = FarewellHandler { id, server in
            server.send(id, Array("bye".utf8))
            server.close(id)
        }
        let server = StreamServer(on: bench.sockets, handler: handler)
        handler.serves(server)
        defer { server.stop() }
        let client = try BlockingSocket(port: server.listen(StreamListener(.loopback)).port)
        #expect(client.write([1]))
        #expect(client.read() == Array("bye".utf8))
        #expect(client.read() == [], "the server has ended its direction")
        // At a socket that is gone the first of these would be answered with a reset, and the second fail.
        #expect(client.write([2]))
        #expect(client.write([3]))
    }

    @Test("a connection that does not read becomes unwritable, and writable again when it reads")
    func congestion() async throws {
        try await congested { server, client, id, block in
            #expect(await client.bytes(block.count) == block)
            #expect(await handler.next() == .writable(id, true))
        }
    }

    @Test("what is sent while a connection takes no more comes behind what waits, and what is sent later behind that")
    func order() async throws {
        try await congested { server, client, id, block in
            server.send(id, [1, 2])
            server.send(id, [3])
            #expect(await client.bytes(block.count + 3) == block + [1, 2, 3])
            #expect(await handler.next() == .writable(id, true))
            server.send(id, [4])
            #expect(await client.bytes(1) == [4])
        }
    }

    /// A connection that was sent more than it takes.
    private func congested(_ body: (_ server: StreamServer, _ client: StreamProbe, _ id: StreamID, _ sent: [UInt8]) async throws -> Void) async throws {
        let server = StreamServer(on: bench.sockets, handler: handler, congestion: 64 << 10)
        defer { server.stop() }
        let client = bench.client(try server.listen(StreamListener(.loopback)))
        #expect(await client.open() == .opened)
        let id = try #require(await handler.nextOpened()).id
        let block = [UInt8](repeating: 7, count: 16 << 20)
        server.send(id, block)
        #expect(await handler.next() == .writable(id, false))
        try await body(server, client, id, block)
    }

    @Test("what is sent as soon as a connection is writable again is not lost")
    func refill() async throws {
        let handler = RefillingHandler(block: [UInt8](repeating: 7, count: 16 << 20), refills: 2)
        let server = StreamServer(on: bench.sockets, handler: handler, congestion: 64 << 10)
        handler.serves(server)
        defer { server.stop() }
        let client = bench.client(try server.listen(StreamListener(.loopback)))
        #expect(await client.open() == .opened)
        #expect(await client.bytes(48 << 20).count == 48 << 20)
    }

    @Test("paused reading leaves the bytes in the socket until it is resumed")
    func pausing() async throws {
        let server = StreamServer(on: bench.sockets, handler: handler)
        defer { server.stop() }
        let client = bench.client(try server.listen(StreamListener(.loopback)))
        #expect(await client.open() == .opened)
        let first = try #require(await handler.nextOpened()).id
        server.pauseReading(first)
        await client.send("held")
        // A second connection that comes and speaks afterwards is heard before.
        let other = bench.client(try server.listen(StreamListener(.loopback)))
        #expect(await other.open() == .opened)
        let second = try #require(await handler.nextOpened()).id
        await other.send("now")
        #expect(await handler.next() == .received(second, Array("now".utf8)))
        server.resumeReading(first)
        #expect(await handler.next() == .received(first, Array("held".utf8)))
    }

    @Test("stop closes every connection and every listener")
    func stop() async throws {
        let server = StreamServer(on: bench.sockets, handler: handler)
        let address = try server.listen(StreamListener(.loopback))
        let client = bench.client(address)
        #expect(await client.open() == .opened)
        _ = await handler.nextOpened()
        server.stop()
        #expect(await client.next()?.failure?.reason == .ended)
        #expect(await client.open()?.failure?.reason == .refused)
    }

    @Test("a listener on a port in use: busy")
    func portInUse() throws {
        let server = StreamServer(on: bench.sockets, handler: handler)
        defer { server.stop() }
        let address = try server.listen(StreamListener(.loopback))
        let failure = #expect(throws: StreamFailure.self) { try server.listen(StreamListener(address)) }
        #expect(failure?.reason == .busy)
    }
}
