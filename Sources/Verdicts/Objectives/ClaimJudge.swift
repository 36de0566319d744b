import LabCore

/// How one claim came out over one set of samples.
struct ClaimResult: Sendable {
    var verdict: Verdict
    var figure: String
    var samples: Int
    var reason: String?
    /// How far the figure is on the good side, to name the worst of several.
    var margin = 0.0
}

/// Judges one claim such as `p99(heartbeat) < 150ms` over its samples within a span of time.
struct ClaimJudge: Sendable {
    let claim: Requirement.Claim
    /// In the order of the log, labels filtered.
    let samples: [Sample]
    let span: Range<RunInstant>
    /// Two-sided; higher where several windows share one confidence.
    let confidence: Double
    /// As written in the limit.
    let minimumSamples: Int?

    private var threshold: Double { claim.threshold.value }
    private var isUpperLimit: Bool { claim.comparison == .less || claim.comparison == .lessOrEqual }
    private var isTime: Bool { samples.first?.isTime ?? (claim.threshold.dimension == .time) }

    func result() -> ClaimResult {
        if let reason = claim.statistic.needsLoad {
            return ClaimResult(verdict: .unproven, figure: "not measured", samples: samples.count, reason: reason)
        }
        if let count = claim.statistic.counted(samples, over: span) { return counted(count) }
        if samples.isEmpty { return ClaimResult(verdict: .unproven, figure: "no samples", samples: 0) }
        if let reason = mismatchedUnits { return ClaimResult(verdict: .unproven, figure: "no figure", samples: samples.count, reason: reason) }
        switch claim.statistic {
        case .percentile(let thousandths) where (1..<100_000).contains(thousandths) && claim.comparison != .equal:
            return percentile(thousandths)
        case .percentile(let thousandths):
            return plain(NearestRank.value(of: sorted, thousandths: thousandths) ?? 0, name: claim.statistic.text)
        case .shareBelow(let bound): return share(below: bound.value)
        case .max: return plain(sorted.last ?? 0, name: "max")
        case .mean: return plain(mean, name: "mean")
        default: return plain(worst, name: nil)
        }
    }

    // MARK: Plain comparisons

    private var sorted: [Double] { samples.map(\.rankedValue).sorted() }
    private var mean: Double { samples.contains { !$0.isAnswered } ? .infinity : samples.reduce(0) { $0 + $1.value } / Double(samples.count) }

    private var worst: Double {
        let values = samples.map(\.rankedValue)
        switch claim.comparison {
        case .less, .lessOrEqual: return values.max() ?? 0
        case .greater, .greaterOrEqual: return values.min() ?? 0
        case .equal: return values.max { abs($0 - threshold) < abs($1 - threshold) } ?? 0
        }
    }

    private func plain(_ value: Double, name: String?) -> ClaimResult {
        let figure = [name, text(value)].compactMap { $0 }.joined(separator: " ")
        if let missing { return unproven(figure, missing) }
        return ClaimResult(
            verdict: claim.comparison.holds(value, threshold) ? .pass : .fail, figure: figure, samples: samples.count,
            reason: unansweredNote, margin: claim.comparison.margin(value, threshold))
    }

    private func counted(_ value: Double) -> ClaimResult {
        let isRate = claim.statistic != .count
        let figure = FigureText.number(value) + (isRate ? "/s" : "")
        if let missing { return unproven(figure, missing) }
        return ClaimResult(
            verdict: claim.comparison.holds(value, threshold) ? .pass : .fail, figure: figure, samples: samples.count,
            margin: claim.comparison.margin(value, threshold))
    }

    // MARK: Shares, which samples only estimate

    /// "p99 < L" and "at least 99 % are below L" are one question; the second has an exact interval.
    private func percentile(_ thousandths: Int) -> ClaimResult {
        let values = sorted
        let share = Double(thousandths) / 100_000
        let value = NearestRank.value(of: values, thousandths: thousandths) ?? 0
        let figure = "\(claim.statistic.text) \(text(value))\(interval(of: values, thousandths))"
        // For an upper limit the good ones are on its good side; for a lower limit few enough may lie below it.
        let below = values.count { isUpperLimit ? claim.comparison.holds($0, threshold) : !claim.comparison.holds($0, threshold) }
        let minimum = minimumSamples ?? NearestRank.automaticMinimum(thousandths: thousandths)
        var result = proportion(below, share: share, atLeast: isUpperLimit, figure: figure, minimum: minimum)
        result.margin = claim.comparison.margin(value, threshold)
        return result
    }

    private func share(below bound: Double) -> ClaimResult {
        let good = samples.count { $0.rankedValue < bound }
        let value = Double(good) / Double(samples.count)
        let figure = "\(claim.statistic.text) \(FigureText.share(value))"
        let decided = claim.comparison == .equal || threshold <= 0 || threshold >= 1
        if decided {
            if let missing { return unproven(figure, missing) }
            return ClaimResult(
                verdict: claim.comparison.holds(value, threshold) ? .pass : .fail, figure: figure, samples: samples.count,
                reason: unansweredNote, margin: claim.comparison.margin(value, threshold))
        }
        let automatic = NearestRank.automaticMinimum(thousandths: Int((max(threshold, 1 - threshold) * 100_000).rounded()))
        var result = proportion(good, share: threshold, atLeast: !isUpperLimit, figure: figure, minimum: minimumSamples ?? automatic)
        result.margin = claim.comparison.margin(value, threshold)
        return result
    }

    private func proportion(_ good: Int, share: Double, atLeast: Bool, figure: String, minimum: Int) -> ClaimResult {
        if samples.count < minimum {
            return unproven(figure, "\(samples.count) of \(minimum) samples, \(minimum - samples.count) more needed")
        }
        let estimate = BinomialProportion(good: good, of: samples.count, confidence: confidence)
        let answer = estimate.compared(with: share)
        if answer == .undecided {
            let ends = "\(FigureText.share(estimate.lower)) to \(FigureText.share(estimate.upper))"
            return unproven(figure, "\(good) of \(samples.count) are below the limit, so between \(ends) are; needed \(FigureText.share(share))")
        }
        return ClaimResult(
            verdict: (answer == .above) == atLeast ? .pass : .fail, figure: figure, samples: samples.count, reason: unansweredNote)
    }

    private func interval(of values: [Double], _ thousandths: Int) -> String {
        let ranks = BinomialProportion.ranks(ofPercentile: thousandths, count: values.count, confidence: confidence)
        switch (ranks.lower, ranks.upper) {
        case (let lower?, let upper?): return " [\(text(values[lower - 1])), \(text(values[upper - 1]))]"
        case (let lower?, nil): return " [≥ \(text(values[lower - 1]))]"
        case (nil, _): return ""
        }
    }

    // MARK: Words

    private func unproven(_ figure: String, _ reason: String) -> ClaimResult {
        ClaimResult(verdict: .unproven, figure: figure, samples: samples.count, reason: reason)
    }

    private var missing: String? {
        guard let minimum = minimumSamples, samples.count < minimum else { return nil }
        return "\(samples.count) of \(minimum) samples, \(minimum - samples.count) more needed"
    }

    private var unansweredNote: String? {
        let count = samples.count { !$0.isAnswered }
        return count == 0 ? nil : "\(count) without an answer, counted as worse than all"
    }

    private var mismatchedUnits: String? {
        if case .shareBelow(let bound) = claim.statistic {
            return isTime == (bound.dimension == .time) ? nil : "'\(bound.source)' and the measurement have different units"
        }
        return isTime == (claim.threshold.dimension == .time)
            ? nil : "'\(claim.threshold.source)' and the measurement have different units"
    }

    private func text(_ value: Double) -> String {
        if value == .infinity { return "> " + text(samples.map(\.value).max() ?? 0) }
        if isTime { return FigureText.duration(nanoseconds: value) }
        return claim.threshold.dimension == .share ? FigureText.share(value) : FigureText.number(value)
    }
}

extension Requirement.Comparison {
    func holds(_ value: Double, _ threshold: Double) -> Bool {
        switch self {
        case .less: value < threshold
        case .lessOrEqual: value <= threshold
        case .greater: value > threshold
        case .greaterOrEqual: value >= threshold
        case .equal: value == threshold
        }
    }

    func margin(_ value: Double, _ threshold: Double) -> Double {
        switch self {
        case .less, .lessOrEqual: threshold - value
        case .greater, .greaterOrEqual: value - threshold
        case .equal: -abs(value - threshold)
        }
    }
}
