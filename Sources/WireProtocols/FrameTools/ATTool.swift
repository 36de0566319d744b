package import LabCore

/// `at`: lines between a host and a module, as people type them or as they came.
package struct ATTool: FrameTool {
    package let name = "at"
    package let about = "AT commands and answers of modules: text, or hexadecimal with line ends"
    package let isText = true

    package init() {}

    package func explainer(_ options: FrameToolOptions) -> any FrameExplainer { ATExplainer() }

    /// The command is the whole line, such as `AT+CREG?`; it has no values.
    package func frame(_ command: String, _ values: Fields, _ options: FrameToolOptions) throws(FieldFault) -> [UInt8] {
        // Reports name the command and have the line among their fields.
        let text = values["line"]?.text ?? command
        if values["line"] == nil, let extra = values.first {
            throw FieldFault(.value("a line has no values; write it whole: 'AT+CREG?'"), field: extra.name, offset: 0)
        }
        guard !text.isEmpty, text.utf8.count <= ATParser.longestLine, text.utf8.allSatisfy({ (0x20...0x7e).contains($0) }) else {
            throw FieldFault(.value("1 to \(ATParser.longestLine) printable characters of ASCII are allowed"), field: "line", offset: 0)
        }
        return options.sender == .device ? Array("\r\n\(text)\r\n".utf8) : ATCommand(text).bytes
    }
}

struct ATExplainer: FrameExplainer {
    private var parser = ATParser()
    private var isFinished = false
    private var endsLine = true

    mutating func append(_ bytes: [UInt8]) {
        parser.append(bytes)
        if let last = bytes.last { endsLine = last == 0x0d || last == 0x0a }
    }

    /// The last line may lack its end.
    mutating func finish() {
        if !isFinished, !endsLine { parser.append([0x0d]) }
        isFinished = true
    }

    mutating func next() -> FrameReport? {
        switch parser.next() {
        case .line(let line): ATLineReport.explain(line)
        case .tooLong(let line): ATLineReport.tooLong(line)
        // Neither was asked for.
        case .prompt, .data, nil: nil
        }
    }
}

enum ATLineReport {
    private static let general = "rg500q.md 2.1"
    private static let unsolicited = "rg500q.md 2.12"

    static func explain(_ line: ATLine) -> FrameReport {
        var report = FrameReport(protocolName: "at", length: line.text.utf8.count)
        report.streamOffset = line.offset
        if line.text.prefix(2).uppercased() == "AT" {
            explainCommand(line.text, &report)
        } else {
            explainAnswer(line.text, &report)
        }
        if !line.isClean {
            report.problems.append(FrameProblem(.refusal, at: 0, "the line has bytes that are no text; they were repaired here"))
        }
        return report
    }

    static func tooLong(_ line: ATLine) -> FrameReport {
        var report = FrameReport(protocolName: "at", length: line.text.utf8.count)
        report.streamOffset = line.offset
        add("line", line.text, 0, &report, source: general)
        report.problems.append(FrameProblem(.refusal, at: 0, "the line has more than \(ATParser.longestLine) bytes; its rest is skipped"))
        return report
    }

    private static func explainCommand(_ text: String, _ report: inout FrameReport) {
        report.direction = .platformToDevice
        let parts = ATCommand.parts(of: text)
        report.command = parts.map(\.name).joined(separator: ";")
        report.commandName = parts.count == 1 ? word(parts[0].form) : "\(parts.count) commands"
        add("line", text, 0, &report, meaning: "answer within \(seconds(ATCommand.standardLimit(of: text))) s", source: general)
        var offset = 2
        for (index, part) in text.dropFirst(2).split(separator: ";", omittingEmptySubsequences: false).enumerated() {
            if let sign = part.firstIndex(of: "="), part[sign...].hasPrefix("=?") == false, parts.count == 1 {
                let values = String(part[part.index(after: sign)...])
                addFields(ATFields(values), shift: offset + part.utf8.count - values.utf8.count, &report)
            } else if parts.count > 1, parts.indices.contains(index) {
                add("command[\(index)]", String(part), offset, &report, meaning: word(parts[index].form), source: general)
            }
            offset += part.utf8.count + 1
        }
    }

    private static func explainAnswer(_ text: String, _ report: inout FrameReport) {
        report.direction = .deviceToPlatform
        let fields = ATFields(text)
        report.command = fields.name
        if let final = ATFinal(text) {
            report.commandName = "final result"
            add("line", text, 0, &report, meaning: final.isSuccess ? "success" : "failure", source: general)
        } else {
            let isUnasked = ATSorting.isKnownUnsolicited(text)
            report.commandName = isUnasked ? "unsolicited, or an answer" : fields.name.isEmpty ? "text" : "answer"
            add("line", text, 0, &report, source: isUnasked ? unsolicited : general)
            if !fields.name.isEmpty { addFields(fields, shift: 0, &report) }
        }
    }

    private static func addFields(_ fields: ATFields, shift: Int, _ report: inout FrameReport) {
        for (index, field) in fields.fields.enumerated() {
            let offset = shift + field.offset + (field.isQuoted ? 1 : 0)
            let value: FieldValue = field.isQuoted ? .text(field.text) : Int64(field.text).map(FieldValue.integer) ?? .text(field.text)
            report.fields.append(
                FrameField(name: "field[\(index)]", offset: offset, bytes: Array(field.text.utf8), value: value, source: general))
        }
    }

    private static func add(
        _ name: String, _ text: String, _ offset: Int, _ report: inout FrameReport, meaning: String = "", source: String
    ) {
        report.fields.append(
            FrameField(name: name, offset: offset, bytes: Array(text.utf8), value: .text(text), meaning: meaning, source: source))
    }

    private static func word(_ form: ATCommand.Part.Form) -> String {
        switch form {
        case .test: "test"
        case .read: "read"
        case .write: "write"
        case .execute: "execute"
        }
    }

    private static func seconds(_ duration: Duration) -> Int64 { duration.components.seconds }
}
