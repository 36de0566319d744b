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

    /// The scenarios of a thousand badges and of great loads, for fifty and a few minutes: debug builds are slow.
    static func shortFleets() throws -> [String: String] {
        let shorter = [
            // A heartbeat each 30 s, 5 minutes of coming online and 2 of waiting: 13 each at least.
            "scenarios/fleet/day.yaml": [("wait: 24h", "wait: 2m"), ("2870000", "650"), ("1000", "50"), ("2880000", "700")],
            "scenarios/ota/fleet.yaml": [
                ("count: 970", "count: 47"), ("count: 30", "count: 3"), ("1000", "50"), ("succeeded: 970", "succeeded: 47"),
                ("failed: 30", "failed: 3"), ("[1, 10, 100]", "[20, 100]"), ("minimum_samples: 100", "minimum_samples: 20"),
            ],
            // Loads: as many items as the objectives need, or a tenth of what must be under way.
            "scenarios/sla/ramp.yaml": [("count: 2000", "count: 60"), ("for: 4m", "for: 30s"), ("wait: 2m", "wait: 10s"), ("for: 20s", "for: 5s")],
            "scenarios/sla/concurrency.yaml": [("5400/s", "540/s"), (">= 10000", ">= 1000")],
            "scenarios/sla/availability.yaml": [("99.99%", "99.9%"), ("16ms, length: 600s", "100ms, length: 370s"), ("99.95%", "99.8%"), ("740s", "200s")],
            "scenarios/sla/api-p99.yaml": [("200/s", "110/s"), ("120s", "20s")],
            "scenarios/sla/connections.yaml": [("1005", "55"), (">= 1000", ">= 50"), ("p99(connack)", "p80(connack)")],
            "scenarios/sla/connections-recover.yaml": [("count: 1005", "count: 50")],
            "scenarios/sla/orders-day.yaml": [("sim: 2000", "sim: 1000"), ("sim: 40s", "sim: 20s")],
            "scenarios/sla/fleet-online.yaml": [("sim: 1000", "sim: 60")],
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
