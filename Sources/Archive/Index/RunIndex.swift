import GRDB
import LabCore

/// The index of all runs, an SQLite file beside their folders (Docs/archive.md).
///
/// Several labs may use it at once: it has a write-ahead log, a lab waits for its turn, and a run is one transaction, so that
/// after a kill all of it is there or nothing. What is missing is taken in from the run folders, see `catchUp`.
package final class RunIndex: Sendable {
    /// `nil`: in memory.
    package let path: String?
    let queue: DatabaseQueue

    /// What a user sees as its name.
    var label: String { path ?? "the index in memory" }

    /// Opens the index, makes it where it is not there, brings its schema up to date.
    ///
    /// - Parameters:
    ///   - path: the file; `nil` for an index in memory.
    ///   - patience: how long a write waits for others.
    ///   - maximumPages: the size beyond which the disk counts as full, for tests; the file's own limit where it is `nil`.
    package init(path: String?, patience: Duration = .seconds(20), maximumPages: Int? = nil) throws(IndexFailure) {
        self.path = path
        let label = path ?? "the index in memory"
        var configuration = Configuration()
        configuration.label = "index"
        configuration.busyMode = .timeout(Double(patience.nanoseconds) / 1e9)
        configuration.prepareDatabase { db in
            try db.execute(sql: "PRAGMA temp_store = MEMORY")
            if let maximumPages { try db.execute(sql: "PRAGMA max_page_count = \(maximumPages)") }
        }
        do {
            guard let path else {
                queue = try DatabaseQueue(configuration: configuration)
                try IndexSchema.migrator.migrate(queue)
                return
            }
            let folder = Files.parent(of: path)
            try Files.makeFolders(folder)
            // Two labs that make it at once: one makes it, the other finds it made.
            let guardian = try FileDescriptor.open(folder.isEmpty ? "." : folder, FileDescriptor.folderFlags)
            try guardian.lock()
            let isCurrent = try Self.examine(path, patience: patience)
            configuration.journalMode = .wal
            queue = try DatabaseQueue(path: path, configuration: configuration)
            if !isCurrent { try IndexSchema.migrator.migrate(queue) }
            try guardian.close()
        } catch let error as SystemError {
            throw .failed(label, reason: error.description)
        } catch { throw IndexFailure(error, path: label) }
    }

    /// Looks at a file before anything changes it.
    ///
    /// - Returns: whether its schema is this lab's.
    private static func examine(_ path: String, patience: Duration) throws -> Bool {
        guard Files.exists(path) else { return false }
        guard Files.isRegular(path) else { throw IndexFailure.failed(path, reason: "it is not a regular file") }
        guard Files.size(path) > 0 else { return false }
        var configuration = Configuration()
        configuration.busyMode = .timeout(Double(patience.nanoseconds) / 1e9)
        configuration.readonly = true
        return try DatabaseQueue(path: path, configuration: configuration).read { db in
            let application = try Int64.fetchOne(db, sql: "PRAGMA application_id") ?? 0
            let version = try Int64.fetchOne(db, sql: "PRAGMA user_version") ?? 0
            let tables = try Int64.fetchOne(db, sql: "SELECT count(*) FROM sqlite_master") ?? 0
            // A lab that was killed while it made the file leaves it empty.
            if tables == 0 { return false }
            guard application == IndexSchema.applicationID else { throw IndexFailure.foreign(path) }
            guard version <= IndexSchema.version else { throw IndexFailure.newer(path, version: version) }
            return version == IndexSchema.version
        }
    }

    func read<Value>(_ body: (Database) throws -> Value) throws(IndexFailure) -> Value {
        do { return try queue.read(body) } catch { throw IndexFailure(error, path: label) }
    }

    /// One transaction; nothing of it is kept when it throws.
    func write<Value>(_ body: (Database) throws -> Value) throws(IndexFailure) -> Value {
        do {
            return try queue.writeWithoutTransaction { db in
                var value: Value?
                // Immediate: a transaction that first reads and then finds another writer could not wait for it.
                try db.inTransaction(.immediate) {
                    value = try body(db)
                    return .commit
                }
                guard let value else { throw IndexFailure.failed(label, reason: "the transaction did not run") }
                return value
            }
        } catch { throw IndexFailure(error, path: label) }
    }

    /// Closes the file; nothing can be asked afterwards.
    package func close() { try? queue.close() }
}
