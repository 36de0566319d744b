import LabCore

/// Intervals by drawing again from the samples (sla.md §3.7), the same to the last bit for the same seed.
///
/// For p50 to p95 and for ratios: what is larger than the largest sample it cannot see. Requests of one run are not independent;
/// draw runs.
package struct Bootstrap: Sendable, Equatable {
    /// The statistic of the samples themselves.
    package let estimate: Double
    package let lower: Double
    package let upper: Double

    /// The most samples times replicates.
    package static let mostDraws = 100_000_000

    /// The interval of any statistic.
    ///
    /// Sample i of a replicate is the one at the high 64 bits of u·n, with u the next number of SplitMix64. The ends are the
    /// ⌈αB/2⌉-th and the ⌈(1-α/2)B⌉-th of the sorted replicates.
    ///
    /// - Parameters:
    ///   - samples: 1 or more, within ±10^150; their order matters to the last bit.
    ///   - replicates: B, 1 or more; samples times replicates are at most 10^8.
    ///   - confidenceThousandths: 1 to 99,999 thousandths of a percent.
    ///   - statistic: gets the samples drawn, in ascending order.
    /// - Throws: also where the statistic is not a finite number.
    package static func interval(
        of samples: [Double], seed: UInt64, replicates: Int = 2000, confidenceThousandths: Int = 95_000,
        statistic: ([Double]) -> Double
    ) throws(StatisticsError) -> Bootstrap {
        try Values.check(samples, atMost: mostDraws)
        try check(draws: samples.count, replicates, confidenceThousandths)
        var generator = SeededGenerator(seed: seed)
        var results: [Double] = []
        results.reserveCapacity(replicates)
        for _ in 0..<replicates { results.append(statistic(draw(samples, &generator))) }
        return try Bootstrap(statistic(samples.sorted()), results, confidenceThousandths)
    }

    /// The interval of a percentile by nearest rank.
    package static func interval(
        ofPercentile thousandths: Int, samples: [Double], seed: UInt64, replicates: Int = 2000, confidenceThousandths: Int = 95_000
    ) throws(StatisticsError) -> Bootstrap {
        try interval(of: samples, seed: seed, replicates: replicates, confidenceThousandths: confidenceThousandths) { drawn in
            drawn[NearestRank.rank(thousandths: thousandths, count: drawn.count) - 1]
        }
    }

    /// The interval of the ratio of a statistic in two independent samples, second/first; each replicate draws the first, then
    /// the second.
    ///
    /// - Throws: also where the first's statistic is 0 in a replicate, so that there is no ratio.
    package static func ratio(
        of first: [Double], to second: [Double], seed: UInt64, replicates: Int = 2000, confidenceThousandths: Int = 95_000,
        statistic: ([Double]) -> Double
    ) throws(StatisticsError) -> Bootstrap {
        try Values.check(first, atMost: mostDraws)
        try Values.check(second, atMost: mostDraws)
        try check(draws: first.count + second.count, replicates, confidenceThousandths)
        var generator = SeededGenerator(seed: seed)
        var results: [Double] = []
        results.reserveCapacity(replicates)
        for _ in 0..<replicates {
            let below = statistic(draw(first, &generator))
            results.append(statistic(draw(second, &generator)) / below)
        }
        return try Bootstrap(statistic(second.sorted()) / statistic(first.sorted()), results, confidenceThousandths)
    }

    private static func check(draws: Int, _ replicates: Int, _ confidence: Int) throws(StatisticsError) {
        guard replicates > 0 else { throw .badParameter("the number of replicates", Double(replicates), range: "1 or more") }
        let (product, overflow) = draws.multipliedReportingOverflow(by: replicates)
        guard !overflow, product <= mostDraws else { throw .tooMany(count: overflow ? .max : product, most: mostDraws) }
        guard (1...99_999).contains(confidence) else {
            throw .badParameter("the confidence", Double(confidence) / 1000, range: "0.001 % to 99.999 %")
        }
    }

    private static func draw(_ samples: [Double], _ generator: inout SeededGenerator) -> [Double] {
        var drawn: [Double] = []
        drawn.reserveCapacity(samples.count)
        for _ in samples.indices { drawn.append(samples[Int(generator.integer(below: UInt64(samples.count)))]) }
        drawn.sort()
        return drawn
    }

    private init(_ estimate: Double, _ results: [Double], _ confidence: Int) throws(StatisticsError) {
        for (index, result) in ([estimate] + results).enumerated() where !result.isFinite { throw .badValue(result, index: index) }
        let sorted = results.sorted()
        // In whole numbers: α is (100,000-c)/100,000.
        func rank(_ share: Int) -> Int { max(1, (share * sorted.count + 199_999) / 200_000) }
        self.estimate = estimate
        lower = sorted[rank(100_000 - confidence) - 1]
        upper = sorted[rank(100_000 + confidence) - 1]
    }
}
