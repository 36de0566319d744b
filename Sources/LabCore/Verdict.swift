/// The outcome of one cell of a scenario, or of one objective (cli.md).
package enum Verdict: String, Sendable, CaseIterable, Comparable {
    case skipped, pass, quarantined, flaky, unproven, blocked, fail

    /// Severity for roll-up: skipped < pass < quarantined < flaky < unproven < blocked < fail.
    package static func < (left: Verdict, right: Verdict) -> Bool { left.severity < right.severity }
    private var severity: Int { Self.allCases.firstIndex(of: self) ?? 0 }
}

/// What was found about one step, law or limit, with all that a person needs to act on it.
package struct Finding: Sendable, Equatable {
    package enum Subject: String, Sendable { case step, law, limit, teardown, oracle, lab }

    package var subject: Subject
    package var verdict: Verdict
    package var location: SourceLocation
    /// One line: what it was: `expect badge.boot.done`, the law's text, the limit's id.
    package var title: String
    /// What was expected, with the time and the step from which it counts.
    package var expected: String
    /// What came instead: the nearest misses, the nearest first, at most 5.
    package var nearest: [NearMiss]
    /// One sentence where neither says it: an action's failure, a deadline, a broken law.
    package var reason: String?
    /// The event at which it was decided.
    package var sequence: Int?
    /// The node whose last lines help.
    package var node: String?

    package init(
        subject: Subject, verdict: Verdict, location: SourceLocation, title: String, expected: String = "", nearest: [NearMiss] = [],
        reason: String? = nil, sequence: Int? = nil, node: String? = nil
    ) {
        self.subject = subject
        self.verdict = verdict
        self.location = location
        self.title = title
        self.expected = expected
        self.nearest = nearest
        self.reason = reason
        self.sequence = sequence
        self.node = node
    }
}

/// An event that almost met an expectation.
package struct NearMiss: Sendable, Equatable {
    package var event: RunEvent
    /// Fields in which it differs; empty for one that came too early, too late, or was claimed before.
    package var differences: [String]
    /// Why it did not count where no field differs: `too late`, `before the stimulus`, `claimed by line 30`.
    package var note: String?

    package init(event: RunEvent, differences: [String], note: String? = nil) {
        self.event = event
        self.differences = differences
        self.note = note
    }
}

/// A measured value with its place in the run: `registered.latency`, a saved number.
package struct Measurement: Sendable, Equatable {
    package var name: String
    package var at: RunInstant
    /// Nanoseconds for times (`isTime`), else the bare number.
    package var value: Double
    package var isTime: Bool
    package var labels: Fields
    package init(name: String, at: RunInstant, value: Double, isTime: Bool, labels: Fields = [:]) {
        self.name = name
        self.at = at
        self.value = value
        self.isTime = isTime
        self.labels = labels
    }
}

/// How an objective came out, with its figure.
package struct LimitResult: Sendable, Equatable {
    package var limit: Limit
    package var verdict: Verdict
    package var isMarginal: Bool
    /// The measured figure for people: `118.4 s`, `0.92`, `no samples`.
    package var figure: String
    package var samples: Int
    package var reason: String?
    /// The figure of the claim that decided, in the unit of its threshold (ns, shares of 1, per second), with its interval; `nil` where
    /// there is none.
    package var value: Double?
    package var lower: Double?
    package var upper: Double?
    package var threshold: Requirement.Quantity?
    /// So many more samples are needed.
    package var missingSamples: Int?
    /// The lab was too slow or the machine too busy; the verdict is `blocked`.
    package var isVoid = false
    /// The case of `budget`: how much of the allowance its events take.
    package var charges: [Charge] = []

    package struct Charge: Sendable, Equatable {
        package var event: String
        /// Outage of one such event, measured; and of all of the period.
        package var outage: Duration
        package var total: Duration
        package init(event: String, outage: Duration, total: Duration) {
            self.event = event
            self.outage = outage
            self.total = total
        }
    }

    package init(limit: Limit, verdict: Verdict, isMarginal: Bool = false, figure: String, samples: Int, reason: String? = nil) {
        self.limit = limit
        self.verdict = verdict
        self.isMarginal = isMarginal
        self.figure = figure
        self.samples = samples
        self.reason = reason
    }
}

/// A time that a device of the bench spent off the bus, whether something had taken it away or somebody had pulled its cable.
package struct BusAbsence: Sendable, Equatable {
    /// The role that the device plays.
    package var node: String
    /// `nil` where it had never been there.
    package var from: RunInstant?
    /// `nil` where it did not come back.
    package var until: RunInstant?

    package init(node: String, from: RunInstant?, until: RunInstant?) {
        self.node = node
        self.from = from
        self.until = until
    }

    /// `modem was off the bus from +3 s until +4.25 s`
    package var text: String { "\(node) was off the bus \(span)" }

    /// `from +3 s until +4.25 s`
    package var span: String {
        guard let until else { return "since \(from?.figure ?? "the beginning")" }
        return (from.map { "from \($0.figure) " } ?? "") + "until \(until.figure)"
    }
}

extension RunInstant {
    /// For people: `+61.2 s`.
    package var figure: String { "+" + FigureText.duration(nanoseconds: Double(nanoseconds)) }
}

/// The result of one cell: what `Verdicts` makes of a plan and its events.
package struct CaseSummary: Sendable, Equatable {
    package var plan: Plan
    /// The folder name of its run: `0611-1/badge-register.loss-20`.
    package var run: String
    package var verdict: Verdict
    package var findings: [Finding]
    package var limits: [LimitResult]
    package var measurements: [Measurement]
    package var eventCount: Int
    /// Length of the run on the run's own clock.
    package var duration: Duration
    /// Time that it took on the machine's clock; 0 where it is not known. Never compared, never in the event log.
    package var wallClock: Duration
    /// Why it is blocked or skipped.
    package var reason: String?
    /// How well the lab kept time; `nil` where time is virtual or nothing ran.
    package var timing: TimingReport?
    /// What the loads and probes came to.
    package var loads: [LoadReport] = []
    /// The faults of the run on its clock.
    package var faults: [FaultSpan] = []
    /// What oracles compared, with what they could not judge; their violations are findings, too.
    package var oracles: [OracleReport] = []
    /// When devices of the bench were off the bus, also in a run that passed; without those that came for the first time.
    package var absences: [BusAbsence] = []
    /// Options of `lab run` that a repetition needs beside world and seed: `--speed 10x --broker mosquitto`.
    package var options = ""

    package init(
        plan: Plan, run: String, verdict: Verdict, findings: [Finding] = [], limits: [LimitResult] = [], measurements: [Measurement] = [],
        eventCount: Int = 0, duration: Duration = .zero, wallClock: Duration = .zero, reason: String? = nil, timing: TimingReport? = nil
    ) {
        self.plan = plan
        self.run = run
        self.verdict = verdict
        self.findings = findings
        self.limits = limits
        self.measurements = measurements
        self.eventCount = eventCount
        self.duration = duration
        self.wallClock = wallClock
        self.reason = reason
        self.timing = timing
    }
}

/// The result of one `lab run`.
package struct Summary: Sendable, Equatable {
    /// The run's id, the name of its folder below `runs/`.
    package var run: String
    package var labVersion: String
    package var world: WorldKind
    package var seed: UInt64
    package var cases: [CaseSummary]
    /// The build beside another, where that was asked for.
    package var comparison: ComparisonReport?
    /// Metrics over the last runs, where there are any.
    package var history: [HistoryReport] = []
    /// Entries of the quarantine that concern the run.
    package var quarantine: [QuarantineNote] = []
    /// The run whose finished cases are among these (`--resume`); their `run` says so, too.
    package var resumed: String?
    /// It was interrupted, or stopped at the first failure: not all that was chosen came to its end.
    package var isPartial = false

    package init(run: String, labVersion: String, world: WorldKind, seed: UInt64, cases: [CaseSummary]) {
        self.run = run
        self.labVersion = labVersion
        self.world = world
        self.seed = seed
        self.cases = cases
    }

    package func count(_ verdict: Verdict) -> Int { cases.count { $0.verdict == verdict } }
}

/// An entry of the quarantine, and what it bore in a run.
package struct QuarantineNote: Sendable, Equatable {
    /// As written: a path, a glob or an expression.
    package var scenario: String
    package var owner: String
    package var issue: String
    /// The last day: `2026-12-01`.
    package var until: String
    package var why: String
    package var location: SourceLocation
    /// The day is past: the run fails until the owner has mended it or said why it goes on.
    package var isOver: Bool
    /// Cases of the run that would have failed, or been flaky, without it.
    package var borne: Int

    package init(
        scenario: String, owner: String, issue: String, until: String, why: String, location: SourceLocation, isOver: Bool, borne: Int = 0
    ) {
        self.scenario = scenario
        self.owner = owner
        self.issue = issue
        self.until = until
        self.why = why
        self.location = location
        self.isOver = isOver
        self.borne = borne
    }

    /// `li.wei, LAB-231, until 2026-12-01`
    package var terms: String { "\(owner), \(issue), until \(until)" }
}
