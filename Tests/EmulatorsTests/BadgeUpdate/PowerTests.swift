import FirmwareImages
import LabCore
import Testing

@testable import Emulators

@Suite("Badge update: power that goes at any moment (specs/ota.md §4, P1 to P5)")
struct UpdatePowerTests {
    /// What must hold whenever the badge is looked at after all is over.
    private func check(_ bench: BadgeBench, _ place: String, _ location: Testing.SourceLocation = #_sourceLocation) {
        let results = bench.centre?.results.map(\.state) ?? []
        #expect(results.count == 1, "\(place): \(results)", sourceLocation: location)
        let version = bench.firmware["version"]?.text ?? ""
        let expected = results == ["succeeded"] ? "2.4.0" : "2.3.0"
        #expect(version == expected, "\(place): \(results), and \(version) runs", sourceLocation: location)
        #expect(bench.firmware["confirmed"] == true, "\(place)", sourceLocation: location)
        #expect(bench.state["online"] == true, "\(place)", sourceLocation: location)
        #expect(bench.count("boot.stuck") == 0, "\(place)", sourceLocation: location)
    }

    private func bench(_ model: BootModel) -> BadgeBench {
        let image = Release.image(model: model)
        return BadgeBench.updating(model, centre: VersionCentre(image: image, manifest: Release.manifest(of: image, model: model)))
    }

    @Test("a cut at every operation of the firmware's flash ends on the old or the new image, with one result", arguments: PlainUpdateTests.models)
    func firmwareFlash(_ model: BootModel) {
        var whole = bench(model)
        let before = whole.badge.firmware.flash.operationCount
        whole.runToEnd()
        check(whole, "without a cut")
        let operations = whole.badge.firmware.flash.operationCount - before
        #expect(operations > 6)
        for operation in 1...operations {
            for tear in ["nothing", "half", "everything"] where tear == "half" || operation % 5 == 0 {
                var cut = bench(model)
                cut.fault("flash.cut", ["part": "firmware", "at_operation": .integer(Int64(operation)), "tear": .text(tear)])
                cut.runToEnd()
                // The cut may come with the last thing that is written.
                cut.run(for: .seconds(10))
                #expect(cut.count("power.lost") == 1, "operation \(operation)")
                check(cut, "\(model) cut at operation \(operation), \(tear)")
            }
        }
    }

    @Test("a cut at every operation of the settings' flash does, too")
    func settingsFlash() {
        let model = BootModel.mcuboot
        var whole = bench(model)
        let before = whole.badge.flash.operationCount
        whole.runToEnd()
        let operations = whole.badge.flash.operationCount - before
        for operation in 1...operations {
            for tear in ["nothing", "half", "everything"] where tear == "half" || operation % 3 == 0 {
                var cut = bench(model)
                cut.fault("flash.cut", ["at_operation": .integer(Int64(operation)), "tear": .text(tear)])
                cut.runToEnd()
                // The cut may come with the last thing that is written.
                cut.run(for: .seconds(10))
                #expect(cut.count("power.lost") == 1, "operation \(operation)")
                check(cut, "\(model) cut at operation \(operation), \(tear)")
            }
        }
    }

    @Test("power lost at moments of the swap leaves the flash as it was in that instant, and the swap goes on")
    func swap() {
        for milliseconds in stride(from: 0 as Int64, to: 420, by: 17) {
            var cut = bench(.mcuboot)
            cut.run(until: "ota.installed")
            cut.run(for: .milliseconds(1_200 + milliseconds))
            cut.give(.powerLost)
            cut.run(for: .seconds(1))
            cut.give(.poweredOn)
            cut.runToEnd()
            check(cut, "\(milliseconds) ms into the swap")
        }
    }

    @Test("after a cut in the download it goes on at the sector that was under way")
    func resumed() throws {
        var cut = bench(.mcuboot)
        cut.run(until: "ota.block_written")
        cut.run(until: "ota.block_written")
        cut.give(.powerLost)
        cut.give(.poweredOn)
        cut.runToEnd()
        #expect(cut.last("ota.started")?["resumed_at"]?.integer == 8_192)
        #expect(cut.centre?.ranges.count { $0.hasPrefix("bytes=0-") } == 1)
        check(cut, "in the download")
        // A second cut while the first is recovered from (P4).
        var twice = bench(.mcuboot)
        twice.run(until: "ota.block_written")
        for _ in 0..<4 {
            twice.give(.powerLost)
            twice.give(.poweredOn)
            twice.run(for: .milliseconds(150))
        }
        twice.runToEnd()
        check(twice, "several cuts")
    }

    @Test("a cut in each phase: after the check, the manifest, the download, the activation, the first boot, the test, the confirmation, the report (P3)")
    func phases() {
        for note in [
            "ota.checked", "ota.started", "ota.block_written", "ota.downloaded", "ota.verified", "ota.installed", "boot.started", "boot.done",
            "self_test.passed", "ota.confirmed", "ota.reported",
        ] {
            var cut = bench(.mcuboot)
            if note.hasPrefix("boot.") { cut.run(until: "ota.installed") }
            cut.run(until: note)
            cut.give(.powerLost)
            cut.run(for: .seconds(3))
            cut.give(.poweredOn)
            cut.runToEnd()
            check(cut, note)
        }
    }
}

@Suite("Badge update: where roots are kept")
struct RootAreaTests {
    @Test("a cut at any operation leaves the root before, or the new one")
    func cuts() throws {
        var flash = VirtualFlash(RootArea.geometry)
        #expect(RootArea.read(flash) == nil)
        let first = [UInt8](repeating: 1, count: 5_000)
        let second = [UInt8](repeating: 2, count: 3_001)
        try RootArea.write(first, to: &flash)
        #expect(RootArea.read(flash) == first)
        for operation in 1...20 as ClosedRange<UInt64> {
            var copy = flash
            copy.cutPower(atOperation: operation)
            let isDone: Bool
            do {
                try RootArea.write(second, to: &copy)
                isDone = true
            } catch { isDone = false }
            #expect(RootArea.read(copy) == (isDone ? second : first), "operation \(operation)")
        }
    }

    @Test("a root that is too large is refused")
    func tooLarge() {
        var flash = VirtualFlash(RootArea.geometry)
        #expect(throws: FlashError.self) { try RootArea.write([UInt8](repeating: 0, count: RootArea.capacity + 1), to: &flash) }
    }
}
