import LabCore

/// What can be said about release manifests and roots, for people who look at files. Devices use `ReleaseManifest.verify`.
package enum ReleaseInspector {
    /// Which of the two documents the bytes are, whole or not: by their `_type`, and where that cannot be read by the words in them.
    static func kind(_ bytes: [UInt8]) -> ImageReport.Kind? {
        guard bytes.first(where: { ![0x20, 0x09, 0x0a, 0x0d].contains($0) }) == UInt8(ascii: "{") else { return nil }
        if let document = try? SignedDocument(reading: bytes, limit: RootMetadata.maximumLength) {
            switch document.signed["_type"] {
            case .text("release"): return .manifest
            case .text("root"): return .root
            default: break
            }
        }
        let beginning = String(decoding: bytes.prefix(4_096), as: UTF8.self)
        guard beginning.contains("\"signed\"") else { return nil }
        return beginning.contains("\"keys\"") ? .root : .manifest
    }

    /// - Parameter trust: nil: signatures are not checked, and expiry and device are not looked at.
    package static func inspect(manifest bytes: [UInt8], trust: ReleaseTrust? = nil, now: Int64 = 0) -> ImageReport {
        var report = ImageReport(.manifest)
        do throws(ManifestRefusal) {
            let document = try SignedDocument(reading: bytes, limit: ReleaseManifest.maximumLength)
            state(try ReleaseManifest(reading: document), document, in: &report)
            try ReleaseManifest(reading: document).refuseMixture()
            if document.signatures.isEmpty { throw ManifestRefusal(.arbitrarySoftware, "unsigned", "It carries no signature.") }
        } catch {
            find(error, in: &report)
            return report
        }
        guard let trust else {
            report.find(
                .note, "signature_unchecked", "no root is given, so that nobody's word is taken for the signatures",
                bootloader: "the update agent checks them")
            return report
        }
        if case .failure(let refusal) = ReleaseManifest.verify(bytes, trust: trust, now: now) { find(refusal, in: &report) }
        return report
    }

    package static func inspect(root bytes: [UInt8]) -> ImageReport {
        var report = ImageReport(.root)
        do throws(ManifestRefusal) {
            let root = try RootMetadata.trusted(bytes)
            report.state("version", "\(root.version)")
            report.state("issued", UTCTime.text(root.issued))
            report.state("expires", UTCTime.text(root.expires))
            for (name, role) in [("root", root.root), ("release", root.release)] {
                report.state("\(name) keys", "\(role.threshold) of \(role.keys.count) must sign")
                for key in role.keys { report.state("\(name) key", "\(key.scheme.rawValue) \(Hexadecimal.text(key.id))") }
            }
            if root.root.threshold == 1 {
                report.find(
                    .warning, "single_root_key", "one root key is enough to replace the root: whoever steals it owns the devices",
                    bootloader: "the update agent takes the next root on the word of one key")
            }
        } catch { find(error, in: &report) }
        return report
    }

    private static func find(_ refusal: ManifestRefusal, in report: inout ImageReport) {
        let text = refusal.text.hasSuffix(".") ? String(refusal.text.dropLast()) : refusal.text
        report.find(
            .error, refusal.reason, "\(FixedText.read(text.utf8)) (\(refusal.attack.rawValue))",
            bootloader: "is never asked: the update agent refuses it")
    }

    private static func state(_ manifest: ReleaseManifest, _ document: SignedDocument, in report: inout ImageReport) {
        report.state("version", "\(manifest.version)")
        report.state("issued", UTCTime.text(manifest.issued))
        report.state("expires", UTCTime.text(manifest.expires))
        report.state("product", FixedText.read(manifest.product.utf8))
        report.state("tenant", FixedText.read(manifest.tenant.utf8))
        report.state("firmware", "\(manifest.firmware), \(manifest.format.rawValue), \(manifest.length) bytes")
        report.state("sha256", Hexadecimal.text(manifest.sha256))
        report.state("hardware", FixedText.read(manifest.hardware.joined(separator: ", ").utf8))
        report.state("security counter", "\(manifest.securityCounter)")
        if let minimum = manifest.minimumCompatible { report.state("from", "\(minimum) on") }
        if let delta = manifest.delta { report.state("delta", "from \(delta.baseFirmware), \(delta.length) bytes") }
        for signature in document.signatures {
            report.state("signature", "by \(Hexadecimal.text(signature.keyID)), \(signature.bytes.count) bytes")
        }
    }
}
