import LabCore

/// Why a message of a device was not taken. It is counted, noted and acknowledged: sending it again would not help.
struct TelemetryRefusal: Error, Sendable, Equatable {
    enum Reason: String, Sendable, CaseIterable {
        /// Not a topic of a device's message.
        case unknownTopic = "unknown_topic"
        /// No registered device of this id.
        case unknownDevice = "unknown_device"
        /// Sent by a client that is not the device in the topic.
        case foreignClient = "foreign_client"
        /// `device_id` in the payload is not the device in the topic.
        case foreignDevice = "foreign_device"
        case tooLarge = "too_large"
        /// Not one JSON record.
        case malformed
        case missingField = "missing_field"
        case invalidField = "invalid_field"
        /// An acknowledgement of a version that was never given out.
        case unknownVersion = "unknown_version"
        /// A result for a command that the device never got.
        case unknownCommand = "unknown_command"
        /// The buffer is full because the database takes nothing.
        case overflow
    }

    var reason: Reason
    /// The field concerned, where there is one.
    var field: String?

    init(_ reason: Reason, field: String? = nil) {
        self.reason = reason
        self.field = field
    }
}

/// The JSON record of a device's message, read strictly and in bounded time.
struct TelemetryRecord: Sendable {
    /// Looking for keys that occur twice takes time with the square of their number.
    static let maximumBytes = 16_384
    static let maximumFields = 512

    let fields: Fields

    /// - Parameter device: the device in the topic, which a `device_id` in the payload must equal.
    init(_ payload: [UInt8], device: String) throws(TelemetryRefusal) {
        guard payload.count <= Self.maximumBytes, payload.count(where: { $0 == UInt8(ascii: ":") }) <= Self.maximumFields else {
            throw TelemetryRefusal(.tooLarge)
        }
        let value: FieldValue
        do { value = try JSONReader.read(payload, maximumDepth: 8) } catch { throw TelemetryRefusal(.malformed) }
        guard case .record(let fields) = value else { throw TelemetryRefusal(.malformed) }
        if let id = fields["device_id"], id.text != device { throw TelemetryRefusal(.foreignDevice, field: "device_id") }
        self.fields = fields
    }

    /// Unix seconds; `nil` where the device says none.
    func timestamp() throws(TelemetryRefusal) -> Int64? {
        guard let value = fields["timestamp"] else { return nil }
        guard let text = value.text, let seconds = Timestamp.unixSeconds(text) else { throw TelemetryRefusal(.invalidField, field: "timestamp") }
        return seconds
    }

    /// A text of 1 to `maximum` bytes, or `nil` where the field is absent or `null`.
    func text(_ name: String, maximum: Int) throws(TelemetryRefusal) -> String? {
        guard let value = fields[name], value != .null else { return nil }
        guard let text = value.text, (1...maximum).contains(text.utf8.count), !text.utf8.contains(0) else {
            throw TelemetryRefusal(.invalidField, field: name)
        }
        return text
    }

    func requiredText(_ name: String, maximum: Int) throws(TelemetryRefusal) -> String {
        guard let text = try text(name, maximum: maximum) else { throw TelemetryRefusal(.missingField, field: name) }
        return text
    }

    /// A required text that is a word.
    func word(_ name: String, maximum: Int) throws(TelemetryRefusal) -> String {
        let text = try requiredText(name, maximum: maximum)
        guard DeviceNames.isWord(text, maximum: maximum) else { throw TelemetryRefusal(.invalidField, field: name) }
        return text
    }

    func choice<Choice: RawRepresentable<String>>(_ name: String, _ type: Choice.Type) throws(TelemetryRefusal) -> Choice {
        guard let choice = Choice(rawValue: try requiredText(name, maximum: 64)) else { throw TelemetryRefusal(.invalidField, field: name) }
        return choice
    }

    func number(_ name: String, in range: ClosedRange<Double>) throws(TelemetryRefusal) -> Double? {
        guard let value = fields[name], value != .null else { return nil }
        switch value {
        case .integer, .number:
            guard let number = value.asNumber, range.contains(number) else { throw TelemetryRefusal(.invalidField, field: name) }
            return number
        default: throw TelemetryRefusal(.invalidField, field: name)
        }
    }

    /// A whole number from 0 to 2^53, which every JSON reader keeps exactly.
    func count(_ name: String) throws(TelemetryRefusal) -> Int64? {
        guard let value = fields[name], value != .null else { return nil }
        guard let number = value.integer, (0...(1 << 53)).contains(number) else { throw TelemetryRefusal(.invalidField, field: name) }
        return number
    }

    func record(_ name: String) throws(TelemetryRefusal) -> Fields? {
        guard let value = fields[name], value != .null else { return nil }
        guard case .record(let record) = value else { throw TelemetryRefusal(.invalidField, field: name) }
        return record
    }
}
