import LabCore

/// Loads, faults, comparisons and histories as records of result.json.
enum LoadRecords {
    static func load(_ load: LoadReport) -> Fields {
        [
            "id": .text(load.id), "location": JSONReport.location(load.location), "text": .text(load.text), "start_ns": .integer(load.span.lowerBound.nanoseconds),
            "end_ns": .integer(load.span.upperBound.nanoseconds), "measured_from_ns": .integer(load.measuredFrom.nanoseconds),
            "is_modelled": .bool(load.isModelled), "counts": .record(counts(load.counts)), "response": spectrum(load.response),
            "service": spectrum(load.service), "floor": load.floor.map(spectrum) ?? .null, "parts": .list(load.parts.map(part)), "heat": heat(load.heat),
            "hops": load.hops.map(hops) ?? .null, "raster": load.raster.map(raster) ?? .null,
            "harness": load.harness.map { .record($0.asFields) } ?? .null, "cloud_cpu_ns": number(load.cloudCPU), "lab_cpu_ns": number(load.labCPU),
        ]
    }

    static func fault(_ fault: FaultSpan) -> FieldValue {
        ["name": .text(fault.name), "start_ns": .integer(fault.start.nanoseconds), "end_ns": fault.end.map { .integer($0.nanoseconds) } ?? .null]
    }

    private static func counts(_ counts: LoadReport.Counts) -> Fields {
        [
            "planned": integer(counts.planned), "warmup": integer(counts.warmup), "sent": integer(counts.sent), "good": integer(counts.good),
            "refused": integer(counts.refused), "unanswered": integer(counts.unanswered), "lost": integer(counts.lost),
            "duplicates": integer(counts.duplicates), "out_of_order": integer(counts.outOfOrder),
        ]
    }

    private static func spectrum(_ spectrum: LoadReport.Spectrum) -> FieldValue {
        [
            "samples": integer(spectrum.samples),
            "points": .list(spectrum.points.map { ["thousandths": integer($0.thousandths), "value_ns": $0.value.map { .integer($0) } ?? .null] }),
        ]
    }

    private static func part(_ part: LoadReport.Part) -> FieldValue {
        [
            "label": .text(part.label.name), "value": .text(part.label.value), "samples": integer(part.samples),
            "p50_ns": part.p50.map { .integer($0) } ?? .null, "p99_ns": part.p99.map { .integer($0) } ?? .null, "refused": integer(part.refused),
        ]
    }

    private static func heat(_ heat: LoadReport.HeatMap) -> FieldValue {
        [
            "start_ns": .integer(heat.start.nanoseconds), "column_ns": .integer(heat.columnWidth), "bounds_ns": .list(heat.bounds.map { .integer($0) }),
            "counts": .list(heat.counts.map { .list($0.map(integer)) }), "planned": .list(heat.planned.map(integer)),
        ]
    }

    private static func hops(_ report: LoadReport.HopReport) -> FieldValue {
        [
            "slowest_count": integer(report.slowestCount),
            "hops": .list(report.hops.map { hop in
                [
                    "place": .text("\(hop.place)"), "name": .text(hop.place.hopName), "p50_ns": .integer(hop.p50), "p99_ns": .integer(hop.p99),
                    "median_ns": .integer(hop.median), "slowest_ns": number(hop.slowest),
                ]
            }),
        ]
    }

    /// A text for each row, a letter for each cell: a number for each would take five times the room.
    private static func raster(_ raster: LoadReport.FleetRaster) -> FieldValue {
        let rows = raster.rows.map { row in FieldValue.text(String(row.map(letter))) }
        return [
            "start_ns": .integer(raster.start.nanoseconds), "column_ns": .integer(raster.columnWidth), "members_per_row": integer(raster.membersPerRow),
            "rows": .list(rows),
        ]
    }

    private static func letter(_ cell: LoadReport.FleetRaster.Cell) -> Character {
        switch cell {
        case .nothing: "."
        case .good: "g"
        case .late: "l"
        case .refused: "r"
        case .lost: "x"
        }
    }

    static func comparison(_ report: ComparisonReport) -> FieldValue {
        [
            "a": .text(report.a), "b": .text(report.b),
            "rows": .list(report.rows.map { .record(row($0)) }),
            "self_test": report.selfTest.map { test in
                ["comparisons": integer(test.comparisons), "alarms": integer(test.alarms), "smallest_effect": number(test.smallestEffect)]
            } ?? .null,
        ]
    }

    private static func row(_ row: ComparisonReport.Row) -> Fields {
        [
            "objective": .text(row.objective), "location": row.location.map(JSONReport.location) ?? .null, "metric": .text(row.metric), "pairs": integer(row.pairs),
            "ratio": number(row.ratio), "lower": number(row.lower), "upper": number(row.upper), "effect": number(row.effect), "a": number(row.a),
            "b": number(row.b), "unit": .text(row.unit), "p": number(row.p), "adjusted": number(row.adjusted), "outcome": .text(row.outcome.rawValue),
            "reason": row.reason.map { .text($0) } ?? .null,
        ]
    }

    static func history(_ report: HistoryReport) -> FieldValue {
        [
            "metric": .text(report.metric), "unit": .text(report.unit),
            "points": .list(report.points.map { ["run": .text($0.run), "label": .text($0.label), "value": number($0.value)] }),
            "changes": .list(report.changes.map { change in
                [
                    "index": integer(change.index), "before": number(change.before), "after": number(change.after), "p": number(change.p),
                    "is_confirmed": .bool(change.isConfirmed),
                ]
            }),
        ]
    }

    static func integer(_ value: Int) -> FieldValue { .integer(Int64(value)) }
    static func number(_ value: Double?) -> FieldValue {
        guard let value, value.isFinite else { return .null }
        return Int64(exactly: value).map { .integer($0) } ?? .number(value)
    }
}
