import LabCore
import Testing

@testable import Runner

@Suite("Which events are kept (decision 2)")
struct RecordingPolicyTests {
    private let badge = NodeKind(
        name: "badge", about: "",
        events: [EventKind("heartbeat", "", volume: .traffic), EventKind("packet", "", volume: .traffic), EventKind("boot.done", "")])
    private let cloud = NodeKind(name: "cloud", about: "", events: [EventKind("packet", ""), EventKind("request", "", volume: .traffic)])
    private let pile = NodeKind(name: "pile", about: "", events: [EventKind("frame", "", volume: .traffic)])

    private func policy(members: Int, _ steps: Step.Action..., laws: [Law] = [], metrics: [Metric] = []) -> RecordingPolicy {
        var plan = plan(laws: laws)
        plan.steps = numbered(steps, "steps")
        plan.metrics = metrics
        plan.roles = [
            Role(name: "badges", kind: "badge", count: members, location: place(2)), Role(name: "cloud", kind: "cloud", location: place(3)),
        ]
        return RecordingPolicy(plan: plan, kinds: [badge, cloud, pile])
    }

    @Test("everything in a world with no fleet of more than 16", arguments: [1, 16])
    func small(members: Int) {
        #expect(policy(members: members).filter == nil)
    }

    @Test("milestones only with a larger one")
    func large() throws {
        let filter = try #require(policy(members: 17).filter)
        #expect(!filter("badges#1", "heartbeat"))
        #expect(!filter("cloud", "request"))
        #expect(filter("badges#1", "boot.done"))
        #expect(filter("lab", "step.started"))
    }

    @Test("a name that is a milestone of one kind and traffic of another is kept")
    func collision() throws {
        let filter = try #require(policy(members: 17).filter)
        #expect(filter("cloud", "packet"))
    }

    @Test("kinds that the plan does not have say nothing")
    func absent() throws {
        let filter = try #require(policy(members: 17).filter)
        #expect(filter("x", "frame"))
    }

    @Test("what the scenario names is kept, wherever it names it", arguments: [
        [expect("badges.heartbeat")], [forbid("badges.heartbeat", for: "1s")], [fault("badges.cut", when: when("badges.heartbeat"))],
        [loop("x", [1], use("b", parallel([wait("1s")], [expect("badges.heartbeat")])))],
    ])
    func named(_ actions: [Step.Action]) throws {
        for action in actions {
            let filter = try #require(policy(members: 17, action).filter)
            #expect(filter("badges#1", "heartbeat"))
            #expect(!filter("cloud", "request"))
        }
    }

    @Test("laws and metrics name events, too")
    func lawsAndMetrics() throws {
        let heartbeat = reference("badges.heartbeat")
        let request = reference("cloud.request")
        let rules: [Law.Rule] = [
            .forbid(heartbeat, Match()), .oncePer(heartbeat, Match(), field: "x"), .balance(request, heartbeat),
            .leadsTo(request, Match(), to: heartbeat, same: [], within: .constant("1s")),
        ]
        for rule in rules { #expect(policy(members: 17, laws: [law(rule)]).keeps("heartbeat")) }
        let metric = Metric(name: "m", location: place(9), from: heartbeat, to: request)
        #expect(policy(members: 17, metrics: [metric]).filter == nil, "the metric names all traffic that there is")
    }
}
