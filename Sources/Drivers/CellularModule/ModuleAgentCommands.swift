import LabCore

/// Commands from the cloud, each carried out once (badge protocol, "MQTT" and "Modules").
extension ModuleAgent {
    mutating func commandArrived(_ payload: [UInt8], at now: RunInstant, _ effects: inout [DeviceEffect]) {
        guard let message = Self.record(payload) else { return effects.append(.note("command.rejected", ["reason": "malformed"])) }
        guard let id = message["command_id"]?.text, Self.isWord(id) else {
            return effects.append(.note("command.rejected", ["reason": "no_command_id"]))
        }
        guard let name = message["command"]?.text, Self.isWord(name) else {
            return effects.append(.note("command.rejected", ["reason": "no_command"]))
        }
        if let earlier = disk.commands.first(where: { $0.id == id }) {
            effects.append(.note("command.duplicate", ["command_id": .text(id)]))
            return report(earlier, at: now, &effects)
        }
        if disk.commands.count == AgentDisk.commandsKept { disk.commands.removeFirst() }
        disk.commands.append(AgentDisk.Executed(id: id))
        execute(name, id, at: now, &effects)
    }

    /// 1 to 64 printable ASCII characters without spaces.
    private static func isWord(_ text: String) -> Bool {
        (1...64).contains(text.utf8.count) && text.utf8.allSatisfy { (0x21...0x7e).contains($0) }
    }

    private mutating func execute(_ name: String, _ id: String, at now: RunInstant, _ effects: inout [DeviceEffect]) {
        switch name {
        case "report_status":
            publishStatus("online", at: now, &effects)
            complete(name, id, isDone: true, at: now, &effects)
        case "identify":
            let result: Fields = [
                "manufacturer": .text(ram.manufacturer), "model": .text(ram.model), "firmware": .text(ram.firmware),
                "imei": shownNumber(ram.imei),
            ]
            complete(name, id, isDone: true, result: result, at: now, &effects)
        case "reboot" where isUpdating: complete(name, id, isDone: false, reason: "updating", at: now, &effects)
        case "reboot":
            disk.rebootCommand = id
            publishStatus("restarting", at: now, &effects)
            resetModule("command", at: now, &effects)
        default: complete(name, id, isDone: false, reason: "unknown_command", at: now, &effects)
        }
    }

    private mutating func complete(
        _ name: String, _ id: String, isDone: Bool, reason: String? = nil, result: Fields = [:], at now: RunInstant,
        _ effects: inout [DeviceEffect]
    ) {
        var fields: Fields = ["command": .text(name), "command_id": .text(id), "status": isDone ? "done" : "failed"]
        if let reason { fields["reason"] = .text(reason) }
        effects.append(.note("command.executed", fields))
        guard let place = disk.commands.firstIndex(where: { $0.id == id }) else { return }
        (disk.commands[place].isDone, disk.commands[place].reason, disk.commands[place].result) = (isDone, reason, result)
        report(disk.commands[place], at: now, &effects)
    }

    /// The module answers again, and the cloud can be told.
    mutating func finishReboot(at now: RunInstant, _ effects: inout [DeviceEffect]) {
        guard let id = disk.rebootCommand else { return }
        disk.rebootCommand = nil
        complete("reboot", id, isDone: true, result: ["boot_count": .integer(disk.bootCount)], at: now, &effects)
    }

    private mutating func report(_ command: AgentDisk.Executed, at now: RunInstant, _ effects: inout [DeviceEffect]) {
        guard let isDone = command.isDone else { return }
        var fields: Fields = ["command_id": .text(command.id), "status": isDone ? "done" : "failed"]
        if !command.result.isEmpty { fields["result"] = .record(command.result) }
        if let reason = command.reason { fields["reason"] = .text(reason) }
        fields["timestamp"] = timestamp(at: now)
        publish("command/result", fields, &effects)
    }
}
