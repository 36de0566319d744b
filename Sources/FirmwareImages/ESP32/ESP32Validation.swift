/// What the second-stage bootloader does before it starts an application (ESP-IDF esp_image_format.c, esp_image_verify).
enum ESP32Validation {
    static func validate(
        _ bytes: [UInt8], trust: ImageTrust, checks: ImageValidation.Checks
    ) throws(ImageRefusal) -> BootableImage {
        let layout = try ESP32Layout.read(bytes)
        let needsSignature = checks.contains(.signature) && !trust.keys.isEmpty
        let isOld = layout.header.chip == 0 && ESP32OldSignature.isLikely(bytes, at: layout.end)
        let end =
            !needsSignature ? layout.end : isOld ? layout.end + ESP32OldSignature.size : layout.signatureSector + ESP32Layout.sectorSize
        if let slotSize = trust.slotSize, end > slotSize {
            throw ImageRefusal(.oversize, at: 1, "the image has \(end) bytes, the slot \(slotSize)")
        }
        if checks.contains(.hardware), let chip = trust.chip, layout.header.chip != chip {
            throw ImageRefusal(
                .wrongHardware, at: 12, "the image is for \(ESP32Chip.name(layout.header.chip)), this is \(ESP32Chip.name(chip))")
        }
        let digest = try hash(bytes, layout, checks)
        if needsSignature { try signature(bytes, layout, trust, isOld: isOld) }
        let description = layout.description(bytes)
        let counter = description?.secureVersion ?? 0
        if checks.contains(.securityCounter), counter < trust.minimumSecurityCounter {
            throw ImageRefusal(
                .downgradeCounter, at: description.map { $0.offset + 4 },
                "secure version \(counter), the device has seen \(trust.minimumSecurityCounter)")
        }
        let hasBlock = layout.signatureSector < bytes.count && bytes[layout.signatureSector] == SecureBootBlock.magic
        let used =
            hasBlock ? min(bytes.count, layout.signatureSector + ESP32Layout.sectorSize) : layout.end + (isOld ? ESP32OldSignature.size : 0)
        return BootableImage(
            format: .esp32, version: description?.firmwareVersion ?? FirmwareVersion(0, 0, 0), securityCounter: counter, length: used,
            digest: digest.bytes, body: ESP32Header.size..<layout.checksum, hardware: ESP32Chip.name(layout.header.chip))
    }

    /// Checksum and hash; the hash is computed also where none is appended, as the image's name.
    private static func hash(_ bytes: [UInt8], _ layout: ESP32Layout, _ checks: ImageValidation.Checks) throws(ImageRefusal) -> ImageDigest
    {
        let digest = ImageDigest(.sha256, of: bytes, 0..<layout.checksum + 1)
        guard checks.contains(.hash) else { return digest }
        let computed = layout.computedChecksum(bytes)
        guard computed == bytes[layout.checksum] else {
            throw ImageRefusal(
                .checksumMismatch, at: layout.checksum,
                "checksum \(HexText.fixed(bytes[layout.checksum])), the segments give \(HexText.fixed(computed))")
        }
        if let hash = layout.hash, !bytes[hash].elementsEqual(digest.bytes) {
            throw ImageRefusal(.hashMismatch, at: hash.lowerBound, "the SHA-256 of everything before it is another")
        }
        return digest
    }

    private static func signature(_ bytes: [UInt8], _ layout: ESP32Layout, _ trust: ImageTrust, isOld: Bool) throws(ImageRefusal) {
        let signatures = ESP32Signatures(bytes, layout, keys: trust.keys)
        let sectorEnd = layout.signatureSector + ESP32Layout.sectorSize
        if signatures.isValid {
            guard bytes.count >= sectorEnd else {
                throw ImageRefusal(.truncated, at: bytes.count, "the sector with the signatures is cut off")
            }
            return
        }
        guard isOld else { throw refusal(signatures, layout) }
        guard ESP32OldSignature.signer(bytes, at: layout.end, keys: trust.keys) != nil else {
            throw ImageRefusal(.signatureInvalid, at: layout.end, "the signature of secure boot v1 is of none of the chip's keys")
        }
    }

    private static func refusal(_ signatures: ESP32Signatures, _ layout: ESP32Layout) -> ImageRefusal {
        guard let first = signatures.checked.first(where: { $0.outcome != .unknownKey }) ?? signatures.checked.first else {
            return ImageRefusal(.signatureMissing, at: layout.signatureSector, "no signature block behind the image")
        }
        return switch first.outcome {
        case .unknownKey: ImageRefusal(.unknownKey, at: first.offset, "signed with a key that the chip does not have")
        case .damaged(let text): ImageRefusal(.signatureInvalid, at: first.offset, text)
        case .otherDigest: ImageRefusal(.signatureInvalid, at: first.offset + 4, "the signature block is of another image")
        case .valid, .invalid: ImageRefusal(.signatureInvalid, at: first.offset, "the signature is not that of the key in its block")
        }
    }
}
