import Foundation
import GRDB
import LabCore
import Simulation
import Synchronization
import Testing

@testable import Cloud

/// What is written at one moment of the run is one commit. Another connection looks at the file, which sees what is committed only.
@Suite("Commits together")
struct CommitsTogetherTests {
    /// A database in a file whose cloud commits together, on a kernel in virtual time.
    private final class Bench {
        let kernel = Kernel()
        let disk: Storage
        let session: Storage
        let path: String
        private let folder: URL

        init() throws {
            folder = FileManager.default.temporaryDirectory.appendingPathComponent("together-\(UUID().uuidString)")
            try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
            path = folder.appendingPathComponent("cloud.db").path
            disk = try Storage(path: path)
            try disk.write { db in
                try db.execute(sql: "CREATE TABLE t (a INTEGER UNIQUE)")
                try db.execute(sql: "CREATE TABLE child (a INTEGER REFERENCES t (a) DEFERRABLE INITIALLY DEFERRED)")
            }
            let box = Mutex<[String]>([])
            var environment = CloudEnvironment(
                now: { [kernel] in kernel.now }, epoch: 0, randomBytes: { [UInt8](repeating: 0, count: $0) },
                sleep: { [kernel] in try await kernel.sleep(for: $0) }, schedule: { [kernel] time, job in _ = kernel.schedule(at: time) { job() } },
                note: { name, _ in box.withLock { $0.append(name) } }, publish: { _ in }, acknowledge: { _ in }, disconnect: { _, _ in })
            environment.commitsTogether = true
            environment.recordsTraffic = false
            session = disk.session(environment)
            noted = { box.withLock { $0 } }
        }

        let noted: () -> [String]

        deinit { try? FileManager.default.removeItem(at: folder) }

        func insert(_ value: Int) -> (Database) throws -> Void { { db in try db.execute(sql: "INSERT INTO t VALUES (?)", arguments: [value]) } }

        /// The rows that another connection sees.
        var committed: [Int] {
            get throws { try DatabaseQueue(path: path).read { db in try Int.fetchAll(db, sql: "SELECT a FROM t ORDER BY a") } }
        }

        /// Commits at the commit point, each by a task of its own, all at this moment.
        ///
        /// - Returns: how each ended.
        func commitAll(_ bodies: [(Database) throws -> Void]) throws -> [String] {
            let tasks = bodies.enumerated().map { index, body in
                kernel.start("commit \(index)") { [session] in
                    do {
                        try await session.commitPoint("device.register", body: body)
                        return "committed"
                    } catch { return error is CloudCrashed ? "crashed" : "failed" }
                }
            }
            kernel.runToIdle()
            return try tasks.map { try #require($0.result).get() }
        }
    }

    @Test("commits of one moment wait for the disk once")
    func once() throws {
        let bench = try Bench()
        let before = bench.disk.commits
        #expect(try bench.commitAll([bench.insert(1), bench.insert(2), bench.insert(3)]) == ["committed", "committed", "committed"])
        #expect(bench.disk.commits == Storage.Commits(all: before.all + 1, flushed: before.flushed + 1))
        #expect(try bench.committed == [1, 2, 3])
    }

    @Test("one that throws leaves nothing, and the others' stays")
    func refusedMember() throws {
        let bench = try Bench()
        let twice: (Database) throws -> Void = { db in
            try db.execute(sql: "INSERT INTO t VALUES (10)")
            try db.execute(sql: "INSERT INTO t VALUES (1)")
        }
        #expect(try bench.commitAll([bench.insert(1), twice, bench.insert(2)]) == ["committed", "failed", "committed"])
        #expect(try bench.committed == [1, 2])
        // The first of a moment, which began the transaction.
        #expect(try bench.commitAll([twice, bench.insert(3)]) == ["failed", "committed"])
        #expect(try bench.committed == [1, 2, 3])
    }

    @Test("nobody else sees anything before the moment is over, and what is buffered does not wait for the disk")
    func buffered() throws {
        let bench = try Bench()
        let before = bench.disk.commits
        try bench.session.join(.buffered, bench.insert(1))
        try bench.session.join(.buffered, bench.insert(2))
        #expect(try bench.committed == [])
        #expect(try bench.session.read { db in try Int.fetchOne(db, sql: "SELECT count(*) FROM t") } == 2)
        bench.kernel.runToIdle()
        #expect(try bench.committed == [1, 2])
        #expect(bench.disk.commits == Storage.Commits(all: before.all + 1, flushed: before.flushed))
    }

    @Test("a commit that cannot wait takes with it what is open, and both are durable when it returns")
    func atOnce() throws {
        let bench = try Bench()
        let before = bench.disk.commits
        try bench.session.join(.buffered, bench.insert(1))
        try bench.session.write(.flushed, bench.insert(2))
        #expect(try bench.committed == [1, 2])
        #expect(bench.disk.commits == Storage.Commits(all: before.all + 1, flushed: before.flushed + 1))
        try bench.session.join(.buffered, bench.insert(3))
        try bench.session.settle()
        #expect(try bench.committed == [1, 2, 3])
        bench.kernel.runToIdle()
        #expect(bench.disk.commits.all == before.all + 2)
    }

    @Test("a commit that the database refuses is told to everybody who waits for it, and nothing of it is kept")
    func refusedCommit() throws {
        let bench = try Bench()
        // The reference is checked at COMMIT (https://sqlite.org/foreignkeys.html, section 4.2).
        let orphan: (Database) throws -> Void = { db in try db.execute(sql: "INSERT INTO child VALUES (99)") }
        #expect(try bench.commitAll([bench.insert(1), orphan, bench.insert(2)]) == ["failed", "failed", "failed"])
        #expect(try bench.committed == [])
        #expect(bench.noted() == ["database.failed"])
        #expect(try bench.commitAll([bench.insert(4)]) == ["committed"])
        #expect(try bench.committed == [4])
    }

    @Test("a cloud that crashes before the moment's commit has written nothing, and its disk is free for the next life")
    func crash() throws {
        let bench = try Bench()
        let waiting = bench.kernel.start("commit") { [session = bench.session, insert = bench.insert(1)] in
            do {
                try await session.commitPoint("device.register", body: insert)
                return "committed"
            } catch { return error is CloudCrashed ? "crashed" : "failed" }
        }
        // After the body, before the end of the moment.
        bench.kernel.start("crash") { [session = bench.session] in session.crash() }
        bench.kernel.runToIdle()
        #expect(try #require(waiting.result).get() == "crashed")
        #expect(try bench.committed == [])
        try bench.disk.write { db in try db.execute(sql: "INSERT INTO t VALUES (7)") }
        #expect(try bench.committed == [7])
    }

    @Test("whoever reads waits for what it has read")
    func readers() throws {
        let bench = try Bench()
        try bench.session.join(.buffered, bench.insert(1))
        let reader = bench.kernel.start("read") { [session = bench.session, bench] in
            let seen = try session.read { db in try Int.fetchOne(db, sql: "SELECT count(*) FROM t") }
            try await session.settled()
            return (seen, try bench.committed.count)
        }
        bench.kernel.runToIdle()
        let (seen, committed) = try #require(reader.result).get()
        #expect((seen, committed) == (1, 1))
    }

    @Test("in memory each commit is its own, and nobody waits")
    func memory() throws {
        let kernel = Kernel()
        var environment = CloudEnvironment(
            now: { kernel.now }, epoch: 0, randomBytes: { [UInt8](repeating: 0, count: $0) }, sleep: { _ in },
            schedule: { _, _ in Issue.record("nothing is to be scheduled") }, note: { _, _ in }, publish: { _ in }, acknowledge: { _ in },
            disconnect: { _, _ in })
        environment.commitsTogether = true
        let session = try Storage(path: nil).session(environment)
        try session.join { db in try db.execute(sql: "CREATE TABLE t (a)") }
        try session.join { db in try db.execute(sql: "INSERT INTO t VALUES (1)") }
        #expect(session.commits == Storage.Commits(all: 2, flushed: 0))
    }
}
