import Glibc

/// One line of the table that every benchmark prints: what was measured, what stands beside it, and whether the target is met.
package struct BenchRow {
    package var what: String
    package var figure: String
    /// What was measured in the same run for comparison; empty where there is nothing like it.
    package var peer: String
    package var ratio: Double?
    package var target: String
    /// `nil` for a figure that is only stated, and for one of which the interval lies on both sides of the target: see `isUnproven`.
    package var isMet: Bool?
    /// There is a target, and what was measured is too uncertain to say on which side of it the figure is.
    package var isUnproven = false

    package init(_ what: String, _ figure: String, peer: String = "", ratio: Double? = nil, target: String = "", isMet: Bool? = nil) {
        self.what = what
        self.figure = figure
        self.peer = peer
        self.ratio = ratio
        self.target = target
        self.isMet = isMet
    }

    /// A ratio of pairs beside the least that it has to be.
    package init(_ what: String, _ figure: String, peer: String, pairs: BenchPairs, atLeast target: Double) {
        self.init(
            what, figure, peer: peer, ratio: pairs.ratio, target: "≥ \(Self.text(target, digits: 1)) \(pairs.intervalText)",
            isMet: pairs.interval.lowerBound >= target ? true : pairs.interval.upperBound < target ? false : nil)
        isUnproven = isMet == nil
    }

    package var line: String {
        let verdict = isMet.map { $0 ? "met" : "NOT MET" } ?? (isUnproven ? "unproven" : "stated")
        let texts = [what, figure, peer.isEmpty ? "–" : peer, ratio.map { Self.text($0) } ?? "–", target.isEmpty ? "–" : target]
        return zip(texts, Self.widths).map { Self.pad($0, $1) }.joined(separator: "  ") + "  " + verdict
    }

    package func show() { print(line) }

    package static var header: String {
        zip(["what", "figure", "peer", "ratio", "target"], widths).map { pad($0, $1) }.joined(separator: "  ") + "  verdict"
    }

    private static let widths = [54, 30, 30, 6, 22]

    private static func pad(_ text: String, _ width: Int) -> String { text + String(repeating: " ", count: max(0, width - text.count)) }

    /// With so many digits behind the point.
    package static func text(_ value: Double, digits: Int = 2) -> String {
        guard value.isFinite else { return "\(value)" }
        var scale = 1.0
        for _ in 0..<digits { scale *= 10 }
        let whole = Int64((abs(value) * scale).rounded())
        let (above, below) = whole.quotientAndRemainder(dividingBy: Int64(scale))
        let sign = value < 0 && whole > 0 ? "-" : ""
        guard digits > 0 else { return "\(sign)\(above)" }
        let fraction = String(below)
        return "\(sign)\(above).\(String(repeating: "0", count: digits - fraction.count))\(fraction)"
    }
}

/// Times in nanoseconds, by their exact ranks.
package struct BenchTimes {
    package private(set) var sorted: [Int64]
    package init(_ times: [Int64]) { sorted = times.sorted() }

    package var count: Int { sorted.count }

    /// The nearest rank: `thousandths` 990 is p99.
    package func percentile(_ thousandths: Int) -> Int64 {
        guard !sorted.isEmpty else { return 0 }
        return sorted[max(1, (sorted.count * thousandths + 999) / 1000) - 1]
    }
    package var worst: Int64 { sorted.last ?? 0 }

    /// `p50 1.2, p99 8.4 ms`.
    package var text: String { "p50 \(Self.milliseconds(percentile(500))), p99 \(Self.milliseconds(percentile(990))) ms" }
    package static func milliseconds(_ nanoseconds: Int64) -> String { BenchRow.text(Double(nanoseconds) * 1e-6, digits: 1) }
}

extension Collection where Element: Comparable {
    /// The one in the middle; of an even number the upper one.
    package var median: Element? {
        let sorted = sorted()
        return sorted.isEmpty ? nil : sorted[sorted.count / 2]
    }
}

/// Ratios of pairs that were measured right after one another, ABBA: what disturbs the machine disturbs both of a pair.
package struct BenchPairs {
    /// The Hodges-Lehmann estimate: the median of the means of all pairs of logarithms.
    package var ratio: Double
    /// About 95 %, by Wilcoxon's signed ranks turned around.
    package var interval: ClosedRange<Double>

    package init(_ ratios: [Double]) {
        let logs = ratios.map { Self.log($0) }
        var means: [Double] = []
        for first in logs.indices { for second in first..<logs.count { means.append((logs[first] + logs[second]) / 2) } }
        means.sort()
        guard !means.isEmpty else {
            (ratio, interval) = (.nan, 0...Double.infinity)
            return
        }
        let middle = (means[(means.count - 1) / 2] + means[means.count / 2]) / 2
        let count = Double(logs.count)
        let spread = 1.96 * (count * (count + 1) * (2 * count + 1) / 24).squareRoot()
        let rank = max(0, Int((count * (count + 1) / 4 - spread).rounded(.down)))
        ratio = Self.exp(middle)
        interval = Self.exp(means[min(rank, means.count - 1)])...Self.exp(means[max(means.count - 1 - rank, min(rank, means.count - 1))])
    }

    package var intervalText: String { "[\(BenchRow.text(interval.lowerBound)), \(BenchRow.text(interval.upperBound))]" }

    private static func log(_ value: Double) -> Double { Glibc.log(value) }
    private static func exp(_ value: Double) -> Double { Glibc.exp(value) }
}
