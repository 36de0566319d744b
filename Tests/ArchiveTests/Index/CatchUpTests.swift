import Archive
import Foundation
import LabCore
import Testing

@Suite("The index follows the run folders (Docs/archive.md)")
struct CatchUpTests {
    private let folder: TemporaryFolder
    private let archive: RunArchive
    private let index: RunIndex

    init() throws {
        folder = try TemporaryFolder()
        archive = RunArchive(root: folder.path)
        index = try RunIndex(path: "\(folder.path)/history.db")
    }

    private func add(_ number: Int64, verdict: String = "pass", session: SessionRecord? = nil) throws {
        try folder.add(Entries.result(run: "0611-\(number)", verdict: verdict), session ?? Entries.session(number, label: "c\(number)"), run: "0611-\(number)")
    }

    @Test("takes in what it lacks, once")
    func missing() throws {
        try add(1)
        try add(2)
        #expect(try index.catchUp(with: archive) == RunIndex.Intake(added: 2))
        #expect(try index.catchUp(with: archive) == RunIndex.Intake(added: 0))
        try add(3)
        #expect(try index.catchUp(with: archive).added == 1)
        #expect(try index.runs(last: 9).map(\.label) == ["c1", "c2", "c3"])
    }

    @Test("a run that its own lab put in is not taken in twice")
    func own() throws {
        try add(1)
        let run = RunFolder(path: "\(folder.path)/0611-1")
        try index.insert(run.entry(), modified: run.resultModified)
        #expect(try index.catchUp(with: archive).added == 0)
    }

    @Test("made again it is the same, with what was accepted")
    func again() throws {
        for number in Int64(1)...3 { try add(number) }
        _ = try index.catchUp(with: archive)
        let run = try #require(try index.run(named: "0611-2"))
        let acceptance = Acceptance(at: 77, cells: try index.cases(of: run).map(\.row.key))
        try RunFolder(path: run.folder).add(acceptance)
        try index.accept(acceptance, of: run)
        let other = try RunIndex(path: nil)
        _ = try other.catchUp(with: archive)
        #expect(try other.runs(last: 9) == index.runs(last: 9))
        #expect(try other.baselines() == index.baselines())
        #expect(try other.baselines().map(\.run.name) == ["0611-2"])
        for run in try index.runs(last: 9) { #expect(try other.cases(of: run) == index.cases(of: run)) }
    }

    @Test("runs whose folders are gone stay, also where a whole index is made again")
    func gone() throws {
        try add(1)
        try add(2)
        _ = try index.catchUp(with: archive)
        try FileManager.default.removeItem(atPath: "\(folder.path)/0611-1")
        #expect(try index.catchUp(with: archive).added == 0)
        index.close()
        let rebuilt = try RunIndex.rebuild(path: "\(folder.path)/history.db", from: archive)
        #expect(rebuilt.kept == nil && rebuilt.intake.added == 1)
        #expect(try rebuilt.index.runs(last: 9).map(\.name) == ["0611-1", "0611-2"])
    }

    @Test("a run of a lab that noted no session is known by its result alone")
    func old() throws {
        try folder.add(Entries.result(), nil, run: "0611-1")
        #expect(try index.catchUp(with: archive).added == 1)
        let run = try #require(try index.run(named: "last"))
        #expect(run.machine == nil && run.label == "" && run.labVersion == "0.1.0" && run.title == "0.1.0")
        #expect(run.started == RunFolder(path: "\(folder.path)/0611-1").resultModified)
    }

    @Test(
        "a result that cannot be read is named, and the others are taken in",
        arguments: ["", "{", "[]", "{}", #"{"cases":1,"world":"sim"}"#, "\u{0}\u{1}", String(repeating: "[", count: 1000)])
    func damaged(text: String) throws {
        try add(1)
        try add(2)
        try folder.write(text, to: "0611-1/result.json")
        let intake = try index.catchUp(with: archive)
        #expect(intake.added == 1)
        #expect(intake.complaints.count == 1 && intake.complaints[0].hasPrefix("\(folder.path)/0611-1/result.json is damaged: "))
        #expect(try index.runs(last: 9).map(\.name) == ["0611-2"])
    }

    @Test("a pipe in a result's place is not waited for")
    func pipe() throws {
        try FileManager.default.createDirectory(atPath: "\(folder.path)/0611-1", withIntermediateDirectories: false)
        #expect(unsafe mkfifo("\(folder.path)/0611-1/result.json", 0o600) == 0)
        #expect(try index.catchUp(with: archive).complaints == ["\(folder.path)/0611-1/result.json is damaged: it is not a regular file"])
    }

    @Test("cases that this lab cannot read are left out, the run is kept")
    func strange() throws {
        try folder.add(Entries.result(run: "0611-1", more: [["file": 1], "text", ["file": "a", "cell": [:], "verdict": "wonderful"]]), Entries.session(1), run: "0611-1")
        #expect(try index.catchUp(with: archive).added == 1)
        #expect(try index.cases(of: #require(try index.run(named: "last"))).count == 1)
    }

    @Test("moments are those of the calendar", arguments: [
        (Int64(0), "1970-01-01T00:00:00Z"), (951_782_400_000_000_000, "2000-02-29T00:00:00Z"), (1_795_300_253_999_999_999, "2026-11-21T22:30:53Z"),
        (-1, "1969-12-31T23:59:59Z"), (4_107_542_399_000_000_000, "2100-02-28T23:59:59Z"), (4_107_542_400_000_000_000, "2100-03-01T00:00:00Z"),
    ])
    func timestamps(_ nanoseconds: Int64, _ text: String) { #expect(CalendarText.timestamp(nanoseconds: nanoseconds) == text) }

    @Test("a machine is known by what its kernel says")
    func machine() {
        #expect(Machine.cpu(in: "processor\t: 0\nvendor_id\t: AuthenticAMD\nmodel name\t: AMD  EPYC 7763 64-Core\nmodel name\t: other\n") == "AMD EPYC 7763 64-Core")
        #expect(Machine.cpu(in: "processor\t: 0\nCPU implementer\t: 0x41\nCPU part\t: 0xd0c\n") == "CPU 0x41 part 0xd0c")
        #expect(Machine.cpu(in: "") == nil)
        #expect(Machine.memory(in: "MemTotal:        4026532 kB\nMemFree: 1 kB\n") == 3932)
        #expect(Machine(cpu: "X", cores: 1, kernel: "6.1", memoryMebibytes: 3932).fingerprint == "X, 1 core, kernel 6.1, 4 GiB")
        #expect(Machine.current().cores > 0 && !Machine.current().kernel.isEmpty && Machine.current().memoryMebibytes > 0)
    }
}
