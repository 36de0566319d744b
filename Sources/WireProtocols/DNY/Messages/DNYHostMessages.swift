/// 11, a host every 30 minutes. Old hosts end it before `imei`.
package struct DNYHostHeartbeat: DNYPayload {
    package static let section = "4.8"
    package var firmware: UInt16 = 0
    package var clockChip = DNYClockChip.none
    /// Unix seconds
    package var time: UInt32 = 0
    /// 0 to 31, 99 for an error; 100 more than that counts the same.
    package var signal: UInt8 = 0
    package var module = DNYModuleKind(rawValue: 0)
    /// 20 characters.
    package var iccid = ""
    package var hostType = DNYHostType(rawValue: 0)
    package var frequencyMHz: UInt16 = 0
    /// 15 characters.
    package var imei: String?
    /// At most 24 characters.
    package var moduleVersion: String?
    package var rest: [UInt8] = []

    package init() {}

    package mutating func walk<Walk: FieldWalk>(_ wire: inout Walk) throws(FieldFault) {
        try wire.versionNumber(&firmware)
        try wire.code(&clockChip, "clock_chip")
        try wire.time(&time)
        try wire.number(&signal, "signal")
        try wire.code(&module, "module")
        try wire.text(&iccid, 20, "iccid")
        try wire.code(&hostType, "host_type")
        try wire.number(&frequencyMHz, "frequency", "MHz")
        try wire.appendedText(&imei, 15, "imei")
        try wire.appendedText(&moduleVersion, 24, "module_version")
        try wire.rest(&rest)
    }
}

extension FieldWalk {
    fileprivate mutating func appendedText(_ value: inout String?, _ size: Int, _ name: String) throws(FieldFault) {
        guard hasAppended(name, size: size, isGiven: value != nil) else { return }
        var text = value ?? ""
        try self.text(&text, size, name)
        value = text
    }
}

/// 17, a host with a breaker.
package struct DNYHostStatus: DNYPayload {
    package static let section = "4.8"
    package var breaker: UInt8 = 0
    package var temperature = DNYTemperature.noSensor
    /// 0.1 V
    package var voltageDecivolts: UInt16 = 0
    /// 0.01 A
    package var currentCentiamperes: UInt16 = 0
    /// 0.01 kWh
    package var energyCentikWh: UInt32 = 0
    /// 0.01 A
    package var meterCurrentCentiamperes: UInt16?
    /// 0.01 kWh
    package var meterEnergyCentikWh: UInt32?
    package var smoke: UInt8?
    package var alarmRelay: UInt8?
    package var leakageMilliamperes: UInt8?
    package var liveTemperature: DNYTemperature?
    package var neutralTemperature: DNYTemperature?
    package var lock: UInt8?
    package var breakerKind: UInt8?
    package var rest: [UInt8] = []

    package init() {}

    package mutating func walk<Walk: FieldWalk>(_ wire: inout Walk) throws(FieldFault) {
        try wire.number(&breaker, "breaker")
        try wire.code(&temperature, "temperature")
        try wire.number(&voltageDecivolts, "voltage", "0.1 V")
        try wire.number(&currentCentiamperes, "current", "0.01 A")
        try wire.number(&energyCentikWh, "energy", "0.01 kWh")
        try wire.appended(&meterCurrentCentiamperes, "meter_current", "0.01 A")
        try wire.appended(&meterEnergyCentikWh, "meter_energy", "0.01 kWh")
        try wire.appended(&smoke, "smoke")
        try wire.appended(&alarmRelay, "alarm_relay")
        try wire.appended(&leakageMilliamperes, "leakage", "mA")
        try wire.appendedCode(&liveTemperature, "live_temperature")
        try wire.appendedCode(&neutralTemperature, "neutral_temperature")
        try wire.appended(&lock, "lock")
        try wire.appended(&breakerKind, "breaker_kind")
        try wire.rest(&rest)
    }
}

/// 34 sets a host's server; 0A, which never reaches a server, lets a slave do it.
package struct DNYServerAddress: DNYPayload {
    package static let section = "4.8"
    package var port: UInt16 = 0
    package var module = DNYServerModule(rawValue: 0)
    package var usesSocketB: UInt8 = 0
    /// A host name or IP address of at most 46 characters.
    package var address = ""
    package var rest: [UInt8] = []

    package init() {}

    package mutating func walk<Walk: FieldWalk>(_ wire: inout Walk) throws(FieldFault) {
        try wire.number(&port, "server_port")
        try wire.code(&module, "module")
        try wire.number(&usesSocketB, "socket_b")
        try wire.text(&address, 46, "address")
        try wire.rest(&rest)
    }
}

/// 35, the lowest firmware of each type of slave.
package struct DNYSlaveVersions: DNYPayload {
    package struct Slave: FieldLayout {
        package var deviceType = DNYDeviceType(rawValue: 0)
        package var reserved: UInt8 = 0
        package var lowestFirmware: UInt16 = 0
        package var physicalID: UInt32 = 0

        package init() {}

        package mutating func walk<Walk: FieldWalk>(_ wire: inout Walk) throws(FieldFault) {
            try wire.code(&deviceType, "device_type")
            try wire.number(&reserved, "reserved")
            try wire.versionNumber(&lowestFirmware, "lowest_firmware")
            try wire.number(&physicalID, "physical_id", "") { DNYPhysicalID($0).text }
        }
    }

    package static let section = "4.8"
    package var slaves: [Slave] = []
    package var rest: [UInt8] = []

    package init() {}

    package mutating func walk<Walk: FieldWalk>(_ wire: inout Walk) throws(FieldFault) {
        try wire.counted(&slaves, "slaves", most: 255)
        try wire.rest(&rest)
    }
}

/// 3A, frequency and slaves of a host's radio.
package struct DNYRadioParameters: DNYPayload {
    package struct Slave: FieldLayout {
        package var physicalID: UInt32 = 0

        package init() {}

        package mutating func walk<Walk: FieldWalk>(_ wire: inout Walk) throws(FieldFault) {
            try wire.number(&physicalID, "physical_id", "") { DNYPhysicalID($0).text }
        }
    }

    package static let section = "4.8"
    package var frequencyMHz: UInt16 = 0
    package var reserved = "000000"
    package var slaves: [Slave] = []
    package var rest: [UInt8] = []

    package init() {}

    package mutating func walk<Walk: FieldWalk>(_ wire: inout Walk) throws(FieldFault) {
        try wire.number(&frequencyMHz, "frequency", "MHz")
        try wire.digits(&reserved, 3, "reserved")
        try wire.counted(&slaves, "slaves", most: 255)
        try wire.rest(&rest)
    }
}

/// 3B, a host asks for 3A: 30 s after its start and every 2 h.
package struct DNYRadioRequest: DNYPayload {
    package static let section = "4.8"
    package var frequencyMHz: UInt16 = 0
    package var rest: [UInt8] = []

    package init() {}

    package mutating func walk<Walk: FieldWalk>(_ wire: inout Walk) throws(FieldFault) {
        try wire.number(&frequencyMHz, "frequency", "MHz")
        try wire.rest(&rest)
    }
}

/// 00, a host asks one slave on the RS-485 bus. Its physical ID is 0 while the host is online, else the time.
package struct DNYPoll: DNYPayload {
    package static let section = "4.8"
    /// 0 to 49.
    package var virtualID: UInt8 = 0
    package var rest: [UInt8] = []

    package init() {}
    package init(virtualID: UInt8) { self.virtualID = virtualID }

    package mutating func walk<Walk: FieldWalk>(_ wire: inout Walk) throws(FieldFault) {
        try wire.number(&virtualID, "virtual_id")
        try wire.rest(&rest)
    }
}

/// 09, a slave of two ports in its test mode; it never reaches a server.
package struct DNYTestMode: DNYPayload {
    package static let section = "4.4"
    package var portStates = [DNYPortState](repeating: .idle, count: 2)
    /// 0.1 V
    package var voltageDecivolts: UInt16 = 0
    /// 0.1 W
    package var powersDeciwatts: [UInt16] = [0, 0]
    package var rest: [UInt8] = []

    package init() {}

    package mutating func walk<Walk: FieldWalk>(_ wire: inout Walk) throws(FieldFault) {
        try wire.codes(&portStates, DNYPortNames.states)
        try wire.number(&voltageDecivolts, "voltage", "0.1 V")
        try wire.numbers(&powersDeciwatts, DNYPortNames.powers, "0.1 W")
        try wire.rest(&rest)
    }
}
