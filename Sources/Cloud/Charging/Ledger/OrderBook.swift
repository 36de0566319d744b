package import GRDB

/// The postings of one order, each by the event that leads to it (charging-orders.md 2.1). Docs/charging-ledger.md lists them.
package struct OrderBook: Sendable, Equatable {
    package var order: String
    /// The operator: whose revenue it is.
    package var tenant: String
    /// The user's wallet.
    package var wallet: Account
    /// Minutes of the site's civil time ahead of UTC.
    package var utcOffset: Int64

    package init(order: String, tenant: String, wallet: Account, utcOffset: Int64 = 480) {
        self.order = order
        self.tenant = tenant
        self.wallet = wallet
        self.utcOffset = utcOffset
    }

    /// Where money goes that the user gets back.
    package enum Payee: Sendable, Equatable {
        case wallet
        /// By a payment service; stays in transit until that has paid it out.
        case channel(String)
    }

    /// What a settlement did.
    package struct Settlement: Sendable, Equatable {
        /// Of the hold.
        package var fromHold: Int64
        /// Beyond the hold.
        package var fromWallet: Int64
        package var released: Int64
        /// Still owed.
        package var open: Int64
        package var captured: Int64 { fromHold + fromWallet }
    }

    private func posting(_ key: String, _ kind: Posting.Kind, at: Int64, reference: String? = nil, _ entries: [Posting.Entry]) -> Posting {
        Posting(key: key, kind: kind, order: order, tenant: tenant, at: at, utcOffset: utcOffset, reference: reference, entries: entries)
    }

    private func account(_ payee: Payee) -> Account {
        switch payee {
        case .wallet: wallet
        case .channel(let channel): .transit(channel: channel)
        }
    }

    private func revenue(_ lines: [PriceLine]) -> [Posting.Entry] {
        lines.map { Posting.Entry(.revenue(operatorID: tenant, line: $0.kind.rawValue), $0.fen) }
    }

    // MARK: Without a look at the ledger

    /// `hold:<order>`: the prepaid hold leaves the wallet.
    package func hold(_ fen: Int64, at: Int64) -> Posting {
        posting("hold:\(order)", .hold, at: at, [Posting.Entry(wallet, -fen), Posting.Entry(.hold(order: order), fen)])
    }

    /// `pay:<attempt>`: money for the order has arrived at a payment service.
    package func payment(attempt: String, channel: String, fen: Int64, at: Int64) -> Posting {
        posting("pay:\(attempt)", .payment, at: at, [Posting.Entry(.bank(channel: channel), -fen), Posting.Entry(.receivable(order: order), fen)])
    }

    /// `ret:<attempt>`: a payment for which nothing was owed is to go back whole.
    package func paymentReturn(attempt: String, channel: String, fen: Int64, at: Int64) -> Posting {
        posting(
            "ret:\(attempt)", .paymentReturn, at: at,
            [Posting.Entry(.receivable(order: order), -fen), Posting.Entry(.transit(channel: channel), fen)])
    }

    /// `sent:<number>`: a payment service has paid a refund or a return out.
    package func sent(number: String, channel: String, fen: Int64, at: Int64) -> Posting {
        posting("sent:\(number)", .sent, at: at, [Posting.Entry(.transit(channel: channel), -fen), Posting.Entry(.bank(channel: channel), fen)])
    }

    /// `unsent:<number>`: it could not, for good; the user gets the money into his wallet.
    package func unsent(number: String, channel: String, fen: Int64, at: Int64) -> Posting {
        posting("unsent:\(number)", .unsent, at: at, [Posting.Entry(.transit(channel: channel), -fen), Posting.Entry(wallet, fen)])
    }

    /// `abs:<order>`: the final price is higher than what was charged; the operator bears the difference.
    ///
    /// - Parameter reference: where it can happen again, what led to it; then a part of the key.
    package func absorption(from old: [PriceLine], to new: [PriceLine], reference: String? = nil, at: Int64) -> Posting {
        let lines = Self.difference(from: old, to: new)
        let sum = lines.reduce(0) { $0 + $1.fen }
        return posting(
            key("abs", reference), .absorption, at: at, reference: reference, revenue(lines) + [Posting.Entry(.absorbed(operatorID: tenant), -sum)])
    }

    /// `writeoff:<order>`: what is still owed will not come.
    package func writeOff(_ fen: Int64, reference: String? = nil, at: Int64) -> Posting {
        posting(
            "writeoff:\(order)", .writeOff, at: at, reference: reference,
            [Posting.Entry(.receivable(order: order), fen), Posting.Entry(.absorbed(operatorID: tenant), -fen)])
    }

    /// What each line changes by, in the order of `PriceLineKind`; lines that stay are left out.
    package static func difference(from old: [PriceLine], to new: [PriceLine]) -> [PriceLine] {
        PriceLineKind.allCases.compactMap { kind in
            let change = (new.first { $0.kind == kind }?.fen ?? 0) - (old.first { $0.kind == kind }?.fen ?? 0)
            return change == 0 ? nil : PriceLine(kind: kind, fen: change)
        }
    }

    private func key(_ word: String, _ reference: String?) -> String { reference.map { "\(word):\(order):\($0)" } ?? "\(word):\(order)" }

    // MARK: With a look at the ledger

    /// `release:<order>`: the order costs nothing, and its whole hold goes back.
    ///
    /// - Returns: what went back; `nil` where the key was there.
    @discardableResult
    package func release(_ ledger: Ledger, at: Int64, in db: Database) throws -> Int64? {
        let key = "release:\(order)"
        if try ledger.isKnown(key, in: db) { return nil }
        let fen = try ledger.balance(.hold(order: order), in: db)
        try ledger.postNew(posting(key, .release, at: at, [Posting.Entry(.hold(order: order), -fen), Posting.Entry(wallet, fen)]), in: db)
        return fen
    }

    /// `settle:<order>`: the revenue by lines; the hold is taken up to the price and the rest of it released, then the wallet is
    /// taken, and what is still lacking is owed (2.3, rule 7).
    ///
    /// - Parameter usesWallet: whether the wallet may be taken beyond the hold.
    /// - Returns: `nil` where the key was there.
    package func settle(_ lines: [PriceLine], usesWallet: Bool = true, with ledger: Ledger, at: Int64, in db: Database) throws -> Settlement? {
        let key = "settle:\(order)"
        if try ledger.isKnown(key, in: db) { return nil }
        let due = lines.reduce(0) { $0 + $1.fen }
        let hold = try ledger.balance(.hold(order: order), in: db)
        let fromHold = min(due, hold)
        let lacking = due - fromHold
        let fromWallet = lacking > 0 && usesWallet ? min(lacking, max(0, try ledger.balance(wallet, in: db))) : 0
        let settlement = Settlement(fromHold: fromHold, fromWallet: fromWallet, released: hold - fromHold, open: lacking - fromWallet)
        let entries = [
            Posting.Entry(.hold(order: order), -settlement.fromHold), Posting.Entry(.hold(order: order), -settlement.released),
            Posting.Entry(wallet, settlement.released), Posting.Entry(wallet, -settlement.fromWallet),
            Posting.Entry(.receivable(order: order), -settlement.open),
        ]
        try ledger.postNew(posting(key, .settle, at: at, entries + revenue(lines)), in: db)
        return settlement
    }

    /// `adj:<order>`: the price is lowered; what is still owed shrinks first, and the rest goes back to the user.
    ///
    /// - Parameter reference: where it can happen again, the review that led to it; then a part of the key.
    /// - Returns: what goes back; `nil` where the key was there.
    /// - Throws: `LedgerError.malformed` where the new price is higher: the user is never charged more than he was told (I15).
    package func adjust(
        to new: [PriceLine], payee: Payee, reference: String? = nil, with ledger: Ledger, at: Int64, in db: Database
    ) throws -> Int64? {
        let key = key("adj", reference)
        if try ledger.isKnown(key, in: db) { return nil }
        let money = try ledger.money(order: order, in: db)
        let lines = Self.difference(from: money.lines, to: new)
        let lowered = -lines.reduce(0) { $0 + $1.fen }
        guard lowered >= 0 else { throw LedgerError.malformed(key: key, reason: "would raise the price; book an absorption") }
        let fromOpen = max(0, min(lowered, money.open))
        let entries = [Posting.Entry(.receivable(order: order), fromOpen), Posting.Entry(account(payee), lowered - fromOpen)]
        try ledger.postNew(posting(key, .adjustment, at: at, reference: reference, revenue(lines) + entries), in: db)
        return lowered - fromOpen
    }

    /// `refund:<key>`: part of what was paid goes back, split over what is left of the lines by largest remainder (2.3, rule 8).
    ///
    /// - Returns: the part of each line; `nil` where the key was there.
    /// - Throws: `LedgerError.refundOutOfRange` unless 0 < fen <= paid and not yet gone back (I6).
    package func refund(
        key: String, fen: Int64, payee: Payee, reference: String? = nil, with ledger: Ledger, at: Int64, in db: Database
    ) throws -> [PriceLine]? {
        let key = "refund:\(key)"
        if try ledger.isKnown(key, in: db) { return nil }
        let money = try ledger.money(order: order, in: db)
        guard fen > 0, fen <= money.refundable else {
            throw LedgerError.refundOutOfRange(order: order, fen: fen, refundable: money.refundable)
        }
        let parts = LargestRemainder.split(fen, by: money.remaining.map(\.fen))
        let lines = zip(money.remaining, parts).map { PriceLine(kind: $0.kind, fen: $1) }
        let entries = revenue(lines.map { PriceLine(kind: $0.kind, fen: -$0.fen) }) + [Posting.Entry(account(payee), fen)]
        try ledger.postNew(posting(key, .refund, at: at, reference: reference, entries), in: db)
        return lines
    }
}

/// Postings that belong to a wallet and to no order.
package enum WalletBook {
    /// `topup:<key>`: money that no payment service brings, as in tests and at counters.
    package static func topUp(key: String, wallet: Account, tenant: String = "", fen: Int64, at: Int64) -> Posting {
        Posting(
            key: "topup:\(key)", kind: .topUp, tenant: tenant, at: at, entries: [Posting.Entry(.external, -fen), Posting.Entry(wallet, fen)])
    }

    /// `pay:<attempt>`: money for the wallet has arrived at a payment service.
    package static func payment(attempt: String, channel: String, wallet: Account, tenant: String = "", fen: Int64, at: Int64) -> Posting {
        Posting(
            key: "pay:\(attempt)", kind: .payment, tenant: tenant, at: at,
            entries: [Posting.Entry(.bank(channel: channel), -fen), Posting.Entry(wallet, fen)])
    }
}
