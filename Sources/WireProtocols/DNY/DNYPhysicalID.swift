/// A device's identity, big-endian view: the top byte says what it is, the rest is the number under its QR code
/// (charging-protocols.md 4.2).
package struct DNYPhysicalID: RawRepresentable, Sendable, Hashable, CustomStringConvertible {
    package var rawValue: UInt32

    package init(rawValue: UInt32) { self.rawValue = rawValue }
    package init(_ rawValue: UInt32) { self.rawValue = rawValue }
    package init(_ code: DNYDeviceCode, number: UInt32) { rawValue = UInt32(code.rawValue) << 24 | number & 0xff_ffff }

    /// Reads eight hexadecimal digits, big endian, in either case.
    package init?(_ text: String) {
        guard text.utf8.count == 8, text.utf8.allSatisfy({ $0 != UInt8(ascii: "+") && $0 != UInt8(ascii: "-") }),
            let rawValue = UInt32(text, radix: 16)
        else { return nil }
        self.rawValue = rawValue
    }

    /// Eight lower-case hexadecimal digits, such as `04ceaa40`.
    package var text: String {
        let digits = String(rawValue, radix: 16)
        return String(repeating: "0", count: 8 - digits.count) + digits
    }

    package var description: String { text }
    package var code: DNYDeviceCode { DNYDeviceCode(rawValue: UInt8(truncatingIfNeeded: rawValue >> 24)) }
    /// Printed in decimal under the QR code, 0 to 16777215.
    package var number: UInt32 { rawValue & 0xff_ffff }
    /// What a device with a broken memory falls back to: many devices may have it at once.
    package var isFallback: Bool { [10_011_001, 12_000_000, 13_000_001].contains(number) }

    /// The ending of the QR code's address: the ID as it goes over the wire, and a port from 0 or `ff`.
    package func quickResponsePath(port: UInt8?) -> String {
        let wire = DNYPhysicalID(rawValue.byteSwapped).text
        guard let port else { return wire + "/ff" }
        return wire + "/" + String(port)
    }
}

/// The order number of a charge: 16 bytes that a device returns unchanged (charging-protocols.md 4.6, 4.13).
///
/// Servers that send longer texts cut them, so that orders with the same first 16 characters collide.
package struct DNYOrder: Sendable, Hashable, CustomStringConvertible {
    private var high: UInt64
    private var low: UInt64

    package static let size = 16
    /// What a device sends where no order runs.
    package static let none = DNYOrder([])

    /// The first 16 bytes; zeros behind fewer.
    package init(_ bytes: some Sequence<UInt8>) {
        var words: (UInt64, UInt64) = (0, 0)
        for (index, byte) in bytes.prefix(Self.size).enumerated() {
            let shifted = UInt64(byte) << UInt64(8 * (7 - index % 8))
            if index < 8 { words.0 |= shifted } else { words.1 |= shifted }
        }
        (high, low) = words
    }

    /// The first 16 bytes of the text; zeros behind fewer.
    package init(_ text: String) { self.init(text.utf8) }

    package var bytes: [UInt8] {
        (0..<Self.size).map { index in
            UInt8(truncatingIfNeeded: (index < 8 ? high : low) >> UInt64(8 * (7 - index % 8)))
        }
    }

    package var isNone: Bool { high == 0 && low == 0 }

    /// The text, without zeros behind it, if all its characters are printable ASCII.
    package var text: String? {
        var bytes = bytes
        while bytes.last == 0 { bytes.removeLast() }
        guard !bytes.isEmpty, bytes.allSatisfy({ (0x20...0x7e).contains($0) }) else { return nil }
        return String(decoding: bytes, as: UTF8.self)
    }

    /// The text where it is one, else 32 hexadecimal digits.
    package var description: String { text ?? bytes.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined() }

    /// The moment at which a device without a connection began an order by itself: its number begins with date and time (4.13).
    ///
    /// - Parameter utcOffset: of the device's display, minutes.
    /// - Returns: Unix seconds by the device's clock, whatever that showed; `nil` where no date is there.
    package func offlineStart(utcOffset: Int = 480) -> Int64? {
        let digits = bytes.prefix(6).flatMap { [$0 >> 4, $0 & 0xf] }
        guard digits.allSatisfy({ $0 < 10 }) else { return nil }
        return BKVTime(digits: "20" + digits.map { String($0) }.joined()).unixSeconds(utcOffset: utcOffset)
    }
}
