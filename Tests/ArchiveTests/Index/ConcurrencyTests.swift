import Archive
import Foundation
import Glibc
import LabCore
import Programs
import Synchronization
import Testing

@Suite("Several labs, kills and full disks (Docs/archive.md)")
struct ConcurrencyTests {
    private let folder: TemporaryFolder
    private var path: String { "\(folder.path)/history.db" }

    init() throws { folder = try TemporaryFolder() }

    @Test("labs that make the index at once and write at once lose nothing")
    func connections() throws {
        let (labs, runs) = (8, 12)
        let failures = Mutex<[String]>([])
        let path = path
        DispatchQueue.concurrentPerform(iterations: labs) { lab in
            do {
                // A connection each, as processes have.
                let index = try RunIndex(path: path)
                for run in 0..<runs { try index.insert(Entries.entry(Int64(lab * runs + run))) }
            } catch { failures.withLock { $0.append("\(error)") } }
        }
        #expect(failures.withLock { $0 } == [])
        #expect(try RunIndex(path: path).runs(last: 1000).count == labs * runs)
        try SQLiteProgram.expectWhole(path)
    }

    @Test("two processes that write in turn lose nothing")
    func processes() throws {
        let index = try RunIndex(path: path)
        try index.insert(Entries.entry(1))
        guard let program = SQLiteProgram.find() else { return }
        let statement = """
            INSERT INTO runs (name, folder, started_ns, modified_ns, world, seed, lab_version, label, is_partial, case_count, "pass", "fail", flaky, unproven,
            blocked, skipped, quarantined) VALUES ('other', 'x', abs(random()), 0, 'sim', '0x1', '', '', 0, 0, 0, 0, 0, 0, 0, 0, 0);

            """
        let script = ".timeout 20000\n" + String(repeating: statement, count: 200)
        let other = try ChildProcess(program, ["-batch", path], input: Array(script.utf8), limit: .seconds(60))
        for number in Int64(2)...60 { try index.insert(Entries.entry(number)) }
        let outcome = other.wait()
        #expect(outcome.status == 0 && outcome.errors == "", "\(outcome)")
        #expect(try index.runs(last: 1000).count == 260)
        try SQLiteProgram.expectWhole(path)
    }

    /// Writes runs one after the other until it is killed: by itself, from another thread, at some moment after the first run.
    @Test("killed at any moment, a run is there as a whole or not at all", arguments: 0..<10)
    func killed(moment: Int) async throws {
        let path = path
        await #expect(processExitsWith: .signal(SIGKILL)) { [path = path as String, moment = moment as Int] in
            let written = Counter()
            let index = try RunIndex(path: path)
            let large = (0..<40).map { number in
                Entries.oneCase(Entries.result(scenario: "case/\(number)", latencies: (1...20).map(Double.init), limits: [Entries.limit], loads: [Entries.load]))
            }
            DispatchQueue.global().async {
                while written.value.load(ordering: .acquiring) == 0 {}
                usleep(UInt32(moment * 1_700))
                kill(getpid(), SIGKILL)
            }
            for number in Int64(1)... {
                try index.insert(Entries.entry(number, Entries.result(run: "0611-\(number)", more: large)))
                written.value.store(Int(number), ordering: .releasing)
            }
        }
        try SQLiteProgram.expectWhole(path)
        let index = try RunIndex(path: path)
        let runs = try index.runs(last: 100_000)
        #expect(!runs.isEmpty)
        for run in runs {
            let cases = try index.cases(of: run)
            #expect(cases.count == 41)
            #expect(cases.dropFirst().allSatisfy { $0.figures.count == 12 }, "an objective, p50 and p90 of 20 samples, nine of the load")
        }
        // The next lab goes on.
        try index.insert(Entries.entry(0))
        #expect(try index.runs(last: 100_000).count == runs.count + 1)
    }

    @Test("a full disk loses the run that does not fit, and none before it; the folder brings it back when there is room")
    func full() throws {
        let archive = RunArchive(root: folder.path)
        try folder.add(Entries.result(run: "0611-1"), Entries.session(1), run: "0611-1")
        do {
            let index = try RunIndex(path: path)
            _ = try index.catchUp(with: archive)
            index.close()
        }
        let pages = try #require(try SQLiteProgram.ask("PRAGMA wal_checkpoint(TRUNCATE); PRAGMA page_count", of: path)?.split(separator: "\n").last.flatMap { Int($0) })
        let index = try RunIndex(path: path, maximumPages: pages + 2)
        let cells = (0..<400).map { Entries.oneCase(Entries.result(scenario: "case/\($0)", loads: [Entries.load])) }
        try folder.add(Entries.result(run: "0611-2", more: cells), Entries.session(2), run: "0611-2")
        let told = "\(path): the disk is full. Earlier runs are as they were; make room there, and the next command takes in what is missing."
        #expect(failure { _ = try index.catchUp(with: archive) } == told)
        #expect(try index.runs(last: 9).map(\.name) == ["0611-1"])
        try SQLiteProgram.expectWhole(path)
        #expect(try index.cases(of: #require(try index.run(named: "last"))).count == 1)
        index.close()
        let later = try RunIndex(path: path)
        #expect(try later.catchUp(with: archive).added == 1)
        #expect(try later.cases(of: #require(try later.run(named: "last"))).count == 401)
    }

    @Test("who waits too long for others is told so, and can come again")
    func busy() throws {
        let index = try RunIndex(path: path)
        try index.insert(Entries.entry(1))
        guard let program = SQLiteProgram.find() else { return }
        let holder = try ChildProcess(program, ["-batch", path, "BEGIN IMMEDIATE", ".shell echo held; sleep 60"], limit: .seconds(60))
        defer { holder.kill() }
        #expect(holder.output(until: { $0.contains("held") }).contains("held"))
        let impatient = try RunIndex(path: path, patience: .milliseconds(30))
        let told = "\(path): other labs kept it locked for too long. The next command takes in what is missing."
        #expect(failure { try impatient.insert(Entries.entry(2)) } == told)
        #expect(try impatient.runs(last: 9).count == 1, "reading goes on meanwhile")
        holder.kill()
        holder.wait()
        try impatient.insert(Entries.entry(2))
        #expect(try impatient.runs(last: 9).count == 2)
    }
}

/// How far a writer has come, for the thread that kills it.
private final class Counter: Sendable { let value = Atomic<Int>(0) }
