package import LabCore

/// Carries out the steps of one plan in a world and writes down what it did; judging is done from the log, elsewhere.
///
/// `@unchecked Sendable`: everything here is touched only by the thread that runs the world's kernel; its executor
/// refuses jobs of other threads.
package final class ScenarioRun: @unchecked Sendable {
    package enum Ending: String, Sendable {
        case done, failed, lawBroken = "law_broken", deadline, interrupted, blocked
    }

    let plan: Plan
    let world: any World
    var board = ClaimBoard()
    private var laws: [LawMonitor] = []
    private var isLawBroken = false
    /// Breaches that were there before the run's first line; they are told after it.
    private var earlyBreaches: [(law: Law, breach: LawMonitor.Breach)] = []
    private var isStarted = false
    /// Watches whose steps wait, with what wakes them.
    private var waiting: [(id: ClaimBoard.WatchID, wake: CheckedContinuation<ClaimBoard.Outcome?, Never>)] = []
    var faults = FaultTable()
    private var main: Task<Void, Never>?
    /// Starts a task on the kernel's executor.
    private(set) var startTask: ((@escaping @Sendable () async -> Void) -> Task<Void, Never>)?
    /// Loads and probes so far: their numbers.
    var loadCount = 0
    var loadsUnderWay: [any LoadWork] = []
    /// Loads and probes that came to their end.
    var loadsOver: [any LoadWork] = []
    /// Setup and steps are over: from now on nothing stops the run, and teardown comes to its end.
    private var isTested = false
    private var isOver = false
    private(set) var ending: Ending?
    /// Where setup and steps came to, for the names that teardown uses.
    private var reached: Branch
    /// The step that is under way, for the progress line: its text, its place, its expectation.
    package private(set) var current: (text: String, location: SourceLocation, expectation: Expectation?)?
    private var lawClock: RunInstant?

    package init(plan: Plan, world: any World) {
        self.plan = plan
        self.world = world
        reached = Branch(scope: Scope(plan.variables), stimulus: (0, .start))
    }

    /// Runs setup, steps and teardown. Call once, on the kernel's executor.
    ///
    /// - Parameter start: starts a task on the kernel's executor.
    package func execute(start: @escaping (@escaping @Sendable () async -> Void) -> Task<Void, Never>) async -> Ending {
        startTask = start
        resolveLaws()
        world.observer = { [unowned self] event in observe(event) }
        world.note(LabEvents.runStarted, [
            "scenario": .text(plan.scenario), "file": .text(plan.file), "world": .text(plan.world.rawValue),
            "seed": .text("0x" + String(plan.seed, radix: 16)), "cell": .record(plan.cell),
        ])
        isStarted = true
        for (law, breach) in earlyBreaches { report(breach, of: law) }
        if ending == nil {
            let task = start { [self] in await runMain() }
            main = task
            world.after(world.now.advanced(by: plan.deadline)) { [weak self] in self?.stop(.deadline) }
            await task.value
            main = nil
        }
        isTested = true
        endFaults()
        await measureFloors()
        await runTeardown(start: start)
        await world.tidyUp(hasFailed: [.failed, .deadline].contains(ending) || isLawBroken)
        endLaws()
        let ending = self.ending ?? (isLawBroken ? .lawBroken : .done)
        isOver = true
        if world.omittedEvents > 0 { world.note(LabEvents.eventsOmitted, ["count": .integer(Int64(world.omittedEvents))]) }
        if let timing = world.timing { world.note(LabEvents.timing, timing.asFields) }
        world.note(LabEvents.runEnded, ["reason": .text(ending.rawValue)])
        world.observer = nil
        return ending
    }

    /// Ends setup and steps now; teardown still runs. Ctrl-C comes here.
    package func interrupt() { stop(.interrupted) }

    private func runMain() async {
        await world.bringUp()
        reached.stimulus = (world.lastSequence, world.now)
        var branch = reached
        do throws(StepStop) {
            for (phase, steps) in [("setup", plan.setup), ("steps", plan.steps)] where !steps.isEmpty {
                world.note(LabEvents.phaseStarted, ["phase": .text(phase)])
                let observation = phase == "steps" ? try await observe(branch.scope) : nil
                do throws(StepStop) { try await execute(steps, &branch) } catch {
                    loadsOver += await observation?.end() ?? []
                    throw error
                }
                loadsOver += await observation?.end() ?? []
            }
        } catch {
            let reason: Ending = switch error {
            case .failed(.blocked): .blocked
            case .failed: .failed
            case .interrupted: .interrupted
            }
            ending = ending ?? reason
        }
        reached = branch
    }

    /// Each step of a teardown is tried, whatever became of the one before it.
    private func runTeardown(start: (@escaping @Sendable () async -> Void) -> Task<Void, Never>) async {
        guard !plan.teardown.isEmpty else { return }
        world.note(LabEvents.phaseStarted, ["phase": "teardown"])
        let task = start { [self] in
            var branch = reached
            branch.stimulus = (world.lastSequence, world.now)
            for step in plan.teardown { try? await execute([step], &branch) }
        }
        world.after(world.now.advanced(by: min(plan.deadline, .seconds(60)))) { task.cancel() }
        await task.value
        endFaults()
    }

    func stop(_ reason: Ending) {
        guard ending == nil, !isTested else { return }
        ending = reason
        main?.cancel()
    }

    // MARK: Events

    private func observe(_ event: RunEvent) {
        for decided in board.observe(event) { wake(decided.id, with: decided.outcome) }
        for index in laws.indices {
            if let breach = laws[index].observe(event) { report(breach, of: laws[index].law) }
        }
        watchLawClock()
        for armed in faults.triggered(by: event) { fire(armed) }
    }

    // MARK: Laws

    private func resolveLaws() {
        for law in plan.laws {
            // The checker has found unknown names; what is left cannot be evaluated and is reported as broken.
            do { laws.append(LawMonitor(try law.resolved(in: reached.scope), slack: plan.slack)) } catch {
                report(LawMonitor.Breach(sequence: nil, reason: error.description), of: law)
            }
        }
    }

    private func report(_ breach: LawMonitor.Breach, of law: Law) {
        guard isStarted else { return earlyBreaches.append((law, breach)) }
        var fields: Fields = [
            "law": .text(law.text), "file": .text(law.location.file), "line": .integer(Int64(law.location.line)), "reason": .text(breach.reason),
        ]
        if let sequence = breach.sequence { fields["event"] = .integer(Int64(sequence)) }
        isLawBroken = true
        world.note(LabEvents.lawBroken, fields)
        stop(.lawBroken)
    }

    /// Looks again when the earliest obligation of a law runs out, so that a breach by silence stops the run.
    private func watchLawClock() {
        var next = RunInstant.distantFuture
        for law in laws { next = min(next, law.nextDeadline ?? .distantFuture) }
        guard next < lawClock ?? .distantFuture else { return }
        lawClock = next
        world.after(next) { [weak self] in self?.checkLawClock() }
    }

    private func checkLawClock() {
        guard !isOver else { return }
        lawClock = nil
        // `after` runs one tick later than the deadline itself.
        for index in laws.indices {
            if let breach = laws[index].passTime(to: world.now) { report(breach, of: laws[index].law) }
        }
        watchLawClock()
    }

    private func endLaws() {
        for index in laws.indices {
            if let breach = laws[index].end(at: world.now) { report(breach, of: laws[index].law) }
        }
    }

    // MARK: Waiting

    /// Waits until the watch is decided or its window is over; `nil` when the line is cancelled. The watch stays on the
    /// board then.
    func outcome(of id: ClaimBoard.WatchID, until deadline: RunInstant) async -> ClaimBoard.Outcome? {
        await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                guard !Task.isCancelled else { return continuation.resume(returning: nil) }
                waiting.append((id, continuation))
                world.after(deadline) { [weak self] in
                    guard let self, waiting.contains(where: { $0.id == id }) else { return }
                    wake(id, with: board.expire(id))
                }
            }
        } onCancel: {
            wake(id, with: nil)
        }
    }

    private func wake(_ id: ClaimBoard.WatchID, with outcome: ClaimBoard.Outcome?) {
        guard let index = waiting.firstIndex(where: { $0.id == id }) else { return }
        waiting.remove(at: index).wake.resume(returning: outcome)
    }

    func setCurrent(_ step: Step, _ expectation: Expectation? = nil) {
        current = (step.text, step.location, expectation)
    }
}
