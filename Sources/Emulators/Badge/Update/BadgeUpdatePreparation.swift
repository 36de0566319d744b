import CloudClient
import FirmwareImages
import LabCore

/// Roots and manifest are fetched and judged before anything in the badge is changed (specs/ota.md §4, I5, I6, I7, M1 to M3).
extension Badge {
    /// Roots that are followed in one update.
    private static let longestChain: Int64 = 64

    /// The root that the badge trusts: its own newest, else the factory's.
    private func trustedRoot() -> RootMetadata? {
        guard let kept = RootArea.read(flash), let root = try? RootMetadata.trusted(kept), root.version > settings.root?.version ?? 0 else {
            return settings.root
        }
        return root
    }

    private func releaseTrust(_ root: RootMetadata) -> ReleaseTrust {
        ReleaseTrust(
            root: root, product: settings.product, tenant: cloud.tenant, hardware: hardwareVersion,
            lastVersion: ram.update.trust.manifestVersion, minimumSecurityCounter: firmware.securityCounter,
            timeFloor: ram.update.trust.timeFloor, format: firmware.model.format, running: ram.running?.image.version,
            maximumImageLength: firmware.updateCapacity, checked: settings.checked)
    }

    /// Fetches the next root where the cloud has one, else the manifest.
    mutating func prepareUpdate(at now: RunInstant, _ effects: inout [DeviceEffect]) throws(PowerFailure) {
        guard let offer = ram.update.offer else { return }
        if let root = trustedRoot(), let newest = offer.rootVersion, newest > root.version, newest - root.version <= Self.longestChain {
            return ask(.root(root.version + 1), at: now, &effects)
        }
        try askManifest(at: now, &effects)
    }

    private mutating func askManifest(at now: RunInstant, _ effects: inout [DeviceEffect]) throws(PowerFailure) {
        guard ram.update.offer?.manifest != nil else { return try refuseMissingManifest(at: now, &effects) }
        ask(.manifest, at: now, &effects)
    }

    /// Nobody vouches for the image.
    private mutating func refuseMissingManifest(at now: RunInstant, _ effects: inout [DeviceEffect]) throws(PowerFailure) {
        try refuseUpdate("manifest_missing", attack: .arbitrarySoftware, at: now, &effects)
    }

    /// One request at a time, with token and signature.
    private mutating func ask(_ request: UpdateMemory.Request, at now: RunInstant, _ effects: inout [DeviceEffect]) {
        ram.update.isBusy = true
        run(.update(request), at: now, &effects)
    }

    mutating func rootAnswered(
        _ number: Int64, _ answer: Result<HTTPAnswer, HTTPFailure>, at now: RunInstant, _ effects: inout [DeviceEffect]
    ) throws(PowerFailure) {
        guard ram.update.stage == .preparing, ram.update.isBusy else { return }
        ram.update.isBusy = false
        guard case .success(let answer) = answer, answer.status == 200 || answer.status == 404 else {
            return try preparationFailed(CloudAnswer(answer), at: now, &effects)
        }
        // The chain has ended before the number that the check named: the manifest decides whether that is enough.
        if answer.status == 404 { return try askManifest(at: now, &effects) }
        guard let root = trustedRoot() else { return try refuseUpdate("manifest_no_root", attack: nil, at: now, &effects) }
        var trust = releaseTrust(root)
        do throws(ManifestRefusal) {
            trust.adopt(try root.next(answer.body, now: trust.clock(clock(at: now)).time))
        } catch {
            return try refuseUpdate("manifest_\(error.reason)", attack: error.attack, at: now, &effects)
        }
        do throws(FlashError) {
            try RootArea.write(answer.body, to: &flash)
        } catch {
            if case .powerLost = error { throw PowerFailure() }
            return try refuseUpdate("flash_error", attack: nil, at: now, &effects)
        }
        effects.append(.note("ota.root_adopted", ["version": .integer(number)]))
        guard try keep(trust, &effects) else { return try refuseUpdate("flash_error", attack: nil, at: now, &effects) }
        try prepareUpdate(at: now, &effects)
    }

    private mutating func keep(_ trust: ReleaseTrust, _ effects: inout [DeviceEffect]) throws(PowerFailure) -> Bool {
        var memory = ram.update.trust
        memory.manifestVersion = trust.lastVersion
        memory.timeFloor = trust.timeFloor
        guard memory != ram.update.trust else { return true }
        ram.update.trust = memory
        return try save([(.updateTrust, memory.bytes)], &effects)
    }

    mutating func manifestAnswered(
        _ answer: Result<HTTPAnswer, HTTPFailure>, at now: RunInstant, _ effects: inout [DeviceEffect]
    ) throws(PowerFailure) {
        guard ram.update.stage == .preparing, ram.update.isBusy, let offer = ram.update.offer else { return }
        ram.update.isBusy = false
        guard case .success(let answer) = answer, answer.status == 200 else {
            return try preparationFailed(CloudAnswer(answer), at: now, &effects)
        }
        guard let root = trustedRoot() else { return try refuseUpdate("manifest_no_root", attack: nil, at: now, &effects) }
        var trust = releaseTrust(root)
        switch ReleaseManifest.verify(answer.body, trust: trust, now: clock(at: now), bugs: settings.bugs) {
        case .failure(let refusal):
            return try refuseUpdate(refusal.reportWord, attack: refusal.attack, at: now, &effects)
        case .success(let manifest):
            if let (reason, attack) = contradiction(manifest, offer) { return try refuseUpdate(reason, attack: attack, at: now, &effects) }
            if !settings.bugs.contains(.manifestVersionNotKept) {
                trust.accept(manifest)
                guard try keep(trust, &effects) else { return try refuseUpdate("flash_error", attack: nil, at: now, &effects) }
            }
            ram.update.manifest = manifest
            try beginDownload(manifest, offer, at: now, &effects)
        }
    }

    /// What a good manifest can still be wrong for.
    private func contradiction(_ manifest: ReleaseManifest, _ offer: UpdateOffer) -> (String, ManifestRefusal.Attack?)? {
        guard manifest.firmware == offer.version else { return ("manifest_mismatch", .mixAndMatch) }
        guard let running = ram.running?.image.version else { return nil }
        if manifest.firmware == running { return ("already_installed", nil) }
        if manifest.firmware < running, !offer.isRollback { return ("downgrade", .rollback) }
        return nil
    }

    /// No answer, or an error: again later, or the end of the attempt.
    mutating func preparationFailed(_ answer: CloudAnswer, at now: RunInstant, _ effects: inout [DeviceEffect]) throws(PowerFailure) {
        if answer.status == 401 { ram.token = nil }
        if answer.status == 404 { return try refuseMissingManifest(at: now, &effects) }
        try retryUpdate("download_failed", after: answer.asked, at: now, &effects)
    }
}

extension ManifestRefusal {
    /// The reason as reports have it (badge protocol, "Firmware").
    var reportWord: String {
        switch reason {
        case "hardware": "wrong_hardware"
        case "oversize" where attack == .wrongSoftware: "oversize"
        case "security_counter" where attack == .rollback: "security_counter"
        default: "manifest_\(reason)"
        }
    }
}
