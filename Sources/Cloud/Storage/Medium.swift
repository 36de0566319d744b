import CSQLite
import GRDB
import Synchronization

/// The connection and what is wrong with the disk; shared by the sessions of one `Storage`.
final class Medium: Sendable {
    struct Faults: Sendable {
        var slowness: Duration = .zero
        var isFull = false
    }

    let queue: DatabaseQueue
    let faults = Mutex(Faults())
    /// Whether there is a disk to sync with.
    private let isFile: Bool
    /// SQLite's `synchronous` setting as it stands; `nil` before the first write.
    private let current = Mutex<Storage.Durability?>(nil)

    /// Whoever has opened a database before keeps SQLite as it was, which is slower and as right.
    private static let isPrepared = csqlite_prepare(2_000) == SQLITE_OK

    init(path: String?) throws {
        _ = Self.isPrepared
        let isFile = path != nil
        self.isFile = isFile
        var configuration = Configuration()
        configuration.label = "cloud"
        configuration.prepareDatabase { db in
            // Temporary tables and indices of sorting belong in memory, not in files beside the run.
            try db.execute(sql: "PRAGMA temp_store = MEMORY")
            // In memory a commit copies the pages that it changes, and rows of orders fit into half of SQLite's usual page.
            if !isFile { try db.execute(sql: "PRAGMA page_size = 2048") }
        }
        if isFile { configuration.journalMode = .wal }
        let options = configuration
        queue = try StorageError.translating {
            if let path { try DatabaseQueue(path: path, configuration: options) } else { try DatabaseQueue(configuration: options) }
        }
    }

    func write<T>(_ durability: Storage.Durability, _ body: (Database) throws -> T) throws -> T {
        try queue.writeWithoutTransaction { db in
            try use(durability, in: db)
            // Not by GRDB's `inTransaction`, which has SQLite compile both words anew each time.
            try db.execute(cached: "BEGIN IMMEDIATE")
            do {
                let result = try body(db)
                try db.execute(cached: "COMMIT")
                return result
            } catch {
                try db.rollback()
                throw error
            }
        }
    }

    /// SQLite takes the setting only between transactions. With a write-ahead log, NORMAL syncs at checkpoints only,
    /// FULL at each commit, with everything that was written before.
    private func use(_ durability: Storage.Durability, in db: Database) throws {
        guard isFile, current.withLock({ $0 }) != durability else { return }
        switch durability {
        case .buffered: try db.execute(sql: "PRAGMA synchronous = NORMAL")
        case .flushed: try db.execute(sql: "PRAGMA synchronous = FULL")
        }
        current.withLock { $0 = durability }
    }
}
