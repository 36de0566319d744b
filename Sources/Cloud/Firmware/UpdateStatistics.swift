import GRDB
import LabCore

/// How updates went: counts, the share of successes, how long they took, and why they failed.
enum UpdateStatistics {
    static func of(version: Int64, in db: Database) throws -> Fields {
        try make("e.version = ? AND e.action = 'install'", version, in: db)
    }

    static func of(rollout: Int64, in db: Database) throws -> Fields { try make("e.rollout = ? AND e.parent IS NULL", rollout, in: db) }

    /// - Parameter condition: one of the two above.
    private static func make(_ condition: String, _ row: Int64, in db: Database) throws -> Fields {
        let states = try Row.fetchAll(
            db, cached: "SELECT state, count(*) FROM executions e WHERE \(condition) AND is_current GROUP BY state", arguments: [row])
        let outcomes = try Row.fetchAll(
            db, cached: "SELECT outcome, count(*) FROM executions e WHERE \(condition) AND is_current AND outcome IS NOT NULL GROUP BY outcome",
            arguments: [row])
        var counts: Fields = [:]
        for state in ExecutionRecord.State.allCases {
            counts[state.rawValue] = .integer(states.first { $0[0] == state.rawValue }.map { $0[1] } ?? 0)
        }
        func outcome(_ name: ExecutionRecord.Outcome) -> Int64 { outcomes.first { $0[0] == name.rawValue }.map { $0[1] } ?? 0 }
        let (succeeded, failed) = (outcome(.success), outcome(.failure))
        var fields: Fields = [
            "total": .integer(states.reduce(0) { $0 + ($1[1] as Int64) }), "states": .record(counts), "succeeded": .integer(succeeded),
            "failed": .integer(failed),
        ]
        if succeeded + failed > 0 { fields["success_share"] = .number(Double(succeeded) / Double(succeeded + failed)) }
        let times = try Int64.fetchAll(
            db,
            cached: """
                SELECT finished_at - offered_at FROM executions e WHERE \(condition) AND state = 'succeeded' AND offered_at IS NOT NULL
                ORDER BY finished_at - offered_at
                """, arguments: [row])
        if let median = percentile(times, 50), let late = percentile(times, 95) {
            fields["duration_p50"] = .number(Double(median) / 1000)
            fields["duration_p95"] = .number(Double(late) / 1000)
        }
        let reasons = try Row.fetchAll(
            db,
            cached: """
                SELECT reason, count(*) FROM executions e WHERE \(condition) AND reason IS NOT NULL AND finished_at IS NOT NULL
                GROUP BY reason ORDER BY count(*) DESC, reason LIMIT 32
                """, arguments: [row])
        var words: Fields = [:]
        for reason in reasons { words[reason[0]] = .integer(reason[1]) }
        fields["reasons"] = .record(words)
        return fields
    }

    /// The value that `share` % of the sorted ones do not exceed (nearest rank).
    static func percentile(_ sorted: [Int64], _ share: Int) -> Int64? {
        guard !sorted.isEmpty else { return nil }
        return sorted[min(sorted.count, max(1, (sorted.count * share + 99) / 100)) - 1]
    }
}

extension FirmwareService {
    static let statisticsFields = [
        FieldKind("total", .integer), FieldKind("states", .any, "{state: count}"), FieldKind("succeeded", .integer), FieldKind("failed", .integer),
        FieldKind("success_share", .ratio, "of those that ended with one or the other"), FieldKind("duration_p50", .number, unit: "s", "from the offer to the success"),
        FieldKind("duration_p95", .number, unit: "s"), FieldKind("reasons", .any, "{reason: count}"),
    ]
}
