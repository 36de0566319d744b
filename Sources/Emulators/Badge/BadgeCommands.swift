import LabCore

/// Commands from the cloud, each carried out once (badge protocol, "MQTT").
///
/// A command is written to flash before it is carried out, and marked when the cloud has its result: one that arrives again is
/// answered from there, also after a power cut, and a result that the cloud may not have is sent again after the next boot.
extension Badge {
    /// How long a module takes to restart.
    static let moduleRestartTime = Duration.seconds(2)
    /// How long `reboot` waits until its result is delivered.
    static let resetGrace = Duration.seconds(2)

    mutating func commandArrived(_ payload: [UInt8], at now: RunInstant, _ effects: inout [DeviceEffect]) throws(PowerFailure) {
        guard let message = Self.record(payload) else { return rejectCommand("malformed", &effects) }
        guard let id = message.text("command_id"), BadgeIdentity.isName(id) else { return rejectCommand("no_command_id", &effects) }
        guard let name = message.text("command"), BadgeIdentity.isName(name) else { return rejectCommand("no_command", &effects) }
        let known = executedCommands
        if let earlier = known.first(where: { $0.id == id }) {
            effects.append(.note("command.duplicate", ["command_id": .text(id)]))
            return report(earlier, at: now, &effects)
        }
        let module = message.text("module") ?? message["parameters"]?.record?.text("module")
        let outcome = Self.outcome(name, module: module)
        let command = ExecutedCommand(number: (known.last?.number ?? 0) &+ 1, outcome: outcome, isReported: false, id: id)
        guard try save([(.command(slot: command.slot), command.bytes)], &effects) else { return rejectCommand("flash_failed", &effects) }
        var fields: Fields = ["command": .text(name), "command_id": .text(id), "status": outcome == .done ? "done" : "failed"]
        if let reason = outcome.reason { fields["reason"] = .text(reason) }
        effects.append(.note("command.executed", fields))
        execute(name, module, command, at: now, &effects)
    }

    private static func outcome(_ name: String, module: String?) -> ExecutedCommand.Outcome {
        switch name {
        case "reboot", "identify", "report_status": .done
        case "restart_module": module.map(modules.contains) == true ? .done : .unknownModule
        default: .unknownCommand
        }
    }

    private mutating func execute(
        _ name: String, _ module: String?, _ command: ExecutedCommand, at now: RunInstant, _ effects: inout [DeviceEffect]
    ) {
        guard command.outcome == .done else { return report(command, at: now, &effects) }
        switch name {
        case "restart_module":
            ram.restartingModule = module
            effects.append(.startTimer(.moduleRestart, after: Self.moduleRestartTime))
            report(command, result: ["module": .text(module ?? ""), "state": "restarting"], at: now, &effects)
        case "report_status":
            publishStatus("online", at: now, &effects)
            report(command, at: now, &effects)
        case "identify": report(command, result: ["blinked": 3], at: now, &effects)
        case "reboot":
            report(command, at: now, &effects)
            beginReset(.reboot, delivery: ram.deliveries.last?.token, within: Self.resetGrace, at: now, &effects)
        default: break
        }
    }

    mutating func modulesRestarted(at now: RunInstant, _ effects: inout [DeviceEffect]) {
        guard let module = ram.restartingModule else { return }
        ram.restartingModule = nil
        log(.info, module, "Module restarted", at: now, &effects)
        if ram.phase == .online { publishStatus("online", at: now, &effects) }
    }

    private mutating func rejectCommand(_ reason: String, _ effects: inout [DeviceEffect]) {
        effects.append(.note("command.rejected", ["reason": .text(reason)]))
    }

    /// Sends the result, and watches for its acknowledgement.
    private mutating func report(
        _ command: ExecutedCommand, result: Fields = [:], at now: RunInstant, _ effects: inout [DeviceEffect]
    ) {
        var fields: Fields = ["command_id": .text(command.id), "status": command.outcome == .done ? "done" : "failed"]
        if !result.isEmpty { fields["result"] = .record(result) }
        if let reason = command.outcome.reason { fields["reason"] = .text(reason) }
        fields["timestamp"] = timestamp(at: now)
        let token = publish("command/result", fields, &effects)
        ram.deliveries.append(Memory.Delivery(token: token, purpose: .result(slot: command.slot)))
    }

    /// Sends what the cloud may not have: results that were not acknowledged before the last boot. Those of this boot are
    /// with the MQTT client, which sends them again by itself.
    mutating func reportResults(at now: RunInstant, _ effects: inout [DeviceEffect]) {
        for command in executedCommands where !command.isReported {
            let isUnderway = ram.deliveries.contains { if case .result(let slot) = $0.purpose { slot == command.slot } else { false } }
            if !isUnderway { report(command, at: now, &effects) }
        }
    }

    mutating func resultDelivered(slot: Int, _ effects: inout [DeviceEffect]) throws(PowerFailure) {
        guard var command = load(.command(slot: slot)).flatMap({ ExecutedCommand(bytes: $0) }), !command.isReported else { return }
        command.isReported = true
        _ = try save([(.command(slot: slot), command.bytes)], &effects)
    }
}
