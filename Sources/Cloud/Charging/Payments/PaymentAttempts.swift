import GRDB
package import LabCore

/// An attempt for the app to go on with.
package struct StartedPayment: Sendable, Equatable {
    /// `out_trade_no`.
    package var attempt: String
    package var channel: String
    package var fen: Int64
    /// `code_url` or `prepay_id` of WeChat Pay, `qr_code` of Alipay.
    package var parameters: Fields
    /// Unix milliseconds.
    package var expiresAt: Int64
}

extension Payments {
    /// Begins to pay what an order owes. While an attempt of the same channel and amount is open, it is given again.
    ///
    /// - Parameter openid: who pays within WeChat; a code to scan where `nil`.
    /// - Throws: `APIError` with ORDER_NOT_FOUND, NOTHING_TO_PAY, PAYMENT_CHANNEL_UNKNOWN, PAYMENT_UNDERWAY, PAYMENT_REFUSED or
    ///   PAYMENT_SERVICE_UNAVAILABLE; the storage's errors.
    package func start(order: String, channel: String, openid: String? = nil) async throws -> StartedPayment {
        guard let debt = try debts?.debt(of: order) else { throw APIError(.orderNotFound) }
        guard debt.fen > 0 else { throw APIError(.nothingToPay, details: ["state": .text(debt.state)]) }
        return try await start(
            PaymentSubject(
                name: "order:\(order)", number: order, order: order, user: debt.user, tenant: debt.tenant, fen: debt.fen,
                title: "Charging \(order)"),
            channel: channel, openid: openid)
    }

    /// Begins a payment into a wallet; the same key gives the same payment again.
    ///
    /// - Parameters:
    ///   - fen: 1 to 1,000,000 (10,000 yuan).
    ///   - key: the app's key for this tap.
    /// - Throws: as `start(order:channel:)`; INVALID_FIELD for an amount out of range.
    package func start(topUp user: String, tenant: String, fen: Int64, key: String, channel: String, openid: String? = nil) async throws
        -> StartedPayment
    {
        guard (1...1_000_000).contains(fen) else { throw APIError.invalidField("fen", "'fen' must be 1 to 1000000") }
        let name = "top_up:\(user):\(key)"
        let known = try storage.read { db in try PaymentStore.attempts(of: name, in: db) }
        if known.contains(where: { $0.state == .paid }) { throw APIError(.nothingToPay, "This top-up is paid already.") }
        if let other = known.first(where: { $0.fen != fen }) {
            throw APIError(.clientKeyReused, details: ["fen": .integer(other.fen)])
        }
        let number = known.first.map { String($0.number.prefix(16)) } ?? PaymentNumber.random(environment.randomBytes(16))
        return try await start(
            PaymentSubject(name: name, number: number, order: "", user: user, tenant: tenant, fen: fen, title: "Wallet"), channel: channel,
            openid: openid)
    }

    private func start(_ subject: PaymentSubject, channel: String, openid: String?) async throws -> StartedPayment {
        guard let client = client(channel) else {
            throw APIError(.paymentChannelUnknown, details: ["channels": .list(channels.map { .text($0) })])
        }
        let life = settings.payTimeout.components.seconds * 1_000
        let attempt = try await storage.commitPoint(
            "payment.start", ["subject": .text(subject.name), "channel": .text(channel)],
            body: { db in try choose(subject, channel: channel, life: life, in: db) },
            notes: { choice in
                choice.isNew
                    ? [
                        CloudNote(
                            "payment.started",
                            [
                                "attempt": .text(choice.record.number), "order": .text(choice.record.order),
                                "user": .text(choice.record.user),
                                "channel": .text(channel), "cents": .integer(choice.record.fen),
                            ])
                    ] : []
            }
        ).record
        pump()
        if attempt.state == .open { return StartedPayment(attempt) }
        return try await prepay(attempt, subject, client, openid: openid)
    }

    /// The attempt to go on with: the newest where it still fits, else a new one. The others are closed as soon as may be.
    private func choose(_ subject: PaymentSubject, channel: String, life: Int64, in db: Database) throws -> (
        record: AttemptRecord, isNew: Bool
    ) {
        let now = milliseconds
        let known = try PaymentStore.attempts(of: subject.name, in: db)
        if let newest = known.first, newest.channel == channel, newest.fen == subject.fen,
            newest.state == .created || newest.state == .open,
            !newest.wantsClose, newest.expiresAt - now >= 60_000
        {
            return (newest, false)
        }
        let number = PaymentNumber.attempt(subject.number, count: known.count + 1)
        // Whole seconds: the services know no others.
        let expires = (now + life) / 1_000 * 1_000
        try PaymentStore.insert(
            number: number, subject: subject.name, order: subject.order, user: subject.user, tenant: subject.tenant, channel: channel,
            fen: subject.fen,
            createdAt: now, expiresAt: expires, dueAt: now + AttemptPlan.pause(after: 0), in: db)
        try PaymentStore.supersede(subject.name, but: number, at: now, in: db)
        if try PaymentStore.lastStatementDay(channel: channel, in: db) == nil,
            let today = BeijingTime.start(of: BeijingTime.day(now / 1_000))
        {
            try expectStatement(channel, today, in: db)
        }
        guard let record = try PaymentStore.attempt(number, in: db) else {
            throw StorageError.failed("an attempt that was written is not there")
        }
        return (record, true)
    }

    /// Asks the service to take the payment; once more where no answer comes, under the same number, which makes it one payment.
    private func prepay(_ attempt: AttemptRecord, _ subject: PaymentSubject, _ client: any PaymentClient, openid: String?) async throws
        -> StartedPayment
    {
        let order = PrepayOrder(
            attempt: attempt.number, fen: attempt.fen, title: subject.title, expiresAt: attempt.expiresAt / 1_000, openid: openid,
            noticeAddress: noticeAddress(client.channel))
        var result = await ask(client, .prepay(order))
        if case .failure(.noAnswer) = result { result = await ask(client, .prepay(order)) }
        try storage.checkAlive()
        switch result {
        case .success(.prepared(let parameters)):
            try storage.commit(
                "payment.open", ["attempt": .text(attempt.number)],
                body: { db in try PaymentStore.open(attempt.number, parameters: parameters, in: db) })
            var opened = attempt
            opened.parameters = parameters
            return StartedPayment(opened)
        case .success(.alreadyPaid):
            try wake(attempt.number)
            throw APIError(.paymentUnderway)
        case .success(.alreadyClosed):
            try end(attempt.number, channel: client.channel, .closed, reason: "closed_by_service")
            throw APIError(.paymentServiceUnavailable)
        case .success(.refused(let code)):
            try end(attempt.number, channel: client.channel, .refused, reason: code)
            throw APIError(.paymentRefused, details: ["reason": .text(String(code.prefix(64)))])
        case .success, .failure: throw APIError(.paymentServiceUnavailable)
        }
    }

    func wake(_ attempt: String) throws {
        let now = milliseconds
        try storage.write { db in try PaymentStore.wake(attempt, at: now, in: db) }
        pump()
    }

    func end(_ attempt: String, channel: String, _ state: AttemptRecord.State, reason: String) throws {
        _ = try storage.commit(
            "payment.close", ["attempt": .text(attempt)], body: { db in try PaymentStore.end(attempt, state, in: db) },
            notes: { isNew in
                isNew
                    ? [
                        CloudNote(
                            "payment.closed",
                            [
                                "attempt": .text(attempt), "channel": .text(channel), "state": .text(state.rawValue),
                                "reason": .text(String(reason.prefix(64))),
                            ])
                    ] : []
            })
    }

    // MARK: The life of an attempt

    /// Asks what became of an attempt, and closes it when its time is over.
    func follow(_ number: String) async throws {
        guard let attempt = try storage.read({ db in try PaymentStore.attempt(number, in: db) }), let client = client(attempt.channel)
        else { return }
        // Late money comes for closed ones: those are asked about, and stay closed.
        guard attempt.state != .paid else { return }
        if bugs.contains(.noReconciliation) { return try postpone(attempt, at: nil) }
        switch await ask(client, .query(attempt: number)) {
        case .success(.payment(.paid(let transaction, let fen, let paidAt))):
            try book(
                PaymentNotice(channel: attempt.channel, transaction: transaction, attempt: number, fen: fen, paidAt: paidAt), by: "query")
        case .success(.payment(.closed)):
            try finish(attempt, reason: "closed_by_service")
        case .success(.payment(.waiting)), .success(.payment(.unknown)):
            try await closeOrWait(attempt, client)
        case .success, .failure:
            try storage.checkAlive()
            try postpone(attempt, at: milliseconds + 60_000)
        }
    }

    private func finish(_ attempt: AttemptRecord, reason: String) throws {
        if attempt.state == .created || attempt.state == .open {
            return try end(attempt.number, channel: attempt.channel, .closed, reason: reason)
        }
        try storage.write { db in
            try db.execute(cached: "UPDATE payment_attempts SET due_at = NULL WHERE number = ?", attempt.number)
        }
    }

    private func closeOrWait(_ attempt: AttemptRecord, _ client: any PaymentClient) async throws {
        guard attempt.state == .created || attempt.state == .open else { return try finish(attempt, reason: "") }
        let now = milliseconds
        guard attempt.wantsClose || now >= attempt.expiresAt else {
            return try postpone(attempt, at: min(now + AttemptPlan.pause(after: attempt.polls + 1), max(now + 1_000, attempt.expiresAt)))
        }
        switch await ask(client, .close(attempt: attempt.number)) {
        case .success(.closed), .success(.alreadyClosed): try finish(attempt, reason: attempt.wantsClose ? "superseded" : "expired")
        // Paid between the question and this: asked again in a moment.
        case .success(.alreadyPaid): try postpone(attempt, at: milliseconds + 1_000)
        case .success(.refused(let code)): try finish(attempt, reason: code)
        case .success, .failure:
            try storage.checkAlive()
            try postpone(attempt, at: milliseconds + 60_000)
        }
    }

    private func postpone(_ attempt: AttemptRecord, at time: Int64?) throws {
        try storage.write { db in
            try PaymentStore.postpone(attempt.number, polls: attempt.polls + 1, dueAt: time, in: db)
            // Of one that is closed or refused nothing more is expected.
            try db.execute(
                cached: "UPDATE payment_attempts SET due_at = NULL WHERE number = ? AND state IN ('closed', 'refused')",
                attempt.number)
        }
    }

    // MARK: Booking

    /// Hands money that a service has confirmed to the orders, and writes down what they made of it.
    ///
    /// A notice that comes again goes the whole way again: that it is booked once is the rule of the ledger and the orders.
    /// - Parameter source: `notice`, `query`, `statement`.
    @discardableResult
    func book(_ notice: PaymentNotice, by source: String) throws -> PaymentOutcome {
        let known = try storage.read { db in try PaymentStore.attempt(notice.attempt, in: db) }
        guard let known, known.channel == notice.channel else { return try refuse(notice, .unknownAttempt, by: source) }
        guard known.fen == notice.fen else { return try refuse(notice, .amount, by: source) }
        guard let orders else { throw StorageError.failed("no order service is there to book a payment") }
        let outcome = try orders.paid(notice)
        if case .refused(let reason) = outcome {
            alarm("payment_refused", "the payment \(notice.transaction) is not booked: \(reason)", notice.attempt)
        }
        try storage.commit(
            "payment.confirm", ["attempt": .text(notice.attempt)],
            body: { db in try PaymentStore.confirm(notice, outcome: outcome.word, in: db) },
            notes: { _ in
                [
                    CloudNote(
                        "payment.confirmed",
                        [
                            "channel": .text(notice.channel), "attempt": .text(notice.attempt), "order": .text(known.order),
                            "transaction": .text(notice.transaction),
                            "cents": .integer(notice.fen), "outcome": .text(outcome.word), "by": .text(source),
                        ])
                ]
            })
        if case .returned(let number) = outcome {
            refund(PaymentRefund(number: number, attempt: notice.attempt, channel: notice.channel, fen: notice.fen))
        }
        return outcome
    }

    /// Money that is with the service and fits nothing here: nothing is booked, and somebody is told.
    private func refuse(_ notice: PaymentNotice, _ reason: NoticeRefusal, by source: String) throws -> PaymentOutcome {
        alarm(
            "payment_\(reason.rawValue)",
            "\(notice.channel) says \(notice.fen) fen were paid as \(notice.transaction) for the attempt \(notice.attempt), by \(source)",
            notice.attempt)
        // It is not asked about again: the service would say the same.
        if source != "notice" {
            try storage.write { db in
                try db.execute(cached: "UPDATE payment_attempts SET due_at = NULL WHERE number = ?", notice.attempt)
            }
        }
        return .refused(reason: reason.rawValue)
    }
}

/// What a payment is for.
struct PaymentSubject: Sendable, Equatable {
    var name: String
    /// 16 characters [0-9A-Z] that the numbers of its attempts begin with.
    var number: String
    var order: String
    var user: String
    var tenant: String
    var fen: Int64
    var title: String
}

enum PaymentNumber {
    /// 6 to 32 characters of [0-9A-Z]: `<16>P01`.
    static func attempt(_ subject: String, count: Int) -> String { "\(subject.prefix(24))P\(count < 10 ? "0" : "")\(count)" }

    /// 16 characters of [0-9A-Z], without those that are read for others.
    static func random(_ bytes: [UInt8]) -> String {
        let alphabet = Array("0123456789ABCDEFGHJKMNPQRSTVWXYZ")
        return String(bytes.map { alphabet[Int($0 & 31)] })
    }
}

/// When an attempt without a notice is asked about: money is found within five minutes, whatever becomes of the notice (F47).
enum AttemptPlan {
    /// Milliseconds until the next question.
    static func pause(after polls: Int) -> Int64 {
        let pauses: [Int64] = [30_000, 30_000, 60_000, 120_000, 240_000]
        return polls < pauses.count ? pauses[polls] : 300_000
    }
}

extension StartedPayment {
    init(_ record: AttemptRecord) {
        self.init(
            attempt: record.number, channel: record.channel, fen: record.fen, parameters: record.parameters, expiresAt: record.expiresAt)
    }
}

extension PaymentOutcome {
    var word: String {
        switch self {
        case .booked: "booked"
        case .repeated: "repeated"
        case .returned: "returned"
        case .refused: "refused"
        }
    }
}
