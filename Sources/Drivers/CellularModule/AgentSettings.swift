import LabCore

/// What the cloud can configure (badge protocol, "Modules"), as it is in force.
struct AgentSettings: Sendable, Equatable {
    /// Why a configuration is not taken: the word of the acknowledgement, and a sentence.
    struct Rejection: Error, Sendable, Equatable {
        var reason: String
        var message: String
    }

    static let keys = ["cellular.apn", "cellular.username", "cellular.password", "reporting.interval"]
    /// Keys in one message.
    static let mostKeys = 64

    /// 0 before the first configuration.
    var version: Int64 = 0
    /// `nil` leaves what the module has.
    var apn: String?
    var username = ""
    var password = ""
    /// Seconds between heartbeats, 5 to 3,600.
    var interval: Int64 = 30

    var hasPassword: Bool { !username.isEmpty || !password.isEmpty }

    /// The module needs to be told nothing.
    func hasSameContext(as other: AgentSettings) -> Bool { apn == other.apn && username == other.username && password == other.password }

    /// The settings with those of `config` taken over, all or none.
    func taking(_ config: Fields, version: Int64) throws(Rejection) -> AgentSettings {
        var settings = self
        var flat: [(key: String, value: FieldValue)] = []
        Self.flatten(config, below: "", into: &flat)
        guard (1...Self.mostKeys).contains(flat.count) else {
            throw Rejection(reason: "invalid_value", message: "one message takes 1 to \(Self.mostKeys) settings")
        }
        for (key, value) in flat { try settings.set(key, value) }
        settings.version = version
        return settings
    }

    private static func flatten(_ record: Fields, below group: String, into flat: inout [(key: String, value: FieldValue)]) {
        for entry in record where flat.count <= mostKeys {
            if case .record(let inner) = entry.value {
                flatten(inner, below: group + entry.name + ".", into: &flat)
            } else {
                flat.append((group + entry.name, entry.value))
            }
        }
    }

    private mutating func set(_ key: String, _ value: FieldValue) throws(Rejection) {
        switch key {
        case "cellular.apn": apn = try Self.text(key, value, longest: 100) { Self.isAPNCharacter($0) }
        case "cellular.username": username = try Self.text(key, value, longest: 64) { Self.isPlain($0) }
        case "cellular.password": password = try Self.text(key, value, longest: 64) { Self.isPlain($0) }
        case "reporting.interval":
            guard let seconds = value.integer ?? value.text.flatMap({ Int64($0) }), (5...3_600).contains(seconds) else {
                throw Rejection(reason: "invalid_value", message: "\(key) takes whole seconds from 5 to 3600")
            }
            interval = seconds
        default:
            throw Rejection(
                reason: "unknown_key", message: "'\(String(key.prefix(64)))' is no setting; there are \(Self.keys.joined(separator: ", "))")
        }
    }

    private static func text(
        _ key: String, _ value: FieldValue, longest: Int, _ isAllowed: (UInt8) -> Bool
    ) throws(Rejection) -> String {
        guard let text = value.text, text.utf8.count <= longest, text.utf8.allSatisfy(isAllowed) else {
            throw Rejection(
                reason: "invalid_value", message: "\(key) takes text of at most \(longest) characters that an AT command can hold")
        }
        return text
    }

    /// Letters, digits, `-` and `.` (3GPP TS 23.003 §9.1), and `_`, which operators use all the same.
    private static func isAPNCharacter(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "0")...UInt8(ascii: "9"): true
        default: byte == UInt8(ascii: "-") || byte == UInt8(ascii: ".") || byte == UInt8(ascii: "_")
        }
    }

    /// Printable ASCII without what ends a text or a command.
    private static func isPlain(_ byte: UInt8) -> Bool {
        (0x20...0x7e).contains(byte) && byte != UInt8(ascii: "\"") && byte != UInt8(ascii: "\\")
    }
}
