/// Splits whole amounts so that the parts always add up (charging-orders.md 2.3, rule 8).
package enum LargestRemainder {
    /// Parts of `total` in proportion to `weights`: each is rounded down, and what is left goes one by one to the parts with the
    /// largest remainders, ties to the lower index.
    ///
    /// Weights may be negative where lines with a minus are split, as long as their sum is above zero; a part is then never beyond
    /// its weight when `total` is not beyond the sum. Weights without a sum above zero count as equal.
    ///
    /// - Returns: as many parts as weights, with the sum `total`; none for no weights.
    package static func split(_ total: Int64, by weights: [Int64]) -> [Int64] {
        split(total, byWide: weights.map { Int128($0) })
    }

    /// The same for weights beyond 64 bits, each below 2^100 and `total` below 2^26 times as small as 2^126 allows: products of
    /// a line's fen with its exact amounts stay far below that.
    static func split(_ total: Int64, byWide weights: [Int128]) -> [Int64] {
        guard !weights.isEmpty else { return [] }
        if total < 0 { return split(magnitude: Int128(total.magnitude), by: weights).map { Int64(truncatingIfNeeded: -$0) } }
        return split(magnitude: Int128(total), by: weights).map { Int64(truncatingIfNeeded: $0) }
    }

    private static func split(magnitude total: Int128, by weights: [Int128]) -> [Int128] {
        let sum = weights.reduce(0, +)
        guard sum > 0 else { return split(magnitude: total, by: weights.map { _ in 1 }) }
        var parts: [Int128] = []
        parts.reserveCapacity(weights.count)
        var remainders: [(remainder: Int128, index: Int)] = []
        remainders.reserveCapacity(weights.count)
        var rest = total
        for (index, weight) in weights.enumerated() {
            var (part, remainder) = (total * weight).quotientAndRemainder(dividingBy: sum)
            if remainder < 0 {
                part -= 1
                remainder += sum
            }
            parts.append(part)
            remainders.append((remainder, index))
            rest -= part
        }
        guard rest > 0 else { return parts }
        remainders.sort { ($1.remainder, $0.index) < ($0.remainder, $1.index) }
        for (_, index) in remainders.prefix(Int(rest)) { parts[index] += 1 }
        return parts
    }
}
