package import LabCore

/// What a scripted world says to an action or a query, and when.
package struct ScriptedAnswer: Sendable {
    package var result: Result<Fields, ActionFailure>
    /// Time from the question to the answer.
    package var delay: Duration
    /// What happens because of it, with times from the question. Times of zero happen before the answer.
    package var events: [ScriptedEvent]

    private init(_ result: Result<Fields, ActionFailure>, _ delay: Duration, _ events: [ScriptedEvent]) {
        self.result = result
        self.delay = delay
        self.events = events
    }

    package static func success(_ fields: Fields = [:], after delay: Duration = .zero, events: ScriptedEvent...) -> ScriptedAnswer {
        ScriptedAnswer(.success(fields), delay, events)
    }

    package static func failure(
        _ reason: String, _ message: String = "It was refused.", _ fields: Fields = [:], after delay: Duration = .zero, events: ScriptedEvent...
    ) -> ScriptedAnswer {
        ScriptedAnswer(.failure(ActionFailure(reason, message, fields)), delay, events)
    }
}

/// An event that a scripted world notes some time after what causes it.
package struct ScriptedEvent: Sendable {
    package var delay: Duration
    package var node: String
    package var name: String
    package var fields: Fields

    package init(_ node: String, _ name: String, _ fields: Fields = [:], after delay: Duration = .zero) {
        self.node = node
        self.name = name
        self.fields = fields
        self.delay = delay
    }
}
