package import GRDB
import LabCore

/// What must hold at every commit (charging-orders.md 2.2), as queries over the tables alone.
///
/// I7 needs the end of all faults, I9 a second history, I10 the log, I12 the truth of the pile: those are judged elsewhere.
package enum OrderInvariants {
    /// Orders whose price is calculated again at most.
    static let recalculated = 20_000
    private static let active = "('held','starting','charging','stopping','await_bill')"

    /// - Returns: a sentence for each row that breaks a rule, the rule first.
    package static func violations(in db: Database, policies: OrderPolicies = OrderPolicies()) throws -> [String] {
        try tables(in: db, policies) + LedgerAudit.violations(in: db).map(\.description) + money(of: nil, in: db)
    }

    /// The same after a commit, looking at the money of the orders that it changed only.
    ///
    /// - Parameter posting: the ledger's last posting that was looked at before.
    /// - Returns: the sentences, and the posting to go on from.
    static func violations(changed orders: [Int64], after posting: Int64, in db: Database, policies: OrderPolicies) throws -> (
        texts: [String], last: Int64
    ) {
        let ledger = try LedgerAudit.violations(after: posting, in: db)
        return (try tables(in: db, policies) + ledger.violations.map(\.description) + money(of: orders, in: db), ledger.last)
    }

    private static func tables(in db: Database, _ policies: OrderPolicies) throws -> [String] {
        var found: [String] = []
        found += try ports(in: db)
        found += try users(in: db, policies)
        found += try readings(in: db)
        found += try timers(in: db)
        found += try bills(in: db)
        found += try tenants(in: db)
        found += try registers(in: db)
        found += try payments(in: db)
        return found
    }

    /// - Parameter sentence: gets the columns as text.
    private static func rows(_ sql: String, in db: Database, _ sentence: ([String]) -> String) throws -> [String] {
        try Row.fetchAll(db, cached: sql).map { row in
            sentence((0..<row.count).map { "\(row[$0] as DatabaseValue)" }.map { $0.replacing("\"", with: "") })
        }
    }

    // MARK: I1, I2, I14

    private static func ports(in db: Database) throws -> [String] {
        try rows(
            "SELECT pile, port, count(*), group_concat(number, ' ') FROM orders WHERE state IN \(active) GROUP BY pile, port HAVING count(*) > 1",
            in: db
        ) { "I1: port \($0[1]) of \($0[0]) has \($0[2]) active orders: \($0[3])" }
            + rows(
                "SELECT l.pile, l.port, o.number, o.state FROM port_leases l LEFT JOIN orders o ON o.id = l.order_id WHERE o.state IS NULL OR o.state NOT IN \(active)",
                in: db
            ) { "I1: port \($0[1]) of \($0[0]) is leased to the order \($0[2]), which is \($0[3])" }
            + rows(
                """
                SELECT number, pile, port FROM orders o WHERE state IN \(active)
                AND NOT EXISTS (SELECT 1 FROM port_leases l WHERE l.order_id = o.id AND l.pile = o.pile AND l.port = o.port)
                """, in: db
            ) { "I1: the active order \($0[0]) does not have port \($0[2]) of \($0[1])" }
            + rows(
                "SELECT number, state FROM orders WHERE state NOT IN \(active) AND state NOT IN ('due','closed','cancelled')", in: db
            ) { "I14: the order \($0[0]) is '\($0[1])', which is no state" }
    }

    private static func users(in db: Database, _ policies: OrderPolicies) throws -> [String] {
        try rows(
            "SELECT user, count(*) FROM orders WHERE state IN \(active) GROUP BY user HAVING count(*) > \(policies.maximumActive)", in: db
        ) { "I2: the user \($0[0]) has \($0[1]) active orders" }
            + rows(
                """
                SELECT n.user, n.number, d.number FROM orders d JOIN orders n ON n.user = d.user AND n.created_at > d.settled_at
                WHERE d.state = 'due' AND n.wire_number IS NULL
                """, in: db
            ) { "I2: the user \($0[0]) got the order \($0[1]) while \($0[2]) was not paid" }
            + rows(
                "SELECT user, tenant, client_key, count(*) FROM orders WHERE client_key IS NOT NULL GROUP BY user, tenant, client_key HAVING count(*) > 1",
                in: db
            ) { "I9: the client key \($0[2]) of \($0[0]) made \($0[3]) orders" }
    }

    // MARK: I3, I7, I8, I13, I16

    private static func readings(in db: Database) throws -> [String] {
        try rows(
            """
            SELECT o.number, o.energy, max(s.energy) FROM orders o JOIN order_samples s ON s.order_id = o.id
            GROUP BY o.id HAVING max(s.energy) > o.energy
            """, in: db
        ) { "I3: the order \($0[0]) has \($0[1]) dWh, less than its sample of \($0[2])" }
            + rows(
                "SELECT o.number FROM orders o WHERE o.samples > 0 AND NOT EXISTS (SELECT 1 FROM order_samples s WHERE s.order_id = o.id)",
                in: db
            ) { "I3: the samples of the order \($0[0]) are gone" }
    }

    private static func timers(in db: Database) throws -> [String] {
        try rows("SELECT number, state FROM orders WHERE state IN \(active) AND timer_at IS NULL", in: db) {
            "I7: the order \($0[0]) is \($0[1]) and waits for nothing"
        }
            + rows("SELECT number, state FROM orders WHERE state NOT IN \(active) AND timer_at IS NOT NULL", in: db) {
                "I10: the order \($0[0]) is \($0[1]) and still waits for something"
            }
    }

    private static func bills(in db: Database) throws -> [String] {
        try rows("SELECT id, number FROM bills WHERE outcome = 'booked' AND order_id IS NULL", in: db) {
            "I8: the bill \($0[0]) of \($0[1]) is booked for no order"
        }
            + rows(
                "SELECT o.number, count(*) FROM orders o JOIN bills b ON b.order_id = o.id AND b.outcome = 'booked' GROUP BY o.id HAVING count(*) > 1",
                in: db
            ) { "I8: the order \($0[0]) has \($0[1]) bills that are booked" }
            + rows(
                """
                SELECT o.number, o.state FROM orders o WHERE o.state IN ('due','closed') AND o.estimated = 0
                AND NOT EXISTS (SELECT 1 FROM bills b WHERE b.id = o.bill)
                """, in: db
            ) { "I8: the order \($0[0]) is \($0[1]) without a bill and without an estimate" }
    }

    private static func tenants(in db: Database) throws -> [String] {
        try rows(
            "SELECT b.id, b.pile, o.number FROM bills b JOIN orders o ON o.id = b.order_id WHERE b.tenant <> o.tenant OR b.pile <> o.pile",
            in: db
        ) { "I13: the bill \($0[0]) of \($0[1]) belongs to the order \($0[2]) of another pile or operator" }
            + rows(
                "SELECT p.key, p.tenant, o.number FROM ledger_postings p JOIN orders o ON o.number = p.order_number WHERE p.tenant <> o.tenant",
                in: db
            ) { "I13: the posting \($0[0]) of the tenant \($0[1]) is about the order \($0[2]) of another" }
    }

    private static func registers(in db: Database) throws -> [String] {
        try rows(
            """
            SELECT number, pile, port, register_start, before FROM (
                SELECT number, pile, port, register_start, lag(register_end) OVER (PARTITION BY pile, port ORDER BY id) AS before
                FROM bills WHERE outcome = 'booked' AND register_start IS NOT NULL AND register_end IS NOT NULL)
            WHERE register_start < before AND register_start > \(SampleReading.restartLevel)
            """, in: db
        ) { "I16: the order \($0[0]) begins at \($0[3]) dWh, below the \($0[4]) at which the last one on port \($0[2]) of \($0[1]) ended" }
    }

    // MARK: I4, I5, I6, I11, I15

    /// - Parameter rows: of the orders; `nil` for all.
    private static func money(of rows: [Int64]?, in db: Database) throws -> [String] {
        let memory = OrderMemory()
        var looked = 0
        var found: [String] = []
        if let rows {
            for row in rows {
                if let order = try OrderStore.find(row: row, in: db) { found += try money(of: order, memory, &looked, in: db) }
            }
        } else {
            let cursor = try Row.fetchCursor(db, sql: "SELECT * FROM orders ORDER BY id")
            while let row = try cursor.next() { found += try money(of: Order(row), memory, &looked, in: db) }
        }
        return found
    }

    private static func money(of order: Order, _ memory: OrderMemory, _ looked: inout Int, in db: Database) throws -> [String] {
        var found: [String] = []
        let stage: AuditedOrder.Stage
        switch order.state {
        case .due: stage = .due
        case .closed: stage = .closed
        case .cancelled: stage = .cancelled
        default: stage = .active
        }
        let audited = AuditedOrder(
            order: order.number, stage: stage, hold: order.hold, price: order.settledAt == nil ? nil : order.price + order.absorbed,
            told: order.told,
            isInReview: !order.review.isEmpty)
        found += try LedgerAudit.violations(of: audited, in: db).map(\.description)
        let booked = try Ledger().money(order: order.number, in: db)
        let columns: [(String, Int64, Int64)] = [
            ("captured", order.captured, booked.captured), ("paid", order.paid, booked.paid), ("open", order.open, booked.open),
            ("returned", order.returned, booked.returned), ("refunded", order.refunded, booked.refunded),
            ("absorbed", order.absorbed, booked.absorbed),
        ]
        for (name, kept, summed) in columns where kept != summed {
            found.append("I4: the order \(order.number) has \(kept) fen \(name), the books \(summed)")
        }
        looked += 1
        if looked <= recalculated, let wrong = try price(of: order, memory, in: db) { found.append(wrong) }
        return found
    }

    /// I4: what an order costs is the price of its energy by its frozen tariff, unless a person has decided otherwise.
    private static func price(of order: Order, _ memory: OrderMemory, in db: Database) throws -> String? {
        guard order.state == .due || order.state == .closed, order.review.isEmpty, let energy = order.billedEnergy,
            let seconds = order.billedSeconds
        else { return nil }
        let isDecided =
            try Int.fetchOne(
                db, cached: "SELECT 1 FROM order_reviews WHERE order_id = ? AND fen > 0 LIMIT 1", order.row) != nil
        let tariff = try memory.tariff(order.tariff)
        // What other versions made of it, only the service that knows them can say.
        if isDecided || tariff.priceLock == .byValidity { return nil }
        let idle = try order.bill.map { try OrderStore.idleMinutes(ofBill: $0, in: db) } ?? 0
        let started = (order.startedAt ?? order.createdAt) / 1000
        let samples = try OrderStore.samples(of: order, in: db).map { Usage.Sample(at: $0.at / 1000, energy: $0.energy) }
        let usage = Usage(started: started, ended: started + seconds, samples: samples, total: energy, idleMinutes: idle)
        let due = try PriceCalculator.price(usage, tariff).due
        return due == order.price + order.absorbed
            ? nil : "I4: the order \(order.number) costs \(order.price + order.absorbed) fen, its \(energy) dWh in \(seconds) s are \(due)"
    }

    /// I5: each payment that a service told of is booked once.
    private static func payments(in db: Database) throws -> [String] {
        try rows(
            """
            SELECT number, booked, rows FROM (SELECT o.number AS number,
                (SELECT count(*) FROM ledger_postings l WHERE l.order_number = o.number AND l.kind = 'pay') AS booked,
                (SELECT count(*) FROM order_payments p WHERE p.order_id = o.id) AS rows FROM orders o)
            WHERE booked <> rows
            """, in: db
        ) { "I5: the order \($0[0]) has \($0[2]) payments, and \($0[1]) are booked" }
    }
}
