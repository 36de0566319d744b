package import LabCore
import WireProtocols

/// The DNY personality: what the firmware of an AP3000 says and does (charging-protocols.md 4.3 to 4.16).
package struct DNYPile: PilePersonality {
    package let settings: DNYPileSettings
    var decoder: DNYStreamDecoder
    var lastMessageID: UInt16 = 0
    /// Seconds of 21's interval, where a server has set one.
    var heartbeatSeconds: UInt16?
    var firmware: UInt16

    // One connection.
    var registrationID: UInt16?
    var isRegistered = false
    /// Heartbeats that nobody has answered, counted until one is.
    var unanswered = 0
    /// 01 is answered at most three times not at all, then it ends (4.5).
    var oldUnanswered = 0
    var isOldHeartbeatOver = false

    // Since power came.
    var isClockSet = false
    var clockID: UInt16?
    /// Of 12, which hosts ask.
    var hostClockID: UInt16?
    var pending: [PendingCommand] = []
    var lastPending: UInt8 = 0
    var answered: [AnsweredCommand] = []
    var sending: [BillSending] = []
    var lastBill: ChargeBill?
    /// Of an 82 that answered an answer.
    var confusedID: UInt16?
    var waitingForPlug: [(request: ChargeRequest, messageID: UInt16, until: RunInstant)] = []
    var unconfirmed: [Int] = []
    var upgrade: DNYUpgrade?

    package init(_ settings: DNYPileSettings) {
        self.settings = settings
        firmware = settings.firmware
        decoder = DNYStreamDecoder(settings: settings.wire)
    }

    package var word: String { "dny" }
    package var reconnectPause: Duration { settings.reconnectPause }

    // MARK: Power and connection

    package mutating func booted(_ core: inout PileCore, _ line: inout PileLine, at now: RunInstant) {
        loadParameters(&core)
        sending = core.memory.bills.pending.map { BillSending(serial: $0.serial) }
    }

    package mutating func powerLost() { self = DNYPile(settings) }

    package mutating func connected(_ core: inout PileCore, _ line: inout PileLine, at now: RunInstant) {
        decoder = DNYStreamDecoder(settings: settings.wire)
        isRegistered = false
        unanswered = 0
        if line.kind == .tcp {
            line.sendUnframed(Array(settings.iccid.utf8), at: now)
            planLink(&core, line, at: now)
            greetAsHost(&core, &line, at: now)
        }
        registrationID = nil
        register(&core, &line, at: now)
        // Who has the other end of a serial port may not have opened it yet.
        core.agenda.set(.registration, at: now.advanced(by: line.kind == .tcp ? settings.registrationRepeat : settings.boardRepeat))
        beat(&core, &line, at: now)
        if !isClockSet { askTime(&core, &line, at: now) }
    }

    package mutating func disconnected(_ core: inout PileCore, _ line: inout PileLine, at now: RunInstant) {
        isRegistered = false
        for item in [PileAgenda.Item.registration, .heartbeat, .link, .host] { core.agenda.cancel(item) }
        // Bills wait for the next registration.
        for place in sending.indices { sending[place].next = nil }
        core.agenda.cancel(.bill)
        pending.removeAll { !$0.isToCarryOut }
    }

    // MARK: Frames

    mutating func newMessageID() -> UInt16 {
        lastMessageID = lastMessageID == .max ? 1 : lastMessageID + 1
        return lastMessageID
    }

    func frame(_ command: UInt8, _ messageID: UInt16, _ data: [UInt8]) -> PileFrame {
        let frame = DNYFrame(
            physicalID: settings.physicalID, messageID: messageID, command: command, data: data,
            name: settings.wire.dialect == .vendor ? nil : Hexadecimal.text(Array(settings.iccid.utf8)))
        // Data of the pile are never longer than a frame may be.
        guard let bytes = try? frame.encoded(settings.wire) else { return PileFrame([], command: Int(command)) }
        return PileFrame(bytes, command: Int(command), Self.fields(command, messageID, data, isSent: true))
    }

    /// - Returns: the message ID.
    @discardableResult
    mutating func send(_ command: UInt8, _ data: [UInt8], _ core: inout PileCore, _ line: inout PileLine, at now: RunInstant) -> UInt16 {
        let messageID = newMessageID()
        line.send(frame(command, messageID, data), &core, at: now)
        return messageID
    }

    func answer(_ frame: DNYFrame, _ data: [UInt8], _ core: inout PileCore, _ line: inout PileLine, at now: RunInstant) {
        line.send(self.frame(frame.command, frame.messageID, data), &core, at: now)
    }

    package mutating func received(_ bytes: [UInt8], _ core: inout PileCore, _ line: inout PileLine, at now: RunInstant) {
        decoder.append(bytes)
        while let item = decoder.next() {
            switch item {
            case .frame(let frame): received(frame, &core, &line, at: now)
            case .refused(let fault, let bytes, _): line.refused(fault.word, bytes)
            case .garbage(let bytes, _): line.refused("garbage", bytes)
            case .iccid, .link: break
            }
            if core.hasFlashLostPower || line.restart != nil { return }
        }
    }

    private mutating func received(_ frame: DNYFrame, _ core: inout PileCore, _ line: inout PileLine, at now: RunInstant) {
        func bytes() -> [UInt8] { (try? frame.encoded(settings.wire)) ?? [] }
        guard settings.wire.dialect != .vendor || frame.physicalID == settings.physicalID else { return line.refused("physical_id", bytes()) }
        guard
            line.accept(
                command: Int(frame.command), bytes(), Self.fields(frame.command, frame.messageID, frame.data, isSent: false), &core, at: now)
        else { return }
        switch frame.command {
        case DNYCommand.registration: registrationAnswered(frame, &core, &line, at: now)
        case DNYCommand.heartbeat: heartbeatAnswered(frame)
        case DNYCommand.oldHeartbeat: oldUnanswered = 0
        case DNYCommand.time, DNYCommand.hostTime: timeCame(frame, &core, &line, at: now)
        case DNYCommand.settlement: billAnswered(frame, &core, at: now)
        case DNYCommand.cardSwipe: cardAnswered(frame, &line)
        case DNYCommand.orderConfirmation: if let port = frame.data.first { unconfirmed.removeAll { $0 == Int(port) } }
        case DNYCommand.charge: charge(frame, &core, &line, at: now)
        case DNYCommand.change: change(frame, &core, &line, at: now)
        default: command(frame, &core, &line, at: now)
        }
    }

    // MARK: Agenda

    package mutating func due(_ item: PileAgenda.Item, _ core: inout PileCore, _ line: inout PileLine, at now: RunInstant) {
        switch item.code {
        case PileAgenda.Item.registration.code: repeatRegistration(&core, &line, at: now)
        case PileAgenda.Item.heartbeat.code: heartbeatDue(&core, &line, at: now)
        case PileAgenda.Item.link.code: linkDue(&core, &line, at: now)
        case PileAgenda.Item.clock.code: clockDue(&core, &line, at: now)
        case PileAgenda.Item.carryOut.code: carryOut(item.index, &core, &line, at: now)
        case PileAgenda.Item.reply.code: reply(item.index, &core, &line, at: now)
        case PileAgenda.Item.confused.code: confusedDue(&core, &line, at: now)
        case PileAgenda.Item.report.code: reportDue(Int(item.index), &core, &line, at: now)
        case PileAgenda.Item.bill.code: billsDue(&core, &line, at: now)
        case PileAgenda.Item.upgrade.code: upgradeDue(&core, &line, at: now)
        case PileAgenda.Item.host.code: hostBeat(&core, &line, at: now)
        default: break
        }
    }

    package mutating func happened(_ happening: PileHappening, _ core: inout PileCore, _ line: inout PileLine, at now: RunInstant) {
        switch happening {
        case .started(let port):
            tellMeter(&core, &line, at: now)
            if settings.confirmsOrders { unconfirmed.append(port) }
            let first = settings.reportsEarly || settings.confirmsOrders ? Duration.milliseconds(300) : settings.firstReport
            core.agenda.set(.report(port), at: now.advanced(by: first))
        case .resumed(let port): core.agenda.set(.report(port), at: now.advanced(by: settings.firstReport))
        case .ended(let bill):
            ended(bill, &core, &line, at: now)
            tellMeter(&core, &line, at: now)
        case .plugged(let port): lateStart(port, &core, &line, at: now)
        case .swiped(let port, let card): swiped(port, card, &core, &line, at: now)
        case .alarm(let kind, let port, let isRaised): alarm(kind, port, isRaised, &core, &line, at: now)
        case .unplugged, .changed, .truth, .metered, .acknowledged, .temperatureChanged: break
        }
    }
}

extension PileAgenda.Item {
    static let registration = PileAgenda.Item(32)
    static let heartbeat = PileAgenda.Item(33)
    static let link = PileAgenda.Item(34)
    static let clock = PileAgenda.Item(35)
    static let carryOut = PileAgenda.Item(36)
    static let reply = PileAgenda.Item(37)
    static let confused = PileAgenda.Item(38)
    static let report = PileAgenda.Item(39)
    static let bill = PileAgenda.Item(40)
    static let upgrade = PileAgenda.Item(41)
    static let host = PileAgenda.Item(42)

    static func carryOut(_ number: UInt8) -> PileAgenda.Item { PileAgenda.Item(36, Int(number)) }
    static func reply(_ number: UInt8) -> PileAgenda.Item { PileAgenda.Item(37, Int(number)) }
    static func report(_ port: Int) -> PileAgenda.Item { PileAgenda.Item(39, port) }
}
