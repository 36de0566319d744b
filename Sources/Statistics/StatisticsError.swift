/// What cannot be computed from what was given. The functions of this module give this or `nil`, never a NaN.
package enum StatisticsError: Error, Sendable, Equatable, CustomStringConvertible {
    case tooFew(count: Int, needed: Int)
    case tooMany(count: Int, most: Int)
    /// Two lists that belong together have different lengths.
    case lengthsDiffer(Int, Int)
    /// A value that is not finite, is beyond ±10^150, or has a sign that is not allowed.
    case badValue(Double, index: Int)
    /// A parameter outside of its range; the range is said in words.
    case badParameter(String, Double, range: String)
    /// All values are the same where a spread is needed.
    case constant

    package var description: String {
        switch self {
        case .tooFew(let count, let needed): "\(count) values are too few; \(needed) are needed"
        case .tooMany(let count, let most): "\(count) values are too many; at most \(most) can be taken"
        case .lengthsDiffer(let first, let second): "\(first) values do not pair with \(second); give as many of both"
        case .badValue(let value, let index): "value \(index + 1) is \(value), which cannot be computed with; leave it out or correct it"
        case .badParameter(let name, let value, let range): "\(name) is \(value); give \(range)"
        case .constant: "all values are the same, so there is no spread to measure by"
        }
    }
}

/// The checks that every function begins with.
enum Values {
    /// The most values of one list.
    static let most = 1_000_000
    /// Beyond this a square could not be held in a `Double`.
    static let largest = 1e150

    static func check(_ values: [Double], atLeast least: Int = 1, atMost most: Int = most) throws(StatisticsError) {
        guard values.count >= least else { throw .tooFew(count: values.count, needed: least) }
        guard values.count <= most else { throw .tooMany(count: values.count, most: most) }
        if let index = values.firstIndex(where: { !($0.magnitude <= largest) }) { throw .badValue(values[index], index: index) }
    }

    /// As `check`, and above 0, so that logarithms and ratios exist.
    static func checkPositive(_ values: [Double], atLeast least: Int = 1, atMost most: Int = most) throws(StatisticsError) {
        try check(values, atLeast: least, atMost: most)
        if let index = values.firstIndex(where: { $0 < 1 / largest }) { throw .badValue(values[index], index: index) }
    }

    static func check(confidence: Double) throws(StatisticsError) {
        guard confidence > 0, confidence < 1 else { throw .badParameter("the confidence", confidence, range: "a share between 0 and 1") }
    }

    static func check(probability: Double, named name: String) throws(StatisticsError) {
        guard probability >= 0, probability <= 1 else { throw .badParameter(name, probability, range: "a probability from 0 to 1") }
    }

    /// The mean of 1 value or more within ±10^150.
    static func mean(_ values: some Collection<Double>) -> Double { values.reduce(0, +) / Double(values.count) }

    /// Σ(x-mean)², for values within ±10^150.
    static func squares(_ values: some Collection<Double>, around mean: Double) -> Double {
        values.reduce(0) { $0 + ($1 - mean) * ($1 - mean) }
    }
}
