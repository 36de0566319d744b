import CloudClient
import LabCore

/// What the factory knows: the master key from which each device's key is made (badge protocol, "Identity and keys").
package struct BadgeFactory: Sendable, Equatable {
    package let master: [UInt8]

    /// - Parameter master: the factory master key, 32 bytes or more in earnest.
    package init(master: [UInt8]) { self.master = master }

    package static func key(master: [UInt8], serial: String) -> [UInt8] { FactoryKey.of(serial: serial, master: master) }

    /// The MCU's unique id, 24 hexadecimal digits: the same for the same seed and serial number.
    package static func hardwareID(seed: UInt64, serial: String) -> String {
        var generator = SeededGenerator(seed: seed, purpose: "hardware id of \(serial)")
        return Hexadecimal.text(generator.bytes(12))
    }

    /// The identity with which a badge leaves the factory.
    package func identity(serial: String, seed: UInt64) -> BadgeIdentity {
        BadgeIdentity(
            serialNumber: serial, hardwareID: Self.hardwareID(seed: seed, serial: serial), factoryKey: Self.key(master: master, serial: serial))
    }
}

/// What the factory writes into a badge, once: the content of its factory sector.
package struct BadgeIdentity: Sendable, Equatable {
    /// `BDG-0007`: 1 to 64 letters, digits, `-`, `_` and `.`, because a part of it becomes a level of topics.
    package var serialNumber: String
    /// 24 hexadecimal digits.
    package var hardwareID: String
    /// 32 bytes.
    package var factoryKey: [UInt8]

    package init(serialNumber: String, hardwareID: String, factoryKey: [UInt8]) {
        self.serialNumber = serialNumber
        self.hardwareID = hardwareID
        self.factoryKey = factoryKey
    }

    /// What follows the last `-` of the serial number.
    private var number: Substring { serialNumber.split(separator: "-", omittingEmptySubsequences: true).last ?? "" }

    /// The id that the badge chooses at registration: `luna_badge_0007`.
    package var deviceID: String { "luna_badge_\(number)" }
    var deviceName: String { "Luna Badge \(number)" }

    /// A locally administered address made from the hardware id, as a radio without an own one does.
    var macAddress: String {
        let bytes = (Hexadecimal.bytes(hardwareID) ?? []).suffix(5)
        return (["02"] + (Array(repeating: 0, count: 5 - bytes.count) + bytes).map { Hexadecimal.text([$0]) }).joined(separator: ":")
    }

    static func isSerialNumber(_ text: String) -> Bool {
        isName(text) && text.allSatisfy { $0.isLetter || $0.isNumber || $0 == "-" || $0 == "_" || $0 == "." }
    }

    /// 1 to 64 printable ASCII characters without spaces.
    static func isName(_ text: String) -> Bool { (1...64).contains(text.utf8.count) && text.utf8.allSatisfy { (0x21...0x7e).contains($0) } }
    static func isHardwareID(_ text: String) -> Bool { text.utf8.count == 24 && text.utf8.allSatisfy { Hexadecimal.value($0) != nil } }

    /// Serial number and hardware id with their lengths, the key, and a CRC-32 of all that.
    var bytes: [UInt8] {
        var bytes: [UInt8] = []
        bytes.append(shortText: serialNumber)
        bytes.append(shortText: hardwareID)
        bytes.append(contentsOf: factoryKey)
        bytes.append(littleEndian: CRC32.of(bytes))
        return bytes
    }


    /// Reads a factory sector; `nil` where none was written, or not completely.
    init?(bytes: [UInt8]) {
        var cursor = ByteCursor(bytes)
        guard let serial = cursor.shortText(), let hardware = cursor.shortText(), let key = cursor.take(32) else { return nil }
        let covered = bytes.prefix(cursor.position)
        guard cursor.integer() == CRC32.of(covered), Self.isSerialNumber(serial), Self.isHardwareID(hardware) else { return nil }
        self.init(serialNumber: serial, hardwareID: hardware, factoryKey: Array(key))
    }
}

/// Where the badge finds its cloud, as its firmware was built.
package struct BadgeCloudAddress: Sendable, Equatable {
    /// The host name that goes into `host` and into signatures: `cloud.lab`.
    package var host: String
    /// The tenant; `default` is not sent.
    package var tenant: String

    package init(host: String, tenant: String = "default") {
        self.host = host
        self.tenant = tenant
    }
}
