/// The rounded lines of an order, and what the rules for the whole order make of them (charging-orders.md 2.3, rules 4 and 6).
struct LineSums {
    /// Fen.
    var elec: Int64 = 0
    var service: Int64 = 0
    var time: Int64 = 0
    var idleMinutes: Int64 = 0

    static let free = (lines: [PriceLine(kind: .elec, fen: 0), PriceLine(kind: .service, fen: 0)], due: Int64(0))

    /// In this order: service discount, minimum, cap, coupon. The sum of the lines is the due, which is not negative.
    func lines(_ tariff: Tariff) -> (lines: [PriceLine], due: Int64) {
        var lines = [PriceLine(kind: .elec, fen: elec), PriceLine(kind: .service, fen: service)]
        var due = elec + service
        func add(_ kind: PriceLineKind, _ fen: Int64) {
            guard fen != 0 else { return }
            lines.append(PriceLine(kind: kind, fen: fen))
            due += fen
        }
        add(.time, time)
        add(.start, tariff.start)
        add(.idle, idleFee(tariff))
        add(.discount, -((service * tariff.serviceDiscount + 50) / 100))
        add(.minTopUp, max(0, tariff.minimum - due))
        if let cap = tariff.cap { add(.cap, min(0, cap - due)) }
        add(.coupon, -min(tariff.coupon, due))
        return (lines, due)
    }

    private func idleFee(_ tariff: Tariff) -> Int64 {
        guard let idle = tariff.idle else { return 0 }
        let fee = max(0, idleMinutes - idle.graceMinutes) * idle.perMinute
        return min(fee, idle.cap ?? fee)
    }
}
