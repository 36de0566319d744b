package import LabCore

/// result.json: everything that is known of a run, in one document whose form is `ResultSchema.text`.
package enum JSONReport {
    /// Raised when a reader of the old form could misread the new one.
    package static let schemaVersion: Int64 = 1
    /// Raised when something is added that a reader of the old form may overlook. 2: loads, faults, comparison, history, figures of limits. 3: quarantine,
    /// resumed. 4: is_partial.
    package static let schemaRevision: Int64 = 4

    /// The same summary gives the same bytes. Times are whole nanoseconds, the seed is a text: not every reader of JSON
    /// keeps 64 bits.
    package static func render(_ summary: Summary) -> [UInt8] { JSONWriter.bytes(.record(record(summary))) + [UInt8(ascii: "\n")] }

    private static func record(_ summary: Summary) -> Fields {
        let tally = Tally(summary)
        var counts: Fields = [:]
        for verdict in Verdict.allCases.reversed() { counts[verdict.rawValue] = .integer(Int64(summary.count(verdict))) }
        var fields: Fields = [
            "schema": .integer(schemaVersion), "revision": .integer(schemaRevision), "run": .text(summary.run), "lab_version": .text(summary.labVersion),
            "world": .text(summary.world.rawValue), "seed": .text(SeedText.hex(summary.seed)),
            "totals": ["passed": .integer(Int64(tally.passed)), "failed": .integer(Int64(tally.failed)), "skipped": .integer(Int64(tally.skipped))],
            "verdicts": .record(counts), "cases": .list(summary.cases.map { .record(record($0)) }),
        ]
        if let comparison = summary.comparison { fields["comparison"] = LoadRecords.comparison(comparison) }
        if summary.isPartial { fields["is_partial"] = true }
        if let resumed = summary.resumed { fields["resumed"] = .text(resumed) }
        if !summary.quarantine.isEmpty { fields["quarantine"] = .list(summary.quarantine.map { .record(record($0)) }) }
        if !summary.history.isEmpty { fields["history"] = .list(summary.history.map(LoadRecords.history)) }
        return fields
    }

    private static func record(_ note: QuarantineNote) -> Fields {
        [
            "scenario": .text(note.scenario), "owner": .text(note.owner), "issue": .text(note.issue), "until": .text(note.until),
            "why": .text(note.why), "location": location(note.location), "is_over": .bool(note.isOver), "borne": .integer(Int64(note.borne)),
        ]
    }

    private static func record(_ result: CaseSummary) -> Fields {
        let plan = result.plan
        var fields: Fields = [
            "scenario": .text(plan.scenario), "file": .text(plan.file), "about": .text(plan.about),
            "tags": .list(plan.tags.map { .text($0) }), "world": .text(plan.world.rawValue), "seed": .text(SeedText.hex(plan.seed)),
            "cell": .record(plan.cell), "cell_text": .text(plan.cellText), "deadline_ns": .integer(plan.deadline.nanoseconds),
            "run": .text(result.run), "verdict": .text(result.verdict.rawValue), "reason": text(result.reason),
            "duration_ns": .integer(result.duration.nanoseconds), "wall_clock_ns": .integer(result.wallClock.nanoseconds),
            "event_count": .integer(Int64(result.eventCount)), "findings": .list(result.findings.map { .record(record($0)) }),
            "limits": .list(result.limits.map { .record(record($0)) }),
            "measurements": .list(result.measurements.map { .record(record($0)) }),
            "timing": result.timing.map { .record($0.asFields) } ?? .null,
        ]
        if !result.loads.isEmpty { fields["loads"] = .list(result.loads.map { .record(LoadRecords.load($0)) }) }
        if !result.faults.isEmpty { fields["faults"] = .list(result.faults.map(LoadRecords.fault)) }
        if !result.oracles.isEmpty { fields["oracles"] = .list(result.oracles.map { .record(record($0)) }) }
        if !result.absences.isEmpty { fields["absences"] = .list(result.absences.map { .record(record($0)) }) }
        return fields
    }

    private static func record(_ absence: BusAbsence) -> Fields {
        [
            "node": .text(absence.node), "from_ns": absence.from.map { .integer($0.nanoseconds) } ?? .null,
            "until_ns": absence.until.map { .integer($0.nanoseconds) } ?? .null,
        ]
    }

    private static func record(_ report: OracleReport) -> Fields {
        [
            "oracle": .text(report.oracle), "judged": .integer(Int64(report.judged)), "violations": .integer(Int64(report.violations.count)),
            "not_judged": .list(report.gaps.map { ["reason": .text($0.reason), "count": .integer(Int64($0.count))] }),
        ]
    }

    private static func record(_ finding: Finding) -> Fields {
        [
            "subject": .text(finding.subject.rawValue), "verdict": .text(finding.verdict.rawValue), "location": location(finding.location),
            "title": .text(finding.title), "expected": .text(finding.expected), "reason": text(finding.reason),
            "sequence": finding.sequence.map { .integer(Int64($0)) } ?? .null, "node": text(finding.node),
            "nearest": .list(finding.nearest.map { miss in
                [
                    "event": .record(record(miss.event)), "differences": .list(miss.differences.map { .text($0) }), "note": text(miss.note),
                ]
            }),
        ]
    }

    /// The same keys as a line of events.jsonl.
    private static func record(_ event: RunEvent) -> Fields {
        var fields: Fields = [
            "seq": .integer(Int64(event.sequence)), "t": .integer(event.at.nanoseconds), "node": .text(event.node), "event": .text(event.name),
        ]
        if let cause = event.cause { fields["cause"] = .integer(Int64(cause)) }
        if !event.fields.isEmpty { fields["fields"] = .record(event.fields) }
        return fields
    }

    private static func record(_ result: LimitResult) -> Fields {
        let limit = result.limit
        var fields: Fields = [
            "id": .text(limit.id), "text": text(limit.text), "location": location(limit.location), "require": .text(limit.demand),
            "marginal": text(limit.marginal?.source), "min_samples": minimum(limit.minimumSamples),
            "verdict": .text(result.verdict.rawValue), "is_marginal": .bool(result.isMarginal), "figure": .text(result.figure),
            "samples": .integer(Int64(result.samples)), "reason": text(result.reason), "is_void": .bool(result.isVoid),
            "value": LoadRecords.number(result.value), "lower": LoadRecords.number(result.lower), "upper": LoadRecords.number(result.upper),
            "threshold": result.threshold.map(threshold) ?? .null,
            "missing_samples": result.missingSamples.map { .integer(Int64($0)) } ?? .null,
        ]
        if !result.charges.isEmpty {
            fields["charges"] = .list(result.charges.map { charge in
                ["event": .text(charge.event), "outage_ns": .integer(charge.outage.nanoseconds), "total_ns": .integer(charge.total.nanoseconds)]
            })
        }
        return fields
    }

    private static func threshold(_ threshold: Requirement.Quantity) -> FieldValue {
        let unit =
            switch threshold.dimension {
            case .time: "ns"
            case .share: "1"
            case .rate: "/s"
            case .plain: ""
            }
        return ["value": LoadRecords.number(threshold.value), "unit": .text(unit), "source": .text(threshold.source)]
    }

    private static func record(_ measurement: Measurement) -> Fields {
        [
            "name": .text(measurement.name), "t": .integer(measurement.at.nanoseconds), "value": number(measurement.value),
            "unit": .text(measurement.isTime ? "ns" : ""), "labels": .record(measurement.labels),
        ]
    }

    private static func minimum(_ samples: Limit.MinimumSamples) -> FieldValue {
        switch samples {
        case .auto: .null
        case .strict: "strict"
        case .count(let count): .integer(Int64(count))
        }
    }

    static func location(_ location: SourceLocation) -> FieldValue {
        ["file": .text(location.file), "line": .integer(Int64(location.line)), "column": .integer(Int64(location.column))]
    }

    private static func text(_ text: String?) -> FieldValue { text.map { .text($0) } ?? .null }
    private static func number(_ value: Double) -> FieldValue { Int64(exactly: value).map { .integer($0) } ?? .number(value) }
}
