package import LabCore

/// What the REST surface asks of orders, money and payments, and what it gets.
///
/// The surface has checked who asks, and that the order or wallet is within that one's reach, before it calls: the backend
/// decides by the rules of orders and money only. It throws `APIError` with the charging codes, and the storage's errors.
/// Money is in fen, energy in dWh, power in dW, moments in Unix milliseconds.
package protocol ChargingBackend: AnyObject, Sendable {
    // MARK: Riders

    /// Makes an order and starts the charge; the same draft with the same key gives the same order again.
    func createOrder(_ draft: OrderDraft) async throws -> OrderView
    func order(_ number: String) throws -> OrderView?
    /// The newest first.
    func orders(_ filter: OrderFilter, limit: Int, offset: Int) throws -> (items: [OrderView], total: Int)
    func stopOrder(_ number: String, by who: String) async throws -> OrderView
    /// Begins to pay what an order owes.
    func startPayment(order: String, channel: String) async throws -> PaymentView
    func wallet(of user: String) throws -> WalletView
    func walletEntries(of user: String, limit: Int, offset: Int) throws -> (items: [WalletEntry], total: Int)
    /// Begins a payment into the wallet; the same key gives the same payment again.
    func startTopUp(user: String, fen: Int64, channel: String, key: String) async throws -> PaymentView

    // MARK: Operators

    func resolve(_ decision: ReviewDecision) async throws -> OrderView
    /// The same key gives the same refund again.
    func refund(_ draft: RefundDraft) async throws -> RefundView
    func refunds(of order: String) throws -> [RefundView]
    /// The comparison of orders, register and payment statement of one civil day; `nil` before it was made.
    ///
    /// - Parameter day: `2026-01-31`.
    func reconciliation(operatorID: String, day: String) throws -> Fields?
    /// What each party gets of a month's revenue; `nil` before the month is closed.
    ///
    /// - Parameter month: `2026-01`.
    func shares(operatorID: String, month: String) throws -> Fields?
}

package struct OrderDraft: Sendable, Equatable {
    package var user: String
    package var pile: String
    package var port: Int
    /// The key of the rider's app for this tap (`idempotency-key`).
    package var clientKey: String
    package var limitMinutes: Int64?
    package var limitEnergy: Int64?
    /// Reserved of the wallet; `nil` for the platform's own amount.
    package var holdFen: Int64?

    package init(
        user: String, pile: String, port: Int, clientKey: String, limitMinutes: Int64? = nil, limitEnergy: Int64? = nil,
        holdFen: Int64? = nil
    ) {
        self.user = user
        self.pile = pile
        self.port = port
        self.clientKey = clientKey
        self.limitMinutes = limitMinutes
        self.limitEnergy = limitEnergy
        self.holdFen = holdFen
    }
}

/// An order as people see it.
package struct OrderView: Sendable, Equatable {
    package var number: String
    package var user: String
    package var operatorID: String
    package var site: String
    package var pile: String
    package var port: Int
    /// `starting`, `charging`, `stopping`, `await_bill`, `due`, `closed`, `cancelled`.
    package var state: String
    /// Why it ended, in the words of `StopReason`; `nil` while it runs.
    package var reason: String?
    package var isEstimated: Bool
    /// What somebody has to look at: `bill_conflict`, `estimated`.
    package var reviews: [String]
    package var energy: Int64
    package var power: Int64
    package var seconds: Int64
    /// What the charge costs so far; the price once it is settled.
    package var amount: Int64
    package var hold: Int64
    /// What is still to be paid.
    package var open: Int64
    package var paid: Int64
    package var refunded: Int64
    /// The lines of the price: `elec`, `service`, …; empty before the settlement.
    package var lines: [Line]
    package var limitMinutes: Int64?
    package var limitEnergy: Int64?
    /// The version of the tariff that is frozen in the order: `acme.depot@3`.
    package var tariff: String
    package var createdAt: Int64
    package var startedAt: Int64?
    package var endedAt: Int64?
    package var settledAt: Int64?

    package struct Line: Sendable, Equatable {
        package var kind: String
        package var fen: Int64
        package init(kind: String, fen: Int64) {
            self.kind = kind
            self.fen = fen
        }
    }

    package init(
        number: String, user: String, operatorID: String, site: String, pile: String, port: Int, state: String, reason: String? = nil,
        isEstimated: Bool = false, reviews: [String] = [], energy: Int64 = 0, power: Int64 = 0, seconds: Int64 = 0, amount: Int64 = 0,
        hold: Int64 = 0, open: Int64 = 0, paid: Int64 = 0, refunded: Int64 = 0, lines: [Line] = [], limitMinutes: Int64? = nil,
        limitEnergy: Int64? = nil, tariff: String = "", createdAt: Int64, startedAt: Int64? = nil, endedAt: Int64? = nil,
        settledAt: Int64? = nil
    ) {
        self.number = number
        self.user = user
        self.operatorID = operatorID
        self.site = site
        self.pile = pile
        self.port = port
        self.state = state
        self.reason = reason
        self.isEstimated = isEstimated
        self.reviews = reviews
        self.energy = energy
        self.power = power
        self.seconds = seconds
        self.amount = amount
        self.hold = hold
        self.open = open
        self.paid = paid
        self.refunded = refunded
        self.lines = lines
        self.limitMinutes = limitMinutes
        self.limitEnergy = limitEnergy
        self.tariff = tariff
        self.createdAt = createdAt
        self.startedAt = startedAt
        self.endedAt = endedAt
        self.settledAt = settledAt
    }
}

/// Which orders; every part that is given must fit.
package struct OrderFilter: Sendable, Equatable {
    package var user: String?
    package var operatorID: String?
    /// Any of these sites; `nil` for all.
    package var sites: [String]?
    package var pile: String?
    package var port: Int?
    package var state: String?
    package var hasReview: Bool?
    /// Created from this moment on, Unix milliseconds.
    package var from: Int64?
    /// Created before this moment.
    package var to: Int64?

    package init(
        user: String? = nil, operatorID: String? = nil, sites: [String]? = nil, pile: String? = nil, port: Int? = nil, state: String? = nil,
        hasReview: Bool? = nil, from: Int64? = nil, to: Int64? = nil
    ) {
        self.user = user
        self.operatorID = operatorID
        self.sites = sites
        self.pile = pile
        self.port = port
        self.state = state
        self.hasReview = hasReview
        self.from = from
        self.to = to
    }
}

/// An attempt to pay, for the rider's app to go on with.
package struct PaymentView: Sendable, Equatable {
    /// Our number of the attempt.
    package var attempt: String
    package var channel: String
    package var fen: Int64
    /// `open`, `paid`, `closed`.
    package var state: String
    /// What the channel's own app needs: a prepay id, a form.
    package var parameters: Fields

    package init(attempt: String, channel: String, fen: Int64, state: String, parameters: Fields = [:]) {
        self.attempt = attempt
        self.channel = channel
        self.fen = fen
        self.state = state
        self.parameters = parameters
    }
}

package struct WalletView: Sendable, Equatable {
    /// Free to use.
    package var balance: Int64
    /// Reserved by orders that run.
    package var held: Int64
    /// Owed by orders that are not paid.
    package var due: Int64

    package init(balance: Int64, held: Int64, due: Int64) {
        self.balance = balance
        self.held = held
        self.due = due
    }
}

package struct WalletEntry: Sendable, Equatable {
    package var at: Int64
    package var kind: String
    package var order: String?
    /// Positive into the wallet.
    package var fen: Int64

    package init(at: Int64, kind: String, order: String?, fen: Int64) {
        self.at = at
        self.kind = kind
        self.order = order
        self.fen = fen
    }
}

/// What an operator decides about an order that is under review.
package struct ReviewDecision: Sendable, Equatable {
    package var order: String
    /// The review's word, such as `bill_conflict`; `nil` for all that are open.
    package var review: String?
    /// Why, in the operator's words; kept with the order.
    package var reason: String
    /// Given back to the user with it, 0 for nothing.
    package var refundFen: Int64
    /// Who decides.
    package var by: String

    package init(order: String, review: String?, reason: String, refundFen: Int64, by: String) {
        self.order = order
        self.review = review
        self.reason = reason
        self.refundFen = refundFen
        self.by = by
    }
}

package struct RefundDraft: Sendable, Equatable {
    package var order: String
    package var key: String
    package var fen: Int64
    package var reason: String
    package var by: String

    package init(order: String, key: String, fen: Int64, reason: String, by: String) {
        self.order = order
        self.key = key
        self.fen = fen
        self.reason = reason
        self.by = by
    }
}

package struct RefundView: Sendable, Equatable {
    /// The refund's number at the payment service.
    package var number: String
    package var order: String
    package var fen: Int64
    /// `pending`, `done`, `failed`.
    package var state: String
    package var createdAt: Int64

    package init(number: String, order: String, fen: Int64, state: String, createdAt: Int64) {
        self.number = number
        self.order = order
        self.fen = fen
        self.state = state
        self.createdAt = createdAt
    }
}
