import LabCore

/// A comparison with another build or another run in the words that every report shares.
struct ComparedFigure {
    let row: ComparisonReport.Row

    /// `1.048 [1.042, 1.053]`; `–` where there is no ratio.
    var ratio: String {
        func text(_ value: Double) -> String { FigureText.decimal(value, places: 3) }
        guard row.ratio.isFinite, row.outcome != .void else { return "–" }
        guard row.lower.isFinite || row.upper.isFinite else { return text(row.ratio) }
        return "\(text(row.ratio)) [\(row.lower.isFinite ? text(row.lower) : "…"), \(row.upper.isFinite ? text(row.upper) : "…")]"
    }

    /// `3.1 ms → 3.4 ms`, `0 → 5`; `nil` where one of them is not known.
    var values: String? { row.a.isFinite && row.b.isFinite ? "\(value(row.a)) → \(value(row.b))" : nil }

    /// The ratio; where there is none, as from 0, the values.
    var shortest: String { row.ratio.isFinite || row.outcome == .void ? ratio : values ?? ratio }

    /// `p50 regressed: 3.1 ms → 3.4 ms, B/A 1.096 [1.081, 1.112], δ 5 %`
    var sentence: String {
        let hasRatio = row.ratio.isFinite && row.outcome != .void
        let figures = [values, hasRatio ? "B/A \(ratio)" : nil, "δ \(FigureText.share(row.effect))"].compactMap { $0 }
        return "\(row.metric) \(row.outcome.rawValue): \(figures.joined(separator: ", "))"
    }

    /// `–` for what is not known.
    func value(_ number: Double) -> String {
        guard number.isFinite else { return "–" }
        switch row.unit {
        case "ns": return FigureText.duration(nanoseconds: number)
        case "share": return FigureText.share(number)
        case "": return FigureText.number(number)
        default: return "\(FigureText.number(number)) \(row.unit)"
        }
    }
}
