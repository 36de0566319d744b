import LabCore

/// `${…}` as written, with the place of every name inside its scalar (offsets in characters, from 0).
indirect enum ExpressionSyntax {
    case constant(FieldValue)
    case name(String, offset: Int)
    case negated(ExpressionSyntax, offset: Int)
    case binary(Expression.Operator, ExpressionSyntax, ExpressionSyntax, offset: Int)
}

/// Splits a text into what stands outside and inside of `${…}`.
struct TemplateParser {
    enum Part {
        case literal(String)
        case expression(ExpressionSyntax)
    }

    typealias Failure = PlacedFailure

    /// Operators and parentheses in one `${…}`, so that no text can build a tree that overflows the stack.
    static let maximumOperators = 64

    private let characters: [Unicode.Scalar]
    private var position = 0
    private var operatorCount = 0

    static func parse(_ text: String) throws(Failure) -> [Part] {
        var parser = TemplateParser(characters: Array(text.unicodeScalars))
        return try parser.parts()
    }

    private init(characters: [Unicode.Scalar]) { self.characters = characters }

    private var current: Unicode.Scalar? { position < characters.count ? characters[position] : nil }

    private mutating func parts() throws(Failure) -> [Part] {
        var result: [Part] = []
        var literal = String.UnicodeScalarView()
        while let character = current {
            guard character == "$", position + 1 < characters.count, characters[position + 1] == "{" else {
                literal.append(character)
                position += 1
                continue
            }
            if !literal.isEmpty { result.append(.literal(String(literal))) }
            literal.removeAll()
            result.append(.expression(try braces()))
        }
        if !literal.isEmpty || result.isEmpty { result.append(.literal(String(literal))) }
        return result
    }

    private mutating func braces() throws(Failure) -> ExpressionSyntax {
        let start = position
        position += 2
        operatorCount = 0
        skipSpace()
        if current == "}" { throw Failure(offset: start, message: "'${}' is empty; a name belongs into the braces") }
        let expression = try sum()
        skipSpace()
        guard current == "}" else {
            throw current == nil
                ? Failure(offset: start, message: "'${' is not closed; '}' expected")
                : Failure(offset: position, message: "'\(current.map(String.init) ?? "")' is not expected in ${…}; allowed are names, numbers, + - * / ( )")
        }
        position += 1
        return expression
    }

    private mutating func skipSpace() { while current == " " { position += 1 } }

    private mutating func countOperator(at offset: Int) throws(Failure) {
        operatorCount += 1
        if operatorCount > Self.maximumOperators { throw Failure(offset: offset, message: "more than \(Self.maximumOperators) operators in one ${…}") }
    }

    private mutating func sum() throws(Failure) -> ExpressionSyntax {
        var left = try product()
        while let sign = try sign("+", "-") { left = .binary(sign.0, left, try product(), offset: sign.1) }
        return left
    }

    private mutating func product() throws(Failure) -> ExpressionSyntax {
        var left = try operand()
        while let sign = try sign("*", "/") { left = .binary(sign.0, left, try operand(), offset: sign.1) }
        return left
    }

    private mutating func sign(_ first: Unicode.Scalar, _ second: Unicode.Scalar) throws(Failure) -> (Expression.Operator, Int)? {
        skipSpace()
        guard let character = current, character == first || character == second,
            let sign = Expression.Operator(rawValue: Character(character)) else { return nil }
        let offset = position
        try countOperator(at: offset)
        position += 1
        return (sign, offset)
    }

    private mutating func operand() throws(Failure) -> ExpressionSyntax {
        skipSpace()
        let start = position
        guard let character = current else { throw Failure(offset: position, message: "'${' is not closed; '}' expected") }
        switch character {
        case "(":
            try countOperator(at: start)
            position += 1
            let inner = try sum()
            skipSpace()
            guard current == ")" else { throw Failure(offset: position, message: "')' expected for the '(' before") }
            position += 1
            return inner
        case "-":
            try countOperator(at: start)
            position += 1
            return .negated(try operand(), offset: start)
        case "0"..."9": return .constant(try number())
        case "a"..."z", "A"..."Z", "_": return try name()
        default:
            throw Failure(offset: start, message: "'\(character)' is not expected in ${…}; allowed are names, numbers, + - * / ( )")
        }
    }

    private mutating func word(_ isPart: (Unicode.Scalar) -> Bool) -> String {
        var text = String.UnicodeScalarView()
        while let character = current, isPart(character) {
            text.append(character)
            position += 1
        }
        return String(text)
    }

    private static func isLetterOrDigit(_ character: Unicode.Scalar) -> Bool {
        switch character {
        case "a"..."z", "A"..."Z", "0"..."9", "_": true
        default: false
        }
    }

    /// A whole or decimal number, or a duration such as `5s`.
    private mutating func number() throws(Failure) -> FieldValue {
        let start = position
        let text = word { Self.isLetterOrDigit($0) || $0 == "." }
        if let nanoseconds = DurationText.parse(text) { return .duration(nanoseconds) }
        guard let value = try? JSONReader.read(text), value.asNumber != nil else {
            throw Failure(offset: start, message: "'\(text)' is no number; allowed are 12, 1.5 and durations such as 5s")
        }
        return value
    }

    private mutating func name() throws(Failure) -> ExpressionSyntax {
        let start = position
        let text = word { Self.isLetterOrDigit($0) || $0 == "." }
        guard text.split(separator: ".", omittingEmptySubsequences: false).allSatisfy({ Name.isVariable(String($0)) }) else {
            throw Failure(offset: start, message: "'\(text)' is no name; names are words with dots between them")
        }
        return .name(text, offset: start)
    }
}
