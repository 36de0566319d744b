import LabCore
import Testing

@testable import Cloud

@Suite("Tariffs as records")
struct TariffFieldsTests {
    private static let full: Fields = [
        "name": "summer", "utc_offset": 480, "price_lock": "by_validity",
        "bands": [["from": "00:00", "band": "valley"], ["from": "07:30", "band": "peak"], ["from": "22:00", "band": "sharp"]],
        "elec": ["sharp": 150_000, "peak": 120_000, "flat": 60_000, "valley": 30_000], "service": ["flat": 40_000],
        "time": ["flat": 417, "step_seconds": 30], "start": 50, "idle": ["grace_minutes": 15, "per_minute": 10, "cap": 200], "minimum": 100,
        "cap": 5000, "service_discount": 10, "coupon": 20, "free_if": ["energy_below": 100, "seconds_below": 60], "loss_per_mille": 30,
    ]

    @Test("a record with everything is read, and written as it was")
    func roundTrip() throws {
        let tariff = try Tariff(fields: Self.full)
        #expect(tariff.fields == Self.full)
        #expect(tariff.elec == PerBand(sharp: 150_000, peak: 120_000, flat: 60_000, valley: 30_000))
        #expect(tariff.bands.map(\.minute) == [0, 450, 1320])
        let tiers: Fields = [
            "elec": 60_000, "service_tiers": ["mode": "volume", "tiers": [["up_to": 5, "rate": 2], ["rate": 1]]], "power_tiers": [["rate": 7]],
        ]
        #expect(try Tariff(fields: Tariff(fields: tiers).fields) == Tariff(fields: tiers))
    }

    @Test("an empty record costs nothing; a band without a rate has that of flat; one number is the rate of all")
    func defaults() throws {
        let empty = try Tariff(fields: [:])
        #expect(empty.elec == .zero && empty.bands.map(\.band) == [.flat] && empty.utcOffset == 480 && empty.priceLock == .atStart)
        #expect(try Tariff(fields: ["elec": ["flat": 3, "peak": 5]]).elec == PerBand(sharp: 3, peak: 5, flat: 3, valley: 3))
        #expect(try Tariff(fields: ["elec": 3]).elec == PerBand(3))
        #expect(try Tariff(fields: ["time": 3, "cap": nil]).time == .bands(.init(rates: PerBand(3), stepSeconds: 60)))
    }

    @Test("the short forms: 2 fen a minute for 20 minutes are 40, 100 fen a kWh for half a kWh are 50")
    func shortForms() throws {
        #expect(try PriceCalculator.price(PricingWorld.usage(700, seconds: 1200), .perMinute(fen: 2)).due == 40)
        #expect(try PriceCalculator.price(PricingWorld.usage(700, seconds: 1201), .perMinute(fen: 2)).due == 42)
        #expect(try PriceCalculator.price(PricingWorld.usage(5000), .perKilowattHour(fen: 100)).due == 50)
        #expect(throws: TariffError.self) { try Tariff.perMinute(fen: -1) }
        #expect(throws: TariffError.self) { try Tariff.perKilowattHour(fen: .max) }
    }

    struct Wrong: Sendable, CustomTestStringConvertible {
        var fields: Fields
        var key: String
        /// A part of the advice.
        var advice: String
        var testDescription: String { "\(key): \(advice)" }
    }

    static let wrong: [Wrong] = [
        Wrong(fields: ["elek": 1], key: "elek", advice: "did you mean 'elec'?"),
        Wrong(fields: ["elec": ["peak": 1]], key: "elec.flat", advice: "is missing; write a whole number"),
        Wrong(fields: ["elec": ["flat": -1]], key: "elec.flat", advice: "-1 does not fit; write a whole number from 0 to 100000000"),
        Wrong(fields: ["elec": ["flat": 100_000_001]], key: "elec.flat", advice: "does not fit"),
        Wrong(fields: ["elec": ["flat": 0.6]], key: "elec.flat", advice: "0.6 does not fit; write a whole number"),
        Wrong(fields: ["elec": "cheap"], key: "elec", advice: "'cheap' are no rates; write {flat: …}"),
        Wrong(fields: ["elec": ["flat": 1, "night": 2]], key: "elec.night", advice: "write one of sharp, peak, flat, valley"),
        Wrong(fields: ["bands": []], key: "bands", advice: "a list of 1 to 48 records"),
        Wrong(fields: ["bands": [["from": "01:00", "band": "flat"]]], key: "bands[0].from", advice: "write \"00:00\""),
        Wrong(fields: ["bands": [["from": "00:15", "band": "flat"]]], key: "bands[0].from", advice: "'00:15' is no half hour"),
        Wrong(fields: ["bands": [["from": "24:00", "band": "flat"]]], key: "bands[0].from", advice: "is no half hour"),
        Wrong(fields: ["bands": [["from": "0:00", "band": "flat"]]], key: "bands[0].from", advice: "is no half hour"),
        Wrong(fields: ["bands": [["from": "00:00"]]], key: "bands[0].band", advice: "is missing"),
        Wrong(fields: ["bands": [["from": "00:00", "band": "shoulder"]]], key: "bands[0].band", advice: "write one of sharp, peak, flat, valley"),
        Wrong(
            fields: ["bands": [["from": "00:00", "band": "flat"], ["from": "08:00", "band": "peak"], ["from": "08:00", "band": "flat"]]],
            key: "bands[2].from", advice: "in the order of the day"),
        Wrong(fields: ["service": 1, "service_tiers": ["tiers": [["rate": 1]]]], key: "service_tiers", advice: "cannot stand beside service"),
        Wrong(fields: ["service_tiers": ["mode": "steps", "tiers": [["rate": 1]]]], key: "service_tiers.mode", advice: "graduated, volume"),
        Wrong(fields: ["service_tiers": ["tiers": [["rate": 1], ["rate": 2]]]], key: "service_tiers.tiers[0].up_to", advice: "only the last tier"),
        Wrong(
            fields: ["service_tiers": ["tiers": [["up_to": 5, "rate": 1]]]], key: "service_tiers.tiers[0].up_to",
            advice: "must be left out in the last tier"),
        Wrong(
            fields: ["service_tiers": ["tiers": [["up_to": 5, "rate": 1], ["up_to": 5, "rate": 1], ["rate": 2]]]],
            key: "service_tiers.tiers[1].up_to", advice: "ascending order"),
        Wrong(fields: ["power_tiers": [["rate": 1]], "time": 5], key: "power_tiers", advice: "cannot stand beside time"),
        Wrong(fields: ["time": ["flat": 1, "step_seconds": 0]], key: "time.step_seconds", advice: "from 1 to 86400"),
        Wrong(fields: ["idle": ["grace_minutes": 5]], key: "idle.per_minute", advice: "is missing"),
        Wrong(fields: ["minimum": 100, "cap": 99], key: "cap", advice: "99 is below the minimum 100"),
        Wrong(fields: ["service_discount": 101], key: "service_discount", advice: "from 0 to 100"),
        Wrong(fields: ["free_if": ["energy_below": 1]], key: "free_if.seconds_below", advice: "is missing"),
        Wrong(fields: ["price_lock": "never"], key: "price_lock", advice: "at_start, by_validity"),
        Wrong(fields: ["utc_offset": 900], key: "utc_offset", advice: "from -840 to 840"),
        Wrong(fields: ["start": "50"], key: "start", advice: "'50' does not fit; write a whole number"),
        Wrong(fields: ["loss_per_mille": -1], key: "loss_per_mille", advice: "from 0 to 1000"),
        Wrong(fields: ["idle": 5], key: "idle", advice: "is no record"),
        Wrong(fields: ["name": .text(String(repeating: "x", count: 129))], key: "name", advice: "at most 128 bytes"),
    ]

    @Test("what is wrong is refused with its key and with what to write there", arguments: wrong)
    func refused(_ wrong: Wrong) {
        let error = #expect(throws: TariffError.self) { try Tariff(fields: wrong.fields) }
        #expect(error?.key == wrong.key)
        #expect(error?.message.contains(wrong.advice) == true, "\(error?.message ?? "")")
    }

    @Test("random records never crash, and what is accepted can be priced", arguments: 0..<10)
    func fuzz(seed: UInt64) throws {
        var chance = SeededGenerator(seed: seed, purpose: "tariffs")
        for _ in 0..<500 {
            var fields = Self.full
            for _ in 0..<1 + chance.integer(below: 3) {
                let key = Tariff.keys[Int(chance.integer(below: UInt64(Tariff.keys.count)))]
                fields[key] = Self.anything(&chance, depth: 0)
            }
            guard let tariff = try? Tariff(fields: fields) else { continue }
            #expect(try Tariff(fields: tariff.fields) == tariff)
            #expect(try PriceCalculator.price(PricingWorld.usage(12_345), tariff).due >= 0)
        }
    }

    private static func anything(_ chance: inout SeededGenerator, depth: Int) -> FieldValue {
        switch chance.integer(below: depth > 2 ? 6 : 8) {
        case 0: .integer(Int64(chance.integer(below: 100)))
        case 1: .integer(Int64(bitPattern: chance.next()))
        case 2: .text(["00:00", "flat", "peak", "at_start", "24:30", "", "é:00"][Int(chance.integer(below: 7))])
        case 3: .null
        case 4: .number(chance.unitInterval())
        case 5: .bool(true)
        case 6: .list((0..<chance.integer(below: 4)).map { _ in anything(&chance, depth: depth + 1) })
        default:
            .record(
                (0..<chance.integer(below: 4)).reduce(into: Fields()) { fields, _ in
                    let keys = ["from", "band", "flat", "peak", "mode", "tiers", "up_to", "rate", "per_minute", "cap", "step_seconds"]
                    fields[keys[Int(chance.integer(below: UInt64(keys.count)))]] = anything(&chance, depth: depth + 1)
                })
        }
    }
}
