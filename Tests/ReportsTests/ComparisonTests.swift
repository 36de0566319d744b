import LabCore
import Testing

@testable import Reports

/// Testing has a type of this name, too.
private typealias Place = LabCore.SourceLocation

/// Runs that are compared with another build or with what was accepted (sla.md §1.4, §1.6).
@Suite("Comparisons in reports")
struct ComparisonTests {
    private let title = LoadRun.charging.plan.scenario

    private func row(
        _ objective: String, _ metric: String, _ outcome: ComparisonReport.Outcome, a: Double, b: Double, unit: String = "ns", location: Place? = nil,
        reason: String? = nil
    ) -> ComparisonReport.Row {
        var row = ComparisonReport.Row(
            objective: objective, location: location, metric: metric, pairs: 0, ratio: a == 0 ? .nan : b / a, lower: .nan, upper: .nan, effect: 0.1, a: a, b: b, p: 1,
            adjusted: 1, outcome: outcome, reason: reason)
        row.unit = unit
        return row
    }

    private func summary(_ rows: [ComparisonReport.Row], cannotTellFails: Place? = nil) -> Summary {
        var result = LoadRun.charging
        result.findings = []
        if let cannotTellFails { result.limits[0].limit.baseline = Limit.Baseline(location: cannotTellFails, cannotTellFails: true) }
        var summary = Summary(run: "1121-2", labVersion: "0.6", world: .emu, seed: 7, cases: [result])
        summary.comparison = ComparisonReport(a: "run 0611-1", b: "run 1121-2", rows: rows)
        return summary
    }

    @Test("the head says what got worse, that a comparison came to nothing, and that a run did not come to its end; none of them has the ✓")
    func head() {
        let void = summary([row("API", "p99", .void, a: .infinity, b: .infinity)])
        #expect(Tally.remarks(void) == ", nothing could be compared")
        #expect(Tally.remarks(summary([row("API", "p99", .void, a: .infinity, b: .infinity), row("API", "p50", .same, a: 1, b: 1)])) == "")
        #expect(Tally.remarks(summary([row("API", "p99", .regressed, a: 1, b: 2)])) == ", 1 objective regressed")
        var partial = summary([row("API", "p50", .same, a: 1, b: 1)])
        partial.cases[0].verdict = .pass
        #expect(Tally.symbol(partial) == "✓")
        partial.isPartial = true
        #expect(Tally.remarks(partial) == ", partial: it did not come to its end" && Tally.symbol(partial) == "?")
        #expect(MarkdownReport.render(void).hasPrefix("### "))
        #expect(MarkdownReport.render(void).split(separator: "\n").first?.hasSuffix(", nothing could be compared") == true)
    }

    private func sarif(_ rows: [ComparisonReport.Row]) throws -> [Fields] {
        let document = try #require(try JSONReader.read(SARIFReport.render(summary(rows))).record)
        return (document["runs"]?.list?.first?.record?["results"]?.list ?? []).compactMap(\.record)
            .filter { $0["ruleId"]?.text?.hasSuffix("/baseline") == true }
    }

    private func junit(_ summary: Summary) -> String { String(decoding: JUnitReport.render(summary), as: UTF8.self) }

    @Test("values stand in their own unit; from 0 there is no ratio", arguments: [
        ("ns", 3.1e6, 3.41e6, "p50 regressed: 3.1 ms → 3.41 ms, B/A 1.100, δ 10 %"), ("share", 0.5, 0.75, "p50 regressed: 50 % → 75 %, B/A 1.500, δ 10 %"),
        ("/s", 400, 300, "p50 regressed: 400 /s → 300 /s, B/A 0.750, δ 10 %"), ("", 0, 5, "p50 regressed: 0 → 5, δ 10 %"),
    ])
    func units(unit: String, a: Double, b: Double, expected: String) {
        #expect(ComparedFigure(row: row("x", "p50", .regressed, a: a, b: b, unit: unit)).sentence == expected)
    }

    @Test("SARIF: a regression against a baseline is an error at its objective, else where an objective has its measurement, else at the first line of its scenario")
    func places() throws {
        let objective = Place(file: "scenarios/sla/a.yaml", line: 44, column: 7)
        let results = try sarif([
            row(title, "api p99", .regressed, a: 3.1e6, b: 6.2e6, location: objective, reason: "one run against run 0611-1: +100.0 %, not tested"),
            row(title, "boot lost", .regressed, a: 0, b: 5, unit: ""), row(title, "api p90", .regressed, a: 1e6, b: 2e6), row(title, "API-P50", .regressed, a: 1e6, b: 2e6),
            row(title, "api p50", .same, a: 1, b: 1),
        ])
        #expect(results.map { $0["level"] } == ["error", "error", "error", "error"])
        func place(_ result: Fields) -> FieldValue? { result["locations"]?.list?.first?.record?["physicalLocation"] }
        #expect(place(results[0]) == ["artifactLocation": ["uri": "scenarios/sla/a.yaml"], "region": ["startLine": 44, "startColumn": 7]])
        #expect(place(results[1]) == ["artifactLocation": ["uri": .text(LoadRun.charging.plan.file)], "region": ["startLine": 1, "startColumn": 1]])
        #expect(results[0]["message"]?.record?["text"]?.text
            == "\(title) api p99 regressed: 3.1 ms → 6.2 ms, B/A 2.000, δ 10 %. one run against run 0611-1: +100.0 %, not tested.")
        #expect(results[1]["message"]?.record?["text"]?.text == "\(title) boot lost regressed: 0 → 5, δ 10 %.")
        // The first objective about api is that of line 41; API-P50 is that of line 42.
        func line(_ result: Fields) -> FieldValue? { place(result)?.record?.value(at: "region.startLine") }
        #expect(line(results[2]) == 41 && line(results[3]) == 42)
    }

    @Test("JUnit: a suite of its own; regressed is a failure, void an error, what cannot be told an error only where that fails the run")
    func suite() throws {
        let strict = Place(file: "scenarios/sla/a.yaml", line: 44, column: 7)
        let rows = [
            row("API-P99", "p99", .regressed, a: 3.1e6, b: 6.2e6), row("API-P99", "p50", .same, a: 1e6, b: 1e6), row("L", "lost", .improved, a: 5, b: 0, unit: ""),
            row("B", "p50", .cannotTell, a: 1e6, b: 2e6), row("A", "p50", .cannotTell, a: 1e6, b: 2e6, location: strict), row("V", "p50", .void, a: 1e6, b: 2e6),
        ]
        let text = junit(summary(rows, cannotTellFails: strict))
        #expect(text.contains(#"<testsuite name="baseline" tests="6" failures="1" errors="2" skipped="0""#))
        #expect(text.contains(#"<testcase name="API-P99 p99 against run 0611-1""#))
        #expect(text.contains(#"<failure type="regressed" message="p99 regressed: 3.1 ms → 6.2 ms, B/A 2.000, δ 10 %">"#))
        #expect(text.contains(#"<error type="cannot tell" message="p50 cannot tell: 1 ms → 2 ms, B/A 2.000, δ 10 %">"#))
        #expect(text.contains(#"<error type="void""#))
        #expect(junit(summary(rows)).contains(#"<testsuite name="baseline" tests="6" failures="1" errors="1" skipped="0""#))
        #expect(!junit(summary([])).contains("baseline"))
    }

    @Test("what got worse stands at the head of every report, though all cases passed; what stayed the same does not")
    func worse() {
        func heads(_ outcome: ComparisonReport.Outcome) -> (html: String, markdown: String, terminal: [String]) {
            var summary = Summary(run: "1121-2", labVersion: "0.6", world: .sim, seed: 7, cases: [SampleRun.plain("a/b", [:], .pass)])
            summary.comparison = ComparisonReport(a: "a", b: "b", rows: [row("x", "p50", outcome, a: 1e6, b: 2e6)])
            return (
                String(decoding: HTMLReport.render(summary) { _ in [] }, as: UTF8.self), MarkdownReport.render(summary),
                TerminalReport(style: .plain, plans: []).totals(summary, report: "report.html")
            )
        }
        let worse = heads(.regressed)
        #expect(worse.terminal == ["1 passed, 1 objective regressed — report.html", "1 passed, 0 failed, 0 skipped"])
        #expect(worse.markdown.hasPrefix("### ✗ lab 1121-2: 1 passed, 0 failed, 0 skipped, 1 objective regressed\n"))
        #expect(worse.html.contains("<title>✗ lab 1121-2: 1 passed, 0 failed, 0 skipped, 1 objective regressed</title>"))
        #expect(worse.html.contains(##"<span class="count fail"><a href="#comparison-head">1 objective regressed</a></span>"##))
        #expect(worse.html.contains(#"id="comparison-head""#))
        let same = heads(.same)
        #expect(same.terminal == ["1 passed — report.html", "1 passed, 0 failed, 0 skipped"])
        #expect(same.markdown.hasPrefix("### ✓ lab 1121-2: 1 passed, 0 failed, 0 skipped\n") && !same.html.contains("objective regressed"))
    }

    @Test("the picture has ratios of times; counts stand in its table with their own values")
    func picture() {
        let comparison = ComparisonReport(
            a: "a", b: "b", rows: [row("x", "lost", .regressed, a: 0, b: 5, unit: ""), row("x", "p50", .regressed, a: 1e6, b: 2e6)])
        let plot = ForestPlot(comparison: comparison, ribbon: .realTime)
        #expect(plot.table.rows.map { [$0[1], $0[3], $0[5], $0[6]] } == [["lost", "–", "0", "5"], ["p50", "2.000", "1 ms", "2 ms"]])
        #expect(plot.html.contains("x · p50") && !plot.html.contains("x · lost"))
        #expect(plot.html.contains("To the right of 1 B takes longer.") && plot.html.contains("1 more are in the table."))
    }
}
