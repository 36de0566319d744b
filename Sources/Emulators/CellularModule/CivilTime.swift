/// A moment as calendar and clock in UTC, after the proleptic Gregorian calendar.
struct CivilTime: Equatable {
    var year: Int
    var month: Int
    var day: Int
    var hour: Int
    var minute: Int
    var second: Int

    /// - Parameter seconds: since 1970-01-01T00:00:00Z.
    init(unix seconds: Int64) {
        let days = Int(seconds.flooredDivision(by: 86_400))
        let rest = Int(seconds - Int64(days) * 86_400)
        (hour, minute, second) = (rest / 3_600, rest / 60 % 60, rest % 60)
        // Counted from 0000-03-01, so that the leap day is the last of a year.
        let shifted = days + 719_468
        let era = Int(Int64(shifted).flooredDivision(by: 146_097))
        let dayOfEra = shifted - era * 146_097
        let yearOfEra = (dayOfEra - dayOfEra / 1_460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let shiftedMonth = (5 * dayOfYear + 2) / 153
        day = dayOfYear - (153 * shiftedMonth + 2) / 5 + 1
        month = shiftedMonth < 10 ? shiftedMonth + 3 : shiftedMonth - 9
        year = yearOfEra + era * 400 + (month <= 2 ? 1 : 0)
    }

    /// Seconds since 1970; `nil` if the parts are no date.
    static func unix(year: Int, month: Int, day: Int, hour: Int, minute: Int, second: Int) -> Int64? {
        guard (1...12).contains(month), (1...31).contains(day), (0...23).contains(hour), (0...59).contains(minute),
            (0...59).contains(second)
        else { return nil }
        let shiftedYear = month <= 2 ? year - 1 : year
        let era = Int(Int64(shiftedYear).flooredDivision(by: 400))
        let yearOfEra = shiftedYear - era * 400
        let dayOfYear = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1
        let dayOfEra = yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear
        return Int64(era * 146_097 + dayOfEra - 719_468) * 86_400 + Int64(hour * 3_600 + minute * 60 + second)
    }

    /// `26/01/31`
    var shortDate: String { "\((year % 100).digits(2))/\(month.digits(2))/\(day.digits(2))" }
    /// `23:59:58`
    var time: String { "\(hour.digits(2)):\(minute.digits(2)):\(second.digits(2))" }
}

extension Int64 {
    fileprivate func flooredDivision(by divisor: Int64) -> Int64 { self >= 0 ? self / divisor : -((divisor - 1 - self) / divisor) }
}

extension Int {
    /// With zeros in front up to `width` digits.
    func digits(_ width: Int) -> String {
        let text = String(magnitude)
        return (self < 0 ? "-" : "") + String(repeating: "0", count: Swift.max(0, width - text.utf8.count)) + text
    }
}

extension Double {
    /// With that many decimals, rounded half away from zero.
    func decimals(_ count: Int) -> String {
        var scale = 1.0
        for _ in 0..<count { scale *= 10 }
        let scaled = (self * scale).rounded()
        guard scaled.magnitude < 9e15 else { return "0" }
        let whole = Int64(scaled)
        let unit = Int64(scale)
        let sign = whole < 0 ? "-" : ""
        if count == 0 { return "\(sign)\(whole.magnitude)" }
        return "\(sign)\(Int64(whole.magnitude) / unit).\(Int(Int64(whole.magnitude) % unit).digits(count))"
    }
}
