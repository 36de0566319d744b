/// A small store of values by key on two or more flash sectors that a power cut cannot damage.
///
/// One sector is active: records are appended to it, each with a sequence number and a CRC-32, and the last whole record of a key
/// counts. When it is full, the live records move to another sector, whose header is programmed last: the sector with the
/// highest generation in a whole header is the active one. So a cut at any operation leaves the old value or the new one.
/// The store itself is only the index; it is made anew from the flash at each boot (`mount`).
///
/// Sector: header (`RSv1`, u32 generation, u32 CRC of both), then records. Record: u8 key, u8 kind, u16 length, u32 sequence,
/// u32 CRC of those and the value, value; each filled up with 0xFF to the write unit. Numbers are little-endian.
package struct RecordStore: Sendable, Equatable {
    /// What a value is stored under: 0 to 254, since 255 reads as erased.
    package struct Key: RawRepresentable, Sendable, Hashable, Comparable {
        package let rawValue: UInt8
        package init(rawValue: UInt8) { self.rawValue = rawValue == 0xff ? 0xfe : rawValue }
        package static func < (left: Key, right: Key) -> Bool { left.rawValue < right.rawValue }
    }

    struct Entry: Sendable, Equatable {
        var key: Key
        /// Where the value begins in the active sector.
        var offset: UInt32
        var length: UInt16
    }

    /// The sectors of the flash that belong to the store.
    package let sectors: Range<Int>
    /// The sector that holds the records; `nil` in a flash that has none yet.
    package internal(set) var active: Int?
    var generation: UInt32 = 0
    var sequence: UInt32 = 0
    /// Where the next record begins.
    var end = 0
    /// Nothing may be appended any more: a torn record lies at the end.
    var isClosed = false
    /// Live records in the order of their keys.
    var index: [Entry] = []

    /// A store without sectors: nothing can be read from it or put into it.
    package init() { sectors = 0..<0 }

    /// Reads the index from the flash. Changes nothing, so that a look at a device costs it nothing.
    package init(mounting sectors: Range<Int>, of flash: VirtualFlash) {
        self.sectors = sectors.clamped(to: 0..<flash.geometry.sectorCount)
        for sector in self.sectors {
            guard let generation = Self.generation(of: sector, in: flash), active == nil || generation > self.generation else { continue }
            active = sector
            self.generation = generation
        }
        if let active { scan(active, in: flash) }
    }

    package var keys: [Key] { index.map(\.key) }

    package func value(_ key: Key, in flash: VirtualFlash) -> [UInt8]? {
        guard let active, let entry = index.first(where: { $0.key == key }) else { return nil }
        return try? flash.read(at: active * flash.geometry.sectorSize + Int(entry.offset), count: Int(entry.length))
    }

    /// Stores a value of 1 to 65,535 bytes; an empty one is the same as none. After a cut the store has this value or the one before.
    ///
    /// - Throws: `.storeFull` and `.noUsableSector` with the old value kept; `.powerLost`.
    package mutating func put(_ key: Key, _ value: [UInt8], in flash: inout VirtualFlash) throws(FlashError) {
        try commit([(key, value)], in: &flash)
    }

    package mutating func remove(_ key: Key, in flash: inout VirtualFlash) throws(FlashError) {
        if index.contains(where: { $0.key == key }) { try commit([(key, nil)], in: &flash) }
    }

    /// Makes several changes at once: after a cut all of them are there, or none. `nil` removes.
    ///
    /// - Throws: as `put`.
    package mutating func commit(_ changes: [(key: Key, value: [UInt8]?)], in flash: inout VirtualFlash) throws(FlashError) {
        if let large = changes.first(where: { ($0.value?.count ?? 0) > Int(UInt16.max) })?.value {
            throw .storeFull(needed: large.count, available: Self.capacity(of: flash.geometry))
        }
        // One record is whole or not; several are so only behind a new sector's header.
        if changes.count == 1, let change = changes.first, let active, !isClosed {
            let record = Self.record(change.key, change.value, sequence: sequence &+ 1, unit: flash.geometry.writeUnit)
            if end + record.count <= flash.geometry.sectorSize {
                do {
                    try flash.program(at: active * flash.geometry.sectorSize + end, record)
                    return append(change.key, change.value, size: record.count)
                } catch .powerLost(let operation) {
                    throw .powerLost(operation: operation)
                } catch { isClosed = true }
            }
        }
        try compact(changes, in: &flash)
    }
}
