import LabCore

/// Turns written values into templates of the type that their field has.
struct ValueTyper {
    /// Characters of a text put together from `${…}`.
    static let maximumComputedLength = 10_000

    let log: DiagnosticLog
    let budget: Budget
    var names: NameTable
    var savedSomewhere: [String: SourceLocation] = [:]
    /// Reads the files that fields of the type `file` name; `nil` where no field can be one.
    var files: PlanFiles?

    private var expressions: ExpressionTyper {
        ExpressionTyper(log: log, names: names, savedSomewhere: savedSomewhere)
    }

    // MARK: values of a type

    /// - Returns: `nil` after an error was reported.
    func template(_ value: SourceValue, for field: FieldKind) -> Template? {
        guard budget.spend(at: value.location, log) else { return nil }
        switch (value.content, field.type) {
        case (.scalar(let scalar), _):
            return ScalarShape.hasTemplate(scalar) ? fill(scalar, for: field) : literal(scalar, for: field)
        case (.list(let items), .list(let element)): return list(items, of: element, in: field)
        case (.list(let items), .any): return list(items, of: .any, in: field)
        case (.record(let entries), .record(let kinds)):
            return members(entries, of: kinds, owner: "'\(field.name)'").map { .record($0) }
        case (.record(let entries), .any):
            let kinds = entries.map { FieldKind($0.name, .any) }
            return members(entries, of: kinds, owner: "'\(field.name)'").map { .record($0) }
        default:
            log.error(at: value.location, "\(value.shapeName) for '\(field.name)' must be \(field.wanted)")
            return nil
        }
    }

    /// A value that must be known before the run.
    func constant(_ value: SourceValue, for field: FieldKind) -> FieldValue? {
        guard let template = template(value, for: field) else { return nil }
        if let constant = template.constantValue { return constant }
        log.error(at: value.location, "'\(field.name)' must be known before the run; use names from vars, matrix or loop")
        return nil
    }

    /// Named values for `with` or a record.
    ///
    /// - Parameter owner: what has the fields, for messages.
    func members(_ entries: [SourceValue.Entry], of kinds: [FieldKind], owner: String) -> [Template.Member]? {
        var result: [Template.Member] = []
        var isSound = true
        for entry in entries {
            guard let kind = kinds.first(where: { $0.name == entry.name }) else {
                log.error(at: entry.location, "\(owner) has no field '\(entry.name)'\(kinds.shownNames)")
                isSound = false
                continue
            }
            if let value = template(entry.value, for: kind) {
                result.append(Template.Member(name: entry.name, value: value))
            } else {
                isSound = false
            }
        }
        return isSound ? result : nil
    }

    private func list(_ items: [SourceValue], of element: FieldType, in field: FieldKind) -> Template? {
        var result: [Template] = []
        for item in items {
            guard let value = template(item, for: FieldKind(field.name, element, unit: field.unit)) else { continue }
            result.append(value)
        }
        return result.count == items.count ? .list(result) : nil
    }

    private func literal(_ scalar: SourceValue.Scalar, for field: FieldKind) -> Template? {
        do throws(Literal.Problem) {
            let value = try Literal.read(scalar, for: field)
            if field.type == .file, let path = value.text, files?.take(path, at: scalar.location, log) == false { return nil }
            return .constant(value)
        } catch {
            log.error(at: scalar.location, error.message)
            return nil
        }
    }

    // MARK: ${…}

    private func parts(_ scalar: SourceValue.Scalar) -> [TemplateParser.Part]? {
        do throws(TemplateParser.Failure) {
            return try TemplateParser.parse(scalar.text)
        } catch {
            log.error(in: scalar, at: error.offset, error.message)
            return nil
        }
    }

    private func fill(_ scalar: SourceValue.Scalar, for field: FieldKind) -> Template? {
        guard let parts = parts(scalar) else { return nil }
        if parts.count == 1, case .expression(let expression) = parts[0] {
            guard let folded = expressions.fold(expression, in: scalar) else { return nil }
            switch folded {
            case .value(let value): return template(value, for: field)
            case .computed(let value): return literal(computed(value, for: field, at: scalar.location), for: field)
            case .runtime where field.type == .file: return unknownFile(field, at: scalar.location)
            case .runtime(let expression, let type):
                if field.type.accepts(type) { return .expression(expression) }
                log.error(at: scalar.location, "'${\(expression)}' is \(type.name), but '\(field.name)' must be \(field.wanted)")
                return nil
            }
        }
        guard let segments = segments(parts, of: scalar) else { return nil }
        if segments.count == 1, case .literal(let text) = segments[0] {
            return literal(SourceValue.Scalar(text, .computed, at: scalar.location), for: field)
        }
        switch field.type {
        case .text, .choice, .any, .duration, .bytes: return .text(segments)
        case .file: return unknownFile(field, at: scalar.location)
        default:
            log.error(at: scalar.location, "a text put together from ${…} cannot be \(field.wanted) for '\(field.name)'; use one ${…} alone")
            return nil
        }
    }

    /// A run does no reading: what it needs is read, checked and kept before.
    private func unknownFile(_ field: FieldKind, at place: SourceLocation) -> Template? {
        log.error(at: place, "'\(field.name)' names a file, which must be known before the run; use names from vars, matrix or loop")
        return nil
    }

    private func computed(_ value: FieldValue, for field: FieldKind, at place: SourceLocation) -> SourceValue.Scalar {
        if field.type == .integer, case .number(let number) = value, let whole = Int64(exactly: number) {
            return SourceValue.Scalar("\(whole)", .computed, at: place)
        }
        return SourceValue.Scalar(value.description, .computed, at: place)
    }

    /// Literals with constants filled in and joined; expressions that only the run can answer.
    private func segments(_ parts: [TemplateParser.Part], of scalar: SourceValue.Scalar) -> [Template.Segment]? {
        var result: [Template.Segment] = []
        var literal = ""
        for part in parts {
            switch part {
            case .literal(let text): literal += text
            case .expression(let expression):
                guard let folded = expressions.fold(expression, in: scalar) else { return nil }
                switch folded {
                case .computed(let value): literal += value.description
                case .value(let value):
                    guard let inner = value.scalar else {
                        log.error(at: scalar.location, "\(value.shapeName) cannot stand inside a text")
                        return nil
                    }
                    literal += inner.text
                case .runtime(let expression, _):
                    if !literal.isEmpty { result.append(.literal(literal)) }
                    literal = ""
                    result.append(.expression(expression))
                }
            }
            if literal.utf8.count > Self.maximumComputedLength {
                log.error(at: scalar.location, "the text grows beyond \(Self.maximumComputedLength) characters")
                return nil
            }
        }
        if !literal.isEmpty || result.isEmpty { result.append(.literal(literal)) }
        return result
    }

    // MARK: values without a type yet

    /// The value with its names filled in, for vars, matrix and arguments of blocks; its type is decided where it is used.
    ///
    /// - Returns: `nil` after an error was reported, also where the value depends on the run.
    func substituted(_ value: SourceValue, isNested: Bool = false) -> SourceValue? {
        guard budget.spend(at: value.location, log) else { return nil }
        switch value.content {
        case .scalar(let scalar):
            guard ScalarShape.hasTemplate(scalar) else { return value }
            guard let result = substituted(scalar) else { return nil }
            // Lists that hold lists by name would unfold exponentially.
            guard !isNested || result.scalar != nil else {
                log.error(at: value.location, "\(result.shapeName) cannot stand inside a list or record by name; write it out")
                return nil
            }
            return result
        case .list(let items):
            let filled = items.compactMap { substituted($0, isNested: true) }
            return filled.count == items.count ? SourceValue(.list(filled), at: value.location) : nil
        case .record(let entries):
            var filled: [SourceValue.Entry] = []
            for entry in entries {
                guard let inner = substituted(entry.value, isNested: true) else { continue }
                filled.append(SourceValue.Entry(name: entry.name, location: entry.location, value: inner))
            }
            return filled.count == entries.count ? SourceValue(.record(filled), at: value.location) : nil
        }
    }

    private func substituted(_ scalar: SourceValue.Scalar) -> SourceValue? {
        guard let parts = parts(scalar) else { return nil }
        if parts.count == 1, case .expression(let expression) = parts[0] {
            switch expressions.fold(expression, in: scalar) {
            case .value(let value)?: return value
            case .computed(let value)?:
                return SourceValue(.scalar(.init(value.description, .computed, at: scalar.location)), at: scalar.location)
            case .runtime?:
                log.error(at: scalar.location, "'\(scalar.text)' is known only when the run gets there; use names from vars, matrix or loop here")
                return nil
            case nil: return nil
            }
        }
        guard let segments = segments(parts, of: scalar) else { return nil }
        if segments.count == 1, case .literal(let text) = segments[0] {
            return SourceValue(.scalar(.init(text, .computed, at: scalar.location)), at: scalar.location)
        }
        log.error(at: scalar.location, "'\(scalar.text)' is known only when the run gets there; use names from vars, matrix or loop here")
        return nil
    }

    /// The value as data, for the plan's variables and for people.
    static func natural(_ value: SourceValue) -> FieldValue {
        switch value.content {
        case .scalar(let scalar): return Literal.natural(scalar)
        case .list(let items): return .list(items.map(natural))
        case .record(let entries):
            var fields = Fields()
            for entry in entries { fields[entry.name] = natural(entry.value) }
            return .record(fields)
        }
    }

    /// Whether the value names something that only the run knows.
    func dependsOnRun(_ value: SourceValue) -> Bool {
        switch value.content {
        case .list(let items): return items.contains(where: dependsOnRun)
        case .record(let entries): return entries.contains { dependsOnRun($0.value) }
        case .scalar(let scalar):
            guard ScalarShape.hasTemplate(scalar), let parts = try? TemplateParser.parse(scalar.text) else { return false }
            return parts.contains { part in
                if case .expression(let expression) = part { return expression.names.contains(where: isRuntime) }
                return false
            }
        }
    }

    private func isRuntime(_ path: String) -> Bool {
        if case .runtime? = names[String(path.prefix { $0 != "." })] { return true }
        return false
    }
}

extension ExpressionSyntax {
    /// The dotted names in it.
    var names: [String] {
        switch self {
        case .constant: []
        case .name(let path, _): [path]
        case .negated(let operand, _): operand.names
        case .binary(_, let left, let right, _): left.names + right.names
        }
    }
}

extension Template {
    /// The value if nothing in it waits for the run.
    var constantValue: FieldValue? {
        switch self {
        case .constant(let value): return value
        case .expression, .text: return nil
        case .list(let items):
            let values = items.compactMap(\.constantValue)
            return values.count == items.count ? .list(values) : nil
        case .record(let members):
            var fields = Fields()
            for member in members {
                guard let value = member.value.constantValue else { return nil }
                fields[member.name] = value
            }
            return .record(fields)
        }
    }
}

/// Bounds what one file unfolds to: loops, blocks, matrix cells and values by name multiply each other.
final class Budget {
    /// Typed values of one file, over all cells and worlds.
    static let values = 200_000
    /// Windows of limits that are counted for one file, over all cells; what goes beyond is left to the verdict.
    static let windows = 4_000_000
    private var left = Budget.values
    private var windowsLeft = Budget.windows
    private(set) var isExhausted = false

    /// Whether so many windows may still be counted.
    func spendWindows(_ count: Int) -> Bool {
        guard count <= windowsLeft else { return false }
        windowsLeft -= count
        return true
    }

    func spend(at place: SourceLocation, _ log: DiagnosticLog) -> Bool {
        left -= 1
        if left >= 0 { return true }
        if !isExhausted {
            isExhausted = true
            log.error(at: place, "the file unfolds to more than \(Budget.values) values; make its matrix, loops or blocks smaller")
        }
        return false
    }
}
