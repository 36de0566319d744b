import LabCore

/// A zip archive whose members are stored and not compressed, as far as update packages need it (APPNOTE.TXT 6.3.10, §4.3).
///
/// Read as an updater must read what came over the air: every length is checked before it is used, and names that lead out of the
/// folder, links, doubled names and members that overlap are refused.
struct StoredZip: Sendable, Equatable {
    struct Member: Sendable, Equatable {
        var name: String
        var bytes: [UInt8]
    }

    /// Why an archive is not taken.
    enum Refusal: Error, Sendable, Equatable {
        /// It has no end record, or its parts do not lie where it says.
        case damaged(offset: Int)
        /// Compressed, encrypted, split, or with lengths behind the data.
        case unsupported(String)
        case badName(String)
        case link(String)
        case doubled(String)
        /// The bytes of the member do not have its CRC-32.
        case badSum(String)
    }

    static let memberLimit = 64
    private static let localSignature = UInt32(0x0403_4b50)
    private static let centralSignature = UInt32(0x0201_4b50)
    private static let endSignature = UInt32(0x0605_4b50)
    private static let localSize = 30
    private static let centralSize = 46
    private static let endSize = 22
    private static let longestComment = 65_535

    private(set) var members: [Member]

    init(members: [Member]) { self.members = members }

    subscript(name: String) -> [UInt8]? { members.first { $0.name == name }?.bytes }

    // MARK: Reading

    init(_ bytes: [UInt8]) throws(Refusal) {
        let end = try Self.endRecord(of: bytes)
        var cursor = Cursor(bytes, at: end)
        _ = cursor.u32()
        let (disk, firstDisk, here, count) = (cursor.u16(), cursor.u16(), cursor.u16(), cursor.u16())
        let (size, start) = (Int(cursor.u32()), Int(cursor.u32()))
        guard disk == 0, firstDisk == 0, here == count else { throw .unsupported("several volumes") }
        guard count <= Self.memberLimit else { throw .unsupported("more than \(Self.memberLimit) members") }
        guard start <= end, size <= end - start else { throw .damaged(offset: end) }
        members = []
        var directory = Cursor(bytes, at: start)
        var taken: [Range<Int>] = []
        for _ in 0..<count {
            guard directory.position + Self.centralSize <= start + size else { throw .damaged(offset: directory.position) }
            let (member, range) = try Self.member(&directory, of: bytes, before: start)
            if members.contains(where: { $0.name == member.name }) { throw .doubled(member.name) }
            // A small archive that names the same bytes many times would unpack to more than there is room for.
            if taken.contains(where: { $0.overlaps(range) }) { throw .damaged(offset: range.lowerBound) }
            taken.append(range)
            members.append(member)
        }
    }

    /// The end record is the last one with a comment that fills the rest of the file.
    private static func endRecord(of bytes: [UInt8]) throws(Refusal) -> Int {
        guard bytes.count >= endSize else { throw .damaged(offset: 0) }
        let lowest = max(0, bytes.count - endSize - longestComment)
        for offset in stride(from: bytes.count - endSize, through: lowest, by: -1) {
            var cursor = Cursor(bytes, at: offset)
            guard cursor.u32() == endSignature else { continue }
            cursor.position += 16
            if Int(cursor.u16()) == bytes.count - offset - endSize { return offset }
        }
        throw .damaged(offset: bytes.count)
    }

    private static func member(
        _ cursor: inout Cursor, of bytes: [UInt8], before limit: Int
    ) throws(Refusal) -> (Member, Range<Int>) {
        let header = cursor.position
        guard cursor.u32() == centralSignature else { throw .damaged(offset: header) }
        let system = cursor.u16() >> 8
        cursor.position += 2
        let (flags, method) = (cursor.u16(), cursor.u16())
        cursor.position += 4
        let sum = cursor.u32()
        let (packed, size) = (Int(cursor.u32()), Int(cursor.u32()))
        let (nameLength, extraLength, commentLength) = (Int(cursor.u16()), Int(cursor.u16()), Int(cursor.u16()))
        cursor.position += 4
        let attributes = cursor.u32()
        let local = Int(cursor.u32())
        guard cursor.position + nameLength + extraLength + commentLength <= bytes.count else { throw .damaged(offset: header) }
        let name = try checkedName(bytes[cursor.position..<cursor.position + nameLength])
        cursor.position += nameLength + extraLength + commentLength
        // Bit 11 says that the name is UTF-8.
        guard method == 0, packed == size, flags & ~0x0800 == 0 else { throw .unsupported(name) }
        // Made on Unix, file type of a symbolic link.
        if system == 3, attributes >> 28 == 0xa { throw .link(name) }
        guard local <= limit - localSize else { throw .damaged(offset: header) }
        let contents = try contents(of: name, at: local, size: size, in: bytes, before: limit)
        guard CRC32.of(bytes[contents]) == sum else { throw .badSum(name) }
        return (Member(name: name, bytes: Array(bytes[contents])), local..<contents.upperBound)
    }

    private static func contents(
        of name: String, at local: Int, size: Int, in bytes: [UInt8], before limit: Int
    ) throws(Refusal) -> Range<Int> {
        var cursor = Cursor(bytes, at: local)
        guard cursor.u32() == localSignature else { throw .damaged(offset: local) }
        cursor.position = local + 26
        let (nameLength, extraLength) = (Int(cursor.u16()), Int(cursor.u16()))
        let start = local + localSize + nameLength + extraLength
        guard start <= limit, size <= limit - start else { throw .damaged(offset: local) }
        // Both headers must name one member, or two readers would see two archives.
        guard bytes[(local + localSize)..<(local + localSize + nameLength)].elementsEqual(name.utf8) else { throw .damaged(offset: local) }
        return start..<start + size
    }

    private static func checkedName(_ bytes: ArraySlice<UInt8>) throws(Refusal) -> String {
        let shown = String(decoding: bytes.prefix(80), as: UTF8.self)
        guard (1...200).contains(bytes.count), bytes.allSatisfy({ (0x20...0x7e).contains($0) && $0 != 0x5c && $0 != 0x3a }),
            bytes.first != UInt8(ascii: "/"),
            !bytes.split(separator: UInt8(ascii: "/"), omittingEmptySubsequences: false).contains(where: { $0.elementsEqual("..".utf8) })
        else { throw .badName(shown) }
        return String(decoding: bytes, as: UTF8.self)
    }

    /// Reads little-endian numbers; the caller has checked that they are there, beyond the end everything reads as 0.
    private struct Cursor {
        private let bytes: [UInt8]
        var position: Int

        init(_ bytes: [UInt8], at position: Int) {
            self.bytes = bytes
            self.position = position
        }

        mutating func u16() -> UInt16 { UInt16(truncatingIfNeeded: number(2)) }
        mutating func u32() -> UInt32 { number(4) }

        private mutating func number(_ count: Int) -> UInt32 {
            defer { position += count }
            return (0..<count).reversed().reduce(0) { sum, index in
                sum << 8 | UInt32(bytes.indices.contains(position + index) ? bytes[position + index] : 0)
            }
        }
    }

    // MARK: Writing

    /// The archive, with the date 1980-01-01 for all members, so that equal members give equal bytes.
    var encoded: [UInt8] {
        var bytes: [UInt8] = []
        var directory: [UInt8] = []
        for member in members {
            let offset = UInt32(truncatingIfNeeded: bytes.count)
            var common: [UInt8] = []
            for value in [10, 0, 0, 0, 0x21] as [UInt16] { common.append(littleEndian: value) }
            common.append(littleEndian: CRC32.of(member.bytes))
            for _ in 0..<2 { common.append(littleEndian: UInt32(truncatingIfNeeded: member.bytes.count)) }
            common.append(littleEndian: UInt16(truncatingIfNeeded: member.name.utf8.count))
            common.append(littleEndian: UInt16(0))
            bytes.append(littleEndian: Self.localSignature)
            bytes += common + Array(member.name.utf8) + member.bytes
            directory.append(littleEndian: Self.centralSignature)
            directory.append(littleEndian: UInt16(10))
            directory += common + [UInt8](repeating: 0, count: 10)
            directory.append(littleEndian: offset)
            directory += Array(member.name.utf8)
        }
        let start = UInt32(truncatingIfNeeded: bytes.count)
        bytes += directory
        bytes.append(littleEndian: Self.endSignature)
        for value in [0, 0, members.count, members.count] { bytes.append(littleEndian: UInt16(truncatingIfNeeded: value)) }
        bytes.append(littleEndian: UInt32(truncatingIfNeeded: directory.count))
        bytes.append(littleEndian: start)
        bytes.append(littleEndian: UInt16(0))
        return bytes
    }
}
