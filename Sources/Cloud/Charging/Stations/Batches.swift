import Foundation
import GRDB
package import LabCore

/// What is done to many piles at once.
package enum BatchKind: String, Sendable, CaseIterable {
    case restart, upgrade
    case setParameters = "set_parameters"
    case disablePorts = "disable_ports"
    case enablePorts = "enable_ports"

    /// The service of the gateway that does it; `nil` for what the cloud does alone.
    var service: PileService? {
        switch self {
        case .restart: .restart
        case .upgrade: .upgrade
        case .setParameters: .setParameters
        case .disablePorts, .enablePorts: nil
        }
    }

    /// How long piles have for it.
    package var patience: Duration {
        switch self {
        case .restart, .setParameters: .seconds(600)
        case .upgrade: .seconds(7_200)
        case .disablePorts, .enablePorts: .seconds(60)
        }
    }
}

package struct StationBatch: Sendable, Equatable {
    package var id: Int64
    package var operatorID: String
    package var kind: BatchKind
    package var arguments: Fields
    package var createdBy: String
    package var createdAt: Int64
    package var deadline: Int64
    package var finishedAt: Int64?
}

/// What became of one pile of a batch.
package struct BatchItem: Sendable, Equatable {
    package enum State: String, Sendable, CaseIterable {
        case waiting, sent, done
        /// The pile is not there, or busy with the wish before: it gets its parameters when it can.
        case stored
        case failed
        var isFinal: Bool { self == .done || self == .stored || self == .failed }
    }
    package var pile: String
    package var site: String
    package var state: State
    /// `pile_offline`, `busy`, `timeout`, `unanswered`, or what the pile said.
    package var reason: String?
    package var finishedAt: Int64?
}

/// A batch that is not finished: who waits, who has been told.
struct RunningBatch: Sendable {
    var batch: StationBatch
    /// In the order of the ids; the next one is the last.
    var waiting: [String]
    var sent: Set<String> = []
    /// Of an upgrade, once it has been read.
    var image: [UInt8]?
    /// Results that are not yet written.
    var results: [BatchItem] = []
    var isFinished: Bool { waiting.isEmpty && sent.isEmpty }
}

/// The SQL of batches.
enum BatchStore {
    static func insert(
        _ kind: BatchKind, _ arguments: Fields, items: [BatchItem], operatorID: String, by who: String, at now: Int64, in db: Database
    ) throws -> StationBatch {
        let deadline = now + kind.patience.nanoseconds / 1_000_000
        try db.execute(
            sql: "INSERT INTO batches (operator, kind, arguments, created_by, created_at, deadline) VALUES (?, ?, ?, ?, ?, ?)",
            arguments: [operatorID, kind.rawValue, JSONWriter.text(.record(arguments)), who, now, deadline])
        let id = db.lastInsertedRowID
        let statement = try db.cachedStatement(
            sql: "INSERT INTO batch_items (batch, pile, site, state, reason, finished_at) VALUES (?, ?, ?, ?, ?, ?)")
        for item in items {
            try statement.execute(arguments: [id, item.pile, item.site, item.state.rawValue, item.reason, item.finishedAt])
        }
        return StationBatch(
            id: id, operatorID: operatorID, kind: kind, arguments: arguments, createdBy: who, createdAt: now, deadline: deadline,
            finishedAt: nil)
    }

    static func keep(_ items: [BatchItem], of batch: Int64, in db: Database) throws {
        let statement = try db.cachedStatement(
            sql: "UPDATE batch_items SET state = ?, reason = ?, finished_at = ? WHERE batch = ? AND pile = ?")
        for item in items { try statement.execute(arguments: [item.state.rawValue, item.reason, item.finishedAt, batch, item.pile]) }
    }

    static func finish(_ batch: Int64, at now: Int64, in db: Database) throws {
        try db.execute(sql: "UPDATE batches SET finished_at = ? WHERE id = ? AND finished_at IS NULL", arguments: [now, batch])
    }

    static func find(_ id: Int64, in db: Database) throws -> StationBatch? {
        try Row.fetchOne(db, sql: "SELECT * FROM batches WHERE id = ?", arguments: [id]).flatMap(batch)
    }

    static func unfinished(in db: Database) throws -> [StationBatch] {
        try Row.fetchAll(db, sql: "SELECT * FROM batches WHERE finished_at IS NULL ORDER BY id").compactMap(batch)
    }

    static func page(operators: [String]?, limit: Int, offset: Int, in db: Database) throws -> (items: [StationBatch], total: Int) {
        let filter = operators == nil ? "" : " WHERE operator IN (SELECT value FROM json_each(?))"
        let arguments: StatementArguments = operators.map { [JSONWriter.text(.list($0.map { .text($0) }))] } ?? []
        let total = try Int.fetchOne(db, sql: "SELECT count(*) FROM batches\(filter)", arguments: arguments) ?? 0
        let rows = try Row.fetchAll(
            db, sql: "SELECT * FROM batches\(filter) ORDER BY id DESC LIMIT ? OFFSET ?", arguments: arguments + [limit, offset])
        return (rows.compactMap(batch), total)
    }

    static func items(of batch: Int64, sites: [String]? = nil, limit: Int, offset: Int, in db: Database) throws -> (
        items: [BatchItem], total: Int
    ) {
        let (filter, arguments) = StationStore.filter(sites: sites, and: [("batch", batch)])
        let total = try Int.fetchOne(db, sql: "SELECT count(*) FROM batch_items\(filter)", arguments: arguments) ?? 0
        let rows = try Row.fetchAll(
            db, sql: "SELECT * FROM batch_items\(filter) ORDER BY pile LIMIT ? OFFSET ?", arguments: arguments + [limit, offset])
        return (rows.map(item), total)
    }

    /// How many items are in each state.
    static func counts(of batch: Int64, in db: Database) throws -> [BatchItem.State: Int] {
        var counts: [BatchItem.State: Int] = [:]
        for row in try Row.fetchAll(
            db, sql: "SELECT state, count(*) AS number FROM batch_items WHERE batch = ? GROUP BY state", arguments: [batch])
        {
            if let state = BatchItem.State(rawValue: row["state"]) { counts[state] = row["number"] }
        }
        return counts
    }

    private static func batch(_ row: Row) -> StationBatch? {
        let text: String = row["arguments"]
        guard let kind = BatchKind(rawValue: row["kind"]), let arguments = (try? JSONReader.read(text))?.record else { return nil }
        return StationBatch(
            id: row["id"], operatorID: row["operator"], kind: kind, arguments: arguments, createdBy: row["created_by"],
            createdAt: row["created_at"],
            deadline: row["deadline"], finishedAt: row["finished_at"])
    }

    private static func item(_ row: Row) -> BatchItem {
        BatchItem(
            pile: row["pile"], site: row["site"], state: BatchItem.State(rawValue: row["state"]) ?? .failed, reason: row["reason"],
            finishedAt: row["finished_at"])
    }

    // MARK: Images

    /// - Returns: whether it is new; the same content again is not, and no conflict.
    /// - Throws: `PILE_IMAGE_EXISTS` for another content.
    static func putImage(_ content: [UInt8], checksum: String, version: String, operatorID: String, at now: Int64, in db: Database) throws
        -> Bool
    {
        if let known = try String.fetchOne(
            db, sql: "SELECT checksum FROM pile_images WHERE operator = ? AND version = ?", arguments: [operatorID, version])
        {
            guard known == checksum else { throw APIError(.pileImageExists) }
            return false
        }
        try db.execute(
            sql: "INSERT INTO pile_images (operator, version, checksum, content, created_at) VALUES (?, ?, ?, ?, ?)",
            arguments: [operatorID, version, checksum, unsafe content.withUnsafeBytes { unsafe Data($0) }, now])
        return true
    }

    static func image(version: String, operatorID: String, in db: Database) throws -> [UInt8]? {
        try Data.fetchOne(db, sql: "SELECT content FROM pile_images WHERE operator = ? AND version = ?", arguments: [operatorID, version])
            .map { Array($0) }
    }
}
