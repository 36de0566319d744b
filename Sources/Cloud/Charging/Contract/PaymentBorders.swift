// The border between orders and payments. The orders know what is owed; the payments know attempts and the services behind them.
// All calls come on the thread of the cloud's clock, outside of every transaction, and return without waiting.

/// What an order's user owes, for a payment attempt.
package struct OrderDebt: Sendable, Equatable {
    package var order: String
    /// The operator.
    package var tenant: String
    package var user: String
    /// What is still to be paid; 0 where the order owes nothing.
    package var fen: Int64
    /// `due` while there is something to pay.
    package var state: String

    package init(order: String, tenant: String, user: String, fen: Int64, state: String) {
        self.order = order
        self.tenant = tenant
        self.user = user
        self.fen = fen
        self.state = state
    }
}

/// An attempt as the payments keep it. Its amount never changes.
package struct PaymentAttempt: Sendable, Equatable {
    /// Our number (`out_trade_no`).
    package var number: String
    /// Empty for a payment into a wallet.
    package var order: String
    /// Who pays; whose wallet it is.
    package var user: String
    package var channel: String
    package var fen: Int64

    package init(number: String, order: String, user: String = "", channel: String, fen: Int64) {
        self.number = number
        self.order = order
        self.user = user
        self.channel = channel
        self.fen = fen
    }
}

/// A refund that a payment service is to make; sent again with the same number until it is answered.
package struct PaymentRefund: Sendable, Equatable {
    /// Our number (`out_refund_no`), at most 64 characters.
    package var number: String
    package var attempt: String
    package var channel: String
    package var fen: Int64

    package init(number: String, attempt: String, channel: String, fen: Int64) {
        self.number = number
        self.attempt = attempt
        self.channel = channel
        self.fen = fen
    }
}

/// What the payments ask about orders. The orders answer.
package protocol OrderDebts: AnyObject, Sendable {
    /// - Returns: `nil` for an order that is not there.
    func debt(of order: String) throws -> OrderDebt?
}

/// What the orders ask of the payments. The payments answer.
package protocol PaymentDesk: AnyObject, Sendable {
    /// - Returns: `nil` for an attempt that nobody made.
    func attempt(_ number: String) throws -> PaymentAttempt?
    /// Sends a refund that is booked already; the answer comes by `OrderPayments.refunded`. The order's row says that it is on its way,
    /// so that it is handed over again after a crash: the same number must not be paid out twice.
    func refund(_ refund: PaymentRefund)
}
