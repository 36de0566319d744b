import GRDB
import LabCore
import Testing

@testable import Cloud

enum DeviceWorldCounting {
    static func count(_ table: String, in db: Database) throws -> Int { try Int.fetchOne(db, sql: "SELECT count(*) FROM \(table)") ?? 0 }
}

@Suite("Online and offline (badge-protocol.md, MQTT)")
struct PresenceTests {
    @Test("a device is online from its connection to its end, with one event for each")
    func connection() async throws {
        let world = try DeviceWorld()
        try await world.bringOnline()
        #expect(world.events("mqtt.accepted") == [["client": "luna_badge_0007", "registered": true, "device": "luna_badge_0007", "serial_no": "BDG-0007"]])
        #expect(world.events("mqtt.online") == [["device": "luna_badge_0007", "serial_no": "BDG-0007", "client": "luna_badge_0007"]])
        try world.service.clientDisconnected(clientID: "luna_badge_0007", reason: "disconnect")
        #expect(world.events("mqtt.offline") == [["device": "luna_badge_0007", "serial_no": "BDG-0007", "reason": "disconnect"]])
        try world.connect()
        #expect(world.events("mqtt.online").count == 2)
    }

    @Test("a client that is no device is accepted as unregistered and is not online")
    func unregistered() throws {
        let world = try DeviceWorld()
        try world.connect("stranger")
        #expect(world.events("mqtt.accepted") == [["client": "stranger", "registered": false]])
        #expect(world.events("mqtt.online").isEmpty)
    }

    @Test("a will ends the online time, and the broken connection behind it is no second end")
    func will() async throws {
        let world = try DeviceWorld()
        try await world.bringOnline()
        try world.send("status", #"{"status":"offline"}"#)
        try world.service.clientDisconnected(clientID: "luna_badge_0007", reason: "keep_alive")
        #expect(world.events("mqtt.offline").map { $0["reason"] } == ["will"])
    }

    @Test("a restart that the device announces is kept as its status until it is back")
    func restarting() async throws {
        let world = try DeviceWorld()
        try await world.bringOnline()
        try world.send("status", #"{"status":"restarting","firmware":"2.3.0"}"#)
        try world.service.clientDisconnected(clientID: "luna_badge_0007", reason: "disconnect")
        try world.service.settle()
        #expect(world.events("mqtt.offline").map { $0["reason"] } == ["restarting"])
        #expect(try world.storage.read { db in try DeviceStore.find("luna_badge_0007", in: db)?.presence } == .restarting)
    }

    @Test("a device that is silent for 90 s is offline, and not before; with the next heartbeat it is back")
    func silence() async throws {
        let world = try DeviceWorld()
        try await world.bringOnline()
        world.advance(.seconds(60))
        try world.heartbeat()
        world.advance(.milliseconds(89_999))
        #expect(world.events("mqtt.offline").isEmpty)
        world.advance(.milliseconds(1))
        #expect(world.events("mqtt.offline").map { $0["reason"] } == ["silent"])
        try world.heartbeat()
        #expect(world.events("mqtt.online").count == 2)
    }

    @Test("each device has its own time, with one sweep for all")
    func sweep() async throws {
        let world = try DeviceWorld { $0.allowsOpenRegistration = true }
        for number in 1...20 {
            var body = DeviceWorld.badge
            body["device_id"] = .text("d\(number)")
            body["serial_no"] = .text("s\(number)")
            _ = try await world.register(body, serial: "s\(number)")
            try world.connect("d\(number)")
            world.advance(.seconds(1))
        }
        try world.heartbeat("d1")
        // d2 connected at 1 s, d20 at 19 s; d1 was heard at 20 s.
        world.advance(.seconds(80))
        #expect(world.events("mqtt.offline").map { $0["device"] } == (2...11).map { .text("d\($0)") })
        world.advance(.seconds(8))
        #expect(world.events("mqtt.offline").count == 18)
        world.advance(.seconds(3))
        #expect(world.events("mqtt.offline").last?["device"] == "d1")
        #expect(try world.service.onlineDevices == 0)
    }

    @Test("after a restart of the cloud, devices that were online get the full time")
    func restart() async throws {
        let world = try DeviceWorld()
        try await world.bringOnline()
        world.advance(.seconds(80))
        try world.restart()
        world.forgetEvents()
        world.advance(.milliseconds(89_999))
        #expect(world.events("mqtt.offline").isEmpty)
        world.advance(.milliseconds(1))
        #expect(world.events("mqtt.offline").count == 1)
    }

    @Test("a takeover ends one online time and begins another")
    func takeover() async throws {
        let world = try DeviceWorld()
        try await world.bringOnline()
        try world.service.clientTakenOver(clientID: "luna_badge_0007")
        try world.connect()
        #expect(world.events("mqtt.offline").map { $0["reason"] } == ["taken_over"])
        #expect(world.events("mqtt.online").count == 2)
    }
}

@Suite("Clients of the broker (security.md §4.3)")
struct MQTTAccessTests {
    // Computed with Python's hmac over "mqtt-v1\nluna_badge_0007\n1767225600\nAAAAAAAAAAAAAAAA" with the secret of epoch 1.
    static let digest = "2acb977334dd4b143a98987b1866f8f5499c3c19a062a27d9b77521cc3e88f4a"
    static let password = "v1:1767225600:AAAAAAAAAAAAAAAA:\(digest)"

    private func authenticate(
        _ world: DeviceWorld, client: String = "luna_badge_0007", username: String? = "luna_badge_0007", password: String? = MQTTAccessTests.password
    ) throws -> MQTTDecision {
        try world.service.authenticateMQTT(clientID: client, username: username, password: password.map { Array($0.utf8) })
    }

    private func registered() async throws -> DeviceWorld {
        let world = try DeviceWorld()
        try await world.provision()
        _ = try await world.register()
        return world
    }

    @Test("the right password is accepted once")
    func accepted() async throws {
        let world = try await registered()
        #expect(try authenticate(world) == .accepted(deviceID: "luna_badge_0007"))
        #expect(try authenticate(world) == .refused(code: 5, reason: "replayed"))
        #expect(world.events("mqtt.refused") == [["client": "luna_badge_0007", "reason": "replayed", "code": 5]])
    }

    @Test("the time may be 300 s away, inclusive", arguments: [(300, true), (301, false)])
    func window(seconds: Int, isAccepted: Bool) async throws {
        let world = try await registered()
        world.advance(.seconds(seconds))
        #expect(try authenticate(world) == (isAccepted ? .accepted(deviceID: "luna_badge_0007") : .refused(code: 5, reason: "clock_skew")))
    }

    @Test(
        "a password of another form is refused",
        arguments: [
            nil, "", "v1", "v2:1767225600:AAAAAAAAAAAAAAAA:\(digest)", "v1:x:AAAAAAAAAAAAAAAA:\(digest)", "v1:1767225600:short:\(digest)",
            "v1:1767225600:AAAAAAAAAAAAAAAA:\(digest)00", "v1:1767225600:AAAAAAAAAAAAAAAA:zz\(digest.dropFirst(2))", "\(password):",
            "v1:1767225600:AAAAAAAAAAAAAAAA:0x\(digest.dropFirst(2))", "v1:99999999999999999999:AAAAAAAAAAAAAAAA:\(digest)",
        ])
    func malformed(password: String?) async throws {
        #expect(try authenticate(try await registered(), password: password) == .refused(code: 4, reason: "malformed"))
    }

    @Test("another nonce, time or digest is a wrong signature", arguments: [
        "v1:1767225601:AAAAAAAAAAAAAAAA:\(digest)", "v1:1767225600:AAAAAAAAAAAAAAAB:\(digest)", "v1:1767225600:AAAAAAAAAAAAAAAA:00\(digest.dropFirst(2))",
    ])
    func signature(password: String) async throws {
        let world = try await registered()
        #expect(try authenticate(world, password: password) == .refused(code: 4, reason: "bad_signature"))
        // A wrong signature uses no nonce up.
        #expect(try authenticate(world) == .accepted(deviceID: "luna_badge_0007"))
    }

    @Test("the user name must be the client id, and the client a device")
    func names() async throws {
        let world = try await registered()
        #expect(try authenticate(world, username: "luna_badge_0008") == .refused(code: 5, reason: "foreign_client"))
        #expect(try authenticate(world, username: nil) == .refused(code: 5, reason: "foreign_client"))
        #expect(try authenticate(world, client: "luna_badge_0008", username: "luna_badge_0008") == .refused(code: 4, reason: "unknown_device"))
        #expect(try authenticate(world, client: "a/b", username: "a/b") == .refused(code: 4, reason: "malformed"))
    }

    @Test("a secret of an earlier epoch is worthless")
    func epoch() async throws {
        let world = try await registered()
        _ = try await world.service.rotateKey("luna_badge_0007", tenant: "default")
        #expect(try authenticate(world) == .refused(code: 4, reason: "bad_signature"))
        try await world.service.delete("luna_badge_0007", tenant: "default")
        #expect(try authenticate(world) == .refused(code: 4, reason: "unknown_device"))
    }

    @Test("a device sends on its own upward topics and nowhere else")
    func publishing() async throws {
        let world = try await registered()
        let own = "luna/device/luna_badge_0007/"
        for topic in ["heartbeat", "logs", "status", "config/ack", "command/result"] {
            #expect(try world.service.mayPublish(deviceID: "luna_badge_0007", topic: own + topic))
        }
        for topic in [
            own + "command", own + "config/update", own + "heartbeat/x", own, "luna/device/luna_badge_0008/heartbeat", "$SYS/broker/load", "",
            "luna/device/luna_badge_00070/heartbeat", "luna/device/luna_badge_0007heartbeat",
        ] {
            #expect(try !world.service.mayPublish(deviceID: "luna_badge_0007", topic: topic), "\(topic)")
        }
        #expect(try !world.service.mayPublish(deviceID: "luna_badge_0008", topic: own + "heartbeat"))
    }

    @Test("a device subscribes below its own name, with wildcards only there")
    func subscribing() async throws {
        let world = try await registered()
        for filter in ["luna/device/luna_badge_0007/#", "luna/device/luna_badge_0007/+/update", "luna/device/luna_badge_0007/command"] {
            #expect(try world.service.maySubscribe(deviceID: "luna_badge_0007", filter: filter))
        }
        for filter in [
            "#", "+/#", "luna/#", "luna/device/#", "luna/device/+/command", "luna/device/luna_badge_0007", "luna/device/luna_badge_0008/command", "$SYS/#",
            "luna/device/luna_badge_0007+/command", "",
        ] {
            #expect(try !world.service.maySubscribe(deviceID: "luna_badge_0007", filter: filter), "\(filter)")
        }
    }
}

@Suite("Devices in memory")
struct DeviceDirectoryTests {
    @Test("who was silent for longest comes first, whatever the order of signs of life", arguments: 0..<10)
    func silence(seed: Int) {
        // Against a plain list that is sorted by time, on failure the argument names the seed.
        var chance = SeededGenerator(seed: UInt64(seed), purpose: "silence")
        var directory = DeviceDirectory()
        for number in 0..<20 { directory.add(DeviceEntry(row: Int64(number), id: "d\(number)", serial: "s\(number)", form: .luna)) }
        var expected: [(device: Int, at: RunInstant)] = []
        for second in 0..<300 {
            let (now, device) = (RunInstant(nanoseconds: Int64(second) * 1_000_000_000), Int(chance.integer(below: 20)))
            expected.removeAll { $0.device == device }
            if chance.chance(0.8) {
                directory.heard(device, at: now)
                expected.append((device, now))
            } else {
                directory.unwatch(device)
            }
            if second % 10 == 0 {
                let silent = expected.filter { $0.at.advanced(by: .seconds(15)) <= now }.map(\.device)
                expected.removeAll { silent.contains($0.device) }
                #expect(directory.takeSilent(at: now, limit: .seconds(15)) == silent)
            }
            #expect(directory.nextSilence(after: .seconds(15)) == expected.first?.at.advanced(by: .seconds(15)))
        }
    }
}
