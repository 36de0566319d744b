import LabCore
import WireProtocols

/// Cards, alarms, parameters and the small commands.
extension DNYPile {
    // MARK: 02

    /// Without a connection a card starts and ends a charge by itself; its order is made of date, card, device and port (4.13).
    mutating func swiped(_ port: Int?, _ card: UInt64, _ core: inout PileCore, _ line: inout PileLine, at now: RunInstant) {
        guard line.isOpen else {
            if let port { offlineCard(port, card, &core, &line, at: now) }
            return
        }
        var data: [UInt8] = []
        data.append(littleEndian: UInt32(truncatingIfNeeded: card).byteSwapped)
        data.append(1)
        data.append(port.map { UInt8(clamping: $0) } ?? 0xff)
        data += [0, 0]
        send(DNYCommand.cardSwipe, data, &core, &line, at: now)
    }

    private mutating func offlineCard(_ port: Int, _ card: UInt64, _ core: inout PileCore, _ line: inout PileLine, at now: RunInstant) {
        if let charge = core.ports[port].charge {
            if charge.starter == .card, charge.card == card { core.end(port, .card, at: now) }
            return
        }
        // Beijing time, as on the device's display.
        let time = CivilTime(unix: core.clock.seconds(at: now) + 28_800)
        var order = [time.year % 100, time.month, time.day, time.hour, time.minute, time.second].map { UInt8(($0 / 10) << 4 | $0 % 10) }
        order.append(littleEndian: UInt32(truncatingIfNeeded: card).byteSwapped)
        order.append(littleEndian: settings.physicalID)
        order.append(UInt8(clamping: port + 0x30))
        let request = ChargeRequest(
            port: port, order: PileOrder(bytes: order), starter: .card, card: card, limit: .untilFull)
        if case .refused(let refusal, let port) = core.start(request, at: now) {
            var fields: Fields = [
                "order": .text(request.order.text), "result": .integer(Int64(Self.code(refusal))), "reason": .text(refusal.word),
            ]
            if let port { fields["port"] = .integer(Int64(port) + 1) }
            line.note("charge.refused", fields)
        }
    }

    /// The answer alone starts nothing; 82 does.
    func cardAnswered(_ frame: DNYFrame, _ line: inout PileLine) {
        var cursor = ByteCursor(frame.data)
        guard let card = cursor.integer(UInt32.self), let state = cursor.integer(UInt8.self), cursor.take(5) != nil,
            let port = cursor.integer(UInt8.self)
        else { return }
        line.note(
            "card.answered",
            [
                "card": .text(String(card.byteSwapped)), "state": .integer(Int64(state)),
                "port": .integer(port == 0xff ? 0 : Int64(port) + 1),
            ])
    }

    // MARK: 42

    mutating func alarm(
        _ kind: PileAlarm, _ port: Int?, _ isRaised: Bool, _ core: inout PileCore, _ line: inout PileLine, at now: RunInstant
    ) {
        let code: UInt8
        switch kind {
        case .powerCut: code = 1
        case .water: code = 2
        case .smoke: code = 4
        case .heat: code = 5
        case .door: code = 7
        case .overCurrent, .relayStuck, .memory: return
        }
        guard line.isOpen else { return }
        send(DNYCommand.alarm, [code, port.map { UInt8(clamping: $0) } ?? 0xff, isRaised ? 1 : 0], &core, &line, at: now)
    }

    // MARK: 81 to 98

    mutating func command(_ frame: DNYFrame, _ core: inout PileCore, _ line: inout PileLine, at now: RunInstant) {
        switch frame.command {
        case DNYCommand.query:
            registrationID = nil
            register(&core, &line, at: now)
            beat(&core, &line, at: now)
        case DNYCommand.setChargeParameters...DNYCommand.setCardKeys: setParameters(frame, &core, &line, at: now)
        case DNYCommand.workMode, DNYCommand.quickResponseAddress, DNYCommand.cardMode: setParameters(frame, &core, &line, at: now)
        case DNYCommand.getChargeParameters...DNYCommand.getCardKeys:
            answer(
                frame, core.memory.setting(frame.command - 0x0d & 0x3f) ?? Self.defaults(frame.command - 0x0d, core), &core, &line, at: now)
        case DNYCommand.reset:
            answer(frame, [0], &core, &line, at: now)
            line.restart = PileLine.Restart("command", after: PilePower.resetTime)
        case DNYCommand.clearStorage:
            try? core.memory.forgetSettings()
            answer(frame, [0], &core, &line, at: now)
            line.restart = PileLine.Restart("storage_cleared", after: PilePower.resetTime)
        case DNYCommand.rebootModule:
            answer(frame, [0], &core, &line, at: now)
            line.wantsClose = true
        case DNYCommand.rebootHost, DNYCommand.clearUpgrade, DNYCommand.serverAddress, DNYCommand.radioParameters:
            hostCommand(frame, &core, &line, at: now)
        case DNYCommand.playVoice, DNYCommand.temporaryCode, DNYCommand.locate, DNYCommand.mute, DNYCommand.function:
            answer(frame, [0], &core, &line, at: now)
        case DNYCommand.readMemory, DNYCommand.writeMemory: answer(frame, [1], &core, &line, at: now)
        case DNYCommand.upgradeSlave, DNYCommand.upgradePowerBoard, DNYCommand.upgradeOldSlave: upgradePacket(frame, &core, &line, at: now)
        default: break
        }
    }

    /// Kept in flash as they came, and in force at once.
    private mutating func setParameters(_ frame: DNYFrame, _ core: inout PileCore, _ line: inout PileLine, at now: RunInstant) {
        let least: Int =
            switch frame.command {
            case DNYCommand.setChargeParameters: 11
            case DNYCommand.setDetectionParameters: 18
            case DNYCommand.setLimits: 4
            case DNYCommand.setCardKeys: 13
            default: 1
            }
        guard frame.data.count >= least else { return answer(frame, [1], &core, &line, at: now) }
        if frame.command == DNYCommand.setLimits, limitsExceed(frame.data, core) { return answer(frame, [1], &core, &line, at: now) }
        do {
            try core.memory.keepSetting(frame.command & 0x3f, Array(frame.data.prefix(96)))
        } catch { return answer(frame, [1], &core, &line, at: now) }
        apply(frame.command, frame.data, &core)
        line.note("settings.changed", ["command": .integer(Int64(frame.command))])
        answer(frame, [0], &core, &line, at: now)
    }

    /// 2000 W for devices with two or more ports, 3500 W for strong ones (4.7).
    private func limitsExceed(_ data: [UInt8], _ core: PileCore) -> Bool {
        var cursor = ByteCursor(data)
        guard cursor.integer(UInt16.self) != nil, let overload = cursor.integer(UInt16.self) else { return true }
        return Int64(overload) > max(20_000, core.setup.ratedPower)
    }

    mutating func loadParameters(_ core: inout PileCore) {
        core.protection = PileProtection(overload: core.setup.ratedPower)
        for command in DNYCommand.setChargeParameters...DNYCommand.setLimits {
            if let data = core.memory.setting(command & 0x3f) { apply(command, data, &core) }
        }
        if let bytes = core.memory.setting(Self.firmwareSetting) {
            var cursor = ByteCursor(bytes)
            firmware = cursor.integer(UInt16.self) ?? settings.firmware
        }
    }

    private mutating func apply(_ command: UInt8, _ data: [UInt8], _ core: inout PileCore) {
        var cursor = ByteCursor(data)
        func word(_ cursor: inout ByteCursor) -> Int64? { cursor.integer(UInt16.self).map { Int64($0) } }
        func byte(_ cursor: inout ByteCursor) -> Int64? { cursor.integer(UInt8.self).map { Int64($0) } }
        switch command {
        case DNYCommand.setChargeParameters:
            guard let power = word(&cursor), let time = word(&cursor), let percent = byte(&cursor), let detect = word(&cursor),
                let float = word(&cursor),
                let heartbeat = cursor.integer(UInt16.self)
            else { return }
            core.protection.unplugPower = power
            core.protection.unplugSeconds = time
            core.protection.floatPercent = percent
            core.protection.floatDetectSeconds = detect
            core.protection.floatSeconds = float
            heartbeatSeconds = heartbeat >= 10 ? heartbeat : nil
        case DNYCommand.setDetectionParameters:
            guard cursor.take(17) != nil, let second = word(&cursor), let ambient = byte(&cursor), let port = byte(&cursor) else { return }
            core.protection.secondMaximumSeconds = second
            core.protection.ambientAlarm = ambient
            core.protection.portAlarm = port
        case DNYCommand.setLimits:
            guard let time = word(&cursor), let overload = word(&cursor) else { return }
            if time > 0 { core.protection.maximumSeconds = time }
            if overload > 0 { core.protection.overload = overload }
        default: break
        }
    }

    /// What 90 to 93 tell before anything was set (4.7).
    static func defaults(_ command: UInt8, _ core: PileCore) -> [UInt8] {
        var data: [UInt8] = []
        func words(_ numbers: UInt16...) { for number in numbers { data.append(littleEndian: number) } }
        switch command {
        case DNYCommand.setChargeParameters:
            words(3, 10)
            data.append(20)
            words(1_800, 3_600, 180)
        case DNYCommand.setDetectionParameters:
            words(800, 30, 1_800)
            data.append(10)
            words(300, 10_800, 300, 300, 1_800, 300)
            data += [80, 80, 0, 1]
        case DNYCommand.setLimits: words(36_000, UInt16(clamping: core.setup.ratedPower), 2_700, 1_000)
        default: data = [0, 0x15, 0x91, 0x85, 0x19, 0x18, 0x80] + Array(repeating: 0xff, count: 6)
        }
        return data
    }
}
