import Archive
import ArgumentParser
import Foundation
import LabCore
import LoadGenerator
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

    @Option(help: "How fast the clock of emu runs: 60x, up to 1000x.")
    var speed: String?

    @Option(help: "The broker of emu: embedded, mosquitto or mqtt://user:password@host:port; the default is lab.yaml's.")
    var broker: String?

    @Option(help: "Cells at the same time; in sim as many as processors, in emu twice as many, where it is 0.")
    var jobs = 0

    @Option(help: "Every N-th cell from the K-th: K/N.")
    var shard: String?

    @Option(help: "Only the cell of this name, or else those with this text in it, as results show them: loss=20%.")
    var cell: [String] = []

    @Option(help: "How often a failed cell is tried again, with other seeds.")
    var retries = 0

    @Flag(help: "Only what did not pass in the last run.")
    var failed = false

    @Flag(help: "Stop at the first failure.")
    var failFast = false

    @Flag(help: "A flaky scenario fails the run.")
    var strictFlaky = false

    @Option(help: "A copy of a report: KIND=PATH with junit, json, html, markdown, sarif, csv or percentiles.")
    var report: [String] = []

    @Option(help: "The folder for run folders.")
    var out = "runs"

    @Flag(help: "No colour and no moving lines.")
    var plain = false

    @Option(help: "Compare with a run, or with the accepted baseline for `last`; ends with 6 where something got worse.")
    var baseline: String?

    @Option(help: "Then compares this build with another one, in real time and in turns: a path or a command line; `self` for the gate's own false alarms.")
    var against: String?

    @Option(help: "Is compared in this build's place: a path or a command line.")
    var candidate: String?

    @Option(help: "Comparisons of `--against self`.")
    var comparisons = 200

    @Option(help: "Pairs of slices to begin with, in place of what the scenario says.")
    var pairs: Int?

    @Option(help: "Length of a slice, in place of what the scenario says: 500ms, 3s.")
    var slice: String?

    @Option(help: "Where a role or a kind of device is real or emulated in spite of --on: pile=hw, badge=emu.")
    var node: [String] = []

    @Option(help: "Goes on with a run that was cut off: keeps what it finished, runs the rest.")
    var resume: String?

    func run() throws {
        try refuseOptions()
        let slice = try self.slice.map(Self.duration)
        try against.map { try BuildComparison.refuseMissing($0, option: "--against") }
        try candidate.map { try BuildComparison.refuseMissing($0, option: "--candidate") }
        if candidate != nil, against == nil || against == "self" {
            throw Stop(.wrongInput, "--candidate is compared with another build: name that with --against")
        }
        let reports = try ReportCopies(report)
        let selection = try Selection(select)
        let workplace = selection.workplace
        try workplace.refuseErrors()
        let resumed = try resume.map { try ResumedRun($0, out: out, sources: workplace.sources) }
        let seed = try resumed?.cells.seed ?? Seed.parse(seed)
        let world = try resumed?.cells.world ?? worldKind(workplace)
        var options = try RealOptions(speed: speed, broker: broker, sides: node, world: world, lab: workplace.lab)
        let all = selection.scenarios.flatMap { $0.plans(world: world, seed: seed) }
        if all.contains(where: \.needsRealPayments) { try options.takePayments(of: workplace.lab) }
        let real = options.settings
        if world == .hw || real.bench.sides.contains(where: { $0.side == .hw }) { try workplace.refuseBenchProblems() }
        try resumed.map { try refuseOthers($0, world: self.world, real) }
        try refuseUnknownSides(real, all)
        let missing = { (plan: Plan) in WorldNeeds.missing(for: plan, nodes: workplace.nodes, real) }
        let chosen = try narrowed(Array(zip(all, CaseNames.unique(all))), resumed) { missing($0) == nil }
        let carried = chosen.compactMap { resumed?.result(of: $0.plan) }
        let cells = chosen.filter { missing($0.plan) == nil && resumed?.result(of: $0.plan) == nil }
        let lacking = chosen.filter { resumed?.result(of: $0.plan) == nil }.compactMap { cell in
            missing(cell.plan).map { CaseSummary(plan: cell.plan, run: "", verdict: .skipped, reason: $0) }
        }
        let skipped = lacking + (failed || shard != nil || resumed != nil || !cell.isEmpty ? [] : selection.scenarios.flatMap { Self.skipped($0, world, seed) })
        if let resumed, cells.isEmpty { throw Stop(.nothingSelected, "Nothing is left of run \(resumed.name): all of its cells have ended.") }
        guard !cells.isEmpty || !skipped.isEmpty else { throw selection.nothing }
        let earlier = try RunKeeper.baseline(baseline, out: out, lab: workplace.lab)

        let folder = try Self.orStop { () throws(RunArchive.Failure) in
            let folder = try RunArchive(root: out).create(day: Today.monthAndDay)
            try StoredSources.write(workplace.sources, to: folder)
            try RunCells(
                world: world, seed: seed, options: real.options, cells: chosen.map { ($0.plan.file, $0.plan.cell) },
                carried: resumed?.places(of: carried.map(\.plan)) ?? []
            ).write(to: folder)
            try folder.write(Array((PlanText.pages(cells.map(\.plan)).joined(separator: "\n") + "\n").utf8), to: "plan.txt")
            return folder
        }
        var settings = settings(world, seed, options, workplace.lab)
        settings.quarantine = QuarantineWatch(workplace.quarantine, today: Today.day)
        settings.resumed = resumed
        let session = RunSession(
            plans: cells.map(\.plan), names: cells.map(\.name), nodes: workplace.nodes, folder: folder, settings: settings)
        if let resumed { tell(resumed, carried: carried.count, cells: cells.count) }
        let keeper = RunKeeper(folder: folder, out: out, lab: workplace.lab, baseline: earlier)
        var summary = session.run(skipped: skipped)
        if let resumed {
            summary.resumed = resumed.name
            summary.cases = ordered(summary.cases + carried.map { settings.quarantine?.borne($0) ?? $0 }, chosen.map(\.plan))
        }
        summary.quarantine = settings.quarantine?.notes(summary.cases) ?? []
        if let against, Interrupts.signalNumber == nil {
            try compare(cells.map(\.plan), against, slice: slice, seed: seed, in: &summary)
        }
        // What the keeper adds it tells itself.
        let compared = summary.comparison?.lines ?? []
        summary.isPartial = Interrupts.signalNumber != nil || session.hasStopped
        keeper.review(&summary)
        keeper.end(exitCode(for: summary, isWritten: true, isRegressed: keeper.isRegressed))
        var failures = write(RunReports(summary: summary, events: { session.events(of: $0) }), reports, to: folder)
        if failures.isEmpty { keeper.keep() }
        var artifacts = RunArtifacts(summary, folder: folder, root: out)
        do throws(RunArchive.Failure) { _ = try artifacts.collect(workplace.sources) } catch { failures.append(error.description) }
        for line in compared + keeper.lines + session.closing(summary, report: "\(folder.path)/report.html") { Console.print(line) }
        for line in failures + keeper.warnings + StoredSources.changed(since: workplace.sources, keptIn: folder.path) { Console.error(line) }
        let code = exitCode(for: summary, isWritten: failures.isEmpty, isRegressed: keeper.isRegressed)
        // A bench from which everything was taken away must not look well.
        if code == .passed, cells.isEmpty, carried.isEmpty, world == .hw { throw Stop(.nothingSelected, "Nothing that is selected can run on this bench.") }
        throw Stop(code)
    }

    /// A role or kind that no selected scenario has would be a wish that nobody hears.
    private func refuseUnknownSides(_ real: RealSettings, _ plans: [Plan]) throws {
        let words = Set(plans.flatMap(\.roles).flatMap { [$0.name, $0.kind] }).subtracting(["cloud"]).sorted()
        for choice in real.bench.sides where !words.contains(choice.word) {
            let hint = DidYouMean.suggestion(for: choice.word, among: words).map { " — did you mean '\($0)'?" } ?? ""
            throw Stop(.wrongInput, "--node \(choice.word)=\(choice.side.rawValue): no selected scenario has a role or a kind '\(choice.word)'\(hint) (has: \(words.joined(separator: ", ")))")
        }
    }

    private func refuseOptions() throws {
        if resume != nil, !select.isEmpty || failed || shard != nil || !cell.isEmpty {
            throw Stop(.wrongInput, "--resume takes the cells of the run that it names; leave SELECT, --cell, --failed and --shard away.")
        }
        guard jobs >= 0 else { throw Stop(.wrongInput, "--jobs '\(jobs)' must be 0 or more") }
        guard (pairs ?? 1) >= 1 else { throw Stop(.wrongInput, "--pairs '\(pairs ?? 0)' must be 1 or more; an interval at 99 % needs 8") }
        guard comparisons >= 1 else { throw Stop(.wrongInput, "--comparisons '\(comparisons)' must be 1 or more") }
        guard (0...100).contains(retries) else { throw Stop(.wrongInput, "--retries '\(retries)' must be 0 to 100") }
    }

    /// Every scenario with loads, one cell of each.
    private func compare(_ plans: [Plan], _ against: String, slice: Duration?, seed: UInt64, in summary: inout Summary) throws {
        var rows: [ComparisonReport.Row] = []
        for (index, plan) in plans.enumerated() where !plans[..<index].contains(where: { $0.file == plan.file }) {
            let comparison = BuildComparison(
                against: against, candidate: candidate, seed: seed, pairs: pairs, slice: slice, comparisons: comparisons, tell: { Console.error($0) },
                isInterrupted: { Interrupts.signalNumber != nil })
            let report: ComparisonReport
            do { report = try comparison.run(plan) } catch {
                // What ran before is told all the same.
                Console.error("not compared: \(error)")
                continue
            }
            rows += report.rows
            summary.comparison = ComparisonReport(a: report.a, b: report.b, rows: rows, selfTest: report.selfTest)
        }
    }

    private static func duration(_ text: String) throws -> Duration {
        guard let nanoseconds = DurationText.parse(text), nanoseconds > 0 else {
            throw Stop(.wrongInput, "--slice '\(text)' must be a duration such as 500ms or 3s")
        }
        return .nanoseconds(nanoseconds)
    }

    private func settings(_ world: WorldKind, _ seed: UInt64, _ options: RealOptions, _ lab: LabFile?) -> RunSession.Settings {
        RunSession.Settings(
            world: world, seed: seed, real: options.settings, bench: BenchHandling(lab, out: out), retries: retries, failFast: failFast,
            // Cells in real time mostly wait; two clouds cannot listen at one port.
            jobs: options.hasFixedPorts ? 1 : jobs > 0 ? jobs : ProcessInfo.processInfo.activeProcessorCount * (world == .sim ? 1 : 2),
            style: plain || !Console.hasColour ? .plain : .coloured, showsProgress: !plain && Console.isInteractive)
    }

    private static func skipped(_ scenario: Scenario, _ world: WorldKind, _ seed: UInt64) -> [CaseSummary] {
        guard let other = scenario.fidelity.first, !scenario.fidelity.contains(world) else { return [] }
        let worlds = scenario.fidelity.map(\.rawValue).joined(separator: ", ")
        return scenario.plans(world: other, seed: seed).map {
            CaseSummary(plan: $0, run: "", verdict: .skipped, reason: "runs only on \(worlds)")
        }
    }

    /// - Returns: what could not be written. The summary is printed all the same.
    private func write(_ reports: RunReports, _ copies: ReportCopies, to folder: RunFolder) -> [String] {
        var failures: [String] = []
        do throws(RunArchive.Failure) { try reports.write(to: folder) } catch { failures.append(error.description) }
        return failures + copies.write(reports, report: "\(folder.path)/report.html")
    }

    private func exitCode(for summary: Summary, isWritten: Bool, isRegressed: Bool) -> Verdicts.ExitCode {
        var circumstances = Verdicts.ExitCode.Circumstances()
        circumstances.flakyFails = strictFlaky
        circumstances.inputIsWrong = !isWritten
        circumstances.quarantineExpired = summary.quarantine.contains(where: \.isOver)
        circumstances.baselineRegressed = isRegressed || (summary.comparison?.regressions ?? 0) > 0
        circumstances.comparisonIsVoid = against != nil && summary.comparison?.isVoid ?? false
        switch Interrupts.signalNumber {
        case SIGINT?: circumstances.interruption = .interrupt
        case SIGTERM?: circumstances.interruption = .terminate
        default: break
        }
        return Verdicts.ExitCode(summary, circumstances)
    }

    private func worldKind(_ workplace: Workplace) throws -> WorldKind {
        let kind = try world.map(WorldKind.parse) ?? workplace.lab?.defaults.fidelity ?? .sim
        // A real device has real time, and everything around it with it.
        return kind == .sim && node.contains { $0.hasSuffix("=hw") } ? .emu : kind
    }

    /// What was said of the first part holds for the second one, or they were not one run.
    private func refuseOthers(_ resumed: ResumedRun, world given: String?, _ real: RealSettings) throws {
        if let given, given != resumed.cells.world.rawValue {
            throw Stop(.wrongInput, "Run \(resumed.name) ran on \(resumed.cells.world.rawValue); --on \(given) would be another run.")
        }
        guard real.options == resumed.cells.options else {
            let before = resumed.cells.options.isEmpty ? "without --node, --speed and --broker" : "with \(resumed.cells.options)"
            throw Stop(.wrongInput, "Run \(resumed.name) was started \(before); say the same to go on with it.")
        }
    }

    private func tell(_ resumed: ResumedRun, carried: Int, cells: Int) {
        for remark in resumed.remarks { Console.error(remark) }
        Console.print("goes on with run \(resumed.name): \(counted(carried, "cell")) had ended there, \(counted(cells, "cell")) \(cells == 1 ? "runs" : "run") now")
    }

    /// In the order of the plans, whatever ran when.
    private func ordered(_ cases: [CaseSummary], _ plans: [Plan]) -> [CaseSummary] {
        let places = Dictionary(plans.enumerated().map { (CaseNames.key(of: $1), $0) }, uniquingKeysWith: { first, _ in first })
        func place(_ result: CaseSummary) -> Int { places[CaseNames.key(of: result.plan)] ?? plans.count }
        return cases.enumerated().sorted { (place($0.element), $0.offset) < (place($1.element), $1.offset) }.map(\.element)
    }

    /// - Parameter runs: whether a cell can run here; what cannot is spread over the shards after what can.
    private func narrowed(
        _ cells: [(plan: Plan, name: String)], _ resumed: ResumedRun?, runs: (Plan) -> Bool
    ) throws -> [(plan: Plan, name: String)] {
        var cells = cells
        if let resumed {
            let keys = resumed.cells.keys
            cells = cells.filter { keys.contains(CaseNames.key(of: $0.plan)) }
        }
        for text in cell where !cells.contains(where: { $0.plan.cellText.contains(text) }) {
            let names = Set(cells.map(\.plan.cellText)).sorted()
            let hint = DidYouMean.suggestion(for: text, among: names).map { " — did you mean '\($0)'?" } ?? ". `lab plan` shows the cells."
            throw Stop(.nothingSelected, "No selected cell has '\(text)'\(hint)")
        }
        if !cell.isEmpty {
            let names = Set(cells.map(\.plan.cellText))
            cells = cells.filter { chosen in cell.contains { names.contains($0) ? chosen.plan.cellText == $0 : chosen.plan.cellText.contains($0) } }
        }
        if failed {
            let keys = try LastVerdicts.notPassed(root: out)
            cells = cells.filter { keys.contains(CaseNames.key(of: $0.plan)) }
            if cells.isEmpty { throw Stop(.nothingSelected, "Nothing is selected: everything passed in the last run.") }
        }
        guard let shard else { return cells }
        let parts = shard.split(separator: "/", omittingEmptySubsequences: false).map { Int($0) }
        guard parts.count == 2, let part = parts[0], let count = parts[1], count >= 1, (1...count).contains(part) else {
            throw Stop(.wrongInput, "--shard '\(shard)' must be K/N with K from 1 to N, such as 2/5")
        }
        let share = (cells.filter { runs($0.plan) } + cells.filter { !runs($0.plan) }).enumerated().filter { $0.offset % count == part - 1 }.map(\.element)
        if share.isEmpty {
            throw Stop(.nothingSelected, "Nothing is selected: shard \(shard) of \(counted(cells.count, "cell")) is empty.")
        }
        return share
    }

    /// Archive failures are the user's to mend: a full disk, a folder without rights.
    static func orStop<Value>(_ body: () throws(RunArchive.Failure) -> Value) throws -> Value {
        do { return try body() } catch { throw Stop(.wrongInput, error.description) }
    }
}

enum Seed {
    static func parse(_ text: String) throws -> UInt64 {
        // Chance at the outermost edge: what it gives is printed, and repeats the run.
        if text == "random" { return UInt64.random(in: 1...UInt64(UInt32.max)) }
        let seed = text.hasPrefix("0x") ? UInt64(text.dropFirst(2), radix: 16) : UInt64(text)
        guard let seed, !text.hasPrefix("+"), !text.hasPrefix("0x+") else {
            throw Stop(.wrongInput, "--seed '\(text)' must be a whole number such as 42 or 0x5eed1a7e, or random")
        }
        return seed
    }
}

/// The machine's calendar, for names of folders, headers of recordings, and what is valid until a day; no run looks at it.
enum Today {
    static var now: Date { Date(timeIntervalSince1970: Double(MachineClock.wall) / 1e9) }

    /// For the names of run folders.
    static var monthAndDay: String {
        let parts = Calendar(identifier: .gregorian).dateComponents([.month, .day], from: now)
        func two(_ number: Int) -> String { number < 10 ? "0\(number)" : "\(number)" }
        return two(parts.month ?? 1) + two(parts.day ?? 1)
    }
}
