import LabCore
import WireProtocols

/// Text behind the prompt of `AT+CMGS`, messages that come in, and the character sets of texts (specs/rg500q.md §2.10).
extension CellularModule {
    /// Bytes of a text with all that can be in it; more are dropped and make it wrong.
    private static let textLimit = 1_024

    /// Takes text up to 0x1A or 0x1B; returns how many bytes it took.
    mutating func takeMessageText(
        _ bytes: [UInt8], _ draft: MessageDraft, _ before: [UInt8], _ index: Int, at now: RunInstant, _ effects: inout [DeviceEffect]
    ) -> Int {
        var text = before
        var echo: [UInt8] = []
        var taken = 0
        var end: UInt8?
        for byte in bytes {
            taken += 1
            if byte == 0x1a || byte == 0x1b {
                end = byte
                break
            }
            // The LF of the command line, and of lines that end with CR LF.
            if byte == 0x0a { continue }
            if byte == 0x08 {
                if !text.isEmpty { text.removeLast() }
            } else if text.count < Self.textLimit {
                text.append(byte)
            }
            echo.append(byte)
            // Each line of a text has its prompt.
            if byte == 0x0d { echo += ModuleRendering.prompt.dropFirst(1) }
        }
        if ram.atPorts[index].settings.hasEcho { send(echo, on: index, &effects) }
        switch end {
        case 0x1a?:
            ram.messages.taken[ram.atPorts[index].name] = (draft, text)
            // The network has its say after that; up to 120 s (§2.1).
            inputComplete(index, after: spread(.milliseconds(draft.status == nil ? 800 : 20)), at: now, &effects)
        case nil: ram.atPorts[index].phase = .input(.message(draft, text: text))
        default: inputDone([], .ok, index, at: now, &effects)
        }
        return taken
    }

    /// The network brings a message.
    mutating func receiveMessage(_ arguments: Fields, at now: RunInstant, _ effects: inout [DeviceEffect]) -> Result<Fields, ActionFailure>
    {
        let sender = arguments["from"]?.description ?? "+15550001234"
        guard let text = arguments["text"]?.description, !sender.isEmpty, sender.utf8.count <= 21,
            let message = ShortMessage(
                from: sender, text: text, at: clock(at: now), serviceCentre: card?.serviceCentre ?? "")
        else {
            return .failure(
                ActionFailure("bad_argument", "sms.receive needs a text of at most 160 characters of the GSM alphabet, or 70 others."))
        }
        guard ram.registration.isRegistered else {
            return .failure(ActionFailure("not_attached", "The module is not registered; wait for module.attached."))
        }
        let notification = ram.settings.numbers["+CNMI"] ?? [2, 1]
        let handling = notification.dropFirst().first ?? 1
        if handling == 2, notification.first != 0 {
            unsolicited(directMessage(message), &effects)
            return .success(["index": 0])
        }
        let memory = ram.messages.selected[2]
        guard let place = addMessage(message, to: memory) else {
            if ram.settings.text("QINDCFG smsfull") == "1" { unsolicited("+QIND: \"smsfull\",\"\(memory)\"", &effects) }
            return .failure(ActionFailure("memory_full", "The memory '\(memory)' for messages is full; delete some."))
        }
        effects.append(.note("sms.received", ["from": .text(sender), "text": .text(text), "index": .integer(Int64(place))]))
        if handling == 1, notification.first != 0 { unsolicited("+CMTI: \"\(memory)\",\(place)", &effects) }
        return .success(["index": .integer(Int64(place))])
    }

    private func directMessage(_ message: ShortMessage) -> String {
        guard ram.settings.numbers["+CMGF"]?.first == 1, let parts = message.parts else {
            return "+CMT: ,\(message.tpdu.count)\r\n\(Hexadecimal.text(message.pdu).uppercased())"
        }
        return "+CMT: \"\(written(parts.address.text))\",,\"\(parts.writtenTime ?? "")\"\r\n\(written(parts.text))"
    }

    // MARK: Memories

    func messages(of memory: String) -> MessageMemory {
        switch memory {
        case "ME", "MT": ram.messages.memory
        case "SM": card?.messages ?? MessageMemory(capacity: 50)
        // Reports of delivery: none are asked for.
        default: MessageMemory(capacity: 50)
        }
    }

    /// Changes a memory.
    ///
    /// - Returns: false if the flash did not take it.
    mutating func changeMessages(of memory: String, at index: Int, _ change: (inout MessageMemory) -> Void) -> Bool {
        switch memory {
        case "ME", "MT":
            change(&ram.messages.memory)
            return saveMessages(around: index)
        case "SM":
            guard card != nil else { return false }
            if var messages = card?.messages {
                change(&messages)
                card?.messages = messages
            }
            return true
        default: return false
        }
    }

    /// The place that it got; `nil` if there is none.
    mutating func addMessage(_ message: ShortMessage, to memory: String) -> Int? {
        var probe = messages(of: memory)
        guard memory != "SR", let place = probe.add(message) else { return nil }
        return changeMessages(of: memory, at: place) { $0.put(message, at: place) } ? place : nil
    }

    // MARK: Character sets

    private var characterSet: String { ram.settings.text("CSCS") ?? "GSM" }

    /// A text as the character set of `AT+CSCS` writes it.
    func written(_ text: String) -> String {
        switch characterSet {
        case "UCS2": return text.utf16.map { Hexadecimal.text([UInt8($0 >> 8), UInt8($0 & 0xff)]).uppercased() }.joined()
        case "IRA": return String(text.unicodeScalars.map { $0.isASCII ? Character($0) : "?" })
        default:
            guard let septets = GSMAlphabet.septets(text) else {
                return String(text.unicodeScalars.map { $0.isASCII ? Character($0) : "?" })
            }
            return String(decoding: septets, as: UTF8.self)
        }
    }

    /// What was typed in the character set of `AT+CSCS`; `nil` if that cannot be.
    func read(_ bytes: [UInt8]) -> String? {
        switch characterSet {
        case "UCS2":
            guard bytes.count % 4 == 0, let octets = Hexadecimal.bytes(String(decoding: bytes, as: UTF8.self)) else { return nil }
            let units = stride(from: 0, to: octets.count, by: 2).map { UInt16(octets[$0]) << 8 | UInt16(octets[$0 + 1]) }
            return String(decoding: units, as: UTF16.self)
        case "IRA": return bytes.allSatisfy { $0 < 0x80 } ? String(decoding: bytes, as: UTF8.self) : nil
        default: return bytes.allSatisfy { $0 < 0x80 } ? GSMAlphabet.text(bytes) : nil
        }
    }
}
