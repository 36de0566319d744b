import LabCore

/// The limits of a run: those that are not simply held always, all of them where they are few.
struct LimitLines: Sendable {
    let style: Style
    private let shownInAll = 12

    init(style: Style) { self.style = style }

    func lines(_ cases: [CaseSummary]) -> [String] {
        let all = cases.flatMap { result in result.limits.map { (result, $0) } }
        let shown = all.count <= shownInAll ? all : all.filter { $0.1.isMarginal || $0.1.verdict != .pass }
        let severalCases = cases.count > 1
        let rows = shown.map { result, limit -> [String] in
            let cell = result.plan.cell.isEmpty ? "" : " [\(result.plan.cellText)]"
            let name = severalCases ? result.plan.scenario + cell : ""
            let source = limit.limit.demand
            let requirement = limit.limit.id == source ? source : "\(limit.limit.id)  \(source)"
            return [name, requirement, limit.figure].map(VisibleText.clean)
        }
        let widths = (0..<3).map { column in min(60, rows.map { DisplayWidth.of($0[column]) }.max() ?? 0) }
        var lines = zip(rows, shown).enumerated().map { index, entry in
            let (row, limit) = (entry.0, entry.1.1)
            let columns = zip(row, widths).filter { $0.1 > 0 }.map { DisplayWidth.padded($0.0, to: $0.1) }
            let word = limit.isMarginal || limit.isVoid
                ? style.paint(limit.isVoid ? "void" : "marginal", .warning) : style.paint(limit.verdict.word, limit.verdict.tone)
            return (index == 0 ? "limits  " : "        ") + columns.joined(separator: "  ") + "  " + word
        }
        let held = all.count - shown.count
        if held > 0 {
            let text = "\(TerminalReport.counted(held, "limit")) held"
            lines.append(lines.isEmpty ? "limits  \(text)" : "        and \(text)")
        }
        return lines
    }
}
