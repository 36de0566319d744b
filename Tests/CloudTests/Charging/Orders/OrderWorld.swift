import GRDB
import LabCore
import Synchronization
import Testing

@testable import Cloud

/// An order service with a clock that the test moves, a station desk and piles that say what the test has them say.
final class OrderWorld: Sendable {
    static let epoch: Int64 = 1_767_225_600  // 2026-01-01T00:00:00Z
    static let pile = "04ceaa40"
    /// 0.60 yuan of electricity and 0.40 of service for a kWh: 1 fen for 100 dWh.
    static let flat: Fields = ["name": "flat", "elec": ["flat": 60_000], "service": ["flat": 40_000]]

    private struct State {
        var now = RunInstant.start
        var jobs: [(time: RunInstant, number: Int, job: @Sendable () -> Void)] = []
        var jobCount = 0
        var events: [(name: String, fields: Fields)] = []
        var random = SeededGenerator(seed: 5)
        var crashesAt: (event: String, what: String)?
        var engine: OrderEngine?
        var outcomes: [BillOutcome] = []
    }
    private let state = Mutex(State())
    let disk: Storage
    let desk = FakeDesk()
    let piles = FakePiles()
    let payments = FakePayments()
    let policies: OrderPolicies
    let bugs: Set<SeededBug>

    init(bugs: Set<SeededBug> = [], policies: OrderPolicies = OrderPolicies()) throws {
        disk = try Storage(path: nil)
        self.bugs = bugs
        self.policies = policies
        desk.add(RegisteredPile(id: Self.pile, operatorID: "acme", site: "acme.depot", ports: 2))
        desk.setTariff(Self.flat)
        try start()
    }

    /// The next life of the cloud, over the same disk.
    func start() throws {
        let session = disk.session(environment())
        let engine = try OrderEngine(policies: policies, bugs: bugs, environment: environment(), storage: session, desk: desk)
        engine.connect(commander: piles, payments: payments)
        state.withLock { $0.engine = engine }
        try engine.start()
    }

    func crash() {
        guard let engine = state.withLock({ $0.engine }) else { return }
        engine.storage.crash()
        engine.crash()
    }
    func restart() throws {
        crash()
        try start()
    }
    /// Lets the cloud die in the instant of that event.
    func crash(at event: String, of what: String) { state.withLock { $0.crashesAt = (event, what) } }

    var engine: OrderEngine { get throws { try #require(state.withLock { $0.engine }) } }

    private func environment() -> CloudEnvironment {
        CloudEnvironment(
            now: { [self] in state.withLock { $0.now } }, epoch: Self.epoch,
            randomBytes: { [self] count in state.withLock { $0.random.bytes(count) } }, sleep: { [self] time in advance(time) },
            schedule: { [self] time, job in
                state.withLock {
                    $0.jobs.append((time, $0.jobCount, job))
                    $0.jobCount += 1
                }
            },
            note: { [self] name, fields in
                let crashes = state.withLock { state -> Bool in
                    state.events.append((name, fields))
                    guard let trap = state.crashesAt, trap.event == name, fields["what"] == .text(trap.what) else { return false }
                    state.crashesAt = nil
                    return true
                }
                if crashes { crash() }
            },
            publish: { _ in }, acknowledge: { _ in }, disconnect: { _, _ in })
    }

    // MARK: Time

    var now: RunInstant { state.withLock { $0.now } }
    var milliseconds: Int64 { Self.epoch * 1000 + now.nanoseconds / 1_000_000 }

    func advance(_ time: Duration) {
        let target = now.advanced(by: time)
        while true {
            let job = state.withLock { state -> (@Sendable () -> Void)? in
                let next = state.jobs.indices.min {
                    (state.jobs[$0].time, state.jobs[$0].number) < (state.jobs[$1].time, state.jobs[$1].number)
                }
                guard let next, state.jobs[next].time <= target else {
                    state.now = target
                    return nil
                }
                state.now = max(state.now, state.jobs[next].time)
                return state.jobs.remove(at: next).job
            }
            guard let job else { return }
            job()
        }
    }

    /// The clock of another machine, which the next life of the cloud runs on: so much ahead, or behind.
    func shiftClock(_ seconds: Int64) { state.withLock { $0.now = RunInstant(nanoseconds: $0.now.nanoseconds + seconds * 1_000_000_000) } }

    /// Lets everything happen that is due in this instant.
    func settle() { advance(.zero) }

    // MARK: What came out

    func events(_ name: String) -> [Fields] { state.withLock { $0.events.filter { $0.name == name }.map(\.fields) } }
    func states(of order: String) -> [String] { events("order.state").filter { $0["order"] == .text(order) }.compactMap { $0["to"]?.text } }
    func sum(_ event: String) -> Int64 { events(event).reduce(0) { $0 + ($1["cents"]?.integer ?? 0) } }

    func violations() throws -> [String] { try disk.read { db in try OrderInvariants.violations(in: db, policies: policies) } }
    /// Everything that 2.2 says must hold, and the sums of the log.
    func check(_ location: Testing.SourceLocation = #_sourceLocation) throws {
        #expect(try violations() == [], sourceLocation: location)
        #expect(sum("wallet.debited") == sum("revenue.credited"), sourceLocation: location)
    }

    // MARK: What users and piles do

    /// Does what waits for a commit, whose time the test moves.
    func await<Result: Sendable>(_ body: @escaping @Sendable () async throws -> Result) async throws -> Result {
        async let result = body()
        // The commit is scheduled for this instant; the task that waits for it has to get there first.
        let done = Task { while !Task.isCancelled { settle(); await Task.yield() } }
        defer { done.cancel() }
        return try await result
    }

    func topUp(_ user: String = "rider", _ fen: Int64 = 10_000, key: String = "k") async throws {
        _ = try await self.await { [self] in try await engine.topUp(user, fen: fen, key: "\(user)-\(key)") }
    }

    func create(
        _ user: String = "rider", pile: String = OrderWorld.pile, port: Int = 1, key: String? = nil, hold: Int64? = 2_000,
        seconds: Int64? = nil,
        energy: Int64? = nil, tariff: Tariff? = nil
    ) async throws -> Order {
        let request = OrderRequest(
            user: user, pile: pile, port: port, clientKey: key, hold: hold, limitEnergy: energy, limitSeconds: seconds)
        return try await self.await { [self] in try await engine.create(request, tariff: tariff) }
    }

    /// An order whose pile has said that it charges.
    func charging(_ user: String = "rider", port: Int = 1, hold: Int64? = 2_000) async throws -> Order {
        try await topUp(user)
        let order = try await create(user, port: port, hold: hold)
        try say(.startAnswered(pile: Self.pile, port: port, order: order.number, .started))
        return try look(order)
    }

    func stop(_ order: Order) async throws -> Order {
        try await self.await { [self] in try await engine.stop(order.number, reason: "user") }
    }

    func say(_ event: PileEvent) throws {
        try engine.received(event)
        settle()
    }

    func sample(_ order: Order, energy: Int64, power: Int64 = 5_000, state: PortState = .charging, pile: String = OrderWorld.pile) throws {
        try say(
            .sample(
                PileSample(
                    pile: pile, port: order.port, order: order.number, receivedAt: milliseconds, energy: energy, power: power, seconds: 0,
                    state: state)))
    }

    /// Time passes while the pile charges evenly and says so every 300 s.
    func run(_ order: Order, seconds: Int64, energy: Int64) throws {
        let steps = seconds / 300
        for step in 1...steps {
            advance(.seconds(300))
            try sample(order, energy: energy * step / steps, power: energy * 3_600 / seconds)
        }
    }

    func bill(
        _ number: String?, energy: Int64, seconds: Int64, started: Int64? = nil, ended: Int64? = nil, reason: StopReason = .full,
        card: String? = nil,
        pile: String = OrderWorld.pile, port: Int = 1, pileTime: Int64? = nil, hash: UInt8? = nil, register: ClosedRange<Int64>? = nil
    ) -> PileBill {
        PileBill(
            pile: pile, port: port, order: number, receivedAt: milliseconds, pileTime: pileTime, energy: energy, seconds: seconds,
            started: started, ended: ended,
            reason: reason, card: card, registerStart: register?.lowerBound, registerEnd: register?.upperBound,
            contentHash: hash.map { [$0] }
                ?? Array("\(number ?? "")|\(energy)|\(seconds)|\(started ?? -1)|\(ended ?? -1)|\(reason)|\(card ?? "")|\(port)".utf8))
    }

    /// - Returns: what became of it, `nil` while nobody was told.
    @discardableResult
    func send(_ bill: PileBill) throws -> BillOutcome? {
        let count = state.withLock { $0.outcomes.count }
        try engine.received(bill) { [self] outcome in state.withLock { $0.outcomes.append(outcome) } }
        settle()
        return state.withLock { $0.outcomes.count > count ? $0.outcomes.last : nil }
    }

    func look(_ order: Order) throws -> Order { try #require(try engine.order(order.number)) }
    func wallet(_ user: String = "rider") throws -> Int64 { try engine.wallet(user).balance }
}

/// The stations as the orders see them.
final class FakeDesk: StationDesk {
    private struct State {
        var piles: [String: RegisteredPile] = [:]
        var offline: Set<String> = []
        var faults: [String: String] = [:]
        var tariffs: [(from: Int64, rules: Fields)] = []
        var alarms: [(kind: String, pile: String, order: String?)] = []
    }
    private let state = Mutex(State())

    func add(_ pile: RegisteredPile) { state.withLock { $0.piles[pile.id] = pile } }
    /// - Parameter from: Unix milliseconds; without it the only version there is.
    func setTariff(_ rules: Fields, from: Int64? = nil) {
        state.withLock { state in
            if from == nil { state.tariffs = [] }
            state.tariffs.append((from ?? 0, rules))
        }
    }
    func setOnline(_ pile: String, _ isOnline: Bool) {
        state.withLock { if isOnline { $0.offline.remove(pile) } else { $0.offline.insert(pile) } }
    }
    func setFault(_ fault: String?, _ pile: String) { state.withLock { $0.faults[pile] = fault } }
    func disable(_ port: Int, _ pile: String) { state.withLock { $0.piles[pile]?.disabledPorts.append(port) } }
    var alarms: [String] { state.withLock { $0.alarms.map(\.kind) } }

    func pile(_ id: String) -> RegisteredPile? { state.withLock { $0.piles[id] } }
    func condition(pile: String, port: Int) -> PortCondition? {
        state.withLock { state in
            guard let known = state.piles[pile], (1...known.ports).contains(port) else { return nil }
            return PortCondition(
                isOnline: !state.offline.contains(pile), isDisabled: known.disabledPorts.contains(port), fault: state.faults[pile],
                state: .idle)
        }
    }
    func tariff(pile: String, at moment: Int64) -> TariffVersion? {
        state.withLock { state in
            state.tariffs.lastIndex { $0.from <= moment }.map { index in
                TariffVersion(
                    organisation: "acme", version: index + 1, name: "flat", rules: state.tariffs[index].rules,
                    effectiveAt: state.tariffs[index].from,
                    createdAt: 0, createdBy: "test")
            }
        }
    }
    func tariffStarts(pile: String, after first: Int64, through last: Int64) -> [Int64] {
        state.withLock { $0.tariffs.map(\.from).filter { $0 > first && $0 <= last } }
    }
    func raise(pile: String, port: Int?, kind: String, text: String, order: String?) {
        state.withLock { $0.alarms.append((kind, pile, order)) }
    }
    func clear(pile: String, port: Int?, kind: String) {}
}

/// What piles were told.
final class FakePiles: PileCommander {
    private let state = Mutex<[(pile: String, command: PileCommand)]>([])
    func send(_ command: PileCommand, to pile: String) -> Bool {
        state.withLock { $0.append((pile, command)) }
        return true
    }
    func isOnline(_ pile: String) -> Bool { true }

    /// What was sent since the last look, in words.
    func take() -> [String] {
        state.withLock { sent in
            defer { sent = [] }
            return sent.map { entry in
                switch entry.command {
                case .start(let order, let port, _, _, _): "start \(order) \(port)"
                case .stop(let order, let port): "stop \(order) \(port)"
                case .query: "query"
                case .answerCard(let card, _, let isAccepted, _): "card \(card) \(isAccepted)"
                case .setParameters, .restart, .upgrade: "service"
                }
            }
        }
    }
}

final class FakePayments: PaymentDesk {
    private struct State {
        var attempts: [String: PaymentAttempt] = [:]
        var refunds: [PaymentRefund] = []
    }
    private let state = Mutex(State())
    func add(_ attempt: PaymentAttempt) { state.withLock { $0.attempts[attempt.number] = attempt } }
    var refunds: [PaymentRefund] { state.withLock { $0.refunds } }

    func attempt(_ number: String) throws -> PaymentAttempt? { state.withLock { $0.attempts[number] } }
    func refund(_ refund: PaymentRefund) { state.withLock { $0.refunds.append(refund) } }
}
