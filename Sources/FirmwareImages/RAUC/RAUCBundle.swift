import Crypto

/// RAUC bundles: a squashfs with a CMS behind it (specs/ota.md §5; RAUC documentation, "Bundle Formats").
///
/// `plain`: the CMS is detached and signs the squashfs. `verity`: the CMS carries the manifest, and in it the root of the hash tree
/// that lies between squashfs and CMS; here the tree is computed again and compared, which RAUC leaves to the kernel at the moment
/// of mounting, and to `rauc extract`. `crypt` is told and not read.
///
/// Trust is as in RAUC without further settings: `check-purpose=default` (libcrypto's for mails: no code signing certificates), complete
/// chains, no revocation lists. The time is `ImageTrust.time`; without one, for a clock that is dead, the signing time counts as with
/// `use-bundle-signing-time=true`.
package enum RAUCBundle {
    /// What a bundle holds once it has been read; whether anybody trusts it is another question.
    struct Content {
        var system: Squashfs
        /// Nil: nobody has signed it. A slot that the factory wrote holds such a payload.
        var layout: BundleLayout?
        var manifest: BundleManifest
        /// The manifest came out of the CMS.
        var isInSignature: Bool
    }

    /// What the bootloader, or the installer before it, would say of the bundle in a slot. Order: layout, size, signature with the hash
    /// under it, names, hash tree, hardware, security counter. `compatible` is compared as `rauc install` does.
    static func validate(_ bytes: [UInt8], trust: ImageTrust, checks: ImageValidation.Checks = .all) throws(ImageRefusal) -> BootableImage {
        let content = try read(bytes, isFile: false)
        let length = content.layout?.end ?? Bounds.roundedUp(content.system.used, to: VerityTree.blockSize)
        if let slot = trust.slotSize, length > slot {
            throw ImageRefusal(.oversize, "the bundle has \(length) bytes, the slot \(slot)")
        }
        if content.layout == nil, checks.contains(.signature), !trust.certificates.isEmpty {
            throw ImageRefusal(.signatureMissing, at: content.system.used, "no CMS follows the squashfs")
        }
        var digest: [UInt8] = []
        if let layout = content.layout {
            try verify(bytes, layout, content, trust, checks)
            if let verity = content.manifest.verity {
                if checks.contains(.hash) { try checkTree(bytes, layout, verity) }
                digest = verity.rootHash
            }
        }
        let payload = 0..<(content.layout?.systemLength ?? min(length, bytes.count))
        if digest.isEmpty { digest = Array(SHA256.hash(data: bytes[payload])) }
        if checks.contains(.hardware), !trust.compatible.isEmpty, !content.manifest.compatible.utf8.elementsEqual(trust.compatible.utf8) {
            throw ImageRefusal(
                .wrongHardware, "the bundle is for '\(FixedText.read(content.manifest.compatible.utf8))', this is '\(trust.compatible)'")
        }
        if checks.contains(.securityCounter), content.manifest.securityCounter < trust.minimumSecurityCounter {
            throw ImageRefusal(
                .downgradeCounter,
                "the bundle's security counter is \(content.manifest.securityCounter), the device is at \(trust.minimumSecurityCounter)")
        }
        return BootableImage(
            format: .rauc, version: FirmwareVersion(content.manifest.version) ?? FirmwareVersion(0, 0, 0),
            securityCounter: content.manifest.securityCounter,
            length: length, digest: digest, body: payload, hardware: content.manifest.compatible)
    }

    /// What can be said about the bundle; `trust` says whose signature counts, and when.
    static func inspect(_ bytes: [UInt8], trust: ImageTrust) -> ImageReport { RAUCInspector.inspect(bytes, trust: trust) }

    // MARK: Reading

    /// Everything but trust: layout, manifest, names.
    static func read(_ bytes: [UInt8], isFile: Bool) throws(ImageRefusal) -> Content {
        let system: Squashfs
        do { system = try Squashfs(bytes) } catch {
            throw ImageRefusal(error.offset == 0 ? .badMagic : .truncated, at: error.offset, error.text)
        }
        guard let layout = BundleLayout.find(bytes, system, isFile: isFile) else { return try readUnsigned(bytes, system) }
        let attached: [UInt8]?
        do { attached = try CMSSignature.content(Array(bytes[layout.signature])) } catch {
            throw ImageRefusal(.signatureInvalid, at: layout.signature.lowerBound, error.text)
        }
        let text: [UInt8]
        if let attached { text = attached } else { text = try stored(system) }
        let manifest = try parse(text, at: attached == nil ? 0 : layout.signature.lowerBound)
        // A plain signature over a manifest that says verity, or the other way round, would leave the payload unprotected.
        guard (manifest.format == "plain") == (attached == nil) else {
            throw ImageRefusal(
                .badLayout, at: layout.signature.lowerBound,
                "the signature is \(attached == nil ? "detached" : "attached"), the manifest says \(manifest.format)")
        }
        guard manifest.format != "crypt" else { throw ImageRefusal(.encrypted, at: layout.signature.lowerBound, "the bundle is encrypted") }
        return Content(system: system, layout: layout, manifest: manifest, isInSignature: attached != nil)
    }

    private static func readUnsigned(_ bytes: [UInt8], _ system: Squashfs) throws(ImageRefusal) -> Content {
        let content: [UInt8]
        if let text = try? stored(system) {
            content = text
        } else {
            // What the lab's own factory writes: the manifest as text behind the superblock.
            content = Array(bytes[Squashfs.superblockLength..<system.used].prefix(BundleManifest.maximumLength).prefix { $0 != 0 })
        }
        // Behind a payload there may only be erased flash; anything else is what is left of a bundle.
        let isAlone = bytes[min(Bounds.roundedUp(system.used, to: VerityTree.blockSize), bytes.count)...].allSatisfy { $0 == 0xff }
        guard isAlone, let manifest = try? BundleManifest(content) else {
            throw ImageRefusal(.signatureMissing, at: system.used, "neither a CMS with its length nor a manifest is found")
        }
        return Content(system: system, layout: nil, manifest: manifest, isInSignature: false)
    }

    private static func stored(_ system: Squashfs) throws(ImageRefusal) -> [UInt8] {
        do throws(Squashfs.Failure) {
            let entries = try system.rootEntries()
            let found = entries.filter { $0.name == "manifest.raucm" }
            guard found.count == 1, found[0].kind == .file else {
                throw Squashfs.Failure(
                    offset: 0, text: found.count > 1 ? "the squashfs holds two manifests" : "the squashfs holds no file manifest.raucm")
            }
            return try system.content(of: found[0], limit: BundleManifest.maximumLength)
        } catch { throw ImageRefusal(.badLayout, at: error.offset, error.text) }
    }

    private static func parse(_ text: [UInt8], at offset: Int) throws(ImageRefusal) -> BundleManifest {
        do { return try BundleManifest(text) } catch { throw ImageRefusal(.badLayout, at: offset, error.text) }
    }

    // MARK: Trust

    /// Checks the CMS: with certificates who signed and what, without them that it fits the payload.
    @discardableResult
    static func verify(_ bytes: [UInt8], _ layout: BundleLayout, _ content: Content, _ trust: ImageTrust, _ checks: ImageValidation.Checks)
        throws(ImageRefusal) -> CMSSignature.Verified?
    {
        var policy = CMSSignature.Policy.bundle
        policy.checksSigner = checks.contains(.signature) && !trust.certificates.isEmpty
        policy.checksContent = checks.contains(.hash)
        guard policy.checksSigner || policy.checksContent else { return nil }
        let time = trust.time.map { CMSSignature.Time.moment($0) } ?? .signingTime
        let cms = Array(bytes[layout.signature])
        let result =
            content.isInSignature
            ? CMSSignature.verifyAttached(cms, roots: trust.certificates, at: time, policy: policy)
            : CMSSignature.verifyDetached(cms, over: Array(bytes[layout.payload]), roots: trust.certificates, at: time, policy: policy)
        switch result {
        case .success(let verified): return verified
        case .failure(let failure):
            let reason: ImageRefusal.Reason =
                switch failure.reason {
                case .content: .hashMismatch
                case .certificate: .unknownKey
                default: .signatureInvalid
                }
            throw ImageRefusal(reason, at: layout.signature.lowerBound, failure.text)
        }
    }

    /// Computes the hash tree again.
    static func checkTree(_ bytes: [UInt8], _ layout: BundleLayout, _ verity: BundleManifest.Verity) throws(ImageRefusal) {
        let data = layout.payload.upperBound - verity.size
        guard data > 0, data % VerityTree.blockSize == 0, VerityTree.size(dataBlocks: data / VerityTree.blockSize) == verity.size else {
            throw ImageRefusal(
                .badLayout, at: layout.signature.lowerBound, "a hash tree of \(verity.size) bytes does not belong to \(data) bytes of data")
        }
        let (root, tree) = VerityTree.compute(bytes, 0..<data, salt: verity.salt)
        guard root == verity.rootHash else {
            let place = zip(tree, bytes[data..<layout.payload.upperBound]).enumerated().first { $0.element.0 != $0.element.1 }
            // The lowest level comes last: each of its hashes names one block of data.
            let blocks = data / VerityTree.blockSize
            let lowest = verity.size - (blocks * 32 + VerityTree.blockSize - 1) / VerityTree.blockSize * VerityTree.blockSize
            let leaf = zip(tree[lowest...], bytes[(data + lowest)..<layout.payload.upperBound]).enumerated().first {
                $0.element.0 != $0.element.1
            }?.offset
            let offset = leaf.map { min($0 / 32, blocks - 1) * VerityTree.blockSize } ?? place.map { data + $0.offset } ?? 0
            throw ImageRefusal(.hashMismatch, at: offset, "the root of the hash tree is not the signed one")
        }
        guard tree.elementsEqual(bytes[data..<layout.payload.upperBound]) else {
            throw ImageRefusal(.hashMismatch, at: data, "the hash tree in the bundle is damaged, although the data is whole")
        }
    }
}
