import Foundation
import Testing

@Suite("The world emu: the same files on real media (cli.md, scenario-language.md)", .serialized)
struct RealMediaTests {
    @Test("a shipped scenario passes unchanged; the result says how late the lab's own timers were")
    func passes() throws {
        let folder = try TemporaryFolder()
        let run = try LabProcess.run(["run", "badge/register", "--on", "emu", "--plain", "--retries", "2", "--out", folder.path])
        #expect(run.status == 0, "\(run.all)")
        #expect(run.lastLine == "2 passed, 0 failed, 0 skipped")
        #expect(run.output.contains("lab's own timers: "))
        let result = try #require(folder.only("result.json").flatMap(folder.read))
        let document = try JSONSerialization.jsonObject(with: Data(result.utf8)) as? [String: Any]
        let cases = try #require(document?["cases"] as? [[String: Any]])
        for entry in cases {
            let timing = try #require(entry["timing"] as? [String: Any])
            #expect((timing["timers"] as? Int ?? 0) > 0)
            #expect((timing["worst_ns"] as? Int ?? -1) >= (timing["p99_ns"] as? Int ?? 0))
        }
        // The log is judged again without a world.
        #expect(try LabProcess.run(["judge", "last", "--out", folder.path]).status == 0)
        let replay = try LabProcess.run(["replay", "last", "--out", folder.path])
        #expect(replay.status == 2 && replay.error.contains("only runs in sim repeat"), "\(replay.all)")
    }

    @Test("a module is driven through a pseudo terminal and registers, 20 times as fast as life")
    func module() throws {
        let folder = try TemporaryFolder()
        let run = try LabProcess.run(
            ["run", "module/signal-report", "--on", "emu", "--speed", "20x", "--plain", "--retries", "2", "--out", folder.path])
        #expect(run.status == 0, "\(run.all)")
        #expect(run.output.contains("speed 20.0x"))
        let log = try #require(folder.only("events.jsonl").flatMap(folder.read))
        #expect(log.contains(#""event":"at.sent""#) && log.contains(#""event":"port.opened""#))
    }

    @Test("with mosquitto the verdict is the same, and no broker is left behind")
    func mosquitto() throws {
        guard Tool.find("mosquitto", for: "runs with --broker mosquitto") != nil else { return }
        let folder = try TemporaryFolder()
        let run = try LabProcess.run(
            ["run", "badge/register", "--on", "emu", "--broker", "mosquitto", "--plain", "--retries", "2", "--out", folder.path])
        #expect(run.status == 0, "\(run.all)")
        let log = try #require(folder.files.first { $0.hasSuffix("events.jsonl") }.flatMap(folder.read))
        #expect(log.contains(#""event":"broker.accepted""#))
    }

    @Test("what did not pass is tried again by itself when the others are over, and keeps none of them waiting")
    func triedAgain() throws {
        let folder = try TemporaryFolder()
        func scenario(_ name: String, _ steps: String) throws {
            try folder.write("lab: 1\nabout: \(name)\nneeds:\n  cloud: {kind: cloud}\nsteps:\n\(steps)\n", to: "\(name).yaml")
        }
        try scenario("a-fails", "  - check: cloud.invariants\n    is: {violations: 1}")
        try scenario("b-long", "  - wait: 60s")
        try scenario("c-short", "  - wait: 1s")
        let run = try LabProcess.run(
            ["run", folder.path, "--on", "emu", "--speed", "20x", "--jobs", "2", "--retries", "1", "--plain", "--out", "\(folder.path)/runs"])
        #expect(run.status == 1)
        #expect(run.lastLine == "2 passed, 1 failed, 0 skipped", "\(run.all)")
        func end(_ name: String, try attempt: Int = 1) throws -> Date {
            let log = try #require(folder.files.first { $0.contains(name) && $0.contains(".try-") == (attempt > 1) && $0.hasSuffix("/events.jsonl") && !$0.contains("/artifacts/") }, "\(folder.files)")
            return try #require(FileManager.default.attributesOfItem(atPath: "\(folder.path)/\(log)")[.modificationDate] as? Date)
        }
        #expect(try end("c-short") < end("b-long"))
        #expect(try end("b-long") < end("a-fails", try: 2))
    }

    @Test("packet faults need the lab's own broker: with another one the scenario is skipped, and that is no failure")
    func skipped() throws {
        let folder = try TemporaryFolder()
        try folder.write(
            """
            lab: 1
            about: A packet is lost.
            needs:
              badge: {kind: badge}
              cloud: {kind: cloud}
            steps:
              - fault: cloud.broker.packet.drop
                with: {packet: puback}
                for: 1s
              - wait: 1s

            """, to: "scenarios/drop.yaml")
        let skipped = try LabProcess.run(["run", "--on", "emu", "--broker", "mosquitto"], in: folder.path)
        #expect(skipped.status == 0 && skipped.lastLine == "0 passed, 0 failed, 1 skipped", "\(skipped.all)")
        #expect(skipped.output.contains("needs the embedded broker (cloud.broker.packet.drop)"))
        let ran = try LabProcess.run(["run", "--on", "emu", "--speed", "10x"], in: folder.path)
        #expect(ran.lastLine == "1 passed, 0 failed, 0 skipped", "\(ran.all)")
    }

    @Test("a broker that nobody runs blocks the case, says what to do, and ends with 3")
    func blocked() throws {
        let folder = try TemporaryFolder()
        // Port 9, discard: nobody listens there.
        let run = try LabProcess.run(
            ["run", "badge/command", "--on", "emu", "--broker", "mqtt://user:secret@127.0.0.1:9", "--plain", "--out", folder.path])
        #expect(run.status == 3, "\(run.all)")
        #expect(run.output.contains("tcp 127.0.0.1:9: nobody listens there; start the server, or check the port"))
        // The password is in no report.
        for file in folder.files where !file.contains("sources") { #expect(folder.read(file)?.contains("secret") != true, "\(file)") }
    }

    @Test("wrong options end with 2", arguments: [
        (["run", "--speed", "60x"], "--speed needs --on emu"),
        (["run", "--on", "emu", "--speed", "0x"], "--speed '0x' must be 1x to 1000x, such as 60x"),
        (["run", "--on", "emu", "--speed", "fast"], "--speed 'fast' must be 1x to 1000x"),
        (["run", "--broker", "mosquitto"], "--broker needs --on emu"),
        (["run", "--on", "emu", "--broker", "kafka"], "--broker 'kafka' must be embedded, mosquitto or an address"),
        (["run", "--on", "emu", "--broker", "mqtt://host:99999"], "--broker 'mqtt://host:99999' must be"),
    ])
    func wrongOptions(_ arguments: [String], _ message: String) throws {
        let run = try LabProcess.run(arguments)
        #expect(run.status == 2 && run.error.contains(message), "\(run.all)")
    }

    @Test("Ctrl-C stops a run in real time within its wait; the teardown runs")
    func interrupted() throws {
        let folder = try TemporaryFolder()
        let run = try LabProcess.run(
            ["run", "Tests/ScenarioTests/Failing/long.yaml", "--on", "emu", "--plain", "--out", folder.path],
            signal: .whileRunning(SIGINT, folder))
        #expect(run.status == 130, "\(run.all)")
        #expect(run.output.contains("interrupted during"))
    }
}
