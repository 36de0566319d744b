/// Cumulative sums of Page: finds a lasting shift soon, one value after another (sla.md §3.9).
package struct CUSUM: Sendable, Equatable {
    package let mean: Double
    package let deviation: Double
    /// In standard deviations: what is let pass each time, and what the sum must exceed.
    package let slack: Double
    package let limit: Double
    /// The sums of what was above and below, 0 or more.
    package private(set) var above = 0.0
    package private(set) var below = 0.0

    package enum Alarm: String, Sendable { case above, below }

    /// - Parameters:
    ///   - mean: of the accepted values.
    ///   - deviation: their standard deviation, above 0.
    package init(mean: Double, deviation: Double, slack: Double = 0.5, limit: Double = 5) throws(StatisticsError) {
        try Values.check([mean])
        guard deviation > 0 else { throw .constant }
        guard deviation <= Values.largest else { throw .badValue(deviation, index: 0) }
        guard slack >= 0, slack.isFinite else { throw .badParameter("the slack", slack, range: "0 or more") }
        guard limit > 0, limit.isFinite else { throw .badParameter("the limit", limit, range: "above 0") }
        (self.mean, self.deviation, self.slack, self.limit) = (mean, deviation, slack, limit)
    }

    /// From the mean and the standard deviation (n-1) of at least two accepted values that differ.
    package init(baseline: [Double], slack: Double = 0.5, limit: Double = 5) throws(StatisticsError) {
        try Values.check(baseline, atLeast: 2)
        guard baseline.contains(where: { $0 != baseline[0] }) else { throw .constant }
        let mean = Values.mean(baseline)
        let variance = Values.squares(baseline, around: mean) / Double(baseline.count - 1)
        try self.init(mean: mean, deviation: variance.squareRoot(), slack: slack, limit: limit)
    }

    /// Takes the next value.
    ///
    /// - Returns: an alarm as long as a sum is above the limit. What is no number is infinitely far.
    package mutating func add(_ value: Double) -> Alarm? {
        // Bounded, so that two infinities never meet.
        let distance = value.isNaN ? 1e300 : min(max((value - mean) / deviation, -1e300), 1e300)
        above = min(max(0, above + distance - slack), 1e300)
        below = min(max(0, below - distance - slack), 1e300)
        return above > limit ? .above : (below > limit ? .below : nil)
    }

    /// The first value of a series that raises an alarm.
    package static func firstAlarm(
        in series: [Double], baseline: [Double], slack: Double = 0.5, limit: Double = 5
    ) throws(StatisticsError) -> (index: Int, alarm: Alarm)? {
        var sums = try CUSUM(baseline: baseline, slack: slack, limit: limit)
        for (index, value) in series.enumerated() { if let alarm = sums.add(value) { return (index, alarm) } }
        return nil
    }
}
