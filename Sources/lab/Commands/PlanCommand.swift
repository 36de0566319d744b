import ArgumentParser
import LabCore
import ScenarioLanguage
import Verdicts

/// `lab plan`: what a run would do, without doing it.
struct PlanCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "plan", abstract: "Prints the resolved steps, the nodes and the longest time.")

    @Argument(help: "Paths, globs or a SELECT expression.")
    var select: [String] = []

    @Option(name: .customLong("on"), help: "sim, emu or hw.")
    var world = "sim"

    @Flag(help: "As JSON.")
    var json = false

    func run() throws {
        let kind = try WorldKind.parse(world)
        let selection = try Selection(select)
        try selection.workplace.refuseErrors()
        guard !selection.scenarios.isEmpty else { throw selection.nothing }
        let plans = selection.scenarios.flatMap { $0.plans(world: kind, seed: 1) }
        for scenario in selection.scenarios where !scenario.fidelity.contains(kind) {
            Console.error("\(scenario.name) is left out: it runs only on \(scenario.fidelity.map(\.rawValue).joined(separator: ", "))")
        }
        guard !plans.isEmpty else { throw Stop(.nothingSelected, "Nothing that is selected runs on \(world).") }
        if json { return Console.print(JSONWriter.text(.list(plans.map(\.asValue)))) }
        for line in PlanText.pages(plans) { Console.print(line) }
    }
}
