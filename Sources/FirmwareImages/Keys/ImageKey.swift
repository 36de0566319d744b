import Crypto
import CryptoExtras
import Foundation

/// A public key that images are signed for.
package enum ImageKey: Sendable, Hashable {
    /// 32 bytes, RFC 8032.
    case ed25519([UInt8])
    /// NIST P-192 of ESP chips, uncompressed point of 49 bytes.
    case p192([UInt8])
    /// NIST P-256, uncompressed point of 65 bytes.
    case p256([UInt8])
    /// NIST P-384, uncompressed point of 97 bytes.
    case p384([UInt8])
    /// PKCS#1 RSAPublicKey in DER, 2048 bits or more.
    case rsa([UInt8])

    /// Reads the first key of a PEM text: a public key (SubjectPublicKeyInfo or PKCS#1), or a private key (PKCS#8, SEC1,
    /// PKCS#1; not encrypted), of which the public half is taken.
    package init(pem text: String) throws(ImageKeyError) {
        guard let block = PEM.blocks(text).first(where: { $0.label.hasSuffix("KEY") }) else { throw .noKey }
        try self.init(block)
    }

    /// All keys of a PEM text; blocks that are no keys, such as certificates, are passed over.
    package static func keys(pem text: String) throws(ImageKeyError) -> [ImageKey] {
        var keys: [ImageKey] = []
        for block in PEM.blocks(text) where block.label.hasSuffix("KEY") { keys.append(try ImageKey(block)) }
        return keys
    }

    /// Reads a SubjectPublicKeyInfo (RFC 5280 §4.1) or a PKCS#1 RSAPublicKey.
    package init(der bytes: [UInt8]) throws(ImageKeyError) {
        if bytes.count == Self.ed25519Prefix.count + 32, bytes.starts(with: Self.ed25519Prefix) {
            self = .ed25519(Array(bytes.suffix(32)))
        } else if bytes.count == Self.p192Prefix.count + 48, bytes.starts(with: Self.p192Prefix) {
            self = .p192([4] + bytes.suffix(48))
        } else if let key = try? P256.Signing.PublicKey(derRepresentation: bytes) {
            self = .p256(Array(key.x963Representation))
        } else if let key = try? P384.Signing.PublicKey(derRepresentation: bytes) {
            self = .p384(Array(key.x963Representation))
        } else if let key = try? _RSA.Signing.PublicKey(derRepresentation: bytes) {
            self = .rsa(Array(key.pkcs1DERRepresentation))
        } else {
            throw .unknownKind
        }
    }

    private init(_ block: PEM.Block) throws(ImageKeyError) {
        switch block.label {
        case "PUBLIC KEY", "RSA PUBLIC KEY": try self.init(der: block.bytes)
        case "PRIVATE KEY", "EC PRIVATE KEY", "RSA PRIVATE KEY": try self.init(privateDER: block.bytes)
        case "ENCRYPTED PRIVATE KEY": throw .encrypted
        default: throw .unknownKind
        }
    }

    /// The public half of a private key.
    private init(privateDER bytes: [UInt8]) throws(ImageKeyError) {
        if bytes.count >= Self.ed25519PrivatePrefix.count + 32, bytes.starts(with: Self.ed25519PrivatePrefix),
            let key = try? Curve25519.Signing.PrivateKey(
                rawRepresentation: bytes[Self.ed25519PrivatePrefix.count..<Self.ed25519PrivatePrefix.count + 32])
        {
            self = .ed25519(Array(key.publicKey.rawRepresentation))
        } else if let key = try? P256.Signing.PrivateKey(derRepresentation: bytes) {
            self = .p256(Array(key.publicKey.x963Representation))
        } else if let key = try? P384.Signing.PrivateKey(derRepresentation: bytes) {
            self = .p384(Array(key.publicKey.x963Representation))
        } else if let key = try? _RSA.Signing.PrivateKey(derRepresentation: bytes) {
            self = .rsa(Array(key.publicKey.pkcs1DERRepresentation))
        } else {
            throw .unknownKind
        }
    }

    /// The key in DER as MCUboot hashes it: SubjectPublicKeyInfo of curves, PKCS#1 of RSA (specs/ota.md §5).
    package var encoded: [UInt8] {
        switch self {
        case .ed25519(let key): Self.ed25519Prefix + key
        case .p192(let point): Self.p192Prefix + point.dropFirst()
        case .p256(let point): (try? P256.Signing.PublicKey(x963Representation: point).derRepresentation).map(Array.init) ?? []
        case .p384(let point): (try? P384.Signing.PublicKey(x963Representation: point).derRepresentation).map(Array.init) ?? []
        case .rsa(let der): der
        }
    }

    /// `Ed25519`, `ECDSA P-256`, `RSA-3072`.
    package var name: String {
        switch self {
        case .ed25519: "Ed25519"
        case .p192: "ECDSA P-192"
        case .p256: "ECDSA P-256"
        case .p384: "ECDSA P-384"
        case .rsa: rsaKey.map { "RSA-\($0.keySizeInBits)" } ?? "RSA"
        }
    }

    /// SHA-256 of `encoded`.
    package var fingerprint: [UInt8] { Array(SHA256.hash(data: encoded)) }

    var rsaKey: _RSA.Signing.PublicKey? {
        guard case .rsa(let der) = self else { return nil }
        return try? _RSA.Signing.PublicKey(derRepresentation: der)
    }

    /// SEQUENCE { SEQUENCE { OID 1.3.101.112 }, BIT STRING } up to the 32 bytes of the key (RFC 8410 §4).
    private static let ed25519Prefix: [UInt8] = [0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00]
    /// The PKCS#8 form up to the 32 bytes of the seed (RFC 8410 §7).
    private static let ed25519PrivatePrefix: [UInt8] = [
        0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x04, 0x22, 0x04, 0x20,
    ]
    /// ecPublicKey with prime192v1, up to X (RFC 5480 §2.1.1.1).
    private static let p192Prefix: [UInt8] = [
        0x30, 0x49, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01,
        0x01, 0x03, 0x32, 0x00, 0x04,
    ]
}

/// Why a file is no key.
package enum ImageKeyError: Error, Sendable, Hashable, CustomStringConvertible {
    case noKey, encrypted, unknownKind

    package var description: String {
        switch self {
        case .noKey: "no PEM block with a key in it"
        case .encrypted: "the private key is encrypted; give the public key: openssl pkey -in KEY -pubout"
        case .unknownKind: "no key that images are signed with: Ed25519, ECDSA on P-192, P-256 or P-384, RSA of 2048 bits or more"
        }
    }
}
