import LabCore
import WireProtocols

/// Packet data (specs/rg500q.md §2.7).
enum PacketDataCommands {
    static let table: [CommandEntry] = [
        CommandEntry("+CGDCONT") { module, call, _ in define(&module, call) },
        CommandEntry("+CGACT") { module, call, _ in activate(&module, call) },
        CommandEntry("+CGPADDR") { module, call, _ in addresses(module, call) },
        CommandEntry("+QIACT") { module, call, _ in sockets(&module, call, isActive: true) },
        CommandEntry("+QIDEACT") { module, call, _ in sockets(&module, call, isActive: false) },
        CommandEntry("+QNETDEVCTL") { module, call, _ in hostCall(&module, call) },
        CommandEntry("+QGDCNT") { module, call, _ in counters(&module, call) },
    ]

    /// Context numbers (transcript 275).
    private static let numbers = 1...42
    private static let types = ["IP", "IPV6", "IPV4V6"]

    private static func define(_ module: inout CellularModule, _ call: CommandCall) -> CommandReply {
        switch call.form {
        case .test:
            return .ok(types.map { "+CGDCONT: (1-42),\"\($0)\",,,(0-3),(0-4),(0-1),(0-1),,,,,,,,,(0-1),,(0-1),,,(0-1)" })
        case .read:
            return .ok(
                module.ram.settings.contextNumbers.map { number in
                    let context = module.ram.settings.contexts[number] ?? ModuleSettings.Context()
                    let address = context.type == "IP" ? "0.0.0.0" : Array(repeating: "0", count: 16).joined(separator: ".")
                    return "+CGDCONT: \(number),\"\(context.type)\",\"\(context.accessPoint)\",\"\(address)\",0,0,0,0,,,,,,,,,\"\",,,,0"
                })
        case .execute: return .wrongForm
        case .write:
            guard let number = call.number(0, in: numbers) else { return .wrongValue }
            if call.arguments.count == 1 {
                module.ram.settings.contexts[number] = nil
                return module.saveSettings() ? .ok : .cme(23)
            }
            guard let type = call[1].text?.uppercased(), types.contains(type), let name = accessPoint(call[2]) else { return .wrongValue }
            module.ram.settings.contexts[number] = ModuleSettings.Context(type: type, accessPoint: name)
            return module.saveSettings() ? .ok : .cme(23)
        }
    }

    /// At most 100 letters, digits, hyphens and dots (3GPP TS 23.003 §9.1).
    private static func accessPoint(_ argument: ModuleCommand.Argument) -> String? {
        guard argument != .absent else { return "" }
        guard case .quoted(let name) = argument, name.utf8.count <= 100,
            name.unicodeScalars.allSatisfy({
                $0.isASCII && ($0.properties.isAlphabetic || ("0"..."9").contains($0) || $0 == "-" || $0 == "." || $0 == "_")
            })
        else { return nil }
        return name
    }

    private static func activate(_ module: inout CellularModule, _ call: CommandCall) -> CommandReply {
        switch call.form {
        case .test: return .ok("+CGACT: (0,1)")
        case .read:
            return .ok(module.ram.settings.contextNumbers.map { "+CGACT: \($0),\(module.ram.contexts[$0]?.isActive == true ? 1 : 0)" })
        case .execute: return .wrongForm
        case .write:
            guard let state = call.number(0, in: 0...1) else { return .wrongValue }
            var chosen: [Int] = []
            for position in call.arguments.indices.dropFirst() {
                guard let number = call.number(position, in: numbers), module.ram.settings.contexts[number] != nil else {
                    return .wrongValue
                }
                chosen.append(number)
            }
            if chosen.isEmpty { chosen = module.ram.settings.contextNumbers }
            return change(&module, chosen, isActive: state == 1, call)
        }
    }

    private static func change(_ module: inout CellularModule, _ numbers: [Int], isActive: Bool, _ call: CommandCall) -> CommandReply {
        guard module.ram.registration.isRegistered else { return .cme(30) }
        if call.stage == 0 { return .wait(.milliseconds(300)) }
        for number in numbers {
            if isActive { module.activateContext(number) } else { module.deactivateContext(number) }
        }
        return .ok
    }

    /// A context without an address is listed without the second field (transcript 100).
    private static func addresses(_ module: CellularModule, _ call: CommandCall) -> CommandReply {
        func line(_ number: Int) -> String {
            "+CGPADDR: \(number)" + (module.ram.contexts[number]?.address.map { ",\"\($0)\"" } ?? "")
        }
        let all = module.ram.settings.contextNumbers
        switch call.form {
        case .test: return .ok("+CGPADDR: (\(all.map(String.init).joined(separator: ",")))")
        case .execute: return .ok(all.map(line))
        case .read: return .wrongForm
        case .write:
            var lines: [String] = []
            for position in call.arguments.indices {
                guard let number = call.number(position, in: numbers) else { return .wrongValue }
                if all.contains(number) { lines.append(line(number)) }
            }
            return .ok(lines)
        }
    }

    /// The contexts as the TCP commands of the module see them: type 1 IPv4, 2 IPv6.
    private static func sockets(_ module: inout CellularModule, _ call: CommandCall, isActive: Bool) -> CommandReply {
        switch call.form {
        case .test: return .ok(isActive ? "+QIACT: (1-16)" : "+QIDEACT: (1-16)")
        case .execute: return .wrongForm
        case .read:
            guard isActive else { return .wrongForm }
            return .ok(
                module.ram.settings.contextNumbers.compactMap { number in
                    guard let address = module.ram.contexts[number]?.address else { return nil }
                    return "+QIACT: \(number),1,\(module.ram.settings.contexts[number]?.type == "IPV6" ? 2 : 1),\"\(address)\""
                })
        case .write:
            guard let number = call.number(0, in: 1...16), module.ram.settings.contexts[number] != nil else { return .wrongValue }
            return change(&module, [number], isActive: isActive, call)
        }
    }

    /// The data call of the host's network interface: operation, context, report; the read form adds whether it is up.
    private static func hostCall(_ module: inout CellularModule, _ call: CommandCall) -> CommandReply {
        switch call.form {
        case .test: return .ok("+QNETDEVCTL: (0-3),(1-16),(0,1)")
        case .execute: return .wrongForm
        case .read:
            let kept = module.ram.settings.numbers["+QNETDEVCTL"] ?? [0, 1, 0]
            let isUp = kept[0] != 0 && module.ram.contexts[kept[1]]?.isActive == true
            return .ok("+QNETDEVCTL: \(kept.map(String.init).joined(separator: ",")),\(isUp ? 1 : 0)")
        case .write:
            guard let operation = call.number(0, in: 0...3), let number = call.number(1, in: 1...16, default: 1),
                let report = call.number(2, in: 0...1, default: 0), module.ram.settings.contexts[number] != nil
            else { return .wrongValue }
            if operation != 0 {
                guard module.ram.registration.isRegistered else { return .cme(30) }
                module.activateContext(number)
            }
            module.ram.settings.numbers["+QNETDEVCTL"] = [operation, number, report]
            return .ok
        }
    }

    private static func counters(_ module: inout CellularModule, _ call: CommandCall) -> CommandReply {
        switch call.form {
        case .test: return .ok("+QGDCNT: (0,1)")
        case .execute: return .wrongForm
        case .read: return .ok("+QGDCNT: \(module.ram.bytesSent),\(module.ram.bytesReceived)")
        case .write:
            guard let value = call.number(0, in: 0...1) else { return .wrongValue }
            if value == 0 { (module.ram.bytesSent, module.ram.bytesReceived) = (0, 0) }
            return .ok
        }
    }
}
