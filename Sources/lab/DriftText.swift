import Emulators
import LabCore
import Reports
import Runner

/// What `lab show` says of drift: `drift  modem  none in 214 commands  module-register`.
enum DriftText {
    /// One line for each module and each board of a pile of each case, or all of its disagreements.
    static func lines(of cases: [StoredCase], all: Bool) -> [String] {
        cases.flatMap { stored in
            stored.plan.roles.filter { ["rg500q", "pile"].contains($0.kind) && $0.count == 1 }.flatMap { lines(of: $0, in: stored, all: all) }
        }
    }

    private static func lines(of role: Role, in stored: StoredCase, all: Bool) -> [String] {
        let head = "drift   \(VisibleText.clean(role.name))  "
        let report: DriftReport
        let compare = role.kind == "pile" ? PileDrift.report : ModuleDrift.report
        do throws(ActionFailure) { report = try compare(stored.events, role.name, facts(of: role, in: stored), 0) } catch {
            return [head + VisibleText.clean("not compared: \(error.message)")]
        }
        guard report.commands > 0 else { return [] }
        let count = "\(report.commands) command\(report.commands == 1 ? "" : "s")"
        guard let first = report.drifts.first else { return [head + "none in \(count)  \(stored.name)"] }
        let shown = all ? report.drifts : [first]
        let more = report.drifts.count > shown.count ? "  (\(report.drifts.count) in \(count); --drift shows all)" : ""
        return shown.flatMap { drift in
            [
                head + VisibleText.clean("event \(drift.sequence) at \(drift.at): \(drift.command): \(drift.what) differs  \(stored.name)") + more,
                VisibleText.clean("        device  \(drift.device)"), VisibleText.clean("        model   \(drift.model)"),
            ]
        }
    }

    /// What is known of the device behind the role: the node of lab.yaml that fits, else what the scenario asks for.
    private static func facts(of role: Role, in stored: StoredCase) -> Fields {
        if let node = stored.nodes.first(where: { $0.kind == role.kind && role.facts.holds(for: $0.facts) }) { return node.facts }
        var facts = Fields()
        for condition in role.facts.conditions {
            if case .equals(.constant(let value)) = condition.test { facts[condition.field] = value }
        }
        return facts
    }
}
