import LabCore
import Testing

@testable import Cloud

@Suite("Devices over REST (luna-badge-cloud.md, 设备管理接口)")
struct DeviceListTests {
    private func world(of count: Int) async throws -> DeviceWorld {
        let world = try DeviceWorld { $0.allowsOpenRegistration = true }
        for number in 1...count {
            var body = DeviceWorld.badge
            body["device_id"] = .text("luna_badge_\(number)")
            body["serial_no"] = .text("BDG-\(number)")
            _ = try await world.register(body, serial: "BDG-\(number)")
        }
        return world
    }

    private func list(_ world: DeviceWorld, _ query: Fields, tenant: String = "default") async throws -> (ids: [String], total: FieldValue?) {
        let data = try await world.call("GET", "/api/v1/devices", query: query, tenant: tenant).data.record
        return (data?["items"]?.list?.compactMap { $0.record?["device_id"]?.text } ?? [], data?["total"])
    }

    @Test("pages follow the order of registration")
    func pages() async throws {
        let world = try await world(of: 12)
        let first = try await list(world, [:])
        #expect(first.ids == (1...10).map { "luna_badge_\($0)" })
        #expect(first.total == 12)
        #expect(try await list(world, ["page": 2]).ids == ["luna_badge_11", "luna_badge_12"])
        #expect(try await list(world, ["page": 3, "limit": 5]).ids == ["luna_badge_11", "luna_badge_12"])
        #expect(try await list(world, ["page": 1_000_000]).ids.isEmpty)
        #expect(try await list(world, [:], tenant: "other").ids.isEmpty)
    }

    @Test("page and limit have bounds (OWASP API4)", arguments: [["limit": 0], ["limit": 101], ["limit": 1_000_000_000], ["page": 0], ["page": -1]] as [Fields])
    func bounds(query: Fields) async throws {
        let world = try await world(of: 1)
        #expect(try await list(world, ["limit": 100]).ids.count == 1)
        #expect(await failure { try await list(world, query) }?.code == .invalidField)
    }

    @Test("the status selects")
    func status() async throws {
        let world = try await world(of: 3)
        try world.connect("luna_badge_2")
        #expect(try await list(world, ["status": "online"]).ids == ["luna_badge_2"])
        #expect(try await list(world, ["status": "offline"]).ids == ["luna_badge_1", "luna_badge_3"])
    }

    @Test("a device is shown without its secret, its fingerprint and its hardware id (OWASP API3)")
    func detail() async throws {
        let world = try DeviceWorld()
        try await world.bringOnline()
        let data = try await world.call("GET", "/api/v1/devices/{device_id}", parameters: ["device_id": "luna_badge_0007"]).data.record
        #expect(
            data == [
                "device_id": "luna_badge_0007", "device_name": "Luna Badge 0007", "device_type": "luna_badge", "serial_no": "BDG-0007",
                "hardware_version": "v1.0", "software_version": "2.3.0", "mac_address": "00:11:22:33:44:55", "state": "active", "status": "online",
                "online": true, "last_seen": "2026-01-01T00:00:00Z", "created_at": "2026-01-01T00:00:00Z", "config_version": 0,
                "reported_config_version": 0, "key_epoch": 1,
            ])
    }

    @Test("the status tells what the device last said")
    func lastStatus() async throws {
        let world = try DeviceWorld()
        try await world.bringOnline()
        world.advance(.seconds(42))
        try world.send(
            "status", #"{"status":"online","firmware":"2.4.0","config_version":0,"boot_count":7,"modules":{"yolo":"running"},"performance":{"fps":15.2}}"#)
        let data = try await world.call("GET", "/api/v1/devices/{device_id}/status", parameters: ["device_id": "luna_badge_0007"]).data.record
        #expect(
            data == [
                "device_id": "luna_badge_0007", "online": true, "last_seen": "2026-01-01T00:00:42Z", "status": "online", "config_version": 0,
                "reported_config_version": 0, "firmware": "2.4.0", "heartbeats": 0, "boot_count": 7, "modules": ["yolo": "running"],
                "performance": ["fps": 15.2],
            ])
        // A will says that it is gone, and forgets nothing of this.
        try world.send("status", #"{"status":"offline"}"#)
        let after = try await world.call("GET", "/api/v1/devices/{device_id}/status", parameters: ["device_id": "luna_badge_0007"]).data.record
        #expect(after?["online"] == false && after?["boot_count"] == 7)
    }

    @Test("a serial number is provisioned once")
    func provisioning() async throws {
        let world = try DeviceWorld()
        let path = "/api/v1/factory/devices"
        #expect(try await world.call("POST", path, body: ["serial_no": "BDG-0007"]).status == 201)
        #expect(await failure { try await world.call("POST", path, body: ["serial_no": "BDG-0007"]) }?.code == .serialExists)
        #expect(await failure { try await world.call("POST", path, body: ["serial_no": "BDG/0007"]) }?.code == .invalidField)
    }

    @Test("a slow database makes a registration wait so much longer, and no more")
    func slow() async throws {
        let world = try DeviceWorld()
        try await world.provision()
        try world.storage.setSlowness(.milliseconds(250))
        _ = try await world.register()
        #expect(world.now == RunInstant(nanoseconds: 250_000_000))
    }

    @Test("a full database refuses, keeps what it has, and takes again when there is room")
    func full() async throws {
        let world = try DeviceWorld()
        try await world.provision()
        try world.storage.setFull(true)
        await #expect(throws: StorageError.full) { try await world.register() }
        #expect(world.events("device.registered").isEmpty)
        try world.storage.setFull(false)
        #expect(try await world.register().status == 201)
    }
}
