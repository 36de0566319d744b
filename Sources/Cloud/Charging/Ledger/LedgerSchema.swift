import GRDB

/// The tables of the ledger. Postings are added and never changed; the database itself refuses anything else.
///
/// The accounts of one order (`hold`, `receivable`) live as long as the order and are summed from its few entries. All others have
/// their balance in `ledger_balances`, kept in the same transaction: wallets in one row (day 0), the rest in a row for each civil day,
/// from which the reports of days and months are read without a look at the postings.
package enum LedgerSchema {
    package static let migrations = [
        Storage.Migration("postings") { db in try db.execute(sql: postings) },
        Storage.Migration("shares") { db in try db.execute(sql: shares) },
    ]

    private static let postings = """
        CREATE TABLE ledger_postings (
            id INTEGER PRIMARY KEY,
            key VARCHAR(128) UNIQUE NOT NULL,
            kind VARCHAR(16) NOT NULL,
            order_number VARCHAR(16),
            tenant VARCHAR(64) NOT NULL,
            at TIMESTAMP NOT NULL, -- Unix milliseconds
            day INTEGER NOT NULL, -- civil days since 1970
            reference TEXT
        );
        CREATE INDEX ledger_postings_order ON ledger_postings (order_number) WHERE order_number IS NOT NULL;
        CREATE TABLE ledger_entries (
            posting INTEGER NOT NULL REFERENCES ledger_postings(id),
            number INTEGER NOT NULL, -- from 0
            account VARCHAR(160) NOT NULL,
            fen INTEGER NOT NULL, -- a credit where above 0
            PRIMARY KEY (posting, number)
        ) WITHOUT ROWID;
        CREATE INDEX ledger_entries_wallet ON ledger_entries (account, posting) WHERE account >= 'wallet:' AND account < 'wallet;';
        CREATE TABLE ledger_balances (
            account VARCHAR(160) NOT NULL,
            day INTEGER NOT NULL, -- 0 for wallets
            fen INTEGER NOT NULL,
            PRIMARY KEY (account, day)
        ) WITHOUT ROWID;
        CREATE TRIGGER ledger_postings_update BEFORE UPDATE ON ledger_postings BEGIN SELECT RAISE(ABORT, 'postings are never changed'); END;
        CREATE TRIGGER ledger_postings_delete BEFORE DELETE ON ledger_postings BEGIN SELECT RAISE(ABORT, 'postings are never removed'); END;
        CREATE TRIGGER ledger_entries_update BEFORE UPDATE ON ledger_entries BEGIN SELECT RAISE(ABORT, 'entries are never changed'); END;
        CREATE TRIGGER ledger_entries_delete BEFORE DELETE ON ledger_entries BEGIN SELECT RAISE(ABORT, 'entries are never removed'); END;
        """

    private static let shares = """
        CREATE TABLE share_agreements (
            operator VARCHAR(64) NOT NULL,
            version INTEGER NOT NULL, -- from 1
            month VARCHAR(7) NOT NULL, -- the first month that it counts for, '2026-01'
            parties JSON NOT NULL,
            PRIMARY KEY (operator, version)
        ) WITHOUT ROWID;
        CREATE TABLE share_runs (
            operator VARCHAR(64) NOT NULL,
            month VARCHAR(7) NOT NULL,
            version INTEGER NOT NULL,
            fen INTEGER NOT NULL,
            parts JSON NOT NULL,
            at TIMESTAMP NOT NULL,
            PRIMARY KEY (operator, month)
        ) WITHOUT ROWID;
        CREATE TRIGGER share_agreements_update BEFORE UPDATE ON share_agreements BEGIN SELECT RAISE(ABORT, 'agreements are never changed'); END;
        CREATE TRIGGER share_runs_update BEFORE UPDATE ON share_runs BEGIN SELECT RAISE(ABORT, 'a month is shared once'); END;
        """
}
