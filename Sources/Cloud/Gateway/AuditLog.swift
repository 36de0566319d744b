import GRDB
import LabCore
import Synchronization

/// Who did what, when, and how it ended. Bodies, tokens, signatures and passwords never get here.
package struct AuditEntry: Sendable, Equatable {
    /// Unix seconds.
    package var at: Int64
    package var requestID: String
    package var tenant: String
    /// `user anna`, `device luna_badge_0007`, `anonymous`.
    package var caller: String
    package var peer: String
    package var method: String
    /// The path's template.
    package var route: String
    /// The path as sent, without its query, at most 256 bytes.
    package var target: String
    package var status: Int
    /// The error's name; `nil` where the request succeeded.
    package var error: String?

    package init(
        at: Int64, requestID: String, tenant: String, caller: String, peer: String, method: String, route: String, target: String,
        status: Int, error: String? = nil
    ) {
        self.at = at
        self.requestID = requestID
        self.tenant = tenant
        self.caller = caller
        self.peer = peer
        self.method = method
        self.route = route
        self.target = target
        self.status = status
        self.error = error
    }
}

/// The audit log: every request that changes something, and everyone who was told 401 or 403.
package final class AuditLog: Sendable {
    private let storage: Storage
    private let maximumRows: Int
    private let written = Mutex(0)

    package init(storage: Storage, limits: RequestLimits) throws {
        self.storage = storage
        maximumRows = limits.auditRows
        try storage.migrate(
            service: "gateway.audit",
            [
                Storage.Migration("1 audit_log") { db in
                    try db.execute(
                        sql: """
                            CREATE TABLE audit_log (
                                id INTEGER PRIMARY KEY, at INTEGER NOT NULL, request_id TEXT NOT NULL, tenant TEXT NOT NULL,
                                caller TEXT NOT NULL, peer TEXT NOT NULL, method TEXT NOT NULL, route TEXT NOT NULL,
                                target TEXT NOT NULL, status INTEGER NOT NULL, error TEXT
                            )
                            """)
                }
            ])
    }

    package func record(_ entry: AuditEntry) throws {
        let isSweep = written.withLock {
            $0 += 1
            return $0 % 1_000 == 0
        }
        let maximum = maximumRows
        try storage.join { db in
            try db.execute(
                cached: """
                    INSERT INTO audit_log (at, request_id, tenant, caller, peer, method, route, target, status, error)
                    VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
                    """,
                entry.at, entry.requestID, entry.tenant, entry.caller, entry.peer, entry.method, entry.route,
                String(decoding: entry.target.utf8.prefix(256), as: UTF8.self), entry.status, entry.error)
            if isSweep { try db.execute(cached: "DELETE FROM audit_log WHERE id <= ?", db.lastInsertedRowID - Int64(maximum)) }
        }
    }

    /// The entries of one tenant, the newest first.
    package func entries(tenant: String, page: Int, limit: Int) throws -> (items: [AuditEntry], total: Int) {
        try storage.read { db in
            let total = try Int.fetchOne(db, cached: "SELECT count(*) FROM audit_log WHERE tenant = ?", tenant) ?? 0
            let rows = try Row.fetchAll(
                db, cached: "SELECT * FROM audit_log WHERE tenant = ? ORDER BY id DESC LIMIT ? OFFSET ?",
                arguments: [tenant, limit, (page - 1) * limit])
            return (rows.map(Self.entry), total)
        }
    }

    private static func entry(_ row: Row) -> AuditEntry {
        AuditEntry(
            at: row["at"], requestID: row["request_id"], tenant: row["tenant"], caller: row["caller"], peer: row["peer"],
            method: row["method"], route: row["route"], target: row["target"], status: row["status"], error: row["error"])
    }
}
