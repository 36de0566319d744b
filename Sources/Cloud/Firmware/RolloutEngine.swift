import GRDB
import LabCore

/// Changes rollouts and executions within one transaction, and collects what has to be told once it is committed.
///
/// Every rule about who may get what is here and in `RolloutRules`; the service around it only listens, commits and sends.
struct RolloutEngine {
    let db: Database
    /// Unix milliseconds.
    let now: Int64
    /// `user anna`, `device luna_badge_0007`, or `cloud` for what happens by itself.
    let actor: String
    let settings: FirmwareSettings
    let bugs: Set<SeededBug>
    let makeID: () -> String
    var effects = Effects()

    struct Effects {
        var notes: [CloudNote] = []
        /// Rollouts whose waiting devices can be told.
        var notify: [Int64] = []
        /// Executions whose devices are to be told that nobody wants them any more.
        var cancelled: [ExecutionRecord] = []
        /// What the cloud keeps in memory of versions and rollouts is out of date.
        var changesCatalogue = false
    }

    // MARK: Words for the log

    mutating func note(_ name: String, _ fields: Fields) { effects.notes.append(CloudNote(name, fields)) }

    func number(of version: Int64) throws -> String { try VersionStore.find(version, in: db)?.number ?? "" }

    mutating func noteState(_ rollout: RolloutRecord, _ state: RolloutRecord.State, reason: String?) throws {
        var fields: Fields = [
            "rollout": .text(rollout.id), "version": .text(try number(of: rollout.version)), "action": .text(rollout.action.rawValue),
            "state": .text(state.rawValue),
        ]
        if let reason { fields["reason"] = .text(reason) }
        note("rollout.state", fields)
    }

    mutating func setState(_ state: RolloutRecord.State, of rollout: RolloutRecord, reason: String?) throws {
        let isOver = state == .finished || state == .aborted || state == .rolledBack
        try RolloutStore.setState(state, reason: reason, of: rollout.row, finishedAt: isOver ? now : nil, in: db)
        try RolloutStore.log(state.rawValue, reason: reason, actor: actor, of: rollout.row, at: now, in: db)
        try noteState(rollout, state, reason: reason)
        effects.changesCatalogue = true
    }

    // MARK: Stages

    /// Opens a stage, and those after it as long as nobody is in them.
    mutating func openStage(_ stage: Int, of rollout: RolloutRecord) throws {
        var stage = stage
        while true {
            try db.execute(
                cached: "UPDATE rollout_stages SET opened_at = ? WHERE rollout = ? AND stage = ?", now, rollout.row, stage)
            try db.execute(cached: "UPDATE rollouts SET stage = ?, revision = revision + 1 WHERE id = ?", stage, rollout.row)
            try db.execute(
                cached: """
                    UPDATE executions SET state = 'queued', deadline_at = ? + position * ?
                    WHERE rollout = ? AND stage = ? AND state = 'waiting'
                    """, now + rollout.timeout, rollout.pace, rollout.row, stage)
            let counts = try RolloutStore.counts(rollout.row, stage: stage, in: db)
            note(
                "rollout.stage",
                [
                    "rollout": .text(rollout.id), "version": .text(try number(of: rollout.version)), "stage": .integer(Int64(stage + 1)),
                    "devices": .integer(counts.total),
                ])
            effects.changesCatalogue = true
            if counts.open > 0 || stage >= rollout.stages - 1 { break }
            stage += 1
        }
        effects.notify.append(rollout.row)
        try closeIfDone(rollout.row)
    }

    /// Looks at the gates after something of the stage has ended.
    mutating func evaluate(_ row: Int64, stage: Int) throws {
        guard let rollout = try RolloutStore.find(row, in: db), rollout.state == .running || rollout.state == .finished else { return }
        let counts = try RolloutStore.counts(row, stage: stage, in: db)
        let verdict = RolloutRules.verdict(counts, rollout.gates, bugs: bugs)
        if verdict == .stop {
            if rollout.rollsBackOnError && rollout.action == .install {
                try rollBack(rollout, reason: "error_gate")
            } else {
                try pause(rollout, reason: "error_gate")
            }
            return
        }
        guard rollout.state == .running else { return }
        if stage == rollout.stage, !rollout.isLastStage {
            if verdict == .pass { return try openStage(stage + 1, of: rollout) }
            if verdict == .fallShort { return try pause(rollout, reason: "success_gate") }
        }
        try closeIfDone(row)
    }

    /// Ends a running rollout whose last stage is open and whose devices have all ended.
    private mutating func closeIfDone(_ row: Int64) throws {
        guard let rollout = try RolloutStore.find(row, in: db), rollout.state == .running, rollout.isLastStage else { return }
        let sum = try db.cachedStatement(
            sql: "SELECT sum(total - succeeded - failed - silent - neutral) FROM rollout_stages WHERE rollout = ?")
        let open = try Int64.fetchOne(sum, arguments: [row]) ?? 0
        if open <= 0 { try setState(.finished, of: rollout, reason: nil) }
    }

    // MARK: The end of an execution

    /// Gives an execution its one result; does nothing where it has one.
    ///
    /// - Parameter blocks: whether the version is kept from the device from now on.
    mutating func finish(
        _ execution: ExecutionRecord, _ state: ExecutionRecord.State, _ outcome: ExecutionRecord.Outcome, reason: String?, blocks: Bool = false
    ) throws {
        try db.execute(
            cached: """
                UPDATE executions SET state = ?, outcome = ?, reason = ?, finished_at = ?, deadline_at = NULL, cancel_requested = FALSE,
                revision = revision + 1 WHERE id = ? AND finished_at IS NULL
                """,
            state.rawValue, outcome.rawValue, reason, now, execution.row)
        guard db.changesCount == 1 else { return }
        let number = try number(of: execution.version)
        try noteFinished(execution, number: number, state, reason: reason)
        if state == .succeeded {
            try db.execute(
                cached: "UPDATE devices SET software_version = ?, updated_at = ? WHERE device_id = ?",
                number, now, execution.device)
        }
        if blocks { try block(execution, number: number, reason: reason ?? state.rawValue) }
        if let parent = execution.parent { try stepEnded(parent, hasSucceeded: state == .succeeded) }
        if let stage = execution.stage {
            try RolloutStore.count(Self.column(of: outcome), 1, rollout: execution.rollout, stage: stage, in: db)
            try evaluate(execution.rollout, stage: stage)
        }
        guard state == .succeeded, execution.parent == nil, let rollout = try RolloutStore.find(execution.rollout, in: db) else { return }
        if rollout.action == .rollback, let source = rollout.source, let taken = try RolloutStore.find(source, in: db) {
            // The cloud wanted it gone: it does not come back by itself.
            var removed = execution
            removed.version = taken.version
            try block(removed, number: try self.number(of: taken.version), reason: "rolled_back_by_cloud")
        }
        // It was already too late to cancel when the rollout was taken back.
        if rollout.state == .rolledBack, rollout.action == .install {
            if let ended = try RolloutStore.execution(execution.row, in: db) { _ = try takeBack([ended], of: rollout) }
        }
    }

    mutating func noteFinished(_ execution: ExecutionRecord, number: String, _ state: ExecutionRecord.State, reason: String?) throws {
        var fields: Fields = [
            "device": .text(execution.device), "version": .text(number), "result": .text(state.rawValue), "execution": .text(execution.id),
            "action": .text(execution.action.rawValue),
        ]
        if let rollout = try RolloutStore.find(execution.rollout, in: db) { fields["rollout"] = .text(rollout.id) }
        if let reason { fields["reason"] = .text(reason) }
        note("ota.finished", fields)
    }

    static func column(of outcome: ExecutionRecord.Outcome) -> String {
        switch outcome {
        case .success: "succeeded"
        case .failure: "failed"
        case .silent: "silent"
        case .neutral: "neutral"
        }
    }

    mutating func block(_ execution: ExecutionRecord, number: String, reason: String) throws {
        guard try VersionStore.block(execution.version, for: execution.device, reason: reason, execution: execution.id, at: now, in: db) else { return }
        note(
            "firmware.blocked",
            ["device": .text(execution.device), "version": .text(number), "reason": .text(reason), "execution": .text(execution.id)])
    }

    /// The step on the way to another version has ended: the way goes on, or ends with it.
    private mutating func stepEnded(_ parent: Int64, hasSucceeded: Bool) throws {
        guard let execution = try RolloutStore.execution(parent, in: db), execution.isOpen,
            let rollout = try RolloutStore.find(execution.rollout, in: db)
        else { return }
        if hasSucceeded {
            try db.execute(cached: "UPDATE executions SET deadline_at = ? WHERE id = ?", now + rollout.timeout, parent)
        } else {
            try finish(execution, .failed, .failure, reason: "intermediate_failed")
        }
    }

    // MARK: Time

    /// Ends those whose time is over.
    ///
    /// - Returns: whether there may be more.
    mutating func expire(limit: Int = 500) throws -> Bool {
        if bugs.contains(.executionNeverTimesOut) { return false }
        let due = try RolloutStore.due(at: now, limit: limit, in: db)
        for execution in due { try expire(execution) }
        return due.count == limit
    }

    private mutating func expire(_ execution: ExecutionRecord) throws {
        guard execution.hasBegun else { return try finish(execution, .timedOut, .silent, reason: "timeout") }
        let runs = try String.fetchOne(db, cached: "SELECT software_version FROM devices WHERE device_id = ?", execution.device)
        let number = try number(of: execution.version)
        let arrived = runs.map(VersionRecord.canonical) == number && execution.fromVersion != number
        if arrived, execution.isConfirmed != false, !execution.state.isBeyondReturn {
            try finish(execution, .succeeded, .success, reason: nil)
        } else {
            try finish(execution, .timedOut, .failure, reason: "timeout")
        }
    }
}
