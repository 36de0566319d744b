/// A moment of a run: nanoseconds since the run began, on the run's own clock.
///
/// In `sim` the clock is virtual and jumps; elsewhere it is the machine's monotonic clock
/// counted from the start of the run.
package struct RunInstant: Sendable, Hashable, Comparable, InstantProtocol, CustomStringConvertible {
    /// Nanoseconds since the start of the run, 0 or more. 2^63 ns are 292 years.
    package var nanoseconds: Int64

    package init(nanoseconds: Int64) { self.nanoseconds = nanoseconds }

    package static let start = RunInstant(nanoseconds: 0)
    /// Later than everything that can be scheduled.
    package static let distantFuture = RunInstant(nanoseconds: .max)

    package func advanced(by duration: Duration) -> RunInstant { advanced(byNanoseconds: duration.nanoseconds) }

    /// Saturates instead of overflowing, so that a huge interval means "never".
    package func advanced(byNanoseconds interval: Int64) -> RunInstant {
        let (sum, overflow) = nanoseconds.addingReportingOverflow(interval)
        return RunInstant(nanoseconds: overflow ? (interval > 0 ? .max : .min) : sum)
    }

    package func duration(to other: RunInstant) -> Duration { .nanoseconds(other.nanoseconds - nanoseconds) }

    package static func < (left: RunInstant, right: RunInstant) -> Bool { left.nanoseconds < right.nanoseconds }

    /// Seconds with six decimals, which lines up in a column: `+12.953753s`.
    package var description: String {
        let microseconds = nanoseconds.magnitude / 1_000
        let fraction = String(microseconds % 1_000_000)
        let zeros = String(repeating: "0", count: 6 - fraction.count)
        return "\(nanoseconds < 0 ? "-" : "+")\(microseconds / 1_000_000).\(zeros)\(fraction)s"
    }
}

extension Duration {
    /// The duration in nanoseconds, rounded towards zero and saturated at ±292 years.
    package var nanoseconds: Int64 {
        let (seconds, attoseconds) = components
        let (scaled, overflow) = seconds.multipliedReportingOverflow(by: 1_000_000_000)
        if overflow { return seconds > 0 ? .max : .min }
        let (sum, carried) = scaled.addingReportingOverflow(attoseconds / 1_000_000_000)
        return carried ? (seconds > 0 ? .max : .min) : sum
    }
}
