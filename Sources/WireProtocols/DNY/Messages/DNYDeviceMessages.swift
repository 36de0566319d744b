/// 02, a card at a reader. With a real port and the account state `ok` the server must then send 82.
package struct DNYCardSwipe: DNYPayload {
    package static let section = "4.5"
    /// As printed on the card, in decimal.
    package var card: UInt32 = 0
    package var kind = DNYCardKind.old
    /// From 0; FF only asks for the balance.
    package var port: UInt8 = 0
    /// 0.01 yuan on the card; withdrawn.
    package var balanceFen: UInt16?
    /// Unix seconds, for debugging.
    package var deviceTime: UInt32?
    /// A second number, of 16 bytes on social-security cards.
    package var secondNumber: [UInt8]?
    package var rest: [UInt8] = []

    package init() {}

    package mutating func walk<Walk: FieldWalk>(_ wire: inout Walk) throws(FieldFault) {
        try wire.card(&card, "card")
        try wire.code(&kind, "card_kind")
        try wire.port(&port)
        try wire.appended(&balanceFen, "card_balance", "0.01 yuan")
        try wire.appendedTime(&deviceTime)
        var size = secondNumber.map { UInt8(clamping: $0.count) }
        try wire.appended(&size, "second_number_size", "bytes")
        if let size {
            var number = secondNumber ?? []
            try wire.octets(&number, Int(size), "second_number")
            secondNumber = number
        }
        try wire.rest(&rest)
    }
}

/// The answer to 02.
package struct DNYCardAnswer: DNYPayload {
    package static let section = "4.5"
    package var card: UInt32 = 0
    package var state = DNYAccountState.ok
    package var rateMode = DNYRateMode.time
    /// 0.01 yuan, or the end of a plan in Unix seconds.
    package var balanceOrExpiry: UInt32 = 0
    package var port: UInt8 = 0
    package var rest: [UInt8] = []

    package init() {}

    package mutating func walk<Walk: FieldWalk>(_ wire: inout Walk) throws(FieldFault) {
        try wire.card(&card, "card")
        try wire.code(&state, "account_state")
        try wire.code(&rateMode, "rate_mode")
        try wire.balanceOrExpiry(&balanceOrExpiry)
        try wire.port(&port)
        try wire.rest(&rest)
    }
}

/// The answer to 22 and 12.
package struct DNYTime: DNYPayload {
    package static let section = "4.5"
    /// Seconds since 1970, UTC.
    package var unixSeconds: UInt32 = 0
    package var rest: [UInt8] = []

    package init() {}
    package init(unixSeconds: UInt32) { self.unixSeconds = unixSeconds }

    package mutating func walk<Walk: FieldWalk>(_ wire: inout Walk) throws(FieldFault) {
        try wire.time(&unixSeconds)
        try wire.rest(&rest)
    }
}

/// One byte, the answer to most commands.
package struct DNYAnswer: DNYPayload {
    package static let section = "4.4"
    package var result = DNYResult.ok
    package var rest: [UInt8] = []

    package init() {}
    package init(_ result: DNYResult) { self.result = result }

    package mutating func walk<Walk: FieldWalk>(_ wire: inout Walk) throws(FieldFault) {
        try wire.code(&result, "result")
        try wire.rest(&rest)
    }
}

/// A command without data, and one whose data nobody has described.
package struct DNYBare: DNYPayload {
    package static let section = "4.4"
    package var rest: [UInt8] = []

    package init() {}
    package init(_ rest: [UInt8]) { self.rest = rest }

    package mutating func walk<Walk: FieldWalk>(_ wire: inout Walk) throws(FieldFault) { try wire.rest(&rest) }
}

/// 42.
package struct DNYAlarm: DNYPayload {
    package static let section = "4.5"
    package var kind = DNYAlarmKind(rawValue: 0)
    /// A port from 0, or an address on RS-485.
    package var place: UInt8 = 0
    /// Bits.
    package var triggers: UInt8 = 0
    package var rest: [UInt8] = []

    package init() {}

    package mutating func walk<Walk: FieldWalk>(_ wire: inout Walk) throws(FieldFault) {
        try wire.code(&kind, "alarm_kind")
        try wire.number(&place, "port_or_address")
        try wire.number(&triggers, "triggers", "bits")
        try wire.rest(&rest)
    }
}

/// 41, doors and fans of a cabinet.
package struct DNYCabinetState: DNYPayload {
    package static let section = "4.5"
    package var count: UInt8 = 0
    /// Bits.
    package var doors: UInt32 = 0
    /// Bits.
    package var fans: UInt32 = 0
    package var rest: [UInt8] = []

    package init() {}

    package mutating func walk<Walk: FieldWalk>(_ wire: inout Walk) throws(FieldFault) {
        try wire.number(&count, "count")
        try wire.number(&doors, "doors", "bits")
        try wire.number(&fans, "fans", "bits")
        try wire.rest(&rest)
    }
}

/// 44.
package struct DNYPortPush: DNYPayload {
    package static let section = "4.5"
    package var kind = DNYPortPushKind.doorNotShut
    package var port: UInt8 = 0
    package var order = DNYOrder.none
    package var rest: [UInt8] = []

    package init() {}

    package mutating func walk<Walk: FieldWalk>(_ wire: inout Walk) throws(FieldFault) {
        try wire.code(&kind, "push_kind")
        try wire.port(&port)
        try wire.order(&order)
        try wire.rest(&rest)
    }
}
