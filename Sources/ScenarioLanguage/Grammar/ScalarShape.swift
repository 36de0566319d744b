import LabCore

/// The forms of single values: what they accept, and what to say where they do not.
enum ScalarShape {
    /// The form for messages.
    static func wanted(_ shape: Shape) -> String {
        switch shape {
        case .version: "1"
        case .text: "text"
        case .word: "a name (\(Name.wordRule))"
        case .variable: "a name (\(Name.variableRule))"
        case .field: "the name of a field"
        case .choice(let words): "one of " + words.joined(separator: ", ")
        case .integer(let range, _): "a whole number from \(range.lowerBound) to \(range.upperBound)"
        case .number(let minimum): "a number of at least \(FieldValue.number(minimum))"
        case .bool: "true or false"
        case .duration: "a duration such as 250ms, 5s, 20m"
        case .rate: "a rate such as 10/s, 600/min, 40/h or 100/day"
        case .sampleCount: "a whole number, auto or strict"
        case .share: FieldType.ratio.name
        case .shareOrTime: "a share such as 5%, or a duration such as 250us"
        case .occurrences: "so often in so long a time, such as 8/30d"
        case .gauge: "a field of a query of a role, such as cloud.device.online"
        case .reference(let category): "\(category.withArticle) of a role, such as badge.boot"
        case .form(let form): form.wanted
        default: "a single value"
        }
    }

    /// - Returns: what is wrong; `nil` where the scalar has the form.
    static func problem(of scalar: SourceValue.Scalar, _ shape: Shape, _ name: String) -> String? {
        let hasForm =
            switch shape {
            case .version: scalar.text == "1"
            case .word: Name.isWord(scalar.text)
            case .variable: Name.isVariable(scalar.text)
            case .field: Name.isField(scalar.text)
            case .rate: hasTemplate(scalar) || Rate.perSecond(scalar.text) != nil
            case .occurrences: Occurrences.read(scalar.text) != nil
            case .gauge: hasTemplate(scalar) || (Name.isField(scalar.text) && scalar.text.utf8.count { $0 == UInt8(ascii: ".") } >= 2)
            case .reference: hasTemplate(scalar) || isReference(scalar.text)
            case .form(let form): form.holds(scalar.text)
            default: true
            }
        guard hasForm, !scalar.isMissing else {
            if case .version = shape { return "this is version 1 of the language: write lab: 1" }
            return scalar.isMissing
                ? "'\(name)' has no value; \(wanted(shape)) expected" : "value \(scalar.shown) for '\(name)' must be \(wanted(shape))"
        }
        switch shape {
        case .integer(let range, let orTemplate): return orTemplate && hasTemplate(scalar) ? nil : integerProblem(scalar, range, name)
        case .sampleCount:
            if ["auto", "strict"].contains(scalar.text) { return nil }
            return Int(scalar.text) == nil ? "value \(scalar.shown) for '\(name)' must be \(wanted(shape))" : integerProblem(scalar, 1...1_000_000_000, name)
        case .duration(let orTemplate): return orTemplate && hasTemplate(scalar) ? nil : literalProblem(scalar, .duration, name)
        case .text: return literalProblem(scalar, .text, name)
        case .form(let form): return form.mayBeNumber ? nil : literalProblem(scalar, .text, name)
        case .share: return literalProblem(scalar, .ratio, name)
        case .shareOrTime: return DurationText.parse(scalar.text) != nil ? nil : literalProblem(scalar, .ratio, name)
        case .choice(let words): return literalProblem(scalar, .choice(words), name)
        case .bool: return literalProblem(scalar, .bool, name)
        case .number(let minimum):
            if let problem = literalProblem(scalar, .number, name) { return problem }
            return Double(scalar.text).map { $0 >= minimum } ?? false ? nil : "value \(scalar.shown) for '\(name)' must be \(wanted(shape))"
        default: return nil
        }
    }

    static func hasTemplate(_ scalar: SourceValue.Scalar) -> Bool {
        // Every scalar is asked, more than once; searching bytes is many times faster than searching characters.
        var last: UInt8 = 0
        for byte in scalar.text.utf8 {
            if last == UInt8(ascii: "$"), byte == UInt8(ascii: "{") { return true }
            last = byte
        }
        return false
    }

    private static func isReference(_ text: String) -> Bool { text.utf8.contains(UInt8(ascii: ".")) && Name.isField(text) }

    private static func literalProblem(_ scalar: SourceValue.Scalar, _ type: FieldType, _ name: String) -> String? {
        do throws(Literal.Problem) {
            _ = try Literal.read(scalar, for: FieldKind(name, type))
            return nil
        } catch {
            return error.message
        }
    }

    private static func integerProblem(_ scalar: SourceValue.Scalar, _ range: ClosedRange<Int>, _ name: String) -> String? {
        do throws(Literal.Problem) {
            let value = try Literal.read(scalar, for: FieldKind(name, .integer))
            let isInRange = value.integer.map { range.contains(Int($0)) } ?? false
            return isInRange ? nil : "value \(scalar.shown) for '\(name)' must be \(wanted(.integer(range)))"
        } catch {
            return error.message
        }
    }
}

/// Arrivals per time: `10/s`, `0.5/s`, `600/min`.
enum Rate {
    static let pattern = "^[0-9]+([.][0-9]+)?/(s|min|h|day)$"

    /// - Returns: arrivals per second, or `nil` if the text is no rate.
    static func perSecond(_ text: some StringProtocol) -> Double? {
        let parts = text.split(separator: "/", omittingEmptySubsequences: false)
        guard parts.count == 2, parts[0].utf8.first.map({ (0x30...0x39).contains($0) }) ?? false, !parts[0].hasSuffix("."),
            parts[0].utf8.allSatisfy({ (0x30...0x39).contains($0) || $0 == UInt8(ascii: ".") }), let number = Double(parts[0]) else { return nil }
        switch parts[1] {
        case "s": return number
        case "min": return number / 60
        case "h": return number / 3_600
        case "day": return number / 86_400
        default: return nil
        }
    }
}

/// `8/30d`: how often something comes in a time.
enum Occurrences {
    static let pattern = "^[0-9]+([.][0-9]+)?/[0-9]+([.][0-9]+)?(ns|us|ms|s|m|min|h|d)$"

    /// - Returns: `nil` if the text is none, or the time is 0.
    static func read(_ text: String) -> (count: Double, period: Int64)? {
        let parts = text.split(separator: "/", omittingEmptySubsequences: false)
        guard parts.count == 2, parts[0].utf8.allSatisfy({ (0x30...0x39).contains($0) || $0 == UInt8(ascii: ".") }),
            let count = (try? JSONReader.read(String(parts[0])))?.asNumber, let period = DurationText.parse(parts[1]), period > 0
        else { return nil }
        return (count, period)
    }
}
