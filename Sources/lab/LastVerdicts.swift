import Archive
import LabCore
import Verdicts

/// What became of cells in earlier runs.
struct LastVerdicts {
    private var verdicts: [String: Verdict] = [:]

    /// Of each cell the verdict of the latest run that had it, from the index.
    ///
    /// - Parameters:
    ///   - path: of the index.
    ///   - out: the folder for run folders.
    init(path: String, out: String) throws {
        let history = try LabHistory.openOrRead(path: path, out: out)
        for last in try LabHistory.orStop({ () throws(IndexFailure) in try history.index.lastVerdicts() }) {
            verdicts["\(last.file) \(last.cell)"] = last.verdict
        }
    }

    /// The cells of the latest run that failed, were blocked, flaky or unproven, or did not get their turn; not those that could not run
    /// where it ran.
    static func notPassed(root: String) throws -> Set<String> {
        guard let latest = RunArchive(root: root).runs().last else {
            throw Stop(.wrongInput, "--failed needs an earlier run, and there is none in \(root).")
        }
        let verdicts = try RunCommand.orStop { () throws(RunArchive.Failure) in try read("\(root)/\(latest)") }
        return Set(verdicts.filter { $0.verdict > .quarantined || $0.hadNoTurn }.map(\.key))
    }

    func verdict(of plan: Plan) -> Verdict? { verdicts[CaseNames.key(of: plan)] }

    private static func read(_ run: String) throws(RunArchive.Failure) -> [(key: String, verdict: Verdict, hadNoTurn: Bool)] {
        let path = "\(run)/result.json"
        guard let cases = try StoredJSON.record(path)["cases"]?.list else { throw .damaged(path, reason: "'cases' must be a list") }
        return cases.compactMap(\.record).compactMap { entry in
            guard let file = entry["file"]?.text, let cell = entry["cell"]?.record,
                let verdict = entry["verdict"]?.text.flatMap(Verdict.init)
            else { return nil }
            let hadNoTurn = verdict == .skipped && entry["reason"]?.text?.hasPrefix(RunSession.noTurn) == true
            return (CaseNames.key(file: file, cell: cell), verdict, hadNoTurn)
        }
    }
}
