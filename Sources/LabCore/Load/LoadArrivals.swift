extension Step.Load {
    /// When its items are due.
    ///
    /// - Parameters:
    ///   - time: what its `duration` comes to.
    ///   - seed: of Poisson arrivals, where the load has none of its own.
    package func arrivalPlan(over time: Duration, seed standard: UInt64) throws(ArrivalPlanError) -> ArrivalPlan {
        try ArrivalPlan(rates: rates, over: time, arrivals: arrivals == .even ? .even : .poisson(seed: seed ?? standard), exactCount: count)
    }
}
