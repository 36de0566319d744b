import FirmwareImages
import LabCore
import Testing

@testable import Emulators

@Suite("Badge update: from the check to the confirmed image (badge protocol, \"Firmware\")")
struct PlainUpdateTests {
    static let models: [BootModel] = [.mcuboot, .esp, .rauc]

    @Test("is checked, verified, downloaded, verified, installed, tested, confirmed and reported, in this order", arguments: models)
    func order(_ model: BootModel) {
        let image = Release.image(model: model)
        var bench = BadgeBench.updating(model, centre: VersionCentre(image: image, manifest: Release.manifest(of: image, model: model)))
        bench.runToEnd()
        let updates = bench.milestones.filter { $0.hasPrefix("ota.") || $0.hasPrefix("self_test") || $0.hasPrefix("boot.") }
            .filter { $0 != "ota.reported" }
        #expect(
            updates == [
                "boot.started", "boot.done", "ota.started", "ota.downloaded", "ota.verified", "ota.installed", "boot.started", "boot.done",
                "self_test.passed", "ota.confirmed",
            ])
        #expect(bench.centre?.results.map(\.state) == ["succeeded"])
        #expect(bench.firmware["version"] == "2.4.0")
        #expect(bench.firmware["confirmed"] == true)
        #expect(bench.firmware["other"] == "2.3.0")
        #expect(bench.firmware["security_counter"] == 1)
        #expect(bench.firmware["manifest_version"] == 2)
        #expect(bench.state["firmware"] == "2.4.0")
    }

    @Test("reports every state with sequence numbers that never fall, the running version, and one result")
    func reports() throws {
        var bench = BadgeBench.updating()
        bench.runToEnd()
        let reports = try #require(bench.centre?.reports)
        let sequences = reports.compactMap { $0["sequence"]?.integer }
        #expect(sequences.first == 1)
        #expect(zip(sequences, sequences.dropFirst()).allSatisfy { $0 <= $1 }, "\(sequences)")
        #expect(reports.allSatisfy { $0.text("version") == "2.4.0" })
        let states = reports.compactMap { $0.text("state") }
        #expect(states.first == "downloading" && states.last == "succeeded")
        #expect(states.contains("testing"))
        #expect(reports.first?.text("running_version") == "2.3.0")
        #expect(reports.last?.text("running_version") == "2.4.0")
        #expect(reports.last?.text("reason") == nil)
    }

    @Test("asks with version, hardware, format, counter and whether the image is confirmed")
    func checkPath() throws {
        var bench = BadgeBench.updating()
        bench.runToEnd()
        let checks = try #require(bench.centre?.checks)
        #expect(
            checks.first
                == "/api/v1/versions/check?current_version=2.3.0&hardware_version=v1.0&format=mcuboot&security_counter=1&confirmed=true")
        // During the self-test the badge probes with the same call.
        #expect(checks.contains { $0.hasSuffix("current_version=2.4.0&hardware_version=v1.0&format=mcuboot&security_counter=1&confirmed=false") })
    }

    @Test("downloads in ranges of one chunk with the tag of the signed file, and reads each byte once")
    func ranges() throws {
        var settings = Release.settings()
        settings.chunkSize = 1_000
        var bench = BadgeBench.updating(settings: settings)
        bench.runToEnd()
        let centre = try #require(bench.centre)
        let size = centre.image.count
        #expect(centre.ranges.first == "bytes=0-999")
        #expect(centre.ranges[1] == "bytes=1000-1999")
        #expect(centre.ranges.last == "bytes=\((size - 1) / 1000 * 1000)-\(size - 1)")
        #expect(centre.ranges.count == (size + 999) / 1_000)
        let tag = "\"sha256-\(Release.sha256(centre.image))\""
        #expect(centre.downloads.allSatisfy { $0.header("if-range") == tag && $0.header("authorization") == nil && $0.header("x-signature") == nil })
        #expect(centre.result == "succeeded")
    }

    @Test("the status says whether the image is confirmed")
    func status() {
        var bench = BadgeBench.updating()
        bench.runToEnd()
        let states = bench.messages("status").map { ($0.json.text("firmware"), $0.json["firmware_confirmed"]?.bool) }
        #expect(states.first.map { $0 == ("2.3.0", true) } == true)
        #expect(states.contains { $0 == ("2.4.0", false) })
        #expect(states.last.map { $0 == ("2.4.0", true) } == true)
    }

    @Test("credentials, configuration and the memory of commands survive")
    func settingsSurvive() {
        var bench = BadgeBench.updating(centre: { var centre = VersionCentre(); centre.isOffering = false; return centre }())
        bench.deliver("config/update", #"{"config_key":"volume","config_value":"17","config_type":"integer","config_version":4}"#)
        bench.deliver("command", #"{"command_id":"c1","command":"identify"}"#)
        bench.centre?.isOffering = true
        bench.act("check_update")
        bench.runToEnd()
        #expect(bench.firmware["version"] == "2.4.0")
        #expect(bench.setting("volume") == "17")
        #expect(bench.requests.count { $0.call.path == "/api/v1/devices/register" } == 1)
        bench.deliver("command", #"{"command_id":"c1","command":"identify"}"#)
        #expect(bench.count("command.duplicate") == 1)
    }

    @Test("an execution that has ended is not carried out again: its result is repeated")
    func once() {
        var bench = BadgeBench.updating()
        bench.runToEnd()
        let downloads = bench.centre?.downloads.count
        let action = bench.act("check_update")
        bench.run(for: .seconds(10))
        #expect(bench.given(action)?["has_update"] == true)
        #expect(bench.centre?.downloads.count == downloads)
        #expect(bench.count("ota.started") == 1)
        #expect(bench.centre?.states.suffix(2) == ["succeeded", "succeeded"])
    }

    @Test("the version that runs is not installed again (I8)")
    func alreadyInstalled() {
        var centre = VersionCentre(image: Release.image("2.3.0"))
        centre.version = "2.3.0"
        var bench = BadgeBench.updating(centre: centre)
        bench.runToEnd()
        #expect(bench.centre?.result == "rejected")
        #expect(bench.centre?.reason == "already_installed")
        #expect(bench.centre?.downloads.isEmpty == true)
    }

    @Test("a notice makes it ask at once; without one it asks once a day")
    func notice() throws {
        var centre = VersionCentre()
        centre.isOffering = false
        var bench = BadgeBench.updating(centre: centre)
        bench.run(for: .seconds(30))
        #expect(bench.centre?.checks.count == 1)
        bench.run(for: .seconds(86_400))
        #expect(bench.centre?.checks.count == 2)
        bench.deliver("update", #"{"version":"2.4.0","execution_id":"ex_0001","action":"install"}"#)
        bench.run(for: .seconds(2))
        #expect(bench.centre?.checks.count == 3)
    }

    @Test("retry_after is obeyed (N12)")
    func retryAfter() {
        var centre = VersionCentre()
        centre.retryAfter = 100
        var bench = BadgeBench.updating(centre: centre)
        bench.run(for: .seconds(30))
        bench.centre?.retryAfter = nil
        #expect(bench.centre?.checks.count == 1)
        bench.run(for: .seconds(60))
        #expect(bench.centre?.checks.count == 1)
        bench.runToEnd()
        #expect(bench.centre?.result == "succeeded")
    }

    @Test("with a clock at 1970 it sets the clock first, and then judges the manifest by it (M7)")
    func deadClock() {
        var bench = BadgeBench.updating(clockError: -BadgeBench.epoch)
        bench.runToEnd()
        #expect(bench.centre?.result == "succeeded")
    }

    @Test("the cloud can send it back: the other slot still has the version, so nothing is downloaded", arguments: models)
    func rollback(_ model: BootModel) throws {
        let image = Release.image(model: model)
        var bench = BadgeBench.updating(model, centre: VersionCentre(image: image, manifest: Release.manifest(of: image, model: model)))
        bench.runToEnd()
        bench.centre?.execution = "ex_0002"
        bench.centre?.action = "rollback"
        bench.centre?.version = "2.3.0"
        let downloads = bench.centre?.downloads.count
        bench.deliver("update", #"{"version":"2.3.0","execution_id":"ex_0002","action":"rollback"}"#)
        bench.runToEnd()
        #expect(bench.centre?.results.map(\.state) == ["succeeded", "succeeded"])
        #expect(bench.centre?.downloads.count == downloads)
        #expect(bench.firmware["version"] == "2.3.0")
        #expect(bench.firmware["confirmed"] == true)
    }

    @Test("the factory programs another image, and the badge boots it; a damaged one leaves it in its bootloader until it is programmed again")
    func flash() {
        var bench = BadgeBench.updating(centre: { var centre = VersionCentre(); centre.isOffering = false; return centre }())
        bench.act("flash", ["image": ["path": "a.bin", "bytes": .bytes(Release.image("2.2.0"))]])
        bench.run(for: .seconds(5))
        #expect(bench.last("boot.done")?.text("firmware") == "2.2.0")
        #expect(bench.state["online"] == true)
        var damaged = Release.image("2.2.0")
        damaged[5_000] ^= 1
        bench.act("flash", ["image": ["path": "b.bin", "bytes": .bytes(damaged)]])
        bench.run(for: .seconds(5))
        #expect(bench.last("boot.stuck")?.text("reason") == "hash_mismatch")
        #expect(bench.failureNow("heartbeat") == "stuck")
        bench.act("flash", ["image": ["path": "a.bin", "bytes": .bytes(Release.image("2.2.0"))]])
        bench.run(for: .seconds(5))
        #expect(bench.state["online"] == true)
    }
}
