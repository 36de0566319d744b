import LabCore
import WireProtocols

/// Commands to DNY piles, their answers, cards (charging-protocols.md 4.3, 4.6, 4.7).
extension GatewayCore {
    mutating func sendDNY(_ command: PileCommand, to session: PileSession) {
        switch command {
        case .start(let order, let port, let energy, let seconds, let power):
            guard session.hasPort(port), let wire = UInt8(exactly: port - 1) else {
                return actions.append(.event(.startAnswered(pile: session.id, port: port, order: order, .refused)))
            }
            session.updatePort(port) { $0.metered = (order, session.meter?.energy) }
            queue(.start(order: order, port: port), .charge(Self.start(order, wire, energy, seconds, power)), session)
        case .stop(let order, let port):
            guard session.hasPort(port), let wire = UInt8(exactly: port - 1) else {
                return actions.append(.event(.stopAnswered(pile: session.id, port: port, order: order, .unknown)))
            }
            // The running order stands in it: one of the vendor's two texts says that a pile compares it (4.6).
            let stop = DNYCharge {
                $0.port = wire
                $0.action = .stop
                $0.order = DNYOrder(order)
            }
            queue(.stop(order: order, port: port), .charge(stop), session)
        case .query: queue(.query, .bare(DNYCommand.query, DNYBare()), session, isAnswered: false)
        case .setParameters(let values): setParameters(values, session)
        case .restart: queue(.service(ServiceJob(.restart, frames: 1)), .bare(DNYCommand.reset, DNYBare()), session)
        case .upgrade(let image, let version): upgrade(image, version, session)
        case .answerCard(let card, let port, let isAccepted, let balance): answerCard(card, port, isAccepted, balance, session)
        }
    }

    mutating func queue(
        _ purpose: PileLine.Purpose, _ message: DNYMessage, _ session: PileSession, sends: Int? = nil, timeout: Duration? = nil,
        isAnswered: Bool = true
    ) {
        guard let data = try? message.frame(to: 0, messageID: 0).data else { return }
        var outgoing = PileLine.Outgoing(
            session: session, purpose: purpose, command: UInt16(message.command), content: .dny(command: message.command, data: data),
            answerTimeout: timeout ?? settings.answerTimeout, sends: sends ?? settings.sends)
        outgoing.isAnswered = isAnswered
        enqueue(outgoing, on: session.line)
    }

    /// By energy where there is a limit of energy, with the time as its bound; else by time; with neither until full (4.6).
    private static func start(_ order: String, _ port: UInt8, _ energy: Int64?, _ seconds: Int64?, _ power: Int64?) -> DNYCharge {
        DNYCharge {
            $0.port = port
            $0.order = DNYOrder(order)
            let time = seconds.map { UInt16(clamping: max(1, $0)) }
            if let energy {
                $0.rateMode = .energy
                // 0 would mean until full.
                $0.durationOrEnergy = UInt16(clamping: max(1, energy / 100))
            } else {
                $0.durationOrEnergy = time ?? 0
            }
            $0.maximumSeconds = energy == nil ? 0 : time ?? 0
            $0.overloadPowerDeciwatts = UInt16(clamping: power ?? 0)
            // Up to the length that real servers were seen to send.
            ($0.lamp, $0.longCharge, $0.floatSeconds, $0.preCheck, $0.ignoresUnplugging, $0.stopsWhenFull) = (0, 0, 0, 0, 0, 0)
            $0.fullPowerWatts = 0
        }
    }

    // MARK: Answers

    /// The answer to 82. It is never answered: a device takes that for another command (4.6).
    mutating func handle(_ answer: DNYChargeAnswer, _ received: DNYReceived) {
        let session = received.session
        guard let (entry, wasKnown) = takeAnswered(answer, UInt32(received.frame.messageID), session) else {
            counters.commands["repeated_answer", default: 0] += 1
            return
        }
        let result = answer.result
        // No answer at all reached the host: what the slave did is not known (4.6).
        if result == .noResponse {
            session.line.remember(entry)
            if !wasKnown { finish(entry.outgoing, .unanswered, on: session.line) }
            return
        }
        answered(entry, Self.word(result), on: session.line)
        alarm(result, entry.outgoing.purpose.port, session)
        switch entry.outgoing.purpose {
        case .start(let order, let port):
            let ran = session.port(port).order == order && session.port(port).hasRun
            let outcome = Self.startAnswer(result, isRunning: ran || (result == .alreadySo && wasKnown))
            // "Already in that state" to a repetition says nothing: the first copy may have been obeyed.
            let isCertain = outcome != .busy || (entry.attempts == 1 && !wasKnown)
            session.updatePort(port) { memory in
                if outcome == .started {
                    memory.order = order
                    memory.hasRun = true
                    memory.refusedOrder = nil
                } else if isCertain {
                    memory.refusedOrder = order
                }
            }
            actions.append(.event(.startAnswered(pile: session.id, port: port, order: order, outcome)))
        case .stop(let order, let port):
            // Nothing in the protocol says that an order was never heard of. Only a start that the pile has refused never ran; one that
            // was not answered may have, and its bill may be waiting in the pile.
            let outcome: StopAnswer = result.isExecuted ? .stopped : session.port(port).refusedOrder == order ? .unknown : .over
            actions.append(.event(.stopAnswered(pile: session.id, port: port, order: order, outcome)))
        default: break
        }
    }

    private static func word(_ result: DNYStartResult) -> String { result.name ?? "result \(result.rawValue)" }

    /// The command that an answer belongs to: one that waits; one that was given up; or one that was refused for want of a plug and
    /// is done after all (F05). An answer that says again what it said is none.
    private func takeAnswered(_ answer: DNYChargeAnswer, _ number: UInt32, _ session: PileSession) -> (PileLine.InFlight, wasKnown: Bool)? {
        let line = session.line
        let isOurs = { (entry: PileLine.InFlight) in
            guard entry.number == number, let order = entry.outgoing.purpose.order else { return false }
            return answer.order.isNone || answer.order == DNYOrder(order)
        }
        if let index = line.inFlight.firstIndex(where: isOurs) {
            let entry = line.inFlight.remove(at: index)
            return (entry, false)
        }
        guard let index = line.done.lastIndex(where: isOurs) else { return nil }
        let entry = line.done[index]
        let isLate = entry.result == nil
        let isSuccessAfterAll = answer.result.isExecuted && entry.result == Self.word(.notPlugged)
        guard isLate || isSuccessAfterAll else { return nil }
        return (line.done.remove(at: index), isLate)
    }

    static func startAnswer(_ result: DNYStartResult, isRunning: Bool) -> StartAnswer {
        if result.isExecuted { return .started }
        switch result {
        case .notPlugged: return .notPlugged
        // The answer to a repetition whose first copy was obeyed.
        case .alreadySo: return isRunning ? .started : .busy
        case .noSuchPort, .severalWait, .totalPower: return .refused
        default: return .fault
        }
    }

    private mutating func alarm(_ result: DNYStartResult, _ port: Int?, _ session: PileSession) {
        switch result {
        case .portFault, .relayOrFuse, .short: raise(.portFault, port, session)
        case .relayStuck: raise(.relayStuck, port, session)
        case .smoke: raise(.smoke, nil, session)
        default: break
        }
    }

    /// One byte: parameters, restart and the like.
    mutating func handle(_ answer: DNYAnswer, _ received: DNYReceived) {
        let session = received.session
        guard let entry = session.line.takeInFlight(UInt32(received.frame.messageID)),
            entry.outgoing.command == UInt16(received.frame.command)
        else {
            counters.commands["repeated_answer", default: 0] += 1
            return
        }
        let isDone = answer.result == .ok
        answered(entry, isDone ? "done" : "result \(answer.result.rawValue)", on: session.line)
        guard case .service(let job) = entry.outgoing.purpose else { return }
        if isDone, let values = job.values {
            for value in values { session.parameters[value.name] = value.value }
            if let interval = values["heartbeat_interval"]?.integer { session.heartbeat = .seconds(interval) }
        }
        finish(job, isDone ? .done : .refused("result \(answer.result.rawValue)"), of: session)
    }

    // MARK: Cards

    mutating func handle(_ swipe: DNYCardSwipe, _ received: DNYReceived) {
        let session = received.session
        let port = swipe.port == 0xff ? nil : Int(swipe.port) + 1
        if let port, !session.hasPort(port) { return refuse("impossible_port", received) }
        let message = UInt32(received.frame.messageID)
        // The same swipe again is answered again, and asks for nothing new (F23).
        if let last = session.lastCardAnswer, last.message == message {
            return send(last.frame, UInt16(DNYCommand.cardSwipe), .dny, pile: session.id, on: received.connection)
        }
        guard !session.cards.contains(where: { $0.message == message }) else { return }
        let card = String(swipe.card)
        session.cards.removeAll { $0.card == card && $0.port == port }
        if session.cards.count >= 4 { session.cards.removeFirst() }
        session.cards.append(PileSession.WaitingCard(card: card, port: port, message: message, raw: [swipe.port], at: now))
        actions.append(.event(.card(pile: session.id, port: port, card: card)))
    }

    /// The answer alone starts nothing: with an accepted card the orders send a start (4.5).
    private mutating func answerCard(_ card: String, _ port: Int?, _ isAccepted: Bool, _ balance: Int64, _ session: PileSession) {
        guard let index = session.cards.firstIndex(where: { $0.card == card && $0.port == port }), let connection = session.connection
        else { return }
        let waiting = session.cards.remove(at: index)
        let answer = DNYCardAnswer {
            $0.card = UInt32(card) ?? 0
            $0.state = isAccepted ? .ok : balance > 0 ? .balanceTooLow : .notRegistered
            $0.balanceOrExpiry = UInt32(clamping: min(balance, 100_000_000))
            $0.port = waiting.raw.first ?? 0xff
        }
        guard
            let frame = try? DNYMessage.cardAnswer(answer)
                .frame(to: UInt32(truncatingIfNeeded: session.line.device), messageID: UInt16(truncatingIfNeeded: waiting.message))
                .encoded()
        else { return }
        session.lastCardAnswer = (waiting.message, frame)
        send(frame, UInt16(DNYCommand.cardSwipe), .dny, pile: session.id, on: connection)
    }

    // MARK: Parameters

    /// 83 and 85 set all their fields at once: what is not named is set to what it was last set to or told, else to the vendor's default.
    private mutating func setParameters(_ values: Fields, _ session: PileSession) {
        if let refusal = WireParameter.refusal(values, .dny) {
            return actions.append(.event(.serviced(pile: session.id, .setParameters, .refused(refusal))))
        }
        func value(_ name: String, _ group: [WireParameter]) -> UInt16 {
            let value = values[name]?.integer ?? session.parameters[name]?.integer ?? group.first { $0.name == name }?.standard ?? 0
            return UInt16(clamping: value)
        }
        let isCharge = WireParameter.dnyCharge.contains { values[$0.name] != nil }
        let isLimits = WireParameter.dnyLimits.contains { values[$0.name] != nil }
        let job = ServiceJob(.setParameters, frames: (isCharge ? 1 : 0) + (isLimits ? 1 : 0))
        job.values = values
        if isCharge {
            let group = WireParameter.dnyCharge
            let parameters = DNYChargeParameters {
                $0.unplugPowerDeciwatts = value("unplug_power", group)
                $0.unplugSeconds = value("unplug_seconds", group)
                $0.floatPercent = UInt8(clamping: value("float_percent", group))
                $0.floatDetectSeconds = value("float_detect_seconds", group)
                $0.floatSeconds = value("float_seconds", group)
                $0.heartbeatSeconds = value("heartbeat_interval", group)
            }
            queue(.service(job), .chargeParameters(DNYCommand.setChargeParameters, parameters), session)
        }
        if isLimits {
            let group = WireParameter.dnyLimits
            let limits = DNYLimits {
                $0.maximumSeconds = value("maximum_seconds", group)
                $0.overloadPowerDeciwatts = value("overload_power", group)
                $0.overVoltageDecivolts = value("over_voltage", group)
                $0.underVoltageDecivolts = value("under_voltage", group)
            }
            queue(.service(job), .limits(DNYCommand.setLimits, limits), session)
        }
    }

    // MARK: Upgrades

    private mutating func upgrade(_ image: [UInt8], _ version: String, _ session: PileSession) {
        // Captured devices have a type that no table lists (4.11); they are of the new kind.
        let way = session.deviceType?.upgrade ?? (DNYCommand.upgradeSlave, 200)
        let upgrade = Upgrade(command: way.command, packetSize: way.packetSize, image: image, version: version)
        let refusal: String? =
            if session.upgrade != nil { "busy" } else if image.isEmpty { "empty_image" } else if upgrade.packets > 65_535 {
                "image_too_long"
            } else { nil }
        if let refusal { return actions.append(.event(.serviced(pile: session.id, .upgrade, .refused(refusal)))) }
        session.upgrade = upgrade
        sendPacket(session)
    }

    private mutating func sendPacket(_ session: PileSession) {
        guard let upgrade = session.upgrade else { return }
        let start = (upgrade.index - 1) * upgrade.packetSize
        var content = Array(upgrade.image[start..<min(start + upgrade.packetSize, upgrade.image.count)])
        // The vendor does not say what fills the last packet; zeros do (4.9).
        content += Array(repeating: 0, count: upgrade.packetSize - content.count)
        let packet = DNYUpgradePacket {
            $0.total = UInt16(clamping: upgrade.packets)
            $0.index = UInt16(clamping: upgrade.index)
            $0.content = content
        }
        queue(
            .packet(index: upgrade.index), .upgradePacket(upgrade.command, packet), session, sends: 1 + settings.packetResends,
            timeout: settings.packetTimeout)
    }

    mutating func handle(_ answer: DNYUpgradeAnswer, _ received: DNYReceived) {
        let session = received.session
        let line = session.line
        guard let index = line.inFlight.firstIndex(where: { $0.number == UInt32(received.frame.messageID) }),
            case .packet(let packet) = line.inFlight[index].outgoing.purpose, var upgrade = session.upgrade
        else {
            counters.commands["repeated_answer", default: 0] += 1
            return
        }
        let entry = line.inFlight[index]
        switch answer.result {
        case .next:
            line.inFlight.remove(at: index)
            line.remember(entry)
            actions.append(
                .note(
                    "pile.upgrade",
                    ["pile": .text(session.id), "packet": .integer(Int64(packet)), "of": .integer(Int64(upgrade.packets))]))
            guard packet < upgrade.packets else {
                session.upgrade = nil
                return actions.append(.event(.serviced(pile: session.id, .upgrade, .done)))
            }
            upgrade.index = packet + 1
            session.upgrade = upgrade
            sendPacket(session)
        case .badPacket where entry.attempts < entry.outgoing.sends:
            line.inFlight[index].deadline = now
            wakeLine(line)
        default:
            line.inFlight.remove(at: index)
            session.upgrade = nil
            line.remember(entry)
            finish(entry.outgoing, .refused("result \(answer.result.rawValue)"), on: line)
        }
    }

    /// 05 in the middle of an upgrade: the device has forgotten what it got (4.9).
    mutating func beginAgain(_ session: PileSession) {
        guard session.upgrade != nil else { return }
        let line = session.line
        let isPacket = { (outgoing: PileLine.Outgoing) in
            if case .packet = outgoing.purpose { outgoing.session === session } else { false }
        }
        line.inFlight.removeAll { isPacket($0.outgoing) }
        line.queue.removeAll(where: isPacket)
        session.upgrade?.index = 1
        session.upgrade?.restarts += 1
        guard let restarts = session.upgrade?.restarts, restarts <= settings.packetResends else {
            session.upgrade = nil
            return actions.append(.event(.serviced(pile: session.id, .upgrade, .refused("begins again and again"))))
        }
        sendPacket(session)
    }
}
