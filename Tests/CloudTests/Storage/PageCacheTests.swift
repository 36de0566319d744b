import Foundation
import GRDB
import LabCore
import Testing

@testable import Cloud

@Suite("The page cache that SQLite is given: whatever is written, taken back and cut off, what is read is what was committed")
struct PageCacheTests {
    private struct TakenBack: Error {}

    /// Rows by key, as the transactions leave them.
    private typealias Model = [Int64: Data]

    private func change(_ db: Database, _ chance: inout SeededGenerator, _ model: inout Model) throws {
        for _ in 0..<chance.integer(below: 120) {
            // Keys from all over the tree, so that pages are split, joined and balanced.
            let key = Int64(chance.integer(below: 3_000))
            if chance.chance(0.3) {
                try db.execute(sql: "DELETE FROM rows WHERE key = ?", arguments: [key])
                model[key] = nil
            } else {
                let value = Data(repeating: UInt8(chance.integer(below: 256)), count: Int(chance.integer(below: 900)))
                try db.execute(sql: "INSERT INTO rows VALUES (?, ?) ON CONFLICT (key) DO UPDATE SET value = excluded.value", arguments: [key, value])
                model[key] = value
            }
        }
    }

    /// `full`: the end of the database is cut off at each commit that frees pages.
    @Test("random transactions, savepoints and rollbacks", arguments: [("NONE", 1), ("NONE", 2), ("FULL", 3), ("FULL", 4)] as [(String, UInt64)])
    func transactions(vacuum: String, seed: UInt64) throws {
        var chance = SeededGenerator(seed: seed, purpose: "page cache")
        let storage = try Storage(path: nil)
        try storage.read { db in try db.execute(sql: "PRAGMA auto_vacuum = \(vacuum)") }
        try storage.write { db in try db.execute(sql: "CREATE TABLE rows (key INTEGER PRIMARY KEY, value BLOB NOT NULL); CREATE INDEX by_value ON rows (value)") }
        var model: Model = [:]
        var pages: [Int] = []
        for turn in 0..<150 {
            var next = model
            do {
                try storage.write { db in
                    try change(db, &chance, &next)
                    // Taken back in the middle of the transaction.
                    try db.inSavepoint {
                        var lost = next
                        try change(db, &chance, &lost)
                        return .rollback
                    }
                    if turn % 25 == 24 {
                        try db.execute(sql: "DELETE FROM rows WHERE key > 200")
                        next = next.filter { $0.key <= 200 }
                    }
                    if chance.chance(0.3) { throw TakenBack() }
                }
                model = next
            } catch is TakenBack {}
            let (rows, check, count) = try storage.read { db in
                (
                    try Row.fetchAll(db, sql: "SELECT key, value FROM rows").map { ($0[0] as Int64, $0[1] as Data) },
                    try String.fetchAll(db, sql: "PRAGMA integrity_check"), try Int.fetchOne(db, sql: "PRAGMA page_count") ?? 0
                )
            }
            #expect(check == ["ok"], "seed \(seed), turn \(turn)")
            #expect(Dictionary(uniqueKeysWithValues: rows) == model, "seed \(seed), turn \(turn)")
            pages.append(count)
        }
        // With FULL the database has become shorter, and pages behind its end were dropped and made anew.
        #expect(zip(pages, pages.dropFirst()).contains { $1 < $0 - 10 } == (vacuum == "FULL"))
    }
}
