import Testing

@testable import Statistics

@Suite("Exact percentile (sla.md §3.1)")
struct NearestRankTests {
    @Test(
        "ranks where doubles go wrong",
        arguments: [
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

    @Test(
        "the automatic minimum is ⌈10/(1-p)⌉",
        arguments: [(50_000, 20), (95_000, 200), (99_000, 1000), (99_900, 10_000), (99_990, 100_000)])
    func automatic(thousandths: Int, samples: Int) {
        #expect(NearestRank.automaticMinimum(thousandths: thousandths) == samples)
    }
}
