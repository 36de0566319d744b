import LabCore
import Statistics

/// The items of a large load, counted by the second in which they were planned.
struct LoadWindows {
    private struct Window {
        var counts = LoadReport.Counts()
        var response = LatencyHistogram()
        var service = LatencyHistogram()
        /// Items that are written, and belong to this second.
        var last: RunInstant = .start
    }

    private static let length: Int64 = 1_000_000_000
    /// A second is written when nothing of it has come for so long; what comes later makes a further window of the same second.
    private static let patience: Int64 = 2_000_000_000
    private var open: [Int64: Window] = [:]

    mutating func add(_ item: LoadItem, measuredFrom: RunInstant, at now: RunInstant) {
        let second = item.planned.nanoseconds / Self.length
        var window = open.removeValue(forKey: second) ?? Window()
        window.last = now
        if item.outcome == .duplicate {
            window.counts.duplicates += 1
        } else {
            count(item, isWarmup: item.planned < measuredFrom, &window)
        }
        open[second] = window
    }

    private func count(_ item: LoadItem, isWarmup: Bool, _ window: inout Window) {
        window.counts.planned += 1
        guard !isWarmup else { return window.counts.warmup += 1 }
        if item.outcome != .unsent { window.counts.sent += 1 }
        switch item.outcome {
        case .good: window.counts.good += 1
        case .refused: window.counts.refused += 1
        default: window.counts.unanswered += 1
        }
        if item.outcome != .unsent, item.outcome != .refused, !item.hasArrived { window.counts.lost += 1 }
        if item.isOutOfOrder { window.counts.outOfOrder += 1 }
        if let response = item.response { window.response.record(response) }
        if let service = item.service { window.service.record(service) }
    }

    /// Those of which nothing more is to be expected, the earliest first; all of them at the end.
    mutating func finished(at now: RunInstant) -> [LoadWindow] {
        let due = open.filter { now == .distantFuture || now.nanoseconds - $0.value.last.nanoseconds > Self.patience }.keys.sorted()
        return due.compactMap { second in
            guard let window = open.removeValue(forKey: second) else { return nil }
            return LoadWindow(
                start: RunInstant(nanoseconds: second * Self.length), length: Self.length, counts: window.counts, response: window.response.text,
                service: window.service.text)
        }
    }
}
