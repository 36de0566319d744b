import GRDB
import LabCore
import Testing

@testable import Cloud

@Suite("Ledger: postings, keys, balances (charging-orders.md I4)")
struct LedgerTests {
    private func posting(_ key: String, _ entries: [Posting.Entry], at: Int64 = LedgerWorld.noon) -> Posting {
        Posting(key: key, kind: .topUp, tenant: "", at: at, entries: entries)
    }
    private let rider = Account.wallet(tenant: "", user: "rider")

    @Test("a key is booked once: the second time nothing changes, whatever it says")
    func key() throws {
        let world = try LedgerWorld()
        #expect(try world.post(posting("a", [.init(.external, -100), .init(rider, 100)])))
        #expect(try !world.post(posting("a", [.init(.external, -100), .init(rider, 100)])))
        #expect(try !world.post(posting("a", [.init(.external, -999), .init(rider, 999)])))
        #expect(try world.wallet == 5100)
        #expect(try world.post(posting("b", [.init(.external, -100), .init(rider, 100)])))
        #expect(try world.wallet == 5200)
        #expect(try world.violations() == [])
    }

    @Test("with the bug ledger-key-missing the second time is booked, too")
    func seededBug() throws {
        let world = try LedgerWorld(bugs: [.ledgerKeyMissing])
        for _ in 0..<2 { #expect(try world.post(posting("a", [.init(.external, -100), .init(rider, 100)]))) }
        #expect(try world.wallet == 5200)
    }

    @Test("entries that do not add up are refused, and nothing is written")
    func unbalanced() throws {
        let world = try LedgerWorld()
        #expect(throws: LedgerError.unbalanced(key: "a", sum: 1)) { try world.post(posting("a", [.init(.external, -100), .init(rider, 101)])) }
        #expect(try world.wallet == 5000)
        // The key is still free.
        #expect(try world.post(posting("a", [.init(.external, -100), .init(rider, 100)])))
    }

    @Test("a wallet may be emptied, not overdrawn; a repeated key is answered before the balance is looked at")
    func overdraft() throws {
        let world = try LedgerWorld(balance: 100)
        #expect(throws: LedgerError.overdraft(account: "wallet::rider", has: 100, needs: 101)) { try world.hold(101) }
        #expect(try world.post(world.book.hold(100, at: LedgerWorld.noon)))
        #expect(try world.wallet == 0)
        #expect(try !world.post(world.book.hold(100, at: LedgerWorld.noon)))
        #expect(try world.violations() == [])
    }

    @Test("debits of one wallet in one posting are taken together")
    func combined() throws {
        let world = try LedgerWorld(balance: 100)
        let twice = posting("a", [.init(rider, -60), .init(rider, -60), .init(.external, 120)])
        #expect(throws: LedgerError.overdraft(account: "wallet::rider", has: 100, needs: 120)) { try world.post(twice) }
        #expect(try world.post(posting("b", [.init(rider, -160), .init(rider, 60), .init(.external, 100)])))
        #expect(try world.wallet == 0)
    }

    @Test("keys, times, amounts and numbers of entries beyond the bounds are refused")
    func bounds() throws {
        let world = try LedgerWorld()
        let entries = [Posting.Entry(.external, -1), Posting.Entry(rider, 1)]
        for bad in [
            posting("", entries), posting(String(repeating: "k", count: 129), entries), posting("a", entries, at: -1), posting("a", entries, at: .max),
            posting("a", [.init(.external, .min), .init(rider, .max)]), posting("a", (0..<33).flatMap { _ in entries }),
        ] {
            #expect(throws: LedgerError.self) { try world.post(bad) }
        }
        #expect(try world.wallet == 5000)
        #expect(try world.post(posting(String(repeating: "k", count: 128), entries)))
    }

    @Test("what is booked is never changed or removed: the database refuses")
    func immutable() throws {
        let world = try LedgerWorld()
        for sql in [
            "UPDATE ledger_entries SET fen = fen + 1", "DELETE FROM ledger_entries", "UPDATE ledger_postings SET at = 0", "DELETE FROM ledger_postings",
        ] {
            #expect(throws: StorageError.self, "\(sql)") { try world.storage.write { db in try db.execute(sql: sql) } }
        }
        #expect(try world.violations() == [])
    }

    @Test("what a caller gives up is not booked")
    func rollback() throws {
        struct Stop: Error {}
        let world = try LedgerWorld()
        #expect(throws: Stop.self) {
            try world.storage.write { db in
                _ = try world.ledger.post(world.book.hold(100, at: LedgerWorld.noon), in: db)
                throw Stop()
            }
        }
        #expect(try world.wallet == 5000)
        #expect(try world.post(world.book.hold(100, at: LedgerWorld.noon)))
    }

    @Test("a wallet's statement is read from the newest to the oldest, page by page")
    func statement() throws {
        let world = try LedgerWorld()
        for number in 1...5 { try world.post(posting("t\(number)", [.init(.external, -Int64(number)), .init(rider, Int64(number))])) }
        let pages = try world.storage.read { db in
            try [0, 4].map { try world.ledger.statement(rider, limit: 4, offset: $0, in: db).map(\.fen) }
        }
        #expect(pages == [[5, 4, 3, 2], [1, 5000]])
    }

    @Test("money is counted on the civil day: 23:59:59 and 00:00:00 in UTC+8 are two days")
    func days() throws {
        let world = try LedgerWorld(balance: 0)
        let midnight: Int64 = 1_767_283_200_000  // 2026-01-01T16:00:00Z
        for (key, at) in [("a", midnight - 1), ("b", midnight)] {
            try world.post(Posting(key: key, kind: .topUp, tenant: "", at: at, entries: [.init(.bank(channel: "wechat"), -7), .init(rider, 7)]))
        }
        let day = CivilCalendar.day("2026-01-01") ?? 0
        let days = try world.storage.read { db in
            try [day..<day + 1, day + 1..<day + 2, day..<day + 2].map { try world.ledger.turnover(.bank(channel: "wechat"), days: $0, in: db) }
        }
        #expect(days == [-7, -7, -14])
    }

    @Test("books of thousands of random postings add up", arguments: 0..<4)
    func properties(seed: UInt64) throws {
        var chance = SeededGenerator(seed: seed, purpose: "postings")
        let world = try LedgerWorld()
        let accounts: [Account] = [
            rider, .wallet(tenant: "op-1", user: "rider"), .bank(channel: "wechat"), .transit(channel: "alipay"), .external,
            .revenue(operatorID: "op-1", line: "elec"), .absorbed(operatorID: "op-1"), .shares(party: "owner", month: "2026-01"),
        ]
        try world.storage.write { db in
            for _ in 0..<1000 {
                let fen = Int64(chance.integer(below: 500)) - 100
                let pair = (0..<2).map { _ in accounts[Int(chance.integer(below: UInt64(accounts.count)))] }
                let posting = posting("k\(chance.integer(below: 600))", [.init(pair[0], -fen), .init(pair[1], fen)])
                do { try world.ledger.post(posting, in: db) } catch let error as LedgerError {
                    guard case .overdraft = error else { throw error }
                }
            }
        }
        #expect(try world.violations() == [])
        let sum = try world.storage.read { db in try accounts.reduce(0) { $0 + (try world.ledger.balance($1, in: db)) } }
        #expect(sum == 0)
    }
}

@Suite("Ledger: names of accounts")
struct AccountTests {
    @Test("names are the words of the design", arguments: [
        (Account.wallet(tenant: "", user: "rider"), "wallet::rider"), (.wallet(tenant: "op-1", user: "rider"), "wallet:op-1:rider"),
        (.hold(order: "A1"), "hold:A1"), (.receivable(order: "A1"), "receivable:A1"), (.transit(channel: "wechat"), "transit:wechat"),
        (.bank(channel: "alipay"), "bank:alipay"), (.revenue(operatorID: "op-1", line: "elec"), "revenue:op-1:elec"),
        (.absorbed(operatorID: "op-1"), "absorbed:op-1"), (.shares(party: "owner", month: "2026-01"), "shares:owner:2026-01"), (.external, "external"),
    ])
    func names(_ account: Account, _ text: String) {
        #expect(account.text == text)
        #expect(Account(text: text) == account)
    }

    @Test("colons in names of users make no account of another's")
    func escaped() {
        let first = Account.wallet(tenant: "a", user: "b:c"), second = Account.wallet(tenant: "a:b", user: "c"), third = Account.wallet(tenant: "a", user: "b%3Ac")
        #expect(Set([first.text, second.text, third.text]).count == 3)
        for account in [first, second, third] { #expect(Account(text: account.text) == account) }
    }

    @Test("other texts are no accounts", arguments: ["", "wallet", "wallet:a", "purse:a:b", "external:1", "hold:a:b"])
    func refused(_ text: String) { #expect(Account(text: text) == nil) }
}
