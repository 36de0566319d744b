import Crypto
import CryptoExtras
import Foundation
import LabCore

extension SigningKey {
    /// The kinds of keys that can be made.
    package enum Kind: String, Sendable, CaseIterable {
        /// For releases, roots and MCUboot images.
        case ed25519
        case ecdsaP256 = "ecdsa-p256"
        /// For MCUboot images only.
        case ecdsaP384 = "ecdsa-p384"
        /// RSA with 3072 bits.
        case rsa
        /// The same as `ed25519`, under the name that says what it is for.
        case imageEd25519 = "image-ed25519"
    }

    /// A new key out of the system's randomness.
    package init(making kind: Kind) throws {
        switch kind {
        case .ed25519, .imageEd25519: self = .ed25519(Curve25519.Signing.PrivateKey())
        case .ecdsaP256: self = .p256(P256.Signing.PrivateKey())
        case .ecdsaP384: self = .p384(P384.Signing.PrivateKey())
        case .rsa: self = .rsa(try _RSA.Signing.PrivateKey(keySize: .bits3072))
        }
    }

    /// The private key as PEM, PKCS#8 (RFC 5958), as openssl and imgtool read it.
    package var privatePEM: String {
        switch self {
        case .ed25519(let key):
            Self.pem(
                "PRIVATE KEY",
                [0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x04, 0x22, 0x04, 0x20] + key.rawRepresentation)
        case .p256(let key): key.pemRepresentation + "\n"
        case .p384(let key): key.pemRepresentation + "\n"
        case .rsa(let key): key.pkcs8PEMRepresentation + "\n"
        }
    }

    /// The public key as PEM, SubjectPublicKeyInfo.
    package var publicPEM: String { Self.pem("PUBLIC KEY", publicDER) }

    /// RFC 7468, 64 characters a line.
    private static func pem(_ label: String, _ der: [UInt8]) -> String {
        let text = Array(Data(der).base64EncodedString().utf8)
        var lines: [String] = []
        for start in stride(from: 0, to: text.count, by: 64) {
            lines.append(String(decoding: text[start..<min(start + 64, text.count)], as: UTF8.self))
        }
        return "-----BEGIN \(label)-----\n" + lines.joined(separator: "\n") + "\n-----END \(label)-----\n"
    }
}

extension ReleaseKey {
    /// The keys of a PEM text: public keys, private keys of which the public half is taken, certificates of authorities (`cms`).
    package static func keys(pem text: String) throws -> [ReleaseKey] {
        var result: [ReleaseKey] = []
        for block in PEM.blocks(text) {
            if block.label == "CERTIFICATE" {
                result.append(try ReleaseKey(.cms, der: block.bytes))
            } else if block.label == "PUBLIC KEY" {
                guard let key = [Scheme.ed25519, .ecdsaP256, .rsaPSS].lazy.compactMap({ try? ReleaseKey($0, der: block.bytes) }).first
                else {
                    throw Unusable(
                        text: "Releases are signed with Ed25519, P-256 or RSA keys of 2048 to 4096 bits; this public key is none of them.")
                }
                result.append(key)
            } else if block.label.hasSuffix("PRIVATE KEY") {
                result.append(try SigningKey(pem: text).releaseKey)
            }
        }
        guard !result.isEmpty else { throw Unusable(text: "It holds no public key and no certificate in PEM.") }
        return result
    }
}
