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
        var id: WatchID
        var expectation: Expectation
        var matched: [Int] = []
    }

    /// In the order of the log, without gaps.
    package private(set) var events: [RunEvent] = []
    private var watches: [Watch] = []
    /// Which expectation has taken an event, by the event's number.
    private var claimed: [Int: Expectation] = [:]
    private var nextID = 0

    package init() {}

    /// The event with this number, if the board has seen it.
    package func event(_ sequence: Int) -> RunEvent? {
        let index = index(after: sequence - 1)
        return events.indices.contains(index) && events[index].sequence == sequence ? events[index] : nil
    }

    /// Where the events after `sequence` begin. Numbers have no gaps, but the board need not have seen the first ones.
    private func index(after sequence: Int) -> Int {
        guard let first = events.first?.sequence else { return 0 }
        return min(max(0, sequence - first + 1), events.count)
    }

    /// Begins to watch, with a look at what has happened since the stimulus.
    ///
    /// - Returns: the outcome if it is decided already, else the watch to wait for.
    package mutating func begin(_ expectation: Expectation) -> (id: WatchID, outcome: Outcome?) {
        nextID += 1
        var watch = Watch(id: WatchID(rawValue: nextID), expectation: expectation)
        for event in events[index(after: max(expectation.stimulus, expectation.after ?? 0))...] {
            if let outcome = take(event, for: &watch) { return (watch.id, outcome) }
        }
        watches.append(watch)
        return (watch.id, nil)
    }

    /// Adds the next event of the log and tells which watches it decides, in the order in which they began.
    package mutating func observe(_ event: RunEvent) -> [(id: WatchID, outcome: Outcome)] {
        events.append(event)
        guard !watches.isEmpty else { return [] }
        var decided: [(id: WatchID, outcome: Outcome)] = []
        // Taken out for the time of the loop, so that a long list of matches is not copied for each event.
        var open = watches
        watches = []
        for index in open.indices {
            if let outcome = take(event, for: &open[index]) { decided.append((open[index].id, outcome)) }
        }
        if !decided.isEmpty {
            open.removeAll { watch in decided.contains { $0.id == watch.id } }
        }
        watches = open
        return decided
    }

    /// Ends a watch whose window is over.
    package mutating func expire(_ id: WatchID) -> Outcome {
        guard let index = watches.firstIndex(where: { $0.id == id }) else { return .notMet([]) }
        let watch = watches.remove(at: index)
        switch watch.expectation.polarity {
        case .forbidden: return .met([])
        case .expected:
            guard let count = watch.expectation.count else { return .notMet([]) }
            guard count.holds(for: .integer(Int64(watch.matched.count))) else { return .notMet(watch.matched) }
            return .met(watch.matched)
        }
    }

    /// What a `forbid` watches may be taken by an `expect` all the same, and what an `expect` has taken is still forbidden:
    /// else it would depend on which of two branches began first.
    private mutating func take(_ event: RunEvent, for watch: inout Watch) -> Outcome? {
        guard watch.expectation.accepts(event) else { return nil }
        if watch.expectation.polarity == .forbidden { return .notMet([event.sequence]) }
        guard claimed[event.sequence] == nil else { return nil }
        claimed[event.sequence] = watch.expectation
        watch.matched.append(event.sequence)
        return watch.expectation.count == nil ? .met(watch.matched) : nil
    }

    /// Whether an `expect` has taken the event.
    package func isClaimed(_ sequence: Int) -> Bool { claimed[sequence] != nil }

    /// The events that came nearest to the expectation: of its kind with few differing fields first, then by time;
    /// at most `limit`. Events that it has counted itself are no misses.
    package func nearMisses(of expectation: Expectation, limit: Int = 5) -> [NearMiss] {
        var candidates: [NearMiss] = []
        for event in events where expectation.concerns(event) {
            if expectation.count != nil, claimed[event.sequence] == expectation { continue }
            let differences = expectation.condition.differences(in: event)
            let note = note(on: event, for: expectation, fits: differences.isEmpty)
            if note == nil && differences.isEmpty { continue }
            candidates.append(NearMiss(event: event, differences: differences, note: note))
        }
        let ranked = candidates.sorted { left, right in
            let (a, b) = (left.differences.count + (left.note == nil ? 0 : 1), right.differences.count + (right.note == nil ? 0 : 1))
            return a != b ? a < b : left.event.sequence > right.event.sequence
        }
        return Array(ranked.prefix(limit))
    }

    /// Why an event does not count whatever its fields are.
    private func note(on event: RunEvent, for expectation: Expectation, fits: Bool) -> String? {
        if event.sequence <= expectation.stimulus { return "before the step that it counts from" }
        if let after = expectation.after, event.sequence <= after { return "before the event named in 'after'" }
        if event.at > expectation.deadline {
            return "too late, at +\(DurationText.format(nanoseconds: event.at.nanoseconds - expectation.stimulusAt.nanoseconds))"
        }
        return fits && isClaimed(event.sequence) ? "taken by another expect" : nil
    }
}
