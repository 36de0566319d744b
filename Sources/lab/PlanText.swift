import LabCore

/// What a run would do, for `lab plan` and for plan.txt.
enum PlanText {
    static func pages(_ plans: [Plan]) -> [String] {
        plans.flatMap(\.page) + [closing(plans)]
    }

    /// `20 cells, at most 6 h 55 m of the run's clock`
    private static func closing(_ plans: [Plan]) -> String {
        let longest = plans.reduce(Duration.zero) { $0 + $1.deadline }
        let nanoseconds = longest.nanoseconds
        let time =
            longest < .seconds(1_000)
            ? DurationText.format(nanoseconds: nanoseconds) : FigureText.duration(nanoseconds: Double(nanoseconds))
        return "\(counted(plans.count, "cell")), at most \(time) of the run's clock"
    }
}

extension Plan {
    fileprivate var page: [String] {
        let title = cell.isEmpty ? scenario : "\(scenario) [\(cellText)]"
        var lines = ["\(title)  \(file)  deadline \(DurationText.format(nanoseconds: deadline.nanoseconds))"]
        for role in roles {
            let count = role.count > 1 ? " × \(role.count)" : ""
            let abilities = role.abilities.isEmpty ? "" : ", can \(role.abilities.joined(separator: ", "))"
            lines.append("  needs \(role.name): \(role.kind)\(count)\(abilities)\(role.facts.isEmpty ? "" : ", where \(role.facts)")")
        }
        for law in laws { lines.append("  law \(law.text): \(law.rule.line)") }
        for (phase, steps) in [("setup", setup), ("steps", steps), ("teardown", teardown)] where !steps.isEmpty {
            lines.append("  \(phase)")
            lines += steps.flatMap { $0.lines(indent: 4) }
        }
        for metric in metrics { lines.append("  metric \(metric.name): \(metric.line)") }
        for limit in limits {
            let name = limit.id == limit.requirement.source ? "" : "\(limit.id): "
            lines.append("  limit \(name)\(limit.demand)\(limit.minimumSamples.clause)")
        }
        return lines + [""]
    }

    var asValue: FieldValue {
        [
            "scenario": .text(scenario), "file": .text(file), "cell": .record(cell), "deadline_ns": .integer(deadline.nanoseconds),
            "needs": .list(roles.map { ["role": .text($0.name), "kind": .text($0.kind), "count": .integer(Int64($0.count))] }),
            "laws": .list(laws.map { .text($0.text) }), "setup": Self.steps(setup), "steps": Self.steps(steps),
            "teardown": Self.steps(teardown),
            "limits": .list(limits.map { .text($0.demand) }),
        ]
    }

    private static func steps(_ steps: [Step]) -> FieldValue { .list(steps.flatMap { $0.lines(indent: 0) }.map { .text($0) }) }
}

extension Step.Load {
    /// What it offers: `200/s poisson for 120s, 24000 items, the first 5s not counted`.
    fileprivate var offer: String {
        let line = rates.map { "\(FigureText.number($0))/s" }.joined(separator: " to ")
        var parts = ["\(line)\(arrivals == .poisson ? " poisson" : "") for \(duration)"]
        if writtenTime > .zero, let plan = try? arrivalPlan(over: writtenTime, seed: 1) {
            parts.append("\(arrivals == .poisson && count == nil ? "about " : "")\(plan.count) items")
        }
        if variants.count > 1 { parts.append("\(variants.count) kinds in turn") }
        if warmup > .zero { parts.append("the first \(FigureText.exact(warmup)) not counted") }
        return (parts + ["timeout \(FigureText.exact(timeout))"]).joined(separator: ", ")
    }
}

extension Metric {
    fileprivate var line: String {
        switch source {
        case .latency(let latency): "from \(latency.from) to \(latency.to)"
        case .gauge(let gauge): "gauge \(gauge.query) \(gauge.field), every \(FigureText.exact(gauge.every))"
        case .probe(let load): "probe \(load.target), \(load.rates.map { "\(FigureText.number($0))/s" }.joined(separator: " to ")), timeout \(FigureText.exact(load.timeout))"
        }
    }
}

extension Limit.MinimumSamples {
    fileprivate var clause: String {
        switch self {
        case .auto: ""
        case .strict: ", min-samples strict"
        case .count(let count): ", min-samples \(count)"
        }
    }
}

extension Law.Rule {
    fileprivate var line: String {
        switch self {
        case .forbid(let event, let condition): "no \(event)\(condition.clause)"
        case .oncePer(let event, let condition, let field): "\(event)\(condition.clause) once per \(field)"
        case .leadsTo(let event, let condition, let target, let same, let within):
            "\(event)\(condition.clause) leads to \(target)\(same.isEmpty ? "" : " with the same \(same.joined(separator: ", "))") within \(within)"
        case .balance(let left, let right): "\(left) equals \(right)"
        }
    }
}

extension Match {
    fileprivate var clause: String { isEmpty ? "" : " where \(self)" }
}

extension Step {
    fileprivate func lines(indent: Int) -> [String] {
        let space = String(repeating: " ", count: indent)
        func line(_ text: String) -> String { "\(space)\("\(location.line)".padded(to: 5))\(text)" }
        switch action {
        case .act(let act): return [line("do \(act.target) \(act.arguments)\(act.fails.map { " fails \($0)" } ?? "")")]
        case .expect(let expect):
            return [line("expect \(expect.event)\(expect.condition.clause)\(expect.within.map { " within \($0)" } ?? "")")]
        case .forbid(let forbid): return [line("forbid \(forbid.event)\(forbid.condition.clause) for \(forbid.duration)")]
        case .check(let check): return [line("check \(check.query) \(check.arguments) is \(check.condition)")]
        case .fault(let fault):
            let trigger =
                fault.trigger.map { " when \($0.event)\($0.condition.clause)\($0.nth > 1 ? " for the \($0.nth). time" : "")" } ?? ""
            return [line("fault \(fault.target) \(fault.arguments)\(trigger)\(fault.duration.map { " for \($0)" } ?? "")")]
        case .clear(let id): return [line("clear \(id)")]
        case .wait(let time): return [line("wait \(time)")]
        case .load(let load): return [line("load \(load.target)\(load.id.map { " \($0)" } ?? ""): \(load.offer)")]
        case .sequence(let turns): return turns.flatMap { turn in [line(turn.label)] + turn.steps.flatMap { $0.lines(indent: indent + 2) } }
        case .parallel(let branches):
            return [line("parallel")]
                + branches.enumerated().flatMap { index, steps in
                    ["\(space)  branch \(index + 1)"] + steps.flatMap { $0.lines(indent: indent + 4) }
                }
        }
    }
}
