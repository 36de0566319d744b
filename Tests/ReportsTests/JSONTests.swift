import LabCore
import Programs
import Testing

@testable import Reports

@Suite("result.json and its schema")
struct JSONReportTests {
    private static let check = """
        import json, sys
        try:
            import jsonschema
        except ImportError:
            print("not tested: the Python package jsonschema is not installed")
            sys.exit(0)
        schema = json.load(open("schema.json"))
        jsonschema.Draft202012Validator.check_schema(schema)
        errors = list(jsonschema.Draft202012Validator(schema).iter_errors(json.load(open("result.json"))))
        for error in errors[:5]:
            print(error.json_path, error.message)
        sys.exit(1 if errors else 0)
        """

    static func validate(_ report: [UInt8]) throws -> ChildProcess.Outcome? {
        guard let python = Tool.find("python3") else { return nil }
        let outcome = try Tool.run(
            python, ["check.py"],
            files: [("schema.json", Array(ResultSchema.text.utf8)), ("result.json", report), ("check.py", Array(check.utf8))])
        if outcome.output.hasPrefix("not tested") {
            print(outcome.output)
            return nil
        }
        return outcome
    }

    @Test("it validates, also with hostile text", arguments: SampleSummary.allCases)
    func validates(sample: SampleSummary) throws {
        guard let outcome = try Self.validate(JSONReport.render(sample.summary)) else { return }
        #expect(outcome.status == 0, "\(outcome)")
    }

    @Test("the schema refuses another version, an unknown verdict and an unknown key", arguments: [
        (#""schema":1"#, #""schema":2"#), (#""verdict":"flaky""#, #""verdict":"maybe""#), (#""run":"0611-1","#, #""run":"0611-1","extra":1,"#),
    ])
    func refuses(part: String, replacement: String) throws {
        var text = String(decoding: JSONReport.render(SampleRun.summary), as: UTF8.self)
        let range = try #require(text.firstRange(of: part))
        text.replaceSubrange(range, with: replacement)
        guard let outcome = try Self.validate(Array(text.utf8)) else { return }
        #expect(outcome.status == 1)
    }

    @Test("everything is in it, times as whole nanoseconds, the seed as text")
    func content() throws {
        let document = try JSONReader.read(JSONReport.render(SampleRun.summary))
        let report = try #require(document.record)
        #expect(report["schema"] == 1)
        #expect(report["seed"] == "0x5eed1a7e")
        #expect(report["totals"] == ["passed": 3, "failed": 1, "skipped": 4])
        let cases = (report["cases"]?.list ?? []).compactMap(\.record)
        try #require(cases.count == 8)
        #expect(cases[2]["verdict"] == "fail")
        #expect(cases[2]["cell"] == ["injected": "badge.app.hang"])
        #expect(cases[2]["duration_ns"] == 182_358_000_000)
        let finding = try #require(cases[2]["findings"]?.list?.first?.record)
        #expect(finding["location"] == ["file": "scenarios/ota/rollback.yaml", "line": 44, "column": 5])
        #expect(finding["sequence"] == 221)
        let miss = try #require(finding["nearest"]?.list?.first?.record)
        #expect(miss["differences"] == ["firmware"])
        #expect(cases[1]["limits"]?.list?.first?.record?["is_marginal"] == true)
        #expect(cases[1]["measurements"]?.list?.first?.record?["value"] == 1_349_000_000)
    }

    @Test("the same summary gives the same bytes, on one line")
    func deterministic() {
        let bytes = JSONReport.render(SampleRun.summary)
        #expect(bytes == JSONReport.render(SampleRun.summary))
        #expect(bytes.count { $0 == 0x0a } == 1)
    }
}

@Suite("Markdown summary")
struct MarkdownTests {
    @Test("counts, what did not pass, and the command to type")
    func content() {
        let text = MarkdownReport.render(SampleRun.summary, report: "runs/0611-1/report.html", events: SampleRun.events)
        #expect(text.hasPrefix("### ✗ lab 0611-1: 3 passed, 1 failed, 4 skipped\n"))
        #expect(text.contains("| **FAIL** | ota/rollback | injected=badge.app.hang | scenarios/ota/rollback.yaml:44 |"))
        #expect(text.contains("  replay    lab replay 0611-1/ota-rollback.injected-badge.app.hang --until 221"))
        #expect(!text.contains("loss=0%"))
    }

    @Test("a run that passed is one short paragraph")
    func passed() {
        let summary = Summary(run: "r", labVersion: "0.4", world: .sim, seed: 1, cases: [SampleRun.plain("a/b", [:], .pass)])
        #expect(MarkdownReport.render(summary) == "### ✓ lab r: 1 passed, 0 failed, 0 skipped\n\nWorld `sim`, seed `0x1`, lab 0.4.\n\n")
    }

    @Test("nine cases are shown, the rest is counted; a thousand stay below 1 MiB")
    func many() {
        let summary = Summary(run: "r", labVersion: "0", world: .sim, seed: 0, cases: Array(repeating: SampleRun.rollback, count: 1000))
        let text = MarkdownReport.render(summary) { _ in SampleLog.rollback() }
        #expect(text.split(separator: "```text").count - 1 == 9)
        #expect(text.contains("… and 991 more cases; the report has them all."))
        #expect(text.utf8.count < 1 << 20)
    }

    @Test("text from outside cannot leave its cell or its block")
    func hostile() {
        let text = MarkdownReport.render(HostileRun.summary) { _ in HostileRun.events }
        #expect(text.contains("\n````text\n"))
        for line in text.split(separator: "\n") where line.hasPrefix("|") { #expect(!line.contains("<script>")) }
        #expect(!text.contains("\n::error::"))
    }
}
