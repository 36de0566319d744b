import CLinux
import DequeModule
import Glibc
import LabCore
import Synchronization

/// One thread of a generator: takes items when they are due, writes them, and notes what comes.
///
/// Everything here happens on that thread; `isStopped` is the only thing that others touch.
final class LoadThread {
    let settings: LoadSettings
    private let address: TargetAddress
    private let mix: RequestMix
    /// On the monotonic clock.
    private let origin: Int64
    private let isStopped: @Sendable () -> Bool
    private let deliver: @Sendable ([LoadRow]) -> Void
    private let progress: LoadProgress

    private var source: ItemSource
    private(set) var meter = HarnessMeter()
    private(set) var totals = LoadTotals()

    private let epoll: Int32
    private var connections: [Connection] = []
    /// Places in `connections` that are closed.
    private var vacant: [Int] = []
    /// With what life they became idle, the longest idle first.
    private var idle = Deque<(place: Int, life: UInt32)>()
    private var waiting = Deque<(item: PlannedItem, taken: Int64)>()
    /// Held connections: when each sends its next request. All have the same interval, so the order never changes.
    private var keepAlives = Deque<(place: Int, item: PlannedItem)>()
    /// Held connections that were lost, and when they are opened again.
    private var reopenings = Deque<PlannedItem>()
    private var open = 0
    private var connecting = 0
    private var inFlight = 0
    private var rows: [LoadRow] = []
    private var lastDelivery: Int64 = 0
    private var nextSweep: Int64 = 0
    private var isOver = false
    /// Held shapes: nothing new is planned from here on.
    private let end: Int64
    private let most: Int
    private let timeout: Int64
    private let connectLabel: UInt16
    private var nextIndex: Int
    private var input = [UInt8](repeating: 0, count: 65_536)
    private var output: [UInt8] = []

    private static let batch = 256
    private static let deliveryInterval: Int64 = 50_000_000
    private static let reopeningDelay: Int64 = 100_000_000

    /// - Parameter epoll: becomes its own.
    init(
        _ settings: LoadSettings, _ address: TargetAddress, epoll: Int32, thread: Int, origin: Int64, progress: LoadProgress,
        isStopped: @escaping @Sendable () -> Bool,
        deliver: @escaping @Sendable ([LoadRow]) -> Void
    ) {
        self.settings = settings
        self.address = address
        self.epoll = epoll
        self.origin = origin
        self.progress = progress
        self.isStopped = isStopped
        self.deliver = deliver
        mix = RequestMix(settings.requests, seed: settings.seed)
        source = ItemSource(settings.shape, thread: thread, of: settings.threads)
        timeout = settings.timeout.nanoseconds
        connectLabel = UInt16(settings.requests.count)
        let share = { (count: Int) in (count + settings.threads - 1 - thread) / settings.threads }
        switch settings.shape {
        case .arrivals(let plan):
            end = plan.duration.nanoseconds
            most = max(1, share(settings.connections))
            nextIndex = 0
        case .heldRequests(let held), .heldConnections(let held, _):
            end = held.duration.nanoseconds
            most = share(held.count)
            // Further items are numbered behind the planned ones, each thread in its own steps.
            nextIndex = held.count + thread
        }
        if case .arrivals = settings.shape { openFirst(share(settings.opened)) }
    }

    deinit { Glibc.close(epoll) }

    private var now: Int64 { MachineClock.monotonic - origin }

    // MARK: The loop

    func run() {
        clinux_precise_timers()
        let (startCPU, start) = (MachineClock.threadCPU, now)
        var ready = [clinux_ready](repeating: clinux_ready(), count: Self.batch)
        while true {
            takeDue()
            var time = now
            if time >= nextSweep { sweep(time) }
            deliverRows(time)
            if isFinished(time) { break }
            let deadline = nextDeadline
            time = now
            let wait = max(0, min(deadline, nextSweep) - time)
            let count = unsafe ready.withUnsafeMutableBufferPointer {
                unsafe clinux_epoll_wait(epoll, $0.baseAddress, Int32(Self.batch), wait)
            }
            time = now
            if count <= 0 {
                if wait > 0, deadline <= nextSweep, time >= deadline { meter.woke(late: time - deadline) }
                continue
            }
            for index in 0..<Int(count) { handle(ready[index]) }
        }
        finish()
        totals.cpu = MachineClock.threadCPU - startCPU
        meter.worked(cpu: totals.cpu, of: now - start)
    }

    private var nextDeadline: Int64 {
        var deadline = source.next?.planned ?? .max
        if let next = keepAlives.first { deadline = min(deadline, next.item.planned) }
        if let next = reopenings.first { deadline = min(deadline, next.planned) }
        return deadline
    }

    /// Nothing more is planned, and nothing is waited for any more.
    private func isFinished(_ time: Int64) -> Bool {
        if isOver { return true }
        switch settings.shape {
        case .arrivals, .heldRequests:
            guard source.next == nil, case let isHeld = isHolding, !isHeld || time >= end else { return false }
            return (waiting.isEmpty && inFlight == 0) || time >= end + settings.drain.nanoseconds
        case .heldConnections:
            return time >= end && (inFlight == 0 || time >= end + settings.drain.nanoseconds)
        }
    }

    private var isHolding: Bool { if case .arrivals = settings.shape { false } else { true } }

    private func takeDue() {
        while let next = source.next, next.planned <= now {
            source.advance()
            take(next)
        }
        while let next = keepAlives.first, next.item.planned <= now {
            keepAlives.removeFirst()
            keepAlive(next.place, next.item)
        }
        while let next = reopenings.first, next.planned <= now {
            reopenings.removeFirst()
            if isHoldingConnections { openHeld(next) } else { take(next) }
        }
    }

    /// An item is due.
    private func take(_ item: PlannedItem) {
        if case .heldConnections = settings.shape { return openHeld(item) }
        let taken = now
        totals.planned += 1
        if waiting.isEmpty, let place = popIdle() {
            if send(item, taken: taken, on: place) {
                meter.took(lag: connections[place].row.written - item.planned)
            } else {
                meter.took(lag: taken - item.planned)
            }
            return
        }
        guard waiting.count < settings.waiting + (open < most ? most - open : 0) else {
            meter.dropped()
            totals.unsent += 1
            note(LoadRow(index: item.index, planned: item.planned, taken: taken, label: UInt16(mix.choice(item.index)), outcome: .unsent))
            return
        }
        meter.took(lag: taken - item.planned)
        totals.waited += 1
        waiting.append((item, taken))
        totals.mostWaiting = max(totals.mostWaiting, waiting.count)
        openForWaiting()
    }

    private func popIdle() -> Int? {
        while let next = idle.popFirst() {
            if connections[next.place].state == .idle, connections[next.place].life == next.life { return next.place }
        }
        return nil
    }

    private func openForWaiting() {
        while open < most, connecting < waiting.count {
            if openConnection() != nil { continue }
            // Without descriptors or ports the connections that there are must do.
            if errno == ECONNREFUSED || open == 0 { failOldest() } else { return }
        }
    }

    /// No connection can be made: the item that waited longest is told so, and is not tried again.
    private func failOldest() {
        guard let (item, taken) = waiting.popFirst() else { return }
        totals.connectionLost += 1
        note(
            LoadRow(index: item.index, planned: item.planned, taken: taken, label: UInt16(mix.choice(item.index)), outcome: .connectionLost)
        )
        // What is held is tried again, after a moment.
        if case .heldRequests = settings.shape { reopen(at: now) }
    }

    // MARK: Connections

    private func openFirst(_ count: Int) { for _ in 0..<min(count, most) { if openConnection() == nil { return } } }

    private func openConnection() -> Int? {
        let descriptor = address.connect()
        guard descriptor >= 0 else { return nil }
        let place: Int
        if let free = vacant.popLast() {
            place = free
        } else {
            place = connections.count
            connections.append(Connection())
        }
        connections[place].life &+= 1
        guard clinux_epoll_add(epoll, descriptor, UInt32(CLINUX_WRITABLE), token(place)) == 0 else {
            Glibc.close(descriptor)
            vacant.append(place)
            return nil
        }
        connections[place].descriptor = descriptor
        connections[place].state = .connecting
        // Until it has an item: when it was begun.
        connections[place].row = LoadRow(index: 0, planned: now)
        open += 1
        connecting += 1
        return place
    }

    private func token(_ place: Int) -> UInt64 { UInt64(connections[place].life) << 32 | UInt64(place) }

    private func handle(_ event: clinux_ready) {
        let place = Int(event.token & 0xffff_ffff)
        guard connections[place].life == UInt32(event.token >> 32) else { return }
        switch connections[place].state {
        case .closed: return
        case .connecting: connected(place)
        case .idle: receive(place)
        case .busy:
            if !connections[place].unwritten.isEmpty, event.events & UInt32(CLINUX_WRITABLE) != 0 { writeRest(place) }
            if connections[place].state == .busy, event.events & ~UInt32(CLINUX_WRITABLE) != 0 { receive(place) }
        }
    }

    private func connected(_ place: Int) {
        let descriptor = connections[place].descriptor
        connecting -= 1
        guard Sockets.error(of: descriptor) == 0, clinux_epoll_modify(epoll, descriptor, UInt32(CLINUX_READABLE), token(place)) == 0 else {
            // Not counted as connecting any more.
            connections[place].state = .idle
            close(place)
            if case .heldConnections = settings.shape { return lostHeld(place, .connectionLost) }
            failOldest()
            return openForWaiting()
        }
        totals.connectionsOpened += 1
        connections[place].state = .idle
        if case .heldConnections(_, let interval) = settings.shape { return heldIsOpen(place, interval) }
        serveNext(place)
    }

    /// The connection is free: whoever waits longest has it.
    private func serveNext(_ place: Int) {
        if let (item, taken) = waiting.popFirst() {
            _ = send(item, taken: taken, on: place)
        } else {
            idle.append((place, connections[place].life))
        }
    }

    /// - Parameter isAborted: the other side may still write to it.
    private func close(_ place: Int, isAborted: Bool = false) {
        let descriptor = connections[place].descriptor
        switch connections[place].state {
        case .closed: return
        case .connecting: connecting -= 1
        case .idle: break
        case .busy: inFlight -= 1
        }
        // Of many connections each would hold its port for a minute.
        if isAborted || most > 256 { Sockets.abort(descriptor) } else { Glibc.close(descriptor) }
        open -= 1
        connections[place].state = .closed
        connections[place].descriptor = -1
        connections[place].unwritten.removeAll()
        vacant.append(place)
    }

    // MARK: Requests

    /// Writes an item's request.
    ///
    /// - Returns: whether all of it was written at once.
    private func send(_ item: PlannedItem, taken: Int64, on place: Int) -> Bool {
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
        _ = clinux_epoll_modify(epoll, descriptor, UInt32(CLINUX_READABLE | CLINUX_WRITABLE), token(place))
        return false
    }

    private func writeRest(_ place: Int) {
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
        connections[place].row.written = now
        totals.sent += 1
        _ = clinux_epoll_modify(epoll, descriptor, UInt32(CLINUX_READABLE), token(place))
    }

    // MARK: Answers

    private func receive(_ place: Int) {
        let descriptor = connections[place].descriptor
        let count = unsafe input.withUnsafeMutableBytes { unsafe recv(descriptor, $0.baseAddress, $0.count, 0) }
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
            let time = now
            if connections[place].row.firstByte < 0 { connections[place].row.firstByte = time }
            let taken = try connections[place].reader.read(input.span.extracting(0..<count))
            guard connections[place].reader.isComplete else { return }
            connections[place].row.answered = time
            answered(place, isReusable: taken == count && connections[place].reader.keepsAlive && connections[place].unwritten.isEmpty)
        } catch { fail(place, .connectionLost) }
    }

    private var isHoldingConnections: Bool { if case .heldConnections = settings.shape { true } else { false } }

    private func answered(_ place: Int, isReusable: Bool) {
        var row = connections[place].row
        if row.answered < 0 { row.answered = now }
        // An answer can come before the end of the request, such as a refusal of a large body.
        if row.written < 0 {
            row.written = row.answered
            totals.sent += 1
        }
        row.status = UInt16(clamping: connections[place].reader.status)
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
    private func fail(_ place: Int, _ outcome: LoadRow.Outcome) {
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

    // MARK: Held connections

    private func openHeld(_ item: PlannedItem) {
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

    private func heldIsOpen(_ place: Int, _ interval: Duration?) {
        var row = connections[place].row
        row.answered = now
        row.outcome = .answered
        totals.answered += 1
        note(row)
        if let interval { plan(place, at: row.planned + interval.nanoseconds) }
    }

    private func plan(_ place: Int, at planned: Int64) {
        guard planned < end else { return }
        keepAlives.append((place, PlannedItem(index: nextIndex, planned: planned)))
        nextIndex += settings.threads
    }

    private func keepAlive(_ place: Int, _ item: PlannedItem) {
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
    private func lostHeld(_ place: Int, _ outcome: LoadRow.Outcome?) {
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

    private func reopen(at time: Int64) {
        guard !isOver, time + Self.reopeningDelay < end else { return }
        reopenings.append(PlannedItem(index: nextIndex, planned: time + Self.reopeningDelay))
        nextIndex += settings.threads
    }

    // MARK: Time and rows

    /// Gives up what is overdue. All items have the same timeout, so a twentieth of it is close enough.
    private func sweep(_ time: Int64) {
        nextSweep = time + min(max(timeout / 20, 1_000_000), Self.deliveryInterval)
        if isStopped() { isOver = true }
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

    private func note(_ row: LoadRow) { rows.append(row) }

    private func deliverRows(_ time: Int64) {
        guard !rows.isEmpty, rows.count >= settings.batch || time - lastDelivery >= Self.deliveryInterval else { return }
        lastDelivery = time
        deliver(rows)
        rows.removeAll(keepingCapacity: true)
    }

    /// What is left has no answer; what was planned and not even taken was not sent.
    private func finish() {
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
        if case .arrivals = settings.shape {
            while let next = source.next {
                totals.planned += 1
                totals.unsent += 1
                // Only a stopped load comes here, and that is no lateness of the lab's.
                note(LoadRow(index: next.index, planned: next.planned, label: UInt16(mix.choice(next.index)), outcome: .unsent))
                source.advance()
                if rows.count >= settings.batch {
                    deliver(rows)
                    rows.removeAll(keepingCapacity: true)
                }
            }
        }
        if !rows.isEmpty { deliver(rows) }
        rows = []
        progress.update(totals, inFlight: 0, waiting: 0, open: 0)
    }
}
