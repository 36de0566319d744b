/// Shares an order's energy out to its pieces (charging-orders.md 2.3, rule 3); the parts add up to the total exactly.
enum PieceEnergies {
    /// dWh; how far a register of a band may be from the samples, for each segment: 0.01 kWh.
    static let tolerance: Int64 = 100

    /// Sets the metered energy of each piece.
    ///
    /// - Returns: what was noticed.
    static func assign(_ pieces: inout [OrderPiece], readings: MeterReadings, registers: PerBand?) -> Set<PriceFlag> {
        guard let first = pieces.first else { return [] }
        var cursor = MeterReadings.Cursor(readings, from: first.from)
        var before: Int64 = 0
        for index in pieces.indices {
            let energy = index == pieces.count - 1 ? readings.total : cursor.energy(at: pieces[index].to)
            pieces[index].energy = energy - before
            before = energy
        }
        guard let registers else { return readings.flags }
        return readings.flags.union(apply(registers, to: &pieces, total: readings.total))
    }

    /// What the pile measured in each band takes the place of what the samples give, split over the band's pieces as they have it.
    private static func apply(_ registers: PerBand, to pieces: inout [OrderPiece], total: Int64) -> Set<PriceFlag> {
        guard registers.all.reduce(0, +) == total else { return [.bandRegistersIgnored] }
        let bands = TariffBand.allCases.map { band in (band: band, indices: pieces.indices.filter { pieces[$0].band == band }) }
        if bands.contains(where: { $0.indices.isEmpty && registers[$0.band] > 0 }) { return [.bandRegistersIgnored] }
        var flags: Set<PriceFlag> = []
        for (band, indices) in bands where !indices.isEmpty {
            let sampled = indices.map { pieces[$0].energy }
            if abs(sampled.reduce(0, +) - registers[band]) > tolerance * Int64(indices.count) { flags.insert(.bandMismatch) }
            for (index, energy) in zip(indices, LargestRemainder.split(registers[band], by: sampled)) { pieces[index].energy = energy }
        }
        return flags
    }

    /// The billed energy of each piece: the loss ratio is applied to the total once, and every cut follows it.
    static func billed(_ pieces: [OrderPiece], lossPerMille: Int64) -> [Int64] {
        var (metered, billed) = (Int64(0), Int64(0))
        return pieces.map { piece in
            metered += piece.energy
            let upTo = metered * (1000 + lossPerMille) / 1000
            defer { billed = upTo }
            return upTo - billed
        }
    }
}
