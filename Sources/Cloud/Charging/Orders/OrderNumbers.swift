/// 16 characters of 0-9 and A-Z that no other order has: the time in milliseconds, then a count that begins at chance.
package struct OrderNumbers: Sendable {
    private static let letters = Array("0123456789ABCDEFGHJKMNPQRSTVWXYZ".utf8)
    private var next: UInt64

    /// - Parameter seed: 4 random bytes.
    package init(seed: [UInt8]) { next = seed.prefix(4).reduce(0) { $0 << 8 | UInt64($1) } }

    package mutating func make(at milliseconds: Int64) -> String {
        let value = (UInt128(UInt64(max(0, milliseconds)) & (1 << 50 - 1)) << 30) | UInt128(next & (1 << 30 - 1))
        next &+= 1
        return String(decoding: (0..<16).map { Self.letters[Int(truncatingIfNeeded: value >> UInt128(75 - 5 * $0)) & 31] }, as: UTF8.self)
    }
}

extension OrderNumbers {
    /// Whether a text could be one of ours.
    package static func isNumber(_ text: String) -> Bool {
        text.utf8.count == 16 && text.utf8.allSatisfy { letters.contains($0) }
    }
}
