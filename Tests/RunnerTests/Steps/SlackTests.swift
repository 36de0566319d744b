import LabCore
import LabTesting
import Testing

@Suite("slack stretches what is waited for, never limits (scenario-language.md, lab.yaml)")
struct SlackTests {
    private func judged(_ slack: Double, _ actions: Step.Action..., in world: ScriptedWorld, laws: [Law] = []) throws -> JudgedRun {
        var plan = plan()
        plan.steps = numbered(actions, "steps")
        plan.slack = slack
        plan.laws = laws
        return try JudgedRun(plan, in: world)
    }

    /// Online 8 s after it is told to boot.
    private func badge() -> ScriptedWorld {
        let world = ScriptedWorld()
        world.answers("badge.boot", .success(events: ScriptedEvent("cloud", "online", after: .seconds(8))))
        return world
    }

    @Test("within 5 s with a slack of 1.5 lasts 7.5 s, with a slack of 2 it lasts 10 s", arguments: [(1.5, Verdict.fail), (2, .pass)])
    func within(_ slack: Double, _ verdict: Verdict) throws {
        #expect(try judged(slack, act("badge.boot"), expect("cloud.online", within: "5s"), in: badge()).verdict == verdict)
    }

    @Test("so does within where the step says none: 10 s of the default become 5 minutes with a slack of 30")
    func byDefault() throws {
        let world = ScriptedWorld()
        world.happens("cloud", "online", at: .seconds(299))
        #expect(try judged(30, act("badge.boot"), expect("cloud.online"), in: world).verdict == .pass)
    }

    @Test("forbid watches longer: 5 s with a slack of 2 see what comes after 8 s", arguments: [(1, Verdict.pass), (2, .fail)])
    func forbidden(_ slack: Double, _ verdict: Verdict) throws {
        #expect(try judged(slack, act("badge.boot"), forbid("cloud.online", for: "5s"), in: badge()).verdict == verdict)
    }

    @Test("wait is not stretched: it is a stimulus, not a patience")
    func waiting() throws {
        let run = try judged(3, wait("2s"), act("badge.reboot"), in: ScriptedWorld())
        #expect(run.timedSteps.first == "+2s steps.1 wait 2s: passed")
    }
}
