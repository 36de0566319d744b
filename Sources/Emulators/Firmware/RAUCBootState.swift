/// What the bootloader of a RAUC device keeps: the order of the slots, attempts, marks, and the status of what was installed.
///
/// One record with a checksum in two sectors (`RecordStore`): every change is there as a whole or not at all.
struct RAUCBootState: Sendable, Equatable {
    struct Slot: Sendable, Equatable {
        /// Starts that are left before the other slot is taken; counted only while the slot is not marked good.
        var attempts: Int
        var isGood = false
        var isBad = false
        /// Bytes of the bundle, from the slot's status; nil where none was installed.
        var length: Int?
        var digest: [UInt8] = []
    }

    /// RAUC's default (specs/ota.md §2).
    static let attempts = 3

    /// Which slot is tried first.
    var primary: FirmwareSlot = .a
    var a: Slot
    var b: Slot

    subscript(_ slot: FirmwareSlot) -> Slot {
        get { slot == .a ? a : b }
        set { if slot == .a { a = newValue } else { b = newValue } }
    }

    /// Of a device of which the record is lost or was never written: both slots are tried, a first.
    static let unknown = RAUCBootState(a: Slot(attempts: attempts), b: Slot(attempts: attempts))

    var encoded: [UInt8] {
        var bytes: [UInt8] = [1, primary == .a ? 0 : 1]
        for slot in [a, b] {
            bytes.append(UInt8(clamping: slot.attempts))
            bytes.append((slot.isGood ? 1 : 0) | (slot.isBad ? 2 : 0) | (slot.length == nil ? 0 : 4))
            bytes.append(littleEndian: UInt32(clamping: slot.length ?? 0))
            bytes.append(UInt8(clamping: slot.digest.count))
            bytes.append(contentsOf: slot.digest.prefix(255))
        }
        return bytes
    }

    init(primary: FirmwareSlot = .a, a: Slot, b: Slot) {
        self.primary = primary
        self.a = a
        self.b = b
    }

    init?(_ bytes: [UInt8]) {
        var cursor = ByteCursor(bytes)
        guard cursor.integer(UInt8.self) == 1, let first = cursor.integer(UInt8.self) else { return nil }
        var slots: [Slot] = []
        for _ in 0..<2 {
            guard let attempts = cursor.integer(UInt8.self), let flags = cursor.integer(UInt8.self), let length = cursor.integer(UInt32.self),
                let count = cursor.integer(UInt8.self), let digest = cursor.take(Int(count))
            else { return nil }
            slots.append(
                Slot(
                    attempts: Int(attempts), isGood: flags & 1 != 0, isBad: flags & 2 != 0, length: flags & 4 == 0 ? nil : Int(length),
                    digest: Array(digest)))
        }
        self.init(primary: first == 0 ? .a : .b, a: slots[0], b: slots[1])
    }
}

extension FirmwareStore {
    private static let stateKey = RecordStore.Key(rawValue: 1)

    var bootState: RAUCBootState { stateRecords.value(Self.stateKey, in: flash).flatMap(RAUCBootState.init) ?? .unknown }

    mutating func keep(_ state: RAUCBootState) throws(FlashError) {
        if state != bootState { try stateRecords.put(Self.stateKey, state.encoded, in: &flash) }
    }

    mutating func writeFactoryBootState(length: Int) throws(FlashError) {
        var state = RAUCBootState.unknown
        state.a = RAUCBootState.Slot(attempts: RAUCBootState.attempts, isGood: true, length: length)
        state.b = RAUCBootState.Slot(attempts: 0, isBad: true)
        try keep(state)
    }
}
