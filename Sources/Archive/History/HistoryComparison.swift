package import LabCore
import Statistics

/// `baseline: {against: history}` (sla.md §2.2): the runs since the last accepted one against the accepted ones, by Mann-Whitney
/// on one value for each run. Requests of one run are not independent of each other; runs are.
package enum HistoryComparison {
    /// Fewer runs than this on either side are refused.
    package static let fewestRuns = 4

    /// - Parameters:
    ///   - limits: of the cell; those that ask for something else are left out.
    ///   - past: earlier runs of the cell, the oldest first.
    ///   - current: the cell in the run that is judged.
    /// - Returns: a row for each metric, not yet adjusted for their number; see `adjusted`.
    package static func rows(_ limits: [Limit], past: [PastCase], current: PastCase) -> [ComparisonReport.Row] {
        let runs = HistorySeries.comparable(past + [current])
        return limits.flatMap { limit -> [ComparisonReport.Row] in
            guard let baseline = limit.baseline, baseline.against == .history, let measurement = limit.requirement.claims.first?.measurement else { return [] }
            return baseline.metrics.map { row(limit, baseline, metric: $0.name, of: measurement, runs) }
        }
    }

    /// Holm over the family of all metrics of a run, after which a difference may no longer be one.
    package static func adjusted(_ rows: [ComparisonReport.Row], alpha: (ComparisonReport.Row) -> Double) -> [ComparisonReport.Row] {
        let tested = rows.indices.filter { rows[$0].outcome != .cannotTell || rows[$0].reason == nil }
        guard let adjusted = try? MultipleComparisons.holm(tested.map { rows[$0].p }) else { return rows }
        var rows = rows
        for (index, p) in zip(tested, adjusted) {
            rows[index].adjusted = p
            guard rows[index].outcome == .regressed || rows[index].outcome == .improved, p > alpha(rows[index]) else { continue }
            rows[index].outcome = .cannotTell
            rows[index].reason = "the difference is no longer one after Holm's correction for \(tested.count) comparisons"
        }
        return rows
    }

    private static func row(_ limit: Limit, _ baseline: Limit.Baseline, metric: String, of measurement: String, _ runs: [PastCase]) -> ComparisonReport.Row {
        let figure = "\(measurement) \(metric)"
        func measured(_ item: PastCase) -> Figure? {
            let found = item.figures.first { $0.name == figure && $0.kind != .objective }
            // Of one sample every percentile is that sample.
            return found ?? item.figures.first { $0.name == measurement && $0.kind == .measurement }
        }
        func value(_ item: PastCase) -> Double? { measured(item)?.value }
        let lastAccepted = runs.lastIndex(where: \.isBaseline)
        let accepted = runs.filter(\.isBaseline).suffix(baseline.runs).compactMap(value)
        let since = lastAccepted.map { runs[($0 + 1)...].suffix(baseline.runs).compactMap(value) } ?? []
        var row = ComparisonReport.Row(
            objective: limit.id, location: baseline.location, metric: metric, pairs: 0, ratio: .nan, lower: .nan, upper: .nan,
            effect: baseline.worseBy, a: median(accepted) ?? .nan, b: median(since) ?? .nan, p: 1, adjusted: 1, outcome: .cannotTell)
        row.unit = runs.last.flatMap(measured)?.unit ?? row.unit
        guard accepted.count >= fewestRuns, since.count >= fewestRuns else {
            row.reason = """
                \(accepted.count) accepted and \(since.count) later runs \(runs.last?.row.key.world == "sim" ? "" : "on this machine ")have \(figure); \
                \(fewestRuns) + \(fewestRuns) are needed
                """
            return row
        }
        guard (accepted + since).allSatisfy({ $0 > 0 }) else {
            row.reason = "a ratio needs values above 0"
            return row
        }
        compare(&row, accepted, since, baseline)
        return row
    }

    private static func compare(_ row: inout ComparisonReport.Row, _ accepted: [Double], _ since: [Double], _ baseline: Limit.Baseline) {
        let (a, b) = (accepted.map(Logarithm.of), since.map(Logarithm.of))
        guard let test = try? MannWhitney(b, a) else {
            row.reason = "the values are beyond all measure"
            return
        }
        row.ratio = Logarithm.inverse(test.shift)
        row.p = test.pValue ?? 1
        row.adjusted = row.p
        let interval = ShiftInterval.of(b, a, alpha: baseline.alpha)
        row.lower = interval.lower.map(Logarithm.inverse) ?? .nan
        row.upper = interval.upper.map(Logarithm.inverse) ?? .nan
        let difference = abs(row.b - row.a)
        // All values are the same in both.
        if test.pValue == nil || difference < Double(baseline.atLeast) {
            row.outcome = .same
        } else if let lower = interval.lower, Logarithm.inverse(lower) > 1 + baseline.worseBy {
            row.outcome = .regressed
        } else if let upper = interval.upper, Logarithm.inverse(upper) < 1 / (1 + baseline.worseBy) {
            row.outcome = .improved
        } else if let lower = interval.lower, let upper = interval.upper, Logarithm.inverse(upper) <= 1 + baseline.worseBy,
            Logarithm.inverse(lower) >= 1 / (1 + baseline.worseBy)
        {
            row.outcome = .same
        } else if interval.lower == nil || interval.upper == nil {
            row.reason = "\(accepted.count) + \(since.count) runs are too few for an interval at alpha \(FigureText.number(baseline.alpha)); more runs will do"
        }
    }

    private static func median(_ values: [Double]) -> Double? {
        let sorted = values.sorted()
        guard !sorted.isEmpty else { return nil }
        let middle = sorted.count / 2
        return sorted.count % 2 == 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2
    }
}

/// The interval of a shift between two samples: all shifts that Mann-Whitney does not reject.
enum ShiftInterval {
    /// - Returns: `nil` for an end that so few values do not have.
    static func of(_ first: [Double], _ second: [Double], alpha: Double) -> (lower: Double?, upper: Double?) {
        let differences = first.flatMap { value in second.map { value - $0 } }.sorted()
        // The p-value is the same between two neighbouring differences, and falls to both sides of the middle.
        func isAccepted(_ gap: Int) -> Bool {
            let shift =
                gap == 0 ? differences[0] - 1 : gap == differences.count ? differences[differences.count - 1] + 1 : (differences[gap - 1] + differences[gap]) / 2
            guard let test = try? MannWhitney(first.map { $0 - shift }, second) else { return true }
            return (test.pValue ?? 1) > alpha
        }
        let middle = differences.count / 2
        var (low, high) = (0, middle)
        if isAccepted(0) { low = 0 } else {
            // The first accepted gap lies above `low` and at or below `high`.
            while high - low > 1 {
                let probe = (low + high) / 2
                if isAccepted(probe) { high = probe } else { low = probe }
            }
            low = high
        }
        var (last, end) = (middle, differences.count)
        if isAccepted(end) { last = end } else {
            while end - last > 1 {
                let probe = (last + end) / 2
                if isAccepted(probe) { last = probe } else { end = probe }
            }
        }
        return (low == 0 ? nil : differences[low - 1], last == differences.count ? nil : differences[last])
    }
}

extension Limit.Baseline.Metric {
    /// As figures are called in the index: `p50`, `p99.9`, `cpu-per-request`.
    package var name: String {
        switch self {
        case .percentile(let thousandths): "p\(FigureText.number(Double(thousandths) / 1000))"
        case .cpuPerRequest: "cpu-per-request"
        }
    }
}
