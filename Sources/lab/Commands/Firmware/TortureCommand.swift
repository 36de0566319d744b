import ArgumentParser
import Emulators
import FirmwareBench
import FirmwareImages
import Foundation
import LabCore
import Reports
import Verdicts

/// `lab firmware torture`: what an update with this image survives.
struct FirmwareTortureCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "torture", abstract: "Updates an emulated device to an image in thousands of ways that go wrong.",
        discussion: """
            Power goes at every flash operation and after every step, once and again; downloads, images, manifests, servers, clocks and the new \
            image itself fail as devices have seen them fail. After each input the rules for updates are checked: some slot boots, nothing \
            unverified runs, old or new and never a mix, one result, counters only rise, settings survive. Everything happens in memory and in \
            virtual time, and the same image and seed give the same outcome. Manifests are signed with keys of the bench. The last line is \
            `N runs, N bricked, N failed`.
            Ctrl-C ends it after the runs that are under way, with what they found. \
            Exit codes: 0 nothing found, 1 something found or an image that the bootloader would not start, 2 unreadable or wrong usage, 130 interrupted.
            """)

    @Argument(help: "The image that is to be installed: MCUboot, ESP32 or a RAUC bundle.")
    var image: String

    @Option(help: "The device; badge is the only one.")
    var device = "badge"

    @Option(help: "The bootloader: mcuboot, esp or rauc; that of the image's format where it is left out.")
    var boot: String?

    @Option(help: "The image that runs before; made by the bench where it is left out.")
    var from: String?

    @Option(name: .customLong("key"), help: "PEM file with a key or certificate that the bootloader trusts; can be given more than once. Without one signatures are not asked for.")
    var keys: [String] = []

    @Option(help: "Seed of what is drawn, decimal or 0x….")
    var seed = "1"

    @Option(help: "Threads; as many as processors where it is 0.")
    var jobs = 0

    @Option(help: "Only cases of this family, such as P1 or N3; can be given more than once.")
    var family: [String] = []

    @Option(help: "Shows what the badge notes in the case with this number.")
    var `case`: Int?

    @Option(help: "A bug that agent and bootloader are to have (`lab mutate --list`); can be given more than once.")
    var bug: [String] = []

    @Option(help: "Folder for the smallest case that failed, as a scenario.")
    var out = "torture"

    @Flag(help: "As JSON.")
    var json = false

    func run() throws {
        guard device == "badge" else { throw Stop(.wrongInput, "--device '\(device)' is not known; there is badge") }
        guard jobs >= 0 else { throw Stop(.wrongInput, "--jobs '\(jobs)' must be 0 or more") }
        let bench = try bench()
        if let number = `case` {
            guard bench.catalogue.cases.indices.contains(number) else { throw Stop(.wrongInput, "--case must be 0 to \(bench.catalogue.cases.count - 1)") }
            return show(number, bench)
        }
        Interrupts.watch()
        let report = TortureReport(bench: bench, path: image, seed: try Seed.parse(seed), progress: json ? .none : Console.isInteractive ? .line : .steps)
        let numbers = try numbers(bench.catalogue)
        if !json { Console.print(report.opening) }
        let outcomes = report.run(numbers, jobs: jobs > 0 ? jobs : ProcessInfo.processInfo.activeProcessorCount)
        let failures = outcomes.filter { !$0.violations.isEmpty }
        let smallest = try failures.isEmpty ? nil : report.write(failures, to: out)
        Console.print(json ? report.json(outcomes, smallest) : report.text(outcomes, smallest))
        if outcomes.count < numbers.count {
            throw Stop(Interrupts.signalNumber == SIGTERM ? .terminated : .interrupted, "stopped after \(outcomes.count) of \(numbers.count) runs")
        }
        if !failures.isEmpty { throw Stop(.failed) }
    }

    private func bench() throws -> TortureBench {
        let bytes = try read(image)
        let model = try model(of: bytes)
        let old = try from.map(read)
        var trust = try FirmwareFiles.trust(keys)
        // Certificates count whatever the day: the same image must fare the same tomorrow.
        trust.time = nil
        switch model {
        case .mcuboot: trust.hardware = "v1.0"
        case .esp: trust.chip = 9
        case .rauc: trust.compatible = "luna-badge"
        }
        do {
            let setup = try TortureSetup(image: bytes, old: old, model: model, trust: trust, bugs: try bugs())
            return TortureBench(setup, try Catalogue(setup, seed: try Seed.parse(seed)))
        } catch let refusal as TortureRefusal {
            throw Stop(refusal.isUnfit ? .failed : .wrongInput, "\(image): \(refusal)")
        }
    }

    private func read(_ path: String) throws -> [UInt8] {
        do { return try FirmwareFiles.read(path) } catch { throw Stop(.wrongInput, "cannot read \(path): \(error)") }
    }

    private func model(of bytes: [UInt8]) throws -> BootModel {
        let known = BootModel.allCases.map(\.rawValue).joined(separator: ", ")
        if let boot {
            guard let model = BootModel(rawValue: boot) else { throw Stop(.wrongInput, "--boot '\(boot)' is not known; there are \(known)") }
            return model
        }
        if bytes.starts(with: [0x3d, 0xb8, 0xf3, 0x96]) { return .mcuboot }
        if bytes.first == 0xe9 { return .esp }
        if bytes.starts(with: Array("hsqs".utf8)) { return .rauc }
        throw Stop(.wrongInput, "\(image) is none of the formats that are known; give --boot \(known) to try it all the same")
    }

    private func bugs() throws -> Set<SeededBug> {
        let known = SeededBug.allCases.filter { $0.place != .versionCentre }.map(\.rawValue)
        return Set(
            try bug.map { name in
                if let bug = SeededBug(rawValue: name), bug.place != .versionCentre { return bug }
                let hint = DidYouMean.suggestion(for: name, among: known).map { " — did you mean '\($0)'?" } ?? ""
                throw Stop(.wrongInput, "unknown bug of agent or bootloader '\(name)'\(hint) (`lab mutate --list` shows all)")
            })
    }

    private func numbers(_ catalogue: Catalogue) throws -> [Int] {
        guard !family.isEmpty else { return Array(catalogue.cases.indices) }
        let known = catalogue.counts.map(\.family.rawValue)
        for name in family where !known.contains(name) {
            throw Stop(.wrongInput, "no cases of the family '\(name)' (there are \(known.joined(separator: ", ")))")
        }
        return catalogue.cases.indices.filter { family.contains(catalogue.cases[$0].family.rawValue) }
    }

    private func show(_ number: Int, _ bench: TortureBench) {
        let entry = bench.catalogue.cases[number]
        Console.print("case \(number), \(entry.family.rawValue), \(entry.family.about): \(entry.about)")
        for line in bench.journal(of: number) { Console.print(line) }
        let outcome = bench.run(number)
        for violation in outcome.violations { Console.print("FAILED \(violation)") }
        Console.print("ends on the \(outcome.ending.rawValue) image; the cloud has \(outcome.result.isEmpty ? "no result" : outcome.result) \(outcome.reason)")
    }
}

/// Counts, failures and the scenario of a torture, for people and programs.
struct TortureReport {
    let bench: TortureBench
    let path: String
    let seed: UInt64
    let progress: Progress

    enum Progress {
        case none
        /// A line that is written over, for a terminal.
        case line
        /// A line for each tenth, on standard error, for logs.
        case steps
    }

    /// What shows the smallest failure again.
    struct Smallest {
        var number: Int
        /// Folder with the scenario; `nil` where a scenario cannot repeat it.
        var folder: String?
    }

    var opening: String {
        let setup = bench.setup
        let signature = setup.trust.keys.isEmpty && setup.trust.certificates.isEmpty ? ", signatures not asked for" : ""
        var lines = [
            "\(path): \(setup.model.format.rawValue) \(setup.new.version), \(setup.image.count) bytes\(signature); from \(setup.oldVersion) · badge, \(setup.model.rawValue) · seed \(SeedText.hex(seed))"
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

    private func rows(_ outcomes: [TortureOutcome]) -> [(family: TortureCase.Family, runs: Int, failed: Int, bricked: Int)] {
        bench.catalogue.counts.compactMap { family, _ in
            let mine = outcomes.filter { bench.catalogue.cases[$0.number].family == family }
            guard !mine.isEmpty else { return nil }
            return (family, mine.count, mine.count { !$0.violations.isEmpty }, mine.count(where: \.isBricked))
        }
    }

    func text(_ outcomes: [TortureOutcome], _ smallest: Smallest?) -> String {
        var lines = rows(outcomes).map { row in
            let result = row.failed == 0 ? "" : "   \(row.failed) failed\(row.bricked > 0 ? ", \(row.bricked) bricked" : "")"
            return "\(row.family.rawValue.padded(to: 6))\(row.family.about.padded(to: 52))\(String(row.runs).leftPadded(to: 6))\(result)"
        }
        let failures = outcomes.filter { !$0.violations.isEmpty }
        for failure in failures.prefix(10) {
            let entry = bench.catalogue.cases[failure.number]
            lines.append("FAILED case \(failure.number), \(entry.family.rawValue), \(entry.about): \(failure.violations.map(\.description).joined(separator: "; "))")
        }
        if failures.count > 10 { lines.append("and \(failures.count - 10) more") }
        if let folder = smallest?.folder {
            // Its lab.yaml, whose keys the images are signed with, counts in its folder only.
            lines.append("smallest case: (cd \(ShellText.quoted(folder)) && lab run torture.yaml)")
        } else if let number = smallest?.number {
            lines.append("smallest case: \(number) with --case; the cloud would refuse its release, so no scenario can show it")
        }
        lines.append("\(outcomes.count) runs, \(outcomes.count(where: \.isBricked)) bricked, \(failures.count) failed")
        return lines.joined(separator: "\n")
    }

    func json(_ outcomes: [TortureOutcome], _ smallest: Smallest?) -> String {
        let failures = outcomes.filter { !$0.violations.isEmpty }
        var record: Fields = [
            "image": .text(path), "version": .text(bench.setup.new.version.description), "from": .text(bench.setup.oldVersion.description),
            "boot": .text(bench.setup.model.rawValue), "seed": .text(SeedText.hex(seed)), "runs": .integer(Int64(outcomes.count)),
            "bricked": .integer(Int64(outcomes.count(where: \.isBricked))), "failed": .integer(Int64(failures.count)),
            "families": .list(
                rows(outcomes).map { row in
                    [
                        "family": .text(row.family.rawValue), "about": .text(row.family.about), "runs": .integer(Int64(row.runs)),
                        "failed": .integer(Int64(row.failed)), "bricked": .integer(Int64(row.bricked)),
                    ]
                }),
            "left_out": .list(bench.catalogue.omissions.map { .text($0) }),
            "failures": .list(
                failures.map { failure in
                    let entry = bench.catalogue.cases[failure.number]
                    return [
                        "case": .integer(Int64(failure.number)), "family": .text(entry.family.rawValue), "about": .text(entry.about),
                        "violations": .list(failure.violations.map { ["rule": .text($0.rule), "text": .text($0.text)] }),
                    ]
                }),
        ]
        if let smallest { record["smallest"] = .integer(Int64(smallest.number)) }
        if let folder = smallest?.folder { record["scenario"] = .text("\(folder)/torture.yaml") }
        return JSONWriter.text(.record(record))
    }

    /// Writes the smallest failing case where a scenario can repeat it.
    func write(_ failures: [TortureOutcome], to folder: String) throws -> Smallest? {
        guard let (entry, outcome) = bench.smallest(of: failures) else { return nil }
        guard bench.canBeOffered(entry) else { return Smallest(number: outcome.number) }
        let scenario = try bench.scenario(of: entry, outcome)
        do {
            try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
            for file in scenario.files + [("torture.yaml", Array(scenario.text.utf8))] {
                try Data(file.bytes).write(to: URL(fileURLWithPath: "\(folder)/\(file.name)"))
            }
        } catch {
            throw Stop(.wrongInput, "cannot write to --out \(folder): \(error)")
        }
        return Smallest(number: outcome.number, folder: folder)
    }
}

/// Words for a shell.
enum ShellText {
    static func quoted(_ text: String) -> String {
        let isPlain = !text.isEmpty && text.utf8.allSatisfy { byte in
            (0x30...0x39).contains(byte) || (0x41...0x5a).contains(byte) || (0x61...0x7a).contains(byte) || "._-/".utf8.contains(byte)
        }
        return isPlain ? text : "'" + text.split(separator: "'", omittingEmptySubsequences: false).joined(separator: "'\\''") + "'"
    }
}

extension String {
    fileprivate func leftPadded(to width: Int) -> String { String(repeating: " ", count: max(0, width - count)) + self }
}
