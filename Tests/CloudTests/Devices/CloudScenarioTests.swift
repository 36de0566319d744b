import LabCore
import Testing

@testable import Cloud

/// A whole cloud, spoken to as scenarios do.
struct ScenarioCloud {
    let world: DeviceWorld
    let cloud: Cloud

    init() throws {
        world = try DeviceWorld()
        let configuration = CloudConfiguration(
            devices: world.settings, tokenKeys: [TokenKey(keyID: "test", secret: Array(repeating: 9, count: 32))],
            passwordCost: PasswordCost(rounds: 2, blockSize: 1, parallelism: 1))
        cloud = try Cloud(configuration: configuration, environment: world.environment, storage: world.disk)
    }

    func perform(_ action: String, _ arguments: Fields) async throws -> Fields {
        let kind = try #require(Cloud.kind.action(action))
        VocabularyCheck.check(arguments, kind.takes, "action \(action)")
        let fields = try await cloud.perform(action, arguments).get()
        VocabularyCheck.check(fields, kind.gives, "answer of \(action)")
        return fields
    }

    func answer(_ query: String, _ arguments: Fields) async throws -> Fields {
        let kind = try #require(Cloud.kind.query(query))
        VocabularyCheck.check(arguments, kind.takes, "query \(query)")
        let fields = try await cloud.answer(query, arguments).get()
        VocabularyCheck.check(fields, kind.gives, "answer of \(query)")
        return fields
    }

    func failure(_ action: String, _ arguments: Fields) async -> Fields? {
        if case .failure(let failure) = await cloud.perform(action, arguments) { failure.asFields } else { nil }
    }

    /// A badge that is registered, connected and has said its status.
    func bringOnline() async throws {
        _ = try await perform("factory.provision", ["serial_no": "BDG-0007"])
        let endpoint = try #require(cloud.devices.endpoints.first { $0.path == "/api/v1/devices/register" })
        _ = try await endpoint.handle(
            CloudRequest(method: "POST", path: endpoint.path, body: DeviceWorld.badge, identity: .factory(serial: "BDG-0007"), at: world.now, id: "r"))
        cloud.clientConnected(clientID: "luna_badge_0007")
        send("status", #"{"status":"online","firmware":"2.3.0","config_version":0,"boot_count":1,"modules":{"yolo":"idle"}}"#)
    }

    func send(_ topic: String, _ payload: String, device: String = "luna_badge_0007") {
        cloud.received(topic: "luna/device/\(device)/\(topic)", payload: Array(payload.utf8), clientID: device, quality: 0, delivery: nil)
    }
}

@Suite("What scenarios say to the cloud (scenario-language.md, semantics 9)")
struct CloudScenarioTests {
    @Test("everything of the vocabulary says what it is, once")
    func vocabulary() {
        let kind = Cloud.kind
        for names in [kind.actions.map(\.name), kind.events.map(\.name), kind.queries.map(\.name), kind.faults.map(\.name)] {
            #expect(Set(names).count == names.count)
        }
        #expect((kind.actions + kind.queries + kind.faults).allSatisfy { $0.about.hasSuffix(".") })
        #expect(kind.events.allSatisfy { $0.about.hasSuffix(".") })
    }

    @Test("every action and query of the vocabulary is there, but for those of the cloud's host")
    func complete() async throws {
        let bench = try ScenarioCloud()
        for action in Cloud.kind.actions.map(\.name) {
            let isHosts = ["restart", "crash", "broker.restart"].contains(action)
            #expect((await bench.failure(action, [:])?["reason"] == "unknown_action") == isHosts, "\(action)")
        }
        for query in Cloud.kind.queries.map(\.name) {
            if case .failure(let failure) = await bench.cloud.answer(query, [:]) { #expect(failure.reason != "unknown_query", "\(query)") }
        }
        #expect(await bench.failure("make.coffee", [:])?["reason"] == "unknown_action")
    }

    @Test("example 1: a registered badge is active and has credentials, before it is only provisioned")
    func registration() async throws {
        let bench = try ScenarioCloud()
        _ = try await bench.perform("factory.provision", ["serial_no": "BDG-0007"])
        let before = try await bench.answer("device", ["serial_no": "BDG-0007"])
        #expect(before["state"] == "provisioned")
        #expect(before["credentials"] == nil)
        try await bench.bringOnline()
        let after = try await bench.answer("device", ["device": "luna_badge_0007"])
        #expect(after["state"] == "active" && after["online"] == true && after["firmware"] == "2.3.0")
        #expect(after["credentials"] == ["epoch": 1])
        #expect(after["clone_alarm"] == false)
        #expect(try await bench.answer("device", ["serial_no": "BDG-0007"]) == after)
        let event = try #require(bench.world.events("device.registered").first)
        #expect(event["serial_no"] == "BDG-0007" && event["firmware"] == "2.3.0" && event["device"] == "luna_badge_0007")
    }

    @Test("a range of serial numbers has four digits at least")
    func range() async throws {
        let bench = try ScenarioCloud()
        #expect(try await bench.perform("factory.provision", ["prefix": "BDG-", "from": 9999, "count": 2]) == ["count": 2])
        #expect(try await bench.answer("device", ["serial_no": "BDG-10000"])["state"] == "provisioned")
        #expect(try await bench.perform("factory.provision", ["prefix": "BDG-", "from": 7, "count": 1]) == ["count": 1])
        #expect(try await bench.answer("device", ["serial_no": "BDG-0007"])["state"] == "provisioned")
        // Those that are known already are no failure.
        #expect(try await bench.perform("factory.provision", ["prefix": "BDG-", "from": 7, "count": 2]) == ["count": 1])
    }

    @Test(
        "a range that is wrong is refused",
        arguments: [
            ["prefix": "BDG-"], ["prefix": "BDG-", "count": 0], ["prefix": "BDG-", "count": 100_001], ["prefix": "B/", "count": 1],
            ["prefix": "BDG-", "count": 1, "from": -1], ["serial_no": "a b"], ["serial_no": "BDG-0007", "count": 2], [:],
            ["prefix": "BDG-", "from": .integer(.max), "count": 1],
        ] as [Fields])
    func wrongRange(arguments: Fields) async throws {
        #expect(await (try ScenarioCloud()).failure("factory.provision", arguments) != nil)
    }

    @Test("configuration and commands go through the same rules as over REST")
    func control() async throws {
        let bench = try ScenarioCloud()
        try await bench.bringOnline()
        let set: Fields = ["device": "luna_badge_0007", "key": "detection_interval", "value": "5", "type": "integer"]
        bench.cloud.devices.settle()
        #expect(try await bench.perform("device.configure", set) == ["version": 1, "state": "pending"])
        bench.send("config/ack", #"{"config_version":1,"status":"applied"}"#)
        #expect(
            try await bench.answer("config", ["device": "luna_badge_0007", "key": "detection_interval"])
                == ["value": "5", "type": "integer", "version": 1, "state": "applied"])
        let given = try await bench.perform("device.command", ["device": "luna_badge_0007", "command": "identify"])
        bench.send("command/result", #"{"command_id":"\#(given["command_id"]?.text ?? "")","status":"failed","reason":"unknown_command"}"#)
        let finished = try await bench.answer("command", ["command": given["command_id"] ?? .null])
        #expect(finished["state"] == "failed" && finished["reason"] == "unknown_command")
        #expect(bench.world.events("command.finished").first?["status"] == "failed")
    }

    @Test("failures carry a word that scenarios can match, and the status")
    func failures() async throws {
        let bench = try ScenarioCloud()
        #expect(await bench.failure("device.command", ["device": "luna_badge_9999", "command": "identify"])?["reason"] == "unknown_device")
        #expect(await bench.failure("device.configure", ["device": "luna_badge_9999", "key": "a", "value": 1])?["status"] == 404)
        #expect(await bench.failure("device.configure", ["device": "luna_badge_9999", "key": "a b", "value": 1])?["reason"] == "invalid_field")
        #expect(await bench.failure("device.delete", ["device": "luna_badge_9999"])?["reason"] == "unknown_device")
        #expect(await bench.failure("user.create", ["username": "x", "password": "short"])?["status"] == 400)
    }

    @Test("counts are those of the database, with all that was received")
    func counts() async throws {
        let bench = try ScenarioCloud()
        try await bench.bringOnline()
        for _ in 0..<3 { bench.send("heartbeat", #"{"status":"online"}"#) }
        bench.send("logs", #"{"level":"error","module":"yolo","message":"first"}"#)
        bench.send("logs", #"{"level":"info","message":"second"}"#)
        #expect(try await bench.answer("heartbeats", [:]) == ["count": 3])
        #expect(try await bench.answer("heartbeats", ["device": "luna_badge_0007"]) == ["count": 3])
        #expect(try await bench.answer("heartbeats", ["device": "nobody"]) == ["count": 0])
        #expect(try await bench.answer("logs", ["device": "luna_badge_0007"]) == ["count": 2, "last": ["level": "info", "message": "second"]])
        #expect(try await bench.answer("logs", ["level": "error"])["last"] == ["level": "error", "module": "yolo", "message": "first"])
        #expect(try await bench.answer("devices", ["status": "online"]) == ["count": 1])
        #expect(try await bench.answer("devices", ["status": "offline"]) == ["count": 0])
        #expect(try await bench.answer("devices", [:]) == ["count": 1])
    }

    @Test("the commands of a device are counted by state, and a state without commands counts none")
    func commandCounts() async throws {
        let bench = try ScenarioCloud()
        try await bench.bringOnline()
        let device: Fields = ["device": "luna_badge_0007"]
        #expect(try await bench.answer("commands", device) == ["queued": 0, "sent": 0, "done": 0, "failed": 0, "expired": 0])
        var ids: [String] = []
        for _ in 0..<4 {
            let given = try await bench.perform("device.command", ["device": "luna_badge_0007", "command": "identify"])
            ids.append(try #require(given["command_id"]?.text))
        }
        for (id, status) in zip(ids, ["done", "failed", "done"]) {
            bench.send("command/result", #"{"command_id":"\#(id)","status":"\#(status)"}"#)
        }
        #expect(try await bench.answer("commands", device) == ["queued": 0, "sent": 1, "done": 2, "failed": 1, "expired": 0])
        guard case .failure(let failure) = await bench.cloud.answer("commands", ["device": "luna_badge_9999"]) else {
            Issue.record("a device that does not exist has no commands")
            return
        }
        #expect(failure.reason == "unknown_device")
    }

    @Test("a request goes through the router with the operator's rights")
    func request() async throws {
        let bench = try ScenarioCloud()
        try await bench.bringOnline()
        func request(_ method: String, _ path: String, as role: String, body: FieldValue? = nil) async throws -> Fields {
            var arguments: Fields = ["method": .text(method), "path": .text(path), "as": .text(role)]
            if let body { arguments["body"] = body }
            return try await bench.perform("request", arguments)
        }
        let list = try await request("GET", "/api/v1/devices?limit=1", as: "guest")
        #expect(list["status"] == 200 && list["code"] == 0)
        #expect(list.value(at: "data.total") == 1)
        let change: FieldValue = ["config_key": "volume", "config_value": 3]
        #expect(try await request("PUT", "/api/v1/devices/luna_badge_0007/config", as: "guest", body: change)["error"] == "PERMISSION_DENIED")
        #expect(try await request("PUT", "/api/v1/devices/luna_badge_0007/config", as: "user", body: change)["status"] == 200)
        #expect(try await request("DELETE", "/api/v1/devices/luna_badge_0007", as: "user")["status"] == 403)
        #expect(try await request("GET", "/api/v1/devices", as: "nobody")["status"] == 401)
        #expect(try await request("DELETE", "/api/v1/devices/luna_badge_0007", as: "admin")["status"] == 200)
        #expect(try await bench.answer("device", ["serial_no": "BDG-0007"])["state"] == "deleted")
        #expect(try await bench.answer("device", ["serial_no": "BDG-0007"])["credentials"] == nil)
        #expect(try await request("GET", "/metrics", as: "nobody")["body"]?.text?.contains("lab_devices_registered 0") == true)
    }

    @Test("a slow and a full database begin and end as faults")
    func faults() async throws {
        let bench = try ScenarioCloud()
        bench.cloud.setFault("database.slow", ["add": .duration(50_000_000)], isActive: true)
        _ = try await bench.perform("factory.provision", ["serial_no": "BDG-0001"])
        #expect(bench.world.now == RunInstant(nanoseconds: 50_000_000))
        bench.cloud.setFault("database.slow", ["add": .duration(50_000_000)], isActive: false)
        bench.cloud.setFault("database.full", [:], isActive: true)
        #expect(await bench.failure("factory.provision", ["serial_no": "BDG-0002"])?["reason"] == "database_full")
        bench.cloud.setFault("database.full", [:], isActive: false)
        _ = try await bench.perform("factory.provision", ["serial_no": "BDG-0002"])
        #expect(bench.world.now == RunInstant(nanoseconds: 50_000_000))
    }

    @Test("a cloud that has crashed answers so")
    func crashed() async throws {
        let bench = try ScenarioCloud()
        bench.cloud.crash()
        #expect(await bench.failure("factory.provision", ["serial_no": "BDG-0001"])?["reason"] == "crashed")
        #expect(await bench.failure("request", ["method": "GET", "path": "/health", "as": "nobody"])?["reason"] == "unreachable")
    }
}
