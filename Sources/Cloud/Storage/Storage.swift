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
        try checkWritable()
        return try StorageError.translating { try medium.write(durability, body) }
    }

    private func checkWritable() throws {
        try checkAlive()
        if medium.faults.withLock({ $0.isFull }) { throw StorageError.full }
    }

    // MARK: Writing together

    /// Writes in one transaction with whoever else writes at this moment of the run. It is committed when all that is to happen at the moment
    /// has happened, and before anybody who waits with `settled` goes on: a disk takes as long for one commit as for a hundred.
    ///
    /// Nothing of it is kept when `body` throws; the others' stays. Where the environment does not ask for it, or there is no disk, it is a
    /// transaction of its own, and nobody has to wait.
    func join<T>(_ durability: Durability = .buffered, _ body: (Database) throws -> T) throws -> T {
        guard let environment, environment.commitsTogether, medium.isFile else { return try write(durability, body) }
        try checkWritable()
        let (result, isFirst) = try StorageError.translating { try medium.join(durability, body) }
        if isFirst { flushSoon(environment, members: 0) }
        return result
    }

    /// Commits the group at the end of this moment. Requests that come while others are handled belong to the moment: it is over when nobody
    /// has joined since the last look.
    ///
    /// - Parameter members: how many there were then.
    private func flushSoon(_ environment: CloudEnvironment, members: Int) {
        environment.schedule(environment.now()) { [self] in
            let now = medium.members
            if now > members, now < Self.mostMembers { return flushSoon(environment, members: now) }
            // Those who wait are told; who does not, has nobody to tell.
            do { try medium.flush() } catch { environment.note("database.failed", ["reason": .text(String("\(error)".prefix(200)))]) }
        }
    }

    /// Where the moment does not end by itself, it ends with so many: the first must not wait for all that come after it.
    private static let mostMembers = 256

    /// Waits until everything that was written with `join` is committed. Whoever answers a request waits, whatever it has read or written:
    /// what is told must not be lost.
    ///
    /// - Throws: `CloudCrashed`, `StorageError`; then nothing of it is kept.
    func settled() async throws {
        do { try await medium.settled() } catch let error as DatabaseError { throw StorageError(error) }
    }

    /// Commits at once what was written with `join`, for those who cannot wait.
    package func settle() throws { try StorageError.translating { try medium.flush() } }

    /// Commits since the database was opened.
    package struct Commits: Sendable, Equatable {
        package var all = 0
        /// Those that waited for the disk.
        package var flushed = 0
    }

    package var commits: Commits { medium.commits }

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
        let fields = try announce(what, about)
        let result = try join(durability, body)
        try await settled()
        try tell(notes(result), fields)
        return result
    }

    /// The same at once, for callers that wait in their own way.
    package func commit<T>(
        _ what: String, _ about: @autoclosure () -> Fields = [:], durability: Durability = .flushed, body: (Database) throws -> T,
        notes: (T) -> [CloudNote] = { _ in [] }
    ) throws -> T {
        let fields = try announce(what, about())
        let result = try write(durability, body)
        try tell(notes(result), fields)
        return result
    }

    /// - Returns: what both events of a commit say; `nil` where nobody records them.
    private func announce(_ what: String, _ about: @autoclosure () -> Fields) throws -> Fields? {
        try checkAlive()
        guard let environment, environment.recordsTraffic else { return nil }
        let fields = (["what": .text(what)] as Fields).merging(about())
        environment.note("commit.before", fields)
        return fields
    }

    private func tell(_ notes: [CloudNote], _ fields: Fields?) throws {
        if let environment { for note in notes { environment.note(note.name, note.fields) } }
        if let fields { environment?.note("commit.after", fields) }
        try checkAlive()
    }

    // MARK: Faults

    /// Every commit takes so much longer; zero ends it.
    package var slowness: Duration { medium.faults.withLock { $0.slowness } }
    package func setSlowness(_ duration: Duration) { medium.faults.withLock { $0.slowness = duration } }
    /// No commit succeeds, as on a full disk.
    package func setFull(_ isFull: Bool) { medium.faults.withLock { $0.isFull = isFull } }

    /// Ends this session: from now on it throws `CloudCrashed`. What is committed stays.
    package func crash() {
        hasCrashed.withLock { $0 = true }
        medium.abandon()
    }
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
        try StorageError.translating {
            try medium.flush()
            try migrator.migrate(medium.queue)
        }
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
        do { return try body() } catch let error as DatabaseError { throw StorageError(error) }
    }

    init(_ error: DatabaseError) { self = error.resultCode == .SQLITE_FULL ? .full : .failed(error.description) }
}
