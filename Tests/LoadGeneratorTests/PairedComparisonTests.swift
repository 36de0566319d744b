import LabCore
import LoadGenerator
import Testing

@Suite("Two builds in interleaved pairs (SLA §1.4)")
struct PairedComparisonTests {
    private static let place = SourceLocation(file: "x.yaml", line: 9, column: 5)

    private func baseline(_ metrics: [Limit.Baseline.Metric], pairs: Int = 10, floor: Int64 = 0) -> Limit.Baseline {
        Limit.Baseline(location: Self.place, metrics: metrics, pairs: pairs, pairsMaximum: 3 * pairs, worseBy: 0.05, atLeast: floor)
    }

    /// A hundred answers around a time, and what each costs.
    private func slice(_ time: Int64, cost: Double = 100_000, refused: Int = 0, foreign: Double = 0) -> LoadSlice {
        LoadSlice(
            responses: (0..<100).map { time + Int64($0) }, planned: 100, answered: 100, refused: refused, cpuPerRequest: cost,
            foreign: foreign)
    }

    /// Pair k is 1 + k/1000 as slow as the first one, so that no two are equal.
    private func comparison(_ baseline: Limit.Baseline, pairs: Int, foreign: Double = 0, _ b: (Int64, Double) -> LoadSlice)
        -> PairedComparison
    {
        var comparison = PairedComparison(objective: "API", location: Self.place, baseline: baseline)
        for pair in 0..<pairs {
            let time = 1_000_000 + Int64(pair) * 1_000
            comparison.add(slice(time, cost: 100_000 + Double(pair) * 100, foreign: foreign), b(time, 100_000 + Double(pair) * 100))
        }
        return comparison
    }

    @Test("forty µs more of processor time a request are a regression, where the times are the same")
    func cost() throws {
        let report = ComparisonReport(
            a: "a", b: "b", [comparison(baseline([.percentile(50_000), .cpuPerRequest]), pairs: 10) { slice($0, cost: $1 + 40_000) }])
        #expect(report.rows.map(\.metric) == ["p50", "cpu-per-request"])
        #expect(report.rows.map(\.outcome) == [.same, .regressed])
        // 140 of 100 µs, where the first one costs 100 µs and the last one 100.9.
        #expect(abs(report.rows[1].ratio - 1.398) < 0.002)
        // Wilcoxon's smallest p for ten pairs is 2/1024; the other metric's is 1.
        #expect(abs(report.rows[1].adjusted - 2 * 2.0 / 1_024) < 1e-9)
    }

    @Test("a faster build is called improved, a difference below the floor is none")
    func floor() throws {
        #expect(
            comparison(baseline([.percentile(50_000)]), pairs: 10) { time, cost in slice(time / 2, cost: cost) }.rows()[0].outcome
                == .improved)
        // 0.1 ms of 1 ms, with a floor of 0.2 ms.
        #expect(
            comparison(baseline([.percentile(50_000)], floor: 200_000), pairs: 10) { time, cost in slice(time + 100_000, cost: cost) }
                .rows()[0].outcome == .same)
        #expect(
            comparison(baseline([.percentile(50_000)]), pairs: 10) { time, cost in slice(time + 100_000, cost: cost) }.rows()[0].outcome
                == .regressed)
    }

    @Test("too few pairs cannot tell, say how many are needed and what became of the others, and have no figures that nobody measured")
    func tooFew() throws {
        var few = comparison(baseline([.cpuPerRequest]), pairs: 6) { slice($0, cost: $1 + 40_000) }
        few.add(slice(1_000_000, cost: 100_000, foreign: 0.34), slice(1_000_000, cost: 140_000))
        let row = few.rows()[0]
        #expect(row.outcome == .cannotTell && row.pairs == 6)
        // 2/2⁶ is above 1 %, 2/2⁸ is below.
        #expect(row.reason == "1 of 7 pairs were disturbed: neighbours took up to 34 % of the machine, over 10 %; 6 pairs are too few for an interval at 99 %, 8 are needed")
        #expect(!row.lower.isFinite && !row.upper.isFinite)
        let none = comparison(baseline([.cpuPerRequest]), pairs: 4, foreign: 0.5) { slice($0, cost: $1) }.rows()[0]
        #expect(none.outcome == .void && !none.ratio.isFinite && !none.a.isFinite && !none.p.isFinite)
    }

    @Test("neighbours make it void, not failed")
    func neighbours() throws {
        let row = comparison(baseline([.cpuPerRequest]), pairs: 10, foreign: 0.5) { slice($0, cost: $1 * 2) }.rows()[0]
        #expect(row.outcome == .void && row.reason?.contains("10 of 10 pairs") == true)
    }

    @Test("a build that refuses is not compared, and one that does not answer has no figures")
    func refuses() throws {
        #expect(comparison(baseline([.cpuPerRequest]), pairs: 10) { slice($0, cost: $1, refused: 50) }.rows()[0].outcome == .void)
        var silent = slice(1_000_000)
        silent.planned = 300
        #expect(silent.value(of: .percentile(50_000)) == nil)
        #expect(silent.value(of: .percentile(30_000)) == 1_000_089)
        #expect(comparison(baseline([.percentile(50_000)]), pairs: 10) { _, _ in silent }.rows()[0].outcome == .void)
    }

    @Test("pairs are added while it cannot tell, up to the most that are allowed")
    func more() throws {
        #expect(comparison(baseline([.percentile(50_000)]), pairs: 9) { slice($0, cost: $1) }.wantsMore())
        #expect(!comparison(baseline([.percentile(50_000)]), pairs: 10) { slice($0, cost: $1) }.wantsMore())
        // Up and down by 20 %: nobody can tell.
        var flips = false
        let unclear: (Int64, Double) -> LoadSlice = { time, cost in
            flips.toggle()
            return slice(flips ? time * 6 / 5 : time * 5 / 6, cost: cost)
        }
        let undecided = comparison(baseline([.percentile(50_000)]), pairs: 10, unclear)
        #expect(undecided.rows()[0].outcome == .cannotTell && undecided.wantsMore())
        #expect(!comparison(baseline([.percentile(50_000)]), pairs: 30, unclear).wantsMore())
        // A busy machine comes to an end, too.
        #expect(!comparison(baseline([.percentile(50_000)]), pairs: 30, foreign: 0.5) { slice($0, cost: $1) }.wantsMore())
    }

    @Test("the gate's own false alarms are counted over comparisons of a build with itself")
    func selfTest() throws {
        let same = ComparisonReport(a: "a", b: "a", [comparison(baseline([.percentile(50_000)]), pairs: 10) { slice($0, cost: $1) }])
        let alarm = ComparisonReport(
            a: "a", b: "a", [comparison(baseline([.percentile(50_000)]), pairs: 10) { time, cost in slice(time * 2, cost: cost) }])
        let test = ComparisonReport.SelfTest([same, same, same, alarm])
        #expect((test.comparisons, test.alarms) == (4, 1))
        #expect(test.smallestEffect < 0.01)
    }
}
