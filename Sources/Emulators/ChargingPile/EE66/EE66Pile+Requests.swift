package import LabCore
import WireProtocols

/// What the module asks, and the board's own questions.
extension EE66Pile {
    /// - Returns: `nil` for what this board is silent about.
    mutating func answer(to message: EE66Message, _ core: inout PileCore, _ line: inout PileLine, at now: RunInstant) -> EE66Message? {
        switch message {
        case .askStates: return .states(EE66States(core.ports.indices.map { state($0, core) }))
        case .start(let start): return .startAnswer(EE66PortResult(port: start.port, isDone: self.start(start, &core, &line, at: now)))
        case .stop(let port): return .stopAnswer(stop(port.port, &core, at: now))
        case .askPort(let port): return .port(status(port.port, &core, at: now))
        case .askTotals: return .totals(EE66Totals())
        case .setPrices(let prices):
            core.protection.overload = Int64(prices.powerLimit) * 10
            try? core.memory.keepSetting(Self.limitSetting, [UInt8(prices.powerLimit >> 8), UInt8(truncatingIfNeeded: prices.powerLimit)])
            return changed(message, &line)
        case .enable, .setEnds, .setTiers: return changed(message, &line)
        case .askSettings:
            var settings = EE66BoardSettings()
            settings.prices.powerLimit = UInt16(clamping: core.protection.overload / 10)
            settings.prices.cardPrice = self.settings.cardPrice
            return .settings(settings)
        case .askTiers: return .tiers(EE66Tiers())
        case .other(0x24, _) where settings.knowsAllPorts: return .allPorts(all(&core, at: now))
        default: return nil
        }
    }

    private func changed(_ message: EE66Message, _ line: inout PileLine) -> EE66Message {
        line.note("settings.changed", ["command": .integer(Int64(message.command))])
        return .done(command: message.command, EE66Done())
    }

    private func index(_ port: UInt8, _ core: PileCore) -> Int? { port >= 1 && Int(port) <= core.ports.count ? Int(port) - 1 : nil }

    private func state(_ port: Int, _ core: PileCore) -> EE66States.State {
        switch core.condition(port) {
        case .idle, .plugged: .idle
        case .charging, .full, .float: .inUse
        case .fault: .fault
        }
    }

    private func status(_ port: UInt8, _ core: inout PileCore, at now: RunInstant) -> EE66PortStatus {
        guard let index = index(port, core) else { return EE66PortStatus(port: port, remaining: 0, power: 0) }
        let reading = core.reading(index, at: now)
        let left = core.ports[index].charge == nil ? 0 : remaining(reading.order, seconds: reading.seconds, energy: reading.energy)
        return EE66PortStatus(port: port, remaining: left, power: UInt16(clamping: reading.power * (100 + settings.powerError) / 100))
    }

    private func all(_ core: inout PileCore, at now: RunInstant) -> EE66AllPorts {
        var all = EE66AllPorts()
        for index in core.ports.indices.prefix(10) {
            let status = status(UInt8(index + 1), &core, at: now)
            all.powers[index].value = status.power
            all.minutes[index].value = status.remaining
            if core.ports[index].isClosed { all.relays |= 1 << UInt16(index) }
            all.totalCurrent &+= UInt16(clamping: core.reading(index, at: now).current)
        }
        all.temperature = UInt8(clamping: core.ambient)
        return all
    }

    // MARK: Start and stop

    private func start(_ start: EE66Start, _ core: inout PileCore, _ line: inout PileLine, at now: RunInstant) -> Bool {
        self.start(start.port, start.amount, .server, 0, &core, &line, at: now)
    }

    func start(
        _ port: UInt8, _ amount: UInt16, _ starter: ChargeStarter, _ card: UInt64, _ core: inout PileCore, _ line: inout PileLine, at now: RunInstant
    ) -> Bool {
        func refused(_ refusal: ChargeRefusal) -> Bool {
            line.note("charge.refused", ["port": .integer(Int64(port)), "result": 2, "reason": .text(refusal.word)])
            return false
        }
        guard let index = index(port, core), amount > 0 else { return refused(.noSuchPort) }
        // A start for a port that runs buys more: the vendor does not say; this board refuses.
        guard core.ports[index].charge == nil else { return refused(.busy) }
        let kept = core.memory.setting(Self.countSetting) ?? []
        let count = kept.reduce(0 as UInt32) { $0 << 8 | UInt32($1) } &+ 1
        try? core.memory.keepSetting(Self.countSetting, (0..<4).reversed().map { UInt8(truncatingIfNeeded: count >> (8 * UInt32($0))) })
        let order = EE66Order(count: count, amount: amount)
        let limit: ChargeLimit = settings.unit == .minutes ? .seconds(Int64(amount) * 60) : .energy(Int64(amount) * 100)
        switch core.start(ChargeRequest(port: index, order: order.pile, starter: starter, card: card, limit: limit), at: now) {
        case .started, .startedWithFault: return true
        case .lost: return false
        case .refused(let refusal, _): return refused(refusal)
        }
    }

    /// The answer tells what is left; the report 05 follows all the same.
    private func stop(_ port: UInt8, _ core: inout PileCore, at now: RunInstant) -> EE66Remaining {
        let left = status(port, &core, at: now).remaining
        if let index = index(port, core) { core.end(index, .remote, at: now) }
        return EE66Remaining(port: port, remaining: left)
    }

    // MARK: Cards

    mutating func swiped(_ port: Int?, _ number: UInt64, _ core: inout PileCore, _ line: inout PileLine, at now: RunInstant) {
        let place = port ?? 0
        if let charge = core.ports[place].charge {
            if charge.starter == .card, charge.card == number { core.end(place, .card, at: now) }
            return
        }
        card = (place, number)
        line.send(frame(.askCard(EE66CardQuery(card: Self.card(number), amount: settings.cardPrice)), isAnswer: false), &core, at: now)
    }

    mutating func cardAnswered(_ answer: EE66CardAnswer, _ core: inout PileCore, _ line: inout PileLine, at now: RunInstant) {
        guard let waiting = card, answer.card == Self.card(waiting.number) else { return }
        card = nil
        line.note(
            "card.answered",
            ["port": .integer(Int64(waiting.port) + 1), "card": .text(String(waiting.number)), "state": .integer(Int64(answer.rawState))])
        let isStarted = answer.state == .ok
            && start(UInt8(clamping: waiting.port + 1), settings.cardMinutes, .card, waiting.number, &core, &line, at: now)
        var taken = EE66CardTaken()
        taken.card = answer.card
        taken.state = isStarted ? 1 : 2
        taken.amount = isStarted ? settings.cardPrice : 0
        line.send(frame(.cardTaken(taken), isAnswer: false), &core, at: now)
    }

    // MARK: Log and forging

    static func fields(of message: EE66Message) -> Fields {
        var fields = Fields()
        func port(_ number: UInt8) { fields["port"] = .integer(Int64(number)) }
        switch message {
        case .start(let start):
            port(start.port)
            fields["minutes"] = .integer(Int64(start.amount))
        case .startAnswer(let answer):
            port(answer.port)
            fields["result"] = .integer(Int64(answer.result))
        case .end(let end):
            port(end.port)
            fields["reason"] = .integer(Int64(end.rawReason))
            fields["minutes"] = .integer(Int64(end.remaining))
        case .port(let status):
            port(status.port)
            fields["minutes"] = .integer(Int64(status.remaining))
            fields["power"] = .integer(Int64(status.power))
        case .askPort(let number), .stop(let number): port(number.port)
        case .stopAnswer(let left):
            port(left.port)
            fields["minutes"] = .integer(Int64(left.remaining))
        case .fault(let fault):
            port(fault.port)
            fields["kind"] = .integer(Int64(fault.code))
        case .askCard(let query): fields["card"] = .text(query.card)
        case .card(let answer):
            fields["card"] = .text(answer.card)
            fields["state"] = .integer(Int64(answer.rawState))
        case .done(_, let done): fields["result"] = .integer(Int64(done.result))
        default: break
        }
        return fields
    }

    package func describe(_ bytes: [UInt8]) -> PileFrame {
        guard let frame = try? EE66Frame(bytes), let message = try? frame.content().message else { return PileFrame(bytes, command: -1) }
        return PileFrame(bytes, command: Int(frame.command), Self.fields(of: message))
    }

    package mutating func forge(_ fields: Fields, _ core: inout PileCore, at now: RunInstant) throws(ActionFailure) -> PileFrame {
        guard let number = fields["command"]?.integer, let command = UInt8(exactly: number) else {
            throw ActionFailure("bad_argument", "command is 0 to 255, such as 5; or give bytes.")
        }
        let port = UInt8(clamping: fields["port"]?.integer ?? 1)
        switch (command, fields["data"]) {
        case (_, .bytes(let data)?): return frame(.other(command: command, data: data), isAnswer: false)
        case (_, .text(let text)?):
            guard let data = Hexadecimal.bytes(text) else { throw ActionFailure("bad_argument", "data are pairs of hexadecimal digits.") }
            return frame(.other(command: command, data: data), isAnswer: false)
        case (0x05, nil):
            let reason = EE66End.Reason(rawValue: UInt8(clamping: fields["reason"]?.integer ?? 0)) ?? .usedUp
            return frame(.end(EE66End(port: port, remaining: UInt16(clamping: fields["minutes"]?.integer ?? 0), reason: reason)), isAnswer: false)
        case (0x0d, nil):
            return frame(.fault(EE66PortFault(port: port, code: UInt8(clamping: fields["kind"]?.integer ?? 1))), isAnswer: false)
        default: throw ActionFailure("bad_argument", "Command \(number) needs `data` or `bytes`; 5 and 13 are made from the state.")
        }
    }
}
