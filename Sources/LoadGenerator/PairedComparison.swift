package import LabCore
import Statistics

/// Two builds compared by interleaved pairs of slices: what is asked of one load, and the pairs so far (sla.md §1.4, §2.2).
package struct PairedComparison: Sendable {
    /// The objective's id, or the load's where no objective asks.
    package let objective: String
    package let location: SourceLocation?
    package let baseline: Limit.Baseline
    /// The largest share of neighbours in a slice that counts.
    package let foreignLimit: Double
    package private(set) var pairs: [(a: LoadSlice, b: LoadSlice)] = []
    /// Pairs that do not count, since neighbours took too much of the machine, or the lab did not keep its plan.
    package private(set) var disturbed = 0
    /// The worst of what disturbed them.
    private var worstForeign = 0.0
    private var worstPlanKept = 1.0

    package init(objective: String, location: SourceLocation?, baseline: Limit.Baseline, foreignLimit: Double = 0.1) {
        self.objective = objective
        self.location = location
        self.baseline = baseline
        self.foreignLimit = foreignLimit
    }

    package mutating func add(_ a: LoadSlice, _ b: LoadSlice) {
        let isDisturbed = [a, b].contains { $0.foreign > foreignLimit || $0.planKept < Self.leastPlanKept }
        if isDisturbed { (worstForeign, worstPlanKept) = (max(worstForeign, a.foreign, b.foreign), min(worstPlanKept, a.planKept, b.planKept)) }
        if isDisturbed { disturbed += 1 } else { pairs.append((a, b)) }
    }

    /// Pairs are still to be measured: there are too few, or they do not tell yet and more are allowed. Disturbed ones count for the
    /// end, so that a busy machine does not keep it going.
    package func wantsMore() -> Bool {
        let measured = pairs.count + disturbed
        if measured < baseline.pairs { return true }
        return measured < baseline.pairsMaximum && (pairs.count < baseline.pairs || rows(family: []).contains { $0.outcome == .cannotTell })
    }

    /// One row for each metric, before or after Holm.
    ///
    /// - Parameter family: the p-values of all rows of the night, these included; empty for these alone.
    package func rows(family: [Double] = []) -> [ComparisonReport.Row] { baseline.metrics.map { row($0, family: family) } }

    private func row(_ metric: Limit.Baseline.Metric, family: [Double]) -> ComparisonReport.Row {
        let values = pairs.map { (a: $0.a.value(of: metric), b: $0.b.value(of: metric)) }
        let whole = values.compactMap { pair in pair.a.flatMap { a in pair.b.map { (a: a, b: $0) } } }
        func row(_ outcome: ComparisonReport.Outcome, _ figures: PairedRatio? = nil, adjusted: Double = 1, reason: String? = nil)
            -> ComparisonReport.Row
        {
            ComparisonReport.Row(
                objective: objective, location: location, metric: Self.name(metric), pairs: whole.count, ratio: figures?.ratio ?? .infinity,
                lower: figures?.interval?.lowerBound ?? -.infinity, upper: figures?.interval?.upperBound ?? .infinity,
                effect: baseline.worseBy,
                a: Self.median(whole.map(\.a)), b: Self.median(whole.map(\.b)), p: figures.map { $0.pValue ?? 1 } ?? .infinity, adjusted: figures == nil ? .infinity : adjusted,
                outcome: outcome, reason: reason)
        }
        if disturbed > pairs.count || pairs.isEmpty {
            return row(
                .void,
                reason: disturbedText.map { "\($0); try again on a quieter machine" } ?? "no pair was measured")
        }
        if let wrong = answersDiffer { return row(.void, reason: wrong) }
        if whole.count < pairs.count {
            return row(
                .void, reason: "in \(pairs.count - whole.count) of \(pairs.count) pairs the figure is that of requests without an answer")
        }
        guard let figures = try? PairedRatio(before: whole.map(\.a), after: whole.map(\.b), confidence: 1 - baseline.alpha) else {
            return row(.cannotTell, reason: disturbedText)
        }
        let adjusted = Self.adjusted(figures.pValue ?? 1, in: family)
        // A floor is a time that nobody notices; processor time adds up over all requests.
        let floor = metric == .cpuPerRequest ? 0 : Double(baseline.atLeast)
        switch try? figures.outcome(worseBy: baseline.worseBy, atLeast: floor) {
        case .regressed: return row(adjusted <= baseline.alpha ? .regressed : .cannotTell, figures, adjusted: adjusted)
        case .same: return row(.same, figures, adjusted: adjusted)
        case .cannotTell, nil:
            let isImproved = figures.isImproved(by: baseline.worseBy) && adjusted <= baseline.alpha
            let reason = Self.joined(disturbedText, figures.interval == nil ? tooFewText(whole.count) : nil)
            return row(isImproved ? .improved : .cannotTell, figures, adjusted: adjusted, reason: reason)
        }
    }

    private static let leastPlanKept = 0.999

    /// `2 of 8 pairs were disturbed: neighbours took up to 34 % of the machine, over 10 %`; `nil` where none was.
    private var disturbedText: String? {
        guard disturbed > 0 else { return nil }
        var causes: [String] = []
        if worstForeign > foreignLimit { causes.append("neighbours took up to \(Self.percent(worstForeign)) of the machine, over \(Self.percent(foreignLimit))") }
        if worstPlanKept < Self.leastPlanKept { causes.append("\(Self.percent(1 - worstPlanKept)) of a plan were not sent, over 0.1 %") }
        return "\(disturbed) of \(disturbed + pairs.count) pairs were disturbed: \(causes.joined(separator: ", "))"
    }

    private func tooFewText(_ count: Int) -> String {
        let confidence = 1 - baseline.alpha
        return "\(count) pairs are too few for an interval at \(FigureText.share(confidence)), \(PairedRatio.fewestPairs(confidence: confidence)) are needed"
    }

    private static func percent(_ share: Double) -> String { FigureText.share((share * 1_000).rounded() / 1_000) }
    private static func joined(_ texts: String?...) -> String? {
        let known = texts.compactMap(\.self)
        return known.isEmpty ? nil : known.joined(separator: "; ")
    }

    /// A build that refuses what the other one does is not faster.
    private var answersDiffer: String? {
        func share(_ slices: [LoadSlice]) -> Double {
            Double(slices.reduce(0) { $0 + $1.refused }) / Double(max(1, slices.reduce(0) { $0 + $1.answered }))
        }
        let (a, b) = (share(pairs.map(\.a)), share(pairs.map(\.b)))
        return abs(a - b) > 0.01
            ? "A refuses \(FigureText.share(a)) of the requests and B \(FigureText.share(b)): they do not do the same" : nil
    }

    /// Holm's p-value of one that is in the family.
    private static func adjusted(_ p: Double, in family: [Double]) -> Double {
        guard let index = family.firstIndex(of: p), let adjusted = try? MultipleComparisons.holm(family) else { return p }
        return adjusted[index]
    }

    package static func name(_ metric: Limit.Baseline.Metric) -> String {
        switch metric {
        case .cpuPerRequest: "cpu-per-request"
        case .percentile(let thousandths): thousandths % 1_000 == 0 ? "p\(thousandths / 1_000)" : "p\(Double(thousandths) / 1_000)"
        }
    }

    private static func median(_ values: [Double]) -> Double {
        let sorted = values.sorted()
        return sorted.isEmpty ? .infinity : (sorted[(sorted.count - 1) / 2] + sorted[sorted.count / 2]) / 2
    }
}

extension ComparisonReport {
    /// The rows of all comparisons of one night, as one family.
    package init(a: String, b: String, _ comparisons: [PairedComparison]) {
        let family = comparisons.flatMap { $0.rows() }.filter { $0.outcome != .void && $0.p.isFinite }.map(\.p)
        self.init(a: a, b: b, rows: comparisons.flatMap { $0.rows(family: family) })
    }
}

extension ComparisonReport.SelfTest {
    /// From comparisons of a build with itself: what it calls regressed or improved is a false alarm.
    package init(_ reports: [ComparisonReport]) {
        let rows = reports.flatMap(\.rows).filter { $0.outcome != .void }
        let halves = rows.filter { $0.upper.isFinite && $0.lower.isFinite }.map { ($0.upper - $0.lower) / 2 }.sorted()
        self.init(
            comparisons: rows.count, alarms: rows.filter { $0.outcome == .regressed || $0.outcome == .improved }.count,
            smallestEffect: halves.isEmpty ? .infinity : halves[halves.count / 2])
    }
}
