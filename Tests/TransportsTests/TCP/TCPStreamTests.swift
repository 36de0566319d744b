import LabCore
import NIOCore
import NIOPosix
import Synchronization
import Testing
import Transports

/// A listener that keeps what it accepts.
final class Door: Sendable {
    let listener: TCPListener
    private let streams: AsyncStream<StreamProbe>

    init(_ bench: SocketBench, security: ServerSecurity? = nil) throws {
        let (streams, continuation) = AsyncStream<StreamProbe>.makeStream()
        self.streams = streams
        listener = try TCPListener(on: bench.sockets, security: security, reportingTo: bench.owner, clock: bench.clock) { [bench] stream in
            continuation.yield(StreamProbe(stream, bench))
        }
    }

    func next() async -> StreamProbe? {
        for await stream in streams { return stream }
        return nil
    }
}

@Suite("TCP streams", .timeLimit(.minutes(2)))
struct TCPStreamTests {
    private let bench = SocketBench()

    /// A client and what it is connected to.
    private func pair() async throws -> (client: StreamProbe, accepted: StreamProbe, door: Door) {
        let door = try Door(bench)
        let client = bench.client(door.listener.address)
        #expect(await client.open() == .opened)
        return (client, try #require(await door.next()), door)
    }

    @Test("bytes go both ways, in order, and carry the time at which they were read")
    func bothWays() async throws {
        let (client, accepted, _) = try await pair()
        await client.send("hello ")
        await client.send("there")
        #expect(await accepted.bytes(11) == Array("hello there".utf8))
        await accepted.send("well")
        guard case .bytes(let bytes, let moment)? = await client.next() else { return #expect(Bool(false), "no bytes came") }
        #expect(bytes == Array("well".utf8))
        #expect(moment > .start)
    }

    @Test("a megabyte comes as it was sent, though the reader starts late")
    func bulk() async throws {
        let (client, accepted, _) = try await pair()
        let sent = (0..<5 << 20).map { UInt8(truncatingIfNeeded: $0 &* 31 ^ $0 >> 11) }
        await client.send(sent)
        #expect(await accepted.bytes(sent.count) == sent)
    }

    @Test("what was sent before close arrives; the other side is told that it ended, this side nothing")
    func closeSendsFirst() async throws {
        let (client, accepted, _) = try await pair()
        await bench.run { [stream = client.stream] in
            stream.send(Array("last words".utf8))
            stream.close()
            stream.send(Array("too late".utf8))
        }
        let (bytes, failure) = await accepted.rest()
        #expect(bytes == Array("last words".utf8))
        #expect(failure?.reason == .ended)
        let isOpen = await bench.run { client.stream.isOpen }
        #expect(!isOpen)
    }

    @Test("a stream can be opened again after it was closed and after it was lost")
    func reopen() async throws {
        let (client, accepted, door) = try await pair()
        await accepted.close()
        #expect(await client.next()?.failure?.reason == .ended)
        #expect(await client.open() == .opened)
        await client.close()
        #expect(await client.open() == .opened)
        door.listener.close()
    }

    @Test("an accepted stream cannot be opened again and says so")
    func acceptedIsOnce() async throws {
        let (client, accepted, _) = try await pair()
        await client.close()
        #expect(await accepted.next()?.failure?.reason == .ended)
        #expect(await accepted.open()?.failure?.reason == .unsupported)
    }

    @Test("no event comes from inside a call")
    func notFromInside() async throws {
        let (client, _, _) = try await pair()
        await client.close()
        let isInside = Mutex(false)
        let wasInside = await withCheckedContinuation { continuation in
            bench.owner.post { [stream = client.stream] in
                stream.onEvent = { _ in continuation.resume(returning: isInside.withLock { $0 }) }
                isInside.withLock { $0 = true }
                stream.open()
                isInside.withLock { $0 = false }
            }
        }
        #expect(!wasInside)
    }

    @Test("nobody listens: refused, with what to do")
    func refused() async throws {
        let port = try #require(UnusedPort())
        let address = port.address
        let failure = await bench.client(address).open()?.failure
        #expect(failure == StreamFailure(.refused, "tcp \(address)", "nobody listens there", remedy: "start the server, or check the port"))
    }

    @Test("a host name that does not exist: not found")
    func unknownHost() async throws {
        // RFC 6761 §6.4: names below .invalid never exist.
        let failure = await bench.client(StreamAddress("nowhere.invalid", 1_883)).open()?.failure
        #expect(failure?.reason == .notFound)
        #expect(failure?.detail == "there is no host nowhere.invalid")
    }

    @Test("a host name is resolved")
    func hostName() async throws {
        let listener = try TCPListener(on: bench.sockets, reportingTo: bench.owner, clock: bench.clock) { _ in }
        #expect(await bench.client(StreamAddress("localhost", listener.address.port)).open() == .opened)
    }

    @Test("a port in use: busy, with what to do")
    func portInUse() throws {
        let first = try TCPListener(on: bench.sockets, reportingTo: bench.owner, clock: bench.clock) { _ in }
        let failure = #expect(throws: StreamFailure.self) {
            _ = try TCPListener(on: bench.sockets, at: first.address, reportingTo: bench.owner, clock: bench.clock) { _ in }
        }
        #expect(failure?.description == "tcp \(first.address): the port is in use; choose another port, or 0 for any free one")
    }

    @Test("an address that the machine does not have: not found")
    func foreignAddress() {
        // 192.0.2.0/24 is for documentation (RFC 5737).
        let failure = #expect(throws: StreamFailure.self) {
            _ = try TCPListener(on: bench.sockets, at: StreamAddress("192.0.2.1", 0), reportingTo: bench.owner, clock: bench.clock) { _ in }
        }
        #expect(failure?.reason == .notFound)
    }

    @Test("a host that does not answer: timed out")
    func silentHost() async throws {
        // Nobody accepts, and the kernel answers no more than the backlog.
        let server = try await ServerBootstrap(group: bench.sockets.eventLoop)
            .serverChannelOption(.backlog, value: 0).serverChannelOption(.autoRead, value: false)
            .bind(host: "127.0.0.1", port: 0).get()
        let address = try #require(StreamAddress(server.localAddress))
        var clients: [StreamProbe] = []
        var event: ByteStreamEvent?
        repeat {
            let client = bench.client(address, timeout: .milliseconds(100))
            event = await client.open()
            clients.append(client)
        } while event == .opened && clients.count < 10
        #expect(event?.failure?.reason == .timedOut)
        #expect(event?.failure?.remedy == "check the address, the cable and the firewall")
        try await server.close()
    }

    @Test("IPv6 addresses are written with brackets")
    func addressText() {
        #expect(StreamAddress("::1", 8_883).description == "[::1]:8883")
        #expect(StreamAddress("127.0.0.1", 1_883).description == "127.0.0.1:1883")
    }
}
