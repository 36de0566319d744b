import LabCore

/// The verbs that speak to a node or to the clock, one function each. Those that watch events are in Watching.swift.
extension ScenarioRun {
    func execute(_ act: Step.Act, _ step: Step, _ path: String, _ branch: inout Branch) async throws {
        if act.mayFail, let refusal = act.arguments.refusal(in: branch.scope) {
            // A name that an earlier refusal left without a value.
            markStimulus(&branch)
            begin(step, path, ["action": .text("\(act.target)")])
            end(path, .passed, ["failure": ["reason": "no_value", "message": .text("\(refusal)")]])
            return
        }
        let arguments = try act.arguments.resolvedArguments(in: branch.scope)
        let fails = try act.fails?.resolved(in: branch.scope)
        markStimulus(&branch)
        var fields: Fields = ["action": .text("\(act.target)"), "arguments": .record(arguments)]
        if let fails { fields["where"] = fails.encoded }
        begin(step, path, fields)
        let result = await world.perform(act.target, arguments)
        if Task.isCancelled, case .failure = result { throw end(path, .interrupted, [:]) }
        if let id = act.id {
            branch.events[id] = world.lastSequence
            measure("\(id).latency", .duration(branch.stimulus.at.duration(to: world.now).nanoseconds))
        }
        switch (result, fails) {
        case (.success(let answer), nil):
            end(path, .passed, ["answer": .record(answer)])
            save(act.saves, from: answer, of: "the answer of \(act.target)", &branch)
        case (.success(let answer), _?):
            throw end(path, .failed, ["answer": .record(answer), "reason": "it succeeded, and was expected to fail"])
        case (.failure(let failure), nil) where act.mayFail && failure.outcome == .failed:
            end(path, .passed, ["failure": .record(failure.asFields.asWritten)])
        case (.failure(let failure), nil):
            throw end(path, failure.outcome, ["failure": .record(failure.asFields), "reason": .text(failure.message)])
        case (.failure(let failure), let fails?):
            let told = failure.asFields.asWritten
            let differences = fails.differences(in: told)
            guard differences.isEmpty else {
                throw end(path, .failed, [
                    "failure": .record(told),
                    "reason": .text("it failed otherwise than expected (\(failure)); different in \(differences.joined(separator: ", "))"),
                ])
            }
            end(path, .passed, ["failure": .record(told)])
            save(act.saves, from: failure.asFields, of: "the failure of \(act.target)", &branch)
        }
    }

    /// Asks until the answer is right: at once, then at even distances, and for the last time when the window closes.
    func execute(_ check: Step.Check, _ step: Step, _ path: String, _ branch: inout Branch) async throws {
        let arguments = try check.arguments.resolvedArguments(in: branch.scope)
        let condition = try check.condition.resolved(in: branch.scope)
        let within = plan.stretched(try duration(check.within, in: branch.scope) ?? .zero)
        let deadline = world.now.advanced(by: within)
        begin(step, path, ["query": .text("\(check.query)"), "arguments": .record(arguments), "where": condition.encoded])
        // A hundredth of the window, but not more often than ten times a second.
        let interval = max(.milliseconds(100), within / 100)
        while true {
            let result = await world.ask(check.query, arguments).map(\.asWritten)
            if Task.isCancelled { throw end(path, .interrupted, [:]) }
            if case .success(let answer) = result, condition.holds(for: answer) {
                end(path, .passed, ["answer": .record(answer)])
                return
            }
            guard world.now < deadline else {
                switch result {
                case .success(let answer):
                    let differences = condition.differences(in: answer).joined(separator: ", ")
                    throw end(path, .failed, ["answer": .record(answer), "reason": .text("different in \(differences)")])
                case .failure(let failure):
                    throw end(path, failure.outcome, ["failure": .record(failure.asFields), "reason": .text(failure.message)])
                }
            }
            let next = min(world.now.advanced(by: interval), deadline)
            do { try await world.sleep(until: next) } catch { throw end(path, .interrupted, [:]) }
        }
    }

    func execute(_ fault: Step.Fault, _ step: Step, _ path: String, _ branch: inout Branch) throws {
        let arguments = try fault.arguments.resolvedArguments(in: branch.scope)
        let limit = try duration(fault.duration, in: branch.scope)
        let condition = try fault.trigger?.condition.resolved(in: branch.scope)
        let injected = faults.make(fault.target, arguments, id: fault.id)
        markStimulus(&branch)
        begin(step, path, injected.asFields)
        let sequence: Int
        if let trigger = fault.trigger, let condition {
            faults.arm(
                FaultTable.Armed(
                    fault: injected, event: trigger.event, condition: condition, remaining: trigger.nth, duration: limit, step: step, path: path))
            var fields: Fields = [
                "fault": .text("\(fault.target)"), "handle": .integer(Int64(injected.handle)), "event": .text("\(trigger.event)"),
                "nth": .integer(Int64(trigger.nth)),
            ]
            if let id = fault.id { fields["id"] = .text(id) }
            sequence = world.note(LabEvents.faultArmed, fields)
        } else {
            switch begin(injected, for: limit) {
            case .success(let started): sequence = started
            case .failure(let failure):
                throw end(path, failure.outcome, ["failure": .record(failure.asFields), "reason": .text(failure.message)])
            }
        }
        if let id = fault.id {
            branch.events[id] = sequence
            branch.faults[id, default: []].append(injected.handle)
        }
        end(path, .passed, [:])
    }

    func execute(clear id: String, _ step: Step, _ path: String, _ branch: inout Branch) throws {
        markStimulus(&branch)
        begin(step, path, ["id": .text(id)])
        let handles = branch.faults[id] ?? []
        faults.disarm(handles)
        for fault in faults.active where handles.contains(fault.handle) { end(fault) }
        branch.faults[id] = nil
        end(path, .passed, [:])
    }

    func execute(wait template: Template, _ step: Step, _ path: String, _ branch: inout Branch) async throws {
        let time = try duration(template, in: branch.scope) ?? .zero
        markStimulus(&branch)
        let end = world.now.advanced(by: time)
        begin(step, path, ["until_ns": .integer(end.nanoseconds)])
        do { try await world.sleep(until: end) } catch { throw self.end(path, .interrupted, [:]) }
        self.end(path, .passed, [:])
    }

    func duration(_ template: Template?, in scope: Scope) throws(StepRefusal) -> Duration? {
        guard let template else { return nil }
        let value: FieldValue
        do { value = try template.resolved(in: scope) } catch { throw .unresolved(error) }
        guard let nanoseconds = value.durationNanoseconds else { throw .notADuration(value) }
        guard nanoseconds >= 0 else { throw .negative(value) }
        return .nanoseconds(nanoseconds)
    }
}

extension Template {
    /// Why what stands under `with:` has no values now; `nil` where it has.
    fileprivate func refusal(in scope: Scope) -> StepRefusal? {
        do {
            _ = try resolvedArguments(in: scope)
            return nil
        } catch { return error }
    }

    /// What stands under `with:`, with its names filled in.
    fileprivate func resolvedArguments(in scope: Scope) throws(StepRefusal) -> Fields {
        let value: FieldValue
        do { value = try resolved(in: scope) } catch { throw .unresolved(error) }
        guard let fields = value.record else { throw .notFields(value) }
        return fields
    }
}

/// Why a step cannot begin, though the checker has let it pass: values that are known only when the run gets there.
enum StepRefusal: Error, CustomStringConvertible {
    case unresolved(ExpressionFailure)
    case notADuration(FieldValue)
    case negative(FieldValue)
    case notFields(FieldValue)
    case unknownID(String)

    var description: String {
        switch self {
        case .unresolved(let failure): failure.description
        case .notADuration(let value): "'\(value)' is not a duration; write 250ms, 5s, 20m or 12h"
        case .negative(let value): "'\(value)' is less than no time"
        case .notFields(let value): "'\(value)' for 'with' must be fields with their values"
        case .unknownID(let id): "nothing with the id '\(id)' has happened"
        }
    }
}
