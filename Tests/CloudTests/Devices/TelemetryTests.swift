import LabCore
import Testing

@testable import Cloud

@Suite("Heartbeats (luna-badge-cloud.md, 设备心跳)")
struct HeartbeatTests {
    let reader = HeartbeatReader()

    @Test("the seed's payload is read the fast way")
    func seed() throws {
        let payload = Array(#"{"timestamp":"2025-01-22T10:30:00Z","status":"online","cpu_usage":45.2,"memory_usage":67.8,"temperature":42.5}"#.utf8)
        let expected = Heartbeat(timestamp: 1_737_541_800, status: "online", cpuUsage: 45.2, memoryUsage: 67.8, temperature: 42.5)
        #expect(reader.readFast(payload) == expected)
        #expect(try reader.readStrictly(payload, device: "d") == expected)
    }

    static let payloads: [(String, TelemetryRefusal.Reason?)] = [
        (#"{"status":"online"}"#, nil), (#"{ "status" : "online" }"#, nil), (#"{"status":"degraded","extra":[1,{"a":2}]}"#, nil),
        (#"{"status":"online","temperature":-40}"#, nil), (#"{"status":"online","cpu_usage":0,"memory_usage":100}"#, nil),
        (#"{"status":"online","cpu_usage":1e1}"#, nil), (#"{"status":"online","cpu_usage":null}"#, nil),
        (#"{"status":"online","device_id":"luna_badge_0007"}"#, nil),
        (#"{"status":"online","device_id":"luna_badge_0008"}"#, .foreignDevice), (#"{"status":"online","device_id":7}"#, .foreignDevice),
        (#"{}"#, .missingField), (#"{"status":7}"#, .invalidField), (#"{"status":""}"#, .invalidField),
        (#"{"status":"seventeen_letters"}"#, .invalidField), (#"{"status":"online","cpu_usage":100.1}"#, .invalidField),
        (#"{"status":"online","cpu_usage":-1}"#, .invalidField), (#"{"status":"online","cpu_usage":"45"}"#, .invalidField),
        (#"{"status":"online","temperature":301}"#, .invalidField), (#"{"status":"online","timestamp":"2026-02-29T00:00:00Z"}"#, .invalidField),
        (#"{"status":"online","timestamp":1767225600}"#, .invalidField), (#"{"status":"online","cpu_usage":01}"#, .malformed),
        (#"{"status":"online","cpu_usage":1.}"#, .malformed), (#"{"status":"online","status":"online"}"#, .malformed),
        (#"{"status":"online"}x"#, .malformed), (#"{"status":"online""#, .malformed), (#"["online"]"#, .malformed), ("", .malformed), ("\u{0}", .malformed),
        (#"{"a":\#(String(repeating: "[", count: 20))\#(String(repeating: "]", count: 20))}"#, .malformed),
        ("{" + (0..<600).map { #""k\#($0)":1"# }.joined(separator: ",") + "}", .tooLarge), (String(repeating: " ", count: 16_385), .tooLarge),
    ]

    @Test("a payload is taken or refused with its reason, and the fast way takes nothing that the strict one refuses", arguments: payloads)
    func payload(text: String, refusal: TelemetryRefusal.Reason?) {
        let bytes = Array(text.utf8)
        do {
            let heartbeat = try reader.read(bytes, device: "luna_badge_0007")
            #expect(refusal == nil)
            #expect(heartbeat == (try? reader.readStrictly(bytes, device: "luna_badge_0007")))
        } catch {
            #expect(error.reason == refusal)
            #expect(reader.readFast(bytes) == nil)
        }
    }

    @Test("the two ways agree on damaged payloads", arguments: 0..<50)
    func agreement(seed: Int) {
        var chance = SeededGenerator(seed: UInt64(seed), purpose: "heartbeats")
        let alphabet = Array(#"{}[]":,.-+e0123456789onlineTZ\ "#.utf8)
        for _ in 0..<200 {
            var bytes = Array(
                #"{"timestamp":"2026-01-0\#(chance.integer(below: 10))T00:00:30Z","status":"online","cpu_usage":\#(chance.integer(below: 120)).\#(chance.integer(below: 1000)),"memory_usage":\#(chance.integer(below: 100)),"temperature":-\#(chance.integer(below: 90)).5}"#.utf8)
            for _ in 0..<chance.integer(below: 3) {
                bytes[Int(chance.integer(below: UInt64(bytes.count)))] = alphabet[Int(chance.integer(below: UInt64(alphabet.count)))]
            }
            guard let fast = reader.readFast(bytes) else { continue }
            #expect(fast == (try? reader.readStrictly(bytes, device: "d")), "seed \(seed): \(String(decoding: bytes, as: UTF8.self))")
        }
    }
}

@Suite("Moments on the wire (badge-protocol.md, MQTT)")
struct TimestampTests {
    // Expected values: Python's datetime.
    static let moments: [(Int64, String)] = [
        (0, "1970-01-01T00:00:00Z"), (951_782_400, "2000-02-29T00:00:00Z"), (1_709_164_800, "2024-02-29T00:00:00Z"), (1_767_225_600, "2026-01-01T00:00:00Z"),
        (4_107_542_400, "2100-03-01T00:00:00Z"), (-1, "1969-12-31T23:59:59Z"), (253_402_300_799, "9999-12-31T23:59:59Z"),
    ]

    @Test("Unix seconds and ISO 8601 text belong together", arguments: moments)
    func moment(seconds: Int64, text: String) {
        #expect(Timestamp.text(unixSeconds: seconds) == text)
        #expect(Timestamp.unixSeconds(text) == seconds)
    }

    @Test(
        "other texts are no moments",
        arguments: [
            "", "2026-01-01", "2026-01-01T00:00:00", "2026-01-01T00:00:00+01:00", "2026-01-01 00:00:00Z", "2026-13-01T00:00:00Z", "2026-00-01T00:00:00Z",
            "2026-02-29T00:00:00Z", "2100-02-29T00:00:00Z", "2026-04-31T00:00:00Z", "2026-01-01T24:00:00Z", "2026-01-01T00:60:00Z", "2026-01-01T00:00:60Z",
            "2026-01-01T00:00:00.5Z", "20x6-01-01T00:00:00Z",
        ])
    func noMoment(text: String) { #expect(Timestamp.unixSeconds(text) == nil) }
}

@Suite("Telemetry into the database (architecture.md §5; security.md §4.5 API4)")
struct TelemetryTests {
    private func count(_ world: DeviceWorld, _ table: String) throws -> Int {
        try world.storage.read { db in try DeviceWorldCounting.count(table, in: db) }
    }

    @Test("a delivery is acknowledged when its commit is done, within 50 ms and not before")
    func acknowledgement() async throws {
        let world = try DeviceWorld()
        try await world.bringOnline()
        try world.send("logs", #"{"level":"error","module":"yolo","message":"failed","details":{"error_code":"E17"}}"#, delivery: 41)
        try world.send("logs", #"{"level":"info","message":"second"}"#, delivery: 42)
        world.advance(.milliseconds(49))
        #expect(world.acknowledged.isEmpty)
        #expect(try count(world, "error_logs") == 0)
        world.advance(.milliseconds(1))
        #expect(world.acknowledged == [41, 42])
        #expect(try count(world, "error_logs") == 2)
        #expect(try world.databaseText().contains("error_code=\"E17\" error_level=\"error\" error_message=\"failed\""))
    }

    @Test("500 rows go at once, fewer heartbeats within 5 s")
    func batches() async throws {
        let world = try DeviceWorld()
        try await world.bringOnline()
        world.advance(.seconds(10))
        for _ in 0..<499 { try world.heartbeat() }
        #expect(try count(world, "heartbeats") == 0)
        try world.heartbeat()
        #expect(try count(world, "heartbeats") == 500)
        try world.heartbeat()
        world.advance(.milliseconds(4_999))
        #expect(try count(world, "heartbeats") == 500)
        world.advance(.milliseconds(1))
        #expect(try count(world, "heartbeats") == 501)
        #expect(try world.storage.read { db in try DeviceStore.find("luna_badge_0007", in: db)?.heartbeats } == 501)
    }

    @Test("heartbeats alone are no commit in the log; what is acknowledged is")
    func commits() async throws {
        let world = try DeviceWorld()
        try await world.bringOnline()
        world.forgetEvents()
        try world.heartbeat()
        world.advance(.seconds(5))
        #expect(world.events("commit.before").isEmpty)
        try world.send("logs", #"{"level":"info","message":"m"}"#, delivery: 1)
        world.advance(.milliseconds(50))
        #expect(world.events("commit.before") == [["what": "telemetry", "rows": 1]])
        #expect(world.events("commit.after") == [["what": "telemetry", "rows": 1]])
    }

    @Test("a crash before the commit acknowledges nothing; after it, what is committed is there", arguments: ["commit.before", "commit.after"])
    func crash(moment: String) async throws {
        let world = try DeviceWorld()
        try await world.bringOnline()
        world.advance(.seconds(1))
        world.crash(at: moment, of: "telemetry")
        try world.send("logs", #"{"level":"info","message":"m"}"#, delivery: 7)
        world.advance(.seconds(1))
        #expect(world.acknowledged.isEmpty)
        try world.start()
        #expect(try count(world, "error_logs") == (moment == "commit.before" ? 0 : 1))
        // The broker gives it again, since it was not acknowledged.
        try world.send("logs", #"{"level":"info","message":"m"}"#, delivery: 8)
        world.advance(.seconds(1))
        #expect(world.acknowledged == [8])
    }

    @Test("a full database is tried again each second; nothing is acknowledged or lost meanwhile")
    func full() async throws {
        let world = try DeviceWorld()
        try await world.bringOnline()
        world.advance(.seconds(1))
        try world.storage.setFull(true)
        try world.send("logs", #"{"level":"info","message":"first"}"#, delivery: 1)
        world.advance(.seconds(3))
        try world.send("logs", #"{"level":"info","message":"second"}"#, delivery: 2)
        #expect(world.acknowledged.isEmpty)
        #expect(world.events("storage.failed").count == 3)
        try world.storage.setFull(false)
        world.advance(.seconds(1))
        #expect(world.acknowledged == [1, 2])
        #expect(try count(world, "error_logs") == 2)
    }

    @Test("the buffer is bounded: what does not fit is refused and not acknowledged")
    func overflow() async throws {
        let world = try DeviceWorld()
        try await world.bringOnline()
        try world.storage.setFull(true)
        for _ in 0..<TelemetryWriter.maximumRows { try world.heartbeat() }
        #expect(world.events("telemetry.refused").isEmpty)
        try world.send("logs", #"{"level":"info","message":"m"}"#, delivery: 1)
        #expect(world.events("telemetry.refused").map { $0["reason"] } == ["overflow"])
        try world.storage.setFull(false)
        world.advance(.seconds(2))
        #expect(world.acknowledged.isEmpty)
        #expect(try count(world, "heartbeats") == TelemetryWriter.maximumRows)
    }

    @Test("a slow database delays the acknowledgement by as much")
    func slow() async throws {
        let world = try DeviceWorld()
        try await world.bringOnline()
        world.advance(.seconds(1))
        try world.storage.setSlowness(.milliseconds(200))
        try world.send("logs", #"{"level":"info","message":"m"}"#, delivery: 1)
        world.advance(.milliseconds(249))
        #expect(world.acknowledged.isEmpty)
        world.advance(.milliseconds(1))
        #expect(world.acknowledged == [1])
    }

    @Test("batches go one after the other: what comes while one is on its way goes with the next")
    func oneAtATime() async throws {
        let world = try DeviceWorld()
        try await world.bringOnline()
        world.advance(.seconds(1))
        try world.storage.setSlowness(.milliseconds(200))
        try world.send("logs", #"{"level":"info","message":"first"}"#, delivery: 1)
        world.advance(.milliseconds(100))
        try world.send("logs", #"{"level":"info","message":"second"}"#, delivery: 2)
        world.advance(.milliseconds(150))
        #expect(world.acknowledged == [1])
        // The second batch begins 50 ms after the first one has ended, and takes as long.
        world.advance(.milliseconds(249))
        #expect(world.acknowledged == [1])
        world.advance(.milliseconds(1))
        #expect(world.acknowledged == [1, 2])
    }

    @Test("after a failed commit the last state of a device counts, not the one that failed")
    func lastState() async throws {
        let world = try DeviceWorld()
        try await world.provision()
        _ = try await world.register()
        func presence() throws -> Presence? { try world.storage.read { db in try DeviceStore.find("luna_badge_0007", in: db)?.presence } }
        try world.storage.setFull(true)
        try world.connect()
        world.advance(.seconds(6))
        #expect(try presence() == .offline)
        try world.service.clientDisconnected(clientID: "luna_badge_0007", reason: "closed")
        try world.connect()
        world.advance(.seconds(2))
        try world.service.clientDisconnected(clientID: "luna_badge_0007", reason: "closed")
        try world.storage.setFull(false)
        world.advance(.seconds(2))
        #expect(try presence() == .offline)
        try world.connect()
        world.advance(.seconds(5))
        #expect(try presence() == .online)
    }

    static let refused: [(topic: String, payload: String, reason: String)] = [
        ("logs", "not json", "malformed"), ("logs", #"{"level":"fatal","message":"m"}"#, "invalid_field"), ("logs", #"{"level":"info"}"#, "missing_field"),
        ("logs", #"{"level":"info","message":"\#(String(repeating: "m", count: 4_097))"}"#, "invalid_field"),
        ("logs", #"{"level":"info","message":"m","details":[]}"#, "invalid_field"), ("status", #"{"status":"asleep"}"#, "invalid_field"),
        ("status", #"{"status":"online","config_version":-1}"#, "invalid_field"), ("status", #"{"status":"online","config_version":1.5}"#, "invalid_field"),
        ("config/ack", #"{"status":"applied"}"#, "missing_field"), ("config/ack", #"{"config_version":1,"status":"maybe"}"#, "invalid_field"),
        ("config/ack", #"{"config_version":1,"status":"applied"}"#, "unknown_version"),
        ("command/result", #"{"command_id":"a b","status":"done"}"#, "invalid_field"), ("other", "{}", "unknown_topic"), ("command", "{}", "unknown_topic"),
    ]

    @Test("what is wrong is noted with its reason, acknowledged, and changes nothing", arguments: refused)
    func refusal(topic: String, payload: String, reason: String) async throws {
        let world = try DeviceWorld()
        try await world.bringOnline()
        let before = try world.databaseText()
        try world.send(topic, payload, delivery: 5)
        world.advance(.milliseconds(50))
        #expect(world.events("telemetry.refused").map { $0["reason"] } == [.text(reason)])
        #expect(world.acknowledged == [5])
        #expect(try world.databaseText() == before)
    }

    @Test("a message counts for the device in its topic only if that device sent it (OWASP API1)")
    func foreign() async throws {
        let world = try DeviceWorld()
        try await world.bringOnline()
        try world.send("heartbeat", #"{"status":"online"}"#, client: "luna_badge_0008", delivery: 1)
        try world.send("heartbeat", #"{"status":"online"}"#, device: "luna_badge_0008", delivery: 2)
        try world.service.received(topic: "luna/device//heartbeat", payload: [], clientID: "", quality: 0, delivery: 3)
        try world.service.received(topic: "", payload: [], clientID: "", quality: 0, delivery: 4)
        #expect(world.events("telemetry.refused").map { $0["reason"] } == ["foreign_client", "unknown_device", "unknown_device", "unknown_topic"])
        #expect(world.events("heartbeat.received").isEmpty)
        #expect(world.acknowledged == [1, 2, 3, 4])
    }

    @Test("no payload stops the cloud", arguments: 0..<20)
    func fuzz(seed: Int) async throws {
        var chance = SeededGenerator(seed: UInt64(seed), purpose: "telemetry")
        let world = try DeviceWorld()
        try await world.bringOnline()
        let topics = ["heartbeat", "logs", "status", "config/ack", "command/result"]
        let seeds = [
            #"{"timestamp":"2026-01-01T00:00:00Z","level":"info","module":"yolo","message":"m","details":{"a":[1,2]}}"#,
            #"{"status":"online","config_version":3,"modules":{"a":"b"},"performance":{"fps":1.5}}"#, #"{"command_id":"cmd_1","status":"done","result":{}}"#,
        ]
        for number in 0..<200 {
            var payload = Array(seeds[Int(chance.integer(below: 3))].utf8)
            for _ in 0..<chance.integer(below: 6) { payload[Int(chance.integer(below: UInt64(payload.count)))] = UInt8(truncatingIfNeeded: chance.next()) }
            let topic = topics[Int(chance.integer(below: 5))]
            try world.service.received(
                topic: "luna/device/luna_badge_0007/\(topic)", payload: payload, clientID: "luna_badge_0007", quality: 1, delivery: UInt64(number))
        }
        world.advance(.seconds(1))
        // Every one of them ends, taken or refused.
        #expect(world.acknowledged.sorted() == (0..<200).map { UInt64($0) }, "seed \(seed)")
    }
}
