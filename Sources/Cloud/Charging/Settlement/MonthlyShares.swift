package import GRDB
package import LabCore

/// A month of an operator as it was shared. It never changes.
package struct ShareRun: Sendable, Equatable {
    package var operatorID: String
    package var month: String
    /// The version of the agreement.
    package var version: Int64
    /// What was shared: the month's revenue by settlement time, less what the operator bore himself; below 0 where refunds prevail.
    package var fen: Int64
    package var parts: [Part]
    /// False where the month had been shared before and this is what was done then.
    package var isNew: Bool

    package struct Part: Sendable, Hashable {
        package var party: String
        package var fen: Int64
    }

    package var fields: Fields {
        [
            "operator": .text(operatorID), "month": .text(month), "version": .integer(version), "cents": .integer(fen),
            "parts": .list(parts.map { ["party": .text($0.party), "cents": .integer($0.fen)] }), "repeated": .bool(!isNew),
        ]
    }
}

/// Shares out a month once (charging-orders.md 2.3 rule 8, F60, F61): the sum of the parts is the month's amount, whatever is started
/// twice, killed half way or edited meanwhile. Each operator's month is one posting and one row in the caller's transaction.
package struct MonthlyShares: Sendable {
    private let ledger: Ledger
    /// Minutes of the civil time by which months are counted.
    private let utcOffset: Int64

    package init(ledger: Ledger, utcOffset: Int64 = 480) {
        self.ledger = ledger
        self.utcOffset = utcOffset
    }

    // MARK: Agreements

    /// Adds a version that counts from the first day of `month` on.
    ///
    /// - Returns: its number.
    /// - Throws: `SharesError` for a month that is shared already or lies before another version's.
    @discardableResult
    package func agree(_ agreement: ShareAgreement, operatorID: String, from month: String, in db: Database) throws -> Int64 {
        guard CivilCalendar.days(ofMonth: month) != nil else { throw SharesError.month(month) }
        let taken = try String.fetchOne(
            db,
            sql: """
                SELECT max(month) FROM (SELECT max(month) AS month FROM share_runs WHERE operator = ?
                UNION ALL SELECT max(month) FROM share_agreements WHERE operator = ? AND month > ?)
                """,
            arguments: [operatorID, operatorID, month])
        if let taken, taken >= month { throw SharesError.monthTaken(month) }
        let version = (try Int64.fetchOne(db, sql: "SELECT max(version) FROM share_agreements WHERE operator = ?", arguments: [operatorID]) ?? 0) + 1
        try db.execute(
            sql: "INSERT INTO share_agreements (operator, version, month, parties) VALUES (?, ?, ?, ?)",
            arguments: [operatorID, version, month, JSONWriter.text(.list(agreement.list))])
        return version
    }

    /// The version that counts for a month: the newest of those that begin with it or before.
    package func agreement(operatorID: String, month: String, in db: Database) throws -> (version: Int64, agreement: ShareAgreement)? {
        let row = try Row.fetchOne(
            db, sql: "SELECT version, parties FROM share_agreements WHERE operator = ? AND month <= ? ORDER BY version DESC LIMIT 1",
            arguments: [operatorID, month])
        guard let row else { return nil }
        let text: String = row[1]
        return (row[0], try ShareAgreement(list: JSONReader.read(text).list ?? []))
    }

    // MARK: Sharing

    /// Shares a month that is over, or says how it was shared before.
    ///
    /// - Parameter at: now, Unix milliseconds.
    package func run(operatorID: String, month: String, at: Int64, in db: Database) throws -> ShareRun {
        guard let days = CivilCalendar.days(ofMonth: month) else { throw SharesError.month(month) }
        if let done = try run(of: operatorID, month: month, in: db) { return done }
        guard CivilCalendar.day(at: at, utcOffset: utcOffset) >= days.upperBound else { throw SharesError.monthNotOver(month) }
        guard let (version, agreement) = try agreement(operatorID: operatorID, month: month, in: db) else {
            throw SharesError.noAgreement(operatorID: operatorID, month: month)
        }
        let fen = try amount(operatorID: operatorID, days: days, in: db)
        let parts = zip(agreement.parts, agreement.split(fen)).map { ShareRun.Part(party: $0.party, fen: $1) }
        let entries =
            [Posting.Entry(.revenue(operatorID: operatorID, line: Self.sharedLine), -fen)]
            + parts.map { Posting.Entry(.shares(party: $0.party, month: month), $0.fen) }
        try ledger.post(
            Posting(
                key: "shares:\(Account.escaped(operatorID)):\(month)", kind: .shares, tenant: operatorID, at: at, utcOffset: utcOffset,
                reference: "agreement \(version)", entries: entries), in: db)
        let run = ShareRun(operatorID: operatorID, month: month, version: version, fen: fen, parts: parts, isNew: true)
        try db.execute(
            sql: "INSERT INTO share_runs (operator, month, version, fen, parts, at) VALUES (?, ?, ?, ?, ?, ?)",
            arguments: [operatorID, month, version, fen, JSONWriter.text(run.fields["parts"] ?? []), at])
        return run
    }

    /// How a month was shared; `nil` where it was not.
    package func run(of operatorID: String, month: String, in db: Database) throws -> ShareRun? {
        let row = try Row.fetchOne(
            db, sql: "SELECT version, fen, parts FROM share_runs WHERE operator = ? AND month = ?", arguments: [operatorID, month])
        guard let row else { return nil }
        let text: String = row[2]
        let parts = (try JSONReader.read(text).list ?? []).compactMap { item in
            item.record.flatMap { record in record["party"]?.text.map { ShareRun.Part(party: $0, fen: record["cents"]?.integer ?? 0) } }
        }
        return ShareRun(operatorID: operatorID, month: month, version: row[0], fen: row[1], parts: parts, isNew: false)
    }

    /// Operators with an agreement for a month that has not been shared: what a run over all has still to do, in the order of their names.
    package func outstanding(month: String, in db: Database) throws -> [String] {
        try String.fetchAll(
            db,
            sql: """
                SELECT DISTINCT operator FROM share_agreements a WHERE month <= ?
                AND NOT EXISTS (SELECT 1 FROM share_runs r WHERE r.operator = a.operator AND r.month = ?) ORDER BY operator
                """,
            arguments: [month, month])
    }

    /// The counter-account of shares beside the lines of prices, so that these stay what was earned.
    static let sharedLine = "shared"

    private func amount(operatorID: String, days: Range<Int64>, in db: Database) throws -> Int64 {
        let accounts = PriceLineKind.allCases.map { Account.revenue(operatorID: operatorID, line: $0.rawValue) } + [.absorbed(operatorID: operatorID)]
        return try accounts.reduce(0) { $0 + (try ledger.turnover($1, days: days, in: db)) }
    }
}
