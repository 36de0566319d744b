/// One pair of the open Binary Key-Value encoding (charging-protocols.md 2.9): `length | key length | key | value`, where the length
/// is a varint whose most significant group of 7 bits comes first.
package struct BKVPair: Sendable, Hashable {
    package enum Key: Sendable, Hashable {
        /// One byte, as all known devices use.
        case number(UInt8)
        /// A number of any other length than one byte.
        case long([UInt8])
        /// A text (bit 7 of the key length).
        case text([UInt8])
    }

    package var key: Key
    package var value: [UInt8]

    package init(_ key: Key, _ value: [UInt8]) {
        self.key = key
        self.value = value
    }

    package init(_ key: BKVKey, _ value: [UInt8]) { self.init(.number(key.rawValue), value) }

    /// A number in the size that the key has; big endian.
    package init(_ key: BKVKey, number: UInt64) {
        let size = key.size ?? 1
        self.init(key, (0..<size).reversed().map { UInt8(truncatingIfNeeded: number >> (8 * UInt64($0))) })
    }

    /// The value as a big endian number of at most 8 bytes; `nil` for an empty or a longer one.
    package var number: UInt64? {
        value.isEmpty || value.count > 8 ? nil : value.reduce(0) { $0 << 8 | UInt64($1) }
    }

    /// Appends the pair's bytes.
    package func append(to bytes: inout [UInt8]) {
        let (mark, name): (UInt8, [UInt8]) =
            switch key {
            case .number(let number): (0, [number])
            case .long(let number): (0, number)
            case .text(let text): (0x80, text)
            }
        // A key length has 7 bits; longer keys cannot be said and are cut.
        let key = name.prefix(0x7f)
        Self.append(length: 1 + key.count + value.count, to: &bytes)
        bytes.append(mark | UInt8(key.count))
        bytes += key
        bytes += value
    }

    private static func append(length: Int, to bytes: inout [UInt8]) {
        var groups = [UInt8(length & 0x7f)]
        var rest = length >> 7
        while rest > 0 {
            groups.append(0x80 | UInt8(rest & 0x7f))
            rest >>= 7
        }
        bytes += groups.reversed()
    }
}

/// Why bytes are not a list of pairs, with the offset from the first byte of the list.
package struct BKVPairFault: Error, Sendable, Hashable, CustomStringConvertible {
    package enum Reason: Sendable, Hashable {
        /// The length does not end within four bytes.
        case endlessLength
        /// A pair that says it has `length` bytes, where only `left` are there.
        case truncated(length: Int, left: Int)
        /// A length that has no room for its key.
        case keyTooLong(length: Int, key: Int)
        /// A value that has another size than its key says.
        case size(key: UInt8, found: Int, expected: Int)
        /// A pair that the message cannot do without.
        case missing(key: UInt8)
    }

    package var reason: Reason
    package var offset: Int

    package init(_ reason: Reason, offset: Int) {
        self.reason = reason
        self.offset = offset
    }

    package var description: String {
        switch reason {
        case .endlessLength: "pair at offset \(offset): the length does not end within 4 bytes"
        case .truncated(let length, let left): "pair at offset \(offset): length \(length), only \(left) bytes are left"
        case .keyTooLong(let length, let key): "pair at offset \(offset): length \(length) has no room for a key of \(key) bytes"
        case .size(let key, let found, let expected):
            "pair at offset \(offset): key \(hexadecimal(key)) has \(found) bytes, \(expected) are expected"
        case .missing(let key): "no pair with key \(hexadecimal(key))"
        }
    }
}

/// Pairs behind one another: no count, no end mark.
package enum BKVPairs {
    /// A pair and where it lies.
    struct Placed {
        var pair: BKVPair
        /// The pair's first byte, and its value's, as indices of the slice.
        var start: Int
        var valueStart: Int
    }

    /// - Throws: at the first pair that is not one.
    package static func decode(_ bytes: ArraySlice<UInt8>) throws(BKVPairFault) -> [BKVPair] {
        var pairs: [BKVPair] = []
        var position = bytes.startIndex
        while position < bytes.endIndex { pairs.append(try next(bytes, &position).pair) }
        return pairs
    }

    package static func encode(_ pairs: [BKVPair]) -> [UInt8] {
        var bytes: [UInt8] = []
        for pair in pairs { pair.append(to: &bytes) }
        return bytes
    }

    static func next(_ bytes: ArraySlice<UInt8>, _ position: inout Int) throws(BKVPairFault) -> Placed {
        let start = position
        let offset = start - bytes.startIndex
        let length = try length(bytes, &position)
        let left = bytes.endIndex - position
        guard length <= left, length > 0 else { throw BKVPairFault(.truncated(length: length, left: left), offset: offset) }
        let keyLength = Int(bytes[position] & 0x7f)
        guard 1 + keyLength <= length else { throw BKVPairFault(.keyTooLong(length: length, key: keyLength), offset: offset) }
        let isText = bytes[position] & 0x80 != 0
        let name = bytes[position + 1..<position + 1 + keyLength]
        let end = position + length
        let valueStart = position + 1 + keyLength
        position = end
        let key: BKVPair.Key =
            if isText { .text(Array(name)) } else if keyLength == 1, let number = name.first { .number(number) } else { .long(Array(name)) }
        return Placed(pair: BKVPair(key, Array(bytes[valueStart..<end])), start: start, valueStart: valueStart)
    }

    private static func length(_ bytes: ArraySlice<UInt8>, _ position: inout Int) throws(BKVPairFault) -> Int {
        let offset = position - bytes.startIndex
        var length = 0
        for _ in 0..<4 {
            guard position < bytes.endIndex else { throw BKVPairFault(.truncated(length: 1, left: 0), offset: offset) }
            let group = bytes[position]
            position += 1
            length = length << 7 | Int(group & 0x7f)
            if group & 0x80 == 0 { return length }
        }
        throw BKVPairFault(.endlessLength, offset: offset)
    }
}
