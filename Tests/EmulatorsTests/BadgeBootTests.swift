import CloudClient
import LabCore
import Testing

@testable import Emulators

@Suite("Badge: first boot to online (issue point 6)")
struct BadgeFirstBootTests {
    @Test("a factory-new badge boots, registers, connects, subscribes and says that it is online, in this order")
    func order() {
        let bench = BadgeBench.online()
        let milestones = bench.notes.filter { Badge.kind.event($0.name)?.volume == .milestone }.map(\.name)
        #expect(milestones == ["boot.started", "boot.done", "registered", "online"])
        #expect(bench.notes[0].fields == ["firmware": "2.3.0", "reason": "power_on", "signature": "valid", "slot": "a", "attempts": 1, "revert": false, "boot_count": 1])
        #expect(bench.last("boot.done") == ["firmware": "2.3.0", "reason": "power_on", "signature": "valid", "slot": "a", "attempts": 1, "revert": false])
        #expect(bench.last("registered") == ["device": "luna_badge_0007", "key_epoch": 1, "again": false])
        #expect(bench.last("online") == ["device": "luna_badge_0007", "session_present": false])
        #expect(bench.state["power"] == "on")
        #expect(bench.state["registered"] == true)
        #expect(bench.state["online"] == true)
        #expect(bench.state["device"] == "luna_badge_0007")
        #expect(bench.state["firmware"] == "2.3.0")
        #expect(bench.state["boot_count"] == 1)
        #expect(bench.state["config_version"] == 0)
    }

    @Test("registers in the Luna form, signed with its serial number")
    func registration() throws {
        let call = try #require(BadgeBench.online().requests.first?.call)
        #expect(call.method == "POST")
        #expect(call.path == "/api/v1/devices/register")
        let identity = BadgeFactory(master: BadgeBench.master).identity(serial: "BDG-0007", seed: 1)
        let body = try #require(try JSONReader.read(call.body).record)
        #expect(body == [
            "device_id": "luna_badge_0007", "device_name": "Luna Badge 0007", "hardware_version": "v1.0",
            "mac_address": .text(identity.macAddress), "serial_no": "BDG-0007", "hardware_id": .text(identity.hardwareID),
            "device_type": "luna_badge", "software_version": "2.3.0",
        ])
        #expect(call.headers.map(\.name) == ["host", "content-type", "x-device-id", "x-timestamp", "x-nonce", "x-signature"])
        #expect(call.header("x-device-id") == "BDG-0007")
        #expect(call.header("x-timestamp") == "1767225600")
        #expect(call.header("x-nonce")?.utf8.count == 22)
        let signing = RequestSigning(
            signer: "BDG-0007", key: BadgeFactory.key(master: BadgeBench.master, serial: "BDG-0007"), host: "cloud.lab", tenant: "default")
        #expect(
            signing.call(
                "POST", call.path, body: call.body, timestamp: 1_767_225_600, nonce: call.header("x-nonce") ?? "") == call)
    }

    @Test("names a tenant that is not the default one")
    func tenant() {
        var bench = BadgeBench(tenant: "acme")
        bench.give(.poweredOn)
        bench.run(for: .seconds(1))
        #expect(bench.requests.first?.call.header("x-tenant") == "acme")
    }

    @Test("connects with a persistent session, keep-alive 60 s, a will on status and the HMAC password")
    func connection() throws {
        let connection = try #require(BadgeBench.online().connections.first?.connection)
        #expect(connection.clientID == "luna_badge_0007")
        #expect(connection.username == "luna_badge_0007")
        #expect(!connection.isClean)
        #expect(connection.keepAlive == 60)
        #expect(connection.will == .init(
            topic: "luna/device/luna_badge_0007/status", payload: Array(#"{"status":"offline"}"#.utf8), quality: 1, retain: false))
        let password = String(decoding: connection.password ?? [], as: UTF8.self)
        let parts = password.split(separator: ":").map(String.init)
        #expect(parts.count == 4)
        #expect(
            password == RequestSigning.password(
                clientID: "luna_badge_0007", secret: BadgeBench.secret, timestamp: Int64(parts[1]) ?? 0, nonce: parts[2]))
    }

    @Test("subscribes to its configuration, its commands and notices of updates with quality 1, and publishes its status")
    func subscriptions() throws {
        let bench = BadgeBench.online()
        #expect(bench.subscribed == ["config/update", "command", "update"].map { "luna/device/luna_badge_0007/" + $0 })
        let status = try #require(bench.messages("status").first)
        #expect(status.quality == 1)
        #expect(status.json == [
            "timestamp": "2026-01-01T00:00:00Z", "status": "online", "firmware": "2.3.0", "firmware_confirmed": true, "config_version": 0, "boot_count": 1,
            "modules": ["yolo": "running", "whisper": "running", "tts": "idle"], "performance": ["fps": 15.2, "latency": 120],
        ])
    }

    @Test("a second boot uses the credentials in flash and does not register again")
    func secondBoot() {
        var bench = BadgeBench.online()
        bench.give(.powerLost)
        #expect(bench.state["power"] == "off")
        #expect(bench.state["registered"] == true)
        bench.forget()
        bench.give(.poweredOn)
        bench.run(for: .seconds(1))
        #expect(bench.requests.isEmpty)
        #expect(bench.notes.filter { Badge.kind.event($0.name)?.volume == .milestone }.map(\.name) == [
            "power.restored", "boot.started", "boot.done", "online",
        ])
        #expect(bench.last("boot.started")?["boot_count"] == 2)
        #expect(bench.last("online")?["session_present"] == true)
    }

    @Test("a damaged factory sector stops the boot, and `boot` with new data mends it")
    func damagedFactoryData() {
        var bench = BadgeBench(badSectors: [0])
        bench.give(.poweredOn)
        bench.run(for: .seconds(60))
        #expect(bench.last("boot.failed") == ["reason": "factory_data_damaged"])
        #expect(bench.requests.isEmpty)
        let action = bench.act("boot", ["serial_no": "BDG-0009"])
        #expect(bench.failure(action) == "bad_argument")
    }

    @Test("works on a flash with a bad sector in its store", arguments: [1, 2, 3])
    func badSector(sector: Int) {
        var bench = BadgeBench(badSectors: [sector])
        bench.give(.poweredOn)
        bench.run(for: .seconds(1))
        #expect(bench.state["online"] == true)
    }
}

@Suite("Badge: power, reboot and watchdog (issue point 6)")
struct BadgePowerTests {
    @Test("`reboot` says restarting, closes the connection in order and comes back online")
    func reboot() {
        var bench = BadgeBench.online()
        bench.forget()
        let action = bench.act("reboot")
        bench.run(for: .seconds(2))
        #expect(bench.given(action) == [:])
        #expect(bench.messages("status").map { $0.json["status"] } == ["restarting", "online"])
        #expect(bench.last("offline") == ["reason": "reboot"])
        #expect(bench.last("boot.done")?["reason"] == "reboot")
        #expect(bench.count("power.lost") == 0)
        #expect(bench.state["online"] == true)
    }

    @Test("two reboots at once are one")
    func rebootTwice() {
        var bench = BadgeBench.online()
        bench.forget()
        let (first, second) = (bench.act("reboot"), bench.act("reboot"))
        bench.run(for: .seconds(2))
        #expect(bench.given(first) != nil && bench.given(second) != nil)
        #expect(bench.count("boot.started") == 1)
    }

    @Test("`power_off` stays off until `power_on`, whatever power comes from outside")
    func powerOff() {
        var bench = BadgeBench.online()
        bench.act("power_off")
        #expect(bench.last("power.lost") == ["reason": "switched_off"])
        bench.give(.poweredOn)
        bench.run(for: .seconds(60))
        #expect(bench.state["power"] == "off")
        #expect(bench.failureNow("heartbeat") == "powered_off")
        let action = bench.act("power_on")
        bench.run(for: .seconds(1))
        #expect(bench.given(action) == [:])
        #expect(bench.state["online"] == true)
        #expect(bench.count("power.restored") == 1)
        bench.forget()
        bench.act("power_on")
        bench.run(for: .seconds(1))
        #expect(bench.count("boot.started") == 0)
    }

    @Test("`boot` renews the badge as the factory does, with another serial number and hardware id where asked")
    func factoryNew() {
        var bench = BadgeBench.online()
        bench.forget()
        let action = bench.act("boot", ["factory_new": true, "serial_no": "BDG-0008", "hardware_id": "00112233445566778899aabb"])
        bench.run(for: .seconds(1))
        #expect(bench.given(action) == ["serial_no": "BDG-0008", "hardware_id": "00112233445566778899aabb", "device": "luna_badge_0008"])
        #expect(bench.last("boot.started")?["boot_count"] == 1)
        #expect(bench.last("registered")?["device"] == "luna_badge_0008")
        #expect(bench.requests.first?.call.header("x-device-id") == "BDG-0008")
    }

    @Test("`boot` refuses identities that no factory writes", arguments: [
        ["serial_no": "BDG 7"], ["serial_no": "BDG/7"], ["serial_no": "BDG-+"], ["serial_no": ""], ["hardware_id": "12"],
        ["hardware_id": "zz112233445566778899aabb"], ["factory_key": "0102"],
    ] as [Fields])
    func wrongIdentity(arguments: Fields) {
        var bench = BadgeBench()
        #expect(bench.failureNow("boot", arguments) == "bad_argument")
        bench.run(for: .seconds(1))
        #expect(bench.state["power"] == "off")
    }

    @Test("`factory_reset` erases credentials and configuration, keeps the serial number, and registers again")
    func factoryReset() {
        var bench = BadgeBench.online()
        bench.deliver("config/update", #"{"config_key":"volume","config_value":"10","config_type":"integer","config_version":3}"#)
        bench.forget()
        let action = bench.act("factory_reset")
        bench.run(for: .seconds(2))
        #expect(bench.given(action) == [:])
        #expect(bench.count("factory_reset") == 1)
        #expect(bench.last("boot.done")?["reason"] == "factory_reset")
        #expect(bench.last("registered") == ["device": "luna_badge_0007", "key_epoch": 1, "again": true])
        #expect(bench.state["config_version"] == 0)
        #expect(bench.setting("volume") == "60")
        #expect(bench.last("boot.started")?["boot_count"] == 2)
    }

    @Test("a hung application is reset by the watchdog after 8 s, and recovers when the fault is over")
    func watchdog() {
        var bench = BadgeBench.online()
        bench.forget()
        bench.fault("app.hang")
        #expect(bench.failureNow("heartbeat") == "not_responding")
        bench.run(for: .seconds(4))
        bench.fault("app.hang", isActive: false)
        bench.run(for: .milliseconds(3_999))
        #expect(bench.count("watchdog.reset") == 0)
        bench.run(for: .seconds(2))
        #expect(bench.count("watchdog.reset") == 1)
        #expect(bench.last("boot.done")?["reason"] == "watchdog")
        #expect(bench.state["online"] == true)
        #expect(bench.messages("logs").contains { $0.json["message"] == "Restarted by the watchdog" })
    }

    @Test("an application that hangs in every boot is reset again and again; the boots are counted as attempts")
    func hangsAtBoot() {
        var bench = BadgeBench()
        bench.fault("app.hang")
        bench.give(.poweredOn)
        bench.run(for: .seconds(20))
        #expect(bench.count("watchdog.reset") == 2)
        #expect(bench.count("boot.done") == 0)
        bench.fault("app.hang", isActive: false)
        bench.run(for: .seconds(10))
        #expect(bench.last("boot.done")?["attempts"] == 4)
        #expect(bench.state["online"] == true)
    }

    @Test("power that goes between a reset and its boot is noted, and the boot is an ordinary one")
    func powerLostInReset() {
        var bench = BadgeBench.online()
        bench.act("reboot")
        bench.run(for: .milliseconds(300))
        #expect(bench.state["power"] == "off")
        bench.give(.powerLost)
        #expect(bench.last("power.lost") == ["reason": "cut"])
        bench.give(.powerLost)
        #expect(bench.count("power.lost") == 1)
        bench.give(.poweredOn)
        bench.run(for: .seconds(1))
        #expect(bench.count("power.restored") == 1)
        #expect(bench.last("boot.done")?["reason"] == "power_on")
    }

    @Test("inputs that come without power, or before it, do nothing")
    func withoutPower() {
        var bench = BadgeBench()
        bench.keepsTranscript = true
        bench.give(.powerLost)
        bench.give(.timerFired(.heartbeat))
        bench.give(.timerFired(.selfTest))
        bench.give(.mqtt(.connected(sessionPresent: false)))
        bench.give(.answered(Token(rawValue: 1), .failure(.timedOut)))
        bench.give(.timerFired(TimerName(rawValue: 999)))
        bench.give(.link(LinkName(rawValue: 1), .opened))
        #expect(bench.transcript.isEmpty)
    }

    @Test("an answer to a request of an earlier life is not taken for a new one")
    func lateAnswer() {
        var bench = BadgeBench()
        bench.replies = [.silence, .silence]
        bench.give(.poweredOn)
        bench.run(for: .seconds(1))
        bench.give(.powerLost)
        bench.give(.poweredOn)
        bench.run(for: .seconds(1))
        bench.give(.answered(Token(rawValue: 1), .success(BadgeBench.answer(201, BadgeBench.grant("luna_badge_0007", expiry: .max)))))
        #expect(bench.count("registered") == 0)
        bench.give(.answered(Token(rawValue: 2), .success(BadgeBench.answer(201, BadgeBench.grant("luna_badge_0007", expiry: .max)))))
        #expect(bench.count("registered") == 1)
    }
}
