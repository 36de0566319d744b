/// Amounts before they are rounded, in units so small that they are whole numbers (charging-orders.md 2.3).
///
/// Energy times a rate is 1 nano-yuan. Seconds times a rate per minute or per hour is kept in 1/3600 nano-yuan.
enum ExactAmounts {
    /// One fen in nano-yuan.
    static let energyFen: Int128 = 10_000_000
    /// One fen in 1/3600 nano-yuan.
    static let timeFen: Int128 = energyFen * 3600
    /// A rate of 1e-5 yuan in nano-yuan.
    private static let rateUnit: Int128 = 10_000

    static func energy(_ energy: Int64, rate: Int64) -> Int128 { Int128(energy) * Int128(rate) }
    static func minutes(ofSeconds seconds: Int64, rate: Int64) -> Int128 { Int128(seconds) * Int128(rate) * rateUnit * 60 }
    static func hours(ofSeconds seconds: Int64, rate: Int64) -> Int128 { Int128(seconds) * Int128(rate) * rateUnit }

    /// Whole fen, half up; the amount is not negative and the unit even.
    static func rounded(_ amount: Int128, fen unit: Int128) -> Int64 { Int64(clamping: (amount + unit / 2) / unit) }

    /// What the energy `from`..<`to` of an order costs in tiers; `total` decides the tier of `volume`.
    static func tiered(_ tiers: Tariff.EnergyTiers, from: Int64, to: Int64, total: Int64) -> Int128 {
        switch tiers.mode {
        case .volume: energy(to - from, rate: rate(of: total, in: tiers.tiers))
        case .graduated: graduated(tiers.tiers, upTo: to) - graduated(tiers.tiers, upTo: from)
        }
    }

    private static func graduated(_ tiers: [Tariff.Tier], upTo energy: Int64) -> Int128 {
        var amount: Int128 = 0
        var before: Int64 = 0
        for tier in tiers where energy > before {
            let end = min(energy, tier.upTo ?? energy)
            amount += Self.energy(end - before, rate: tier.rate)
            before = end
        }
        return amount
    }

    /// The rate of the first tier that reaches `value`.
    static func rate(of value: Int64, in tiers: [Tariff.Tier]) -> Int64 {
        (tiers.first { tier in tier.upTo.map { value <= $0 } ?? true } ?? tiers.last)?.rate ?? 0
    }

    /// The hourly rate of an average power of `energy` dWh in `seconds`: 1 dWh in an hour is 1 dW, compared without a division.
    static func rate(ofEnergy energy: Int64, inSeconds seconds: Int64, in tiers: [Tariff.Tier]) -> Int64 {
        let tier = tiers.first { tier in
            tier.upTo.map { Int128(energy) * 3600 <= Int128($0) * Int128(seconds) } ?? true
        }
        return (tier ?? tiers.last)?.rate ?? 0
    }
}
