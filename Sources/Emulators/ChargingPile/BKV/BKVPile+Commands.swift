import LabCore
import WireProtocols

/// A command of the platform that is being carried out.
struct BKVPending: Sendable {
    var number: UInt8
    var sequence: UInt32
    var message: BKVMessage
    var isToCarryOut = true
    var answer: BKVMessage?
}

/// What the platform says.
extension BKVPile {
    private static let longestPending = 16
    private static let answersKept = 8

    mutating func handle(_ message: BKVMessage, _ sequence: UInt32, _ core: inout PileCore, _ line: inout PileLine, at now: RunInstant) {
        switch message {
        case .clock(let clock): clockCame(clock.time, &core, &line, at: now)
        case .replaceList, .addSocket, .removeSocket, .setThresholds, .setPortLimits:
            later(message, sequence, carryOut: .zero, reply: settings.listAnswer, &core, &line, at: now)
        case .start, .powerStart:
            later(message, sequence, carryOut: core.setup.relayTime, reply: settings.startAnswer, &core, &line, at: now)
        case .query(let socket): query(socket.socket, sequence, &core, &line, at: now)
        case .acknowledgement(let sub, let acknowledgement):
            if [0x02, 0x0c, 0x18].contains(sub), acknowledgement.isDone { endAcknowledged(socket: acknowledgement.socket, &core, at: now) }
        case .middlewareAcknowledgement: if settings.acceptsMiddlewareAcknowledgement { endAcknowledged(socket: nil, &core, at: now) }
        case .cardOrder(let order): cardOrder(order, sequence, &core, &line, at: now)
        case .balance(let balance): line.note("card.answered", ["card": .text(BKVCard.printed(balance.card) ?? balance.card), "state": .integer(Int64(balance.balance))])
        case .sound(let sound):
            line.note("settings.changed", ["command": .integer(Int64(message.number))])
            send(.soundResult(BKVPortResult(socket: sound.socket, port: sound.port)), sequence: sequence, &core, &line, at: now)
        case .upgrade(let upgrade): startUpgrade(upgrade, &core, at: now)
        case .record(let record): handle(record, sequence, &core, &line, at: now)
        default: break
        }
    }

    private mutating func handle(_ record: BKVRecord, _ sequence: UInt32, _ core: inout PileCore, _ line: inout PileLine, at now: RunInstant) {
        switch record.command {
        case 0x1007: later(.record(record), sequence, carryOut: core.setup.relayTime, reply: settings.startAnswer, &core, &line, at: now)
        case 0x1004:
            if record.isAcknowledged == true { endAcknowledged(socket: record.number(.socket).map { UInt8(truncatingIfNeeded: $0) }, &core, at: now) }
        case 0x1011, 0x1012: parameters(record, sequence, &core, &line, at: now)
        default: break
        }
    }

    // MARK: Commands that take their time

    /// A repetition with the same number gets the same answer, and is not carried out again.
    private mutating func later(
        _ message: BKVMessage, _ sequence: UInt32, carryOut: Duration, reply: Duration, _ core: inout PileCore, _ line: inout PileLine, at now: RunInstant
    ) {
        if let known = answered.first(where: { $0.sequence == sequence && sequence != 0 }) { return line.send(known.answer, &core, at: now) }
        guard pending.count < Self.longestPending, !pending.contains(where: { $0.sequence == sequence && sequence != 0 }) else { return }
        repeat { lastPending &+= 1 } while pending.contains { $0.number == lastPending }
        pending.append(BKVPending(number: lastPending, sequence: sequence, message: message))
        let begin = now.advanced(by: core.startDelay)
        core.agenda.set(.bkvCarryOut(lastPending), at: begin.advanced(by: carryOut))
        core.agenda.set(.bkvReply(lastPending), at: begin.advanced(by: max(carryOut, reply)))
    }

    mutating func carryOut(_ number: UInt8, _ core: inout PileCore, _ line: inout PileLine, at now: RunInstant) {
        guard let place = pending.firstIndex(where: { $0.number == number }), pending[place].isToCarryOut else { return }
        pending[place].isToCarryOut = false
        pending[place].answer = answer(to: pending[place].message, pending[place].sequence, &core, &line, at: now)
    }

    mutating func reply(_ number: UInt8, _ core: inout PileCore, _ line: inout PileLine, at now: RunInstant) {
        carryOut(number, &core, &line, at: now)
        guard let place = pending.firstIndex(where: { $0.number == number }) else { return }
        let command = pending.remove(at: place)
        guard let answer = command.answer else { return }
        let frame = frame(answer, sequence: command.sequence)
        if answered.count >= Self.answersKept { answered.removeFirst() }
        answered.append((command.sequence, frame))
        line.send(frame, &core, at: now)
        switch command.message {
        case .start, .powerStart, .record: core.agenda.set(.bkvStatus, at: now.advanced(by: settings.startStatus))
        default: break
        }
    }

    private mutating func answer(
        to message: BKVMessage, _ sequence: UInt32, _ core: inout PileCore, _ line: inout PileLine, at now: RunInstant
    ) -> BKVMessage? {
        switch message {
        case .replaceList, .addSocket, .removeSocket, .setThresholds, .setPortLimits:
            let isDone = keepList(message, &core)
            line.note("settings.changed", ["command": .integer(Int64(message.number))])
            return .networkResult(sub: message.sub ?? 0x08, BKVResult(isDone: isDone))
        case .start(let start) where start.isOn:
            return .startAnswer(self.start(plain(start), start.socket, start.port, .plain, &core, &line, at: now))
        case .start(let stop): return .startAnswer(self.stop(stop.socket, stop.port, &core, at: now))
        case .powerStart(_, let start) where start.isOn: return .powerStartAnswer(startByPower(start, &core, &line, at: now))
        case .powerStart(_, let stop): return .powerStartAnswer(self.stop(stop.socket, stop.port, &core, at: now))
        case .record(let record): return startByFee(record, sequence, &core, &line, at: now)
        default: return nil
        }
    }

    private func plain(_ start: BKVStart) -> ChargeLimit {
        start.isByTime ? .seconds(Int64(start.minutes) * 60) : .energy(Int64(start.energy) * 10)
    }

    // MARK: Start and stop

    /// Starts a charge under the next business number; a refused start uses its number up, so that no number is ever given twice.
    func start(
        _ limit: ChargeLimit, _ socket: UInt8, _ wirePort: UInt8, _ kind: BKVOrder.Kind, _ core: inout PileCore, _ line: inout PileLine, at now: RunInstant,
        fill: (inout BKVOrder) -> Void = { _ in }
    ) -> BKVStartAnswer {
        let failed = BKVStartAnswer(isDone: false, socket: socket, port: wirePort, business: 0)
        guard let port = port(socket, wirePort, core), isListed(socket, core) else { return refused(.noSuchPort, nil, failed, &line) }
        if core.ports[port].charge != nil { return refused(.busy, port, failed, &line) }
        if case .seconds(let seconds) = limit, !(60...54_000).contains(seconds) { return refused(.code(0), port, failed, &line) }
        var order = nextOrder(kind, &core)
        fill(&order)
        switch core.start(ChargeRequest(port: port, order: order.pile, limit: limit), at: now) {
        case .started, .startedWithFault: return BKVStartAnswer(isDone: true, socket: socket, port: wirePort, business: order.business)
        case .lost: return failed
        case .refused(let refusal, _): return refused(refusal, port, failed, &line)
        }
    }

    private func refused(_ refusal: ChargeRefusal, _ port: Int?, _ answer: BKVStartAnswer, _ line: inout PileLine) -> BKVStartAnswer {
        var fields: Fields = ["result": 0, "reason": .text(refusal.word)]
        if let port { fields["port"] = .integer(Int64(port) + 1) }
        line.note("charge.refused", fields)
        return answer
    }

    private func stop(_ socket: UInt8, _ wirePort: UInt8, _ core: inout PileCore, at now: RunInstant) -> BKVStartAnswer {
        guard let port = port(socket, wirePort, core), let charge = core.ports[port].charge else {
            return BKVStartAnswer(isDone: false, socket: socket, port: wirePort, business: 0)
        }
        core.end(port, .remote, at: now)
        return BKVStartAnswer(isDone: true, socket: socket, port: wirePort, business: BKVOrder(charge.order).business)
    }

    /// 17: the tier is the one of the load at the start; the money buys its minutes.
    private func startByPower(_ start: BKVPowerStart, _ core: inout PileCore, _ line: inout PileLine, at now: RunInstant) -> BKVStartAnswer {
        let load = port(start.socket, start.port, core).flatMap { core.ports[$0].load?.stage.power } ?? 0
        let place = start.tiers.firstIndex { load / 100 <= Int64($0.power) } ?? start.tiers.count - 1
        guard start.tiers.indices.contains(place), start.tiers[place].price > 0 else {
            return BKVStartAnswer(isDone: false, socket: start.socket, port: start.port, business: 0)
        }
        let tier = start.tiers[place]
        let seconds = Int64(start.amount) * Int64(tier.minutes) * 60 / Int64(tier.price)
        return self.start(.seconds(seconds), start.socket, start.port, .power, &core, &line, at: now) { order in
            order.amount = start.amount
            order.price = tier.price
            order.minutes = tier.minutes
            order.tier = UInt8(place)
            order.tiers = UInt8(clamping: start.tiers.count)
        }
    }

    /// 1007 by electricity and service fee: the money buys energy at the price of the first tier. Mode 1 is by time.
    private func startByFee(
        _ record: BKVRecord, _ sequence: UInt32, _ core: inout PileCore, _ line: inout PileLine, at now: RunInstant
    ) -> BKVMessage? {
        guard let start = try? BKVFeeStart(record) else { return nil }
        let answer: BKVStartAnswer
        if !start.isOn {
            answer = stop(start.socket, start.port, &core, at: now)
        } else if start.mode == 1 {
            let minutes = Int64(record.number(.wantedMinutes) ?? 0)
            answer = self.start(.seconds(minutes * 60), start.socket, start.port, .plain, &core, &line, at: now)
        } else if let tier = start.tiers.first, Int(tier.electricity) + Int(tier.service) > 0 {
            let price = Int64(tier.electricity) + Int64(tier.service)
            answer = self.start(.energy(Int64(start.prepaid) * 10_000 / price), start.socket, start.port, .fee, &core, &line, at: now) { order in
                order.amount = start.prepaid
                order.price = tier.electricity
                order.service = tier.service
                order.tiers = UInt8(clamping: min(15, start.tiers.count))
            }
        } else {
            answer = BKVStartAnswer(isDone: false, socket: start.socket, port: start.port, business: 0)
        }
        var said = BKVRecord(acknowledging: 0x1007, gateway: settings.gateway, socket: start.socket, port: start.port, isDone: answer.isDone)
        said.sequence = UInt64(sequence)
        said.pairs.append(BKVPair(.business, number: UInt64(answer.business)))
        return .record(said)
    }

    // MARK: Queries

    private func query(_ socket: UInt8, _ sequence: UInt32, _ core: inout PileCore, _ line: inout PileLine, at now: RunInstant) {
        switch settings.queryAnswer {
        case .silence: break
        case .status where port(socket, 0, core) != nil:
            send(.socketStatus(socketStatus(socket, &core, at: now)), sequence: sequence, &core, &line, at: now)
        case .status: break
        case .cluster: core.agenda.set(.bkvQuery, at: now.advanced(by: settings.queryDelay))
        }
    }

    // MARK: List, parameters, upgrade

    /// Before a list came the sockets are those that the factory paired.
    private func isListed(_ socket: UInt8, _ core: PileCore) -> Bool {
        core.memory.setting(Self.listSetting).map { $0.contains(socket) } ?? true
    }

    private func keepList(_ message: BKVMessage, _ core: inout PileCore) -> Bool {
        var list = core.memory.setting(Self.listSetting) ?? (0..<sockets(core)).map { firstSocket &+ UInt8(clamping: $0) }
        switch message {
        case .replaceList(let new): list = new.sockets.map(\.socket)
        case .addSocket(let entry): if !list.contains(entry.socket) { list.append(entry.socket) }
        case .removeSocket(let entry): list.removeAll { $0 == entry.socket }
        default: return true
        }
        do { try core.memory.keepSetting(Self.listSetting, list) } catch { return false }
        return true
    }

    private static let parameterKeys: [BKVKey] = [
        .fullThreshold, .trickle, .fullTopUp, .noLoadThreshold, .noLoadDelay, .maximumMinutes, .highTemperature, .powerLimit, .overCurrentLimit,
    ]

    /// 1011 sets what it names, 1012 asks for all; both are answered under their own number (2.10).
    private func parameters(_ record: BKVRecord, _ sequence: UInt32, _ core: inout PileCore, _ line: inout PileLine, at now: RunInstant) {
        var kept = keptParameters(core)
        if record.command == 0x1011 {
            for pair in record.pairs {
                guard case .number(let raw) = pair.key, Self.parameterKeys.contains(BKVKey(raw)) else { continue }
                kept.removeAll { $0.key == pair.key }
                kept.append(pair)
            }
            try? core.memory.keepSetting(Self.parameterSetting, BKVPairs.encode(kept))
            applyParameters(&core)
            line.note("settings.changed", ["command": .integer(Int64(record.command))])
        }
        var answer = BKVRecord(command: record.command, sequence: UInt64(sequence), gateway: settings.gateway)
        answer.pairs = [BKVPair(.socket, number: record.number(.socket) ?? UInt64(firstSocket)), BKVPair(.acknowledgement, number: 1)]
        if record.command == 0x1012 {
            for key in Self.parameterKeys {
                answer.pairs.append(kept.first { $0.key == .number(key.rawValue) } ?? BKVPair(key, number: factoryValue(key, core)))
            }
        }
        send(.record(answer), sequence: sequence, &core, &line, at: now)
    }

    private func keptParameters(_ core: PileCore) -> [BKVPair] {
        (try? BKVPairs.decode((core.memory.setting(Self.parameterSetting) ?? [])[...])) ?? []
    }

    private func factoryValue(_ key: BKVKey, _ core: PileCore) -> UInt64 {
        let value: Int64 =
            switch key {
            case .fullTopUp: core.protection.floatSeconds
            case .noLoadDelay: core.protection.unplugSeconds
            case .noLoadThreshold: core.protection.unplugPower
            case .maximumMinutes: core.protection.maximumSeconds / 60
            case .highTemperature: core.protection.portAlarm
            case .powerLimit: core.protection.overload
            case .overCurrentLimit: core.protection.overload * 1_000 / max(1, core.setup.voltage)
            default: 0
            }
        return UInt64(clamping: min(value, key.size == 1 ? 255 : 65_535))
    }

    /// What the platform has set holds after every boot.
    func applyParameters(_ core: inout PileCore) {
        let kept = keptParameters(core)
        func value(_ key: BKVKey) -> Int64? { kept.number(key).map { Int64(clamping: $0) } }
        if let seconds = value(.fullTopUp) { core.protection.floatSeconds = seconds }
        if let seconds = value(.noLoadDelay) { core.protection.unplugSeconds = seconds }
        if let power = value(.noLoadThreshold) { core.protection.unplugPower = power }
        if let minutes = value(.maximumMinutes) { core.protection.maximumSeconds = minutes * 60 }
        if let temperature = value(.highTemperature) { core.protection.portAlarm = temperature }
        if let power = value(.powerLimit), power > 0 { core.protection.overload = power }
    }

    /// The gateway fetches the file by FTP from somewhere else; the lab only sees the restart with another version.
    private func startUpgrade(_ upgrade: BKVUpgrade, _ core: inout PileCore, at now: RunInstant) {
        let name = upgrade.file.split(separator: ".").dropLast().joined(separator: ".")
        try? core.memory.keepSetting(Self.firmwareSetting, Array((name.isEmpty ? upgrade.file : name).utf8.prefix(8)))
        core.agenda.set(.bkvUpgrade, at: now.advanced(by: settings.upgradeTime))
    }

    func upgraded(_ core: inout PileCore, _ line: inout PileLine) {
        line.note("upgrade.done", [:])
        line.restart = PileLine.Restart("upgrade", after: .seconds(5))
    }
}
