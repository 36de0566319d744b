import GRDB
import LabCore
import Testing

@testable import Cloud

@Suite("What scenarios say about firmware (scenario-language.md, example 2)")
struct FirmwareScenarioTests {
    private func perform(_ world: FirmwareWorld, _ action: String, _ arguments: Fields) async throws -> Fields {
        let kind = try #require(Cloud.kind.action(action))
        VocabularyCheck.check(arguments, kind.takes, "action \(action)")
        let fields = try await world.cloud.perform(action, arguments).get()
        VocabularyCheck.check(fields, kind.gives, "answer of \(action)")
        return fields
    }

    private func answer(_ world: FirmwareWorld, _ query: String, _ arguments: Fields) async throws -> Fields {
        let kind = try #require(Cloud.kind.query(query))
        VocabularyCheck.check(arguments, kind.takes, "query \(query)")
        let fields = try await world.cloud.answer(query, arguments).get()
        VocabularyCheck.check(fields, kind.gives, "answer of \(query)")
        return fields
    }

    private func refusal(_ world: FirmwareWorld, _ action: String, _ arguments: Fields) async throws -> ActionFailure? {
        if case .failure(let failure) = try await world.cloud.perform(action, arguments) { failure } else { nil }
    }

    private func file(_ version: String, size: Int = 4_096, manifest: Bool = true) throws -> FieldValue {
        let image = try FirmwareWorld.image(version, size: size)
        var fields: Fields = ["path": .text("firmware-images/badge-\(version).bin"), "bytes": .bytes(image)]
        if manifest { fields["manifest"] = .bytes(FirmwareWorld.manifest(version, image)) }
        return .record(fields)
    }

    @Test("after a rolled-back result the rollout of that one device is paused with one failure, and nothing is offered again")
    func exampleTwo() async throws {
        let world = try FirmwareWorld()
        try await world.addBadges(1...1)
        let device = "luna_badge_0001"
        let started = try await perform(world, "ota.start", ["device": .text(device), "image": try file("2.4.0")])
        #expect(started["version"] == "2.4.0")
        let execution = try #require(try await world.update(device, result: "rolled_back", reason: "watchdog"))
        #expect(started["execution"] == .text(execution))
        let finished = try #require(world.events("ota.finished").first)
        #expect(finished["result"] == "rolled_back")
        #expect(finished["reason"] == "watchdog")
        let rollout = try await answer(world, "rollout", ["version": "2.4.0"])
        #expect(rollout["state"] == "paused")
        #expect(rollout["failed"] == 1)
        world.forgetEvents()
        for _ in 0..<10 {
            #expect(try await world.offer(device) == nil)
            world.advance(.seconds(60))
        }
        #expect(world.events("ota.offered").isEmpty)
        #expect(try await answer(world, "execution", ["device": .text(device)])["state"] == "rolled_back")
        #expect(try await answer(world, "firmware", ["version": "2.4.0", "device": .text(device)])["blocked"] == true)
    }

    @Test("the same image is released once and handed out again; another one under its number is refused")
    func reuse() async throws {
        let world = try FirmwareWorld()
        try await world.addBadges(1...2)
        let first = try await perform(world, "ota.start", ["device": "luna_badge_0001", "image": try file("2.4.0")])
        let second = try await perform(world, "ota.start", ["device": "luna_badge_0002", "image": try file("2.4.0")])
        #expect(first["version"] == second["version"])
        #expect(first["rollout"] != second["rollout"])
        #expect(world.events("firmware.released").count == 1)
        let other = try await refusal(world, "ota.start", ["device": "luna_badge_0001", "image": try file("2.4.0", size: 8_192)])
        #expect(other?.reason == "version_immutable")
    }

    @Test("without a manifest it says how to make one")
    func noManifest() async throws {
        let world = try FirmwareWorld()
        try await world.addBadges(1...1)
        let failure = try await refusal(world, "ota.start", ["device": "luna_badge_0001", "image": try file("2.4.0", manifest: false)])
        #expect(failure?.reason == "missing_manifest")
        #expect(failure?.message.contains("lab firmware manifest") == true)
        #expect(try await refusal(world, "ota.start", ["device": "nobody", "image": try file("2.4.0")])?.reason == "unknown_device")
        #expect(try await refusal(world, "ota.start", ["device": "luna_badge_0001"])?.reason == "missing_field")
        // One of its own, beside the image or not.
        let image = try FirmwareWorld.image("2.4.0")
        let own: FieldValue = ["path": "m.json", "bytes": .bytes(FirmwareWorld.manifest("2.4.0", image))]
        _ = try await perform(world, "ota.start", ["device": "luna_badge_0001", "image": try file("2.4.0", manifest: false), "manifest": own])
    }

    @Test("releasing, rolling out, pausing, going on, ending and taking back, by version or by id")
    func control() async throws {
        let world = try FirmwareWorld()
        try await world.addBadges(1...4)
        _ = try await perform(world, "firmware.release", ["image": try file("2.3.0")])
        #expect(
            try await perform(world, "firmware.release", ["image": try file("2.4.0"), "type": "beta", "notes": "n", "min_compatible": "2.0.0"]) == ["version": "2.4.0"])
        #expect(try await answer(world, "firmware", ["version": "2.4.0"])["type"] == "beta")
        _ = try await perform(world, "firmware.group", ["group": "lab", "devices": ["luna_badge_0001", "luna_badge_0002"], "channel": "beta"])
        let made = try await perform(
            world, "rollout.create",
            [
                "version": "2.4.0", "group": "lab", "percentages": [50, 100], "success_gate": .number(1), "error_gate": .number(1), "minimum_samples": 1,
                "device_timeout": .duration(3_600_000_000_000),
            ])
        #expect(made["total"] == 2)
        #expect(try await perform(world, "rollout.pause", ["version": "2.4.0"])["state"] == "paused")
        #expect(try await perform(world, "rollout.resume", ["rollout": made["rollout"] ?? .null])["state"] == "running")
        #expect(try await refusal(world, "rollout.resume", ["version": "2.4.0"])?.reason == "rollout_state")
        let first = try #require(try await world.devices(of: made["rollout"]?.text ?? "", stage: 1).first)
        try await world.update(first)
        let back = try await perform(world, "rollout.rollback", ["version": "2.4.0"])
        #expect(back["state"] == "rolled_back")
        #expect(try await answer(world, "rollout", ["rollout": back["rollback"] ?? .null])["action"] == "rollback")
        #expect(try await answer(world, "rollout", ["version": "2.4.0"])["action"] == "install")
        #expect(try await answer(world, "rollout.statistics", ["version": "2.4.0"])["succeeded"] == 1)
        _ = try await perform(world, "firmware.channel", ["device": "luna_badge_0003", "channel": "alpha"])
        let third = try await perform(world, "rollout.create", ["version": "2.4.0"])
        #expect(third["total"] == 2, "the other of the group and the daring one; the first one came back")
        #expect(try await perform(world, "rollout.abort", ["rollout": third["rollout"] ?? .null])["state"] == "aborted")
        _ = try await perform(world, "firmware.withdraw", ["version": "2.4.0"])
        #expect(try await answer(world, "firmware", ["version": "2.4.0"])["state"] == "withdrawn")
        let root: FieldValue = ["path": "r", "bytes": .bytes(Array(#"{"signed":{"_type":"root","version":1},"signatures":[]}"#.utf8))]
        #expect(try await perform(world, "firmware.root", ["root": root]) == ["number": 1])
    }

    @Test("an update is cancelled by its device; a block is lifted")
    func cancel() async throws {
        let world = try FirmwareWorld()
        try await world.addBadges(1...1)
        let device: FieldValue = "luna_badge_0001"
        #expect(try await refusal(world, "ota.cancel", ["device": device])?.reason == "unknown_execution")
        _ = try await perform(world, "ota.start", ["device": device, "image": try file("2.4.0")])
        let execution = try #require(try await world.offer("luna_badge_0001")).execution
        #expect(try await perform(world, "ota.cancel", ["device": device])["state"] == "notified")
        try await world.report("luna_badge_0001", execution, "cancelled")
        #expect(world.events("ota.finished").map { $0["result"] } == ["cancelled"])
        _ = try await perform(world, "ota.start", ["device": device, "image": try file("2.5.0")])
        try await world.update("luna_badge_0001", result: "rolled_back", reason: "crash")
        #expect(try await refusal(world, "ota.start", ["device": device, "image": try file("2.5.0")])?.reason == "rollout_empty")
        _ = try await perform(world, "firmware.unblock", ["device": device, "version": "2.5.0"])
        _ = try await perform(world, "ota.start", ["device": device, "image": try file("2.5.0")])
    }

    @Test("a module's package takes the version that runs as its base")
    func package() async throws {
        let world = try FirmwareWorld()
        try await world.addBadges(1...1, version: "A06", type: "RG500Q")
        let file: FieldValue = ["path": "p.zip", "bytes": .bytes(Array("PK".utf8))]
        #expect(try await refusal(world, "ota.start", ["device": "luna_badge_0001", "image": file])?.reason == "missing_field")
        let started = try await perform(world, "ota.start", ["device": "luna_badge_0001", "image": file, "version": "A08"])
        #expect(started["version"] == "A08")
        #expect(try await answer(world, "firmware", ["version": "A08", "device_type": "RG500Q"])["base_version"] == "A06")
        #expect(try await world.check("luna_badge_0001", "A06", format: "dfota").value(at: "update_info.format") == "dfota")
    }

    @Test("lost reports and errors: the device gets no answer or the wrong one, so often and not more (M6)")
    func reportFaults() async throws {
        let world = try FirmwareWorld()
        try await world.addBadges(1...1)
        let secret = try #require(try world.cloud.devices.deviceKey(id: "luna_badge_0001")).secret
        _ = try await perform(world, "ota.start", ["device": "luna_badge_0001", "image": try file("2.4.0")])
        let execution = try #require(try await world.offer("luna_badge_0001")).execution
        let path = "/api/v1/firmware/executions/\(execution)/report"
        func send(_ number: Int, _ body: String) async throws -> Result<HTTPAnswer, HTTPFailure> {
            let token = try world.cloud.tokens.issue(device: "luna_badge_0001", epoch: 1, tenant: "default").token
            let headers =
                FirmwarePermissionTests.signed("POST", path, world: world, key: secret, number: number, body: Array(body.utf8)) + [
                    HTTPCall.Header("authorization", "Bearer " + token), HTTPCall.Header("content-type", "application/json"),
                ]
            return try await world.cloud.respond(to: HTTPCall("POST", path, headers: headers, body: Array(body.utf8)))
        }
        let (progress, result) = (#"{"sequence":1,"state":"downloading"}"#, #"{"sequence":2,"state":"succeeded","running_version":"2.4.0"}"#)
        try world.cloud.setFault("report.error", ["status": 503, "times": 1], isActive: true)
        #expect(try await send(1, progress).get().status == 503)
        #expect(world.events("ota.progress").isEmpty)
        #expect(try await send(2, progress).get().status == 200)
        try world.cloud.setFault("report.error", [:], isActive: false)
        try world.cloud.setFault("report.lost", [:], isActive: true)
        #expect(try await send(3, result) == .failure(.interrupted))
        #expect(world.events("ota.finished").isEmpty)
        try world.cloud.setFault("report.lost", ["taken": true], isActive: true)
        #expect(try await send(4, result) == .failure(.interrupted))
        #expect(world.events("ota.finished").count == 1)
        try world.cloud.setFault("report.lost", [:], isActive: false)
        #expect(try await send(5, result).get().data("terminal") == true)
        #expect(world.events("ota.finished").count == 1)
    }
}

@Suite("Many devices at once (N12)")
struct FirmwareFleetTests {
    @Test("300 devices in three stages, 3 % of whom fail: all get their turn, and the failed ones are left alone after that")
    func fleet() async throws {
        let world = try FirmwareWorld()
        try await world.addBadges(1...300)
        _ = try await world.release("2.4.0")
        let rollout = try await world.rollout(
            "2.4.0", ["percentages": [1, 10, 100], "success_gate": 0.6, "error_gate": 0.6, "minimum_samples": 5])
        // Each round everybody asks; whoever's stage is open gets it. Three stages need three rounds at most.
        for _ in 0..<3 {
            for number in 1...300 {
                let fails = number % 33 == 0
                try await world.update(
                    FirmwareWorld.badge(number), result: fails ? "rolled_back" : "succeeded", reason: fails ? "self_test_sensor" : nil)
            }
        }
        let shown = try await world.show(rollout)
        #expect(shown["state"] == "finished")
        #expect(shown["failed"] == 9)
        #expect(shown["succeeded"] == 291)
        #expect(world.events("ota.offered").count == 300)
        #expect(world.events("ota.finished").count == 300)
        world.forgetEvents()
        for number in 1...300 { #expect(try await world.offer(FirmwareWorld.badge(number), number % 33 == 0 ? "2.3.0" : "2.4.0") == nil) }
        #expect(world.events("commit.before").isEmpty, "an answer without news costs no commit")
    }

    @Test("what a check reads is found by an index, never by a look at all rows")
    func plans() throws {
        let world = try FirmwareWorld()
        let statements = [
            "SELECT * FROM executions WHERE device_id = 'a' AND finished_at IS NULL ORDER BY id",
            "SELECT * FROM executions WHERE device_id = 'a' AND offered_at IS NOT NULL AND finished_at IS NULL",
            "SELECT * FROM executions WHERE rollout = 1 AND device_id = 'a' AND parent IS NULL ORDER BY attempt DESC LIMIT 1",
            "SELECT min(deadline_at) FROM executions WHERE finished_at IS NULL AND deadline_at IS NOT NULL",
            "SELECT * FROM executions WHERE finished_at IS NULL AND deadline_at IS NOT NULL AND deadline_at <= 5 ORDER BY deadline_at, id LIMIT 5",
            "SELECT EXISTS (SELECT 1 FROM firmware_blocks WHERE device_id = 'a' AND version = 1)",
        ]
        for sql in statements {
            let plan = try world.disk.read { db in try Row.fetchAll(db, sql: "EXPLAIN QUERY PLAN " + sql).map { $0["detail"] as String } }
            #expect(!plan.contains { $0.hasPrefix("SCAN executions") && !$0.contains("USING") }, "\(sql): \(plan)")
            #expect(!plan.contains { $0.contains("TEMP B-TREE") }, "\(sql): \(plan)")
        }
    }
}
