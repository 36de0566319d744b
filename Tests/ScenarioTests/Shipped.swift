import Foundation
import LabCore
import Runner
import ScenarioLanguage
import Testing

/// The repository as the tests see it.
enum Repository {
    static let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
        .path

    /// All YAML files below a folder of the repository, sorted.
    static func scenarioFiles(in folder: String) -> [String] {
        let place = URL(fileURLWithPath: "\(root)/\(folder)").resolvingSymlinksInPath().path
        let names = FileManager.default.enumerator(atPath: place)?.compactMap { $0 as? String } ?? []
        return names.filter { $0.hasSuffix(".yaml") }.sorted().map { "\(folder)/\($0)" }
    }

    static func text(_ path: String) throws -> String { try String(contentsOfFile: "\(root)/\(path)", encoding: .utf8) }

    /// The scenarios of a thousand badges, for fifty and a few minutes: debug builds are slow.
    static func shortFleets() throws -> [String: String] {
        let shorter = [
            // A heartbeat each 30 s, 5 minutes of coming online and 2 of waiting: 13 each at least.
            "scenarios/fleet/day.yaml": [("wait: 24h", "wait: 2m"), ("2870000", "650"), ("1000", "50"), ("2880000", "700")],
            "scenarios/ota/fleet.yaml": [
                ("count: 970", "count: 47"), ("count: 30", "count: 3"), ("1000", "50"), ("succeeded: 970", "succeeded: 47"),
                ("failed: 30", "failed: 3"), ("[1, 10, 100]", "[20, 100]"), ("minimum_samples: 100", "minimum_samples: 20"),
            ],
        ]
        var texts: [String: String] = [:]
        for (path, replacements) in shorter {
            texts[path] = replacements.reduce(try text(path)) { $0.replacing($1.0, with: $1.1) }
        }
        return texts
    }
}

/// Files by their path from the repository's root, with texts that stand in for some.
struct RepositoryFiles: FileProvider {
    var replaced: [String: String] = [:]

    func read(_ path: String, atMost count: Int) throws -> [UInt8] {
        if let text = replaced[path] { return Array(text.utf8) }
        return Array(try Data(contentsOf: URL(fileURLWithPath: "\(Repository.root)/\(path)")).prefix(count))
    }
}

/// One cell of a scenario, named for test reports.
struct Cell: CustomTestStringConvertible, Sendable {
    var plan: Plan
    var nodes: [NamedNode]
    var testDescription: String { "\(plan.scenario) \(plan.cellText)" }

    /// The cells of the shipped scenarios; those of a thousand badges are shorter in debug builds.
    static func shipped(seed: UInt64) -> [Cell] {
        let (scenarios, lab, _) = load(Repository.scenarioFiles(in: "scenarios"), shortensFleet: true)
        let nodes = (lab?.nodes ?? []).map { NamedNode(name: $0.name, kind: $0.kind, facts: $0.facts, abilities: $0.abilities) }
        return scenarios.flatMap { $0.plans(world: .sim, seed: seed) }.map { Cell(plan: $0, nodes: nodes) }
    }

    static func load(_ files: [String], shortensFleet: Bool = false) -> ([Scenario], LabFile?, [Diagnostic]) {
        var provider = RepositoryFiles()
        #if DEBUG
            if shortensFleet { provider.replaced = (try? Repository.shortFleets()) ?? [:] }
        #endif
        let catalogue = Catalogue(NodeKinds.all)
        let lab = LabFile.load("lab.yaml", catalogue: catalogue, files: provider)
        let loaded = ScenarioLoader(catalogue: catalogue, lab: lab.lab, files: provider).load(files)
        return (loaded.scenarios, lab.lab, lab.diagnostics + loaded.diagnostics)
    }
}
