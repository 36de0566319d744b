package import LabCore

/// Tables for spreadsheets and scripts (RFC 4180): a line of names, then one line for each objective, or for each percentile of each load.
///
/// Numbers are bare, in the unit that the heading or the column `unit` names; times are nanoseconds. What is not known is empty.
package enum CSVReport {
    /// Every objective of a run, in the order of the run.
    package static func objectives(_ summary: Summary) -> [UInt8] {
        let names = [
            "run", "scenario", "cell", "world", "objective", "verdict", "require", "figure", "value", "lower", "upper", "comparison", "limit", "unit",
            "samples", "missing_samples", "reason", "file", "line",
        ]
        let rows = summary.cases.flatMap { result in result.limits.map { row(summary, result, $0) } }
        return document(names, rows)
    }

    private static func row(_ summary: Summary, _ result: CaseSummary, _ limit: LimitResult) -> [String] {
        let figure = ObjectiveFigure(result: limit)
        let names = [summary.run, result.plan.scenario, result.plan.cell.isEmpty ? "" : result.plan.cellText, result.plan.world.rawValue]
        let outcome = [limit.limit.id, figure.status, limit.limit.demand, limit.figure]
        let numbers = [
            number(limit.value), number(limit.lower), number(limit.upper), figure.claim?.comparison.rawValue ?? "", number(figure.threshold?.value),
            figure.threshold.map { unit($0.dimension) } ?? "", "\(limit.samples)", limit.missingSamples.map { "\($0)" } ?? "",
        ]
        return names + outcome + numbers + [limit.reason ?? "", limit.limit.location.file, "\(limit.limit.location.line)"]
    }

    /// Every percentile of every load: response, service and floor.
    package static func percentiles(_ summary: Summary) -> [UInt8] {
        let names = ["run", "scenario", "cell", "world", "load", "modelled", "spectrum", "samples", "percent", "value_ns", "answered"]
        var rows: [[String]] = []
        for result in summary.cases {
            for load in result.loads {
                let names = [
                    summary.run, result.plan.scenario, result.plan.cell.isEmpty ? "" : result.plan.cellText, result.plan.world.rawValue, load.id,
                    load.isModelled ? "true" : "false",
                ]
                for (name, spectrum) in [("response", load.response), ("service", load.service)] + (load.floor.map { [("floor", $0)] } ?? []) {
                    rows += spectrum.points.map { point in
                        names + [
                            name, "\(spectrum.samples)", FigureText.number(Double(point.thousandths) / 1000), point.value.map { "\($0)" } ?? "",
                            point.value == nil ? "false" : "true",
                        ]
                    }
                }
            }
        }
        return document(names, rows)
    }

    private static func unit(_ dimension: Requirement.Quantity.Dimension) -> String {
        switch dimension {
        case .time: "ns"
        case .share: "1"
        case .rate: "/s"
        case .plain: ""
        }
    }

    private static func number(_ value: Double?) -> String {
        guard let value, value.isFinite else { return "" }
        return Int64(exactly: value).map { "\($0)" } ?? "\(value)"
    }

    private static func document(_ names: [String], _ rows: [[String]]) -> [UInt8] {
        var output: [UInt8] = []
        for row in [names] + rows { output += Array(row.map(field).joined(separator: ",").utf8) + [0x0d, 0x0a] }
        return output
    }

    /// In quotes where it has a comma, a quote or a line end, or space that a reader might take away.
    private static func field(_ text: String) -> String {
        let clean = VisibleText.clean(text)
        guard clean.contains(where: { ",\"\n\r".contains($0) }) || clean.hasPrefix(" ") || clean.hasSuffix(" ") else { return clean }
        return "\"" + clean.split(separator: "\"", omittingEmptySubsequences: false).joined(separator: "\"\"") + "\""
    }
}
