import ChargingOracles
import Cloud
import LabCore
import Testing

/// The only place where the cloud's prices and the oracle's meet. What they are compared on comes from a seed.
@Suite("The cloud's calculation of prices and the oracle's (charging-orders.md 2.3)")
struct TwoCalculationsTests {
    @Test("agree to the fen, line by line", arguments: 1...25 as ClosedRange<UInt64>)
    func agree(_ seed: UInt64) throws {
        var chance = SeededGenerator(seed: seed, purpose: "tariffs for two calculations")
        for number in 0..<40 {
            let record = tariff(&chance)
            let (charge, usage) = charge(&chance)
            let expected = try PriceOracle(record).price(charge)
            let price = try PriceCalculator.price(usage, try Tariff(fields: record))
            var lines: [String: Int64] = [:]
            for line in price.lines where line.fen != 0 { lines[line.kind.rawValue, default: 0] += line.fen }
            var oracle: [String: Int64] = [:]
            for line in expected.lines { oracle[line.name, default: 0] += line.fen }
            #expect(price.due == expected.due, "seed \(seed), charge \(number): \(record) \(charge)")
            #expect(lines.sorted { $0.key < $1.key }.map(\.value) == oracle.sorted { $0.key < $1.key }.map(\.value), "seed \(seed), charge \(number): \(lines) \(oracle)")
        }
    }

    private func tariff(_ chance: inout SeededGenerator) -> Fields {
        func rates(_ highest: Int64) -> FieldValue {
            ["sharp": .integer(.random(in: 0...highest, using: &chance)), "peak": .integer(.random(in: 0...highest, using: &chance)),
             "flat": .integer(.random(in: 0...highest, using: &chance)), "valley": .integer(.random(in: 0...highest, using: &chance))]
        }
        func half() -> Bool { Bool.random(using: &chance) }
        var record: Fields = [
            "name": "drawn", "utc_offset": .integer([480, 0, -210, 345].randomElement(using: &chance) ?? 480), "elec": rates(200_000), "service": rates(90_000),
        ]
        if half() {
            var bands: [FieldValue] = []
            var slot = 0
            while slot < 48 {
                let hour = slot / 2 < 10 ? "0\(slot / 2)" : "\(slot / 2)"
                let band = ["sharp", "peak", "flat", "valley"].randomElement(using: &chance) ?? "flat"
                bands.append(["from": .text("\(hour):\(slot % 2 == 0 ? "00" : "30")"), "band": .text(band)])
                slot += Int.random(in: 1...12, using: &chance)
            }
            record["bands"] = .list(bands)
        }
        if half() {
            record["service"] = nil
            record["service_tiers"] = [
                "mode": half() ? "graduated" : "volume",
                "tiers": [["up_to": 5_000, "rate": 60_000], ["up_to": 20_000, "rate": .integer(.random(in: 0...90_000, using: &chance))], ["rate": 20_000]],
            ]
        }
        switch Int.random(in: 0..<3, using: &chance) {
        case 0: record["time"] = .record((rates(3_000).record ?? [:]).merging(["step_seconds": .integer([1, 60, 900].randomElement(using: &chance) ?? 60)]))
        case 1: record["power_tiers"] = [["up_to": 2_000, "rate": 20_000], ["up_to": 6_000, "rate": .integer(.random(in: 0...90_000, using: &chance))], ["rate": 90_000]]
        default: break
        }
        // Where it matters when energy flowed, rule 10 can be read in more than one way; there the oracle does not judge.
        if half(), record["bands"] == nil, record["power_tiers"] == nil { record["loss_per_mille"] = .integer(.random(in: 0...80, using: &chance)) }
        if half() { record["start"] = .integer(.random(in: 0...100, using: &chance)) }
        if half() { record["minimum"] = .integer(.random(in: 0...400, using: &chance)) }
        if half() { record["cap"] = .integer(.random(in: 400...3_000, using: &chance)) }
        if half() { record["service_discount"] = .integer(.random(in: 0...100, using: &chance)) }
        if half() { record["coupon"] = .integer(.random(in: 0...300, using: &chance)) }
        if half() { record["free_if"] = ["energy_below": 100, "seconds_below": 60] }
        return record
    }

    /// Samples as piles send them: some minutes apart, rising, one or two of them wrong.
    private func charge(_ chance: inout SeededGenerator) -> (PriceOracle.Charge, Usage) {
        let started = 1_767_225_600 + Int64.random(in: 0..<400 * 86_400, using: &chance)
        var (at, energy) = (started, Int64(0))
        var samples: [(at: Int64, energy: Int64)] = []
        for _ in 0..<Int.random(in: 0..<40, using: &chance) {
            at += Int64.random(in: 1...900, using: &chance)
            energy += Int64.random(in: 0...1_500, using: &chance)
            samples.append((at, energy))
        }
        // A fall that is no restart is left out.
        if energy > 2_000, Bool.random(using: &chance) { samples.append((at + 1, energy - 500)) }
        let ended = at + Int64.random(in: 2...600, using: &chance)
        let total = energy + Int64.random(in: 0...300, using: &chance)
        return (
            PriceOracle.Charge(started: started, ended: ended, samples: samples.map { PriceOracle.Sample(at: $0.at, energy: $0.energy) }, energy: total),
            Usage(started: started, ended: ended, samples: samples.map { Usage.Sample(at: $0.at, energy: $0.energy) }, total: total)
        )
    }
}
