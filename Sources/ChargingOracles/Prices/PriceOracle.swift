package import LabCore

/// What a charge costs, calculated a second time: from the specification alone (charging-orders.md 2.3), by another author than the
/// cloud's and in another way.
///
/// The cloud cuts an order into pieces and adds them up. Here a line is what it would cost at its last rate, put right at each moment
/// at which the rate changes by the energy (or time) up to then: summation by parts. Both are exact, so both must agree to the fen.
package struct PriceOracle: Sendable {
    package struct Sample: Sendable, Equatable {
        /// Unix seconds.
        package var at: Int64
        /// dWh since the start.
        package var energy: Int64
        package init(at: Int64, energy: Int64) {
            self.at = at
            self.energy = energy
        }
    }

    package struct Charge: Sendable, Equatable {
        /// Unix seconds.
        package var started: Int64
        package var ended: Int64
        package var samples: [Sample]
        /// dWh of the bill; what the samples add up to where there is none.
        package var energy: Int64?
        /// Begun minutes that the plug stayed after the end.
        package var idleMinutes: Int64

        package init(started: Int64, ended: Int64, samples: [Sample] = [], energy: Int64? = nil, idleMinutes: Int64 = 0) {
            self.started = started
            self.ended = ended
            self.samples = samples
            self.energy = energy
            self.idleMinutes = idleMinutes
        }
    }

    package struct Price: Sendable, Equatable {
        /// Fen by the names of the ledger's lines; lines of 0 are left out. What makes it cheaper is below 0.
        package var lines: [Line]
        package var due: Int64 { lines.reduce(0) { $0 + $1.fen } }
        package func fen(_ line: String) -> Int64 { lines.first { $0.name == line }?.fen ?? 0 }

        package struct Line: Sendable, Equatable {
            package var name: String
            package var fen: Int64
        }
    }

    let tariff: OracleTariff

    /// - Throws: a description of the field that cannot be read.
    package init(_ record: Fields) throws { tariff = try OracleTariff(record) }

    // MARK: The price

    package func price(_ charge: Charge) -> Price {
        let (started, ended) = (charge.started, max(charge.started, charge.ended))
        let curve = EnergyCurve(started: started, ended: ended, samples: charge.samples, total: charge.energy, loss: tariff.loss)
        if isFree(energy: curve.total, seconds: ended - started) { return Price(lines: []) }

        var lines: [Price.Line] = []
        func add(_ name: String, _ fen: Int64) { if fen != 0 { lines.append(Price.Line(name: name, fen: fen)) } }
        // dWh times 1e-5 yuan per kWh is a nano-yuan; a fen has ten million.
        add("elec", Self.halfUp(energyCost(tariff.electricity, curve), 10_000_000))
        let service = Self.halfUp(tieredCost(curve.total) ?? energyCost(tariff.service, curve), 10_000_000)
        add("service", service)
        add("time", timeFen(curve))
        add("start", tariff.start)
        add("idle", idleFen(charge.idleMinutes))

        add("discount", -Self.halfUp(Int128(service) * Int128(tariff.serviceDiscount), 100))
        func sum() -> Int64 { lines.reduce(0) { $0 + $1.fen } }
        add("minTopUp", max(0, tariff.minimum - sum()))
        if let cap = tariff.cap { add("cap", -max(0, sum() - cap)) }
        add("coupon", -min(tariff.coupon, max(0, sum())))
        return Price(lines: lines)
    }

    private func isFree(energy: Int64, seconds: Int64) -> Bool {
        guard let free = tariff.freeIf, free.energyBelow != nil || free.secondsBelow != nil else { return false }
        return free.energyBelow.map { energy < $0 } ?? true && free.secondsBelow.map { seconds < $0 } ?? true
    }

    /// Nano-yuan of the energy by the rates of the day.
    private func energyCost(_ day: OracleTariff.Day, _ curve: EnergyCurve) -> Int128 {
        let (started, ended) = (curve.points[0].at, curve.points[curve.points.count - 1].at)
        var place = 0
        var cost = Int128(lastRate(day, started, ended)) * Int128(curve.total)
        for change in changes(of: day, from: started, to: ended) {
            cost -= Int128(change.by) * Int128(curve.energy(at: change.at, after: &place))
        }
        return cost
    }

    private func tieredCost(_ total: Int64) -> Int128? {
        switch tariff.serviceTiers {
        case nil: return nil
        case .volume(let tiers): return Int128(tiers.rate { total <= $0 }) * Int128(total)
        case .graduated(let tiers):
            // All of it at the last rate, put right at the end of each tier that it reaches.
            var cost = Int128(tiers.rate { total <= $0 }) * Int128(total)
            for (tier, next) in zip(tiers, tiers.dropFirst()) {
                guard let end = tier.upTo, end < total else { break }
                cost -= Int128(next.rate - tier.rate) * Int128(end)
            }
            return cost
        }
    }

    private func timeFen(_ curve: EnergyCurve) -> Int64 {
        let (started, ended) = (curve.points[0].at, curve.points[curve.points.count - 1].at)
        if !tariff.powerTiers.isEmpty {
            var cost: Int128 = 0
            for (left, right) in zip(curve.points, curve.points.dropFirst()) where right.at > left.at {
                // dWh in an hour are dW; both sides times the seconds, so that nothing is rounded.
                let (power, seconds) = (Int128(right.energy - left.energy) * 3_600, Int128(right.at - left.at))
                cost += Int128(tariff.powerTiers.rate { power <= Int128($0) * seconds }) * seconds
            }
            return Self.halfUp(cost, 3_600 * 1_000)
        }
        guard let day = tariff.time else { return 0 }
        let seconds = ended - started
        let billed = (seconds + tariff.step - 1) / tariff.step * tariff.step
        var cost = Int128(lastRate(day, started, ended)) * Int128(billed)
        for change in changes(of: day, from: started, to: ended) { cost -= Int128(change.by) * Int128(change.at - started) }
        return Self.halfUp(cost, 60 * 1_000)
    }

    private func idleFen(_ minutes: Int64) -> Int64 {
        guard let idle = tariff.idle else { return 0 }
        let fen = max(0, minutes - idle.graceMinutes) * idle.perMinute
        return idle.cap.map { min(fen, $0) } ?? fen
    }

    // MARK: The clock

    private func halfHour(_ moment: Int64) -> Int64 {
        let local = moment + tariff.offset
        return local >= 0 ? local / 1_800 : -((-local + 1_799) / 1_800)
    }

    private func rate(_ day: OracleTariff.Day, inHalfHour number: Int64) -> Int64 { day[Int((number % 48 + 48) % 48)] }

    /// The rate in the moment before the end; that of the start where there is no time in between.
    private func lastRate(_ day: OracleTariff.Day, _ started: Int64, _ ended: Int64) -> Int64 {
        rate(day, inHalfHour: halfHour(max(started, ended - 1)))
    }

    /// The moments between two others at which the rate changes, and by how much.
    private func changes(of day: OracleTariff.Day, from started: Int64, to ended: Int64) -> [(at: Int64, by: Int64)] {
        guard ended > started + 1, let first = day.first, day.contains(where: { $0 != first }) else { return [] }
        var result: [(at: Int64, by: Int64)] = []
        var number = halfHour(started) + 1
        while number * 1_800 - tariff.offset < ended {
            let step = rate(day, inHalfHour: number) - rate(day, inHalfHour: number - 1)
            if step != 0 { result.append((number * 1_800 - tariff.offset, step)) }
            number += 1
        }
        return result
    }

    /// A quotient that is not negative, rounded once.
    private static func halfUp(_ dividend: Int128, _ divisor: Int128) -> Int64 { Int64(clamping: (2 * dividend + divisor) / (2 * divisor)) }
}

extension PriceOracle {
    /// Whether it matters when the energy flowed: bands change between two moments, or the power has its price.
    ///
    /// - Parameter slack: seconds around them that count, too.
    package func dependsOnCurve(from started: Int64, to ended: Int64, slack: Int64 = 0) -> Bool {
        if !tariff.powerTiers.isEmpty { return true }
        let days = [tariff.electricity, tariff.serviceTiers == nil ? tariff.service : nil].compactMap(\.self)
        return days.contains { !changes(of: $0, from: started - slack, to: ended + slack).isEmpty }
    }

    /// Whether it matters by some seconds when a charge began and ended.
    package func dependsOnClock(from started: Int64, to ended: Int64, slack: Int64) -> Bool {
        dependsOnCurve(from: started, to: ended, slack: slack)
            || tariff.time.map { !changes(of: $0, from: started - slack, to: ended + slack).isEmpty } ?? false
    }

    /// Other versions of the tariff may apply to a part of the order, which its record does not show.
    package var hasVersions: Bool { tariff.isByValidity }

    /// The largest difference of what a kWh costs at two times of a day, 1e-5 yuan.
    package var energySpread: Int64 {
        let sums = (0..<48).map { tariff.electricity[$0] + (tariff.serviceTiers == nil ? tariff.service[$0] : 0) }
        return (sums.max() ?? 0) - (sums.min() ?? 0)
    }
}
