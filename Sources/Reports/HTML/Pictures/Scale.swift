import Foundation
import LabCore

/// Where values lie between two ends: 0 at the lower one, 1 at the upper one; what lies outside is put on the nearer end.
struct Scale: Sendable, Equatable {
    enum Kind: Sendable { case linear, logarithmic }

    struct Tick: Sendable, Equatable {
        var value: Double
        /// Has a label on a narrow page, too.
        var isMajor: Bool
    }

    let kind: Kind
    let lower: Double
    let upper: Double

    /// Ends that are not finite, or not in order, become 0 to 1.
    static func linear(_ lower: Double, _ upper: Double) -> Scale {
        guard lower.isFinite, upper.isFinite, upper > lower else { return Scale(kind: .linear, lower: 0, upper: 1) }
        return Scale(kind: .linear, lower: lower, upper: upper)
    }

    /// From the 1, 2 or 5 of a decade at or below the least of the values to the one at or above the largest. Values that have no
    /// logarithm do not count.
    static func logarithmic(covering values: [Double]) -> Scale {
        let usable = values.filter { $0.isFinite && $0 > 0 }
        guard let least = usable.min(), let largest = usable.max() else { return Scale(kind: .logarithmic, lower: 1e3, upper: 1e9) }
        let (lower, upper) = (step(atMost: least), step(atLeast: largest))
        return lower < upper ? Scale(kind: .logarithmic, lower: lower, upper: upper) : Scale(kind: .logarithmic, lower: lower / 2, upper: upper * 2)
    }

    /// Exactly between two positive ends.
    static func logarithmic(from lower: Double, to upper: Double) -> Scale {
        guard lower.isFinite, upper.isFinite, lower > 0, upper > lower else { return .linear(lower, upper) }
        return Scale(kind: .logarithmic, lower: lower, upper: upper)
    }

    func place(_ value: Double) -> Double {
        guard !value.isNaN else { return 0 }
        let share =
            switch kind {
            case .linear: (value - lower) / (upper - lower)
            case .logarithmic: value > 0 ? log(value / lower) / log(upper / lower) : 0
            }
        return min(max(share, 0), 1)
    }

    /// Ticks at multiples of 1, 2 or 5 of a power of ten; a logarithmic scale of more than three decades has one for each decade.
    func ticks(atMost limit: Int) -> [Tick] {
        switch kind {
        case .linear: Self.multiples(of: Self.step(atLeast: (upper - lower) / Double(max(limit, 1))), from: lower, to: upper)
        case .logarithmic: logarithmicTicks(atMost: limit)
        }
    }

    /// Ticks of a time axis in ns: seconds by 1, 2, 5, then what clocks have.
    func timeTicks(atMost limit: Int) -> [Tick] {
        let wanted = (upper - lower) / 1e9 / Double(max(limit, 1))
        let clock: [Double] = [30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10_800, 21_600, 43_200, 86_400, 172_800, 432_000]
        let step = wanted <= 20 ? Self.step(atLeast: wanted) : clock.first { $0 >= wanted } ?? 86_400 * Self.step(atLeast: wanted / 86_400)
        return Self.multiples(of: step * 1e9, from: lower, to: upper)
    }

    private func logarithmicTicks(atMost limit: Int) -> [Tick] {
        let (first, last) = (Int(log10(lower).rounded(.down)), Int(log10(upper).rounded(.up)))
        let isLong = (last - first) * 3 > limit
        let stride = max(1, (last - first) / max(limit, 1) + ((last - first) > limit ? 1 : 0))
        return (first...last).flatMap { decade in
            (isLong ? [1.0] : [1, 2, 5]).map { Tick(value: $0 * pow(10, Double(decade)), isMajor: (decade - first) % stride == 0) }
        }
        .filter { $0.value >= lower * 0.999 && $0.value <= upper * 1.001 && (!isLong || $0.isMajor) }
    }

    private static func multiples(of step: Double, from lower: Double, to upper: Double) -> [Tick] {
        let (first, last) = ((lower / step - 1e-9).rounded(.up), (upper / step + 1e-9).rounded(.down))
        guard step > 0, let start = Int(exactly: first), let end = Int(exactly: last), start <= end, end - start <= 200 else { return [] }
        let stride = [1, 2, 4, 5, 10, 20, 50].first { (end - start) / $0 < 5 } ?? 100
        return (start...end).map { Tick(value: Double($0) * step, isMajor: $0 % stride == 0) }
    }

    /// 1, 2 or 5 times a power of ten, at or above a positive number.
    static func step(atLeast value: Double) -> Double {
        guard value.isFinite, value > 0 else { return 1 }
        let power = pow(10, log10(value).rounded(.down))
        return [1.0, 2, 5].map { $0 * power }.first { $0 >= value * (1 - 1e-9) } ?? power * 10
    }

    static func step(atMost value: Double) -> Double {
        guard value.isFinite, value > 0 else { return 1 }
        let power = pow(10, log10(value).rounded(.down))
        return [5.0, 2, 1].map { $0 * power }.first { $0 <= value * (1 + 1e-9) } ?? power
    }
}
