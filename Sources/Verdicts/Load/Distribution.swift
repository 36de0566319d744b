import LabCore
import Statistics

/// Values in order, of which some may be worse than all: exact ones, or those of a histogram with three digits.
///
/// Percentiles of merged windows come from merged histograms, never from an average of percentiles (sla.md §2.4 rule 4).
struct Distribution: Sendable {
    private enum Values: Sendable {
        /// Ascending, answered ones only.
        case exact([Double])
        case histogram(LatencyHistogram)
    }

    private let values: Values
    /// Without an answer: ranked above all.
    let unanswered: Int
    /// What one that has no answer had waited at most.
    private let longestWait: Double

    /// - Parameter samples: in any order.
    init(_ samples: [Sample]) {
        values = .exact(samples.filter(\.isAnswered).map(\.value).sorted())
        unanswered = samples.count { !$0.isAnswered }
        longestWait = samples.map(\.value).max() ?? 0
    }

    /// - Parameter timeout: ns; an item without an answer had waited so long.
    init(_ items: [LoadItem], _ windows: [LoadWindow], time: (LoadItem) -> Int64?, histogram: (LoadWindow) -> String, timeout: Int64) {
        let answered = items.compactMap { item in item.isAnswered ? time(item) : nil }
        guard !windows.isEmpty else {
            let sorted = answered.sorted()
            values = .exact(sorted.map(Double.init))
            unanswered = items.count - sorted.count
            longestWait = Double(max(sorted.last ?? 0, items.count > sorted.count ? timeout : 0))
            return
        }
        var merged = LatencyHistogram()
        var planned = items.count
        for window in windows {
            if let part = try? LatencyHistogram(text: histogram(window)) { merged.merge(part) }
            planned += window.counts.planned - window.counts.warmup
        }
        for value in answered { merged.record(value) }
        values = .histogram(merged)
        unanswered = max(0, planned - merged.count)
        longestWait = Double(max(merged.max ?? 0, planned > merged.count ? timeout : 0))
    }

    private var answered: Int {
        switch values {
        case .exact(let sorted): sorted.count
        case .histogram(let histogram): histogram.count
        }
    }

    var count: Int { answered + unanswered }
    /// Whether ranks are exact; a histogram's are good to three digits.
    var isExact: Bool { if case .exact = values { true } else { false } }

    /// The value of a rank from 1 to `count`; infinite for what has no answer.
    func value(rank: Int) -> Double {
        guard rank <= answered else { return .infinity }
        switch values {
        case .exact(let sorted): return sorted[max(rank, 1) - 1]
        case .histogram(let histogram): return histogram.value(atRank: max(rank, 1)).map(Double.init) ?? .infinity
        }
    }

    /// By nearest rank; infinite where it lands on what has no answer. Needs a sample.
    func percentile(_ thousandths: Int) -> Double { value(rank: NearestRank.rank(thousandths: thousandths, count: count)) }

    /// The values below a bound, or at it.
    func count(below bound: Double, orEqual: Bool) -> Int {
        switch values {
        case .exact(let sorted):
            var (low, high) = (0, sorted.count)
            while low < high {
                let middle = (low + high) / 2
                if sorted[middle] < bound || (orEqual && sorted[middle] == bound) { low = middle + 1 } else { high = middle }
            }
            return low
        case .histogram(let histogram):
            guard bound < 9.2e18 else { return histogram.count }
            return histogram.count(atMost: Int64(bound.rounded(orEqual ? .down : .up)) - (orEqual ? 0 : 1))
        }
    }

    var smallest: Double { count == 0 ? 0 : value(rank: 1) }
    var largest: Double { count == 0 ? 0 : value(rank: count) }

    /// Infinite where one has no answer.
    var mean: Double {
        guard unanswered == 0 else { return .infinity }
        switch values {
        case .exact(let sorted): return sorted.isEmpty ? 0 : sorted.reduce(0, +) / Double(sorted.count)
        case .histogram(let histogram): return histogram.mean ?? 0
        }
    }

    /// A value for people; one without an answer is shown as what it had waited at least.
    func text(_ value: Double, _ format: (Double) -> String) -> String { value == .infinity ? "> " + format(longestWait) : format(value) }

    /// Percentiles as far as the samples carry: one sample at least must lie beyond (the largest apart).
    func spectrum(_ wanted: [Int] = LoadReport.Spectrum.places) -> LoadReport.Spectrum {
        let points = wanted.filter { $0 == 100_000 || (100_000 - $0) * count >= 100_000 }.map { place in
            let value = percentile(place)
            return LoadReport.Spectrum.Point(thousandths: place, value: value == .infinity ? nil : Int64(value))
        }
        return LoadReport.Spectrum(samples: count, points: count == 0 ? [] : points)
    }
}

extension LoadReport.Spectrum {
    /// The percentiles that a spectrum shows.
    static let places = [0, 10_000, 25_000, 50_000, 75_000, 90_000, 95_000, 99_000, 99_500, 99_900, 99_950, 99_990, 99_999, 100_000]
}
