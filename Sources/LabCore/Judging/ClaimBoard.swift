/// Who waits for which event, and which events are taken.
///
/// The runner feeds it while a run goes on; a judge feeds it the stored log and comes to the same answers, because
/// nothing here depends on anything but the order of events and calls.
package struct ClaimBoard: Sendable {
    package struct WatchID: Sendable, Hashable { fileprivate var rawValue: Int }

    package enum Outcome: Sendable, Equatable {
        /// The events that were taken, the deciding one last.
        case met([Int])
        /// The events that count, too few or too many of them.
        case notMet([Int])
    }

    private struct Watch: Sendable {
        var expectation: Expectation
        var matched: [Int] = []
    }

    package private(set) var events: [RunEvent] = []
    private var watches: [(id: WatchID, watch: Watch)] = []
    private var claimed: Set<Int> = []
    private var nextID = 0

    package init() {}

    /// Begins to watch, with a look at what has happened since the stimulus.
    ///
    /// - Returns: the outcome if it is decided already, else the watch to wait for.
    package mutating func begin(_ expectation: Expectation) -> (id: WatchID, outcome: Outcome?) {
        var watch = Watch(expectation: expectation)
        nextID += 1
        let id = WatchID(rawValue: nextID)
        // Sequence numbers have no gaps, so the event after number n stands at index n.
        for event in events.dropFirst(max(expectation.stimulus, expectation.after ?? 0)) {
            if let outcome = take(event, for: &watch) { return (id, outcome) }
        }
        watches.append((id, watch))
        return (id, nil)
    }

    /// Adds the next event of the log and tells which watches it decides, in the order in which they began.
    package mutating func observe(_ event: RunEvent) -> [(id: WatchID, outcome: Outcome)] {
        events.append(event)
        guard !watches.isEmpty else { return [] }
        var decided: [(id: WatchID, outcome: Outcome)] = []
        for index in watches.indices {
            var watch = watches[index].watch
            if let outcome = take(event, for: &watch) { decided.append((watches[index].id, outcome)) }
            watches[index].watch = watch
        }
        if !decided.isEmpty {
            watches.removeAll { entry in decided.contains { $0.id == entry.id } }
        }
        return decided
    }

    /// Ends a watch whose window is over.
    package mutating func expire(_ id: WatchID) -> Outcome {
        guard let index = watches.firstIndex(where: { $0.id == id }) else { return .notMet([]) }
        let watch = watches.remove(at: index).watch
        switch watch.expectation.polarity {
        case .forbidden: return .met([])
        case .expected:
            guard let count = watch.expectation.count else { return .notMet([]) }
            guard count.holds(for: .integer(Int64(watch.matched.count))) else { return .notMet(watch.matched) }
            return .met(watch.matched)
        }
    }

    private mutating func take(_ event: RunEvent, for watch: inout Watch) -> Outcome? {
        guard watch.expectation.concerns(event), !claimed.contains(event.sequence), watch.expectation.accepts(event) else { return nil }
        if watch.expectation.polarity == .forbidden { return .notMet([event.sequence]) }
        claimed.insert(event.sequence)
        watch.matched.append(event.sequence)
        return watch.expectation.count == nil ? .met(watch.matched) : nil
    }

    /// Whether an `expect` has taken the event.
    package func isClaimed(_ sequence: Int) -> Bool { claimed.contains(sequence) }

    /// The events that came nearest to the expectation: of its kind with few differing fields first, then by time;
    /// at most `limit`.
    package func nearMisses(of expectation: Expectation, limit: Int = 5) -> [NearMiss] {
        let earliest = expectation.stimulusAt
        var candidates: [NearMiss] = []
        for event in events where expectation.concerns(event) {
            let differences = expectation.condition.differences(in: event)
            let note: String? =
                if event.sequence <= expectation.stimulus { "before the step that it counts from" }
                else if let after = expectation.after, event.sequence <= after { "before the event named in 'after'" }
                else if event.at > expectation.deadline { "too late, at +\(DurationText.format(nanoseconds: event.at.nanoseconds - earliest.nanoseconds))" }
                else if differences.isEmpty && isClaimed(event.sequence) { "taken by another expect" }
                else { nil }
            if note == nil && differences.isEmpty { continue }
            candidates.append(NearMiss(event: event, differences: differences, note: note))
        }
        let ranked = candidates.sorted { left, right in
            let (a, b) = (left.differences.count + (left.note == nil ? 0 : 1), right.differences.count + (right.note == nil ? 0 : 1))
            return a != b ? a < b : left.event.sequence > right.event.sequence
        }
        return Array(ranked.prefix(limit))
    }
}
