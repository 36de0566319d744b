import Archive
import ArgumentParser
import LabCore
import Reports
import Verdicts

/// `lab diff`: what is different between two runs.
struct DiffCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "diff", abstract: "Compares two runs: verdicts, limits with their intervals, measurements, the first event that differs.",
        discussion: "A and B are runs such as 1121-1, `last`, or `baseline`, which is the accepted run of each case.")

    @Argument(help: "The earlier run.")
    var a: String

    @Argument(help: "The later run.")
    var b: String = "last"

    @Option(help: "End with 1 where a figure of B is worse by more than this, +10%, or a verdict is.")
    var failOn: String?

    @Flag(help: "Also what is the same.")
    var all = false

    @Flag(help: "As JSON.")
    var json = false

    @Option(help: "The folder for run folders.")
    var out = "runs"

    func run() throws {
        let tolerance = try failOn.map { try Share.parse($0, option: "--fail-on") }
        let history = try LabHistory.open(out: out)
        let (before, after) = (try side(a, history), try side(b, history))
        let difference = RunDifference(before, after, tolerance: tolerance ?? BaselineGate.defaultEffect)
        let partings = difference.cells.map { EventParting($0, root: out) }
        if json {
            Console.print(JSONWriter.text(DifferenceRecord.value(difference, partings)))
        } else {
            for line in DifferenceText(difference, partings, all: all, style: Console.hasColour ? .coloured : .plain).lines { Console.print(line) }
        }
        if tolerance != nil, difference.isWorse { throw Stop(.failed) }
    }

    private func side(_ name: String, _ history: LabHistory) throws -> (run: RunRow, cases: [PastCase]) {
        guard name == "baseline" else {
            let run = try history.run(name)
            return (run, try LabHistory.orStop { () throws(IndexFailure) in try history.index.cases(of: run) })
        }
        let cases = try LabHistory.orStop { () throws(IndexFailure) in try history.index.baselines() }
        guard var run = cases.map(\.run).max(by: { $0.started < $1.started }) else { throw BaselineCommand.nothingAccepted }
        if Set(cases.map(\.run.id)).count > 1 { run.name = "baseline" }
        return (run, cases)
    }
}

/// `10%`, `+10 %`: how much worse something may be.
enum Share {
    static func parse(_ text: String, option: String) throws -> Double {
        let digits = text.filter { $0 != " " }
        guard digits.hasSuffix("%"), let number = Double(digits.dropLast().drop { $0 == "+" }), number.isFinite, (0...100_000).contains(number) else {
            throw Stop(.wrongInput, "\(option) '\(text)' must be a share such as +10%")
        }
        return number / 100
    }
}

/// Where the logs of the same cell part in two runs in sim, where the same seed must give the same events.
struct EventParting {
    var sequence: Int?
    var a: String?
    var b: String?
    /// Why nothing was compared.
    var remark: String?

    init(_ cell: RunDifference.Cell, root: String) {
        guard let a = cell.a, let b = cell.b, a.row.key.world == "sim", b.row.key.world == "sim", !a.row.place.isEmpty, !b.row.place.isEmpty else { return }
        guard a.row.seed == b.row.seed else {
            remark = "the seeds differ: \(a.row.seed) and \(b.row.seed)"
            return
        }
        guard let before = Self.log(a, root), let after = Self.log(b, root) else {
            remark = "a log is gone"
            return
        }
        for (index, pair) in zip(before, after).enumerated() where !pair.0.elementsEqual(pair.1) {
            (sequence, self.a, self.b) = (index + 1, Self.text(pair.0), Self.text(pair.1))
            return
        }
        guard before.count != after.count else { return }
        let shared = min(before.count, after.count)
        sequence = shared + 1
        self.a = before.count > shared ? Self.text(before[shared]) : "the log has ended"
        self.b = after.count > shared ? Self.text(after[shared]) : "the log has ended"
    }

    private static func log(_ item: PastCase, _ root: String) -> [ArraySlice<UInt8>]? {
        // The index remembers where the folder was; the runs may have been moved together since.
        for folder in [root, String(item.run.folder.dropLast(item.run.name.count + 1))] {
            let path = "\(folder)/\(item.row.place)/events.jsonl"
            guard Descriptor.kind(of: path) == .file, let bytes = try? Descriptor.read(path, atMost: 1 << 30) else { continue }
            return bytes.split(separator: 0x0a)
        }
        return nil
    }

    private static func text(_ line: ArraySlice<UInt8>) -> String { VisibleText.clean(String(decoding: line.prefix(300), as: UTF8.self)) }
}
