import FirmwareImages
import LabCore

/// A bootloader as RAUC wants it: an order of slots and a counter of attempts for each (specs/ota.md §2).
///
/// Decided here, where RAUC leaves it to the integrator:
/// - Attempts are counted only for a slot that is not marked good. A good one is started without a write, so that a brown-out
///   loop burns no counter and wears no flash (P6), and a device does not fall back late from a version that once worked
///   (RAUC's `prevent-late-fallback`); it leaves a good slot only when the image in it is damaged.
/// - When no attempts are left anywhere, any slot with a valid image is started, a good one first.
extension FirmwareStore {
    mutating func bootRAUC() throws(FlashError) -> BootOutcome {
        let primary = bootState.primary
        for slot in [primary, primary.other] {
            var mark = bootState[slot]
            guard !mark.isBad || bugs.contains(.neverReverts) else { continue }
            let isTried = !mark.isGood
            if isTried, !bugs.contains(.attemptsNotCounted), !bugs.contains(.neverReverts) {
                guard mark.attempts > 0 else {
                    mark.isBad = true
                    try keep(mark, of: slot)
                    continue
                }
                mark.attempts -= 1
                try keep(mark, of: slot)
            }
            guard case .success(let found) = known(slot) else {
                mark.isBad = true
                mark.isGood = false
                try keep(mark, of: slot)
                continue
            }
            running = slot
            if isTried, bugs.contains(.confirmsByItself) { try markRunningGood() }
            if mark.isGood { try raiseCounter(to: found.image.securityCounter) }
            let attempt = isTried ? RAUCBootState.attempts - mark.attempts : 0
            return runs(slot, found, attempt: attempt, isRevert: slot != primary)
        }
        for slot in [primary, primary.other] {
            guard case .success(let found) = known(slot) else { continue }
            running = slot
            return runs(slot, found, attempt: 0, isRevert: slot != primary, isLastResort: true)
        }
        return .stuck(reason: "no_bootable_image")
    }

    private mutating func keep(_ mark: RAUCBootState.Slot, of slot: FirmwareSlot) throws(FlashError) {
        var state = bootState
        state[slot] = mark
        try keep(state)
    }

    /// Before the first byte of it changes: a slot that is being written must not be started.
    mutating func markUpdateSlotBad() throws(FlashError) {
        var state = bootState
        guard !state[updateSlot].isBad || state.primary != running || state[updateSlot].length != nil else { return }
        state[updateSlot] = RAUCBootState.Slot(attempts: 0, isBad: true)
        state.primary = running
        try keep(state)
    }

    mutating func makeUpdateSlotPrimary(length: Int?) throws(FlashError) {
        var state = bootState
        let current = state[updateSlot]
        if state.primary == updateSlot, !current.isBad, !current.isGood, current.attempts == RAUCBootState.attempts { return }
        let image = try? validated(updateSlot, length: length).get()
        state.primary = updateSlot
        state[updateSlot] = RAUCBootState.Slot(
            attempts: RAUCBootState.attempts, length: length ?? image.map(\.length), digest: image?.digest ?? [])
        try keep(state)
    }

    /// RAUC's `mark-good`: the counter is filled up.
    mutating func markRunningGood() throws(FlashError) {
        var mark = bootState[running]
        mark.isGood = true
        mark.isBad = false
        mark.attempts = RAUCBootState.attempts
        try keep(mark, of: running)
    }

    /// RAUC's `mark-bad`.
    mutating func markRunningBad() throws(FlashError) {
        var mark = bootState[running]
        mark.isGood = false
        mark.isBad = true
        mark.attempts = 0
        try keep(mark, of: running)
    }

    /// A bundle whose length nobody noted: it ends with a CMS and the CMS's length as u64, big-endian, before what is erased.
    func bundle(in slot: FirmwareSlot) -> [UInt8] {
        var bytes: [UInt8] = []
        for sector in sectors(slot).prefix(layout.imageSectors) {
            let kept = flash.kept(sector: sector)
            bytes += kept
            if kept.count < layout.sectorSize { break }
        }
        // What fills the last write unit is 0xFF, as the last byte of a length may be.
        for extra in 0..<min(layout.writeUnit, max(0, bytes.count - 8)) {
            let end = bytes.count - extra
            let length = bytes[end - 8..<end].reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
            if length < UInt64(end - 8), bytes[end - 8 - Int(length)] == 0x30 { return Array(bytes[..<end]) }
        }
        return bytes
    }
}
