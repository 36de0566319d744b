import LabCore

/// What a world reads off its plan.
extension Plan {
    /// What the scenario wants of its cloud.
    var cloudFacts: Fields {
        var facts: Fields = [:]
        for condition in roles.first(where: { $0.kind == "cloud" })?.facts.conditions ?? [] {
            if case .equals(.constant(let value)) = condition.test { facts[condition.field] = value }
        }
        return facts
    }

    /// It offers load, by steps or by probes.
    var hasLoads: Bool { !loads.isEmpty || metrics.contains { if case .probe = $0.source { true } else { false } } }

    /// The loads of its steps, those inside other steps included.
    var loads: [Step.Load] {
        (setup + steps + teardown).flatMap(\.unfolded).compactMap { step in if case .load(let load) = step.action { load } else { nil } }
    }
}
