import ArgumentParser
import LabCore
import ScenarioLanguage
import Verdicts

/// `lab list`: the scenarios, their cells and what became of them last time.
struct ListCommand: ParsableCommand {
    static let configuration = CommandConfiguration(commandName: "list", abstract: "Lists scenarios with tags, cells and last verdict.")

    @Argument(help: "Paths, globs or a SELECT expression.")
    var select: [String] = []

    @Flag(help: "As JSON.")
    var json = false

    @Option(help: "The folder for run folders.")
    var out = "runs"

    func run() throws {
        let selection = try Selection(select)
        try selection.workplace.refuseErrors()
        guard !selection.scenarios.isEmpty else { throw selection.nothing }
        let last = try LastVerdicts(path: LabHistory.path(out: out, lab: selection.workplace.lab), out: out)
        let entries = selection.scenarios.map { Entry($0, last) }
        if json { return Console.print(JSONWriter.text(.list(entries.map(\.asValue)))) }
        let width = (entries.map(\.scenario.name.count).max() ?? 0) + 2
        for entry in entries {
            let cells = counted(entry.cells.count, "cell")
            Console.print(
                "\((entry.verdict?.rawValue ?? "–").padded(to: 12))\(entry.scenario.name.padded(to: width))\(cells.padded(to: 10))"
                    + "\(entry.scenario.tags.joined(separator: " "))")
            Console.print("            \(entry.scenario.about)")
        }
    }

    private struct Entry {
        var scenario: Scenario
        var cells: [(plan: Plan, verdict: Verdict?)]

        init(_ scenario: Scenario, _ last: LastVerdicts) {
            self.scenario = scenario
            cells = scenario.plans(world: scenario.fidelity.first ?? .sim, seed: 1).map { ($0, last.verdict(of: $0)) }
        }

        /// The severest, where every cell has one.
        var verdict: Verdict? {
            let verdicts = cells.compactMap(\.verdict)
            return verdicts.count == cells.count ? verdicts.max() : nil
        }

        var asValue: FieldValue {
            [
                "scenario": .text(scenario.name), "file": .text(scenario.file), "about": .text(scenario.about),
                "tags": .list(scenario.tags.map { .text($0) }), "fidelity": .list(scenario.fidelity.map { .text($0.rawValue) }),
                "cells": .list(cells.map { ["cell": .record($0.plan.cell), "last": Self.value($0.verdict)] }), "last": Self.value(verdict),
            ]
        }

        private static func value(_ verdict: Verdict?) -> FieldValue { verdict.map { .text($0.rawValue) } ?? .null }
    }
}
