import GRDB
import LabCore
import Testing

@testable import Cloud

@Suite("Ledger: the books of one order (charging-orders.md 2.1, 2.3 rule 7, 2.4)")
struct OrderBookTests {
    private typealias World = LedgerWorld
    private let noon = LedgerWorld.noon

    private func split(_ parts: [PriceLine]?) -> [Int64]? { parts.map { $0.map(\.fen) } }

    @Test("V15: of a hold of 20.00, 12.35 are captured and 7.65 released")
    func captureAndRelease() throws {
        let world = try World()
        try world.hold()
        #expect(try world.wallet == 3000)
        #expect(try world.settle() == OrderBook.Settlement(fromHold: 1235, fromWallet: 0, released: 765, open: 0))
        #expect(try world.wallet == 3765)
        #expect(try world.balance(.hold(order: world.book.order)) == 0)
        #expect(try world.balance(.revenue(operatorID: "op-1", line: "elec")) == 741)
        #expect(try world.balance(.revenue(operatorID: "op-1", line: "service")) == 494)
        #expect(try world.violations(.closed, price: 1235, told: 1235) == [])
        let money = try world.money()
        #expect((money.held, money.captured, money.released, money.open, money.price) == (2000, 1235, 765, 0, 1235))
    }

    @Test("a second settlement, and a release after it, change nothing (I11)")
    func once() throws {
        let world = try World()
        try world.hold()
        _ = try world.settle()
        #expect(try world.settle() == nil)
        #expect(try world.settle([PriceLine(kind: .elec, fen: 5)]) == nil)
        // The hold is gone, so that a release has nothing to give back.
        #expect(try world.storage.write { db in try world.book.release(world.ledger, at: noon, in: db) } == 0)
        #expect(try world.wallet == 3765)
        let direct = Posting(
            key: "release:again", kind: .release, order: world.book.order, tenant: "op-1", at: noon,
            entries: [.init(.hold(order: world.book.order), -2000), .init(world.book.wallet, 2000)])
        #expect(throws: LedgerError.overdraft(account: "hold:0000000000000001", has: 0, needs: 2000)) { try world.post(direct) }
    }

    @Test("V16 (F45): a hold of 10.00 for 12.35: all of it, then what the wallet has, and the rest is due")
    func exhausted() throws {
        let world = try World(balance: 1100)
        try world.hold(1000)
        #expect(try world.settle() == OrderBook.Settlement(fromHold: 1000, fromWallet: 100, released: 0, open: 135))
        #expect(try world.wallet == 0)
        #expect(try world.balance(.receivable(order: world.book.order)) == -135)
        #expect(try world.violations(.due, hold: 1000, price: 1235) == [])
        try world.post(world.book.payment(attempt: "P1", channel: "wechat", fen: 135, at: noon))
        #expect(try world.money().open == 0)
        #expect(try world.money().paid == 135)
        #expect(try world.balance(.bank(channel: "wechat")) == -135)
        #expect(try world.violations(.closed, hold: 1000, price: 1235) == [])
    }

    @Test("without the wallet's consent the rest of the price is due at once")
    func walletLeftAlone() throws {
        let world = try World(balance: 1100)
        try world.hold(1000)
        #expect(try world.settle(usesWallet: false) == OrderBook.Settlement(fromHold: 1000, fromWallet: 0, released: 0, open: 235))
        #expect(try world.wallet == 100)
    }

    @Test("an order that never ran gives its hold back, once")
    func release() throws {
        let world = try World()
        try world.hold()
        #expect(try world.storage.write { db in try world.book.release(world.ledger, at: noon, in: db) } == 2000)
        #expect(try world.storage.write { db in try world.book.release(world.ledger, at: noon, in: db) } == nil)
        #expect(try world.wallet == 5000)
        #expect(try world.violations(.cancelled, price: nil) == [])
    }

    @Test("a free order is settled with nothing in its lines, and the hold goes back")
    func freeOrder() throws {
        let world = try World()
        try world.hold()
        let free = [PriceLine(kind: .elec, fen: 0), PriceLine(kind: .service, fen: 0)]
        #expect(try world.settle(free) == OrderBook.Settlement(fromHold: 0, fromWallet: 0, released: 2000, open: 0))
        #expect(try world.wallet == 5000)
        #expect(try world.violations(.closed, price: 0) == [])
    }

    @Test("contra lines are booked as they are: 741 + 494 - 74 - 200 are 961")
    func contraLines() throws {
        let world = try World()
        try world.hold()
        let lines = World.lines + [PriceLine(kind: .discount, fen: -74), PriceLine(kind: .coupon, fen: -200)]
        #expect(try world.settle(lines)?.captured == 961)
        #expect(try world.balance(.revenue(operatorID: "op-1", line: "coupon")) == -200)
        #expect(try world.violations(.closed, price: 961) == [])
        // The whole of it back empties every line.
        #expect(split(try world.refund("r", 961)) == [741, 494, -74, -200])
        #expect(try world.money().remaining.allSatisfy { $0.fen == 0 })
    }

    // MARK: Refunds

    /// 333 of 741 + 494: 199.8 and 133.2. 901 of the 541 + 361 that are left: 540.4 and 360.6. Then 1 + 0.
    @Test("V20: refunds of 333, 333 under the same key, 901, 902 and 1: one replay, one refused, 1,235 in all")
    func refunds() throws {
        let world = try World()
        try world.hold()
        _ = try world.settle()
        #expect(split(try world.refund("r1", 333)) == [200, 133])
        #expect(try world.refund("r1", 333) == nil)
        #expect(split(try world.refund("r2", 901)) == [540, 361])
        #expect(throws: LedgerError.refundOutOfRange(order: world.book.order, fen: 902, refundable: 1)) { try world.refund("r3", 902) }
        #expect(split(try world.refund("r4", 1)) == [1, 0])
        let money = try world.money()
        #expect((money.refunded, money.refundable, money.price) == (1235, 0, 1235))
        #expect(try world.wallet == 5000)
        #expect(try world.violations(.closed, price: 1235) == [])
    }

    @Test("refunds of nothing, of less, and of an order that nobody has paid are refused", arguments: [Int64.min, -1, 0, 1236, .max])
    func refundsRefused(fen: Int64) throws {
        let world = try World()
        try world.hold()
        #expect(throws: LedgerError.self) { try world.refund("early", 1) }
        _ = try world.settle()
        #expect(throws: LedgerError.refundOutOfRange(order: world.book.order, fen: fen, refundable: 1235)) { try world.refund("r", fen) }
    }

    @Test("a refund by a payment service is in transit until it is paid out, or goes into the wallet where that fails for good")
    func transit() throws {
        let world = try World()
        try world.hold()
        _ = try world.settle()
        _ = try world.refund("r1", 300, payee: .channel("wechat"))
        _ = try world.refund("r2", 200, payee: .channel("wechat"))
        #expect(try world.balance(.transit(channel: "wechat")) == 500)
        try world.post(world.book.sent(number: "r1", channel: "wechat", fen: 300, at: noon))
        try world.post(world.book.unsent(number: "r2", channel: "wechat", fen: 200, at: noon))
        #expect(try world.storage.read { db in try LedgerAudit.inTransit(in: db) } == 0)
        #expect(try world.balance(.bank(channel: "wechat")) == 300)
        #expect(try world.wallet == 3965)
        #expect(try world.money().refunded == 500)
        #expect(try world.violations(.closed, price: 1235) == [])
    }

    // MARK: Later bills

    private let lower = [PriceLine(kind: .elec, fen: 600), PriceLine(kind: .service, fen: 400)]
    private let higher = [PriceLine(kind: .elec, fen: 900), PriceLine(kind: .service, fen: 600)]

    private func adjust(_ world: World, _ lines: [PriceLine], reference: String? = nil) throws -> Int64? {
        try world.storage.write { db in
            try world.book.adjust(to: lines, payee: .wallet, reference: reference, with: world.ledger, at: noon, in: db)
        }
    }

    @Test("F14: a later, lower bill gives the difference back, once")
    func lowerBill() throws {
        let world = try World()
        try world.hold()
        _ = try world.settle()
        #expect(try adjust(world, lower) == 235)
        #expect(try adjust(world, lower) == nil)
        #expect(try world.wallet == 4000)
        #expect(try world.violations(.closed, price: 1000, told: 1235) == [])
        #expect(try world.money().refundable == 1000)
        // A review can lower it again, under its own key.
        #expect(try adjust(world, [], reference: "review-1") == 1000)
        #expect(try world.wallet == 5000)
    }

    @Test("where something is still owed, a lower bill shrinks that first")
    func lowerBillOfDue() throws {
        let world = try World(balance: 1100)
        try world.hold(1000)
        _ = try world.settle()  // 135 are owed
        #expect(try adjust(world, lower) == 100)
        let money = try world.money()
        #expect((money.open, money.returned, money.price) == (0, 100, 1000))
        #expect(try world.violations(.closed, hold: 1000, price: 1000, told: 1235) == [])
    }

    @Test("F15: a later, higher bill is the operator's, and an adjustment upwards is refused")
    func higherBill() throws {
        let world = try World()
        try world.hold()
        _ = try world.settle()
        #expect(throws: LedgerError.self) { try adjust(world, higher) }
        try world.post(world.book.absorption(from: World.lines, to: higher, at: noon))
        #expect(try world.wallet == 3765)
        #expect(try world.balance(.absorbed(operatorID: "op-1")) == -265)
        let money = try world.money()
        #expect((money.price, money.absorbed, money.refundable) == (1500, 265, 1235))
        #expect(try world.violations(.closed, price: 1500, told: 1235) == [])
    }

    // MARK: Payments

    @Test("F46: the same payment ten times is one entry")
    func paymentOnce() throws {
        let world = try World(balance: 0)
        _ = try world.settle()
        #expect(try world.post(world.book.payment(attempt: "P1", channel: "wechat", fen: 1235, at: noon)))
        for _ in 0..<9 { #expect(try !world.post(world.book.payment(attempt: "P1", channel: "wechat", fen: 1235, at: noon))) }
        #expect(try world.money().paid == 1235)
    }

    @Test("F49: a second payment goes back whole, and is no money of the order's")
    func doublePayment() throws {
        let world = try World(balance: 0)
        _ = try world.settle()
        try world.post(world.book.payment(attempt: "P1", channel: "wechat", fen: 1235, at: noon))
        try world.post(world.book.payment(attempt: "P2", channel: "alipay", fen: 1235, at: noon))
        try world.post(world.book.paymentReturn(attempt: "P2", channel: "alipay", fen: 1235, at: noon))
        #expect(try world.money().paid == 1235)
        #expect(try world.balance(.transit(channel: "alipay")) == 1235)
        try world.post(world.book.sent(number: "ret-P2", channel: "alipay", fen: 1235, at: noon))
        #expect(try world.balance(.bank(channel: "alipay")) == 0)
        #expect(try world.violations(.closed, hold: 0, price: 1235, told: 1235) == [])
    }

    @Test("what will never be paid is written off at the operator's cost")
    func writeOff() throws {
        let world = try World(balance: 0)
        _ = try world.settle()
        try world.post(world.book.writeOff(1235, reference: "a year old", at: noon))
        #expect(try world.money().open == 0)
        #expect(try world.violations(.closed, hold: 0, price: 1235) == [])
    }

    @Test("money into a wallet by a payment service")
    func walletPayment() throws {
        let world = try World(balance: 0)
        try world.post(WalletBook.payment(attempt: "T1", channel: "wechat", wallet: world.book.wallet, fen: 3000, at: noon))
        #expect(try world.wallet == 3000)
        #expect(try world.balance(.bank(channel: "wechat")) == -3000)
    }

    @Test("whatever happens to an order in whatever order, the books hold", arguments: 0..<30)
    func properties(seed: UInt64) throws {
        var chance = SeededGenerator(seed: seed, purpose: "order books")
        let world = try World(balance: Int64(chance.integer(below: 4000)))
        let hold = min(Int64(chance.integer(below: 2000)), try world.wallet)
        try world.hold(hold)
        var current = lines(&chance)
        _ = try world.settle(current)
        let told = current.reduce(0) { $0 + $1.fen }
        var isAdjusted = false
        for step in 0..<20 {
            switch chance.integer(below: 5) {
            case 0:
                let money = try world.money()
                if money.open > 0 { try world.post(world.book.payment(attempt: "P\(step)", channel: "wechat", fen: money.open, at: noon)) }
            case 1:
                let key = "r\(chance.integer(below: 6))"
                do { _ = try world.refund(key, Int64(chance.integer(below: 1500)), payee: chance.chance(0.5) ? .wallet : .channel("wechat")) } catch is LedgerError {}
            case 2:
                #expect(try world.settle(lines(&chance)) == nil)
            case 3 where try !isAdjusted && world.money().refunded == 0:
                let new = lines(&chance)
                if new.reduce(0, { $0 + $1.fen }) <= told, try adjust(world, new) != nil { (current, isAdjusted) = (new, true) }
            default:
                try world.post(world.book.payment(attempt: "X", channel: "alipay", fen: 500, at: noon))
                try world.post(world.book.paymentReturn(attempt: "X", channel: "alipay", fen: 500, at: noon))
            }
            let stage: AuditedOrder.Stage = try world.money().open > 0 ? .due : .closed
            let price = current.reduce(0) { $0 + $1.fen }
            #expect(try world.violations(stage, hold: hold, price: price, told: told) == [])
        }
    }

    private func lines(_ chance: inout SeededGenerator) -> [PriceLine] {
        var lines = [PriceLine(kind: .elec, fen: Int64(chance.integer(below: 1000))), PriceLine(kind: .service, fen: Int64(chance.integer(below: 1000)))]
        if chance.chance(0.5) { lines.append(PriceLine(kind: .coupon, fen: -Int64(chance.integer(below: UInt64(lines[0].fen + lines[1].fen + 1))))) }
        return lines
    }
}
