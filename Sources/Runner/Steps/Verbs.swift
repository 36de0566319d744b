import LabCore

/// The verbs of the scenario language, one function each.
extension ScenarioRun {
    func execute(_ act: Step.Act, _ step: Step, _ path: String, _ branch: inout Branch) async throws {
        let arguments = try act.arguments.resolved(in: branch.scope).record ?? [:]
        let fails = try act.fails?.resolved(in: branch.scope)
        markStimulus(&branch)
        var fields: Fields = ["action": .text("\(act.target)"), "arguments": .record(arguments)]
        if let fails { fields["where"] = fails.encoded }
        begin(step, path, fields)
        let result = await world.perform(act.target, arguments)
        if let id = act.id {
            idEvents[id] = world.lastSequence
            measure("\(id).latency", .duration(branch.stimulus.at.duration(to: world.now).nanoseconds))
        }
        if Task.isCancelled, case .failure = result { throw end(path, .interrupted, [:]) }
        switch (result, fails) {
        case (.success(let answer), nil):
            end(path, .passed, ["answer": .record(answer)])
            save(act.saves, from: answer, &branch)
        case (.success(let answer), _?):
            throw end(path, .failed, ["answer": .record(answer), "reason": "it succeeded, and was expected to fail"])
        case (.failure(let failure), nil):
            throw end(path, .failed, ["failure": .record(failure.asFields), "reason": .text(failure.message)])
        case (.failure(let failure), let fails?):
            let differences = fails.differences(in: failure.asFields)
            guard differences.isEmpty else {
                throw end(path, .failed, [
                    "failure": .record(failure.asFields),
                    "reason": .text("it failed otherwise than expected (\(failure)); different in \(differences.joined(separator: ", "))"),
                ])
            }
            end(path, .passed, ["failure": .record(failure.asFields)])
            save(act.saves, from: failure.asFields, &branch)
        }
    }

    func execute(_ expect: Step.Expect, _ step: Step, _ path: String, _ branch: inout Branch) async throws {
        let within = try duration(expect.within, in: branch.scope) ?? plan.defaultWithin
        var expectation = Expectation(
            polarity: .expected, event: expect.event, condition: try expect.condition.resolved(in: branch.scope),
            stimulus: branch.stimulus.sequence, stimulusAt: branch.stimulus.at, deadline: branch.stimulus.at.advanced(by: within))
        if let after = expect.after {
            guard let sequence = idEvents[after] else { throw refuse(step, path, "nothing with the id '\(after)' has happened") }
            expectation.after = sequence
        }
        if let count = expect.count { expectation.count = try count.resolvedCount(in: branch.scope) }
        let outcome = try await watch(expectation, step, path)
        let matched: [Int]
        switch outcome {
        case .met(let sequences): matched = sequences
        case .notMet(let sequences):
            throw end(path, .failed, [
                "claimed": .list(sequences.map { .integer(Int64($0)) }),
                "reason": .text(expectation.count == nil ? "it did not happen in time" : "it happened \(sequences.count) times"),
            ])
        }
        end(path, .passed, ["claimed": .list(matched.map { .integer(Int64($0)) })])
        let last = matched.last.map { board.events[$0 - 1] }
        if let id = expect.id {
            if let last {
                idEvents[id] = last.sequence
                measure("\(id).latency", .duration(branch.stimulus.at.duration(to: last.at).nanoseconds))
            }
            measure("\(id).count", .integer(Int64(matched.count)))
        }
        if let last { save(expect.saves, from: last.allFields, &branch) }
    }

    func execute(_ forbid: Step.Forbid, _ step: Step, _ path: String, _ branch: inout Branch) async throws {
        let window = try duration(forbid.duration, in: branch.scope) ?? .zero
        let expectation = Expectation(
            polarity: .forbidden, event: forbid.event, condition: try forbid.condition.resolved(in: branch.scope),
            stimulus: world.lastSequence, stimulusAt: world.now, deadline: world.now.advanced(by: window))
        guard case .notMet(let sequences) = try await watch(expectation, step, path) else {
            end(path, .passed, [:])
            return
        }
        throw end(path, .failed, ["claimed": .list(sequences.map { .integer(Int64($0)) }), "reason": "it happened"])
    }

    private func watch(_ expectation: Expectation, _ step: Step, _ path: String) async throws -> ClaimBoard.Outcome {
        setCurrent(step, expectation)
        begin(step, path, expectation.asFields)
        let (id, decided) = board.begin(expectation)
        if let decided { return decided }
        if expectation.deadline < world.now { return board.expire(id) }
        guard let outcome = await outcome(of: id, until: expectation.deadline) else { throw end(path, .interrupted, [:]) }
        return outcome
    }

    func execute(_ check: Step.Check, _ step: Step, _ path: String, _ branch: inout Branch) async throws {
        let arguments = try check.arguments.resolved(in: branch.scope).record ?? [:]
        let condition = try check.condition.resolved(in: branch.scope)
        let within = try duration(check.within, in: branch.scope) ?? .zero
        let deadline = world.now.advanced(by: within)
        begin(step, path, ["query": .text("\(check.query)"), "arguments": .record(arguments), "where": condition.encoded])
        // A hundredth of the window, but not more often than ten times a second.
        let interval = max(.milliseconds(100), within / 100)
        while true {
            let result = await world.ask(check.query, arguments)
            if Task.isCancelled { throw end(path, .interrupted, [:]) }
            if case .success(let answer) = result, condition.holds(for: answer) {
                end(path, .passed, ["answer": .record(answer)])
                return
            }
            let next = world.now.advanced(by: interval)
            if next > deadline {
                switch result {
                case .success(let answer):
                    let differences = condition.differences(in: answer).joined(separator: ", ")
                    throw end(path, .failed, ["answer": .record(answer), "reason": .text("different in \(differences)")])
                case .failure(let failure):
                    throw end(path, .failed, ["failure": .record(failure.asFields), "reason": .text(failure.message)])
                }
            }
            do { try await world.sleep(until: next) } catch { throw end(path, .interrupted, [:]) }
        }
    }

    func execute(_ fault: Step.Fault, _ step: Step, _ path: String, _ branch: inout Branch) throws {
        let arguments = try fault.arguments.resolved(in: branch.scope).record ?? [:]
        let limit = try duration(fault.duration, in: branch.scope)
        let injected = faults.make(fault.target, arguments, id: fault.id)
        let condition = try fault.trigger?.condition.resolved(in: branch.scope)
        markStimulus(&branch)
        begin(step, path, ["fault": .text("\(fault.target)"), "arguments": .record(arguments), "handle": .integer(Int64(injected.handle))])
        if let trigger = fault.trigger, let condition {
            faults.arm(injected, at: trigger.event, condition, nth: trigger.nth, duration: limit)
            world.note(LabEvents.faultArmed, ["fault": .text("\(fault.target)"), "handle": .integer(Int64(injected.handle)), "event": .text("\(trigger.event)")])
        } else {
            faults.setDuration(limit, of: injected)
            if let failure = begin(injected) {
                throw end(path, failure.reason == "not_possible_here" ? .blocked : .failed, ["reason": .text(failure.message)])
            }
        }
        if let id = fault.id { idEvents[id] = world.lastSequence }
        end(path, .passed, [:])
    }

    func execute(clear id: String, _ step: Step, _ path: String, _ branch: inout Branch) throws {
        markStimulus(&branch)
        begin(step, path, ["id": .text(id)])
        faults.disarm(id: id)
        for fault in faults.active where fault.id == id { end(fault) }
        end(path, .passed, [:])
    }

    func execute(wait template: Template, _ step: Step, _ path: String, _ branch: inout Branch) async throws {
        let time = try duration(template, in: branch.scope) ?? .zero
        markStimulus(&branch)
        begin(step, path, ["until_ns": .integer(world.now.advanced(by: time).nanoseconds)])
        do { try await world.sleep(until: world.now.advanced(by: time)) } catch { throw end(path, .interrupted, [:]) }
        end(path, .passed, [:])
    }

    private func duration(_ template: Template?, in scope: Scope) throws -> Duration? {
        guard let template else { return nil }
        let value = try template.resolved(in: scope)
        guard let nanoseconds = value.durationNanoseconds else { throw NotADuration(value: value) }
        return .nanoseconds(nanoseconds)
    }
}

/// A value that a step uses as a time and that is none.
struct NotADuration: Error, CustomStringConvertible {
    var value: FieldValue
    var description: String { "'\(value)' is not a duration; write 250ms, 5s, 20m or 12h" }
}

extension Match.Test {
    func resolvedCount(in scope: Scope) throws(ExpressionFailure) -> Match.Test {
        try Match([Match.Condition(field: "count", test: self)]).resolved(in: scope).conditions.first?.test ?? self
    }
}

extension RunEvent {
    /// The fields with `member` for nodes of a fleet.
    var allFields: Fields { member.map { fields.merging(["member": .integer(Int64($0))]) } ?? fields }
}
