import LabCore
import Testing

@testable import Cloud

@Suite("Bills: durable, booked once, never above the truth (charging-orders.md 2.1, F12 to F32, F64)")
struct OrderBillTests {
    /// An order that has charged 600 s and shows 1,000 dWh.
    private func ran(_ world: OrderWorld, _ user: String = "rider") async throws -> Order {
        let order = try await world.charging(user)
        world.advance(.seconds(600))
        try world.sample(order, energy: 1_000)
        return try world.look(order)
    }

    /// The same, settled by estimate: 10 fen.
    private func estimated(_ world: OrderWorld) async throws -> Order {
        let order = try await ran(world)
        _ = try await world.stop(order)
        world.advance(.seconds(7_300))
        let settled = try world.look(order)
        #expect(settled.isEstimated && settled.price == 10)
        return settled
    }

    @Test("twice with the same content: acknowledged twice, settled once (F12)")
    func twice() async throws {
        let world = try OrderWorld()
        let order = try await ran(world)
        let bill = world.bill(order.number, energy: 1_100, seconds: 600)
        #expect(try world.send(bill) == .settled(order: order.number))
        #expect(try world.send(bill) == .repeated(order: order.number))
        world.advance(.seconds(3 * 86_400))
        #expect(try world.send(bill) == .repeated(order: order.number))
        #expect(world.events("order.settled").count == 1)
        #expect(try world.wallet() == 9_989)
        try world.check()
    }

    @Test("twice with different energy: the first stands, a person looks at the second (F13)")
    func conflict() async throws {
        let world = try OrderWorld()
        let order = try await ran(world)
        try world.send(world.bill(order.number, energy: 1_100, seconds: 600))
        let outcome = try world.send(world.bill(order.number, energy: 2_000, seconds: 600))
        #expect(outcome == .refused(order: order.number, reason: "already_settled"))
        #expect(try world.look(order).review == [.billConflict])
        #expect(try world.look(order).price == 11)
        #expect(world.events("bill.quarantined").map { $0["reason"] } == ["already_settled"])
        // The second again is answered as before.
        #expect(
            try world.send(world.bill(order.number, energy: 2_000, seconds: 600))
                == .refused(order: order.number, reason: "already_settled"))
        #expect(world.events("bill.quarantined").count == 1)
        try world.check()
    }

    @Test("three days after the estimate, lower: the difference goes back, once (F14)")
    func lower() async throws {
        let world = try OrderWorld()
        let order = try await estimated(world)
        world.advance(.seconds(3 * 86_400))
        let bill = world.bill(order.number, energy: 600, seconds: 600)
        #expect(try world.send(bill) == .settled(order: order.number))
        #expect(try world.send(bill) == .repeated(order: order.number))
        let after = try world.look(order)
        #expect((after.price, after.returned, after.state) == (6, 4, .closed))
        #expect(try world.wallet() == 9_994)
        try world.check()
    }

    @Test("after the estimate, higher: the operator bears the difference, the user pays nothing more (F15)")
    func higher() async throws {
        let world = try OrderWorld()
        let order = try await estimated(world)
        try world.send(world.bill(order.number, energy: 2_500, seconds: 600))
        let after = try world.look(order)
        #expect((after.price, after.absorbed, after.returned) == (10, 15, 0))
        #expect(after.review == [.estimated, .lateBillHigher])
        #expect(try world.wallet() == 9_990)
        try world.check()
    }

    @Test("for an order that nobody made: quarantine, acknowledged, alarm (F16)")
    func unknown() async throws {
        let world = try OrderWorld()
        let bill = world.bill("0000000000000000", energy: 500, seconds: 60)
        #expect(try world.send(bill) == .refused(order: "0000000000000000", reason: "unknown_order"))
        #expect(world.desk.alarms == ["unknown_order"])
        #expect(try world.send(bill) == .refused(order: "0000000000000000", reason: "unknown_order"))
        #expect(world.desk.alarms == ["unknown_order"])
        try world.check()
    }

    @Test("of tenant A's pile with tenant B's order number: quarantine, security alarm, B unchanged (F17, I13)")
    func foreign() async throws {
        let world = try OrderWorld()
        world.desk.add(RegisteredPile(id: "0000beef", operatorID: "other", site: "other.yard", ports: 2))
        let order = try await ran(world)
        let outcome = try world.send(world.bill(order.number, energy: 900, seconds: 600, pile: "0000beef"))
        #expect(outcome == .refused(order: order.number, reason: "foreign_order"))
        #expect(try world.look(order) == order)
        #expect(world.desk.alarms == ["foreign_order"])
        // Neither do its other words touch it.
        try world.sample(order, energy: 1_500, pile: "0000beef")
        try world.say(.stopAnswered(pile: "0000beef", port: 1, order: order.number, .stopped))
        try world.say(.startAnswered(pile: "0000beef", port: 1, order: order.number, .busy))
        #expect(try world.look(order) == order)
        try world.check()
    }

    @Test("crash before the commit: nobody is told, and the same bill settles once in the next life (F18)")
    func crashBefore() async throws {
        let world = try OrderWorld()
        let order = try await ran(world)
        world.crash(at: "commit.before", of: "order.bill")
        let bill = world.bill(order.number, energy: 1_100, seconds: 600)
        #expect(try world.send(bill) == .failed)
        try world.start()
        #expect(try world.look(order).state == .charging)
        #expect(try world.send(bill) == .settled(order: order.number))
        #expect(world.events("order.settled").count == 1)
        try world.check()
    }

    @Test("crash after the commit, before the answer: the pile sends again and hears that it is booked (F19)")
    func crashAfter() async throws {
        let world = try OrderWorld()
        let order = try await ran(world)
        world.crash(at: "commit.after", of: "order.bill")
        let bill = world.bill(order.number, energy: 1_100, seconds: 600)
        #expect(try world.send(bill) == .failed)
        try world.start()
        #expect(try world.look(order).state == .closed)
        #expect(try world.send(bill) == .repeated(order: order.number))
        #expect(world.events("order.settled").count == 1)
        #expect(try world.wallet() == 9_989)
        try world.check()
    }

    @Test("a full disk: not acknowledged, nothing of it is there; taken when there is room (F55)")
    func full() async throws {
        let world = try OrderWorld()
        let order = try await ran(world)
        world.disk.setFull(true)
        let bill = world.bill(order.number, energy: 1_100, seconds: 600)
        #expect(try world.send(bill) == .failed)
        world.disk.setFull(false)
        #expect(try world.look(order).state == .charging)
        world.advance(.seconds(2))
        #expect(try world.send(bill) == .settled(order: order.number))
        try world.check()
    }

    @Test("what nobody says a second time survives a full disk")
    func keptEvents() async throws {
        let world = try OrderWorld()
        try await world.topUp()
        let order = try await world.create()
        world.disk.setFull(true)
        try world.say(.startAnswered(pile: OrderWorld.pile, port: 1, order: order.number, .started))
        #expect(try world.engine.memory.order(order.number)?.state == .starting)
        world.disk.setFull(false)
        world.advance(.seconds(2))
        #expect(try world.look(order).state == .charging)
    }

    @Test("bills that come while the database is slow share one commit, and each is told after it")
    func together() async throws {
        let world = try OrderWorld()
        let first = try await ran(world, "anna")
        try await world.topUp("berta")
        let second = try await world.create("berta", port: 2)
        try world.say(.startAnswered(pile: OrderWorld.pile, port: 2, order: second.number, .started))
        world.advance(.seconds(600))
        world.disk.setSlowness(.milliseconds(200))
        let commits = try world.engine.counters.commits
        #expect(try world.send(world.bill(first.number, energy: 1_100, seconds: 1_000)) == nil)
        #expect(try world.send(world.bill(second.number, energy: 1_100, seconds: 600, port: 2)) == nil)
        world.advance(.milliseconds(199))
        #expect(try world.engine.memory.order(first.number)?.state == .charging)
        world.advance(.milliseconds(1))
        world.disk.setSlowness(.zero)
        #expect(try world.look(first).state == .closed)
        #expect(try world.look(second).state == .closed)
        #expect(try world.engine.counters.commits == commits + 1)
        try world.check()
    }

    @Test(
        "that cannot be true: quarantine and review, acknowledged; the give-up settles by samples",
        arguments: [
            (-1, 600, nil, nil), (1_000, -5, nil, nil), (900_000, 600, nil, nil), (1_000, 36_000, nil, nil), (1_000, 0, 2_000, 1_000),
        ]
            as [(Int64, Int64, Int64?, Int64?)])
    func implausible(_ energy: Int64, _ seconds: Int64, _ started: Int64?, _ ended: Int64?) async throws {
        let world = try OrderWorld()
        let order = try await ran(world)
        let outcome = try world.send(world.bill(order.number, energy: energy, seconds: seconds, started: started, ended: ended))
        #expect(outcome == .refused(order: order.number, reason: "implausible"))
        #expect(try world.look(order).review == [.badBill])
        #expect(try world.look(order).state == .charging)
        world.advance(.seconds(4 * 3_600))
        let settled = try world.look(order)
        #expect((settled.price, settled.isEstimated) == (10, true))
        try world.check()
    }

    @Test("a true bill after one that cannot be true settles the order")
    func corrected() async throws {
        let world = try OrderWorld()
        let order = try await ran(world)
        try world.send(world.bill(order.number, energy: 900_000, seconds: 600))
        #expect(try world.send(world.bill(order.number, energy: 1_050, seconds: 600)) == .settled(order: order.number))
        // 6.3 and 4.2 fen, each rounded.
        #expect(try world.look(order).price == 10)
        try world.check()
    }

    @Test("of 0 with nothing seen: cancelled, no charge (V12)")
    func nothing() async throws {
        let world = try OrderWorld()
        try await world.topUp()
        let order = try await world.create()
        #expect(try world.send(world.bill(order.number, energy: 0, seconds: 25, reason: .noPower)) == .settled(order: order.number))
        #expect(try world.look(order).state == .cancelled)
        #expect(try world.wallet() == 10_000)
        try world.check()
    }

    // MARK: Clocks and meters

    @Test("the pile's clock stands at 1970: the order keeps its server start (F28)")
    func unsetClock() async throws {
        let world = try OrderWorld()
        let order = try await ran(world)
        try world.send(world.bill(order.number, energy: 1_100, seconds: 600, started: 50, ended: 650, pileTime: 655))
        let closed = try world.look(order)
        #expect(closed.state == .closed)
        #expect(closed.billedSeconds == 600)
        #expect(closed.endedAt == (try #require(closed.startedAt)) + 600_000)
        #expect(closed.flags.contains("clock"))
        try world.check()
    }

    @Test("the pile's clock jumps back during a charge: no negative time, flagged (F29)")
    func jump() async throws {
        let world = try OrderWorld()
        let order = try await ran(world)
        let now = world.milliseconds / 1000
        try world.send(world.bill(order.number, energy: 1_100, seconds: 600, started: now - 600, ended: now - 1_020, pileTime: now - 1_020))
        #expect(try world.look(order).billedSeconds == 600)
        #expect(try world.look(order).flags.contains("clock"))
        try world.check()
    }

    @Test("the count of seconds wraps at 65,536: the duration is that of start and end (F30)")
    func wrap() async throws {
        let world = try OrderWorld()
        let order = try await world.charging()
        let started = world.milliseconds / 1000
        for _ in 0..<234 {
            world.advance(.seconds(300))
            try world.sample(order, energy: 100, power: 10)
        }
        let ended = world.milliseconds / 1000
        #expect(ended - started == 70_200)
        try world.send(world.bill(order.number, energy: 100, seconds: 70_200 - 65_536, started: started, ended: ended, pileTime: ended))
        let closed = try world.look(order)
        #expect(closed.billedSeconds == 70_200)
        #expect(closed.flags.contains("wrapped"))
        try world.check()
    }

    @Test("without start and end a wrapped count is at least as long as what was seen (F30)")
    func wrapWithoutTimes() async throws {
        let world = try OrderWorld()
        let order = try await world.charging()
        for _ in 0..<234 {
            world.advance(.seconds(300))
            try world.sample(order, energy: 100, power: 10)
        }
        try world.send(world.bill(order.number, energy: 100, seconds: 70_200 - 65_536))
        #expect(try world.look(order).billedSeconds == 70_200)
    }

    @Test("the meter rolls back by one sample: ignored, flagged (F31)")
    func rollback() async throws {
        let world = try OrderWorld()
        let order = try await ran(world)
        world.advance(.seconds(300))
        try world.sample(order, energy: 900)
        #expect(try world.look(order).energy == 1_000)
        #expect(try world.look(order).flags == ["meter_rollback"])
        world.advance(.seconds(300))
        try world.sample(order, energy: 1_400)
        #expect(try world.look(order).energy == 1_400)
        try world.check()
    }

    @Test("the meter begins again at 0: counted on from there, flagged (F32)")
    func reset() async throws {
        let world = try OrderWorld()
        let order = try await ran(world)
        world.advance(.seconds(300))
        try world.sample(order, energy: 10)
        world.advance(.seconds(300))
        try world.sample(order, energy: 500)
        #expect(try world.look(order).energy == 1_500)
        try world.send(world.bill(order.number, energy: 600, seconds: 1_200))
        let closed = try world.look(order)
        #expect(closed.billedEnergy == 1_600)
        #expect(closed.flags.contains("register_reset"))
        #expect(closed.price == 16)
        try world.check()
    }

    @Test("energy above the rated power: the sample is rejected with an alarm, an odometer is never billed (F33, F34)")
    func spike() async throws {
        let world = try OrderWorld()
        let order = try await ran(world)
        world.advance(.seconds(60))
        try world.sample(order, energy: 9_099_480)
        #expect(try world.look(order).energy == 1_000)
        #expect(world.desk.alarms == ["implausible_sample"])
        world.advance(.seconds(60))
        try world.sample(order, energy: 1_200)
        #expect(try world.look(order).energy == 1_200)
        #expect(
            try world.send(world.bill(order.number, energy: 9_099_480, seconds: 720))
                == .refused(order: order.number, reason: "implausible"))
        try world.check()
    }

    @Test("power was cut: billed from the register shown, also where the last sample was above it (F25, F26)")
    func powerCut() async throws {
        let world = try OrderWorld()
        let order = try await ran(world)
        world.advance(.seconds(1_200))
        try world.send(world.bill(order.number, energy: 990, seconds: 598, reason: .powerLoss))
        let closed = try world.look(order)
        #expect((closed.price, closed.billedEnergy, closed.reason) == (10, 990, "power_loss"))
        #expect(closed.flags.contains("bill_below_samples"))
        try world.check()
    }

    @Test("a pile that lost its count of time bills its meter: the time is what was seen, or what the energy takes at least (F28, F30)")
    func timeLost() async throws {
        let world = try OrderWorld()
        let order = try await ran(world)
        world.advance(.seconds(300))
        try world.send(world.bill(order.number, energy: 1_400, seconds: 0, reason: .powerLoss))
        let closed = try world.look(order)
        #expect((closed.state, closed.billedEnergy, closed.billedSeconds, closed.price) == (.closed, 1_400, 600, 14))
        #expect(closed.flags.contains("time_lost") && !closed.isEstimated)
        // Without a look: 2,000 W give 0.1 kWh in 180 s.
        let unseen = try await world.charging()
        world.advance(.seconds(600))
        try world.send(world.bill(unseen.number, energy: 1_000, seconds: 0, reason: .powerLoss))
        #expect(try world.look(unseen).billedSeconds == 180)
        // More than can have flowed since the start is no lost time.
        let absurd = try await world.charging()
        world.advance(.seconds(60))
        #expect(
            try world.send(world.bill(absurd.number, energy: 9_000, seconds: 0)) == .refused(order: absurd.number, reason: "implausible"))
        try world.check()
    }

    @Test("energy between two orders of a port is an alarm: an order was lost (I16, F11)")
    func register() async throws {
        let world = try OrderWorld()
        let first = try await ran(world)
        try world.send(world.bill(first.number, energy: 1_000, seconds: 600, register: 50_000...51_000))
        let second = try await world.create()
        try world.say(.startAnswered(pile: OrderWorld.pile, port: 1, order: second.number, .started))
        world.advance(.seconds(600))
        try world.send(world.bill(second.number, energy: 1_000, seconds: 600, register: 51_000...52_000))
        #expect(world.desk.alarms == [])
        let third = try await world.create()
        try world.say(.startAnswered(pile: OrderWorld.pile, port: 1, order: third.number, .started))
        world.advance(.seconds(600))
        try world.send(world.bill(third.number, energy: 1_000, seconds: 600, register: 54_000...55_000))
        #expect(world.desk.alarms == ["lost_order"])
        try world.check()
    }

    @Test("what an order that was settled without a bill has, and what the port draws by itself, is no gap (I16)")
    func registerWithEstimate() async throws {
        let world = try OrderWorld()
        let first = try await ran(world)
        try world.send(world.bill(first.number, energy: 1_000, seconds: 600, register: 50_000...51_000))
        // By its last look it has 1,000 dWh. In the 7,900 s until the next order 3 W are 65 dWh, and 100 are the meter's steps.
        _ = try await estimated(world)
        let third = try await ran(world)
        try world.send(world.bill(third.number, energy: 1_000, seconds: 600, register: 52_160...53_160))
        #expect(!world.desk.alarms.contains("lost_order"))
        _ = try await estimated(world)
        let fifth = try await ran(world)
        try world.send(world.bill(fifth.number, energy: 1_000, seconds: 600, register: 54_340...55_340))
        #expect(world.desk.alarms.contains("lost_order"))
        try world.check()
    }

    // MARK: Cards

    @Test("a card charged while the pile was alone: the order is made of the bill, once; an unknown card is quarantined (F64)")
    func offlineCard() async throws {
        let world = try OrderWorld()
        try await world.topUp("anna", 1_000)
        try world.engine.register(card: "0badcafe", tenant: "acme", user: "anna")
        let now = world.milliseconds / 1000
        let bill = world.bill(
            "26010108050badcafe04ceaa4031", energy: 2_000, seconds: 1_800, started: now - 7_200, ended: now - 5_400, card: "0badcafe",
            pileTime: now)
        let outcome = try world.send(bill)
        guard case .settled(let number) = outcome else {
            Issue.record("\(String(describing: outcome))")
            return
        }
        #expect(OrderNumbers.isNumber(number))
        let order = try #require(try world.engine.order(number))
        #expect((order.state, order.price, order.user, order.tenant) == (.closed, 20, "anna", "acme"))
        #expect(order.startedAt == (now - 7_200) * 1000)
        #expect(try world.send(bill) == .repeated(order: number))
        #expect(try world.wallet("anna") == 980)

        let stranger = world.bill("26010108050000000004ceaa4031", energy: 2_000, seconds: 1_800, card: "00000000")
        #expect(try world.send(stranger) == .refused(order: "26010108050000000004ceaa4031", reason: "unknown_card"))
        try world.check()
    }

    @Test("an offline charge that the wallet cannot pay is due, and blocks the user")
    func offlineDue() async throws {
        let world = try OrderWorld()
        try world.engine.register(card: "0badcafe", tenant: "", user: "anna")
        try world.send(world.bill("260101", energy: 2_000, seconds: 1_800, card: "0badcafe"))
        let outcome = try world.send(world.bill("260102", energy: 1_000, seconds: 1_800, card: "0badcafe"))
        guard case .settled(let number) = outcome else {
            Issue.record("\(String(describing: outcome))")
            return
        }
        #expect(try world.engine.order(number)?.state == .due)
        #expect(try world.engine.wallet("anna").due == 30)
        try await world.topUp("anna", 5_000)
        await #expect(throws: APIError.self) { _ = try await world.create("anna") }
        try world.check()
    }
}

@Suite("Bills without a number (charging-protocols.md 2.15), and mistakes that stay alone")
struct OrderOddBillTests {
    @Test("a bill without a number is that of the order on the port, unless it began before it")
    func withoutNumber() async throws {
        let world = try OrderWorld()
        let order = try await world.charging()
        world.advance(.seconds(600))
        let old = world.bill(nil, energy: 9_000, seconds: 3_600)
        #expect(try world.send(old) == .refused(order: nil, reason: "unknown_order"))
        #expect(try world.look(order).state == .charging)
        #expect(try world.send(world.bill(nil, energy: 1_000, seconds: 590)) == .settled(order: order.number))
        try world.check()
    }

    @Test("one thing that fails in a commit leaves the others in it")
    func alone() async throws {
        let world = try OrderWorld()
        let order = try await world.charging()
        world.advance(.seconds(600))
        let engine = try world.engine
        struct Mistake: Error {}
        let failures = SharedValue<[String]>([])
        engine.submit(
            OrderQueue.Item(
                word: .event, run: { _ in throw Mistake() },
                finish: { error in failures.change { $0.append("\(error.map { "\($0)" } ?? "none")") } }))
        #expect(try world.send(world.bill(order.number, energy: 1_000, seconds: 600)) == .settled(order: order.number))
        #expect(failures.value == ["Mistake()"])
        #expect(world.events("storage.failed").count == 1)
        try world.check()
    }
}
