import DequeModule
import LabCore
import Synchronization

/// The last events of the cloud, and those who wait for the next one: a request is held until something happens.
///
/// Only milestones are kept, no traffic: what is in it changes something that operators see.
final class EventFeed: CloudService {
    /// Events that are kept; who asks for older ones is told from where on they are there.
    static let kept = 1_000
    private static let longestWait = 60
    private static let names = Set(Cloud.kind.events.filter { $0.volume == .milestone }.map(\.name))

    private struct Entry: Sendable {
        var number: Int64
        var name: String
        var at: RunInstant
        var fields: Fields
    }

    private struct Waiter: Sendable {
        var id: Int64
        var after: Int64
        var wake: CheckedContinuation<Void, Never>
    }

    private struct State: Sendable {
        var entries = Deque<Entry>()
        var last: Int64 = 0
        var waiters: [Waiter] = []
        var waiterCount: Int64 = 0
    }

    private let state = Mutex(State())
    private let environment: CloudEnvironment

    init(environment: CloudEnvironment) { self.environment = environment }

    /// Something has happened; who waits is answered.
    func append(_ name: String, _ fields: Fields) {
        guard Self.names.contains(name) else { return }
        let now = environment.now()
        let woken = state.withLock { state in
            state.last += 1
            state.entries.append(Entry(number: state.last, name: name, at: now, fields: fields))
            if state.entries.count > Self.kept { _ = state.entries.popFirst() }
            defer { state.waiters = [] }
            return state.waiters
        }
        for waiter in woken { waiter.wake.resume() }
    }

    /// The cloud ends: nobody waits any longer.
    func crash() {
        let woken = state.withLock { state in
            defer { state.waiters = [] }
            return state.waiters
        }
        for waiter in woken { waiter.wake.resume() }
    }

    /// How many wait.
    var waiting: Int { state.withLock { $0.waiters.count } }

    // MARK: REST

    var endpoints: [Endpoint] { [next] }

    private static let eventFields = [
        FieldKind("number", .integer, required: true), FieldKind("event", .text, required: true),
        FieldKind("at", .integer, unit: "ms", required: true, "Unix time"), FieldKind("fields", .any),
    ]

    private var next: Endpoint {
        Endpoint(
            "GET", "/api/v1/events/next", "Holds the request until there is an event after the given number, or the time is over.",
            access: .permission(.read, owner: nil), rateClass: .user,
            query: [
                FieldKind("after", .integer, "the number of the last event that is known; without it, of the latest"),
                FieldKind("wait", .integer, unit: "s", "0 to \(Self.longestWait); 30 where absent"),
            ],
            answer: [
                FieldKind("items", .list(.record(Self.eventFields)), required: true, "at most 100, none where the time was over"),
                FieldKind("last", .integer, required: true, "for the next request"), FieldKind("oldest", .integer, required: true, "the first that is kept"),
            ]
        ) { [self] request in
            let wait = try request.integer("wait", in: 0...Self.longestWait, else: 30)
            let latest = state.withLock { $0.last }
            let after = request.query["after"]?.integer ?? latest
            // A number from an earlier life of the cloud is ahead of this one's: there is news at once.
            if after == latest, wait > 0 { await hold(after: after, until: environment.now().advanced(by: .seconds(wait))) }
            return answer(after: after)
        }
    }

    private func hold(after: Int64, until deadline: RunInstant) async {
        await withCheckedContinuation { continuation in
            let id: Int64? = state.withLock { state in
                guard state.last == after else { return nil }
                state.waiterCount += 1
                state.waiters.append(Waiter(id: state.waiterCount, after: after, wake: continuation))
                return state.waiterCount
            }
            guard let id else { return continuation.resume() }
            environment.schedule(deadline) { [weak self] in self?.expire(id) }
        }
    }

    private func expire(_ id: Int64) {
        let waiter: Waiter? = state.withLock { state in
            // They came in the order of their numbers.
            var (low, high) = (0, state.waiters.count)
            while low < high {
                let middle = (low + high) / 2
                if state.waiters[middle].id < id { low = middle + 1 } else { high = middle }
            }
            guard low < state.waiters.count, state.waiters[low].id == id else { return nil }
            return state.waiters.remove(at: low)
        }
        waiter?.wake.resume()
    }

    private func answer(after: Int64) -> APIAnswer {
        let (entries, last, oldest) = state.withLock { state in
            let from = after > state.last ? 0 : after
            return (Array(state.entries.lazy.filter { $0.number > from }.prefix(100)), state.last, state.entries.first?.number ?? state.last + 1)
        }
        let items = entries.map { entry -> FieldValue in
            [
                "number": .integer(entry.number), "event": .text(entry.name),
                "at": .integer(environment.epoch * 1_000 + entry.at.nanoseconds / 1_000_000), "fields": .record(entry.fields),
            ]
        }
        return APIAnswer(data: ["items": .list(items), "last": .integer(entries.last?.number ?? last), "oldest": .integer(oldest)])
    }
}
