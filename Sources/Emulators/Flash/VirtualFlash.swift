import LabCore

/// A NOR flash as a value: sectors that erase to 0xFF, programming that only clears bits, and power that can go at any operation.
///
/// One call of `program` or `erase` is one operation. `cutPower` lets power go in the middle of a chosen one, so that a test
/// can try every point at which a device may lose it (Source: the method of MCUboot's simulator, specs/ota.md §1.4 P1 and P2).
/// Only what was programmed takes memory: a sector is kept up to its last programmed byte.
package struct VirtualFlash: Sendable, Equatable {
    /// What an erased byte reads as.
    package static let eraseValue: UInt8 = 0xff

    package struct Geometry: Sendable, Equatable {
        package let sectorCount: Int
        /// Bytes of one sector, the smallest part that can be erased.
        package let sectorSize: Int
        /// Bytes of the smallest part that can be programmed.
        package let writeUnit: Int

        /// - Parameters:
        ///   - sectorCount: 1 to 4,096.
        ///   - sectorSize: a power of two, 256 bytes to 256 KiB.
        ///   - writeUnit: a power of two, 1 to 256 bytes.
        /// - Throws: `.badGeometry` with the rule that is broken.
        package init(sectorCount: Int, sectorSize: Int, writeUnit: Int) throws(FlashError) {
            guard (1...4_096).contains(sectorCount) else { throw .badGeometry("it needs 1 to 4096 sectors, not \(sectorCount)") }
            guard (256...262_144).contains(sectorSize), sectorSize & (sectorSize - 1) == 0 else {
                throw .badGeometry("a sector needs a power of two of 256 to 262144 bytes, not \(sectorSize)")
            }
            guard (1...256).contains(writeUnit), writeUnit & (writeUnit - 1) == 0 else {
                throw .badGeometry("the write unit needs a power of two of 1 to 256 bytes, not \(writeUnit)")
            }
            self.init(uncheckedSectors: sectorCount, size: sectorSize, unit: writeUnit)
        }

        private init(uncheckedSectors: Int, size: Int, unit: Int) {
            sectorCount = uncheckedSectors
            sectorSize = size
            writeUnit = unit
        }

        /// Four pages of 2 KiB programmed by double words, as on the STM32G4 (RM0440 §3.3): enough for a badge's settings.
        package static let badge = Geometry(uncheckedSectors: 4, size: 2_048, unit: 8)

        package var size: Int { sectorCount * sectorSize }
    }

    /// How much of the operation takes effect in which power goes.
    package enum Tear: Sendable, Equatable {
        case nothing, oneByte, half, allButOneByte
        /// The operation is complete, but nothing after it happens.
        case everything
        /// Each bit of the operation may or may not have changed; the seed decides.
        case scattered(seed: UInt64)
    }

    private struct Cut: Sendable, Equatable {
        var operation: UInt64
        var tear: Tear
    }

    /// One call of `program` or `erase`, for reports and for the time that it takes (`FlashTiming`).
    package struct Operation: Sendable, Equatable {
        package enum Kind: String, Sendable { case program, erase }
        package let kind: Kind
        package let address: Int
        /// Bytes programmed, or erased.
        package let count: Int
    }

    package let geometry: Geometry
    /// Operations since the flash was made, the one in which power went included.
    package private(set) var operationCount: UInt64 = 0
    /// False between a cut and `restorePower`: nothing can be programmed or erased.
    package private(set) var isPowered = true
    /// Sectors that refuse to be programmed or erased, in rising order. What they held can still be read.
    package private(set) var badSectors: [Int]
    /// What was done since `startTrace`, the operation in which power went included; empty while nothing is traced.
    package private(set) var trace: [Operation] = []
    /// How often each sector was erased, torn erases included: what wears a chip out.
    package private(set) var eraseCounts: [UInt32]
    private var isTracing = false
    /// Per sector the bytes up to the last one that was programmed; what follows is erased.
    private var contents: [[UInt8]]
    private var cut: Cut?

    /// An erased flash. Sectors outside of the geometry are ignored in `badSectors`.
    package init(_ geometry: Geometry, badSectors: [Int] = []) {
        self.geometry = geometry
        self.badSectors = badSectors.filter { (0..<geometry.sectorCount).contains($0) }.sorted()
        contents = Array(repeating: [], count: geometry.sectorCount)
        eraseCounts = Array(repeating: 0, count: geometry.sectorCount)
    }

    /// Bytes of memory that the contents take.
    package var footprint: Int { contents.reduce(0) { $0 + $1.capacity } }

    /// Lets power go in the `operation`th operation from now, counted from 1.
    package mutating func cutPower(atOperation operation: UInt64, tear: Tear = .half) {
        let (number, overflow) = operationCount.addingReportingOverflow(max(1, operation))
        cut = overflow ? nil : Cut(operation: number, tear: tear)
    }

    package mutating func cancelCut() { cut = nil }

    /// Forgets what was traced and keeps a list of the operations from now on.
    package mutating func startTrace() {
        trace = []
        isTracing = true
    }

    /// Ends the list and gives it.
    package mutating func stopTrace() -> [Operation] {
        defer { trace = [] }
        isTracing = false
        return trace
    }

    package mutating func restorePower() { isPowered = true }

    package mutating func markBad(_ sector: Int) {
        guard (0..<geometry.sectorCount).contains(sector), !badSectors.contains(sector) else { return }
        badSectors = (badSectors + [sector]).sorted()
    }

    /// Reads `count` bytes. Reading is possible without power: it is how a test looks at the chip.
    ///
    /// - Throws: `.outOfRange`.
    package func read(at address: Int, count: Int) throws(FlashError) -> [UInt8] {
        try check(address, count)
        // A whole sector is given as it is kept, without a copy: moving images about is most of what bootloaders do.
        if count == geometry.sectorSize, address % count == 0, contents[address / count].count == count { return contents[address / count] }
        var bytes: [UInt8] = []
        bytes.reserveCapacity(count)
        var position = address
        while position < address + count {
            let sector = position / geometry.sectorSize
            let offset = position % geometry.sectorSize
            let length = min(geometry.sectorSize - offset, address + count - position)
            let kept = contents[sector].count
            if offset < kept { bytes.append(contentsOf: contents[sector][offset..<min(offset + length, kept)]) }
            position += length
            bytes.append(contentsOf: repeatElement(Self.eraseValue, count: position - address - bytes.count))
        }
        return bytes
    }

    /// The bytes of a sector up to the last one that was programmed, shared with the flash; what follows is erased.
    package func kept(sector: Int) -> [UInt8] { contents.indices.contains(sector) ? contents[sector] : [] }

    /// True if every byte of the sector from `offset` on reads as erased.
    package func isErased(sector: Int, from offset: Int = 0) -> Bool {
        guard contents.indices.contains(sector) else { return false }
        return contents[sector].dropFirst(offset).allSatisfy { $0 == Self.eraseValue }
    }

    /// Programs bytes within one sector: one operation.
    ///
    /// - Throws: `.outOfRange`, `.misaligned`, `.crossesSector`, `.needsErase` and `.badSector` before anything is changed;
    ///   `.powerLost` in or after the operation in which power went, which may have changed a part.
    package mutating func program(at address: Int, _ bytes: [UInt8]) throws(FlashError) {
        try check(address, bytes.count)
        let unit = geometry.writeUnit
        guard address % unit == 0, bytes.count % unit == 0 else {
            throw .misaligned(address: address, count: bytes.count, writeUnit: unit)
        }
        if bytes.isEmpty { return }
        let sector = address / geometry.sectorSize
        let offset = address % geometry.sectorSize
        guard offset + bytes.count <= geometry.sectorSize else { throw .crossesSector(address: address, count: bytes.count) }
        if isPowered, let place = firstUnerased(bytes, sector, offset) { throw .needsErase(address: address + place) }
        guard let tear = try begin(sector, Operation(kind: .program, address: address, count: bytes.count)) else {
            return write(bytes, sector, offset)
        }
        var torn = bytes
        switch tear {
        case .scattered(let seed):
            var generator = SeededGenerator(seed: seed)
            // A bit that was not cleared in time keeps what it was, hence the old byte as the limit.
            for (index, mask) in generator.bytes(torn.count).enumerated() { torn[index] |= mask & byte(sector, offset + index) }
        default: torn = Array(bytes.prefix(tear.share(of: bytes.count)))
        }
        write(torn, sector, offset)
        throw .powerLost(operation: operationCount)
    }

    /// Programs all of a sector with the bytes of another: one operation, as `program` with what `read` gives, but without a copy.
    ///
    /// - Throws: as `program`.
    package mutating func copy(sector source: Int, to target: Int) throws(FlashError) {
        guard contents.indices.contains(source), contents.indices.contains(target), isPowered, cut == nil, contents[target].isEmpty else {
            try check(source * geometry.sectorSize, geometry.sectorSize)
            return try program(at: target * geometry.sectorSize, try read(at: source * geometry.sectorSize, count: geometry.sectorSize))
        }
        _ = try begin(target, Operation(kind: .program, address: target * geometry.sectorSize, count: geometry.sectorSize))
        contents[target] = contents[source]
    }

    /// Erases one sector to 0xFF: one operation.
    ///
    /// - Throws: `.outOfRange` and `.badSector` before anything is changed; `.powerLost` as for `program`.
    package mutating func erase(sector: Int) throws(FlashError) {
        guard contents.indices.contains(sector) else {
            throw .outOfRange(address: sector * geometry.sectorSize, count: geometry.sectorSize, size: geometry.size)
        }
        let operation = Operation(kind: .erase, address: sector * geometry.sectorSize, count: geometry.sectorSize)
        guard let tear = try begin(sector, operation) else {
            contents[sector] = []
            return
        }
        switch tear {
        case .everything: contents[sector] = []
        case .scattered(let seed):
            var generator = SeededGenerator(seed: seed)
            for (index, mask) in generator.bytes(contents[sector].count).enumerated() { contents[sector][index] |= mask }
        default:
            for index in 0..<min(tear.share(of: geometry.sectorSize), contents[sector].count) {
                contents[sector][index] = Self.eraseValue
            }
        }
        throw .powerLost(operation: operationCount)
    }

    /// Counts the operation. Returns how it is torn if power goes in it.
    private mutating func begin(_ sector: Int, _ operation: Operation) throws(FlashError) -> Tear? {
        guard isPowered else { throw .powerLost(operation: operationCount) }
        if badSectors.contains(sector) { throw .badSector(sector) }
        operationCount += 1
        if isTracing { trace.append(operation) }
        if operation.kind == .erase { eraseCounts[sector] &+= 1 }
        guard let cut, cut.operation <= operationCount else { return nil }
        self.cut = nil
        isPowered = false
        return cut.tear
    }

    private func check(_ address: Int, _ count: Int) throws(FlashError) {
        guard address >= 0, count >= 0, address <= geometry.size, count <= geometry.size - address else {
            throw .outOfRange(address: address, count: count, size: geometry.size)
        }
    }

    private func byte(_ sector: Int, _ offset: Int) -> UInt8 {
        offset < contents[sector].count ? contents[sector][offset] : Self.eraseValue
    }

    /// Where a bit would have to become 1, counted from the start of `bytes`.
    private func firstUnerased(_ bytes: [UInt8], _ sector: Int, _ offset: Int) -> Int? {
        let overlap = min(bytes.count, contents[sector].count - offset)
        guard overlap > 0 else { return nil }
        for index in 0..<overlap where contents[sector][offset + index] & bytes[index] != bytes[index] { return index }
        return nil
    }

    private mutating func write(_ bytes: [UInt8], _ sector: Int, _ offset: Int) {
        if bytes.isEmpty { return }
        if bytes.count == geometry.sectorSize, contents[sector].isEmpty {
            contents[sector] = bytes
            return
        }
        let needed = offset + bytes.count
        let missing = needed - contents[sector].count
        // Never more than a sector: doubling by itself would keep up to twice as much, for each badge of a fleet.
        // A small sector is had at once, without the pieces that growing would leave behind.
        if needed > contents[sector].capacity {
            contents[sector].reserveCapacity(geometry.sectorSize <= 512 ? geometry.sectorSize : min(geometry.sectorSize, needed + needed / 2))
        }
        if missing >= bytes.count {
            contents[sector].append(contentsOf: repeatElement(Self.eraseValue, count: missing - bytes.count))
            contents[sector].append(contentsOf: bytes)
            return
        }
        if missing > 0 { contents[sector].append(contentsOf: repeatElement(Self.eraseValue, count: missing)) }
        for (index, byte) in bytes.enumerated() { contents[sector][offset + index] &= byte }
    }
}

extension VirtualFlash.Tear {
    /// How many of `count` bytes take effect.
    fileprivate func share(of count: Int) -> Int {
        switch self {
        case .nothing: 0
        case .oneByte: min(1, count)
        case .half: count / 2
        case .allButOneByte: max(0, count - 1)
        case .everything, .scattered: count
        }
    }
}
