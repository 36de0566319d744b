import LabCore
import Testing

@testable import Statistics

@Suite("Change points (sla.md §3.9)")
struct ChangePointTests {
    /// Levels with a little noise that repeats, so that nothing hangs on a generator.
    private static func series(_ levels: [(level: Double, count: Int)], noise: Double = 0.02) -> [Double] {
        var generator = SeededGenerator(seed: 77)
        return levels.flatMap { level in (0..<level.count).map { _ in level.level * (1 + noise * (generator.unitInterval() - 0.5) * 3) } }
    }

    @Test("a step of 15 % at 20, two steps, a single spike, and nothing")
    func steps() throws {
        #expect(try ChangePoints.eDivisive(Self.series([(100, 20), (115, 20)])).map(\.index) == [20])
        #expect(try ChangePoints.eDivisive(Self.series([(100, 18), (115, 18), (130, 18)])).map(\.index) == [18, 36])
        #expect(try ChangePoints.eDivisive(Self.series([(100, 20), (150, 1), (100, 20)])).map(\.index) == [])
        #expect(try ChangePoints.eDivisive(Self.series([(100, 40)])).map(\.index) == [])
    }

    @Test("a point tells its levels, and is confirmed by two values after it")
    func levels() throws {
        let series = Self.series([(100, 20), (115, 20)])
        let point = try #require(try ChangePoints.eDivisive(series).first)
        #expect(abs(point.meanBefore - Values.mean(series[..<20])) < 1e-9 && abs(point.meanAfter - Values.mean(series[20...])) < 1e-9)
        #expect(abs(point.magnitude - 0.15) < 0.01)
        #expect(point.pValue < 0.001)
        #expect(point.isConfirmed(in: 23) && !point.isConfirmed(in: 22))
    }

    @Test("changes below the magnitude are left out")
    func magnitude() throws {
        let series = Self.series([(100, 20), (115, 20)])
        #expect(try ChangePoints.eDivisive(series, magnitude: 0.2).isEmpty)
        #expect(try ChangePoints.eDivisive(series, magnitude: 0.1).count == 1)
    }

    /// Q of {0, 0, 1, 1} at τ = 2, κ = 4, by hand: nm/(n+m)·(2/(nm)·4 - 0 - 0) = 1·2 = 2.
    @Test("Q of two and two")
    func q() {
        let divergence = EnergyDivergence([0, 0, 1, 1])
        #expect(divergence.bestSplit(in: 0..<4) == EnergyDivergence.Split(index: 2, q: 2))
        #expect(divergence.bestSplit(in: 0..<1) == nil)
        #expect(divergence.bestSplit(in: 2..<4) == EnergyDivergence.Split(index: 3, q: 0))
    }

    /// The definition, sum by sum.
    @Test("Q is the largest over all τ and κ of every stretch", arguments: 0..<30 as Range<UInt64>)
    func bruteForce(seed: UInt64) throws {
        var generator = SeededGenerator(seed: seed)
        let values = (0..<2 + generator.integer(below: 20)).map { _ in generator.unitInterval() }
        let start = Int(generator.integer(below: UInt64(values.count - 1)))
        let found = try #require(EnergyDivergence(values).bestSplit(in: start..<values.count))
        func meanDistance(_ part: ArraySlice<Double>) -> Double {
            var (sum, pairs) = (0.0, 0.0)
            for i in part.indices { for j in part.indices where i < j { (sum, pairs) = (sum + abs(part[i] - part[j]), pairs + 1) } }
            return pairs == 0 ? 0 : sum / pairs
        }
        var best = -Double.infinity
        for tau in start + 1..<values.count {
            for kappa in tau + 1...values.count {
                let (x, y) = (values[start..<tau], values[tau..<kappa])
                let (n, m) = (Double(x.count), Double(y.count))
                let between = x.reduce(0) { sum, a in y.reduce(sum) { $0 + abs(a - $1) } } * 2 / (n * m)
                best = max(best, n * m / (n + m) * (between - meanDistance(x) - meanDistance(y)))
            }
        }
        #expect(abs(found.q - best) < 1e-10, "seed \(seed)")
    }

    @Test("the permutation variant: τ = 10, p = 1/200")
    func permutations() throws {
        let series = Self.series([(100, 10), (115, 10)])
        let points = try ChangePoints.byPermutation(series, seed: 5)
        #expect(points.map(\.index) == [10])
        #expect(points.first?.pValue == 0.005)
        #expect(try ChangePoints.byPermutation(Self.series([(100, 30)]), seed: 5, level: 0.01).isEmpty)
        #expect(try ChangePoints.byPermutation(series, seed: 5) == points)
    }

    @Test("constant, short, and stepped without noise")
    func edges() throws {
        for series in [[], [1], [1, 2], Array(repeating: 0.1, count: 60)] as [[Double]] {
            #expect(try ChangePoints.eDivisive(series).isEmpty)
            #expect(try ChangePoints.byPermutation(series, seed: 1).isEmpty)
        }
        let step = Array(repeating: 1, count: 10) + Array(repeating: 2, count: 10) as [Double]
        let point = try #require(try ChangePoints.eDivisive(step).first)
        #expect(point.index == 10 && point.pValue == 0 && point.magnitude == 1)
        let fromZero = try ChangePoints.eDivisive(step.map { $0 - 1 })
        #expect(fromZero.map(\.index) == [10] && fromZero.first?.magnitude == 1)
        let huge = try ChangePoints.eDivisive(step.map { $0 * 5e149 })
        #expect(huge.map(\.index) == [10] && huge.allSatisfy { $0.q.isFinite && $0.pValue.isFinite })
    }

    @Test("what is out of range is refused")
    func refused() {
        #expect(throws: StatisticsError.self) { try ChangePoints.eDivisive([1, .nan]) }
        #expect(throws: StatisticsError.self) { try ChangePoints.eDivisive([1, .infinity]) }
        #expect(throws: StatisticsError.self) { try ChangePoints.eDivisive([1, 2], level: 2) }
        #expect(throws: StatisticsError.self) { try ChangePoints.eDivisive([1, 2], magnitude: .nan) }
        #expect(throws: StatisticsError.self) { try ChangePoints.eDivisive([1, 2], window: 1) }
        #expect(throws: StatisticsError.self) { try ChangePoints.eDivisive([1, 2], window: 1001) }
        #expect(throws: StatisticsError.self) { try ChangePoints.byPermutation(Array(repeating: 1, count: 1001), seed: 1) }
        #expect(throws: StatisticsError.self) { try ChangePoints.byPermutation([1, 2], seed: 1, permutations: 0) }
    }
}

@Suite("CUSUM (sla.md §3.9)")
struct CUSUMTests {
    /// z = 5: the sum is 4.5 after the first value of the new level and 9 after the second.
    @Test("k = ½, h = 5: a step at 20 alarms at 21, one run after it")
    func step() throws {
        var sums = try CUSUM(mean: 100, deviation: 3)
        let alarms = (Array(repeating: 100, count: 20) + [115, 115] as [Double]).map { sums.add($0) }
        #expect(alarms.firstIndex(of: .above) == 21)
        #expect(alarms.prefix(21).allSatisfy { $0 == nil })
    }

    /// Baseline 98, 100, 102: mean 100, deviation 2. 97 is -1.5: the sum grows by 1 each time and exceeds 5 at the sixth.
    @Test("a small lasting shift down is found too")
    func down() throws {
        let found = try CUSUM.firstAlarm(in: Array(repeating: 97, count: 10), baseline: [98, 100, 102])
        #expect(found?.index == 5 && found?.alarm == .below)
        #expect(try CUSUM.firstAlarm(in: [99, 101, 99, 101], baseline: [98, 100, 102]) == nil)
    }

    @Test("what is no number or infinite alarms and does not stay in the sums as no number")
    func hostile() throws {
        var sums = try CUSUM(mean: 0, deviation: 1)
        #expect(sums.add(.nan) == .above)
        #expect(sums.add(-.infinity) == .below)
        #expect(sums.above.isFinite && sums.below.isFinite)
        #expect(throws: StatisticsError.constant) { try CUSUM(baseline: [1, 1, 1]) }
        #expect(throws: StatisticsError.tooFew(count: 1, needed: 2)) { try CUSUM(baseline: [1]) }
        #expect(throws: StatisticsError.constant) { try CUSUM(mean: 0, deviation: .nan) }
        #expect(throws: StatisticsError.self) { try CUSUM(mean: 0, deviation: 1, limit: 0) }
    }
}
