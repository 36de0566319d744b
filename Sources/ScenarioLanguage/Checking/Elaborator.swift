import LabCore

/// What every scenario of one load shares.
struct CheckingContext {
    let catalogue: Catalogue
    let log: DiagnosticLog
    /// Places that the grammar has already complained about.
    let broken: Set<SourceLocation>
    let defaultDeadline: Duration
    let defaultWithin: Duration
    /// Factors for waiting, by world; 1 where there is none.
    let slack: [WorldKind: Double]
    /// Blocks by name that a file can use: its own and those of its imports.
    let blocks: [String: [String: Block]]
    /// Where files that steps name are read from.
    let files: any FileProvider
    let firmware: FirmwareSupply

    struct Block {
        var name: String
        var value: SourceValue
        /// The file in which it is written; names in it are looked up there.
        var home: String
    }
}

/// Makes the plan of one scenario, one world and one matrix cell, and complains about what does not fit the catalogue.
struct Elaborator {
    /// Steps of one plan, loops and blocks unfolded.
    static let maximumSteps = 10_000
    static let maximumBlockDepth = 16

    let context: CheckingContext
    let file: String
    let root: SourceValue
    let budget: Budget
    /// Names, and how values are typed with them.
    var values: ValueTyper
    var nodes = NodeResolver()
    /// Ids of steps that come before, by verb.
    var ids: [String: Verb] = [:]
    /// Every id of the run, so that none is given twice.
    var idHomes: [String: SourceLocation] = [:]
    /// Where ids are written in the steps that are being read, to tell "later" from "never".
    var idsSomewhere: [String: SourceLocation] = [:]
    var measurements = Measurements()
    var openBlocks: [String] = []
    var currentFile: String
    var stepCount = 0

    var log: DiagnosticLog { context.log }
    var matches: MatchTyper { MatchTyper(values) }

    init(_ context: CheckingContext, file: String, root: SourceValue, budget: Budget, files: PlanFiles, names: NameTable) {
        self.context = context
        self.file = file
        self.root = root
        self.budget = budget
        currentFile = file
        values = ValueTyper(log: context.log, budget: budget, names: names, files: files)
    }

    func isBroken(_ value: SourceValue) -> Bool { context.broken.contains(value.location) }

    // MARK: the plan

    /// - Returns: the plan; where errors were reported it lacks what they concern.
    mutating func plan(_ header: Plan) -> Plan {
        var plan = header
        plan.roles = roles()
        collectNames(in: ["setup", "steps", "teardown"].flatMap { root[$0]?.list ?? [] })
        // Laws hold from the first event on, so they know nothing that a step saves.
        plan.laws = (root["laws"]?.list ?? []).compactMap { law($0) }
        plan.setup = steps(root["setup"], path: "setup")
        // Gauges and probes begin with the first step, so they know what the setup saved.
        let namesOfMetrics = values.names
        plan.steps = steps(root["steps"], path: "steps")
        plan.teardown = steps(root["teardown"], path: "teardown")
        values.names = namesOfMetrics
        plan.metrics = (root["metrics"]?.record ?? []).compactMap { metric($0) }
        plan.explore = root["explore"].flatMap { explore($0) }
        return plan
    }

    mutating func roles() -> [Role] {
        var result: [Role] = []
        nodes.roleNames = (root["needs"]?.record ?? []).map(\.name)
        for entry in root["needs"]?.record ?? [] {
            nodes.roles[entry.name] = NodeResolver.KnownRole(kind: nil, count: 1)
            guard !isBroken(entry.value), let role = role(entry) else { continue }
            result.append(role)
        }
        return result
    }

    private mutating func role(_ entry: SourceValue.Entry) -> Role? {
        guard let written = entry.value["kind"], let kindName = written.scalar?.text else { return nil }
        guard let kind = context.catalogue.kind(kindName) else {
            log.error(at: written.location, context.catalogue.unknownKind(kindName, log, at: written.location))
            return nil
        }
        var count = 1
        if let written = entry.value["count"] {
            // Until the number is known, `member` may be named.
            nodes.roles[entry.name] = NodeResolver.KnownRole(kind: kind, count: 2)
            guard let value = values.constant(written, for: FieldKind("count", .integer))?.integer else { return nil }
            guard (1...100_000).contains(value) else {
                log.error(at: written.location, "\(value) for 'count' must be a whole number from 1 to 100000")
                return nil
            }
            count = Int(value)
        }
        nodes.roles[entry.name] = NodeResolver.KnownRole(kind: kind, count: count)
        let abilities = entry.value["can"]?.list ?? []
        for ability in abilities { checkAbility(ability, of: kind) }
        let facts = matches.match(entry.value["where"], on: kind.facts, of: kind.name)
        return Role(
            name: entry.name, kind: kindName, abilities: abilities.compactMap { $0.scalar?.text }, facts: facts ?? Match(), count: count,
            location: entry.location)
    }

    private func checkAbility(_ value: SourceValue, of kind: NodeKind) {
        guard let word = value.scalar?.text, !kind.abilities.contains(word) else { return }
        log.error(at: value.location, kind.unknownAbility(word, log, at: value.location))
    }

    /// Where names are saved and ids given in these steps, whatever branch or loop they are in.
    mutating func collectNames(in steps: [SourceValue]) {
        values.savedSomewhere = [:]
        idsSomewhere = [:]
        var waiting = steps
        while let step = waiting.popLast() {
            for entry in step["save"]?.record ?? [] { values.savedSomewhere[entry.name] = entry.location }
            if let id = step["id"], let word = id.scalar?.text { idsSomewhere[word] = id.location }
            waiting += step["steps"]?.list ?? []
            for branch in step["parallel"]?.list ?? [] { waiting += branch.list ?? [] }
        }
    }

    // MARK: laws, metrics, exploration

    private func law(_ value: SourceValue) -> Law? {
        guard !isBroken(value), let text = value["law"]?.scalar?.text, let rule = rule(value) else { return nil }
        return Law(text: text, location: value.location, rule: rule)
    }

    private func rule(_ value: SourceValue) -> Law.Rule? {
        if let pair = value["balance"]?.list {
            let sides = pair.compactMap { nodes.resolve($0, .event, values) }
            return sides.count == 2 ? .balance(sides[0].reference, sides[1].reference) : nil
        }
        guard let written = value["forbid"] ?? value["event"] else { return nil }
        let target = value["leads_to"].map { nodes.resolve($0, .event, values) }
        guard let event = nodes.resolve(written, .event, values) else { return nil }
        let owner = "\(event.reference)"
        let condition = matches.match(value["where"], on: event.gives, of: owner)
        if let field = value["once_per"] {
            guard checkField(field, of: event), let condition, let name = field.scalar?.text else { return nil }
            return .oncePer(event.reference, condition, field: name)
        }
        guard let target else { return condition.map { .forbid(event.reference, $0) } }
        let within = value["within"].flatMap { values.template($0, for: FieldKind("within", .duration)) }
        guard let target, let same = same(value["same"], event, target), let condition, let within else { return nil }
        return .leadsTo(event.reference, condition, to: target.reference, same: same, within: within)
    }

    func checkField(_ value: SourceValue, of event: NodeResolver.Resolved) -> Bool {
        guard let name = value.scalar?.text else { return false }
        if event.gives.field(at: name) != nil { return true }
        log.error(at: value.location, "\(event.reference) has no field '\(name)'\(event.gives.shownNames)")
        return false
    }

    /// Fields that both events have, with comparable values.
    func same(_ value: SourceValue?, _ first: NodeResolver.Resolved, _ second: NodeResolver.Resolved) -> [String]? {
        var result: [String] = []
        let written = value?.list ?? []
        for field in written {
            guard let name = field.scalar?.text, checkField(field, of: first), checkField(field, of: second),
                let left = first.gives.field(at: name)?.type, let right = second.gives.field(at: name)?.type else { continue }
            if left.accepts(right) {
                result.append(name)
            } else {
                log.error(at: field.location, "'\(name)' is \(left.name) in \(first.reference) and \(right.name) in \(second.reference)")
            }
        }
        return result.count == written.count ? result : nil
    }

    private func explore(_ value: SourceValue) -> Explore? {
        guard !isBroken(value) else { return nil }
        var explore = Explore()
        explore.moves = (value["moves"]?.record ?? []).compactMap { move($0) }
        explore.faults = (value["faults"]?.list ?? []).compactMap { explorableFault($0) }
        explore.counts = (value["counts"]?.list ?? []).compactMap { nodes.resolve($0, .event, values)?.reference }
        explore.reorders = value["reorder"]?.scalar?.text == "true"
        if let atMost = value["at_most"]?.scalar?.integer { explore.atMost = atMost }
        if let draws = value["draws"]?.scalar?.integer { explore.draws = draws }
        if let pauses = value["pauses"]?.list { explore.pauses = pauses.compactMap { $0.scalar?.text } }
        return explore
    }

    private func explorableFault(_ value: SourceValue) -> NodeReference? {
        guard let fault = nodes.resolve(value, .fault, values) else { return nil }
        if let needed = fault.takes.first(where: \.isRequired) {
            log.error(at: value.location, "\(fault.reference) needs '\(needed.name)': write it in a block, and the block under 'moves'")
            return nil
        }
        return fault.reference
    }

    /// What the values are is checked where the block uses them.
    private func move(_ entry: SourceValue.Entry) -> Explore.Move? {
        guard let block = context.blocks[currentFile]?[entry.name] else {
            log.error(at: entry.location, unknownBlock(entry.name, at: entry.location))
            return nil
        }
        let takes = (block.value["takes"]?.list ?? []).compactMap { $0.scalar?.text }
        let given = entry.value.record ?? []
        for choice in given where !takes.contains(choice.name) {
            log.error(at: choice.location, "block '\(entry.name)' takes no '\(choice.name)'" + log.hint(for: choice.name, at: choice.location, among: takes, "takes: ", none: ""))
        }
        for name in takes where !given.contains(where: { $0.name == name }) {
            log.error(at: entry.location, "block '\(entry.name)' takes '\(name)': give it a list of values to choose from")
        }
        return Explore.Move(
            block: entry.name,
            choices: given.map { Explore.Move.Choice(name: $0.name, values: ($0.value.list ?? []).map(\.flowText)) })
    }
}
