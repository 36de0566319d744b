import LabCore
import LabTesting

/// Plans and worlds drawn from a seed, small enough that events collide: four events, three values, whole seconds.
struct RandomPlan {
    private var chance: SeededGenerator
    private var depth = 0
    private var nextID = 0
    /// Ids of steps that come before in the same line.
    private var expectIDs: [String] = []
    private var faultIDs: [String] = []

    init(seed: UInt64) { chance = SeededGenerator(seed: seed, purpose: "random plan") }

    private mutating func number(_ bound: Int) -> Int { Int(chance.integer(below: UInt64(bound))) }
    private mutating func seconds(_ bound: Int) -> String { "\(number(bound))s" }
    private mutating func event() -> String { "node.e\(number(4))" }
    private mutating func condition() -> Match { number(2) == 0 ? Match() : whose("x", .integer(Int64(number(3)))) }

    mutating func plan() -> Plan {
        let setup = actions(number(3))
        let steps = actions(1 + number(4))
        var plan = RunnerTests.plan(setup: setup, laws: laws(), variables: ["v": 1], deadline: .seconds(60 + number(60)))
        plan.steps = numbered(steps, "steps")
        (expectIDs, faultIDs) = ([], [])
        plan.teardown = numbered(actions(number(3)), "teardown")
        return plan
    }

    /// Events at random seconds, several in one, and actions that cause more.
    mutating func world() -> ScriptedWorld {
        let world = ScriptedWorld()
        for _ in 0..<number(30) { world.happens("node", "e\(number(4))", ["x": .integer(Int64(number(3)))], at: .seconds(1 + number(40))) }
        world.answers("node.act", answer(), answer(), answer(), answer(), .success())
        world.answers("node.ask", .success(["x": 0]), .failure("busy"), .success(["x": .integer(Int64(number(3)))]))
        world.fault("node.cut", leadsTo: ScriptedEvent("node", "e\(number(4))", ["x": 0], after: .seconds(number(3))))
        return world
    }

    mutating func interruption() -> Duration? { number(6) == 0 ? .seconds(number(40)) : nil }

    private mutating func answer() -> ScriptedAnswer {
        if number(12) == 0 { return .failure("refused", after: .seconds(number(3))) }
        let event = ScriptedEvent("node", "e\(number(4))", ["x": .integer(Int64(number(3)))], after: .seconds(number(5)))
        return .success(["x": .integer(Int64(number(3)))], after: .seconds(number(3)), events: event)
    }

    private mutating func laws() -> [Law] {
        var laws: [Law] = []
        let node = { (number: Int) in NodeReference(role: "node", name: "e\(number)") }
        if number(6) == 0 { laws.append(law(.forbid(node(number(4)), condition()), "forbid")) }
        if number(6) == 0 { laws.append(law(.oncePer(node(number(4)), Match(), field: "x"), "once")) }
        if number(4) == 0 {
            laws.append(law(.leadsTo(node(number(4)), condition(), to: node(number(4)), same: ["x"], within: .constant(.text("\(5 + number(20))s"))), "leads"))
        }
        if number(8) == 0 { laws.append(law(.balance(node(number(4)), node(number(4))), "balance")) }
        return laws
    }

    private mutating func actions(_ count: Int) -> [Step.Action] { (0..<count).map { _ in action() } }

    private mutating func action() -> Step.Action {
        switch number(depth < 2 ? 16 : 12) {
        case 0: return act("node.act", save: number(2) == 0 ? ["v": "x"] : [:], fails: number(10) == 0 ? Match() : nil)
        case 1: return act("node.act", ["x": "${v}"])
        case 2, 3, 4, 5: return expectation()
        case 6: return forbid(event(), condition(), for: seconds(3))
        case 7: return check("node.ask", is: number(4) == 0 ? whose("x", 1) : Match(), within: number(2) == 0 ? seconds(4) : nil)
        case 8: return wait(seconds(6))
        case 9, 10: return fault()
        case 11: return faultIDs.isEmpty ? wait("0s") : .clear(faultIDs[number(faultIDs.count)])
        case 12, 13: return branches()
        case 14:
            return nested { plan in .sequence([Step.Turn(
                label: "use b", bindings: [member("v", 2)], isIsolated: true, steps: plan.isolated { numbered($0.actions(2), "use") },
                saves: [Step.Save(variable: "v", field: "v")])]) }
        default:
            return nested { plan in
                let steps = plan.actions(2)
                return .sequence((1...2).map { turn in
                    Step.Turn(label: "turn \(turn)", bindings: [member("v", .integer(Int64(turn)))], isIsolated: false, steps: numbered(steps, "loop.\(turn)"))
                })
            }
        }
    }

    private mutating func expectation() -> Step.Action {
        let count: Match.Test? = number(4) == 0 ? atLeast(Int64(number(3))) : nil
        let after = number(4) == 0 && !expectIDs.isEmpty ? expectIDs[number(expectIDs.count)] : nil
        nextID += 1
        let id = "i\(nextID)"
        let named = number(6) == 0 ? whose("x", isNamed: "v") : condition()
        let action = expect(event(), named, within: "\(5 + number(30))s", count: count, after: after, id: id, save: number(3) == 0 ? ["v": "x"] : [:])
        if count == nil { expectIDs.append(id) }
        return action
    }

    private mutating func fault() -> Step.Action {
        nextID += 1
        let id = "f\(nextID)"
        let trigger = number(2) == 0 ? when(event(), condition(), nth: 1 + number(2)) : nil
        let action = RunnerTests.fault("node.cut", when: trigger, for: number(2) == 0 ? seconds(5) : nil, id: id)
        faultIDs.append(id)
        return action
    }

    private mutating func branches() -> Step.Action {
        nested { plan in
            .parallel((1...(2 + plan.number(2))).map { branch in
                let (expects, faults) = (plan.expectIDs, plan.faultIDs)
                defer { (plan.expectIDs, plan.faultIDs) = (expects, faults) }
                return numbered(plan.actions(1 + plan.number(2)), "parallel.\(branch)")
            })
        }
    }

    private mutating func nested(_ body: (inout RandomPlan) -> Step.Action) -> Step.Action {
        depth += 1
        defer { depth -= 1 }
        return body(&self)
    }

    private mutating func isolated(_ body: (inout RandomPlan) -> [Step]) -> [Step] {
        let outer = (expectIDs, faultIDs)
        (expectIDs, faultIDs) = ([], [])
        defer { (expectIDs, faultIDs) = outer }
        return body(&self)
    }
}
