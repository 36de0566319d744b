/// How well the lab itself kept a load's plan, printed beside each figure (sla.md §1.3).
///
/// In `sim`, where time is virtual, there is none.
package struct HarnessReport: Sendable, Equatable {
    /// From the planned moment to the moment in which the bytes were handed over, ns.
    package var sendLagMedian: Int64
    package var sendLagP99: Int64
    package var sendLagWorst: Int64
    /// How late the pacing thread's own timers were, ns.
    package var wakeP99: Int64
    /// Share of one core that the generator's thread took, 0 to 1.
    package var loaderCPU: Double
    /// Share of the machine that neither the lab nor what it tests took, 0 to 1.
    package var foreignCPU: Double
    /// Share of the planned items that were sent before the load's end, 0 to 1.
    package var planKept: Double
    /// Steps of the wall clock against the monotonic one, larger than 1 ms.
    package var clockSteps: Int
    /// Times that a connection could not be opened because the system gave the lab no more descriptors.
    package var refusedDescriptors = 0

    package init(
        sendLagMedian: Int64, sendLagP99: Int64, sendLagWorst: Int64, wakeP99: Int64, loaderCPU: Double, foreignCPU: Double, planKept: Double,
        clockSteps: Int, refusedDescriptors: Int = 0
    ) {
        self.sendLagMedian = sendLagMedian
        self.sendLagP99 = sendLagP99
        self.sendLagWorst = sendLagWorst
        self.wakeP99 = wakeP99
        self.loaderCPU = loaderCPU
        self.foreignCPU = foreignCPU
        self.planKept = planKept
        self.clockSteps = clockSteps
        self.refusedDescriptors = refusedDescriptors
    }

    /// As the event `load.harness` tells it.
    package var asFields: Fields {
        var fields: Fields = [
            "send_lag_p50_ns": .integer(sendLagMedian), "send_lag_p99_ns": .integer(sendLagP99), "send_lag_worst_ns": .integer(sendLagWorst),
            "wake_p99_ns": .integer(wakeP99), "loader_cpu": .number(loaderCPU), "foreign_cpu": .number(foreignCPU), "plan_kept": .number(planKept),
            "clock_steps": .integer(Int64(clockSteps)),
        ]
        if refusedDescriptors > 0 { fields["refused_descriptors"] = .integer(Int64(refusedDescriptors)) }
        return fields
    }

    /// Reads the fields of the event `load.harness`; `nil` if they are not what the lab writes.
    package init?(_ fields: Fields) {
        guard let median = fields["send_lag_p50_ns"]?.integer, let p99 = fields["send_lag_p99_ns"]?.integer,
            let worst = fields["send_lag_worst_ns"]?.integer, let wake = fields["wake_p99_ns"]?.integer,
            let loader = fields["loader_cpu"]?.asNumber, let foreign = fields["foreign_cpu"]?.asNumber, let kept = fields["plan_kept"]?.asNumber,
            let steps = fields["clock_steps"]?.integer
        else { return nil }
        self.init(
            sendLagMedian: median, sendLagP99: p99, sendLagWorst: worst, wakeP99: wake, loaderCPU: loader, foreignCPU: foreign, planKept: kept,
            clockSteps: Int(steps), refusedDescriptors: Int(fields["refused_descriptors"]?.integer ?? 0))
    }

    /// `lab: send lag p99 0.10 ms, timer wake p99 0.05 ms, loader CPU 23 %, neighbours 2 %, plan kept 100 %, clock steps none`
    package var text: String {
        "lab: send lag p99 \(FigureText.duration(nanoseconds: Double(sendLagP99))), timer wake p99 \(FigureText.duration(nanoseconds: Double(wakeP99))), "
            + "loader CPU \(FigureText.share(loaderCPU.rounded(toPlaces: 3))), neighbours \(FigureText.share(foreignCPU.rounded(toPlaces: 3))), "
            + "plan kept \(FigureText.share(planKept.rounded(toPlaces: 5))), clock steps \(clockSteps == 0 ? "none" : String(clockSteps))"
    }
}

extension Double {
    fileprivate func rounded(toPlaces places: Int) -> Double {
        var scale = 1.0
        for _ in 0..<places { scale *= 10 }
        return (self * scale).rounded() / scale
    }
}
