import GRDB

/// What is wrong at a pile or a port, and since when.
package struct StationAlarm: Sendable, Equatable {
    package var id: Int64
    package var operatorID: String
    package var site: String
    package var pile: String
    /// `nil` for the whole pile.
    package var port: Int?
    /// `AlarmKind`'s words, and those of the orders and the stations: `offline`, `lost_order`, `energy_without_order`.
    package var kind: String
    package var text: String
    package var order: String?
    package var raisedAt: Int64
    /// How often it was raised while it was open.
    package var count: Int64
    package var clearedAt: Int64?
    package var acknowledgedAt: Int64?
    package var acknowledgedBy: String?
}

/// Which alarm: while one of a kind is open at a place, no second one is made.
struct AlarmKey: Hashable, Sendable {
    var pile: String
    /// 0 for the whole pile.
    var port: Int
    var kind: String
}

/// The open alarms, in memory; the table has them too, so that they outlive the cloud.
struct AlarmBoard: Sendable {
    struct Open: Sendable {
        var id: Int64
        var count: Int64
        /// The pile has shown the port as faulty since: when it shows it in order again, the fault is over.
        var wasFault: Bool
    }

    private(set) var open: [AlarmKey: Open] = [:]
    /// Kinds of open alarms by pile, so that a look at one pile costs nothing more.
    private var byPile: [String: [AlarmKey]] = [:]

    /// Kinds that forbid new charges, at their port or, without one, at the whole pile.
    static let blocking: Set<String> = [
        AlarmKind.water.rawValue, AlarmKind.smoke.rawValue, AlarmKind.heat.rawValue, AlarmKind.overCurrent.rawValue,
        AlarmKind.overTemperature.rawValue, AlarmKind.relayStuck.rawValue, AlarmKind.portFault.rawValue,
    ]
    /// Kinds that end when the port is shown in order again.
    static let ofPorts: Set<String> = [
        AlarmKind.overCurrent.rawValue, AlarmKind.overTemperature.rawValue, AlarmKind.relayStuck.rawValue, AlarmKind.portFault.rawValue,
    ]

    mutating func put(_ key: AlarmKey, id: Int64, count: Int64 = 1, wasFault: Bool = false) {
        open[key] = Open(id: id, count: count, wasFault: wasFault)
        byPile[key.pile, default: []].append(key)
    }

    /// - Returns: whether it was open.
    mutating func repeated(_ key: AlarmKey) -> Bool {
        guard open[key] != nil else { return false }
        open[key]?.count += 1
        return true
    }

    mutating func markFault(_ key: AlarmKey) { open[key]?.wasFault = true }

    mutating func take(_ key: AlarmKey) -> Open? {
        guard let found = open.removeValue(forKey: key) else { return nil }
        byPile[key.pile]?.removeAll { $0 == key }
        if byPile[key.pile]?.isEmpty == true { byPile[key.pile] = nil }
        return found
    }

    /// In the order in which they were raised.
    func keys(of pile: String) -> [AlarmKey] { byPile[pile] ?? [] }

    /// The kind of the first open alarm that forbids charging at the port.
    func block(pile: String, port: Int) -> String? {
        keys(of: pile).first { ($0.port == 0 || $0.port == port) && Self.blocking.contains($0.kind) }?.kind
    }
}

/// The SQL of alarms.
enum AlarmStore {
    static func insert(_ alarm: StationAlarm, in db: Database) throws -> Int64 {
        try db.execute(
            cached: """
                INSERT INTO alarms (operator, site, pile, port, kind, text, order_number, raised_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?)
                ON CONFLICT DO NOTHING
                """,
            alarm.operatorID, alarm.site, alarm.pile, alarm.port ?? 0, alarm.kind, alarm.text, alarm.order, alarm.raisedAt)
        return db.lastInsertedRowID
    }

    static func clear(_ id: Int64, count: Int64, at now: Int64, in db: Database) throws {
        try db.execute(
            cached: "UPDATE alarms SET cleared_at = ?, count = ? WHERE id = ? AND cleared_at IS NULL",
            now, count, id)
    }

    static func acknowledge(_ id: Int64, by who: String, at now: Int64, in db: Database) throws {
        try db.execute(
            sql: "UPDATE alarms SET acknowledged_at = ?, acknowledged_by = ? WHERE id = ? AND acknowledged_at IS NULL",
            arguments: [now, who, id])
    }

    static func find(_ id: Int64, in db: Database) throws -> StationAlarm? {
        try Row.fetchOne(db, sql: "SELECT * FROM alarms WHERE id = ?", arguments: [id]).map(alarm)
    }

    static func allOpen(in db: Database) throws -> [StationAlarm] {
        try Row.fetchAll(db, sql: "SELECT * FROM alarms WHERE cleared_at IS NULL ORDER BY id").map(alarm)
    }

    /// One page, the newest first.
    static func page(sites: [String]?, pile: String?, isOpen: Bool?, limit: Int, offset: Int, in db: Database) throws -> (
        items: [StationAlarm], total: Int
    ) {
        var (filter, arguments) = StationStore.filter(sites: sites, and: pile.map { [("pile", $0)] } ?? [])
        if let isOpen { filter += (filter.isEmpty ? " WHERE " : " AND ") + "cleared_at IS \(isOpen ? "" : "NOT ")NULL" }
        let total = try Int.fetchOne(db, sql: "SELECT count(*) FROM alarms\(filter)", arguments: arguments) ?? 0
        arguments += [limit, offset]
        let rows = try Row.fetchAll(db, sql: "SELECT * FROM alarms\(filter) ORDER BY id DESC LIMIT ? OFFSET ?", arguments: arguments)
        return (rows.map(alarm), total)
    }

    private static func alarm(_ row: Row) -> StationAlarm {
        let port: Int = row["port"]
        return StationAlarm(
            id: row["id"], operatorID: row["operator"], site: row["site"], pile: row["pile"], port: port == 0 ? nil : port,
            kind: row["kind"],
            text: row["text"], order: row["order_number"], raisedAt: row["raised_at"], count: row["count"], clearedAt: row["cleared_at"],
            acknowledgedAt: row["acknowledged_at"], acknowledgedBy: row["acknowledged_by"])
    }
}

/// How well a pile does (the seed's `device_health`), from what is known of it now.
package struct PileHealth: Sendable, Equatable {
    /// 0 to 100.
    package var score: Int
    package var alerts: [String]
    package var recommendations: [String]

    /// - Parameter alarms: the kinds of the open alarms.
    package init(of pile: PileState, alarms: [String]) {
        var score = 100
        var advice: [String] = []
        if !pile.isOnline {
            score -= 40
            advice.append(pile.lastSeen == nil ? "It has never come: check the id and its settings." : "Look at its power and its network.")
        }
        let faults = alarms.filter { AlarmBoard.blocking.contains($0) }.count
        score -= min(45, faults * 15)
        if faults > 0 { advice.append("Have the ports with alarms looked at before they are used again.") }
        if pile.drops > 3 {
            score -= min(20, Int(pile.drops) * 2)
            advice.append("It loses its connection often: look at the antenna and the SIM.")
        }
        if pile.starts >= 10, pile.refusedStarts * 5 > pile.starts {
            score -= 15
            advice.append("It refuses more than a fifth of all starts: look at plugs and relays.")
        }
        self.score = max(0, score)
        alerts = alarms
        recommendations = advice
    }
}
