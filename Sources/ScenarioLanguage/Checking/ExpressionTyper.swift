import LabCore

/// Folds what is known before the run and types what is not.
struct ExpressionTyper {
    /// An expression with its constants filled in.
    enum Folded {
        case value(SourceValue)
        case computed(FieldValue)
        case runtime(Expression, FieldType)
    }

    let log: DiagnosticLog
    let names: NameTable
    /// Where names are saved anywhere in the scenario, to tell "later" from "never".
    let savedSomewhere: [String: SourceLocation]

    /// - Returns: `nil` after an error was reported.
    func fold(_ expression: ExpressionSyntax, in scalar: SourceValue.Scalar) -> Folded? {
        switch expression {
        case .constant(let value): return .computed(value)
        case .name(let path, let offset): return resolve(path, in: scalar, at: offset)
        case .negated(let operand, let offset):
            return combine(.subtract, .computed(.integer(0)), fold(operand, in: scalar), in: scalar, at: offset)
        case .binary(let sign, let left, let right, let offset):
            return combine(sign, fold(left, in: scalar), fold(right, in: scalar), in: scalar, at: offset)
        }
    }

    private func resolve(_ path: String, in scalar: SourceValue.Scalar, at offset: Int) -> Folded? {
        let parts = path.split(separator: ".").map(String.init)
        guard let first = parts.first, let binding = names[first] else {
            log.error(in: scalar, at: offset, unknown(parts.first ?? path, at: scalar.location))
            return nil
        }
        switch binding {
        case .unknown: return nil
        case .constant(var value):
            for (index, part) in parts.enumerated().dropFirst() {
                guard let next = value[part] else {
                    let owner = parts[..<index].joined(separator: ".")
                    let fields = value.record.map { entries in " (has: " + DiagnosticLog.list(entries.map(\.name)) + ")" }
                    log.error(in: scalar, at: offset, "'\(owner)' has no field '\(part)'" + (fields ?? ": it is \(value.shapeName)"))
                    return nil
                }
                value = next
            }
            return .value(value)
        case .runtime(var type):
            for (index, part) in parts.enumerated().dropFirst() {
                guard let next = type.field(part) else {
                    let owner = parts[..<index].joined(separator: ".")
                    log.error(in: scalar, at: offset, "'\(owner)' has no field '\(part)'\(type.fieldList)")
                    return nil
                }
                type = next.type
            }
            return .runtime(.name(path), type)
        }
    }

    private func unknown(_ name: String, at place: SourceLocation) -> String {
        if let later = savedSomewhere[name] { return "'\(name)' is not known yet here: it is saved in line \(later.line)" }
        return "nothing is called '\(name)' here" + log.hint(for: name, at: place, among: names.names, "known: ")
    }

    private func combine(
        _ sign: Expression.Operator, _ left: Folded?, _ right: Folded?, in scalar: SourceValue.Scalar, at offset: Int
    ) -> Folded? {
        guard let left, let right else { return nil }
        guard let (a, leftType) = operand(left), let (b, rightType) = operand(right),
            let type = Self.resultType(sign, leftType, rightType)
        else {
            log.error(in: scalar, at: offset, ExpressionFailure.notNumbers(sign.rawValue).description)
            return nil
        }
        let result = Expression.binary(sign, a, b)
        guard case .constant = a, case .constant = b else { return .runtime(result, type) }
        do throws(ExpressionFailure) {
            return .computed(try result.value(in: Scope()))
        } catch {
            log.error(in: scalar, at: offset, error.description)
            return nil
        }
    }

    private func operand(_ folded: Folded) -> (Expression, FieldType)? {
        switch folded {
        case .runtime(let expression, let type): return (expression, type)
        case .computed(let value): return Self.typed(value)
        case .value(let source):
            guard let scalar = source.scalar else { return nil }
            if let nanoseconds = DurationText.parse(scalar.text) { return (.constant(.duration(nanoseconds)), .duration) }
            if scalar.text.hasSuffix("%"), let share = Percent.share(String(scalar.text.dropLast())) { return (.constant(.number(share)), .number) }
            return Self.typed(Literal.natural(scalar))
        }
    }

    private static func typed(_ value: FieldValue) -> (Expression, FieldType)? {
        switch value {
        case .integer: (.constant(value), .integer)
        case .number: (.constant(value), .number)
        case .duration: (.constant(value), .duration)
        default: nil
        }
    }

    /// Durations add to durations and scale by numbers; `nil` where the operator does not fit.
    private static func resultType(_ sign: Expression.Operator, _ left: FieldType, _ right: FieldType) -> FieldType? {
        guard left.isNumeric, right.isNumeric else { return nil }
        if left == .any || right == .any { return .any }
        switch (left == .duration, right == .duration) {
        case (false, false): return left == .integer && right == .integer && sign != .divide ? .integer : .number
        case (true, true): return sign == .multiply ? nil : (sign == .divide ? .number : .duration)
        case (true, false): return sign == .multiply || sign == .divide ? .duration : nil
        case (false, true): return sign == .multiply ? .duration : nil
        }
    }
}

extension FieldType {
    /// Whether arithmetic takes it.
    var isNumeric: Bool {
        switch self {
        case .integer, .number, .ratio, .duration, .any: true
        default: false
        }
    }

    /// Whether `<` makes sense: numbers, times, and texts (versions are ordered by their numbers).
    var isOrdered: Bool { isNumeric || self == .text }

    /// Whether it is written as words.
    var isTextual: Bool {
        switch self {
        case .text, .choice, .any: true
        default: false
        }
    }

    /// The field at a dotted path.
    func field(_ path: String) -> FieldKind? {
        switch self {
        case .any: return FieldKind(path, .any)
        case .record(let fields): return fields.field(at: path)
        default: return nil
        }
    }

    /// ` (has: a, b)`, or what it is where it has no fields.
    var fieldList: String {
        if case .record(let fields) = self { return fields.shownNames }
        return ": it is \(name)"
    }

    /// Whether a value of the other type, known only in the run, can stand here.
    func accepts(_ other: FieldType) -> Bool {
        switch (self, other) {
        case (.any, _), (_, .any): true
        case (.integer, _), (.number, _), (.ratio, _): other == .integer || other == .number || other == .ratio
        case (.text, _), (.choice, _): other.isTextual || other == .bytes
        case (.bytes, _): other == .bytes || other == .text
        case (.list(let mine), .list(let theirs)): mine.accepts(theirs)
        case (.record, .record): true
        default: self == other
        }
    }
}

extension [FieldKind] {
    /// The field at a dotted path such as `credentials.state`.
    func field(at path: String) -> FieldKind? {
        if let exact = first(where: { $0.name == path }) { return exact }
        guard let dot = path.firstIndex(of: "."), let owner = first(where: { $0.name == path[..<dot] }) else { return nil }
        return owner.type.field(String(path[path.index(after: dot)...]))
    }

    var shownNames: String { isEmpty ? " (it has no fields)" : " (has: " + DiagnosticLog.list(map(\.name)) + ")" }
}
