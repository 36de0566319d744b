import Testing

@testable import Statistics

@Suite("Budgets (sla.md §3.11)")
struct ErrorBudgetTests {
    private static let second: Int64 = 1_000_000_000
    private static let month = 30 * 86_400 * second

    @Test(
        "30 days: 99.9 % leaves 2,592 s, 99.95 % 1,296 s, 99.99 % 259.2 s",
        arguments: [(99_900, 2_592_000), (99_950, 1_296_000), (99_990, 259_200)] as [(Int, Int64)])
    func allowed(objective: Int, milliseconds: Int64) throws {
        let budget = try ErrorBudget(objectiveThousandths: objective, periodNanoseconds: Self.month)
        #expect(budget.allowedNanoseconds == milliseconds * 1_000_000)
    }

    /// A broker's restart of 10 s, 8 times, and a deployment of 5 s, 4 times: 100 s of 259.2 s.
    @Test("the share that planned outages use")
    func share() throws {
        let budget = try ErrorBudget(objectiveThousandths: 99_990, periodNanoseconds: Self.month)
        let share = try budget.share(of: [(10 * Self.second, 8), (5 * Self.second, 4)])
        #expect(abs(share - 100 / 259.2) < 1e-12)
        #expect(try budget.share(of: []) == 0)
        #expect(throws: StatisticsError.self) { try budget.share(of: [(1, .infinity)]) }
        #expect(throws: StatisticsError.self) { try budget.share(of: [(-1, 1)]) }
    }

    @Test("four good parts make a 99.88 % whole")
    func chain() throws {
        #expect(abs(try ErrorBudget.chain([0.9999, 0.9995, 0.9999, 0.9995]) - 0.99880) < 0.000_005)
        #expect(try ErrorBudget.chain([]) == 1)
        #expect(throws: StatisticsError.self) { try ErrorBudget.chain([1.1]) }
        #expect(throws: StatisticsError.self) { try ErrorBudget.chain([.nan]) }
    }

    @Test("a longest period does not overflow, and no budget is refused")
    func edges() throws {
        #expect(try ErrorBudget(objectiveThousandths: 0, periodNanoseconds: .max).allowedNanoseconds == .max)
        #expect(throws: StatisticsError.self) { try ErrorBudget(objectiveThousandths: 100_000, periodNanoseconds: 1) }
        #expect(throws: StatisticsError.self) { try ErrorBudget(objectiveThousandths: 99_900, periodNanoseconds: 0) }
    }
}

@Suite("Burn rates (sla.md §3.11, §2.4 rule 8)")
struct BurnRateTests {
    @Test("144 bad of 10,000 at 99.9 % burn 14.4, exactly")
    func value() {
        #expect(BurnRate.value(.init(bad: 144, total: 10_000), objectiveThousandths: 99_900) == 14.4)
        #expect(BurnRate.value(.init(bad: 1, total: 1000), objectiveThousandths: 99_900) == 1)
        #expect(BurnRate.value(.init(bad: 0, total: 0), objectiveThousandths: 99_900) == nil)
        #expect(BurnRate.value(.init(bad: 2, total: 1), objectiveThousandths: 99_900) == nil)
        #expect(BurnRate.value(.init(bad: 1, total: 1), objectiveThousandths: 100_000) == nil)
    }

    @Test(
        "both windows must burn, with at least ten bad events",
        arguments: [
            (144, 10_000, 20, 1000, true), (143, 10_000, 20, 1000, false), (144, 10_000, 14, 1000, false), (1, 50, 1, 50, false),
            (9, 10, 9, 10, false), (10, 10, 10, 10, true), (144, 10_000, 0, 0, false),
        ])
    func rule(bad: Int, total: Int, shortBad: Int, shortTotal: Int, isBurning: Bool) {
        #expect(
            BurnRate.isBurning(
                long: .init(bad: bad, total: total), short: .init(bad: shortBad, total: shortTotal), objectiveThousandths: 99_900,
                threshold: 14.4) == isBurning)
    }

    @Test("the usual four rules use 2, 5, 10 and 10 % of 30 days")
    func rules() {
        let shares = BurnRate.rules.map { $0.threshold * Double($0.longSeconds) / (30 * 86_400) }
        for (share, expected) in zip(shares, [0.02, 0.05, 0.1, 0.1]) { #expect(abs(share - expected) < 1e-12) }
    }
}

@Suite("Many metrics (sla.md §3.12)")
struct MultipleComparisonsTests {
    @Test("40 metrics at 0.05 cry wolf in 87 % of nights")
    func falseAlarms() throws {
        #expect(abs(try MultipleComparisons.falseAlarmChance(count: 40, alpha: 0.05) - 0.8715) < 0.0001)
        #expect(try MultipleComparisons.falseAlarmChance(count: 0, alpha: 1) == 0)
        #expect(try MultipleComparisons.falseAlarmChance(count: 3, alpha: 1) == 1)
        #expect(throws: StatisticsError.self) { try MultipleComparisons.falseAlarmChance(count: 3, alpha: .nan) }
    }

    /// By hand, and as R's `p.adjust` gives them: 0.01·4, max(0.02·3), max(0.03·2, 0.06), max(0.04).
    @Test(
        "Holm",
        arguments: [
            ([0.01, 0.02, 0.03, 0.04], [0.04, 0.06, 0.06, 0.06]), ([0.04, 0.01], [0.04, 0.02]), ([0.5, 0.9], [1, 1]), ([], []),
            ([0.005, 0.011, 0.02, 0.04, 0.13], [0.025, 0.044, 0.06, 0.08, 0.13]),
        ] as [([Double], [Double])])
    func holm(pValues: [Double], adjusted: [Double]) throws {
        for (found, expected) in zip(try MultipleComparisons.holm(pValues), adjusted) { #expect(abs(found - expected) < 1e-12) }
    }

    /// By hand: min over later ranks of p·m/rank.
    @Test(
        "Benjamini and Hochberg",
        arguments: [
            ([0.01, 0.02, 0.03, 0.04], [0.04, 0.04, 0.04, 0.04]), ([0.04, 0.01], [0.04, 0.02]), ([0.5, 0.9], [0.9, 0.9]), ([], []),
            ([0.005, 0.011, 0.02, 0.04, 0.13], [0.025, 0.0275, 0.1 / 3, 0.05, 0.13]),
        ] as [([Double], [Double])])
    func benjaminiHochberg(pValues: [Double], adjusted: [Double]) throws {
        for (found, expected) in zip(try MultipleComparisons.benjaminiHochberg(pValues), adjusted) {
            #expect(abs(found - expected) < 1e-12)
        }
    }

    @Test("what is no probability is refused", arguments: [-0.1, 1.1, Double.nan])
    func refused(pValue: Double) {
        #expect(throws: StatisticsError.self) { try MultipleComparisons.holm([0.5, pValue]) }
        #expect(throws: StatisticsError.self) { try MultipleComparisons.benjaminiHochberg([pValue]) }
    }
}
