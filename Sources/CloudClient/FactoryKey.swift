import Crypto

/// The key that the factory writes into a device (badge protocol, "Identity and keys").
package enum FactoryKey {
    /// `HKDF-SHA256(key: factory master key, salt: "lab factory v1", info: "factory-key|" + serial number)`, 32 bytes.
    package static func of(serial: String, master: [UInt8]) -> [UInt8] {
        let seed = HKDF<SHA256>.extract(inputKeyMaterial: SymmetricKey(data: master), salt: Array("lab factory v1".utf8))
        // 32 bytes are the first block of the expansion (RFC 5869 §2.3), taken as it is: SymmetricKey gives its bytes to unsafe code only.
        let block = Array("factory-key|\(serial)".utf8) + [0x01]
        return Array(HMAC<SHA256>.authenticationCode(for: block, using: SymmetricKey(data: Array(seed))))
    }
}
