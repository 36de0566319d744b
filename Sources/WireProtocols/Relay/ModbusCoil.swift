/// The two requests of Modbus RTU that a relay board knows: write one coil (function 5) and read coils (function 1), with their answers.
///
/// Source: MODBUS Application Protocol Specification V1.1b3 §6.1, §6.5, §7; MODBUS over Serial Line V1.02 §2.5.1 (RTU frame, CRC).
package enum ModbusCoil: Sendable, Hashable {
    /// Coils count from 0; channel 1 of a board is coil 0.
    case write(unit: UInt8, coil: UInt16, isOn: Bool)
    /// Reads one coil.
    case read(unit: UInt8, coil: UInt16)

    /// Channels that a bus address can have.
    package static let highestChannel = 65_536
    /// The address at which boards are delivered.
    package static let unit: UInt8 = 1

    /// - Parameter channel: from 1.
    /// - Throws: `.channel` for one that no board has.
    package static func coil(ofChannel channel: Int) throws(RelayFault) -> UInt16 {
        guard (1...highestChannel).contains(channel) else { throw .channel(channel, highest: highestChannel) }
        return UInt16(channel - 1)
    }

    private var unit: UInt8 { switch self { case .write(let unit, _, _), .read(let unit, _): unit } }
    private var function: UInt8 { switch self { case .write: 5; case .read: 1 } }

    /// The request as it goes over the line.
    package var bytes: [UInt8] {
        switch self {
        case .write(let unit, let coil, let isOn): Self.closed([unit, 5] + Self.bigEndian(coil) + [isOn ? 0xff : 0, 0])
        case .read(let unit, let coil): Self.closed([unit, 1] + Self.bigEndian(coil) + [0, 1])
        }
    }

    /// Bytes that the answer has when all is well.
    private var answerSize: Int { switch self { case .write: 8; case .read: 6 } }

    /// Reads the answer that begins at the first byte.
    ///
    /// - Returns: whether the coil is on.
    /// - Throws: `.truncated` while more bytes must come, `.exception` where the board refuses; the others when this is no answer to the request.
    package func answer(_ bytes: [UInt8]) throws(RelayFault) -> Bool {
        try Self.expect(unit, at: 0, in: bytes)
        let isRefused = bytes.count > 1 && bytes[1] == function | 0x80
        if !isRefused { try Self.expect(function, at: 1, in: bytes) }
        let size = isRefused ? 5 : answerSize
        guard bytes.count >= size else { throw .truncated(needed: size, found: bytes.count) }
        let expected = Self.crc(bytes.prefix(size - 2))
        let found = UInt16(bytes[size - 2]) | UInt16(bytes[size - 1]) << 8
        guard expected == found else { throw .sum(expected: expected, found: found) }
        if isRefused { throw .exception(code: bytes[2]) }
        switch self {
        case .write(_, _, let isOn):
            // The answer is the request, byte for byte.
            for (offset, byte) in self.bytes.prefix(6).enumerated() { try Self.expect(byte, at: offset, in: bytes) }
            return isOn
        case .read:
            try Self.expect(1, at: 2, in: bytes)
            return bytes[3] & 1 == 1
        }
    }

    private static func expect(_ wanted: UInt8, at offset: Int, in bytes: [UInt8]) throws(RelayFault) {
        if bytes.count > offset, bytes[offset] != wanted { throw .unexpected(byte: bytes[offset], wanted: wanted, offset: offset) }
    }

    private static func bigEndian(_ value: UInt16) -> [UInt8] { [UInt8(value >> 8), UInt8(value & 0xff)] }

    /// With its CRC, low byte first.
    package static func closed(_ bytes: [UInt8]) -> [UInt8] {
        let crc = crc(bytes)
        return bytes + [UInt8(crc & 0xff), UInt8(crc >> 8)]
    }

    /// CRC-16 with the polynomial A001, reflected, from FFFF.
    package static func crc(_ bytes: some Sequence<UInt8>) -> UInt16 {
        bytes.reduce(0xffff) { crc, byte in
            (0..<8).reduce(crc ^ UInt16(byte)) { value, _ in value & 1 == 1 ? value >> 1 ^ 0xa001 : value >> 1 }
        }
    }
}
