import CloudClient
import LabCore

/// Telling the cloud how the update goes (badge protocol, "Report"): what is under way once, the result until the cloud has it.
extension Badge {
    static let firstReportRetry = Duration.seconds(1)
    static let longestReportRetry = Duration.seconds(300)
    /// What a life before may have sent after it last wrote the number of its reports.
    static let sequenceReserve: UInt32 = 16

    /// Reports what is under way; a later report takes the place of one that was not sent yet.
    mutating func report(
        _ state: String, progress: Int? = nil, reason: String = "", at now: RunInstant, _ effects: inout [DeviceEffect]
    ) {
        guard let attempt = ram.update.attempt else { return }
        ram.update.sequence &+= 1
        ram.update.pendingReport = UpdateMemory.Report(
            execution: attempt.execution, state: state, sequence: ram.update.sequence, version: attempt.version, progress: progress, reason: reason)
        sendReport(at: now, &effects)
    }

    /// Reports the result, if the cloud does not have it.
    mutating func sendResult(at now: RunInstant, _ effects: inout [DeviceEffect]) {
        guard let result = ram.update.result, !result.isAcknowledged else { return }
        ram.update.pendingReport = UpdateMemory.Report(
            execution: result.execution, state: result.state.word, sequence: result.sequence, version: result.version, reason: result.reason,
            isResult: true)
        sendReport(at: now, &effects)
    }

    private mutating func sendReport(at now: RunInstant, _ effects: inout [DeviceEffect]) {
        // A firmware that is not up yet speaks to nobody; the connection brings what waits.
        guard ram.update.sentReport == nil, let report = ram.update.pendingReport, !ram.deviceID.isEmpty, ram.phase != .booting else { return }
        ram.update.pendingReport = nil
        ram.update.sentReport = report
        run(.update(.report), at: now, &effects)
    }

    func reportCall(_ report: UpdateMemory.Report) -> (path: String, body: [UInt8]) {
        var body: [UInt8] = Array("{\"sequence\":".utf8)
        JSONWriter.append(integer: Int64(report.sequence), to: &body)
        func append(_ key: StaticString, _ text: String) {
            body.append(contentsOf: ",\"\(key)\":".utf8)
            JSONWriter.append(quoted: text, to: &body)
        }
        append("state", report.state)
        if let progress = report.progress {
            body.append(contentsOf: ",\"progress\":".utf8)
            JSONWriter.append(integer: Int64(progress), to: &body)
        }
        append("version", report.version)
        append("running_version", reportedVersion)
        if !report.reason.isEmpty { append("reason", report.reason) }
        body.append(UInt8(ascii: "}"))
        return ("/api/v1/firmware/executions/\(report.execution)/report", body)
    }

    mutating func reportAnswered(_ answer: CloudAnswer, at now: RunInstant, _ effects: inout [DeviceEffect]) throws(PowerFailure) {
        guard let report = ram.update.sentReport else { return }
        ram.update.sentReport = nil
        if answer.status == 401 { ram.token = nil }
        let isKnown = answer.succeeded || answer.status == 404 || answer.status == 409
        var fields: Fields = [
            "version": .text(report.version), "execution": .text(report.execution), "state": .text(report.state),
            "acknowledged": .bool(isKnown), "status": .integer(Int64(answer.status)),
        ]
        if !report.reason.isEmpty { fields["reason"] = .text(report.reason) }
        effects.append(.note("ota.reported", fields))
        if report.isResult {
            try resultAnswered(report, isKnown: isKnown, answer, at: now, &effects)
        } else if isKnown, !answer.succeeded {
            try executionEnded(report, at: now, &effects)
        } else if answer.succeeded, answer.data?.record?["cancel"]?.bool == true, report.reason != "cancel_rejected" {
            try cancelUpdate(report.execution, at: now, &effects)
        }
        if ram.update.pendingReport != nil { sendReport(at: now, &effects) }
    }

    private mutating func resultAnswered(
        _ report: UpdateMemory.Report, isKnown: Bool, _ answer: CloudAnswer, at now: RunInstant, _ effects: inout [DeviceEffect]
    ) throws(PowerFailure) {
        guard var result = ram.update.result, result.execution == report.execution, !result.isAcknowledged else { return }
        guard isKnown || settings.bugs.contains(.reportNotRepeated) else {
            let waiting = ram.update.reports.next(first: Self.firstReportRetry, longest: Self.longestReportRetry, &chance)
            return effects.append(.startTimer(.updateReport, after: max(waiting, answer.asked)))
        }
        ram.update.reports.reset()
        result.isAcknowledged = true
        ram.update.result = result
        _ = try save([(.updateResult, result.bytes)], &effects)
        // What the cloud wants next has waited for this. A cloud that offers what has ended is not asked again and again.
        if ram.update.isRepeating { planDailyCheck(&effects) } else { planCheck(settings.checkDelay, &effects) }
        if ram.update.mustCheckAgain { planCheck(settings.noticeDelay, &effects) }
        (ram.update.isRepeating, ram.update.mustCheckAgain) = (false, false)
    }

    /// The cloud has ended the execution, or never knew it. Before activation that ends it here, too; afterwards the badge goes on:
    /// an image must be confirmed or given up, whoever still wants to know.
    private mutating func executionEnded(
        _ report: UpdateMemory.Report, at now: RunInstant, _ effects: inout [DeviceEffect]
    ) throws(PowerFailure) {
        guard let attempt = ram.update.attempt, attempt.execution == report.execution, attempt.phase == .downloading else { return }
        effects.append(.note("ota.cancelled", ["version": .text(attempt.version), "execution": .text(attempt.execution)]))
        try finishUpdate(.cancelled, "cancelled", at: now, &effects)
    }

    mutating func reportDue(at now: RunInstant, _ effects: inout [DeviceEffect]) { sendResult(at: now, &effects) }
}
