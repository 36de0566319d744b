package import LabCore
import Simulation

/// Runs one plan in its world from the first event to the last.
package struct CaseRunner {
    package var plan: Plan
    package var nodes: [NamedNode]
    /// How `emu` is set up; `sim` does not look at it.
    package var settings: RealSettings
    /// Receives every event in order as it is written.
    package var onEvent: (RunEvent) -> Void
    /// Called now and then while the run goes on; returning `true` interrupts it (the teardown still runs).
    package var onProgress: (Progress) -> Bool

    package init(
        plan: Plan, nodes: [NamedNode], settings: RealSettings = RealSettings(), onEvent: @escaping (RunEvent) -> Void = { _ in }, onProgress: @escaping (Progress) -> Bool = { _ in false }
    ) {
        self.plan = plan
        self.nodes = nodes
        self.settings = settings
        self.onEvent = onEvent
        self.onProgress = onProgress
    }

    /// Where a run is, for the person who waits.
    package struct Progress {
        package var now: RunInstant
        package var step: String
        package var location: SourceLocation?
        package var expectation: Expectation?
        /// What almost matched, computed only when it is asked for.
        package var nearest: () -> [NearMiss]
        /// How the loads stand that are under way, for people.
        package var loads: [String] = []
    }

    package struct Outcome {
        package var ending: ScenarioRun.Ending
        package var events: [RunEvent]
        /// Traffic events that the log leaves out.
        package var omitted: Int
    }

    package enum Failure: Error, CustomStringConvertible {
        /// A role that cannot be filled, a cloud that does not start, a device that is gone: the bench's fault, not the product's. With the step
        /// that it happened in, where it is known.
        case blocked(String, during: SourceLocation? = nil)
        /// The lab's own bug.
        case stalled(String)

        package var description: String {
            switch self {
            case .blocked(let reason, _), .stalled(let reason): reason
            }
        }
    }

    /// How many steps of the kernel lie between two looks at the person's wishes.
    private static let stepsBetweenLooks = 20_000

    package func run() throws(Failure) -> Outcome {
        let world: LabWorld
        do { world = try makeWorld() } catch { throw .blocked("\(error)") }
        defer { world.close() }
        let run = ScenarioRun(plan: plan, world: world)
        // What was noted while the world was built belongs to the log as well.
        for event in world.recorder.events { onEvent(event) }
        let sink = world.recorder.addSink(onEvent)
        let end = EndBox()
        _ = world.start("run") {
            end.ending = await run.execute { work in world.start("steps", work) }
        }
        if plan.world != .sim { look(at: run, in: world, end) }
        var steps = 0
        let outcome = world.kernel.run {
            if end.ending != nil { return true }
            steps += 1
            if steps % Self.stepsBetweenLooks == 0, onProgress(progress(of: run, in: world)) { run.interrupt() }
            return false
        }
        // The log is over; what is left of the world goes without a word.
        world.recorder.removeSink(sink)
        // A step that failed because the bench was lost came to no verdict about the product.
        if let loss = end.loss ?? world.loss {
            let place = whereabouts(Array(world.recorder.events))
            throw .blocked("\(loss)\(place.text)", during: place.step)
        }
        guard let ending = end.ending else {
            throw .stalled("The run did not come to its end (\(outcome)) at \(world.now). This is a bug of the lab; please report it with the seed.")
        }
        return Outcome(ending: ending, events: Array(world.recorder.events), omitted: world.recorder.leftOut)
    }

    /// How far the run had come, for a case that is blocked: the step that had failed, or else the one that did not come to its end.
    private func whereabouts(_ events: [RunEvent]) -> (step: SourceLocation?, text: String) {
        var begun: [String: RunEvent] = [:]
        for event in events where event.node == LabEvents.node {
            let step = event.fields["step"]?.text ?? ""
            switch event.name {
            case LabEvents.stepStarted: begun[step] = event
            case LabEvents.stepEnded where ["failed", "interrupted"].contains(event.fields["outcome"]?.text):
                guard let begun = begun[step], let text = begun.fields["text"]?.text, let line = begun.fields["line"]?.integer else { return (nil, "") }
                let location = SourceLocation(file: begun.fields["file"]?.text ?? plan.file, line: Int(line), column: 1)
                let place = "\(text) (\(location.file):\(line))"
                let hasFailed = event.fields["outcome"]?.text == "failed"
                let reason = event.fields["reason"]?.text.map { ": \($0)" } ?? ""
                return (location, hasFailed ? "; before that \(place) had failed\(reason)" : "; during \(place)")
            default: break
            }
        }
        return (nil, "")
    }

    private func makeWorld() throws -> LabWorld {
        let media = try media()
        do { return try LabWorld(plan: plan, named: nodes, media: media, bench: settings.bench, payments: plan.world == .sim ? nil : settings.payments) } catch {
            // What was opened before the failure is given back.
            media.kernel.shutDown()
            media.close()
            throw error
        }
    }

    private func media() throws -> any WorldMedia {
        switch plan.world {
        case .sim: return SimulatedMedia(seed: plan.seed)
        case .emu, .hw:
            try DescriptorNeed.refuse(plan.roles, settings.broker)
            return try RealMedia(seed: plan.seed, settings: settings, devices: plan.roles.reduce(0) { $0 + $1.count })
        }
    }

    /// Where time is real, few steps can lie far apart: the person's wishes are looked at by the clock.
    private func look(at run: ScenarioRun, in world: LabWorld, _ end: EndBox) {
        world.kernel.schedule(after: .milliseconds(100) * settings.speed) {
            if let loss = world.loss {
                end.loss = loss
                run.interrupt()
            }
            if onProgress(progress(of: run, in: world)) { run.interrupt() }
            look(at: run, in: world, end)
        }
    }

    private func progress(of run: ScenarioRun, in world: LabWorld) -> Progress {
        let current = run.current
        return Progress(
            now: world.now, step: current?.text ?? "", location: current?.location, expectation: current?.expectation,
            nearest: { current?.expectation.map { run.nearMisses(of: $0) } ?? [] }, loads: run.loadsUnderWay.map(\.standing))
    }
}

/// Carries the ending out of the task. `@unchecked Sendable`: touched by the kernel's thread only.
private final class EndBox: @unchecked Sendable {
    var ending: ScenarioRun.Ending?
    /// Why the case cannot come to a verdict.
    var loss: StreamFailure?
}

extension ScenarioRun {
    func nearMisses(of expectation: Expectation) -> [NearMiss] { board.nearMisses(of: expectation) }
}
