import GRDB
import LabCore

@testable import Cloud

/// A database with the ledger in it, a rider with 50 yuan, and one order.
struct LedgerWorld {
    let storage: Storage
    let ledger: Ledger
    let book = OrderBook(order: "0000000000000001", tenant: "op-1", wallet: .wallet(tenant: "", user: "rider"))
    static let noon: Int64 = 1_767_240_000_000  // 2026-01-01T04:00:00Z, noon in UTC+8
    static let lines = [PriceLine(kind: .elec, fen: 741), PriceLine(kind: .service, fen: 494)]

    init(bugs: Set<SeededBug> = [], balance: Int64 = 5000) throws {
        storage = try Storage(path: nil)
        try storage.migrate(service: "ledger", LedgerSchema.migrations)
        ledger = Ledger(bugs: bugs)
        let topUp = WalletBook.topUp(key: "first", wallet: book.wallet, fen: balance, at: Self.noon)
        if balance > 0 { try storage.write { [ledger] db in _ = try ledger.post(topUp, in: db) } }
    }

    @discardableResult
    func post(_ posting: Posting) throws -> Bool { try storage.write { db in try ledger.post(posting, in: db) } }
    func balance(_ account: Account) throws -> Int64 { try storage.read { db in try ledger.balance(account, in: db) } }
    func money() throws -> OrderMoney { try storage.read { db in try ledger.money(order: book.order, in: db) } }
    var wallet: Int64 { get throws { try balance(book.wallet) } }

    func hold(_ fen: Int64 = 2000) throws { try post(book.hold(fen, at: Self.noon)) }

    func settle(_ lines: [PriceLine] = Self.lines, usesWallet: Bool = true) throws -> OrderBook.Settlement? {
        try storage.write { db in try book.settle(lines, usesWallet: usesWallet, with: ledger, at: Self.noon, in: db) }
    }

    func refund(_ key: String, _ fen: Int64, payee: OrderBook.Payee = .wallet) throws -> [PriceLine]? {
        try storage.write { db in try book.refund(key: key, fen: fen, payee: payee, with: ledger, at: Self.noon, in: db) }
    }

    func violations() throws -> [LedgerViolation] { try storage.read { db in try LedgerAudit.violations(in: db) } }

    func violations(_ stage: AuditedOrder.Stage, hold: Int64 = 2000, price: Int64?, told: Int64? = nil, isInReview: Bool = false) throws -> [LedgerViolation] {
        let audited = AuditedOrder(order: book.order, stage: stage, hold: hold, price: price, told: told, isInReview: isInReview)
        return try violations() + storage.read { db in try LedgerAudit.violations(of: audited, in: db) }
    }
}
