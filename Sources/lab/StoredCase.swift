import Archive
import LabCore
import Runner
import ScenarioLanguage
import Verdicts

/// A case of an earlier run with its plan, made again from the files that the run kept.
struct StoredCase {
    /// `1121-1/badge-register.loss-20`
    var name: String
    var plan: Plan
    var nodes: [NamedNode]
    var events: [RunEvent]
    var kernel: Int64
    var attempt: Int
    var halt: Halt?
    /// What `lab run` was told beside the world.
    var options = ""

    /// - Parameter usesToday: takes the scenario as it is in the working folder now, not as it was.
    static func load(_ folder: CaseFolder, of run: RunFolder, usesToday: Bool = false) throws -> StoredCase {
        let name = "\(run.name)/\(folder.name)"
        let (record, events) = try RunCommand.orStop { () throws(RunArchive.Failure) in
            (try RunRecord.read(from: folder), try Self.events(of: folder))
        }
        let files: any FileProvider = usesToday ? DiskFiles() : StoredFiles(run: run)
        return StoredCase(
            name: name, plan: try plan(record, of: name, files: files), nodes: Self.withScripts(record.nodes, files), events: events, kernel: record.kernel,
            attempt: record.attempt, halt: record.halt, options: record.options)
    }

    /// Recordings that answered in place of emulators are files of the run.
    private static func withScripts(_ nodes: [NamedNode], _ files: any FileProvider) -> [NamedNode] {
        let lab = LabFile.load(Workplace.labFile, catalogue: Workplace.schemaCatalogue, files: files).lab
        return nodes.map { node in
            var node = node
            node.emulated = lab?.nodes.first { $0.name == node.name }?.emulated
            return node
        }
    }

    func judged(comparesWithRunner: Bool) -> CaseSummary {
        var summary =
            halt.map { $0.summary(of: plan, run: name) }
            ?? judge(plan: plan, events: events, run: name, comparesWithRunner: comparesWithRunner, oracles: Oracles.all)
        if plan.world != .sim { summary.options = options }
        return summary
    }

    /// A pipe or a device in the log's place would be waited for without end.
    private static func events(of folder: CaseFolder) throws(RunArchive.Failure) -> [RunEvent] {
        let path = "\(folder.path)/events.jsonl"
        guard Descriptor.kind(of: path) == .file else { throw .damaged(path, reason: "not a regular file") }
        return try folder.events()
    }

    private static func plan(_ record: RunRecord.Stored, of name: String, files: any FileProvider) throws -> Plan {
        let catalogue = Workplace.schemaCatalogue
        // A run without a lab.yaml has none to keep; reading it gives no lab then.
        let lab = LabFile.load(Workplace.labFile, catalogue: catalogue, files: files).lab
        let loaded = ScenarioLoader(catalogue: catalogue, lab: lab, files: files).load([record.file])
        let plans = loaded.scenarios.flatMap { $0.plans(world: record.world, seed: record.seed) }
        // Cells are compared as text: durations come back from JSON as text.
        if let plan = plans.first(where: { CaseNames.key(of: $0) == CaseNames.key(file: record.file, cell: record.cell) }) { return plan }
        let reason = loaded.diagnostics.first.map(\.description) ?? "\(record.file) has no cell \(JSONWriter.text(.record(record.cell)))"
        throw Stop(.wrongInput, "The scenario of \(name) cannot be read any more. \(reason)")
    }
}

/// One run from its folder: the tries of each cell together.
struct StoredRun {
    var folder: RunFolder
    /// For each cell its tries, the last one last.
    var cells: [[StoredCase]]

    /// - Parameters:
    ///   - name: `1121-1`, `last`, or one case: `1121-1/badge-register.loss-20`, `last/badge-register.loss-20`.
    ///   - root: the folder of the runs.
    static func load(_ name: String, root: String, usesToday: Bool = false) throws -> StoredRun {
        let parts = name.split(separator: "/", maxSplits: 1).map(String.init)
        let folder = try open(parts.first ?? "last", root: root)
        let known = folder.cases()
        if parts.count == 2, !known.contains(parts[1]) {
            throw Stop(.wrongInput, RunArchive.Failure.unknownCase(run: folder.name, name: parts[1], known: known).description)
        }
        let cases = (parts.count == 2 ? [parts[1]] : known).map { folder.caseFolder($0) }
        guard !cases.isEmpty else { throw Stop(.wrongInput, "Run \(folder.name) has no case with a log.") }
        var cells: [[StoredCase]] = []
        for stored in try cases.map({ try StoredCase.load($0, of: folder, usesToday: usesToday) }) {
            let key = CaseNames.key(of: stored.plan)
            if let index = cells.firstIndex(where: { $0.first.map { CaseNames.key(of: $0.plan) } == key }) {
                cells[index].append(stored)
            } else {
                cells.append([stored])
            }
        }
        return StoredRun(folder: folder, cells: cells.map { $0.sorted { $0.attempt < $1.attempt } })
    }

    /// Also a run that was killed before its reports were written, if it is named.
    static func open(_ name: String, root: String) throws -> RunFolder {
        let archive = RunArchive(root: root)
        // Whoever asks for the last run after it was killed would take the one before it for it.
        let newer = name == "last" ? archive.unfinished.map { "Run \($0) is newer and has no result: it is under way, or was killed. `lab judge \($0)` reads its log." } : nil
        do throws(RunArchive.Failure) {
            let folder = try archive.open(name)
            if let newer { Console.error(newer) }
            return folder
        } catch {
            let path = "\(root)/\(name)"
            guard !name.hasPrefix("."), Descriptor.kind(of: path) == .folder,
                Descriptor.kind(of: "\(path)/\(StoredSources.folder)") == .folder
            else {
                throw Stop(.wrongInput, newer ?? error.description)
            }
            return RunFolder(path: path)
        }
    }

    var cases: [StoredCase] { cells.flatMap(\.self) }

    /// The verdicts again, from the logs alone.
    func summary(comparesWithRunner: Bool = true) -> Summary {
        let results = cells.compactMap { tries in
            Rollup.combining(tries: tries.map { $0.judged(comparesWithRunner: comparesWithRunner) })
        }
        let first = results.first?.plan
        return Summary(
            run: folder.name, labVersion: Lab.version, world: first?.world ?? .sim, seed: cells.first?.first?.plan.seed ?? 0, cases: results
        )
    }

    func events(of result: CaseSummary) -> [RunEvent] { cases.first { $0.name == result.run }?.events ?? [] }
}
