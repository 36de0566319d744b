import GRDB

/// The tables of the order service. Moments are Unix milliseconds, energies dWh, money fen.
///
/// Orders and bills are never removed, so that their rows have numbers that grow without SQLite's `AUTOINCREMENT`, which writes one page
/// more for each of them.
///
/// An order that runs is found by its number, its port and the time at which its wait is over, each by an index. The lease of a port is
/// a row of its own: it is there exactly as long as the order is active, and two orders cannot have it.
enum OrderSchema {
    static let migrations = [
        Storage.Migration("orders") { db in try db.execute(sql: orders) },
        Storage.Migration("payments") { db in try db.execute(sql: payments) },
        Storage.Migration("registers") { db in
            // The order row and the moment of the reading: what flowed since belongs to later orders, or to the pile itself.
            try db.execute(
                sql: """
                    ALTER TABLE port_registers ADD COLUMN order_id INTEGER NOT NULL DEFAULT 0;
                    ALTER TABLE port_registers ADD COLUMN read_at TIMESTAMP NOT NULL DEFAULT 0;
                    """)
        },
    ]

    private static let orders = """
        CREATE TABLE orders (
            id INTEGER PRIMARY KEY,
            number VARCHAR(16) UNIQUE NOT NULL,
            tenant VARCHAR(64) NOT NULL,
            user VARCHAR(64) NOT NULL,
            client_key VARCHAR(64),
            pile VARCHAR(64) NOT NULL,
            port INTEGER NOT NULL,
            site VARCHAR(64) NOT NULL,
            wire_number VARCHAR(64), -- of a charge that a card began offline
            card VARCHAR(64),
            tariff JSON NOT NULL, -- frozen
            tariff_label VARCHAR(128) NOT NULL DEFAULT '', -- organisation and version
            hold INTEGER NOT NULL,
            limit_energy INTEGER,
            limit_seconds INTEGER,
            created_at TIMESTAMP NOT NULL,
            state VARCHAR(16) NOT NULL, -- 'starting', 'charging', 'stopping', 'await_bill', 'due', 'closed', 'cancelled'
            link VARCHAR(16) NOT NULL,
            review VARCHAR(128) NOT NULL DEFAULT '', -- words with commas
            flags VARCHAR(128) NOT NULL DEFAULT '',
            estimated BOOLEAN NOT NULL DEFAULT FALSE,
            started_at TIMESTAMP,
            ended_at TIMESTAMP,
            settled_at TIMESTAMP,
            energy INTEGER NOT NULL DEFAULT 0,
            meter INTEGER NOT NULL DEFAULT 0,
            sampled_at TIMESTAMP,
            power INTEGER NOT NULL DEFAULT 0,
            samples INTEGER NOT NULL DEFAULT 0,
            running INTEGER NOT NULL DEFAULT 0,
            reason VARCHAR(64),
            queries INTEGER NOT NULL DEFAULT 0,
            tries INTEGER NOT NULL DEFAULT 0,
            awaiting_since TIMESTAMP,
            timer VARCHAR(8),
            timer_at TIMESTAMP,
            bill INTEGER,
            billed_energy INTEGER,
            billed_seconds INTEGER,
            price INTEGER NOT NULL DEFAULT 0,
            lines JSON, -- of the price
            told INTEGER,
            captured INTEGER NOT NULL DEFAULT 0,
            paid INTEGER NOT NULL DEFAULT 0,
            open INTEGER NOT NULL DEFAULT 0,
            returned INTEGER NOT NULL DEFAULT 0,
            refunded INTEGER NOT NULL DEFAULT 0,
            refunds INTEGER NOT NULL DEFAULT 0,
            absorbed INTEGER NOT NULL DEFAULT 0
        );
        CREATE UNIQUE INDEX orders_client_key ON orders (user, client_key, tenant) WHERE client_key IS NOT NULL;
        CREATE INDEX orders_timer ON orders (timer_at, id) WHERE timer_at IS NOT NULL;
        CREATE INDEX orders_user ON orders (user, id);
        CREATE INDEX orders_due ON orders (user) WHERE state = 'due';
        CREATE INDEX orders_pile ON orders (pile, id);
        CREATE INDEX orders_review ON orders (id) WHERE review <> '';
        CREATE UNIQUE INDEX orders_wire ON orders (pile, wire_number) WHERE wire_number IS NOT NULL;
        CREATE TABLE port_leases (
            pile VARCHAR(64) NOT NULL,
            port INTEGER NOT NULL,
            order_id INTEGER NOT NULL REFERENCES orders(id),
            PRIMARY KEY (pile, port)
        ) WITHOUT ROWID;
        CREATE TABLE order_samples (
            order_id INTEGER NOT NULL REFERENCES orders(id),
            at TIMESTAMP NOT NULL,
            energy INTEGER NOT NULL,
            power INTEGER NOT NULL,
            PRIMARY KEY (order_id, at)
        ) WITHOUT ROWID;
        CREATE TABLE bills (
            id INTEGER PRIMARY KEY,
            pile VARCHAR(64) NOT NULL,
            tenant VARCHAR(64) NOT NULL,
            port INTEGER NOT NULL,
            number VARCHAR(64) NOT NULL, -- as the pile says; empty where it knows none
            hash BLOB NOT NULL,
            order_id INTEGER REFERENCES orders(id),
            received_at TIMESTAMP NOT NULL,
            energy INTEGER NOT NULL,
            seconds INTEGER NOT NULL,
            started_at INTEGER, -- Unix seconds by the pile's clock
            ended_at INTEGER,
            maximum_power INTEGER NOT NULL,
            reason VARCHAR(32) NOT NULL,
            card VARCHAR(64),
            outcome VARCHAR(16) NOT NULL, -- 'booked', 'quarantined'
            refusal VARCHAR(32), -- why it is in quarantine
            idle_minutes INTEGER NOT NULL DEFAULT 0,
            register_start INTEGER,
            register_end INTEGER,
            frame BLOB NOT NULL,
            UNIQUE (pile, number, hash)
        );
        CREATE INDEX bills_order ON bills (order_id) WHERE order_id IS NOT NULL;
        CREATE TABLE port_registers (
            pile VARCHAR(64) NOT NULL,
            port INTEGER NOT NULL,
            reading INTEGER NOT NULL, -- dWh, at the end of the last order that had one
            order_number VARCHAR(16) NOT NULL,
            PRIMARY KEY (pile, port)
        ) WITHOUT ROWID;
        CREATE TABLE order_reviews (
            id INTEGER PRIMARY KEY AUTOINCREMENT,
            order_id INTEGER NOT NULL REFERENCES orders(id),
            review VARCHAR(32) NOT NULL,
            raised_at TIMESTAMP NOT NULL,
            resolved_at TIMESTAMP,
            resolved_by VARCHAR(64),
            remark TEXT,
            fen INTEGER
        );
        CREATE INDEX order_reviews_order ON order_reviews (order_id, id);
        """

    private static let payments = """
        CREATE TABLE charge_cards (
            card VARCHAR(64) NOT NULL,
            tenant VARCHAR(64) NOT NULL, -- empty: at every operator
            user VARCHAR(64) NOT NULL,
            PRIMARY KEY (card, tenant)
        ) WITHOUT ROWID;
        CREATE TABLE order_payments (
            channel VARCHAR(16) NOT NULL,
            txn VARCHAR(64) NOT NULL,
            attempt VARCHAR(64) NOT NULL,
            order_id INTEGER REFERENCES orders(id), -- NULL for a payment into a wallet
            fen INTEGER NOT NULL,
            booked_at TIMESTAMP NOT NULL,
            refund VARCHAR(64), -- the number under which all of it goes back
            refund_state VARCHAR(16), -- 'pending', 'done', 'failed'
            PRIMARY KEY (channel, txn)
        ) WITHOUT ROWID;
        CREATE UNIQUE INDEX order_payments_refund ON order_payments (refund) WHERE refund IS NOT NULL;
        CREATE INDEX order_payments_order ON order_payments (order_id);
        CREATE TABLE order_refunds (
            id INTEGER PRIMARY KEY AUTOINCREMENT,
            order_id INTEGER NOT NULL REFERENCES orders(id),
            refund_key VARCHAR(64) NOT NULL,
            number VARCHAR(64) UNIQUE NOT NULL,
            fen INTEGER NOT NULL,
            wallet_fen INTEGER NOT NULL,
            channel_fen INTEGER NOT NULL,
            channel VARCHAR(16),
            attempt VARCHAR(64),
            state VARCHAR(16) NOT NULL, -- 'pending', 'done', 'failed'
            created_at TIMESTAMP NOT NULL,
            UNIQUE (order_id, refund_key)
        );
        CREATE INDEX order_refunds_pending ON order_refunds (id) WHERE state = 'pending';
        """
}
