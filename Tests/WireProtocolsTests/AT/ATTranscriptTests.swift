import LabCore
import Testing

@testable import WireProtocols

@Suite("AT transcripts (rg500q.md §0, rg500q-transcripts.jsonl)")
struct ATTranscriptTests {
    /// How a record is opened: the command itself, or the one that asked for the body which the record shows as command.
    private static func command(for record: Transcript) -> (command: ATCommand, opening: String)? {
        guard let text = record.command else { return nil }
        if text.hasPrefix("AT") {
            let asksForBody = record.final == "> " || text.hasPrefix("AT+QFUPL") || text.hasPrefix("AT+QHTTPURL")
            let body: ATCommand.Body? = asksForBody ? (record.final == "> " ? .text([0x61]) : .upload([0x61])) : nil
            return (ATCommand(text, body: body, payload: text.hasPrefix("AT+QIRD") ? .announced : .none), "")
        }
        let bytes = Array(text.utf8)
        let answer = record.response.first ?? ""
        if answer.hasPrefix("+CMGS") || answer.hasPrefix("+CMS") { return (ATCommand("AT+CMGS=\"1\"", body: .text(bytes)), "\r\n> ") }
        if answer.hasPrefix("+QFUPL") { return (ATCommand("AT+QFUPL=\"a\",5", body: .upload(bytes)), "\r\nCONNECT\r\n") }
        if text.hasPrefix("http") { return (ATCommand("AT+QHTTPURL=23,80", body: .upload(bytes)), "\r\nCONNECT\r\n") }
        return (ATCommand("AT+QISEND=0,4", body: .counted(bytes)), "\r\n> ")
    }

    /// The record as a dialogue sees it, with a URC at that place (bytes from the beginning).
    private func run(_ record: Transcript, bytes: [UInt8], pieces: Int, urc: String? = nil, at place: Int = 0) -> DialogueBench {
        var bench = DialogueBench()
        if let (command, opening) = Self.command(for: record) {
            bench.begin(command)
            bench.receive(opening)
        }
        var bytes = bytes
        if let urc { bytes.insert(contentsOf: Array("\r\n\(urc)\r\n".utf8), at: place) }
        bench.receive(bytes, pieces: pieces)
        return bench
    }

    private func check(_ bench: DialogueBench, _ record: Transcript, _ comment: Comment) {
        switch record.final {
        case nil:
            #expect(bench.unsolicited == record.response, comment)
        case "> "?: #expect(bench.events.contains(.wantsBody), comment)
        case "CONNECT"? where bench.responses.isEmpty: #expect(bench.events.contains(.wantsBody), comment)
        case let final?:
            #expect(bench.responses.count == 1, comment)
            #expect(bench.responses.first?.final.text == final, comment)
            let data = bench.responses.first.map { String(decoding: $0.data, as: UTF8.self) } ?? ""
            #expect((bench.responses.first?.lines ?? []) + (data.isEmpty ? [] : [data]) == record.information, comment)
        }
    }

    @Test("every record is there")
    func complete() { #expect(Transcript.all.count == 187) }

    @Test("is understood whole, byte by byte and in pieces, with echo and without", arguments: Transcript.all)
    func understood(_ record: Transcript) {
        for echo in [true, false] where record.raw == nil || echo {
            for pieces in [Int.max, 1, 7] {
                let bench = run(record, bytes: record.bytes(echo: echo && record.command?.hasPrefix("AT") == true), pieces: pieces)
                check(bench, record, "echo \(echo), pieces of \(pieces)")
                #expect(bench.damaged == 0)
                #expect(bench.stray == [])
            }
        }
    }

    @Test(
        "is understood with a URC at every line boundary",
        arguments: Transcript.all.filter { $0.command?.hasPrefix("AT") == true && $0.final != "> " })
    func interleaved(_ record: Transcript) {
        let bytes = record.bytes(echo: true)
        let urc = #"+CMTI: "ME",1"#
        var places = [0] + bytes.indices.dropLast().filter { bytes[$0] == 0x0d || bytes[$0] == 0x0a }.map { $0 + 1 }
        // Not between the length and the data behind it: there the bytes are data.
        if record.command?.hasPrefix("AT+QIRD") == true { places = [0, "AT+QIRD=0,1500\r".utf8.count] }
        for place in places where place < bytes.count {
            let bench = run(record, bytes: bytes, pieces: .max, urc: urc, at: place)
            check(bench, record, "URC at byte \(place)")
            #expect(bench.unsolicited.contains(urc), "URC at byte \(place)")
        }
    }

    @Test("what follows the answer is told as unsolicited", arguments: Transcript.all.filter { !$0.urcs.isEmpty })
    func following(_ record: Transcript) {
        var bench = run(record, bytes: record.bytes(echo: true), pieces: .max)
        bench.events = []
        let lines = record.urcs.filter { !$0.hasPrefix("(") && $0 != "OK" }
        for line in lines { bench.receive("\r\n\(line)\r\n") }
        #expect(bench.unsolicited == lines)
    }

    /// Readers for the first word of an information line.
    private static let readers: [(name: String, read: @Sendable ([String]) throws(ATReadingError) -> Void)] = [
        ("+CSQ:", { lines throws(ATReadingError) in _ = try ATSignalQuality(answer: lines) }),
        ("+QCSQ:", { lines throws(ATReadingError) in _ = try ATCellSignal.read(lines) }),
        ("+QRSRP:", { lines throws(ATReadingError) in _ = try ATAntennaReadings.read("+QRSRP", lines) }),
        ("+QRSRQ:", { lines throws(ATReadingError) in _ = try ATAntennaReadings.read("+QRSRQ", lines) }),
        ("+QSINR:", { lines throws(ATReadingError) in _ = try ATAntennaReadings.read("+QSINR", lines) }),
        ("+QNWINFO:", { lines throws(ATReadingError) in _ = try ATNetworkInformation.read(lines) }),
        ("+QENG:", { lines throws(ATReadingError) in _ = try ATServingCell(answer: lines) }),
        ("+CREG:", { lines throws(ATReadingError) in _ = try ATRegistration(answer: lines, .circuit) }),
        ("+CGREG:", { lines throws(ATReadingError) in _ = try ATRegistration(answer: lines, .packet) }),
        ("+CEREG:", { lines throws(ATReadingError) in _ = try ATRegistration(answer: lines, .eps) }),
        ("+C5GREG:", { lines throws(ATReadingError) in _ = try ATRegistration(answer: lines, .fiveG) }),
        ("+COPS:", { lines throws(ATReadingError) in _ = try ATOperator(answer: lines) }),
        ("+CPIN:", { lines throws(ATReadingError) in _ = try ATPINState(answer: lines) }),
        ("+CGPADDR:", { lines throws(ATReadingError) in _ = try ATPacketAddress.read(lines) }),
        ("+CGACT:", { lines throws(ATReadingError) in _ = try ATContextActivity.read(lines) }),
        ("+QTEMP:", { lines throws(ATReadingError) in _ = try ATTemperatures(answer: lines) }),
        ("+QGPSLOC:", { lines throws(ATReadingError) in _ = try ATPosition(answer: lines) }),
        ("+CMGL:", { lines throws(ATReadingError) in _ = try ATStoredMessage.read(lines) }),
        ("+CMGS:", { lines throws(ATReadingError) in _ = try ATSentMessage.reference(lines) }),
        ("+QFUPL:", { lines throws(ATReadingError) in _ = try ATStoredFile(answer: lines) }),
    ]

    @Test(
        "is read by the reader of its kind",
        arguments: Transcript.all.filter { record in
            record.command?.contains("=?") == false
                && readers.contains { reader in record.information.first?.hasPrefix(reader.name) == true }
        })
    func read(_ record: Transcript) {
        for reader in Self.readers where record.information.first?.hasPrefix(reader.name) == true {
            #expect(throws: Never.self) { try reader.read(record.information) }
        }
    }
}
