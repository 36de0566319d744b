/// Counts of times in constant memory, good to 3 %: for the lab's own lateness, of which every item gives one.
package struct LagHistogram: Sendable, Equatable {
    /// 32 equal steps for each doubling.
    private static let stepBits = 5
    private static let steps = 1 << stepBits
    private var counts = [UInt64](repeating: 0, count: (64 - stepBits) * steps)
    package private(set) var count = 0
    /// ns, exact; 0 while there are none.
    package private(set) var largest: Int64 = 0

    package init() {}

    /// - Parameter time: ns; what is below 0 counts as 0.
    package mutating func record(_ time: Int64) {
        let value = UInt64(max(0, time))
        counts[Self.slot(value)] += 1
        count += 1
        largest = max(largest, Int64(value))
    }

    package mutating func add(_ other: LagHistogram) {
        for index in counts.indices { counts[index] += other.counts[index] }
        count += other.count
        largest = max(largest, other.largest)
    }

    /// The nearest rank, ns: the upper end of its step, at most the largest; 0 where there is nothing.
    ///
    /// - Parameter percent: in thousandths: 99000 is p99.
    package func percentile(thousandths percent: Int) -> Int64 {
        guard count > 0 else { return 0 }
        let rank = UInt64(max(1, (percent * count + 99_999) / 100_000))
        var sum: UInt64 = 0
        for (slot, number) in counts.enumerated() {
            sum += number
            if sum >= rank { return min(Int64(clamping: Self.end(of: slot)), largest) }
        }
        return largest
    }

    private static func slot(_ value: UInt64) -> Int {
        guard value >= UInt64(steps) else { return Int(value) }
        let shift = 64 - stepBits - 1 - value.leadingZeroBitCount
        return (shift + 1) * steps + Int((value >> UInt64(shift)) & UInt64(steps - 1))
    }

    /// The largest value of a slot.
    private static func end(of slot: Int) -> UInt64 {
        guard slot >= steps else { return UInt64(slot) }
        let shift = UInt64(slot / steps - 1)
        return ((UInt64(steps + slot % steps + 1)) << shift) - 1
    }
}
