import LabCore
import WireProtocols

/// A command 82 that is being carried out.
struct PendingCommand: Sendable {
    var number: UInt8
    var messageID: UInt16
    var action: UInt8
    var order: PileOrder
    var port: UInt8
    var request: ChargeRequest
    /// How often it came: each copy is answered.
    var copies = 1
    var isToCarryOut = true
    /// The answer's data, once it is carried out.
    var answer: [UInt8]?
}

struct AnsweredCommand: Sendable {
    var messageID: UInt16
    var action: UInt8
    var order: PileOrder
    var answer: [UInt8]
}

/// 82, 8A, 06 and 04.
extension DNYPile {
    static let noFloat: UInt16 = 0xffff
    private static let longestPending = 16
    private static let answersKept = 2

    // MARK: 82

    mutating func charge(_ frame: DNYFrame, _ core: inout PileCore, _ line: inout PileLine, at now: RunInstant) {
        guard let command = ChargeCommand(frame.data, settings.wire) else {
            // Somebody has answered the answer (4.6).
            if frame.data.count < 25 {
                confusedID = frame.messageID
                core.agenda.set(.confused, at: now.advanced(by: settings.confusedRepeat))
            }
            return
        }
        if let place = pending.firstIndex(where: {
            $0.messageID == frame.messageID && $0.order == command.order && $0.action == command.action
        }) {
            pending[place].copies = min(8, pending[place].copies + 1)
            return
        }
        if let known = answered.first(where: { $0.messageID == frame.messageID && $0.order == command.order && $0.action == command.action }
        ) {
            return line.send(self.frame(DNYCommand.charge, frame.messageID, known.answer), &core, at: now)
        }
        guard pending.count < Self.longestPending else { return }
        repeat { lastPending &+= 1 } while pending.contains { $0.number == lastPending }
        pending.append(
            PendingCommand(
                number: lastPending, messageID: frame.messageID, action: command.action, order: command.order, port: command.port,
                request: command.request))
        let begin = now.advanced(by: core.startDelay)
        core.agenda.set(.carryOut(lastPending), at: begin.advanced(by: core.setup.relayTime))
        core.agenda.set(.reply(lastPending), at: begin.advanced(by: command.action == 1 ? settings.startAnswer : settings.stopAnswer))
    }

    mutating func carryOut(_ number: UInt8, _ core: inout PileCore, _ line: inout PileLine, at now: RunInstant) {
        guard let place = pending.firstIndex(where: { $0.number == number }) else { return }
        let command = pending[place]
        let (result, port, waiting) = command.action == 1 ? start(command, &core, &line, at: now) : stop(command, &core, at: now)
        var data = [result]
        data.reserveCapacity(20)
        command.order.append(to: &data)
        data.append(port)
        data.append(littleEndian: waiting)
        pending[place].answer = data
        pending[place].isToCarryOut = false
        if !line.isOpen, core.agenda.moment(of: .reply(number)) == nil { pending.remove(at: place) }
    }

    private mutating func start(
        _ command: PendingCommand, _ core: inout PileCore, _ line: inout PileLine, at now: RunInstant
    ) -> (UInt8, UInt8, UInt16) {
        switch core.start(command.request, at: now) {
        case .started(let port): return (0, UInt8(clamping: port), 0)
        case .startedWithFault(let port, let fault): return (Self.code(fault), UInt8(clamping: port), 0)
        case .lost: return (0x0e, command.port, 0)
        case .refused(let refusal, let port):
            let code = Self.code(refusal)
            var fields: Fields = ["order": .text(command.order.text), "result": .integer(Int64(code)), "reason": .text(refusal.word)]
            if let port { fields["port"] = .integer(Int64(port) + 1) }
            line.note("charge.refused", fields)
            if refusal == .notPlugged, let time = settings.lateStart, waitingForPlug.count < 8 {
                waitingForPlug.append((command.request, command.messageID, now.advanced(by: time)))
            }
            guard case .severalWaiting(let bits) = refusal else { return (code, command.port, 0) }
            return (code, command.port, bits)
        }
    }

    /// Two paragraphs of the vendor say two things about the order of a stop; a knob chooses.
    private func stop(_ command: PendingCommand, _ core: inout PileCore, at now: RunInstant) -> (UInt8, UInt8, UInt16) {
        let ports = core.ports.indices.filter { command.port == 0xff || Int(command.port) == $0 }
        if ports.isEmpty { return (4, command.port, 0) }
        let running = ports.first { port in
            guard let charge = core.ports[port].charge else { return false }
            return !settings.stopNeedsOrder || charge.order == command.order
        }
        guard let running else { return (2, command.port, 0) }
        core.end(running, .remote, at: now)
        return (0, UInt8(clamping: running), 0)
    }

    mutating func reply(_ number: UInt8, _ core: inout PileCore, _ line: inout PileLine, at now: RunInstant) {
        guard let place = pending.firstIndex(where: { $0.number == number }) else { return }
        if pending[place].isToCarryOut { carryOut(number, &core, &line, at: now) }
        guard let place = pending.firstIndex(where: { $0.number == number }), let data = pending[place].answer else { return }
        let command = pending.remove(at: place)
        if pending.isEmpty { pending = [] }
        if answered.count >= Self.answersKept { answered.removeFirst() }
        answered.append(AnsweredCommand(messageID: command.messageID, action: command.action, order: command.order, answer: data))
        let frame = frame(DNYCommand.charge, command.messageID, data)
        for _ in 0..<command.copies { line.send(frame, &core, at: now) }
    }

    /// A plug came after a start had been refused for the lack of one.
    mutating func lateStart(_ port: Int, _ core: inout PileCore, _ line: inout PileLine, at now: RunInstant) {
        waitingForPlug.removeAll { $0.until < now }
        guard let place = waitingForPlug.firstIndex(where: { $0.request.port == nil || $0.request.port == port }) else { return }
        let waiting = waitingForPlug.remove(at: place)
        guard case .started = core.start(waiting.request, at: now) else { return }
        var data: [UInt8] = [0]
        waiting.request.order.append(to: &data)
        data += [UInt8(clamping: port), 0, 0]
        line.send(frame(DNYCommand.charge, waiting.messageID, data), &core, at: now)
    }

    mutating func confusedDue(_ core: inout PileCore, _ line: inout PileLine, at now: RunInstant) {
        guard let messageID = confusedID else { return }
        confusedID = nil
        line.send(frame(DNYCommand.charge, messageID, [2] + Array(repeating: 0, count: 19)), &core, at: now)
    }

    /// The results of charging-protocols.md 4.6.
    static func code(_ refusal: ChargeRefusal) -> UInt8 {
        switch refusal {
        case .notPlugged: 1
        case .busy, .finished: 2
        case .portFault: 3
        case .noSuchPort: 4
        case .severalWaiting: 5
        case .totalPower: 6
        case .memory: 7
        case .relay: 8
        case .relayStuck: 9
        case .shortCircuit: 0x0a
        case .smoke: 0x0b
        case .overVoltage: 0x0c
        case .underVoltage: 0x0d
        case .code(let number): number
        }
    }

    // MARK: 8A

    mutating func change(_ frame: DNYFrame, _ core: inout PileCore, _ line: inout PileLine, at now: RunInstant) {
        var cursor = ByteCursor(frame.data)
        guard let mode = cursor.integer(UInt8.self), let port = cursor.integer(UInt8.self), let value = cursor.integer(UInt16.self) else {
            return
        }
        guard mode <= 2, Int(port) < core.ports.count else { return answer(frame, [3], &core, &line, at: now) }
        let limit: ChargeLimit = mode == 2 ? .energy(Int64(value) * 100) : .seconds(Int64(value))
        let result: UInt8 =
            switch core.change(Int(port), limit: limit, stopsWhenFull: mode != 0, at: now) {
            case .done: 0
            case .notCharging: 1
            case .belowWhatRan: 2
            }
        answer(frame, [result], &core, &line, at: now)
    }

    // MARK: 06 and 04

    mutating func reportDue(_ port: Int, _ core: inout PileCore, _ line: inout PileLine, at now: RunInstant) {
        guard core.ports.indices.contains(port), core.ports[port].charge != nil else { return }
        if settings.confirmsOrders {
            if unconfirmed.contains(port) { confirm(port, &core, &line, at: now) }
            return
        }
        report(port, state: nil, &core, &line, at: now)
        core.agenda.set(.report(port), at: now.advanced(by: settings.report))
    }

    private mutating func report(_ port: Int, state: UInt8?, _ core: inout PileCore, _ line: inout PileLine, at now: RunInstant) {
        let reading = core.reading(port, at: now)
        let period = core.takePeriod(port, at: now)
        send(DNYCommand.powerHeartbeat, Self.report(port, state, reading, period, core, at: now), &core, &line, at: now)
    }

    /// The 45 bytes that real devices send: without the occupied time.
    static func report(_ port: Int, _ state: UInt8?, _ reading: PortReading, _ period: PeriodReading, _ core: PileCore, at now: RunInstant)
        -> [UInt8]
    {
        var data: [UInt8] = []
        data.reserveCapacity(45)
        data.append(UInt8(clamping: port))
        data.append(state ?? (reading.condition == .full ? 3 : (reading.condition == .float ? 5 : 1)))
        data.append(littleEndian: UInt16(truncatingIfNeeded: reading.seconds))
        data.append(littleEndian: UInt16(clamping: reading.energy / 100))
        data.append(reading.starter.rawValue)
        for power in [reading.power, period.maximum, period.minimum, period.average] { data.append(littleEndian: UInt16(clamping: power)) }
        reading.order.append(to: &data)
        // Parts of 1/4800 kWh.
        data.append(littleEndian: UInt16(clamping: period.energy / (PileEnergy.perWattHour * 1_000 / 4_800)))
        data.append(littleEndian: UInt16(clamping: reading.maximumPower))
        data.append(littleEndian: UInt16(clamping: reading.voltage))
        data.append(littleEndian: UInt16(clamping: reading.current))
        data.append(temperature(core.ambient))
        data.append(temperature(reading.temperature))
        data.append(littleEndian: UInt32(truncatingIfNeeded: core.clock.seconds(at: now)))
        return data
    }

    /// 04, again with every heartbeat until it is answered.
    mutating func confirm(_ port: Int, _ core: inout PileCore, _ line: inout PileLine, at now: RunInstant) {
        guard let charge = core.ports[port].charge else { return unconfirmed.removeAll { $0 == port } }
        let reading = core.reading(port, at: now)
        var data: [UInt8] = [UInt8(clamping: port), charge.starter.rawValue]
        data.append(littleEndian: UInt32(truncatingIfNeeded: charge.card).byteSwapped)
        data.append(littleEndian: UInt16(truncatingIfNeeded: reading.seconds))
        charge.order.append(to: &data)
        send(DNYCommand.orderConfirmation, data, &core, &line, at: now)
    }

    /// The last 06 of a charge, in the moment in which it ends; captured with state 0.
    mutating func lastReport(_ bill: ChargeBill, _ core: inout PileCore, _ line: inout PileLine, at now: RunInstant) {
        core.agenda.cancel(.report(bill.port))
        unconfirmed.removeAll { $0 == bill.port }
        guard !settings.confirmsOrders, line.isOpen else { return }
        var reading = core.reading(bill.port, at: now)
        reading.order = bill.order
        reading.starter = bill.starter
        reading.seconds = bill.seconds
        reading.energy = bill.energy
        reading.maximumPower = bill.maximumPower
        let period = PeriodReading(maximum: bill.maximumPower, minimum: 0, average: 0, energy: 0)
        send(DNYCommand.powerHeartbeat, Self.report(bill.port, 0, reading, period, core, at: now), &core, &line, at: now)
    }
}

/// What an 82 of the server says.
struct ChargeCommand {
    var port: UInt8
    var action: UInt8
    var order: PileOrder
    var request: ChargeRequest

    /// `nil` for less than the fields up to the order. Decodes by length (4.6).
    init?(_ data: [UInt8], _ settings: DNYSettings) {
        var cursor = ByteCursor(data)
        guard let mode = cursor.integer(UInt8.self), cursor.integer(UInt32.self) != nil, let port = cursor.integer(UInt8.self),
            let action = cursor.integer(UInt8.self), let amount = cursor.integer(UInt16.self), let order = cursor.take(16)
        else { return nil }
        let maximum = cursor.integer(UInt16.self) ?? 0
        let overload = cursor.integer(UInt16.self) ?? 0
        _ = cursor.take(2)
        let float = cursor.integer(UInt16.self)
        _ = cursor.take(2)
        let full = cursor.integer(UInt8.self) ?? 0
        let fullWatts = cursor.integer(UInt8.self) ?? 0
        let fullMinutes = cursor.integer(UInt8.self) ?? 0
        self.port = port
        self.action = action
        self.order = PileOrder(bytes: order)
        let limit: ChargeLimit =
            amount == 0
            ? .untilFull : (mode == 2 ? .energy(Int64(amount) * (settings.energyUnit == .tenth ? 1_000 : 100)) : .seconds(Int64(amount)))
        request = ChargeRequest(
            port: port == 0xff ? nil : Int(port), order: self.order, limit: limit, maximumSeconds: Int64(maximum),
            overload: Int64(overload) * (settings.overloadPowerUnit == .watt ? 10 : 1), stopsWhenFull: full == 1,
            floatSeconds: float.flatMap { $0 == DNYPile.noFloat ? 0 : ($0 == 0 ? nil : Int64($0)) },
            fullPower: fullWatts == 0xff ? 0 : Int64(fullWatts) * 10, fullSeconds: Int64(fullMinutes) * 60)
    }
}
