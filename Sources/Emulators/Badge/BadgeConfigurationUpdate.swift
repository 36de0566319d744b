import LabCore

/// Configuration from the cloud: newer versions only, all of one message or nothing, kept before it is acknowledged
/// (badge protocol, "MQTT").
extension Badge {
    /// The longest message that the badge reads.
    static let longestMessage = 8_192
    /// Bytes of a reason in an acknowledgement.
    static let longestReason = 240
    /// Settings in one message.
    static let mostSettings = 64

    typealias Setting = (name: String, value: FieldValue, type: String?)

    mutating func configurationArrived(
        _ payload: [UInt8], at now: RunInstant, _ effects: inout [DeviceEffect]
    ) throws(PowerFailure) {
        let message = Self.record(payload)
        guard let message, let version = Self.version(message["config_version"]) else {
            let text = message == nil ? "the message is no JSON record of at most \(Self.longestMessage) bytes" : "config_version is missing or no whole number"
            // There is no version that an acknowledgement could name; the next status says what the badge has.
            return noteRejection(.malformed(text), version: nil, &effects)
        }
        guard version > ram.configuration.version else {
            effects.append(
                .note("config.ignored", ["version": .integer(version), "current": .integer(ram.configuration.version)]))
            return acknowledgeConfiguration(version, "applied", reason: "not_newer", at: now, &effects)
        }
        var updated = ram.configuration
        let settings: [Setting]
        do throws(BadgeConfiguration.Rejection) {
            settings = try Self.settings(in: message)
            for setting in settings { try updated.set(setting.name, setting.value, type: setting.type) }
        } catch { return reject(error, version: version, at: now, &effects) }
        updated.version = version
        guard try save([(.configuration, updated.bytes)], &effects) else {
            return reject(.init(reason: "flash_failed", message: "the flash takes no more"), version: version, at: now, &effects)
        }
        take(updated, settings, at: now, &effects)
    }

    /// Lets the kept configuration take effect.
    private mutating func take(
        _ updated: BadgeConfiguration, _ settings: [Setting], at now: RunInstant, _ effects: inout [DeviceEffect]
    ) {
        let interval = ram.configuration.heartbeatInterval
        ram.configuration = updated
        for setting in settings {
            guard let key = BadgeConfiguration.Key(rawValue: setting.name) else { continue }
            effects.append(
                .note(
                    "config.applied",
                    ["key": .text(setting.name), "value": .text(updated.text(key)), "version": .integer(updated.version)]))
        }
        if updated.heartbeatInterval != interval, ram.phase == .online {
            effects.append(.startTimer(.heartbeat, after: .seconds(Int64(updated.heartbeatInterval))))
        }
        acknowledgeConfiguration(updated.version, "applied", at: now, &effects)
        log(.info, "config", "Configuration applied", details: ["config_version": .integer(updated.version)], at: now, &effects)
    }

    private mutating func reject(
        _ rejection: BadgeConfiguration.Rejection, version: Int64, at now: RunInstant, _ effects: inout [DeviceEffect]
    ) {
        noteRejection(rejection, version: version, &effects)
        let reason = "\(rejection.reason): \(rejection.message)"
        acknowledgeConfiguration(version, "rejected", reason: reason.bounded(to: Self.longestReason), at: now, &effects)
    }

    private func noteRejection(_ rejection: BadgeConfiguration.Rejection, version: Int64?, _ effects: inout [DeviceEffect]) {
        var fields: Fields = ["reason": .text(rejection.reason), "message": .text(rejection.message)]
        if let version { fields["version"] = .integer(version) }
        effects.append(.note("config.rejected", fields))
    }

    private mutating func acknowledgeConfiguration(
        _ version: Int64, _ status: String, reason: String? = nil, at now: RunInstant, _ effects: inout [DeviceEffect]
    ) {
        var fields: Fields = ["config_version": .integer(version), "status": .text(status)]
        if let reason { fields["reason"] = .text(reason) }
        fields["timestamp"] = timestamp(at: now)
        publish("config/ack", fields, &effects)
    }

    static func record(_ payload: [UInt8]) -> Fields? {
        guard payload.count <= longestMessage, let value = try? JSONReader.read(payload, maximumDepth: 8) else { return nil }
        return value.record
    }

    /// A version may come as a number or as its text, as the seed's table has it.
    private static func version(_ value: FieldValue?) -> Int64? {
        (value?.integer ?? value?.text.flatMap { Int64($0) }).flatMap { $0 >= 1 ? $0 : nil }
    }

    /// The settings of either form: one key (Luna) or a record (Quectel), whose inner records may be `{value, type}` or groups.
    private static func settings(in message: Fields) throws(BadgeConfiguration.Rejection) -> [Setting] {
        var settings: [Setting] = []
        if let key = message.text("config_key"), let value = message["config_value"] {
            settings.append((key, value, message.text("config_type")))
        } else if let record = message["config"]?.record {
            collect(record, below: "", into: &settings)
        } else {
            throw .malformed("neither config_key with config_value nor config is there")
        }
        guard (1...mostSettings).contains(settings.count) else { throw .malformed("one message takes 1 to \(mostSettings) settings") }
        return settings
    }

    private static func collect(_ record: Fields, below group: String, into settings: inout [Setting]) {
        for entry in record where settings.count <= mostSettings {
            let name = group + entry.name
            switch entry.value {
            case .record(let inner):
                if let value = inner["value"] {
                    settings.append((name, value, inner.text("type")))
                } else {
                    collect(inner, below: name + ".", into: &settings)
                }
            case let value: settings.append((name, value, nil))
            }
        }
    }
}

extension BadgeConfiguration.Rejection {
    fileprivate static func malformed(_ message: String) -> Self { Self(reason: "malformed", message: message) }
}

extension StringProtocol {
    /// As many whole characters from the beginning as fit into so many bytes.
    func bounded(to count: Int) -> String {
        var result = ""
        for character in self {
            guard result.utf8.count + character.utf8.count <= count else { break }
            result.append(character)
        }
        return result
    }
}
