/// Conditions on the fields of an event or an answer: the one matcher vocabulary of `where`, `is`, `fails` and `count`.
package struct Match: Sendable, Equatable {
    package var conditions: [Condition]

    package struct Condition: Sendable, Equatable {
        package var field: String
        package var test: Test
        package init(field: String, test: Test) {
            self.field = field
            self.test = test
        }
    }

    package indirect enum Test: Sendable, Equatable {
        /// A bare scalar: equal to it.
        case equals(Template)
        /// Operators, all of which must hold: `{ge: 2, lt: 5}`.
        case operators([Operation])
        /// A record whose fields must match: `credentials: {present: true}` is an operator, `{state: active}` is a record.
        case fields(Match)
    }

    package struct Operation: Sendable, Equatable {
        package var name: Operator
        package var operand: Template
        package init(_ name: Operator, _ operand: Template) {
            self.name = name
            self.operand = operand
        }
    }

    /// `near` takes `[value, tolerance]`; `in` a list; `has` an element or a part of a text; `len` a number;
    /// `matches` a regular expression; `present` true or false.
    package enum Operator: String, Sendable, CaseIterable {
        case eq, ne, lt, le, gt, ge, `in`, near, matches, has, len, present
    }

    package init(_ conditions: [Condition] = []) { self.conditions = conditions }

    package var isEmpty: Bool { conditions.isEmpty }

    /// The same conditions with every name filled in.
    package func resolved(in scope: Scope) throws(ExpressionFailure) -> Match {
        var result: [Condition] = []
        for condition in conditions {
            result.append(Condition(field: condition.field, test: try condition.test.resolved(in: scope)))
        }
        return Match(result)
    }

    /// The fields that differ from the conditions; empty when all hold. The conditions must be resolved.
    package func differences(in fields: Fields) -> [String] {
        conditions.filter { !$0.test.holds(for: fields.value(at: $0.field)) }.map(\.field)
    }

    package func holds(for fields: Fields) -> Bool {
        conditions.allSatisfy { $0.test.holds(for: fields.value(at: $0.field)) }
    }
}

extension Match.Test {
    func resolved(in scope: Scope) throws(ExpressionFailure) -> Match.Test {
        switch self {
        case .equals(let template): return .equals(.constant(try template.resolved(in: scope)))
        case .operators(let operations):
            var result: [Match.Operation] = []
            for operation in operations {
                result.append(Match.Operation(operation.name, .constant(try operation.operand.resolved(in: scope))))
            }
            return .operators(result)
        case .fields(let match): return .fields(try match.resolved(in: scope))
        }
    }

    /// Whether the value of a field, `nil` where the field is absent, passes.
    package func holds(for value: FieldValue?) -> Bool {
        switch self {
        case .equals(let template):
            guard case .constant(let expected) = template else { return false }
            return value.map { FieldComparison.equal($0, expected) } ?? (expected == .null)
        case .operators(let operations): return operations.allSatisfy { $0.holds(for: value) }
        case .fields(let match):
            guard case .record(let fields)? = value else { return false }
            return match.holds(for: fields)
        }
    }
}

extension Match.Operation {
    func holds(for value: FieldValue?) -> Bool {
        guard case .constant(let operand) = self.operand else { return false }
        if name == .present { return (value != nil && value != .null) == (operand.bool ?? true) }
        guard let value else { return name == .ne }
        switch name {
        case .eq: return FieldComparison.equal(value, operand)
        case .ne: return !FieldComparison.equal(value, operand)
        case .lt: return FieldComparison.order(value, operand).map { $0 < 0 } ?? false
        case .le: return FieldComparison.order(value, operand).map { $0 <= 0 } ?? false
        case .gt: return FieldComparison.order(value, operand).map { $0 > 0 } ?? false
        case .ge: return FieldComparison.order(value, operand).map { $0 >= 0 } ?? false
        case .in: return operand.list?.contains { FieldComparison.equal(value, $0) } ?? false
        case .near: return FieldComparison.isNear(value, operand)
        case .matches: return FieldComparison.matches(value, operand)
        case .has: return FieldComparison.has(value, operand)
        case .len: return FieldComparison.length(of: value).map { FieldComparison.equal(.integer($0), operand) } ?? false
        case .present: return true
        }
    }
}

/// How two values compare: numbers by value, durations with their text, bytes with their hexadecimal text.
package enum FieldComparison {
    package static func equal(_ left: FieldValue, _ right: FieldValue) -> Bool {
        if left == right { return true }
        switch (left, right) {
        case (.integer, .number), (.number, .integer): return left.asNumber == right.asNumber
        case (.duration, .text), (.text, .duration): return left.durationNanoseconds == right.durationNanoseconds
        case (.bytes(let bytes), .text(let text)), (.text(let text), .bytes(let bytes)): return Hexadecimal.bytes(text) == bytes
        case (.list(let a), .list(let b)): return a.count == b.count && zip(a, b).allSatisfy { equal($0, $1) }
        case (.record(let a), .record(let b)):
            return a.count == b.count && a.allSatisfy { entry in b[entry.name].map { equal(entry.value, $0) } ?? false }
        default: return false
        }
    }

    /// Negative, zero or positive as `left` is below, equal to or above `right`; `nil` where they cannot be ordered.
    /// Texts that are versions such as 2.10.0 are ordered by their numbers.
    package static func order(_ left: FieldValue, _ right: FieldValue) -> Int? {
        if let a = left.durationNanoseconds, let b = right.durationNanoseconds { return a < b ? -1 : (a == b ? 0 : 1) }
        if case .integer(let a) = left, case .integer(let b) = right { return a < b ? -1 : (a == b ? 0 : 1) }
        if let a = left.asNumber, let b = right.asNumber { return a < b ? -1 : (a == b ? 0 : (a > b ? 1 : nil)) }
        guard case .text(let a) = left, case .text(let b) = right else { return nil }
        if let a = version(a), let b = version(b) {
            for index in 0..<max(a.count, b.count) {
                let (x, y) = (index < a.count ? a[index] : 0, index < b.count ? b[index] : 0)
                if x != y { return x < y ? -1 : 1 }
            }
            return 0
        }
        return a.unicodeScalars.lexicographicallyPrecedes(b.unicodeScalars) ? -1 : (a == b ? 0 : 1)
    }

    private static func version(_ text: String) -> [UInt64]? {
        let parts = text.split(separator: ".", omittingEmptySubsequences: false)
        let numbers = parts.compactMap { UInt64($0) }
        return numbers.count == parts.count ? numbers : nil
    }

    static func isNear(_ value: FieldValue, _ operand: FieldValue) -> Bool {
        guard let pair = operand.list, pair.count == 2 else { return false }
        if let a = value.durationNanoseconds, let b = pair[0].durationNanoseconds, let tolerance = pair[1].durationNanoseconds {
            let (difference, overflow) = a.subtractingReportingOverflow(b)
            return !overflow && difference.magnitude <= tolerance.magnitude
        }
        guard let a = value.asNumber, let b = pair[0].asNumber, let tolerance = pair[1].asNumber else { return false }
        return abs(a - b) <= tolerance
    }

    static func matches(_ value: FieldValue, _ operand: FieldValue) -> Bool {
        guard case .text(let pattern) = operand, let regex = try? Regex(pattern) else { return false }
        return value.description.contains(regex)
    }

    static func has(_ value: FieldValue, _ operand: FieldValue) -> Bool {
        switch value {
        case .list(let items): items.contains { equal($0, operand) }
        case .text(let text): text.contains(operand.description)
        case .record(let fields): fields[operand.description] != nil
        default: false
        }
    }

    static func length(of value: FieldValue) -> Int64? {
        switch value {
        case .text(let text): Int64(text.count)
        case .list(let items): Int64(items.count)
        case .bytes(let bytes): Int64(bytes.count)
        case .record(let fields): Int64(fields.count)
        default: nil
        }
    }
}

extension Match: CustomStringConvertible {
    /// `firmware = 2.3.0, port ≥ 2`, for people.
    package var description: String { conditions.map { $0.description }.joined(separator: ", ") }
}

extension Match.Condition: CustomStringConvertible {
    package var description: String {
        switch test {
        case .equals(let template): "\(field) = \(template)"
        case .operators(let operations): operations.map { "\(field) \($0.name.symbol) \($0.operand)" }.joined(separator: ", ")
        case .fields(let match): "\(field).{\(match)}"
        }
    }
}

extension Match.Operator {
    package var symbol: String {
        switch self {
        case .eq: "="
        case .ne: "≠"
        case .lt: "<"
        case .le: "≤"
        case .gt: ">"
        case .ge: "≥"
        default: rawValue
        }
    }
}

extension Template: CustomStringConvertible {
    package var description: String {
        switch self {
        case .constant(let value): value.description
        case .expression(let expression): "${\(expression)}"
        case .text(let segments):
            segments.map { segment in
                switch segment {
                case .literal(let text): text
                case .expression(let expression): "${\(expression)}"
                }
            }.joined()
        case .list(let items): "[" + items.map(\.description).joined(separator: ", ") + "]"
        case .record(let members): "{" + members.map { "\($0.name): \($0.value)" }.joined(separator: ", ") + "}"
        }
    }
}

extension Expression: CustomStringConvertible {
    package var description: String {
        switch self {
        case .constant(let value): value.description
        case .name(let name): name
        case .negated(let operand): "-\(operand)"
        case .binary(let sign, let left, let right): "(\(left) \(sign.rawValue) \(right))"
        }
    }
}
