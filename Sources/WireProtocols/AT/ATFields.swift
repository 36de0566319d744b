/// Why a line of an answer cannot be read: which line of the answer, where in it, and what should stand there.
package struct ATReadingError: Error, Sendable, Hashable, CustomStringConvertible {
    /// Counts the lines of the answer from 1; 0 where a line is missing.
    package var line: Int
    /// Bytes from the beginning of the line.
    package var offset: Int
    package var reason: String

    package init(line: Int, offset: Int, _ reason: String) {
        self.line = line
        self.offset = offset
        self.reason = reason
    }

    package var description: String { line == 0 ? reason : "line \(line), byte \(offset): \(reason)" }
}

/// The fields of a line such as `+CREG: 2,1,"DE10","5A29C0B",7`.
///
/// Takes what modules send in earnest: no blank after the colon, a blank after a comma, fewer fields than documented, no
/// quotation marks where some belong. A comma in quotation marks or parentheses does not part fields.
package struct ATFields: Sendable, Hashable {
    package struct Field: Sendable, Hashable {
        /// Without quotation marks and without blanks around.
        package var text: String
        package var isQuoted: Bool
        /// Bytes from the beginning of the line.
        package var offset: Int
    }

    /// With its sign; empty for a line without a name.
    package let name: String
    /// Everything behind the colon, without blanks around.
    package let rest: String
    /// Empty if nothing stands behind the colon.
    package let fields: [Field]
    /// The number of the line in its answer, from 1.
    package let line: Int
    private let length: Int

    package init(_ text: String, line: Int = 1) {
        self.line = line
        length = text.utf8.count
        let name = Self.name(of: text)
        self.name = name ?? ""
        let body = name.map { text.dropFirst($0.count + 1) } ?? text[...]
        rest = String(Self.trimmed(body).text)
        fields = rest.isEmpty ? [] : Self.split(body, from: length - body.utf8.count)
    }

    package var count: Int { fields.count }

    /// `+CREG` of `+CREG: 1`; `nil` for lines that do not begin with a name and a colon.
    package static func name(of line: some StringProtocol) -> String? {
        guard line.first == "+", let colon = line.firstIndex(of: ":") else { return nil }
        let name = line[..<colon]
        let isName = name.dropFirst().utf8.allSatisfy {
            (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains($0) || (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0)
        }
        return isName && (2...24).contains(name.utf8.count) ? String(name) : nil
    }

    private static func trimmed(_ text: Substring) -> (text: Substring, skipped: Int) {
        let left = text.drop { $0 == " " || $0 == "\t" }
        var right = left
        while right.last == " " || right.last == "\t" { right.removeLast() }
        return (right, text.utf8.count - left.utf8.count)
    }

    private static func split(_ body: Substring, from start: Int) -> [Field] {
        var fields: [Field] = []
        var isQuoted = false
        var depth = 0
        var fieldStart = body.startIndex
        var offset = start
        func add(_ end: Substring.Index) {
            let raw = body[fieldStart..<end]
            fields.append(field(raw, at: offset))
            offset += raw.utf8.count + 1
        }
        for index in body.indices {
            switch body[index] {
            case "\"": isQuoted.toggle()
            case "(" where !isQuoted: depth += 1
            case ")" where !isQuoted: depth = max(0, depth - 1)
            case "," where !isQuoted && depth == 0:
                add(index)
                fieldStart = body.index(after: index)
            default: break
            }
        }
        add(body.endIndex)
        return fields
    }

    private static func field(_ raw: Substring, at offset: Int) -> Field {
        let (text, skipped) = trimmed(raw)
        guard text.utf8.count >= 2, text.first == "\"", text.last == "\"" else {
            return Field(text: String(text), isQuoted: false, offset: offset + skipped)
        }
        return Field(text: String(text.dropFirst().dropLast()), isQuoted: true, offset: offset + skipped)
    }

    // MARK: Tolerant: nil where nothing usable stands

    package func field(_ index: Int) -> Field? { fields.indices.contains(index) ? fields[index] : nil }
    /// `nil` where the field is missing; an empty one is empty.
    package func text(_ index: Int) -> String? { field(index)?.text }
    /// `nil` where it is missing or empty.
    package func word(_ index: Int) -> String? { text(index).flatMap { $0.isEmpty ? nil : $0 } }
    package func whole(_ index: Int) -> Int? { text(index).flatMap { Int($0) } }
    package func number(_ index: Int) -> Double? { text(index).flatMap { Double($0) }.flatMap { $0.isFinite ? $0 : nil } }

    /// A measurement: `-`, `-32768`, an empty field and a missing one mean that there is none (rg500q.md §2.6).
    package func reading(_ index: Int, in range: ClosedRange<Int>) -> Int? {
        guard let value = whole(index), value != -32_768, range.contains(value) else { return nil }
        return value
    }

    // MARK: Strict: an error that says where

    package func requiredText(_ index: Int, _ what: String) throws(ATReadingError) -> String {
        guard let text = text(index) else { throw missing(index, what) }
        return text
    }

    package func requiredWhole(_ index: Int, _ what: String, in range: ClosedRange<Int> = Int.min...Int.max) throws(ATReadingError) -> Int {
        guard let field = field(index) else { throw missing(index, what) }
        guard let value = Int(field.text) else { throw ATReadingError(line: line, offset: field.offset, "\(what) must be a whole number") }
        guard range.contains(value) else {
            throw ATReadingError(
                line: line, offset: field.offset, "\(what) is \(value), not within \(range.lowerBound) to \(range.upperBound)")
        }
        return value
    }

    package func requiredNumber(_ index: Int, _ what: String) throws(ATReadingError) -> Double {
        guard let field = field(index) else { throw missing(index, what) }
        guard let value = Double(field.text), value.isFinite else {
            throw ATReadingError(line: line, offset: field.offset, "\(what) must be a number")
        }
        return value
    }

    package func wrong(_ index: Int, _ reason: String) -> ATReadingError {
        ATReadingError(line: line, offset: field(index)?.offset ?? length, reason)
    }

    private func missing(_ index: Int, _ what: String) -> ATReadingError {
        ATReadingError(line: line, offset: length, "\(what) is missing, the line has \(count) field\(count == 1 ? "" : "s")")
    }
}

extension ATFields {
    /// The lines of an answer that begin with a name.
    ///
    /// - Throws: if there is none.
    package static func all(_ name: String, in lines: [String]) throws(ATReadingError) -> [ATFields] {
        var found: [ATFields] = []
        for (index, line) in lines.enumerated() where Self.name(of: line) == name { found.append(ATFields(line, line: index + 1)) }
        if found.isEmpty { throw ATReadingError(line: 0, offset: 0, "the answer has no line \(name)") }
        return found
    }

    package static func first(_ name: String, in lines: [String]) throws(ATReadingError) -> ATFields {
        let found = try all(name, in: lines)
        return found[0]
    }
}
