import LabCore

/// Images as text, which signing tools write, too: Intel HEX with 16-bit, segment and linear addresses.
enum IntelHex {
    /// Addresses that lie farther apart are no image.
    private static let longestSpan = 64 << 20

    /// Whether the first line has the form.
    static func isLikely(_ bytes: [UInt8]) -> Bool {
        bytes.first == UInt8(ascii: ":") && bytes.count >= 11 && bytes[1..<11].allSatisfy { Hexadecimal.value($0) != nil }
    }

    /// The bytes from the lowest to the highest address, with 0xFF where there are none.
    static func decode(_ text: [UInt8]) throws(UnreadableImage) -> (address: UInt64, bytes: [UInt8]) {
        var parts: [(address: UInt64, bytes: ArraySlice<UInt8>)] = []
        var base: UInt64 = 0
        for (number, line) in text.split(whereSeparator: { $0 == 0x0a || $0 == 0x0d }).enumerated() {
            let record = try record(line, number + 1)
            let address = base + UInt64(record[1]) << 8 + UInt64(record[2])
            let data = record[4..<record.count - 1]
            switch record[3] {
            case 0: parts.append((address, data))
            case 1: return try join(parts)
            case 2 where data.count == 2: base = (UInt64(data[4]) << 8 + UInt64(data[5])) << 4
            case 4 where data.count == 2: base = (UInt64(data[4]) << 8 + UInt64(data[5])) << 16
            case 3, 5: break
            default: throw UnreadableImage("Intel HEX: line \(number + 1) is a record of the unknown type \(record[3])")
            }
        }
        throw UnreadableImage("Intel HEX: the record that ends the file is missing")
    }

    /// Length, address, type, data and checksum of one line.
    private static func record(_ line: ArraySlice<UInt8>, _ number: Int) throws(UnreadableImage) -> [UInt8] {
        guard line.first == UInt8(ascii: ":"), let record = Hexadecimal.bytes(String(decoding: line.dropFirst(), as: UTF8.self)),
            record.count >= 5,
            record.count == Int(record[0]) + 5
        else { throw UnreadableImage("Intel HEX: line \(number) is no record") }
        guard record.reduce(0, &+) == 0 else { throw UnreadableImage("Intel HEX: the checksum of line \(number) is wrong") }
        return record
    }

    private static func join(_ parts: [(address: UInt64, bytes: ArraySlice<UInt8>)]) throws(UnreadableImage) -> (
        address: UInt64, bytes: [UInt8]
    ) {
        guard let low = parts.map(\.address).min(), let high = parts.map({ $0.address + UInt64($0.bytes.count) }).max() else {
            throw UnreadableImage("Intel HEX without data")
        }
        guard high - low <= UInt64(longestSpan) else {
            throw UnreadableImage("Intel HEX: its addresses span \(high - low) bytes; an image has at most \(longestSpan >> 20) MiB")
        }
        var bytes = [UInt8](repeating: 0xff, count: Int(high - low))
        for part in parts {
            let start = Int(part.address - low)
            bytes.replaceSubrange(start..<start + part.bytes.count, with: part.bytes)
        }
        return (low, bytes)
    }
}
