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

    @Option(help: "Only cases of these families, such as P1 or N3,M8; can be given more than once. A wrong one is told the list.")
    var family: [String] = []

    @Option(help: "Shows what the badge notes in the case with this number.")
    var `case`: Int?

    @Option(help: "A bug that agent, bootloader and version centre are to have (`lab mutate --list`); can be given more than once.")
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
        let rollouts = try bench.rollouts()
        let report = TortureReport(bench: bench, path: image, progress: json ? .none : Console.isInteractive ? .line : .steps)
        let (numbers, wanted) = try chosen(bench.catalogue, rollouts)
        if !json { Console.print(report.opening) }
        let threads = jobs > 0 ? jobs : ProcessInfo.processInfo.activeProcessorCount
        let outcomes = report.run(numbers, jobs: threads)
        let fleets = RolloutRuns(bugs: bench.setup.bugs, seed: bench.catalogue.seed).run(wanted, jobs: threads)
        let result = TortureReport.Result(outcomes: outcomes, rollouts: fleets)
        let smallest = try result.failed == 0 ? nil : report.write(result, to: out)
        Console.print(json ? report.json(result, smallest) : report.text(result, smallest))
        if result.runs < numbers.count + wanted.count {
            throw Stop(
                Interrupts.signalNumber == SIGTERM ? .terminated : .interrupted, "stopped after \(result.runs) of \(numbers.count + wanted.count) runs")
        }
        if result.failed > 0 { throw Stop(.failed) }
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
        let known = SeededBug.allCases.filter { $0.place != .orders }.map(\.rawValue)
        return Set(
            try bug.map { name in
                if let bug = SeededBug(rawValue: name), bug.place != .orders { return bug }
                let hint = DidYouMean.suggestion(for: name, among: known).map { " — did you mean '\($0)'?" } ?? ""
                throw Stop(.wrongInput, "unknown bug of agent, bootloader or version centre '\(name)'\(hint) (`lab mutate --list` shows all)")
            })
    }

    private func chosen(_ catalogue: Catalogue, _ rollouts: [TortureRollout]) throws -> (numbers: [Int], rollouts: [TortureRollout]) {
        let names = family.flatMap { $0.split(separator: ",").map(String.init) }
        guard !names.isEmpty else { return (Array(catalogue.cases.indices), rollouts) }
        let known = (catalogue.counts.map(\.family) + (rollouts.isEmpty ? [] : [.m8])).sorted()
        for name in names where !known.contains(where: { $0.rawValue == name }) {
            let list = known.map { "  \($0.rawValue.padded(to: 6))\($0.about)" }.joined(separator: "\n")
            throw Stop(.wrongInput, "no cases of the family '\(name)'; there are\n\(list)")
        }
        return (
            catalogue.cases.indices.filter { names.contains(catalogue.cases[$0].family.rawValue) },
            names.contains(TortureCase.Family.m8.rawValue) ? rollouts : []
        )
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
