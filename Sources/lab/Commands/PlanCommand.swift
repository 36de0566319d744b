import ArgumentParser
import LabCore
import Runner
import ScenarioLanguage
import Verdicts

/// `lab plan`: what a run would do, without doing it.
struct PlanCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "plan", abstract: "Prints the resolved steps, the nodes and the longest time; for real devices what would run and what not.")

    @Argument(help: "Paths, globs or a SELECT expression.")
    var select: [String] = []

    @Option(name: .customLong("on"), help: "sim, emu or hw.")
    var world = "sim"

    @Option(help: "Where a role or a kind of device is real or emulated in spite of --on: pile=hw, badge=emu.")
    var node: [String] = []

    @Flag(help: "With real devices: the steps, too.")
    var steps = false

    @Option(help: "The folder for run folders, for the times of earlier runs.")
    var out = "runs"

    @Flag(help: "As JSON.")
    var json = false

    func run() throws {
        var kind = try WorldKind.parse(world)
        // As `lab run` does: a real device has real time.
        if kind == .sim, node.contains(where: { $0.hasSuffix("=hw") }) { kind = .emu }
        let selection = try Selection(select)
        try selection.workplace.refuseErrors()
        guard !selection.scenarios.isEmpty else { throw selection.nothing }
        if kind == .hw || !node.isEmpty { return try planBench(selection, kind) }
        let plans = selection.scenarios.flatMap { $0.plans(world: kind, seed: 1) }
        for scenario in selection.scenarios where !scenario.fidelity.contains(kind) {
            Console.error("\(scenario.name) is left out: it runs only on \(scenario.fidelity.map(\.rawValue).joined(separator: ", "))")
        }
        guard !plans.isEmpty else { throw Stop(.nothingSelected, "Nothing that is selected runs on \(world).") }
        if json { return Console.print(JSONWriter.text(.list(plans.map(\.asValue)))) }
        for line in PlanText.pages(plans) { Console.print(line) }
    }

    private func planBench(_ selection: Selection, _ world: WorldKind) throws {
        let workplace = selection.workplace
        if world == .hw || node.contains(where: { $0.hasSuffix("=hw") }) { try workplace.refuseBenchProblems() }
        var options = try RealOptions(speed: nil, broker: nil, sides: node, world: world, lab: workplace.lab)
        let plans = selection.scenarios.flatMap { $0.plans(world: world, seed: 1) }
        if plans.contains(where: \.needsRealPayments) { try options.takePayments(of: workplace.lab) }
        let settings = options.settings
        let left = selection.scenarios.flatMap { scenario -> [(plan: Plan, reason: String)] in
            guard let other = scenario.fidelity.first, !scenario.fidelity.contains(world) else { return [] }
            let reason = "runs only on \(scenario.fidelity.map(\.rawValue).joined(separator: ", "))"
            return scenario.plans(world: other, seed: 1).map { ($0, reason) }
        }
        let history = try? LabHistory.openOrRead(path: LabHistory.path(out: out, lab: workplace.lab), out: out)
        let bench = BenchPlan(plans, left: left, nodes: workplace.nodes, settings: settings, world: world, history: history)
        if json { return Console.print(JSONWriter.text(bench.asValue)) }
        if steps { for line in PlanText.pages(bench.cells.filter { $0.missing == nil }.map(\.plan)) { Console.print(line) } }
        for line in bench.lines { Console.print(line) }
        if !bench.cells.contains(where: { $0.missing == nil }) {
            throw Stop(.nothingSelected, "Nothing that is selected runs on \(world.rawValue).")
        }
    }
}
