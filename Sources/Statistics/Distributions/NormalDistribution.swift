import Foundation

/// The standard normal distribution.
package enum NormalDistribution {
    /// P(Z ≤ z), good to 15 digits also in the lower tail; 0 and 1 for the infinities.
    package static func cumulative(_ z: Double) -> Double { erfc(-z / 2.0.squareRoot()) / 2 }

    /// P(|Z| ≥ |z|).
    package static func twoSided(_ z: Double) -> Double { erfc(abs(z) / 2.0.squareRoot()) }

    /// The z with P(Z ≤ z) = probability, to the last digits of a `Double`.
    ///
    /// - Returns: `nil` outside of 0 < probability < 1.
    package static func quantile(_ probability: Double) -> Double? {
        guard probability > 0, probability < 1 else { return nil }
        if probability == 0.5 { return 0 }
        // In the lower tail, where the probability has all its digits; 10^-323 is at -38.5.
        if probability > 0.5 { return Root.between(0, 9) { cumulative(-$0) > 1 - probability } }
        return -Root.between(0, 40) { cumulative(-$0) > probability }
    }
}

/// Student's t distribution.
package enum StudentDistribution {
    /// P(|T| ≥ |t|).
    ///
    /// - Parameter freedom: degrees of freedom, 1 or more; not whole ones are allowed.
    package static func twoSided(_ t: Double, freedom: Double) -> Double {
        let square = t * t
        guard square.isFinite else { return t.isNaN ? 1 : 0 }
        let sum = freedom + square
        return BetaDistribution.tails(freedom / sum, complement: square / sum, freedom / 2, 0.5).lower
    }

    /// The t with P(|T| ≥ t) = probability: half the width of a t interval.
    ///
    /// - Returns: `nil` outside of 0 < probability < 1, or below one degree of freedom.
    package static func twoSidedQuantile(_ probability: Double, freedom: Double) -> Double? {
        guard probability > 0, probability < 1, freedom >= 1 else { return nil }
        var high = 1.0
        while high < 1e150, twoSided(high, freedom: freedom) > probability { high *= 2 }
        return Root.between(0, high) { twoSided($0, freedom: freedom) > probability }
    }
}

enum Root {
    /// The place where a condition that holds on the left stops to hold, to the last digit, for ends of 0 or more.
    static func between(_ low: Double, _ high: Double, _ holds: (Double) -> Bool) -> Double {
        var (low, high) = (low, high)
        // Near 0 halving would go on through all exponents; so many steps are more digits than anyone needs.
        for _ in 0..<200 {
            let middle = low + (high - low) / 2
            if middle <= low || middle >= high { break }
            if holds(middle) { low = middle } else { high = middle }
        }
        return low + (high - low) / 2
    }
}
