import CLinux
import DequeModule
import Glibc
import LabCore
import Synchronization

/// One thread of a generator: takes items when they are due, writes them, and notes what comes.
///
/// Everything here happens on that thread, which has descriptors of its own; `ending` is the only thing that others touch. Here are its state, its loop and the taking of
/// items; its extensions beside this file have the rest, for which the state is not private.
final class LoadThread {
    let settings: LoadSettings
    let address: TargetAddress
    let mix: RequestMix
    /// On the monotonic clock.
    private let origin: Int64
    let ending: @Sendable () -> LoadEnding
    let deliver: @Sendable ([LoadRow]) -> Void
    let progress: LoadProgress

    var source: ItemSource
    var meter = HarnessMeter()
    var totals = LoadTotals()

    let epoll: Int32
    var connections: [Connection] = []
    /// Places in `connections` that are closed.
    var vacant: [Int] = []
    /// With what life they became idle, the longest idle first.
    var idle = Deque<(place: Int, life: UInt32)>()
    var waiting = Deque<(item: PlannedItem, taken: Int64)>()
    /// Held connections: when each sends its next request. All have the same interval, so the order never changes.
    var keepAlives = Deque<(place: Int, item: PlannedItem)>()
    /// Held connections that were lost, and when they are opened again.
    var reopenings = Deque<PlannedItem>()
    var open = 0
    var connecting = 0
    var inFlight = 0
    /// Requests that the socket has not taken whole.
    var unfinishedWrites = 0
    var rows: [LoadRow] = []
    var lastDelivery: Int64 = 0
    var nextSweep: Int64 = 0
    var isOver = false
    /// Held shapes: nothing new is planned from here on.
    private(set) var end: Int64
    var isDraining = false
    let most: Int
    let timeout: Int64
    /// Turns begin so far apart at least, ns, where more items are planned than it is worth to wake for each.
    private let gathering: Int64
    private var lastTurn: Int64 = 0
    var arrivals = ArrivalClock()
    /// Bytes of the largest body so far.
    var largestBody = 0
    let connectLabel: UInt16
    var nextIndex: Int
    var input = [UInt8](repeating: 0, count: 65_536)
    var output: [UInt8] = []

    static let batch = 256
    static let deliveryInterval: Int64 = 50_000_000
    static let reopeningDelay: Int64 = 100_000_000
    /// Items a second of one thread beyond which those that are due within `gatheringTime` of one another share a turn.
    private static let gatheredRate = 8_000.0
    private static let gatheringTime: Int64 = 200_000
    /// Larger bodies are read as they come: they would fill the socket's buffer and keep the target waiting.
    private static let smallBody = 32_768
    /// So many answers show how large they are.
    private static let samples = 16

    /// - Parameter epoll: becomes its own.
    init(
        _ settings: LoadSettings, _ address: TargetAddress, epoll: Int32, thread: Int, origin: Int64, progress: LoadProgress,
        ending: @escaping @Sendable () -> LoadEnding,
        deliver: @escaping @Sendable ([LoadRow]) -> Void
    ) {
        self.settings = settings
        self.address = address
        self.epoll = epoll
        self.origin = origin
        self.progress = progress
        self.ending = ending
        self.deliver = deliver
        mix = RequestMix(settings.requests, seed: settings.seed)
        source = ItemSource(settings.shape, thread: thread, of: settings.threads)
        timeout = settings.timeout.nanoseconds
        connectLabel = UInt16(settings.requests.count)
        let share = { (count: Int) in (count + settings.threads - 1 - thread) / settings.threads }
        let peak = if case .arrivals(let plan) = settings.shape { (plan.rates.max() ?? 0) / Double(settings.threads) } else { 0.0 }
        gathering = peak > Self.gatheredRate ? Self.gatheringTime : 0
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

    var now: Int64 { MachineClock.monotonic - origin }

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
            let readsLater = mayReadLater
            let moment = readsLater ? max(deadline, lastTurn + gathering) : deadline
            let wait = max(0, min(moment, nextSweep) - now)
            var count = readsLater ? collect(&ready, at: min(moment, nextSweep)) : collect(&ready, within: wait)
            time = now
            lastTurn = time
            if readsLater || count <= 0, wait > 0, moment <= nextSweep, time >= moment { meter.woke(late: time - moment) }
            while count > 0 {
                arrivals.compare(wall: MachineClock.wall, with: now)
                for index in 0..<count { handle(ready[index]) }
                // All that has come is taken before what is overdue is given up.
                count = count == Self.batch ? collect(&ready, within: 0) : 0
            }
        }
        finish()
        totals.cpu = MachineClock.threadCPU - startCPU
        meter.worked(cpu: totals.cpu, of: now - start)
    }

    /// Answers have the time of their arrival from the system, so nothing is lost when they are read together with the next item: it costs
    /// one wake for each item in place of two. Only where nobody waits for a connection that an answer would set free.
    private var mayReadLater: Bool {
        guard case .arrivals = settings.shape, arrivals.isKnown else { return false }
        return source.next != nil && waiting.isEmpty && connecting == 0 && unfinishedWrites == 0 && largestBody <= Self.smallBody
            && totals.answered + totals.refused >= Self.samples
    }

    /// What has come by a moment of the load, which is waited for whatever comes.
    private func collect(_ ready: inout [clinux_ready], at moment: Int64) -> Int {
        // The plan is kept against the machine's clock, on a thread of its own that no run in virtual time has; to an absolute moment, so that
        // nothing adds up.
        clinux_wait_until(origin + moment)
        return collect(&ready, within: 0)
    }

    /// What comes first, waited for so long at most, ns.
    private func collect(_ ready: inout [clinux_ready], within wait: Int64) -> Int {
        unsafe ready.withUnsafeMutableBufferPointer { Int(unsafe clinux_epoll_wait(epoll, $0.baseAddress, Int32(Self.batch), wait)) }
    }

    private var nextDeadline: Int64 {
        var deadline = source.next?.planned ?? .max
        if let next = keepAlives.first { deadline = min(deadline, next.item.planned) }
        if let next = reopenings.first { deadline = min(deadline, next.planned) }
        return deadline
    }

    /// Nothing more is begun.
    func drain(from time: Int64) {
        guard !isDraining else { return }
        isDraining = true
        end = min(end, time)
        leaveRest()
        keepAlives.removeAll()
        reopenings.removeAll()
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

    func popIdle() -> Int? {
        while let next = idle.popFirst() {
            if connections[next.place].state == .idle, connections[next.place].life == next.life { return next.place }
        }
        return nil
    }

    func openForWaiting() {
        while open < most, connecting < waiting.count {
            if openConnection() != nil { continue }
            // Without descriptors or ports the connections that there are must do.
            if errno == EMFILE || errno == ENFILE { meter.refusedDescriptor() }
            if errno == ECONNREFUSED || open == 0 { failOldest() } else { return }
        }
    }

    /// No connection can be made: the item that waited longest is told so, and is not tried again.
    func failOldest() {
        guard let (item, taken) = waiting.popFirst() else { return }
        totals.connectionLost += 1
        note(
            LoadRow(index: item.index, planned: item.planned, taken: taken, label: UInt16(mix.choice(item.index)), outcome: .connectionLost)
        )
        // What is held is tried again, after a moment.
        if case .heldRequests = settings.shape { reopen(at: now) }
    }
}
