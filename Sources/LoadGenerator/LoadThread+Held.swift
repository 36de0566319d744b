import DequeModule
import LabCore

/// Connections that are held open: each sends at its interval, and those that are lost are opened again.
extension LoadThread {
    func openHeld(_ item: PlannedItem) {
        let taken = now
        guard taken < end else { return }
        totals.planned += 1
        meter.took(lag: taken - item.planned)
        guard let place = openConnection() else {
            totals.connectionLost += 1
            note(LoadRow(index: item.index, planned: item.planned, taken: taken, label: connectLabel, outcome: .connectionLost))
            return reopen(at: taken)
        }
        connections[place].opening = item
        connections[place].row = LoadRow(index: item.index, planned: item.planned, taken: taken, written: now, label: connectLabel)
        totals.sent += 1
    }

    func heldIsOpen(_ place: Int, _ interval: Duration?) {
        var row = connections[place].row
        row.answered = now
        row.outcome = .answered
        totals.answered += 1
        note(row)
        if let interval { plan(place, at: row.planned + interval.nanoseconds) }
    }

    func plan(_ place: Int, at planned: Int64) {
        guard planned < end else { return }
        keepAlives.append((place, PlannedItem(index: nextIndex, planned: planned)))
        nextIndex += settings.threads
    }

    func keepAlive(_ place: Int, _ item: PlannedItem) {
        guard let opening = connections[place].opening, opening.planned < item.planned else { return }
        switch connections[place].state {
        case .closed, .connecting: return
        case .idle:
            totals.planned += 1
            let taken = now
            _ = send(item, taken: taken, on: place)
            meter.took(lag: max(taken, connections[place].row.written) - item.planned)
        case .busy:
            totals.planned += 1
            meter.took(lag: now - item.planned)
            if connections[place].next == nil {
                connections[place].next = item
            } else {
                // The target is more than one interval behind.
                totals.unanswered += 1
                note(LoadRow(index: item.index, planned: item.planned, taken: now, label: UInt16(mix.choice(item.index))))
            }
        }
        if case .heldConnections(_, let interval?) = settings.shape { plan(place, at: item.planned + interval.nanoseconds) }
    }

    /// A held connection is gone; it is opened again after a moment.
    ///
    /// - Parameter outcome: of its opening, where that did not come to an end.
    func lostHeld(_ place: Int, _ outcome: LoadRow.Outcome?) {
        if let outcome {
            var row = connections[place].row
            row.outcome = outcome
            totals.connectionLost += 1
            note(row)
        }
        if let next = connections[place].next {
            connections[place].next = nil
            totals.connectionLost += 1
            note(
                LoadRow(
                    index: next.index, planned: next.planned, taken: now, label: UInt16(mix.choice(next.index)), outcome: .connectionLost))
        }
        connections[place].opening = nil
        reopen(at: now)
    }

    func reopen(at time: Int64) {
        guard !isOver, time + Self.reopeningDelay < end else { return }
        reopenings.append(PlannedItem(index: nextIndex, planned: time + Self.reopeningDelay))
        nextIndex += settings.threads
    }
}
