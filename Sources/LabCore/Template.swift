/// A value as written in a scenario: constants, or text with `${…}` that is filled in when the step runs.
package indirect enum Template: Sendable, Equatable {
    case constant(FieldValue)
    /// Exactly one `${…}`: keeps the type of its result.
    case expression(Expression)
    /// Text around or between `${…}`.
    case text([Segment])
    case list([Template])
    case record([Member])

    package enum Segment: Sendable, Equatable {
        case literal(String)
        case expression(Expression)
    }

    package struct Member: Sendable, Equatable {
        package var name: String
        package var value: Template
        package init(name: String, value: Template) {
            self.name = name
            self.value = value
        }
    }

    /// Fills in the names.
    package func resolved(in scope: Scope) throws(ExpressionFailure) -> FieldValue {
        switch self {
        case .constant(let value): return value
        case .expression(let expression): return try expression.value(in: scope)
        case .text(let segments):
            var text = ""
            for segment in segments {
                switch segment {
                case .literal(let literal): text += literal
                case .expression(let expression): text += try expression.value(in: scope).description
                }
            }
            return .text(text)
        case .list(let items):
            var values: [FieldValue] = []
            for item in items { values.append(try item.resolved(in: scope)) }
            return .list(values)
        case .record(let members):
            var fields = Fields()
            for member in members { fields[member.name] = try member.value.resolved(in: scope) }
            return .record(fields)
        }
    }
}

/// What stands in `${…}`: names, numbers, `+ - * / ( )`.
package indirect enum Expression: Sendable, Equatable {
    case constant(FieldValue)
    /// A dotted name: `device`, `injected.fault`.
    case name(String)
    case negated(Expression)
    case binary(Operator, Expression, Expression)

    package enum Operator: Character, Sendable { case add = "+", subtract = "-", multiply = "*", divide = "/" }

    package func value(in scope: Scope) throws(ExpressionFailure) -> FieldValue {
        switch self {
        case .constant(let value): return value
        case .name(let path):
            guard let value = scope.value(at: path) else { throw .unknownName(path, known: scope.names) }
            return value
        case .negated(let operand):
            let value = try operand.value(in: scope)
            if case .duration = value { return try Self.apply(.subtract, .duration(0), value) }
            return try Self.apply(.subtract, .integer(0), value)
        case .binary(let sign, let left, let right):
            return try Self.apply(sign, try left.value(in: scope), try right.value(in: scope))
        }
    }

    /// Whole numbers stay whole where the result is; durations add to durations and scale by numbers.
    static func apply(_ sign: Operator, _ left: FieldValue, _ right: FieldValue) throws(ExpressionFailure) -> FieldValue {
        switch (left, right) {
        case (.integer(let a), .integer(let b)): return try integers(sign, a, b)
        case (.duration(let a), .duration(let b)) where sign == .add || sign == .subtract:
            guard case .integer(let sum) = try integers(sign, a, b) else { throw .outOfRange }
            return .duration(sum)
        case (.duration(let a), .duration(let b)) where sign == .divide:
            if b == 0 { throw .divisionByZero }
            return .number(Double(a) / Double(b))
        case (.duration(let a), .integer), (.duration(let a), .number):
            return try scaled(sign, a, right)
        case (.integer, .duration(let b)), (.number, .duration(let b)):
            guard sign == .multiply else { throw .notNumbers(sign.rawValue) }
            return try scaled(.multiply, b, left)
        default:
            guard let a = left.asNumber, let b = right.asNumber else { throw .notNumbers(sign.rawValue) }
            if sign == .divide, b == 0 { throw .divisionByZero }
            let result = real(sign, a, b)
            guard result.isFinite else { throw .outOfRange }
            return .number(result)
        }
    }

    private static func integers(_ sign: Operator, _ a: Int64, _ b: Int64) throws(ExpressionFailure) -> FieldValue {
        let (result, overflow): (Int64, Bool)
        switch sign {
        case .add: (result, overflow) = a.addingReportingOverflow(b)
        case .subtract: (result, overflow) = a.subtractingReportingOverflow(b)
        case .multiply: (result, overflow) = a.multipliedReportingOverflow(by: b)
        case .divide:
            if b == 0 { throw .divisionByZero }
            if a == .min && b == -1 { throw .outOfRange }
            return a % b == 0 ? .integer(a / b) : .number(Double(a) / Double(b))
        }
        if overflow { throw .outOfRange }
        return .integer(result)
    }

    private static func scaled(_ sign: Operator, _ nanoseconds: Int64, _ factor: FieldValue) throws(ExpressionFailure) -> FieldValue {
        if sign == .multiply, case .integer(let whole) = factor {
            guard case .integer(let product) = try integers(.multiply, nanoseconds, whole) else { throw .outOfRange }
            return .duration(product)
        }
        guard let factor = factor.asNumber, sign == .multiply || sign == .divide else { throw .notNumbers(sign.rawValue) }
        if sign == .divide, factor == 0 { throw .divisionByZero }
        let result = real(sign, Double(nanoseconds), factor).rounded()
        guard let whole = Int64(exactly: result) else { throw .outOfRange }
        return .duration(whole)
    }

    private static func real(_ sign: Operator, _ a: Double, _ b: Double) -> Double {
        switch sign {
        case .add: a + b
        case .subtract: a - b
        case .multiply: a * b
        case .divide: a / b
        }
    }
}

package enum ExpressionFailure: Error, Sendable, Equatable, CustomStringConvertible {
    case unknownName(String, known: [String])
    case notNumbers(Character)
    case divisionByZero
    case outOfRange

    package var description: String {
        switch self {
        case .unknownName(let name, let known):
            "nothing is called '\(name)' here"
                + (DidYouMean.suggestion(for: name, among: known).map { " — did you mean '\($0)'?" }
                    ?? (known.isEmpty ? "" : " (known: \(known.joined(separator: ", ")))"))
        case .notNumbers(let sign): "'\(sign)' needs numbers or durations on both sides"
        case .divisionByZero: "division by zero"
        case .outOfRange: "the result is out of range"
        }
    }
}

/// The names that a step can use: variables, matrix values, what earlier steps saved. Inner names hide outer ones.
package struct Scope: Sendable, Equatable {
    package var values: Fields
    package init(_ values: Fields = [:]) { self.values = values }
    package var names: [String] { values.map(\.name) }
    package func value(at path: String) -> FieldValue? { values.value(at: path) }
}
