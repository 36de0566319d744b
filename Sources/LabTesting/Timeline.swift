package import LabCore

/// Events as text, one a line, so that a test can write down what it expects and a failure can be read.
///
/// A line is `TIME NODE.EVENT FIELD=VALUE …`, such as `+2s badge.boot.done firmware=2.3.0`. Fields keep their order.
package struct Timeline: Sendable, Equatable, CustomStringConvertible {
    package var lines: [String]

    package init(_ events: some Sequence<RunEvent>) { lines = events.map(Self.line) }

    /// Only the events of some nodes or roles.
    package init(_ events: some Sequence<RunEvent>, of nodes: String...) {
        self.init(events.filter { event in nodes.contains { event.isNoted(by: $0) } })
    }

    /// Without the events that the lab itself writes.
    package static func world(_ events: some Sequence<RunEvent>) -> Timeline {
        Timeline(events.filter { $0.node != LabEvents.node })
    }

    /// How each step ended: `+2s steps.1 do badge.boot: passed`.
    package static func steps(_ events: some Sequence<RunEvent>) -> Timeline {
        var texts: [String: String] = [:]
        var timeline = Timeline([RunEvent]())
        for event in events where event.node == LabEvents.node {
            guard let step = event.fields["step"]?.text else { continue }
            if event.name == LabEvents.stepStarted { texts[step] = event.fields["text"]?.text }
            guard event.name == LabEvents.stepEnded else { continue }
            timeline.lines.append("\(time(event.at)) \(step) \(texts[step] ?? "?"): \(event.fields["outcome"]?.description ?? "?")")
        }
        return timeline
    }

    package static func line(_ event: RunEvent) -> String {
        (["\(time(event.at)) \(event.node).\(event.name)"] + event.fields.map { "\($0.name)=\($0.value)" }).joined(separator: " ")
    }

    /// The exact time in its shortest form: `+250ms`.
    package static func time(_ instant: RunInstant) -> String { "+" + DurationText.format(nanoseconds: instant.nanoseconds) }

    package var description: String { lines.joined(separator: "\n") }
}
