import LabCore

/// The state behind `Kernel` that is pure bookkeeping: what is due next, and what was cancelled.
struct KernelCore {
    var now: Int64 = 0
    private var sequence: UInt64 = 0
    private var heap = DeadlineHeap()
    /// What was scheduled for the current moment, in order. Needs no place in the heap.
    private var ready = ReadyQueue()
    private var slab = PayloadSlab()
    private var timers = TimerTable()
    /// The first timer of each participant.
    private var timerLists: [UInt32] = []
    /// Entries in the heap whose item is gone.
    private var staleCount = 0

    enum Due {
        case timer(UInt32, TimerName)
        case payload(Payload)
    }

    // MARK: Payloads

    mutating func schedule(_ payload: Payload, at deadline: Int64, cause: UInt32) -> ScheduledItem {
        let item = slab.insert(payload)
        enqueue(item, at: deadline, cause: cause)
        return item
    }

    /// Puts an item that has its slot already into the order.
    mutating func enqueue(_ item: ScheduledItem, at deadline: Int64, cause: UInt32) {
        sequence += 1
        let entry = QueueEntry(
            deadline: max(deadline, now), sequence: sequence, slot: item.slot, generation: item.generation, cause: cause, kind: .payload)
        if entry.deadline == now { ready.append(entry) } else { heap.push(entry) }
    }

    /// A slot without a place in the order: something that waits for another thing than time.
    mutating func park(_ payload: Payload) -> ScheduledItem { slab.insert(payload) }

    func isLive(_ item: ScheduledItem) -> Bool { slab.isLive(item) }

    mutating func update(_ item: ScheduledItem, _ change: (inout Payload) -> Void) { slab.update(item, change) }

    /// Takes an item out before its time.
    ///
    /// - Parameter isQueued: whether it has an entry, which is now stale.
    mutating func remove(_ item: ScheduledItem, isQueued: Bool) -> Payload? {
        guard let payload = slab.take(item) else { return nil }
        if isQueued { noteStale() }
        return payload
    }

    /// The waits that have not ended, in the order of their slots.
    var waiters: [Waiter] {
        // Whether one has an entry is not known here; the whole queue is dropped after this anyway.
        slab.items { if case .waiter = $0 { true } else { false } }.map { Waiter(item: $0, isQueued: false) }
    }

    /// Drops everything that is scheduled; the clock stays.
    mutating func forgetAll() {
        let now = now
        self = KernelCore()
        self.now = now
    }

    // MARK: Timers

    mutating func addTimerList(_ participant: UInt32) {
        if Int(participant) < timerLists.count { timerLists[Int(participant)] = TimerTable.none } else { timerLists.append(TimerTable.none) }
    }

    mutating func startTimer(_ name: TimerName, of participant: UInt32, at deadline: Int64, cause: UInt32) {
        let head = timerLists[Int(participant)]
        let index: UInt32
        if let found = timers.find(name, from: head) {
            index = found
        } else {
            index = timers.make(name, of: participant, before: head)
            timerLists[Int(participant)] = index
        }
        sequence += 1
        var record = timers[index]
        record.deadline = max(deadline, now)
        record.sequence = sequence
        record.cause = cause
        // An entry that comes up earlier moves then. `idle` is after everything: it never fires and needs no entry.
        guard record.deadline < record.queued else {
            timers[index] = record
            return
        }
        let hadEntry = record.queued != TimerTable.idle
        if hadEntry { record.generation &+= 1 }
        record.queued = record.deadline
        heap.push(entry(for: record, at: index))
        timers[index] = record
        if hadEntry { noteStale() }
    }

    mutating func cancelTimer(_ name: TimerName, of participant: UInt32) {
        guard let index = timers.find(name, from: timerLists[Int(participant)]) else { return }
        timers[index].deadline = TimerTable.idle
    }

    func deadline(of name: TimerName, of participant: UInt32) -> Int64? {
        guard let index = timers.find(name, from: timerLists[Int(participant)]) else { return nil }
        let deadline = timers[index].deadline
        return deadline == TimerTable.idle ? nil : deadline
    }

    mutating func cancelTimers(of participant: UInt32) {
        var index = timerLists[Int(participant)]
        while index != TimerTable.none {
            timers[index].deadline = TimerTable.idle
            index = timers[index].next
        }
    }

    mutating func removeTimers(of participant: UInt32) {
        var index = timerLists[Int(participant)]
        timerLists[Int(participant)] = TimerTable.none
        while index != TimerTable.none {
            let next = timers[index].next
            if timers.release(index) { staleCount += 1 }
            index = next
        }
        sweep()
    }

    private func entry(for record: TimerTable.Record, at index: UInt32) -> QueueEntry {
        QueueEntry(
            deadline: record.deadline, sequence: record.sequence, slot: index, generation: record.generation, cause: record.cause,
            kind: .timer)
    }

    // MARK: What comes next

    /// The moment of the earliest thing that will really happen; `nil` if nothing will.
    mutating func nextDeadline() -> Int64? {
        if !ready.isEmpty { return now }
        settleFirst()
        guard let deadline = heap.first?.deadline, deadline != .max else { return nil }
        return deadline
    }

    /// Takes the earliest thing that is due at `now`, with its cause.
    mutating func takeDue() -> (due: Due, cause: UInt32)? {
        while true {
            settleFirst()
            if let top = heap.first, top.deadline <= now, ready.first.map({ QueueEntry.precedes(top, $0) }) ?? true {
                let entry = heap.removeFirst()
                if let due = take(entry) { return (due, entry.cause) }
                continue
            }
            guard let entry = ready.popFirst() else { return nil }
            if let due = take(entry) { return (due, entry.cause) }
            // It was cancelled after it came into the ready queue, which `remove` counted.
            staleCount -= 1
        }
    }

    private mutating func take(_ entry: QueueEntry) -> Due? {
        switch entry.kind {
        case .payload:
            return slab.take(ScheduledItem(slot: entry.slot, generation: entry.generation)).map { .payload($0) }
        case .timer:
            let record = timers[entry.slot]
            timers[entry.slot].deadline = TimerTable.idle
            timers[entry.slot].queued = TimerTable.idle
            return .timer(record.participant, record.name)
        }
    }

    /// Drops or moves entries at the top until the first one is something that will happen then.
    private mutating func settleFirst() {
        while let top = heap.first {
            switch top.kind {
            case .payload:
                if slab.isLive(ScheduledItem(slot: top.slot, generation: top.generation)) { return }
                _ = heap.removeFirst()
                staleCount -= 1
            case .timer:
                let record = timers[top.slot]
                if record.generation != top.generation {
                    _ = heap.removeFirst()
                    staleCount -= 1
                } else if record.deadline == TimerTable.idle {
                    _ = heap.removeFirst()
                    timers[top.slot].queued = TimerTable.idle
                } else if record.sequence != top.sequence {
                    timers[top.slot].queued = record.deadline
                    heap.replaceFirst(with: entry(for: record, at: top.slot))
                } else {
                    return
                }
            }
        }
    }

    private mutating func noteStale() {
        staleCount += 1
        sweep()
    }

    /// Throws stale entries away once they are more than half of the heap, so that cancelling costs no memory.
    private mutating func sweep() {
        guard staleCount > 64, staleCount > heap.count / 2 else { return }
        let before = heap.count
        heap.keep { [slab, timers] entry in
            switch entry.kind {
            case .payload: slab.isLive(ScheduledItem(slot: entry.slot, generation: entry.generation))
            case .timer: timers[entry.slot].generation == entry.generation
            }
        }
        staleCount -= before - heap.count
    }

    /// Entries in the heap and in the ready queue, the cancelled ones included.
    var entryCount: Int { heap.count + ready.count }
}

/// First in, first out.
struct ReadyQueue {
    private var entries: [QueueEntry] = []
    private var head = 0

    var isEmpty: Bool { head == entries.count }
    var count: Int { entries.count - head }
    var first: QueueEntry? { isEmpty ? nil : entries[head] }

    mutating func append(_ entry: QueueEntry) { entries.append(entry) }

    mutating func popFirst() -> QueueEntry? {
        guard let entry = first else { return nil }
        head += 1
        // Room is given back when the queue is empty, and from time to time where it never is.
        if head == entries.count || (head >= 1_024 && head * 2 >= entries.count) {
            entries.removeFirst(head)
            head = 0
        }
        return entry
    }
}
