package import LabCore

/// Gives every verdict of one cell from its plan and its event log alone (semantics in scenario-language.md, sla.md §2.4).
///
/// Expectations, checks and refused actions are replayed from what the log says of each step; laws and limits are
/// those of the plan. A live log and the same log read back from its file give the same summary.
///
/// - Parameters:
///   - run: the folder name of the cell's run, for reports.
///   - comparesWithRunner: whether a verdict that differs from the runner's record is the lab's own bug. Give `false`
///     where an old log is judged with a newer scenario.
///   - oracles: judges of whole runs beside steps, laws and limits; their violations are findings.
/// - Returns: a summary with the time on the run's clock; the caller knows the machine's clock and fills in `wallClock`.
package func judge(
    plan: Plan, events: [RunEvent], run: String, comparesWithRunner: Bool = true, oracles: [any RunOracle] = []
) -> CaseSummary {
    if let damage = LogDamage.finding(in: events, of: plan) {
        return CaseSummary(
            plan: plan, run: run, verdict: damage.verdict, findings: [damage], eventCount: events.count, reason: damage.reason)
    }
    var steps = StepReplay()
    var laws = LawReplay(plan)
    var samples = SampleCollector(metrics: plan.metrics)
    var loads = LoadCollector(probes: plan.metrics.compactMap { if case .probe = $0.source { $0.name } else { nil } })
    var ending: RunEvent?
    var floors: RunInstant?
    var timing: TimingReport?
    for event in events {
        steps.observe(event)
        laws.observe(event)
        samples.observe(event)
        guard event.node == LabEvents.node else { continue }
        loads.observe(event)
        if event.name == LabEvents.runEnded { ending = event }
        if event.name == LabEvents.phaseStarted, event.fields["phase"]?.text == "floors" { floors = floors ?? event.at }
        if event.name == LabEvents.timing { timing = TimingReport(event.fields) }
    }
    let end = events.last?.at ?? .start
    laws.end(at: end)
    samples.end(at: end)
    loads.end(at: end, stopped: Set(steps.records.filter { $0.judged.outcome != .passed }.map(\.step)))

    let course = RunCourse(steps: steps.records, ending: ending, floors: floors, end: end)
    let writer = FindingWriter(plan: plan, records: steps.records, events: events)
    var findings = writer.stepFindings()
    findings += laws.findings(in: events)
    if comparesWithRunner { findings += writer.disagreements(ending: ending, breaches: laws.breaches.count) + laws.disagreements() }
    findings += writer.endings(course)
    let reports = oracles.compactMap { $0.judge(plan: plan, events: events) }
    findings += reports.flatMap { writer.findings(of: $0) }

    var store = EvidenceStore(samples: samples.samples, span: course.span)
    store.pairs = samples.pairs
    store.lateness = timing.map { Double($0.worst) * $0.speed } ?? 0
    store.take(loads, plan: plan, steps: steps.records)
    let objectives = ObjectiveJudge(store)
    var limits = plan.limits.map { limit in
        MissingMeasurement.explain(objectives.judge(limit), plan: plan, course: course, records: steps.records)
    }
    findings += limits.compactMap(writer.finding(for:))
    BenchDoubt(in: events, of: plan)?.apply(to: &findings, &limits)
    let verdict = Rollup.verdict(findings: findings, limits: limits)
    let blocked = verdict == .blocked ? findings.first { $0.verdict == .blocked } : nil
    var summary = CaseSummary(
        plan: plan, run: run, verdict: verdict, findings: findings, limits: limits, measurements: samples.measurements + loads.records.measurements,
        eventCount: events.count, duration: .nanoseconds(end.nanoseconds),
        reason: course.reason(deadline: plan.deadline) ?? blocked.map { [$0.title, $0.reason].compactMap(\.self).joined(separator: ": ") },
        timing: timing)
    summary.oracles = reports
    summary.loads = LoadReporter(plan: plan).reports(loads.records)
    summary.faults = loads.faults
    summary.absences = BusAbsence.all(in: events).filter { $0.from != nil }
    return summary
}
