package import LabCore

// What a daily reconciliation compares: plain rows, whoever has them.

/// An order as the order service and the ledger have it.
package struct ReconciledOrder: Sendable, Equatable {
    package var order: String
    package var pile: String
    package var port: Int
    /// Unix milliseconds; `nil` while it runs.
    package var endedAt: Int64?
    package var createdAt: Int64
    package var isActive: Bool
    /// Metered dWh.
    package var energy: Int64
    /// What the order service says that it costs, and what the ledger's lines add up to; fen.
    package var price: Int64
    package var bookedPrice: Int64
    /// The pile's register at start and end, dWh, where the protocol tells it.
    package var registerStart: Int64?
    package var registerEnd: Int64?

    package init(
        order: String, pile: String, port: Int, createdAt: Int64, endedAt: Int64?, isActive: Bool = false, energy: Int64, price: Int64,
        bookedPrice: Int64, registerStart: Int64? = nil, registerEnd: Int64? = nil
    ) {
        self.order = order
        self.pile = pile
        self.port = port
        self.createdAt = createdAt
        self.endedAt = endedAt
        self.isActive = isActive
        self.energy = energy
        self.price = price
        self.bookedPrice = bookedPrice
        self.registerStart = registerStart
        self.registerEnd = registerEnd
    }
}

package enum PaymentDirection: String, Sendable, Hashable {
    case payment, refund
}

/// A payment or a refund as our books have it.
package struct BookedPayment: Sendable, Equatable {
    package enum State: Sendable, Equatable {
        /// An attempt or a refund of which the service has not said that it succeeded.
        case open
        /// Given up: the attempt was closed unpaid.
        case closed
        /// In the ledger.
        case booked
    }
    package var channel: String
    package var direction: PaymentDirection
    /// Our number: `out_trade_no` or `out_refund_no`.
    package var number: String
    /// The service's own number, where it has told one.
    package var transaction: String?
    package var fen: Int64
    package var state: State
    /// When it happened by the service's clock, or when we asked for it; Unix milliseconds.
    package var at: Int64

    package init(
        channel: String, direction: PaymentDirection, number: String, transaction: String? = nil, fen: Int64, state: State, at: Int64
    ) {
        self.channel = channel
        self.direction = direction
        self.number = number
        self.transaction = transaction
        self.fen = fen
        self.state = state
        self.at = at
    }
}

/// A line of the statement that a payment service gives for a day.
package struct StatementLine: Sendable, Equatable {
    package var channel: String
    package var direction: PaymentDirection
    package var number: String
    package var transaction: String
    package var fen: Int64
    /// Unix milliseconds.
    package var at: Int64

    package init(channel: String, direction: PaymentDirection, number: String, transaction: String, fen: Int64, at: Int64) {
        self.channel = channel
        self.direction = direction
        self.number = number
        self.transaction = transaction
        self.fen = fen
        self.at = at
    }
}

/// Something that does not fit.
package struct ReconciliationFinding: Sendable, Hashable {
    package enum Kind: String, Sendable, Hashable, CaseIterable {
        /// Booked by us, and the service does not list it.
        case missingInStatement = "missing_in_statement"
        /// The service lists it, and we have not booked the attempt that we made: its notice was lost.
        case missingInBooks = "missing_in_books"
        /// The service lists a number that we never gave.
        case unknownTransaction = "unknown_transaction"
        case amountDiffers = "amount_differs"
        /// The same number with another transaction than we booked.
        case transactionDiffers = "transaction_differs"
        case twiceInStatement = "twice_in_statement"
        /// A refund of this day that has not been paid out.
        case refundOpen = "refund_open"
        /// The order and the ledger do not agree on the price.
        case priceDiffers = "price_differs"
        /// The register moved between two orders: energy without an order (I16).
        case registerGap = "register_gap"
        /// An order begins below the end of the one before it.
        case registerOverlap = "register_overlap"
        /// The register began again between two orders; the gap cannot be judged.
        case registerRestarted = "register_restarted"
        /// The order was billed other energy than the register moved by.
        case energyDiffers = "energy_differs"
        /// Still active long after it should have ended.
        case orderUnfinished = "order_unfinished"
    }

    package var kind: Kind
    /// The order, our payment number, or `pile:port`.
    package var subject: String
    package var channel: String?
    /// Fen or dWh, as the kind has it.
    package var expected: Int64
    package var found: Int64
    /// A sentence with what to do.
    package var text: String

    package var fields: Fields {
        var fields: Fields = ["kind": .text(kind.rawValue), "subject": .text(subject)]
        if let channel { fields["channel"] = .text(channel) }
        fields["expected"] = .integer(expected)
        fields["found"] = .integer(found)
        fields["text"] = .text(text)
        return fields
    }
}
