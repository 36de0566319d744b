import LabCore
import LabTesting
import Runner
import Testing

@Suite("laws (semantics 5)")
struct LawTests {
    private let accepted = reference("cloud.accepted")
    private let started = reference("cloud.order.started")
    private let settled = reference("cloud.order.settled")

    private func leadsTo(_ within: FieldValue = "5s", same: [String] = ["order"], _ condition: Match = Match()) -> Law {
        law(.leadsTo(started, condition, to: settled, same: same, within: .constant(within)))
    }

    @Test("a broken law stops the steps, and teardown runs")
    func stops() throws {
        let world = ScriptedWorld()
        world.happens("cloud", "accepted", ["registered": false], at: .seconds(2))
        let forbidden = law(.forbid(accepted, whose("registered", false)), "nothing from strangers")
        let run = try JudgedRun(plan(wait("9s"), act("badge.boot"), teardown: [act("badge.off")], laws: [forbidden]), in: world)
        #expect(run.verdict == .fail)
        #expect(run.ending == .lawBroken)
        #expect(run.timedSteps == ["+2s steps.1 wait 9s: interrupted", "+2s teardown.1 do badge.off: passed"])
        #expect(run.lines(LabEvents.lawBroken) == [
            "+2s lab.law.broken law=nothing from strangers file=scenarios/test/one.yaml line=3 reason=cloud.accepted must not happen event=\(run.numbers("accepted")[0])"
        ])
        #expect(run.summary.findings.map(\.title) == ["nothing from strangers"])
        #expect(run.lines(LabEvents.runEnded) == ["+2s lab.run.ended reason=law_broken"])
    }

    @Test("a law that holds lets the run pass")
    func holds() throws {
        let world = ScriptedWorld()
        world.happens("cloud", "accepted", ["registered": true], at: .seconds(2))
        let run = try JudgedRun(plan(wait("9s"), laws: [law(.forbid(accepted, whose("registered", false)))]), in: world)
        #expect(run.verdict == .pass)
        #expect(run.ending == .done)
    }

    @Test("laws hold in setup and in teardown, too", arguments: [1, 5])
    func everywhere(second: Int) throws {
        let world = ScriptedWorld()
        world.happens("cloud", "accepted", at: .seconds(second))
        let run = try JudgedRun(
            plan(setup: [wait("2s")], wait("2s"), teardown: [wait("2s"), act("badge.off")], laws: [law(.forbid(accepted, Match()))]), in: world)
        #expect(run.verdict == .fail)
        #expect(run.ending == .lawBroken)
        #expect(world.calls.map(\.target) == ["badge.off"])
        #expect(run.lines(LabEvents.lawBroken).count == 1)
    }

    @Test("once_per: a second event with the same value breaks it, another value or none does not")
    func oncePer() throws {
        func world(_ values: FieldValue?...) -> ScriptedWorld {
            let world = ScriptedWorld()
            for (index, value) in values.enumerated() {
                var fields = Fields()
                fields["serial_no"] = value
                world.happens("cloud", "accepted", fields, at: .seconds(index + 1))
            }
            return world
        }
        let once = law(.oncePer(accepted, Match(), field: "serial_no"), "one per serial number")
        #expect(try JudgedRun(plan(wait("9s"), laws: [once]), in: world("a", "b", nil, nil)).verdict == .pass)
        let run = try JudgedRun(plan(wait("9s"), laws: [once]), in: world("a", "b", "a"))
        #expect(run.verdict == .fail)
        let first = run.numbers("accepted")[0]
        #expect(run.summary.findings.first?.reason == "a second cloud.accepted with serial_no = a, the first is event \(first)")
        #expect(try JudgedRun(plan(wait("9s"), laws: [once]), in: world(.bytes([0xab]), "ab")).verdict == .fail, "as the log writes them")
        #expect(try JudgedRun(plan(wait("9s"), laws: [once]), in: world(2, .number(2))).verdict == .fail, "2.0 is 2")
    }

    @Test("leads_to: the event must follow within the time, its end included",
        arguments: [(6_000_000_000, Verdict.pass), (6_000_000_001, .fail)] as [(Int, Verdict)])
    func leadsTo(nanoseconds: Int, verdict: Verdict) throws {
        let world = ScriptedWorld()
        world.happens("cloud", "order.started", ["order": 1], at: .seconds(1))
        world.happens("cloud", "order.settled", ["order": 1], at: .nanoseconds(nanoseconds))
        let run = try JudgedRun(plan(wait("9s"), laws: [leadsTo()]), in: world)
        #expect(run.verdict == verdict)
        #expect(run.events.last?.at.nanoseconds == (verdict == .pass ? 9_000_000_000 : 6_000_000_001), "silence breaks it when the time is over")
    }

    @Test("leads_to: only an event with the same fields follows")
    func same() throws {
        let world = ScriptedWorld()
        world.happens("cloud", "order.started", ["order": 1], at: .seconds(1))
        world.happens("cloud", "order.started", ["order": 2], at: .seconds(2))
        world.happens("cloud", "order.settled", ["order": 2], at: .seconds(3))
        let run = try JudgedRun(plan(wait("20s"), laws: [leadsTo()]), in: world)
        #expect(run.verdict == .fail)
        #expect(run.summary.findings.first?.reason == "event \(run.numbers("order.started")[0]) was not followed by cloud.order.settled in time")
    }

    @Test("leads_to: what the end of the run leaves open is not broken")
    func open() throws {
        let world = ScriptedWorld()
        world.happens("cloud", "order.started", ["order": 1], at: .seconds(1))
        #expect(try JudgedRun(plan(wait("3s"), laws: [leadsTo()]), in: world).verdict == .pass)
    }

    @Test("leads_to: other events of the kind ask for nothing")
    func condition() throws {
        let world = ScriptedWorld()
        world.happens("cloud", "order.started", ["order": 1, "free": true], at: .seconds(1))
        #expect(try JudgedRun(plan(wait("20s"), laws: [leadsTo(whose("free", false))]), in: world).verdict == .pass)
    }

    private func leadsTo(_ condition: Match) -> Law { leadsTo("5s", same: ["order"], condition) }

    @Test("leads_to between events of one role: one member of a fleet does not keep the promise of another")
    func fleet() throws {
        let restored = reference("badges.power.restored")
        let back = law(.leadsTo(restored, Match(), to: reference("badges.boot.done"), same: [], within: .constant("5s")))
        func world(_ member: Int) -> ScriptedWorld {
            let world = ScriptedWorld()
            world.happens("badges#1", "power.restored", at: .seconds(1))
            world.happens("badges#\(member)", "boot.done", at: .seconds(2))
            return world
        }
        #expect(try JudgedRun(plan(wait("9s"), laws: [back]), in: world(1)).verdict == .pass)
        #expect(try JudgedRun(plan(wait("9s"), laws: [back]), in: world(2)).verdict == .fail)
    }

    @Test("leads_to: a breach by silence stops steps that wait for something else")
    func silence() throws {
        let world = ScriptedWorld()
        world.happens("cloud", "order.started", ["order": 1], at: .seconds(1))
        let run = try JudgedRun(plan(act("badge.boot"), expect("cloud.online", within: "60s"), laws: [leadsTo()]), in: world)
        #expect(run.ending == .lawBroken)
        #expect(run.events.last?.at == RunInstant(nanoseconds: 6_000_000_001))
    }

    @Test("balance: the sums of two events are the same at the end",
        arguments: [([10, 30], [40], Verdict.pass), ([10, 30], [41], .fail), ([], [], .pass), ([5], [], .fail)] as [([Int64], [Int64], Verdict)])
    func balance(left: [Int64], right: [Int64], verdict: Verdict) throws {
        let world = ScriptedWorld()
        for cents in left { world.happens("cloud", "debited", ["cents": .integer(cents)], at: .seconds(1)) }
        for cents in right { world.happens("cloud", "credited", ["cents": .integer(cents)], at: .seconds(2)) }
        let equal = law(.balance(reference("cloud.debited"), reference("cloud.credited")), "money is conserved")
        let run = try JudgedRun(plan(wait("9s"), teardown: [act("badge.off")], laws: [equal]), in: world)
        #expect(run.verdict == verdict)
        #expect(run.ending == (verdict == .pass ? .done : .lawBroken))
        #expect(world.calls.count == 1, "all steps were done: only the end shows it")
        if left == [10, 30], verdict == .fail { #expect(run.summary.findings.first?.reason == "cloud.debited sums to 40, cloud.credited to 41") }
    }

    @Test("balance: 'value' where there are no cents, and the number of events where there is neither; tenths add up")
    func amounts() throws {
        func run(_ left: [Fields], _ right: [Fields]) throws -> Verdict {
            let world = ScriptedWorld()
            for fields in left { world.happens("pile", "drawn", fields, at: .seconds(1)) }
            for fields in right { world.happens("pile", "metered", fields, at: .seconds(1)) }
            return try JudgedRun(plan(wait("2s"), laws: [law(.balance(reference("pile.drawn"), reference("pile.metered")))]), in: world).verdict
        }
        #expect(try run([["value": 0.1], ["value": 0.2]], [["value": 0.3]]) == .pass)
        #expect(try run([["value": 0.1], ["value": 0.2]], [["value": 0.31]]) == .fail)
        #expect(try run([["value": .duration(90_000_000_000)]], [["value": "1m"], ["value": "30s"]]) == .pass)
        #expect(try run([[:], [:]], [[:], [:]]) == .pass)
        #expect(try run([[:], [:]], [[:]]) == .fail)
    }

    @Test("a law is told once, however often it is broken")
    func once() throws {
        let world = ScriptedWorld()
        world.happens("cloud", "accepted", at: .seconds(1))
        world.happens("cloud", "accepted", at: .seconds(1))
        let run = try JudgedRun(plan(wait("9s"), laws: [law(.forbid(accepted, Match()))]), in: world)
        #expect(run.lines(LabEvents.lawBroken).count == 1)
    }

    @Test("laws use variables; one that cannot be evaluated is broken, and no step is done")
    func unresolved() throws {
        let world = ScriptedWorld()
        world.happens("cloud", "accepted", ["device": "d1"], at: .seconds(1))
        let named = law(.forbid(accepted, whose("device", isNamed: "device")))
        #expect(try JudgedRun(plan(wait("9s"), laws: [named], variables: ["device": "d2"]), in: world).verdict == .pass)
        let other = ScriptedWorld()
        let run = try JudgedRun(plan(act("badge.boot"), teardown: [act("badge.off")], laws: [named]), in: other)
        #expect(run.ending == .lawBroken)
        #expect(other.calls.map(\.target) == ["badge.off"])
        #expect(run.summary.findings.map(\.reason) == ["nothing is called 'device' here"])
    }

    @Test("a leads_to whose time is none is broken where it begins to matter")
    func noDuration() throws {
        let world = ScriptedWorld()
        world.happens("cloud", "order.started", ["order": 1], at: .seconds(1))
        let run = try JudgedRun(plan(wait("9s"), laws: [leadsTo("soon")]), in: world)
        #expect(run.summary.findings.map(\.reason) == ["'soon' is not a duration, so nothing can be in time"])
    }

    @Test("laws hold on what happened while the world was built, too")
    func early() throws {
        let world = ScriptedWorld()
        world.recordsNow("cloud", "accepted")
        world.recordsNow("cloud", "ready")
        let run = try JudgedRun(plan(act("badge.boot"), teardown: [act("badge.off")], laws: [law(.forbid(accepted, Match()))]), in: world)
        #expect(run.ending == .lawBroken)
        #expect(run.events.prefix(4).map(\.name) == ["accepted", "ready", "run.started", "law.broken"])
        #expect(world.calls.map(\.target) == ["badge.off"])
    }
}
