import GRDB
import LabCore

/// What a device reports about an execution (badge-protocol.md, "Report").
struct UpdateReport: Sendable, Equatable {
    var sequence: Int64
    var state: ExecutionRecord.State
    var progress: Int64?
    var runningVersion: String?
    var reason: String?

    static let fields = [
        FieldKind("sequence", .integer, required: true, "counts the reports of the execution, from 1"),
        FieldKind("state", .choice(ExecutionRecord.State.reportable.map(\.rawValue)), required: true),
        FieldKind("progress", .integer, unit: "%"), FieldKind("version", .text, "the wanted one"), FieldKind("running_version", .text),
        FieldKind("reason", .text),
    ]

    /// - Throws: `INVALID_FIELD`.
    init(_ request: CloudRequest) throws(APIError) {
        guard let sequence = request.body["sequence"]?.integer, sequence >= 1 else {
            throw .invalidField("sequence", "'sequence' must be a whole number from 1")
        }
        self.sequence = sequence
        guard let state = request.body["state"]?.text.flatMap(ExecutionRecord.State.init), ExecutionRecord.State.reportable.contains(state) else {
            throw .invalidField("state", "'state' must be one that devices report")
        }
        self.state = state
        progress = request.body["progress"]?.integer
        guard progress.map({ (0...100).contains($0) }) ?? true else { throw .invalidField("progress", "'progress' must be 0 to 100") }
        _ = try request.text("version", maximum: 64)
        runningVersion = try request.text("running_version", maximum: 64)
        reason = try request.text("reason", maximum: 64)
        if let reason, !DeviceNames.isWord(reason, maximum: 64) {
            throw .invalidField("reason", "'reason' must be a word of at most 64 letters, digits, '_', '-' and '.'")
        }
    }
}

extension FirmwareService {
    var reportEndpoint: Endpoint {
        Endpoint(
            "POST", "/api/v1/firmware/executions/{execution_id}/report", "Takes what a device says about its update.",
            access: .anyDevice(orUser: nil), rateClass: .device, body: UpdateReport.fields,
            answer: [
                FieldKind("state", .choice(ExecutionRecord.State.allCases.map(\.rawValue)), required: true), FieldKind("cancel", .bool, required: true),
                FieldKind("terminal", .bool, required: true),
            ], statuses: [200, 404, 409]
        ) { [self] in APIAnswer(data: .record(try await report($0))) }
    }

    func report(_ request: CloudRequest) async throws -> Fields {
        guard case .device(let device, _) = request.identity else { throw APIError(.permissionDenied) }
        let report = try UpdateReport(request)
        let id = request.parameter("execution_id")
        let known = try storage.read { db in try RolloutStore.execution(id, in: db) }
        guard let known, known.device == device, known.state != .waiting else { throw APIError(.executionNotFound) }
        // A repeated report is the answer lost on its way: it is told again, and nothing is written.
        if !bugs.contains(.terminalStateOverwritten), isRepeated(report, of: known) {
            noteRepeated(report, of: known)
            return show(known)
        }
        let execution = try await change(
            "ota.report", ["device": .text(device), "execution": .text(id)], actor: "device \(device)"
        ) { engine in
            try engine.take(report, of: id)
        }
        if let execution { return show(execution) }
        noteRepeated(report, of: known)
        // What comes after the result, and is none, is told that there is one.
        throw APIError(.executionFinished, details: ["state": .text(known.state.rawValue)])
    }

    private func isRepeated(_ report: UpdateReport, of execution: ExecutionRecord) -> Bool {
        if execution.isOpen { return report.sequence <= execution.sequence && !report.state.isTerminal }
        return report.state == execution.state
    }

    private func noteRepeated(_ report: UpdateReport, of execution: ExecutionRecord) {
        environment.note(
            "ota.report.repeated",
            [
                "device": .text(execution.device), "execution": .text(execution.id), "sequence": .integer(report.sequence),
                "state": .text(report.state.rawValue), "recorded": .text(execution.state.rawValue),
            ])
    }

    private func show(_ execution: ExecutionRecord) -> Fields {
        [
            "state": .text(execution.state.rawValue), "cancel": .bool(execution.isCancelling && !execution.state.isBeyondReturn),
            "terminal": .bool(!execution.isOpen),
        ]
    }
}

extension RolloutEngine {
    /// Reasons of `rejected` for which the version is not to blame.
    private static let blameless: Set<String> = ["already_installed", "downgrade", "cancelled"]

    /// - Returns: the execution as it stands now; `nil` where it has ended and the report says something else than a result.
    mutating func take(_ report: UpdateReport, of id: String) throws -> ExecutionRecord? {
        guard let execution = try RolloutStore.execution(id, in: db) else { throw APIError(.executionNotFound) }
        guard execution.isOpen else { return try takeLate(report, of: execution) }
        if !report.state.isTerminal {
            if report.sequence > execution.sequence { try progress(report, of: execution) }
        } else {
            try db.execute(
                cached: "UPDATE executions SET sequence = max(sequence, ?), progress = coalesce(?, progress) WHERE id = ?",
                report.sequence, report.progress, execution.row)
            try end(report, of: execution)
        }
        return try RolloutStore.execution(execution.row, in: db)
    }

    private mutating func progress(_ report: UpdateReport, of execution: ExecutionRecord) throws {
        let isRefusedCancel = report.reason == "cancel_rejected"
        try db.execute(
            cached: """
                UPDATE executions SET state = ?, sequence = ?, progress = coalesce(?, progress), cancel_requested = cancel_requested AND NOT ?,
                offered_at = coalesce(offered_at, ?), revision = revision + 1 WHERE id = ?
                """,
            report.state.rawValue, report.sequence, report.progress, isRefusedCancel, now, execution.row)
        if !execution.hasBegun, let stage = execution.stage {
            try RolloutStore.count("offered", 1, rollout: execution.rollout, stage: stage, in: db)
        }
        var fields: Fields = [
            "device": .text(execution.device), "version": .text(try number(of: execution.version)), "execution": .text(execution.id),
            "state": .text(report.state.rawValue),
        ]
        if let progress = report.progress { fields["progress"] = .integer(progress) }
        note("ota.progress", fields)
        if isRefusedCancel {
            note("ota.cancel_rejected", ["device": .text(execution.device), "execution": .text(execution.id), "state": .text(report.state.rawValue)])
        }
    }

    private mutating func end(_ report: UpdateReport, of execution: ExecutionRecord) throws {
        var (state, reason) = (report.state, report.reason)
        let wanted = try number(of: execution.version)
        if state == .succeeded, let runs = report.runningVersion, VersionRecord.canonical(runs) != wanted {
            (state, reason) = (.failed, "version_mismatch")
        }
        switch state {
        case .succeeded: try finish(execution, state, .success, reason: reason)
        case .cancelled: try finish(execution, state, .neutral, reason: reason ?? "cancelled")
        case .rejected where Self.blameless.contains(reason ?? ""): try finish(execution, state, .neutral, reason: reason)
        default: try finish(execution, state, .failure, reason: reason, blocks: blocks(state, reason))
        }
    }

    private func blocks(_ state: ExecutionRecord.State, _ reason: String?) -> Bool {
        [.failed, .rolledBack, .rejected].contains(state) && !Self.blameless.contains(reason ?? "")
    }

    /// A result that comes after the recorded one changes nothing but what the device is offered from now on.
    private mutating func takeLate(_ report: UpdateReport, of execution: ExecutionRecord) throws -> ExecutionRecord? {
        if bugs.contains(.terminalStateOverwritten) {
            try db.execute(
                cached: "UPDATE executions SET state = ?, reason = ?, sequence = ? WHERE id = ?",
                report.state.rawValue, report.reason, report.sequence, execution.row)
            if report.state.isTerminal {
                try noteFinished(execution, number: try number(of: execution.version), report.state, reason: report.reason)
            }
            return try RolloutStore.execution(execution.row, in: db)
        }
        guard report.state.isTerminal else { return nil }
        note(
            "ota.report.repeated",
            [
                "device": .text(execution.device), "execution": .text(execution.id), "sequence": .integer(report.sequence),
                "state": .text(report.state.rawValue), "recorded": .text(execution.state.rawValue),
            ])
        if blocks(report.state, report.reason) {
            try block(execution, number: try number(of: execution.version), reason: report.reason ?? report.state.rawValue)
        }
        return execution
    }
}
