/// How much may go wrong in a period (sla.md §3.11). Objectives are in thousandths of a percent: 99.95 % is 99,950.
package struct ErrorBudget: Sendable, Equatable {
    package let objectiveThousandths: Int
    /// ns, above 0.
    package let periodNanoseconds: Int64

    /// - Parameters:
    ///   - objectiveThousandths: 0 to 99,999; 100 % leaves no budget to divide by.
    ///   - periodNanoseconds: above 0.
    package init(objectiveThousandths: Int, periodNanoseconds: Int64) throws(StatisticsError) {
        guard (0...99_999).contains(objectiveThousandths) else {
            throw .badParameter("the objective", Double(objectiveThousandths) / 1000, range: "0 % to 99.999 %")
        }
        guard periodNanoseconds > 0 else { throw .badParameter("the period", Double(periodNanoseconds), range: "a time above 0") }
        self.objectiveThousandths = objectiveThousandths
        self.periodNanoseconds = periodNanoseconds
    }

    /// The time that may be bad: (1-objective)·period, rounded down to whole ns. 99.9 % of 30 days: 2,592 s.
    package var allowedNanoseconds: Int64 {
        Int64(Int128(periodNanoseconds) * Int128(100_000 - objectiveThousandths) / 100_000)
    }

    /// The share of the budget that outages use: each so many ns long, so many times in the period.
    ///
    /// - Parameter charges: ns and numbers of 0 or more.
    /// - Returns: 1 for all of it, finite.
    package func share(of charges: [(nanoseconds: Int64, timesPerPeriod: Double)]) throws(StatisticsError) -> Double {
        var sum = 0.0
        for (index, charge) in charges.enumerated() {
            guard charge.nanoseconds >= 0 else { throw .badValue(Double(charge.nanoseconds), index: index) }
            guard charge.timesPerPeriod >= 0, charge.timesPerPeriod <= 1e100 else { throw .badValue(charge.timesPerPeriod, index: index) }
            sum += Double(charge.nanoseconds) * charge.timesPerPeriod
        }
        return sum * 100_000 / (Double(periodNanoseconds) * Double(100_000 - objectiveThousandths))
    }

    /// The availability of parts that are all needed: the product. 0.9999·0.9995·0.9999·0.9995 = 0.99880.
    ///
    /// - Parameter parts: shares from 0 to 1; none give 1.
    package static func chain(_ parts: [Double]) throws(StatisticsError) -> Double {
        for (index, part) in parts.enumerated() where !(part >= 0 && part <= 1) { throw .badValue(part, index: index) }
        return parts.reduce(1, *)
    }
}

/// How fast the budget is used: 1 is exactly all of it in the period (sla.md §3.11).
package enum BurnRate {
    /// One window: events, and those of them that were bad.
    package struct Window: Sendable, Equatable {
        package var bad: Int
        package var total: Int
        package init(bad: Int, total: Int) {
            self.bad = bad
            self.total = total
        }
    }

    /// An alarm of two windows, as the usual four: 14.4 is 2 % of 30 days' budget in an hour.
    package struct Rule: Sendable, Equatable {
        package var threshold: Double
        /// s
        package var longSeconds: Int
        package var shortSeconds: Int
    }

    package static let rules = [
        Rule(threshold: 14.4, longSeconds: 3_600, shortSeconds: 300), Rule(threshold: 6, longSeconds: 21_600, shortSeconds: 1_800),
        Rule(threshold: 3, longSeconds: 86_400, shortSeconds: 7_200), Rule(threshold: 1, longSeconds: 259_200, shortSeconds: 21_600),
    ]

    /// Bad events below which nothing burns: 1 bad one of 50 is no alarm (sla.md §2.4 rule 8).
    package static let fewestBad = 10

    /// (bad/total)/(1-objective), rounded once: 14.4 is 14.4.
    ///
    /// - Returns: `nil` without events, with more bad ones than events, or with an objective outside of 0...99,999 thousandths.
    package static func value(_ window: Window, objectiveThousandths: Int) -> Double? {
        guard window.total > 0, (0...window.total).contains(window.bad), (0...99_999).contains(objectiveThousandths) else { return nil }
        return Double(window.bad) * 100_000 / (Double(window.total) * Double(100_000 - objectiveThousandths))
    }

    /// Whether both windows burn at `threshold` or faster, with at least ten bad events in the long one.
    package static func isBurning(long: Window, short: Window, objectiveThousandths: Int, threshold: Double) -> Bool {
        guard long.bad >= fewestBad, let slow = value(long, objectiveThousandths: objectiveThousandths),
            let fast = value(short, objectiveThousandths: objectiveThousandths)
        else { return false }
        return slow >= threshold && fast >= threshold
    }
}
