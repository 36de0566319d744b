import LabCore
import Testing
import WireProtocols

@testable import Cloud

@Suite("Pile gateway, faults on the wire (charging-orders.md 3, F17 to F24, F56 to F58, F63)")
struct GatewayFaultTests {
    @Test("ICCID, frame and link in one segment, one frame in ten segments, garbage between: all frames are seen (F20, rows 4 and 5)")
    func segments() throws {
        let world = try GatewayWorld()
        world.enter(Captured.pile)
        let connection = try world.connect()
        let registration = try #require(Hexadecimal.bytes(Captured.registration))
        let heartbeat = try #require(Hexadecimal.bytes(Captured.heartbeat))
        try world.receive(Captured.iccid + registration + Array("link".utf8), on: connection)
        #expect(world.sent(on: connection) == [Captured.registrationAnswer])
        for byte in heartbeat { try world.receive([byte], on: connection) }
        #expect(world.sent(on: connection) == [Captured.heartbeatAnswer])
        try world.receive(heartbeat + [0x00, 0x44, 0x4e, 0xff] + registration, on: connection)
        #expect(world.sent(on: connection) == [Captured.heartbeatAnswer, Captured.registrationAnswer])
        #expect(try world.gateway.counters.garbage == 4)
        #expect(world.closedReason(of: connection) == nil)
    }

    @Test("wrong checksum, wrong length, unknown command: dropped and counted, the connection stays (F21, row 19)")
    func damaged() throws {
        let world = try GatewayWorld()
        let connection = try world.loggedIn()
        var checksum = try #require(Hexadecimal.bytes(Captured.heartbeat))
        checksum[checksum.count - 1] ^= 1
        try world.receive(checksum, on: connection)
        try world.receive("444e59ffff" + "f36ca204bc0821", on: connection)  // 65,535 bytes long, it says
        try world.receive([0x44, 0x4e, 0x59] + [0xff, 0xff, 0xff, 0xff], on: connection)  // 4 GB in another protocol's length
        try world.receive(try Made.dny(.bare(0x70, DNYBare([1, 2])), 3), on: connection)
        #expect(world.sent(on: connection).isEmpty)
        try world.receive(Captured.heartbeat, on: connection)
        #expect(world.sent(on: connection) == [Captured.heartbeatAnswer])
        let reasons = world.notes("frame.refused").map { $0["reason"]?.text }
        #expect(reasons.contains("checksum") && reasons.contains("length") && reasons.contains("unknown_command"))
        #expect(world.closedReason(of: connection) == nil)
        #expect(world.events().isEmpty)
    }

    @Test(
        "the negative vectors of the specification change nothing",
        arguments: [
            "fcff001c0015001c9a5100860044594530050008070200010100f00000c8fcee",  // bkv-011: checksum c8 for d8
            "444e590900f36ca2040200120e03",  // ap3000-047 with its sum one too high
        ])
    func negatives(_ hex: String) throws {
        let world = try GatewayWorld()
        world.enter(Captured.pile)
        let connection = try world.connect()
        try world.receive(hex, on: connection)
        #expect(world.sent(on: connection).isEmpty && world.events().isEmpty && world.bills.isEmpty)
    }

    @Test(
        "a bill that parses to nonsense is not acknowledged, counted, and an alarm (F22)",
        arguments: [
            ("impossible_port", UInt8(9), UInt16(48), UInt32(0)), ("impossible_port", 255, 48, 0), ("impossible_energy", 0, 65_535, 0),
            ("impossible_time", 0, 48, 4_294_967_295),
        ])
    func absurd(_ reason: String, _ port: UInt8, _ energy: UInt16, _ time: UInt32) throws {
        let world = try GatewayWorld()
        let connection = try world.loggedIn()
        try world.receive(try Made.settlement("ORDER20250701AAA", 7, port: port, energy: energy, time: time), on: connection)
        #expect(world.sent(on: connection).isEmpty)
        #expect(world.bills.isEmpty)
        let refusal = try #require(world.notes("frame.refused").first)
        #expect(refusal["reason"]?.text == reason && refusal["order"]?.text == "ORDER20250701AAA" && refusal["command"]?.integer == 3)
        #expect(refusal["is_acknowledged"]?.bool == false)
        #expect(world.events().contains { if case .alarm(Captured.pile, _, .other, isOn: true) = $0 { true } else { false } })
        // The same connection goes on, and the frame as it should be is taken.
        try world.receive(try Made.settlement("ORDER20250701AAA", 8), on: connection)
        #expect(world.sent(on: connection).count == 1)
    }

    @Test(
        "a year that is none, 222222017 cut to what the field can hold, is refused as data and the connection lives (F63)",
        arguments: [
            (UInt16(56_065), UInt8(1)), (2_025, 13), (2_025, 0),
        ])
    func year(_ year: UInt16, _ month: UInt8) throws {
        let world = try GatewayWorld()
        let connection = try world.gatewayIn()
        var end = BKVPowerEnd()
        (end.end.business, end.end.energy, end.end.minutes) = (3, 10, 5)
        (end.year, end.month, end.day) = (year, month, 1)
        try world.receive(try Made.bkv(.powerEnd(end)), on: connection)
        #expect(world.sent(on: connection).isEmpty && world.bills.isEmpty)
        #expect(world.notes("frame.refused").map { $0["reason"]?.text } == ["impossible_time"])
        (end.year, end.month) = (2_025, 11)
        try world.receive(try Made.bkv(.powerEnd(end)), on: connection)
        #expect(world.sent(on: connection) == [Captured.bkv051])
    }

    @Test("the same message again: one settlement, answered again (F23); the same message ID with other content: refused, alarm (F24)")
    func sameMessage() throws {
        let world = try GatewayWorld()
        let connection = try world.loggedIn()
        let bill = try Made.settlement("ORDER20250701AAA", 7)
        try world.receive(bill, on: connection)
        try world.receive(bill, on: connection)
        let answers = world.sent(on: connection)
        #expect(answers.count == 2 && answers[0] == answers[1])
        #expect(world.notes("frame.acknowledged").map { $0["duplicate"]?.bool } == [false, true])
        _ = world.events()
        try world.receive(try Made.settlement("ORDER20250701AAA", 7, energy: 500), on: connection)
        #expect(world.sent(on: connection).isEmpty)
        #expect(world.bills.count == 2)
        #expect(world.notes("frame.refused").map { $0["reason"]?.text } == ["message_id_reused"])
        #expect(world.events() == [.alarm(pile: Captured.pile, port: 1, .other, isOn: true)])
    }

    @Test("a forged settlement of a settled order is acknowledged, and noted as refused for what it is (example 3)")
    func forged() throws {
        let world = try GatewayWorld()
        let connection = try world.loggedIn()
        world.keep(.answers(.refused(order: "ORDER20250701AAA", reason: "already_settled")))
        try world.receive(try Made.settlement("ORDER20250701AAA", 0x7777, seconds: 36_000), on: connection)
        #expect(world.sent(on: connection).count == 1)
        let note = try #require(world.notes("frame.refused").first)
        #expect(
            note["order"]?.text == "ORDER20250701AAA" && note["reason"]?.text == "already_settled" && note["is_acknowledged"]?.bool == true)
        #expect(world.notes("frame.acknowledged").isEmpty)
    }

    @Test("a bill is acknowledged when it is booked and not before (F18, I8); not on another connection, where it comes again anyway")
    func acknowledgedAfterwards() throws {
        let world = try GatewayWorld()
        let connection = try world.loggedIn()
        world.keep(.waits)
        try world.receive(try Made.settlement("ORDER20250701AAA", 7), on: connection)
        world.advance(.seconds(20))
        #expect(world.sent(on: connection).isEmpty)
        world.decide(.settled(order: "ORDER20250701AAA"))
        #expect(world.sent(on: connection).count == 1)

        try world.receive(try Made.settlement("ORDER20250701BBB", 8), on: connection)
        try world.gateway.closed(connection)
        let later = try world.loggedIn("10.0.0.1:4008")
        world.decide(.settled(order: "ORDER20250701BBB"))
        #expect(world.sent(on: later).isEmpty)
    }

    @Test("bills that nobody decides do not pile up: the pile keeps them")
    func undecided() throws {
        let world = try GatewayWorld()
        let connection = try world.loggedIn()
        world.keep(.waits)
        for index in UInt16(0)..<40 { try world.receive(try Made.settlement("ORDER20250701A\(10 + index)", 100 + index), on: connection) }
        #expect(world.bills.count == 16)
        world.decide(.failed)
        try world.receive(try Made.settlement("ORDER20250701AZZ", 300), on: connection)
        #expect(world.bills.count == 17)
    }

    // MARK: Who may

    @Test("a pile that nobody has entered is refused, and its connection closed (F57)")
    func stranger() throws {
        let world = try GatewayWorld()
        let connection = try world.connect()
        try world.receive(Captured.iccid, on: connection)
        try world.receive(Captured.registration, on: connection)
        #expect(world.sent(on: connection).isEmpty && world.events().isEmpty)
        #expect(world.closedReason(of: connection) == "unknown_pile")
        let refusal = try #require(world.notes("frame.refused").first)
        #expect(refusal["reason"]?.text == "unknown_pile" && refusal["pile"]?.text == "04a26cf3")
        let gateway = try world.connect()
        try world.receive(Captured.bkv039, on: gateway)
        #expect(world.closedReason(of: gateway) == "unknown_pile")
    }

    @Test("strangers are limited by address: after 30 refusals in a minute new connections end at once; others are unharmed (F57)")
    func strangersLimited() throws {
        let world = try GatewayWorld()
        let known = try world.loggedIn()
        for index in 0..<50 {
            let connection = try world.connect("10.6.6.6:\(index)")
            try world.receive("444e590f00cd28a204aa01208002021e31063904", on: connection)
        }
        #expect(try world.gateway.counters.closed["rate_limited"] == 19)
        #expect(try world.gateway.counters.closed["unknown_pile"] == 31)
        try world.receive(Captured.heartbeat, on: known)
        #expect(world.sent(on: known) == [Captured.heartbeatAnswer])
        world.advance(.seconds(61))
        let later = try world.connect("10.6.6.6:99")
        #expect(world.closedReason(of: later) == nil)
    }

    @Test("a slave that nobody has entered is refused, and its host's connection stays")
    func foreignSlave() throws {
        let world = try GatewayWorld()
        let connection = try world.loggedIn()
        try world.receive("444e590f00cd28a204aa01208002021e31063904", on: connection)
        #expect(world.closedReason(of: connection) == nil)
        #expect(world.notes("frame.refused").map { $0["pile"]?.text } == ["04a228cd"])
        let gateway = try world.gatewayIn()
        var end = BKVChargeEnd()
        end.socket = 9
        try world.receive(try Made.bkv(.chargeEnd(end)), on: gateway)
        let refused = try #require(world.notes("frame.refused").last)
        #expect(refused["pile"]?.text == "82241218000382-9")
        #expect(world.sent(on: gateway).isEmpty && world.bills.isEmpty)
    }

    @Test("two connections say they are one pile: the newer wins, the old is closed, commands go to one only, alarm (F56)")
    func takenOver() throws {
        let world = try GatewayWorld()
        let old = try world.loggedIn("10.0.0.1:4001")
        let new = try world.connect("10.9.9.9:4001")
        try world.receive(Captured.registration, on: new)
        #expect(world.closedReason(of: old) == "taken_over")
        #expect(world.notes("pile.taken_over").map { $0["is_alarm"]?.bool } == [true])
        let events = world.events()
        #expect(events.contains(.alarm(pile: Captured.pile, port: nil, .other, isOn: true)))
        #expect(events.contains { if case .online = $0 { true } else { false } })
        #expect(!events.contains { if case .offline = $0 { true } else { false } })
        _ = world.sent(on: new)
        try world.gateway.send(.query, to: Captured.pile)
        #expect(world.sent(on: old).isEmpty && world.sent(on: new).count == 1)
        try world.receive(Captured.heartbeat, on: old)
        #expect(world.sent(on: old).isEmpty)
    }

    @Test("a pile that comes again from its own address is taken over without alarm; thrice in a minute is one (F56)")
    func cameAgain() throws {
        let world = try GatewayWorld()
        for port in 1...4 {
            let connection = try world.connect("10.0.0.1:400\(port)")
            world.enter(Captured.pile)
            try world.receive(Captured.registration, on: connection)
            world.advance(.seconds(5))
        }
        #expect(world.notes("pile.taken_over").map { $0["is_alarm"]?.bool } == [false, false, true])
    }

    @Test("a host's connection survives that one of its slaves came elsewhere")
    func slaveMoved() throws {
        let world = try GatewayWorld()
        world.enter("04a228cd")
        let host = try world.loggedIn()
        try world.receive("444e590f00cd28a204aa01208002021e31063904", on: host)
        let elsewhere = try world.connect("10.0.0.7:1")
        try world.receive("444e590f00cd28a204aa01208002021e31063904", on: elsewhere)
        #expect(world.closedReason(of: host) == nil)
        #expect(try world.gateway.isOnline(Captured.pile) && world.gateway.isOnline("04a228cd"))
    }

    // MARK: Silence

    @Test("two heartbeats are missed: offline after 380 s, the half-open connection closed (F58, row 17)")
    func silent() throws {
        let world = try GatewayWorld()
        let connection = try world.loggedIn()
        world.advance(.seconds(379))
        #expect(try world.gateway.isOnline(Captured.pile))
        try world.receive(Captured.heartbeat, on: connection)
        world.advance(.seconds(379))
        #expect(try world.gateway.isOnline(Captured.pile))
        world.advance(.seconds(1))
        #expect(world.events().last == .offline(pile: Captured.pile, reason: "silent"))
        #expect(world.closedReason(of: connection) == "silent")
    }

    @Test("a module that says link every 30 s is missed after 120 s: a power cut is seen within three minutes (example 3)")
    func silentModule() throws {
        let world = try GatewayWorld()
        let connection = try world.loggedIn()
        for _ in 0..<20 {
            world.advance(.seconds(30))
            try world.receive(Array("link".utf8), on: connection)
            if world.now.nanoseconds % 180_000_000_000 == 0 { try world.receive(Captured.heartbeat, on: connection) }
        }
        world.advance(.seconds(119))
        #expect(try world.gateway.isOnline(Captured.pile))
        world.advance(.seconds(1))
        #expect(world.notes("pile.offline").map { $0["reason"]?.text } == ["silent"])
        #expect(world.closedReason(of: connection) == "silent")
    }

    @Test("a BKV gateway's sockets live by its heartbeat, and go with it after 150 s")
    func silentGateway() throws {
        let world = try GatewayWorld()
        world.enter("82241218000382-2")
        let connection = try world.gatewayIn()
        for _ in 0..<10 {
            world.advance(.seconds(60))
            try world.receive(Captured.bkv039, on: connection)
        }
        #expect(try world.gateway.isOnline("82241218000382-2"))
        world.advance(.seconds(150))
        #expect(world.notes("pile.offline").count == 2)
        #expect(world.closedReason(of: connection) == "silent")
    }
}
