import LabCore
import WireProtocols

/// Registration, heartbeats, `link`, and the clock.
extension DNYPile {
    // MARK: 20

    mutating func register(_ core: inout PileCore, _ line: inout PileLine, at now: RunInstant) {
        let messageID = registrationID ?? newMessageID()
        registrationID = messageID
        var data: [UInt8] = []
        data.reserveCapacity(6)
        data.append(littleEndian: firmware)
        data += [UInt8(core.ports.count), settings.virtualID, settings.deviceType, settings.workMode]
        line.send(frame(DNYCommand.registration, messageID, data), &core, at: now)
    }

    /// The same message ID again while nobody answers; after the first time with the heartbeats.
    mutating func repeatRegistration(_ core: inout PileCore, _ line: inout PileLine, at now: RunInstant) {
        guard !isRegistered, line.isOpen else { return }
        register(&core, &line, at: now)
        core.agenda.set(.registration, at: now.advanced(by: heartbeatInterval))
    }

    mutating func registrationAnswered(_ frame: DNYFrame, _ core: inout PileCore, _ line: inout PileLine, at now: RunInstant) {
        guard frame.messageID == registrationID, frame.data.first == 0 else { return }
        core.agenda.cancel(.registration)
        guard !isRegistered else { return }
        isRegistered = true
        line.note("online", ["pile": .text(core.setup.id)])
        if line.kind == .serial { greetAsHost(&core, &line, at: now) }
        planStoredBills(&core, at: now)
    }

    // MARK: 21 and 01

    var heartbeatInterval: Duration { heartbeatSeconds.map { .seconds(max(1, Int64($0))) } ?? settings.heartbeat }

    mutating func beat(_ core: inout PileCore, _ line: inout PileLine, at now: RunInstant) {
        core.agenda.set(.heartbeat, at: now.advanced(by: heartbeatInterval))
        guard line.isOpen, !core.isHeartbeatStopped else { return }
        var data: [UInt8] = []
        data.reserveCapacity(5 + core.ports.count)
        data.append(littleEndian: UInt16(clamping: core.setup.voltage))
        data.append(UInt8(core.ports.count))
        for port in core.ports.indices { data.append(Self.state(core, port)) }
        data.append(0)
        data.append(Self.temperature(core.ambient))
        unanswered += 1
        send(DNYCommand.heartbeat, data, &core, &line, at: now)
        if settings.sendsOldHeartbeat, !isOldHeartbeatOver { oldBeat(&core, &line, at: now) }
    }

    mutating func heartbeatDue(_ core: inout PileCore, _ line: inout PileLine, at now: RunInstant) {
        if line.isOpen, line.kind == .tcp, unanswered >= settings.heartbeatsMissed, !core.isHeartbeatStopped {
            line.note("offline", ["reason": "heartbeats_unanswered"])
            line.wantsClose = true
            return
        }
        for port in unconfirmed { confirm(port, &core, &line, at: now) }
        beat(&core, &line, at: now)
    }

    mutating func heartbeatAnswered(_ frame: DNYFrame) {
        unanswered = 0
        // Whoever answers 21 silences 01.
        isOldHeartbeatOver = true
    }

    /// 01: not answered three times after power-up, it ends.
    private mutating func oldBeat(_ core: inout PileCore, _ line: inout PileLine, at now: RunInstant) {
        oldUnanswered += 1
        if oldUnanswered >= 3 { isOldHeartbeatOver = true }
        var data: [UInt8] = []
        data.append(littleEndian: firmware)
        data.append(littleEndian: UInt16(clamping: core.setup.voltage))
        data.append(UInt8(core.ports.count))
        for port in core.ports.indices { data.append(Self.state(core, port)) }
        for port in core.ports.indices { data.append(littleEndian: UInt16(clamping: core.ports[port].power / 100)) }
        for port in core.ports.indices { data.append(littleEndian: UInt16(clamping: (core.ports[port].charge?.maximumPower ?? 0) / 100)) }
        data += [settings.virtualID, 0, settings.deviceType, Self.temperature(core.ambient), settings.workMode]
        send(DNYCommand.oldHeartbeat, data, &core, &line, at: now)
    }

    /// The port states of charging-protocols.md 4.5.
    static func state(_ core: PileCore, _ port: Int) -> UInt8 {
        switch core.condition(port) {
        case .idle: 0
        case .charging: 1
        case .plugged: 2
        case .full: 3
        case .float: 5
        case .fault: core.ports[port].isStuck ? 9 : (core.ports[port].isOverCurrent ? 8 : (core.ports[port].isPlugged ? 2 : 0))
        }
    }

    /// Raw value: °C and 65.
    static func temperature(_ celsius: Int64) -> UInt8 { UInt8(clamping: max(1, celsius + 65)) }

    // MARK: link

    func planLink(_ core: inout PileCore, _ line: PileLine, at now: RunInstant) {
        guard let silence = settings.linkAfter, line.kind == .tcp else { return }
        core.agenda.set(.link, at: line.lastTraffic.advanced(by: silence))
    }

    /// The module counts silence in both directions.
    func linkDue(_ core: inout PileCore, _ line: inout PileLine, at now: RunInstant) {
        guard let silence = settings.linkAfter, line.isOpen else { return }
        if line.lastTraffic.advanced(by: silence) <= now { line.sendUnframed([0x6c, 0x69, 0x6e, 0x6b], at: now) }
        planLink(&core, line, at: now)
    }

    // MARK: 22

    mutating func askTime(_ core: inout PileCore, _ line: inout PileLine, at now: RunInstant) {
        core.agenda.set(.clock, at: now.advanced(by: settings.clockRetry))
        guard line.isOpen else { return }
        clockID = send(DNYCommand.time, [], &core, &line, at: now)
    }

    mutating func clockDue(_ core: inout PileCore, _ line: inout PileLine, at now: RunInstant) { askTime(&core, &line, at: now) }

    mutating func timeCame(_ frame: DNYFrame, _ core: inout PileCore, _ line: inout PileLine, at now: RunInstant) {
        guard frame.messageID == (frame.command == DNYCommand.time ? clockID : hostClockID) else { return }
        var cursor = ByteCursor(frame.data)
        guard let time = cursor.integer(UInt32.self) else { return }
        let before = core.clock.seconds(at: now)
        core.setClock(unix: Int64(time), at: now)
        isClockSet = true
        line.note("clock.set", ["by": .integer(Int64(time) - before)])
        core.agenda.set(.clock, at: now.advanced(by: settings.clockSync))
    }
}
