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

    /// The cloud is to use the payment services of lab.yaml.
    package var needsRealPayments: Bool { cloudFacts["payments"]?.text == "real" }

    /// It offers load, by steps or by probes.
    var hasLoads: Bool { !loads.isEmpty || metrics.contains { if case .probe = $0.source { true } else { false } } }

    /// Roles that a load asks something of, and that no other step does anything to.
    var untouchedRoles: Set<String> {
        let loaded = loads.map(\.target.role) + stand.map(\.name)
        return Set(loaded).subtracting(namedActions.map(\.role)).subtracting(["cloud"])
    }

    /// Piles for a crowd of riders, where the scenario has none of its own.
    var stand: [Role] {
        let crowds = loads.filter { $0.target.name == "order.create" && $0.arguments.names("users") && !$0.arguments.names("pile") }
        guard !crowds.isEmpty, !roles.contains(where: { $0.kind == "pile" }) else { return [] }
        // An order holds its port for a minute and a half.
        let busiest = crowds.reduce(0) { $0 + ($1.rates.max() ?? 0) }
        let piles = Int((busiest * 100 / Double(Self.portsOfStand)).rounded(.up)) + 1
        var role = Role(name: "stand", kind: "pile", count: min(piles, 5_000), location: SourceLocation(file: file, line: 1, column: 1))
        role.facts = Match([
            Match.Condition(field: "pile", test: .equals(.constant("04f00000"))),
            Match.Condition(field: "ports", test: .equals(.constant(.integer(Int64(Self.portsOfStand))))),
            Match.Condition(field: "keep_alive", test: .equals(.constant(.bool(false)))),
            Match.Condition(field: "metered", test: .equals(.constant(.bool(false)))),
        ])
        return [role]
    }

    private static let portsOfStand = 10

    /// The loads of its steps, those inside other steps included.
    var loads: [Step.Load] {
        allSteps.compactMap { step in if case .load(let load) = step.action { load } else { nil } }
    }
}

extension Role {
    /// Members of a fleet up to this number have sockets where time is real: `over_tcp`, or all.
    var membersOverTCP: Int {
        guard let condition = facts.conditions.first(where: { $0.field == "over_tcp" }), case .equals(.constant(let value)) = condition.test,
            let number = value.integer
        else { return .max }
        return Int(clamping: max(0, number))
    }
}

extension Template {
    /// It is a record with this field.
    fileprivate func names(_ field: String) -> Bool {
        if case .record(let members) = self { members.contains { $0.name == field } } else { false }
    }
}
