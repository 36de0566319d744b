import GRDB
import LabCore

/// What scenarios do with and ask of the charging services, in the words of `ChargingVocabulary`.
///
/// Each does what the service itself offers; nothing is decided here.
struct ChargingScenario: Sendable {
    let charging: ChargingService

    static let actions = Set(ChargingVocabulary.actions.map(\.name))
    static let queries = Set(ChargingVocabulary.queries.map(\.name))
    /// The operator and the site of scenarios that name none.
    static let standardOperator = "lab"
    static let standardSite = "depot"
    /// Piles that one action enters at most.
    static let maximumRange: Int64 = 100_000

    private var orders: OrderEngine { charging.orders }
    private var stations: StationService { charging.stations }

    // MARK: Actions

    /// - Throws: `ActionFailure`, `APIError`, `StorageError`, `CloudCrashed`.
    func perform(_ action: String, _ arguments: Fields) async throws -> Fields {
        switch action {
        case "pile.provision": return try await provision(arguments)
        case "tariff.set": return try await setTariff(arguments)
        case "port.disable", "port.enable":
            try await stations.setPort(
                try port(arguments), of: try CloudScenario.text("pile", in: arguments), isDisabled: action == "port.disable",
                reason: arguments["reason"]?.text ?? "", by: "lab")
            return [:]
        case "alarm.clear":
            stations.clear(
                pile: try CloudScenario.text("pile", in: arguments), port: arguments["port"]?.integer.map { Int($0) },
                kind: try CloudScenario.text("kind", in: arguments))
            return [:]
        case "pile.restart", "pile.set_parameters", "pile.upgrade": return try await service(action, arguments)
        case "pile.query":
            return ["sent": .bool(charging.gateway.send(.query, to: try CloudScenario.text("pile", in: arguments)))]
        case "card.register":
            try orders.register(
                card: try CloudScenario.text("card", in: arguments), tenant: arguments["operator"]?.text ?? "",
                user: try CloudScenario.text("user", in: arguments))
            return [:]
        case "order.create": return try await create(arguments)
        case "order.stop":
            let order = try await orders.stop(try order(arguments, ofUserIn: [.held, .starting, .charging]), reason: "user")
            return ["order": .text(order.number), "state": .text(order.state.rawValue)]
        case "order.resolve":
            let order = try await orders.resolve(
                try CloudScenario.text("order", in: arguments), review: arguments["review"]?.text.flatMap(OrderReview.init), by: "lab",
                remark: try CloudScenario.text("reason", in: arguments), refund: arguments["cents"]?.integer ?? 0)
            return ["order": .text(order.number), "state": .text(order.state.rawValue)]
        case "wallet.top_up": return try await topUp(arguments)
        case "refund.create":
            let refund = try await orders.refund(
                try CloudScenario.text("order", in: arguments), key: try CloudScenario.text("key", in: arguments), fen: try cents(arguments)
            )
            return ["refund": .text(refund.number), "state": .text(refund.state)]
        case "payment.start", "reconcile.run": return try await charging.performPayment(action, arguments)
        case "shares.agree": return try agree(arguments)
        case "shares.run": return try share(arguments)
        default: throw ActionFailure("unknown_action", "The cloud has no action '\(action)'.")
        }
    }

    /// The order that is named, or the newest of the user that is named in one of the states.
    func order(_ arguments: Fields, ofUserIn states: [OrderState]) throws -> String {
        if let order = arguments["order"]?.text { return order }
        let user = try CloudScenario.text("user", in: arguments)
        let newest = try charging.storage.read { db in
            try states.flatMap { try OrderLists.page(OrderFilter(user: user, state: $0.rawValue), limit: 1, offset: 0, in: db).items }.first
        }
        guard let newest else {
            throw ActionFailure("no_order", "'\(user)' has no order that is \(states.map(\.rawValue).joined(separator: " or ")).")
        }
        return newest.number
    }

    private func port(_ arguments: Fields) throws(ActionFailure) -> Int {
        guard let port = arguments["port"]?.integer, (1...255).contains(port) else {
            throw ActionFailure("missing_field", "The field 'port' is missing or is not a number from 1.")
        }
        return Int(port)
    }

    private func cents(_ arguments: Fields) throws(ActionFailure) -> Int64 {
        guard let cents = arguments["cents"]?.integer, abs(cents) <= Ledger.maximumFen else {
            throw ActionFailure("missing_field", "The field 'cents' is missing or is not a whole number of fen.")
        }
        return cents
    }

    // MARK: Stations

    private func site(_ arguments: Fields) async throws -> String {
        let operatorID = arguments["operator"]?.text ?? Self.standardOperator
        if stations.tree[operatorID] == nil, let offset = arguments["utc_offset"]?.integer {
            _ = try await stations.addOrganisation(.company, code: operatorID, utcOffset: Int(clamping: offset))
        }
        return try await stations.site(operatorID: operatorID, code: arguments["site"]?.text ?? Self.standardSite)
    }

    private func provision(_ arguments: Fields) async throws -> Fields {
        guard let wire = PileProtocol(rawValue: arguments["protocol"]?.text ?? "dny") else {
            throw ActionFailure(
                "invalid_field", "'protocol' must be one of \(PileProtocol.allCases.map(\.rawValue).joined(separator: ", ")).")
        }
        let ids = try Self.piles(arguments, wire)
        let ports = Int(clamping: arguments["ports"]?.integer ?? 2)
        let power = arguments["rated_power"]?.integer ?? 2_000
        guard (1...200_000).contains(power) else { throw ActionFailure("invalid_field", "'rated_power' must be 1 to 200000 W.") }
        let site = try await site(arguments)
        let fresh = ids.filter { stations.pile($0) == nil }
        if !fresh.isEmpty {
            try await stations.enter(fresh.map { PileEntry(id: $0, wire: wire, ports: ports, ratedPower: power * 10) }, site: site)
        }
        return ["count": .integer(Int64(fresh.count)), "site": .text(site)]
    }

    /// One id, or a range: of DNY piles the number is the physical ID, counted up from `from` behind the hexadecimal digits of
    /// `prefix`; of BKV the sockets of the gateway `prefix`; of EE/66 `prefix` and four digits.
    static func piles(_ arguments: Fields, _ wire: PileProtocol) throws(ActionFailure) -> [String] {
        if let pile = arguments["pile"]?.text { return [pile] }
        let (from, count) = (arguments["from"]?.integer ?? 1, arguments["count"]?.integer ?? 1)
        guard (1...maximumRange).contains(count), (0...0xFFFF_FFFF).contains(from) else {
            throw ActionFailure("invalid_field", "Name the pile, or give 'prefix', 'from' and 'count' (1 to \(maximumRange)).")
        }
        let prefix = try CloudScenario.text("prefix", in: arguments)
        return (from..<from + count).map { number in
            switch wire {
            case .dny:
                let digits = String(number, radix: 16)
                return prefix + String(repeating: "0", count: max(0, 8 - prefix.count - digits.count)) + digits
            case .bkv: return "\(prefix)-\(number)"
            case .ee66:
                let digits = String(number)
                return prefix + String(repeating: "0", count: max(0, 4 - digits.count)) + digits
            }
        }
    }

    private func setTariff(_ arguments: Fields) async throws -> Fields {
        guard let rules = arguments["tariff"]?.record else {
            throw ActionFailure("missing_field", "The field 'tariff' is missing or is no record.")
        }
        let operatorID = arguments["operator"]?.text ?? Self.standardOperator
        let place: String
        if arguments["site"] == nil {
            if stations.tree[operatorID] == nil { _ = try await stations.addOrganisation(.company, code: operatorID) }
            place = operatorID
        } else {
            place = try await site(arguments)
        }
        return ["tariff": .text(try await stations.setTariff(rules, organisation: place, by: "lab").label)]
    }

    private func service(_ action: String, _ arguments: Fields) async throws -> Fields {
        let id = try CloudScenario.text("pile", in: arguments)
        guard let pile = stations.pile(id) else { throw APIError(.pileNotFound) }
        let batch: StationBatch
        switch action {
        case "pile.restart": batch = try await stations.begin(.restart, piles: [id], operatorID: pile.operatorID, by: "lab")
        case "pile.set_parameters":
            guard let parameters = arguments["parameters"]?.record else {
                throw ActionFailure("missing_field", "The field 'parameters' is no record.")
            }
            batch = try await stations.begin(
                .setParameters, piles: [id], arguments: ["parameters": .record(parameters)], operatorID: pile.operatorID, by: "lab")
        default:
            let image = CloudScenario.bytes(try CloudScenario.file("image", in: arguments)["bytes"]) ?? []
            let version = try CloudScenario.text("version", in: arguments)
            _ = try await stations.putImage(image, version: version, operatorID: pile.operatorID)
            batch = try await stations.begin(
                .upgrade, piles: [id], arguments: ["version": .text(version)], operatorID: pile.operatorID, by: "lab")
        }
        return ["batch": .integer(batch.id)]
    }

    // MARK: Orders

    private func create(_ arguments: Fields) async throws -> Fields {
        let users = arguments["users"]?.integer
        var request = OrderRequest(user: "", pile: "", port: 0)
        if users == nil {
            request.pile = try CloudScenario.text("pile", in: arguments)
            request.port = try port(arguments)
            request.user = try CloudScenario.text("user", in: arguments)
        }
        request.clientKey = arguments["client_key"]?.text
        request.hold = arguments["hold"]?.integer
        if let hold = request.hold, !(0...Tariff.maximumFen).contains(hold) {
            throw ActionFailure("invalid_field", "'hold' must be 0 to \(Tariff.maximumFen) fen.")
        }
        if let minutes = arguments["minutes"]?.integer {
            guard (1...527_040).contains(minutes) else { throw ActionFailure("invalid_field", "'minutes' must be 1 to 527040.") }
            request.limitSeconds = minutes * 60
        }
        if let energy = arguments["energy"]?.integer {
            guard (1...100_000_000).contains(energy) else { throw ActionFailure("invalid_field", "'energy' must be 1 to 100000000 Wh.") }
            request.limitEnergy = energy * 10
        }
        let order: Order
        if let users {
            guard (1...1_000_000).contains(users) else { throw ActionFailure("invalid_field", "'users' must be 1 to 1000000.") }
            if request.limitSeconds == nil, request.limitEnergy == nil { request.limitSeconds = OrderCrowd.seconds }
            order = try await charging.crowd.create(
                users: Int(users), request, tariff: try Self.tariff(arguments), orders: orders, stations: stations)
        } else {
            order = try await orders.create(request, tariff: try Self.tariff(arguments))
        }
        var fields: Fields = ["order": .text(order.number), "state": .text(order.state.rawValue), "hold": .integer(order.hold)]
        if let limit = order.limitEnergy { fields["limit_energy"] = .integer(limit) }
        if let limit = order.limitSeconds { fields["limit_seconds"] = .integer(limit) }
        return fields
    }

    /// The tariff that the scenario writes; `nil` for that of the place.
    static func tariff(_ arguments: Fields) throws -> Tariff? {
        do throws(TariffError) {
            if let rules = arguments["tariff"]?.record { return try Tariff(fields: rules) }
            if let fen = arguments["cents_per_minute"]?.integer { return try Tariff.perMinute(fen: fen) }
            if let fen = arguments["cents_per_kwh"]?.integer { return try Tariff.perKilowattHour(fen: fen) }
        } catch {
            throw APIError(.tariffInvalid, "\(error)", details: ["field": .text(error.key)])
        }
        return nil
    }

    // MARK: Money

    private func topUp(_ arguments: Fields) async throws -> Fields {
        let user = try CloudScenario.text("user", in: arguments)
        let fen = try cents(arguments)
        guard fen > 0 else { throw ActionFailure("invalid_field", "'cents' must be above 0.") }
        let key = arguments["key"]?.text ?? Hexadecimal.text(charging.environment.randomBytes(8))
        return ["cents": .integer(try await orders.topUp(user, fen: fen, key: key))]
    }

    private func agree(_ arguments: Fields) throws -> Fields {
        let agreement = try ShareAgreement(list: arguments["parties"]?.list ?? [])
        let operatorID = arguments["operator"]?.text ?? Self.standardOperator
        let month = try CloudScenario.text("month", in: arguments)
        _ = try charging.storage.write { db in
            try MonthlyShares(ledger: Ledger(bugs: charging.bugs)).agree(agreement, operatorID: operatorID, from: month, in: db)
        }
        return [:]
    }

    private func share(_ arguments: Fields) throws -> Fields {
        let operatorID = arguments["operator"]?.text ?? Self.standardOperator
        let run = try charging.share(operatorID: operatorID, month: try CloudScenario.text("month", in: arguments))
        return ["cents": .integer(run.fen), "parts": run.fields["parts"] ?? [], "repeated": .bool(!run.isNew)]
    }

    // MARK: Queries

    func answer(_ query: String, _ arguments: Fields) async throws -> Fields {
        orders.settle()
        switch query {
        case "order": return try order(arguments)
        case "orders": return try count(arguments)
        case "wallet":
            let wallet = try orders.wallet(try CloudScenario.text("user", in: arguments))
            return ["cents": .integer(wallet.balance), "held": .integer(wallet.held), "due": .integer(wallet.due)]
        case "pile": return try pile(arguments)
        case "ledger": return try ledger(arguments)
        case "bills": return try bills(arguments)
        case "invariants": return try invariants()
        case "payment", "statement", "reconciliation": return try charging.answerPayment(query, arguments)
        default: throw ActionFailure("unknown_query", "The cloud has no query '\(query)'.")
        }
    }

    private func order(_ arguments: Fields) throws -> Fields {
        let number = try CloudScenario.text("order", in: arguments)
        guard let order = try orders.order(number) else { throw ActionFailure("unknown_order", "There is no order '\(number)'.") }
        return order.fields
    }

    private func count(_ arguments: Fields) throws -> Fields {
        let filter = OrderFilter(
            user: arguments["user"]?.text, pile: arguments["pile"]?.text, port: arguments["port"]?.integer.map { Int(clamping: $0) },
            state: arguments["state"]?.text)
        return try charging.storage.read { db in try OrderLists.counts(filter, in: db) }
    }

    private func pile(_ arguments: Fields) throws -> Fields {
        let id = try CloudScenario.text("pile", in: arguments)
        guard let state = stations.snapshot(of: id) else { throw ActionFailure("unknown_pile", "There is no pile '\(id)'.") }
        return [
            "pile": .text(id), "operator": .text(state.registered.operatorID), "site": .text(state.registered.site),
            "online": .bool(state.isOnline),
            "protocol": .text(state.wire.rawValue), "ports": .list(state.ports.map { .text($0.rawValue) }),
            "firmware": .text(state.firmware),
            "disabled": .list(state.registered.disabledPorts.map { .integer(Int64($0)) }),
            "alarms": .list(stations.openAlarms(of: id).map { .text($0) }),
            "orders": .integer(Int64(orders.memory.orders(ofPile: id).count)),
        ]
    }

    private func ledger(_ arguments: Fields) throws -> Fields {
        let number = try CloudScenario.text("order", in: arguments)
        let entries = try charging.storage.read { db in try Ledger(bugs: charging.bugs).entries(order: number, in: db) }
        let money = OrderMoney(entries)
        var keys: [String] = []
        for entry in entries where keys.last != entry.key { keys.append(entry.key) }
        return [
            "entries": .list(entries.map { .record($0.fields) }), "count": .integer(Int64(entries.count)),
            "postings": .integer(Int64(keys.count)),
            "revenue": .integer(money.remaining.reduce(0) { $0 + $1.fen }), "receivable": .integer(money.open),
            "hold": .integer(money.hold),
        ]
    }

    private func bills(_ arguments: Fields) throws -> Fields {
        try charging.storage.read { db in
            try OrderLists.bills(pile: arguments["pile"]?.text, order: arguments["order"]?.text, in: db)
        }
    }

    private func invariants() throws -> Fields {
        let (violations, count) = try charging.storage.read { db in
            (try OrderInvariants.violations(in: db, policies: orders.policies), try OrderLists.total(in: db))
        }
        return [
            "violations": .integer(Int64(violations.count)), "orders": .integer(count),
            "text": .text(violations.prefix(20).joined(separator: "\n")),
        ]
    }
}

extension Order {
    /// An order as scenarios see it.
    var fields: Fields {
        var fields: Fields = [
            "order": .text(number), "user": .text(user), "pile": .text(pile), "port": .integer(Int64(port)), "operator": .text(tenant),
            "state": .text(state.rawValue), "link": .text(link.rawValue), "review": .list(review.sorted().map { .text($0.rawValue) }),
            "flags": .list(flags.sorted().map { .text($0) }), "estimated": .bool(isEstimated), "energy": .integer(billedEnergy ?? energy),
            "seconds": .integer(billedSeconds ?? 0), "samples": .integer(Int64(samples)), "running": .integer(running),
            "hold": .integer(hold),
            "price": .integer(price), "captured": .integer(captured), "paid": .integer(paid), "open": .integer(open),
            "returned": .integer(returned), "refunded": .integer(refunded), "absorbed": .integer(absorbed),
        ]
        if let lines, let record = try? JSONReader.read(lines) { fields["lines"] = record }
        if let reason { fields["reason"] = .text(reason) }
        if let card { fields["card"] = .text(card) }
        if let limitEnergy { fields["limit_energy"] = .integer(limitEnergy) }
        if let limitSeconds { fields["limit_seconds"] = .integer(limitSeconds) }
        if let record = try? JSONReader.read(tariff) { fields["tariff"] = record }
        return fields
    }
}
