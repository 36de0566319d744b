import Archive
import LabCore
import Runner
import ScenarioLanguage
import Verdicts

/// A case of an earlier run with its plan, made again from the files that the run kept.
struct StoredCase {
    var name: String
    var plan: Plan
    var nodes: [NamedNode]
    var events: [RunEvent]
    var kernel: Int64

    /// - Parameter usesToday: takes the scenario as it is in the working folder now, not as it was.
    static func load(_ name: String, root: String, usesToday: Bool = false) throws -> StoredCase {
        let archive = RunArchive(root: root)
        return try RunCommand.orStop { () throws(RunArchive.Failure) -> Result<StoredCase, Stop> in
            let folder = try archive.openCase(name)
            let record = try RunRecord.read(from: folder)
            let events = try folder.events()
            let run = RunFolder(path: String(folder.path.dropLast(folder.name.count + 1)))
            let files: any FileProvider = usesToday ? DiskFiles() : StoredFiles(run: run)
            guard let plan = plan(record, files: files) else {
                return .failure(Stop(.wrongInput, "The scenario \(record.file) of \(name) cannot be read any more, or has no such cell."))
            }
            return .success(
                StoredCase(name: "\(run.name)/\(folder.name)", plan: plan, nodes: record.nodes, events: events, kernel: record.kernel))
        }.get()
    }

    private static func plan(_ record: RunRecord.Stored, files: any FileProvider) -> Plan? {
        let catalogue = Workplace.schemaCatalogue
        // A run without a lab.yaml has none to keep; reading it gives no lab then.
        let lab = LabFile.load(Workplace.labFile, catalogue: catalogue, files: files).lab
        let loaded = ScenarioLoader(catalogue: catalogue, lab: lab, files: files).load([record.file])
        let plans = loaded.scenarios.flatMap { $0.plans(world: record.world, seed: record.seed) }
        // Cells are compared as text: durations come back from JSON as text.
        return plans.first { JSONWriter.text(.record($0.cell)) == JSONWriter.text(.record(record.cell)) }
    }
}
