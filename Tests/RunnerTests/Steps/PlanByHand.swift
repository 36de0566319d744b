import LabCore

/// Plans as values, without YAML: each function is a verb. Steps are numbered by their place, as the checker does.

func act(_ target: String, _ arguments: Fields = [:], id: String? = nil, save: KeyValuePairs<String, String> = [:], fails: Match? = nil) -> Step.Action {
    .act(Step.Act(target: reference(target), arguments: template(arguments), id: id, saves: saves(save), fails: fails))
}

func expect(
    _ event: String, _ condition: Match = Match(), within: String? = nil, count: Match.Test? = nil, after: String? = nil, id: String? = nil,
    save: KeyValuePairs<String, String> = [:]
) -> Step.Action {
    .expect(
        Step.Expect(
            event: reference(event), condition: condition, within: within.map { .constant(.text($0)) }, count: count, after: after, id: id,
            saves: saves(save)))
}

func forbid(_ event: String, _ condition: Match = Match(), for duration: String) -> Step.Action {
    .forbid(Step.Forbid(event: reference(event), condition: condition, duration: .constant(.text(duration))))
}

func check(_ query: String, _ arguments: Fields = [:], is condition: Match, within: String? = nil) -> Step.Action {
    .check(Step.Check(query: reference(query), arguments: template(arguments), condition: condition, within: within.map { .constant(.text($0)) }))
}

func fault(_ target: String, _ arguments: Fields = [:], when: Step.Trigger? = nil, for duration: String? = nil, id: String? = nil) -> Step.Action {
    .fault(
        Step.Fault(
            target: reference(target), arguments: template(arguments), trigger: when, duration: duration.map { .constant(.text($0)) }, id: id))
}

func when(_ event: String, _ condition: Match = Match(), nth: Int = 1) -> Step.Trigger {
    Step.Trigger(event: reference(event), condition: condition, nth: nth)
}

func wait(_ duration: String) -> Step.Action { .wait(.constant(.text(duration))) }

func parallel(_ branches: [Step.Action]...) -> Step.Action {
    .parallel(branches.enumerated().map { numbered($1, "parallel.\($0 + 1)") })
}

/// `loop: {name: [values]}`
func loop(_ name: String, _ values: [FieldValue], _ actions: Step.Action...) -> Step.Action {
    .sequence(
        values.enumerated().map { index, value in
            Step.Turn(
                label: "\(name)=\(value)", bindings: [Template.Member(name: name, value: .constant(value))], isIsolated: false,
                steps: numbered(actions, "loop.\(index + 1)"))
        })
}

/// `use: name` with what it takes and what of it is saved (outer name: inner name).
func use(_ name: String, with: [Template.Member] = [], save: KeyValuePairs<String, String> = [:], _ actions: Step.Action...) -> Step.Action {
    .sequence([Step.Turn(label: "use \(name)", bindings: with, isIsolated: true, steps: numbered(actions, "use"), saves: saves(save))])
}

func numbered(_ actions: [Step.Action], _ path: String) -> [Step] {
    actions.enumerated().map { index, action in
        let own = "\(path).\(index + 1)"
        return Step(location: place(index + 10), path: own, action: prefixed(action, own))
    }
}

private func prefixed(_ action: Step.Action, _ path: String) -> Step.Action {
    func moved(_ steps: [Step]) -> [Step] {
        steps.map { step in
            let own = "\(path).\(step.path)"
            return Step(location: step.location, path: own, action: prefixed(step.action, path))
        }
    }
    switch action {
    case .sequence(let turns):
        return .sequence(turns.map { turn in
            Step.Turn(label: turn.label, bindings: turn.bindings, isIsolated: turn.isIsolated, steps: moved(turn.steps), saves: turn.saves)
        })
    case .parallel(let branches): return .parallel(branches.map(moved))
    default: return action
    }
}

func plan(
    setup: [Step.Action] = [], _ steps: Step.Action..., teardown: [Step.Action] = [], laws: [Law] = [], variables: Fields = [:],
    deadline: Duration = .seconds(300), limits: [Limit] = []
) -> Plan {
    Plan(
        scenario: "test/one", file: "scenarios/test/one.yaml", about: "A test.", seed: 7, deadline: deadline, variables: variables, laws: laws,
        setup: numbered(setup, "setup"), steps: numbered(steps, "steps"), teardown: numbered(teardown, "teardown"), limits: limits)
}

// MARK: parts

func reference(_ text: String) -> NodeReference {
    let dot = text.firstIndex(of: ".") ?? text.startIndex
    return NodeReference(role: String(text[..<dot]), name: String(text[text.index(after: dot)...]))
}

func place(_ line: Int) -> SourceLocation { SourceLocation(file: "scenarios/test/one.yaml", line: line, column: 5) }

/// `{field: value}`
func whose(_ field: String, _ value: FieldValue) -> Match { Match([Match.Condition(field: field, test: .equals(.constant(value)))]) }

/// `{field: "${name}"}`
func whose(_ field: String, isNamed name: String) -> Match {
    Match([Match.Condition(field: field, test: .equals(.expression(.name(name))))])
}

func whose(_ field: String, _ operation: Match.Operator, _ operand: FieldValue) -> Match {
    Match([Match.Condition(field: field, test: .operators([Match.Operation(operation, .constant(operand))]))])
}

func atLeast(_ count: Int64) -> Match.Test { .operators([Match.Operation(.ge, .constant(.integer(count)))]) }

func exactly(_ count: Int64) -> Match.Test { .equals(.constant(.integer(count))) }

/// Texts such as `${name}` become expressions, all else is constant.
func template(_ fields: Fields) -> Template {
    .record(
        fields.map { entry in
            guard let text = entry.value.text, text.hasPrefix("${"), text.hasSuffix("}") else {
                return Template.Member(name: entry.name, value: .constant(entry.value))
            }
            return Template.Member(name: entry.name, value: .expression(.name(String(text.dropFirst(2).dropLast()))))
        })
}

func member(_ name: String, _ value: FieldValue) -> Template.Member { Template.Member(name: name, value: .constant(value)) }

private func saves(_ pairs: KeyValuePairs<String, String>) -> [Step.Save] { pairs.map { Step.Save(variable: $0.key, field: $0.value) } }

func law(_ rule: Law.Rule, _ text: String = "a law") -> Law { Law(text: text, location: place(3), rule: rule) }
