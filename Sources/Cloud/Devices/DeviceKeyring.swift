import Crypto
import LabCore

/// Keys and fingerprints of devices (badge-protocol.md, "Identity and keys").
///
/// Derived each time from the two master keys, so that no secret lies in the database.
package struct DeviceKeyring: Sendable {
    private let factoryMasterKey: [UInt8]
    private let deviceMasterKey: [UInt8]
    private let tenantSalt: String

    package init(_ settings: DeviceSettings) {
        factoryMasterKey = settings.factoryMasterKey
        deviceMasterKey = settings.deviceMasterKey
        tenantSalt = settings.tenantSalt
    }

    /// The 32 bytes that a device leaves the factory with.
    package func factoryKey(serial: String) -> [UInt8] {
        derive(from: factoryMasterKey, salt: "lab factory v1", info: "factory-key|\(serial)")
    }

    /// The 32 bytes that a device gets when it registers.
    ///
    /// - Parameter epoch: counts from 1; a higher one makes all earlier secrets worthless.
    package func deviceSecret(id: String, epoch: Int) -> [UInt8] {
        derive(from: deviceMasterKey, salt: "lab device v1", info: "device-key|\(id)|\(epoch)")
    }

    /// 64 hexadecimal digits that stay the same for one piece of hardware in one role.
    package func fingerprint(hardwareID: String, deviceType: String, serial: String) -> String {
        Hexadecimal.text(SHA256.hash(data: Array("\(tenantSalt)|\(hardwareID)|\(deviceType)|\(serial)".utf8)))
    }

    private func derive(from master: [UInt8], salt: String, info: String) -> [UInt8] {
        let key = HKDF<SHA256>.deriveKey(
            inputKeyMaterial: SymmetricKey(data: master), salt: Array(salt.utf8), info: Array(info.utf8), outputByteCount: 32)
        return unsafe key.withUnsafeBytes { unsafe Array($0) }
    }
}

/// base64url without padding (RFC 4648 §5).
package enum Base64URL {
    private static let alphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_".utf8)

    package static func text(_ bytes: [UInt8]) -> String {
        var output: [UInt8] = []
        for start in stride(from: 0, to: bytes.count, by: 3) {
            let count = min(3, bytes.count - start)
            var group: UInt32 = 0
            for index in 0..<3 { group = group << 8 | (index < count ? UInt32(bytes[start + index]) : 0) }
            for index in 0...count { output.append(alphabet[Int(group >> UInt32(18 - 6 * index)) & 63]) }
        }
        return String(decoding: output, as: UTF8.self)
    }
}
