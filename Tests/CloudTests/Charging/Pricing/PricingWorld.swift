import LabCore

@testable import Cloud

/// Words in which the vectors are written: kWh with four places, civil time of UTC+8, tariffs as records.
enum PricingWorld {
    /// Unix seconds of a civil time `2026-03-10 21:30` or `2026-03-10 21:30:15` in UTC+8.
    static func civil(_ text: String) -> Int64 {
        let full = text.count == 16 ? text + ":00" : text
        return (Timestamp.unixSeconds(full.replacingSpace + "Z") ?? -1) - 8 * 3600
    }

    /// 0.60 yuan/kWh electricity and 0.40 service, which 2.4 uses unless it says otherwise.
    static let flat: Fields = ["elec": ["flat": 60_000], "service": ["flat": 40_000]]

    static func tariff(_ more: Fields = [:]) throws -> Tariff { try Tariff(fields: flat.merging(more)) }

    /// An hour on the tenth of March, from 10:00, with `energy` dWh in all.
    static func usage(_ energy: Int64, seconds: Int64 = 3600, idleMinutes: Int64 = 0) -> Usage {
        let start = civil("2026-03-10 10:00")
        return Usage(started: start, ended: start + seconds, total: energy, idleMinutes: idleMinutes)
    }

    static func usage(_ from: String, _ to: String, _ energy: Int64) -> Usage {
        Usage(started: civil(from), ended: civil(to), total: energy)
    }

    static func samples(_ start: Int64, _ points: [(minute: Int64, energy: Int64)]) -> [Usage.Sample] {
        points.map { Usage.Sample(at: start + $0.minute * 60, energy: $0.energy) }
    }
}

extension String {
    fileprivate var replacingSpace: String { String(map { $0 == " " ? "T" : $0 }) }
}

extension Price {
    /// `elec 741, service 494, time 0` …: the lines as a person compares them.
    var text: String { lines.map { "\($0.kind.rawValue) \($0.fen)" }.joined(separator: ", ") + "; due \(due)" }
}
