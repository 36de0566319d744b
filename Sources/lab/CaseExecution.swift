import Archive
import Foundation
import LabCore
import Runner
import Verdicts

/// One cell: run, write its folder, judge its log.
struct CaseExecution {
    var plan: Plan
    var nodes: [NamedNode]
    var folder: RunFolder
    /// The name of its folder in the run's.
    var name: String
    /// From 1.
    var attempt = 1

    private static let timeBetweenLooks = Duration.milliseconds(200)

    func run(progress: @escaping (CaseRunner.Progress) -> Void = { _ in }) -> CaseSummary {
        let start = ContinuousClock.now
        var summary: CaseSummary
        do { summary = try judged(progress) } catch let failure as CaseRunner.Failure {
            summary = CaseSummary(plan: plan, run: place, verdict: .blocked, reason: failure.description)
            if case .stalled = failure {
                let first = SourceLocation(file: plan.file, line: 1, column: 1)
                summary.verdict = .fail
                summary.findings = [
                    Finding(subject: .lab, verdict: .fail, location: first, title: "the lab stands still", reason: failure.description)
                ]
            }
        } catch {
            summary = CaseSummary(plan: plan, run: place, verdict: .blocked, reason: "\(error)")
        }
        summary.wallClock = ContinuousClock.now - start
        return summary
    }

    private var place: String { "\(folder.name)/\(name)" }

    private func judged(_ progress: @escaping (CaseRunner.Progress) -> Void) throws -> CaseSummary {
        let caseFolder = try folder.makeCase(name)
        try RunRecord(plan: plan, nodes: nodes, attempt: attempt).write(to: caseFolder)
        let writer = try caseFolder.eventWriter()
        var lastShown = ContinuousClock.now
        let runner = CaseRunner(plan: plan, nodes: nodes, onEvent: { writer.append($0) }) { state in
            let now = ContinuousClock.now
            if now - lastShown > Self.timeBetweenLooks {
                lastShown = now
                progress(state)
            }
            return Interrupts.signalNumber != nil
        }
        let outcome: CaseRunner.Outcome
        do { outcome = try runner.run() } catch {
            try writer.close()
            throw error
        }
        try writer.close()
        try NodeFiles(plan: plan, events: outcome.events).write(to: caseFolder)
        return judge(plan: plan, events: outcome.events, run: place)
    }
}
