import ArgumentParser
import LabCore
import Reports
import Runner
import Verdicts

/// `lab replay`: runs a case again from its seed and compares the logs event by event.
struct ReplayCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "replay", abstract: "Runs a case again and says where it parts from its log, if it does.")

    @Argument(help: "A case: 1121-1/badge-register.loss-20, 1121-1 where that has one case, or last.")
    var run_ = "last"

    @Option(help: "Print the events up to this number, and compare no further.")
    var until: Int?

    @Flag(help: "Print every event and wait for Enter after each.")
    var step = false

    @Option(help: "The folder for run folders.")
    var out = "runs"

    func run() throws {
        let stored = try StoredCase.load(run_, root: out)
        guard stored.kernel == RunRecord.kernelVersion else {
            throw Stop(.wrongInput, "\(stored.name) was made by version \(stored.kernel) of the kernel, this is \(RunRecord.kernelVersion): it cannot be repeated exactly.")
        }
        let comparison = ReplayComparison(stored: stored.events, until: until ?? .max, prints: until != nil || step, pauses: step)
        let runner = CaseRunner(plan: stored.plan, nodes: stored.nodes, onEvent: comparison.observe) { _ in
            Interrupts.signalNumber != nil || comparison.isOver
        }
        Interrupts.watch()
        do { _ = try runner.run() } catch { throw Stop(.labBug, "\(error)") }
        if let number = Interrupts.signalNumber { throw Stop(number == 2 ? .interrupted : .terminated) }
        guard let parting = comparison.result() else {
            return Console.print("\(stored.name) replayed: \(comparison.compared) events, the same")
        }
        Console.print(parting)
        throw Stop(.labBug, "\(stored.name) did not replay.")
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
