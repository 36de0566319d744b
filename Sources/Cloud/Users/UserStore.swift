import GRDB
import LabCore

/// A user as the table has it, without the password's hash.
package struct User: Sendable, Equatable {
    package var name: String
    package var email: String
    /// With its country; `nil` for users without one.
    package var phone: String?
    package var role: UserRole
    package var isActive: Bool
    /// Rises when tokens of the user must end: at a new password, a new role, or when the user is switched off.
    package var epoch: Int
    package var createdAt: String
    package var lastLogin: String?
}

/// The users' table of the seed, with the tenant and the epoch added.
package final class UserStore: Sendable {
    private let environment: CloudEnvironment
    private let storage: Storage
    private let cost: PasswordCost
    /// The tenant whose users these are.
    package let tenant: String

    package init(configuration: CloudConfiguration, environment: CloudEnvironment, storage: Storage) throws {
        self.environment = environment
        self.storage = storage
        cost = configuration.passwordCost
        tenant = configuration.devices.tenant
        try storage.migrate(
            service: "users",
            [
                Storage.Migration("1 users") { db in
                    try db.execute(
                        sql: """
                            CREATE TABLE users (
                                id INTEGER PRIMARY KEY AUTOINCREMENT,
                                username VARCHAR(64) UNIQUE NOT NULL,
                                email VARCHAR(128) UNIQUE NOT NULL,
                                password_hash VARCHAR(256) NOT NULL,
                                role VARCHAR(16) NOT NULL DEFAULT 'user',
                                is_active BOOLEAN NOT NULL DEFAULT TRUE,
                                created_at TIMESTAMP NOT NULL,
                                updated_at TIMESTAMP NOT NULL,
                                last_login TIMESTAMP,
                                profile_info JSON,
                                tenant VARCHAR(64) NOT NULL DEFAULT 'default',
                                epoch INTEGER NOT NULL DEFAULT 1
                            )
                            """)
                },
                Storage.Migration("2 phones") { db in
                    try db.execute(
                        sql: """
                            ALTER TABLE users ADD COLUMN phone VARCHAR(20);
                            CREATE UNIQUE INDEX users_phone ON users (tenant, phone) WHERE phone IS NOT NULL;
                            """)
                },
            ])
        if let first = configuration.firstAdministrator, try !hasAdministrator() {
            try create(name: first.name, email: first.email, password: first.password, role: .admin)
        }
    }

    private func hasAdministrator() throws -> Bool {
        try storage.read { db in
            try Bool.fetchOne(
                db, cached: "SELECT EXISTS (SELECT 1 FROM users WHERE role = 'admin' AND is_active AND password_hash LIKE 'scrypt$%')")
        } ?? false
    }

    private var now: String { Timestamp.text(unixSeconds: environment.unixSeconds) }

    /// Adds a user who can log in.
    ///
    /// - Throws: `INVALID_FIELD`, `USER_EXISTS`, and the storage's errors.
    ///
    /// - Parameter phone: with its country, `+8613812345678`; one user has one number. Shown masked only (`Phone`).
    package func create(name: String, email: String?, phone: String? = nil, password: String, role: UserRole) throws {
        guard UserRules.isPassword(password) else {
            throw APIError.invalidField("password", "'password' is wrong: \(UserRules.passwordRule).")
        }
        let hash = try PasswordHash.make(password, salt: environment.randomBytes(16), cost: cost)
        try insert(name: name, email: email ?? "\(name)@\(tenant).invalid", phone: phone, hash: hash, role: role)
    }

    /// Adds a user without a password, for the lab itself; does nothing where it exists.
    package func createOperator(name: String, role: UserRole) throws {
        if try find(name) == nil { try insert(name: name, email: "\(name)@\(tenant).invalid", phone: nil, hash: "disabled", role: role) }
    }

    private func insert(name: String, email: String, phone: String?, hash: String, role: UserRole) throws {
        guard UserRules.isName(name) else { throw APIError.invalidField("username", "'username' is wrong: \(UserRules.nameRule).") }
        guard UserRules.isEmail(email) else { throw APIError.invalidField("email", "'email' is wrong: \(UserRules.emailRule).") }
        if let phone, !Phone.isNumber(phone) { throw APIError.invalidField("phone", "'phone' is wrong: \(Phone.rule).") }
        guard role != .device else { throw APIError.invalidField("role", "'role' must be one of admin, user, guest: devices register.") }
        let (now, tenant) = (now, tenant)
        let isNew = try storage.write { db in
            try db.execute(
                cached: """
                    INSERT OR IGNORE INTO users (username, email, phone, password_hash, role, created_at, updated_at, tenant)
                    VALUES (?, ?, ?, ?, ?, ?, ?, ?)
                    """, name, email, phone, hash, role.rawValue, now, now, tenant)
            return db.changesCount == 1
        }
        if !isNew { throw APIError(.userExists) }
    }

    package func find(_ name: String) throws -> User? {
        let tenant = tenant
        return try storage.read { db in
            try Row.fetchOne(db, cached: "SELECT * FROM users WHERE username = ? AND tenant = ?", arguments: [name, tenant]).flatMap(
                Self.user)
        }
    }

    package func list(page: Int, limit: Int) throws -> (items: [User], total: Int) {
        let tenant = tenant
        return try storage.read { db in
            let total = try Int.fetchOne(db, cached: "SELECT count(*) FROM users WHERE tenant = ?", tenant) ?? 0
            let rows = try Row.fetchAll(
                db, cached: "SELECT * FROM users WHERE tenant = ? ORDER BY username LIMIT ? OFFSET ?",
                arguments: [tenant, limit, (page - 1) * limit])
            return (rows.compactMap(Self.user), total)
        }
    }

    /// The user whose password this is; the same work is done whether or not there is such a user.
    package func authenticate(name: String, password: String) throws -> User? {
        let (cost, tenant) = (cost, tenant)
        let row = try storage.read { db in
            try Row.fetchOne(db, cached: "SELECT * FROM users WHERE username = ? AND tenant = ? AND is_active", arguments: [name, tenant])
        }
        let stored: String? = row.map { $0["password_hash"] }
        guard try PasswordHash.matches(password, stored: stored, cost: cost), let user = row.flatMap(Self.user) else { return nil }
        let now = now
        try storage.write { db in
            try db.execute(cached: "UPDATE users SET last_login = ? WHERE username = ? AND tenant = ?", now, name, tenant)
        }
        return user
    }

    /// Switches a user off and ends the user's tokens; the row stays, for the audit.
    ///
    /// - Returns: whether there is such a user.
    package func deactivate(_ name: String) throws -> Bool {
        let (now, tenant) = (now, tenant)
        return try storage.write { db in
            try db.execute(
                cached: "UPDATE users SET is_active = FALSE, epoch = epoch + 1, updated_at = ? WHERE username = ? AND tenant = ?",
                now, name, tenant)
            return db.changesCount == 1
        }
    }

    private static func user(_ row: Row) -> User? {
        guard let role = UserRole(rawValue: row["role"]) else { return nil }
        return User(
            name: row["username"], email: row["email"], phone: row["phone"], role: role, isActive: row["is_active"], epoch: row["epoch"],
            createdAt: row["created_at"], lastLogin: row["last_login"])
    }
}
