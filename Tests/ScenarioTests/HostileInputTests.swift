import Foundation
import Testing

@Suite("Hostile files and folders: a located message, never a crash, never a wait without end")
struct HostileInputTests {
    private static func makePipe(_ path: String) { #expect(unsafe mkfifo(path, 0o600) == 0) }

    @Test("something else than a file in a scenario's place")
    func notFiles() throws {
        let folder = try TemporaryFolder()
        Self.makePipe("\(folder.path)/pipe.yaml")
        try FileManager.default.createSymbolicLink(atPath: "\(folder.path)/nowhere.yaml", withDestinationPath: "gone.yaml")
        try FileManager.default.createSymbolicLink(atPath: "\(folder.path)/zero.yaml", withDestinationPath: "/dev/zero")
        try FileManager.default.createDirectory(atPath: "\(folder.path)/folder.yaml", withIntermediateDirectories: true)
        let result = try LabProcess.run(["check", "."], in: folder.path)
        #expect(result.status == 2)
        #expect(
            result.output == """
                nowhere.yaml:1:1: error: cannot read 'nowhere.yaml': no such file
                pipe.yaml:1:1: error: cannot read 'pipe.yaml': it is not a regular file
                zero.yaml:1:1: error: cannot read 'zero.yaml': it is not a regular file
                3 errors in 3 files

                """)
        for name in ["/dev/zero", "/dev/null", "/dev/tty"] {
            let device = try LabProcess.run(["run", name], in: folder.path)
            #expect(device.status == 2)
            #expect(device.error.hasPrefix("\(name):1:1: error: cannot read"), "\(device.all)")
        }
        try folder.write(
            "lab: 1\nabout: x\nimport: [folder.yaml, pipe.yaml]\nneeds: {badge: {kind: badge}}\nsteps: [{wait: 1s}]\n", to: "importer.yaml")
        let imports = try LabProcess.run(["check", "importer.yaml"], in: folder.path)
        #expect(imports.output.contains("importer.yaml:3:10: error: cannot read 'folder.yaml': it is a folder"))
        #expect(imports.output.contains("importer.yaml:3:23: error: cannot read 'pipe.yaml': it is not a regular file"))
    }

    @Test("a file or a folder without the right to read it")
    func withoutRights() throws {
        guard getuid() != 0 else { return print("SKIPPED files without the right to read them: the tests run as root") }
        let folder = try TemporaryFolder()
        try folder.write("lab: 1\n", to: "secret.yaml")
        try folder.write("lab: 1\n", to: "closed/a.yaml")
        try FileManager.default.setAttributes([.posixPermissions: 0], ofItemAtPath: "\(folder.path)/secret.yaml")
        try FileManager.default.setAttributes([.posixPermissions: 0], ofItemAtPath: "\(folder.path)/closed")
        let result = try LabProcess.run(["check", "."], in: folder.path)
        try FileManager.default.setAttributes([.posixPermissions: 0o700], ofItemAtPath: "\(folder.path)/closed")
        #expect(result.status == 2)
        #expect(result.output.contains("secret.yaml:1:1: error: cannot read 'secret.yaml': no right to read it"))
        #expect(result.output.contains("closed:1:1: error: cannot read 'closed': no right to read it"))
    }

    @Test("links that lead in a circle, and the copies in run folders, are not followed")
    func circles() throws {
        let folder = try TemporaryFolder()
        _ = try LabProcess.run(["init"], in: folder.path)
        try FileManager.default.createSymbolicLink(atPath: "\(folder.path)/scenarios/again", withDestinationPath: "..")
        #expect(try LabProcess.run(["run", "--plain"], in: folder.path).lastLine == "3 passed, 0 failed, 0 skipped")
        #expect(try LabProcess.run(["check", "."], in: folder.path).lastLine == "2 scenarios, no errors")
        try FileManager.default.createSymbolicLink(atPath: "\(folder.path)/link", withDestinationPath: "scenarios")
        #expect(try LabProcess.run(["check", "link"], in: folder.path).lastLine == "2 scenarios, no errors")
    }

    @Test("a lab.yaml that is a folder or a pipe")
    func labFile() throws {
        let folder = try TemporaryFolder()
        _ = try LabProcess.run(["init"], in: folder.path)
        try FileManager.default.removeItem(atPath: "\(folder.path)/lab.yaml")
        Self.makePipe("\(folder.path)/lab.yaml")
        #expect(
            try LabProcess.run(["check"], in: folder.path).output.hasPrefix(
                "lab.yaml:1:1: error: cannot read 'lab.yaml': it is not a regular file"))
        try FileManager.default.removeItem(atPath: "\(folder.path)/lab.yaml")
        try FileManager.default.createDirectory(atPath: "\(folder.path)/lab.yaml", withIntermediateDirectories: true)
        #expect(
            try LabProcess.run(["check"], in: folder.path).output.hasPrefix("lab.yaml:1:1: error: cannot read 'lab.yaml': it is a folder"))
    }

    @Test(
        "documents of a run that are damaged",
        arguments: [
            ("run.json", "{", "run.json is damaged"), ("run.json", "[]", "run.json is damaged: it must hold one record"),
            ("run.json", "{\"file\":1}", "run.json is damaged: 'file' must be"),
            ("run.json", String(repeating: "[", count: 100_000), "run.json is damaged"),
            ("events.jsonl", "not json\n", "events.jsonl:1 is damaged"),
            ("events.jsonl", "{\"seq\":1,\"t\":0,\"node\":\"lab\"}\n", "events.jsonl:1 is damaged"),
            ("events.jsonl", "{\"seq\":99999999999999999999,\"t\":0,\"node\":\"lab\",\"event\":\"x\"}\n", "events.jsonl:1 is damaged"),
        ])
    func damagedCase(_ name: String, _ text: String, _ message: String) throws {
        let folder = try TemporaryFolder()
        _ = try LabProcess.run(["run", "badge/command", "--plain", "--out", folder.path])
        try folder.write(text, to: try #require(folder.only("/\(name)")))
        for command in ["judge", "show", "replay"] {
            let result = try LabProcess.run([command, "last", "--out", folder.path])
            #expect(result.status == 2, "\(command): \(result.all)")
            #expect(result.error.contains(message), "\(command): \(result.all)")
        }
    }

    @Test("a run that was killed can be looked at by its name, and is no pass")
    func killed() throws {
        let folder = try TemporaryFolder()
        let run = try LabProcess.run(
            ["run", "Tests/ScenarioTests/Failing/long.yaml", "--plain", "--out", folder.path], signal: .whileRunning(SIGKILL, folder))
        #expect(run.status == -9)
        let name = try #require(folder.files.first { !$0.contains("/") })
        let told = "Run \(name) is newer and has no result: it is under way, or was killed. `lab judge \(name)` reads its log."
        #expect(try LabProcess.run(["judge", "last", "--out", folder.path]).error.contains(told))
        let judged = try LabProcess.run(["judge", name, "--out", folder.path])
        #expect(judged.status == 3, "\(judged.all)")
        #expect(judged.output.contains("the log ends without run.ended"))
    }

    @Test("the last run is the last that has a result, and a newer one without is named")
    func killedLater() throws {
        let folder = try TemporaryFolder()
        _ = try LabProcess.run(["run", "badge/command", "--plain", "--out", folder.path])
        #expect(try LabProcess.run(["show", "last", "--out", folder.path]).error == "")
        _ = try LabProcess.run(["run", "Tests/ScenarioTests/Failing/long.yaml", "--plain", "--out", folder.path], signal: .whileRunningAfter(1, SIGKILL, folder))
        let shown = try LabProcess.run(["show", "last", "--out", folder.path])
        #expect(shown.status == 0 && shown.output.contains("badge/command"))
        #expect(shown.error.contains("-2 is newer and has no result: it is under way, or was killed."), "\(shown.all)")
    }

    @Test("text in files cannot move the cursor")
    func controlCharacters() throws {
        let folder = try TemporaryFolder()
        try folder.write("lab: 1\nabout: x\nneeds: {badge: {kind: badge}}\nsteps:\n  - \"do\\e[2J\": badge.boot\n", to: "a.yaml")
        for command in ["check", "run"] {
            let result = try LabProcess.run([command, "a.yaml"], in: folder.path)
            #expect(result.status == 2)
            #expect(!result.all.contains("\u{1b}"))
            #expect(result.all.contains("\\u{1b}[2J"))
        }
    }

    @Test("a log with events missing, doubled or out of order is judged as a bug of the lab, not as a pass")
    func forgedLog() throws {
        let folder = try TemporaryFolder()
        _ = try LabProcess.run(["run", "badge/command", "--plain", "--out", folder.path])
        let name = try #require(folder.only("/events.jsonl"))
        let lines = try #require(folder.read(name)).split(separator: "\n")
        for forged in [lines.dropFirst(1), lines.dropLast(0).filter { !$0.contains("\"seq\":20,") }[...], (lines[..<20] + lines[10...])] {
            try folder.write(forged.joined(separator: "\n") + "\n", to: name)
            let result = try LabProcess.run(["judge", "last", "--out", folder.path])
            #expect(result.status == 70, "\(result.all)")
        }
        try folder.write("", to: name)
        #expect(try LabProcess.run(["judge", "last", "--out", folder.path]).status == 3)
    }

    @Test("a damaged result.json is named; lab list goes on without it, --failed does not")
    func damagedResult() throws {
        let folder = try TemporaryFolder()
        _ = try LabProcess.run(["run", "badge/command", "--plain", "--out", folder.path])
        let name = try #require(folder.only("/result.json"))
        for text in ["", "{", "{\"cases\":7}", "\u{0}\u{1}"] {
            try folder.write(text, to: name)
            let list = try LabProcess.run(["list", "--out", folder.path])
            #expect(list.status == 0)
            #expect(list.error.contains("result.json is damaged"))
            let failed = try LabProcess.run(["run", "badge/command", "--failed", "--out", folder.path])
            #expect(failed.status == 2)
            #expect(failed.error.contains("result.json is damaged"), "\(failed.all)")
        }
    }

    @Test("a run whose kept scenario is gone or changed cannot be judged, and says why")
    func damagedSources() throws {
        let folder = try TemporaryFolder()
        _ = try LabProcess.run(["run", "badge/command", "--plain", "--out", folder.path])
        let source = try #require(folder.files.first { $0.hasSuffix("-command.yaml") && !$0.hasSuffix("in-command.yaml") })
        try folder.write("lab: 1\nabout: [\n", to: source)
        let broken = try LabProcess.run(["judge", "--out", folder.path])
        #expect(broken.status == 2)
        #expect(broken.error.contains("cannot be read any more. scenarios/badge/command.yaml:"), "\(broken.all)")
        try FileManager.default.removeItem(atPath: "\(folder.path)/\(source)")
        Self.makePipe("\(folder.path)/\(source)")
        #expect(try LabProcess.run(["judge", "--out", folder.path]).error.contains("it is not a regular file"))
    }

    @Test("a standard output that is full or closed does not stop a run; its reports are written")
    func brokenOutput() throws {
        let folder = try TemporaryFolder()
        guard let shell = Tool.find("sh", for: "a full standard output") else { return }
        let command = "\(LabProcess.path) run badge/command --plain --out \(folder.path)"
        let full = try LabProcess.run(shell, ["-c", "\(command)/full > /dev/full"], in: Repository.root)
        #expect(full.status == 2)
        #expect(full.error.contains("Could not write to standard output: no space left on device."))
        #expect(try LabProcess.run(shell, ["-c", "\(command)/closed >&-"], in: Repository.root).status == 2)
        #expect(try LabProcess.run(shell, ["-c", "\(command)/gone | true"], in: Repository.root).status == 0)
        #expect(folder.files.filter { $0.hasSuffix("/result.json") }.count == 3)
    }
}
