/// Moments as ISO 8601 UTC with seconds: `2026-01-01T00:00:30Z` (badge protocol, "MQTT").
package enum Timestamp {
    /// Appends the moment; one outside of the years 1970 to 9999 is written as the nearest inside.
    package static func append(unixSeconds: Int64, to output: inout [UInt8]) {
        let seconds = min(max(0, unixSeconds), 253_402_300_799)
        let (year, month, day) = date(daysSince1970: seconds / 86_400)
        let time = seconds % 86_400
        append(year, 4, "-", &output)
        append(month, 2, "-", &output)
        append(day, 2, "T", &output)
        append(time / 3_600, 2, ":", &output)
        append(time / 60 % 60, 2, ":", &output)
        append(time % 60, 2, "Z", &output)
    }

    package static func text(unixSeconds: Int64) -> String {
        var output: [UInt8] = []
        append(unixSeconds: unixSeconds, to: &output)
        return String(decoding: output, as: UTF8.self)
    }

    /// The civil date, counted in years that begin in March so that the leap day is the last
    /// (Source: H. Hinnant, "chrono-compatible low-level date algorithms", days_from_civil and its inverse).
    private static func date(daysSince1970 days: Int64) -> (year: Int64, month: Int64, day: Int64) {
        let shifted = days + 719_468
        let era = shifted / 146_097
        let dayOfEra = shifted % 146_097
        let yearOfEra = (dayOfEra - dayOfEra / 1_460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let shiftedMonth = (5 * dayOfYear + 2) / 153
        let month = shiftedMonth < 10 ? shiftedMonth + 3 : shiftedMonth - 9
        return (era * 400 + yearOfEra + (month <= 2 ? 1 : 0), month, dayOfYear - (153 * shiftedMonth + 2) / 5 + 1)
    }

    private static func append(_ value: Int64, _ digits: Int, _ sign: Unicode.Scalar, _ output: inout [UInt8]) {
        if digits == 4 {
            output.append(UInt8(ascii: "0") + UInt8(truncatingIfNeeded: value / 1_000))
            output.append(UInt8(ascii: "0") + UInt8(truncatingIfNeeded: value / 100 % 10))
        }
        output.append(UInt8(ascii: "0") + UInt8(truncatingIfNeeded: value / 10 % 10))
        output.append(UInt8(ascii: "0") + UInt8(truncatingIfNeeded: value % 10))
        output.append(UInt8(ascii: sign))
    }
}
