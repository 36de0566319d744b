import LabCore
import Testing

@testable import Cloud

/// A whole cloud, spoken to as scenarios do; what its commits wait for happens while somebody waits.
struct ChargingCloud {
    let scenario: ScenarioCloud
    var cloud: Cloud { scenario.cloud }
    var world: DeviceWorld { scenario.world }

    init() throws { scenario = try ScenarioCloud() }

    private func moving<Result: Sendable>(_ body: () async throws -> Result) async throws -> Result {
        let world = world
        let mover = Task {
            while !Task.isCancelled {
                world.advance(.zero)
                await Task.yield()
            }
        }
        defer { mover.cancel() }
        return try await body()
    }

    func perform(_ action: String, _ arguments: Fields) async throws -> Fields {
        try await moving { try await scenario.perform(action, arguments) }
    }
    func answer(_ query: String, _ arguments: Fields = [:]) async throws -> Fields {
        try await moving { try await scenario.answer(query, arguments) }
    }
    func refusal(_ action: String, _ arguments: Fields) async throws -> String? {
        try await moving { await scenario.failure(action, arguments)?["reason"]?.text }
    }

    /// What the gateway would tell of a pile.
    func say(_ event: PileEvent) {
        cloud.charging.stations.received(event)
        cloud.charging.orders.received(event)
        world.advance(.zero)
    }
    var milliseconds: Int64 { cloud.charging.orders.milliseconds }

    func online() async throws {
        _ = try await perform("pile.provision", ["pile": "04ceaa40"])
        say(.online(pile: "04ceaa40", PileFacts(wire: .dny, ports: 2)))
    }
}

@Suite("What scenarios say to charging (scenario-language.md, semantics 9)")
struct ChargingScenarioTests {
    @Test("an order by hand: every answer and event as the vocabulary says")
    func order() async throws {
        let cloud = try ChargingCloud()
        try await cloud.online()
        #expect(try await cloud.answer("pile", ["pile": "04ceaa40"])["online"] == true)
        #expect(try await cloud.perform("wallet.top_up", ["user": "rider", "cents": 1_000])["cents"] == 1_000)
        let made = try await cloud.perform(
            "order.create", ["user": "rider", "pile": "04ceaa40", "port": 1, "minutes": 60, "cents_per_minute": 2, "client_key": "tap"])
        let order = try #require(made["order"]?.text)
        #expect(made["state"] == "starting" && made["hold"] == 120 && made["limit_seconds"] == 3_600 && made["limit_energy"] == nil)
        cloud.say(.startAnswered(pile: "04ceaa40", port: 1, order: order, .started))
        cloud.world.advance(.seconds(1_200))
        cloud.say(
            .sample(
                PileSample(
                    pile: "04ceaa40", port: 1, order: order, receivedAt: cloud.milliseconds, energy: 600, power: 1_800, seconds: 1_200)))
        #expect(try await cloud.answer("order", ["order": .text(order)])["running"] == 40)
        #expect(try await cloud.answer("wallet", ["user": "rider"]) == ["cents": 880, "held": 120, "due": 0])
        #expect(try await cloud.perform("order.stop", ["order": .text(order)])["state"] == "stopping")
        let bill = PileBill(
            pile: "04ceaa40", port: 1, order: order, receivedAt: cloud.milliseconds, energy: 600, seconds: 1_200, reason: .remote,
            contentHash: [1])
        cloud.cloud.charging.orders.received(bill) { _ in }
        cloud.world.advance(.zero)
        let done = try await cloud.answer("order", ["order": .text(order)])
        #expect(done["state"] == "closed" && done["price"] == 40)
        #expect(try await cloud.answer("ledger", ["order": .text(order)])["revenue"] == 40)
        #expect(try await cloud.answer("orders", ["user": "rider"])["closed"] == 1)
        #expect(try await cloud.answer("bills", ["order": .text(order)])["booked"] == 1)
        _ = try await cloud.perform("refund.create", ["order": .text(order), "key": "r", "cents": 10])
        #expect(try await cloud.answer("wallet", ["user": "rider"])["cents"] == 970)
        #expect(try await cloud.answer("invariants") == ["violations": 0, "orders": 1, "text": ""])
        #expect(try await cloud.answer("reconciliation", ["day": "2026-01-01"])["findings"] == 0)
    }

    @Test("refusals have the words that scenarios match")
    func refusals() async throws {
        let cloud = try ChargingCloud()
        let order: Fields = ["user": "rider", "pile": "04ceaa40", "port": 1, "hold": 100]
        #expect(try await cloud.refusal("order.create", order) == "pile_not_found")
        _ = try await cloud.perform("pile.provision", ["pile": "04ceaa40"])
        #expect(try await cloud.refusal("order.create", order) == "pile_offline")
        try await cloud.online()
        #expect(try await cloud.refusal("order.create", order) == "insufficient_funds")
        _ = try await cloud.perform("wallet.top_up", ["user": "rider", "cents": 1_000])
        _ = try await cloud.perform("port.disable", ["pile": "04ceaa40", "port": 1])
        #expect(try await cloud.refusal("order.create", order) == "port_disabled")
        _ = try await cloud.perform("port.enable", ["pile": "04ceaa40", "port": 1])
        cloud.say(.alarm(pile: "04ceaa40", port: nil, .smoke, isOn: true))
        #expect(try await cloud.refusal("order.create", order) == "port_faulted")
        cloud.say(.alarm(pile: "04ceaa40", port: nil, .smoke, isOn: false))
        _ = try await cloud.perform("order.create", order)
        #expect(try await cloud.refusal("order.create", order.merging(["port": 2])) == "too_many_orders")
        #expect(try await cloud.refusal("order.create", order.merging(["user": "other"])) == "port_busy")
        #expect(try await cloud.refusal("order.create", order.merging(["tariff": ["elec": ["sharp": 1]]])) == "tariff_invalid")
        #expect(try await cloud.refusal("order.stop", ["order": "0000000000000000"]) == "order_not_found")
        #expect(try await cloud.refusal("shares.run", ["month": "2026-01"]) != nil)
    }

    @Test("a range of piles has the ids of its protocol")
    func ranges() throws {
        #expect(try ChargingScenario.piles(["prefix": "04", "from": 255, "count": 2], .dny) == ["040000ff", "04000100"])
        #expect(try ChargingScenario.piles(["prefix": "82241218000382", "count": 2], .bkv) == ["82241218000382-1", "82241218000382-2"])
        #expect(try ChargingScenario.piles(["prefix": "EE", "from": 7], .ee66) == ["EE0007"])
    }
}
