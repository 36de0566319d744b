import LabCore

extension ScenarioRun {
    /// Carries out steps one after the other.
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
            case .load: throw refuse(step, path, "'load' is not available yet")
            case .sequence, .parallel: break
            }
        } catch let stop as StepStop {
            throw stop
        } catch {
            throw refuse(step, path, "\(error)")
        }
    }

    private func executeTurns(_ turns: [Step.Turn], of step: Step, _ branch: inout Branch) async throws(StepStop) {
        for (index, turn) in turns.enumerated() {
            var inner = branch
            inner.turn += turns.count > 1 ? "[\(index + 1)]" : ""
            var names = turn.isIsolated ? Fields() : branch.scope.values
            for binding in turn.bindings {
                do { names[binding.name] = try binding.value.resolved(in: branch.scope) } catch {
                    throw refuse(step, step.path + branch.turn, "\(binding.name): \(error)")
                }
            }
            inner.scope = Scope(names)
            try await execute(turn.steps, &inner)
            branch.stimulus = inner.stimulus
            for save in turn.saves { branch.scope.values[save.variable] = inner.scope.value(at: save.field) }
            guard !turn.isIsolated else { continue }
            for entry in inner.scope.values where !turn.bindings.contains(where: { $0.name == entry.name }) {
                branch.scope.values[entry.name] = entry.value
            }
        }
    }

    /// The first branch that fails ends the others, as a failed step ends its scenario.
    private func executeParallel(_ branches: [[Step]], _ branch: inout Branch) async throws(StepStop) {
        let outer = branch
        var scopes: [Scope?] = Array(repeating: nil, count: branches.count)
        var stop: StepStop?
        await withTaskGroup(of: (Int, Result<Scope, StepStop>).self) { group in
            for (index, steps) in branches.enumerated() {
                group.addTask { [self] in
                    var inner = outer
                    do throws(StepStop) {
                        try await execute(steps, &inner)
                        return (index, .success(inner.scope))
                    } catch { return (index, .failure(error)) }
                }
            }
            for await (index, result) in group {
                switch result {
                case .success(let scope): scopes[index] = scope
                case .failure(let failure):
                    if stop == nil { stop = failure }
                    group.cancelAll()
                }
            }
        }
        if let stop { throw stop }
        for scope in scopes.compactMap(\.self) { branch.scope.values = branch.scope.values.merging(scope.values.changes(from: outer.scope.values)) }
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
    func save(_ saves: [Step.Save], from fields: Fields, _ branch: inout Branch) {
        for save in saves {
            let value = fields.value(at: save.field) ?? .null
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

extension Fields {
    /// The entries that are new or differ from those of `other`.
    func changes(from other: Fields) -> Fields {
        var result = Fields()
        for entry in self where other[entry.name] != entry.value { result[entry.name] = entry.value }
        return result
    }
}
