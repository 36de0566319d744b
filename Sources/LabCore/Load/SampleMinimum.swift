import Foundation

extension Limit.MinimumSamples {
    /// The samples that a percentile needs (sla.md §2.4 rule 2).
    ///
    /// - Parameters:
    ///   - thousandths: the percentile, above 0 and below 100,000.
    ///   - confidence: of one window, where there are several.
    package func forPercentile(_ thousandths: Int, confidence: Double) -> Int {
        switch self {
        case .auto:
            let rest = 100_000 - min(max(thousandths, 0), 99_999)
            return (10 * 100_000 + rest - 1) / rest
        case .strict: return Self.strict(share: Double(thousandths) / 100_000, confidence: confidence)
        case .count(let count): return count
        }
    }

    /// The samples, all good, that prove a share at all: ⌈ln((1−c)/2)/ln p⌉.
    ///
    /// - Parameter share: above 0 and below 1; any other needs one sample.
    package static func strict(share: Double, confidence: Double) -> Int {
        guard share > 0, share < 1, confidence > 0, confidence < 1 else { return 1 }
        return Int(exactly: (log((1 - confidence) / 2) / log(share)).rounded(.up)).map { max(1, $0) } ?? .max
    }
}

extension Requirement.Window {
    /// How many of `count` windows must hold. In whole numbers: in doubles 7 % of 100 windows would be 8.
    package func needed(of count: Int) -> Int {
        let thousandths = Int((share * 100_000).rounded())
        return thousandths > 0 ? max(1, (thousandths * count + 99_999) / 100_000) : 0
    }
}

extension Double {
    /// The confidence of each of `count` parts, so that all together are as sure as this (sla.md §2.4 rule 3).
    package func confidence(sharedBy count: Int) -> Double { count > 1 ? 1 - (1 - self) / Double(count) : self }
}
