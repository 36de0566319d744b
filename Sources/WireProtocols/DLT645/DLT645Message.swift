import LabCore

/// What a meter is asked and what it answers (charging-protocols.md 5.4). Only reading is here; a lab changes no meter.
package enum DLT645Message: Sendable, Hashable {
    case read(DLT645Item)
    /// Values behind the item, lowest byte first.
    case value(DLT645Item, [UInt8])
    /// D1: bit 1 no such data, bit 2 wrong password.
    case refusal(UInt8)
    case readAddress
    case address
    case other(control: UInt8, data: [UInt8])

    package var name: String {
        switch self {
        case .read: "read"
        case .value: "value"
        case .refusal: "refusal"
        case .readAddress: "read address"
        case .address: "address"
        case .other: ""
        }
    }
}

/// A data identifier as documents write it, the highest byte first.
package struct DLT645Item: RawRepresentable, Sendable, Hashable {
    package var rawValue: UInt32
    package init(rawValue: UInt32) { self.rawValue = rawValue }

    package static let forwardEnergy = DLT645Item(rawValue: 0x0001_0000)
    package static let voltageA = DLT645Item(rawValue: 0x0201_0100)
    package static let currentA = DLT645Item(rawValue: 0x0202_0100)
    package static let power = DLT645Item(rawValue: 0x0203_0000)

    package struct Facts: Sendable, Hashable {
        package var name: String
        /// Bytes of BCD.
        package var size: Int
        package var unit: String
    }

    /// What is known of it; the standard's whole list is paid for.
    package var facts: Facts? {
        switch self {
        case .forwardEnergy: Facts(name: "forward energy", size: 4, unit: "0.01 kWh")
        case .voltageA: Facts(name: "voltage of phase A", size: 2, unit: "0.1 V")
        case .currentA: Facts(name: "current of phase A", size: 3, unit: "0.001 A")
        case .power: Facts(name: "power", size: 3, unit: "0.0001 kW")
        default: nil
        }
    }
}

extension DLT645Frame {
    /// What the frame says; `.other` for what is not understood, also a read whose data is too short.
    package var message: DLT645Message {
        switch control {
        case Control.read where data.count >= 4: .read(item)
        case Control.readAnswer where data.count >= 4: .value(item, Array(data[4...]))
        case Control.readError where data.count == 1: .refusal(data[0])
        case Control.readAddress where data.isEmpty: .readAddress
        case Control.addressAnswer where data.count == 6: .address
        default: .other(control: control, data: data)
        }
    }

    private var item: DLT645Item { DLT645Item(rawValue: data.prefix(4).reversed().reduce(0) { $0 << 8 | UInt32($1) }) }

    /// A frame that says `message`. An answer has no preamble, as the examples show.
    package init(_ message: DLT645Message, address: String, preamble: Int? = nil) {
        switch message {
        case .read(let item):
            self.init(preamble: preamble ?? 4, address: address, control: Control.read, data: Self.bytes(item))
        case .value(let item, let value):
            self.init(preamble: preamble ?? 0, address: address, control: Control.readAnswer, data: Self.bytes(item) + value)
        case .refusal(let code):
            self.init(preamble: preamble ?? 0, address: address, control: Control.readError, data: [code])
        case .readAddress:
            self.init(preamble: preamble ?? 4, address: Self.anyAddress, control: Control.readAddress)
        case .address:
            self.init(
                preamble: preamble ?? 0, address: address, control: Control.addressAnswer,
                data: (Hexadecimal.bytes(address) ?? []).reversed())
        case .other(let control, let data):
            self.init(preamble: preamble ?? 0, address: address, control: control, data: data)
        }
    }

    private static func bytes(_ item: DLT645Item) -> [UInt8] { (0..<4).map { UInt8(truncatingIfNeeded: item.rawValue >> (8 * UInt32($0))) } }
}

/// Numbers in BCD, the lowest byte first.
package enum DLT645Number {
    /// - Returns: `nil` where a nibble is no digit, or there are more than 9 bytes.
    package static func read(_ bytes: some BidirectionalCollection<UInt8>) -> Int64? {
        guard bytes.count <= 9 else { return nil }
        var number: Int64 = 0
        for byte in bytes.reversed() {
            guard byte >> 4 < 10, byte & 15 < 10 else { return nil }
            number = number * 100 + Int64(byte >> 4) * 10 + Int64(byte & 15)
        }
        return number
    }

    /// The lowest digits where the number is longer than the field, as a register that runs over has them.
    package static func write(_ number: Int64, size: Int) -> [UInt8] {
        var rest = max(0, number)
        return (0..<size).map { _ in
            defer { rest /= 100 }
            return UInt8(rest % 100 / 10) << 4 | UInt8(rest % 10)
        }
    }
}
