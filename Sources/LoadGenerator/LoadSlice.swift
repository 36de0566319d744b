package import LabCore
import Statistics
import Synchronization

/// A short load on one build: one half of a pair (sla.md §1.4).
package struct LoadSlice: Sendable, Equatable {
    /// From the plan to the answer, ascending, ns; what was not answered is not among them.
    package var responses: [Int64]
    package var planned: Int
    package var answered: Int
    /// Of those, answered with a refusal.
    package var refused: Int
    /// Processor time of the build's process for each answer, ns.
    package var cpuPerRequest: Double
    /// Share of the machine that went to neighbours, 0 to 1.
    package var foreign: Double
    package var planKept: Double

    package init(
        responses: [Int64], planned: Int, answered: Int, refused: Int = 0, cpuPerRequest: Double, foreign: Double = 0, planKept: Double = 1
    ) {
        self.responses = responses.sorted()
        self.planned = planned
        self.answered = answered
        self.refused = refused
        self.cpuPerRequest = cpuPerRequest
        self.foreign = foreign
        self.planKept = planKept
    }

    /// Sends one, and waits for its end.
    ///
    /// - Parameters:
    ///   - process: the build's.
    ///   - others: further processes that are no neighbours, such as the other build.
    /// - Throws: `LoadFailure`.
    package static func measure(_ settings: LoadSettings, process: Int32, others: [Int32]) throws(LoadFailure) -> LoadSlice {
        let found = Mutex<[Int64]>([])
        let watch = MachineWatch(processes: [process] + others)
        let load = try LoadGenerator(settings, processes: [process]) { rows in
            found.withLock { found in for row in rows { if let response = row.response { found.append(response) } } }
        }
        try load.start()
        let outcome = load.wait()
        let figures = watch.stop()
        let totals = outcome.totals
        let answered = totals.answered + totals.refused
        return LoadSlice(
            responses: found.withLock { $0 }, planned: totals.planned, answered: answered, refused: totals.refused,
            cpuPerRequest: Double(outcome.targetCPU ?? 0) / Double(max(1, answered)), foreign: figures.foreign,
            planKept: outcome.harness.planKept)
    }

    /// The figure of a metric, ns; `nil` where it cannot be had: nothing was answered, or the percentile lands on what was not.
    package func value(of metric: Limit.Baseline.Metric) -> Double? {
        switch metric {
        case .cpuPerRequest: return answered > 0 && cpuPerRequest > 0 ? cpuPerRequest : nil
        case .percentile(let thousandths):
            guard planned > 0 else { return nil }
            let rank = NearestRank.rank(thousandths: thousandths, count: planned)
            return rank <= responses.count ? Double(max(1, responses[rank - 1])) : nil
        }
    }
}
