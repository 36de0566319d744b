/// How well the lab itself kept time, in real time, so that nobody takes its jitter for the system's.
package struct TimingReport: Sendable, Equatable {
    /// Deadlines that the loop waited for.
    package var timers: Int
    /// How late it was, ns.
    package var median: Int64
    package var p99: Int64
    package var worst: Int64
    /// Run seconds for each real second.
    package var speed: Double

    package init(timers: Int, median: Int64, p99: Int64, worst: Int64, speed: Double) {
        self.timers = timers
        self.median = median
        self.p99 = p99
        self.worst = worst
        self.speed = speed
    }

    /// As the event `timing` tells it.
    package var asFields: Fields {
        [
            "timers": .integer(Int64(timers)), "median_ns": .integer(median), "p99_ns": .integer(p99), "worst_ns": .integer(worst),
            "speed": .number(speed),
        ]
    }

    /// Reads the fields of the event `timing`; `nil` if they are not what the lab writes.
    package init?(_ fields: Fields) {
        guard let timers = fields["timers"]?.integer, let median = fields["median_ns"]?.integer, let p99 = fields["p99_ns"]?.integer,
            let worst = fields["worst_ns"]?.integer, let speed = fields["speed"]?.asNumber
        else { return nil }
        self.init(timers: Int(timers), median: median, p99: p99, worst: worst, speed: speed)
    }
}
