/// 82, start or stop. The vendor's example has 29 bytes, real servers send 37, the table has 38.
package struct DNYCharge: DNYPayload {
    package static let section = "4.6"
    package var rateMode = DNYRateMode.time
    /// 0.01 yuan, or the end of a plan in Unix seconds; the device only speaks it.
    package var balanceOrExpiry: UInt32 = 0
    /// From 0; FF lets the device choose.
    package var port: UInt8 = 0
    package var action = DNYChargeAction.start
    /// Seconds, or 0.01 kWh in the rate mode energy; 0 is until full.
    package var durationOrEnergy: UInt16 = 0
    package var order = DNYOrder.none
    /// 0 takes the stored setting, by default 10 h.
    package var maximumSeconds: UInt16?
    /// 0.1 W; 0 takes the stored setting.
    package var overloadPowerDeciwatts: UInt16?
    /// 0 on, 1 off.
    package var lamp: UInt8?
    package var longCharge: UInt8?
    /// Seconds; FFFF for no float charge.
    package var floatSeconds: UInt16?
    /// 0 and 1 skip the short-circuit check, 2 does it.
    package var preCheck: UInt8?
    /// 1 to go on without a plug.
    package var ignoresUnplugging: UInt8?
    /// 1 to stop when full in every mode.
    package var stopsWhenFull: UInt8?
    /// 1 W, unlike all other powers; 0 and FF are off.
    package var fullPowerWatts: UInt8?
    package var fullMinutes: UInt8?
    package var rest: [UInt8] = []

    package init() {}

    package mutating func walk<Walk: FieldWalk>(_ wire: inout Walk) throws(FieldFault) {
        try wire.code(&rateMode, "rate_mode")
        try wire.balanceOrExpiry(&balanceOrExpiry)
        try wire.port(&port)
        try wire.code(&action, "action")
        try wire.number(&durationOrEnergy, "duration_or_energy", rateMode == .energy ? "0.01 kWh" : "s") { $0 == 0 ? "until full" : nil }
        try wire.order(&order)
        try wire.appended(&maximumSeconds, "maximum_time", "s") { $0 == 0 ? "as stored" : nil }
        try wire.appended(&overloadPowerDeciwatts, "overload_power", "0.1 W") { $0 == 0 ? "as stored" : nil }
        try wire.appended(&lamp, "lamp") { $0 == 0 ? "on" : "off" }
        try wire.appended(&longCharge, "long_charge")
        try wire.appended(&floatSeconds, "float_time", "s") { $0 == 0xffff ? "no float charge" : nil }
        try wire.appended(&preCheck, "pre_check") { $0 == 2 ? "check for a short circuit" : "none" }
        try wire.appended(&ignoresUnplugging, "ignores_unplugging")
        try wire.appended(&stopsWhenFull, "stops_when_full")
        try wire.appended(&fullPowerWatts, "full_power", "W") { $0 == 0 || $0 == 0xff ? "off" : nil }
        try wire.appended(&fullMinutes, "full_time", "min")
        try wire.rest(&rest)
    }
}

/// The answer to 82. Never answer it: a device takes that for another command.
package struct DNYChargeAnswer: DNYPayload {
    package static let section = "4.6"
    package var result = DNYStartResult.done
    package var order = DNYOrder.none
    package var port: UInt8 = 0
    /// Bits, with the result `severalWait` only.
    package var waitingPorts: UInt16?
    package var rest: [UInt8] = []

    package init() {}

    package mutating func walk<Walk: FieldWalk>(_ wire: inout Walk) throws(FieldFault) {
        try wire.code(&result, "result")
        try wire.order(&order)
        try wire.port(&port)
        try wire.appended(&waitingPorts, "waiting_ports", "bits")
        try wire.rest(&rest)
    }
}

/// 03, the record of a charge that has ended, which a device keeps until it is answered; and 43, a cabinet's charge that is full and not yet
/// settled, with the fields up to the order only.
package struct DNYSettlement: DNYPayload {
    package static let section = "4.5"
    package var durationSeconds: UInt16 = 0
    /// 0.1 W
    package var maximumPowerDeciwatts: UInt16 = 0
    /// 0.01 kWh
    package var energyCentikWh: UInt16 = 0
    /// From 0.
    package var port: UInt8 = 0
    package var starter = DNYStarter.server
    /// The card's number as printed, or the code; 0 for a start by the server.
    package var cardOrCode: UInt32 = 0
    package var stopReason = DNYStopReason(rawValue: 0)
    package var order = DNYOrder.none
    /// 0.1 W, in the first five minutes.
    package var secondMaximumPowerDeciwatts: UInt16?
    /// Unix seconds; real devices end the frame with it. Each resend may carry another one.
    package var deviceTime: UInt32?
    package var occupiedMinutes: UInt16?
    package var rest: [UInt8] = []

    package init() {}

    package mutating func walk<Walk: FieldWalk>(_ wire: inout Walk) throws(FieldFault) {
        try wire.number(&durationSeconds, "duration", "s")
        try wire.number(&maximumPowerDeciwatts, "maximum_power", "0.1 W")
        try wire.number(&energyCentikWh, "energy", "0.01 kWh")
        try wire.port(&port)
        try wire.code(&starter, "started_by")
        try wire.card(&cardOrCode, "card_or_code")
        try wire.code(&stopReason, "stop_reason")
        try wire.order(&order)
        try wire.appended(&secondMaximumPowerDeciwatts, "second_maximum_power", "0.1 W")
        try wire.appendedTime(&deviceTime)
        try wire.appended(&occupiedMinutes, "occupied_time", "min")
        try wire.rest(&rest)
    }
}

/// 8A, changes the time or the energy of a charge that runs.
package struct DNYChange: DNYPayload {
    package static let section = "4.6"
    package var mode = DNYChangeMode.time
    package var port: UInt8 = 0
    /// Seconds, or 0.01 kWh in the mode `energyAndFull`.
    package var value: UInt16 = 0
    package var rest: [UInt8] = []

    package init() {}

    package mutating func walk<Walk: FieldWalk>(_ wire: inout Walk) throws(FieldFault) {
        try wire.code(&mode, "mode")
        try wire.port(&port)
        try wire.number(&value, "value", mode == .energyAndFull ? "0.01 kWh" : "s")
        try wire.rest(&rest)
    }
}

/// The answer to 8A.
package struct DNYChangeAnswer: DNYPayload {
    package static let section = "4.6"
    package var result = DNYChangeResult.done
    package var rest: [UInt8] = []

    package init() {}

    package mutating func walk<Walk: FieldWalk>(_ wire: inout Walk) throws(FieldFault) {
        try wire.code(&result, "result")
        try wire.rest(&rest)
    }
}

/// 04, with which models before June 2019 confirm a start; it may come before the answer to 82.
package struct DNYOrderConfirmation: DNYPayload {
    package static let section = "4.5"
    package var port: UInt8 = 0
    package var starter = DNYStarter.server
    package var card: UInt32 = 0
    package var durationSeconds: UInt16 = 0
    package var order = DNYOrder.none
    package var rest: [UInt8] = []

    package init() {}

    package mutating func walk<Walk: FieldWalk>(_ wire: inout Walk) throws(FieldFault) {
        try wire.port(&port)
        try wire.code(&starter, "started_by")
        try wire.card(&card, "card")
        try wire.number(&durationSeconds, "duration", "s")
        try wire.order(&order)
        try wire.rest(&rest)
    }
}

/// The answer to 04.
package struct DNYOrderConfirmationAnswer: DNYPayload {
    package static let section = "4.5"
    package var port: UInt8 = 0
    package var result = DNYResult.ok
    package var rest: [UInt8] = []

    package init() {}

    package mutating func walk<Walk: FieldWalk>(_ wire: inout Walk) throws(FieldFault) {
        try wire.port(&port)
        try wire.code(&result, "result")
        try wire.rest(&rest)
    }
}

/// 72, stops a charge in a cabinet and keeps its door shut.
package struct DNYCabinetStop: DNYPayload {
    package static let section = "4.7"
    package var port: UInt8 = 0
    package var order = DNYOrder.none
    package var rest: [UInt8] = []

    package init() {}

    package mutating func walk<Walk: FieldWalk>(_ wire: inout Walk) throws(FieldFault) {
        try wire.port(&port)
        try wire.order(&order)
        try wire.rest(&rest)
    }
}

/// The answer to 72.
package struct DNYCabinetStopAnswer: DNYPayload {
    package static let section = "4.4"
    package var result = DNYResult.ok
    package var order = DNYOrder.none
    package var rest: [UInt8] = []

    package init() {}

    package mutating func walk<Walk: FieldWalk>(_ wire: inout Walk) throws(FieldFault) {
        try wire.code(&result, "result")
        try wire.order(&order)
        try wire.rest(&rest)
    }
}
