import LabCore
import WireProtocols

/// What DNY piles and hosts say (charging-protocols.md 4).
extension GatewayCore {
    mutating func handle(_ item: DNYStreamDecoder.Item, on connection: PileConnection) {
        switch item {
        case .frame(let frame): handle(frame, on: connection)
        case .iccid(let iccid):
            connection.iccid = iccid
            for session in connection.sessions { describe(session) { $0.iccid = iccid } }
        case .link:
            connection.saysLink = true
            schedule(connection, at: now.advanced(by: settings.keepAliveSilence))
        case .garbage(let bytes, _): countGarbage(bytes.count, on: connection)
        case .refused(let fault, _, _):
            let reason = if case .checksum = fault { "checksum" } else { "length" }
            refuse(reason, on: connection, wire: .dny, isDamage: true)
        }
    }

    private mutating func handle(_ frame: DNYFrame, on connection: PileConnection) {
        let isKnown = DNYCommand.name(frame.command) != nil
        countReceived(.dny, UInt16(frame.command), isKnown: isKnown)
        let name = { DNYPhysicalID(frame.physicalID).text }
        guard let session = session(.dny(frame.physicalID), on: connection, wire: .dny, named: name) else {
            if Self.isHostCommand(frame.command) { return handleHost(frame, on: connection) }
            return refuseStranger(name(), on: connection, wire: .dny, command: isKnown ? UInt16(frame.command) : nil)
        }
        connection.garbage = 0
        connection.badFrames = 0
        let received = DNYReceived(frame: frame, session: session, connection: connection)
        if recordsFrames { actions.append(.frame(isReceived: true, pile: session.id, .dny, command: UInt16(frame.command), (try? frame.encoded()) ?? [])) }
        guard isKnown else { return refuse("unknown_command", received) }
        do {
            try handle(DNYMessage(frame, from: .device), received)
        } catch {
            refuse("malformed", received)
            connection.badFrames += 1
            if connection.badFrames > settings.badFrames { close(connection, "garbage") }
        }
    }

    mutating func refuse(_ reason: String, _ received: DNYReceived, order: String? = nil) {
        // What nobody knows is counted together: senders must not make metrics without end.
        let command = reason == "unknown_command" ? nil : UInt16(received.frame.command)
        refuse(reason, on: received.connection, wire: .dny, pile: received.session.id, command: command, order: order)
    }

    /// Answers with the message ID that came.
    mutating func reply(_ message: DNYMessage, to frame: DNYFrame, pile: String, on connection: PileConnection) {
        guard let bytes = try? message.frame(to: frame.physicalID, messageID: frame.messageID).encoded() else { return }
        send(bytes, UInt16(message.command), .dny, pile: pile, on: connection)
    }

    private mutating func reply(_ message: DNYMessage, _ received: DNYReceived) {
        reply(message, to: received.frame, pile: received.session.id, on: received.connection)
    }

    // MARK: Hosts that are no piles themselves

    /// A host speaks for itself before its slaves do; it gets the time, and no session. The connection must bring a known pile in time.
    private static func isHostCommand(_ command: UInt8) -> Bool { [0x11, 0x12, 0x15, 0x17, 0x35, 0x3b].contains(command) }

    private mutating func handleHost(_ frame: DNYFrame, on connection: PileConnection) {
        if frame.command == DNYCommand.hostTime { reply(time(frame.command), to: frame, pile: "", on: connection) }
        if frame.command == DNYCommand.hostHeartbeat, let message = try? DNYMessage(frame, from: .device),
            case .hostHeartbeat(let host) = message
        {
            connection.iccid = host.iccid
        }
    }

    private func time(_ command: UInt8) -> DNYMessage { .time(command, DNYTime(unixSeconds: UInt32(clamping: unixSeconds))) }

    // MARK: Messages

    private mutating func handle(_ message: DNYMessage, _ received: DNYReceived) throws(FieldFault) {
        let session = received.session
        switch message {
        case .registration(let registration): handle(registration, received)
        case .heartbeat(let heartbeat):
            session.hasNewHeartbeat = true
            reply(.answer(received.frame.command, DNYAnswer()), received)
            take(heartbeat.portStates, of: session)
        case .oldHeartbeat(let heartbeat):
            // Of 01 and 21 only one is answered, and a device that has both has 21 (4.5).
            session.oldHeartbeats += 1
            if !session.hasNewHeartbeat, session.oldHeartbeats > 1 { reply(.answer(received.frame.command, DNYAnswer()), received) }
            take(heartbeat.portStates, of: session)
        case .powerHeartbeat(let report): handle(report, received)
        case .orderConfirmation(let confirmation): handle(confirmation, received)
        case .chargeFull(let settlement): handleFull(settlement, received)
        case .settlement(let settlement): handle(settlement, received)
        case .cardSwipe(let swipe): handle(swipe, received)
        case .chargeAnswer(let answer): handle(answer, received)
        case .upgradeAnswer(_, let answer): handle(answer, received)
        case .upgradeRequest: beginAgain(session)
        case .alarm(let alarm): handle(alarm, received)
        case .portPush(let push): raise(.door, Int(push.port) + 1, session)
        case .hostStatus(let status): handle(status, of: session)
        case .hostHeartbeat(let host):
            sawClock(session, Int64(host.time))
            describe(session) { $0.iccid = host.iccid }
        case .answer(let command, let answer) where command >= DNYCommand.query || (0x31...0x3a).contains(command):
            handle(answer, received)
        case .chargeParameters(DNYCommand.getChargeParameters, let values): told(Self.fields(values), received)
        case .limits(DNYCommand.getLimits, let values): told(Self.fields(values), received)
        case .bare(DNYCommand.time, _), .bare(DNYCommand.hostTime, _): reply(time(received.frame.command), received)
        case .bare(DNYCommand.oldUpgradeRequest, _): reply(.answer(received.frame.command, DNYAnswer()), received)
        case .bare, .answer: refuse("unknown_command", received)
        default: break
        }
    }

    private mutating func handle(_ registration: DNYRegistration, _ received: DNYReceived) {
        let session = received.session
        session.deviceType = registration.deviceType
        // A slave that was switched on again counts its messages anew, though its host's connection stayed.
        session.recentBills = []
        reply(.answer(received.frame.command, DNYAnswer()), received)
        describe(session) { facts in
            let hundredths = Int(registration.firmware)
            facts.firmware = "\(hundredths / 100).\(hundredths % 100 < 10 ? "0" : "")\(hundredths % 100)"
            facts.model = (registration.deviceType.rawValue < 16 ? "0" : "") + String(registration.deviceType.rawValue, radix: 16)
            // No model has more than 16; a slip must not make ports without end.
            if (1...PileSession.mostPorts).contains(Int(registration.portCount)) { facts.ports = Int(registration.portCount) }
        }
    }

    /// Heartbeats mostly say what was said before: then nothing is told.
    private mutating func take(_ states: [DNYPortState], of session: PileSession) {
        guard states.count <= PileSession.mostPorts else { return }
        var isNews = false
        for (index, state) in states.enumerated() {
            let known = Self.portState(state)
            guard session.state(ofPort: index + 1) != known else { continue }
            session.updatePort(index + 1) { $0.state = known }
            isNews = true
        }
        if isNews || !session.hasToldPorts {
            session.hasToldPorts = true
            actions.append(.event(.ports(pile: session.id, session.ports.map(\.state))))
        }
    }

    private static func portState(_ state: DNYPortState) -> PortState {
        switch state {
        case .idle: .idle
        case .charging, .floating: .charging
        case .plugged: .plugged
        case .full: .full
        default: .fault
        }
    }

    /// 17: what the host's meter shows, in steps of 0.01 kWh (4.8). Hosts without a meter have shorter frames.
    private mutating func handle(_ status: DNYHostStatus, of session: PileSession) {
        guard let energy = status.meterEnergyCentikWh.map({ Int64($0) * 100 }) else { return }
        session.meter = (energy, now)
        guard session.hasOwnMeter else { return }
        session.updatePort(1) { memory in
            // The relay has closed, and the answer to the start is under way. A board can be on line, and get its order, before its host has
            // told what the meter shows.
            if let metered = memory.metered, memory.order != metered.order { memory.metered = (metered.order, energy) }
        }
    }

    /// What the meter showed at the start and the end of an order: where it counts this port alone, and was told after the charge was over.
    private func registers(of order: String?, at port: Int, _ session: PileSession) -> (start: Int64, end: Int64)? {
        guard session.hasOwnMeter, let meter = session.meter, let metered = session.port(port).metered, metered.order == order,
            let start = metered.start, meter.at >= session.port(port).reportedAt
        else { return nil }
        return (start, meter.energy)
    }

    // MARK: Reports of charges

    private mutating func handle(_ report: DNYPowerHeartbeat, _ received: DNYReceived) {
        let session = received.session
        let port = Int(report.port) + 1
        guard session.hasPort(port) else { return refuse("impossible_port", received) }
        if let time = report.deviceTime { sawClock(session, Int64(time)) }
        let state: PortState =
            switch report.state {
            case .ended: .idle
            case .charging, .floating: .charging
            case .waiting: .plugged
            case .full: .full
            default: .fault
            }
        let order = report.order.isNone ? nil : report.order.description
        saw(order, at: port, of: session)
        session.updatePort(port) { $0.reportedAt = now }
        tell(
            PileSample(
                pile: session.id, port: port, order: order, receivedAt: milliseconds, pileTime: report.deviceTime.map { Int64($0) },
                energy: Int64(report.energyCentikWh) * 100, power: Int64(report.powerDeciwatts), seconds: Int64(report.durationSeconds),
                state: state))
    }

    /// Old models confirm an order instead of reporting its power, perhaps before they answer the start (4.5).
    private mutating func handle(_ confirmation: DNYOrderConfirmation, _ received: DNYReceived) {
        let session = received.session
        let port = Int(confirmation.port) + 1
        guard session.hasPort(port) else { return refuse("impossible_port", received) }
        reply(.orderConfirmationAnswer(DNYOrderConfirmationAnswer { $0.port = confirmation.port }), received)
        let order = confirmation.order.isNone ? nil : confirmation.order.description
        saw(order, at: port, of: session)
        tell(
            PileSample(
                pile: session.id, port: port, order: order, receivedAt: milliseconds, energy: 0, power: 0,
                seconds: Int64(confirmation.durationSeconds)))
    }

    /// 43: full, and not settled yet.
    private mutating func handleFull(_ settlement: DNYSettlement, _ received: DNYReceived) {
        let session = received.session
        let port = Int(settlement.port) + 1
        guard session.hasPort(port) else { return refuse("impossible_port", received) }
        tell(
            PileSample(
                pile: session.id, port: port, order: settlement.order.isNone ? nil : settlement.order.description, receivedAt: milliseconds,
                energy: Int64(settlement.energyCentikWh) * 100, power: 0, seconds: Int64(settlement.durationSeconds), state: .full))
    }

    private mutating func tell(_ sample: PileSample) { actions.append(.event(.sample(sample))) }

    private func saw(_ order: String?, at port: Int, of session: PileSession) {
        guard let order else { return }
        session.updatePort(port) { memory in
            memory.order = order
            memory.hasRun = true
        }
    }

    // MARK: Alarms

    private mutating func handle(_ alarm: DNYAlarm, _ received: DNYReceived) {
        let kind: AlarmKind =
            switch alarm.kind {
            case .powerCut: .powerCut
            case .water, .waterLevel: .water
            case .smoke: .smoke
            case .heat: .heat
            case .doorOpen: .door
            default: .other
            }
        // What is in the air concerns the whole device; the place may be a port or an address on its bus.
        let isOfPort = kind == .heat || kind == .other
        raise(kind, isOfPort ? Int(alarm.place) + 1 : nil, received.session, isOn: alarm.triggers != 0)
    }

    mutating func raise(_ kind: AlarmKind, _ port: Int?, _ session: PileSession, isOn: Bool = true) {
        let known = port.flatMap { session.hasPort($0) ? $0 : nil }
        actions.append(.event(.alarm(pile: session.id, port: known, kind, isOn: isOn)))
    }

    // MARK: Settlements

    /// 03: the record stays in the pile until it is answered, and comes again with another message ID and time (4.5).
    private mutating func handle(_ settlement: DNYSettlement, _ received: DNYReceived) {
        let session = received.session
        let port = Int(settlement.port) + 1
        let order = settlement.order.isNone ? nil : settlement.order.description
        let energy = Int64(settlement.energyCentikWh) * 100
        if let time = settlement.deviceTime { sawClock(session, Int64(time), isStale: true) }
        if let absurdity = absurdity(of: settlement, port, energy, session) {
            refuse(absurdity, received, order: order)
            return raise(.other, port, session)
        }
        let hash = Self.hash(settlement, of: session.id)
        guard !contradicts(UInt32(received.frame.messageID), hash, session) else {
            refuse("message_id_reused", received, order: order)
            return raise(.other, port, session)
        }
        guard
            let answer = try? DNYMessage.answer(DNYCommand.settlement, DNYAnswer())
                .frame(to: received.frame.physicalID, messageID: received.frame.messageID).encoded()
        else { return }
        let registers = registers(of: order, at: port, session)
        let bill = PileBill(
            pile: session.id, port: port, order: order, receivedAt: milliseconds, pileTime: settlement.deviceTime.map { Int64($0) },
            energy: energy,
            seconds: Int64(settlement.durationSeconds), started: settlement.starter == .offlineCard ? settlement.order.offlineStart() : nil,
            maximumPower: Int64(settlement.maximumPowerDeciwatts),
            reason: Self.reason(settlement.stopReason),
            card: settlement.starter == .offlineCard ? String(settlement.cardOrCode) : nil,
            registerStart: registers?.start, registerEnd: registers?.end,
            idleMinutes: settlement.occupiedMinutes.map { Int64($0) } ?? 0, contentHash: hash,
            frame: (try? received.frame.encoded()) ?? [], messageID: UInt32(received.frame.messageID))
        let ticket = BillTicket(
            connection: received.connection.number, key: session.key, pile: session.id, wire: .dny, command: UInt16(DNYCommand.settlement),
            order: order,
            answer: answer, answerCommand: UInt16(DNYCommand.settlement), hash: hash)
        hand(bill, ticket, session, on: received.connection)
    }

    /// What cannot be, whatever the checksum says (F22, F63).
    private func absurdity(of settlement: DNYSettlement, _ port: Int, _ energy: Int64, _ session: PileSession) -> String? {
        if !session.hasPort(port) { return "impossible_port" }
        if energy > settings.absurdEnergy { return "impossible_energy" }
        if let time = settlement.deviceTime, time > 4_102_444_800 { return "impossible_time" }
        return nil
    }

    /// Without message ID and device time, which each sending has anew.
    private static func hash(_ settlement: DNYSettlement, of pile: String) -> [UInt8] {
        BillHash.of([
            pile, "dny", String(settlement.port), settlement.order.description, String(settlement.durationSeconds),
            String(settlement.energyCentikWh),
            String(settlement.maximumPowerDeciwatts), String(settlement.stopReason.rawValue), String(settlement.starter.rawValue),
            String(settlement.cardOrCode), settlement.occupiedMinutes.map { String($0) } ?? "",
        ])
    }

    private static func reason(_ reason: DNYStopReason) -> StopReason {
        switch reason {
        case .full: .full
        case .maximumTime, .setTime: .time
        case .setEnergy: .energy
        case .unplugged, .unpluggedJammed: .unplugged
        case .overload, .dynamicOverload: .overload
        case .server, .forcedByServer: .remote
        case .powerTooSmall: .powerTooSmall
        case .ambientHot, .portHot: .overTemperature
        case .overCurrent: .overCurrent
        case .noPower: .noPower
        case .relayOrFuseByCheck: .relayOpen
        case .water: .water
        case .fireHere, .fireElsewhere, .fireSystem: .smoke
        case .doorByPassword, .doorOpen: .door
        case .card: .card
        case .memory: .memory
        case .overVoltage: .overVoltage
        case .underVoltage: .underVoltage
        case .lowPowerCut: .powerLoss
        default: .unknown
        }
    }

    // MARK: Parameters

    private mutating func told(_ fields: Fields, _ received: DNYReceived) {
        if let entry = received.session.line.takeInFlight(UInt32(received.frame.messageID)) {
            answered(entry, "done", on: received.session.line)
        }
        for entry in fields { received.session.parameters[entry.name] = entry.value }
        actions.append(.event(.parameters(pile: received.session.id, fields)))
    }

    static func fields(_ values: DNYChargeParameters) -> Fields {
        var fields: Fields = [
            "unplug_power": .integer(Int64(values.unplugPowerDeciwatts)), "unplug_seconds": .integer(Int64(values.unplugSeconds)),
            "float_percent": .integer(Int64(values.floatPercent)),
        ]
        fields["float_detect_seconds"] = values.floatDetectSeconds.map { .integer(Int64($0)) }
        fields["float_seconds"] = values.floatSeconds.map { .integer(Int64($0)) }
        fields["heartbeat_interval"] = values.heartbeatSeconds.map { .integer(Int64($0)) }
        return fields
    }

    static func fields(_ values: DNYLimits) -> Fields {
        var fields: Fields = [
            "maximum_seconds": .integer(Int64(values.maximumSeconds)), "overload_power": .integer(Int64(values.overloadPowerDeciwatts)),
        ]
        fields["over_voltage"] = values.overVoltageDecivolts.map { .integer(Int64($0)) }
        fields["under_voltage"] = values.underVoltageDecivolts.map { .integer(Int64($0)) }
        return fields
    }
}

/// A frame of a pile that is logged in.
struct DNYReceived {
    var frame: DNYFrame
    var session: PileSession
    var connection: PileConnection
}
