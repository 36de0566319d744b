import Crypto
import LabCore

/// Keys and fingerprints of devices (badge-protocol.md, "Identity and keys").
///
/// Derived each time from the two master keys, so that no secret lies in the database.
package struct DeviceKeyring: Sendable {
    private let factoryKeys: KeyDerivation
    private let deviceKeys: KeyDerivation
    private let tenantSalt: String

    package init(_ settings: DeviceSettings) {
        factoryKeys = KeyDerivation(master: settings.factoryMasterKey, salt: "lab factory v1")
        deviceKeys = KeyDerivation(master: settings.deviceMasterKey, salt: "lab device v1")
        tenantSalt = settings.tenantSalt
    }

    /// The 32 bytes that a device leaves the factory with.
    package func factoryKey(serial: String) -> [UInt8] { factoryKeys.key("factory-key|\(serial)") }

    /// The 32 bytes that a device gets when it registers.
    ///
    /// - Parameter epoch: counts from 1; a higher one makes all earlier secrets worthless.
    package func deviceSecret(id: String, epoch: Int) -> [UInt8] { deviceKeys.key("device-key|\(id)|\(epoch)") }

    /// 64 hexadecimal digits that stay the same for one piece of hardware in one role.
    package func fingerprint(hardwareID: String, deviceType: String, serial: String) -> String {
        Hexadecimal.text(SHA256.hash(data: Array("\(tenantSalt)|\(hardwareID)|\(deviceType)|\(serial)".utf8)))
    }
}

/// base64url without padding (RFC 4648 §5).
package enum Base64URL {
    private static let alphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_".utf8)

    package static func text(_ bytes: [UInt8]) -> String {
        var output: [UInt8] = []
        output.reserveCapacity((bytes.count * 4 + 2) / 3)
        for start in stride(from: 0, to: bytes.count, by: 3) {
            let count = min(3, bytes.count - start)
            var group: UInt32 = 0
            for index in 0..<3 { group = group << 8 | (index < count ? UInt32(bytes[start + index]) : 0) }
            for index in 0...count { output.append(alphabet[Int(group >> UInt32(18 - 6 * index)) & 63]) }
        }
        return String(decoding: output, as: UTF8.self)
    }
}
