import GRDB
import LabCore
import Testing

@testable import Cloud

@Suite("An update of one device (badge-protocol.md \"Check\", \"Report\")")
struct UpdateTests {
    static let badge = "luna_badge_0001"

    /// Badge 1 with a rollout of 2.4.0 for itself.
    private func world(bugs: Set<SeededBug> = [], _ further: Fields = [:]) async throws -> (world: FirmwareWorld, rollout: String) {
        let world = try FirmwareWorld(bugs: bugs)
        try await world.addBadges(1...2)
        _ = try await world.release("2.4.0", ["release_notes": "Quieter."])
        let plan: Fields = ["devices": [.text(Self.badge)], "error_gate": 1.0, "success_gate": 1.0, "minimum_samples": 1]
        return (world, try await world.rollout("2.4.0", plan.merging(further)))
    }

    @Test("the answer has every field of the contract")
    func answer() async throws {
        let (world, _) = try await world()
        try await world.call("PUT", "/api/v1/firmware/roots/1", bytes: Array(#"{"signed":{"_type":"root","version":1},"signatures":[]}"#.utf8))
        let answer = try await world.check(Self.badge)
        let image = try FirmwareWorld.image("2.4.0")
        #expect(answer["has_update"] == true)
        #expect(answer["latest_version"] == "2.4.0")
        let info = try #require(answer["update_info"]?.record)
        #expect(info["action"] == "install")
        #expect(info["version_type"] == "stable")
        #expect(info["release_notes"] == "Quieter.")
        #expect(info["is_force_update"] == false)
        #expect(info["file_size"] == .integer(Int64(image.count)))
        #expect(info["checksum"] == .text("sha256:" + ImageFacts.checksum(image)))
        #expect(info["format"] == "mcuboot")
        // 2026-01-01T00:00:00Z and a day.
        #expect(info["url_expires_at"] == 1_767_312_000)
        #expect(info["download_url"]?.text?.hasPrefix("/api/v1/versions/2.4.0/download?device=luna_badge_0001&expires=1767312000&signature=") == true)
        #expect(info["manifest_url"] == "/api/v1/versions/2.4.0/manifest")
        #expect(info["manifest_version"] == 1)
        #expect(info["root_version"] == 1)
        VocabularyCheck.check(answer, FirmwareService.updateFields, "answer of check")
        #expect(try await world.check("luna_badge_0002") == ["has_update": false], "nobody named the other badge")
    }

    @Test("from the offer to the success, each step is seen")
    func success() async throws {
        let (world, rollout) = try await world()
        let offer = try #require(try await world.offer(Self.badge))
        for state in ["downloading", "downloaded", "installing", "rebooting", "testing"] {
            #expect(try await world.report(Self.badge, offer.execution, state)["state"] == .text(state))
        }
        let last = try await world.report(Self.badge, offer.execution, "succeeded", running: "2.4.0")
        #expect(last == ["state": "succeeded", "cancel": false, "terminal": true])
        let finished = try #require(world.events("ota.finished").first)
        #expect(finished["device"] == .text(Self.badge))
        #expect(finished["result"] == "succeeded")
        #expect(finished["reason"] == nil)
        let shown = try await world.show(rollout)
        #expect(shown["state"] == "finished")
        #expect(shown["succeeded"] == 1)
        #expect(try await world.offer(Self.badge, "2.4.0") == nil)
        #expect(try await world.call("GET", "/api/v1/devices/\(Self.badge)").data.record?["software_version"] == "2.4.0")
    }

    @Test("asking again gives the same execution with a fresh address, in whatever state it is")
    func again() async throws {
        let (world, _) = try await world()
        let first = try await world.check(Self.badge)
        let execution = try #require(first.value(at: "update_info.execution_id")?.text)
        try await world.report(Self.badge, execution, "downloading", progress: 40)
        world.advance(.seconds(3_600))
        let second = try await world.check(Self.badge)
        #expect(second.value(at: "update_info.execution_id") == .text(execution))
        #expect(second.value(at: "update_info.url_expires_at") == 1_767_315_600)
        #expect(world.events("ota.offered").count == 1)
    }

    @Test("a repeated report is answered and changes nothing; an older one too")
    func repeated() async throws {
        let (world, _) = try await world()
        let execution = try #require(try await world.offer(Self.badge)).execution
        try await world.report(Self.badge, execution, "downloading", sequence: 5, progress: 50)
        #expect(try await world.report(Self.badge, execution, "downloading", sequence: 5, progress: 50)["state"] == "downloading")
        #expect(try await world.report(Self.badge, execution, "downloaded", sequence: 4)["state"] == "downloading")
        #expect(world.events("ota.progress").count == 1)
        #expect(world.events("ota.report.repeated").count == 2)
        #expect(try await world.report(Self.badge, execution, "downloaded", sequence: 6)["state"] == "downloaded")
    }

    @Test("one result, however often it is reported, and whatever comes after it (O5, M6)")
    func oneResult() async throws {
        let (world, rollout) = try await world()
        let execution = try #require(try await world.offer(Self.badge)).execution
        // The success overtakes the step before it.
        try await world.report(Self.badge, execution, "succeeded", sequence: 9, running: "2.4.0")
        for _ in 0..<3 {
            #expect(try await world.report(Self.badge, execution, "succeeded", sequence: 9)["state"] == "succeeded")
        }
        #expect(try await world.report(Self.badge, execution, "rolled_back", sequence: 10, reason: "watchdog") == ["state": "succeeded", "cancel": false, "terminal": true])
        let late = await failure { try await world.report(Self.badge, execution, "testing", sequence: 8) }
        #expect(late?.code == .executionFinished)
        #expect(late?.details["state"] == "succeeded")
        #expect(world.events("ota.finished").count == 1)
        #expect(try await world.show(rollout)["succeeded"] == 1)
        #expect(try await world.show(rollout)["failed"] == 0)
    }

    @Test("a result is taken whatever its number: a device may have lost its count")
    func lostCount() async throws {
        let (world, _) = try await world()
        let execution = try #require(try await world.offer(Self.badge)).execution
        try await world.report(Self.badge, execution, "testing", sequence: 7)
        #expect(try await world.report(Self.badge, execution, "rolled_back", sequence: 1, reason: "crash")["state"] == "rolled_back")
    }

    @Test("the seeded bug lets a later report change the result")
    func overwritten() async throws {
        let (world, _) = try await world(bugs: [.terminalStateOverwritten])
        let execution = try #require(try await world.offer(Self.badge)).execution
        try await world.report(Self.badge, execution, "succeeded", running: "2.4.0")
        #expect(try await world.report(Self.badge, execution, "failed", reason: "crash")["state"] == "failed")
        #expect(world.events("ota.finished").count == 2)
    }

    @Test("a success that runs another version is a failure")
    func mismatch() async throws {
        let (world, _) = try await world()
        let execution = try #require(try await world.offer(Self.badge)).execution
        #expect(try await world.report(Self.badge, execution, "succeeded", running: "2.3.0")["state"] == "failed")
        #expect(world.events("ota.finished").first?["reason"] == "version_mismatch")
    }

    @Test("an execution of another device, or none, is not found")
    func foreign() async throws {
        let (world, _) = try await world()
        let execution = try #require(try await world.offer(Self.badge)).execution
        #expect(await failure { try await world.report("luna_badge_0002", execution, "downloading") }?.code == .executionNotFound)
        #expect(await failure { try await world.report(Self.badge, "ex_0", "downloading") }?.code == .executionNotFound)
        #expect(try await world.report(Self.badge, execution, "downloading")["state"] == "downloading")
    }

    @Test("what is no report is refused", arguments: [
        ("state", FieldValue.text("queued")), ("state", "timed_out"), ("state", "done"), ("sequence", 0), ("sequence", -1), ("progress", 101),
        ("progress", -1), ("reason", "two words"), ("reason", .text(String(repeating: "a", count: 65))), ("reason", ""),
    ])
    func malformed(name: String, value: FieldValue) async throws {
        let (world, _) = try await world()
        let execution = try #require(try await world.offer(Self.badge)).execution
        var body: Fields = ["sequence": 1, "state": "failed", "reason": "power"]
        body[name] = value
        let error = await failure {
            try await world.call(
                "POST", "/api/v1/firmware/executions/\(execution)/report", body: body, as: .device(id: Self.badge, epoch: 1))
        }
        #expect(error?.code == .invalidField)
        #expect(error?.details["field"] == .text(name))
    }

    // MARK: Never again

    @Test("a version that failed on a device is never offered to it again, until an operator lifts the block (A8)", arguments: ["rolled_back", "failed", "rejected"])
    func blocked(result: String) async throws {
        let (world, rollout) = try await world()
        try await world.update(Self.badge, result: result, reason: "watchdog")
        #expect(try await world.show(rollout)["state"] == "paused")
        #expect(try await world.show(rollout)["failed"] == 1)
        #expect(world.events("firmware.blocked") == [["device": .text(Self.badge), "version": "2.4.0", "reason": "watchdog", "execution": world.events("ota.finished")[0]["execution"] ?? .null]])
        #expect(try await world.offer(Self.badge) == nil)
        _ = try await world.control(rollout, "resume")
        #expect(try await world.offer(Self.badge) == nil)
        #expect(await failure { try await world.rollout("2.4.0", ["devices": [.text(Self.badge)]]) }?.code == .rolloutEmpty)
        let blocks = try world.fields(try await world.call("GET", "/api/v1/devices/\(Self.badge)/blocks"))
        #expect(blocks["items"]?.list?.first?.record?["version"] == "2.4.0")
        // The other badge is not concerned.
        _ = try await world.rollout("2.4.0", ["devices": ["luna_badge_0002"]])
        #expect(try await world.offer("luna_badge_0002")?.version == "2.4.0")
        try await world.call("DELETE", "/api/v1/devices/\(Self.badge)/blocks/2.4.0")
        #expect(try await world.offer(Self.badge)?.version == "2.4.0")
        #expect(await failure { try await world.call("DELETE", "/api/v1/devices/\(Self.badge)/blocks/2.4.0") }?.code == .blockNotFound)
    }

    @Test("the seeded bug offers it again")
    func notBlocked() async throws {
        let (world, rollout) = try await world(bugs: [.noBlocklist])
        try await world.update(Self.badge, result: "rolled_back", reason: "watchdog")
        _ = try await world.control(rollout, "resume")
        #expect(try await world.offer(Self.badge)?.version == "2.4.0")
    }

    @Test("what is not the version's fault blocks nothing", arguments: [("rejected", "already_installed"), ("rejected", "downgrade"), ("cancelled", "cancelled")])
    func blameless(result: String, reason: String) async throws {
        let (world, rollout) = try await world()
        try await world.update(Self.badge, result: result, reason: reason)
        #expect(world.events("firmware.blocked").isEmpty)
        #expect(try await world.show(rollout)["failed"] == 0)
    }

    // MARK: What the running version says

    @Test("a device that says it runs the new version, confirmed, has succeeded; unconfirmed it has not (O4)")
    func settled() async throws {
        let (world, _) = try await world()
        _ = try #require(try await world.offer(Self.badge))
        try world.connect(Self.badge, version: "2.4.0", confirmed: false)
        #expect(world.events("ota.finished").isEmpty)
        try world.say(Self.badge, version: "2.4.0")
        #expect(world.events("ota.finished").isEmpty, "nothing is said about confirmation")
        try world.say(Self.badge, version: "2.3.0", confirmed: true)
        #expect(world.events("ota.finished").isEmpty)
        try world.say(Self.badge, version: "2.4.0", confirmed: true)
        #expect(world.events("ota.finished").map { $0["result"] } == ["succeeded"])
    }

    @Test("a check with the new version, confirmed, settles it too, and there is no second install (P5)")
    func settledByCheck() async throws {
        let (world, _) = try await world()
        _ = try #require(try await world.offer(Self.badge))
        #expect(try await world.check(Self.badge, "2.4.0", confirmed: true) == ["has_update": false])
        #expect(world.events("ota.finished").map { $0["result"] } == ["succeeded"])
    }

    @Test("who has the version already is not offered it, and counts nowhere; a device that is named decides that itself")
    func alreadyInstalled() async throws {
        let (world, named) = try await world()
        let everyone = try await world.rollout("2.4.0")
        #expect(try await world.offer("luna_badge_0002", "2.4.0") == nil)
        #expect(world.events("ota.finished").map { $0["reason"] } == ["already_installed"])
        #expect(try await world.show(everyone)["rejected"] == 1)
        #expect(try await world.show(everyone)["failed"] == 0)
        try await world.update(Self.badge, from: "2.4.0", result: "rejected", reason: "already_installed")
        #expect(try await world.show(named)["state"] == "finished")
        #expect(try await world.show(named)["failed"] == 0)
    }

    @Test("with force a named device gets the version that it has")
    func forced() async throws {
        let (world, _) = try await world(["force": true])
        let info = try #require(try await world.check(Self.badge, "2.4.0")["update_info"]?.record)
        #expect(info["is_force_update"] == true)
        try world.connect(Self.badge, version: "2.4.0", confirmed: true)
        #expect(world.events("ota.finished").isEmpty, "it ran this version before, so that proves nothing")
    }

    // MARK: Time

    @Test("silence ends it at the timeout, not a moment before (O8)")
    func timeout() async throws {
        let (world, rollout) = try await world(["device_timeout": "10m"])
        _ = try #require(try await world.offer(Self.badge))
        world.advance(.milliseconds(599_999))
        #expect(world.events("ota.finished").isEmpty)
        world.advance(.milliseconds(1))
        #expect(world.events("ota.finished").map { $0["result"] } == ["timed_out"])
        #expect(try await world.show(rollout)["failed"] == 1)
        #expect(world.events("firmware.blocked").isEmpty)
    }

    @Test("a report does not lengthen the time")
    func total() async throws {
        let (world, _) = try await world(["device_timeout": "10m"])
        let execution = try #require(try await world.offer(Self.badge)).execution
        world.advance(.seconds(599))
        try await world.report(Self.badge, execution, "downloading")
        world.advance(.seconds(1))
        #expect(world.events("ota.finished").map { $0["result"] } == ["timed_out"])
        // The result that comes too late is not the result, but what it says about the version counts.
        #expect(try await world.report(Self.badge, execution, "rolled_back", reason: "watchdog")["state"] == "timed_out")
        #expect(world.events("firmware.blocked").count == 1)
    }

    @Test("at the timeout the version that the device was seen with decides")
    func seenAtTimeout() async throws {
        let (world, _) = try await world(["device_timeout": "10m"])
        _ = try #require(try await world.offer(Self.badge))
        try world.connect(Self.badge, version: "2.4.0")
        world.advance(.seconds(600))
        #expect(world.events("ota.finished").map { $0["result"] } == ["succeeded"])
    }

    @Test("the seeded bug leaves a silent device's execution open for ever")
    func neverTimesOut() async throws {
        let (world, rollout) = try await world(bugs: [.executionNeverTimesOut], ["device_timeout": "10m"])
        _ = try #require(try await world.offer(Self.badge))
        world.advance(.seconds(86_400))
        #expect(try await world.show(rollout)["open"] == 1)
    }

    // MARK: Cancelling

    @Test("an update that has not begun is cancelled at once; one that has when the device says so")
    func cancel() async throws {
        let (world, _) = try await world()
        let execution = try #require(try await world.offer(Self.badge)).execution
        try await world.report(Self.badge, execution, "downloading")
        try world.connect(Self.badge)
        _ = try world.takeNotices(Self.badge)
        try await world.call("POST", "/api/v1/firmware/executions/\(execution)/cancel")
        let notice = try #require(try world.takeNotices(Self.badge).first)
        #expect(notice["action"] == "cancel")
        #expect(notice["execution_id"] == .text(execution))
        #expect(notice["download_url"] == nil)
        #expect(try await world.report(Self.badge, execution, "downloaded")["cancel"] == true)
        #expect(try await world.check(Self.badge) == ["has_update": false, "cancel": .text(execution)])
        #expect(try await world.report(Self.badge, execution, "cancelled")["state"] == "cancelled")
        #expect(try await world.offer(Self.badge) == nil)

        let second = try await world.rollout("2.4.0", ["devices": ["luna_badge_0002"]])
        let list = try world.fields(try await world.call("GET", "/api/v1/rollouts/\(second)/executions"))
        let waiting = try #require(list["items"]?.list?.first?.record)
        try await world.call("POST", "/api/v1/firmware/executions/\(waiting["execution"]?.text ?? "")/cancel")
        #expect(try await world.offer("luna_badge_0002") == nil)
    }

    @Test("after activation it is too late: the cloud says so, or the device does (M4)")
    func tooLate() async throws {
        let (world, _) = try await world()
        let execution = try #require(try await world.offer(Self.badge)).execution
        try await world.report(Self.badge, execution, "installing")
        try await world.call("POST", "/api/v1/firmware/executions/\(execution)/cancel")
        // The device has gone on before it heard of it.
        #expect(try await world.report(Self.badge, execution, "rebooting", reason: "cancel_rejected")["cancel"] == false)
        #expect(world.events("ota.cancel_rejected").count == 1)
        #expect(await failure { try await world.call("POST", "/api/v1/firmware/executions/\(execution)/cancel") }?.code == .pointOfNoReturn)
        #expect(try await world.report(Self.badge, execution, "succeeded", running: "2.4.0")["state"] == "succeeded")
        #expect(await failure { try await world.call("POST", "/api/v1/firmware/executions/\(execution)/cancel") }?.code == .executionFinished)
    }

    @Test("who sends an old revision is refused, with the present one")
    func revision() async throws {
        let (world, rollout) = try await world()
        let execution = try #require(try await world.offer(Self.badge)).execution
        let path = "/api/v1/firmware/executions/\(execution)"
        let known = try #require(try world.fields(try await world.call("GET", path))["revision"]?.integer)
        try await world.report(Self.badge, execution, "downloading")
        let error = await failure { try await world.call("POST", path + "/cancel", body: ["revision": .integer(known)]) }
        #expect(error?.code == .revisionConflict)
        #expect(error?.details["revision"] == .integer(known + 1))
        #expect(try await world.call("POST", path + "/cancel", body: ["revision": .integer(known + 1)]).status == 200)
        let ofRollout = try #require(try await world.show(rollout)["revision"]?.integer)
        #expect(await failure { try await world.control(rollout, "pause", ["revision": .integer(ofRollout + 1)]) }?.code == .revisionConflict)
        #expect(try await world.control(rollout, "pause", ["revision": .integer(ofRollout)])["state"] == "paused")
    }

    // MARK: Which version

    @Test("of several that wait the highest is offered; the lower ones are superseded (M9)")
    func newest() async throws {
        let (world, first) = try await world()
        _ = try await world.release("2.5.0")
        _ = try await world.rollout("2.5.0", ["devices": [.text(Self.badge)]])
        #expect(try await world.offer(Self.badge)?.version == "2.5.0")
        #expect(world.events("ota.finished").map { [$0["version"], $0["result"], $0["reason"]] } == [["2.4.0", "cancelled", "superseded"]])
        #expect(try await world.show(first)["state"] == "finished")
    }

    @Test("a new rollout does not touch an update that has begun (M5)")
    func oneAtATime() async throws {
        let (world, _) = try await world()
        let execution = try #require(try await world.offer(Self.badge)).execution
        _ = try await world.release("2.5.0")
        _ = try await world.rollout("2.5.0", ["devices": [.text(Self.badge)]])
        #expect(try await world.offer(Self.badge)?.execution == execution)
        try await world.report(Self.badge, execution, "succeeded", running: "2.4.0")
        #expect(try await world.offer(Self.badge, "2.4.0")?.version == "2.5.0")
    }

    @Test("the way leads through what must lie between (M9)")
    func intermediates() async throws {
        let world = try FirmwareWorld()
        try await world.addBadges(1...1, version: "1.9.0")
        _ = try await world.release("2.0.0")
        _ = try await world.release("2.1.0")
        _ = try await world.release("3.0.0", ["min_compatible_version": "2.0.0"])
        let rollout = try await world.rollout("3.0.0", ["devices": [.text(Self.badge)], "error_gate": 1.0, "minimum_samples": 1])
        let step = try #require(try await world.offer(Self.badge, "1.9.0"))
        #expect(step.version == "2.1.0")
        try await world.report(Self.badge, step.execution, "succeeded", running: "2.1.0")
        #expect(try await world.show(rollout)["state"] == "running")
        let last = try #require(try await world.offer(Self.badge, "2.1.0"))
        #expect(last.version == "3.0.0")
        try await world.report(Self.badge, last.execution, "succeeded", running: "3.0.0")
        let shown = try await world.show(rollout)
        #expect(shown["state"] == "finished")
        #expect(shown["total"] == 1)
        #expect(shown["succeeded"] == 1)
    }

    @Test("a step that fails ends the way; without a step there is none")
    func noWay() async throws {
        let world = try FirmwareWorld()
        try await world.addBadges(1...2, version: "1.9.0")
        _ = try await world.release("3.0.0", ["min_compatible_version": "2.0.0"])
        _ = try await world.rollout("3.0.0", ["devices": [.text(Self.badge)]])
        #expect(try await world.offer(Self.badge, "1.9.0") == nil)
        #expect(world.events("ota.finished").map { $0["reason"] } == ["no_path"])
        _ = try await world.release("2.0.0")
        let rollout = try await world.rollout("3.0.0", ["devices": ["luna_badge_0002"], "error_gate": 1.0, "minimum_samples": 1])
        try await world.update("luna_badge_0002", from: "1.9.0", result: "rolled_back", reason: "crash")
        #expect(try await world.show(rollout)["state"] == "paused")
        #expect(world.events("firmware.blocked").map { $0["version"] } == ["2.0.0"], "the version that it never got is not to blame")
    }

    @Test("a package of a module starts from its base only")
    func package() async throws {
        let world = try FirmwareWorld()
        try await world.addBadges(1...2, version: "A06", type: "RG500Q")
        try await world.draft("A07", ["device_type": "RG500Q", "format": "dfota", "base_version": "A06"])
        try await world.upload("image", Array("PK".utf8), to: "A07", type: "RG500Q")
        try await world.call("POST", "/api/v1/versions/A07/release", query: ["device_type": "RG500Q"])
        _ = try await world.rollout("A07", ["device_type": "RG500Q", "devices": ["luna_badge_0001", "luna_badge_0002"]])
        #expect(try await world.offer("luna_badge_0001", "A06")?.version == "A07")
        #expect(try await world.check("luna_badge_0001", "A06").value(at: "update_info.manifest_url") == nil)
        #expect(try await world.offer("luna_badge_0002", "A05") == nil)
        #expect(world.events("ota.finished").map { $0["reason"] } == ["wrong_base"])
    }

    // MARK: Notices

    @Test("a device that is there is told; one that comes later is told then, until it has asked")
    func notices() async throws {
        let world = try FirmwareWorld()
        try await world.addBadges(1...2)
        try world.connect("luna_badge_0001")
        let image = try await world.release("2.4.0")
        _ = try await world.rollout("2.4.0", ["devices": ["luna_badge_0001", "luna_badge_0002"]])
        let notice = try #require(try world.takeNotices("luna_badge_0001").first)
        #expect(
            notice.map(\.name) == ["version", "download_url", "checksum", "force_update", "execution_id", "action", "timestamp"], "the seed's fields come first")
        #expect(notice["version"] == "2.4.0")
        #expect(notice["checksum"] == .text("sha256:" + ImageFacts.checksum(image)))
        #expect(notice["action"] == "install")
        #expect(notice["download_url"]?.text?.hasPrefix("https://cloud.lab/api/v1/versions/2.4.0/download?device=luna_badge_0001&") == true)
        #expect(try world.takeNotices("luna_badge_0002").isEmpty)
        try world.connect("luna_badge_0002")
        #expect(try world.takeNotices("luna_badge_0002").count == 1)
        // Not asked yet: told again after the next connection; once it has asked, not any more.
        try world.cloud.clientDisconnected(clientID: "luna_badge_0002", reason: "closed")
        try world.connect("luna_badge_0002")
        #expect(try world.takeNotices("luna_badge_0002").count == 1)
        _ = try await world.offer("luna_badge_0002")
        try world.cloud.clientDisconnected(clientID: "luna_badge_0002", reason: "closed")
        try world.connect("luna_badge_0002")
        #expect(try world.takeNotices("luna_badge_0002").isEmpty)
    }

    @Test("a deleted device's update is cancelled")
    func deleted() async throws {
        let (world, rollout) = try await world()
        _ = try #require(try await world.offer(Self.badge))
        try await world.call("DELETE", "/api/v1/devices/\(Self.badge)")
        #expect(world.events("ota.finished").map { $0["reason"] } == ["device_deleted"])
        #expect(try await world.show(rollout)["state"] == "finished")
    }
}
