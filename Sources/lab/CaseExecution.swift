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

    func run(progress: @escaping (CaseRunner.Progress) -> Void = { _ in }) -> CaseSummary {
        let start = ContinuousClock.now
        var lastShown = start
        do {
            let caseFolder = try folder.makeCase(name)
            try RunRecord(plan: plan, nodes: nodes).write(to: caseFolder)
            let writer = try caseFolder.eventWriter()
            let runner = CaseRunner(plan: plan, nodes: nodes, onEvent: { writer.append($0) }) { state in
                let now = ContinuousClock.now
                if now - lastShown > .milliseconds(200) {
                    lastShown = now
                    progress(state)
                }
                return Interrupts.signalNumber != nil
            }
            let outcome = try runner.run()
            try writer.close()
            var summary = judge(plan: plan, events: outcome.events, run: "\(folder.name)/\(name)")
            summary.wallClock = ContinuousClock.now - start
            return summary
        } catch let failure as CaseRunner.Failure {
            var verdict = CaseSummary(plan: plan, run: "\(folder.name)/\(name)", verdict: .blocked, reason: failure.description)
            if case .stalled = failure {
                verdict.findings = [
                    Finding(
                        subject: .lab, verdict: .fail, location: SourceLocation(file: plan.file, line: 1, column: 1), title: "the lab stands still",
                        reason: failure.description)
                ]
                verdict.verdict = .fail
            }
            return verdict
        } catch {
            return CaseSummary(plan: plan, run: "\(folder.name)/\(name)", verdict: .blocked, reason: "\(error)")
        }
    }
}
