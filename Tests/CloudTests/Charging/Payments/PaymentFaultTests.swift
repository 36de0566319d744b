import Emulators
import LabCore
import Simulation
import Testing

@testable import Cloud

/// Both channels, where a rule holds for both.
private let channels = ["wechat", "alipay"]

@Suite("Payments and their notices (charging-orders.md F46 to F51)")
struct PaymentFaultTests {
    @Test("an order is paid: one booking, the notice is acknowledged after it, the money is with the service", arguments: channels)
    func paid(_ channel: String) throws {
        let world = try PaymentWorld()
        let started = try world.begin(fen: 1_235, channel: channel)
        #expect(started.fen == 1_235)
        #expect(started.parameters[channel == "wechat" ? "code_url" : "qr_code"] != nil)
        let transaction = try world.userPays(started)
        world.advance(.seconds(5))
        #expect(world.orders.bookings.map(\.transaction) == [transaction])
        #expect(world.orders.bookings.first?.fen == 1_235)
        #expect(world.orders.bookings.first?.paidAt == PaymentWorld.epoch + world.kernel.now.nanoseconds / 1_000_000_000 - 5)
        #expect(try world.state(started.attempt) == "paid")
        #expect(try world.asked("transaction", ["attempt": .text(started.attempt)])["noticed"] == true)
        #expect(world.notices.map(\.status) == [channel == "wechat" ? 204 : 200])
        #expect(try world.balance() == 1_235)
        // Nothing is asked about what is known.
        let calls = world.calls.count
        world.advance(.seconds(3_600))
        #expect(world.calls.count == calls)
    }

    @Test("F46: a notice that comes twice or ten times is booked once, and acknowledged each time", arguments: channels, [2, 10])
    func duplicates(_ channel: String, _ times: Int64) throws {
        let world = try PaymentWorld()
        let started = try world.begin(channel: channel)
        world.fault("notice.duplicate", ["times": .integer(times)])
        try world.userPays(started)
        world.advance(.seconds(60))
        #expect(world.notices.count == Int(times))
        #expect(world.notices.allSatisfy { $0.status == (channel == "wechat" ? 204 : 200) })
        #expect(world.orders.bookings.count == 1)
        #expect(
            world.events("payment.confirmed").map { $0["outcome"] } == [.text("booked")]
                + Array(repeating: .text("repeated"), count: Int(times) - 1))
    }

    @Test("F46: with the rule of the orders missing, every copy would be booked: the payments do not hide it")
    func duplicatesReachTheOrders() throws {
        let world = try PaymentWorld(bugs: [.noticeNotDeduplicated])
        let started = try world.begin(channel: "wechat")
        world.fault("notice.duplicate", ["times": 3])
        try world.userPays(started)
        world.advance(.seconds(60))
        #expect(world.orders.bookings.count == 3)
    }

    @Test("F47: a payment whose notices are all lost is found by query within ten minutes", arguments: channels, [20, 200, 700])
    func lostNotice(_ channel: String, _ secondsUntilPaid: Int) throws {
        let world = try PaymentWorld()
        let started = try world.begin(channel: channel)
        world.fault("notice.lose")
        world.advance(.seconds(secondsUntilPaid))
        try world.userPays(started)
        world.advance(.seconds(600))
        #expect(world.notices.isEmpty)
        #expect(world.orders.bookings.count == 1)
        #expect(world.events("payment.confirmed").first?["by"] == "query")
        #expect(try world.state(started.attempt) == "paid")
    }

    @Test("F47: without the reconciliation nobody would ever know of it")
    func noReconciliation() throws {
        let world = try PaymentWorld(bugs: [.noReconciliation])
        let started = try world.begin(channel: "wechat")
        world.fault("notice.lose")
        try world.userPays(started)
        world.advance(.seconds(3 * 86_400))
        #expect(world.orders.bookings.isEmpty)
        #expect(try world.balance() == 1_235)
    }

    struct Flaw: Sendable, CustomTestStringConvertible {
        var fault: String
        var reason: String
        var isAlarm: Bool
        var testDescription: String { fault }
    }

    @Test(
        "F48: a notice with a wrong signature, a time that is too old, or another amount is refused with 4xx and changes nothing; the right one after it is taken",
        arguments: channels,
        [
            Flaw(fault: "notice.wrong_signature", reason: "signature", isAlarm: true),
            Flaw(fault: "notice.expired", reason: "expired", isAlarm: false),
            Flaw(fault: "notice.tamper", reason: "signature", isAlarm: true),
        ])
    func refused(_ channel: String, _ flaw: Flaw) throws {
        let world = try PaymentWorld()
        let started = try world.begin(channel: channel)
        world.fault(flaw.fault, ["times": 1])
        try world.userPays(started)
        let before = try world.rows()
        world.advance(.seconds(2))
        #expect(world.notices.map(\.status) == [400])
        #expect(try world.rows() == before)
        #expect(world.orders.bookings.isEmpty)
        #expect(world.events("payment.notice_refused").map { $0["reason"] } == [.text(flaw.reason)])
        #expect(world.events("payment.alarm").count == (flaw.isAlarm ? 1 : 0))
        // The service tries again, without the flaw.
        world.advance(.seconds(300))
        #expect(world.notices.last?.status == (channel == "wechat" ? 204 : 200))
        #expect(world.orders.bookings.count == 1)
    }

    @Test("F48: a notice may be five minutes old, and not one second more", arguments: channels, [(300, true), (301, false)])
    func skew(_ channel: String, _ age: (seconds: Int64, isTaken: Bool)) throws {
        let world = try PaymentWorld()
        let started = try world.begin(channel: channel)
        world.fault("notice.expired", ["by": .duration(age.seconds * 1_000_000_000), "times": 1])
        // The notice is on its way within one and the same second.
        world.advance(.nanoseconds(1_000_000_000 - world.kernel.now.nanoseconds % 1_000_000_000))
        try world.userPays(started)
        world.advance(.seconds(2))
        #expect((world.orders.bookings.count == 1) == age.isTaken)
        #expect(world.notices.map(\.status) == [age.isTaken ? (channel == "wechat" ? 204 : 200) : 400])
    }

    @Test("F48: a signature probe is refused with 4xx and is no alarm; the notice beside it is taken")
    func probe() throws {
        let world = try PaymentWorld()
        let started = try world.begin(channel: "wechat")
        world.fault("notice.probe")
        world.advance(.seconds(1))
        #expect(world.events("service.probe.answered").map { $0["status"] } == [400])
        try world.userPays(started)
        world.advance(.seconds(5))
        #expect(world.events("service.probe.answered").count == 2)
        #expect(world.events("payment.notice_refused").allSatisfy { $0["reason"] == "probe" })
        #expect(world.events("payment.alarm").isEmpty)
        #expect(world.orders.bookings.count == 1)
    }

    @Test("F48: another amount than was asked for, rightly signed, is not booked and raises an alarm", arguments: channels)
    func otherAmount(_ channel: String) throws {
        let world = try PaymentWorld()
        let started = try world.begin(fen: 1_235, channel: channel)
        try world.act("pay", ["attempt": .text(started.attempt), "cents": 1])
        world.advance(.seconds(30))
        #expect(world.notices.allSatisfy { $0.status == 400 })
        #expect(world.orders.bookings.isEmpty)
        #expect(world.events("payment.alarm").first?["kind"] == "payment_amount")
        #expect(world.events("payment.notice_refused").first?["reason"] == "amount")
    }

    @Test("F49: a second payment of the same order by another channel goes back, all of it, once")
    func doublePayment() throws {
        let world = try PaymentWorld()
        let first = try world.begin(fen: 1_235, channel: "wechat")
        let second = try world.pay("ORDER00000000001", "alipay")
        #expect(first.attempt != second.attempt)
        try world.userPays(second)
        try world.act("pay", ["attempt": .text(first.attempt), "force": true])
        world.fault("notice.duplicate", ["times": 3])
        world.advance(.seconds(600))
        #expect(world.orders.bookings.count == 2)
        #expect(world.orders.refunds.map(\.state) == ["done"])
        #expect(world.orders.refunds.first?.refund.fen == 1_235)
        #expect(try world.balance() == 1_235)
    }

    @Test("an attempt on another channel closes the one before it")
    func superseded() throws {
        let world = try PaymentWorld()
        let first = try world.begin(channel: "wechat")
        _ = try world.pay("ORDER00000000001", "alipay")
        world.advance(.seconds(5))
        #expect(try world.state(first.attempt) == "closed")
        #expect(try world.asked("transaction", ["attempt": .text(first.attempt)])["state"] == "closed")
    }

    @Test("F50: money for an attempt that the timeout closed is booked while the order is still due", arguments: channels, [true, false])
    func late(_ channel: String, _ isStillDue: Bool) throws {
        let world = try PaymentWorld()
        let started = try world.begin(fen: 1_235, channel: channel)
        world.advance(.seconds(1_200))
        #expect(try world.state(started.attempt) == "closed")
        #expect(world.events("payment.closed").map { $0["reason"] } == ["expired"])
        if !isStillDue { world.orders.forgive("ORDER00000000001") }
        try world.act("pay", ["attempt": .text(started.attempt), "force": true])
        world.advance(.seconds(600))
        #expect(world.orders.bookings.count == 1)
        #expect(try world.attempt(started.attempt)["outcome"] == (isStillDue ? "booked" : "returned"))
        #expect(try world.balance() == (isStillDue ? 1_235 : 0))
    }

    @Test("an attempt that nobody paid is closed after the time to pay; the next one has a new number")
    func timeout() throws {
        let world = try PaymentWorld()
        let first = try world.begin(channel: "wechat")
        // While it is open, the same attempt is given again.
        #expect(try world.pay("ORDER00000000001", "wechat") == first)
        world.advance(.seconds(1_000))
        #expect(try world.asked("transaction", ["attempt": .text(first.attempt)])["state"] == "closed")
        let second = try world.pay("ORDER00000000001", "wechat")
        #expect([first.attempt, second.attempt] == ["ORDER00000000001P01", "ORDER00000000001P02"])
        try world.userPays(second)
        world.advance(.seconds(5))
        #expect(world.orders.bookings.map(\.attempt) == [second.attempt])
    }

    @Test("paid between the last question and the closing: the closing is refused and the money is booked")
    func paidWhileClosing() throws {
        let world = try PaymentWorld()
        let started = try world.begin(channel: "wechat")
        world.fault("notice.lose")
        world.advance(.seconds(890))
        // The question at 900 s is lost once on its way back: the service knows already, the cloud does not.
        world.fault("answer.lose", ["call": "query", "times": 1])
        world.advance(.seconds(9))
        try world.userPays(started)
        world.advance(.seconds(300))
        #expect(try world.state(started.attempt) == "paid")
        #expect(world.orders.bookings.count == 1)
    }

    @Test("F51: TRADE_FINISHED comes a year later, and changes nothing")
    func tradeFinished() throws {
        let world = try PaymentWorld { $0.wechat = nil }
        let started = try world.begin(channel: "alipay")
        try world.userPays(started)
        world.advance(.seconds(60))
        let before = try world.rows().split(separator: "\n").filter { $0.hasPrefix("payment_attempts") }
        world.advance(.seconds(366 * 86_400))
        #expect(world.events("service.trade.finished").count == 1)
        #expect(world.notices.count == 2)
        #expect(world.notices.allSatisfy { $0.status == 200 })
        #expect(world.orders.bookings.count == 1)
        #expect(world.events("payment.confirmed").map { $0["outcome"] } == ["booked", "repeated"])
        #expect(try world.rows().split(separator: "\n").filter { $0.hasPrefix("payment_attempts") } == before)
    }

    @Test("a notice is not acknowledged where its content could not be committed, and is taken when it comes again")
    func fullDisk() throws {
        let world = try PaymentWorld()
        let started = try world.begin(channel: "wechat")
        try world.userPays(started)
        world.disk.setFull(true)
        world.advance(.seconds(10))
        #expect(world.notices.map(\.status) == [500])
        #expect(try world.asked("transaction", ["attempt": .text(started.attempt)])["noticed"] == false)
        world.disk.setFull(false)
        world.advance(.seconds(60))
        #expect(world.notices.last?.status == 204)
        #expect(world.orders.bookings.count == 1)
        #expect(try world.state(started.attempt) == "paid")
    }
}
