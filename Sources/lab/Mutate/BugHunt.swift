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
        let verdicts = inParallel(plans, { self.judged($0) })
        let unsound = zip(plans, verdicts).filter { $1.verdict > .flaky }
        return (plans.count - unsound.count, unsound.map { ($0, $1.reason ?? $1.findings.first?.text ?? $1.verdict.rawValue) })
    }

    /// - Parameter tell: called for each bug in the order of the bugs, as soon as it and all before it are decided.
    func hunt(_ bugs: [SeededBug], tell: @escaping @Sendable (Catching) -> Void) -> [Catching] {
        inParallel(bugs, { bug in Catching(bug: bug, by: self.catcher(of: bug)) }, tell: tell)
    }

    private func catcher(of bug: SeededBug) -> String? {
        for plan in plans where Interrupts.signalNumber == nil {
            var plan = plan
            plan.bugs = [bug]
            let summary = judged(plan)
            // A bench that is sick has found nothing.
            guard summary.verdict == .fail else { continue }
            let cell = plan.cell.isEmpty ? "" : " [\(plan.cellText)]"
            return "\(plan.scenario)\(cell) \(summary.findings.first { $0.verdict == .fail }?.text ?? "a limit")"
        }
        return TortureHunt.catcher(of: bug)
    }

    private func judged(_ plan: Plan) -> CaseSummary {
        do {
            let outcome = try CaseRunner(plan: plan, nodes: nodes, onProgress: { _ in Interrupts.signalNumber != nil }).run()
            return judge(plan: plan, events: outcome.events, run: "")
        } catch {
            return Halt(error).summary(of: plan, run: "")
        }
    }

    /// The results in the order of the items; each worker has a stack of its own, since worlds nest deeply.
    private func inParallel<Item: Sendable, Value: Sendable>(
        _ items: [Item], _ work: @escaping @Sendable (Item) -> Value, tell: @escaping @Sendable (Value) -> Void = { _ in }
    ) -> [Value] {
        let results = Mutex([Value?](repeating: nil, count: items.count))
        let told = Mutex(0)
        let next = Mutex(0)
        let ended = DispatchSemaphore(value: 0)
        let workers = (0..<max(1, min(jobs, items.count))).map { _ in
            let thread = Thread {
                while let index = next.withLock({ next -> Int? in
                    guard next < items.count else { return nil }
                    next += 1
                    return next - 1
                }) {
                    let value = work(items[index])
                    results.withLock { $0[index] = value }
                    told.withLock { told in
                        while told < items.count, let next = results.withLock({ $0[told] }) {
                            tell(next)
                            told += 1
                        }
                    }
                }
                ended.signal()
            }
            thread.stackSize = 16 << 20
            return thread
        }
        for worker in workers { worker.start() }
        for _ in workers { ended.wait() }
        return results.withLock { $0.compactMap(\.self) }
    }
}

extension Finding {
    /// `line 44: expect badge.boot.done: …`
    fileprivate var text: String { "line \(location.line): \(title)" + (reason.map { " (\($0))" } ?? "") }
}
