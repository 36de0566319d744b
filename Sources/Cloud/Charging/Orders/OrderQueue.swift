import LabCore
import Synchronization

/// What waits for the next commit. Everything that comes in one instant, or while a slow database is waited for, shares one.
final class OrderQueue: Sendable {
    /// The word of a commit; of several that share one, the first of these gives it its name.
    enum Word: String, Sendable, CaseIterable, Comparable {
        case bill = "order.bill"
        case create = "order.create"
        case pay = "order.pay"
        case refund = "order.refund"
        case resolve = "order.resolve"
        case topUp = "wallet.top_up"
        case card = "order.card"
        case stop = "order.stop"
        case timer = "order.timer"
        case event = "order.event"
        case sample = "order.sample"

        private var rank: Int { Self.allCases.firstIndex(of: self) ?? 0 }
        static func < (left: Word, right: Word) -> Bool { left.rank < right.rank }
    }

    struct Item: Sendable {
        var word: Word
        /// The order that it is about, where that is known.
        var order: String?
        /// Whether it is tried again after a failure of the disk, since nobody else would.
        var isKept = false
        /// Runs in the transaction; a refusal (`APIError`) is kept for `finish`, any other error ends the transaction.
        var run: @Sendable (inout OrderWork) throws -> Void
        /// Told once, after the commit, or why there is none.
        var finish: @Sendable ((any Error)?) -> Void
    }

    /// Items of one transaction at most.
    static let batch = 512
    /// Items that wait at most; beyond that nothing more is taken.
    static let maximum = 50_000

    private struct State: Sendable {
        var items: [Item] = []
        var isScheduled = false
        var isStopped = false
    }
    private let state = Mutex(State())

    enum Admission: Sendable { case taken(isFirst: Bool), full, stopped }

    func add(_ item: Item) -> Admission {
        state.withLock { state in
            if state.isStopped { return .stopped }
            if state.items.count >= Self.maximum { return .full }
            state.items.append(item)
            let isFirst = !state.isScheduled
            state.isScheduled = true
            return .taken(isFirst: isFirst)
        }
    }

    /// The next items for one transaction.
    func take() -> [Item] {
        state.withLock { state in
            state.isScheduled = false
            let items = Array(state.items.prefix(Self.batch))
            state.items.removeFirst(items.count)
            return items
        }
    }

    /// Puts back what failed, before everything that came later.
    func putBack(_ items: [Item]) { state.withLock { $0.items = items + $0.items } }

    /// - Returns: whether somebody has to schedule the next transaction.
    func needsSchedule() -> Bool {
        state.withLock { state in
            guard !state.items.isEmpty, !state.isScheduled, !state.isStopped else { return false }
            state.isScheduled = true
            return true
        }
    }

    var count: Int { state.withLock { $0.items.count } }

    /// - Returns: those that never get a commit.
    func stop() -> [Item] {
        state.withLock { state in
            state.isStopped = true
            let items = state.items
            state.items = []
            return items
        }
    }
    var isStopped: Bool { state.withLock { $0.isStopped } }
}

/// The outcome of a bill on its way out of a transaction.
final class OutcomeBox: Sendable {
    private let value = Mutex(BillOutcome.failed)
    func set(_ outcome: BillOutcome) { value.withLock { $0 = outcome } }
    var outcome: BillOutcome { value.withLock { $0 } }
}
