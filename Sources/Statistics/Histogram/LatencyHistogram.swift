import Histogram

/// Times in constant memory: an HdrHistogram with three digits from 1 ns to 3600 s (sla.md §3.2).
///
/// From 1 ns and not from 1 µs, because hops and the lab's own lateness are shorter than a microsecond; that costs ten more
/// buckets: 33,792 counters of 8 bytes, 264 KiB. A percentile is too high by less than 0.1 %, and never above the largest time.
package struct LatencyHistogram: Sendable, Equatable {
    /// 3600 s in ns. What is longer counts as this long.
    package static let highest: Int64 = 3_600_000_000_000

    private static let mostTimes: UInt64 = 1 << 62

    private var counters: Histogram<UInt64>
    /// Times above `highest`.
    package private(set) var beyond = 0

    package init() {
        counters = Histogram(lowestDiscernibleValue: 1, highestTrackableValue: UInt64(Self.highest), numberOfSignificantValueDigits: .three)
    }

    /// The times recorded. At 2^62 further ones are not counted.
    package var count: Int { Int(counters.totalCount) }

    /// The shortest and the longest time, exactly; `nil` without any.
    package var min: Int64? { count == 0 ? nil : Int64(counters.min) }
    package var max: Int64? { count == 0 ? nil : Int64(counters.maxRecorded) }

    /// Counts a time.
    ///
    /// - Parameters:
    ///   - nanoseconds: a time below 0 counts as 0, one above 3600 s as 3600 s.
    ///   - times: how often; below 1 is nothing.
    package mutating func record(_ nanoseconds: Int64, times: Int = 1) {
        guard times > 0, UInt64(times) <= Self.mostTimes, counters.totalCount <= Self.mostTimes - UInt64(times) else { return }
        if nanoseconds > Self.highest { beyond += times }
        counters.record(Self.clamped(nanoseconds), count: UInt64(times))
    }

    /// For those who read a histogram back: of the times recorded, so many were longer than counts.
    mutating func add(beyond times: Int) { beyond += times }

    private static func clamped(_ nanoseconds: Int64) -> UInt64 { UInt64(Swift.min(Swift.max(nanoseconds, 0), highest)) }

    /// Counts a time and those that a client which waits for each answer could not measure meanwhile: v, v-i, v-2i, ... down to i.
    ///
    /// Only for what others have measured; our own times begin at the plan.
    ///
    /// - Parameter interval: i, between two requests; below 1 corrects nothing.
    package mutating func recordCorrected(_ nanoseconds: Int64, interval: Int64) {
        record(nanoseconds)
        let value = Self.clamped(nanoseconds)
        guard interval > 0, value > UInt64(interval) else { return }
        let step = UInt64(interval)
        // The missing ones are rest + m·step for m from 1 to last.
        let (last, rest) = (value / step - 1, value % step)
        if last <= Self.fewMissing {
            for number in stride(from: last, to: 0, by: -1) { record(Int64(rest + number * step)) }
            return
        }
        // So many that it is shorter to ask each bucket for how many it gets.
        var (done, bottom) = (UInt64(0), UInt64(0))
        while done < last {
            let top = counters.highestEquivalentForValue(bottom)
            let reached = top < rest + step ? 0 : Swift.min((top - rest) / step, last)
            if reached > done { record(Int64(rest + reached * step), times: Int(reached - done)) }
            (done, bottom) = (Swift.max(done, reached), top + 1)
        }
    }

    private static let fewMissing = 10_000

    /// Adds all times of another one, as if they had been recorded here.
    package mutating func merge(_ other: LatencyHistogram) {
        guard counters.totalCount <= Self.mostTimes - other.counters.totalCount else { return }
        counters.add(other.counters)
        beyond += other.beyond
    }

    /// The percentile by nearest rank: the longest time that its bucket could hold, within the shortest and the longest recorded.
    ///
    /// - Parameter thousandths: of a percent, 0 to 100,000; what is outside is taken as the nearer end.
    /// - Returns: ns, `nil` without times.
    package func percentile(thousandths: Int) -> Int64? {
        guard count > 0 else { return nil }
        // The package goes to the next smaller double and rounds up: the exact nearest rank for up to 10^10 times.
        return Int64(counters.valueAtPercentile(Double(Swift.min(Swift.max(thousandths, 0), 100_000)) / 1000))
    }

    /// The percentile where some items were never answered, and count as longer than all.
    ///
    /// - Returns: `nil` where it lands on one of these, and without any items.
    package func percentile(thousandths: Int, unanswered: Int) -> Int64? {
        guard unanswered > 0 else { return percentile(thousandths: thousandths) }
        let rank = NearestRank.rank(thousandths: thousandths, count: count + unanswered)
        return rank <= count ? value(atRank: rank) : nil
    }

    /// The time of a rank, 1 to `count`, as `percentile` gives it.
    package func value(atRank rank: Int) -> Int64? {
        guard count > 0, rank <= count, let longest = max, let shortest = min else { return nil }
        var seen = 0
        for bucket in buckets {
            seen += bucket.count
            if seen >= rank { return Swift.max(Swift.min(bucket.nanoseconds.upperBound, longest), shortest) }
        }
        return longest
    }

    /// The times in buckets that are at or below one that long.
    package func count(atMost nanoseconds: Int64) -> Int {
        guard nanoseconds >= 0 else { return 0 }
        return Int(counters.count(within: 0...Self.clamped(nanoseconds)))
    }

    /// The mean of the buckets' middles, good to 0.05 %; `nil` without times.
    package var mean: Double? {
        guard count > 0, let longest = max, let shortest = min else { return nil }
        var sum = 0.0
        for bucket in buckets {
            let (low, high) = (Swift.max(bucket.nanoseconds.lowerBound, shortest), Swift.min(bucket.nanoseconds.upperBound, longest))
            sum += (Double(low) + Double(high)) / 2 * Double(bucket.count)
        }
        return sum / Double(count)
    }

    package struct Bucket: Sendable, Equatable {
        /// The times, ns, that are counted together here.
        package var nanoseconds: ClosedRange<Int64>
        package var count: Int
    }

    /// The buckets that hold times, from the shortest: at most 33,792.
    package var buckets: [Bucket] {
        guard count > 0, let shortest = min else { return [] }
        var result: [Bucket] = []
        var (seen, bottom) = (0, counters.lowestEquivalentForValue(UInt64(shortest)))
        while seen < count, bottom <= UInt64(Self.highest) {
            let top = counters.highestEquivalentForValue(bottom)
            let times = Int(counters.countForValue(bottom))
            if times > 0 { result.append(Bucket(nanoseconds: Int64(bottom)...Int64(top), count: times)) }
            (seen, bottom) = (seen + times, top + 1)
        }
        return result
    }
}
