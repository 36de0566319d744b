import LabCore
import Testing
import WireProtocols

@testable import Cloud

@Suite("Pile gateway, abuse (charging-orders.md F21, F57, F58; charging-protocols.md 6)")
struct GatewayAbuseTests {
    @Test("a connection that says nothing, or no protocol, is closed after 5 s; one without a known pile after a minute")
    func unidentified() throws {
        let world = try GatewayWorld()
        let silent = try world.connect()
        let slow = try world.connect()
        let shy = try world.connect()
        try world.receive(Captured.iccid, on: shy)
        for _ in 0..<5 {
            world.advance(.milliseconds(900))
            try world.receive([0x00], on: slow)
        }
        #expect(world.closedReason(of: silent) == nil)
        world.advance(.milliseconds(500))
        #expect(world.closedReason(of: silent) == "unidentified" && world.closedReason(of: slow) == "unidentified")
        #expect(world.closedReason(of: shy) == nil)
        world.advance(.seconds(55))
        #expect(world.closedReason(of: shy) == "no_login")
        #expect(try world.gateway.population.connections == 0)
    }

    @Test("garbage before a protocol shows is bounded, and so is garbage and damage afterwards")
    func flood() throws {
        let world = try GatewayWorld()
        let known = try world.loggedIn()
        let first = try world.connect("10.6.6.6:1")
        try world.receive(Array(repeating: 0xaa, count: 100_000), on: first)
        #expect(world.closedReason(of: first) == "unidentified")
        try world.receive(Array(repeating: 0xaa, count: 10_000), on: known)
        #expect(world.closedReason(of: known) == "garbage")
        #expect(world.notes("pile.offline").map { $0["reason"]?.text } == ["garbage"])

        let damaged = try world.loggedIn("10.0.0.1:4011")
        var frame = try #require(Hexadecimal.bytes(Captured.heartbeat))
        frame[frame.count - 1] ^= 1
        for _ in 0..<200 { try world.receive(frame, on: damaged) }
        #expect(world.closedReason(of: damaged) == "garbage")
        // What is refused is told so often, and counted always.
        #expect(world.notes("frame.refused").count <= 16)
        #expect(try world.gateway.counters.refused.values.reduce(0, +) >= 65)
    }

    @Test("half a frame does not hold back what follows for ever: after 10 s it is taken for a false head")
    func incomplete() throws {
        let world = try GatewayWorld()
        let connection = try world.loggedIn()
        try world.receive("444e59f401", on: connection)  // 500 bytes would follow
        try world.receive(Captured.heartbeat, on: connection)
        #expect(world.sent(on: connection).isEmpty)
        world.advance(.seconds(10))
        #expect(world.sent(on: connection) == [Captured.heartbeatAnswer])
    }

    @Test("a stream whose pieces always end inside a frame loses none, however long it goes on")
    func alwaysIncomplete() throws {
        let world = try GatewayWorld()
        let connection = try world.loggedIn()
        let frame = try #require(Hexadecimal.bytes(Captured.heartbeat))
        try world.receive(Array(frame[..<10]), on: connection)
        for _ in 0..<40 {
            world.advance(.seconds(1))
            try world.receive(Array(frame[10...]) + Array(frame[..<10]), on: connection)
        }
        #expect(world.sent(on: connection).count == 40)
        #expect(try world.gateway.counters.garbage == 0)
    }

    @Test("connections of one address are bounded")
    func connections() throws {
        let world = try GatewayWorld { $0.strangersPerPeer = 10 }
        let numbers = try (0..<15).map { try world.connect("10.6.6.6:\($0)") }
        #expect(numbers.count { world.closedReason(of: $0) == "too_many_connections" } == 5)
        let other = try world.connect("10.6.6.7:1")
        #expect(world.closedReason(of: other) == nil)
    }

    @Test("memory for addresses is bounded: strangers beyond it share one entry")
    func manyAddresses() throws {
        let world = try GatewayWorld {
            $0.maximumPeers = 100
            $0.strangersPerPeer = 50
        }
        for index in 0..<400 { _ = try world.connect("10.\(index / 256).\(index % 256).1:1") }
        #expect(try world.gateway.counters.closed["too_many_connections"] == 250)
    }

    @Test("BKV and DNY piles beside one another, and the native form that is not served")
    func beside() throws {
        let world = try GatewayWorld()
        let dny = try world.loggedIn()
        let bkv = try world.gatewayIn()
        let native = try BKVNativeFrame(isFromDevice: true, record: BKVRecord(command: 0x1001, gateway: Captured.gateway)).encoded()
        try world.receive(native, on: bkv)
        #expect(world.notes("frame.refused").map { $0["reason"]?.text } == ["native_form"])
        #expect(try world.gateway.isOnline(Captured.pile) && world.gateway.isOnline(Captured.socket))
        #expect(world.closedReason(of: dny) == nil && world.closedReason(of: bkv) == nil)
    }

    @Test("metrics by protocol, command and reason, in a fixed order")
    func metrics() throws {
        let world = try GatewayWorld()
        let registry = MetricsRegistry()
        try world.gateway.addMetrics(to: registry)
        let connection = try world.loggedIn()
        try world.receive(try Made.settlement("ORDER20250701AAA", 7, port: 9), on: connection)
        let text = registry.text()
        #expect(text.contains("lab_piles_online 1\n"))
        #expect(text.contains(#"lab_pile_frames_received_total{protocol="dny",command="0x20"} 1"#))
        #expect(text.contains(#"lab_pile_frames_refused_total{protocol="dny",command="0x03",reason="impossible_port"} 1"#))
        #expect(text.contains("# TYPE lab_pile_frames_refused_total counter"))
    }

    @Test("the default number of a broken memory is refused for what it is (row 16)")
    func defaultID() throws {
        let world = try GatewayWorld()
        let connection = try world.connect()
        // 12000000, with the code of a double pile.
        try world.receive(try Made.dny(.heartbeat(DNYHeartbeat()), 1, pile: 0x04b7_1b00), on: connection)
        #expect(world.notes("frame.refused").map { $0["reason"]?.text } == ["default_id"])
        #expect(world.closedReason(of: connection) == "unknown_pile")
    }

    @Test("the middleware's dialect, which no device speaks, is refused and hangs nothing (row 25)")
    func middleware() throws {
        let world = try GatewayWorld()
        let connection = try world.loggedIn()
        var settings = DNYSettings()
        settings.dialect = .iotServerCDZ
        let frame = try DNYFrame(physicalID: 0, messageID: 1, command: 0x21, data: [1, 2, 3], name: Captured.pile).encoded(settings)
        try world.receive(frame, on: connection)
        try world.receive(Captured.heartbeat, on: connection)
        world.advance(.seconds(10))
        #expect(world.sent(on: connection) == [Captured.heartbeatAnswer])
        #expect(world.events().isEmpty)
    }
}
