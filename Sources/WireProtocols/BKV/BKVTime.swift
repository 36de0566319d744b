import LabCore

/// A time as BKV writes it: 7 bytes BCD `YYYYMMDDhhmmss`, civil time of the site (charging-protocols.md 2.4).
package struct BKVTime: Sendable, Hashable {
    /// 14 digits.
    package var digits: String

    /// Takes any 14 digits; whether they are a time is what `unixSeconds` finds out.
    package init(digits: String) { self.digits = digits }

    /// The civil time of a moment.
    ///
    /// - Parameter utcOffset: minutes ahead of UTC; China has 480.
    package init(unixSeconds: Int64, utcOffset: Int = 480) {
        let local = unixSeconds + Int64(utcOffset) * 60
        let (day, second) = (local.floorDivided(by: 86_400), local - local.floorDivided(by: 86_400) * 86_400)
        let (year, month, dayOfMonth) = Self.civil(day)
        let clamped = min(max(year, 0), 9999)
        digits = Self.padded(clamped, 4) + [month, dayOfMonth, second / 3600, second / 60 % 60, second % 60].map { Self.padded($0, 2) }.joined()
    }

    /// Unix seconds; `nil` where the digits are no time of the calendar.
    package func unixSeconds(utcOffset: Int = 480) -> Int64? {
        let text = Array(digits.utf8)
        guard text.count == 14, text.allSatisfy({ (0x30...0x39).contains($0) }) else { return nil }
        func number(_ range: Range<Int>) -> Int64 { text[range].reduce(0) { $0 * 10 + Int64($1 - 0x30) } }
        let (year, month, day) = (number(0..<4), number(4..<6), number(6..<8))
        let (hour, minute, second) = (number(8..<10), number(10..<12), number(12..<14))
        guard (1...12).contains(month), hour < 24, minute < 60, second < 60 else { return nil }
        let days = Self.day(year, month, day)
        guard day >= 1, Self.civil(days) == (year, month, day) else { return nil }
        return days * 86_400 + hour * 3_600 + minute * 60 + second - Int64(utcOffset) * 60
    }

    private static func padded(_ number: Int64, _ width: Int) -> String {
        let text = String(number)
        return String(repeating: "0", count: max(0, width - text.count)) + text
    }

    // Days of the Gregorian calendar since 1970-01-01, counted in eras of 400 years that begin on 1 March.
    private static func day(_ year: Int64, _ month: Int64, _ day: Int64) -> Int64 {
        let year = month <= 2 ? year - 1 : year
        let era = year.floorDivided(by: 400)
        let yearOfEra = year - era * 400
        let dayOfYear = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1
        return era * 146_097 + yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear - 719_468
    }

    private static func civil(_ day: Int64) -> (Int64, Int64, Int64) {
        let shifted = day + 719_468
        let era = shifted.floorDivided(by: 146_097)
        let dayOfEra = shifted - era * 146_097
        let yearOfEra = (dayOfEra - dayOfEra / 1_460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let shiftedMonth = (5 * dayOfYear + 2) / 153
        let month = shiftedMonth < 10 ? shiftedMonth + 3 : shiftedMonth - 9
        return (yearOfEra + era * 400 + (month <= 2 ? 1 : 0), month, dayOfYear - (153 * shiftedMonth + 2) / 5 + 1)
    }
}

extension Int64 {
    fileprivate func floorDivided(by divisor: Int64) -> Int64 {
        let (quotient, remainder) = quotientAndRemainder(dividingBy: divisor)
        return remainder < 0 ? quotient - 1 : quotient
    }
}
