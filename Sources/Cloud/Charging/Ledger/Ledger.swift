package import GRDB
package import LabCore

/// Double-entry bookkeeping inside the caller's transaction: what is booked is durable together with what led to it, or not at all.
package struct Ledger: Sendable {
    private let bugs: Set<SeededBug>

    package init(bugs: Set<SeededBug> = []) { self.bugs = bugs }

    /// 10 billion yuan: far from where sums in the database could overflow.
    package static let maximumFen: Int64 = 1_000_000_000_000
    package static let maximumKeyBytes = 128
    package static let maximumEntries = 64

    // MARK: Booking

    /// Books a posting, unless its key has been used before.
    ///
    /// - Returns: false where the key was there: nothing was written, whatever this posting says.
    /// - Throws: `LedgerError` with nothing written: entries that do not add up, a wallet or a hold that would go below 0.
    @discardableResult
    package func post(_ posting: Posting, in db: Database) throws -> Bool {
        try Self.check(posting)
        if try isKnown(posting.key, in: db) { return false }
        for (account, fen) in Self.debits(posting) {
            let balance = try balance(account, in: db)
            if balance + fen < 0 { throw LedgerError.overdraft(account: account.text, has: balance, needs: -fen) }
        }
        try insert(posting, in: db)
        return true
    }

    /// Books a posting whose key the caller has looked for in this transaction, and whose debits he has taken from balances that he read in it.
    func postNew(_ posting: Posting, in db: Database) throws {
        try Self.check(posting)
        try insert(posting, in: db)
    }

    /// Whether a posting has this key.
    package func isKnown(_ key: String, in db: Database) throws -> Bool {
        if bugs.contains(.ledgerKeyMissing) { return false }
        return try Int64.fetchOne(db, cached: "SELECT id FROM ledger_postings WHERE key = ?", key) != nil
    }

    private static func check(_ posting: Posting) throws(LedgerError) {
        guard (1...maximumKeyBytes).contains(posting.key.utf8.count) else {
            throw .malformed(key: String(posting.key.prefix(64)), reason: "has a key that is not of 1 to \(maximumKeyBytes) bytes")
        }
        guard posting.entries.count <= maximumEntries else {
            throw .malformed(key: posting.key, reason: "has more than \(maximumEntries) entries")
        }
        guard (0...Usage.maximumTime * 1000).contains(posting.at), (-840...840).contains(posting.utcOffset) else {
            throw .malformed(key: posting.key, reason: "has a time or an offset that cannot be")
        }
        var sum: Int64 = 0
        for entry in posting.entries {
            guard entry.fen.magnitude <= UInt64(maximumFen) else {
                throw .malformed(key: posting.key, reason: "has an amount above \(maximumFen) fen")
            }
            sum += entry.fen
        }
        guard sum == 0 else { throw .unbalanced(key: posting.key, sum: sum) }
    }

    /// What a posting takes from accounts that must not go below 0.
    private static func debits(_ posting: Posting) -> [(account: Account, fen: Int64)] {
        guard posting.entries.contains(where: { $0.fen < 0 && isLimited($0.account) }) else { return [] }
        var sums: [(account: Account, fen: Int64)] = []
        for entry in posting.entries where isLimited(entry.account) {
            if let index = sums.firstIndex(where: { $0.account == entry.account }) {
                sums[index].fen += entry.fen
            } else {
                sums.append((entry.account, entry.fen))
            }
        }
        return sums.filter { $0.fen < 0 }
    }

    private static func isLimited(_ account: Account) -> Bool { account.family == .wallet || account.family == .hold }

    private func insert(_ posting: Posting, in db: Database) throws {
        let day = posting.civilDay
        // The unique key is what keeps a posting from being booked twice; without the rule every posting has a key of its own.
        var key = posting.key
        if bugs.contains(.ledgerKeyMissing) {
            key += "~\(try Int64.fetchOne(db, cached: "SELECT coalesce(max(id), 0) FROM ledger_postings") ?? 0)"
        }
        try db.execute(
            cached: "INSERT INTO ledger_postings (key, kind, order_number, tenant, at, day, reference) VALUES (?, ?, ?, ?, ?, ?, ?)",
            key, posting.kind.rawValue, posting.order, posting.tenant, posting.at, day, posting.reference)
        let id = db.lastInsertedRowID
        var (entries, balances) = ([SQLValue](), [SQLValue]())
        entries.reserveCapacity(4 * posting.entries.count)
        var dated = 0
        for (number, entry) in posting.entries.enumerated() {
            let account = entry.account.text
            entries += [.integer(id), .integer(Int64(number)), .text(account), .integer(entry.fen)]
            guard let balanceDay = Self.balanceDay(entry.account, day) else { continue }
            balances += [.text(account), .integer(balanceDay), .integer(entry.fen)]
            dated += 1
        }
        if !posting.entries.isEmpty { try db.execute(cached: Self.entryStatements[posting.entries.count], list: entries) }
        if dated > 0 { try db.execute(cached: Self.balanceStatements[dated], list: balances) }
    }

    /// By the number of rows: one statement for all entries of a posting costs half of one for each.
    private static let entryStatements = statements("INSERT INTO ledger_entries (posting, number, account, fen) VALUES ", "(?, ?, ?, ?)")
    private static let balanceStatements = statements(
        "INSERT INTO ledger_balances (account, day, fen) VALUES ", "(?, ?, ?)", " ON CONFLICT (account, day) DO UPDATE SET fen = fen + excluded.fen")

    private static func statements(_ head: String, _ row: String, _ tail: String = "") -> [String] {
        (0...maximumEntries).map { head + Array(repeating: row, count: $0).joined(separator: ", ") + tail }
    }

    /// The day of an account's row in the balances; `nil` for accounts of one order, which have none.
    static func balanceDay(_ account: Account, _ day: Int64) -> Int64? {
        switch account.family {
        case .hold, .receivable: nil
        case .wallet: 0
        case .transit, .bank, .revenue, .absorbed, .shares, .external: day
        }
    }

    // MARK: Reading

    /// What an account has, in fen, as a credit.
    package func balance(_ account: Account, in db: Database) throws -> Int64 {
        switch account {
        case .hold(let order), .receivable(let order):
            try Int64.fetchOne(
                db,
                cached: """
                    SELECT coalesce(sum(e.fen), 0) FROM ledger_postings p JOIN ledger_entries e ON e.posting = p.id
                    WHERE p.order_number = ? AND e.account = ?
                    """,
                order, account.text) ?? 0
        default:
            try Int64.fetchOne(db, cached: "SELECT coalesce(sum(fen), 0) FROM ledger_balances WHERE account = ?", account.text) ?? 0
        }
    }

    /// What an account got on the civil days of a range, for accounts that are kept by day.
    package func turnover(_ account: Account, days: Range<Int64>, in db: Database) throws -> Int64 {
        try Int64.fetchOne(
            db, cached: "SELECT coalesce(sum(fen), 0) FROM ledger_balances WHERE account = ? AND day >= ? AND day < ?",
            account.text, days.lowerBound, days.upperBound) ?? 0
    }

    /// All entries of an order, in the order in which they were booked.
    package func entries(order: String, in db: Database) throws -> [LedgerEntry] {
        try Row.fetchAll(
            db,
            cached: """
                SELECT p.key, p.kind, p.order_number, p.at, e.account, e.fen FROM ledger_postings p JOIN ledger_entries e ON e.posting = p.id
                WHERE p.order_number = ? ORDER BY p.id, e.number
                """,
            arguments: [order]
        ).compactMap(LedgerEntry.init)
    }

    /// The entries of a wallet, the newest first: its statement, page by page.
    package func statement(_ wallet: Account, limit: Int, offset: Int = 0, in db: Database) throws -> [LedgerEntry] {
        try Row.fetchAll(
            db,
            cached: """
                SELECT p.key, p.kind, p.order_number, p.at, e.account, e.fen FROM ledger_entries e JOIN ledger_postings p ON p.id = e.posting
                WHERE e.account = ? AND e.account >= 'wallet:' AND e.account < 'wallet;' ORDER BY e.posting DESC, e.number DESC LIMIT ? OFFSET ?
                """,
            arguments: [wallet.text, limit, offset]
        ).compactMap(LedgerEntry.init)
    }

    /// What has become of an order's money.
    package func money(order: String, in db: Database) throws -> OrderMoney {
        OrderMoney(try entries(order: order, in: db))
    }
}

extension LedgerEntry {
    /// A row of key, kind, order, time, account, amount; `nil` for what only a later version can have written.
    init?(_ row: Row) {
        guard let kind = Posting.Kind(rawValue: row[1]), let account = Account(text: row[4]) else { return nil }
        self.init(key: row[0], kind: kind, order: row[2], at: row[3], account: account, fen: row[5])
    }
}
