import Archive
import Foundation
import LabCore
import Reports

/// Histories as `lab trend` prints them.
enum TrendTable {
    // MARK: Text

    static func text(_ trend: CaseTrend, rows: Bool, style: Style) -> [String] {
        guard let newest = trend.past.last else { return [] }
        var lines = [style.paint(newest.row.title, .strong) + " · \(newest.row.key.world) · \(verdicts(trend))"]
        let width = min(44, (trend.series.map(\.name.count).max() ?? 0) + 2)
        for series in trend.series {
            let last = series.points.last
            lines.append("  \(series.name.padded(to: width))\(series.sparkline)  \(last.map { Figure.text($0.value, unit: series.unit) } ?? "–")")
            for change in series.changes { lines.append("    \(text(change, in: series, style: style))") }
            if rows { lines += table(series, style: style) }
        }
        return lines
    }

    /// `14 runs, pass 12, fail 1, flaky 1, flake rate 7.1 %`
    private static func verdicts(_ trend: CaseTrend) -> String {
        let counts = Verdict.allCases.sorted().compactMap { verdict -> String? in
            let count = trend.past.count { $0.row.verdict == verdict }
            return count == 0 ? nil : "\(verdict.rawValue) \(count)"
        }
        return ([counted(trend.past.count, "run")] + counts + ["flake rate \(FigureText.decimal(trend.flakes.share * 100, places: 1)) %"]).joined(separator: ", ")
    }

    /// `since 1121-3 (4f2a9c1): 10.2 s → 12.4 s, +21.6 %, p 0.0004, confirmed`
    private static func text(_ change: HistoryReport.Change, in series: HistorySeries, style: Style) -> String {
        let point = series.points[change.index]
        let share = change.before == 0 ? "" : ", \(change.after < change.before ? "" : "+")\(FigureText.decimal((change.after / change.before - 1) * 100, places: 1)) %"
        let text =
            "since \(point.run.name) (\(point.run.title)): \(Figure.text(change.before, unit: series.unit)) → "
            + "\(Figure.text(change.after, unit: series.unit))\(share), p \(probability(change.p)), \(change.isConfirmed ? "confirmed" : "not confirmed yet")"
        return style.paint(text, change.isConfirmed ? .warning : .quiet)
    }

    private static func probability(_ p: Double) -> String { p < 0.0001 ? "< 0.0001" : FigureText.decimal(p, places: 4) }

    private static func table(_ series: HistorySeries, style: Style) -> [String] {
        let starts = Set(series.changes.map(\.index))
        let widths = (
            run: (series.points.map(\.run.name.count).max() ?? 0) + 2, label: (series.points.map(\.run.title.count).max() ?? 0) + 2,
            value: (series.points.map { Figure.text($0.value, unit: series.unit).count }.max() ?? 0) + 2
        )
        return series.points.enumerated().map { index, point in
            let marks = (starts.contains(index) ? ["new level"] : []) + (point.isBaseline ? ["accepted"] : [])
            let started = CalendarText.timestamp(nanoseconds: point.run.started)
            return "    \(point.run.name.padded(to: widths.run))\(started)  \(point.run.title.padded(to: widths.label))"
                + "\(Figure.text(point.value, unit: series.unit).padded(to: widths.value))\(([point.row.verdict.rawValue] + marks).joined(separator: ", "))"
        }
    }

    // MARK: CSV (RFC 4180)

    /// Docs/archive.md says what each column means.
    static let columns = [
        "run", "started", "label", "lab_version", "world", "seed", "machine", "scenario", "cell", "verdict", "metric", "unit", "value", "lower", "upper",
        "samples", "accepted", "change",
    ]

    static func csv(_ trends: [CaseTrend]) -> [String] {
        [columns.joined(separator: ",")]
            + trends.flatMap { trend in
                trend.series.flatMap { series in series.points.indices.map { row(series, $0).map(quoted).joined(separator: ",") } }
            }
    }

    private static func row(_ series: HistorySeries, _ index: Int) -> [String] {
        let point = series.points[index]
        let change = series.changes.first { $0.index == index }
        func number(_ value: Double?) -> String { value.map { JSONWriter.text(Int64(exactly: $0).map { .integer($0) } ?? .number($0)) } ?? "" }
        return [
            point.run.name, CalendarText.timestamp(nanoseconds: point.run.started), point.run.label, point.run.labVersion, point.row.key.world, point.row.seed,
            point.run.machine ?? "", point.row.scenario, point.row.cellText == "–" ? "" : point.row.cellText, point.row.verdict.rawValue, series.name,
            series.unit, number(point.value), number(point.figure.lower), number(point.figure.upper), "\(point.figure.samples)",
            point.isBaseline ? "yes" : "no", change.map { $0.isConfirmed ? "confirmed" : "tentative" } ?? "",
        ]
    }

    private static func quoted(_ text: String) -> String {
        // A table program takes what begins like this for a formula.
        let safe = text.first.map { "=+@".contains($0) } == true ? "'" + text : text
        guard safe.contains(where: { ",\"\r\n".contains($0) }) else { return safe }
        return "\"" + safe.replacing("\"", with: "\"\"") + "\""
    }

    // MARK: JSON

    static func value(_ trend: CaseTrend) -> FieldValue {
        [
            "scenario": DifferenceRecord.text(trend.past.last?.row.scenario), "file": DifferenceRecord.text(trend.past.last?.row.key.file),
            "cell_text": DifferenceRecord.text(trend.past.last?.row.cellText), "world": DifferenceRecord.text(trend.past.last?.row.key.world),
            "runs": .list(trend.past.map { item in
                [
                    "run": DifferenceRecord.run(item.run), "verdict": .text(item.row.verdict.rawValue), "accepted": .bool(item.isBaseline),
                    "is_partial": .bool(item.run.isPartial),
                ]
            }),
            "flake_rate": .number(trend.flakes.share), "series": .list(trend.series.map(value)),
        ]
    }

    private static func value(_ series: HistorySeries) -> FieldValue {
        [
            "metric": .text(series.name), "unit": .text(series.unit),
            "points": .list(series.points.map { point in
                [
                    "run": .text(point.run.name), "label": .text(point.run.label), "value": .number(point.value),
                    "lower": DifferenceRecord.number(point.figure.lower), "upper": DifferenceRecord.number(point.figure.upper),
                    "samples": .integer(Int64(point.figure.samples)),
                ]
            }),
            "changes": .list(series.changes.map { change in
                [
                    "run": .text(series.points[change.index].run.name), "label": .text(series.points[change.index].run.label),
                    "before": .number(change.before), "after": .number(change.after), "p": .number(change.p), "is_confirmed": .bool(change.isConfirmed),
                ]
            }),
        ]
    }
}
