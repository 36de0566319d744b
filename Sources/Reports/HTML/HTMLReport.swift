package import LabCore

/// report.html: one file without a network, for browsers and for `file://`.
///
/// It works without its script; the script only filters and opens what a link leads to. Its content security policy
/// allows nothing but the style and the script of this module, by their hashes.
package enum HTMLReport {
    /// Bytes after which diagrams and logs are left out, of the cases with the least to say first.
    private static let sizeBudget = 12_000_000

    /// - Parameters:
    ///   - events: the log of a case, asked for once and one case at a time; it may be cut, `eventCount` tells the whole.
    package static func render(_ summary: Summary, events: (CaseSummary) -> [RunEvent]) -> [UInt8] {
        var page = head(summary) + CaseTable.header(summary) + "<main>\n" + CaseTable.table(summary) + SLACard.overview(summary)
        page += overviews(summary)
        page += "<section aria-label=\"Every case\">\n"
        for section in sections(summary, events) { page += section }
        return Array((page + "</section>\n</main>\n\(footer)\n<script>\(PageScript.text)</script>\n</body>\n</html>\n").utf8)
    }

    /// What is about the whole run: the build beside another, and metrics over the last runs.
    private static func overviews(_ summary: Summary) -> String {
        let isVoid = summary.comparison?.rows.contains { $0.outcome == .void } ?? false
        let comparison = summary.comparison.map { ForestPlot(comparison: $0, ribbon: $0.rows.contains { $0.pairs > 0 } || $0.selfTest != nil ? .realTime : LabRibbon(summary, isVoid: isVoid)).html } ?? ""
        let history = summary.history.enumerated().map { HistoryPicture(history: $0.element, number: $0.offset + 1, ribbon: LabRibbon(summary, isVoid: false)).html }.joined()
        return comparison + (history.isEmpty ? "" : "<section aria-labelledby=\"history\"><h2 id=\"history\">History</h2>\n<div class=\"panel\">\(history)</div></section>\n")
    }

    private static func sections(_ summary: Summary, _ events: (CaseSummary) -> [RunEvent]) -> [String] {
        var sections = [String](repeating: "", count: summary.cases.count)
        var size = 0
        let gravestFirst = summary.cases.indices.sorted { (summary.cases[$1].verdict, $0) < (summary.cases[$0].verdict, $1) }
        for index in gravestFirst {
            let result = summary.cases[index]
            let section = CaseSection(result: result, number: index + 1, isAlone: summary.cases.count == 1)
            sections[index] = section.html(events: size < sizeBudget ? events(result) : nil)
            size += sections[index].utf8.count
        }
        return sections
    }

    private static func head(_ summary: Summary) -> String {
        let tally = Tally(summary)
        return """
            <!doctype html>
            <html lang="en">
            <head>
            <meta charset="utf-8">
            <meta http-equiv="Content-Security-Policy" content="\(policy)">
            <meta name="viewport" content="width=device-width, initial-scale=1">
            <meta name="color-scheme" content="light dark">
            <meta name="referrer" content="no-referrer">
            <title>\(HTMLText.escaped("\(Tally.symbol(summary)) lab \(summary.run): \(tally.line)\(Tally.remarks(summary))"))</title>
            <style>\(PageStyle.text)</style>
            </head>
            <body>

            """
    }

    private static var policy: String {
        "default-src 'none'; style-src 'sha256-\(PageStyle.hash)'; script-src 'sha256-\(PageScript.hash)'; base-uri 'none'; form-action 'none'"
    }

    private static let footer = """
        <footer><p>Blocked, unproven and quarantined cases count as skipped for machines, flaky ones as passed. \
        Verdicts can be given again from the log with <code>lab judge</code>.</p></footer>
        """
}
