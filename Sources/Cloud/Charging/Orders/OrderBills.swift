import GRDB
import LabCore

/// What becomes of a bill (2.1, rows "bill …"; F11 to F19, F64).
extension OrderWork {
    /// Books a bill, or keeps it in quarantine; in any case it is durable with this commit.
    ///
    /// - Parameter pile: the pile that sent it, as registered.
    mutating func take(_ bill: PileBill, from pile: RegisteredPile, number makeNumber: () -> String) throws -> BillOutcome {
        let found = try order(of: bill)
        if let known = try OrderStore.bill(pile: bill.pile, number: bill.order ?? "", hash: bill.contentHash, in: db) {
            if bugs.contains(.billNotDeduplicated), let found, known.order == found.row, found.state == .due || found.state == .closed {
                return try bookAgain(bill, of: found, pile)
            }
            return try repeated(bill, known, found)
        }
        if let found { return try take(bill, of: found, pile) }
        if let card = bill.card, try bill.order.map({ try order($0) == nil }) ?? true {
            return try takeOffline(bill, card: card, from: pile, number: makeNumber)
        }
        return try refuse(bill, from: pile)
    }

    /// The order that the pile means: an own one, by the number on the wire; where the wire has none, the one on the port.
    private func order(of bill: PileBill) throws -> Order? {
        guard let number = bill.order, !number.isEmpty else {
            guard bill.card == nil, let occupant = occupant(pile: bill.pile, port: bill.port), let order = try order(occupant) else {
                return nil
            }
            // A bill that the pile kept since long before this order is none of it.
            let received = bill.receivedAt / 1000
            let began = bill.started.map { $0 - (bill.pileTime.map { $0 - received } ?? 0) } ?? received - bill.seconds
            return began >= (order.createdAt - policies.clockTolerance) / 1000 ? order : nil
        }
        // The key is (pile, number): another pile's order is none of its business.
        if let order = try order(number) { return order.pile == bill.pile ? order : nil }
        return try OrderStore.find(wire: number, of: bill.pile, in: db)
    }

    private mutating func take(_ bill: PileBill, of order: Order, _ pile: RegisteredPile) throws -> BillOutcome {
        var facts = Facts()
        facts.bill = bill
        facts.rated = pile.ratedPower
        let samples = order.hasBeenSeen ? try OrderStore.samples(of: order, in: db) : []
        facts.samples = samples
        switch BillReading.read(bill, of: order, samples: samples, ratedPower: pile.ratedPower, policies) {
        case .impossible(let why) where order.state.isActive || (order.isEstimated && order.bill == nil):
            facts.billRow = try OrderStore.insert(
                bill, hash: bill.contentHash, tenant: order.tenant, order: order.row, refusal: "implausible", in: db)
            quarantined(bill, order: order.number, reason: "implausible")
            alarm(
                "implausible_bill", pile: bill.pile, port: bill.port, order: order.number, tenant: order.tenant,
                "The bill of the order \(order.number) cannot be true: \(why).")
            try apply(.bill(.implausible), to: order, facts)
            return .refused(order: order.number, reason: "implausible")
        case .impossible:
            return try conflict(bill, of: order, facts)
        case .plausible(let reading):
            facts.billReading = reading
        }
        if order.state.isActive { return try book(bill, of: order, facts) }
        guard order.isEstimated, order.bill == nil, order.state != .cancelled, let reading = facts.billReading else {
            return try conflict(bill, of: order, facts)
        }
        let standing = try standing(order, reading)
        facts.billRow = try OrderStore.insert(bill, hash: bill.contentHash, tenant: order.tenant, order: order.row, refusal: nil, in: db)
        try apply(.bill(.late(standing)), to: order, facts)
        try audit(bill, of: order)
        return .settled(order: order.number)
    }

    private mutating func book(_ bill: PileBill, of order: Order, _ facts: Facts) throws -> BillOutcome {
        var facts = facts
        facts.billRow = try OrderStore.insert(bill, hash: bill.contentHash, tenant: order.tenant, order: order.row, refusal: nil, in: db)
        let hasEnergy = (facts.billReading?.energy ?? 0) > 0
        let result = try apply(.bill(.valid(hasEnergy: hasEnergy)), to: order, facts)
        try audit(bill, of: result.order)
        raiseFault(bill, of: order)
        return .settled(order: order.number)
    }

    /// Another content than the one that counts: the first stands, a person looks at the second (F13).
    private mutating func conflict(_ bill: PileBill, of order: Order, _ facts: Facts) throws -> BillOutcome {
        _ = try OrderStore.insert(bill, hash: bill.contentHash, tenant: order.tenant, order: order.row, refusal: "already_settled", in: db)
        quarantined(bill, order: order.number, reason: "already_settled")
        try apply(.bill(.other), to: order, facts)
        return .refused(order: order.number, reason: "already_settled")
    }

    /// The same content as before: answered as before.
    private func repeated(_ bill: PileBill, _ known: OrderStore.StoredBill, _ found: Order?) throws -> BillOutcome {
        if let refusal = known.refusal { return .refused(order: found?.number ?? bill.order, reason: refusal) }
        let row = known.order ?? 0
        let number = found?.row == row ? found?.number : try OrderStore.find(row: row, in: db)?.number
        return .repeated(order: number ?? bill.order ?? "")
    }

    private mutating func bookAgain(_ bill: PileBill, of order: Order, _ pile: RegisteredPile) throws -> BillOutcome {
        var facts = Facts()
        facts.bill = bill
        guard case .plausible(let reading) = BillReading.read(bill, of: order, ratedPower: pile.ratedPower, policies) else {
            return .repeated(order: order.number)
        }
        facts.billReading = reading
        try settleAgain(order, facts)
        return .settled(order: order.number)
    }

    // MARK: Without an order of this pile

    /// F16, F17: kept for people, acknowledged, and nothing of anybody's order is read or changed but that it is there.
    private mutating func refuse(_ bill: PileBill, from pile: RegisteredPile) throws -> BillOutcome {
        let number = bill.order ?? ""
        let isForeign = try number.isEmpty ? false : order(number) != nil
        let reason = isForeign ? "foreign_order" : "unknown_order"
        _ = try OrderStore.insert(bill, hash: bill.contentHash, tenant: pile.operatorID, order: nil, refusal: reason, in: db)
        quarantined(bill, order: bill.order, reason: reason)
        alarm(
            reason, pile: bill.pile, port: bill.port, order: bill.order, tenant: pile.operatorID,
            isForeign
                ? "The pile sent a bill with the number of another pile's order." : "The pile sent a bill for an order that nobody made.")
        return .refused(order: bill.order, reason: reason)
    }

    /// A charge that a card began while the pile was alone: the order is made of its bill (F64).
    private mutating func takeOffline(
        _ bill: PileBill, card: String, from pile: RegisteredPile, number makeNumber: () -> String
    ) throws -> BillOutcome {
        guard let user = try CardStore.user(of: card, tenant: pile.operatorID, in: db) else {
            _ = try OrderStore.insert(bill, hash: bill.contentHash, tenant: pile.operatorID, order: nil, refusal: "unknown_card", in: db)
            quarantined(bill, order: bill.order, reason: "unknown_card")
            alarm(
                "unknown_card", pile: bill.pile, port: bill.port, order: bill.order, tenant: pile.operatorID,
                "The pile sent a bill of a card that belongs to nobody here.")
            return .refused(order: bill.order, reason: "unknown_card")
        }
        guard case .plausible(let reading) = BillReading.read(bill, of: nil, ratedPower: pile.ratedPower, policies),
            let version = desk.tariff(pile: bill.pile, at: reading.started * 1000),
            let tariff = memory.text(of: version)
        else {
            _ = try OrderStore.insert(bill, hash: bill.contentHash, tenant: pile.operatorID, order: nil, refusal: "implausible", in: db)
            quarantined(bill, order: bill.order, reason: "implausible")
            alarm(
                "implausible_bill", pile: bill.pile, port: bill.port, order: bill.order, tenant: pile.operatorID,
                "The bill of a charge by card cannot be true, or there is no tariff for it.")
            return .refused(order: bill.order, reason: "implausible")
        }
        var order = Order(
            number: makeNumber(), tenant: pile.operatorID, user: user, pile: bill.pile, port: bill.port, site: pile.site,
            wireNumber: bill.order.flatMap { $0.isEmpty ? nil : $0 }, card: card, tariff: tariff, tariffLabel: version.label,
            createdAt: reading.started * 1000)
        order.startedAt = reading.started * 1000
        // It never had the port: what the pile tells of is over.
        order.state = .awaitBill
        order.row = try OrderStore.insert(order, in: db)
        note(
            "order.created",
            [
                "order": .text(order.number), "user": .text(user), "pile": .text(order.pile), "port": .integer(Int64(order.port)),
                "hold": 0,
                "card": .text(card), "offline": true, "tariff": (try? JSONReader.read(tariff)) ?? .null,
            ])
        var facts = Facts()
        facts.bill = bill
        facts.billReading = reading
        facts.billRow = try OrderStore.insert(bill, hash: bill.contentHash, tenant: order.tenant, order: order.row, refusal: nil, in: db)
        // Nothing at all flowed, so it is cancelled; else it is settled like any other.
        try apply(.bill(.valid(hasEnergy: reading.energy > 0)), to: order, facts)
        return .settled(order: order.number)
    }

    private mutating func quarantined(_ bill: PileBill, order: String?, reason: String) {
        var fields: Fields = [
            "pile": .text(bill.pile), "port": .integer(Int64(bill.port)), "reason": .text(reason), "energy": .integer(bill.energy),
        ]
        if let order { fields["order"] = .text(order) }
        note("bill.quarantined", fields)
    }

    // MARK: What a bill says of the port

    /// F36 to F38: a pile that ended a charge for its safety.
    private mutating func raiseFault(_ bill: PileBill, of order: Order) {
        let kind: AlarmKind
        switch bill.reason {
        case .overCurrent, .shortCircuit: kind = .overCurrent
        case .overTemperature: kind = .overTemperature
        case .relayStuck: kind = .relayStuck
        case .smoke: kind = .smoke
        case .water: kind = .water
        default: return
        }
        alarm(
            kind.rawValue, pile: bill.pile, port: bill.port, order: order.number, tenant: order.tenant,
            "The pile ended the order \(order.number): \(bill.reason.rawValue).")
    }

    /// I16: the port's register at the start of an order is where the last one ended; what is in between belongs to the orders that were
    /// settled without a reading, to the pile itself, or to nobody.
    private mutating func audit(_ bill: PileBill, of order: Order) throws {
        if let start = bill.registerStart, let last = try OrderStore.register(pile: bill.pile, port: bill.port, in: db), last.row < order.row {
            let known = try OrderStore.energy(pile: bill.pile, port: bill.port, between: last.row, and: order.row, in: db)
            let idle = max(0, order.createdAt - last.at) / 1_000 * policies.idlePower / 3_600
            let gap = start - last.reading - known
            if gap > policies.registerTolerance + idle {
                alarm(
                    "lost_order", pile: bill.pile, port: bill.port, order: order.number, tenant: order.tenant,
                    "\(gap) dWh flowed between the orders \(last.order) and \(order.number) that no order has.")
            }
        }
        if let end = bill.registerEnd { try OrderStore.setRegister(end, of: order, at: bill.receivedAt, in: db) }
    }
}
