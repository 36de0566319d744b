/// Durations as scenarios write them: `250ms`, `5s`, `1.5s`, `20m`, `12h`.
package enum DurationText {
    /// Units from the smallest, with their length in nanoseconds. `us` and `ns` serve limits.
    private static let units: [(suffix: String, nanoseconds: Int64)] = [
        ("ns", 1), ("us", 1_000), ("ms", 1_000_000), ("s", 1_000_000_000),
        ("m", 60_000_000_000), ("min", 60_000_000_000), ("h", 3_600_000_000_000), ("d", 86_400_000_000_000),
    ]

    /// Reads one duration: digits, at most one decimal point, one unit, no sign and no space.
    ///
    /// - Returns: nanoseconds, or `nil` if the text is not a duration, is finer than 1 ns, or exceeds 292 years.
    package static func parse(_ text: some StringProtocol) -> Int64? {
        let digits = text.prefix { $0.isASCII && ($0.isNumber || $0 == ".") }
        let suffix = text.dropFirst(digits.count)
        guard let unit = units.first(where: { $0.suffix == suffix })?.nanoseconds else { return nil }
        let parts = digits.split(separator: ".", maxSplits: 1, omittingEmptySubsequences: false)
        guard let first = parts.first, !first.isEmpty, let whole = Int64(first) else { return nil }
        let (base, overflow) = whole.multipliedReportingOverflow(by: unit)
        guard !overflow else { return nil }
        guard parts.count == 2 else { return base }
        return fraction(parts[1], of: unit).flatMap { part in
            let (sum, carried) = base.addingReportingOverflow(part)
            return carried ? nil : sum
        }
    }

    private static func fraction(_ digits: some StringProtocol, of unit: Int64) -> Int64? {
        guard !digits.isEmpty, digits.allSatisfy({ $0.isASCII && $0.isNumber }) else { return nil }
        var significant = digits[...]
        while significant.last == "0" { significant.removeLast() }
        // No unit has a fraction of more digits that is a whole number of nanoseconds.
        guard significant.count <= 18 else { return nil }
        var numerator: Int128 = 0
        var denominator: Int128 = 1
        for digit in significant {
            numerator = numerator * 10 + Int128(digit.wholeNumberValue ?? 0)
            denominator *= 10
        }
        let (whole, rest) = (numerator * Int128(unit)).quotientAndRemainder(dividingBy: denominator)
        return rest == 0 ? Int64(whole) : nil
    }

    /// Writes a duration in the largest unit that needs at most three decimals: `1.5s`, `250ms`, `20m`.
    ///
    /// `parse(format(x)) == x` for every x of 0 or more.
    package static func format(nanoseconds: Int64) -> String {
        if nanoseconds < 0 { return "-" + format(nanoseconds: nanoseconds == .min ? .max : -nanoseconds) }
        if nanoseconds == 0 { return "0s" }
        for (suffix, unit) in [("h", 3_600_000_000_000), ("m", 60_000_000_000)] as [(String, Int64)]
        where nanoseconds % unit == 0 { return "\(nanoseconds / unit)\(suffix)" }
        for (suffix, unit) in [("s", 1_000_000_000), ("ms", 1_000_000), ("us", 1_000)] as [(String, Int64)]
        where nanoseconds >= unit && nanoseconds % (unit / 1_000) == 0 {
            return decimal(nanoseconds, unit: unit) + suffix
        }
        return "\(nanoseconds)ns"
    }

    private static func decimal(_ nanoseconds: Int64, unit: Int64) -> String {
        let thousandths = nanoseconds % unit / (unit / 1_000)
        guard thousandths > 0 else { return "\(nanoseconds / unit)" }
        var digits = String(thousandths)
        digits = String(repeating: "0", count: 3 - digits.count) + digits
        while digits.hasSuffix("0") { digits.removeLast() }
        return "\(nanoseconds / unit).\(digits)"
    }
}
