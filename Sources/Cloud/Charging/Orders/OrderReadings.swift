import GRDB
import LabCore

/// What piles say while orders run (2.1, rows "startAck" to "stopAck"; F03 to F10, F31 to F38).
extension OrderWork {
    /// The order of this pile by its number; another pile's is none of its business (I13).
    func order(_ number: String, of pile: String) throws -> Order? {
        if let order = try order(number) { return order.pile == pile ? order : nil }
        return try OrderStore.find(wire: number, of: pile, in: db)
    }

    mutating func startAnswered(_ number: String, by pile: String, _ answer: StartAnswer) throws {
        guard let order = try order(number, of: pile) else { return }
        try apply(.startAnswered(answer), to: order)
    }

    mutating func stopAnswered(_ number: String, by pile: String, _ answer: StopAnswer) throws {
        guard let order = try order(number, of: pile) else { return }
        try apply(.stopAnswered(answer), to: order)
    }

    mutating func take(_ sample: PileSample, from pile: RegisteredPile) throws {
        let known: Order?
        if let number = sample.order, !number.isEmpty {
            known = try order(number, of: pile.id)
        } else {
            known = try occupant(pile: pile.id, port: sample.port).flatMap { try order($0) }
        }
        guard let order = known else { return stranger(sample, pile) }
        // The last report of a charge comes after its bill, too; and before the start there is nothing to report.
        if sample.state != .charging, !order.state.isActive || (order.state == .starting && sample.energy == 0) { return }
        var facts = Facts()
        facts.sample = sample
        facts.rated = pile.ratedPower
        let reading = SampleReading(sample.energy, of: order, ratedPower: pile.ratedPower, policies, now: now)
        facts.reading = reading
        let changed = try apply(.telemetry(isPlausible: reading.kind != .implausible), to: order, facts).order
        // Where only time costs, the pile's own time limit ends it to the second.
        let isTimed = changed.limitEnergy == nil && changed.limitSeconds != nil
        let margin = isTimed ? -1 : min(policies.holdMargin, changed.hold / 50)
        if changed.state == .charging, changed.hold > 0, changed.running > 0, changed.running >= changed.hold - margin {
            try apply(.stop(reason: "limit"), to: changed)
        }
    }

    /// Energy flows that no order has: the pile is told to stop, and the operator is told.
    private mutating func stranger(_ sample: PileSample, _ pile: RegisteredPile) {
        guard sample.state == .charging else { return }
        let number = sample.order ?? ""
        if memory.noteStranger(PortKey(pile: pile.id, port: sample.port), order: number) {
            alarm(
                "energy_without_order", pile: pile.id, port: sample.port, order: sample.order, tenant: pile.operatorID,
                "The pile reports a charge that no order has.")
        }
        send(.stop(order: number, port: sample.port), to: pile.id)
    }

    /// F36 to F38: what is dangerous ends the charges of the port, or of the whole pile.
    mutating func alarmed(pile: String, port: Int?, _ kind: AlarmKind) throws {
        for number in activeOrders(ofPile: pile) {
            guard let order = try order(number), port == nil || order.port == port else { continue }
            try apply(.stop(reason: kind.rawValue), to: order)
        }
    }

    func activeOrders(ofPile pile: String) -> [String] {
        let known = memory.orders(ofPile: pile)
        var all = known
        for order in effects.changed where order.pile == pile && !all.contains(order.number) { all.append(order.number) }
        return all
    }

    // MARK: Coming and going

    /// What a pile that comes back is told again: it may have missed it, and numbers of orders make it harmless.
    mutating func returned(_ pile: String) throws {
        var isQueried = false
        for number in activeOrders(ofPile: pile) {
            guard var order = try order(number), order.state.isActive else { continue }
            switch order.state {
            case .held, .starting:
                if let end = order.timerAt, now < end {
                    send(
                        .start(
                            order: order.number, port: order.port, limitEnergy: order.limitEnergy, limitSeconds: order.limitSeconds,
                            limitPower: nil),
                        to: pile)
                }
            case .charging:
                if !isQueried { send(.query, to: pile) }
                isQueried = true
            case .stopping, .awaitBill: send(.stop(order: order.number, port: order.port), to: pile)
            case .due, .closed, .cancelled: break
            }
            if order.link == .offline {
                order.link = .stale
                try save(&order)
            }
        }
    }

    mutating func left(_ pile: String) throws {
        for number in activeOrders(ofPile: pile) {
            guard var order = try order(number), order.state.isActive, order.link != .offline else { continue }
            order.link = .offline
            try save(&order)
        }
    }

    // MARK: Time

    /// Ends the waits that are over.
    ///
    /// - Returns: whether there may be more.
    mutating func expire(limit: Int) throws -> Bool {
        let due = try OrderStore.due(at: now, limit: limit, in: db)
        for entry in due {
            // An event of the same batch may have armed another timer meanwhile.
            guard let order = try order(entry.number), order.timer == entry.timer, let at = order.timerAt, at <= now else { continue }
            let (_, transition) = try apply(.timeout(entry.timer), to: order)
            if transition == nil {
                // Nobody would ever look again otherwise.
                var quiet = order
                quiet.timerAt = nil
                quiet.timer = nil
                try save(&quiet)
            }
        }
        return due.count == limit
    }

    // MARK: Cards

    mutating func swiped(_ card: String, at port: Int?, of pile: RegisteredPile, number makeNumber: () -> String) throws {
        let user = try CardStore.user(of: card, tenant: pile.operatorID, in: db)
        let balance = try user.map { try ledger.balance(Self.wallet($0), in: db) } ?? 0
        guard let user, let port else {
            return send(.answerCard(card: card, port: port, isAccepted: user != nil, balance: balance), to: pile.id)
        }
        // The answer goes before the start: alone it starts nothing.
        let position = effects.commands.count
        do {
            let order = try create(
                OrderRequest(user: user, pile: pile.id, port: port, card: card), at: pile, tariff: nil, number: makeNumber)
            effects.commands.insert(
                (pile.id, .answerCard(card: card, port: port, isAccepted: true, balance: balance - order.hold)), at: position)
        } catch let refusal as APIError {
            note(
                "card.refused",
                [
                    "pile": .text(pile.id), "port": .integer(Int64(port)), "card": .text(card),
                    "reason": .text(refusal.code.name.lowercased()),
                ])
            send(.answerCard(card: card, port: port, isAccepted: false, balance: balance), to: pile.id)
        }
    }
}
