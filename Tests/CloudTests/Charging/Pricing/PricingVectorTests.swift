import LabCore
import Testing

@testable import Cloud

/// The rows of the table, and the cases that its numbers leave room for; where the table has no figures, they are worked out here by hand.
@Suite("Worked examples (charging-orders.md 2.4)")
struct PricingVectorTests {
    private let world = PricingWorld.self

    @Test("V01: 12.3456 kWh flat: 7.40736 and 4.93824 yuan are 741 and 494")
    func flat() throws {
        let price = try PriceCalculator.price(world.usage(123_456), world.tariff())
        #expect(price.text == "elec 741, service 494; due 1235")
        #expect(price.flags.isEmpty)
        #expect(price.energy == 123_456)
    }

    /// 1.20, 0.60, 0.30 yuan of electricity and 0.50, 0.30, 0.20 of service, with the valley from 23:00.
    private let evening: Fields = [
        "bands": [
            ["from": "00:00", "band": "valley"], ["from": "07:00", "band": "flat"], ["from": "10:00", "band": "peak"], ["from": "11:00", "band": "sharp"],
            ["from": "12:00", "band": "flat"], ["from": "18:00", "band": "peak"], ["from": "22:00", "band": "flat"], ["from": "23:00", "band": "valley"],
        ],
        "elec": ["sharp": 150_000, "peak": 120_000, "flat": 60_000, "valley": 30_000],
        "service": ["sharp": 60_000, "peak": 50_000, "flat": 30_000, "valley": 20_000],
    ]

    @Test("V02: 21:30 to 23:40 with 7.8 kWh: 1.8 peak, 3.6 flat, 2.4 valley are 2.16 + 2.16 + 0.72 and 0.90 + 1.08 + 0.48 yuan")
    func bands() throws {
        let price = try PriceCalculator.price(world.usage("2026-03-10 21:30", "2026-03-10 23:40", 78_000), world.tariff(evening))
        #expect(price.text == "elec 504, service 246; due 750")
        #expect(price.segments.map(\.band) == [.peak, .flat, .valley])
        #expect(price.segments.map(\.energy) == [18_000, 36_000, 24_000])
        #expect(price.segments.map(\.elec) == [216, 216, 72])
        #expect(price.segments.map(\.service) == [90, 108, 48])
    }

    @Test("V03: 10:00 to 13:00 with 6 kWh: 2 peak, 2 sharp, 2 flat are 2.40 + 3.00 + 1.20 and 1.00 + 1.20 + 0.60 yuan")
    func sharp() throws {
        let price = try PriceCalculator.price(world.usage("2026-03-10 10:00", "2026-03-10 13:00", 60_000), world.tariff(evening))
        #expect(price.text == "elec 660, service 280; due 940")
        #expect(price.segments.map(\.band) == [.peak, .sharp, .flat])
        #expect(price.segments.map(\.elec) == [240, 300, 120])
    }

    @Test("V04: over midnight it is one order and two civil days")
    func midnight() throws {
        let price = try PriceCalculator.price(world.usage("2026-03-10 23:30", "2026-03-11 00:30", 12_000), world.tariff())
        #expect(price.text == "elec 72, service 48; due 120")
        #expect(price.segments.map(\.energy) == [6000, 6000])
        #expect(price.segments.map { CivilCalendar.text(day: $0.civilDay) } == ["2026-03-10", "2026-03-11"])
        #expect(price.segments.map(\.elec) == [36, 36])
    }

    /// Half of 3,333 dWh is 1,666.5: the floor at the cut, the rest behind it. 0.19998 and 0.13332 yuan are 20 and 13 fen. Their shares are
    /// 9.997 and 10.003, so the first gets the fen that is left, and 6.498 and 6.502, so the second gets it.
    @Test("V05: over the end of a month: 0.3333 kWh in twice ten minutes")
    func monthEnd() throws {
        let price = try PriceCalculator.price(world.usage("2026-01-31 23:50", "2026-02-01 00:10", 3333), world.tariff())
        #expect(price.text == "elec 20, service 13; due 33")
        #expect(price.segments.map(\.energy) == [1666, 1667])
        #expect(price.segments.map(\.elec) == [10, 10])
        #expect(price.segments.map(\.service) == [6, 7])
        #expect(price.segments.map { CivilCalendar.text(day: $0.civilDay) } == ["2026-01-31", "2026-02-01"])
    }

    @Test("V06: 11,862 s at 0.00417 yuan a minute: 198 started minutes are 0.82566 yuan")
    func time() throws {
        let tariff = try Tariff(fields: ["time": ["flat": 417]])
        let price = try PriceCalculator.price(world.usage(3000, seconds: 11_862), tariff)
        #expect(price.text == "elec 0, service 0, time 83; due 83")
    }

    private let tiers: FieldValue = [["up_to": 50_000, "rate": 50_000], ["up_to": 100_000, "rate": 40_000], ["rate": 30_000]]

    private func tiered(_ mode: String) throws -> Tariff {
        try Tariff(fields: ["elec": 60_000, "service_tiers": ["mode": .text(mode), "tiers": tiers]])
    }

    @Test("V07: 12 kWh in graduated tiers: 5 at 0.50, 5 at 0.40, 2 at 0.30 are 5.10 yuan")
    func graduated() throws {
        #expect(try PriceCalculator.price(world.usage(120_000), tiered("graduated")).text == "elec 720, service 510; due 1230")
    }

    @Test("V08: volume tiers: all at the rate of the total, whose limits are inclusive")
    func volume() throws {
        #expect(try PriceCalculator.price(world.usage(120_000), tiered("volume")).text == "elec 720, service 360; due 1080")
        #expect(try PriceCalculator.price(world.usage(100_000), tiered("volume")).text == "elec 600, service 400; due 1000")
        // One dWh more: 10.0001 kWh at 0.30 are 3.00003 yuan.
        #expect(try PriceCalculator.price(world.usage(100_001), tiered("volume")).text == "elec 600, service 300; due 900")
    }

    /// An hour at 150 W, half an hour at exactly 100 W, half an hour at 240 W: 0.30 + 0.10 + 0.25 yuan.
    @Test("V09: power tiers: each interval between samples at the hourly rate of its average power, limits inclusive")
    func power() throws {
        let tariff = try Tariff(fields: ["power_tiers": [["up_to": 1000, "rate": 20_000], ["up_to": 2000, "rate": 30_000], ["rate": 50_000]]])
        let start = world.civil("2026-03-10 10:10")
        let usage = Usage(
            started: start, ended: start + 7200, samples: world.samples(start, [(0, 0), (60, 1500), (90, 2000), (120, 3200)]))
        let price = try PriceCalculator.price(usage, tariff)
        #expect(price.text == "elec 0, service 0, time 65; due 65")
        #expect(price.energy == 3200)
    }

    @Test("V10: 0.08 kWh are 4.8 and 3.2 fen; the minimum of 1.00 yuan takes 92 more")
    func minimum() throws {
        #expect(try PriceCalculator.price(world.usage(800), world.tariff(["minimum": 100])).text == "elec 5, service 3, min_top_up 92; due 100")
    }

    @Test("V11: 40 kWh are 40 yuan; the cap of 30 takes 10 back as a line of its own")
    func cap() throws {
        let tariff = try world.tariff(["cap": 3000])
        #expect(try PriceCalculator.price(world.usage(400_000), tariff).text == "elec 2400, service 1600, cap -1000; due 3000")
        #expect(try PriceCalculator.price(world.usage(300_000), tariff).text == "elec 1800, service 1200; due 3000")
    }

    @Test("V12: a failed start of 25 s without energy is free, start fee and minimum included; at either threshold it is not")
    func free() throws {
        let tariff = try world.tariff(["start": 50, "minimum": 100, "free_if": ["energy_below": 100, "seconds_below": 60]])
        let price = try PriceCalculator.price(world.usage(0, seconds: 25), tariff)
        #expect(price.text == "elec 0, service 0; due 0")
        #expect(price.flags == [.free])
        #expect(try PriceCalculator.price(world.usage(99, seconds: 59), tariff).due == 0)
        #expect(try PriceCalculator.price(world.usage(99, seconds: 60), tariff).due == 100)
        #expect(try PriceCalculator.price(world.usage(100, seconds: 59), tariff).due == 100)
    }

    @Test("V13: 12.5 and 2.5 fen are 13 and 3: half up, in each line")
    func halfUp() throws {
        let tariff = try Tariff(fields: ["elec": ["flat": 50_000], "service": ["flat": 10_000]])
        #expect(try PriceCalculator.price(world.usage(2500), tariff).text == "elec 13, service 3; due 16")
        #expect(try PriceCalculator.price(world.usage(2499), tariff).text == "elec 12, service 2; due 14")
    }

    @Test("V14: 15 percent off 494 are 74.1, so 74; a coupon takes what it can and never more than there is to pay")
    func discountAndCoupon() throws {
        let some = try world.tariff(["service_discount": 15, "coupon": 200])
        #expect(try PriceCalculator.price(world.usage(123_456), some).text == "elec 741, service 494, discount -74, coupon -200; due 961")
        let all = try world.tariff(["coupon": 5000])
        #expect(try PriceCalculator.price(world.usage(123_456), all).text == "elec 741, service 494, coupon -1235; due 0")
    }

    @Test("V17: start 0.50; of 37 idle minutes 22 are after the grace of 15: 2.20 yuan, capped at 2.00")
    func startAndIdle() throws {
        let capped = try world.tariff(["start": 50, "idle": ["grace_minutes": 15, "per_minute": 10, "cap": 200]])
        #expect(
            try PriceCalculator.price(world.usage(123_456, idleMinutes: 37), capped).text == "elec 741, service 494, start 50, idle 200; due 1485")
        let open = try world.tariff(["idle": ["grace_minutes": 15, "per_minute": 10]])
        #expect(try PriceCalculator.price(world.usage(123_456, idleMinutes: 37), open).fen(.idle) == 220)
        #expect(try PriceCalculator.price(world.usage(123_456, idleMinutes: 15), open).fen(.idle) == 0)
        #expect(try PriceCalculator.price(world.usage(123_456, idleMinutes: 16), open).fen(.idle) == 10)
    }

    private func versions(_ lock: String) throws -> [DatedTariff] {
        [
            DatedTariff(from: 0, tariff: try world.tariff(["price_lock": .text(lock)])),
            DatedTariff(from: world.civil("2026-03-10 12:10"), tariff: try Tariff(fields: ["elec": 90_000, "service": 50_000])),
        ]
    }

    @Test("V18: a tariff edited during the charge: at_start bills the version of the start to the end")
    func priceLockAtStart() throws {
        let price = try PriceCalculator.price(world.usage("2026-03-10 11:10", "2026-03-10 13:10", 20_000), versions: versions("at_start"))
        #expect(price.text == "elec 120, service 80; due 200")
        #expect(price.segments.count == 1)
    }

    @Test("V19: by_validity bills each part by its version: 0.60 + 0.90 and 0.40 + 0.50 yuan")
    func priceLockByValidity() throws {
        let price = try PriceCalculator.price(world.usage("2026-03-10 11:10", "2026-03-10 13:10", 20_000), versions: versions("by_validity"))
        #expect(price.text == "elec 150, service 90; due 240")
        #expect(price.segments.map(\.version) == [0, 1])
        #expect(price.segments.map(\.energy) == [10_000, 10_000])
        // An order that begins under the new version never sees the old one.
        let later = try PriceCalculator.price(world.usage("2026-03-10 12:10", "2026-03-10 13:10", 10_000), versions: versions("by_validity"))
        #expect(later.text == "elec 90, service 50; due 140")
    }

    @Test("V22: a register that begins again at 3 Wh after 6 kWh and shows 4.1 kWh at the end has counted 10.1")
    func registerReset() throws {
        let start = world.civil("2026-03-10 10:00")
        let usage = Usage(
            started: start, ended: start + 4 * 3600, samples: world.samples(start, [(0, 0), (60, 30_000), (120, 60_000), (130, 30), (240, 41_000)]))
        let price = try PriceCalculator.price(usage, world.tariff())
        #expect(price.text == "elec 606, service 404; due 1010")
        #expect(price.flags == [.registerReset])
        #expect(price.energy == 101_000)
    }

    @Test("V23: a reading below an earlier one is no restart when it is above 5 Wh: it is left out")
    func rollback() throws {
        let start = world.civil("2026-03-10 10:00")
        let usage = Usage(started: start, ended: start + 7200, samples: world.samples(start, [(0, 0), (60, 30_000), (70, 29_000), (120, 60_000)]))
        let price = try PriceCalculator.price(usage, world.tariff())
        #expect(price.text == "elec 360, service 240; due 600")
        #expect(price.flags == [.meterRollback])
    }

    @Test("V24: a pile's clock that is 7 minutes ahead, or behind, changes nothing once its offset is known")
    func clockOffset() throws {
        let start = world.civil("2026-03-10 21:30")
        for offset in [Int64(420), -420] {
            let samples = world.samples(start + offset, [(0, 0), (30, 18_000), (90, 54_000), (130, 78_000)])
            let usage = Usage(started: start, ended: start + 130 * 60, samples: samples, clockOffset: offset)
            #expect(try PriceCalculator.price(usage, world.tariff(evening)).text == "elec 504, service 246; due 750")
        }
    }

    @Test("V25: over the end of the year, an hour of valley on each side")
    func yearEnd() throws {
        let price = try PriceCalculator.price(world.usage("2026-12-31 23:00", "2027-01-01 01:00", 20_000), world.tariff(evening))
        // 2 kWh at 0.30 and at 0.20 yuan.
        #expect(price.text == "elec 60, service 40; due 100")
        #expect(price.segments.map { CivilCalendar.text(day: $0.civilDay) } == ["2026-12-31", "2027-01-01"])
    }
}
