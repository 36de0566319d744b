import GRDB

/// The tables of the device services (luna-badge-cloud.md, "数据库表结构", with what the protocol adds).
///
/// Moments are whole numbers of Unix milliseconds: the seed's `CURRENT_TIMESTAMP` would be the machine's clock.
enum DeviceSchema {
    static let migrations = [
        Storage.Migration("devices") { db in try db.execute(sql: devices) },
        Storage.Migration("configuration") { db in try db.execute(sql: configuration) },
        Storage.Migration("commands") { db in try db.execute(sql: commands) },
        Storage.Migration("telemetry") { db in try db.execute(sql: telemetry) },
        Storage.Migration("modules") { db in try db.execute(sql: modules) },
    ]

    private static let devices = """
        CREATE TABLE factory_devices (
            serial_no VARCHAR(64) PRIMARY KEY NOT NULL,
            tenant VARCHAR(64) NOT NULL,
            device_type VARCHAR(32),
            hardware_version VARCHAR(16),
            origin VARCHAR(16) NOT NULL, -- 'factory', 'open'
            created_at TIMESTAMP NOT NULL
        ) WITHOUT ROWID;
        CREATE TABLE devices (
            id INTEGER PRIMARY KEY AUTOINCREMENT,
            device_id VARCHAR(64) UNIQUE NOT NULL,
            device_name VARCHAR(128) NOT NULL,
            device_type VARCHAR(32) NOT NULL,
            hardware_version VARCHAR(16),
            software_version VARCHAR(16),
            mac_address VARCHAR(17),
            ip_address VARCHAR(15),
            status VARCHAR(16) NOT NULL DEFAULT 'offline', -- 'online', 'offline', 'restarting'
            last_heartbeat TIMESTAMP,
            created_at TIMESTAMP NOT NULL,
            updated_at TIMESTAMP NOT NULL,
            user_id INTEGER,
            config_version INTEGER NOT NULL DEFAULT 0,
            location_info JSON,
            device_info JSON,
            tenant VARCHAR(64) NOT NULL,
            serial_no VARCHAR(64) UNIQUE NOT NULL,
            state VARCHAR(16) NOT NULL, -- 'active', 'deleted'
            form VARCHAR(16) NOT NULL, -- 'luna', 'quectel'
            fingerprint VARCHAR(64) NOT NULL,
            hardware_id VARCHAR(64) NOT NULL,
            key_epoch INTEGER NOT NULL,
            reported_config_version INTEGER NOT NULL DEFAULT 0,
            heartbeats INTEGER NOT NULL DEFAULT 0,
            clone_alarms INTEGER NOT NULL DEFAULT 0
        );
        """

    private static let configuration = """
        CREATE TABLE configs (
            id INTEGER PRIMARY KEY AUTOINCREMENT,
            device_id VARCHAR(64) NOT NULL REFERENCES devices(device_id),
            module_name VARCHAR(64),
            config_key VARCHAR(128) NOT NULL,
            config_value TEXT NOT NULL,
            config_type VARCHAR(16) NOT NULL DEFAULT 'string',
            is_encrypted BOOLEAN NOT NULL DEFAULT FALSE,
            created_at TIMESTAMP NOT NULL,
            updated_at TIMESTAMP NOT NULL,
            version INTEGER NOT NULL,
            UNIQUE (device_id, config_key)
        );
        CREATE TABLE config_changes (
            device_id VARCHAR(64) NOT NULL REFERENCES devices(device_id),
            version INTEGER NOT NULL,
            config_key VARCHAR(128) NOT NULL,
            config_value TEXT NOT NULL,
            config_type VARCHAR(16) NOT NULL,
            state VARCHAR(16) NOT NULL, -- 'pending', 'applied', 'rejected', 'superseded'
            reason TEXT,
            created_at TIMESTAMP NOT NULL,
            settled_at TIMESTAMP,
            PRIMARY KEY (device_id, version)
        ) WITHOUT ROWID;
        """

    private static let commands = """
        CREATE TABLE commands (
            id INTEGER PRIMARY KEY AUTOINCREMENT,
            command_id VARCHAR(64) UNIQUE NOT NULL,
            device_id VARCHAR(64) NOT NULL REFERENCES devices(device_id),
            command VARCHAR(64) NOT NULL,
            module VARCHAR(64),
            parameters JSON,
            state VARCHAR(16) NOT NULL, -- 'queued', 'sent', 'done', 'failed', 'expired'
            result JSON,
            reason TEXT,
            created_at TIMESTAMP NOT NULL,
            sent_at TIMESTAMP,
            finished_at TIMESTAMP,
            expires_at TIMESTAMP NOT NULL
        );
        CREATE INDEX commands_open ON commands (device_id, id) WHERE state IN ('queued', 'sent');
        """

    private static let telemetry = """
        CREATE TABLE heartbeats (
            device INTEGER NOT NULL, -- devices.id
            received_at TIMESTAMP NOT NULL,
            reported_at TIMESTAMP,
            status VARCHAR(16),
            cpu_usage REAL,
            memory_usage REAL,
            temperature REAL
        );
        CREATE TABLE error_logs (
            id INTEGER PRIMARY KEY AUTOINCREMENT,
            device_id VARCHAR(64) NOT NULL REFERENCES devices(device_id),
            error_code VARCHAR(16) NOT NULL,
            error_level VARCHAR(16) NOT NULL, -- 'critical', 'error', 'warning', 'info', 'debug'
            error_message TEXT NOT NULL,
            error_details JSON,
            module_name VARCHAR(64),
            stack_trace TEXT,
            occurred_at TIMESTAMP NOT NULL,
            resolved_at TIMESTAMP,
            resolution TEXT
        );
        CREATE INDEX error_logs_device ON error_logs (device_id, error_level);
        """

    /// What modules have beside badges (quectel-cloud-platform.md, "API接口"). Versions of their firmware are longer than
    /// the 16 characters of the seed's badges; SQLite does not hold columns to their declared length.
    private static let modules = """
        ALTER TABLE devices ADD COLUMN capabilities JSON;
        ALTER TABLE devices ADD COLUMN cell JSON; -- the newest measurement, NULL without network
        ALTER TABLE devices ADD COLUMN temperature REAL;
        CREATE TABLE module_measurements (
            device INTEGER NOT NULL, -- devices.id
            received_at TIMESTAMP NOT NULL,
            cellular_signal REAL,
            rsrp REAL,
            rsrq REAL,
            sinr REAL,
            rat VARCHAR(16),
            operator VARCHAR(64),
            band VARCHAR(64),
            temperature REAL
        );
        CREATE INDEX module_measurements_device ON module_measurements (device, received_at);
        """
}
