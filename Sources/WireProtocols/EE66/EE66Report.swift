package import LabCore

/// Explains bytes as a frame between module and board, and makes such frames from names (charging-protocols.md 5.1).
package enum EE66Report {
    private static let source = "charging-protocols.md 5.1"
    /// Commands that the board begins; all others are the module's.
    private static let boardCommands: Set<UInt8> = [0x03, 0x05, 0x0d, 0x11, 0x12, 0x16, 0x22, 0x23]

    package static func explain(_ bytes: [UInt8]) -> FrameReport {
        var report = FrameReport(protocolName: "ee66", length: bytes.count)
        do {
            let frame = try EE66Frame(bytes)
            report.checksum = checksum(bytes, size: bytes.count)
            explain(frame, bytes, in: &report)
        } catch {
            if case .checksum(_, _, let offset) = error { report.checksum = checksum(bytes, size: offset + 1) }
            report.problems.append(FrameProblem(.refusal, at: error.offset, error.description))
        }
        return report
    }

    private static func checksum(_ bytes: [UInt8], size: Int) -> FrameChecksum {
        FrameChecksum(
            rule: "XOR from the length to the data", expected: UInt32(EE66Frame.sum(bytes[1..<size - 1])), found: UInt32(bytes[size - 1]), size: 1)
    }

    private static func explain(_ frame: EE66Frame, _ bytes: [UInt8], in report: inout FrameReport) {
        func field(_ name: String, _ range: Range<Int>, _ value: FieldValue, _ meaning: String = "") {
            report.fields.append(FrameField(name: name, offset: range.lowerBound, bytes: bytes[range], value: value, meaning: meaning, source: source))
        }
        report.command = hexadecimal(frame.command)
        report.direction = boardCommands.contains(frame.command) == frame.isAnswer ? .hostToDevice : .deviceToPlatform
        field("head", 0..<1, .text(hexadecimal(bytes[0])), frame.isAnswer ? "answer" : "request")
        field("length", 1..<2, .integer(Int64(bytes[1])), "bytes from the command to the sum")
        field("command", 2..<3, .text(report.command))
        field("session", 3..<9, .text(frame.session))
        var message = EE66Message.blank(command: frame.command, isAnswer: frame.isAnswer, size: frame.data.count)
        var reader = FieldReader(noting: bytes[9..<bytes.count - 1], source: source)
        do {
            try message.walk(&reader)
            var extra: [UInt8] = []
            try reader.rest(&extra)
            report.commandName = message.name
        } catch {
            report.problems.append(FrameProblem(.refusal, at: 9 + error.offset, error.description))
        }
        report.fields += reader.noted
        field("checksum", bytes.count - 1..<bytes.count, .text(hexadecimal(bytes[bytes.count - 1])))
    }

    /// Makes a frame from names and values, under the names that reports use.
    ///
    /// - Parameter command: two hexadecimal digits.
    package static func frame(_ command: String, isAnswer: Bool, values: Fields) throws(FieldFault) -> [UInt8] {
        guard let number = UInt8(command, radix: 16) else {
            throw FieldFault(.value("'\(command)' is no command; write two hexadecimal digits"), field: "command", offset: 0)
        }
        var values = values
        let session = values["session"].flatMap { FieldFiller.words($0) } ?? EE66Frame.zeroSession
        for name in ["head", "length", "command", "session", "checksum"] { values[name] = nil }
        var message = EE66Message.blank(command: number, isAnswer: isAnswer, size: 0)
        var filler = FieldFiller(values)
        try message.walk(&filler)
        var extra: [UInt8] = []
        if case .other = message {} else { try filler.rest(&extra) }
        if let name = filler.unusedName { throw FieldFault(.value("command \(command) has no such field"), field: name, offset: 0) }
        let frame = try EE66Frame(message, isAnswer: isAnswer, session: session, extra: extra)
        do { return try frame.encoded() } catch { throw FieldFault(.value(error.description), field: "frame", offset: 0) }
    }
}
