import LabCore
import Testing

@Suite("Steps of a plan")
struct PlanStepsTests {
    private func step(_ path: String, _ action: Step.Action = .clear("x")) -> Step {
        Step(location: SourceLocation(file: "a.yaml", line: 1, column: 1), path: path, action: action)
    }
    private func turn(_ steps: [Step]) -> Step.Turn { Step.Turn(label: "", bindings: [], isIsolated: false, steps: steps) }

    @Test("A step that holds no others is itself")
    func plain() { #expect(step("a").unfolded.map(\.path) == ["a"]) }

    @Test("Steps inside loops, blocks and branches come in the order of the file, at any depth, and of a loop those of every turn")
    func nested() {
        let loop = step("loop", .sequence([turn([step("a")]), turn([step("b")])]))
        let whole = step("whole", .parallel([[loop, step("c")], [step("inner", .parallel([[step("d")], []])), step("e")]]))
        #expect(whole.unfolded.map(\.path) == ["a", "b", "c", "d", "e"])
        #expect(step("empty", .sequence([])).unfolded.isEmpty)
    }

    @Test("All steps are those of setup, steps and teardown; what teardown does is not measured")
    func plan() {
        let plan = Plan(
            scenario: "s", file: "s.yaml", about: "", roles: [], setup: [step("s", .sequence([turn([step("a")])]))], steps: [step("b")],
            teardown: [step("c")])
        #expect(plan.allSteps.map(\.path) == ["a", "b", "c"])
        #expect(plan.measuredSteps.map(\.path) == ["a", "b"])
    }
}
