/// One port in a socket's status, in 1C as well as in 1017 (charging-protocols.md 2.6, 2.9).
package struct BKVPortStatus: FieldLayout {
    /// 0 = A, 1 = B.
    package var port: UInt8 = 0
    package var status = BKVStatus.idle
    /// The device's own number of the charge; 0 for none.
    package var business: UInt16 = 0
    /// 0.1 V
    package var voltage: UInt16 = 0
    /// 0.1 W
    package var power: UInt16 = 0
    /// mA
    package var current: UInt16 = 0
    /// 0.01 kWh of this charge
    package var energy: UInt16 = 0
    package var minutes: UInt16 = 0

    package init() {}

    static let size = 14

    package mutating func walk<Walk: FieldWalk>(_ wire: inout Walk) throws(FieldFault) {
        try wire.number(&port, "port")
        try wire.status(&status)
        try wire.number(&business, "business")
        try wire.number(&voltage, "voltage", "0.1 V")
        try wire.number(&power, "power", "0.1 W")
        try wire.number(&current, "current", "mA")
        try wire.number(&energy, "energy", "0.01 kWh")
        try wire.number(&minutes, "minutes", "min")
    }
}

/// A socket with its ports: 0015/1C, and the container 94 of 1000/1017.
package struct BKVSocketStatus: FieldLayout {
    package var socket: UInt8 = 1
    /// Hexadecimal digits as a number, 5136; FFFF = not known.
    package var firmware: UInt16 = 0xffff
    /// °C
    package var temperature: UInt8 = 0
    package var rssi: UInt8 = 0
    package var ports: [BKVPortStatus] = []

    package init() {}

    package mutating func walk<Walk: FieldWalk>(_ wire: inout Walk) throws(FieldFault) {
        try wire.number(&socket, "socket")
        try wire.firmware(&firmware)
        try wire.number(&temperature, "temperature", "°C")
        try wire.number(&rssi, "rssi")
        try wire.list(&ports, count: wire.isReading ? wire.left / BKVPortStatus.size : nil, "ports")
    }
}

/// 0015/07 from the platform: start or stop, by time or energy. There is no order number (2.6).
package struct BKVStart: FieldLayout {
    package var socket: UInt8 = 1
    package var port: UInt8 = 0
    package var isOn = true
    /// 1 by time, 0 by energy.
    package var isByTime = true
    /// 1 to 900
    package var minutes: UInt16 = 0
    /// Wh
    package var energy: UInt16 = 0

    package init() {}
    package init(socket: UInt8, port: UInt8, minutes: UInt16) {
        (self.socket, self.port, self.minutes) = (socket, port, minutes)
    }
    package init(socket: UInt8, port: UInt8, energy: UInt16) {
        (self.socket, self.port, self.energy, isByTime) = (socket, port, energy, false)
    }
    /// A stop.
    package init(stop socket: UInt8, port: UInt8) {
        (self.socket, self.port, isOn, isByTime) = (socket, port, false, false)
    }

    package mutating func walk<Walk: FieldWalk>(_ wire: inout Walk) throws(FieldFault) {
        try wire.number(&socket, "socket")
        try wire.number(&port, "port")
        try wire.flag(&isOn, "switch") { $0 ? "on" : "off" }
        guard isOn || wire.left > 0 else { return }
        try wire.flag(&isByTime, "mode") { $0 ? "by time" : "by energy" }
        try wire.number(&minutes, "minutes", "min")
        try wire.number(&energy, "energy", "Wh")
    }
}

/// 0015/07 and 17 from the device: the business number, which all later reports name.
package struct BKVStartAnswer: FieldLayout {
    package var isDone = false
    package var socket: UInt8 = 1
    package var port: UInt8 = 0
    package var business: UInt16 = 0

    package init() {}
    package init(isDone: Bool, socket: UInt8, port: UInt8, business: UInt16) {
        (self.isDone, self.socket, self.port, self.business) = (isDone, socket, port, business)
    }

    package mutating func walk<Walk: FieldWalk>(_ wire: inout Walk) throws(FieldFault) {
        try wire.flag(&isDone, "result") { $0 ? "done" : "failed" }
        try wire.number(&socket, "socket")
        try wire.number(&port, "port")
        guard isDone || wire.left >= 2 else { return }
        try wire.number(&business, "business")
    }
}

/// 0015/02 from the device: a charge has ended. The same 17 bytes begin 18 and 0C.
package struct BKVChargeEnd: FieldLayout {
    package var socket: UInt8 = 1
    package var firmware: UInt16 = 0xffff
    /// °C
    package var temperature: UInt8 = 0
    package var rssi: UInt8 = 0
    package var port: UInt8 = 0
    /// The cause of the end.
    package var status = BKVStatus.timeUp
    package var business: UInt16 = 0
    /// 0.1 W, at the time of sending.
    package var power: UInt16 = 0
    /// mA
    package var current: UInt16 = 0
    /// 0.01 kWh
    package var energy: UInt16 = 0
    package var minutes: UInt16 = 0

    package init() {}

    package mutating func walk<Walk: FieldWalk>(_ wire: inout Walk) throws(FieldFault) {
        try wire.number(&socket, "socket")
        try wire.firmware(&firmware)
        try wire.number(&temperature, "temperature", "°C")
        try wire.number(&rssi, "rssi")
        try wire.number(&port, "port")
        try wire.number(&status.rawValue, "status", "") { raw in
            let status = BKVStatus(rawValue: raw)
            return "\(hexadecimal(raw)): \(status.text); end by \(status.endCause.rawValue)"
        }
        try wire.number(&business, "business")
        try wire.number(&power, "power", "0.1 W")
        try wire.number(&current, "current", "mA")
        try wire.number(&energy, "energy", "0.01 kWh")
        try wire.number(&minutes, "minutes", "min")
    }
}

/// A step of the price by power: up to this power, this price buys these minutes.
package struct BKVPowerTier: FieldLayout {
    /// 0.1 W, the upper limit.
    package var power: UInt16 = 0
    /// 0.01 yuan
    package var price: UInt16 = 0
    package var minutes: UInt16 = 0

    package init() {}
    package init(power: UInt16, price: UInt16, minutes: UInt16) { (self.power, self.price, self.minutes) = (power, price, minutes) }

    package mutating func walk<Walk: FieldWalk>(_ wire: inout Walk) throws(FieldFault) {
        try wire.number(&power, "power", "0.1 W")
        try wire.number(&price, "price", "0.01 yuan")
        try wire.number(&minutes, "minutes", "min")
    }
}

/// Minutes that were spent in one tier.
package struct BKVTierMinutes: FieldLayout {
    package var minutes: UInt16 = 0

    package init() {}
    package init(_ minutes: UInt16) { self.minutes = minutes }

    package mutating func walk<Walk: FieldWalk>(_ wire: inout Walk) throws(FieldFault) { try wire.number(&minutes, "minutes", "min") }
}

/// 0015/17 from the platform: start by power tiers.
package struct BKVPowerStart: FieldLayout {
    package var socket: UInt8 = 1
    package var port: UInt8 = 0
    package var isOn = true
    /// 0.01 yuan
    package var amount: UInt16 = 0
    /// At most 5.
    package var tiers: [BKVPowerTier] = []

    package init() {}

    package mutating func walk<Walk: FieldWalk>(_ wire: inout Walk) throws(FieldFault) {
        try wire.number(&socket, "socket")
        try wire.number(&port, "port")
        try wire.flag(&isOn, "switch") { $0 ? "on" : "off" }
        guard isOn || wire.left > 0 else { return }
        try wire.number(&amount, "amount", "0.01 yuan")
        try wire.counted(&tiers, "tiers", most: 5)
    }
}

/// 0015/18 from the device: the end of a charge by power.
package struct BKVPowerEnd: FieldLayout {
    package var end = BKVChargeEnd()
    package var year: UInt16 = 0
    package var month: UInt8 = 0
    package var day: UInt8 = 0
    package var hour: UInt8 = 0
    package var minute: UInt8 = 0
    package var second: UInt8 = 0
    /// Only 02 has been seen; there is no public table.
    package var reason: UInt8 = 0
    /// 0.01 yuan, the sum over the tiers.
    package var amount: UInt16 = 0
    /// 0.1 W, the highest of the charge.
    package var settlePower: UInt16 = 0
    package var tiers: [BKVTierMinutes] = []

    package init() {}

    package mutating func walk<Walk: FieldWalk>(_ wire: inout Walk) throws(FieldFault) {
        try end.walk(&wire)
        try wire.number(&year, "end_year")
        try wire.number(&month, "end_month")
        try wire.number(&day, "end_day")
        try wire.number(&hour, "end_hour")
        try wire.number(&minute, "end_minute")
        try wire.number(&second, "end_second")
        try wire.number(&reason, "reason")
        try wire.number(&amount, "amount", "0.01 yuan")
        try wire.number(&settlePower, "settle_power", "0.1 W")
        try wire.counted(&tiers, "tiers", most: 255)
    }
}

/// `socket 01`: the platform's acknowledgement of 02, 0C, 18 and 1C.
package struct BKVAcknowledgement: FieldLayout {
    package var socket: UInt8 = 1
    package var isDone = true

    package init() {}
    package init(socket: UInt8, isDone: Bool = true) { (self.socket, self.isDone) = (socket, isDone) }

    package mutating func walk<Walk: FieldWalk>(_ wire: inout Walk) throws(FieldFault) {
        try wire.number(&socket, "socket")
        try wire.flag(&isDone, "result") { $0 ? "done" : "failed" }
    }
}

/// A window of the day for sounds.
package struct BKVSoundPeriod: FieldLayout {
    package var startHour: UInt8 = 0
    package var startMinute: UInt8 = 0
    package var endHour: UInt8 = 0
    package var endMinute: UInt8 = 0

    package init() {}

    package mutating func walk<Walk: FieldWalk>(_ wire: inout Walk) throws(FieldFault) {
        try wire.number(&startHour, "start_hour")
        try wire.number(&startMinute, "start_minute")
        try wire.number(&endHour, "end_hour")
        try wire.number(&endMinute, "end_minute")
    }
}

/// 0015/1B from the platform: when the device may make a noise.
package struct BKVSound: FieldLayout {
    /// 254 for all.
    package var socket: UInt8 = 254
    package var port: UInt8 = 0
    package var buzzer = true
    package var voice = true
    /// At most 2.
    package var periods: [BKVSoundPeriod] = []

    package init() {}

    package mutating func walk<Walk: FieldWalk>(_ wire: inout Walk) throws(FieldFault) {
        try wire.number(&socket, "socket")
        try wire.number(&port, "port")
        try wire.flag(&buzzer, "buzzer")
        try wire.flag(&voice, "voice")
        try wire.counted(&periods, "periods", most: 2)
    }
}

/// `socket port result`: 1B and 0F from the device.
package struct BKVPortResult: FieldLayout {
    package var socket: UInt8 = 1
    package var port: UInt8 = 0
    package var isDone = true

    package init() {}
    package init(socket: UInt8, port: UInt8, isDone: Bool = true) { (self.socket, self.port, self.isDone) = (socket, port, isDone) }

    package mutating func walk<Walk: FieldWalk>(_ wire: inout Walk) throws(FieldFault) {
        try wire.number(&socket, "socket")
        try wire.number(&port, "port")
        try wire.flag(&isDone, "result") { $0 ? "done" : "failed" }
    }
}

extension FieldWalk {
    mutating func status(_ status: inout BKVStatus) throws(FieldFault) {
        try number(&status.rawValue, "status", "") { "\(hexadecimal($0)): \(BKVStatus(rawValue: $0).text)" }
    }

    mutating func firmware(_ firmware: inout UInt16) throws(FieldFault) {
        try number(&firmware, "firmware", "") { $0 == .max ? "not known" : hexadecimal($0) }
    }
}
