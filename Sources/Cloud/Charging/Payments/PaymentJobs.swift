import GRDB
import LabCore
import Synchronization

/// What is done when it is due: questions about attempts, refunds, statements.
extension Payments {
    /// Starts what is due, as far as there is room, and sees to it that somebody looks again.
    func pump() {
        let now = environment.now()
        let room = state.withLock { state in state.isStopped || now < state.pauseEnd ? 0 : settings.parallelRequests - state.underway.count
        }
        var isDone = true
        if room > 0 {
            isDone = guarded("payment.due") {
                // What is under way is due as well, until it has ended.
                let due = try storage.read { db in try PaymentStore.due(at: milliseconds, limit: settings.parallelRequests + room, in: db) }
                for job in due where state.withLock({ claim(job, &$0) }) {
                    environment.start("payment: \(job.word)") { [weak self] in await self?.run(job) }
                }
            }
        }
        if isDone { watch() } else { pause() }
    }

    private func claim(_ job: PaymentJob, _ state: inout State) -> Bool {
        guard state.underway.count < settings.parallelRequests, !state.isStopped else { return false }
        return state.underway.insert(job).inserted
    }

    private func run(_ job: PaymentJob) async {
        var isDone = true
        do {
            switch job {
            case .attempt(let number): try await follow(number)
            case .refund(let number): try await followRefund(number)
            case .statement(let channel, let day): try await fetchStatement(channel: channel, day: day)
            }
        } catch is CloudCrashed {} catch {
            environment.note("payment.failed", ["what": .text(job.word), "reason": .text(String("\(error)".prefix(200)))])
            isDone = false
        }
        state.withLock { _ = $0.underway.remove(job) }
        if isDone { pump() } else { pause() }
    }

    /// A full disk stays full for a while: without a pause the next try would come in the same instant.
    private func pause() {
        let end = environment.now().advanced(by: .seconds(1))
        state.withLock { $0.pauseEnd = end }
        schedule(at: end)
    }

    private func watch() {
        let isDone = guarded("payment.watch") {
            guard let due = try storage.read({ db in try PaymentStore.nextDue(after: milliseconds, in: db) }) else { return }
            schedule(at: instant(ofMilliseconds: due))
        }
        if !isDone { pause() }
    }

    private func schedule(at wanted: RunInstant) {
        let now = environment.now()
        let time = state.withLock { state -> RunInstant? in
            if state.isStopped { return nil }
            let time = max(wanted, now, state.pauseEnd)
            if let scheduled = state.wakeAt, scheduled <= time, scheduled > now { return nil }
            state.wakeAt = time
            return time
        }
        guard let time else { return }
        environment.schedule(time) { [weak self] in self?.wake(scheduledFor: time) }
    }

    private func wake(scheduledFor time: RunInstant) {
        let isCurrent = state.withLock { state in
            guard state.wakeAt == time, !state.isStopped else { return false }
            state.wakeAt = nil
            return true
        }
        if isCurrent { pump() }
    }

    // MARK: Refunds

    /// Sends a refund or asks about it. It is done when the service says so (F52, F54); one of a payment at a time.
    private func followRefund(_ number: String) async throws {
        let found = try storage.read { db -> (RefundRecord, AttemptRecord, Bool)? in
            guard let refund = try PaymentStore.refund(number, in: db), let attempt = try PaymentStore.attempt(refund.attempt, in: db)
            else { return nil }
            let before = try PaymentStore.refunds(of: refund.attempt, in: db).prefix { $0.number != number }
            return (refund, attempt, before.contains { ($0.state == .pending || $0.state == .accepted) && $0.review == nil })
        }
        guard let (refund, attempt, waits) = found, let client = client(refund.channel) else { return }
        guard refund.state == .pending || refund.state == .accepted else { return }
        if waits { return try update(refund, refund.state, dueIn: 60_000) }
        let request: ChannelRequest =
            refund.state == .pending
            ? .refund(
                RefundOrder(
                    number: number, attempt: refund.attempt, fen: refund.fen, total: attempt.fen,
                    noticeAddress: noticeAddress(refund.channel)))
            : .refundQuery(number: number, attempt: refund.attempt)
        let result = await ask(client, request)
        try storage.checkAlive()
        switch result {
        case .success(.refund(let answer)): try take(answer, of: refund, by: request.word)
        case .success(.refused(let code)): try fail(refund, code)
        case .success, .failure: try update(refund, refund.state, dueIn: RefundPlan.pause(after: refund.tries))
        }
    }

    /// What the service says of a refund, by an answer or a notice.
    func take(_ answer: ChannelRefund, of refund: RefundRecord, by source: String) throws {
        switch answer {
        case .done(let id, let time):
            try orders?.refunded(number: refund.number, succeeded: true)
            let now = time.map { $0 * 1_000 } ?? milliseconds
            try change(refund, "done", reason: nil) { db in
                try PaymentStore.update(
                    refund: refund.number, .done, review: nil, tries: refund.tries + 1, id: id, doneAt: now, dueAt: nil, in: db)
            }
        case .pending(let id): try update(refund, .accepted, id: id, dueIn: RefundPlan.pause(after: refund.tries))
        case .failed(let code): try fail(refund, code)
        // It never arrived: sent again, with the same number.
        case .unknown: try update(refund, .pending, dueIn: 60_000)
        }
    }

    /// The money is not with the user: it stays pending, somebody looks at it, and the same number is tried again later (F54).
    private func fail(_ refund: RefundRecord, _ code: String) throws {
        let reason = String(code.prefix(64))
        if refund.review == nil { try orders?.refunded(number: refund.number, succeeded: false) }
        let due = milliseconds + RefundPlan.pauseAfterFailure(tries: refund.tries)
        try change(refund, "failed", reason: reason) { db in
            try PaymentStore.update(
                refund: refund.number, .pending, review: reason, tries: refund.tries + 1, id: nil, doneAt: nil, dueAt: due, in: db)
        }
        if refund.review == nil {
            alarm("payment_refund", "the refund \(refund.number) of \(refund.fen) fen failed: \(reason)", refund.attempt)
        }
    }

    private func change(_ refund: RefundRecord, _ state: String, reason: String?, _ body: (Database) throws -> Void) throws {
        var fields: Fields = [
            "channel": .text(refund.channel), "attempt": .text(refund.attempt), "refund": .text(refund.number),
            "cents": .integer(refund.fen), "state": .text(state),
        ]
        if let reason { fields["reason"] = .text(reason) }
        let isNews = refund.state != .done && (reason == nil || refund.review != reason)
        try storage.commit(
            "payment.refunded", ["refund": .text(refund.number)], body: body,
            notes: { _ in isNews ? [CloudNote("payment.refund", fields)] : [] })
    }

    private func update(_ refund: RefundRecord, _ state: RefundRecord.State, id: String? = nil, dueIn pause: Int64) throws {
        let due = milliseconds + pause
        try storage.write { db in
            try PaymentStore.update(
                refund: refund.number, state, review: refund.review, tries: refund.tries + 1, id: id, doneAt: nil, dueAt: due, in: db)
        }
    }

    // MARK: Statements

    /// One row for each day whose statement is still to come, from the first attempt of a channel up to today.
    func expectStatements(_ channel: String) throws {
        guard let end = BeijingTime.start(of: BeijingTime.day(environment.unixSeconds)),
            let last = try storage.read({ db in try PaymentStore.lastStatementDay(channel: channel, in: db) }).flatMap(BeijingTime.start),
            last < end
        else { return }
        try storage.write { db in
            // After a month without this cloud the older ones are for people.
            for start in stride(from: max(last + 86_400, end - 31 * 86_400), through: end, by: 86_400) {
                try expectStatement(channel, start, in: db)
            }
        }
    }

    /// - Parameter start: of the day, Unix seconds.
    func expectStatement(_ channel: String, _ start: Int64, in db: Database) throws {
        let due = (start + 86_400 + Int64(settings.statementMinute) * 60) * 1_000
        try PaymentStore.expectStatement(channel: channel, day: BeijingTime.day(start), dueAt: due, in: db)
    }

    private func fetchStatement(channel: String, day: String) async throws {
        try expectStatements(channel)
        guard let client = client(channel) else { return }
        let rows: [StatementRow]
        do throws(ChannelFailure) { rows = try await statement(client, day) } catch {
            try storage.checkAlive()
            return try retryStatement(channel: channel, day: day, reason: error.word)
        }
        try storage.checkAlive()
        let now = milliseconds
        try storage.commit(
            "payment.statement", ["channel": .text(channel), "day": .text(day)],
            body: { db in
                try PaymentStore.store(rows, channel: channel, day: day, at: now, in: db)
                return try PaymentMatching.differences(rows, channel: channel, in: db)
            },
            notes: { differences in
                [
                    CloudNote(
                        "payment.statement",
                        [
                            "channel": .text(channel), "day": .text(day), "rows": .integer(Int64(rows.count)),
                            "cents": .integer(rows.reduce(0) { $0 + ($1.refund == nil ? $1.fen : -$1.fen) }),
                            "differences": .integer(Int64(differences.count)),
                        ])
                ]
            }
        ).forEach { difference in try settle(difference, channel: channel) }
    }

    private func statement(_ client: any PaymentClient, _ day: String) async throws(ChannelFailure) -> [StatementRow] {
        switch await ask(client, .statement(day: day)) {
        case .success(.noStatement): return []
        case .success(.statement(let path, let hash)):
            guard case .file(let bytes) = try await ask(client, .statementFile(path: path, hash: hash)).get() else {
                throw .malformed("no file")
            }
            do throws(ChannelFailure) { return try client.rows(bytes) } catch {
                alarm("payment_statement", "the statement of \(client.channel) for \(day) cannot be read: \(error.word)")
                throw error
            }
        case .success(.refused(let code)): throw .busy(code)
        case .success: throw .malformed("unexpected")
        case .failure(let failure): throw failure
        }
    }

    /// Every ten minutes for three days.
    private func retryStatement(channel: String, day: String, reason: String) throws {
        let tries = try storage.read { db in try PaymentStore.statementTries(channel: channel, day: day, in: db) } + 1
        let isLast = tries >= 432
        let due = milliseconds + 600_000
        try storage.write { db in
            try PaymentStore.postponeStatement(channel: channel, day: day, tries: tries, dueAt: isLast ? nil : due, in: db)
        }
        if isLast { alarm("payment_statement", "the statement of \(channel) for \(day) could not be fetched: \(reason)") }
    }

    /// Money that is in a statement and not in the books: it is asked about, like a payment whose notice was lost.
    private func settle(_ difference: PaymentMatching.Difference, channel: String) throws {
        if bugs.contains(.noReconciliation) { return }
        switch difference {
        case .unbooked(let row):
            try book(
                PaymentNotice(channel: channel, transaction: row.transaction, attempt: row.attempt, fen: row.fen, paidAt: row.at),
                by: "statement")
        case .unknownRefund(let row):
            alarm(
                "payment_unknown_refund",
                "\(channel) has paid back \(row.fen) fen as \(row.refund ?? "") of the attempt \(row.attempt), which nobody here asked for",
                row.attempt)
        case .openRefund(let row):
            let now = milliseconds
            try storage.write { db in try PaymentStore.wake(refund: row.refund ?? "", at: now, in: db) }
        case .otherAmount(let row):
            alarm(
                "payment_amount",
                "\(channel)'s statement has \(row.fen) fen for \(row.refund ?? row.attempt), the books have another amount", row.attempt)
        }
    }
}

/// A statement held against the attempts and refunds.
enum PaymentMatching {
    enum Difference: Sendable, Equatable {
        case unbooked(StatementRow)
        case unknownRefund(StatementRow)
        case openRefund(StatementRow)
        case otherAmount(StatementRow)
    }

    static func differences(_ rows: [StatementRow], channel: String, in db: Database) throws -> [Difference] {
        try rows.compactMap { row in
            if let number = row.refund {
                guard let refund = try PaymentStore.refund(number, in: db), refund.channel == channel else { return .unknownRefund(row) }
                if refund.fen != row.fen { return .otherAmount(row) }
                return refund.state == .done ? nil : .openRefund(row)
            }
            guard let attempt = try PaymentStore.attempt(row.attempt, in: db), attempt.channel == channel, attempt.state == .paid else {
                return .unbooked(row)
            }
            return attempt.fen == row.fen && attempt.transaction == row.transaction ? nil : .otherAmount(row)
        }
    }
}

/// When a refund is sent or asked about again: never within a minute (F52).
enum RefundPlan {
    static func pause(after tries: Int) -> Int64 {
        let minutes: [Int64] = [1, 1, 2, 5, 10, 30]
        return (tries < minutes.count ? minutes[tries] : 60) * 60_000
    }

    /// An hour, twice as long each time, at most a day.
    static func pauseAfterFailure(tries: Int) -> Int64 { min(86_400_000, 3_600_000 << Int64(min(max(0, tries), 5))) }
}
