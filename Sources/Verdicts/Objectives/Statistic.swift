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
}
