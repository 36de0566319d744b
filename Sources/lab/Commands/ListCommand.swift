import Archive
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
        let (workplace, selected) = try Workplace.select(select)
        try workplace.refuseErrors()
        guard !selected.isEmpty else { throw Stop(.nothingSelected, "Nothing is selected.") }
        let last = (try? LastVerdicts(root: out)) ?? LastVerdicts()
        let entries = selected.map { scenario -> Entry in
            let cells = scenario.plans(world: scenario.fidelity.first ?? .sim, seed: 1)
            let verdicts = cells.compactMap { last.verdict(of: RunFolder.caseName(scenario: $0.scenario, cell: $0.cell)) }
            return Entry(scenario: scenario, cells: cells, verdict: verdicts.count == cells.count ? verdicts.max() : nil)
        }
        if json { return Console.print(JSONWriter.text(.list(entries.map(\.asValue)))) }
        let width = (entries.map(\.scenario.name.count).max() ?? 0) + 2
        for entry in entries {
            let cells = "\(entry.cells.count) cell\(entry.cells.count == 1 ? " " : "s")"
            Console.print(
                "\((entry.verdict?.rawValue ?? "–").padded(to: 12))\(entry.scenario.name.padded(to: width))\(cells.padded(to: 10))"
                    + "\(entry.scenario.tags.joined(separator: " "))")
            Console.print("            \(entry.scenario.about)")
        }
    }

    private struct Entry {
        var scenario: Scenario
        var cells: [Plan]
        /// The severest of the last run that had all cells.
        var verdict: Verdict?

        var asValue: FieldValue {
            [
                "scenario": .text(scenario.name), "file": .text(scenario.file), "about": .text(scenario.about),
                "tags": .list(scenario.tags.map { .text($0) }), "cells": .list(cells.map { .record($0.cell) }),
                "last": verdict.map { .text($0.rawValue) } ?? .null,
            ]
        }
    }
}

/// The verdicts of the latest run, by the folder names of its cases.
struct LastVerdicts {
    private var verdicts: [String: Verdict] = [:]

    init() {}

    init(root: String) throws {
        let archive = RunArchive(root: root)
        guard let latest = archive.runs().last else { throw Stop(.wrongInput, "There is no run in \(root) yet.") }
        let run = try RunCommand.orStop { () throws(RunArchive.Failure) in try archive.open(latest) }
        let bytes = try RunCommand.orStop { () throws(RunArchive.Failure) in try run.read("result.json") }
        let cases = (try? JSONReader.read(bytes))?.record?["cases"]?.list ?? []
        for entry in cases.compactMap(\.record) {
            guard let name = entry["run"]?.text?.split(separator: "/").last, let verdict = entry["verdict"]?.text.flatMap(Verdict.init) else { continue }
            verdicts[String(name)] = verdict
        }
    }

    func verdict(of caseName: String) -> Verdict? { verdicts[caseName] }

    /// The cases that failed, were blocked, flaky or unproven.
    func notPassed() -> Set<String> { Set(verdicts.filter { $0.value != .pass && $0.value != .skipped }.keys) }
}
