import Foundation
import GRDB
import LabCore

/// Versions, their files, and the roots, in the database.
enum VersionStore {
    static func find(_ number: String, type: String, tenant: String, in db: Database) throws -> VersionRecord? {
        return try VersionRecord.fetchOne(
            db,
            cached: "SELECT \(VersionRecord.columns) FROM versions WHERE tenant = ? AND device_type = ? AND version_number = ?",
            tenant, type, VersionRecord.canonical(number))
    }

    static func find(_ row: Int64, in db: Database) throws -> VersionRecord? {
        try VersionRecord.fetchOne(db, cached: "SELECT \(VersionRecord.columns) FROM versions WHERE id = ?", row)
    }

    /// - Throws: `VERSION_NOT_FOUND`.
    static func known(_ number: String, type: String, tenant: String, in db: Database) throws -> VersionRecord {
        guard let version = try find(number, type: type, tenant: tenant, in: db) else {
            throw APIError(.versionNotFound, details: ["version": .text(number), "device_type": .text(type)])
        }
        return version
    }

    /// All of one tenant, in the order in which they were made.
    static func all(tenant: String, in db: Database) throws -> [VersionRecord] {
        try VersionRecord.fetchAll(db, cached: "SELECT \(VersionRecord.columns) FROM versions WHERE tenant = ? ORDER BY id", tenant)
    }

    static func page(
        _ page: Int, limit: Int, channel: String?, type: String?, tenant: String, in db: Database
    ) throws -> (items: [VersionRecord], total: Int) {
        let condition = "tenant = ? AND (? IS NULL OR version_type = ?) AND (? IS NULL OR device_type = ?)"
        let total = try Int.fetchOne(db, cached: "SELECT count(*) FROM versions WHERE \(condition)", tenant, channel, channel, type, type) ?? 0
        let rows = try VersionRecord.fetchAll(
            db, cached: "SELECT \(VersionRecord.columns) FROM versions WHERE \(condition) ORDER BY id DESC LIMIT ? OFFSET ?",
            tenant, channel, channel, type, type, limit, (page - 1) * limit)
        return (rows, total)
    }

    static func insert(_ draft: VersionDraft, tenant: String, at now: Int64, in db: Database) throws -> VersionRecord {
        if try find(draft.number, type: draft.deviceType, tenant: tenant, in: db) != nil { throw APIError(.versionExists) }
        try db.execute(
            cached: """
                INSERT INTO versions (version_number, version_type, release_notes, is_force_update, min_compatible_version, created_at, tenant,
                device_type, format, base_version) VALUES (?,?,?,?,?,?,?,?,?,?)
                """,
            draft.number, draft.type.rawValue, draft.notes, draft.isForced, draft.minimumCompatible, now, tenant, draft.deviceType,
            draft.format?.rawValue, draft.baseVersion)
        return try known(draft.number, type: draft.deviceType, tenant: tenant, in: db)
    }

    // MARK: Files

    static func put(_ bytes: [UInt8], as part: FirmwarePart, checksum: String, of version: Int64, in db: Database) throws {
        try db.execute(
            cached: "INSERT OR REPLACE INTO firmware_files (version, part, checksum, content) VALUES (?,?,?,?)",
            version, part.rawValue, checksum, unsafe bytes.withUnsafeBytes { unsafe Data($0) })
    }

    static func content(_ part: FirmwarePart, of version: Int64, in db: Database) throws -> (checksum: String, bytes: [UInt8])? {
        let row = try Row.fetchOne(
            db, cached: "SELECT checksum, content FROM firmware_files WHERE version = ? AND part = ?", arguments: [version, part.rawValue])
        return row.map { ($0[0], Array($0[1] as Data)) }
    }

    static func checksum(_ part: FirmwarePart, of version: Int64, in db: Database) throws -> String? {
        try String.fetchOne(
            db, cached: "SELECT checksum FROM firmware_files WHERE version = ? AND part = ?", version, part.rawValue)
    }

    static func setImage(size: Int, checksum: String, format: FirmwareFormat?, of version: Int64, in db: Database) throws {
        try db.execute(
            cached: "UPDATE versions SET file_size = ?, checksum = ?, format = coalesce(?, format) WHERE id = ?",
            size, checksum, format?.rawValue, version)
    }

    static func setManifest(_ facts: ManifestFacts?, minimumCompatible: String?, of version: Int64, in db: Database) throws {
        let hardware = facts.map { JSONWriter.text(.list($0.hardware.map { .text($0) })) }
        try db.execute(
            cached: """
                UPDATE versions SET hardware = ?, security_counter = ?, manifest_version = ?, min_compatible_version = ? WHERE id = ?
                """, hardware, facts?.securityCounter, facts?.version, minimumCompatible, version)
    }

    static func setDelta(_ delta: VersionRecord.Delta?, of version: Int64, in db: Database) throws {
        try db.execute(
            cached: "UPDATE versions SET delta_size = ?, delta_checksum = ?, delta_base_version = ?, delta_base_checksum = ? WHERE id = ?",
            delta?.size, delta?.checksum, delta?.baseVersion, delta?.baseChecksum, version)
    }

    static func release(_ version: Int64, at now: Int64, in db: Database) throws {
        try db.execute(
            cached: """
                UPDATE versions SET released_at = ?, download_url = '/api/v1/versions/' || version_number || '/download' WHERE id = ?
                """, now, version)
    }

    static func withdraw(_ version: Int64, in db: Database) throws {
        try db.execute(cached: "UPDATE versions SET is_active = FALSE WHERE id = ?", version)
    }

    // MARK: Roots

    static func root(_ number: Int64, tenant: String, in db: Database) throws -> [UInt8]? {
        try Data.fetchOne(db, cached: "SELECT content FROM firmware_roots WHERE tenant = ? AND number = ?", tenant, number)
            .map { Array($0) }
    }

    static func newestRoot(tenant: String, in db: Database) throws -> Int64 {
        try Int64.fetchOne(db, cached: "SELECT max(number) FROM firmware_roots WHERE tenant = ?", tenant) ?? 0
    }

    static func insertRoot(_ number: Int64, _ bytes: [UInt8], tenant: String, at now: Int64, in db: Database) throws {
        try db.execute(
            cached: "INSERT INTO firmware_roots (tenant, number, content, created_at) VALUES (?,?,?,?)",
            tenant, number, unsafe bytes.withUnsafeBytes { unsafe Data($0) }, now)
    }

    // MARK: Groups and channels

    static func setGroup(_ name: String, devices: [String], channel: ReleaseChannel?, tenant: String, in db: Database) throws {
        try db.execute(
            cached: "INSERT OR REPLACE INTO device_groups (tenant, name, channel) VALUES (?,?,?)", tenant, name, channel?.rawValue)
        try db.execute(cached: "DELETE FROM device_group_members WHERE tenant = ? AND name = ?", tenant, name)
        let statement = try db.cachedStatement(sql: "INSERT OR IGNORE INTO device_group_members (tenant, name, device_id) VALUES (?,?,?)")
        for device in devices { try statement.execute(arguments: [tenant, name, device]) }
    }

    static func group(_ name: String, tenant: String, in db: Database) throws -> (channel: String?, devices: [String])? {
        guard let row = try Row.fetchOne(db, cached: "SELECT channel FROM device_groups WHERE tenant = ? AND name = ?", arguments: [tenant, name])
        else { return nil }
        let devices = try String.fetchAll(
            db, cached: "SELECT device_id FROM device_group_members WHERE tenant = ? AND name = ? ORDER BY device_id", arguments: [tenant, name])
        return (row[0], devices)
    }

    static func isMember(_ device: String, of name: String, tenant: String, in db: Database) throws -> Bool {
        try Bool.fetchOne(
            db, cached: "SELECT EXISTS (SELECT 1 FROM device_group_members WHERE tenant = ? AND name = ? AND device_id = ?)",
            tenant, name, device) ?? false
    }

    static func setChannel(_ channel: ReleaseChannel, of device: String, in db: Database) throws {
        try db.execute(cached: "INSERT OR REPLACE INTO device_channels (device_id, channel) VALUES (?,?)", device, channel.rawValue)
    }

    /// The device's own channel, else the most daring of its groups, else `stable`.
    static func channel(of device: String, in db: Database) throws -> ReleaseChannel {
        if let own = try String.fetchOne(db, cached: "SELECT channel FROM device_channels WHERE device_id = ?", device) {
            return ReleaseChannel(rawValue: own) ?? .stable
        }
        let ofGroups = try String.fetchAll(
            db,
            cached: """
                SELECT g.channel FROM device_group_members m JOIN device_groups g ON g.tenant = m.tenant AND g.name = m.name
                WHERE m.device_id = ? AND g.channel IS NOT NULL
                """, arguments: [device])
        return ofGroups.compactMap(ReleaseChannel.init).max() ?? .stable
    }

    // MARK: Blocks

    static func block(_ version: Int64, for device: String, reason: String, execution: String, at now: Int64, in db: Database) throws -> Bool {
        try db.execute(
            cached: "INSERT OR IGNORE INTO firmware_blocks (device_id, version, reason, execution_id, created_at) VALUES (?,?,?,?,?)",
            device, version, reason, execution, now)
        return db.changesCount == 1
    }

    static func isBlocked(_ version: Int64, for device: String, in db: Database) throws -> Bool {
        let statement = try db.cachedStatement(sql: "SELECT EXISTS (SELECT 1 FROM firmware_blocks WHERE device_id = ? AND version = ?)")
        return try Bool.fetchOne(statement, arguments: [device, version]) ?? false
    }

    static func liftBlock(_ version: Int64, for device: String, in db: Database) throws -> Bool {
        try db.execute(cached: "DELETE FROM firmware_blocks WHERE device_id = ? AND version = ?", device, version)
        return db.changesCount == 1
    }

    static func blocks(of device: String, in db: Database) throws -> [FieldValue] {
        let rows = try Row.fetchAll(
            db,
            cached: """
                SELECT v.version_number, b.reason, b.execution_id, b.created_at FROM firmware_blocks b JOIN versions v ON v.id = b.version
                WHERE b.device_id = ? ORDER BY v.id
                """, arguments: [device])
        return rows.map { row in
            [
                "version": .text(row[0]), "reason": .text(row[1]), "execution_id": .text(row[2]),
                "blocked_at": .text(Timestamp.text(unixSeconds: (row[3] as Int64) / 1000)),
            ]
        }
    }
}

/// What `POST /versions` asks for.
struct VersionDraft: Sendable, Equatable {
    var number: String
    var type: ReleaseChannel
    var deviceType: String
    var format: FirmwareFormat?
    var notes: String?
    var isForced: Bool
    var minimumCompatible: String?
    var baseVersion: String?
}
