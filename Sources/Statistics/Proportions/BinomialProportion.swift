import Foundation

/// What `good` of `count` says about the share behind it: the interval of Clopper and Pearson (sla.md §3.5).
///
/// Exact to about 11 digits while the good ones or the others are at most 10^9; else the score interval of Wilson with correction
/// for continuity, which is as good as exact for so many.
package struct BinomialProportion: Sendable, Equatable {
    package let good: Int
    package let count: Int
    /// Two-sided: 0.95 leaves 2.5 % on either side.
    package let confidence: Double

    /// The most samples for which ranks are computed, and the most of the rarer kind for which shares are computed exactly.
    package static let largestExactCount = 1_000_000_000

    /// - Parameters:
    ///   - good: 0 to `count`; what is outside is taken as the nearer end.
    ///   - count: 0 or more; no samples leave the whole of 0...1 open.
    ///   - confidence: 0 to 1; with 1, or what is no number, the interval is all of 0...1.
    package init(good: Int, of count: Int, confidence: Double = 0.95) {
        self.count = max(count, 0)
        self.good = min(max(good, 0), self.count)
        self.confidence = confidence.isNaN ? 1 : min(max(confidence, 0), 1)
    }

    private var tail: Double { (1 - confidence) / 2 }

    /// The smallest share that could well have given so many good ones.
    package var lower: Double {
        if good == 0 || tail == 0 { return 0 }
        if good == count { return exp(log(tail) / Double(count)) }
        if min(good, count - good) > Self.largestExactCount { return wilson(good, side: -1) }
        return Root.between(0, 1) { share in Self.atLeast(good, of: count, share: share) < tail }
    }

    /// The largest share that could well have given so few good ones.
    package var upper: Double {
        if good == count || tail == 0 { return 1 }
        if good == 0 { return -expm1(log(tail) / Double(count)) }
        if min(good, count - good) > Self.largestExactCount { return wilson(good, side: 1) }
        return Root.between(0, 1) { share in Self.atMost(good, of: count, share: share) >= tail }
    }

    private func wilson(_ good: Int, side: Double) -> Double {
        guard let z = NormalDistribution.quantile(1 - tail) else { return side > 0 ? 1 : 0 }
        let n = Double(count)
        let share = (Double(good) + side / 2) / n
        let middle = share + z * z / (2 * n)
        let half = z * (share * (1 - share) / n + z * z / (4 * n * n)).squareRoot()
        return min(max((middle + side * half) / (1 + z * z / n), 0), 1)
    }

    package enum Answer: Sendable { case above, below, undecided }

    /// Whether the whole interval is on one side of `share`; its lower end may touch it.
    package func compared(with share: Double) -> Answer {
        if count == 0 { return .undecided }
        if lower >= share { return .above }
        return upper < share ? .below : .undecided
    }

    /// P(X ≥ k) for X ~ Binomial(n, share), k from 1 to n.
    static func atLeast(_ k: Int, of n: Int, share: Double) -> Double {
        BetaDistribution.tails(share, Double(k), Double(n - k + 1)).lower
    }

    /// P(X ≤ k) for X ~ Binomial(n, share), k from 0 to n-1; not one minus the rest, so that small ones keep their digits.
    static func atMost(_ k: Int, of n: Int, share: Double) -> Double {
        BetaDistribution.tails(share, Double(k + 1), Double(n - k)).upper
    }

    /// The ranks between which a percentile lies (sla.md §3.6): X ~ Binomial(n, p); the lower is the largest rank with
    /// P(X ≤ rank-1) ≤ α/2, the upper the smallest with P(X ≥ rank) ≤ α/2.
    ///
    /// - Parameters:
    ///   - thousandths: the percentile in thousandths of a percent, above 0 and below 100,000.
    ///   - count: 1 to 10^9 samples.
    /// - Returns: `nil` for an end where there are too few samples, and for both ends where the parameters are out of range.
    package static func ranks(
        ofPercentile thousandths: Int, count: Int, confidence: Double = 0.95
    ) -> (lower: Int?, upper: Int?) {
        let share = Double(thousandths) / 100_000
        let tail = (1 - confidence) / 2
        guard share > 0, share < 1, (1...largestExactCount).contains(count), tail > 0, tail <= 0.5 else { return (nil, nil) }
        // Both tails fall and rise with the rank, so halving finds the ends.
        let lower = lastRank(in: 1...count) { rank in atMost(rank - 1, of: count, share: share) <= tail }
        let beforeUpper = lastRank(in: 1...count) { rank in atLeast(rank, of: count, share: share) > tail } ?? 0
        return (lower, beforeUpper < count ? beforeUpper + 1 : nil)
    }

    private static func lastRank(in ranks: ClosedRange<Int>, where holds: (Int) -> Bool) -> Int? {
        guard holds(ranks.lowerBound) else { return nil }
        var (low, high) = (ranks.lowerBound, ranks.upperBound)
        while low < high {
            let middle = low + (high - low + 1) / 2
            if holds(middle) { low = middle } else { high = middle - 1 }
        }
        return low
    }

    /// The samples, all good, that prove a share: ⌈ln((1-c)/2)/ln(share)⌉ (sla.md §2.4, `strict`).
    ///
    /// - Returns: `nil` where no number of samples would do.
    package static func strictMinimum(share: Double, confidence: Double = 0.95) -> Int? {
        guard share > 0, share < 1, confidence >= 0, confidence < 1 else { return nil }
        return Int(exactly: (log((1 - confidence) / 2) / log(share)).rounded(.up))
    }
}
