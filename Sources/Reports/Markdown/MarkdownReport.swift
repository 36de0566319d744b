package import LabCore

/// A short summary for the page of a CI job: counts, what did not pass, what to type.
package enum MarkdownReport {
    /// The worst that are shown; the line after them says how many more there are (sla.md §1.6).
    private static let blockLimit = 9
    private static let rowLimit = 50

    /// - Parameters:
    ///   - report: the path of report.html.
    ///   - events: the log of a case, for the last lines of a node.
    package static func render(
        _ summary: Summary, report: String? = nil, events: (CaseSummary) -> [RunEvent] = { _ in [] }
    ) -> String {
        let tally = Tally(summary)
        let lines = [
            "### \(Tally.symbol(summary)) lab \(escaped(summary.run)): \(tally.line)\(Tally.remarks(summary))", "",
            "World `\(summary.world.rawValue)`, seed `\(SeedText.hex(summary.seed))`, lab \(escaped(summary.labVersion))"
                + (report.map { ", report in \(escaped($0))" } ?? "") + ".", "",
        ]
        let worst = summary.cases.enumerated().sorted { ($1.element.verdict, $0.offset) < ($0.element.verdict, $1.offset) }.map(\.element)
        let notable = worst.filter { $0.verdict > .quarantined }
        let tables = [quarantine(summary), resumed(summary), table(notable), limits(summary.cases), comparison(summary.comparison), loads(summary.cases)]
        return fitted(lines, tables + blocks(notable, events))
    }

    /// What a job summary of GitHub takes, less some room: 1 MiB (sla.md §1.6).
    private static let sizeLimit = 1_000_000

    /// The parts for as long as they fit, each whole or not at all: half a block would swallow what follows.
    private static func fitted(_ head: [String], _ parts: [[String]]) -> String {
        var text = head.joined(separator: "\n") + "\n"
        var left = 0
        for part in parts where !part.isEmpty {
            let more = part.joined(separator: "\n") + "\n"
            if text.utf8.count + more.utf8.count <= sizeLimit { text += more } else { left += 1 }
        }
        return left == 0 ? text : text + "… \(left) more parts are too long for a summary; the report has them.\n"
    }

    private static func table(_ cases: [CaseSummary]) -> [String] {
        guard !cases.isEmpty else { return [] }
        let rows = cases.prefix(rowLimit).map { result in
            let finding = result.findings.max { $0.verdict < $1.verdict }
            let place = finding.map { "\(escaped($0.location.file)):\($0.location.line)" } ?? ""
            let cause = [finding?.title, finding?.reason ?? result.reason].compactMap { $0 }.joined(separator: ": ")
            return "| **\(result.verdict.word)** | \(escaped(result.plan.scenario)) | \(escaped(result.plan.cellText)) | \(place) | \(escaped(cause)) |"
        }
        let more = cases.count > rowLimit ? ["", "… and \(cases.count - rowLimit) more."] : []
        return ["| | Scenario | Cell | Where | What |", "|---|---|---|---|---|"] + rows + more + [""]
    }

    /// Known failures with whoever has them; those whose time is over come first, because they fail the run.
    private static func quarantine(_ summary: Summary) -> [String] {
        let notes = summary.quarantine.filter { $0.isOver } + summary.quarantine.filter { !$0.isOver && $0.borne > 0 }
        guard !notes.isEmpty else { return [] }
        let rows = notes.prefix(rowLimit).map { note in
            let cells = [note.scenario, note.owner, note.issue, note.until, note.why].map(escaped)
            return "| \(note.isOver ? "✗ **over**" : "quarantined") | \(cells.joined(separator: " | ")) | \(note.borne) |"
        }
        let more = notes.count > rowLimit ? ["", "… and \(notes.count - rowLimit) more."] : []
        return ["| | Quarantine of | Owner | Issue | Until | Why | Cases |", "|---|---|---|---|---|---|---:|"] + rows + more + [""]
    }

    private static func resumed(_ summary: Summary) -> [String] {
        guard let earlier = summary.resumed else { return [] }
        let count = summary.cases.count { $0.run.hasPrefix(earlier + "/") }
        return ["\(count) of \(summary.cases.count) cells ended in run \(escaped(earlier)), which this one goes on with.", ""]
    }

    /// All objectives, the worst first.
    private static func limits(_ cases: [CaseSummary]) -> [String] {
        let all = ObjectiveFigure.worstFirst(cases)
        guard !all.isEmpty else { return [] }
        let rows = all.prefix(rowLimit).map { entry in
            let limit = entry.limit
            let figure = ObjectiveFigure(result: limit)
            let name = limit.limit.id == limit.limit.demand ? "" : limit.limit.id
            let cells = [name, entry.result.plan.scenario, entry.result.plan.cellText, limit.limit.demand, figure.sentence].map(escaped)
            let word = figure.result.verdict == .pass && !figure.result.isVoid ? figure.word : "**\(figure.word)**"
            return "| \(figure.symbol) \(word) | \(cells.joined(separator: " | ")) | \(limit.samples) | \(figure.missingText ?? "") |"
        }
        let more = all.count > rowLimit ? ["", "… and \(all.count - rowLimit) more objectives."] : []
        return ["| | Objective | Scenario | Cell | Required | Measured | Samples | Missing |", "|---|---|---|---|---|---|---:|---:|"] + rows + more + [""]
    }

    private static func comparison(_ report: ComparisonReport?) -> [String] {
        guard let report, !report.rows.isEmpty else { return [] }
        let order: [ComparisonReport.Outcome] = [.regressed, .void, .cannotTell, .improved, .same]
        let sorted = report.rows.enumerated().sorted { left, right in
            let (first, second) = (order.firstIndex(of: left.element.outcome) ?? 0, order.firstIndex(of: right.element.outcome) ?? 0)
            return (first, left.offset) < (second, right.offset)
        }
        let rows = sorted.prefix(rowLimit).map { _, row in
            let cells = [row.objective, row.metric, ForestPlot.figure(row), FigureText.share(row.effect), row.reason ?? ""].map(escaped)
            return "| \(ForestPlot.word(row.outcome)) | \(cells.joined(separator: " | ")) |"
        }
        let gate = report.selfTest.map { test in
            "The gate itself: \(test.alarms) false alarms in \(test.comparisons) comparisons of a build with itself, smallest effect \(test.effectText)."
        } ?? "The gate itself has not been tested; nothing here is shown as green."
        let more = sorted.count > rowLimit ? ["", "… and \(sorted.count - rowLimit) more comparisons."] : []
        return ["B = \(escaped(report.b)) against A = \(escaped(report.a)). \(gate)", "", "| | Objective | Metric | B / A | δ | Because |", "|---|---|---|---|---:|---|"]
            + rows + more + [""]
    }

    private static func loads(_ cases: [CaseSummary]) -> [String] {
        let all = cases.flatMap { result in result.loads.map { (result, $0) } }
        guard !all.isEmpty else { return [] }
        func percentile(_ load: LoadReport, _ thousandths: Int) -> String {
            guard let point = load.response.points.first(where: { $0.thousandths == thousandths }) else { return "–" }
            return point.value.map { FigureText.duration(nanoseconds: Double($0)) } ?? "no answer"
        }
        let rows = all.prefix(rowLimit).map { result, load in
            let counts = load.counts
            let bad = [(counts.refused, "refused"), (counts.unanswered, "no answer"), (counts.lost, "lost"), (counts.duplicates, "twice"), (counts.outOfOrder, "out of order")]
                .filter { $0.0 > 0 }.map { "\($0.0) \($0.1)" }.joined(separator: ", ")
            let figures = [50_000, 99_000, 99_900, 100_000].map { percentile(load, $0) }.joined(separator: " | ")
            return "| \(escaped(load.id))\(load.isModelled ? " (modelled)" : "") | \(escaped(result.plan.scenario)) | \(counts.planned) | \(figures) | \(bad) |"
        }
        let more = all.count > rowLimit ? ["", "… and \(all.count - rowLimit) more loads."] : []
        return ["| Load | Scenario | Planned | p50 | p99 | p99.9 | max | Not good |", "|---|---|---:|---:|---:|---:|---:|---|"] + rows + more + [""]
    }

    private static func blocks(_ cases: [CaseSummary], _ events: (CaseSummary) -> [RunEvent]) -> [[String]] {
        var parts: [[String]] = []
        for result in cases.prefix(blockLimit) {
            let block = FailureBlock(style: .plain).lines(result, events: events(result)).map { $0.prefix(400) }
            guard !block.isEmpty else { continue }
            // The fence must be longer than any run of backticks inside it.
            let longest = block.flatMap { $0.split { $0 != "`" } }.map(\.count).max() ?? 0
            let fence = String(repeating: "`", count: max(3, longest + 1))
            parts.append([fence + "text"] + block.map(String.init) + [fence, ""])
        }
        if cases.count > blockLimit { parts.append(["… and \(cases.count - blockLimit) more cases; the report has them all.", ""]) }
        return parts
    }

    /// Text that a table cell shows as it is.
    private static func escaped(_ text: String) -> String {
        var result = ""
        for character in VisibleText.clean(text).prefix(300) {
            if "\\`*_[]<>|&#~".contains(character) { result.append("\\") }
            result.append(character)
        }
        return result
    }
}
