/// 83, and the answer to 90. Defaults are the vendor's.
package struct DNYChargeParameters: DNYPayload {
    package static let section = "4.7"
    /// 0.1 W; below it a charger counts as unplugged.
    package var unplugPowerDeciwatts: UInt16 = 3
    package var unplugSeconds: UInt16 = 10
    /// Percent of the maximum power.
    package var floatPercent: UInt8 = 20
    package var floatDetectSeconds: UInt16? = 1_800
    package var floatSeconds: UInt16? = 3_600
    package var heartbeatSeconds: UInt16? = 180
    package var rest: [UInt8] = []

    package init() {}

    package mutating func walk<Walk: FieldWalk>(_ wire: inout Walk) throws(FieldFault) {
        try wire.number(&unplugPowerDeciwatts, "unplug_power", "0.1 W")
        try wire.number(&unplugSeconds, "unplug_time", "s")
        try wire.number(&floatPercent, "float_share", "%")
        try wire.appended(&floatDetectSeconds, "float_detect_time", "s")
        try wire.appended(&floatSeconds, "float_time", "s")
        try wire.appended(&heartbeatSeconds, "heartbeat_interval", "s")
        try wire.rest(&rest)
    }
}

/// 84, and the answer to 91. Defaults are the vendor's; a device that has an older edition sends fewer.
package struct DNYDetectionParameters: DNYPayload {
    package static let section = "4.7"
    /// 0.1 W above the average.
    package var dynamicOverloadDeciwatts: UInt16 = 800
    package var dynamicDetectSeconds: UInt16 = 30
    package var dynamicStartSeconds: UInt16 = 1_800
    package var unplugNoiseDeciwatts: UInt8? = 10
    package var unplugNoiseSeconds: UInt16? = 300
    package var secondFloatPointSeconds: UInt16? = 10_800
    package var secondFloatDetectSeconds: UInt16? = 300
    package var minimumPowerDeciwatts: UInt16? = 300
    package var judgePointSeconds: UInt16? = 1_800
    package var secondMaximumPointSeconds: UInt16? = 300
    /// °C
    package var ambientAlarm: UInt8? = 80
    /// °C
    package var portAlarm: UInt8? = 80
    /// 0 is on.
    package var optoUnplugCheck: UInt8? = 0
    package var lamp: UInt8? = 1
    package var rest: [UInt8] = []

    package init() {}

    package mutating func walk<Walk: FieldWalk>(_ wire: inout Walk) throws(FieldFault) {
        try wire.number(&dynamicOverloadDeciwatts, "dynamic_overload", "0.1 W")
        try wire.number(&dynamicDetectSeconds, "dynamic_detect_time", "s")
        try wire.number(&dynamicStartSeconds, "dynamic_start_time", "s")
        try wire.appended(&unplugNoiseDeciwatts, "unplug_noise_power", "0.1 W")
        try wire.appended(&unplugNoiseSeconds, "unplug_noise_time", "s")
        try wire.appended(&secondFloatPointSeconds, "second_float_point", "s")
        try wire.appended(&secondFloatDetectSeconds, "second_float_detect_time", "s")
        try wire.appended(&minimumPowerDeciwatts, "minimum_power", "0.1 W")
        try wire.appended(&judgePointSeconds, "judge_point", "s")
        try wire.appended(&secondMaximumPointSeconds, "second_maximum_point", "s")
        try wire.appended(&ambientAlarm, "ambient_alarm", "°C")
        try wire.appended(&portAlarm, "port_alarm", "°C")
        try wire.appended(&optoUnplugCheck, "opto_unplug_check") { $0 == 0 ? "on" : "off" }
        try wire.appended(&lamp, "lamp")
        try wire.rest(&rest)
    }
}

/// 85, and the answer to 92. The answer 1 to 85 says that the power is above the device's own limit.
package struct DNYLimits: DNYPayload {
    package static let section = "4.7"
    package var maximumSeconds: UInt16 = 36_000
    /// 0.1 W; devices have 2000 W or 3500 W.
    package var overloadPowerDeciwatts: UInt16 = 20_000
    /// 0.1 V, since 2024-08.
    package var overVoltageDecivolts: UInt16?
    /// 0.1 V, since 2024-08.
    package var underVoltageDecivolts: UInt16?
    package var rest: [UInt8] = []

    package init() {}

    package mutating func walk<Walk: FieldWalk>(_ wire: inout Walk) throws(FieldFault) {
        try wire.number(&maximumSeconds, "maximum_time", "s")
        try wire.number(&overloadPowerDeciwatts, "overload_power", "0.1 W")
        try wire.appended(&overVoltageDecivolts, "over_voltage", "0.1 V")
        try wire.appended(&underVoltageDecivolts, "under_voltage", "0.1 V")
        try wire.rest(&rest)
    }
}

/// 86, and the answer to 93.
package struct DNYCardKeys: DNYPayload {
    package static let section = "4.7"
    package var sector: UInt8 = 0
    /// 6 bytes as 12 hexadecimal digits.
    package var userKey = "159185191880"
    package var newCardKey = "ffffffffffff"
    package var rest: [UInt8] = []

    package init() {}

    package mutating func walk<Walk: FieldWalk>(_ wire: inout Walk) throws(FieldFault) {
        try wire.number(&sector, "sector")
        try wire.digits(&userKey, 6, "user_card_key")
        try wire.digits(&newCardKey, 6, "new_card_key")
        try wire.rest(&rest)
    }
}

/// 8B, reads from a device's EEPROM.
package struct DNYMemoryRead: DNYPayload {
    package static let section = "4.7"
    package var address: UInt16 = 0
    /// 1 to 32 bytes.
    package var size: UInt8 = 0
    package var rest: [UInt8] = []

    package init() {}

    package mutating func walk<Walk: FieldWalk>(_ wire: inout Walk) throws(FieldFault) {
        try wire.number(&address, "address")
        try wire.number(&size, "size", "bytes")
        try wire.rest(&rest)
    }
}

/// The answer to 8B.
package struct DNYMemoryContent: DNYPayload {
    package static let section = "4.4"
    package var result = DNYResult.ok
    package var content: [UInt8] = []

    package init() {}

    package mutating func walk<Walk: FieldWalk>(_ wire: inout Walk) throws(FieldFault) {
        try wire.code(&result, "result")
        try wire.rest(&content, "content")
    }
}

/// 8C, writes into a device's EEPROM.
package struct DNYMemoryWrite: DNYPayload {
    package static let section = "4.7"
    package var address: UInt16 = 0
    /// At most 32 bytes.
    package var content: [UInt8] = []
    package var rest: [UInt8] = []

    package init() {}

    package mutating func walk<Walk: FieldWalk>(_ wire: inout Walk) throws(FieldFault) {
        try wire.number(&address, "address")
        var size = UInt8(clamping: content.count)
        try wire.number(&size, "size", "bytes")
        try wire.octets(&content, Int(size), "content")
        try wire.rest(&rest)
    }
}

/// One byte that sets something: 8D the work mode (0 network, 1 card), 8F the card mode (0 time, 1 count, 3 energy, 4 fixed, 5 home, 6 free
/// choice), 96 how many seconds a device shows where it is, 97 whether it is mute.
package struct DNYSetting: DNYPayload {
    package static let section = "4.7"
    package var value: UInt8 = 0
    package var rest: [UInt8] = []

    package init() {}
    package init(_ value: UInt8) { self.value = value }

    package mutating func walk<Walk: FieldWalk>(_ wire: inout Walk) throws(FieldFault) {
        try wire.number(&value, "value")
        try wire.rest(&rest)
    }
}

/// 98.
package struct DNYFunction: DNYPayload {
    package static let section = "4.7"
    /// 0 opens a cabinet's door by force.
    package var function: UInt8 = 0
    package var port: UInt8 = 0
    package var rest: [UInt8] = []

    package init() {}

    package mutating func walk<Walk: FieldWalk>(_ wire: inout Walk) throws(FieldFault) {
        try wire.number(&function, "function", "") { $0 == 0 ? "force the door open" : nil }
        try wire.port(&port)
        try wire.rest(&rest)
    }
}

/// 8E, the address behind the QR code on a screen.
package struct DNYQuickResponseAddress: DNYPayload {
    package static let section = "4.7"
    package var mainScreen: UInt8 = 0
    package var reserved = "000000"
    /// At most 71 characters.
    package var address = ""
    package var rest: [UInt8] = []

    package init() {}

    package mutating func walk<Walk: FieldWalk>(_ wire: inout Walk) throws(FieldFault) {
        try wire.number(&mainScreen, "main_screen")
        try wire.digits(&reserved, 3, "reserved")
        try wire.text(&address, 72, "address")
        try wire.rest(&rest)
    }
}

/// 95, a QR code that is shown for some time.
package struct DNYTemporaryCode: DNYPayload {
    package static let section = "4.7"
    /// At most 200 characters.
    package var text = ""
    package var rest: [UInt8] = []

    package init() {}

    package mutating func walk<Walk: FieldWalk>(_ wire: inout Walk) throws(FieldFault) {
        try wire.text(&text, 200, "text")
        try wire.rest(&rest)
    }
}
