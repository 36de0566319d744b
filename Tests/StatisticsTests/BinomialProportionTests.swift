import Testing

@testable import Statistics

@Suite("Is a share proven? Clopper and Pearson (sla.md §3.5)")
struct BinomialProportionTests {
    @Test(
        "reference verdicts",
        arguments: [
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

@Suite("Proportions at the edges")
struct ProportionEdgeTests {
    @Test("no samples, and numbers that cannot be, leave everything open", arguments: [(0, 0), (-5, 0), (3, -1)])
    func nothing(good: Int, count: Int) {
        let proportion = BinomialProportion(good: good, of: count)
        #expect(proportion.lower == 0)
        #expect(proportion.upper == 1)
        #expect(proportion.compared(with: 0.5) == .undecided)
    }

    @Test("a confidence of 1, or of no number, proves nothing", arguments: [1, 2, Double.nan, .infinity])
    func certain(confidence: Double) {
        let proportion = BinomialProportion(good: 50, of: 100, confidence: confidence)
        #expect(proportion.lower == 0)
        #expect(proportion.upper == 1)
    }

    /// With all good, the lower end is (α/2)^(1/n): 1 - 3.688879…/n for a large n, by hand.
    @Test("a thousand million good ones", arguments: [1_000_000_000, 4_000_000_000_000])
    func huge(count: Int) {
        let proportion = BinomialProportion(good: count, of: count)
        #expect(abs((1 - proportion.lower) * Double(count) - 3.688879454) < 1e-3)
        #expect(proportion.upper == 1)
        let half = BinomialProportion(good: count / 2, of: count)
        // 1.96 standard deviations of 1/(2√n).
        let width = 0.9799819922700268 / Double(count).squareRoot()
        #expect(abs((half.upper - 0.5) / width - 1) < 1e-3)
        #expect(abs((0.5 - half.lower) / width - 1) < 1e-3)
    }

    /// Poisson with 5 seen: 1.623486 to 11.668332 (Garwood's exact limits).
    @Test("a few bad ones of very many are like Poisson's", arguments: [1_000_000, 1_000_000_000, 100_000_000_000])
    func rare(count: Int) {
        let proportion = BinomialProportion(good: 5, of: count)
        #expect(abs(proportion.lower * Double(count) - 1.623486) < 2e-5)
        #expect(abs(proportion.upper * Double(count) - 11.668332) < 4e-5)
    }

    /// Poisson with 10^9 seen: 1.96·√10^9 to both sides, but for a correction in the order of 1.
    @Test("many bad ones of very many more")
    func many() {
        let proportion = BinomialProportion(good: 1_000_000_000, of: 1_000_000_000_000_000)
        #expect(abs((proportion.upper - 1e-6) * 1e15 - 61_979.5) < 5)
        #expect(abs((1e-6 - proportion.lower) * 1e15 - 61_979.5) < 5)
    }

    @Test("percentiles of impossible parameters have no ranks")
    func ranks() {
        for (thousandths, count, confidence) in [
            (0, 100, 0.95), (100_000, 100, 0.95), (99_000, 0, 0.95), (99_000, 100, 1), (99_000, 100, .nan),
        ] {
            let ranks = BinomialProportion.ranks(ofPercentile: thousandths, count: count, confidence: confidence)
            #expect(ranks.lower == nil && ranks.upper == nil)
        }
        #expect(BinomialProportion.strictMinimum(share: 1) == nil)
        #expect(BinomialProportion.strictMinimum(share: .nan) == nil)
        #expect(BinomialProportion.strictMinimum(share: 0.999, confidence: 1) == nil)
    }

    @Test("the strict minimum is the smallest number that proves the share", arguments: [0.9, 0.99, 0.999, 0.9995])
    func strict(share: Double) throws {
        let samples = try #require(BinomialProportion.strictMinimum(share: share))
        #expect(BinomialProportion(good: samples, of: samples).compared(with: share) == .above)
        #expect(BinomialProportion(good: samples - 1, of: samples - 1).compared(with: share) == .undecided)
    }
}
