import Foundation
import LabCore
import Synchronization
import Testing
import Transports

@Suite("TLS on sockets", .timeLimit(.minutes(2)))
struct SecurityTests {
    private let bench = SocketBench()
    private let handler = ServerProbe()
    private let authority: LabCertificates

    init() throws { authority = try LabCertificates(at: Date()) }

    private func server(_ security: ServerSecurity) throws -> (server: StreamServer, address: StreamAddress) {
        let server = StreamServer(on: bench.sockets, handler: handler)
        return (server, try server.listen(StreamListener(.loopback, security: security)))
    }

    private func trusting(_ version: TLSVersion? = nil, identity: StreamIdentity? = nil, serverName: String? = nil) -> ClientSecurity {
        ClientSecurity(
            roots: .pinned(authority.authority), serverName: serverName, identity: identity, minimumVersion: version ?? .v1_2,
            maximumVersion: version ?? .v1_3)
    }

    @Test("bytes go both ways", arguments: [TLSVersion.v1_2, .v1_3])
    func bothWays(_ version: TLSVersion) async throws {
        let (server, address) = try server(ServerSecurity(authority.server()))
        defer { server.stop() }
        let client = bench.client(address, security: trusting(version))
        #expect(await client.open() == .opened)
        let (id, peer) = try #require(await handler.nextOpened())
        #expect(peer.certificateSubject == nil)
        await client.send("over TLS")
        #expect(await handler.bytes(8) == Array("over TLS".utf8))
        let block = [UInt8](repeating: 9, count: 1 << 20)
        server.send(id, block)
        #expect(await client.bytes(block.count) == block)
        await client.close()
        #expect(await handler.closing() == .ended)
    }

    @Test("the subject of a client certificate is told", arguments: [TLSVersion.v1_2, .v1_3])
    func clientCertificate(_ version: TLSVersion) async throws {
        let (server, address) = try server(ServerSecurity(authority.server(), clientCertificates: .optional(authorities: authority.authority)))
        defer { server.stop() }
        let client = bench.client(address, security: trusting(version, identity: try authority.client("badge-1")))
        #expect(await client.open() == .opened)
        #expect(try #require(await handler.nextOpened()).peer.certificateSubject == "CN=badge-1,O=Lab")
        let anonymous = bench.client(address, security: trusting(version))
        #expect(await anonymous.open() == .opened)
        #expect(try #require(await handler.nextOpened()).peer.certificateSubject == nil)
    }

    @Test("a client without the required certificate is refused, and both sides say why", arguments: [TLSVersion.v1_2, .v1_3])
    func missingClientCertificate(_ version: TLSVersion) async throws {
        let (server, address) = try server(ServerSecurity(authority.server(), clientCertificates: .required(authorities: authority.authority)))
        defer { server.stop() }
        let client = bench.client(address, security: trusting(version))
        await bench.run { client.stream.open() }
        // In TLS 1.3 the client is done before the server has looked (RFC 8446 §4.4.2).
        let failure = await client.rest().failure
        #expect(failure?.reason == .certificate)
        guard case .refused(let reason)? = await handler.next() else { return #expect(Bool(false), "not told that it was refused") }
        #expect(reason.detail == "the client showed no certificate")
    }

    @Test("a client certificate of a stranger is refused")
    func strangersClientCertificate() async throws {
        let (server, address) = try server(ServerSecurity(authority.server(), clientCertificates: .optional(authorities: authority.authority)))
        defer { server.stop() }
        let stranger = try LabCertificates(named: "Stranger", at: Date()).client("badge-1")
        let client = bench.client(address, security: trusting(identity: stranger))
        await bench.run { client.stream.open() }
        #expect(await client.rest().failure?.reason == .certificate)
        guard case .refused(let reason)? = await handler.next() else { return #expect(Bool(false), "not told that it was refused") }
        #expect(reason.reason == .certificate)
    }

    @Test("a server whose authority is not trusted", arguments: [TLSVersion.v1_2, .v1_3])
    func unknownAuthority(_ version: TLSVersion) async throws {
        let stranger = try LabCertificates(named: "Stranger", at: Date())
        let (server, address) = try server(ServerSecurity(stranger.server()))
        defer { server.stop() }
        let failure = await bench.client(address, security: trusting(version)).open()?.failure
        #expect(failure?.reason == .certificate)
        #expect(
            failure?.detail
                == "no authority that is trusted signed the server's certificate (CN=localhost,O=Lab, issued by CN=Stranger,O=Lab)")
        guard case .refused(let reason)? = await handler.next() else { return #expect(Bool(false), "the server is not told") }
        #expect(reason.reason == .certificate)
    }

    @Test("the machine's authorities do not know the lab's")
    func systemRoots() async throws {
        let (server, address) = try server(ServerSecurity(authority.server()))
        defer { server.stop() }
        let failure = await bench.client(address, security: ClientSecurity()).open()?.failure
        // Not found where the machine has no list of authorities at all.
        #expect([.certificate, .notFound].contains(failure?.reason))
    }

    @Test("a certificate for another name")
    func wrongName() async throws {
        let (server, address) = try server(ServerSecurity(authority.server(names: ["broker.example", "10.0.0.1"])))
        defer { server.stop() }
        let failure = await bench.client(address, security: trusting()).open()?.failure
        #expect(failure?.reason == .certificate)
        #expect(failure?.detail == "the server's certificate is for broker.example, 10.0.0.1, not for 127.0.0.1")
        #expect(await bench.client(address, security: trusting(serverName: "broker.example")).open() == .opened)
        let other = await bench.client(address, security: trusting(serverName: "broker.other")).open()?.failure
        #expect(other?.detail == "the server's certificate is for broker.example, 10.0.0.1, not for broker.other")
    }

    @Test("an expired certificate, and one that is not valid yet")
    func validity() async throws {
        let now = Date()
        let expired = try authority.server(validity: now.addingTimeInterval(-7_200)...now.addingTimeInterval(-3_600))
        let future = try authority.server(validity: now.addingTimeInterval(3_600)...now.addingTimeInterval(7_200))
        for (identity, words) in [(expired, "expired on"), (future, "is not valid before")] {
            let (server, address) = try server(ServerSecurity(identity))
            defer { server.stop() }
            let failure = await bench.client(address, security: trusting()).open()?.failure
            #expect(failure?.reason == .certificate)
            #expect(failure?.detail.contains(words) == true, "\(failure?.detail ?? "")")
        }
    }

    @Test("TLS 1.1 is refused, by the server and by the client")
    func oldVersion() async throws {
        let (server, address) = try server(ServerSecurity(authority.server()))
        defer { server.stop() }
        let old = await bench.client(address, security: trusting(.v1_1)).open()?.failure
        #expect(old?.reason == .certificate)
        #expect(old?.detail == "the two sides have no version of TLS in common")
        let oldServer = StreamServer(on: bench.sockets, handler: ServerProbe())
        defer { oldServer.stop() }
        let security = ServerSecurity(try authority.server(), minimumVersion: .v1_1, maximumVersion: .v1_1)
        let failure = await bench.client(try oldServer.listen(StreamListener(.loopback, security: security)), security: trusting()).open()?.failure
        #expect(failure?.reason == .certificate)
        #expect(failure?.detail == "the two sides have no version of TLS in common")
    }

    @Test("TLS against a port without it, and the other way round")
    func mixedUp() async throws {
        let (server, address) = try server(ServerSecurity(authority.server()))
        defer { server.stop() }
        let plain = bench.client(address)
        #expect(await plain.open() == .opened)
        await plain.send("GET / HTTP/1.1\r\n\r\n")
        _ = await plain.rest()
        guard case .refused(let reason)? = await handler.next() else { return #expect(Bool(false), "not told that it was refused") }
        #expect(reason.reason == .malformed)

        let talker = TalkativeHandler()
        let plainServer = StreamServer(on: bench.sockets, handler: talker)
        defer { plainServer.stop() }
        talker.server.withLock { $0 = plainServer }
        let plainAddress = try plainServer.listen(StreamListener(.loopback))
        let failure = await bench.client(plainAddress, security: trusting()).open()?.failure
        #expect(failure?.reason == .malformed)
        #expect(failure?.detail == "the other side does not speak TLS")
    }

    @Test("a server that says nothing in the handshake: timed out")
    func silentServer() async throws {
        let listener = try TCPListener(on: bench.sockets, reportingTo: bench.owner, clock: bench.clock) { [handler] stream in
            stream.onEvent = { [stream] _ in _ = stream }
            _ = handler
        }
        let failure = await bench.client(listener.address, security: trusting(), timeout: .milliseconds(100)).open()?.failure
        #expect(failure?.reason == .timedOut)
    }

    @Test("WebSocket over TLS", arguments: [TLSVersion.v1_2, .v1_3])
    func secureWebSocket(_ version: TLSVersion) async throws {
        let server = StreamServer(on: bench.sockets, handler: handler)
        defer { server.stop() }
        let security = ServerSecurity(try authority.server(), clientCertificates: .optional(authorities: authority.authority))
        let address = try server.listen(StreamListener(.loopback, security: security, framing: .webSocket(WebSocketSettings())))
        let client = bench.client(address, security: trusting(version, identity: try authority.client("badge-7")))
        #expect(await client.open() == .opened)
        await client.send(
            "GET / HTTP/1.1\r\nHost: lab\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
                + "Sec-WebSocket-Protocol: mqtt\r\nSec-WebSocket-Version: 13\r\n\r\n")
        #expect(try #require(await handler.nextOpened()).peer.certificateSubject == "CN=badge-7,O=Lab")
    }
}
