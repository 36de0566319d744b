package import GRDB
package import LabCore

/// A rule that the books break (charging-orders.md 2.2).
package struct LedgerViolation: Sendable, Hashable, CustomStringConvertible {
    /// `I4`, `I5`, `I6`, `I11`; `books` where the tables contradict each other.
    package var invariant: String
    package var order: String?
    /// A sentence with the numbers.
    package var text: String

    package var description: String { "\(invariant)\(order.map { " \($0)" } ?? ""): \(text)" }
    package var fields: Fields {
        var fields: Fields = ["invariant": .text(invariant), "text": .text(text)]
        if let order { fields["order"] = .text(order) }
        return fields
    }
}

/// What the order service knows of an order that the books are compared with.
package struct AuditedOrder: Sendable, Equatable {
    package enum Stage: Sendable, Equatable {
        /// Held to AwaitBill: the hold is there, whole.
        case active
        case due, closed, cancelled
    }
    package var order: String
    package var stage: Stage
    /// Fen that were set aside.
    package var hold: Int64
    /// The price of the final energy by the frozen tariff; `nil` where it is not settled.
    package var price: Int64?
    /// What the user was told at the first settlement; he never pays more (I15).
    package var told: Int64?
    /// Whether a person still has to look at it: I5 is only for orders without.
    package var isInReview: Bool

    package init(order: String, stage: Stage, hold: Int64, price: Int64? = nil, told: Int64? = nil, isInReview: Bool = false) {
        self.order = order
        self.stage = stage
        self.hold = hold
        self.price = price
        self.told = told
        self.isInReview = isInReview
    }
}

/// The invariants of the money, as queries. They use the tables alone and nothing of what writes them but `OrderMoney`.
package enum LedgerAudit {
    /// Everything that can be said without the orders: I4 (every posting is 0), I6, I11, balances that equal their entries, wallets and
    /// holds that are not below 0. Reads the whole ledger once.
    package static func violations(in db: Database) throws -> [LedgerViolation] {
        try unbalanced(in: db) + wrongBalances(in: db) + overdrafts(in: db) + wrongOrders(in: db)
    }

    /// The same for the postings after a number, for a look after every commit: those postings, and the orders and accounts in them.
    ///
    /// - Returns: what is wrong, and the number to go on from.
    package static func violations(after posting: Int64, in db: Database) throws -> (violations: [LedgerViolation], last: Int64) {
        let last = try Int64.fetchOne(db, cached: "SELECT max(id) FROM ledger_postings") ?? 0
        guard last > posting else { return ([], last) }
        var violations = try Row.fetchAll(
            db,
            cached: """
                SELECT p.key, p.order_number, coalesce(sum(e.fen), 0) FROM ledger_postings p LEFT JOIN ledger_entries e ON e.posting = p.id
                WHERE p.id > ? GROUP BY p.id HAVING coalesce(sum(e.fen), 0) <> 0
                """,
            arguments: [posting]
        ).map(unbalanced)
        let orders = try String.fetchAll(
            db, cached: "SELECT DISTINCT order_number FROM ledger_postings WHERE id > ? AND order_number IS NOT NULL ORDER BY order_number",
            arguments: [posting])
        for order in orders { violations += check(try Ledger().money(order: order, in: db), of: order) }
        let wallets = try Row.fetchAll(
            db,
            cached: """
                SELECT account, fen FROM ledger_balances WHERE fen < 0 AND account IN
                (SELECT account FROM ledger_entries WHERE posting > ? AND account >= 'wallet:' AND account < 'wallet;') ORDER BY account
                """,
            arguments: [posting])
        return (violations + wallets.map(overdraft), last)
    }

    /// I4 (the lines are the price), I5, I6, I11 and I15 of one order.
    package static func violations(of audited: AuditedOrder, in db: Database) throws -> [LedgerViolation] {
        let money = try Ledger().money(order: audited.order, in: db)
        return check(money, of: audited.order) + compare(money, with: audited)
    }

    /// What is still on its way to payers; 0 once every refund has been paid out (I5).
    package static func inTransit(in db: Database) throws -> Int64 {
        try Int64.fetchOne(db, sql: "SELECT coalesce(sum(fen), 0) FROM ledger_balances WHERE account >= 'transit:' AND account < 'transit;'") ?? 0
    }

    // MARK: The whole ledger

    private static func unbalanced(in db: Database) throws -> [LedgerViolation] {
        try Row.fetchAll(
            db,
            sql: """
                SELECT p.key, p.order_number, sum(e.fen) FROM ledger_postings p JOIN ledger_entries e ON e.posting = p.id
                GROUP BY p.id HAVING sum(e.fen) <> 0
                """
        ).map(unbalanced)
    }

    private static func unbalanced(_ row: Row) -> LedgerViolation {
        let (key, sum): (String, Int64) = (row[0], row[2])
        return LedgerViolation(invariant: "I4", order: row[1], text: "the posting \(key) adds up to \(sum) fen")
    }

    private static func wrongBalances(in db: Database) throws -> [LedgerViolation] {
        let rows = try Row.fetchAll(
            db,
            sql: """
                WITH kept AS (SELECT account, sum(fen) AS fen FROM ledger_balances GROUP BY account),
                summed AS (SELECT account, sum(fen) AS fen FROM ledger_entries
                    WHERE account NOT LIKE 'hold:%' AND account NOT LIKE 'receivable:%' GROUP BY account)
                SELECT account, kept.fen, coalesce(summed.fen, 0) FROM kept LEFT JOIN summed USING (account) WHERE kept.fen <> coalesce(summed.fen, 0)
                UNION ALL SELECT account, 0, summed.fen FROM summed LEFT JOIN kept USING (account) WHERE kept.account IS NULL AND summed.fen <> 0
                ORDER BY 1
                """)
        return rows.map { row in
            let (account, kept, summed): (String, Int64, Int64) = (row[0], row[1], row[2])
            return LedgerViolation(invariant: "books", order: nil, text: "the balance of \(account) is \(kept) fen, its entries add up to \(summed)")
        }
    }

    private static func overdrafts(in db: Database) throws -> [LedgerViolation] {
        try Row.fetchAll(
            db, sql: "SELECT account, fen FROM ledger_balances WHERE account >= 'wallet:' AND account < 'wallet;' AND fen < 0 ORDER BY account"
        ).map(overdraft)
    }

    private static func overdraft(_ row: Row) -> LedgerViolation {
        let (account, fen): (String, Int64) = (row[0], row[1])
        return LedgerViolation(invariant: "books", order: nil, text: "the account \(account) is \(fen) fen")
    }

    /// Goes through the entries of all orders once, order by order.
    private static func wrongOrders(in db: Database) throws -> [LedgerViolation] {
        let rows = try Row.fetchCursor(
            db,
            sql: """
                SELECT p.key, p.kind, p.order_number, p.at, e.account, e.fen FROM ledger_postings p JOIN ledger_entries e ON e.posting = p.id
                WHERE p.order_number IS NOT NULL ORDER BY p.order_number, p.id, e.number
                """)
        var violations: [LedgerViolation] = []
        var current: (order: String, money: OrderMoney)?
        while let row = try rows.next() {
            guard let entry = LedgerEntry(row), let order = entry.order else { continue }
            if current?.order != order {
                if let current { violations += check(current.money, of: current.order) }
                current = (order, OrderMoney([]))
            }
            current?.money.add(entry)
        }
        if let current { violations += check(current.money, of: current.order) }
        return violations
    }

    // MARK: One order

    /// I6 and I11.
    private static func check(_ money: OrderMoney, of order: String) -> [LedgerViolation] {
        var violations: [LedgerViolation] = []
        func report(_ invariant: String, _ text: String) { violations.append(LedgerViolation(invariant: invariant, order: order, text: text)) }
        let (back, came) = (money.refunded + money.returned, money.captured + money.paid)
        if money.refunded < 0 || money.returned < 0 || back > came { report("I6", "\(back) fen went back of \(came) that came") }
        if money.holds.count > 1 { report("I11", "the hold was taken \(money.holds.count) times") }
        if money.ends.count > 1 { report("I11", "the hold was ended \(money.ends.count) times") }
        if money.hold != (money.ends.isEmpty ? money.held : 0) { report("I11", "\(money.hold) of \(money.held) fen are held after the end") }
        if money.open < 0 { report("I5", "\(-money.open) fen were paid and not owed, and have not been sent back") }
        return violations
    }

    /// I4, I5, I11 and I15 against what the order service knows.
    private static func compare(_ money: OrderMoney, with audited: AuditedOrder) -> [LedgerViolation] {
        var violations: [LedgerViolation] = []
        func report(_ invariant: String, _ text: String) {
            violations.append(LedgerViolation(invariant: invariant, order: audited.order, text: text))
        }
        if money.held != audited.hold { report("I11", "the books hold \(money.held) fen, the order \(audited.hold)") }
        let hasEnded = !money.ends.isEmpty
        if hasEnded != (audited.stage != .active), audited.hold > 0 || audited.stage == .active {
            report("I11", hasEnded ? "the hold of an active order is ended" : "the hold of an order that is over is not ended")
        }
        let price = audited.price ?? 0
        if money.price != price { report("I4", "the lines add up to \(money.price) fen, the price is \(price)") }
        let net = money.captured + money.paid - money.returned
        if let told = audited.told, net > told { report("I15", "the user has paid \(net) fen and was told \(told)") }
        guard !audited.isInReview else { return violations }
        if audited.stage == .closed || audited.stage == .cancelled {
            if net + money.absorbed != price { report("I5", "\(net) fen were kept and \(money.absorbed) absorbed, the price is \(price)") }
            if money.open != 0 { report("I5", "\(money.open) fen are still owed") }
        }
        if audited.stage == .due, money.open <= 0 { report("I5", "nothing is owed for an order that is due") }
        return violations
    }
}
