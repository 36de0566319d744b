import LabCore
import Testing

@testable import Verdicts

/// Counts events and does not like some.
private struct CountingOracle: RunOracle {
    var disliked = ""

    func judge(plan: Plan, events: [RunEvent]) -> OracleReport? {
        guard !plan.tags.contains(Plan.oracleExemption) else { return nil }
        let wrong = events.filter { $0.name == disliked }
        return OracleReport(
            oracle: "counting", noun: "event", judged: events.count, violations: wrong.map { .init("\($0.name) is wrong.", sequence: $0.sequence, node: $0.node) },
            gaps: [.init(reason: "event of tomorrow", count: 2)])
    }
}

@Suite("Oracles: judges of whole runs")
struct OracleTests {
    private func log(_ events: Int = 1) -> [RunEvent] {
        var log = LogBuilder()
        log.phase("steps")
        for second in 0..<Int64(events) { log.event("cloud", "device.registered", at: 1000 + second) }
        return log.finish()
    }

    @Test("what they compared and could not judge stands in the summary, and changes no verdict")
    func sound() {
        let events = log()
        let summary = judge(plan: plan(), events: events, run: "r", oracles: [CountingOracle()])
        #expect(summary.verdict == .pass)
        #expect(summary.oracles.map(\.text) == ["\(events.count) events compared; not judged: 2 × event of tomorrow"])
    }

    @Test("a violation fails the case, with its event and its node")
    func violated() throws {
        let events = log()
        let summary = judge(plan: plan(), events: events, run: "r", oracles: [CountingOracle(disliked: "device.registered")])
        #expect(summary.verdict == .fail)
        let finding = try #require(summary.findings.first)
        #expect(summary.findings.count == 1)
        #expect([finding.subject.rawValue, finding.title, finding.reason] == ["oracle", "counting oracle", "device.registered is wrong."])
        #expect(finding.sequence.map { events[$0 - 1].name } == "device.registered")
        #expect(finding.node == "cloud")
    }

    @Test("a thousand violations are a hundred findings and their number")
    func bounded() {
        let summary = judge(plan: plan(), events: log(1_000), run: "r", oracles: [CountingOracle(disliked: "device.registered")])
        #expect(summary.findings.count == 101)
        #expect(summary.findings.last?.reason == "900 more violations")
        #expect(summary.oracles.first?.violations.count == 1_000)
    }

    @Test("an oracle that has nothing to judge says nothing")
    func silent() {
        var plan = plan()
        plan.tags = [Plan.oracleExemption]
        #expect(judge(plan: plan, events: log(), run: "r", oracles: [CountingOracle(disliked: "device.registered")]).oracles == [])
    }
}
