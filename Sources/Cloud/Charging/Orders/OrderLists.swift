import GRDB
import LabCore

/// Lists and counts of orders, for people and scenarios.
enum OrderLists {
    private static func condition(_ filter: OrderFilter) -> (sql: String, arguments: StatementArguments) {
        var parts: [String] = []
        var arguments: [(any DatabaseValueConvertible)?] = []
        func add(_ sql: String, _ value: (any DatabaseValueConvertible)?) {
            guard let value else { return }
            parts.append(sql)
            arguments.append(value)
        }
        add("user = ?", filter.user)
        add("tenant = ?", filter.operatorID)
        add("pile = ?", filter.pile)
        add("port = ?", filter.port)
        add("state = ?", filter.state)
        add("created_at >= ?", filter.from)
        add("created_at < ?", filter.to)
        if let hasReview = filter.hasReview { parts.append(hasReview ? "review <> ''" : "review = ''") }
        if let sites = filter.sites {
            parts.append("site IN (\(Array(repeating: "?", count: max(1, sites.count)).joined(separator: ",")))")
            arguments += sites.isEmpty ? [""] : sites
        }
        return (parts.isEmpty ? "" : " WHERE " + parts.joined(separator: " AND "), StatementArguments(arguments))
    }

    /// The newest first.
    static func page(_ filter: OrderFilter, limit: Int, offset: Int, in db: Database) throws -> (items: [Order], total: Int) {
        let (sql, arguments) = condition(filter)
        let total = try Int.fetchOne(db, sql: "SELECT count(*) FROM orders" + sql, arguments: arguments) ?? 0
        let rows = try Row.fetchAll(
            db, sql: "SELECT * FROM orders\(sql) ORDER BY id DESC LIMIT \(max(0, limit)) OFFSET \(max(0, offset))", arguments: arguments)
        return (rows.map(Order.init), total)
    }

    static func counts(_ filter: OrderFilter, in db: Database) throws -> Fields {
        let (sql, arguments) = condition(filter)
        var fields: Fields = ["count": 0, "active": 0]
        for state in OrderState.allCases { fields[state.rawValue] = 0 }
        var (count, active) = (Int64(0), Int64(0))
        for row in try Row.fetchAll(db, sql: "SELECT state, count(*) FROM orders\(sql) GROUP BY state ORDER BY state", arguments: arguments)
        {
            guard let state = OrderState(rawValue: row[0]) else { continue }
            let number: Int64 = row[1]
            fields[state.rawValue] = .integer(number)
            count += number
            if state.isActive { active += number }
        }
        fields["count"] = .integer(count)
        fields["active"] = .integer(active)
        let sums = try Row.fetchOne(
            db, sql: "SELECT coalesce(sum(review <> ''), 0), coalesce(sum(billed_energy), 0), coalesce(sum(price), 0) FROM orders" + sql,
            arguments: arguments)
        fields["review"] = .integer(sums?[0] ?? 0)
        fields["energy"] = .integer(sums?[1] ?? 0)
        fields["cents"] = .integer(sums?[2] ?? 0)
        if let last = try String.fetchOne(db, sql: "SELECT number FROM orders\(sql) ORDER BY id DESC LIMIT 1", arguments: arguments) {
            fields["last"] = .text(last)
        }
        return fields
    }

    static func total(in db: Database) throws -> Int64 { try Int64.fetchOne(db, sql: "SELECT count(*) FROM orders") ?? 0 }

    static func bills(pile: String?, order: String?, in db: Database) throws -> Fields {
        var parts: [String] = []
        var arguments: [(any DatabaseValueConvertible)?] = []
        if let pile {
            parts.append("pile = ?")
            arguments.append(pile)
        }
        if let order {
            parts.append("(number = ? OR order_id = (SELECT id FROM orders WHERE number = ?))")
            arguments += [order, order]
        }
        let condition = parts.isEmpty ? "" : " WHERE " + parts.joined(separator: " AND ")
        let rows = try Row.fetchAll(
            db, sql: "SELECT outcome, refusal FROM bills\(condition) ORDER BY id", arguments: StatementArguments(arguments))
        let refusals = rows.compactMap { $0[1] as String? }
        return [
            "booked": .integer(Int64(rows.count - refusals.count)), "quarantined": .integer(Int64(refusals.count)),
            "reasons": .list(refusals.map { .text($0) }),
        ]
    }
}
