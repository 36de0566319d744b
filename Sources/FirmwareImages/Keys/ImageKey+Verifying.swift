import Crypto
import CryptoExtras
import Foundation

extension ImageKey {
    /// Whether `signature` is this key's over `digest`; false for signatures that cannot be read.
    ///
    /// ECDSA as DER, of which padding behind it is cut off (old signing tools pad to a fixed length); RSA as PSS with SHA-256
    /// and a salt of 32 bytes; Ed25519 over the digest's bytes as the message, as MCUboot does it (specs/ota.md §5).
    func verifies(_ signature: [UInt8], over digest: ImageDigest) -> Bool {
        switch digest {
        case .sha256(let digest): verifies(signature, digest)
        case .sha384(let digest): verifies(signature, digest)
        case .sha512(let digest): verifies(signature, digest)
        }
    }

    private func verifies(_ signature: [UInt8], _ digest: some Digest) -> Bool {
        switch self {
        case .ed25519: verifiesPure(signature, over: Data(digest))
        case .p192(let point): P192.isValid(signature, digest: Array(digest), point: point)
        case .p256(let point): p256Verifies(point, signature, digest)
        case .p384(let point): p384Verifies(point, signature, digest)
        case .rsa:
            rsaKey.map {
                $0.keySizeInBits == signature.count * 8
                    && $0.isValidSignature(.init(rawRepresentation: signature), for: digest, padding: .PSS)
            } ?? false
        }
    }

    /// Ed25519 over a whole message (RFC 8032 §5.1); false for other keys.
    func verifiesPure(_ signature: [UInt8], over message: some DataProtocol) -> Bool {
        guard case .ed25519(let raw) = self, signature.count == 64, let key = try? Curve25519.Signing.PublicKey(rawRepresentation: raw)
        else { return false }
        return key.isValidSignature(signature, for: message)
    }

    private func p256Verifies(_ point: [UInt8], _ signature: [UInt8], _ digest: some Digest) -> Bool {
        guard let key = try? P256.Signing.PublicKey(x963Representation: point), let der = Self.unpadded(signature),
            let signature = try? P256.Signing.ECDSASignature(derRepresentation: der)
        else { return false }
        return key.isValidSignature(signature, for: digest)
    }

    private func p384Verifies(_ point: [UInt8], _ signature: [UInt8], _ digest: some Digest) -> Bool {
        guard let key = try? P384.Signing.PublicKey(x963Representation: point), let der = Self.unpadded(signature),
            let signature = try? P384.Signing.ECDSASignature(derRepresentation: der)
        else { return false }
        return key.isValidSignature(signature, for: digest)
    }

    /// SEQUENCE with a length below 128: up to its end.
    private static func unpadded(_ signature: [UInt8]) -> [UInt8]? {
        guard signature.count > 2, signature[0] == 0x30, signature[1] < 0x80, signature.count >= 2 + Int(signature[1]) else { return nil }
        return Array(signature[..<(2 + Int(signature[1]))])
    }
}
