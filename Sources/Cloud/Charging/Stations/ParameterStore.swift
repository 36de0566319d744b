import GRDB
import LabCore

/// The SQL of the parameters of piles: what each should be, and what the pile is known to have.
enum ParameterStore {
    /// Sets the wish; a parameter that is applied with this value already stays as it is.
    ///
    /// - Returns: the pile's new version, or the old one where nothing changes.
    static func want(_ parameters: Fields, pile: RegisteredPile, version: Int64, at now: Int64, in db: Database) throws -> Int64 {
        let known = try all(of: pile.id, in: db)
        let changed = parameters.filter { entry in
            let old = known.first { $0.name == entry.name }
            return old?.desired != entry.value.integer || old?.state == .rejected
        }
        guard !changed.isEmpty else { return version }
        let statement = try db.cachedStatement(
            sql: """
                INSERT INTO pile_parameters (pile, name, operator, desired, version, state, changed_at) VALUES (?, ?, ?, ?, ?, 'pending', ?)
                ON CONFLICT (pile, name) DO UPDATE SET desired = excluded.desired, version = excluded.version, state = 'pending', reason = NULL,
                    changed_at = excluded.changed_at
                """)
        for entry in changed {
            try statement.execute(arguments: [pile.id, entry.name, pile.operatorID, entry.value.integer, version + 1, now])
        }
        try db.execute(sql: "UPDATE piles SET desired_version = ? WHERE id = ?", arguments: [version + 1, pile.id])
        return version + 1
    }

    /// What is still to be told to the pile.
    static func pending(of pile: String, in db: Database) throws -> Fields {
        var fields = Fields()
        for parameter in try all(of: pile, in: db) where parameter.state == .pending {
            if let value = parameter.desired { fields[parameter.name] = .integer(value) }
        }
        return fields
    }

    /// The pile has taken, or refused, everything up to a version.
    static func settle(pile: String, upTo version: Int64, refusal: String?, at now: Int64, in db: Database) throws {
        if let refusal {
            let statement = try db.cachedStatement(
                sql:
                    "UPDATE pile_parameters SET state = 'rejected', reason = ?, changed_at = ? WHERE pile = ? AND version <= ? AND state = 'pending'"
            )
            try statement.execute(arguments: [refusal, now, pile, version])
        } else {
            let statement = try db.cachedStatement(
                sql: """
                    UPDATE pile_parameters SET state = 'applied', reported = desired, changed_at = ?
                    WHERE pile = ? AND version <= ? AND state = 'pending'
                    """)
            try statement.execute(arguments: [now, pile, version])
        }
        try db.execute(
            cached: "UPDATE piles SET reported_version = max(reported_version, ?) WHERE id = ?",
            version, pile)
    }

    /// What the pile says that it has, also of parameters that nobody has set here.
    static func report(_ values: Fields, pile: RegisteredPile, at now: Int64, in db: Database) throws {
        let statement = try db.cachedStatement(
            sql: """
                INSERT INTO pile_parameters (pile, name, operator, version, reported, state, changed_at) VALUES (?, ?, ?, 0, ?, 'applied', ?)
                ON CONFLICT (pile, name) DO UPDATE SET reported = excluded.reported
                """)
        for entry in values where PileParameter.isName(entry.name) {
            if let value = entry.value.integer { try statement.execute(arguments: [pile.id, entry.name, pile.operatorID, value, now]) }
        }
    }

    static func all(of pile: String, in db: Database) throws -> [PileParameter] {
        let statement = try db.cachedStatement(sql: "SELECT * FROM pile_parameters WHERE pile = ? ORDER BY name")
        return try Row.fetchAll(statement, arguments: [pile]).map { row in
            PileParameter(
                name: row["name"], desired: row["desired"], version: row["version"], reported: row["reported"],
                state: PileParameter.State(rawValue: row["state"]) ?? .pending, reason: row["reason"], changedAt: row["changed_at"])
        }
    }
}
