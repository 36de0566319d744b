import Foundation
import Testing

@Suite("A run repeats (architecture.md §4)")
struct ReplayTests {
    @Test("two processes with one seed write the same events.jsonl, byte for byte, for every shipped scenario")
    func twoProcesses() throws {
        let fleets = try TemporaryFolder()
        let shortened = try Repository.shortFleets()
        // Beside the blocks that they import.
        for (path, text) in shortened { try fleets.write(text, to: "scenarios/x/" + path.replacing("/", with: "-")) }
        for path in Repository.scenarioFiles(in: "scenarios/common") { try fleets.write(Repository.text(path), to: path) }
        let files = Repository.scenarioFiles(in: "scenarios").filter { shortened[$0] == nil && !$0.hasPrefix("scenarios/common/") }
        let folders = [try TemporaryFolder(), try TemporaryFolder()]
        for folder in folders {
            let result = try LabProcess.run(["run"] + files + ["\(fleets.path)/scenarios/x", "--seed", "7", "--plain", "--out", folder.path])
            #expect(result.status == 0, "\(result.all)")
        }
        let logs = folders.map(Self.logs)
        let cells = Cell.shipped(seed: 7).count
        #expect(logs[0].count == cells && cells >= 21)
        #expect(logs[0].map(\.name) == logs[1].map(\.name))
        for (first, second) in zip(logs[0], logs[1]) {
            #expect(first.bytes.count > 1_000, "\(first.name) is too short to prove anything")
            #expect(first.bytes == second.bytes, "\(first.name) differs between two processes")
        }
    }

    @Test("another seed gives another log")
    func anotherSeed() throws {
        let folders = [try TemporaryFolder(), try TemporaryFolder()]
        for (folder, seed) in zip(folders, ["7", "8"]) {
            _ = try LabProcess.run(["run", "scenarios/badge/link-loss.yaml", "--seed", seed, "--plain", "--out", folder.path])
        }
        let logs = folders.map(Self.logs)
        #expect(logs[0].count == 6)
        #expect(zip(logs[0], logs[1]).allSatisfy { $0.bytes != $1.bytes })
    }

    @Test("events are numbered from 1 without gaps, in the order of time, and name causes that came before them")
    func totalOrder() throws {
        let folder = try TemporaryFolder()
        _ = try LabProcess.run(["run", "scenarios/badge/cloud-crash.yaml", "--plain", "--out", folder.path])
        for log in Self.logs(folder) {
            var (number, time) = (0, Int64(0))
            for line in String(decoding: log.bytes, as: UTF8.self).split(separator: "\n") {
                let event = try #require(try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any])
                number += 1
                #expect(event["seq"] as? Int == number)
                let at = try #require(event["t"] as? Int64)
                #expect(at >= time)
                time = at
                if let cause = event["cause"] as? Int { #expect((1..<number).contains(cause)) }
            }
            #expect(number > 40)
        }
    }

    @Test("lab replay says that a run is the same, and where a changed log parts")
    func replay() throws {
        let folder = try TemporaryFolder()
        _ = try LabProcess.run(["run", "scenarios/badge/command.yaml", "--plain", "--out", folder.path])
        let same = try LabProcess.run(["replay", "last", "--out", folder.path])
        #expect(same.status == 0)
        #expect(same.lastLine.hasSuffix("events, the same"))

        let log = try #require(Self.logs(folder).first)
        let text = String(decoding: log.bytes, as: UTF8.self)
        try folder.write(text.replacing("restart_module", with: "restart_modulo", maxReplacements: 1), to: log.name)
        let parted = try LabProcess.run(["replay", "last", "--out", folder.path])
        #expect(parted.status == 70)
        let line = try #require(text.split(separator: "\n").firstIndex { $0.contains("restart_module") })
        #expect(parted.output.contains("parts at event \(line + 1)"), "\(parted.all)")
        #expect(parted.output.contains("  log     {") && parted.output.contains("  replay  {"))
        #expect(parted.error.contains("did not replay"))

        try folder.write(text.split(separator: "\n").dropLast(3).joined(separator: "\n") + "\n", to: log.name)
        #expect(try LabProcess.run(["replay", "last", "--out", folder.path]).output.contains("the log has ended"))
        let until = try LabProcess.run(["replay", "last", "--until", "5", "--out", folder.path])
        #expect(until.status == 0)
        #expect(until.output.split(separator: "\n").count == 6)
    }

    @Test("a log that Ctrl-C cut short replays up to that moment")
    func interrupted() throws {
        let folder = try TemporaryFolder()
        let run = try LabProcess.run(
            ["run", "Tests/ScenarioTests/Failing/long.yaml", "--plain", "--out", folder.path], signal: .whileRunning(SIGINT, folder))
        #expect(run.status == 130, "\(run.all)")
        let replayed = try LabProcess.run(["replay", "last", "--out", folder.path])
        #expect(replayed.status == 0, "\(replayed.all)")
        #expect(replayed.lastLine.hasSuffix("the same; it was interrupted then"))
    }

    private static func logs(_ folder: TemporaryFolder) -> [(name: String, bytes: Data)] {
        folder.files.filter { $0.hasSuffix("events.jsonl") }.compactMap { name in
            FileManager.default.contents(atPath: "\(folder.path)/\(name)").map { (name, $0) }
        }
    }
}
