import Foundation
import LabCore

/// A place where a series changes its level.
package struct ChangePoint: Sendable, Equatable {
    /// The first index of the new level.
    package var index: Int
    /// The energy divergence of the split that found it.
    package var q: Double
    package var pValue: Double
    /// Means and standard deviations (of the population) of the levels before and after, up to the next change points.
    package var meanBefore: Double
    package var meanAfter: Double
    package var deviationBefore: Double
    package var deviationAfter: Double

    /// The larger of |after/before-1| and |before/after-1|: 1 for a doubling, finite also where a mean is 0.
    package var magnitude: Double {
        let forward = meanBefore == 0 ? 0 : abs(meanAfter / meanBefore - 1)
        let backward = meanAfter == 0 ? 0 : abs(meanBefore / meanAfter - 1)
        return min(max(forward, backward), .greatestFiniteMagnitude)
    }

    /// Whether at least so many values follow the first one of the new level (sla.md §1.4: two).
    package func isConfirmed(by following: Int = 2, in count: Int) -> Bool { count - 1 - index >= following }
}

/// Change points by E-divisive means (sla.md §3.9).
package enum ChangePoints {
    /// The longest series.
    package static let largestCount = 100_000
    /// The longest window, and the longest series where chance is asked.
    package static let largestWindow = 1000

    /// The search of Fleming and others ("Hunter", 2023): windows that overlap by half are split by E-divisive with Student's t
    /// test at a relaxed level; then the weakest points are removed, one by one, until all hold.
    ///
    /// - Parameters:
    ///   - series: up to 100,000 values within ±10^150, oldest first; fewer than two have no change point.
    ///   - level: the largest p-value, 0 to 1.
    ///   - magnitude: changes must be larger than this share.
    ///   - window: 2 to 1000.
    package static func eDivisive(
        _ series: [Double], level: Double = 0.001, magnitude: Double = 0, window: Int = 50
    ) throws(StatisticsError) -> [ChangePoint] {
        try Values.check(series, atLeast: 0, atMost: largestCount)
        try Values.check(probability: level, named: "the level")
        guard magnitude >= 0 else { throw .badParameter("the magnitude", magnitude, range: "a share of 0 or more") }
        guard (2...largestWindow).contains(window) else {
            throw .badParameter("the window", Double(window), range: "2 to \(largestWindow)")
        }
        let relaxed = level < 0.05 ? level * 10 : (level < 0.5 ? level * 2 : level)
        return strong(weak(series, level: relaxed, window: window), in: series, level: level, magnitude: magnitude)
    }

    private static func weak(_ series: [Double], level: Double, window: Int) -> [ChangePoint] {
        var found: [Int: ChangePoint] = [:]
        var start = 0
        while start < series.count {
            let end = min(start + window, series.count)
            let points = split(Array(series[start..<end]), level: level)
            for point in points where found[start + point.index] == nil {
                found[start + point.index] = ChangePoint(at: start + point.index, q: point.q)
            }
            start = max(points.last.map { start + $0.index } ?? 0, start + window / 2)
        }
        let sorted = found.values.sorted { $0.index < $1.index }
        return sorted.indices.map { sorted[$0].tested(in: series, levels(sorted, in: series), $0) }
    }

    /// Splits one window as long as the best split of all its pieces is significant.
    private static func split(_ values: [Double], level: Double) -> [ChangePoint] {
        let divergence = EnergyDivergence(values)
        var points: [ChangePoint] = []
        // The best split of each piece, which does not change until the piece is split.
        var candidates = [divergence.bestSplit(in: values.indices)]
        while let (piece, best) = candidates.best {
            var next = points
            next.insert(ChangePoint(at: best.index, q: best.q), at: piece)
            let pieces = levels(next, in: values)
            next[piece] = next[piece].tested(in: values, pieces, piece)
            guard next[piece].pValue <= level else { break }
            points = next
            candidates.replaceSubrange(
                piece...piece, with: [divergence.bestSplit(in: pieces[piece]), divergence.bestSplit(in: pieces[piece + 1])])
        }
        return points
    }

    private static func strong(_ points: [ChangePoint], in series: [Double], level: Double, magnitude: Double) -> [ChangePoint] {
        var points = points
        while !points.isEmpty {
            var weakest = points.indices.reduce(0) { points[$1].pValue > points[$0].pValue ? $1 : $0 }
            if points[weakest].pValue < level {
                weakest = points.indices.reduce(0) { points[$1].magnitude < points[$0].magnitude ? $1 : $0 }
                if points[weakest].magnitude > magnitude { break }
            }
            points.remove(at: weakest)
            // The next two points are compared anew and the one before is not, because Otava, whose answers these are to be, does so.
            let pieces = levels(points, in: series)
            for index in weakest..<min(weakest + 2, points.count) { points[index] = points[index].tested(in: series, pieces, index) }
        }
        // What is told of the points that remain is true of the levels that remain.
        return points.indices.map { points[$0].tested(in: series, levels(points, in: series), $0) }
    }

    /// E-divisive as in Matteson and James 2014: a split holds while its Q is seldom reached when the values of each piece are
    /// shuffled: p = (1 + reached)/(1 + permutations).
    ///
    /// - Parameters:
    ///   - series: up to 1000 values within ±10^150.
    ///   - seed: of SplitMix64, which shuffles (Fisher and Yates, from the last value to the second).
    ///   - permutations: 1 to 10,000; values² times permutations are at most 10^9.
    package static func byPermutation(
        _ series: [Double], seed: UInt64, permutations: Int = 199, level: Double = 0.05
    ) throws(StatisticsError) -> [ChangePoint] {
        try Values.check(series, atLeast: 0, atMost: largestWindow)
        try Values.check(probability: level, named: "the level")
        guard (1...10_000).contains(permutations) else {
            throw .badParameter("the number of permutations", Double(permutations), range: "1 to 10,000")
        }
        let work = series.count * series.count * permutations
        guard work <= 1_000_000_000 else { throw .tooMany(count: work, most: 1_000_000_000) }
        var generator = SeededGenerator(seed: seed)
        let divergence = EnergyDivergence(series)
        var points: [ChangePoint] = []
        while true {
            let pieces = levels(points, in: series)
            guard let (piece, best) = pieces.map({ divergence.bestSplit(in: $0) }).best else { break }
            var reached = 0
            for _ in 0..<permutations {
                let shuffled = EnergyDivergence(shuffle(series, within: pieces, &generator))
                if let split = pieces.map({ shuffled.bestSplit(in: $0) }).best?.split, split.q >= best.q { reached += 1 }
            }
            let pValue = Double(1 + reached) / Double(1 + permutations)
            // A constant series has splits of Q = 0 only, reached by every permutation.
            guard pValue <= level, best.q > 0 else { break }
            var point = ChangePoint(at: best.index, q: best.q)
            point.pValue = pValue
            points.insert(point, at: piece)
        }
        let pieces = levels(points, in: series)
        return points.indices.map { index in
            var point = points[index].tested(in: series, pieces, index)
            point.pValue = points[index].pValue
            return point
        }
    }

    private static func shuffle(_ series: [Double], within pieces: [Range<Int>], _ generator: inout SeededGenerator) -> [Double] {
        var series = series
        for piece in pieces {
            for offset in stride(from: piece.count - 1, to: 0, by: -1) {
                series.swapAt(piece.lowerBound + offset, piece.lowerBound + Int(generator.integer(below: UInt64(offset + 1))))
            }
        }
        return series
    }

    /// The pieces between sorted change points: one more than these.
    private static func levels(_ points: [ChangePoint], in series: [Double]) -> [Range<Int>] {
        let ends = [0] + points.map(\.index) + [series.count]
        return zip(ends, ends.dropFirst()).map { $0..<$1 }
    }
}

extension [EnergyDivergence.Split?] {
    /// The first of those with the largest Q, and the place of its piece.
    fileprivate var best: (piece: Int, split: EnergyDivergence.Split)? {
        var best: (piece: Int, split: EnergyDivergence.Split)?
        for (piece, split) in enumerated() {
            if let split, split.q > best?.split.q ?? -.infinity { best = (piece, split) }
        }
        return best
    }
}

extension ChangePoint {
    fileprivate init(at index: Int, q: Double) {
        self.init(index: index, q: q, pValue: 1, meanBefore: 0, meanAfter: 0, deviationBefore: 0, deviationAfter: 0)
    }

    /// With the levels on both sides of change point `place`, compared by Student's t test with a pooled variance.
    fileprivate func tested(in series: [Double], _ pieces: [Range<Int>], _ place: Int) -> ChangePoint {
        let (left, right) = (series[pieces[place]], series[pieces[place + 1]])
        var point = self
        (point.meanBefore, point.meanAfter) = (Values.mean(left), Values.mean(right))
        point.deviationBefore = (Values.squares(left, around: point.meanBefore) / Double(left.count)).squareRoot()
        point.deviationAfter = (Values.squares(right, around: point.meanAfter) / Double(right.count)).squareRoot()
        point.pValue = point.studentPValue(left.count, right.count)
        return point
    }

    private func studentPValue(_ left: Int, _ right: Int) -> Double {
        let freedom = Double(left + right - 2)
        let distance = abs(meanAfter - meanBefore)
        // Two single values, or two levels without any difference, say nothing.
        guard freedom > 0, distance > 0 else { return 1 }
        let pooled = (Double(left - 1) * deviationBefore * deviationBefore + Double(right - 1) * deviationAfter * deviationAfter) / freedom
        return StudentDistribution.twoSided(distance / (pooled * (1 / Double(left) + 1 / Double(right))).squareRoot(), freedom: freedom)
    }
}
