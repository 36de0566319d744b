package import LabCore

extension FrameReport {
    /// The report as a record with a fixed order of keys; `LabCore.JSONWriter` makes JSON of it.
    package var record: Fields {
        var record: Fields = ["protocol": .text(protocolName), "command": .text(command), "name": .text(commandName)]
        record["direction"] = direction.map { .text($0.rawValue) } ?? .null
        record["stream_offset"] = streamOffset.map { .integer(Int64($0)) } ?? .null
        record["length"] = .integer(Int64(length))
        record["accepted"] = .bool(!isRefused)
        record["checksum"] = checksum.map { .record($0.record) } ?? .null
        record["fields"] = .list(fields.map { .record($0.record) })
        record["problems"] = .list(problems.map { .record($0.record) })
        return record
    }

    /// The report for people: a line for the frame, a line for each field, a line for each problem. Ends with a line feed.
    package var text: String {
        var lines = [headline]
        let rows = fields.map(\.columns)
        if !rows.isEmpty {
            let titles = ["offset", "size", "bytes", "field", "value", "unit", "meaning", "source"]
            let widths = titles.indices.map { column in
                ([titles] + rows).map { $0[column].count }.max() ?? 0
            }
            for row in [titles] + rows { lines.append(Self.line(row, widths)) }
        }
        for problem in problems { lines.append("\(problem.kind.rawValue) at offset \(problem.offset): \(problem.text)") }
        return lines.joined(separator: "\n") + "\n"
    }

    /// Such as `dny 21 heartbeat, device to platform, 21 bytes, checksum 04c7`.
    package var headline: String {
        var parts = [[protocolName, command, commandName].filter { !$0.isEmpty }.joined(separator: " ")]
        if let direction { parts.append(direction.text) }
        parts.append(length == 1 ? "1 byte" : "\(length) bytes")
        if let checksum { parts.append(checksum.text) }
        if let streamOffset, streamOffset > 0 { parts.append("at byte \(streamOffset) of the stream") }
        if isRefused { parts.append("REFUSED") }
        return parts.joined(separator: ", ")
    }

    /// Numbers to the right, texts to the left, no blanks at the end.
    private static func line(_ cells: [String], _ widths: [Int]) -> String {
        var line = "  "
        for (column, cell) in cells.enumerated() {
            let fill = String(repeating: " ", count: widths[column] - cell.count)
            line += (column < 2 ? fill + cell : cell + fill) + "  "
        }
        while line.last == " " { line.removeLast() }
        return line
    }
}

extension FrameField {
    package var record: Fields {
        [
            "name": .text(name), "offset": .integer(Int64(offset)), "size": .integer(Int64(size)), "bytes": .bytes(bytes), "value": value,
            "unit": .text(unit), "meaning": .text(meaning), "source": .text(source),
        ]
    }

    /// Long contents are cut in the table; JSON has them whole.
    fileprivate var columns: [String] {
        let shown = Hexadecimal.text(bytes.prefix(16)) + (size > 16 ? "…" : "")
        return [String(offset), String(size), shown, name, shownValue, unit, Self.onOneLine(meaning), source]
    }

    /// Texts of payloads have line ends of their own.
    private static func onOneLine(_ text: String) -> String {
        String(String.UnicodeScalarView(text.unicodeScalars.map { $0.value < 0x20 ? " " : $0 }))
    }

    private var shownValue: String {
        switch value {
        case .bytes: size > 16 ? "" : Hexadecimal.text(bytes)
        case .text: JSONWriter.text(value)
        default: value.description
        }
    }
}

extension FrameChecksum {
    package var record: Fields {
        ["rule": .text(rule), "right": .bool(isRight), "expected": .text(digits(expected)), "found": .text(digits(found))]
    }

    fileprivate var text: String {
        isRight ? "checksum \(digits(found))" : "checksum \(digits(found)) where \(digits(expected)) is right"
    }

    /// The number in hexadecimal, the most significant digit first whatever the order on the wire.
    private func digits(_ number: UInt32) -> String {
        Hexadecimal.text((0..<max(1, min(size, 4))).reversed().map { UInt8(truncatingIfNeeded: number >> (8 * UInt32($0))) })
    }
}

extension FrameProblem {
    package var record: Fields {
        ["kind": .text(kind.rawValue), "offset": .integer(Int64(offset)), "text": .text(text)]
    }
}
