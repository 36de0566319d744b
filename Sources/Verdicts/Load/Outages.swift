import LabCore
import Statistics

/// Times in which probes failed: from the planned time of the first failed one to that of the next good one, censored at the end
/// (sla.md §2.4 rule 7).
struct Outages: Sendable, Equatable {
    let times: [Range<RunInstant>]

    /// - Parameters:
    ///   - items: planned in the span, in the order of the plan.
    ///   - span: an outage that is not over ends here.
    init(_ items: some Sequence<LoadItem>, in span: Range<RunInstant>) {
        var times: [Range<RunInstant>] = []
        var first: RunInstant?
        for item in items where span.contains(item.planned) {
            if item.outcome == .good {
                if let start = first { times.append(start..<max(start, item.planned)) }
                first = nil
            } else if first == nil {
                first = item.planned
            }
        }
        if let start = first { times.append(start..<max(start, span.upperBound)) }
        self.times = times
    }

    var count: Int { times.count }
    /// ns
    var downtime: Int64 { times.reduce(0) { $0 + $1.upperBound.nanoseconds - $1.lowerBound.nanoseconds } }
    var longest: Int64 { times.map { $0.upperBound.nanoseconds - $0.lowerBound.nanoseconds }.max() ?? 0 }
}

extension LoadSlice {
    var outages: [Outages] { spans.map { Outages(items, in: $0) } }

    /// 1 − downtime / window.
    var availability: Double { length > 0 ? 1 - Double(outages.reduce(0) { $0 + $1.downtime }) / Double(length) : 1 }
}

/// How many items were under way, from the sending to the answer, over time.
struct InFlight: Sendable {
    /// Moments at which the number changes, ascending, with the number from then on.
    private var moments: [Int64] = []
    private var levels: [Int] = []

    init(_ records: [LoadRecord], labels: [Requirement.Label] = []) {
        var changes: [(at: Int64, by: Int)] = []
        for record in records {
            for item in record.items where labels.isEmpty || item.hasLabels(labels) {
                guard let sent = item[.sent]?.nanoseconds else { continue }
                let seen = item[.seen]?.nanoseconds ?? max(sent, item.planned.nanoseconds + record.timeout)
                changes.append((sent, 1))
                changes.append((seen, -1))
            }
        }
        changes.sort { $0.at < $1.at }
        var level = 0
        for (at, by) in changes {
            level += by
            // What changes in one moment changes together: between nothing could be seen.
            if moments.last == at { levels[levels.count - 1] = level } else {
                moments.append(at)
                levels.append(level)
            }
        }
    }

    /// The smallest and the largest number at any moment of a half-open span.
    func range(in span: Range<RunInstant>) -> ClosedRange<Int> {
        let (start, end) = (span.lowerBound.nanoseconds, span.upperBound.nanoseconds)
        var (low, high) = (0, moments.count)
        while low < high {
            let middle = (low + high) / 2
            if moments[middle] <= start { low = middle + 1 } else { high = middle }
        }
        let first = low > 0 ? levels[low - 1] : 0
        var (least, most) = (first, first)
        while low < moments.count, moments[low] < end {
            (least, most) = (min(least, levels[low]), max(most, levels[low]))
            low += 1
        }
        return least...most
    }
}

/// How long a gauge needs to come back after a fault.
struct Recovery: Sendable, Equatable {
    /// ns from the fault's beginning; `nil` where it was not back at the end.
    let time: Int64?
    /// What it had been watched for, ns.
    let watched: Int64
    /// What it stood at before.
    let before: Double

    /// - Parameters:
    ///   - readings: in the order of time.
    ///   - share: of the level before.
    ///   - fault: when it began.
    ///   - end: the next fault, or the end of the run.
    /// - Returns: `nil` without a reading before the fault or one after it.
    init?(_ readings: [Sample], share: Double, from fault: RunInstant, until end: RunInstant) {
        guard let before = readings.last(where: { $0.at < fault }) else { return nil }
        let after = readings.filter { $0.at >= fault && $0.at <= end }
        guard let last = after.last else { return nil }
        self.before = before.value
        let level = before.value * share
        watched = last.at.nanoseconds - fault.nanoseconds
        // Back, and staying there: what comes back for a moment is not.
        guard let low = after.lastIndex(where: { $0.value < level }) else {
            time = 0
            return
        }
        time = low + 1 < after.count ? after[low + 1].at.nanoseconds - fault.nanoseconds : nil
    }
}

/// How fast the budget of bad items was used at its worst: both windows must burn, with at least ten bad ones in the long
/// (sla.md §2.4 rule 8).
enum Burn {
    typealias Point = (at: RunInstant, total: Int, bad: Int)

    /// - Parameters:
    ///   - points: when, how many and how many of them bad; in the order of time.
    ///   - target: the share of good ones that the budget leaves over.
    /// - Returns: the largest rate that both windows reached at the same time; 0 where no ten bad ones came together.
    static func worst(_ points: [Point], long: Duration, short: Duration, target: Double) -> Double {
        let objective = Int((target * 100_000).rounded())
        var (longWindow, shortWindow) = (Window(length: long), Window(length: short))
        var worst = 0.0
        for index in points.indices {
            longWindow.add(index, points)
            shortWindow.add(index, points)
            guard points[index].bad > 0, longWindow.sum.bad >= BurnRate.fewestBad,
                let slow = BurnRate.value(longWindow.sum, objectiveThousandths: objective),
                let fast = BurnRate.value(shortWindow.sum, objectiveThousandths: objective)
            else { continue }
            worst = max(worst, min(slow, fast))
        }
        return worst
    }

    /// What lies within a time up to the latest point.
    private struct Window {
        let length: Int64
        private var first = 0
        private(set) var sum = BurnRate.Window(bad: 0, total: 0)

        init(length: Duration) { self.length = length.nanoseconds }

        mutating func add(_ index: Int, _ points: [Point]) {
            sum.total += points[index].total
            sum.bad += points[index].bad
            while points[index].at.nanoseconds - points[first].at.nanoseconds >= length {
                sum.total -= points[first].total
                sum.bad -= points[first].bad
                first += 1
            }
        }
    }
}

extension LoadSlice {
    /// What burns: every item, or every second of a load without rows.
    var burnPoints: [Burn.Point] {
        items.map { ($0.planned, 1, $0.outcome == .good ? 0 : 1) } + windows.map { window in
            let planned = window.counts.planned - window.counts.warmup
            return (window.start, planned, planned - window.counts.good)
        }
    }
}
