package import LabCore
import WireProtocols

/// The EE/66 personality: the pile's main board on its serial line, 9600 8N1, question and answer (charging-protocols.md 5.1).
///
/// The board knows no order numbers and no clock; ports count from 1 on this wire. It is silent about commands that it lacks.
package struct EE66Pile: PilePersonality {
    package let settings: EE66PileSettings
    var decoder = EE66StreamDecoder()
    var isOnline = false
    /// Answers that are under way, with the moment at which they go.
    var answers: [(at: RunInstant, frame: PileFrame)] = []
    /// The end that is being reported.
    var sending: (serial: UInt32, count: Int)?
    /// A card that waits for the module's word.
    var card: (port: Int, number: UInt64)?

    package init(_ settings: EE66PileSettings = EE66PileSettings()) { self.settings = settings }

    package var word: String { "ee66" }
    /// A serial port is opened by the other side.
    package var reconnectPause: Duration { .seconds(1) }
    package func text(_ order: PileOrder) -> String { String(EE66Order(order).count) }

    package mutating func booted(_ core: inout PileCore, _ line: inout PileLine, at now: RunInstant) {
        if let kept = core.memory.setting(Self.limitSetting), kept.count == 2 {
            core.protection.overload = (Int64(kept[0]) << 8 | Int64(kept[1])) * 10
        }
    }

    package mutating func powerLost() { self = EE66Pile(settings) }

    package mutating func connected(_ core: inout PileCore, _ line: inout PileLine, at now: RunInstant) {
        decoder = EE66StreamDecoder()
        answers = []
        sending = nil
        if !core.memory.bills.pending.isEmpty { core.agenda.set(.ee66End, at: now.advanced(by: settings.endDelay)) }
    }

    package mutating func disconnected(_ core: inout PileCore, _ line: inout PileLine, at now: RunInstant) {
        isOnline = false
        answers = []
        sending = nil
        card = nil
        for item in [PileAgenda.Item.ee66Answer, .ee66End, .ee66Silence] { core.agenda.cancel(item) }
    }

    // MARK: Frames

    func frame(_ message: EE66Message, isAnswer: Bool, session: String = EE66Frame.boardSession) -> PileFrame {
        let frame = try? EE66Frame(message, isAnswer: isAnswer, session: session)
        guard let frame, let bytes = try? frame.encoded() else { return PileFrame([], command: Int(message.command)) }
        return PileFrame(bytes, command: Int(message.command), Self.fields(of: message))
    }

    /// Time after which a frame that stopped in its middle is given up: 257 bytes at 9600 bit/s take 0.27 s.
    private static let silence = Duration.milliseconds(300)

    package mutating func received(_ bytes: [UInt8], _ core: inout PileCore, _ line: inout PileLine, at now: RunInstant) {
        decoder.append(bytes)
        take(&core, &line, at: now)
        if decoder.pending > 0 { core.agenda.set(.ee66Silence, at: now.advanced(by: Self.silence)) } else { core.agenda.cancel(.ee66Silence) }
    }

    private mutating func take(_ core: inout PileCore, _ line: inout PileLine, at now: RunInstant) {
        while let item = decoder.next() {
            switch item {
            case .frame(let frame, let bytes, _): received(frame, bytes, &core, &line, at: now)
            case .refused(_, let bytes, _): line.refused("checksum", bytes)
            case .skipped(let bytes, _): line.refused("garbage", bytes)
            }
            if core.hasFlashLostPower || line.restart != nil { return }
        }
    }

    private mutating func received(_ frame: EE66Frame, _ bytes: [UInt8], _ core: inout PileCore, _ line: inout PileLine, at now: RunInstant) {
        guard let message = try? frame.content().message else { return line.refused("malformed", bytes) }
        guard line.accept(command: Int(frame.command), bytes, Self.fields(of: message), &core, at: now) else { return }
        if !isOnline {
            isOnline = true
            line.note("online", ["pile": .text(core.setup.id)])
        }
        if frame.isAnswer { return answered(message, &core, &line, at: now) }
        guard let answer = answer(to: message, &core, &line, at: now) else { return }
        var delay = settings.answer
        if case .start = message { delay += core.startDelay + core.setup.relayTime }
        answers.append((now.advanced(by: delay), self.frame(answer, isAnswer: true, session: frame.session)))
        answers.sort { $0.at < $1.at }
        planAnswers(&core)
    }

    private func planAnswers(_ core: inout PileCore) {
        if let first = answers.first { core.agenda.set(.ee66Answer, at: first.at) } else { core.agenda.cancel(.ee66Answer) }
    }

    // MARK: Agenda

    package mutating func due(_ item: PileAgenda.Item, _ core: inout PileCore, _ line: inout PileLine, at now: RunInstant) {
        switch item.code {
        case PileAgenda.Item.ee66Answer.code:
            while let first = answers.first, first.at <= now {
                answers.removeFirst()
                line.send(first.frame, &core, at: now)
            }
            planAnswers(&core)
        case PileAgenda.Item.ee66End.code: endDue(&core, &line, at: now)
        case PileAgenda.Item.ee66Silence.code:
            decoder.finish()
            take(&core, &line, at: now)
            decoder = EE66StreamDecoder()
        default: break
        }
    }

    package mutating func happened(_ happening: PileHappening, _ core: inout PileCore, _ line: inout PileLine, at now: RunInstant) {
        switch happening {
        case .ended: if sending == nil { core.agenda.set(.ee66End, at: now.advanced(by: settings.endDelay)) }
        case .swiped(let port, let number): swiped(port, number, &core, &line, at: now)
        case .alarm(let kind, let port, let isRaised):
            guard isRaised else { return }
            let code: UInt8 = kind == .powerCut ? 3 : (port == nil ? 2 : 1)
            let fault = EE66PortFault(port: port.map { UInt8(clamping: $0 + 1) } ?? 0xff, code: code)
            line.send(frame(.fault(fault), isAnswer: false), &core, at: now)
        case .plugged, .unplugged, .started, .resumed, .changed, .truth, .metered, .acknowledged, .temperatureChanged: break
        }
    }

    // MARK: Ends

    /// 05, until it is acknowledged.
    private mutating func endDue(_ core: inout PileCore, _ line: inout PileLine, at now: RunInstant) {
        guard line.isOpen else { return sending = nil }
        if let current = sending, !core.memory.bills.pending.contains(where: { $0.serial == current.serial }) { sending = nil }
        guard let bill = core.memory.bills.pending.first(where: { sending == nil || $0.serial == sending?.serial }) else { return }
        line.send(frame(.end(end(bill)), isAnswer: false), &core, at: now)
        let count = (sending?.count ?? 0) + 1
        let isOver = count >= settings.endSends
        sending = (bill.serial, isOver ? 0 : count)
        core.agenda.set(.ee66End, at: now.advanced(by: isOver ? settings.endPause : settings.endResend))
    }

    private mutating func answered(_ message: EE66Message, _ core: inout PileCore, _ line: inout PileLine, at now: RunInstant) {
        switch message {
        case .done(0x05, let done):
            guard done.result == 1, let current = sending, let bill = core.memory.bills.pending.first(where: { $0.serial == current.serial }) else { return }
            core.acknowledge(bill, at: now)
            guard !core.memory.bills.pending.contains(where: { $0.serial == current.serial }) else { return }
            sending = nil
            core.agenda.cancel(.ee66End)
            if !core.memory.bills.pending.isEmpty { core.agenda.set(.ee66End, at: now.advanced(by: settings.endDelay)) }
        case .card(let answer): cardAnswered(answer, &core, &line, at: now)
        default: break
        }
    }

    func end(_ bill: ChargeBill) -> EE66End {
        var card: EE66End.Card?
        if bill.starter == .card { card = EE66End.Card(card: Self.card(bill.card), refund: 0, type: 0x55) }
        return EE66End(port: UInt8(clamping: bill.port + 1), remaining: remaining(bill.order, seconds: bill.seconds, energy: bill.energy), reason: Self.reason(bill.end), card: card)
    }

    /// What is left of an amount. A minute that was begun is used up.
    func remaining(_ order: PileOrder, seconds: Int64, energy: Int64) -> UInt16 {
        let used = settings.unit == .minutes ? (seconds + 59) / 60 : (energy + 99) / 100
        return UInt16(clamping: Int64(EE66Order(order).amount) - used)
    }

    static func reason(_ end: ChargeEnd) -> EE66End.Reason {
        switch end {
        case .time, .maximumTime, .energy: .usedUp
        case .remote, .user, .card: .user
        case .full: .full
        case .unplugged, .noPower, .powerTooSmall: .noCharger
        case .overload, .dynamicOverload: .overPower
        default: .fault
        }
    }

    static func card(_ number: UInt64) -> String { Hexadecimal.text((0..<4).reversed().map { UInt8(truncatingIfNeeded: number >> (8 * UInt64($0))) }) }

    static let countSetting: UInt8 = 1
    static let limitSetting: UInt8 = 2
}

extension PileAgenda.Item {
    static let ee66Answer = PileAgenda.Item(32)
    static let ee66End = PileAgenda.Item(33)
    static let ee66Silence = PileAgenda.Item(34)
}
