import LabCore
import Testing

@testable import Cloud

@Suite("Keys (badge-protocol.md, Identity and keys)")
struct DeviceKeyTests {
    // Expected values: HKDF of RFC 5869 and SHA-256 with Python's hmac and hashlib.
    let keyring = DeviceKeyring(
        DeviceSettings(factoryMasterKey: DeviceWorld.factoryMaster, deviceMasterKey: DeviceWorld.deviceMaster, tenantSalt: "salt"))

    @Test("the factory key follows from the serial number")
    func factoryKey() {
        #expect(Hexadecimal.text(keyring.factoryKey(serial: "BDG-0007")) == "bb612414fed13f7373521c053f9111079e649054f9a66170d98960a8d7c4d978")
    }

    @Test(
        "the device secret follows from device id and epoch",
        arguments: [
            (1, "79190f9f6ce4e7c11a6e751e9791ff37bb007adbbc400b8dc900eeda8dd8f92f"),
            (2, "ac51ee6dba8a282db3f0692971cf8e505cb07d4dc853b71e2f35dc3de3655af5"),
        ])
    func deviceSecret(epoch: Int, expected: String) {
        #expect(Hexadecimal.text(keyring.deviceSecret(id: "luna_badge_0007", epoch: epoch)) == expected)
    }

    @Test("the fingerprint is SHA-256 of tenant salt, hardware id, type and serial number")
    func fingerprint() {
        let text = keyring.fingerprint(hardwareID: "0123456789abcdef01234567", deviceType: "luna_badge", serial: "BDG-0007")
        #expect(text == "69b4e9c21bd79b1e633749bf5d1c4f102e547d273257b1088b7c50be3eed9356")
    }

    @Test("secrets are written in base64url without padding (RFC 4648 §10)", arguments: [("", ""), ("f", "Zg"), ("fo", "Zm8"), ("foo", "Zm9v"), ("foob", "Zm9vYg")])
    func base64URL(text: String, expected: String) {
        #expect(Base64URL.text(Array(text.utf8)) == expected)
        #expect(Base64URL.text([0xfb, 0xff]) == "-_8")
    }
}

@Suite("Registration (badge-protocol.md, REST)")
struct DeviceRegistrationTests {
    static let module: Fields = [
        "device_id": "QT_001", "device_type": "RG500Q", "firmware_version": "1.2.3", "capabilities": ["cellular", "wifi", "gps"],
        "hardware_id": "fedcba9876543210",
    ]

    @Test("a provisioned badge gets its credentials with 201")
    func luna() async throws {
        let world = try DeviceWorld()
        try await world.provision()
        let answer = try await world.register()
        #expect(answer.status == 201)
        #expect(
            answer.data == [
                "device_id": "luna_badge_0007", "device_secret": "eRkPn2zk58EabnUel5H_N7sAetu8QAuNyQDu2o3Y-S8", "key_epoch": 1,
                "token": "token of luna_badge_0007 in epoch 1", "token_expires_at": .integer(DeviceWorld.epoch + 900),
                "mqtt": ["host": "cloud.lab", "port": 1883, "client_id": "luna_badge_0007", "username": "luna_badge_0007"], "config_version": 0,
            ])
        let event = try #require(world.events("device.registered").first)
        #expect(event["device"] == "luna_badge_0007" && event["serial_no"] == "BDG-0007" && event["firmware"] == "2.3.0")
    }

    @Test("a module of the Quectel form registers under its device id as serial number")
    func quectel() async throws {
        let world = try DeviceWorld()
        try await world.provision("QT_001")
        let answer = try await world.register(Self.module, serial: "QT_001")
        #expect(answer.status == 201)
        #expect(world.events("device.registered").first?["firmware"] == "1.2.3")
        #expect(world.events("device.registered").first?["form"] == "quectel")
    }

    @Test("the same device again gets the same secret with 200, and is registered only once")
    func idempotent() async throws {
        let world = try DeviceWorld()
        try await world.provision()
        let (first, second) = (try await world.register(), try await world.register())
        #expect(second.status == 200)
        #expect(first.data == second.data)
        #expect(world.events("device.registered").count == 1)
        #expect(world.events("device.reregistered").map { $0["reason"] } == ["repeated"])
    }

    @Test("a serial number that no factory provisioned is refused, and let in where registration is open", arguments: [false, true])
    func provisioned(isOpen: Bool) async throws {
        let world = try DeviceWorld { $0.allowsOpenRegistration = isOpen }
        let error = await failure { try await world.register() }
        #expect(error?.code == (isOpen ? nil : .deviceNotProvisioned))
        #expect(world.events("device.registered").count == (isOpen ? 1 : 0))
        #expect((try world.service.factoryKey(serial: "BDG-0008") != nil) == isOpen)
    }

    @Test("open registration takes the seed's own form, unsigned")
    func seedForm() async throws {
        let world = try DeviceWorld { $0.allowsOpenRegistration = true }
        let body: Fields = [
            "device_id": "luna_badge_001", "device_name": "Luna Badge 001", "hardware_version": "v1.0", "mac_address": "00:11:22:33:44:55",
        ]
        #expect(try await world.register(body, serial: nil).status == 201)
        #expect(world.events("device.registered").first?["serial_no"] == "luna_badge_001")
    }

    @Test("a serial number that is provisioned for one tenant is unknown to another")
    func tenants() async throws {
        let world = try DeviceWorld()
        try await world.provision()
        #expect(await failure { try await world.register(tenant: "other") }?.code == .deviceNotProvisioned)
    }

    @Test("only the type that the factory named may register")
    func factoryType() async throws {
        let world = try DeviceWorld()
        try await world.provision("BDG-0007", type: "luna_badge")
        #expect(try await world.register().status == 201)
        try await world.provision("BDG-0008", type: "tracker")
        var body = DeviceWorld.badge
        body["serial_no"] = "BDG-0008"
        body["device_id"] = "luna_badge_0008"
        #expect(await failure { try await world.register(body, serial: "BDG-0008") }?.details["field"] == "device_type")
    }

    @Test("a device id belongs to one serial number, and the reverse")
    func taken() async throws {
        let world = try DeviceWorld()
        try await world.provision()
        _ = try await world.register()
        try await world.provision("BDG-0008")
        var body = DeviceWorld.badge
        body["serial_no"] = "BDG-0008"
        #expect(await failure { try await world.register(body, serial: "BDG-0008") }?.code == .deviceIDTaken)
        body = DeviceWorld.badge
        body["device_id"] = "luna_badge_9999"
        #expect(await failure { try await world.register(body) }?.code == .deviceIDTaken)
    }

    static let mistakes: [(field: String, value: FieldValue?)] = [
        ("device_id", nil), ("device_id", "luna/badge"), ("device_id", "luna+badge"), ("device_id", "#"), ("device_id", ""), ("device_id", 7),
        ("device_id", .text(String(repeating: "a", count: 65))), ("device_name", nil), ("device_name", "line\nfeed"), ("hardware_version", nil),
        ("hardware_version", "v 1"), ("mac_address", nil), ("mac_address", "00:11:22:33:44"), ("mac_address", "00:11:22:33:44:5g"),
        ("serial_no", "BDG-0008"), ("serial_no", "BDG 0007"), ("hardware_id", "a b"), ("software_version", .text(String(repeating: "1", count: 17))),
    ]

    @Test("a wrong field is refused by its name, and nothing is written", arguments: mistakes)
    func mistake(field: String, value: FieldValue?) async throws {
        let world = try DeviceWorld()
        try await world.provision()
        var body = DeviceWorld.badge
        body[field] = value
        let error = try #require(await failure { try await world.register(body) })
        #expect(error.details["field"] == .text(field))
        #expect(error.code.status == 400)
        #expect(world.events("device.registered").isEmpty)
    }

    @Test("the fields of the two forms do not mix")
    func mixed() async throws {
        let world = try DeviceWorld()
        try await world.provision("QT_001")
        #expect(await failure { try await world.register(Self.module.merging(["mac_address": "00:11:22:33:44:55"]), serial: "QT_001") }?.code == .unknownField)
        #expect(await failure { try await world.register(Self.module.merging(["capabilities": ["a b"]]), serial: "QT_001") }?.code == .invalidField)
        #expect(await failure { try await world.register(Self.module.merging(["capabilities": "wifi"]), serial: "QT_001") }?.code == .invalidField)
    }
}

@Suite("Clone alarm (luna-badge-cloud.md, 设备指纹; security.md §4.2)")
struct CloneAlarmTests {
    static let clone = DeviceWorld.badge.merging(["hardware_id": "ffffffffffffffffffffffff"])

    @Test("other hardware under the same serial number is refused with 409 and an alarm")
    func refused() async throws {
        let world = try DeviceWorld()
        try await world.provision()
        let first = try await world.register()
        let error = await failure { try await world.register(Self.clone) }
        #expect(error?.code == .deviceCloned)
        #expect(error?.code.status == 409)
        let alarm = try #require(world.events("device.clone_alarm").first)
        #expect(alarm["device"] == "luna_badge_0007" && alarm["reason"] == "other_hardware" && alarm["accepted"] == false)
        #expect(alarm["known_fingerprint"] == "69b4e9c21bd7")
        #expect(alarm["fingerprint"] != alarm["known_fingerprint"])
        // The genuine one is not locked out.
        #expect(try await world.register().data == first.data)
        #expect(world.events("device.clone_alarm").count == 1)
    }

    @Test("leaving the hardware id out does not pass as the same hardware")
    func omitted() async throws {
        let world = try DeviceWorld()
        try await world.provision()
        _ = try await world.register()
        var body = DeviceWorld.badge
        body["hardware_id"] = nil
        #expect(await failure { try await world.register(body) }?.code == .deviceCloned)
    }

    @Test("a module that had a hardware id needs it again")
    func omittedByModule() async throws {
        let world = try DeviceWorld()
        try await world.provision("QT_001")
        _ = try await world.register(DeviceRegistrationTests.module, serial: "QT_001")
        var body = DeviceRegistrationTests.module
        body["hardware_id"] = nil
        #expect(await failure { try await world.register(body, serial: "QT_001") }?.code == .deviceCloned)
    }

    @Test("where the policy is to alarm, it is let in with the same credentials, and the alarm is given")
    func accepted() async throws {
        let world = try DeviceWorld { $0.clonePolicy = .alarm }
        try await world.provision()
        let first = try await world.register()
        let second = try await world.register(Self.clone)
        #expect(second.status == 200)
        #expect(second.data == first.data)
        #expect(world.events("device.clone_alarm").map { $0["accepted"] } == [true])
        #expect(world.events("device.reregistered").map { $0["reason"] } == ["other_hardware"])
        // The fingerprint of the first one stays: it is not an alarm when that one comes back.
        _ = try await world.register()
        #expect(world.events("device.clone_alarm").count == 1)
    }

    @Test("three takeovers within 60 s are an alarm; two, or three in more time, are not")
    func takeovers() async throws {
        let world = try DeviceWorld()
        try await world.bringOnline()
        func takeOver() throws {
            try world.service.clientTakenOver(clientID: "luna_badge_0007")
            try world.connect()
        }
        try takeOver()
        world.advance(.seconds(30))
        try takeOver()
        world.advance(.seconds(30))
        // 60 s after the first one: only two lie within the window.
        try takeOver()
        #expect(world.events("device.clone_alarm").isEmpty)
        world.advance(.seconds(1))
        try takeOver()
        let alarm = try #require(world.events("device.clone_alarm").first)
        #expect(alarm["reason"] == "takeovers" && alarm["count"] == 3 && alarm["serial_no"] == "BDG-0007")
        // The alarm is not repeated with each further takeover.
        try takeOver()
        #expect(world.events("device.clone_alarm").count == 1)
    }
}

@Suite("Crash during registration (architecture.md §6)")
struct RegistrationCrashTests {
    @Test("a crash before the commit leaves nothing; the next try registers")
    func before() async throws {
        let world = try DeviceWorld()
        try await world.provision()
        world.crash(at: "commit.before", of: "device.register")
        await #expect(throws: CloudCrashed()) { try await world.register() }
        #expect(world.events("device.registered").isEmpty)
        try world.start()
        #expect(try await world.register().status == 201)
        #expect(world.events("device.registered").count == 1)
    }

    @Test("a crash after the commit gives no answer; the next try gets the same credentials and no second registration")
    func after() async throws {
        let world = try DeviceWorld()
        try await world.provision()
        world.crash(at: "commit.after", of: "device.register")
        await #expect(throws: CloudCrashed()) { try await world.register() }
        // The commit made it true, whether or not anybody was told.
        #expect(world.events("device.registered").count == 1)
        try world.start()
        #expect(try await world.register().status == 200)
        #expect(world.events("device.registered").count == 1)
        #expect(world.events("device.reregistered").count == 1)
    }

    @Test("nothing works on after the crash")
    func dead() async throws {
        let world = try DeviceWorld()
        try await world.bringOnline()
        let old = try world.service
        world.crash()
        world.forgetEvents()
        #expect(throws: CloudCrashed()) { try old.deviceKey(id: "luna_badge_0007") }
        #expect(old.authenticateMQTT(clientID: "luna_badge_0007", username: "luna_badge_0007", password: nil) == .refused(code: 4, reason: "malformed"))
        try world.send("logs", #"{"level":"info","message":"lost"}"#, delivery: 1)
        world.advance(.seconds(600))
        #expect(world.acknowledged.isEmpty)
        #expect(world.events("mqtt.offline").isEmpty)
    }
}

@Suite("Deletion and new keys")
struct DeviceRevocationTests {
    @Test("a deleted device has no key; when it registers again it is new and has another secret")
    func deletion() async throws {
        let world = try DeviceWorld()
        try await world.bringOnline()
        _ = try await world.call("DELETE", "/api/v1/devices/{device_id}", parameters: ["device_id": "luna_badge_0007"])
        #expect(try world.service.deviceKey(id: "luna_badge_0007") == nil)
        #expect(world.disconnected == ["luna_badge_0007 deleted"])
        #expect(try !world.service.mayPublish(deviceID: "luna_badge_0007", topic: "luna/device/luna_badge_0007/heartbeat"))
        #expect(await failure { try await world.call("GET", "/api/v1/devices/{device_id}", parameters: ["device_id": "luna_badge_0007"]) }?.code == .deviceNotFound)
        let answer = try await world.register()
        #expect(answer.status == 201)
        #expect(answer.data.record?["key_epoch"] == 2)
        #expect(try world.service.deviceKey(id: "luna_badge_0007")?.epoch == 2)
        try world.connect()
        try world.heartbeat()
        #expect(world.events("heartbeat.received").count == 1)
    }

    @Test("a new key ends the connection and comes with the next registration")
    func rotation() async throws {
        let world = try DeviceWorld()
        try await world.bringOnline()
        #expect(try await world.service.rotateKey("luna_badge_0007", tenant: "default") == 2)
        #expect(world.disconnected == ["luna_badge_0007 key_rotated"])
        let answer = try await world.register()
        #expect(answer.status == 200)
        #expect(answer.data.record?["key_epoch"] == 2)
    }

    @Test("what is not there cannot be deleted")
    func unknown() async throws {
        let world = try DeviceWorld()
        #expect(await failure { try await world.service.delete("nobody", tenant: "default") }?.code == .deviceNotFound)
    }
}
