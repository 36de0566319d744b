import Foundation

/// The rank-sum test of Mann and Whitney for two samples that are not paired, exact with ties (sla.md §3.4).
package struct MannWhitney: Sendable, Equatable {
    /// Pairs in which the first sample's value is the larger; an equal pair counts half.
    package let u1: Double
    /// Pairs in which the second sample's value is the larger.
    package let u2: Double
    /// Two-sided; `nil` where all values are the same, which is no verdict.
    package let pValue: Double?
    /// Over all splits of the pooled values, or by the normal distribution.
    package let isExact: Bool
    /// Vargha and Delaney's A: P(first > second) + ½·P(first = second), 0 to 1, ½ for no effect.
    package let superiority: Double
    /// The median of all differences first-second (Hodges and Lehmann).
    package let shift: Double

    /// Cliff's δ, -1 to 1.
    package var cliffDelta: Double { 2 * superiority - 1 }

    /// The most values of one sample.
    package static let largestCount = 1_000_000
    /// Exact where both samples have at most 12 values, or the pooled values have at most so many splits; else normal with
    /// corrections for ties and continuity.
    package static let mostSplits = 1_000_000

    /// - Parameters: two samples of 1 to 1,000,000 values within ±10^150.
    package init(_ first: [Double], _ second: [Double]) throws(StatisticsError) {
        try Values.check(first)
        try Values.check(second)
        let (n1, n2) = (first.count, second.count)
        let ranks = MidRanks(first + second)
        let doubledSum = ranks.doubled[..<n1].reduce(0, +)
        let doubledU = doubledSum - n1 * (n1 + 1)
        (u1, u2) = (Double(doubledU) / 2, Double(2 * n1 * n2 - doubledU) / 2)
        superiority = u1 / (Double(n1) * Double(n2))
        shift = KthSmallest.medianOfDifferences(first.sorted(), second.sorted())
        let isExact = max(n1, n2) <= 12 || Self.splitCount(n1 + n2, min(n1, n2)) != nil
        self.isExact = isExact
        if ranks.groups.count == 1 {
            pValue = nil
        } else if doubledU == n1 * n2 {
            pValue = 1
        } else if isExact {
            // The smaller sample's sum says the same and has fewer choices.
            let total = (n1 + n2) * (n1 + n2 + 1)
            pValue =
                n1 <= n2
                ? Self.exact(ranks.groups, choose: n1, sum: doubledSum) : Self.exact(ranks.groups, choose: n2, sum: total - doubledSum)
        } else {
            pValue = Self.normal(u1, n1, n2, ranks.tieSum)
        }
    }

    /// C(n, k), where it is at most `mostSplits`.
    private static func splitCount(_ n: Int, _ k: Int) -> Int? {
        var count = 1
        for step in 1...k {
            // Exact at each step: the product of so many successive numbers divides.
            count = count * (n - k + step) / step
            if count > mostSplits { return nil }
        }
        return count
    }

    /// Twice the share of the splits whose sum of doubled ranks is at least as far out, on its side, as this one.
    private static func exact(_ groups: [MidRanks.Group], choose k: Int, sum: Int) -> Double {
        let ways = RankSums.ways(groups, choose: k)
        let total = ways.reduce(0, +)
        let mean = k * (groups.reduce(0) { $0 + $1.size } + 1)
        let tail = sum < mean ? ways[...sum].reduce(0, +) : ways[sum...].reduce(0, +)
        return min(1, 2 * tail / total)
    }

    /// By the normal distribution, with corrections for ties and continuity.
    static func normal(_ u: Double, _ n1: Int, _ n2: Int, _ ties: Double) -> Double {
        let (product, n) = (Double(n1) * Double(n2), Double(n1 + n2))
        let variance = product / 12 * ((n + 1) - ties / (n * (n - 1)))
        let distance = max(abs(u - product / 2) - 0.5, 0)
        return NormalDistribution.twoSided(distance / variance.squareRoot())
    }
}

/// Sums of doubled ranks, counted over all choices.
enum RankSums {
    /// In how many ways `k` values can be chosen whose doubled ranks have the sum that is the index.
    ///
    /// Exact below 2^53 ways. Group by group: any number of its equal values joins any choice from the groups before.
    static func ways(_ groups: [MidRanks.Group], choose k: Int) -> [Double] {
        let largest = 2 * groups.reduce(0) { $0 + $1.size }
        var ways = (0...k).map { [Double](repeating: 0, count: $0 * largest + 1) }
        ways[0][0] = 1
        var seen = 0
        // The largest sum so far of each number chosen.
        var reach = [Int](repeating: 0, count: k + 1)
        for group in groups {
            let choices = binomials(group.size, upTo: k)
            let before = seen
            seen = min(seen + group.size, k)
            // From the many to the few, so that what is read is still without this group.
            for chosen in stride(from: seen, to: 0, by: -1) {
                for joining in max(1, chosen - before)...min(group.size, chosen) {
                    let rest = chosen - joining
                    for sum in 0...reach[rest] where ways[rest][sum] > 0 {
                        ways[chosen][sum + joining * group.doubled] += ways[rest][sum] * choices[joining]
                    }
                    reach[chosen] = max(reach[chosen], reach[rest] + joining * group.doubled)
                }
            }
        }
        return ways[k]
    }

    /// C(n, 0), C(n, 1), ... C(n, k).
    private static func binomials(_ n: Int, upTo k: Int) -> [Double] {
        var result = [1.0]
        for step in 1...max(k, 1) { result.append(step > n ? 0 : result[step - 1] * Double(n - step + 1) / Double(step)) }
        return result
    }
}
