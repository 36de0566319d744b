import LabCore
import WireProtocols

/// Commands to BKV sockets, and cards (charging-protocols.md 2.6, 2.8, 2.10).
extension GatewayCore {
    mutating func sendBKV(_ command: PileCommand, to session: PileSession) {
        let socket = UInt8(truncatingIfNeeded: session.key.number)
        switch command {
        case .start(let order, let port, let energy, let seconds, _):
            start(order, port, energy, seconds, session, socket)
        case .stop(let order, let port):
            guard let wire = wirePort(port, session) else { return finishImpossible(.stop(order: order, port: port), session) }
            queue(.stop(order: order, port: port), .start(BKVStart(stop: socket, port: wire)), session)
        case .query:
            query(session)
        case .setParameters(let values):
            setParameters(values, session, socket)
        case .restart:
            // No command of BKV does that.
            actions.append(.event(.serviced(pile: session.id, .restart, .refused("not_supported"))))
        case .upgrade(_, let version):
            upgrade(version, session)
        case .answerCard(let card, let port, let isAccepted, let balance):
            answerCard(card, port, isAccepted, balance, session, socket)
        }
    }

    private func wirePort(_ port: Int, _ session: PileSession) -> UInt8? { session.hasPort(port) ? UInt8(exactly: port - 1) : nil }

    private mutating func finishImpossible(_ purpose: PileLine.Purpose, _ session: PileSession) {
        guard let order = purpose.order, let port = purpose.port else { return }
        let event: PileEvent =
            purpose.isStop
            ? .stopAnswered(pile: session.id, port: port, order: order, .unknown)
            : .startAnswered(pile: session.id, port: port, order: order, .refused)
        actions.append(.event(event))
    }

    private mutating func queue(
        _ purpose: PileLine.Purpose, _ message: BKVMessage, _ session: PileSession, sends: Int? = nil, timeout: Duration? = nil
    ) {
        enqueue(
            PileLine.Outgoing(
                session: session, purpose: purpose, command: BKVNumber.command(message), content: .bkv(message),
                answerTimeout: timeout ?? settings.answerTimeout, sends: sends ?? settings.sends),
            on: session.line)
    }

    mutating func query(_ session: PileSession) {
        queue(.query, .query(BKVSocketNumber(UInt8(truncatingIfNeeded: session.key.number))), session, sends: 1, timeout: .seconds(5))
    }

    // MARK: Start

    private mutating func start(_ order: String, _ port: Int, _ energy: Int64?, _ seconds: Int64?, _ session: PileSession, _ socket: UInt8)
    {
        guard let wire = wirePort(port, session) else { return finishImpossible(.start(order: order, port: port), session) }
        let limit = BKVLimit(energy: energy, seconds: seconds, ratedPower: session.registered.ratedPower)
        // Somebody holds a card to this port and waits: the answer to it is the start (2.6). Nobody waits longer than a minute.
        session.cards.removeAll { $0.at.advanced(by: .seconds(60)) <= now }
        if let index = session.cards.firstIndex(where: { $0.port == port }) {
            let card = session.cards.remove(at: index)
            var message = BKVCardOrder()
            (message.socket, message.port, message.business) = (socket, wire, UInt16(truncatingIfNeeded: card.message))
            (message.mode, message.minutes, message.energy) = (limit.isByTime ? 1 : 2, limit.minutes, limit.wattHours)
            return queue(.start(order: order, port: port), .cardOrder(message), session)
        }
        var message = BKVStart(socket: socket, port: wire, minutes: limit.minutes)
        message.isByTime = limit.isByTime
        message.energy = limit.wattHours
        queue(.start(order: order, port: port), .start(message), session)
    }

    // MARK: Cards

    mutating func handle(_ swipe: BKVCardSwipe, _ received: BKVReceived) {
        guard let session = bkvSession(swipe.socket, received) else {
            return refuseContent("unknown_pile", received, pile: "\(received.frame.gateway)-\(swipe.socket)")
        }
        let port = Int(swipe.port) + 1
        guard session.hasPort(port) else { return refuseContent("impossible_port", received, pile: session.id) }
        waitForAnswer(BKVCard.printed(swipe.card) ?? swipe.card, port, UInt32(swipe.business), swipe.card, session)
        actions.append(.event(.card(pile: session.id, port: port, card: BKVCard.printed(swipe.card) ?? swipe.card)))
    }

    mutating func handle(_ query: BKVBalanceQuery, _ received: BKVReceived) {
        guard let session = bkvSession(query.socket, received) else {
            return refuseContent("unknown_pile", received, pile: "\(received.frame.gateway)-\(query.socket)")
        }
        let card = BKVCard.printed(query.card) ?? query.card
        waitForAnswer(card, nil, UInt32(query.port), query.card, session)
        actions.append(.event(.card(pile: session.id, port: nil, card: card)))
    }

    private func waitForAnswer(_ card: String, _ port: Int?, _ message: UInt32, _ wire: String, _ session: PileSession) {
        session.cards.removeAll { $0.card == card && $0.port == port }
        if session.cards.count >= 4 { session.cards.removeFirst() }
        session.cards.append(PileSession.WaitingCard(card: card, port: port, message: message, raw: Hexadecimal.bytes(wire) ?? [], at: now))
    }

    private mutating func answerCard(
        _ card: String, _ port: Int?, _ isAccepted: Bool, _ balance: Int64, _ session: PileSession, _ socket: UInt8
    ) {
        // An accepted card waits for the start that follows.
        if port != nil, isAccepted { return }
        guard let index = session.cards.firstIndex(where: { $0.card == card && $0.port == port }), let connection = session.connection
        else { return }
        let waiting = session.cards.remove(at: index)
        guard let port else {
            var answer = BKVBalance()
            (answer.socket, answer.port) = (socket, UInt8(truncatingIfNeeded: waiting.message))
            answer.card = Hexadecimal.text(waiting.raw)
            answer.balance = UInt32(clamping: balance)
            guard let bytes = try? BKVFrame(.balance(answer), isFromDevice: false, gateway: session.line.name, sequence: 0).encoded() else {
                return
            }
            return send(bytes, BKVNumber.command(.balance(answer)), .bkv, pile: session.id, on: connection)
        }
        guard let wire = wirePort(port, session) else { return }
        var answer = BKVCardOrder()
        (answer.socket, answer.port, answer.business, answer.isOn) = (socket, wire, UInt16(truncatingIfNeeded: waiting.message), false)
        queue(.cardAnswer, .cardOrder(answer), session)
    }

    mutating func handleCardOrder(_ result: BKVPortResult, _ received: BKVReceived) {
        guard let session = bkvSession(result.socket, received), let entry = received.line.takeInFlight(received.frame.sequence) else {
            return
        }
        answered(entry, result.isDone ? "done" : "failed", on: received.line)
        guard case .start(let order, let port) = entry.outgoing.purpose, case .bkv(.cardOrder(let message)) = entry.outgoing.content else {
            return
        }
        if result.isDone {
            bind(session, port: port, number: message.business, order: order)
        } else {
            forgetIntention(session, port: port, order: order)
            actions.append(.event(.startAnswered(pile: session.id, port: port, order: order, .refused)))
        }
    }

    // MARK: Services

    private mutating func setParameters(_ values: Fields, _ session: PileSession, _ socket: UInt8) {
        if let refusal = WireParameter.refusal(values, .bkv) {
            return actions.append(.event(.serviced(pile: session.id, .setParameters, .refused(refusal))))
        }
        var record = BKVRecord(command: 0x1011, gateway: session.line.name)
        record.pairs = [BKVPair(.socket, number: UInt64(socket))]
        for (parameter, key) in WireParameter.bkv {
            guard let value = values[parameter.name]?.integer else { continue }
            record.pairs.append(BKVPair(key, number: UInt64(clamping: value)))
        }
        queue(.service(ServiceJob(.setParameters, frames: 1)), .record(record), session)
    }

    /// The gateway fetches the file itself, and no answer is defined (2.8): it is done when the gateway comes back with the version.
    private mutating func upgrade(_ version: String, _ session: PileSession) {
        guard let server = settings.upgradeServer else {
            return actions.append(.event(.serviced(pile: session.id, .upgrade, .refused("no_upgrade_server"))))
        }
        guard version.utf8.count <= 13, !version.isEmpty else {
            return actions.append(.event(.serviced(pile: session.id, .upgrade, .refused("file_name_too_long"))))
        }
        let message = BKVMessage.upgrade(BKVUpgrade(address: server.address, port: server.port, file: version))
        let job = ServiceJob(.upgrade, frames: 1)
        job.version = version
        queue(.service(job), message, session, sends: 1, timeout: settings.upgradeTimeout)
    }

    mutating func endUpgrade(_ firmware: String, _ line: PileLine) {
        guard !firmware.isEmpty else { return }
        for entry in line.inFlight {
            guard case .service(let job) = entry.outgoing.purpose, job.service == .upgrade, let version = job.version,
                version.contains(firmware)
            else { continue }
            _ = line.takeInFlight(entry.number)
            answered(entry, "runs \(firmware)", on: line)
            finish(job, .done, of: entry.outgoing.session)
        }
    }
}

/// One of the two limits that 07 can have: minutes or energy.
struct BKVLimit: Equatable {
    var isByTime: Bool
    /// What 07 can ask for at most.
    static let longestMinutes: UInt16 = 900
    /// 1 to 900.
    var minutes: UInt16
    var wattHours: UInt16

    /// Where both are wanted, the one that the port's rated power reaches first.
    ///
    /// - Parameters:
    ///   - energy: dWh.
    ///   - ratedPower: dW.
    init(energy: Int64?, seconds: Int64?, ratedPower: Int64) {
        let longest = Int64(Self.longestMinutes)
        minutes = UInt16(seconds.map { max(1, (min($0, longest * 60) + 59) / 60) } ?? longest)
        wattHours = energy.map { UInt16(clamping: max(1, $0 / 10)) } ?? 0
        if let energy, let seconds {
            // dWh / dW is an hour.
            isByTime = Double(energy) / Double(max(1, ratedPower)) * 3_600 >= Double(seconds)
        } else {
            isByTime = energy == nil
        }
    }
}
