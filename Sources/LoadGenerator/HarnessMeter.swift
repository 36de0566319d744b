package import LabCore
import Statistics

/// How well whoever sends a load keeps its plan: one of these for each pacing thread, added up at the end (sla.md §1.3).
package struct HarnessMeter: Sendable, Equatable {
    private var lag = LatencyHistogram()
    private var wake = LatencyHistogram()
    private var planned = 0
    private var dropped = 0
    private var busiest = 0.0
    private var refusedDescriptors = 0

    package init() {}

    /// An item was turned to.
    ///
    /// - Parameter lag: from the planned moment, ns. What it then waits for the target is the target's, not the lab's.
    package mutating func took(lag time: Int64) {
        planned += 1
        lag.record(time)
    }

    /// Items that were planned, and that the lab did not send though nothing but itself hindered it.
    package mutating func dropped(_ count: Int = 1) {
        planned += count
        dropped += count
    }

    /// The system gave no descriptor for another connection.
    package mutating func refusedDescriptor() { refusedDescriptors += 1 }

    /// A wait for a deadline ended so late, ns.
    package mutating func woke(late time: Int64) { wake.record(time) }

    /// A pacing thread took so much processor time in so much time, ns.
    package mutating func worked(cpu: Int64, of time: Int64) { busiest = max(busiest, Double(cpu) / Double(max(1, time))) }

    package mutating func add(_ other: HarnessMeter) {
        lag.merge(other.lag)
        wake.merge(other.wake)
        planned += other.planned
        dropped += other.dropped
        busiest = max(busiest, other.busiest)
        refusedDescriptors += other.refusedDescriptors
    }

    package func report(_ machine: MachineWatch.Figures) -> HarnessReport {
        HarnessReport(
            sendLagMedian: lag.percentile(thousandths: 50_000) ?? 0, sendLagP99: lag.percentile(thousandths: 99_000) ?? 0,
            sendLagWorst: lag.max ?? 0,
            wakeP99: wake.percentile(thousandths: 99_000) ?? 0, loaderCPU: busiest, foreignCPU: machine.foreign,
            planKept: planned == 0 ? 1 : Double(planned - dropped) / Double(planned), clockSteps: machine.clockSteps, refusedDescriptors: refusedDescriptors)
    }
}
