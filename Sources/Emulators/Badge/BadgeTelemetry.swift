import CloudClient
import LabCore

enum BadgeLogLevel: String, Sendable, CaseIterable, Comparable {
    case debug, info, warning, error

    var severity: UInt8 {
        switch self {
        case .debug: 0
        case .info: 1
        case .warning: 2
        case .error: 3
        }
    }

    static func < (left: BadgeLogLevel, right: BadgeLogLevel) -> Bool { left.severity < right.severity }
}

/// Heartbeats, logs and status. The heartbeat is most of what a fleet does, so it is written byte by byte.
extension Badge {
    /// Log lines that wait while the badge is offline; the oldest go first.
    static let longestLogQueue = 16
    static let modules = ["yolo", "whisper", "tts"]

    mutating func heartbeatDue(at now: RunInstant, _ effects: inout [DeviceEffect]) {
        guard ram.phase == .online, !ram.isHung else { return }
        effects.append(.startTimer(.heartbeat, after: .seconds(Int64(ram.configuration.heartbeatInterval))))
        sendHeartbeat(at: now, &effects)
    }

    mutating func sendHeartbeat(at now: RunInstant, _ effects: inout [DeviceEffect]) {
        ram.sensors.step(celsius: faults.celsius)
        effects.append(
            .mqtt(
                .publish(
                    topic: ram.heartbeatTopic, payload: heartbeat(at: now), quality: 0, retain: false, token: Token(rawValue: 0))))
        effects.append(.note("heartbeat.sent", ["temperature": .number(Double(ram.sensors.temperature) / 10)]))
        watchTemperature(at: now, &effects)
    }

    private static let timestampKey = Array(#"{"timestamp":""#.utf8)
    private static let cpuKey = Array(#"","status":"online","cpu_usage":"#.utf8)
    private static let memoryKey = Array(#","memory_usage":"#.utf8)
    private static let temperatureKey = Array(#","temperature":"#.utf8)

    private func heartbeat(at now: RunInstant) -> [UInt8] {
        var payload: [UInt8] = []
        payload.reserveCapacity(128)
        payload.append(contentsOf: Self.timestampKey)
        Timestamp.append(unixSeconds: clock(at: now), to: &payload)
        payload.append(contentsOf: Self.cpuKey)
        BadgeSensors.append(tenths: ram.sensors.cpuUsage, to: &payload)
        payload.append(contentsOf: Self.memoryKey)
        BadgeSensors.append(tenths: ram.sensors.memoryUsage, to: &payload)
        payload.append(contentsOf: Self.temperatureKey)
        BadgeSensors.append(tenths: ram.sensors.temperature, to: &payload)
        payload.append(UInt8(ascii: "}"))
        return payload
    }

    /// One log line when the badge gets too hot, and one when it has cooled by 5 °C.
    private mutating func watchTemperature(at now: RunInstant, _ effects: inout [DeviceEffect]) {
        let limit = Int32(ram.configuration.temperatureLimit)
        if !ram.isHot, ram.sensors.temperature > limit {
            ram.isHot = true
            let celsius = FieldValue.number(Double(ram.sensors.temperature) / 10)
            log(.error, "power", "Temperature above limit", details: ["temperature": celsius], at: now, &effects)
        } else if ram.isHot, ram.sensors.temperature < limit - 50 {
            ram.isHot = false
            log(.info, "power", "Temperature normal again", at: now, &effects)
        }
    }

    func timestamp(at now: RunInstant) -> FieldValue { .text(Timestamp.text(unixSeconds: clock(at: now))) }

    // MARK: Status

    mutating func publishStatus(_ status: String, at now: RunInstant, _ effects: inout [DeviceEffect]) {
        var modules = Fields()
        for name in Self.modules {
            modules[name] = .text(name == ram.restartingModule ? "restarting" : (name == "tts" ? "idle" : "running"))
        }
        // The busier the processor, the slower the detection: 15.2 frames a second and 120 ms at the seed's 45.2 %.
        let load = Double(ram.sensors.cpuUsage - 452) / 10
        let performance: Fields = [
            "fps": .number(((15.2 - load / 10) * 10).rounded() / 10), "latency": .integer(Int64(120 + load)),
        ]
        publish(
            "status",
            [
                "timestamp": timestamp(at: now), "status": .text(status), "firmware": .text(reportedVersion),
                "firmware_confirmed": .bool(ram.running?.isConfirmed ?? true),
                "config_version": .integer(ram.configuration.version), "boot_count": .integer(Int64(ram.bootCount)),
                "modules": .record(modules), "performance": .record(performance),
            ], &effects)
        effects.append(.note("status.sent", ["status": .text(status)]))
    }

    /// Publishes a message of quality 1 below the badge's own topic.
    @discardableResult
    mutating func publish(_ name: String, _ fields: Fields, _ effects: inout [DeviceEffect]) -> Token {
        let token = nextToken()
        effects.append(
            .mqtt(
                .publish(
                    topic: ram.topicPrefix + name, payload: JSONWriter.bytes(.record(fields)), quality: 1, retain: false, token: token)))
        return token
    }

    // MARK: Logs

    /// Sends a log line, or keeps it until the badge is online.
    ///
    /// - Returns: false if the setting `log_level` keeps it back.
    @discardableResult
    mutating func log(
        _ level: BadgeLogLevel, _ module: String, _ message: String, details: Fields = [:], at now: RunInstant,
        _ effects: inout [DeviceEffect]
    ) -> Bool {
        guard level >= ram.configuration.logLevel else { return false }
        let payload: Fields = [
            "timestamp": timestamp(at: now), "level": .text(level.rawValue), "module": .text(module), "message": .text(message),
            "details": .record(details),
        ]
        if ram.logs.count == Self.longestLogQueue { ram.logs.removeFirst() }
        ram.logs.append(
            (JSONWriter.bytes(.record(payload)), ["level": .text(level.rawValue), "module": .text(module), "message": .text(message)]))
        if ram.phase == .online { sendWaitingLogs(&effects) }
        return true
    }

    mutating func sendWaitingLogs(_ effects: inout [DeviceEffect]) {
        let logs = ram.logs
        ram.logs = []
        for line in logs {
            effects.append(
                .mqtt(
                    .publish(topic: ram.topicPrefix + "logs", payload: line.payload, quality: 1, retain: false, token: nextToken())))
            effects.append(.note("log.sent", line.note))
        }
    }
}
