import Archive
import Crypto
import LabCore
import Verdicts

/// A run that was cut off, for `lab run --resume`: what it came to is kept, the rest runs.
struct ResumedRun {
    let name: String
    let cells: RunCells
    /// What came to a verdict, judged again from its log with today's rules, by the cell's key.
    private let finished: [String: (summary: CaseSummary, places: [String])]
    private let root: String
    /// Scenarios that have changed since run again: their results are those of another test.
    private(set) var changed: [String] = []
    /// Other files that have changed since.
    private(set) var changedOthers: [String] = []

    /// - Parameter sources: what is read today.
    /// - Throws: where there is no such run, or it is one of a lab that did not note its cells.
    init(_ name: String, out root: String, sources: [(path: String, bytes: [UInt8])]) throws {
        let folder = try StoredRun.open(name, root: root)
        self.name = folder.name
        self.root = root
        cells = try RunCommand.orStop { () throws(RunArchive.Failure) in try RunCells.read(from: folder) }
        var tries: [String: [(stored: StoredCase, place: String)]] = [:]
        for place in cells.carried + folder.cases().map({ "\(folder.name)/\($0)" }) {
            guard let stored = Self.load(place, root: root) else { continue }
            tries[CaseNames.key(of: stored.plan), default: []].append((stored, place))
        }
        finished = tries.compactMapValues { Self.finished($0.sorted { $0.stored.attempt < $1.stored.attempt }) }
        compare(with: sources, folder)
    }

    /// - Returns: `nil` for a case that was cut off before there was anything to judge.
    private static func load(_ place: String, root: String) -> StoredCase? {
        let parts = place.split(separator: "/", maxSplits: 1).map(String.init)
        guard parts.count == 2, !parts.contains(".."), let run = try? StoredRun.open(parts[0], root: root) else { return nil }
        return try? StoredCase.load(run.caseFolder(parts[1]), of: run)
    }

    /// - Returns: `nil` where the last try was cut off, interrupted or blocked: none of these says anything of the product.
    private static func finished(_ tries: [(stored: StoredCase, place: String)]) -> (summary: CaseSummary, places: [String])? {
        guard let last = tries.last?.stored, last.halt == nil, let end = last.events.last, end.node == LabEvents.node, end.name == LabEvents.runEnded,
            end.fields["reason"]?.text != "interrupted",
            let summary = Rollup.combining(tries: tries.map { $0.stored.judged(comparesWithRunner: true) }), summary.verdict != .blocked
        else { return nil }
        return (summary, tries.map(\.place))
    }

    private mutating func compare(with sources: [(path: String, bytes: [UInt8])], _ folder: RunFolder) {
        guard let hashes = try? StoredJSON.record("\(folder.path)/\(StoredSources.folder)/\(StoredSources.index)") else { return }
        let scenarios = Set(cells.cells.map(\.file))
        for source in sources {
            guard let before = hashes[source.path]?.text, before != Hexadecimal.text(SHA256.hash(data: source.bytes)) else { continue }
            if scenarios.contains(source.path) { changed.append(source.path) } else { changedOthers.append(source.path) }
        }
    }

    /// The result of a cell in the earlier run; `nil` where it is to run.
    func result(of plan: Plan) -> CaseSummary? {
        changed.contains(plan.file) ? nil : finished[CaseNames.key(of: plan)]?.summary
    }

    /// The case folders behind these results.
    func places(of plans: [Plan]) -> [String] { plans.flatMap { finished[CaseNames.key(of: $0)]?.places ?? [] } }

    /// The log of a case, read again.
    func events(of result: CaseSummary) -> [RunEvent] { Self.load(result.run, root: root)?.events ?? [] }

    /// What a person should know of the difference between then and now.
    var remarks: [String] {
        func listed(_ files: [String]) -> String { files.prefix(5).joined(separator: ", ") + (files.count > 5 ? " and \(files.count - 5) more" : "") }
        return (changed.isEmpty ? [] : ["changed since run \(name), so all of it runs again: \(listed(changed))"])
            + (changedOthers.isEmpty ? [] : ["changed since run \(name), whose results are kept all the same: \(listed(changedOthers))"])
    }
}
