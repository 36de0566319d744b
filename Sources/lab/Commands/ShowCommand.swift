import Archive
import ArgumentParser
import LabCore
import Reports
import Verdicts

/// `lab show`: a run again, as summary, timeline or page.
struct ShowCommand: ParsableCommand {
    static let configuration = CommandConfiguration(commandName: "show", abstract: "Shows a run: its summary, its events, its report.")

    @Argument(help: ArgumentHelp("A run such as 1121-1, a case of it such as 1121-1/badge-register.loss-20, or last.", valueName: "run"))
    var run_ = "last"

    @Flag(help: "One line for each event.")
    var timeline = false

    @Option(help: "Only events whose line contains this text; means --timeline.")
    var grep: String?

    @Flag(help: "Every event at which a module or a board of a pile did not do what its emulator would have done; without it the first is shown, of runs in emu and hw.")
    var drift = false

    @Flag(help: "Only the path of report.html.")
    var html = false

    @Option(help: "The folder for run folders.")
    var out = "runs"

    func run() throws {
        if html { return try printReport() }
        let stored = try StoredRun.load(run_, root: out)
        if drift {
            let lines = DriftText.lines(of: stored.cases, all: true)
            for line in lines { Console.print(line) }
            if lines.isEmpty { Console.print("There is no module and no board of a pile in run \(stored.folder.name) whose port could be compared.") }
        } else if timeline || grep != nil {
            for entry in stored.cases { printTimeline(entry) }
        } else {
            for line in DriftText.lines(of: stored.cases.filter { $0.plan.world != .sim }, all: false) { Console.print(line) }
            stored.print(stored.summary(), report: "\(stored.folder.path)/report.html")
        }
    }

    private func printReport() throws {
        let name = String(run_.split(separator: "/").first ?? "last")
        let folder = try RunCommand.orStop { () throws(RunArchive.Failure) in try RunArchive(root: out).open(name) }
        let path = "\(folder.path)/report.html"
        guard Descriptor.kind(of: path) == .file else { throw Stop(.wrongInput, "There is no report: \(path) is missing.") }
        Console.print(path)
    }

    private func printTimeline(_ stored: StoredCase) {
        Console.print("\(stored.name)")
        for event in stored.events {
            let name = VisibleText.clean("\(event.node).\(event.name)").padded(to: 34)
            let cause = event.cause.map { " ←\($0)" } ?? ""
            let fields = EventText.fields(event.fields, valueLimit: 1_000)
            let line = "\("\(event.sequence)".padded(to: 7))\("\(event.at)".padded(to: 16))\(name)\(fields)\(cause)"
            if grep.map({ line.contains($0) }) ?? true { Console.print(line) }
        }
    }
}
