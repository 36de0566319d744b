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
        for plan in plans where plan.world != .hw {
            var roster = Roster(nodes: nodes, roles: plan.roles)
            for role in plan.roles {
                guard let problem = problem(of: role, &roster) else { continue }
                let diagnostic = Diagnostic(at: role.location, "role '\(role.name)': \(problem)")
                if !found.contains(diagnostic) { found.append(diagnostic) }
            }
        }
        return found
    }

    private static func problem(of role: Role, _ roster: inout Roster) -> String? {
        do throws(ActionFailure) {
            switch role.kind {
            case "pile": _ = try PileNode(node: role.count > 1 ? "\(role.name)#1" : role.name, facts: try roster.facts(for: role), epoch: 0).make()
            case "rg500q": _ = try ModuleSetup(facts: try roster.facts(for: role), epoch: 0)
            default: break
            }
            return nil
        } catch {
            // That no node of lab.yaml has a fact is told when somebody runs it: `lab check` has no bench to look at.
            guard error.reason == "bad_fact" else { return nil }
            return error.message.hasSuffix(".") ? String(error.message.dropLast()) : error.message
        }
    }
}
