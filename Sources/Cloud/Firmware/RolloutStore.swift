import GRDB
import LabCore

/// Rollouts, their stages and executions, in the database. What it counts is decided in `RolloutEngine`.
enum RolloutStore {
    // MARK: Rollouts

    static func find(_ row: Int64, in db: Database) throws -> RolloutRecord? {
        try RolloutRecord.fetchOne(db, cached: "SELECT \(RolloutRecord.columns) FROM rollouts WHERE id = ?", row)
    }

    /// - Throws: `ROLLOUT_NOT_FOUND`, also for another tenant's.
    static func known(_ id: String, tenant: String, in db: Database) throws -> RolloutRecord {
        let rollout = try RolloutRecord.fetchOne(
            db, cached: "SELECT \(RolloutRecord.columns) FROM rollouts WHERE rollout_id = ? AND tenant = ?", id, tenant)
        guard let rollout else { throw APIError(.rolloutNotFound) }
        return rollout
    }

    /// The newest rollout that installs a version; one that goes back to it, where no other is there.
    static func newest(of version: Int64, in db: Database) throws -> RolloutRecord? {
        try RolloutRecord.fetchOne(
            db, cached: "SELECT \(RolloutRecord.columns) FROM rollouts WHERE version = ? ORDER BY action = 'install' DESC, id DESC LIMIT 1", version
        )
    }

    /// Those that still take devices in: of each version that is handed out, the newest first.
    static func admitting(tenant: String, in db: Database) throws -> [RolloutRecord] {
        try RolloutRecord.fetchAll(
            db, cached: "SELECT \(RolloutRecord.columns) FROM rollouts WHERE state IN ('running', 'finished', 'paused') AND action = 'install' AND tenant = ? ORDER BY id DESC",
            tenant
        )
    }

    static func running(in db: Database) throws -> [RolloutRecord] {
        try RolloutRecord.fetchAll(db, cached: "SELECT \(RolloutRecord.columns) FROM rollouts WHERE state = 'running' ORDER BY id")
    }

    static func ofVersion(_ version: Int64, in db: Database) throws -> [RolloutRecord] {
        try RolloutRecord.fetchAll(db, cached: "SELECT \(RolloutRecord.columns) FROM rollouts WHERE version = ? ORDER BY id", version)
    }

    static func takingBack(_ rollout: Int64, in db: Database) throws -> RolloutRecord? {
        try RolloutRecord.fetchOne(db, cached: "SELECT \(RolloutRecord.columns) FROM rollouts WHERE source = ? ORDER BY id DESC LIMIT 1", rollout)
    }

    static func page(_ page: Int, limit: Int, tenant: String, in db: Database) throws -> (items: [RolloutRecord], total: Int) {
        let total = try Int.fetchOne(db, cached: "SELECT count(*) FROM rollouts WHERE tenant = ?", tenant) ?? 0
        let rows = try RolloutRecord.fetchAll(
            db, cached: "SELECT \(RolloutRecord.columns) FROM rollouts WHERE tenant = ? ORDER BY id DESC LIMIT ? OFFSET ?", tenant, limit, (page - 1) * limit)
        return (rows, total)
    }

    static func setState(_ state: RolloutRecord.State, reason: String?, of rollout: Int64, finishedAt: Int64?, in db: Database) throws {
        try db.execute(
            cached: "UPDATE rollouts SET state = ?, reason = ?, revision = revision + 1, finished_at = ? WHERE id = ?",
            state.rawValue, reason, finishedAt, rollout)
    }

    static func log(_ what: String, reason: String?, actor: String, of rollout: Int64, at now: Int64, in db: Database) throws {
        try db.execute(
            cached: "INSERT INTO rollout_log (rollout, at, actor, what, reason) VALUES (?,?,?,?,?)", rollout, now, actor, what, reason)
    }

    static func history(of rollout: Int64, in db: Database) throws -> [FieldValue] {
        let rows = try Row.fetchAll(
            db, cached: "SELECT at, actor, what, reason FROM rollout_log WHERE rollout = ? ORDER BY id DESC LIMIT 100", arguments: [rollout])
        return rows.reversed().map { row in
            var fields: Fields = [
                "at": .text(Timestamp.text(unixSeconds: (row[0] as Int64) / 1000)), "actor": .text(row[1]), "what": .text(row[2]),
            ]
            if let reason: String = row[3] { fields["reason"] = .text(reason) }
            return .record(fields)
        }
    }

    // MARK: Stages

    static func counts(_ rollout: Int64, stage: Int, in db: Database) throws -> StageCounts {
        let statement = try db.cachedStatement(
            sql: """
                SELECT total, offered, succeeded, failed, silent, neutral, forgiven_failed, forgiven_ended FROM rollout_stages
                WHERE rollout = ? AND stage = ?
                """)
        guard let row = try Row.fetchOne(statement, arguments: [rollout, stage]) else { return StageCounts() }
        return StageCounts(
            total: row[0], offered: row[1], succeeded: row[2], failed: row[3], silent: row[4], neutral: row[5], forgivenFailed: row[6],
            forgivenEnded: row[7])
    }

    static func stages(of rollout: Int64, in db: Database) throws -> [(percentage: Int, openedAt: Int64?, counts: StageCounts)] {
        let rows = try Row.fetchAll(
            db, cached: "SELECT stage, percentage, opened_at FROM rollout_stages WHERE rollout = ? ORDER BY stage", arguments: [rollout])
        return try rows.map { (percentage: $0[1], openedAt: $0[2], counts: try counts(rollout, stage: $0[0], in: db)) }
    }

    static func isOpen(_ rollout: Int64, stage: Int, in db: Database) throws -> Bool {
        try Bool.fetchOne(
            db, cached: "SELECT opened_at IS NOT NULL FROM rollout_stages WHERE rollout = ? AND stage = ?", rollout, stage) ?? false
    }

    /// Adds to one of the counts of a stage: one of the table's own words.
    static func count(_ column: String, _ amount: Int64, rollout: Int64, stage: Int, in db: Database) throws {
        try db.execute(
            cached: "UPDATE rollout_stages SET \(column) = \(column) + ? WHERE rollout = ? AND stage = ?",
            amount, rollout, stage)
    }

    // MARK: Executions

    static func execution(_ row: Int64, in db: Database) throws -> ExecutionRecord? {
        try ExecutionRecord.fetchOne(db, cached: "SELECT \(ExecutionRecord.columns) FROM executions WHERE id = ?", row)
    }

    static func execution(_ id: String, in db: Database) throws -> ExecutionRecord? {
        try ExecutionRecord.fetchOne(db, cached: "SELECT \(ExecutionRecord.columns) FROM executions WHERE execution_id = ?", id)
    }

    /// All of one device that have not ended, the oldest first.
    static func open(of device: String, in db: Database) throws -> [ExecutionRecord] {
        return try ExecutionRecord.fetchAll(
            db,
            cached: "SELECT \(ExecutionRecord.columns) FROM executions WHERE device_id = ? AND finished_at IS NULL ORDER BY id",
            device)
    }

    static func begun(of device: String, in db: Database) throws -> ExecutionRecord? {
        return try ExecutionRecord.fetchOne(
            db,
            cached: "SELECT \(ExecutionRecord.columns) FROM executions WHERE device_id = ? AND offered_at IS NOT NULL AND finished_at IS NULL",
            device)
    }

    /// A device's last attempt in a rollout, steps on the way not counted.
    static func last(of device: String, rollout: Int64, in db: Database) throws -> ExecutionRecord? {
        return try ExecutionRecord.fetchOne(
            db,
            cached: "SELECT \(ExecutionRecord.columns) FROM executions WHERE rollout = ? AND device_id = ? AND parent IS NULL ORDER BY attempt DESC LIMIT 1",
            rollout, device)
    }

    /// The newest execution of a device, of one version where that is asked for.
    static func newest(of device: String, version: Int64?, in db: Database) throws -> ExecutionRecord? {
        try ExecutionRecord.fetchOne(
            db, cached: "SELECT \(ExecutionRecord.columns) FROM executions WHERE device_id = ? AND (? IS NULL OR version = ?) ORDER BY id DESC LIMIT 1",
            device, version, version
        )
    }

    static func due(at now: Int64, limit: Int, in db: Database) throws -> [ExecutionRecord] {
        try ExecutionRecord.fetchAll(
            db,
            cached: """
                SELECT \(ExecutionRecord.columns) FROM executions WHERE finished_at IS NULL AND deadline_at IS NOT NULL AND deadline_at <= ?
                ORDER BY deadline_at, id LIMIT ?
                """, now, limit
        )
    }

    static func nextDeadline(in db: Database) throws -> Int64? {
        let statement = try db.cachedStatement(
            sql: "SELECT min(deadline_at) FROM executions WHERE finished_at IS NULL AND deadline_at IS NOT NULL")
        return try Int64.fetchOne(statement)
    }

    /// Those of the open stages who wait to be told, in their order.
    static func queued(_ rollout: Int64, in db: Database) throws -> [ExecutionRecord] {
        try ExecutionRecord.fetchAll(
            db, cached: "SELECT \(ExecutionRecord.columns) FROM executions WHERE rollout = ? AND state = 'queued' AND finished_at IS NULL ORDER BY stage, position",
            rollout
        )
    }

    static func begunOf(_ rollout: Int64, in db: Database) throws -> [ExecutionRecord] {
        try ExecutionRecord.fetchAll(
            db,
            cached: """
                SELECT \(ExecutionRecord.columns) FROM executions WHERE rollout = ? AND offered_at IS NOT NULL AND finished_at IS NULL ORDER BY stage, position
                """, rollout
        )
    }

    static func succeeded(_ rollout: Int64, in db: Database) throws -> [ExecutionRecord] {
        try ExecutionRecord.fetchAll(
            db,
            cached: """
                SELECT \(ExecutionRecord.columns) FROM executions WHERE rollout = ? AND state = 'succeeded' AND is_current AND parent IS NULL
                ORDER BY stage, position, id
                """, rollout
        )
    }

    static func page(of rollout: Int64, _ page: Int, limit: Int, in db: Database) throws -> (items: [ExecutionRecord], total: Int) {
        let total = try Int.fetchOne(db, cached: "SELECT count(*) FROM executions WHERE rollout = ?", rollout) ?? 0
        let rows = try ExecutionRecord.fetchAll(
            db, cached: "SELECT \(ExecutionRecord.columns) FROM executions WHERE rollout = ? ORDER BY stage, position, id LIMIT ? OFFSET ?",
            rollout, limit, (page - 1) * limit)
        return (rows, total)
    }

    struct Draft {
        var id: String
        var rollout: Int64
        var device: String
        var version: Int64
        var action: RolloutRecord.Action
        var stage: Int?
        var position: Int64
        var attempt = 1
        var parent: Int64?
        var state: ExecutionRecord.State
        var deadline: Int64?
    }

    @discardableResult
    static func insert(_ draft: Draft, at now: Int64, in db: Database) throws -> Int64 {
        try db.execute(
            cached: """
                INSERT INTO executions (execution_id, rollout, device_id, version, action, stage, position, attempt, parent, state, created_at, deadline_at)
                VALUES (?,?,?,?,?,?,?,?,?,?,?,?)
                """,
            draft.id, draft.rollout, draft.device, draft.version, draft.action.rawValue, draft.stage, draft.position, draft.attempt, draft.parent,
            draft.state.rawValue, now, draft.deadline)
        return db.lastInsertedRowID
    }
}
