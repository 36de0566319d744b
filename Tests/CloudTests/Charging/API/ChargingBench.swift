import Cloud
import Crypto
import LabCore
import Synchronization

/// The charging surface behind a real gateway: two operators, their staff, two riders, and a backend with two orders.
final class ChargingBench: Sendable {
    static let acmeOrder = "ACME000000000001"
    static let boltOrder = "BOLTORDERNUMBER9"

    let world: StationBench
    let backend = FakeBackend()
    let parts: GatewayParts
    let gateway: Gateway
    var stations: StationService { world.stations }
    var clock: StationClock { world.clock }

    init(change: (inout CloudConfiguration) -> Void = { _ in }) async throws {
        let clock = StationClock()
        let disk = try Storage(path: nil)
        var configuration = GatewayBench.configuration
        configuration.rateLimits.user = RateLimit(100_000, per: .seconds(1))
        configuration.rateLimits.failures = RateLimit(100_000, per: .seconds(1))
        configuration.rateLimits.login = RateLimit(1_000, per: .seconds(1))
        change(&configuration)
        let session = disk.session(clock.environment)
        parts = try GatewayParts(configuration: configuration, environment: clock.environment, storage: session)
        let stations = try StationService(
            environment: clock.environment, storage: session, audit: parts.audit, partnerMaster: configuration.devices.deviceMasterKey,
            checkTariff: { rules in _ = try Tariff(fields: rules) })
        world = try StationBench(clock: clock, disk: disk, stations: stations)
        let api = ChargingAPI(stations: stations, backend: backend, users: parts.users, environment: clock.environment)
        gateway = try parts.gateway(services: [api], keys: NoDevices(), partners: stations)
        try await world.withTwoOperators()
        try await stations.enter([PileEntry(id: "000000c1", wire: .dny, ports: 2)], site: "bolt.mall")
        for name in ["rita", "rolf"] { try parts.users.createOperator(name: name, role: .rider) }
        for role in StaffRole.builtIn.map(\.name) { try await employ("acme-\(role)", role, at: "acme") }
        try await employ("mall-technician", "technician", at: "acme.mall")
        try await employ("mall-manager", "manager", at: "acme.mall")
        try await employ("bolt-manager", "manager", at: "bolt")
        let now = clock.milliseconds
        backend.put(
            OrderView(
                number: Self.acmeOrder, user: "rita", operatorID: "acme", site: "acme.depot", pile: "00000001", port: 1, state: "charging",
                energy: 12_345,
                power: 8_000, seconds: 600, amount: 1_235, hold: 2_000, tariff: "acme@1", createdAt: now))
        backend.put(
            OrderView(
                number: Self.boltOrder, user: "rolf", operatorID: "bolt", site: "bolt.mall", pile: "000000c1", port: 1, state: "closed",
                reviews: ["estimated"],
                amount: 500, paid: 500, tariff: "bolt@1", createdAt: now))
    }

    private func employ(_ user: String, _ role: String, at organisation: String) async throws {
        try parts.users.createOperator(name: user, role: .staff)
        try await stations.grant(role, at: organisation, to: user, by: "test")
    }

    // MARK: Calls

    /// - Parameter user: a name; `admin`, `user`, `guest` for the cloud's own roles; `nil` for nobody.
    func send(
        _ method: String, _ path: String, as user: String? = nil, body: FieldValue? = nil, headers: [(String, String)] = [],
        bytes: [UInt8]? = nil
    ) async throws -> HTTPAnswer {
        var list = headers.map { HTTPCall.Header($0.0, $0.1) }
        if let user { list.append(HTTPCall.Header("authorization", "Bearer " + (try await token(user)))) }
        if body != nil { list.append(HTTPCall.Header("content-type", "application/json")) }
        if bytes != nil { list.append(HTTPCall.Header("content-type", "application/octet-stream")) }
        let target = path.hasPrefix("/api") || path.hasPrefix("/openapi") ? path : "/api/v1/charging" + path
        let call = HTTPCall(method, target, headers: list, body: bytes ?? body.map { JSONWriter.bytes($0) } ?? [])
        return try await gateway.respond(to: call, from: "10.0.0.1")
    }

    func token(_ user: String) async throws -> String {
        let known = try parts.users.find(user)?.role
        let role = UserRole(rawValue: user) ?? known ?? .guest
        if UserRole(rawValue: user) != nil { try parts.users.createOperator(name: user, role: role) }
        return try parts.tokens.issue(user: user, role: role, epoch: 1, tenant: "default").token
    }

    /// The headers of a partner's request in version 1 (security.md 4.2), made here by its words.
    func signed(_ method: String, _ path: String, key: String, secret: [UInt8], nonce: String) -> [(String, String)] {
        let seconds = String(clock.milliseconds / 1000)
        let parts = path.split(separator: "?", maxSplits: 1).map { String($0) }
        let query = parts.count > 1 ? parts[1].split(separator: "&").sorted().joined(separator: "&") : ""
        let lines = [
            "v1", method, parts[0], query, "cloud.lab", seconds, nonce, key, "default", Hexadecimal.text(SHA256.hash(data: [UInt8]())),
        ]
        return [
            ("host", "cloud.lab"), ("x-device-id", key), ("x-timestamp", seconds), ("x-nonce", nonce),
            ("x-signature", "v1:sha256:" + GatewayBench.hmac(lines.joined(separator: "\n"), secret)),
        ]
    }
}

/// A gateway without devices.
struct NoDevices: DeviceKeys {
    func factoryKey(serial: String) -> [UInt8]? { nil }
    func deviceKey(id: String) -> (secret: [UInt8], epoch: Int)? { nil }
}

/// Orders and money that only remember what they were asked to do.
final class FakeBackend: ChargingBackend {
    private struct State {
        var orders: [OrderView] = []
        var drafts: [OrderDraft] = []
        var calls: [String] = []
    }
    private let state = Mutex(State())

    func put(_ order: OrderView) { state.withLock { $0.orders.append(order) } }
    /// What changes something, in order.
    var calls: [String] { state.withLock { $0.calls } }
    var drafts: [OrderDraft] { state.withLock { $0.drafts } }
    private func log(_ call: String) { state.withLock { $0.calls.append(call) } }

    func createOrder(_ draft: OrderDraft) throws -> OrderView {
        if draft.port == 2 { throw APIError(.portBusy) }
        let order = OrderView(
            number: "NEW0000000000001", user: draft.user, operatorID: "acme", site: "acme.depot", pile: draft.pile, port: draft.port,
            state: "starting", hold: 500,
            limitMinutes: draft.limitMinutes, limitEnergy: draft.limitEnergy, tariff: "acme@1", createdAt: 0)
        state.withLock {
            if !$0.drafts.contains(draft) { $0.orders.append(order) }
            $0.drafts.append(draft)
            $0.calls.append("create \(draft.clientKey)")
        }
        return order
    }

    func order(_ number: String) -> OrderView? { state.withLock { $0.orders.first { $0.number == number } } }

    func orders(_ filter: OrderFilter, limit: Int, offset: Int) -> (items: [OrderView], total: Int) {
        let found = state.withLock { state in
            state.orders.reversed().filter { order in
                (filter.user.map { $0 == order.user } ?? true) && (filter.operatorID.map { $0 == order.operatorID } ?? true)
                    && (filter.sites?.contains(order.site) ?? true) && (filter.pile.map { $0 == order.pile } ?? true)
                    && (filter.state.map { $0 == order.state } ?? true) && (filter.hasReview.map { $0 == !order.reviews.isEmpty } ?? true)
                    && (filter.from.map { order.createdAt >= $0 } ?? true) && (filter.to.map { order.createdAt < $0 } ?? true)
            }
        }
        return (Array(found.dropFirst(offset).prefix(limit)), found.count)
    }

    func stopOrder(_ number: String, by who: String) throws -> OrderView {
        log("stop \(number) by \(who)")
        return try found(number)
    }
    func startPayment(order: String, channel: String) -> PaymentView {
        log("pay \(order) \(channel)")
        return PaymentView(attempt: "A1", channel: channel, fen: 235, state: "open", parameters: ["prepay_id": "wx1"])
    }
    func wallet(of user: String) -> WalletView {
        user == "rita" ? WalletView(balance: 5_005, held: 2_000, due: 0) : WalletView(balance: 0, held: 0, due: 0)
    }
    func walletEntries(of user: String, limit: Int, offset: Int) -> (items: [WalletEntry], total: Int) {
        let all =
            user == "rita"
            ? [
                WalletEntry(at: 60_000, kind: "hold", order: ChargingBench.acmeOrder, fen: -2_000),
                WalletEntry(at: 0, kind: "top_up", order: nil, fen: 7_005),
            ] : []
        return (Array(all.dropFirst(offset).prefix(limit)), all.count)
    }
    func startTopUp(user: String, fen: Int64, channel: String, key: String) -> PaymentView {
        log("top-up \(user) \(fen) \(key)")
        return PaymentView(attempt: "T1", channel: channel, fen: fen, state: "open")
    }
    func resolve(_ decision: ReviewDecision) throws -> OrderView {
        log("resolve \(decision.order) \(decision.reason) \(decision.refundFen) by \(decision.by)")
        return try found(decision.order)
    }
    func refund(_ draft: RefundDraft) -> RefundView {
        log("refund \(draft.order) \(draft.fen) \(draft.key) by \(draft.by)")
        return RefundView(number: "R1", order: draft.order, fen: draft.fen, state: "pending", createdAt: 0)
    }
    func refunds(of order: String) -> [RefundView] { [RefundView(number: "R1", order: order, fen: 100, state: "done", createdAt: 0)] }
    func reconciliation(operatorID: String, day: String) -> Fields? { day == "2026-01-01" ? ["operator": .text(operatorID)] : nil }
    func shares(operatorID: String, month: String) -> Fields? { month == "2026-01" ? ["operator": .text(operatorID)] : nil }

    private func found(_ number: String) throws -> OrderView {
        guard let order = order(number) else { throw APIError(.orderNotFound) }
        return order
    }
}
