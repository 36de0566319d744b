import GRDB
import LabCore

/// A command for a device.
struct DeviceCommand: Sendable, Equatable {
    /// `queued` until it is handed to the broker, `sent` until the device answers or the time is over.
    enum State: String, Sendable, CaseIterable {
        case queued, sent, done, failed, expired
    }

    var id: String
    var device: String
    var command: String
    var module: String?
    /// JSON of a record.
    var parameters: String?
    var state: State
    var result: String?
    var reason: String?

    /// The payload of `command` (badge-protocol.md, "MQTT").
    func payload(timestamp: String) -> [UInt8] {
        var fields: Fields = ["command_id": .text(id), "command": .text(command)]
        if let module { fields["module"] = .text(module) }
        if let parameters { fields["parameters"] = (try? JSONReader.read(parameters)) ?? .null }
        fields["timestamp"] = .text(timestamp)
        return JSONWriter.bytes(.record(fields))
    }
}

/// The commands of devices in the database.
enum CommandStore {
    /// Commands that may wait for one device at a time.
    static let maximumOpen = 100

    static func insert(_ command: DeviceCommand, at now: Int64, expiresAt: Int64, in db: Database) throws {
        try db.execute(
            cached: """
                INSERT INTO commands (command_id, device_id, command, module, parameters, state, created_at, expires_at)
                VALUES (?,?,?,?,?,?,?,?)
                """,
            command.id, command.device, command.command, command.module, command.parameters, command.state.rawValue, now, expiresAt)
    }

    static func find(_ id: String, in db: Database) throws -> DeviceCommand? {
        try Row.fetchOne(db, cached: "SELECT * FROM commands WHERE command_id = ?", arguments: [id]).map(command)
    }

    /// Those that wait, in the order in which they were given.
    static func open(of device: String, includingSent: Bool, in db: Database) throws -> [DeviceCommand] {
        let states = includingSent ? "'queued', 'sent'" : "'queued'"
        return try Row.fetchAll(
            db, cached: "SELECT * FROM commands WHERE device_id = ? AND state IN (\(states)) ORDER BY id", arguments: [device]
        ).map(command)
    }

    /// How many commands of a device are in a state.
    static func count(of device: String, _ state: DeviceCommand.State, in db: Database) throws -> Int64 {
        try Int64.fetchOne(
            db, cached: "SELECT count(*) FROM commands WHERE device_id = ? AND state = ?", device, state.rawValue) ?? 0
    }

    static func markSent(_ ids: [String], at now: Int64, in db: Database) throws {
        for id in ids {
            try db.execute(cached: "UPDATE commands SET state = 'sent', sent_at = ? WHERE command_id = ? AND state = 'queued'", now, id)
        }
    }

    /// - Returns: whether it was open; a second answer changes nothing.
    static func finish(
        _ id: String, state: DeviceCommand.State, result: String?, reason: String?, at now: Int64, in db: Database
    ) throws -> Bool {
        try db.execute(
            cached: """
                UPDATE commands SET state = ?, result = ?, reason = ?, finished_at = ? WHERE command_id = ? AND state IN ('queued', 'sent')
                """, state.rawValue, result, reason, now, id)
        return db.changesCount == 1
    }

    /// Ends those whose time is over.
    static func expire(at now: Int64, in db: Database) throws -> [DeviceCommand] {
        let commands = try Row.fetchAll(
            db, cached: "SELECT * FROM commands WHERE state IN ('queued', 'sent') AND expires_at <= ? ORDER BY id", arguments: [now]
        ).map(command)
        for command in commands {
            _ = try finish(command.id, state: .expired, result: nil, reason: nil, at: now, in: db)
        }
        return commands
    }

    /// Unix milliseconds of the next end; `nil` where no command waits.
    static func nextExpiry(in db: Database) throws -> Int64? {
        try Int64.fetchOne(db, cached: "SELECT min(expires_at) FROM commands WHERE state IN ('queued', 'sent')")
    }

    private static func command(_ row: Row) -> DeviceCommand {
        DeviceCommand(
            id: row["command_id"], device: row["device_id"], command: row["command"], module: row["module"], parameters: row["parameters"],
            state: DeviceCommand.State(rawValue: row["state"]) ?? .failed, result: row["result"], reason: row["reason"])
    }
}
