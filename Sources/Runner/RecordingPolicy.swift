import LabCore

/// Which events go into the log: all, but for the traffic of loads and of large fleets that nobody asks for.
///
/// In a plan with loads, or with a role of more than 16 members, events of the volume `traffic` are counted instead of kept, unless the
/// scenario names them. The decision depends on the plan only, so that a run repeats.
struct RecordingPolicy {
    private static let largestKeptFleet = 16
    private var omitted: Set<String> = []

    init(plan: Plan, kinds: [NodeKind]) {
        guard plan.hasLoads || plan.roles.contains(where: { $0.count > Self.largestKeptFleet }) else { return }
        let present = kinds.filter { kind in plan.roles.contains { $0.kind == kind.name } }
        for event in present.flatMap(\.events) where event.volume == .traffic { omitted.insert(event.name) }
        // Only the name is looked at for each event, so a milestone that shares its name with traffic keeps both.
        for event in present.flatMap(\.events) where event.volume == .milestone { omitted.remove(event.name) }
        for reference in plan.namedEvents { omitted.remove(reference.name) }
    }

    func keeps(_ name: String) -> Bool { !omitted.contains(name) }

    /// `nil` where everything is kept.
    var filter: ((_ node: String, _ name: String) -> Bool)? {
        omitted.isEmpty ? nil : { [omitted] _, name in !omitted.contains(name) }
    }
}

extension Plan {
    /// Every event that the scenario names anywhere.
    var namedEvents: [NodeReference] {
        allSteps.flatMap(\.namedEvents) + metrics.flatMap(\.events)
            + laws.flatMap { law -> [NodeReference] in
                switch law.rule {
                case .forbid(let event, _), .oncePer(let event, _, _): [event]
                case .leadsTo(let event, _, let target, _, _): [event, target]
                case .balance(let left, let right): [left, right]
                }
            }
    }
}

extension Step {
    /// Its own; a step that only holds others names none.
    fileprivate var namedEvents: [NodeReference] {
        switch action {
        case .expect(let expect): [expect.event]
        case .forbid(let forbid): [forbid.event]
        case .fault(let fault): fault.trigger.map { [$0.event] } ?? []
        default: []
        }
    }
}
