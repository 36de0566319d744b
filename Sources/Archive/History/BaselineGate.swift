package import LabCore

/// A run against one earlier run: what was accepted, what a file pins, or what `--baseline` names.
///
/// There is one value on each side, so nothing is tested: a figure has regressed when it is worse by more than the effect
/// that matters, and the intervals of the two, where they have them, do not overlap.
package enum BaselineGate {
    /// The effect that matters where the scenario names none.
    package static let defaultEffect = 0.10

    /// - Parameters:
    ///   - limits: of the cell, for the effects that they name under `baseline`.
    ///   - source: what A is, for people: `run 0611-1`, `the file baseline.json`.
    /// - Returns: a row for each figure that both have and that has a good side.
    package static func rows(_ limits: [Limit], baseline: PastCase, current: PastCase, source: String) -> [ComparisonReport.Row] {
        if let refusal = refusal(baseline, current, source) {
            return [refused(current, limits, reason: refusal)]
        }
        var rows: [ComparisonReport.Row] = []
        var untold = 0
        for figure in current.figures where figure.better != nil {
            guard let before = baseline.figures.first(where: { $0.kind == figure.kind && $0.name == figure.name }) else { continue }
            let limit = limit(of: figure, in: limits)
            if isBare(before, figure, in: current), limit?.baseline?.against != .pinned { untold += 1 } else if let row = row(limit, before, figure, current, source) { rows.append(row) }
        }
        guard untold > 0 else { return rows }
        let what = untold == 1 ? "1 time or rate has" : "\(untold) times and rates have"
        return rows + [refused(current, limits, reason: "\(what) no interval, and one run in real time says too little of it: compare builds by --against, or runs by `against: history`")]
    }

    /// A time or a rate that was measured in real time, and nobody knows how well.
    private static func isBare(_ before: Figure, _ figure: Figure, in current: PastCase) -> Bool {
        guard current.row.key.world != WorldKind.sim.rawValue, figure.unit == "ns" || figure.unit == "/s" else { return false }
        return figure.lower == nil && figure.upper == nil || before.lower == nil && before.upper == nil
    }

    private static func row(_ limit: Limit?, _ before: Figure, _ figure: Figure, _ current: PastCase, _ source: String) -> ComparisonReport.Row? {
        guard let a = before.value, let b = figure.value else { return nil }
        let effect = limit?.baseline?.worseBy ?? defaultEffect
        let floor = figure.unit == "ns" ? Double(limit?.baseline?.atLeast ?? 0) : 0
        let change = FigureChange(a: before, b: figure, tolerance: effect, floor: floor)
        var row = ComparisonReport.Row(
            objective: current.row.title, location: limit?.baseline?.location ?? limit?.location, metric: figure.name, pairs: 0,
            ratio: a == 0 ? (b == 0 ? 1 : .nan) : b / a, lower: bound(figure.lower, before.upper), upper: bound(figure.upper, before.lower),
            effect: effect, a: a, b: b, p: 1, adjusted: 1, outcome: outcome(change),
            reason: "one run against \(source): \(change.changeText), not tested")
        row.unit = figure.unit
        return row
    }

    private static func bound(_ value: Double?, _ base: Double?) -> Double {
        guard let value, let base, base > 0 else { return .nan }
        return value / base
    }

    private static func outcome(_ change: FigureChange) -> ComparisonReport.Outcome {
        switch change.outcome {
        case .worse: .regressed
        case .better: .improved
        case .same: .same
        case .changed, .cannotTell, .onlyA, .onlyB: .cannotTell
        }
    }

    /// Times of two machines are not compared; virtual ones are the same on each.
    private static func refusal(_ baseline: PastCase, _ current: PastCase, _ source: String) -> String? {
        if current.run.isPartial { return "the run was interrupted" }
        guard current.row.key.world != WorldKind.sim.rawValue, baseline.run.machine != current.run.machine else { return nil }
        return "\(source) was measured on another machine (\(baseline.run.machine ?? "not known which"))"
    }

    private static func refused(_ current: PastCase, _ limits: [Limit], reason: String) -> ComparisonReport.Row {
        ComparisonReport.Row(
            objective: current.row.title, location: limits.first?.baseline?.location ?? limits.first?.location, metric: "all", pairs: 0, ratio: .nan, lower: .nan, upper: .nan,
            effect: defaultEffect, a: .nan, b: .nan, p: 1, adjusted: 1, outcome: .cannotTell, reason: reason)
    }

    /// The objective that a figure is of, or that measures what it measures.
    private static func limit(of figure: Figure, in limits: [Limit]) -> Limit? {
        if figure.kind == .objective { return limits.first { $0.id == figure.name } }
        let measurement = figure.name.split(separator: " ").first.map(String.init)
        return limits.first { limit in limit.baseline != nil && limit.requirement.claims.contains { $0.measurement == measurement } }
    }
}
