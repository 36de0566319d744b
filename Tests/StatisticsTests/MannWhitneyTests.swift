import LabCore
import Testing

@testable import Statistics

@Suite("Mann-Whitney with ties (sla.md §3.4)")
struct MannWhitneyTests {
    @Test("1 to 5 against 6 to 10: p = 1/126, no overlap")
    func apart() throws {
        let test = try MannWhitney([1, 2, 3, 4, 5], [6, 7, 8, 9, 10])
        #expect(test.isExact)
        #expect(abs(try #require(test.pValue) - 1.0 / 126) < 1e-15)
        #expect(test.u1 == 0 && test.u2 == 25)
        #expect(test.superiority == 0 && test.cliffDelta == -1)
        #expect(test.shift == -5)
    }

    /// The fractions of sla.md §3.4; the normal form, which is so far off for few values, by SciPy.
    @Test(
        "no overlap 1/126, ties 25/231, heavy ties 23/63, where the normal form says 0.0122, 0.1012, 0.204",
        arguments: [
            ([1, 2, 3, 4, 5], [6, 7, 8, 9, 10], 1.0 / 126, 0.0122), ([1, 1, 2, 5, 5, 8], [3, 5, 5, 8, 9, 9], 25.0 / 231, 0.1012),
            ([3, 3, 4, 5, 5, 7], [4, 5, 5, 8, 9, 9], 25.0 / 231, 0.1012), ([1, 1, 1, 2, 2], [1, 2, 2, 2, 3], 23.0 / 63, 0.204),
            ([1, 2, 2, 2, 3], [2, 2, 3, 3, 3], 23.0 / 63, 0.204),
        ] as [([Double], [Double], Double, Double)])
    func references(first: [Double], second: [Double], exact: Double, normal: Double) throws {
        let test = try MannWhitney(first, second)
        #expect(abs(try #require(test.pValue) - exact) < 1e-15)
        let ties = MidRanks(first + second).tieSum
        #expect(abs(MannWhitney.normal(test.u1, first.count, second.count, ties) - normal) < 0.000_05)
    }

    /// By hand: 2 and 2 tie, so 3 of 6 splits of {1,2,2,3} have U ≤ ½: P = 2/6.
    @Test("ties share their rank")
    func ties() throws {
        let test = try MannWhitney([1, 2], [2, 3])
        // Ranks 1, 2½ | 2½, 4: U1 = 3½ - 3. Splits with rank sum ≤ 3½: {1,2} and {1,2'}: 2 of 6.
        #expect(test.u1 == 0.5 && test.u2 == 3.5)
        #expect(abs(try #require(test.pValue) - 2.0 / 3) < 1e-15)
        #expect(test.superiority == 0.125)
        // Differences -1, -2, 0, -1.
        #expect(test.shift == -1)
    }

    @Test("all equal is no verdict, equal U is p = 1")
    func equal() throws {
        let test = try MannWhitney([3, 3, 3], [3, 3])
        #expect(test.pValue == nil)
        #expect(test.superiority == 0.5 && test.shift == 0)
        #expect(try MannWhitney([1, 4], [2, 3]).pValue == 1)
        #expect(try MannWhitney([1], [1]).pValue == nil)
        #expect(try MannWhitney([1], [2]).pValue == 1)
    }

    @Test("is that of all splits, one by one, whichever sample comes first", arguments: 0..<60 as Range<UInt64>)
    func enumeration(seed: UInt64) throws {
        var generator = SeededGenerator(seed: seed)
        let (n1, n2) = (1 + Int(generator.integer(below: 6)), 1 + Int(generator.integer(below: 6)))
        // Few different values, so that nearly all are tied.
        let pool = (0..<n1 + n2).map { _ in Double(generator.integer(below: 5)) }
        let (first, second) = (Array(pool[..<n1]), Array(pool[n1...]))
        let test = try MannWhitney(first, second)
        let swapped = try MannWhitney(second, first)
        #expect(test.pValue == swapped.pValue, "seed \(seed)")
        #expect(abs(test.cliffDelta + swapped.cliffDelta) < 1e-15 && test.shift == -swapped.shift)
        guard let pValue = test.pValue else { return #expect(Set(pool).count == 1) }
        // U of a split, twice: pairs won count 2, pairs equal 1.
        func doubledU(_ chosen: Int) -> Int {
            var sum = 0
            for i in pool.indices where chosen >> i & 1 == 1 {
                for j in pool.indices where chosen >> j & 1 == 0 { sum += pool[i] > pool[j] ? 2 : (pool[i] == pool[j] ? 1 : 0) }
            }
            return sum
        }
        let splits = (0..<1 << pool.count).filter { $0.nonzeroBitCount == n1 }.map(doubledU)
        let own = doubledU((1 << n1) - 1)
        #expect(Double(own) / 2 == test.u1)
        let tail = own < n1 * n2 ? splits.count { $0 <= own } : splits.count { $0 >= own }
        let expected = own == n1 * n2 ? 1 : min(1, 2 * Double(tail) / Double(splits.count))
        #expect(abs(pValue - expected) < 1e-12, "seed \(seed)")
    }

    @Test("one against very many is exact: p = 2·rank/n")
    func one() throws {
        let many = (1...200_000).map { Double($0) }
        let test = try MannWhitney([0], many)
        #expect(test.isExact)
        #expect(abs(try #require(test.pValue) - 2.0 / 200_001) < 1e-15)
        #expect(test.shift == -100_000.5)
    }

    @Test("two against 1,412 are exact, against 1,413 not", arguments: [(1412, true), (1413, false)])
    func border(count: Int, isExact: Bool) throws {
        // C(1414, 2) = 998,991, C(1415, 2) = 1,000,405.
        let test = try MannWhitney([0.5, 3.5], (1...count).map { Double($0) })
        #expect(test.isExact == isExact)
        // P(W ≤ 6) of two ranks: 1+2, 1+3, 1+4, 2+3, 1+5, 2+4: 6 pairs.
        if isExact { #expect(abs(try #require(test.pValue) - 12.0 / 998_991) < 1e-12) }
    }

    @Test("the shift of large samples is the median of all differences", arguments: 0..<10 as Range<UInt64>)
    func shift(seed: UInt64) throws {
        var generator = SeededGenerator(seed: seed)
        let first = (0..<1 + generator.integer(below: 60)).map { _ in generator.unitInterval() * 10 - 5 }
        let second = (0..<1 + generator.integer(below: 60)).map { _ in Double(generator.integer(below: 9)) - 4 }
        let differences = first.flatMap { x in second.map { x - $0 } }.sorted()
        let middle = (differences[(differences.count - 1) / 2] + differences[differences.count / 2]) / 2
        #expect(try MannWhitney(first, second).shift == middle, "seed \(seed)")
    }

    @Test("what cannot be compared is refused")
    func refused() {
        #expect(throws: StatisticsError.tooFew(count: 0, needed: 1)) { try MannWhitney([], [1]) }
        #expect(throws: StatisticsError.badValue(.infinity, index: 1)) { try MannWhitney([1], [1, .infinity]) }
        #expect(throws: StatisticsError.self) { try MannWhitney([.nan], [1]) }
        #expect(throws: StatisticsError.badValue(1e200, index: 0)) { try MannWhitney([1e200], [1]) }
        #expect(throws: StatisticsError.tooMany(count: 1_000_001, most: 1_000_000)) {
            try MannWhitney(Array(repeating: 1, count: 1_000_001), [1])
        }
    }
}
