/// What an order used: the facts that a price is calculated from (charging-orders.md 2.3, rules 1 to 3).
package struct Usage: Sendable, Equatable {
    /// A reading of the order's meter.
    package struct Sample: Sendable, Hashable {
        /// Unix seconds by the clock that `clockOffset` corrects.
        package var at: Int64
        /// dWh.
        package var energy: Int64
        package init(at: Int64, energy: Int64) {
            self.at = at
            self.energy = energy
        }
    }

    /// Unix seconds of the cloud's clock.
    package var started: Int64
    package var ended: Int64
    /// In any order. Those outside the order's time count at its edges, so that no energy is lost.
    package var samples: [Sample]
    /// dWh of the whole order as a bill states it; the samples then only say when it flowed. `nil`: the last sample has it.
    package var total: Int64?
    /// dWh that the meter showed at the start, where readings do not count from 0.
    package var base: Int64
    /// Seconds that the samples' clock is ahead of the cloud's.
    package var clockOffset: Int64
    /// Started minutes that the plug stayed after the end.
    package var idleMinutes: Int64
    /// dWh by the pile's own registers of the bands.
    package var bandRegisters: PerBand?

    package init(
        started: Int64, ended: Int64, samples: [Sample] = [], total: Int64? = nil, base: Int64 = 0, clockOffset: Int64 = 0, idleMinutes: Int64 = 0,
        bandRegisters: PerBand? = nil
    ) {
        self.started = started
        self.ended = ended
        self.samples = samples
        self.total = total
        self.base = base
        self.clockOffset = clockOffset
        self.idleMinutes = idleMinutes
        self.bandRegisters = bandRegisters
    }

    package var seconds: Int64 { ended - started }

    // MARK: Bounds: nothing beyond them is priced, so that no product overflows.

    /// 100 MWh, in dWh.
    package static let maximumEnergy: Int64 = 1_000_000_000
    /// What a meter can show: 100 GWh, in dWh.
    package static let maximumReading: Int64 = 1_000_000_000_000
    /// 366 days.
    package static let maximumSeconds: Int64 = 366 * 86_400
    /// The end of the year 9999.
    package static let maximumTime: Int64 = 253_402_300_799
    package static let maximumSamples = 100_000
}

/// Why a usage has no price.
package enum PricingError: Error, Sendable, Equatable, CustomStringConvertible {
    /// A time before 1970 or after 9999, in Unix seconds.
    case timeOutOfRange(Int64)
    case endBeforeStart(started: Int64, ended: Int64)
    case tooLong(seconds: Int64)
    case negativeEnergy(Int64)
    case energyTooLarge(Int64)
    case idleOutOfRange(Int64)
    case tooManySamples(Int)
    /// A schedule without a version, or not in ascending order.
    case noTariff

    package var description: String {
        switch self {
        case .timeOutOfRange(let time): "The time \(time) is no Unix second of the years 1970 to 9999. Correct the pile's clock first."
        case .endBeforeStart(let started, let ended): "The order ends at \(ended), before it starts at \(started). Correct the times first."
        case .tooLong(let seconds): "The order lasts \(seconds) s, more than \(Usage.maximumSeconds) s. Correct the times first."
        case .negativeEnergy(let energy): "The energy \(energy) dWh is negative. Put the bill into quarantine."
        case .energyTooLarge(let energy): "The energy \(energy) dWh is more than any order or meter can have. Put the bill into quarantine."
        case .idleOutOfRange(let minutes): "\(minutes) idle minutes are not from 0 to \(Usage.maximumSeconds / 60)."
        case .tooManySamples(let count): "\(count) samples are more than \(Usage.maximumSamples). Leave some out."
        case .noTariff: "There is no tariff, or its versions are not in ascending order of time."
        }
    }
}
