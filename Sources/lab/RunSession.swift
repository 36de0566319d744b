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
    /// Signalled once by each thread that has nothing left to do.
    private let ended = DispatchSemaphore(value: 0)

    /// What the workers share.
    private struct State {
        var next = 0
        var results: [CaseSummary?]
        /// First tries that did not pass, of cells that are tried again when the others are over.
        var waiting: [(index: Int, first: CaseSummary)] = []
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
        repeat {
            inParallel(max(1, min(settings.jobs, plans.count))) { [self] in work() }
            inParallel(1) { [self] in tryAgain() }
        } while isUnfinished
        for result in skipped { Console.print(terminal.line(for: result)) }
        let cases = withoutTurn(state.withLock { $0.results }) + skipped
        return Summary(run: folder.name, labVersion: Lab.version, world: settings.world, seed: settings.seed, cases: cases)
    }

    /// On threads of its own; returns when all of them have ended.
    private func inParallel(_ count: Int, _ work: @escaping @Sendable () -> Void) {
        for _ in 0..<count {
            let thread = Thread { [ended] in
                work()
                ended.signal()
            }
            // Parsing and the cloud's router nest deeply in debug builds.
            thread.stackSize = 16 << 20
            thread.start()
        }
        for _ in 0..<count { ended.wait() }
    }

    private var isUnfinished: Bool { Interrupts.signalNumber == nil && state.withLock { !$0.isStopped && $0.next < plans.count } }

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
            // With --fail-fast nothing begins while it is open whether a cell has failed.
            guard !state.isStopped, state.next < plans.count, Interrupts.signalNumber == nil, !settings.failFast || state.waiting.isEmpty else { return nil }
            defer { state.next += 1 }
            return state.next
        }) {
            let first = execute(plans[index], names[index], attempt: 1)
            if settings.world != .sim, isTriedAgain([first]) {
                state.withLock { $0.waiting.append((index, first)) }
            } else {
                finish(index, withRetries(index, first))
            }
        }
    }

    /// In real time the load of the others may have been what made a cell late: it is tried again by itself, when their first tries are over.
    private func tryAgain() {
        for (index, first) in state.withLock({ $0.waiting.sorted { $0.index < $1.index } }) { finish(index, withRetries(index, first)) }
    }

    /// Printed under the lock, so that lines of two workers keep their order; what is tried again has its line when that is over.
    private func finish(_ index: Int, _ result: CaseSummary) {
        state.withLock { state in
            state.results[index] = result
            state.waiting.removeAll { $0.index == index }
            if settings.failFast, result.verdict == .fail { state.isStopped = true }
            clearProgress()
            if index < state.printed { Console.print(terminal.line(for: result)) }
            while state.printed < plans.count {
                if let next = state.results[state.printed] { Console.print(terminal.line(for: next)) } else if !state.waiting.contains(where: { $0.index == state.printed }) { break }
                state.printed += 1
            }
        }
    }

    private func clearProgress() { if settings.showsProgress { Console.write(Array("\r\u{1b}[K".utf8)) } }

    private func withRetries(_ index: Int, _ first: CaseSummary) -> CaseSummary {
        let plan = plans[index]
        var tries = [first]
        while isTriedAgain(tries) {
            var again = plan
            // Another seed, or the same thing would happen again.
            again.seed = SeededGenerator.derived(from: plan.seed, attempt: tries.count)
            let attempt = tries.count + 1
            tries.append(execute(again, "\(names[index]).try-\(attempt)", attempt: attempt))
        }
        let result = Rollup.combining(tries: tries) ?? first
        return settings.quarantine?.borne(result) ?? result
    }

    private func isTriedAgain(_ tries: [CaseSummary]) -> Bool {
        tries.count <= settings.retries && tries.last?.verdict ?? .pass > .flaky && Interrupts.signalNumber == nil && !state.withLock { $0.isStopped }
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
