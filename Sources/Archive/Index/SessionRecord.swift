import LabCore

/// `session.json` of a run: when and where it ran, and how it ended. `result.json` holds what it found.
///
/// It is written when the run begins and again at its end, so that the index can be made again from the folder alone.
package struct SessionRecord: Sendable, Equatable {
    package static let fileName = "session.json"

    /// Nanoseconds since 1970.
    package var started: Int64
    /// `nil`: not known, for runs of labs that did not note it.
    package var machine: Machine?
    /// The commit of the working folder, or what the user called it; empty where there is neither.
    package var label: String
    package var labVersion: String
    /// `nil` until the end.
    package var exitCode: Int?
    /// Interrupted, or stopped at the first failure: its figures are no base for others.
    package var isPartial: Bool

    package init(started: Int64, machine: Machine?, label: String, labVersion: String, exitCode: Int? = nil, isPartial: Bool = false) {
        self.started = started
        self.machine = machine
        self.label = label
        self.labVersion = labVersion
        self.exitCode = exitCode
        self.isPartial = isPartial
    }

    package var bytes: [UInt8] {
        let fields: Fields = [
            "schema": 1, "lab": .text(labVersion), "started": .text(CalendarText.timestamp(nanoseconds: started)), "started_ns": .integer(started),
            "label": .text(label), "machine": machine?.asValue ?? .null, "exit_code": exitCode.map { .integer(Int64($0)) } ?? .null,
            "is_partial": .bool(isPartial),
        ]
        return JSONWriter.bytes(.record(fields)) + [0x0a]
    }

    /// - Returns: `nil` for a document that is not the lab's.
    init?(_ fields: Fields) {
        guard let started = fields["started_ns"]?.integer else { return nil }
        self.init(
            started: started, machine: fields["machine"]?.record.flatMap { Machine($0) }, label: fields["label"]?.text ?? "",
            labVersion: fields["lab"]?.text ?? "", exitCode: fields["exit_code"]?.integer.map { Int(clamping: $0) },
            isPartial: fields["is_partial"]?.bool ?? false)
    }
}

/// Moments of the calendar as text, in UTC.
package enum CalendarText {
    /// `2026-11-21T22:30:53Z` for nanoseconds since 1970. Gregorian, by the day count of the civil calendar.
    package static func timestamp(nanoseconds: Int64) -> String {
        let seconds = nanoseconds >= 0 ? nanoseconds / 1_000_000_000 : (nanoseconds - 999_999_999) / 1_000_000_000
        let day = seconds >= 0 ? seconds / 86_400 : (seconds - 86_399) / 86_400
        let rest = seconds - day * 86_400
        let (year, month, date) = civil(day)
        return "\(padded(year, 4))-\(padded(month, 2))-\(padded(date, 2))T\(padded(rest / 3600, 2)):\(padded(rest / 60 % 60, 2)):\(padded(rest % 60, 2))Z"
    }

    /// Days since 1970-01-01 as a date. Years begin in March here, so that the leap day is a year's last.
    private static func civil(_ day: Int64) -> (year: Int64, month: Int64, day: Int64) {
        let shifted = day + 719_468
        let era = (shifted >= 0 ? shifted : shifted - 146_096) / 146_097
        let dayOfEra = shifted - era * 146_097
        let yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let monthFromMarch = (5 * dayOfYear + 2) / 153
        let month = monthFromMarch < 10 ? monthFromMarch + 3 : monthFromMarch - 9
        return (yearOfEra + era * 400 + (month <= 2 ? 1 : 0), month, dayOfYear - (153 * monthFromMarch + 2) / 5 + 1)
    }

    private static func padded(_ number: Int64, _ width: Int) -> String {
        let digits = String(number)
        return String(repeating: "0", count: max(0, width - digits.count)) + digits
    }
}
