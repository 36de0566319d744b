import LabCore

/// Where the badge keeps a root of trust that is newer than the factory's: two areas of the settings flash, written in turn.
///
/// Area: `ROOT`, u32 count of writes, u32 length, u32 CRC-32 of those and the root, root. The header is programmed last, so that a cut
/// leaves the root before.
struct RootArea {
    /// Sectors of each area.
    static let sectorsEach = 8
    /// The first sector of both.
    static let firstSector = 4
    private static let magic = Array("ROOT".utf8)
    private static let headerSize = 16

    /// Four sectors for factory data and records, then the two areas.
    static let geometry = (try? VirtualFlash.Geometry(sectorCount: firstSector + 2 * sectorsEach, sectorSize: 2_048, writeUnit: 8)) ?? .badge

    /// Bytes of the largest root.
    static var capacity: Int { sectorsEach * geometry.sectorSize - headerSize }

    private static func start(_ area: Int) -> Int { (firstSector + area * sectorsEach) * geometry.sectorSize }

    /// The newest whole root and its place; `nil` where none was written.
    private static func newest(in flash: VirtualFlash) -> (area: Int, count: UInt32, bytes: [UInt8])? {
        var best: (area: Int, count: UInt32, bytes: [UInt8])?
        for area in 0..<2 {
            guard let header = try? flash.read(at: start(area), count: headerSize), header.starts(with: magic) else { continue }
            var cursor = ByteCursor(Array(header.dropFirst(magic.count)))
            guard let count = cursor.integer(UInt32.self), let length = cursor.integer(UInt32.self), let sum = cursor.integer(UInt32.self),
                length <= capacity, let bytes = try? flash.read(at: start(area) + headerSize, count: Int(length)),
                CRC32.of([header[..<12], bytes[...]].joined()) == sum, count > best?.count ?? 0
            else { continue }
            best = (area, count, bytes)
        }
        return best
    }

    static func read(_ flash: VirtualFlash) -> [UInt8]? { newest(in: flash)?.bytes }

    /// Keeps a root in the place of the one before.
    ///
    /// - Throws: as `program` and `erase`; `.storeFull` for one that is too large.
    static func write(_ root: [UInt8], to flash: inout VirtualFlash) throws(FlashError) {
        guard root.count <= capacity else { throw .storeFull(needed: root.count, available: capacity) }
        let before = newest(in: flash)
        let area = before.map { 1 - $0.area } ?? 0
        let size = flash.geometry.sectorSize
        var header = magic
        header.append(littleEndian: (before?.count ?? 0) &+ 1)
        header.append(littleEndian: UInt32(root.count))
        header.append(littleEndian: CRC32.of([header, root].joined()))
        var padded = root
        while padded.count % flash.geometry.writeUnit != 0 { padded.append(VirtualFlash.eraseValue) }
        let used = (headerSize + padded.count + size - 1) / size
        for sector in 0..<used { try flash.erase(sector: firstSector + area * sectorsEach + sector) }
        var position = 0
        while position < padded.count {
            let place = start(area) + headerSize + position
            let length = min(size - place % size, padded.count - position)
            try flash.program(at: place, Array(padded[position..<position + length]))
            position += length
        }
        try flash.program(at: start(area), header)
    }
}
