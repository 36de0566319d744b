import LabCore

/// Reads single small files out of a squashfs 4.0 (Linux Documentation/filesystems/squashfs.rst), uncompressed or with gzip.
///
/// Every offset and length of the file system is hostile until checked. What is read is bounded by `limit` and the number of blocks by
/// the file's own size, so that neither time nor memory can be made large.
struct Squashfs {
    static let magic: UInt32 = 0x7371_7368
    static let superblockLength = 96

    struct Failure: Error, Hashable {
        var offset: Int
        var text: String
    }

    enum EntryKind: UInt16, Sendable {
        case folder = 1
        case file = 2
        case link = 3
    }

    struct Entry: Hashable {
        var name: String
        /// Nil for devices, pipes and sockets.
        var kind: EntryKind?
        /// Where its inode is: block below the table << 16 | offset in the block.
        var reference: UInt64
    }

    private let bytes: [UInt8]
    /// Bytes from the beginning that belong to the file system, without padding.
    let used: Int
    private let blockSize: Int
    private let compression: UInt16
    private let inodeTable: Int
    private let folderTable: Int
    private let fragmentTable: Int
    private let fragmentCount: Int
    private let rootInode: UInt64

    /// Checks the superblock.
    init(_ bytes: [UInt8]) throws(Failure) {
        guard LittleEndian.u32(bytes, at: 0) == Self.magic else { throw Failure(offset: 0, text: "it does not begin with 'hsqs'") }
        guard bytes.count >= Self.superblockLength else { throw Failure(offset: bytes.count, text: "the file ends in the superblock") }
        self.bytes = bytes
        func u32(_ offset: Int) -> Int { Int(LittleEndian.u32(bytes, at: offset) ?? 0) }
        func offset(_ place: Int) -> Int { u32(place + 4) == 0 ? u32(place) : Int(Int32.max) }
        blockSize = u32(12)
        fragmentCount = u32(16)
        compression = LittleEndian.u16(bytes, at: 20) ?? 0
        rootInode = UInt64(u32(32)) | UInt64(u32(36)) << 32
        used = offset(40)
        inodeTable = offset(64)
        folderTable = offset(72)
        fragmentTable = offset(80)
        guard used >= Self.superblockLength, used <= bytes.count else {
            throw Failure(offset: 40, text: "the file system says that it has \(used) bytes, the file has \(bytes.count)")
        }
    }

    /// The names in the topmost folder.
    ///
    /// - Parameter limit: how many are read; more are refused.
    func rootEntries(limit: Int = 256) throws(Failure) -> [Entry] {
        guard blockSize >= 4_096, blockSize <= 1 << 20, blockSize & (blockSize - 1) == 0, LittleEndian.u16(bytes, at: 28) == 4 else {
            throw Failure(offset: 12, text: "it is no squashfs 4 with blocks of 4 KiB to 1 MiB")
        }
        var inode = try cursor(rootInode, in: inodeTable)
        let type = try inode.u16()
        try inode.skip(14)
        let start: Int
        let size: Int
        let offset: Int
        switch type {
        case 1:
            start = try inode.u32()
            try inode.skip(4)
            size = Int(try inode.u16())
            offset = Int(try inode.u16())
        case 8:
            try inode.skip(4)
            size = try inode.u32()
            start = try inode.u32()
            try inode.skip(6)
            offset = Int(try inode.u16())
        default: throw Failure(offset: inodeTable, text: "the topmost inode is no folder")
        }
        // The stored size counts three bytes for "." and "..", which are not stored.
        guard size >= 3 else { return [] }
        var folder = try cursor(UInt64(start) << 16 | UInt64(offset), in: folderTable)
        var rest = size - 3
        var entries: [Entry] = []
        while rest >= 12 {
            let count = try folder.u32()
            let block = try folder.u32()
            try folder.skip(4)
            rest -= 12
            guard count < 256 else { throw Failure(offset: folderTable, text: "a header of more than 256 names") }
            for _ in 0...count {
                let place = try folder.u16()
                try folder.skip(2)
                let kind = try folder.u16()
                let length = Int(try folder.u16()) + 1
                guard length <= 256, entries.count < limit else {
                    throw Failure(offset: folderTable, text: "more than \(limit) names, or a name of \(length) bytes")
                }
                let name = String(decoding: try folder.take(length), as: UTF8.self)
                rest -= 8 + length
                entries.append(
                    Entry(name: name, kind: EntryKind(rawValue: kind > 7 ? kind - 7 : kind), reference: UInt64(block) << 16 | UInt64(place))
                )
            }
        }
        return entries
    }

    /// The content of a file of at most `limit` bytes.
    func content(of entry: Entry, limit: Int) throws(Failure) -> [UInt8] {
        var inode = try cursor(entry.reference, in: inodeTable)
        let type = try inode.u16()
        try inode.skip(14)
        var start: Int
        let size: Int
        let fragment: Int
        let fragmentOffset: Int
        switch type {
        case 2:
            start = try inode.u32()
            fragment = try inode.u32()
            fragmentOffset = try inode.u32()
            size = try inode.u32()
        case 9:
            start = try inode.u64()
            size = try inode.u64()
            try inode.skip(12)
            fragment = try inode.u32()
            fragmentOffset = try inode.u32()
            try inode.skip(4)
        default: throw Failure(offset: inodeTable, text: "'\(FixedText.read(entry.name.utf8))' is no regular file")
        }
        guard size <= limit else {
            throw Failure(offset: inodeTable, text: "'\(FixedText.read(entry.name.utf8))' has more than \(limit) bytes")
        }
        let hasFragment = fragment != 0xffff_ffff
        let blocks = hasFragment ? size / blockSize : (size + blockSize - 1) / blockSize
        var content: [UInt8] = []
        for _ in 0..<blocks {
            let stored = try inode.u32()
            let wanted = min(blockSize, size - content.count)
            content += try block(at: start, stored: stored, wanted: wanted...wanted)
            start += stored & 0xff_ffff
        }
        if hasFragment, content.count < size { content += try tail(fragment, at: fragmentOffset, count: size - content.count) }
        guard content.count == size else { throw Failure(offset: inodeTable, text: "a file whose blocks do not give its size") }
        return content
    }

    /// The end of a file, which shares a block with others.
    private func tail(_ fragment: Int, at offset: Int, count: Int) throws(Failure) -> [UInt8] {
        guard fragment < fragmentCount else { throw Failure(offset: fragmentTable, text: "fragment \(fragment) of \(fragmentCount)") }
        guard let low = LittleEndian.u32(bytes, at: fragmentTable + fragment / 512 * 8),
            LittleEndian.u32(bytes, at: fragmentTable + fragment / 512 * 8 + 4) == 0
        else { throw Failure(offset: fragmentTable, text: "the fragment table leaves the file") }
        var entry = try cursor(UInt64(fragment % 512 * 16), in: Int(low))
        let start = try entry.u64()
        let stored = try entry.u32()
        let content = try block(at: start, stored: stored, wanted: 0...blockSize)
        guard Bounds.holds(content.count, offset, count) else { throw Failure(offset: start, text: "a file leaves its fragment") }
        return Array(content[offset..<offset + count])
    }

    /// - Parameter stored: bytes in the file, with bit 24 for those that are not compressed; 0 is a block of zeros.
    private func block(at start: Int, stored: Int, wanted: ClosedRange<Int>) throws(Failure) -> [UInt8] {
        let length = stored & 0xff_ffff
        if length == 0 { return Array(repeating: 0, count: wanted.lowerBound) }
        guard Bounds.holds(used, start, length) else { throw Failure(offset: start, text: "a block leaves the file system") }
        let content =
            stored & 0x100_0000 != 0 ? Array(bytes[start..<start + length]) : try inflate(start..<start + length, limit: wanted.upperBound)
        guard wanted.contains(content.count) else { throw Failure(offset: start, text: "a block of \(content.count) bytes") }
        return content
    }

    private func inflate(_ range: Range<Int>, limit: Int) throws(Failure) -> [UInt8] {
        guard compression == 1 else { throw Failure(offset: 20, text: "it is compressed with method \(compression); only gzip is read") }
        do { return try Zlib.inflate(bytes, range, atMost: limit) } catch {
            throw Failure(offset: error.offset, text: "a compressed block: \(error.text)")
        }
    }

    // MARK: Metadata

    private func cursor(_ reference: UInt64, in table: Int) throws(Failure) -> Cursor {
        let start = Int(reference >> 16 & 0xffff_ffff)
        var cursor = Cursor(system: self, next: table + start)
        try cursor.load()
        try cursor.skip(Int(reference & 0xffff))
        return cursor
    }

    /// A place in a run of metadata blocks of at most 8 KiB each.
    private struct Cursor {
        let system: Squashfs
        /// Where the block after this one is.
        var next: Int
        var block: [UInt8] = []
        var position = 0
        /// No inode and no folder that is read here is longer.
        var budget = 64

        mutating func load() throws(Failure) {
            budget -= 1
            guard budget > 0, let header = LittleEndian.u16(system.bytes, at: next) else {
                throw Failure(offset: next, text: "metadata leaves the file")
            }
            let length = Int(header & 0x7fff)
            let range = next + 2..<next + 2 + length
            guard length > 0, range.upperBound <= system.used else {
                throw Failure(offset: next, text: "a metadata block leaves the file system")
            }
            block = header & 0x8000 != 0 ? Array(system.bytes[range]) : try system.inflate(range, limit: 8_192)
            guard !block.isEmpty, block.count <= 8_192 else {
                throw Failure(offset: next, text: "a metadata block of \(block.count) bytes")
            }
            next = range.upperBound
            position = 0
        }

        mutating func take(_ count: Int) throws(Failure) -> [UInt8] {
            var result: [UInt8] = []
            while result.count < count {
                if position == block.count { try load() }
                let part = min(count - result.count, block.count - position)
                result += block[position..<position + part]
                position += part
            }
            return result
        }

        mutating func skip(_ count: Int) throws(Failure) { _ = try take(count) }
        mutating func u16() throws(Failure) -> UInt16 { LittleEndian.u16(try take(2), at: 0) ?? 0 }
        mutating func u32() throws(Failure) -> Int { Int(LittleEndian.u32(try take(4), at: 0) ?? 0) }

        /// A file offset; what cannot be one becomes one that is out of every file.
        mutating func u64() throws(Failure) -> Int {
            let low = try u32()
            return try u32() == 0 ? low : Int(Int32.max)
        }
    }
}
