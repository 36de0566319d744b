import LabCore

extension Requirement.Statistic {
    /// Why a statistic cannot be given from single values; `nil` where it can.
    var needsLoad: String? {
        switch self {
        case .ratio, .lost, .duplicates, .outOfOrder, .availability, .outages, .longestOutage, .recovery, .inFlight, .online, .burn, .achieved, .errors,
            .throughput:
            "'\(text)' is counted over the items of a load step, and this run has none"
        case .worst, .percentile, .max, .mean, .count, .rate, .minRate, .shareBelow: nil
        }
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
