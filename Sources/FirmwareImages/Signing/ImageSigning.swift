import Crypto
import CryptoExtras
import LabCore

/// Signs images again, with another key.
package enum ImageSigning {
    /// An MCUboot image with hash, key hash and signature by `key`, in the order in which imgtool writes them.
    ///
    /// Header, body and protected area stay as they are; of the other area hashes, keys and signatures are replaced, the rest stays.
    /// SHA-256, with P-384 keys SHA-384, as imgtool does.
    ///
    /// - Throws: for what is no MCUboot image, is encrypted, or is padded to a slot already; and for RSA keys of other lengths than
    ///   2048 and 3072 bits, which MCUboot does not know.
    package static func sign(mcuboot bytes: [UInt8], with key: SigningKey) throws -> [UInt8] {
        let layout = try MCUbootLayout.read(bytes)
        guard !layout.records.contains(where: { (0x30..<0x40).contains($0.type) }) else {
            throw ImageRefusal(
                .encrypted, "hash and signature of an encrypted image are over its plain body; sign it where it is encrypted")
        }
        guard bytes[layout.end...].allSatisfy({ $0 == 0xff }) else {
            throw ImageRefusal(.badLayout, at: layout.end, "a trailer follows the image; sign it before it is padded to the slot")
        }
        let algorithm: ImageDigest.Algorithm = if case .p384 = key { .sha384 } else { .sha256 }
        let digest = ImageDigest(algorithm, of: bytes, layout.covered)
        guard let publicKey = try? ImageKey(der: key.publicDER) else {
            throw SigningKey.Unusable(description: "MCUboot does not know this kind of key.")
        }
        let (kind, signature) = try sign(digest, with: key)
        let encoded = publicKey.encoded
        var records = record(algorithm == .sha384 ? .sha384 : .sha256, digest.bytes)
        for kept in layout.records where !kept.isProtected && !isReplaced(kept) { records += bytes[kept.offset..<kept.value.upperBound] }
        records += record(.keyHash, ImageDigest(algorithm, of: encoded, 0..<encoded.count).bytes) + record(kind, signature)
        guard records.count + 4 <= Int(UInt16.max) else {
            throw ImageRefusal(.oversize, at: layout.end, "the TLVs have more than 65,535 bytes")
        }
        return Array(bytes[layout.covered]) + LittleEndian.bytes(MCUbootLayout.areaMagic) + LittleEndian.bytes(UInt16(records.count + 4))
            + records
    }

    private static func isReplaced(_ record: MCUbootRecord) -> Bool {
        guard let kind = record.kind else { return false }
        return kind.isSignature || kind.hash != nil || [.keyHash, .publicKey, .pureSignature].contains(kind)
    }

    private static func record(_ kind: MCUbootRecord.Kind, _ value: [UInt8]) -> [UInt8] {
        LittleEndian.bytes(kind.rawValue) + LittleEndian.bytes(UInt16(value.count)) + value
    }

    private static func sign(_ digest: ImageDigest, with key: SigningKey) throws -> (MCUbootRecord.Kind, [UInt8]) {
        switch (key, digest) {
        case (.ed25519(let key), _): return (.ed25519, Array(try key.signature(for: digest.bytes)))
        case (.p256(let key), .sha256(let digest)): return (.ecdsa, Array(try key.signature(for: digest).derRepresentation))
        case (.p384(let key), .sha384(let digest)): return (.ecdsa, Array(try key.signature(for: digest).derRepresentation))
        case (.rsa(let key), .sha256(let digest)) where key.keySizeInBits == 2_048 || key.keySizeInBits == 3_072:
            return (
                key.keySizeInBits == 2_048 ? .rsa2048 : .rsa3072, Array(try key.signature(for: digest, padding: .PSS).rawRepresentation)
            )
        default: throw SigningKey.Unusable(description: "MCUboot knows RSA keys of 2048 and 3072 bits only.")
        }
    }
}
