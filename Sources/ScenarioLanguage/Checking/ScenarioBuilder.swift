import LabCore

/// One file to one scenario: the values of its variables in each world, the cells of its matrix, a plan for each.
struct ScenarioBuilder {
    static let maximumCells = 1_000
    /// What the steps themselves may take beside the times that they wait for.
    private static let timeForSteps = Duration.seconds(60)

    private let context: CheckingContext
    private let file: String
    private let root: SourceValue
    private let budget = Budget()
    private let files: PlanFiles
    private var log: DiagnosticLog { context.log }

    init(_ context: CheckingContext, file: String, root: SourceValue) {
        self.context = context
        self.file = file
        self.root = root
        files = PlanFiles(context.files)
    }

    /// - Returns: `nil` for a file that holds only blocks. Where errors were reported, the scenario lacks what they concern.
    func build() -> Scenario? {
        checkBlocks()
        guard root["steps"] != nil else { return nil }
        let fidelity = fidelity
        let worldsDiffer = (root["vars"]?.record ?? []).contains { worldValues($0.value) != nil }
        var plansByWorld: [WorldKind: [Plan]] = [:]
        var limits: [CheckedLimit]?
        for world in fidelity {
            // Where nothing else tells worlds apart, slack stretches what was made without.
            if !worldsDiffer, let first = fidelity.first, slack(in: first) == 1, let plans = plansByWorld[first] {
                plansByWorld[world] = plans.map { plan in
                    var plan = plan
                    plan.world = world
                    plan.slack = slack(in: world)
                    plan.deadline = plan.stretched(plan.deadline)
                    return plan
                }
            } else {
                plansByWorld[world] = plans(in: world, &limits)
            }
        }
        // All cells share the files of the scenario; their bytes are there once.
        let files = files.taken
        if !files.isEmpty { plansByWorld = plansByWorld.mapValues { plans in plans.map { $0.with(files) } } }
        return Scenario(plansByWorld: plansByWorld, fidelity: fidelity)
    }

    private var fidelity: [WorldKind] {
        let written = (root["fidelity"]?.list ?? []).compactMap { $0.scalar.flatMap { WorldKind(rawValue: $0.text) } }
        return written.isEmpty ? WorldKind.allCases : WorldKind.allCases.filter(written.contains)
    }

    /// Blocks on their own: with what they are given unknown, and in a file without `needs` the roles too.
    private func checkBlocks() {
        var names = NameTable()
        for entry in (root["vars"]?.record ?? []) + (root["matrix"]?.record ?? []) { names[entry.name] = .unknown }
        for entry in root["blocks"]?.record ?? [] where !context.broken.contains(entry.value.location) {
            var elaborator = Elaborator(context, file: file, root: root, budget: budget, files: files, names: names)
            _ = elaborator.roles()
            elaborator.nodes.allowsUnknownRoles = root["needs"] == nil
            let takes = (entry.value["takes"]?.list ?? []).compactMap { $0.scalar?.text }
            let unknown = takes.map { Elaborator.Bound(name: $0, binding: .unknown, template: .record([])) }
            _ = elaborator.unfold(.init(name: entry.name, value: entry.value, home: file), with: unknown, path: "block")
        }
    }

    // MARK: worlds and cells

    private func plans(in world: WorldKind, _ limits: inout [CheckedLimit]?) -> [Plan] {
        var values = ValueTyper(log: log, budget: budget, names: NameTable())
        let variables = bindVariables(in: world, &values)
        let axes = bindMatrix(&values)
        guard let cells = Combinations.all(axes, atMost: Self.maximumCells) else {
            log.error(at: root["matrix"]?.location ?? root.location, "the matrix has more than \(Self.maximumCells) cells")
            return []
        }
        var result: [Plan] = []
        for cell in cells {
            guard !budget.isExhausted else { break }
            var names = values.names
            var fields = Fields()
            for (axis, value) in zip(axes, cell) {
                names[axis.name] = .constant(value)
                fields[axis.name] = ValueTyper.natural(value)
            }
            var elaborator = Elaborator(context, file: file, root: root, budget: budget, files: files, names: names)
            var plan = elaborator.plan(header(world, fields, variables.merging(fields)))
            // With names of variables in them they differ from cell to cell.
            let known = limits ?? self.limits(elaborator.measurements, elaborator.values)
            if !hasNamesInLimits { limits = known }
            plan.limits = known.map(\.limit)
            // A scenario that says nothing of its deadline must have the time for what it says that it waits for.
            let written = plan.stretched(plan.writtenTime)
            if root["deadline"] == nil, written > plan.deadline { plan.deadline = written + plan.stretched(Self.timeForSteps) }
            checkDeadline(of: plan)
            let reach = SampleReach(log: log, plan: plan, budget: budget)
            for limit in known { reach.check(limit) }
            result.append(plan.withProbes())
        }
        return result
    }

    /// A load that the deadline cuts off measures less than was asked for.
    private func checkDeadline(of plan: Plan) {
        for step in plan.allSteps {
            guard case .load(let load) = step.action, load.writtenTime > plan.deadline else { continue }
            let (time, deadline) = (DurationText.format(nanoseconds: load.writtenTime.nanoseconds), DurationText.format(nanoseconds: plan.deadline.nanoseconds))
            log.error(at: step.location, "a load of \(time) does not fit into the deadline of \(deadline); lengthen the deadline, or shorten the load")
        }
    }

    private func limits(_ measurements: Measurements, _ values: ValueTyper) -> [CheckedLimit] {
        let checker = LimitChecker(log: log, measurements: measurements)
        checkNames(root["limits"]?.list ?? [])
        return (root["limits"]?.list ?? []).filter { !context.broken.contains($0.location) }.compactMap { limit in
            values.substituted(limit).flatMap(checker.limit)
        }
    }

    /// Reports, histories and baselines know an objective by its id.
    private func checkNames(_ limits: [SourceValue]) {
        var first: [String: SourceLocation] = [:]
        for id in limits.compactMap({ $0["id"] }) {
            guard let text = id.scalar?.text else { continue }
            if let other = first[text] {
                log.error(at: id.location, "two objectives are called '\(text)', here and in line \(other.line); give each an id of its own")
            } else {
                first[text] = id.location
            }
        }
    }

    private func slack(in world: WorldKind) -> Double { context.slack[world] ?? 1 }

    private var hasNamesInLimits: Bool { root["limits"]?.holdsTemplate ?? false }

    private func header(_ world: WorldKind, _ cell: Fields, _ variables: Fields) -> Plan {
        let deadline = root["deadline"]?.scalar.flatMap { DurationText.parse($0.text) }
        var plan = Plan(
            scenario: FilePath.scenarioName(file), file: file, about: root["about"]?.scalar?.text ?? "",
            tags: (root["tags"]?.list ?? []).compactMap { $0.scalar?.text }, world: world, cell: cell,
            deadline: deadline.map { .nanoseconds($0) } ?? context.defaultDeadline, defaultWithin: context.defaultWithin,
            slack: slack(in: world), variables: variables)
        plan.deadline = plan.stretched(plan.deadline)
        plan.firmware = context.firmware
        return plan
    }

    /// `{sim: …, emu: …, hw: …}`: a record with no other keys than worlds.
    private func worldValues(_ value: SourceValue) -> [SourceValue.Entry]? {
        guard let entries = value.record, !entries.isEmpty, entries.allSatisfy({ WorldKind(rawValue: $0.name) != nil }) else { return nil }
        return entries
    }

    private func bindVariables(in world: WorldKind, _ values: inout ValueTyper) -> Fields {
        var fields = Fields()
        for entry in root["vars"]?.record ?? [] {
            var written = entry.value
            values.names[entry.name] = .unknown
            if let choices = worldValues(entry.value) {
                guard let choice = choices.first(where: { $0.name == world.rawValue }) else {
                    let has = choices.map(\.name).joined(separator: ", ")
                    log.error(
                        at: entry.location,
                        "'\(entry.name)' has no value for \(world.rawValue) (has: \(has)); add one, or leave \(world.rawValue) out of 'fidelity'")
                    continue
                }
                written = choice.value
            }
            values.names[entry.name] = nil
            if let value = values.substituted(written) {
                values.names[entry.name] = .constant(value)
                fields[entry.name] = ValueTyper.natural(value)
            } else {
                values.names[entry.name] = .unknown
            }
        }
        return fields
    }

    private func bindMatrix(_ values: inout ValueTyper) -> [(name: String, values: [SourceValue])] {
        var axes: [(name: String, values: [SourceValue])] = []
        for entry in root["matrix"]?.record ?? [] {
            if values.names[entry.name] != nil { log.error(at: entry.location, "'\(entry.name)' is also under 'vars'; names are given once") }
            let items = entry.value.list ?? []
            let filled = items.compactMap { values.substituted($0) }
            if filled.count == items.count, !items.isEmpty { axes.append((entry.name, filled)) }
            values.names[entry.name] = .unknown
        }
        return axes
    }
}

extension Plan {
    fileprivate func with(_ files: [PlanFile]) -> Plan {
        var plan = self
        plan.files = files
        return plan
    }
}

extension SourceValue {
    /// Some text in it has `${…}`.
    fileprivate var holdsTemplate: Bool {
        switch content {
        case .scalar(let scalar): ScalarShape.hasTemplate(scalar)
        case .list(let items): items.contains(where: \.holdsTemplate)
        case .record(let entries): entries.contains { $0.value.holdsTemplate }
        }
    }
}
