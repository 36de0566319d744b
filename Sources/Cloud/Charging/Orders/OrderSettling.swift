import GRDB
import LabCore

/// The money of an order: its settlement by bill or by estimate, and what later bills and people change about it.
///
/// The ledger has the truth; the order's row repeats it, so that a question about an order costs one look.
extension OrderWork {
    func book(of order: Order) -> OrderBook {
        OrderBook(order: order.number, tenant: order.tenant, wallet: Self.wallet(order.user), utcOffset: offset(of: order))
    }

    /// Wallets are the platform's: they count at every operator.
    static func wallet(_ user: String) -> Account { .wallet(tenant: "", user: user) }

    private func offset(of order: Order) -> Int64 { (try? memory.tariff(order.tariff).utcOffset) ?? 480 }

    /// Remembers which bill counts, without its price.
    mutating func keep(_ facts: Facts, in order: inout Order) {
        order.bill = facts.billRow
        guard let reading = facts.billReading else { return }
        order.flags.formUnion(reading.flags)
        order.billedEnergy = reading.energy
        order.billedSeconds = reading.seconds
        order.endedAt = reading.ended * 1000
        if let bill = facts.bill, !order.isEstimated { order.reason = bill.reason.rawValue }
    }

    mutating func settleByBill(_ order: inout Order, _ facts: Facts) throws {
        guard let reading = facts.billReading else { return }
        try settle(&order, try price(of: order, reading, samples: facts.samples))
    }

    /// By the last good sample; without one nothing is owed.
    mutating func settleByEstimate(_ order: inout Order) throws {
        order.isEstimated = true
        guard order.hasBeenSeen, let sampled = order.sampledAt else { return try release(&order) }
        let samples = try OrderStore.samples(of: order, in: db)
        let started = seconds(order.startedAt ?? order.createdAt)
        order.billedEnergy = order.energy
        order.billedSeconds = max(0, seconds(sampled) - started)
        order.endedAt = sampled
        try settle(&order, try price(order, started: started, ended: seconds(sampled), samples: samples, total: order.energy))
    }

    func price(of order: Order, _ reading: BillReading, samples known: [(at: Int64, energy: Int64)]? = nil) throws -> Price {
        let samples = try known ?? (order.hasBeenSeen ? OrderStore.samples(of: order, in: db) : [])
        return try price(
            order, started: reading.started, ended: reading.ended, samples: samples, total: reading.energy, idleMinutes: reading.idleMinutes
        )
    }

    private mutating func settle(_ order: inout Order, _ price: Price) throws {
        guard let settlement = try book(of: order).settle(price.lines, with: ledger, at: now, in: db) else { return }
        order.price = price.due
        order.lines = Self.text(price.lines)
        if order.told == nil { order.told = price.due }
        order.captured = settlement.captured
        order.open = settlement.open
        order.settledAt = now
        for flag in price.flags { order.flags.insert(flag.rawValue) }
        try count?(
            OrderTurnover(pile: order.pile, at: now, fen: price.due, seconds: price.seconds, segments: price.segments, isCorrection: false),
            db)
        noteSettled(order, cents: price.due)
        noteDebit(order, settlement.captured, owed: settlement.open)
        noteRevenue(order, price.lines)
    }

    /// Broken on purpose: a bill that was booked is booked once more, at the cost of the wallet.
    mutating func settleAgain(_ order: Order, _ facts: Facts) throws {
        guard let reading = facts.billReading else { return }
        var changed = order
        let price = try price(of: order, reading)
        let fromWallet = min(price.due, max(0, try ledger.balance(Self.wallet(order.user), in: db)))
        let entries = [
            Posting.Entry(Self.wallet(order.user), -fromWallet), Posting.Entry(.receivable(order: order.number), fromWallet - price.due),
        ]
        try ledger.post(
            Posting(
                key: "settle:\(order.number):\(now)", kind: .settle, order: order.number, tenant: order.tenant, at: now,
                entries: entries + price.lines.map { Posting.Entry(.revenue(operatorID: order.tenant, line: $0.kind.rawValue), $0.fen) }),
            in: db)
        changed.captured += fromWallet
        changed.open += price.due - fromWallet
        changed.price += price.due
        noteSettled(changed, cents: price.due)
        noteDebit(order, fromWallet, owed: price.due - fromWallet)
        noteRevenue(order, price.lines)
        try save(&changed)
    }

    /// Nothing happened, so nothing is owed: the whole hold goes back.
    mutating func release(_ order: inout Order) throws {
        try book(of: order).release(ledger, at: now, in: db)
        order.told = 0
        order.settledAt = now
        order.billedEnergy = order.billedEnergy ?? 0
        order.billedSeconds = order.billedSeconds ?? 0
        noteSettled(order, cents: 0)
    }

    // MARK: Later bills

    /// How a bill that comes after the estimate compares with it, by what the user pays.
    func standing(_ order: Order, _ reading: BillReading) throws -> LateBill {
        let due = try price(of: order, reading).due
        return due < order.price ? .lower : due > order.price ? .higher : .equal
    }

    mutating func correct(_ order: inout Order, _ facts: Facts) throws {
        guard let reading = facts.billReading else { return }
        try lower(&order, to: try price(of: order, reading).lines)
    }

    /// Lowers the price; what is owed shrinks first, the rest goes back into the wallet.
    ///
    /// - Parameter reference: where it can happen again, what led to it.
    mutating func lower(_ order: inout Order, to lines: [PriceLine], reference: String? = nil) throws {
        let old = Self.lines(order.lines)
        guard let back = try book(of: order).adjust(to: lines, payee: .wallet, reference: reference, with: ledger, at: now, in: db) else {
            return
        }
        let due = lines.reduce(0) { $0 + $1.fen }
        try count?(OrderTurnover(pile: order.pile, at: now, fen: due - order.price, seconds: 0, segments: [], isCorrection: true), db)
        let lessOpen = order.price - due - back
        noteDebit(order, -back, owed: -lessOpen)
        noteRevenue(order, OrderBook.difference(from: old, to: lines))
        if back > 0 { noteCredit(order, back, kind: "adjustment") }
        order.price = due
        order.lines = Self.text(lines)
        order.open -= lessOpen
        order.returned += back
    }

    mutating func absorb(_ order: inout Order, _ facts: Facts) throws {
        guard let reading = facts.billReading else { return }
        let price = try price(of: order, reading)
        let old = Self.lines(order.lines)
        let posting = book(of: order).absorption(from: old, to: price.lines, at: now)
        guard try ledger.post(posting, in: db) else { return }
        let changes = OrderBook.difference(from: old, to: price.lines)
        noteRevenue(order, changes)
        let difference = changes.reduce(0) { $0 + $1.fen }
        noteRevenue(order, line: "absorbed", -difference)
        order.lines = Self.text(price.lines)
        order.absorbed += difference
    }

    /// Broken on purpose: what a late bill adds is taken of the wallet, or owed.
    mutating func chargeUp(_ order: inout Order, _ facts: Facts) throws {
        guard let reading = facts.billReading else { return }
        let price = try price(of: order, reading)
        let changes = OrderBook.difference(from: Self.lines(order.lines), to: price.lines)
        let more = price.due - order.price
        let fromWallet = min(more, max(0, try ledger.balance(Self.wallet(order.user), in: db)))
        let entries = [
            Posting.Entry(Self.wallet(order.user), -fromWallet), Posting.Entry(.receivable(order: order.number), fromWallet - more),
        ]
        try ledger.post(
            Posting(
                key: "adj:\(order.number)", kind: .adjustment, order: order.number, tenant: order.tenant, at: now,
                entries: entries + changes.map { Posting.Entry(.revenue(operatorID: order.tenant, line: $0.kind.rawValue), $0.fen) }),
            in: db)
        order.price = price.due
        order.lines = Self.text(price.lines)
        order.captured += fromWallet
        order.open += more - fromWallet
        noteDebit(order, fromWallet, owed: more - fromWallet)
        noteRevenue(order, changes)
    }

    // MARK: Lines

    static func text(_ lines: [PriceLine]) -> String {
        var fields: Fields = [:]
        for line in lines { fields[line.kind.rawValue] = .integer(line.fen) }
        return JSONWriter.text(.record(fields))
    }

    static func lines(_ text: String?) -> [PriceLine] {
        let fields = text.flatMap { (try? JSONReader.read($0))?.record } ?? [:]
        return fields.compactMap { entry in
            guard let kind = PriceLineKind(rawValue: entry.name), let fen = entry.value.integer else { return nil }
            return PriceLine(kind: kind, fen: fen)
        }
    }

    // MARK: Words for the log

    private mutating func noteSettled(_ order: Order, cents: Int64) {
        note(
            "order.settled",
            [
                "order": .text(order.number), "user": .text(order.user), "pile": .text(order.pile), "port": .integer(Int64(order.port)),
                "cents": .integer(cents), "energy": .integer(order.billedEnergy ?? 0), "seconds": .integer(order.billedSeconds ?? 0),
                "reason": .text(order.reason ?? "unknown"), "estimated": .bool(order.isEstimated),
            ])
    }

    /// What the user is charged: taken now, or owed. The sums of these and of what the lines earn are equal at every commit.
    mutating func noteDebit(_ order: Order, _ taken: Int64, owed: Int64) {
        let fields: Fields = ["user": .text(order.user), "order": .text(order.number)]
        if taken != 0 { note("wallet.debited", fields.merging(["cents": .integer(taken), "owed": false])) }
        if owed != 0 { note("wallet.debited", fields.merging(["cents": .integer(owed), "owed": true])) }
    }

    mutating func noteCredit(_ order: Order, _ fen: Int64, kind: String) {
        note("wallet.credited", ["user": .text(order.user), "order": .text(order.number), "cents": .integer(fen), "kind": .text(kind)])
    }

    mutating func noteRevenue(_ order: Order, _ lines: [PriceLine], sign: Int64 = 1) {
        for line in lines { noteRevenue(order, line: line.kind.rawValue, sign * line.fen) }
    }

    mutating func noteRevenue(_ order: Order, line: String, _ fen: Int64) {
        guard fen != 0 else { return }
        note(
            "revenue.credited",
            ["operator": .text(order.tenant), "order": .text(order.number), "line": .text(line), "cents": .integer(fen)])
    }
}
