package import Emulators
import FirmwareImages
package import LabCore

/// Looks for a seeded bug with the torture of a small image.
package enum BugTorture {
    package struct Catch: Sendable, CustomStringConvertible {
        package var model: BootModel
        package var family: TortureCase.Family
        package var about: String
        package var violation: Violation
        package var description: String { "torture \(model.rawValue) \(family.rawValue): \(about) (\(violation))" }
    }

    /// The first case that breaks a rule with the bug; nil where all hold, and for bugs of the version centre, which is not here.
    ///
    /// - Parameter models: that are tried, in this order.
    package static func catcher(of bug: SeededBug, models: [BootModel] = BootModel.allCases) throws -> Catch? {
        guard bug.place != .versionCentre else { return nil }
        for model in models {
            let bench = try bench(model, [bug])
            for number in order(bench.catalogue) {
                let outcome = bench.run(number)
                guard let violation = outcome.violations.first else { continue }
                let entry = bench.catalogue.cases[number]
                return Catch(model: model, family: entry.family, about: entry.about, violation: violation)
            }
        }
        return nil
    }

    /// A bench for an image of two sectors.
    package static func bench(_ model: BootModel, _ bugs: Set<SeededBug> = []) throws -> TortureBench {
        let (image, key) = try FactoryImage.make(
            version: FirmwareVersion(2, 4, 0), format: model.format, size: 8_192, securityCounter: 2, privateKey: ReleaseTeam.seed(5))
        let trust = ImageTrust(keys: model == .mcuboot ? [key] : [], hardware: model == .mcuboot ? "v1.0" : "")
        let setup = try TortureSetup(image: image, model: model, trust: trust, bugs: bugs)
        return TortureBench(setup, try Catalogue(setup, seed: 1))
    }

    /// What is quick to find first: one case of each family, then the rest.
    private static func order(_ catalogue: Catalogue) -> [Int] {
        var seen: [TortureCase.Family: Int] = [:]
        let ranked = catalogue.cases.indices.map { number -> (rank: Int, number: Int) in
            let rank = seen[catalogue.cases[number].family, default: 0]
            seen[catalogue.cases[number].family] = rank + 1
            return (rank, number)
        }
        return ranked.sorted { ($0.rank, $0.number) < ($1.rank, $1.number) }.map(\.number)
    }
}
