import LabCore
import WireProtocols

/// The serial side: one question at a time, and the board's own reports.
extension EE66Host {
    /// A frame that stopped in its middle is given up after this; 257 bytes at 9600 bit/s take 0.27 s.
    private static let silence = Duration.milliseconds(300)

    mutating func serial(_ event: LinkInput, at now: RunInstant, _ effects: inout [DeviceEffect]) {
        switch event {
        case .opened:
            isSerialOpen = true
            boardDecoder = EE66StreamDecoder()
            jobs = []
            isAsking = false
            effects.append(.note("serial.opened", [:]))
            look(at: now, &effects)
            uplink.want(at: now, &effects)
        case .closed:
            if isSerialOpen { effects.append(.note("serial.closed", [:])) }
            isSerialOpen = false
            uplink.leave(&effects)
            isRegistered = false
            effects += [.cancelTimer(.boardAnswer), .cancelTimer(.boardPoll), .startTimer(.serialReopen, after: PileDriverLink.reopenPause)]
        case .bytes(let bytes):
            boardDecoder.append(bytes)
            takeBoard(at: now, &effects)
            if boardDecoder.pending > 0 { effects.append(.startTimer(.boardSilence, after: Self.silence)) } else { effects.append(.cancelTimer(.boardSilence)) }
        }
    }

    mutating func boardFellSilent(at now: RunInstant, _ effects: inout [DeviceEffect]) {
        boardDecoder.finish()
        takeBoard(at: now, &effects)
        boardDecoder = EE66StreamDecoder()
    }

    private mutating func takeBoard(at now: RunInstant, _ effects: inout [DeviceEffect]) {
        while let item = boardDecoder.next() {
            guard case .frame(let frame, let bytes, _) = item else { continue }
            effects.append(.note("board.received", ["command": .integer(Int64(frame.command)), "bytes": .bytes(bytes)]))
            guard let message = try? frame.content().message else { continue }
            if frame.isAnswer { answered(message, at: now, &effects) } else { reported(message, frame.session, at: now, &effects) }
        }
    }

    // MARK: Questions

    /// Looks at all ports, and at those that run.
    mutating func look(at now: RunInstant, _ effects: inout [DeviceEffect]) {
        ask(EE66Job(purpose: .states, message: .askStates(EE66Nothing())), &effects)
        for order in disk.orders {
            ask(EE66Job(purpose: .look(port: order.port), message: .askPort(EE66Port(UInt8(clamping: order.port + 1)))), &effects)
        }
        askMeter(&effects)
        effects.append(.startTimer(.boardPoll, after: settings.poll))
    }

    mutating func ask(_ job: EE66Job, _ effects: inout [DeviceEffect]) {
        guard isSerialOpen, !jobs.contains(where: { $0.purpose == job.purpose }) else { return }
        // What a server waits for goes before looks.
        let isUrgent = switch job.purpose { case .start, .stop: true; case .states, .look: false }
        let first = isAsking ? 1 : 0
        if isUrgent, jobs.count > first { jobs.insert(job, at: first) } else { jobs.append(job) }
        askNext(&effects)
    }

    private mutating func askNext(_ effects: inout [DeviceEffect]) {
        guard !isAsking, !jobs.isEmpty else { return }
        isAsking = true
        jobs[0].sends += 1
        send(jobs[0].message, isAnswer: false, session: EE66Frame.zeroSession, &effects)
        effects.append(.startTimer(.boardAnswer, after: settings.answerTimeout))
    }

    private func send(_ message: EE66Message, isAnswer: Bool, session: String, _ effects: inout [DeviceEffect]) {
        guard let bytes = try? EE66Frame(message, isAnswer: isAnswer, session: session).encoded() else { return }
        effects.append(.note("board.sent", ["command": .integer(Int64(message.command)), "bytes": .bytes(bytes)]))
        effects.append(.link(PileDriverLink.serial, .send(bytes)))
    }

    mutating func boardTimedOut(at now: RunInstant, _ effects: inout [DeviceEffect]) {
        guard isAsking, let job = jobs.first else { return }
        isAsking = false
        if job.sends < settings.sends {
            // A board that runs refuses a second start: whether it runs is asked before a start is repeated.
            if case .start = job.purpose { jobs.insert(EE66Job(purpose: .states, message: .askStates(EE66Nothing())), at: 0) }
            return askNext(&effects)
        }
        jobs.removeFirst()
        var fields: Fields = ["command": .integer(Int64(job.message.command))]
        switch job.purpose {
        case .start(let port, let messageID):
            fields["port"] = Self.number(port)
            disk.orders.removeAll { $0.port == port && $0.counted == 0 }
            chargeAnswered(messageID, .noResponse, port, order(of: port), &effects)
        case .stop(let port, let messageID):
            fields["port"] = Self.number(port)
            if let messageID { chargeAnswered(messageID, .noResponse, port, order(of: port), &effects) }
        case .look(let port): fields["port"] = Self.number(port)
        case .states: break
        }
        effects.append(.note("board.silent", fields))
        askNext(&effects)
    }

    private func port(of job: EE66Job) -> Int {
        switch job.purpose {
        case .start(let port, _), .stop(let port, _), .look(let port): port
        case .states: -1
        }
    }

    private func order(of port: Int) -> DNYOrder { disk.orders.first { $0.port == port }?.order ?? .none }

    // MARK: Answers

    private mutating func answered(_ message: EE66Message, at now: RunInstant, _ effects: inout [DeviceEffect]) {
        guard isAsking, let job = jobs.first, fits(message, job) else { return }
        isAsking = false
        jobs.removeFirst()
        effects.append(.cancelTimer(.boardAnswer))
        switch (job.purpose, message) {
        case (.states, .states(let said)): statesCame(said, at: now, &effects)
        case (.look(let port), .port(let status)): counted(port, status, at: now, &effects)
        case (.start(let port, let messageID), .startAnswer(let answer)): startAnswered(port, messageID, answer.isDone, at: now, &effects)
        case (.stop(let port, let messageID), .stopAnswer):
            if let messageID { chargeAnswered(messageID, .done, port, order(of: port), &effects) }
        default: break
        }
        askNext(&effects)
    }

    private func fits(_ message: EE66Message, _ job: EE66Job) -> Bool {
        guard message.command == job.message.command else { return false }
        switch message {
        case .port(let status): return Int(status.port) == port(of: job) + 1
        case .startAnswer(let answer): return Int(answer.port) == port(of: job) + 1
        case .stopAnswer(let answer): return Int(answer.port) == port(of: job) + 1
        default: return true
        }
    }

    private mutating func statesCame(_ said: EE66States, at now: RunInstant, _ effects: inout [DeviceEffect]) {
        let before = states
        for (index, port) in said.ports.prefix(settings.ports).enumerated() { states[index] = port.state ?? .fault }
        if states != before { heartbeat(&effects) }
        // The answer to a start was lost, and it runs.
        if let job = jobs.first, case .start(let port, let messageID) = job.purpose, job.sends > 0, states[port] == .inUse {
            jobs.removeFirst()
            startAnswered(port, messageID, true, at: now, &effects)
        }
        // A port that the board says is free has no charge: its 05 was lost for good.
        for order in disk.orders where order.counted != 0 && states[order.port] == .idle && unix(now) - order.started > 120 {
            end(order.port, remaining: nil, reason: DNYStopReason(rawValue: 0x0e), at: now, &effects)
        }
    }

    private mutating func startAnswered(_ port: Int, _ messageID: UInt16, _ isDone: Bool, at now: RunInstant, _ effects: inout [DeviceEffect]) {
        guard let place = disk.orders.firstIndex(where: { $0.port == port }) else { return }
        let order = disk.orders[place].order
        guard isDone else {
            disk.orders.remove(at: place)
            let result: DNYStartResult = states[port] == .inUse ? .alreadySo : (states[port] == .fault ? .relayOrFuse : .notPlugged)
            return chargeAnswered(messageID, result, port, order, &effects)
        }
        disk.orders[place].started = unix(now)
        disk.orders[place].counted = unix(now)
        states[port] = .inUse
        effects.append(.note("order.kept", ["port": Self.number(port), "order": .text(order.description)]))
        chargeAnswered(messageID, .done, port, order, &effects)
        lastReports[port] = now.advanced(by: settings.firstReport - settings.report)
        ask(EE66Job(purpose: .look(port: port), message: .askPort(EE66Port(UInt8(clamping: port + 1)))), &effects)
    }

    /// Sums up the energy: the power that the board told last flowed until now.
    private mutating func counted(_ port: Int, _ status: EE66PortStatus, at now: RunInstant, _ effects: inout [DeviceEffect]) {
        guard let place = disk.orders.firstIndex(where: { $0.port == port }) else { return }
        count(place, remaining: status.remaining, at: now)
        disk.orders[place].power = status.power
        disk.orders[place].remaining = status.remaining
        disk.orders[place].maximumPower = max(disk.orders[place].maximumPower, status.power)
        if settings.unit == .energy, disk.orders[place].amount >= status.remaining {
            disk.orders[place].energy = Int64(disk.orders[place].amount - status.remaining) * 36_000_000
        }
        let order = disk.orders[place]
        let isUsedUp = order.energyLimit.map { order.deciwattHours >= $0 } ?? false
        let isTimeUp = order.timeLimit.map { unix(now) - order.started >= $0 } ?? false
        if isUsedUp || isTimeUp, !order.isStopping {
            disk.orders[place].end = isUsedUp ? .setEnergy : .setTime
            disk.orders[place].isStopping = true
            stopBoard(port, nil, &effects)
        }
        if lastReports[port].map({ $0.advanced(by: settings.report) <= now }) ?? true {
            lastReports[port] = now
            report(order, at: now, &effects)
        }
    }

    /// - Parameter remaining: what the board says now; `nil` where it says nothing.
    mutating func count(_ place: Int, remaining: UInt16?, at now: RunInstant) {
        let time = unix(now)
        let order = disk.orders[place]
        guard settings.unit == .minutes, order.counted > 0, time > order.counted else { return }
        var ran = time - order.counted
        // Nothing was heard of the board for a while. What it counted down is what it charged: without power, that is nothing.
        // The first minute may have begun before the silence, and be counted already.
        if !isHeard(order, at: time) {
            let minutes = remaining.map { max(0, Int64(order.remaining ?? order.amount) - Int64($0) - 1) } ?? 0
            ran = min(ran, minutes * 60)
        }
        // 0.1 W for a second are 100 mWs.
        let energy = Int64(order.power) * 100 * ran
        disk.orders[place].energy += energy
        disk.orders[place].sinceMeter += energy
        disk.meter?.flowed(energy)
        disk.orders[place].counted = time
        disk.orders[place].silent += time - order.counted - ran
    }

    /// What the board told last is not too old to be believed.
    func isHeard(_ order: EE66HostDisk.Order, at time: Int64) -> Bool { time - order.counted <= settings.silence.nanoseconds / 1_000_000_000 }

    func stopJob(_ port: Int, _ messageID: UInt16?) -> EE66Job {
        EE66Job(purpose: .stop(port: port, messageID: messageID), message: .stop(EE66Port(UInt8(clamping: port + 1))))
    }

    mutating func stopBoard(_ port: Int, _ messageID: UInt16?, _ effects: inout [DeviceEffect]) { ask(stopJob(port, messageID), &effects) }

    // MARK: Reports of the board

    private mutating func reported(_ message: EE66Message, _ session: String, at now: RunInstant, _ effects: inout [DeviceEffect]) {
        switch message {
        case .end(let report):
            let port = Int(report.port) - 1
            guard port >= 0, port < settings.ports else { return }
            states[port] = .idle
            if disk.orders.contains(where: { $0.port == port && $0.counted != 0 }) {
                end(port, remaining: report.remaining, reason: reason(report.reason, port), at: now, &effects)
            } else if let card = report.card {
                endCard(card, port, at: now, &effects)
            }
            // Only now: the bill is on the disk. A repetition finds nothing to book.
            send(.done(command: message.command, EE66Done()), isAnswer: true, session: session, &effects)
        case .fault(let fault):
            send(.done(command: message.command, EE66Done()), isAnswer: true, session: session, &effects)
            alarm(fault, &effects)
        case .askCard(let query): askCloud(query, session, &effects)
        case .balance(let balance): send(.balance(balance), isAnswer: true, session: session, &effects)
        default: break
        }
    }

    /// The cloud's word on a card, for the board.
    func answerBoard(_ card: EE66CardAnswer, _ session: String, _ effects: inout [DeviceEffect]) {
        send(.card(card), isAnswer: true, session: session, &effects)
    }

    private func reason(_ reason: EE66End.Reason?, _ port: Int) -> DNYStopReason {
        let order = disk.orders.first { $0.port == port }
        switch reason {
        case .usedUp: return settings.unit == .minutes ? .setTime : .setEnergy
        case .user: return order?.isStopping == true ? order?.end ?? .server : DNYStopReason(rawValue: 0x15)
        case .full: return .full
        case .overPower: return .overload
        case .noCharger: return .unplugged
        case .cardRefund: return DNYStopReason(rawValue: 0x16)
        case .fault, nil: return DNYStopReason(rawValue: 0x0f)
        }
    }
}
