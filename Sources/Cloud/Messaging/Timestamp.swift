/// Moments as the wire writes them: ISO 8601 in UTC with whole seconds, `2026-01-01T00:00:30Z`.
package enum Timestamp {
    /// Unix seconds as text, for the years 0000 to 9999.
    package static func text(unixSeconds: Int64) -> String {
        let day = floorDivided(unixSeconds, by: 86_400)
        let second = unixSeconds - day * 86_400
        let (year, month, date) = civil(day: day)
        var bytes: [UInt8] = []
        bytes.reserveCapacity(20)
        append(year, digits: 4, to: &bytes)
        bytes.append(UInt8(ascii: "-"))
        append(month, digits: 2, to: &bytes)
        bytes.append(UInt8(ascii: "-"))
        append(date, digits: 2, to: &bytes)
        bytes.append(UInt8(ascii: "T"))
        append(second / 3600, digits: 2, to: &bytes)
        bytes.append(UInt8(ascii: ":"))
        append(second / 60 % 60, digits: 2, to: &bytes)
        bytes.append(UInt8(ascii: ":"))
        append(second % 60, digits: 2, to: &bytes)
        bytes.append(UInt8(ascii: "Z"))
        return String(decoding: bytes, as: UTF8.self)
    }

    /// Unix seconds of a text of exactly that form; `nil` for any other and for days that do not exist.
    package static func unixSeconds(_ text: String) -> Int64? {
        let bytes = Array(text.utf8)
        return bytes.count == 20 ? unixSeconds(in: bytes.span, from: 0) : nil
    }

    /// Unix seconds of the 20 bytes from `start`, which must lie within the span.
    static func unixSeconds(in bytes: borrowing Span<UInt8>, from start: Int) -> Int64? {
        guard start >= 0, bytes.count - start >= 20,
            bytes[start + 4] == UInt8(ascii: "-"), bytes[start + 7] == UInt8(ascii: "-"), bytes[start + 10] == UInt8(ascii: "T"),
            bytes[start + 13] == UInt8(ascii: ":"), bytes[start + 16] == UInt8(ascii: ":"), bytes[start + 19] == UInt8(ascii: "Z"),
            let century = pair(bytes, start), let rest = pair(bytes, start + 2), let month = pair(bytes, start + 5),
            let date = pair(bytes, start + 8), let hour = pair(bytes, start + 11), let minute = pair(bytes, start + 14),
            let second = pair(bytes, start + 17), (1...12).contains(month), hour < 24, minute < 60, second < 60
        else { return nil }
        let year = century * 100 + rest
        guard date >= 1, date <= length(ofMonth: month, year: year) else { return nil }
        return day(year: year, month: month, date: date) * 86_400 + hour * 3600 + minute * 60 + second
    }

    private static func pair(_ bytes: borrowing Span<UInt8>, _ index: Int) -> Int64? {
        let (high, low) = (bytes[index] &- UInt8(ascii: "0"), bytes[index + 1] &- UInt8(ascii: "0"))
        return high < 10 && low < 10 ? Int64(high) * 10 + Int64(low) : nil
    }

    private static func append(_ number: Int64, digits: Int, to bytes: inout [UInt8]) {
        var weight: Int64 = digits == 4 ? 1000 : 10
        while weight > 0 {
            bytes.append(UInt8(ascii: "0") + UInt8(truncatingIfNeeded: number / weight % 10))
            weight /= 10
        }
    }

    private static func length(ofMonth month: Int64, year: Int64) -> Int64 {
        switch month {
        case 2: year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) ? 29 : 28
        case 4, 6, 9, 11: 30
        default: 31
        }
    }

    private static func floorDivided(_ number: Int64, by divisor: Int64) -> Int64 {
        let quotient = number / divisor
        return number % divisor < 0 ? quotient - 1 : quotient
    }

    // Days are counted in years that begin on 1 March, so that the leap day ends a year; 400 years have 146,097 days.

    /// The day's number from 1970-01-01.
    private static func day(year: Int64, month: Int64, date: Int64) -> Int64 {
        let shifted = month > 2 ? year : year - 1
        let era = floorDivided(shifted, by: 400)
        let yearOfEra = shifted - era * 400
        let dayOfYear = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + date - 1
        return era * 146_097 + yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear - 719_468
    }

    private static func civil(day: Int64) -> (year: Int64, month: Int64, date: Int64) {
        let shifted = day + 719_468
        let era = floorDivided(shifted, by: 146_097)
        let dayOfEra = shifted - era * 146_097
        let yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let shiftedMonth = (5 * dayOfYear + 2) / 153
        let date = dayOfYear - (153 * shiftedMonth + 2) / 5 + 1
        let month = shiftedMonth < 10 ? shiftedMonth + 3 : shiftedMonth - 9
        return (yearOfEra + era * 400 + (month <= 2 ? 1 : 0), month, date)
    }
}
