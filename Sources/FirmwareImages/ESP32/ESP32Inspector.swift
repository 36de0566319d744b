import LabCore

/// Everything that can be said about an ESP32 application image; the errors are those of `esptool image-info`, of
/// `espsecure verify-signature` with the same keys, and bounds that the bootloader checks.
struct ESP32Inspector {
    private let bytes: [UInt8]
    private let layout: ESP32Layout
    private let trust: ImageTrust
    private var report = ImageReport(.esp32)

    static func inspect(_ bytes: [UInt8], trust: ImageTrust) -> ImageReport {
        do throws(ImageRefusal) {
            var inspector = ESP32Inspector(bytes: bytes, layout: try ESP32Layout.read(bytes), trust: trust)
            inspector.inspect()
            return inspector.report
        } catch {
            var report = ImageReport(.esp32)
            if let header = try? ESP32Header.read(bytes) { report.state("chip", ESP32Chip.name(header.chip)) }
            report.find(error)
            return report
        }
    }

    private mutating func inspect() {
        stateHeader()
        stateDescription()
        stateSegments()
        checkSums()
        checkTrust()
        checkBehind(checkSignatures())
        if let application = EmulatedApplication.find(in: bytes, body: ESP32Header.size..<layout.checksum) {
            report.state(
                "emulated",
                "version \(FixedText.read(application.version.utf8)), \(application.behaviour.rawValue), schema \(application.schema)")
        }
    }

    // MARK: Facts

    private mutating func stateHeader() {
        let header = layout.header
        report.state("chip", ESP32Chip.name(header.chip))
        report.state("entry", HexText.fixed(header.entry))
        report.state("length", "\(layout.end) bytes")
        report.state(
            "chip revisions",
            "\(revision(header.minimumRevision)) to \(header.maximumRevision == 0 || header.maximumRevision == .max ? "any" : revision(header.maximumRevision))"
        )
        if ESP32Chip.names[header.chip] == nil {
            report.find(
                .error, "unknown_chip", at: 12, "chip id \(header.chip) is none of the family",
                bootloader: "refuses the image: it is for another chip")
        }
    }

    private func revision(_ number: UInt16) -> String { "v\(number / 100).\(number % 100)" }

    private mutating func stateDescription() {
        guard let description = layout.description(bytes) else {
            report.find(
                .note, "no_description", "no application descriptor, as in bootloaders and bare programs",
                bootloader: "starts it, with version and secure version unknown")
            return
        }
        report.state("version", description.version)
        report.state("project", description.project)
        report.state("built", "\(description.date) \(description.time) with \(description.idf)")
        report.state("secure version", "\(description.secureVersion)")
        report.state("ELF SHA-256", Hexadecimal.text(description.elfHash))
        if description.offset != 0x20 {
            report.find(
                .warning, "description_place", at: description.offset, "the application descriptor is not at 0x20",
                bootloader: "reads the version at 0x20 only, so that it does not know this one")
        }
    }

    private mutating func stateSegments() {
        for (number, segment) in layout.segments.enumerated() {
            report.state(
                "segment \(number) at \(HexText.offset(segment.offset))",
                "\(segment.data.count) bytes for \(HexText.fixed(segment.address))")
            let page = 0x1_0000
            guard ESP32Memory.isMapped(segment.address, chip: layout.header.chip),
                segment.data.lowerBound % page != Int(segment.address) % page,
                ![12, 13, 16, 20, 23].contains(layout.header.chip)
            else { continue }
            report.find(
                .warning, "bad_mapping", at: segment.offset,
                "segment \(number) is for \(HexText.fixed(segment.address)), but lies at \(HexText.offset(segment.data.lowerBound)): in flash both must have the same place in a page of 64 KB",
                bootloader: "refuses the image")
        }
    }

    // MARK: Checks

    private mutating func checkSums() {
        let computed = layout.computedChecksum(bytes)
        if computed == bytes[layout.checksum] {
            report.state("checksum", "\(HexText.fixed(computed)), right")
        } else {
            report.state("checksum", "\(HexText.fixed(bytes[layout.checksum])), wrong")
            report.find(
                .error, "checksum_mismatch", at: layout.checksum,
                "the checksum is \(HexText.fixed(bytes[layout.checksum])), the segments give \(HexText.fixed(computed))",
                bootloader: "refuses the image")
        }
        guard let hash = layout.hash else {
            report.state("hash", "none")
            report.find(
                .warning, "hash_missing", at: 23, "no SHA-256 is appended: only a checksum of one byte protects the image",
                bootloader: "starts it by the checksum alone")
            return
        }
        let isRight = bytes[hash].elementsEqual(ImageDigest(.sha256, of: bytes, 0..<hash.lowerBound).bytes)
        report.state("hash", "SHA-256, \(isRight ? "right" : "wrong")")
        if !isRight {
            report.find(
                .error, "hash_mismatch", at: hash.lowerBound, "the SHA-256 of everything before it is another",
                bootloader: "refuses the image")
        }
    }

    private mutating func checkTrust() {
        if let chip = trust.chip, chip != layout.header.chip {
            report.find(
                .error, "wrong_hardware", at: 12, "the image is for \(ESP32Chip.name(layout.header.chip)), not \(ESP32Chip.name(chip))",
                bootloader: "refuses the image")
        }
        if let slotSize = trust.slotSize, bytes.count > slotSize, layout.end > slotSize {
            report.find(.error, "oversize", "the image has \(layout.end) bytes, the slot \(slotSize)", bootloader: "refuses the image")
        }
        if let description = layout.description(bytes), description.secureVersion < trust.minimumSecurityCounter {
            report.find(
                .error, "downgrade_counter", at: description.offset + 4,
                "secure version \(description.secureVersion) is below \(trust.minimumSecurityCounter)",
                bootloader: "refuses the image")
        }
    }

    /// - Returns: where image and signature end.
    private mutating func checkSignatures() -> Int {
        let signatures = ESP32Signatures(bytes, layout, keys: trust.keys.isEmpty ? nil : trust.keys)
        guard !signatures.checked.isEmpty else { return checkOldSignature() }
        for checked in signatures.checked {
            let name = checked.key?.name ?? (checked.kind == .rsa ? "RSA" : "ECDSA")
            switch checked.outcome {
            case .valid where trust.keys.isEmpty:
                report.state("signature at \(HexText.offset(checked.offset))", "secure boot v2, \(name), of the key in its block")
                report.find(
                    .note, "signature_unchecked", at: checked.offset,
                    "the signature is that of the key beside it; no key was given to compare that with",
                    bootloader: "compares the hash of that key with its eFuses")
            case .valid: report.state("signature at \(HexText.offset(checked.offset))", "secure boot v2, \(name), valid")
            case .damaged(let text): find(signatures, checked, "signature_invalid", at: checked.offset, text)
            case .otherDigest:
                find(signatures, checked, "signature_invalid", at: checked.offset + 4, "the signature block is of another image")
            case .unknownKey:
                find(
                    signatures, checked, "unknown_key", at: checked.offset,
                    "the \(name) key in the signature block is none of the keys given")
            case .invalid:
                find(
                    signatures, checked, "signature_invalid", at: checked.offset,
                    "the signature is not that of the \(name) key in its block")
            }
        }
        let sectorEnd = layout.signatureSector + ESP32Layout.sectorSize
        if bytes.count < sectorEnd {
            report.find(
                .error, "truncated", at: bytes.count,
                "the sector with the signatures ends at \(HexText.offset(sectorEnd)), the file before",
                bootloader: "reads what is in the flash there, which the file does not say")
        }
        return sectorEnd
    }

    /// One good block is enough.
    private mutating func find(
        _ signatures: ESP32Signatures, _ checked: ESP32Signatures.Checked, _ code: String, at offset: Int, _ text: String
    ) {
        report.state("signature at \(HexText.offset(checked.offset))", "secure boot v2, not valid")
        // espsecure stops at a block of another image, whatever the other blocks say.
        let isHarmless = signatures.isValid && checked.outcome != .otherDigest
        report.find(
            isHarmless ? .warning : .error, code, at: offset, text,
            bootloader: "passes over this block; without another it refuses the image")
    }

    /// Secure boot v1 of the first ESP32: the last 68 bytes are a zero word and r, s of P-256 over all before.
    private mutating func checkOldSignature() -> Int {
        let start = bytes.count - ESP32OldSignature.size
        let looksSigned = start >= layout.end && start - layout.end < ESP32Layout.sectorSize && ESP32OldSignature.isLikely(bytes, at: start)
        guard looksSigned else {
            report.state("signature", "none")
            if !trust.keys.isEmpty {
                report.find(
                    .error, "signature_missing", at: min(layout.signatureSector, bytes.count), "the image is not signed",
                    bootloader: "refuses the image where secure boot is on")
            }
            return layout.end
        }
        guard !trust.keys.isEmpty else {
            report.state("signature", "secure boot v1, unchecked")
            report.find(
                .note, "signature_unchecked", at: start, "no key was given, so the signature was not checked",
                bootloader: "checks it with the key that it is built with")
            return bytes.count
        }
        let key = ESP32OldSignature.signer(bytes, at: start, keys: trust.keys)
        report.state("signature", "secure boot v1, \(key == nil ? "invalid" : "valid")")
        if key == nil {
            report.find(
                .error, "signature_invalid", at: start, "the signature is of none of the keys given", bootloader: "refuses the image")
        }
        return bytes.count
    }

    private mutating func checkBehind(_ end: Int) {
        guard bytes.count > end else { return }
        let rest = bytes[end...]
        let isPadding = rest.allSatisfy { $0 == 0xff } || rest.allSatisfy { $0 == 0 }
        // espsecure takes the last sector of the file for the one with the signatures.
        let hidesSignature = !trust.keys.isEmpty && end > layout.signatureSector
        report.find(
            hidesSignature ? .error : isPadding ? .note : .warning, isPadding ? "padding" : "trailing_bytes", at: end,
            "\(rest.count) bytes behind the image\(isPadding ? " of padding" : ", which no hash covers")"
                + (hidesSignature ? ": espsecure looks for the signature in the last 4096 bytes of the file, and finds none" : ""),
            bootloader: "does not look at them")
    }
}

/// Where chips see their flash.
enum ESP32Memory {
    /// Address ranges of instructions and data in flash (esptool's targets, IROM_MAP and DROM_MAP).
    private static let mapped: [UInt16: [Range<UInt32>]] = [
        0: [0x3f40_0000..<0x3f80_0000, 0x400d_0000..<0x4040_0000],
        2: [0x3f00_0000..<0x3f3f_0000, 0x4008_0000..<0x40b8_0000],
        5: [0x3c00_0000..<0x3c80_0000, 0x4200_0000..<0x4280_0000],
        9: [0x3c00_0000..<0x3e00_0000, 0x4200_0000..<0x4400_0000],
    ]

    static func isMapped(_ address: UInt32, chip: UInt16) -> Bool { mapped[chip]?.contains { $0.contains(address) } ?? false }
}
