import LabCore

/// The settings of a badge, as they are in force and in flash.
struct BadgeConfiguration: Sendable, Equatable {
    /// What the cloud can set.
    enum Key: String, Sendable, CaseIterable {
        case heartbeatInterval = "heartbeat_interval"
        case detectionInterval = "detection_interval"
        case logLevel = "log_level"
        case volume
        case brightness
        case language
        case speech = "tts_enabled"
        case temperatureLimit = "temperature_limit"
    }

    /// Why a setting is not taken: a word, and a sentence.
    struct Rejection: Error, Sendable, Equatable {
        var reason: String
        var message: String
    }

    /// 0 before the first configuration.
    var version: Int64 = 0
    /// Seconds between heartbeats, 5 to 3,600.
    private(set) var heartbeatInterval: UInt16 = 30
    /// Seconds between detections, 1 to 3,600.
    private(set) var detectionInterval: UInt16 = 5
    private(set) var logLevel = BadgeLogLevel.info
    /// Percent.
    private(set) var volume: UInt8 = 60
    /// Percent.
    private(set) var brightness: UInt8 = 80
    private(set) var speaks = true
    /// °C · 10, 40.0 to 95.0.
    private(set) var temperatureLimit: Int16 = 800
    /// A tag of two letters, and perhaps a region: `zh-CN`.
    private(set) var language = "zh-CN"

    init() {}

    /// The setting as `config_value` writes it.
    func text(_ key: Key) -> String {
        switch key {
        case .heartbeatInterval: String(heartbeatInterval)
        case .detectionInterval: String(detectionInterval)
        case .logLevel: logLevel.rawValue
        case .volume: String(volume)
        case .brightness: String(brightness)
        case .language: language
        case .speech: String(speaks)
        case .temperatureLimit: "\(Double(temperatureLimit) / 10)"
        }
    }

    /// Takes a setting by its name on the wire.
    ///
    /// - Parameters:
    ///   - value: the value, or its text as in the seed (`"5"`).
    ///   - type: `config_type`; `string` says nothing about the value, as it is the cloud's default.
    mutating func set(_ name: String, _ value: FieldValue, type: String?) throws(Rejection) {
        guard let key = Key(rawValue: name) else {
            throw Rejection(
                reason: "unknown_key", message: "'\(name.bounded(to: 64))' is no setting; there are \(Key.allCases.map(\.rawValue).joined(separator: ", "))")
        }
        if let type, !key.typeNames.contains(type), type != "string" {
            throw Rejection(reason: "wrong_type", message: "\(name) is of type \(key.typeNames[0]), not \(type.bounded(to: 32))")
        }
        switch key {
        case .heartbeatInterval: heartbeatInterval = UInt16(try Self.whole(key, value, 5...3_600))
        case .detectionInterval: detectionInterval = UInt16(try Self.whole(key, value, 1...3_600))
        case .volume: volume = UInt8(try Self.whole(key, value, 0...100))
        case .brightness: brightness = UInt8(try Self.whole(key, value, 0...100))
        case .temperatureLimit: temperatureLimit = Int16((try Self.number(key, value, 40...95) * 10).rounded())
        case .speech: speaks = try Self.truth(key, value)
        case .logLevel:
            guard let level = value.text.flatMap(BadgeLogLevel.init) else {
                throw .outOfRange(key, "one of \(BadgeLogLevel.allCases.map(\.rawValue).joined(separator: ", "))")
            }
            logLevel = level
        case .language:
            guard let text = value.text, Self.isLanguage(text) else { throw .outOfRange(key, "a language such as zh-CN or en") }
            language = text
        }
    }

    private static func whole(_ key: Key, _ value: FieldValue, _ range: ClosedRange<Int64>) throws(Rejection) -> Int64 {
        guard let number = value.integer ?? value.text.flatMap({ Int64($0) }) else { throw .wrongType(key, "a whole number") }
        guard range.contains(number) else { throw .outOfRange(key, "\(range.lowerBound) to \(range.upperBound)") }
        return number
    }

    private static func number(_ key: Key, _ value: FieldValue, _ range: ClosedRange<Double>) throws(Rejection) -> Double {
        let plain: Double? = switch value {
        case .integer, .number: value.asNumber
        case .text(let text): Double(text)
        default: nil
        }
        guard let number = plain else { throw .wrongType(key, "a number") }
        guard range.contains(number) else { throw .outOfRange(key, "\(Int(range.lowerBound)) to \(Int(range.upperBound))") }
        return number
    }

    private static func truth(_ key: Key, _ value: FieldValue) throws(Rejection) -> Bool {
        guard let truth = value.bool ?? value.text.flatMap({ Bool($0) }) else { throw .wrongType(key, "true or false") }
        return truth
    }

    private static func isLanguage(_ text: String) -> Bool {
        let parts = text.split(separator: "-", omittingEmptySubsequences: false)
        let isLower = { (byte: UInt8) in (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte) }
        let isUpper = { (byte: UInt8) in (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains(byte) }
        return (1...2).contains(parts.count) && parts[0].utf8.count == 2 && parts[0].utf8.allSatisfy(isLower)
            && parts.dropFirst().allSatisfy { $0.utf8.count == 2 && $0.utf8.allSatisfy(isUpper) }
    }

    // MARK: In flash

    var bytes: [UInt8] {
        var bytes: [UInt8] = []
        bytes.append(littleEndian: version)
        bytes.append(littleEndian: heartbeatInterval)
        bytes.append(littleEndian: detectionInterval)
        bytes.append(littleEndian: temperatureLimit)
        bytes.append(contentsOf: [logLevel.severity, volume, brightness, speaks ? 1 : 0])
        bytes.append(shortText: language)
        return bytes
    }

    init?(bytes: [UInt8]) {
        var cursor = ByteCursor(bytes)
        guard let version = cursor.integer(Int64.self), let heartbeat = cursor.integer(UInt16.self),
            let detection = cursor.integer(UInt16.self), let limit = cursor.integer(Int16.self), let levelNumber = cursor.integer(UInt8.self),
            let level = BadgeLogLevel.allCases.first(where: { $0.severity == levelNumber }), let volume = cursor.integer(UInt8.self),
            let brightness = cursor.integer(UInt8.self), let speaks = cursor.integer(UInt8.self), let language = cursor.shortText()
        else { return nil }
        self.version = version
        heartbeatInterval = max(5, heartbeat)
        detectionInterval = detection
        temperatureLimit = limit
        logLevel = level
        self.volume = volume
        self.brightness = brightness
        self.speaks = speaks != 0
        self.language = language
    }
}

extension BadgeConfiguration.Key {
    /// Words for `config_type`, the usual one first.
    fileprivate var typeNames: [String] {
        switch self {
        case .heartbeatInterval, .detectionInterval, .volume, .brightness: ["integer", "int", "number"]
        case .temperatureLimit: ["number", "float", "double", "integer"]
        case .speech: ["boolean", "bool"]
        case .logLevel, .language: ["string"]
        }
    }
}

extension BadgeConfiguration.Rejection {
    fileprivate static func wrongType(_ key: BadgeConfiguration.Key, _ needed: String) -> Self {
        Self(reason: "wrong_type", message: "\(key.rawValue) takes \(needed)")
    }
    fileprivate static func outOfRange(_ key: BadgeConfiguration.Key, _ needed: String) -> Self {
        Self(reason: "out_of_range", message: "\(key.rawValue) takes \(needed)")
    }
}
