/// Moments as manifests write them: `2026-01-01T00:00:00Z` (RFC 3339, UTC, whole seconds), for the years 1970 to 9999.
package enum UTCTime {
    /// Unix seconds of a moment; nil for anything that is not exactly of this form, such as February 30th.
    package static func seconds(_ text: String) -> Int64? {
        let bytes = Array(text.utf8)
        let pattern = Array("dddd-dd-ddTdd:dd:ddZ".utf8)
        guard bytes.count == pattern.count else { return nil }
        for (byte, wanted) in zip(bytes, pattern) {
            let isDigit = (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte)
            guard wanted == UInt8(ascii: "d") ? isDigit : byte == wanted else { return nil }
        }
        func number(_ range: Range<Int>) -> Int64 { bytes[range].reduce(0) { $0 * 10 + Int64($1 - UInt8(ascii: "0")) } }
        let (year, month, day) = (number(0..<4), number(5..<7), number(8..<10))
        let (hour, minute, second) = (number(11..<13), number(14..<16), number(17..<19))
        guard year >= 1970, (1...12).contains(month), (1...days(inMonth: month, of: year)).contains(day), hour < 24, minute < 60,
            second < 60
        else { return nil }
        var total: Int64 = 0
        for earlier in 1970..<max(year, 1970) { total += isLeap(earlier) ? 366 : 365 }
        for earlier in 1..<max(month, 1) { total += days(inMonth: earlier, of: year) }
        return (total + day - 1) * 86_400 + hour * 3_600 + minute * 60 + second
    }

    /// The text of a moment; moments outside of the years 1970 to 9999 become the nearest one inside.
    package static func text(_ seconds: Int64) -> String {
        let inside = min(max(seconds, 0), 253_402_300_799)
        var rest = inside / 86_400
        var year: Int64 = 1970
        while rest >= (isLeap(year) ? 366 : 365) { rest -= isLeap(year) ? 366 : 365; year += 1 }
        var month: Int64 = 1
        while rest >= days(inMonth: month, of: year) { rest -= days(inMonth: month, of: year); month += 1 }
        let time = inside % 86_400
        return
            "\(padded(year, 4))-\(padded(month))-\(padded(rest + 1))T\(padded(time / 3_600)):\(padded(time / 60 % 60)):\(padded(time % 60))Z"
    }

    private static func padded(_ number: Int64, _ width: Int = 2) -> String {
        let digits = String(number)
        return String(repeating: "0", count: max(0, width - digits.count)) + digits
    }

    private static func isLeap(_ year: Int64) -> Bool { year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) }

    private static func days(inMonth month: Int64, of year: Int64) -> Int64 {
        switch month {
        case 2: isLeap(year) ? 29 : 28
        case 4, 6, 9, 11: 30
        default: 31
        }
    }
}
