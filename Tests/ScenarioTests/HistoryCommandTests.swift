import Foundation
import Synchronization
import Testing

@Suite("Archive, baselines and histories (cli.md: diff, trend, baseline, list)")
struct HistoryCommandTests {
    /// A lab with one scenario whose latency is that of its link: what the delay is, the figure follows.
    private static func lab(_ folder: TemporaryFolder, delay: String, more: String = "") throws {
        try folder.write(
            """
            lab: 1
            about: Registers over a slow link.
            needs:
              badge: {kind: badge}
              cloud: {kind: cloud}
            setup:
              - do: cloud.factory.provision
                with: {serial_no: "BDG-0001"}
              - fault: badge.link.delay
                with: {time: \(delay)}
            steps:
              - do: badge.boot
                with: {factory_new: true}
              - expect: cloud.device.registered
                id: registered
                within: 60s
            limits:
              - {id: REG, require: registered.latency <= 30s\(more)}
            """, to: "scenarios/slow.yaml")
    }

    private static func run(_ folder: TemporaryFolder, _ arguments: String..., label: String = "c1") throws -> LabProcess.Result {
        try LabProcess.run(["run", "--plain"] + arguments, in: folder.path, environment: ["LAB_LABEL": label])
    }

    private static func lab(_ folder: TemporaryFolder, _ arguments: String...) throws -> LabProcess.Result { try LabProcess.run(arguments, in: folder.path) }

    private static func load(_ more: String = "") -> String {
        """
        lab: 1
        about: Two hundred requests for the state of the cloud.
        needs: {cloud: {kind: cloud}}
        steps:
          - load: cloud.request
            id: api
            with: {method: GET, path: /health}
            rate: 20/s
            for: 10s
        limits:
          - {id: API, require: p95(api) < 500ms\(more)}
        """
    }

    @Test("lab run leaves a row for itself and one for each cell, for a program that is not ours")
    func index() throws {
        let folder = try TemporaryFolder()
        try Self.lab(folder, delay: "100ms")
        #expect(try Self.run(folder, "--seed", "7", label: "first build").status == 0)
        guard let sqlite = Tool.find("sqlite3", for: "the index of runs") else { return }
        let query = """
            PRAGMA integrity_check; SELECT world, seed, label, exit_code, is_partial, case_count, "pass", machine <> '' FROM runs;
            SELECT scenario, verdict, cell FROM cases; SELECT id, verdict, unit, better FROM objectives; SELECT name, unit, count FROM measurements;
            """
        let answer = try LabProcess.run(sqlite, ["runs/history.db", query], in: folder.path)
        #expect(answer.output == """
            ok
            sim|0x7|first build|0|0|1|1|1
            slow|pass|{}
            REG|pass|ns|lower
            registered.latency|ns|1
            registered.count||1

            """, "\(answer.all)")
    }

    @Test("a load is in the index with its percentiles, counts and the figures of its objective; an index made again holds the same")
    func loads() throws {
        let folder = try TemporaryFolder()
        try folder.write(Self.load(), to: "scenarios/api.yaml")
        #expect(try Self.run(folder).status == 0)
        guard let sqlite = Tool.find("sqlite3", for: "loads in the index") else { return }
        let query = """
            SELECT id, samples, p50_ns > 0, p99_ns >= p50_ns, is_modelled, counts ->> 'planned', counts ->> 'good' FROM loads;
            SELECT id, unit, better, value > 0, threshold, samples FROM objectives;
            """
        let answer = try LabProcess.run(sqlite, ["runs/history.db", query], in: folder.path)
        #expect(answer.output == "api|200|1|1|1|200|200\nAPI|ns|lower|1|500000000.0|200\n", "\(answer.all)")
        let dump = "SELECT * FROM runs; SELECT * FROM cases; SELECT * FROM objectives; SELECT * FROM measurements; SELECT * FROM loads;"
        let before = try LabProcess.run(sqlite, ["runs/history.db", dump], in: folder.path)
        for ending in ["", "-wal", "-shm"] { try? FileManager.default.removeItem(atPath: "\(folder.path)/runs/history.db\(ending)") }
        #expect(try Self.lab(folder, "trend", "--metric", "api p99").output.contains("api p99"))
        let after = try LabProcess.run(sqlite, ["runs/history.db", dump], in: folder.path)
        #expect(before.status == 0 && before.output == after.output && !before.output.isEmpty)
    }

    @Test("lab list takes the last verdict from the index, also when the folder of the run is gone")
    func list() throws {
        let folder = try TemporaryFolder()
        try Self.lab(folder, delay: "100ms")
        #expect(try Self.lab(folder, "list").output.hasPrefix("–"))
        #expect(!folder.files.contains { $0.hasSuffix("history.db") }, "who only looks leaves nothing behind")
        #expect(try Self.run(folder).status == 0)
        let run = try #require(folder.only("result.json")?.split(separator: "/").dropLast().joined(separator: "/"))
        try FileManager.default.removeItem(atPath: "\(folder.path)/\(run)")
        #expect(try Self.lab(folder, "list").output.hasPrefix("pass"))
    }

    @Test("the index can be put elsewhere by lab.yaml")
    func elsewhere() throws {
        let folder = try TemporaryFolder()
        try Self.lab(folder, delay: "100ms")
        try folder.write("lab: 1\nabout: x\nhistory: ci/all.db\n", to: "lab.yaml")
        let result = try Self.run(folder)
        #expect(result.status == 0, "\(result.all)")
        #expect(folder.files.contains("ci/all.db") && !folder.files.contains("runs/history.db"))
        #expect(try Self.lab(folder, "trend").output.contains("registered.latency"))
    }

    @Test("an index that is lost or damaged: a run is not failed by it, and --rebuild makes it again")
    func rebuild() throws {
        let folder = try TemporaryFolder()
        try Self.lab(folder, delay: "100ms")
        #expect(try Self.run(folder).status == 0)
        for ending in ["", "-wal", "-shm"] { try? FileManager.default.removeItem(atPath: "\(folder.path)/runs/history.db\(ending)") }
        #expect(try Self.lab(folder, "trend").output.contains("1 run, pass 1"), "a missing one is made again by itself")
        for ending in ["-wal", "-shm"] { try? FileManager.default.removeItem(atPath: "\(folder.path)/runs/history.db\(ending)") }
        try folder.write(String(repeating: "no database ", count: 500), to: "runs/history.db")
        let run = try Self.run(folder)
        #expect(run.status == 0 && run.lastLine == "1 passed, 0 failed, 0 skipped", "\(run.all)")
        #expect(run.error.contains("archive: runs/history.db is damaged: file is not a database. `lab trend --rebuild`"))
        let list = try Self.lab(folder, "list")
        #expect(list.status == 0 && list.output.hasPrefix("pass") && list.error.contains("is damaged"))
        #expect(try Self.lab(folder, "trend").status == 2)
        let rebuilt = try Self.lab(folder, "trend", "--rebuild")
        #expect(rebuilt.status == 0 && rebuilt.output.contains("2 runs, pass 2"), "\(rebuilt.all)")
        #expect(rebuilt.error.contains("made again from 2 runs; the damaged one is runs/history.db.damaged-1"))
        #expect(folder.read("runs/history.db.damaged-1")?.hasPrefix("no database") == true)
    }

    @Test("a newer index is refused by name of its version, and a run goes on without it")
    func newer() throws {
        let folder = try TemporaryFolder()
        try Self.lab(folder, delay: "100ms")
        #expect(try Self.run(folder).status == 0)
        guard let sqlite = Tool.find("sqlite3", for: "a newer index") else { return }
        #expect(try LabProcess.run(sqlite, ["runs/history.db", "PRAGMA user_version = 99"], in: folder.path).status == 0)
        let trend = try Self.lab(folder, "trend")
        #expect(trend.status == 2 && trend.error.contains("was made by a newer lab: its schema is 99, this lab knows 1."))
        let run = try Self.run(folder)
        #expect(run.status == 0 && run.error.contains("newer lab"))
    }

    @Test("several labs at once all get into the index")
    func concurrent() throws {
        let folder = try TemporaryFolder()
        try Self.lab(folder, delay: "100ms")
        let failed = Mutex<[String]>([])
        let path = folder.path
        DispatchQueue.concurrentPerform(iterations: 6) { number in
            let result = try? LabProcess.run(["run", "--plain", "--seed", "\(number + 1)"], in: path)
            if result?.status != 0 || result?.error != "" { failed.withLock { $0.append(result?.all ?? "no result") } }
        }
        #expect(failed.withLock { $0 } == [])
        let trend = try Self.lab(folder, "trend", "--metric", "registered.latency", "--csv")
        #expect(trend.output.split(separator: "\n").count == 7, "\(trend.all)")
    }

    @Test("lab diff: verdicts, figures, the first event that differs; with --fail-on it ends with 1 where something is worse")
    func diff() throws {
        let folder = try TemporaryFolder()
        try Self.lab(folder, delay: "100ms")
        #expect(try Self.run(folder).status == 0)
        #expect(try Self.run(folder).status == 0)
        let names = folder.files.filter { $0.hasSuffix("/result.json") }.map { String($0.split(separator: "/")[1]) }
        try #require(names.count == 2)
        let same = try Self.lab(folder, "diff", names[0], names[1], "--fail-on", "+0%")
        #expect(same.status == 0 && same.lastLine == "1 case the same", "\(same.all)")
        try Self.lab(folder, delay: "200ms")
        #expect(try Self.run(folder, label: "c2").status == 0)
        let worse = try Self.lab(folder, "diff", names[1], "last")
        #expect(worse.status == 0, "\(worse.all)")
        #expect(worse.output.contains("registered.latency") && worse.output.contains("worse"))
        #expect(worse.output.contains("logs part at event "))
        #expect(worse.output.contains("\"time\":\"100ms\"") && worse.output.contains("\"time\":\"200ms\""))
        #expect(try Self.lab(folder, "diff", names[1], "last", "--fail-on", "+10%").status == 1)
        #expect(try Self.lab(folder, "diff", names[1], "last", "--fail-on", "+500%").status == 0)
        #expect(try Self.lab(folder, "diff", "last", names[1], "--fail-on", "+10%").status == 0, "faster is not worse")
        let json = try Self.lab(folder, "diff", names[1], "last", "--json")
        #expect(json.output.contains("\"outcome\":\"worse\"") && json.output.contains("\"is_worse\":true") && json.output.contains("\"first_different_event\":"))
        try Self.lab(folder, delay: "40s")
        #expect(try Self.run(folder).status == 1)
        let failed = try Self.lab(folder, "diff", names[1], "--fail-on", "+99999%")
        #expect(failed.status == 1 && failed.output.contains("pass → fail"), "a severer verdict is worse, whatever the share: \(failed.all)")
    }

    @Test("lab trend: a step in a figure is found, confirmed by two runs after it, and told with its commit")
    func trend() throws {
        let folder = try TemporaryFolder()
        for number in 1...14 {
            // A jitter by the seed, so that levels have a width.
            try Self.lab(folder, delay: number <= 8 ? "\(100 + number % 3)ms" : "\(150 + number % 3)ms")
            #expect(try Self.run(folder, label: "build-\(number)").status == 0)
        }
        let text = try Self.lab(folder, "trend")
        #expect(text.output.hasPrefix("slow · sim · 14 runs, pass 14, flake rate 0.0 %"), "\(text.all)")
        #expect(text.output.contains("since ") && text.output.contains("(build-9)") && text.output.contains(", confirmed"))
        let rows = try Self.lab(folder, "trend", "slow", "--metric", "registered.latency", "--last", "6")
        #expect(rows.output.split(separator: "\n").filter { $0.contains("build-") && $0.contains("Z  ") }.count == 6, "\(rows.all)")
        let csv = try Self.lab(folder, "trend", "--csv", "--metric", "registered.latency").output.split(separator: "\n")
        #expect(csv.count == 15)
        #expect(csv[0] == "run,started,label,lab_version,world,seed,machine,scenario,cell,verdict,metric,unit,value,lower,upper,samples,accepted,change")
        #expect(csv.filter { $0.hasSuffix(",confirmed") }.count == 1 && csv[9].contains(",build-9,") && csv[9].hasSuffix(",no,confirmed"))
        let json = try Self.lab(folder, "trend", "--json").output
        #expect(json.contains("\"is_confirmed\":true") && json.contains("\"flake_rate\":0"))
        let result = try #require(folder.files.filter { $0.hasSuffix("-14/result.json") }.first.flatMap(folder.read))
        #expect(result.contains("\"history\":["), "the report of a run has the history of its figures")
    }

    @Test("baselines: accepted by a person, compared with by --baseline, exit 6 where something got worse, and not moved by that")
    func baseline() throws {
        let folder = try TemporaryFolder()
        try Self.lab(folder, delay: "100ms")
        let none = try Self.run(folder, "--baseline", "last")
        #expect(none.status == 2 && none.error.contains("There is no accepted baseline") && none.output == "")
        #expect(try Self.run(folder).status == 0)
        let accepted = try Self.lab(folder, "baseline", "accept", "last")
        #expect(accepted.status == 0 && accepted.output.contains("is the baseline now"), "\(accepted.all)")
        let name = String(accepted.output.split(separator: " ")[4])
        let good = try Self.run(folder, "--baseline", "last")
        #expect(good.status == 0 && good.output.contains("baseline  the accepted baseline: ") && !good.output.contains("regressed"), "\(good.all)")
        try Self.lab(folder, delay: "200ms")
        for _ in 0..<2 {
            let worse = try Self.run(folder, "--baseline", "last")
            #expect(worse.status == 6, "\(worse.all)")
            #expect(worse.output.contains("regressed    slow") && worse.output.contains("one run against run \(name)"))
            #expect(worse.lastLine == "1 passed, 0 failed, 0 skipped")
        }
        #expect(try Self.lab(folder, "baseline", "show").output.contains("run \(name) (c1), accepted 2"), "it is frozen")
        #expect(try Self.run(folder, "--baseline", name).status == 6)
        #expect(try Self.lab(folder, "diff", "baseline", "last", "--fail-on", "10%").status == 1)
        #expect(try Self.lab(folder, "baseline", "accept", "last").status == 0)
        #expect(try Self.run(folder, "--baseline", "last").status == 0, "accepted, it is the measure")
        for ending in ["", "-wal", "-shm"] { try? FileManager.default.removeItem(atPath: "\(folder.path)/runs/history.db\(ending)") }
        #expect(!(try Self.lab(folder, "baseline", "show").output.contains("run \(name) ")), "acceptances are in the run folders, too")
        #expect(try Self.lab(folder, "baseline", "show", "--json").output.contains("\"accepted\":\"2"))
    }

    @Test("what cannot be a baseline is refused")
    func refused() throws {
        let folder = try TemporaryFolder()
        try Self.lab(folder, delay: "40s")
        #expect(try Self.run(folder).status == 1)
        let failed = try Self.lab(folder, "baseline", "accept", "last")
        #expect(failed.status == 2 && failed.error.contains("not accepted: slow, fail") && failed.error.contains("no case of run"))
        let unknown = try Self.lab(folder, "baseline", "accept", "0101-99")
        #expect(unknown.status == 2 && unknown.error.contains("There is no run '0101-99'. The latest are"))
        try Self.lab(folder, delay: "100ms")
        #expect(try Self.run(folder).status == 0)
        let misspelt = try Self.lab(folder, "baseline", "accept", "last", "--only", "slwo")
        #expect(misspelt.status == 4 && misspelt.error.contains("has no scenario 'slwo' — did you mean 'slow'?"))
        #expect(try Self.lab(folder, "baseline", "show").status == 2)
    }

    @Test("against: pinned compares with the file and always says so; without the file it cannot tell")
    func pinned() throws {
        let folder = try TemporaryFolder()
        try folder.write(Self.load(", baseline: {against: pinned, metric: p50, worse-by: 10%}"), to: "scenarios/api.yaml")
        let without = try Self.run(folder)
        #expect(without.status == 0, "\(without.all)")
        #expect(without.output.contains("cannot tell") && without.output.contains("the pinned file baseline.json has no figures of it"))
        #expect(try Self.lab(folder, "baseline", "accept", "last", "--pin").output.contains("pinned in baseline.json"))
        let same = try Self.run(folder)
        #expect(same.status == 0 && same.output.contains("baseline  earlier runs: "), "\(same.all)")
        // Whoever wrote the file says that half of it was usual.
        let pinned = try #require(folder.read("baseline.json"))
        let halved = pinned.replacing(/("name":"api p50","unit":"ns","better":"lower","value":)([0-9.]+)/) { "\($0.1)\((Double($0.2) ?? 0) / 2)" }
        #expect(pinned != halved)
        try folder.write(halved, to: "baseline.json")
        let worse = try Self.run(folder)
        #expect(worse.status == 6 && worse.output.contains("the pinned file baseline.json, run "), "\(worse.all)")
    }

    @Test("against: history refuses fewer than 4 + 4 runs, and tells a regression from 5 + 5")
    func history() throws {
        let folder = try TemporaryFolder()
        let objective = ", baseline: {against: history, metric: p50, worse-by: 10%, alpha: 0.01}"
        for number in 1...5 {
            try Self.lab(folder, delay: "\(100 + number)ms", more: objective)
            #expect(try Self.run(folder).status == 0)
            #expect(try Self.lab(folder, "baseline", "accept", "last").status == 0)
        }
        var last = ""
        for number in 1...5 {
            try Self.lab(folder, delay: "\(200 + number)ms", more: objective)
            let result = try Self.run(folder)
            #expect(result.status == (number < 5 ? 0 : 6), "\(result.all)")
            if number == 3 { #expect(result.output.contains("5 accepted and 3 later runs have registered.latency p50; 4 + 4 are needed")) }
            last = result.output
        }
        #expect(last.contains("regressed    REG p50"), "\(last)")
    }

    @Test(
        "wrong words end with 2",
        arguments: [
            (["diff", "last", "--fail-on", "much"], "--fail-on 'much' must be a share such as +10%"), (["diff"], "Missing expected argument '<a>'"),
            (["trend", "--last", "0"], "--last '0' must be 1 to 10000"), (["trend", "--csv", "--json"], "--csv and --json exclude one another"),
            (["diff", "0101-1", "0101-2"], "There is no run '0101-1', nor any other"),
        ])
    func wrong(_ arguments: [String], _ message: String) throws {
        let folder = try TemporaryFolder()
        try Self.lab(folder, delay: "100ms")
        let result = try LabProcess.run(arguments, in: folder.path)
        #expect(result.status == 2 && result.error.contains(message), "\(result.all)")
    }

    @Test("where nothing ran there is no history: 4")
    func nothing() throws {
        let folder = try TemporaryFolder()
        try Self.lab(folder, delay: "100ms")
        #expect(try Self.lab(folder, "trend").status == 4)
        #expect(try Self.run(folder).status == 0)
        let unknown = try Self.lab(folder, "trend", "--metric", "latenzy")
        #expect(unknown.status == 4 && unknown.error.contains("No figure has 'latenzy' in its name"))
        #expect(try Self.lab(folder, "trend", "tag:nosuch").status == 4)
    }

    @Test("an interrupted run is kept as partial, and is no baseline")
    func interrupted() throws {
        let folder = try TemporaryFolder()
        try folder.write(try Repository.text("Tests/ScenarioTests/Failing/long.yaml"), to: "scenarios/long.yaml")
        let result = try LabProcess.run(["run", "--plain"], in: folder.path, signal: .whileRunning(SIGINT, folder))
        #expect(result.status == 130, "\(result.all)")
        let refused = try Self.lab(folder, "baseline", "accept", "last")
        #expect(refused.status == 2 && refused.error.contains("was stopped before its end"), "\(refused.all)")
    }
}
