import GRDB
import LabCore
import Testing

@testable import Cloud

@Suite("Monthly shares (charging-orders.md 2.3 rule 8, F60, F61)")
struct MonthlySharesTests {
    private struct World {
        let ledger: LedgerWorld
        let shares: MonthlyShares
        /// Noon of the first of February 2026 in UTC+8.
        let february = PricingWorld.civil("2026-02-01 12:00") * 1000

        init() throws {
            ledger = try LedgerWorld()
            shares = MonthlyShares(ledger: ledger.ledger)
        }

        func earn(_ key: String, _ elec: Int64, _ service: Int64, at text: String, operatorID: String = "op-1") throws {
            try ledger.post(
                Posting(
                    key: key, kind: .settle, order: key, tenant: operatorID, at: PricingWorld.civil(text) * 1000,
                    entries: [
                        .init(.receivable(order: key), -elec - service), .init(.revenue(operatorID: operatorID, line: "elec"), elec),
                        .init(.revenue(operatorID: operatorID, line: "service"), service),
                    ]))
        }
        func agree(_ parts: [(String, Int64)], from month: String = "2026-01", operatorID: String = "op-1") throws {
            let agreement = try ShareAgreement(parts.map { ShareAgreement.Part(party: $0.0, basisPoints: $0.1) })
            try ledger.storage.write { db in _ = try shares.agree(agreement, operatorID: operatorID, from: month, in: db) }
        }
        func run(_ month: String = "2026-01", operatorID: String = "op-1", at: Int64? = nil) throws -> ShareRun {
            try ledger.storage.write { db in try shares.run(operatorID: operatorID, month: month, at: at ?? february, in: db) }
        }
    }
    private let parties: [(String, Int64)] = [("owner", 7000), ("site", 2000), ("platform", 1000)]

    @Test("V21: 593 + 395 = 988 in 70, 20, 10 percent are 692, 197, 99")
    func shares() throws {
        let world = try World()
        try world.agree(parties)
        try world.earn("a", 593, 395, at: "2026-01-10 12:00")
        let run = try world.run()
        #expect(run.parts.map(\.fen) == [692, 197, 99])
        #expect((run.fen, run.version, run.isNew) == (988, 1, true))
        #expect(try world.ledger.balance(.shares(party: "owner", month: "2026-01")) == 692)
        // The lines stay what was earned.
        #expect(try world.ledger.balance(.revenue(operatorID: "op-1", line: "elec")) == 593)
        #expect(try world.ledger.violations() == [])
    }

    @Test("F60: started twice, it is shared once, and the second start is told what the first did")
    func once() throws {
        let world = try World()
        try world.agree(parties)
        try world.earn("a", 593, 395, at: "2026-01-10 12:00")
        let first = try world.run()
        var second = try world.run()
        #expect(!second.isNew)
        second.isNew = true
        #expect(second == first)
        #expect(try world.ledger.balance(.shares(party: "owner", month: "2026-01")) == 692)
    }

    @Test("F60: killed between two operators, the next run does what is left")
    func halfWay() throws {
        let world = try World()
        for operatorID in ["op-1", "op-2", "op-3"] { try world.agree(parties, operatorID: operatorID) }
        try world.earn("a", 100, 0, at: "2026-01-10 12:00", operatorID: "op-2")
        _ = try world.run(operatorID: "op-1")
        func outstanding() throws -> [String] { try world.ledger.storage.read { db in try world.shares.outstanding(month: "2026-01", in: db) } }
        #expect(try outstanding() == ["op-2", "op-3"])
        for operatorID in try outstanding() { _ = try world.run(operatorID: operatorID) }
        #expect(try outstanding() == [])
        #expect(try world.ledger.balance(.shares(party: "owner", month: "2026-01")) == 70)
    }

    @Test("F60: what fails in the middle of one operator's month leaves nothing")
    func rolledBack() throws {
        struct Killed: Error {}
        let world = try World()
        try world.agree(parties)
        try world.earn("a", 593, 395, at: "2026-01-10 12:00")
        #expect(throws: Killed.self) {
            try world.ledger.storage.write { db in
                _ = try world.shares.run(operatorID: "op-1", month: "2026-01", at: world.february, in: db)
                throw Killed()
            }
        }
        #expect(try world.run().isNew)
    }

    @Test("F61: a new agreement counts from its month on; a month that is shared stays as it was")
    func frozen() throws {
        let world = try World()
        try world.agree(parties)
        try world.earn("a", 593, 395, at: "2026-01-10 12:00")
        try world.earn("b", 100, 0, at: "2026-02-10 12:00")
        try world.agree([("owner", 10_000)], from: "2026-02")
        #expect(try world.run().parts.map(\.fen) == [692, 197, 99])
        #expect(throws: SharesError.monthTaken("2026-01")) { try world.agree([("owner", 10_000)], from: "2026-01") }
        let march = PricingWorld.civil("2026-03-01 00:00") * 1000
        #expect(try world.run("2026-02", at: march).parts == [ShareRun.Part(party: "owner", fen: 100)])
        #expect(try world.run("2026-01", at: march).parts.map(\.fen) == [692, 197, 99])
    }

    @Test("the month is the civil one, to the second, by settlement time")
    func edges() throws {
        let world = try World()
        try world.agree(parties)
        try world.earn("before", 1, 0, at: "2025-12-31 23:59:59")
        try world.earn("first", 10, 0, at: "2026-01-01 00:00:00")
        try world.earn("last", 100, 0, at: "2026-01-31 23:59:59")
        try world.earn("after", 1000, 0, at: "2026-02-01 00:00:00")
        #expect(try world.run().fen == 110)
    }

    @Test("refunds and what the operator bore are taken off; a month of refunds alone is shared below 0")
    func deductions() throws {
        let world = try World()
        try world.agree(parties)
        try world.earn("a", 593, 395, at: "2026-01-10 12:00")
        try world.earn("refund", -50, -38, at: "2026-01-20 12:00")
        let late = PricingWorld.civil("2026-01-21 12:00") * 1000
        try world.ledger.post(OrderBook(order: "a", tenant: "op-1", wallet: .external).writeOff(100, at: late))
        // 988 - 88 - 100.
        #expect(try world.run().parts.map(\.fen) == [560, 160, 80])
        try world.earn("late", -5, 0, at: "2026-02-02 12:00")
        // 3.5, 1 and 0.5: the tie goes to the first.
        #expect(try world.run("2026-02", at: PricingWorld.civil("2026-03-05 00:00") * 1000).parts.map(\.fen) == [-4, -1, 0])
    }

    @Test("another operator's revenue is not shared, also where its name begins the same")
    func tenants() throws {
        let world = try World()
        try world.agree(parties)
        try world.earn("a", 100, 0, at: "2026-01-10 12:00", operatorID: "op-10")
        #expect(try world.run().fen == 0)
    }

    @Test("a month that is not over, no month, no agreement are refused")
    func refused() throws {
        let world = try World()
        try world.agree(parties)
        #expect(throws: SharesError.monthNotOver("2026-02")) { try world.run("2026-02") }
        #expect(throws: SharesError.monthNotOver("2026-01")) { try world.run(at: PricingWorld.civil("2026-01-31 23:59:59") * 1000) }
        for month in ["2026-13", "2026-1", "2026-01-01", "", "january"] { #expect(throws: SharesError.month(month)) { try world.run(month) } }
        #expect(throws: SharesError.noAgreement(operatorID: "op-2", month: "2026-01")) { try world.run(operatorID: "op-2") }
        #expect(throws: SharesError.noAgreement(operatorID: "op-1", month: "2025-12")) { try world.run("2025-12") }
    }

    @Test("an agreement is 1 to 16 different parties with 100 percent together")
    func agreements() {
        func agreement(_ parts: [(String, Int64)]) throws { _ = try ShareAgreement(parts.map { .init(party: $0.0, basisPoints: $0.1) }) }
        #expect(throws: Never.self) { try agreement([("a", 10_000)]) }
        for bad: [(String, Int64)] in [
            [], [("a", 9999)], [("a", 5000), ("a", 5000)], [("a", 10_001), ("b", -1)], [("", 10_000)], (0..<17).map { ("p\($0)", $0 == 0 ? 10_000 : 0) },
        ] {
            #expect(throws: SharesError.self) { try agreement(bad) }
        }
        #expect(throws: SharesError.self) { try ShareAgreement(list: [["party": "a"]]) }
        #expect((try? ShareAgreement(list: [["party": "a", "basis_points": 10_000]]))?.parts.count == 1)
    }
}
