/// What a hold is enough for (charging-orders.md 2.3, rule 7).
///
/// How an order's energy will fall into bands is not known beforehand, so the dearest rate of each line among the bands that it can
/// reach is taken: the user is never led beyond the hold. Where the rates do not differ, the limits are exact.
extension PriceCalculator {
    /// The largest dWh whose due is at most `hold` fen; 0 also where the hold is not even enough for nothing, and
    /// `Usage.maximumEnergy` where no energy goes beyond it.
    ///
    /// - Parameters:
    ///   - startingAt: Unix seconds; decides with `seconds` which bands can be reached.
    ///   - seconds: the time limit that the pile gets, whose time fee is then counted whole; `nil`: any band of the day, no time fee.
    package static func energyLimit(hold: Int64, tariff: Tariff, startingAt: Int64, seconds: Int64? = nil) -> Int64 {
        let worst = WorstCase(tariff, startingAt: startingAt, seconds: seconds)
        let time = min(max(seconds ?? 0, 0), Usage.maximumSeconds)
        var end = Usage.maximumEnergy
        for start in worst.starts.reversed() {
            if let limit = largest(from: start, to: end, where: { worst.due(energy: $0, seconds: time) <= hold }) { return limit }
            end = start - 1
        }
        return 0
    }

    /// The largest number of seconds whose due, with `energy` dWh beside it, is at most `hold` fen; 0 and `Usage.maximumSeconds` as above.
    package static func secondsLimit(hold: Int64, tariff: Tariff, startingAt: Int64, energy: Int64 = 0) -> Int64 {
        let worst = WorstCase(tariff, startingAt: startingAt, seconds: nil)
        let energy = min(max(energy, 0), Usage.maximumEnergy)
        return largest(from: 0, to: Usage.maximumSeconds) { worst.due(energy: energy, seconds: $0) <= hold } ?? 0
    }

    /// The most that so much energy and time can cost, for holds and for what a user is told before he starts; fen.
    package static func estimate(energy: Int64, seconds: Int64, tariff: Tariff, startingAt: Int64) -> Int64 {
        WorstCase(tariff, startingAt: startingAt, seconds: seconds).due(
            energy: min(max(energy, 0), Usage.maximumEnergy), seconds: min(max(seconds, 0), Usage.maximumSeconds))
    }

    /// The largest number for which a condition holds that, once false, stays false; `nil` if it never does.
    private static func largest(from start: Int64, to end: Int64, where holds: (Int64) -> Bool) -> Int64? {
        guard start <= end, holds(start) else { return nil }
        var (low, high) = (start, end)
        while low < high {
            let middle = low + (high - low + 1) / 2
            if holds(middle) { low = middle } else { high = middle - 1 }
        }
        return low
    }
}

/// An order at the dearest rates that it can meet.
private struct WorstCase {
    private let tariff: Tariff
    private let elec: Int64
    private let service: Tariff.EnergyTiers
    private let perMinute: Int64
    private let perHour: Int64
    private let stepSeconds: Int64

    init(_ tariff: Tariff, startingAt: Int64, seconds: Int64?) {
        self.tariff = tariff
        let reachable = Self.bands(tariff, startingAt: startingAt, seconds: seconds)
        func dearest(_ rates: PerBand) -> Int64 { reachable.map { rates[$0] }.max() ?? 0 }
        elec = dearest(tariff.elec)
        switch tariff.service {
        case .bands(let rates): service = Tariff.EnergyTiers(mode: .graduated, tiers: [Tariff.Tier(upTo: nil, rate: dearest(rates))])
        case .tiers(let tiers): service = tiers
        }
        switch tariff.time {
        case .none: (perMinute, perHour, stepSeconds) = (0, 0, 1)
        case .bands(let rule): (perMinute, perHour, stepSeconds) = (dearest(rule.rates), 0, rule.stepSeconds)
        case .power(let tiers): (perMinute, perHour, stepSeconds) = (0, tiers.map(\.rate).max() ?? 0, 1)
        }
    }

    private static func bands(_ tariff: Tariff, startingAt: Int64, seconds: Int64?) -> [TariffBand] {
        guard let seconds, (0..<OrderCuts.day).contains(seconds), (0...Usage.maximumTime).contains(startingAt) else {
            return tariff.bands.map(\.band)
        }
        let pieces = OrderCuts.pieces(from: startingAt, to: startingAt + seconds, versions: [DatedTariff(from: 0, tariff: tariff)])
        return pieces.map(\.band)
    }

    /// Where the due may fall as the energy grows: with the first dWh whose billed energy is in the next tier of `volume`.
    var starts: [Int64] {
        guard service.mode == .volume else { return [0] }
        let factor = 1000 + tariff.lossPerMille
        return [0] + service.tiers.compactMap { tier in tier.upTo.map { (($0 + 1) * 1000 + factor - 1) / factor } }
    }

    func due(energy: Int64, seconds: Int64) -> Int64 {
        let billed = energy * (1000 + tariff.lossPerMille) / 1000
        let stepped = (seconds + stepSeconds - 1) / stepSeconds * stepSeconds
        let time = ExactAmounts.minutes(ofSeconds: stepped, rate: perMinute) + ExactAmounts.hours(ofSeconds: seconds, rate: perHour)
        return LineSums(
            elec: ExactAmounts.rounded(ExactAmounts.energy(billed, rate: elec), fen: ExactAmounts.energyFen),
            service: ExactAmounts.rounded(ExactAmounts.tiered(service, from: 0, to: billed, total: billed), fen: ExactAmounts.energyFen),
            time: ExactAmounts.rounded(time, fen: ExactAmounts.timeFen)
        ).lines(tariff).due
    }
}
