import LabCore
import WireProtocols

/// Functionality, power and the SIM (specs/rg500q.md §2.3).
enum PowerCommands {
    static let table: [CommandEntry] = [
        CommandEntry("+CFUN") { module, call, effects in functionality(&module, call, &effects) },
        CommandEntry("+QPOWD") { module, call, effects in
            switch call.form {
            case .test: return .ok("+QPOWD: (0,1)")
            case .read: return .wrongForm
            case .execute, .write:
                guard let isNormal = call.number(0, in: 0...1, default: 1) else { return .wrongValue }
                module.beginPowerDown(after: isNormal == 1 ? CellularModule.powerDownTime : .milliseconds(50), &effects)
                return .ok
            }
        },
        CommandEntry("+CPIN") { module, call, effects in pin(&module, call, &effects) },
        CommandEntry("+QINISTAT") { module, call, _ in
            call.form == .execute ? .ok("+QINISTAT: \(module.ram.start.done)") : call.form == .test ? .ok("+QINISTAT: (0-7)") : .wrongForm
        },
        CommandEntry("+QSIMSTAT") { module, call, _ in
            switch call.form {
            case .test: return .ok("+QSIMSTAT: (0,1)")
            case .execute: return .wrongForm
            case .read:
                return .ok("+QSIMSTAT: \(module.ram.settings.numbers["+QSIMSTAT"]?.first ?? 0),\(module.cardInSlot == nil ? 0 : 1)")
            case .write:
                guard let value = call.number(0, in: 0...1) else { return .wrongValue }
                module.ram.settings.numbers["+QSIMSTAT"] = [value]
                return .ok
            }
        },
        CommandEntry("+QUIMSLOT") { module, call, effects in
            switch call.form {
            case .test: return .ok("+QUIMSLOT: (1,2)")
            case .execute: return .wrongForm
            case .read: return .ok("+QUIMSLOT: \(module.ram.settings.text("QUIMSLOT") ?? "1")")
            case .write:
                // The second slot is empty.
                guard let slot = call.number(0, in: 1...2) else { return .wrongValue }
                return slot == 1 ? .ok : .cme(10)
            }
        },
        CommandEntry("+CLCK") { module, call, _ in lock(module, call) },
        CommandEntry("+CSIM", needs: .card) { _, call, _ in
            // Any file or function of the card is one that it has not: status words 6A 82.
            guard call.form == .write, let length = call[0].number, let data = call[1].text, data.utf8.count == length else {
                return .wrongForm
            }
            return .ok("+CSIM: 4,\"6A82\"")
        },
        CommandEntry("+CRSM", needs: .card) { module, call, _ in file(module, call) },
    ]

    private static func functionality(_ module: inout CellularModule, _ call: CommandCall, _ effects: inout [DeviceEffect]) -> CommandReply
    {
        switch call.form {
        case .test: return .ok("+CFUN: (0,1,4),(0,1)")
        // It reads 0 until the SIM's turn has come after a boot.
        case .read: return .ok("+CFUN: \(module.isStarting ? 0 : module.ram.functionality)")
        case .execute: return .wrongForm
        case .write: break
        }
        guard let value = call.number(0, in: 0...4), [0, 1, 4].contains(value), let reset = call.number(1, in: 0...1, default: 0)
        else { return .wrongValue }
        if reset == 1 {
            guard value == 1 else { return .wrongValue }
            module.beginReset(.command, after: CellularModule.resetDelay, &effects)
            return .ok
        }
        if value == module.ram.functionality {
            return value == 1 && module.setup.refusesFullFunctionality ? .cme(0) : .ok
        }
        // The radio takes its time.
        if call.stage == 0 { return .wait(.milliseconds(400)) }
        let before = module.ram.functionality
        module.ram.functionality = value
        if value == 0 {
            module.ram.isCardReady = false
            module.ram.start = ModuleMemory.Start()
            effects.append(.cancelTimer(.start))
        }
        if before == 0 { module.beginStart(&effects) }
        module.updateRegistration(at: call.now, &effects)
        return .ok
    }

    private static func pin(_ module: inout CellularModule, _ call: CommandCall, _ effects: inout [DeviceEffect]) -> CommandReply {
        switch call.form {
        case .test: return .ok
        case .execute: return .wrongForm
        case .read:
            if module.cardInSlot == nil { return .cme(10) }
            if module.ram.functionality == 0 { return .cme(13) }
            if module.needsPIN { return .ok("+CPIN: \(module.cardState)") }
            return module.ram.isCardReady ? .ok("+CPIN: READY") : .cme(14)
        case .write:
            guard let card = module.cardInSlot else { return .cme(10) }
            guard call.arguments.count <= 2, let given = call[0].text else { return .wrongValue }
            // Nothing is asked for: that is no moment for a PIN. A wrong one is told in any case (transcript 42).
            guard let pin = card.pin else { return .cme(16) }
            guard module.needsPIN else { return .cme(3) }
            guard card.pinTries > 0 else { return .cme(12) }
            guard given == pin else {
                module.card?.pinTries -= 1
                return .cme(card.pinTries == 1 ? 12 : 16)
            }
            module.card?.pinTries = 3
            module.ram.isUnlocked = true
            module.beginStart(&effects)
            return .ok
        }
    }

    /// Nothing is locked but the SIM if it has a PIN, `SC`.
    private static func lock(_ module: CellularModule, _ call: CommandCall) -> CommandReply {
        let facilities = ["AB", "AC", "AG", "AI", "AO", "IR", "OI", "OX", "SC", "FD", "PN", "PU", "PP"]
        switch call.form {
        case .test: return .ok("+CLCK: (\(facilities.map { "\"\($0)\"" }.joined(separator: ",")))")
        case .read, .execute: return .wrongForm
        case .write:
            guard let facility = call[0].text, facilities.contains(facility), let mode = call.number(1, in: 0...2) else {
                return .wrongValue
            }
            guard mode == 2 else { return .cme(3) }
            return .ok("+CLCK: \(facility == "SC" && module.card?.pin != nil ? 1 : 0)")
        }
    }

    /// Reads of the card's files by their numbers (3GPP TS 31.102): ICCID, administrative data and name of the provider; others are not on it.
    private static func file(_ module: CellularModule, _ call: CommandCall) -> CommandReply {
        guard call.form == .write, let command = call[0].number, let number = call[1].number else {
            return call.form == .test ? .ok : .wrongForm
        }
        guard let card = module.card else { return .cme(10) }
        let contents: [UInt8]? =
            switch number {
            case 12_258: swapped(card.iccid)
            // Normal operation, and how many digits of the IMSI name the network: three in North America, two elsewhere.
            case 28_589: [0, 0, 0, card.imsi.hasPrefix("3") ? 3 : 2]
            // Display conditions, then the name filled up with FF.
            case 28_486: [0] + Array("LAB SIM".utf8) + [UInt8](repeating: 0xff, count: 9)
            default: nil
            }
        guard let contents else { return .ok("+CRSM: 106,130,\"\"") }
        guard command == 176 else { return .ok("+CRSM: 109,0,\"\"") }
        return .ok("+CRSM: 144,0,\"\(Hexadecimal.text(contents).uppercased())\"")
    }

    /// Digits two by two with changed places, filled up with F (ITU-T E.118 as EF ICCID has it).
    private static func swapped(_ digits: String) -> [UInt8] {
        let values = digits.utf8.map { $0 & 15 } + (digits.utf8.count % 2 == 0 ? [] : [15])
        return stride(from: 0, to: values.count - 1, by: 2).map { values[$0 + 1] << 4 | values[$0] }
    }
}
