import Foundation
import LabCore
import Runner
import Synchronization
import Verdicts

/// Work on many items by a few threads, with the results in the order of the items.
enum Parallel {
    /// - Parameter tell: called for each result in the order of the items, as soon as it and all before it are there.
    static func map<Item: Sendable, Value: Sendable>(
        _ items: [Item], jobs: Int, _ work: @escaping @Sendable (Item) -> Value, tell: @escaping @Sendable (Value) -> Void = { _ in }
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
            // Worlds nest deeply.
            thread.stackSize = 16 << 20
            return thread
        }
        for worker in workers { worker.start() }
        for _ in workers { ended.wait() }
        return results.withLock { $0.compactMap(\.self) }
    }
}

/// One case run and judged in memory; nothing is kept.
enum CaseJudge {
    static func verdict(on plan: Plan, nodes: [NamedNode]) -> CaseSummary { run(plan, nodes: nodes).summary }

    static func run(_ plan: Plan, nodes: [NamedNode]) -> (summary: CaseSummary, events: [RunEvent]) {
        do {
            let outcome = try CaseRunner(plan: plan, nodes: nodes, onProgress: { _ in Interrupts.signalNumber != nil }).run()
            return (judge(plan: plan, events: outcome.events, run: "", oracles: Oracles.all), outcome.events)
        } catch {
            return (Halt(error).summary(of: plan, run: ""), [])
        }
    }
}
