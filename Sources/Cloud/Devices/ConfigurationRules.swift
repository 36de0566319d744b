import LabCore

/// The types of configuration values (luna-badge-cloud.md, table `configs`, `config_type`).
package enum ConfigurationType: String, Sendable, CaseIterable {
    case string, integer, number, boolean, json
}

/// A value that fits its type, in the one way in which it is stored: `5`, `true`, `{"a":1}`.
struct ConfigurationValue: Sendable, Equatable {
    var type: ConfigurationType
    var text: String

    /// The value as JSON has it.
    var native: FieldValue {
        type == .string ? .text(text) : ((try? JSONReader.read(text)) ?? .text(text))
    }
}

struct ConfigurationChange: Sendable, Equatable {
    var key: String
    var value: ConfigurationValue
    var module: String?
}

/// What may be configured, decided from the request alone.
enum ConfigurationRules {
    /// Bytes of one value as it is stored.
    static let maximumValueBytes = 4_096
    /// Keys that one request may change.
    static let maximumChanges = 64
    /// Keys that one device may have.
    static let maximumKeys = 256
    static let maximumKeyBytes = 128
    /// Records within records in the Quectel form; what lies deeper is one `json` value.
    static let maximumDepth = 4

    /// Names of letters, digits, `_` and `-` that begin with a letter, joined by dots: `cellular.apn`.
    static func isKey(_ key: String) -> Bool {
        key.utf8.count <= maximumKeyBytes && key.split(separator: ".", omittingEmptySubsequences: false).allSatisfy(isName)
    }

    static func isName(_ name: some StringProtocol) -> Bool {
        guard let first = name.utf8.first, Characters.isAlphanumeric(first), !Characters.isDigit(first) else { return false }
        return name.utf8.allSatisfy { Characters.isBase64URL($0) }
    }

    /// Whether one key lies within the other, so that the nested form could not hold both: `wifi` and `wifi.ssid`.
    static func overlap(_ left: String, _ right: String) -> Bool {
        left.hasPrefix(right + ".") || right.hasPrefix(left + ".")
    }

    /// The changes that a body asks for: `config_key, config_value, config_type`, or a record of records.
    ///
    /// - Throws: `MISSING_FIELD`, `INVALID_FIELD`, `CONFIGURATION_INVALID`.
    static func changes(in body: Fields) throws(APIError) -> [ConfigurationChange] {
        if body["config_key"] != nil || body["config_value"] != nil { return [try single(body)] }
        var changes: [ConfigurationChange] = []
        try flatten(body, under: "", depth: 1, into: &changes)
        guard !changes.isEmpty else {
            throw APIError(.missingField, "Send config_key and config_value, or a record of configuration values.", details: ["field": "config_key"])
        }
        return changes
    }

    private static func single(_ body: Fields) throws(APIError) -> ConfigurationChange {
        let known = ["config_key", "config_value", "config_type", "module_name"]
        if let other = body.first(where: { !known.contains($0.name) }) {
            throw APIError(.unknownField, "'\(other.name)' does not belong beside config_key.", details: ["field": .text(other.name)])
        }
        guard let key = body["config_key"]?.text, isKey(key) else {
            throw .invalidField("config_key", "'config_key' must be names joined by dots, \(maximumKeyBytes) bytes at most, such as cellular.apn")
        }
        guard let given = body["config_value"] else {
            throw APIError(.missingField, "'config_value' is missing.", details: ["field": "config_value"])
        }
        var type = inferredType(given)
        if let name = body["config_type"] {
            guard let declared = name.text.flatMap(ConfigurationType.init) else {
                let words = ConfigurationType.allCases.map(\.rawValue).joined(separator: ", ")
                throw .invalidField("config_type", "'config_type' must be one of \(words)")
            }
            type = declared
        }
        var module: String?
        if let name = body["module_name"] {
            guard let text = name.text, DeviceNames.isWord(text, maximum: 64) else {
                throw .invalidField("module_name", "'module_name' must be a word of at most 64 bytes")
            }
            module = text
        }
        return ConfigurationChange(key: key, value: try value(given, of: type, key: key), module: module)
    }

    private static func flatten(_ record: Fields, under prefix: String, depth: Int, into changes: inout [ConfigurationChange]) throws(APIError) {
        for entry in record {
            let key = prefix.isEmpty ? entry.name : "\(prefix).\(entry.name)"
            guard isName(entry.name), key.utf8.count <= maximumKeyBytes else {
                throw .invalidField(String(key.prefix(64)), "a configuration key must be a name that begins with a letter, \(maximumKeyBytes) bytes at most")
            }
            if case .record(let inner) = entry.value, !inner.isEmpty, depth < maximumDepth {
                try flatten(inner, under: key, depth: depth + 1, into: &changes)
            } else {
                let type = inferredType(entry.value)
                changes.append(ConfigurationChange(key: key, value: try value(entry.value, of: type, key: key), module: nil))
            }
            guard changes.count <= maximumChanges else {
                throw APIError(.configurationInvalid, "One request may change \(maximumChanges) keys at most.", details: ["field": .text(key)])
            }
        }
    }

    /// The type of a value that comes without one.
    static func inferredType(_ value: FieldValue) -> ConfigurationType {
        switch value {
        case .bool: .boolean
        case .integer: .integer
        case .number: .number
        case .text: .string
        default: .json
        }
    }

    /// The value in its stored form. Texts are read as the type, since the seed sends `"config_value": "5"`.
    ///
    /// - Throws: `CONFIGURATION_INVALID`.
    static func value(_ given: FieldValue, of type: ConfigurationType, key: String) throws(APIError) -> ConfigurationValue {
        guard let text = text(given, of: type) else {
            throw APIError(
                .configurationInvalid, "The value of '\(key)' is not of the type \(type.rawValue).",
                details: ["field": .text(key), "type": .text(type.rawValue)])
        }
        guard text.utf8.count <= maximumValueBytes else {
            throw APIError(
                .configurationInvalid, "The value of '\(key)' is longer than \(maximumValueBytes) bytes.",
                details: ["field": .text(key), "limit": .integer(Int64(maximumValueBytes))])
        }
        return ConfigurationValue(type: type, text: text)
    }

    private static func text(_ given: FieldValue, of type: ConfigurationType) -> String? {
        // A text may hold the JSON of the value; a text of type `json` must.
        let value = type != .string ? given.text.map { try? JSONReader.read($0, maximumDepth: 8) } ?? given : given
        switch (type, value) {
        case (.string, .text(let text)?): return text.utf8.contains(0) ? nil : text
        // Beyond 2^53 other readers of JSON lose digits.
        case (.integer, .integer(let number)?) where number.magnitude <= 1 << 53: return String(number)
        case (.number, .integer(let number)?): return String(number)
        case (.number, .number?), (.boolean, .bool?): return value.map(JSONWriter.text)
        case (.json, let value?): return JSONWriter.text(value)
        default: return nil
        }
    }

    // MARK: What devices are sent

    /// The payload of `config/update` for one key (luna-badge-cloud.md, "配置更新"). The value is text, as there.
    static func lunaPayload(_ change: ConfigurationChange, version: Int64, timestamp: String) -> [UInt8] {
        JSONWriter.bytes([
            "config_key": .text(change.key), "config_value": .text(change.value.text), "config_type": .text(change.value.type.rawValue),
            "config_version": .integer(version), "timestamp": .text(timestamp),
        ])
    }

    /// The payload for several keys: `{"config":{"cellular":{"apn":"internet"}},…}`.
    static func quectelPayload(_ changes: [ConfigurationChange], version: Int64, timestamp: String) -> [UInt8] {
        var config = Fields()
        for change in changes {
            place(change.value.native, at: change.key.split(separator: ".").map(String.init)[...], in: &config)
        }
        return JSONWriter.bytes(["config": .record(config), "config_version": .integer(version), "timestamp": .text(timestamp)])
    }

    private static func place(_ value: FieldValue, at path: ArraySlice<String>, in fields: inout Fields) {
        guard let name = path.first else { return }
        if path.count == 1 {
            fields[name] = value
        } else {
            var inner = fields[name]?.record ?? Fields()
            place(value, at: path.dropFirst(), in: &inner)
            fields[name] = .record(inner)
        }
    }
}
