/// 0000 from the device: the heartbeat, which is also its login (charging-protocols.md 2.4).
package struct BKVHeartbeat: FieldLayout {
    /// 20 characters.
    package var iccid = ""
    /// `cV.1r46`, `200.1.17`.
    package var firmware = ""
    /// 0 to 31.
    package var signal: UInt8 = 0

    package init() {}
    package init(iccid: String, firmware: String, signal: UInt8) {
        self.iccid = iccid
        self.firmware = firmware
        self.signal = signal
    }

    package mutating func walk<Walk: FieldWalk>(_ wire: inout Walk) throws(FieldFault) {
        try wire.text(&iccid, 20, "iccid")
        try wire.text(&firmware, 8, "firmware")
        try wire.number(&signal, "signal")
    }
}

/// 0000 from the platform: the time, which answers a heartbeat.
package struct BKVClock: FieldLayout {
    package var time = BKVTime(digits: "")

    package init() {}
    package init(_ time: BKVTime) { self.time = time }

    package mutating func walk<Walk: FieldWalk>(_ wire: inout Walk) throws(FieldFault) { try wire.digits(&time.digits, 7, "time") }
}

/// A socket of a gateway: its number and its hardware address (2.1).
package struct BKVSocketEntry: FieldLayout {
    /// 1 to 250.
    package var socket: UInt8 = 0
    /// 12 hexadecimal digits, as on the back of the device.
    package var address = ""

    package init() {}
    package init(socket: UInt8, address: String) {
        self.socket = socket
        self.address = address
    }

    package mutating func walk<Walk: FieldWalk>(_ wire: inout Walk) throws(FieldFault) {
        try wire.number(&socket, "socket")
        try wire.digits(&address, 6, "address")
    }
}

/// 0005/08: replaces the gateway's whole list of sockets (2.5).
package struct BKVSocketList: FieldLayout {
    /// Radio channel, 1 to 15.
    package var channel: UInt8 = 1
    package var sockets: [BKVSocketEntry] = []

    package init() {}
    package init(channel: UInt8 = 1, sockets: [BKVSocketEntry]) {
        self.channel = channel
        self.sockets = sockets
    }

    package mutating func walk<Walk: FieldWalk>(_ wire: inout Walk) throws(FieldFault) {
        try wire.number(&channel, "channel")
        try wire.list(&sockets, count: wire.isReading ? wire.left / 7 : nil, "sockets")
    }
}

/// An answer that is one byte: 1 done, 0 failed.
package struct BKVResult: FieldLayout {
    package var isDone = false

    package init() {}
    package init(isDone: Bool) { self.isDone = isDone }

    package mutating func walk<Walk: FieldWalk>(_ wire: inout Walk) throws(FieldFault) {
        try wire.flag(&isDone, "result") { $0 ? "done" : "failed" }
    }
}

/// A message that only names a socket: 0015/1D, 0005/13.
package struct BKVSocketNumber: FieldLayout {
    package var socket: UInt8 = 1

    package init() {}
    package init(_ socket: UInt8) { self.socket = socket }

    package mutating func walk<Walk: FieldWalk>(_ wire: inout Walk) throws(FieldFault) { try wire.number(&socket, "socket") }
}

/// 0005/03: thresholds in the older form (2.5; only the second platform knows it).
package struct BKVThresholds: FieldLayout {
    package var socket: UInt8 = 1
    /// Sent as 0.
    package var reserved: UInt8 = 0
    /// s
    package var fullDelay: UInt16 = 0
    /// s
    package var noLoadDelay: UInt16 = 0
    /// 0.1 W
    package var fullPower: UInt16 = 0
    /// 0.1 W
    package var noLoadPower: UInt16 = 0
    /// °C
    package var highTemperature: UInt8 = 0

    package init() {}

    package mutating func walk<Walk: FieldWalk>(_ wire: inout Walk) throws(FieldFault) {
        try wire.number(&socket, "socket")
        try wire.number(&reserved, "reserved")
        try wire.number(&fullDelay, "full_delay", "s")
        try wire.number(&noLoadDelay, "no_load_delay", "s")
        try wire.number(&fullPower, "full_power", "0.1 W")
        try wire.number(&noLoadPower, "no_load_power", "0.1 W")
        try wire.number(&highTemperature, "high_temperature", "°C")
    }
}

/// 0005/06: limits of a port; nobody says in what units (2.5).
package struct BKVPortLimits: FieldLayout {
    package var socket: UInt8 = 1
    package var port: UInt8 = 0
    package var maximumCurrent: UInt16 = 0
    package var maximumPower: UInt16 = 0

    package init() {}

    package mutating func walk<Walk: FieldWalk>(_ wire: inout Walk) throws(FieldFault) {
        try wire.number(&socket, "socket")
        try wire.number(&port, "port")
        try wire.number(&maximumCurrent, "maximum_current")
        try wire.number(&maximumPower, "maximum_power")
    }
}

/// 0007: the device fetches a file by FTP; it answers nothing that is documented (2.8).
package struct BKVUpgrade: FieldLayout {
    /// 1: the gateway.
    package var target: UInt8 = 1
    /// IPv4, 4 bytes.
    package var address: [UInt8] = [0, 0, 0, 0]
    package var port: UInt16 = 21
    /// At most 13 characters.
    package var file = ""

    package init() {}
    package init(target: UInt8 = 1, address: [UInt8], port: UInt16 = 21, file: String) {
        self.target = target
        self.address = address
        self.port = port
        self.file = file
    }

    package mutating func walk<Walk: FieldWalk>(_ wire: inout Walk) throws(FieldFault) {
        try wire.number(&target, "target", "") { $0 == 1 ? "gateway" : nil }
        try wire.octets(&address, 4, "address")
        try wire.number(&port, "port")
        try wire.text(&file, 13, "file")
    }
}
