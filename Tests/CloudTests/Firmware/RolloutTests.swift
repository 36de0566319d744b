import GRDB
import LabCore
import Testing

@testable import Cloud

@Suite("Rollouts in stages (specs/ota.md §3, O7, O8, M8)")
struct RolloutTests {
    /// Badges 1 to `count` and a released 2.4.0.
    private func world(_ count: Int, bugs: Set<SeededBug> = []) async throws -> FirmwareWorld {
        let world = try FirmwareWorld(bugs: bugs)
        try await world.addBadges(1...count)
        _ = try await world.release("2.4.0")
        return world
    }

    @Test("a stage opens when the success gate is reached: at n, not at n - 1")
    func successGate() async throws {
        let world = try await world(20)
        let rollout = try await world.rollout("2.4.0", ["percentages": [50, 100], "success_gate": 0.8, "error_gate": 1.0, "minimum_samples": 1])
        let (first, second) = (try await world.devices(of: rollout, stage: 1), try await world.devices(of: rollout, stage: 2))
        #expect((first.count, second.count) == (10, 10))
        #expect(try await world.offer(second[0]) == nil, "its stage is not open")
        for device in first.prefix(7) { try await world.update(device) }
        #expect(try await world.show(rollout)["stage"] == 1)
        #expect(try await world.offer(second[0]) == nil)
        try await world.update(first[7])
        #expect(try await world.show(rollout)["stage"] == 2)
        #expect(try await world.offer(second[0])?.version == "2.4.0")
        #expect(world.events("rollout.stage").map { $0["stage"] } == [1, 2])
    }

    @Test("the error gate stops at the n-th failure, and nobody further is offered anything (O7)")
    func errorGate() async throws {
        let world = try await world(20)
        let rollout = try await world.rollout("2.4.0", ["success_gate": 1.0, "error_gate": 0.2, "minimum_samples": 10])
        let devices = try await world.devices(of: rollout, stage: 1)
        for device in devices[0..<8] { try await world.update(device) }
        try await world.update(devices[8], result: "rolled_back", reason: "watchdog")
        #expect(try await world.show(rollout)["state"] == "running", "9 have ended: too few to say anything")
        try await world.update(devices[9], result: "failed", reason: "hash_mismatch")
        let shown = try await world.show(rollout)
        #expect(shown["state"] == "paused")
        #expect(shown["reason"] == "error_gate")
        #expect(shown["failed"] == 2)
        for device in devices[10...] { #expect(try await world.offer(device) == nil) }
        #expect(world.events("ota.offered").count == 10)
    }

    @Test("one failure below the gate goes on; the next one stops", arguments: [(1, "running"), (2, "paused")])
    func belowAndAt(failures: Int, state: String) async throws {
        let world = try await world(40)
        let rollout = try await world.rollout("2.4.0", ["success_gate": 1.0, "error_gate": 0.1, "minimum_samples": 20])
        let devices = try await world.devices(of: rollout, stage: 1)
        for (index, device) in devices.prefix(20).enumerated() {
            try await world.update(device, result: index < failures ? "failed" : "succeeded", reason: index < failures ? "crash" : nil)
        }
        #expect(try await world.show(rollout)["state"] == .text(state))
    }

    @Test("failures in the last stage stop it too, though the first stages were good")
    func lastStage() async throws {
        let world = try await world(20)
        let rollout = try await world.rollout("2.4.0", ["percentages": [80, 100], "success_gate": 1.0, "error_gate": 0.5, "minimum_samples": 2])
        for device in try await world.devices(of: rollout, stage: 1) { try await world.update(device) }
        let last = try await world.devices(of: rollout, stage: 2)
        try await world.update(last[0])
        try await world.update(last[1], result: "failed", reason: "crash")
        #expect(try await world.show(rollout)["state"] == "paused")
    }

    @Test("a stage whose devices are all silent does not open the next one (M8)")
    func silent() async throws {
        let world = try await world(10)
        let rollout = try await world.rollout("2.4.0", ["percentages": [50, 100], "device_timeout": "1h", "minimum_samples": 1])
        world.advance(.seconds(3_599))
        #expect(try await world.show(rollout)["state"] == "running")
        world.advance(.seconds(1))
        let shown = try await world.show(rollout)
        #expect(shown["state"] == "paused")
        #expect(shown["reason"] == "success_gate")
        #expect(shown["timed_out"] == 5)
        #expect(shown["failed"] == 0)
        #expect(world.events("firmware.blocked").isEmpty)
    }

    @Test("a paused rollout offers nobody anything, who has begun goes on, and the time of who waits stands still")
    func pause() async throws {
        let world = try await world(3)
        let rollout = try await world.rollout("2.4.0", ["device_timeout": "1h", "error_gate": 1.0])
        let devices = try await world.devices(of: rollout, stage: 1)
        let execution = try #require(try await world.offer(devices[0])).execution
        _ = try await world.control(rollout, "pause")
        #expect(try await world.offer(devices[1]) == nil)
        #expect(try await world.offer(devices[0])?.execution == execution)
        try await world.report(devices[0], execution, "succeeded", running: "2.4.0")
        world.advance(.seconds(7_200))
        #expect(try await world.show(rollout)["timed_out"] == 0)
        #expect(await failure { try await world.control(rollout, "pause") }?.code == .rolloutState)
        _ = try await world.control(rollout, "resume")
        #expect(try await world.offer(devices[1])?.version == "2.4.0")
        world.advance(.seconds(3_600))
        #expect(try await world.show(rollout)["timed_out"] == 2)
    }

    @Test("the seeded bug goes on offering while paused")
    func pausedStillOffers() async throws {
        let world = try await world(2, bugs: [.pausedStillOffers])
        let rollout = try await world.rollout("2.4.0")
        _ = try await world.control(rollout, "pause")
        #expect(try await world.offer("luna_badge_0001")?.version == "2.4.0")
    }

    @Test("after a resume the gate counts anew: the known failures do not stop it, the next ones do")
    func resumed() async throws {
        let world = try await world(20)
        let rollout = try await world.rollout("2.4.0", ["success_gate": 1.0, "error_gate": 0.5, "minimum_samples": 2])
        let devices = try await world.devices(of: rollout, stage: 1)
        try await world.update(devices[0])
        try await world.update(devices[1], result: "failed", reason: "crash")
        #expect(try await world.show(rollout)["state"] == "paused")
        _ = try await world.control(rollout, "resume")
        try await world.update(devices[2])
        #expect(try await world.show(rollout)["state"] == "running")
        try await world.update(devices[3], result: "failed", reason: "crash")
        #expect(try await world.show(rollout)["state"] == "paused")
        let history = try await world.show(rollout)["history"]?.list?.compactMap(\.record) ?? []
        #expect(history.map { $0["what"] } == ["created", "running", "paused", "running", "paused"])
        #expect(history[0]["actor"] == "user anna")
        #expect(history[2]["actor"] == .text("device \(devices[1])"))
    }

    @Test("an aborted rollout cancels who has not begun at once, and asks the others")
    func abort() async throws {
        let world = try await world(3)
        let rollout = try await world.rollout("2.4.0")
        let devices = try await world.devices(of: rollout, stage: 1)
        let execution = try #require(try await world.offer(devices[0])).execution
        let shown = try await world.control(rollout, "abort", ["reason": "wrong_notes"])
        #expect(shown["state"] == "aborted")
        #expect(shown["cancelled"] == 2)
        #expect(try await world.offer(devices[1]) == nil)
        #expect(try await world.check(devices[0])["cancel"] == .text(execution))
        #expect(await failure { try await world.control(rollout, "resume") }?.code == .rolloutState)
        // The same version can be handed out anew.
        _ = try await world.rollout("2.4.0")
        #expect(try await world.offer(devices[1])?.version == "2.4.0")
    }

    @Test("so many a minute, told and offered, and the wait is said")
    func rate() async throws {
        let world = try await world(6)
        for number in 1...6 { try world.connect(FirmwareWorld.badge(number)) }
        let rollout = try await world.rollout("2.4.0", ["rate": 2])
        let devices = try await world.devices(of: rollout, stage: 1)
        #expect(world.noticeCount == 2)
        #expect(try await world.offer(devices[0])?.version == "2.4.0", "it was told: it has its place")
        #expect(try await world.check(devices[2]) == ["has_update": false, "retry_after": 30])
        #expect(world.events("ota.offered").count == 1)
        world.advance(.seconds(29))
        #expect(world.noticeCount == 2)
        world.advance(.seconds(1))
        #expect(world.noticeCount == 3)
        #expect(try await world.offer(devices[2])?.version == "2.4.0")
        world.advance(.seconds(90))
        #expect(world.noticeCount == 6)
    }

    @Test("who joins later is in the last stage and waits for it")
    func latecomers() async throws {
        let world = try await world(10)
        let rollout = try await world.rollout("2.4.0", ["percentages": [50, 100], "success_gate": 0.6, "error_gate": 1.0, "minimum_samples": 1])
        try await world.addBadges(11...11)
        #expect(try await world.offer("luna_badge_0011") == nil)
        for device in try await world.devices(of: rollout, stage: 1).prefix(3) { try await world.update(device) }
        #expect(try await world.show(rollout)["stage"] == 2)
        #expect(try await world.offer("luna_badge_0011")?.version == "2.4.0")
        #expect(try await world.devices(of: rollout, stage: 2).last == "luna_badge_0011")
        #expect(try await world.show(rollout)["total"] == 11)
    }

    @Test("a finished rollout of everybody is for new devices too; one of named devices is not")
    func baseline() async throws {
        let world = try await world(1)
        let rollout = try await world.rollout("2.4.0")
        try await world.update("luna_badge_0001")
        #expect(try await world.show(rollout)["state"] == "finished")
        try await world.addBadges(2...2)
        #expect(try await world.offer("luna_badge_0002")?.version == "2.4.0")
        #expect(try await world.offer("luna_badge_0002", "2.5.0")?.version == "2.4.0", "it has begun")

        _ = try await world.release("2.6.0")
        let named = try await world.rollout("2.6.0", ["devices": ["luna_badge_0001"]])
        try await world.update("luna_badge_0001", from: "2.4.0")
        #expect(try await world.show(named)["state"] == "finished")
        try await world.addBadges(3...3)
        #expect(try await world.offer("luna_badge_0003")?.version == "2.4.0")
    }

    @Test("a device that was away for two versions gets the newest (M9)")
    func away() async throws {
        let world = try await world(2)
        _ = try await world.rollout("2.4.0", ["device_timeout": "1h"])
        try await world.update("luna_badge_0001")
        world.advance(.seconds(7_200))
        _ = try await world.release("2.5.0")
        let second = try await world.rollout("2.5.0", ["device_timeout": "1h", "success_gate": 0.5])
        try await world.update("luna_badge_0001", from: "2.4.0")
        world.advance(.seconds(7_200))
        #expect(try await world.show(second)["state"] == "finished")
        #expect(world.events("ota.finished").count { $0["result"] == "timed_out" } == 2)
        let offer = try #require(try await world.offer("luna_badge_0002"))
        #expect(offer.version == "2.5.0")
        try await world.report("luna_badge_0002", offer.execution, "succeeded", running: "2.5.0")
        let shown = try await world.show(second)
        #expect(shown["total"] == 2)
        #expect(shown["succeeded"] == 2)
        #expect(shown["timed_out"] == 0)
    }

    @Test("a device may try a rollout's version three times at most")
    func attempts() async throws {
        let world = try await world(1)
        let rollout = try await world.rollout("2.4.0", ["device_timeout": "1h"])
        var offers = 0
        for _ in 0..<6 {
            // All of one have failed, which stops it each time.
            if try await world.show(rollout)["state"] == "paused" { _ = try await world.control(rollout, "resume") }
            if try await world.offer("luna_badge_0001") != nil { offers += 1 }
            world.advance(.seconds(3_600))
        }
        #expect(offers == 3)
    }

    @Test("channels: stable devices are not given what is not stable")
    func channels() async throws {
        let world = try await world(3)
        _ = try await world.release("2.5.0", type: "beta")
        #expect(await failure { try await world.rollout("2.5.0") }?.code == .rolloutEmpty)
        try await world.call("PUT", "/api/v1/devices/luna_badge_0001/channel", body: ["channel": "beta"])
        try await world.call("PUT", "/api/v1/firmware/groups/lab", body: ["devices": ["luna_badge_0002"], "channel": "alpha"])
        let rollout = try await world.rollout("2.5.0")
        #expect(try await world.devices(of: rollout, stage: 1).sorted() == ["luna_badge_0001", "luna_badge_0002"])
        #expect(try await world.offer("luna_badge_0003") == nil)
        _ = try await world.release("2.6.0", type: "alpha")
        #expect(try await world.devices(of: try await world.rollout("2.6.0"), stage: 1) == ["luna_badge_0002"])
    }

    @Test("a group is its members; a rollout of an unknown group, device or of nobody is refused")
    func groups() async throws {
        let world = try await world(3)
        try await world.call("PUT", "/api/v1/firmware/groups/lab", body: ["devices": ["luna_badge_0002", "luna_badge_0003", "luna_badge_0099"]])
        let rollout = try await world.rollout("2.4.0", ["group": "lab"])
        #expect(try await world.devices(of: rollout, stage: 1).sorted() == ["luna_badge_0002", "luna_badge_0003"])
        #expect(await failure { try await world.rollout("2.4.0", ["group": "nobody"]) }?.code == .groupNotFound)
        #expect(await failure { try await world.rollout("2.4.0", ["devices": ["luna_badge_0099"]]) }?.code == .deviceNotFound)
        #expect(await failure { try await world.rollout("2.9.0") }?.code == .versionNotFound)
        try await world.draft("2.5.0")
        #expect(await failure { try await world.rollout("2.5.0") }?.code == .versionIncomplete)
    }

    @Test("what is no rollout is refused", arguments: [
        ("percentages", [10, 10]), ("percentages", [0, 100]), ("percentages", [50, 101]), ("percentages", []), ("percentages", [1, 2, 3, 4, 5, 6, 7, 8, 9]),
        ("success_gate", 1.5), ("error_gate", -0.1), ("minimum_samples", 0), ("rate", 0), ("device_timeout", "0s"), ("device_timeout", "100d"), ("devices", []),
    ] as [(String, FieldValue)])
    func malformed(name: String, value: FieldValue) async throws {
        let world = try await world(1)
        let error = await failure { try await world.rollout("2.4.0", [name: value]) }
        #expect(error?.code == .invalidField)
        #expect(error?.details["field"] == .text(name))
    }

    @Test("who is not fit for it is left out, and counts nowhere: hardware, format, counter, direction")
    func leftOut() async throws {
        let world = try await world(5)
        let rollout = try await world.rollout("2.4.0", ["error_gate": 0.01, "minimum_samples": 1])
        #expect(try await world.check("luna_badge_0001", hardware: "v2.0")["has_update"] == false)
        #expect(try await world.check("luna_badge_0002", format: "esp32")["has_update"] == false)
        #expect(try await world.check("luna_badge_0003", counter: 2)["has_update"] == false)
        #expect(try await world.check("luna_badge_0004", "2.5.0")["has_update"] == false)
        #expect(world.events("ota.finished").map { $0["reason"] } == ["wrong_hardware", "wrong_format", "security_counter", "downgrade"])
        #expect(try await world.show(rollout)["state"] == "running")
        try await world.update("luna_badge_0005")
        #expect(try await world.show(rollout)["state"] == "finished")
    }

    @Test("a device that is named decides itself")
    func named() async throws {
        let world = try await world(2)
        _ = try await world.rollout("2.4.0", ["devices": ["luna_badge_0001", "luna_badge_0002"]])
        #expect(try await world.check("luna_badge_0001", hardware: "v2.0")["has_update"] == true)
        #expect(try await world.check("luna_badge_0002", "2.5.0")["has_update"] == true)
    }

    // MARK: Taking back

    @Test("a rollback brings back those that succeeded, each to where it came from")
    func rollback() async throws {
        let world = try await world(4)
        _ = try await world.release("2.2.0")
        _ = try await world.release("2.3.0")
        let rollout = try await world.rollout("2.4.0", ["success_gate": 1.0])
        try await world.update("luna_badge_0001", from: "2.3.0")
        try await world.update("luna_badge_0002", from: "2.2.0")
        let begun = try #require(try await world.offer("luna_badge_0003", "2.3.0")).execution
        try await world.report("luna_badge_0003", begun, "rebooting")
        let shown = try await world.control(rollout, "rollback")
        #expect(shown["state"] == "rolled_back")
        let back = try #require(shown["rollback"]?.text)
        #expect(try await world.show(back)["action"] == "rollback")
        #expect(try await world.offer("luna_badge_0004") == nil)
        let first = try #require(try await world.offer("luna_badge_0001", "2.4.0"))
        #expect((first.version, first.action) == ("2.3.0", "rollback"))
        let second = try #require(try await world.offer("luna_badge_0002", "2.4.0"))
        #expect((second.version, second.action) == ("2.2.0", "rollback"))
        // It was beyond return: it succeeds, and goes back too.
        try await world.report("luna_badge_0003", begun, "succeeded", running: "2.4.0")
        #expect(try await world.offer("luna_badge_0003", "2.4.0")?.action == "rollback")
        try await world.report("luna_badge_0001", first.execution, "succeeded", running: "2.3.0")
        #expect(world.events("firmware.blocked").map { $0["device"] } == ["luna_badge_0001"])
        #expect(try await world.offer("luna_badge_0001", "2.3.0") == nil)
        #expect(try await world.show(back)["total"] == 3)
        #expect(try await world.show(back)["state"] == "running")
    }

    @Test("the error gate takes the version back by itself where the rollout says so")
    func rollbackOnError() async throws {
        let world = try await world(4)
        _ = try await world.release("2.3.0")
        let rollout = try await world.rollout("2.4.0", ["error_gate": 0.5, "minimum_samples": 2, "success_gate": 1.0, "rollback_on_error": true])
        let devices = try await world.devices(of: rollout, stage: 1)
        try await world.update(devices[0])
        try await world.update(devices[1], result: "rolled_back", reason: "crash")
        let shown = try await world.show(rollout)
        #expect(shown["state"] == "rolled_back")
        #expect(shown["reason"] == "error_gate")
        #expect(try await world.offer(devices[0], "2.4.0")?.version == "2.3.0")
        #expect(try await world.offer(devices[1]) == nil)
        #expect(try await world.offer(devices[2]) == nil)
    }

    @Test("where the cloud does not have the version before, the device may have it in its other slot, a module not")
    func rollbackWithoutFile() async throws {
        let world = try await world(1)
        let rollout = try await world.rollout("2.4.0")
        try await world.update("luna_badge_0001")
        _ = try await world.control(rollout, "rollback")
        let info = try #require(try await world.check("luna_badge_0001", "2.4.0")["update_info"]?.record)
        #expect(info["action"] == "rollback")
        #expect(info["version"] == "2.3.0")
        #expect(info["download_url"] == nil)
        #expect(info["checksum"] == nil)
        #expect(await failure { try await world.rollout("2.3.0") }?.code == .versionIncomplete, "to go back to it is all that can be done with it")

        try await world.addBadges(2...2, version: "A06", type: "RG500Q")
        try await world.draft("A07", ["device_type": "RG500Q", "format": "dfota", "base_version": "A06"])
        try await world.upload("image", Array("PK".utf8), to: "A07", type: "RG500Q")
        try await world.call("POST", "/api/v1/versions/A07/release", query: ["device_type": "RG500Q"])
        let module = try await world.rollout("A07", ["device_type": "RG500Q", "devices": ["luna_badge_0002"]])
        try await world.update("luna_badge_0002", from: "A06")
        _ = try await world.control(module, "rollback")
        #expect(world.events("ota.finished").last?["reason"] == "rollback_impossible")
        #expect(try await world.offer("luna_badge_0002", "A07") == nil)
    }

    // MARK: Statistics

    @Test("statistics: counts, share, durations, reasons")
    func statistics() async throws {
        let world = try await world(10)
        let rollout = try await world.rollout("2.4.0", ["error_gate": 1.0, "minimum_samples": 10])
        let devices = try await world.devices(of: rollout, stage: 1)
        for (index, device) in devices.prefix(8).enumerated() {
            let execution = try #require(try await world.offer(device)).execution
            // 1 s, 2 s, … 8 s.
            world.advance(.seconds(index + 1))
            try await world.report(device, execution, "succeeded", running: "2.4.0")
        }
        try await world.update(devices[8], result: "rolled_back", reason: "watchdog")
        let statistics = try world.fields(try await world.call("GET", "/api/v1/rollouts/\(rollout)/statistics"))
        #expect(statistics["total"] == 10)
        #expect(statistics.value(at: "states.succeeded") == 8)
        #expect(statistics.value(at: "states.queued") == 1)
        #expect(statistics["success_share"] == .number(8.0 / 9.0))
        // Nearest rank: the 4th of 8 is 50 %, the 8th is 95 %.
        #expect(statistics["duration_p50"] == 4.0)
        #expect(statistics["duration_p95"] == 8.0)
        #expect(statistics["reasons"] == ["watchdog": 1])
        #expect(try world.fields(try await world.call("GET", "/api/v1/versions/2.4.0/statistics"))["succeeded"] == 8)
    }
}

@Suite("What survives the end of the cloud")
struct FirmwareRestartTests {
    private func world() async throws -> (FirmwareWorld, String) {
        let world = try FirmwareWorld()
        try await world.addBadges(1...2)
        _ = try await world.release("2.4.0")
        return (world, try await world.rollout("2.4.0", ["devices": ["luna_badge_0001"], "device_timeout": "1h", "error_gate": 1.0, "success_gate": 1.0]))
    }

    @Test("a crash before the commit of an offer leaves nothing, one after it leaves the offer", arguments: ["commit.before", "commit.after"])
    func offer(point: String) async throws {
        let (world, _) = try await world()
        world.crash(at: point, of: "ota.offer")
        await #expect(throws: CloudCrashed.self) { try await world.offer("luna_badge_0001") }
        let offered = world.events("ota.offered").count
        #expect(offered == (point == "commit.before" ? 0 : 1))
        try world.restart()
        let execution = try #require(try await world.offer("luna_badge_0001")).execution
        #expect(world.events("ota.offered").count == 1)
        try await world.report("luna_badge_0001", execution, "succeeded", running: "2.4.0")
        #expect(world.events("ota.finished").count == 1)
    }

    @Test("a result is recorded once, whether the cloud falls before or after its commit", arguments: ["commit.before", "commit.after"])
    func report(point: String) async throws {
        let (world, rollout) = try await world()
        let execution = try #require(try await world.offer("luna_badge_0001")).execution
        world.crash(at: point, of: "ota.report")
        await #expect(throws: CloudCrashed.self) { try await world.report("luna_badge_0001", execution, "succeeded", sequence: 3, running: "2.4.0") }
        try world.restart()
        #expect(try await world.report("luna_badge_0001", execution, "succeeded", sequence: 3, running: "2.4.0")["terminal"] == true)
        #expect(world.events("ota.finished").count == 1)
        #expect(try await world.show(rollout)["succeeded"] == 1)
        #expect(try await world.show(rollout)["state"] == "finished")
    }

    @Test("a release is whole or not there", arguments: ["commit.before", "commit.after"])
    func release(point: String) async throws {
        let world = try FirmwareWorld()
        world.crash(at: point, of: "firmware.release")
        await #expect(throws: CloudCrashed.self) { try await world.release("2.4.0") }
        try world.restart()
        let state = try world.fields(try await world.call("GET", "/api/v1/versions/2.4.0"))["state"]
        #expect(state == (point == "commit.before" ? "draft" : "released"))
        #expect(try await world.call("POST", "/api/v1/versions/2.4.0/release").data.record?["state"] == "released")
    }

    @Test("timeouts run on after a restart; who was not told is told by the next life")
    func timers() async throws {
        let (world, rollout) = try await world()
        _ = try #require(try await world.offer("luna_badge_0001"))
        world.advance(.seconds(1_800))
        try world.restart()
        world.advance(.seconds(1_799))
        #expect(world.events("ota.finished").isEmpty)
        world.advance(.seconds(1))
        #expect(world.events("ota.finished").map { $0["result"] } == ["timed_out"])
        #expect(try await world.show(rollout)["state"] == "paused")

        try world.connect("luna_badge_0002")
        world.crash(at: "commit.before", of: "ota.notify")
        await #expect(throws: CloudCrashed.self) { try await world.rollout("2.4.0", ["devices": ["luna_badge_0002"]]) }
        #expect(try world.takeNotices("luna_badge_0002").isEmpty)
        try world.restart()
        #expect(try world.takeNotices("luna_badge_0002").count == 1)
    }

    @Test("time that ran out while the cloud was down is noticed at once")
    func downtime() async throws {
        let (world, _) = try await world()
        _ = try #require(try await world.offer("luna_badge_0001"))
        world.crash()
        world.advance(.seconds(7_200))
        try world.start()
        world.advance(.zero)
        #expect(world.events("ota.finished").map { $0["result"] } == ["timed_out"])
    }

    @Test("a full database refuses offers and results and loses none; what waited is told when there is room")
    func full() async throws {
        let (world, _) = try await world()
        try world.cloud.setFault("database.full", [:], isActive: true)
        await #expect(throws: StorageError.full) { try await world.offer("luna_badge_0001") }
        world.advance(.seconds(5))
        try world.cloud.setFault("database.full", [:], isActive: false)
        let execution = try #require(try await world.offer("luna_badge_0001")).execution
        try world.cloud.setFault("database.full", [:], isActive: true)
        await #expect(throws: StorageError.full) { try await world.report("luna_badge_0001", execution, "succeeded", running: "2.4.0") }
        // The timeout cannot be written either; it is tried again, at a pace.
        world.advance(.seconds(3_610))
        #expect(world.events("storage.failed").count < 50)
        try world.cloud.setFault("database.full", [:], isActive: false)
        world.advance(.seconds(2))
        #expect(world.events("ota.finished").map { $0["result"] } == ["timed_out"])
    }

    @Test("there is one job for whatever is due next, however many devices wait")
    func oneJob() async throws {
        let world = try FirmwareWorld()
        try await world.addBadges(1...50)
        _ = try await world.release("2.4.0")
        let before = world.jobsWaiting
        _ = try await world.rollout("2.4.0", ["device_timeout": "1h"])
        for number in 1...50 { _ = try await world.offer(FirmwareWorld.badge(number)) }
        #expect(world.jobsWaiting - before <= 2)
    }
}
