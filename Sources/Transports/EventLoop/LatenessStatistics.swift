/// How late deadlines were noticed, in constant memory: 16 steps for each doubling, so that figures are at most 6 % too high.
package struct LatenessStatistics: Sendable {
    private static let steps = 16
    private var buckets = [UInt32](repeating: 0, count: 60 * steps)
    /// Deadlines that were waited for.
    package private(set) var count = 0
    /// ns.
    package private(set) var maximum: Int64 = 0

    package init() {}

    package mutating func record(_ nanoseconds: Int64) {
        let late = max(0, nanoseconds)
        buckets[Self.bucket(of: late)] &+= 1
        count += 1
        maximum = max(maximum, late)
    }

    package var median: Int64 { quantile(0.5) }
    package var p99: Int64 { quantile(0.99) }

    /// The smallest upper bound that the share of all deadlines kept, ns; 0 without deadlines.
    package func quantile(_ share: Double) -> Int64 {
        let rank = max(1, Int((Double(count) * share).rounded(.up)))
        var seen = 0
        for (index, entries) in buckets.enumerated() {
            seen += Int(entries)
            if seen >= rank, entries > 0 { return min(maximum, Self.upperBound(of: index)) }
        }
        return 0
    }

    private static func bucket(of value: Int64) -> Int {
        guard value >= steps else { return Int(value) }
        let power = 63 - value.leadingZeroBitCount
        let step = Int(value >> (power - 4)) - steps
        return min((power - 3) * steps + step, 60 * steps - 1)
    }

    private static func upperBound(of bucket: Int) -> Int64 {
        guard bucket >= steps else { return Int64(bucket) }
        let power = bucket / steps + 3
        return (Int64(bucket % steps + steps + 1) << (power - 4)) - 1
    }
}
