import LabCore
import Testing

@testable import Cloud

@Suite("Orders over the lives of the cloud (charging-orders.md F18, F19, I7, I9)")
struct OrderCrashTests {
    @Test("a crash before the commit of an order leaves nothing behind; the same tap makes it in the next life")
    func createBefore() async throws {
        let world = try OrderWorld()
        try await world.topUp()
        world.crash(at: "commit.before", of: "order.create")
        await #expect(throws: CloudCrashed.self) { _ = try await world.create(key: "tap") }
        try world.start()
        #expect(try world.wallet() == 10_000)
        #expect(world.piles.take() == [])
        _ = try await world.create(key: "tap")
        try world.check()
    }

    @Test("a crash after it, before the start was sent: the same tap gives the order, and the pile that logs in is started")
    func createAfter() async throws {
        let world = try OrderWorld()
        try await world.topUp()
        world.crash(at: "commit.after", of: "order.create")
        await #expect(throws: CloudCrashed.self) { _ = try await world.create(key: "tap") }
        #expect(world.piles.take() == [])
        try world.start()
        let order = try await world.create(key: "tap")
        #expect(order.state == .starting)
        try world.say(.online(pile: OrderWorld.pile, PileFacts(wire: .dny, ports: 2)))
        #expect(world.piles.take() == ["start \(order.number) 1"])
        #expect(world.events("order.created").count == 1)
        try world.check()
    }

    @Test("waits go on in the next life: a start that nobody answered awaits its bill", arguments: [30, 59, 61, 4_000])
    func timers(_ downtime: Int64) async throws {
        let world = try OrderWorld()
        try await world.topUp()
        let order = try await world.create()
        world.crash()
        world.advance(.seconds(downtime))
        try world.start()
        world.advance(.seconds(max(0, 61 - downtime)))
        #expect(try world.look(order).state == .awaitBill)
        world.advance(.seconds(3 * 3_600))
        let done = try world.look(order)
        #expect(done.state == .cancelled)
        #expect(done.review == [.estimated])
        #expect(try world.wallet() == 10_000)
        try world.check()
    }

    @Test("the next life runs on a machine whose clock is 2 s off: each wait is over once, and times are those of the events (F44)", arguments: [-2, 2] as [Int64])
    func otherClock(_ seconds: Int64) async throws {
        let world = try OrderWorld()
        let order = try await world.charging()
        world.advance(.seconds(599))
        try world.sample(order, energy: 1_000)
        _ = try await world.stop(order)
        _ = world.piles.take()
        world.advance(.seconds(29))
        world.crash()
        world.shiftClock(seconds)
        try world.start()
        // By this clock the 30 s for the stop end a second, and some, later or are over already.
        world.advance(.seconds(4))
        #expect(world.states(of: order.number).filter { $0 == "await_bill" }.count == 1)
        #expect(world.piles.take().filter { $0.hasPrefix("stop") }.count <= 2, "of the timeout, and of the next life itself")
        // A look that the first machine took comes once more; a second behind the last one it cannot add what cannot have flowed.
        try world.sample(order, energy: 1_000)
        try world.send(world.bill(order.number, energy: 1_000, seconds: 599))
        let closed = try world.look(order)
        #expect(closed.state == .closed && closed.billedSeconds == 599 && closed.price == 10)
        #expect(world.events("order.settled").count == 1)
        try world.check()
    }

    @Test("what was read of a charge is there in the next life")
    func samples() async throws {
        let world = try OrderWorld()
        let order = try await world.charging()
        world.advance(.seconds(300))
        try world.sample(order, energy: 1_000)
        let before = try world.look(order)
        try world.restart()
        #expect(try world.look(order) == before)
        world.advance(.seconds(300))
        try world.sample(order, energy: 1_900)
        #expect(try world.look(order).energy == 1_900)
        try world.check()
    }

    @Test("the whole history again changes nothing (I9)")
    func history() async throws {
        let world = try OrderWorld()
        let order = try await world.charging()
        world.advance(.seconds(600))
        try world.sample(order, energy: 1_000)
        let bill = world.bill(order.number, energy: 1_100, seconds: 600)
        try world.send(bill)
        let before = try world.look(order)
        let wallet = try world.wallet()
        try world.restart()
        try world.say(.startAnswered(pile: OrderWorld.pile, port: 1, order: order.number, .started))
        try world.sample(order, energy: 1_000, state: .idle)
        try world.say(.stopAnswered(pile: OrderWorld.pile, port: 1, order: order.number, .over))
        #expect(try world.send(bill) == .repeated(order: order.number))
        _ = try await world.stop(order)
        #expect(try world.look(order) == before)
        #expect(try world.wallet() == wallet)
        try world.check()
    }
}
