import LabCore

/// What a bench did to a run that makes its failures say nothing about the product (Docs/bench.md, blocked, not failed).
struct BenchDoubt: Sendable {
    private let finding: Finding
    /// The event with which the doubt begins: what had failed before it stands.
    private let start: Int

    /// - Returns: `nil` for a log in which every departure of a device from the bus is explained.
    init?(in events: [RunEvent], of plan: Plan) {
        guard let lost = events.first(where: { $0.name == PortRecording.EventName.lost }) else { return nil }
        start = lost.sequence
        finding = Finding(
            subject: .step, verdict: .blocked, location: Self.step(before: lost, in: events, of: plan), title: "\(lost.node) on the bus",
            expected: "\(lost.node) is off the bus only when something takes it away, and no longer than it takes to start",
            reason: "at \(lost.at.figure) \(lost.fields["detail"]?.text ?? "it left the bus"): look at its cable, hub and supply; "
                + "a device that is slow or crashes by itself does so again in the next run",
            sequence: lost.sequence, node: lost.node)
    }

    /// The step that the run was in: the last one that had begun.
    private static func step(before lost: RunEvent, in events: [RunEvent], of plan: Plan) -> SourceLocation {
        let begun = events.last { $0.sequence < lost.sequence && $0.node == LabEvents.node && $0.name == LabEvents.stepStarted }
        guard let file = begun?.fields["file"]?.text, let line = begun?.fields["line"]?.integer else {
            return SourceLocation(file: plan.file, line: 1, column: 1)
        }
        return SourceLocation(file: file, line: Int(line), column: 1)
    }

    /// What failed from there on is blocked, and says why; what the lab itself did wrong stays a failure, and what passed has passed.
    func apply(to findings: inout [Finding], _ limits: inout [LimitResult]) {
        guard Rollup.verdict(findings: findings, limits: limits) == .fail else { return }
        for index in findings.indices where findings[index].verdict == .fail && findings[index].subject != .lab {
            if findings[index].sequence ?? .max > start { findings[index].verdict = .blocked }
        }
        for index in limits.indices where limits[index].verdict == .fail { limits[index].verdict = .blocked }
        findings.insert(finding, at: 0)
    }
}
