import Foundation
import LabCore

/// Ratios of build B to build A with their intervals, and the band in which a difference does not matter.
struct ForestPlot {
    let comparison: ComparisonReport
    let ribbon: LabRibbon

    private let id = "comparison"
    private let rowHeight = 52.0
    private let top = 10.0
    private let rowLimit = 60

    /// Those that are drawn: ratios of times, which have one direction; of a run without any the others.
    private var drawn: [ComparisonReport.Row] {
        let times = rows.filter { $0.unit == "ns" }
        return Array((times.isEmpty ? rows : times).prefix(rowLimit))
    }

    private var rows: [ComparisonReport.Row] {
        let order: [ComparisonReport.Outcome] = [.regressed, .void, .cannotTell, .improved, .same]
        func rank(_ row: ComparisonReport.Row) -> Int { order.firstIndex(of: row.outcome) ?? 0 }
        return comparison.rows.enumerated().sorted { (rank($0.element), $0.offset) < (rank($1.element), $1.offset) }.map(\.element)
    }

    var html: String {
        guard !comparison.rows.isEmpty else { return "" }
        let left = comparison.rows.count - drawn.count
        let how = isPaired ? "measured in turns in one session" : "measured at different times: what that can say stands in the last column"
        let note = "B = \(comparison.b) against A = \(comparison.a), \(how). To the right of 1 B \(drawn.contains { $0.unit != "ns" } ? "is more" : "takes longer"). "
            + "The band is the difference that does not matter." + (left > 0 ? " \(left) more are in the table." : "")
        let figure = Figure(
            heading: "Ratios B / A", note: note, picture: plot.svg,
            keys: [Figure.Key(.box, "delta", "1/(1+δ) to 1+δ"), Figure.Key(.dot, "ratio", "ratio with its interval")], ribbon: ribbon, table: table)
        return "<section aria-labelledby=\"comparison-head\"><h2 id=\"comparison-head\">\(isPaired ? "Two builds side by side" : "Against earlier runs")</h2>\n<div class=\"panel\">\(gate)\(figure.html)</div></section>\n"
    }

    /// A gate whose own false alarms are not known is not shown as green (sla.md §1.4).
    private var gate: String {
        guard let test = comparison.selfTest, test.comparisons > 0 else {
            return "<p class=\"gate\"><b>The gate itself has not been tested:</b> no build was compared with itself, so nothing here is shown as green.</p>\n"
        }
        let share = FigureText.share(Double(test.alarms) / Double(test.comparisons))
        return "<p class=\"gate\">The gate itself: <b>\(HTMLText.count(test.alarms, "false alarm")) in \(HTMLText.grouped(test.comparisons))</b> comparisons of a build "
            + "with itself (\(share)); the smallest effect that it can see is <b>\(test.effectText)</b>.</p>\n"
    }

    /// Runs that were compared with earlier ones have no pairs.
    private var isPaired: Bool { comparison.rows.contains { $0.pairs > 0 } }

    private var isTested: Bool { (comparison.selfTest?.comparisons ?? 0) > 0 }

    /// Symmetric about 1, wide enough for every interval but at most a factor of 4.
    private var reach: Double {
        let ends = drawn.flatMap { [$0.lower, $0.upper, 1 + $0.effect] }.filter { $0.isFinite && $0 > 0 }.map { abs(log($0)) }
        return min(max((ends.max() ?? 0) * 1.12, 0.02), log(4))
    }

    func x(_ ratio: Double) -> Double { ratio > 0 && ratio.isFinite ? min(max(0.5 + log(ratio) / reach / 2, 0), 1) : 0 }

    private var plot: Plot {
        let shown = drawn
        let bottom = top + rowHeight * Double(shown.count)
        var plot = Plot(
            id: id, title: "Ratios of \(comparison.b) to \(comparison.a)",
            description: shown.map { "\($0.objective) \($0.metric): \(ComparedFigure(row: $0).ratio), \($0.outcome.rawValue)" }.joined(separator: "; "),
            height: bottom + 22, style: "")
        drawAxis(into: &plot, bottom: bottom)
        for (index, row) in shown.enumerated() { draw(row, at: top + rowHeight * Double(index), into: &plot) }
        return plot
    }

    private func drawAxis(into plot: inout Plot, bottom: Double) {
        let percent = Scale.linear(-(1 - exp(-reach)) * 100, (exp(reach) - 1) * 100)
        for tick in percent.ticks(atMost: 6) {
            let x = x(1 + tick.value / 100)
            plot.line(tick.value == 0 ? "one" : "grid", x1: x, y1: top, x2: x, y2: bottom + 4)
            let text = tick.value == 0 ? "same" : "\(tick.value > 0 ? "+" : "−")\(FigureText.number(abs(tick.value))) %"
            plot.text(text, x: x, y: bottom + 17, anchor: x < 0.05 ? .start : x > 0.95 ? .end : .middle, style: "tick-label")
        }
    }

    private func draw(_ row: ComparisonReport.Row, at y: Double, into plot: inout Plot) {
        let middle = y + 33.5
        if y > top { plot.line("apart", x1: 0, y1: y - 2, x2: 1, y2: y - 2) }
        plot.rectangle("delta", x: x(1 / (1 + row.effect)), y: y + 23, width: x(1 + row.effect) - x(1 / (1 + row.effect)), height: 21)
        plot.add(
            "<text class=\"row-label\" x=\"0\" y=\"\(Plot.number(y + 14))\">\(HTMLText.escaped("\(row.objective) · \(row.metric)"))"
                + "<tspan class=\"row-figure wide\" dx=\"12\">\(HTMLText.escaped(ComparedFigure(row: row).ratio))</tspan></text>")
        let style = style(of: row.outcome)
        plot.text(Self.word(row.outcome), x: 1, y: y + 14, anchor: .end, style: "outcome \(style)")
        guard row.ratio.isFinite, row.outcome != .void else { return }
        let ends = [row.lower, row.upper].filter(\.isFinite)
        if ends.count == 2 { plot.line("whisker \(style)", x1: x(row.lower), y1: middle, x2: x(row.upper), y2: middle) }
        for end in ends { plot.line("whisker \(style)", x1: x(end), y1: middle - 4, x2: x(end), y2: middle + 4) }
        plot.dot("ratio \(style)", x: x(row.ratio), y: middle, radius: 4.5, title: ComparedFigure(row: row).ratio)
    }

    private func style(of outcome: ComparisonReport.Outcome) -> String {
        switch outcome {
        case .regressed: "bad"
        case .improved, .same: isTested ? "good" : "idle"
        case .cannotTell: "unsure"
        case .void: "idle void"
        }
    }

    /// `1.048 [1.042, 1.053]`; `0 → 5` where there is no ratio.
    static func figure(_ row: ComparisonReport.Row) -> String { ComparedFigure(row: row).shortest }

    static func word(_ outcome: ComparisonReport.Outcome) -> String {
        switch outcome {
        case .regressed: "✗ regressed"
        case .improved: "✓ improved"
        case .same: "✓ same"
        case .cannotTell: "? cannot tell"
        case .void: "⊘ void"
        }
    }

    var table: DataTable {
        func chance(_ number: Double) -> String { !number.isFinite ? "–" : number < 0.0001 ? "< 0.0001" : FigureText.number(number) }
        return DataTable(
            "Comparison of \(comparison.b) with \(comparison.a)",
            columns: [
                ("Objective", ""), ("Metric", "word"), ("Outcome", "word"), ("B / A", "number"), ("δ", "number"), ("A", "number"), ("B", "number"), ("Pairs", "number"),
                ("p", "number"), ("Holm", "number"), ("Because", "long"),
            ],
            rows: rows.map { row in
                [
                    row.objective, row.metric, Self.word(row.outcome), ComparedFigure(row: row).ratio, FigureText.share(row.effect),
                    ComparedFigure(row: row).value(row.a), ComparedFigure(row: row).value(row.b),
                    "\(row.pairs)", chance(row.p), chance(row.adjusted), row.reason ?? "",
                ]
            })
    }
}
