import LabCore
import Testing

@testable import Cloud

@Suite("Orders from scan to ledger (charging-orders.md 2.1, 2.3 rule 7)")
struct OrderLifeTests {
    @Test("V01: 12.3456 kWh at 0.60 + 0.40 are 12.35 yuan, and the rest of the hold goes back (V15)")
    func normal() async throws {
        let world = try OrderWorld()
        try await world.topUp()
        let order = try await world.create()
        #expect(order.state == .starting)
        #expect(order.hold == 2_000)
        #expect(order.limitEnergy != nil)
        #expect(try world.wallet() == 8_000)
        #expect(world.piles.take() == ["start \(order.number) 1"])

        try world.say(.startAnswered(pile: OrderWorld.pile, port: 1, order: order.number, .started))
        try world.run(order, seconds: 36_000, energy: 123_000)
        #expect(try world.look(order).energy == 123_000)
        #expect(try world.look(order).running == 1_230)
        let outcome = try world.send(world.bill(order.number, energy: 123_456, seconds: 36_000))
        #expect(outcome == .settled(order: order.number))
        let closed = try world.look(order)
        #expect(closed.state == .closed)
        #expect(closed.price == 1_235)
        #expect(closed.lines == #"{"elec":741,"service":494}"#)
        #expect(try world.wallet() == 10_000 - 1_235)
        #expect(world.events("order.settled").map { $0["cents"] } == [1_235])
        try world.check()
    }

    @Test("three taps with one client key are one order, answered alike (F01)")
    func clientKey() async throws {
        let world = try OrderWorld()
        try await world.topUp()
        let first = try await world.create(key: "tap-1")
        let second = try await world.create(key: "tap-1")
        let third = try await world.create(key: "tap-1")
        #expect(first.number == second.number && second.number == third.number)
        #expect(world.events("order.created").count == 1)
        #expect(world.piles.take().count == 1)
        await #expect(throws: APIError(.clientKeyReused, details: ["order": .text(first.number)])) {
            _ = try await world.create(port: 2, key: "tap-1")
        }
        try world.check()
    }

    @Test("two users scan one port in one instant: one order, the other is told that it is busy, and no hold is left behind (F02)")
    func onePort() async throws {
        let world = try OrderWorld()
        try await world.topUp("anna")
        try await world.topUp("berta")
        let results = SharedValue<[String]>([])
        let engine = try world.engine
        async let one: Void = Self.tap(engine, "anna", results)
        async let two: Void = Self.tap(engine, "berta", results)
        let mover = Task { while !Task.isCancelled { world.settle(); await Task.yield() } }
        _ = await (one, two)
        mover.cancel()
        #expect(results.value.sorted() == ["PORT_BUSY", "starting"])
        #expect(try world.wallet("anna") + world.wallet("berta") == 18_000)
        try world.check()
    }

    private static func tap(_ engine: OrderEngine, _ user: String, _ results: SharedValue<[String]>) async {
        do {
            let order = try await engine.create(OrderRequest(user: user, pile: OrderWorld.pile, port: 1, hold: 2_000))
            results.change { $0.append(order.state.rawValue) }
        } catch { results.change { $0.append((error as? APIError)?.code.name ?? "\(error)") } }
    }

    @Test("says why an order is refused, and writes nothing")
    func refusals() async throws {
        let world = try OrderWorld()
        await #expect(throws: APIError(.insufficientFunds, details: ["hold": 2_000, "balance": 0])) { _ = try await world.create() }
        try await world.topUp()
        await #expect(throws: APIError(.pileNotFound)) { _ = try await world.create(pile: "ffffffff") }
        await #expect(throws: APIError(.portNotFound, details: ["ports": 2])) { _ = try await world.create(port: 3) }
        world.desk.setOnline(OrderWorld.pile, false)
        await #expect(throws: APIError(.pileOffline)) { _ = try await world.create() }
        world.desk.setOnline(OrderWorld.pile, true)
        world.desk.setFault("smoke", OrderWorld.pile)
        await #expect(throws: APIError(.portFaulted, details: ["fault": "smoke"])) { _ = try await world.create() }
        world.desk.setFault(nil, OrderWorld.pile)
        let order = try await world.create()
        await #expect(throws: APIError(.tooManyOrders, details: ["order": .text(order.number)])) { _ = try await world.create(port: 2) }
        world.desk.disable(2, OrderWorld.pile)
        try await world.topUp("berta")
        await #expect(throws: APIError(.portDisabled)) { _ = try await world.create("berta", port: 2) }
        #expect(try world.wallet() == 8_000)
        try world.check()
    }

    @Test("a disabled port lets the running order end normally (F62)")
    func disabled() async throws {
        let world = try OrderWorld()
        let order = try await world.charging()
        world.desk.disable(1, OrderWorld.pile)
        world.advance(.seconds(600))
        #expect(try world.send(world.bill(order.number, energy: 1_000, seconds: 600)) == .settled(order: order.number))
        await #expect(throws: APIError(.portDisabled)) { _ = try await world.create() }
        try world.check()
    }

    @Test("no start answer within 60 s: awaits the bill and is stopped; 'never ran' cancels and gives the hold back (F03)")
    func startLost() async throws {
        let world = try OrderWorld()
        try await world.topUp()
        let order = try await world.create()
        _ = world.piles.take()
        world.advance(.seconds(59))
        #expect(try world.look(order).state == .starting)
        world.advance(.seconds(1))
        #expect(try world.look(order).state == .awaitBill)
        #expect(world.piles.take() == ["stop \(order.number) 1"])
        try world.say(.stopAnswered(pile: OrderWorld.pile, port: 1, order: order.number, .unknown))
        #expect(try world.look(order).state == .cancelled)
        #expect(try world.wallet() == 10_000)
        #expect(world.events("order.settled").map { $0["cents"] } == [0])
        try world.check()
    }

    @Test("the start answer is lost and the pile charges: telemetry says so (F04, F08)")
    func startAnswerLost() async throws {
        let world = try OrderWorld()
        try await world.topUp()
        let order = try await world.create()
        world.advance(.seconds(10))
        try world.sample(order, energy: 3)
        #expect(try world.look(order).state == .charging)
        #expect(world.events("order.started").count == 1)
        try world.say(.startAnswered(pile: OrderWorld.pile, port: 1, order: order.number, .started))
        #expect(world.events("order.started").count == 1)
        try world.check()
    }

    @Test("not plugged, then plugged at 59 s: late success, one order (F05)")
    func lateSuccess() async throws {
        let world = try OrderWorld()
        try await world.topUp()
        let order = try await world.create()
        try world.say(.startAnswered(pile: OrderWorld.pile, port: 1, order: order.number, .notPlugged))
        world.advance(.seconds(59))
        try world.say(.startAnswered(pile: OrderWorld.pile, port: 1, order: order.number, .started))
        #expect(try world.look(order).state == .charging)
        #expect(world.states(of: order.number) == ["starting", "charging"])
    }

    @Test("busy: awaits the bill, stops, alarms; 'never ran' cancels (F07)")
    func busy() async throws {
        let world = try OrderWorld()
        try await world.topUp()
        let order = try await world.create()
        _ = world.piles.take()
        try world.say(.startAnswered(pile: OrderWorld.pile, port: 1, order: order.number, .busy))
        #expect(try world.look(order).state == .awaitBill)
        #expect(world.piles.take() == ["stop \(order.number) 1"])
        #expect(world.desk.alarms == ["conflict"])
        try world.say(.stopAnswered(pile: OrderWorld.pile, port: 1, order: order.number, .unknown))
        #expect(try world.look(order).state == .cancelled)
        try world.check()
    }

    @Test("a stop without an answer is sent again after 30 s, and the bill closes the order (F09, F10)")
    func stopLost() async throws {
        let world = try OrderWorld()
        let order = try await world.charging()
        _ = world.piles.take()
        #expect(try await world.stop(order).state == .stopping)
        #expect(world.piles.take() == ["stop \(order.number) 1"])
        #expect(try await world.stop(order).state == .stopping)
        #expect(world.piles.take() == [])
        world.advance(.seconds(30))
        #expect(try world.look(order).state == .awaitBill)
        #expect(world.piles.take() == ["stop \(order.number) 1"])
        #expect(try world.send(world.bill(order.number, energy: 10, seconds: 20, reason: .remote)) == .settled(order: order.number))
        #expect(try world.look(order).state == .closed)
        try world.check()
    }

    @Test("the bill is lost for ever: settled by the last sample, estimated, under review (F11)")
    func billLost() async throws {
        let world = try OrderWorld()
        let order = try await world.charging()
        world.advance(.seconds(300))
        try world.sample(order, energy: 5_000, power: 600_000 / 10)
        // 5,000 dWh in 300 s are 6 kW, more than 2 kW allow.
        #expect(world.desk.alarms == ["implausible_sample"])
        try world.sample(order, energy: 1_500)
        _ = try await world.stop(order)
        try world.say(.stopAnswered(pile: OrderWorld.pile, port: 1, order: order.number, .stopped))
        world.advance(.seconds(7_199))
        #expect(try world.look(order).state == .awaitBill)
        world.advance(.seconds(2))
        let settled = try world.look(order)
        #expect(settled.state == .closed)
        #expect(settled.isEstimated)
        #expect(settled.review == [.estimated])
        // 0.15 kWh: 9 + 6 fen.
        #expect(settled.price == 15)
        #expect(settled.tries == 3)
        try world.check()
    }

    @Test("telemetry stops and the pile charges on: query, then offline, and the bill closes it (F35)")
    func silence() async throws {
        let world = try OrderWorld()
        let order = try await world.charging()
        world.advance(.seconds(60))
        try world.sample(order, energy: 100)
        _ = world.piles.take()
        world.advance(.seconds(540))
        #expect(try world.look(order).link == .stale)
        #expect(world.piles.take() == ["query"])
        world.advance(.seconds(900))
        #expect(try world.look(order).state == .awaitBill)
        #expect(try world.look(order).link == .offline)
        #expect(world.piles.take() == ["query", "query", "stop \(order.number) 1"])
        #expect(try world.send(world.bill(order.number, energy: 4_000, seconds: 1_500)) == .settled(order: order.number))
        #expect(try world.look(order).price == 40)
        try world.check()
    }

    @Test(
        "the running amount reaches the hold: stopped for the limit; what is above is taken of the wallet, then owed, and the user is blocked (F45)"
    )
    func holdExhausted() async throws {
        let world = try OrderWorld()
        try await world.topUp("rider", 60)
        let order = try await world.create(hold: 50)
        try world.say(.startAnswered(pile: OrderWorld.pile, port: 1, order: order.number, .started))
        world.advance(.seconds(900))
        try world.sample(order, energy: 4_900)
        #expect(try world.look(order).state == .stopping)
        #expect(try world.look(order).reason == "limit")
        world.advance(.seconds(400))
        try world.send(world.bill(order.number, energy: 8_000, seconds: 1_300))
        let due = try world.look(order)
        #expect(due.state == .due)
        #expect((due.price, due.captured, due.open) == (80, 60, 20))
        #expect(try world.wallet() == 0)
        try await world.topUp("rider", 1_000, key: "later")
        await #expect(throws: APIError(.userHasDue, details: ["order": .text(order.number)])) { _ = try await world.create(hold: 50) }
        #expect(try world.engine.order(order.number)?.state.isActive == false)
        try world.check()
    }

    @Test("the running amount goes by every reading: 0.97 kWh at 0.10 before half past eight and 0.09 kWh at 2.00 after it are 27.7 fen, all the time as in the end")
    func runningInBands() async throws {
        let world = try OrderWorld()
        world.desk.setTariff([
            "name": "morning", "bands": [["from": "00:00", "band": "valley"], ["from": "08:30", "band": "peak"]],
            "elec": ["valley": 10_000, "peak": 200_000, "flat": 60_000],
        ])
        try await world.topUp()
        let order = try await world.create()
        try world.say(.startAnswered(pile: OrderWorld.pile, port: 1, order: order.number, .started))
        for (moment, energy, fen) in [(1_800, 9_700, 10), (2_700, 10_150, 19), (3_600, 10_600, 28)] as [(Int64, Int64, Int64)] {
            world.advance(.seconds(900 + (moment == 1_800 ? 900 : 0)))
            try world.sample(order, energy: energy)
            #expect(try world.look(order).running == fen, "after \(moment) s")
        }
        try world.send(world.bill(order.number, energy: 10_600, seconds: 3_600))
        #expect(try world.look(order).price == 28)
        try world.check()
    }

    @Test("smoke ends all charges of the pile, over-current those of its port (F36, F38)")
    func alarms() async throws {
        let world = try OrderWorld()
        let first = try await world.charging("anna", port: 1)
        let second = try await world.charging("berta", port: 2)
        try world.say(.alarm(pile: OrderWorld.pile, port: 2, .overCurrent, isOn: true))
        #expect(try world.look(first).state == .charging)
        #expect(try world.look(second).state == .stopping)
        #expect(try world.look(second).reason == "over_current")
        try world.say(.alarm(pile: OrderWorld.pile, port: nil, .smoke, isOn: true))
        #expect(try world.look(first).state == .stopping)
        try world.check()
    }

    @Test("energy without an order: the pile is stopped, the operator told once (2.1, telemetry of unknown orders)")
    func strangers() async throws {
        let world = try OrderWorld()
        let order = try await world.charging()
        world.advance(.seconds(600))
        try world.send(world.bill(order.number, energy: 1_000, seconds: 600))
        _ = world.piles.take()
        try world.sample(order, energy: 1_200)
        try world.sample(order, energy: 1_300)
        #expect(world.piles.take() == ["stop \(order.number) 1", "stop \(order.number) 1"])
        #expect(world.desk.alarms == ["energy_without_order"])
        try world.sample(order, energy: 1_300, power: 0, state: .idle)
        #expect(world.piles.take() == [])
        #expect(try world.look(order).price == 10)
    }

    @Test("a card at a port starts an order of its user; an unknown one is refused")
    func cards() async throws {
        let world = try OrderWorld()
        try await world.topUp()
        try world.engine.register(card: "0badcafe", tenant: "", user: "rider")
        try world.say(.card(pile: OrderWorld.pile, port: 2, card: "deadbeef"))
        #expect(world.piles.take() == ["card deadbeef false"])
        try world.say(.card(pile: OrderWorld.pile, port: 2, card: "0badcafe"))
        let sent = world.piles.take()
        #expect(sent.first == "card 0badcafe true")
        #expect(sent.count == 2 && sent[1].hasPrefix("start "))
        try world.say(.card(pile: OrderWorld.pile, port: 1, card: "0badcafe"))
        #expect(world.piles.take() == ["card 0badcafe false"])
        try world.check()
    }

    @Test("a pile that comes back is told again what it may have missed")
    func reconnected() async throws {
        let world = try OrderWorld()
        let facts = PileFacts(wire: .dny, ports: 2)
        try await world.topUp()
        let order = try await world.create()
        _ = world.piles.take()
        try world.say(.offline(pile: OrderWorld.pile, reason: "closed"))
        #expect(try world.look(order).link == .offline)
        world.advance(.seconds(10))
        try world.say(.online(pile: OrderWorld.pile, facts))
        #expect(world.piles.take() == ["start \(order.number) 1"])
        try world.say(.startAnswered(pile: OrderWorld.pile, port: 1, order: order.number, .started))
        try world.say(.online(pile: OrderWorld.pile, facts))
        #expect(world.piles.take() == ["query"])
        _ = try await world.stop(order)
        _ = world.piles.take()
        try world.say(.online(pile: OrderWorld.pile, facts))
        #expect(world.piles.take() == ["stop \(order.number) 1"])
    }
}

@Suite("Prices that change while an order runs (charging-orders.md 2.3 rule 2, F43, F61)")
struct OrderTariffTests {
    private static func rules(_ elec: Int64, lock: String) -> Fields {
        ["name": "changing", "price_lock": .text(lock), "elec": ["flat": .integer(elec)]]
    }

    /// An hour at 60,000 and an hour at 90,000, 1,000 dWh each.
    private func price(_ lock: String, tariff: Tariff? = nil) async throws -> Int64 {
        let world = try OrderWorld()
        world.desk.setTariff(Self.rules(60_000, lock: lock))
        try await world.topUp()
        let order = try await world.create(tariff: tariff)
        try world.say(.startAnswered(pile: OrderWorld.pile, port: 1, order: order.number, .started))
        try world.run(order, seconds: 3_600, energy: 1_000)
        world.desk.setTariff(Self.rules(90_000, lock: lock), from: world.milliseconds)
        for step in 1...12 {
            world.advance(.seconds(300))
            try world.sample(order, energy: 1_000 + Int64(step) * 1_000 / 12)
        }
        try world.send(world.bill(order.number, energy: 2_000, seconds: 7_200))
        try world.check()
        return try world.look(order).price
    }

    @Test("at_start: the version at the start bills to the end; by_validity: each part by the version in force; a price of its own stays")
    func locks() async throws {
        #expect(try await price("at_start") == 12)
        #expect(try await price("by_validity") == 15)
        #expect(try await price("by_validity", tariff: try Tariff(fields: Self.rules(30_000, lock: "by_validity"))) == 6)
    }

    @Test("by_validity: a version counts from the second in which it begins, not from the next half hour (2.3, rule 2)")
    func validityBetweenHalfHours() async throws {
        let world = try OrderWorld()
        world.desk.setTariff(Self.rules(60_000, lock: "by_validity"))
        try await world.topUp()
        let order = try await world.create()
        try world.say(.startAnswered(pile: OrderWorld.pile, port: 1, order: order.number, .started))
        // 0.1 kWh in the first 17 minutes at 0.60 yuan, 0.4 kWh in the 17 after them at 3.00.
        world.advance(.seconds(1_020))
        try world.sample(order, energy: 1_000)
        world.desk.setTariff(Self.rules(300_000, lock: "by_validity"), from: world.milliseconds)
        world.advance(.seconds(1_020))
        try world.sample(order, energy: 5_000)
        try world.send(world.bill(order.number, energy: 5_000, seconds: 2_040))
        #expect(try world.look(order).price == 6 + 120)
        try world.check()
    }

    @Test("minutes that the plug stays after the end cost the idle fee, after the grace")
    func idle() async throws {
        let world = try OrderWorld()
        world.desk.setTariff(["name": "idle", "elec": ["flat": 60_000], "idle": ["grace_minutes": 10, "per_minute": 2]])
        let order = try await world.charging()
        world.advance(.seconds(600))
        var bill = world.bill(order.number, energy: 1_000, seconds: 600)
        bill.idleMinutes = 25
        try world.send(bill)
        #expect(try world.look(order).lines == #"{"elec":6,"service":0,"idle":30}"#)
        try world.check()
    }
}
