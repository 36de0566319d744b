import Foundation

/// The signed-rank test of Wilcoxon for paired differences, exact with ties, with the estimate and the interval that belong to it
/// (sla.md §3.8).
package struct WilcoxonSignedRank: Sendable, Equatable {
    /// The sum of the ranks of the differences above 0; equal sizes share their mean rank, zeros are left out.
    package let positiveSum: Double
    package let negativeSum: Double
    /// Differences that are not 0.
    package let count: Int
    /// Two-sided; `nil` where all differences are 0, which is no verdict.
    package let pValue: Double?
    /// Over all signs, or by the normal distribution.
    package let isExact: Bool
    /// The median of the Walsh averages, the means of all pairs of differences (Hodges and Lehmann). Zeros count here.
    package let estimate: Double
    private let sorted: [Double]

    /// Exact up to so many differences; above, normal with corrections for ties and continuity.
    package static let mostExact = 100
    /// The most differences.
    package static let largestCount = 1_000_000

    /// - Parameter differences: 1 to 1,000,000 within ±10^150.
    package init(_ differences: [Double]) throws(StatisticsError) {
        try Values.check(differences)
        sorted = differences.sorted()
        estimate = KthSmallest.medianOfWalshAverages(sorted)
        let kept = differences.filter { $0 != 0 }
        count = kept.count
        let ranks = MidRanks(kept.map(\.magnitude))
        var doubled = 0
        for (difference, rank) in zip(kept, ranks.doubled) where difference > 0 { doubled += rank }
        let total = kept.count * (kept.count + 1)
        (positiveSum, negativeSum) = (Double(doubled) / 2, Double(total - doubled) / 2)
        isExact = kept.count <= Self.mostExact
        let smaller = min(doubled, total - doubled)
        if kept.isEmpty {
            pValue = nil
        } else if isExact {
            pValue = min(1, 2 * SignedRankSums.probabilities(ranks.doubled)[...smaller].reduce(0, +))
        } else {
            let n = Double(kept.count)
            let variance = n * (n + 1) * (2 * n + 1) / 24 - ranks.tieSum / 48
            let distance = max(Double(total) / 4 - Double(smaller) / 2 - 0.5, 0)
            pValue = NormalDistribution.twoSided(distance / variance.squareRoot())
        }
    }

    /// The differences that the test would not refute: from the K-th smallest Walsh average to the K-th largest, with the largest
    /// K for which P(W ≤ K-1) ≤ α/2.
    ///
    /// - Returns: `nil` where so few differences cannot refute any: below 6 at 95 %, below 8 at 99 %.
    package func interval(confidence: Double) throws(StatisticsError) -> ClosedRange<Double>? {
        try Values.check(confidence: confidence)
        let n = sorted.count
        guard let rank = Self.rank(count: n, tail: (1 - confidence) / 2) else { return nil }
        let (low, high) = (KthSmallest.walshAverage(sorted, rank: rank), KthSmallest.walshAverage(sorted, rank: n * (n + 1) / 2 + 1 - rank))
        return low...max(low, high)
    }

    private static func rank(count: Int, tail: Double) -> Int? {
        if count > mostExact {
            let n = Double(count)
            guard let z = NormalDistribution.quantile(1 - tail) else { return nil }
            let rank = (n * (n + 1) / 4 + 0.5 - z * (n * (n + 1) * (2 * n + 1) / 24).squareRoot()).rounded(.down)
            return rank >= 1 ? Int(rank) : nil
        }
        var (sum, rank) = (0.0, 0)
        for probability in SignedRankSums.probabilities(Array(1...count)) {
            sum += probability
            if sum > tail { break }
            rank += 1
        }
        // At most the middle, where the ends would change places.
        return rank > 0 ? min(rank, (count * (count + 1) / 2 + 1) / 2) : nil
    }
}

/// Sums of the ranks that have a positive sign, when every sign is as likely as the other.
enum SignedRankSums {
    /// The probability of each sum, which is the index.
    static func probabilities(_ ranks: [Int]) -> [Double] {
        var probabilities = [Double](repeating: 0, count: ranks.reduce(0, +) + 1)
        probabilities[0] = 1
        var reach = 0
        for rank in ranks {
            for sum in stride(from: reach + rank, through: 0, by: -1) {
                probabilities[sum] = (probabilities[sum] + (sum >= rank ? probabilities[sum - rank] : 0)) / 2
            }
            reach += rank
        }
        return probabilities
    }
}

/// The sign test: how many differences are above and below 0.
package struct SignTest: Sendable, Equatable {
    package let positive: Int
    package let negative: Int

    /// - Parameter differences: zeros and what is no number are left out.
    package init(_ differences: [Double]) {
        positive = differences.count { $0 > 0 }
        negative = differences.count { $0 < 0 }
    }

    /// Two-sided, by the binomial distribution with one half; `nil` without any sign.
    package var pValue: Double? {
        let (count, fewer) = (positive + negative, min(positive, negative))
        guard count > 0 else { return nil }
        return fewer == count - fewer ? 1 : min(1, 2 * BinomialProportion.atMost(fewer, of: count, share: 0.5))
    }
}
