import LabCore
import LabTesting
import Runner
import Testing

@Suite("How a run ends")
struct EndingTests {
    @Test("done: setup, steps and teardown are in the log in this order")
    func done() throws {
        let run = try JudgedRun(plan(setup: [act("a.one")], act("a.two"), teardown: [act("a.three")]), in: ScriptedWorld())
        #expect(run.ending == .done)
        #expect(run.verdict == .pass)
        #expect(run.events.map { $0.name + ($0.fields["phase"].map { " \($0)" } ?? "") } == [
            "run.started", "phase.started setup", "step.started", "step.ended", "phase.started steps", "step.started", "step.ended",
            "phase.started teardown", "step.started", "step.ended", "run.ended",
        ])
        #expect(run.events.first?.fields["seed"] == "0x7")
    }

    @Test("a failure in setup ends the run before its steps")
    func setup() throws {
        let world = ScriptedWorld()
        world.answers("a.one", .failure("refused"))
        let run = try JudgedRun(plan(setup: [act("a.one")], act("a.two"), teardown: [act("a.three")]), in: world)
        #expect(run.ending == .failed)
        #expect(world.calls.map(\.target) == ["a.one", "a.three"])
    }

    @Test("deadline: setup and steps together are stopped when the time is over, not before",
        arguments: [(10, Verdict.pass), (11, .fail)] as [(Int, Verdict)])
    func deadline(second: Int, verdict: Verdict) throws {
        let world = ScriptedWorld()
        let run = try JudgedRun(plan(setup: [wait("5s")], wait("\(second - 5)s"), teardown: [act("a.off")], deadline: .seconds(10)), in: world)
        #expect(run.verdict == verdict)
        #expect(run.ending == (verdict == .pass ? .done : .deadline))
        #expect(world.calls.map(\.target) == ["a.off"])
        if verdict == .fail {
            #expect(run.timedSteps[1] == "+10000000.001us steps.1 wait 6s: interrupted")
            #expect(run.summary.reason == "the scenario's deadline of 10 s was over during wait 6s (scenarios/test/one.yaml:10)")
        }
    }

    @Test("interrupt: the step ends now, teardown runs, the verdict is blocked", arguments: [
        wait("20m"), expect("cloud.online", within: "20m"), expect("cloud.online", within: "20m", count: exactly(0)),
        forbid("cloud.online", for: "20m"), check("cloud.device", is: whose("state", "active"), within: "20m"), act("cloud.slow"),
        parallel([wait("20m")], [expect("cloud.online", within: "20m")]), loop("turn", [1, 2], wait("20m")), use("b", wait("20m")),
    ])
    func interrupt(_ action: Step.Action) throws {
        let world = ScriptedWorld()
        world.answers("cloud.slow", .success(after: .seconds(1200)))
        let run = try JudgedRun(plan(action, act("a.next"), teardown: [act("a.off")]), in: world, interruption: .seconds(3))
        #expect(run.ending == .interrupted)
        #expect(run.verdict == .blocked)
        #expect(world.calls.last == ScriptedWorld.Call(at: RunInstant(nanoseconds: 3_000_000_000), target: "a.off"))
        #expect(!world.calls.contains { $0.target == "a.next" })
        #expect(run.lines(LabEvents.runEnded) == ["+3s lab.run.ended reason=interrupted"])
    }

    @Test("an interruption before the first step does no step, but the teardown")
    func interruptedAtOnce() throws {
        let world = ScriptedWorld()
        let run = try JudgedRun(plan(act("a.one"), wait("1s"), teardown: [act("a.off")]), in: world, interruption: .zero)
        #expect(run.ending == .interrupted)
        #expect(world.calls.map(\.target) == ["a.off"])
    }

    @Test("an interruption during teardown does not shorten it")
    func interruptedLate() throws {
        let world = ScriptedWorld()
        let run = try JudgedRun(plan(act("a.one"), teardown: [wait("5s"), act("a.off")]), in: world, interruption: .seconds(3))
        #expect(run.ending == .done)
        #expect(world.calls.map(\.target) == ["a.one", "a.off"])
    }

    @Test("the deadline does not reach teardown")
    func deadlineInTeardown() throws {
        let world = ScriptedWorld()
        let run = try JudgedRun(plan(wait("8s"), teardown: [wait("5s"), act("a.off")], deadline: .seconds(10)), in: world)
        #expect(run.ending == .done)
        #expect(world.calls.count == 1)
    }

    @Test("an answer that comes at the moment of the interruption still counts for its step")
    func answeredInTime() throws {
        let world = ScriptedWorld()
        world.answers("a.one", .success(after: .seconds(3)))
        let run = try JudgedRun(plan(act("a.one"), wait("1s")), in: world, interruption: .seconds(3))
        #expect(run.ending == .interrupted)
        #expect(run.verdict == .blocked)
    }

    @Test("teardown: every step is tried, and a failure is a mark on the bench, not on the product")
    func teardown() throws {
        let world = ScriptedWorld()
        world.answers("a.one", .failure("stuck", "The relay is stuck."))
        let run = try JudgedRun(
            plan(act("a.zero"), teardown: [act("a.one"), expect("a.off", within: "1s"), act("a.tell", ["x": "${x}"]), act("a.two")]), in: world)
        #expect(run.ending == .done)
        #expect(run.verdict == .blocked)
        #expect(run.steps.suffix(4) == [
            "teardown.1 do a.one: failed", "teardown.2 expect a.off: failed", "teardown.3 do a.tell: failed", "teardown.4 do a.two: passed",
        ])
        #expect(run.summary.findings.allSatisfy { $0.subject == .teardown && $0.verdict == .blocked })
    }

    @Test("teardown has a deadline of its own of a minute")
    func teardownDeadline() throws {
        let world = ScriptedWorld()
        let run = try JudgedRun(plan(wait("1s"), teardown: [wait("10m"), act("a.off")]), in: world)
        #expect(run.verdict == .blocked)
        #expect(run.timedSteps.suffix(2) == [
            "+61000000.001us teardown.1 wait 10m: interrupted", "+61000000.001us teardown.2 do a.off: interrupted",
        ])
    }

    @Test("teardown knows what setup and steps saved as far as they came")
    func teardownNames() throws {
        let world = ScriptedWorld()
        world.answers("a.make", .success(["device": "d1"]))
        world.answers("a.fail", .failure("refused"))
        let inLoop = loop("turn", [1], act("a.make", save: ["device": "device"]), act("a.fail"))
        for steps in [
            plan(setup: [act("a.make", save: ["device": "device"])], act("a.fail"), teardown: [act("a.remove", ["device": "${device}"])]),
            plan(inLoop, teardown: [act("a.remove", ["device": "${device}"])]),
            plan(parallel([act("a.make", save: ["device": "device"]), act("a.fail")], [wait("1s")]), teardown: [act("a.remove", ["device": "${device}"])]),
        ] {
            let run = try JudgedRun(steps, in: world)
            #expect(run.verdict == .fail)
            #expect(world.calls.last?.arguments == ["device": "d1"])
        }
    }

    @Test("teardown's faults end with it")
    func teardownFaults() throws {
        let world = ScriptedWorld()
        _ = try JudgedRun(plan(teardown: [fault("a.cut"), wait("1s")]), in: world)
        #expect(world.faultChanges.map { Timeline.time($0.at) } == ["+0s", "+1s"])
    }

    @Test("traffic that the log leaves out is counted at its end")
    func omitted() throws {
        let world = ScriptedWorld(policy: { _, name in name != "heartbeat" })
        for second in 1...5 { world.happens("badges#\(second)", "heartbeat", at: .seconds(second)) }
        world.happens("badges#1", "online", at: .seconds(6))
        let run = try JudgedRun(plan(act("badges.boot"), expect("badges.online", within: "9s")), in: world)
        #expect(run.verdict == .pass)
        #expect(run.events.suffix(2).map(Timeline.line) == ["+6s lab.events.omitted count=5", "+6s lab.run.ended reason=done"])
    }

    @Test("events of a world that began before the run do not put the steps out of step")
    func earlier() throws {
        let world = ScriptedWorld()
        world.recordsNow("cloud", "started")
        world.happens("cloud", "online", ["device": "d1"], at: .seconds(1))
        world.happens("cloud", "online", ["device": "d2"], at: .seconds(2))
        let steps = plan(act("badge.boot"), expect("cloud.online", within: "5s", save: ["device": "device"]), act("cloud.ask", ["device": "${device}"]))
        let run = try JudgedRun(steps, in: world)
        #expect(run.verdict == .pass)
        #expect(world.calls.last?.arguments == ["device": "d1"])
    }
}
