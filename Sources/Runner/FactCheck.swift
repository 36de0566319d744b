import Emulators
package import LabCore

/// Finds before a run what would keep emulated devices from being made: facts that are typed right and cannot be.
///
/// The types of facts are the checker's; that a pile of BKV has a number of 14 digits only its emulator knows.
package enum FactCheck {
    /// What is wrong with the roles of plans, each once, at the role's place.
    ///
    /// - Parameter nodes: of lab.yaml; they fill roles before emulated devices are made.
    package static func diagnostics(of plans: [Plan], nodes: [NamedNode]) -> [Diagnostic] {
        var found: [Diagnostic] = []
        func add(_ diagnostic: Diagnostic) { if !found.contains(diagnostic) { found.append(diagnostic) } }
        for plan in plans {
            payments(of: plan).map(add)
            guard plan.world != .hw else { continue }
            var roster = Roster(nodes: nodes, roles: plan.roles)
            // What a node of lab.yaml has is told at its own place.
            for role in plan.roles where roster.node(for: role) == nil {
                guard let problem = problem(of: role, &roster) else { continue }
                add(Diagnostic(at: role.location, "role '\(role.name)': \(problem)"))
            }
        }
        return found
    }

    /// Real money has real time, and one payment service at a time.
    private static func payments(of plan: Plan) -> Diagnostic? {
        guard plan.needsRealPayments, let cloud = plan.roles.first(where: { $0.kind == "cloud" }) else { return nil }
        if plan.world == .sim { return Diagnostic(at: cloud.location, "role '\(cloud.name)': real payment services need real time: write fidelity: [emu, hw]") }
        guard let emulated = plan.roles.first(where: { $0.kind == "payments" }) else { return nil }
        return Diagnostic(at: emulated.location, "role '\(emulated.name)': an emulated payment service has no part where the cloud uses real ones")
    }

    /// What is wrong with a node of lab.yaml, real or not; `nil` where a device can be made of it.
    package static func problem(of node: NamedNode) -> String? {
        if node.kind == "pile", node.facts["line"] == "tcp", node.hardware?.port(.serial) != nil {
            return "its line is tcp, and its hw names a serial port: a real pile is driven through that port; leave the fact 'line' out"
        }
        let facts = node.hardware.map { RealNode.facts(of: node, $0) } ?? node.facts
        return problem { () throws(ActionFailure) in try make(node.kind, node.name, facts) }
    }

    private static func problem(of role: Role, _ roster: inout Roster) -> String? {
        problem { () throws(ActionFailure) in try make(role.kind, role.count > 1 ? "\(role.name)#1" : role.name, try roster.facts(for: role)) }
    }

    private static func make(_ kind: String, _ name: String, _ facts: Fields) throws(ActionFailure) {
        switch kind {
        case "pile": _ = try PileNode(node: name, facts: facts, epoch: 0).make()
        case "badge": if let number = facts["over_tcp"]?.integer, number < 0 { throw ActionFailure("bad_fact", "over_tcp is a number of devices, 0 or more.") }
        case "rg500q": _ = try ModuleSetup(facts: facts, epoch: 0)
        default: break
        }
    }

    private static func problem(_ making: () throws(ActionFailure) -> Void) -> String? {
        do throws(ActionFailure) {
            try making()
            return nil
        } catch {
            // That no node of lab.yaml has a fact is told when somebody runs it: `lab check` has no bench to look at.
            guard error.reason == "bad_fact" else { return nil }
            return error.message.hasSuffix(".") ? String(error.message.dropLast()) : error.message
        }
    }
}
