import Foundation
import GRDB
import Testing

@testable import Cloud

/// Statements that are compiled once, given their values without GRDB's arguments. What is in the database is read back through GRDB's own
/// way, and by SQLite's `typeof`.
@Suite struct CachedStatementsTests {
    private static let insert = "INSERT INTO things (id, name, size, weight, is_used, content) VALUES (?, ?, ?, ?, ?, ?)"

    private func storage() throws -> Storage {
        let storage = try Storage(path: nil)
        try storage.write { db in
            try db.execute(
                sql: "CREATE TABLE things (id INTEGER PRIMARY KEY, name TEXT UNIQUE, size INTEGER CHECK (size >= 0), weight REAL, is_used BOOLEAN, content BLOB)")
        }
        return storage
    }

    @Test func `every kind of value arrives as SQLite's own, NULL where there is none`() throws {
        let storage = try storage()
        let nothing: (String?, Int64?, Double?, Bool?, Data?) = (nil, nil, nil, nil, nil)
        let types = try storage.write { db in
            try db.execute(cached: Self.insert, 1, "größer 桩", Int64.max, 1.5, true, Data([0, 255]))
            try db.execute(cached: Self.insert, 2, nothing.0, nothing.1, nothing.2, nothing.3, nothing.4)
            return try Row.fetchAll(
                db, sql: "SELECT typeof(name), typeof(size), typeof(weight), typeof(is_used), typeof(content) FROM things ORDER BY id"
            ).map { row in (0..<5).map { row[$0] as String } }
        }
        #expect(types == [["text", "integer", "real", "integer", "blob"], ["null", "null", "null", "null", "null"]])
        let row = try #require(try storage.read { db in try Row.fetchOne(db, sql: "SELECT * FROM things WHERE id = 1") })
        #expect(row["name"] == "größer 桩")
        #expect(row["size"] == Int64.max)
        #expect(row["is_used"] == true)
        #expect(row["content"] == Data([0, 255]))
    }

    @Test func `a list has as many values as the run likes`() throws {
        let storage = try storage()
        try storage.write { db in
            try db.execute(
                cached: "INSERT INTO things (id, name) VALUES (?, ?), (?, ?)", list: [.integer(7), .text("a"), .integer(8), .text("b")])
        }
        #expect(try storage.read { db in try String.fetchAll(db, sql: "SELECT id || name FROM things ORDER BY id") } == ["7a", "8b"])
    }

    @Test func `the first column of the first row, and nothing for no row or NULL`() throws {
        let storage = try storage()
        try storage.write { db in
            try db.execute(cached: "INSERT INTO things (id, size) VALUES (?, ?)", 1, 40)
            try db.execute(cached: "INSERT INTO things (id) VALUES (?)", 2)
            #expect(try Int64.fetchOne(db, cached: "SELECT size FROM things WHERE id = ?", 1) == 40)
            #expect(try Int64.fetchOne(db, cached: "SELECT size FROM things WHERE id = ?", 2) == nil)
            #expect(try Int64.fetchOne(db, cached: "SELECT size FROM things WHERE id = ?", 3) == nil)
            // The same statement once more, after one that stopped at its first row.
            #expect(try Int64.fetchOne(db, cached: "SELECT size FROM things WHERE id = ?", 1) == 40)
            #expect(try Int64.fetchOne(db, cached: "SELECT count(*) FROM things") == 2)
        }
    }

    @Test func `too few or too many values are refused, and nothing is written`() throws {
        let storage = try storage()
        #expect(throws: StorageError.self) { try storage.write { db in try db.execute(cached: Self.insert, 1, "a") } }
        #expect(throws: StorageError.self) { try storage.write { db in try db.execute(cached: "INSERT INTO things (id) VALUES (?)", 1, 2) } }
        #expect(throws: StorageError.self) { try storage.read { db in try Int64.fetchOne(db, cached: "SELECT id FROM things WHERE id = ?") } }
        #expect(try storage.read { db in try Int64.fetchOne(db, cached: "SELECT count(*) FROM things") } == 0)
    }

    @Test func `a statement that fails says why, takes its transaction with it, and works the next time`() throws {
        let storage = try storage()
        try storage.write { db in try db.execute(cached: "INSERT INTO things (id, name, size) VALUES (?, ?, ?)", 1, "a", 1) }
        for (name, size, reason) in [("a", 1, "UNIQUE constraint failed: things.name"), ("b", -1, "CHECK constraint failed: size >= 0")] {
            let error = #expect(throws: StorageError.self) {
                try storage.write { db in
                    try db.execute(cached: "INSERT INTO things (id, name, size) VALUES (?, ?, ?)", 2, "c", 1)
                    try db.execute(cached: "INSERT INTO things (id, name, size) VALUES (?, ?, ?)", 3, name, size)
                }
            }
            #expect(error?.description.contains(reason) == true, "\(String(describing: error))")
        }
        #expect(try storage.read { db in try Int64.fetchOne(db, cached: "SELECT count(*) FROM things") } == 1)
        try storage.write { db in try db.execute(cached: "INSERT INTO things (id, name, size) VALUES (?, ?, ?)", 2, "b", 0) }
        #expect(try storage.read { db in try Int64.fetchOne(db, cached: "SELECT max(id) FROM things") } == 2)
    }
}
