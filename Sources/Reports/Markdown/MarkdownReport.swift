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
        var lines = [
            "### \(tally.failed > 0 ? "✗" : "✓") lab \(escaped(summary.run)): \(tally.line)", "",
            "World `\(summary.world.rawValue)`, seed `\(SeedText.hex(summary.seed))`, lab \(escaped(summary.labVersion))"
                + (report.map { ", report in \(escaped($0))" } ?? "") + ".", "",
        ]
        let worst = summary.cases.enumerated().sorted { ($1.element.verdict, $0.offset) < ($0.element.verdict, $1.offset) }.map(\.element)
        let notable = worst.filter { $0.verdict > .quarantined }
        lines += table(notable) + limits(summary.cases) + blocks(notable, events)
        return lines.joined(separator: "\n") + "\n"
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

    private static func limits(_ cases: [CaseSummary]) -> [String] {
        let notable = cases.flatMap { result in result.limits.filter { $0.isMarginal || $0.verdict > .pass }.map { (result, $0) } }
        guard !notable.isEmpty else { return [] }
        let rows = notable.prefix(rowLimit).map { result, limit in
            let cells = [result.plan.scenario, result.plan.cellText, limit.limit.requirement.source, limit.figure].map(escaped)
            return "| \(limit.isMarginal ? "marginal" : "**\(limit.verdict.word)**") | \(cells.joined(separator: " | ")) | \(limit.samples) |"
        }
        let more = notable.count > rowLimit ? ["", "… and \(notable.count - rowLimit) more limits."] : []
        return ["| Limit | Scenario | Cell | Required | Measured | Samples |", "|---|---|---|---|---|---|"] + rows + more + [""]
    }

    private static func blocks(_ cases: [CaseSummary], _ events: (CaseSummary) -> [RunEvent]) -> [String] {
        var lines: [String] = []
        for result in cases.prefix(blockLimit) {
            let block = FailureBlock(style: .plain).lines(result, events: events(result)).map { $0.prefix(400) }
            guard !block.isEmpty else { continue }
            // The fence must be longer than any run of backticks inside it.
            let longest = block.flatMap { $0.split { $0 != "`" } }.map(\.count).max() ?? 0
            let fence = String(repeating: "`", count: max(3, longest + 1))
            lines += [fence + "text"] + block.map(String.init) + [fence, ""]
        }
        if cases.count > blockLimit { lines += ["… and \(cases.count - blockLimit) more cases; the report has them all.", ""] }
        return lines
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
