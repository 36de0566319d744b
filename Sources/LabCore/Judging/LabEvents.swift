/// The events that the lab itself writes, as the node `lab`: what the runner did, so that a log can be judged without a world.
///
/// The kind is described for `lab describe lab` and kept here because the runner writes these events
/// and verdicts and reports read them.
package enum LabEvents {
    package static let node = "lab"

    /// `run.started {scenario, file, world, seed, cell}`: the runner's first event; what was noted while the world was built stands before it.
    package static let runStarted = "run.started"
    /// `run.ended {reason}`: the last event; `done`, `failed`, `law_broken`, `deadline`, `interrupted`.
    package static let runEnded = "run.ended"
    /// `phase.started {phase}`: `setup`, `steps`, `teardown`.
    package static let phaseStarted = "phase.started"
    /// `step.started {step, file, line, column, verb, text}` and for `expect` and `forbid` the fields of `Expectation`,
    /// for `check` and `do` with `fails` the encoded condition as `where`.
    package static let stepStarted = "step.started"
    /// `step.ended {step, outcome, claimed?, reason?, answer?}`; the outcome is one of `StepOutcome`.
    package static let stepEnded = "step.ended"
    /// `saved {name, value}`
    package static let saved = "saved"
    /// `measured {name, value, unit}`: `unit` is `ns` for times, else empty.
    package static let measured = "measured"
    /// `fault.armed`, `fault.started {fault, id, arguments}` and `fault.ended {fault, id}`
    package static let faultArmed = "fault.armed"
    package static let faultStarted = "fault.started"
    package static let faultEnded = "fault.ended"
    /// `load.started {load, step, target, planned, start_ns, end_ns, measured_from_ns, timeout_ns, modelled}`: `planned` is the number of items.
    package static let loadStarted = "load.started"
    /// `load.rows {load, count, labels, rows}`: items that came to their end, see `LoadRows`.
    package static let loadRows = "load.rows"
    /// `load.window {load, …}`: items of one second of a load that is too large for rows, see `LoadWindow`.
    package static let loadWindow = "load.window"
    /// `load.harness {load, …}`: how well the lab kept the plan, see `HarnessReport`.
    package static let loadHarness = "load.harness"
    /// `load.floor {load, samples, p50_ns, p90_ns, p99_ns, p999_ns, max_ns}`: the same plan against a target that does nothing.
    package static let loadFloor = "load.floor"
    /// `load.cost {load, cloud_ns, lab_ns}`: CPU time for each answered item.
    package static let loadCost = "load.cost"
    /// `load.ended {load, sent, answered}`
    package static let loadEnded = "load.ended"
    /// `gauge {name, value}`: a number under `metrics:` that is asked for at even distances.
    package static let gauge = "gauge"
    /// `law.broken {law, file, line, reason, event?}`
    package static let lawBroken = "law.broken"
    /// `timing {timers, median_ns, p99_ns, worst_ns, speed}`: how late the lab's own timers were, in real time. Not in `sim`.
    package static let timing = "timing"
    /// `events.omitted {count}`: traffic of large fleets that is not in the log.
    package static let eventsOmitted = "events.omitted"
}

/// How a step ended.
package enum StepOutcome: String, Sendable {
    case passed, failed
    /// The world could not do what was asked: a lost port, a sick bench.
    case blocked
    /// Ctrl-C, the scenario's deadline, a broken law or a failed step of a sibling branch ended it.
    case interrupted
}
