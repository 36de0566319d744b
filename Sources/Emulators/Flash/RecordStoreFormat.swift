import LabCore

/// How the store's sectors and records are laid out, read and moved.
extension RecordStore {
    private static let magic: [UInt8] = Array("RSv1".utf8)
    private static let recordHeaderSize = 12
    private static let stored: UInt8 = 0x01
    private static let removed: UInt8 = 0x00

    static func headerSize(_ unit: Int) -> Int { (12 + unit - 1) / unit * unit }

    /// Bytes that records can take in one sector of that flash.
    package static func capacity(of geometry: VirtualFlash.Geometry) -> Int { geometry.sectorSize - headerSize(geometry.writeUnit) }

    /// Bytes that a value of that length takes in flash.
    package static func recordSize(valueLength: Int, writeUnit: Int) -> Int {
        (recordHeaderSize + valueLength + writeUnit - 1) / writeUnit * writeUnit
    }

    private static func header(_ generation: UInt32, unit: Int) -> [UInt8] {
        var bytes = magic
        bytes.append(littleEndian: generation)
        bytes.append(littleEndian: CRC32.of(bytes))
        return bytes + Array(repeating: VirtualFlash.eraseValue, count: headerSize(unit) - bytes.count)
    }

    static func record(_ key: Key, _ value: [UInt8]?, sequence: UInt32, unit: Int) -> [UInt8] {
        let value = value ?? []
        var bytes = [key.rawValue, value.isEmpty ? removed : stored]
        bytes.append(littleEndian: UInt16(truncatingIfNeeded: value.count))
        bytes.append(littleEndian: sequence)
        bytes.append(littleEndian: CRC32.of(bytes, value))
        bytes.append(contentsOf: value)
        let size = recordSize(valueLength: value.count, writeUnit: unit)
        return bytes + Array(repeating: VirtualFlash.eraseValue, count: size - bytes.count)
    }

    /// The generation in a sector's header, if that is whole.
    static func generation(of sector: Int, in flash: VirtualFlash) -> UInt32? {
        guard let bytes = try? flash.read(at: sector * flash.geometry.sectorSize, count: 12) else { return nil }
        var cursor = ByteCursor(bytes)
        guard cursor.take(4).map(Array.init) == magic, let generation = cursor.integer(UInt32.self) else { return nil }
        return cursor.integer() == CRC32.of(bytes.prefix(8)) ? generation : nil
    }

    /// Walks the records up to the first that is not whole.
    mutating func scan(_ sector: Int, in flash: VirtualFlash) {
        let unit = flash.geometry.writeUnit
        guard let bytes = try? flash.read(at: sector * flash.geometry.sectorSize, count: flash.geometry.sectorSize) else { return }
        end = Self.headerSize(unit)
        while end + Self.recordHeaderSize <= bytes.count {
            var cursor = ByteCursor(Array(bytes[end..<end + Self.recordHeaderSize]))
            guard let key = cursor.integer(UInt8.self), let kind = cursor.integer(UInt8.self), let length = cursor.integer(UInt16.self),
                let number = cursor.integer(UInt32.self), let sum = cursor.integer(UInt32.self)
            else { break }
            let start = end + Self.recordHeaderSize
            let size = Self.recordSize(valueLength: Int(length), writeUnit: unit)
            guard key != 0xff, number > sequence, end + size <= bytes.count else { break }
            let value = bytes[start..<start + Int(length)]
            guard sum == CRC32.of(bytes[end..<end + 8], value) else { break }
            sequence = number
            note(Key(rawValue: key), offset: start, length: kind == Self.removed ? nil : Int(length))
            end += size
        }
        isClosed = !flash.isErased(sector: sector, from: end)
    }

    /// Follows a record that was appended.
    mutating func append(_ key: Key, _ value: [UInt8]?, size: Int) {
        sequence &+= 1
        note(key, offset: end + Self.recordHeaderSize, length: value.map(\.count))
        end += size
    }

    private mutating func note(_ key: Key, offset: Int, length: Int?) {
        let place = index.firstIndex { $0.key >= key } ?? index.count
        if place < index.count, index[place].key == key { index.remove(at: place) }
        guard let length, length > 0 else { return }
        index.insert(Entry(key: key, offset: UInt32(offset), length: UInt16(length)), at: place)
    }

    /// Moves the live records and the changes to another sector, whose header makes them count all at once.
    mutating func compact(_ changes: [(key: Key, value: [UInt8]?)], in flash: inout VirtualFlash) throws(FlashError) {
        var live: [(key: Key, value: [UInt8])] = []
        for entry in index where !changes.contains(where: { $0.key == entry.key }) {
            if let value = value(entry.key, in: flash) { live.append((entry.key, value)) }
        }
        for change in changes {
            if let value = change.value, !value.isEmpty { live.append((change.key, value)) }
        }
        let geometry = flash.geometry
        let needed = live.reduce(0) { $0 + Self.recordSize(valueLength: $1.value.count, writeUnit: geometry.writeUnit) }
        let available = Self.capacity(of: geometry)
        guard needed <= available else { throw .storeFull(needed: needed, available: available) }
        // The lowest good sector, so that spare ones stay untouched and take no memory.
        for sector in sectors where sector != active {
            do {
                return try move(live.sorted { $0.key < $1.key }, to: sector, in: &flash)
            } catch .badSector { continue }
        }
        throw .noUsableSector
    }

    private mutating func move(
        _ live: [(key: Key, value: [UInt8])], to sector: Int, in flash: inout VirtualFlash
    ) throws(FlashError) {
        let geometry = flash.geometry
        var target = RecordStore(empty: sectors, active: sector, generation: generation &+ 1, unit: geometry.writeUnit)
        try flash.erase(sector: sector)
        for (key, value) in live {
            let record = Self.record(key, value, sequence: target.sequence &+ 1, unit: geometry.writeUnit)
            try flash.program(at: sector * geometry.sectorSize + target.end, record)
            target.append(key, value, size: record.count)
        }
        try flash.program(at: sector * geometry.sectorSize, Self.header(target.generation, unit: geometry.writeUnit))
        self = target
    }

    private init(empty sectors: Range<Int>, active: Int, generation: UInt32, unit: Int) {
        self.sectors = sectors
        self.active = active
        self.generation = generation
        end = Self.headerSize(unit)
    }
}
