import Emulators
import FirmwareBench
import LabCore
import Runner
import ScenarioLanguage
import Verdicts

/// Runs the rollouts of a torture (M8) in memory, as `lab run` would run their files.
struct RolloutRuns {
    struct Outcome: Sendable {
        var about: String
        var rule: String
        var scenario: TortureScenario
        /// The first finding; `nil` where all held.
        var failure: String?
    }

    let bugs: Set<SeededBug>
    let seed: UInt64

    /// Fewer outcomes than rollouts after Ctrl-C.
    func run(_ rollouts: [TortureRollout], jobs: Int) -> [Outcome] {
        Parallel.map(rollouts, jobs: jobs) { rollout in
            Interrupts.signalNumber == nil
                ? Outcome(about: rollout.about, rule: rollout.rule, scenario: rollout.scenario, failure: failure(of: rollout.scenario)) : nil
        }.compactMap(\.self)
    }

    private static let file = "torture.yaml"

    private func failure(of scenario: TortureScenario) -> String? {
        var files = SnapshotFiles(contents: [Self.file: Array(scenario.text.utf8)])
        for file in scenario.files { files.contents[file.name] = file.bytes }
        let catalogue = Workplace.schemaCatalogue
        let lab = LabFile.load(Workplace.labFile, catalogue: catalogue, files: files)
        let loaded = ScenarioLoader(catalogue: catalogue, lab: lab.lab, files: files).load([Self.file])
        if let error = (lab.diagnostics + loaded.diagnostics).first(where: { $0.severity == .error }) { return error.description }
        for var plan in loaded.scenarios.flatMap({ $0.plans(world: .sim, seed: seed) }) {
            plan.bugs = bugs
            let summary = CaseJudge.verdict(on: plan, nodes: [])
            guard summary.verdict > .flaky else { continue }
            return summary.findings.first { $0.verdict > .flaky }?.text ?? summary.reason ?? summary.verdict.rawValue
        }
        return nil
    }
}
