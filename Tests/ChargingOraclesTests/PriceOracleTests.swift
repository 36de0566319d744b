import LabCore
import Testing

@testable import ChargingOracles

/// 2026-01-05 (a Monday) 00:00 in Beijing.
private let midnight: Int64 = 1_767_542_400

private func at(_ hour: Int64, _ minute: Int64, _ second: Int64 = 0) -> Int64 { midnight + hour * 3_600 + minute * 60 + second }

/// 0.60 yuan of electricity and 0.40 of service for a kWh, as the worked examples have it.
private let flat: Fields = ["name": "flat", "elec": ["flat": 60_000], "service": ["flat": 40_000]]

private func price(
    _ tariff: Fields, energy: Int64?, from started: Int64 = at(10, 0), for seconds: Int64 = 3_600, samples: [(Int64, Int64)] = [], idle: Int64 = 0
) throws -> PriceOracle.Price {
    try PriceOracle(tariff).price(
        PriceOracle.Charge(
            started: started, ended: started + seconds, samples: samples.map { PriceOracle.Sample(at: $0.0, energy: $0.1) }, energy: energy, idleMinutes: idle))
}

@Suite("Price oracle: worked examples (charging-orders.md 2.4)")
struct PriceOracleExampleTests {
    @Test("V01: 12.3456 kWh at 0.60 + 0.40 are 741 + 494")
    func flatRate() throws {
        let price = try price(flat, energy: 123_456)
        #expect(price.fen("elec") == 741)
        #expect(price.fen("service") == 494)
        #expect(price.due == 1_235)
    }

    /// 7.8 kWh at a constant 3.6 kW: 30 minutes of peak are 1.8, 60 of flat 3.6, 40 of valley 2.4 kWh.
    /// 1.8 × 1.20 + 3.6 × 0.60 + 2.4 × 0.30 = 5.04 yuan; 1.8 × 0.30 + 3.6 × 0.40 + 2.4 × 0.20 = 2.46 yuan.
    @Test("one number is the rate of all bands")
    func single() throws { #expect(try price(["elec": 60_000, "service": 40_000], energy: 123_456).due == 1_235) }

    @Test("V02: 21:30 to 23:40 through peak, flat and valley is 504 + 246")
    func bands() throws {
        let tariff = flat.merging([
            "bands": [["from": "00:00", "band": "valley"], ["from": "08:00", "band": "peak"], ["from": "22:00", "band": "flat"], ["from": "23:00", "band": "valley"]],
            "elec": ["peak": 120_000, "flat": 60_000, "valley": 30_000], "service": ["peak": 30_000, "flat": 40_000, "valley": 20_000],
        ])
        let result = try price(tariff, energy: 78_000, from: at(21, 30), for: 130 * 60)
        #expect(result.fen("elec") == 504)
        #expect(result.fen("service") == 246)
        #expect(result.due == 750)
    }

    @Test("V06: 11,862 s at 0.00417 a minute are 198 minutes and 83")
    func time() throws {
        let price = try price(["elec": ["flat": 0], "time": ["flat": 417, "step_seconds": 60]], energy: 3_000, for: 11_862)
        #expect(price.lines == [.init(name: "time", fen: 83)])
    }

    @Test("V10: the minimum tops 0.08 kWh up to 100")
    func minimum() throws {
        let price = try price(flat.merging(["minimum": 100]), energy: 800)
        #expect([price.fen("elec"), price.fen("service"), price.fen("minTopUp"), price.due] == [5, 3, 92, 100])
    }

    @Test("V12: a failed start of 25 s is free, with start fee and minimum")
    func free() throws {
        let tariff = flat.merging(["minimum": 100, "start": 50, "free_if": ["energy_below": 100, "seconds_below": 60]])
        #expect(try price(tariff, energy: 0, for: 25).due == 0)
        #expect(try price(tariff, energy: 100, for: 25).due > 0, "not below the energy")
        #expect(try price(tariff, energy: 0, for: 60).due > 0, "not below the time")
    }

    /// 0.25 kWh at 0.50 are 12.5 fen, at 0.10 2.5: half up gives 13 and 3, half even 12 and 2.
    @Test("V13: exact halves go up, each line once")
    func halves() throws {
        let price = try price(["elec": ["flat": 50_000], "service": ["flat": 10_000]], energy: 2_500)
        #expect([price.fen("elec"), price.fen("service")] == [13, 3])
    }

    @Test("V21: 9.8765 kWh are 593 + 395")
    func shares() throws { #expect(try price(flat, energy: 98_765).lines == [.init(name: "elec", fen: 593), .init(name: "service", fen: 395)]) }

    /// 6.0 kWh, the register begins again at 0, and 4.1 follow.
    @Test("V22: a register that begins again counts on: 10.1 kWh are 606 + 404")
    func restart() throws {
        let price = try price(flat, energy: nil, samples: [(at(10, 10), 30_000), (at(10, 20), 60_000), (at(10, 30), 0), (at(10, 40), 41_000)])
        #expect([price.fen("elec"), price.fen("service")] == [606, 404])
    }
}

@Suite("Price oracle: rules (charging-orders.md 2.3)")
struct PriceOracleRuleTests {
    private let dayAndNight = flat.merging([
        "bands": [["from": "00:00", "band": "valley"], ["from": "08:00", "band": "flat"], ["from": "22:00", "band": "valley"]],
        "elec": ["flat": 100_000, "valley": 0], "service": ["flat": 0],
    ])

    /// From 21:00 to 22:10 by samples at 21:50 (5,000 dWh) and 22:10 (5,021): at 22:00 the line is at 5,010.5, of which 5,010 count.
    /// 0.5010 kWh at 1.00 are 50.1 fen.
    @Test("3: the energy at a cut is the floor of the line between two samples")
    func cut() throws {
        let result = try price(dayAndNight, energy: 5_021, from: at(21, 0), for: 4_200, samples: [(at(21, 50), 5_000)])
        #expect(result.due == 50)
        // At 10.00 yuan a kWh it can be told from 5,010.5: 5010.0 fen, not 5010.5.
        let dear = dayAndNight.merging(["elec": ["flat": 10_000_000, "valley": 0]])
        #expect(try price(dear, energy: 5_021, from: at(21, 0), for: 4_200, samples: [(at(21, 50), 5_000)]).due == 5_010)
    }

    @Test("1: doubled, unsorted and falling samples change nothing")
    func normalised() throws {
        let samples = [(at(22, 30), Int64(9_000)), (at(21, 30), 4_000), (at(21, 30), 3_000), (at(21, 40), 2_000), (at(21, 30), 4_000)]
        // At 22:00 half of the way from 4,000 at 21:30 to 9,000 at 22:30: 6,500 dWh at 1.00 are 65.
        #expect(try price(dayAndNight, energy: 10_000, from: at(21, 0), for: 7_200, samples: samples).due == 65)
    }

    @Test("2: bands switch with the site's clock, also over midnight and in another zone")
    func zones() throws {
        // Two hours around 08:00 in Beijing, evenly 10,000 dWh: half of them cost.
        #expect(try price(dayAndNight, energy: 10_000, from: at(7, 0), for: 7_200).due == 50)
        // An hour west of it the change is an hour later: nothing costs.
        #expect(try price(dayAndNight.merging(["utc_offset": 420]), energy: 10_000, from: at(7, 0), for: 7_200).due == 0)
        // 21:00 to 09:00: one hour in the evening, one in the morning, of twelve.
        #expect(try price(dayAndNight, energy: 12_000, from: at(21, 0), for: 12 * 3_600).due == 20)
    }

    @Test("4: an order that ends with a band has nothing of the next")
    func ends() throws {
        #expect(try price(dayAndNight, energy: 10_000, from: at(21, 0), for: 3_600).due == 100)
        #expect(try price(dayAndNight, energy: 10_000, from: at(22, 0), for: 3_600).due == 0)
    }

    @Test("4: graduated tiers take each part at its rate, volume tiers all at that of the total; ends are inclusive")
    func tiers() throws {
        func tariff(_ mode: FieldValue) -> Fields {
            ["elec": ["flat": 0], "service_tiers": ["mode": mode, "tiers": [["up_to": 10_000, "rate": 80_000], ["up_to": 30_000, "rate": 60_000], ["rate": 40_000]]]]
        }
        #expect(try price(tariff("graduated"), energy: 10_000).due == 80)
        #expect(try price(tariff("graduated"), energy: 35_000).due == 80 + 120 + 20)
        #expect(try price(tariff("volume"), energy: 10_000).due == 80)
        #expect(try price(tariff("volume"), energy: 20_000).due == 120)
        #expect(try price(tariff("volume"), energy: 35_000).due == 140)
    }

    /// An hour at 0.5 kWh (500 W, up to 500 W: 0.30 an hour), then half an hour at 1 kWh (2 kW: 0.80 an hour): 30 + 40.
    @Test("4: power tiers take each interval at the rate of its average power")
    func powerTiers() throws {
        let tariff: Fields = ["elec": ["flat": 0], "power_tiers": [["up_to": 5_000, "rate": 30_000], ["rate": 80_000]]]
        #expect(try price(tariff, energy: 15_000, from: at(10, 0), for: 5_400, samples: [(at(11, 0), 5_000)]).due == 70)
        #expect(try price(tariff, energy: 15_001, from: at(10, 0), for: 5_400, samples: [(at(11, 0), 5_001)]).due == 120, "501 W")
    }

    /// 21:59:30 to 22:00:20 are 50 s, so one minute: 30 s at 6.00 a minute and 30 at 0.60.
    @Test("4: time is rounded up once, and the surplus is the last band's")
    func steps() throws {
        let tariff = dayAndNight.merging(["elec": ["flat": 0], "time": ["flat": 600_000, "valley": 60_000, "step_seconds": 60]])
        #expect(try price(tariff, energy: 0, from: at(21, 59, 30), for: 50).due == 330)
    }

    @Test("4: idle minutes count after the grace, up to their own cap")
    func idle() throws {
        let tariff = flat.merging(["idle": ["grace_minutes": 15, "per_minute": 10, "cap": 300]])
        #expect(try price(tariff, energy: 0, idle: 15).due == 0)
        #expect(try price(tariff, energy: 0, idle: 16).due == 10)
        #expect(try price(tariff, energy: 0, idle: 100).due == 300)
    }

    @Test("6: service discount, minimum, cap and coupon, in this order")
    func adjustments() throws {
        // 60 + 40, less 15 % of 40 are 94; the cap takes 14, the coupon 30.
        let all = flat.merging(["service_discount": 15, "minimum": 50, "cap": 80, "coupon": 30])
        #expect(try price(all, energy: 10_000).lines.map(\.fen) == [60, 40, -6, -14, -30])
        // A coupon takes no more than there is; the minimum comes before it.
        #expect(try price(flat.merging(["minimum": 20, "coupon": 30]), energy: 1_000).lines.map(\.fen) == [6, 4, 10, -20])
    }

    @Test("10: losses are added to the energy, rounded down")
    func losses() throws {
        // 1,000 dWh and 3.5 %: 1,035; at 10.00 yuan a kWh each dWh is a tenth of a fen.
        #expect(try price(["elec": ["flat": 1_000_000], "loss_per_mille": 35], energy: 1_000).due == 104)
        #expect(try price(["elec": ["flat": 10_000_000], "loss_per_mille": 35], energy: 29).due == 30, "30.015")
    }

    @Test(
        "a record that is no tariff is refused",
        arguments: [
            ["elec": ["flat": "0.6"]], ["elec": ["flat": -1]], ["elec": ["peak": 1]], ["bands": [["from": "08:00", "band": "flat"]]],
            ["bands": [["from": "00:00", "band": "flat"], ["from": "08:15", "band": "peak"]]], ["bands": [["from": "00:00", "band": "night"]]],
            ["service_tiers": ["mode": "steps", "tiers": [["rate": 1]]]], ["service_tiers": ["mode": "volume", "tiers": [["up_to": 2, "rate": 1], ["up_to": 1, "rate": 1]]]],
            ["power_tiers": []], ["service_discount": 101], ["time": ["flat": 1, "step_seconds": 0]],
        ] as [Fields])
    func refused(_ record: Fields) { #expect(throws: (any Error).self) { try PriceOracle(record) } }

    /// The same order second by second: each second's energy at its band's rate, in exact nano-yuan.
    @Test("agrees with the sum over every second", arguments: [1, 2, 3, 4, 5] as [UInt64])
    func seconds(_ seed: UInt64) throws {
        var chance = SeededGenerator(seed: seed, purpose: "charges for the price oracle")
        for _ in 0..<20 {
            let started = at(Int64.random(in: 0..<24, using: &chance), Int64.random(in: 0..<60, using: &chance), Int64.random(in: 0..<60, using: &chance))
            let seconds = Int64.random(in: 0..<20_000, using: &chance)
            // As many dWh each second as the whole has, so that no cut is rounded.
            let power = Int64.random(in: 0..<20, using: &chance)
            let rates = (0..<48).map { _ in [100_000, 70_000, 40_000, 30_000].randomElement(using: &chance) ?? 0 } as [Int64]
            let names: [Int64: FieldValue] = [100_000: "sharp", 70_000: "peak", 40_000: "flat", 30_000: "valley"]
            var bands: [FieldValue] = []
            for (slot, rate) in rates.enumerated() where slot == 0 || rates[slot - 1] != rate {
                let hour = slot / 2 < 10 ? "0\(slot / 2)" : "\(slot / 2)"
                bands.append(["from": .text("\(hour):\(slot % 2 == 0 ? "00" : "30")"), "band": names[rate] ?? .null])
            }
            let tariff: Fields = ["bands": .list(bands), "elec": ["sharp": 100_000, "peak": 70_000, "flat": 40_000, "valley": 30_000]]
            var nano: Int64 = 0
            for second in 0..<seconds { nano += power * rates[Int((started + second - midnight) / 1_800 % 48)] }
            let expected = nano / 10_000_000 + (nano % 10_000_000 >= 5_000_000 ? 1 : 0)
            #expect(try price(tariff, energy: power * seconds, from: started, for: seconds).due == expected, "seed \(seed)")
        }
    }
}
