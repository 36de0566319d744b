import DequeModule
import LabCore

/// What is overdue, the rows for the log, and the end.
extension LoadThread {
    /// Gives up what is overdue. All items have the same timeout, so a twentieth of it is close enough.
    func sweep(_ time: Int64) {
        nextSweep = time + min(max(timeout / 20, 1_000_000), Self.deliveryInterval)
        switch ending() {
        case .asPlanned: break
        case .draining: drain(from: time)
        case .stopped: isOver = true
        }
        while let first = waiting.first, first.item.planned + timeout <= time {
            waiting.removeFirst()
            totals.unanswered += 1
            note(
                LoadRow(
                    index: first.item.index, planned: first.item.planned, taken: first.taken, label: UInt16(mix.choice(first.item.index))))
        }
        for place in connections.indices {
            switch connections[place].state {
            case .busy where connections[place].row.planned + timeout <= time: fail(place, .unanswered)
            case .connecting where connections[place].row.planned + timeout <= time:
                close(place, isAborted: true)
                if isHoldingConnections { lostHeld(place, .unanswered) } else { openForWaiting() }
            default: break
            }
        }
        progress.update(totals, inFlight: inFlight, waiting: waiting.count, open: open)
    }

    func note(_ row: LoadRow) { rows.append(row) }

    func deliverRows(_ time: Int64) {
        guard !rows.isEmpty, rows.count >= settings.batch || time - lastDelivery >= Self.deliveryInterval else { return }
        lastDelivery = time
        deliver(rows)
        rows.removeAll(keepingCapacity: true)
    }

    /// What is left has no answer; what was planned and not even taken was not sent.
    func finish() {
        isOver = true
        while let (item, taken) = waiting.popFirst() {
            totals.unanswered += 1
            note(LoadRow(index: item.index, planned: item.planned, taken: taken, label: UInt16(mix.choice(item.index))))
        }
        for place in connections.indices {
            switch connections[place].state {
            case .closed: continue
            case .busy:
                var row = connections[place].row
                row.outcome = .unanswered
                totals.unanswered += 1
                note(row)
                close(place, isAborted: true)
            case .connecting, .idle: close(place)
            }
        }
        leaveRest()
        if !rows.isEmpty { deliver(rows) }
        rows = []
        progress.update(totals, inFlight: 0, waiting: 0, open: 0)
    }

    /// What is planned and was not begun is not sent. Only a load that is ended comes here with any, and that is no lateness of the lab's.
    func leaveRest() {
        guard case .arrivals = settings.shape else { return }
        while let next = source.next {
            totals.planned += 1
            totals.unsent += 1
            note(LoadRow(index: next.index, planned: next.planned, label: UInt16(mix.choice(next.index)), outcome: .unsent))
            source.advance()
            if rows.count >= settings.batch {
                deliver(rows)
                rows.removeAll(keepingCapacity: true)
            }
        }
    }
}
