extension Plan {
    /// Every step of the run, setup and teardown included, without those that only hold others.
    package var allSteps: [Step] { (setup + steps + teardown).flatMap(\.unfolded) }

    /// Those of setup and steps, which give measurements; teardown only tidies.
    package var measuredSteps: [Step] { (setup + steps).flatMap(\.unfolded) }
}

extension Step {
    /// The step itself, or those inside it at any depth, in the order of the file; of a loop those of every turn.
    package var unfolded: [Step] {
        switch action {
        case .sequence(let turns): turns.flatMap(\.steps).flatMap(\.unfolded)
        case .parallel(let branches): branches.flatMap { $0 }.flatMap(\.unfolded)
        default: [self]
        }
    }
}
