import FirmwareImages
import GRDB
import LabCore

/// What a rollout is to be.
struct RolloutPlan: Sendable, Equatable {
    var version: VersionRecord
    var kind: RolloutRecord.Kind
    var devices: [String] = []
    var group: String?
    var percentages = [100]
    var gates = RolloutGates()
    var rate: Int?
    /// Milliseconds.
    var timeout: Int64
    var rollsBackOnError = false
    var isForced = false
    var starts = true
}

/// Making, pausing and taking back: what operators do to a rollout, and what its own gates do.
extension RolloutEngine {
    // MARK: Making

    /// - Throws: `ROLLOUT_EMPTY`, `DEVICE_NOT_FOUND`, `GROUP_NOT_FOUND`, `INVALID_FIELD`.
    mutating func create(_ plan: RolloutPlan, id: String, tenant: String) throws -> RolloutRecord {
        let devices = RolloutRules.order(try targets(of: plan, tenant: tenant), rollout: id)
        try db.execute(
            cached: """
                INSERT INTO rollouts (rollout_id, tenant, version, action, kind, group_name, state, stages, success_gate, error_gate,
                minimum_samples, rate, device_timeout, rollback_on_error, force, created_at) VALUES (?,?,?,'install',?,?,'draft',?,?,?,?,?,?,?,?,?)
                """,
            id, tenant, plan.version.row, plan.kind.rawValue, plan.group, plan.percentages.count, plan.gates.success, plan.gates.error,
            plan.gates.minimumSamples, plan.rate, plan.timeout, plan.rollsBackOnError, plan.isForced, now)
        let row = db.lastInsertedRowID
        let sizes = RolloutRules.sizes(of: plan.percentages, total: devices.count)
        var next = 0
        for (stage, size) in sizes.enumerated() {
            try addStage(stage, percentage: plan.percentages[stage], total: size, to: row)
            for position in 0..<size {
                try RolloutStore.insert(
                    RolloutStore.Draft(
                        id: makeID(), rollout: row, device: devices[next + position], version: plan.version.row, action: .install, stage: stage,
                        position: Int64(position), state: .waiting), at: now, in: db)
            }
            next += size
        }
        try RolloutStore.log("created", reason: nil, actor: actor, of: row, at: now, in: db)
        let rollout = try RolloutStore.known(id, tenant: tenant, in: db)
        if plan.starts { try start(rollout) } else { try noteState(rollout, .draft, reason: nil) }
        return try RolloutStore.known(id, tenant: tenant, in: db)
    }

    private func addStage(_ stage: Int, percentage: Int, total: Int, to rollout: Int64) throws {
        try db.execute(
            cached: "INSERT INTO rollout_stages (rollout, stage, percentage, total) VALUES (?,?,?,?)", rollout, stage, percentage, total)
    }

    private mutating func start(_ rollout: RolloutRecord) throws {
        try setState(.running, of: rollout, reason: nil)
        try openStage(0, of: rollout)
    }

    private func targets(of plan: RolloutPlan, tenant: String) throws -> [String] {
        let candidates: [String]
        switch plan.kind {
        case .devices:
            var seen: Set<String> = []
            candidates = plan.devices.filter { seen.insert($0).inserted }
            for id in candidates {
                let device = try DeviceStore.active(id, tenant: tenant, in: db)
                guard device.type == plan.version.deviceType else {
                    throw APIError.invalidField("devices", "'\(id)' is a \(device.type), the version is for a \(plan.version.deviceType)")
                }
            }
        case .group:
            guard let group = plan.group, try VersionStore.group(group, tenant: tenant, in: db) != nil else { throw APIError(.groupNotFound) }
            candidates = try willing(
                sql: """
                    SELECT d.device_id, d.software_version FROM device_group_members m JOIN devices d ON d.device_id = m.device_id
                    WHERE m.tenant = ? AND m.name = ? AND d.device_type = ? AND d.state = 'active' AND d.tenant = m.tenant
                    """, arguments: [tenant, group, plan.version.deviceType], version: plan.version)
        case .everyone:
            candidates = try willing(
                sql: "SELECT device_id, software_version FROM devices WHERE tenant = ? AND device_type = ? AND state = 'active'",
                arguments: [tenant, plan.version.deviceType], version: plan.version)
        }
        let free = bugs.contains(.noBlocklist) ? candidates : try candidates.filter { try !VersionStore.isBlocked(plan.version.row, for: $0, in: db) }
        guard !free.isEmpty else {
            throw APIError(
                .rolloutEmpty, candidates.isEmpty ? nil : "The version is blocked for every device that is concerned: it has failed there.",
                details: ["blocked": .integer(Int64(candidates.count - free.count))])
        }
        return free
    }

    /// Those of a list whose channel takes the version, and who do not have it already.
    private func willing(sql: String, arguments: StatementArguments, version: VersionRecord) throws -> [String] {
        let rows = try Row.fetchAll(db, cached: sql, arguments: arguments)
        let channels = version.type == .stable ? nil : try self.channels()
        return rows.compactMap { row -> String? in
            let (device, runs): (String, String?) = (row[0], row[1])
            if let channels, (channels[device] ?? .stable) < version.type { return nil }
            if let runs, !isStep(from: runs, to: version) { return nil }
            return device
        }
    }

    /// Whether the version is above, or for modules behind, the one that runs.
    func isStep(from runs: String, to version: VersionRecord) -> Bool {
        if let base = version.baseVersion { return runs == base }
        guard let current = FirmwareVersion(runs), let wanted = version.firmware else { return VersionRecord.canonical(runs) != version.number }
        return current < wanted
    }

    /// The channels of all devices that have one; only looked into.
    private func channels() throws -> [String: ReleaseChannel] {
        var channels: [String: ReleaseChannel] = [:]
        let ofGroups = try Row.fetchAll(
            db,
            cached: """
                SELECT m.device_id, g.channel FROM device_group_members m JOIN device_groups g ON g.tenant = m.tenant AND g.name = m.name
                WHERE g.channel IS NOT NULL
                """)
        for row in ofGroups {
            let channel = ReleaseChannel(rawValue: row[1]) ?? .stable
            channels[row[0], default: .stable] = max(channels[row[0]] ?? .stable, channel)
        }
        for row in try Row.fetchAll(db, cached: "SELECT device_id, channel FROM device_channels") {
            channels[row[0]] = ReleaseChannel(rawValue: row[1]) ?? .stable
        }
        return channels
    }

    // MARK: Pausing and ending

    /// - Throws: `ROLLOUT_STATE`.
    func refuse(_ rollout: RolloutRecord) -> APIError {
        APIError(.rolloutState, "The rollout is \(rollout.state.rawValue).", details: ["state": .text(rollout.state.rawValue)])
    }

    /// Nobody new is told or offered anything. The time of those who wait does not run meanwhile.
    mutating func pause(_ rollout: RolloutRecord, reason: String) throws {
        guard rollout.state == .running || rollout.state == .finished else { throw refuse(rollout) }
        try db.execute(
            cached: """
                UPDATE executions SET state = 'queued', notified_at = NULL, deadline_at = NULL
                WHERE rollout = ? AND state IN ('queued', 'notified') AND offered_at IS NULL AND finished_at IS NULL
                """, rollout.row)
        try setState(.paused, of: rollout, reason: reason)
    }

    /// Goes on, knowing what has failed so far: the error gate begins to count anew.
    mutating func resume(_ rollout: RolloutRecord, reason: String?) throws {
        if rollout.state == .draft { return try start(rollout) }
        guard rollout.state == .paused else { throw refuse(rollout) }
        try db.execute(
            cached: "UPDATE rollout_stages SET forgiven_failed = failed, forgiven_ended = succeeded + failed WHERE rollout = ?",
            rollout.row)
        try db.execute(
            cached: """
                UPDATE executions SET deadline_at = ? + position * ?
                WHERE rollout = ? AND state = 'queued' AND offered_at IS NULL AND finished_at IS NULL
                """, now + rollout.timeout, rollout.pace, rollout.row)
        try setState(.running, of: rollout, reason: reason)
        effects.notify.append(rollout.row)
        let counts = try RolloutStore.counts(rollout.row, stage: rollout.stage, in: db)
        if counts.open <= 0, !rollout.isLastStage { return try openStage(rollout.stage + 1, of: rollout) }
        try evaluate(rollout.row, stage: rollout.stage)
    }

    mutating func abort(_ rollout: RolloutRecord, reason: String?) throws {
        guard rollout.state == .draft || rollout.state == .running || rollout.state == .paused else { throw refuse(rollout) }
        try setState(.aborted, of: rollout, reason: reason)
        try cancelAll(of: rollout, reason: "aborted")
    }

    /// Ends those that have not begun, and asks those that have to stop where they still can.
    private mutating func cancelAll(of rollout: RolloutRecord, reason: String) throws {
        let waiting = try Row.fetchAll(
            db,
            cached: """
                SELECT stage, count(*) FROM executions WHERE rollout = ? AND finished_at IS NULL AND offered_at IS NULL AND stage IS NOT NULL
                GROUP BY stage ORDER BY stage
                """, arguments: [rollout.row])
        for row in waiting { try RolloutStore.count("neutral", row[1], rollout: rollout.row, stage: row[0], in: db) }
        try db.execute(
            cached: """
                UPDATE executions SET state = 'cancelled', outcome = 'neutral', reason = ?, finished_at = ?, deadline_at = NULL,
                revision = revision + 1 WHERE rollout = ? AND finished_at IS NULL AND offered_at IS NULL
                """, reason, now, rollout.row)
        for execution in try RolloutStore.begunOf(rollout.row, in: db) where !execution.state.isBeyondReturn {
            try requestCancel(execution)
        }
    }

    private mutating func requestCancel(_ execution: ExecutionRecord) throws {
        try db.execute(
            cached: "UPDATE executions SET cancel_requested = TRUE, revision = revision + 1 WHERE id = ?", execution.row)
        effects.cancelled.append(execution)
    }

    /// Cancels one execution: at once where the device has not begun, else when the device says that it has stopped.
    mutating func cancel(_ execution: ExecutionRecord, reason: String = "cancelled") throws {
        guard execution.isOpen else {
            throw APIError(.executionFinished, details: ["state": .text(execution.state.rawValue)])
        }
        if execution.state.isBeyondReturn { throw APIError(.pointOfNoReturn, details: ["state": .text(execution.state.rawValue)]) }
        if execution.hasBegun { return try requestCancel(execution) }
        if execution.state == .notified { effects.cancelled.append(execution) }
        try finish(execution, .cancelled, .neutral, reason: reason)
    }

    // MARK: Taking back

    /// - Returns: the rollout that brings the devices back; `nil` where none has the version.
    @discardableResult
    mutating func rollBack(_ rollout: RolloutRecord, reason: String) throws -> RolloutRecord? {
        guard rollout.action == .install, [.running, .paused, .finished].contains(rollout.state) else { throw refuse(rollout) }
        try setState(.rolledBack, of: rollout, reason: reason)
        try cancelAll(of: rollout, reason: "rolled_back")
        return try takeBack(try RolloutStore.succeeded(rollout.row, in: db), of: rollout)
    }

    /// Adds executions that go back to where each device came from, to the rollout that takes this one back.
    mutating func takeBack(_ executions: [ExecutionRecord], of rollout: RolloutRecord) throws -> RolloutRecord? {
        guard let version = try VersionStore.find(rollout.version, in: db) else { return nil }
        var targets: [(execution: ExecutionRecord, version: VersionRecord?)] = []
        for execution in executions {
            let runs = try String.fetchOne(db, cached: "SELECT software_version FROM devices WHERE device_id = ?", execution.device)
            // Who has gone on to another version since is left where it is.
            guard runs.map(VersionRecord.canonical) == version.number else { continue }
            targets.append((execution, try previous(of: execution, version, tenant: rollout.tenant)))
        }
        guard !targets.isEmpty else { return nil }
        let back = try takingBack(rollout, to: targets.compactMap(\.version).first ?? version)
        let begun = try RolloutStore.counts(back.row, stage: 0, in: db).total
        try RolloutStore.count("total", Int64(targets.count), rollout: back.row, stage: 0, in: db)
        if back.state != .running { try setState(.running, of: back, reason: nil) }
        for (index, target) in targets.enumerated() {
            let position = begun + Int64(index)
            let row = try RolloutStore.insert(
                RolloutStore.Draft(
                    id: makeID(), rollout: back.row, device: target.execution.device, version: (target.version ?? version).row, action: .rollback,
                    stage: 0, position: position, attempt: target.execution.attempt, state: .queued,
                    deadline: now + back.timeout + position * back.pace), at: now, in: db)
            if target.version == nil, let made = try RolloutStore.execution(row, in: db) {
                try finish(made, .rejected, .failure, reason: "rollback_impossible")
            }
        }
        effects.notify.append(back.row)
        return try RolloutStore.find(back.row, in: db)
    }

    /// The version to go back to. One that the cloud never had is written down as a draft without files: the device may have it
    /// in its other slot, and nowhere else is it to be had.
    private func previous(of execution: ExecutionRecord, _ version: VersionRecord, tenant: String) throws -> VersionRecord? {
        guard let from = execution.fromVersion, from != version.number else { return nil }
        let known = try VersionStore.find(from, type: version.deviceType, tenant: tenant, in: db)
        guard let found = known else {
            // Modules keep one version only.
            guard version.format != .dfota, VersionDraft.isNumber(from) else { return nil }
            let draft = VersionDraft(
                number: from, type: version.type, deviceType: version.deviceType, format: version.format, notes: nil, isForced: false,
                minimumCompatible: nil, baseVersion: nil)
            return try VersionStore.insert(draft, tenant: tenant, at: now, in: db)
        }
        // A package of a module leads from one version only.
        if let base = found.baseVersion, base != version.number { return nil }
        return found
    }

    private mutating func takingBack(_ rollout: RolloutRecord, to version: VersionRecord) throws -> RolloutRecord {
        if let known = try RolloutStore.takingBack(rollout.row, in: db) { return known }
        let id = "ro_" + makeID().dropFirst(3)
        try db.execute(
            cached: """
                INSERT INTO rollouts (rollout_id, tenant, version, action, source, kind, state, stages, success_gate, error_gate, minimum_samples,
                rate, device_timeout, rollback_on_error, force, created_at) VALUES (?,?,?,'rollback',?,'devices','draft',1,0,1000000,?,?,?,FALSE,TRUE,?)
                """,
            id, rollout.tenant, version.row, rollout.row, Int64.max, rollout.rate, rollout.timeout, now)
        let row = db.lastInsertedRowID
        try addStage(0, percentage: 100, total: 0, to: row)
        try db.execute(cached: "UPDATE rollout_stages SET opened_at = ? WHERE rollout = ?", now, row)
        try RolloutStore.log("created", reason: "rollback", actor: actor, of: row, at: now, in: db)
        return try RolloutStore.known(id, tenant: rollout.tenant, in: db)
    }
}
