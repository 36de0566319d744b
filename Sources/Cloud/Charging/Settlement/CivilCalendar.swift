/// Civil days and months as whole numbers, for reports: days since 1970-01-01.
package enum CivilCalendar {
    /// The days of a month written `2026-01`; `nil` for any other text and for years outside of 1970 to 9998.
    package static func days(ofMonth month: String) -> Range<Int64>? {
        let bytes = Array(month.utf8)
        guard bytes.count == 7, let start = Timestamp.unixSeconds(month + "-01T00:00:00Z"), start >= 0 else { return nil }
        // 31 days after the first is in the next month, or in its first days: back to its first.
        let inNext = Timestamp.text(unixSeconds: start + 31 * OrderCuts.day).prefix(7)
        guard let end = Timestamp.unixSeconds(inNext + "-01T00:00:00Z"), end > start else { return nil }
        return start / OrderCuts.day..<end / OrderCuts.day
    }

    /// The day of a text `2026-01-31`; `nil` for any other.
    package static func day(_ text: String) -> Int64? {
        guard text.utf8.count == 10, let seconds = Timestamp.unixSeconds(text + "T00:00:00Z"), seconds >= 0 else { return nil }
        return seconds / OrderCuts.day
    }

    /// A day as `2026-01-31`.
    package static func text(day: Int64) -> String { String(Timestamp.text(unixSeconds: day * OrderCuts.day).prefix(10)) }

    /// The civil day of a moment in Unix milliseconds.
    package static func day(at milliseconds: Int64, utcOffset: Int64 = 480) -> Int64 {
        OrderCuts.floorDivided(OrderCuts.floorDivided(milliseconds, by: 1000) + utcOffset * 60, by: OrderCuts.day)
    }

    /// The month of a moment as `2026-01`.
    package static func month(at milliseconds: Int64, utcOffset: Int64 = 480) -> String {
        String(text(day: day(at: milliseconds, utcOffset: utcOffset)).prefix(7))
    }
}
