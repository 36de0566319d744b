import LabCore

/// What must be true of every log, looked up in the log by brute force.
struct LogRules {
    let events: [RunEvent]
    private(set) var breaches: [String] = []

    private struct Watch {
        var path: String
        var expectation: Expectation
        var start: Int
        var end: RunEvent
    }

    init(_ events: [RunEvent]) {
        self.events = events
        checkPairs()
        checkFaults()
        checkWatches()
    }

    private func named(_ name: String) -> [RunEvent] { events.filter { $0.node == "lab" && $0.name == name } }

    /// Every step that begins ends, once, and time and numbers only grow.
    private mutating func checkPairs() {
        for (a, b) in zip(events, events.dropFirst()) where b.sequence != a.sequence + 1 || b.at < a.at {
            breaches.append("event \(b.sequence) is out of order")
        }
        let begun = named("step.started").compactMap { $0.fields["step"]?.text }.sorted()
        let ended = named("step.ended").compactMap { $0.fields["step"]?.text }.sorted()
        if begun != ended { breaches.append("steps begun \(begun) and ended \(ended)") }
        if Set(begun).count != begun.count { breaches.append("a step's path is there twice: \(begun)") }
        if events.last?.name != "run.ended" || events.first?.name != "run.started" { breaches.append("the log has no frame") }
    }

    /// A fault that begins ends, once, before teardown or the end of the run.
    private mutating func checkFaults() {
        let begun = named("fault.started").compactMap { $0.fields["handle"]?.integer }
        let ended = named("fault.ended").compactMap { $0.fields["handle"]?.integer }
        if Set(begun).count != begun.count || begun.sorted() != ended.sorted() { breaches.append("faults begun \(begun) and ended \(ended)") }
    }

    private mutating func checkWatches() {
        var watches: [Watch] = []
        for start in named("step.started") {
            guard let path = start.fields["step"]?.text, let expectation = Expectation(start.fields),
                let end = events.first(where: { $0.name == "step.ended" && $0.fields["step"]?.text == path }) else { continue }
            watches.append(Watch(path: path, expectation: expectation, start: start.sequence, end: end))
        }
        var taken: [Int: String] = [:]
        for watch in watches where watch.expectation.polarity == .expected {
            for number in claims(of: watch) {
                if let other = taken[number] { breaches.append("event \(number) is taken by \(other) and \(watch.path)") }
                taken[number] = watch.path
                if !window(of: watch).contains(number) { breaches.append("\(watch.path) took event \(number), which it was not to see") }
            }
        }
        // One that counts and was stopped has taken what it saw until then; its line does not list it.
        for watch in watches where watch.expectation.count != nil && watch.end.fields["outcome"] == "interrupted" {
            for number in window(of: watch) where taken[number] == nil { taken[number] = watch.path }
        }
        for watch in watches { check(watch, taken) }
    }

    private func claims(of watch: Watch) -> [Int] { watch.end.fields["claimed"]?.list?.compactMap { $0.integer.map { Int($0) } } ?? [] }

    /// The numbers of the events that the expectation is about, whoever took them.
    private func window(of watch: Watch) -> [Int] {
        let expectation = watch.expectation
        let after = max(expectation.stimulus, expectation.after ?? 0)
        return events.filter { event in
            event.sequence > after && event.sequence < watch.end.sequence && event.at <= expectation.deadline
                && event.node == expectation.event.role && event.name == expectation.event.name
                && expectation.condition.conditions.allSatisfy { event.fields[$0.field] == operand($0.test) }
        }.map(\.sequence)
    }

    /// All conditions of random plans are equalities.
    private func operand(_ test: Match.Test) -> FieldValue? {
        if case .operators(let operations) = test, operations.count == 1, operations[0].name == .eq, case .constant(let value) = operations[0].operand { return value }
        return nil
    }

    private mutating func check(_ watch: Watch, _ taken: [Int: String]) {
        let outcome = watch.end.fields["outcome"]?.text
        let seen = window(of: watch)
        if outcome == "interrupted" { return }
        switch (watch.expectation.polarity, watch.expectation.count) {
        case (.forbidden, _):
            if seen.isEmpty != (outcome == "passed") { breaches.append("\(watch.path): \(seen) and \(outcome ?? "")") }
        case (.expected, nil):
            let own = claims(of: watch)
            let free = seen.filter { taken[$0] == nil }
            if outcome == "failed", !free.isEmpty { breaches.append("\(watch.path) failed, but nobody took \(free)") }
            if outcome == "passed", own.count != 1 || free.contains(where: { $0 < own[0] }) { breaches.append("\(watch.path) took \(own), \(free) was free") }
            if outcome == "passed", let first = own.first, first > watch.start, events[first - 1].at != watch.end.at {
                breaches.append("\(watch.path) ended later than its event")
            }
        case (.expected, let count?):
            let free = seen.filter { taken[$0] == nil }
            if !free.isEmpty { breaches.append("\(watch.path) left \(free)") }
            if count.holds(for: .integer(Int64(claims(of: watch).count))) != (outcome == "passed") { breaches.append("\(watch.path): \(outcome ?? "")") }
            if watch.end.at <= watch.expectation.deadline { breaches.append("\(watch.path) did not watch its whole window") }
        }
    }
}
