import LabCore
import WireProtocols

/// Commands: queued, paced, numbered, sent again with the same number, given up (charging-protocols.md 2.18, 4.3).
extension GatewayCore {
    /// - Returns: false where the pile has no session, or too much waits for it already.
    mutating func send(_ command: PileCommand, to pile: String) -> Bool {
        guard let session = byName[pile], session.isOnline else { return false }
        guard session.line.count(of: session) < settings.queueLimit else {
            counters.commands["queue_full", default: 0] += 1
            return false
        }
        switch session.wire {
        case .dny: sendDNY(command, to: session)
        case .bkv: sendBKV(command, to: session)
        case .ee66: return false
        }
        return true
    }

    mutating func enqueue(_ outgoing: PileLine.Outgoing, on line: PileLine) {
        counters.commands[outgoing.purpose.word, default: 0] += 1
        guard outgoing.purpose.isStop, let session = outgoing.session else {
            line.queue.append(outgoing)
            return wakeLine(line)
        }
        // What must end does not wait behind what could begin. A start of the same order that was not sent yet never is; one that
        // was, and may be lost, is not sent again: it would begin what has just been ended.
        line.queue.removeAll { $0.session === session && $0.purpose.order == outgoing.purpose.order }
        for index in line.inFlight.indices {
            let waiting = line.inFlight[index].outgoing
            guard waiting.session === session, waiting.purpose.order == outgoing.purpose.order, !waiting.purpose.isStop else { continue }
            line.inFlight[index].outgoing.sends = line.inFlight[index].attempts
        }
        let place = line.queue.firstIndex { !$0.purpose.isStop && !$0.isPreparation } ?? line.queue.count
        line.queue.insert(outgoing, at: place)
        wakeLine(line)
    }

    /// Timeouts first, then whatever may go out.
    mutating func tick(_ line: PileLine) {
        guard line.connection?.isOpen == true else { return }
        giveUpOrRepeat(line)
        dispatch(line)
        let next = [line.queue.isEmpty ? nil : nextDispatch(line), line.inFlight.map(\.deadline).min()].compactMap { $0 }.min()
        if let next { wakeLine(line, at: max(next, now)) }
    }

    private func nextDispatch(_ line: PileLine) -> RunInstant? {
        let isHeld = line.inFlight.count >= settings.inFlightLimit || nextIndex(line) == nil
        return isHeld ? nil : line.nextSend
    }

    /// What is next; while a gateway has no list of its sockets, nothing that concerns one.
    private func nextIndex(_ line: PileLine) -> Int? {
        guard line.waitsForList else { return line.queue.isEmpty ? nil : 0 }
        return line.queue.firstIndex(where: \.isPreparation)
    }

    private mutating func dispatch(_ line: PileLine) {
        while line.nextSend <= now, line.inFlight.count < settings.inFlightLimit, let index = nextIndex(line) {
            guard let connection = line.connection, connection.isOpen else { return }
            let outgoing = line.queue.remove(at: index)
            let number = nextNumber(line)
            guard let frame = frame(outgoing, number: number, on: line) else {
                finish(outgoing, .refused("impossible"), on: line)
                continue
            }
            line.nextSend = now.advanced(by: settings.commandGap)
            if line.wire == .bkv { intend(outgoing) }
            send(
                frame, outgoing.command, line.wire, pile: outgoing.session?.id ?? line.name, on: outgoing.session?.connection ?? connection)
            guard outgoing.isAnswered else { continue }
            line.inFlight.append(
                PileLine.InFlight(
                    outgoing: outgoing, number: number, frame: frame, attempts: 1, deadline: now.advanced(by: outgoing.answerTimeout),
                    sentAt: now))
        }
    }

    private func frame(_ outgoing: PileLine.Outgoing, number: UInt32, on line: PileLine) -> [UInt8]? {
        switch outgoing.content {
        case .dny(let command, let data):
            return try? DNYFrame(
                physicalID: UInt32(truncatingIfNeeded: line.device), messageID: UInt16(truncatingIfNeeded: number), command: command,
                data: data
            ).encoded()
        case .bkv(var message):
            // The pairs repeat the frame's number (2.9).
            if case .record(var record) = message {
                record.sequence = UInt64(number)
                message = .record(record)
            }
            return try? BKVFrame(message, isFromDevice: false, gateway: line.name, sequence: number).encoded()
        }
    }

    /// Own for each pile, never 0. It begins with the time: after a restart of the cloud a device must not take a new command
    /// for the repetition of an old one.
    mutating func nextNumber(_ line: PileLine) -> UInt32 {
        let number = line.nextNumber ?? settings.firstNumber ?? UInt32(truncatingIfNeeded: unixSeconds)
        let mask: UInt32 = line.wire == .bkv ? .max : 0xffff
        let used = number & mask == 0 ? 1 : number & mask
        line.nextNumber = used &+ 1
        return used
    }

    private mutating func giveUpOrRepeat(_ line: PileLine) {
        let due = line.inFlight.filter { $0.deadline <= now }.map(\.number)
        for number in due {
            guard let index = line.inFlight.firstIndex(where: { $0.number == number }) else { continue }
            let entry = line.inFlight[index]
            if lookFirst(entry, at: index, on: line) { continue }
            if entry.attempts < entry.outgoing.sends {
                guard line.nextSend <= now else {
                    line.inFlight[index].deadline = line.nextSend
                    continue
                }
                repeatSending(index, on: line)
                continue
            }
            line.inFlight.remove(at: index)
            line.remember(entry)
            counters.commands["unanswered", default: 0] += 1
            finish(entry.outgoing, .unanswered, on: line)
        }
    }

    /// The same bytes, and so the same number.
    private mutating func repeatSending(_ index: Int, on line: PileLine) {
        let entry = line.inFlight[index]
        guard let connection = entry.outgoing.session?.connection ?? line.connection, connection.isOpen else { return }
        line.inFlight[index].attempts += 1
        line.inFlight[index].isLooking = false
        line.inFlight[index].deadline = now.advanced(by: entry.outgoing.answerTimeout)
        line.nextSend = now.advanced(by: settings.commandGap)
        counters.commands["repeated", default: 0] += 1
        send(entry.frame, entry.outgoing.command, line.wire, pile: entry.outgoing.session?.id ?? line.name, on: connection)
    }

    /// An entry is answered: it leaves the line and is remembered for late and second answers.
    mutating func answered(_ entry: PileLine.InFlight, _ result: String, on line: PileLine) {
        var entry = entry
        entry.result = result
        line.remember(entry)
        note(entry.outgoing, result)
        wakeLine(line)
    }

    // MARK: Ends

    /// Ends what a frame was for, without an answer that says more.
    mutating func finish(_ outgoing: PileLine.Outgoing, _ result: PileServiceResult, on line: PileLine) {
        if case .done = result {} else { note(outgoing, result.word) }
        switch outgoing.purpose {
        case .start(let order, let port), .stop(let order, let port):
            guard let session = outgoing.session else { return }
            actions.append(.event(.unanswered(pile: session.id, port: port, order: order, command: outgoing.purpose.word)))
        case .service(let job):
            finish(job, result, of: outgoing.session)
        case .packet:
            guard let session = outgoing.session else { return }
            session.upgrade = nil
            actions.append(.event(.serviced(pile: session.id, .upgrade, result)))
        case .socketList:
            // The gateway may know its sockets from before; commands go on.
            line.waitsForList = false
            wakeLine(line)
        case .query, .readParameters, .cardAnswer:
            break
        }
    }

    /// One frame of a service has ended; with the last one, or the first failure, the service has.
    mutating func finish(_ job: ServiceJob, _ result: PileServiceResult, of session: PileSession?) {
        job.frames -= 1
        guard !job.isOver, let session, job.frames == 0 || result != .done else { return }
        job.isOver = true
        actions.append(.event(.serviced(pile: session.id, job.service, result)))
    }

    /// A pile is gone: nothing of its commands is left, and whoever waits for a charge is told.
    mutating func abandonCommands(of session: PileSession) {
        let line = session.line
        let lost = line.inFlight.filter { $0.outgoing.session === session }.map(\.outgoing) + line.queue.filter { $0.session === session }
        // What the pile says of them when it is back still counts.
        for entry in line.inFlight where entry.outgoing.session === session { line.remember(entry) }
        line.inFlight.removeAll { $0.outgoing.session === session }
        line.queue.removeAll { $0.session === session }
        if line.wire != .bkv || !hasSession(on: line) {
            line.inFlight = []
            line.queue = []
            line.connection = nil
            line.waitsForList = false
        }
        // Services end with `offline`; starts and stops are not to be waited for.
        for outgoing in lost {
            guard let order = outgoing.purpose.order, let port = outgoing.purpose.port else { continue }
            note(outgoing, "offline")
            actions.append(.event(.unanswered(pile: session.id, port: port, order: order, command: outgoing.purpose.word)))
        }
    }

    private func hasSession(on line: PileLine) -> Bool { line.connection?.sessions.contains { $0.line === line && $0.isOnline } ?? false }

    mutating func note(_ outgoing: PileLine.Outgoing, _ result: String) {
        var fields: Fields = ["pile": .text(outgoing.session?.id ?? "")]
        if let port = outgoing.purpose.port { fields["port"] = .integer(Int64(port)) }
        if let order = outgoing.purpose.order { fields["order"] = .text(order) }
        fields["what"] = .text(outgoing.purpose.word)
        fields["result"] = .text(result)
        actions.append(.note("pile.command", fields))
    }
}

extension PileServiceResult {
    var word: String {
        switch self {
        case .done: "done"
        case .refused(let reason): reason
        case .unanswered: "unanswered"
        }
    }
}
