import LabCore

extension Requirement.Statistic {
    /// Why a statistic cannot be given from the events of a run without load; `nil` where it can.
    var needsLoad: String? {
        switch self {
        case .ratio, .lost, .duplicates, .outOfOrder, .availability, .outages, .longestOutage, .recovery, .inFlight, .online, .burn, .achieved, .errors,
            .throughput:
            "'\(text)' is counted over the items of a load step, and this run has none"
        case .worst, .percentile, .max, .mean, .count, .rate, .minRate, .shareBelow: nil
        }
    }

    /// The figure of a statistic that counts samples, for which none is a figure too; `nil` for the others.
    ///
    /// - Parameter span: the time over which rates are counted, half-open.
    func counted(_ samples: [Sample], over span: Range<RunInstant>) -> Double? {
        let seconds = Double(span.upperBound.nanoseconds - span.lowerBound.nanoseconds) / 1e9
        switch self {
        case .count: return Double(samples.count)
        case .rate: return seconds > 0 ? Double(samples.count) / seconds : 0
        case .minRate: return Self.lowestRate(samples, over: span)
        default: return nil
        }
    }

    /// The fewest samples in any whole second of the span.
    private static func lowestRate(_ samples: [Sample], over span: Range<RunInstant>) -> Double {
        let windows = TimeWindows(span: span, length: .seconds(1))
        var counts: [Int: Int] = [:]
        for sample in samples {
            if let index = windows.index(of: sample.at) { counts[index, default: 0] += 1 }
        }
        // A second that occurs nowhere among the samples had none.
        return counts.count < windows.count ? 0 : Double(counts.values.min() ?? 0)
    }

    /// The word before the parenthesis: `p99.9`, `max`, `share<200ms`.
    var text: String {
        switch self {
        case .worst: "worst"
        case .percentile(let thousandths): "p" + FigureText.number(Double(thousandths) / 1000)
        case .max: "max"
        case .mean: "mean"
        case .count: "count"
        case .rate: "rate"
        case .minRate: "min-rate"
        case .ratio: "ratio"
        case .lost: "lost"
        case .duplicates: "duplicates"
        case .outOfOrder: "out-of-order"
        case .availability: "availability"
        case .outages: "outages"
        case .longestOutage: "longest-outage"
        case .recovery: "recovery"
        case .achieved: "achieved"
        case .errors: "errors"
        case .throughput: "throughput"
        case .inFlight: "in-flight"
        case .online: "online"
        case .shareBelow(let bound): "share<\(bound.source)"
        case .burn(let long, let short):
            "burn[\(DurationText.format(nanoseconds: long.nanoseconds))/\(DurationText.format(nanoseconds: short.nanoseconds))]"
        }
    }
}
