/// `+QGPSLOC`: a fix, in any of the three forms of the command (rg500q.md §2.9).
package struct ATPosition: Sendable, Hashable {
    /// Degrees, north and east positive.
    package var latitude: Double
    package var longitude: Double
    package var hdop: Double?
    /// Metres above the sea.
    package var altitude: Double?
    /// 2 or 3 dimensions.
    package var dimensions: Int?
    package var satellites: Int?
    /// `2019-01-14T14:27:48Z`
    package var utc: String?

    package init(answer lines: [String]) throws(ATReadingError) {
        let fields = try ATFields.first("+QGPSLOC", in: lines)
        latitude = try Self.angle(fields, 1, "latitude", limit: 90)
        longitude = try Self.angle(fields, 2, "longitude", limit: 180)
        hdop = fields.number(3)
        altitude = fields.number(4)
        dimensions = fields.whole(5)
        satellites = fields.whole(10)
        utc = NMEASentence.moment(date: fields.text(9) ?? "", time: fields.text(0) ?? "")
    }

    /// Decimal degrees with a sign, or degrees and minutes with a letter: `2259.0881S`.
    private static func angle(_ fields: ATFields, _ index: Int, _ what: String, limit: Double) throws(ATReadingError) -> Double {
        let text = try fields.requiredText(index, what)
        let letter = text.last.flatMap { "NSEW".contains($0) ? $0 : nil }
        let degrees = letter.map { NMEASentence.degrees(text.dropLast(), hemisphere: $0) } ?? Double(text)
        guard let degrees, degrees.isFinite, abs(degrees) <= limit else { throw fields.wrong(index, "'\(text)' is no \(what)") }
        return degrees
    }
}

/// A sentence of the NMEA port (NMEA 0183 §5): `$GPGGA,…*hh`.
package struct NMEASentence: Sendable, Hashable {
    /// Two letters: `GP`, `GN`, `GA`.
    package var talker: String
    /// Three letters: `GGA`, `RMC`.
    package var kind: String
    package var fields: [String]

    /// Why a line is no sentence; offsets count bytes from its beginning.
    package static func read(_ line: String) throws(ATReadingError) -> NMEASentence {
        let bytes = Array(line.utf8)
        // 82 with its CR LF in the standard; modules send longer ones.
        guard bytes.count <= 256 else { throw ATReadingError(line: 1, offset: 256, "a sentence has at most 256 bytes here") }
        guard bytes.first == UInt8(ascii: "$") || bytes.first == UInt8(ascii: "!") else {
            throw ATReadingError(line: 1, offset: 0, "'$' is wanted")
        }
        guard let star = bytes.lastIndex(of: UInt8(ascii: "*")) else {
            throw ATReadingError(line: 1, offset: bytes.count, "the checksum is missing")
        }
        guard bytes.count == star + 3, let checksum = UInt8(String(decoding: bytes[(star + 1)...], as: UTF8.self), radix: 16) else {
            throw ATReadingError(line: 1, offset: star + 1, "the checksum has two hexadecimal digits")
        }
        let body = bytes[1..<star]
        let sum = body.reduce(0, ^)
        guard sum == checksum else {
            throw ATReadingError(
                line: 1, offset: star + 1,
                "the checksum is \(String(sum, radix: 16, uppercase: true)), not \(String(checksum, radix: 16, uppercase: true))")
        }
        let parts = String(decoding: body, as: UTF8.self).split(separator: ",", omittingEmptySubsequences: false).map(String.init)
        guard let address = parts.first, address.utf8.count >= 4 else {
            throw ATReadingError(line: 1, offset: 1, "talker and kind are wanted")
        }
        return NMEASentence(talker: String(address.prefix(2)), kind: String(address.dropFirst(2)), fields: Array(parts.dropFirst()))
    }

    /// `ddmm.mmmm` or `dddmm.mmmm` as degrees, negative for south and west.
    package static func degrees(_ text: some StringProtocol, hemisphere: Character) -> Double? {
        guard let value = Double(String(text)), value.isFinite, value >= 0, value < 36_000 else { return nil }
        let whole = (value / 100).rounded(.down)
        let minutes = value - whole * 100
        guard minutes < 60 else { return nil }
        let degrees = whole + minutes / 60
        return "SW".contains(hemisphere) ? -degrees : degrees
    }

    /// `ddmmyy` and `hhmmss.s` as ISO 8601.
    package static func moment(date: String, time: String) -> String? {
        func pair(_ text: String, _ place: Int) -> Int? {
            let digits = text.dropFirst(place).prefix(2)
            return digits.count == 2 && digits.allSatisfy { $0.isASCII && $0.isNumber } ? Int(digits) : nil
        }
        func two(_ number: Int) -> String { number < 10 ? "0\(number)" : "\(number)" }
        guard let day = pair(date, 0), let month = pair(date, 2), let year = pair(date, 4), let hour = pair(time, 0),
            let minute = pair(time, 2),
            let second = pair(time, 4), (1...31).contains(day), (1...12).contains(month), hour < 24, minute < 60, second < 61
        else { return nil }
        return "20\(two(year))-\(two(month))-\(two(day))T\(two(hour)):\(two(minute)):\(two(second))Z"
    }
}
