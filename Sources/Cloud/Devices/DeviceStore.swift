import GRDB
import LabCore

/// A row of `devices`, without what only the broker's side knows.
struct DeviceRecord: Sendable, Equatable, ColumnRecord {
    var row: Int64
    var id: String
    var name: String
    var type: String
    var hardwareVersion: String?
    var softwareVersion: String?
    var macAddress: String?
    var presence: Presence
    /// Unix milliseconds
    var lastHeartbeat: Int64?
    var heartbeats: Int64
    var createdAt: Int64
    var configVersion: Int64
    var reportedVersion: Int64
    /// What the last status said beside the version, as JSON.
    var information: String?
    /// JSON of a list; Quectel form.
    var capabilities: String?
    /// The newest measurement of a module's cell, as JSON.
    var cell: String?
    /// °C, the newest of a module.
    var temperature: Double?
    var tenant: String
    var serial: String
    var isDeleted: Bool
    var form: DeviceForm
    var fingerprint: String
    var hardwareID: String
    var epoch: Int
    /// How often its identity was seen twice.
    var cloneAlarms: Int

    static let columns = """
        id, device_id, device_name, device_type, hardware_version, software_version, mac_address, status, \
        last_heartbeat, heartbeats, created_at, config_version, reported_config_version, device_info, capabilities, \
        cell, temperature, tenant, serial_no, state, form, fingerprint, hardware_id, key_epoch, clone_alarms
        """

    init(_ columns: inout ColumnReader) throws {
        self.row = try columns.next()
        id = try columns.next()
        name = try columns.next()
        type = try columns.next()
        hardwareVersion = columns.optional()
        softwareVersion = columns.optional()
        macAddress = columns.optional()
        presence = Presence(rawValue: try columns.next()) ?? .offline
        lastHeartbeat = columns.optional()
        heartbeats = try columns.next()
        createdAt = try columns.next()
        configVersion = try columns.next()
        reportedVersion = try columns.next()
        information = columns.optional()
        capabilities = columns.optional()
        cell = columns.optional()
        temperature = columns.optional()
        tenant = try columns.next()
        serial = try columns.next()
        isDeleted = (try columns.next() as String) == "deleted"
        form = DeviceForm(rawValue: try columns.next()) ?? .luna
        fingerprint = try columns.next()
        hardwareID = try columns.next()
        epoch = try columns.next()
        cloneAlarms = try columns.next()
    }

    var entry: DeviceEntry {
        var entry = DeviceEntry(row: row, id: id, serial: serial, form: form)
        entry.presence = presence
        entry.lastHeartbeat = lastHeartbeat
        entry.lastSeen = lastHeartbeat
        entry.heartbeats = heartbeats
        return entry
    }
}

/// What the factory said of a serial.
private struct FactoryRecord: ColumnRecord {
    var type: String?

    static let columns = "device_type"
    init(_ columns: inout ColumnReader) { type = columns.optional() }
}

extension RegistrationFacts.Known: ColumnRecord {
    static let columns = "device_id, fingerprint, key_epoch, state"

    init(_ columns: inout ColumnReader) throws {
        deviceID = try columns.next()
        fingerprint = try columns.next()
        epoch = try columns.next()
        isDeleted = (try columns.next() as String) == "deleted"
    }
}

/// Devices and what the factory knows of them, in the database.
enum DeviceStore {
    // MARK: Factory

    /// - Returns: whether it is new.
    static func provision(
        _ serial: String, type: String?, hardwareVersion: String?, tenant: String, origin: String, at now: Int64, in db: Database
    ) throws -> Bool {
        try db.execute(
            cached: """
                INSERT OR IGNORE INTO factory_devices (serial_no, tenant, device_type, hardware_version, origin, created_at)
                VALUES (?,?,?,?,?,?)
                """,
            serial, tenant, type, hardwareVersion, origin, now)
        return db.changesCount == 1
    }

    static func isProvisioned(_ serial: String, in db: Database) throws -> Bool {
        try Bool.fetchOne(db, cached: "SELECT EXISTS (SELECT * FROM factory_devices WHERE serial_no = ?)", serial) ?? false
    }

    // MARK: Registration

    static func facts(for request: RegistrationRequest, tenant: String, in db: Database) throws -> RegistrationFacts {
        let factory = try FactoryRecord.fetchOne(
            db, cached: "SELECT \(FactoryRecord.columns) FROM factory_devices WHERE serial_no = ? AND tenant = ?", request.serial, tenant)
        return RegistrationFacts(
            isProvisioned: factory != nil, factoryType: factory?.type,
            known: try RegistrationFacts.Known.fetchOne(
                db, cached: "SELECT \(RegistrationFacts.Known.columns) FROM devices WHERE serial_no = ?", request.serial),
            holderOfID: try String.fetchOne(db, cached: "SELECT serial_no FROM devices WHERE device_id = ?", request.deviceID))
    }

    /// Writes a new device, or begins a deleted one anew.
    static func register(
        _ request: RegistrationRequest, epoch: Int, fingerprint: String, tenant: String, at now: Int64, in db: Database
    ) throws {
        try db.execute(
            cached: """
                INSERT INTO devices (device_id, device_name, device_type, hardware_version, software_version, mac_address, created_at, updated_at,
                capabilities, tenant, serial_no, state, form, fingerprint, hardware_id, key_epoch) VALUES (?,?,?,?,?,?,?,?,?,?,?,'active',?,?,?,?)
                ON CONFLICT (serial_no) DO UPDATE SET device_name = excluded.device_name, device_type = excluded.device_type,
                hardware_version = excluded.hardware_version, software_version = excluded.software_version, mac_address = excluded.mac_address,
                status = 'offline', last_heartbeat = NULL, heartbeats = 0, reported_config_version = 0, created_at = excluded.created_at,
                updated_at = excluded.updated_at, device_info = NULL, cell = NULL, temperature = NULL, capabilities = excluded.capabilities,
                tenant = excluded.tenant, state = 'active', form = excluded.form,
                fingerprint = excluded.fingerprint, hardware_id = excluded.hardware_id, key_epoch = excluded.key_epoch,
                clone_alarms = 0
                """,
            request.deviceID, request.name, request.type, request.hardwareVersion, request.softwareVersion, request.macAddress, now, now,
            request.capabilityList, tenant, request.serial, request.form.rawValue, fingerprint, request.hardwareID, epoch)
    }

    /// Takes what may differ between two registrations of the same device. The fingerprint of the first one stays.
    static func refresh(_ request: RegistrationRequest, at now: Int64, in db: Database) throws {
        try db.execute(
            cached: """
                UPDATE devices SET device_name = ?, hardware_version = coalesce(?, hardware_version),
                software_version = coalesce(?, software_version), capabilities = coalesce(?, capabilities), updated_at = ? WHERE serial_no = ?
                """,
            request.name, request.hardwareVersion, request.softwareVersion, request.capabilityList, now, request.serial)
    }

    static func delete(_ id: String, at now: Int64, in db: Database) throws {
        try db.execute(
            cached: "UPDATE devices SET state = 'deleted', status = 'offline', updated_at = ? WHERE device_id = ?", now, id)
        try db.execute(cached: "DELETE FROM configs WHERE device_id = ?", id)
        try db.execute(cached: "UPDATE config_changes SET state = 'superseded', settled_at = ? WHERE device_id = ? AND state = 'pending'", now, id)
    }

    static func setEpoch(_ epoch: Int, of id: String, at now: Int64, in db: Database) throws {
        try db.execute(cached: "UPDATE devices SET key_epoch = ?, updated_at = ? WHERE device_id = ?", epoch, now, id)
    }

    static func countCloneAlarm(serial: String, in db: Database) throws {
        try db.execute(cached: "UPDATE devices SET clone_alarms = clone_alarms + 1 WHERE serial_no = ?", serial)
    }

    // MARK: Looking

    /// The device of that id, deleted ones too.
    static func find(_ id: String, in db: Database) throws -> DeviceRecord? { try DeviceRecord.fetchOne(db, cached: byID, id) }

    static func find(serial: String, in db: Database) throws -> DeviceRecord? { try DeviceRecord.fetchOne(db, cached: bySerial, serial) }

    // Every request of a device asks one of these.
    private static let byID = "SELECT \(DeviceRecord.columns) FROM devices WHERE device_id = ?"
    private static let bySerial = "SELECT \(DeviceRecord.columns) FROM devices WHERE serial_no = ?"

    /// - Throws: `DEVICE_NOT_FOUND` for one that is unknown, deleted, or another tenant's: the three cannot be told apart.
    static func active(_ id: String, tenant: String, in db: Database) throws -> DeviceRecord {
        guard let record = try find(id, in: db), !record.isDeleted, record.tenant == tenant else { throw APIError(.deviceNotFound) }
        return record
    }

    /// All that are not deleted, in the order in which they registered.
    static func all(in db: Database) throws -> [DeviceRecord] {
        try DeviceRecord.fetchAll(db, cached: "SELECT \(DeviceRecord.columns) FROM devices WHERE state = 'active' ORDER BY id")
    }

    static func page(_ page: Int, limit: Int, presence: Presence?, tenant: String, in db: Database) throws -> (items: [DeviceRecord], total: Int) {
        let condition = "state = 'active' AND tenant = ? AND (? IS NULL OR status = ?)"
        let total = try Int.fetchOne(
            db, cached: "SELECT count(*) FROM devices WHERE \(condition)", tenant, presence?.rawValue, presence?.rawValue) ?? 0
        let rows = try DeviceRecord.fetchAll(
            db, cached: "SELECT \(DeviceRecord.columns) FROM devices WHERE \(condition) ORDER BY id LIMIT ? OFFSET ?",
            tenant, presence?.rawValue, presence?.rawValue, limit, (page - 1) * limit)
        return (rows, total)
    }
}
