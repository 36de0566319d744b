import ArgumentParser
import LabCore
import Reports
import Verdicts

/// `lab judge`: verdicts again from stored logs, with today's rules.
struct JudgeCommand: ParsableCommand {
    static let configuration = CommandConfiguration(commandName: "judge", abstract: "Judges the stored event logs of a run again.")

    @Argument(help: ArgumentHelp("A run such as 1121-1, a case of it such as 1121-1/badge-register.loss-20, or last.", valueName: "run"))
    var run_ = "last"

    @Flag(help: "With the laws and limits of the scenario as it is now.")
    var today = false

    @Option(help: "The folder for run folders.")
    var out = "runs"

    func run() throws {
        let stored = try StoredRun.load(run_, root: out, usesToday: today)
        let summary = stored.summary(comparesWithRunner: !today)
        stored.print(summary, report: nil)
        throw Stop(ExitCode(summary))
    }
}

extension StoredRun {
    func print(_ summary: Summary, report: String?) {
        let terminal = TerminalReport(style: Console.hasColour ? .coloured : .plain, plans: summary.cases.map(\.plan))
        Console.print(terminal.header(version: Lab.version, world: summary.world, seed: summary.seed))
        for result in summary.cases { Console.print(terminal.line(for: result)) }
        for line in terminal.closing(summary, report: report, events: events(of:)) { Console.print(line) }
    }
}
