extension Requirement.Statistic {
    /// The word before the parenthesis: `p99.9`, `max`, `share<200ms`.
    package var text: String {
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

extension Requirement.Claim {
    /// What it is about, as objectives write it: `p99(api where route=/health)`, `registered.latency`.
    package var text: String { statistic == .worst ? subject : "\(statistic.text)(\(subject))" }

    /// The measurement with its labels: `api where route=/health`.
    package var subject: String {
        labels.isEmpty ? measurement : "\(measurement) where \(labels.map { "\($0.name)=\($0.value)" }.joined(separator: ","))"
    }
}
