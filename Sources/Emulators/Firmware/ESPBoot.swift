import FirmwareImages
import LabCore

/// ESP-IDF's bootloader with rollback and anti-rollback (specs/ota.md §2).
///
/// A NEW image becomes PENDING_VERIFY when it is started, and ABORTED at the next reset unless it was marked VALID: it has one
/// boot, even if the reset was innocent. `secure_version` is compared to a counter that only a confirmed image raises.
extension FirmwareStore {
    mutating func bootESP() throws(FlashError) -> BootOutcome {
        if !bugs.contains(.neverReverts) {
            for (index, entry) in otaEntries where entry.state == .pendingVerify {
                try writeOTAEntry(index, OTAEntry(sequence: entry.sequence, state: .aborted))
            }
        }
        let entries = otaEntries
        for (index, entry) in entries where entry.isSelectable {
            guard case .success(let found) = known(entry.slot) else {
                if entry.state == .new { try writeOTAEntry(index, OTAEntry(sequence: entry.sequence, state: .invalid)) }
                continue
            }
            running = entry.slot
            if entry.state == .new, !bugs.contains(.attemptsNotCounted) {
                let state: OTAEntry.State = bugs.contains(.confirmsByItself) ? .valid : .pendingVerify
                try writeOTAEntry(index, OTAEntry(sequence: entry.sequence, state: state))
            }
            if entry.state == .valid { try raiseCounter(to: found.image.securityCounter) }
            let isTried = entry.state == .new || entry.state == .pendingVerify
            return runs(entry.slot, found, attempt: isTried ? 1 : 0, isRevert: entry.sequence < entries[0].entry.sequence)
        }
        // As ESP-IDF: whatever other partition holds an image that can be loaded; one that was not given up comes first.
        for slot in FirmwareSlot.allCases.sorted(by: { !isBad($0) && isBad($1) }) {
            guard case .success(let found) = known(slot) else { continue }
            running = slot
            return runs(slot, found, attempt: 0, isRevert: false, isLastResort: true)
        }
        return .stuck(reason: "no_bootable_image")
    }

    /// The next sequence that belongs to the update slot, as NEW, into the sector that does not hold the entry in force.
    mutating func selectUpdateSlot() throws(FlashError) {
        let inForce = otaEntries.first { $0.entry.isSelectable }
        if let inForce, inForce.entry.slot == updateSlot, inForce.entry.state == .new { return }
        var sequence = (inForce?.entry.sequence ?? 0) &+ 1
        if OTAEntry(sequence: sequence, state: .new).slot != updateSlot { sequence &+= 1 }
        try writeOTAEntry(inForce?.index == 0 ? 1 : 0, OTAEntry(sequence: sequence, state: .new))
    }

    mutating func markRunningValid() throws(FlashError) { try markRunning(.valid) }

    /// What is lost if power goes in this is the entry of the image that is to be left: it is left all the same.
    mutating func markRunningInvalid() throws(FlashError) { try markRunning(.invalid) }

    private mutating func markRunning(_ state: OTAEntry.State) throws(FlashError) {
        guard let (index, entry) = otaEntries.first(where: { $0.entry.slot == running }), entry.state != state else { return }
        try writeOTAEntry(index, OTAEntry(sequence: entry.sequence, state: state))
    }
}
