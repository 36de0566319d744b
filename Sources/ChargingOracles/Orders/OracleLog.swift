import LabCore

/// Gathers from the events of a run what is known of each order, each true charge and each payment, and finds what is wrong as it comes.
struct OracleLog: Sendable {
    private(set) var orders: [String: OrderTrail] = [:]
    /// In the order in which they were made.
    private(set) var numbers: [String] = []
    private(set) var charges: [TrueCharge] = []
    private(set) var quarantined: [Quarantined] = []
    private(set) var violations: [OracleReport.Violation] = []
    private(set) var payments = PaymentTrail()
    /// Events that the log does not have.
    private(set) var omitted: Int64 = 0
    /// Faults that a role suffered in the run: `register.reset`.
    private(set) var faults: [String: Set<String>] = [:]
    private(set) var clockSet: Set<String> = []
    private(set) var tariffChanges: [Int64] = []
    private(set) var end: RunInstant = .start

    struct Quarantined: Sendable, Equatable {
        var place: Place
        var order: String?
    }

    private struct Port: Hashable, Sendable {
        var node: String
        var unit: Int64?
        var port: Int64
    }

    /// The kind of each role.
    private let kinds: [String: String]
    /// Unix seconds of the run's beginning.
    private let epoch: Int64
    private var running: [Port: Int] = [:]
    /// By port and wire number, the last one.
    private var ended: [Port: [Int]] = [:]
    private var ids: [Port: String] = [:]
    /// The piles that logged in from a node, by the gateway's words: a bridge gives the board behind it an id.
    private var connected: [String: Set<String>] = [:]
    /// The ports that a pile has logged in with.
    private var socketPorts: [String: Int64] = [:]
    /// The last order that was made for a port.
    private var occupants: [Place: String] = [:]
    private var dueOrders: [String: Set<String>] = [:]

    init(plan: Plan, epoch: Int64) {
        kinds = Dictionary(plan.roles.map { ($0.name, $0.kind) }) { first, _ in first }
        self.epoch = epoch
    }

    /// The beginning of the run as Unix time: true charges are told in both times.
    static func epoch(of events: [RunEvent], plan: Plan) -> Int64 {
        let piles = Set(plan.roles.lazy.filter { $0.kind == "pile" }.map(\.name))
        for event in events where piles.contains(String(event.role)) {
            let moment = event.name == "truth" ? event.fields["ended"] : event.name == "charge.metered" ? event.fields["at"] : nil
            if let moment = moment?.integer { return moment - event.at.nanoseconds / 1_000_000_000 }
        }
        return 1_767_225_600
    }

    func unix(_ at: RunInstant) -> Int64 { epoch + at.nanoseconds / 1_000_000_000 }

    mutating func observe(_ event: RunEvent) {
        end = max(end, event.at)
        if event.node == LabEvents.node { return observeLab(event) }
        switch kinds[String(event.role)] {
        case "cloud": observeCloud(event)
        case "pile": observePile(event)
        case "payments": payments.observeService(event)
        default: break
        }
    }

    private mutating func violate(_ sentence: String, _ event: RunEvent) {
        violations.append(OracleReport.Violation(sentence, sequence: event.sequence, node: event.node))
    }

    // MARK: The lab

    private mutating func observeLab(_ event: RunEvent) {
        switch event.name {
        case LabEvents.eventsOmitted: omitted += event.fields["count"]?.integer ?? 0
        case LabEvents.faultStarted, LabEvents.faultEnded:
            guard let fault = event.fields["fault"]?.text, let dot = fault.firstIndex(of: ".") else { return }
            let role = String(fault[..<dot].prefix { $0 != "#" })
            let name = String(fault[fault.index(after: dot)...])
            faults[role, default: []].insert(name)
            // Lost and spoilt notices are what asking is for; while nobody answers, asking does not help.
            if kinds[role] == "cloud" || kinds[role] == "payments" && !name.hasPrefix("notice.") && !name.hasPrefix("refund.") {
                payments.disturbed(at: event.at, by: fault, isOver: event.name == LabEvents.faultEnded)
            }
        case LabEvents.stepStarted:
            // Clocks that a scenario sets are as untrue as those that a fault sets.
            guard let text = event.fields["text"]?.text, text.hasSuffix(".set_clock"), let role = text.split(separator: " ").last?.split(separator: ".").first
            else { return }
            clockSet.insert(String(role.prefix { $0 != "#" }))
        default: break
        }
    }

    // MARK: Piles

    private mutating func observePile(_ event: RunEvent) {
        let unit = event.fields["unit"]?.integer
        let port = Port(node: event.node, unit: unit, port: event.fields["port"]?.integer ?? 0)
        let order = event.fields["order"]?.text ?? ""
        switch event.name {
        case "booted", "online":
            if let id = event.fields["pile"]?.text { ids[Port(node: event.node, unit: unit, port: 0)] = id }
        case "charge.started": began(event, port, order)
        case "charge.metered":
            guard let index = running[port], let energy = event.fields["energy"]?.integer, let at = event.fields["at"]?.integer else { return }
            charges[index].marks.append(PriceOracle.Sample(at: at, energy: energy))
        case "power.lost":
            for index in running.values where charges[index].node == event.node { charges[index].outages += 1 }
        case "truth": over(event, port, order)
        case "order.kept", "order.ended":
            // A bridge in front of a board without order numbers says whose charge it is.
            guard let index = running[port] ?? ended[port]?.last else { return }
            charges[index].isHosted = true
            if charges[index].order == nil, orders[order] != nil { own(index, order) }
        case "bill.queued":
            let index = running[port] ?? ended[port]?.last { charges[$0].wireOrder == order }
            guard let index, let energy = event.fields["energy"]?.integer, let seconds = event.fields["seconds"]?.integer else { return }
            charges[index].bill = (energy, seconds)
        case "bill.acknowledged", "bill.lost":
            guard let index = ended[port]?.last(where: { charges[$0].wireOrder == order && !charges[$0].isAcknowledged && !charges[$0].isLost })
                ?? ended[port]?.last(where: { charges[$0].wireOrder == order })
            else { return }
            if event.name == "bill.lost" { charges[index].isLost = true } else { charges[index].isAcknowledged = true }
        default: break
        }
    }

    private mutating func began(_ event: RunEvent, _ port: Port, _ order: String) {
        var charge = TrueCharge(node: event.node, unit: port.unit, wireOrder: order, port: port.port, sequence: event.sequence)
        charge.started = unix(event.at)
        charge.place = place(of: port)
        if orders[order] != nil {
            charge.order = order
        } else if let place = charge.place, let number = occupants[place], let known = orders[number], known.isActive, known.charges.isEmpty {
            // A wire without order numbers: the order that has the port.
            charge.order = number
        }
        running[port] = charges.count
        if let number = charge.order { orders[number]?.charges.append(charges.count) }
        charges.append(charge)
    }

    private mutating func own(_ index: Int, _ number: String) {
        charges[index].order = number
        orders[number]?.charges.append(index)
    }

    private mutating func over(_ event: RunEvent, _ port: Port, _ order: String) {
        guard let energy = event.fields["energy"]?.integer, let started = event.fields["started"]?.integer, let end = event.fields["ended"]?.integer
        else { return }
        if running[port] == nil { began(event, port, order) }
        guard let index = running.removeValue(forKey: port) else { return }
        charges[index].energy = energy
        charges[index].started = started
        charges[index].ended = end
        charges[index].sequence = event.sequence
        ended[port, default: []].append(index)
    }

    /// A pile by its id. A BKV gateway says the id of its first socket; each socket is a pile with as many ports as it logs in with.
    private func place(of port: Port) -> Place? {
        guard let id = ids[Port(node: port.node, unit: port.unit, port: 0)] else { return nil }
        if let known = connected[port.node], !known.contains(id), known.count == 1, let only = known.first { return Place(pile: only, port: port.port) }
        guard let dash = id.lastIndex(of: "-"), let first = Int64(id[id.index(after: dash)...]) else { return Place(pile: id, port: port.port) }
        let ports = max(1, socketPorts[id] ?? 1)
        return Place(pile: "\(id[..<dash])-\(first + (port.port - 1) / ports)", port: (port.port - 1) % ports + 1)
    }

    /// Whether an emulated pile of this run has the id.
    func isEmulated(_ pile: String) -> Bool {
        let stem = pile.lastIndex(of: "-").map { pile[..<$0] }
        return connected.values.contains { $0.contains(pile) } || ids.values.contains { id in id == pile || stem.map { id.hasPrefix($0 + "-") } ?? false }
    }

    // MARK: Orders

    private mutating func observeCloud(_ event: RunEvent) {
        if event.name == "pile.online", let pile = event.fields["pile"]?.text, let ports = event.fields["ports"]?.integer { socketPorts[pile] = ports }
        if event.name == "pile.online", let pile = event.fields["pile"]?.text, let peer = event.fields["peer"]?.text,
            kinds[String(peer.prefix { $0 != "#" })] == "pile" {
            connected[peer, default: []].insert(pile)
        }
        if event.name == "tariff.changed" { tariffChanges.append(unix(event.at)) }
        if event.name.hasPrefix("payment.") || event.name.hasPrefix("refund.") { payments.observeCloud(event) }
        if event.name == "bill.quarantined" {
            guard let pile = event.fields["pile"]?.text else { return }
            let place = Place(pile: pile, port: event.fields["port"]?.integer ?? 0)
            quarantined.append(Quarantined(place: place, order: event.fields["order"]?.text))
            return
        }
        guard let number = event.fields["order"]?.text else { return }
        if event.name == "order.created" { return created(event, number) }
        guard let place = orders.index(forKey: number) else {
            if ["order.settled", "order.closed", "order.state", "revenue.credited"].contains(event.name) {
                violate("The order \(number) has \(event.name) and was never created.", event)
            }
            return
        }
        let cents = event.fields["cents"]?.integer ?? 0
        // Taken out, so that nothing of it is copied where it changes, and without looking for it once more.
        var order = OrderTrail.none
        swap(&orders.values[place], &order)
        defer { swap(&orders.values[place], &order) }
        switch event.name {
        case "order.started": order.startedAt = order.startedAt ?? unix(event.at)
        case "order.sample":
            if let energy = event.fields["energy"]?.integer { order.samples.append(PriceOracle.Sample(at: unix(event.at), energy: energy)) }
        case "order.state": moved(&order, event)
        case "order.settled": settled(&order, event)
        case "order.review": order.reviews.insert(event.fields["reason"]?.text ?? "")
        case "order.resolved": order.resolved += cents
        case "order.closed", "order.cancelled": ended(order, event)
        case "wallet.debited":
            order.debited += cents
            if event.fields["owed"]?.bool == true { order.owed += cents }
            if let told = order.settlement?.cents, order.debited > told {
                violate("The order \(number) costs the user \(order.debited) fen by now; at its settlement it was \(told) (I15).", event)
            }
        case "revenue.credited":
            order.revenue += cents
            let line = Self.line(event.fields["line"]?.text ?? "")
            if line == "absorbed" { order.absorbed += cents } else { order.lines[line, default: 0] += cents }
        case "payment.booked":
            order.booked += cents
            if order.booked > order.owed {
                violate("Payments of \(order.booked) fen are booked on the order \(number), which owed \(order.owed) (I5).", event)
            }
        case "refund.accepted": order.refunded += cents
        default: break
        }
    }

    private mutating func created(_ event: RunEvent, _ number: String) {
        if orders[number] != nil { return violate("The order \(number) was created twice.", event) }
        let order = OrderTrail(
            number: number, user: event.fields["user"]?.text ?? "", pile: event.fields["pile"]?.text ?? "", port: event.fields["port"]?.integer ?? 0,
            tariff: event.fields["tariff"]?.record, isOffline: event.fields["offline"]?.bool ?? false, createdAt: unix(event.at), sequence: event.sequence,
            state: event.fields["offline"]?.bool == true ? "await_bill" : "held")
        if !order.isOffline {
            let place = Place(pile: order.pile, port: order.port)
            if let other = occupants[place], orders[other]?.isActive == true {
                violate("The order \(number) has the port \(order.port) of \(order.pile), which the order \(other) still has (I1).", event)
            }
            occupants[place] = number
            if let other = dueOrders[order.user]?.min() {
                violate("The order \(number) was made for \(order.user), who still owes the order \(other) (I2).", event)
            }
        }
        orders[number] = order
        numbers.append(number)
    }

    private mutating func moved(_ order: inout OrderTrail, _ event: RunEvent) {
        let (from, to) = (event.fields["from"]?.text ?? "", event.fields["to"]?.text ?? "")
        if from != order.state { violate("The order \(order.number) goes from \(from) to \(to) and was \(order.state) (I10).", event) }
        if order.isTerminal { violate("The order \(order.number) goes from \(from), which is an end, to \(to) (I10).", event) }
        order.state = to
        if to == "cancelled" { order.cancelledAt = unix(event.at) }
        if to == "due" { dueOrders[order.user, default: []].insert(order.number) } else { dueOrders[order.user]?.remove(order.number) }
    }

    private mutating func settled(_ order: inout OrderTrail, _ event: RunEvent) {
        guard let cents = event.fields["cents"]?.integer, let energy = event.fields["energy"]?.integer, let seconds = event.fields["seconds"]?.integer
        else { return violate("The settlement of the order \(order.number) lacks cents, energy or seconds.", event) }
        if order.settlement != nil { return violate("The order \(order.number) is settled a second time, at \(cents) fen.", event) }
        if order.isTerminal { violate("The order \(order.number) is settled and was \(order.state) already.", event) }
        order.settlement = OrderTrail.Settlement(
            cents: cents, energy: energy, seconds: seconds, isEstimated: event.fields["estimated"]?.bool ?? false, sequence: event.sequence, at: unix(event.at))
    }

    private mutating func ended(_ order: OrderTrail, _ event: RunEvent) {
        let word = event.name == "order.closed" ? "closed" : "cancelled"
        if order.state != word { violate("The order \(order.number) is told to be \(word) and is \(order.state).", event) }
        guard word == "closed" else { return }
        if order.settlement == nil { violate("The order \(order.number) is closed and has no settlement.", event) }
        if let cents = event.fields["cents"]?.integer, cents != order.debited + order.refunded {
            violate("The order \(order.number) is closed with \(cents) fen; \(order.debited + order.refunded) are charged.", event)
        }
        if order.owed != order.booked {
            violate("The order \(order.number) is closed while \(order.owed - order.booked) fen are owed.", event)
        }
    }

    /// The words of the specification, however a ledger spells them: `minTopUp`, `min_top_up`.
    private static func line(_ text: String) -> String {
        // Nearly all are one word in small letters, which need no look at each character.
        if text.utf8.allSatisfy({ (UInt8(ascii: "a")...UInt8(ascii: "z")).contains($0) }), text != "mintopup" { return text }
        return switch text.filter({ $0 != "_" }).lowercased() {
        case "mintopup": "minTopUp"
        case let plain: plain
        }
    }

    // MARK: Charges that cards began

    /// Gives offline orders the charges that they were made of: on the same port, before it, nearest in energy, the earliest of equals.
    mutating func assignOfflineCharges() {
        for number in numbers {
            guard let order = orders[number], order.isOffline, let settlement = order.settlement else { continue }
            let open = charges.indices.filter {
                charges[$0].order == nil && charges[$0].place == Place(pile: order.pile, port: order.port) && charges[$0].energy != nil
                    && charges[$0].ended <= order.createdAt + Wire.seconds
            }
            guard let index = open.first(where: { abs((charges[$0].energy ?? 0) - settlement.energy) < Wire.energyStep }) ?? open.first else { continue }
            own(index, number)
        }
    }

    /// Takes a quarantined bill for a charge out of the list.
    mutating func takeQuarantined(for charge: TrueCharge) -> Bool {
        let index = quarantined.firstIndex { $0.order != nil && $0.order == charge.wireOrder && $0.place.pile == charge.place?.pile }
            ?? quarantined.firstIndex { $0.place == charge.place && $0.order.map { orders[$0] == nil } ?? true }
        guard let index else { return false }
        quarantined.remove(at: index)
        return true
    }
}
