package import LabCore

/// Findings as SARIF 2.1.0: each objective is a rule, and each result points at the objective's own line (sla.md §1.6).
///
/// What shows annotations hides those beyond ten of a level without a word: so the worst nine are results, and the tenth says how many
/// more there are.
package enum SARIFReport {
    /// Results of one level, the one about the rest included.
    private static let limit = 10
    private static let restRule = "lab/more"

    /// - Parameter report: the path of report.html, named where there are more results than are shown.
    package static func render(_ summary: Summary, report: String? = nil) -> [UInt8] {
        let all = results(summary)
        var shown: [Result] = []
        for level in Level.allCases {
            let ofLevel = all.filter { $0.level == level }
            guard ofLevel.count > limit else {
                shown += ofLevel
                continue
            }
            let rest = ofLevel.count - (limit - 1)
            let place = report.map { "; \($0) has them all" } ?? "; the report has them all"
            shown += ofLevel.prefix(limit - 1)
            shown.append(
                Result(rule: restRule, level: level, location: ofLevel[limit - 1].location, text: "\(rest) more of this level\(place).", about: "Results beyond the worst nine of a level."))
        }
        var rules: [Result] = []
        for result in shown where !rules.contains(where: { $0.rule == result.rule }) { rules.append(result) }
        let run: Fields = [
            "tool": ["driver": ["name": "lab", "version": .text(summary.labVersion), "rules": .list(rules.map { .record(rule($0)) })]],
            "automationDetails": ["id": .text("lab/\(VisibleText.clean(summary.run))")], "columnKind": "unicodeCodePoints",
            "results": .list(shown.map { result in .record(record(result, rules.firstIndex { $0.rule == result.rule } ?? 0)) }),
        ]
        // The address only names the form of the document; nothing is loaded from it.
        let document: Fields = ["$schema": "https://json.schemastore.org/sarif-2.1.0.json", "version": "2.1.0", "runs": .list([.record(run)])]
        return JSONWriter.bytes(.record(document)) + [UInt8(ascii: "\n")]
    }

    private enum Level: String, CaseIterable { case error, warning, note }

    private struct Result {
        var rule: String
        var level: Level
        var location: SourceLocation
        var text: String
        /// What the rule is, in one sentence.
        var about: String
    }

    // MARK: What is told

    private static func results(_ summary: Summary) -> [Result] {
        let objectives = ObjectiveFigure.worstFirst(summary.cases).compactMap { objective($0.result, $0.limit) }
        let comparisons = (summary.comparison?.rows ?? []).compactMap { compared($0, summary) }
        let findings = summary.cases.flatMap { result in
            result.findings.filter { $0.subject != .limit }.sorted { $0.verdict > $1.verdict }.compactMap { finding($0, result) }
        }
        return objectives + comparisons + findings
    }

    private static func objective(_ result: CaseSummary, _ limit: LimitResult) -> Result? {
        let figure = ObjectiveFigure(result: limit)
        let level: Level
        switch limit.verdict {
        case .fail: level = .error
        case .unproven, .blocked, .flaky: level = .warning
        case .pass where limit.isMarginal: level = .note
        case .pass, .skipped, .quarantined: return nil
        }
        let details = ["\(limit.limit.id) \(figure.word.lowercased())", "\(limit.limit.demand): \(figure.sentence)"]
        let reasons = [limit.reason, "\(HTMLText.count(limit.samples, "sample"))" + (figure.missingText.map { ", \($0)" } ?? ""), name(result)]
        return Result(
            rule: limit.limit.id, level: level, location: limit.limit.location,
            text: details.joined(separator: ": ") + ". " + reasons.compactMap { $0 }.joined(separator: "; ") + ".",
            about: limit.limit.text ?? limit.limit.demand)
    }

    /// Stands at the objective that asks for it, or that is about the same measurement; a figure that no objective is about at the beginning
    /// of its scenario.
    private static func compared(_ row: ComparisonReport.Row, _ summary: Summary) -> Result? {
        let level: Level
        switch row.outcome {
        case .regressed: level = .error
        case .cannotTell, .void: level = .warning
        case .improved, .same: return nil
        }
        let scenario = summary.cases.first { name($0) == row.objective } ?? summary.cases.first
        let measurement = row.metric.prefix { $0 != " " }
        let related = scenario?.limits.map(\.limit).first { limit in
            limit.id == row.metric || limit.requirement.allClaims.contains { $0.measurement == measurement }
        }
        let start = scenario.map { SourceLocation(file: $0.plan.file, line: 1, column: 1) }
        guard let location = row.location ?? related?.location ?? start else { return nil }
        return Result(
            rule: "\(row.objective)/baseline", level: level, location: location,
            text: "\(row.objective) \(ComparedFigure(row: row).sentence)" + (row.reason.map { ". \($0)" } ?? "") + ".",
            about: "\(row.objective) against the build before.")
    }

    private static func finding(_ finding: Finding, _ result: CaseSummary) -> Result? {
        let level: Level
        switch finding.verdict {
        case .fail: level = result.verdict == .flaky || result.verdict == .quarantined ? .warning : .error
        case .unproven, .blocked, .flaky: level = .warning
        case .pass, .skipped, .quarantined: return nil
        }
        let words = [finding.title, finding.reason ?? (finding.expected.isEmpty ? nil : "expected \(finding.expected)"), name(result)]
        return Result(
            rule: "lab/\(finding.subject.rawValue)", level: level, location: finding.location,
            text: words.compactMap { $0 }.joined(separator: ": ") + ".", about: "A \(finding.subject.rawValue) of a scenario.")
    }

    private static func name(_ result: CaseSummary) -> String {
        result.plan.scenario + (result.plan.cell.isEmpty ? "" : " [\(result.plan.cellText)]")
    }

    // MARK: Form

    private static func rule(_ result: Result) -> Fields {
        [
            "id": .text(VisibleText.clean(result.rule)), "shortDescription": message(result.about), "defaultConfiguration": ["level": .text(result.level.rawValue)],
        ]
    }

    private static func record(_ result: Result, _ index: Int) -> Fields {
        [
            "ruleId": .text(VisibleText.clean(result.rule)), "ruleIndex": .integer(Int64(index)), "level": .text(result.level.rawValue),
            "message": message(result.text),
            "locations": .list([
                .record([
                    "physicalLocation": [
                        "artifactLocation": ["uri": .text(address(result.location.file))],
                        "region": [
                            "startLine": .integer(Int64(max(result.location.line, 1))), "startColumn": .integer(Int64(max(result.location.column, 1))),
                        ],
                    ]
                ])
            ]),
        ]
    }

    private static func message(_ text: String) -> FieldValue { ["text": .text(VisibleText.clean(text))] }

    /// The path as a relative reference (RFC 3986 §4.2): every byte that may not stand in a path is written as `%XX`.
    static func address(_ path: String) -> String {
        var result = ""
        for byte in path.utf8 {
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"),
                UInt8(ascii: "."), UInt8(ascii: "_"), UInt8(ascii: "~"), UInt8(ascii: "/"):
                result.unicodeScalars.append(Unicode.Scalar(byte))
            default: result += "%" + Hexadecimal.text([byte]).uppercased()
            }
        }
        return result
    }
}
