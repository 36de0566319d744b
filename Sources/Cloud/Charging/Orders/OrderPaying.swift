import Crypto
import GRDB
import LabCore

/// Money from outside, and money that goes back (2.1, rows "payNotify" to "operatorResolve"; F45 to F54).
extension OrderWork {
    // MARK: Payments

    mutating func book(_ notice: PaymentNotice, _ attempt: PaymentAttempt) throws -> PaymentOutcome {
        let known = try OrderPaymentStore.payment(notice.channel, notice.transaction, in: db)
        if known != nil, !bugs.contains(.noticeNotDeduplicated) {
            note("payment.repeated", Self.fields(of: notice))
            return .repeated
        }
        // One attempt has one transaction; should a service say otherwise, none of the money is lost.
        let key =
            try ledger.isKnown("pay:\(attempt.number)", in: db) || known != nil
            ? "\(attempt.number):\(notice.transaction):\(now)" : attempt.number
        guard !attempt.order.isEmpty else { return try topUp(notice, attempt, key: key) }
        guard let order = try order(attempt.order) else { return .refused(reason: "unknown_order") }

        let posting = book(of: order).payment(attempt: key, channel: notice.channel, fen: notice.fen, at: now)
        if order.state == .due, notice.fen <= order.open {
            try ledger.post(posting, in: db)
            try OrderPaymentStore.insert(notice, order: order, refund: nil, at: now, in: db)
            var changed = order
            changed.paid += notice.fen
            changed.open -= notice.fen
            note("payment.booked", Self.fields(of: notice).merging(["order": .text(order.number), "open": .integer(changed.open)]))
            let result = try apply(.paid(changed.open > 0 ? .something : .nothing), to: changed)
            if result.order == changed { try save(&changed) }
            return .booked
        }
        // Nothing is owed, or less than this: all of it goes back (F49, F50).
        try ledger.post(posting, in: db)
        if bugs.contains(.latePaymentKept) {
            try OrderPaymentStore.insert(notice, order: order, refund: nil, at: now, in: db)
            note("payment.booked", Self.fields(of: notice).merging(["order": .text(order.number), "open": .integer(order.open)]))
            return .booked
        }
        // Numbers of refunds are letters, digits and `_-|*@`, 64 at most (WeChat Pay, `out_refund_no`).
        let refund = "ret-" + (key == attempt.number ? key : Hexadecimal.text(SHA256.hash(data: Array(key.utf8)).prefix(16)))
        try ledger.post(book(of: order).paymentReturn(attempt: key, channel: notice.channel, fen: notice.fen, at: now), in: db)
        try OrderPaymentStore.insert(notice, order: order, refund: refund, at: now, in: db)
        note("payment.returned", Self.fields(of: notice).merging(["order": .text(order.number), "refund": .text(refund)]))
        return .returned(refund: refund)
    }

    private mutating func topUp(_ notice: PaymentNotice, _ attempt: PaymentAttempt, key: String) throws -> PaymentOutcome {
        let posting = WalletBook.payment(
            attempt: key, channel: notice.channel, wallet: Self.wallet(attempt.user), fen: notice.fen, at: now)
        try ledger.post(posting, in: db)
        try OrderPaymentStore.insert(notice, order: nil, refund: nil, at: now, in: db)
        note("payment.booked", Self.fields(of: notice).merging(["user": .text(attempt.user)]))
        note("wallet.credited", ["user": .text(attempt.user), "cents": .integer(notice.fen), "kind": "payment"])
        return .booked
    }

    /// What a payment service says of a refund or a return.
    mutating func refunded(_ number: String, succeeded: Bool) throws {
        if let refund = try OrderPaymentStore.refund(number: number, in: db) {
            guard refund.state == "pending", let order = try order(refund.order) else { return }
            if succeeded {
                try OrderPaymentStore.setRefund(number, state: "done", in: db)
                try ledger.post(book(of: order).sent(number: number, channel: refund.channel, fen: refund.channelFen, at: now), in: db)
                note("refund.done", ["order": .text(order.number), "refund": .text(number), "cents": .integer(refund.channelFen)])
            } else {
                // Never counted as done: it stays pending until it succeeds or a person decides (F54).
                var changed = order
                try add(.refundFailed, to: &changed)
                if changed != order { try save(&changed) }
                note("refund.failed", ["order": .text(order.number), "refund": .text(number), "cents": .integer(refund.channelFen)])
            }
        } else if let payment = try OrderPaymentStore.payment(refund: number, in: db), payment.refundState == "pending" {
            guard let order = try payment.order.flatMap({ try OrderStore.find(row: $0, in: db) }) else { return }
            if succeeded {
                try OrderPaymentStore.setReturn(number, state: "done", in: db)
                try ledger.post(book(of: order).sent(number: number, channel: payment.channel, fen: payment.fen, at: now), in: db)
                note("refund.done", ["order": .text(order.number), "refund": .text(number), "cents": .integer(payment.fen)])
            } else {
                var changed = try self.order(order.number) ?? order
                let before = changed
                try add(.refundFailed, to: &changed)
                if changed != before { try save(&changed) }
                note("refund.failed", ["order": .text(order.number), "refund": .text(number), "cents": .integer(payment.fen)])
            }
        }
    }

    static func fields(of notice: PaymentNotice) -> Fields {
        [
            "channel": .text(notice.channel), "transaction": .text(notice.transaction), "attempt": .text(notice.attempt),
            "cents": .integer(notice.fen),
        ]
    }

    // MARK: Refunds

    /// - Returns: the refund; the one that this key made before, where it did.
    /// - Throws: `APIError` with nothing written.
    mutating func refund(_ number: String, key: String, fen: Int64) throws -> OrderRefund {
        guard let order = try order(number) else { throw APIError(.orderNotFound) }
        if let known = try OrderPaymentStore.refund(of: order, key: key, in: db) {
            guard known.fen == fen else { throw APIError(.refundKeyReused, details: ["fen": .integer(known.fen)]) }
            // The ledger would not take it twice either.
            if try ledger.isKnown("refund:\(known.number)", in: db) { return known }
        }
        guard OrderRules.transition(order, .refunded, policies, now: now, bugs: bugs) != nil else {
            throw APIError(.orderState, details: ["state": .text(order.state.rawValue)])
        }
        guard order.refunds < policies.maximumRefunds else { throw APIError(.tooManyRefunds) }
        guard try !OrderPaymentStore.hasPendingRefund(order, in: db) else { throw APIError(.refundRunning) }
        guard fen > 0, fen <= order.refundable else { throw APIError(.refundTooLarge, details: ["refundable": .integer(order.refundable)]) }

        let source = try OrderPaymentStore.source(of: order, in: db)
        let split = RefundSplit(fen, channelLeft: min(source?.left ?? 0, fen))
        var changed = order
        changed.refunds += 1
        changed.refunded += fen
        let made = OrderRefund(
            order: order.number, key: key, number: Self.refundNumber(of: order, key: key), fen: fen, walletFen: split.wallet,
            channelFen: split.channel,
            channel: source?.channel ?? "", attempt: source?.attempt ?? "", state: split.channel > 0 ? "pending" : "done", createdAt: now)
        try bookRefund(made, of: order)
        try OrderPaymentStore.insert(made, of: order, in: db)
        try save(&changed)
        note("refund.accepted", ["order": .text(order.number), "key": .text(key), "refund": .text(made.number), "cents": .integer(fen)])
        if split.channel > 0 { effects.refunds.append(made.sending) }
        return made
    }

    private mutating func bookRefund(_ refund: OrderRefund, of order: Order) throws {
        let book = book(of: order)
        var lines: [PriceLine] = []
        if refund.channelFen > 0 {
            lines +=
                try book.refund(key: refund.number, fen: refund.channelFen, payee: .channel(refund.channel), with: ledger, at: now, in: db)
                ?? []
        }
        if refund.walletFen > 0 {
            let key = refund.channelFen > 0 ? "\(refund.number)w" : refund.number
            lines += try book.refund(key: key, fen: refund.walletFen, payee: .wallet, with: ledger, at: now, in: db) ?? []
            noteCredit(order, refund.walletFen, kind: "refund")
        }
        try count?(OrderTurnover(pile: order.pile, at: now, fen: -refund.fen, seconds: 0, segments: [], isCorrection: true), db)
        noteDebit(order, -refund.fen, owed: 0)
        noteRevenue(order, lines, sign: -1)
    }

    /// Of the order and the key alone, so that the same key has the same number for ever; at most 64 characters of a payment service's kind.
    static func refundNumber(of order: Order, key: String) -> String {
        let isPlain =
            key.utf8.count <= 40
            && key.utf8.allSatisfy { byte in
                (48...57).contains(byte) || (65...90).contains(byte) || (97...122).contains(byte) || byte == 45 || byte == 95
            }
        return "rf-\(order.number)-" + (isPlain ? key : Hexadecimal.text(Array(KeyHash.of(key).prefix(16))))
    }

    // MARK: People

    /// Ends reviews of an order, with a correction of its price where the person decides so.
    mutating func resolve(_ number: String, review: OrderReview?, by: String, remark: String, refund fen: Int64) throws -> Order {
        guard var order = try order(number) else { throw APIError(.orderNotFound) }
        let open = order.review.filter { review == nil || $0 == review }.sorted()
        guard OrderRules.transition(order, .resolved, policies, now: now, bugs: bugs) != nil, !open.isEmpty else {
            throw APIError(.nothingToResolve, details: ["review": .list(order.review.sorted().map { .text($0.rawValue) })])
        }
        guard fen >= 0, fen <= order.price - order.refunded, fen == 0 || !order.state.isActive else {
            throw APIError(.refundTooLarge, details: ["refundable": .integer(max(0, order.price - order.refunded))])
        }
        let before = order
        if fen > 0 {
            let old = Self.lines(order.lines)
            let parts = LargestRemainder.split(fen, by: old.map { max(0, $0.fen) })
            try lower(&order, to: zip(old, parts).map { PriceLine(kind: $0.kind, fen: $0.fen - $1) }, reference: "\(now)")
        }
        for word in open {
            order.review.remove(word)
            try OrderStore.resolve(word, of: order, by: by, remark: remark, fen: fen, at: now, in: db)
            note("order.resolved", ["order": .text(order.number), "review": .text(word.rawValue), "by": .text(by), "cents": .integer(fen)])
        }
        if order.state == .due, order.open == 0, let done = OrderRules.transition(order, .paid(.nothing), policies, now: now, bugs: bugs),
            done.to == .state(.closed)
        {
            return try apply(.paid(.nothing), to: order).order
        }
        if order != before { try save(&order) }
        return order
    }

    // MARK: Wallets

    mutating func topUp(_ user: String, fen: Int64, key: String) throws -> Int64 {
        if try ledger.post(WalletBook.topUp(key: key, wallet: Self.wallet(user), fen: fen, at: now), in: db) {
            note("wallet.credited", ["user": .text(user), "cents": .integer(fen), "kind": "top_up"])
        }
        return try ledger.balance(Self.wallet(user), in: db)
    }
}
