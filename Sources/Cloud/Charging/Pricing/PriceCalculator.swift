/// The price of an order: whole numbers, each line rounded once, half up (charging-orders.md 2.3). Docs/charging-prices.md says it in words.
package enum PriceCalculator {
    /// Prices an order by the tariff that is frozen on it.
    package static func price(_ usage: Usage, _ tariff: Tariff) throws(PricingError) -> Price {
        try price(usage, versions: [DatedTariff(from: 0, tariff: tariff)])
    }

    /// Whether the price of an order depends on when its energy flowed: it lies in several pieces, or its power decides.
    package static func dependsOnReadings(from started: Int64, to ended: Int64, versions: [DatedTariff]) -> Bool {
        versions.contains { if case .power = $0.tariff.time { true } else { false } }
            || OrderCuts.pieces(from: started, to: max(started, ended), versions: versions).count > 1
    }

    /// Prices an order by the versions of its tariff, in ascending order of time. The version at the start decides by its `price_lock`
    /// whether the others count; what is for the whole order (start, idle fee, discount, minimum, cap, coupon, `free_if`, time step,
    /// loss ratio) is its in any case.
    ///
    /// - Throws: `PricingError` for times, energies and counts beyond the bounds of `Usage`, and for a schedule without order.
    package static func price(_ usage: Usage, versions: [DatedTariff]) throws(PricingError) -> Price {
        guard !versions.isEmpty, zip(versions, versions.dropFirst()).allSatisfy({ $0.from < $1.from }) else { throw .noTariff }
        let readings = try MeterReadings(usage)
        let governing = versions[OrderCuts.index(of: usage.started, in: versions)]
        let inForce = governing.tariff.priceLock == .atStart ? [governing] : versions
        var pieces = OrderCuts.pieces(from: usage.started, to: usage.ended, versions: inForce)
        let flags = PieceEnergies.assign(&pieces, readings: readings, registers: usage.bandRegisters)
        let billed = PieceEnergies.billed(pieces, lossPerMille: governing.tariff.lossPerMille)

        var order = PricedOrder(pieces: pieces, billed: billed, versions: inForce, governing: governing.tariff)
        order.addEnergy()
        order.addTime(usage, readings)
        return order.price(usage, total: readings.total, flags: flags)
    }
}

/// The exact amounts of an order's pieces, and the lines that they round to.
private struct PricedOrder {
    let pieces: [OrderPiece]
    let billed: [Int64]
    let versions: [DatedTariff]
    let governing: Tariff
    var elec: [Int128]
    var service: [Int128]
    var time: [Int128]

    init(pieces: [OrderPiece], billed: [Int64], versions: [DatedTariff], governing: Tariff) {
        self.pieces = pieces
        self.billed = billed
        self.versions = versions
        self.governing = governing
        elec = Array(repeating: 0, count: pieces.count)
        service = elec
        time = elec
    }

    mutating func addEnergy() {
        let total = billed.reduce(0, +)
        var before: Int64 = 0
        for (index, piece) in pieces.enumerated() {
            let tariff = versions[piece.version].tariff
            elec[index] = ExactAmounts.energy(billed[index], rate: tariff.elec[piece.band])
            let after = before + billed[index]
            switch tariff.service {
            case .bands(let rates): service[index] = ExactAmounts.energy(billed[index], rate: rates[piece.band])
            case .tiers(let tiers): service[index] = ExactAmounts.tiered(tiers, from: before, to: after, total: total)
            }
            before = after
        }
    }

    mutating func addTime(_ usage: Usage, _ readings: MeterReadings) {
        for (index, piece) in pieces.enumerated() {
            guard case .bands(let rule) = versions[piece.version].tariff.time else { continue }
            time[index] = ExactAmounts.minutes(ofSeconds: piece.seconds, rate: rule.rates[piece.band])
        }
        // The whole order is rounded up once; the surplus seconds belong to the last piece.
        if case .bands(let governingRule) = governing.time, let last = pieces.last, case .bands(let rule) = versions[last.version].tariff.time {
            let surplus = (governingRule.stepSeconds - usage.seconds % governingRule.stepSeconds) % governingRule.stepSeconds
            time[pieces.count - 1] += ExactAmounts.minutes(ofSeconds: surplus, rate: rule.rates[last.band])
        }
        addPowerTiers(usage, readings)
    }

    /// Each interval between samples has one average power, and so one rate, over all the pieces that it touches.
    private mutating func addPowerTiers(_ usage: Usage, _ readings: MeterReadings) {
        let tiers = versions.map { if case .power(let tiers) = $0.tariff.time { tiers } else { [Tariff.Tier]() } }
        guard tiers.contains(where: { !$0.isEmpty }) else { return }
        var before = MeterReadings.Point(at: usage.started, energy: 0)
        var index = 0
        for point in readings.points where point.at > before.at {
            var from = before.at
            while from < point.at {
                while index < pieces.count - 1, pieces[index].to <= from { index += 1 }
                let to = index < pieces.count - 1 ? min(point.at, pieces[index].to) : point.at
                let rates = tiers[pieces[index].version]
                if !rates.isEmpty {
                    let rate = ExactAmounts.rate(ofEnergy: point.energy - before.energy, inSeconds: point.at - before.at, in: rates)
                    time[index] += ExactAmounts.hours(ofSeconds: to - from, rate: rate)
                }
                from = to
            }
            before = point
        }
    }

    func price(_ usage: Usage, total: Int64, flags: Set<PriceFlag>) -> Price {
        var flags = flags
        let energy = billed.reduce(0, +)
        let sums = LineSums(
            elec: ExactAmounts.rounded(elec.reduce(0, +), fen: ExactAmounts.energyFen),
            service: ExactAmounts.rounded(service.reduce(0, +), fen: ExactAmounts.energyFen),
            time: ExactAmounts.rounded(time.reduce(0, +), fen: ExactAmounts.timeFen), idleMinutes: usage.idleMinutes)
        let isFree = governing.freeIf.map { energy < $0.energyBelow && usage.seconds < $0.secondsBelow } ?? false
        if isFree { flags.insert(.free) }
        let (lines, due) = isFree ? LineSums.free : sums.lines(governing)
        return Price(
            lines: lines, segments: segments(isFree ? LineSums() : sums), due: due, meteredEnergy: total, energy: energy, seconds: usage.seconds,
            flags: PriceFlag.allCases.filter(flags.contains))
    }

    private func segments(_ sums: LineSums) -> [PriceSegment] {
        let elecParts = LargestRemainder.split(sums.elec, byWide: elec)
        let serviceParts = LargestRemainder.split(sums.service, byWide: service)
        let timeParts = LargestRemainder.split(sums.time, byWide: time)
        return pieces.indices.map { index in
            let piece = pieces[index]
            return PriceSegment(
                from: piece.from, to: piece.to, band: piece.band, version: piece.version, civilDay: piece.civilDay, energy: billed[index],
                elec: elecParts[index], service: serviceParts[index], time: timeParts[index])
        }
    }
}
