/// What an LCUS relay board (CH340 at 9600 8N1) is told: `A0`, channel, state, and the sum of the three. It answers nothing.
///
/// Source: the makers' note that is sold with the boards, "LC USB switch communication protocol", whose examples are `A0 01 01 A2` and `A0 01 00 A1`.
package struct LCUSFrame: Sendable, Hashable {
    /// From 1.
    package var channel: UInt8
    package var isOn: Bool

    package static let head: UInt8 = 0xa0
    package static let size = 4
    /// Rate at which the boards are delivered.
    package static let baud: UInt32 = 9_600

    /// - Throws: `.channel` for one that no board has.
    package init(channel: Int, isOn: Bool) throws(RelayFault) {
        guard let number = UInt8(exactly: channel), number > 0 else { throw .channel(channel, highest: 255) }
        (self.channel, self.isOn) = (number, isOn)
    }

    /// Reads what somebody tells a board.
    ///
    /// - Throws: `.truncated` while more bytes must come; the others for what no board understands.
    package init(_ bytes: [UInt8]) throws(RelayFault) {
        if let first = bytes.first, first != Self.head { throw .unexpected(byte: first, wanted: Self.head, offset: 0) }
        guard bytes.count >= Self.size else { throw .truncated(needed: Self.size, found: bytes.count) }
        let sum = Self.sum(bytes[1], bytes[2])
        guard bytes[3] == sum else { throw .sum(expected: UInt16(sum), found: UInt16(bytes[3])) }
        guard bytes[1] > 0 else { throw .channel(0, highest: 255) }
        guard bytes[2] <= 1 else { throw .unexpected(byte: bytes[2], wanted: 1, offset: 2) }
        (channel, isOn) = (bytes[1], bytes[2] == 1)
    }

    package var bytes: [UInt8] {
        let state: UInt8 = isOn ? 1 : 0
        return [Self.head, channel, state, Self.sum(channel, state)]
    }

    private static func sum(_ channel: UInt8, _ state: UInt8) -> UInt8 { head &+ channel &+ state }
}

/// Why bytes of a relay board, or for one, are not what they should be; offsets are in bytes from the beginning of the frame.
package enum RelayFault: Error, Sendable, Hashable, CustomStringConvertible {
    case channel(Int, highest: Int)
    case truncated(needed: Int, found: Int)
    case unexpected(byte: UInt8, wanted: UInt8, offset: Int)
    /// A sum or a CRC.
    case sum(expected: UInt16, found: UInt16)
    /// The board refuses: code of Modbus (Application Protocol V1.1b3 §7).
    case exception(code: UInt8)

    package var description: String {
        switch self {
        case .channel(let number, let highest): "channel \(number) is not within 1 to \(highest)"
        case .truncated(let needed, let found): "\(found) of \(needed) bytes"
        case .unexpected(let byte, let wanted, let offset): "byte \(offset) is \(Self.hexadecimal(byte)), not \(Self.hexadecimal(wanted))"
        case .sum(let expected, let found): "the check is \(Self.hexadecimal(found)), the bytes give \(Self.hexadecimal(expected))"
        case .exception(let code): "the board refuses: \(Self.meaning(of: code)) (exception \(code))"
        }
    }

    private static func hexadecimal(_ value: some FixedWidthInteger) -> String {
        let text = String(value, radix: 16)
        return String(repeating: "0", count: max(0, value.bitWidth / 4 - text.count)) + text
    }

    private static func meaning(of code: UInt8) -> String {
        switch code {
        case 1: "it does not know the function"
        case 2: "it has no such channel"
        case 3: "the value is wrong"
        case 4: "it failed to switch"
        case 6: "it is busy"
        default: "for a reason of its own"
        }
    }
}
