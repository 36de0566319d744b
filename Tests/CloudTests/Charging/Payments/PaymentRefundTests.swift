import Emulators
import LabCore
import Simulation
import Testing

@testable import Cloud

@Suite("Refunds by the payment services (charging-orders.md F52 to F54)")
struct PaymentRefundTests {
    private func paid(_ channel: String, fen: Int64 = 1_000, bugs: Set<SeededBug> = []) throws -> (PaymentWorld, StartedPayment) {
        let world = try PaymentWorld(bugs: bugs)
        let started = try world.begin(fen: fen, channel: channel)
        try world.userPays(started)
        world.advance(.seconds(5))
        try #require(world.orders.bookings.count == 1)
        return (world, started)
    }

    @Test("a refund is done when the service says so, and not before", arguments: ["wechat", "alipay"])
    func done(_ channel: String) throws {
        let (world, started) = try paid(channel)
        world.fault("refund.slow", ["by": .duration(7_200_000_000_000)])
        world.orders.refund("rf-1", started, 300)
        world.advance(.seconds(3_600))
        #expect(world.orders.refunds.map(\.state) == ["pending"])
        #expect(world.orders.said.isEmpty)
        world.advance(.seconds(7_200))
        #expect(world.orders.refunds.map(\.state) == ["done"])
        #expect(world.orders.said.map(\.succeeded).allSatisfy { $0 })
        #expect(try world.balance() == 700)
    }

    @Test(
        "F52: accepted and the answer lost: asked again with the same number, not within a minute; one refund",
        arguments: ["wechat", "alipay"])
    func answerLost(_ channel: String) throws {
        let (world, started) = try paid(channel)
        world.fault("answer.lose", ["call": "refund", "times": 2])
        // So that no notice tells it.
        world.fault("notice.lose")
        world.orders.refund("rf-1", started, 300)
        world.advance(.seconds(600))
        let sent = world.calls.filter {
            String(decoding: $0.call.body, as: UTF8.self).contains("rf-1")
                && ($0.call.path.hasSuffix("/refunds") || String(decoding: $0.call.body, as: UTF8.self).contains("alipay.trade.refund"))
        }
        #expect(sent.count == 3)
        for (before, after) in zip(sent, sent.dropFirst()) { #expect(before.at.duration(to: after.at) >= .seconds(60)) }
        #expect(try world.asked("transaction", ["attempt": .text(started.attempt)])["refunds"] == 1)
        #expect(world.orders.refunds.map(\.state) == ["done"])
        #expect(try world.balance() == 700)
    }

    @Test(
        "F53: more than was paid, and the 51st refund, are not sent; what is left can be given back to the last fen",
        arguments: ["wechat", "alipay"])
    func limits(_ channel: String) throws {
        let (world, started) = try paid(channel, fen: 100)
        world.orders.refund("too-much", started, 101)
        for number in 1...50 { world.orders.refund("rf-\(number)", started, 2) }
        world.orders.refund("rf-51", started, 1)
        world.advance(.seconds(3 * 3_600))
        let refunds = world.orders.refunds
        #expect(refunds.first?.state == "pending")
        #expect(refunds.dropFirst().prefix(50).allSatisfy { $0.state == "done" })
        #expect(refunds.last?.state == "pending")
        #expect(world.events("payment.refund").filter { $0["state"] == "refused" }.map { $0["reason"] } == ["too_large", "too_many"])
        #expect(try world.asked("transaction", ["attempt": .text(started.attempt)])["refunds"] == 50)
        #expect(try world.balance() == 0)
    }

    @Test("F53: a refund waits until the one before it has ended")
    func oneAtATime() throws {
        let (world, started) = try paid("wechat")
        world.fault("refund.slow", ["by": .duration(600_000_000_000), "times": 1])
        world.orders.refund("rf-1", started, 300)
        world.orders.refund("rf-2", started, 400)
        world.advance(.seconds(300))
        #expect(try world.asked("transaction", ["attempt": .text(started.attempt)])["refunds"] == 1)
        world.advance(.seconds(1_200))
        #expect(world.orders.refunds.map(\.state) == ["done", "done"])
    }

    @Test("the same number handed over again is one refund")
    func sameNumber() throws {
        let (world, started) = try paid("wechat")
        world.orders.refund("rf-1", started, 300)
        try world.cloud.refund(PaymentRefund(number: "rf-1", attempt: started.attempt, channel: "wechat", fen: 300))
        world.advance(.seconds(300))
        #expect(try world.balance() == 700)
        // The same number with another amount is a contradiction: nothing is sent, somebody is told.
        try world.cloud.refund(PaymentRefund(number: "rf-1", attempt: started.attempt, channel: "wechat", fen: 301))
        world.advance(.seconds(300))
        #expect(world.events("payment.alarm").count == 1)
        #expect(try world.balance() == 700)
    }

    @Test(
        "F54: a refund that fails is pending and under review, never done; it is done when the service can pay",
        arguments: ["wechat", "alipay"])
    func failed(_ channel: String) throws {
        let (world, started) = try paid(channel)
        world.fault("refund.fail")
        world.orders.refund("rf-1", started, 300)
        world.advance(.seconds(1_800))
        #expect(world.orders.said.map(\.succeeded) == [false])
        #expect(world.orders.refunds.map(\.state) == ["review"])
        #expect(world.events("payment.refund").filter { $0["state"] == "failed" }.count == 1)
        #expect(try world.balance() == 1_000)
        world.fault("refund.fail", on: false)
        world.advance(.seconds(86_400))
        #expect(world.orders.refunds.map(\.state) == ["done"])
        #expect(try world.balance() == 700)
        #expect(try world.asked("transaction", ["attempt": .text(started.attempt)])["refunds"] == 1)
    }

    @Test(
        "a refund that a crash interrupts is sent once, at every commit", arguments: ["commit.before", "commit.after"],
        ["payment.refund", "payment.refunded"])
    func crash(_ event: String, _ what: String) throws {
        let (world, started) = try paid("wechat")
        world.crashesAt = (event, what)
        world.orders.refund("rf-1", started, 300)
        world.advance(.seconds(120))
        #expect(world.payments == nil)
        try world.start()
        world.advance(.seconds(1_200))
        #expect(world.orders.refunds.map(\.state) == ["done"])
        #expect(try world.asked("transaction", ["attempt": .text(started.attempt)])["refunds"] == 1)
        #expect(try world.balance() == 700)
    }

    @Test("a refund that nobody here asked for is refused and raises an alarm")
    func unknownRefund() throws {
        let (world, started) = try paid("wechat")
        // The merchant's own hand at the service: the number is none of this cloud's.
        let client = try WeChatPayClient(try #require(PaymentWorld.settings.wechat), maximumSkew: .seconds(300))
        let call = client.call(
            .refund(
                RefundOrder(
                    number: "by-hand", attempt: started.attempt, fen: 100, total: 1_000,
                    noticeAddress: "https://cloud.lab/api/v1/payments/notices/wechat")),
            CallStamp(unix: PaymentWorld.epoch + world.kernel.now.nanoseconds / 1_000_000_000, nonce: "0123456789"))
        world.tell(.served(Token(rawValue: 9_999), call))
        world.advance(.seconds(10))
        #expect(world.events("payment.notice_refused").map { $0["reason"] } == ["unknown_refund"])
        #expect(world.events("payment.alarm").count == 1)
    }
}
