import CLinux
import DequeModule
import Glibc
import LabCore

/// Requests and their answers.
extension LoadThread {
    /// Writes an item's request.
    ///
    /// - Returns: whether all of it was written at once.
    func send(_ item: PlannedItem, taken: Int64, on place: Int) -> Bool {
        let choice = mix.choice(item.index)
        output.removeAll(keepingCapacity: true)
        mix.requests[choice].write(item.index, &output)
        let descriptor = connections[place].descriptor
        connections[place].row = LoadRow(index: item.index, planned: item.planned, taken: taken, label: UInt16(choice))
        connections[place].reader.begin(isHeadOnly: mix.requests[choice].isHeadOnly)
        connections[place].state = .busy
        inFlight += 1
        totals.mostInFlight = max(totals.mostInFlight, inFlight)
        let count = unsafe output.withUnsafeBytes { unsafe Glibc.send(descriptor, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL)) }
        if count == output.count {
            connections[place].row.written = now
            totals.sent += 1
            return true
        }
        if count < 0, errno != EAGAIN, errno != EINTR {
            // The target had ended this connection meanwhile and has nothing of the request: it goes to another one.
            if isHoldingConnections {
                fail(place, .connectionLost)
                return false
            }
            lose(place)
            waiting.prepend((item, taken))
            if let other = popIdle() { serveNext(other) } else { openForWaiting() }
            return false
        }
        connections[place].unwritten = Array(output[max(0, count)...])
        unfinishedWrites += 1
        _ = clinux_epoll_modify(epoll, descriptor, UInt32(CLINUX_READABLE | CLINUX_WRITABLE), token(place))
        return false
    }

    func writeRest(_ place: Int) {
        let descriptor = connections[place].descriptor
        let count = unsafe connections[place].unwritten.withUnsafeBytes {
            unsafe Glibc.send(descriptor, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL))
        }
        if count < 0 {
            if errno != EAGAIN, errno != EINTR { fail(place, .connectionLost) }
            return
        }
        connections[place].unwritten.removeFirst(count)
        guard connections[place].unwritten.isEmpty else { return }
        unfinishedWrites -= 1
        connections[place].row.written = now
        totals.sent += 1
        _ = clinux_epoll_modify(epoll, descriptor, UInt32(CLINUX_READABLE), token(place))
    }

    // MARK: Answers

    func receive(_ place: Int) {
        let descriptor = connections[place].descriptor
        var stamp: Int64 = 0
        let count = unsafe input.withUnsafeMutableBytes { unsafe Int(clinux_receive_stamped(descriptor, $0.baseAddress, $0.count, &stamp)) }
        if count < 0, errno == EAGAIN || errno == EINTR { return }
        guard connections[place].state == .busy else {
            // Closed by the other side, or something that nobody asked for.
            lose(place)
            if isHoldingConnections { lostHeld(place, nil) }
            return
        }
        do throws(HTTPAnswerError) {
            if count <= 0 {
                try connections[place].reader.end()
                return answered(place, isReusable: false)
            }
            let row = connections[place].row
            let time = arrivals.moment(stamp, noEarlierThan: max(row.taken, row.written, row.firstByte), norLaterThan: now)
            if row.firstByte < 0 { connections[place].row.firstByte = time }
            let taken = try connections[place].reader.read(input.span.extracting(0..<count))
            guard connections[place].reader.isComplete else { return }
            connections[place].row.answered = time
            answered(place, isReusable: taken == count && connections[place].reader.keepsAlive && connections[place].unwritten.isEmpty)
        } catch { fail(place, .connectionLost) }
    }

    var isHoldingConnections: Bool { if case .heldConnections = settings.shape { true } else { false } }

    func answered(_ place: Int, isReusable: Bool) {
        var row = connections[place].row
        if row.answered < 0 { row.answered = now }
        // An answer can come before the end of the request, such as a refusal of a large body.
        if row.written < 0 {
            row.written = row.answered
            totals.sent += 1
        }
        row.status = UInt16(clamping: connections[place].reader.status)
        largestBody = max(largestBody, connections[place].reader.bodyBytes)
        row.outcome = connections[place].reader.status >= settings.refusedFrom ? .refused : .answered
        if row.outcome == .refused { totals.refused += 1 } else { totals.answered += 1 }
        note(row)
        if isReusable {
            inFlight -= 1
            connections[place].state = .idle
        } else {
            close(place)
        }
        follow(place)
    }

    /// The item of this connection ends without an answer, and the connection with it.
    func fail(_ place: Int, _ outcome: LoadRow.Outcome) {
        var row = connections[place].row
        row.outcome = outcome
        if outcome == .unanswered { totals.unanswered += 1 } else { totals.connectionLost += 1 }
        note(row)
        lose(place, isAborted: true)
        follow(place)
    }

    private func lose(_ place: Int, isAborted: Bool = false) {
        totals.connectionsLost += 1
        close(place, isAborted: isAborted)
    }

    /// What comes after an item, on a connection that is idle or closed now.
    private func follow(_ place: Int) {
        let isIdle = connections[place].state == .idle
        switch settings.shape {
        case .arrivals:
            if isIdle { serveNext(place) } else { openForWaiting() }
        case .heldRequests:
            let time = now
            guard time < end, !isOver else { return }
            let item = PlannedItem(index: nextIndex, planned: time)
            nextIndex += settings.threads
            totals.planned += 1
            meter.took(lag: 0)
            if isIdle, waiting.isEmpty {
                _ = send(item, taken: time, on: place)
            } else {
                waiting.append((item, time))
                if isIdle { serveNext(place) } else { openForWaiting() }
            }
        case .heldConnections:
            guard isIdle else { return lostHeld(place, nil) }
            if let next = connections[place].next {
                connections[place].next = nil
                _ = send(next, taken: now, on: place)
            }
        }
    }
}
