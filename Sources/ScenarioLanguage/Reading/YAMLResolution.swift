/// What YAML 1.1 makes of a plain scalar (yaml.org/type, as libraries implement it), to warn where that is not the text.
///
/// A firmware version 2.40 becomes the number 2.4, a country code `no` becomes false, 1:30 becomes 90.
enum YAMLResolution {
    /// - Returns: what is read in the place of the text, such as `the number 2.4`; `nil` where the text stays a text.
    static func reading(_ text: String) -> String? {
        guard let first = text.utf8.first, text.utf8.count <= 64 else { return nil }
        switch text {
        case "~", "null", "Null", "NULL": return "null"
        case "y", "Y", "yes", "Yes", "YES", "on", "On", "ON", "true", "True", "TRUE": return "true"
        case "n", "N", "no", "No", "NO", "off", "Off", "OFF", "false", "False", "FALSE": return "false"
        case ".inf", ".Inf", ".INF", "+.inf", "+.Inf", "+.INF": return "infinity"
        case "-.inf", "-.Inf", "-.INF": return "minus infinity"
        case ".nan", ".NaN", ".NAN": return "not-a-number"
        default: break
        }
        guard isDigit(first) || first == UInt8(ascii: "+") || first == UInt8(ascii: "-") || first == UInt8(ascii: ".") else { return nil }
        if isDate(Array(text.utf8)) { return "a date" }
        if let number = integer(text) { return "the number \(number)" }
        if let number = real(text) { return "the number \(shortest(number))" }
        return nil
    }

    private static func isDigit(_ byte: UInt8) -> Bool { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) }

    private static func integer(_ text: String) -> Int64? {
        let isNegative = text.hasPrefix("-")
        let body = (isNegative || text.hasPrefix("+") ? text.dropFirst() : text[...]).lowercased()
        guard body.utf8.first.map(isDigit) ?? false else { return nil }
        let digits = body.replacing("_", with: "")
        let magnitude: Int64?
        if digits.hasPrefix("0b") {
            magnitude = Int64(digits.dropFirst(2), radix: 2)
        } else if digits.hasPrefix("0x") {
            magnitude = Int64(digits.dropFirst(2), radix: 16)
        } else if digits.hasPrefix("0o") {
            magnitude = Int64(digits.dropFirst(2), radix: 8)
        } else if digits.contains(":") {
            magnitude = sexagesimal(digits)
        } else if digits.hasPrefix("0"), digits.count > 1 {
            magnitude = Int64(digits, radix: 8)
        } else {
            magnitude = digits.utf8.allSatisfy(isDigit) ? Int64(digits) : nil
        }
        return magnitude.map { isNegative ? -$0 : $0 }
    }

    /// `1:30` is 90, as in hours and minutes.
    private static func sexagesimal(_ text: String) -> Int64? {
        let parts = text.split(separator: ":", omittingEmptySubsequences: false)
        var value: Int64 = 0
        for (index, part) in parts.enumerated() {
            guard part.utf8.allSatisfy(isDigit), let digit = Int64(part), index == 0 || (part.count <= 2 && digit < 60) else { return nil }
            let (scaled, overflow) = value.multipliedReportingOverflow(by: 60)
            guard !overflow else { return nil }
            value = scaled &+ digit
        }
        return value
    }

    private static func real(_ text: String) -> Double? {
        let body = text.replacing("_", with: "")
        guard body.utf8.allSatisfy({ isDigit($0) || "+-.eE".utf8.contains($0) }), body.utf8.contains(where: isDigit) else { return nil }
        return Double(body.hasSuffix(".") ? body + "0" : body)
    }

    private static func shortest(_ number: Double) -> String {
        Int64(exactly: number).map(String.init) ?? number.description
    }

    /// `2026-07-14`, alone or with a time after it.
    private static func isDate(_ text: [UInt8]) -> Bool {
        guard text.count >= 8, text[..<4].allSatisfy(isDigit), text[4] == UInt8(ascii: "-") else { return false }
        let parts = text.split(separator: UInt8(ascii: "-"), maxSplits: 2, omittingEmptySubsequences: false)
        guard parts.count == 3, (1...2).contains(parts[1].count), parts[1].allSatisfy(isDigit) else { return false }
        let day = parts[2].prefix(while: isDigit)
        guard (1...2).contains(day.count) else { return false }
        let rest = parts[2].dropFirst(day.count)
        return rest.isEmpty || [UInt8(ascii: "T"), UInt8(ascii: "t"), UInt8(ascii: " ")].contains(rest.first)
    }
}
