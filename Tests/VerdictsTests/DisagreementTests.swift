import LabCore
import Testing

@testable import Verdicts

@Suite("Runner and judge must agree; where they do not, it is the lab's own bug")
struct DisagreementTests {
    private func log(outcome: String, claimed: [Int64], eventAt: Int64) -> [RunEvent] {
        var log = LogBuilder()
        log.phase("steps")
        let stimulus = log.act("steps.1", line: 3, "badge.boot", at: 1000)
        log.expect("steps.2", line: 4, online, from: stimulus, within: 5000)
        log.event("cloud", "mqtt.online", at: eventAt)
        log.end("steps.2", outcome, ["claimed": .list(claimed.map { .integer($0) })])
        return log.finish(outcome == "passed" ? "done" : "failed")
    }

    @Test("the record that agrees is silent", arguments: [("passed", [6], 2000), ("failed", [], 7000)] as [(String, [Int64], Int64)])
    func agreement(outcome: String, claimed: [Int64], eventAt: Int64) {
        let summary = judge(plan: plan(), events: log(outcome: outcome, claimed: claimed, eventAt: eventAt), run: "r")
        #expect(!summary.findings.contains { $0.subject == .lab })
    }

    @Test("a wrong outcome or a wrong claim is found",
        arguments: [("passed", [6], 7000), ("failed", [], 2000), ("passed", [5], 2000)] as [(String, [Int64], Int64)])
    func conflict(outcome: String, claimed: [Int64], eventAt: Int64) {
        let events = log(outcome: outcome, claimed: claimed, eventAt: eventAt)
        let summary = judge(plan: plan(), events: events, run: "r")
        #expect(summary.findings.contains { $0.subject == .lab && $0.verdict == .fail })
        #expect(ExitCode(Summary(run: "r", labVersion: "0", world: .sim, seed: 0, cases: [summary])) == .labBug)
        let relaxed = judge(plan: plan(), events: events, run: "r", comparesWithRunner: false)
        #expect(!relaxed.findings.contains { $0.subject == .lab })
    }

    @Test("a check whose answer does not fit its outcome is found")
    func check() {
        var log = LogBuilder()
        log.phase("steps")
        log.begin("steps.1", line: 44, "check cloud.device", ["query": "cloud.device", "where": match("state", "active").encoded])
        log.end("steps.1", "passed", ["answer": ["state": "pending"]])
        let summary = judge(plan: plan(), events: log.finish(), run: "r")
        #expect(summary.findings.map(\.subject) == [.step, .lab])
    }

    @Test("an ending that the steps do not show is found", arguments: ["failed", "blocked", "law_broken"])
    func ending(reason: String) {
        var log = LogBuilder()
        log.phase("steps")
        log.act("steps.1", line: 3, "badge.boot")
        #expect(judge(plan: plan(), events: log.finish(reason), run: "r").findings.map(\.subject) == [.lab])
    }

    @Test("a damaged log is refused with the event that is wrong", arguments: ["gap", "time", "cause", "scenario", "empty"])
    func damaged(kind: String) throws {
        var log = LogBuilder(scenario: kind == "scenario" ? "other/one" : "badge/register")
        log.event("cloud", "mqtt.online", at: 1000)
        if kind == "time" { log.event("cloud", "mqtt.online", at: 999) }
        if kind == "cause" { log.event("cloud", "mqtt.online", cause: 3) }
        var events = log.finish()
        if kind == "gap" { events.remove(at: 1) }
        if kind == "empty" { events = [] }
        let summary = judge(plan: plan(), events: events, run: "r")
        let reasons = [
            "gap": "Event 2 is missing: event 3 stands in its place.",
            "time": "Event 3 at +999 ms is earlier than the event before it at +1 s.",
            "cause": "Event 3 names event 3 as its cause, which is not before it.",
            "scenario": "The log is of scenario 'other/one', the plan of 'badge/register'.",
            "empty": "The event log is empty: the run was killed before it wrote its first events. Run it again.",
        ]
        #expect(summary.reason == reasons[kind])
        #expect(summary.verdict == (kind == "empty" ? .blocked : .fail))
        #expect(summary.findings.map(\.subject) == [.lab])
    }

    @Test("a log that was cut off is blocked, not passed")
    func cutOff() {
        var log = LogBuilder()
        log.phase("steps")
        log.expect("steps.1", line: 4, online, from: (1, 0), within: 5000)
        let summary = judge(plan: plan(), events: log.events, run: "r")
        #expect(summary.verdict == .blocked)
        #expect(summary.reason == "the log ends without run.ended during expect cloud.mqtt.online (scenarios/badge/register.yaml:4)")
    }

    @Test("expectations with impossible positions do not bring the judge down", arguments: [
        ["stimulus": -5], ["stimulus": 9_000_000_000_000_000_000], ["stimulus_ns": -1], ["deadline_ns": -9_000_000_000_000_000_000], ["after": -1],
    ] as [Fields])
    func hostilePositions(changes: Fields) {
        var log = LogBuilder()
        log.phase("steps")
        let expectation = Expectation(
            polarity: .expected, event: online, condition: Match(), stimulus: 1, stimulusAt: .start, deadline: RunInstant(nanoseconds: 5))
        log.begin("steps.1", line: 4, "expect cloud.mqtt.online", expectation.asFields.merging(changes))
        log.event("cloud", "mqtt.online")
        log.end("steps.1", "passed", ["claimed": [4]])
        #expect(judge(plan: plan(), events: log.finish(), run: "r").findings.contains { $0.subject == .lab })
    }
}

@Suite("Laws over the whole log (scenario-language.md, semantics 5)")
struct LawReplayTests {
    private let once = Law(
        text: "one registration per serial number", location: place(18),
        rule: .oncePer(registered, Match(), field: "serial_no"))

    private func log(recorded: Bool, ending: String) -> [RunEvent] {
        var log = LogBuilder()
        log.phase("steps")
        log.event("cloud", "device.registered", ["serial_no": "BDG-0007"], at: 100)
        log.event("cloud", "device.registered", ["serial_no": "BDG-0007"], at: 200)
        if recorded { log.note("law.broken", ["law": "one registration per serial number", "line": 18, "reason": "twice", "event": 4]) }
        return log.finish(ending)
    }

    @Test("a broken law fails, with its own line and the event")
    func broken() throws {
        let summary = judge(plan: plan(laws: [once]), events: log(recorded: true, ending: "law_broken"), run: "r")
        let finding = try #require(summary.findings.first)
        #expect(summary.findings.count == 1)
        #expect(summary.verdict == .fail)
        #expect(finding.subject == .law)
        #expect(finding.location == place(18))
        #expect(finding.title == "one registration per serial number")
        #expect(finding.expected == "at most one cloud.device.registered for each serial_no")
        #expect(finding.reason == "a second cloud.device.registered with serial_no = BDG-0007, the first is event 3")
        #expect(finding.sequence == 4)
        #expect(finding.node == "cloud")
    }

    @Test("a breach that the runner did not see is the lab's bug as well")
    func unseen() {
        let summary = judge(plan: plan(laws: [once]), events: log(recorded: false, ending: "done"), run: "r")
        #expect(summary.findings.map(\.subject) == [.law, .lab])
    }

    @Test("a breach that only the runner saw is the lab's bug")
    func invented() {
        let summary = judge(plan: plan(), events: log(recorded: true, ending: "law_broken"), run: "r")
        #expect(summary.findings.map(\.subject) == [.lab, .lab])
    }

    @Test("an obligation that time runs out for is broken, one that the end of the run leaves open is not",
        arguments: [(70_000, Verdict.fail), (30_000, .pass)] as [(Int64, Verdict)])
    func leadsTo(end: Int64, expected: Verdict) {
        let law = Law(
            text: "power back means the badge comes back", location: place(20),
            rule: .leadsTo(
                NodeReference(role: "badge", name: "power.restored"), Match(), to: NodeReference(role: "badge", name: "boot.done"), same: [],
                within: .constant(.duration(60_000_000_000))))
        var log = LogBuilder()
        log.phase("steps")
        log.event("badge", "power.restored", at: 5000)
        if expected == .fail {
            log.note("law.broken", ["law": "power back means the badge comes back", "line": 20, "reason": "late", "event": 3], at: end)
        }
        let summary = judge(plan: plan(laws: [law]), events: log.finish(expected == .fail ? "law_broken" : "done", at: end), run: "r")
        #expect(summary.verdict == expected)
        #expect(!summary.findings.contains { $0.subject == .lab })
    }
}
