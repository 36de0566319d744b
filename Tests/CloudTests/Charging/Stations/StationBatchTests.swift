import Cloud
import GRDB
import LabCore
import Testing

@Suite("Batches: one job over many piles, a result for each (charging-platform.md 1.3)")
struct StationBatchTests {
    private func items(_ batch: StationBatch, _ bench: StationBench) throws -> [String: String] {
        bench.clock.advance(.seconds(1))
        let rows = try bench.disk.read { db in
            try Row.fetchAll(db, sql: "SELECT pile, state, reason FROM batch_items WHERE batch = ? ORDER BY pile", arguments: [batch.id])
        }
        return Dictionary(
            uniqueKeysWithValues: rows.map { row in
                let reason: String? = row["reason"]
                let state: String = row["state"]
                return (row["pile"], reason.map { "\(state) \($0)" } ?? state)
            })
    }

    @Test("a restart of five piles: one done, one refused, one silent, one away, one late; each by itself")
    func partial() async throws {
        let bench = try StationBench()
        try await bench.withTwoOperators(piles: 5)
        bench.come(1, 2, 3, 5)
        let batch = try await bench.stations.begin(.restart, piles: (1...5).map(StationBench.pile), operatorID: "acme", by: "user anna")
        for number in [1, 2, 3, 5] { #expect(bench.piles.sent(to: StationBench.pile(number)) == [.restart]) }
        #expect(bench.piles.sent(to: "00000004") == [])
        bench.stations.received(.serviced(pile: "00000001", .restart, .done))
        bench.stations.received(.serviced(pile: "00000002", .restart, .refused("result 3")))
        bench.stations.received(.serviced(pile: "00000003", .restart, .unanswered))
        #expect(try items(batch, bench)["00000005"] == "waiting")
        #expect(bench.clock.events("batch.finished").isEmpty)
        bench.clock.advance(.seconds(600))
        #expect(
            try items(batch, bench) == [
                "00000001": "done", "00000002": "failed result 3", "00000003": "failed unanswered", "00000004": "failed pile_offline",
                "00000005": "failed timeout",
            ])
        #expect(
            bench.clock.events("batch.finished") == [["batch": .integer(batch.id), "kind": "restart", "done": 1, "stored": 0, "failed": 4]])
    }

    @Test("a pile that goes and comes back has restarted")
    func reconnect() async throws {
        let bench = try StationBench()
        try await bench.withTwoOperators()
        bench.come(1)
        let batch = try await bench.stations.begin(.restart, piles: ["00000001"], operatorID: "acme", by: "t")
        bench.go(1)
        bench.come(1)
        #expect(try items(batch, bench) == ["00000001": "done"])
    }

    @Test("two jobs of one kind are not under way at one pile at a time")
    func busy() async throws {
        let bench = try StationBench()
        try await bench.withTwoOperators()
        bench.come(1, 2)
        let first = try await bench.stations.begin(.restart, piles: ["00000001"], operatorID: "acme", by: "t")
        let second = try await bench.stations.begin(.restart, piles: ["00000001", "00000002"], operatorID: "acme", by: "t")
        #expect(bench.piles.sent(to: "00000001") == [.restart])
        for number in [1, 2] { bench.stations.received(.serviced(pile: StationBench.pile(number), .restart, .done)) }
        #expect(try items(first, bench) == ["00000001": "done"])
        #expect(try items(second, bench) == ["00000001": "failed busy", "00000002": "done"])
    }

    @Test("so many piles at the same time and no more; the next one when one is done")
    func width() async throws {
        var settings = StationService.Settings()
        settings.batchWidth = 2
        let bench = try StationBench(settings: settings)
        try await bench.withTwoOperators(piles: 5)
        bench.come(1, 2, 3, 4, 5)
        let batch = try await bench.stations.begin(.restart, piles: (1...5).map(StationBench.pile), operatorID: "acme", by: "t")
        for number in 1...5 {
            #expect(bench.piles.count == min(5, number + 1))
            bench.stations.received(.serviced(pile: StationBench.pile(number), .restart, .done))
        }
        #expect(try items(batch, bench).values.allSatisfy { $0 == "done" })
    }

    @Test("ports are disabled in the same commit; a pile without such a port fails alone")
    func ports() async throws {
        let bench = try StationBench()
        try await bench.withTwoOperators(piles: 1)
        try await bench.stations.enter([PileEntry(id: "000000a1", wire: .dny, ports: 1)], site: "acme.mall")
        let batch = try await bench.stations.begin(
            .disablePorts, piles: ["00000001", "000000a1"], arguments: ["ports": [2]], operatorID: "acme", by: "t")
        #expect(try items(batch, bench) == ["00000001": "done", "000000a1": "failed no_such_port"])
        #expect(bench.stations.pile("00000001")?.disabledPorts == [2])
        #expect(bench.stations.pile("000000a1")?.disabledPorts == [])
        try bench.restart()
        #expect(bench.stations.pile("00000001")?.disabledPorts == [2])
    }

    @Test("what a batch cannot be is refused before anything is done")
    func refused() async throws {
        let bench = try StationBench()
        try await bench.withTwoOperators()
        try await bench.stations.enter([PileEntry(id: "000000c1", wire: .dny, ports: 1)], site: "bolt.mall")
        bench.come(1)
        func error(_ kind: BatchKind, _ piles: [String], _ arguments: Fields = [:]) async -> String? {
            await #expect(throws: APIError.self) {
                try await bench.stations.begin(kind, piles: piles, arguments: arguments, operatorID: "acme", by: "t")
            }?.code.name
        }
        #expect(await error(.restart, []) == "BATCH_INVALID")
        #expect(await error(.restart, ["00000001", "000000c1"]) == "PILE_NOT_FOUND", "another operator's pile")
        #expect(await error(.restart, ["00000001", "deadbeef"]) == "PILE_NOT_FOUND")
        #expect(await error(.upgrade, ["00000001"]) == "BATCH_INVALID")
        #expect(await error(.upgrade, ["00000001"], ["version": "9.9"]) == "PILE_IMAGE_NOT_FOUND")
        #expect(await error(.setParameters, ["00000001"], ["parameters": [:]]) == "INVALID_FIELD")
        #expect(await error(.setParameters, ["00000001"], ["parameters": ["heartbeat_interval": -1]]) == "INVALID_FIELD")
        #expect(await error(.setParameters, ["00000001"], ["parameters": ["Heartbeat": 1]]) == "INVALID_FIELD")
        #expect(await error(.disablePorts, ["00000001"], ["ports": [0]]) == "BATCH_INVALID")
        #expect(bench.piles.count == 0)
    }

    @Test("after a restart of the cloud nobody knows what became of what was sent, and the batch says so")
    func crash() async throws {
        let bench = try StationBench()
        try await bench.withTwoOperators()
        bench.come(1, 2)
        let batch = try await bench.stations.begin(.restart, piles: ["00000001", "00000002"], operatorID: "acme", by: "t")
        bench.stations.received(.serviced(pile: "00000001", .restart, .done))
        bench.clock.advance(.seconds(1))
        try bench.restart()
        #expect(try items(batch, bench) == ["00000001": "done", "00000002": "failed cloud_restarted"])
        #expect(bench.clock.events("batch.finished").last?["failed"] == 1)
    }

    // MARK: Upgrades

    @Test("an upgrade sends the image; the version with which the pile comes back decides")
    func upgrade() async throws {
        let bench = try StationBench()
        try await bench.withTwoOperators()
        bench.come(1, 2)
        let checksum = try await bench.stations.putImage([1, 2, 3], version: "7.0", operatorID: "acme")
        #expect(checksum == "039058c6f2c0cb492c533b0a4d14ef77cc0f78abccced5287d84a1a2011cfb81", "sha256sum of 01 02 03")
        let batch = try await bench.stations.begin(
            .upgrade, piles: ["00000001", "00000002"], arguments: ["version": "7.0"], operatorID: "acme", by: "t")
        #expect(bench.piles.sent(to: "00000001") == [.upgrade(image: [1, 2, 3], version: "7.0")])
        for number in [1, 2] { bench.go(number) }
        bench.come(1, firmware: "7.0")
        bench.come(2, firmware: "6.40")
        #expect(try items(batch, bench) == ["00000001": "done", "00000002": "failed connection_lost"])
    }

    @Test("an image never changes: the same one again is taken, another one is refused; each operator has his own")
    func images() async throws {
        let bench = try StationBench()
        try await bench.withTwoOperators()
        let first = try await bench.stations.putImage([1], version: "7.0", operatorID: "acme")
        #expect(try await bench.stations.putImage([1], version: "7.0", operatorID: "acme") == first)
        let error = await #expect(throws: APIError.self) { try await bench.stations.putImage([2], version: "7.0", operatorID: "acme") }
        #expect(error?.code.name == "PILE_IMAGE_EXISTS")
        #expect(try await bench.stations.putImage([2], version: "7.0", operatorID: "bolt") != first)
    }
}

@Suite("Parameters of piles: wished and reported, with versions")
struct PileParameterTests {
    private func states(_ bench: StationBench) throws -> [String] {
        try bench.disk.read { db in
            try Row.fetchAll(db, sql: "SELECT * FROM pile_parameters WHERE pile = '00000001' ORDER BY name").map { row in
                let (desired, reported): (Int64?, Int64?) = (row["desired"], row["reported"])
                let (name, state): (String, String) = (row["name"], row["state"])
                return "\(name) \(desired.map { String($0) } ?? "-") \(reported.map { String($0) } ?? "-") \(state)"
            }
        }
    }

    private func set(_ bench: StationBench, _ parameters: Fields) async throws -> StationBatch {
        try await bench.stations.begin(
            .setParameters, piles: ["00000001"], arguments: ["parameters": .record(parameters)], operatorID: "acme", by: "t")
    }

    @Test("a wish is pending until the pile has taken it; then wish and report are the same version")
    func applied() async throws {
        let bench = try StationBench()
        try await bench.withTwoOperators()
        bench.come(1)
        _ = try await set(bench, ["heartbeat_interval": 180, "overload_power": 3_000])
        #expect(bench.piles.sent(to: "00000001") == [.setParameters(["heartbeat_interval": 180, "overload_power": 3_000])])
        #expect(try states(bench) == ["heartbeat_interval 180 - pending", "overload_power 3000 - pending"])
        bench.stations.received(.serviced(pile: "00000001", .setParameters, .done))
        #expect(try states(bench) == ["heartbeat_interval 180 180 applied", "overload_power 3000 3000 applied"])
        let pile = try #require(bench.stations.snapshot(of: "00000001"))
        #expect((pile.desiredVersion, pile.reportedVersion) == (1, 1))
        #expect(bench.clock.events("parameters.applied") == [["pile": "00000001", "version": 1]])
    }

    @Test("only what changes is sent, and the same wish again is no new version")
    func changes() async throws {
        let bench = try StationBench()
        try await bench.withTwoOperators()
        bench.come(1)
        _ = try await set(bench, ["a": 1, "b": 2])
        bench.stations.received(.serviced(pile: "00000001", .setParameters, .done))
        _ = try await set(bench, ["a": 1, "b": 3])
        #expect(bench.piles.sent(to: "00000001").last == .setParameters(["b": 3]))
        bench.stations.received(.serviced(pile: "00000001", .setParameters, .done))
        _ = try await set(bench, ["a": 1, "b": 3])
        #expect(bench.piles.sent(to: "00000001").count == 2)
        #expect(bench.stations.snapshot(of: "00000001")?.desiredVersion == 2)
        bench.clock.advance(.seconds(1))
        #expect(bench.clock.events("batch.finished").map { $0["done"] } == [1, 1, 1])
    }

    @Test("a pile that is away gets its parameters when it comes, also after the cloud was restarted")
    func later() async throws {
        let bench = try StationBench()
        try await bench.withTwoOperators()
        _ = try await set(bench, ["a": 1])
        #expect(bench.clock.events("batch.finished").last?["stored"] == 1)
        try bench.restart()
        bench.come(1)
        #expect(bench.piles.sent(to: "00000001") == [.setParameters(["a": 1])])
        bench.stations.received(.serviced(pile: "00000001", .setParameters, .unanswered))
        #expect(bench.stations.snapshot(of: "00000001")?.reportedVersion == 0)
        bench.go(1)
        bench.come(1)
        bench.stations.received(.serviced(pile: "00000001", .setParameters, .done))
        #expect(try states(bench) == ["a 1 1 applied"])
    }

    @Test("what the pile refuses is marked with its reason and not sent again until it is wished anew")
    func rejected() async throws {
        let bench = try StationBench()
        try await bench.withTwoOperators()
        bench.come(1)
        let batch = try await set(bench, ["a": 1])
        bench.stations.received(.serviced(pile: "00000001", .setParameters, .refused("unknown_parameter")))
        #expect(try states(bench) == ["a 1 - rejected"])
        bench.go(1)
        bench.come(1)
        #expect(bench.piles.sent(to: "00000001").count == 1)
        bench.clock.advance(.seconds(1))
        #expect(
            bench.clock.events("batch.finished") == [
                ["batch": .integer(batch.id), "kind": "set_parameters", "done": 0, "stored": 0, "failed": 1]
            ])
        _ = try await set(bench, ["a": 1])
        #expect(bench.piles.sent(to: "00000001").count == 2)
    }

    @Test("a wish that comes while another is on its way is sent after it")
    func overlapping() async throws {
        let bench = try StationBench()
        try await bench.withTwoOperators()
        bench.come(1)
        let first = try await set(bench, ["a": 1])
        let second = try await set(bench, ["a": 2])
        #expect(bench.piles.sent(to: "00000001") == [.setParameters(["a": 1])])
        bench.stations.received(.serviced(pile: "00000001", .setParameters, .done))
        #expect(bench.piles.sent(to: "00000001").last == .setParameters(["a": 2]))
        bench.stations.received(.serviced(pile: "00000001", .setParameters, .done))
        #expect(try states(bench) == ["a 2 2 applied"])
        bench.clock.advance(.seconds(1))
        #expect(
            bench.clock.events("batch.finished") == [
                ["batch": .integer(second.id), "kind": "set_parameters", "done": 0, "stored": 1, "failed": 0],
                ["batch": .integer(first.id), "kind": "set_parameters", "done": 1, "stored": 0, "failed": 0],
            ])
    }

    @Test("what a pile says that it has stands beside the wish")
    func reported() async throws {
        let bench = try StationBench()
        try await bench.withTwoOperators()
        bench.come(1)
        _ = try await set(bench, ["a": 1])
        bench.stations.received(.parameters(pile: "00000001", ["a": 9, "z": 4, "Not A Name": 5, "t": "text"]))
        #expect(try states(bench) == ["a 1 9 pending", "z - 4 applied"])
    }
}
