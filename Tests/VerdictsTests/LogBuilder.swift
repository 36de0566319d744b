import LabCore

/// Writes a log by hand, in the form that the runner writes (LabEvents), with times in milliseconds.
struct LogBuilder {
    private(set) var events: [RunEvent] = []
    private var now: Int64 = 0

    init(scenario: String = "badge/register") {
        note("run.started", ["scenario": .text(scenario), "file": "scenarios/badge/register.yaml", "world": "sim", "seed": "0x1"])
    }

    var last: Int { events.count }

    @discardableResult
    mutating func event(_ node: String, _ name: String, _ fields: Fields = [:], at milliseconds: Int64? = nil, cause: Int? = nil) -> Int {
        if let milliseconds { now = milliseconds }
        events.append(
            RunEvent(
                sequence: events.count + 1, at: RunInstant(nanoseconds: now * 1_000_000), node: node, name: name, fields: fields, cause: cause))
        return events.count
    }

    @discardableResult
    mutating func note(_ name: String, _ fields: Fields = [:], at milliseconds: Int64? = nil) -> Int {
        event("lab", name, fields, at: milliseconds)
    }

    mutating func phase(_ name: String, at milliseconds: Int64? = nil) { note("phase.started", ["phase": .text(name)], at: milliseconds) }

    @discardableResult
    mutating func begin(_ step: String, line: Int, _ text: String, _ fields: Fields = [:], at milliseconds: Int64? = nil) -> Int {
        let verb = text.prefix { $0 != " " }
        let place: Fields = [
            "step": .text(step), "file": "scenarios/badge/register.yaml", "line": .integer(Int64(line)), "column": 5,
            "verb": .text(String(verb)), "text": .text(text),
        ]
        return note("step.started", place.merging(fields), at: milliseconds)
    }

    @discardableResult
    mutating func end(_ step: String, _ outcome: String, _ fields: Fields = [:], at milliseconds: Int64? = nil) -> Int {
        note("step.ended", (["step": .text(step), "outcome": .text(outcome)] as Fields).merging(fields), at: milliseconds)
    }

    /// A `do` that passed; what follows counts from the event before it.
    @discardableResult
    mutating func act(_ step: String, line: Int, _ action: String, at milliseconds: Int64? = nil) -> (stimulus: Int, at: Int64) {
        if let milliseconds { now = milliseconds }
        let stimulus = (events.count, now)
        begin(step, line: line, "do \(action)", ["action": .text(action), "arguments": [:]])
        end(step, "passed", ["answer": [:]])
        return stimulus
    }

    mutating func expect(
        _ step: String, line: Int, _ event: NodeReference, _ condition: Match = Match(), from stimulus: (stimulus: Int, at: Int64),
        within milliseconds: Int64, after: Int? = nil, count: Match.Test? = nil
    ) {
        let expectation = Expectation(
            polarity: .expected, event: event, condition: condition, stimulus: stimulus.stimulus,
            stimulusAt: RunInstant(nanoseconds: stimulus.at * 1_000_000), after: after,
            deadline: RunInstant(nanoseconds: (stimulus.at + milliseconds) * 1_000_000), count: count)
        begin(step, line: line, "expect \(event)", expectation.asFields)
    }

    mutating func forbid(_ step: String, line: Int, _ event: NodeReference, _ condition: Match = Match(), for milliseconds: Int64) {
        let start = RunInstant(nanoseconds: now * 1_000_000)
        let expectation = Expectation(
            polarity: .forbidden, event: event, condition: condition, stimulus: events.count, stimulusAt: start,
            deadline: RunInstant(nanoseconds: (now + milliseconds) * 1_000_000))
        begin(step, line: line, "forbid \(event) for \(milliseconds)ms", expectation.asFields)
    }

    mutating func finish(_ reason: String = "done", at milliseconds: Int64? = nil) -> [RunEvent] {
        note("run.ended", ["reason": .text(reason)], at: milliseconds)
        return events
    }
}

let online = NodeReference(role: "cloud", name: "mqtt.online")
let registered = NodeReference(role: "cloud", name: "device.registered")

func match(_ field: String, _ value: FieldValue) -> Match { Match([Match.Condition(field: field, test: .equals(.constant(value)))]) }

func place(_ line: Int) -> SourceLocation { SourceLocation(file: "scenarios/badge/register.yaml", line: line, column: 5) }

func plan(laws: [Law] = [], steps: [Step] = [], metrics: [Metric] = [], limits: [Limit] = [], variables: Fields = [:]) -> Plan {
    Plan(
        scenario: "badge/register", file: "scenarios/badge/register.yaml", about: "A badge registers.", variables: variables, laws: laws,
        steps: steps, metrics: metrics, limits: limits)
}

func time(_ milliseconds: Double) -> Requirement.Quantity {
    Requirement.Quantity(dimension: .time, value: milliseconds * 1e6, source: "\(milliseconds)ms")
}

func share(_ value: Double) -> Requirement.Quantity { Requirement.Quantity(dimension: .share, value: value, source: "\(value * 100)%") }

func plain(_ value: Double) -> Requirement.Quantity { Requirement.Quantity(dimension: .plain, value: value, source: "\(value)") }

func claim(
    _ statistic: Requirement.Statistic, _ measurement: String, _ comparison: Requirement.Comparison, _ threshold: Requirement.Quantity,
    labels: [Requirement.Label] = []
) -> Requirement.Claim {
    Requirement.Claim(statistic: statistic, measurement: measurement, labels: labels, comparison: comparison, threshold: threshold)
}

func limit(
    _ claims: Requirement.Claim..., label: String? = nil, window: Requirement.Window? = nil, marginal: Requirement? = nil,
    minimumSamples: Int? = nil
) -> Limit {
    Limit(
        id: "L", location: place(60), requirement: Requirement(source: "as written", claims: claims, label: label, window: window),
        marginal: marginal, minimumSamples: minimumSamples.map { .count($0) } ?? .auto)
}
