import FirmwareImages
import GRDB
import LabCore

/// What a device says of itself when it asks for an update.
struct UpdateQuestion: Sendable, Equatable {
    var device: String
    var deviceType: String
    /// In its canonical form.
    var current: String
    var hardware: String?
    var format: FirmwareFormat?
    var securityCounter: Int64?

    var version: FirmwareVersion? { FirmwareVersion(current) }
}

enum UpdateDecision: Sendable, Equatable {
    case nothing
    /// Seconds.
    case wait(Int64)
    case cancel(ExecutionRecord)
    case offer(ExecutionRecord, VersionRecord)
    /// Something has to be written first; `hasSlot` where the rollout's rate has given its place already.
    case needsWrite(hasSlot: Bool)
}

/// Which version a device gets now (specs/ota.md M9, A8).
extension RolloutEngine {
    /// A way of a device to a version: an execution that waits, or one that could be made.
    private struct Candidate {
        var rollout: RolloutRecord
        var version: VersionRecord
        var execution: ExecutionRecord?
        /// The ended attempt that a new one follows.
        var earlier: ExecutionRecord?
    }

    /// - Parameters:
    ///   - admitting: rollouts that take devices in, as the service keeps them.
    ///   - isReading: nothing may be written; whatever needs it ends with `.needsWrite`.
    ///   - slot: takes a place in the rollout's rate: `nil` where there is one, else how many seconds are to be waited.
    mutating func decide(
        _ question: UpdateQuestion, admitting: [RolloutRecord], isReading: Bool, hasSlot: Bool = false, slot: (RolloutRecord) -> Int64?
    ) throws -> UpdateDecision {
        // Each round settles one execution for good, so that this ends.
        for _ in 0..<64 {
            let open = try RolloutStore.open(of: question.device, in: db)
            if let begun = open.first(where: \.hasBegun) {
                if begun.isCancelling { return .cancel(begun) }
                guard let version = try VersionStore.find(begun.version, in: db), mayBeHanded(version, begun.action) else { return .nothing }
                return .offer(begun, version)
            }
            guard let best = try best(of: open, admitting: admitting, question) else { return .nothing }
            if let reason = try reasonToSkip(best, question) {
                if isReading { return .needsWrite(hasSlot: false) }
                guard let execution = try existing(best, for: question.device) else { return .nothing }
                let isThere = reason == "already_installed" && best.rollout.action == .rollback
                try finish(execution, isThere ? .succeeded : .rejected, isThere ? .success : .neutral, reason: reason)
                continue
            }
            let needsSlot = best.rollout.rate != nil && best.execution?.state != .notified && !hasSlot
            if needsSlot, let seconds = slot(best.rollout) { return .wait(seconds) }
            if isReading { return .needsWrite(hasSlot: needsSlot || hasSlot) }
            guard let execution = try existing(best, for: question.device) else { return .nothing }
            guard let step = try step(to: best, question) else { return try offer(execution, best.version, question, rollout: best.rollout) }
            return try offer(try insertStep(step, to: execution, rollout: best.rollout), step, question, rollout: best.rollout)
        }
        return .nothing
    }

    // MARK: Candidates

    private func best(of open: [ExecutionRecord], admitting: [RolloutRecord], _ question: UpdateQuestion) throws -> Candidate? {
        var candidates: [Candidate] = []
        for execution in open where execution.state == .queued || execution.state == .notified {
            guard let rollout = try RolloutStore.find(execution.rollout, in: db), offers(rollout),
                let version = try VersionStore.find(execution.version, in: db), mayBeHanded(version, execution.action)
            else { continue }
            // The way back goes before every way on.
            if rollout.action == .rollback { return Candidate(rollout: rollout, version: version, execution: execution) }
            candidates.append(Candidate(rollout: rollout, version: version, execution: execution))
        }
        for rollout in admitting where offers(rollout) || rollout.state == .finished {
            if let candidate = try newcomer(rollout, open: open, question) { candidates.append(candidate) }
        }
        // The highest; of equal ones that which was there first.
        return candidates.enumerated().max { left, right in
            let (one, two) = (left.element.version, right.element.version)
            if let first = one.firmware, let second = two.firmware, first != second { return first < second }
            if one.row != two.row { return one.row < two.row }
            return left.offset > right.offset
        }?.element
    }

    /// A device may still have the version before in its other slot, whether or not the cloud has it.
    private func mayBeHanded(_ version: VersionRecord, _ action: RolloutRecord.Action) -> Bool {
        version.state == .released || action == .rollback
    }

    private func offers(_ rollout: RolloutRecord) -> Bool {
        rollout.state == .running || (bugs.contains(.pausedStillOffers) && rollout.state == .paused)
    }

    /// A device that a rollout did not know, or that may try once more.
    private func newcomer(_ rollout: RolloutRecord, open: [ExecutionRecord], _ question: UpdateQuestion) throws -> Candidate? {
        guard !open.contains(where: { $0.rollout == rollout.row }), let version = try VersionStore.find(rollout.version, in: db),
            version.state == .released, version.deviceType == question.deviceType, isStep(from: question.current, to: version),
            try isFree(version, for: question.device)
        else { return nil }
        if let earlier = try RolloutStore.last(of: question.device, rollout: rollout.row, in: db) {
            let mayRetry = earlier.outcome == .failure || earlier.outcome == .silent
            guard mayRetry, earlier.attempt < settings.attempts else { return nil }
            return Candidate(rollout: rollout, version: version, earlier: earlier)
        }
        guard rollout.isLastStage, try admits(rollout, version, question) else { return nil }
        return Candidate(rollout: rollout, version: version)
    }

    private func isFree(_ version: VersionRecord, for device: String) throws -> Bool {
        if bugs.contains(.noBlocklist) { return true }
        return try !VersionStore.isBlocked(version.row, for: device, in: db)
    }

    private func admits(_ rollout: RolloutRecord, _ version: VersionRecord, _ question: UpdateQuestion) throws -> Bool {
        switch rollout.kind {
        case .devices: return false
        case .group:
            guard let group = rollout.group, try VersionStore.isMember(question.device, of: group, tenant: rollout.tenant, in: db) else { return false }
        case .everyone: break
        }
        // A last stage of less than everybody was meant to leave some out.
        let percentage = try RolloutStore.stages(of: rollout.row, in: db).last?.percentage
        guard percentage == 100, try reasonNotFor(version, question) == nil else { return false }
        return try VersionStore.channel(of: question.device, in: db) >= version.type
    }

    /// The execution of a candidate, made where there is none.
    private mutating func existing(_ candidate: Candidate, for device: String) throws -> ExecutionRecord? {
        if let execution = candidate.execution { return execution }
        let rollout = candidate.rollout
        var draft = RolloutStore.Draft(
            id: makeID(), rollout: rollout.row, device: "", version: candidate.version.row, action: .install, position: 0, state: .queued,
            deadline: now + rollout.timeout)
        if let earlier = candidate.earlier {
            draft.device = earlier.device
            (draft.stage, draft.position, draft.attempt) = (earlier.stage, earlier.position, earlier.attempt + 1)
            try db.execute(cached: "UPDATE executions SET is_current = FALSE WHERE id = ?", earlier.row)
            if let stage = earlier.stage, let outcome = earlier.outcome {
                try RolloutStore.count(Self.column(of: outcome), -1, rollout: rollout.row, stage: stage, in: db)
                if earlier.hasBegun { try RolloutStore.count("offered", -1, rollout: rollout.row, stage: stage, in: db) }
                try forgiveLess(rollout.row, stage: stage)
            }
        } else {
            draft.device = device
            let stage = rollout.stages - 1
            draft.stage = stage
            draft.position = try RolloutStore.counts(rollout.row, stage: stage, in: db).total
            try RolloutStore.count("total", 1, rollout: rollout.row, stage: stage, in: db)
        }
        return try RolloutStore.execution(try RolloutStore.insert(draft, at: now, in: db), in: db)
    }

    /// What an operator forgave cannot be more than what there is.
    private func forgiveLess(_ rollout: Int64, stage: Int) throws {
        try db.execute(
            cached: """
                UPDATE rollout_stages SET forgiven_failed = min(forgiven_failed, failed), forgiven_ended = min(forgiven_ended, succeeded + failed)
                WHERE rollout = ? AND stage = ?
                """, rollout, stage)
    }

    // MARK: Who is left out

    private func reasonToSkip(_ candidate: Candidate, _ question: UpdateQuestion) throws -> String? {
        let version = candidate.version
        let insists = candidate.rollout.isNamed && candidate.rollout.isForced && candidate.rollout.action == .install
        let decidesItself = candidate.rollout.isNamed && candidate.rollout.action == .install
        if version.number == question.current, !decidesItself { return "already_installed" }
        if candidate.rollout.action == .rollback { return nil }
        if try !isFree(version, for: question.device) { return "blocked" }
        if let base = version.baseVersion, base != question.current, !insists { return "wrong_base" }
        if !candidate.rollout.isNamed, let reason = try reasonNotFor(version, question) { return reason }
        if needsStep(to: version, question), try step(to: candidate, question) == nil { return "no_path" }
        return nil
    }

    /// Why a version is not for a device that nobody named.
    private func reasonNotFor(_ version: VersionRecord, _ question: UpdateQuestion) throws -> String? {
        if let current = question.version, let wanted = version.firmware, wanted < current { return "downgrade" }
        if let hardware = question.hardware, !version.hardware.isEmpty, !version.hardware.contains(hardware) { return "wrong_hardware" }
        if let format = question.format, let own = version.format, own != format { return "wrong_format" }
        if let counter = question.securityCounter, let own = version.securityCounter, own < counter { return "security_counter" }
        return nil
    }

    // MARK: Steps on the way

    private func needsStep(to version: VersionRecord, _ question: UpdateQuestion) -> Bool {
        guard let minimum = version.minimumCompatible.flatMap({ FirmwareVersion($0) }), let current = question.version, let wanted = version.firmware
        else { return false }
        // Going down is not a matter of steps.
        return current < minimum && current < wanted
    }

    /// The highest version below the wanted one that can be installed from the running one; `nil` where none is needed or there.
    private func step(to candidate: Candidate, _ question: UpdateQuestion) throws -> VersionRecord? {
        let version = candidate.version
        guard candidate.rollout.action == .install, needsStep(to: version, question), let current = question.version, let wanted = version.firmware
        else { return nil }
        let released = try VersionRecord.fetchAll(
            db,
            cached: """
                SELECT \(VersionRecord.columns) FROM versions WHERE tenant = ? AND device_type = ? AND released_at IS NOT NULL AND is_active
                ORDER BY id
                """, candidate.rollout.tenant, version.deviceType)
        let steps = try released.filter { step in
            guard let firmware = step.firmware, firmware > current, firmware < wanted, step.type <= version.type, !needsStep(to: step, question),
                try reasonNotFor(step, question) == nil
            else { return false }
            return try !VersionStore.isBlocked(step.row, for: question.device, in: db)
        }
        return steps.max { ($0.firmware ?? current) < ($1.firmware ?? current) }
    }

    private mutating func insertStep(_ step: VersionRecord, to parent: ExecutionRecord, rollout: RolloutRecord) throws -> ExecutionRecord {
        // The time of the whole way does not run while the device is on a step of it.
        try db.execute(
            cached: "UPDATE executions SET deadline_at = NULL, state = 'queued', notified_at = NULL WHERE id = ?", parent.row)
        let row = try RolloutStore.insert(
            RolloutStore.Draft(
                id: makeID(), rollout: rollout.row, device: parent.device, version: step.row, action: .install, position: parent.position,
                attempt: parent.attempt, parent: parent.row, state: .queued, deadline: now + rollout.timeout), at: now, in: db)
        guard let execution = try RolloutStore.execution(row, in: db) else { throw APIError(.internalError) }
        return execution
    }

    // MARK: Offering

    private mutating func offer(
        _ execution: ExecutionRecord, _ version: VersionRecord, _ question: UpdateQuestion, rollout: RolloutRecord
    ) throws -> UpdateDecision {
        try db.execute(
            cached: """
                UPDATE executions SET state = 'notified', offered_at = ?, notified_at = coalesce(notified_at, ?), from_version = ?, deadline_at = ?,
                revision = revision + 1 WHERE id = ?
                """,
            now, now, question.current, now + rollout.timeout, execution.row)
        if let stage = execution.stage { try RolloutStore.count("offered", 1, rollout: rollout.row, stage: stage, in: db) }
        note(
            "ota.offered",
            [
                "device": .text(execution.device), "version": .text(version.number), "execution": .text(execution.id),
                "action": .text(execution.action.rawValue), "rollout": .text(rollout.id),
            ])
        try supersede(execution, version)
        guard let offered = try RolloutStore.execution(execution.row, in: db) else { return .nothing }
        return .offer(offered, version)
    }

    /// Versions below the offered one, which waited for the same device, are not needed any more.
    private mutating func supersede(_ execution: ExecutionRecord, _ version: VersionRecord) throws {
        guard execution.action == .install, execution.parent == nil, let wanted = version.firmware else { return }
        for other in try RolloutStore.open(of: execution.device, in: db) where other.row != execution.row && !other.hasBegun && other.action == .install {
            guard let lower = try VersionStore.find(other.version, in: db)?.firmware, lower <= wanted else { continue }
            try finish(other, .cancelled, .neutral, reason: "superseded")
        }
    }
}
