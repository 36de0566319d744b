/// A request without content: one byte 00.
package struct EE66Nothing: FieldLayout {
    package var zero: UInt8 = 0
    package init() {}
    package mutating func walk<Walk: FieldWalk>(_ wire: inout Walk) throws(FieldFault) {
        guard wire.left > 0 else { return }
        try wire.number(&zero, "zero")
    }
}

/// The answer `01`.
package struct EE66Done: FieldLayout {
    package var result: UInt8 = 1
    package init() {}
    package mutating func walk<Walk: FieldWalk>(_ wire: inout Walk) throws(FieldFault) {
        guard wire.left > 0 else { return }
        try wire.number(&result, "result", "") { $0 == 1 ? "done" : nil }
    }
}

package struct EE66Port: FieldLayout {
    /// From 1.
    package var port: UInt8 = 1
    package init() {}
    package init(_ port: UInt8) { self.port = port }
    package mutating func walk<Walk: FieldWalk>(_ wire: inout Walk) throws(FieldFault) { try wire.number(&port, "port") }
}

/// 01 answer: the ports in order.
package struct EE66States: FieldLayout {
    package enum State: UInt8, Sendable, Hashable, CaseIterable {
        case idle = 1
        case inUse
        case disabled
        case fault
    }

    /// One port; numbers beside 1 to 4 stay as they are.
    package struct Port: FieldLayout {
        package var raw: UInt8 = 1
        package var state: State? { State(rawValue: raw) }
        package init() {}
        package init(_ state: State) { raw = state.rawValue }
        package mutating func walk<Walk: FieldWalk>(_ wire: inout Walk) throws(FieldFault) {
            try wire.number(&raw, "state", "") { State(rawValue: $0).map { "\($0)" } }
        }
    }

    package var ports: [Port] = []
    package init() {}
    package init(_ states: [State]) { ports = states.map { Port($0) } }
    package mutating func walk<Walk: FieldWalk>(_ wire: inout Walk) throws(FieldFault) { try wire.counted(&ports, "ports", most: 240) }
}

/// 02 request.
package struct EE66Start: FieldLayout {
    package var port: UInt8 = 1
    package var reserved: UInt16 = 0
    /// Minutes or 0.01 kWh, as the board is set.
    package var amount: UInt16 = 0
    package init() {}
    package init(port: UInt8, amount: UInt16) { (self.port, self.amount) = (port, amount) }
    package mutating func walk<Walk: FieldWalk>(_ wire: inout Walk) throws(FieldFault) {
        try wire.number(&port, "port")
        try wire.number(&reserved, "reserved")
        try wire.number(&amount, "amount", "min or 0.01 kWh")
    }
}

/// 02 answer.
package struct EE66PortResult: FieldLayout {
    package var port: UInt8 = 1
    /// 1 done, 2 failed.
    package var result: UInt8 = 1
    package init() {}
    package init(port: UInt8, isDone: Bool) { (self.port, result) = (port, isDone ? 1 : 2) }
    package var isDone: Bool { result == 1 }
    package mutating func walk<Walk: FieldWalk>(_ wire: inout Walk) throws(FieldFault) {
        try wire.number(&port, "port")
        try wire.number(&result, "result", "") { [1: "done", 2: "failed"][$0] }
    }
}

/// 03: coins were put in.
package struct EE66Coins: FieldLayout {
    package var yuan: UInt8 = 0
    package var port: UInt8 = 1
    package init() {}
    package mutating func walk<Walk: FieldWalk>(_ wire: inout Walk) throws(FieldFault) {
        try wire.number(&yuan, "coins", "yuan")
        try wire.number(&port, "port")
    }
}

/// 05 request: a charge has ended.
package struct EE66End: FieldLayout {
    package enum Reason: UInt8, Sendable, Hashable, CaseIterable {
        case usedUp = 0
        case user, full, fault, overPower, cardRefund, noCharger
    }

    /// What follows where a card had paid.
    package struct Card: Sendable, Hashable {
        /// 8 hexadecimal digits.
        package var card: String
        /// 0.1 yuan
        package var refund: UInt8
        package var type: UInt16
        package init(card: String, refund: UInt8, type: UInt16) { (self.card, self.refund, self.type) = (card, refund, type) }
    }

    package var port: UInt8 = 1
    /// Minutes or 0.01 kWh that are left; FFFF: give everything back.
    package var remaining: UInt16 = 0
    package var rawReason: UInt8 = 0
    package var card: Card?
    package var reason: Reason? { Reason(rawValue: rawReason) }

    package init() {}
    package init(port: UInt8, remaining: UInt16, reason: Reason, card: Card? = nil) {
        self.port = port
        self.remaining = remaining
        rawReason = reason.rawValue
        self.card = card
    }

    package mutating func walk<Walk: FieldWalk>(_ wire: inout Walk) throws(FieldFault) {
        try wire.number(&port, "port")
        try wire.number(&remaining, "remaining", "min or 0.01 kWh") { $0 == .max ? "give everything back" : nil }
        try wire.number(&rawReason, "reason", "") { Reason(rawValue: $0).map { "\($0)" } }
        guard wire.isReading ? wire.left >= 7 : card != nil || wire.isGiven("card") else { return }
        var part = card ?? Card(card: "00000000", refund: 0, type: 0)
        try wire.digits(&part.card, 4, "card")
        try wire.number(&part.refund, "refund", "0.1 yuan")
        try wire.number(&part.type, "card_type")
        card = part
    }
}

/// 06 answer.
package struct EE66PortStatus: FieldLayout {
    package var port: UInt8 = 1
    /// Minutes or 0.01 kWh.
    package var remaining: UInt16 = 0
    /// 0.1 W
    package var power: UInt16 = 0
    package init() {}
    package init(port: UInt8, remaining: UInt16, power: UInt16) { (self.port, self.remaining, self.power) = (port, remaining, power) }
    package mutating func walk<Walk: FieldWalk>(_ wire: inout Walk) throws(FieldFault) {
        try wire.number(&port, "port")
        try wire.number(&remaining, "remaining", "min or 0.01 kWh")
        try wire.number(&power, "power", "0.1 W")
    }
}

/// 07 answer.
package struct EE66Totals: FieldLayout {
    /// 0.1 yuan
    package var cards: UInt16 = 0
    /// yuan
    package var coins: UInt16 = 0
    package init() {}
    package mutating func walk<Walk: FieldWalk>(_ wire: inout Walk) throws(FieldFault) {
        try wire.number(&cards, "card_total", "0.1 yuan")
        try wire.number(&coins, "coin_total", "yuan")
    }
}

/// 08 request.
package struct EE66Prices: FieldLayout {
    /// W
    package var powerLimit: UInt16 = 0
    /// 0.1 yuan
    package var cardPrice: UInt8 = 0
    /// Minutes for one, two and three coins, as the examples suggest; the document only says three numbers per coin.
    package var coins: [UInt16] = [0, 0, 0]
    package init() {}
    package mutating func walk<Walk: FieldWalk>(_ wire: inout Walk) throws(FieldFault) {
        try wire.number(&powerLimit, "power_limit", "W")
        try wire.number(&cardPrice, "card_price", "0.1 yuan")
        while coins.count < 3 { coins.append(0) }
        for index in 0..<3 { try wire.number(&coins[index], "coin\(index + 1)") }
    }
}

/// 09 request: which means of payment the board takes.
package struct EE66Enable: FieldLayout {
    package var coin = true
    package var card = true
    package init() {}
    package mutating func walk<Walk: FieldWalk>(_ wire: inout Walk) throws(FieldFault) {
        try wire.flag(&coin, "coin")
        try wire.flag(&card, "card")
    }
}

/// 0B answer.
package struct EE66Remaining: FieldLayout {
    package var port: UInt8 = 1
    /// Minutes or 0.01 kWh.
    package var remaining: UInt16 = 0
    package init() {}
    package init(port: UInt8, remaining: UInt16) { (self.port, self.remaining) = (port, remaining) }
    package mutating func walk<Walk: FieldWalk>(_ wire: inout Walk) throws(FieldFault) {
        try wire.number(&port, "port")
        try wire.number(&remaining, "remaining", "min or 0.01 kWh")
    }
}

/// 0C answer: 08 with two bytes more; the example lacks them.
package struct EE66BoardSettings: FieldLayout {
    package var prices = EE66Prices()
    /// `nil` where the frame ends before them.
    package var ends: EE66Ends?
    package init() {}
    package mutating func walk<Walk: FieldWalk>(_ wire: inout Walk) throws(FieldFault) {
        try prices.walk(&wire)
        guard wire.isReading ? wire.left >= 2 : ends != nil || wire.isGiven("refund") else { return }
        var refund = ends?.refunds ?? false
        var stops = ends?.stopsWhenFull ?? false
        try wire.flag(&refund, "refund")
        try wire.flag(&stops, "stop_when_full")
        var both = EE66Ends()
        (both.refunds, both.stopsWhenFull) = (refund, stops)
        ends = both
    }
}

/// 13 request.
package struct EE66Ends: FieldLayout {
    package var stopsWhenFull = false
    package var refunds = false
    package init() {}
    package mutating func walk<Walk: FieldWalk>(_ wire: inout Walk) throws(FieldFault) {
        try wire.flag(&stopsWhenFull, "stop_when_full")
        try wire.flag(&refunds, "refund")
    }
}

/// 0D request.
package struct EE66PortFault: FieldLayout {
    /// FF: all.
    package var port: UInt8 = 0xff
    /// 1 output, 2 total power, 3 supply.
    package var code: UInt8 = 1
    package init() {}
    package init(port: UInt8, code: UInt8) { (self.port, self.code) = (port, code) }
    package mutating func walk<Walk: FieldWalk>(_ wire: inout Walk) throws(FieldFault) {
        try wire.number(&port, "port", "") { $0 == 0xff ? "all" : nil }
        try wire.number(&code, "code", "") { [1: "output", 2: "total power", 3: "supply"][$0] }
    }
}

/// 14 request and 15 answer: five steps of power.
package struct EE66Tiers: FieldLayout {
    package struct Tier: FieldLayout {
        /// W
        package var power: UInt16 = 0
        /// 10 %
        package var ratio: UInt8 = 10
        package init() {}
        package mutating func walk<Walk: FieldWalk>(_ wire: inout Walk) throws(FieldFault) {
            try wire.number(&power, "power", "W")
            try wire.number(&ratio, "ratio", "10 %")
        }
    }

    package var tiers = Array(repeating: Tier(), count: 5)
    package init() {}
    package mutating func walk<Walk: FieldWalk>(_ wire: inout Walk) throws(FieldFault) { try wire.list(&tiers, count: 5, "tiers") }
}

/// 24 answer.
package struct EE66AllPorts: FieldLayout {
    package struct Number: FieldLayout {
        package var value: UInt16 = 0
        package init() {}
        package mutating func walk<Walk: FieldWalk>(_ wire: inout Walk) throws(FieldFault) { try wire.number(&value, "value") }
    }

    /// No unit is given.
    package var totalCurrent: UInt16 = 0
    /// °C; FF: no sensor.
    package var temperature: UInt8 = 0xff
    package var relays: UInt16 = 0
    /// 10 ports; no unit is given.
    package var powers = Array(repeating: Number(), count: 10)
    /// 10 ports.
    package var minutes = Array(repeating: Number(), count: 10)
    package init() {}
    package mutating func walk<Walk: FieldWalk>(_ wire: inout Walk) throws(FieldFault) {
        try wire.number(&totalCurrent, "total_current")
        try wire.number(&temperature, "temperature", "°C") { $0 == 0xff ? "no sensor" : nil }
        try wire.number(&relays, "relays")
        try wire.list(&powers, count: 10, "powers")
        try wire.list(&minutes, count: 10, "minutes")
    }
}
