import Foundation
import LabCore
import Testing

/// A small lab in a folder of its own.
private struct SmallLab {
    let folder: TemporaryFolder
    var path: String { folder.path }

    static let good = "lab: 1\nabout: Boots.\nneeds: {badge: {kind: badge}}\nsteps: [{do: badge.boot, with: {factory_new: true}}]\n"
    static let failing = """
        lab: 1
        about: There is no such device.
        needs: {cloud: {kind: cloud}}
        steps: [{do: cloud.device.command, with: {device: luna_badge_9999, command: identify}}]

        """

    init(_ files: [String: String]) throws {
        folder = try TemporaryFolder()
        try folder.write("lab: 1\nabout: A small lab.\n", to: "lab.yaml")
        for (name, text) in files { try folder.write(text, to: name) }
    }

    func lab(_ arguments: String..., signal: LabProcess.Signal? = nil) throws -> LabProcess.Result {
        try LabProcess.run(arguments, in: path, signal: signal)
    }

    /// The names of the runs, sorted.
    var runs: [String] {
        ((try? FileManager.default.contentsOfDirectory(atPath: "\(path)/runs")) ?? []).filter { $0.contains("-") && !$0.contains(".") }.sorted()
    }

    func result(_ run: String) throws -> Fields {
        try #require(try JSONReader.read(folder.read("runs/\(run)/result.json") ?? "").record)
    }
}

@Suite("quarantine: known failures are borne for a time (cli.md, exit codes)", .serialized)
struct QuarantineRunTests {
    private func lab(until: String, scenario: String = "b-fail") throws -> SmallLab {
        try SmallLab([
            "lab.yaml": "lab: 1\nabout: A small lab.\nquarantine: known.yaml\n",
            "known.yaml": """
                lab: 1
                quarantine:
                  - {scenario: \(scenario), owner: li.wei, issue: LAB-231, until: \(until), why: The device is lost.}

                """,
            "scenarios/a-good.yaml": SmallLab.good, "scenarios/b-fail.yaml": SmallLab.failing,
        ])
    }

    @Test("a listed failure does not fail the run; it is counted and named with its owner")
    func borne() throws {
        let lab = try lab(until: "2999-12-31")
        let result = try lab.lab("run", "--plain")
        #expect(result.status == 0, "\(result.all)")
        #expect(result.output.contains("  quarantined b-fail"))
        #expect(result.output.contains("li.wei, LAB-231, until 2999-12-31: The device is lost."))
        #expect(result.output.contains("1 passed, 1 quarantined"))
        #expect(result.lastLine == "1 passed, 0 failed, 1 skipped")
        let summary = try #require(lab.folder.read("runs/\(lab.runs[0])/summary.md"))
        #expect(summary.contains("| quarantined | b-fail | li.wei | LAB-231 | 2999-12-31 | The device is lost. | 1 |"))
        let note = try lab.result(lab.runs[0])["quarantine"]?.list?.first?.record
        #expect(note?["owner"] == "li.wei" && note?["borne"] == 1 && note?["is_over"] == false)
    }

    @Test("after its last day it bears nothing, and fails the run also where the scenario passes")
    func over() throws {
        let failing = try lab(until: "2020-01-31").lab("run", "--plain")
        #expect(failing.status == 1, "\(failing.all)")
        #expect(failing.output.contains("  FAIL     b-fail"))
        #expect(failing.output.contains("QUARANTINE OVER b-fail: since 2020-01-31; li.wei mends it, or says in known.yaml:3:16 why it goes on (LAB-231)"))
        let passing = try lab(until: "2020-01-31", scenario: "a-good").lab("run", "--plain", "a-good")
        #expect(passing.status == 1, "\(passing.all)")
        #expect(passing.lastLine == "1 passed, 0 failed, 0 skipped")
    }

    @Test("an entry that holds for no scenario is a warning; a broken file is an error with its place, and nothing runs")
    func wrong() throws {
        let idle = try lab(until: "2999-12-31", scenario: "gone").lab("check")
        #expect(idle.status == 0)
        #expect(idle.output.contains("known.yaml:3:16: warning: the quarantine of 'gone' holds for no scenario; li.wei can take it out (LAB-231)"))
        let broken = try lab(until: "soon").lab("run")
        #expect(broken.status == 2)
        let overdue = try lab(until: "2020-01-31").lab("check")
        #expect(overdue.status == 0)
        #expect(overdue.output.contains("known.yaml:3:16: warning: the quarantine of 'b-fail' ended on 2020-01-31; li.wei mends it, or says why it goes on (LAB-231)"))
        #expect(broken.error.contains("known.yaml:3:62: error: value soon for 'until' must be a day such as 2026-12-01"))
    }
}

@Suite("artifacts/ of a run: what a person needs, in one folder", .serialized)
struct ArtifactTests {
    @Test("the reports, the scenarios and lab.yaml as they were, and the folders of what did not pass")
    func collected() throws {
        let lab = try SmallLab(["scenarios/a-good.yaml": SmallLab.good, "scenarios/b-fail.yaml": SmallLab.failing])
        #expect(try lab.lab("run", "--retries", "1").status == 1)
        let place = "runs/\(lab.runs[0])/artifacts/"
        let found = Set(lab.folder.files.filter { $0.hasPrefix(place) }.map { String($0.dropFirst(place.count)) })
        let wanted = [
            "README.txt", "report.html", "summary.md", "junit.xml", "result.json", "sources/lab.yaml", "sources/scenarios/b-fail.yaml", "b-fail/run.json",
            "b-fail/events.jsonl", "b-fail.try-2/events.jsonl",
        ]
        #expect(wanted.filter { !found.contains($0) } == [])
        #expect(!found.contains { $0.hasPrefix("a-good") })
        let list = try #require(lab.folder.read(place + "README.txt"))
        #expect(list.contains("FAIL b-fail") && list.contains("lab replay \(lab.runs[0])/b-fail.try-2"))
    }

    @Test("there is none where everything passed")
    func none() throws {
        let lab = try SmallLab(["scenarios/a-good.yaml": SmallLab.good])
        #expect(try lab.lab("run").status == 0)
        #expect(!lab.folder.files.contains { $0.contains("artifacts") })
    }
}

@Suite("lab run --resume: a run that was cut off is finished by another one", .serialized)
struct ResumeTests {
    private static func long(_ wait: String) -> String {
        """
        lab: 1
        about: Takes its time.
        deadline: 9000h
        needs: {badges: {kind: badge, count: 200}, cloud: {kind: cloud}}
        setup: [{do: cloud.factory.provision, with: {prefix: "BDG-", from: 1, count: 200}}]
        steps: [{do: badges.boot, with: {factory_new: true}}, {wait: \(wait)}]

        """
    }

    private func cutOff(by signal: Int32) throws -> SmallLab {
        let lab = try SmallLab([
            "scenarios/a-good.yaml": SmallLab.good, "scenarios/b-fail.yaml": SmallLab.failing, "scenarios/c-long.yaml": Self.long("8000h"),
            "scenarios/d-good.yaml": SmallLab.good,
        ])
        let folder = lab.folder
        let running = LabProcess.Signal(number: signal) { folder.files.contains { $0.hasSuffix("c-long/events.jsonl") && folder.size($0) > 0 } }
        _ = try lab.lab("run", "--jobs", "1", "--seed", "7", "--plain", signal: running)
        try folder.write(Self.long("1s"), to: "scenarios/c-long.yaml")
        return lab
    }

    @Test("what had ended is kept, the rest runs, and both are one run; after Ctrl-C and after a kill", arguments: [SIGINT, SIGKILL])
    func resumed(_ signal: Int32) throws {
        let lab = try cutOff(by: signal)
        let first = try #require(lab.runs.first)
        #expect((lab.folder.read("runs/\(first)/result.json") == nil) == (signal == SIGKILL))
        let result = try lab.lab("run", "--resume", first, "--plain")
        #expect(result.status == 1, "\(result.all)")
        #expect(result.output.contains("goes on with run \(first): 2 cells had ended there, 2 cells run now"))
        #expect(result.error.contains("changed since run \(first), so all of it runs again: scenarios/c-long.yaml"))
        #expect(result.output.contains("FAIL b-fail   scenarios/b-fail.yaml:4"))
        #expect(result.lastLine == "3 passed, 1 failed, 0 skipped")
        let second = try #require(lab.runs.last)
        let report = try lab.result(second)
        #expect(report["resumed"] == .text(first) && report["seed"] == "0x7")
        let places = (report["cases"]?.list ?? []).compactMap { $0.record?["run"]?.text }
        #expect(places == ["\(first)/a-good", "\(first)/b-fail", "\(second)/c-long", "\(second)/d-good"])
        #expect(lab.folder.read("runs/\(second)/summary.md")?.contains("2 of 4 cells ended in run") == true)
        #expect(lab.folder.files.contains("runs/\(second)/artifacts/b-fail/events.jsonl"))

        // What the first and the second run finished is finished for the third one.
        let nothing = try lab.lab("run", "--resume", second)
        #expect(nothing.status == 4)
        #expect(nothing.error.contains("Nothing is left of run \(second): all of its cells have ended."))
    }

    @Test("a blocked cell runs again, for it says nothing of the product")
    func blocked() throws {
        let sick = "lab: 1\nabout: No bench has it.\nneeds: {pile: {kind: pile, where: {ports: {ge: 12}}}}\nsteps: [{do: pile.power_on}]\n"
        let lab = try SmallLab(["scenarios/a-good.yaml": SmallLab.good, "scenarios/b-sick.yaml": sick])
        #expect(try lab.lab("run").status == 3)
        try lab.folder.write("lab: 1\nabout: Mended.\nnodes: {pile_a: {kind: pile, facts: {ports: 12}}}\n", to: "lab.yaml")
        let result = try lab.lab("run", "--resume", "last", "--plain")
        #expect(result.output.contains("1 cell had ended there, 1 cell runs now"), "\(result.all)")
        #expect(result.error.contains("whose results are kept all the same: lab.yaml"))
        #expect(result.status == 0 && result.lastLine == "2 passed, 0 failed, 0 skipped", "\(result.all)")
    }

    @Test("--failed runs what did not pass, and not what could not run there; shards of what can run are even")
    func narrowed() throws {
        var files = ["scenarios/b-fail.yaml": SmallLab.failing]
        for name in ["a-good", "c-good", "d-good"] { files["scenarios/\(name).yaml"] = SmallLab.good }
        files["scenarios/e-emu.yaml"] = "lab: 1\nabout: E.\nfidelity: [emu]\nneeds: {badge: {kind: badge}}\nsteps: [{wait: 1s}]\n"
        let lab = try SmallLab(files)
        #expect(try lab.lab("run").lastLine == "3 passed, 1 failed, 1 skipped")
        #expect(try lab.lab("run", "--failed").lastLine == "0 passed, 1 failed, 0 skipped")
        let shards = try ["1/2", "2/2"].map { try lab.lab("run", "--shard", $0).lastLine }
        #expect(shards == ["2 passed, 0 failed, 0 skipped", "1 passed, 1 failed, 0 skipped"])
    }

    @Test("another selection, world or seed would be another run")
    func refused() throws {
        let lab = try SmallLab(["scenarios/a-good.yaml": SmallLab.good])
        #expect(try lab.lab("run").status == 0)
        let run = lab.runs[0]
        let selected = try lab.lab("run", "a-good", "--resume", run)
        #expect(selected.status == 2 && selected.error.contains("--resume takes the cells of the run that it names"))
        let world = try lab.lab("run", "--on", "emu", "--resume", run)
        #expect(world.status == 2 && world.error.contains("ran on sim; --on emu would be another run"))
        let gone = try lab.lab("run", "--resume", "0101-99")
        #expect(gone.status == 2 && gone.error.contains("There is no run '0101-99'"))
    }
}
