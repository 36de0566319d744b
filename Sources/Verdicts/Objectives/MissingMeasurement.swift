import LabCore

/// A limit without samples is unproven, unless the step that would have given them failed: then that failure is the
/// news, and "run longer" would be wrong advice.
enum MissingMeasurement {
    static func explain(_ result: LimitResult, plan: Plan, course: RunCourse, records: [StepRecord]) -> LimitResult {
        guard result.verdict == .unproven, result.samples == 0, course.isBroken else { return result }
        var result = result
        result.verdict = .skipped
        result.figure = "not measured"
        let sources = result.limit.requirement.allClaims.flatMap { source(of: $0.measurement, in: plan.measuredSteps) }
        let failed = records.first { sources.contains($0.location) && $0.judged.outcome != .passed }
        result.reason = failed.map { "line \($0.location.line) (\($0.text)) did not come to its end" }
            ?? "the run ended before it could be measured"
        return result
    }

    /// The steps that give a measurement: by their id, or by a saved name.
    private static func source(of measurement: String, in steps: [Step]) -> [SourceLocation] {
        steps.flatMap { step -> [SourceLocation] in
            let (id, saves): (String?, [Step.Save])
            switch step.action {
            case .act(let act): (id, saves) = (act.id, act.saves)
            case .expect(let expect): (id, saves) = (expect.id, expect.saves)
            case .load(let load): (id, saves) = (load.id, [])
            case .forbid, .check, .fault, .clear, .wait, .sequence, .parallel: return []
            }
            let gives = id.map { measurement == $0 || measurement.hasPrefix($0 + ".") } ?? false
            return gives || saves.contains { $0.variable == measurement } ? [step.location] : []
        }
    }
}
