import LabCore

/// The bills that wait for an acknowledgement, and those that had one until their place is needed: a ring of records of one size.
///
/// A record is programmed in one operation and counts only with its CRC-32; an acknowledgement clears the byte behind it. So power
/// that goes at any operation leaves a bill that is there or not, and never one that is lost after it was there. A sector is erased when
/// nothing in it waits. What is acknowledged and still there is what the pile knows of orders that are over.
package struct BillQueue: Sendable, Equatable {
    /// CRC included, without the byte of the acknowledgement.
    static let recordSize = 84
    static let slotSize = recordSize + 1
    private static let waiting: UInt8 = 0xff
    private static let acknowledged: UInt8 = 0x00

    private struct Place: Sendable, Equatable {
        var serial: UInt32
        var address: Int
    }

    /// Bills that nobody has acknowledged, the oldest first.
    package private(set) var pending: [ChargeBill] = []
    private var places: [Place] = []
    private var lastSerial: UInt32 = 0
    /// The highest number of a charge that has a bill here.
    private(set) var lastNumber: UInt32 = 0
    /// Where the next record goes; `nil` before the first.
    private var sector: Int?
    private var slot = 0

    private static func sectors(_ flash: VirtualFlash) -> Range<Int> { PileMemory.storeSectors.upperBound..<flash.geometry.sectorCount }
    private static func slots(_ flash: VirtualFlash) -> Int { flash.geometry.sectorSize / slotSize }

    /// Reads what is in the flash.
    mutating func mount(_ flash: VirtualFlash) {
        self = BillQueue()
        for sector in Self.sectors(flash) {
            let bytes = flash.kept(sector: sector)
            for slot in 0..<Self.slots(flash) where slot * Self.slotSize < bytes.count {
                let start = slot * Self.slotSize
                let end = min(start + Self.slotSize, bytes.count)
                guard let bill = ChargeBill(record: bytes[start..<end]) else { continue }
                if bill.serial > lastSerial {
                    lastSerial = bill.serial
                    self.sector = sector
                    self.slot = Self.firstFree(bytes, flash)
                }
                lastNumber = max(lastNumber, bill.number)
                guard end - start < Self.slotSize || bytes[end - 1] == Self.waiting else { continue }
                places.append(Place(serial: bill.serial, address: sector * flash.geometry.sectorSize + start))
                pending.append(bill)
            }
        }
        pending.sort { $0.serial < $1.serial }
        places.sort { $0.serial < $1.serial }
    }

    /// The slot behind the last byte that is not erased.
    private static func firstFree(_ bytes: [UInt8], _ flash: VirtualFlash) -> Int {
        guard let last = bytes.lastIndex(where: { $0 != VirtualFlash.eraseValue }) else { return 0 }
        return min(last / slotSize + 1, slots(flash))
    }

    /// Room for that many more bills, counted without erasing what waits.
    func hasRoom(for count: Int, in flash: VirtualFlash) -> Bool {
        let slots = Self.slots(flash)
        var free = sector == nil ? 0 : slots - slot
        for candidate in Self.sectors(flash) where candidate != sector && !isWaiting(candidate, flash) { free += slots }
        return free >= count
    }

    private func isWaiting(_ sector: Int, _ flash: VirtualFlash) -> Bool {
        places.contains { $0.address / flash.geometry.sectorSize == sector }
    }

    /// - Throws: `.storeFull` where every sector holds a bill that waits; `.powerLost`, after which a mount tells whether it is there.
    mutating func append(_ bill: ChargeBill, in flash: inout VirtualFlash) throws(FlashError) {
        var bill = bill
        bill.serial = lastSerial &+ 1
        if sector == nil || slot >= Self.slots(flash) { try advance(&flash) }
        guard let sector else { throw .noUsableSector }
        let address = sector * flash.geometry.sectorSize + slot * Self.slotSize
        slot += 1
        try flash.program(at: address, bill.record)
        lastSerial = bill.serial
        lastNumber = max(lastNumber, bill.number)
        places.append(Place(serial: bill.serial, address: address))
        pending.append(bill)
        // The bill is there; that power goes here changes nothing about it.
        if slot == 1 { try? tidy(&flash) }
    }

    /// Goes on to the next sector in which nothing waits.
    private mutating func advance(_ flash: inout VirtualFlash) throws(FlashError) {
        let sectors = Self.sectors(flash)
        let current = sector ?? sectors.upperBound - 1
        for step in 1...sectors.count {
            let candidate = sectors.lowerBound + (current - sectors.lowerBound + step) % sectors.count
            if candidate == sector || isWaiting(candidate, flash) { continue }
            if !flash.isErased(sector: candidate) {
                do { try flash.erase(sector: candidate) } catch .badSector { continue }
            }
            sector = candidate
            slot = 0
            return
        }
        throw .storeFull(needed: Self.slotSize, available: 0)
    }

    mutating func acknowledge(_ serial: UInt32, in flash: inout VirtualFlash) throws(FlashError) {
        guard let place = places.firstIndex(where: { $0.serial == serial }) else { return }
        let address = places[place].address
        try flash.program(at: address + Self.recordSize, [Self.acknowledged])
        forget(place)
        try tidy(&flash)
    }

    /// Sectors in which nothing waits any more are given back, but for the one that is written and the two before it: they are the pile's
    /// memory of orders that are over.
    private func tidy(_ flash: inout VirtualFlash) throws(FlashError) {
        guard let sector else { return }
        let sectors = Self.sectors(flash)
        for step in 1..<max(1, sectors.count - 2) {
            let candidate = sectors.lowerBound + (sector - sectors.lowerBound + step) % sectors.count
            if !flash.kept(sector: candidate).isEmpty, !isWaiting(candidate, flash) { try flash.erase(sector: candidate) }
        }
    }

    /// Forgets a bill as if its cell had died: the scenario's fault `bill.lose`.
    mutating func lose(_ serial: UInt32, in flash: inout VirtualFlash) {
        guard let place = places.firstIndex(where: { $0.serial == serial }) else { return }
        try? flash.program(at: places[place].address, Array(repeating: 0, count: Self.slotSize))
        forget(place)
    }

    private mutating func forget(_ place: Int) {
        let serial = places.remove(at: place).serial
        pending.removeAll { $0.serial == serial }
        // A pile without bills keeps no memory for them.
        if places.isEmpty { (places, pending) = ([], []) }
    }

    /// The order has run here and is over; known as long as its record is in the flash.
    func knows(_ order: PileOrder, in flash: VirtualFlash) -> Bool {
        // The first byte that differs spares the sum of the rest: this is asked at every start.
        holds(flash) { place, bytes in
            (0..<16).allSatisfy { bytes[place + ChargeBill.orderOffset + $0] == order[$0] }
        } where: {
            $0.order == order
        }
    }

    /// The charge of that number has its bill, acknowledged or not.
    func hasBill(number: UInt32, port: Int, in flash: VirtualFlash) -> Bool {
        holds(flash) { _, _ in
            true
        } where: {
            $0.number == number && $0.port == port
        }
    }

    /// - Parameter mayBe: a quick look at the bytes of a record of full size, before its sum is checked.
    private func holds(_ flash: VirtualFlash, _ mayBe: (Int, [UInt8]) -> Bool, where test: (ChargeBill) -> Bool) -> Bool {
        for sector in Self.sectors(flash) {
            let bytes = flash.kept(sector: sector)
            var start = 0
            while start + Self.recordSize <= bytes.count {
                if mayBe(start, bytes), let bill = ChargeBill(record: bytes[start..<min(start + Self.slotSize, bytes.count)]), test(bill) {
                    return true
                }
                start += Self.slotSize
            }
        }
        return false
    }
}

extension ChargeBill {
    /// Where the order stands in a record.
    fileprivate static let orderOffset = 12

    /// All fields little endian, then the CRC-32 of them, then the byte of the acknowledgement as erased.
    fileprivate var record: [UInt8] {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(BillQueue.slotSize)
        bytes.append(littleEndian: serial)
        bytes.append(littleEndian: number)
        bytes.append(UInt8(clamping: port))
        bytes.append(starter.rawValue)
        bytes.append(end.rawValue)
        bytes.append(0)
        order.append(to: &bytes)
        bytes.append(littleEndian: card)
        bytes.append(littleEndian: UInt32(clamping: seconds))
        bytes.append(littleEndian: energy)
        bytes.append(littleEndian: UInt32(clamping: maximumPower))
        bytes.append(littleEndian: UInt32(clamping: secondMaximum))
        bytes.append(littleEndian: started)
        bytes.append(littleEndian: ended)
        bytes.append(littleEndian: tag)
        bytes.append(littleEndian: UInt32(0))
        bytes.append(littleEndian: CRC32.of(bytes))
        bytes.append(VirtualFlash.eraseValue)
        return bytes
    }

    /// `nil` unless the CRC-32 is right. The last byte may lie behind what the flash keeps, since it reads as erased.
    fileprivate init?(record: ArraySlice<UInt8>) {
        guard record.count >= BillQueue.recordSize, record.first != 0xff || record.dropFirst().prefix(3).contains(where: { $0 != 0xff })
        else { return nil }
        let content = record.prefix(BillQueue.recordSize - 4)
        var sum: UInt32 = 0
        for byte in record.prefix(BillQueue.recordSize).suffix(4).reversed() { sum = sum << 8 | UInt32(byte) }
        guard sum == CRC32.of(content) else { return nil }
        var cursor = ByteCursor(Array(content))
        guard let serial = cursor.integer(UInt32.self), let number = cursor.integer(UInt32.self), let port = cursor.integer(UInt8.self),
            let starter = cursor.integer(UInt8.self), let end = cursor.integer(UInt8.self), cursor.integer(UInt8.self) != nil,
            let order = cursor.take(16), let card = cursor.integer(UInt64.self), let seconds = cursor.integer(UInt32.self),
            let energy = cursor.integer(Int64.self), let maximum = cursor.integer(UInt32.self), let second = cursor.integer(UInt32.self),
            let started = cursor.integer(Int64.self), let ended = cursor.integer(Int64.self), let tag = cursor.integer(UInt32.self),
            let reason = ChargeEnd(rawValue: end)
        else { return nil }
        self.init(
            serial: serial, number: number, port: Int(port), order: PileOrder(bytes: order),
            starter: ChargeStarter(rawValue: starter) ?? .server,
            card: card, end: reason, seconds: Int64(seconds), energy: energy, maximumPower: Int64(maximum), secondMaximum: Int64(second),
            started: started,
            ended: ended, tag: tag)
    }
}
