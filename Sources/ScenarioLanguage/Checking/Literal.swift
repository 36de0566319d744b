import LabCore

/// Reads one written scalar as the type of the field that it is written for. The field decides, not YAML.
enum Literal {
    struct Problem: Error { var message: String }

    static func read(_ scalar: SourceValue.Scalar, for field: FieldKind) throws(Problem) -> FieldValue {
        if scalar.isMissing {
            if field.type == .any { return .null }
            throw Problem(message: "'\(field.name)' has no value; \(field.wanted) expected")
        }
        switch field.type {
        case .any: return natural(scalar)
        case .text, .file: return .text(try text(scalar, field))
        case .choice(let words): return .text(try choice(scalar, words, field))
        case .integer: return .integer(try integer(scalar, field))
        case .number: return try number(scalar, field)
        case .bool: return .bool(try bool(scalar, field))
        case .duration: return .duration(try duration(scalar, field))
        case .ratio: return .number(try ratio(scalar, field))
        case .bytes: return .bytes(try bytes(scalar, field))
        case .list, .record: throw wrong(scalar, field)
        }
    }

    /// A value without a type: plain scalars as JSON has them, everything else text. A number that would not be
    /// written the same again, such as 2.40, stays text.
    static func natural(_ scalar: SourceValue.Scalar) -> FieldValue {
        guard scalar.style == .plain || scalar.style == .computed else { return .text(scalar.text) }
        switch scalar.text {
        case "", "null": return .null
        case "true": return .bool(true)
        case "false": return .bool(false)
        default: return jsonNumber(scalar.text) ?? .text(scalar.text)
        }
    }

    private static func jsonNumber(_ text: String) -> FieldValue? {
        guard let first = text.utf8.first, first == UInt8(ascii: "-") || (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(first),
            let value = try? JSONReader.read(text), JSONWriter.text(value) == text else { return nil }
        return value
    }

    private static func wrong(_ scalar: SourceValue.Scalar, _ field: FieldKind, _ advice: String? = nil) -> Problem {
        Problem(message: "value \(scalar.shown) for '\(field.name)' must be \(field.wanted)" + (advice.map { "; \($0)" } ?? ""))
    }

    private static func isQuoted(_ scalar: SourceValue.Scalar) -> Bool { scalar.style != .plain && scalar.style != .computed }

    private static func text(_ scalar: SourceValue.Scalar, _ field: FieldKind) throws(Problem) -> String {
        if scalar.style == .plain, let reading = YAMLResolution.reading(scalar.text) {
            throw wrong(scalar, field, "write \"\(scalar.text)\" (YAML would read \(reading))")
        }
        return scalar.text
    }

    private static func choice(_ scalar: SourceValue.Scalar, _ words: [String], _ field: FieldKind) throws(Problem) -> String {
        if words.contains(scalar.text) { return scalar.text }
        let meant = DidYouMean.suggestion(for: scalar.text, among: words)
        throw Problem(
            message: wrong(scalar, field).message + (meant.map { " — did you mean '\($0)'?" } ?? ""))
    }

    private static func integer(_ scalar: SourceValue.Scalar, _ field: FieldKind) throws(Problem) -> Int64 {
        let isNegative = scalar.text.hasPrefix("-")
        let body = isNegative ? scalar.text.dropFirst() : scalar.text[...]
        let isHexadecimal = body.hasPrefix("0x")
        let digits = isHexadecimal ? body.dropFirst(2) : body
        let isPlainNumber = digits.utf8.first != UInt8(ascii: "+") && digits.utf8.first != UInt8(ascii: "-")
        if isQuoted(scalar) { throw wrong(scalar, field, isPlainNumber && Int64(digits) != nil ? "write \(scalar.text) without quotes" : nil) }
        guard isPlainNumber, let magnitude = UInt64(digits, radix: isHexadecimal ? 16 : 10) else {
            if isPlainNumber, !digits.isEmpty, digits.utf8.allSatisfy({ (0x30...0x39).contains($0) }) { throw wrong(scalar, field, "it is too large") }
            throw wrong(scalar, field)
        }
        if !isHexadecimal, digits.count > 1, digits.hasPrefix("0") {
            throw wrong(scalar, field, "write it without the leading 0 (YAML would read an octal number)")
        }
        guard let value = isNegative ? (magnitude <= 1 << 63 ? Int64(truncatingIfNeeded: 0 &- magnitude) : nil) : Int64(exactly: magnitude) else {
            throw wrong(scalar, field, "it is too large")
        }
        return value
    }

    private static func number(_ scalar: SourceValue.Scalar, _ field: FieldKind) throws(Problem) -> FieldValue {
        if isQuoted(scalar) {
            throw wrong(scalar, field, (try? JSONReader.read(scalar.text)) != nil ? "write \(scalar.text) without quotes" : nil)
        }
        // The grammar of JSON: no hexadecimal, no leading zeros, no `.5`, no infinities.
        guard let value = try? JSONReader.read(scalar.text), value.asNumber != nil else { throw wrong(scalar, field) }
        return value
    }

    private static func bool(_ scalar: SourceValue.Scalar, _ field: FieldKind) throws(Problem) -> Bool {
        if !isQuoted(scalar) {
            if scalar.text == "true" { return true }
            if scalar.text == "false" { return false }
        }
        switch scalar.text.lowercased() {
        case "true", "yes", "on", "y": throw wrong(scalar, field, "write true")
        case "false", "no", "off", "n": throw wrong(scalar, field, "write false")
        default: throw wrong(scalar, field)
        }
    }

    private static func duration(_ scalar: SourceValue.Scalar, _ field: FieldKind) throws(Problem) -> Int64 {
        if let nanoseconds = DurationText.parse(scalar.text) { return nanoseconds }
        throw wrong(scalar, field, Double(scalar.text) != nil ? "add the unit: \(scalar.text)s, \(scalar.text)m" : nil)
    }

    private static func ratio(_ scalar: SourceValue.Scalar, _ field: FieldKind) throws(Problem) -> Double {
        let isPercent = scalar.text.hasSuffix("%")
        let digits = isPercent ? String(scalar.text.dropLast()) : scalar.text
        guard let number = (try? JSONReader.read(digits))?.asNumber, let share = isPercent ? Percent.share(digits) : number else {
            throw wrong(scalar, field)
        }
        guard (0...1).contains(share) else {
            throw wrong(scalar, field, isPercent ? "it lies between 0% and 100%" : "it lies between 0 and 1; write \(digits)% for percent")
        }
        return share
    }

    private static func bytes(_ scalar: SourceValue.Scalar, _ field: FieldKind) throws(Problem) -> [UInt8] {
        if let bytes = Hexadecimal.bytes(scalar.text) { return bytes }
        throw wrong(scalar, field, "two digits for each byte, such as 444e5921")
    }
}

extension SourceValue.Scalar {
    /// The whole number that it is, as an integer field reads it.
    var integer: Int? { (try? Literal.read(self, for: FieldKind("", .integer)))?.integer.flatMap { Int(exactly: $0) } }
}

enum Percent {
    /// A share from its percent: 99.9 is 0.999, the nearest number to the decimal, not to a quotient of two.
    static func share(_ digits: String) -> Double? { Double(digits + "e-2") }
}

extension FieldKind {
    /// The type for messages, with the unit: `a whole number of cents`.
    var wanted: String {
        guard let unit, type == .integer || type == .number else { return type.name }
        return "\(type.name) in \(unit), written without the unit"
    }
}
