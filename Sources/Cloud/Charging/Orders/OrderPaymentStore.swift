import Crypto
import GRDB
import LabCore

/// A refund as it is stored.
package struct OrderRefund: Sendable, Equatable {
    package var order: String
    package var key: String
    /// At the payment service.
    package var number: String
    package var fen: Int64
    package var walletFen: Int64
    package var channelFen: Int64
    package var channel: String
    package var attempt: String
    /// `pending`, `done`.
    package var state: String
    package var createdAt: Int64

    var sending: PaymentRefund { PaymentRefund(number: number, attempt: attempt, channel: channel, fen: channelFen) }
}

enum KeyHash {
    static func of(_ text: String) -> [UInt8] { Array(SHA256.hash(data: Array(text.utf8))) }
}

/// Payments and refunds of orders in the database.
enum OrderPaymentStore {
    struct Payment: Sendable, Equatable {
        var channel: String
        var attempt: String
        var order: Int64?
        var fen: Int64
        var refund: String?
        var refundState: String?

        init(_ row: Row) {
            channel = row["channel"]
            attempt = row["attempt"]
            order = row["order_id"]
            fen = row["fen"]
            refund = row["refund"]
            refundState = row["refund_state"]
        }
    }

    static func payment(_ channel: String, _ transaction: String, in db: Database) throws -> Payment? {
        let statement = try db.cachedStatement(sql: "SELECT * FROM order_payments WHERE channel = ? AND txn = ?")
        return try Row.fetchOne(statement, arguments: [channel, transaction]).map(Payment.init)
    }

    static func payment(refund: String, in db: Database) throws -> Payment? {
        try Row.fetchOne(db, sql: "SELECT * FROM order_payments WHERE refund = ?", arguments: [refund]).map(Payment.init)
    }

    static func insert(_ notice: PaymentNotice, order: Order?, refund: String?, at now: Int64, in db: Database) throws {
        try db.execute(
            cached: """
                INSERT OR REPLACE INTO order_payments (channel, txn, attempt, order_id, fen, booked_at, refund, refund_state)
                VALUES (?,?,?,?,?,?,?,?)
                """,
            notice.channel, notice.transaction, notice.attempt, order?.row, notice.fen, now, refund, refund == nil ? nil : "pending")
    }

    static func setReturn(_ refund: String, state: String, in db: Database) throws {
        try db.execute(sql: "UPDATE order_payments SET refund_state = ? WHERE refund = ?", arguments: [state, refund])
    }

    // MARK: Refunds

    static func refund(of order: Order, key: String, in db: Database) throws -> OrderRefund? {
        let statement = try db.cachedStatement(
            sql:
                "SELECT r.*, o.number AS order_number FROM order_refunds r JOIN orders o ON o.id = r.order_id WHERE r.order_id = ? AND r.refund_key = ?"
        )
        return try Row.fetchOne(statement, arguments: [order.row, key]).map(OrderRefund.init)
    }

    static func refund(number: String, in db: Database) throws -> OrderRefund? {
        let statement = try db.cachedStatement(
            sql: "SELECT r.*, o.number AS order_number FROM order_refunds r JOIN orders o ON o.id = r.order_id WHERE r.number = ?")
        return try Row.fetchOne(statement, arguments: [number]).map(OrderRefund.init)
    }

    static func refunds(of order: Order, in db: Database) throws -> [OrderRefund] {
        try Row.fetchAll(
            db,
            sql:
                "SELECT r.*, o.number AS order_number FROM order_refunds r JOIN orders o ON o.id = r.order_id WHERE r.order_id = ? ORDER BY r.id",
            arguments: [order.row]
        ).map(OrderRefund.init)
    }

    /// Those that a payment service has not answered, to be handed over again after a start.
    static func pending(in db: Database) throws -> [PaymentRefund] {
        let refunds = try Row.fetchAll(
            db,
            sql:
                "SELECT r.*, o.number AS order_number FROM order_refunds r JOIN orders o ON o.id = r.order_id WHERE r.state = 'pending' ORDER BY r.id"
        )
        let returns = try Row.fetchAll(db, sql: "SELECT * FROM order_payments WHERE refund_state = 'pending' ORDER BY booked_at, txn").map(
            Payment.init)
        return refunds.map { OrderRefund($0).sending }
            + returns.compactMap { payment in
                payment.refund.map { PaymentRefund(number: $0, attempt: payment.attempt, channel: payment.channel, fen: payment.fen) }
            }
    }

    static func hasPendingRefund(_ order: Order, in db: Database) throws -> Bool {
        let statement = try db.cachedStatement(sql: "SELECT 1 FROM order_refunds WHERE order_id = ? AND state = 'pending' LIMIT 1")
        return try Int.fetchOne(statement, arguments: [order.row]) != nil
    }

    static func insert(_ refund: OrderRefund, of order: Order, in db: Database) throws {
        // A number that is there already can only come again where a key of the ledger is broken on purpose.
        try db.execute(
            sql: """
                INSERT OR IGNORE INTO order_refunds (order_id, refund_key, number, fen, wallet_fen, channel_fen, channel, attempt, state, created_at)
                VALUES (?,?,?,?,?,?,?,?,?,?)
                """,
            arguments: [
                order.row, refund.key, refund.number, refund.fen, refund.walletFen, refund.channelFen, refund.channel, refund.attempt,
                refund.state,
                refund.createdAt,
            ])
    }

    static func setRefund(_ number: String, state: String, in db: Database) throws {
        try db.execute(sql: "UPDATE order_refunds SET state = ? WHERE number = ?", arguments: [state, number])
    }

    /// The payment of an order of which most has not gone back.
    static func source(of order: Order, in db: Database) throws -> (channel: String, attempt: String, left: Int64)? {
        let row = try Row.fetchOne(
            db,
            sql: """
                SELECT p.channel, p.attempt, p.fen - coalesce((SELECT sum(r.channel_fen) FROM order_refunds r WHERE r.attempt = p.attempt), 0) AS rest
                FROM order_payments p WHERE p.order_id = ? AND p.refund IS NULL ORDER BY rest DESC, p.booked_at LIMIT 1
                """, arguments: [order.row])
        return row.map { ($0[0], $0[1], $0[2]) }
    }
}

extension OrderRefund {
    init(_ row: Row) {
        self.init(
            order: row["order_number"], key: row["refund_key"], number: row["number"], fen: row["fen"], walletFen: row["wallet_fen"],
            channelFen: row["channel_fen"], channel: row["channel"] ?? "", attempt: row["attempt"] ?? "", state: row["state"],
            createdAt: row["created_at"])
    }
}
