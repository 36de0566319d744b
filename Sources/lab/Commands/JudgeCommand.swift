import ArgumentParser
import LabCore
import Reports
import Verdicts

/// `lab judge`: verdicts again from a stored log, with today's rules.
struct JudgeCommand: ParsableCommand {
    static let configuration = CommandConfiguration(commandName: "judge", abstract: "Judges a stored event log again.")

    @Argument(help: "A case: 1121-1/badge-register.loss-20, 1121-1 where that has one case, or last.")
    var run_ = "last"

    @Flag(help: "With the laws and limits of the scenario as it is now.")
    var today = false

    @Option(help: "The folder for run folders.")
    var out = "runs"

    func run() throws {
        let stored = try StoredCase.load(run_, root: out, usesToday: today)
        let result = judge(plan: stored.plan, events: stored.events, run: stored.name, comparesWithRunner: !today)
        let summary = Summary(run: stored.name, labVersion: Lab.version, world: stored.plan.world, seed: stored.plan.seed, cases: [result])
        let terminal = TerminalReport(style: Console.hasColour ? .coloured : .plain, plans: [stored.plan])
        Console.print(terminal.header(version: Lab.version, world: stored.plan.world, seed: stored.plan.seed))
        Console.print(terminal.line(for: result))
        for line in terminal.closing(summary, report: nil, events: { _ in stored.events }) { Console.print(line) }
        throw Stop(ExitCode(summary))
    }
}
