import Archive
import Foundation
import LabCore
import Reports
import Runner
import Synchronization
import Verdicts

/// Runs the cells of one `lab run`, several at a time, and prints each as it ends, in their order.
final class RunSession: Sendable {
    struct Settings: Sendable {
        var world: WorldKind
        var seed: UInt64
        var real = RealSettings()
        var bench: BenchHandling?
        var retries = 0
        var failFast = false
        /// Cells at the same time.
        var jobs = 1
        var style = Style.plain
        var showsProgress = false
        var quarantine: QuarantineWatch?
        /// The run that this one goes on with.
        var resumed: ResumedRun?
    }

    private let nodes: [NamedNode]
    private let plans: [Plan]
    private let names: [String]
    private let folder: RunFolder
    private let settings: Settings
    private let terminal: TerminalReport
    private let state: Mutex<State>
    private let turns = CellTurns()
    /// Signalled once by each worker that has nothing left to do.
    private let ended = DispatchSemaphore(value: 0)

    /// What the workers share.
    private struct State {
        var next = 0
        var results: [CaseSummary?]
        var printed = 0
        var isStopped = false
        /// Logs by the case's place, as many as fit; the others are read again from their files.
        var logs: [String: [RunEvent]] = [:]
        var eventsKept = 0
    }

    private static let maximumEventsKept = 100_000
    /// How the reason of cells begins that did not get their turn.
    static let noTurn = "not run"

    /// - Parameter names: the folders of the cells, in the order of `plans`.
    init(plans: [Plan], names: [String], nodes: [NamedNode], folder: RunFolder, settings: Settings) {
        self.nodes = nodes
        self.plans = plans
        self.names = names
        self.folder = folder
        self.settings = settings
        terminal = TerminalReport(style: settings.style, plans: plans)
        state = Mutex(State(results: Array(repeating: nil, count: plans.count)))
    }

    /// Runs everything; cells that did not get their turn are `skipped` and say why.
    ///
    /// - Parameter skipped: cells that cannot run in this world.
    func run(skipped: [CaseSummary]) -> Summary {
        Interrupts.watch()
        Console.print(terminal.header(version: Lab.version, world: settings.world, seed: settings.seed))
        let workers = (0..<max(1, min(settings.jobs, plans.count))).map { _ in
            let thread = Thread { [self] in work() }
            // Parsing and the cloud's router nest deeply in debug builds.
            thread.stackSize = 16 << 20
            return thread
        }
        for worker in workers { worker.start() }
        for _ in workers { ended.wait() }
        for result in skipped { Console.print(terminal.line(for: result)) }
        let cases = withoutTurn(state.withLock { $0.results }) + skipped
        return Summary(run: folder.name, labVersion: Lab.version, world: settings.world, seed: settings.seed, cases: cases)
    }

    private func withoutTurn(_ results: [CaseSummary?]) -> [CaseSummary] {
        let count = results.count { $0 == nil }
        guard count > 0 else { return results.compactMap(\.self) }
        let reason = Interrupts.signalNumber == nil ? "\(Self.noTurn) after the first failure (--fail-fast)" : "\(Self.noTurn), the lab was interrupted"
        Console.print("  \(settings.style.paint("skipped", .quiet))  \(counted(count, "cell")): \(reason)")
        return zip(results, plans).map { $0 ?? CaseSummary(plan: $1, run: "", verdict: .skipped, reason: reason) }
    }

    /// Cells were left out after the first failure (--fail-fast).
    var hasStopped: Bool { state.withLock { $0.isStopped && $0.results.contains { $0 == nil } } }

    func closing(_ summary: Summary, report: String) -> [String] {
        terminal.closing(summary, report: report, events: events)
    }

    /// The log of a case, for reports.
    func events(of result: CaseSummary) -> [RunEvent] {
        if let kept = state.withLock({ $0.logs[result.run] }) { return kept }
        guard result.run.hasPrefix(folder.name + "/") else { return settings.resumed?.events(of: result) ?? [] }
        return (try? folder.caseFolder(String(result.run.dropFirst(folder.name.count + 1))).events()) ?? []
    }

    private var events: (CaseSummary) -> [RunEvent] { { [self] in events(of: $0) } }

    private func work() {
        while let index = state.withLock({ state -> Int? in
            guard !state.isStopped, state.next < plans.count, Interrupts.signalNumber == nil else { return nil }
            defer { state.next += 1 }
            return state.next
        }) {
            finish(index, runWithRetries(index))
        }
        ended.signal()
    }

    private func finish(_ index: Int, _ result: CaseSummary) {
        // Printed under the lock, so that lines of two workers keep their order.
        state.withLock { state in
            state.results[index] = result
            if settings.failFast, result.verdict == .fail { state.isStopped = true }
            clearProgress()
            while state.printed < plans.count, let next = state.results[state.printed] {
                Console.print(terminal.line(for: next))
                state.printed += 1
            }
        }
    }

    private func clearProgress() { if settings.showsProgress { Console.write(Array("\r\u{1b}[K".utf8)) } }

    private func runWithRetries(_ index: Int) -> CaseSummary {
        let plan = plans[index]
        var tries = [turns.together { execute(plan, names[index], attempt: 1) }]
        while tries.count <= settings.retries, tries.last?.verdict ?? .pass > .flaky, Interrupts.signalNumber == nil {
            var again = plan
            // Another seed, or the same thing would happen again.
            again.seed = SeededGenerator.derived(from: plan.seed, attempt: tries.count)
            let attempt = tries.count + 1
            let further = { [self] in execute(again, "\(names[index]).try-\(attempt)", attempt: attempt) }
            tries.append(settings.world == .sim ? further() : turns.alone(further))
        }
        let result = Rollup.combining(tries: tries) ?? tries[0]
        return settings.quarantine?.borne(result) ?? result
    }

    private func execute(_ plan: Plan, _ name: String, attempt: Int) -> CaseSummary {
        let (summary, events) = CaseExecution(plan: plan, nodes: nodes, settings: settings.real, bench: settings.bench, folder: folder, name: name, attempt: attempt).run {
            self.show(plan, $0)
        }
        state.withLock { state in
            guard state.eventsKept + events.count <= Self.maximumEventsKept else { return }
            state.eventsKept += events.count
            state.logs[summary.run] = events
        }
        return summary
    }

    private func show(_ plan: Plan, _ progress: CaseRunner.Progress) {
        guard settings.showsProgress else { return }
        let expectation = progress.expectation
        let start = expectation?.stimulusAt ?? .start
        let line = ProgressLine(
            scenario: plan.scenario, cell: plan.cellText, step: progress.step, elapsed: start.duration(to: progress.now),
            limit: expectation.map { $0.stimulusAt.duration(to: $0.deadline) }, nearest: progress.nearest().first, loads: progress.loads)
        Console.write(Array("\r\u{1b}[K\(line.text(width: Console.width, style: settings.style))".utf8))
    }
}

extension SeededGenerator {
    /// The seed of a further try.
    static func derived(from seed: UInt64, attempt: Int) -> UInt64 {
        var generator = SeededGenerator(seed: seed, purpose: "try \(attempt + 1)")
        return generator.next()
    }
}
