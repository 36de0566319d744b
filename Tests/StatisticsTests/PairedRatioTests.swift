import Foundation
import LabCore
import Testing

@testable import Statistics

@Suite("Wilcoxon's signed rank test (sla.md §3.8)")
struct WilcoxonSignedRankTests {
    /// 2/2^n for n differences of one sign.
    @Test("all of one sign: p = 2/2^n", arguments: [1, 2, 6, 12, 100])
    func oneSign(count: Int) throws {
        let test = try WilcoxonSignedRank((1...count).map { Double($0) })
        #expect(abs(try #require(test.pValue) / (2 * pow(0.5, Double(count))) - 1) < 1e-10)
        #expect(test.negativeSum == 0)
        #expect(test.isExact)
    }

    @Test("zeros are left out of the test, and all zeros are no verdict")
    func zeros() throws {
        #expect(try WilcoxonSignedRank([0, 0, 1, 2, -3]).pValue == WilcoxonSignedRank([1, 2, -3]).pValue)
        #expect(try WilcoxonSignedRank([0, 0]).pValue == nil)
        #expect(try WilcoxonSignedRank([0, 0]).interval(confidence: 0.95) == nil)
    }

    @Test("is that of all signs, one by one, ties included", arguments: 0..<40 as Range<UInt64>)
    func enumeration(seed: UInt64) throws {
        var generator = SeededGenerator(seed: seed)
        let differences = (0..<1 + generator.integer(below: 10)).map { _ in Double(generator.integer(below: 11)) - 5 }
        let test = try WilcoxonSignedRank(differences)
        let sizes = differences.filter { $0 != 0 }.map(\.magnitude)
        guard !sizes.isEmpty else { return #expect(test.pValue == nil) }
        let ranks = sizes.map { size in Double(sizes.count { $0 < size }) + Double(sizes.count { $0 == size } + 1) / 2 }
        let sums = (0..<1 << ranks.count).map { signs in ranks.indices.reduce(0.0) { $0 + (signs >> $1 & 1 == 1 ? ranks[$1] : 0) } }
        let smaller = min(test.positiveSum, test.negativeSum)
        let expected = min(1, 2 * Double(sums.count { $0 <= smaller }) / Double(sums.count))
        #expect(abs(try #require(test.pValue) - expected) < 1e-12, "seed \(seed)")
        let walsh = differences.indices.flatMap { i in differences[i...].map { (differences[i] + $0) / 2 } }.sorted()
        #expect(test.estimate == (walsh[(walsh.count - 1) / 2] + walsh[walsh.count / 2]) / 2, "seed \(seed)")
    }

    /// Tables of Wilcoxon's T at two-sided 5 %: 0 for n = 6, 8 for 10, 13 for 12, 52 for 20; at 1 %: 0 for 8, 7 for 12.
    @Test(
        "the interval goes from the (T+1)-th Walsh average to the (T+1)-th from above",
        arguments: [
            (6, 0.95, 0), (10, 0.95, 8), (12, 0.95, 13), (20, 0.95, 52), (8, 0.99, 0), (12, 0.99, 7),
        ])
    func interval(count: Int, confidence: Double, critical: Int) throws {
        let values = (0..<count).map { pow(1.7, Double($0)) }
        let walsh = values.indices.flatMap { i in values[i...].map { (values[i] + $0) / 2 } }.sorted()
        let interval = try #require(try WilcoxonSignedRank(values).interval(confidence: confidence))
        #expect(interval == walsh[critical]...walsh[walsh.count - 1 - critical])
    }

    @Test("too few for the confidence have no interval", arguments: [(5, 0.95), (7, 0.99), (1, 0.95)])
    func tooFew(count: Int, confidence: Double) throws {
        #expect(try WilcoxonSignedRank((1...count).map { Double($0) }).interval(confidence: confidence) == nil)
    }

    @Test("the normal form above 100 agrees with the exact one at 100")
    func border() throws {
        var generator = SeededGenerator(seed: 9)
        let values = (0..<101).map { _ in generator.unitInterval() - 0.4 }
        let (exact, normal) = (try WilcoxonSignedRank(Array(values.dropLast())), try WilcoxonSignedRank(values))
        #expect(exact.isExact && !normal.isExact)
        let (first, second) = (try #require(try exact.interval(confidence: 0.95)), try #require(try normal.interval(confidence: 0.95)))
        #expect(abs(first.lowerBound - second.lowerBound) < 0.02 && abs(first.upperBound - second.upperBound) < 0.02)
    }
}

@Suite("Pairs (sla.md §3.8, §1.4)")
struct PairedRatioTests {
    private static let before = [100, 104, 98, 101, 107, 95, 99, 103, 110, 97, 102, 100] as [Double]

    private static func pairs(times factor: Double, noise: Double = 0.002) throws -> PairedRatio {
        let after = before.enumerated().map { index, value in value * factor * (1 + noise * (Double(index % 5) - 2)) }
        return try PairedRatio(before: before, after: after)
    }

    @Test("twelve pairs, all worse: the sign test says 0.0005, where the unpaired test sees nothing")
    func paired() throws {
        let pairs = try Self.pairs(times: 1.0475)
        #expect(abs(pairs.ratio - 1.0475) < 0.002)
        // 2/2^12.
        #expect(abs(try #require(pairs.signPValue) - 2.0 / 4096) < 1e-15)
        #expect(abs(try #require(pairs.pValue) - 2.0 / 4096) < 1e-15)
        let after = Self.before.map { $0 * 1.0475 }
        #expect(try #require(try MannWhitney(Self.before, after).pValue) > 0.01)
        let (interval, student) = (try #require(pairs.interval), try #require(pairs.studentInterval))
        #expect(interval.contains(1.0475) && student.contains(1.0475))
        #expect(abs(interval.lowerBound - student.lowerBound) < 0.002 && abs(interval.upperBound - student.upperBound) < 0.002)
    }

    @Test(
        "worse by more than the limit, the same, and between",
        arguments: [
            (1.12, PairedRatio.Outcome.regressed), (1.0, .same), (0.99, .same), (1.05, .cannotTell), (0.8, .cannotTell),
        ])
    func outcomes(factor: Double, outcome: PairedRatio.Outcome) throws {
        let pairs = try Self.pairs(times: factor)
        #expect(try pairs.outcome(worseBy: 0.05) == outcome)
        #expect(pairs.isImproved(by: 0.05) == (factor == 0.8))
    }

    @Test("0.10 to 0.11 ms is not news below a floor of 0.2 ms; 10 to 11 ms is")
    func floor() throws {
        let small = try PairedRatio(before: Self.before.map { $0 / 1000 }, after: Self.before.map { $0 * 1.1 / 1000 })
        #expect(try small.outcome(worseBy: 0.05) == .regressed)
        #expect(try small.outcome(worseBy: 0.05, atLeast: 0.2) == .same)
        let large = try PairedRatio(before: Self.before.map { $0 / 10 }, after: Self.before.map { $0 * 1.1 / 10 })
        #expect(try large.outcome(worseBy: 0.05, atLeast: 0.2) == .regressed)
        // The shift is about the floor.
        #expect(try large.outcome(worseBy: 0.05, atLeast: 1.0) == .cannotTell)
    }

    @Test("A against A: equal pairs are the same, and have no p-value")
    func equal() throws {
        let pairs = try PairedRatio(before: Self.before, after: Self.before)
        #expect(pairs.ratio == 1 && pairs.interval == 1...1 && pairs.resolution == 0)
        #expect(pairs.pValue == nil && pairs.signPValue == nil)
        #expect(try pairs.outcome(worseBy: 0.05) == .same)
    }

    @Test("five pairs cannot tell at 95 %")
    func few() throws {
        let pairs = try PairedRatio(before: [1, 1, 1, 1, 1], after: [2, 2, 2, 2, 2])
        #expect(pairs.interval == nil && pairs.resolution == nil)
        #expect(try pairs.outcome(worseBy: 0.05) == .cannotTell)
        #expect(try PairedRatio(before: [1], after: [3]).studentInterval == nil)
    }

    @Test("what is not above 0, not finite or not paired is refused; far values stay finite")
    func refused() throws {
        #expect(throws: StatisticsError.lengthsDiffer(1, 2)) { try PairedRatio(before: [1], after: [1, 2]) }
        #expect(throws: StatisticsError.badValue(0, index: 0)) { try PairedRatio(before: [1], after: [0]) }
        #expect(throws: StatisticsError.badValue(-1, index: 0)) { try PairedRatio(before: [-1], after: [1]) }
        #expect(throws: StatisticsError.tooFew(count: 0, needed: 1)) { try PairedRatio(before: [], after: []) }
        #expect(throws: StatisticsError.self) { try PairedRatio(before: [1], after: [1], confidence: 1) }
        let pairs = try Self.pairs(times: 1)
        #expect(throws: StatisticsError.self) { try pairs.outcome(worseBy: 0) }
        #expect(throws: StatisticsError.self) { try pairs.outcome(worseBy: 0.05, atLeast: .nan) }
        let far = try PairedRatio(before: [1e150, 1e-150], after: [1e-150, 1e150])
        #expect(far.ratio == 1 && far.studentInterval.map { $0.upperBound.isFinite && $0.lowerBound >= 0 } == true)
    }
}
