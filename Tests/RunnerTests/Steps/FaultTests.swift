import LabCore
import LabTesting
import Testing

@Suite("fault and clear (semantics 6)")
struct FaultTests {
    private func changes(_ world: ScriptedWorld) -> [String] {
        world.faultChanges.map { "\(Timeline.time($0.at)) \($0.target) \($0.isActive ? "begins" : "ends")" }
    }

    @Test("begins at once, and the steps go on")
    func atOnce() throws {
        let world = ScriptedWorld()
        let run = try JudgedRun(plan(wait("1s"), fault("badge.link.loss", ["rate": 0.2]), wait("5s")), in: world)
        #expect(run.verdict == .pass)
        #expect(changes(world) == ["+1s badge.link.loss begins", "+6s badge.link.loss ends"])
        #expect(run.lines(LabEvents.faultStarted) == [#"+1s lab.fault.started fault=badge.link.loss handle=1 arguments={"rate":0.2}"#])
    }

    @Test("ends after 'for', exactly then")
    func forTime() throws {
        let world = ScriptedWorld()
        let run = try JudgedRun(plan(fault("badge.link.loss", for: "5s"), wait("5s"), act("badge.ping"), wait("5s")), in: world)
        #expect(changes(world) == ["+0s badge.link.loss begins", "+5s badge.link.loss ends"])
        #expect(world.calls.map(\.at.nanoseconds) == [5_000_000_000])
        let end = try #require(run.events.first { $0.name == LabEvents.faultEnded })
        let ping = try #require(run.events.first { $0.fields["action"] == "badge.ping" })
        #expect(end.sequence < ping.sequence, "what happens when the time is over is without the fault")
    }

    @Test("ends on clear; other faults go on")
    func clear() throws {
        let world = ScriptedWorld()
        let steps = plan(fault("pile.power.cut", id: "outage"), fault("pile.link.cut"), wait("3s"), .clear("outage"), wait("4s"))
        let run = try JudgedRun(steps, in: world)
        #expect(changes(world) == [
            "+0s pile.power.cut begins", "+0s pile.link.cut begins", "+3s pile.power.cut ends", "+7s pile.link.cut ends",
        ])
        #expect(run.lines(LabEvents.faultEnded).first == "+3s lab.fault.ended fault=pile.power.cut handle=1 id=outage")
    }

    @Test("clear after its time is over changes nothing, and a second one neither")
    func clearTwice() throws {
        let world = ScriptedWorld()
        let steps = plan(fault("pile.power.cut", for: "2s", id: "outage"), wait("3s"), .clear("outage"), .clear("outage"))
        #expect(try JudgedRun(steps, in: world).verdict == .pass)
        #expect(changes(world) == ["+0s pile.power.cut begins", "+2s pile.power.cut ends"])
    }

    @Test("clear is a stimulus: what follows counts from it")
    func stimulus() throws {
        let world = ScriptedWorld()
        world.happens("pile", "boot.done", at: .seconds(12))
        let steps = plan(fault("pile.power.cut", id: "outage"), wait("10s"), .clear("outage"), expect("pile.boot.done", within: "2s"))
        #expect(try JudgedRun(steps, in: world).verdict == .pass)
    }

    @Test("ends with the steps, the latest first, so that teardown finds a world that obeys")
    func endOfSteps() throws {
        let world = ScriptedWorld()
        let steps = plan(fault("pile.power.cut"), fault("pile.link.cut"), act("pile.sing"), teardown: [act("pile.unplug")])
        world.answers("pile.sing", .failure("no_voice"))
        let run = try JudgedRun(steps, in: world)
        #expect(changes(world).suffix(2) == ["+0s pile.link.cut ends", "+0s pile.power.cut ends"])
        let teardown = try #require(run.events.first { $0.fields["phase"] == "teardown" })
        #expect(run.events.filter { $0.name == LabEvents.faultEnded }.allSatisfy { $0.sequence < teardown.sequence })
    }

    @Test("with 'when' it waits for its event and begins in the same instant")
    func armed() throws {
        let world = ScriptedWorld()
        world.happens("badge", "boot.started", ["firmware": "2.3.0"], at: .seconds(1))
        world.happens("badge", "boot.started", ["firmware": "2.4.0"], at: .seconds(2))
        world.happens("badge", "boot.started", ["firmware": "2.4.0"], at: .seconds(3))
        let steps = plan(fault("badge.power.cut", when: when("badge.boot.started", whose("firmware", "2.4.0")), for: "500ms", id: "cut"), wait("9s"))
        let run = try JudgedRun(steps, in: world)
        #expect(changes(world) == ["+2s badge.power.cut begins", "+2.5s badge.power.cut ends"])
        let event = run.numbers("boot.started")[1]
        #expect(run.events.first { $0.name == LabEvents.faultStarted }.map { Int64($0.sequence) } == event + 1)
        #expect(run.lines(LabEvents.faultArmed) == ["+0s lab.fault.armed fault=badge.power.cut handle=1 event=badge.boot.started nth=1 id=cut"])
    }

    @Test("with 'nth' it waits for the n-th matching event since it was armed")
    func nth() throws {
        let world = ScriptedWorld()
        for second in 1...5 { world.happens("badge", "block", at: .seconds(second)) }
        _ = try JudgedRun(plan(wait("1500ms"), fault("badge.power.cut", when: when("badge.block", nth: 3)), wait("9s")), in: world)
        #expect(changes(world).first == "+4s badge.power.cut begins")
    }

    @Test("an armed fault that its event never reaches does nothing; cleared, it does nothing either")
    func disarmed() throws {
        let world = ScriptedWorld()
        world.happens("badge", "block", at: .seconds(5))
        let steps = plan(
            fault("badge.power.cut", when: when("badge.other")), fault("badge.app.hang", when: when("badge.block"), id: "hang"), wait("2s"),
            .clear("hang"), wait("9s"))
        #expect(try JudgedRun(steps, in: world).verdict == .pass)
        #expect(changes(world) == [])
    }

    @Test("an armed fault does not outlive the steps")
    func teardown() throws {
        let world = ScriptedWorld()
        world.happens("badge", "block", at: .seconds(5))
        _ = try JudgedRun(plan(fault("badge.power.cut", when: when("badge.block")), wait("2s"), teardown: [wait("9s")]), in: world)
        #expect(changes(world) == [])
    }

    @Test("two faults on one event begin in the order in which they were armed")
    func order() throws {
        let world = ScriptedWorld()
        world.happens("badge", "block", at: .seconds(1))
        _ = try JudgedRun(plan(fault("badge.a", when: when("badge.block")), fault("badge.b", when: when("badge.block")), wait("2s")), in: world)
        #expect(changes(world).prefix(2) == ["+1s badge.a begins", "+1s badge.b begins"])
    }

    @Test("what a fault makes happen at once counts for an expect after its id")
    func afterFault() throws {
        let world = ScriptedWorld()
        world.fault("pile.power.cut", leadsTo: ScriptedEvent("pile", "power.lost"))
        let run = try JudgedRun(plan(fault("pile.power.cut", id: "outage"), expect("pile.power.lost", within: "1s", after: "outage")), in: world)
        #expect(run.verdict == .pass)
    }

    @Test("a fault that the world does not have fails its step; one that this bench cannot do blocks it",
        arguments: [("unknown_fault", Verdict.fail), ("not_possible_here", .blocked)])
    func refused(reason: String, verdict: Verdict) throws {
        let world = ScriptedWorld()
        world.refuses("badge.power.cut", ActionFailure(reason, "No relay is connected."))
        let run = try JudgedRun(plan(fault("badge.power.cut"), act("badge.boot")), in: world)
        #expect(run.verdict == verdict)
        #expect(run.reason("steps.1") == "No relay is connected.")
        #expect(run.summary.findings.first?.reason == "No relay is connected.")
        #expect(world.calls.isEmpty)
    }

    @Test("an armed fault that the world refuses does not pass unnoticed", arguments: [("unknown_fault", Verdict.fail), ("not_possible_here", .blocked)])
    func refusedLater(reason: String, verdict: Verdict) throws {
        let world = ScriptedWorld()
        world.refuses("badge.power.cut", ActionFailure(reason, "No relay is connected."))
        world.happens("badge", "block", at: .seconds(1))
        let run = try JudgedRun(plan(fault("badge.power.cut", when: when("badge.block")), wait("9s"), act("badge.boot")), in: world)
        #expect(run.verdict == verdict)
        #expect(run.steps == ["steps.1 fault badge.power.cut: passed", "steps.1.fired fault badge.power.cut: \(verdict == .fail ? "failed" : "blocked")", "steps.2 wait 9s: interrupted"])
        #expect(run.summary.findings.map(\.location) == [place(10)])
        #expect(run.events.last?.at == RunInstant(nanoseconds: 1_000_000_000))
    }
}
