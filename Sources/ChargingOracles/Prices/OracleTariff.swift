import LabCore

/// A tariff as the price oracle understands the record of it (charging-orders.md 2.3).
///
/// Rates are 1e-5 yuan per kWh, per minute or per hour; energies dWh; money fen.
struct OracleTariff: Sendable, Equatable {
    /// A rate for each of the 48 half hours of the civil day.
    typealias Day = [Int64]

    struct Tier: Sendable, Equatable {
        /// The tier's last value; `nil` for the last tier.
        var upTo: Int64?
        var rate: Int64
    }

    enum ServiceTiers: Sendable, Equatable {
        /// Each part of the energy at the rate of its tier.
        case graduated([Tier])
        /// All energy at the rate of the tier that the total is in.
        case volume([Tier])
    }

    struct Idle: Sendable, Equatable {
        var graceMinutes: Int64
        var perMinute: Int64
        var cap: Int64?
    }

    struct FreeIf: Sendable, Equatable {
        var energyBelow: Int64?
        var secondsBelow: Int64?
    }

    /// Seconds that civil time is ahead of UTC.
    var offset: Int64 = 480 * 60
    var isByValidity = false
    var electricity = Day(repeating: 0, count: 48)
    var service = Day(repeating: 0, count: 48)
    var serviceTiers: ServiceTiers?
    var time: Day?
    var step: Int64 = 60
    var powerTiers: [Tier] = []
    var start: Int64 = 0
    var idle: Idle?
    var minimum: Int64 = 0
    var cap: Int64?
    /// Percent that the service line becomes cheaper.
    var serviceDiscount: Int64 = 0
    var coupon: Int64 = 0
    var freeIf: FreeIf?
    /// Thousandths that are billed on top of what the meter shows.
    var loss: Int64 = 0
}

extension OracleTariff {
    /// Why a record is no tariff that can be judged.
    struct Unreadable: Error, Equatable, CustomStringConvertible {
        var field: String
        var description: String { "the tariff's field '\(field)' cannot be read" }
    }

    private static let bandNames = ["sharp", "peak", "flat", "valley"]
    /// The largest whole number that is taken anywhere: sums of products stay far below 2^127.
    private static let largest: Int64 = 1_000_000_000_000

    init(_ record: Fields) throws(Unreadable) {
        offset = try Self.number(record, "utc_offset", from: -1_440) ?? 480
        offset *= 60
        isByValidity = record["price_lock"]?.text == "by_validity"
        let bands = try Self.bands(record["bands"])
        electricity = try Self.day(record, "elec", bands) ?? electricity
        service = try Self.day(record, "service", bands) ?? service
        time = try Self.day(record, "time", bands)
        if record["time"]?.integer == nil, let record = try Self.record(record, "time") { step = try Self.number(record, "step_seconds", from: 1) ?? 60 }
        if let tiers = try Self.record(record, "service_tiers") {
            let list = try Self.tiers(tiers["tiers"], "service_tiers")
            switch tiers["mode"]?.text {
            case "graduated": serviceTiers = .graduated(list)
            case "volume": serviceTiers = .volume(list)
            default: throw Unreadable(field: "service_tiers.mode")
            }
        }
        if let tiers = Self.present(record, "power_tiers") { powerTiers = try Self.tiers(tiers, "power_tiers") }
        start = try Self.number(record, "start") ?? 0
        if let fields = try Self.record(record, "idle") {
            idle = Idle(
                graceMinutes: try Self.number(fields, "grace_minutes") ?? 0, perMinute: try Self.number(fields, "per_minute") ?? 0,
                cap: try Self.number(fields, "cap"))
        }
        minimum = try Self.number(record, "minimum") ?? 0
        cap = try Self.number(record, "cap")
        serviceDiscount = try Self.number(record, "service_discount") ?? 0
        guard serviceDiscount <= 100 else { throw Unreadable(field: "service_discount") }
        coupon = try Self.number(record, "coupon") ?? 0
        if let fields = try Self.record(record, "free_if") {
            freeIf = FreeIf(energyBelow: try Self.number(fields, "energy_below"), secondsBelow: try Self.number(fields, "seconds_below"))
        }
        loss = try Self.number(record, "loss_per_mille") ?? 0
    }

    // MARK: Reading

    /// A null counts as absent.
    private static func present(_ record: Fields, _ name: String) -> FieldValue? {
        guard let value = record[name], value != .null else { return nil }
        return value
    }

    private static func number(_ record: Fields, _ name: String, from lowest: Int64 = 0) throws(Unreadable) -> Int64? {
        guard let value = present(record, name) else { return nil }
        guard let number = value.integer, (lowest...largest).contains(number) else { throw Unreadable(field: name) }
        return number
    }

    private static func record(_ record: Fields, _ name: String) throws(Unreadable) -> Fields? {
        guard let value = present(record, name) else { return nil }
        guard let fields = value.record else { throw Unreadable(field: name) }
        return fields
    }

    /// The band of each half hour, as a place in `bandNames`; flat all day where nothing is said.
    private static func bands(_ value: FieldValue?) throws(Unreadable) -> [Int] {
        guard let value, value != .null, value != .list([]) else { return [Int](repeating: 2, count: 48) }
        guard let list = value.list else { throw Unreadable(field: "bands") }
        var result: [Int] = []
        for entry in list {
            guard let from = entry.record?["from"]?.text, let slot = slot(from), let name = entry.record?["band"]?.text,
                let band = bandNames.firstIndex(of: name), slot >= result.count, result.isEmpty ? slot == 0 : slot > result.count - 1
            else { throw Unreadable(field: "bands") }
            if let last = result.last { result += [Int](repeating: last, count: slot - result.count) }
            result.append(band)
        }
        if let last = result.last { result += [Int](repeating: last, count: 48 - result.count) }
        return result
    }

    /// `21:30` is the half hour 43.
    private static func slot(_ text: String) -> Int? {
        let parts = text.split(separator: ":", omittingEmptySubsequences: false)
        guard parts.count == 2, let hour = Int(parts[0]), let minute = Int(parts[1]), (0...23).contains(hour), minute == 0 || minute == 30
        else { return nil }
        return hour * 2 + minute / 30
    }

    private static func day(_ tariff: Fields, _ name: String, _ bands: [Int]) throws(Unreadable) -> Day? {
        // One number is the rate of all bands.
        if tariff[name]?.integer != nil { return try number(tariff, name).map { Day(repeating: $0, count: 48) } }
        guard let record = try record(tariff, name) else { return nil }
        let flat = try number(record, "flat")
        var rates: [Int64?] = []
        for band in bandNames { rates.append(try number(record, band) ?? flat) }
        var day: Day = []
        for band in bands {
            guard let rate = rates[band] else { throw Unreadable(field: "\(name).\(bandNames[band])") }
            day.append(rate)
        }
        return day
    }

    private static func tiers(_ value: FieldValue?, _ name: String) throws(Unreadable) -> [Tier] {
        guard let list = value?.list, !list.isEmpty else { throw Unreadable(field: name) }
        var result: [Tier] = []
        for entry in list {
            guard let fields = entry.record, let rate = try number(fields, "rate") else { throw Unreadable(field: name) }
            if let last = result.last, last.upTo == nil { throw Unreadable(field: name) }
            let upTo = try number(fields, "up_to")
            if let upTo, let last = result.last?.upTo, upTo <= last { throw Unreadable(field: name) }
            result.append(Tier(upTo: upTo, rate: rate))
        }
        return result
    }
}

extension [OracleTariff.Tier] {
    /// The rate of the tier that a value is in; ends are inclusive, and the last tier has none, whatever it says.
    ///
    /// - Parameter isWithin: whether the value is at most that end.
    func rate(where isWithin: (Int64) -> Bool) -> Int64 {
        (first { $0.upTo.map(isWithin) ?? true } ?? self[count - 1]).rate
    }
}
