import LabCore
import Testing
import WireProtocols

@testable import Cloud

@Suite("Pile gateway under chaos")
struct PileGatewayFuzzTests {
    /// Frames of every kind that piles send, good ones.
    private static func frames(_ random: inout SeededGenerator) throws -> [UInt8] {
        let order = "ORDER2025070\(1_000 + random.integer(below: 20))"
        let messageID = UInt16(random.integer(below: 64))
        let port = UInt8(random.integer(below: 3))
        switch random.integer(below: 12) {
        case 0: return Captured.iccid
        case 1: return Array("link".utf8)
        case 2: return Hexadecimal.bytes(Captured.registration) ?? []
        case 3: return Hexadecimal.bytes(Captured.heartbeat) ?? []
        case 4: return try Made.settlement(order, messageID, port: port, energy: UInt16(random.integer(below: 30_000)))
        case 5: return try Made.report(order, messageID, port: port)
        case 6: return try Made.chargeAnswer(DNYStartResult(rawValue: UInt8(random.integer(below: 16))), order, messageID, port: port)
        case 7: return Hexadecimal.bytes(Captured.bkv039) ?? []
        case 8: return try Made.end(business: UInt16(random.integer(below: 8)), energy: UInt16(random.integer(below: 100)))
        case 9: return try Made.status(port: port, random.chance(0.5) ? .charging : .idle, business: UInt16(random.integer(below: 8)))
        case 10: return Hexadecimal.bytes(Captured.oldHeartbeat) ?? []
        default:
            return try Made.bkv(
                .startAnswer(BKVStartAnswer(isDone: random.chance(0.7), socket: 1, port: port, business: UInt16(random.integer(below: 8)))),
                sequence: UInt32(random.integer(below: 100)))
        }
    }

    /// What may happen to bytes on their way.
    private static func damaged(_ bytes: [UInt8], _ random: inout SeededGenerator) -> [UInt8] {
        var bytes = bytes
        switch random.integer(below: 8) {
        case 0 where !bytes.isEmpty: bytes[Int(random.integer(below: UInt64(bytes.count)))] ^= UInt8(1 + random.integer(below: 255))
        case 1: bytes = Array(bytes.prefix(Int(random.integer(below: UInt64(bytes.count + 1)))))
        case 2: bytes += random.bytes(Int(random.integer(below: 40)))
        case 3: bytes = random.bytes(Int(random.integer(below: 64))) + bytes
        case 4: bytes += bytes
        default: break
        }
        return bytes
    }

    @Test(
        "random frames, damage, splits, commands, cuts, crashes: no bill is acknowledged that was not booked, no memory without bound",
        arguments: 1...24)
    func chaos(seed: UInt64) throws {
        var random = SeededGenerator(seed: seed, purpose: "chaos at the pile gateway")
        var world = try GatewayWorld { $0.firstNumber = 1 }
        world.enter(Captured.pile)
        world.enter(Captured.socket)
        var open: [UInt64] = []
        for _ in 0..<400 {
            switch random.integer(below: 20) {
            case 0, 1: open.append(try world.connect("10.0.0.\(random.integer(below: 3)):\(random.integer(below: 60_000))"))
            case 2: if let last = open.popLast() { try world.gateway.closed(last) }
            case 3: world.advance(.nanoseconds(random.nanoseconds(in: 0...200_000_000_000)))
            case 4:
                try world.gateway.send(
                    .start(
                        order: "ORDER2025070\(1_000 + random.integer(below: 20))", port: 1, limitEnergy: nil, limitSeconds: 60,
                        limitPower: nil), to: random.chance(0.5) ? Captured.pile : Captured.socket)
            case 5:
                try world.gateway.send(
                    .stop(order: "ORDER2025070\(1_000 + random.integer(below: 20))", port: 2),
                    to: random.chance(0.5) ? Captured.pile : Captured.socket)
            case 6: if random.chance(0.2) { try world.restart(); open = [] }
            case 7: world.keep(random.chance(0.2) ? .answers(.failed) : .books)
            default:
                guard let connection = open.last else { continue }
                let bytes = Self.damaged(try Self.frames(&random), &random)
                let cut = Int(random.integer(below: UInt64(bytes.count + 1)))
                try world.receive(Array(bytes[..<cut]), on: connection)
                try world.receive(Array(bytes[cut...]), on: connection)
            }
        }
        let acknowledged = world.notes("frame.acknowledged").count
        let refused = world.notes("frame.refused").count { $0["is_acknowledged"]?.bool == true }
        let failed = world.notes("frame.refused").count { $0["reason"]?.text == "not_stored" }
        #expect(acknowledged + refused + failed == world.bills.count, "seed \(seed)")
        for bill in world.bills {
            #expect(bill.energy >= 0 && bill.energy <= 2_000_000 && bill.port >= 1 && bill.port <= 2, "seed \(seed)")
        }
        // A world that goes on as if nothing had been: whoever comes properly is served.
        world = try proper(world, seed)
    }

    private func proper(_ world: GatewayWorld, _ seed: UInt64) throws -> GatewayWorld {
        world.keep(.books)
        world.advance(.seconds(120))
        let connection = try world.loggedIn("10.7.7.7:1")
        try world.receive(Captured.settlement, on: connection)
        #expect(world.sent(on: connection) == [Captured.settlementAnswer], "seed \(seed)")
        let gateway = try world.gatewayIn("10.7.7.8:1")
        try world.receive(Captured.bkv050, on: gateway)
        #expect(world.sent(on: gateway) == [Captured.bkv051], "seed \(seed)")
        return world
    }

    @Test("random bytes of any kind neither crash nor are they believed", arguments: 1...8)
    func noise(seed: UInt64) throws {
        var random = SeededGenerator(seed: seed, purpose: "noise at the pile gateway")
        let world = try GatewayWorld()
        world.enter(Captured.pile)
        for _ in 0..<60 {
            let connection = try world.connect("10.0.0.\(random.integer(below: 200)):1")
            let head = [[], Array("DNY".utf8), [0xfc, 0xfe], Array("8986".utf8), Array("link".utf8)][Int(random.integer(below: 5))]
            for _ in 0..<8 { try world.receive(head + random.bytes(Int(random.integer(below: 300))), on: connection) }
            world.advance(.milliseconds(700))
        }
        #expect(world.bills.isEmpty && world.events().isEmpty, "seed \(seed)")
        world.advance(.seconds(120))
        #expect(try world.gateway.population.connections == 0, "seed \(seed)")
    }

    @Test("heartbeats and reports of idle ports ask neither the database nor the registry")
    func quiet() throws {
        let world = try GatewayWorld()
        let dny = try world.loggedIn()
        let bkv = try world.gatewayIn()
        let lookups = world.lookups
        world.disk.setFull(true)
        for _ in 0..<1_000 {
            try world.receive(Captured.heartbeat, on: dny)
            try world.receive(Captured.bkv039, on: bkv)
            try world.receive(Captured.bkv046, on: bkv)
        }
        #expect(world.lookups == lookups)
        #expect(world.sent(on: dny).count == 1_000 && world.sent(on: bkv).count == 2_000)
        #expect(world.notes("commit.before").isEmpty)
    }
}
