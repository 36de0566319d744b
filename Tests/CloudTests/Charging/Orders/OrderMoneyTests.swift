import LabCore
import Testing

@testable import Cloud

@Suite("Payments, refunds and reviews of orders (charging-orders.md 2.1, F45 to F54)")
struct OrderMoneyTests {
    /// 80 fen of which the wallet had 50: 30 are owed.
    private func due(_ world: OrderWorld) async throws -> Order {
        try await world.topUp("rider", 50)
        let order = try await world.create(hold: 50)
        try world.say(.startAnswered(pile: OrderWorld.pile, port: 1, order: order.number, .started))
        world.advance(.seconds(1_800))
        try world.send(world.bill(order.number, energy: 8_000, seconds: 1_800))
        let due = try world.look(order)
        #expect((due.state, due.open) == (.due, 30))
        for number in ["A1", "A2"] {
            world.payments.add(PaymentAttempt(number: number, order: order.number, user: "rider", channel: "wechat", fen: 30))
        }
        return due
    }

    private func notice(_ attempt: String, _ transaction: String, fen: Int64 = 30) -> PaymentNotice {
        PaymentNotice(channel: "wechat", transaction: transaction, attempt: attempt, fen: fen, paidAt: OrderWorld.epoch + 1_900)
    }

    /// 1,235 fen of a hold of 2,000, closed.
    private func closed(_ world: OrderWorld) async throws -> Order {
        let order = try await world.charging()
        try world.run(order, seconds: 36_000, energy: 123_000)
        try world.send(world.bill(order.number, energy: 123_456, seconds: 36_000))
        return try world.look(order)
    }

    @Test("ten notices of one transaction are one entry, and the order is closed (F46)")
    func notices() async throws {
        let world = try OrderWorld()
        let order = try await due(world)
        #expect(try world.engine.paid(notice("A1", "T1")) == .booked)
        #expect(try world.look(order).state == .closed)
        for _ in 2...10 { #expect(try world.engine.paid(notice("A1", "T1")) == .repeated) }
        // TRADE_FINISHED a year later (F51).
        world.advance(.seconds(365 * 86_400))
        #expect(try world.engine.paid(notice("A1", "T1")) == .repeated)
        #expect((try world.look(order).paid, try world.look(order).open) == (30, 0))
        try world.check()
    }

    @Test("a payment after the order was closed by another goes back whole, once (F49, F50)")
    func double() async throws {
        let world = try OrderWorld()
        let order = try await due(world)
        #expect(try world.engine.paid(notice("A1", "T1")) == .booked)
        guard case .returned(let refund) = try world.engine.paid(notice("A2", "T2")) else {
            Issue.record("not returned")
            return
        }
        #expect(try world.engine.paid(notice("A2", "T2")) == .repeated)
        #expect(try world.look(order).paid == 30)
        try world.engine.refunded(number: refund, succeeded: true)
        try world.engine.refunded(number: refund, succeeded: true)
        #expect(world.events("refund.done").count == 1)
        let transit = try world.disk.read { db in try LedgerAudit.inTransit(in: db) }
        #expect(transit == 0)
        try world.check()
    }

    @Test("an unknown attempt and another amount are refused, and nothing changes (F48)")
    func refused() async throws {
        let world = try OrderWorld()
        let order = try await due(world)
        #expect(try world.engine.paid(notice("A9", "T1")) == .refused(reason: "unknown_attempt"))
        #expect(try world.engine.paid(notice("A1", "T1", fen: 29)) == .refused(reason: "amount"))
        #expect(try world.look(order) == order)
        try world.check()
    }

    @Test("a payment fills the wallet")
    func topUp() async throws {
        let world = try OrderWorld()
        world.payments.add(PaymentAttempt(number: "W1", order: "", user: "rider", channel: "alipay", fen: 500))
        let notice = PaymentNotice(channel: "alipay", transaction: "T7", attempt: "W1", fen: 500, paidAt: OrderWorld.epoch)
        #expect(try world.engine.paid(notice) == .booked)
        #expect(try world.engine.paid(notice) == .repeated)
        #expect(try world.wallet() == 500)
        try world.check()
    }

    @Test("V20: refunds of 333, 333 with the same key, 901, 902, 1: three accepted, one replay, one refused")
    func refunds() async throws {
        let world = try OrderWorld()
        let order = try await closed(world)
        #expect(order.price == 1_235)
        func refund(_ key: String, _ fen: Int64) async throws -> OrderRefund {
            try await world.await { try await world.engine.refund(order.number, key: key, fen: fen) }
        }
        let first = try await refund("r1", 333)
        #expect(try await refund("r1", 333) == first)
        _ = try await refund("r2", 901)
        await #expect(throws: APIError(.refundTooLarge, details: ["refundable": 1])) { _ = try await refund("r3", 902) }
        _ = try await refund("r4", 1)
        #expect(try world.look(order).refunded == 1_235)
        #expect(try world.wallet() == 10_000)
        await #expect(throws: APIError(.refundKeyReused, details: ["fen": 333])) { _ = try await refund("r1", 1) }
        try world.check()
    }

    @Test("what came by a payment service goes back there, with one number, and no other refund runs meanwhile (F52, F53)")
    func channelRefund() async throws {
        let world = try OrderWorld()
        let order = try await due(world)
        _ = try world.engine.paid(notice("A1", "T1"))
        let refund = try await world.await { try await world.engine.refund(order.number, key: "r1", fen: 40) }
        #expect((refund.channelFen, refund.walletFen, refund.state) == (30, 10, "pending"))
        #expect(world.payments.refunds == [PaymentRefund(number: refund.number, attempt: "A1", channel: "wechat", fen: 30)])
        await #expect(throws: APIError(.refundRunning)) {
            _ = try await world.await { try await world.engine.refund(order.number, key: "r2", fen: 1) }
        }
        // After a crash it is handed over again, with the same number.
        try world.restart()
        #expect(world.payments.refunds.map(\.number) == [refund.number, refund.number])
        try world.engine.refunded(number: refund.number, succeeded: false)
        #expect(try world.look(order).review == [.refundFailed])
        try world.engine.refunded(number: refund.number, succeeded: true)
        #expect(world.events("refund.done").count == 1)
        #expect(try world.wallet() == 10)
        try world.check()
    }

    @Test("only a closed order is refunded, and nothing or less than nothing is no refund (F53)")
    func refundStates() async throws {
        let world = try OrderWorld()
        let order = try await due(world)
        await #expect(throws: APIError(.orderState, details: ["state": "due"])) {
            _ = try await world.await { try await world.engine.refund(order.number, key: "r1", fen: 1) }
        }
        _ = try world.engine.paid(notice("A1", "T1"))
        await #expect(throws: APIError(.refundTooLarge, details: ["refundable": 80])) {
            _ = try await world.await { try await world.engine.refund(order.number, key: "r1", fen: 0) }
        }
    }

    @Test("the 51st refund is refused (F53)")
    func manyRefunds() async throws {
        let world = try OrderWorld()
        let order = try await closed(world)
        for number in 1...50 { _ = try await world.await { try await world.engine.refund(order.number, key: "r\(number)", fen: 1) } }
        await #expect(throws: APIError(.tooManyRefunds)) {
            _ = try await world.await { try await world.engine.refund(order.number, key: "r51", fen: 1) }
        }
        try world.check()
    }

    @Test("a person ends a review and gives part of the price back")
    func resolve() async throws {
        let world = try OrderWorld()
        let order = try await closed(world)
        await #expect(throws: APIError.self) {
            _ = try await world.await {
                try await world.engine.resolve(order.number, review: nil, by: "otto", remark: "none open", refund: 0)
            }
        }
        try world.send(world.bill(order.number, energy: 100_000, seconds: 36_000))
        let resolved = try await world.await {
            try await world.engine.resolve(order.number, review: .billConflict, by: "otto", remark: "the second was right", refund: 235)
        }
        #expect(resolved.review == [])
        #expect((resolved.price, resolved.returned) == (1_000, 235))
        #expect(try world.wallet() == 9_000)
        #expect(world.events("order.resolved").count == 1)
        try world.check()
    }

    @Test("a top-up with the same key counts once")
    func topUpKey() async throws {
        let world = try OrderWorld()
        try await world.topUp("rider", 100, key: "a")
        try await world.topUp("rider", 100, key: "a")
        try await world.topUp("rider", 100, key: "b")
        #expect(try world.wallet() == 200)
        try world.check()
    }
}
