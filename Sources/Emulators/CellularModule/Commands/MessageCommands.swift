import LabCore
import WireProtocols

/// Short messages in text and PDU mode (3GPP TS 27.005 §3; specs/rg500q.md §2.10).
enum MessageCommands {
    static let table: [CommandEntry] = [
        CommandEntry("+CMGF", keeps: [0...1], default: [0]), CommandEntry("+CSDH", keeps: [0...1], default: [0]),
        CommandEntry(
            "+CNMI", keeps: [0...2, 0...3, 0...3, 0...2, 0...1], default: [2, 1, 0, 0, 0], test: "(0-2),(0-3),(0,2,3),(0-2),(0,1)"),
        CommandEntry("+CSMP", keeps: [0...255, 0...255, 0...255, 0...255], default: [17, 167, 0, 0]),
        CommandEntry("+CMMS", keeps: [0...2], default: [0]),
        CommandEntry("+CSMS") { _, call, _ in
            switch call.form {
            case .test: .ok("+CSMS: (0,1)")
            case .read: .ok("+CSMS: 0,1,1,1")
            case .execute: .wrongForm
            case .write: call.number(0, in: 0...1) == nil ? .cms(303) : .ok("+CSMS: 1,1,1")
            }
        },
        CommandEntry("+CNMA") { _, call, _ in call.form == .test ? .ok("+CNMA: (0-2)") : .cms(340) },
        CommandEntry("+CSCS") { module, call, _ in characterSet(&module, call) },
        CommandEntry("+CSCA", needs: .messageCard) { module, call, _ in centre(&module, call) },
        CommandEntry("+CPMS", needs: .messageCard) { module, call, _ in memories(&module, call) },
        CommandEntry("+CMGS", needs: .messageCard) { module, call, effects in send(&module, call, &effects) },
        CommandEntry("+CMGW", needs: .messageCard) { module, call, effects in write(&module, call) },
        CommandEntry("+CMSS", needs: .messageCard) { module, call, effects in sendStored(&module, call, &effects) },
        CommandEntry("+CMGL", needs: .messageCard) { module, call, _ in list(&module, call) },
        CommandEntry("+CMGR", needs: .messageCard) { module, call, _ in read(&module, call) },
        CommandEntry("+CMGD", needs: .messageCard) { module, call, _ in delete(&module, call) },
    ]

    private static func isText(_ module: CellularModule) -> Bool { module.ram.settings.numbers["+CMGF"]?.first == 1 }

    // MARK: Settings

    private static func characterSet(_ module: inout CellularModule, _ call: CommandCall) -> CommandReply {
        switch call.form {
        case .test: return .ok("+CSCS: (\"GSM\",\"IRA\",\"UCS2\")")
        case .read: return .ok("+CSCS: \"\(module.ram.settings.text("CSCS") ?? "GSM")\"")
        case .execute: return .wrongForm
        case .write:
            guard let name = call[0].text?.uppercased(), ["GSM", "IRA", "UCS2"].contains(name) else { return .wrongValue }
            module.ram.settings.texts["CSCS"] = name
            return .ok
        }
    }

    private static func centre(_ module: inout CellularModule, _ call: CommandCall) -> CommandReply {
        switch call.form {
        case .test: return .ok
        case .execute: return .wrongForm
        case .read:
            let number = module.card?.serviceCentre ?? ""
            return .ok("+CSCA: \"\(module.written(number))\",\(number.hasPrefix("+") ? 145 : 129)")
        case .write:
            guard let given = call[0].text, let number = module.read(Array(given.utf8)), isNumber(number) else { return .cms(305) }
            module.card?.serviceCentre = call[1].number == 145 && !number.hasPrefix("+") ? "+" + number : number
            return .ok
        }
    }

    private static func isNumber(_ text: String) -> Bool {
        let digits = text.hasPrefix("+") ? text.dropFirst() : text[...]
        return (1...20).contains(digits.utf8.count) && digits.utf8.allSatisfy { (0x30...0x39).contains($0) || $0 == 0x2a || $0 == 0x23 }
    }

    private static func memories(_ module: inout CellularModule, _ call: CommandCall) -> CommandReply {
        let known = ["ME", "MT", "SM", "SR"]
        func counts(_ name: String) -> String {
            let memory = module.messages(of: name)
            return "\(memory.count),\(memory.capacity)"
        }
        switch call.form {
        case .test:
            let list = "(\(known.map { "\"\($0)\"" }.joined(separator: ",")))"
            return .ok("+CPMS: \(list),\(list),\(list)")
        case .read: return .ok("+CPMS: \(module.ram.messages.selected.map { "\"\($0)\",\(counts($0))" }.joined(separator: ","))")
        case .execute: return .wrongForm
        case .write:
            var selected = module.ram.messages.selected
            guard (1...3).contains(call.arguments.count) else { return .cms(302) }
            for (position, argument) in call.arguments.enumerated() where argument != .absent {
                guard let name = argument.text?.uppercased(), known.contains(name), position == 0 || name != "SR" else { return .cms(302) }
                selected[position] = name
            }
            module.ram.messages.selected = selected
            return .ok("+CPMS: \(selected.map(counts).joined(separator: ","))")
        }
    }

    // MARK: Sending

    private static func target(_ module: CellularModule, _ call: CommandCall) -> MessageDraft.Target? {
        guard isText(module) else { return call.number(0, in: 7...164).map { .octets($0) } }
        guard let given = call[0].text, let number = module.read(Array(given.utf8)), isNumber(number) else { return nil }
        return .number(call[1].number == 145 && !number.hasPrefix("+") ? "+" + number : number)
    }

    private static func send(_ module: inout CellularModule, _ call: CommandCall, _ effects: inout [DeviceEffect]) -> CommandReply {
        guard call.form == .write else { return call.form == .test ? .ok : .cms(303) }
        if call.stage == 0 {
            guard let target = target(module, call) else { return .cms(isText(module) ? 305 : 304) }
            return .prompt(MessageDraft(target: target, status: nil))
        }
        guard let (draft, text) = module.ram.messages.taken.removeValue(forKey: call.port) else { return .cms(500) }
        return message(module, draft, text, .sent).map { deliver(&module, $0, &effects) } ?? wrong(draft)
    }

    private static func wrong(_ draft: MessageDraft) -> CommandReply {
        if case .octets = draft.target { .cms(304) } else { .cms(305) }
    }

    /// The message that was typed; `nil` if it is none.
    private static func message(
        _ module: CellularModule, _ draft: MessageDraft, _ text: [UInt8], _ status: ShortMessage.Status
    ) -> ShortMessage? {
        switch draft.target {
        case .number(let number):
            guard let words = module.read(text) else { return nil }
            if status == .unread || status == .read {
                return ShortMessage(from: number, text: words, at: module.setup.epoch, serviceCentre: "").map { with($0, status) }
            }
            return ShortMessage(to: number, text: words, status: status)
        case .octets(let count):
            let digits = text.filter { $0 != 0x0d && $0 != 0x20 }
            guard let pdu = Hexadecimal.bytes(String(decoding: digits, as: UTF8.self)),
                let message = ShortMessage(pdu: pdu, status: status),
                message.tpdu.count == count
            else { return nil }
            return message
        }
    }

    private static func with(_ message: ShortMessage, _ status: ShortMessage.Status) -> ShortMessage {
        var message = message
        message.status = status
        return message
    }

    private static func deliver(_ module: inout CellularModule, _ message: ShortMessage, _ effects: inout [DeviceEffect]) -> CommandReply {
        guard let parts = message.parts, parts.isSubmit else { return .cms(304) }
        guard module.ram.registration.isRegistered else { return .cms(331) }
        module.ram.messages.reference = (module.ram.messages.reference + 1) % 256
        let reference = module.ram.messages.reference
        effects.append(
            .note(
                "sms.sent", ["to": .text(parts.address.text), "text": .text(parts.text), "reference": .integer(Int64(reference))]))
        return .ok("+CMGS: \(reference)")
    }

    private static func write(_ module: inout CellularModule, _ call: CommandCall) -> CommandReply {
        guard call.form == .write else { return call.form == .test ? .ok : .cms(303) }
        if call.stage == 0 {
            let position = isText(module) ? 2 : 1
            let words = ShortMessage.Status.allCases
            let status = call[position].text.map { given in words.first { $0.word == given || String($0.rawValue) == given } } ?? .unsent
            guard let target = target(module, call), let status else { return .cms(isText(module) ? 305 : 304) }
            return .prompt(MessageDraft(target: target, status: status))
        }
        guard let (draft, text) = module.ram.messages.taken.removeValue(forKey: call.port), let status = draft.status else {
            return .cms(500)
        }
        guard let message = message(module, draft, text, status) else { return wrong(draft) }
        guard let place = module.addMessage(message, to: module.ram.messages.selected[1]) else { return .cms(322) }
        return .ok("+CMGW: \(place)")
    }

    private static func sendStored(_ module: inout CellularModule, _ call: CommandCall, _ effects: inout [DeviceEffect]) -> CommandReply {
        guard call.form == .write else { return call.form == .test ? .ok : .cms(303) }
        let memory = module.ram.messages.selected[1]
        guard let index = call[0].number, var message = module.messages(of: memory)[index] else { return .cms(321) }
        if call.stage == 0 { return .wait(.milliseconds(800)) }
        let reply = deliver(&module, message, &effects)
        guard case .done(let lines, .ok) = reply else { return reply }
        message.status = .sent
        _ = module.changeMessages(of: memory, at: index) { $0.put(message, at: index) }
        return .ok(lines.map { "+CMSS" + $0.dropFirst(5) })
    }

    // MARK: Reading

    private static func list(_ module: inout CellularModule, _ call: CommandCall) -> CommandReply {
        let isText = isText(module)
        let words = ShortMessage.Status.allCases.map(\.word) + ["ALL"]
        switch call.form {
        case .test: return .ok("+CMGL: \(isText ? "(\(words.map { "\"\($0)\"" }.joined(separator: ",")))" : "(0-4)")")
        case .read: return .cms(303)
        case .execute, .write: break
        }
        let wanted: Int?
        if call.arguments.isEmpty {
            wanted = 0
        } else {
            wanted = isText ? call[0].text.flatMap { words.firstIndex(of: $0.uppercased()) } : call.number(0, in: 0...4)
        }
        guard let wanted else { return .cms(isText ? 305 : 304) }
        let memory = module.ram.messages.selected[0]
        let places = module.messages(of: memory).places.filter { wanted == 4 || $0.message.status.rawValue == wanted }
        let lines = places.flatMap { shown($0.message, index: $0.index, isText, module) }
        for place in places where place.message.status == .unread { markRead(&module, memory, place.index) }
        return .ok(lines)
    }

    private static func read(_ module: inout CellularModule, _ call: CommandCall) -> CommandReply {
        guard call.form == .write else { return call.form == .test ? .ok : .cms(303) }
        let memory = module.ram.messages.selected[0]
        guard let index = call[0].number, let message = module.messages(of: memory)[index] else { return .cms(321) }
        let lines = shown(message, index: nil, isText(module), module)
        if message.status == .unread { markRead(&module, memory, index) }
        return .ok(lines)
    }

    private static func markRead(_ module: inout CellularModule, _ memory: String, _ index: Int) {
        guard let message = module.messages(of: memory)[index] else { return }
        _ = module.changeMessages(of: memory, at: index) { $0.put(with(message, .read), at: index) }
    }

    /// Header and text of a message, as `AT+CMGL` (with an index) or `AT+CMGR` shows them.
    private static func shown(_ message: ShortMessage, index: Int?, _ isText: Bool, _ module: CellularModule) -> [String] {
        let start = index.map { "+CMGL: \($0)," } ?? "+CMGR: "
        guard isText, let parts = message.parts else {
            return ["\(start)\(message.status.rawValue),,\(message.tpdu.count)", Hexadecimal.text(message.pdu).uppercased()]
        }
        var header = "\(start)\"\(message.status.word)\",\"\(module.written(parts.address.text))\","
        if let time = parts.writtenTime { header += ",\"\(time)\"" } else if index != nil { header += "," }
        if module.ram.settings.numbers["+CSDH"]?.first == 1 {
            if index != nil {
                header += ",\(parts.address.numberType),\(parts.dataLength)"
            } else {
                let centre = message.serviceCentre
                header += ",\(parts.address.numberType),\(parts.firstOctet),\(parts.protocolID),\(parts.codingScheme)"
                header += ",\"\(module.written(centre))\",\(centre.hasPrefix("+") ? 145 : 129),\(parts.dataLength)"
            }
        }
        return [header, module.written(parts.text)]
    }

    /// 0 this one, 1 all read, 2 and sent, 3 and unsent, 4 all.
    private static func delete(_ module: inout CellularModule, _ call: CommandCall) -> CommandReply {
        let memory = module.ram.messages.selected[0]
        let messages = module.messages(of: memory)
        guard call.form == .write else {
            guard call.form == .test else { return .cms(303) }
            return .ok("+CMGD: (\(messages.places.map { String($0.index) }.joined(separator: ","))),(0-4)")
        }
        guard let flag = call.number(1, in: 0...4, default: 0), let index = call[0].number else { return .cms(305) }
        if flag == 0 {
            guard (1...messages.capacity).contains(index) else { return .cms(321) }
            return module.changeMessages(of: memory, at: index) { $0.remove(index) } ? .ok : .cms(320)
        }
        let doomed: [ShortMessage.Status] = [[], [.read], [.read, .sent], [.read, .sent, .unsent], ShortMessage.Status.allCases][flag]
        for place in messages.places where doomed.contains(place.message.status) {
            guard module.changeMessages(of: memory, at: place.index, { $0.remove(place.index) }) else { return .cms(320) }
        }
        return .ok
    }
}
