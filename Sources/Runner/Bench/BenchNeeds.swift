package import LabCore
import Simulation

/// What a plan needs that the bench does not have, found before anything runs.
package enum BenchNeeds {
    /// - Parameter nodes: of lab.yaml.
    /// - Returns: the reason for skipping the case, such as `needs modem.sim.remove (no fixture of modem_1 offers it)`; `nil` where nothing is missing.
    package static func missing(for plan: Plan, nodes: [NamedNode], _ settings: BenchSettings) -> String? {
        let roster = Roster(nodes: nodes, roles: plan.roles) { settings.isReal($0, in: plan.world) }
        for role in plan.roles where settings.isReal(role, in: plan.world) {
            if role.count > 1 { return "needs \(role.count) real devices for '\(role.name)'; a bench has one for a role (--node \(role.name)=emu makes emulated ones)" }
            guard let node = roster.node(for: role), let side = node.hardware else {
                return "needs a real \(role.kind) for '\(role.name)'\(condition(of: role)): \(misfit(role, nodes, roster, plan)) (--node \(role.name)=emu makes an emulated one)"
            }
            if let missing = missing(at: role, node, side, plan) { return missing }
        }
        return nil
    }

    /// The nodes of the bench that a plan takes, in the order of its roles.
    package static func taken(by plan: Plan, nodes: [NamedNode], _ settings: BenchSettings) -> [(role: Role, node: NamedNode)] {
        let roster = Roster(nodes: nodes, roles: plan.roles) { settings.isReal($0, in: plan.world) }
        return plan.roles.compactMap { role in
            guard settings.isReal(role, in: plan.world), let node = roster.node(for: role) else { return nil }
            return (role, node)
        }
    }

    /// Why none of the nodes does: the one that is nearest, and what it has.
    private static func misfit(_ role: Role, _ nodes: [NamedNode], _ roster: Roster, _ plan: Plan) -> String {
        let real = nodes.filter { $0.kind == role.kind && $0.hardware != nil }
        guard !real.isEmpty else { return "lab.yaml has no \(role.kind) with hw" }
        let misfits = real.map { (node: $0, why: Roster.misfits($0, role)) }
        if let taken = misfits.first(where: \.why.isEmpty), let other = plan.roles.first(where: { roster.node(for: $0)?.name == taken.node.name }) {
            return "\(taken.node.name) of lab.yaml fits, and is taken by '\(other.name)' already"
        }
        guard let nearest = misfits.enumerated().min(by: { ($0.element.why.count, $0.offset) < ($1.element.why.count, $1.offset) })?.element else { return "" }
        return "no node of lab.yaml with hw fits; the nearest is \(nearest.node.name): \(nearest.why.joined(separator: ", "))"
    }

    private static func condition(of role: Role) -> String {
        role.facts.conditions.isEmpty ? "" : " with \(role.facts.conditions.map { "\($0)" }.joined(separator: ", "))"
    }

    private static func missing(at role: Role, _ node: NamedNode, _ side: HardwareSide, _ plan: Plan) -> String? {
        let facts = RealNode.facts(of: node, side)
        let bench = BenchVocabulary.published(for: role.kind, side)
        let drivers = BenchVocabulary.driver(of: role.kind, facts)
        let parts = [bench] + drivers
        if !drivers.isEmpty, let port = BenchVocabulary.driverPorts(of: role.kind, facts, node: node.name).first(where: { side.port($0) == nil }) {
            return "needs the \(port.rawValue) port of \(node.name): its hw in lab.yaml names none"
        }
        // What stands on the device itself: the cloud knows it by that.
        if role.kind == "pile", facts["protocol"]?.text != "ee66", facts["entered"]?.bool ?? true, facts["pile"] == nil {
            return "needs the id of \(node.name), which the cloud knows it by: write it as the fact 'pile' in lab.yaml"
        }
        let needs = PartNeeds(role: role.name, parts: parts, isOnline: !drivers.isEmpty)
        if let reference = needs.undoable(in: plan) { return "needs \(reference) (no driver, power or fixture of \(node.name) offers it)" }
        if let event = needs.unseen(in: plan) { return "needs to see \(event) (no driver or fixture of \(node.name) tells it)" }
        return nil
    }
}

/// What a plan wants of a node that the node's parts do not have: those of a real device, or of a twin, have less than the kind.
struct PartNeeds {
    let role: String
    let parts: [NodeKind]
    /// It has a way to the cloud, which faults can disturb.
    let isOnline: Bool

    /// The first action, query or fault that no part has.
    func undoable(in plan: Plan, besides others: [String] = []) -> NodeReference? {
        let way = isOnline ? (LinkFaults.kinds + HTTPFaults.kinds).map(\.name) : []
        return lacks(plan.namedActions, { $0.action($1) != nil }) ?? lacks(plan.namedQueries, { $0.query($1) != nil })
            ?? lacks(plan.namedFaults, { $0.fault($1) != nil }, besides: way + others)
    }

    /// The first event that no part tells.
    func unseen(in plan: Plan) -> NodeReference? {
        lacks(plan.namedEvents, { $0.event($1) != nil }, besides: PortVocabulary.events.map(\.name) + (isOnline ? HTTPFaults.events.map(\.name) : []))
    }

    private func lacks(_ references: [NodeReference], _ isThere: (NodeKind, String) -> Bool, besides others: [String] = []) -> NodeReference? {
        references.first { reference in
            reference.role == role && !others.contains(reference.name) && !parts.contains { isThere($0, reference.name) }
        }
    }
}
