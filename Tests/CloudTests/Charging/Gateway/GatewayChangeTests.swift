import LabCore
import Testing
import WireProtocols

@testable import Cloud

@Suite("Pile gateway, what changes while it runs")
struct GatewayChangeTests {
    @Test("a socket that is entered after its gateway has come logs in with its first report")
    func laterSocket() throws {
        let world = try GatewayWorld()
        let connection = try world.gatewayIn()
        world.enter("82241218000382-2")
        var socket = BKVSocketStatus()
        (socket.socket, socket.ports) = (2, [BKVPortStatus()])
        try world.receive(try Made.bkv(.record(BKVRecord(status: [socket], gateway: Captured.gateway))), on: connection)
        #expect(try world.gateway.isOnline("82241218000382-2"))
        #expect(world.notes("frame.refused") == [])
    }

    @Test("a pile that is taken out of service is offline at once, and refused when it comes again")
    func takenOut() throws {
        let world = try GatewayWorld()
        let connection = try world.loggedIn()
        try world.gateway.disconnect(Captured.pile, reason: "removed")
        #expect(world.events() == [.offline(pile: Captured.pile, reason: "removed")])
        #expect(world.closedReason(of: connection) == "removed")
    }

    @Test("a card that was held to a port long ago does not turn a start from the app into its answer")
    func oldCard() throws {
        let world = try GatewayWorld()
        let connection = try world.gatewayIn()
        var swipe = BKVCardSwipe()
        (swipe.business, swipe.card) = (26, "000000000002")
        try world.receive(try Made.bkv(.cardSwipe(swipe)), on: connection)
        world.advance(.seconds(61))
        try world.gateway.send(
            .start(order: "APP0000000000000", port: 1, limitEnergy: nil, limitSeconds: 60, limitPower: nil), to: Captured.socket)
        #expect(try world.sentBKV(on: connection).map { $0.inner?.sub } == [0x07])
    }

    @Test("after a slave was switched on again its message IDs begin anew")
    func slaveAgain() throws {
        let world = try GatewayWorld()
        let connection = try world.loggedIn()
        try world.receive(try Made.settlement("ORDER20250701AAA", 1), on: connection)
        try world.receive(Captured.registration, on: connection)
        _ = world.sent(on: connection)
        try world.receive(try Made.settlement("ORDER20250701BBB", 1), on: connection)
        #expect(world.sent(on: connection).count == 1)
    }

    @Test("commands that strangers invent make no metrics without end, and a flood of connections is told once a minute")
    func boundedTelling() throws {
        let world = try GatewayWorld { $0.strangersPerPeer = 1 }
        for _ in 0..<20 { _ = try world.connect("10.6.6.6:1") }
        #expect(world.notes("pile.connection_closed").count == 1)
        #expect(try world.gateway.counters.closed["too_many_connections"] == 19)
        let known = try world.loggedIn()
        for command in UInt8(0x45)..<0x70 { try world.receive(try Made.dny(.bare(command, DNYBare([1])), UInt16(command)), on: known) }
        #expect(try world.gateway.counters.refused.keys.count { $0.reason == "unknown_command" } == 1)
    }
}
