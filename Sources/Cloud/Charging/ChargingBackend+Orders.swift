import GRDB
package import LabCore

// What the REST surface asks of orders and money.
extension ChargingService {
    package func createOrder(_ draft: OrderDraft) async throws -> OrderView {
        let order = try await orders.create(
            OrderRequest(
                user: draft.user, pile: draft.pile, port: draft.port, clientKey: draft.clientKey, hold: draft.holdFen,
                limitEnergy: draft.limitEnergy,
                limitSeconds: draft.limitMinutes.map { $0 * 60 }))
        return view(of: order)
    }

    package func order(_ number: String) throws -> OrderView? { try orders.order(number).map(view) }

    package func orders(_ filter: OrderFilter, limit: Int, offset: Int) throws -> (items: [OrderView], total: Int) {
        let page = try storage.read { db in try OrderLists.page(filter, limit: limit, offset: offset, in: db) }
        return (page.items.map(view), page.total)
    }

    package func stopOrder(_ number: String, by who: String) async throws -> OrderView {
        let order = try orders.order(number)
        return view(of: try await orders.stop(number, reason: order?.user == who ? "user" : "remote"))
    }

    package func wallet(of user: String) throws -> WalletView {
        let wallet = try orders.wallet(user)
        return WalletView(balance: wallet.balance, held: wallet.held, due: wallet.due)
    }

    package func walletEntries(of user: String, limit: Int, offset: Int) throws -> (items: [WalletEntry], total: Int) {
        let account = OrderWork.wallet(user)
        return try storage.read { db in
            let entries = try Ledger(bugs: bugs).statement(account, limit: limit, offset: offset, in: db)
            let total =
                try Int.fetchOne(
                    db,
                    cached: "SELECT count(*) FROM ledger_entries WHERE account = ? AND account >= 'wallet:' AND account < 'wallet;'",
                    account.text) ?? 0
            return (entries.map { WalletEntry(at: $0.at, kind: $0.kind.rawValue, order: $0.order, fen: $0.fen) }, total)
        }
    }

    package func resolve(_ decision: ReviewDecision) async throws -> OrderView {
        let review = try decision.review.map { word in
            guard let review = OrderReview(rawValue: word) else {
                throw APIError.invalidField("review", "'\(word.prefix(64))' is no review.")
            }
            return review
        }
        return view(
            of: try await orders.resolve(
                decision.order, review: review, by: decision.by, remark: decision.reason, refund: decision.refundFen))
    }

    package func refund(_ draft: RefundDraft) async throws -> RefundView {
        Self.view(of: try await orders.refund(draft.order, key: draft.key, fen: draft.fen))
    }

    package func refunds(of number: String) throws -> [RefundView] {
        guard let order = try orders.order(number) else { throw APIError(.orderNotFound) }
        return try storage.read { db in try OrderPaymentStore.refunds(of: order, in: db) }.map(Self.view)
    }

    package func shares(operatorID: String, month: String) throws -> Fields? {
        try storage.read { db in try MonthlyShares(ledger: Ledger(bugs: bugs)).run(of: operatorID, month: month, in: db) }?.fields
    }

    /// Shares out a month, once.
    func share(operatorID: String, month: String) throws -> ShareRun {
        let now = orders.milliseconds
        return try storage.commit("shares.run", ["organisation": .text(operatorID)]) { db in
            try MonthlyShares(ledger: Ledger(bugs: bugs)).run(operatorID: operatorID, month: month, at: now, in: db)
        }
    }

    // MARK: Words for people

    private static func view(of refund: OrderRefund) -> RefundView {
        RefundView(number: refund.number, order: refund.order, fen: refund.fen, state: refund.state, createdAt: refund.createdAt)
    }

    private func view(of order: Order) -> OrderView {
        let ended = order.endedAt ?? order.settledAt
        let seconds = order.billedSeconds ?? order.startedAt.map { max(0, (ended ?? orders.milliseconds) - $0) / 1000 } ?? 0
        return OrderView(
            number: order.number, user: order.user, operatorID: order.tenant, site: order.site, pile: order.pile, port: order.port,
            state: order.state.rawValue, reason: order.reason, isEstimated: order.isEstimated,
            reviews: order.review.sorted().map(\.rawValue),
            energy: order.billedEnergy ?? order.energy, power: order.state.isActive ? order.power : 0, seconds: seconds,
            amount: order.settledAt == nil ? order.running : order.price, hold: order.hold, open: order.open,
            paid: order.captured + order.paid - order.returned, refunded: order.refunded,
            lines: OrderWork.lines(order.lines).map { OrderView.Line(kind: $0.kind.rawValue, fen: $0.fen) },
            limitMinutes: order.limitSeconds.map { $0 / 60 }, limitEnergy: order.limitEnergy, tariff: order.tariffLabel,
            createdAt: order.createdAt,
            startedAt: order.startedAt, endedAt: order.endedAt, settledAt: order.settledAt)
    }
}
