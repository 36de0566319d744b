import Bench
import Foundation
import LabCore
import Synchronization
import Testing
import Transports

@Suite("A recording on the disk")
struct RecordingFileTests {
    private let folder: BenchFolder
    init() throws { folder = try BenchFolder() }
    private let header = PortRecording.Header(node: "m", kind: "rg500q", port: "at")

    private func piece(_ second: Int64, _ text: String) -> PortRecording.Piece {
        PortRecording.Piece(at: RunInstant(nanoseconds: second * 1_000_000_000), .received(Array(text.utf8)))
    }

    @Test("holds every piece after it is closed, and what was flushed before that")
    func writes() throws {
        let file = try RecordingFile(folder.file("a.jsonl"), header)
        try file.add(piece(1, "one"))
        try file.flush()
        #expect(try PortRecording(Array(folder.read("a.jsonl").utf8), file: "a").pieces == [piece(1, "one")])
        for second in 2..<3_000 { try file.add(piece(Int64(second), String(repeating: "x", count: 100))) }
        try file.close()
        let recording = try PortRecording(Array(folder.read("a.jsonl").utf8), file: "a")
        #expect(recording.pieces.count == 2_999 && !recording.isTorn && file.pieces == 2_999)
        #expect(file.written == Int64(folder.read("a.jsonl").utf8.count))
    }

    @Test("never takes the place of another file, and says where it cannot be")
    func refused() throws {
        try folder.write("precious", to: "a.jsonl")
        #expect { try RecordingFile(folder.file("a.jsonl"), header) } throws: { ($0 as? StreamFailure)?.reason == .busy }
        #expect(folder.read("a.jsonl") == "precious")
        #expect { try RecordingFile(folder.file("none/a.jsonl"), header) } throws: { ($0 as? StreamFailure)?.reason == .notFound }
    }

    @Test("a full disk ends it, and it says so, once and for all")
    func full() throws {
        #expect { try RecordingFile("/dev/full", header) } throws: { "\($0)".contains("the disk is full") }
    }

    @Test("a kill costs at most the line that was being written")
    func killed() throws {
        let file = try RecordingFile(folder.file("b.jsonl"), header)
        try file.add(piece(1, "one"))
        try file.flush()
        let length = folder.read("b.jsonl").utf8.count
        try file.add(piece(2, "two"))
        try file.close()
        let recording = try PortRecording(Array(folder.read("b.jsonl").utf8.prefix(length + 7)), file: "b")
        #expect(recording.isTorn && recording.pieces == [piece(1, "one")])
    }
}

@Suite("Between a device and another program", .serialized, .timeLimit(.minutes(2)))
struct RecordingSessionTests {
    private let folder: BenchFolder
    init() throws { folder = try BenchFolder() }

    /// Another program at the port that the session offers, used from inside the session's waiting.
    private final class Client {
        private let path: String
        private var descriptor: Int32 = -1
        var heard = ""
        private(set) var hangUps = 0

        init(_ path: String) { self.path = path }
        deinit { if descriptor >= 0 { close(descriptor) } }

        var isOpen: Bool {
            if descriptor < 0 { descriptor = unsafe open(path, O_RDWR | O_NOCTTY | O_NONBLOCK) }
            return descriptor >= 0
        }

        func say(_ text: String) {
            let bytes = Array(text.utf8)
            _ = unsafe write(descriptor, bytes, bytes.count)
        }

        func listen() {
            guard descriptor >= 0 else { return }
            var buffer = [UInt8](repeating: 0, count: 1_024)
            let count = unsafe read(descriptor, &buffer, buffer.count)
            if count > 0 { heard += String(decoding: buffer.prefix(count), as: UTF8.self) }
            if count == 0 || (count < 0 && errno == EIO) {
                close(descriptor)
                descriptor = -1
                hangUps += 1
            }
        }
    }

    private func session(_ pieces: @escaping (PortRecording.Piece) throws(StreamFailure) -> Void, between: String?) throws -> RecordingSession {
        try RecordingSession(
            PortSource(.path(folder.file("port")), location: nowhere), between: between,
            find: { source, reactor throws(StreamFailure) in
                BenchPort(source, name: "port", on: reactor) { source, tell throws(StreamFailure) in try LocalPorts.stream(to: source, on: reactor, tell: tell) }
            }, record: pieces, tell: { _ in })
    }

    @Test("it only listens, until the time is over")
    func listens() throws {
        let terminal = try ScriptedTerminal(folder.file("port")) { _ in [] }
        defer { terminal.end() }
        var contents: [PortRecording.Content] = []
        let session = try session({ contents.append($0.content) }, between: nil)
        var said = false
        let ending = try session.run(for: .milliseconds(600), isInterrupted: {
            if !said, contents.contains(.opened) {
                said = true
                terminal.say(Array("\r\n+CREG: 1\r\n".utf8))
            }
            return false
        })
        #expect(ending == .timeIsOver)
        #expect(contents == [.opened, .received(Array("\r\n+CREG: 1\r\n".utf8))])
    }

    @Test("another program speaks with the device through it; both directions are recorded, and an unplugged device comes back")
    func between() throws {
        let terminal = try ScriptedTerminal(folder.file("port")) { bytes in bytes + Array("\r\nOK\r\n".utf8) }
        defer { terminal.end() }
        let client = Client(folder.file("between"))
        var contents: [PortRecording.Content] = []
        var step = 0
        let session = try session({ contents.append($0.content) }, between: folder.file("between"))
        let ending = try session.run(for: .seconds(30), isInterrupted: {
            client.listen()
            switch step {
            case 0 where client.isOpen:
                client.say("AT\r")
                step = 1
            case 1 where client.heard.contains("OK"):
                terminal.unplug()
                step = 2
            case 2 where client.hangUps == 1:
                terminal.plug()
                client.heard = ""
                step = 3
            case 3 where contents.count(where: { $0 == .opened }) == 2 && client.isOpen:
                client.say("ATI\r")
                step = 4
            case 4: return client.heard.contains("OK")
            default: break
            }
            return false
        })
        #expect(ending == .interrupted && step == 4)
        let states = contents.filter { if case .received = $0 { false } else { true } }
        #expect(states.count == 5)
        #expect(states.first == .opened && states.contains(.sent(Array("AT\r".utf8))) && states.last == .sent(Array("ATI\r".utf8)))
        guard case .closed(.vanished, _) = states[2] else { Issue.record("\(states)"); return }
        let received = contents.flatMap { content -> [UInt8] in if case .received(let bytes) = content { bytes } else { [] } }
        #expect(String(decoding: received, as: UTF8.self) == "AT\r\r\nOK\r\nATI\r\r\nOK\r\n")
    }

    @Test("a port that is not there, and a disk that is full, end it with what is wrong")
    func failures() throws {
        let absent = try session({ _ in }, between: nil)
        #expect { _ = try absent.run(for: .seconds(5), isInterrupted: { false }) } throws: { ($0 as? StreamFailure)?.reason == .notFound }
        let terminal = try ScriptedTerminal(folder.file("port")) { _ in [] }
        defer { terminal.end() }
        let full = try session({ _ throws(StreamFailure) in throw StreamFailure(.failed, "a.jsonl", "the disk is full") }, between: nil)
        #expect { _ = try full.run(for: .seconds(5), isInterrupted: { false }) } throws: { "\($0)".contains("the disk is full") }
    }
}
