import Bench
import Foundation
import LabCore
import Synchronization
import Testing
import Transports

@Suite("A console: a pipe or a person at the port of a device", .serialized, .timeLimit(.minutes(2)))
struct ConsoleSessionTests {
    private let folder: BenchFolder
    init() throws { folder = try BenchFolder() }

    private struct Result {
        var ending: ConsoleSession.Ending?
        var failure: StreamFailure?
        var shown = ""
        var told: [String] = []
        var pieces: [PortRecording.Piece] = []

        var contents: [PortRecording.Content] { pieces.map(\.content) }
        var sent: [String] { contents.compactMap { if case .sent(let bytes) = $0 { String(decoding: bytes, as: UTF8.self) } else { nil } } }
    }

    /// - Parameter input: given to the session as a pipe that ends, or as a file.
    private func run(_ input: String, isInteractive: Bool = false, fromFile: Bool = false, _ change: (inout ConsoleSession.Options) -> Void = { _ in }) throws -> Result {
        let source = PortSource(.path(folder.file("port")), location: nowhere)
        var options = ConsoleSession.Options(isInteractive: isInteractive)
        (options.quiet, options.patience) = (.milliseconds(20), .milliseconds(200))
        change(&options)
        var result = Result()
        var descriptor: Int32 = -1
        if fromFile {
            let file = try folder.write(input, to: "input")
            descriptor = unsafe open(file, O_RDONLY)
        } else {
            let pipe = Pipe()
            try pipe.fileHandleForWriting.write(contentsOf: Data(input.utf8))
            try pipe.fileHandleForWriting.close()
            descriptor = dup(pipe.fileHandleForReading.fileDescriptor)
        }
        defer { close(descriptor) }
        do throws(StreamFailure) {
            let session = try ConsoleSession(
                source, options, find: { source, reactor throws(StreamFailure) in try LocalPorts.stream(to: source, on: reactor) },
                record: { result.pieces.append($0) }, show: { result.shown += String(decoding: $0, as: UTF8.self) }, tell: { result.told.append($0) })
            result.ending = try session.run(input: descriptor, isInterrupted: { false })
        } catch { result.failure = error }
        return result
    }

    @Test("lines of a pipe go out one after the other, each after the answer to the one before, with CR at their end", arguments: [false, true])
    func pipe(fromFile: Bool) throws {
        let heard = Mutex<[String]>([])
        let terminal = try ScriptedTerminal(folder.file("port")) { bytes in
            let text = String(decoding: bytes, as: UTF8.self)
            heard.withLock { $0.append(text) }
            return Array("\r\n\(text.dropLast()) OK\r\n".utf8)
        }
        defer { terminal.end() }
        let result = try run("AT\nATI\r\nlast", fromFile: fromFile)
        #expect(result.ending == .left)
        #expect(heard.withLock { $0 } == ["AT\r", "ATI\r", "last\r"])
        #expect(result.shown == "\r\nAT OK\r\n\r\nATI OK\r\n\r\nlast OK\r\n")
        #expect(result.contents.first == .opened)
        #expect(result.sent == ["AT\r", "ATI\r", "last\r"])
        // What was recorded can be read as a recording.
        let recording = PortRecording(header: .init(node: "modem_1", kind: "rg500q", port: "serial"), pieces: result.pieces)
        #expect(try PortRecording(recording.bytes, file: "console.jsonl").pieces == recording.pieces)
    }

    @Test("a device that says nothing does not hold the pipe for ever; raw bytes go out as they are")
    func silence() throws {
        let heard = Mutex<[UInt8]>([])
        let terminal = try ScriptedTerminal(folder.file("port")) { bytes in
            heard.withLock { $0 += bytes }
            return []
        }
        defer { terminal.end() }
        #expect(try run("a\nb\n").sent == ["a\r", "b\r"])
        heard.withLock { $0 = [] }
        #expect(try run("a\nb\n") { $0.translatesLines = false }.ending == .left)
        #expect(heard.withLock { $0 } == Array("a\nb\n".utf8))
    }

    @Test("a person's keys go out as they are, and Ctrl-] leaves")
    func person() throws {
        let terminal = try ScriptedTerminal(folder.file("port")) { _ in [] }
        defer { terminal.end() }
        let result = try run("AT\r\u{3}\u{1d}not sent", isInteractive: true)
        #expect(result.ending == .left)
        #expect(result.sent == ["AT\r\u{3}"])
    }

    @Test("a port that is not there, and one that goes away under a pipe, end it with what happened")
    func gone() throws {
        #expect(try run("AT\n").failure?.reason == .notFound)
        let box = Box()
        let terminal = try ScriptedTerminal(folder.file("port")) { _ in
            box.terminal?.unplugFromInside()
            return []
        }
        box.terminal = terminal
        defer { terminal.end() }
        let result = try run("AT\n")
        #expect(result.failure?.reason == .vanished)
        guard case .closed(.vanished, _)? = result.contents.last else { return #expect(Bool(false), "the end is not recorded") }
    }

    /// `@unchecked Sendable`: set once, before anybody speaks.
    private final class Box: @unchecked Sendable { var terminal: ScriptedTerminal? }
}
