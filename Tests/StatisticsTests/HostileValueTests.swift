import LabCore
import Testing

@testable import Statistics

/// Values that break careless arithmetic: signed zeros, the smallest, the largest that are taken, and many that are equal.
@Suite("No function gives what is not a finite number")
struct HostileValueTests {
    private static let extremes: [Double] = [
        0, -0.0, .leastNonzeroMagnitude, -.leastNonzeroMagnitude, .leastNormalMagnitude, 1e-150, 1, 1 + .ulpOfOne, -1, 3,
        9_007_199_254_740_992, 1e150,
        -1e150,
    ]

    private static func values(_ generator: inout SeededGenerator, atLeast least: Int) -> [Double] {
        let few = generator.chance(0.3) ? 2 : UInt64(extremes.count)
        let first = generator.integer(below: UInt64(extremes.count) - few + 1)
        return (0..<least + Int(generator.integer(below: 30))).map { _ in extremes[Int(first + generator.integer(below: few))] }
    }

    @Test("tests, intervals and effects", arguments: 0..<200 as Range<UInt64>)
    func comparisons(seed: UInt64) throws {
        var generator = SeededGenerator(seed: seed, purpose: "hostile values")
        let (first, second) = (Self.values(&generator, atLeast: 1), Self.values(&generator, atLeast: 1))
        let test = try MannWhitney(first, second)
        let signed = try WilcoxonSignedRank(first)
        let interval = try signed.interval(confidence: 0.95)
        let numbers = [
            test.u1, test.u2, test.pValue ?? 1, test.superiority, test.cliffDelta, test.shift, signed.estimate, signed.pValue ?? 1,
            interval?.lowerBound ?? 0, interval?.upperBound ?? 0, SignTest(first).pValue ?? 1,
        ]
        for number in numbers { #expect(number.isFinite, "seed \(seed)") }
        for pValue in [test.pValue, signed.pValue, SignTest(first).pValue].compactMap(\.self) {
            #expect((0...1).contains(pValue), "seed \(seed)")
        }
    }

    @Test("pairs", arguments: 0..<100 as Range<UInt64>)
    func pairs(seed: UInt64) throws {
        var generator = SeededGenerator(seed: seed, purpose: "hostile pairs")
        let before = Self.values(&generator, atLeast: 1).map { max($0.magnitude, 1e-150) }
        let after = before.map { generator.chance(0.5) ? $0 : min(max($0 * 1.5, 1e-150), 1e150) }
        let pairs = try PairedRatio(before: before, after: after)
        let ends = [pairs.interval, pairs.studentInterval, pairs.shiftInterval].compactMap(\.self).flatMap {
            [$0.lowerBound, $0.upperBound]
        }
        for number in [pairs.ratio, pairs.shift, pairs.resolution ?? 0, pairs.pValue ?? 1] + ends {
            #expect(number.isFinite, "seed \(seed)")
        }
        _ = try pairs.outcome(worseBy: 0.05, atLeast: 1)
    }

    @Test("change points, sums and the bootstrap", arguments: 0..<100 as Range<UInt64>)
    func series(seed: UInt64) throws {
        var generator = SeededGenerator(seed: seed, purpose: "hostile series")
        let series = Self.values(&generator, atLeast: 2)
        for point in try ChangePoints.eDivisive(series, level: 0.5, window: 10)
            + ChangePoints.byPermutation(series, seed: seed, permutations: 19)
        {
            let numbers = [
                point.q, point.pValue, point.meanBefore, point.meanAfter, point.deviationBefore, point.deviationAfter, point.magnitude,
            ]
            for number in numbers { #expect(number.isFinite, "seed \(seed)") }
            #expect(series.indices.contains(point.index) && point.index > 0 && (0...1).contains(point.pValue), "seed \(seed)")
        }
        if var sums = try? CUSUM(baseline: series) {
            for value in series + [.infinity, .nan, -.infinity] {
                _ = sums.add(value)
                #expect(sums.above.isFinite && sums.below.isFinite, "seed \(seed)")
            }
        }
        let interval = try Bootstrap.interval(ofPercentile: 90_000, samples: series, seed: seed, replicates: 50)
        #expect(interval.lower <= interval.upper && interval.lower.isFinite && interval.upper.isFinite, "seed \(seed)")
    }
}
