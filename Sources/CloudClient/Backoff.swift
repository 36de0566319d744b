package import LabCore

/// Waiting times between attempts: doubled each time up to a longest one, of which half is chance,
/// so that a fleet that lost its cloud does not come back in one moment.
package struct Backoff: Sendable, Equatable {
    /// Attempts that failed in a row.
    package private(set) var attempts: UInt32 = 0

    package init() {}

    package mutating func reset() { attempts = 0 }

    /// Counts a failure and draws from the upper half of `first · 2ⁿ`, at most from that of `longest`.
    package mutating func next(first: Duration, longest: Duration, _ generator: inout SeededGenerator) -> Duration {
        let doubled = min(first.nanoseconds << Int64(min(attempts, 16)), longest.nanoseconds)
        attempts = attempts == .max ? .max : attempts + 1
        return .nanoseconds(generator.nanoseconds(in: doubled / 2...doubled))
    }
}
