import FirmwareImages
import LabCore

/// From a whole download to the reset that tries the image: everything is verified before anything is activated.
extension Badge {
    mutating func downloadComplete(at now: RunInstant, _ effects: inout [DeviceEffect]) throws(PowerFailure) {
        guard ram.update.stage == .downloading, let manifest = ram.update.manifest else { return }
        effects.append(.cancelTimer(.updateGuard))
        if ram.update.download.isDelta { return try applyDelta(manifest, at: now, &effects) }
        effects.append(
            .note("ota.downloaded", ["version": .text(manifest.firmware.description), "size": .integer(Int64(manifest.length))]))
        report("downloaded", progress: 100, at: now, &effects)
        try verifyAndInstall(manifest, at: now, &effects)
    }

    // MARK: Delta

    /// Base hash first, result hash last; whatever goes wrong, the whole image is fetched (D1 to D5).
    private mutating func applyDelta(
        _ manifest: ReleaseManifest, at now: RunInstant, _ effects: inout [DeviceEffect]
    ) throws(PowerFailure) {
        let delta = ram.update.download.gathered
        guard manifest.refusal(ofDelta: delta) == nil else { return try fallBack(manifest, "delta_failed", at: now, &effects) }
        let image: [UInt8]
        do throws(DeltaRefusal) {
            image = try DeltaImage.apply(delta, to: runningFile, limit: manifest.length, bugs: settings.bugs)
        } catch {
            return try fallBack(manifest, error.reason == .baseMismatch ? "delta_base_mismatch" : "delta_failed", at: now, &effects)
        }
        guard image.count == manifest.length else { return try fallBack(manifest, "delta_failed", at: now, &effects) }
        effects.append(.note("ota.downloaded", ["version": .text(manifest.firmware.description), "size": .integer(Int64(delta.count))]))
        guard let offer = ram.update.offer else { return }
        downloadImage(manifest, offer)
        guard try store(image, at: now, &effects) else { return }
        report("downloaded", progress: 100, at: now, &effects)
        try verifyAndInstall(manifest, at: now, &effects)
    }

    mutating func fallBack(
        _ manifest: ReleaseManifest, _ reason: String, at now: RunInstant, _ effects: inout [DeviceEffect]
    ) throws(PowerFailure) {
        guard let offer = ram.update.offer else { return }
        effects.append(.note("ota.delta_failed", ["version": .text(manifest.firmware.description), "reason": .text(reason)]))
        downloadImage(manifest, offer)
        effects.append(.startTimer(.updateGuard, after: settings.lowSpeedTime))
        try proceed(at: now, &effects)
    }

    // MARK: Verifying

    private mutating func verifyAndInstall(
        _ manifest: ReleaseManifest, at now: RunInstant, _ effects: inout [DeviceEffect]
    ) throws(PowerFailure) {
        if settings.bugs.contains(.activateBeforeVerify) { _ = try activate(manifest) }
        let file = firmware.readUpdate(at: 0, count: manifest.length)
        if !settings.bugs.contains(.hashNotChecked), manifest.refusal(ofImage: file) != nil {
            return try restartDownload("hash_mismatch", at: now, &effects)
        }
        switch firmware.validateUpdate(length: manifest.length) {
        case .failure(let refusal): return try failUpdate(refusal.updateReason, at: now, &effects)
        case .success(let image):
            if !settings.bugs.contains(.hashNotChecked), let refusal = manifest.refusal(of: image) {
                return try failUpdate("manifest_\(refusal.reason)", attack: refusal.attack, at: now, &effects)
            }
        }
        effects.append(.note("ota.verified", ["version": .text(manifest.firmware.description), "size": .integer(Int64(manifest.length))]))
        report("installing", at: now, &effects)
        guard try activate(manifest) else { return try failUpdate("flash_error", at: now, &effects) }
        try activated(at: now, &effects)
    }

    /// - Returns: false if the bootloader could not be told.
    private mutating func activate(_ manifest: ReleaseManifest) throws(PowerFailure) -> Bool {
        do throws(FlashError) {
            try firmware.activate(length: manifest.length)
            return true
        } catch {
            if case .powerLost = error { throw PowerFailure() }
            return false
        }
    }

    /// The point of no return: the next boot tries the other image.
    mutating func activated(at now: RunInstant, _ effects: inout [DeviceEffect]) throws(PowerFailure) {
        guard var attempt = ram.update.attempt else { return }
        effects.append(.note("ota.installed", ["version": .text(attempt.version), "slot": .text(firmware.updateSlot.rawValue)]))
        attempt.phase = .activated
        attempt.sequence = ram.update.sequence
        ram.update.attempt = attempt
        ram.update.stage = .installing
        // Where this cannot be kept, the next boot sees by the version that runs what has happened.
        _ = try save([(.updateAttempt, attempt.bytes)], &effects)
        report("rebooting", at: now, &effects)
        beginReset(.update, within: .seconds(1), at: now, &effects)
    }

    // MARK: Back without a download

    /// The cloud wants the badge back on a version that its other slot still has.
    ///
    /// - Returns: false if it has not, and must be downloaded.
    mutating func rollBackLocally(
        _ offer: UpdateOffer, at now: RunInstant, _ effects: inout [DeviceEffect]
    ) throws(PowerFailure) -> Bool {
        guard case .success(let other) = firmware.validateUpdate(), other.version == offer.version, ram.update.attempt?.digest.isEmpty != false
        else { return false }
        let attempt = UpdateAttempt(
            kind: .rollback, execution: offer.execution, version: offer.version.description, previous: runningVersion, digest: [],
            sequence: ram.update.sequence)
        guard try save([(.updateAttempt, attempt.bytes)], &effects) else { return false }
        ram.update.attempt = attempt
        effects.append(
            .note(
                "ota.started",
                [
                    "version": .text(attempt.version), "execution": .text(offer.execution), "action": "rollback", "forced": .bool(offer.isForced),
                    "delta": false, "size": 0,
                ]))
        guard try askForRollback() else {
            try failUpdate("rollback_impossible", at: now, &effects)
            return true
        }
        report("installing", at: now, &effects)
        try activated(at: now, &effects)
        return true
    }

    /// - Returns: false if there is no image to go back to, or the flash does not take the wish.
    mutating func askForRollback() throws(PowerFailure) -> Bool {
        do throws(FlashError) {
            return try firmware.rollBack()
        } catch {
            if case .powerLost = error { throw PowerFailure() }
            return false
        }
    }
}

extension ImageRefusal {
    /// The reason as reports have it (badge protocol, "Firmware").
    fileprivate var updateReason: String {
        switch reason {
        case Reason.signatureMissing.rawValue, Reason.signatureInvalid.rawValue, Reason.unknownKey.rawValue: "signature_invalid"
        case Reason.wrongHardware.rawValue: "wrong_hardware"
        case Reason.downgradeCounter.rawValue: "security_counter"
        case Reason.oversize.rawValue: "oversize"
        case Reason.hashMismatch.rawValue, Reason.checksumMismatch.rawValue: "hash_mismatch"
        default: "image_\(reason)"
        }
    }
}
