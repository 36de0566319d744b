/// Measured values as people read them: `118.4 s`, `927 ms`, `0.92`, `99.9 %`.
///
/// Figures are rounded; what must be read back is written by `DurationText` and `JSONWriter`.
package enum FigureText {
    /// A duration with three or four significant digits in the unit that fits: `85 ns`, `12.3 ms`, `118.4 s`, `16 m 40 s`, `24 h`.
    package static func duration(nanoseconds: Double) -> String {
        if nanoseconds < 0 { return "-" + duration(nanoseconds: -nanoseconds) }
        guard nanoseconds.isFinite, nanoseconds < 9e18 else { return "for ever" }
        if nanoseconds == 0 { return "0 s" }
        for (suffix, unit, next) in [("ns", 1.0, 1e3), ("µs", 1e3, 1e6), ("ms", 1e6, 1e9)] where nanoseconds < next * 0.9995 {
            return shortest(nanoseconds / unit) + " " + suffix
        }
        let seconds = nanoseconds / 1e9
        if seconds < 9.995 { return trimmed(decimal(seconds, places: 2)) + " s" }
        if seconds < 999.95 { return trimmed(decimal(seconds, places: 1)) + " s" }
        let whole = Int64(seconds.rounded())
        if whole < 3600 { return whole % 60 == 0 ? "\(whole / 60) m" : "\(whole / 60) m \(whole % 60) s" }
        let minutes = (whole + 30) / 60
        return minutes % 60 == 0 ? "\(minutes / 60) h" : "\(minutes / 60) h \(minutes % 60) m"
    }

    /// A duration as it was written, with a space before the unit: `3 m`, `1.5 s`.
    package static func exact(_ duration: Duration) -> String {
        let day: Int64 = 86_400_000_000_000
        if duration.nanoseconds >= 2 * day, duration.nanoseconds % day == 0 { return "\(duration.nanoseconds / day) d" }
        let text = DurationText.format(nanoseconds: duration.nanoseconds)
        guard let unit = text.firstIndex(where: \.isLetter) else { return text }
        return text[..<unit] + " " + text[unit...]
    }

    /// A number with exactly `places` decimals, rounded half away from zero; no exponent below 10^15.
    package static func decimal(_ value: Double, places: Int) -> String {
        var scale: Int64 = 1
        for _ in 0..<min(max(places, 0), 6) { scale *= 10 }
        let scaled = (value * Double(scale)).rounded()
        guard let whole = Int64(exactly: scaled) else { return value.description }
        let digits = String(whole.magnitude % scale.magnitude)
        let fraction = scale == 1 ? "" : "." + String(repeating: "0", count: String(scale).count - 1 - digits.count) + digits
        return (whole < 0 ? "-" : "") + "\(whole.magnitude / scale.magnitude)" + fraction
    }

    /// A bare number without digits that say nothing: `412`, `0.92`, `12.35`.
    package static func number(_ value: Double) -> String {
        if let whole = Int64(exactly: value) { return String(whole) }
        if value.magnitude >= 1e15 || value.magnitude < 1e-4 { return value.description }
        return trimmed(decimal(value, places: 4))
    }

    /// A share of 1 as a percentage: `99.9 %`.
    package static func share(_ value: Double) -> String { trimmed(decimal(value * 100, places: 4)) + " %" }

    private static func shortest(_ value: Double) -> String {
        trimmed(decimal(value, places: value < 9.995 ? 2 : (value < 99.95 ? 1 : 0)))
    }

    private static func trimmed(_ text: String) -> String {
        guard text.contains(".") else { return text }
        var digits = Substring(text)
        while digits.last == "0" { digits.removeLast() }
        if digits.last == "." { digits.removeLast() }
        return String(digits)
    }
}
