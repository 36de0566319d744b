import Emulators
import Foundation
import GRDB
import LabCore
import Simulation
import Testing

@testable import Cloud

/// The payments of a cloud and the emulated service, on one kernel, with nothing else around them.
///
/// `@unchecked Sendable`: the cloud's environment consists of closures that any thread could call; the kernel, which belongs to the
/// test's thread, traps where one does.
final class PaymentWorld: @unchecked Sendable {
    struct Event: CustomStringConvertible {
        var name: String
        var fields: Fields
        var description: String { "\(name) \(JSONWriter.text(.record(fields)))" }
    }

    /// 2026-01-01T00:00:00Z
    static let epoch: Int64 = 1_767_225_600

    let kernel = Kernel()
    let disk: Storage
    let settings: PaymentSettings
    let bugs: Set<SeededBug>
    let orders: BookedOrders
    private(set) var payments: Payments?
    private var session: Storage?
    private var life = 0
    private var random: SeededGenerator
    private(set) var service: PaymentService
    private(set) var events: [Event] = []
    private var servicing: [Token: CheckedContinuation<Result<HTTPAnswer, HTTPFailure>, Never>] = [:]
    private var serviceToken: UInt32 = 0
    private var timerGeneration = 0
    /// Answers to actions.
    private var finished: [Token: Result<Fields, ActionFailure>] = [:]
    /// The cloud crashes when this is noted: event and `what`.
    var crashesAt: (event: String, what: String)?
    /// Requests of the cloud, as they went out.
    private(set) var calls: [(at: RunInstant, call: HTTPCall)] = []
    /// What the service has answered.
    private(set) var served: [HTTPAnswer] = []
    /// Notices as they arrived, with the answers that they got.
    private(set) var notices: [(call: HTTPCall, status: Int?)] = []

    init(seed: UInt64 = 1, bugs: Set<SeededBug> = [], settings change: (inout PaymentSettings) -> Void = { _ in }) throws {
        disk = try Storage(path: nil)
        self.bugs = bugs
        var settings = Self.settings
        change(&settings)
        self.settings = settings
        orders = BookedOrders(bugs: bugs)
        random = SeededGenerator(seed: seed, purpose: "cloud")
        service = try PaymentService(epoch: Self.epoch, generator: SeededGenerator(seed: seed, purpose: "payments"))
        try start()
    }

    /// A merchant of the emulated services, as a real one would be configured.
    static var settings: PaymentSettings {
        let known = PaymentServiceSettings()
        return PaymentSettings(
            wechat: WeChatPaySettings(
                merchant: known.wechat.merchant, application: known.wechat.application, merchantSerial: known.wechat.merchantSerial,
                merchantKey: PaymentSecret(PaymentTestKeys.wechatMerchantPrivate), secret: PaymentSecret(PaymentTestKeys.wechatSecret)),
            alipay: AlipaySettings(
                application: known.alipay.application, seller: known.alipay.seller,
                applicationKey: PaymentSecret(PaymentTestKeys.alipayApplicationPrivate), platformKey: PaymentTestKeys.alipayPlatformPublic))
    }

    // MARK: The cloud's lives

    func start() throws {
        life += 1
        let environment = environment(life: life)
        let session = disk.session(environment)
        let payments = try Payments(settings: settings, bugs: bugs, environment: environment, storage: session)
        self.session = session
        self.payments = payments
        orders.payments = payments
        payments.connect(orders: orders, debts: orders)
        try payments.start()
        // As the order service does: what is on its way is handed over again.
        for refund in orders.openRefunds { payments.refund(refund) }
    }

    func crash() {
        session?.crash()
        payments?.crash()
        payments = nil
    }

    func restart() throws {
        crash()
        try start()
    }

    var cloud: Payments { get throws { try #require(payments) } }

    private func environment(life: Int) -> CloudEnvironment {
        let alive: @Sendable () -> Bool = { [unowned self] in self.life == life && payments != nil }
        return CloudEnvironment(
            now: { [kernel] in kernel.now }, epoch: Self.epoch, randomBytes: { [unowned self] count in random.bytes(count) },
            sleep: { [kernel] time in try await kernel.sleep(for: time) },
            schedule: { [kernel] time, job in _ = kernel.schedule(at: time) { if alive() { job() } } },
            note: { [unowned self] name, fields in note(name, fields) }, publish: { _ in }, acknowledge: { _ in }, disconnect: { _, _ in },
            request: { [unowned self] service, call in await request(service, call) },
            start: { [kernel] name, work in if alive() { kernel.start(name) { await work() } } })
    }

    private func note(_ name: String, _ fields: Fields) {
        if name.hasPrefix("payment."), name != "payment.booked", Payments.eventKinds.first(where: { $0.name == name }) == nil {
            Issue.record("the event \(name) is not in the vocabulary")
        }
        for kind in Payments.eventKinds where kind.name == name {
            for field in fields where !kind.fields.contains(where: { $0.name == field.name }) {
                Issue.record("\(name) has no field \(field.name)")
            }
        }
        events.append(Event(name: name, fields: fields))
        if let trap = crashesAt, trap.event == name, fields["what"] == .text(trap.what) {
            crashesAt = nil
            crash()
        }
    }

    func events(_ name: String) -> [Fields] { events.filter { $0.name == name }.map(\.fields) }
    func forgetEvents() { events = [] }

    // MARK: Between the two: 20 ms each way

    private func request(_ name: String, _ call: HTTPCall) async -> Result<HTTPAnswer, HTTPFailure> {
        calls.append((kernel.now, call))
        do { try await kernel.sleep(for: .milliseconds(20)) } catch { return .failure(.interrupted) }
        serviceToken += 1
        let token = Token(rawValue: serviceToken)
        let result = await withCheckedContinuation { continuation in
            servicing[token] = continuation
            tell(.served(token, call))
        }
        do { try await kernel.sleep(for: .milliseconds(20)) } catch { return .failure(.interrupted) }
        return result
    }

    func tell(_ input: DeviceInput) {
        var effects: [DeviceEffect] = []
        service.handle(input, at: kernel.now, &effects)
        for effect in effects {
            switch effect {
            case .startTimer(let name, let delay):
                timerGeneration += 1
                let generation = timerGeneration
                kernel.schedule(after: delay) { [unowned self] in if generation == timerGeneration { tell(.timerFired(name)) } }
            case .request(let token, let call): kernel.start("notice") { [unowned self] in await deliver(token, call) }
            case .serve(let token, let result):
                if case .success(let answer) = result { served.append(answer) }
                servicing.removeValue(forKey: token)?.resume(returning: result)
            case .note(let name, let fields): serviceNote(name, fields)
            case .finish(let token, let result): finished[token] = result
            default: Issue.record("a payment service has no such effect: \(effect)")
            }
        }
    }

    private func serviceNote(_ name: String, _ fields: Fields) {
        guard let kind = PaymentService.kind.event(name) else {
            Issue.record("the event \(name) is not in the service's vocabulary")
            return
        }
        for field in fields where !kind.fields.contains(where: { $0.name == field.name }) {
            Issue.record("\(name) has no field \(field.name)")
        }
        events.append(Event(name: "service." + name, fields: fields))
    }

    private func deliver(_ token: Token, _ call: HTTPCall) async {
        try? await kernel.sleep(for: .milliseconds(20))
        let answer = await notice(call)
        notices.append((call, (try? answer.get())?.status))
        tell(.answered(token, answer))
    }

    /// A request to the notice endpoints, without the gateway around them.
    func notice(_ call: HTTPCall) async -> Result<HTTPAnswer, HTTPFailure> {
        guard let payments else { return .failure(.unreachable) }
        guard let endpoint = payments.endpoints.first(where: { $0.path == call.path && $0.method == call.method }) else {
            return .success(HTTPAnswer(status: 404))
        }
        let request = CloudRequest(
            method: call.method, path: call.path, rawBody: call.body, headers: call.headers, at: kernel.now, id: "request", peer: "payments"
        )
        do {
            let answer = try await endpoint.handle(request)
            guard self.payments === payments else { return .failure(.interrupted) }
            return .success(HTTPAnswer(status: answer.status, body: answer.plain?.bytes ?? []))
        } catch let error as APIError {
            return .success(HTTPAnswer(status: error.code.status))
        } catch is CloudCrashed { return .failure(.interrupted) } catch { return .success(HTTPAnswer(status: 500)) }
    }

    // MARK: Steps of a test

    func run<Value>(_ body: @escaping () async throws -> Value) throws -> Value { try kernel.runBlocking("test", body) }

    func advance(_ time: Duration) { kernel.run(until: kernel.now.advanced(by: time)) }

    /// An order that owes something, and an attempt to pay it.
    func begin(_ order: String = "ORDER00000000001", fen: Int64 = 1_235, channel: String = "wechat") throws -> StartedPayment {
        orders.owe(order, fen)
        return try pay(order, channel)
    }

    func pay(_ order: String, _ channel: String) throws -> StartedPayment {
        try run { [unowned self] in try await cloud.start(order: order, channel: channel) }
    }

    /// Something that the scenario asks of the service.
    @discardableResult
    func act(_ action: String, _ arguments: Fields) throws -> Fields {
        serviceToken += 1
        let token = Token(rawValue: serviceToken)
        tell(.action(token, action, arguments))
        let result = finished.removeValue(forKey: token)
        return try #require(result).get()
    }

    @discardableResult
    func userPays(_ attempt: StartedPayment) throws -> String {
        try #require(try act("pay", ["attempt": .text(attempt.attempt)])["transaction"]?.text)
    }

    func fault(_ name: String, _ arguments: Fields = [:], on: Bool = true) { tell(.fault(name, arguments, isActive: on)) }

    func asked(_ query: String, _ arguments: Fields) throws -> Fields { try service.answer(query, arguments, at: kernel.now).get() }

    func balance() throws -> Int64 { try #require(try asked("balance", [:])["cents"]?.integer) }

    func attempt(_ number: String) throws -> Fields { try cloud.answer("payment", ["attempt": .text(number)]) }
    func state(_ number: String) throws -> String { try #require(try attempt(number)["state"]?.text) }

    /// What the payments have in the database, without the times of the next question.
    func rows() throws -> String {
        try disk.read { db in
            try ["payment_attempts", "payment_refunds", "payment_statement_rows"].flatMap { table in
                try Row.fetchAll(db, sql: "SELECT * FROM \(table)").map { row in
                    table + row.filter { $0.0 != "due_at" && $0.0 != "polls" && $0.0 != "tries" }.map { " \($0)=\($1)" }.joined()
                }
            }.joined(separator: "\n")
        }
    }
}

/// Stands for the order service: what is owed, what came, what went back, each once by its key (charging-orders.md 2.1).
final class BookedOrders: OrderPayments, OrderDebts, @unchecked Sendable {
    struct Debt {
        var fen: Int64
        var paid: Int64 = 0
    }

    private let bugs: Set<SeededBug>
    weak var payments: Payments?
    private(set) var debts: [String: Debt] = [:]
    private(set) var wallets: [String: Int64] = [:]
    /// Every booking in its order.
    private(set) var bookings: [PaymentNotice] = []
    /// Full returns and refunds: number, attempt, amount, state.
    private(set) var refunds: [(refund: PaymentRefund, state: String)] = []
    /// What the payments said of refunds, in its order.
    private(set) var said: [(number: String, succeeded: Bool)] = []

    init(bugs: Set<SeededBug>) { self.bugs = bugs }

    func owe(_ order: String, _ fen: Int64) { debts[order] = Debt(fen: fen) }
    func forgive(_ order: String) { debts[order] = Debt(fen: 0) }
    var openRefunds: [PaymentRefund] { refunds.filter { $0.state != "done" }.map(\.refund) }

    func debt(of order: String) throws -> OrderDebt? {
        debts[order].map {
            OrderDebt(order: order, tenant: "acme", user: "anna", fen: $0.fen - $0.paid, state: $0.fen > $0.paid ? "due" : "closed")
        }
    }

    func paid(_ notice: PaymentNotice) throws -> PaymentOutcome {
        if bookings.contains(where: { $0.channel == notice.channel && $0.transaction == notice.transaction }),
            !bugs.contains(.noticeNotDeduplicated)
        {
            return .repeated
        }
        guard let attempt = try payments?.attempt(notice.attempt), attempt.fen == notice.fen else {
            return .refused(reason: "unknown_attempt")
        }
        bookings.append(notice)
        if attempt.order.isEmpty {
            wallets[attempt.user, default: 0] += notice.fen
            return .booked
        }
        if let debt = debts[attempt.order], debt.fen - debt.paid >= notice.fen {
            debts[attempt.order]?.paid += notice.fen
            return .booked
        }
        let number = "ret-" + attempt.number
        refunds.append((PaymentRefund(number: number, attempt: attempt.number, channel: notice.channel, fen: notice.fen), "pending"))
        return .returned(refund: number)
    }

    func refunded(number: String, succeeded: Bool) throws {
        said.append((number, succeeded))
        guard let index = refunds.firstIndex(where: { $0.refund.number == number }) else { return }
        refunds[index].state = succeeded ? "done" : "review"
    }

    /// A refund that the orders have booked and hand over.
    func refund(_ number: String, _ attempt: StartedPayment, _ fen: Int64) {
        let refund = PaymentRefund(number: number, attempt: attempt.attempt, channel: attempt.channel, fen: fen)
        refunds.append((refund, "pending"))
        payments?.refund(refund)
    }
}
