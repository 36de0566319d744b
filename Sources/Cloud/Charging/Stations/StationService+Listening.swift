import GRDB
import LabCore
import Synchronization

// What piles say, and what follows from it.
extension StationService {
    package func received(_ event: PileEvent) {
        switch event {
        case .online(let pile, let facts): came(pile, facts)
        case .described(let pile, let facts): described(pile, facts)
        case .offline(let pile, _): went(pile)
        case .sample(let sample): seen(sample)
        case .ports(let pile, let states): shown(pile, states)
        case .alarm(let pile, let port, let kind, let isOn):
            if isOn {
                raise(
                    pile: pile, port: port, kind: kind.rawValue, text: "The pile reports \(kind.rawValue.replacing("_", with: " ")).",
                    order: nil)
            } else {
                clear(pile: pile, port: port, kind: kind.rawValue)
            }
        case .startAnswered(let pile, _, _, let answer):
            state.withLock {
                $0.piles[pile]?.starts += 1
                if answer == .fault || answer == .refused { $0.piles[pile]?.refusedStarts += 1 }
            }
        case .serviced(let pile, let service, let result): serviced(pile, service, result)
        case .parameters(let pile, let values): reported(pile, values)
        case .stopAnswered, .unanswered, .card: break
        }
    }

    // MARK: Coming and going

    private func came(_ pile: String, _ facts: PileFacts) {
        let now = milliseconds
        let known = state.withLock { state -> Bool in
            guard var entry = state.piles[pile] else { return false }
            entry.isOnline = true
            entry.offlineSince = nil
            entry.lastSeen = now
            entry.describe(facts)
            entry.sentVersion = nil
            state.piles[pile] = entry
            state.changed.insert(pile)
            return true
        }
        guard known else { return }
        scheduleFlush()
        clear(pile: pile, port: nil, kind: "offline")
        returned(pile, firmware: facts.firmware)
        sendParameters(to: pile)
    }

    private func described(_ pile: String, _ facts: PileFacts) {
        let isKnown = state.withLock { state in
            state.piles[pile]?.describe(facts)
            return state.piles[pile] != nil && state.changed.insert(pile).inserted
        }
        if isKnown { scheduleFlush() }
    }

    private func went(_ pile: String) {
        let now = milliseconds
        let due = environment.now().advanced(by: settings.offlineGrace)
        let known = state.withLock { state -> Bool in
            guard var entry = state.piles[pile], entry.isOnline else { return false }
            entry.isOnline = false
            entry.offlineSince = now
            entry.lastSeen = now
            entry.drops += 1
            entry.sentVersion = nil
            state.piles[pile] = entry
            state.changed.insert(pile)
            state.leavers.append((pile, due))
            return true
        }
        guard known else { return }
        scheduleFlush()
        scheduleSweep()
        left(pile)
    }

    /// Rows of piles follow what is known once a second: a thousand that come back at once are one commit.
    func scheduleFlush() {
        let isNew = state.withLock { state in
            if state.isFlushScheduled || state.isStopped { return false }
            state.isFlushScheduled = true
            return true
        }
        guard isNew else { return }
        environment.schedule(environment.now().advanced(by: .seconds(1))) { [weak self] in self?.flush() }
    }

    /// Writes what is known of piles, and results of batches.
    func flush() {
        let changed = state.withLock { state -> [PileState]? in
            state.isFlushScheduled = false
            if state.isStopped { return nil }
            let piles = state.changed.sorted().compactMap { state.piles[$0] }
            state.changed = []
            return piles
        }
        guard let changed else { return }
        if !changed.isEmpty {
            attempt("stations.keep") {
                try storage.write(.buffered) { db in for pile in changed { try StationStore.keep(pile, in: db) } }
            }
        }
        attempt("batch.results") { try keepResults() }
    }

    func scheduleSweep() {
        let due = state.withLock { state -> RunInstant? in
            guard !state.isSweepScheduled, !state.isStopped, let first = state.leavers.first else { return nil }
            state.isSweepScheduled = true
            return first.due
        }
        guard let due else { return }
        environment.schedule(due) { [weak self] in self?.sweep() }
    }

    /// Those who went long enough ago, and have not come back.
    private func sweep() {
        let now = environment.now()
        let gone = state.withLock { state -> [String] in
            state.isSweepScheduled = false
            if state.isStopped { return [] }
            let count = state.leavers.prefix { $0.due <= now }.count
            let due = state.leavers.prefix(count)
            state.leavers.removeFirst(count)
            let grace = settings.offlineGrace.nanoseconds / 1_000_000
            let limit = milliseconds - grace
            return due.map(\.pile).filter { pile in
                guard let entry = state.piles[pile], !entry.isOnline else { return false }
                return (entry.offlineSince ?? limit) <= limit
            }
        }
        for pile in gone {
            raise(
                pile: pile, port: nil, kind: "offline",
                text: "The pile has been away for \(settings.offlineGrace.components.seconds / 60) minutes.", order: nil)
        }
        scheduleSweep()
    }

    // MARK: Ports

    private func seen(_ sample: PileSample) {
        state.withLock { state in
            guard let count = state.piles[sample.pile]?.ports.count, (1...count).contains(sample.port) else { return }
            state.piles[sample.pile]?.lastSeen = sample.receivedAt
            state.piles[sample.pile]?.ports[sample.port - 1] = sample.state
        }
    }

    private func shown(_ pile: String, _ states: [PortState]) {
        let now = milliseconds
        let (faulty, healed) = state.withLock { state -> ([Int], [AlarmKey]) in
            guard var entry = state.piles[pile] else { return ([], []) }
            entry.lastSeen = now
            var faulty: [Int] = []
            var healed: [AlarmKey] = []
            for (index, shown) in states.prefix(entry.ports.count).enumerated() {
                let port = index + 1
                if shown == .fault {
                    if entry.ports[index] != .fault { faulty.append(port) }
                    for key in state.alarms.keys(of: pile) where key.port == port { state.alarms.markFault(key) }
                } else {
                    healed += state.alarms.keys(of: pile).filter {
                        $0.port == port && AlarmBoard.ofPorts.contains($0.kind) && state.alarms.open[$0]?.wasFault == true
                    }
                }
                entry.ports[index] = shown
            }
            state.piles[pile] = entry
            return (faulty, healed)
        }
        for port in faulty {
            raise(pile: pile, port: port, kind: AlarmKind.portFault.rawValue, text: "The pile shows the port as faulty.", order: nil)
            state.withLock { $0.alarms.markFault(AlarmKey(pile: pile, port: port, kind: AlarmKind.portFault.rawValue)) }
        }
        for key in healed { clear(pile: pile, port: key.port, kind: key.kind) }
    }

    // MARK: Alarms

    package func raise(pile: String, port: Int?, kind: String, text: String, order: String?) {
        let key = AlarmKey(pile: pile, port: port ?? 0, kind: kind)
        let now = milliseconds
        let registered = state.withLock { state -> RegisteredPile? in
            if state.isStopped || state.alarms.repeated(key) { return nil }
            return state.piles[pile]?.registered
        }
        guard let registered else { return }
        let alarm = StationAlarm(
            id: 0, operatorID: registered.operatorID, site: registered.site, pile: pile, port: port, kind: kind, text: text, order: order,
            raisedAt: now, count: 1)
        attempt("alarm.raise") {
            let id = try storage.commit(
                "alarm.raise", ["pile": .text(pile), "kind": .text(kind)], durability: .buffered,
                body: { db in try AlarmStore.insert(alarm, in: db) },
                notes: { _ in [CloudNote("alarm.raised", Self.fields(of: alarm))] })
            state.withLock { $0.alarms.put(key, id: id) }
        }
    }

    package func clear(pile: String, port: Int?, kind: String) {
        let key = AlarmKey(pile: pile, port: port ?? 0, kind: kind)
        let now = milliseconds
        guard let open = state.withLock({ $0.isStopped ? nil : $0.alarms.take(key) }) else { return }
        attempt("alarm.clear") {
            var fields: Fields = ["pile": .text(pile), "kind": .text(kind)]
            if let port, port > 0 { fields["port"] = .integer(Int64(port)) }
            let shown = fields
            try storage.commit(
                "alarm.clear", ["pile": .text(pile), "kind": .text(kind)], durability: .buffered,
                body: { db in try AlarmStore.clear(open.id, count: open.count, at: now, in: db) },
                notes: { _ in [CloudNote("alarm.cleared", shown)] })
        }
    }

    private static func fields(of alarm: StationAlarm) -> Fields {
        var fields: Fields = [
            "pile": .text(alarm.pile), "operator": .text(alarm.operatorID), "kind": .text(alarm.kind), "text": .text(alarm.text),
        ]
        if let port = alarm.port { fields["port"] = .integer(Int64(port)) }
        if let order = alarm.order { fields["order"] = .text(order) }
        return fields
    }

    /// The kinds of a pile's open alarms, in the order in which they were raised.
    package func openAlarms(of pile: String) -> [String] { state.withLock { $0.alarms.keys(of: pile).map(\.kind) } }
}
