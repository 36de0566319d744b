import Crypto
import Foundation

/// HMAC-SHA256 (RFC 2104) under a key that stays, with the key's own blocks hashed once and not for every message.
struct KeyedHash: Sendable {
    private let keyed: HMAC<SHA256>

    init(key: some ContiguousBytes) { keyed = HMAC(key: SymmetricKey(data: key)) }

    /// 32 bytes.
    func code(for message: some DataProtocol) -> HMAC<SHA256>.MAC {
        var hash = keyed
        hash.update(data: message)
        return hash.finalize()
    }

    /// Whether a code is the message's, in a time that does not tell where they differ.
    func isValid(_ code: [UInt8], for message: some DataProtocol) -> Bool {
        // `==` of a code compares all bytes, with the other's length known to be the same.
        code.count == SHA256.byteCount && self.code(for: message) == code
    }
}

/// HKDF-SHA256 (RFC 5869) from one master key to any number of keys.
///
/// `HKDF.deriveKey` would extract from the master key anew for each of them, which is half of the work.
struct KeyDerivation: Sendable {
    private let extracted: KeyedHash

    /// - Parameter salt: keeps the keys of one purpose apart from those of every other.
    init(master: [UInt8], salt: String) {
        extracted = KeyedHash(key: HKDF<SHA256>.extract(inputKeyMaterial: SymmetricKey(data: master), salt: Array(salt.utf8)))
    }

    /// 32 bytes: the first block of the expansion (RFC 5869 §2.3), which is all that is needed.
    func key(_ info: String) -> [UInt8] { Array(extracted.code(for: Array(info.utf8) + [1])) }
}
