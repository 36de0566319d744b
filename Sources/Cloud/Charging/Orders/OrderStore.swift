import Foundation
import GRDB
import LabCore

/// Orders in the database. What it stores is decided in `OrderRules`.
enum OrderStore {
    // MARK: Writing

    /// - Returns: the order's row.
    static func insert(_ order: Order, in db: Database) throws -> Int64 {
        try db.execute(
            cached: """
                INSERT INTO orders (number, tenant, user, client_key, pile, port, site, wire_number, card, tariff, hold, limit_energy, limit_seconds,
                created_at, state, link, started_at, timer, timer_at, tariff_label) VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)
                """,
            order.number, order.tenant, order.user, order.clientKey, order.pile, order.port, order.site, order.wireNumber, order.card,
            order.tariff, order.hold, order.limitEnergy, order.limitSeconds, order.createdAt, order.state.rawValue, order.link.rawValue,
            order.startedAt,
            order.timer?.rawValue, order.timerAt, order.tariffLabel)
        return db.lastInsertedRowID
    }

    /// Writes what a look at the charge changes, which comes most often.
    static func updateReadings(_ order: Order, in db: Database) throws {
        try db.execute(
            cached: "UPDATE orders SET energy = ?, meter = ?, sampled_at = ?, power = ?, samples = ?, running = ?, timer_at = ? WHERE id = ?",
            order.energy, order.meter, order.sampledAt, order.power, order.samples, order.running, order.timerAt, order.row)
    }

    /// Writes everything that can change.
    static func update(_ order: Order, in db: Database) throws {
        try db.execute(
            cached: """
                UPDATE orders SET state = ?, link = ?, review = ?, flags = ?, estimated = ?, started_at = ?, ended_at = ?, settled_at = ?, energy = ?,
                meter = ?, sampled_at = ?, power = ?, samples = ?, running = ?, reason = ?, queries = ?, tries = ?, awaiting_since = ?, timer = ?,
                timer_at = ?, bill = ?, billed_energy = ?, billed_seconds = ?, price = ?, lines = ?, told = ?, captured = ?, paid = ?, open = ?, returned = ?,
                refunded = ?, refunds = ?, absorbed = ? WHERE id = ?
                """,
            order.state.rawValue, order.link.rawValue, words(order.review.map(\.rawValue)), words(Array(order.flags)), order.isEstimated,
            order.startedAt, order.endedAt, order.settledAt, order.energy, order.meter, order.sampledAt, order.power, order.samples,
            order.running,
            order.reason, order.queries, order.tries, order.awaitingSince, order.timer?.rawValue, order.timerAt, order.bill,
            order.billedEnergy,
            order.billedSeconds, order.price, order.lines, order.told, order.captured, order.paid, order.open, order.returned,
            order.refunded, order.refunds,
            order.absorbed, order.row)
    }

    private static func words(_ words: [String]) -> String { words.sorted().joined(separator: ",") }

    /// Takes the port; a second order cannot have it.
    ///
    /// - Parameter isForced: broken on purpose: the lease is taken from whoever has it.
    static func lease(_ order: Order, isForced: Bool = false, in db: Database) throws {
        try db.execute(
            cached: "INSERT \(isForced ? "OR REPLACE " : "")INTO port_leases (pile, port, order_id) VALUES (?,?,?)",
            order.pile, order.port, order.row)
    }

    static func release(_ order: Order, in db: Database) throws {
        try db.execute(
            cached: "DELETE FROM port_leases WHERE pile = ? AND port = ? AND order_id = ?",
            order.pile, order.port, order.row)
    }

    /// Of two readings in one instant the larger stays.
    static func insert(sampleOf order: Order, at: Int64, energy: Int64, power: Int64, in db: Database) throws {
        try db.execute(
            cached: """
                INSERT INTO order_samples (order_id, at, energy, power) VALUES (?,?,?,?)
                ON CONFLICT DO UPDATE SET energy = max(energy, excluded.energy)
                """,
            order.row, at, energy, power)
    }

    // MARK: Reading

    static func find(_ number: String, in db: Database) throws -> Order? {
        try one("SELECT * FROM orders WHERE number = ?", [number], in: db)
    }

    static func find(row: Int64, in db: Database) throws -> Order? {
        try one("SELECT * FROM orders WHERE id = ?", [row], in: db)
    }

    static func find(wire number: String, of pile: String, in db: Database) throws -> Order? {
        try one("SELECT * FROM orders WHERE pile = ? AND wire_number = ?", [pile, number], in: db)
    }

    static func find(clientKey: String, user: String, tenant: String, in db: Database) throws -> Order? {
        // There hardly ever is one, and to ask for all columns of none costs as much as to write an order.
        try Int64.fetchOne(
            db, cached: "SELECT id FROM orders WHERE user = ? AND client_key = ? AND tenant = ?", user, clientKey, tenant).flatMap { try find(row: $0, in: db) }
    }

    private static func one(_ sql: String, _ arguments: StatementArguments, in db: Database) throws -> Order? {
        try Row.fetchOne(try db.cachedStatement(sql: sql), arguments: arguments).map(Order.init)
    }

    /// Those that wait for something: all active ones.
    static func active(in db: Database) throws -> [Order] {
        try Row.fetchAll(db, sql: "SELECT * FROM orders WHERE timer_at IS NOT NULL ORDER BY id").map(Order.init)
    }

    /// The first order of a user that is not paid.
    static func debt(of user: String, in db: Database) throws -> String? {
        try String.fetchOne(
            db, cached: "SELECT number FROM orders WHERE user = ? AND state = 'due' LIMIT 1", user)
    }

    static func nextTimer(in db: Database) throws -> Int64? {
        try Int64.fetchOne(db, cached: "SELECT min(timer_at) FROM orders WHERE timer_at IS NOT NULL")
    }

    /// Those whose wait is over, in the order of their times.
    static func due(at now: Int64, limit: Int, in db: Database) throws -> [(number: String, timer: OrderTimer, at: Int64)] {
        let statement = try db.cachedStatement(
            sql: "SELECT number, timer, timer_at FROM orders WHERE timer_at <= ? ORDER BY timer_at, id LIMIT ?")
        return try Row.fetchAll(statement, arguments: [now, limit]).compactMap { row in
            OrderTimer(rawValue: row[1]).map { (row[0], $0, row[2]) }
        }
    }

    static func samples(of order: Order, in db: Database) throws -> [(at: Int64, energy: Int64)] {
        let statement = try db.cachedStatement(sql: "SELECT at, energy FROM order_samples WHERE order_id = ? ORDER BY at")
        return try Row.fetchAll(statement, arguments: [order.row]).map { ($0[0], $0[1]) }
    }

    // MARK: Bills

    struct StoredBill: Sendable, Equatable {
        var row: Int64
        var order: Int64?
        var outcome: String
        var refusal: String?
    }

    static func bill(pile: String, number: String, hash: [UInt8], in db: Database) throws -> StoredBill? {
        let statement = try db.cachedStatement(
            sql: "SELECT id, order_id, outcome, refusal FROM bills WHERE pile = ? AND number = ? AND hash = ?")
        return try Row.fetchOne(statement, arguments: [pile, number, Data(hash)]).map {
            StoredBill(row: $0[0], order: $0[1], outcome: $0[2], refusal: $0[3])
        }
    }

    static func insert(_ bill: PileBill, hash: [UInt8], tenant: String, order: Int64?, refusal: String?, in db: Database) throws -> Int64 {
        try db.execute(
            cached: """
                INSERT INTO bills (pile, tenant, port, number, hash, order_id, received_at, energy, seconds, started_at, ended_at, maximum_power, reason,
                card, outcome, refusal, idle_minutes, register_start, register_end, frame) VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)
                """,
            bill.pile, tenant, bill.port, bill.order ?? "", Data(hash), order, bill.receivedAt, bill.energy, bill.seconds, bill.started,
            bill.ended,
            bill.maximumPower, bill.reason.rawValue, bill.card, refusal == nil ? "booked" : "quarantined", refusal, bill.idleMinutes,
            bill.registerStart,
            bill.registerEnd, Data(bill.frame))
        return db.lastInsertedRowID
    }

    static func idleMinutes(ofBill row: Int64, in db: Database) throws -> Int64 {
        try Int64.fetchOne(db, cached: "SELECT idle_minutes FROM bills WHERE id = ?", row) ?? 0
    }

    // MARK: Reviews

    static func raise(_ review: OrderReview, of order: Order, at now: Int64, in db: Database) throws {
        try db.execute(
            cached: "INSERT INTO order_reviews (order_id, review, raised_at) VALUES (?,?,?)",
            order.row, review.rawValue, now)
    }

    static func resolve(_ review: OrderReview, of order: Order, by: String, remark: String, fen: Int64, at now: Int64, in db: Database)
        throws
    {
        try db.execute(
            sql: """
                UPDATE order_reviews SET resolved_at = ?, resolved_by = ?, remark = ?, fen = ?
                WHERE order_id = ? AND review = ? AND resolved_at IS NULL
                """, arguments: [now, by, remark, fen, order.row, review.rawValue])
    }

    // MARK: Registers of ports

    struct Register {
        /// dWh
        var reading: Int64
        var order: String
        /// The order's row.
        var row: Int64
        /// Unix milliseconds.
        var at: Int64
    }

    /// What the port showed at the end of the last order that had a reading.
    static func register(pile: String, port: Int, in db: Database) throws -> Register? {
        let statement = try db.cachedStatement(
            sql: "SELECT reading, order_number, order_id, read_at FROM port_registers WHERE pile = ? AND port = ?")
        return try Row.fetchOne(statement, arguments: [pile, port]).map { Register(reading: $0[0], order: $0[1], row: $0[2], at: $0[3]) }
    }

    static func setRegister(_ reading: Int64, of order: Order, at now: Int64, in db: Database) throws {
        try db.execute(
            cached: "INSERT OR REPLACE INTO port_registers (pile, port, reading, order_number, order_id, read_at) VALUES (?,?,?,?,?,?)",
            order.pile, order.port, reading, order.number, order.row, now)
    }

    /// dWh of the orders of a port between two others, such as those that were settled without a bill.
    static func energy(pile: String, port: Int, between first: Int64, and last: Int64, in db: Database) throws -> Int64 {
        return try Int64.fetchOne(
            db, cached: "SELECT coalesce(sum(coalesce(billed_energy, energy)), 0) FROM orders WHERE pile = ? AND port = ? AND id > ? AND id < ?",
            pile, port, first, last) ?? 0
    }
}

extension Order {
    init(_ row: Row) {
        self.init(
            number: row["number"], tenant: row["tenant"], user: row["user"], clientKey: row["client_key"], pile: row["pile"], port: row["port"],
            site: row["site"], wireNumber: row["wire_number"], card: row["card"], tariff: row["tariff"], tariffLabel: row["tariff_label"],
            hold: row["hold"], limitEnergy: row["limit_energy"], limitSeconds: row["limit_seconds"], createdAt: row["created_at"])
        self.row = row["id"]
        state = OrderState(rawValue: row["state"]) ?? .closed
        link = OrderLink(rawValue: row["link"]) ?? .online
        review = Set((row["review"] as String).split(separator: ",").compactMap { OrderReview(rawValue: String($0)) })
        flags = Set((row["flags"] as String).split(separator: ",").map(String.init))
        isEstimated = row["estimated"]
        startedAt = row["started_at"]
        endedAt = row["ended_at"]
        settledAt = row["settled_at"]
        energy = row["energy"]
        meter = row["meter"]
        sampledAt = row["sampled_at"]
        power = row["power"]
        samples = row["samples"]
        running = row["running"]
        reason = row["reason"]
        queries = row["queries"]
        tries = row["tries"]
        awaitingSince = row["awaiting_since"]
        timer = (row["timer"] as String?).flatMap(OrderTimer.init)
        timerAt = row["timer_at"]
        bill = row["bill"]
        billedEnergy = row["billed_energy"]
        billedSeconds = row["billed_seconds"]
        price = row["price"]
        lines = row["lines"]
        told = row["told"]
        captured = row["captured"]
        paid = row["paid"]
        open = row["open"]
        returned = row["returned"]
        refunded = row["refunded"]
        refunds = row["refunds"]
        absorbed = row["absorbed"]
    }
}
