import LabCore

extension ScenarioRun {
    /// Offers a load; the step ends when its last item is answered or given up.
    func execute(_ load: Step.Load, _ step: Step, _ path: String, _ branch: inout Branch) async throws {
        let time = try duration(load.duration, in: branch.scope) ?? .zero
        markStimulus(&branch)
        begin(step, path, ["action": .text("\(load.target)"), "for": .duration(time.nanoseconds)])
        let run: any LoadWork
        do { run = try await makeLoad(load, id: load.id ?? path, over: time, scope: branch.scope, step: path) } catch {
            throw end(path, .failed, ["reason": .text("\(error)")])
        }
        if let id = load.id { branch.events[id] = world.lastSequence }
        do { try await carryOut(run) } catch { throw end(path, .blocked, ["reason": .text("\(error)")]) }
        end(path, Task.isCancelled ? .interrupted : .passed, [:])
        if Task.isCancelled { throw StepStop.interrupted }
    }

    func makeLoad(_ load: Step.Load, id: String, over time: Duration, scope: Scope, step: String) async throws -> any LoadWork {
        let plan = try load.arrivalPlan(over: time, seed: SeededGenerator.seed(of: "load \(id)", in: self.plan.seed))
        loadCount += 1
        let role = self.plan.roles.first { $0.name == load.target.role && $0.kind != "cloud" }
        guard let startTask else { throw StepStop.interrupted }
        var load = load
        load.good = try load.good?.resolved(in: scope)
        let setting = LoadRun.Setting(
            world: world, number: loadCount, scope: scope, members: role.map { max(1, $0.count) } ?? 0, plan: plan, start: startTask)
        if let world = world as? any RequestOffering, let kinds = try Self.kinds(of: load, in: scope),
            let target = try await world.requestTarget(for: load, kinds) {
            return try GeneratorRun(load, id: id, setting: setting, target: target, step: step)
        }
        return LoadRun(load, id: id, setting: setting, step: step)
    }

    /// The arguments of the first item of each kind.
    ///
    /// - Returns: `nil` where the items of one kind are not all asked by the same caller, with the same headers.
    private static func kinds(of load: Step.Load, in scope: Scope) throws -> [Fields]? {
        let count = max(1, load.variants.count)
        func arguments(of item: Int) throws -> Fields {
            var scope = scope
            scope.values["k"] = .integer(Int64(item))
            return try load.arguments(of: item).resolved(in: scope).record ?? [:]
        }
        var kinds: [Fields] = []
        for kind in 0..<count {
            let (first, next) = (try arguments(of: kind), try arguments(of: kind + count))
            guard first["as"] == next["as"], first["headers"] == next["headers"] else { return nil }
            kinds.append(first)
        }
        return kinds
    }

    /// Runs a load to its end, or until the line of steps is cancelled.
    func carryOut(_ run: any LoadWork) async throws {
        try run.begin()
        loadsUnderWay.append(run)
        await withTaskCancellationHandler { await run.finish() } onCancel: { run.abandon() }
        loadsUnderWay.removeAll { $0 === run }
        loadsOver.append(run)
    }

    /// What the same loads come to against a target that does nothing. Nothing else is measured meanwhile, so that no probe and no rate
    /// counts this time.
    func measureFloors() async {
        guard ending != .interrupted, !world.isModelled, !loadsOver.isEmpty else { return }
        world.note(LabEvents.phaseStarted, ["phase": "floors"])
        for (index, run) in loadsOver.enumerated() where !loadsOver[(index + 1)...].contains(where: { $0.id == run.id }) { await run.measureFloor() }
    }

    /// Begins the probes and gauges that `metrics:` names.
    func observe(_ scope: Scope) async throws(StepStop) -> Observation {
        var observation = Observation()
        for metric in plan.metrics {
            do {
                switch metric.source {
                case .latency: continue
                case .probe(let load):
                    let probe = try await makeLoad(load, id: metric.name, over: plan.deadline, scope: scope, step: "metrics.\(metric.name)")
                    try probe.begin()
                    observation.probes.append(probe)
                case .gauge(let gauge):
                    let run = GaugeRun(gauge, name: metric.name, arguments: try gauge.arguments.resolved(in: scope).record ?? [:], world: world)
                    guard let startTask else { continue }
                    run.begin(startTask)
                    observation.gauges.append(run)
                }
            } catch {
                observation.stop()
                world.note(LabEvents.stepStarted, [
                    "step": .text("metrics.\(metric.name)"), "file": .text(metric.location.file), "line": .integer(Int64(metric.location.line)),
                    "column": .integer(Int64(metric.location.column)), "verb": "load", "text": .text("metric \(metric.name)"),
                ])
                throw end("metrics.\(metric.name)", .failed, ["reason": .text("\(error)")])
            }
        }
        return observation
    }

    /// What is measured beside the steps.
    struct Observation {
        fileprivate(set) var probes: [any LoadWork] = []
        fileprivate(set) var gauges: [GaugeRun] = []

        func stop() {
            for gauge in gauges { gauge.stop() }
            for probe in probes { probe.stop() }
        }

        /// The steps are over: nothing new is asked, and what is under way is waited for.
        ///
        /// - Returns: the probes.
        func end() async -> [any LoadWork] {
            stop()
            for probe in probes { await withTaskCancellationHandler { await probe.finish() } onCancel: { probe.abandon() } }
            return probes
        }
    }
}

extension SeededGenerator {
    /// A seed of its own for one purpose.
    fileprivate static func seed(of purpose: String, in seed: UInt64) -> UInt64 {
        var generator = SeededGenerator(seed: seed, purpose: purpose)
        return generator.next()
    }
}
