import Archive
import Foundation
import LabCore
import Reports
import Runner
import Synchronization
import Verdicts

/// Runs the cells of one `lab run`, several at a time, and prints each as it ends, in their order.
final class RunSession: Sendable {
    private let workplace: Workplace
    private let plans: [Plan]
    private let folder: RunFolder
    private let world: WorldKind
    private let seed: UInt64
    private let retries: Int
    private let failFast: Bool
    private let jobs: Int
    private let terminal: TerminalReport
    private let style: Style
    private let showsProgress: Bool
    private let state: Mutex<State>
    /// Signalled once by each worker that has nothing left to do.
    private let ended = DispatchSemaphore(value: 0)

    /// What the workers share.
    private struct State {
        var next = 0
        var results: [CaseSummary?]
        var printed = 0
        var isStopped = false
    }

    init(
        workplace: Workplace, plans: [Plan], folder: RunFolder, world: WorldKind, seed: UInt64, retries: Int, failFast: Bool, jobs: Int,
        style: Style, showsProgress: Bool
    ) {
        self.workplace = workplace
        self.plans = plans
        self.folder = folder
        self.world = world
        self.seed = seed
        self.retries = retries
        self.failFast = failFast
        self.jobs = max(1, min(jobs, plans.count))
        self.style = style
        self.showsProgress = showsProgress
        terminal = TerminalReport(style: style, plans: plans)
        state = Mutex(State(results: Array(repeating: nil, count: plans.count)))
    }

    /// - Returns: the summary, and the way to the events of a case.
    func run(skipped: [CaseSummary]) -> (Summary, (CaseSummary) -> [RunEvent]) {
        Interrupts.watch()
        Console.print(terminal.header(version: Lab.version, world: world, seed: seed))
        let workers = (0..<jobs).map { _ in
            let thread = Thread { [self] in work() }
            // Parsing and the cloud's router nest deeply in debug builds.
            thread.stackSize = 16 << 20
            return thread
        }
        for worker in workers { worker.start() }
        for _ in workers { ended.wait() }
        let results = state.withLock { $0.results.compactMap(\.self) }
        let summary = Summary(run: folder.name, labVersion: Lab.version, world: world, seed: seed, cases: results + skipped)
        return (summary, events)
    }

    func closing(_ summary: Summary, report: String, events: (CaseSummary) -> [RunEvent]) -> [String] {
        terminal.closing(summary, report: report, events: events)
    }

    private var events: (CaseSummary) -> [RunEvent] {
        { [folder] result in (try? folder.caseFolder(String(result.run.dropFirst(folder.name.count + 1))).events()) ?? [] }
    }

    private static func caseName(_ plan: Plan) -> String { RunFolder.caseName(scenario: plan.scenario, cell: plan.cell) }

    private func work() {
        while let index = state.withLock({ state -> Int? in
            guard !state.isStopped, state.next < plans.count, Interrupts.signalNumber == nil else { return nil }
            defer { state.next += 1 }
            return state.next
        }) {
            finish(index, runWithRetries(plans[index]))
        }
        ended.signal()
    }

    private func finish(_ index: Int, _ result: CaseSummary) {
        let lines = state.withLock { state in
            state.results[index] = result
            if failFast, result.verdict == .fail { state.isStopped = true }
            var lines: [String] = []
            while state.printed < plans.count, let next = state.results[state.printed] {
                lines.append(terminal.line(for: next))
                state.printed += 1
            }
            return lines
        }
        clearProgress()
        for line in lines { Console.print(line) }
    }

    private func clearProgress() { if showsProgress { Console.write(Array("\r\u{1b}[K".utf8)) } }

    private func runWithRetries(_ plan: Plan) -> CaseSummary {
        var tries = [execute(plan, attempt: 1)]
        while tries.count <= retries, tries.last?.verdict ?? .pass > .flaky, Interrupts.signalNumber == nil {
            var again = plan
            // Another seed, or the same thing would happen again.
            again.seed = SeededGenerator.derived(from: plan.seed, attempt: tries.count)
            tries.append(execute(again, attempt: tries.count + 1))
        }
        return Rollup.combining(tries: tries) ?? tries[0]
    }

    private func execute(_ plan: Plan, attempt: Int) -> CaseSummary {
        let name = Self.caseName(plan) + (attempt > 1 ? ".try-\(attempt)" : "")
        return CaseExecution(plan: plan, nodes: workplace.nodes, folder: folder, name: name).run { self.show(plan, $0) }
    }

    private func show(_ plan: Plan, _ progress: CaseRunner.Progress) {
        guard showsProgress else { return }
        let expectation = progress.expectation
        let start = expectation?.stimulusAt ?? progress.now
        let line = ProgressLine(
            scenario: plan.scenario, cell: plan.cellText, step: progress.step, elapsed: start.duration(to: progress.now),
            limit: expectation.map { $0.stimulusAt.duration(to: $0.deadline) }, nearest: progress.nearest().first)
        Console.write(Array("\r\u{1b}[K\(line.text(width: Console.width, style: style))".utf8))
    }
}

extension SeededGenerator {
    /// The seed of a further try.
    static func derived(from seed: UInt64, attempt: Int) -> UInt64 {
        var generator = SeededGenerator(seed: seed, purpose: "try \(attempt + 1)")
        return generator.next()
    }
}
