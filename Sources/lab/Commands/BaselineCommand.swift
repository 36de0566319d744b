import Archive
import ArgumentParser
import LabCore
import LoadGenerator
import Verdicts

/// `lab baseline`: what runs are compared with. It moves only when a person says so.
struct BaselineCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "baseline", abstract: "Moves and shows the baseline that objectives compare with.", subcommands: [Accept.self, Show.self])

    static var nothingAccepted: Stop {
        Stop(.wrongInput, "There is no accepted baseline. `lab baseline accept RUN` takes a run's figures as one.")
    }

    struct Accept: ParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "accept", abstract: "Takes the figures of a run as the baseline, until the next acceptance.",
            discussion: "Only cases that passed are taken. --pin writes them to \(PinnedBaseline.fileName) for `baseline: {against: pinned}`.")

        @Argument(help: ArgumentHelp("A run such as 1121-1, or last.", valueName: "run"))
        var run_: String

        @Option(help: "Only cases of this scenario.")
        var only: String?

        @Flag(help: "Writes \(PinnedBaseline.fileName) beside lab.yaml instead.")
        var pin = false

        @Option(help: "The folder for run folders.")
        var out = "runs"

        func run() throws {
            let history = try LabHistory.open(out: out)
            let run = try history.run(run_)
            guard !run.isPartial else {
                throw Stop(.wrongInput, "Run \(run.name) was stopped before its end: it is no baseline.")
            }
            let cases = try chosen(LabHistory.orStop { () throws(IndexFailure) in try history.index.cases(of: run) }, of: run)
            let good = cases.filter { [.pass, .flaky, .quarantined].contains($0.row.verdict) }
            for item in cases where !good.contains(item) { Console.error("not accepted: \(item.row.title), \(item.row.verdict.rawValue)") }
            guard !good.isEmpty else { throw Stop(.wrongInput, "Nothing was accepted: no case of run \(run.name) passed.") }
            if pin { return try write(good, of: run) }
            try accept(good, of: run, history)
            Console.print("\(counted(good.count, "case")) of run \(run.name) \(good.count == 1 ? "is" : "are") the baseline now.")
        }

        private func chosen(_ cases: [PastCase], of run: RunRow) throws -> [PastCase] {
            guard let only else { return cases }
            let found = cases.filter { [$0.row.scenario, $0.row.key.file, $0.row.title].contains(only) }
            guard found.isEmpty else { return found }
            let hint = DidYouMean.suggestion(for: only, among: cases.map(\.row.scenario)).map { " — did you mean '\($0)'?" } ?? ""
            throw Stop(.nothingSelected, "Run \(run.name) has no scenario '\(only)'\(hint)")
        }

        private func accept(_ cases: [PastCase], of run: RunRow, _ history: LabHistory) throws {
            let acceptance = Acceptance(at: MachineClock.wall, cells: cases.map(\.row.key))
            // First into the run's folder, from which the index can be made again; a run whose folder is gone is in the index alone.
            if let folder = try? history.archive.open(run.name), (try? folder.entry())?.session.started == run.started {
                try RunCommand.orStop { () throws(RunArchive.Failure) in try folder.add(acceptance) }
            }
            try LabHistory.orStop { () throws(IndexFailure) in try history.index.accept(acceptance, of: run) }
        }

        private func write(_ cases: [PastCase], of run: RunRow) throws {
            let bytes = PinnedBaseline(cases: cases).bytes
            try RunCommand.orStop { () throws(RunArchive.Failure) in try RunFolder(path: ".").write(bytes, to: PinnedBaseline.fileName) }
            Console.print("\(counted(cases.count, "case")) of run \(run.name) pinned in \(PinnedBaseline.fileName).")
        }
    }

    struct Show: ParsableCommand {
        static let configuration = CommandConfiguration(commandName: "show", abstract: "Shows which run is the baseline of each case, with its figures.")

        @Flag(help: "As JSON.")
        var json = false

        @Option(help: "The folder for run folders.")
        var out = "runs"

        func run() throws {
            let history = try LabHistory.open(out: out)
            let cases = try LabHistory.orStop { () throws(IndexFailure) in try history.index.baselines() }
            if json { return Console.print(JSONWriter.text(["schema": 1, "cases": .list(cases.map { Self.value($0) })])) }
            guard !cases.isEmpty else { throw BaselineCommand.nothingAccepted }
            for item in cases {
                let accepted = item.run.accepted.map { CalendarText.timestamp(nanoseconds: $0) } ?? ""
                let label = item.run.label.isEmpty ? "" : " (\(item.run.label))"
                Console.print("\(item.row.title) · \(item.row.key.world) · run \(item.run.name)\(label), accepted \(accepted)")
                let width = (item.figures.map(\.name.count).max() ?? 0) + 2
                for figure in item.figures { Console.print("  \(figure.name.padded(to: width))\(figure.valueText)") }
            }
        }

        private static func value(_ item: PastCase) -> FieldValue {
            [
                "scenario": .text(item.row.scenario), "file": .text(item.row.key.file), "cell_text": .text(item.row.cellText),
                "world": .text(item.row.key.world), "run": DifferenceRecord.run(item.run),
                "accepted": DifferenceRecord.text(item.run.accepted.map { CalendarText.timestamp(nanoseconds: $0) }),
                "figures": .list(item.figures.map { value($0) }),
            ]
        }

        private static func value(_ figure: Figure) -> FieldValue {
            let name: Fields = ["name": .text(figure.name), "unit": .text(figure.unit)]
            return .record(name.merging(DifferenceRecord.figure(figure)))
        }
    }
}
