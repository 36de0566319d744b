package import LabCore
import WireProtocols

/// Makes a recording of transcripts: JSON lines with one command and its documented answer each, as collections of AT answers have them.
///
/// Fields: `command` (`null` for lines that come by themselves), `response` (lines, with the final result), `urcs` (lines that follow; text
/// in parentheses is an event and no line), `profile`. Times are not in them: they are chosen within what the module's documents allow. Where a
/// command has several answers, which are those of other circumstances, the first one counts.
package enum TwinTranscripts {
    /// From a command to its answer. Source: chosen, within the 300 ms of most commands (specs/rg500q.md §2.1).
    private static let answerTime = Duration.milliseconds(20)
    /// Between two commands, and between two lines that come by themselves.
    private static let pause = Duration.seconds(1)
    /// From the answer to a restart to the port's vanishing, and until it is back (§5.4: 30 s typical).
    private static let goodbye = Duration.milliseconds(300)
    private static let absence = Duration.seconds(20)
    private static let profile = "rg500q-std"

    private struct Record {
        var command: [UInt8]?
        var response: [String]
        var unsolicited: [String]
    }

    /// Whether the file begins as transcripts do.
    package static func isTranscript(_ bytes: [UInt8]) -> Bool {
        guard let first = try? JSONReader.read(Array(bytes.prefix { $0 != 0x0a })), let fields = first.record else { return false }
        return fields["recording"] == nil && fields["response"]?.list != nil
    }

    /// - Throws: with file and line, what is not as it must be.
    package static func recording(_ bytes: [UInt8], file: String, node: String) throws(PortRecording.ReadingFailure) -> PortRecording {
        var records: [Record] = []
        for (index, line) in bytes.split(separator: 0x0a, omittingEmptySubsequences: false).enumerated() where !line.isEmpty {
            if let record = try record(Array(line), file, index + 1) { records.append(record) }
        }
        var writer = Writer()
        writer.add(.opened)
        for record in records where record.command == nil && record.response.first == "RDY" { writer.say(record.response) }
        var known: Set<[UInt8]> = []
        var restarts: [Record] = []
        var takesBody = false
        for record in records {
            guard let command = record.command else { continue }
            let isBody = !command.starts(with: Array("AT".utf8))
            // A body belongs to the prompt right before it.
            guard isBody ? takesBody : known.insert(command).inserted else {
                takesBody = false
                continue
            }
            takesBody = ["> ", "CONNECT"].contains(record.response.last)
            if goesAway(record) { restarts.append(record) } else { writer.exchange(record, isBody: isBody) }
        }
        // Switching off is the end, whichever way it was asked for.
        for record in restarts where !isOff(record) { writer.restart(record) }
        if let last = restarts.first(where: isOff) { writer.restart(last) }
        return PortRecording(header: PortRecording.Header(node: node, kind: "rg500q", port: "at", settings: "115200 8N1"), pieces: writer.pieces)
    }

    private static func record(_ line: [UInt8], _ file: String, _ number: Int) throws(PortRecording.ReadingFailure) -> Record? {
        let value: FieldValue
        do { value = try JSONReader.read(line) } catch { throw PortRecording.ReadingFailure(file: file, line: number, "\(error)") }
        guard let fields = value.record, let response = fields["response"]?.list else {
            throw PortRecording.ReadingFailure(file: file, line: number, "a transcript needs 'response' with a list of lines")
        }
        // Answers of other modules and of other dialects would not belong to one device.
        guard (fields["profile"]?.text ?? profile) == profile, fields["group"]?.text != "sibling" else { return nil }
        return Record(
            command: fields["command"]?.text.map { Array($0.utf8) }, response: response.compactMap(\.text), unsolicited: (fields["urcs"]?.list ?? []).compactMap(\.text))
    }

    private static func goesAway(_ record: Record) -> Bool {
        guard let command = record.command, record.response.last == "OK" else { return false }
        return TwinScript.restarts(String(decoding: command, as: UTF8.self).uppercased())
    }

    private static func isOff(_ record: Record) -> Bool { String(decoding: record.command ?? [], as: UTF8.self).uppercased().hasPrefix("AT+QPOWD") }

    private struct Writer {
        var pieces: [PortRecording.Piece] = []
        private var now = RunInstant.start

        init() {}

        mutating func add(_ content: PortRecording.Content, after time: Duration = .zero) {
            now = now.advanced(by: time)
            pieces.append(PortRecording.Piece(at: now, content))
        }

        mutating func exchange(_ record: Record, isBody: Bool = false) {
            let command = record.command ?? []
            let echo = isBody ? [] : command + [0x0d]
            add(.sent(isBody ? command : echo), after: pause)
            let isPrompt = record.response.last == "> "
            // Where blank lines were written down and where not is no matter: the module's own rule is (specs/rg500q.md §5.1).
            let lines = record.response.dropLast().filter { !$0.isEmpty }
            let final = isPrompt ? ModuleRendering.prompt : Array("\r\n\(record.response.last ?? "OK")\r\n".utf8)
            add(.received(echo + ModuleRendering().information(lines) + final), after: answerTime)
            say(record.unsolicited)
        }

        mutating func say(_ lines: [String]) {
            for line in lines where !line.hasPrefix("(") { add(.received(ModuleRendering.unsolicited(line)), after: pause) }
        }

        mutating func restart(_ record: Record) {
            exchange(Record(command: record.command, response: record.response, unsolicited: []))
            var hasGone = false
            for line in record.unsolicited {
                if line.hasPrefix("(") {
                    goAway()
                    hasGone = true
                } else {
                    say([line])
                }
            }
            if !hasGone {
                add(.closed(.vanished, detail: "the port hung up"), after: goodbye)
                if !isOff(record) { add(.opened, after: absence) }
            }
        }

        private mutating func goAway() {
            add(.closed(.vanished, detail: "the port hung up"), after: goodbye)
            add(.opened, after: absence)
        }
    }
}
