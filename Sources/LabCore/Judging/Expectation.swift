/// An `expect` or `forbid` with every name filled in: what must, or must not, be seen (scenario-language.md, semantics 2 to 5).
package struct Expectation: Sendable, Equatable {
    package enum Polarity: String, Sendable { case expected = "expect", forbidden = "forbid" }

    package var polarity: Polarity
    package var event: NodeReference
    /// Resolved: it holds constants only.
    package var condition: Match
    /// Events with a higher sequence number count.
    package var stimulus: Int
    package var stimulusAt: RunInstant
    /// Only events after this one count (`after: id`).
    package var after: Int?
    /// Events at or before this moment count.
    package var deadline: RunInstant
    /// How many events the whole window must hold; `nil`: one is enough and ends the waiting.
    package var count: Match.Test?

    package init(
        polarity: Polarity, event: NodeReference, condition: Match, stimulus: Int, stimulusAt: RunInstant, after: Int? = nil,
        deadline: RunInstant, count: Match.Test? = nil
    ) {
        self.polarity = polarity
        self.event = event
        self.condition = condition
        self.stimulus = stimulus
        self.stimulusAt = stimulusAt
        self.after = after
        self.deadline = deadline
        self.count = count
    }

    /// Whether the event is of the kind that is looked for, whatever its fields.
    package func concerns(_ candidate: RunEvent) -> Bool {
        candidate.name == event.name && candidate.role == event.role
    }

    /// Whether the event counts: kind, place in the log, time and fields. Claims are the board's business.
    package func accepts(_ candidate: RunEvent) -> Bool {
        candidate.sequence > max(stimulus, after ?? 0) && candidate.at <= deadline && concerns(candidate)
            && condition.differences(in: candidate).isEmpty
    }

    /// `badge.boot.done where firmware = 2.3.0`
    package var text: String { condition.isEmpty ? "\(event)" : "\(event) where \(condition)" }
}

extension Match {
    /// The conditions that an event does not meet. `member` is the number of the fleet member that noted it.
    package func differences(in event: RunEvent) -> [String] {
        conditions.filter { !$0.test.holds(for: event.value(at: $0.field)) }.map(\.field)
    }
}

extension Expectation {
    /// How the expectation stands in the event that begins its step, so that a log can be judged again.
    package var asFields: Fields {
        var fields: Fields = [
            "polarity": .text(polarity.rawValue), "event": .text("\(event)"), "where": condition.encoded,
            "stimulus": .integer(Int64(stimulus)), "stimulus_ns": .integer(stimulusAt.nanoseconds),
            "deadline_ns": .integer(deadline.nanoseconds),
        ]
        if let after { fields["after"] = .integer(Int64(after)) }
        if let count { fields["count"] = count.encoded }
        return fields
    }

    /// Reads what `asFields` wrote; `nil` if something is missing.
    package init?(_ fields: Fields) {
        guard let polarity = fields["polarity"]?.text.flatMap(Polarity.init), let event = fields["event"]?.text,
            let dot = event.firstIndex(of: "."), let condition = fields["where"].flatMap(Match.init(encoded:)),
            let stimulus = fields["stimulus"]?.integer, let at = fields["stimulus_ns"]?.integer,
            let deadline = fields["deadline_ns"]?.integer
        else { return nil }
        self.init(
            polarity: polarity, event: NodeReference(role: String(event[..<dot]), name: String(event[event.index(after: dot)...])),
            condition: condition, stimulus: Int(stimulus), stimulusAt: RunInstant(nanoseconds: at),
            after: fields["after"]?.integer.map { Int($0) }, deadline: RunInstant(nanoseconds: deadline),
            count: fields["count"].flatMap(Match.Test.init(encoded:)))
    }
}

extension Match {
    /// Resolved conditions as data: `{"port":{"ge":2}}`; a bare scalar is written as `eq`, a bare null, which an absent
    /// field equals, as `present`, a nested match below `fields`.
    package var encoded: FieldValue {
        var fields = Fields()
        for condition in conditions { fields[condition.field] = condition.test.encoded }
        return .record(fields)
    }

    package init?(encoded: FieldValue) {
        guard case .record(let fields) = encoded else { return nil }
        self.init()
        for entry in fields {
            guard let test = Test(encoded: entry.value) else { return nil }
            conditions.append(Condition(field: entry.name, test: test))
        }
    }
}

extension Match.Test {
    package var encoded: FieldValue {
        switch self {
        case .equals(.constant(.null)): return .record(["present": false])
        case .equals(let template): return .record(["eq": template.constant])
        case .fields(let match): return .record(["fields": match.encoded])
        case .operators(let operations):
            var fields = Fields()
            for operation in operations { fields[operation.name.rawValue] = operation.operand.constant }
            return .record(fields)
        }
    }

    package init?(encoded: FieldValue) {
        guard case .record(let fields) = encoded else { return nil }
        if let nested = fields["fields"] {
            guard let match = Match(encoded: nested) else { return nil }
            self = .fields(match)
            return
        }
        var operations: [Match.Operation] = []
        for entry in fields {
            guard let name = Match.Operator(rawValue: entry.name) else { return nil }
            operations.append(Match.Operation(name, .constant(entry.value)))
        }
        self = .operators(operations)
    }
}

extension Template {
    fileprivate var constant: FieldValue { if case .constant(let value) = self { value } else { .text(description) } }
}
