/// What a receiver says each second on its NMEA port (NMEA 0183, sentences GGA, GSA, GSV, RMC, VTG).
struct NMEASentences {
    let time: CivilTime
    /// `nil` before the first fix.
    let position: GeographicPosition?

    init(unix: Int64, position: GeographicPosition?) {
        time = CivilTime(unix: unix)
        self.position = position
    }

    /// Satellites in the solution; a fixed sky is enough to test readers.
    static let satellites = [
        (2, 67, 211, 41), (5, 48, 64, 38), (7, 21, 118, 33), (13, 55, 290, 40), (15, 30, 190, 35), (20, 18, 45, 29), (28, 40, 310, 37),
        (30, 12, 260, 27),
    ]

    /// All sentences, each with checksum and CR LF.
    var text: String { bodies.map { "$\($0)*\(Self.checksum($0))\r\n" }.joined() }

    private var bodies: [String] {
        let clock = "\(time.hour.digits(2))\(time.minute.digits(2))\(time.second.digits(2)).00"
        let date = "\(time.day.digits(2))\(time.month.digits(2))\((time.year % 100).digits(2))"
        guard let position else {
            return [
                "GPGGA,\(clock),,,,,0,,,,,,,,", "GPRMC,\(clock),V,,,,,,,\(date),,,N", "GPVTG,,T,,M,,N,,K,N", "GPGSA,A,1,,,,,,,,,,,,,,,",
            ]
        }
        let place = "\(Self.latitude(position.latitude, minutes: 4)),\(Self.longitude(position.longitude, minutes: 4))"
        let used = Self.satellites.map { $0.0.digits(2) }
        let count = used.count
        return [
            "GPGGA,\(clock),\(place),1,\(count.digits(2)),0.9,\(position.altitude.decimals(1)),M,47.0,M,,",
            "GPRMC,\(clock),A,\(place),0.0,,\(date),,,A", "GPVTG,,T,,M,0.0,N,0.0,K,A",
            "GPGSA,A,3,\(used.joined(separator: ",")),\(String(repeating: ",", count: 12 - count))1.6,0.9,1.3",
        ] + inView
    }

    /// Four satellites a sentence.
    private var inView: [String] {
        let all = Self.satellites
        let pages = (all.count + 3) / 4
        return (0..<pages).map { page in
            let entries = all[(page * 4)..<min(page * 4 + 4, all.count)].map {
                "\($0.0.digits(2)),\($0.1.digits(2)),\($0.2.digits(3)),\($0.3.digits(2))"
            }
            return "GPGSV,\(pages),\(page + 1),\(all.count.digits(2)),\(entries.joined(separator: ","))"
        }
    }

    /// XOR of everything between `$` and `*`, two capital digits.
    static func checksum(_ body: String) -> String {
        let sum = body.utf8.reduce(0, ^)
        let text = String(sum, radix: 16, uppercase: true)
        return sum < 16 ? "0" + text : text
    }

    /// `5231.2000,N`
    static func latitude(_ degrees: Double, minutes decimals: Int, separator: String = ",") -> String {
        angle(degrees.magnitude, width: 2, decimals) + separator + (degrees < 0 ? "S" : "N")
    }

    /// `01324.3000,E`
    static func longitude(_ degrees: Double, minutes decimals: Int, separator: String = ",") -> String {
        angle(degrees.magnitude, width: 3, decimals) + separator + (degrees < 0 ? "W" : "E")
    }

    /// Degrees, and minutes with decimals; rounding carries into the degrees.
    private static func angle(_ degrees: Double, width: Int, _ decimals: Int) -> String {
        var scale = 1
        for _ in 0..<decimals { scale *= 10 }
        let units = Int((degrees * 60 * Double(scale)).rounded())
        let (whole, rest) = units.quotientAndRemainder(dividingBy: 60 * scale)
        return "\(whole.digits(width))\((rest / scale).digits(2)).\((rest % scale).digits(decimals))"
    }
}
