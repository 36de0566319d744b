import LabCore

/// `role.name` to what the role's kind says about the name.
struct NodeResolver {
    struct KnownRole {
        /// `nil` where the kind is unknown or the role is broken: then nothing is said about its names.
        var kind: NodeKind?
        var count: Int
    }

    /// A reference with its types.
    struct Resolved {
        var reference: NodeReference
        /// Arguments of an action, query or fault; nothing for an event.
        var takes: [FieldKind]
        /// Fields of an event, or of an answer.
        var gives: [FieldKind]
    }

    /// The member of a fleet that an event comes from, or that an action is for; from 1.
    static let member = FieldKind("member", .integer, "Member of a fleet, from 1")

    var roles: [String: KnownRole] = [:]
    /// For messages, in the order of the file.
    var roleNames: [String] = []
    /// Blocks of files without `needs` name the roles of scenarios that are not known there.
    var allowsUnknownRoles = false

    func resolve(_ value: SourceValue, _ category: NameCategory, _ values: ValueTyper) -> Resolved? {
        guard let source = values.substituted(value), let scalar = source.scalar else { return nil }
        let log = values.log
        guard let dot = scalar.text.firstIndex(of: "."), Name.isField(scalar.text) else {
            log.error(at: source.location, "value \(scalar.shown) must be \(category.withArticle) of a role, such as badge.boot")
            return nil
        }
        let role = String(scalar.text[..<dot])
        let name = String(scalar.text[scalar.text.index(after: dot)...])
        guard let known = roles[role] else {
            if !allowsUnknownRoles { log.error(in: scalar, at: 0, unknownRole(role, log, scalar.location)) }
            return nil
        }
        guard let kind = known.kind else { return nil }
        guard let types = Self.types(of: name, category, in: kind) else {
            log.error(in: scalar, at: role.unicodeScalars.count + 1, Self.unknownName(name, category, role, kind, log, scalar.location))
            return nil
        }
        let member = known.count > 1 ? [Self.member] : []
        return Resolved(
            reference: NodeReference(role: role, name: name), takes: types.takes + member,
            gives: types.gives + (category == .event ? member : []))
    }

    /// `role.query.field`: a query, and the number of its answer that is read.
    func resolveGauge(_ value: SourceValue, _ values: ValueTyper) -> (query: Resolved, field: FieldKind)? {
        guard let source = values.substituted(value), let scalar = source.scalar else { return nil }
        let log = values.log
        let parts = scalar.text.split(separator: ".", omittingEmptySubsequences: false).map(String.init)
        guard parts.count >= 3, Name.isField(scalar.text) else {
            log.error(at: source.location, "value \(scalar.shown) must be \(ScalarShape.wanted(.gauge))")
            return nil
        }
        guard let known = roles[parts[0]] else {
            if !allowsUnknownRoles { log.error(in: scalar, at: 0, unknownRole(parts[0], log, scalar.location)) }
            return nil
        }
        guard let kind = known.kind else { return nil }
        // Names of queries and of fields have dots of their own: the longest query that fits is meant.
        let splits = (1..<parts.count - 1).reversed().map { (parts[1...$0].joined(separator: "."), parts[($0 + 1)...].joined(separator: ".")) }
        guard let (name, path) = splits.first(where: { kind.query($0.0) != nil }), let query = kind.query(name) else {
            let name = parts[1..<parts.count - 1].joined(separator: ".")
            log.error(in: scalar, at: parts[0].unicodeScalars.count + 1, Self.unknownName(name, .query, parts[0], kind, log, scalar.location))
            return nil
        }
        let offset = scalar.text.unicodeScalars.count - path.unicodeScalars.count
        guard let field = query.gives.field(at: path) else {
            log.error(
                in: scalar, at: offset,
                "the answer of \(parts[0]).\(name) has no field '\(path)'" + log.hint(for: path, at: scalar.location, among: query.gives.map(\.name), "has: "))
            return nil
        }
        guard field.type.isNumeric else {
            log.error(in: scalar, at: offset, "'\(path)' is \(field.type.name); a gauge needs a number")
            return nil
        }
        let member = known.count > 1 ? [Self.member] : []
        return (
            Resolved(reference: NodeReference(role: parts[0], name: name), takes: query.takes + member, gives: query.gives),
            FieldKind(path, field.type, unit: field.unit)
        )
    }

    private func unknownRole(_ role: String, _ log: DiagnosticLog, _ place: SourceLocation) -> String {
        "no role '\(role)' under 'needs'" + log.hint(for: role, at: place, among: roleNames, "roles: ")
    }

    private static func types(of name: String, _ category: NameCategory, in kind: NodeKind) -> (takes: [FieldKind], gives: [FieldKind])? {
        switch category {
        case .action: kind.action(name).map { ($0.takes, $0.gives) }
        case .query: kind.query(name).map { ($0.takes, $0.gives) }
        case .fault: kind.fault(name).map { ($0.takes, $0.gives) }
        case .event: kind.event(name).map { ([], $0.fields) }
        }
    }

    private static func unknownName(
        _ name: String, _ category: NameCategory, _ role: String, _ kind: NodeKind, _ log: DiagnosticLog, _ place: SourceLocation
    ) -> String {
        if let other = NameCategory.allCases.first(where: { $0.names(of: kind).contains(name) }) {
            return "'\(role).\(name)' is \(other.withArticle), not \(category.withArticle)"
        }
        let names = category.names(of: kind)
        let what = role == kind.name ? role : "\(role) (kind \(kind.name))"
        let hint = log.hint(for: name, at: place, among: names, "\(category.plural): ", none: " (it has no \(category.plural))")
        return "\(what) has no \(category.rawValue) '\(name)'\(hint)"
    }
}
