import LabCore
import Testing

@testable import Cloud

/// What a rule keeps from happening happens when the rule is broken on purpose, and only then.
@Suite("Seeded bugs of the order service are found (charging-orders.md 2.5)")
struct OrderBugTests {
    private static func isFound(_ bug: SeededBug?, _ look: (OrderWorld) async throws -> Bool) async throws -> Bool {
        try await look(try OrderWorld(bugs: bug.map { [$0] } ?? []))
    }

    private func only(_ bug: SeededBug, _ look: (OrderWorld) async throws -> Bool) async throws {
        #expect(try await Self.isFound(nil, look) == false)
        #expect(try await Self.isFound(bug, look) == true)
    }

    private static func ran(_ world: OrderWorld) async throws -> Order {
        let order = try await world.charging()
        world.advance(.seconds(600))
        try world.sample(order, energy: 1_000)
        return order
    }

    private static func estimated(_ world: OrderWorld) async throws -> Order {
        let order = try await ran(world)
        _ = try await world.stop(order)
        world.advance(.seconds(7_300))
        return order
    }

    private static func due(_ world: OrderWorld) async throws -> Order {
        try await world.topUp("rider", 50)
        let order = try await world.create(hold: 50)
        try world.say(.startAnswered(pile: OrderWorld.pile, port: 1, order: order.number, .started))
        world.advance(.seconds(1_800))
        try world.send(world.bill(order.number, energy: 8_000, seconds: 1_800))
        for number in ["A1", "A2"] {
            world.payments.add(PaymentAttempt(number: number, order: order.number, user: "rider", channel: "wechat", fen: 30))
        }
        return order
    }

    private static func notice(_ attempt: String, _ transaction: String) -> PaymentNotice {
        PaymentNotice(channel: "wechat", transaction: transaction, attempt: attempt, fen: 30, paidAt: 0)
    }

    @Test func ledgerKeyMissing() async throws {
        try await only(.ledgerKeyMissing) { world in
            let order = try await Self.ran(world)
            try world.send(world.bill(order.number, energy: 4_000, seconds: 600))
            for _ in 1...2 { _ = try? await world.await { try await world.engine.refund(order.number, key: "r", fen: 10) } }
            return try world.look(order).refunded != 10
        }
    }

    @Test func clientKeyMissing() async throws {
        try await only(.clientKeyMissing) { world in
            try await world.topUp()
            let first = try await world.create(key: "tap")
            return await (try? world.create(key: "tap"))?.number != first.number
        }
    }

    @Test func portNotExclusive() async throws {
        try await only(.portNotExclusive) { world in
            try await world.topUp("anna")
            try await world.topUp("berta")
            _ = try await world.create("anna")
            _ = try? await world.create("berta")
            return try world.violations().contains { $0.hasPrefix("I1") }
        }
    }

    @Test func acknowledgedBeforeStored() async throws {
        try await only(.acknowledgedBeforeStored) { world in
            let order = try await Self.ran(world)
            world.crash(at: "commit.before", of: "order.bill")
            let outcome = try world.send(world.bill(order.number, energy: 1_000, seconds: 600))
            try world.start()
            return try outcome == .settled(order: order.number) && world.look(order).state.isActive
        }
    }

    @Test func billNotDeduplicated() async throws {
        try await only(.billNotDeduplicated) { world in
            let order = try await Self.ran(world)
            let bill = world.bill(order.number, energy: 1_000, seconds: 600)
            try world.send(bill)
            try world.send(bill)
            return try world.events("order.settled").count == 2 && !world.violations().isEmpty
        }
    }

    @Test func lateBillIgnored() async throws {
        try await only(.lateBillIgnored) { world in
            let order = try await Self.estimated(world)
            try world.send(world.bill(order.number, energy: 500, seconds: 600))
            return try world.look(order).price != 5
        }
    }

    @Test func lateBillChargedUp() async throws {
        try await only(.lateBillChargedUp) { world in
            let order = try await Self.estimated(world)
            try world.send(world.bill(order.number, energy: 2_500, seconds: 600))
            return try world.violations().contains { $0.hasPrefix("I15") }
        }
    }

    @Test func cancelledOnStartTimeout() async throws {
        try await only(.cancelledOnStartTimeout) { world in
            try await world.topUp()
            let order = try await world.create()
            world.advance(.seconds(61))
            try world.send(world.bill(order.number, energy: 10, seconds: 50))
            return try world.look(order).state == .cancelled
        }
    }

    @Test func noticeNotDeduplicated() async throws {
        try await only(.noticeNotDeduplicated) { world in
            _ = try await Self.due(world)
            _ = try world.engine.paid(Self.notice("A1", "T1"))
            let again = try world.engine.paid(Self.notice("A1", "T1"))
            return try again != .repeated && !world.violations().isEmpty
        }
    }

    @Test func latePaymentKept() async throws {
        try await only(.latePaymentKept) { world in
            _ = try await Self.due(world)
            _ = try world.engine.paid(Self.notice("A1", "T1"))
            _ = try world.engine.paid(Self.notice("A2", "T2"))
            return try world.violations().contains { $0.hasPrefix("I5") }
        }
    }
}
