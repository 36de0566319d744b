import LabCore
import LabTesting
import Testing

@Suite("expect (scenario-language.md, semantics 2 and 3)")
struct ExpectTests {
    /// A badge that is online 2 s after it is told to boot.
    private func badge() -> ScriptedWorld {
        let world = ScriptedWorld()
        world.answers("badge.boot", .success(events: ScriptedEvent("cloud", "online", ["device": "d1"], after: .seconds(2))))
        return world
    }

    @Test("takes the event that follows the stimulus")
    func simple() throws {
        let run = try JudgedRun(plan(act("badge.boot"), expect("cloud.online", within: "5s")), in: badge())
        #expect(run.verdict == .pass)
        #expect(run.timedSteps == ["+0s steps.1 do badge.boot: passed", "+2s steps.2 expect cloud.online: passed"])
        #expect(run.claimed("steps.2") == run.numbers("online"))
    }

    @Test("does not look at events before the stimulus")
    func stimulus() throws {
        let world = ScriptedWorld()
        world.happens("cloud", "online", at: .seconds(1))
        let run = try JudgedRun(plan(wait("1s"), wait("1s"), act("badge.boot"), expect("cloud.online", within: "5s")), in: world)
        #expect(run.verdict == .fail)
        let nearest = try #require(run.summary.findings.first?.nearest.first)
        #expect(nearest.note == "before the step that it counts from")
    }

    @Test("takes the earliest event that matches, not the last")
    func earliest() throws {
        let world = ScriptedWorld()
        for second in 1...3 { world.happens("cloud", "online", ["turn": .integer(Int64(second))], at: .seconds(second)) }
        let run = try JudgedRun(plan(wait("4s"), expect("cloud.online", whose("turn", .ge, 2), within: "5s", save: ["turn": "turn"])), in: world)
        #expect(run.verdict == .pass)
        #expect(run.claimed("steps.2") == [run.numbers("online")[1]])
        #expect(run.measured == ["turn 2"])
    }

    @Test("an event at exactly the deadline counts, one nanosecond later does not", arguments: [(0, Verdict.pass), (1, .fail)] as [(Int, Verdict)])
    func deadline(late: Int, verdict: Verdict) throws {
        let world = ScriptedWorld()
        world.happens("cloud", "online", at: .seconds(5) + .nanoseconds(late))
        let run = try JudgedRun(plan(act("badge.boot"), expect("cloud.online", within: "5s")), in: world)
        #expect(run.verdict == verdict)
    }

    @Test("an event that comes too late is the nearest miss, with the time that it took")
    func tooLate() throws {
        let world = ScriptedWorld()
        world.happens("cloud", "online", at: .seconds(6))
        let steps = plan(act("badge.boot"), parallel([expect("cloud.online", within: "5s")], [wait("7s")]))
        let run = try JudgedRun(steps, in: world)
        #expect(run.verdict == .fail)
        #expect(run.reason("steps.2.parallel.1.1") == "it did not happen in time")
        #expect(run.steps.contains("steps.2.parallel.2.1 wait 7s: interrupted"))
    }

    @Test("'within' counts from the stimulus: several expects after one action are free in their order and share one clock")
    func sharedClock() throws {
        let world = ScriptedWorld()
        world.answers(
            "badge.boot",
            .success(events: ScriptedEvent("cloud", "registered", after: .seconds(8)), ScriptedEvent("badge", "boot.done", after: .seconds(2))))
        let fits = plan(act("badge.boot"), expect("cloud.registered", within: "10s"), expect("badge.boot.done", within: "3s"))
        let run = try JudgedRun(fits, in: world)
        #expect(run.timedSteps.suffix(2) == ["+8s steps.2 expect cloud.registered: passed", "+8s steps.3 expect badge.boot.done: passed"])
        #expect(run.verdict == .pass)
    }

    @Test("after another expect has waited longer, a window that is over fails at once")
    func windowIsOver() throws {
        let world = ScriptedWorld()
        world.answers("badge.boot", .success(events: ScriptedEvent("cloud", "registered", after: .seconds(8))))
        world.happens("badge", "boot.done", at: .seconds(4))
        let run = try JudgedRun(plan(act("badge.boot"), expect("cloud.registered", within: "10s"), expect("badge.boot.done", within: "3s")), in: world)
        #expect(run.timedSteps.last == "+8s steps.3 expect badge.boot.done: failed")
        let finding = try #require(run.summary.findings.first)
        #expect(finding.nearest.first?.note == "too late, at +4s")
        #expect(finding.expected.hasPrefix("badge.boot.done   within 3 s of line 10 (badge.boot)"))
    }

    @Test("counts from the start of a wait, too")
    func waitIsAStimulus() throws {
        let world = ScriptedWorld()
        world.happens("cloud", "online", at: .seconds(12))
        let run = try JudgedRun(plan(act("badge.boot"), wait("10s"), expect("cloud.online", within: "15s")), in: world)
        #expect(run.verdict == .pass)
        let late = try JudgedRun(plan(act("badge.boot"), wait("10s"), expect("cloud.online", within: "9s")), in: ScriptedWorld())
        #expect(late.timedSteps.last == "+10s steps.3 expect cloud.online: failed")
    }

    @Test("an event can be taken once")
    func claimedOnce() throws {
        let run = try JudgedRun(plan(act("badge.boot"), expect("cloud.online", within: "5s"), expect("cloud.online", within: "5s")), in: badge())
        #expect(run.verdict == .fail)
        #expect(run.steps.suffix(2) == ["steps.2 expect cloud.online: passed", "steps.3 expect cloud.online: failed"])
        #expect(run.summary.findings.first?.nearest.first?.note == "taken by another expect")
    }

    @Test("'after' demands a later event than that of the id", arguments: [(1, Verdict.fail), (3, .pass)] as [(Int, Verdict)])
    func after(second: Int, verdict: Verdict) throws {
        let world = ScriptedWorld()
        world.happens("cloud", "registered", at: .seconds(2))
        world.happens("cloud", "online", at: .seconds(second))
        let steps = plan(
            act("badge.boot"), expect("cloud.registered", within: "5s", id: "registered"), expect("cloud.online", within: "5s", after: "registered"))
        let run = try JudgedRun(steps, in: world)
        #expect(run.verdict == verdict)
        if verdict == .fail { #expect(run.summary.findings.first?.nearest.first?.note == "before the event named in 'after'") }
    }

    @Test("events of the same moment are told apart by their place in the log")
    func sameMoment() throws {
        let world = ScriptedWorld()
        world.happens("cloud", "online", at: .seconds(1))
        world.happens("cloud", "registered", at: .seconds(1))
        let steps = plan(
            act("badge.boot"), expect("cloud.registered", within: "5s", id: "registered"), expect("cloud.online", within: "5s", after: "registered"))
        #expect(try JudgedRun(steps, in: world).verdict == .fail)
    }

    @Test("the plan's default is the window of an expect without 'within'")
    func defaultWithin() throws {
        let run = try JudgedRun(plan(act("badge.boot"), expect("cloud.online")), in: ScriptedWorld())
        #expect(run.timedSteps.last == "+10000000.001us steps.2 expect cloud.online: failed")
        #expect(run.verdict == .fail)
    }

    @Test("members of a fleet are told apart by 'member'", arguments: [(2, Verdict.pass), (3, .fail)] as [(Int64, Verdict)])
    func member(wanted: Int64, verdict: Verdict) throws {
        let world = ScriptedWorld()
        world.happens("badges#1", "boot.done", at: .seconds(1))
        world.happens("badges#2", "boot.done", at: .seconds(2))
        let run = try JudgedRun(
            plan(act("badges.boot"), expect("badges.boot.done", whose("member", .integer(wanted)), within: "5s", save: ["who": "member"])), in: world)
        #expect(run.verdict == verdict)
        #expect(run.measured == (verdict == .pass ? ["who 2"] : []))
    }

    @Test("a condition on nothing is met by a field that is absent", arguments: [("d1", Verdict.fail), (nil, .pass)] as [(FieldValue?, Verdict)])
    func null(device: FieldValue?, verdict: Verdict) throws {
        let world = ScriptedWorld()
        var fields = Fields()
        fields["device"] = device
        world.happens("cloud", "online", fields, at: .seconds(1))
        #expect(try JudgedRun(plan(act("badge.boot"), expect("cloud.online", whose("device", .null), within: "5s")), in: world).verdict == verdict)
    }

    struct Written: Sendable, CustomTestStringConvertible {
        var value: FieldValue
        var condition: Match
        var testDescription: String { "\(value): \(condition)" }
    }

    static let written = [
        Written(value: .bytes([0xab, 0x01]), condition: whose("x", .bytes([0xab, 0x01]))),
        Written(value: .bytes([0xab, 0x01]), condition: whose("x", .matches, "^ab")),
        Written(value: .bytes([0xab, 0x01]), condition: whose("x", .len, 4)),
        Written(value: .duration(1_500_000_000), condition: whose("x", .lt, .duration(2_000_000_000))),
        Written(value: .duration(1_500_000_000), condition: whose("x", .near, ["1s", "500ms"])),
        Written(value: .number(2), condition: whose("x", 2)),
        Written(value: [.bytes([1]), .duration(1_000_000_000)], condition: whose("x", .has, "1s")),
    ]

    @Test("bytes and durations are compared as the log gives them back", arguments: written)
    func comparesWritten(_ written: Written) throws {
        let world = ScriptedWorld()
        world.happens("pile", "frame", ["x": written.value], at: .seconds(1))
        #expect(try JudgedRun(plan(act("pile.plug"), expect("pile.frame", written.condition, within: "5s")), in: world).verdict == .pass)
    }
}

@Suite("expect with count (semantics 3)")
struct CountTests {
    private func world(_ seconds: Int...) -> ScriptedWorld {
        let world = ScriptedWorld()
        for second in seconds { world.happens("badge", "heartbeat", at: .seconds(second)) }
        return world
    }

    @Test("watches the whole window and takes what is in it")
    func whole() throws {
        let run = try JudgedRun(plan(act("badge.boot"), expect("badge.heartbeat", within: "4s", count: exactly(3), id: "beats")), in: world(1, 2, 4, 5))
        #expect(run.verdict == .pass)
        #expect(run.claimed("steps.2") == Array(run.numbers("heartbeat").prefix(3)))
        #expect(run.measured == ["beats.latency 4s", "beats.count 3"])
        #expect(run.events.last?.at == RunInstant(nanoseconds: 4_000_000_001))
    }

    @Test("too few and too many fail", arguments: [[1, 2], [1, 2, 3, 4]])
    func wrong(seconds: [Int]) throws {
        let world = ScriptedWorld()
        for second in seconds { world.happens("badge", "heartbeat", at: .seconds(second)) }
        let run = try JudgedRun(plan(act("badge.boot"), expect("badge.heartbeat", within: "4s", count: exactly(3))), in: world)
        #expect(run.verdict == .fail)
        #expect(run.reason("steps.2") == "it happened \(seconds.count) times")
        #expect(run.summary.findings.first?.reason == "it was seen \(seconds.count) times")
        #expect(run.summary.findings.first?.nearest == [], "what was counted is not a miss")
    }

    @Test("none at all can be what is expected")
    func none() throws {
        let run = try JudgedRun(plan(act("badge.boot"), expect("badge.heartbeat", within: "4s", count: exactly(0), id: "beats")), in: world(5))
        #expect(run.verdict == .pass)
        #expect(run.measured == ["beats.count 0"])
    }

    @Test("what it counted is taken")
    func takes() throws {
        let steps = plan(
            act("badge.boot"), expect("badge.heartbeat", within: "3s", count: atLeast(2)), expect("badge.heartbeat", within: "9s", save: ["at": "at"]))
        let run = try JudgedRun(steps, in: world(1, 2, 7))
        #expect(run.verdict == .pass)
        #expect(run.claimed("steps.3") == [run.numbers("heartbeat")[2]])
    }

    @Test("a count that a name gives is filled in")
    func named() throws {
        let count = Match.Test.equals(.expression(.name("wanted")))
        let steps = plan(act("badge.boot"), expect("badge.heartbeat", within: "4s", count: count), variables: ["wanted": 2])
        #expect(try JudgedRun(steps, in: world(1, 2)).verdict == .pass)
    }
}

@Suite("forbid (semantics 5)")
struct ForbidTests {
    @Test("blocks for its window, its end included",
        arguments: [(10_000_000_000, Verdict.fail), (10_000_000_001, .pass)] as [(Int, Verdict)])
    func window(nanoseconds: Int, verdict: Verdict) throws {
        let world = ScriptedWorld()
        world.happens("cloud", "settled", at: .nanoseconds(nanoseconds))
        let run = try JudgedRun(plan(forbid("cloud.settled", for: "10s"), act("badge.boot")), in: world)
        #expect(run.verdict == verdict)
        #expect(run.reason("steps.1") == (verdict == .fail ? "it happened" : nil))
        #expect(world.calls.map(\.at) == (verdict == .pass ? [RunInstant(nanoseconds: 10_000_000_001)] : []))
    }

    @Test("watches from its own beginning, not from the stimulus")
    func before() throws {
        let world = ScriptedWorld()
        world.happens("cloud", "settled", at: .seconds(1))
        #expect(try JudgedRun(plan(wait("2s"), forbid("cloud.settled", for: "10s")), in: world).verdict == .pass)
    }

    @Test("lets other fields pass")
    func condition() throws {
        let world = ScriptedWorld()
        world.happens("cloud", "settled", ["order": 2], at: .seconds(1))
        #expect(try JudgedRun(plan(forbid("cloud.settled", whose("order", 1), for: "10s")), in: world).verdict == .pass)
        #expect(try JudgedRun(plan(forbid("cloud.settled", whose("order", 2), for: "10s")), in: repeated()).verdict == .fail)
    }

    private func repeated() -> ScriptedWorld {
        let world = ScriptedWorld()
        world.happens("cloud", "settled", ["order": 2], at: .seconds(1))
        return world
    }

    @Test("does not depend on whether an expect beside it began before or after", arguments: [true, false])
    func besideExpect(isFirst: Bool) throws {
        let world = ScriptedWorld()
        world.happens("cloud", "settled", at: .seconds(1))
        let forbidding = [forbid("cloud.settled", for: "5s")]
        let expecting = [expect("cloud.settled", within: "5s")]
        let run = try JudgedRun(plan(isFirst ? parallel(forbidding, expecting) : parallel(expecting, forbidding)), in: world)
        #expect(run.verdict == .fail)
        #expect(run.steps.contains { $0.hasSuffix("expect cloud.settled: passed") })
    }
}
