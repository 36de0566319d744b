/// A value as Python prints it (`repr`, `pprint`): what `labgrid-client show` says of a resource.
enum PythonLiteral: Sendable, Equatable {
    case none
    case bool(Bool)
    case integer(Int)
    case string(String)
    case list([PythonLiteral])
    case dictionary([Entry])
    /// A number with a point, or a word of another kind, as it was written.
    case word(String)

    struct Entry: Sendable, Equatable {
        var key: PythonLiteral
        var value: PythonLiteral
    }

    subscript(key: String) -> PythonLiteral? {
        guard case .dictionary(let entries) = self else { return nil }
        return entries.first { $0.key == .string(key) }?.value
    }

    var string: String? { if case .string(let text) = self { text } else { nil } }
    var integer: Int? { if case .integer(let number) = self { number } else { nil } }
    var bool: Bool? { if case .bool(let value) = self { value } else { nil } }

    /// Reads one value; nil where the text is none, or more than one.
    init?(_ text: String) {
        var reader = Reader(text)
        guard let value = reader.value(depth: 0), reader.isAtEnd else { return nil }
        self = value
    }

    private struct Reader {
        private let scalars: [Unicode.Scalar]
        private var index = 0
        private static let deepest = 32

        init(_ text: String) { scalars = Array(text.unicodeScalars) }

        var isAtEnd: Bool {
            mutating get {
                skipSpace()
                return index >= scalars.count
            }
        }

        private mutating func skipSpace() { while index < scalars.count, scalars[index].properties.isWhitespace { index += 1 } }

        private mutating func next() -> Unicode.Scalar? {
            skipSpace()
            return index < scalars.count ? scalars[index] : nil
        }

        private mutating func take(_ scalar: Unicode.Scalar) -> Bool {
            guard next() == scalar else { return false }
            index += 1
            return true
        }

        mutating func value(depth: Int) -> PythonLiteral? {
            guard depth < Self.deepest, let first = next() else { return nil }
            switch first {
            case "{": return dictionary(depth)
            case "[": return list("[", "]", depth)
            case "(": return list("(", ")", depth)
            case "'", "\"": return string()
            default: return word()
            }
        }

        private mutating func dictionary(_ depth: Int) -> PythonLiteral? {
            index += 1
            var entries: [Entry] = []
            while !take("}") {
                guard let key = value(depth: depth + 1), take(":"), let value = value(depth: depth + 1) else { return nil }
                entries.append(Entry(key: key, value: value))
                guard take(",") || next() == "}" else { return nil }
            }
            return .dictionary(entries)
        }

        private mutating func list(_ open: Unicode.Scalar, _ close: Unicode.Scalar, _ depth: Int) -> PythonLiteral? {
            index += 1
            var values: [PythonLiteral] = []
            while !take(close) {
                guard let value = value(depth: depth + 1) else { return nil }
                values.append(value)
                guard take(",") || next() == close else { return nil }
            }
            return .list(values)
        }

        /// Long strings are printed as several, one after another.
        private mutating func string() -> PythonLiteral? {
            var text = String.UnicodeScalarView()
            while let quote = next(), quote == "'" || quote == "\"" {
                index += 1
                while true {
                    guard index < scalars.count else { return nil }
                    let scalar = scalars[index]
                    index += 1
                    if scalar == quote { break }
                    guard let plain = scalar == "\\" ? escape() : scalar else { return nil }
                    text.append(plain)
                }
            }
            return .string(String(text))
        }

        private mutating func escape() -> Unicode.Scalar? {
            guard index < scalars.count else { return nil }
            let letter = scalars[index]
            index += 1
            switch letter {
            case "n": return "\n"
            case "r": return "\r"
            case "t": return "\t"
            case "x": return hexadecimal(2)
            case "u": return hexadecimal(4)
            case "U": return hexadecimal(8)
            default: return letter
            }
        }

        private mutating func hexadecimal(_ count: Int) -> Unicode.Scalar? {
            guard index + count <= scalars.count else { return nil }
            let digits = String(String.UnicodeScalarView(scalars[index..<index + count]))
            index += count
            return UInt32(digits, radix: 16).flatMap(Unicode.Scalar.init)
        }

        private mutating func word() -> PythonLiteral? {
            let start = index
            while index < scalars.count, !scalars[index].properties.isWhitespace, !",:{}[]()'\"".unicodeScalars.contains(scalars[index]) {
                index += 1
            }
            guard index > start else { return nil }
            let text = String(String.UnicodeScalarView(scalars[start..<index]))
            switch text {
            case "None": return PythonLiteral.none
            case "True": return .bool(true)
            case "False": return .bool(false)
            default: return Int(text).map(PythonLiteral.integer) ?? .word(text)
            }
        }
    }
}
