import LabCore

/// Everything that can be said about a RAUC bundle; the errors are those of `rauc info` with the same certificates, and of
/// `rauc extract`, which looks at the payload of verity bundles as well.
struct RAUCInspector {
    private let bytes: [UInt8]
    private let trust: ImageTrust
    private var report = ImageReport(.rauc)

    static func inspect(_ bytes: [UInt8], trust: ImageTrust) -> ImageReport {
        var inspector = RAUCInspector(bytes: bytes, trust: trust)
        do throws(ImageRefusal) { try inspector.inspect() } catch {
            inspector.report.find(error, bootloader: "is never asked: the installer refuses the bundle")
        }
        return inspector.report
    }

    private init(bytes: [UInt8], trust: ImageTrust) {
        self.bytes = bytes
        self.trust = trust
    }

    private mutating func inspect() throws(ImageRefusal) {
        let content = try RAUCBundle.read(bytes, isFile: true)
        state(content)
        guard let layout = content.layout else {
            throw ImageRefusal(.signatureMissing, at: content.system.used, "no CMS with its length ends the file")
        }
        stateSignature(layout)
        try verify(layout, content)
        if let verity = content.manifest.verity {
            do { try RAUCBundle.checkTree(bytes, layout, verity) } catch {
                report.find(
                    .error, error.reason, at: error.offset, error.text + "; `rauc info` does not look at it, `rauc extract` refuses it",
                    bootloader: "is never asked: the kernel refuses to read the bundle while it is installed")
            }
        }
        findNames(content)
        findTrust(content)
        findTrailing(layout)
    }

    // MARK: Facts

    private mutating func state(_ content: RAUCBundle.Content) {
        let manifest = content.manifest
        report.state("bundle format", manifest.format)
        report.state("compatible", FixedText.read(manifest.compatible.utf8))
        report.state("version", FixedText.read(manifest.version.utf8))
        if !manifest.description.isEmpty { report.state("description", FixedText.read(manifest.description.utf8)) }
        if !manifest.build.isEmpty { report.state("build", FixedText.read(manifest.build.utf8)) }
        if manifest.securityCounter > 0 { report.state("security counter", "\(manifest.securityCounter)") }
        report.state("squashfs", "\(content.system.used) bytes")
        if let verity = manifest.verity {
            report.state("hash tree", "\(verity.size) bytes, root \(Hexadecimal.text(verity.rootHash))")
        }
        for image in manifest.images {
            let hash = image.sha256.map { ", sha256 \(Hexadecimal.text($0))" } ?? ""
            report.state(
                "image \(FixedText.read(image.slot.utf8))",
                FixedText.read(image.filename.utf8) + (image.size.map { ", \($0) bytes" } ?? "") + hash)
        }
    }

    private mutating func stateSignature(_ layout: BundleLayout) {
        report.state("signature", "CMS of \(layout.signature.count) bytes at \(HexText.offset(layout.signature.lowerBound))")
        guard let description = try? CMSSignature.describe(Array(bytes[layout.signature])) else { return }
        if let time = description.signingTime { report.state("signed", UTCTime.text(time)) }
        for certificate in description.certificates { report.state("certificate", FixedText.read(certificate.utf8)) }
    }

    // MARK: Findings

    private mutating func verify(_ layout: BundleLayout, _ content: RAUCBundle.Content) throws(ImageRefusal) {
        let verified = try RAUCBundle.verify(bytes, layout, content, trust, .all)
        if trust.certificates.isEmpty {
            report.find(
                .note, "signature_unchecked", at: layout.signature.lowerBound,
                "no certificate is given, so that nobody's word is taken for the signer",
                bootloader: "is never asked: the installer checks the signature against its keyring")
        } else if let verified {
            report.state("signed by", FixedText.read(verified.signer.utf8))
            if trust.time == nil {
                report.find(
                    .note, "signing_time", "the certificates were checked at the time of signing, not now",
                    bootloader: "an installer with a working clock checks them at its own time")
            }
        }
    }

    private mutating func findNames(_ content: RAUCBundle.Content) {
        guard let names = try? content.system.rootEntries() else {
            report.find(
                .warning, "payload_opaque", "the squashfs cannot be read here: it is damaged, or compressed with something else than gzip",
                bootloader: "does not look at it")
            return
        }
        for image in content.manifest.images {
            guard let entry = names.first(where: { $0.name == image.filename }) else {
                report.find(
                    .warning, "image_missing",
                    "the manifest names \(FixedText.read(image.filename.utf8)), which the squashfs does not hold",
                    bootloader: "is never asked: the installation ends without it")
                continue
            }
            if entry.kind != .file {
                report.find(
                    .warning, "image_no_file", "\(FixedText.read(image.filename.utf8)) is no regular file in the squashfs",
                    bootloader: "is never asked: the installer may follow it out of the bundle")
            }
        }
    }

    private mutating func findTrust(_ content: RAUCBundle.Content) {
        let compatible = content.manifest.compatible
        if !trust.compatible.isEmpty, !compatible.utf8.elementsEqual(trust.compatible.utf8) {
            report.find(
                .warning, ImageRefusal.Reason.wrongHardware.rawValue,
                "it is for '\(FixedText.read(compatible.utf8))', the device is '\(trust.compatible)'",
                bootloader: "is never asked: `rauc install` refuses it, `rauc info` does not look")
        }
        if FirmwareVersion(content.manifest.version) == nil {
            report.find(
                .warning, "version_unusual", "the version '\(FixedText.read(content.manifest.version.utf8))' is not of the form 2.4.0",
                bootloader: "does not look at it; the lab's devices take it for 0.0.0")
        }
    }

    private mutating func findTrailing(_ layout: BundleLayout) {
        let padded = layout.systemLength
        let expected = padded + (layout.payload.upperBound > padded ? VerityTree.size(dataBlocks: padded / VerityTree.blockSize) : 0)
        guard layout.payload.upperBound != expected else { return }
        report.find(
            .warning, "payload_length", at: padded,
            "\(layout.payload.upperBound) bytes are signed, squashfs and hash tree have \(expected)",
            bootloader: "does not look at it")
    }
}
