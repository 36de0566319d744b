import LabCore

/// The four bands of a tariff's day, from dear to cheap.
package enum TariffBand: String, Sendable, Hashable, CaseIterable {
    case sharp, peak, flat, valley
}

/// One whole number for each band: rates, or readings of a pile's registers in dWh.
package struct PerBand: Sendable, Hashable {
    package var sharp: Int64
    package var peak: Int64
    package var flat: Int64
    package var valley: Int64

    package static let zero = PerBand(0)

    package init(sharp: Int64 = 0, peak: Int64 = 0, flat: Int64 = 0, valley: Int64 = 0) {
        self.sharp = sharp
        self.peak = peak
        self.flat = flat
        self.valley = valley
    }

    /// The same number in every band.
    package init(_ all: Int64) { self.init(sharp: all, peak: all, flat: all, valley: all) }

    package subscript(band: TariffBand) -> Int64 {
        get {
            switch band {
            case .sharp: sharp
            case .peak: peak
            case .flat: flat
            case .valley: valley
            }
        }
        set {
            switch band {
            case .sharp: sharp = newValue
            case .peak: peak = newValue
            case .flat: flat = newValue
            case .valley: valley = newValue
            }
        }
    }

    package var all: [Int64] { [sharp, peak, flat, valley] }
}

/// A price list as it is frozen on an order (charging-orders.md 2.3).
///
/// Units: energy in dWh (1e-4 kWh), power in dW (0.1 W), money in fen, rates in 1e-5 yuan per kWh, per minute or per hour. Made by
/// `init(fields:)` alone, which refuses whatever does not fit, so that every value of this type can be priced.
package struct Tariff: Sendable, Hashable {
    /// Which version prices a part of an order when the operator edits the tariff meanwhile.
    package enum PriceLock: String, Sendable, Hashable, CaseIterable {
        /// The version at the start bills to the end.
        case atStart = "at_start"
        /// Each part by the version in force then.
        case byValidity = "by_validity"
    }

    /// From `minute` of the civil day on, a multiple of 30.
    package struct BandChange: Sendable, Hashable {
        package var minute: Int
        package var band: TariffBand
    }

    /// One step of a tier list; `upTo` is inclusive, `nil` in the last one only.
    package struct Tier: Sendable, Hashable {
        package var upTo: Int64?
        package var rate: Int64
    }

    package struct EnergyTiers: Sendable, Hashable {
        package enum Mode: String, Sendable, Hashable, CaseIterable {
            /// Each part of the order's energy at the rate of its tier.
            case graduated
            /// All energy at the rate of the tier that the total is in.
            case volume
        }
        package var mode: Mode
        package var tiers: [Tier]
    }

    package struct TimeRates: Sendable, Hashable {
        /// 1e-5 yuan per minute.
        package var rates: PerBand
        /// The whole order's time is rounded up to a multiple of this once, 1 s to a day.
        package var stepSeconds: Int64
    }

    package struct IdleFee: Sendable, Hashable {
        package var graceMinutes: Int64
        /// Fen for each started minute after the grace.
        package var perMinute: Int64
        /// Fen; `nil` for none.
        package var cap: Int64?
    }

    /// An order below both is free of everything.
    package struct FreeIf: Sendable, Hashable {
        package var energyBelow: Int64
        package var secondsBelow: Int64
    }

    /// What the service line is made of.
    package enum ServiceRule: Sendable, Hashable {
        case bands(PerBand)
        case tiers(EnergyTiers)
    }

    /// What the time line is made of.
    package enum TimeRule: Sendable, Hashable {
        case none
        case bands(TimeRates)
        /// Hourly rates by the average power of each interval between samples, `upTo` in dW.
        case power([Tier])
    }

    package internal(set) var name = ""
    /// Minutes of the site's civil time ahead of UTC.
    package internal(set) var utcOffset: Int64 = 480
    package internal(set) var priceLock = PriceLock.atStart
    /// Never empty, the first from minute 0, ascending.
    package internal(set) var bands = [BandChange(minute: 0, band: .flat)]
    package internal(set) var elec = PerBand.zero
    package internal(set) var service = ServiceRule.bands(.zero)
    package internal(set) var time = TimeRule.none
    /// Fen for each order.
    package internal(set) var start: Int64 = 0
    package internal(set) var idle: IdleFee?
    package internal(set) var minimum: Int64 = 0
    package internal(set) var cap: Int64?
    /// Percent off the service line, 0 to 100.
    package internal(set) var serviceDiscount: Int64 = 0
    package internal(set) var coupon: Int64 = 0
    package internal(set) var freeIf: FreeIf?
    package internal(set) var lossPerMille: Int64 = 0

    init() {}

    /// A tariff of one price per minute, each started minute counts. `fen` from 0 to `maximumFen` / 1000.
    package static func perMinute(fen: Int64) throws(TariffError) -> Tariff {
        try Tariff(fields: ["name": "per minute", "time": ["flat": .integer(try rate(fen, "cents_per_minute"))]])
    }

    /// A tariff of one price per kWh, booked as electricity. `fen` from 0 to `maximumFen` / 1000.
    package static func perKilowattHour(fen: Int64) throws(TariffError) -> Tariff {
        try Tariff(fields: ["name": "per kWh", "elec": ["flat": .integer(try rate(fen, "cents_per_kwh"))]])
    }

    private static func rate(_ fen: Int64, _ key: String) throws(TariffError) -> Int64 {
        guard (0...maximumRate / 1000).contains(fen) else {
            throw TariffError(key: key, message: "\(fen) is out of range; write a whole number of fen from 0 to \(maximumRate / 1000)")
        }
        return fen * 1000
    }

    /// The band in force at a second of the civil day.
    func band(atSecondOfDay second: Int64) -> TariffBand {
        var band = TariffBand.flat
        for change in bands {
            if Int64(change.minute) * 60 > second { break }
            band = change.band
        }
        return band
    }

    // MARK: Bounds

    /// 1,000 yuan per kWh, minute or hour.
    package static let maximumRate: Int64 = 100_000_000
    /// A million yuan.
    package static let maximumFen: Int64 = 100_000_000
    package static let maximumTiers = 16
}

/// What is wrong in a tariff's record: which key, and what to write there.
package struct TariffError: Error, Sendable, Equatable, CustomStringConvertible {
    /// As in `bands[2].from`; empty for the record itself.
    package var key: String
    /// A sentence without a full stop.
    package var message: String
    package var description: String { key.isEmpty ? "The tariff: \(message)" : "The tariff's \(key): \(message)" }

    package init(key: String, message: String) {
        self.key = key
        self.message = message
    }
}
