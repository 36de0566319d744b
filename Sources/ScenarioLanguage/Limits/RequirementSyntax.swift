import LabCore

/// An objective as written, with the places of its parts inside the text (offsets in characters, from 0).
struct RequirementSyntax {
    struct Claim {
        var statistic: Requirement.Statistic
        var statisticOffset: Int
        /// Written as `p99(…)`, not as a bare measurement.
        var isCall: Bool
        var measurement: String
        var measurementOffset: Int
        var labels: [Requirement.Label]
        var labelOffsets: [Int]
        var comparison: Requirement.Comparison
        var threshold: Requirement.Quantity
        var thresholdOffset: Int
    }

    /// Claims that share a label and a window.
    struct Part {
        var claims: [Claim]
        var label: String?
        var labelOffset = 0
        var window: Requirement.Window?
        var windowOffset = 0
    }

    var source: String
    /// One or more; `for each` and `in every` end a part.
    var parts: [Part]

    var claims: [Claim] { parts.flatMap(\.claims) }
}

/// The words of the objective language (sla.md §2.1).
enum StatisticWord {
    /// Those that are one word, `recovery` and the percentiles aside.
    private static let plain: [(word: String, statistic: Requirement.Statistic)] = [
        ("max", .max), ("mean", .mean), ("count", .count), ("rate", .rate), ("min-rate", .minRate), ("ratio", .ratio), ("lost", .lost),
        ("duplicates", .duplicates), ("out-of-order", .outOfOrder), ("availability", .availability), ("outages", .outages),
        ("longest-outage", .longestOutage), ("in-flight", .inFlight), ("online", .online), ("achieved", .achieved), ("errors", .errors),
        ("throughput", .throughput),
    ]
    static let all = ["p50", "p95", "p99"] + plain.map(\.word) + ["share", "burn", "recovery"]

    /// - Returns: `nil` for a word that is no statistic.
    static func statistic(_ word: String) -> Requirement.Statistic? {
        if word == "recovery" { return .recovery(share: 1) }
        if let thousandths = percentile(word) { return .percentile(thousandths: thousandths) }
        return plain.first { $0.word == word }?.statistic
    }

    /// For a word that means a percentile and is none: `p100`, `p0`, `p-5`, `p99.9999`.
    static func percentileAdvice(_ word: String) -> String? {
        let rest = word.dropFirst()
        guard word.first == "p", let start = rest.first, start.isNumber || start == "-", rest.allSatisfy({ $0.isNumber || $0 == "." || $0 == "-" }) else { return nil }
        if word != "p100", rest.count > 2, let known = measuredPercentile(Substring(word)) { return "'\(word)' is written p\(FigureText.number(Double(known) / 1000)) here" }
        if word == "p100" { return "there is no p100; the largest is max" }
        return "'\(word)' is no percentile; they go from p0.001 to p99.999, with three decimals at most"
    }

    /// The word of a statistic, for messages.
    static func word(_ statistic: Requirement.Statistic) -> String {
        switch statistic {
        case .worst: "the bare measurement"
        case .percentile(let thousandths): "p" + FigureText.number(Double(thousandths) / 1000)
        case .shareBelow(let bound): "share<\(bound.source)"
        case .burn: "burn"
        case .recovery: "recovery"
        default: plain.first { $0.statistic == statistic }?.word ?? ""
        }
    }

    /// `p99`, `p99.9`, and the short forms of measurements: `p999` is 99.9, `p9995` is 99.95.
    static func measuredPercentile(_ word: Substring) -> Int? {
        if let known = percentile(String(word)) { return known }
        let digits = word.dropFirst()
        guard word.first == "p", (3...5).contains(digits.utf8.count) else { return nil }
        return percentile("p\(digits.prefix(2)).\(digits.dropFirst(2))")
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
