/// The energy that has gone through an order at each moment, as its samples show it (charging-orders.md 2.3, rules 1 and 3).
struct EnergyCurve: Sendable {
    struct Point: Sendable, Equatable {
        /// Unix seconds.
        var at: Int64
        /// dWh since the start.
        var energy: Int64
    }

    /// In the order of time, the start with 0 first, the end with all of it last.
    let points: [Point]
    var total: Int64 { points[points.count - 1].energy }

    /// dWh; a register that falls to this or less has begun again, any other fall is an error of reading.
    static let restart: Int64 = 50

    /// - Parameters:
    ///   - samples: as the register shows them, in any order.
    ///   - total: what the bill says; where there is none, what the samples add up to.
    ///   - loss: thousandths that are billed on top.
    init(started: Int64, ended: Int64, samples: [PriceOracle.Sample], total: Int64?, loss: Int64 = 0) {
        // The larger of two with the same time comes last and is the one that stays.
        let sorted = samples.sorted { ($0.at, $0.energy) < ($1.at, $1.energy) }
        var risen: [Point] = []
        var shown: Int64 = 0
        var sum: Int64 = 0
        for (place, sample) in sorted.enumerated() {
            if place + 1 < sorted.count, sorted[place + 1].at == sample.at { continue }
            if sample.energy >= shown {
                sum += sample.energy - shown
            } else if sample.energy <= Self.restart {
                sum += sample.energy
            } else {
                continue
            }
            shown = sample.energy
            risen.append(Point(at: sample.at, energy: sum))
        }
        func billed(_ energy: Int64) -> Int64 { loss == 0 ? energy : Int64(Int128(energy) * Int128(1_000 + loss) / 1_000) }
        let all = billed(total ?? sum)
        var points = [Point(at: started, energy: 0)]
        for point in risen where point.at > started && point.at < ended {
            points.append(Point(at: point.at, energy: min(billed(point.energy), all)))
        }
        self.points = points + [Point(at: max(started, ended), energy: all)]
    }

    /// The largest whole number of dWh on the straight line between two samples.
    ///
    /// - Parameter after: a point at or before `moment`; moved on to the last such one, so that a walk through time is one pass.
    func energy(at moment: Int64, after place: inout Int) -> Int64 {
        while place + 2 < points.count, points[place + 1].at <= moment { place += 1 }
        let (left, right) = (points[place], points[place + 1])
        guard right.at > left.at, moment < right.at else { return right.energy }
        return left.energy + Int64(Int128(right.energy - left.energy) * Int128(moment - left.at) / Int128(right.at - left.at))
    }
}
