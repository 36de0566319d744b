import Crypto
import LabCore
import Testing

@testable import Cloud

/// A cloud with the agent of one module, which signs and sends as the protocol says.
private struct ModuleBench {
    static let device = "QT_001"
    static let firmware = "RG500QEAAAR11A06M4G_01.001.01.001"
    /// The body of the protocol's example.
    static let registration =
        #"{"device_id":"QT_001","device_type":"RG500Q","firmware_version":"RG500QEAAAR11A06M4G_01.001.01.001","capabilities":["cellular","gps","sms"],"hardware_id":"860000000000011"}"#
    /// The status of the protocol's example.
    static let status =
        #"{"timestamp":"2026-01-01T00:00:10Z","status":"online","firmware":"RG500QEAAAR11A06M4G_01.001.01.001","config_version":0,"boot_count":1,"modules":{"sim":"ready","network":"home","gps":"off"},"cellular_signal":-73,"rsrp":-107,"rsrq":-13,"sinr":2,"rat":"NR5G-SA","operator":"46001","band":"NR5G BAND 78","temperature":38}"#
    /// The heartbeat of the protocol's example.
    static let heartbeat =
        #"{"timestamp":"2026-01-01T00:00:40Z","status":"online","cellular_signal":-85,"rsrp":-100,"rsrq":-12,"sinr":11,"rat":"LTE","operator":"46001","band":"LTE BAND 3","temperature":38.5}"#

    let bench: ScenarioCloud

    init(provision: Fields = ["serial_no": "QT_001", "device_type": "RG500Q"]) async throws {
        bench = try ScenarioCloud()
        #expect(try await bench.perform("factory.provision", provision) == ["count": 1])
    }

    /// Sends a registration that is signed with the factory key of the serial number.
    func register(_ body: String = registration, serial: String = device, nonce: String = "0123456789abcdef") async throws -> (
        status: Int, data: Fields
    ) {
        let path = "/api/v1/devices/register"
        let timestamp = String(DeviceWorld.epoch)
        let hash = Hexadecimal.text(SHA256.hash(data: Array(body.utf8)))
        let lines = ["v1", "POST", path, "", "cloud.lab", timestamp, nonce, serial, "default", hash].joined(separator: "\n")
        let key = DeviceKeyring(bench.world.settings).factoryKey(serial: serial)
        let signature = Hexadecimal.text(HMAC<SHA256>.authenticationCode(for: Array(lines.utf8), using: SymmetricKey(data: key)))
        let headers = [
            ("host", "cloud.lab"), ("content-type", "application/json"), ("x-device-id", serial), ("x-timestamp", timestamp),
            ("x-nonce", nonce),
            ("x-signature", "v1:sha256:" + signature),
        ]
        let call = HTTPCall("POST", path, headers: headers.map { HTTPCall.Header($0.0, $0.1) }, body: Array(body.utf8))
        let answer = try await bench.cloud.respond(to: call).get()
        return (answer.status, try #require(try JSONReader.read(answer.body).record?["data"]?.record))
    }

    func bringOnline() async throws {
        #expect(try await register().status == 201)
        bench.cloud.clientConnected(clientID: Self.device)
        send("status", Self.status)
        bench.cloud.devices.settle()
    }

    func send(_ topic: String, _ payload: String) { bench.send(topic, payload, device: Self.device) }

    /// The answer to `GET /devices/QT_001/status`.
    func status() async throws -> Fields {
        let answer = try await bench.perform("request", ["method": "GET", "path": "/api/v1/devices/QT_001/status", "as": "user"])
        return try #require(answer["data"]?.record)
    }

    func pushed() throws -> [Fields] { try bench.world.takePublished("config/update", device: Self.device) }
}

@Suite("Modules (badge-protocol.md, Modules)")
struct ModuleTests {
    static let cell: Fields = [
        "cellular_signal": -73, "rsrp": -107, "rsrq": -13, "sinr": 2, "rat": "NR5G-SA", "operator": "46001", "band": "NR5G BAND 78",
    ]

    @Test("a module that the factory knows registers under its serial number, with a firmware version of 33 characters")
    func registration() async throws {
        let module = try await ModuleBench()
        let (status, data) = try await module.register()
        #expect(status == 201)
        #expect(data["device_id"] == "QT_001")
        #expect(data.value(at: "mqtt.client_id") == "QT_001" && data.value(at: "mqtt.username") == "QT_001")
        let event = try #require(module.bench.world.events("device.registered").first)
        #expect(event["form"] == "quectel" && event["device_type"] == "RG500Q" && event["firmware"] == .text(ModuleBench.firmware))
        let shown = try await module.bench.answer("device", ["serial_no": "QT_001"])
        #expect(shown["firmware"] == .text(ModuleBench.firmware) && shown["capabilities"] == ["cellular", "gps", "sms"])
        #expect(shown["cellular_signal"] == nil && shown["signal_at"] == nil)
    }

    @Test("64 bytes of firmware version are taken, 65 are not; a badge keeps the 16 of its table")
    func versions() async throws {
        func body(_ version: String) -> String { ModuleBench.registration.replacing(ModuleBench.firmware, with: version) }
        #expect(try await ModuleBench().register(body(String(repeating: "1", count: 64))).status == 201)
        let refused = try await ModuleBench().register(body(String(repeating: "1", count: 65)))
        #expect(refused.status == 400 && refused.data["error"] == "INVALID_FIELD" && refused.data["field"] == "firmware_version")
        let world = try DeviceWorld()
        try await world.provision()
        let badge = DeviceWorld.badge.merging(["software_version": "12345678901234567"])
        #expect(await failure { try await world.register(badge) }?.code == .invalidField)
    }

    @Test("a serial number that the factory gave another type, or nobody, is refused")
    func factory() async throws {
        let badge = try await ModuleBench(provision: ["serial_no": "QT_001", "device_type": "luna_badge"])
        #expect(try await badge.register().data["field"] == "device_type")
        let module = try await ModuleBench()
        let other = ModuleBench.registration.replacing("QT_001", with: "QT_002")
        // Nobody has a factory key for it, so nothing can be signed with one.
        #expect(try await module.register(other, serial: "QT_002").status == 401)
        #expect(try await module.register(other).data["field"] == "device_id")
    }

    @Test("a module that was updated registers again; another IMEI is a clone")
    func again() async throws {
        let module = try await ModuleBench()
        _ = try await module.register()
        let updated = ModuleBench.registration.replacing("_01.001.01.001", with: "_01.200.01.200").replacing(#","sms""#, with: "")
        #expect(try await module.register(updated, nonce: "0123456789abcdeg").status == 200)
        let shown = try await module.status()
        #expect(shown["firmware"] == "RG500QEAAAR11A06M4G_01.200.01.200" && shown["capabilities"] == ["cellular", "gps"])
        let clone = try await module.register(updated.replacing("860000000000011", with: "860000000000029"), nonce: "0123456789abcdeh")
        #expect(clone.status == 409 && clone.data["error"] == "DEVICE_CLONED")
        #expect(module.bench.world.events("device.clone_alarm").count == 1)
    }

    @Test("the status shows what the module last measured, beside its capabilities and modules")
    func status() async throws {
        let module = try await ModuleBench()
        try await module.bringOnline()
        let first = try await module.status()
        #expect(first["online"] == true && first["firmware"] == .text(ModuleBench.firmware) && first["boot_count"] == 1)
        #expect(first["modules"] == ["sim": "ready", "network": "home", "gps": "off"])
        #expect(first["capabilities"] == ["cellular", "gps", "sms"])
        for entry in Self.cell { #expect(first[entry.name] == entry.value, "\(entry.name)") }
        #expect(first["temperature"]?.asNumber == 38 && first["signal_at"] == "2026-01-01T00:00:00Z")

        module.bench.world.advance(.seconds(30))
        module.send("heartbeat", ModuleBench.heartbeat)
        let second = try await module.status()
        #expect(second["cellular_signal"] == -85 && second["rat"] == "LTE" && second["band"] == "LTE BAND 3" && second["sinr"] == 11)
        #expect(second["temperature"] == 38.5 && second["signal_at"] == "2026-01-01T00:00:30Z" && second["heartbeats"] == 1)
        #expect(try await module.bench.answer("device", ["device": "QT_001"])["cellular_signal"] == -85)
        let event = try #require(module.bench.world.events("heartbeat.received").first)
        #expect(event["rsrp"] == -100 && event["operator"] == "46001" && event["temperature"] == 38.5)
    }

    @Test("a measurement that is not told leaves the newest; a status without network ends it")
    func noNetwork() async throws {
        let module = try await ModuleBench()
        try await module.bringOnline()
        module.send("heartbeat", #"{"status":"online","temperature":60}"#)
        let warm = try await module.status()
        #expect(warm["cellular_signal"] == -73 && warm["temperature"]?.asNumber == 60)
        for network in ["searching", "denied", "off", "unknown"] {
            module.send("status", ModuleBench.status)
            #expect(try await module.status()["cellular_signal"] == -73)
            module.send("status", #"{"status":"online","modules":{"sim":"ready","network":"\#(network)"},"temperature":41}"#)
            let lost = try await module.status()
            for kind in ["signal_at"] + Self.cell.map(\.name) { #expect(lost[kind] == nil, "\(network) \(kind)") }
            #expect(lost["temperature"]?.asNumber == 41 && lost["online"] == true)
        }
        module.send("status", #"{"status":"online","modules":{"network":"roaming"},"cellular_signal":-95}"#)
        #expect(try await module.status()["cellular_signal"] == -95)
        #expect(try await module.status()["rsrp"] == nil)
    }

    @Test("the weakest and the strongest signal of all measurements can be asked for")
    func signals() async throws {
        let module = try await ModuleBench()
        _ = try await module.register()
        #expect(try await module.bench.answer("signals", ["device": "QT_001"]) == ["count": 0])
        for signal in ["-85", "-112.5", "-51", "null"] {
            module.send("heartbeat", #"{"status":"online","cellular_signal":\#(signal)}"#)
        }
        let fields = try await module.bench.answer("signals", ["device": "QT_001"])
        #expect(fields["count"] == 3 && fields["weakest"] == -112.5 && fields["strongest"]?.asNumber == -51)
        guard case .failure(let failure) = await module.bench.cloud.answer("signals", ["device": "QT_002"]) else {
            Issue.record("a device that does not exist has no signals")
            return
        }
        #expect(failure.reason == "unknown_device")
    }

    @Test(
        "a measurement outside of its range or of another type has the message refused",
        arguments: [
            (#""cellular_signal":1"#, "cellular_signal"), (#""cellular_signal":-151"#, "cellular_signal"),
            (#""cellular_signal":"-85""#, "cellular_signal"),
            (#""rsrp":-181"#, "rsrp"), (#""rsrp":0.1"#, "rsrp"), (#""rsrq":31"#, "rsrq"), (#""sinr":-61"#, "sinr"), (#""rat":"6G""#, "rat"),
            (#""rat":5"#, "rat"), (#""operator":46001"#, "operator"), (#""band":"""#, "band"), (#""temperature":301"#, "temperature"),
            (#""band":"12345678901234567890123456789012345678901234567890123456789012345""#, "band"),
        ])
    func refused(field: String, name: String) async throws {
        let module = try await ModuleBench()
        try await module.bringOnline()
        for topic in ["heartbeat", "status"] {
            module.bench.world.forgetEvents()
            module.send(topic, #"{"status":"online",\#(field)}"#)
            let event = try #require(module.bench.world.events("telemetry.refused").first)
            #expect(event["reason"] == "invalid_field" && event["field"] == .text(name))
        }
        #expect(try await module.status()["cellular_signal"] == -73)
    }

    @Test("a badge's heartbeat is read as before: fields of modules mean nothing in it")
    func badge() async throws {
        let bench = try ScenarioCloud()
        try await bench.bringOnline()
        bench.send("heartbeat", #"{"status":"online","band":5,"cellular_signal":-85,"temperature":42.5}"#)
        let shown = try await bench.answer("device", ["device": "luna_badge_0007"])
        #expect(shown["heartbeats"] == 1 && shown["cellular_signal"] == nil && shown["temperature"] == nil && shown["capabilities"] == nil)
    }

    @Test("a record of configuration goes out as one update and is applied with one answer")
    func configuration() async throws {
        let module = try await ModuleBench()
        try await module.bringOnline()
        let body: FieldValue = ["cellular": ["apn": "internet", "username": "user", "password": "pass"]]
        let answer = try await module.bench.perform(
            "request", ["method": "PUT", "path": "/api/v1/devices/QT_001/config", "as": "user", "body": body])
        #expect(answer["status"] == 200)
        #expect(answer["data"] == ["config_version": 3, "state": "pending"])
        #expect(try module.pushed() == [["config": body, "config_version": 3, "timestamp": "2026-01-01T00:00:00Z"]])
        #expect(try await module.bench.answer("config", ["device": "QT_001", "key": "cellular.apn"])["state"] == "pending")
        module.send("config/ack", #"{"config_version":3,"status":"applied","timestamp":"2026-01-01T00:00:02Z"}"#)
        for key in ["cellular.apn", "cellular.username", "cellular.password"] {
            #expect(try await module.bench.answer("config", ["device": "QT_001", "key": .text(key)])["state"] == "applied", "\(key)")
        }
        // One key alone, as scenarios set it, goes out alone.
        _ = try await module.bench.perform("device.configure", ["device": "QT_001", "key": "cellular.apn", "value": "iot"])
        #expect(
            try module.pushed() == [["config": ["cellular": ["apn": "iot"]], "config_version": 4, "timestamp": "2026-01-01T00:00:00Z"]])
        module.send("config/ack", #"{"config_version":4,"status":"rejected","reason":"module_error"}"#)
        let refused = try await module.bench.answer("config", ["device": "QT_001", "key": "cellular.apn"])
        #expect(refused["state"] == "rejected" && refused["reason"] == "module_error")
    }

    @Test("a module that was away gets all that it missed at once, after its status")
    func missed() async throws {
        let module = try await ModuleBench()
        _ = try await module.register()
        for (key, value) in [("cellular.apn", "internet"), ("cellular.username", "user")] {
            _ = try await module.bench.perform("device.configure", ["device": "QT_001", "key": .text(key), "value": .text(value)])
        }
        #expect(try module.pushed() == [])
        module.bench.cloud.clientConnected(clientID: "QT_001")
        module.send("status", ModuleBench.status)
        module.bench.cloud.devices.settle()
        let pushed = try module.pushed()
        #expect(pushed.map { $0["config"] } == [["cellular": ["apn": "internet", "username": "user"]]])
        #expect(pushed.first?["config_version"] == 2)
    }

    @Test("what a module measured survives a restart of the cloud")
    func restart() async throws {
        let module = try await ModuleBench()
        try await module.bringOnline()
        let bench = module.bench
        let next = try Cloud(configuration: bench.cloud.configuration, environment: bench.world.environment, storage: bench.world.disk)
        guard case .success(let shown) = await next.answer("device", ["device": "QT_001"]) else {
            Issue.record("the module is gone after a restart")
            return
        }
        #expect(shown["cellular_signal"] == -73 && shown["capabilities"] == ["cellular", "gps", "sms"])
    }
}
