import LabCore

/// What survives in a pile: one flash with the settings, the charges that run, and the bills.
///
/// The first two sectors are a `RecordStore`, the others the `BillQueue`. Sectors take memory only as far as they were programmed.
package struct PileMemory: Sendable, Equatable {
    package internal(set) var flash: VirtualFlash
    var store: RecordStore
    package internal(set) var bills = BillQueue()

    static let storeSectors = 0..<2
    init(ports: Int) {
        // A charge that runs takes about 140 bytes, and all of them must fit into one sector of the store, with the settings.
        let size = ports <= 2 ? 512 : (ports <= 5 ? 1_024 : (ports <= 12 ? 2_048 : 4_096))
        flash = VirtualFlash(VirtualFlash.Geometry(pileSectorSize: size))
        store = RecordStore(mounting: Self.storeSectors, of: flash)
        bills.mount(flash)
    }

    /// Reads everything anew, as a boot does.
    mutating func mount() {
        flash.restorePower()
        store = RecordStore(mounting: Self.storeSectors, of: flash)
        bills.mount(flash)
    }

    // MARK: Charges that run

    private static func key(_ port: Int) -> RecordStore.Key { RecordStore.Key(rawValue: 0x40 + UInt8(clamping: min(port, 63))) }

    func charge(_ port: Int) -> PileCharge? { store.value(Self.key(port), in: flash).flatMap { PileCharge(bytes: $0) } }

    mutating func keep(_ charge: PileCharge, ran: Int64, port: Int) throws(FlashError) {
        try store.put(Self.key(port), charge.bytes(ran: ran), in: &flash)
    }

    mutating func forget(port: Int) throws(FlashError) { try store.remove(Self.key(port), in: &flash) }

    // MARK: Settings of a personality

    /// - Parameter name: 0 to 63, the personality's own numbering.
    package func setting(_ name: UInt8) -> [UInt8]? { store.value(RecordStore.Key(rawValue: name & 0x3f), in: flash) }

    /// - Throws: as `RecordStore.put`; the old value stays.
    package mutating func keepSetting(_ name: UInt8, _ value: [UInt8]) throws(FlashError) {
        try store.put(RecordStore.Key(rawValue: name & 0x3f), value, in: &flash)
    }

    /// Forgets the settings of the personality; charges and bills stay, and so do the names 62 and 63, which are for what firmware runs.
    package mutating func forgetSettings() throws(FlashError) {
        for key in store.keys where key.rawValue < 0x3e { try store.remove(key, in: &flash) }
    }

    // MARK: Bills

    mutating func keep(_ bill: ChargeBill) throws(FlashError) { try bills.append(bill, in: &flash) }

    mutating func acknowledge(_ serial: UInt32) throws(FlashError) { try bills.acknowledge(serial, in: &flash) }
}

extension VirtualFlash.Geometry {
    /// An EEPROM that is written by bytes; the size is a power of two. It has room for more than the 40 bills of
    /// charging-orders.md F64, one sector less than all of them.
    init(pileSectorSize size: Int) {
        let count = PileMemory.storeSectors.count + max(4, 4_608 / size)
        do { self = try VirtualFlash.Geometry(sectorCount: count, sectorSize: size, writeUnit: 1) } catch { self = .badge }
    }
}

extension PileCharge {
    /// As it is kept in flash, with the time that it has run by now.
    func bytes(ran: Int64) -> [UInt8] {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(104)
        bytes.append(littleEndian: number)
        order.append(to: &bytes)
        bytes.append(starter.rawValue)
        bytes.append(littleEndian: card)
        switch limit {
        case .untilFull:
            bytes.append(0)
            bytes.append(littleEndian: Int64(0))
        case .seconds(let seconds):
            bytes.append(1)
            bytes.append(littleEndian: seconds)
        case .energy(let energy):
            bytes.append(2)
            bytes.append(littleEndian: energy)
        }
        for value in [maximumSeconds, overload, floatSeconds, fullPower, fullSeconds, startedClock, ran, maximumPower, secondMaximum] {
            bytes.append(littleEndian: value)
        }
        bytes.append(littleEndian: startShown)
        bytes.append(stopsWhenFull ? 1 : 0)
        bytes.append(littleEndian: tag)
        return bytes
    }

    init?(bytes: [UInt8]) {
        var cursor = ByteCursor(bytes)
        guard let number = cursor.integer(UInt32.self), let order = cursor.take(16), let starter = cursor.integer(UInt8.self),
            let card = cursor.integer(UInt64.self), let kind = cursor.integer(UInt8.self), let amount = cursor.integer(Int64.self)
        else { return nil }
        var words: [Int64] = []
        for _ in 0..<9 {
            guard let word = cursor.integer(Int64.self) else { return nil }
            words.append(word)
        }
        guard let shown = cursor.integer(Int128.self), let full = cursor.integer(UInt8.self), let tag = cursor.integer(UInt32.self) else {
            return nil
        }
        self.init(
            number: number, order: PileOrder(bytes: order), starter: ChargeStarter(rawValue: starter) ?? .server, card: card,
            limit: kind == 1 ? .seconds(amount) : (kind == 2 ? .energy(amount) : .untilFull), maximumSeconds: words[0], overload: words[1],
            stopsWhenFull: full == 1, floatSeconds: words[2], fullPower: words[3], fullSeconds: words[4], startedClock: words[5],
            startShown: shown,
            began: .start, ranBefore: words[6], maximumPower: words[7], secondMaximum: words[8], tag: tag)
    }
}
