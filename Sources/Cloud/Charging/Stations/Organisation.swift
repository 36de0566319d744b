/// What a node of the tree is (charging-platform.md 1.3: 运营商 → 区域 → 站点 → 设备 → 端口; the last two are piles and ports).
package enum OrganisationKind: String, Sendable, CaseIterable {
    /// A company with piles: the tenant of everything below it.
    case company = "operator"
    case region, site
}

/// An operator, a region or a site.
package struct Organisation: Sendable, Equatable {
    /// The operator's code, and below it the operator's and its own: `acme`, `acme.depot`. So no operator can take, or find
    /// out about, another one's codes.
    package var id: String
    package var operatorID: String
    package var kind: OrganisationKind
    package var name: String
    /// `nil` for an operator.
    package var parent: String?
    /// Minutes of civil time ahead of UTC; of sites, and what sites below begin with.
    package var utcOffset: Int
    package var address: String?
    /// Of a site, for maps.
    package var place: GeoPoint?
    /// Unix milliseconds.
    package var createdAt: Int64

    package init(
        id: String, operatorID: String, kind: OrganisationKind, name: String, parent: String?, utcOffset: Int = 480, address: String? = nil,
        createdAt: Int64 = 0
    ) {
        self.id = id
        self.operatorID = operatorID
        self.kind = kind
        self.name = name
        self.parent = parent
        self.utcOffset = utcOffset
        self.address = address
        self.createdAt = createdAt
    }

    package static let codeRule = "a code is 1 to 32 characters of A-Z, a-z, 0-9, '-' and '_'"
    package static func isCode(_ text: String) -> Bool {
        (1...32).contains(text.utf8.count) && text.utf8.allSatisfy(Characters.isBase64URL)
    }
}

/// All organisations, from operators down to sites. Small enough to be asked at every request.
package struct OrganisationTree: Sendable {
    /// Levels below an operator; a bound for every walk upwards.
    package static let maximumDepth = 8
    private var organisations: [String: Organisation] = [:]
    private var children: [String: [String]] = [:]

    package init() {}

    package subscript(id: String) -> Organisation? { organisations[id] }
    package var count: Int { organisations.count }

    package mutating func put(_ organisation: Organisation) {
        if let old = organisations[organisation.id]?.parent { children[old]?.removeAll { $0 == organisation.id } }
        organisations[organisation.id] = organisation
        if let parent = organisation.parent { children[parent, default: []].append(organisation.id) }
    }

    /// The organisation and what it lies in, upwards; empty for an unknown one.
    package func line(from id: String) -> [Organisation] {
        var line: [Organisation] = []
        var next: String? = id
        while let current = next.flatMap({ organisations[$0] }), line.count <= Self.maximumDepth {
            line.append(current)
            next = current.parent
        }
        return line
    }

    package func isWithin(_ id: String, _ root: String) -> Bool { line(from: id).contains { $0.id == root } }

    /// The organisation and everything below it, in the order of the ids.
    package func subtree(of root: String) -> [Organisation] {
        guard let first = organisations[root] else { return [] }
        var found = [first]
        var position = 0
        while position < found.count {
            found += (children[found[position].id] ?? []).compactMap { organisations[$0] }
            position += 1
        }
        return found.sorted { $0.id < $1.id }
    }

    package var all: [Organisation] { organisations.values.sorted { $0.id < $1.id } }

    /// Whether an organisation of the kind may lie below the parent; says why not.
    package func refusal(of kind: OrganisationKind, below parent: String?) -> String? {
        guard let parent else { return kind == .company ? nil : "A \(kind.rawValue) lies below an operator or a region." }
        if kind == .company { return "An operator lies below nothing." }
        guard let above = organisations[parent] else { return "There is no organisation '\(parent)'." }
        if above.kind == .site { return "Nothing but piles lies below a site." }
        return line(from: parent).count >= Self.maximumDepth ? "The tree has at most \(Self.maximumDepth) levels." : nil
    }
}
