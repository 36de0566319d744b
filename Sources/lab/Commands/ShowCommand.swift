import Archive
import ArgumentParser
import LabCore
import Reports
import Verdicts

/// `lab show`: a run again, as summary, timeline or page.
struct ShowCommand: ParsableCommand {
    static let configuration = CommandConfiguration(commandName: "show", abstract: "Shows a run: its summary, its events, its report.")

    @Argument(help: "A run such as 1121-1, a case of it, or last.")
    var run_ = "last"

    @Flag(help: "One line for each event.")
    var timeline = false

    @Option(help: "Only events whose line contains this text; means --timeline.")
    var grep: String?

    @Flag(help: "Only the path of report.html.")
    var html = false

    @Option(help: "The folder for run folders.")
    var out = "runs"

    func run() throws {
        let archive = RunArchive(root: out)
        let name = String(run_.split(separator: "/").first ?? "last")
        let folder = try RunCommand.orStop { () throws(RunArchive.Failure) in try archive.open(name) }
        if html { return Console.print("\(folder.path)/report.html") }
        let names = run_.contains("/") ? [String(run_.split(separator: "/", maxSplits: 1)[1])] : folder.cases()
        var results: [CaseSummary] = []
        var events: [String: [RunEvent]] = [:]
        for name in names {
            let stored = try StoredCase.load("\(folder.name)/\(name)", root: out)
            if timeline || grep != nil { printTimeline(stored) }
            results.append(judge(plan: stored.plan, events: stored.events, run: stored.name))
            events[stored.name] = stored.events
        }
        guard !timeline, grep == nil, let first = results.first else { return }
        let summary = Summary(run: folder.name, labVersion: Lab.version, world: first.plan.world, seed: first.plan.seed, cases: results)
        let terminal = TerminalReport(style: Console.hasColour ? .coloured : .plain, plans: results.map(\.plan))
        Console.print(terminal.header(version: Lab.version, world: first.plan.world, seed: first.plan.seed))
        for result in results { Console.print(terminal.line(for: result)) }
        for line in terminal.closing(summary, report: "\(folder.path)/report.html", events: { events[$0.run] ?? [] }) { Console.print(line) }
    }

    private func printTimeline(_ stored: StoredCase) {
        Console.print("\(stored.name)")
        for event in stored.events {
            let fields = event.fields.map { "\($0.name)=\($0.value)" }.joined(separator: " ")
            let cause = event.cause.map { " ←\($0)" } ?? ""
            let line = "\("\(event.sequence)".padded(to: 7))\("\(event.at)".padded(to: 14))\("\(event.node).\(event.name)".padded(to: 34))\(fields)\(cause)"
            if grep.map({ line.contains($0) }) ?? true { Console.print(line) }
        }
    }
}
