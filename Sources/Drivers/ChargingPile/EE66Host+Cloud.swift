import LabCore
import WireProtocols

/// The side towards the cloud: a DNY pile (charging-protocols.md 4.15).
extension EE66Host {
    mutating func gateway(_ event: LinkInput, at now: RunInstant, _ effects: inout [DeviceEffect]) {
        switch event {
        case .opened:
            gatewayDecoder = DNYStreamDecoder()
            isRegistered = false
            registrationID = nil
            uplink.opened(&effects)
            register(&effects)
            heartbeat(&effects)
            _ = send(.bare(DNYCommand.time, DNYBare()), &effects)
        case .closed:
            isRegistered = false
            for place in disk.bills.indices { disk.bills[place].count = 0 }
            effects += [.cancelTimer(.dnyRegistration), .cancelTimer(.dnyHeartbeat), .cancelTimer(.dnyBill)]
            uplink.closed(&effects)
        case .bytes(let bytes):
            uplink.traffic(&effects)
            effects.append(.note("bytes.down", ["bytes": .bytes(bytes)]))
            gatewayDecoder.append(bytes)
            while let item = gatewayDecoder.next() { if case .frame(let frame) = item { received(frame, at: now, &effects) } }
        }
    }

    private mutating func newMessageID() -> UInt16 {
        disk.lastMessageID = disk.lastMessageID == .max ? 1 : disk.lastMessageID + 1
        return disk.lastMessageID
    }

    @discardableResult
    private mutating func send(_ message: DNYMessage, messageID: UInt16? = nil, _ effects: inout [DeviceEffect]) -> UInt16 {
        let messageID = messageID ?? newMessageID()
        if let bytes = try? message.frame(to: settings.physicalID, messageID: messageID).encoded() { uplink.send(bytes, &effects) }
        return messageID
    }

    // MARK: Registration, heartbeat

    mutating func register(_ effects: inout [DeviceEffect]) {
        var message = DNYRegistration()
        message.firmware = settings.firmware
        message.portCount = UInt8(settings.ports)
        message.deviceType = DNYDeviceType(rawValue: settings.deviceType)
        registrationID = send(.registration(message), messageID: registrationID, &effects)
        effects.append(.startTimer(.dnyRegistration, after: settings.registrationRepeat))
    }

    mutating func heartbeat(_ effects: inout [DeviceEffect]) {
        guard uplink.isOpen else { return }
        var message = DNYHeartbeat()
        message.voltageDecivolts = 2_200
        message.portStates = states.map { state in
            switch state {
            case .idle: .idle
            case .inUse: .charging
            case .disabled, .fault: .badContactOrFuse
            }
        }
        message.signal = 0
        message.temperature = DNYTemperature.noSensor
        send(.heartbeat(message), &effects)
        effects.append(.startTimer(.dnyHeartbeat, after: settings.heartbeat))
    }

    // MARK: Frames of the server

    private mutating func received(_ frame: DNYFrame, at now: RunInstant, _ effects: inout [DeviceEffect]) {
        guard frame.physicalID == settings.physicalID else { return }
        switch frame.command {
        case DNYCommand.registration:
            guard frame.messageID == registrationID, frame.data.first == 0 else { return }
            isRegistered = true
            effects.append(.cancelTimer(.dnyRegistration))
            if !disk.bills.isEmpty { effects.append(.startTimer(.dnyBill, after: settings.billDelay)) }
        case DNYCommand.time:
            guard case .time(_, let time)? = try? DNYMessage(frame, from: .platform) else { return }
            let offset = Int64(time.unixSeconds) - (epoch + now.nanoseconds / 1_000_000_000)
            for place in disk.orders.indices where disk.orders[place].counted > 0 {
                disk.orders[place].counted += offset - clockOffset
                disk.orders[place].started += offset - clockOffset
            }
            clockOffset = offset
        case DNYCommand.settlement: billAnswered(frame, at: now, &effects)
        case DNYCommand.charge: charge(frame, at: now, &effects)
        case DNYCommand.cardSwipe: cardAnswered(frame, &effects)
        case DNYCommand.query:
            register(&effects)
            heartbeat(&effects)
        case 0x83...0x98:
            // This board has none of these: anything but 0 says so.
            if frame.command != DNYCommand.change { answer(frame.command, frame.messageID, 1, &effects) } else { send(.changeAnswer(Self.notCharging), messageID: frame.messageID, &effects) }
        default: break
        }
    }

    private static var notCharging: DNYChangeAnswer {
        var answer = DNYChangeAnswer()
        answer.result = DNYChangeResult(rawValue: 1)
        return answer
    }

    private mutating func answer(_ command: UInt8, _ messageID: UInt16, _ result: UInt8, _ effects: inout [DeviceEffect]) {
        send(.answer(command, DNYAnswer(DNYResult(rawValue: result))), messageID: messageID, &effects)
    }

    // MARK: 82

    private mutating func charge(_ frame: DNYFrame, at now: RunInstant, _ effects: inout [DeviceEffect]) {
        guard case .charge(let command)? = try? DNYMessage(frame, from: .platform) else { return }
        if let known = answered.first(where: { $0.messageID == frame.messageID && $0.answer.order == command.order }) {
            send(.chargeAnswer(known.answer), messageID: frame.messageID, &effects)
            return
        }
        let port = Int(command.port)
        guard port < settings.ports else { return chargeAnswered(frame.messageID, .noSuchPort, port, command.order, &effects) }
        if command.action == .start { start(command, port, frame.messageID, &effects) } else { stop(command, port, frame.messageID, &effects) }
    }

    private mutating func start(_ command: DNYCharge, _ port: Int, _ messageID: UInt16, _ effects: inout [DeviceEffect]) {
        if let running = disk.orders.first(where: { $0.port == port }) {
            // The repetition of a start that is on its way is answered with it.
            if running.order == command.order, running.counted == 0 { return }
            return chargeAnswered(messageID, .alreadySo, port, command.order, &effects)
        }
        guard isSerialOpen else { return chargeAnswered(messageID, .noResponse, port, command.order, &effects) }
        let isEnergy = command.rateMode == .energy
        let limit = Int64(command.durationOrEnergy)
        var order = EE66HostDisk.Order(port: port, order: command.order, amount: settings.longest, started: 0, counted: 0)
        switch settings.unit {
        case .minutes where isEnergy && limit > 0:
            order.energyLimit = limit * 100
            if let longest = command.maximumSeconds, longest > 0 { order.amount = min(order.amount, (longest - 1) / 60 + 1) }
        case .minutes where limit > 0: order.amount = UInt16(clamping: (limit + 59) / 60)
        case .energy where isEnergy && limit > 0:
            order.amount = UInt16(clamping: limit)
            if let longest = command.maximumSeconds, longest > 0 { order.timeLimit = Int64(longest) }
        case .energy where limit > 0: order.timeLimit = limit
        case .minutes, .energy: break
        }
        disk.orders.append(order)
        ask(
            EE66Job(
                purpose: .start(port: port, messageID: messageID), message: .start(EE66Start(port: UInt8(clamping: port + 1), amount: order.amount))), &effects)
    }

    private mutating func stop(_ command: DNYCharge, _ port: Int, _ messageID: UInt16, _ effects: inout [DeviceEffect]) {
        guard let place = disk.orders.firstIndex(where: { $0.port == port && $0.order == command.order }), isSerialOpen else {
            return chargeAnswered(messageID, .alreadySo, port, command.order, &effects)
        }
        disk.orders[place].isStopping = true
        stopBoard(port, messageID, &effects)
    }

    mutating func chargeAnswered(_ messageID: UInt16, _ result: DNYStartResult, _ port: Int, _ order: DNYOrder, _ effects: inout [DeviceEffect]) {
        var answer = DNYChargeAnswer()
        answer.result = result
        answer.order = order
        answer.port = UInt8(clamping: port)
        answer.waitingPorts = 0
        if answered.count >= 8 { answered.removeFirst() }
        answered.append((messageID, answer))
        send(.chargeAnswer(answer), messageID: messageID, &effects)
    }

    // MARK: 06

    mutating func report(_ order: EE66HostDisk.Order, at now: RunInstant, _ effects: inout [DeviceEffect]) {
        var message = DNYPowerHeartbeat()
        message.port = UInt8(clamping: order.port)
        message.durationSeconds = UInt16(truncatingIfNeeded: unix(now) - order.started)
        message.energyCentikWh = UInt16(clamping: order.deciwattHours / 100)
        message.powerDeciwatts = order.power
        message.maximumPowerDeciwatts = order.maximumPower
        message.minimumPowerDeciwatts = order.power
        message.averagePowerDeciwatts = order.power
        message.order = order.order
        message.periodEnergy = 0
        message.peakPowerDeciwatts = order.maximumPower
        message.voltageDecivolts = 2_200
        message.currentMilliamperes = UInt16(clamping: Int(order.power) * 1_000 / 2_200)
        message.ambientTemperature = DNYTemperature.noSensor
        message.portTemperature = DNYTemperature.noSensor
        message.deviceTime = UInt32(truncatingIfNeeded: unix(now))
        send(.powerHeartbeat(message), &effects)
    }

    // MARK: 03

    /// A charge is over: its bill is on the disk when this returns.
    mutating func end(_ port: Int, remaining: UInt16?, reason: DNYStopReason, at now: RunInstant, _ effects: inout [DeviceEffect]) {
        guard let place = disk.orders.firstIndex(where: { $0.port == port }) else { return }
        count(place, remaining: remaining, at: now)
        var order = disk.orders.remove(at: place)
        var seconds = max(0, unix(now) - order.started - order.silent)
        if let remaining, order.amount >= remaining {
            let used = Int64(order.amount - remaining)
            if settings.unit == .energy { order.energy = used * 36_000_000 } else { seconds = min(seconds, used * 60) }
        }
        var bill = DNYSettlement()
        bill.durationSeconds = UInt16(truncatingIfNeeded: seconds)
        bill.maximumPowerDeciwatts = order.maximumPower
        // What a meter has put right is as likely above its step's middle as below.
        bill.energyCentikWh = UInt16(clamping: (order.deciwattHours + (settings.meter == nil ? 0 : 50)) / 100)
        bill.port = UInt8(clamping: port)
        bill.stopReason = reason
        bill.order = order.order
        bill.secondMaximumPowerDeciwatts = order.maximumPower
        keep(bill, seconds: seconds, energy: order.deciwattHours, &effects)
        lastReports[port] = nil
    }

    /// An offline card ended: the host makes the order number as a pile does (4.13). How long it ran the board does not tell.
    mutating func endCard(_ card: EE66End.Card, _ port: Int, at now: RunInstant, _ effects: inout [DeviceEffect]) {
        let digits = BKVTime(unixSeconds: unix(now)).digits.dropFirst(2)
        let number = Hexadecimal.bytes(card.card) ?? [0, 0, 0, 0]
        let device = (0..<4).map { UInt8(truncatingIfNeeded: settings.physicalID >> (8 * UInt32($0))) }
        var bill = DNYSettlement()
        bill.port = UInt8(clamping: port)
        bill.starter = .offlineCard
        bill.cardOrCode = number.reversed().reduce(0) { $0 << 8 | UInt32($1) }
        bill.stopReason = DNYStopReason(rawValue: 0x16)
        bill.order = DNYOrder((Hexadecimal.bytes(digits) ?? []) + number + device + [UInt8(clamping: port + 0x30)])
        bill.secondMaximumPowerDeciwatts = 0
        keep(bill, seconds: 0, energy: 0, &effects)
    }

    private mutating func keep(_ settlement: DNYSettlement, seconds: Int64, energy: Int64, _ effects: inout [DeviceEffect]) {
        disk.lastSerial &+= 1
        disk.bills.append(EE66HostDisk.Bill(serial: disk.lastSerial, settlement: settlement))
        effects.append(
            .note(
                "order.ended",
                [
                    "port": Self.number(Int(settlement.port)), "order": .text(settlement.order.description), "energy": .integer(energy),
                    "seconds": .integer(seconds), "reason": .integer(Int64(settlement.stopReason.rawValue)),
                ]))
        if isRegistered, disk.bills.count == 1 { effects.append(.startTimer(.dnyBill, after: settings.billDelay)) }
        heartbeat(&effects)
    }

    /// The oldest bill: twice with the same bytes, then every half hour with a new number.
    mutating func sendBills(at now: RunInstant, _ effects: inout [DeviceEffect]) {
        guard isRegistered, var bill = disk.bills.first else { return }
        if bill.count == 0 || bill.count >= 2 {
            if bill.messageID != 0 { bill.earlierID = bill.messageID }
            bill.messageID = newMessageID()
            bill.settlement.deviceTime = UInt32(truncatingIfNeeded: unix(now))
            bill.count = 0
        }
        bill.count += 1
        disk.bills[0] = bill
        effects.append(.note("bill.sent", ["port": Self.number(Int(bill.settlement.port)), "order": .text(bill.settlement.order.description)]))
        send(.settlement(bill.settlement), messageID: bill.messageID, &effects)
        effects.append(.startTimer(.dnyBill, after: bill.count == 1 ? settings.billResend : settings.billRepeat))
    }

    private mutating func billAnswered(_ frame: DNYFrame, at now: RunInstant, _ effects: inout [DeviceEffect]) {
        guard frame.data.first == 0, let bill = disk.bills.first, bill.count > 0, frame.messageID == bill.messageID || frame.messageID == bill.earlierID
        else { return }
        disk.bills.removeFirst()
        effects.append(.note("bill.taken", ["port": Self.number(Int(bill.settlement.port)), "order": .text(bill.settlement.order.description)]))
        if disk.bills.isEmpty { effects.append(.cancelTimer(.dnyBill)) } else { effects.append(.startTimer(.dnyBill, after: settings.billDelay)) }
    }

    // MARK: Cards and alarms

    /// 22 has no port, so the cloud is only asked for the balance (port FF); what the card then buys is the board's own business.
    mutating func askCloud(_ query: EE66CardQuery, _ session: String, _ effects: inout [DeviceEffect]) {
        guard uplink.isOpen else { return answerBoard(EE66CardAnswer(card: query.card, balance: 0, type: query.type, state: .invalid), session, &effects) }
        var swipe = DNYCardSwipe()
        swipe.card = (Hexadecimal.bytes(query.card) ?? []).reversed().reduce(0) { $0 << 8 | UInt32($1) }
        swipe.kind = DNYCardKind(rawValue: 3)
        swipe.port = 0xff
        let messageID = send(.cardSwipe(swipe), &effects)
        if cards.count >= 4 { cards.removeFirst() }
        cards.append((messageID, session, query))
    }

    private mutating func cardAnswered(_ frame: DNYFrame, _ effects: inout [DeviceEffect]) {
        guard let place = cards.firstIndex(where: { $0.messageID == frame.messageID }), case .cardAnswer(let answer)? = try? DNYMessage(frame, from: .platform)
        else { return }
        let card = cards.remove(at: place)
        let state: EE66CardAnswer.State =
            switch answer.state.rawValue {
            case 0x00: .ok
            case 0x06: .tooLow
            default: .invalid
            }
        // 0.01 yuan here, 0.1 yuan there.
        let balance = UInt16(clamping: answer.balanceOrExpiry / 10)
        answerBoard(EE66CardAnswer(card: card.query.card, balance: balance, type: card.query.type, state: state), card.session, &effects)
    }

    /// Of the board's three faults DNY has a word for one: the supply.
    mutating func alarm(_ fault: EE66PortFault, _ effects: inout [DeviceEffect]) {
        if fault.port >= 1, Int(fault.port) <= settings.ports { states[Int(fault.port) - 1] = .fault }
        if fault.code == 3 {
            var alarm = DNYAlarm()
            alarm.kind = DNYAlarmKind(rawValue: 1)
            alarm.triggers = 1
            send(.alarm(alarm), &effects)
        }
        heartbeat(&effects)
    }
}
