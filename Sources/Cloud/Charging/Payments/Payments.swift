import GRDB
package import LabCore
import Synchronization

/// Attempts, refunds and statements: the cloud's side of payment services.
///
/// What is owed, and what money does, the orders know (`OrderPayments`, `OrderDebts`); here is who was asked for it, and what the service
/// says. Nothing counts because it was sent: an attempt is paid, a refund done, when the service has said so, signed. What is to be asked
/// next stands in the rows (`due_at`), so that a crash loses nothing.
package final class Payments: CloudService, PaymentDesk {
    let settings: PaymentSettings
    let bugs: Set<SeededBug>
    let environment: CloudEnvironment
    let storage: Storage
    let clients: [any PaymentClient]
    let wechat: WeChatPayClient?

    /// The orders are made after the payments, and hold them.
    private struct Partners: Sendable {
        weak var orders: (any OrderPayments)?
        weak var debts: (any OrderDebts)?
    }
    private let partners = Mutex(Partners())

    struct State: Sendable {
        var underway: Set<PaymentJob> = []
        /// When the next look is due; there is never more than one that counts.
        var wakeAt: RunInstant?
        /// Before this nothing is tried, after a failure of the database.
        var pauseEnd = RunInstant.start
        var isStopped = false
        /// Certificates were asked for last at this time, Unix seconds; strangers can make a notice with an unknown serial number.
        var certificatesAt: Int64?
        var isFetchingCertificates = false
        /// When somebody was last told of a false notice of a channel; a stranger who sends many raises no flood of alarms.
        var warnedAt: [String: Int64] = [:]
    }
    let state = Mutex(State())

    /// - Parameter storage: the session of this life of the cloud.
    /// - Throws: `ConfigurationError` for keys that cannot be used, `StorageError` if the schema cannot be brought up to date.
    package init(settings: PaymentSettings, bugs: Set<SeededBug> = [], environment: CloudEnvironment, storage: Storage) throws {
        self.settings = settings
        self.bugs = bugs
        self.environment = environment
        self.storage = storage
        let made = try settings.makeClients()
        wechat = made.wechat
        clients = [made.wechat, made.alipay].compactMap { (client: (any PaymentClient)?) in client }
        try storage.migrate(service: "payments", PaymentSchema.migrations)
    }

    /// Who books money. Set before `start`.
    package func connect(orders: any OrderPayments, debts: any OrderDebts) {
        partners.withLock {
            $0.orders = orders
            $0.debts = debts
        }
    }

    /// Takes up what is due in the database, and expects the statements of the days since the last life.
    package func start() throws {
        for client in clients { try expectStatements(client.channel) }
        pump()
    }

    package func crash() { state.withLock { $0.isStopped = true } }

    var orders: (any OrderPayments)? { partners.withLock { $0.orders } }
    var debts: (any OrderDebts)? { partners.withLock { $0.debts } }

    // MARK: Time and numbers

    /// Unix milliseconds of the run's clock.
    var milliseconds: Int64 { environment.epoch * 1_000 + environment.now().nanoseconds / 1_000_000 }

    func instant(ofMilliseconds time: Int64) -> RunInstant {
        let (since, _) = time.subtractingReportingOverflow(environment.epoch * 1_000)
        let (nanoseconds, overflow) = since.multipliedReportingOverflow(by: 1_000_000)
        return overflow ? .distantFuture : RunInstant(nanoseconds: max(0, nanoseconds))
    }

    func stamp() -> CallStamp { CallStamp(unix: environment.unixSeconds, nonce: Hexadecimal.text(environment.randomBytes(16))) }

    func client(_ channel: String) -> (any PaymentClient)? { clients.first { $0.channel == channel } }

    /// Channels that can be paid with, in a fixed order.
    package var channels: [String] { clients.map(\.channel) }

    func noticeAddress(_ channel: String) -> String {
        client(channel)?.noticeAddress ?? settings.publicAddress + "/api/v1/payments/notices/" + channel
    }

    // MARK: Desk

    package func attempt(_ number: String) throws -> PaymentAttempt? {
        try storage.read { db in
            try PaymentStore.attempt(number, in: db).map {
                PaymentAttempt(number: $0.number, order: $0.order, user: $0.user, channel: $0.channel, fen: $0.fen)
            }
        }
    }

    /// Takes a refund that is booked; the same number is taken once. One that breaks the service's own rules (more than was paid,
    /// more than 50) is kept as refused, with an alarm, and not sent.
    package func refund(_ refund: PaymentRefund) {
        let isDone = guarded("payment.refund") {
            let known = try storage.read { db in try PaymentStore.refund(refund.number, in: db) }
            if let known {
                if known.attempt != refund.attempt || known.fen != refund.fen {
                    alarm("payment_refund", "the refund \(refund.number) came twice with different content", refund.attempt)
                }
                return
            }
            let now = milliseconds
            let reason = try storage.commit(
                "payment.refund", ["refund": .text(refund.number), "attempt": .text(refund.attempt)],
                body: { db -> String? in
                    let reason = RefundRules.refusal(
                        of: refund, attempt: try PaymentStore.attempt(refund.attempt, in: db), paidFen: try paidFen(refund.attempt, in: db),
                        others: try PaymentStore.refunds(of: refund.attempt, in: db))
                    try PaymentStore.insert(refund, state: reason == nil ? .pending : .refused, review: reason, at: now, in: db)
                    return reason
                },
                notes: { reason in
                    var fields: Fields = [
                        "channel": .text(refund.channel), "attempt": .text(refund.attempt), "refund": .text(refund.number),
                        "cents": .integer(refund.fen),
                    ]
                    fields["state"] = reason == nil ? "pending" : "refused"
                    if let reason { fields["reason"] = .text(reason) }
                    return [CloudNote("payment.refund", fields)]
                })
            if let reason { alarm("payment_refund", "the refund \(refund.number) cannot be sent: \(reason)", refund.attempt) }
        }
        // The order's row brings it again after a crash; a full disk is waited for here.
        if !isDone { later { [weak self] in self?.refund(refund) } }
        pump()
    }

    private func paidFen(_ attempt: String, in db: Database) throws -> Int64? {
        try Int64.fetchOne(db, cached: "SELECT paid_fen FROM payment_attempts WHERE number = ? AND state = 'paid'", attempt)
    }

    // MARK: Care

    /// - Returns: false where the database failed; a crash of the cloud ends everything, in silence.
    func guarded(_ what: String, _ body: () throws -> Void) -> Bool {
        do {
            try body()
            return true
        } catch is CloudCrashed { return true } catch {
            environment.note("payment.failed", ["what": .text(what), "reason": .text(String("\(error)".prefix(200)))])
            return false
        }
    }

    /// In a second, while this life lasts.
    func later(_ job: @escaping @Sendable () -> Void) {
        environment.schedule(environment.now().advanced(by: .seconds(1))) { [weak self] in
            guard let self, !self.state.withLock({ $0.isStopped }) else { return }
            job()
        }
    }

    func alarm(_ kind: String, _ text: String, _ attempt: String? = nil) {
        var fields: Fields = ["kind": .text(kind), "text": .text(text)]
        if let attempt { fields["attempt"] = .text(attempt) }
        environment.note("payment.alarm", fields)
    }

    // MARK: Asking the services

    /// One request, whose answer is believed or not. What is wrong with it is noted.
    func ask(_ client: any PaymentClient, _ request: ChannelRequest) async -> Result<ChannelAnswer, ChannelFailure> {
        if let wechat, client.channel == wechat.channel, wechat.needsCertificates(at: environment.unixSeconds) {
            await fetchCertificates(wechat)
        }
        return await exchange(client, request)
    }

    private func exchange(_ client: any PaymentClient, _ request: ChannelRequest) async -> Result<ChannelAnswer, ChannelFailure> {
        let result = await environment.request(client.service(for: request), client.call(request, stamp()))
        if state.withLock({ $0.isStopped }) { return .failure(.noAnswer(.interrupted)) }
        do throws(ChannelFailure) {
            switch result {
            case .failure(let failure): throw .noAnswer(failure)
            case .success(let answer): return .success(try client.read(answer, to: request, at: environment.unixSeconds))
            }
        } catch {
            environment.note(
                "payment.unanswered", ["channel": .text(client.channel), "call": .text(request.word), "reason": .text(error.word)])
            if case .untrusted(let reason) = error {
                alarm("payment_tampered", "an answer of \(client.channel) to \(request.word): \(reason)")
            }
            return .failure(error)
        }
    }

    /// At most once a minute, whoever asks for it.
    func fetchCertificates(_ wechat: WeChatPayClient) async {
        let now = environment.unixSeconds
        let isMine = state.withLock { state in
            if state.isFetchingCertificates || state.isStopped { return false }
            if let last = state.certificatesAt, now - last < 60 { return false }
            state.isFetchingCertificates = true
            return true
        }
        guard isMine else { return }
        let result = await exchange(wechat, .certificates)
        state.withLock {
            $0.isFetchingCertificates = false
            // Without an answer the next request may try at once.
            if case .success = result { $0.certificatesAt = now }
        }
    }
}

/// What a service takes of refunds; the orders hold the same, so that a refusal here says that the two differ.
enum RefundRules {
    static let maximumCount = 50

    static func refusal(of refund: PaymentRefund, attempt: AttemptRecord?, paidFen: Int64?, others: [RefundRecord]) -> String? {
        guard let attempt, attempt.channel == refund.channel else { return "unknown_attempt" }
        // Money that came for nothing goes back before anything of it is booked here.
        let paid = paidFen ?? attempt.fen
        let counted = others.filter { $0.state != .refused }
        if refund.fen <= 0 { return "amount" }
        if counted.count >= maximumCount { return "too_many" }
        let sum = counted.reduce(Int64(0)) { $0 + $1.fen }
        return refund.fen > paid - sum ? "too_large" : nil
    }
}
