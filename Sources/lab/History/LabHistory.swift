import Archive
import LabCore
import ScenarioLanguage
import Verdicts

/// The index of runs that belongs to a folder of runs, brought up to date.
struct LabHistory {
    let index: RunIndex
    let archive: RunArchive

    /// `history` of lab.yaml is the index of the usual folder; runs that are put elsewhere have theirs with them.
    static func path(out: String, lab: LabFile?) -> String {
        guard out == "runs", let history = lab?.history else { return "\(out)/history.db" }
        return history
    }

    /// For commands that read no scenarios.
    ///
    /// - Throws: where lab.yaml is wrong, or the index is none that this lab can use.
    static func open(out: String) throws -> LabHistory {
        var lab: LabFile?
        if Descriptor.kind(of: Workplace.labFile) != nil {
            let result = LabFile.load(Workplace.labFile, catalogue: Workplace.schemaCatalogue, files: DiskFiles())
            lab = result.lab
            if let wrong = result.diagnostics.first(where: { $0.severity == .error }) { throw Stop(.wrongInput, wrong.description) }
        }
        return try open(path: path(out: out, lab: lab), out: out)
    }

    static func open(path: String, out: String) throws -> LabHistory {
        let archive = RunArchive(root: out)
        do throws(IndexFailure) {
            // Who only looks leaves no file behind where nothing ever ran.
            let isNeeded = Descriptor.kind(of: path) != nil || !archive.runs().isEmpty
            return try LabHistory(index: RunIndex(path: isNeeded ? path : nil), archive: archive).upToDate()
        } catch {
            switch error {
            case .newer, .foreign, .damaged: throw Stop(.wrongInput, error.description)
            case .full, .busy, .failed:
                Console.error("\(error.description) What is shown comes from the run folders alone.")
                return try inMemory(archive)
            }
        }
    }

    /// For commands to which the index is only a help.
    static func openOrRead(path: String, out: String) throws -> LabHistory {
        do { return try open(path: path, out: out) } catch let stop as Stop {
            Console.error(stop.message)
            return try inMemory(RunArchive(root: out))
        }
    }

    private static func inMemory(_ archive: RunArchive) throws -> LabHistory {
        try orStop { () throws(IndexFailure) in try LabHistory(index: RunIndex(path: nil), archive: archive).upToDate() }
    }

    private func upToDate() throws(IndexFailure) -> LabHistory {
        for complaint in try index.catchUp(with: archive).complaints { Console.error(complaint) }
        return self
    }

    /// The run with this name, `last`, with what to do where it is not there.
    func run(_ name: String) throws -> RunRow {
        let found = try Self.orStop { () throws(IndexFailure) in try index.run(named: name) }
        if let found { return found }
        let known = try Self.orStop { () throws(IndexFailure) in try index.runs(last: 5) }.map(\.name)
        throw Stop(.wrongInput, RunArchive.Failure.unknownRun(name, known: known).description)
    }

    static func orStop<Value>(_ body: () throws(IndexFailure) -> Value) throws -> Value {
        do { return try body() } catch { throw Stop(.wrongInput, error.description) }
    }
}
