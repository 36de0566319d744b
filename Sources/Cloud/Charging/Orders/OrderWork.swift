import GRDB
import LabCore

/// One transaction on orders: looks up, lets `OrderRules` decide, writes, and collects what is to be told and sent after the commit.
///
/// Nothing outside of the transaction changes here: when it fails, the value is thrown away and memory is as before.
struct OrderWork {
    let db: Database
    /// Unix milliseconds.
    let now: Int64
    let policies: OrderPolicies
    let bugs: Set<SeededBug>
    let memory: OrderMemory
    let ledger: Ledger
    /// Answers from memory.
    let desk: any StationDesk
    /// Whoever counts what orders bring, in the same transaction.
    let count: Counting?
    typealias Counting = @Sendable (OrderTurnover, Database) throws -> Void

    /// What is to be done once the commit stands.
    struct Effects {
        var notes: [CloudNote] = []
        var commands: [(pile: String, command: PileCommand)] = []
        var alarms: [OrderAlarm] = []
        var refunds: [PaymentRefund] = []
        /// The orders that were written, in the order of writing.
        var changed: [Order] = []
    }
    var effects = Effects()

    private var orders: [String: Order] = [:]
    private var occupants: [PortKey: String?] = [:]

    init(
        db: Database, now: Int64, policies: OrderPolicies, bugs: Set<SeededBug>, memory: OrderMemory, desk: any StationDesk,
        count: Counting? = nil
    ) {
        self.db = db
        self.now = now
        self.policies = policies
        self.bugs = bugs
        self.memory = memory
        self.desk = desk
        self.count = count
        ledger = Ledger(bugs: bugs)
    }

    /// What an event brings along.
    struct Facts {
        var reading: SampleReading?
        var sample: PileSample?
        var bill: PileBill?
        var billReading: BillReading?
        /// The order's samples, where they have been read for the bill.
        var samples: [(at: Int64, energy: Int64)]?
        /// The row of the stored bill.
        var billRow: Int64?
        var rated: Int64 = 0
    }

    // MARK: Looking up

    func order(_ number: String) throws -> Order? {
        if let changed = orders[number] { return changed }
        if let active = memory.order(number) { return active }
        return try OrderStore.find(number, in: db)
    }

    func occupant(pile: String, port: Int) -> String? {
        let key = PortKey(pile: pile, port: port)
        if let changed = occupants[key] { return changed }
        return memory.occupant(key)
    }

    func activeOrders(of user: String) -> [String] {
        let known = memory.orders(ofUser: user).filter { orders[$0]?.state.isActive ?? true }
        let fresh = effects.changed.filter { $0.user == user && !known.contains($0.number) }.map(\.number)
        return known + Set(fresh).sorted().filter { orders[$0]?.state.isActive == true }
    }

    // MARK: Words for the log

    mutating func note(_ name: String, _ fields: Fields) { effects.notes.append(CloudNote(name, fields)) }

    mutating func alarm(_ kind: String, pile: String, port: Int?, order: String?, tenant: String, _ text: String) {
        effects.alarms.append(OrderAlarm(pile: pile, port: port, kind: kind, text: text, order: order, operatorID: tenant))
    }

    mutating func send(_ command: PileCommand, to pile: String) { effects.commands.append((pile, command)) }

    // MARK: Writing

    /// Writes an order: a new one with the lease of its port, of another what has changed.
    mutating func save(_ order: inout Order) throws {
        if order.row == 0 {
            order.row = try OrderStore.insert(order, in: db)
            if order.state.isActive { try OrderStore.lease(order, isForced: bugs.contains(.portNotExclusive), in: db) }
        } else {
            try OrderStore.update(order, in: db)
        }
        keep(order)
    }

    private mutating func keep(_ order: Order) {
        orders[order.number] = order
        let key = PortKey(pile: order.pile, port: order.port)
        if order.state.isActive {
            occupants[key] = .some(order.number)
        } else if occupant(pile: order.pile, port: order.port) == order.number {
            occupants[key] = .some(nil)
        }
        effects.changed.append(order)
    }

    // MARK: Transitions

    /// Lets the rules decide and does what they say.
    ///
    /// - Returns: the order as it is now, and whether anything happened to it.
    @discardableResult
    mutating func apply(_ event: OrderEvent, to order: Order, _ facts: Facts = Facts()) throws -> (order: Order, transition: Transition?) {
        guard let transition = OrderRules.transition(order, event, policies, now: now, bugs: bugs) else { return (order, nil) }
        var changed = order
        for effect in transition.effects { try perform(effect, on: &changed, event, facts) }
        switch transition.to {
        case .same: break
        case .state(let state): try move(&changed, to: state)
        case .settled: try move(&changed, to: changed.open > 0 ? .due : .closed)
        }
        if changed != order {
            if transition.to == .same, changed.hasOnlyNewReadings(since: order) {
                try OrderStore.updateReadings(changed, in: db)
                keep(changed)
            } else {
                try save(&changed)
            }
        }
        return (changed, transition)
    }

    private mutating func move(_ order: inout Order, to state: OrderState) throws {
        let from = order.state
        guard from != state else { return }
        order.state = state
        var fields: Fields = ["order": .text(order.number), "from": .text(from.rawValue), "to": .text(state.rawValue)]
        if let reason = order.reason { fields["reason"] = .text(reason) }
        note("order.state", fields)
        if from.isActive, !state.isActive {
            order.timer = nil
            order.timerAt = nil
            try OrderStore.release(order, in: db)
        }
        let place: Fields = [
            "order": .text(order.number), "user": .text(order.user), "pile": .text(order.pile), "port": .integer(Int64(order.port)),
        ]
        switch state {
        case .charging:
            if order.startedAt == nil { order.startedAt = now }
            note("order.started", place)
        case .closed: note("order.closed", place.merging(["cents": .integer(order.price)]))
        case .cancelled: note("order.cancelled", order.reason.map { place.merging(["reason": .text($0)]) } ?? place)
        case .held, .starting, .stopping, .awaitBill, .due: break
        }
    }

    private mutating func perform(_ effect: OrderEffect, on order: inout Order, _ event: OrderEvent, _ facts: Facts) throws {
        switch effect {
        case .takeSample: try takeSample(&order, facts)
        case .setReason(let reason): if order.reason == nil { order.reason = reason }
        case .setLink(let link):
            order.link = link
            if link == .online { order.queries = 0 }
        case .addReview(let review): try add(review, to: &order)
        case .settleByBill: try settleByBill(&order, facts)
        case .settleByEstimate: try settleByEstimate(&order)
        case .release: try release(&order)
        case .keepBill: keep(facts, in: &order)
        case .quarantine: break
        case .returnDifference: try correct(&order, facts)
        case .absorbDifference: try absorb(&order, facts)
        case .chargeDifference: try chargeUp(&order, facts)
        case .countQuery: order.queries += 1
        case .countTry: order.tries += 1
        case .arm(let timer):
            if timer == .bill, order.awaitingSince == nil { order.awaitingSince = now }
            order.timer = timer
            order.timerAt = OrderRules.deadline(of: timer, order, policies, now: now)
        case .alarm(let kind): alarm(kind, of: order, event, facts)
        case .sendStart:
            send(
                .start(
                    order: order.number, port: order.port, limitEnergy: order.limitEnergy, limitSeconds: order.limitSeconds, limitPower: nil
                ),
                to: order.pile)
        case .sendStop: send(.stop(order: order.wireNumber ?? order.number, port: order.port), to: order.pile)
        case .sendQuery: send(.query, to: order.pile)
        }
    }

    mutating func add(_ review: OrderReview, to order: inout Order) throws {
        guard order.review.insert(review).inserted else { return }
        try OrderStore.raise(review, of: order, at: now, in: db)
        note("order.review", ["order": .text(order.number), "reason": .text(review.rawValue)])
    }

    private mutating func alarm(_ kind: String, of order: Order, _ event: OrderEvent, _ facts: Facts) {
        let text: String
        switch kind {
        case "energy_without_order":
            guard memory.noteStranger(PortKey(pile: order.pile, port: order.port), order: order.number) else { return }
            text = "The pile reports a charge of the order \(order.number), which is \(order.state.rawValue)."
        case "implausible_sample":
            text = "The pile reports \(facts.sample?.energy ?? 0) dWh after \(order.meter) dWh: more than it can give."
        case "conflict": text = "The port is busy for the pile and free for the cloud."
        default: text = "The pile answers the start with a fault."
        }
        alarm(kind, pile: order.pile, port: order.port, order: order.number, tenant: order.tenant, text)
    }

    // MARK: Readings

    private mutating func takeSample(_ order: inout Order, _ facts: Facts) throws {
        guard let sample = facts.sample, let reading = facts.reading else { return }
        if order.startedAt == nil, order.state == .starting { order.startedAt = now }
        switch reading.kind {
        case .rollback: order.flags.insert("meter_rollback")
        case .reset: order.flags.insert("register_reset")
        case .good, .implausible: break
        }
        try OrderStore.insert(sampleOf: order, at: now, energy: sample.energy, power: sample.power, in: db)
        order.energy = reading.energy
        order.meter = reading.meter
        order.sampledAt = now
        order.power = sample.power
        order.samples += 1
        order.running = try running(order)
        note(
            "order.sample",
            [
                "order": .text(order.number), "energy": .integer(order.energy), "power": .integer(sample.power),
                "cents": .integer(order.running),
            ])
    }

    /// What it costs so far, by all of its readings where what flowed when makes a difference.
    private func running(_ order: Order) throws -> Int64 {
        let (started, ended) = (seconds(order.startedAt ?? order.createdAt), seconds(now))
        let versions = try versions(of: order, to: ended)
        let samples = PriceCalculator.dependsOnReadings(from: started, to: ended, versions: versions) ? try OrderStore.samples(of: order, in: db) : []
        return try PriceCalculator.price(usage(started, ended, samples, total: order.energy), versions: versions).due
    }

    func seconds(_ milliseconds: Int64) -> Int64 { milliseconds / 1000 }

    func price(
        _ order: Order, started: Int64, ended: Int64, samples: [(at: Int64, energy: Int64)] = [], total: Int64, idleMinutes: Int64 = 0
    ) throws -> Price {
        let usage = usage(started, ended, samples, total: total, idleMinutes: idleMinutes)
        return try PriceCalculator.price(usage, versions: try versions(of: order, to: usage.ended))
    }

    private func usage(_ started: Int64, _ ended: Int64, _ samples: [(at: Int64, energy: Int64)], total: Int64, idleMinutes: Int64 = 0) -> Usage {
        Usage(
            started: started, ended: max(started, ended), samples: samples.map { Usage.Sample(at: $0.at / 1000, energy: $0.energy) }, total: total,
            idleMinutes: idleMinutes)
    }

    /// What the order is priced by.
    private func versions(of order: Order, to ended: Int64) throws -> [DatedTariff] {
        let frozen = try memory.tariff(order.tariff)
        return frozen.priceLock == .byValidity ? try versions(after: frozen, of: order, to: ended) : [DatedTariff(from: 0, tariff: frozen)]
    }

    /// The frozen tariff, and the versions of the place that took its place meanwhile, each from the second on in which it holds.
    private func versions(after frozen: Tariff, of order: Order, to ended: Int64) throws -> [DatedTariff] {
        var versions = [DatedTariff(from: 0, tariff: frozen)]
        // A price that was agreed for this order alone has no later versions.
        guard
            var label = desk.tariff(pile: order.pile, at: order.createdAt).flatMap({ memory.text(of: $0) == order.tariff ? $0.label : nil })
        else { return versions }
        for moment in desk.tariffStarts(pile: order.pile, after: order.createdAt, through: ended * 1000) {
            guard let version = desk.tariff(pile: order.pile, at: moment), version.label != label, let text = memory.text(of: version) else { continue }
            label = version.label
            let dated = DatedTariff(from: (moment + 999) / 1000, tariff: try memory.tariff(text))
            if versions.last?.from == dated.from { versions.removeLast() }
            versions.append(dated)
        }
        return versions
    }
}

/// What somebody has to be told of a place.
package struct OrderAlarm: Sendable, Equatable {
    package var pile: String
    package var port: Int?
    /// `AlarmKind`'s words, and `lost_order`, `energy_without_order`, `implausible_sample`, `conflict`, `unknown_order`, `foreign_order`.
    package var kind: String
    package var text: String
    package var order: String?
    /// Whose alarm it is.
    package var operatorID: String

    package init(pile: String, port: Int?, kind: String, text: String, order: String?, operatorID: String) {
        self.pile = pile
        self.port = port
        self.kind = kind
        self.text = text
        self.order = order
        self.operatorID = operatorID
    }
}

/// What an order brings, or what a correction takes back.
package struct OrderTurnover: Sendable, Equatable {
    package var pile: String
    /// Unix milliseconds.
    package var at: Int64
    /// Below 0 where the price was lowered, or part of it goes back.
    package var fen: Int64
    package var seconds: Int64
    /// The parts by band and civil day; empty for corrections.
    package var segments: [PriceSegment]
    package var isCorrection: Bool
}
