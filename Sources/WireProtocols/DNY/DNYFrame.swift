/// A frame of the DNY protocol, of AP262 to AP3000 and AP632 (charging-protocols.md 4.2).
///
/// `DNY`, a length, the physical ID, the message ID, a command, its data, and the sum of all bytes before it. Numbers are little
/// endian; nothing is escaped.
package struct DNYFrame: Sendable, Hashable {
    /// The device; `DNYPhysicalID` takes it apart. 0 in the middleware's dialect where `name` is not eight hexadecimal digits.
    package var physicalID: UInt32
    /// New for each command; a resend keeps it, the answer repeats it.
    package var messageID: UInt16
    package var command: UInt8
    package var data: [UInt8]
    /// The device as the middleware's dialect names it, and `nil` in the vendor's.
    package var name: String?

    package init(physicalID: UInt32, messageID: UInt16, command: UInt8, data: [UInt8] = [], name: String? = nil) {
        self.physicalID = physicalID
        self.messageID = messageID
        self.command = command
        self.data = data
        self.name = name
    }

    /// `DNY`
    package static let magic: [UInt8] = [0x44, 0x4e, 0x59]
    /// Bytes before the ones that the length field counts: magic and length.
    package static let headSize = 5
    /// Where the data begin in the vendor's dialect.
    package static let dataOffset = 12

    /// The sum of all bytes, modulo 65536.
    package static func checksum(_ bytes: some Sequence<UInt8>) -> UInt16 {
        UInt16(truncatingIfNeeded: bytes.reduce(0 as UInt32) { $0 &+ UInt32($1) })
    }

    /// The bytes of the frame.
    ///
    /// - Throws: `.length` if the data are longer than the settings allow, `.name` for a name that the dialect cannot write.
    package func encoded(_ settings: DNYSettings = .standard) throws(DNYFrameFault) -> [UInt8] {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(Self.dataOffset + data.count + 2)
        bytes += Self.magic
        switch settings.dialect {
        case .vendor:
            try Self.append(length: 9 + data.count, settings, to: &bytes)
            Self.append(physicalID, to: &bytes)
        case .iotServerCDZ:
            let name = Array((name ?? DNYPhysicalID(physicalID).text).utf8)
            guard let size = UInt8(exactly: name.count) else { throw .name(size: name.count) }
            try Self.append(length: 11 + name.count + data.count, settings, to: &bytes)
            bytes.append(size)
            bytes += name
        }
        Self.append(messageID, to: &bytes)
        bytes.append(command)
        bytes += data
        Self.append(Self.checksum(bytes), to: &bytes)
        return bytes
    }

    private static func append(length: Int, _ settings: DNYSettings, to bytes: inout [UInt8]) throws(DNYFrameFault) {
        guard settings.lengths.contains(length) else { throw .length(found: length, allowed: settings.lengths) }
        append(UInt16(length), to: &bytes)
    }

    private static func append(_ number: some FixedWidthInteger, to bytes: inout [UInt8]) {
        for shift in stride(from: 0, to: number.bitWidth, by: 8) { bytes.append(UInt8(truncatingIfNeeded: number >> shift)) }
    }

    /// Reads exactly one frame.
    package static func decode(_ bytes: some Collection<UInt8>, _ settings: DNYSettings = .standard) throws(DNYFrameFault) -> DNYFrame {
        let bytes = Array(bytes)
        let size = try size(bytes[...], settings)
        guard size <= bytes.count else { throw .truncated(needed: size, found: bytes.count) }
        let frame = try DNYFrame(whole: bytes[..<size], settings)
        guard size == bytes.count else { throw .trailing(bytes.count - size) }
        return frame
    }

    /// Bytes of the frame that begins `bytes`, by its head alone.
    ///
    /// - Throws: `.truncated` where the head is not complete, `.noMagic`, `.length`.
    static func size(_ bytes: ArraySlice<UInt8>, _ settings: DNYSettings) throws(DNYFrameFault) -> Int {
        guard bytes.prefix(3).elementsEqual(magic.prefix(bytes.count)) else { throw .noMagic }
        guard bytes.count >= headSize else { throw .truncated(needed: headSize, found: bytes.count) }
        let length = Int(number(bytes, at: 3) as UInt16)
        guard settings.lengths.contains(length) else { throw .length(found: length, allowed: settings.lengths) }
        return settings.dialect == .vendor ? headSize + length : length
    }

    /// Reads the bytes that `size` found to be one frame.
    init(whole bytes: ArraySlice<UInt8>, _ settings: DNYSettings) throws(DNYFrameFault) {
        let found: UInt16 = Self.number(bytes, at: bytes.count - 2)
        let expected = Self.checksum(bytes.dropLast(2))
        guard found == expected else { throw .checksum(expected: expected, found: found) }
        var offset = Self.headSize
        switch settings.dialect {
        case .vendor:
            self.init(physicalID: Self.number(bytes, at: offset), messageID: 0, command: 0)
            offset += 4
        case .iotServerCDZ:
            let size = Int(bytes[bytes.startIndex + offset])
            guard 11 + size <= bytes.count else { throw .name(size: size) }
            let text = String(decoding: bytes.dropFirst(offset + 1).prefix(size), as: UTF8.self)
            self.init(physicalID: DNYPhysicalID(text)?.rawValue ?? 0, messageID: 0, command: 0, name: text)
            offset += 1 + size
        }
        messageID = Self.number(bytes, at: offset)
        command = bytes[bytes.startIndex + offset + 2]
        data = Array(bytes.dropFirst(offset + 3).dropLast(2))
    }

    private static func number<Number: FixedWidthInteger>(_ bytes: ArraySlice<UInt8>, at offset: Int) -> Number {
        let start = bytes.startIndex + offset
        return (0..<Number.bitWidth / 8).reduce(0) { $0 | Number(truncatingIfNeeded: bytes[start + $1]) << (8 * $1) }
    }
}

/// Why bytes are no frame.
package enum DNYFrameFault: Error, Sendable, Hashable, CustomStringConvertible {
    case noMagic
    /// The length field; a frame that is to be written has it, too.
    case length(found: Int, allowed: ClosedRange<Int>)
    case truncated(needed: Int, found: Int)
    case checksum(expected: UInt16, found: UInt16)
    /// The name of the middleware's dialect does not fit into its frame.
    case name(size: Int)
    /// Bytes behind the one frame that was asked for.
    case trailing(Int)

    /// One word, for events and counters.
    package var word: String {
        switch self {
        case .noMagic: "magic"
        case .length: "length"
        case .truncated: "truncated"
        case .checksum: "checksum"
        case .name: "name"
        case .trailing: "trailing"
        }
    }

    /// Where in the frame it was noticed.
    package var offset: Int {
        switch self {
        case .noMagic: 0
        case .length: 3
        case .name: 5
        case .truncated(_, let found): found
        case .checksum, .trailing: 0
        }
    }

    package var description: String {
        switch self {
        case .noMagic: "a frame begins with 44 4e 59, DNY"
        case .length(let found, let allowed): "length \(found) is outside \(allowed.lowerBound) to \(allowed.upperBound)"
        case .truncated(let needed, let found): "the frame has \(needed) bytes by its length, \(found) are there"
        case .checksum(let expected, let found): "checksum \(digits(found)) where the bytes sum up to \(digits(expected))"
        case .name(let size): "a name of \(size) bytes does not fit"
        case .trailing(let count): count == 1 ? "a byte follows the frame" : "\(count) bytes follow the frame"
        }
    }

    private func digits(_ number: UInt16) -> String {
        let text = String(number, radix: 16)
        return String(repeating: "0", count: 4 - text.count) + text
    }
}
