/// What a frame says, by command and by whether it asks or answers (charging-protocols.md 5.1). Ports count from 1.
package enum EE66Message: Sendable, Hashable {
    /// 01
    case askStates(EE66Nothing)
    case states(EE66States)
    /// 02
    case start(EE66Start)
    case startAnswer(EE66PortResult)
    /// 03, from the board: coins; nobody answers.
    case coins(EE66Coins)
    /// 05, from the board.
    case end(EE66End)
    /// The answer `01` to what the command is.
    case done(command: UInt8, EE66Done)
    /// 06
    case askPort(EE66Port)
    case port(EE66PortStatus)
    /// 07
    case askTotals(EE66Nothing)
    case totals(EE66Totals)
    /// 08
    case setPrices(EE66Prices)
    /// 09
    case enable(EE66Enable)
    /// 0B
    case stop(EE66Port)
    case stopAnswer(EE66Remaining)
    /// 0C
    case askSettings(EE66Nothing)
    case settings(EE66BoardSettings)
    /// 0D, from the board.
    case fault(EE66PortFault)
    /// 11, from the board.
    case cardUse(EE66CardUse)
    /// 22, from the board.
    case askCard(EE66CardQuery)
    case card(EE66CardAnswer)
    /// 23, from the board.
    case cardTaken(EE66CardTaken)
    /// 12, from the board; the answer has the same shape.
    case balance(EE66CardBalance)
    /// 13
    case setEnds(EE66Ends)
    /// 14
    case setTiers(EE66Tiers)
    /// 15
    case askTiers(EE66Nothing)
    case tiers(EE66Tiers)
    /// 24
    case allPorts(EE66AllPorts)
    /// Commands whose layout is not written down (16, 25 to 2A), and unknown ones; with their data.
    case other(command: UInt8, data: [UInt8])

    package var command: UInt8 {
        switch self {
        case .askStates, .states: 0x01
        case .start, .startAnswer: 0x02
        case .coins: 0x03
        case .end: 0x05
        case .done(let command, _): command
        case .askPort, .port: 0x06
        case .askTotals, .totals: 0x07
        case .setPrices: 0x08
        case .enable: 0x09
        case .stop, .stopAnswer: 0x0b
        case .askSettings, .settings: 0x0c
        case .fault: 0x0d
        case .cardUse: 0x11
        case .askCard, .card: 0x22
        case .cardTaken: 0x23
        case .balance: 0x12
        case .setEnds: 0x13
        case .setTiers: 0x14
        case .askTiers, .tiers: 0x15
        case .allPorts: 0x24
        case .other(let command, _): command
        }
    }

    package var name: String {
        switch self {
        case .askStates: "ask states"
        case .states: "states"
        case .start: "start"
        case .startAnswer: "start answer"
        case .coins: "coins"
        case .end: "end"
        case .done: "done"
        case .askPort: "ask port"
        case .port: "port"
        case .askTotals: "ask totals"
        case .totals: "totals"
        case .setPrices: "set prices"
        case .enable: "enable coin and card"
        case .stop: "stop"
        case .stopAnswer: "stop answer"
        case .askSettings: "ask settings"
        case .settings: "settings"
        case .fault: "fault"
        case .cardUse: "card use"
        case .askCard: "ask card"
        case .card: "card"
        case .cardTaken: "card taken"
        case .balance: "card balance"
        case .setEnds: "set ends"
        case .setTiers: "set tiers"
        case .askTiers: "ask tiers"
        case .tiers: "tiers"
        case .allPorts: "all ports"
        case .other(let command, _): [0x16: "balance synchronised", 0x25: "version", 0x26: "update"][command] ?? ""
        }
    }

    static func blank(command: UInt8, isAnswer: Bool, size: Int) -> EE66Message {
        switch (command, isAnswer) {
        case (0x01, false): .askStates(EE66Nothing())
        case (0x01, true): .states(EE66States())
        case (0x02, false): .start(EE66Start())
        case (0x02, true): .startAnswer(EE66PortResult())
        case (0x03, false): .coins(EE66Coins())
        case (0x05, false): .end(EE66End())
        case (0x06, false): .askPort(EE66Port())
        case (0x06, true): .port(EE66PortStatus())
        case (0x07, false): .askTotals(EE66Nothing())
        case (0x07, true): .totals(EE66Totals())
        case (0x08, false): .setPrices(EE66Prices())
        case (0x09, false): .enable(EE66Enable())
        case (0x0b, false): .stop(EE66Port())
        case (0x0b, true): .stopAnswer(EE66Remaining())
        case (0x0c, false): .askSettings(EE66Nothing())
        case (0x0c, true): .settings(EE66BoardSettings())
        case (0x0d, false): .fault(EE66PortFault())
        case (0x11, false): .cardUse(EE66CardUse())
        case (0x22, false): .askCard(EE66CardQuery())
        case (0x22, true): .card(EE66CardAnswer())
        case (0x23, false): .cardTaken(EE66CardTaken())
        case (0x12, _): .balance(EE66CardBalance())
        case (0x13, false): .setEnds(EE66Ends())
        case (0x14, false): .setTiers(EE66Tiers())
        case (0x15, false): .askTiers(EE66Nothing())
        case (0x15, true): .tiers(EE66Tiers())
        case (0x24, true): .allPorts(EE66AllPorts())
        case (0x05, true), (0x08, true), (0x09, true), (0x0d, true), (0x13, true), (0x14, true): .done(command: command, EE66Done())
        default: .other(command: command, data: [])
        }
    }

    mutating func walk<Walk: FieldWalk>(_ wire: inout Walk) throws(FieldFault) {
        switch self {
        case .askStates(var part): try part.walk(&wire); self = .askStates(part)
        case .states(var part): try part.walk(&wire); self = .states(part)
        case .start(var part): try part.walk(&wire); self = .start(part)
        case .startAnswer(var part): try part.walk(&wire); self = .startAnswer(part)
        case .coins(var part): try part.walk(&wire); self = .coins(part)
        case .end(var part): try part.walk(&wire); self = .end(part)
        case .done(let command, var part): try part.walk(&wire); self = .done(command: command, part)
        case .askPort(var part): try part.walk(&wire); self = .askPort(part)
        case .port(var part): try part.walk(&wire); self = .port(part)
        case .askTotals(var part): try part.walk(&wire); self = .askTotals(part)
        case .totals(var part): try part.walk(&wire); self = .totals(part)
        case .setPrices(var part): try part.walk(&wire); self = .setPrices(part)
        case .enable(var part): try part.walk(&wire); self = .enable(part)
        case .stop(var part): try part.walk(&wire); self = .stop(part)
        case .stopAnswer(var part): try part.walk(&wire); self = .stopAnswer(part)
        case .askSettings(var part): try part.walk(&wire); self = .askSettings(part)
        case .settings(var part): try part.walk(&wire); self = .settings(part)
        case .fault(var part): try part.walk(&wire); self = .fault(part)
        case .cardUse(var part): try part.walk(&wire); self = .cardUse(part)
        case .askCard(var part): try part.walk(&wire); self = .askCard(part)
        case .card(var part): try part.walk(&wire); self = .card(part)
        case .cardTaken(var part): try part.walk(&wire); self = .cardTaken(part)
        case .balance(var part): try part.walk(&wire); self = .balance(part)
        case .setEnds(var part): try part.walk(&wire); self = .setEnds(part)
        case .setTiers(var part): try part.walk(&wire); self = .setTiers(part)
        case .askTiers(var part): try part.walk(&wire); self = .askTiers(part)
        case .tiers(var part): try part.walk(&wire); self = .tiers(part)
        case .allPorts(var part): try part.walk(&wire); self = .allPorts(part)
        case .other(let command, var data):
            try wire.rest(&data)
            self = .other(command: command, data: data)
        }
    }
}

/// A message with bytes behind its known fields.
package struct EE66Content: Sendable, Hashable {
    package var message: EE66Message
    package var extra: [UInt8]
}

extension EE66Frame {
    /// What the frame says.
    package func content() throws(FieldFault) -> EE66Content {
        var message = EE66Message.blank(command: command, isAnswer: isAnswer, size: data.count)
        var reader = FieldReader(data[...])
        try message.walk(&reader)
        var extra: [UInt8] = []
        try reader.rest(&extra)
        return EE66Content(message: message, extra: extra)
    }

    /// A frame that says `message`.
    package init(_ message: EE66Message, isAnswer: Bool, session: String = EE66Frame.zeroSession, extra: [UInt8] = []) throws(FieldFault) {
        var message = message
        var writer = FieldWriter()
        try message.walk(&writer)
        self.init(isAnswer: isAnswer, command: message.command, session: session, data: writer.bytes + extra)
    }
}
