import LabCore
import LabTesting
import Runner
import Testing

@Suite("loop and use")
struct LoopAndUseTests {
    private func arguments(_ world: ScriptedWorld) -> [Fields] { world.calls.map(\.arguments) }

    @Test("a loop does its steps for each value, in order")
    func loops() throws {
        let world = ScriptedWorld()
        let run = try JudgedRun(plan(loop("port", [1, 2, 3], act("pile.plug", ["port": "${port}"]), wait("1s"))), in: world)
        #expect(run.verdict == .pass)
        #expect(arguments(world) == [["port": 1], ["port": 2], ["port": 3]])
        #expect(world.calls.map(\.at.nanoseconds) == [0, 1_000_000_000, 2_000_000_000])
        #expect(run.steps.first == "steps.1.loop.1.1 do pile.plug: passed")
    }

    @Test("its name hides an outer one and is gone afterwards; what it saves stays")
    func loopNames() throws {
        let world = ScriptedWorld()
        world.answers("pile.plug", .success(["order": "o-1"]), .success(["order": "o-2"]))
        let steps = plan(
            loop("port", [1, 2], act("pile.plug", save: ["order": "order"])), act("pile.tell", ["port": "${port}", "order": "${order}"]),
            variables: ["port": 9])
        _ = try JudgedRun(steps, in: world)
        #expect(world.calls.last?.arguments == ["port": 9, "order": "o-2"])
    }

    @Test("a failed turn ends the loop")
    func failedTurn() throws {
        let world = ScriptedWorld()
        world.answers("pile.plug", .success(), .failure("refused"), .success())
        let run = try JudgedRun(plan(loop("port", [1, 2, 3], act("pile.plug")), act("pile.unplug")), in: world)
        #expect(run.verdict == .fail)
        #expect(world.calls.count == 2)
    }

    @Test("turns whose steps have the same path are told apart by their number")
    func paths() throws {
        let steps = numbered([act("pile.plug")], "loop")
        let turns = [1, 2].map { Step.Turn(label: "turn \($0)", bindings: [], isIsolated: false, steps: steps) }
        let run = try JudgedRun(plan(.sequence(turns)), in: ScriptedWorld())
        #expect(run.steps == ["steps.1.loop.1[1] do pile.plug: passed", "steps.1.loop.1[2] do pile.plug: passed"])
    }

    @Test("a name in a loop without a value says which")
    func loopBinding() throws {
        let turn = Step.Turn(
            label: "x", bindings: [Template.Member(name: "port", value: .expression(.name("ports")))], isIsolated: false, steps: [])
        let run = try JudgedRun(plan(.sequence([turn])), in: ScriptedWorld())
        #expect(run.reason("steps.1") == "port: nothing is called 'ports' here")
    }

    @Test("an expect after a loop counts from the last step inside that is a stimulus")
    func stimulus() throws {
        let world = ScriptedWorld()
        world.happens("pile", "plugged", at: .seconds(5))
        #expect(try JudgedRun(plan(loop("port", [1, 2], wait("2s")), expect("pile.plugged", within: "3s")), in: world).verdict == .pass)
    }

    @Test("an id in a loop gives a sample for each turn")
    func samples() throws {
        let world = ScriptedWorld()
        world.answers("pile.plug", .success(events: ScriptedEvent("pile", "started", after: .seconds(1))),
            .success(events: ScriptedEvent("pile", "started", after: .seconds(2))))
        let run = try JudgedRun(plan(loop("port", [1, 2], act("pile.plug"), expect("pile.started", within: "5s", id: "start"))), in: world)
        #expect(run.measured == ["start.latency 1s", "start.count 1", "start.latency 2s", "start.count 1"])
    }

    @Test("a block sees what it takes and nothing else")
    func isolated() throws {
        let world = ScriptedWorld()
        let sees = plan(use("b", with: [member("pile_id", "p-1")], act("pile.tell", ["id": "${pile_id}"])))
        #expect(try JudgedRun(sees, in: world).verdict == .pass)
        #expect(arguments(world) == [["id": "p-1"]])
        let hidden = plan(use("b", with: [member("pile_id", "p-1")], act("pile.tell", ["id": "${user}"])), variables: ["user": "rider"])
        #expect(try JudgedRun(hidden, in: ScriptedWorld()).reason("steps.1.use.1") == "nothing is called 'user' here (known: pile_id)")
    }

    @Test("what a block saves is known outside only under the name that 'save' gives it")
    func gives() throws {
        let world = ScriptedWorld()
        world.answers("cloud.order", .success(["order": "o-1", "cents": 40]))
        let block = use("b", save: ["bill": "price"], act("cloud.order", save: ["order": "order", "price": "cents"]))
        let run = try JudgedRun(plan(block, act("cloud.pay", ["cents": "${bill}"])), in: world)
        #expect(world.calls.last?.arguments == ["cents": 40])
        #expect(run.measured == ["price 40", "bill 40"])
        let leak = plan(use("b", act("cloud.order", save: ["order": "order"])), act("cloud.pay", ["order": "${order}"]))
        #expect(try JudgedRun(leak, in: ScriptedWorld()).reason("steps.2") == "nothing is called 'order' here")
    }

    @Test("what a block did not come to give has no value, and the log says so")
    func givesNothing() throws {
        let run = try JudgedRun(plan(use("b", save: ["bill": "price"], act("cloud.order")), act("cloud.pay", ["cents": "${bill}"])), in: ScriptedWorld())
        #expect(run.reason("steps.2") == "nothing is called 'bill' here")
        #expect(run.lines(LabEvents.saved) == ["+0s lab.saved name=bill value=null reason=use b has no 'price' here"])
    }

    @Test("ids of a block are its own: of the events and of the faults")
    func ids() throws {
        let world = ScriptedWorld()
        world.happens("cloud", "online", at: .seconds(1))
        let steps = plan(
            use("b", act("badge.boot"), expect("cloud.online", within: "5s", id: "online"), fault("badge.cut", id: "cut")), .clear("cut"),
            expect("cloud.online", within: "5s", after: "online"))
        let run = try JudgedRun(steps, in: world)
        #expect(run.reason("steps.3") == "nothing with the id 'online' has happened")
        #expect(world.faultChanges.map(\.isActive) == [true, false])
        #expect(run.numbers(LabEvents.faultEnded).first.map { $0 > (run.numbers(LabEvents.stepEnded).last ?? 0) } == true, "only the end clears it")
    }

    @Test("nor does a block see the ids around it")
    func outerIDs() throws {
        let world = ScriptedWorld()
        world.happens("cloud", "registered", at: .seconds(1))
        let steps = plan(
            act("badge.boot"), fault("badge.cut", id: "cut"), expect("cloud.registered", within: "5s", id: "registered"),
            use("b", .clear("cut"), wait("1s"), expect("cloud.online", within: "5s", after: "registered")))
        let run = try JudgedRun(steps, in: world)
        #expect(run.reason("steps.4.use.3") == "nothing with the id 'registered' has happened")
        #expect(world.faultChanges.map { Timeline.time($0.at) } == ["+0s", "+2s"])
    }
}

@Suite("parallel")
struct ParallelTests {
    @Test("branches run side by side, and the next step waits for all of them")
    func beside() throws {
        let world = ScriptedWorld()
        let run = try JudgedRun(plan(parallel([wait("3s"), act("pile.a")], [wait("2s"), act("pile.b")]), act("pile.c")), in: world)
        #expect(run.verdict == .pass)
        #expect(world.calls.map { "\(Timeline.time($0.at)) \($0.target)" } == ["+2s pile.b", "+3s pile.a", "+3s pile.c"])
    }

    @Test("each branch has its own stimulus")
    func stimulus() throws {
        let world = ScriptedWorld()
        world.happens("cloud", "online", ["device": "a"], at: .seconds(4))
        world.happens("cloud", "online", ["device": "b"], at: .seconds(5))
        let one = [act("badge.boot"), expect("cloud.online", whose("device", "a"), within: "4s")]
        let two = [wait("3s"), act("badge.boot"), expect("cloud.online", whose("device", "b"), within: "2s")]
        #expect(try JudgedRun(plan(parallel(one, two)), in: world).verdict == .pass)
    }

    @Test("the first failure ends the other branches, and what follows is not done")
    func failure() throws {
        let world = ScriptedWorld()
        world.answers("pile.plug", .failure("refused", after: .seconds(1)))
        world.answers("pile.slow", .success(after: .seconds(9)))
        let run = try JudgedRun(
            plan(
                parallel(
                    [act("pile.plug")], [wait("5s")], [expect("cloud.online", within: "5s")], [forbid("cloud.online", for: "5s")], [act("pile.slow")],
                    [check("cloud.device", is: whose("state", "active"), within: "5s")]),
                act("pile.unplug")), in: world)
        #expect(run.verdict == .fail)
        #expect(run.ending == .failed)
        #expect(run.timedSteps == [
            "+1s steps.1.parallel.1.1 do pile.plug: failed", "+1s steps.1.parallel.2.1 wait 5s: interrupted",
            "+1s steps.1.parallel.3.1 expect cloud.online: interrupted", "+1s steps.1.parallel.4.1 forbid cloud.online for 5s: interrupted",
            "+1s steps.1.parallel.5.1 do pile.slow: interrupted", "+1s steps.1.parallel.6.1 check cloud.device: interrupted",
        ])
        #expect(run.summary.findings.map(\.title) == ["do pile.plug"])
    }

    @Test("a branch whose step ends in the moment of the failure does not begin the next one")
    func notBegun() throws {
        let world = ScriptedWorld()
        world.answers("pile.plug", .failure("refused", after: .seconds(1)))
        world.answers("pile.a", .success(after: .seconds(1)))
        let run = try JudgedRun(plan(parallel([act("pile.plug")], [act("pile.a"), wait("0s"), act("pile.b")])), in: world)
        #expect(run.ending == .failed)
        #expect(world.calls.map(\.target) == ["pile.plug", "pile.a"])
    }

    @Test("what the branches saved is merged in their order, not in the order in which they ended")
    func merged() throws {
        let world = ScriptedWorld()
        world.answers("pile.a", .success(["x": 1, "a": 10], after: .seconds(2)))
        world.answers("pile.b", .success(["x": 2, "b": 20], after: .seconds(1)))
        let steps = plan(
            parallel([act("pile.a", save: ["x": "x", "a": "a"])], [act("pile.b", save: ["x": "x", "b": "b"])]),
            act("pile.tell", ["x": "${x}", "a": "${a}", "b": "${b}", "v": "${v}"]), variables: ["x": 0, "v": 5])
        #expect(try JudgedRun(steps, in: world).verdict == .pass)
        #expect(world.calls.last?.arguments == ["x": 2, "a": 10, "b": 20, "v": 5])
    }

    @Test("none knows what another one saves")
    func unknown() throws {
        let world = ScriptedWorld()
        world.answers("pile.a", .success(["a": 10]))
        let run = try JudgedRun(plan(parallel([act("pile.a", save: ["a": "a"])], [wait("1s"), act("pile.tell", ["a": "${a}"])])), in: world)
        #expect(run.reason("steps.1.parallel.2.2") == "nothing is called 'a' here")
    }

    @Test("an expect after it counts from the latest stimulus inside, and may name ids of its branches")
    func afterwards() throws {
        let world = ScriptedWorld()
        world.happens("cloud", "registered", at: .seconds(1))
        world.happens("cloud", "online", at: .seconds(14))
        let steps = plan(
            act("badge.boot"), parallel([expect("cloud.registered", within: "5s", id: "registered")], [wait("3s"), wait("7s")], [wait("2s")]),
            expect("cloud.online", within: "11s", after: "registered"))
        #expect(try JudgedRun(steps, in: world).verdict == .pass)
    }

    @Test("an event that two branches wait for is taken by the one that waited first")
    func contested() throws {
        let world = ScriptedWorld()
        world.happens("cloud", "online", at: .seconds(1))
        world.happens("cloud", "online", at: .seconds(2))
        let run = try JudgedRun(plan(parallel([expect("cloud.online", within: "5s")], [expect("cloud.online", within: "5s")])), in: world)
        #expect(run.verdict == .pass)
        #expect(run.timedSteps.map { String($0.prefix(25)) } == ["+1s steps.1.parallel.1.1 ", "+2s steps.1.parallel.2.1 "])
    }

    @Test("ids of one block that two branches use at once do not mix, nor do its faults")
    func blockTwice() throws {
        let world = ScriptedWorld()
        func block(_ device: FieldValue, _ time: String) -> Step.Action {
            use("b", with: [member("device", device)],
                act("badge.boot"), expect("cloud.registered", whose("device", isNamed: "device"), within: "9s", id: "registered"),
                expect("cloud.online", whose("device", isNamed: "device"), within: "9s", after: "registered"),
                fault("badge.cut", id: "cut"), wait(time), .clear("cut"), wait("5s"))
        }
        // Device a is registered before it is online, and b the other way round.
        world.happens("cloud", "registered", ["device": "a"], at: .seconds(1))
        world.happens("cloud", "online", ["device": "a"], at: .seconds(2))
        world.happens("cloud", "registered", ["device": "b"], at: .seconds(1))
        world.happens("cloud", "online", ["device": "b"], at: .seconds(3))
        let run = try JudgedRun(plan(parallel([block("a", "1s")], [block("b", "2s")])), in: world)
        #expect(run.verdict == .pass)
        #expect(world.faultChanges.map { "\(Timeline.time($0.at)) \($0.handle) \($0.isActive)" } == ["+2s 1 true", "+3s 2 true", "+3s 1 false", "+5s 2 false"])
    }

    @Test("an event that comes after a branch was stopped and before it says so is still its own, as it is for a judge")
    func stopping() throws {
        let world = ScriptedWorld()
        world.answers("pile.plug", .failure("refused", after: .seconds(1)))
        world.fault("cloud.kick", leadsTo: ScriptedEvent("cloud", "online"))
        // The first branch that is stopped kicks the cloud when it says so; the counting one says so after it.
        let stopped = when("lab.step.ended", whose("step", "steps.2.parallel.1.1.parallel.2.1"))
        let nested = parallel([act("pile.plug")], [wait("5s")], [expect("cloud.online", within: "5s", count: atLeast(2))])
        let run = try JudgedRun(
            plan(fault("cloud.kick", when: stopped), parallel([nested], [wait("500ms"), expect("cloud.online", within: "5s")])), in: world)
        #expect(run.numbers("online").count == 1)
        #expect(run.steps.suffix(4) == [
            "steps.2.parallel.1.1.parallel.1.1 do pile.plug: failed", "steps.2.parallel.1.1.parallel.2.1 wait 5s: interrupted",
            "steps.2.parallel.1.1.parallel.3.1 expect cloud.online: interrupted", "steps.2.parallel.2.2 expect cloud.online: interrupted",
        ])
    }
}
