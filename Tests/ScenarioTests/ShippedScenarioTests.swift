import ChargingOracles
import LabCore
import Runner
import Testing
import Verdicts

@Suite("The scenarios that ship")
struct ShippedScenarioTests {
    @Test("are free of errors")
    func check() {
        let (scenarios, _, diagnostics) = Cell.load(Repository.scenarioFiles(in: "scenarios"))
        #expect(diagnostics.map(\.description) == [])
        #expect(scenarios.count >= 12)
    }

    @Test("pass with another seed than the default", arguments: Cell.shipped(seed: 20_260_101))
    func pass(_ cell: Cell) throws {
        let outcome = try CaseRunner(plan: cell.plan, nodes: cell.nodes).run()
        let result = judge(plan: cell.plan, events: outcome.events, run: "test", oracles: [OrderOracle()])
        #expect(result.verdict == .pass, "\(result.findings.map { "\($0.location): \($0.title): \($0.expected) \($0.reason ?? "")" })")
        #expect(outcome.ending == .done)
        if cell.plan.roles.contains(where: { $0.kind == "pile" }), !cell.plan.tags.contains(Plan.oracleExemption) {
            #expect(result.oracles.map(\.oracle) == ["charging"], "every scenario with a pile is held against its true registers")
        }
    }
}
