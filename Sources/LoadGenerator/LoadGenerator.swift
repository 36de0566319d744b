import CLinux
import Foundation
import Glibc
import LabCore
import Synchronization

/// Sends a load by a plan over HTTP/1.1, on threads of its own: an open model, in which an item's clock runs from its planned moment
/// whatever happens to the items before it.
///
/// Each thread has a table of descriptors of its own (close_range(2)), so that as many connections are open at once as one process may have,
/// also where the target is served by this one: 10,000 requests under way are 10,000 descriptors here and 10,000 there.
///
/// ```swift
/// let load = try LoadGenerator(settings) { rows in histogram.add(rows) }
/// load.start()
/// let outcome = load.wait()
/// ```
package final class LoadGenerator: Sendable {
    /// Names of requests by `LoadRow.label`; the last one is `connect`.
    package let labels: [String]
    package let progress: LoadProgress
    private let settings: LoadSettings
    private let address: TargetAddress
    private let rows: @Sendable ([LoadRow]) -> Void
    private let processes: [Int32]
    private let ending = Atomic<UInt8>(LoadEnding.asPlanned.rawValue)
    private let courier = RowCourier()
    private let state = Mutex(State())
    private let ended = DispatchSemaphore(value: 0)

    private struct State {
        var hasBegun = false
        var origin: Int64 = 0
        var running = 0
        var watch: MachineWatch?
        var totals = LoadTotals()
        var meter = HarnessMeter()
        var outcome: LoadOutcome?
    }

    /// - Parameters:
    ///   - processes: of the system under test, whose processor time is counted and is no neighbour's.
    ///   - rows: called on a thread of its own with rows in the order in which items came to their end, those of several threads in turns.
    /// - Throws: `.unusable` for settings that cannot be, `.notFound` for a host that is not there.
    package init(_ settings: LoadSettings, processes: [Int32] = [], rows: @escaping @Sendable ([LoadRow]) -> Void) throws(LoadFailure) {
        try settings.check()
        clinux_raise_descriptor_limit()
        self.settings = settings
        self.processes = processes
        self.rows = rows
        address = try TargetAddress(host: settings.host, port: settings.port)
        labels = settings.requests.map(\.request.label) + ["connect"]
        progress = LoadProgress(threads: settings.threads)
    }

    /// What lies between `start` and the origin where none is given: time to open connections.
    private static let lead: Int64 = 20_000_000

    /// Begins; may be called once.
    ///
    /// - Parameter origin: where the plan's 0 lies, ns of the monotonic clock; a moment from now where it is `nil`.
    /// - Returns: the origin.
    /// - Throws: `.exhausted` where the system gives no descriptors.
    @discardableResult
    package func start(at origin: Int64? = nil) throws(LoadFailure) -> Int64 {
        let origin = origin ?? MachineClock.monotonic + Self.lead
        precondition(
            state.withLock { state in
                defer { state.hasBegun = true }
                return !state.hasBegun
            }, "a load begins once")
        let watch = MachineWatch(processes: processes)
        watch.start()
        state.withLock { state in
            state.origin = origin
            state.running = settings.threads
            state.watch = watch
        }
        startCourier()
        let hasAll = (0..<settings.threads).map { startThread($0, origin: origin) }.allSatisfy(\.self)
        guard hasAll else {
            stop()
            _ = wait()
            throw LoadFailure(.exhausted, "the system gives no more descriptors", remedy: "raise the limit with `ulimit -n`")
        }
        return origin
    }

    /// Rows go to whoever wants them from a thread that has the descriptors of the process.
    private func startCourier() {
        let thread = Thread { [self] in
            let start = MachineClock.threadCPU
            while let next = courier.next() { for batch in next { rows(batch) } }
            conclude(cpu: MachineClock.threadCPU - start)
        }
        thread.start()
    }

    /// - Returns: whether it has what it needs.
    private func startThread(_ number: Int, origin: Int64) -> Bool {
        let answer = DispatchSemaphore(value: 0)
        let hasQueue = Atomic(false)
        let thread = Thread { [self] in
            clinux_own_descriptors()
            let queue = clinux_epoll_create()
            hasQueue.store(queue >= 0, ordering: .relaxed)
            answer.signal()
            guard queue >= 0 else { return end(LoadTotals(), HarnessMeter()) }
            let worker = LoadThread(
                settings, address, epoll: queue, thread: number, origin: origin, progress: progress.part(number),
                ending: { [self] in LoadEnding(rawValue: ending.load(ordering: .relaxed)) ?? .stopped }, deliver: { [courier] in courier.take($0) })
            worker.run()
            end(worker.totals, worker.meter)
        }
        thread.stackSize = 4 << 20
        thread.start()
        answer.wait()
        return hasQueue.load(ordering: .relaxed)
    }

    /// Nothing more is sent; what is under way is waited for until its timeout.
    package func finish() { ending.max(LoadEnding.draining.rawValue, ordering: .relaxed) }

    /// Nothing more is sent, and what is under way is not waited for.
    package func stop() { ending.max(LoadEnding.stopped.rawValue, ordering: .relaxed) }

    /// Waits for the end: the last answer, or the end of the time for draining.
    package func wait() -> LoadOutcome {
        ended.wait()
        // For whoever else waits.
        ended.signal()
        return state.withLock { $0.outcome }
            ?? LoadOutcome(totals: LoadTotals(), harness: HarnessMeter().report(MachineWatch.Figures()), targetCPU: nil, duration: 0)
    }

    /// One thread has come to its end.
    private func end(_ totals: LoadTotals, _ meter: HarnessMeter) {
        let isLast = state.withLock { state in
            state.totals.add(totals)
            state.meter.add(meter)
            state.running -= 1
            return state.running == 0
        }
        if isLast { courier.end() }
    }

    /// All rows are where they belong.
    ///
    /// - Parameter cpu: what carrying them there took, ns.
    private func conclude(cpu: Int64) {
        state.withLock { state in
            state.totals.cpu += cpu
            let figures = state.watch?.stop() ?? MachineWatch.Figures()
            state.outcome = LoadOutcome(
                totals: state.totals, harness: state.meter.report(figures), targetCPU: processes.isEmpty ? nil : figures.named,
                duration: MachineClock.monotonic - state.origin)
        }
        ended.signal()
    }
}

/// How a load ends.
enum LoadEnding: UInt8, Sendable { case asPlanned, draining, stopped }

/// Where a load stands; may be read from any thread, and is some 50 ms old.
package final class LoadProgress: Sendable {
    package struct Figures: Sendable, Equatable {
        package var totals = LoadTotals()
        package var inFlight = 0
        package var waiting = 0
        package var connections = 0
    }

    private let state: Mutex<[Figures]>
    private let parent: LoadProgress?
    private let number: Int

    init(threads: Int) {
        state = Mutex(Array(repeating: Figures(), count: threads))
        parent = nil
        number = 0
    }

    private init(parent: LoadProgress, number: Int) {
        state = Mutex([])
        self.parent = parent
        self.number = number
    }

    func part(_ number: Int) -> LoadProgress { LoadProgress(parent: self, number: number) }

    func update(_ totals: LoadTotals, inFlight: Int, waiting: Int, open: Int) {
        let figures = Figures(totals: totals, inFlight: inFlight, waiting: waiting, connections: open)
        parent?.state.withLock { $0[number] = figures }
    }

    package var figures: Figures {
        state.withLock { parts in
            parts.reduce(into: Figures()) { sum, part in
                sum.totals.add(part.totals)
                sum.inFlight += part.inFlight
                sum.waiting += part.waiting
                sum.connections += part.connections
            }
        }
    }
}
