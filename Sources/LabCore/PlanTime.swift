extension Plan {
    /// The time of the run that its steps may take as they are written: every `wait`, the `for` of every `forbid` and `load`,
    /// every `within`.
    /// Times that are known only in the run count as nothing.
    package var writtenTime: Duration { (setup + steps).reduce(.zero) { $0 + $1.writtenTime } }
}

extension Step {
    fileprivate var writtenTime: Duration {
        switch action {
        case .expect(let expect): expect.within?.constantTime ?? .zero
        case .forbid(let forbid): forbid.duration.constantTime
        case .check(let check): check.within?.constantTime ?? .zero
        case .wait(let time): time.constantTime
        case .sequence(let turns): turns.reduce(.zero) { sum, turn in turn.steps.reduce(sum) { $0 + $1.writtenTime } }
        case .parallel(let branches):
            branches.map { steps in steps.reduce(Duration.zero) { $0 + $1.writtenTime } }.max() ?? .zero
        case .load(let load): load.duration.constantTime
        case .act, .fault, .clear: .zero
        }
    }
}

extension Step.Load {
    /// How long it goes on, as far as the file says it; 0 for a time that is known only in the run.
    package var writtenTime: Duration { duration.constantTime }
}

extension Template {
    fileprivate var constantTime: Duration {
        guard case .constant(let value) = self, let nanoseconds = value.durationNanoseconds else { return .zero }
        return .nanoseconds(nanoseconds)
    }
}

extension Plan {
    /// The longest that the run can wait, with the slack of its world and teardown: every `within`, where there is none the plan's own, every
    /// `wait`, the `for` of every `forbid`, and loads with the patience for their last answers; no longer than the deadline.
    /// Times that are known only in the run count as nothing, and so does what a device takes for an action that is not waited for.
    package var longestTime: Duration {
        let waits = (setup + steps + teardown).reduce(Duration.zero) { $0 + $1.longestTime(defaultWithin) }
        return min(stretched(waits), deadline)
    }
}

extension Step {
    fileprivate func longestTime(_ defaultWithin: Duration) -> Duration {
        switch action {
        case .expect(let expect): expect.within?.constantTime ?? defaultWithin
        case .load(let load): load.duration.constantTime + load.timeout
        case .sequence(let turns): turns.reduce(.zero) { sum, turn in turn.steps.reduce(sum) { $0 + $1.longestTime(defaultWithin) } }
        case .parallel(let branches):
            branches.map { steps in steps.reduce(Duration.zero) { $0 + $1.longestTime(defaultWithin) } }.max() ?? .zero
        default: writtenTime
        }
    }
}
