import LabCore

/// `application/x-www-form-urlencoded`, as Alipay has it: UTF-8, a space is `+`.
enum PaymentForm {
    typealias Pairs = [(name: String, value: String)]

    /// - Returns: `nil` for what is no form: bad percent signs, no UTF-8, a name that occurs twice, more than 100 names.
    static func read(_ bytes: [UInt8]) -> Pairs? {
        var pairs: Pairs = []
        var names: Set<String> = []
        for pair in bytes.split(separator: UInt8(ascii: "&"), omittingEmptySubsequences: true) {
            let parts = pair.split(separator: UInt8(ascii: "="), maxSplits: 1, omittingEmptySubsequences: false)
            guard pairs.count < 100, let name = decoded(parts[0]), !name.isEmpty, let value = decoded(parts.count > 1 ? parts[1] : []),
                names.insert(name).inserted
            else { return nil }
            pairs.append((name, value))
        }
        return pairs
    }

    static func write(_ pairs: Pairs) -> [UInt8] {
        Array(pairs.map { encoded($0.name) + "=" + encoded($0.value) }.joined(separator: "&").utf8)
    }

    /// What is signed: sorted by name, without empty values, as it is before encoding.
    static func signedText(_ pairs: Pairs, without left: Set<String>) -> [UInt8] {
        let sorted = pairs.filter { !left.contains($0.name) && !$0.value.isEmpty }
            .sorted { $0.name.utf8.lexicographicallyPrecedes($1.name.utf8) }
        return Array(sorted.map { "\($0.name)=\($0.value)" }.joined(separator: "&").utf8)
    }

    private static func decoded(_ text: ArraySlice<UInt8>) -> String? {
        var bytes: [UInt8] = []
        var rest = text
        while let byte = rest.popFirst() {
            if byte == UInt8(ascii: "%") {
                guard let high = rest.popFirst().flatMap(Hexadecimal.value), let low = rest.popFirst().flatMap(Hexadecimal.value) else {
                    return nil
                }
                bytes.append(high << 4 | low)
            } else {
                bytes.append(byte == UInt8(ascii: "+") ? 0x20 : byte)
            }
        }
        return String(validating: bytes, as: UTF8.self)
    }

    static func encoded(_ text: String) -> String {
        var result: [UInt8] = []
        for byte in text.utf8 {
            switch byte {
            case 0x30...0x39, 0x41...0x5a, 0x61...0x7a, UInt8(ascii: "-"), UInt8(ascii: "_"), UInt8(ascii: "."): result.append(byte)
            default: result += [UInt8(ascii: "%")] + Hexadecimal.text([byte]).uppercased().utf8
            }
        }
        return String(decoding: result, as: UTF8.self)
    }
}

/// Times as the services write them: Beijing's civil time, eight hours ahead of UTC all year, by the Gregorian calendar.
enum BeijingTime {
    private static let offset: Int64 = 28_800

    /// `2026-01-02`
    static func day(_ unix: Int64) -> String {
        let date = date(days: floored(unix + offset, 86_400))
        return "\(padded(date.year, 4))-\(padded(date.month, 2))-\(padded(date.day, 2))"
    }

    /// `2026-01-02 12:33:20`
    static func plain(_ unix: Int64) -> String { "\(day(unix)) \(clock(unix))" }
    /// `2026-01-02T12:33:20+08:00` (RFC 3339)
    static func stamp(_ unix: Int64) -> String { "\(day(unix))T\(clock(unix))+08:00" }

    private static func clock(_ unix: Int64) -> String {
        let rest = unix + offset - floored(unix + offset, 86_400) * 86_400
        return "\(padded(rest / 3_600, 2)):\(padded(rest / 60 % 60, 2)):\(padded(rest % 60, 2))"
    }

    /// The start of a day that is written `2026-01-02`.
    static func start(of day: String) -> Int64? { unix(day + " 00:00:00") }

    /// Reads `2026-01-02 12:33:20` in Beijing, and RFC 3339 to the second with its offset; years 1970 to 2199.
    static func unix(_ text: String) -> Int64? {
        let bytes = Array(text.utf8)
        func number(_ range: Range<Int>) -> Int64? {
            guard bytes[range].allSatisfy({ (0x30...0x39).contains($0) }) else { return nil }
            return Int64(String(decoding: bytes[range], as: UTF8.self))
        }
        func holds(_ marks: [(Int, Character)]) -> Bool { marks.allSatisfy { bytes[$0.0] == $0.1.asciiValue } }
        guard bytes.count >= 19, holds([(4, "-"), (7, "-"), (13, ":"), (16, ":")]), let year = number(0..<4), let month = number(5..<7),
            let day = number(8..<10), let hour = number(11..<13), let minute = number(14..<16), let second = number(17..<19),
            (1_970..<2_200).contains(year), (1...12).contains(month), day >= 1, hour < 24, minute < 60, second < 60
        else { return nil }
        let days = days(year: year, month: month, day: day)
        guard date(days: days) == (year, month, day) else { return nil }
        let local = days * 86_400 + hour * 3_600 + minute * 60 + second
        switch bytes.count {
        case 19: return bytes[10] == UInt8(ascii: " ") ? local - offset : nil
        case 20: return holds([(10, "T"), (19, "Z")]) ? local : nil
        case 25:
            guard holds([(10, "T"), (22, ":")]), let hours = number(20..<22), let minutes = number(23..<25), hours < 24, minutes < 60 else {
                return nil
            }
            if bytes[19] == UInt8(ascii: "+") { return local - hours * 3_600 - minutes * 60 }
            return bytes[19] == UInt8(ascii: "-") ? local + hours * 3_600 + minutes * 60 : nil
        default: return nil
        }
    }

    // MARK: Calendar

    private static func floored(_ value: Int64, _ divisor: Int64) -> Int64 {
        value >= 0 ? value / divisor : -((divisor - 1 - value) / divisor)
    }

    private static func padded(_ value: Int64, _ width: Int) -> String {
        let text = String(value)
        return String(repeating: "0", count: max(0, width - text.utf8.count)) + text
    }

    /// Days since 1970-01-01, counted by way of years that begin in March, so that the leap day is their last.
    private static func days(year: Int64, month: Int64, day: Int64) -> Int64 {
        let shifted = month <= 2 ? year - 1 : year
        let era = floored(shifted, 400)
        let yearOfEra = shifted - era * 400
        let dayOfYear = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1
        return era * 146_097 + yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear - 719_468
    }

    private static func date(days: Int64) -> (year: Int64, month: Int64, day: Int64) {
        let shifted = days + 719_468
        let era = floored(shifted, 146_097)
        let dayOfEra = shifted - era * 146_097
        let yearOfEra = (dayOfEra - dayOfEra / 1_460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let month = (5 * dayOfYear + 2) / 153
        return (yearOfEra + era * 400 + (month >= 10 ? 1 : 0), month < 10 ? month + 3 : month - 9, dayOfYear - (153 * month + 2) / 5 + 1)
    }
}

/// Money in yuan with two decimals, as Alipay and all statements write it.
enum YuanText {
    static func text(_ fen: Int64) -> String {
        let cents = fen.magnitude % 100
        return "\(fen < 0 ? "-" : "")\(fen.magnitude / 100).\(cents < 10 ? "0" : "")\(cents)"
    }

    /// `12.35`, `12.3`, `12`, with a minus sign where allowed; `nil` for all else, such as an exponent or a third decimal that is not 0.
    static func fen(_ text: some StringProtocol, signed: Bool = false) -> Int64? {
        var rest = text.utf8[...]
        let isNegative = signed && rest.first == UInt8(ascii: "-")
        if isNegative { rest = rest.dropFirst() }
        let parts = rest.split(separator: UInt8(ascii: "."), maxSplits: 1, omittingEmptySubsequences: false)
        guard let whole = parts.first, (1...9).contains(whole.count), let yuan = digits(whole) else { return nil }
        var cents: Int64 = 0
        if parts.count == 2 {
            let decimals = parts[1]
            guard (1...5).contains(decimals.count), digits(decimals) != nil, decimals.dropFirst(2).allSatisfy({ $0 == UInt8(ascii: "0") }),
                let value = digits(decimals.prefix(2))
            else { return nil }
            cents = decimals.count == 1 ? value * 10 : value
        }
        return (isNegative ? -1 : 1) * (yuan * 100 + cents)
    }

    private static func digits(_ text: some Collection<UInt8>) -> Int64? {
        guard text.allSatisfy({ (0x30...0x39).contains($0) }) else { return nil }
        return text.reduce(0) { $0 * 10 + Int64($1 - 0x30) }
    }
}
