import LabCore
import WireProtocols

/// Starts, reports and ends of charges on BKV (charging-protocols.md 2.6, 2.10, 2.14, 2.15).
extension GatewayCore {
    // MARK: Business numbers

    mutating func recallBindings(_ session: PileSession) {
        if let latest = try? business.latest(of: session.id) { session.bindings = latest }
    }

    /// Makes it durable which order the socket's number means; only then does the start count.
    mutating func bind(_ session: PileSession, port: Int, number: UInt16, order: String) {
        let event = PileEvent.startAnswered(pile: session.id, port: port, order: order, .started)
        if let known = session.bindings.first(where: { $0.port == port && $0.business == number }), known.order == order {
            return actions.append(.event(event))
        }
        bind(session, BusinessBinding(pile: session.id, port: port, business: number, started: milliseconds, order: order), then: event)
    }

    private mutating func bind(_ session: PileSession, _ binding: BusinessBinding, then event: PileEvent) {
        session.bindings.removeAll { $0.business == 0 && $0.order == binding.order }
        session.bindings.insert(binding, at: 0)
        if session.bindings.count > BusinessTable.remembered { session.bindings.removeLast() }
        session.updatePort(binding.port) { memory in
            memory.order = binding.order
            memory.hasRun = true
        }
        actions.append(.bind(binding, then: event))
    }

    /// The answer to a stop names the charge that ran. Where the answer to its start was lost, with a cloud that fell meanwhile, this
    /// is the last chance to learn the number before the bill comes.
    private mutating func learn(_ answer: BKVStartAnswer, _ session: PileSession, port: Int, order: String, then event: PileEvent) -> Bool {
        let isNews = !session.bindings.contains {
            $0.business != 0 && ($0.order == order || ($0.port == port && $0.business == answer.business))
        }
        guard answer.isDone, answer.business != 0, isNews else { return false }
        let memory = session.port(port)
        let longest = memory.business == answer.business ? memory.minutes + 1 : Int64(BKVLimit.longestMinutes)
        let binding = BusinessBinding(
            pile: session.id, port: port, business: answer.business, started: milliseconds - longest * 60_000, order: order)
        bind(session, binding, then: event)
        return true
    }

    /// Before a start goes out: should the cloud fall before the answer, the charge's bill finds its order all the same.
    mutating func intend(_ outgoing: PileLine.Outgoing) {
        guard case .start(let order, let port) = outgoing.purpose, let session = outgoing.session else { return }
        let binding = BusinessBinding(pile: session.id, port: port, business: 0, started: milliseconds, order: order)
        session.bindings.removeAll { $0.business == 0 && $0.port == port && $0.order == order }
        session.bindings.insert(binding, at: 0)
        if session.bindings.count > BusinessTable.remembered { session.bindings.removeLast() }
        actions.append(.intend(binding))
    }

    mutating func forgetIntention(_ session: PileSession, port: Int, order: String) {
        guard let index = session.bindings.firstIndex(where: { $0.business == 0 && $0.port == port && $0.order == order }) else { return }
        actions.append(.forgetIntention(session.bindings.remove(at: index)))
    }

    /// The bill of a charge whose number nobody has heard, where the last thing on that port was a start that got none: that is it.
    private mutating func adopt(_ session: PileSession, port: Int, end: BKVChargeEnd) -> BusinessBinding? {
        guard end.business != 0, var binding = session.bindings.first(where: { $0.port == port }), binding.business == 0,
            binding.started + (Int64(end.minutes) - 2) * 60_000 <= milliseconds
        else { return nil }
        binding.business = end.business
        bind(session, binding, then: .startAnswered(pile: session.id, port: port, order: binding.order, .started))
        return binding
    }

    private func order(_ session: PileSession, port: Int, number: UInt16) -> String? {
        number == 0 ? nil : session.bindings.first { $0.port == port && $0.business == number }?.order
    }

    // MARK: Answers to 07

    mutating func handle(_ answer: BKVStartAnswer, _ received: BKVReceived) {
        guard let session = bkvSession(answer.socket, received) else {
            return refuseContent("unknown_pile", received, pile: "\(received.frame.gateway)-\(answer.socket)")
        }
        let port = Int(answer.port) + 1
        guard session.hasPort(port) else { return refuseContent("impossible_port", received, pile: session.id) }
        let line = received.line
        let entry: PileLine.InFlight
        if let waiting = line.takeInFlight(received.frame.sequence) {
            entry = waiting
        } else if let index = line.done.firstIndex(where: { $0.number == received.frame.sequence && $0.result == nil }) {
            // Late: given up already, and true nevertheless.
            entry = line.done.remove(at: index)
        } else {
            counters.commands["repeated_answer", default: 0] += 1
            return
        }
        guard entry.outgoing.session === session, entry.outgoing.purpose.port == port else {
            line.inFlight.append(entry)
            return refuseContent("malformed", received, pile: session.id)
        }
        answered(entry, answer.isDone ? "done" : "failed", on: line)
        switch entry.outgoing.purpose {
        case .start(let order, _) where answer.isDone:
            bind(session, port: port, number: answer.business, order: order)
        case .start(let order, _):
            let state = session.state(ofPort: port)
            let result: StartAnswer = state == .charging ? .busy : state == .fault ? .fault : .refused
            session.updatePort(port) { $0.refusedOrder = order }
            forgetIntention(session, port: port, order: order)
            actions.append(.event(.startAnswered(pile: session.id, port: port, order: order, result)))
        case .stop(let order, _):
            // As for DNY: only a start that was refused certainly never ran.
            let outcome: StopAnswer = answer.isDone ? .stopped : session.port(port).refusedOrder == order ? .unknown : .over
            let event = PileEvent.stopAnswered(pile: session.id, port: port, order: order, outcome)
            if !learn(answer, session, port: port, order: order, then: event) { actions.append(.event(event)) }
        default: break
        }
    }

    // MARK: A start without an answer

    /// Looks at the socket before a start is sent again: 90 with a number that nobody knows means that it did start (2.18).
    ///
    /// - Returns: whether that decided what becomes of it now.
    mutating func lookFirst(_ entry: PileLine.InFlight, at index: Int, on line: PileLine) -> Bool {
        guard line.wire == .bkv, case .start(_, let port) = entry.outgoing.purpose, let session = entry.outgoing.session else {
            return false
        }
        if startedUnheard(entry, session, port) {
            accept(line.inFlight.remove(at: index), session, port, on: line)
            return true
        }
        guard !entry.isLooking else { return false }
        line.inFlight[index].isLooking = true
        line.inFlight[index].deadline = now.advanced(by: settings.lookTimeout)
        query(session)
        return true
    }

    private func startedUnheard(_ entry: PileLine.InFlight, _ session: PileSession, _ port: Int) -> Bool {
        let memory = session.port(port)
        guard memory.state == .charging, let number = memory.business, memory.businessSince >= entry.sentAt else { return false }
        return order(session, port: port, number: number) == nil
    }

    private mutating func accept(_ entry: PileLine.InFlight, _ session: PileSession, _ port: Int, on line: PileLine) {
        guard let order = entry.outgoing.purpose.order, let number = session.port(port).business else { return }
        answered(entry, "seen charging", on: line)
        bind(session, port: port, number: number, order: order)
    }

    /// After a status report: a start that looks for one knows now.
    private mutating func lookAgain(_ session: PileSession, on line: PileLine) {
        for number in line.inFlight.filter({ $0.isLooking && $0.outgoing.session === session }).map(\.number) {
            guard let index = line.inFlight.firstIndex(where: { $0.number == number }),
                let port = line.inFlight[index].outgoing.purpose.port
            else { continue }
            if startedUnheard(line.inFlight[index], session, port) {
                accept(line.inFlight.remove(at: index), session, port, on: line)
            } else if session.state(ofPort: port) != .charging {
                line.inFlight[index].deadline = now
                wakeLine(line)
            }
        }
    }

    // MARK: Status reports

    mutating func handle(_ status: BKVSocketStatus, _ received: BKVReceived) {
        guard let session = bkvSession(status.socket, received) else {
            return refuseContent("unknown_pile", received, pile: "\(received.frame.gateway)-\(status.socket)")
        }
        guard status.ports.allSatisfy({ session.hasPort(Int($0.port) + 1) }) else {
            return refuseContent("impossible_port", received, pile: session.id)
        }
        // A status may be the answer to a query, whatever its command (2.6).
        if let index = received.line.inFlight.firstIndex(where: { entry in
            if case .query = entry.outgoing.purpose { entry.outgoing.session === session } else { false }
        }) {
            answered(received.line.inFlight.remove(at: index), "done", on: received.line)
        }
        let before = session.ports.map(\.state)
        for port in status.ports { take(port, of: session) }
        lookAgain(session, on: received.line)
        for port in status.ports where port.status.isCharging { sample(port, of: session) }
        let states = session.ports.map(\.state)
        if states != before { actions.append(.event(.ports(pile: session.id, states))) }
    }

    private func take(_ status: BKVPortStatus, of session: PileSession) {
        session.updatePort(Int(status.port) + 1) { memory in
            memory.state = status.status.hasFault ? .fault : status.status.isCharging ? .charging : .idle
            let number = status.business == 0 ? nil : status.business
            if memory.business != number {
                memory.business = number
                memory.businessSince = now
                memory.minutes = 0
                memory.energy = 0
            }
            memory.minutes = Int64(status.minutes)
            memory.energy = Int64(status.energy) * 100
        }
    }

    private mutating func sample(_ status: BKVPortStatus, of session: PileSession) {
        let port = Int(status.port) + 1
        actions.append(
            .event(
                .sample(
                    PileSample(
                        pile: session.id, port: port, order: order(session, port: port, number: status.business), receivedAt: milliseconds,
                        energy: Int64(status.energy) * 100, power: Int64(status.power), seconds: Int64(status.minutes) * 60))))
    }

    // MARK: Ends

    /// 02, 18, 0C and 1004: sent again every ten seconds until acknowledged, so each may come any number of times (2.14).
    mutating func handleEnd(_ message: BKVMessage, _ received: BKVReceived) {
        guard let end = BKVEnd(message) else { return refuseContent("malformed", received) }
        guard let session = bkvSession(end.base.socket, received) else {
            return refuseContent("unknown_pile", received, pile: "\(received.frame.gateway)-\(end.base.socket)")
        }
        let port = Int(end.base.port) + 1
        let energy = Int64(end.base.energy) * 100
        if let reason = end.absurdity(port: port, energy: energy, session, settings) { return refuseBill(reason, session, port, received) }
        let hash = end.hash(of: session.id)
        let binding = binding(session, port: port, end: end.base, hash: hash) ?? adopt(session, port: port, end: end.base)
        let bill = PileBill(
            pile: session.id, port: port, order: binding?.order, receivedAt: milliseconds, energy: energy,
            seconds: Int64(end.base.minutes) * 60,
            ended: end.endTime(session.registered.utcOffset).seconds, maximumPower: Int64(end.settlePower),
            reason: reason(end.base.status, binding, session),
            card: end.card, contentHash: hash, frame: received.bytes, messageID: received.frame.sequence)
        guard
            let answer = try? BKVFrame(
                end.acknowledgement(received.frame.gateway), isFromDevice: false, gateway: received.frame.gateway,
                sequence: received.frame.sequence
            ).encoded()
        else { return }
        let ticket = BillTicket(
            connection: received.connection.number, key: session.key, pile: session.id, wire: .bkv, command: received.command,
            order: binding?.order,
            answer: answer, answerCommand: BKVNumber.command(end.acknowledgement(received.frame.gateway)), hash: hash, binding: binding)
        hand(bill, ticket, session, on: received.connection)
    }

    /// Which charge a number means that comes again after 65,536 charges or a reset: the newest that can have run so long, that has
    /// not shown more than the bill, and that has no other bill yet.
    private func binding(_ session: PileSession, port: Int, end: BKVChargeEnd, hash: [UInt8]) -> BusinessBinding? {
        guard end.business != 0 else { return nil }
        var candidates = session.bindings.filter { $0.port == port && $0.business == end.business }
        if candidates.count < 2, let stored = try? business.bindings(of: session.id, port: port, business: end.business) {
            candidates = candidates + stored.filter { kept in !candidates.contains { $0.started == kept.started } }
        }
        let memory = session.port(port)
        let shownMore = memory.business == end.business && (memory.minutes > Int64(end.minutes) || memory.energy > Int64(end.energy) * 100)
        // Minutes are rounded, and clocks differ by the way of the answer.
        let possible = candidates.enumerated().filter { index, binding in
            let earliestEnd = binding.started + (Int64(end.minutes) - 2) * 60_000
            return earliestEnd <= milliseconds && !(index == 0 && shownMore && candidates.count > 1)
        }.map(\.element)
        return possible.first { $0.billHash == hash } ?? possible.first { $0.billHash == nil } ?? possible.first
    }

    private func reason(_ status: BKVStatus, _ binding: BusinessBinding?, _ session: PileSession) -> StopReason {
        // A0 and B0 are seen for a stop by the platform, too (2.11): who sent one knows.
        let wasStopped = binding.map { binding in
            (session.line.inFlight + session.line.done).contains {
                $0.outgoing.purpose.isStop && $0.outgoing.purpose.order == binding.order
            }
        }
        switch status.endCause {
        case .noLoad: return .unplugged
        case .timeUp: return wasStopped == true ? .remote : .time
        case .full: return wasStopped == true ? .remote : .full
        case .overTemperature: return .overTemperature
        case .overCurrent: return .overCurrent
        case .overPower: return .overload
        case .unknown: return wasStopped == true ? .remote : .unknown
        }
    }

    private mutating func refuseBill(_ reason: String, _ session: PileSession, _ port: Int, _ received: BKVReceived) {
        refuseContent(reason, received, pile: session.id)
        actions.append(.event(.alarm(pile: session.id, port: session.hasPort(port) ? port : nil, .other, isOn: true)))
    }
}

/// The four forms of the end of a charge.
struct BKVEnd {
    var base: BKVChargeEnd
    private var message: BKVMessage
    private var fee: BKVFeeEnd?

    init?(_ message: BKVMessage) {
        self.message = message
        switch message {
        case .chargeEnd(let end): base = end
        case .powerEnd(let end): base = end.end
        case .cardEnd(let end): base = end.end
        case .record(let record):
            guard let end = try? BKVFeeEnd(record) else { return nil }
            fee = end
            base = end.end
        default: return nil
        }
    }

    var card: String? { if case .cardEnd(let end) = message { BKVCard.printed(end.card) ?? end.card } else { nil } }

    var settlePower: UInt16 {
        switch message {
        case .powerEnd(let end): end.settlePower
        case .cardEnd(let end): end.settlePower
        default: 0
        }
    }

    enum EndTime: Equatable {
        /// The form has none.
        case none
        /// What stands there is no time.
        case impossible
        /// Unix seconds.
        case at(Int64)

        var seconds: Int64? { if case .at(let seconds) = self { seconds } else { nil } }
    }

    func endTime(_ utcOffset: Int) -> EndTime {
        let digits: String
        switch message {
        case .powerEnd(let end):
            digits = [
                (Int(end.year), 4), (Int(end.month), 2), (Int(end.day), 2), (Int(end.hour), 2), (Int(end.minute), 2), (Int(end.second), 2),
            ]
            .map { value, width in String(repeating: "0", count: max(0, width - String(value).count)) + String(value) }.joined()
        case .record: digits = fee?.endTime.digits ?? ""
        default: return .none
        }
        return BKVTime(digits: digits).unixSeconds(utcOffset: utcOffset).map { .at($0) } ?? .impossible
    }

    /// What cannot be, whatever the checksum says (F22, F63).
    func absurdity(port: Int, energy: Int64, _ session: PileSession, _ settings: PileGatewaySettings) -> String? {
        if !session.hasPort(port) { return "impossible_port" }
        if energy > settings.absurdEnergy { return "impossible_energy" }
        // 1970 is a clock that was not set; what is no date, or lies beyond any pile's life, is a frame that was read wrongly.
        switch endTime(session.registered.utcOffset) {
        case .none: break
        case .impossible: return "impossible_time"
        case .at(let time): if time > 4_102_444_800 { return "impossible_time" }
        }
        return nil
    }

    /// Without what is read again at each sending: power, current, temperature, signal.
    func hash(of pile: String) -> [UInt8] {
        var parts = [
            pile, "bkv", String(base.port), String(base.business), String(base.energy), String(base.minutes), String(base.status.rawValue),
        ]
        switch message {
        case .powerEnd(let end):
            parts += ["18", String(endTime(0).seconds ?? 0), String(end.reason), String(end.amount)] + end.tiers.map { String($0.minutes) }
        case .cardEnd(let end): parts += ["0c", end.card, String(end.mode), String(end.amount)] + end.tiers.map { String($0.minutes) }
        case .record:
            parts += ["1004", fee?.endTime.digits ?? "", String(fee?.electricityFee ?? 0), String(fee?.serviceFee ?? 0)]
            parts += (fee?.tierUse ?? []).map { Hexadecimal.text($0) }
        default: break
        }
        return BillHash.of(parts)
    }

    /// 02, 18 and 0C take the form that is proven on a device, `0c socket 01` (2.6).
    func acknowledgement(_ gateway: String) -> BKVMessage {
        if case .record(let record) = message {
            return .record(BKVRecord(acknowledging: record.command, gateway: gateway, socket: base.socket, port: base.port))
        }
        return .acknowledgement(sub: 0x0c, BKVAcknowledgement(socket: base.socket))
    }
}
