import Foundation

/// What `good` of `count` says about the share behind it: the interval of Clopper and Pearson (sla.md §3.5).
package struct BinomialProportion: Sendable, Equatable {
    package let good: Int
    package let count: Int
    /// Two-sided: 0.95 leaves 2.5 % on either side.
    package let confidence: Double

    /// - Parameters:
    ///   - good: 0 to `count`.
    ///   - count: 1 or more.
    package init(good: Int, of count: Int, confidence: Double = 0.95) {
        self.good = good
        self.count = count
        self.confidence = confidence
    }

    private var tail: Double { (1 - confidence) / 2 }

    /// The smallest share that could well have given so many good ones.
    package var lower: Double {
        good == 0 ? 0 : Self.solve { share in Self.atLeast(good, of: count, share: share) < tail }
    }

    /// The largest share that could well have given so few good ones.
    package var upper: Double {
        good == count ? 1 : Self.solve { share in 1 - Self.atLeast(good + 1, of: count, share: share) >= tail }
    }

    package enum Answer: Sendable { case above, below, undecided }

    /// Whether the whole interval is on one side of `share`; its lower end may touch it.
    package func compared(with share: Double) -> Answer {
        if lower >= share { return .above }
        return upper < share ? .below : .undecided
    }

    /// P(X ≥ k) for X ~ Binomial(n, share), k from 1 to n.
    static func atLeast(_ k: Int, of n: Int, share: Double) -> Double {
        BetaDistribution.cumulative(share, Double(k), Double(n - k + 1))
    }

    /// The place in 0...1 where a condition that holds on the left stops to hold.
    private static func solve(_ holds: (Double) -> Bool) -> Double {
        var (low, high) = (0.0, 1.0)
        for _ in 0..<80 {
            let middle = (low + high) / 2
            if holds(middle) { low = middle } else { high = middle }
        }
        return (low + high) / 2
    }

    /// The ranks between which a percentile lies (sla.md §3.6): X ~ Binomial(n, p); the lower is the largest rank with
    /// P(X ≤ rank-1) ≤ α/2, the upper the smallest with P(X ≥ rank) ≤ α/2.
    ///
    /// - Returns: `nil` for an end where there are too few samples.
    package static func ranks(
        ofPercentile thousandths: Int, count: Int, confidence: Double = 0.95
    ) -> (lower: Int?, upper: Int?) {
        let share = Double(thousandths) / 100_000
        let tail = (1 - confidence) / 2
        guard share > 0, share < 1, count > 0 else { return (nil, nil) }
        // Both tails fall and rise with the rank, so halving finds the ends.
        let lower = lastRank(in: 1...count) { rank in 1 - atLeast(rank, of: count, share: share) <= tail }
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
    package static func strictMinimum(share: Double, confidence: Double = 0.95) -> Int? {
        guard share > 0, share < 1 else { return nil }
        return Int(exactly: (log((1 - confidence) / 2) / log(share)).rounded(.up))
    }
}
