import LabCore

/// What an order is called on the wire: up to 16 bytes, returned unchanged (charging-protocols.md 4.6, 4.13).
///
/// Two words instead of an array: a pile keeps several, and a frame of every heartbeat names one. A wire that has no order numbers
/// puts into `low` what it has, such as BKV's business number.
package struct PileOrder: Sendable, Hashable {
    package var high: UInt64
    package var low: UInt64

    package static let none = PileOrder(high: 0, low: 0)

    package init(high: UInt64, low: UInt64) {
        self.high = high
        self.low = low
    }

    /// The first 16 of the bytes, filled up with zeros.
    package init(bytes: some Sequence<UInt8>) {
        (high, low) = (0, 0)
        for (place, byte) in bytes.prefix(16).enumerated() {
            if place < 8 { high |= UInt64(byte) << UInt64(56 - 8 * place) } else { low |= UInt64(byte) << UInt64(120 - 8 * place) }
        }
    }

    /// The text as bytes; 32 hexadecimal digits are taken as the 16 bytes themselves.
    package init(text: String) {
        if text.utf8.count == 32, let bytes = Hexadecimal.bytes(text) { self.init(bytes: bytes) } else { self.init(bytes: text.utf8) }
    }

    package var isNone: Bool { high == 0 && low == 0 }

    /// The byte at a place, 0 to 15.
    package subscript(place: Int) -> UInt8 {
        UInt8(truncatingIfNeeded: place < 8 ? high >> UInt64(56 - 8 * place) : low >> UInt64(120 - 8 * place))
    }

    package var bytes: [UInt8] { (0..<16).map { self[$0] } }

    package func append(to output: inout [UInt8]) { for place in 0..<16 { output.append(self[place]) } }

    /// As people and the cloud write it: text where it is printable ASCII with zeros behind it, else hexadecimal digits.
    package var text: String {
        var length = 16
        while length > 0, self[length - 1] == 0 { length -= 1 }
        if length == 0 { return "" }
        guard (0..<length).allSatisfy({ (0x20...0x7e).contains(self[$0]) }) else { return Hexadecimal.text(bytes) }
        return String(decoding: (0..<length).map { self[$0] }, as: UTF8.self)
    }
}
