import ArgumentParser
import Foundation
import LabCore
import Reports
import Runner
import ScenarioLanguage
import Verdicts

/// `lab mutate`: puts one bug after the other into the lab's own devices and cloud, and tells which scenario, or which family of
/// the torture of images, catches it.
struct MutateCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "mutate", abstract: "Breaks devices and cloud on purpose, one bug at a time, and tells what catches it.",
        discussion: """
            A bug is caught by a scenario of the selection that passes without the bug and fails with it, or by `lab firmware torture`. \
            The last line is `N caught, N missed`; the exit code is 1 if one is missed.
            """)

    @Argument(help: "Paths, globs or a SELECT expression; scenarios with the tag ota or charging where it is left out.")
    var select: [String] = []

    @Flag(help: "Lists the bugs; runs nothing.")
    var list = false

    @Option(help: "Only this bug; can be given more than once.")
    var bug: [String] = []

    @Option(help: "The runs' seed, decimal or 0x….")
    var seed: String = "1"

    @Option(help: "Runs at the same time; as many as processors where it is 0.")
    var jobs = 0

    func run() throws {
        let bugs = try chosenBugs()
        if list {
            for bug in bugs { Console.print("\(bug.rawValue.padded(to: 32))\(bug.place.rawValue.padded(to: 16))\(bug.about)") }
            return
        }
        guard jobs >= 0 else { throw Stop(.wrongInput, "--jobs '\(jobs)' must be 0 or more") }
        let selection = try Selection(select.isEmpty ? ["tag:ota", "tag:charging"] : select)
        try selection.workplace.refuseErrors()
        let seed = try Seed.parse(seed)
        let plans = selection.scenarios.flatMap { $0.plans(world: .sim, seed: seed) }
        guard !plans.isEmpty else { throw selection.nothing }
        let hunt = BugHunt(
            plans: plans, nodes: selection.workplace.nodes, jobs: jobs > 0 ? jobs : ProcessInfo.processInfo.activeProcessorCount)
        let sound = hunt.soundPlans()
        for (plan, summary) in sound.unsound {
            Console.error("\(plan.scenario) [\(plan.cellText)] does not pass without a bug: \(summary)")
        }
        guard sound.unsound.isEmpty else { throw Stop(.failed, "0 caught, 0 missed: nothing can be said of bugs before everything passes") }
        Console.print("\(counted(bugs.count, "bug")), \(counted(plans.count, "cell")) · sim · seed \(SeedText.hex(seed))")
        let missed = hunt.hunt(bugs) { Console.print($0.line) }.count { $0.by == nil }
        Console.print("\(bugs.count - missed) caught, \(missed) missed")
        throw Stop(missed == 0 && Interrupts.signalNumber == nil ? .passed : .failed)
    }

    private func chosenBugs() throws -> [SeededBug] {
        if bug.isEmpty { return SeededBug.allCases }
        let known = SeededBug.allCases.map(\.rawValue)
        return try bug.map { name in
            if let bug = SeededBug(rawValue: name) { return bug }
            let hint = DidYouMean.suggestion(for: name, among: known).map { " — did you mean '\($0)'?" } ?? ""
            throw Stop(.wrongInput, "unknown bug '\(name)'\(hint) (`lab mutate --list` shows all)")
        }
    }
}

extension BugHunt.Catching {
    /// `caught   no-blocklist   version centre   ota/rollback [injected=…] line 70: …`
    fileprivate var line: String {
        let name = bug.rawValue.padded(to: 32) + bug.place.rawValue.padded(to: 16)
        guard let by else { return "MISSED   " + name + bug.about }
        return "caught   " + name + by
    }
}
