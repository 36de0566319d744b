import ArgumentParser
import Foundation
import LabCore
import Reports
import ScenarioLanguage
import Verdicts

/// `lab explore`: runs what seeds draw from a scenario's `explore`, in sim, and writes what fails as a short scenario file.
struct ExploreCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "explore", abstract: "Draws moves and faults from seeds, runs them in sim, and makes what fails a short scenario.",
        discussion: """
            A scenario says under 'explore' which of its blocks are moves, with values to choose from, and which faults may come. \
            What a seed draws is put before the scenario's steps, which say what must hold in the end; its laws hold all the time. \
            The last line is `N runs, N failed`; the exit code is 1 if one fails.
            """)

    @Argument(help: "Paths, globs or a SELECT expression; every scenario with 'explore' where it is left out.")
    var select: [String] = []

    @Option(help: "Seeds for each scenario.")
    var runs = 100

    @Option(help: "The first seed, decimal or 0x…; the next ones count up from it.")
    var seed: String = "1"

    @Option(help: "Runs at the same time; as many as processors where it is 0.")
    var jobs = 0

    @Option(help: "Failing seeds that are made short and written.")
    var keep = 3

    @Option(help: "The folder for what is found.")
    var out = "scenarios/found"

    @Flag(help: "Only makes the draw of --seed short.")
    var shrinkOnly = false

    func run() throws {
        guard runs >= 1, jobs >= 0, keep >= 0 else { throw Stop(.wrongInput, "--runs must be 1 or more, --jobs and --keep 0 or more") }
        let first = try Seed.parse(seed)
        let selection = try Selection(select)
        try selection.workplace.refuseErrors()
        let explorations = try selection.scenarios.compactMap { try exploration(of: $0, in: selection.workplace) }
        guard !explorations.isEmpty else { throw Stop(.nothingSelected, "Nothing is selected that has 'explore' and can run in sim.") }
        var failed = 0
        var total = 0
        for (scenario, exploration) in explorations {
            let count = shrinkOnly ? 1 : runs
            Console.print("\(scenario.name)  \(counted(count, "seed")) from \(SeedText.hex(first)) · sim")
            let results = explored(exploration, seeds: (0..<count).map { first &+ UInt64($0) })
            total += results.count
            if let blocked = results.first(where: \.isBlocked) {
                throw Stop(.blocked, "\(scenario.file): what seed \(SeedText.hex(blocked.seed)) draws cannot run: \(blocked.failure ?? "")")
            }
            let failures = results.filter { $0.failure != nil }
            failed += failures.count
            for failure in failures.prefix(20) { Console.print("  FAIL  seed \(SeedText.hex(failure.seed))  \(failure.failure ?? "")") }
            if failures.count > 20 { Console.print("  … and \(failures.count - 20) more") }
            for (index, reference) in exploration.explore.counts.enumerated() {
                Console.print("  \(reference): \(results.reduce(0) { $0 + $1.counts[index] })")
            }
            var written: [Draw] = []
            for failure in failures where written.count < (shrinkOnly ? 1 : keep) {
                let shrunk = Parallel.map([failure.seed], jobs: 1) { exploration.shrunk(seed: $0) }[0]
                // Many seeds find the same.
                if written.contains(shrunk.draw) { continue }
                written.append(shrunk.draw)
                try write(exploration, scenario, failure.seed, shrunk)
            }
        }
        Console.print("\(counted(total, "run")), \(failed) failed")
        if Interrupts.signalNumber != nil { throw Stop(.failed, "interrupted") }
        if failed > 0 { throw Stop(.failed) }
    }

    private func explored(_ exploration: Exploration, seeds: [UInt64]) -> [Exploration.Result] {
        Interrupts.watch()
        return Parallel.map(seeds, jobs: jobs > 0 ? jobs : ProcessInfo.processInfo.activeProcessorCount) { seed -> Exploration.Result? in
            Interrupts.signalNumber == nil ? exploration.run(seed: seed) : nil
        }.compactMap(\.self)
    }

    private func exploration(of scenario: Scenario, in workplace: Workplace) throws -> (Scenario, Exploration)? {
        guard let explore = scenario.plans(world: .sim, seed: 0).first?.explore else { return nil }
        if explore.reorders { throw Stop(.wrongInput, "\(scenario.file): 'reorder' under 'explore' is not available yet.") }
        guard let text = workplace.sources.first(where: { $0.path == scenario.file })?.bytes else { return nil }
        let files = SnapshotFiles(contents: Dictionary(workplace.sources.map { ($0.path, $0.bytes) }, uniquingKeysWith: { first, _ in first }))
        return (
            scenario,
            Exploration(
                explore: explore, scenario: try DrawnScenario(file: scenario.file, text: String(decoding: text, as: UTF8.self)), lab: workplace.lab,
                nodes: workplace.nodes, files: files)
        )
    }

    private func write(
        _ exploration: Exploration, _ scenario: Scenario, _ seed: UInt64, _ shrunk: (draw: Draw, failure: String, runs: Int)
    ) throws {
        let name = scenario.name.replacing("/", with: "-")
        let path = "\(out)/\(name)-\(SeedText.hex(seed)).yaml"
        var text = exploration.scenario.text(with: shrunk.draw)
        text = "# Found from \(scenario.file) with the seed \(SeedText.hex(seed)): \(shrunk.failure.replacing("\n", with: " "))\n" + text
        do {
            try FileManager.default.createDirectory(atPath: out, withIntermediateDirectories: true)
            try Data(text.utf8).write(to: URL(filePath: path))
        } catch { throw Stop(.wrongInput, "'\(path)' cannot be written: \(error.localizedDescription)") }
        Console.print("  found \(path)  \(counted(shrunk.draw.items.count, "step")) after \(counted(shrunk.runs, "try", plural: "tries")): \(shrunk.failure)")
        Console.print("  replay lab run \(path) --seed \(SeedText.hex(seed))")
    }
}
