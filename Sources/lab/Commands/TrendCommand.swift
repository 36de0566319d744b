import Archive
import ArgumentParser
import Foundation
import LabCore
import Reports
import ScenarioLanguage
import Verdicts

/// `lab trend`: figures over the runs of the archive, with the places where their level changed.
struct TrendCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "trend", abstract: "Shows the history of cases: figures over runs, flake rate, change points.",
        discussion: "Without SELECT everything that ever ran here. Change points are found by E-divisive and confirmed by two runs after them.")

    @Argument(help: "Paths, globs or a SELECT expression.")
    var select: [String] = []

    @Option(help: "Only figures whose name contains this, with a row for each run.")
    var metric: String?

    @Option(help: "The latest so many runs of each case.")
    var last = RunIndex.historyLength

    @Flag(help: "As CSV: a row for each figure and run.")
    var csv = false

    @Flag(help: "As JSON.")
    var json = false

    @Flag(help: "Makes the index again from the run folders first; a damaged one is kept beside it.")
    var rebuild = false

    @Option(help: "The folder for run folders.")
    var out = "runs"

    func run() throws {
        guard (1...10_000).contains(last) else { throw Stop(.wrongInput, "--last '\(last)' must be 1 to 10000") }
        if csv, json { throw Stop(.wrongInput, "--csv and --json exclude one another") }
        if rebuild { try makeAgain() }
        let history = try LabHistory.open(out: out)
        var cells: [(key: CaseKey, past: [PastCase])] = []
        try LabHistory.orStop { () throws(IndexFailure) in
            for key in try history.index.keys() { cells.append((key, try history.index.past(of: key, last: last))) }
        }
        let files = try selectedFiles()
        let trends = cells.filter { files?.contains($0.key.file) ?? true }.map { CaseTrend($0.past, metric: metric) }
        guard !trends.isEmpty else { throw Stop(.nothingSelected, "Nothing of that has run yet; `lab run` fills the history.") }
        if let metric, trends.allSatisfy(\.series.isEmpty) { throw unknownMetric(metric, cells.map { $0.past }) }
        if csv {
            for line in TrendTable.csv(trends) { Console.print(line) }
        } else if json {
            Console.print(JSONWriter.text(["schema": 1, "cases": .list(trends.map(TrendTable.value))]))
        } else {
            let style: Style = Console.hasColour ? .coloured : .plain
            for line in trends.flatMap({ TrendTable.text($0, rows: metric != nil, style: style) }) { Console.print(line) }
        }
    }

    private func makeAgain() throws {
        let lab = Descriptor.kind(of: Workplace.labFile) == nil
            ? nil : LabFile.load(Workplace.labFile, catalogue: Workplace.schemaCatalogue, files: DiskFiles()).lab
        let made = try LabHistory.orStop { () throws(IndexFailure) in
            try RunIndex.rebuild(path: LabHistory.path(out: out, lab: lab), from: RunArchive(root: out))
        }
        made.index.close()
        for complaint in made.intake.complaints { Console.error(complaint) }
        let kept = made.kept.map { "; the damaged one is \($0)" } ?? ""
        Console.error("The index is made again from \(counted(made.intake.added, "run"))\(kept).")
    }

    /// - Returns: `nil` for everything, also what is no longer there.
    private func selectedFiles() throws -> Set<String>? {
        guard !select.isEmpty else { return nil }
        let selection = try Selection(select)
        guard !selection.scenarios.isEmpty else { throw selection.nothing }
        return Set(selection.scenarios.map(\.file))
    }

    private func unknownMetric(_ metric: String, _ cells: [[PastCase]]) -> Stop {
        var known: [String] = []
        for name in cells.compactMap(\.last).flatMap(\.figures).map(\.name) where !known.contains(name) { known.append(name) }
        let hint = DidYouMean.suggestion(for: metric, among: known).map { " — did you mean '\($0)'?" } ?? ""
        let list = known.isEmpty ? "" : " (there is \(known.prefix(12).joined(separator: ", "))\(known.count > 12 ? ", …" : ""))"
        return Stop(.nothingSelected, "No figure has '\(metric)' in its name\(hint)\(list)")
    }
}

/// A case with the series of its figures.
struct CaseTrend {
    var past: [PastCase]
    var series: [HistorySeries]
    var flakes: FlakeRate

    init(_ past: [PastCase], metric: String?) {
        self.past = past
        flakes = FlakeRate(past)
        series = HistorySeries.all(of: past).filter { series in metric.map { series.name.localizedStandardContains($0) } ?? true }
    }
}
