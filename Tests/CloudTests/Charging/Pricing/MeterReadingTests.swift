import LabCore
import Testing

@testable import Cloud

@Suite("Samples, cuts and registers of bands (charging-orders.md 2.3, rules 1 to 3)")
struct MeterReadingTests {
    private let world = PricingWorld.self
    private let start = PricingWorld.civil("2026-03-10 10:00")
    private let bands: Fields = [
        "bands": [["from": "00:00", "band": "flat"], ["from": "10:30", "band": "peak"], ["from": "11:00", "band": "flat"]],
        "elec": ["flat": 60_000, "peak": 120_000], "service": 40_000,
    ]

    private func price(_ points: [(minute: Int64, energy: Int64)], minutes: Int64 = 90, total: Int64? = nil, base: Int64 = 0) throws -> Price {
        let usage = Usage(started: start, ended: start + minutes * 60, samples: world.samples(start, points), total: total, base: base)
        return try PriceCalculator.price(usage, world.tariff(bands))
    }

    @Test("the order of samples and their duplicates are irrelevant; of two at one instant the larger counts")
    func order() throws {
        let sorted = try price([(0, 0), (20, 500), (40, 1500), (80, 4000)])
        #expect(try price([(80, 4000), (40, 1500), (0, 0), (20, 500)]) == sorted)
        #expect(try price([(0, 0), (20, 500), (20, 500), (40, 1400), (40, 1500), (80, 4000), (80, 4000)]) == sorted)
        #expect(sorted.flags.isEmpty)
    }

    @Test("a cut between samples is the floor of the line between them, and the parts add up")
    func interpolation() throws {
        // 10:20 with 1,000 and 10:50 with 2,000 dWh: at 10:30 the line is at 1,333.3. 10:50 to 11:20 with 2,001: at 11:00 it is at 2,000.3.
        let price = try price([(0, 0), (20, 1000), (50, 2000), (80, 2001)])
        #expect(price.segments.map(\.energy) == [1333, 667, 1])
    }

    @Test("a drop to exactly 5 Wh is a restart, one to more is a rollback")
    func restartLevel() throws {
        let restart = try price([(0, 0), (20, 1000), (30, 50), (40, 200)])
        #expect(restart.energy == 1200 && restart.flags == [.registerReset])
        let rollback = try price([(0, 0), (20, 1000), (30, 51), (40, 1200)])
        #expect(rollback.energy == 1200 && rollback.flags == [.meterRollback])
        let both = try price([(0, 0), (20, 1000), (25, 900), (30, 0), (40, 200)])
        #expect(both.energy == 1200 && both.flags == [.registerReset, .meterRollback])
    }

    @Test("a meter that does not begin at 0 counts from its base")
    func base() throws {
        #expect(try price([(0, 9_099_480), (40, 9_100_480)], base: 9_099_480).energy == 1000)
    }

    @Test("a bill's total stands: samples above it are cut down and flagged, and what lacks comes after the last one")
    func total() throws {
        let lower = try price([(0, 0), (20, 1000), (60, 3000)], total: 2000)
        #expect(lower.energy == 2000 && lower.flags == [.samplesAboveTotal])
        #expect(lower.segments.map(\.energy).reduce(0, +) == 2000)
        let higher = try price([(0, 0), (60, 1000)], total: 4000)
        #expect(higher.energy == 4000 && higher.flags.isEmpty)
        // At 11:00 there are 1,000, the rest flows until the end.
        #expect(higher.segments.map(\.energy) == [500, 500, 3000])
    }

    @Test("samples outside of the order's time count at its edges: no energy is lost")
    func outside() throws {
        let price = try price([(-10, 100), (40, 1000), (200, 2000)])
        #expect(price.energy == 2000)
        #expect(price.segments.reduce(0) { $0 + $1.energy } == 2000)
    }

    @Test("an order of no length has its energy in one segment of no length")
    func instant() throws {
        let price = try price([(0, 700)], minutes: 0)
        #expect(price.segments.map(\.energy) == [700])
        #expect(price.seconds == 0)
    }

    @Test("an order without samples and without a bill used nothing")
    func nothing() throws {
        #expect(try price([]).due == 0)
    }

    @Test("a segment begins on the civil half hour also where the offset is no whole hour")
    func oddOffset() throws {
        // 10:00 of UTC+8 is 07:45 of UTC+5:45: the peak of 10:30 there is two hours and 45 minutes later.
        let tariff = try world.tariff(bands.merging(["utc_offset": 345]))
        let price = try PriceCalculator.price(Usage(started: start, ended: start + 4 * 3600, total: 1000), tariff)
        #expect(price.segments.map { ($0.from - start) / 60 } == [0, 165, 195])
        #expect(price.segments.map(\.band) == [.flat, .peak, .flat])
    }

    // MARK: Registers of bands

    private func price(registers: PerBand, total: Int64 = 3000) throws -> Price {
        // By time: 1,000 flat, 1,000 peak, 1,000 flat.
        let usage = Usage(started: start, ended: start + 5400, total: total, bandRegisters: registers)
        return try PriceCalculator.price(usage, world.tariff(bands))
    }

    @Test("registers of bands that add up are billed instead of the samples")
    func registers() throws {
        let price = try price(registers: PerBand(peak: 1060, flat: 1940))
        #expect(price.segments.map(\.energy) == [970, 1060, 970])
        // 0.194 kWh at 0.60 and 0.106 at 1.20 are 11.64 + 12.72 = 24.36 fen.
        #expect(price.fen(.elec) == 24)
        #expect(price.flags.isEmpty)
    }

    @Test("0.01 kWh for each segment is tolerated; one dWh more is billed all the same, and somebody looks at it")
    func tolerance() throws {
        // One segment of peak: up to 100 dWh. Two of flat: up to 200, which 1,101 to 1,899 in flat is well within.
        #expect(try price(registers: PerBand(peak: 1100, flat: 1900)).flags.isEmpty)
        let beyond = try price(registers: PerBand(peak: 1101, flat: 1899))
        #expect(beyond.flags == [.bandMismatch] && beyond.needsReview)
        #expect(beyond.segments[1].energy == 1101)
    }

    @Test("registers that do not add up, or that name a band the order was not in, do not count")
    func ignored() throws {
        for registers in [PerBand(peak: 1000, flat: 1999), PerBand(peak: 1000, flat: 1900, valley: 100)] {
            let price = try price(registers: registers)
            #expect(price.flags == [.bandRegistersIgnored])
            #expect(price.segments.map(\.energy) == [1000, 1000, 1000])
        }
    }

    // MARK: Loss ratio

    @Test("the loss ratio is applied to the total once: 12.3457 kWh and 3 per mille are 12.3827, not 12.38")
    func lossRatio() throws {
        // 123,457 x 1,003 / 1,000 = 123,827.371.
        let price = try PriceCalculator.price(world.usage(123_457, seconds: 7200), world.tariff(["loss_per_mille": 3]))
        #expect(price.energy == 123_827)
        #expect(price.meteredEnergy == 123_457)
        #expect(price.segments.reduce(0) { $0 + $1.energy } == 123_827)
        // 7.42962 and 4.95308 yuan.
        #expect(price.text == "elec 743, service 495; due 1238")
    }
}
