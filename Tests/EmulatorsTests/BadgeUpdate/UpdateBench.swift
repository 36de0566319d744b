import FirmwareImages
import LabCore
import Testing

@testable import Emulators

/// A badge that is online beside a version centre that offers 2.4.0, and the oracles that hold at every instant (specs/ota.md §4).
extension BadgeBench {
    static func updating(
        _ model: BootModel = .mcuboot, seed: UInt64 = 1, centre: VersionCentre = VersionCentre(), settings: BadgeSettings = Release.settings(),
        clockError: Int64 = 0
    ) -> BadgeBench {
        var bench = BadgeBench(seed: seed, clockError: clockError, firmware: Release.store(model), settings: settings)
        bench.centre = centre
        bench.give(.poweredOn)
        bench.run(for: .seconds(1))
        return bench
    }

    /// Until the update has ended and the cloud knows it, at most for so long.
    mutating func runToEnd(_ limit: Duration = .seconds(600)) {
        let end = now.advanced(by: limit)
        while now < end, centre?.results.contains(where: { $0.execution == centre?.execution }) != true { run(for: .seconds(1)) }
        run(for: .seconds(1))
    }

    mutating func run(until note: String, _ limit: Duration = .seconds(600)) {
        let end = now.advanced(by: limit)
        let before = count(note)
        while now < end, count(note) == before { run(for: .milliseconds(10)) }
        #expect(count(note) > before, "there was no \(note) within \(limit)")
    }

    var firmware: Fields {
        if case .success(let fields) = badge.answer("firmware", [:], at: now) { fields } else { [:] }
    }

    var milestones: [String] {
        notes.filter { Badge.kind.event($0.name)?.volume == .milestone }.map(\.name)
    }
}
