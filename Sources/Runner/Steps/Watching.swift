import LabCore

/// The verbs that watch events: `expect` and `forbid` (semantics 3 to 5).
extension ScenarioRun {
    func execute(_ expect: Step.Expect, _ step: Step, _ path: String, _ branch: inout Branch) async throws {
        let within = plan.stretched(try duration(expect.within, in: branch.scope) ?? plan.defaultWithin)
        var expectation = Expectation(
            polarity: .expected, event: expect.event, condition: try expect.condition.resolved(in: branch.scope),
            stimulus: branch.stimulus.sequence, stimulusAt: branch.stimulus.at, deadline: branch.stimulus.at.advanced(by: within))
        if let after = expect.after {
            guard let sequence = branch.events[after] else { throw StepRefusal.unknownID(after) }
            expectation.after = sequence
        }
        if let count = expect.count { expectation.count = try count.resolvedCount(in: branch.scope) }
        let matched: [Int]
        switch await watch(expectation, step, path) {
        case .met(let sequences)?: matched = sequences
        case .notMet(let sequences)?:
            throw end(path, .failed, [
                "claimed": .list(sequences.map { .integer(Int64($0)) }),
                "reason": .text(expectation.count == nil ? "it did not happen in time" : "it happened \(sequences.count) times"),
            ])
        case nil: throw .interrupted as StepStop
        }
        end(path, .passed, ["claimed": .list(matched.map { .integer(Int64($0)) })])
        let last = matched.last.flatMap { board.event($0) }
        if let id = expect.id {
            if let last {
                branch.events[id] = last.sequence
                measure("\(id).latency", .duration(branch.stimulus.at.duration(to: last.at).nanoseconds))
            }
            measure("\(id).count", .integer(Int64(matched.count)))
        }
        save(expect.saves, from: last?.allFields ?? [:], of: "\(expect.event)", &branch)
    }

    func execute(_ forbid: Step.Forbid, _ step: Step, _ path: String, _ branch: inout Branch) async throws {
        let window = plan.stretched(try duration(forbid.duration, in: branch.scope) ?? .zero)
        let expectation = Expectation(
            polarity: .forbidden, event: forbid.event, condition: try forbid.condition.resolved(in: branch.scope),
            stimulus: world.lastSequence, stimulusAt: world.now, deadline: world.now.advanced(by: window))
        switch await watch(expectation, step, path) {
        case .met?: end(path, .passed, [:])
        case .notMet(let sequences)?:
            throw end(path, .failed, ["claimed": .list(sequences.map { .integer(Int64($0)) }), "reason": "it happened"])
        case nil: throw .interrupted as StepStop
        }
    }

    /// Watches from the beginning of the step to its end in the log, as a judge does who has only the log.
    ///
    /// - Returns: `nil` where the line was cancelled; the log has the end of the step then.
    private func watch(_ expectation: Expectation, _ step: Step, _ path: String) async -> ClaimBoard.Outcome? {
        setCurrent(step, expectation)
        begin(step, path, expectation.asFields)
        let (id, decided) = board.begin(expectation)
        if let decided { return decided }
        if expectation.deadline < world.now { return board.expire(id) }
        if let outcome = await outcome(of: id, until: expectation.deadline) { return outcome }
        end(path, .interrupted, [:])
        _ = board.expire(id)
        return nil
    }
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
