import Archive
import Foundation
import LabCore
import Testing

@Suite("The index of runs (Docs/archive.md)")
struct IndexTests {
    private let folder: TemporaryFolder
    private var path: String { "\(folder.path)/history.db" }

    init() throws { folder = try TemporaryFolder() }

    @Test("keeps of a run what its folder says, for a program that is not ours")
    func columns() throws {
        let comparison: FieldValue = [
            "a": "build 1", "b": "build 2",
            "rows": [[
                "objective": "REG-P95", "location": ["file": "a.yaml", "line": 3, "column": 1], "metric": "p50", "pairs": 20, "ratio": 1.0475, "lower": 1.042,
                "upper": 1.053, "effect": 0.05, "a": 100, "b": 105, "p": 0.0005, "adjusted": 0.001, "outcome": "cannot tell", "reason": .null,
            ]],
        ]
        let result = Entries.result(latencies: [3e9, 1e9, 2e9, 10e9], limits: [Entries.limit], loads: [Entries.load], comparison: comparison)
        let index = try RunIndex(path: path)
        try index.insert(Entries.entry(1, result, label: "4f2a9c1"))
        func ask(_ sql: String, _ expected: String) throws {
            if let answer = try SQLiteProgram.ask(sql, of: path) { #expect(answer == expected) }
        }
        try ask("SELECT name, folder, world, seed, lab_version, label, exit_code, is_partial, case_count, \"pass\", \"fail\" FROM runs",
            "0611-1|runs/0611-1|emu|0x1|0.1.0|4f2a9c1|0|0|1|1|0")
        try ask("SELECT cpu, cores, kernel, memory_mib, machine FROM runs",
            "Test CPU 9000|4|6.1.0|8000|Test CPU 9000, 4 cores, kernel 6.1.0, 8 GiB")
        try ask("SELECT scenario, file, cell, cell_text, verdict, duration_ns, wall_clock_ns, is_flaky FROM cases",
            "badge/register|scenarios/badge/register.yaml|{\"loss\":\"20%\"}|loss=20%|pass|20000000000|350000000|0")
        try ask("SELECT id, file, line, verdict, is_void, value, lower, upper, threshold, unit, better, samples FROM objectives",
            "REG-P95|scenarios/badge/register.yaml|42|pass|0|12400000000.0|11900000000.0|12900000000.0|15000000000.0|ns|lower|1200")
        // Nearest rank (sla.md §3.1): of four values the 2nd is p50, the 4th p90 and p99.
        try ask("SELECT name, unit, count, min, p50, p90, p99, max, mean FROM measurements",
            "registered.latency|ns|4|1000000000.0|2000000000.0|10000000000.0|10000000000.0|10000000000.0|4000000000.0")
        try ask("SELECT id, samples, p50_ns, p90_ns, p99_ns, p999_ns, service_p99_ns, cloud_cpu_ns, counts ->> 'lost', harness ->> 'send_lag_p99_ns' FROM loads",
            "nominal|24000|1000000.0|2000000.0|4000000.0|9000000.0|3000000.0|85000.5|2|100000")
        try ask("SELECT a_build, b_build, objective, line, metric, pairs, ratio, adjusted, outcome FROM comparisons",
            "build 1|build 2|REG-P95|3|p50|20|1.0475|0.001|cannot tell")
        try ask("PRAGMA journal_mode", "wal")
        try SQLiteProgram.expectWhole(path)
    }

    @Test("gives a run back: cells in their order, figures with units and the side that is good")
    func figures() throws {
        let index = try RunIndex(path: nil)
        try index.insert(Entries.entry(1, Entries.result(latencies: [12.4e9], limits: [Entries.limit], loads: [Entries.load])))
        let run = try #require(try index.run(named: "last"))
        #expect(run.name == "0611-1" && run.machine == Entries.machine.fingerprint)
        let cell = try #require(try index.cases(of: run).first)
        #expect(cell.row.title == "badge/register [loss=20%]")
        #expect(cell.row.key == CaseKey(world: "emu", file: "scenarios/badge/register.yaml", cell: #"{"loss":"20%"}"#))
        #expect(cell.figures.map(\.name) == [
            "REG-P95", "registered.latency", "nominal p50", "nominal p90", "nominal p99", "nominal p99.9", "nominal cpu-per-request", "nominal lost",
            "nominal unanswered", "nominal duplicates", "nominal refused",
        ])
        #expect(cell.figures[0] == Figure(
            kind: .objective, name: "REG-P95", unit: "ns", better: .lower, value: 12.4e9, lower: 11.9e9, upper: 12.9e9, samples: 1200, text: "12.4 s",
            verdict: .pass))
        #expect(cell.figures[4] == Figure(kind: .load, name: "nominal p99", unit: "ns", better: .lower, value: 4e6, samples: 24_000))
        #expect(cell.figures[7].value == 2)
    }

    @Test(
        "reads from a requirement which way is good, and in which unit",
        arguments: [
            ("p95(api) < 200ms", Better.lower, "ns", 2e8), ("availability(probe) >= 99.95%", .higher, "share", 0.9995), ("count(orders) = 100000", .equal, "", 1e5),
            ("rate(heartbeats) >= 833/s", .higher, "/s", 833), ("registered.latency <= 2s", .lower, "ns", 2e9), ("rate(orders) > 86400/day", .higher, "/s", 1),
            ("p99(rpc) <= 3min in every 10s", .lower, "ns", 180e9),
        ])
    func claims(_ text: String, _ better: Better, _ unit: String, _ threshold: Double) throws {
        let limit: FieldValue = ["id": "x", "require": .text(text), "verdict": "pass", "figure": "", "samples": 1]
        let objective = try #require(try Entries.entry(1, Entries.result(limits: [limit])).cases.first?.objectives.first)
        #expect(objective.better == better && objective.unit == unit && objective.threshold == threshold)
    }

    @Test("of several claims the one whose threshold decided says which way is good")
    func deciding() throws {
        let limit: FieldValue = [
            "id": "x", "require": "p95(api) < 200ms and count(api) >= 10", "verdict": "fail", "figure": "3", "samples": 3, "value": 3,
            "threshold": ["value": 10, "unit": "", "source": "10"],
        ]
        let objective = try #require(try Entries.entry(1, Entries.result(limits: [limit])).cases.first?.objectives.first)
        #expect(objective.better == .higher && objective.unit == "")
    }

    @Test("the same run again takes the place of the first, and stays accepted")
    func again() throws {
        let index = try RunIndex(path: path)
        try index.insert(Entries.entry(1))
        let run = try #require(try index.run(named: "0611-1"))
        try index.accept(Acceptance(at: 5, cells: index.cases(of: run).map(\.row.key)), of: run)
        try index.insert(Entries.entry(1, Entries.result(verdict: "fail")))
        #expect(try index.runs(last: 10).count == 1)
        let accepted = try #require(try index.baselines().first)
        #expect(accepted.row.verdict == .fail && accepted.run.accepted == 5)
    }

    @Test("two runs of one name, as when folders were deleted, are two; the name means the later one")
    func sameName() throws {
        let index = try RunIndex(path: nil)
        var (old, new) = (try Entries.entry(1), try Entries.entry(2))
        (old.name, new.name) = ("0611-1", "0611-1")
        try index.insert(new)
        try index.insert(old)
        #expect(try index.runs(last: 10).count == 2)
        #expect(try index.run(named: "0611-1")?.started == new.session.started)
        #expect(try index.run(named: "0611-9") == nil)
    }

    @Test("the last verdict of a cell is that of the latest run that had it")
    func lastVerdicts() throws {
        let index = try RunIndex(path: nil)
        try index.insert(Entries.entry(3, Entries.result(verdict: "fail")))
        try index.insert(Entries.entry(1, Entries.result(verdict: "pass")))
        try index.insert(Entries.entry(2, Entries.result(scenario: "badge/command", cell: [:], verdict: "flaky")))
        #expect(try index.lastVerdicts().map(\.verdict) == [.flaky, .fail])
    }

    @Test("a history holds the last so many runs of a cell, the latest last, of one world")
    func past() throws {
        let index = try RunIndex(path: nil)
        for number in Int64(1)...5 { try index.insert(Entries.entry(number)) }
        try index.insert(Entries.entry(6, Entries.result(world: "sim")))
        let key = CaseKey(world: "emu", file: "scenarios/badge/register.yaml", cell: #"{"loss":"20%"}"#)
        #expect(try index.past(of: key, last: 3).map(\.run.name) == ["0611-3", "0611-4", "0611-5"])
        #expect(try index.past(of: CaseKey(world: "emu", file: "x", cell: "{}"), last: 3) == [])
    }

    // MARK: Files that are not as they should be

    @Test("an index of a newer lab is refused, with what to do, and stays as it is")
    func newer() throws {
        do {
            let index = try RunIndex(path: path)
            try index.insert(Entries.entry(1))
            index.close()
        }
        guard try SQLiteProgram.ask("PRAGMA user_version = 9; PRAGMA wal_checkpoint(TRUNCATE)", of: path) != nil else { return }
        let before = try Data(contentsOf: URL(filePath: path))
        let message = failure { _ = try RunIndex(path: path) }
        #expect(message == "\(path) was made by a newer lab: its schema is 9, this lab knows 1. Use that lab, or name another file as `history` in lab.yaml.")
        #expect(failure { _ = try RunIndex.rebuild(path: path, from: RunArchive(root: folder.path)) } == message)
        #expect(try Data(contentsOf: URL(filePath: path)) == before)
    }

    @Test("a database of another program is refused and stays as it is")
    func foreign() throws {
        guard try SQLiteProgram.ask("CREATE TABLE addresses (name TEXT)", of: path) != nil else { return }
        let before = try Data(contentsOf: URL(filePath: path))
        let message = failure { _ = try RunIndex(path: path) }
        #expect(message == "\(path) is a database of another program. Name another file as `history` in lab.yaml.")
        #expect(try Data(contentsOf: URL(filePath: path)) == before)
    }

    @Test("a file that is no database is refused; a rebuild keeps it beside the new one")
    func damaged() throws {
        let archive = RunArchive(root: folder.path)
        try folder.add(Entries.result(run: "0611-1"), Entries.session(1), run: "0611-1")
        try folder.write(String(repeating: "not a database. ", count: 400), to: "history.db")
        let message = try #require(failure { _ = try RunIndex(path: path) })
        #expect(message.hasPrefix("\(path) is damaged: file is not a database. `lab trend --rebuild`"))
        let rebuilt = try RunIndex.rebuild(path: path, from: archive)
        #expect(rebuilt.kept == "\(path).damaged-1")
        #expect(rebuilt.intake == RunIndex.Intake(added: 1))
        #expect(try folder.text("history.db.damaged-1").hasPrefix("not a database"))
        #expect(try rebuilt.index.runs(last: 9).map(\.name) == ["0611-1"])
    }

    @Test("pages that were overwritten are found, and the index is made again from the folders")
    func overwritten() throws {
        let archive = RunArchive(root: folder.path)
        for number in Int64(1)...20 { try folder.add(Entries.result(run: "0611-\(number)"), Entries.session(number), run: "0611-\(number)") }
        do {
            let index = try RunIndex(path: path)
            #expect(try index.catchUp(with: archive).added == 20)
            index.close()
        }
        var bytes = [UInt8](try Data(contentsOf: URL(filePath: path)))
        #expect(bytes.count > 4 * 4096)
        // Every page but the first, which says that it is a database.
        for offset in 4096..<bytes.count { bytes[offset] = UInt8(truncatingIfNeeded: offset &* 7) }
        try Data(bytes).write(to: URL(filePath: path))
        let rebuilt = try RunIndex.rebuild(path: path, from: archive)
        #expect(rebuilt.kept != nil)
        #expect(try rebuilt.index.runs(last: 99).count == 20)
        try SQLiteProgram.expectWhole(path)
    }

    @Test("an empty file, as a kill can leave it, is filled")
    func empty() throws {
        try folder.write("", to: "history.db")
        try RunIndex(path: path).insert(Entries.entry(1))
        #expect(try RunIndex(path: path).runs(last: 1).count == 1)
    }

    @Test("a path that cannot be one says why")
    func notAFile() throws {
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: false)
        #expect(failure { _ = try RunIndex(path: path) } == "Could not use \(path): it is not a regular file.")
        try folder.write("text", to: "file")
        #expect(failure { _ = try RunIndex(path: "\(folder.path)/file/history.db") }?.contains("Not a directory") == true)
    }
}

extension TemporaryFolder {
    /// A run folder with these documents.
    func add(_ result: Fields, _ session: SessionRecord?, run: String) throws {
        let run = RunFolder(path: "\(path)/\(run)")
        if let session { try run.write(session.bytes, to: SessionRecord.fileName) }
        try run.write(JSONWriter.bytes(.record(result)), to: "result.json")
    }
}
