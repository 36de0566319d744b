import LabCore

/// The two families of devices, by the form of their registration and configuration.
package enum DeviceForm: String, Sendable, CaseIterable {
    /// luna-badge-cloud.md: one configuration key a message.
    case luna
    /// quectel-cloud-platform.md: a record of records.
    case quectel
}

/// What the cloud says about a device in `status`.
package enum Presence: String, Sendable, CaseIterable {
    case online, offline, restarting
}

/// Which texts may be names. Everything that becomes a part of a topic or of a key derivation is checked here.
enum DeviceNames {
    /// Letters, digits, `_` and `-`: nothing that means something in a topic, a path or SQL.
    static func isDeviceID(_ text: some StringProtocol) -> Bool {
        (1...64).contains(text.utf8.count) && text.utf8.allSatisfy { Characters.isBase64URL($0) }
    }

    static func isSerial(_ text: some StringProtocol) -> Bool {
        (1...64).contains(text.utf8.count) && text.utf8.allSatisfy { Characters.isBase64URL($0) || $0 == UInt8(ascii: ".") }
    }

    /// Words for types, commands, modules and capabilities: as device ids, and dots.
    static func isWord(_ text: some StringProtocol, maximum: Int) -> Bool {
        (1...maximum).contains(text.utf8.count) && text.utf8.allSatisfy { Characters.isBase64URL($0) || $0 == UInt8(ascii: ".") }
    }

    /// `00:11:22:33:44:55`, in either case.
    static func isMACAddress(_ text: some StringProtocol) -> Bool {
        text.utf8.count == 17
            && text.utf8.enumerated().allSatisfy { $0.offset % 3 == 2 ? $0.element == UInt8(ascii: ":") : Hexadecimal.value($0.element) != nil }
    }

    static func isHexadecimal(_ text: some StringProtocol) -> Bool {
        text.utf8.allSatisfy { Characters.isDigit($0) || (0x61...0x66).contains($0) || (0x41...0x46).contains($0) }
    }
}
