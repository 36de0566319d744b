import Archive
import Foundation
import LabCore
import LoadGenerator
import Reports
import Runner
import ScenarioLanguage
import Verdicts

/// What the archive does for one `lab run`: notes where it ran, compares it with earlier runs, puts it into the index.
///
/// Nothing here fails a run: what goes wrong is a line on standard error, and the next command takes in what is missing.
final class RunKeeper {
    private let folder: RunFolder
    private let out: String
    private let path: String
    private var session: SessionRecord
    private let baseline: [PastCase]?
    private let baselineName: String?

    /// Comparisons of this run that say that something got worse, or that could not be made where that fails the run.
    private(set) var isRegressed = false
    /// What to print of them.
    private(set) var lines: [String] = []
    /// What went wrong on the way.
    private(set) var warnings: [String] = []

    /// - Parameter baseline: of `Baselines.find`, with its name.
    init(folder: RunFolder, out: String, lab: LabFile?, baseline: (name: String, cases: [PastCase])?) {
        self.folder = folder
        self.out = out
        path = LabHistory.path(out: out, lab: lab)
        self.baseline = baseline?.cases
        baselineName = baseline?.name
        session = SessionRecord(started: MachineClock.wall, machine: Machine.current(), label: CommitLabel.current(), labVersion: Lab.version)
        noteSession()
    }

    /// The cases that `--baseline` names, before anything runs.
    ///
    /// - Throws: where there is no such run.
    static func baseline(_ name: String?, out: String, lab: LabFile?) throws -> (name: String, cases: [PastCase])? {
        guard let name else { return nil }
        let history = try LabHistory.open(path: LabHistory.path(out: out, lab: lab), out: out)
        if name == "last" {
            let cases = try LabHistory.orStop { () throws(IndexFailure) in try history.index.baselines() }
            guard !cases.isEmpty else { throw BaselineCommand.nothingAccepted }
            return ("the accepted baseline", cases)
        }
        let run = try history.run(name)
        return ("run \(run.name)", try LabHistory.orStop { () throws(IndexFailure) in try history.index.cases(of: run) })
    }

    /// Adds history and comparisons to a run's summary.
    func review(_ summary: inout Summary) {
        session.isPartial = summary.isPartial
        do {
            let bytes = JSONReport.render(summary)
            guard let result = try JSONReader.read(bytes).record, let entry = ResultReader.entry(result, session: session, folder: folder.path) else { return }
            let cases = try entry.pastCases()
            let index = try openIndex()
            summary.history = try index.history(for: cases)
            try compare(&summary, cases, index)
        } catch { warn(error) }
    }

    /// Notes how the run ended; before its result is written, because a folder with a result is complete.
    func end(_ code: Verdicts.ExitCode) {
        session.exitCode = Int(code.rawValue)
        noteSession()
    }

    /// Puts the run into the index, after its result is written.
    func keep() {
        do { try openIndex().insert(folder.entry(), modified: folder.resultModified) } catch { warn(error) }
    }

    private var opened: RunIndex?

    private func openIndex() throws -> RunIndex {
        if let opened { return opened }
        let index = try RunIndex(path: path)
        opened = index
        // Runs of labs that were killed belong into the history of this one.
        warnings += try index.catchUp(with: RunArchive(root: out)).complaints
        return index
    }

    private func noteSession() {
        do throws(RunArchive.Failure) { try folder.write(session.bytes, to: SessionRecord.fileName) } catch { warn(error) }
    }

    private func warn(_ error: any Error) {
        let text = "archive: \(error)"
        if !warnings.contains(text) { warnings.append(text) }
    }

    // MARK: Comparisons

    private func compare(_ summary: inout Summary, _ cases: [PastCase], _ index: RunIndex) throws {
        var (history, others): ([ComparisonReport.Row], [ComparisonReport.Row]) = ([], [])
        let limits = summary.cases.map { $0.limits.map(\.limit) }
        let pinned = try pinnedFile(limits.flatMap(\.self))
        for (current, limits) in zip(cases, limits) where current.row.hasFigures {
            if limits.contains(where: { $0.baseline?.against == .history }) {
                history += HistoryComparison.rows(limits, past: try index.past(before: current, last: 1_000), current: current)
            }
            let fixed = limits.filter { $0.baseline?.against == .pinned }
            if !fixed.isEmpty { others += pinnedRows(fixed, pinned, current) }
            if let baseline, let baselineName { others += gateRows(limits, baseline, baselineName, current) }
        }
        let strict = Set(limits.flatMap(\.self).filter { $0.baseline?.cannotTellFails == true }.compactMap(\.baseline?.location))
        let alphas = Dictionary(limits.flatMap(\.self).compactMap(\.baseline).map { ($0.location, $0.alpha) }, uniquingKeysWith: min)
        let rows = HistoryComparison.adjusted(history) { $0.location.flatMap { alphas[$0] } ?? 0.01 } + others
        guard !rows.isEmpty else { return }
        isRegressed = rows.contains { $0.outcome == .regressed || $0.outcome == .cannotTell && $0.location.map(strict.contains) == true }
        lines = GateText.lines(rows, cases: cases, against: baselineName ?? "earlier runs")
        var report = summary.comparison ?? ComparisonReport(a: baselineName ?? "earlier runs", b: "run \(summary.run)", rows: [])
        // Of counts and shares, of which a case has many, those that changed.
        report.rows += rows.filter { $0.unit == "ns" || $0.outcome != .same }
        summary.comparison = report
    }

    private func gateRows(_ limits: [Limit], _ baseline: [PastCase], _ name: String, _ current: PastCase) -> [ComparisonReport.Row] {
        // The same world; a run that is named may be of another.
        let key = current.row.key
        guard let before = baseline.first(where: { $0.row.key == key && $0.row.hasFigures }) else {
            lines.append("  \(current.row.title): \(name) has no figures of it")
            return []
        }
        return BaselineGate.rows(limits, baseline: before, current: current, source: "run \(before.run.name)")
    }

    private func pinnedFile(_ limits: [Limit]) throws -> PinnedBaseline? {
        guard limits.contains(where: { $0.baseline?.against == .pinned }) else { return nil }
        guard Descriptor.kind(of: PinnedBaseline.fileName) != nil else { return nil }
        return try PinnedBaseline(Descriptor.read(PinnedBaseline.fileName, atMost: 64 << 20), path: PinnedBaseline.fileName)
    }

    private func pinnedRows(_ limits: [Limit], _ pinned: PinnedBaseline?, _ current: PastCase) -> [ComparisonReport.Row] {
        guard let before = pinned?.cell(current.row.key) else {
            return limits.map { limit in
                ComparisonReport.Row(
                    objective: limit.id, location: limit.baseline?.location, metric: "pinned", pairs: 0, ratio: .nan, lower: .nan, upper: .nan,
                    effect: limit.baseline?.worseBy ?? BaselineGate.defaultEffect, a: .nan, b: .nan, p: 1, adjusted: 1, outcome: .cannotTell,
                    reason: "the pinned file \(PinnedBaseline.fileName) has no figures of it; `lab baseline accept RUN --pin` writes it")
            }
        }
        let names = Set(limits.flatMap { limit in
            let measurements = limit.requirement.claims.prefix(1).map(\.measurement)
            return measurements + measurements.flatMap { name in (limit.baseline?.metrics ?? []).map { "\(name) \($0.name)" } } + [limit.id]
        })
        var (past, now) = (before, current)
        past.figures.removeAll { !names.contains($0.name) }
        now.figures.removeAll { !names.contains($0.name) }
        return BaselineGate.rows(limits, baseline: past, current: now, source: "the pinned file \(PinnedBaseline.fileName), run \(before.run.name)")
    }
}

/// Comparisons as `lab run` prints them.
private enum GateText {
    private static let mostLines = 20

    static func lines(_ rows: [ComparisonReport.Row], cases: [PastCase], against name: String) -> [String] {
        func count(_ outcome: ComparisonReport.Outcome) -> Int { rows.count { $0.outcome == outcome } }
        let words = [ComparisonReport.Outcome.regressed, .cannotTell, .improved, .same].compactMap { outcome in
            count(outcome) == 0 ? nil : "\(count(outcome)) \(outcome.rawValue)"
        }
        let told = rows.filter { $0.outcome == .regressed || $0.outcome == .cannotTell || $0.reason?.contains("pinned") == true && $0.outcome != .same }
        let shown = told.prefix(mostLines).map { "  \($0.outcome.rawValue.padded(to: 13))\($0.objective) \($0.metric)  \(figures($0, cases))\($0.reason ?? "")" }
        let rest = told.count > mostLines ? ["  and \(told.count - mostLines) more in the report"] : []
        return ["", "baseline  \(name): \(words.joined(separator: ", "))"] + shown + rest
    }

    private static func figures(_ row: ComparisonReport.Row, _ cases: [PastCase]) -> String {
        guard row.a.isFinite, row.b.isFinite else { return "" }
        let named = cases.lazy.flatMap(\.figures).first { $0.name == row.metric || $0.name.hasSuffix(" \(row.metric)") }
        let unit = named?.unit ?? "ns"
        return "\(Figure.text(row.a, unit: unit)) → \(Figure.text(row.b, unit: unit))  "
    }
}
