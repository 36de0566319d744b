import Archive
import ArgumentParser
import Foundation
import LabCore
import Reports
import Runner
import ScenarioLanguage
import Verdicts

/// `lab run`: runs the selected scenarios, cell by cell, and judges them.
struct RunCommand: ParsableCommand {
    static let configuration = CommandConfiguration(commandName: "run", abstract: "Runs scenarios.")

    @Argument(help: "Paths, globs or a SELECT expression; everything in scenarios/ where it is left out.")
    var select: [String] = []

    @Option(name: .customLong("on"), help: "sim, emu or hw; the default is lab.yaml's.")
    var world: String?

    @Option(help: "The run's seed, decimal or 0x…; `random` draws one.")
    var seed: String = "1"

    @Option(help: "Cells at the same time; as many as processors where it is 0.")
    var jobs = 0

    @Option(help: "Every N-th cell from the K-th: K/N.")
    var shard: String?

    @Option(help: "How often a failed cell is tried again, with other seeds.")
    var retries = 0

    @Flag(help: "Only what did not pass in the last run.")
    var failed = false

    @Flag(help: "Stop at the first failure.")
    var failFast = false

    @Flag(help: "A flaky scenario fails the run.")
    var strictFlaky = false

    @Option(help: "A copy of a report: KIND=PATH with junit, json, html or markdown.")
    var report: [String] = []

    @Option(help: "The folder for run folders.")
    var out = "runs"

    @Flag(help: "No colour and no moving lines.")
    var plain = false

    func run() throws {
        let reports = try ReportCopies(report)
        let seed = try Seed.parse(seed)
        let (workplace, selected) = try Workplace.select(select)
        try workplace.refuseErrors()
        let world = try worldKind(workplace)
        var plans: [Plan] = []
        var skipped: [CaseSummary] = []
        for scenario in selected {
            plans += scenario.plans(world: world, seed: seed)
            guard let other = scenario.fidelity.first, !scenario.fidelity.contains(world) else { continue }
            let worlds = scenario.fidelity.map(\.rawValue).joined(separator: ", ")
            skipped += scenario.plans(world: other, seed: seed).map {
                CaseSummary(plan: $0, run: "", verdict: .skipped, reason: "runs only on \(worlds)")
            }
        }
        plans = try narrowed(plans)
        guard !plans.isEmpty || !skipped.isEmpty else { throw Stop(.nothingSelected, "Nothing is selected. `lab list` shows what there is.") }

        let archive = RunArchive(root: out)
        let folder = try Self.orStop { () throws(RunArchive.Failure) in
            let folder = try archive.create(day: Today.monthAndDay)
            try StoredSources.write(workplace.sources, to: folder)
            return folder
        }
        let session = RunSession(
            workplace: workplace, plans: plans, folder: folder, world: world, seed: seed, retries: retries, failFast: failFast,
            jobs: jobs > 0 ? jobs : ProcessInfo.processInfo.activeProcessorCount,
            style: plain || !Console.hasColour ? .plain : .coloured, showsProgress: !plain && Console.isInteractive)
        let (summary, events) = session.run(skipped: skipped)
        try Self.orStop { () throws(RunArchive.Failure) in
            try RunReports(summary: summary, events: events).write(to: folder)
            try reports.write(summary, events: events)
        }
        for line in session.closing(summary, report: "\(folder.path)/report.html", events: events) { Console.print(line) }
        throw Stop(exitCode(for: summary))
    }

    private func exitCode(for summary: Summary) -> Verdicts.ExitCode {
        var circumstances = Verdicts.ExitCode.Circumstances()
        circumstances.flakyFails = strictFlaky
        switch Interrupts.signalNumber {
        case SIGINT?: circumstances.interruption = .interrupt
        case SIGTERM?: circumstances.interruption = .terminate
        default: break
        }
        return Verdicts.ExitCode(summary, circumstances)
    }

    private func worldKind(_ workplace: Workplace) throws -> WorldKind {
        let name = world ?? workplace.lab?.defaults.fidelity.rawValue ?? "sim"
        guard let kind = WorldKind(rawValue: name) else {
            throw Stop(.wrongInput, "unknown world '\(name)' for --on (allowed: \(WorldKind.allCases.map(\.rawValue).joined(separator: ", ")))")
        }
        guard kind == .sim else { throw Stop(.wrongInput, "The world '\(name)' is not available yet; use --on sim.") }
        return kind
    }

    private func narrowed(_ plans: [Plan]) throws -> [Plan] {
        var plans = plans
        if failed {
            let names = try LastVerdicts(root: out).notPassed()
            plans = plans.filter { names.contains(RunFolder.caseName(scenario: $0.scenario, cell: $0.cell)) }
        }
        guard let shard else { return plans }
        let parts = shard.split(separator: "/").compactMap { Int($0) }
        guard parts.count == 2, parts[1] >= 1, (1...parts[1]).contains(parts[0]) else {
            throw Stop(.wrongInput, "--shard '\(shard)' must be K/N with K from 1 to N, such as 2/5")
        }
        return plans.enumerated().filter { $0.offset % parts[1] == parts[0] - 1 }.map(\.element)
    }

    /// Archive failures are the user's to mend: a full disk, a folder without rights.
    static func orStop<Value>(_ body: () throws(RunArchive.Failure) -> Value) throws -> Value {
        do { return try body() } catch { throw Stop(.wrongInput, error.description) }
    }
}

enum Seed {
    static func parse(_ text: String) throws -> UInt64 {
        if text == "random" { return UInt64.random(in: 1...UInt64(UInt32.max)) }
        let seed = text.hasPrefix("0x") ? UInt64(text.dropFirst(2), radix: 16) : UInt64(text)
        guard let seed else { throw Stop(.wrongInput, "--seed '\(text)' must be a whole number such as 42 or 0x5eed1a7e, or random") }
        return seed
    }
}

/// The day for the names of run folders; the only use of the calendar.
enum Today {
    static var monthAndDay: String {
        let parts = Calendar(identifier: .gregorian).dateComponents([.month, .day], from: Date())
        func two(_ number: Int) -> String { number < 10 ? "0\(number)" : "\(number)" }
        return two(parts.month ?? 1) + two(parts.day ?? 1)
    }
}

/// What `--report KIND=PATH` asks for.
struct ReportCopies {
    private var copies: [(kind: String, path: String)] = []
    private static let kinds = ["junit", "json", "html", "markdown"]

    init(_ words: [String]) throws {
        for word in words {
            let parts = word.split(separator: "=", maxSplits: 1).map(String.init)
            guard parts.count == 2, Self.kinds.contains(parts[0]) else {
                throw Stop(.wrongInput, "--report '\(word)' must be KIND=PATH with one of \(Self.kinds.joined(separator: ", "))")
            }
            copies.append((parts[0], parts[1]))
        }
    }

    func write(_ summary: Summary, events: @escaping (CaseSummary) -> [RunEvent]) throws(RunArchive.Failure) {
        let reports = RunReports(summary: summary, events: events)
        for (kind, path) in copies {
            let bytes = switch kind {
            case "junit": reports.junit
            case "json": reports.json
            case "html": reports.html
            default: reports.markdown(report: "report.html")
            }
            do { try Data(bytes).write(to: URL(fileURLWithPath: path), options: .atomic) } catch {
                throw .cannotWrite(path, reason: error.localizedDescription)
            }
        }
    }
}

/// The reports of one run.
struct RunReports {
    var summary: Summary
    var events: (CaseSummary) -> [RunEvent]

    var junit: [UInt8] { JUnitReport.render(summary, events: events) }
    var json: [UInt8] { JSONReport.render(summary) }
    var html: [UInt8] { HTMLReport.render(summary, events: events) }
    func markdown(report: String) -> [UInt8] { Array(MarkdownReport.render(summary, report: report, events: events).utf8) }

    func write(to folder: RunFolder) throws(RunArchive.Failure) {
        try folder.write(junit, to: "junit.xml")
        try folder.write(html, to: "report.html")
        try folder.write(markdown(report: "report.html"), to: "summary.md")
        // Last, because a run without it does not exist for the archive.
        try folder.write(json, to: "result.json")
    }
}
