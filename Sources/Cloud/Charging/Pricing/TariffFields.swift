package import LabCore

/// The record form of a tariff: a REST body, an argument in a scenario, a field of events.
extension Tariff {
    static let keys = [
        "name", "utc_offset", "price_lock", "bands", "elec", "service", "service_tiers", "time", "power_tiers", "start", "idle", "minimum", "cap",
        "service_discount", "coupon", "free_if", "loss_per_mille",
    ]

    /// Reads and checks a record.
    ///
    /// `{name, utc_offset: minutes (480), price_lock: at_start|by_validity, bands: [{from: "HH:MM", band}] (half hours, the first from
    /// 00:00; absent: flat all day), elec: {sharp, peak, flat, valley} (a band without a rate has that of flat), service: the same,
    /// service_tiers: {mode: graduated|volume, tiers: [{up_to: dWh, rate}]}, time: {rates, step_seconds (60)}, power_tiers: [{up_to: dW, rate}],
    /// start, idle: {grace_minutes, per_minute, cap}, minimum, cap, service_discount, coupon, free_if: {energy_below, seconds_below},
    /// loss_per_mille}`. A single number in the place of rates is the rate of all bands.
    ///
    /// - Throws: the first thing that is wrong.
    package init(fields: Fields) throws(TariffError) {
        self.init()
        let record = TariffRecord(fields, at: "")
        try record.allow(Self.keys)
        name = try record.text("name", maximumBytes: 128) ?? ""
        utcOffset = try record.integer("utc_offset", in: -840...840) ?? 480
        priceLock = try record.word("price_lock") ?? .atStart
        bands = try record.bands()
        elec = try record.rates("elec") ?? .zero
        service = try Self.serviceRule(record)
        time = try Self.timeRule(record)
        start = try record.integer("start", in: 0...Self.maximumFen) ?? 0
        idle = try Self.idleFee(record)
        minimum = try record.integer("minimum", in: 0...Self.maximumFen) ?? 0
        cap = try record.integer("cap", in: 0...Self.maximumFen)
        if let cap, cap < minimum { throw TariffError(key: "cap", message: "\(cap) is below the minimum \(minimum); write at least that") }
        serviceDiscount = try record.integer("service_discount", in: 0...100) ?? 0
        coupon = try record.integer("coupon", in: 0...Self.maximumFen) ?? 0
        freeIf = try Self.freeRule(record)
        lossPerMille = try record.integer("loss_per_mille", in: 0...1000) ?? 0
    }

    private static func serviceRule(_ record: TariffRecord) throws(TariffError) -> ServiceRule {
        guard let tiers = try record.record("service_tiers") else { return .bands(try record.rates("service") ?? .zero) }
        if record.has("service") {
            throw TariffError(key: "service_tiers", message: "cannot stand beside service; write one of them")
        }
        try tiers.allow(["mode", "tiers"])
        return .tiers(EnergyTiers(mode: try tiers.word("mode") ?? .graduated, tiers: try tiers.tiers("tiers", upTo: Usage.maximumEnergy)))
    }

    private static func timeRule(_ record: TariffRecord) throws(TariffError) -> TimeRule {
        if record.has("power_tiers") {
            if record.has("time") { throw TariffError(key: "power_tiers", message: "cannot stand beside time; write one of them") }
            return .power(try record.tiers("power_tiers", upTo: 100_000_000))
        }
        guard record.has("time") else { return .none }
        guard let rates = try record.rates("time", alsoAllowed: ["step_seconds"]) else { return .none }
        let step = try record.recordOrNil("time")?.integer("step_seconds", in: 1...86_400)
        return .bands(TimeRates(rates: rates, stepSeconds: step ?? 60))
    }

    private static func idleFee(_ record: TariffRecord) throws(TariffError) -> IdleFee? {
        guard let idle = try record.record("idle") else { return nil }
        try idle.allow(["grace_minutes", "per_minute", "cap"])
        return IdleFee(
            graceMinutes: try idle.integer("grace_minutes", in: 0...527_040) ?? 0,
            perMinute: try idle.needed("per_minute", in: 0...maximumFen), cap: try idle.integer("cap", in: 0...maximumFen))
    }

    private static func freeRule(_ record: TariffRecord) throws(TariffError) -> FreeIf? {
        guard let free = try record.record("free_if") else { return nil }
        try free.allow(["energy_below", "seconds_below"])
        return FreeIf(
            energyBelow: try free.needed("energy_below", in: 0...Usage.maximumEnergy),
            secondsBelow: try free.needed("seconds_below", in: 0...Usage.maximumSeconds))
    }

    /// The record that gives this tariff again; what has its default is left out.
    package var fields: Fields {
        var fields: Fields = [:]
        if !name.isEmpty { fields["name"] = .text(name) }
        fields["utc_offset"] = .integer(utcOffset)
        fields["price_lock"] = .text(priceLock.rawValue)
        if bands != [BandChange(minute: 0, band: .flat)] { fields["bands"] = .list(bands.map(Self.field)) }
        fields["elec"] = .record(Self.fields(elec))
        switch service {
        case .bands(let rates): fields["service"] = .record(Self.fields(rates))
        case .tiers(let tiers):
            fields["service_tiers"] = ["mode": .text(tiers.mode.rawValue), "tiers": .list(tiers.tiers.map(Self.field))]
        }
        switch time {
        case .none: break
        case .bands(let time): fields["time"] = .record(Self.fields(time.rates).merging(["step_seconds": .integer(time.stepSeconds)]))
        case .power(let tiers): fields["power_tiers"] = .list(tiers.map(Self.field))
        }
        appendAmounts(to: &fields)
        return fields
    }

    private func appendAmounts(to fields: inout Fields) {
        if start != 0 { fields["start"] = .integer(start) }
        if let idle {
            var record: Fields = ["grace_minutes": .integer(idle.graceMinutes), "per_minute": .integer(idle.perMinute)]
            if let cap = idle.cap { record["cap"] = .integer(cap) }
            fields["idle"] = .record(record)
        }
        if minimum != 0 { fields["minimum"] = .integer(minimum) }
        if let cap { fields["cap"] = .integer(cap) }
        if serviceDiscount != 0 { fields["service_discount"] = .integer(serviceDiscount) }
        if coupon != 0 { fields["coupon"] = .integer(coupon) }
        if let freeIf {
            fields["free_if"] = ["energy_below": .integer(freeIf.energyBelow), "seconds_below": .integer(freeIf.secondsBelow)]
        }
        if lossPerMille != 0 { fields["loss_per_mille"] = .integer(lossPerMille) }
    }

    private static func field(_ change: BandChange) -> FieldValue {
        func two(_ number: Int) -> String { number < 10 ? "0\(number)" : "\(number)" }
        return ["from": .text("\(two(change.minute / 60)):\(two(change.minute % 60))"), "band": .text(change.band.rawValue)]
    }

    private static func field(_ tier: Tier) -> FieldValue {
        var record: Fields = [:]
        if let upTo = tier.upTo { record["up_to"] = .integer(upTo) }
        record["rate"] = .integer(tier.rate)
        return .record(record)
    }

    private static func fields(_ rates: PerBand) -> Fields {
        if rates == PerBand(rates.flat) { return ["flat": .integer(rates.flat)] }
        return ["sharp": .integer(rates.sharp), "peak": .integer(rates.peak), "flat": .integer(rates.flat), "valley": .integer(rates.valley)]
    }
}
