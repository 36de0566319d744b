import GRDB
import LabCore

/// Writes what devices sent. Called within one transaction for a whole batch.
enum TelemetryStore {
    /// What a report leads to, once it is committed.
    enum Consequence: Sendable, Equatable {
        case note(CloudNote)
        /// The device answered a version of its configuration; the next one may be sent.
        case answered(device: Int, version: Int64)
        /// The device said where it stands; what it misses is sent.
        case described(device: Int, isFirst: Bool)
        case refused(device: Int, TelemetryRefusal)
        /// The device said which firmware it runs.
        case runs(device: Int, version: String, isConfirmed: Bool)
    }

    // MARK: Heartbeats

    /// Rows in one statement, largest first: running a statement costs more than adding a row to it.
    private static let groups = [100, 10, 1]
    private static let heartbeatInserts = groups.map { size in
        (size, "INSERT INTO heartbeats VALUES " + Array(repeating: "(?,?,?,?,?,?,?)", count: size).joined(separator: ","))
    }
    private static let deviceUpdates = groups.map { size in
        (
            size,
            "UPDATE devices SET status = v.column2, last_heartbeat = v.column3, heartbeats = v.column4 FROM (VALUES "
                + Array(repeating: "(?,?,?,?)", count: size).joined(separator: ",") + ") AS v WHERE devices.id = v.column1"
        )
    }

    static func insert(_ rows: [HeartbeatRow], in db: Database) throws {
        try inGroups(rows, statements: heartbeatInserts, columns: 7, in: db) { row, values in
            values.append(row.device)
            values.append(row.receivedAt)
            values.append(row.heartbeat.timestamp.map { $0 * 1000 })
            values.append(row.heartbeat.status)
            values.append(row.heartbeat.cpuUsage)
            values.append(row.heartbeat.memoryUsage)
            values.append(row.heartbeat.temperature)
        }
        for row in rows {
            guard let measurement = row.heartbeat.measurement else { continue }
            try MeasurementStore.insert(measurement, of: row.device, at: row.receivedAt, in: db)
        }
    }

    /// Presence and last heartbeat, once a device however many heartbeats the batch has of it.
    static func update(_ changes: [DeviceChange], in db: Database) throws {
        try inGroups(changes, statements: deviceUpdates, columns: 4, in: db) { change, values in
            values.append(change.row)
            values.append(change.presence.rawValue)
            values.append(change.lastHeartbeat)
            values.append(change.heartbeats)
        }
    }

    private static func inGroups<Element>(
        _ elements: [Element], statements: [(size: Int, sql: String)], columns: Int, in db: Database,
        append: (Element, inout [(any DatabaseValueConvertible)?]) -> Void
    ) throws {
        var index = 0
        for (size, sql) in statements where elements.count - index >= size {
            let statement = try db.cachedStatement(sql: sql)
            while elements.count - index >= size {
                // GRDB takes an array of one type through a key path, at several times the price.
                var values: [(any DatabaseValueConvertible)?] = []
                values.reserveCapacity(size * columns)
                for element in elements[index..<index + size] { append(element, &values) }
                statement.setUncheckedArguments(StatementArguments(values))
                try statement.execute()
                index += size
            }
        }
    }

    // MARK: Reports

    static func apply(_ report: TelemetryReport, in db: Database) throws -> [Consequence] {
        switch report.content {
        case .log(let entry):
            try insert(entry, of: report, in: db)
            return []
        case .status(let status, let isFirst): return try apply(status, isFirst: isFirst, of: report, in: db)
        case .configurationAck(let ack): return try apply(ack, of: report, in: db)
        case .commandResult(let result): return try apply(result, of: report, in: db)
        }
    }

    private static func insert(_ entry: LogEntry, of report: TelemetryReport, in db: Database) throws {
        try db.execute(
            cached: """
                INSERT INTO error_logs (device_id, error_code, error_level, error_message, error_details, module_name, occurred_at)
                VALUES (?,?,?,?,?,?,?)
                """,
            report.id, entry.code ?? "", entry.level.rawValue, entry.message, entry.details, entry.module,
            entry.timestamp.map { $0 * 1000 } ?? report.receivedAt)
    }

    private static func apply(_ status: StatusReport, isFirst: Bool, of report: TelemetryReport, in db: Database) throws -> [Consequence] {
        if status.firmware != nil || !status.information.isEmpty {
            try db.execute(
                cached: """
                    UPDATE devices SET software_version = coalesce(?, software_version), device_info = coalesce(?, device_info), updated_at = ?
                    WHERE device_id = ?
                    """,
                status.firmware, status.information.isEmpty ? nil : JSONWriter.text(.record(status.information)), report.receivedAt, report.id)
        }
        if let measurement = status.measurement, let row = try DeviceStore.find(report.id, in: db)?.row {
            try MeasurementStore.insert(measurement, of: row, at: report.receivedAt, in: db)
        }
        if ModuleMeasurement.hasNoNetwork(status.information), ModuleMeasurement.cell(in: status.measurement) == nil {
            try MeasurementStore.endCell(of: report.id, in: db)
        }
        var consequences: [Consequence] = []
        if let version = status.configVersion {
            let settled = try ConfigurationStore.reported(version, of: report.id, mayLower: true, at: report.receivedAt, in: db)
            consequences = notes(of: settled, device: report.id, reason: nil)
        }
        if let version = status.firmware, let isConfirmed = status.isConfirmed {
            consequences.append(.runs(device: report.device, version: version, isConfirmed: isConfirmed))
        }
        if status.presence == .online { consequences.append(.described(device: report.device, isFirst: isFirst)) }
        return consequences
    }

    private static func apply(_ ack: ConfigurationAck, of report: TelemetryReport, in db: Database) throws -> [Consequence] {
        let newest = try Int64.fetchOne(
            db, cached: "SELECT max(config_version, reported_config_version) FROM devices WHERE device_id = ?", report.id) ?? 0
        guard ack.version <= newest else { return [.refused(device: report.device, TelemetryRefusal(.unknownVersion, field: "config_version"))] }
        let settled = switch ack.status {
        case .applied:
            try ConfigurationStore.reported(ack.version, of: report.id, mayLower: false, at: report.receivedAt, in: db)
        case .rejected:
            try ConfigurationStore.rejected(ack.version, of: report.id, form: report.form, reason: ack.reason, at: report.receivedAt, in: db)
        }
        return notes(of: settled, device: report.id, reason: ack.reason) + [.answered(device: report.device, version: ack.version)]
    }

    private static func notes(of settled: [ConfigurationStore.Settled], device: String, reason: String?) -> [Consequence] {
        settled.map { change in
            var fields: Fields = ["device": .text(device), "version": .integer(change.version), "key": .text(change.key)]
            if let reason { fields["reason"] = .text(reason) }
            return .note(CloudNote(change.state == .rejected ? "config.rejected" : "config.confirmed", fields))
        }
    }

    private static func apply(_ result: CommandResult, of report: TelemetryReport, in db: Database) throws -> [Consequence] {
        guard let command = try CommandStore.find(result.command, in: db), command.device == report.id else {
            return [.refused(device: report.device, TelemetryRefusal(.unknownCommand, field: "command_id"))]
        }
        let state: DeviceCommand.State = result.status == .done ? .done : .failed
        let isNews = try CommandStore.finish(
            command.id, state: state, result: result.result, reason: result.reason, at: report.receivedAt, in: db)
        return isNews ? [.note(CommandNotes.finished(command, state: state, result: result.result, reason: result.reason))] : []
    }
}

/// The events of commands.
enum CommandNotes {
    static func sent(_ command: DeviceCommand, isRepeated: Bool) -> CloudNote {
        var fields = names(command)
        if isRepeated { fields["repeated"] = true }
        return CloudNote("command.sent", fields)
    }

    static func finished(_ command: DeviceCommand, state: DeviceCommand.State, result: String?, reason: String?) -> CloudNote {
        var fields = names(command)
        fields["status"] = .text(state.rawValue)
        if let result { fields["result"] = (try? JSONReader.read(result)) ?? .text(result) }
        if let reason { fields["reason"] = .text(reason) }
        return CloudNote("command.finished", fields)
    }

    static func names(_ command: DeviceCommand) -> Fields {
        var fields: Fields = ["device": .text(command.device), "command_id": .text(command.id), "command": .text(command.command)]
        if let module = command.module { fields["module"] = .text(module) }
        return fields
    }
}

// MARK: Looking

extension TelemetryStore {
    /// How many log entries there are, and the last of them.
    static func logs(of device: String?, level: String?, in db: Database) throws -> Fields {
        let condition = "(?1 IS NULL OR device_id = ?1) AND (?2 IS NULL OR error_level = ?2)"
        let arguments: StatementArguments = [device, level]
        let count = try Int64.fetchOne(db, cached: "SELECT count(*) FROM error_logs WHERE \(condition)", device, level) ?? 0
        var fields: Fields = ["count": .integer(count)]
        if let row = try Row.fetchOne(
            db, cached: "SELECT error_level, module_name, error_message FROM error_logs WHERE \(condition) ORDER BY id DESC LIMIT 1",
            arguments: arguments)
        {
            var last: Fields = ["level": .text(row[0])]
            if let module: String = row[1] { last["module"] = .text(module) }
            last["message"] = .text(row[2])
            fields["last"] = .record(last)
        }
        return fields
    }

    /// How many heartbeats there are; of one device, as its row counts them.
    static func heartbeats(of device: String?, in db: Database) throws -> Int64 {
        if let device {
            return try Int64.fetchOne(db, cached: "SELECT heartbeats FROM devices WHERE device_id = ?", device) ?? 0
        }
        return try Int64.fetchOne(db, cached: "SELECT count(*) FROM heartbeats") ?? 0
    }
}
