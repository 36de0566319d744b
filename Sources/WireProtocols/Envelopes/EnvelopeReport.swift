package import LabCore

/// Explains and makes frames of which the lab knows the frame only.
package enum EnvelopeReport {
    package static func explain(_ bytes: [UInt8], _ kind: EnvelopeKind) -> FrameReport {
        var report = FrameReport(protocolName: kind.rawValue, length: bytes.count)
        var size = bytes.count
        do throws(EnvelopeFault) {
            size = try EnvelopeFrame.decode(bytes[...], kind).size
            if size < bytes.count {
                report.problems.append(FrameProblem(.refusal, at: size, "\(bytes.count - size) bytes follow the frame"))
            }
        } catch {
            report.problems.append(FrameProblem(.refusal, at: error.offset, "\(error)"))
            switch error {
            case .checksum(_, let found, let offset): size = offset + found.count
            case .head, .length, .truncated: return report
            }
        }
        note(bytes[..<size], kind, &report)
        return report
    }

    private static func note(_ bytes: ArraySlice<UInt8>, _ kind: EnvelopeKind, _ report: inout FrameReport) {
        var offset = 0
        func add(_ name: String, _ count: Int, _ value: (ArraySlice<UInt8>) -> FieldValue, _ meaning: String = "") {
            guard count > 0 else { return }
            let field = bytes[offset..<offset + count]
            report.fields.append(
                FrameField(name: name, offset: offset, bytes: field, value: value(field), meaning: meaning, source: kind.source))
            offset += count
        }
        add("head", kind.head.count) { .text(Hexadecimal.text($0)) }
        add("length", kind.lengthSize) { .integer($0.reversed().reduce(0) { $0 << 8 | Int64($1) }) }
        for field in kind.fields {
            if field.name == kind.command { report.command = Hexadecimal.text([bytes[offset]]) }
            add(field.name, field.size) { .text(Hexadecimal.text($0)) }
        }
        add("data", bytes.count - offset - kind.checksumSize) { .bytes(Array($0)) }
        let found = bytes.suffix(kind.checksumSize)
        let expected = kind.checksum(bytes.dropLast(kind.checksumSize))
        add("checksum", kind.checksumSize, { .text(Hexadecimal.text($0)) }, found.elementsEqual(expected) ? "right" : "wrong")
        func number(_ bytes: some Sequence<UInt8>) -> UInt32 { bytes.reversed().reduce(0) { $0 << 8 | UInt32($1) } }
        report.checksum = FrameChecksum(rule: kind.rule, expected: number(expected), found: number(found), size: kind.checksumSize)
    }

    /// Makes a frame from the fields that reports have, bytes in hexadecimal.
    package static func frame(_ command: String, _ kind: EnvelopeKind, values: Fields) throws(FieldFault) -> [UInt8] {
        var values = values
        for name in ["head", "length", "checksum"] { values[name] = nil }
        values[kind.command] = .text(command)
        var parts: [[UInt8]] = []
        for field in kind.fields {
            let bytes =
                values[field.name].map { FieldFiller.words($0).flatMap { Hexadecimal.bytes($0) } } ?? Array(repeating: 0, count: field.size)
            guard let bytes, bytes.count == field.size else {
                throw FieldFault(.value("\(2 * field.size) hexadecimal digits are allowed"), field: field.name, offset: 0)
            }
            parts.append(bytes)
            values[field.name] = nil
        }
        guard let data = values["data"].map({ FieldFiller.bytes($0) }) ?? [] else {
            throw FieldFault(.value("hexadecimal is allowed"), field: "data", offset: 0)
        }
        values["data"] = nil
        if let unknown = values.first { throw FieldFault(.value("such a frame has no such field"), field: unknown.name, offset: 0) }
        do { return try EnvelopeFrame(kind, values: parts, data: data).encoded() } catch {
            throw FieldFault(.value("\(error)"), field: "data", offset: 0)
        }
    }
}
