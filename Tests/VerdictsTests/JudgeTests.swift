import LabCore
import Testing

@testable import Verdicts

@Suite("Expectations, judged again from the log (scenario-language.md, semantics 2 to 5)")
struct JudgeTests {
    /// do badge.boot at 1 s; expect cloud.device.registered within 5 s; expect cloud.mqtt.online within 10 s.
    private func registration(registeredAt: Int64 = 1400, claims: Bool = true) -> LogBuilder {
        var log = LogBuilder()
        log.phase("steps")
        let stimulus = log.act("steps.1", line: 34, "badge.boot", at: 1000)
        log.expect("steps.2", line: 36, registered, match("serial_no", "BDG-0007"), from: stimulus, within: 5000)
        let event = log.event("cloud", "device.registered", ["serial_no": "BDG-0007", "device": "D1"], at: registeredAt)
        log.end("steps.2", "passed", ["claimed": .list([.integer(Int64(event))])])
        return log
    }

    @Test("what was met passes, with nothing to say")
    func passes() {
        var log = registration()
        let summary = judge(plan: plan(), events: log.finish(), run: "0611-1/badge-register")
        #expect(summary.verdict == .pass)
        #expect(summary.findings == [])
        #expect(summary.run == "0611-1/badge-register")
        #expect(summary.eventCount == 8)
        #expect(summary.duration == .milliseconds(1400))
    }

    @Test("what did not come in time fails, and says from where it counted, what came nearest and where it was decided")
    func fails() throws {
        var log = registration()
        let stimulus = log.act("steps.3", line: 47, "badge.reboot", at: 2000)
        log.expect("steps.4", line: 48, online, match("device", "D1"), from: stimulus, within: 10_000)
        log.event("cloud", "mqtt.online", ["device": "D9"], at: 4000)
        let decided = log.end("steps.4", "failed", ["reason": "it did not happen in time"], at: 12_000)
        let summary = judge(plan: plan(), events: log.finish("failed"), run: "r")
        #expect(summary.verdict == .fail)
        let finding = try #require(summary.findings.first)
        #expect(summary.findings.count == 1)
        #expect(finding.subject == .step)
        #expect(finding.location == place(48))
        #expect(finding.title == "expect cloud.mqtt.online")
        #expect(finding.expected == "cloud.mqtt.online where device = D1   within 10 s of line 47 (badge.reboot)")
        #expect(finding.nearest.map(\.differences) == [["device"]])
        #expect(finding.sequence == decided)
        #expect(finding.node == "cloud")
        #expect(finding.reason == nil)
    }

    @Test("a device that was off the bus while something was waited for is named, and one that was so before is not")
    func awayMeanwhile() throws {
        var log = registration()
        for (name, moment) in [("usb.unplugged", 1500), ("usb.plugged", 1700)] { log.event("modem", name, ["port": "serial"], at: Int64(moment)) }
        let stimulus = log.act("steps.3", line: 47, "badge.reboot", at: 2000)
        log.expect("steps.4", line: 48, online, from: stimulus, within: 10_000)
        log.event("modem", "usb.unplugged", ["port": "modem"], at: 2900)
        log.event("modem", "usb.unplugged", ["port": "serial"], at: 3000)
        log.event("modem", "usb.plugged", ["port": "serial"], at: 4250)
        log.event("pile", "usb.unplugged", ["port": "serial"], at: 5000)
        log.end("steps.4", "failed", at: 12_000)
        let finding = try #require(judge(plan: plan(), events: log.finish("failed"), run: "r").findings.first)
        #expect(finding.verdict == .fail)
        #expect(finding.reason == "nothing of this kind was seen; modem was off the bus from +3 s until +4.25 s; pile was off the bus since +5 s")
    }

    @Test("a run that passed keeps when its devices were off the bus; the first arrival of one is no return")
    func awayAndPassed() {
        var log = registration()
        for (name, moment) in [("usb.plugged", 2100), ("usb.unplugged", 2500), ("usb.plugged", 2700), ("usb.unplugged", 2800)] {
            log.event("modem", name, ["port": "serial"], at: Int64(moment))
        }
        let summary = judge(plan: plan(), events: log.finish(), run: "r")
        #expect(summary.verdict == .pass)
        #expect(summary.absences.map(\.text) == ["modem was off the bus from +2.5 s until +2.7 s", "modem was off the bus since +2.8 s"])
    }

    @Test("what fails after a device left the bus by itself is blocked, and what passes has passed")
    func lostMeanwhile() throws {
        var log = registration()
        log.event("modem", "usb.lost", ["port": "serial"], at: 1500)
        #expect(judge(plan: plan(), events: log.finish(), run: "r").verdict == .pass)

        log = registration()
        log.event("modem", "usb.lost", ["port": "serial", "detail": "it left the bus by itself"], at: 1500)
        log.expect("steps.3", line: 41, online, from: (2, 1000), within: 10_000)
        log.end("steps.3", "failed", at: 11_000)
        let summary = judge(plan: plan(), events: log.finish("failed"), run: "r")
        #expect(summary.verdict == .blocked)
        #expect(summary.findings.map(\.verdict) == [.blocked, .blocked])
        let doubt = try #require(summary.findings.first)
        #expect(doubt.reason?.hasPrefix("at +1.5 s it left the bus by itself: look at its cable") == true)
        // The step that had begun when it went, so that it is looked for at its place.
        #expect(doubt.location.line == log.events.last { $0.name == LabEvents.stepStarted && $0.sequence < (doubt.sequence ?? 0) }?.fields["line"]?.integer.map(Int.init))
    }

    @Test("what had failed before a device left the bus stays a failure")
    func lostAfterwards() {
        var log = registration()
        log.expect("steps.3", line: 41, online, from: (2, 1000), within: 10_000)
        log.end("steps.3", "failed", at: 11_000)
        log.event("modem", "usb.lost", ["port": "serial", "detail": "it left the bus by itself"], at: 12_000)
        #expect(judge(plan: plan(), events: log.finish("failed"), run: "r").verdict == .fail)
    }

    @Test("where nothing of the kind came, the finding says so")
    func nothingSeen() throws {
        var log = registration()
        log.expect("steps.3", line: 41, online, from: (2, 1000), within: 10_000)
        log.end("steps.3", "failed", at: 11_000)
        let finding = try #require(judge(plan: plan(), events: log.finish("failed"), run: "r").findings.first)
        #expect(finding.nearest == [])
        #expect(finding.reason == "nothing of this kind was seen")
    }

    @Test("an event is taken once: the second expect of the same kind needs a second event")
    func claimsOnce() throws {
        var log = registration()
        log.expect("steps.3", line: 41, registered, from: (2, 1000), within: 5000)
        log.end("steps.3", "failed", at: 6000)
        let finding = try #require(judge(plan: plan(), events: log.finish("failed"), run: "r").findings.first)
        #expect(finding.nearest.map(\.note) == ["taken by another expect"])
    }

    @Test("with a count the whole window is watched", arguments: [(2, Verdict.pass), (3, .fail), (1, .fail)])
    func counts(seen: Int, expected: Verdict) {
        var log = LogBuilder()
        log.phase("steps")
        let stimulus = log.act("steps.1", line: 3, "badge.boot", at: 1000)
        log.expect("steps.2", line: 4, online, from: stimulus, within: 5000, count: .equals(.constant(2)))
        let events = (0..<seen).map { log.event("cloud", "mqtt.online", at: 2000 + Int64($0)) }
        log.event("cloud", "mqtt.online", at: 6001)
        let claimed = FieldValue.list(events.map { .integer(Int64($0)) })
        log.end("steps.2", expected == .pass ? "passed" : "failed", ["claimed": claimed])
        let summary = judge(plan: plan(), events: log.finish(expected == .pass ? "done" : "failed"), run: "r")
        #expect(summary.verdict == expected)
        if expected == .fail { #expect(summary.findings.first?.reason == "it was seen \(seen) times") }
    }

    @Test("a forbidden event fails at the event itself")
    func forbidden() throws {
        var log = LogBuilder()
        log.phase("steps")
        log.forbid("steps.1", line: 70, online, for: 10_000)
        let event = log.event("cloud", "mqtt.online", ["device": "D1"], at: 300)
        log.end("steps.1", "failed", ["claimed": .list([.integer(Int64(event))])])
        let finding = try #require(judge(plan: plan(), events: log.finish("failed"), run: "r").findings.first)
        #expect(finding.sequence == event)
        #expect(finding.expected == "no cloud.mqtt.online   for 10 s")
        #expect(finding.nearest.map(\.note) == ["was forbidden"])
    }

    @Test("a check is judged by its recorded answer, and the answer is shown")
    func checks() throws {
        var log = LogBuilder()
        log.phase("steps")
        let fields: Fields = ["query": "cloud.device", "arguments": [:], "where": match("state", "active").encoded]
        log.begin("steps.1", line: 44, "check cloud.device", fields)
        log.end("steps.1", "passed", ["answer": ["state": "active"]])
        log.begin("steps.2", line: 45, "check cloud.device", fields)
        log.end("steps.2", "failed", ["answer": ["state": "pending"], "reason": "different in state"])
        let summary = judge(plan: plan(), events: log.finish("failed"), run: "r")
        let finding = try #require(summary.findings.first)
        #expect(summary.findings.count == 1)
        #expect(finding.expected == "cloud.device where state = active")
        #expect(finding.reason == #"the answer was {"state":"pending"}, which differs in state"#)
        #expect(finding.node == "cloud")
    }

    @Test("an action that was to fail passes only by the failure that is asked for")
    func refusals() {
        var log = LogBuilder()
        log.phase("steps")
        let fields: Fields = ["action": "cloud.order.create", "arguments": [:], "where": match("reason", "refused").encoded]
        log.begin("steps.1", line: 9, "do cloud.order.create", fields)
        log.end("steps.1", "passed", ["failure": ["reason": "refused", "message": "no money"]])
        #expect(judge(plan: plan(), events: log.finish(), run: "r").verdict == .pass)
    }

    @Test("a failing teardown is a mark on the bench, not on the product (semantics 8)")
    func teardown() throws {
        var log = registration()
        log.phase("teardown")
        log.begin("teardown.1", line: 80, "do badge.power_off", ["action": "badge.power_off"])
        log.end("teardown.1", "failed", ["reason": "the relay does not answer"])
        let summary = judge(plan: plan(), events: log.finish(), run: "r")
        #expect(summary.verdict == .blocked)
        #expect(summary.findings.map(\.subject) == [.teardown])
        #expect(summary.reason == "do badge.power_off: the relay does not answer")
    }

    @Test("an interrupted run is not a pass")
    func interrupted() {
        var log = registration()
        log.expect("steps.3", line: 41, online, from: (2, 1000), within: 10_000)
        log.end("steps.3", "interrupted", at: 2000)
        let summary = judge(plan: plan(), events: log.finish("interrupted"), run: "r")
        #expect(summary.verdict == .blocked)
        #expect(summary.reason == "interrupted during expect cloud.mqtt.online (scenarios/badge/register.yaml:41)")
        #expect(summary.findings.map(\.verdict) == [.blocked])
    }

    @Test("a scenario that runs out of its own time fails, at the step that it was waiting for")
    func deadline() {
        var log = registration()
        log.expect("steps.3", line: 41, online, from: (2, 1000), within: 600_000)
        log.end("steps.3", "interrupted", at: 300_000)
        let summary = judge(plan: plan(), events: log.finish("deadline"), run: "r")
        #expect(summary.verdict == .fail)
        #expect(summary.findings.map(\.location) == [place(41)])
        #expect(summary.findings.first?.reason?.hasPrefix("the scenario's deadline of 5 m was over") == true)
    }

    @Test("a log that is read back from its lines gives the same summary")
    func roundTrip() throws {
        var log = registration()
        log.expect("steps.3", line: 41, online, match("device", "D1"), from: (2, 1000), within: 10_000)
        log.event("cloud", "mqtt.online", ["device": "D2", "after": .duration(1_500_000_000)], at: 3000)
        log.note("measured", ["name": "registered.latency", "value": 400_000_000, "unit": "ns"])
        log.end("steps.3", "failed", at: 11_000)
        let events = log.finish("failed")
        let stored = try events.map { event in
            var line: [UInt8] = []
            event.appendJSON(to: &line)
            return try RunEvent(jsonLine: line)
        }
        var live = judge(plan: plan(), events: events, run: "r")
        var again = judge(plan: plan(), events: stored, run: "r")
        // A duration reads back as its text; nothing else may differ.
        #expect(again.findings[0].nearest[0].event.fields["after"] == "1.5s")
        live.findings[0].nearest = []
        again.findings[0].nearest = []
        #expect(live == again)
    }
}
