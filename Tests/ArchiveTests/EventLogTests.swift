import Archive
import Foundation
import LabCore
import Synchronization
import Testing

@Suite("Event logs and files of a run")
struct EventLogTests {
    private let folder: TemporaryFolder
    private let run: RunFolder

    init() throws {
        folder = try TemporaryFolder()
        run = RunFolder(path: folder.path)
    }

    private func event(_ sequence: Int, _ fields: Fields = [:]) -> RunEvent {
        RunEvent(
            sequence: sequence, at: RunInstant(nanoseconds: Int64(sequence) * 1_000), node: "badge", name: "boot.done", fields: fields,
            cause: sequence > 1 ? sequence - 1 : nil)
    }

    private func failure(_ body: () throws -> Void) -> String? {
        do { try body() } catch { return "\(error)" }
        return nil
    }

    @Test("events are read back as they were written")
    func roundTrip() throws {
        let events = [
            event(1), event(2, ["text": "a\"\\\n\u{1}ü🙂", "number": 1.5, "whole": .integer(.min), "flag": true, "nothing": .null]),
            event(3, ["list": [1, "x", [:]], "record": ["a": ["b": 2]]]),
        ]
        let cell = try run.makeCase("a")
        let writer = try cell.eventWriter()
        for event in events { writer.append(event) }
        try writer.close()
        #expect(try cell.events() == events)
        #expect(try folder.text("a/events.jsonl").split(separator: "\n", omittingEmptySubsequences: false).count == 4, "a line each, ended by a line feed")
    }

    @Test("a log of many blocks is complete")
    func long() throws {
        let events = (1...20_000).map { event($0, ["text": .text(String(repeating: "x", count: $0 % 50))]) }
        let cell = try run.makeCase("a")
        let writer = try cell.eventWriter()
        for event in events { writer.append(event) }
        try writer.close()
        #expect(try cell.events() == events)
    }

    @Test("a writer that is given up leaves the events up to then")
    func abandoned() throws {
        let cell = try run.makeCase("a")
        do {
            let writer = try cell.eventWriter()
            writer.append(event(1))
        }
        #expect(try cell.events() == [event(1)])
    }

    @Test("an empty log has no events")
    func empty() throws {
        let cell = try run.makeCase("a")
        try cell.eventWriter().close()
        #expect(try cell.events() == [])
    }

    private func lines(_ count: Int) -> [UInt8] {
        var bytes: [UInt8] = []
        for number in 1...count {
            event(number).appendJSON(to: &bytes)
            bytes.append(0x0a)
        }
        return bytes
    }

    @Test("a last line that a kill cut off is left out, wherever it was cut")
    func cut() throws {
        let cell = try run.makeCase("a")
        let whole = lines(3)
        let start = lines(2).count
        for length in start..<whole.count {
            try cell.write(Array(whole[..<length]), to: "events.jsonl")
            #expect(try cell.events().map(\.sequence) == [1, 2])
        }
    }

    @Test("other damage is an error with the line", arguments: [
        (1, "{\"seq\":1,", "The event line is damaged. JSON is wrong at byte 9: a key in quotes expected"),
        (2, "", "The event line is damaged. JSON is wrong at byte 0: the document ends where a value must stand"),
        (2, "{\"seq\":2,\"t\":0,\"node\":\"a\"}", "The event line lacks 'event' or has the wrong type there."),
        (3, "{\"seq\":\"3\",\"t\":0,\"node\":\"a\",\"event\":\"b\"}", "The event line lacks 'seq' or has the wrong type there."),
        (3, "\u{0}\u{0}\u{0}", "The event line is damaged. JSON is wrong at byte 0: no value begins like this"),
    ])
    func damage(line: Int, text: String, reason: String) throws {
        let cell = try run.makeCase("a")
        var all = String(decoding: lines(3), as: UTF8.self).split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
        all[line - 1] = text
        try cell.write(Array(all.joined(separator: "\n").utf8), to: "events.jsonl")
        #expect(throws: RunArchive.Failure.damaged("\(cell.path)/events.jsonl:\(line)", reason: reason)) { try cell.events() }
    }

    @Test("a log that is not there says so")
    func missing() throws {
        let cell = try run.makeCase("a")
        #expect(failure { _ = try cell.events() } == "\(cell.path)/events.jsonl is damaged: it cannot be read: No such file or directory")
    }

    @Test("a full disk is told when the log is closed, once, and the run goes on until then")
    func full() throws {
        let cell = try run.makeCase("a")
        try FileManager.default.createSymbolicLink(atPath: "\(cell.path)/events.jsonl", withDestinationPath: "/dev/full")
        let writer = try cell.eventWriter()
        for number in 1...5_000 { writer.append(event(number)) }
        let told = "Could not write \(cell.path)/events.jsonl: No space left on device; make room there, or name another folder with --out."
        #expect(failure { try writer.close() } == told)
    }

    @Test("a log in a folder that is none cannot be opened")
    func noFolder() throws {
        try folder.write("text", to: "a")
        #expect(failure { _ = try run.caseFolder("a").eventWriter() }
            == "Could not write \(folder.path)/a/events.jsonl: Not a directory; name another folder with --out.")
        #expect(throws: RunArchive.Failure.self) { try run.makeCase("a") }
        #expect(throws: RunArchive.Failure.self) { try run.makeCase("a/b") }
        #expect(try folder.text("a") == "text")
    }
}

@Suite("Files are there whole or not at all")
struct ReplacedFileTests {
    private let folder: TemporaryFolder
    private let run: RunFolder

    init() throws {
        folder = try TemporaryFolder()
        run = RunFolder(path: folder.path)
    }

    @Test("a file is made with the folders above it, and replaced")
    func replaced() throws {
        try run.write(Array("one".utf8), to: "sources/deep/a.yaml")
        try run.write(Array("second".utf8), to: "sources/deep/a.yaml")
        try run.write([], to: "empty")
        #expect(try run.read("sources/deep/a.yaml") == Array("second".utf8))
        #expect(try run.read("empty") == [])
        #expect(try folder.names("sources/deep") == ["a.yaml"])
    }

    @Test("what cannot be replaced stays as it was, and nothing is left beside it")
    func failure() throws {
        try run.write(Array("inside".utf8), to: "report/file")
        try run.write(Array("text".utf8), to: "plain")
        #expect(throws: RunArchive.Failure.cannotWrite("\(folder.path)/report", reason: "Is a directory")) { try run.write([1], to: "report") }
        #expect(throws: RunArchive.Failure.cannotWrite("\(folder.path)/plain/x", reason: "Not a directory; name another folder with --out")) {
            try run.write([1], to: "plain/x")
        }
        let long = String(repeating: "x", count: 300)
        #expect(throws: RunArchive.Failure.cannotWrite("\(folder.path)/\(long)", reason: "File name too long; name another folder with --out")) {
            try run.write([1], to: long)
        }
        #expect(try folder.names() == ["plain", "report"])
        #expect(try folder.text("plain") == "text")
        #expect(try folder.text("report/file") == "inside")
    }

    @Test("who reads while others write sees one of the versions, never a mixture")
    func readers() throws {
        let versions = (0..<8).map { [UInt8](repeating: UInt8($0), count: 50_000 + Int($0) * 10_000) }
        try run.write(versions[0], to: "file")
        let wrong = Mutex(0)
        let run = run
        DispatchQueue.concurrentPerform(iterations: 16) { worker in
            for round in 0..<20 {
                if worker < 8 {
                    if (try? run.write(versions[(worker + round) % 8], to: "file")) == nil { wrong.withLock { $0 += 1 } }
                } else if let seen = try? run.read("file"), !versions.contains(seen) {
                    wrong.withLock { $0 += 1 }
                }
            }
        }
        #expect(wrong.withLock { $0 } == 0)
        #expect(try folder.names() == ["file"])
    }

    @Test("a file that is not there cannot be read")
    func missing() throws {
        #expect(throws: RunArchive.Failure.damaged("\(folder.path)/result.json", reason: "it cannot be read: No such file or directory")) {
            try run.read("result.json")
        }
        #expect(throws: RunArchive.Failure.damaged("\(folder.path)/.", reason: "it cannot be read: Is a directory")) { try run.read(".") }
    }
}
