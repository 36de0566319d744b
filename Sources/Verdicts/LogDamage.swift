import LabCore

/// What makes a log unfit to be judged: the order of its events is what every verdict rests on.
enum LogDamage {
    /// - Returns: `nil` for a log that a runner can have written.
    static func finding(in events: [RunEvent], of plan: Plan) -> Finding? {
        guard let first = events.first else { return finding(plan, .blocked, "The event log is empty: the run was killed before it wrote its first events. Run it again.", nil) }
        var expected = 1
        var now = RunInstant.start
        for event in events {
            if event.sequence != expected {
                return finding(plan, .fail, "Event \(expected) is missing: event \(event.sequence) stands in its place.", expected)
            }
            if event.at < now {
                return finding(plan, .fail, "Event \(expected) at \(event.at.figure) is earlier than the event before it at \(now.figure).", expected)
            }
            if let cause = event.cause, cause < 1 || cause >= event.sequence {
                return finding(plan, .fail, "Event \(expected) names event \(cause) as its cause, which is not before it.", expected)
            }
            now = event.at
            expected += 1
        }
        if first.node == LabEvents.node, first.name == LabEvents.runStarted, let scenario = first.fields["scenario"]?.text,
            scenario != plan.scenario {
            return finding(plan, .fail, "The log is of scenario '\(scenario)', the plan of '\(plan.scenario)'.", 1)
        }
        return nil
    }

    private static func finding(_ plan: Plan, _ verdict: Verdict, _ reason: String, _ sequence: Int?) -> Finding {
        Finding(
            subject: .lab, verdict: verdict, location: SourceLocation(file: plan.file, line: 1, column: 1), title: "event log",
            expected: "events numbered from 1 in the order of time", reason: reason, sequence: sequence, node: LabEvents.node)
    }
}
