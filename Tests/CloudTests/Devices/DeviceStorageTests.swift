import Foundation
import GRDB
import LabCore
import Testing

@testable import Cloud

@Suite("Storage (architecture.md §5)")
struct DeviceStorageTests {
    /// A folder of its own, removed at the end.
    private func withFolder(_ body: (String) async throws -> Void) async throws {
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent(UUID().uuidString)
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        try await body(folder.path)
    }

    @Test("a file keeps what was committed, over the end of the process")
    func file() async throws {
        try await withFolder { folder in
            let path = folder + "/cloud.db"
            let first = try await { () async throws -> FieldValue in
                let world = try DeviceWorld(path: path)
                try await world.provision()
                return try await world.register().data
            }()
            let world = try DeviceWorld(path: path)
            let answer = try await world.register()
            #expect(answer.status == 200)
            #expect(answer.data == first)
            let mode = try world.storage.read { db in try String.fetchOne(db, sql: "PRAGMA journal_mode") }
            #expect(mode == "wal")
        }
    }

    @Test("what is acknowledged is synced; heartbeats, for which nobody waits, are not")
    func durability() async throws {
        try await withFolder { folder in
            let storage = try Storage(path: folder + "/cloud.db")
            try storage.write { db in try db.execute(sql: "CREATE TABLE t (a)") }
            #expect(storage.commits == Storage.Commits(all: 1, flushed: 1))
            try storage.write(.buffered) { db in try db.execute(sql: "INSERT INTO t VALUES (1)") }
            #expect(storage.commits == Storage.Commits(all: 2, flushed: 1))
            try storage.write { db in try db.execute(sql: "INSERT INTO t VALUES (2)") }
            #expect(storage.commits == Storage.Commits(all: 3, flushed: 2))
        }
    }

    @Test("a path that cannot be opened is told with SQLite's reason")
    func unopenable() {
        #expect(throws: StorageError.self) { try Storage(path: "/nowhere/at/all/cloud.db") }
    }

    @Test("a transaction that throws leaves nothing")
    func rollback() throws {
        let storage = try Storage(path: nil)
        try storage.write { db in try db.execute(sql: "CREATE TABLE t (a)") }
        #expect(throws: APIError.self) {
            try storage.write { db in
                try db.execute(sql: "INSERT INTO t VALUES (1)")
                throw APIError(.deviceNotFound)
            }
        }
        #expect(try storage.read { db in try DeviceWorldCounting.count("t", in: db) } == 0)
    }

    @Test("each migration is applied once, whoever starts")
    func migrations() throws {
        let storage = try Storage(path: nil)
        let steps = [Storage.Migration("1") { db in try db.execute(sql: "CREATE TABLE t (a)") }]
        try storage.migrate(service: "test", steps)
        try storage.migrate(service: "test", steps + [Storage.Migration("2") { db in try db.execute(sql: "ALTER TABLE t ADD COLUMN b") }])
        #expect(try storage.read { db in try db.columns(in: "t").map(\.name) } == ["a", "b"])
    }

    @Test("a session that crashed neither reads nor writes; another one over the same database does")
    func sessions() throws {
        let world = try DeviceWorld()
        let session = world.disk.session(world.environment)
        session.crash()
        #expect(throws: CloudCrashed()) { try session.read { _ in } }
        #expect(throws: CloudCrashed()) { try session.write { _ in } }
        #expect(try world.disk.session(world.environment).read { db in try DeviceWorldCounting.count("devices", in: db) } == 0)
    }

    @Test("the seed's tables are there with their columns")
    func schema() throws {
        let world = try DeviceWorld()
        let expected = [
            "devices": [
                "id", "device_id", "device_name", "device_type", "hardware_version", "software_version", "mac_address", "ip_address", "status",
                "last_heartbeat", "created_at", "updated_at", "user_id", "config_version", "location_info", "device_info",
            ],
            "configs": [
                "id", "device_id", "module_name", "config_key", "config_value", "config_type", "is_encrypted", "created_at", "updated_at", "version",
            ],
            "error_logs": [
                "id", "device_id", "error_code", "error_level", "error_message", "error_details", "module_name", "stack_trace", "occurred_at",
                "resolved_at", "resolution",
            ],
        ]
        for (table, columns) in expected.sorted(by: { $0.key < $1.key }) {
            let found = try world.storage.read { db in try db.columns(in: table).map(\.name) }
            #expect(Array(found.prefix(columns.count)) == columns)
        }
    }
}

@Suite("The same inputs give the same events and the same database")
struct DeviceDeterminismTests {
    private func run(seed: UInt64) async throws -> (events: [String], database: String) {
        var chance = SeededGenerator(seed: seed, purpose: "devices")
        let world = try DeviceWorld()
        _ = try await world.service.provision((1...30).map { "BDG-\($0)" }, type: nil, hardwareVersion: nil, tenant: "default")
        for _ in 0..<400 {
            let number = chance.integer(below: 30) + 1
            let device = "luna_badge_\(number)"
            switch chance.integer(below: 9) {
            case 0, 1:
                var body = DeviceWorld.badge
                body["device_id"] = .text(device)
                body["serial_no"] = .text("BDG-\(number)")
                body["hardware_id"] = .text("hw\(number + chance.integer(below: 10) / 9)")
                _ = try? await world.register(body, serial: "BDG-\(number)")
            case 2: try world.connect(device)
            case 3: try world.service.clientDisconnected(clientID: device, reason: "closed")
            case 4: try world.status(configVersion: Int64(chance.integer(below: 4)), device: device)
            case 5: try world.heartbeat(device)
            case 6: _ = try? await world.service.give(device, name: "identify", module: nil, parameters: nil, tenant: "default")
            case 7:
                let change = try ConfigurationRules.changes(in: ["config_key": "volume", "config_value": .integer(Int64(chance.integer(below: 9)))])
                _ = try? await world.service.configure(device, change, tenant: "default")
            default: try world.send("logs", #"{"level":"info","message":"m"}"#, device: device, delivery: chance.next())
            }
            world.advance(.milliseconds(Int(chance.integer(below: 5_000))))
        }
        try world.service.settle()
        return (world.events.map(\.description) + world.acknowledged.map(String.init), try world.databaseText())
    }

    @Test("twice the same seed, twice the same; another seed, something else")
    func repeats() async throws {
        let (first, second, other) = (try await run(seed: 1), try await run(seed: 1), try await run(seed: 2))
        #expect(first.events.count > 500)
        #expect(first.events == second.events)
        #expect(first.database == second.database)
        #expect(first.database != other.database)
    }
}
