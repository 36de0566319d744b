import LabCore
import WireProtocols

/// Bytes in, answers out: line editing, one command after the other, URCs between them (specs/rg500q.md §5).
extension CellularModule {
    mutating func received(_ bytes: [UInt8], on name: LinkName, at now: RunInstant, _ effects: inout [DeviceEffect]) {
        // Diagnosis and NMEA take no text; what is on no port is lost.
        guard ram.openPorts.contains(name), !ram.isHung, !ram.isRecovering, let index = ram.portIndex(name) else { return }
        ram.atPorts[index].typedAhead += bytes
        takeTypedAhead(index, at: now, &effects)
        // More than a host can have typed ahead is noise.
        let excess = ram.atPorts[index].typedAhead.count - ATPort.typeAheadLimit
        if excess > 0 { ram.atPorts[index].typedAhead.removeLast(excess) }
        ram.atPorts[index].lastInput = now
    }

    /// Works through what was typed, until a command is in work.
    private mutating func takeTypedAhead(_ index: Int, at now: RunInstant, _ effects: inout [DeviceEffect]) {
        var taken = 0
        let bytes = ram.atPorts[index].typedAhead
        while taken < bytes.count, isPowered {
            switch ram.atPorts[index].phase {
            case .answering:
                ram.atPorts[index].typedAhead.removeFirst(taken)
                return
            case .input: taken += takeInput(Array(bytes[taken...]), index, at: now, &effects)
            case .command:
                // Echo goes out in one piece for all bytes up to the end of a line.
                var echo: [UInt8] = []
                while taken < bytes.count, case .command = ram.atPorts[index].phase {
                    let step = ram.atPorts[index].editor.take(bytes[taken])
                    if step != .ignored { echo.append(bytes[taken]) }
                    taken += 1
                    if case .ignored = step { continue }
                    if case .kept = step { continue }
                    if ram.atPorts[index].settings.hasEcho { send(echo, on: index, &effects) }
                    echo = []
                    ended(step, index, at: now, &effects)
                    guard isPowered else { return }
                }
                if ram.atPorts[index].settings.hasEcho { send(echo, on: index, &effects) }
            }
        }
        if isPowered { ram.atPorts[index].typedAhead.removeFirst(min(taken, ram.atPorts[index].typedAhead.count)) }
    }

    private mutating func ended(_ step: ModuleLineEditor.Step, _ index: Int, at now: RunInstant, _ effects: inout [DeviceEffect]) {
        releaseHeldBack(on: ram.atPorts[index].name, &effects)
        switch step {
        case .line(let line): begin(line, index, at: now, &effects)
        case .repetition: begin(ram.atPorts[index].lastLine, index, at: now, &effects)
        case .tooLong: send(ram.atPorts[index].settings.rendering.final(.error), on: index, &effects)
        case .ignored, .kept: break
        }
    }

    private mutating func begin(_ line: [UInt8], _ index: Int, at now: RunInstant, _ effects: inout [DeviceEffect]) {
        guard let parsed = ModuleCommandLine(line) else { return }
        ram.atPorts[index].lastLine = line
        ram.atPorts[index].commands = parsed.commands
        ram.atPorts[index].endsMalformed = parsed.isMalformed
        ram.atPorts[index].stage = 0
        ram.atPorts[index].phase = .answering
        effects.append(.note("command", ["port": .text(ram.atPorts[index].name.portLabel), "text": .text(Self.shown(line))]))
        pause(setup.answerTime == .zero ? .zero : spread(setup.answerTime), index, at: now, &effects)
    }

    /// The line for the log; a PIN is nobody's business.
    private static func shown(_ line: [UInt8]) -> String {
        let text = String(decoding: line.prefix(256), as: UTF8.self)
        // In ASCII capitals, so that both texts have the same places.
        let capitals = text.utf8.map { (0x61...0x7a).contains($0) ? $0 - 0x20 : $0 }
        guard let place = capitals.firstRange(of: Array("+CPIN=".utf8))?.upperBound else { return text }
        return String(decoding: text.utf8.prefix(place), as: UTF8.self) + "…"
    }

    private mutating func pause(_ time: Duration, _ index: Int, at now: RunInstant, _ effects: inout [DeviceEffect]) {
        if time == .zero { return work(index, at: now, &effects) }
        effects.append(.startTimer(.answer.on(ram.atPorts[index].name), after: time))
    }

    mutating func answerDue(on name: LinkName, at now: RunInstant, _ effects: inout [DeviceEffect]) {
        guard let index = ram.portIndex(name), case .answering = ram.atPorts[index].phase else { return }
        work(index, at: now, &effects)
        if isPowered { takeTypedAhead(index, at: now, &effects) }
    }

    /// Carries out the line's commands, until one has to wait, takes input, or fails.
    private mutating func work(_ index: Int, at now: RunInstant, _ effects: inout [DeviceEffect]) {
        while let command = ram.atPorts[index].commands.first {
            let call = CommandCall(command: command, port: ram.atPorts[index].name, now: now, stage: ram.atPorts[index].stage)
            let reply = perform(call, &effects)
            switch reply {
            case .wait(let time):
                ram.atPorts[index].stage += 1
                // Never at once: a command that waits for something would not let anything happen.
                return pause(max(time, .milliseconds(1)), index, at: now, &effects)
            case .prompt(let draft):
                ram.atPorts[index].phase = .input(.message(draft, text: []))
                return send(ModuleRendering.prompt, on: index, &effects)
            case .upload(let upload):
                ram.atPorts[index].phase = .input(.upload(upload))
                send(ram.atPorts[index].settings.rendering.final(.connect), on: index, &effects)
                return effects.append(.startTimer(.inputLimit.on(ram.atPorts[index].name), after: upload.limit))
            case .data(let text, let bytes, let lines, let result):
                let connect = Array("\r\nCONNECT\(text)\r\n".utf8) + bytes
                if !finishCommand(lines, result, before: connect, index, &effects) { return }
            case .done(let lines, let result):
                if !finishCommand(lines, result, before: [], index, &effects) { return }
            }
        }
        // Nothing but `AT`, or something behind the last command that is none.
        endLine([], ram.atPorts[index].endsMalformed ? .error : .ok, index, &effects)
    }

    /// Ends the command in work with what it says. For input that has come in full, and for commands.
    ///
    /// - Returns: whether the line goes on.
    private mutating func finishCommand(
        _ lines: [String], _ result: ModuleResult, before: [UInt8], _ index: Int, _ effects: inout [DeviceEffect]
    ) -> Bool {
        ram.atPorts[index].stage = 0
        if !ram.atPorts[index].commands.isEmpty { ram.atPorts[index].commands.removeFirst() }
        let information = before + information(lines, index)
        if result != .ok || (ram.atPorts[index].commands.isEmpty && !ram.atPorts[index].endsMalformed) {
            endLine(information, result, index, &effects)
            return false
        }
        answer(information, on: index, &effects)
        return true
    }

    private mutating func endLine(_ information: [UInt8], _ result: ModuleResult, _ index: Int, _ effects: inout [DeviceEffect]) {
        ram.atPorts[index].commands = []
        ram.atPorts[index].phase = .command
        answer(information + ram.atPorts[index].settings.rendering.final(result), on: index, &effects)
        releaseHeldBack(on: ram.atPorts[index].name, &effects)
    }

    /// Lines as bytes; a URC goes between two of them if a fault wants that.
    private mutating func information(_ lines: [String], _ index: Int) -> [UInt8] {
        let rendering = ram.atPorts[index].settings.rendering
        guard lines.count > 1, rendering.isVerbose, let between = faults.between else { return rendering.information(lines) }
        faults.between = nil
        let place = lines.count / 2
        return rendering.information(Array(lines[..<place])) + ModuleRendering.unsolicited(between)
            + lines[place...].flatMap { Array($0.utf8) + [0x0d, 0x0a] }
    }

    /// Sends an answer, or half of it while a fault wants that.
    private mutating func answer(_ bytes: [UInt8], on index: Int, _ effects: inout [DeviceEffect]) {
        send(faults.isHalving ? Array(bytes.prefix(bytes.count / 2)) : bytes, on: index, &effects)
    }

    private mutating func perform(_ call: CommandCall, _ effects: inout [DeviceEffect]) -> CommandReply {
        guard let entry = profile.command(call.command.name) else { return .error }
        if call.form != .test, let missing = missingCard {
            switch entry.need {
            case .nothing: break
            case .card: return .cme(missing)
            case .messageCard: return .cms(300 + missing)
            }
        }
        return entry.handler(&self, call, &effects)
    }

    /// The `+CME ERROR` for a SIM that cannot be used now; `nil` if it can. Those of messages are 300 higher.
    var missingCard: Int? {
        if cardInSlot == nil { return 10 }
        if ram.functionality == 0 { return 13 }
        if needsPIN { return 11 }
        return ram.isCardReady ? nil : 14
    }

    // MARK: Input

    /// Gives bytes to the command that takes them; returns how many it took.
    private mutating func takeInput(_ bytes: [UInt8], _ index: Int, at now: RunInstant, _ effects: inout [DeviceEffect]) -> Int {
        guard case .input(let input) = ram.atPorts[index].phase else { return bytes.count }
        switch input {
        case .message(let draft, let text): return takeMessageText(bytes, draft, text, index, at: now, &effects)
        case .upload(let upload): return takeUpload(bytes, upload, index, at: now, &effects)
        }
    }

    /// The command has got what it asked for; its handler is called again, with the stage 1.
    mutating func inputComplete(_ index: Int, after time: Duration, at now: RunInstant, _ effects: inout [DeviceEffect]) {
        effects.append(.cancelTimer(.inputLimit.on(ram.atPorts[index].name)))
        ram.atPorts[index].phase = .answering
        ram.atPorts[index].stage = 1
        pause(time, index, at: now, &effects)
    }

    /// The command ends without having got it.
    mutating func inputDone(_ lines: [String], _ result: ModuleResult, _ index: Int, at now: RunInstant, _ effects: inout [DeviceEffect]) {
        effects.append(.cancelTimer(.inputLimit.on(ram.atPorts[index].name)))
        ram.atPorts[index].phase = .answering
        if finishCommand(lines, result, before: [], index, &effects) { work(index, at: now, &effects) }
    }

    mutating func inputTimedOut(on name: LinkName, at now: RunInstant, _ effects: inout [DeviceEffect]) {
        guard let index = ram.portIndex(name), case .input(.upload) = ram.atPorts[index].phase else { return }
        inputDone([], .equipmentError(421), index, at: now, &effects)
        takeTypedAhead(index, at: now, &effects)
    }

    // MARK: Output

    /// Everything that leaves an AT port.
    mutating func send(_ bytes: [UInt8], on index: Int, _ effects: inout [DeviceEffect]) {
        let name = ram.atPorts[index].name
        guard !bytes.isEmpty, !ram.isHung, ram.openPorts.contains(name) else { return }
        effects.append(.link(name, .send(bytes)))
    }
}

extension ModuleMemory {
    func portIndex(_ name: LinkName) -> Int? { atPorts.firstIndex { $0.name == name } }
}
