import ArgumentParser
import LabCore
import Reports
import Runner
import Verdicts

/// `lab replay`: runs cases again from their seeds and compares the logs event by event.
struct ReplayCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "replay", abstract: "Runs a case, or every case of a run, again and says where it parts from its log, if it does.")

    @Argument(help: ArgumentHelp("A case such as 1121-1/badge-register.loss-20, a run such as 1121-1, or last.", valueName: "run"))
    var run_ = "last"

    @Option(help: "Print the events up to this number, and compare no further; for one case.")
    var until: Int?

    @Flag(help: "Print every event and wait for Enter after each; for one case.")
    var step = false

    @Option(help: "The folder for run folders.")
    var out = "runs"

    func run() throws {
        let cases = try StoredRun.load(run_, root: out).cases
        if until != nil || step, cases.count > 1 {
            throw Stop(
                .wrongInput, "--until and --step are for one case. This run has:\n" + cases.map { "  \($0.name)" }.joined(separator: "\n"))
        }
        if let until, until < 1 { throw Stop(.wrongInput, "--until '\(until)' must be 1 or more") }
        Interrupts.watch()
        var parted: [String] = []
        for stored in cases {
            if try !replay(stored) { parted.append(stored.name) }
        }
        guard parted.isEmpty else { throw Stop(.labBug, "\(parted.joined(separator: ", ")) did not replay.") }
    }

    /// - Returns: whether it was the same.
    private func replay(_ stored: StoredCase) throws -> Bool {
        guard stored.kernel == RunRecord.kernelVersion else {
            throw Stop(
                .wrongInput,
                "\(stored.name) was made by version \(stored.kernel) of the kernel, this is \(RunRecord.kernelVersion): it cannot be repeated exactly."
            )
        }
        guard stored.plan.world == .sim else {
            throw Stop(
                .wrongInput,
                "\(stored.name) ran on \(stored.plan.world.rawValue), where time is real: only runs in sim repeat. Its log is judged again by `lab judge`; the same seed in sim: lab run \(stored.plan.file) --on sim --seed 0x\(String(stored.plan.seed, radix: 16))"
            )
        }
        if stored.halt != nil || stored.events.isEmpty {
            Console.print("\(stored.name) has nothing to replay: \(stored.halt?.reason ?? "its log is empty")")
            return true
        }
        let interruption = stored.lastEventBeforeInterruption
        let comparison = ReplayComparison(
            stored: stored.events, until: min(until ?? .max, interruption ?? .max), prints: until != nil || step, pauses: step)
        let runner = CaseRunner(plan: stored.plan, nodes: stored.nodes, onEvent: comparison.observe) { _ in
            Interrupts.signalNumber != nil || comparison.isOver
        }
        do { _ = try runner.run() } catch { throw Stop(.labBug, "\(stored.name): \(error)") }
        if let number = Interrupts.signalNumber { throw Stop(number == 2 ? .interrupted : .terminated) }
        if let parting = comparison.result() {
            Console.print("\(stored.name) \(parting)")
            return false
        }
        let end = interruption == nil ? "" : "; it was interrupted then"
        Console.print("\(stored.name) replayed: \(counted(comparison.compared, "event")), the same\(end)")
        return true
    }
}

extension StoredCase {
    /// Where a log that a person cut short can be compared to: nobody presses Ctrl-C again in the same nanosecond.
    fileprivate var lastEventBeforeInterruption: Int? {
        guard events.last(where: { $0.name == LabEvents.runEnded })?.fields["reason"]?.text == "interrupted" else { return nil }
        let interrupted = events.firstIndex {
            $0.name == LabEvents.stepEnded && $0.fields["outcome"]?.text == StepOutcome.interrupted.rawValue
        }
        return interrupted ?? events.firstIndex { $0.name == LabEvents.phaseStarted && $0.fields["phase"]?.text == "teardown" }
    }
}

/// Compares events with a stored log as they come.
final class ReplayComparison {
    private let stored: [[UInt8]]
    private let until: Int
    private let prints: Bool
    private let pauses: Bool
    private(set) var compared = 0
    private var parting: String?

    init(stored: [RunEvent], until: Int, prints: Bool, pauses: Bool) {
        self.stored = stored.map(Self.line)
        self.until = until
        self.prints = prints
        self.pauses = pauses
    }

    /// Nothing more is wanted.
    var isOver: Bool { parting != nil || compared >= until }

    func observe(_ event: RunEvent) {
        guard !isOver else { return }
        let line = Self.line(event)
        if prints { Console.print(String(decoding: line, as: UTF8.self)) }
        if pauses { _ = readLine() }
        guard compared < stored.count else {
            parting = "parts at event \(event.sequence): the log has ended\n  replay  \(String(decoding: line, as: UTF8.self))"
            return
        }
        guard line == stored[compared] else {
            parting = """
                parts at event \(event.sequence)
                  log     \(String(decoding: stored[compared], as: UTF8.self))
                  replay  \(String(decoding: line, as: UTF8.self))
                """
            return
        }
        compared += 1
    }

    /// Where the two part; `nil` if they do not.
    func result() -> String? {
        if let parting { return parting }
        guard compared < min(stored.count, until) else { return nil }
        return "parts at event \(compared + 1): the replay has ended\n  log     \(String(decoding: stored[compared], as: UTF8.self))"
    }

    private static func line(_ event: RunEvent) -> [UInt8] {
        var bytes: [UInt8] = []
        event.appendJSON(to: &bytes)
        return bytes
    }
}
