import GRDB
import LabCore
import Testing

@testable import Cloud

/// Each rule is broken on purpose, behind the ledger's back, and found.
@Suite("Ledger: audits (charging-orders.md 2.2)")
struct LedgerAuditTests {
    private let noon = LedgerWorld.noon

    private func settled() throws -> LedgerWorld {
        let world = try LedgerWorld()
        try world.hold()
        _ = try world.settle()
        return world
    }

    private func invariants(_ violations: [LedgerViolation]) -> Set<String> { Set(violations.map(\.invariant)) }

    /// Adds a posting whose entries nobody has checked.
    private func forge(_ world: LedgerWorld, _ key: String, _ kind: Posting.Kind, _ entries: [(Account, Int64)]) throws {
        try world.storage.write { db in
            try db.execute(
                sql: "INSERT INTO ledger_postings (key, kind, order_number, tenant, at, day) VALUES (?, ?, ?, 'op-1', 0, 0)",
                arguments: [key, kind.rawValue, world.book.order])
            let id = db.lastInsertedRowID
            for (number, entry) in entries.enumerated() {
                try db.execute(sql: "INSERT INTO ledger_entries VALUES (?, ?, ?, ?)", arguments: [id, number, entry.0.text, entry.1])
                guard let day = Ledger.balanceDay(entry.0, 0) else { continue }
                try db.execute(
                    sql: "INSERT INTO ledger_balances VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET fen = fen + excluded.fen",
                    arguments: [entry.0.text, day, entry.1])
            }
        }
    }

    @Test("I4: a posting that does not add up, in the whole ledger and after the last look")
    func unbalanced() throws {
        let world = try settled()
        let last = try world.storage.read { db in try LedgerAudit.violations(after: 0, in: db) }
        #expect(last.violations == [])
        try forge(world, "forged", .topUp, [(.external, -5), (world.book.wallet, 6)])
        #expect(invariants(try world.violations()) == ["I4"])
        let next = try world.storage.read { db in try LedgerAudit.violations(after: last.last, in: db) }
        #expect(next.violations.map(\.text) == ["the posting forged adds up to 1 fen"])
        #expect(try world.storage.read { db in try LedgerAudit.violations(after: next.last, in: db) }.violations == [])
    }

    @Test("I4: lines that are not the price")
    func price() throws {
        let world = try settled()
        #expect(try world.violations(.closed, price: 1235) == [])
        #expect(invariants(try world.violations(.closed, price: 1234)).contains("I4"))
        // An order whose bill is in review may differ from what was paid, its lines from its price may not.
        #expect(invariants(try world.violations(.closed, price: 1234, isInReview: true)) == ["I4"])
    }

    @Test("I5: money that is still owed by a closed order, and nothing owed by a due one")
    func owed() throws {
        let world = try LedgerWorld(balance: 0)
        _ = try world.settle()
        #expect(try world.violations(.due, hold: 0, price: 1235) == [])
        #expect(invariants(try world.violations(.closed, hold: 0, price: 1235)) == ["I5"])
        #expect(invariants(try settled().violations(.due, price: 1235)) == ["I5"])
    }

    @Test("I5: a payment that nothing was owed for and that was kept")
    func kept() throws {
        let world = try settled()
        try world.post(world.book.payment(attempt: "late", channel: "wechat", fen: 1235, at: noon))
        #expect(invariants(try world.violations()) == ["I5"])
        try world.post(world.book.paymentReturn(attempt: "late", channel: "wechat", fen: 1235, at: noon))
        #expect(try world.violations() == [])
    }

    @Test("I6: more has gone back than came")
    func refunded() throws {
        let world = try settled()
        try forge(world, "refund:forged", .refund, [(.revenue(operatorID: "op-1", line: "elec"), -1236), (world.book.wallet, 1236)])
        #expect(invariants(try world.violations()) == ["I6"])
    }

    @Test("I11: a hold that was taken twice, ended twice, or not ended")
    func holds() throws {
        let twice = try settled()
        try forge(twice, "hold:again", .hold, [(twice.book.wallet, -10), (.hold(order: twice.book.order), 10)])
        #expect(invariants(try twice.violations()) == ["I11"])
        let ended = try settled()
        try forge(ended, "settle:again", .settle, [(ended.book.wallet, 0)])
        #expect(invariants(try ended.violations()) == ["I11"])
        let open = try LedgerWorld()
        try open.hold()
        #expect(try open.violations(.active, price: nil) == [])
        #expect(invariants(try open.violations(.closed, price: 0)).contains("I11"))
        #expect(invariants(try settled().violations(.active, price: 1235)) == ["I11"])
        #expect(invariants(try open.violations(.active, hold: 1999, price: nil)) == ["I11"])
    }

    @Test("I15: the user has paid more than he was told")
    func told() throws {
        #expect(invariants(try settled().violations(.closed, price: 1235, told: 1234)) == ["I15"])
    }

    @Test("the books: a balance that its entries do not give, and a wallet below 0")
    func balances() throws {
        let world = try settled()
        try world.storage.write { db in try db.execute(sql: "UPDATE ledger_balances SET fen = fen + 1 WHERE account = 'wallet::rider'") }
        #expect(try world.violations().map(\.text) == ["the balance of wallet::rider is 3766 fen, its entries add up to 3765"])
        let overdrawn = try settled()
        try forge(overdrawn, "forged", .topUp, [(overdrawn.book.wallet, -4000), (.external, 4000)])
        #expect(try overdrawn.violations().map(\.text) == ["the account wallet::rider is -235 fen"])
        let after = try overdrawn.storage.read { db in try LedgerAudit.violations(after: 3, in: db) }
        #expect(after.violations.map(\.invariant) == ["books"])
    }
}
