import LabCore
import Programs
import Testing

@testable import Reports

@Suite("Reports name what the quarantine bears, and what is over")
struct QuarantineReportTests {
    private static func note(_ scenario: String, isOver: Bool, borne: Int) -> QuarantineNote {
        QuarantineNote(
            scenario: scenario, owner: "li.wei", issue: "LAB-231", until: "2026-12-01", why: "The relay | sticks.",
            location: SourceLocation(file: "quarantine.yaml", line: 4, column: 17), isOver: isOver, borne: borne)
    }

    private static let summary: Summary = {
        var result = SampleRun.plain("charging/two-ports", [:], .quarantined, reason: "li.wei, LAB-231, until 2026-12-01: The relay sticks.")
        result.findings = SampleRun.flaky.findings
        var kept = SampleRun.plain("badge/boot", [:], .pass)
        kept.run = "0610-4/badge-boot"
        var summary = Summary(run: "0611-1", labVersion: "0.4", world: .hw, seed: 1, cases: [result, kept, SampleRun.flaky])
        summary.cases.append(SampleRun.plain("charging/power-loss", [:], .blocked, reason: "bench pile-b: no answer to AT in 5 s"))
        summary.quarantine = [note("charging/two-ports", isOver: false, borne: 1), note("ota/*", isOver: true, borne: 0), note("badge/boot", isOver: false, borne: 0)]
        summary.resumed = "0610-4"
        return summary
    }()

    @Test("Markdown: entries that are over come first, then those that bore something; blocked and flaky cases have their rows")
    func markdown() {
        let text = MarkdownReport.render(Self.summary)
        let lines = text.split(separator: "\n").map(String.init)
        let rows = lines.filter { $0.contains("LAB-231") }
        #expect(rows == [
            "| ✗ **over** | ota/\\* | li.wei | LAB-231 | 2026-12-01 | The relay \\| sticks. | 0 |",
            "| quarantined | charging/two-ports | li.wei | LAB-231 | 2026-12-01 | The relay \\| sticks. | 1 |",
        ])
        #expect(lines.contains("1 of 4 cells ended in run 0610-4, which this one goes on with."))
        #expect(lines.contains { $0.hasPrefix("| **blocked** | charging/power-loss |") && $0.contains("no answer to AT in 5 s") })
        #expect(lines.contains { $0.hasPrefix("| **flaky** | charging/two-ports |") })
    }

    @Test("the terminal says what was borne, and whose the next step is where an entry is over")
    func terminal() {
        let lines = TerminalReport(style: .plain, plans: Self.summary.cases.map(\.plan)).closing(Self.summary, report: nil) { _ in [] }
        #expect(lines.contains("quarantined charging/two-ports: 1 cell, li.wei, LAB-231, until 2026-12-01"))
        #expect(lines.contains("QUARANTINE OVER ota/*: since 2026-12-01; li.wei mends it, or says in quarantine.yaml:4:17 why it goes on (LAB-231)"))
        #expect(!lines.contains { $0.contains("badge/boot:") })
    }

    @Test("result.json has both, and its schema accepts them")
    func json() throws {
        let bytes = JSONReport.render(Self.summary)
        let report = try #require(try JSONReader.read(bytes).record)
        #expect(report["resumed"] == "0610-4" && report["revision"] == 4)
        #expect(report["quarantine"]?.list?.map { $0.record?["is_over"] } == [false, true, false])
        #expect(try JSONReportTests.validate(bytes)?.status ?? 0 == 0)
    }
}
