import CLinux
import Glibc
package import LabCore
import Synchronization

/// Waits for descriptors and deadlines on one thread: the pace of a kernel in real time, and the loop of serial ports,
/// pseudo terminals and MQTT clients.
///
/// What becomes ready during a wait is handed out by `dispatch`, when the kernel has set its clock.
// @unchecked Sendable: belongs to the thread that waits; `post`, `wake` and `now` may be used from any.
// @safe: `scratch` is used only within single calls on that thread.
@safe package final class Reactor: Pace, Loop, @unchecked Sendable {
    /// What a descriptor is watched for; hang-up and error are told in any case.
    package struct Interest: OptionSet, Sendable, Hashable {
        package let rawValue: UInt32
        package init(rawValue: UInt32) { self.rawValue = rawValue }
        package static let reading = Interest(rawValue: 1)
        package static let writing = Interest(rawValue: 2)
    }

    package struct Readiness: OptionSet, Sendable, Hashable {
        package let rawValue: UInt32
        package init(rawValue: UInt32) { self.rawValue = rawValue }
        package static let readable = Readiness(rawValue: 1)
        package static let writable = Readiness(rawValue: 2)
        package static let hangup = Readiness(rawValue: 4)
        package static let error = Readiness(rawValue: 8)
    }

    /// A watched descriptor. Never used again for another one, so that what was ready before a close reaches nobody.
    package struct WatchID: Sendable, Hashable { fileprivate let token: UInt64 }

    private struct Watch {
        var descriptor: Int32
        var handler: (Readiness) -> Void
    }

    /// For fleets of thousands: some ten of their frames a turn.
    package static let fleetGathering = Duration.milliseconds(2)

    /// Run seconds for each real second.
    package let speed: Double
    /// How late deadlines were noticed, in real time.
    package private(set) var lateness = LatenessStatistics()
    /// Turns begin so far apart at least, ns.
    private let gathering: Int64
    private var lastTurn: Int64 = 0
    private let start: Int64
    private let epoll: Int32
    private let bell: Int32
    private var watches: [UInt64: Watch] = [:]
    private var lastToken: UInt64 = 0
    private var ready: [clinux_ready] = []
    private let posted = Mutex<[@Sendable () -> Void]>([])
    private var isPrecise = false
    /// Where descriptors of this loop are read into, so that a few bytes do not keep a large buffer.
    let scratch: UnsafeMutableRawBufferPointer

    private static let bellToken: UInt64 = 0
    private static let batch = 256
    private static let scratchSize = 65_536

    /// Many systems begin with 1,024, which a fleet of devices outgrows.
    private static let descriptorLimit: Void = clinux_raise_descriptor_limit()

    /// - Parameters:
    ///   - speed: run seconds for each real second.
    ///   - gathering: turns begin so far apart at least, in real time. What comes in between is handled together, so that thousands of devices
    ///     do not wake the thread for each of their frames; deadlines are up to so much late, which `lateness` shows. What is rare is handled at
    ///     once all the same.
    /// - Throws: `StreamFailure` where the system gives no more descriptors.
    package init(speed: Double = 1, gathering: Duration = .zero) throws(StreamFailure) {
        Self.descriptorLimit
        self.speed = speed
        self.gathering = gathering.nanoseconds
        start = Self.monotonic
        epoll = clinux_epoll_create()
        bell = clinux_eventfd()
        unsafe scratch = UnsafeMutableRawBufferPointer.allocate(byteCount: Self.scratchSize, alignment: 16)
        // What is missing is not there to be closed; the rest is closed by `deinit`.
        guard epoll >= 0, bell >= 0, clinux_epoll_add(epoll, bell, UInt32(CLINUX_READABLE), Self.bellToken) == 0 else {
            throw StreamFailure(.failed, "event loop", "the system gives no more descriptors", remedy: "raise the limit with `ulimit -n`")
        }
    }

    deinit {
        if epoll >= 0 { close(epoll) }
        if bell >= 0 { close(bell) }
        unsafe scratch.deallocate()
    }

    private static var monotonic: Int64 {
        var time = timespec()
        unsafe clock_gettime(CLOCK_MONOTONIC, &time)
        return Int64(time.tv_sec) * 1_000_000_000 + Int64(time.tv_nsec)
    }

    /// The time of the run; may be asked on any thread.
    package var now: RunInstant { RunInstant(nanoseconds: Int64(Double(Self.monotonic - start) * speed)) }

    // MARK: Pace

    package func wait(until deadline: RunInstant) -> RunInstant {
        // This loop is the clock of what runs on it: nobody else could tell when the time is over.
        if gathering > 0 { clinux_wait_until(lastTurn + gathering) }
        let isFinite = deadline < .distantFuture
        let left = isFinite ? Double(deadline.nanoseconds - now.nanoseconds) / speed : -1
        // What is due already is only looked at, and a wait without end is still a wait.
        let timeout: Int64 = isFinite ? max(0, Int64(left.rounded(.up))) : -1
        collect(timeout)
        if gathering > 0 { lastTurn = Self.monotonic }
        let now = now
        if isFinite, now >= deadline { lateness.record(Int64(Double(now.nanoseconds - deadline.nanoseconds) / speed)) }
        return now
    }

    private func collect(_ timeout: Int64) {
        if !isPrecise {
            isPrecise = true
            clinux_precise_timers()
        }
        unsafe withUnsafeTemporaryAllocation(of: clinux_ready.self, capacity: Self.batch) { buffer in
            let count = unsafe clinux_epoll_wait(epoll, buffer.baseAddress, Int32(Self.batch), timeout)
            for index in 0..<max(0, Int(count)) { ready.append(unsafe buffer[index]) }
        }
    }

    package func dispatch() {
        let entries = ready
        ready.removeAll(keepingCapacity: true)
        for entry in entries {
            if entry.token == Self.bellToken {
                clinux_eventfd_clear(bell)
            } else {
                watches[entry.token]?.handler(Readiness(rawValue: entry.events))
            }
        }
        let actions = posted.withLock { actions in
            defer { actions.removeAll() }
            return actions
        }
        for action in actions { action() }
    }

    package func wake() { clinux_eventfd_signal(bell) }

    package func post(_ action: @escaping @Sendable () -> Void) {
        let isFirst = posted.withLock { actions in
            actions.append(action)
            return actions.count == 1
        }
        if isFirst { wake() }
    }

    // MARK: Descriptors

    /// Watches a descriptor until `unwatch`; the handler is called by `dispatch` as long as it is ready.
    ///
    /// - Throws: `StreamFailure` where the descriptor cannot be watched.
    package func watch(_ descriptor: Int32, _ interest: Interest, _ handler: @escaping (Readiness) -> Void) throws(StreamFailure) -> WatchID
    {
        lastToken += 1
        guard clinux_epoll_add(epoll, descriptor, interest.rawValue, lastToken) == 0 else {
            throw StreamFailure(.failed, "descriptor \(descriptor)", "it cannot be waited for (error \(errno))")
        }
        watches[lastToken] = Watch(descriptor: descriptor, handler: handler)
        return WatchID(token: lastToken)
    }

    package func modify(_ id: WatchID, _ interest: Interest) {
        guard let watch = watches[id.token] else { return }
        _ = clinux_epoll_modify(epoll, watch.descriptor, interest.rawValue, id.token)
    }

    /// Must come before the descriptor is closed. Does nothing the second time.
    package func unwatch(_ id: WatchID) {
        guard let watch = watches.removeValue(forKey: id.token) else { return }
        _ = clinux_epoll_remove(epoll, watch.descriptor)
    }

    /// Forgets a descriptor that its library has closed already.
    ///
    /// The system stops watching what is closed; its number may be somebody else's by now.
    func forget(_ id: WatchID) { watches[id.token] = nil }

    // MARK: Timers

    /// Calls the action from `dispatch` after each interval of real time; for libraries that want to be called now and then.
    ///
    /// The timer is a descriptor of its own, so that it needs no kernel. A loop that was busy for several intervals calls once.
    ///
    /// - Throws: `StreamFailure` where the system gives no more descriptors.
    package func every(_ interval: Duration, _ action: @escaping () -> Void) throws(StreamFailure) -> RepeatingTimer {
        try timer(first: interval.nanoseconds, interval: max(1, interval.nanoseconds), action)
    }

    /// Calls the action from `dispatch` once, after that much real time.
    ///
    /// - Throws: `StreamFailure` where the system gives no more descriptors.
    package func after(_ delay: Duration, _ action: @escaping () -> Void) throws(StreamFailure) -> RepeatingTimer {
        try timer(first: delay.nanoseconds, interval: 0, action)
    }

    private func timer(first: Int64, interval: Int64, _ action: @escaping () -> Void) throws(StreamFailure) -> RepeatingTimer {
        let descriptor = clinux_timerfd(first, interval)
        guard descriptor >= 0 else {
            throw StreamFailure(.failed, "timer", "the system gives no more descriptors", remedy: "raise the limit with `ulimit -n`")
        }
        do throws(StreamFailure) {
            let watch = try watch(descriptor, .reading) { _ in
                clinux_timerfd_clear(descriptor)
                action()
            }
            return RepeatingTimer(self, watch, descriptor)
        } catch {
            close(descriptor)
            throw error
        }
    }

    // MARK: Without a kernel

    /// Runs until the condition holds; for tools and tests that have no kernel.
    ///
    /// - Returns: whether it held before the time was over.
    @discardableResult
    package func run(until condition: () -> Bool, timeout: Duration) -> Bool {
        let end = now.advanced(by: timeout)
        while !condition() {
            guard now < end else { return false }
            _ = wait(until: end)
            dispatch()
        }
        return true
    }
}

/// A timer of a reactor; it ends with `cancel`, or with its last reference.
package final class RepeatingTimer {
    private let reactor: Reactor
    private let watch: Reactor.WatchID
    private let descriptor: Int32
    private var isOver = false

    fileprivate init(_ reactor: Reactor, _ watch: Reactor.WatchID, _ descriptor: Int32) {
        self.reactor = reactor
        self.watch = watch
        self.descriptor = descriptor
    }

    deinit { cancel() }

    /// Does nothing the second time.
    package func cancel() {
        guard !isOver else { return }
        isOver = true
        reactor.unwatch(watch)
        close(descriptor)
    }
}
