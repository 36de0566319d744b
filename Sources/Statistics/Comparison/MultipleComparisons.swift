import Foundation

/// Many metrics of one night: what their p-values say together (sla.md §3.12).
package enum MultipleComparisons {
    /// The most p-values of a family.
    package static let largestCount = 1_000_000

    /// Holm's adjusted p-values, in the order given: those at or below α are rejected with a chance of at most α for any false
    /// alarm.
    package static func holm(_ pValues: [Double]) throws(StatisticsError) -> [Double] {
        let order = try order(pValues)
        var adjusted = pValues
        var largest = 0.0
        for (place, index) in order.enumerated() {
            largest = max(largest, min(1, Double(order.count - place) * pValues[index]))
            adjusted[index] = largest
        }
        return adjusted
    }

    /// The adjusted p-values of Benjamini and Hochberg, in the order given: of those at or below α a share of at most α is
    /// expected to be false.
    package static func benjaminiHochberg(_ pValues: [Double]) throws(StatisticsError) -> [Double] {
        let order = try order(pValues)
        var adjusted = pValues
        var smallest = 1.0
        for (place, index) in order.enumerated().reversed() {
            smallest = min(smallest, Double(order.count) / Double(place + 1) * pValues[index])
            adjusted[index] = smallest
        }
        return adjusted
    }

    /// The chance of at least one false alarm among `count` independent metrics, each at level `alpha`: 87 % for 40 at 0.05.
    package static func falseAlarmChance(count: Int, alpha: Double) throws(StatisticsError) -> Double {
        try Values.check(probability: alpha, named: "the level")
        guard count >= 0 else { throw .tooFew(count: count, needed: 0) }
        return alpha == 1 ? (count > 0 ? 1 : 0) : -expm1(Double(count) * log1p(-alpha))
    }

    private static func order(_ pValues: [Double]) throws(StatisticsError) -> [Int] {
        guard pValues.count <= largestCount else { throw .tooMany(count: pValues.count, most: largestCount) }
        for (index, value) in pValues.enumerated() where !(value >= 0 && value <= 1) { throw .badValue(value, index: index) }
        return pValues.indices.sorted { (pValues[$0], $0) < (pValues[$1], $1) }
    }
}
