/// Exact percentiles (sla.md §3.1): sort, take rank k = max(1, ⌈p/100·n⌉).
///
/// p comes in thousandths of a percent and the rank is computed in whole numbers: in doubles ⌈99.9/100·1000⌉ is 1000
/// where it must be 999.
package enum NearestRank {
    private static let whole = 100_000

    /// - Parameters:
    ///   - thousandths: the percentile, 0 to 100,000: p99.95 is 99,950.
    ///   - count: the number of samples, 1 or more.
    /// - Returns: the rank, 1 to `count`.
    package static func rank(thousandths: Int, count: Int) -> Int {
        let p = min(max(thousandths, 0), whole)
        // n = q·100,000 + r, so that p·n/100,000 = p·q + p·r/100,000 cannot overflow.
        let (quotient, rest) = count.quotientAndRemainder(dividingBy: whole)
        return max(1, p * quotient + (p * rest + whole - 1) / whole)
    }

    /// - Parameter sorted: the samples in ascending order.
    /// - Returns: `nil` for no samples.
    package static func value(of sorted: [Double], thousandths: Int) -> Double? {
        sorted.isEmpty ? nil : sorted[rank(thousandths: thousandths, count: sorted.count) - 1]
    }

    /// The samples from which a percentile is believed by default: ⌈10/(1-p)⌉ (sla.md §2.4 rule 2).
    package static func automaticMinimum(thousandths: Int) -> Int {
        let rest = whole - min(max(thousandths, 0), whole - 1)
        return (10 * whole + rest - 1) / rest
    }
}
