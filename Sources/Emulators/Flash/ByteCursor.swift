/// Whole numbers as little-endian bytes, as the records in flash keep them.
extension Array where Element == UInt8 {
    mutating func append(littleEndian value: some FixedWidthInteger) {
        for index in 0..<(value.bitWidth / 8) { append(UInt8(truncatingIfNeeded: value >> (8 * index))) }
    }
}

/// Reads whole numbers and bytes one after the other; `nil` as soon as too few are left.
struct ByteCursor {
    private let bytes: [UInt8]
    private(set) var position = 0

    init(_ bytes: [UInt8]) { self.bytes = bytes }

    var isAtEnd: Bool { position == bytes.count }

    mutating func integer<Value: FixedWidthInteger>(_: Value.Type = Value.self) -> Value? {
        guard let part = take(Value.bitWidth / 8) else { return nil }
        return part.reversed().reduce(0) { $0 << 8 | Value(truncatingIfNeeded: $1) }
    }

    mutating func take(_ count: Int) -> ArraySlice<UInt8>? {
        guard count >= 0, count <= bytes.count - position else { return nil }
        defer { position += count }
        return bytes[position..<position + count]
    }

    /// A text with its length in one byte before it.
    mutating func shortText() -> String? {
        guard let length = integer(UInt8.self), let part = take(Int(length)) else { return nil }
        return String(validating: part, as: UTF8.self)
    }
}

extension Array where Element == UInt8 {
    /// Appends a text of at most 255 bytes with its length before it; a longer one is cut.
    mutating func append(shortText text: String) {
        let bytes = text.utf8.prefix(255)
        append(UInt8(bytes.count))
        append(contentsOf: bytes)
    }
}
