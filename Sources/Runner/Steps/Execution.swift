import LabCore

extension ScenarioRun {
    /// Carries out steps one after the other. What a line saved before it stopped stays in `branch`.
    func execute(_ steps: [Step], _ branch: inout Branch) async throws(StepStop) {
        for step in steps {
            switch step.action {
            case .sequence(let turns): try await executeTurns(turns, of: step, &branch)
            case .parallel(let branches): try await executeParallel(branches, &branch)
            default: try await executeSimple(step, &branch)
            }
        }
    }

    private func executeSimple(_ step: Step, _ branch: inout Branch) async throws(StepStop) {
        let path = step.path + branch.turn
        if Task.isCancelled {
            begin(step, path, [:])
            throw end(path, .interrupted, [:])
        }
        setCurrent(step)
        do {
            switch step.action {
            case .act(let act): try await execute(act, step, path, &branch)
            case .expect(let expect): try await execute(expect, step, path, &branch)
            case .forbid(let forbid): try await execute(forbid, step, path, &branch)
            case .check(let check): try await execute(check, step, path, &branch)
            case .fault(let fault): try execute(fault, step, path, &branch)
            case .clear(let id): try execute(clear: id, step, path, &branch)
            case .wait(let duration): try await execute(wait: duration, step, path, &branch)
            case .load(let load): try await execute(load, step, path, &branch)
            case .sequence, .parallel: break
            }
        } catch let stop as StepStop {
            throw stop
        } catch {
            throw refuse(step, path, "\(error)")
        }
    }

    private func executeTurns(_ turns: [Step.Turn], of step: Step, _ branch: inout Branch) async throws(StepStop) {
        // Steps of different turns need different paths; the checker gives them, plans made otherwise may not.
        let needsNumbers = turns.count > 1 && turns.first?.steps.first?.path == turns.last?.steps.first?.path
        for (index, turn) in turns.enumerated() {
            var inner = branch
            if turn.isIsolated { (inner.scope, inner.events, inner.faults) = (Scope(), [:], [:]) }
            if needsNumbers { inner.turn += "[\(index + 1)]" }
            for binding in turn.bindings {
                do { inner.scope.values[binding.name] = try binding.value.resolved(in: branch.scope) } catch {
                    throw refuse(step, step.path + branch.turn, "\(binding.name): \(error)")
                }
            }
            var stop: StepStop?
            do throws(StepStop) { try await execute(turn.steps, &inner) } catch { stop = error }
            leave(turn, with: inner, &branch)
            if let stop { throw stop }
            save(turn.saves, from: inner.scope.values, of: turn.label, &branch)
        }
    }

    /// Back from a turn: what a loop saved stays known, its own names and all that a block knows do not.
    private func leave(_ turn: Step.Turn, with inner: Branch, _ branch: inout Branch) {
        branch.stimulus = inner.stimulus
        guard !turn.isIsolated else { return }
        var values = inner.scope.values
        for binding in turn.bindings { values[binding.name] = branch.scope.values[binding.name] }
        branch.scope.values = values
        (branch.events, branch.faults) = (inner.events, inner.faults)
    }

    /// The first branch that fails ends the others, as a failed step ends its scenario.
    private func executeParallel(_ branches: [[Step]], _ branch: inout Branch) async throws(StepStop) {
        let outer = branch
        var ended: [Branch?] = Array(repeating: nil, count: branches.count)
        var stop: StepStop?
        await withTaskGroup(of: (index: Int, branch: Branch, stop: StepStop?).self) { group in
            for (index, steps) in branches.enumerated() {
                group.addTask { [self] in
                    var inner = outer
                    do throws(StepStop) { try await execute(steps, &inner) } catch { return (index, inner, error) }
                    return (index, inner, nil)
                }
            }
            for await result in group {
                ended[result.index] = result.branch
                guard let failure = result.stop else { continue }
                if stop == nil { stop = failure }
                group.cancelAll()
            }
        }
        for inner in ended.compactMap(\.self) { branch.merge(inner, from: outer) }
        if let stop { throw stop }
    }

    // MARK: In the log

    func begin(_ step: Step, _ path: String, _ fields: Fields) {
        let place: Fields = [
            "step": .text(path), "file": .text(step.location.file), "line": .integer(Int64(step.location.line)),
            "column": .integer(Int64(step.location.column)), "verb": .text(step.verb), "text": .text(step.text),
        ]
        world.note(LabEvents.stepStarted, place.merging(fields))
    }

    /// Writes the end of a step; what it returns is thrown where the step did not pass.
    @discardableResult
    func end(_ path: String, _ outcome: StepOutcome, _ fields: Fields) -> StepStop {
        world.note(LabEvents.stepEnded, (["step": .text(path), "outcome": .text(outcome.rawValue)] as Fields).merging(fields))
        return outcome == .interrupted ? .interrupted : .failed(outcome)
    }

    /// A step that cannot even begin: a name without a value, a division by zero.
    func refuse(_ step: Step, _ path: String, _ reason: String) -> StepStop {
        begin(step, path, [:])
        return end(path, .failed, ["reason": .text(reason)])
    }

    func markStimulus(_ branch: inout Branch) { branch.stimulus = (world.lastSequence, world.now) }

    /// Takes `save` names from an answer; numbers among them are measurements.
    ///
    /// Where the field is absent the name has no value afterwards, so that a step that needs it fails instead of comparing
    /// with nothing.
    func save(_ saves: [Step.Save], from fields: Fields, of owner: String, _ branch: inout Branch) {
        for save in saves {
            guard let value = fields.value(at: save.field) else {
                branch.scope.values[save.variable] = nil
                world.note(LabEvents.saved, ["name": .text(save.variable), "value": .null, "reason": .text("\(owner) has no '\(save.field)' here")])
                continue
            }
            branch.scope.values[save.variable] = value
            world.note(LabEvents.saved, ["name": .text(save.variable), "value": value])
            if value.asNumber != nil { measure(save.variable, value) }
        }
    }

    func measure(_ name: String, _ value: FieldValue) {
        var fields: Fields = ["name": .text(name), "value": value, "unit": ""]
        if case .duration(let nanoseconds) = value { fields["value"] = .integer(nanoseconds); fields["unit"] = "ns" }
        world.note(LabEvents.measured, fields)
    }
}
