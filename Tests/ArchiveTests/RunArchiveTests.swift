import Archive
import Foundation
import LabCore
import Synchronization
import Testing

@Suite("Folders of runs (architecture.md §7)")
struct RunArchiveTests {
    private let folder: TemporaryFolder
    private let archive: RunArchive

    init() throws {
        folder = try TemporaryFolder()
        archive = RunArchive(root: "\(folder.path)/deep/down/runs")
    }

    private func makeRun(_ day: String, cases: String...) throws -> RunFolder {
        let run = try archive.create(day: day)
        for name in cases { try run.makeCase(name).eventWriter().close() }
        try run.write(Array("{}".utf8), to: "result.json")
        return run
    }

    @Test("a new run has the first free number of its day")
    func numbers() throws {
        #expect(try ["0611", "0611", "0612", "0611"].map { try archive.create(day: $0).name } == ["0611-1", "0611-2", "0612-1", "0611-3"])
        #expect(FileManager.default.fileExists(atPath: "\(folder.path)/deep/down/runs/0611-3"))
    }

    @Test("labs that begin at once get different runs")
    func concurrent() throws {
        let names = Mutex<[String]>([])
        let archive = archive
        DispatchQueue.concurrentPerform(iterations: 64) { _ in
            guard let run = try? archive.create(day: "0611") else { return }
            names.withLock { $0.append(run.name) }
        }
        let sorted = names.withLock { $0.sorted() }
        #expect(sorted == (1...64).map { "0611-\($0)" }.sorted())
    }

    @Test("an archive that cannot be made says why, and what to do")
    func notAFolder() throws {
        try folder.write("text", to: "file")
        let path = "\(folder.path)/file"
        #expect(throws: RunArchive.Failure.cannotWrite(path, reason: "Not a directory; name another folder with --out")) {
            try RunArchive(root: path).create(day: "0611")
        }
        #expect(throws: RunArchive.Failure.cannotWrite("\(path)/runs", reason: "Not a directory; name another folder with --out")) {
            try RunArchive(root: "\(path)/runs").create(day: "0611")
        }
        #expect(try folder.text("file") == "text")
    }

    @Test("a run is known when its result is there; the latest is 'last'")
    func runs() throws {
        #expect(archive.runs() == [])
        let first = try makeRun("0611")
        _ = try archive.create(day: "0611")
        let third = try makeRun("0612")
        try FileManager.default.setAttributes([.modificationDate: Date(timeIntervalSince1970: 2_000)], ofItemAtPath: "\(first.path)/result.json")
        try FileManager.default.setAttributes([.modificationDate: Date(timeIntervalSince1970: 1_000)], ofItemAtPath: "\(third.path)/result.json")
        #expect(archive.runs() == ["0612-1", "0611-1"])
        #expect(try archive.open("last").name == "0611-1")
        #expect(try archive.open("0612-1").path == third.path)
    }

    @Test("runs made in one moment are in the order of their numbers")
    func sameMoment() throws {
        for _ in 1...11 {
            let run = try makeRun("0611")
            try FileManager.default.setAttributes([.modificationDate: Date(timeIntervalSince1970: 1_000)], ofItemAtPath: "\(run.path)/result.json")
        }
        #expect(archive.runs() == (1...11).map { "0611-\($0)" })
    }

    private func failure(_ body: () throws -> Void) -> String? {
        do { try body() } catch { return "\(error)" }
        return nil
    }

    @Test("a run that is not there: the message tells which are")
    func unknownRun() throws {
        #expect(failure { _ = try archive.open("0611-1") } == "There is no run '0611-1', nor any other. Run `lab run` first.")
        #expect(failure { _ = try archive.open("last") } == "There is no run 'last', nor any other. Run `lab run` first.")
        for _ in 1...6 { _ = try makeRun("0611") }
        #expect(failure { _ = try archive.open("0612-1") } == "There is no run '0612-1'. The latest are 0611-2, 0611-3, 0611-4, 0611-5, 0611-6.")
    }

    @Test("a name cannot lead out of the archive", arguments: ["..", ".", "../x", "", "/", "/etc", "0611-1/../0611-1", "0611-1/.."])
    func hostile(name: String) throws {
        _ = try makeRun("0611", cases: "a", "b")
        #expect(throws: RunArchive.Failure.self) { try archive.openCase(name) }
    }

    @Test("a case is named by its run and itself; the run is enough where it has one case")
    func openCase() throws {
        let run = try makeRun("0611", cases: "badge-register.loss-20")
        #expect(try archive.openCase("0611-1/badge-register.loss-20").path == "\(run.path)/badge-register.loss-20")
        #expect(try archive.openCase("0611-1").name == "badge-register.loss-20")
        #expect(try archive.openCase("last").name == "badge-register.loss-20")
    }

    @Test("a case that is not there: the message tells which are")
    func unknownCase() throws {
        _ = try makeRun("0611", cases: "b", "a")
        _ = try makeRun("0612")
        #expect(failure { _ = try archive.openCase("0611-1") } == "Run 0611-1 has 2 cases; name one of them, such as 0611-1/a. It has a, b.")
        #expect(failure { _ = try archive.openCase("0611-1/c") } == "Run 0611-1 has no case 'c'. It has a, b.")
        #expect(failure { _ = try archive.openCase("0612-1") } == "Run 0612-1 has no cases.")
        #expect(failure { _ = try archive.openCase("0612-1/a") } == "Run 0612-1 has no cases.")
    }

    @Test("a run of many cases is not printed in full")
    func manyCases() throws {
        let names = (0..<40).map { $0 < 10 ? "case-0\($0)" : "case-\($0)" }
        let message = RunArchive.Failure.unknownCase(run: "0611-1", name: "x", known: names).description
        #expect(message.hasSuffix("case-18, case-19 and 20 more."))
    }

    @Test("two cells cannot share a folder")
    func doubledCase() throws {
        let run = try archive.create(day: "0611")
        _ = try run.makeCase("a")
        #expect(throws: RunArchive.Failure.self) { try run.makeCase("a") }
        #expect(failure { _ = try run.makeCase("a") }?.contains("another cell of this run has the same folder") == true)
    }
}

@Suite("Folder names of cells")
struct CaseNameTests {
    static let names: [(String, Fields, String)] = [
        ("badge/register", [:], "badge-register"),
        ("badge/register", ["loss": "20%"], "badge-register.loss-20"),
        ("badge/register", ["loss": .number(0.5), "members": 3], "badge-register.loss-0.5.members-3"),
        ("charging/lost-bill", ["case": ["estimate": 15, "id": "F11 for ever"]], "charging-lost-bill.case-F11-for-ever"),
        ("badge/link_loss", ["time": .duration(250_000_000)], "badge-link-loss.time-250ms"),
    ]

    @Test("are what a person would write", arguments: names)
    func usual(scenario: String, cell: Fields, name: String) {
        #expect(RunFolder.caseName(scenario: scenario, cell: cell) == name)
    }

    static let hostile = [
        "../../etc/passwd", "..", ".", "", "/", "//", ".hidden", "-rf", "a b\tc", "a\u{0}b", "ü/ö", "漢字", "🙂", "a\nb", String(repeating: "x", count: 500),
        String(repeating: "ä", count: 500), "con:$(rm -rf ~)", "a..b", "e\u{301}", "\u{202e}cba",
    ]

    @Test("are safe for any scenario and any value", arguments: hostile)
    func safe(text: String) {
        for name in [RunFolder.caseName(scenario: text, cell: [:]), RunFolder.caseName(scenario: "a", cell: ["x": .text(text)]),
            RunFolder.caseName(scenario: text, cell: ["x": [.text(text)]])] {
            #expect(!name.isEmpty && name.utf8.count <= 120)
            #expect(name.utf8.allSatisfy { UInt8(ascii: "a")...UInt8(ascii: "z") ~= $0 || UInt8(ascii: "A")...UInt8(ascii: "Z") ~= $0
                || UInt8(ascii: "0")...UInt8(ascii: "9") ~= $0 || $0 == UInt8(ascii: ".") || $0 == UInt8(ascii: "-") })
            #expect(!name.hasPrefix(".") && !name.hasPrefix("-") && !name.hasSuffix(".") && !name.hasSuffix("-"))
        }
    }

    @Test("differ where the cells differ, and are the same in every process")
    func different() {
        let values = ["ä", "ö", "a:b", "a;b", String(repeating: "x", count: 200), String(repeating: "x", count: 201), "(a)", "[a]"]
        let names = values.map { RunFolder.caseName(scenario: "s", cell: ["v": .text($0)]) }
        #expect(Set(names).count == values.count)
        // FNV-1a, 32 bits, of the UTF-8 bytes of "s.v-ä", from another program.
        #expect(names[0] == "s.v-09d14be6")
    }
}
