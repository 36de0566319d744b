/// What went over one serial port, with times: the file that `lab record` writes and that `lab twin` makes emulators from.
///
/// JSON lines: a header, then pieces in the order in which they were seen. A recording that was cut off by a kill or a full disk is
/// read up to its last whole line.
///
///     {"recording":1,"node":"modem_1","kind":"rg500q","port":"at","settings":"115200 8N1","redacted":true,"began":"2026-06-11T08:30:00Z"}
///     {"t":0,"state":"opened"}
///     {"t":1200000,"out":"AT\r"}
///     {"t":5300000,"in":"\r\nOK\r\n"}
package struct PortRecording: Sendable, Equatable {
    package var header: Header
    package var pieces: [Piece]
    /// The last line was cut off and is left out.
    package var isTorn = false

    package init(header: Header, pieces: [Piece] = []) {
        self.header = header
        self.pieces = pieces
    }

    package struct Header: Sendable, Equatable {
        /// The form of the file that this lab writes, and the newest that it reads.
        package static let newestVersion = 1

        package var version = Header.newestVersion
        /// The node of lab.yaml, or the role in the scenario.
        package var node: String
        /// `rg500q`, `pile`, `badge`
        package var kind: String
        /// The port's name among the node's ports: `at`, `serial`, `console`.
        package var port: String
        /// Line settings, `115200 8N1`; empty where there are none.
        package var settings: String
        /// Numbers of people, SIMs and modules are replaced.
        package var isRedacted: Bool
        /// The moment of time 0 by the calendar, for people: `2026-06-11T08:30:00Z`; empty where it is not known.
        package var began: String

        package init(node: String, kind: String, port: String, settings: String = "", isRedacted: Bool = false, began: String = "") {
            self.node = node
            self.kind = kind
            self.port = port
            self.settings = settings
            self.isRedacted = isRedacted
            self.began = began
        }
    }

    package struct Piece: Sendable, Equatable {
        /// From the beginning of the recording.
        package var at: RunInstant
        package var content: Content

        package init(at: RunInstant, _ content: Content) { (self.at, self.content) = (at, content) }
    }

    package enum Content: Sendable, Equatable {
        /// From the host to the device, as it was written.
        case sent([UInt8])
        /// From the device to the host, as it was read: a read can end anywhere in a line.
        case received([UInt8])
        case opened
        case closed(StreamFailure.Reason, detail: String)
        /// The modem lines that are on from now.
        case lines(PortLines)
    }
}

/// The lines of a serial port beside its data lines (TIA-232).
package struct PortLines: OptionSet, Sendable, Hashable, CustomStringConvertible {
    package let rawValue: UInt8
    package init(rawValue: UInt8) { self.rawValue = rawValue }

    package static let dtr = PortLines(rawValue: 1)
    package static let rts = PortLines(rawValue: 2)
    package static let cts = PortLines(rawValue: 4)
    package static let dsr = PortLines(rawValue: 8)
    package static let dcd = PortLines(rawValue: 16)
    package static let ring = PortLines(rawValue: 32)

    private static let names: [(String, PortLines)] = [
        ("dtr", .dtr), ("rts", .rts), ("cts", .cts), ("dsr", .dsr), ("dcd", .dcd), ("ring", .ring),
    ]

    /// Reads `dtr rts`; `nil` for a name that is none.
    package init?(words: some StringProtocol) {
        var lines: PortLines = []
        for word in words.split(separator: " ") {
            guard let known = Self.names.first(where: { $0.0 == word }) else { return nil }
            lines.insert(known.1)
        }
        self = lines
    }

    /// Those that are on, `dtr rts`; empty for none.
    package var description: String { Self.names.filter { contains($0.1) }.map(\.0).joined(separator: " ") }
}

// MARK: Writing

extension PortRecording.Header {
    /// The first line of a recording, with its line feed.
    package func appendLine(to output: inout [UInt8]) {
        let fields: Fields = [
            "recording": .integer(Int64(version)), "node": .text(node), "kind": .text(kind), "port": .text(port), "settings": .text(settings),
            "redacted": .bool(isRedacted), "began": .text(began),
        ]
        JSONWriter.append(fields, to: &output)
        output.append(0x0a)
    }
}

extension PortRecording.Piece {
    /// One line of a recording, with its line feed.
    package func appendLine(to output: inout [UInt8]) {
        output.append(contentsOf: #"{"t":"#.utf8)
        JSONWriter.append(integer: at.nanoseconds, to: &output)
        switch content {
        case .sent(let bytes): Self.append(bytes, "out", to: &output)
        case .received(let bytes): Self.append(bytes, "in", to: &output)
        case .opened: output.append(contentsOf: #","state":"opened""#.utf8)
        case .closed(let reason, let detail):
            output.append(contentsOf: #","state":"closed","reason":"#.utf8)
            JSONWriter.append(quoted: reason.rawValue, to: &output)
            output.append(contentsOf: #","detail":"#.utf8)
            JSONWriter.append(quoted: detail, to: &output)
        case .lines(let lines):
            output.append(contentsOf: #","state":"lines","lines":"#.utf8)
            JSONWriter.append(quoted: lines.description, to: &output)
        }
        output.append(contentsOf: "}\n".utf8)
    }

    /// As text where all of it is text that people read in a file, else as hexadecimal digits.
    private static func append(_ bytes: [UInt8], _ direction: String, to output: inout [UInt8]) {
        let isText = bytes.allSatisfy { (0x20...0x7e).contains($0) || textControls.contains($0) }
        output.append(contentsOf: #",""#.utf8)
        output.append(contentsOf: direction.utf8)
        output.append(contentsOf: (isText ? #"":""# : #"_hex":""#).utf8)
        for byte in bytes {
            if isText {
                appendText(byte, to: &output)
            } else {
                output.append(Hexadecimal.digit(byte >> 4))
                output.append(Hexadecimal.digit(byte & 15))
            }
        }
        output.append(UInt8(ascii: "\""))
    }

    /// Tab, line feed, carriage return, and the two that end the text of a message (3GPP TS 27.005 §3.5.1).
    private static let textControls: [UInt8] = [0x09, 0x0a, 0x0d, 0x1a, 0x1b]

    private static func appendText(_ byte: UInt8, to output: inout [UInt8]) {
        switch byte {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"): output += [UInt8(ascii: "\\"), byte]
        case 0x09: output += Array(#"\t"#.utf8)
        case 0x0a: output += Array(#"\n"#.utf8)
        case 0x0d: output += Array(#"\r"#.utf8)
        case 0..<0x20:
            output += Array(#"\u00"#.utf8)
            output.append(Hexadecimal.digit(byte >> 4))
            output.append(Hexadecimal.digit(byte & 15))
        default: output.append(byte)
        }
    }
}

extension PortRecording {
    /// The whole file.
    package var bytes: [UInt8] {
        var output: [UInt8] = []
        header.appendLine(to: &output)
        for piece in pieces { piece.appendLine(to: &output) }
        return output
    }
}

// MARK: Reading

extension PortRecording {
    /// A line that is no part of a recording: where, and what is wrong with it.
    package struct ReadingFailure: Error, Sendable, Equatable, CustomStringConvertible {
        /// The file, as it was named.
        package var file: String
        /// From 1.
        package var line: Int
        package var reason: String

        package init(file: String, line: Int, _ reason: String) {
            self.file = file
            self.line = line
            self.reason = reason
        }

        package var description: String { "\(file):\(line): error: \(reason)" }
    }

    /// Bytes of a line that are accepted. Source: chosen, well above what one read of a port gives.
    package static let longestLine = 1 << 20

    /// Reads a whole file. What stands behind its last line feed was cut off, unless it is whole.
    package init(_ bytes: some Collection<UInt8>, file: String) throws(ReadingFailure) {
        var reader = RecordingReader(file: file)
        var pieces: [Piece] = []
        var start = bytes.startIndex
        while let end = bytes[start...].firstIndex(of: 0x0a) {
            if let piece = try reader.take(bytes[start..<end]) { pieces.append(piece) }
            start = bytes.index(after: end)
        }
        var isTorn = false
        let rest = bytes[start...]
        if !rest.isEmpty {
            var ahead = reader
            do throws(ReadingFailure) {
                if let piece = try ahead.take(rest) { pieces.append(piece) }
                reader = ahead
            } catch {
                if reader.header == nil { throw error }
                isTorn = true
            }
        }
        guard let header = reader.header else { throw ReadingFailure(file: file, line: 1, "the file is empty; a recording begins with its header") }
        self.init(header: header, pieces: pieces)
        self.isTorn = isTorn
    }
}

/// Reads a recording line by line, for files that are larger than memory.
package struct RecordingReader: Sendable {
    package private(set) var header: PortRecording.Header?
    private let file: String
    private var line = 0
    private var last = RunInstant.start

    package init(file: String) { self.file = file }

    /// Takes the next line without its line feed.
    ///
    /// - Returns: `nil` for the header and for an empty line.
    package mutating func take(_ bytes: some Collection<UInt8>) throws(PortRecording.ReadingFailure) -> PortRecording.Piece? {
        line += 1
        guard bytes.count <= PortRecording.longestLine else { throw failure("the line has more than \(PortRecording.longestLine) bytes") }
        var text = Array(bytes)
        if text.last == 0x0d { text.removeLast() }
        if text.isEmpty, header != nil { return nil }
        let value: FieldValue
        do { value = try JSONReader.read(text) } catch { throw failure("\(error)") }
        guard let fields = value.record else { throw failure("the line is no JSON object") }
        if header == nil {
            header = try readHeader(fields)
            return nil
        }
        return try readPiece(fields)
    }

    private func failure(_ reason: String) -> PortRecording.ReadingFailure { PortRecording.ReadingFailure(file: file, line: line, reason) }

    private func readHeader(_ fields: Fields) throws(PortRecording.ReadingFailure) -> PortRecording.Header {
        guard let version = fields["recording"]?.integer else {
            throw failure("this is no recording: the first line needs 'recording' with the number of its version")
        }
        guard version == 1 else { throw failure("recordings of version \(version) are not known; this lab reads version \(PortRecording.Header.newestVersion)") }
        func text(_ name: String) throws(PortRecording.ReadingFailure) -> String {
            guard let value = fields[name]?.text else { throw failure("the header needs '\(name)' with a text") }
            return value
        }
        guard let isRedacted = fields["redacted"]?.bool else { throw failure("the header needs 'redacted' with true or false") }
        return PortRecording.Header(
            node: try text("node"), kind: try text("kind"), port: try text("port"), settings: try text("settings"), isRedacted: isRedacted,
            began: try text("began"))
    }

    private mutating func readPiece(_ fields: Fields) throws(PortRecording.ReadingFailure) -> PortRecording.Piece {
        guard let time = fields["t"]?.integer, time >= 0 else { throw failure("'t' must be the time in nanoseconds, 0 or more") }
        let at = RunInstant(nanoseconds: time)
        guard at >= last else { throw failure("'t' goes back: \(time) after \(last.nanoseconds)") }
        guard fields.count >= 2 else { throw failure("the line needs one of out, in, state") }
        let content = try readContent(fields)
        last = at
        return PortRecording.Piece(at: at, content)
    }

    private func readContent(_ fields: Fields) throws(PortRecording.ReadingFailure) -> PortRecording.Content {
        let content = fields[1]
        switch (content.name, content.value) {
        case ("out", .text(let text)): return .sent(Array(text.utf8))
        case ("in", .text(let text)): return .received(Array(text.utf8))
        case ("out_hex", .text(let text)): return .sent(try digits(text, "out_hex"))
        case ("in_hex", .text(let text)): return .received(try digits(text, "in_hex"))
        case ("state", .text("opened")): return .opened
        case ("state", .text("closed")):
            guard let reason = fields["reason"]?.text.flatMap(StreamFailure.Reason.init) else {
                throw failure("'reason' is one of \(StreamFailure.Reason.allCases.map(\.rawValue).joined(separator: ", "))")
            }
            return .closed(reason, detail: fields["detail"]?.text ?? "")
        case ("state", .text("lines")):
            guard let lines = fields["lines"]?.text.flatMap({ PortLines(words: $0) }) else { throw failure("'lines' names of dtr, rts, cts, dsr, dcd, ring those that are on") }
            return .lines(lines)
        case ("state", _): throw failure("'state' is one of opened, closed, lines")
        default: throw failure("'\(content.name)' is not known here; a piece has t and then out, in, out_hex, in_hex or state, with a text")
        }
    }

    private func digits(_ text: String, _ name: String) throws(PortRecording.ReadingFailure) -> [UInt8] {
        guard let bytes = Hexadecimal.bytes(text) else { throw failure("'\(name)' needs pairs of hexadecimal digits") }
        return bytes
    }
}
