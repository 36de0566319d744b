import LabCore
import Testing

@testable import Cloud

/// Random users, piles, fates of messages and crashes from a seed; every rule is looked at after every step.
@Suite("Orders under random histories (charging-orders.md 2.5)")
struct OrderPropertyTests {
    /// What really happens at a port.
    private struct Port {
        var running: String?
        var started: Int64 = 0
        var energy: Int64 = 0
    }

    private struct Truth {
        var ports: [PortKey: Port] = [:]
        /// Bills that were not acknowledged.
        var bills: [PileBill] = []
        /// All bills that were ever sent, for late copies.
        var sent: [PileBill] = []
        var energy: [String: Int64] = [:]
        var orders: [Order] = []
    }

    @Test("no invariant breaks, and everything comes to an end", arguments: 1...12 as ClosedRange<UInt64>)
    func random(_ seed: UInt64) async throws {
        var chance = SeededGenerator(seed: seed, purpose: "random orders")
        let world = try OrderWorld()
        world.desk.add(RegisteredPile(id: "0000beef", operatorID: "other", site: "other.yard", ports: 2))
        var truth = Truth()
        for user in ["anna", "berta", "carl"] { try await world.topUp(user, 300) }
        for step in 0..<120 {
            try await act(world, &truth, &chance)
            let broken = try world.violations()
            guard broken.isEmpty else {
                Issue.record("seed \(seed), step \(step): \(broken.joined(separator: "; "))")
                return
            }
            guard world.sum("wallet.debited") == world.sum("revenue.credited") else {
                Issue.record("seed \(seed), step \(step): the log does not balance")
                return
            }
        }
        try end(world, truth, seed)
    }

    private func act(_ world: OrderWorld, _ truth: inout Truth, _ chance: inout SeededGenerator) async throws {
        let pile = chance.chance(0.7) ? OrderWorld.pile : "0000beef"
        let port = Int(chance.integer(below: 2)) + 1
        let user = ["anna", "berta", "carl"][Int(chance.integer(below: 3))]
        switch chance.integer(below: 12) {
        case 0, 1, 2:
            let key = "tap-\(chance.integer(below: 6))"
            guard let order = try? await world.create(user, pile: pile, port: port, key: chance.chance(0.7) ? nil : key, hold: 50) else {
                return
            }
            if !truth.orders.contains(where: { $0.number == order.number }) { truth.orders.append(order) }
            let place = PortKey(pile: order.pile, port: order.port)
            guard order.state == .starting, truth.ports[place]?.running == nil, chance.chance(0.85) else { return }
            truth.ports[place] = Port(running: order.number, started: world.milliseconds)
            if chance.chance(0.8) {
                try say(world, .startAnswered(pile: order.pile, port: order.port, order: order.number, .started), &chance)
            }
        case 3:
            if let order = pick(truth.orders, &chance) { _ = try? await world.stop(order) }
        case 4, 5: try report(world, &truth, &chance)
        case 6, 7: try finish(world, &truth, &chance)
        case 8:
            if let order = pick(truth.orders, &chance) {
                let isRunning = truth.ports[PortKey(pile: order.pile, port: order.port)]?.running == order.number
                let answer: StopAnswer = truth.energy[order.number] != nil ? .over : isRunning ? .stopped : .unknown
                if !isRunning || chance.chance(0.5) {
                    try say(world, .stopAnswered(pile: order.pile, port: order.port, order: order.number, answer), &chance)
                }
            }
        case 9:
            let events = ["commit.before", "commit.after"]
            let words = ["order.bill", "order.sample", "order.timer", "order.event"]
            if chance.chance(0.5) {
                world.crash(at: events[Int(chance.integer(below: 2))], of: words[Int(chance.integer(below: 4))])
            } else {
                try world.restart()
            }
        case 10:
            // One second around the deadlines, and long outages.
            let times: [Int64] = [1, 29, 30, 31, 59, 60, 61, 300, 540, 1_440, 1_860, 7_200, 90_000]
            wait(world, times[Int(chance.integer(below: UInt64(times.count)))], &truth)
        default:
            if chance.chance(0.3), let old = pick(truth.sent, &chance) { deliver(old, world, &truth) } else { wait(world, 120, &truth) }
        }
        if try world.engine.storage.isCrashed { try world.start() }
    }

    private func pick<Item>(_ items: [Item], _ chance: inout SeededGenerator) -> Item? {
        items.isEmpty ? nil : items[Int(chance.integer(below: UInt64(items.count)))]
    }

    /// Lost, once, or twice.
    private func say(_ world: OrderWorld, _ event: PileEvent, _ chance: inout SeededGenerator) throws {
        for _ in 0..<[0, 1, 1, 1, 2][Int(chance.integer(below: 5))] { try world.say(event) }
    }

    private func wait(_ world: OrderWorld, _ seconds: Int64, _ truth: inout Truth) {
        world.advance(.seconds(seconds))
        for place in truth.ports.keys.sorted(by: { ($0.pile, $0.port) < ($1.pile, $1.port) }) where truth.ports[place]?.running != nil {
            // 360 W are 1 dWh a second; a charge is over after 4 kWh.
            let energy = truth.ports[place]?.energy ?? 0
            truth.ports[place]?.energy = min(40_000, energy + seconds)
        }
    }

    private func report(_ world: OrderWorld, _ truth: inout Truth, _ chance: inout SeededGenerator) throws {
        wait(world, 60, &truth)
        for (place, port) in truth.ports.sorted(by: { ($0.key.pile, $0.key.port) < ($1.key.pile, $1.key.port) }) {
            guard let number = port.running else { continue }
            let energy = chance.chance(0.05) ? 9_000_000 : port.energy
            try say(
                world,
                .sample(
                    PileSample(
                        pile: place.pile, port: place.port, order: number, receivedAt: world.milliseconds, energy: energy, power: 3_600,
                        seconds: (world.milliseconds - port.started) / 1000)), &chance)
        }
    }

    /// A charge ends at the pile; its bill is in flash until it is acknowledged.
    private func finish(_ world: OrderWorld, _ truth: inout Truth, _ chance: inout SeededGenerator) throws {
        let places = truth.ports.keys.filter { truth.ports[$0]?.running != nil }.sorted { ($0.pile, $0.port) < ($1.pile, $1.port) }
        if let place = pick(places, &chance), let port = truth.ports[place], let number = port.running {
            truth.ports[place] = Port()
            truth.energy[number] = port.energy
            let bill = world.bill(
                number, energy: port.energy, seconds: (world.milliseconds - port.started) / 1000, pile: place.pile, port: place.port)
            truth.bills.append(bill)
        }
        // A forged one, now and then.
        if chance.chance(0.1), let order = pick(truth.orders, &chance) {
            deliver(world.bill(order.number, energy: 9_000_000, seconds: 10, pile: order.pile, port: order.port), world, &truth)
        }
        for bill in truth.bills where chance.chance(0.6) { deliver(bill, world, &truth) }
    }

    private func deliver(_ bill: PileBill, _ world: OrderWorld, _ truth: inout Truth) {
        var now = bill
        now.receivedAt = world.milliseconds
        guard let outcome = try? world.send(now) else { return }
        if bill.energy < 9_000_000, !truth.sent.contains(where: { $0.contentHash == bill.contentHash && $0.pile == bill.pile }) {
            truth.sent.append(bill)
        }
        if outcome != .failed { truth.bills.removeAll { $0.contentHash == bill.contentHash && $0.pile == bill.pile } }
    }

    /// Faults have ended: all bills come, and every order reaches its end (I7); nobody has paid more than the truth (I12).
    private func end(_ world: OrderWorld, _ truth: Truth, _ seed: UInt64) throws {
        var truth = truth
        world.crash(at: "never", of: "")
        try world.restart()
        for (place, port) in truth.ports.sorted(by: { ($0.key.pile, $0.key.port) < ($1.key.pile, $1.key.port) }) {
            guard let number = port.running else { continue }
            truth.energy[number] = port.energy
            truth.bills.append(
                world.bill(
                    number, energy: port.energy, seconds: (world.milliseconds - port.started) / 1000, pile: place.pile, port: place.port))
        }
        for bill in truth.bills { deliver(bill, world, &truth) }
        world.advance(.seconds(3 * 3_600))
        #expect(truth.bills.isEmpty, "seed \(seed)")
        for order in truth.orders {
            let last = try world.look(order)
            #expect(!last.state.isActive, "seed \(seed): \(order.number) is \(last.state)")
            let energy = truth.energy[order.number] ?? 0
            // 0.6 and 0.4 fen for 100 dWh, each rounded once, half up.
            let price = (energy * 6 + 500) / 1_000 + (energy * 4 + 500) / 1_000
            #expect(last.captured + last.paid - last.returned <= price, "seed \(seed): \(order.number)")
        }
        let broken = try world.violations()
        #expect(broken == [], "seed \(seed)")
    }
}
