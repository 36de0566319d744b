import Crypto
import CryptoExtras
import LabCore

/// A public key that a root names, with the way in which it signs.
package struct ReleaseKey: Sendable, Hashable {
    package enum Scheme: String, Sendable, Hashable, CaseIterable {
        /// RFC 8032 over the signed bytes; 64 bytes.
        case ed25519
        /// ECDSA on P-256 with SHA-256 over the signed bytes, DER as `openssl dgst -sha256 -sign` writes it.
        case ecdsaP256 = "ecdsa-p256"
        /// RSASSA-PSS with SHA-256, MGF1 with SHA-256, a salt of 32 bytes; keys of 2048 to 4096 bits.
        case rsaPSS = "rsa-pss"
        /// A detached CMS in DER as `openssl cms -sign -binary -outform DER` writes it over the signed bytes. The root names the
        /// certificate of the authority; the signer's own certificate travels in the CMS and can be renewed without a new root.
        case cms
    }

    package let scheme: Scheme
    /// DER: SubjectPublicKeyInfo, or for `cms` the certificate of the authority.
    package let der: [UInt8]
    /// SHA-256 of `der`. Two names for one key are not possible.
    package let id: [UInt8]

    /// What makes a key unusable, in a sentence.
    package struct Unusable: Error, Sendable, Hashable {
        package var text: String
    }

    package init(_ scheme: Scheme, der: [UInt8]) throws(Unusable) {
        self.scheme = scheme
        self.der = der
        id = Array(SHA256.hash(data: der))
        // Read now, so that a root with a broken key is refused when it comes, not when it is needed.
        let isUsable =
            switch scheme {
            case .ed25519: ed25519Key != nil
            case .ecdsaP256: p256Key != nil
            case .rsaPSS: rsaKey != nil
            case .cms: CMSSignature.isCertificate(der)
            }
        if !isUsable {
            throw Unusable(text: "It is not \(scheme == .cms ? "a certificate" : "a public key for \(scheme.rawValue)") in DER.")
        }
    }

    /// Whether `signature` is this key's over `message`.
    ///
    /// - Parameter time: Unix seconds at which the certificates of a CMS must be valid.
    package func isValid(_ signature: [UInt8], for message: [UInt8], at time: Int64) -> Bool {
        switch scheme {
        case .ed25519: return ed25519Key?.isValidSignature(signature, for: message) ?? false
        case .ecdsaP256:
            guard let parsed = try? P256.Signing.ECDSASignature(derRepresentation: signature) else { return false }
            return p256Key?.isValidSignature(parsed, for: message) ?? false
        case .rsaPSS:
            return rsaKey?.isValidSignature(_RSA.Signing.RSASignature(rawRepresentation: signature), for: message, padding: .PSS) ?? false
        case .cms:
            if case .success = CMSSignature.verifyDetached(signature, over: message, roots: [der], at: .moment(time)) { return true }
            return false
        }
    }

    /// What precedes the 32 bytes of the key in a SubjectPublicKeyInfo (RFC 8410 §4).
    static let ed25519Prefix: [UInt8] = [0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00]

    private var ed25519Key: Curve25519.Signing.PublicKey? {
        guard der.count == 44, der.starts(with: Self.ed25519Prefix) else { return nil }
        return try? Curve25519.Signing.PublicKey(rawRepresentation: der[12...])
    }

    private var p256Key: P256.Signing.PublicKey? {
        // Written again it must be the same bytes: one key, one name.
        guard let key = try? P256.Signing.PublicKey(derRepresentation: der), Array(key.derRepresentation) == der else { return nil }
        return key
    }

    private var rsaKey: _RSA.Signing.PublicKey? {
        guard der.count <= 1_024, let key = try? _RSA.Signing.PublicKey(derRepresentation: der), key.keySizeInBits <= 4_096,
            Array(key.derRepresentation) == der
        else { return nil }
        return key
    }
}

/// Keys and how many of them must sign.
package struct ReleaseRole: Sendable, Hashable {
    package var keys: [ReleaseKey]
    /// 1 to the number of keys.
    package var threshold: Int

    package init(keys: [ReleaseKey], threshold: Int) {
        self.keys = keys
        self.threshold = threshold
    }
}
