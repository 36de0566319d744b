import LabCore
import Programs
import Testing

@testable import Reports

@Suite("junit.xml (Jenkins junit-10.xsd, sla.md §1.6)")
struct JUnitTests {
    private let text = String(decoding: JUnitReport.render(SampleRun.summary, events: SampleRun.events), as: UTF8.self)

    @Test("it validates, also with hostile text", arguments: SampleSummary.allCases)
    func validates(sample: SampleSummary) throws {
        guard let xmllint = Tool.find("xmllint") else { return }
        let report = JUnitReport.render(sample.summary) { _ in HostileRun.events }
        let outcome = try Tool.run(
            xmllint, ["--noout", "--schema", "junit.xsd", "junit.xml"],
            files: [("junit.xsd", Array(JUnitSchema.text.utf8)), ("junit.xml", report)])
        #expect(outcome.status == 0, "\(outcome)")
    }

    @Test("the schema refuses what Jenkins refuses", arguments: [
        #"<testsuites skipped="1"/>"#, #"<testsuites><testsuite name="a" tests="1" failures="0"/></testsuites>"#,
        #"<testsuites><testsuite name="a" tests="1" failures="0" errors="0"><testcase name="x"><properties/></testcase></testsuite></testsuites>"#,
        #"<testsuites><testsuite name="a" tests="1" failures="0" errors="0" time="1e3"/></testsuites>"#,
    ])
    func refuses(document: String) throws {
        guard let xmllint = Tool.find("xmllint") else { return }
        let outcome = try Tool.run(
            xmllint, ["--noout", "--schema", "junit.xsd", "junit.xml"],
            files: [("junit.xsd", Array(JUnitSchema.text.utf8)), ("junit.xml", Array(document.utf8))])
        #expect(outcome.status != 0)
    }

    @Test("one test case for each cell and one for each limit")
    func testCases() {
        #expect(text.split(separator: "<testcase ").count - 1 == 8 + 4)
        #expect(text.contains(#"<testcase name="ota/rollback [injected=badge.app.hang]" classname="ota.rollback" time="0.520">"#))
        #expect(text.contains(#"<testcase name="sla/ramp limit HB-P99" classname="sla.ramp" time="0.000">"#))
    }

    @Test("unproven and blocked are errors, a failure is a failure, only skipped and quarantined are skipped, flaky has its own word")
    func outcomes() {
        #expect(text.contains(#"<failure type="step" message="expected badge.boot.done where firmware = 2.3.0 within 3 m of line 42 (cloud.ota.start)">"#))
        #expect(text.contains(#"<error type="unproven" message="p99(heartbeat) &lt; 150ms: p99 131 ms [≥ 118 ms], limit &lt; 150 ms">"#))
        #expect(text.contains(#"<error type="blocked" message="bench pile-b: no answer to AT in 5 s">"#))
        #expect(text.contains(#"<flakyFailure type="flaky" message="one settlement per order: "#))
        #expect(text.contains(#"<skipped type="quarantined" message="quarantined until 2027-01-31 (issue 41)"/>"#))
        #expect(text.contains(#"<skipped type="skipped" message="needs fault badge.antenna.detune"/>"#))
        #expect(text.contains(#"<testsuites name="lab 0611-1" time="3.017" tests="12" failures="1" errors="2">"#))
    }

    @Test("a cell that only its limit fails passes as a cell")
    func limitOnly() {
        var result = SampleRun.ramp
        result.verdict = .fail
        result.findings[0].verdict = .fail
        result.limits[0].verdict = .fail
        let text = String(decoding: JUnitReport.render(Summary(run: "r", labVersion: "0", world: .sim, seed: 0, cases: [result])), as: UTF8.self)
        #expect(text.contains(#"tests="2" failures="1" errors="0""#))
    }

    @Test("a bug of the lab is an error, not a failure of the product")
    func labBug() {
        var result = SampleRun.rollback
        result.findings[0].subject = .lab
        let text = String(decoding: JUnitReport.render(Summary(run: "r", labVersion: "0", world: .sim, seed: 0, cases: [result])), as: UTF8.self)
        #expect(text.contains(#"failures="0" errors="1""#))
    }

    @Test("a case that did not pass is never green, even with nothing to say")
    func neverGreen() {
        let result = SampleRun.plain("a/b", [:], .fail)
        let text = String(decoding: JUnitReport.render(Summary(run: "r", labVersion: "0", world: .sim, seed: 0, cases: [result])), as: UTF8.self)
        #expect(text.contains(#"errors="1""#))
    }
}
