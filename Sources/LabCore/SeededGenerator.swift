/// A stream of chance that belongs to one purpose: the same seed and purpose always give the same numbers.
///
/// SplitMix64 (Steele, Lea, Flood 2014): 8 bytes of state, so that every device of a fleet can own several.
/// Streams of different purposes are independent, so that a new use of chance in one place
/// does not change what happens in another.
package struct SeededGenerator: RandomNumberGenerator, Sendable, Hashable {
    private var state: UInt64

    /// The bare SplitMix64 stream of `seed`.
    package init(seed: UInt64) { state = seed }

    /// The stream of `purpose` in the run with `seed`; write the purpose as words: "loss on link badge".
    package init(seed: UInt64, purpose: String) {
        // FNV-1a keeps the mapping from words to streams fixed across processes, unlike `Hasher`.
        var hash: UInt64 = 0xcbf2_9ce4_8422_2325
        for byte in purpose.utf8 { hash = (hash ^ UInt64(byte)) &* 0x0000_0100_0000_01b3 }
        var mixer = SeededGenerator(seed: seed ^ hash)
        state = mixer.next()
    }

    package mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xbf58_476d_1ce4_e5b9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94d0_49bb_1331_11eb
        return mixed ^ (mixed >> 31)
    }

    /// A number in [0, 1) with 53 random bits.
    package mutating func unitInterval() -> Double { Double(next() >> 11) * 0x1p-53 }

    /// A whole number in 0..<bound, without bias worth mentioning: the high word of a 128-bit product.
    package mutating func integer(below bound: UInt64) -> UInt64 { next().multipliedFullWidth(by: bound).high }

    /// Nanoseconds spread evenly over `range`.
    package mutating func nanoseconds(in range: ClosedRange<Int64>) -> Int64 {
        let width = UInt64(bitPattern: range.upperBound &- range.lowerBound)
        if width == .max { return Int64(bitPattern: next()) }
        return range.lowerBound &+ Int64(bitPattern: integer(below: width + 1))
    }

    /// True with the given probability. 0 never draws true, 1 always does; one number is drawn in any case,
    /// so that changing a rate does not shift what later draws give.
    package mutating func chance(_ probability: Double) -> Bool { unitInterval() < probability }

    /// `count` random bytes.
    package mutating func bytes(_ count: Int) -> [UInt8] {
        var result: [UInt8] = []
        result.reserveCapacity(count)
        while result.count < count {
            var word = next()
            for _ in 0..<min(8, count - result.count) {
                result.append(UInt8(truncatingIfNeeded: word))
                word >>= 8
            }
        }
        return result
    }
}
