/// What the keys say to the sector of signatures behind an image (ESP-IDF secure_boot_signatures_app.c): a block counts when
/// its CRC holds, its digest is the image's, its key is trusted, and the signature is that key's.
struct ESP32Signatures {
    enum Outcome: Hashable {
        case valid
        case damaged(String)
        case otherDigest
        case unknownKey
        case invalid
    }

    struct Checked {
        var offset: Int
        var kind: SecureBootBlock.Kind?
        var outcome: Outcome
        var key: ImageKey?
    }

    var checked: [Checked] = []
    var isValid: Bool { checked.contains { $0.outcome == .valid } }

    /// `keys` nil: the key in the block is taken for good, so that at least block and image are compared.
    init(_ bytes: [UInt8], _ layout: ESP32Layout, keys: [ImageKey]?) {
        guard Bounds.holds(bytes.count, layout.signatureSector, SecureBootBlock.size) else { return }
        var digests: [Bool: ImageDigest] = [:]
        for index in 0..<SecureBootBlock.count {
            switch SecureBootBlock.read(bytes, at: layout.signatureSector + index * SecureBootBlock.size) {
            case .none: break
            case .damaged(let offset, let text):
                checked.append(Checked(offset: offset, kind: nil, outcome: .damaged(text), key: nil))
            case .block(let block):
                let digest =
                    digests[block.usesSHA384] ?? ImageDigest(block.usesSHA384 ? .sha384 : .sha256, of: bytes, 0..<layout.signatureSector)
                digests[block.usesSHA384] = digest
                checked.append(Self.check(bytes, block, digest, keys))
            }
        }
    }

    private static func check(_ bytes: [UInt8], _ block: SecureBootBlock, _ digest: ImageDigest, _ keys: [ImageKey]?) -> Checked {
        var checked = Checked(offset: block.offset, kind: block.kind, outcome: .valid, key: block.key)
        if !bytes[block.digest].elementsEqual(digest.bytes) {
            checked.outcome = .otherDigest
        } else if let key = block.key, keys?.contains(key) ?? true {
            checked.outcome = key.verifies(block.signature, over: digest) ? .valid : .invalid
        } else {
            checked.outcome = .unknownKey
        }
        return checked
    }
}

/// Secure boot v1 of the first chips: a zero word and r, s of P-256, big-endian, over all before (ESP-IDF secure_boot_v1.rst).
enum ESP32OldSignature {
    static let size = 68

    /// Whether 68 bytes at `start` have the form; not all zeros, which is padding.
    static func isLikely(_ bytes: [UInt8], at start: Int) -> Bool {
        Bounds.holds(bytes.count, start, size) && LittleEndian.u32(bytes, at: start) == 0
            && bytes[start + 4..<start + size].contains { $0 != 0 && $0 != 0xff }
    }

    /// The first of the keys whose signature it is; `start` must have the form.
    static func signer(_ bytes: [UInt8], at start: Int, keys: [ImageKey]) -> ImageKey? {
        let digest = ImageDigest(.sha256, of: bytes, 0..<start)
        let signature = DER.signature(Array(bytes[start + 4..<start + 36]), Array(bytes[start + 36..<start + size]))
        return keys.first { if case .p256 = $0 { $0.verifies(signature, over: digest) } else { false } }
    }
}
