/// Order statistics of all differences or all means of pairs, without writing the pairs down: memory for the values only, time
/// n·64, exact to the last bit.
enum KthSmallest {
    /// The smallest value v for which `count(v)`, the number of pairs at or below v, is at least `rank`.
    private static func value(rank: Int, from low: Double, to high: Double, count: (Double) -> Int) -> Double {
        var (lowKey, highKey) = (key(low), key(high))
        while lowKey < highKey {
            let middle = lowKey + (highKey - lowKey) / 2
            if count(value(middle)) >= rank { highKey = middle } else { lowKey = middle + 1 }
        }
        // A negative zero becomes a plain one.
        return value(lowKey) + 0
    }

    /// A whole number in the order of the doubles.
    private static func key(_ value: Double) -> UInt64 {
        let bits = value.bitPattern
        return bits >> 63 == 1 ? ~bits : bits | (1 << 63)
    }

    private static func value(_ key: UInt64) -> Double { Double(bitPattern: key >> 63 == 1 ? key & ~(1 << 63) : ~key) }

    /// The median of all x-y, of sorted lists that are not empty.
    static func medianOfDifferences(_ first: [Double], _ second: [Double]) -> Double {
        let total = first.count * second.count
        func ranked(_ rank: Int) -> Double { difference(first, second, rank: rank) }
        return total % 2 == 1 ? ranked(total / 2 + 1) : middle(ranked(total / 2), ranked(total / 2 + 1))
    }

    private static func difference(_ first: [Double], _ second: [Double], rank: Int) -> Double {
        let last = (first.count - 1, second.count - 1)
        return value(rank: rank, from: first[0] - second[last.1], to: first[last.0] - second[0]) { limit in
            var count = 0
            var place = 0
            for x in first {
                while place < second.count, x - second[place] > limit { place += 1 }
                count += second.count - place
            }
            return count
        }
    }

    /// The Walsh average of a rank, 1 to n(n+1)/2: of all (x_i+x_j)/2 with i ≤ j, of a sorted list that is not empty.
    static func walshAverage(_ values: [Double], rank: Int) -> Double {
        value(rank: rank, from: values[0], to: values[values.count - 1]) { limit in
            var count = 0
            var last = values.count - 1
            for first in values.indices {
                while last >= first, middle(values[first], values[last]) > limit { last -= 1 }
                if last < first { break }
                count += last - first + 1
            }
            return count
        }
    }

    static func medianOfWalshAverages(_ values: [Double]) -> Double {
        let total = values.count * (values.count + 1) / 2
        func ranked(_ rank: Int) -> Double { walshAverage(values, rank: rank) }
        return total % 2 == 1 ? ranked(total / 2 + 1) : middle(ranked(total / 2), ranked(total / 2 + 1))
    }

    private static func middle(_ first: Double, _ second: Double) -> Double { (first + second) / 2 }
}
