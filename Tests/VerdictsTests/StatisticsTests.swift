import Testing

@testable import Verdicts

@Suite("Exact percentile (sla.md §3.1)")
struct NearestRankTests {
    @Test("ranks where doubles go wrong", arguments: [
        (99_900, 1000, 999), (55_000, 100, 55), (7_000, 300, 21), (14_000, 100, 14),
    ])
    func traps(thousandths: Int, count: Int, rank: Int) {
        #expect(NearestRank.rank(thousandths: thousandths, count: count) == rank)
    }

    @Test("p0 is the least, p100 the greatest, and one sample is every percentile", arguments: [1, 2, 7, 1000])
    func ends(count: Int) {
        #expect(NearestRank.rank(thousandths: 0, count: count) == 1)
        #expect(NearestRank.rank(thousandths: 100_000, count: count) == count)
        #expect(NearestRank.rank(thousandths: 99_950, count: 1) == 1)
    }

    @Test("the nearest rank is a sample, never between two")
    func value() {
        #expect(NearestRank.value(of: [10, 20, 30, 40], thousandths: 50_000) == 20)
        #expect(NearestRank.value(of: [10, 20, 30, 40], thousandths: 50_001) == 30)
        #expect(NearestRank.value(of: [], thousandths: 50_000) == nil)
    }

    @Test("counts near the end of the integers do not overflow")
    func large() {
        #expect(NearestRank.rank(thousandths: 100_000, count: .max) == .max)
    }

    @Test("the automatic minimum is ⌈10/(1-p)⌉", arguments: [(50_000, 20), (95_000, 200), (99_000, 1000), (99_900, 10_000), (99_990, 100_000)])
    func automatic(thousandths: Int, samples: Int) {
        #expect(NearestRank.automaticMinimum(thousandths: thousandths) == samples)
    }
}

@Suite("Is a share proven? Clopper and Pearson (sla.md §3.5)")
struct BinomialProportionTests {
    @Test("reference verdicts", arguments: [
        (10_000, 10_000, 0.999, BinomialProportion.Answer.above), (3_000, 3_000, 0.999, .undecided), (3_700, 3_700, 0.999, .above),
        (9_990, 10_000, 0.999, .undecided), (9_700, 10_000, 0.99, .below),
    ])
    func verdicts(good: Int, count: Int, share: Double, answer: BinomialProportion.Answer) {
        #expect(BinomialProportion(good: good, of: count).compared(with: share) == answer)
    }

    @Test("3,000 of 3,000 has the lower end 0.99877")
    func lowerEnd() {
        #expect(abs(BinomialProportion(good: 3000, of: 3000).lower - 0.99877) < 0.000_005)
    }

    /// By R's `binom.test(8, 10)`, `binom.test(0, 10)`, and 1-0.025^(1/10) by hand.
    @Test("small samples", arguments: [(8, 10, 0.4439045, 0.9747893), (0, 10, 0, 0.3084971), (10, 10, 0.6915029, 1)])
    func small(good: Int, count: Int, lower: Double, upper: Double) {
        let proportion = BinomialProportion(good: good, of: count)
        #expect(abs(proportion.lower - lower) < 1e-6)
        #expect(abs(proportion.upper - upper) < 1e-6)
    }

    @Test("the ends grow with the good ones and hold the share seen")
    func monotone() {
        var last = 0.0
        for good in 0...40 {
            let proportion = BinomialProportion(good: good, of: 40)
            #expect(proportion.lower >= last)
            #expect(proportion.lower <= Double(good) / 40 && Double(good) / 40 <= proportion.upper)
            last = proportion.lower
        }
    }

    @Test("good samples alone that prove a share (§2.4): 3,688 at 99.9 %", arguments: [(0.999, 3688), (0.9995, 7376), (0.9999, 36_887)])
    func strict(share: Double, samples: Int) {
        #expect(BinomialProportion.strictMinimum(share: share) == samples)
    }
}

@Suite("Interval of a percentile (sla.md §3.6)")
struct PercentileIntervalTests {
    @Test("reference ranks", arguments: [(1000, 983, 997), (10_000, 9880, 9920), (300, 293, nil)] as [(Int, Int, Int?)])
    func ranks(count: Int, lower: Int, upper: Int?) {
        let ranks = BinomialProportion.ranks(ofPercentile: 99_000, count: count)
        #expect(ranks.lower == lower)
        #expect(ranks.upper == upper)
    }

    @Test("p99.9 has an upper end from 3,688 samples", arguments: [(3687, false), (3688, true)])
    func upperEnd(count: Int, exists: Bool) {
        #expect((BinomialProportion.ranks(ofPercentile: 99_900, count: count).upper != nil) == exists)
    }
}
