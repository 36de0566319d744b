package import LabCore

/// What a line of a price is for. The raw values are the words of accounts, events and records.
package enum PriceLineKind: String, Sendable, Hashable, CaseIterable {
    case elec, service, time, start, idle
    /// Takes a part of the service line back; negative.
    case discount
    /// What lacks to the minimum.
    case minTopUp = "min_top_up"
    /// What is above the cap; negative.
    case cap
    /// Negative.
    case coupon
}

package struct PriceLine: Sendable, Hashable {
    package var kind: PriceLineKind
    package var fen: Int64
    package init(kind: PriceLineKind, fen: Int64) {
        self.kind = kind
        self.fen = fen
    }
}

/// A part of an order within one civil day, one band and one version of the tariff.
package struct PriceSegment: Sendable, Hashable {
    /// Unix seconds.
    package var from: Int64
    package var to: Int64
    package var band: TariffBand
    /// Which of the versions that the calculation was given.
    package var version: Int
    /// Days since 1970-01-01 of the site's civil time.
    package var civilDay: Int64
    /// Billed dWh.
    package var energy: Int64
    /// Parts of the lines, by largest remainder: for display and for reports by day.
    package var elec: Int64
    package var service: Int64
    package var time: Int64
}

/// What the calculation noticed; `needsReview` says which of it a person must look at.
package enum PriceFlag: String, Sendable, Hashable, CaseIterable {
    /// Below both thresholds of `free_if`.
    case free
    /// The meter began again near 0; counted on from there.
    case registerReset = "register_reset"
    /// A reading below an earlier one; ignored.
    case meterRollback = "meter_rollback"
    /// Samples above the bill's total; the bill stands.
    case samplesAboveTotal = "samples_above_total"
    /// The pile's registers of bands differ from the samples by more than 0.01 kWh for each segment.
    case bandMismatch = "band_mismatch"
    /// The pile's registers of bands do not add up, or name a band that the order was not in; the samples count.
    case bandRegistersIgnored = "band_registers_ignored"

    package var needsReview: Bool { self == .bandMismatch || self == .bandRegistersIgnored }
}

package struct Price: Sendable, Equatable {
    /// `elec` and `service` always, the others where they are not 0. Their sum is `due`.
    package var lines: [PriceLine]
    package var segments: [PriceSegment]
    /// Fen, never negative.
    package var due: Int64
    /// dWh as metered, and as billed with the loss ratio.
    package var meteredEnergy: Int64
    package var energy: Int64
    package var seconds: Int64
    /// In the order of `PriceFlag.allCases`.
    package var flags: [PriceFlag]

    /// Fen of one line, 0 where there is none.
    package func fen(_ kind: PriceLineKind) -> Int64 { lines.first { $0.kind == kind }?.fen ?? 0 }
    package var needsReview: Bool { flags.contains(where: \.needsReview) }

    /// The lines as `{elec: 741, service: 494}`.
    package var lineFields: Fields {
        var fields: Fields = [:]
        for line in lines { fields[line.kind.rawValue] = .integer(line.fen) }
        return fields
    }

    /// For answers and for the order's row: due, energy, lines, segments, flags.
    package var fields: Fields {
        [
            "due": .integer(due), "energy": .integer(energy), "metered_energy": .integer(meteredEnergy), "seconds": .integer(seconds),
            "lines": .record(lineFields), "segments": .list(segments.map { .record($0.fields) }), "flags": .list(flags.map { .text($0.rawValue) }),
        ]
    }
}

extension PriceSegment {
    package var fields: Fields {
        [
            "from": .integer(from), "to": .integer(to), "band": .text(band.rawValue), "version": .integer(Int64(version)), "day": .integer(civilDay),
            "energy": .integer(energy), "elec": .integer(elec), "service": .integer(service), "time": .integer(time),
        ]
    }
}

// MARK: Reading again

extension Price {
    /// The price of a record that `fields` made; `nil` for any other.
    package init?(fields: Fields) {
        guard let due = fields["due"]?.integer, let energy = fields["energy"]?.integer, let metered = fields["metered_energy"]?.integer,
            let seconds = fields["seconds"]?.integer, let lines = fields["lines"]?.record, let segments = fields["segments"]?.list,
            let flags = fields["flags"]?.list
        else { return nil }
        self.init(lines: [], segments: [], due: due, meteredEnergy: metered, energy: energy, seconds: seconds, flags: [])
        for line in lines {
            guard let kind = PriceLineKind(rawValue: line.name), let fen = line.value.integer else { return nil }
            self.lines.append(PriceLine(kind: kind, fen: fen))
        }
        for segment in segments {
            guard let segment = segment.record.flatMap(PriceSegment.init(fields:)) else { return nil }
            self.segments.append(segment)
        }
        for flag in flags {
            guard let flag = flag.text.flatMap(PriceFlag.init) else { return nil }
            self.flags.append(flag)
        }
    }
}

extension PriceSegment {
    init?(fields: Fields) {
        func number(_ name: String) -> Int64? { fields[name]?.integer }
        guard let from = number("from"), let to = number("to"), let band = fields["band"]?.text.flatMap(TariffBand.init),
            let version = number("version").flatMap({ Int(exactly: $0) }), let day = number("day"), let energy = number("energy"),
            let elec = number("elec"), let service = number("service"), let time = number("time")
        else { return nil }
        self.init(
            from: from, to: to, band: band, version: version, civilDay: day, energy: energy, elec: elec, service: service, time: time)
    }
}
