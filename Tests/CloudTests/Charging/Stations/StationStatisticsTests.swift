import Cloud
import GRDB
import LabCore
import Testing

@Suite("Figures of a day (charging-orders.md 2.3, 9)")
struct StationStatisticsTests {
    static let pile = RegisteredPile(id: "00000001", operatorID: "acme", site: "acme.depot", ports: 2, utcOffset: 480)

    @Test("a day begins at midnight of the site's civil time, before 1970 too")
    func days() {
        // date -u -d '2025-12-31T15:59:59Z' +%s and the second after it: midnight in China is 16:00 UTC.
        #expect(StationStatistics.text(ofDay: StationStatistics.day(ofSecond: 1_767_196_799, utcOffset: 480)) == "2025-12-31")
        #expect(StationStatistics.text(ofDay: StationStatistics.day(ofSecond: 1_767_196_800, utcOffset: 480)) == "2026-01-01")
        #expect(StationStatistics.day(ofSecond: -1, utcOffset: 0) == -1)
        #expect(StationStatistics.day(ofSecond: 0, utcOffset: -480) == -1)
        #expect(StationStatistics.day("1970-01-02") == 1)
        #expect(StationStatistics.day("2026-02-29") == nil)
        #expect(StationStatistics.day("2026-1-1") == nil)
    }

    @Test("energy counts on the day on which it flowed, money on the day of the settlement (F42)")
    func midnight() async throws {
        let bench = try StationBench()
        try await bench.withTwoOperators()
        // 22:00 to 01:00 over the New Year in China: 2 kWh before midnight, 1 kWh after it.
        let midnight: Int64 = 1_767_196_800
        let charge = SettledCharge(
            settledAt: (midnight + 3_600) * 1000, fen: 300, seconds: 10_800, energy: [(midnight - 7_200, 20_000), (midnight, 10_000)])
        let lines = try bench.disk.write { db in
            try StationStatistics.add(charge, pile: Self.pile, in: db)
            try StationStatistics.add(
                SettledCharge(settledAt: (midnight + 7_200) * 1000, fen: -100, seconds: 0, sessions: 0, energy: []), pile: Self.pile, in: db
            )
            let day = StationStatistics.day(ofSecond: midnight, utcOffset: 480)
            return try StationStatistics.lines(sites: ["acme.depot"], pile: nil, first: day - 1, last: day, in: db)
        }
        #expect(lines.map { StationStatistics.text(ofDay: $0.day) } == ["2025-12-31", "2026-01-01"])
        #expect(lines.map(\.dwh) == [20_000, 10_000])
        #expect(lines.map(\.fen) == [0, 200])
        #expect(lines.map(\.sessions) == [0, 1])
        #expect(lines.map(\.seconds) == [0, 10_800])
    }

    @Test("figures of other sites and other days are left out")
    func filters() async throws {
        let bench = try StationBench()
        try await bench.withTwoOperators()
        let other = RegisteredPile(id: "000000c1", operatorID: "bolt", site: "bolt.mall", ports: 1, utcOffset: 480)
        let lines = try bench.disk.write { db in
            for pile in [Self.pile, other] {
                try StationStatistics.add(
                    SettledCharge(settledAt: 86_400_000, fen: 5, seconds: 1, energy: [(86_400, 7)]), pile: pile, in: db)
            }
            return (
                try StationStatistics.lines(sites: ["bolt.mall"], pile: nil, first: 0, last: 9, in: db),
                try StationStatistics.lines(sites: nil, pile: nil, first: 0, last: 9, in: db),
                try StationStatistics.lines(sites: nil, pile: nil, first: 2, last: 9, in: db),
                try StationStatistics.lines(sites: [], pile: nil, first: 0, last: 9, in: db)
            )
        }
        #expect(lines.0.map(\.fen) == [5])
        #expect(lines.1.map(\.fen) == [10])
        #expect(lines.2.isEmpty && lines.3.isEmpty)
    }
}
