/// Reads JSON (RFC 8259) strictly, in bounded depth, and keeps the order of keys.
///
/// Doubled keys are refused: two readers of one signed document must not see two meanings
/// (security.md 4.1). Foundation's reader accepts them and forgets the order.
package struct JSONReader {
    package struct Failure: Error, Sendable, Equatable, CustomStringConvertible {
        package var offset: Int
        package var reason: String
        package var description: String { "JSON is wrong at byte \(offset): \(reason)" }
    }

    private let bytes: [UInt8]
    private var position = 0
    private let maximumDepth: Int

    private init(_ bytes: [UInt8], maximumDepth: Int) {
        self.bytes = bytes
        self.maximumDepth = maximumDepth
    }

    /// - Parameter maximumDepth: nesting of lists and records that is accepted.
    package static func read(_ bytes: [UInt8], maximumDepth: Int = 32) throws(Failure) -> FieldValue {
        var reader = JSONReader(bytes, maximumDepth: maximumDepth)
        reader.skipSpace()
        let value = try reader.value(depth: 0)
        reader.skipSpace()
        if reader.position < bytes.count { throw reader.failure("text after the end of the document") }
        return value
    }

    package static func read(_ text: String, maximumDepth: Int = 32) throws(Failure) -> FieldValue {
        try read(Array(text.utf8), maximumDepth: maximumDepth)
    }

    private func failure(_ reason: String) -> Failure { Failure(offset: position, reason: reason) }
    private var current: UInt8? { position < bytes.count ? bytes[position] : nil }

    private mutating func skipSpace() {
        while let byte = current, byte == 0x20 || byte == 0x0a || byte == 0x0d || byte == 0x09 { position += 1 }
    }

    private mutating func take(_ byte: UInt8, _ name: String) throws(Failure) {
        guard current == byte else { throw failure("\(name) expected") }
        position += 1
    }

    private mutating func value(depth: Int) throws(Failure) -> FieldValue {
        guard let byte = current else { throw failure("the document ends where a value must stand") }
        switch byte {
        case UInt8(ascii: "{"): return .record(try record(depth: depth))
        case UInt8(ascii: "["): return .list(try list(depth: depth))
        case UInt8(ascii: "\""): return .text(try string())
        case UInt8(ascii: "t"): return try word("true", .bool(true))
        case UInt8(ascii: "f"): return try word("false", .bool(false))
        case UInt8(ascii: "n"): return try word("null", .null)
        case UInt8(ascii: "-"), UInt8(ascii: "0")...UInt8(ascii: "9"): return try number()
        default: throw failure("no value begins like this")
        }
    }

    private mutating func word(_ word: StaticString, _ value: FieldValue) throws(Failure) -> FieldValue {
        for byte in "\(word)".utf8 {
            guard current == byte else { throw failure("'\(word)' expected") }
            position += 1
        }
        return value
    }

    private mutating func record(depth: Int) throws(Failure) -> Fields {
        if depth >= maximumDepth { throw failure("nested deeper than \(maximumDepth)") }
        position += 1
        var fields = Fields()
        // Only looked into, never iterated; keeps the time for large hostile records proportional to their size.
        var names: Set<String> = []
        skipSpace()
        if current == UInt8(ascii: "}") { position += 1; return fields }
        while true {
            skipSpace()
            guard current == UInt8(ascii: "\"") else { throw failure("a key in quotes expected") }
            let start = position
            let name = try string()
            if fields.count == 16 { names = Set(fields.map(\.name)) }
            let isDoubled = fields.count < 16 ? fields[name] != nil : !names.insert(name).inserted
            if isDoubled { throw Failure(offset: start, reason: "key '\(name)' occurs twice") }
            skipSpace()
            try take(UInt8(ascii: ":"), "':'")
            skipSpace()
            fields.append(new: name, try value(depth: depth + 1))
            skipSpace()
            if current == UInt8(ascii: ",") { position += 1; continue }
            try take(UInt8(ascii: "}"), "',' or '}'")
            return fields
        }
    }

    private mutating func list(depth: Int) throws(Failure) -> [FieldValue] {
        if depth >= maximumDepth { throw failure("nested deeper than \(maximumDepth)") }
        position += 1
        var items: [FieldValue] = []
        skipSpace()
        if current == UInt8(ascii: "]") { position += 1; return items }
        while true {
            skipSpace()
            items.append(try value(depth: depth + 1))
            skipSpace()
            if current == UInt8(ascii: ",") { position += 1; continue }
            try take(UInt8(ascii: "]"), "',' or ']'")
            return items
        }
    }

    private mutating func number() throws(Failure) -> FieldValue {
        let start = position
        var isInteger = true
        if current == UInt8(ascii: "-") { position += 1 }
        if current == UInt8(ascii: "0") { position += 1 } else { try digits() }
        if current == UInt8(ascii: ".") { isInteger = false; position += 1; try digits() }
        if current == UInt8(ascii: "e") || current == UInt8(ascii: "E") {
            isInteger = false
            position += 1
            if current == UInt8(ascii: "+") || current == UInt8(ascii: "-") { position += 1 }
            try digits()
        }
        let text = String(decoding: bytes[start..<position], as: UTF8.self)
        if isInteger, let value = Int64(text) { return .integer(value) }
        guard let value = Double(text), value.isFinite else { throw Failure(offset: start, reason: "number \(text) is out of range") }
        return .number(value)
    }

    private mutating func digits() throws(Failure) {
        let start = position
        while let byte = current, (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) { position += 1 }
        if position == start { throw failure("a digit expected") }
    }

    private mutating func string() throws(Failure) -> String {
        position += 1
        let start = position
        while let byte = current, byte != UInt8(ascii: "\""), byte != UInt8(ascii: "\\"), byte >= 0x20 { position += 1 }
        // Most texts have no escapes: what was passed over is all of them.
        if current == UInt8(ascii: "\"") {
            defer { position += 1 }
            do { return String(copying: try UTF8Span(validating: bytes.span.extracting(start..<position))) } catch {
                throw Failure(offset: start, reason: "text is not UTF-8")
            }
        }
        var content = Array(bytes[start..<position])
        while let byte = current {
            switch byte {
            case UInt8(ascii: "\""):
                position += 1
                guard let text = String(validating: content, as: UTF8.self) else {
                    throw Failure(offset: start, reason: "text is not UTF-8")
                }
                return text
            case UInt8(ascii: "\\"): try escape(into: &content)
            case 0..<0x20: throw failure("control character in a text")
            default: content.append(byte); position += 1
            }
        }
        throw failure("text without an end")
    }

    private mutating func escape(into content: inout [UInt8]) throws(Failure) {
        position += 1
        guard let byte = current else { throw failure("text without an end") }
        position += 1
        switch byte {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): content.append(byte)
        case UInt8(ascii: "b"): content.append(0x08)
        case UInt8(ascii: "f"): content.append(0x0c)
        case UInt8(ascii: "n"): content.append(0x0a)
        case UInt8(ascii: "r"): content.append(0x0d)
        case UInt8(ascii: "t"): content.append(0x09)
        case UInt8(ascii: "u"): content.append(contentsOf: String(try unicodeScalar()).utf8)
        default: throw failure("unknown escape")
        }
    }

    private mutating func unicodeScalar() throws(Failure) -> Character {
        let first = try codeUnit()
        var scalar = UInt32(first)
        if (0xd800..<0xdc00).contains(first) {
            guard current == UInt8(ascii: "\\") else { throw failure("half of a surrogate pair") }
            position += 1
            try take(UInt8(ascii: "u"), "second half of a surrogate pair")
            let second = try codeUnit()
            guard (0xdc00..<0xe000).contains(second) else { throw failure("half of a surrogate pair") }
            scalar = 0x10000 + (UInt32(first) - 0xd800) << 10 + (UInt32(second) - 0xdc00)
        }
        guard let valid = Unicode.Scalar(scalar) else { throw failure("half of a surrogate pair") }
        return Character(valid)
    }

    private mutating func codeUnit() throws(Failure) -> UInt16 {
        var unit: UInt16 = 0
        for _ in 0..<4 {
            guard let byte = current, let digit = Hexadecimal.value(byte) else { throw failure("four hexadecimal digits expected") }
            unit = unit << 4 | UInt16(digit)
            position += 1
        }
        return unit
    }
}
