import LabCore
import Testing

@testable import Cloud

@Suite("Commands (badge-protocol.md, MQTT)")
struct DeviceCommandTests {
    private func give(_ world: DeviceWorld, _ body: Fields) async throws -> Fields {
        let answer = try await world.call("POST", "/api/v1/devices/{device_id}/commands", body: body, parameters: ["device_id": "luna_badge_0007"])
        #expect(answer.status == 202)
        return try #require(answer.data.record)
    }

    private func state(_ world: DeviceWorld, _ id: FieldValue?) async throws -> Fields {
        let answer = try await world.call(
            "GET", "/api/v1/devices/{device_id}/commands/{command_id}",
            parameters: ["device_id": "luna_badge_0007", "command_id": id ?? .null])
        return try #require(answer.data.record)
    }

    private func answer(_ world: DeviceWorld, _ id: FieldValue?, status: String, more: String = "") throws {
        try world.send(
            "command/result", #"{"command_id":"\#(id?.text ?? "")","status":"\#(status)"\#(more),"timestamp":"2026-01-01T00:00:00Z"}"#)
        try world.service.settle()
    }

    @Test("a command goes out at once to a device that is there, and its answer ends it")
    func done() async throws {
        let world = try DeviceWorld()
        try await world.bringOnline()
        let given = try await give(world, ["command": "restart_module", "module": "yolo", "parameters": ["delay": 3]])
        #expect(given["state"] == "sent")
        let id = given["command_id"]
        #expect(
            try world.takePublished("command") == [
                [
                    "command_id": id ?? .null, "command": "restart_module", "module": "yolo", "parameters": ["delay": 3],
                    "timestamp": "2026-01-01T00:00:00Z",
                ]
            ])
        try answer(world, id, status: "done", more: #","result":{"took":12}"#)
        #expect(try await state(world, id)["state"] == "done")
        #expect(try await state(world, id)["result"] == ["took": 12])
        #expect(world.events("command.finished").map { $0["status"] } == ["done"])
        // A second answer, even another one, changes nothing.
        try answer(world, id, status: "failed")
        #expect(try await state(world, id)["state"] == "done")
        #expect(world.events("command.finished").count == 1)
    }

    @Test("a failed command keeps the device's reason")
    func failed() async throws {
        let world = try DeviceWorld()
        try await world.bringOnline()
        let id = try await give(world, ["command": "make_coffee"])["command_id"]
        try answer(world, id, status: "failed", more: #","reason":"unknown_command""#)
        #expect(try await state(world, id)["reason"] == "unknown_command")
    }

    @Test("commands for a device that is away wait, go out in order when it is back, and again if it reconnects without an answer")
    func queued() async throws {
        let world = try DeviceWorld()
        try await world.bringOnline()
        try world.service.clientDisconnected(clientID: "luna_badge_0007", reason: "closed")
        let first = try await give(world, ["command": "identify"])
        let second = try await give(world, ["command": "reboot"])
        #expect(first["state"] == "queued")
        #expect(try world.takePublished("command").isEmpty)
        try world.connect()
        // Its subscriptions may not stand yet.
        #expect(try world.takePublished("command").isEmpty)
        try world.status(configVersion: 0)
        #expect(try world.takePublished("command").map { $0["command_id"] } == [first["command_id"], second["command_id"]])
        // A further status of the same connection repeats nothing.
        try world.status(configVersion: 0)
        #expect(try world.takePublished("command").isEmpty)
        try answer(world, first["command_id"], status: "done")
        try world.service.clientDisconnected(clientID: "luna_badge_0007", reason: "closed")
        try world.connect()
        try world.status(configVersion: 0)
        #expect(try world.takePublished("command").map { $0["command_id"] } == [second["command_id"]])
    }

    @Test("a command that waits survives a crash of the cloud")
    func crash() async throws {
        let world = try DeviceWorld()
        try await world.bringOnline()
        try world.service.clientDisconnected(clientID: "luna_badge_0007", reason: "closed")
        try world.service.settle()
        let id = try await give(world, ["command": "identify"])["command_id"]
        try world.restart()
        try world.connect()
        try world.status(configVersion: 0)
        #expect(try world.takePublished("command").map { $0["command_id"] } == [id])
    }

    @Test("a command expires at the end of its time and not before, also over a restart")
    func expiry() async throws {
        let world = try DeviceWorld { $0.commandLifetime = .seconds(60) }
        try await world.bringOnline()
        try world.service.clientDisconnected(clientID: "luna_badge_0007", reason: "closed")
        let early = try await give(world, ["command": "identify"])["command_id"]
        world.advance(.seconds(10))
        let late = try await give(world, ["command": "identify"])["command_id"]
        try world.restart()
        world.advance(.milliseconds(49_999))
        #expect(world.events("command.finished").isEmpty)
        world.advance(.milliseconds(1))
        #expect(world.events("command.finished").map { $0["command_id"] } == [early])
        #expect(try await state(world, early)["state"] == "expired")
        #expect(try await state(world, late)["state"] == "queued")
        world.advance(.seconds(10))
        #expect(world.events("command.finished").map { $0["status"] } == ["expired", "expired"])
    }

    @Test("expiring on a full database is tried again, without end in the same instant")
    func expiryOnFullDatabase() async throws {
        let world = try DeviceWorld { $0.commandLifetime = .seconds(60) }
        try await world.bringOnline()
        _ = try await give(world, ["command": "identify"])
        try world.storage.setFull(true)
        world.advance(.seconds(63))
        #expect(world.events("storage.failed").count { $0["what"] == "command.expire" } == 4)
        try world.storage.setFull(false)
        world.advance(.seconds(1))
        #expect(world.events("command.finished").count == 1)
    }

    @Test("a result for a command of another device, or of none, is refused")
    func foreign() async throws {
        let world = try DeviceWorld { $0.allowsOpenRegistration = true }
        try await world.bringOnline()
        let id = try await give(world, ["command": "identify"])["command_id"]
        var other = DeviceWorld.badge
        other["device_id"] = "luna_badge_0008"
        other["serial_no"] = "BDG-0008"
        _ = try await world.register(other, serial: "BDG-0008")
        try world.connect("luna_badge_0008")
        try world.send("command/result", #"{"command_id":"\#(id?.text ?? "")","status":"done"}"#, device: "luna_badge_0008")
        try world.send("command/result", #"{"command_id":"cmd_none","status":"done"}"#, device: "luna_badge_0008")
        try world.service.settle()
        #expect(world.events("telemetry.refused").map { $0["reason"] } == ["unknown_command", "unknown_command"])
        #expect(try await state(world, id)["state"] == "sent")
    }

    @Test(
        "a wrong command is refused by its field",
        arguments: [
            (["command": "two words"], "command"), (["command": "identify", "module": "a/b"], "module"),
            (["command": "identify", "parameters": [1]], "parameters"),
            (["command": "identify", "parameters": ["text": .text(String(repeating: "x", count: 4_096))]], "parameters"),
        ] as [(Fields, String)])
    func wrong(body: Fields, field: String) async throws {
        let world = try DeviceWorld()
        try await world.bringOnline()
        #expect(await failure { try await give(world, body) }?.details["field"] == .text(field))
    }

    @Test("a hundred commands may wait for a device, and no more")
    func bound() async throws {
        let world = try DeviceWorld()
        try await world.provision()
        _ = try await world.register()
        for _ in 0..<100 { _ = try await give(world, ["command": "identify"]) }
        #expect(await failure { try await give(world, ["command": "identify"]) }?.code == .commandQueueFull)
    }

    @Test("deleting a device fails its commands")
    func deletion() async throws {
        let world = try DeviceWorld()
        try await world.bringOnline()
        _ = try await give(world, ["command": "identify"])
        try await world.service.delete("luna_badge_0007", tenant: "default")
        #expect(world.events("command.finished").map { $0["reason"] } == ["device_deleted"])
    }
}
