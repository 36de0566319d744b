/// 11: a card paid at a port, or got money back (charging-protocols.md 5.1).
package struct EE66CardUse: FieldLayout {
    /// 8 hexadecimal digits.
    package var card = ""
    package var amount: UInt8 = 0
    package var balance: UInt16 = 0
    /// 0001 synchronised, 0055 online.
    package var type: UInt16 = 1
    package var port: UInt8 = 1
    /// 1 paid, 2 too low, 3 refund.
    package var state: UInt8 = 1
    package init() {}
    package mutating func walk<Walk: FieldWalk>(_ wire: inout Walk) throws(FieldFault) {
        try wire.digits(&card, 4, "card")
        try wire.number(&amount, "amount", "0.1 yuan")
        try wire.number(&balance, "balance", "0.1 yuan")
        try wire.cardType(&type)
        try wire.number(&port, "port")
        try wire.number(&state, "state", "") { [1: "paid", 2: "too low", 3: "refund"][$0] }
    }
}

/// 22 request: may this online card charge?
package struct EE66CardQuery: FieldLayout {
    package var card = ""
    package var amount: UInt8 = 0
    package var type: UInt16 = 0x55
    package var zero: UInt8 = 0
    package init() {}
    package init(card: String, amount: UInt8, type: UInt16 = 0x55) { (self.card, self.amount, self.type) = (card, amount, type) }
    package mutating func walk<Walk: FieldWalk>(_ wire: inout Walk) throws(FieldFault) {
        try wire.digits(&card, 4, "card")
        try wire.number(&amount, "amount", "0.1 yuan")
        try wire.cardType(&type)
        try wire.number(&zero, "zero")
    }
}

/// 22 answer.
package struct EE66CardAnswer: FieldLayout {
    package enum State: UInt8, Sendable, Hashable, CaseIterable {
        case ok = 1
        case tooLow, invalid, reportedLost
    }

    package var card = ""
    package var balance: UInt16 = 0
    package var type: UInt16 = 0x55
    package var rawState: UInt8 = 1
    package var state: State? { State(rawValue: rawState) }
    package init() {}
    package init(card: String, balance: UInt16, type: UInt16 = 0x55, state: State) {
        (self.card, self.balance, self.type, rawState) = (card, balance, type, state.rawValue)
    }
    package mutating func walk<Walk: FieldWalk>(_ wire: inout Walk) throws(FieldFault) {
        try wire.digits(&card, 4, "card")
        try wire.number(&balance, "balance", "0.1 yuan")
        try wire.cardType(&type)
        try wire.number(&rawState, "state", "") { State(rawValue: $0).map { "\($0)" } }
    }
}

/// 23: what the board did about the answer.
package struct EE66CardTaken: FieldLayout {
    package var card = ""
    package var state: UInt8 = 1
    package var amount: UInt8 = 0
    package init() {}
    package mutating func walk<Walk: FieldWalk>(_ wire: inout Walk) throws(FieldFault) {
        try wire.digits(&card, 4, "card")
        try wire.number(&state, "state")
        try wire.number(&amount, "amount", "0.1 yuan")
    }
}

/// 12: the balance that is kept for a card; asked and answered in the same shape.
package struct EE66CardBalance: FieldLayout {
    package var card = ""
    package var balance: UInt16 = 0
    package var type: UInt16 = 1
    package init() {}
    package mutating func walk<Walk: FieldWalk>(_ wire: inout Walk) throws(FieldFault) {
        try wire.digits(&card, 4, "card")
        try wire.number(&balance, "balance", "0.1 yuan")
        try wire.cardType(&type)
    }
}

extension FieldWalk {
    mutating func cardType(_ type: inout UInt16) throws(FieldFault) {
        try number(&type, "card_type", "") { [0x0001: "synchronised", 0x0055: "online"][$0] }
    }
}
