import LabCore

/// An objective as written, with the places of its parts inside the text (offsets in characters, from 0).
struct RequirementSyntax {
    struct Claim {
        var statisticName: String
        /// `nil` for a statistic that the judge does not know yet.
        var statistic: Requirement.Statistic?
        var statisticOffset: Int
        var measurement: String
        var measurementOffset: Int
        var labels: [Requirement.Label]
        var labelOffsets: [Int]
        var comparison: Requirement.Comparison
        var threshold: Requirement.Quantity
        var thresholdOffset: Int
    }

    var source: String
    var claims: [Claim]
    var label: String?
    var labelOffset = 0
    var window: Requirement.Window?
}

/// The words of the objective language (sla.md §2.1).
enum StatisticWord {
    /// Computed from the samples of any measurement.
    static let ofSamples = ["max", "mean", "count"]
    /// They compare what was offered with what came back, so they need a load or a probe.
    static let ofLoads: [(word: String, statistic: Requirement.Statistic?)] = [
        ("rate", .rate), ("min-rate", .minRate), ("ratio", .ratio), ("lost", .lost), ("duplicates", .duplicates),
        ("out-of-order", .outOfOrder), ("availability", .availability), ("outages", .outages), ("longest-outage", .longestOutage),
        ("recovery", .recovery(share: 1)), ("in-flight", .inFlight), ("online", .online), ("achieved", .achieved), ("errors", .errors), ("throughput", .throughput),
    ]
    static let all = ["p50", "p95", "p99"] + ofSamples + ["share", "burn"] + ofLoads.map(\.word)

    static func needsLoad(_ word: String) -> Bool { word == "burn" || ofLoads.contains { $0.word == word } }

    /// - Returns: `nil` for a word that is no statistic; the inner `nil` for one that the judge does not know yet.
    static func statistic(_ word: String) -> Requirement.Statistic?? {
        switch word {
        case "max": return .some(.max)
        case "mean": return .some(.mean)
        case "count": return .some(.count)
        default:
            if let thousandths = percentile(word) { return .some(.percentile(thousandths: thousandths)) }
            return ofLoads.first { $0.word == word }.map(\.statistic)
        }
    }

    /// `p99.95` is 99950; above 0 and below 100, at most three decimals, never through a binary float.
    static func percentile(_ word: String) -> Int? {
        guard word.hasPrefix("p") else { return nil }
        let parts = word.dropFirst().split(separator: ".", maxSplits: 1, omittingEmptySubsequences: false)
        guard let whole = parts.first, (1...2).contains(whole.count), parts.allSatisfy({ $0.utf8.allSatisfy { (0x30...0x39).contains($0) } }),
            let percent = Int(whole) else { return nil }
        var thousandths = percent * 1_000
        if parts.count == 2 {
            guard (1...3).contains(parts[1].count), let fraction = Int(parts[1] + String(repeating: "0", count: 3 - parts[1].count)) else { return nil }
            thousandths += fraction
        }
        return thousandths > 0 ? thousandths : nil
    }
}
