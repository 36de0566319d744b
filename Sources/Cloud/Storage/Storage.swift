package import GRDB
package import LabCore
import Synchronization

/// The cloud's database: one SQLite connection, used synchronously.
///
/// Only the synchronous calls of GRDB are used: its asynchronous ones continue on a foreign thread, which no
/// simulated run may do. The value that the lab makes with `init(path:)` is the disk, which survives everything;
/// a started cloud works through a `session`, which dies with it.
package final class Storage: Sendable {
    /// What the sessions share: the connection and the faults of the disk.
    private let medium: Medium
    /// `nil` on the disk itself, which notes nothing.
    private let environment: CloudEnvironment?
    private let hasCrashed = Mutex(false)

    /// Opens or creates the database.
    ///
    /// - Parameter path: a file, which gets a write-ahead log; `nil` for a database in memory.
    /// - Throws: `StorageError.failed` with SQLite's reason.
    package init(path: String?) throws {
        medium = try Medium(path: path)
        environment = nil
    }

    private init(medium: Medium, environment: CloudEnvironment) {
        self.medium = medium
        self.environment = environment
    }

    /// The same database for one life of the cloud: from its start to its crash or stop.
    package func session(_ environment: CloudEnvironment) -> Storage {
        Storage(medium: medium, environment: environment)
    }

    // MARK: Reading and writing

    /// Reads in one consistent view.
    ///
    /// - Throws: `CloudCrashed`, `StorageError.failed`, and what `body` throws.
    package func read<T>(_ body: (Database) throws -> T) throws -> T {
        try checkAlive()
        // `queue.read` would set `PRAGMA query_only` before and after, and with each setting SQLite compiles every statement anew. The
        // queue has one connection, so nobody writes while `body` runs: its view is consistent without a transaction.
        return try StorageError.translating { try medium.queue.unsafeRead(body) }
    }

    /// One transaction, durable when this returns; nothing of it is kept when `body` throws.
    ///
    /// - Throws: `CloudCrashed`, `StorageError`, and what `body` throws.
    package func write<T>(_ body: (Database) throws -> T) throws -> T {
        try write(.flushed, body)
    }

    /// How far a commit has come when it returns.
    package enum Durability: Sendable {
        /// In the write-ahead log, which the system writes when it likes: survives the process, perhaps not the machine.
        case buffered
        /// On the disk.
        case flushed
    }

    package func write<T>(_ durability: Durability, _ body: (Database) throws -> T) throws -> T {
        try checkAlive()
        if medium.faults.withLock({ $0.isFull }) { throw StorageError.full }
        return try StorageError.translating { try medium.write(durability, body) }
    }

    // MARK: Commits that a scenario can see

    /// A commit with a name, which a scenario can watch, slow down, and crash the cloud before or after.
    ///
    /// In this order: `database.slow` is waited for; `commit.before {what}` is noted; a cloud that crashed meanwhile
    /// ends here with nothing written; the transaction; what it changed is noted; `commit.after {what}` is noted;
    /// a cloud that crashed meanwhile ends here, its content written and nobody told.
    ///
    /// - Parameters:
    ///   - what: the commit's name, such as `device.register`.
    ///   - about: further fields for both events, which are traffic: where nobody records that, they are not made.
    ///   - body: decides and writes; what it read before is checked again here, since waiting lets others in between.
    ///   - notes: the events that are true now, whether or not anybody gets an answer.
    package func commitPoint<T>(
        _ what: String, _ about: Fields = [:], durability: Durability = .flushed, body: (Database) throws -> T,
        notes: (T) -> [CloudNote] = { _ in [] }
    ) async throws -> T {
        let delay = slowness
        if delay > .zero { try await environment?.sleep(delay) }
        return try commit(what, about, durability: durability, body: body, notes: notes)
    }

    /// The same without the wait, for callers that wait in their own way.
    package func commit<T>(
        _ what: String, _ about: @autoclosure () -> Fields = [:], durability: Durability = .flushed, body: (Database) throws -> T,
        notes: (T) -> [CloudNote] = { _ in [] }
    ) throws -> T {
        try checkAlive()
        let fields = environment?.recordsTraffic == true ? (["what": .text(what)] as Fields).merging(about()) : nil
        if let fields { environment?.note("commit.before", fields) }
        let result = try write(durability, body)
        if let environment { for note in notes(result) { environment.note(note.name, note.fields) } }
        if let fields { environment?.note("commit.after", fields) }
        try checkAlive()
        return result
    }

    // MARK: Faults

    /// Every commit takes so much longer; zero ends it.
    package var slowness: Duration { medium.faults.withLock { $0.slowness } }
    package func setSlowness(_ duration: Duration) { medium.faults.withLock { $0.slowness = duration } }
    /// No commit succeeds, as on a full disk.
    package func setFull(_ isFull: Bool) { medium.faults.withLock { $0.isFull = isFull } }

    /// Ends this session: from now on it throws `CloudCrashed`. What is committed stays.
    package func crash() { hasCrashed.withLock { $0 = true } }
    package var isCrashed: Bool { hasCrashed.withLock { $0 } }

    package func checkAlive() throws(CloudCrashed) {
        if isCrashed { throw CloudCrashed() }
    }

    // MARK: Schema

    /// Applies the migrations of a service that the database has not seen yet, in order, each in its own transaction.
    package func migrate(service: String, _ migrations: [Migration]) throws {
        var migrator = DatabaseMigrator()
        for migration in migrations {
            migrator.registerMigration("\(service): \(migration.name)", migrate: migration.change)
        }
        try StorageError.translating { try migrator.migrate(medium.queue) }
    }

    /// One step of a service's schema. Its name is its identity: never rename one that has shipped.
    package struct Migration: Sendable {
        var name: String
        var change: @Sendable (Database) throws -> Void
        package init(_ name: String, _ change: @escaping @Sendable (Database) throws -> Void) {
            self.name = name
            self.change = change
        }
    }
}

/// An event that a commit makes true.
package struct CloudNote: Sendable, Equatable {
    package var name: String
    package var fields: Fields
    package init(_ name: String, _ fields: Fields) {
        self.name = name
        self.fields = fields
    }
}

/// The cloud is gone: whoever waits for it gets no answer.
package struct CloudCrashed: Error, Equatable {}

package enum StorageError: Error, Equatable, CustomStringConvertible {
    /// No room: SQLite's, or the fault `database.full`.
    case full
    /// SQLite's reason, for the log and never for a client.
    case failed(String)

    package var description: String {
        switch self {
        case .full: "The database is full. Make room on its disk; nothing was written."
        case .failed(let reason): "The database failed: \(reason)"
        }
    }

    static func translating<T>(_ body: () throws -> T) throws -> T {
        do { return try body() } catch let error as DatabaseError {
            throw error.resultCode == .SQLITE_FULL ? StorageError.full : .failed(error.description)
        }
    }
}
