package import GRDB
package import LabCore
import Synchronization

/// The order service: takes what users, piles and payment services say, decides by the rules, commits, and only then tells anybody.
///
/// Decisions are made in the transaction that writes them (`OrderWork`). After the commit, in this order: bills are acknowledged,
/// commands go to piles, alarms to the stations. What comes in one instant shares a commit.
package final class OrderEngine: Sendable {
    package let policies: OrderPolicies
    let bugs: Set<SeededBug>
    let environment: CloudEnvironment
    let storage: Storage
    let memory = OrderMemory()
    private let queue = OrderQueue()
    private let numbers: Mutex<OrderNumbers>
    let desk: any StationDesk

    private struct Links: Sendable {
        weak var commander: (any PileCommander)?
        weak var payments: (any PaymentDesk)?
        var count: OrderWork.Counting?
    }
    private let links = Mutex(Links())

    private struct Clock: Sendable {
        /// When the next job for timers is due; there is never more than one that counts.
        var wakeAt: RunInstant?
        /// Before this nothing is tried, after a failure of the database.
        var pauseEnd = RunInstant.start
    }
    private let clock = Mutex(Clock())

    package struct Counters: Sendable, Equatable {
        package var created: Int64 = 0
        package var settled: Int64 = 0
        package var quarantined: Int64 = 0
        package var commits: Int64 = 0
    }
    private let counted = Mutex(Counters())
    /// Breaches of invariants that have been told; only looked up.
    private let breaches = Mutex<(known: Set<String>, posting: Int64)>(([], 0))

    /// - Parameters:
    ///   - storage: the session of this life of the cloud.
    ///   - desk: held; it must not hold this.
    /// - Throws: `StorageError` if the schema cannot be brought up to date.
    package init(
        policies: OrderPolicies = OrderPolicies(), bugs: Set<SeededBug> = [], environment: CloudEnvironment, storage: Storage,
        desk: any StationDesk
    ) throws {
        self.policies = policies
        self.bugs = bugs
        self.environment = environment
        self.storage = storage
        self.desk = desk
        numbers = Mutex(OrderNumbers(seed: environment.randomBytes(4)))
        try storage.migrate(service: "orders", OrderSchema.migrations)
        try storage.migrate(service: "ledger", LedgerSchema.migrations)
    }

    /// Set once, before `start`; both are held weakly.
    package func connect(commander: (any PileCommander)?, payments: (any PaymentDesk)? = nil) {
        links.withLock {
            $0.commander = commander
            if let payments { $0.payments = payments }
        }
    }

    /// Names whoever counts what orders bring; called in the transaction that books it.
    package func setCounting(_ body: @escaping @Sendable (OrderTurnover, Database) throws -> Void) { links.withLock { $0.count = body } }

    /// Takes up the orders that run and what waits for its time; hands refunds that nobody has answered to the payments again.
    ///
    /// - Throws: `CloudCrashed`, `StorageError`.
    package func start() throws {
        let (active, refunds) = try storage.read { db in (try OrderStore.active(in: db), try OrderPaymentStore.pending(in: db)) }
        memory.apply(active)
        watch()
        let payments = links.withLock { $0.payments }
        for refund in refunds { payments?.refund(refund) }
    }

    /// Loses what is only in memory; whoever waits gets `CloudCrashed`.
    package func crash() {
        for item in queue.stop() { item.finish(CloudCrashed()) }
    }

    package var counters: Counters { counted.withLock { $0 } }
    package var activeOrders: Int { memory.count }

    package func addMetrics(to registry: MetricsRegistry) {
        let values: [(String, String, @Sendable (OrderEngine) -> Double)] = [
            ("lab_orders_active", "Orders that run.", { Double($0.activeOrders) }),
            ("lab_orders_created", "Orders since the start.", { Double($0.counters.created) }),
            ("lab_orders_settled", "Orders settled since the start.", { Double($0.counters.settled) }),
            ("lab_bills_quarantined", "Bills put into quarantine since the start.", { Double($0.counters.quarantined) }),
            ("lab_order_commits", "Commits of the order service since the start.", { Double($0.counters.commits) }),
            ("lab_orders_waiting", "Things that wait for the next commit.", { Double($0.queue.count) }),
        ]
        for (name, help, value) in values { registry.gauge(name, help) { [weak self] in self.map(value) ?? 0 } }
    }

    /// Unix milliseconds of the run's clock.
    var milliseconds: Int64 { environment.epoch * 1000 + environment.now().nanoseconds / 1_000_000 }

    func makeNumber() -> String {
        let now = milliseconds
        return numbers.withLock { $0.make(at: now) }
    }

    // MARK: Committing

    /// Lets something share the next commit.
    func submit(_ item: OrderQueue.Item) {
        switch queue.add(item) {
        case .taken(isFirst: true): schedule()
        case .taken(isFirst: false): break
        case .full: item.finish(StorageError.full)
        case .stopped: item.finish(CloudCrashed())
        }
    }

    /// The same for a caller who waits for the result.
    func perform<Result: Sendable>(
        _ word: OrderQueue.Word, order: String? = nil, _ body: @escaping @Sendable (inout OrderWork) throws -> Result
    ) async throws -> Result {
        try await withCheckedThrowingContinuation { continuation in
            let box = ResultBox<Result>()
            submit(
                OrderQueue.Item(
                    word: word, order: order,
                    run: { work in
                        do { box.set(.success(try body(&work))) } catch let refusal as APIError { box.set(.failure(refusal)) }
                    },
                    finish: { failure in continuation.resume(with: failure.map { .failure($0) } ?? box.take()) }))
        }
    }

    /// A commit of its own, at once, for callers that cannot wait.
    func performNow<Result: Sendable>(_ word: OrderQueue.Word, order: String? = nil, _ body: (inout OrderWork) throws -> Result) throws
        -> Result
    {
        settle()
        var result: Result?
        let effects = try commit(word, about(order.map { [$0] } ?? [])) { work in result = try body(&work) }
        follow(effects)
        guard let result else { throw CloudCrashed() }
        return result
    }

    /// Brings to the database what waits, so that a reader finds it there. A slow database is not waited for.
    package func settle() {
        if storage.slowness == .zero, queue.count > 0 { flush() }
    }

    private func schedule() {
        let now = environment.now()
        let delay = storage.slowness + .milliseconds(policies.commitDelay)
        let time = max(now.advanced(by: delay), clock.withLock { $0.pauseEnd })
        environment.schedule(time) { [self] in flush() }
    }

    private func flush() {
        let items = queue.take()
        guard !items.isEmpty, !queue.isStopped else { return }
        run(items)
        if queue.needsSchedule() { schedule() }
    }

    private func run(_ items: [OrderQueue.Item]) {
        var items = items
        while !items.isEmpty {
            var failed: Int?
            do {
                let word = items.map(\.word).min() ?? .event
                let effects = try commit(word, about(items.compactMap(\.order), rows: items.count)) { work in
                    for (index, item) in items.enumerated() {
                        failed = index
                        try item.run(&work)
                    }
                    failed = nil
                }
                // First whoever keeps a bill is told that it is safe; only then others act on it.
                for item in items { item.finish(nil) }
                follow(effects)
                return
            } catch is CloudCrashed {
                for item in items { item.finish(CloudCrashed()) }
                return
            } catch {
                if error as? StorageError == .full || failed == nil { return postpone(items, error) }
                // Something is wrong with one of them: the others must not suffer for it.
                let index = failed ?? 0
                environment.note("storage.failed", ["what": .text(items[index].word.rawValue), "reason": .text("\(error)"), "rows": 1])
                items[index].finish(error)
                items.remove(at: index)
            }
        }
    }

    /// The disk takes nothing: whoever can ask again is told so, the rest is tried again in a while.
    private func postpone(_ items: [OrderQueue.Item], _ error: any Error) {
        environment.note(
            "storage.failed",
            [
                "what": .text((items.map(\.word).min() ?? .event).rawValue), "reason": .text("\(error)"),
                "rows": .integer(Int64(items.count)),
            ])
        let end = environment.now().advanced(by: .seconds(1))
        clock.withLock { $0.pauseEnd = end }
        for item in items where !item.isKept { item.finish(error) }
        queue.putBack(items.filter(\.isKept))
    }

    private func about(_ orders: [String], rows: Int = 1) -> Fields {
        var fields: Fields = ["rows": .integer(Int64(rows))]
        if let first = orders.first, orders.allSatisfy({ $0 == first }) { fields["order"] = .text(first) }
        return fields
    }

    private func commit(
        _ word: OrderQueue.Word, _ about: @autoclosure () -> Fields, _ body: (inout OrderWork) throws -> Void
    ) throws -> OrderWork.Effects {
        let now = milliseconds
        let count = links.withLock { $0.count }
        let effects = try storage.commit(
            word.rawValue, about(), durability: word == .sample ? .buffered : .flushed,
            body: { db in
                var work = OrderWork(db: db, now: now, policies: policies, bugs: bugs, memory: memory, desk: desk, count: count)
                try body(&work)
                return work.effects
            }, notes: { $0.notes })
        memory.apply(effects.changed)
        if policies.auditsCommits { try audit(after: word, effects.changed) }
        counted.withLock { counted in
            counted.commits += 1
            for note in effects.notes {
                switch note.name {
                case "order.created": counted.created += 1
                case "order.settled": counted.settled += 1
                case "bill.quarantined": counted.quarantined += 1
                default: break
                }
            }
        }
        return effects
    }

    /// Each breach is told once, with the commit that made it.
    private func audit(after word: OrderQueue.Word, _ changed: [Order]) throws {
        let rows = Set(changed.map(\.row)).sorted()
        let last = breaches.withLock { $0.posting }
        let violations = try storage.read { db in try OrderInvariants.violations(changed: rows, after: last, in: db, policies: policies) }
        let fresh = breaches.withLock { breaches in
            breaches.posting = violations.last
            return violations.texts.filter { breaches.known.insert($0).inserted }
        }
        for text in fresh { environment.note("invariant.violated", ["what": .text(word.rawValue), "text": .text(text)]) }
    }

    /// What follows from a commit, in order.
    private func follow(_ effects: OrderWork.Effects) {
        let (commander, payments) = links.withLock { ($0.commander, $0.payments) }
        for entry in effects.commands { commander?.send(entry.command, to: entry.pile) }
        for alarm in effects.alarms {
            desk.raise(pile: alarm.pile, port: alarm.port, kind: alarm.kind, text: alarm.text, order: alarm.order)
        }
        for refund in effects.refunds { payments?.refund(refund) }
        // A wait that is over later than the one that is watched already is looked for when that is over.
        if let first = effects.changed.compactMap(\.timerAt).min(), isSooner(first) { watch() }
    }

    private func isSooner(_ time: Int64) -> Bool { clock.withLock { $0.wakeAt }.map { instant(ofMilliseconds: time) < $0 } ?? true }

    // MARK: Time

    /// Schedules one job for the wait that is over first. The list of waits is the table: a crash loses none.
    private func watch() {
        guard !queue.isStopped else { return }
        let next: Int64?
        do { next = try storage.read { db in try OrderStore.nextTimer(in: db) } } catch { return }
        guard let next else { return }
        let time = max(instant(ofMilliseconds: next), environment.now(), clock.withLock { $0.pauseEnd })
        let isNew = clock.withLock { clock in
            if let scheduled = clock.wakeAt, scheduled <= time { return false }
            clock.wakeAt = time
            return true
        }
        if isNew { environment.schedule(time) { [weak self] in self?.wake(scheduledFor: time) } }
    }

    private func wake(scheduledFor time: RunInstant) {
        let isCurrent = clock.withLock { clock in
            guard clock.wakeAt == time else { return false }
            clock.wakeAt = nil
            return true
        }
        guard isCurrent, !queue.isStopped else { return }
        let now = milliseconds
        let isDue = (try? storage.read { db in try !OrderStore.due(at: now, limit: 1, in: db).isEmpty }) ?? false
        guard isDue else { return watch() }
        submit(
            OrderQueue.Item(
                word: .timer, run: { work in _ = try work.expire(limit: OrderQueue.batch) },
                finish: { [weak self] _ in self?.watch() }))
    }

    private func instant(ofMilliseconds milliseconds: Int64) -> RunInstant {
        RunInstant.start.advanced(by: .milliseconds(milliseconds - environment.epoch * 1000))
    }

    // MARK: Links

    var commander: (any PileCommander)? { links.withLock { $0.commander } }
    var payments: (any PaymentDesk)? { links.withLock { $0.payments } }
}

/// A result on its way out of a transaction.
private final class ResultBox<Result: Sendable>: Sendable {
    private let value = Mutex<Swift.Result<Result, any Error>?>(nil)
    func set(_ result: Swift.Result<Result, any Error>) { value.withLock { $0 = result } }
    func take() -> Swift.Result<Result, any Error> { value.withLock { $0 } ?? .failure(CloudCrashed()) }
}
