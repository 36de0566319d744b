import Foundation

/// A histogram as text, so that an event can carry it: `<shortest> <longest> <beyond> <base64>`.
///
/// The base64 part is the uncompressed form V2 of HdrHistogram (HdrHistogram/HdrHistogram, AbstractHistogram.encodeIntoByteBuffer),
/// which libraries of other languages read; they do not keep the exact shortest and longest time, which therefore stand before.
/// Each bucket in use takes about three characters: 200 times at most 1 kB, a million from 20 µs to 0.5 s 40 kB. An empty histogram is
/// the empty text.
extension LatencyHistogram {
    package var text: String {
        guard let shortest = min, let longest = max else { return "" }
        return "\(shortest) \(longest) \(beyond) \(Data(HistogramBytes.encode(self)).base64EncodedString())"
    }

    /// - Throws: for all that `text` does not write; in time and memory bounded by the text.
    package init(text: String) throws(LatencyHistogramTextError) {
        self.init()
        if text.isEmpty { return }
        let parts = text.split(separator: " ", omittingEmptySubsequences: false)
        guard parts.count == 4 else { throw .parts(parts.count) }
        guard let shortest = Int64(parts[0]), let longest = Int64(parts[1]), let beyond = Int(parts[2]), 0 <= shortest, shortest <= longest,
            longest <= Self.highest, beyond >= 0
        else { throw .numbers(parts[0...2].joined(separator: " ")) }
        guard parts[3].utf8.count <= HistogramBytes.longestText, let data = Data(base64Encoded: String(parts[3])) else { throw .base64 }
        let counts = try HistogramBytes.decode(Array(data))
        try fill(counts, shortest, longest)
        guard beyond <= count, beyond == 0 || longest == Self.highest else { throw .numbers("\(beyond)") }
        add(beyond: beyond)
    }

    /// Records bucket by bucket; in the first and the last the exact ends, which also brings them back.
    private mutating func fill(_ counts: [(index: Int, count: Int)], _ shortest: Int64, _ longest: Int64) throws(LatencyHistogramTextError)
    {
        guard let first = counts.first, let last = counts.last else { throw .counters("no counter is above 0") }
        guard HistogramBytes.range(first.index).contains(shortest), HistogramBytes.range(last.index).contains(longest) else {
            throw .counters("the shortest and the longest time are not in the first and the last bucket")
        }
        if counts.count == 1 {
            guard shortest == longest || first.count > 1 else { throw .counters("one time cannot have two ends") }
            record(shortest)
            record(longest, times: first.count - 1)
            return
        }
        record(shortest, times: first.count)
        for (index, count) in counts.dropFirst().dropLast() { record(HistogramBytes.range(index).lowerBound, times: count) }
        record(longest, times: last.count)
    }
}

/// Why a text is not a histogram.
package enum LatencyHistogramTextError: Error, Sendable, Equatable, CustomStringConvertible {
    case parts(Int)
    case numbers(String)
    case base64
    case header(String, offset: Int)
    case counters(String)

    package var description: String {
        switch self {
        case .parts(let count): "a histogram has 4 parts with a space between them, not \(count)"
        case .numbers(let text): "'\(text)' are not the shortest and the longest time and the number beyond the longest that counts"
        case .base64: "the counters are not base64 of at most \(HistogramBytes.longestText) characters"
        case .header(let what, let offset): "the counters are not those of this lab at byte \(offset): \(what)"
        case .counters(let what): "the counters do not fit together: \(what)"
        }
    }
}

/// The counters as bytes: 40 bytes of head, then a zigzag LEB128 number for each counter, where -n stands for n empty ones.
enum HistogramBytes {
    static let counterCount = 33_792
    /// 9 bytes for each counter, in base64.
    static let longestText = (40 + 9 * counterCount + 2) / 3 * 4
    /// Version 2, one byte a word.
    private static let cookie: UInt32 = 0x1c84_9313

    /// The times of a counter: index < 2048 is the time; then 1024 counters for each doubling.
    static func range(_ index: Int) -> ClosedRange<Int64> {
        if index < 2048 { return Int64(index)...Int64(index) }
        let magnitude = (index >> 10) - 1
        let bottom = Int64((index & 1023) + 1024) << magnitude
        return bottom...bottom + (1 << magnitude) - 1
    }

    static func index(_ time: Int64) -> Int {
        let magnitude = 64 - (time | 2047).leadingZeroBitCount - 11
        return ((magnitude + 1) << 10) + Int(time >> magnitude) - 1024
    }

    static func encode(_ histogram: LatencyHistogram) -> [UInt8] {
        var payload: [UInt8] = []
        var next = 0
        for bucket in histogram.buckets {
            let index = index(bucket.nanoseconds.lowerBound)
            // A single empty counter is a plain 0.
            if index - next == 1 { append(0, to: &payload) } else if index > next { append(next - index, to: &payload) }
            append(bucket.count, to: &payload)
            next = index + 1
        }
        var bytes: [UInt8] = []
        func add(_ value: some FixedWidthInteger) {
            for shift in stride(from: value.bitWidth - 8, through: 0, by: -8) { bytes.append(UInt8(truncatingIfNeeded: value >> shift)) }
        }
        add(cookie)
        add(UInt32(payload.count))
        add(UInt32(0))  // index offset
        add(UInt32(3))  // digits
        add(UInt64(1))  // lowest
        add(UInt64(LatencyHistogram.highest))
        add(1.0.bitPattern)  // ratio of whole numbers to doubles
        return bytes + payload
    }

    /// - Returns: the counters above 0, with their index.
    static func decode(_ bytes: [UInt8]) throws(LatencyHistogramTextError) -> [(index: Int, count: Int)] {
        let head: [(value: UInt64, size: Int, name: String)] = [
            (UInt64(cookie), 4, "the format"), (UInt64(max(bytes.count - 40, 0)), 4, "the length"), (0, 4, "the offset"),
            (3, 4, "the digits"),
            (1, 8, "the lowest time"), (UInt64(LatencyHistogram.highest), 8, "the highest time"), (1.0.bitPattern, 8, "the ratio"),
        ]
        var offset = 0
        for (expected, size, name) in head {
            guard offset + size <= bytes.count else { throw .header("\(name) is missing", offset: offset) }
            let found = bytes[offset..<offset + size].reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
            guard found == expected else { throw .header("\(name) is \(found), not \(expected)", offset: offset) }
            offset += size
        }
        return try counters(bytes[offset...])
    }

    private static func counters(_ bytes: ArraySlice<UInt8>) throws(LatencyHistogramTextError) -> [(index: Int, count: Int)] {
        var rest = bytes
        var result: [(index: Int, count: Int)] = []
        var (index, total) = (0, 0)
        while !rest.isEmpty {
            let offset = rest.startIndex
            guard let value = next(&rest) else { throw .header("a counter is cut off", offset: offset) }
            guard value > -counterCount, index + (value < 0 ? -value : 1) <= counterCount else { throw .counters("there are too many") }
            if value < 0 {
                index -= value
                continue
            }
            if value > 0 { result.append((index, value)) }
            let (sum, overflow) = total.addingReportingOverflow(value)
            guard !overflow, sum <= 1 << 62 else { throw .counters("their sum is too large") }
            (total, index) = (sum, index + 1)
        }
        return result
    }

    private static func append(_ value: Int, to bytes: inout [UInt8]) {
        var bits = UInt64(bitPattern: Int64((value << 1) ^ (value >> 63)))
        for _ in 0..<8 where bits >= 0x80 {
            bytes.append(UInt8(truncatingIfNeeded: bits) | 0x80)
            bits >>= 7
        }
        // The ninth byte has eight bits.
        bytes.append(UInt8(truncatingIfNeeded: bits))
    }

    private static func next(_ bytes: inout ArraySlice<UInt8>) -> Int? {
        var bits: UInt64 = 0
        for place in 0..<9 {
            guard let byte = bytes.popFirst() else { return nil }
            bits |= UInt64(place < 8 ? byte & 0x7f : byte) << (7 * place)
            if byte < 0x80 || place == 8 { break }
        }
        return Int(Int64(bitPattern: bits >> 1) ^ -Int64(bits & 1))
    }
}
