/// 20, at power-up and after any change of these fields, until it is answered. Real devices end it before `powerBoardFirmware`.
package struct DNYRegistration: DNYPayload {
    package static let section = "4.5"
    /// Hundredths: 640 is V6.40.
    package var firmware: UInt16 = 0
    package var portCount: UInt8 = 0
    /// The address on RS-485 or LoRa; 0 for none.
    package var virtualID: UInt8 = 0
    package var deviceType = DNYDeviceType(rawValue: 0)
    package var workMode = DNYWorkMode(rawValue: 0)
    /// 0 for no power board.
    package var powerBoardFirmware: UInt16?
    package var rest: [UInt8] = []

    package init() {}

    package mutating func walk<Walk: FieldWalk>(_ wire: inout Walk) throws(FieldFault) {
        try wire.versionNumber(&firmware)
        try wire.number(&portCount, "port_count")
        try wire.number(&virtualID, "virtual_id")
        try wire.code(&deviceType, "device_type")
        try wire.code(&workMode, "work_mode")
        try wire.appended(&powerBoardFirmware, "power_board_firmware")
        try wire.rest(&rest)
    }
}

/// 21, every 180 s.
package struct DNYHeartbeat: DNYPayload {
    package static let section = "4.5"
    /// 0.1 V
    package var voltageDecivolts: UInt16 = 0
    /// One for each port, at most 255.
    package var portStates: [DNYPortState] = []
    /// Of the radio between slave and host; 0 for a wire.
    package var signal: UInt8?
    package var temperature: DNYTemperature?
    package var rest: [UInt8] = []

    package init() {}

    package mutating func walk<Walk: FieldWalk>(_ wire: inout Walk) throws(FieldFault) {
        try wire.number(&voltageDecivolts, "voltage", "0.1 V")
        var count = UInt8(clamping: portStates.count)
        try wire.number(&count, "port_count")
        portStates = portStates.resized(to: Int(count), filling: .idle)
        try wire.codes(&portStates, DNYPortNames.states)
        try wire.appended(&signal, "signal")
        try wire.appendedCode(&temperature, "temperature")
        try wire.rest(&rest)
    }
}

/// 01. A device sends it beside 21 and stops when nobody has answered it three times after power-up.
package struct DNYOldHeartbeat: DNYPayload {
    package static let section = "4.5"
    package var firmware: UInt16 = 0
    /// 0.1 V
    package var voltageDecivolts: UInt16 = 0
    package var portStates: [DNYPortState] = []
    /// 0.1 W, one for each port.
    package var powersDeciwatts: [UInt16] = []
    /// 0.1 W, one for each port.
    package var peakPowersDeciwatts: [UInt16] = []
    package var virtualID: UInt8?
    package var signal: UInt8?
    package var deviceType: DNYDeviceType?
    package var temperature: DNYTemperature?
    package var workMode: DNYWorkMode?
    package var rest: [UInt8] = []

    package init() {}

    package mutating func walk<Walk: FieldWalk>(_ wire: inout Walk) throws(FieldFault) {
        try wire.versionNumber(&firmware)
        try wire.number(&voltageDecivolts, "voltage", "0.1 V")
        var count = UInt8(clamping: portStates.count)
        try wire.number(&count, "port_count")
        portStates = portStates.resized(to: Int(count), filling: .idle)
        powersDeciwatts = powersDeciwatts.resized(to: Int(count), filling: 0)
        peakPowersDeciwatts = peakPowersDeciwatts.resized(to: Int(count), filling: 0)
        try wire.codes(&portStates, DNYPortNames.states)
        try wire.numbers(&powersDeciwatts, DNYPortNames.powers, "0.1 W")
        try wire.numbers(&peakPowersDeciwatts, DNYPortNames.peaks, "0.1 W")
        try wire.appended(&virtualID, "virtual_id")
        try wire.appended(&signal, "signal")
        try wire.appendedCode(&deviceType, "device_type")
        try wire.appendedCode(&temperature, "temperature")
        try wire.appendedCode(&workMode, "work_mode")
        try wire.rest(&rest)
    }
}

/// 06, a report of a charge that runs: nominally every 5 minutes, at its start and near its end. Never answered, never sent again.
package struct DNYPowerHeartbeat: DNYPayload {
    package static let section = "4.5"
    /// From 0.
    package var port: UInt8 = 0
    package var state = DNYChargeState.charging
    package var durationSeconds: UInt16 = 0
    /// Of the order so far, 0.01 kWh.
    package var energyCentikWh: UInt16 = 0
    package var starter = DNYStarter.server
    /// 0.1 W, now.
    package var powerDeciwatts: UInt16 = 0
    /// 0.1 W, of the period.
    package var maximumPowerDeciwatts: UInt16 = 0
    package var minimumPowerDeciwatts: UInt16 = 0
    package var averagePowerDeciwatts: UInt16 = 0
    package var order = DNYOrder.none
    /// Of the period, 1/4800; for debugging.
    package var periodEnergy: UInt16?
    package var peakPowerDeciwatts: UInt16?
    package var voltageDecivolts: UInt16?
    package var currentMilliamperes: UInt16?
    package var ambientTemperature: DNYTemperature?
    package var portTemperature: DNYTemperature?
    /// Unix seconds; real devices end the frame with it.
    package var deviceTime: UInt32?
    package var occupiedMinutes: UInt16?
    package var rest: [UInt8] = []

    package init() {}

    package mutating func walk<Walk: FieldWalk>(_ wire: inout Walk) throws(FieldFault) {
        try wire.port(&port)
        try wire.code(&state, "state")
        try wire.number(&durationSeconds, "duration", "s")
        try wire.number(&energyCentikWh, "energy", "0.01 kWh")
        try wire.code(&starter, "started_by")
        try wire.number(&powerDeciwatts, "power", "0.1 W")
        try wire.number(&maximumPowerDeciwatts, "maximum_power", "0.1 W")
        try wire.number(&minimumPowerDeciwatts, "minimum_power", "0.1 W")
        try wire.number(&averagePowerDeciwatts, "average_power", "0.1 W")
        try wire.order(&order)
        try wire.appended(&periodEnergy, "period_energy", "1/4800")
        try wire.appended(&peakPowerDeciwatts, "peak_power", "0.1 W")
        try wire.appended(&voltageDecivolts, "voltage", "0.1 V")
        try wire.appended(&currentMilliamperes, "current", "mA")
        try wire.appendedCode(&ambientTemperature, "ambient_temperature")
        try wire.appendedCode(&portTemperature, "port_temperature")
        try wire.appendedTime(&deviceTime)
        try wire.appended(&occupiedMinutes, "occupied_time", "min")
        try wire.rest(&rest)
    }
}
