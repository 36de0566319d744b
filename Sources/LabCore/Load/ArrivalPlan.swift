import Foundation

/// When the requests of a load are due: an open model, which no answer can slow down (sla.md §3.10).
///
/// The rate is a line through points that are spread evenly over the duration; N(t), the area below it, is the number of
/// requests due before t. Each instant comes from the number of its request, so that a plan does not drift however long it is.
package struct ArrivalPlan: Sendable, Equatable {
    package enum Arrivals: Sendable, Equatable {
        /// Request k, counted from 0, is due when N(t) = k.
        case even
        /// The distances in N are those of a Poisson process, -ln(1-u), with u of the bare SplitMix64 stream of `seed`.
        case poisson(seed: UInt64)
    }

    /// Requests per second at evenly spaced points from 0 to `duration`; one point is a constant rate.
    package let rates: [Double]
    package let duration: Duration
    package let arrivals: Arrivals
    /// So many requests exactly, whatever the rates give: they then only say how these are spread.
    package let exactCount: Int?
    /// The pieces of the line, and the requests due before each of them.
    private let pieces: [Piece]
    /// N(duration): the area below the line.
    private let area: Double

    /// The most points of the rate line.
    package static let largestPointCount = 100_000
    /// The most requests: 10^12, where numbers of requests and nanoseconds are exact in a `Double`.
    package static let largestCount = 1_000_000_000_000
    /// The most windows that `windowCounts` lists.
    package static let largestWindowCount = 1_000_000
    /// One year, in which nanoseconds are good to a few.
    package static let longestDuration = Duration.seconds(366 * 86_400)

    /// - Parameters:
    ///   - rates: per second, 1 to 100,000 points, each finite and not negative.
    ///   - duration: above 0, at most 366 days.
    ///   - exactCount: 0 or more; needs a rate above 0 somewhere.
    package init(rates: [Double], over duration: Duration, arrivals: Arrivals = .even, exactCount: Int? = nil) throws(ArrivalPlanError) {
        guard (1...Self.largestPointCount).contains(rates.count) else { throw .points(rates.count) }
        if let index = rates.firstIndex(where: { !($0.isFinite && $0 >= 0) }) { throw .rate(rates[index], point: index) }
        guard duration > .zero, duration <= Self.longestDuration else { throw .duration(duration) }
        self.rates = rates
        self.duration = duration
        self.arrivals = arrivals
        self.exactCount = exactCount
        (pieces, area) = Self.pieces(rates, over: duration)
        // Written so that an infinite area is refused too.
        guard area <= Double(Self.largestCount) else { throw .count(area) }
        if let exactCount {
            guard (0...Self.largestCount).contains(exactCount) else { throw .count(Double(exactCount)) }
            guard area > 0 || exactCount == 0 else { throw .nothingToSpread(count: exactCount) }
        }
    }

    /// The requests: the exact number, but for Poisson arrivals without an exact count the expected one, rounded.
    package var count: Int { exactCount ?? (arrivals == .even ? Self.wholeAbove(area) : Int(area.rounded())) }

    /// The requests expected: the area below the rate line, or the exact count.
    package var expectedCount: Double { exactCount.map(Double.init) ?? area }

    /// When the requests are due, in order: nanoseconds since the load began, from 0 to below the duration.
    ///
    /// Constant memory, constant time a step on average; each iteration gives the same instants.
    package var instants: Instants { Instants(plan: self) }

    /// The requests due in each whole window, half-open and counted from the beginning of measuring: exactly so many for even
    /// arrivals, else the mean. The last partial window is left out (sla.md §2.4 rule 3).
    ///
    /// - Parameters:
    ///   - length: above 0. A window longer than what is measured gives none.
    ///   - start: of measuring, from the beginning of the load: its warm-up.
    /// - Throws: `.windows` where there are more than 1,000,000.
    package func windowCounts(length: Duration, from start: Duration = .zero) throws(ArrivalPlanError) -> [Double] {
        guard length > .zero else { throw .windows(length, of: duration) }
        let first = min(max(start, .zero), duration).nanoseconds
        let (whole, part) = (duration.nanoseconds - first, max(length.nanoseconds, 1))
        guard whole / part <= Self.largestWindowCount else { throw .windows(length, of: duration) }
        var index = 0
        var before = due(beforeNanoseconds: first, near: &index)
        return (0..<whole / part).map { window in
            let after = due(beforeNanoseconds: first + (window + 1) * part, near: &index)
            defer { before = after }
            return after - before
        }
    }

    /// The requests due before this time from the load's beginning: exactly so many for even arrivals, else the mean.
    package func expectedCount(before time: Duration) -> Double {
        var index = 0
        return due(beforeNanoseconds: min(max(time, .zero), duration).nanoseconds, near: &index)
    }

    /// The requests due before an instant: whole for even arrivals, else the mean.
    ///
    /// - Parameter index: of the piece where the search begins; later instants must not come before earlier ones.
    private func due(beforeNanoseconds nanoseconds: Int64, near index: inout Int) -> Double {
        let time = Double(nanoseconds) / 1e9
        while index + 1 < pieces.count, pieces[index + 1].start <= time { index += 1 }
        let scale = area > 0 ? expectedCount / area : 1
        let number = scale * (pieces[index].before + pieces[index].count(after: time - pieces[index].start))
        return arrivals == .even ? min(Double(Self.wholeAbove(number)), Double(count)) : number
    }

    private static func pieces(_ rates: [Double], over duration: Duration) -> (pieces: [Piece], area: Double) {
        let points = rates.count == 1 ? [rates[0], rates[0]] : rates
        let total = Double(duration.nanoseconds) / 1e9
        let last = points.count - 1
        var pieces: [Piece] = []
        pieces.reserveCapacity(last)
        var before = 0.0
        for index in 0..<last {
            let (start, end) = (total * Double(index) / Double(last), total * Double(index + 1) / Double(last))
            let piece = Piece(start: start, length: end - start, first: points[index], last: points[index + 1], before: before)
            pieces.append(piece)
            before += piece.count
        }
        return (pieces, before)
    }

    /// The least whole number that is not below; what is a hair above a whole number, by rounding, is that number.
    private static func wholeAbove(_ value: Double) -> Int {
        let nearest = value.rounded()
        return Int(abs(value - nearest) <= 1e-9 * max(1, value) ? nearest : value.rounded(.up))
    }
}

extension ArrivalPlan {
    /// A straight piece of the rate line. Times in seconds.
    fileprivate struct Piece: Sendable, Equatable {
        var start: Double
        var length: Double
        var first: Double
        var last: Double
        /// Requests due before `start`.
        var before: Double

        var count: Double { (first / 2 + last / 2) * length }

        /// The requests due in the first `time` of this piece.
        func count(after time: Double) -> Double {
            let inside = min(max(time, 0), length)
            return inside * (first + (last - first) * (inside / length) / 2)
        }

        /// When `number` requests of this piece have been due: the root of first·t + (last-first)·t²/(2·length) = number.
        func time(of number: Double) -> Double {
            guard number > 0 else { return 0 }
            // This form of the root holds where the two rates are nearly or quite the same: nothing is subtracted.
            let root = (max(first * first + 2 * (last - first) * (number / length), 0)).squareRoot()
            return min(2 * number / (first + root), length)
        }
    }

    /// The instants of a plan, one after another; see `ArrivalPlan.instants`.
    package struct Instants: Sequence, IteratorProtocol, Sendable {
        private let plan: ArrivalPlan
        private let end: Int64
        /// Requests of the line for each request given.
        private let scale: Double
        private var generator: SeededGenerator
        private var index = 0
        private var given = 0
        private var latest: Int64 = 0
        /// Poisson: how far the process has come in N. With an exact count: ln of the share of N that is left.
        private var reached = 0.0

        fileprivate init(plan: ArrivalPlan) {
            self.plan = plan
            end = plan.duration.nanoseconds
            scale = plan.exactCount.map { $0 > 0 ? plan.area / Double($0) : 0 } ?? 1
            generator = if case .poisson(let seed) = plan.arrivals { SeededGenerator(seed: seed) } else { SeededGenerator(seed: 0) }
        }

        package mutating func next() -> Int64? {
            guard let place = nextPlace() else { return nil }
            given += 1
            while index + 1 < plan.pieces.count, plan.pieces[index + 1].before <= place { index += 1 }
            let piece = plan.pieces[index]
            let time = piece.start + piece.time(of: place - piece.before)
            // Rounding must neither turn the order round nor leave the half-open duration.
            latest = Swift.min(Swift.max(Int64((time * 1e9).rounded()), latest), end - 1)
            return latest
        }

        /// Where in N the next request is due.
        private mutating func nextPlace() -> Double? {
            switch (plan.arrivals, plan.exactCount) {
            case (.even, _):
                return given < plan.count ? Double(given) * scale : nil
            case (.poisson, nil):
                reached -= log1p(-generator.unitInterval())
                return reached < plan.area ? reached : nil
            case (.poisson, let count?):
                // A Poisson process that is known to have `count` points has them where so many uniform numbers would lie. Of the
                // n that are left the first leaves the share u^(1/n) of what is left behind it.
                guard given < count else { return nil }
                reached += log1p(-generator.unitInterval()) / Double(count - given)
                return plan.area * -expm1(reached)
            }
        }
    }
}

/// What is wrong with an `ArrivalPlan`.
package enum ArrivalPlanError: Error, Sendable, Equatable, CustomStringConvertible {
    case points(Int)
    case rate(Double, point: Int)
    case duration(Duration)
    /// More requests than can be counted.
    case count(Double)
    case nothingToSpread(count: Int)
    case windows(Duration, of: Duration)

    package var description: String {
        switch self {
        case .points(let count): "the rate line has \(count) points; give 1 to \(ArrivalPlan.largestPointCount)"
        case .rate(let rate, let point): "point \(point + 1) of the rate line is \(rate); give a rate of 0/s or more"
        case .duration(let duration): "the load lasts \(duration); give a time above 0 and at most 366 days"
        case .count(let count): "\(count) requests are not 0 to 10^12; lower the rate or shorten the load"
        case .nothingToSpread(let count): "\(count) requests cannot be spread over a rate that is 0 all the time; raise the rate"
        case .windows(let length, let duration):
            "windows of \(length) in \(duration) are not 1 to \(ArrivalPlan.largestWindowCount); make them longer"
        }
    }
}
