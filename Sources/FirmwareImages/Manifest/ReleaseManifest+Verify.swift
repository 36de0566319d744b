import Crypto
import LabCore

extension ReleaseManifest {
    static func verified(_ bytes: [UInt8], trust: ReleaseTrust, now: Int64, bugs: Set<SeededBug>) throws(ManifestRefusal) -> ReleaseManifest
    {
        let document = try SignedDocument(reading: bytes, limit: maximumLength)
        let manifest = try ReleaseManifest(reading: document)
        let clock = trust.clock(now)
        if !bugs.contains(.manifestSignatureNotChecked) {
            try trust.root.refuseIfExpired(at: clock.time)
            // With an unknown time certificates count at the time of issue, as RAUC does with `use-bundle-signing-time`:
            // their expiry then does not limit a stolen key.
            try document.verify(
                trust.root.release, at: clock.isKnown ? clock.time : max(clock.time, manifest.issued), of: "root \(trust.root.version)",
                knowing: trust.checked)
        }
        try manifest.refuseMixture()
        try manifest.refuseVersion(after: trust.lastVersion)
        if !bugs.contains(.manifestExpiryNotChecked) { try manifest.refuseTime(clock.time, isKnown: clock.isKnown) }
        try manifest.refuseForeign(trust, bugs: bugs)
        guard manifest.securityCounter >= trust.minimumSecurityCounter else {
            throw ManifestRefusal(
                .rollback, "security_counter",
                "The image's security counter is \(manifest.securityCounter); the device is at \(trust.minimumSecurityCounter).")
        }
        return manifest
    }

    /// Base, delta and image must be three different things that lead to one another.
    func refuseMixture() throws(ManifestRefusal) {
        guard let delta else { return }
        guard delta.resultSHA256 == sha256 else {
            throw ManifestRefusal(
                .mixAndMatch, "delta_result", "The delta does not make the image of this manifest: the hash of its result differs.")
        }
        guard delta.baseSHA256 != sha256, delta.baseFirmware != firmware else {
            throw ManifestRefusal(.mixAndMatch, "delta_base", "The delta's base is the image that it is to make.")
        }
    }

    private func refuseVersion(after last: Int64) throws(ManifestRefusal) {
        guard version >= last else {
            throw ManifestRefusal(
                .rollback, "rollback", "Manifest version \(version) is older than version \(last), which was seen before.")
        }
        guard version - last <= Self.maximumVersionJump else {
            throw ManifestRefusal(
                .fastForward, "fast_forward",
                "Manifest version \(version) is more than \(Self.maximumVersionJump) above version \(last), the highest seen.")
        }
    }

    private func refuseTime(_ time: Int64, isKnown: Bool) throws(ManifestRefusal) {
        guard time < expires else {
            throw ManifestRefusal(.indefiniteFreeze, "expired", "It expired at \(UTCTime.text(expires)); it is \(UTCTime.text(time)).")
        }
        guard !isKnown || issued - time <= Self.maximumClockError else {
            throw ManifestRefusal(
                .fastForward, "future", "It is issued at \(UTCTime.text(issued)), which is far ahead; it is \(UTCTime.text(time)).")
        }
    }

    private func refuseForeign(_ trust: ReleaseTrust, bugs: Set<SeededBug>) throws(ManifestRefusal) {
        func refuse(_ reason: String, _ text: String) -> ManifestRefusal { ManifestRefusal(.wrongSoftware, reason, text) }
        guard product.utf8.elementsEqual(trust.product.utf8) else {
            throw refuse("product", "It is for the product \(product), this is \(trust.product).")
        }
        guard tenant.utf8.elementsEqual(trust.tenant.utf8) else {
            throw refuse("tenant", "It is for the tenant \(tenant), this device belongs to \(trust.tenant).")
        }
        if !bugs.contains(.hardwareNotChecked) {
            guard hardware.contains(where: { $0.utf8.elementsEqual(trust.hardware.utf8) }) else {
                throw refuse("hardware", "It is for the hardware \(hardware.joined(separator: ", ")), this is \(trust.hardware).")
            }
        }
        if let wanted = trust.format, wanted != format {
            throw refuse("format", "The image's format is \(format.rawValue), the bootloader's is \(wanted.rawValue).")
        }
        guard length <= trust.maximumImageLength else {
            throw refuse("oversize", "The image has \(length) bytes, the slot takes \(trust.maximumImageLength).")
        }
        if let running = trust.running, let minimum = minimumCompatible, running < minimum {
            throw refuse("min_compatible", "It can be installed from \(minimum) on; \(running) runs.")
        }
    }

    // MARK: What comes with a manifest

    /// Why a downloaded image is not the one of this manifest; nil if it is. The whole file is hashed.
    package func refusal(ofImage bytes: [UInt8]) -> ManifestRefusal? {
        Self.refusal(of: bytes, "image", length: length, sha256: sha256)
    }

    /// Why a downloaded delta is not the one of this manifest; nil if it is, or if the manifest has none and so no delta is asked for.
    package func refusal(ofDelta bytes: [UInt8]) -> ManifestRefusal? {
        guard let delta else { return ManifestRefusal(.mixAndMatch, "no_delta", "The manifest names no delta.") }
        if let refusal = Self.refusal(of: bytes, "delta", length: delta.length, sha256: delta.sha256) { return refusal }
        guard let header = try? DeltaImage.header(bytes) else {
            return ManifestRefusal(.mixAndMatch, "delta", "What the manifest names is no delta.")
        }
        guard header.baseSHA256 == delta.baseSHA256, header.resultSHA256 == delta.resultSHA256, header.resultLength == length else {
            return ManifestRefusal(.mixAndMatch, "delta", "The delta's own base or result is not the one of the manifest.")
        }
        return nil
    }

    private static func refusal(of bytes: [UInt8], _ name: String, length: Int, sha256: [UInt8]) -> ManifestRefusal? {
        if bytes.count > length {
            return ManifestRefusal(.endlessData, "\(name)_length", "The \(name) has \(bytes.count) bytes, \(length) are signed.")
        }
        guard bytes.count == length, Array(SHA256.hash(data: bytes)) == sha256 else {
            return ManifestRefusal(
                .mixAndMatch, "\(name)_hash", "The \(name) is not the one that is signed: its length or its hash differs.")
        }
        return nil
    }

    /// Why what an image says about itself is not what the manifest says about it; nil if it is.
    package func refusal(of image: BootableImage) -> ManifestRefusal? {
        if image.format != format {
            return ManifestRefusal(
                .mixAndMatch, "format", "The image's format is \(image.format.rawValue), the manifest says \(format.rawValue).")
        }
        if image.version != firmware {
            return ManifestRefusal(.mixAndMatch, "firmware", "The image says that it is \(image.version), the manifest says \(firmware).")
        }
        if image.securityCounter != securityCounter {
            return ManifestRefusal(
                .mixAndMatch, "security_counter",
                "The image's security counter is \(image.securityCounter), the manifest says \(securityCounter).")
        }
        return nil
    }
}
