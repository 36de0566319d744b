import GRDB
import LabCore

/// Which order a BKV socket means by a business number.
///
/// The socket allocates the number when it starts, 16 bits that come again after 65,536 charges or after a reset, so that
/// the number alone names no order: the time of the start belongs to the key (charging-protocols.md 2.15, chapter 6 row 11).
struct BusinessBinding: Sendable, Equatable {
    var pile: String
    /// From 1.
    var port: Int
    /// 0 for a start that went out and has no number yet.
    var business: UInt16
    /// Unix milliseconds of the cloud's clock.
    var started: Int64
    var order: String
    /// The content of the bill that was taken for it; `nil` while there was none.
    var billHash: [UInt8]?
}

/// The bindings in the database, and the latest of each port in memory, so that reports need no SQL.
final class BusinessTable: Sendable {
    /// Bindings of one pile that are read when it logs in.
    static let remembered = 64
    private let storage: Storage

    /// - Throws: `StorageError`.
    init(_ storage: Storage) throws {
        self.storage = storage
        try storage.migrate(
            service: "pile-gateway",
            [
                Storage.Migration("business numbers of BKV") { db in
                    try db.execute(
                        sql: """
                            CREATE TABLE pile_business (
                                pile TEXT NOT NULL, port INTEGER NOT NULL, business INTEGER NOT NULL, started INTEGER NOT NULL,
                                order_number TEXT NOT NULL, bill_hash TEXT,
                                PRIMARY KEY (pile, port, business, started)
                            ) WITHOUT ROWID;
                            CREATE INDEX pile_business_latest ON pile_business (pile, started);
                            """)
                }
            ])
    }

    /// Durable when this returns. The same binding again changes nothing.
    func keep(_ binding: BusinessBinding) throws {
        _ = try storage.commit("pile.business", ["pile": .text(binding.pile), "order": .text(binding.order)]) { db in
            try Self.insert(binding, in: db)
            try Self.removeIntention(binding, in: db)
        }
    }

    /// Writes down that a start goes out whose number is not known yet: business number 0. It need not survive more than the
    /// process, and nothing waits for it.
    func intend(_ binding: BusinessBinding) throws { try storage.write(.buffered) { db in try Self.insert(binding, in: db) } }

    /// The start was refused: no number will come.
    func forgetIntention(_ binding: BusinessBinding) throws {
        try storage.write(.buffered) { db in try Self.removeIntention(binding, in: db) }
    }

    private static func insert(_ binding: BusinessBinding, in db: Database) throws {
        try db.execute(
            cached: "INSERT OR IGNORE INTO pile_business (pile, port, business, started, order_number) VALUES (?, ?, ?, ?, ?)",
            binding.pile, binding.port, Int(binding.business), binding.started, binding.order)
    }

    private static func removeIntention(_ binding: BusinessBinding, in db: Database) throws {
        try db.execute(
            cached: "DELETE FROM pile_business WHERE pile = ? AND port = ? AND business = 0 AND order_number = ?",
            binding.pile, binding.port, binding.order)
    }

    /// Notes that the order has its bill. Losing this in a crash costs nothing but a comparison: the orders know better.
    func bill(_ binding: BusinessBinding, hash: [UInt8]) throws {
        try storage.write(.buffered) { db in
            try db.execute(
                cached: "UPDATE pile_business SET bill_hash = ? WHERE pile = ? AND port = ? AND business = ? AND started = ?",
                Hexadecimal.text(hash), binding.pile, binding.port, Int(binding.business), binding.started)
        }
    }

    /// The latest bindings of a pile, newest first.
    func latest(of pile: String) throws -> [BusinessBinding] {
        try storage.read { db in
            let statement = try db.cachedStatement(
                sql: "SELECT * FROM pile_business WHERE pile = ? ORDER BY started DESC LIMIT \(Self.remembered)")
            return try Row.fetchAll(statement, arguments: [pile]).map(Self.binding)
        }
    }

    /// All bindings of one business number, newest first: there are several where it was used again.
    func bindings(of pile: String, port: Int, business: UInt16) throws -> [BusinessBinding] {
        try storage.read { db in
            let statement = try db.cachedStatement(
                sql: "SELECT * FROM pile_business WHERE pile = ? AND port = ? AND business = ? ORDER BY started DESC LIMIT 8")
            return try Row.fetchAll(statement, arguments: [pile, port, Int(business)]).map(Self.binding)
        }
    }

    private static func binding(_ row: Row) -> BusinessBinding {
        let hash: String? = row["bill_hash"]
        return BusinessBinding(
            pile: row["pile"], port: row["port"], business: UInt16(truncatingIfNeeded: row["business"] as Int), started: row["started"],
            order: row["order_number"], billHash: hash.flatMap { Hexadecimal.bytes($0) })
    }
}
