import GRDB

/// The tables of the version centre (luna-badge-cloud.md, "Version 版本表", with what rollouts add).
///
/// Moments are Unix milliseconds, as in `DeviceSchema`. Counts of a stage are kept in its row, and everything that a device
/// asks for is found by an index: ten thousand devices that come back at once must not each cost a look at all executions.
enum FirmwareSchema {
    static let migrations = [
        Storage.Migration("versions") { db in try db.execute(sql: versions) },
        Storage.Migration("rollouts") { db in try db.execute(sql: rollouts) },
    ]

    private static let versions = """
        CREATE TABLE versions (
            id INTEGER PRIMARY KEY AUTOINCREMENT,
            version_number VARCHAR(64) NOT NULL,
            version_type VARCHAR(16) NOT NULL, -- 'stable', 'beta', 'alpha'
            release_notes TEXT,
            download_url VARCHAR(256),
            file_size INTEGER,
            checksum VARCHAR(64),
            is_force_update BOOLEAN NOT NULL DEFAULT FALSE,
            min_compatible_version VARCHAR(16),
            created_at TIMESTAMP NOT NULL,
            released_at TIMESTAMP,
            is_active BOOLEAN NOT NULL DEFAULT TRUE,
            tenant VARCHAR(64) NOT NULL,
            device_type VARCHAR(32) NOT NULL,
            format VARCHAR(16), -- 'mcuboot', 'esp32', 'rauc', 'dfota'
            base_version VARCHAR(64), -- of a DFOTA package: the only version that it can be installed from
            hardware JSON,
            security_counter INTEGER,
            manifest_version INTEGER,
            delta_size INTEGER,
            delta_checksum VARCHAR(64),
            delta_base_version VARCHAR(64),
            delta_base_checksum VARCHAR(64),
            UNIQUE (tenant, device_type, version_number)
        );
        CREATE TABLE firmware_files (
            version INTEGER NOT NULL REFERENCES versions(id),
            part VARCHAR(16) NOT NULL, -- 'image', 'manifest', 'delta'
            checksum VARCHAR(64) NOT NULL,
            content BLOB NOT NULL,
            PRIMARY KEY (version, part)
        );
        CREATE TABLE firmware_roots (
            tenant VARCHAR(64) NOT NULL,
            number INTEGER NOT NULL,
            content BLOB NOT NULL,
            created_at TIMESTAMP NOT NULL,
            PRIMARY KEY (tenant, number)
        );
        """

    private static let rollouts = """
        CREATE TABLE device_groups (
            tenant VARCHAR(64) NOT NULL,
            name VARCHAR(64) NOT NULL,
            channel VARCHAR(16),
            PRIMARY KEY (tenant, name)
        ) WITHOUT ROWID;
        CREATE TABLE device_group_members (
            tenant VARCHAR(64) NOT NULL,
            name VARCHAR(64) NOT NULL,
            device_id VARCHAR(64) NOT NULL,
            PRIMARY KEY (tenant, name, device_id)
        ) WITHOUT ROWID;
        CREATE INDEX device_group_members_device ON device_group_members (device_id);
        CREATE TABLE device_channels (
            device_id VARCHAR(64) PRIMARY KEY NOT NULL,
            channel VARCHAR(16) NOT NULL
        ) WITHOUT ROWID;
        CREATE TABLE firmware_blocks (
            device_id VARCHAR(64) NOT NULL,
            version INTEGER NOT NULL REFERENCES versions(id),
            reason VARCHAR(64) NOT NULL,
            execution_id VARCHAR(64) NOT NULL,
            created_at TIMESTAMP NOT NULL,
            PRIMARY KEY (device_id, version)
        ) WITHOUT ROWID;
        CREATE TABLE rollouts (
            id INTEGER PRIMARY KEY AUTOINCREMENT,
            rollout_id VARCHAR(64) UNIQUE NOT NULL,
            tenant VARCHAR(64) NOT NULL,
            version INTEGER NOT NULL REFERENCES versions(id),
            action VARCHAR(16) NOT NULL, -- 'install', 'rollback'
            source INTEGER REFERENCES rollouts(id), -- of a rollback: what it takes back
            kind VARCHAR(16) NOT NULL, -- 'devices', 'group', 'everyone'
            group_name VARCHAR(64),
            state VARCHAR(16) NOT NULL, -- 'draft', 'running', 'paused', 'finished', 'aborted', 'rolled_back'
            reason VARCHAR(64),
            stage INTEGER NOT NULL DEFAULT 0,
            stages INTEGER NOT NULL,
            success_gate INTEGER NOT NULL, -- millionths
            error_gate INTEGER NOT NULL, -- millionths
            minimum_samples INTEGER NOT NULL,
            rate INTEGER, -- devices a minute
            device_timeout INTEGER NOT NULL, -- ms
            rollback_on_error BOOLEAN NOT NULL,
            force BOOLEAN NOT NULL,
            revision INTEGER NOT NULL DEFAULT 1,
            created_at TIMESTAMP NOT NULL,
            finished_at TIMESTAMP
        );
        CREATE INDEX rollouts_version ON rollouts (version, id);
        CREATE INDEX rollouts_state ON rollouts (state, id);
        CREATE INDEX rollouts_source ON rollouts (source);
        CREATE TABLE rollout_stages (
            rollout INTEGER NOT NULL REFERENCES rollouts(id),
            stage INTEGER NOT NULL,
            percentage INTEGER NOT NULL,
            total INTEGER NOT NULL,
            opened_at TIMESTAMP,
            offered INTEGER NOT NULL DEFAULT 0,
            succeeded INTEGER NOT NULL DEFAULT 0,
            failed INTEGER NOT NULL DEFAULT 0,
            silent INTEGER NOT NULL DEFAULT 0, -- never asked within the time
            neutral INTEGER NOT NULL DEFAULT 0, -- left out, cancelled
            forgiven_failed INTEGER NOT NULL DEFAULT 0, -- when an operator last resumed
            forgiven_ended INTEGER NOT NULL DEFAULT 0,
            PRIMARY KEY (rollout, stage)
        ) WITHOUT ROWID;
        CREATE TABLE rollout_log (
            id INTEGER PRIMARY KEY AUTOINCREMENT,
            rollout INTEGER NOT NULL REFERENCES rollouts(id),
            at TIMESTAMP NOT NULL,
            actor VARCHAR(128) NOT NULL,
            what VARCHAR(32) NOT NULL,
            reason VARCHAR(64)
        );
        CREATE INDEX rollout_log_rollout ON rollout_log (rollout, id);
        CREATE TABLE executions (
            id INTEGER PRIMARY KEY AUTOINCREMENT,
            execution_id VARCHAR(64) UNIQUE NOT NULL,
            rollout INTEGER NOT NULL REFERENCES rollouts(id),
            device_id VARCHAR(64) NOT NULL,
            version INTEGER NOT NULL REFERENCES versions(id),
            action VARCHAR(16) NOT NULL,
            stage INTEGER, -- NULL of a step on the way, which no gate counts
            position INTEGER NOT NULL,
            attempt INTEGER NOT NULL DEFAULT 1,
            is_current BOOLEAN NOT NULL DEFAULT TRUE,
            parent INTEGER REFERENCES executions(id), -- of a step: where it leads
            state VARCHAR(16) NOT NULL,
            outcome VARCHAR(16), -- 'success', 'failure', 'silent', 'neutral'
            reason VARCHAR(64),
            sequence INTEGER NOT NULL DEFAULT 0, -- of the device's last report
            progress INTEGER,
            from_version VARCHAR(64),
            is_confirmed BOOLEAN, -- what the device last said of the image that runs
            cancel_requested BOOLEAN NOT NULL DEFAULT FALSE,
            revision INTEGER NOT NULL DEFAULT 1,
            created_at TIMESTAMP NOT NULL,
            notified_at TIMESTAMP,
            offered_at TIMESTAMP,
            deadline_at TIMESTAMP,
            finished_at TIMESTAMP
        );
        CREATE UNIQUE INDEX executions_begun ON executions (device_id) WHERE offered_at IS NOT NULL AND finished_at IS NULL;
        CREATE INDEX executions_open ON executions (device_id, id) WHERE finished_at IS NULL;
        CREATE INDEX executions_deadline ON executions (deadline_at, id) WHERE finished_at IS NULL AND deadline_at IS NOT NULL;
        CREATE INDEX executions_stage ON executions (rollout, stage, state, position);
        CREATE INDEX executions_device ON executions (rollout, device_id, attempt);
        """
}
