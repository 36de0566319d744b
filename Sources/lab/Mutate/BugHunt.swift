import Foundation
import LabCore
import Runner
import Synchronization
import Verdicts

/// Runs scenarios with bugs in the lab's own devices and cloud until one of them fails.
final class BugHunt: Sendable {
    /// What caught a bug.
    struct Catching: Sendable {
        var bug: SeededBug
        /// The scenario and what it found, or the family of the torture; `nil` if nothing did.
        var by: String?
    }

    private let plans: [Plan]
    private let nodes: [NamedNode]
    private let jobs: Int

    init(plans: [Plan], nodes: [NamedNode], jobs: Int) {
        self.plans = plans
        self.nodes = nodes
        self.jobs = jobs
    }

    /// Only what passes without bugs can catch one.
    func soundPlans() -> (sound: Int, unsound: [(Plan, String)]) {
        let verdicts = Parallel.map(plans, jobs: jobs) { CaseJudge.verdict(on: $0, nodes: self.nodes) }
        let unsound = zip(plans, verdicts).filter { $1.verdict > .flaky }
        return (plans.count - unsound.count, unsound.map { ($0, $1.reason ?? $1.findings.first?.text ?? $1.verdict.rawValue) })
    }

    /// - Parameter tell: called for each bug in the order of the bugs, as soon as it and all before it are decided.
    func hunt(_ bugs: [SeededBug], tell: @escaping @Sendable (Catching) -> Void) -> [Catching] {
        Parallel.map(bugs, jobs: jobs, { bug in Catching(bug: bug, by: self.catcher(of: bug)) }, tell: tell)
    }

    private func catcher(of bug: SeededBug) -> String? {
        for plan in plans where Interrupts.signalNumber == nil {
            var plan = plan
            plan.bugs = [bug]
            let summary = CaseJudge.verdict(on: plan, nodes: nodes)
            // A bench that is sick has found nothing.
            guard summary.verdict == .fail else { continue }
            let cell = plan.cell.isEmpty ? "" : " [\(plan.cellText)]"
            return "\(plan.scenario)\(cell) \(summary.findings.first { $0.verdict == .fail }?.text ?? "a limit")"
        }
        return TortureHunt.catcher(of: bug)
    }
}

extension Finding {
    /// `line 44: expect badge.boot.done: …`
    var text: String { "line \(location.line): \(title)" + (reason.map { " (\($0))" } ?? "") }
}
