import GRDB
import LabCore

/// Making orders and ending them, as users ask for it (2.1, rows "create" and "userStop"; F01, F02, F62).
extension OrderWork {
    /// - Parameter tariff: instead of the place's own.
    /// - Returns: the order, in `starting`; the one that this client key made before, where it did.
    /// - Throws: `APIError` with nothing written.
    mutating func create(_ request: OrderRequest, at pile: RegisteredPile, tariff: Tariff?, number makeNumber: () -> String) throws -> Order
    {
        if let key = request.clientKey, !bugs.contains(.clientKeyMissing),
            let known = try OrderStore.find(clientKey: key, user: request.user, tenant: pile.operatorID, in: db)
        {
            guard known.pile == request.pile, known.port == request.port else {
                throw APIError(.clientKeyReused, details: ["order": .text(known.number)])
            }
            return try order(known.number) ?? known
        }
        let frozen: (tariff: Tariff, text: String, label: String)
        if let tariff {
            frozen = (tariff, JSONWriter.text(.record(tariff.fields)), tariff.name)
        } else if let version = desk.tariff(pile: pile.id, at: now), let text = memory.text(of: version) {
            frozen = (try memory.tariff(text), text, version.label)
        } else {
            let standard = try memory.tariff(policies.standardTariff)
            frozen = (standard, policies.standardTariff, standard.name)
        }
        let terms = Terms(request, frozen.tariff, policies, now: seconds(now))
        try admit(request, at: pile, terms)

        let order = Order(
            number: makeNumber(), tenant: pile.operatorID, user: request.user,
            clientKey: bugs.contains(.clientKeyMissing) ? nil : request.clientKey, pile: pile.id, port: request.port, site: pile.site, card: request.card,
            tariff: frozen.text, tariffLabel: frozen.label, hold: terms.hold, limitEnergy: terms.limitEnergy, limitSeconds: terms.limitSeconds,
            createdAt: now)
        if order.hold > 0 { try ledger.post(book(of: order).hold(order.hold, at: now), in: db) }
        note(
            "order.created",
            [
                "order": .text(order.number), "user": .text(order.user), "pile": .text(order.pile), "port": .integer(Int64(order.port)),
                "hold": .integer(order.hold), "tariff": .record(try memory.fields(ofTariff: frozen.text)),
            ])
        // One row, as it is after the first transition; nobody ever sees it held.
        return try apply(.created, to: order).order
    }

    private func admit(_ request: OrderRequest, at pile: RegisteredPile, _ terms: Terms) throws {
        guard (1...max(1, pile.ports)).contains(request.port), let condition = desk.condition(pile: pile.id, port: request.port) else {
            throw APIError(.portNotFound, details: ["ports": .integer(Int64(pile.ports))])
        }
        var admission = Admission()
        admission.isDisabled = condition.isDisabled || pile.disabledPorts.contains(request.port)
        admission.isFaulted = condition.fault != nil
        admission.isOnline = condition.isOnline
        admission.occupant = occupant(pile: pile.id, port: request.port)
        admission.debt = try OrderStore.debt(of: request.user, in: db)
        admission.activeOrders = activeOrders(of: request.user)
        admission.balance = try ledger.balance(Self.wallet(request.user), in: db)
        admission.hold = terms.hold
        switch admission.refusal(policies, bugs: bugs) {
        case nil: break
        case .userHasDue: throw APIError(.userHasDue, details: ["order": .text(admission.debt ?? "")])
        case .portDisabled: throw APIError(.portDisabled)
        case .portBusy: throw APIError(.portBusy)
        case .pileOffline: throw APIError(.pileOffline)
        case .portFaulted: throw APIError(.portFaulted, details: ["fault": .text(condition.fault ?? "")])
        case .tooManyOrders: throw APIError(.tooManyOrders, details: ["order": .text(admission.activeOrders.first ?? "")])
        case .insufficientFunds:
            throw APIError(.insufficientFunds, details: ["hold": .integer(terms.hold), "balance": .integer(admission.balance)])
        }
    }

    /// Ends an order; one that is ending or over is answered as it is.
    mutating func stop(_ number: String, reason: String) throws -> Order {
        guard let order = try order(number) else { throw APIError(.orderNotFound) }
        return try apply(.stop(reason: reason), to: order).order
    }
}

/// What is set aside, and what the pile is told to keep to (charging-orders.md 2.3, rule 7).
struct Terms: Sendable, Equatable {
    var hold: Int64
    var limitEnergy: Int64?
    var limitSeconds: Int64?

    /// - Parameter now: Unix seconds.
    init(_ request: OrderRequest, _ tariff: Tariff, _ policies: OrderPolicies, now: Int64) {
        func estimate(_ energy: Int64, _ seconds: Int64) -> Int64 {
            PriceCalculator.estimate(energy: energy, seconds: seconds, tariff: tariff, startingAt: now)
        }
        let least = estimate(request.limitEnergy ?? 0, request.limitSeconds ?? 0)
        // What is not limited may cost more than the limits say.
        let isBounded =
            (request.limitSeconds != nil || estimate(0, 86_400) == estimate(0, 0))
            && (request.limitEnergy != nil || estimate(1_000_000, 0) == estimate(0, 0))
        hold = request.hold ?? (isBounded ? least : max(least, policies.standardHold))
        let most = PriceCalculator.energyLimit(hold: hold, tariff: tariff, startingAt: now, seconds: request.limitSeconds)
        let energy = min(request.limitEnergy ?? most, most)
        limitEnergy = energy >= Usage.maximumEnergy ? nil : energy
        limitSeconds = request.limitSeconds
        if limitSeconds == nil {
            let longest = PriceCalculator.secondsLimit(hold: hold, tariff: tariff, startingAt: now)
            if longest < Usage.maximumSeconds { limitSeconds = longest }
        }
    }
}
