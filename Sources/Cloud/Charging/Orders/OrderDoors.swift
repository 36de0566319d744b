import GRDB
import LabCore

// What others call: piles, users, operators, payments.

extension OrderEngine: PileListener {
    package func received(_ event: PileEvent) {
        switch event {
        case .online(let pile, _):
            guard !memory.orders(ofPile: pile).isEmpty else { return }
            keep { try $0.returned(pile) }
        case .offline(let pile, _):
            guard !memory.orders(ofPile: pile).isEmpty else { return }
            keep { try $0.left(pile) }
        case .startAnswered(let pile, _, let order, let answer):
            keep(order: order) { try $0.startAnswered(order, by: pile, answer) }
        case .stopAnswered(let pile, _, let order, let answer):
            keep(order: order) { try $0.stopAnswered(order, by: pile, answer) }
        case .sample(let sample):
            guard let pile = desk.pile(sample.pile) else { return }
            submit(OrderQueue.Item(word: .sample, order: sample.order, run: { try $0.take(sample, from: pile) }, finish: { _ in }))
        case .alarm(let pile, let port, let kind, isOn: true) where Self.endsCharges(kind):
            guard !memory.orders(ofPile: pile).isEmpty else { return }
            keep { try $0.alarmed(pile: pile, port: port, kind) }
        case .card(let pile, let port, let card):
            guard let pile = desk.pile(pile) else { return }
            submit(
                OrderQueue.Item(
                    word: .card, run: { [self] in try $0.swiped(card, at: port, of: pile, number: makeNumber) }, finish: { _ in }))
        case .alarm, .unanswered, .ports, .serviced, .parameters, .described: break
        }
    }

    private static func endsCharges(_ kind: AlarmKind) -> Bool {
        switch kind {
        case .water, .smoke, .heat, .door, .overCurrent, .overTemperature, .relayStuck, .portFault: true
        case .powerCut, .other: false
        }
    }

    /// Something that nobody says a second time.
    private func keep(order: String? = nil, _ body: @escaping @Sendable (inout OrderWork) throws -> Void) {
        submit(OrderQueue.Item(word: .event, order: order, isKept: true, run: body, finish: { _ in }))
    }
}

extension OrderEngine: BillKeeper {
    package func received(_ bill: PileBill, done: @escaping @Sendable (BillOutcome) -> Void) {
        guard let pile = desk.pile(bill.pile) else { return done(.failed) }
        if bugs.contains(.acknowledgedBeforeStored) {
            done(.settled(order: bill.order ?? ""))
            return submit(
                OrderQueue.Item(
                    word: .bill, order: bill.order, run: { [self] in _ = try $0.take(bill, from: pile, number: makeNumber) },
                    finish: { _ in }))
        }
        let box = OutcomeBox()
        submit(
            OrderQueue.Item(
                word: .bill, order: bill.order, run: { [self] in box.set(try $0.take(bill, from: pile, number: makeNumber)) },
                finish: { failure in done(failure == nil ? box.outcome : .failed) }))
    }
}

extension OrderEngine: OrderPayments {
    package func paid(_ notice: PaymentNotice) throws -> PaymentOutcome {
        guard notice.fen > 0, let attempt = try payments?.attempt(notice.attempt) else {
            refuse(notice, "unknown_attempt")
            return .refused(reason: "unknown_attempt")
        }
        guard attempt.fen == notice.fen, attempt.channel == notice.channel else {
            refuse(notice, "amount")
            return .refused(reason: "amount")
        }
        return try performNow(.pay, order: attempt.order.isEmpty ? nil : attempt.order) { try $0.book(notice, attempt) }
    }

    private func refuse(_ notice: PaymentNotice, _ reason: String) {
        environment.note("payment.refused", OrderWork.fields(of: notice).merging(["reason": .text(reason)]))
    }

    package func refunded(number: String, succeeded: Bool) throws {
        try performNow(.refund) { try $0.refunded(number, succeeded: succeeded) }
    }
}

extension OrderEngine: OrderDebts {
    package func debt(of order: String) throws -> OrderDebt? {
        try self.order(order).map {
            OrderDebt(order: $0.number, tenant: $0.tenant, user: $0.user, fen: $0.state == .due ? $0.open : 0, state: $0.state.rawValue)
        }
    }
}

extension OrderEngine {
    // MARK: Users

    /// Makes an order and starts the charge.
    ///
    /// - Parameter tariff: instead of the place's own.
    /// - Throws: `APIError` with a charging code, `StorageError`, `CloudCrashed`.
    package func create(_ request: OrderRequest, tariff: Tariff? = nil) async throws -> Order {
        guard let pile = desk.pile(request.pile) else { throw APIError(.pileNotFound) }
        return try await perform(.create) { [self] in try $0.create(request, at: pile, tariff: tariff, number: makeNumber) }
    }

    /// - Parameter reason: `user`, `remote`.
    package func stop(_ number: String, reason: String) async throws -> Order {
        try await perform(.stop, order: number) { try $0.stop(number, reason: reason) }
    }

    /// Money that no payment service brings.
    ///
    /// - Parameter key: the same key tops up once.
    /// - Returns: what the wallet has then.
    package func topUp(_ user: String, fen: Int64, key: String) async throws -> Int64 {
        try await perform(.topUp) { try $0.topUp(user, fen: fen, key: key) }
    }

    // MARK: Operators

    package func refund(_ number: String, key: String, fen: Int64) async throws -> OrderRefund {
        try await perform(.refund, order: number) { try $0.refund(number, key: key, fen: fen) }
    }

    package func resolve(_ number: String, review: OrderReview?, by: String, remark: String, refund fen: Int64) async throws -> Order {
        try await perform(.resolve, order: number) { try $0.resolve(number, review: review, by: by, remark: remark, refund: fen) }
    }

    package func register(card: String, tenant: String, user: String) throws {
        try storage.write { db in try CardStore.register(card, tenant: tenant, user: user, in: db) }
    }

    // MARK: Looking

    /// As it is committed.
    package func order(_ number: String) throws -> Order? {
        if let active = memory.order(number) { return active }
        return try storage.read { db in try OrderStore.find(number, in: db) }
    }

    /// What a wallet has: free to use, set aside, and owed.
    package func wallet(_ user: String) throws -> (balance: Int64, held: Int64, due: Int64) {
        let held = memory.orders(ofUser: user).compactMap { memory.order($0)?.hold }.reduce(0, +)
        return try storage.read { db in
            let balance = try Ledger(bugs: bugs).balance(OrderWork.wallet(user), in: db)
            let due =
                try Int64.fetchOne(db, sql: "SELECT coalesce(sum(open), 0) FROM orders WHERE user = ? AND state = 'due'", arguments: [user])
                ?? 0
            return (balance, held, due)
        }
    }
}
