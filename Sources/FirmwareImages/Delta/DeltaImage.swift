import Crypto
package import LabCore

/// A container of our own for the difference between two firmware images.
///
/// bsdiff's patches are applied to a wrong base without a word and give a wrong file (specs/ota.md §4, D1). Here the header names base and
/// result by length and hash: the base is checked before anything else is done, the result last.
///
/// **Layout**, numbers little-endian: 0 magic `LUNADLT1` · 8 u16 format version (1) · 10 u16 header length (112) · 12 u32 base length ·
/// 16 u32 result length · 20 SHA-256 of the base · 52 SHA-256 of the result · 84 three pairs of u32 for the streams control, difference and
/// literals: length, compressed length · 108 u32 CRC-32 (zlib's) of the bytes before · 112 the three streams (RFC 1950), nothing after them.
///
/// **Control** is a list of steps, each three numbers in LEB128: bytes to take from the base with the difference added byte by byte
/// modulo 256, bytes to take from the literals, and, zigzag coded, how far to move in the base before the next step. Where code has
/// only moved, its addresses differ by few values, so that the difference is mostly zero and compresses well (C. Percival, "Naive
/// differences of executable code", 2003).
package enum DeltaImage {
    package static let magic = Array("LUNADLT1".utf8)
    package static let headerLength = 112

    /// What a delta says about itself.
    package struct Header: Sendable, Hashable {
        package var baseLength: Int
        package var resultLength: Int
        package var baseSHA256: [UInt8]
        package var resultSHA256: [UInt8]
        package var control: Stream
        package var difference: Stream
        package var literals: Stream

        /// Bytes of the whole file.
        package var fileLength: Int { literals.range.upperBound }
    }

    package struct Stream: Sendable, Hashable {
        /// Bytes when decompressed.
        package var length: Int
        /// Where the compressed bytes are in the file.
        package var range: Range<Int>
    }

    /// Reads and checks the header, and that the file has the length that follows from it.
    package static func header(_ bytes: [UInt8]) throws(DeltaRefusal) -> Header {
        guard bytes.count >= magic.count, bytes.starts(with: magic) else {
            let isCut = !bytes.isEmpty && magic.starts(with: bytes)
            throw DeltaRefusal(
                isCut ? .truncated : .badMagic, at: 0, isCut ? "the file ends in its magic number" : "it does not begin as a delta does")
        }
        guard bytes.count >= headerLength else {
            throw DeltaRefusal(.truncated, at: bytes.count, "the file ends in its header of \(headerLength) bytes")
        }
        func u32(_ offset: Int) -> Int { Int(LittleEndian.u32(bytes, at: offset) ?? 0) }
        guard LittleEndian.u16(bytes, at: 8) == 1, LittleEndian.u16(bytes, at: 10) == UInt16(headerLength) else {
            throw DeltaRefusal(.badLayout, at: 8, "only format version 1 with a header of \(headerLength) bytes is known")
        }
        guard Zlib.crc32(bytes[..<108]) == LittleEndian.u32(bytes, at: 108) else {
            throw DeltaRefusal(.checksumMismatch, at: 108, "the header is damaged: its checksum differs")
        }
        var end = headerLength
        var streams: [Stream] = []
        for index in 0..<3 {
            let compressed = u32(88 + index * 8)
            streams.append(Stream(length: u32(84 + index * 8), range: end..<(end + compressed)))
            end += compressed
        }
        let header = Header(
            baseLength: u32(12), resultLength: u32(16), baseSHA256: Array(bytes[20..<52]), resultSHA256: Array(bytes[52..<84]),
            control: streams[0],
            difference: streams[1], literals: streams[2])
        try header.refuseContradictions(fileLength: bytes.count)
        return header
    }

    /// The result of a delta on its base.
    ///
    /// Memory: the result and the decompressed streams, which together are at most seven times the result.
    ///
    /// - Parameters:
    ///   - limit: the largest result that is taken, in bytes: the slot's size.
    ///   - bugs: rules that are broken on purpose, for `lab mutate`.
    package static func apply(_ delta: [UInt8], to base: [UInt8], limit: Int, bugs: Set<SeededBug> = []) throws(DeltaRefusal) -> [UInt8] {
        let header = try header(delta)
        if !bugs.contains(.deltaBaseNotChecked) { try refuseBase(header, base) }
        guard header.resultLength <= limit else {
            throw DeltaRefusal(.oversize, at: 16, "the result has \(header.resultLength) bytes, \(limit) are taken")
        }
        let control = try inflate(header.control, of: delta, "control")
        let difference = try inflate(header.difference, of: delta, "difference")
        let literals = try inflate(header.literals, of: delta, "literals")
        let result = try build(header, base, control, difference, literals)
        guard Array(SHA256.hash(data: result)) == header.resultSHA256 else {
            throw DeltaRefusal(.resultMismatch, at: 52, "the delta fits the base, but the hash of what it made differs")
        }
        return result
    }

    /// Refuses a base that is not the one of the delta; without reading any stream.
    package static func refuseBase(_ header: Header, _ base: [UInt8]) throws(DeltaRefusal) {
        guard base.count == header.baseLength else {
            throw DeltaRefusal(.baseMismatch, at: 12, "the delta is for a base of \(header.baseLength) bytes, this one has \(base.count)")
        }
        guard Array(SHA256.hash(data: base)) == header.baseSHA256 else {
            throw DeltaRefusal(.baseMismatch, at: 20, "the delta is for another base: the hash differs")
        }
    }

    static func inflate(_ stream: Stream, of delta: [UInt8], _ name: String) throws(DeltaRefusal) -> [UInt8] {
        do { return try Zlib.inflate(delta, stream.range, to: stream.length) } catch {
            throw DeltaRefusal(.badStream, at: error.offset, "the \(name) stream: \(error.text)")
        }
    }

    private static func build(_ header: Header, _ base: [UInt8], _ control: [UInt8], _ difference: [UInt8], _ literals: [UInt8])
        throws(DeltaRefusal)
        -> [UInt8]
    {
        var result: [UInt8] = []
        result.reserveCapacity(header.resultLength)
        var steps = DeltaSteps(control, streamOffset: header.control.range.lowerBound)
        var position = 0
        var differences = 0
        var literal = 0
        while let step = try steps.next() {
            guard Bounds.holds(base.count, position, step.copy), Bounds.holds(difference.count, differences, step.copy),
                Bounds.holds(literals.count, literal, step.insert), step.copy > 0 || step.insert > 0 || step.move != 0
            else { throw steps.refusal("a step leaves the base or its stream") }
            for index in 0..<step.copy { result.append(base[position + index] &+ difference[differences + index]) }
            result.append(contentsOf: literals[literal..<literal + step.insert])
            differences += step.copy
            literal += step.insert
            let (next, overflow) = (position + step.copy).addingReportingOverflow(step.move)
            if overflow { throw steps.refusal("a step moves out of the base") }
            position = next
        }
        guard differences == difference.count, literal == literals.count else {
            throw steps.refusal("the steps do not use up their streams")
        }
        return result
    }
}

extension DeltaImage.Header {
    /// Sizes that cannot be: what bounds memory before anything is decompressed.
    fileprivate func refuseContradictions(fileLength: Int) throws(DeltaRefusal) {
        guard fileLength >= self.fileLength else {
            throw DeltaRefusal(.truncated, at: fileLength, "the file has \(fileLength) of \(self.fileLength) bytes")
        }
        guard fileLength == self.fileLength else {
            throw DeltaRefusal(.badLayout, at: self.fileLength, "\(fileLength - self.fileLength) bytes follow the last stream")
        }
        guard difference.length + literals.length == resultLength, resultLength > 0 else {
            throw DeltaRefusal(.badLayout, at: 16, "the lengths of the streams do not give the result's")
        }
        // Steps of three to fifteen bytes that make less than three bytes each are worth nothing; ours make dozens.
        guard control.length <= resultLength * 5 + 64 else {
            throw DeltaRefusal(.badLayout, at: 84, "\(control.length) bytes of control for a result of \(resultLength)")
        }
    }

    func encoded() -> [UInt8] {
        var bytes = DeltaImage.magic + LittleEndian.bytes(UInt16(1)) + LittleEndian.bytes(UInt16(DeltaImage.headerLength))
        bytes += LittleEndian.bytes(UInt32(baseLength)) + LittleEndian.bytes(UInt32(resultLength)) + baseSHA256 + resultSHA256
        for stream in [control, difference, literals] {
            bytes += LittleEndian.bytes(UInt32(stream.length)) + LittleEndian.bytes(UInt32(stream.range.count))
        }
        return bytes + LittleEndian.bytes(Zlib.crc32(bytes[...]))
    }
}

/// Why a delta is not applied, and where in its file.
package struct DeltaRefusal: Error, Sendable, Hashable, CustomStringConvertible {
    package enum Reason: String, Sendable, Hashable, CaseIterable {
        case badMagic = "bad_magic"
        case truncated
        case badLayout = "bad_layout"
        case checksumMismatch = "checksum_mismatch"
        case oversize
        /// The running image is not the one that the delta starts from.
        case baseMismatch = "base_mismatch"
        case badStream = "bad_stream"
        case resultMismatch = "result_mismatch"
    }

    package var reason: Reason
    /// In the delta's file; nil where the whole file is meant.
    package var offset: Int?
    /// A sentence without its full stop.
    package var text: String

    package init(_ reason: Reason, at offset: Int?, _ text: String) {
        self.reason = reason
        self.offset = offset
        self.text = text
    }

    package var description: String { reason.rawValue + (offset.map { " at 0x\(String($0, radix: 16))" } ?? "") + ": " + text }
}
