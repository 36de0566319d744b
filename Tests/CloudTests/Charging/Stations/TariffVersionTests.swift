import Cloud
import GRDB
import LabCore
import Testing

@Suite("Tariffs of organisations (charging-orders.md F43, F61)")
struct TariffVersionTests {
    static func flat(_ rate: Int64) -> Fields { ["name": "flat", "elec": ["flat": .integer(rate)]] }

    @Test("a version holds from its time on; the one before it is still there")
    func versions() async throws {
        let bench = try StationBench()
        try await bench.withTwoOperators()
        let start = bench.clock.milliseconds
        let first = try await bench.stations.setTariff(Self.flat(60_000), organisation: "acme", by: "user anna")
        let second = try await bench.stations.setTariff(
            Self.flat(80_000), organisation: "acme", effectiveAt: start + 3_600_000, by: "user anna")
        #expect((first.label, second.label) == ("acme@1", "acme@2"))
        #expect(bench.stations.tariff(pile: "00000001", at: start)?.label == "acme@1")
        #expect(bench.stations.tariff(pile: "00000001", at: start + 3_599_999)?.label == "acme@1")
        #expect(bench.stations.tariff(pile: "00000001", at: start + 3_600_000)?.label == "acme@2")
        #expect(bench.stations.tariff(pile: "00000001", at: start - 1) == nil)
        #expect(bench.stations.tariffStarts(pile: "00000001", after: start, through: start + 3_600_000) == [start + 3_600_000])
        #expect(bench.stations.tariffStarts(pile: "00000001", after: start - 1, through: start + 3_599_999) == [start])
        try bench.restart()
        #expect(bench.stations.tariff(pile: "00000001", at: start)?.rules == Self.flat(60_000), "as it was when orders froze it")
        #expect(bench.clock.events("tariff.changed").map { $0["tariff"] } == ["acme@1", "acme@2"])
    }

    @Test("the site's own tariff goes before the region's, and that before the operator's; another operator's never holds")
    func inheritance() async throws {
        let bench = try StationBench()
        try await bench.withTwoOperators()
        try await bench.stations.enter([PileEntry(id: "000000b1", wire: .dny, ports: 1)], site: "acme.mall")
        try await bench.stations.enter([PileEntry(id: "000000c1", wire: .dny, ports: 1)], site: "bolt.mall")
        let now = bench.clock.milliseconds
        _ = try await bench.stations.setTariff(Self.flat(1), organisation: "acme", by: "t")
        #expect(bench.stations.tariff(pile: "00000001", at: now)?.label == "acme@1")
        _ = try await bench.stations.setTariff(Self.flat(2), organisation: "acme.east", by: "t")
        #expect(bench.stations.tariff(pile: "00000001", at: now)?.label == "acme.east@1")
        _ = try await bench.stations.setTariff(Self.flat(3), organisation: "acme.depot", by: "t")
        #expect(bench.stations.tariff(pile: "00000001", at: now)?.label == "acme.depot@1")
        #expect(bench.stations.tariff(pile: "000000b1", at: now)?.label == "acme@1")
        #expect(bench.stations.tariff(pile: "000000c1", at: now) == nil)
    }

    @Test("no version takes effect in the past, and what cannot be calculated with is no version")
    func refused() async throws {
        let bench = try StationBench(checkTariff: { rules in if rules["elec"] == nil { throw NoRates() } })
        try await bench.withTwoOperators()
        bench.clock.advance(.seconds(60))
        let now = bench.clock.milliseconds
        let past = await #expect(throws: APIError.self) {
            try await bench.stations.setTariff(Self.flat(1), organisation: "acme", effectiveAt: now - 1, by: "t")
        }
        #expect(past?.code.name == "TARIFF_RETROACTIVE")
        let wrong = await #expect(throws: APIError.self) {
            try await bench.stations.setTariff(["name": "x"], organisation: "acme", by: "t")
        }
        #expect(wrong?.code.name == "TARIFF_INVALID")
        #expect(wrong?.message.contains("no rates") == true)
        #expect(bench.stations.tariffs(of: "acme").isEmpty)
    }

    struct NoRates: Error, CustomStringConvertible { var description: String { "no rates" } }

    @Test(
        "the database itself refuses to change or delete a version",
        arguments: ["UPDATE pricing_strategies SET rules = '{}'", "DELETE FROM pricing_strategies"])
    func immutable(sql: String) async throws {
        let bench = try StationBench()
        try await bench.withTwoOperators()
        _ = try await bench.stations.setTariff(Self.flat(1), organisation: "acme", by: "t")
        #expect(throws: StorageError.self) { try bench.disk.write { db in try db.execute(sql: sql) } }
        #expect(try bench.disk.read { db in try Int.fetchOne(db, sql: "SELECT count(*) FROM pricing_strategies WHERE rules <> '{}'") } == 1)
    }
}
