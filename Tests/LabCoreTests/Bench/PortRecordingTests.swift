import LabCore
import Testing

@Suite("Recording of a serial port: JSON lines with times, directions and states")
struct PortRecordingTests {
    /// Written by hand from the form that Docs/bench-twins.md describes.
    static let text = """
        {"recording":1,"node":"modem_1","kind":"rg500q","port":"at","settings":"115200 8N1","redacted":false,"began":"2026-06-11T08:30:00Z"}
        {"t":0,"state":"opened"}
        {"t":1000,"state":"lines","lines":"dtr rts"}
        {"t":1200000,"out":"AT\\r"}
        {"t":5300000,"in":"\\r\\nOK\\r\\n"}
        {"t":5300000,"in_hex":"00ff7e"}
        {"t":9000000,"state":"closed","reason":"vanished","detail":"the port hung up"}

        """

    static let pieces: [PortRecording.Piece] = [
        .init(at: .start, .opened), .init(at: RunInstant(nanoseconds: 1_000), .lines([.dtr, .rts])),
        .init(at: RunInstant(nanoseconds: 1_200_000), .sent([0x41, 0x54, 0x0d])),
        .init(at: RunInstant(nanoseconds: 5_300_000), .received([0x0d, 0x0a, 0x4f, 0x4b, 0x0d, 0x0a])),
        .init(at: RunInstant(nanoseconds: 5_300_000), .received([0x00, 0xff, 0x7e])),
        .init(at: RunInstant(nanoseconds: 9_000_000), .closed(.vanished, detail: "the port hung up")),
    ]

    @Test("is read piece by piece")
    func reads() throws {
        let recording = try PortRecording(Self.text.utf8, file: "a.jsonl")
        #expect(recording.pieces == Self.pieces)
        #expect(recording.header.node == "modem_1" && recording.header.port == "at" && recording.header.settings == "115200 8N1")
        #expect(!recording.isTorn && !recording.header.isRedacted)
    }

    @Test("is written as it is read: text as text, other bytes as digits")
    func writes() throws {
        let recording = try PortRecording(Self.text.utf8, file: "a.jsonl")
        #expect(String(decoding: recording.bytes, as: UTF8.self) == Self.text)
    }

    @Test("loses at most its last line to a kill, wherever it was cut")
    func torn() throws {
        let bytes = Array(Self.text.utf8)
        let header = try #require(bytes.firstIndex(of: 0x0a))
        for count in (header + 1)..<bytes.count {
            let cut = try PortRecording(bytes[..<count], file: "a.jsonl")
            #expect(cut.pieces == Array(Self.pieces.prefix(cut.pieces.count)))
            let whole = bytes[..<count].filter { $0 == 0x0a }.count - 1
            #expect(cut.pieces.count == whole || cut.pieces.count == whole + 1)
            // What stands behind the last line feed is torn, unless nothing does or only the line feed is missing.
            #expect(cut.isTorn == (bytes[count - 1] != 0x0a && bytes[count] != 0x0a))
        }
    }

    @Test(
        "errors say file, line and what is wrong",
        arguments: [
            ("", "a.jsonl:1: error: the file is empty; a recording begins with its header"),
            ("{}\n", "a.jsonl:1: error: this is no recording: the first line needs 'recording' with the number of its version"),
            (#"{"recording":2}"# + "\n", "a.jsonl:1: error: recordings of version 2 are not known; this lab reads version 1"),
            (head + "nonsense\n", "a.jsonl:2: error: JSON is wrong at byte "),
            (head + "{\"t\":1,\"in\":\"a\"}\n" + "{\"t\":0,\"in\":\"b\"}\n", "a.jsonl:3: error: 't' goes back: 0 after 1"),
            (head + "{\"t\":1,\"inn\":\"a\"}\n", "a.jsonl:2: error: 'inn' is not known here"),
            (head + "{\"t\":1}\n", "a.jsonl:2: error: the line needs one of out, in, state"),
            (head + "{\"t\":1,\"in_hex\":\"0\"}\n", "a.jsonl:2: error: 'in_hex' needs pairs of hexadecimal digits"),
            (head + "{\"t\":1,\"state\":\"gone\"}\n", "a.jsonl:2: error: 'state' is one of opened, closed, lines"),
            (head + "{\"t\":1,\"state\":\"closed\"}\n", "a.jsonl:2: error: 'reason' is one of ended, not_found"),
        ])
    func refused(text: String, message: String) {
        #expect {
            try PortRecording(text.utf8, file: "a.jsonl")
        } throws: { "\($0)".hasPrefix(message) }
    }

    static let head = #"{"recording":1,"node":"m","kind":"rg500q","port":"at","settings":"","redacted":true,"began":""}"# + "\n"

    @Test("comes out of the events of a run: only this node's, each port for itself")
    func fromEvents() {
        func event(_ sequence: Int, _ node: String, _ name: String, _ fields: Fields) -> RunEvent {
            RunEvent(sequence: sequence, at: RunInstant(nanoseconds: Int64(sequence) * 1_000), node: node, name: name, fields: fields)
        }
        let events = [
            event(1, "modem", "line.opened", ["port": "at", "settings": "115200 8N1", "lines": "dtr rts"]),
            event(2, "modem", "port.sent", ["port": "at", "bytes": .bytes([0x41, 0x54, 0x0d])]),
            // The program at the port tells of the same.
            event(2, "modem", "port.opened", ["attempts": 1]),
            // As a log gives it back: bytes are a text of digits.
            event(3, "modem", "port.received", ["port": "at", "bytes": "4f4b"]),
            event(4, "other", "port.received", ["port": "at", "bytes": "ffff"]),
            event(5, "modem", "module.booted", [:]),
            event(6, "modem", "port.received", ["port": "console", "bytes": "21"]),
            event(7, "modem", "port.closed", ["port": "/run/lab/modem/at", "reason": "vanished", "detail": "gone"]),
        ]
        let found = PortRecording.recordings(in: events, of: "modem", kind: "rg500q", began: "2026-01-01T00:00:00Z")
        #expect(found.map(\.header.port) == ["at", "console"])
        #expect(found.first?.header.settings == "115200 8N1")
        #expect(
            found.first?.pieces == [
                .init(at: RunInstant(nanoseconds: 1_000), .opened), .init(at: RunInstant(nanoseconds: 2_000), .sent([0x41, 0x54, 0x0d])),
                .init(at: RunInstant(nanoseconds: 3_000), .received([0x4f, 0x4b])),
                .init(at: RunInstant(nanoseconds: 7_000), .closed(.vanished, detail: "gone")),
            ])
    }

    @Test("whatever is in the file: an answer or a located error, never a crash", arguments: [0x5eed_0001, 0x5eed_0002, 0x5eed_0003] as [UInt64])
    func fuzz(seed: UInt64) {
        var generator = SeededGenerator(seed: seed, purpose: "damaged recordings")
        let whole = Array(Self.text.utf8)
        for round in 0..<2_000 {
            var bytes = whole
            for _ in 0...generator.integer(below: 6) {
                let place = Int(generator.integer(below: UInt64(bytes.count)))
                switch generator.integer(below: 3) {
                case 0: bytes[place] = UInt8(truncatingIfNeeded: generator.next())
                case 1: bytes.remove(at: place)
                default: bytes.insert(contentsOf: generator.bytes(Int(generator.integer(below: 5))), at: place)
                }
            }
            do throws(PortRecording.ReadingFailure) {
                let recording = try PortRecording(bytes, file: "f")
                // What was read can be written and read again.
                let again = try PortRecording(recording.bytes, file: "g")
                #expect(again.pieces == recording.pieces, "seed \(seed) round \(round)")
            } catch {
                #expect(error.line >= 1 && error.line <= bytes.filter { $0 == 0x0a }.count + 1, "seed \(seed) round \(round): \(error)")
            }
        }
    }
}
