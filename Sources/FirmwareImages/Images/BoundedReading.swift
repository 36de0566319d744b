/// Numbers out of bytes at any offset: nil where a byte of them is missing, also for negative and huge offsets.
enum LittleEndian {
    static func u16(_ bytes: [UInt8], at offset: Int) -> UInt16? {
        guard Bounds.holds(bytes.count, offset, 2) else { return nil }
        return UInt16(bytes[offset]) | UInt16(bytes[offset + 1]) << 8
    }

    static func u32(_ bytes: [UInt8], at offset: Int) -> UInt32? {
        guard Bounds.holds(bytes.count, offset, 4) else { return nil }
        return UInt32(bytes[offset]) | UInt32(bytes[offset + 1]) << 8 | UInt32(bytes[offset + 2]) << 16 | UInt32(bytes[offset + 3]) << 24
    }

    static func bytes(_ value: UInt16) -> [UInt8] { [UInt8(truncatingIfNeeded: value), UInt8(truncatingIfNeeded: value >> 8)] }

    static func bytes(_ value: UInt32) -> [UInt8] {
        bytes(UInt16(truncatingIfNeeded: value)) + bytes(UInt16(truncatingIfNeeded: value >> 16))
    }
}

enum Bounds {
    /// Whether `length` bytes from `offset` on lie within `count` bytes; no sum of it can overflow.
    static func holds(_ count: Int, _ offset: Int, _ length: Int) -> Bool {
        offset >= 0 && length >= 0 && offset <= count && length <= count - offset
    }

    /// The next multiple of `step`, a power of two; for values far from `Int.max` only.
    static func roundedUp(_ value: Int, to step: Int) -> Int { (value + step - 1) & ~(step - 1) }
}

/// Numbers as findings write them.
enum HexText {
    /// `0x1f0`: how offsets are written in findings.
    static func offset(_ value: Int) -> String { "0x" + String(value, radix: 16) }

    /// `0x0050`: a number with all its digits.
    static func fixed(_ value: some FixedWidthInteger & UnsignedInteger) -> String {
        let digits = String(value, radix: 16)
        return "0x" + String(repeating: "0", count: max(0, value.bitWidth / 4 - digits.count)) + digits
    }
}

/// A text out of a field of fixed length: up to the first zero byte, what is not printable ASCII shown as `?`.
enum FixedText {
    static func read(_ bytes: some Sequence<UInt8>) -> String {
        String(decoding: bytes.prefix { $0 != 0 }.map { (0x20..<0x7f).contains($0) ? $0 : UInt8(ascii: "?") }, as: UTF8.self)
    }
}
