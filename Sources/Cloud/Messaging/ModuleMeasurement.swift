import GRDB
import LabCore

/// What a module measures: its cell and its temperature (badge-protocol.md, "Modules").
///
/// The fields keep the values as they came, in the order of `kinds`; only those are there that the module told.
enum ModuleMeasurement {
    private static let ranges: [(name: String, range: ClosedRange<Double>)] = [
        ("cellular_signal", -150...0), ("rsrp", -180...0), ("rsrq", -60...30), ("sinr", -60...60),
    ]
    private static let maximumTextBytes = 64

    /// The radio access technologies that a cell can have.
    enum RadioAccess: String, CaseIterable {
        case standalone = "NR5G-SA"
        case nonStandalone = "NR5G-NSA"
        case lte = "LTE"
        case wcdma = "WCDMA"
    }

    /// The fields, for events, answers and queries.
    static let kinds = [
        FieldKind("cellular_signal", .number, unit: "dBm"), FieldKind("rsrp", .number, unit: "dBm"), FieldKind("rsrq", .number, unit: "dB"),
        FieldKind("sinr", .number, unit: "dB"), FieldKind("rat", .choice(RadioAccess.allCases.map(\.rawValue))),
        FieldKind("operator", .text),
        FieldKind("band", .text), FieldKind("temperature", .number, unit: "°C"),
    ]

    /// What a heartbeat or status says of them; `nil` where it says nothing.
    static func read(_ record: TelemetryRecord) throws(TelemetryRefusal) -> Fields? {
        var fields = Fields()
        for (name, range) in ranges where try record.number(name, in: range) != nil { fields[name] = record.fields[name] }
        if record.fields["rat"] != nil { fields["rat"] = .text(try record.choice("rat", RadioAccess.self).rawValue) }
        for name in ["operator", "band"] {
            if let text = try record.text(name, maximum: maximumTextBytes) { fields[name] = .text(text) }
        }
        if try record.number("temperature", in: -100...300) != nil { fields["temperature"] = record.fields["temperature"] }
        return fields.isEmpty ? nil : fields
    }

    /// What it says of the cell, without the temperature; `nil` where that is nothing.
    static func cell(in measurement: Fields?) -> Fields? {
        guard var cell = measurement else { return nil }
        cell["temperature"] = nil
        return cell.isEmpty ? nil : cell
    }

    /// Whether a status says that the module has no network.
    static func hasNoNetwork(_ information: Fields) -> Bool {
        guard let network = information["modules"]?.record?["network"]?.text else { return false }
        return network != "home" && network != "roaming"
    }
}

/// The measurements of modules in the database: all of them, and the newest with the device.
enum MeasurementStore {
    /// Adds a measurement and makes it the newest; a cell stays the newest one if this has the temperature only.
    ///
    /// - Parameters:
    ///   - device: `devices.id`
    ///   - time: Unix milliseconds
    static func insert(_ measurement: Fields, of device: Int64, at time: Int64, in db: Database) throws {
        let statement = try db.cachedStatement(
            sql: """
                INSERT INTO module_measurements (device, received_at, cellular_signal, rsrp, rsrq, sinr, rat, operator, band, temperature)
                VALUES (?,?,?,?,?,?,?,?,?,?)
                """)
        let values = ModuleMeasurement.kinds.map { kind -> (any DatabaseValueConvertible)? in
            measurement[kind.name].flatMap { $0.text ?? $0.asNumber }
        }
        try statement.execute(arguments: StatementArguments([device, time] + values))
        let text = ModuleMeasurement.cell(in: measurement).map { cell in
            JSONWriter.text(.record(cell.merging(["signal_at": .text(Timestamp.text(unixSeconds: time / 1000))])))
        }
        try db.execute(
            cached: "UPDATE devices SET cell = coalesce(?, cell), temperature = coalesce(?, temperature) WHERE id = ?",
            text, measurement["temperature"]?.asNumber, device)
    }

    /// The module has no cell any more.
    static func endCell(of device: String, in db: Database) throws {
        try db.execute(cached: "UPDATE devices SET cell = NULL WHERE device_id = ?", device)
    }

    /// How many measurements of a cell there are, with the weakest and the strongest signal in dBm.
    static func signals(of device: Int64, in db: Database) throws -> Fields {
        guard
            let row = try Row.fetchOne(
                db,
                cached: """
                    SELECT count(*), min(cellular_signal), max(cellular_signal) FROM module_measurements
                    WHERE device = ? AND cellular_signal IS NOT NULL
                    """, arguments: [device])
        else { return ["count": 0] }
        var fields: Fields = ["count": .integer(row[0])]
        if let weakest: Double = row[1] { fields["weakest"] = .number(weakest) }
        if let strongest: Double = row[2] { fields["strongest"] = .number(strongest) }
        return fields
    }
}
