import LabCore

/// Levels of a device's log, most severe first (luna-badge-cloud.md, table `error_logs`, and the `debug` of its clients).
package enum LogLevel: String, Sendable, CaseIterable {
    case critical, error, warning, info, debug
}

/// `logs`
struct LogEntry: Sendable, Equatable {
    /// Unix seconds by the device's clock; `nil` where it says none.
    var timestamp: Int64?
    var level: LogLevel
    var module: String?
    var message: String
    var code: String?
    /// JSON
    var details: String?

    init(_ payload: [UInt8], device: String) throws(TelemetryRefusal) {
        let record = try TelemetryRecord(payload, device: device)
        timestamp = try record.timestamp()
        level = try record.choice("level", LogLevel.self)
        module = try record.text("module", maximum: 64)
        message = try record.requiredText("message", maximum: 4_096)
        let given = try record.record("details")
        code = given?["error_code"].map(\.description).flatMap { $0.utf8.count <= 16 ? $0 : nil }
        details = given.map { JSONWriter.text(.record($0)) }
    }
}

/// `status`, and the will on it
struct StatusReport: Sendable, Equatable {
    var presence: Presence
    var firmware: String?
    /// Whether the image that runs is confirmed; `nil` where the device does not say.
    var isConfirmed: Bool?
    var configVersion: Int64?
    /// What else it says: boot count, modules, performance. Empty for a will.
    var information: Fields
    /// What a module measured; `nil` for badges.
    var measurement: Fields?
    /// It says that the device is offline and nothing else: `{"status":"offline"}`.
    var isWill: Bool

    init(_ payload: [UInt8], device: String, form: DeviceForm = .luna) throws(TelemetryRefusal) {
        let record = try TelemetryRecord(payload, device: device)
        _ = try record.timestamp()
        presence = try record.choice("status", Presence.self)
        firmware = try record.text("firmware", maximum: 64)
        if let value = record.fields["firmware_confirmed"] {
            guard let confirmed = value.bool else { throw TelemetryRefusal(.invalidField, field: "firmware_confirmed") }
            isConfirmed = confirmed
        }
        configVersion = try record.count("config_version")
        information = Fields()
        if let count = try record.count("boot_count") { information["boot_count"] = .integer(count) }
        for name in ["modules", "performance"] {
            if let part = try record.record(name) { information[name] = .record(part) }
        }
        if form == .quectel { measurement = try ModuleMeasurement.read(record) }
        isWill = presence == .offline && record.fields.count == 1
    }
}

/// `config/ack`
struct ConfigurationAck: Sendable, Equatable {
    enum Status: String, Sendable { case applied, rejected }
    var version: Int64
    var status: Status
    var reason: String?

    init(_ payload: [UInt8], device: String) throws(TelemetryRefusal) {
        let record = try TelemetryRecord(payload, device: device)
        _ = try record.timestamp()
        guard let version = try record.count("config_version") else { throw TelemetryRefusal(.missingField, field: "config_version") }
        self.version = version
        status = try record.choice("status", Status.self)
        reason = try record.text("reason", maximum: 256)
    }
}

/// `command/result`
struct CommandResult: Sendable, Equatable {
    enum Status: String, Sendable { case done, failed }
    var command: String
    var status: Status
    /// JSON
    var result: String?
    var reason: String?

    init(_ payload: [UInt8], device: String) throws(TelemetryRefusal) {
        let record = try TelemetryRecord(payload, device: device)
        _ = try record.timestamp()
        command = try record.word("command_id", maximum: 64)
        status = try record.choice("status", Status.self)
        result = record.fields["result"].map { JSONWriter.text($0) }
        reason = try record.text("reason", maximum: 256)
    }
}

/// A message that is understood and waits for the next commit.
struct TelemetryReport: Sendable, Equatable {
    enum Content: Sendable, Equatable {
        case log(LogEntry)
        /// `isFirst`: the first message since it connected.
        case status(StatusReport, isFirst: Bool)
        case configurationAck(ConfigurationAck)
        case commandResult(CommandResult)
    }

    /// Number in the directory.
    var device: Int
    var id: String
    var form: DeviceForm
    /// Unix milliseconds
    var receivedAt: Int64
    var content: Content
}

/// A heartbeat that waits for the next commit.
struct HeartbeatRow: Sendable, Equatable {
    /// `devices.id`
    var device: Int64
    /// Unix milliseconds
    var receivedAt: Int64
    var heartbeat: Heartbeat
}
