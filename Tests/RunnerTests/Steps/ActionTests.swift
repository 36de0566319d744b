import LabCore
import LabTesting
import Runner
import Testing

@Suite("do")
struct ActionTests {
    @Test("waits for the answer and goes on")
    func waits() throws {
        let world = ScriptedWorld()
        world.answers("badge.boot", .success(["firmware": "2.3.0"], after: .milliseconds(20)))
        let run = try JudgedRun(plan(act("badge.boot", ["factory_new": true]), act("badge.reboot")), in: world)
        #expect(run.verdict == .pass)
        #expect(run.timedSteps == ["+20ms steps.1 do badge.boot: passed", "+20ms steps.2 do badge.reboot: passed"])
        #expect(world.calls.first == ScriptedWorld.Call(at: .start, target: "badge.boot", arguments: ["factory_new": true]))
    }

    @Test("a failure fails the step with its sentence, and nothing after it is done")
    func fails() throws {
        let world = ScriptedWorld()
        world.answers("badge.boot", .failure("powered_off", "The badge has no power."))
        let run = try JudgedRun(plan(act("badge.boot"), act("badge.reboot")), in: world)
        #expect(run.verdict == .fail)
        #expect(run.ending == .failed)
        #expect(run.steps == ["steps.1 do badge.boot: failed"])
        #expect(run.reason("steps.1") == "The badge has no power.")
        #expect(world.calls.count == 1)
    }

    @Test("what a bench cannot do is blocked, not failed")
    func blocked() throws {
        let world = ScriptedWorld()
        world.answers("badge.boot", .failure("not_possible_here", "This bench has no relay."))
        let run = try JudgedRun(plan(act("badge.boot")), in: world)
        #expect(run.verdict == .blocked)
        #expect(run.ending == .blocked)
    }

    struct Failing: Sendable, CustomTestStringConvertible {
        var answer: ScriptedAnswer
        var fails: Match
        var verdict: Verdict
        var reason: String?
        var testDescription: String { "\(fails)" }
    }

    static let failing = [
        Failing(answer: .failure("refused", "No.", ["status": 409]), fails: Match(), verdict: .pass),
        Failing(answer: .failure("refused", "No.", ["status": 409]), fails: whose("reason", "refused"), verdict: .pass),
        Failing(answer: .failure("refused", "No.", ["status": 409]), fails: whose("status", .ge, 400), verdict: .pass),
        Failing(
            answer: .failure("refused", "No.", ["status": 409]), fails: whose("reason", "unknown_device"), verdict: .fail,
            reason: "it failed otherwise than expected (refused: No.); different in reason"),
        Failing(answer: .success(["status": 200]), fails: whose("reason", "refused"), verdict: .fail, reason: "it succeeded, and was expected to fail"),
    ]

    @Test("with 'fails' it passes only by the failure that is asked for", arguments: failing)
    func fails(_ example: Failing) throws {
        let world = ScriptedWorld()
        world.answers("badge.boot", example.answer)
        let run = try JudgedRun(plan(act("badge.boot", fails: example.fails)), in: world)
        #expect(run.verdict == example.verdict)
        #expect(run.reason("steps.1") == example.reason)
    }

    @Test("what an expected failure tells can be saved")
    func savesFailure() throws {
        let world = ScriptedWorld()
        world.answers("badge.boot", .failure("refused", "No.", ["status": 409]))
        let run = try JudgedRun(plan(act("badge.boot", save: ["status": "status"], fails: Match()), act("badge.tell", ["code": "${status}"])), in: world)
        #expect(run.verdict == .pass)
        #expect(world.calls.last?.arguments == ["code": 409])
    }

    @Test("with an id, its time is measured")
    func latency() throws {
        let world = ScriptedWorld()
        world.answers("cloud.order.create", .success(after: .milliseconds(35)))
        #expect(try JudgedRun(plan(act("cloud.order.create", id: "order")), in: world).measured == ["order.latency 35ms"])
    }
}

@Suite("Names in steps")
struct NameTests {
    @Test("an answer's fields become names for later steps, numbers measurements (semantics 4)")
    func saves() throws {
        let world = ScriptedWorld()
        world.answers("cloud.order.create", .success(["order": "o-1", "cents": 40, "took": .duration(1_500_000_000), "of": ["user": "rider"]]))
        let steps = plan(
            act("cloud.order.create", save: ["order": "order", "price": "cents", "took": "took", "user": "of.user"]),
            act("pile.tell", ["order": "${order}", "user": "${user}"]))
        let run = try JudgedRun(steps, in: world)
        #expect(world.calls.last?.arguments == ["order": "o-1", "user": "rider"])
        #expect(run.measured == ["price 40", "took 1.5s"])
        #expect(run.lines(LabEvents.saved).map { $0.split(separator: " ").dropFirst(2).joined(separator: " ") } == [
            "name=order value=o-1", "name=price value=40", "name=took value=1.5s", "name=user value=rider",
        ])
    }

    @Test("an event's fields become names, and conditions are filled in with them")
    func fromEvent() throws {
        let world = ScriptedWorld()
        world.happens("cloud", "registered", ["device": "d2"], at: .seconds(1))
        world.happens("cloud", "online", ["device": "d1"], at: .seconds(2))
        world.happens("cloud", "online", ["device": "d2"], at: .seconds(3))
        let steps = plan(
            act("badge.boot"), expect("cloud.registered", within: "5s", save: ["device": "device"]),
            expect("cloud.online", whose("device", isNamed: "device"), within: "5s"))
        let run = try JudgedRun(steps, in: world)
        #expect(run.verdict == .pass)
        #expect(run.claimed("steps.3") == [run.numbers("online")[1]])
    }

    @Test("a name without a value fails its step with a reason")
    func unknown() throws {
        let run = try JudgedRun(plan(act("badge.tell", ["device": "${devise}"]), variables: ["device": "d1"]), in: ScriptedWorld())
        #expect(run.verdict == .fail)
        #expect(run.ending == .failed)
        #expect(run.reason("steps.1") == "nothing is called 'devise' here — did you mean 'device'?")
        #expect(run.summary.findings.map(\.location) == [place(10)])
    }

    @Test("every verb says so", arguments: [
        expect("cloud.online", whose("device", isNamed: "device")), forbid("cloud.online", whose("device", isNamed: "device"), for: "5s"),
        check("cloud.device", is: whose("device", isNamed: "device")), check("cloud.device", ["device": "${device}"], is: Match()),
        act("cloud.boot", fails: whose("device", isNamed: "device")), fault("badge.cut", ["for": "${device}"]),
        fault("badge.cut", when: when("badge.boot", whose("device", isNamed: "device"))), .wait(.expression(.name("device"))),
        use("block", with: [Template.Member(name: "it", value: .expression(.name("device")))], act("badge.boot")),
    ])
    func everyVerb(_ action: Step.Action) throws {
        let run = try JudgedRun(plan(action), in: ScriptedWorld())
        #expect(run.verdict == .fail)
        #expect(run.reason("steps.1")?.hasSuffix("nothing is called 'device' here") == true)
    }

    @Test("a field that is absent leaves its name without a value, also where it had one")
    func absent() throws {
        let world = ScriptedWorld()
        world.happens("cloud", "online", at: .seconds(1))
        let steps = plan(
            act("badge.boot"), expect("cloud.online", within: "5s", save: ["device": "device"]), act("cloud.ask", ["device": "${device}"]),
            variables: ["device": "d1"])
        let run = try JudgedRun(steps, in: world)
        #expect(run.verdict == .fail)
        #expect(run.reason("steps.3") == "nothing is called 'device' here")
        #expect(run.lines(LabEvents.saved) == ["+1s lab.saved name=device value=null reason=cloud.online has no 'device' here"])
    }

    @Test("a value that is no duration fails its step, and so does one below zero", arguments: [
        ("soon", "'soon' is not a duration; write 250ms, 5s, 20m or 12h"), (5, "'5' is not a duration; write 250ms, 5s, 20m or 12h"),
        (.duration(-1_000_000_000), "'-1s' is less than no time"),
    ] as [(FieldValue, String)])
    func durations(value: FieldValue, reason: String) throws {
        for action: Step.Action in [
            .wait(.expression(.name("time"))),
            .forbid(Step.Forbid(event: reference("cloud.online"), duration: .expression(.name("time")))),
            .expect(Step.Expect(event: reference("cloud.online"), within: .expression(.name("time")))),
        ] {
            let run = try JudgedRun(plan(action, variables: ["time": value]), in: ScriptedWorld())
            #expect(run.verdict == .fail)
            #expect(run.reason("steps.1") == reason)
        }
    }

    @Test("what stands under 'with' must be fields")
    func arguments() throws {
        let action = Step.Action.act(Step.Act(target: reference("badge.boot"), arguments: .expression(.name("all"))))
        let run = try JudgedRun(plan(action, variables: ["all": "everything"]), in: ScriptedWorld())
        #expect(run.reason("steps.1") == "'everything' for 'with' must be fields with their values")
        #expect(try JudgedRun(plan(action, variables: ["all": ["quick": true]]), in: ScriptedWorld()).verdict == .pass)
    }

    @Test("'after' an id that has not happened fails its step")
    func unknownID() throws {
        let run = try JudgedRun(plan(expect("cloud.online", after: "registered")), in: ScriptedWorld())
        #expect(run.reason("steps.1") == "nothing with the id 'registered' has happened")
    }
}

@Suite("check")
struct CheckTests {
    @Test("without 'within' it asks once")
    func once() throws {
        let world = ScriptedWorld()
        world.answers("cloud.device", .success(["state": "pending"]), .success(["state": "active"]))
        let run = try JudgedRun(plan(check("cloud.device", ["device": "d1"], is: whose("state", "active"))), in: world)
        #expect(run.verdict == .fail)
        #expect(run.reason("steps.1") == "different in state")
        #expect(world.calls.map(\.arguments) == [["device": "d1"]])
    }

    @Test("an answer that takes its time is waited for")
    func slow() throws {
        let world = ScriptedWorld()
        world.answers("cloud.device", .success(["state": "active"], after: .seconds(2)))
        let run = try JudgedRun(plan(check("cloud.device", is: whose("state", "active"))), in: world)
        #expect(run.timedSteps == ["+2s steps.1 check cloud.device: passed"])
    }

    @Test("with 'within' it asks ten times a second until the answer is right")
    func polls() throws {
        let world = ScriptedWorld()
        world.answers("cloud.device", .success(["state": "pending"]), .failure("unknown_device", "No."), .success(["state": "active"]))
        let run = try JudgedRun(plan(check("cloud.device", is: whose("state", "active"), within: "2s")), in: world)
        #expect(run.verdict == .pass)
        #expect(world.calls.map(\.at.nanoseconds) == [0, 100_000_000, 200_000_000])
    }

    @Test("it asks for the last time when the window closes, whether or not that is a multiple")
    func last() throws {
        let world = ScriptedWorld()
        world.answers("cloud.device", .success(["state": "pending"]))
        let run = try JudgedRun(plan(check("cloud.device", is: whose("state", "active"), within: "250ms")), in: world)
        #expect(run.timedSteps == ["+250ms steps.1 check cloud.device: failed"])
        #expect(world.calls.map(\.at.nanoseconds) == [0, 100_000_000, 200_000_000, 250_000_000])
    }

    @Test("in a long window it asks a hundred times")
    func distance() throws {
        let world = ScriptedWorld()
        world.answers("cloud.device", .success(["state": "pending"]))
        _ = try JudgedRun(plan(check("cloud.device", is: whose("state", "active"), within: "200s")), in: world)
        #expect(world.calls.count == 101)
    }

    @Test("a query that fails to the end fails the step with its sentence")
    func failure() throws {
        let world = ScriptedWorld()
        world.answers("cloud.device", .failure("unknown_device", "There is no device d1."))
        let run = try JudgedRun(plan(check("cloud.device", is: whose("state", "active"), within: "1s")), in: world)
        #expect(run.verdict == .fail)
        #expect(run.reason("steps.1") == "There is no device d1.")
    }

    @Test("a record is matched field by field")
    func nested() throws {
        let world = ScriptedWorld()
        world.answers("cloud.device", .success(["state": "active", "credentials": ["secret": .bytes([1, 2]), "kind": "token"]]))
        let inside = Match([Match.Condition(field: "credentials", test: .fields(whose("secret", "0102")))])
        #expect(try JudgedRun(plan(check("cloud.device", is: inside)), in: world).verdict == .pass)
    }
}
