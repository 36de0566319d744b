package import LabCore

/// One booking: entries that add up to 0, under a key that is used once for ever.
package struct Posting: Sendable, Equatable {
    /// What it is about; the raw value is the first word of most keys.
    package enum Kind: String, Sendable, Hashable, CaseIterable {
        case topUp = "topup"
        case hold, release, settle
        /// The price was lowered.
        case adjustment = "adj"
        /// The operator bears a difference.
        case absorption = "abs"
        case payment = "pay"
        /// A payment that nothing was owed for goes back.
        case paymentReturn = "ret"
        case refund
        /// A payment service has paid out what was in transit.
        case sent
        /// It could not, and the money goes into the wallet instead.
        case unsent
        case writeOff = "writeoff"
        case shares
    }

    package struct Entry: Sendable, Hashable {
        package var account: Account
        /// A credit where above 0.
        package var fen: Int64
        package init(_ account: Account, _ fen: Int64) {
            self.account = account
            self.fen = fen
        }
    }

    package var key: String
    package var kind: Kind
    package var order: String?
    package var tenant: String
    /// Unix milliseconds.
    package var at: Int64
    /// Minutes of the civil time ahead of UTC by whose day it is counted.
    package var utcOffset: Int64
    /// What led to it, for people: a refund's reason, a review.
    package var reference: String?
    /// In the order in which they are shown; none of 0.
    package var entries: [Entry]

    package init(
        key: String, kind: Kind, order: String? = nil, tenant: String, at: Int64, utcOffset: Int64 = 480, reference: String? = nil, entries: [Entry]
    ) {
        self.key = key
        self.kind = kind
        self.order = order
        self.tenant = tenant
        self.at = at
        self.utcOffset = utcOffset
        self.reference = reference
        self.entries = entries.filter { $0.fen != 0 }
    }

    /// Days since 1970-01-01 of the civil time.
    var civilDay: Int64 { OrderCuts.floorDivided(at / 1000 + utcOffset * 60, by: OrderCuts.day) }
}

/// An entry as it is read again.
package struct LedgerEntry: Sendable, Equatable {
    package var key: String
    package var kind: Posting.Kind
    package var order: String?
    package var at: Int64
    package var account: Account
    package var fen: Int64

    package var fields: Fields {
        var fields: Fields = ["key": .text(key), "kind": .text(kind.rawValue)]
        if let order { fields["order"] = .text(order) }
        fields["at"] = .integer(at)
        fields["account"] = .text(account.text)
        fields["fen"] = .integer(fen)
        return fields
    }
}

/// Why nothing was booked. The caller's transaction can go on: nothing of the posting was written.
package enum LedgerError: Error, Sendable, Equatable, CustomStringConvertible {
    /// The entries do not add up: a mistake of the caller.
    case unbalanced(key: String, sum: Int64)
    /// Without a key, with a key above 128 bytes, with more than 64 entries, or with an amount above `Ledger.maximumFen`.
    case malformed(key: String, reason: String)
    /// The account would go below 0.
    case overdraft(account: String, has: Int64, needs: Int64)
    /// A refund of nothing, or of more than the user has paid and not got back.
    case refundOutOfRange(order: String, fen: Int64, refundable: Int64)

    package var description: String {
        switch self {
        case .unbalanced(let key, let sum): "The posting \(key) adds up to \(sum) fen instead of 0. Nothing was booked."
        case .malformed(let key, let reason): "The posting \(key) \(reason). Nothing was booked."
        case .overdraft(let account, let has, let needs): "The account \(account) has \(has) fen and needs \(needs). Nothing was booked."
        case .refundOutOfRange(let order, let fen, let refundable):
            "A refund of \(fen) fen for order \(order) is not from 1 to the \(refundable) that can still go back. Nothing was booked."
        }
    }
}
