package import LabCore

/// Compares every order of a run with what really happened: true energy → price → ledger → payment → refund.
///
/// It reads the events that emulated piles, the cloud and the emulated payment services note, and nothing of the cloud's code.
package struct OrderOracle: RunOracle {
    package init() {}

    package func judge(plan: Plan, events: [RunEvent]) -> OracleReport? {
        let kinds = Set(plan.roles.map(\.kind))
        guard kinds.contains("pile"), kinds.contains("cloud"), !plan.tags.contains(Plan.oracleExemption) else { return nil }
        var judge = OrderJudge(plan: plan, epoch: OracleLog.epoch(of: events, plan: plan))
        for event in events { judge.observe(event) }
        return judge.report
    }
}

/// The same judge for a run whose events nobody keeps: it reads each as it comes, and remembers of an order what its judgement needs.
package struct OrderJudge: Sendable {
    private let plan: Plan
    private var log: OracleLog

    /// - Parameter epoch: Unix seconds at the beginning of the run.
    package init(plan: Plan, epoch: Int64) {
        self.plan = plan
        log = OracleLog(plan: plan, epoch: epoch)
    }

    package mutating func observe(_ event: RunEvent) { log.observe(event) }

    /// Of all that it has read.
    package var report: OracleReport {
        var log = log
        log.assignOfflineCharges()
        var verdict = OrderVerdicts(log: log, plan: plan)
        verdict.judge()
        return verdict.report
    }
}

/// The judgement of each order, once the log is read.
struct OrderVerdicts {
    private var log: OracleLog
    private let plan: Plan
    private var violations: [OracleReport.Violation]
    private var gaps: [(reason: String, count: Int)] = []
    private var judged = 0
    /// Reading a tariff takes longer than using it.
    private var oracles: [Fields: PriceOracle] = [:]
    /// Most orders have the tariff of the one before.
    private var last: (tariff: Fields, oracle: PriceOracle)?

    init(log: OracleLog, plan: Plan) {
        self.log = log
        self.plan = plan
        violations = log.violations
    }

    var report: OracleReport {
        OracleReport(
            oracle: "charging", noun: "order", judged: judged, violations: violations.sorted { ($0.sequence ?? .max) < ($1.sequence ?? .max) },
            gaps: gaps.map { OracleReport.Gap(reason: $0.reason, count: $0.count) })
    }

    private mutating func skip(_ reason: String) {
        if let index = gaps.firstIndex(where: { $0.reason == reason }) { gaps[index].count += 1 } else { gaps.append((reason, 1)) }
    }

    private mutating func violate(_ sentence: String, _ sequence: Int?) {
        violations.append(OracleReport.Violation(sentence, sequence: sequence, node: plan.roles.first { $0.kind == "cloud" }?.name))
    }

    mutating func judge() {
        for number in log.numbers {
            guard let order = log.orders[number] else { continue }
            judge(order)
        }
        for place in log.charges.indices { judgeOwner(ofCharge: place) }
        let money = log.payments.judge(end: log.end, hasService: plan.roles.contains { $0.kind == "payments" })
        violations += money.violations
        for reason in money.gaps { skip(reason) }
    }

    // MARK: One order

    private mutating func judge(_ order: OrderTrail) {
        if order.debited != order.revenue {
            violate("The order \(order.number) costs the user \(order.debited) fen, and its lines earn \(order.revenue) (I4).", order.sequence)
        }
        guard let settlement = order.settlement else {
            if order.debited != 0 { violate("The order \(order.number) costs \(order.debited) fen and was never settled.", order.sequence) }
            if order.isActive { return skip("order that is not over") }
            // Cancelled with nothing settled: nothing may have flowed.
            judged += 1
            return judgeUncharged(order)
        }
        judged += 1
        judgeCosts(of: order, settlement)
        judgePrice(of: order, settlement)
        judgeTruth(of: order, settlement)
    }

    /// What was charged is the settlement, less what went back for a reason that the log tells.
    private mutating func judgeCosts(of order: OrderTrail, _ settlement: OrderTrail.Settlement) {
        let expected = settlement.cents - order.refunded - order.resolved
        if order.debited == expected { return }
        let isLate = settlement.isEstimated && order.debited < expected
        guard isLate else {
            let less = order.refunded + order.resolved
            return violate(
                "The order \(order.number) was settled at \(settlement.cents) fen\(less == 0 ? "" : " and \(less) went back"); \(order.debited) are charged.",
                settlement.sequence)
        }
        // A bill after the estimate: the lower price is that of the bill.
        guard let oracle = oracle(of: order, settlement), let bill = order.charges.compactMap({ log.charges[$0].bill }).last else {
            return violate(
                "The order \(order.number) was estimated at \(settlement.cents) fen and lowered to \(order.debited + order.refunded + order.resolved), without a bill.",
                settlement.sequence)
        }
        let started = order.startedAt ?? order.createdAt
        let step = Wire.energyStep
        let range = Self.range(
            oracle, energies: [bill.energy / step * step, bill.energy, (bill.energy + step - 1) / step * step],
            durations: [bill.seconds - Wire.seconds, bill.seconds, bill.seconds + Wire.seconds], started: started, samples: order.samples)
        let charged = order.debited + order.refunded + order.resolved
        if !range.contains(charged) {
            violate(
                "The order \(order.number) was lowered to \(charged) fen by its late bill; \(bill.energy) dWh in \(bill.seconds) s are \(Self.text(range)).",
                settlement.sequence)
        }
    }

    /// The price of what was settled, line by line.
    private mutating func judgePrice(of order: OrderTrail, _ settlement: OrderTrail.Settlement) {
        if order.state == "cancelled" {
            if settlement.cents != 0 { violate("The order \(order.number) is cancelled and costs \(settlement.cents) fen.", settlement.sequence) }
            return
        }
        guard let oracle = oracle(of: order, settlement) else { return }
        let started = started(order)
        let ended = started + settlement.seconds
        if oracle.dependsOnClock(from: started, to: ended, slack: order.isOffline ? Wire.seconds : 1), order.isOffline {
            return skip("price that depends on when exactly a charge without the cloud began")
        }
        if oracle.dependsOnCurve(from: started, to: ended) {
            if oracle.tariff.loss > 0 { return skip("price with losses that depends on when energy flowed, for which there is no rule") }
            if log.omitted > 0 { return judgeBounds(of: order, settlement, oracle, started) }
            if isMeterDisturbed(order) { return judgeBounds(of: order, settlement, oracle, started) }
        }
        let prices = (plan.world == .sim ? [0] : [0, -1, 1]).map { shift in
            oracle.price(
                PriceOracle.Charge(started: started + shift, ended: ended + shift, samples: order.samples, energy: settlement.energy))
        }
        guard let price = prices.first(where: { $0.due == settlement.cents }) else {
            return violate(
                "The order \(order.number) costs \(settlement.cents) fen; \(settlement.energy) dWh in \(settlement.seconds) s are \(prices[0].due) by its tariff (\(Self.text(prices[0]))).",
                settlement.sequence)
        }
        guard !order.hasCorrections else { return }
        let names = Set(price.lines.map(\.name)).union(order.lines.keys).sorted()
        for name in names where price.fen(name) != order.lines[name, default: 0] {
            violate("The order \(order.number) earns \(order.lines[name, default: 0]) fen by the line \(name); its tariff gives \(price.fen(name)).", settlement.sequence)
        }
    }

    /// Where the log does not have the samples: neither less than if all had flowed when it is cheapest, nor more than when it is dearest.
    private mutating func judgeBounds(of order: OrderTrail, _ settlement: OrderTrail.Settlement, _ oracle: PriceOracle, _ started: Int64) {
        let ended = started + settlement.seconds
        let spread = Int64((Int128(oracle.energySpread) * Int128(settlement.energy) + 9_999_999) / 10_000_000)
        let even = oracle.price(PriceOracle.Charge(started: started, ended: ended, energy: settlement.energy)).due
        skip("price that depends on samples which the log does not have, held against bounds only")
        if !oracle.tariff.powerTiers.isEmpty { return }
        if abs(settlement.cents - even) > spread + 2 {
            violate(
                "The order \(order.number) costs \(settlement.cents) fen; \(settlement.energy) dWh in \(settlement.seconds) s are \(even), give or take \(spread + 2).",
                settlement.sequence)
        }
    }

    // MARK: The truth

    private mutating func judgeTruth(of order: OrderTrail, _ settlement: OrderTrail.Settlement) {
        guard !order.charges.isEmpty else {
            guard settlement.energy > 0 || settlement.cents > 0, order.state != "cancelled" else { return }
            guard log.isEmulated(order.pile) else { return skip("order at a pile that is not the lab's") }
            return violate(
                "The order \(order.number) is settled with \(settlement.energy) dWh and \(settlement.cents) fen; no charge at a pile is its.", settlement.sequence)
        }
        guard let place = ownCharge(of: order), let energy = log.charges[place].energy else { return skip("charge that is not over at its pile") }
        let charge = log.charges[place]

        if order.state == "cancelled" { return judgeUncharged(order) }
        let isExcused = settlement.isEstimated || !order.reviews.isEmpty || isMeterDisturbed(order)
        if !isExcused, abs(settlement.energy - energy) >= charge.tolerance {
            violate("The order \(order.number) is settled with \(settlement.energy) dWh; the true register says \(energy).", settlement.sequence)
        }
        judgeTime(of: order, settlement, charge, isExcused: isExcused)
        judgeNeverMore(order, settlement, charge, energy)
    }

    private mutating func judgeTime(of order: OrderTrail, _ settlement: OrderTrail.Settlement, _ charge: TrueCharge, isExcused: Bool) {
        let span = charge.ended - charge.started
        let slack = Wire.seconds + span / 100
        // While power is away a charge pauses, so that it may be shorter than from its start to its end.
        let isShort = settlement.seconds < span - slack && !isExcused && charge.outages == 0
        if settlement.seconds > span + slack || isShort {
            if isClockDisturbed(order) { return skip("wrong duration by a clock that was made to lie") }
            violate("The order \(order.number) is settled with \(settlement.seconds) s; it really took \(span).", settlement.sequence)
        }
    }

    /// I12: whatever was estimated, absorbed or reviewed, the user does not pay more than his true energy costs.
    private mutating func judgeNeverMore(_ order: OrderTrail, _ settlement: OrderTrail.Settlement, _ charge: TrueCharge, _ energy: Int64) {
        guard order.debited > 0, let oracle = oracle(of: order, settlement) else { return }
        let span = charge.ended - charge.started
        let step = Wire.energyStep
        let range = Self.range(
            oracle, energies: [energy / step * step, energy, energy + step - 1],
            durations: [min(settlement.seconds, span), span, min(settlement.seconds, span + Wire.seconds + span / 100)], started: charge.started, samples: charge.marks)
        let most = range.upperBound + curveSlack(oracle, charge, energy)
        if order.debited > most {
            if isClockDisturbed(order) { return skip("price above the truth's by a clock that was made to lie") }
            violate("The order \(order.number) costs the user \(order.debited) fen; its true \(energy) dWh in \(span) s are \(most) at most (I12).", settlement.sequence)
        }
    }

    /// Piles report every five minutes, so that between two bands the cloud can be wrong by a sixth of what flowed in the half hours beside.
    private func curveSlack(_ oracle: PriceOracle, _ charge: TrueCharge, _ energy: Int64) -> Int64 {
        guard oracle.dependsOnCurve(from: charge.started, to: charge.ended, slack: Wire.seconds) else { return 0 }
        let bands = (charge.ended - charge.started) / 1_800 + 2
        var last: Int64 = 0
        var most: Int64 = 0
        for mark in charge.marks + [PriceOracle.Sample(at: charge.ended, energy: energy)] {
            most = max(most, mark.energy - last)
            last = mark.energy
        }
        let doubtful = min(energy, bands * (most / 6 + Wire.energyStep))
        return Int64((Int128(doubtful) * Int128(oracle.energySpread) + 9_999_999) / 10_000_000) + 1
    }

    /// An order that costs nothing because nothing was charged.
    private mutating func judgeUncharged(_ order: OrderTrail) {
        for place in order.charges {
            let charge = log.charges[place]
            guard let energy = charge.energy else {
                skip("charge that is not over at its pile")
                continue
            }
            guard energy >= Wire.energyStep else { continue }
            if let end = order.cancelledAt, end - order.createdAt < Wire.giveUp, charge.started <= end, !isMeterDisturbed(order) {
                violate(
                    "The order \(order.number) was cancelled after \(end - order.createdAt) s, while it was charging or had charged \(energy) dWh.",
                    charge.sequence)
            } else if log.takeQuarantined(for: charge) {
                skip("charge of a cancelled order, whose bill is in quarantine")
            } else if charge.isLost || !charge.isAcknowledged {
                skip("charge whose bill never came")
            } else {
                violate("The order \(order.number) is cancelled; \(energy) dWh really flowed, and their bill is acknowledged (I8).", charge.sequence)
            }
        }
    }

    /// I8: true energy belongs to an order, or its bill is in quarantine.
    private mutating func judgeOwner(ofCharge place: Int) {
        let charge = log.charges[place]
        if let number = charge.order, let order = log.orders[number], order.charges.count == 1 || ownCharge(of: order) == place { return }
        guard let energy = charge.energy, energy > 0 else { return }
        if log.takeQuarantined(for: charge) { return }
        if charge.isLost { return skip("charge without an order, whose bill was lost by a fault") }
        if !charge.isAcknowledged { return skip("charge without an order, whose bill waits in its pile") }
        violations.append(
            OracleReport.Violation(
                "\(energy) dWh flowed at port \(charge.port) of \(charge.node) (\(charge.wireOrder)); no order and no quarantined bill has them (I8).",
                sequence: charge.sequence, node: charge.node))
    }

    // MARK: Tools

    /// The charge that the order was made for: under one number there can be a second one, which is somebody's energy, too.
    private func ownCharge(of order: OrderTrail) -> Int? {
        guard let settlement = order.settlement else { return order.charges.first }
        return order.charges.first { log.charges[$0].energy.map { abs($0 - settlement.energy) < Wire.energyStep } ?? false } ?? order.charges.first
    }

    private func started(_ order: OrderTrail) -> Int64 {
        if order.isOffline, let place = order.charges.first { return log.charges[place].started }
        return order.startedAt ?? order.createdAt
    }

    private mutating func oracle(of tariff: Fields) throws -> PriceOracle {
        if let last, last.tariff == tariff { return last.oracle }
        let oracle: PriceOracle
        if let known = oracles[tariff] {
            oracle = known
        } else {
            oracle = try PriceOracle(tariff)
            oracles[tariff] = oracle
        }
        last = (tariff, oracle)
        return oracle
    }

    private mutating func oracle(of order: OrderTrail, _ settlement: OrderTrail.Settlement) -> PriceOracle? {
        guard let record = order.tariff else {
            skip("order whose tariff the log does not have")
            return nil
        }
        let oracle: PriceOracle
        do { oracle = try self.oracle(of: record) } catch {
            skip("order whose tariff the oracle cannot read: \(error)")
            return nil
        }
        if oracle.hasVersions, log.tariffChanges.contains(where: { $0 > order.createdAt && $0 <= settlement.at }) {
            skip("order with several versions of its tariff")
            return nil
        }
        return oracle
    }

    private func role(of order: OrderTrail) -> String? {
        order.charges.first.map { String(log.charges[$0].node.prefix { $0 != "#" }) }
    }

    /// A meter that lies to the cloud cannot be seen through: then only what the user pays is held against the truth.
    private func isMeterDisturbed(_ order: OrderTrail) -> Bool {
        guard let role = role(of: order), let faults = log.faults[role] else { return false }
        return faults.contains { $0.hasPrefix("register.") || $0.hasPrefix("flash.") || $0 == "relay.stuck" }
    }

    private func isClockDisturbed(_ order: OrderTrail) -> Bool {
        guard let role = role(of: order) else { return false }
        return log.clockSet.contains(role) || log.faults[role]?.contains { $0.hasPrefix("clock.") } ?? false
    }

    /// From the lowest to the highest price of what may have been: tiers and free amounts make more energy cheaper at times.
    private static func range(
        _ oracle: PriceOracle, energies: [Int64], durations: [Int64], started: Int64, samples: [PriceOracle.Sample]
    ) -> ClosedRange<Int64> {
        var range: ClosedRange<Int64>?
        for energy in Set(energies).sorted() {
            for duration in Set(durations.map { max(0, $0) }).sorted() {
                let due = oracle.price(PriceOracle.Charge(started: started, ended: started + duration, samples: samples, energy: energy)).due
                range = range.map { min($0.lowerBound, due)...max($0.upperBound, due) } ?? due...due
            }
        }
        return range ?? 0...0
    }

    private static func text(_ range: ClosedRange<Int64>) -> String {
        range.lowerBound == range.upperBound ? "\(range.lowerBound)" : "\(range.lowerBound) to \(range.upperBound)"
    }

    private static func text(_ price: PriceOracle.Price) -> String {
        price.lines.isEmpty ? "free" : price.lines.map { "\($0.name) \($0.fen)" }.joined(separator: ", ")
    }
}
