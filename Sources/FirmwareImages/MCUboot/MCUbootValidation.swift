/// What MCUboot does before it starts or swaps in an image (MCUboot image_validate.c, bootutil_img_validate).
enum MCUbootValidation {
    static func validate(
        _ bytes: [UInt8], trust: ImageTrust, checks: ImageValidation.Checks
    ) throws(ImageRefusal) -> BootableImage {
        let layout = try MCUbootLayout.read(bytes)
        if let slotSize = trust.slotSize, layout.end > slotSize {
            throw ImageRefusal(.oversize, at: 12, "the image has \(layout.end) bytes, the slot \(slotSize)")
        }
        if layout.header.flags.contains(.nonBootable) {
            throw ImageRefusal(.notBootable, at: 16, "the header says that this is no program")
        }
        if let rogue = layout.records.first(where: { !$0.isProtected && !($0.kind?.mayBeUnprotected ?? false) }) {
            throw ImageRefusal(.badLayout, at: rogue.offset, "TLV \(rogue.name) stands outside of the protected area")
        }
        let digest = try hash(bytes, layout, trust, checks)
        if checks.contains(.signature), !trust.keys.isEmpty { try signature(bytes, layout, trust, digest) }
        let hardware = layout.hardware(bytes)
        if checks.contains(.hardware), !trust.hardware.isEmpty, let hardware, hardware != trust.hardware {
            throw ImageRefusal(
                .wrongHardware, at: hardwareOffset(layout), "the image is for hardware \(hardware), this is \(trust.hardware)")
        }
        let counter = layout.securityCounter(bytes) ?? 0
        if checks.contains(.securityCounter), counter < trust.minimumSecurityCounter {
            throw ImageRefusal(
                .downgradeCounter, at: layout.first(.securityCounter, isProtected: true)?.offset,
                "security counter \(counter), the device has seen \(trust.minimumSecurityCounter)")
        }
        return BootableImage(
            format: .mcuboot, version: layout.header.version, securityCounter: counter, length: layout.end, digest: digest?.bytes ?? [],
            body: layout.body, hardware: hardware)
    }

    private static func hardwareOffset(_ layout: MCUbootLayout) -> Int? {
        layout.records.first { $0.type == MCUbootRecord.hardware && $0.isProtected }?.offset
    }

    static func isPure(_ bytes: [UInt8], _ layout: MCUbootLayout) -> Bool {
        guard let record = layout.first(.pureSignature, isProtected: false) else { return false }
        return record.value.count == 1 && bytes[record.value.lowerBound] == 1
    }

    /// The image's hash, compared with each that the image names; nil only where a signature without hash will be checked.
    private static func hash(
        _ bytes: [UInt8], _ layout: MCUbootLayout, _ trust: ImageTrust, _ checks: ImageValidation.Checks
    ) throws(ImageRefusal) -> ImageDigest? {
        var computed: [ImageDigest.Algorithm: ImageDigest] = [:]
        var first: ImageDigest?
        for record in layout.records where !record.isProtected {
            guard let algorithm = record.kind?.hash else { continue }
            let digest = computed[algorithm] ?? ImageDigest(algorithm, of: bytes, layout.covered)
            computed[algorithm] = digest
            first = first ?? digest
            guard checks.contains(.hash), !bytes[record.value].elementsEqual(digest.bytes) else { continue }
            if layout.header.isEncrypted {
                throw ImageRefusal(.encrypted, at: 16, "the body is encrypted, and its hash is over the plain one")
            }
            throw ImageRefusal(
                .hashMismatch, at: record.value.lowerBound, "the \(algorithm.rawValue) of header, body and protected TLVs is another")
        }
        if first == nil, checks.contains(.hash), !(isPure(bytes, layout) && !trust.keys.isEmpty && checks.contains(.signature)) {
            throw ImageRefusal(.hashMissing, at: layout.unprotectedArea.lowerBound, "no hash among the TLVs")
        }
        return first
    }

    private static func signature(
        _ bytes: [UInt8], _ layout: MCUbootLayout, _ trust: ImageTrust, _ digest: ImageDigest?
    ) throws(ImageRefusal) {
        let signatures = MCUbootSignatures(bytes, layout, keys: trust.keys, digest: digest, isPure: isPure(bytes, layout))
        if signatures.isValid { return }
        guard let nearest = signatures.checked.first(where: { $0.outcome != .unknownKey }) ?? signatures.checked.first else {
            throw ImageRefusal(.signatureMissing, at: layout.unprotectedArea.lowerBound, "no signature among the TLVs")
        }
        switch nearest.outcome {
        case .unknownKey:
            throw ImageRefusal(
                .unknownKey, at: nearest.keyRecord?.offset ?? nearest.record.offset, "signed with a key that the bootloader does not have")
        case .valid, .invalid, .otherKind:
            throw ImageRefusal(.signatureInvalid, at: nearest.record.offset, "the signature is not that of the key that the image names")
        }
    }
}
