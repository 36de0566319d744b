import LabCore
import Statistics

/// How one claim came out over one set of samples.
struct ClaimResult: Sendable {
    var verdict: Verdict
    var figure: String
    var samples: Int
    var reason: String?
    /// How far the figure is on the good side, to name the worst of several.
    var margin = 0.0
    /// The figure with its interval, in the unit of the threshold.
    var value: Double?
    var lower: Double?
    var upper: Double?
    var threshold: Requirement.Quantity?
    /// So many more samples are needed.
    var missing: Int?
}

/// Judges one claim such as `p99(heartbeat) < 150ms` over what is known within a span of time.
struct ClaimJudge: Sendable {
    let claim: Requirement.Claim
    let evidence: Evidence
    /// Two-sided; higher where several windows share one confidence.
    let confidence: Double
    let minimum: Limit.MinimumSamples
    /// The share of good items that `burn` counts against.
    var target: Double?
    /// How late the lab's own timers were at worst, in ns of the run's time; 0 where time is virtual.
    var lateness = 0.0

    var threshold: Double { claim.threshold.value }
    var isUpperLimit: Bool { claim.comparison == .less || claim.comparison == .lessOrEqual }
    var values: Distribution { evidence.values }

    func result() -> ClaimResult {
        var result = judged()
        result.threshold = claim.threshold
        return result
    }

    private func judged() -> ClaimResult {
        if let count = counted() { return count }
        if values.count == 0 { return ClaimResult(verdict: .unproven, figure: "no samples", samples: 0, missing: max(1, smallest ?? 1)) }
        if let result = ofItems() { return result }
        if let reason = claim.statistic.needsLoad {
            return ClaimResult(verdict: .unproven, figure: "not measured", samples: values.count, reason: reason)
        }
        if let reason = mismatchedUnits { return ClaimResult(verdict: .unproven, figure: "no figure", samples: values.count, reason: reason) }
        switch claim.statistic {
        case .percentile(let thousandths) where (1..<100_000).contains(thousandths) && claim.comparison != .equal:
            return percentile(thousandths)
        case .percentile(let thousandths): return plain(values.percentile(thousandths), name: claim.statistic.text)
        case .shareBelow(let bound): return share(below: bound.value)
        case .max: return plain(values.largest, name: "max")
        case .mean: return plain(values.mean, name: "mean")
        default: return plain(worst, name: nil)
        }
    }

    // MARK: Plain comparisons

    private var worst: Double {
        switch claim.comparison {
        case .less, .lessOrEqual: values.largest
        case .greater, .greaterOrEqual: values.smallest
        case .equal: abs(values.smallest - threshold) > abs(values.largest - threshold) ? values.smallest : values.largest
        }
    }

    private func plain(_ value: Double, name: String?) -> ClaimResult {
        let figure = [name, values.text(value, text)].compactMap { $0 }.joined(separator: " ")
        if let few = tooFew(figure, value) { return few }
        if let doubt = isOfTheLab(value) {
            var result = unproven(figure, doubt)
            (result.margin, result.value) = (claim.comparison.margin(value, threshold), value)
            return result
        }
        return ClaimResult(
            verdict: claim.comparison.holds(value, threshold) ? .pass : .fail, figure: figure, samples: values.count,
            reason: unansweredNote, margin: claim.comparison.margin(value, threshold), value: value)
    }

    /// What misses its limit by less than the lab itself was late says nothing of the system. Loads have their own measure of that (sla.md §1.3).
    private func isOfTheLab(_ value: Double) -> String? {
        guard case .samples = evidence.source, evidence.isTime, isUpperLimit, lateness > 0, !claim.comparison.holds(value, threshold),
            claim.comparison.holds(value - lateness, threshold)
        else { return nil }
        return "the lab's own timers were up to \(FigureText.duration(nanoseconds: lateness)) of the run's time late, and it misses by less"
    }

    /// A figure that is the same for every number of samples, none included.
    func exact(_ value: Double, _ figure: String, samples: Int, reason: String? = nil) -> ClaimResult {
        ClaimResult(
            verdict: claim.comparison.holds(value, threshold) ? .pass : .fail, figure: figure, samples: samples, reason: reason,
            margin: claim.comparison.margin(value, threshold), value: value)
    }

    // MARK: Shares, which samples only estimate

    /// "p99 < L" and "at least 99 % are below L" are one question; the second has an exact interval.
    private func percentile(_ thousandths: Int) -> ClaimResult {
        let value = values.percentile(thousandths)
        let ranks = BinomialProportion.ranks(ofPercentile: thousandths, count: values.count, confidence: confidence)
        let (lower, upper) = (ranks.lower.map(values.value(rank:)), ranks.upper.map(values.value(rank:)))
        let figure = "\(claim.statistic.text) \(values.text(value, text))\(interval(lower, upper))"
        // For an upper limit the good ones are on its good side; for a lower limit few enough may lie below it.
        let isInclusive = claim.comparison == .lessOrEqual || claim.comparison == .greater
        let below = values.count(below: threshold, orEqual: isInclusive)
        let needed = minimum.forPercentile(thousandths, confidence: confidence)
        var result = proportion(below, share: Double(thousandths) / 100_000, atLeast: isUpperLimit, figure: figure, minimum: needed)
        result.margin = claim.comparison.margin(value, threshold)
        (result.value, result.lower, result.upper) = (value, lower, upper)
        return result
    }

    private func share(below bound: Double) -> ClaimResult {
        let good = values.count(below: bound, orEqual: false)
        let value = Double(good) / Double(values.count)
        return estimated(good, figure: "\(claim.statistic.text) \(FigureText.share(value))") {
            minimum.forPercentile(Int(($0 * 100_000).rounded()), confidence: confidence)
        }
    }

    /// A share of all samples against the threshold: by its interval, where the threshold leaves chance a part.
    ///
    /// - Parameter needed: the samples for a share that must be proven; strict ones where it is `nil`.
    func estimated(_ count: Int, figure: String, needed: ((Double) -> Int)? = nil) -> ClaimResult {
        let value = Double(count) / Double(values.count)
        if claim.comparison == .equal || threshold <= 0 || threshold >= 1 {
            if let few = tooFew(figure, value) { return few }
            return exact(value, figure, samples: values.count, reason: unansweredNote)
        }
        let proven = isUpperLimit ? 1 - threshold : threshold
        let smallest: Int
        switch (minimum, needed) {
        case (.count(let written), _): smallest = written
        case (_, let needed?): smallest = needed(max(proven, 1 - proven))
        case (.strict, nil): smallest = Limit.MinimumSamples.strict(share: proven, confidence: confidence)
        case (.auto, nil): smallest = 1
        }
        var result = proportion(count, share: threshold, atLeast: !isUpperLimit, figure: figure, minimum: smallest)
        result.margin = claim.comparison.margin(value, threshold)
        let estimate = BinomialProportion(good: count, of: values.count, confidence: confidence)
        (result.value, result.lower, result.upper) = (value, estimate.lower, estimate.upper)
        return result
    }

    private func proportion(_ good: Int, share: Double, atLeast: Bool, figure: String, minimum: Int) -> ClaimResult {
        let count = values.count
        if count < minimum { return unproven(figure, "\(count) of \(minimum) samples, \(minimum - count) more needed", missing: minimum - count) }
        let estimate = BinomialProportion(good: good, of: count, confidence: confidence)
        let answer = estimate.compared(with: share)
        if answer == .undecided {
            let ends = "\(FigureText.share(estimate.lower)) to \(FigureText.share(estimate.upper))"
            let missing = Self.missing(good, of: count, share: share, confidence: confidence)
            let more = missing.map { ", about \($0) more samples needed" } ?? ""
            return unproven(
                figure, "\(good) of \(count) are \(sideText), so \(ends) of all are; needed \(FigureText.share(share))\(more)", missing: missing)
        }
        return ClaimResult(verdict: (answer == .above) == atLeast ? .pass : .fail, figure: figure, samples: count, reason: unansweredNote)
    }

    private var sideText: String {
        switch claim.statistic {
        case .ratio, .availability: "good"
        case .errors: "bad"
        default: "below the limit"
        }
    }

    /// The samples that would decide if their share stayed what it is; `nil` where no number within reason would.
    static func missing(_ good: Int, of count: Int, share: Double, confidence: Double) -> Int? {
        let observed = Double(good) / Double(max(count, 1))
        func decides(_ samples: Int) -> Bool {
            let scaled = Int((observed * Double(samples)).rounded())
            return BinomialProportion(good: scaled, of: samples, confidence: confidence).compared(with: share) != .undecided
        }
        var high = max(count, 1)
        while !decides(high) {
            guard high < 100_000_000 else { return nil }
            high *= 2
        }
        var low = high / 2
        while low + 1 < high {
            let middle = (low + high) / 2
            if decides(middle) { high = middle } else { low = middle }
        }
        return high > count ? high - count : nil
    }

    private func interval(_ lower: Double?, _ upper: Double?) -> String {
        switch (lower, upper) {
        case (let lower?, let upper?): " [\(values.text(lower, text)), \(values.text(upper, text))]"
        case (let lower?, nil): " [≥ \(values.text(lower, text))]"
        case (nil, _): ""
        }
    }

    // MARK: Words

    func unproven(_ figure: String, _ reason: String, missing: Int? = nil, value: Double? = nil) -> ClaimResult {
        ClaimResult(verdict: .unproven, figure: figure, samples: values.count, reason: reason, value: value, missing: missing)
    }

    /// The number that the limit writes.
    var smallest: Int? { if case .count(let count) = minimum { count } else { nil } }

    func tooFew(_ figure: String, _ value: Double) -> ClaimResult? {
        guard let smallest, values.count < smallest else { return nil }
        let missing = smallest - values.count
        return unproven(figure, "\(values.count) of \(smallest) samples, \(missing) more needed", missing: missing, value: value)
    }

    var unansweredNote: String? { values.unanswered == 0 ? nil : "\(values.unanswered) without an answer, counted as worse than all" }

    private var mismatchedUnits: String? {
        if case .shareBelow(let bound) = claim.statistic {
            return evidence.isTime == (bound.dimension == .time) ? nil : "'\(bound.source)' and the measurement have different units"
        }
        return evidence.isTime == (claim.threshold.dimension == .time)
            ? nil : "'\(claim.threshold.source)' and the measurement have different units"
    }

    func text(_ value: Double) -> String {
        if evidence.isTime { return FigureText.duration(nanoseconds: value) }
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
