import GRDB

/// The tables of the payments. Moments are Unix milliseconds, days are Beijing's.
///
/// `due_at` is the list of what is to be done: it is written in the same commit as what makes it necessary, so that a crash loses none of it.
enum PaymentSchema {
    static let migrations = [
        Storage.Migration("attempts") { db in try db.execute(sql: attempts) },
        Storage.Migration("refunds") { db in try db.execute(sql: refunds) },
        Storage.Migration("statements") { db in try db.execute(sql: statements) },
    ]

    private static let attempts = """
        CREATE TABLE payment_attempts (
            id INTEGER PRIMARY KEY AUTOINCREMENT,
            number VARCHAR(32) UNIQUE NOT NULL, -- out_trade_no
            subject VARCHAR(200) NOT NULL, -- 'order:<number>', 'top_up:<user>:<key>'
            order_number VARCHAR(32) NOT NULL, -- empty for a payment into a wallet
            user_id VARCHAR(128) NOT NULL,
            tenant VARCHAR(64) NOT NULL,
            channel VARCHAR(16) NOT NULL,
            fen INTEGER NOT NULL,
            state VARCHAR(16) NOT NULL, -- 'created', 'open', 'paid', 'closed', 'refused'
            parameters JSON, -- what the app goes on with
            transaction_id VARCHAR(64),
            paid_fen INTEGER,
            paid_at INTEGER, -- Unix seconds, as the service says
            outcome VARCHAR(32), -- 'booked', 'returned', 'refused'
            created_at INTEGER NOT NULL,
            expires_at INTEGER NOT NULL,
            polls INTEGER NOT NULL DEFAULT 0,
            wants_close BOOLEAN NOT NULL DEFAULT FALSE,
            due_at INTEGER
        );
        CREATE INDEX payment_attempts_due ON payment_attempts (due_at) WHERE due_at IS NOT NULL;
        CREATE INDEX payment_attempts_subject ON payment_attempts (subject, id);
        """

    private static let refunds = """
        CREATE TABLE payment_refunds (
            id INTEGER PRIMARY KEY AUTOINCREMENT,
            number VARCHAR(64) UNIQUE NOT NULL, -- out_refund_no, the same in every try
            attempt VARCHAR(32) NOT NULL,
            channel VARCHAR(16) NOT NULL,
            fen INTEGER NOT NULL,
            state VARCHAR(16) NOT NULL, -- 'pending', 'accepted', 'done', 'refused'
            review VARCHAR(64), -- why the service has not paid it out
            service_id VARCHAR(64),
            tries INTEGER NOT NULL DEFAULT 0,
            created_at INTEGER NOT NULL,
            done_at INTEGER,
            due_at INTEGER
        );
        CREATE INDEX payment_refunds_due ON payment_refunds (due_at) WHERE due_at IS NOT NULL;
        CREATE INDEX payment_refunds_attempt ON payment_refunds (attempt, id);
        """

    private static let statements = """
        CREATE TABLE payment_statements (
            channel VARCHAR(16) NOT NULL,
            day VARCHAR(10) NOT NULL,
            state VARCHAR(16) NOT NULL, -- 'waiting', 'done', 'failed'
            tries INTEGER NOT NULL DEFAULT 0,
            paid INTEGER NOT NULL DEFAULT 0,
            refunded INTEGER NOT NULL DEFAULT 0,
            fetched_at INTEGER,
            due_at INTEGER,
            PRIMARY KEY (channel, day)
        ) WITHOUT ROWID;
        CREATE INDEX payment_statements_due ON payment_statements (due_at) WHERE due_at IS NOT NULL;
        CREATE TABLE payment_statement_rows (
            channel VARCHAR(16) NOT NULL,
            day VARCHAR(10) NOT NULL,
            line INTEGER NOT NULL,
            transaction_id VARCHAR(64) NOT NULL,
            attempt VARCHAR(64) NOT NULL,
            refund VARCHAR(64), -- NULL for a payment
            fen INTEGER NOT NULL, -- positive, also for a refund
            at INTEGER NOT NULL, -- Unix seconds
            PRIMARY KEY (channel, day, line)
        ) WITHOUT ROWID;
        CREATE INDEX payment_statement_rows_attempt ON payment_statement_rows (attempt);
        """
}
