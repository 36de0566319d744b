import Bench
import Foundation
import LabCore
import Testing

@Suite("What the doctor found last (health.json)")
struct HealthBookTests {
    private let folder: BenchFolder
    private var book: HealthBook { HealthBook(folder: folder.file("runs")) }
    init() throws { folder = try BenchFolder() }

    private let sick = HealthReport(
        "modem_1", [HealthFinding("modem_1", .answers, .sick, "no answer to AT", remedy: "check its power")],
        recovery: [RecoveryStep(.powerCycle, hasHelped: false, took: .seconds(3))], firmware: "R13", identity: "860000000000017")

    @Test("a report is kept by node, with its reason and the number of recoveries so far")
    func entries() throws {
        #expect(book.entries().isEmpty)
        try book.enter(sick, at: 1_800_000_000)
        try book.enter(HealthReport("badge_7"), at: 1_800_000_001)
        try book.enter(sick, at: 1_800_000_002)
        #expect(book.entries().map(\.node) == ["badge_7", "modem_1"])
        let entry = try #require(book.last(of: "modem_1"))
        #expect(entry.at == 1_800_000_002)
        #expect(entry.verdict == .sick)
        #expect(entry.firmware == "R13")
        #expect(entry.recoveries == 2)
        #expect(entry.reason == "no answer to AT (tried: power cycle did not help in 3s); check its power")
        #expect(entry.report["findings"]?.list?.count == 1)
        // Nothing is left beside it but the lock.
        #expect(try FileManager.default.contentsOfDirectory(atPath: folder.file("runs")).sorted() == ["health.json", "health.json.lock"])
    }

    @Test("a node is due when its interval is over, when it was never seen, and when the clock was set back")
    func due() throws {
        #expect(book.isDue("modem_1", every: .seconds(86_400), at: 1_800_000_000))
        try book.enter(sick, at: 1_800_000_000)
        #expect(!book.isDue("modem_1", every: .seconds(86_400), at: 1_800_086_399))
        #expect(book.isDue("modem_1", every: .seconds(86_400), at: 1_800_086_400))
        #expect(book.isDue("modem_1", every: .seconds(86_400), at: 1_799_999_999))
    }

    @Test("a damaged book is begun anew; a folder that cannot be made is an error")
    func damage() throws {
        try folder.write("{\"version\":1,\"nodes\":{\"x\":", to: "runs/health.json")
        #expect(book.entries().isEmpty)
        try book.enter(sick, at: 1)
        #expect(book.entries().count == 1)
        try folder.write("{\"version\":1,\"nodes\":{\"x\":{\"at\":\"soon\"},\"y\":7}}", to: "runs/health.json")
        #expect(book.entries().isEmpty)
        try folder.write("a file", to: "blocked")
        #expect(failure { () throws(StreamFailure) in try HealthBook(folder: folder.file("blocked")).enter(sick, at: 1) } != nil)
    }
}

@Suite("The doctor and the machine")
struct MachineHealthTests {
    @Test("disk, clock and descriptors are looked at")
    func machine() {
        let report = Doctor().examineMachine(runs: FileManager.default.temporaryDirectory.path + "/not/made/yet")
        #expect(report.findings.map(\.check) == [.disk, .clock, .descriptors])
        #expect(report.findings.allSatisfy { $0.node == nil })
        // This machine has a clock after 2020, or nothing else would work.
        #expect(report.finding(.clock)?.verdict != .sick)
    }

    @Test("less than 2 GiB is worth a word, less than 200 MiB is sick, and so is a disk that cannot be written")
    func disk() {
        #expect(MachineJudgement.disk(free: 3 << 30, isWritable: true).verdict == .ok)
        #expect(MachineJudgement.disk(free: 1 << 30, isWritable: true).verdict == .warning)
        #expect(MachineJudgement.disk(free: 100 << 20, isWritable: true).detail == "100 MiB are free for runs in 'runs'")
        #expect(MachineJudgement.disk(free: 100 << 20, isWritable: true).verdict == .sick)
        #expect(MachineJudgement.disk(free: 3 << 30, isWritable: false).verdict == .sick)
    }

    @Test("a clock before 2020 is sick, one that nothing keeps is worth a word, and so is a step")
    func clock() {
        #expect(MachineJudgement.clock(1_577_836_799, true).verdict == .sick)
        #expect(MachineJudgement.clock(1_577_836_800, true).verdict == .ok)
        #expect(MachineJudgement.clock(1_800_000_000, false).verdict == .warning)
        #expect(MachineJudgement.clock(1_800_000_000, nil).verdict == .ok)
        #expect(MachineJudgement.clock(movedBy: .milliseconds(499)) == nil)
        #expect(MachineJudgement.clock(movedBy: .seconds(-3_600))?.verdict == .warning)
    }

    @Test("few descriptors are worth a word, almost none are sick")
    func descriptors() {
        #expect(MachineJudgement.descriptors(limit: 20_000, open: 100).verdict == .ok)
        #expect(MachineJudgement.descriptors(limit: 1_024, open: 100).verdict == .warning)
        #expect(MachineJudgement.descriptors(limit: 128, open: 100).verdict == .sick)
        #expect(MachineJudgement.descriptors(limit: 100, open: 200).verdict == .sick)
    }
}
