package import LabCore

/// A device that lab.yaml names, with what is known about it.
package struct NamedNode: Sendable, Equatable {
    package var name: String
    package var kind: String
    package var facts: Fields
    package var abilities: [String]
    /// How the real device is reached; `nil` where the bench has none.
    package var hardware: HardwareSide?
    package var emulated: EmulatedSide?

    package init(
        name: String, kind: String, facts: Fields = [:], abilities: [String] = [], hardware: HardwareSide? = nil, emulated: EmulatedSide? = nil
    ) {
        self.name = name
        self.kind = kind
        self.facts = facts
        self.abilities = abilities
        self.hardware = hardware
        self.emulated = emulated
    }
}

/// Fills roles: those for one device with the nodes of lab.yaml in their order as long as they fit, all others with emulated
/// devices made for the role. Roles for real devices choose first, among the nodes that have a hardware side.
struct Roster {
    /// The named node behind each role that has one.
    private var named: [String: NamedNode] = [:]
    /// How many devices of each kind were made without a name.
    private var made: [String: Int] = [:]
    private var usedSerials: Set<String> = []

    /// - Parameter isReal: whether a role is to be filled by a real device.
    init(nodes: [NamedNode], roles: [Role], isReal: (Role) -> Bool = { _ in false }) {
        var free = nodes
        let single = roles.filter { $0.count == 1 }
        for (role, real) in single.filter(isReal).map({ ($0, true) }) + single.filter({ !isReal($0) }).map({ ($0, false) }) {
            guard let index = free.firstIndex(where: { (!real || $0.hardware != nil) && Self.fits($0, role) }) else { continue }
            let node = free.remove(at: index)
            named[role.name] = node
            if let serial = node.facts["serial_no"]?.text { usedSerials.insert(serial) }
        }
    }

    /// The node of lab.yaml that fills the role.
    func node(for role: Role) -> NamedNode? { named[role.name] }

    /// What is known about the next device for the role.
    ///
    /// - Throws: `no_device` if an emulated device cannot have a fact that the role asks for.
    mutating func facts(for role: Role) throws(ActionFailure) -> Fields {
        if let node = named[role.name] { return node.facts }
        var facts: Fields = ["serial_no": .text(nextSerial(of: role.kind))]
        for (written, condition) in zip(role.facts.conditions, Self.wanted(of: role).conditions) {
            guard case .equals(.constant(let value)) = condition.test else {
                if condition.test.holds(for: facts[condition.field]) { continue }
                throw ActionFailure(
                    "no_device", "No node of lab.yaml is a \(role.kind) with \(written) for the role '\(role.name)'; add one there.")
            }
            facts[condition.field] = value
        }
        return facts
    }

    /// The facts that a role asks for, as values: a list is written element by element.
    private static func wanted(of role: Role) -> Match { (try? role.facts.resolved(in: Scope([:]))) ?? role.facts }

    private static func fits(_ node: NamedNode, _ role: Role) -> Bool { node.kind == role.kind && misfits(node, role).isEmpty }

    /// What keeps a node of the role's kind from it: `ports = 2`, `no fact pile`, `cannot power`; empty where it fits.
    static func misfits(_ node: NamedNode, _ role: Role) -> [String] {
        let facts = wanted(of: role).differences(in: node.facts).map { field in
            node.facts.value(at: field).map { "\(field) = \($0)" } ?? "no fact \(field)"
        }
        let lacking = node.abilities.isEmpty ? [] : role.abilities.filter { !node.abilities.contains($0) }
        return facts + lacking.map { "cannot \($0)" }
    }

    /// `BDG-0001`, `BDG-0002`, … for badges, `QT_001`, … for modules; those of the named nodes that take part are left out.
    private mutating func nextSerial(of kind: String) -> String {
        while true {
            let number = (made[kind] ?? 0) + 1
            made[kind] = number
            let (prefix, width) = kind == "rg500q" ? ("QT_", 3) : ("BDG-", 4)
            let digits = String(number)
            let serial = prefix + String(repeating: "0", count: max(0, width - digits.count)) + digits
            if !usedSerials.contains(serial) { return serial }
        }
    }
}
