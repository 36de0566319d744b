import GRDB

/// The tables of the stations (charging-platform.md, "数据库设计扩展": organizations, roles, user_roles, pricing_strategies,
/// daily_stats), with what piles add. Moments are Unix milliseconds; every row names its operator, the tenant.
enum StationSchema {
    static let migrations = [
        Storage.Migration("1 organisations") { db in try db.execute(sql: organisations) },
        Storage.Migration("2 piles") { db in try db.execute(sql: piles) },
        Storage.Migration("3 tariffs") { db in try db.execute(sql: tariffs) },
        Storage.Migration("4 alarms") { db in try db.execute(sql: alarms) },
        Storage.Migration("5 batches") { db in try db.execute(sql: batches) },
        Storage.Migration("6 access") { db in try db.execute(sql: access) },
        Storage.Migration("7 statistics") { db in try db.execute(sql: statistics) },
        Storage.Migration("8 places") { db in
            try db.execute(sql: "ALTER TABLE organizations ADD COLUMN latitude REAL; ALTER TABLE organizations ADD COLUMN longitude REAL;")
        },
    ]

    private static let organisations = """
        CREATE TABLE organizations (
            id TEXT PRIMARY KEY NOT NULL,
            operator TEXT NOT NULL,
            name TEXT NOT NULL,
            parent_id TEXT REFERENCES organizations(id),
            type TEXT NOT NULL, -- 'operator', 'region', 'site'
            utc_offset INTEGER NOT NULL, -- minutes
            address TEXT,
            created_at INTEGER NOT NULL
        ) WITHOUT ROWID;
        """

    private static let piles = """
        CREATE TABLE piles (
            id TEXT PRIMARY KEY NOT NULL,
            operator TEXT NOT NULL,
            site TEXT NOT NULL REFERENCES organizations(id),
            protocol TEXT NOT NULL,
            ports INTEGER NOT NULL,
            rated_power INTEGER NOT NULL, -- dW of a port
            name TEXT,
            model TEXT NOT NULL DEFAULT '',
            firmware TEXT NOT NULL DEFAULT '',
            iccid TEXT NOT NULL DEFAULT '',
            last_seen INTEGER,
            desired_version INTEGER NOT NULL DEFAULT 0,
            reported_version INTEGER NOT NULL DEFAULT 0,
            created_at INTEGER NOT NULL
        ) WITHOUT ROWID;
        CREATE INDEX piles_site ON piles (site, id);
        CREATE TABLE disabled_ports (
            pile TEXT NOT NULL REFERENCES piles(id),
            port INTEGER NOT NULL, -- from 1
            operator TEXT NOT NULL,
            reason TEXT NOT NULL,
            disabled_by TEXT NOT NULL,
            disabled_at INTEGER NOT NULL,
            PRIMARY KEY (pile, port)
        ) WITHOUT ROWID;
        CREATE TABLE pile_parameters (
            pile TEXT NOT NULL REFERENCES piles(id),
            name TEXT NOT NULL,
            operator TEXT NOT NULL,
            desired INTEGER,
            version INTEGER NOT NULL,
            reported INTEGER,
            state TEXT NOT NULL, -- 'pending', 'applied', 'rejected'
            reason TEXT,
            changed_at INTEGER NOT NULL,
            PRIMARY KEY (pile, name)
        ) WITHOUT ROWID;
        CREATE TABLE pile_images (
            operator TEXT NOT NULL,
            version TEXT NOT NULL,
            checksum TEXT NOT NULL, -- SHA-256, hexadecimal
            content BLOB NOT NULL,
            created_at INTEGER NOT NULL,
            PRIMARY KEY (operator, version)
        );
        """

    /// A version that orders may name is never changed, whoever writes the SQL (F61).
    private static let tariffs = """
        CREATE TABLE pricing_strategies (
            org_id TEXT NOT NULL REFERENCES organizations(id),
            version INTEGER NOT NULL,
            operator TEXT NOT NULL,
            name TEXT NOT NULL,
            rules TEXT NOT NULL, -- JSON
            effective_time INTEGER NOT NULL,
            created_at INTEGER NOT NULL,
            created_by TEXT NOT NULL,
            PRIMARY KEY (org_id, version)
        ) WITHOUT ROWID;
        CREATE TRIGGER pricing_strategies_stay BEFORE UPDATE ON pricing_strategies
        BEGIN SELECT RAISE(ABORT, 'a version of a tariff never changes'); END;
        CREATE TRIGGER pricing_strategies_remain BEFORE DELETE ON pricing_strategies
        BEGIN SELECT RAISE(ABORT, 'a version of a tariff is never deleted'); END;
        """

    private static let alarms = """
        CREATE TABLE alarms (
            id INTEGER PRIMARY KEY AUTOINCREMENT,
            operator TEXT NOT NULL,
            site TEXT NOT NULL,
            pile TEXT NOT NULL,
            port INTEGER NOT NULL, -- 0 for the whole pile
            kind TEXT NOT NULL,
            text TEXT NOT NULL,
            order_number TEXT,
            raised_at INTEGER NOT NULL,
            count INTEGER NOT NULL DEFAULT 1,
            cleared_at INTEGER,
            acknowledged_at INTEGER,
            acknowledged_by TEXT
        );
        CREATE UNIQUE INDEX alarms_open ON alarms (pile, port, kind) WHERE cleared_at IS NULL;
        CREATE INDEX alarms_operator ON alarms (operator, id);
        """

    private static let batches = """
        CREATE TABLE batches (
            id INTEGER PRIMARY KEY AUTOINCREMENT,
            operator TEXT NOT NULL,
            kind TEXT NOT NULL,
            arguments TEXT NOT NULL, -- JSON
            created_by TEXT NOT NULL,
            created_at INTEGER NOT NULL,
            deadline INTEGER NOT NULL,
            finished_at INTEGER
        );
        CREATE INDEX batches_operator ON batches (operator, id);
        CREATE TABLE batch_items (
            batch INTEGER NOT NULL REFERENCES batches(id),
            pile TEXT NOT NULL,
            site TEXT NOT NULL,
            state TEXT NOT NULL, -- 'waiting', 'sent', 'done', 'stored', 'failed'
            reason TEXT,
            finished_at INTEGER,
            PRIMARY KEY (batch, pile)
        ) WITHOUT ROWID;
        """

    private static let access = """
        CREATE TABLE roles (
            id INTEGER PRIMARY KEY AUTOINCREMENT,
            operator TEXT NOT NULL,
            name TEXT NOT NULL,
            permissions TEXT NOT NULL, -- JSON
            created_at INTEGER NOT NULL,
            UNIQUE (operator, name)
        );
        CREATE TABLE user_roles (
            username TEXT NOT NULL,
            role TEXT NOT NULL, -- the name of a built-in role or of one of the operator's
            org_id TEXT NOT NULL REFERENCES organizations(id),
            operator TEXT NOT NULL,
            granted_by TEXT NOT NULL,
            granted_at INTEGER NOT NULL,
            PRIMARY KEY (username, role, org_id)
        ) WITHOUT ROWID;
        CREATE TABLE partner_keys (
            id TEXT PRIMARY KEY NOT NULL,
            operator TEXT NOT NULL,
            name TEXT NOT NULL,
            created_at INTEGER NOT NULL,
            withdrawn_at INTEGER
        ) WITHOUT ROWID;
        """

    private static let statistics = """
        CREATE TABLE daily_stats (
            date INTEGER NOT NULL, -- days since 1970-01-01 of the site's civil time
            device_id TEXT NOT NULL,
            operator TEXT NOT NULL,
            site TEXT NOT NULL,
            sessions_count INTEGER NOT NULL DEFAULT 0,
            revenue_fen INTEGER NOT NULL DEFAULT 0,
            energy_dwh INTEGER NOT NULL DEFAULT 0,
            seconds INTEGER NOT NULL DEFAULT 0,
            PRIMARY KEY (date, device_id)
        ) WITHOUT ROWID;
        CREATE INDEX daily_stats_operator ON daily_stats (operator, date);
        """
}
