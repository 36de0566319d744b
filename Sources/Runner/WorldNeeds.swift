import Emulators
package import LabCore

/// What a plan needs that its world does not have, found before anything runs.
package enum WorldNeeds {
    /// - Parameter nodes: of lab.yaml.
    /// - Returns: the reason for skipping the case, such as `needs the embedded broker (cloud.broker.packet.drop)`; `nil` where nothing
    ///   is missing.
    package static func missing(for plan: Plan, nodes: [NamedNode] = [], _ settings: RealSettings) -> String? {
        if let missing = missingTwin(for: plan, nodes, settings.bench) { return missing }
        guard plan.world != .sim else { return nil }
        if plan.needsRealPayments, settings.payments == nil { return "needs real payment services (payments in lab.yaml)" }
        return BenchNeeds.missing(for: plan, nodes: nodes, settings.bench) ?? missingBroker(for: plan, settings)
    }

    /// A twin has no model: it can be switched on and off, and what drives it does what it always does.
    private static func missingTwin(for plan: Plan, _ nodes: [NamedNode], _ bench: BenchSettings) -> String? {
        let isReal: (Role) -> Bool = { bench.isReal($0, in: plan.world) }
        let roster = Roster(nodes: nodes, roles: plan.roles, isReal: isReal)
        for role in plan.roles where !isReal(role) {
            guard let node = roster.node(for: role), node.emulated?.script != nil else { continue }
            let drivers = BenchVocabulary.driver(of: role.kind, node.facts)
            let needs = PartNeeds(role: role.name, parts: [TwinModule.kind] + drivers, isOnline: !drivers.isEmpty)
            if let reference = needs.undoable(in: plan, besides: [BenchVocabulary.powerCut]) { return "needs \(reference) (\(node.name) is a twin: it answers as its recording does)" }
            if let event = needs.unseen(in: plan) { return "needs to see \(event) (\(node.name) is a twin, and tells what its port and its driver show)" }
        }
        return nil
    }

    private static func missingBroker(for plan: Plan, _ settings: RealSettings) -> String? {
        guard settings.broker != .embedded else { return nil }
        let clouds = plan.roles.filter { $0.kind == "cloud" }.map(\.name)
        func first(_ references: [NodeReference], _ isMeant: (String) -> Bool) -> NodeReference? {
            references.first { clouds.contains($0.role) && isMeant($0.name) }
        }
        let needed = first(plan.namedFaults) { $0.hasPrefix("broker.packet.") } ?? first(plan.namedEvents) { embeddedEvents.contains($0) }
        if let needed { return "needs the embedded broker (\(needed))" }
        guard case .external = settings.broker, let restart = first(plan.namedActions + plan.namedFaults, { $0 == "broker.restart" }) else { return nil }
        return "needs a broker that the lab starts (\(restart))"
    }

    /// What only the broker itself can tell: it cannot be read off the packets that pass the gateway.
    private static let embeddedEvents: Set<String> = [
        "broker.fault", "broker.will_published", "broker.dropped", "broker.session_expired", "broker.subscription_revoked", "broker.publish_refused",
    ]
}

extension Plan {
    /// Every fault that the scenario names anywhere.
    var namedFaults: [NodeReference] {
        allSteps.compactMap { step in if case .fault(let fault) = step.action { fault.target } else { nil } }
    }

    /// Every action that the scenario names anywhere.
    var namedActions: [NodeReference] {
        allSteps.compactMap { step in if case .act(let act) = step.action { act.target } else { nil } }
    }

    /// Every query that the scenario names anywhere.
    var namedQueries: [NodeReference] {
        allSteps.compactMap { step in if case .check(let check) = step.action { check.query } else { nil } }
            + metrics.compactMap { metric in if case .gauge(let gauge) = metric.source { gauge.query } else { nil } }
    }
}
