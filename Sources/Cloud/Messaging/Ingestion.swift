import LabCore
import Synchronization

extension DeviceService {
    /// Takes a message that a client published.
    ///
    /// Nothing that a device sends can fail: what is wrong is counted, noted and acknowledged, since it would be as wrong
    /// when it is sent again.
    ///
    /// - Parameters:
    ///   - clientID: the client that sent it, or whose will it is.
    ///   - delivery: the broker's number for a message of quality 1 or 2, which is acknowledged when it is committed.
    package func received(topic: String, payload: [UInt8], clientID: String, quality: UInt8, delivery: UInt64?) {
        do {
            let (route, entry) = try route(topic, clientID: clientID)
            switch route.kind {
            case .heartbeat: try heartbeat(payload, from: route.device, entry, delivery: delivery)
            case .logs: try log(payload, from: route.device, entry, delivery: delivery)
            case .status: try status(payload, from: route.device, entry, delivery: delivery)
            case .configurationAck:
                alive(route.device)
                try take(.configurationAck(try ConfigurationAck(payload, device: entry.id)), from: route.device, entry, delivery: delivery)
            case .commandResult:
                alive(route.device)
                try take(.commandResult(try CommandResult(payload, device: entry.id)), from: route.device, entry, delivery: delivery)
            }
        } catch {
            refuse(error, topic: topic, clientID: clientID)
            // What did not fit into the buffer is not committed and may come again.
            if let delivery, error.reason != .overflow, !storage.isCrashed { environment.acknowledge(delivery) }
        }
    }

    private typealias Sender = DeviceDirectory.Sender

    private func route(_ topic: String, clientID: String) throws(TelemetryRefusal) -> (DeviceDirectory.Route, Sender) {
        let found = state.withLock { state -> (DeviceDirectory.Route, Sender)? in
            guard let route = state.directory.route(topic) else { return nil }
            return (route, state.directory.sender(route.device))
        }
        guard let found else { throw TelemetryRefusal(Topics.parse(topic) == nil ? .unknownTopic : .unknownDevice) }
        guard found.1.id == clientID else { throw TelemetryRefusal(.foreignClient) }
        return found
    }

    private func heartbeat(_ payload: [UInt8], from device: Int, _ sender: Sender, delivery: UInt64?) throws(TelemetryRefusal) {
        let heartbeat = try reader.read(payload, device: sender.id, form: sender.form)
        let now = environment.now()
        let time = environment.epoch * 1000 + now.nanoseconds / 1_000_000
        let isNews = state.withLock { state -> Bool in
            state.counters.heartbeats += 1
            return state.directory.noteHeartbeat(of: device, at: now, time: time)
        }
        var fields: Fields = ["device": .text(sender.id), "status": .text(heartbeat.status)]
        if let value = heartbeat.cpuUsage { fields["cpu_usage"] = .number(value) }
        if let value = heartbeat.memoryUsage { fields["memory_usage"] = .number(value) }
        if let value = heartbeat.temperature { fields["temperature"] = .number(value) }
        if let measurement = heartbeat.measurement { fields = fields.merging(measurement) }
        environment.note("heartbeat.received", fields)
        if isNews { cameOnline(device) }
        guard writer?.add(HeartbeatRow(device: sender.row, receivedAt: time, heartbeat: heartbeat), delivery: delivery) == true else {
            throw TelemetryRefusal(.overflow)
        }
    }

    private func log(_ payload: [UInt8], from device: Int, _ sender: Sender, delivery: UInt64?) throws(TelemetryRefusal) {
        let entry = try LogEntry(payload, device: sender.id)
        state.withLock { $0.counters.logs += 1 }
        alive(device)
        var fields: Fields = ["device": .text(sender.id), "level": .text(entry.level.rawValue), "message": .text(entry.message)]
        if let module = entry.module { fields["module"] = .text(module) }
        environment.note("log.received", fields)
        try take(.log(entry), from: device, sender, delivery: delivery)
    }

    private func status(_ payload: [UInt8], from device: Int, _ sender: Sender, delivery: UInt64?) throws(TelemetryRefusal) {
        let status = try StatusReport(payload, device: sender.id, form: sender.form)
        var fields: Fields = ["device": .text(sender.id), "status": .text(status.presence.rawValue)]
        if let firmware = status.firmware { fields["firmware"] = .text(firmware) }
        if let version = status.configVersion { fields["config_version"] = .integer(version) }
        environment.note("status.received", fields.merging(status.information).merging(status.measurement ?? [:]))
        // What the status makes known decides what is sent; so the writer's consequence sends it, not its arrival.
        let isFirst = status.presence == .online && cameAlive(device)
        if status.presence != .online { wentOffline(device, presence: status.presence, reason: status.isWill ? "will" : status.presence.rawValue) }
        try take(.status(status, isFirst: isFirst), from: device, sender, delivery: delivery)
    }

    private func take(
        _ content: TelemetryReport.Content, from device: Int, _ sender: Sender, delivery: UInt64?
    ) throws(TelemetryRefusal) {
        let report = TelemetryReport(device: device, id: sender.id, form: sender.form, receivedAt: milliseconds, content: content)
        guard writer?.add(report, delivery: delivery) == true else { throw TelemetryRefusal(.overflow) }
    }

    func refuse(_ refusal: TelemetryRefusal, topic: String, clientID: String) {
        state.withLock { $0.counters.refusals += 1 }
        var fields: Fields = [
            "reason": .text(refusal.reason.rawValue), "client": .text(String(clientID.prefix(64))), "topic": .text(String(topic.prefix(128))),
        ]
        if let field = refusal.field { fields["field"] = .text(field) }
        if let device = Topics.parse(topic)?.device { fields["device"] = .text(String(device.prefix(64))) }
        environment.note("telemetry.refused", fields)
    }

    // MARK: What follows a commit

    func follow(_ consequences: [TelemetryStore.Consequence]) {
        for consequence in consequences {
            switch consequence {
            // The commit has noted these.
            case .note: break
            case .answered(let device, let version):
                state.withLock { state in
                    if let pushed = state.directory[device].pushedVersion, version >= pushed { state.directory[device].pushedVersion = nil }
                }
                pushConfiguration(device, cause: "change")
            case .described(let device, let isFirst):
                state.withLock { state in
                    state.directory[device].pushedVersion = nil
                    // The connection may have ended while the status waited for its commit.
                    state.directory[device].isDescribed = state.directory[device].isReady
                }
                synchronise(device, cause: "resend", repeatsCommands: isFirst)
            case .runs(let device, let version, let isConfirmed):
                tellObserver(of: device) { $0.device($1, runs: version, isConfirmed: isConfirmed) }
            case .refused(let device, let refusal):
                let id = state.withLock { $0.directory[device].id }
                refuse(refusal, topic: "\(Topics.prefix)\(id)", clientID: id)
            }
        }
    }
}
