import Foundation

/// The cumulative beta distribution, from which every exact binomial bound follows.
enum BetaDistribution {
    /// I_x(a, b), the regularised incomplete beta function, for a and b above 0, with its complement; both are good to about
    /// 13 digits also where they are small.
    ///
    /// By the continued fraction of Abramowitz and Stegun 26.5.8, evaluated by the modified method of Lentz. It takes in the
    /// order of the root of the smaller of a and b steps and has converged where that is at most 10^9.
    ///
    /// - Parameter y: 1-x, where it is known better than by subtraction.
    static func tails(_ x: Double, complement y: Double? = nil, _ a: Double, _ b: Double) -> (lower: Double, upper: Double) {
        let y = y ?? 1 - x
        if x <= 0 { return (0, 1) }
        if y <= 0 { return (1, 0) }
        let factor = factor(x, y, a, b)
        // The fraction converges fast on the side of the mean only; the other side is one minus its mirror image.
        if x < (a + 1) / (a + b + 2) {
            let lower = min(factor * fraction(x, a, b) / a, 1)
            return (lower, 1 - lower)
        }
        let upper = min(factor * fraction(y, b, a) / b, 1)
        return (1 - upper, upper)
    }

    static func cumulative(_ x: Double, _ a: Double, _ b: Double) -> Double { tails(x, a, b).lower }

    /// x^a·y^b / B(a, b), by Loader's form ("Fast and accurate computation of binomial probabilities", 2000): logarithms of gamma
    /// functions would cost as many digits as a and b have.
    private static func factor(_ x: Double, _ y: Double, _ a: Double, _ b: Double) -> Double {
        let n = a + b
        // a - n·x is n·y - b; the smaller of x and y is the one that has all its digits.
        let difference = x < y ? a - n * x : n * y - b
        let exponent =
            stirlingError(n) - stirlingError(a) - stirlingError(b) - deviance(a, n * x, difference) - deviance(b, n * y, -difference)
        return exp(exponent) * (a / (2 * Double.pi) * (b / n)).squareRoot()
    }

    private static func fraction(_ x: Double, _ a: Double, _ b: Double) -> Double {
        let smallest = 1e-300
        func away(_ value: Double) -> Double { abs(value) < smallest ? smallest : value }
        var c = 1.0
        var d = 1 / away(1 - (a + b) * x / (a + 1))
        var result = d
        for step in 1...200_000 {
            let m = Double(step)
            let even = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m))
            d = 1 / away(1 + even * d)
            c = away(1 + even / c)
            result *= d * c
            let odd = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1))
            d = 1 / away(1 + odd * d)
            c = away(1 + odd / c)
            result *= d * c
            if abs(d * c - 1) < 1e-15 { break }
        }
        return result
    }

    /// value·ln(value/mean) - difference, with difference = value - mean, without cancellation where both are near.
    private static func deviance(_ value: Double, _ mean: Double, _ difference: Double) -> Double {
        guard abs(difference) < 0.1 * (value + mean) else { return value * log(value / mean) - difference }
        let ratio = difference / (value + mean)
        var sum = difference * ratio
        var term = 2 * value * ratio
        for step in 1..<1000 {
            term *= ratio * ratio
            let next = sum + term / Double(2 * step + 1)
            if next == sum { break }
            sum = next
        }
        return sum
    }

    /// ln Γ(x+1) less Stirling's formula, for x above 0.
    private static func stirlingError(_ x: Double) -> Double {
        x >= 16 ? series(x) : logGamma(x + 1) - (x + 0.5) * log(x) + x - 0.5 * log(2 * Double.pi)
    }

    private static func series(_ x: Double) -> Double {
        let inverse = 1 / x
        let square = inverse * inverse
        return inverse * (1.0 / 12 - square * (1.0 / 360 - square * (1.0 / 1260 - square * (1.0 / 1680 - square / 1188))))
    }

    /// ln Γ(x) for x above 0: the series of Stirling, after a shift to where it holds 15 digits.
    private static func logGamma(_ x: Double) -> Double {
        var (shifted, product) = (x, 1.0)
        while shifted < 16 {
            product *= shifted
            shifted += 1
        }
        return (shifted - 0.5) * log(shifted) - shifted + 0.5 * log(2 * Double.pi) + series(shifted) - log(product)
    }
}
