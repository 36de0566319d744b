import LabCore
import Testing

@testable import Cloud

@Suite("Reports by day of flow and of settlement (charging-orders.md 2.3 rule 9, F42, I14)")
struct SettlementReportTests {
    private func order(_ number: String, _ from: String, _ to: String, _ energy: Int64, settled: String) throws -> SettledOrder {
        SettledOrder(
            order: number, operatorID: "op-1", site: "gate", pile: "p", port: 1, settledAt: PricingWorld.civil(settled) * 1000,
            price: try PriceCalculator.price(PricingWorld.usage(from, to, energy), PricingWorld.tariff()))
    }

    private func day(_ text: String) -> Int64 { CivilCalendar.day(text) ?? 0 }

    @Test("F42: an order over the end of the month: half of its energy on each day, its money where it was settled")
    func monthEnd() throws {
        let orders = [
            try order("A", "2026-01-31 23:30", "2026-02-01 00:30", 12_000, settled: "2026-02-01 00:31"),
            try order("B", "2026-01-31 10:00", "2026-01-31 11:00", 10_000, settled: "2026-01-31 11:01"),
        ]
        let january = SettlementReport(days: day("2026-01-01")..<day("2026-02-01"), orders: orders)
        #expect((january.energy, january.settledEnergy, january.due) == (16_000, 10_000, 100))
        #expect((january.settledElsewhere, january.flowedElsewhere) == (6000, 0))
        #expect(january.contradictions == [])
        let february = SettlementReport(days: day("2026-02-01")..<day("2026-03-01"), orders: orders)
        #expect((february.energy, february.settledEnergy, february.due) == (6000, 12_000, 120))
        #expect((february.settledElsewhere, february.flowedElsewhere) == (0, 6000))
        #expect(february.contradictions == [])
        let both = SettlementReport(days: day("2026-01-01")..<day("2026-03-01"), orders: orders)
        #expect((both.energy, both.settledEnergy, both.due) == (22_000, 22_000, 220))
        #expect(both.energyDays.map { CivilCalendar.text(day: $0.day) } == ["2026-01-31", "2026-02-01"])
        #expect(both.energyDays.map(\.elec) == [96, 36])
        #expect(both.moneyDays.map(\.lines) == [
            [PriceLine(kind: .elec, fen: 60), PriceLine(kind: .service, fen: 40)], [PriceLine(kind: .elec, fen: 72), PriceLine(kind: .service, fen: 48)],
        ])
    }

    @Test("an order whose segments are not its energy is found")
    func contradiction() throws {
        var order = try order("A", "2026-01-10 10:00", "2026-01-10 11:00", 10_000, settled: "2026-01-10 11:01")
        order.price.segments[0].energy += 1
        let report = SettlementReport(days: day("2026-01-10")..<day("2026-01-11"), orders: [order])
        #expect(report.contradictions == [
            "order A: the energy of the segments adds up to 10001 instead of 10000", "10001 dWh flowed, and the settled orders account for 10000",
        ])
    }

    @Test("reports of the days of a month add up to the month's, whatever the orders", arguments: 0..<8)
    func properties(seed: UInt64) throws {
        var chance = SeededGenerator(seed: seed, purpose: "reports")
        let first = PricingWorld.civil("2026-01-01 00:00")
        let orders = try (0..<60).map { number in
            let start = first + Int64(chance.integer(below: 31 * 86_400))
            let end = start + Int64(chance.integer(below: 40_000))
            let price = try PriceCalculator.price(
                Usage(started: start, ended: end, total: Int64(chance.integer(below: 40_000))), Tariff(fields: RandomTariff.bands(&chance).fields))
            return SettledOrder(
                order: "\(number)", operatorID: "op-1", site: "gate", pile: "p", port: 1, settledAt: (end + Int64(chance.integer(below: 90_000))) * 1000,
                price: price)
        }
        let days = day("2026-01-01")..<day("2026-02-05")
        let whole = SettlementReport(days: days, orders: orders)
        #expect(whole.contradictions == [])
        #expect((whole.settledElsewhere, whole.flowedElsewhere) == (0, 0))
        #expect(whole.due == orders.reduce(0) { $0 + $1.price.due })
        let daily = days.map { SettlementReport(days: $0..<$0 + 1, orders: orders) }
        #expect(daily.allSatisfy { $0.contradictions == [] })
        #expect(daily.reduce(0) { $0 + $1.energy } == whole.energy)
        #expect(daily.reduce(0) { $0 + $1.due } == whole.due)
    }

    @Test("I14: created orders are in one state each")
    func counts() {
        var counts = OrderCounts(created: 4)
        for stage: AuditedOrder.Stage in [.active, .due, .closed, .cancelled] { counts.add(stage) }
        #expect(counts.addsUp)
        counts.created = 5
        #expect(!counts.addsUp)
    }

    @Test("months and days as texts: leap years, and nothing that is no month")
    func calendar() {
        #expect(CivilCalendar.days(ofMonth: "2028-02")?.count == 29)
        #expect(CivilCalendar.days(ofMonth: "2026-02")?.count == 28)
        #expect(CivilCalendar.days(ofMonth: "2026-12")?.count == 31)
        #expect(CivilCalendar.days(ofMonth: "2026-00") == nil && CivilCalendar.days(ofMonth: "9999-12") == nil && CivilCalendar.days(ofMonth: "1969-12") == nil)
        #expect(CivilCalendar.day("1970-01-02") == 1 && CivilCalendar.day("2026-02-29") == nil)
        #expect(CivilCalendar.day(at: -1, utcOffset: 0) == -1)
        #expect(CivilCalendar.month(at: PricingWorld.civil("2026-02-01 00:00") * 1000) == "2026-02")
    }
}
