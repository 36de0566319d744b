import LabCore
import Testing

@testable import Cloud

@Suite("What a hold is enough for (charging-orders.md 2.3, rule 7)")
struct PriceLimitTests {
    private let world = PricingWorld.self
    private let start = PricingWorld.civil("2026-03-10 10:00")

    @Test("V15: 20 yuan at 0.60 + 0.40: the lines round 1,200.4999 and 800.4999 down, so 20.0083 kWh are the largest")
    func flat() throws {
        let tariff = try world.tariff()
        // elec stays 1,200 below 1,200.5 fen = 200,083.3 dWh; service stays 800 below 800.5 fen = 200,125 dWh; at 200,084 elec is 1,201.
        let limit = PriceCalculator.energyLimit(hold: 2000, tariff: tariff, startingAt: start)
        #expect(limit == 200_083)
        #expect(try PriceCalculator.price(world.usage(limit), tariff).due == 2000)
        #expect(try PriceCalculator.price(world.usage(limit + 1), tariff).due == 2001)
    }

    @Test("a hold below the start fee is enough for nothing; a cap within the hold, or no price, for anything")
    func edges() throws {
        #expect(PriceCalculator.energyLimit(hold: 99, tariff: try world.tariff(["start": 100]), startingAt: start) == 0)
        #expect(PriceCalculator.energyLimit(hold: -1, tariff: try world.tariff(), startingAt: start) == 0)
        #expect(PriceCalculator.energyLimit(hold: 500, tariff: try world.tariff(["cap": 500]), startingAt: start) == Usage.maximumEnergy)
        #expect(PriceCalculator.energyLimit(hold: 0, tariff: try Tariff(fields: [:]), startingAt: start) == Usage.maximumEnergy)
    }

    @Test("the dearest band that can be reached decides; a time limit narrows what can be reached")
    func bands() throws {
        let tariff = try world.tariff([
            "bands": [["from": "00:00", "band": "flat"], ["from": "12:00", "band": "peak"]], "elec": ["flat": 50_000, "peak": 100_000], "service": 0,
        ])
        // 10 yuan: at 1.00 the line stays at 1,000 below 1,000.5 fen: 10.0049 kWh. At 0.50: 20.0099 kWh.
        #expect(PriceCalculator.energyLimit(hold: 1000, tariff: tariff, startingAt: start) == 100_049)
        #expect(PriceCalculator.energyLimit(hold: 1000, tariff: tariff, startingAt: start, seconds: 7200) == 200_099)
        #expect(PriceCalculator.energyLimit(hold: 1000, tariff: tariff, startingAt: start, seconds: 7201) == 100_049)
    }

    @Test("the time fee of the whole time limit is set aside first")
    func timeFee() throws {
        // 60 minutes at 0.05 are 3.00 yuan; 7.00 are left for 1.00 a kWh: 7.0049 kWh.
        let tariff = try Tariff(fields: ["elec": 100_000, "time": 5000])
        #expect(PriceCalculator.energyLimit(hold: 1000, tariff: tariff, startingAt: start, seconds: 3600) == 70_049)
    }

    @Test("with volume tiers the largest energy may lie above one that is too dear")
    func volume() throws {
        let tariff = try Tariff(fields: ["service_tiers": ["mode": "volume", "tiers": [["up_to": 100_000, "rate": 40_000], ["rate": 30_000]]]])
        // 10 kWh cost 400, 10.0001 kWh 300: with 350 fen 11.6833 kWh (350.499 fen) are the largest, though 10 kWh are too dear.
        #expect(PriceCalculator.energyLimit(hold: 350, tariff: tariff, startingAt: start) == 116_833)
        // With 250 fen the dearer tier decides: 6.2624 kWh are 250.496 fen, 6.2625 are 250.5.
        #expect(PriceCalculator.energyLimit(hold: 250, tariff: tariff, startingAt: start) == 62_624)
    }

    @Test("seconds: 40 fen at 2 fen a started minute are 20 minutes; a power tariff counts its dearest tier")
    func seconds() throws {
        #expect(PriceCalculator.secondsLimit(hold: 40, tariff: try .perMinute(fen: 2), startingAt: start) == 1200)
        #expect(PriceCalculator.secondsLimit(hold: 41, tariff: try .perMinute(fen: 2), startingAt: start) == 1200)
        let power = try Tariff(fields: ["power_tiers": [["up_to": 1000, "rate": 20_000], ["rate": 50_000]]])
        // 1.00 yuan at 0.50 an hour: two hours, and 35 s more are below half a fen (0.486).
        #expect(PriceCalculator.secondsLimit(hold: 100, tariff: power, startingAt: start) == 7235)
        #expect(PriceCalculator.secondsLimit(hold: 100, tariff: try world.tariff(), startingAt: start) == Usage.maximumSeconds)
    }

    @Test("an estimate is what the dearest reachable band costs")
    func estimate() throws {
        #expect(PriceCalculator.estimate(energy: 123_456, seconds: 3600, tariff: try world.tariff(), startingAt: start) == 1235)
        #expect(PriceCalculator.estimate(energy: .max, seconds: .max, tariff: try .perMinute(fen: 1), startingAt: .min) > 0)
    }

    @Test("the limit is the largest: one dWh more costs more than the hold", arguments: 0..<20)
    func largest(seed: UInt64) throws {
        var chance = SeededGenerator(seed: seed, purpose: "limits")
        for _ in 0..<50 {
            let tariff = try RandomTariff.flat(&chance)
            let hold = Int64(chance.integer(below: 20_000))
            let limit = PriceCalculator.energyLimit(hold: hold, tariff: tariff, startingAt: start)
            if limit < Usage.maximumEnergy { #expect(try PriceCalculator.price(world.usage(limit + 1), tariff).due > hold) }
            if limit > 0 { #expect(try PriceCalculator.price(world.usage(limit), tariff).due <= hold) }
        }
    }
}
