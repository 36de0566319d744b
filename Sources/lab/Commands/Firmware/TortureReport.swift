import Emulators
import FirmwareBench
import FirmwareImages
import Foundation
import LabCore
import Reports
import Verdicts

/// Counts, failures and the scenario of a torture, for people and programs.
struct TortureReport {
    let bench: TortureBench
    let path: String
    let progress: Progress

    enum Progress {
        case none
        /// A line that is written over, for a terminal.
        case line
        /// A line for each tenth, on standard error, for logs.
        case steps
    }

    /// What all runs came to.
    struct Result {
        var outcomes: [TortureOutcome]
        var rollouts: [RolloutRuns.Outcome]

        var runs: Int { outcomes.count + rollouts.count }
        var bricked: Int { outcomes.count(where: \.isBricked) }
        var failures: [TortureOutcome] { outcomes.filter { !$0.violations.isEmpty } }
        var stopped: [RolloutRuns.Outcome] { rollouts.filter { $0.failure != nil } }
        var failed: Int { failures.count + stopped.count }
    }

    /// What shows the smallest failure again.
    struct Smallest {
        /// The case; `nil` for a rollout.
        var number: Int?
        /// Folder with the scenario; `nil` where a scenario cannot repeat it.
        var folder: String?
    }

    var opening: String {
        let setup = bench.setup
        let signature = setup.trust.keys.isEmpty && setup.trust.certificates.isEmpty ? ", signatures not asked for" : ""
        var lines = [
            "\(path): \(setup.model.format.rawValue) \(setup.new.version), \(setup.image.count) bytes\(signature); from \(setup.oldVersion) · badge, \(setup.model.rawValue) · seed \(SeedText.hex(bench.catalogue.seed))"
        ]
        lines += bench.catalogue.omissions.map { "left out: \($0)" }
        return lines.joined(separator: "\n")
    }

    /// Runs the cases, fewer after Ctrl-C.
    func run(_ numbers: [Int], jobs: Int) -> [TortureOutcome] {
        var tenths = 0
        let outcomes = TorturePool(bench, numbers: numbers).run(jobs: jobs) { done in
            switch progress {
            case .none: break
            case .line: Console.write(Array("\r\u{1b}[K\(done) of \(numbers.count) runs".utf8))
            case .steps:
                if done < numbers.count, done * 10 / max(1, numbers.count) > tenths {
                    tenths = done * 10 / numbers.count
                    Console.error("\(done) of \(numbers.count) runs")
                }
            }
            return Interrupts.signalNumber == nil
        }
        if progress == .line { Console.write(Array("\r\u{1b}[K".utf8)) }
        return outcomes
    }

    private func rows(_ result: Result) -> [(family: TortureCase.Family, runs: Int, failed: Int, bricked: Int)] {
        TortureCase.Family.allCases.compactMap { family in
            if family == .m8 { return result.rollouts.isEmpty ? nil : (family, result.rollouts.count, result.stopped.count, 0) }
            let mine = result.outcomes.filter { bench.catalogue.cases[$0.number].family == family }
            guard !mine.isEmpty else { return nil }
            return (family, mine.count, mine.count { !$0.violations.isEmpty }, mine.count(where: \.isBricked))
        }
    }

    func text(_ result: Result, _ smallest: Smallest?) -> String {
        var lines = rows(result).map { row in
            let result = row.failed == 0 ? "" : "   \(row.failed) failed\(row.bricked > 0 ? ", \(row.bricked) bricked" : "")"
            return "\(row.family.rawValue.padded(to: 6))\(row.family.about.padded(to: 52))\(String(row.runs).leftPadded(to: 6))\(result)"
        }
        let failures = result.failures
        for failure in failures.prefix(10) {
            let entry = bench.catalogue.cases[failure.number]
            lines.append("FAILED case \(failure.number), \(entry.family.rawValue), \(entry.about): \(failure.violations.map(\.description).joined(separator: "; "))")
        }
        if failures.count > 10 { lines.append("and \(failures.count - 10) more") }
        for rollout in result.stopped { lines.append("FAILED M8, \(rollout.about): \(rollout.rule): \(rollout.failure ?? "")") }
        if let folder = smallest?.folder {
            // Its lab.yaml, whose keys the images are signed with, counts in its folder only.
            lines.append("smallest case: (cd \(ShellText.quoted(folder)) && \(repeatCommand))")
        } else if let number = smallest?.number {
            lines.append("smallest case: \(number) with --case; the cloud would refuse its release, so no scenario can show it")
        }
        lines.append("\(result.runs) runs, \(result.bricked) bricked, \(result.failed) failed")
        return lines.joined(separator: "\n")
    }

    func json(_ result: Result, _ smallest: Smallest?) -> String {
        var record: Fields = [
            "image": .text(path), "version": .text(bench.setup.new.version.description), "from": .text(bench.setup.oldVersion.description),
            "boot": .text(bench.setup.model.rawValue), "seed": .text(SeedText.hex(bench.catalogue.seed)), "runs": .integer(Int64(result.runs)),
            "bricked": .integer(Int64(result.bricked)), "failed": .integer(Int64(result.failed)),
            "families": .list(
                rows(result).map { row in
                    [
                        "family": .text(row.family.rawValue), "about": .text(row.family.about), "runs": .integer(Int64(row.runs)),
                        "failed": .integer(Int64(row.failed)), "bricked": .integer(Int64(row.bricked)),
                    ]
                }),
            "left_out": .list(bench.catalogue.omissions.map { .text($0) }),
            "failures": .list(
                result.failures.map { failure in
                    let entry = bench.catalogue.cases[failure.number]
                    return [
                        "case": .integer(Int64(failure.number)), "family": .text(entry.family.rawValue), "about": .text(entry.about),
                        "violations": .list(failure.violations.map { ["rule": .text($0.rule), "text": .text($0.text)] }),
                    ]
                }
                    + result.stopped.map { rollout in
                        [
                            "family": "M8", "about": .text(rollout.about),
                            "violations": .list([["rule": .text(rollout.rule), "text": .text(rollout.failure ?? "")]]),
                        ]
                    }),
        ]
        if let number = smallest?.number { record["smallest"] = .integer(Int64(number)) }
        if let folder = smallest?.folder { record["scenario"] = .text("\(folder)/torture.yaml") }
        return JSONWriter.text(.record(record))
    }

    /// Writes the smallest failing case where a scenario can repeat it; a rollout where only rollouts have failed.
    func write(_ result: Result, to folder: String) throws -> Smallest? {
        guard let (entry, outcome) = bench.smallest(of: result.failures) else {
            guard let rollout = result.stopped.first else { return nil }
            try write(rollout.scenario, to: folder)
            return Smallest(folder: folder)
        }
        guard bench.canBeOffered(entry) else { return Smallest(number: outcome.number) }
        try write(try bench.scenario(of: entry, outcome), to: folder)
        return Smallest(number: outcome.number, folder: folder)
    }

    private var bugs: [String] { bench.setup.bugs.map(\.rawValue).sorted() }

    /// `lab run` has a sound device; bugs are put in by `lab mutate`.
    private var repeatCommand: String {
        bugs.isEmpty ? "lab run torture.yaml" : "lab mutate \(bugs.map { "--bug \($0)" }.joined(separator: " ")) torture.yaml"
    }

    private func write(_ scenario: TortureScenario, to folder: String) throws {
        let text = bugs.isEmpty ? scenario.text : "# Fails with a bug only: \(repeatCommand)\n" + scenario.text
        do {
            try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
            for file in scenario.files + [("torture.yaml", Array(text.utf8))] {
                try Data(file.bytes).write(to: URL(fileURLWithPath: "\(folder)/\(file.name)"))
            }
        } catch {
            throw Stop(.wrongInput, "cannot write to --out \(folder): \(error)")
        }
    }
}

extension String {
    fileprivate func leftPadded(to width: Int) -> String { String(repeating: " ", count: max(0, width - count)) + self }
}
