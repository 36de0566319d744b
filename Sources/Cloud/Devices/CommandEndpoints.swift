import LabCore
import Synchronization

/// What may be commanded, decided from the request alone. Which commands a device knows, it says itself.
enum CommandRules {
    static let maximumParameterBytes = 4_096

    /// - Throws: `INVALID_FIELD`.
    static func command(
        id: String, device: String, name: String?, module: String?, parameters: Fields?
    ) throws(APIError) -> DeviceCommand {
        guard let name, DeviceNames.isWord(name, maximum: 64) else {
            throw .invalidField("command", "'command' must be 1 to 64 letters, digits, '.', '_' and '-'")
        }
        if let module, !DeviceNames.isWord(module, maximum: 64) {
            throw .invalidField("module", "'module' must be 1 to 64 letters, digits, '.', '_' and '-'")
        }
        let text = parameters.map { JSONWriter.text(.record($0)) }
        if let text, text.utf8.count > maximumParameterBytes {
            throw .invalidField("parameters", "'parameters' must be at most \(maximumParameterBytes) bytes of JSON")
        }
        return DeviceCommand(id: id, device: device, command: name, module: module, parameters: text, state: .queued)
    }
}

extension DeviceService {
    private static let commandFields = [
        FieldKind("command_id", .text), FieldKind("state", .choice(DeviceCommand.State.allCases.map(\.rawValue))), FieldKind("command", .text),
        FieldKind("module", .text), FieldKind("result", .any), FieldKind("reason", .text),
    ]

    var commandEndpoint: Endpoint {
        Endpoint(
            "POST", "/api/v1/devices/{device_id}/commands", "Gives a device a command; it waits until the device is there.",
            access: .permission(.write, owner: nil), rateClass: .user,
            body: [FieldKind("command", .text, required: true), FieldKind("module", .text), FieldKind("parameters", .any, "a record")],
            answer: Self.commandFields, statuses: [202, 404, 409]
        ) { [self] request in
            var parameters: Fields?
            if let value = request.body["parameters"] {
                guard case .record(let record) = value else { throw APIError.invalidField("parameters", "'parameters' must be a record") }
                parameters = record
            }
            let command = try await give(
                request.parameter("device_id"), name: try request.text("command", maximum: 64), module: try request.text("module", maximum: 64),
                parameters: parameters, tenant: request.tenant)
            return APIAnswer(status: 202, data: .record(Self.show(command)))
        }
    }

    var commandStateEndpoint: Endpoint {
        Endpoint(
            "GET", "/api/v1/devices/{device_id}/commands/{command_id}", "How a command stands.",
            access: .permission(.write, owner: nil), rateClass: .user, answer: Self.commandFields, statuses: [200, 404]
        ) { [self] request in
            settle()
            let id = request.parameter("device_id")
            let command = try storage.read { db in
                _ = try DeviceStore.active(id, tenant: request.tenant, in: db)
                return try CommandStore.find(request.parameter("command_id"), in: db)
            }
            guard let command, command.device == id else { throw APIError(.commandNotFound) }
            return APIAnswer(data: .record(Self.show(command)))
        }
    }

    static func show(_ command: DeviceCommand) -> Fields {
        var fields: Fields = [
            "command_id": .text(command.id), "state": .text(command.state.rawValue), "command": .text(command.command),
        ]
        if let module = command.module { fields["module"] = .text(module) }
        if let result = command.result { fields["result"] = (try? JSONReader.read(result)) ?? .text(result) }
        if let reason = command.reason { fields["reason"] = .text(reason) }
        return fields
    }

    /// Queues a command and sends it, if the device is there.
    func give(_ device: String, name: String?, module: String?, parameters: Fields?, tenant: String) async throws -> DeviceCommand {
        let id = "cmd_" + Hexadecimal.text(environment.randomBytes(8))
        let command = try CommandRules.command(id: id, device: device, name: name, module: module, parameters: parameters)
        let now = milliseconds
        let expiresAt = now + settings.commandLifetime.nanoseconds / 1_000_000
        try await storage.commitPoint(
            "device.command", ["device": .text(device), "command_id": .text(id)],
            body: { db in
                _ = try DeviceStore.active(device, tenant: tenant, in: db)
                guard try CommandStore.open(of: device, includingSent: true, in: db).count < CommandStore.maximumOpen else {
                    throw APIError(.commandQueueFull)
                }
                try CommandStore.insert(command, at: now, expiresAt: expiresAt, in: db)
            }, notes: { _ in [CloudNote("command.queued", CommandNotes.names(command))] })
        watchExpiry()
        if let number = state.withLock({ $0.directory.number(of: device) }) { sendCommands(number, repeating: false) }
        return try storage.read { db in try CommandStore.find(id, in: db) } ?? command
    }

    /// Schedules the end of the command whose time is over first.
    ///
    /// - Parameter pause: time until the next try, after one that failed.
    func watchExpiry(pause: Duration = .zero) {
        attempt("command.expiry") {
            guard let next = try storage.read({ db in try CommandStore.nextExpiry(in: db) }) else { return }
            let time = max(instant(ofMilliseconds: next), environment.now().advanced(by: pause))
            let isNeeded = state.withLock { state in
                if state.isStopped { return false }
                if let scheduled = state.expiryAt, scheduled <= time { return false }
                state.expiryAt = time
                return true
            }
            guard isNeeded else { return }
            environment.schedule(time) { [weak self] in self?.expire(scheduledFor: time) }
        }
    }

    private func expire(scheduledFor time: RunInstant) {
        let isCurrent = state.withLock { state in
            guard state.expiryAt == time, !state.isStopped else { return false }
            state.expiryAt = nil
            return true
        }
        guard isCurrent else { return }
        settle()
        let now = milliseconds
        // Expiring fails on a full disk; without a pause the next try would come in the same instant.
        var pause = TelemetryWriter.retryDelay
        attempt("command.expire") {
            let expired = try storage.write { db in try CommandStore.expire(at: now, in: db) }
            for command in expired {
                let note = CommandNotes.finished(command, state: .expired, result: nil, reason: nil)
                environment.note(note.name, note.fields)
            }
            pause = .zero
        }
        watchExpiry(pause: pause)
    }
}
