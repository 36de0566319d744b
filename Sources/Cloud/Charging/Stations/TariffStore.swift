import GRDB
import LabCore

/// The versions of tariffs: rows are added, and never changed.
enum TariffStore {
    static func all(in db: Database) throws -> [TariffVersion] {
        try Row.fetchAll(db, sql: "SELECT * FROM pricing_strategies ORDER BY org_id, version").compactMap(version)
    }

    static func next(of organisation: String, in db: Database) throws -> Int {
        (try Int.fetchOne(db, sql: "SELECT max(version) FROM pricing_strategies WHERE org_id = ?", arguments: [organisation]) ?? 0) + 1
    }

    static func insert(_ version: TariffVersion, operatorID: String, in db: Database) throws {
        try db.execute(
            sql: """
                INSERT INTO pricing_strategies (org_id, version, operator, name, rules, effective_time, created_at, created_by)
                VALUES (?, ?, ?, ?, ?, ?, ?, ?)
                """,
            arguments: [
                version.organisation, version.version, operatorID, version.name, JSONWriter.text(.record(version.rules)),
                version.effectiveAt,
                version.createdAt, version.createdBy,
            ])
    }

    private static func version(_ row: Row) -> TariffVersion? {
        let text: String = row["rules"]
        guard let rules = (try? JSONReader.read(text))?.record else { return nil }
        return TariffVersion(
            organisation: row["org_id"], version: row["version"], name: row["name"], rules: rules, effectiveAt: row["effective_time"],
            createdAt: row["created_at"], createdBy: row["created_by"])
    }
}

/// The tariffs of all organisations, and which of them holds where and when.
package struct TariffBook: Sendable {
    /// By organisation, in the order of the versions.
    private var versions: [String: [TariffVersion]] = [:]

    package init(_ all: [TariffVersion] = []) {
        for version in all { add(version) }
    }

    package mutating func add(_ version: TariffVersion) { versions[version.organisation, default: []].append(version) }

    package func versions(of organisation: String) -> [TariffVersion] { versions[organisation] ?? [] }

    /// The version of one organisation at a moment: the one that took effect last; of two at one instant, the later made.
    package func version(of organisation: String, at moment: Int64) -> TariffVersion? {
        versions(of: organisation).filter { $0.effectiveAt <= moment }.max { ($0.effectiveAt, $0.version) < ($1.effectiveAt, $1.version) }
    }

    /// When versions of the line take effect, ascending; behind `first` and not behind `last`.
    package func starts(on line: [Organisation], after first: Int64, through last: Int64) -> [Int64] {
        Set(line.flatMap { versions(of: $0.id) }.map(\.effectiveAt).filter { $0 > first && $0 <= last }).sorted()
    }

    /// The version that holds at the lowest organisation of the line that has one at this moment.
    package func version(on line: [Organisation], at moment: Int64) -> TariffVersion? {
        for organisation in line {
            if let found = version(of: organisation.id, at: moment) { return found }
        }
        return nil
    }
}
