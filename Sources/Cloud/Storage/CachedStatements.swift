import CSQLite
package import GRDB

// Statements that are compiled once for a connection. SQLite compiles a statement in several times the time that it takes to run a short
// one, so whatever is said for every request or message goes through these; `sql:` is for schemas and for texts that never come again.

extension Database {
    /// Carries out one statement that gives no rows, compiled once.
    ///
    /// SQLite gets the values as they are. GRDB's way makes arguments of them first and asks observers, of which a cloud has none, so that
    /// a short statement takes twice as long. Not for BEGIN and COMMIT, whose effects GRDB follows.
    ///
    /// - Parameter values: for each `?` of the statement, in their order.
    package func execute<each Value: StatementBinding>(cached sql: String, _ values: repeat each Value) throws {
        let statement = unsafe try binding(sql) { place in
            for value in repeat each values { try place.take(value) }
        }
        unsafe try finish(statement, sql)
    }

    /// The same with values whose number only the run knows.
    package func execute(cached sql: String, list: [SQLValue]) throws {
        let statement = unsafe try binding(sql) { place in
            for value in list {
                switch value {
                case .integer(let integer): try place.take(integer)
                case .text(let text): try place.take(text)
                }
            }
        }
        unsafe try finish(statement, sql)
    }

    private func finish(_ statement: SQLiteStatement, _ sql: String) throws {
        defer { unsafe clear(statement) }
        var code = unsafe sqlite3_step(statement)
        while code == SQLITE_ROW { code = unsafe sqlite3_step(statement) }
        if code != SQLITE_DONE { throw failure(sql) }
    }

    /// The first column of the first row; `nil` where there is no row, or it holds NULL.
    fileprivate func first<Found: StatementColumnConvertible, each Value: StatementBinding>(_ sql: String, _ values: repeat each Value) throws -> Found? {
        let statement = unsafe try binding(sql) { place in
            for value in repeat each values { try place.take(value) }
        }
        defer { unsafe clear(statement) }
        switch unsafe sqlite3_step(statement) {
        case SQLITE_ROW: return unsafe Found.fromStatement(statement, atUncheckedIndex: 0)
        case SQLITE_DONE: return nil
        default: throw failure(sql)
        }
    }

    fileprivate func firstRecord<Record: ColumnRecord, each Value: StatementBinding>(
        _ sql: String, _ values: repeat each Value
    ) throws -> Record? {
        let statement = unsafe try binding(sql) { place in
            for value in repeat each values { try place.take(value) }
        }
        defer { unsafe clear(statement) }
        return unsafe try row(of: statement, sql)
    }

    fileprivate func records<Record: ColumnRecord, each Value: StatementBinding>(_ sql: String, _ values: repeat each Value) throws -> [Record] {
        let statement = unsafe try binding(sql) { place in
            for value in repeat each values { try place.take(value) }
        }
        defer { unsafe clear(statement) }
        var records: [Record] = []
        while let record: Record = unsafe try row(of: statement, sql) { records.append(record) }
        return records
    }

    private func row<Record: ColumnRecord>(of statement: SQLiteStatement, _ sql: String) throws -> Record? {
        switch unsafe sqlite3_step(statement) {
        case SQLITE_ROW:
            var columns = unsafe ColumnReader(statement)
            return try Record(&columns)
        case SQLITE_DONE: return nil
        default: throw failure(sql)
        }
    }

    private func binding(_ sql: String, _ body: (inout BindingPlace) throws -> Void) throws -> SQLiteStatement {
        let statement = unsafe try cachedStatement(sql: sql).sqliteStatement
        var place = unsafe BindingPlace(statement: statement)
        do { try body(&place) } catch is BindingPlace.Failed { throw failure(sql) }
        guard unsafe place.number == sqlite3_bind_parameter_count(statement) else {
            throw DatabaseError(resultCode: .SQLITE_MISUSE, message: "\(place.number) values for another number of places", sql: sql)
        }
        return unsafe statement
    }

    /// Ready for the next time, without the values of this one, which may be whole firmware images.
    private func clear(_ statement: SQLiteStatement) {
        // A statement that failed tells so once more where it is reset.
        unsafe _ = sqlite3_reset(statement)
        unsafe _ = sqlite3_clear_bindings(statement)
    }

    private func failure(_ sql: String) -> DatabaseError {
        DatabaseError(resultCode: lastErrorCode, message: lastErrorMessage, sql: sql)
    }
}

/// A value of a list that the run makes.
package enum SQLValue {
    case integer(Int64)
    case text(String)
}

/// Gives a statement its values, one after the other.
@safe private struct BindingPlace {
    struct Failed: Error {}
    let statement: SQLiteStatement
    /// From 1.
    var number: CInt = 0

    init(statement: SQLiteStatement) { unsafe self.statement = statement }

    mutating func take(_ value: some StatementBinding) throws(Failed) {
        number += 1
        if unsafe value.bind(to: statement, at: number) != SQLITE_OK { throw Failed() }
    }
}

extension Row {
    package static func fetchOne(_ db: Database, cached sql: String, arguments: StatementArguments = StatementArguments()) throws -> Row? {
        try fetchOne(db.cachedStatement(sql: sql), arguments: arguments)
    }

    package static func fetchAll(_ db: Database, cached sql: String, arguments: StatementArguments = StatementArguments()) throws -> [Row] {
        try fetchAll(db.cachedStatement(sql: sql), arguments: arguments)
    }
}

extension DatabaseValueConvertible where Self: StatementColumnConvertible {
    package static func fetchOne<each Value: StatementBinding>(_ db: Database, cached sql: String, _ values: repeat each Value) throws -> Self? {
        try db.first(sql, repeat each values)
    }

    package static func fetchAll(_ db: Database, cached sql: String, arguments: StatementArguments = StatementArguments()) throws -> [Self] {
        try fetchAll(db.cachedStatement(sql: sql), arguments: arguments)
    }
}

/// A record that is read from the columns of a row, one after the other.
///
/// GRDB's records are read from a `Row`, which knows its columns by name and is made anew for each statement: for one row it takes several
/// times as long as SQLite, and every request of a device reads several records.
protocol ColumnRecord {
    /// What `init` reads, in its order, for after SELECT.
    static var columns: String { get }

    init(_ columns: inout ColumnReader) throws
}

extension ColumnRecord {
    static func fetchOne<each Value: StatementBinding>(_ db: Database, cached sql: String, _ values: repeat each Value) throws -> Self? {
        try db.firstRecord(sql, repeat each values)
    }

    static func fetchAll<each Value: StatementBinding>(_ db: Database, cached sql: String, _ values: repeat each Value) throws -> [Self] {
        try db.records(sql, repeat each values)
    }
}

/// Reads the columns of a statement's row, from the first.
@safe struct ColumnReader {
    private let statement: SQLiteStatement
    private var place: CInt = -1

    init(_ statement: SQLiteStatement) { unsafe self.statement = statement }

    /// - Throws: where the column holds NULL or there is none: the statement and the record do not belong together.
    mutating func next<Value: StatementColumnConvertible>() throws -> Value {
        guard let value: Value = optional() else {
            throw DatabaseError(resultCode: .SQLITE_MISMATCH, message: "column \(place) holds no \(Value.self)")
        }
        return value
    }

    /// The same for a column that may be NULL.
    mutating func optional<Value: StatementColumnConvertible>() -> Value? {
        place += 1
        return unsafe Value.fromStatement(statement, atUncheckedIndex: place)
    }
}
