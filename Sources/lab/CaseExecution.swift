import Archive
import Foundation
import LabCore
import Runner
import Verdicts

/// One cell: run, write its folder, judge its log.
struct CaseExecution {
    var plan: Plan
    var nodes: [NamedNode]
    var settings = RealSettings()
    /// How real devices are held; `nil` where there are none.
    var bench: BenchHandling?
    var folder: RunFolder
    /// The name of its folder in the run's.
    var name: String
    /// From 1.
    var attempt = 1

    private static let timeBetweenLooks = Duration.milliseconds(200)

    /// - Returns: the result with the log that it rests on.
    func run(progress: @escaping (CaseRunner.Progress) -> Void = { _ in }) -> (summary: CaseSummary, events: [RunEvent]) {
        let start = ContinuousClock.now
        var summary: CaseSummary
        var events: [RunEvent] = []
        do { (summary, events) = try judged(progress) } catch {
            let halt = Halt(error)
            summary = halt.summary(of: plan, run: place)
            // Best effort: the disk may be what failed.
            try? record(halt).write(to: folder.caseFolder(name))
        }
        summary.wallClock = ContinuousClock.now - start
        if plan.world != .sim { summary.options = settings.options }
        return (summary, events)
    }

    private var place: String { "\(folder.name)/\(name)" }

    private func record(_ halt: Halt? = nil) -> RunRecord { RunRecord(plan: plan, nodes: nodes, settings: settings, attempt: attempt, halt: halt) }

    private func judged(_ progress: @escaping (CaseRunner.Progress) -> Void) throws -> (CaseSummary, [RunEvent]) {
        let caseFolder = try folder.makeCase(name)
        try record().write(to: caseFolder)
        let writer = try caseFolder.eventWriter()
        var lastShown = ContinuousClock.now
        let held: HeldBench?
        do { held = try bench.flatMap { try HeldBench.hold(for: plan, nodes: nodes, settings: self.settings, $0, run: place) { Console.progress($0) } } } catch {
            guard Interrupts.signalNumber != nil else { throw error }
            var halt = Halt(reason: "\(RunSession.noTurn), the lab was interrupted while it waited for devices", isLabBug: false)
            halt.hadNoTurn = true
            throw halt
        }
        defer { held?.release() }
        let settings = held?.settings(self.settings) ?? self.settings
        let runner = CaseRunner(plan: plan, nodes: nodes, settings: settings, onEvent: { writer.append($0) }) { state in
            let now = ContinuousClock.now
            if now - lastShown > Self.timeBetweenLooks {
                lastShown = now
                progress(state)
            }
            return Interrupts.signalNumber != nil || held?.loss != nil
        }
        let outcome: CaseRunner.Outcome
        do { outcome = try runner.run() } catch {
            try writer.close()
            // What the devices said last is wanted most where the bench was lost.
            try? NodeFiles(plan: plan, events: caseFolder.events()).write(to: caseFolder)
            throw error
        }
        try writer.close()
        try NodeFiles(plan: plan, events: outcome.events).write(to: caseFolder)
        if let loss = held?.loss { throw loss }
        return (judge(plan: plan, events: outcome.events, run: place, oracles: Oracles.all), outcome.events)
    }
}

/// Why a case has no verdict of its own: its world could not be made, its log not be written, or the lab came to a halt.
struct Halt: Error, Equatable {
    var reason: String
    /// The lab's own bug, not the bench's fault.
    var isLabBug: Bool
    /// The step in which it came to an end; `nil` where none had begun.
    var step: SourceLocation?
    /// Nothing was done yet when the person stopped the run.
    var hadNoTurn = false

    init(reason: String, isLabBug: Bool, step: SourceLocation? = nil) {
        self.reason = reason
        self.isLabBug = isLabBug
        self.step = step
    }

    init(_ error: any Error) {
        if let halt = error as? Halt { self = halt; return }
        reason = "\(error)"
        if case CaseRunner.Failure.stalled = error { isLabBug = true } else { isLabBug = false }
        if case CaseRunner.Failure.blocked(_, let step) = error { self.step = step }
    }

    func summary(of plan: Plan, run: String) -> CaseSummary {
        if hadNoTurn { return CaseSummary(plan: plan, run: "", verdict: .skipped, reason: reason) }
        let role = plan.roles.first { reason.contains("'\($0.name)'") }
        let finding = Finding(
            subject: isLabBug ? .lab : .step, verdict: isLabBug ? .fail : .blocked,
            location: step ?? role?.location ?? SourceLocation(file: plan.file, line: 1, column: 1),
            title: isLabBug ? "the lab stands still" : role.map { "needs \($0.name)" } ?? (step == nil ? "the world of the scenario" : "the bench in this step"), reason: reason)
        return CaseSummary(plan: plan, run: run, verdict: finding.verdict, findings: [finding], reason: reason)
    }
}
