import LabCore

/// How far a run came and why it ended.
struct RunCourse: Sendable {
    /// `done`, `failed`, `blocked`, `law_broken`, `deadline`, `interrupted`; `nil` where the log stops without saying so.
    let ending: String?
    let end: RunInstant
    /// From the first step to the end of the last: the time in which rates and windows are counted.
    let span: Range<RunInstant>
    /// Steps outside the teardown that did not come to their end.
    let unfinished: [StepRecord]
    /// Whether a step outside the teardown failed, was blocked or was stopped.
    let isBroken: Bool

    /// - Parameter floors: when the lab began to measure itself, behind the steps; `nil` where it did not.
    init(steps: [StepRecord], ending: RunEvent?, floors: RunInstant?, end: RunInstant) {
        self.ending = ending?.fields["reason"]?.text
        self.end = end
        let start = steps.first { $0.phase == "steps" }?.started.at ?? end
        let stop = floors ?? steps.first(where: \.isTeardown)?.started.at ?? end
        span = start..<max(start, stop)
        let tested = steps.filter { !$0.isTeardown }
        unfinished = tested.filter { $0.judged.outcome == .interrupted }
        isBroken = tested.contains { $0.judged.outcome != .passed } || self.ending != "done"
    }

    /// Why the run did not come to its end, where no step says it.
    func reason(deadline: Duration) -> String? {
        let place = unfinished.first.map { " during \($0.text) (\($0.location.file):\($0.location.line))" } ?? ""
        switch ending {
        case "interrupted": return "interrupted\(place)"
        case "deadline": return "the scenario's deadline of \(FigureText.exact(deadline)) was over\(place)"
        case nil: return "the log ends without run.ended\(place)"
        default: return nil
        }
    }
}
