/// What a lease is for: a thing of the bench that one run at a time can use.
///
/// It names the thing, not the node: labs with different files meet at the same key when they mean the same device.
package struct LeaseKey: Sendable, Hashable, Comparable, CustomStringConvertible {
    /// `usb 2-1`, `usb 2-1:1.2`, `port /dev/ttyS0`, `tcp rack3:4001`, `labgrid rg500q-7`.
    package let text: String
    package var description: String { text }

    package static let maximumBytes = 400

    /// - Parameter text: one line; what is longer than 400 bytes ends in a checksum of all of it.
    package init(_ text: String) { self.text = Self.bounded(text) }

    /// A whole is in the way of its parts, and a part in the way of the whole: USB device `2-1` and its interface `2-1:1.2`, or the device
    /// `2-1.4` behind the hub `2-1`, whose power it shares.
    package func conflicts(with other: LeaseKey) -> Bool { self == other || contains(other) || other.contains(self) }

    private func contains(_ other: LeaseKey) -> Bool {
        guard text.hasPrefix("usb ") || text.hasPrefix("serial "), other.text.hasPrefix(text) else { return false }
        let next = other.text.utf8.dropFirst(text.utf8.count).first
        return next == UInt8(ascii: ":") || next == UInt8(ascii: ".") && text.hasPrefix("usb ")
    }

    package static func < (left: LeaseKey, right: LeaseKey) -> Bool { left.text < right.text }

    /// Each once, in one order for everybody.
    package static func sorted(_ keys: [LeaseKey]) -> [LeaseKey] {
        keys.sorted().reduce(into: []) { if $0.last != $1 { $0.append($1) } }
    }

    private static func bounded(_ text: String) -> String {
        let line = LeaseText.line(text, atMost: .max)
        guard line.utf8.count > maximumBytes else { return line }
        return "\(LeaseText.line(line, atMost: maximumBytes - 20)) #\(String(LeaseText.checksum(line), radix: 16))"
    }

    // MARK: As a file

    static let filePrefix = "key."

    /// A name for its file: letters, digits and `-_.` stay, the rest is `%` and two hexadecimal digits; long ones end in a checksum.
    var fileName: String {
        let escaped = LeaseText.escaped(text)
        guard escaped.utf8.count > 200 else { return Self.filePrefix + escaped }
        return "\(Self.filePrefix)\(escaped.prefix(160))%\(String(LeaseText.checksum(text), radix: 16))"
    }
}

/// Texts that are safe in a file's name and in a bounded record.
enum LeaseText {
    static func escaped(_ text: String) -> String {
        var result: [UInt8] = []
        for byte in text.utf8 {
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "0")...UInt8(ascii: "9"),
                UInt8(ascii: "-"), UInt8(ascii: "_"), UInt8(ascii: "."):
                result.append(byte)
            default: result += [UInt8(ascii: "%")] + Array(hexadecimal(byte).utf8)
            }
        }
        return String(decoding: result, as: UTF8.self)
    }

    private static func hexadecimal(_ byte: UInt8) -> String { (byte < 16 ? "0" : "") + String(byte, radix: 16) }

    /// Control characters become spaces, and what is more than so many bytes is left out, between characters.
    static func line(_ text: String, atMost limit: Int) -> String {
        var (result, size) = ("", 0)
        for scalar in text.unicodeScalars {
            let isControl = scalar.value < 0x20 || (0x7f..<0xa0).contains(scalar.value)
            let part: Unicode.Scalar = isControl ? " " : scalar
            size += UTF8.width(part)
            if size > limit { break }
            result.unicodeScalars.append(part)
        }
        return result
    }

    /// FNV-1a, 64 bits: the same in every process.
    static func checksum(_ text: String) -> UInt64 {
        text.utf8.reduce(0xcbf2_9ce4_8422_2325) { ($0 ^ UInt64($1)) &* 0x100_0000_01b3 }
    }
}
