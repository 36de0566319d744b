package import GRDB

/// What the daily reconciliation compares: the services' statements, and what is written here.
extension PaymentStore {
    /// The lines of a day's statements, of every channel whose statement has been fetched.
    ///
    /// - Parameter day: `2026-01-02` in Beijing.
    package static func statementLines(day: String, in db: Database) throws -> [StatementLine] {
        try Row.fetchAll(db, cached: "SELECT * FROM payment_statement_rows WHERE day = ? ORDER BY channel, line", arguments: [day]).map { row in
            let (refund, time): (String?, Int64) = (row["refund"], row["at"])
            return StatementLine(
                channel: row["channel"], direction: refund == nil ? .payment : .refund, number: refund ?? row["attempt"], transaction: row["transaction_id"],
                fen: row["fen"], at: time * 1_000)
        }
    }

    /// Payments and refunds of a day and of the days beside it, and those that its statements name.
    package static func bookedPayments(day: String, in db: Database) throws -> [BookedPayment] {
        guard let start = BeijingTime.start(of: day) else { return [] }
        let (from, to) = ((start - 86_400) * 1_000, (start + 2 * 86_400) * 1_000)
        let attempts = try Row.fetchAll(
            db,
            cached: """
                SELECT * FROM payment_attempts WHERE coalesce(paid_at * 1000, created_at) BETWEEN ?1 AND ?2
                    OR number IN (SELECT attempt FROM payment_statement_rows WHERE day = ?3) ORDER BY id
                """, arguments: [from, to, day]
        ).map { row -> BookedPayment in
            let record = AttemptRecord(row)
            let (paidAt, paid): (Int64?, Int64?) = (row["paid_at"], row["paid_fen"])
            let isBooked = record.state == .paid && record.outcome != "refused"
            return BookedPayment(
                channel: record.channel, direction: .payment, number: record.number, transaction: record.transaction, fen: paid ?? record.fen,
                state: isBooked ? .booked : record.state == .closed || record.state == .refused ? .closed : .open, at: paidAt.map { $0 * 1_000 } ?? record.createdAt)
        }
        let refunds = try Row.fetchAll(
            db,
            cached: """
                SELECT * FROM payment_refunds WHERE coalesce(done_at, created_at) BETWEEN ?1 AND ?2
                    OR number IN (SELECT refund FROM payment_statement_rows WHERE day = ?3 AND refund IS NOT NULL) ORDER BY id
                """, arguments: [from, to, day]
        ).map { row -> BookedPayment in
            let record = RefundRecord(row)
            let doneAt: Int64? = row["done_at"]
            // The statements name the payment's transaction, not the refund's.
            return BookedPayment(
                channel: record.channel, direction: .refund, number: record.number, fen: record.fen,
                state: record.state == .done ? .booked : record.state == .refused ? .closed : .open, at: doneAt ?? record.createdAt)
        }
        return attempts + refunds
    }
}
