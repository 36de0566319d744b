import LabCore
import Testing

@testable import WireProtocols

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// A recorded exchange with a module; `source` in the file names where each comes from.
///
/// Tests/Vectors/rg500q-transcripts.jsonl has the records that are certain or likely; IMEI, IMSI, ICCID and addresses are synthetic.
struct Transcript: Sendable, CustomTestStringConvertible {
    var id: Int64
    /// `nil` for lines that come unasked.
    var command: String?
    var response: [String]
    var final: String?
    var urcs: [String]
    /// The bytes as captured.
    var raw: String?

    var testDescription: String { "\(id): \(command ?? response.first ?? "")" }

    /// Information lines: the response without blank lines and final result.
    var information: [String] {
        var lines = response.filter { !$0.isEmpty }
        if let final, lines.last == final { lines.removeLast() }
        return lines
    }

    /// The bytes that a module sends, after the rule of rg500q.md §5.1 where there is no capture.
    func bytes(echo: Bool) -> [UInt8] {
        if let raw { return Array(raw.utf8) }
        let echoed = echo ? (command ?? "") + "\r" : ""
        return Array((echoed + "\r\n" + response.joined(separator: "\r\n") + "\r\n").utf8)
    }

    static let all: [Transcript] = {
        let folder = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
        guard let data = try? Data(contentsOf: folder.appending(path: "Vectors/rg500q-transcripts.jsonl")) else { return [] }
        return data.split(separator: 0x0a).compactMap { line in
            guard let fields = (try? JSONReader.read(Array(line)))?.record, let id = fields["id"]?.integer else { return nil }
            return Transcript(
                id: id, command: fields["command"]?.text, response: (fields["response"]?.list ?? []).compactMap(\.text),
                final: fields["final"]?.text,
                urcs: (fields["urcs"]?.list ?? []).compactMap(\.text), raw: fields["raw"]?.text)
        }
    }()
}

/// A dialogue that is told bytes, with everything that it said.
struct DialogueBench {
    var dialogue = ATDialogue()
    var events: [ATDialogue.Event] = []

    mutating func begin(_ command: ATCommand) { _ = dialogue.begin(command) }
    mutating func begin(_ text: String, needsInformation: Bool = false) { begin(ATCommand(text, needsInformation: needsInformation)) }

    /// Hands in the text in pieces of that many bytes.
    mutating func receive(_ text: String, pieces: Int = .max) { receive(Array(text.utf8), pieces: pieces) }

    mutating func receive(_ bytes: [UInt8], pieces: Int = .max) {
        var rest = bytes[...]
        while !rest.isEmpty {
            let piece = rest.prefix(pieces)
            rest = rest.dropFirst(piece.count)
            for event in dialogue.receive(piece) {
                events.append(event)
                if event == .wantsBody { _ = dialogue.body() }
            }
        }
    }

    var responses: [ATResponse] { events.compactMap { if case .finished(let response) = $0 { response } else { nil } } }
    var unsolicited: [String] { events.compactMap { if case .unsolicited(let urc) = $0 { urc.text } else { nil } } }
    var stray: [String] { events.compactMap { if case .stray(let line) = $0 { line.text } else { nil } } }
    var damaged: Int { events.count { if case .damaged = $0 { true } else { false } } }
}
