import Emulators
import FirmwareImages
import Foundation
import LabCore
import Testing

@testable import FirmwareBench

/// Benches that several tests share: making one takes longer than most runs.
private enum Benches {
    static func make(_ model: BootModel, bugs: Set<SeededBug> = [], size: Int = 8_192) throws -> TortureBench {
        let (image, key) = try FactoryImage.make(
            version: FirmwareVersion(2, 4, 0), format: model.format, size: size, securityCounter: 2, privateKey: Array(repeating: 5, count: 32))
        let trust = ImageTrust(keys: model == .mcuboot ? [key] : [], hardware: model == .mcuboot ? "v1.0" : "")
        let setup = try TortureSetup(image: image, model: model, trust: trust, bugs: bugs)
        return TortureBench(setup, try Catalogue(setup, seed: 1))
    }
}

extension TortureBench {
    /// Every nth case of each family, at least one.
    fileprivate func sample(_ step: Int, _ families: Set<TortureCase.Family> = Set(TortureCase.Family.allCases)) -> [Int] {
        families.sorted().flatMap { family in
            let numbers = catalogue.cases.indices.filter { catalogue.cases[$0].family == family }
            return stride(from: 0, to: numbers.count, by: step).map { numbers[$0] }
        }
    }
}

@Suite("Torture of an update (specs/ota.md §4)")
struct TortureTests {
    @Test("the cases hold on every boot model, a sample of each family", arguments: BootModel.allCases)
    func holds(model: BootModel) throws {
        let bench = try Benches.make(model)
        for number in bench.sample(23) {
            let outcome = bench.run(number)
            let entry = bench.catalogue.cases[number]
            #expect(outcome.violations == [], "case \(number), \(entry.family): \(entry.about)")
        }
    }

    @Test("the plain runs end with the new image; the one that crashes goes back", arguments: BootModel.allCases)
    func courses(model: BootModel) throws {
        let bench = try Benches.make(model)
        #expect(bench.catalogue.courses.map { $0.final.centre.results.last?.state } == ["succeeded", "rolled_back", "succeeded"])
        #expect(bench.catalogue.courses.map(\.final.badge.runningVersion) == ["2.4.0", "2.3.0", "2.4.0"])
    }

    @Test("every family of the specification that concerns one device has cases", arguments: BootModel.allCases)
    func families(model: BootModel) throws {
        let bench = try Benches.make(model)
        let missing = Set(TortureCase.Family.allCases).subtracting(bench.catalogue.cases.map(\.family))
        // Without a signature nobody can tell whose image it is; hashes that were made right again are right; a bundle without one has
        // no hash either.
        let allowed: [BootModel: Set<TortureCase.Family>] = [.mcuboot: [], .esp: [.i3, .i4], .rauc: [.i3, .i4, .a5]]
        // M8 concerns fleets; its cases are scenarios.
        #expect(missing == allowed[model]?.union([.m8]))
        #expect(try bench.rollouts().map(\.rule) == ["O7", "O7", "O7", "O7", "O8", "O8"])
    }

    @Test("the same case ends the same, in whatever order and on however many threads")
    func repeatable() throws {
        let bench = try Benches.make(.mcuboot, size: 4_096)
        let numbers = bench.sample(40)
        func words(_ outcomes: [TortureOutcome]) -> [String] {
            outcomes.map { "\($0.number) \($0.ending) \($0.result) \($0.reason) \($0.inputs)" }
        }
        let alone = words(numbers.map(bench.run))
        #expect(words(TorturePool(bench, numbers: numbers).run(jobs: 2)) == alone)
        #expect(words(numbers.reversed().map(bench.run)).reversed() == alone)
    }

    @Test("a run from the middle of a course ends as one from its beginning")
    func sharedCourse() throws {
        let bench = try Benches.make(.mcuboot, size: 4_096)
        for number in bench.sample(60, [.p1, .p2, .a7]) {
            let entry = bench.catalogue.cases[number]
            var whole = entry
            guard case .operation = entry.start else { continue }
            whole.start = .beginning
            let (short, long) = (bench.outcome(of: entry, number), bench.outcome(of: whole, number))
            #expect(short.ending == long.ending, "\(entry.about)")
            #expect(short.result == long.result, "\(entry.about)")
            #expect(short.reason == long.reason, "\(entry.about)")
        }
    }

    @Test("a cut at each operation of the course comes: power is lost in every such case", arguments: BootModel.allCases)
    func cutsCome(model: BootModel) throws {
        let bench = try Benches.make(model, size: 4_096)
        for number in bench.sample(7, [.p1, .p2, .a7]) where bench.catalogue.cases[number].about.contains("operation") {
            #expect(bench.journal(of: number).contains { $0.contains("flash_cut") }, "\(bench.catalogue.cases[number].about)")
        }
    }

    @Test("bugs of agent and bootloader are found", arguments: [
        SeededBug.imageSignatureNotChecked, .manifestSignatureNotChecked, .selfTestSkipped, .contentRangeIgnored, .deltaBaseNotChecked,
        .cancelAfterInstall, .swapNotResumed,
    ])
    func bugs(bug: SeededBug) throws {
        #expect(try BugTorture.catcher(of: bug, models: [.mcuboot]) != nil)
    }

    @Test("a failing case becomes a scenario with the files that it needs; the cuts are made fewer")
    func scenario() throws {
        let bench = try BugTorture.bench(.mcuboot, [.swapNotResumed])
        let failures = bench.sample(1, [.p4]).prefix(60).map(bench.run).filter { !$0.violations.isEmpty }
        let (entry, outcome) = try #require(bench.smallest(of: failures))
        guard case .cuts(let cuts)? = entry.injections.first else { return #expect(Bool(false), "no cuts are left") }
        #expect(cuts.count == 1)
        #expect(bench.canBeOffered(entry))
        let cut = try #require(bench.catalogue.cases.first { $0.family == .i1 })
        #expect(!bench.canBeOffered(cut), "a version centre refuses what is cut short")
        let scenario = try bench.scenario(of: entry, outcome)
        #expect(scenario.text.contains("  - fault: badge.flash.cut\n    with: {part: \"firmware\", at_operation: "))
        #expect(scenario.files.map(\.name) == ["old.bin", "root.json", "lab.yaml", "keys.pem", "image.bin", "image.manifest.json"])
    }

    @Test("faults of network and server are in the scenario of a case, one of a lossy network as the requests that it met")
    func faultsAreWritten() throws {
        let bench = try Benches.make(.mcuboot, size: 4_096)
        func text(_ family: TortureCase.Family, _ about: String) throws -> String {
            let number = try #require(bench.catalogue.cases.firstIndex { $0.family == family && $0.about.hasPrefix(about) })
            #expect(bench.canBeOffered(bench.catalogue.cases[number]))
            return try bench.scenario(of: bench.catalogue.cases[number], bench.run(number)).text
        }
        let lossy = try text(.n11, "a network that fails 3 of 10")
        #expect(lossy.contains("  - fault: badge.http.") && lossy.contains("times: 1"))
        #expect(try text(.n5, "another image from block 1").contains("  - fault: cloud.firmware.switch\n    with: {version: \"2.4.0\", image: \"other.bin\"}\n    when: {event: badge.ota.block_written, nth: 1}"))
        #expect(try text(.n8, "the address expires 2 times").contains("  - fault: badge.http.status\n    with: {code: 403, path: \"/download\", times: 2}"))
        #expect(try text(.m4, "cancelled at installing").contains("    where: {device: \"${device}\", state: installing}\n    within: 26h\n  - do: cloud.ota.cancel"))
        #expect(try text(.m5, "withdrawn after 1 ").contains("  - fault: cloud.firmware.delete"))
        #expect(try text(.m9, "by way of the version that it needs").components(separatedBy: "  - do: cloud.ota.start").count == 3)
    }

    @Test("a bootloader without keys does not look at signatures: damage there is no failure, damage of the body is refused as ever")
    func withoutKeys() throws {
        let (image, _) = try FactoryImage.make(
            version: FirmwareVersion(2, 4, 0), format: .mcuboot, size: 8_192, securityCounter: 2, privateKey: Array(repeating: 5, count: 32))
        let setup = try TortureSetup(image: image, model: .mcuboot, trust: ImageTrust(hardware: "v1.0"))
        let bench = TortureBench(setup, try Catalogue(setup, seed: 1))
        let cases = bench.catalogue.cases.indices.filter { [.i1, .i2, .i3].contains(bench.catalogue.cases[$0].family) }
        let failures = cases.map(bench.run).filter { !$0.violations.isEmpty }
        #expect(failures.isEmpty, "\(failures.map { bench.catalogue.cases[$0.number].about })")
        #expect(cases.contains { bench.catalogue.cases[$0].about.contains("what nobody asks for") })
        #expect(cases.contains { bench.catalogue.cases[$0].endings == [.old] && bench.catalogue.cases[$0].about.contains("bit flipped") })
    }

    @Test("an image that no bootloader would start is refused before anything runs")
    func unfit() throws {
        #expect(throws: TortureRefusal.self) {
            try TortureSetup(image: Array(repeating: 0xff, count: 4_096), model: .mcuboot, trust: ImageTrust())
        }
    }
}
