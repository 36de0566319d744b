package import GRDB
import LabCore

/// An attempt as its row has it.
struct AttemptRecord: Sendable, Equatable {
    enum State: String, Sendable { case created, open, paid, closed, refused }

    var row: Int64
    var number: String
    var subject: String
    var order: String
    var user: String
    var tenant: String
    var channel: String
    var fen: Int64
    var state: State
    var parameters: Fields
    var transaction: String?
    var outcome: String?
    /// Unix milliseconds.
    var createdAt: Int64
    var expiresAt: Int64
    var polls: Int
    var wantsClose: Bool

    init(_ row: Row) {
        self.row = row["id"]
        number = row["number"]
        subject = row["subject"]
        order = row["order_number"]
        user = row["user_id"]
        tenant = row["tenant"]
        channel = row["channel"]
        fen = row["fen"]
        state = State(rawValue: row["state"]) ?? .refused
        let text: String? = row["parameters"]
        parameters = text.flatMap { try? JSONReader.read($0).record } ?? [:]
        transaction = row["transaction_id"]
        outcome = row["outcome"]
        createdAt = row["created_at"]
        expiresAt = row["expires_at"]
        polls = row["polls"]
        wantsClose = row["wants_close"]
    }
}

struct RefundRecord: Sendable, Equatable {
    enum State: String, Sendable { case pending, accepted, done, refused }

    var number: String
    var attempt: String
    var channel: String
    var fen: Int64
    var state: State
    var review: String?
    var tries: Int
    var createdAt: Int64

    init(_ row: Row) {
        number = row["number"]
        attempt = row["attempt"]
        channel = row["channel"]
        fen = row["fen"]
        state = State(rawValue: row["state"]) ?? .refused
        review = row["review"]
        tries = row["tries"]
        createdAt = row["created_at"]
    }
}

/// What is due: the key of the row.
enum PaymentJob: Sendable, Hashable {
    case attempt(String)
    case refund(String)
    case statement(channel: String, day: String)

    var word: String {
        switch self {
        case .attempt(let number): "attempt \(number)"
        case .refund(let number): "refund \(number)"
        case .statement(let channel, let day): "statement \(channel) \(day)"
        }
    }
}

/// The SQL of the payments.
package enum PaymentStore {
    // MARK: Attempts

    static func attempt(_ number: String, in db: Database) throws -> AttemptRecord? {
        try Row.fetchOne(db, cached: "SELECT * FROM payment_attempts WHERE number = ?", arguments: [number]).map(AttemptRecord.init)
    }

    /// The newest first.
    static func attempts(of subject: String, in db: Database) throws -> [AttemptRecord] {
        try Row.fetchAll(db, cached: "SELECT * FROM payment_attempts WHERE subject = ? ORDER BY id DESC", arguments: [subject]).map(
            AttemptRecord.init)
    }

    static func insert(
        number: String, subject: String, order: String, user: String, tenant: String, channel: String, fen: Int64, createdAt: Int64,
        expiresAt: Int64,
        dueAt: Int64, in db: Database
    ) throws {
        try db.execute(
            cached: """
                INSERT INTO payment_attempts (number, subject, order_number, user_id, tenant, channel, fen, state, created_at, expires_at, due_at)
                VALUES (?, ?, ?, ?, ?, ?, ?, 'created', ?, ?, ?)
                """, number, subject, order, user, tenant, channel, fen, createdAt, expiresAt, dueAt)
    }

    /// The answer to the prepay request; what has been paid or closed meanwhile stays so.
    static func open(_ number: String, parameters: Fields, in db: Database) throws {
        try db.execute(
            cached: "UPDATE payment_attempts SET state = 'open', parameters = ? WHERE number = ? AND state = 'created'",
            JSONWriter.text(.record(parameters)), number)
    }

    /// - Returns: false where it had ended before.
    static func end(_ number: String, _ state: AttemptRecord.State, in db: Database) throws -> Bool {
        try db.execute(
            cached: "UPDATE payment_attempts SET state = ?, due_at = NULL WHERE number = ? AND state IN ('created', 'open')",
            state.rawValue, number)
        return db.changesCount == 1
    }

    static func postpone(_ number: String, polls: Int, dueAt: Int64?, in db: Database) throws {
        try db.execute(
            cached: "UPDATE payment_attempts SET polls = ?, due_at = ? WHERE number = ? AND state IN ('created', 'open')",
            polls, dueAt, number)
    }

    /// The other attempts of a subject are to be closed: two of them could be paid.
    static func supersede(_ subject: String, but number: String, at now: Int64, in db: Database) throws {
        try db.execute(
            cached: """
                UPDATE payment_attempts SET wants_close = TRUE, due_at = ?
                WHERE subject = ? AND number <> ? AND state IN ('created', 'open')
                """, now, subject, number)
    }

    static func wake(_ number: String, at now: Int64, in db: Database) throws {
        try db.execute(cached: "UPDATE payment_attempts SET due_at = ? WHERE number = ? AND state <> 'paid'", now, number)
    }

    static func confirm(_ notice: PaymentNotice, outcome: String, in db: Database) throws {
        try db.execute(
            cached: """
                UPDATE payment_attempts SET state = 'paid', transaction_id = ?, paid_fen = ?, paid_at = ?, due_at = NULL,
                    outcome = coalesce(outcome, ?)
                WHERE number = ?
                """, notice.transaction, notice.fen, notice.paidAt, outcome, notice.attempt)
    }

    // MARK: Refunds

    static func refund(_ number: String, in db: Database) throws -> RefundRecord? {
        try Row.fetchOne(db, cached: "SELECT * FROM payment_refunds WHERE number = ?", arguments: [number]).map(RefundRecord.init)
    }

    static func refunds(of attempt: String, in db: Database) throws -> [RefundRecord] {
        try Row.fetchAll(db, cached: "SELECT * FROM payment_refunds WHERE attempt = ? ORDER BY id", arguments: [attempt]).map(
            RefundRecord.init)
    }

    static func insert(_ refund: PaymentRefund, state: RefundRecord.State, review: String?, at now: Int64, in db: Database) throws {
        try db.execute(
            cached: """
                INSERT INTO payment_refunds (number, attempt, channel, fen, state, review, created_at, due_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?)
                """,
            refund.number, refund.attempt, refund.channel, refund.fen, state.rawValue, review, now, state == .pending ? now : nil)
    }

    static func update(
        refund number: String, _ state: RefundRecord.State, review: String?, tries: Int, id: String?, doneAt: Int64?, dueAt: Int64?,
        in db: Database
    ) throws {
        try db.execute(
            cached: """
                UPDATE payment_refunds SET state = ?, review = ?, tries = ?, service_id = coalesce(?, service_id), done_at = ?, due_at = ?
                WHERE number = ? AND state <> 'done'
                """, state.rawValue, review, tries, id, doneAt, dueAt, number)
    }

    static func wake(refund number: String, at now: Int64, in db: Database) throws {
        try db.execute(
            cached: "UPDATE payment_refunds SET due_at = ? WHERE number = ? AND state IN ('pending', 'accepted')", now, number)
    }

    // MARK: Statements

    static func expectStatement(channel: String, day: String, dueAt: Int64, in db: Database) throws {
        try db.execute(
            cached: "INSERT INTO payment_statements (channel, day, state, due_at) VALUES (?, ?, 'waiting', ?) ON CONFLICT DO NOTHING",
            channel, day, dueAt)
    }

    static func lastStatementDay(channel: String, in db: Database) throws -> String? {
        try String.fetchOne(db, cached: "SELECT max(day) FROM payment_statements WHERE channel = ?", channel)
    }

    static func statementTries(channel: String, day: String, in db: Database) throws -> Int {
        try Int.fetchOne(db, cached: "SELECT tries FROM payment_statements WHERE channel = ? AND day = ?", channel, day) ?? 0
    }

    static func postponeStatement(channel: String, day: String, tries: Int, dueAt: Int64?, in db: Database) throws {
        try db.execute(
            cached: "UPDATE payment_statements SET tries = ?, due_at = ?, state = ? WHERE channel = ? AND day = ?",
            tries, dueAt, dueAt == nil ? "failed" : "waiting", channel, day)
    }

    static func store(_ rows: [StatementRow], channel: String, day: String, at now: Int64, in db: Database) throws {
        try db.execute(cached: "DELETE FROM payment_statement_rows WHERE channel = ? AND day = ?", channel, day)
        let statement = try db.cachedStatement(sql: "INSERT INTO payment_statement_rows VALUES (?, ?, ?, ?, ?, ?, ?, ?)")
        for (line, row) in rows.enumerated() {
            try statement.execute(arguments: [channel, day, line, row.transaction, row.attempt, row.refund, row.fen, row.at])
        }
        let paid = rows.reduce(0) { $0 + ($1.refund == nil ? $1.fen : 0) }
        let refunded = rows.reduce(0) { $0 + ($1.refund == nil ? 0 : $1.fen) }
        try db.execute(
            cached: """
                UPDATE payment_statements SET state = 'done', paid = ?, refunded = ?, fetched_at = ?, due_at = NULL WHERE channel = ? AND day = ?
                """, paid, refunded, now, channel, day)
    }

    /// The rows of a day's statement, in its order; `nil` where it has not been fetched. For the reconciliation.
    ///
    /// - Parameter day: `2026-01-02` in Beijing.
    package static func statement(channel: String, day: String, in db: Database) throws -> [StatementRow]? {
        let state = try String.fetchOne(
            db, cached: "SELECT state FROM payment_statements WHERE channel = ? AND day = ?", channel, day)
        guard state == "done" else { return nil }
        return try Row.fetchAll(
            db, cached: "SELECT * FROM payment_statement_rows WHERE channel = ? AND day = ? ORDER BY line", arguments: [channel, day]
        )
        .map { StatementRow(transaction: $0["transaction_id"], attempt: $0["attempt"], refund: $0["refund"], fen: $0["fen"], at: $0["at"]) }
    }

    // MARK: What is due

    static func due(at now: Int64, limit: Int, in db: Database) throws -> [PaymentJob] {
        let sql = """
            SELECT 0 AS kind, number AS name, '' AS day, due_at FROM payment_attempts WHERE due_at <= ?1
            UNION ALL SELECT 1, number, '', due_at FROM payment_refunds WHERE due_at <= ?1
            UNION ALL SELECT 2, channel, day, due_at FROM payment_statements WHERE due_at <= ?1
            ORDER BY due_at, kind, name, day LIMIT ?2
            """
        return try Row.fetchAll(db, cached: sql, arguments: [now, limit]).map { row in
            let (kind, name, day): (Int, String, String) = (row["kind"], row["name"], row["day"])
            return kind == 0 ? .attempt(name) : kind == 1 ? .refund(name) : .statement(channel: name, day: day)
        }
    }

    /// The next moment after `now` at which something is due.
    static func nextDue(after now: Int64, in db: Database) throws -> Int64? {
        let sql = """
            SELECT min(due_at) FROM (SELECT min(due_at) AS due_at FROM payment_attempts WHERE due_at > ?1
            UNION ALL SELECT min(due_at) FROM payment_refunds WHERE due_at > ?1
            UNION ALL SELECT min(due_at) FROM payment_statements WHERE due_at > ?1)
            """
        return try Int64.fetchOne(db, cached: sql, now)
    }
}
