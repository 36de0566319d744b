package import Crypto
package import CryptoExtras

/// A private key that signs releases, roots or images. Only for tools and tests: no device holds one.
package enum SigningKey: Sendable {
    case ed25519(Curve25519.Signing.PrivateKey)
    case p256(P256.Signing.PrivateKey)
    case p384(P384.Signing.PrivateKey)
    case rsa(_RSA.Signing.PrivateKey)

    package struct Unusable: Error, Sendable, Hashable, CustomStringConvertible {
        package var description: String
    }

    /// The Ed25519 key of a seed of 32 bytes.
    package init(seed: [UInt8]) throws(Unusable) {
        guard let key = try? Curve25519.Signing.PrivateKey(rawRepresentation: seed) else {
            throw Unusable(description: "The seed of an Ed25519 key has 32 bytes, not \(seed.count).")
        }
        self = .ed25519(key)
    }

    /// A private key in PEM without a passphrase, as `openssl genpkey`, `openssl ecparam` and imgtool write it.
    package init(pem: String) throws(Unusable) {
        if pem.contains("ENCRYPTED") {
            throw Unusable(description: "The key is protected by a passphrase; remove it with `openssl pkey -in KEY -out PLAIN`.")
        }
        if let key = try? Curve25519.Signing.PrivateKey(pemRepresentation: pem) {
            self = .ed25519(key)
        } else if let key = try? P256.Signing.PrivateKey(pemRepresentation: pem) {
            self = .p256(key)
        } else if let key = try? P384.Signing.PrivateKey(pemRepresentation: pem) {
            self = .p384(key)
        } else if let key = try? _RSA.Signing.PrivateKey(pemRepresentation: pem) {
            self = .rsa(key)
        } else {
            throw Unusable(description: "It is no private key in PEM of a kind that is known: Ed25519, P-256, P-384, RSA from 2048 bits.")
        }
    }

    /// The key's name for people.
    package var kind: String {
        switch self {
        case .ed25519: "ed25519"
        case .p256: "ecdsa-p256"
        case .p384: "ecdsa-p384"
        case .rsa(let key): "rsa-\(key.keySizeInBits)"
        }
    }

    /// The public key as a SubjectPublicKeyInfo in DER.
    package var publicDER: [UInt8] {
        switch self {
        case .ed25519(let key): ReleaseKey.ed25519Prefix + Array(key.publicKey.rawRepresentation)
        case .p256(let key): Array(key.publicKey.derRepresentation)
        case .p384(let key): Array(key.publicKey.derRepresentation)
        case .rsa(let key): Array(key.publicKey.derRepresentation)
        }
    }

    /// The public half, as a root names it.
    ///
    /// - Throws: for P-384, which no scheme of the release set has.
    package var releaseKey: ReleaseKey {
        get throws(Unusable) {
            let scheme: ReleaseKey.Scheme
            switch self {
            case .ed25519: scheme = .ed25519
            case .p256: scheme = .ecdsaP256
            case .rsa: scheme = .rsaPSS
            case .p384: throw Unusable(description: "Releases and roots are signed with Ed25519, P-256 or RSA keys, not with P-384.")
            }
            do { return try ReleaseKey(scheme, der: publicDER) } catch { throw Unusable(description: error.text) }
        }
    }

    /// A signature over `message` in the form of the key's scheme. Ed25519 gives the same bytes each time; the others contain chance.
    func signature(for message: [UInt8]) throws -> [UInt8] {
        switch self {
        case .ed25519(let key): Array(try key.signature(for: message))
        case .p256(let key): Array(try key.signature(for: message).derRepresentation)
        case .p384(let key): Array(try key.signature(for: message).derRepresentation)
        case .rsa(let key): Array(try key.signature(for: message, padding: .PSS).rawRepresentation)
        }
    }
}
