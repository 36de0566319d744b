import Emulators
import LabCore
import Testing
import WireProtocols

@Suite("Twin of a pile: frames by command number (charging-protocols.md 4.2)")
struct TwinPileTests {
    private func bytes(_ command: UInt8, _ message: UInt16, _ data: [UInt8]) throws -> [UInt8] {
        try DNYFrame(physicalID: 0x04ce_aa40, messageID: message, command: command, data: data).encoded()
    }

    private func recording() throws -> PortRecording {
        let head = PortRecording.Header(node: "pile", kind: "pile", port: "serial")
        let second: Int64 = 1_000_000_000
        func piece(_ seconds: Int64, _ content: PortRecording.Content) -> PortRecording.Piece { .init(at: RunInstant(nanoseconds: seconds * second), content) }
        return PortRecording(
            header: head,
            pieces: [
                piece(1, .opened), piece(2, .received(try bytes(0x20, 1, [1, 2]))), piece(3, .sent(try bytes(0x20, 1, [0]))),
                // A sign of life each 10 s, the second of them cut by a read.
                piece(10, .received(try bytes(0x21, 2, [9]))), piece(20, .received(Array(try bytes(0x21, 3, [9])[..<7]))),
                piece(20, .received(Array(try bytes(0x21, 3, [9])[7...]))),
                piece(30, .sent(try bytes(0x82, 100, [5, 5]))), piece(31, .received(try bytes(0x82, 100, [0, 7]))),
                piece(32, .sent(try bytes(0x82, 101, [5, 6]))), piece(34, .received(try bytes(0x82, 101, [1, 7]))),
                piece(36, .sent(try bytes(0x86, 102, []))),
            ])
    }

    @Test("a recording is answers by command number, and frames that come by themselves")
    func script() throws {
        let script = PileTwinScript(try recording())
        #expect(script.commandCount == 2 && script.answerCount == 2 && script.unaskedCount == 3)
        #expect(script.unasked.map(\.after) == [.seconds(1), .seconds(9), .seconds(19)])
    }

    @Test("commands are answered with their own message ID, several answers in their order, and unknown ones not at all")
    func answers() throws {
        var bench = TwinBench(TwinPile(recording: try recording(), node: "pile"), port: .serial)
        bench.act("power_on")
        bench.run(for: .milliseconds(500))
        func ask(_ command: UInt8, _ message: UInt16) throws -> [DNYFrame] {
            let mark = bench.recording.pieces.count
            bench.give(.link(.serial, .bytes(try bytes(command, message, []))))
            bench.run(for: .milliseconds(2_100))
            var decoder = DNYStreamDecoder()
            var frames: [DNYFrame] = []
            for piece in bench.recording.pieces[mark...] {
                guard case .received(let bytes) = piece.content else { continue }
                for case .frame(let frame) in decoder.decode(bytes) where frame.command == command { frames.append(frame) }
            }
            return frames
        }
        #expect(try ask(0x82, 500).map(\.data) == [[0, 7]])
        let second = try ask(0x82, 501)
        #expect(second.map(\.data) == [[1, 7]] && second.map(\.messageID) == [501])
        #expect(try ask(0x82, 502).map(\.data) == [[1, 7]])
        // It did not answer this one in the recording, and that one is not in it.
        #expect(try ask(0x86, 503) == [])
        #expect(try ask(0x99, 504) == [])
        #expect(bench.notes.last?.name == "twin.unknown")
        #expect(try bench.device.answer("twin", [:], at: bench.now).get()["unknown"] == 1)
    }

    @Test("signs of life go on after the end of the recording, each with a new message ID")
    func goesOn() throws {
        var bench = TwinBench(TwinPile(recording: try recording(), node: "pile"), port: .serial)
        bench.give(.poweredOn)
        bench.run(for: .seconds(60))
        var decoder = DNYStreamDecoder()
        var frames: [(at: RunInstant, frame: DNYFrame)] = []
        for piece in bench.recording.pieces {
            guard case .received(let bytes) = piece.content else { continue }
            for case .frame(let frame) in decoder.decode(bytes) { frames.append((piece.at, frame)) }
        }
        let life = frames.filter { $0.frame.command == 0x21 }
        #expect(life.map { Int($0.at.nanoseconds / 1_000_000_000) } == [9, 19, 29, 39, 49, 59])
        #expect(life.map(\.frame.messageID) == [2, 3, 4, 5, 6, 7])
    }
}
