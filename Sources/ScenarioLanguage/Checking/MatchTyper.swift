import LabCore

/// Conditions on typed fields: `where`, `is`, `fails`, `count`.
struct MatchTyper {
    /// Characters and groups of a regular expression; its compiler is recursive.
    private static let maximumPatternLength = 1_000
    private static let maximumPatternGroups = 50

    let values: ValueTyper
    private var log: DiagnosticLog { values.log }

    init(_ values: ValueTyper) { self.values = values }

    /// - Parameter owner: what has the fields, for messages: `badge.boot.done`.
    /// - Returns: `nil` after an error was reported.
    func match(_ value: SourceValue?, on fields: [FieldKind], of owner: String) -> Match? {
        guard let value else { return Match() }
        guard let entries = value.record else {
            log.error(at: value.location, "\(value.shapeName) must be a record of fields, such as {port: 1}")
            return nil
        }
        var conditions: [Match.Condition] = []
        for entry in entries {
            guard let field = fields.field(at: entry.name) else {
                log.error(at: entry.location, "\(owner) has no field '\(entry.name)'\(fields.shownNames)")
                continue
            }
            let named = FieldKind(entry.name, field.type, unit: field.unit)
            if let test = test(entry.value, on: named, of: owner) { conditions.append(.init(field: entry.name, test: test)) }
        }
        return conditions.count == entries.count ? Match(conditions) : nil
    }

    /// One condition: a value, operators, or a record of conditions.
    func test(_ value: SourceValue, on field: FieldKind, of owner: String) -> Match.Test? {
        guard let entries = value.record, !entries.isEmpty else { return values.template(value, for: field).map { .equals($0) } }
        let known = entries.filter { Match.Operator(rawValue: $0.name) != nil }
        if known.isEmpty {
            switch field.type {
            case .record(let fields): return match(value, on: fields, of: "\(owner).\(field.name)").map { .fields($0) }
            case .any: return match(value, on: entries.map { FieldKind($0.name, .any) }, of: "\(owner).\(field.name)").map { .fields($0) }
            default: break
            }
        }
        var operations: [Match.Operation] = []
        for entry in entries {
            guard let name = Match.Operator(rawValue: entry.name) else {
                unknownOperator(entry)
                continue
            }
            if let operand = operand(entry, name, on: field) { operations.append(Match.Operation(name, operand)) }
        }
        return operations.count == entries.count ? .operators(operations) : nil
    }

    private func unknownOperator(_ entry: SourceValue.Entry) {
        let words = Match.Operator.allCases.map(\.rawValue)
        log.error(at: entry.location, "unknown operator '\(entry.name)'" + log.hint(for: entry.name, at: entry.location, among: words, "operators: "))
    }

    private func operand(_ entry: SourceValue.Entry, _ name: Match.Operator, on field: FieldKind) -> Template? {
        guard let type = Self.operandType(of: name, on: field.type) else {
            log.error(at: entry.location, "'\(entry.name)' does not fit '\(field.name)', which is \(field.type.name)\(Self.fitting(field.type))")
            return nil
        }
        guard let operand = values.template(entry.value, for: FieldKind(field.name, type, unit: field.unit)) else { return nil }
        if name == .near, case .list(let pair) = operand, pair.count != 2 {
            log.error(at: entry.value.location, "'near' takes [value, tolerance]")
            return nil
        }
        if name == .matches, case .constant(.text(let pattern)) = operand, let problem = Self.patternProblem(pattern) {
            log.error(at: entry.value.location, problem)
            return nil
        }
        return operand
    }

    /// The type of the operand; `nil` where the operator does not fit the field.
    private static func operandType(of name: Match.Operator, on type: FieldType) -> FieldType? {
        switch name {
        case .eq, .ne: return type
        case .lt, .le, .gt, .ge: return type.isOrdered ? (type == .integer ? .number : type) : nil
        case .in: return .list(type)
        case .near: return type.isNumeric ? .list(type == .integer ? .number : type) : nil
        case .matches: return type.isTextual ? .text : nil
        case .present: return .bool
        case .has:
            switch type {
            case .list(let element): return element
            case .text, .record: return .text
            case .any: return .any
            default: return nil
            }
        case .len:
            switch type {
            case .text, .list, .bytes, .record, .any: return .integer
            default: return nil
            }
        }
    }

    private static func fitting(_ type: FieldType) -> String {
        let words = Match.Operator.allCases.filter { operandType(of: $0, on: type) != nil }.map(\.rawValue)
        return " (fitting: \(words.joined(separator: ", ")))"
    }

    private static func patternProblem(_ pattern: String) -> String? {
        let groups = pattern.utf8.count { $0 == UInt8(ascii: "(") || $0 == UInt8(ascii: "[") }
        guard pattern.utf8.count <= maximumPatternLength, groups <= maximumPatternGroups else { return "the regular expression is too long; at most \(maximumPatternLength) characters and \(maximumPatternGroups) groups" }
        return (try? Regex(pattern)) == nil ? "\"\(pattern)\" is no regular expression" : nil
    }
}
