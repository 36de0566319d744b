import GRDB
import LabCore

/// The SQL of roles, of who has them, and of partners' keys.
enum AccessStore {
    static func roles(in db: Database) throws -> [StaffRole] {
        try Row.fetchAll(db, sql: "SELECT * FROM roles ORDER BY operator, name").map { row in
            let text: String = row["permissions"]
            let words = (try? JSONReader.read(text))?.list?.compactMap(\.text) ?? []
            return StaffRole(
                name: row["name"], operatorID: row["operator"], permissions: Set(words.compactMap { StaffPermission(rawValue: $0) }))
        }
    }

    /// - Returns: whether it is new.
    static func insert(_ role: StaffRole, at now: Int64, in db: Database) throws -> Bool {
        let permissions = role.permissions.map(\.rawValue).sorted().map { FieldValue.text($0) }
        try db.execute(
            sql: "INSERT OR IGNORE INTO roles (operator, name, permissions, created_at) VALUES (?, ?, ?, ?)",
            arguments: [role.operatorID, role.name, JSONWriter.text(.list(permissions)), now])
        return db.changesCount == 1
    }

    /// Everybody's grants with the names of their roles; what a role allows is looked up by the caller.
    static func grants(in db: Database) throws -> [StaffGrant] {
        try Row.fetchAll(db, sql: "SELECT * FROM user_roles ORDER BY username, role, org_id").map { row in
            StaffGrant(user: row["username"], role: row["role"], organisation: row["org_id"], operatorID: row["operator"], permissions: [])
        }
    }

    static func insert(_ grant: StaffGrant, by who: String, at now: Int64, in db: Database) throws {
        try db.execute(
            sql: "INSERT OR IGNORE INTO user_roles (username, role, org_id, operator, granted_by, granted_at) VALUES (?, ?, ?, ?, ?, ?)",
            arguments: [grant.user, grant.role, grant.organisation, grant.operatorID, who, now])
    }

    static func remove(_ grants: [StaffGrant], in db: Database) throws {
        for grant in grants {
            try db.execute(
                sql: "DELETE FROM user_roles WHERE username = ? AND role = ? AND org_id = ?",
                arguments: [grant.user, grant.role, grant.organisation])
        }
    }

    // MARK: Partners

    static func insertKey(_ key: PartnerKey, in db: Database) throws {
        try db.execute(
            sql: "INSERT INTO partner_keys (id, operator, name, created_at) VALUES (?, ?, ?, ?)",
            arguments: [key.id, key.operatorID, key.name, key.createdAt])
    }

    static func key(_ id: String, in db: Database) throws -> PartnerKey? {
        try Row.fetchOne(db, sql: "SELECT * FROM partner_keys WHERE id = ?", arguments: [id]).map(key)
    }

    static func keys(operators: [String]?, limit: Int, offset: Int, in db: Database) throws -> (items: [PartnerKey], total: Int) {
        let filter = operators == nil ? "" : " WHERE operator IN (SELECT value FROM json_each(?))"
        let arguments: StatementArguments = operators.map { [JSONWriter.text(.list($0.map { .text($0) }))] } ?? []
        let total = try Int.fetchOne(db, sql: "SELECT count(*) FROM partner_keys\(filter)", arguments: arguments) ?? 0
        let rows = try Row.fetchAll(
            db, sql: "SELECT * FROM partner_keys\(filter) ORDER BY id LIMIT ? OFFSET ?", arguments: arguments + [limit, offset])
        return (rows.map(key), total)
    }

    static func withdrawKey(_ id: String, at now: Int64, in db: Database) throws {
        try db.execute(sql: "UPDATE partner_keys SET withdrawn_at = ? WHERE id = ? AND withdrawn_at IS NULL", arguments: [now, id])
    }

    private static func key(_ row: Row) -> PartnerKey {
        PartnerKey(
            id: row["id"], operatorID: row["operator"], name: row["name"], createdAt: row["created_at"], withdrawnAt: row["withdrawn_at"])
    }
}

/// A key for another company's system. Its secret is derived (security.md 4.2), so that no table holds it.
package struct PartnerKey: Sendable, Equatable {
    package var id: String
    package var operatorID: String
    package var name: String
    package var createdAt: Int64
    package var withdrawnAt: Int64?
}
