import FirmwareImages
import LabCore

/// The update slot: written sector by sector, read back, and noted, so that a cut costs at most the sector that was under way.
extension Badge {
    /// Puts bytes into the slot behind those that are there; what does not fill a sector waits for more.
    ///
    /// - Returns: false if the slot did not take them: the update has ended.
    mutating func store(_ bytes: [UInt8], at now: RunInstant, _ effects: inout [DeviceEffect]) throws(PowerFailure) -> Bool {
        let size = firmware.updateSectorSize
        // Most often a chunk is a sector: then it goes as it is.
        if ram.update.download.gathered.isEmpty, bytes.count == size { return try storeSector(bytes, at: now, &effects) }
        ram.update.download.gathered.append(contentsOf: bytes)
        while ram.update.download.gathered.count >= size {
            let sector = Array(ram.update.download.gathered.prefix(size))
            ram.update.download.gathered.removeFirst(size)
            guard try storeSector(sector, at: now, &effects) else { return false }
        }
        // The last sector is seldom full.
        let rest = ram.update.download.gathered
        guard !rest.isEmpty, ram.update.download.stored + rest.count >= ram.update.download.length else { return true }
        ram.update.download.gathered = []
        return try storeSector(rest, at: now, &effects)
    }

    private mutating func storeSector(_ bytes: [UInt8], at now: RunInstant, _ effects: inout [DeviceEffect]) throws(PowerFailure) -> Bool {
        let offset = ram.update.download.stored
        do throws(FlashError) {
            try writeSector(bytes, at: offset)
        } catch {
            if case .powerLost = error { throw PowerFailure() }
            try failUpdate(error.updateReason, at: now, &effects)
            return false
        }
        ram.update.download.stored = offset + bytes.count
        effects.append(
            .note(
                "ota.block_written",
                [
                    "firmware": .text(ram.update.attempt?.version ?? ""), "offset": .integer(Int64(offset)),
                    "size": .integer(Int64(bytes.count)), "progress": .integer(Int64(progress)),
                ]))
        guard firmware.readUpdate(at: offset, count: bytes.count) == bytes else {
            try flashIsLying(at: now, &effects)
            return false
        }
        guard try saveCheckpoint(&effects) else {
            try failUpdate("flash_error", at: now, &effects)
            return false
        }
        return true
    }

    private mutating func writeSector(_ bytes: [UInt8], at offset: Int) throws(FlashError) {
        if faults.isUpdateSlotFull { throw .storeFull(needed: offset + bytes.count, available: offset) }
        try firmware.eraseUpdateSector(offset / firmware.updateSectorSize)
        var written = bytes
        if faults.isUpdateSlotCorrupting { written[written.count / 2] ^= 0x10 }
        try firmware.writeUpdate(at: offset, written)
    }

    /// Writes how far it has come; nothing is noted of it, since there is one for each sector.
    mutating func saveCheckpoint(_ effects: inout [DeviceEffect]) throws(PowerFailure) -> Bool {
        guard let attempt = ram.update.attempt, !ram.update.download.isDelta else { return true }
        return try save(
            [(
                .updateCheckpoint,
                UpdateCheckpoint(offset: UInt32(ram.update.download.stored), sequence: ram.update.sequence, tag: attempt.tag).bytes
            )], &effects)
    }

    /// The flash does not hold what was written to it and says nothing of it. Its controller cannot be trusted any more in this life, nor
    /// what was read from it: the badge gives the slot up and starts anew on the image that it has.
    private mutating func flashIsLying(at now: RunInstant, _ effects: inout [DeviceEffect]) throws(PowerFailure) {
        guard var attempt = ram.update.attempt else { return }
        attempt.phase = .givingUp
        attempt.reason = "flash_error"
        attempt.sequence = ram.update.sequence
        ram.update.attempt = attempt
        effects.append(.note("ota.failed", ["version": .text(attempt.version), "execution": .text(attempt.execution), "reason": "flash_error"]))
        _ = try save([(.updateAttempt, attempt.bytes)], &effects)
        try giveSlotBack()
        ram.update.stage = .installing
        beginReset(.update, within: .seconds(1), at: now, &effects)
    }

    /// What is in the update slot is no image any more.
    mutating func giveSlotBack() throws(PowerFailure) {
        do throws(FlashError) {
            try firmware.eraseUpdateSector(0)
        } catch {
            if case .powerLost = error { throw PowerFailure() }
        }
    }
}

extension FlashError {
    /// The reason of an update that failed by it.
    var updateReason: String {
        switch self {
        case .storeFull, .outOfRange: "disk_full"
        default: "flash_error"
        }
    }
}
