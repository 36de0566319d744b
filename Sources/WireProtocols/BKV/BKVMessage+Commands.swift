extension BKVMessage {
    /// The outer command.
    package var command: UInt16 {
        switch self {
        case .heartbeat, .clock: BKVFrame.Command.heartbeat
        case .replaceList, .addSocket, .removeSocket, .setThresholds, .setPortLimits, .queryThresholds, .networkResult: BKVFrame.Command.network
        case .upgrade: BKVFrame.Command.upgrade
        case .powerStart(let outer, _): outer
        case .record: BKVFrame.Command.record
        case .unknown(let command, _, _): command
        default: BKVFrame.Command.control
        }
    }

    /// The sub-command; `nil` where there is no inner frame.
    package var sub: UInt8? {
        switch self {
        case .heartbeat, .clock, .upgrade, .record: nil
        case .replaceList: 0x08
        case .addSocket: 0x09
        case .removeSocket: 0x0a
        case .setThresholds: 0x03
        case .setPortLimits: 0x06
        case .queryThresholds: 0x13
        case .networkResult(let sub, _): sub
        case .query: 0x1d
        case .socketStatus: 0x1c
        case .start, .startAnswer: 0x07
        case .powerStart, .powerStartAnswer: 0x17
        case .chargeEnd: 0x02
        case .powerEnd: 0x18
        case .cardSwipe, .cardOrder: 0x0b
        case .cardOrderTaken, .middlewareAcknowledgement: 0x0f
        case .cardEnd: 0x0c
        case .acknowledgement(let sub, _): sub
        case .balanceQuery, .balance: 0x1a
        case .sound, .soundResult: 0x1b
        case .unknown(_, let sub, _): sub
        }
    }

    /// What people call it.
    package var name: String {
        switch self {
        case .heartbeat: "heartbeat"
        case .clock: "time"
        case .replaceList: "replace socket list"
        case .addSocket: "add socket"
        case .removeSocket: "remove socket"
        case .setThresholds: "set thresholds"
        case .setPortLimits: "set port limits"
        case .queryThresholds: "query thresholds"
        case .networkResult: "result"
        case .upgrade: "upgrade"
        case .query: "query socket"
        case .socketStatus: "socket status"
        case .start(let start): start.isOn ? "start" : "stop"
        case .startAnswer: "start answer"
        case .powerStart: "start by power"
        case .powerStartAnswer: "start by power answer"
        case .chargeEnd: "charge end"
        case .powerEnd: "charge end by power"
        case .cardSwipe: "card swipe"
        case .cardOrder: "card order"
        case .cardOrderTaken: "card order taken"
        case .cardEnd: "card charge end"
        case .acknowledgement: "acknowledgement"
        case .middlewareAcknowledgement: "middleware acknowledgement"
        case .balanceQuery: "balance query"
        case .balance: "balance"
        case .sound: "sound periods"
        case .soundResult: "sound result"
        case .record(let record): record.name
        case .unknown: ""
        }
    }

    /// Where it is specified.
    package var source: String {
        let section =
            switch command {
            case BKVFrame.Command.heartbeat: "2.4"
            case BKVFrame.Command.upgrade: "2.8"
            case BKVFrame.Command.record: "2.10"
            case BKVFrame.Command.network where sub != 0x17: "2.5"
            case BKVFrame.Command.network, BKVFrame.Command.control: "2.6"
            default: "2.3"
            }
        return "charging-protocols.md " + section
    }

    /// The message that those numbers stand for, with nothing filled in; `.unknown` for what no source explains.
    ///
    /// - Parameter size: bytes of the payload, which tells the forms of 0F apart.
    static func blank(command: UInt16, sub: UInt8?, isFromDevice: Bool, size: Int) -> BKVMessage {
        switch (command, sub, isFromDevice) {
        case (0x0000, nil, true): .heartbeat(BKVHeartbeat())
        case (0x0000, nil, false): .clock(BKVClock())
        case (0x0007, nil, false): .upgrade(BKVUpgrade())
        case (0x0005, 0x17?, false): .powerStart(outer: 0x0005, BKVPowerStart())
        case (0x0005, let sub?, false): blankNetwork(sub)
        case (0x0005, let sub?, true) where [0x08, 0x09, 0x0a, 0x03, 0x06].contains(sub): .networkResult(sub: sub, BKVResult())
        case (0x0015, let sub?, true): blankReport(sub)
        case (0x0015, let sub?, false): blankControl(sub, size: size)
        default: .unknown(command: command, sub: sub, payload: [])
        }
    }

    private static func blankNetwork(_ sub: UInt8) -> BKVMessage {
        switch sub {
        case 0x08: .replaceList(BKVSocketList())
        case 0x09: .addSocket(BKVSocketEntry())
        case 0x0a: .removeSocket(BKVSocketEntry())
        case 0x03: .setThresholds(BKVThresholds())
        case 0x06: .setPortLimits(BKVPortLimits())
        case 0x13: .queryThresholds(BKVSocketNumber())
        default: .unknown(command: 0x0005, sub: sub, payload: [])
        }
    }

    private static func blankReport(_ sub: UInt8) -> BKVMessage {
        switch sub {
        case 0x1c: .socketStatus(BKVSocketStatus())
        case 0x07: .startAnswer(BKVStartAnswer())
        case 0x17: .powerStartAnswer(BKVStartAnswer())
        case 0x02: .chargeEnd(BKVChargeEnd())
        case 0x18: .powerEnd(BKVPowerEnd())
        case 0x0b: .cardSwipe(BKVCardSwipe())
        case 0x0f: .cardOrderTaken(BKVPortResult())
        case 0x0c: .cardEnd(BKVCardEnd())
        case 0x1a: .balanceQuery(BKVBalanceQuery())
        case 0x1b: .soundResult(BKVPortResult())
        default: .unknown(command: 0x0015, sub: sub, payload: [])
        }
    }

    private static func blankControl(_ sub: UInt8, size: Int) -> BKVMessage {
        switch sub {
        case 0x1d: .query(BKVSocketNumber())
        case 0x07: .start(BKVStart())
        case 0x17: .powerStart(outer: 0x0015, BKVPowerStart())
        case 0x02, 0x0c, 0x18, 0x1c: .acknowledgement(sub: sub, BKVAcknowledgement())
        case 0x0f where size == 1: .middlewareAcknowledgement(BKVResult())
        case 0x0b: .cardOrder(BKVCardOrder())
        case 0x1a: .balance(BKVBalance())
        case 0x1b: .sound(BKVSound())
        default: .unknown(command: 0x0015, sub: sub, payload: [])
        }
    }

    /// Walks over the fields behind the sub-command.
    mutating func walk<Walk: FieldWalk>(_ wire: inout Walk) throws(FieldFault) {
        switch self {
        case .heartbeat(var part): try part.walk(&wire); self = .heartbeat(part)
        case .clock(var part): try part.walk(&wire); self = .clock(part)
        case .replaceList(var part): try part.walk(&wire); self = .replaceList(part)
        case .addSocket(var part): try part.walk(&wire); self = .addSocket(part)
        case .removeSocket(var part): try part.walk(&wire); self = .removeSocket(part)
        case .setThresholds(var part): try part.walk(&wire); self = .setThresholds(part)
        case .setPortLimits(var part): try part.walk(&wire); self = .setPortLimits(part)
        case .queryThresholds(var part): try part.walk(&wire); self = .queryThresholds(part)
        case .networkResult(let sub, var part): try part.walk(&wire); self = .networkResult(sub: sub, part)
        case .upgrade(var part): try part.walk(&wire); self = .upgrade(part)
        case .query(var part): try part.walk(&wire); self = .query(part)
        case .socketStatus(var part): try part.walk(&wire); self = .socketStatus(part)
        case .start(var part): try part.walk(&wire); self = .start(part)
        case .startAnswer(var part): try part.walk(&wire); self = .startAnswer(part)
        case .powerStart(let outer, var part): try part.walk(&wire); self = .powerStart(outer: outer, part)
        case .powerStartAnswer(var part): try part.walk(&wire); self = .powerStartAnswer(part)
        case .chargeEnd(var part): try part.walk(&wire); self = .chargeEnd(part)
        case .powerEnd(var part): try part.walk(&wire); self = .powerEnd(part)
        case .cardSwipe(var part): try part.walk(&wire); self = .cardSwipe(part)
        case .cardOrder(var part): try part.walk(&wire); self = .cardOrder(part)
        case .cardOrderTaken(var part): try part.walk(&wire); self = .cardOrderTaken(part)
        case .cardEnd(var part): try part.walk(&wire); self = .cardEnd(part)
        case .acknowledgement(let sub, var part): try part.walk(&wire); self = .acknowledgement(sub: sub, part)
        case .middlewareAcknowledgement(var part): try part.walk(&wire); self = .middlewareAcknowledgement(part)
        case .balanceQuery(var part): try part.walk(&wire); self = .balanceQuery(part)
        case .balance(var part): try part.walk(&wire); self = .balance(part)
        case .sound(var part): try part.walk(&wire); self = .sound(part)
        case .soundResult(var part): try part.walk(&wire); self = .soundResult(part)
        case .unknown(let command, let sub, var payload):
            try wire.rest(&payload)
            self = .unknown(command: command, sub: sub, payload: payload)
        case .record: break
        }
    }

    /// The platform's acknowledgement of an end report of that socket, in the form that the settings choose.
    package static func endAcknowledged(socket: UInt8, settings: BKVSettings = .vendor) -> BKVMessage {
        switch settings.endAcknowledgement {
        case .cardEnd: .acknowledgement(sub: 0x0c, BKVAcknowledgement(socket: socket))
        case .chargeEnd: .acknowledgement(sub: 0x02, BKVAcknowledgement(socket: socket))
        case .middleware: .middlewareAcknowledgement(BKVResult(isDone: true))
        }
    }
}
