import LabCore
import Testing

@testable import Cloud

/// Tariffs and usages from a seed.
enum RandomTariff {
    static func rate(_ chance: inout SeededGenerator) -> FieldValue { .integer(Int64(chance.integer(below: 200_000))) }

    /// One band, energy only, with amounts for the whole order.
    static func flat(_ chance: inout SeededGenerator) throws -> Tariff {
        var fields: Fields = ["elec": rate(&chance), "service": rate(&chance)]
        if chance.chance(0.3) { fields["start"] = .integer(Int64(chance.integer(below: 200))) }
        if chance.chance(0.3) { fields["minimum"] = .integer(Int64(chance.integer(below: 300))) }
        if chance.chance(0.2) { fields["cap"] = .integer(300 + Int64(chance.integer(below: 20_000))) }
        if chance.chance(0.3) { fields["service_discount"] = .integer(Int64(chance.integer(below: 101))) }
        if chance.chance(0.3) { fields["coupon"] = .integer(Int64(chance.integer(below: 500))) }
        if chance.chance(0.3) { fields["loss_per_mille"] = .integer(Int64(chance.integer(below: 100))) }
        if chance.chance(0.2) {
            fields["service"] = nil
            fields["service_tiers"] = ["mode": "graduated", "tiers": [["up_to": 30_000, "rate": rate(&chance)], ["rate": rate(&chance)]]]
        }
        return try Tariff(fields: fields)
    }

    /// A band for every half hour, rates for energy and time.
    static func bands(_ chance: inout SeededGenerator) -> (fields: Fields, bands: [TariffBand], rates: [TariffBand: (elec: Int64, service: Int64, time: Int64)]) {
        let bands = (0..<48).map { _ in TariffBand.allCases[Int(chance.integer(below: 4))] }
        var rates: [TariffBand: (elec: Int64, service: Int64, time: Int64)] = [:]
        var (elec, service, time): (Fields, Fields, Fields) = ([:], [:], ["step_seconds": 1])
        for band in TariffBand.allCases {
            let rate = (Int64(chance.integer(below: 200_000)), Int64(chance.integer(below: 200_000)), Int64(chance.integer(below: 5_000)))
            rates[band] = rate
            elec[band.rawValue] = .integer(rate.0)
            service[band.rawValue] = .integer(rate.1)
            time[band.rawValue] = .integer(rate.2)
        }
        let changes = bands.enumerated().map { slot, band -> FieldValue in
            let hour = slot / 2
            return ["from": .text("\(hour < 10 ? "0" : "")\(hour):\(slot % 2 == 0 ? "00" : "30")"), "band": .text(band.rawValue)]
        }
        return (["bands": .list(changes), "elec": .record(elec), "service": .record(service), "time": .record(time)], bands, rates)
    }
}

@Suite("Prices, properties (charging-orders.md 2.2, 2.3)")
struct PricingPropertyTests {
    /// A day in March plus up to a day.
    private func start(_ chance: inout SeededGenerator) -> Int64 { PricingWorld.civil("2026-03-10 00:00") + Int64(chance.integer(below: 86_400)) }

    @Test("bands: the lines are those that counting second by second gives", arguments: 0..<12)
    func secondBySecond(seed: UInt64) throws {
        var chance = SeededGenerator(seed: seed, purpose: "second by second")
        let (fields, bands, rates) = RandomTariff.bands(&chance)
        let tariff = try Tariff(fields: fields)
        let started = start(&chance)
        let seconds = Int64(1 + chance.integer(below: 20_000))
        let perSecond = Int64(chance.integer(below: 30))

        var (elec, service, time): (Int64, Int64, Int64) = (0, 0, 0)
        for second in 0..<seconds {
            // Seconds of the civil day in UTC+8, and the half hour of it.
            let slot = Int((started + 8 * 3600 + second) % 86_400 / 1800)
            let rate = try #require(rates[bands[slot]])
            elec += perSecond * rate.elec
            service += perSecond * rate.service
            time += rate.time
        }
        let price = try PriceCalculator.price(Usage(started: started, ended: started + seconds, total: perSecond * seconds), tariff)
        // Nano-yuan, and 10,000 nano-yuan a minute: to fen, half up.
        #expect(price.fen(.elec) == (elec + 5_000_000) / 10_000_000)
        #expect(price.fen(.service) == (service + 5_000_000) / 10_000_000)
        #expect(price.fen(.time) == (time * 10_000 + 300_000_000) / 600_000_000)
    }

    @Test("parts add up: energy, each line, the due; the order of samples is irrelevant", arguments: 0..<12)
    func partsAddUp(seed: UInt64) throws {
        var chance = SeededGenerator(seed: seed, purpose: "parts")
        for _ in 0..<30 {
            var fields = RandomTariff.bands(&chance).fields
            if chance.chance(0.5) { fields["loss_per_mille"] = .integer(Int64(chance.integer(below: 200))) }
            if chance.chance(0.5) { fields["minimum"] = 300 }
            if chance.chance(0.5) { fields["coupon"] = 150 }
            let tariff = try Tariff(fields: fields)
            let started = start(&chance)
            let seconds = Int64(chance.integer(below: 100_000))
            var samples = (0..<chance.integer(below: 40)).map { _ in
                Usage.Sample(at: started - 100 + Int64(chance.integer(below: UInt64(seconds + 200))), energy: Int64(chance.integer(below: 50_000)))
            }
            let usage = Usage(started: started, ended: started + seconds, samples: samples)
            let price = try PriceCalculator.price(usage, tariff)
            #expect(price.lines.reduce(0) { $0 + $1.fen } == price.due)
            #expect(price.due >= 0)
            #expect(price.segments.reduce(0) { $0 + $1.energy } == price.energy)
            #expect(price.segments.allSatisfy { $0.energy >= 0 && $0.from <= $0.to })
            #expect(price.segments.first?.from == started && price.segments.last?.to == started + seconds)
            #expect(zip(price.segments, price.segments.dropFirst()).allSatisfy { $0.to == $1.from })
            #expect(price.segments.reduce(0) { $0 + $1.elec } == price.fen(.elec))
            #expect(price.segments.reduce(0) { $0 + $1.service } == price.fen(.service))
            #expect(price.segments.reduce(0) { $0 + $1.time } == price.fen(.time))
            #expect(Price(fields: price.fields) == price)
            for index in samples.indices { samples.swapAt(index, Int(chance.integer(below: UInt64(samples.count)))) }
            var shuffled = usage
            shuffled.samples = samples
            #expect(try PriceCalculator.price(shuffled, tariff) == price)
        }
    }

    @Test("a flat tariff never gets cheaper with more energy", arguments: 0..<20)
    func monotone(seed: UInt64) throws {
        var chance = SeededGenerator(seed: seed, purpose: "monotone")
        for _ in 0..<30 {
            let tariff = try RandomTariff.flat(&chance)
            let energy = Int64(chance.integer(below: 100_000))
            let more = energy + 1 + Int64(chance.integer(below: 100))
            #expect(try PriceCalculator.price(PricingWorld.usage(energy), tariff).due <= PriceCalculator.price(PricingWorld.usage(more), tariff).due)
        }
    }

    @Test("the estimate before the start is never below the price afterwards", arguments: 0..<12)
    func estimate(seed: UInt64) throws {
        var chance = SeededGenerator(seed: seed, purpose: "estimates")
        for _ in 0..<30 {
            let tariff = try Tariff(fields: RandomTariff.bands(&chance).fields)
            let started = start(&chance)
            let (seconds, energy) = (Int64(chance.integer(below: 100_000)), Int64(chance.integer(below: 100_000)))
            let price = try PriceCalculator.price(Usage(started: started, ended: started + seconds, total: energy), tariff)
            #expect(PriceCalculator.estimate(energy: energy, seconds: seconds, tariff: tariff, startingAt: started) >= price.due)
        }
    }
}

@Suite("Prices, extreme values")
struct PricingExtremeTests {
    private let dearest: Fields = [
        "elec": 100_000_000, "service": 100_000_000, "time": 100_000_000, "start": 100_000_000, "loss_per_mille": 1000,
        "idle": ["per_minute": 100_000_000],
    ]

    @Test("everything at its bound is priced without an overflow")
    func bounds() throws {
        let end = Usage.maximumTime
        let usage = Usage(
            started: end - Usage.maximumSeconds, ended: end, total: Usage.maximumEnergy, idleMinutes: Usage.maximumSeconds / 60,
            bandRegisters: PerBand(flat: Usage.maximumEnergy))
        let price = try PriceCalculator.price(usage, Tariff(fields: dearest))
        // 200 MWh at 1,000 yuan, twice; 527,040 minutes at 1,000 yuan; a million of start; 527,040 minutes at a million.
        #expect(price.fen(.elec) == 20_000_000_000)
        #expect(price.fen(.service) == 20_000_000_000)
        #expect(price.fen(.time) == 52_704_000_000)
        #expect(price.fen(.idle) == 52_704_000_000_000)
        #expect(price.segments.reduce(0) { $0 + $1.energy } == 2 * Usage.maximumEnergy)
        let power = try Tariff(fields: ["power_tiers": [["up_to": 100_000_000, "rate": 1], ["rate": 100_000_000]]])
        // The average power is far below 10 MW: 8,784 hours at 1e-5 yuan are 8.784 fen.
        #expect(try PriceCalculator.price(usage, power).fen(.time) == 9)
    }

    @Test("what is beyond the bounds is refused by name")
    func refused() throws {
        let tariff = try Tariff(fields: dearest)
        func error(_ usage: Usage) -> PricingError? {
            do throws(PricingError) {
                _ = try PriceCalculator.price(usage, tariff)
                return nil
            } catch { return error }
        }
        #expect(error(Usage(started: 10, ended: 9)) == .endBeforeStart(started: 10, ended: 9))
        #expect(error(Usage(started: .min, ended: .max)) == .timeOutOfRange(.min))
        #expect(error(Usage(started: 0, ended: .max)) == .timeOutOfRange(.max))
        #expect(error(Usage(started: 0, ended: Usage.maximumSeconds + 1)) == .tooLong(seconds: Usage.maximumSeconds + 1))
        #expect(error(Usage(started: 0, ended: 9, total: -1)) == .negativeEnergy(-1))
        #expect(error(Usage(started: 0, ended: 9, total: .max)) == .energyTooLarge(.max))
        #expect(error(Usage(started: 0, ended: 9, samples: [Usage.Sample(at: .min, energy: 1)])) == .timeOutOfRange(.min))
        #expect(error(Usage(started: 0, ended: 9, samples: [Usage.Sample(at: 1, energy: .min)])) == .negativeEnergy(.min))
        #expect(error(Usage(started: 0, ended: 9, samples: [Usage.Sample(at: 1, energy: .max)])) == .energyTooLarge(.max))
        #expect(error(Usage(started: 0, ended: 9, samples: [Usage.Sample(at: 1, energy: 1_000_000_001)])) == .energyTooLarge(1_000_000_001))
        #expect(error(Usage(started: 0, ended: 9, base: -5)) == .negativeEnergy(-5))
        #expect(error(Usage(started: 0, ended: 9, clockOffset: .min)) == .timeOutOfRange(.min))
        #expect(error(Usage(started: 0, ended: 9, idleMinutes: -1)) == .idleOutOfRange(-1))
        #expect(error(Usage(started: 0, ended: 9, bandRegisters: PerBand(peak: -1))) == .negativeEnergy(-1))
        let many = Array(repeating: Usage.Sample(at: 1, energy: 1), count: Usage.maximumSamples + 1)
        #expect(error(Usage(started: 0, ended: 9, samples: many)) == .tooManySamples(Usage.maximumSamples + 1))
        #expect(error(Usage(started: 0, ended: 0)) == nil)
    }

    @Test("a schedule without a version, or with versions out of order, is refused")
    func schedule() throws {
        let tariff = try Tariff(fields: [:])
        let usage = Usage(started: 0, ended: 9)
        #expect(throws: PricingError.noTariff) { try PriceCalculator.price(usage, versions: []) }
        #expect(throws: PricingError.noTariff) {
            try PriceCalculator.price(usage, versions: [DatedTariff(from: 5, tariff: tariff), DatedTariff(from: 5, tariff: tariff)])
        }
    }

    @Test("a year with a sample every six minutes is priced at once")
    func long() throws {
        let samples = (0..<87_840).map { Usage.Sample(at: $0 * 360, energy: $0 * 10) }
        let price = try PriceCalculator.price(
            Usage(started: 0, ended: Usage.maximumSeconds, samples: samples), Tariff(fields: ["elec": 60_000, "power_tiers": [["rate": 1]]]))
        #expect(price.segments.count == 367)
        #expect(price.energy == 878_390)
    }
}
