package import LabCore

extension Cloud {
    /// Does an action of the vocabulary.
    ///
    /// - Returns: what the vocabulary says that it gives; a failure with the reason `unknown_device` or the name of the
    ///   error code in lower case, or `crashed` where the cloud fell meanwhile.
    package func perform(_ action: String, _ arguments: Fields) async -> Result<Fields, ActionFailure> {
        await CloudScenario.outcome {
            switch action {
            case "factory.provision": try await provision(arguments)
            case "device.configure": try await configure(arguments)
            case "device.command": try await command(arguments)
            case "device.delete": try await delete(arguments)
            case "device.rotate_key": try await rotateKey(arguments)
            case "user.create": try createUser(arguments)
            case "request": try await request(arguments)
            case let action where FirmwareVocabulary.actions.contains { $0.name == action }: try await performFirmware(action, arguments)
            case let action where ChargingScenario.actions.contains(action): try await ChargingScenario(charging: charging).perform(action, arguments)
            default: throw ActionFailure("unknown_action", "The cloud has no action '\(action)'.")
            }
        }
    }

    /// Answers a query of the vocabulary from the database, after everything that waits for it has been written.
    package func answer(_ query: String, _ arguments: Fields) async -> Result<Fields, ActionFailure> {
        await CloudScenario.outcome {
            devices.settle()
            return switch query {
            case "device": try device(arguments)
            case "config": try configuration(arguments)
            case "command": try commandState(arguments)
            case "commands": try commandCounts(arguments)
            case "devices": try count(arguments)
            case "logs": try logs(arguments)
            case "heartbeats": try heartbeats(arguments)
            case "signals": try signals(arguments)
            case let query where FirmwareVocabulary.queries.contains { $0.name == query }: try answerFirmware(query, arguments)
            case let query where ChargingScenario.queries.contains(query): try await ChargingScenario(charging: charging).answer(query, arguments)
            default: throw ActionFailure("unknown_query", "The cloud has no query '\(query)'.")
            }
        }
    }

    /// Begins or ends a fault of the vocabulary. The fault `crash` is the host's.
    package func setFault(_ fault: String, _ arguments: Fields, isActive: Bool) {
        switch fault {
        case "database.slow":
            let time = arguments["add"]?.durationNanoseconds ?? 0
            storage.setSlowness(isActive ? .nanoseconds(max(0, time)) : .zero)
        case "database.full": storage.setFull(isActive)
        default: return firmware.setFault(fault, arguments, isActive: isActive)
        }
        // What waited for the database need not wait for the next try.
        if !isActive {
            devices.settle()
            charging.orders.settle()
        }
    }

    // MARK: Actions

    var tenant: String { configuration.devices.tenant }

    private func provision(_ arguments: Fields) async throws -> Fields {
        let serials = try CloudScenario.serials(arguments)
        let count = try await devices.provision(
            serials, type: arguments["device_type"]?.text, hardwareVersion: arguments["hardware_version"]?.text, tenant: tenant)
        return ["count": .integer(Int64(count))]
    }

    private func configure(_ arguments: Fields) async throws -> Fields {
        var body: Fields = ["config_key": arguments["key"] ?? .null, "config_value": arguments["value"] ?? .null]
        if let type = arguments["type"] { body["config_type"] = type }
        let result = try await devices.configure(
            try CloudScenario.text("device", in: arguments), try ConfigurationRules.changes(in: body), tenant: tenant)
        return ["version": .integer(result.version), "state": .text(result.state)]
    }

    private func command(_ arguments: Fields) async throws -> Fields {
        let command = try await devices.give(
            try CloudScenario.text("device", in: arguments), name: arguments["command"]?.text, module: arguments["module"]?.text,
            parameters: arguments["parameters"]?.record, tenant: tenant)
        return ["command_id": .text(command.id), "state": .text(command.state.rawValue)]
    }

    private func delete(_ arguments: Fields) async throws -> Fields {
        try await devices.delete(try CloudScenario.text("device", in: arguments), tenant: tenant)
        return [:]
    }

    private func rotateKey(_ arguments: Fields) async throws -> Fields {
        let epoch = try await devices.rotateKey(try CloudScenario.text("device", in: arguments), tenant: tenant)
        return ["epoch": .integer(Int64(epoch))]
    }

    private func createUser(_ arguments: Fields) throws -> Fields {
        try users.create(
            name: try CloudScenario.text("username", in: arguments), email: arguments["email"]?.text,
            password: try CloudScenario.text("password", in: arguments),
            role: arguments["role"]?.text.flatMap(UserRole.init) ?? .user)
        return [:]
    }

    // MARK: Queries

    private func device(_ arguments: Fields) throws -> Fields {
        let (id, serial) = (arguments["device"]?.text, arguments["serial_no"]?.text)
        guard id != nil || serial != nil else { throw ActionFailure("missing_field", "Name the device with 'device' or 'serial_no'.") }
        let (record, isProvisioned) = try storage.read { db in
            let record = try id.map { try DeviceStore.find($0, in: db) } ?? serial.flatMap { try DeviceStore.find(serial: $0, in: db) }
            return (record, try serial.map { try DeviceStore.isProvisioned($0, in: db) } ?? false)
        }
        if let record { return devices.scenarioFields(of: record) }
        guard isProvisioned, let serial else {
            throw ActionFailure("unknown_device", "There is no device '\(id ?? serial ?? "")'.")
        }
        return ["serial_no": .text(serial), "state": "provisioned", "status": "offline", "online": false]
    }

    private func configuration(_ arguments: Fields) throws -> Fields {
        let (device, key) = (try CloudScenario.text("device", in: arguments), try CloudScenario.text("key", in: arguments))
        let entry = try storage.read { db in
            _ = try DeviceStore.active(device, tenant: tenant, in: db)
            return try ConfigurationStore.entry(key, of: device, in: db)
        }
        guard let entry else { throw ActionFailure("unknown_key", "The device '\(device)' has no configuration of '\(key)'.") }
        return entry
    }

    private func commandState(_ arguments: Fields) throws -> Fields {
        let id = try CloudScenario.text("command", in: arguments)
        guard let command = try storage.read({ db in try CommandStore.find(id, in: db) }) else {
            throw ActionFailure("unknown_command", "There is no command '\(id)'.")
        }
        return DeviceService.show(command)
    }

    private func commandCounts(_ arguments: Fields) throws -> Fields {
        let device = try CloudScenario.text("device", in: arguments)
        return try storage.read { db in
            _ = try DeviceStore.active(device, tenant: tenant, in: db)
            var fields: Fields = [:]
            for state in DeviceCommand.State.allCases {
                fields[state.rawValue] = .integer(try CommandStore.count(of: device, state, in: db))
            }
            return fields
        }
    }

    private func count(_ arguments: Fields) throws -> Fields {
        let presence = arguments["status"]?.text.flatMap(Presence.init)
        let total = try storage.read { db in try DeviceStore.page(1, limit: 1, presence: presence, tenant: tenant, in: db).total }
        return ["count": .integer(Int64(total))]
    }

    private func logs(_ arguments: Fields) throws -> Fields {
        try storage.read { db in
            try TelemetryStore.logs(of: arguments["device"]?.text, level: arguments["level"]?.text, in: db)
        }
    }

    private func heartbeats(_ arguments: Fields) throws -> Fields {
        let count = try storage.read { db in try TelemetryStore.heartbeats(of: arguments["device"]?.text, in: db) }
        return ["count": .integer(count)]
    }

    private func signals(_ arguments: Fields) throws -> Fields {
        let device = try CloudScenario.text("device", in: arguments)
        return try storage.read { db in
            try MeasurementStore.signals(of: try DeviceStore.active(device, tenant: tenant, in: db).row, in: db)
        }
    }
}

/// Reads the arguments of scenarios and tells their failures.
enum CloudScenario {
    /// The most serial numbers that one action makes known.
    static let maximumRange: Int64 = 100_000

    static func outcome(_ body: () async throws -> Fields) async -> Result<Fields, ActionFailure> {
        do { return .success(try await body()) } catch let failure as ActionFailure {
            return .failure(failure)
        } catch let error as APIError {
            let reason = error.code == .deviceNotFound ? "unknown_device" : error.code.name.lowercased()
            return .failure(
                ActionFailure(
                    reason, error.message,
                    (["status": .integer(Int64(error.code.status)), "code": .integer(Int64(error.code.number)), "error": .text(error.code.name)] as Fields)
                        .merging(error.details)))
        } catch is CloudCrashed {
            return .failure(ActionFailure("crashed", "The cloud crashed before it had answered. Start it with cloud.restart."))
        } catch StorageError.full {
            return .failure(ActionFailure("database_full", StorageError.full.description, ["status": 507]))
        } catch {
            return .failure(ActionFailure("failed", "\(error)"))
        }
    }

    static func text(_ name: String, in arguments: Fields) throws(ActionFailure) -> String {
        guard let text = arguments[name]?.text, !text.isEmpty else {
            throw ActionFailure("missing_field", "The field '\(name)' is missing or is not a text.")
        }
        return text
    }

    /// One serial number, or `prefix`, `from` and `count`: BDG- from 1 gives BDG-0001.
    static func serials(_ arguments: Fields) throws(ActionFailure) -> [String] {
        if let serial = arguments["serial_no"]?.text {
            guard arguments["prefix"] == nil, arguments["count"] == nil else {
                throw ActionFailure("invalid_field", "Give either 'serial_no' or 'prefix', 'from' and 'count'.")
            }
            return [try checked(serial)]
        }
        let prefix = try text("prefix", in: arguments)
        let (first, count) = (arguments["from"]?.integer ?? 1, arguments["count"]?.integer ?? 0)
        guard (1...maximumRange).contains(count), (0...1_000_000_000).contains(first) else {
            throw ActionFailure("invalid_field", "'count' must be 1 to \(maximumRange), 'from' 0 to 1000000000.")
        }
        var serials: [String] = []
        for number in first..<first + count {
            let digits = String(number)
            serials.append(try checked(prefix + String(repeating: "0", count: max(0, 4 - digits.count)) + digits))
        }
        return serials
    }

    private static func checked(_ serial: String) throws(ActionFailure) -> String {
        guard DeviceNames.isSerial(serial) else {
            throw ActionFailure("invalid_field", "A serial number must be 1 to 64 letters, digits, '.', '_' and '-', not '\(serial.prefix(80))'.")
        }
        return serial
    }

    /// Status and headers, with the parts of an envelope or the text of an answer without one.
    static func fields(of answer: HTTPAnswer) -> Fields {
        var fields: Fields = ["status": .integer(Int64(answer.status))]
        var headers: Fields = [:]
        for header in answer.headers { headers[header.name.lowercased()] = .text(header.value) }
        fields["headers"] = .record(headers)
        guard let envelope = (try? JSONReader.read(answer.body))?.record, let code = envelope["code"] else {
            fields["body"] = .text(String(decoding: answer.body, as: UTF8.self))
            return fields
        }
        fields["code"] = code
        if let error = envelope["data"]?.record?["error"] { fields["error"] = error }
        if let message = envelope["message"] { fields["message"] = message }
        if let data = envelope["data"] { fields["data"] = data }
        return fields
    }
}

extension DeviceService {
    /// A device as scenarios see it.
    func scenarioFields(of record: DeviceRecord) -> Fields {
        var fields: Fields = [
            "device": .text(record.id), "serial_no": .text(record.serial), "state": record.isDeleted ? "deleted" : "active",
        ]
        // Further fields of the status are the device's own: they cannot take the place of the cloud's.
        fields = status(record).merging(fields)
        fields["device_id"] = nil
        fields["device_type"] = .text(record.type)
        if let version = record.hardwareVersion { fields["hardware"] = .text(version) }
        if !record.isDeleted { fields["credentials"] = ["epoch": .integer(Int64(record.epoch))] }
        fields["clone_alarm"] = .bool(record.cloneAlarms > 0)
        return fields
    }
}
