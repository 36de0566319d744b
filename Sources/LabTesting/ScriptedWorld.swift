package import LabCore
package import Runner
package import Simulation

/// A world without devices: what happens in it, and what it answers, is written down before.
///
/// Time, tasks and the event log are those of the simulation, so steps run as they do there. A world serves one run, on
/// the thread that made it.
// @unchecked Sendable: touched by the kernel's thread only, which the kernel enforces.
package final class ScriptedWorld: World, @unchecked Sendable {
    /// One question that steps asked, or one fault that began or ended.
    package struct Call: Sendable, Equatable {
        package var at: RunInstant
        package var target: String
        package var arguments: Fields

        package init(at: RunInstant, target: String, arguments: Fields = [:]) {
            self.at = at
            self.target = target
            self.arguments = arguments
        }
    }

    package struct FaultChange: Sendable, Equatable {
        package var at: RunInstant
        package var target: String
        package var handle: Int
        package var isActive: Bool
    }

    package let kernel: Kernel
    package let recorder: EventRecorder
    package var observer: ((RunEvent) -> Void)? {
        didSet {
            guard let observer else { return }
            for event in recorder.events { observer(event) }
        }
    }
    package private(set) var calls: [Call] = []
    package private(set) var faultChanges: [FaultChange] = []
    private var answers: [String: [ScriptedAnswer]] = [:]
    private var effects: [String: [ScriptedEvent]] = [:]
    private var refusals: [String: ActionFailure] = [:]

    package init(policy: EventRecorder.Policy? = nil) {
        kernel = Kernel()
        recorder = EventRecorder(on: kernel, policy: policy)
        recorder.addSink { [unowned self] event in observer?(event) }
    }

    // MARK: The script

    /// An event at a time of the run.
    package func happens(_ node: String, _ name: String, _ fields: Fields = [:], at time: Duration) {
        kernel.schedule(at: RunInstant.start.advanced(by: time)) { [recorder] in recorder.append(node, name, fields) }
    }

    /// An event that is in the log before the run begins.
    package func recordsNow(_ node: String, _ name: String, _ fields: Fields = [:]) { recorder.append(node, name, fields) }

    /// The answers to an action or a query (`badge.boot`), one for each time that it is asked; the last one stays.
    /// Without them everything succeeds at once with an empty answer.
    package func answers(_ target: String, _ answers: ScriptedAnswer...) { self.answers[target] = answers }

    /// What happens when a fault (`badge.power.cut`) begins.
    package func fault(_ target: String, leadsTo events: ScriptedEvent...) { effects[target] = events }

    /// The world cannot do this fault.
    package func refuses(_ target: String, _ failure: ActionFailure) { refusals[target] = failure }

    // MARK: Running

    package struct Outcome {
        package var ending: ScenarioRun.Ending
        package var events: [RunEvent]
    }

    /// Runs the plan to its end.
    ///
    /// - Parameter interruption: when a person presses Ctrl-C.
    /// - Returns: `nil` if the run does not come to its end.
    package func run(_ plan: Plan, interruption: Duration? = nil) -> Outcome? {
        let run = ScenarioRun(plan: plan, world: self)
        let box = EndingBox()
        if let interruption { kernel.schedule(at: RunInstant.start.advanced(by: interruption)) { run.interrupt() } }
        _ = start { [self] in box.ending = await run.execute { work in self.start(work) } }
        kernel.run { box.ending != nil }
        return box.ending.map { Outcome(ending: $0, events: Array(recorder.events)) }
    }

    private func start(_ work: @escaping @Sendable () async -> Void) -> Task<Void, Never> {
        Task(executorPreference: kernel) { await work() }
    }

    // MARK: World

    package var now: RunInstant { kernel.now }
    package var lastSequence: Int { recorder.count }
    package var omittedEvents: Int { recorder.leftOut }

    @discardableResult
    package func note(_ name: String, _ fields: Fields) -> Int { recorder.append(LabEvents.node, name, fields) ?? recorder.count }

    package func after(_ instant: RunInstant, _ job: @escaping @Sendable () -> Void) {
        kernel.schedule(at: instant.advanced(byNanoseconds: 1), job)
    }

    package func sleep(until instant: RunInstant) async throws { try await kernel.sleep(until: instant) }

    package func perform(_ action: NodeReference, _ arguments: Fields) async -> Result<Fields, ActionFailure> {
        await answer("\(action)", arguments)
    }

    package func ask(_ query: NodeReference, _ arguments: Fields) async -> Result<Fields, ActionFailure> {
        await answer("\(query)", arguments)
    }

    private func answer(_ target: String, _ arguments: Fields) async -> Result<Fields, ActionFailure> {
        calls.append(Call(at: now, target: target, arguments: arguments))
        guard let answer = answers[target]?.first else { return .success([:]) }
        if let count = answers[target]?.count, count > 1 { answers[target]?.removeFirst() }
        schedule(answer.events)
        guard answer.delay > .zero else { return answer.result }
        do { try await kernel.sleep(for: answer.delay) } catch { return .failure(ActionFailure("cancelled", "The step was ended.")) }
        return answer.result
    }

    package func begin(_ fault: ActiveFault) throws(ActionFailure) {
        if let refusal = refusals["\(fault.target)"] { throw refusal }
        faultChanges.append(FaultChange(at: now, target: "\(fault.target)", handle: fault.handle, isActive: true))
        schedule(effects["\(fault.target)"] ?? [])
    }

    package func end(_ fault: ActiveFault) {
        faultChanges.append(FaultChange(at: now, target: "\(fault.target)", handle: fault.handle, isActive: false))
    }

    private func schedule(_ events: [ScriptedEvent]) {
        for event in events {
            guard event.delay > .zero else {
                recorder.append(event.node, event.name, event.fields)
                continue
            }
            kernel.schedule(after: event.delay) { [recorder] in recorder.append(event.node, event.name, event.fields) }
        }
    }
}

/// Carries the ending out of the task. `@unchecked Sendable`: touched by the kernel's thread only.
private final class EndingBox: @unchecked Sendable {
    var ending: ScenarioRun.Ending?
}
