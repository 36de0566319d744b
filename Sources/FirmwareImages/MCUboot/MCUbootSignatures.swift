import CryptoExtras

/// What the keys say to an image's signatures, as the bootloader finds out: each signature belongs to the key that the
/// entry before it names, by hash or in full; a signature of another key is passed over (MCUboot image_validate.c).
struct MCUbootSignatures {
    enum Outcome: Hashable {
        case valid
        case invalid
        /// The entry before names no key that is known.
        case unknownKey
        /// The kind of signature is not the key's.
        case otherKind
    }

    struct Checked {
        var record: MCUbootRecord
        /// The entry that names the key.
        var keyRecord: MCUbootRecord?
        var outcome: Outcome
        var key: ImageKey?
    }

    var checked: [Checked] = []
    var isValid: Bool { checked.contains { $0.outcome == .valid } }

    /// `isPure`: Ed25519 over the covered bytes themselves instead of their hash.
    init(_ bytes: [UInt8], _ layout: MCUbootLayout, keys: [ImageKey], digest: ImageDigest?, isPure: Bool) {
        var keyRecord: MCUbootRecord?
        var key: ImageKey?
        for record in layout.records where !record.isProtected {
            switch record.kind {
            case .keyHash:
                keyRecord = record
                key = keys.first { Self.keyHash($0, length: record.value.count).map { bytes[record.value].elementsEqual($0) } ?? false }
            case .publicKey:
                keyRecord = record
                key = keys.first { bytes[record.value].elementsEqual($0.encoded) }
            case let kind? where kind.isSignature:
                let outcome = key.map { Self.check(bytes, layout, record, kind, key: $0, digest: digest, isPure: isPure) } ?? .unknownKey
                checked.append(Checked(record: record, keyRecord: keyRecord, outcome: outcome, key: key))
            default: break
            }
        }
    }

    static func check(
        _ bytes: [UInt8], _ layout: MCUbootLayout, _ record: MCUbootRecord, _ kind: MCUbootRecord.Kind, key: ImageKey, digest: ImageDigest?,
        isPure: Bool
    ) -> Outcome {
        guard belongs(kind, to: key) else { return .otherKind }
        let signature = Array(bytes[record.value])
        if isPure { return key.verifiesPure(signature, over: bytes[layout.covered]) ? .valid : .invalid }
        return digest.map { key.verifies(signature, over: $0) } ?? false ? .valid : .invalid
    }

    private static func belongs(_ kind: MCUbootRecord.Kind, to key: ImageKey) -> Bool {
        switch (kind, key) {
        case (.ed25519, .ed25519), (.ecdsa, .p256), (.ecdsa, .p384): true
        case (.rsa2048, .rsa): key.rsaKey?.keySizeInBits == 2_048
        case (.rsa3072, .rsa): key.rsaKey?.keySizeInBits == 3_072
        default: false
        }
    }

    /// The hash that names a key, by the same algorithm as the image's; its length says which that is.
    private static func keyHash(_ key: ImageKey, length: Int) -> [UInt8]? {
        let encoded = key.encoded
        return [ImageDigest.Algorithm.sha256, .sha384, .sha512].first { $0.length == length }.map {
            ImageDigest($0, of: encoded, 0..<encoded.count).bytes
        }
    }
}
