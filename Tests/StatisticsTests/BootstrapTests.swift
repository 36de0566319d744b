import LabCore
import Testing

@testable import Statistics

@Suite("Bootstrap (sla.md §3.7)")
struct BootstrapTests {
    @Test("SplitMix64 with seed 42 begins with bdd732262feb6e95")
    func generator() {
        var generator = SeededGenerator(seed: 42)
        #expect(generator.next() == 0xbdd7_3226_2feb_6e95)
    }

    /// 0xbdd7… of 2^64 is 0.7416: of four samples the third is drawn.
    @Test("the index is the high word of u·n, in the order given")
    func index() throws {
        let one = try Bootstrap.interval(of: [10, 20, 30, 40], seed: 42, replicates: 1) { $0[0] + $0[3] * 1000 }
        var generator = SeededGenerator(seed: 42)
        let drawn = (0..<4).map { _ in [10, 20, 30, 40][Int((generator.next()).multipliedFullWidth(by: 4).high)] as Double }
        #expect(drawn[0] == 30)
        #expect(one.lower == drawn.min().map { $0 + (drawn.max() ?? 0) * 1000 })
    }

    @Test("the ends are replicates ⌈αB/2⌉ and ⌈(1-α/2)B⌉")
    func ends() throws {
        // One sample per replicate, 1 to 1000: the replicates are uniform.
        var draws: [Double] = []
        let interval = try Bootstrap.interval(of: (1...1000).map { Double($0) }, seed: 1, replicates: 2000) { values in
            draws.append(values[0])
            return values[0]
        }
        // The last call is for the samples themselves.
        let sorted = draws.dropLast().sorted()
        #expect(interval.lower == sorted[49] && interval.upper == sorted[1949])
        #expect(interval.estimate == 1)
    }

    @Test("one sample, and equal samples, are their own interval")
    func constant() throws {
        let one = try Bootstrap.interval(ofPercentile: 90_000, samples: [7], seed: 3)
        #expect(one.estimate == 7 && one.lower == 7 && one.upper == 7)
    }

    @Test("the ratio of two runs holds the true one")
    func ratio() throws {
        var generator = SeededGenerator(seed: 8)
        let first = (0..<100).map { _ in 100 + generator.unitInterval() * 10 }
        let second = (0..<100).map { _ in 110 + generator.unitInterval() * 11 }
        let ratio = try Bootstrap.ratio(of: first, to: second, seed: 4) { values in Values.mean(values) }
        #expect(ratio.lower < 1.1 && 1.1 < ratio.upper)
        #expect(ratio.upper - ratio.lower < 0.03)
    }

    @Test("what cannot be drawn from is refused")
    func refused() {
        #expect(throws: StatisticsError.tooFew(count: 0, needed: 1)) { try Bootstrap.interval(ofPercentile: 50_000, samples: [], seed: 1) }
        #expect(throws: StatisticsError.self) { try Bootstrap.interval(ofPercentile: 50_000, samples: [.nan], seed: 1) }
        #expect(throws: StatisticsError.self) { try Bootstrap.interval(ofPercentile: 50_000, samples: [1], seed: 1, replicates: 0) }
        #expect(throws: StatisticsError.self) { try Bootstrap.interval(ofPercentile: 50_000, samples: [1], seed: 1, replicates: .max) }
        #expect(throws: StatisticsError.self) {
            try Bootstrap.interval(ofPercentile: 50_000, samples: [1], seed: 1, confidenceThousandths: 100_000)
        }
        #expect(throws: StatisticsError.badValue(.infinity, index: 0)) {
            try Bootstrap.ratio(of: [0], to: [1], seed: 1, replicates: 10) { $0[0] }
        }
    }
}
