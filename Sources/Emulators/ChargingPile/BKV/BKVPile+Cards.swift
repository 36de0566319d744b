import LabCore
import WireProtocols

/// Online cards (charging-protocols.md 2.6); offline cards are not supported by the vendor.
extension BKVPile {
    mutating func swiped(_ port: Int?, _ card: UInt64, _ core: inout PileCore, _ line: inout PileLine, at now: RunInstant) {
        guard let port else {
            var query = BKVBalanceQuery()
            query.socket = firstSocket
            query.card = Self.wireCard(card)
            return send(.balanceQuery(query), &core, &line, at: now)
        }
        if let charge = core.ports[port].charge {
            if charge.starter == .card, charge.card == card { core.end(port, .card, at: now) }
            return
        }
        cards.removeAll { $0.port == port }
        let order = nextOrder(.card, &core)
        cards.append((port, order, card))
        var swipe = BKVCardSwipe()
        swipe.socket = socket(of: port)
        swipe.port = wirePort(of: port)
        swipe.business = order.business
        swipe.status = core.ports[port].charge == nil ? .idle : .charging
        swipe.card = Self.wireCard(card)
        send(.cardSwipe(swipe), &core, &line, at: now)
    }

    mutating func cardOrder(_ order: BKVCardOrder, _ sequence: UInt32, _ core: inout PileCore, _ line: inout PileLine, at now: RunInstant) {
        guard let port = port(order.socket, order.port, core),
            let place = cards.firstIndex(where: { $0.port == port && $0.order.business == order.business })
        else { return }
        let waiting = cards.remove(at: place)
        line.note(
            "card.answered",
            ["port": .integer(Int64(port) + 1), "card": .text(String(waiting.card)), "state": .integer(order.isOn ? 0 : 1)])
        send(.cardOrderTaken(BKVPortResult(socket: order.socket, port: order.port)), sequence: sequence, &core, &line, at: now)
        guard order.isOn else { return }
        var kept = waiting.order
        kept.mode = order.mode
        var limit = ChargeLimit.seconds(Int64(order.minutes) * 60)
        if order.mode == 2 { limit = .energy(Int64(order.energy) * 10) }
        if order.mode == 3, let tier = order.tiers.first, tier.price > 0 {
            limit = .seconds(Int64(order.amount) * Int64(tier.minutes) * 60 / Int64(tier.price))
            (kept.amount, kept.price, kept.minutes, kept.tiers) = (order.amount, tier.price, tier.minutes, UInt8(clamping: order.tiers.count))
        }
        let request = ChargeRequest(port: port, order: kept.pile, starter: .card, card: waiting.card, limit: limit)
        if case .refused(let refusal, _) = core.start(request, at: now) {
            line.note("charge.refused", ["port": .integer(Int64(port) + 1), "result": 0, "reason": .text(refusal.word)])
        }
        changed.insert(order.socket)
        core.agenda.set(.bkvStatus, at: now.advanced(by: settings.startStatus))
    }
}
