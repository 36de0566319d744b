import GRDB
import LabCore

/// The configuration of devices in the database.
///
/// Every change of one key has its own version, counted per device from 1. `configs` holds what the cloud wants;
/// `config_changes` holds how each version fared. A device is never sent a version while an older one is unanswered,
/// because it takes newer versions only: what it jumped over it would never take.
enum ConfigurationStore {
    enum State: String, Sendable { case pending, applied, rejected, superseded }

    struct Versioned: Sendable, Equatable {
        var change: ConfigurationChange
        var version: Int64
    }

    /// What a device is to be sent next.
    struct Push: Sendable, Equatable {
        var changes: [ConfigurationChange]
        /// The version that the device answers with.
        var version: Int64
    }

    /// Wants a value; the same value again changes nothing, unless the device had rejected it.
    ///
    /// - Returns: the new version, `nil` where nothing changed.
    /// - Throws: `CONFIGURATION_INVALID` at the bound of keys or when a key lies within another.
    static func change(_ change: ConfigurationChange, of device: String, at now: Int64, in db: Database) throws -> Int64? {
        if let row = try Row.fetchOne(
            db,
            cached: """
                SELECT c.config_value, c.config_type, h.state FROM configs c
                JOIN config_changes h ON h.device_id = c.device_id AND h.version = c.version WHERE c.device_id = ? AND c.config_key = ?
                """, arguments: [device, change.key])
        {
            if row[0] == change.value.text, row[1] == change.value.type.rawValue, row[2] != State.rejected.rawValue { return nil }
        } else {
            try checkRoom(for: change.key, of: device, in: db)
        }
        let version = try nextVersion(of: device, in: db)
        try db.execute(
            cached: "UPDATE config_changes SET state = 'superseded', settled_at = ? WHERE device_id = ? AND config_key = ? AND state = 'pending'",
            now, device, change.key)
        try db.execute(
            cached: "INSERT INTO config_changes (device_id, version, config_key, config_value, config_type, state, created_at) VALUES (?,?,?,?,?,?,?)",
            device, version, change.key, change.value.text, change.value.type.rawValue, State.pending.rawValue, now)
        try db.execute(
            cached: """
                INSERT INTO configs (device_id, module_name, config_key, config_value, config_type, created_at, updated_at, version)
                VALUES (?,?,?,?,?,?,?,?) ON CONFLICT (device_id, config_key) DO UPDATE SET module_name = excluded.module_name,
                config_value = excluded.config_value, config_type = excluded.config_type, updated_at = excluded.updated_at, version = excluded.version
                """, device, change.module, change.key, change.value.text, change.value.type.rawValue, now, now, version)
        try db.execute(
            cached: "UPDATE devices SET config_version = ?, updated_at = ? WHERE device_id = ?", version, now, device)
        return version
    }

    /// Gives every key a new version, if the device had any of them.
    ///
    /// A device that registers again has lost its flash, and with it its configuration. The broker may still hold a
    /// version for it from before; taking that one first, the device would never take the older ones.
    static func renumber(_ device: String, at now: Int64, in db: Database) throws {
        let reported = try Int64.fetchOne(db, cached: "SELECT reported_config_version FROM devices WHERE device_id = ?", device) ?? 0
        guard reported > 0 else { return }
        let rows = try Row.fetchAll(
            db,
            cached: """
                SELECT c.config_key, c.config_value, c.config_type, c.version FROM configs c
                JOIN config_changes h ON h.device_id = c.device_id AND h.version = c.version
                WHERE c.device_id = ? AND h.state <> 'rejected' ORDER BY c.version
                """, arguments: [device])
        for row in rows {
            let version = try nextVersion(of: device, in: db)
            try db.execute(
                cached: "UPDATE config_changes SET state = 'superseded', settled_at = ? WHERE device_id = ? AND version = ? AND state = 'pending'",
                now, device, row[3] as Int64)
            try db.execute(
                cached: "INSERT INTO config_changes (device_id, version, config_key, config_value, config_type, state, created_at) VALUES (?,?,?,?,?,?,?)",
                device, version, row[0] as String, row[1] as String, row[2] as String, State.pending.rawValue, now)
            try db.execute(
                cached: "UPDATE configs SET version = ? WHERE device_id = ? AND config_key = ?", version, device, row[0] as String)
            try db.execute(cached: "UPDATE devices SET config_version = ? WHERE device_id = ?", version, device)
        }
        try db.execute(cached: "UPDATE devices SET reported_config_version = 0 WHERE device_id = ?", device)
    }

    /// A device may name a higher version than the cloud remembers, after the cloud was set up anew.
    private static func nextVersion(of device: String, in db: Database) throws -> Int64 {
        try Int64.fetchOne(
            db, cached: "SELECT max(config_version, reported_config_version) + 1 FROM devices WHERE device_id = ?", device) ?? 1
    }

    private static func checkRoom(for key: String, of device: String, in db: Database) throws {
        let keys = try String.fetchAll(db, cached: "SELECT config_key FROM configs WHERE device_id = ? ORDER BY config_key", arguments: [device])
        guard keys.count < ConfigurationRules.maximumKeys else {
            throw APIError(.configurationInvalid, "A device may have \(ConfigurationRules.maximumKeys) keys at most.", details: ["field": .text(key)])
        }
        if let other = keys.first(where: { ConfigurationRules.overlap($0, key) }) {
            throw APIError(
                .configurationInvalid, "'\(key)' and the key '\(other)' of the device lie within each other.",
                details: ["field": .text(key), "other": .text(other)])
        }
    }

    /// The next change that the device does not have; in the Quectel form all of them at once.
    static func next(for device: String, form: DeviceForm, in db: Database) throws -> Push? {
        let rows = try Row.fetchAll(
            db,
            cached: """
                SELECT c.config_key, c.config_value, c.config_type, c.module_name, c.version FROM configs c
                JOIN devices d ON d.device_id = c.device_id
                JOIN config_changes h ON h.device_id = c.device_id AND h.version = c.version
                WHERE c.device_id = ? AND c.version > d.reported_config_version AND h.state <> 'rejected' ORDER BY c.version LIMIT ?
                """, arguments: [device, form == .luna ? 1 : ConfigurationRules.maximumKeys])
        guard let last = rows.last else { return nil }
        return Push(changes: rows.map(change), version: last[4])
    }

    private static func change(_ row: Row) -> ConfigurationChange {
        let type = ConfigurationType(rawValue: row[2]) ?? .string
        return ConfigurationChange(key: row[0], value: ConfigurationValue(type: type, text: row[1]), module: row[3])
    }

    // MARK: What devices answer

    struct Settled: Sendable, Equatable {
        var version: Int64
        var key: String
        var state: State
    }

    /// The device says which version it has: all older ones have reached it, no newer one is there any more.
    ///
    /// - Parameter isLower: whether a lower version than before is believed: a status says what is in the flash
    ///   and may do so after a factory reset; an acknowledgement may simply be late.
    static func reported(_ version: Int64, of device: String, mayLower isLower: Bool, at now: Int64, in db: Database) throws -> [Settled] {
        let known = try Int64.fetchOne(db, cached: "SELECT reported_config_version FROM devices WHERE device_id = ?", device) ?? 0
        if version == known || (version < known && !isLower) { return [] }
        try db.execute(cached: "UPDATE devices SET reported_config_version = ? WHERE device_id = ?", version, device)
        if version < known {
            try db.execute(
                cached: """
                    UPDATE config_changes SET state = 'pending', settled_at = NULL WHERE device_id = ? AND version > ? AND state = 'applied'
                    AND version IN (SELECT version FROM configs WHERE device_id = ?)
                    """, device, version, device)
            return []
        }
        let rows = try Row.fetchAll(
            db, cached: "SELECT version, config_key FROM config_changes WHERE device_id = ? AND version <= ? AND state = 'pending' ORDER BY version",
            arguments: [device, version])
        try db.execute(
            cached: "UPDATE config_changes SET state = 'applied', settled_at = ? WHERE device_id = ? AND version <= ? AND state = 'pending'",
            now, device, version)
        return rows.map { Settled(version: $0[0], key: $0[1], state: .applied) }
    }

    /// The device does not take a version; in the Quectel form all that came with it.
    static func rejected(_ version: Int64, of device: String, form: DeviceForm, reason: String?, at now: Int64, in db: Database) throws -> [Settled] {
        let condition = form == .luna ? "version = ?" : "version <= ? AND version > (SELECT reported_config_version FROM devices WHERE device_id = config_changes.device_id)"
        let rows = try Row.fetchAll(
            db, cached: "SELECT version, config_key FROM config_changes WHERE device_id = ? AND \(condition) AND state = 'pending' ORDER BY version",
            arguments: [device, version])
        for row in rows {
            try db.execute(
                cached: "UPDATE config_changes SET state = 'rejected', reason = ?, settled_at = ? WHERE device_id = ? AND version = ?",
                reason, now, device, row[0] as Int64)
        }
        return rows.map { Settled(version: $0[0], key: $0[1], state: .rejected) }
    }

    // MARK: Looking

    /// `{key: {value, type}}`, by key.
    static func values(of device: String, in db: Database) throws -> Fields {
        let rows = try Row.fetchAll(
            db, cached: "SELECT config_key, config_value, config_type FROM configs WHERE device_id = ? ORDER BY config_key", arguments: [device])
        var values = Fields()
        for row in rows {
            let value = ConfigurationValue(type: ConfigurationType(rawValue: row[2]) ?? .string, text: row[1])
            values[row[0]] = ["value": value.native, "type": .text(value.type.rawValue)]
        }
        return values
    }

    /// One key as it is stored, with the fate of its newest version; `nil` where it was never set.
    static func entry(_ key: String, of device: String, in db: Database) throws -> Fields? {
        guard let row = try Row.fetchOne(
            db,
            cached: """
                SELECT c.config_value, c.config_type, c.version, h.state, h.reason FROM configs c
                JOIN config_changes h ON h.device_id = c.device_id AND h.version = c.version WHERE c.device_id = ? AND c.config_key = ?
                """, arguments: [device, key])
        else { return nil }
        var fields: Fields = [
            "value": .text(row[0]), "type": .text(row[1]), "version": .integer(row[2]), "state": .text(row[3]),
        ]
        if let reason: String = row[4] { fields["reason"] = .text(reason) }
        return fields
    }

    static func state(of version: Int64, device: String, in db: Database) throws -> String? {
        try String.fetchOne(db, cached: "SELECT state FROM config_changes WHERE device_id = ? AND version = ?", device, version)
    }
}
