import FirmwareImages
import LabCore
import Testing

@testable import Emulators

@Suite("Badge update: delta, with the whole image behind it (specs/ota.md §4, D1 to D5)")
struct DeltaUpdateTests {
    private static let image = Release.next(after: Release.image("2.3.0"))
    private static let delta = DeltaImage.make(from: Release.image("2.3.0"), to: image)

    private func run(
        delta: [UInt8] = delta, promised: [UInt8]? = nil, running: [UInt8]? = nil, bugs: Set<SeededBug> = [], prepare: (inout BadgeBench) -> Void = { _ in }
    ) -> BadgeBench {
        var centre = VersionCentre(image: Self.image, manifest: Release.manifest(of: Self.image, delta: promised ?? delta))
        centre.delta = delta
        var settings = Release.settings(bugs)
        settings.chunkSize = 1_024
        var bench = BadgeBench(firmware: Release.store(image: running ?? Release.image("2.3.0")), settings: settings)
        bench.centre = centre
        bench.give(.poweredOn)
        prepare(&bench)
        bench.runToEnd()
        return bench
    }

    private func deltaRequests(_ bench: BadgeBench) -> Int { bench.centre?.downloads.count { $0.path.contains("part=delta") } ?? 0 }
    private func imageRequests(_ bench: BadgeBench) -> Int { bench.centre?.downloads.count { !$0.path.contains("part=delta") } ?? 0 }

    @Test("makes the image from what runs; the image itself is not fetched")
    func applied() {
        let bench = run()
        #expect(bench.centre?.result == "succeeded")
        #expect(bench.last("ota.started")?["delta"] == true)
        #expect(imageRequests(bench) == 0)
        #expect(deltaRequests(bench) > 0)
        #expect(bench.firmware["version"] == "2.4.0")
    }

    @Test("another base is refused before anything is fetched, unless the bug is in: then the whole image comes (D1)")
    func otherBase() {
        // The same version with another body.
        let running = Release.image("2.3.0", size: 10_016)
        let bench = run(running: running)
        #expect(bench.centre?.result == "succeeded")
        #expect(deltaRequests(bench) == 0)
        #expect(bench.last("ota.delta_failed")?.text("reason") == "delta_base_mismatch")
        #expect(deltaRequests(run(running: running, bugs: [.deltaBaseNotChecked])) > 0)
    }

    @Test("a damaged delta, or another one than the signed, is given up for the whole image (D2, D5)")
    func damaged() {
        for place in [0, 20, 60, Self.delta.count / 2, Self.delta.count - 1] {
            var damaged = Self.delta
            damaged[place] ^= 0x40
            let bench = run(delta: damaged, promised: Self.delta)
            #expect(bench.centre?.result == "succeeded", "byte \(place)")
            #expect(imageRequests(bench) > 0, "byte \(place)")
        }
    }

    @Test("a delta that is larger than RAM or than the image is not fetched (D4)")
    func tooLarge() {
        var settings = Release.settings()
        settings.deltaLimit = 100
        var centre = VersionCentre(image: Self.image, manifest: Release.manifest(of: Self.image, delta: Self.delta))
        centre.delta = Self.delta
        var bench = BadgeBench.updating(centre: centre, settings: settings)
        bench.runToEnd()
        #expect(bench.centre?.result == "succeeded")
        #expect(deltaRequests(bench) == 0)
    }
}
