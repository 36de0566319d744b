package import GRDB
import LabCore

/// One settled order, or a correction of one, for the day's figures.
package struct SettledCharge: Sendable, Equatable {
    /// Unix milliseconds: the money counts on this day (charging-orders.md 2.3, 9).
    package var settledAt: Int64
    /// Negative for a refund.
    package var fen: Int64
    package var seconds: Int64
    /// 1 for a settlement, 0 for a correction.
    package var sessions: Int64
    /// The energy of each part of the order, with the Unix second at which the part begins: it counts on that day.
    package var energy: [(at: Int64, dwh: Int64)]

    package init(settledAt: Int64, fen: Int64, seconds: Int64, sessions: Int64 = 1, energy: [(at: Int64, dwh: Int64)]) {
        self.settledAt = settledAt
        self.fen = fen
        self.seconds = seconds
        self.sessions = sessions
        self.energy = energy
    }

    package static func == (left: SettledCharge, right: SettledCharge) -> Bool {
        left.settledAt == right.settledAt && left.fen == right.fen && left.seconds == right.seconds && left.sessions == right.sessions
            && left.energy.map(\.at) == right.energy.map(\.at) && left.energy.map(\.dwh) == right.energy.map(\.dwh)
    }
}

/// Sessions, revenue and energy of each pile and day (the seed's `daily_stats`).
package enum StationStatistics {
    /// Days since 1970-01-01 in the site's civil time.
    package static func day(ofSecond second: Int64, utcOffset: Int) -> Int64 {
        let local = second + Int64(utcOffset) * 60
        return local >= 0 ? local / 86_400 : (local - 86_399) / 86_400
    }

    /// `2026-01-31`.
    package static func text(ofDay day: Int64) -> String { String(Timestamp.text(unixSeconds: day * 86_400).prefix(10)) }

    /// The day of such a text; `nil` where it is none.
    package static func day(_ text: String) -> Int64? {
        text.utf8.count == 10 ? Timestamp.unixSeconds(text + "T00:00:00Z").map { $0 / 86_400 } : nil
    }

    /// Adds an order to its days, inside of the transaction that settles it.
    package static func add(_ charge: SettledCharge, pile: RegisteredPile, in db: Database) throws {
        let settled = day(ofSecond: charge.settledAt / 1000, utcOffset: pile.utcOffset)
        var energy: [(day: Int64, dwh: Int64)] = []
        for part in charge.energy {
            let day = day(ofSecond: part.at, utcOffset: pile.utcOffset)
            if let index = energy.firstIndex(where: { $0.day == day }) {
                energy[index].dwh += part.dwh
            } else {
                energy.append((day, part.dwh))
            }
        }
        let own = energy.first { $0.day == settled }?.dwh ?? 0
        try add(day: settled, pile, sessions: charge.sessions, fen: charge.fen, dwh: own, seconds: charge.seconds, in: db)
        for part in energy where part.day != settled {
            try add(day: part.day, pile, sessions: 0, fen: 0, dwh: part.dwh, seconds: 0, in: db)
        }
    }

    private static func add(day: Int64, _ pile: RegisteredPile, sessions: Int64, fen: Int64, dwh: Int64, seconds: Int64, in db: Database)
        throws
    {
        try db.execute(
            cached: """
                INSERT INTO daily_stats (date, device_id, operator, site, sessions_count, revenue_fen, energy_dwh, seconds)
                VALUES (?, ?, ?, ?, ?, ?, ?, ?)
                ON CONFLICT (date, device_id) DO UPDATE SET sessions_count = sessions_count + excluded.sessions_count,
                    revenue_fen = revenue_fen + excluded.revenue_fen, energy_dwh = energy_dwh + excluded.energy_dwh, seconds = seconds + excluded.seconds
                """,
            day, pile.id, pile.operatorID, pile.site, sessions, fen, dwh, seconds)
    }

    package struct Line: Sendable, Equatable {
        package var day: Int64
        package var sessions: Int64
        package var fen: Int64
        package var dwh: Int64
        package var seconds: Int64
    }

    /// The figures of each day from `first` to `last`, of some sites or of one pile.
    package static func lines(sites: [String]?, pile: String?, first: Int64, last: Int64, in db: Database) throws -> [Line] {
        var (filter, arguments) = StationStore.filter(sites: sites, and: pile.map { [("device_id", $0)] } ?? [])
        filter += (filter.isEmpty ? " WHERE " : " AND ") + "date BETWEEN ? AND ?"
        arguments += [first, last]
        return try Row.fetchAll(
            db,
            sql: """
                SELECT date, sum(sessions_count) AS sessions, sum(revenue_fen) AS fen, sum(energy_dwh) AS dwh, sum(seconds) AS seconds
                FROM daily_stats\(filter) GROUP BY date ORDER BY date
                """, arguments: arguments
        ).map { Line(day: $0["date"], sessions: $0["sessions"], fen: $0["fen"], dwh: $0["dwh"], seconds: $0["seconds"]) }
    }
}
