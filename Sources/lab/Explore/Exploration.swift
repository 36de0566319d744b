import LabCore
import Runner
import ScenarioLanguage
import Verdicts

/// Runs what seeds draw from one scenario, and makes what fails short.
struct Exploration: Sendable {
    /// What one seed led to.
    struct Result: Sendable {
        var seed: UInt64
        /// The first finding, or why it could not run; `nil` where all held.
        var failure: String?
        /// It could not run at all: nothing was found.
        var isBlocked = false
        /// In the order of `explore.counts`.
        var counts: [Int]
    }

    let explore: Explore
    let scenario: DrawnScenario
    let lab: LabFile?
    let nodes: [NamedNode]
    let files: SnapshotFiles

    func run(seed: UInt64) -> Result { run(Draw.make(from: explore, seed: seed), seed: seed) }

    func run(_ draw: Draw, seed: UInt64) -> Result {
        var files = files
        files.contents[scenario.file] = Array(scenario.text(with: draw).utf8)
        let loaded = ScenarioLoader(catalogue: Workplace.schemaCatalogue, lab: lab, files: files).load([scenario.file])
        var result = Result(seed: seed, failure: nil, counts: explore.counts.map { _ in 0 })
        guard let plans = loaded.scenarios.first?.plans(world: .sim, seed: seed) else {
            result.failure = loaded.diagnostics.first { $0.severity == .error }?.description ?? "it cannot run in sim"
            result.isBlocked = true
            return result
        }
        for plan in plans {
            let (summary, events) = CaseJudge.run(plan, nodes: nodes)
            for event in events {
                if let index = explore.counts.firstIndex(where: { $0.role == event.node && $0.name == event.name }) { result.counts[index] += 1 }
            }
            guard summary.verdict > .flaky else { continue }
            result.isBlocked = summary.verdict == .blocked
            let finding = summary.findings.first { $0.verdict > .flaky }
            result.failure = finding.map { $0.title + ($0.reason.map { ": \($0)" } ?? "") } ?? summary.reason ?? summary.verdict.rawValue
            return result
        }
        return result
    }

    // MARK: Shrinking

    /// The shortest draw found that still fails: whole stretches are left out, then single items, then values are made plain.
    ///
    /// - Parameter budget: runs at most.
    func shrunk(seed: UInt64, budget: Int = 400) -> (draw: Draw, failure: String, runs: Int) {
        var best = Draw.make(from: explore, seed: seed)
        var failure = run(best, seed: seed).failure ?? ""
        var runs = 0
        func isWorth(_ candidate: Draw) -> Bool {
            guard runs < budget, Interrupts.signalNumber == nil else { return false }
            runs += 1
            guard let found = run(candidate, seed: seed).failure else { return false }
            (best, failure) = (candidate, found)
            return true
        }
        var stretch = max(1, best.items.count / 2)
        while true {
            var start = 0
            var hasShrunk = false
            while start < best.items.count {
                var candidate = best
                candidate.items.removeSubrange(start..<min(start + stretch, candidate.items.count))
                if isWorth(candidate) { hasShrunk = true } else { start += stretch }
            }
            if stretch == 1, !hasShrunk { break }
            if runs >= budget || Interrupts.signalNumber != nil { break }
            stretch = max(1, stretch / 2)
        }
        for index in best.items.indices {
            for plainer in plainer(than: best.items[index]) {
                var candidate = best
                candidate.items[index] = plainer
                if isWorth(candidate) { break }
            }
        }
        return (best, failure, runs)
    }

    /// What is nearer to the beginning of its list is plainer.
    private func plainer(than item: Draw.Item) -> [Draw.Item] {
        switch item {
        case .wait(let time): return explore.pauses.prefix { $0 != time }.filter { $0 != "0s" }.map { .wait($0) }
        case .fault(let fault, let length): return explore.pauses.prefix { $0 != length }.filter { $0 != "0s" }.map { .fault(fault, length: $0) }
        case .move(let block, let values):
            guard let move = explore.moves.first(where: { $0.block == block }) else { return [] }
            return values.indices.compactMap { index in
                guard let first = move.choices.first(where: { $0.name == values[index].name })?.values.first, first != values[index].text else { return nil }
                var plain = values
                plain[index].text = first
                return .move(block: block, values: plain)
            }
        }
    }
}
