package import LabCore

/// An order that is settled, as reports need it.
package struct SettledOrder: Sendable, Equatable {
    package var order: String
    package var operatorID: String
    package var site: String
    package var pile: String
    package var port: Int
    /// Unix milliseconds.
    package var settledAt: Int64
    /// Minutes of the site's civil time ahead of UTC.
    package var utcOffset: Int64
    package var price: Price

    package init(
        order: String, operatorID: String, site: String, pile: String, port: Int, settledAt: Int64, utcOffset: Int64 = 480, price: Price
    ) {
        self.order = order
        self.operatorID = operatorID
        self.site = site
        self.pile = pile
        self.port = port
        self.settledAt = settledAt
        self.utcOffset = utcOffset
        self.price = price
    }

    var settledDay: Int64 { CivilCalendar.day(at: settledAt, utcOffset: utcOffset) }
}

/// Reports of a range of civil days: energy by the day on which it flowed, money by the day on which it was settled, and what lies
/// between the two (charging-orders.md 2.3, rule 9; I14).
package struct SettlementReport: Sendable, Equatable {
    package struct EnergyDay: Sendable, Equatable {
        package var day: Int64
        /// Billed dWh.
        package var energy = PerBand.zero
        package var seconds: Int64 = 0
        /// Parts of the lines, fen.
        package var elec: Int64 = 0
        package var service: Int64 = 0
        package var time: Int64 = 0
    }

    package struct MoneyDay: Sendable, Equatable {
        package var day: Int64
        package var orders = 0
        /// Billed dWh of the orders settled on this day, whenever it flowed.
        package var energy: Int64 = 0
        package var lines: [PriceLine] = []
        package var due: Int64 = 0
    }

    package private(set) var days: Range<Int64>
    /// Ascending, only days with something.
    package private(set) var energyDays: [EnergyDay] = []
    package private(set) var moneyDays: [MoneyDay] = []
    /// dWh that flowed in the range and were settled outside of it, and the other way round.
    package private(set) var settledElsewhere: Int64 = 0
    package private(set) var flowedElsewhere: Int64 = 0
    /// What does not add up; empty for orders that were priced as the rules say.
    package private(set) var contradictions: [String] = []

    /// - Parameter orders: all that have a segment in the range or were settled in it; others are left out here.
    package init(days: Range<Int64>, orders: [SettledOrder]) {
        self.days = days
        // Only looked into by day; the rows are sorted afterwards.
        var energy: [Int64: EnergyDay] = [:]
        var money: [Int64: MoneyDay] = [:]
        for order in orders {
            let isSettledHere = days.contains(order.settledDay)
            for segment in order.price.segments {
                let isHere = days.contains(segment.civilDay)
                if isHere { Self.add(segment, to: &energy[segment.civilDay, default: EnergyDay(day: segment.civilDay)]) }
                if isHere, !isSettledHere { settledElsewhere += segment.energy }
                if !isHere, isSettledHere { flowedElsewhere += segment.energy }
            }
            if isSettledHere { Self.add(order.price, to: &money[order.settledDay, default: MoneyDay(day: order.settledDay)]) }
            check(order)
        }
        energyDays = energy.values.sorted { $0.day < $1.day }
        moneyDays = money.values.sorted { $0.day < $1.day }
        checkTotals()
    }

    package var energy: Int64 { energyDays.reduce(0) { $0 + $1.energy.all.reduce(0, +) } }
    package var settledEnergy: Int64 { moneyDays.reduce(0) { $0 + $1.energy } }
    package var due: Int64 { moneyDays.reduce(0) { $0 + $1.due } }

    private static func add(_ segment: PriceSegment, to day: inout EnergyDay) {
        day.energy[segment.band] += segment.energy
        day.seconds += segment.to - segment.from
        day.elec += segment.elec
        day.service += segment.service
        day.time += segment.time
    }

    private static func add(_ price: Price, to day: inout MoneyDay) {
        day.orders += 1
        day.energy += price.energy
        day.due += price.due
        for line in price.lines {
            if let index = day.lines.firstIndex(where: { $0.kind == line.kind }) {
                day.lines[index].fen += line.fen
            } else {
                day.lines.append(line)
            }
        }
        day.lines.sort { PriceLineKind.rank($0.kind) < PriceLineKind.rank($1.kind) }
    }

    /// I3 and I4 of one order: its segments are its energy and its lines.
    private mutating func check(_ order: SettledOrder) {
        let price = order.price
        func compare(_ what: String, _ parts: Int64, _ whole: Int64) {
            if parts != whole { contradictions.append("order \(order.order): the \(what) adds up to \(parts) instead of \(whole)") }
        }
        compare("energy of the segments", price.segments.reduce(0) { $0 + $1.energy }, price.energy)
        compare("electricity of the segments", price.segments.reduce(0) { $0 + $1.elec }, price.fen(.elec))
        compare("service of the segments", price.segments.reduce(0) { $0 + $1.service }, price.fen(.service))
        compare("time of the segments", price.segments.reduce(0) { $0 + $1.time }, price.fen(.time))
        compare("price of the lines", price.lines.reduce(0) { $0 + $1.fen }, price.due)
    }

    private mutating func checkTotals() {
        let bridged = settledEnergy - flowedElsewhere + settledElsewhere
        if energy != bridged { contradictions.append("\(energy) dWh flowed, and the settled orders account for \(bridged)") }
    }

    package var fields: Fields {
        [
            "from": .text(CivilCalendar.text(day: days.lowerBound)), "to": .text(CivilCalendar.text(day: days.upperBound - 1)),
            "energy": .integer(energy), "settled_energy": .integer(settledEnergy), "settled_elsewhere": .integer(settledElsewhere),
            "flowed_elsewhere": .integer(flowedElsewhere), "cents": .integer(due),
            "energy_days": .list(energyDays.map { .record(Self.fields($0)) }), "money_days": .list(moneyDays.map { .record(Self.fields($0)) }),
            "contradictions": .list(contradictions.map { .text($0) }),
        ]
    }

    private static func fields(_ day: EnergyDay) -> Fields {
        var fields: Fields = ["day": .text(CivilCalendar.text(day: day.day))]
        for band in TariffBand.allCases { fields[band.rawValue] = .integer(day.energy[band]) }
        fields["seconds"] = .integer(day.seconds)
        fields["elec"] = .integer(day.elec)
        fields["service"] = .integer(day.service)
        fields["time"] = .integer(day.time)
        return fields
    }

    private static func fields(_ day: MoneyDay) -> Fields {
        var lines: Fields = [:]
        for line in day.lines { lines[line.kind.rawValue] = .integer(line.fen) }
        return [
            "day": .text(CivilCalendar.text(day: day.day)), "orders": .integer(Int64(day.orders)), "energy": .integer(day.energy),
            "lines": .record(lines), "cents": .integer(day.due),
        ]
    }
}

/// How many orders there are in each state, of a port, a site, an operator or a day (I14: created = active + due + closed + cancelled).
package struct OrderCounts: Sendable, Equatable {
    /// Counted where orders are made, apart from their states.
    package var created: Int
    package var active = 0
    package var due = 0
    package var closed = 0
    package var cancelled = 0

    package init(created: Int) { self.created = created }

    package mutating func add(_ stage: AuditedOrder.Stage) {
        switch stage {
        case .active: active += 1
        case .due: due += 1
        case .closed: closed += 1
        case .cancelled: cancelled += 1
        }
    }

    package var addsUp: Bool { created == active + due + closed + cancelled }
}
