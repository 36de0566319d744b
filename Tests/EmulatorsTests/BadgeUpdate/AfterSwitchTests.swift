import FirmwareImages
import LabCore
import Testing

@testable import Emulators

@Suite("Badge update: after the switch (specs/ota.md §4, A1 to A8)")
struct AfterSwitchTests {
    private func update(
        to behaviour: EmulatedApplication.Behaviour, _ model: BootModel = .mcuboot, bugs: Set<SeededBug> = []
    ) -> BadgeBench {
        let image = Release.image(model: model, behaviour: behaviour)
        var bench = BadgeBench.updating(
            model, centre: VersionCentre(image: image, manifest: Release.manifest(of: image, model: model)), settings: Release.settings(bugs))
        bench.runToEnd()
        return bench
    }

    private static let failures: [(EmulatedApplication.Behaviour, String)] = [
        (.crash, "crash"), (.crashLate, "crash"), (.hang, "watchdog"), (.noNetwork, "self_test_network"), (.noCloud, "self_test_cloud"),
        (.sensorDead, "self_test_sensor"), (.selfTestHang, "self_test_timeout"), (.selfTestFlapping, "self_test_sensor"),
        (.heapFalling, "self_test_memory"),
    ]

    @Test("an image that fails goes by itself, and the cloud hears once why", arguments: PlainUpdateTests.models)
    func failures(_ model: BootModel) {
        for (behaviour, reason) in Self.failures {
            var bench = update(to: behaviour, model)
            #expect(bench.centre?.results.map(\.state) == ["rolled_back"], "\(behaviour)")
            #expect(bench.centre?.reason == reason, "\(behaviour)")
            #expect(bench.firmware["version"] == "2.3.0", "\(behaviour)")
            #expect(bench.count("ota.confirmed") == 0, "\(behaviour)")
            #expect(bench.last("ota.rolled_back")?.text("to") == "2.3.0", "\(behaviour)")
            // The old image is there for good.
            bench.act("reboot")
            bench.run(for: .seconds(10))
            #expect(bench.last("boot.done")?.text("firmware") == "2.3.0", "\(behaviour)")
            #expect(bench.state["online"] == true, "\(behaviour)")
        }
    }

    @Test("with the self-test skipped, or confirmed before it, a bad image stays")
    func bugs() {
        #expect(update(to: .sensorDead, bugs: [.selfTestSkipped]).firmware["version"] == "2.4.0")
        let early = update(to: .crashLate, bugs: [.confirmBeforeSelfTest])
        #expect(early.firmware["version"] == "2.4.0")
        #expect(early.centre?.result != "rolled_back")
    }

    @Test("a check that fails twice in five rounds is forgiven, three times are not (A3)")
    func someOfMany() {
        for (seconds, state) in [(22, "succeeded"), (32, "rolled_back")] as [(Int64, String)] {
            var bench = BadgeBench.updating()
            bench.run(until: "ota.installed")
            bench.run(until: "boot.done")
            bench.fault("self_test.fail", ["check": "network"])
            bench.run(for: .seconds(seconds))
            bench.fault("self_test.fail", ["check": "network"], isActive: false)
            bench.runToEnd()
            #expect(bench.centre?.result == state)
        }
    }

    @Test("power that goes in the first boot costs the image its only try with MCUboot and ESP-IDF (P7)", arguments: [BootModel.mcuboot, .esp])
    func innocentCut(_ model: BootModel) {
        let image = Release.image(model: model)
        var bench = BadgeBench.updating(model, centre: VersionCentre(image: image, manifest: Release.manifest(of: image, model: model)))
        bench.run(until: "ota.installed")
        bench.run(until: "boot.started")
        bench.give(.powerLost)
        bench.run(for: .seconds(5))
        bench.give(.poweredOn)
        bench.runToEnd()
        #expect(bench.centre?.result == "rolled_back")
        #expect(bench.centre?.reason == "power")
        #expect(bench.firmware["version"] == "2.3.0")
    }

    @Test("a confirmation that cannot be written is tried again, and then the alarm is raised: a reset would find no way back either (A4)")
    func confirmation() {
        var bench = BadgeBench.updating()
        bench.run(until: "ota.installed")
        bench.run(until: "boot.done")
        bench.badge.firmware.flash.markBad(bench.badge.firmware.sectors(.a).upperBound - 1)
        bench.runToEnd()
        #expect(bench.centre?.result == "failed")
        #expect(bench.centre?.reason == "flash_error")
        #expect(bench.count("ota.alarm") == 1)
        #expect(bench.count("ota.confirmed") == 0)
        #expect(bench.state["online"] == true)
    }

    @Test("where rollback is impossible, the badge keeps the image that runs, raises the alarm and says so (A5)", arguments: PlainUpdateTests.models)
    func impossibleRollback(_ model: BootModel) {
        let image = Release.image(model: model, behaviour: .sensorDead)
        var bench = BadgeBench.updating(model, centre: VersionCentre(image: image, manifest: Release.manifest(of: image, model: model)))
        bench.run(until: "ota.installed")
        bench.run(until: "boot.done")
        bench.fault("slot.damage", ["slot": "other"])
        bench.runToEnd()
        #expect(bench.count("ota.alarm") == 1)
        #expect(bench.centre?.result == "failed")
        #expect(bench.centre?.reason == "rollback_impossible")
        bench.act("reboot")
        bench.run(for: .seconds(20))
        #expect(bench.last("boot.done")?.text("firmware") == "2.4.0")
        #expect(bench.state["online"] == true)
    }

    @Test("settings that newer firmware has extended are still read by the older one (A6)")
    func schema() {
        let image = Release.image(behaviour: .sensorDead, schema: 3)
        var bench = BadgeBench.updating(centre: VersionCentre(image: image, manifest: Release.manifest(of: image)))
        bench.deliver("config/update", #"{"config_key":"volume","config_value":"17","config_type":"integer","config_version":4}"#)
        bench.runToEnd()
        #expect(bench.last("settings.migrated") == ["from": 1, "to": 3])
        #expect(bench.centre?.result == "rolled_back")
        #expect(bench.setting("volume") == "17")
        #expect(bench.state["online"] == true)
        #expect(bench.requests.count { $0.call.path == "/api/v1/devices/register" } == 1)
    }

    @Test("the watchdog in the middle of the swap: it goes on at the next boot (A7)")
    func watchdogInSwap() {
        // Nine sectors are erased and programmed: 252 ms.
        for milliseconds in stride(from: 1 as Int64, to: 240, by: 17) {
            var bench = BadgeBench.updating()
            bench.run(until: "ota.installed")
            // Grace of 1 s, reset of 200 ms, then the swap.
            bench.run(for: .milliseconds(1_200 + milliseconds))
            #expect(bench.count("boot.started") == 1, "the swap is over after \(milliseconds) ms")
            bench.fault("watchdog.fire")
            bench.runToEnd()
            #expect(bench.centre?.results.count == 1)
            #expect(bench.centre?.result == "succeeded", "after \(milliseconds) ms")
            #expect(bench.firmware["version"] == "2.4.0")
        }
    }

    @Test("a bad version that is offered again is refused for an hour, then two, unless it is forced (A8)")
    func again() {
        var bench = update(to: .crash)
        func offerAgain(_ number: Int, forced: Bool = false) -> String? {
            bench.centre?.execution = "ex_100\(number)"
            bench.centre?.isForced = forced
            bench.act("check_update")
            bench.runToEnd()
            return bench.centre?.reason
        }
        #expect(offerAgain(1) == "backing_off")
        bench.run(for: .seconds(3_600))
        #expect(offerAgain(2) == "crash")
        bench.run(for: .seconds(3_600))
        #expect(offerAgain(3) == "backing_off")
        #expect(offerAgain(4, forced: true) == "crash")
    }

    @Test("a boot loop does not wear the settings' flash (O9)")
    func bootLoop() {
        var bench = BadgeBench(firmware: Release.store(image: Release.image("2.3.0", behaviour: .crash)))
        bench.give(.poweredOn)
        bench.run(for: .seconds(120))
        #expect(bench.count("app.crashed") > 300)
        #expect(bench.badge.flash.operationCount < 20)
    }
}
