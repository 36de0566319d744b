import GRDB
import LabCore

/// The SQL of organisations, piles and their ports. What is decided is decided by the caller, in the same transaction.
enum StationStore {
    // MARK: Organisations

    static func organisations(in db: Database) throws -> [Organisation] {
        try Row.fetchAll(db, sql: "SELECT * FROM organizations ORDER BY id").compactMap { row in
            guard let kind = OrganisationKind(rawValue: row["type"]) else { return nil }
            var organisation = Organisation(
                id: row["id"], operatorID: row["operator"], kind: kind, name: row["name"], parent: row["parent_id"],
                utcOffset: row["utc_offset"],
                address: row["address"], createdAt: row["created_at"])
            if let latitude: Double = row["latitude"], let longitude: Double = row["longitude"] {
                organisation.place = GeoPoint(latitude: latitude, longitude: longitude)
            }
            return organisation
        }
    }

    /// - Returns: whether it is new.
    static func insert(_ organisation: Organisation, in db: Database) throws -> Bool {
        try db.execute(
            sql: """
                INSERT OR IGNORE INTO organizations (id, operator, name, parent_id, type, utc_offset, address, created_at, latitude, longitude)
                VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
                """,
            arguments: [
                organisation.id, organisation.operatorID, organisation.name, organisation.parent, organisation.kind.rawValue,
                organisation.utcOffset,
                organisation.address, organisation.createdAt, organisation.place?.latitude, organisation.place?.longitude,
            ])
        return db.changesCount == 1
    }

    static func update(_ organisation: Organisation, in db: Database) throws {
        try db.execute(
            sql: "UPDATE organizations SET name = ?, address = ?, latitude = ?, longitude = ? WHERE id = ? AND operator = ?",
            arguments: [
                organisation.name, organisation.address, organisation.place?.latitude, organisation.place?.longitude, organisation.id,
                organisation.operatorID,
            ])
    }

    // MARK: Piles

    static func piles(utcOffsets: [String: Int], in db: Database) throws -> [PileState] {
        var disabled: [String: [Int]] = [:]
        for row in try Row.fetchAll(db, sql: "SELECT pile, port FROM disabled_ports ORDER BY pile, port") {
            disabled[row["pile"], default: []].append(row["port"])
        }
        // Strings of operators and sites are the same for many piles: they share one.
        var shared: [String: String] = [:]
        func same(_ text: String) -> String {
            if let known = shared[text] { return known }
            shared[text] = text
            return text
        }
        var piles: [PileState] = []
        let rows = try Row.fetchCursor(db, sql: "SELECT * FROM piles ORDER BY id")
        while let row = try rows.next() {
            let id: String = row["id"]
            let site: String = row["site"]
            var pile = PileState(
                RegisteredPile(
                    id: id, operatorID: same(row["operator"]), site: same(site), ports: row["ports"], ratedPower: row["rated_power"],
                    disabledPorts: disabled[id] ?? [], utcOffset: utcOffsets[site] ?? 480),
                wire: PileProtocol(rawValue: row["protocol"]) ?? .dny, name: row["name"])
            pile.model = row["model"]
            pile.firmware = row["firmware"]
            pile.iccid = row["iccid"]
            pile.lastSeen = row["last_seen"]
            pile.desiredVersion = row["desired_version"]
            pile.reportedVersion = row["reported_version"]
            piles.append(pile)
        }
        return piles
    }

    /// - Returns: whether it is new.
    static func insert(_ entry: PileEntry, operatorID: String, site: String, at now: Int64, in db: Database) throws -> Bool {
        try db.execute(
            cached: "INSERT OR IGNORE INTO piles (id, operator, site, protocol, ports, rated_power, name, created_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            entry.id, operatorID, site, entry.wire.rawValue, entry.ports, entry.ratedPower, entry.name, now)
        return db.changesCount == 1
    }

    static func change(_ pile: String, name: String?, site: String, in db: Database) throws {
        try db.execute(sql: "UPDATE piles SET name = ?, site = ? WHERE id = ?", arguments: [name, site, pile])
    }

    static func keep(_ pile: PileState, in db: Database) throws {
        try db.execute(
            cached: "UPDATE piles SET model = ?, firmware = ?, iccid = ?, last_seen = ? WHERE id = ?",
            pile.model, pile.firmware, pile.iccid, pile.lastSeen, pile.registered.id)
    }

    static func setDisabled(
        _ isDisabled: Bool, pile: RegisteredPile, port: Int, reason: String, by who: String, at now: Int64, in db: Database
    ) throws {
        if isDisabled {
            try db.execute(
                sql: """
                    INSERT INTO disabled_ports (pile, port, operator, reason, disabled_by, disabled_at) VALUES (?, ?, ?, ?, ?, ?)
                    ON CONFLICT (pile, port) DO UPDATE SET reason = excluded.reason, disabled_by = excluded.disabled_by
                    """, arguments: [pile.id, port, pile.operatorID, reason, who, now])
        } else {
            try db.execute(sql: "DELETE FROM disabled_ports WHERE pile = ? AND port = ?", arguments: [pile.id, port])
        }
    }

    /// One page of the piles of some sites, by id.
    ///
    /// - Parameter sites: `nil` for all.
    static func pileIDs(sites: [String]?, wire: String?, limit: Int, offset: Int, in db: Database) throws -> (items: [String], total: Int) {
        let (filter, arguments) = Self.filter(sites: sites, and: wire.map { [("protocol", $0)] } ?? [])
        let total = try Int.fetchOne(db, sql: "SELECT count(*) FROM piles\(filter)", arguments: arguments) ?? 0
        let items = try String.fetchAll(
            db, sql: "SELECT id FROM piles\(filter) ORDER BY id LIMIT ? OFFSET ?", arguments: arguments + [limit, offset])
        return (items, total)
    }

    /// ` WHERE …` over a column `site`, and further columns that must have a value.
    static func filter(sites: [String]?, and equal: [(column: String, value: any DatabaseValueConvertible)] = []) -> (
        String, StatementArguments
    ) {
        var conditions: [String] = []
        var arguments: StatementArguments = []
        if let sites {
            conditions.append("site IN (SELECT value FROM json_each(?))")
            arguments += [JSONWriter.text(.list(sites.map { .text($0) }))]
        }
        for (column, value) in equal {
            conditions.append("\(column) = ?")
            arguments += [value]
        }
        return (conditions.isEmpty ? "" : " WHERE " + conditions.joined(separator: " AND "), arguments)
    }
}
