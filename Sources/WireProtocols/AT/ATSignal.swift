/// `+CSQ`: strength of WCDMA and LTE; 99 on 5G SA is normal (rg500q.md §2.5).
package struct ATSignalQuality: Sendable, Hashable {
    /// dBm, -113 (or less) to -51 (or more); `nil` where it is not known.
    package var dBm: Int?

    package init(answer lines: [String]) throws(ATReadingError) {
        let fields = try ATFields.first("+CSQ", in: lines)
        let level = try fields.requiredWhole(0, "<rssi>", in: 0...199)
        guard (0...31).contains(level) || level == 99 || (100...199).contains(level) else {
            throw fields.wrong(0, "<rssi> is 0 to 31, or 99")
        }
        dBm = level <= 31 ? -113 + 2 * level : nil
    }
}

/// `+QCSQ`: the cell in one line, with other fields in another order for each technology.
package struct ATCellSignal: Sendable, Hashable {
    /// `LTE`, `NR5G`, `WCDMA`; `nil` without service.
    package var access: String?
    /// dBm
    package var rssi: Int?
    /// dBm
    package var rsrp: Int?
    /// dB
    package var sinr: Double?
    /// dB
    package var rsrq: Int?

    package static func read(_ lines: [String]) throws(ATReadingError) -> [ATCellSignal] {
        var found: [ATCellSignal] = []
        for fields in try ATFields.all("+QCSQ", in: lines) { found.append(try ATCellSignal(fields)) }
        return found
    }

    private init(_ fields: ATFields) throws(ATReadingError) {
        let word = try fields.requiredText(0, "<sysmode>")
        if word == "NOSERVICE" { return }
        access = word
        if word.hasPrefix("NR5G") {
            rsrp = fields.reading(1, in: ATRanges.rsrp)
            sinr = fields.reading(2, in: ATRanges.sinr).map(Double.init)
            rsrq = fields.reading(3, in: ATRanges.rsrq)
        } else {
            rssi = fields.reading(1, in: ATRanges.rssi)
            rsrp = fields.reading(2, in: ATRanges.rsrp)
            // 0 to 250 in steps of 0.2 dB.
            sinr = fields.reading(3, in: 0...250).map { Double($0) / 5 - 20 }
            rsrq = fields.reading(4, in: ATRanges.rsrq)
        }
    }
}

/// `+QRSRP`, `+QRSRQ`, `+QSINR`, `+QRSSI`: one value for each antenna and technology.
package struct ATAntennaReadings: Sendable, Hashable {
    /// Main, diversity and the two further ones; `nil` without a reading.
    package var antennas: [Int?]
    /// `LTE`, `NR5G`
    package var access: String

    package static func read(_ name: String, _ lines: [String]) throws(ATReadingError) -> [ATAntennaReadings] {
        var found: [ATAntennaReadings] = []
        for fields in try ATFields.all(name, in: lines) {
            let count = fields.count - 1
            guard (1...8).contains(count) else { throw fields.wrong(fields.count, "readings and a technology are wanted") }
            let antennas = (0..<count).map { fields.reading($0, in: -200...100) }
            found.append(ATAntennaReadings(antennas: antennas, access: try fields.requiredText(count, "<sysmode>")))
        }
        return found
    }
}

/// What measurements can be; values outside are taken for none (rg500q.md §2.5).
enum ATRanges {
    /// dBm
    static let rssi = -150...0
    /// dBm; the documented -140 to -44 with room for what modules show at the edge.
    static let rsrp = -180...0
    /// dB
    static let rsrq = -60...30
    /// dB
    static let sinr = -60...60
}

/// `+QTEMP`: sensors in °C (rg500q.md §2.8).
package struct ATTemperatures: Sendable, Hashable {
    package struct Sensor: Sendable, Hashable {
        package var name: String
        package var celsius: Double
    }

    /// Without the absent ones (-273).
    package var sensors: [Sensor]

    /// Takes `+QTEMP:"sensor","38"`, a line each, and the form of LTE modules, `+QTEMP: 30,28,29`.
    package init(answer lines: [String]) throws(ATReadingError) {
        sensors = []
        for fields in try ATFields.all("+QTEMP", in: lines) {
            if fields.whole(0) != nil {
                for index in 0..<fields.count { add("sensor \(index + 1)", try fields.requiredNumber(index, "the temperature")) }
            } else {
                add(try fields.requiredText(0, "the sensor"), try fields.requiredNumber(1, "the temperature"))
            }
        }
    }

    private mutating func add(_ name: String, _ celsius: Double) {
        if (-100...300).contains(celsius) { sensors.append(Sensor(name: name, celsius: celsius)) }
    }

    /// Sensors that some firmware shows as 0 because they are absent do not matter as long as the module is warmer than that.
    package var hottest: Sensor? { sensors.max { $0.celsius < $1.celsius } }
}
