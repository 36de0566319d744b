import LabCore
import Testing

@testable import Cloud

@Suite("Configuration values (luna-badge-cloud.md, Config 配置表)")
struct ConfigurationValueTests {
    struct Case: Sendable, CustomTestStringConvertible {
        var type: ConfigurationType
        var given: FieldValue
        var stored: String?
        var testDescription: String { "\(type.rawValue) \(given) → \(stored ?? "refused")" }
        init(_ type: ConfigurationType, _ given: FieldValue, _ stored: String?) {
            self.type = type
            self.given = given
            self.stored = stored
        }
    }

    static let cases = [
        Case(.string, "internet", "internet"), Case(.string, "", ""), Case(.string, 5, nil), Case(.string, "a\0b", nil),
        Case(.integer, "5", "5"), Case(.integer, -7, "-7"), Case(.integer, "5.0", nil), Case(.integer, "05", nil), Case(.integer, "", nil),
        Case(.integer, true, nil), Case(.integer, .integer(1 << 53), "9007199254740992"), Case(.integer, .integer(1 << 53 + 1), nil),
        Case(.number, "0.5", "0.5"), Case(.number, 3, "3"), Case(.number, "1e400", nil), Case(.number, "abc", nil), Case(.number, .text("NaN"), nil),
        Case(.boolean, true, "true"), Case(.boolean, "false", "false"), Case(.boolean, "yes", nil), Case(.boolean, 1, nil),
        Case(.json, ["a": [1, 2]], #"{"a":[1,2]}"#), Case(.json, #"{ "a" : 1 }"#, #"{"a":1}"#), Case(.json, .null, "null"),
        Case(.string, .text(String(repeating: "x", count: 4_096)), String(repeating: "x", count: 4_096)),
        Case(.string, .text(String(repeating: "x", count: 4_097)), nil),
    ]

    @Test("a value is stored in one form if it fits its type, and refused if not", arguments: cases)
    func value(_ example: Case) {
        let value = try? ConfigurationRules.value(example.given, of: example.type, key: "key")
        #expect(value?.text == example.stored)
    }

    @Test("keys are names joined by dots", arguments: ["detection_interval", "cellular.apn", "a", "wifi.ssid-2", "a.b.c.d"])
    func key(_ key: String) { #expect(ConfigurationRules.isKey(key)) }

    @Test("other texts are no keys", arguments: ["", ".", "a.", ".a", "a..b", "1a", "a b", "a/b", "ключ", String(repeating: "a", count: 129)])
    func noKey(_ key: String) { #expect(!ConfigurationRules.isKey(key)) }

    @Test("a record of records becomes dotted keys, with the types of its values")
    func flatten() throws {
        let changes = try ConfigurationRules.changes(in: ["cellular": ["apn": "internet", "retries": 3], "wifi": ["enabled": true, "channels": [1, 6]]])
        #expect(changes.map(\.key) == ["cellular.apn", "cellular.retries", "wifi.enabled", "wifi.channels"])
        #expect(changes.map(\.value.type) == [.string, .integer, .boolean, .json])
        #expect(changes.map(\.value.text) == ["internet", "3", "true", "[1,6]"])
    }

    static let refused: [(Fields, ErrorCode)] = [
        ([:], .missingField), (["config_key": "a"], .missingField), (["config_value": 1], .invalidField),
        (["config_key": "a b", "config_value": 1], .invalidField), (["config_key": "a", "config_value": 1, "config_type": "float"], .invalidField),
        (["config_key": "a", "config_value": "x", "config_type": "integer"], .configurationInvalid),
        (["config_key": "a", "config_value": 1, "wifi": ["ssid": "x"]], .unknownField), (["wifi": ["s s": 1]], .invalidField),
        (.init(many: 65), .configurationInvalid),
    ]

    @Test("a body of another form is refused", arguments: refused)
    func body(_ body: Fields, _ code: ErrorCode) {
        #expect(throws: APIError.self) { try ConfigurationRules.changes(in: body) }
        do { _ = try ConfigurationRules.changes(in: body) } catch { #expect(error.code == code) }
    }
}

extension Fields {
    fileprivate init(many count: Int) {
        self.init()
        for index in 0..<count { self["key\(index)"] = 1 }
    }
}

@Suite("Configuration on its way (badge-protocol.md, MQTT)")
struct DeviceConfigurationTests {
    private func put(_ world: DeviceWorld, _ body: Fields, device: String = "luna_badge_0007") async throws -> Fields {
        let answer = try await world.call("PUT", "/api/v1/devices/{device_id}/config", body: body, parameters: ["device_id": .text(device)])
        return try #require(answer.data.record)
    }

    private func set(_ world: DeviceWorld, _ key: String, _ value: FieldValue) async throws -> Fields {
        try await put(world, ["config_key": .text(key), "config_value": value])
    }

    @Test("a change is sent at once to a device that is there, and is applied when it says so")
    func applied() async throws {
        let world = try DeviceWorld()
        try await world.bringOnline()
        let answer = try await put(world, ["config_key": "detection_interval", "config_value": "5", "config_type": "integer"])
        #expect(answer == ["config_version": 1, "state": "pending"])
        #expect(
            try world.takePublished("config/update") == [
                [
                    "config_key": "detection_interval", "config_value": "5", "config_type": "integer", "config_version": 1,
                    "timestamp": "2026-01-01T00:00:00Z",
                ]
            ])
        try world.acknowledge(version: 1)
        #expect(world.events("config.confirmed").map { $0["version"] } == [1])
        let read = try await world.call("GET", "/api/v1/devices/{device_id}/config", parameters: ["device_id": "luna_badge_0007"])
        #expect(read.data == ["config_version": 1, "values": ["detection_interval": ["value": 5, "type": "integer"]]])
        // The acknowledgement once more is no news.
        try world.acknowledge(version: 1)
        #expect(world.events("config.confirmed").count == 1)
    }

    @Test("what a device rejects is not sent again, with its reason kept")
    func rejected() async throws {
        let world = try DeviceWorld()
        try await world.bringOnline()
        _ = try await set(world, "volume", 11)
        try world.acknowledge(version: 1, status: "rejected")
        #expect(world.events("config.rejected").map { $0["reason"] } == ["because"])
        _ = try world.takePublished("config/update")
        try world.status(configVersion: 0)
        #expect(try world.takePublished("config/update").isEmpty)
        // A new value for the key is a new try, also the same one.
        #expect(try await set(world, "volume", 11)["config_version"] == 2)
        #expect(try world.takePublished("config/update").map { $0["config_version"] } == [2])
    }

    @Test("the same value again is no change")
    func unchanged() async throws {
        let world = try DeviceWorld()
        try await world.bringOnline()
        #expect(try await set(world, "volume", 5)["config_version"] == 1)
        #expect(try await set(world, "volume", 5)["config_version"] == 1)
        #expect(world.events("config.changed").count == 1)
    }

    @Test("a device that is away gets what it missed when its status names an older version, one at a time")
    func resend() async throws {
        let world = try DeviceWorld()
        try await world.bringOnline()
        try world.service.clientDisconnected(clientID: "luna_badge_0007", reason: "closed")
        for (key, value) in [("a", 1), ("b", 2), ("a", 3)] as [(String, Int64)] { _ = try await set(world, key, .integer(value)) }
        #expect(try world.takePublished("config/update").isEmpty)
        try world.connect()
        #expect(try world.takePublished("config/update").isEmpty)
        try world.status(configVersion: 0)
        // Version 1 of `a` is superseded by version 3; nothing newer goes out before version 2 is answered.
        #expect(try world.takePublished("config/update").map { $0["config_version"] } == [2])
        try world.acknowledge(version: 2)
        #expect(try world.takePublished("config/update").map { $0["config_version"] } == [3])
        try world.acknowledge(version: 3)
        #expect(try world.takePublished("config/update").isEmpty)
        #expect(world.events("config.confirmed").map { $0["version"] } == [2, 3])
    }

    @Test("a version is not sent while an older one is unanswered: the device would never take the older one")
    func inOrder() async throws {
        let world = try DeviceWorld()
        try await world.bringOnline()
        _ = try await set(world, "a", 1)
        _ = try await set(world, "b", 2)
        #expect(try world.takePublished("config/update").map { $0["config_version"] } == [1])
        try world.acknowledge(version: 1)
        #expect(try world.takePublished("config/update").map { $0["config_version"] } == [2])
    }

    @Test("after a factory reset everything is sent again")
    func factoryReset() async throws {
        let world = try DeviceWorld()
        try await world.bringOnline()
        _ = try await set(world, "a", 1)
        try world.acknowledge(version: 1)
        _ = try world.takePublished("config/update")
        try world.status(configVersion: 0)
        #expect(try world.takePublished("config/update").map { $0["config_version"] } == [1])
        try world.acknowledge(version: 1)
        #expect(world.events("config.confirmed").count == 2)
    }

    @Test("a status that names the version counts as its confirmation")
    func confirmedByStatus() async throws {
        let world = try DeviceWorld()
        try await world.bringOnline()
        _ = try await set(world, "a", 1)
        try world.status(configVersion: 1)
        #expect(world.events("config.confirmed").map { $0["version"] } == [1])
    }

    @Test("a cloud that was set up anew goes on above the version that the device names")
    func ahead() async throws {
        let world = try DeviceWorld()
        try await world.bringOnline(configVersion: 41)
        #expect(try await set(world, "a", 1)["config_version"] == 42)
    }

    @Test("modules get all changes at once, nested as they were set")
    func quectel() async throws {
        let world = try DeviceWorld()
        try await world.provision("QT_001")
        _ = try await world.register(DeviceRegistrationTests.module, serial: "QT_001")
        try world.connect("QT_001")
        try world.status(configVersion: 0, device: "QT_001")
        let body: Fields = ["cellular": ["apn": "internet", "username": "user"], "wifi": ["ssid": "Quectel_Office"]]
        #expect(try await put(world, body, device: "QT_001")["config_version"] == 3)
        let sent = try world.takePublished("config/update", device: "QT_001")
        #expect(sent.map { $0["config"] } == [.record(body)])
        #expect(sent.map { $0["config_version"] } == [3])
        try world.acknowledge(version: 3, device: "QT_001")
        #expect(world.events("config.confirmed").map { $0["key"] } == ["cellular.apn", "cellular.username", "wifi.ssid"])
    }

    @Test("a key cannot lie within another one, and a device has 256 at most")
    func bounds() async throws {
        let world = try DeviceWorld()
        try await world.bringOnline()
        _ = try await set(world, "wifi", "on")
        #expect(await failure { try await set(world, "wifi.ssid", "x") }?.code == .configurationInvalid)
        for batch in 0..<4 {
            var body = Fields()
            for index in 0..<64 where batch * 64 + index < 255 { body["key\(batch * 64 + index)"] = 1 }
            _ = try await put(world, body)
        }
        #expect(await failure { try await set(world, "one_more", 1) }?.code == .configurationInvalid)
        #expect(try await set(world, "key0", 2)["config_version"] == 257)
    }

    @Test("unknown devices and other tenants' are not told apart")
    func unknown() async throws {
        let world = try DeviceWorld()
        try await world.bringOnline()
        let body: Fields = ["config_key": "a", "config_value": 1]
        let foreign = await failure {
            try await world.call("PUT", "/api/v1/devices/{device_id}/config", body: body, parameters: ["device_id": "luna_badge_0007"], tenant: "other")
        }
        #expect(foreign?.code == .deviceNotFound)
        #expect(await failure { try await put(world, body, device: "nobody") } == foreign)
    }

    @Test("a device that has not said what it has since it connected is sent nothing, whatever else it says")
    func undescribed() async throws {
        let world = try DeviceWorld()
        try await world.bringOnline()
        try world.service.clientDisconnected(clientID: "luna_badge_0007", reason: "closed")
        _ = try await set(world, "a", 1)
        try world.connect()
        try world.heartbeat()
        #expect(try world.takePublished("config/update").isEmpty)
        try world.status(configVersion: 0)
        #expect(try world.takePublished("config/update").map { $0["config_version"] } == [1])
    }

    @Test("a device that registers again gets all its configuration under new versions")
    func renumbered() async throws {
        let world = try DeviceWorld()
        try await world.bringOnline()
        _ = try await put(world, ["a": 1, "b": 2])
        try world.acknowledge(version: 1)
        try world.acknowledge(version: 2)
        let answer = try await world.register()
        #expect(answer.data.record?["config_version"] == 4)
        // Once more it has reported nothing since: the answer is the same.
        #expect(try await world.register().data == answer.data)
        _ = try world.takePublished("config/update")
        try world.connect()
        // It took an old version, which the broker still held, before it said what it has.
        try world.status(configVersion: 2)
        #expect(try world.takePublished("config/update").map { $0["config_version"] } == [3])
    }

    @Test("whatever is lost, repeated or late, the device ends with the wanted values, and versions only grow", arguments: 0..<40)
    func converges(seed: Int) async throws {
        // On failure the argument names the seed.
        var chance = SeededGenerator(seed: UInt64(seed), purpose: "configuration")
        let world = try DeviceWorld()
        try await world.bringOnline()
        var device = SmallBadge()
        var isConnected = true
        func disconnect() throws {
            if isConnected { try world.service.clientDisconnected(clientID: "luna_badge_0007", reason: "closed") }
            isConnected = false
        }
        // The broker may hold messages over the end of a connection; they come before anything else.
        func connect(losing share: Double) throws {
            try world.connect()
            isConnected = true
            for update in try world.takePublished("config/update") where !chance.chance(share) {
                try world.acknowledge(version: try device.take(update))
            }
            try world.status(configVersion: device.version)
        }
        for _ in 0..<60 {
            switch chance.integer(below: 10) {
            case 0..<4: _ = try await set(world, "key\(chance.integer(below: 4))", .integer(Int64(chance.integer(below: 5))))
            case 4: try disconnect()
            case 5: try world.restart()
            case 6 where isConnected: try world.status(configVersion: device.version)
            case 7:
                // A factory reset goes with a reboot and a new registration.
                device = SmallBadge()
                try disconnect()
                _ = try await world.register()
            default: break
            }
            if !isConnected, chance.chance(0.5) { try connect(losing: 0.5) }
            guard isConnected else { continue }
            for update in try world.takePublished("config/update") where !chance.chance(0.2) {
                let version = try device.take(update)
                if chance.chance(0.8) { try world.acknowledge(version: version) }
            }
        }
        // Then the line is good, and the device connects once more.
        try disconnect()
        try connect(losing: 0)
        for _ in 0..<20 {
            for update in try world.takePublished("config/update") { try world.acknowledge(version: try device.take(update)) }
        }
        let wanted = try world.storage.read { db in try ConfigurationStore.values(of: "luna_badge_0007", in: db) }
        #expect(device.values.sorted { $0.key < $1.key }.map(\.key) == wanted.map(\.name))
        for (key, value) in device.values { #expect(wanted.value(at: "\(key).value")?.description == value) }
        let states = try world.storage.read { db in
            try wanted.map { try ConfigurationStore.entry($0.name, of: "luna_badge_0007", in: db)?["state"] }
        }
        #expect(states.allSatisfy { $0 == "applied" })
    }

    /// What the protocol asks of a badge: it takes newer versions only and answers every one.
    struct SmallBadge {
        var version: Int64 = 0
        var values: [String: String] = [:]

        mutating func take(_ update: Fields) throws -> Int64 {
            let offered = try #require(update["config_version"]?.integer)
            if offered > version {
                version = offered
                values[try #require(update["config_key"]?.text)] = try #require(update["config_value"]?.text)
            }
            return offered
        }
    }
}
