import GRDB

/// Whose cards there are. A card without an operator counts at all of them.
enum CardStore {
    static func user(of card: String, tenant: String, in db: Database) throws -> String? {
        let statement = try db.cachedStatement(
            sql: "SELECT user FROM charge_cards WHERE card = ? AND tenant IN ('', ?) ORDER BY tenant DESC LIMIT 1")
        return try String.fetchOne(statement, arguments: [card, tenant])
    }

    static func register(_ card: String, tenant: String, user: String, in db: Database) throws {
        try db.execute(sql: "INSERT OR REPLACE INTO charge_cards (card, tenant, user) VALUES (?,?,?)", arguments: [card, tenant, user])
    }
}
