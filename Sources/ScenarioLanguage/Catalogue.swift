package import LabCore

/// The node kinds that scenarios can name: what `lab describe` knows and the checker types with.
package struct Catalogue: Sendable {
    /// Sorted by name.
    package let kinds: [NodeKind]

    package init(_ kinds: [NodeKind]) { self.kinds = kinds.sorted { $0.name < $1.name } }

    package func kind(_ name: String) -> NodeKind? { kinds.first { $0.name == name } }

    func unknownKind(_ name: String, _ log: DiagnosticLog, at place: SourceLocation) -> String {
        "unknown kind '\(name)'" + log.hint(for: name, at: place, among: kinds.map(\.name), "kinds: ")
    }
}

extension NodeKind {
    func unknownAbility(_ word: String, _ log: DiagnosticLog, at place: SourceLocation) -> String {
        "\(name) has no ability '\(word)'" + log.hint(for: word, at: place, among: abilities, "abilities: ", none: " (it has no abilities)")
    }
}

/// Four kinds of names that a node publishes.
enum NameCategory: String, CaseIterable, Sendable {
    case action, event, query, fault

    func names(of kind: NodeKind) -> [String] {
        switch self {
        case .action: kind.actions.map(\.name)
        case .event: kind.events.map(\.name)
        case .query: kind.queries.map(\.name)
        case .fault: kind.faults.map(\.name)
        }
    }

    /// `an action`, `a fault`.
    var withArticle: String { self == .action || self == .event ? "an \(rawValue)" : "a \(rawValue)" }
    var plural: String { self == .query ? "queries" : rawValue + "s" }
}
