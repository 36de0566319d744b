package import LabCore

/// What went wrong in one case, so that a person can act on it without opening a file (cli.md).
package struct FailureBlock: Sendable {
    package let style: Style
    private let findingLimit = 5
    private let eventLimit = 3

    package init(style: Style) { self.style = style }

    /// One block for each finding, the severest kind first; `events` is the log of the case.
    package func lines(_ result: CaseSummary, events: [RunEvent]) -> [String] {
        let findings = result.findings.filter { $0.verdict > .quarantined }
        let ordered = findings.enumerated().sorted { ($1.element.verdict, $0.offset) < ($0.element.verdict, $1.offset) }.map(\.element)
        var lines: [String] = []
        for finding in ordered.prefix(findingLimit) {
            if !lines.isEmpty { lines.append("") }
            lines += block(finding, result, events)
        }
        if ordered.count > findingLimit { lines += ["", "  … and \(ordered.count - findingLimit) more in this case; the report has them all"] }
        return lines
    }

    private func block(_ finding: Finding, _ result: CaseSummary, _ events: [RunEvent]) -> [String] {
        let word = result.verdict == .flaky ? Verdict.flaky : finding.verdict
        let cell = result.plan.cell.isEmpty ? "" : " [\(VisibleText.clean(result.plan.cellText))]"
        let place = "\(finding.location.file):\(finding.location.line)"
        var lines = ["\(style.paint(word.word, word.tone)) \(style.paint(VisibleText.clean(result.plan.scenario) + cell, .strong))   \(VisibleText.clean(place))"]
        switch finding.subject {
        case .limit where finding.title != finding.expected: lines.append(row("limit", finding.title))
        case .law: lines.append(row("law", finding.title))
        case .oracle: lines.append(row("oracle", finding.title))
        case .teardown: lines.append(row("teardown", finding.title))
        case .lab: lines.append(row("lab", "\(finding.title) — this is a bug of the lab, not of the product"))
        case .step where finding.expected.isEmpty: lines.append(row("step", finding.title))
        case .step, .limit: break
        }
        if !finding.expected.isEmpty { lines.append(row(finding.subject == .limit ? "required" : "expected", finding.expected)) }
        lines += nearest(finding.nearest)
        if let reason = finding.reason { lines.append(row(finding.subject == .limit ? "measured" : "because", reason)) }
        lines += last(finding, events)
        let again = result.repeatCommand(until: finding.sequence)
        lines.append(row(again.label, again.command, .accent))
        return lines
    }

    private func row(_ label: String, _ text: String, _ tone: Style.Tone = .plain) -> String {
        "  " + style.paint(DisplayWidth.padded(label, to: 9), .quiet) + " " + style.paint(VisibleText.clean(text), tone)
    }

    private func nearest(_ misses: [NearMiss]) -> [String] {
        let rows = misses.map { miss in NearMissText(miss) }
        let nameWidth = min(44, rows.map { DisplayWidth.of($0.name) }.max() ?? 0)
        let fieldWidth = min(60, rows.map { DisplayWidth.of($0.fields) }.max() ?? 0)
        let timeWidth = rows.map { DisplayWidth.of($0.time) }.max() ?? 0
        return rows.enumerated().map { index, text in
            let columns = [
                DisplayWidth.padded(text.name, to: nameWidth), DisplayWidth.padded(text.fields, to: fieldWidth),
                DisplayWidth.padded(text.time, to: timeWidth),
            ]
            let line = columns.filter { !$0.isEmpty }.joined(separator: "  ")
            let remark = text.remark.isEmpty ? "" : "   " + style.paint("← \(text.remark)", .warning)
            return "  " + style.paint(DisplayWidth.padded(index == 0 ? "nearest" : "", to: 9), .quiet) + " " + line + remark
        }
    }

    private func last(_ finding: Finding, _ events: [RunEvent]) -> [String] {
        guard let node = finding.node, node != LabEvents.node else { return [] }
        let lines = events.last(eventLimit, of: node, upTo: finding.sequence)
        let width = lines.map { DisplayWidth.of($0.node) }.max() ?? 0
        return lines.enumerated().map { index, event in
            let time = DisplayWidth.aligned(EventText.time(event.at), to: 9)
            let text = "\(DisplayWidth.padded(event.node, to: width)) | \(time)  \(EventText.line(event, valueLimit: 48))"
            return row(index == 0 ? "last" : "", text)
        }
    }
}

/// A near miss in columns: what it was, the fields that matter, when, and why it did not count.
package struct NearMissText: Sendable {
    package let name: String
    package let fields: String
    package let time: String
    package let remark: String

    package init(_ miss: NearMiss) {
        name = VisibleText.clean("\(miss.event.node).\(miss.event.name)")
        var shown = miss.differences.map { field in
            "\(field) = \(miss.event.fields.value(at: field).map { EventText.value($0, limit: 40) } ?? "absent")"
        }
        if shown.isEmpty {
            shown = miss.event.fields.prefix(3).map { "\($0.name) = \(EventText.value($0.value, limit: 32))" }
        }
        fields = VisibleText.clean(shown.prefix(4).joined(separator: ", "))
        time = "at \(EventText.time(miss.event.at))"
        let differs = miss.differences.isEmpty ? nil : "differs in \(miss.differences.joined(separator: ", "))"
        remark = VisibleText.clean([differs, miss.note].compactMap { $0 }.joined(separator: "; "))
    }
}
