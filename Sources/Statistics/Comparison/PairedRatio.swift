import Foundation

/// How much larger B is than A in interleaved pairs (ABBA): ln(B/A) of each pair, the Hodges-Lehmann ratio, its interval by
/// inverting Wilcoxon's test, a t interval beside it (sla.md §3.8, §1.4).
///
/// Larger counts as worse, as for times and costs; of throughput give the reciprocals.
package struct PairedRatio: Sendable, Equatable {
    package let count: Int
    package let confidence: Double
    /// B/A.
    package let ratio: Double
    /// `nil` with too few pairs for the confidence: below 6 at 95 %, below 8 at 99 %.
    package let interval: ClosedRange<Double>?
    /// By Student's t of the logarithms: for comparison, and `nil` for one pair.
    package let studentInterval: ClosedRange<Double>?
    /// Wilcoxon's test; `nil` where all pairs are equal.
    package let pValue: Double?
    /// The sign test.
    package let signPValue: Double?
    /// B-A, in the unit of the values: the median of the Walsh averages.
    package let shift: Double
    package let shiftInterval: ClosedRange<Double>?

    package enum Outcome: String, Sendable { case regressed, same, cannotTell }

    /// - Parameters:
    ///   - before: A of each pair, above 0; 1 to 1,000,000.
    ///   - after: B of each pair.
    ///   - confidence: between 0 and 1.
    package init(before: [Double], after: [Double], confidence: Double = 0.95) throws(StatisticsError) {
        guard before.count == after.count else { throw .lengthsDiffer(before.count, after.count) }
        try Values.checkPositive(before)
        try Values.checkPositive(after)
        try Values.check(confidence: confidence)
        let logarithms = zip(before, after).map { log($1) - log($0) }
        let ratios = try WilcoxonSignedRank(logarithms)
        let shifts = try WilcoxonSignedRank(zip(before, after).map { $1 - $0 })
        count = before.count
        self.confidence = confidence
        ratio = Self.exponential(ratios.estimate)
        interval = try ratios.interval(confidence: confidence).map(Self.exponential)
        studentInterval = Self.studentInterval(logarithms, confidence: confidence).map(Self.exponential)
        pValue = ratios.pValue
        signPValue = SignTest(logarithms).pValue
        shift = shifts.estimate
        shiftInterval = try shifts.interval(confidence: confidence)
    }

    /// The fewest pairs that have an interval: with all n differences on one side Wilcoxon's p-value is 2/2ⁿ. 6 at 95 %, 8 at 99 %.
    package static func fewestPairs(confidence: Double) -> Int { (1...64).first { 2 / Double(sign: .plus, exponent: $0, significand: 1) <= 1 - confidence } ?? 64 }

    /// The mean ± t·s/√n; `nil` for one value.
    private static func studentInterval(_ values: [Double], confidence: Double) -> ClosedRange<Double>? {
        let n = Double(values.count)
        guard n > 1, let t = StudentDistribution.twoSidedQuantile(1 - confidence, freedom: n - 1) else { return nil }
        let mean = Values.mean(values)
        let half = t * (Values.squares(values, around: mean) / (n - 1) / n).squareRoot()
        return mean - half...mean + half
    }

    /// Stays finite: a t interval of two far values has ends that no `Double` holds.
    private static func exponential(_ value: Double) -> Double { min(exp(value), .greatestFiniteMagnitude) }

    private static func exponential(_ range: ClosedRange<Double>) -> ClosedRange<Double> {
        exponential(range.lowerBound)...exponential(range.upperBound)
    }

    /// Half the interval: the smallest effect that so many pairs can see.
    package var resolution: Double? { interval.map { ($0.upperBound - $0.lowerBound) / 2 } }

    /// Whether B is worse than A by more than a share and by at least an absolute amount.
    ///
    /// - Parameters:
    ///   - effect: δ, above 0: 0.05 for 5 %.
    ///   - floor: in the unit of the values, 0 or more: `at-least` of sla.md §2.2.
    /// - Returns: `regressed` where the interval of the ratio is above 1+δ and that of the shift at or above the floor; `same`
    ///   where that of the ratio is within 1/(1+δ)...1+δ, or that of the shift within ±floor; `cannotTell` else. An interval
    ///   below 1/(1+δ) is no regression, yet not the same: see `isImproved`.
    package func outcome(worseBy effect: Double, atLeast floor: Double = 0) throws(StatisticsError) -> Outcome {
        guard effect > 0, effect.isFinite else { throw .badParameter("the effect", effect, range: "a share above 0") }
        guard floor >= 0, floor.isFinite else { throw .badParameter("the floor", floor, range: "0 or more") }
        guard let interval, let shiftInterval else { return .cannotTell }
        let isBelowFloor = floor > 0 && shiftInterval.lowerBound > -floor && shiftInterval.upperBound < floor
        if isBelowFloor || interval.lowerBound >= 1 / (1 + effect) && interval.upperBound <= 1 + effect { return .same }
        let reachesFloor = floor == 0 || shiftInterval.lowerBound >= floor
        return interval.lowerBound > 1 + effect && reachesFloor ? .regressed : .cannotTell
    }

    /// The whole interval is below 1/(1+δ): more pairs would not change that this is no regression.
    package func isImproved(by effect: Double) -> Bool { interval.map { $0.upperBound < 1 / (1 + effect) } ?? false }
}
