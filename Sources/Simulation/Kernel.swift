package import LabCore
import Synchronization

/// The loop under a run: one thread takes whatever is due next, in one total order, and moves the clock to it.
///
/// Everything that happens in the `sim` world happens here: device timers, bytes that arrive, and the jobs of
/// asynchronous code, for which the kernel is a `TaskExecutor`. The order is by moment, and by the order of
/// scheduling within a moment, so that a run with the same inputs is the same run.
/// The clock stands still while something is handled and jumps to the next thing that is scheduled;
/// with a `Pace` the same loop waits for the machine's clock instead.
///
/// A kernel belongs to the thread that made it (or took it over with `adopt()`); calls from other threads are a
/// broken rule and stop the program. The exceptions are `post` and what the Swift runtime enqueues.
// @unchecked Sendable: `core` and all other plain state are touched by the owner thread only, which every entry
// point checks; `inbox`, `hasMail` and `owner` are the parts that other threads reach, and are locked or atomic.
package final class Kernel: Loop, @unchecked Sendable {
    var core = KernelCore()
    private var participants: [(participant: (any KernelParticipant)?, generation: UInt32)] = []
    private var freeParticipants: [UInt32] = []
    var cause: UInt32 = 0
    var isRunning = false
    private var isStopped = false
    /// The world has ended; what is posted from now on finds nobody.
    package private(set) var isShutDown = false
    private var limits: Limits
    /// The names of the tasks that have not ended, by the order of their starts.
    var unfinished: [UInt64: String] = [:]
    var taskCount: UInt64 = 0
    /// What a link is about to schedule; empty in between.
    var pieces: [LinkDelivery] = []
    /// The links on this kernel, which `shutDown` detaches.
    var links: [Link] = []

    let pace: (any Pace)?
    let foreignJobs: ForeignJobPolicy
    let owner: Atomic<UInt>
    let inbox = Mutex<[Mail]>([])
    let hasMail = Atomic<Bool>(false)

    /// Bounds that turn a scenario without an end into a message.
    package struct Limits: Sendable {
        /// How many things may happen at one moment before the loop gives up with `.spinning`.
        package var stepsPerInstant = 10_000_000
        package init() {}
    }

    /// - Parameters:
    ///   - pace: how the loop waits; `nil` jumps from moment to moment (`sim`).
    ///   - foreignJobs: what happens when another thread hands in a job; in `sim` the program stops.
    package init(pace: (any Pace)? = nil, foreignJobs: ForeignJobPolicy = .trap, limits: Limits = Limits()) {
        self.pace = pace
        self.foreignJobs = foreignJobs
        self.limits = limits
        owner = Atomic(CurrentThread.id)
    }

    /// Whether it waits for the machine's clock.
    package var isPaced: Bool { pace != nil }

    /// The moment that is being handled; between runs, the moment at which the last one ended.
    package var now: RunInstant {
        confine("now")
        return RunInstant(nanoseconds: core.now)
    }

    /// The event that led to what is being handled now; what is scheduled from here inherits it.
    ///
    /// Set it to give the next effects another cause, such as the event that was just recorded.
    package var currentCause: Int? {
        get { cause == 0 ? nil : Int(cause) }
        set { cause = UInt32(clamping: newValue ?? 0) }
    }

    /// Runs `body` with `cause` as the cause of what it schedules and records.
    @discardableResult
    package func withCause<Result>(_ newCause: Int?, _ body: () throws -> Result) rethrows -> Result {
        let saved = cause
        currentCause = newCause
        defer { cause = saved }
        return try body()
    }

    // MARK: Participants

    /// Lets `participant` have timers and inputs. It is kept alive until it is removed.
    package func add(_ participant: any KernelParticipant) -> ParticipantID {
        confine("add")
        let index: UInt32
        if let free = freeParticipants.popLast() {
            index = free
            participants[Int(index)].participant = participant
        } else {
            index = UInt32(participants.count)
            participants.append((participant, 0))
        }
        core.addTimerList(index)
        return ParticipantID(index: index, generation: participants[Int(index)].generation)
    }

    /// Forgets a participant with its timers. Inputs that are on their way to it are dropped.
    package func remove(_ participant: ParticipantID) {
        confine("remove")
        guard isPresent(participant) else { return }
        participants[Int(participant.index)].participant = nil
        participants[Int(participant.index)].generation &+= 1
        core.removeTimers(of: participant.index)
        freeParticipants.append(participant.index)
    }

    private func isPresent(_ participant: ParticipantID) -> Bool {
        Int(participant.index) < participants.count && participants[Int(participant.index)].generation == participant.generation
    }

    /// Starts the timer, or starts it anew if it runs. A moment in the past means now; `.distantFuture` means never.
    package func startTimer(_ name: TimerName, of participant: ParticipantID, at deadline: RunInstant) {
        confine("startTimer")
        guard isPresent(participant) else { return }
        core.startTimer(name, of: participant.index, at: deadline.nanoseconds, cause: cause)
    }

    package func startTimer(_ name: TimerName, of participant: ParticipantID, after interval: Duration) {
        confine("startTimer")
        guard isPresent(participant) else { return }
        let deadline = RunInstant(nanoseconds: core.now).advanced(by: interval)
        core.startTimer(name, of: participant.index, at: deadline.nanoseconds, cause: cause)
    }

    /// Stops the timer; does nothing if it does not run. It will not fire, even if it was due at this very moment.
    package func cancelTimer(_ name: TimerName, of participant: ParticipantID) {
        confine("cancelTimer")
        guard isPresent(participant) else { return }
        core.cancelTimer(name, of: participant.index)
    }

    /// Stops all timers of a participant, as a power cut does.
    package func cancelTimers(of participant: ParticipantID) {
        confine("cancelTimers")
        guard isPresent(participant) else { return }
        core.cancelTimers(of: participant.index)
    }

    /// When the timer will fire; `nil` if it does not run.
    package func deadline(of name: TimerName, of participant: ParticipantID) -> RunInstant? {
        confine("deadline")
        guard isPresent(participant) else { return nil }
        return core.deadline(of: name, of: participant.index).map { RunInstant(nanoseconds: $0) }
    }

    // MARK: Scheduling

    /// Gives `input` to the participant at that moment. A moment in the past means now, after what is scheduled already.
    @discardableResult
    package func deliver(_ input: DeviceInput, to participant: ParticipantID, at deadline: RunInstant) -> ScheduledItem {
        confine("deliver")
        return core.schedule(.input(participant, input), at: deadline.nanoseconds, cause: cause)
    }

    /// Calls `action` at that moment. A moment in the past means now, after what is scheduled already.
    @discardableResult
    package func schedule(at deadline: RunInstant, _ action: @escaping () -> Void) -> ScheduledItem {
        confine("schedule")
        return core.schedule(.action(action), at: deadline.nanoseconds, cause: cause)
    }

    @discardableResult
    package func schedule(after interval: Duration, _ action: @escaping () -> Void) -> ScheduledItem {
        schedule(at: now.advanced(by: interval), action)
    }

    /// Takes back what `schedule` or `deliver` returned; does nothing if it has happened.
    package func cancel(_ item: ScheduledItem) {
        confine("cancel")
        _ = core.remove(item, isQueued: true)
    }

    /// Hands in something from another thread, such as bytes from a real port. Not for `sim`, where nothing is outside.
    package func post(_ action: @escaping @Sendable () -> Void) {
        precondition(foreignJobs.acceptsMail, "Kernel.post needs a kernel that accepts foreign jobs; in sim nothing comes from outside.")
        deposit(.action(action))
    }

    // MARK: Running

    /// Handles everything up to and including `limit`, then sets the clock to it.
    @discardableResult
    package func run(until limit: RunInstant) -> RunOutcome { loop(until: limit, condition: nil) }

    /// Handles what comes until the condition holds; asks it before the first step and after each one.
    @discardableResult
    package func run(until limit: RunInstant = .distantFuture, condition: () -> Bool) -> RunOutcome {
        withoutActuallyEscaping(condition) { loop(until: limit, condition: $0) }
    }

    /// Handles everything that is scheduled and what follows from it. With a pace it does not come to an end by itself.
    @discardableResult
    package func runToIdle() -> RunOutcome { loop(until: .distantFuture, condition: nil) }

    /// Ends the running loop after the current step.
    package func stop() {
        confine("stop")
        isStopped = true
    }

    /// Ends the world: every wait ends with `CancellationError`, what is scheduled is forgotten, and participants and
    /// links are let go, so that nothing of the run stays in memory.
    ///
    /// Code that is cancelled here still runs to its end, at this moment; its waits throw at once.
    package func shutDown() {
        confine("shutDown")
        if isShutDown { return }
        isShutDown = true
        for waiter in core.waiters { end(waiter, with: .failure(CancellationError())) }
        run(until: now)
        core.forgetAll()
        participants.removeAll()
        freeParticipants.removeAll()
        for link in links { (link.near, link.far) = (nil, nil) }
        links.removeAll()
    }

    private func loop(until limit: RunInstant, condition: (() -> Bool)?) -> RunOutcome {
        confine("run")
        precondition(!isRunning, "The kernel runs already: what is handled by it must not run it again.")
        isRunning = true
        isStopped = false
        defer {
            isRunning = false
            cause = 0
        }
        var steps = 0
        while true {
            if let condition, condition() { return .satisfied }
            if isStopped { return .stopped }
            if hasMail.load(ordering: .acquiring) { takeMail() }
            if let (due, cause) = core.takeDue() {
                self.cause = cause
                perform(due)
                steps += 1
                if steps > limits.stepsPerInstant { return .spinning }
                continue
            }
            steps = 0
            if let outcome = advance(towards: limit.nanoseconds) { return outcome }
        }
    }

    private func perform(_ due: KernelCore.Due) {
        switch due {
        case .timer(let participant, let name): participants[Int(participant)].participant?.timerFired(name)
        case .payload(.delivery(let delivery)): delivery.perform()
        case .payload(.input(let participant, let input)):
            if isPresent(participant) { participants[Int(participant.index)].participant?.receive(input) }
        case .payload(.job(let job)): unsafe job.runSynchronously(on: asUnownedTaskExecutor())
        case .payload(.action(let action)): action()
        case .payload(.waiter(let task)): task.continuation?.resume(returning: false)
        }
    }

    /// Moves the clock to the next deadline, or to the limit if nothing is due before.
    private func advance(towards limit: Int64) -> RunOutcome? {
        let next = core.nextDeadline()
        guard let pace else {
            guard let next, next <= limit else {
                guard limit != .max else { return .idle }
                core.now = max(core.now, limit)
                return .reached
            }
            core.now = max(core.now, next)
            return nil
        }
        let target = min(next ?? .max, limit)
        core.now = max(core.now, pace.wait(until: RunInstant(nanoseconds: target)).nanoseconds)
        cause = 0
        pace.dispatch()
        return core.now >= limit && (next ?? .max) > limit ? .reached : nil
    }

    /// Entries in the queue, those included that were cancelled and not yet thrown away. For measuring.
    package var entryCount: Int { core.entryCount }
}

/// Something with timers and inputs: the host of a device.
package protocol KernelParticipant: AnyObject {
    func timerFired(_ timer: TimerName)
    func receive(_ input: DeviceInput)
}

extension KernelParticipant {
    package func receive(_ input: DeviceInput) {}
}

/// Why a loop came back.
package enum RunOutcome: Sendable, Equatable {
    /// The clock is at the limit; what was due then has been handled.
    case reached
    /// Nothing is scheduled any more.
    case idle
    case satisfied
    case stopped
    /// Too many steps without the clock moving: something answers itself without delay.
    case spinning
}
