/// A version of a tariff as a calculation takes it: with the time from which it counts.
package struct DatedTariff: Sendable, Hashable {
    /// Unix seconds.
    package var from: Int64
    package var tariff: Tariff
    package init(from: Int64, tariff: Tariff) {
        self.from = from
        self.tariff = tariff
    }
}

/// A piece of an order's time within one civil day, one band and one version.
struct OrderPiece: Equatable {
    var from: Int64
    var to: Int64
    var civilDay: Int64
    var band: TariffBand
    var version: Int
    /// dWh as metered.
    var energy: Int64 = 0

    var seconds: Int64 { to - from }
}

/// Cuts an order at the half hours of civil time and at the starts of versions (charging-orders.md 2.3, rule 2), and joins what
/// would be priced alike.
enum OrderCuts {
    static let halfHour: Int64 = 1800
    static let day: Int64 = 86_400

    static func pieces(from started: Int64, to ended: Int64, versions: [DatedTariff]) -> [OrderPiece] {
        var pieces: [OrderPiece] = []
        var version = index(of: started, in: versions)
        var time = started
        repeat {
            while version + 1 < versions.count, versions[version + 1].from <= time { version += 1 }
            let tariff = versions[version].tariff
            let civil = time + tariff.utcOffset * 60
            let civilDay = floorDivided(civil, by: day)
            let second = civil - civilDay * day
            var next = time + halfHour - second % halfHour
            if version + 1 < versions.count { next = min(next, versions[version + 1].from) }
            let piece = OrderPiece(
                from: time, to: min(next, ended), civilDay: civilDay, band: tariff.band(atSecondOfDay: second), version: version)
            if let last = pieces.last, (last.civilDay, last.band, last.version) == (piece.civilDay, piece.band, piece.version) {
                pieces[pieces.count - 1].to = piece.to
            } else {
                pieces.append(piece)
            }
            time = next
        } while time < ended
        return pieces
    }

    /// The version in force at a time; the first one also counts before its start.
    static func index(of time: Int64, in versions: [DatedTariff]) -> Int {
        max(0, (versions.firstIndex { $0.from > time } ?? versions.count) - 1)
    }

    static func floorDivided(_ number: Int64, by divisor: Int64) -> Int64 {
        let quotient = number / divisor
        return number % divisor < 0 ? quotient - 1 : quotient
    }
}
