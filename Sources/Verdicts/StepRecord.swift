import LabCore

/// What the log says of one execution of one step, and what the replay made of it.
struct StepRecord: Sendable {
    /// Unique in the run: `steps.3`, `steps.4[2].1`.
    var step: String
    var verb: String
    /// One line: `expect cloud.mqtt.online`.
    var text: String
    var location: SourceLocation
    /// `setup`, `steps` or `teardown`.
    var phase: String
    var started: RunEvent
    var expectation: Expectation?
    /// The condition of a `check`, or of a `do` with `fails`.
    var condition: Match?
    var ended: RunEvent?
    var replayed: ClaimBoard.Outcome?
    /// As they were when the step ended without what it waited for.
    var nearest: [NearMiss] = []

    var isTeardown: Bool { phase == "teardown" }
    var recordedOutcome: StepOutcome? { ended?.fields["outcome"]?.text.flatMap(StepOutcome.init) }
    var recordedReason: String? { ended?.fields["reason"]?.text }
    /// As a log gives it back, for conditions to look at.
    var answer: Fields? { ended?.fields["answer"]?.record?.asWritten }
    /// Why an action or a query did not do what was asked.
    var failure: Fields? { ended?.fields["failure"]?.record?.asWritten }

    /// The node that the step speaks to or waits for.
    var node: String? {
        if let expectation { return expectation.event.role }
        let target = started.fields["query"] ?? started.fields["action"] ?? started.fields["fault"]
        return target?.text?.split(separator: ".").first.map(String.init)
    }

    /// How the step came out by the log; `conflict` says in which way the runner's record differs.
    var judged: (outcome: StepOutcome, conflict: String?) {
        guard let ended else { return (.interrupted, nil) }
        guard let recorded = recordedOutcome else {
            return (.failed, "the runner recorded the outcome '\(ended.fields["outcome"]?.description ?? "")', which does not exist")
        }
        if recorded == .blocked || recorded == .interrupted { return (recorded, nil) }
        switch verb {
        case "expect", "forbid": return judgedExpectation(recorded, ended)
        case "check": return judgedCheck(recorded)
        case "do": return judgedAction(recorded)
        default: return (recorded, nil)
        }
    }

    private func judgedExpectation(_ recorded: StepOutcome, _ ended: RunEvent) -> (StepOutcome, String?) {
        guard expectation != nil, let replayed else {
            // A step whose names cannot be filled in fails before it can wait, and then says so.
            let conflict = recorded == .failed && recordedReason != nil ? nil : "the log lacks what the step waited for"
            return (.failed, conflict)
        }
        switch (replayed, recorded) {
        case (.met(let events), .passed):
            let claimed = ended.fields["claimed"]?.list?.compactMap { $0.integer.map(Int.init) } ?? []
            return (.passed, claimed == events ? nil : "the runner recorded the events \(claimed), by the log it took \(events)")
        case (.met(let events), _): return (.passed, "the runner recorded 'failed', by the log it was met by the events \(events)")
        case (.notMet(let events), .passed):
            return (.failed, "the runner recorded 'passed', by the log it was not met" + (events.isEmpty ? "" : " (events \(events))"))
        case (.notMet, _): return (.failed, nil)
        }
    }

    private func judgedCheck(_ recorded: StepOutcome) -> (StepOutcome, String?) {
        guard let condition, let answer else { return (recorded, recorded == .passed ? "the log lacks the answer that passed" : nil) }
        switch (condition.holds(for: answer), recorded) {
        case (false, .passed): return (.failed, "the runner recorded 'passed', but the answer does not meet the condition")
        case (true, .failed): return (.passed, "the runner recorded 'failed', but the answer meets the condition")
        default: return (recorded, nil)
        }
    }

    /// An action passes by itself; with `fails` it passes only by the failure that is asked for.
    private func judgedAction(_ recorded: StepOutcome) -> (StepOutcome, String?) {
        guard let condition else { return (recorded, nil) }
        guard let failure else { return (recorded, recorded == .passed ? "the log lacks the failure that 'fails' asks for" : nil) }
        switch (condition.holds(for: failure), recorded) {
        case (false, .passed): return (.failed, "the runner recorded 'passed', but the failure is not the one that 'fails' asks for")
        case (true, .failed): return (.passed, "the runner recorded 'failed', but the failure is the one that 'fails' asks for")
        default: return (recorded, nil)
        }
    }
}
