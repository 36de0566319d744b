import LabCore

/// Everything that can be said about an MCUboot image; the errors are those of `imgtool verify` with the same keys, and
/// bounds that every bootloader checks.
struct MCUbootInspector {
    private let bytes: [UInt8]
    private let layout: MCUbootLayout
    private let trust: ImageTrust
    private var report = ImageReport(.mcuboot)

    static func inspect(_ bytes: [UInt8], trust: ImageTrust) -> ImageReport {
        do throws(ImageRefusal) {
            var inspector = MCUbootInspector(bytes: bytes, layout: try MCUbootLayout.read(bytes), trust: trust)
            inspector.inspect()
            return inspector.report
        } catch {
            var report = ImageReport(.mcuboot)
            if let header = try? MCUbootHeader.read(bytes) { report.state("version", "\(header.version)") }
            report.find(error)
            return report
        }
    }

    private mutating func inspect() {
        stateHeader()
        stateRecords()
        checkUnprotected()
        checkKnownLengths()
        let digest = checkHash()
        checkSignatures(digest)
        checkTrust()
        checkBehind()
        if let application = EmulatedApplication.find(in: bytes, body: layout.body) {
            report.state(
                "emulated",
                "version \(FixedText.read(application.version.utf8)), \(application.behaviour.rawValue), schema \(application.schema)")
        }
    }

    // MARK: Facts

    private mutating func stateHeader() {
        let header = layout.header
        report.state("version", "\(header.version)")
        report.state("body", "\(header.imageSize) bytes at \(HexText.offset(header.headerSize))")
        report.state("length", "\(layout.end) bytes, \(layout.covered.count) of them hashed")
        var names = MCUbootHeader.Flags.names.filter { header.flags.contains($0.flag) }.map(\.name)
        let known = MCUbootHeader.Flags.names.reduce(UInt32(0)) { $0 | $1.flag.rawValue }
        if header.flags.rawValue & ~known != 0 { names.append(HexText.fixed(header.flags.rawValue & ~known)) }
        if !names.isEmpty { report.state("flags", names.joined(separator: " ")) }
        if header.loadAddress != 0 { report.state("load address", HexText.fixed(header.loadAddress)) }
        if let counter = layout.securityCounter(bytes) { report.state("security counter", "\(counter)") }
        if let hardware = layout.hardware(bytes) { report.state("hardware", hardware) }
        if header.flags.contains(.nonBootable) {
            report.find(
                .warning, "not_bootable", at: 16, "the header says that this is no program", bootloader: "keeps it, but does not start it")
        }
    }

    private mutating func stateRecords() {
        for record in layout.records {
            report.state(
                "TLV at \(HexText.offset(record.offset))",
                "\(record.name)\(record.isProtected ? ", protected" : ""), \(record.value.count) bytes\(describe(record).map { ": " + $0 } ?? "")"
            )
        }
    }

    private func describe(_ record: MCUbootRecord) -> String? {
        let value = Array(bytes[record.value])
        switch record.kind {
        case .dependency:
            guard value.count == 12, let revision = LittleEndian.u16(value, at: 6), let build = LittleEndian.u32(value, at: 8) else {
                return nil
            }
            return
                "needs image \(value[0]) at \(FirmwareVersion(UInt32(value[4]), UInt32(value[5]), UInt32(revision), build: build)) or later"
        case .securityCounter, .decompressedSize, .compressedDecryptedSize: return LittleEndian.u32(value, at: 0).map { "\($0)" }
        case .keyHash, .sha256, .sha384, .sha512, .decompressedHash, .vendorUUID, .classUUID: return Hexadecimal.text(value.prefix(64))
        case .pureSignature: return value == [1] ? "over the image itself" : nil
        default: return record.type == MCUbootRecord.hardware ? FixedText.read(value.prefix(64)) : nil
        }
    }

    // MARK: Checks

    /// What must be protected to count.
    private mutating func checkUnprotected() {
        for record in layout.records where !record.isProtected && !(record.kind?.mayBeUnprotected ?? false) {
            report.find(
                .warning, "unprotected_tlv", at: record.offset,
                "\(record.name) stands outside of the protected area, where anybody can change it",
                bootloader: "refuses the image, or passes over the entry where it is built to allow others")
        }
        for record in layout.records where record.isProtected && (record.kind?.isSignature ?? false || record.kind?.hash != nil) {
            report.find(
                .warning, "protected_signature", at: record.offset,
                "\(record.name) stands in the protected area, which it would have to cover itself",
                bootloader: "finds that it does not match, and refuses the image")
        }
    }

    private mutating func checkKnownLengths() {
        for record in layout.records {
            guard let expected = expectedLength(record.kind), record.value.count != expected else { continue }
            report.find(
                record.kind?.hash == nil ? .warning : .error, "bad_layout", at: record.offset + 2,
                "\(record.name) has \(record.value.count) bytes instead of \(expected)", bootloader: "refuses the image")
        }
    }

    private func expectedLength(_ kind: MCUbootRecord.Kind?) -> Int? {
        switch kind {
        case .sha256, .sha384, .sha512: kind?.hash?.length
        case .dependency: 12
        case .securityCounter, .decompressedSize, .compressedDecryptedSize: 4
        case .vendorUUID, .classUUID: 16
        case .pureSignature: 1
        default: nil
        }
    }

    private mutating func checkHash() -> ImageDigest? {
        var computed: [ImageDigest.Algorithm: ImageDigest] = [:]
        var first: ImageDigest?
        for record in layout.records where !record.isProtected {
            guard let algorithm = record.kind?.hash else { continue }
            let digest = computed[algorithm] ?? ImageDigest(algorithm, of: bytes, layout.covered)
            computed[algorithm] = digest
            first = first ?? digest
            if bytes[record.value].elementsEqual(digest.bytes) {
                report.state("hash", "\(algorithm.rawValue), right")
            } else if layout.header.isEncrypted {
                report.state("hash", "\(algorithm.rawValue), unchecked")
                report.find(
                    .error, "encrypted", at: record.value.lowerBound,
                    "the body is encrypted and its hash is over the plain one, so neither hash nor signature can be checked here; inspect the image "
                        + "before it is encrypted",
                    bootloader: "decrypts with its own key, then checks; imgtool verify refuses it like this, too")
                return nil
            } else {
                report.state("hash", "\(algorithm.rawValue), wrong")
                report.find(
                    .error, "hash_mismatch", at: record.value.lowerBound,
                    "the \(algorithm.rawValue) of header, body and protected TLVs is \(Hexadecimal.text(digest.bytes.prefix(8)))…, not that in the image",
                    bootloader: "refuses the image")
            }
        }
        if first == nil, !(isPure && !trust.keys.isEmpty) {
            report.find(
                .error, "hash_missing", at: layout.unprotectedArea.lowerBound, "no hash among the TLVs",
                bootloader: isPure ? "checks the signature over the whole image; give the key to do the same" : "refuses the image")
        }
        return first
    }

    private var isPure: Bool { MCUbootValidation.isPure(bytes, layout) }

    private mutating func checkTrust() {
        if let slotSize = trust.slotSize, layout.end > slotSize {
            report.find(
                .error, "oversize", at: 12, "the image has \(layout.end) bytes, the slot \(slotSize)", bootloader: "refuses the image")
        }
        if !trust.hardware.isEmpty, let hardware = layout.hardware(bytes), hardware != trust.hardware {
            report.find(
                .error, "wrong_hardware", "the image is for hardware \(hardware), not \(trust.hardware)", bootloader: "refuses the image")
        }
        if let counter = layout.securityCounter(bytes), counter < trust.minimumSecurityCounter {
            report.find(
                .error, "downgrade_counter", at: layout.first(.securityCounter, isProtected: true)?.offset,
                "security counter \(counter) is below \(trust.minimumSecurityCounter)", bootloader: "refuses the image")
        }
    }
}

extension MCUbootInspector {
    // MARK: Signatures

    private mutating func checkSignatures(_ digest: ImageDigest?) {
        let records = layout.records.filter { !$0.isProtected && $0.kind?.isSignature ?? false }
        guard !records.isEmpty else {
            report.state("signature", "none")
            report.find(
                trust.keys.isEmpty ? .note : .error, "signature_missing", at: layout.unprotectedArea.lowerBound, "the image is not signed",
                bootloader: "refuses the image where it is built with a key")
            return
        }
        if digest == nil && layout.header.isEncrypted { return report.state("signature", "unchecked") }
        let signatures = MCUbootSignatures(bytes, layout, keys: trust.keys, digest: digest, isPure: isPure)
        if trust.keys.isEmpty { return checkSignaturesWithoutKeys(signatures, digest) }
        if let valid = signatures.checked.first(where: { $0.outcome == .valid }) {
            report.state("signature", "\(valid.key?.name ?? ""), valid")
            return
        }
        if let (record, key) = validForAnyKey(records, digest) {
            report.state("signature", "\(key.name), valid")
            report.find(
                .warning, "key_hash", at: signatures.checked.first { $0.record == record }?.keyRecord?.offset ?? record.offset,
                "the signature is the key's, but the image does not name that key before it",
                bootloader: "finds its key by that name, so it finds none and refuses the image; imgtool verify does not look at it")
            return
        }
        for checked in signatures.checked { find(checked) }
    }

    /// imgtool tries its key on every signature, whatever key the image names.
    private func validForAnyKey(_ records: [MCUbootRecord], _ digest: ImageDigest?) -> (MCUbootRecord, ImageKey)? {
        for record in records {
            guard let kind = record.kind else { continue }
            for key in trust.keys
            where MCUbootSignatures.check(bytes, layout, record, kind, key: key, digest: digest, isPure: isPure) == .valid {
                return (record, key)
            }
        }
        return nil
    }

    private mutating func find(_ checked: MCUbootSignatures.Checked) {
        switch checked.outcome {
        case .valid: break
        case .unknownKey:
            report.state("signature", "\(checked.record.name), of an unknown key")
            report.find(
                .error, "unknown_key", at: checked.keyRecord?.offset ?? checked.record.offset,
                "the image is signed with none of the keys given",
                bootloader: "passes over this signature; without another it refuses the image")
        case .invalid, .otherKind:
            report.state("signature", "\(checked.record.name), invalid")
            report.find(
                .error, "signature_invalid", at: checked.record.offset,
                checked.outcome == .invalid
                    ? "the signature is not that of the \(checked.key?.name ?? "") key that the image names"
                    : "a signature of the kind \(checked.record.name) cannot be of the \(checked.key?.name ?? "") key that the image names",
                bootloader: "refuses the image")
        }
    }

    /// Without keys: what can be said by a key that is in the image in full, and by the form of the signature.
    private mutating func checkSignaturesWithoutKeys(_ signatures: MCUbootSignatures, _ digest: ImageDigest?) {
        for checked in signatures.checked {
            guard let kind = checked.record.kind else { continue }
            if !hasForm(kind, checked.record) {
                report.state("signature", "\(checked.record.name), malformed")
                report.find(
                    .error, "signature_invalid", at: checked.record.offset,
                    "\(checked.record.value.count) bytes that are no \(kind.name) signature",
                    bootloader: "refuses the image")
                continue
            }
            if let record = checked.keyRecord, record.kind == .publicKey, let key = try? ImageKey(der: Array(bytes[record.value])),
                MCUbootSignatures.check(bytes, layout, checked.record, kind, key: key, digest: digest, isPure: isPure) != .valid
            {
                report.state("signature", "\(checked.record.name), invalid")
                report.find(
                    .error, "signature_invalid", at: checked.record.offset, "the signature is not that of the \(key.name) key in the image",
                    bootloader: "refuses the image")
                continue
            }
            report.state("signature", "\(checked.record.name), unchecked")
            report.find(
                .note, "signature_unchecked", at: checked.record.offset, "no key was given, so the signature was not checked",
                bootloader: "checks it with the key that it is built with")
        }
    }

    private func hasForm(_ kind: MCUbootRecord.Kind, _ record: MCUbootRecord) -> Bool {
        switch kind {
        case .ed25519: record.value.count == 64
        case .rsa2048: record.value.count == 256
        case .rsa3072: record.value.count == 384
        case .ecdsa:
            record.value.count >= 8 && bytes[record.value.lowerBound] == 0x30
                && Int(bytes[record.value.lowerBound + 1]) + 2 <= record.value.count
        default: true
        }
    }

    // MARK: Behind the image

    private mutating func checkBehind() {
        guard bytes.count > layout.end else { return }
        guard let trailer = MCUbootTrailer.read(bytes, behind: layout.end) else {
            let rest = bytes[layout.end...]
            if rest.allSatisfy({ $0 == 0xff }) || rest.allSatisfy({ $0 == 0 }) {
                report.find(
                    .note, "padding", at: layout.end, "\(rest.count) bytes of padding without a trailer",
                    bootloader: "does not look at them")
            } else {
                report.find(
                    .warning, "trailing_bytes", at: layout.end, "\(rest.count) bytes behind the image, which no hash covers",
                    bootloader: "does not look at them, unless they lie where it keeps its trailer")
            }
            return
        }
        report.state("slot", "\(bytes.count) bytes, trailer for an alignment of \(trailer.alignment)")
        report.state(
            "image_ok",
            trailer.imageOK == 1
                ? "set: confirmed" : trailer.imageOK == 0xff || trailer.imageOK == 0 ? "not set" : HexText.fixed(trailer.imageOK))
        if ![0, 1, 0xff].contains(trailer.imageOK) {
            report.find(
                .warning, "bad_trailer", at: trailer.imageOKOffset,
                "image_ok is \(HexText.fixed(trailer.imageOK)) instead of 0x01 or erased",
                bootloader: "takes it for bad, as not set")
        }
        if ![0, 0xff].contains(trailer.copyDone) {
            report.find(
                .warning, "bad_trailer", at: trailer.imageOKOffset - trailer.alignment,
                "copy_done is \(HexText.fixed(trailer.copyDone)); only the bootloader sets it",
                bootloader: "takes the image for swapped in already")
        }
    }
}
