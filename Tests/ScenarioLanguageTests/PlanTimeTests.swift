import LabCore
import ScenarioLanguage
import Testing

@Suite("The longest that a plan can wait")
struct PlanTimeTests {
    private func longest(_ body: String, slack: Double? = nil, world: WorldKind = .hw) throws -> Duration {
        var lab: LabFile?
        if let slack {
            let text = "lab: 1\nabout: b\ndefaults: {within: 20s}\nslack: {hw: \(slack)}\n"
            lab = LabFile.load("lab.yaml", catalogue: TestCatalogue.catalogue, files: MemoryFiles(["lab.yaml": text])).lab
        }
        let result = load(["s.yaml": scenario(body)], "s.yaml", lab: lab)
        #expect(result.diagnostics == [])
        return try #require(result.scenarios.first?.plans(world: world, seed: 1).first).longestTime
    }

    @Test("within, wait and for add up, of branches the longest counts, and where within is missing the default does")
    func sums() throws {
        let body = """
            steps:
              - do: badge.boot
              - expect: badge.boot.done
              - {expect: badge.boot.done, within: 30s}
              - {forbid: badge.power.restored, for: 1m}
              - {check: badge.state, is: {mode: idle}, within: 5s}
              - parallel:
                  - [{wait: 2m}]
                  - [{wait: 1m}, {wait: 30s}]
              - loop: {n: [1, 2]}
                steps: [{wait: 10s}]
            teardown: [{wait: 4s}]

            """
        // 10 + 30 + 60 + 5 + 120 + 20 + 4
        #expect(try longest(body) == .seconds(249))
        // The default of 20 s, and all of it three times.
        #expect(try longest(body, slack: 3) == .seconds(777))
        #expect(try longest(body, slack: 3, world: .sim) == .seconds(259))
    }

    @Test("it ends at the deadline, which has slack, too")
    func deadline() throws {
        #expect(try longest("deadline: 1m\nsteps: [{wait: 5m}]\n") == .seconds(60))
        #expect(try longest("deadline: 1m\nsteps: [{wait: 5m}]\n", slack: 2) == .seconds(120))
    }
}
