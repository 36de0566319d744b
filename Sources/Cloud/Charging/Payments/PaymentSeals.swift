import Crypto
import CryptoExtras
import Foundation
import SwiftASN1
import X509

/// Signs with SHA-256, RSA and PKCS#1 v1.5, as both services want it.
struct PaymentSigner: Sendable {
    private let key: _RSA.Signing.PrivateKey

    /// - Throws: `ConfigurationError` that names the setting and not the key.
    init(_ secret: PaymentSecret, setting: String) throws(ConfigurationError) {
        do { key = try _RSA.Signing.PrivateKey(pemRepresentation: secret.text) } catch {
            throw ConfigurationError(
                setting: setting, reason: "it must be an RSA private key of 2048 bits or more in PEM, without a passphrase")
        }
    }

    /// In base64. A key that was read can sign; were it otherwise, the service would refuse the empty signature.
    func signature(_ message: [UInt8]) -> String {
        (try? key.signature(for: message, padding: .insecurePKCS1v1_5))?.rawRepresentation.base64EncodedString() ?? ""
    }
}

/// Verifies what a service has signed.
struct PaymentVerifier: Sendable {
    private let key: _RSA.Signing.PublicKey

    private init(key: _RSA.Signing.PublicKey) { self.key = key }

    /// - Parameter pem: a public key or a certificate.
    init(pem: String, setting: String) throws(ConfigurationError) {
        if let certificate = PlatformCertificate(pem: pem) {
            self = certificate.verifier
        } else if let key = try? _RSA.Signing.PublicKey(pemRepresentation: pem) {
            self.key = key
        } else {
            throw ConfigurationError(
                setting: setting, reason: "it must be an RSA public key of 2048 bits or more, or a certificate, in PEM")
        }
    }

    /// - Parameter signature: base64.
    func accepts(_ signature: String, for message: [UInt8]) -> Bool {
        guard signature.utf8.count <= 1_024, let bytes = Data(base64Encoded: signature), bytes.count >= 256 else { return false }
        return key.isValidSignature(_RSA.Signing.RSASignature(rawRepresentation: bytes), for: message, padding: .insecurePKCS1v1_5)
    }

    /// A certificate of the service's platform.
    struct PlatformCertificate: Sendable {
        var verifier: PaymentVerifier
        /// Capital hexadecimal digits.
        var serial: String
        /// Unix seconds.
        var validity: ClosedRange<Int64>

        init?(pem: String) {
            guard let certificate = try? Certificate(pemEncoded: pem), let key = _RSA.Signing.PublicKey(certificate.publicKey),
                key.keySizeInBits >= 2_048
            else { return nil }
            let from = Int64(certificate.notValidBefore.timeIntervalSince1970)
            let to = Int64(certificate.notValidAfter.timeIntervalSince1970)
            guard from <= to else { return nil }
            verifier = PaymentVerifier(key: key)
            serial = certificate.serialNumber.bytes.map { byte in (byte < 16 ? "0" : "") + String(byte, radix: 16, uppercase: true) }
                .joined()
            validity = from...to
        }
    }
}

/// AEAD_AES_256_GCM of WeChat Pay's resources.
struct PaymentCipher: Sendable {
    private let key: SymmetricKey

    init(_ secret: PaymentSecret, setting: String) throws(ConfigurationError) {
        guard secret.text.utf8.count == 32 else { throw ConfigurationError(setting: setting, reason: "the APIv3 key has 32 bytes") }
        key = SymmetricKey(data: Data(secret.text.utf8))
    }

    /// For tests with vectors.
    init(key: [UInt8]) { self.key = SymmetricKey(data: key) }

    /// - Parameter ciphertext: base64, the tag of 16 bytes at its end.
    /// - Returns: `nil` where anything was changed, or the key is another one.
    func opened(_ ciphertext: String, nonce: [UInt8], associated: [UInt8]) -> [UInt8]? {
        guard let bytes = Data(base64Encoded: ciphertext), bytes.count >= 16, nonce.count == 12,
            let value = try? AES.GCM.Nonce(data: nonce),
            let box = try? AES.GCM.SealedBox(nonce: value, ciphertext: bytes.dropLast(16), tag: bytes.suffix(16)),
            let plain = try? AES.GCM.open(box, using: key, authenticating: associated)
        else { return nil }
        return Array(plain)
    }
}

enum PaymentComparison {
    /// Takes the same time wherever the two differ.
    static func isEqual(_ left: String, _ right: String) -> Bool {
        let (left, right) = (Array(left.utf8), Array(right.utf8))
        guard left.count == right.count else { return false }
        return zip(left, right).reduce(UInt8(0)) { $0 | ($1.0 ^ $1.1) } == 0
    }

    static func sha1(_ bytes: [UInt8]) -> [UInt8] { Array(Insecure.SHA1.hash(data: bytes)) }
}
