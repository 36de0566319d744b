import CSQLite
import GRDB
import Synchronization

/// The connection and what is wrong with the disk; shared by the sessions of one `Storage`.
final class Medium: Sendable {
    struct Faults: Sendable {
        var slowness: Duration = .zero
        var isFull = false
    }

    /// A transaction that is open for everybody who commits at this moment.
    private struct Group {
        var durability = Storage.Durability.buffered
        var members = 0
        var waiters: [CheckedContinuation<Void, any Error>] = []
    }

    let queue: DatabaseQueue
    let faults = Mutex(Faults())
    /// Whether there is a disk to sync with.
    let isFile: Bool
    private let group = Mutex<Group?>(nil)
    private let counts = Mutex(Storage.Commits())

    /// Whoever has opened a database before keeps SQLite as it was, which is slower and as right.
    private static let isPrepared = csqlite_prepare(2_000) == SQLITE_OK

    init(path: String?) throws {
        _ = Self.isPrepared
        let isFile = path != nil
        self.isFile = isFile
        var configuration = Configuration()
        configuration.label = "cloud"
        // A group's transaction lasts from its first member to its commit.
        configuration.allowsUnsafeTransactions = true
        configuration.prepareDatabase { db in
            // Temporary tables and indices of sorting belong in memory, not in files beside the run.
            try db.execute(sql: "PRAGMA temp_store = MEMORY")
            // In memory a commit copies the pages that it changes, and rows of orders fit into half of SQLite's usual page.
            if !isFile { try db.execute(sql: "PRAGMA page_size = 2048") }
            // SQLite itself syncs at checkpoints only; `commit` does where the commit is to be on the disk.
            if isFile { try db.execute(sql: "PRAGMA synchronous = NORMAL") }
        }
        if isFile { configuration.journalMode = .wal }
        let options = configuration
        queue = try StorageError.translating {
            if let path { try DatabaseQueue(path: path, configuration: options) } else { try DatabaseQueue(configuration: options) }
        }
    }

    var commits: Storage.Commits { counts.withLock { $0 } }

    // MARK: Alone

    /// Commits before it returns, with the group where one is open.
    func write<T>(_ durability: Storage.Durability, _ body: (Database) throws -> T) throws -> T {
        if isGroupOpen {
            let (result, _) = try join(durability, body)
            try flush()
            return result
        }
        return try queue.writeWithoutTransaction { db in
            try begin(db)
            do {
                let result = try body(db)
                try commit(durability, db)
                return result
            } catch {
                try db.rollback()
                throw error
            }
        }
    }

    /// Not by GRDB's `inTransaction`, which has SQLite compile the words anew each time.
    private func begin(_ db: Database) throws { try db.execute(cached: "BEGIN IMMEDIATE") }

    private func commit(_ durability: Storage.Durability, _ db: Database) throws {
        try db.execute(cached: "COMMIT")
        let isSynced = isFile && durability == .flushed
        if isSynced {
            let code = unsafe csqlite_sync_log(db.sqliteConnection)
            // It is in the log, and may be on the disk or not: whoever waits is told the worse.
            if code != SQLITE_OK { throw DatabaseError(resultCode: ResultCode(rawValue: code), message: "the log cannot be brought to the disk") }
        }
        counts.withLock {
            $0.all += 1
            if isSynced { $0.flushed += 1 }
        }
    }

    // MARK: Together

    private var isGroupOpen: Bool { group.withLock { $0 != nil } }
    /// Who has written in the group that is open; 0 where none is.
    var members: Int { group.withLock { $0?.members ?? 0 } }

    /// Writes in the transaction of the group, and begins one where none is open. What throws leaves nothing in it.
    ///
    /// - Returns: whether the group began, so that the caller must see to its `flush`.
    func join<T>(_ durability: Storage.Durability, _ body: (Database) throws -> T) throws -> (result: T, isFirst: Bool) {
        let isFirst = !isGroupOpen
        let result = try queue.writeWithoutTransaction { db in
            if isFirst { try begin(db) } else { try db.execute(cached: "SAVEPOINT member") }
            do {
                let result = try body(db)
                if !isFirst { try db.execute(cached: "RELEASE member") }
                return result
            } catch {
                try leave(db, isFirst: isFirst, because: error)
                throw error
            }
        }
        group.withLock {
            $0 = $0 ?? Group()
            $0?.members += 1
            if durability == .flushed { $0?.durability = .flushed }
        }
        return (result, isFirst)
    }

    private func leave(_ db: Database, isFirst: Bool, because error: any Error) throws {
        if isFirst { return try db.rollback() }
        // A full disk or memory may have ended the whole transaction (https://sqlite.org/lang_transaction.html, "Response to errors").
        guard db.isInsideTransaction else { return end(with: .failure(error)) }
        try db.execute(cached: "ROLLBACK TO member")
        try db.execute(cached: "RELEASE member")
    }

    /// Waits until the group that is open is committed; comes back at once where none is.
    ///
    /// - Throws: why it could not be, and then nothing of the group is kept; `CloudCrashed` where the cloud fell before.
    func settled() async throws {
        guard isGroupOpen else { return }
        try await withCheckedThrowingContinuation { continuation in group.withLock { $0?.waiters.append(continuation) } }
    }

    /// Commits the group and lets its waiters go on; does nothing where none is open.
    ///
    /// - Throws: what the waiters are told as well.
    func flush() throws {
        guard let durability = group.withLock({ $0?.durability }) else { return }
        let outcome = Result<Void, any Error> {
            try queue.writeWithoutTransaction { db in
                do { try commit(durability, db) } catch {
                    try db.rollback()
                    throw error
                }
            }
        }
        end(with: outcome)
        try outcome.get()
    }

    /// Drops what the group has written, as the end of the process would.
    func abandon() {
        guard isGroupOpen else { return }
        try? queue.writeWithoutTransaction { db in try db.rollback() }
        end(with: .failure(CloudCrashed()))
    }

    private func end(with outcome: Result<Void, any Error>) {
        let waiters = group.withLock { group in
            defer { group = nil }
            return group?.waiters ?? []
        }
        for waiter in waiters { waiter.resume(with: outcome) }
    }
}
