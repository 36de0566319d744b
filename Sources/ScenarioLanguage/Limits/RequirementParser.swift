import LabCore

/// Reads one objective: `p99(heartbeat) < 150ms and count(x) >= 10 for each route in every 10s` (sla.md §2.1).
struct RequirementParser {
    /// Claims joined by `and`.
    private static let maximumClaims = 32

    private let characters: [Unicode.Scalar]
    private var position = 0

    static func parse(_ text: String) throws(PlacedFailure) -> RequirementSyntax {
        var parser = RequirementParser(characters: Array(text.unicodeScalars))
        return try parser.requirement(text)
    }

    private init(characters: [Unicode.Scalar]) { self.characters = characters }

    // MARK: characters

    private var current: Unicode.Scalar? { position < characters.count ? characters[position] : nil }

    private mutating func skipSpace() { while let character = current, character.properties.isWhitespace { position += 1 } }

    private mutating func take(_ text: String) -> Bool {
        let wanted = Array(text.unicodeScalars)
        guard characters[position...].starts(with: wanted) else { return false }
        position += wanted.count
        return true
    }

    private static func isWordCharacter(_ character: Unicode.Scalar) -> Bool {
        switch character {
        case "a"..."z", "A"..."Z", "0"..."9", "_", "-", ".": true
        default: false
        }
    }

    private mutating func text(while isPart: (Unicode.Scalar) -> Bool) -> String {
        var result = String.UnicodeScalarView()
        while let character = current, isPart(character) {
            result.append(character)
            position += 1
        }
        return String(result)
    }

    private mutating func word() -> String { text(while: Self.isWordCharacter) }

    /// The next word, if it is this one and ends there.
    private mutating func takeWord(_ wanted: String) -> Bool {
        let start = position
        skipSpace()
        if word() == wanted { return true }
        position = start
        return false
    }

    private func failure(_ message: String, at offset: Int? = nil) -> PlacedFailure {
        PlacedFailure(offset: offset ?? position, message: message)
    }

    /// What stands here, for messages.
    private var found: String {
        let rest = characters[position...].prefix { !$0.properties.isWhitespace }.prefix(20)
        guard !rest.isEmpty else { return "the end" }
        var text = String.UnicodeScalarView()
        text.append(contentsOf: rest)
        return "'\(String(text))'"
    }

    // MARK: grammar

    private mutating func requirement(_ source: String) throws(PlacedFailure) -> RequirementSyntax {
        var result = RequirementSyntax(source: source, parts: [])
        repeat {
            result.parts.append(try part(after: result.claims.count))
        } while takeWord("and")
        skipSpace()
        guard current == nil else {
            if result.parts.last?.window != nil, takeWord("for") { throw failure("'for each' stands before 'in every'", at: position - 3) }
            if takeWord("or") { throw failure("'or' is not allowed; write two objectives", at: position - 2) }
            throw failure("\(found) is not expected here; allowed are 'and', 'for each', 'in every' and 'in …% of every'")
        }
        return result
    }

    /// Claims up to the `for each` or `in every` that holds for them, or to the end.
    private mutating func part(after count: Int) throws(PlacedFailure) -> RequirementSyntax.Part {
        var part = RequirementSyntax.Part(claims: [])
        repeat {
            if count + part.claims.count >= Self.maximumClaims { throw failure("more than \(Self.maximumClaims) claims in one objective") }
            part.claims.append(try claim())
        } while takeWord("and")
        if takeWord("for") {
            skipSpace()
            guard takeWord("each") else { throw failure("'for each' and a label expected, found \(found)") }
            skipSpace()
            part.labelOffset = position
            let label = word()
            if label.isEmpty { throw failure("a label expected after 'for each', found \(found)") }
            part.label = label
        }
        if takeWord("in") {
            skipSpace()
            part.windowOffset = position
            part.window = try window()
        }
        return part
    }

    private mutating func window() throws(PlacedFailure) -> Requirement.Window {
        if takeWord("every") { return Requirement.Window(length: try duration()) }
        skipSpace()
        let start = position
        let share = try quantity()
        guard share.dimension == .share, (0...1).contains(share.value) else {
            throw failure("'every' or a share such as 99% expected after 'in'", at: start)
        }
        guard takeWord("of"), takeWord("every") else { throw failure("'of every' and a duration expected, found \(found)") }
        return Requirement.Window(length: try duration(), share: share.value)
    }

    private mutating func duration() throws(PlacedFailure) -> Duration {
        skipSpace()
        let start = position
        let written = word()
        guard let nanoseconds = DurationText.parse(written), nanoseconds > 0 else {
            throw failure("a duration longer than 0 such as 10s expected, found \(written.isEmpty ? found : "'\(written)'")", at: start)
        }
        return .nanoseconds(nanoseconds)
    }

    private mutating func claim() throws(PlacedFailure) -> RequirementSyntax.Claim {
        skipSpace()
        let start = position
        let name = word()
        if name.isEmpty { throw failure("a statistic such as p99(…) or a measurement such as registered.latency expected, found \(found)") }
        var claim: RequirementSyntax.Claim
        if name == "share", let bound = try shareBound() {
            claim = try call("share", .shareBelow(bound), at: start)
        } else if name == "burn", current == "[" {
            claim = try call("burn", try burn(), at: start)
        } else if current == "(" {
            if name == "burn" { throw failure("burn needs its two windows, such as burn[1h/5m](\u{2026})") }
            if name == "share" { throw failure("share needs its bound, such as share<200ms(\u{2026})") }
            guard let statistic = StatisticWord.statistic(name) else {
                if let advice = StatisticWord.percentileAdvice(name) { throw failure(advice, at: start) }
                let guess = DidYouMean.suggestion(for: name, among: StatisticWord.all)
                let hint = guess.map { " — did you mean '\($0)'?" } ?? " (known: \(StatisticWord.all.joined(separator: ", ")))"
                throw failure("unknown statistic '\(name)'\(hint)", at: start)
            }
            claim = try call(name, statistic, at: start)
        } else {
            claim = Self.claim(.worst, isCall: false, at: start)
            (claim.measurement, claim.measurementOffset) = (name, start)
        }
        claim.comparison = try comparison()
        skipSpace()
        claim.thresholdOffset = position
        claim.threshold = try quantity()
        return claim
    }

    private static func claim(_ statistic: Requirement.Statistic, isCall: Bool, at offset: Int) -> RequirementSyntax.Claim {
        RequirementSyntax.Claim(
            statistic: statistic, statisticOffset: offset, isCall: isCall, measurement: "", measurementOffset: offset, labels: [],
            labelOffsets: [], comparison: .less, threshold: .init(dimension: .plain, value: 0, source: ""), thresholdOffset: offset)
    }

    /// `<200ms` of `share<200ms(api)`; `nil`, and nothing taken, where a measurement is called `share`.
    private mutating func shareBound() throws(PlacedFailure) -> Requirement.Quantity? {
        let start = position
        guard current == "<" else { return nil }
        position += 1
        if let bound = try? quantity(), current == "(" { return bound }
        position = start
        return nil
    }

    /// `[1h/5m]`
    private mutating func burn() throws(PlacedFailure) -> Requirement.Statistic {
        position += 1
        let long = try duration()
        guard take("/") else { throw failure("'/' expected between the two windows of burn, such as burn[1h/5m]") }
        skipSpace()
        let start = position
        let short = try duration()
        if short > long { throw failure("the first window of burn is the longer one", at: start) }
        guard take("]") else { throw failure("']' expected, found \(found)") }
        return .burn(long: long, short: short)
    }

    /// `(metric where label=value, …)`
    private mutating func call(_ name: String, _ statistic: Requirement.Statistic, at offset: Int) throws(PlacedFailure) -> RequirementSyntax.Claim {
        var claim = Self.claim(statistic, isCall: true, at: offset)
        guard take("(") else { throw failure("'(' and a measurement expected after '\(name)', found \(found)") }
        skipSpace()
        claim.measurementOffset = position
        claim.measurement = word()
        if claim.measurement.isEmpty { throw failure("a measurement such as registered.latency expected, found \(found)") }
        if current == "(" {
            throw failure("a statistic of a statistic says nothing; '\(name)' needs a measurement", at: claim.measurementOffset)
        }
        if takeWord("where") {
            repeat {
                skipSpace()
                claim.labelOffsets.append(position)
                claim.labels.append(try label())
                skipSpace()
            } while take(",")
        }
        skipSpace()
        if name == "recovery", take(",") { claim.statistic = .recovery(share: try recoveredShare()) }
        guard take(")") else { throw failure("')' expected, found \(found)") }
        return claim
    }

    /// `99.9%` of `recovery(devices, 99.9%)`
    private mutating func recoveredShare() throws(PlacedFailure) -> Double {
        skipSpace()
        let start = position
        let share = try quantity()
        guard share.dimension == .share, share.value > 0, share.value <= 1 else {
            throw failure("a share above 0% and up to 100% expected, such as recovery(devices, 99.9%)", at: start)
        }
        skipSpace()
        return share.value
    }

    private mutating func label() throws(PlacedFailure) -> Requirement.Label {
        let name = word()
        if name.isEmpty { throw failure("label=value expected after 'where', found \(found)") }
        skipSpace()
        guard take("=") else { throw failure("'=' expected after '\(name)', found \(found)") }
        skipSpace()
        let value = text { $0 != "," && $0 != ")" && !$0.properties.isWhitespace }
        if value.isEmpty { throw failure("a value expected after '\(name)=', found \(found)") }
        return Requirement.Label(name: name, value: value)
    }

    private mutating func comparison() throws(PlacedFailure) -> Requirement.Comparison {
        skipSpace()
        let start = position
        switch text(while: { "<>=!≤≥".unicodeScalars.contains($0) }) {
        case "<": return .less
        case "<=": return .lessOrEqual
        case ">": return .greater
        case ">=": return .greaterOrEqual
        case "=": return .equal
        case "": throw failure("one of < <= > >= = expected, found \(found)")
        case let other:
            let advice = ["==": "write =", "≤": "write <=", "≥": "write >="][other] ?? "use one of < <= > >= ="
            throw failure("'\(other)' is no comparison; \(advice)", at: start)
        }
    }

    private mutating func quantity() throws(PlacedFailure) -> Requirement.Quantity {
        let start = position
        let isNegative = take("-")
        let digits = text { ("0"..."9").contains($0) || $0 == "." }
        guard let number = (try? JSONReader.read(digits))?.asNumber else {
            position = start
            throw failure("a number such as 2s, 99.5% or 10 expected, found \(found)")
        }
        let unit = take("%") ? "%" : text { $0 == "/" || ("a"..."z").contains($0) }
        let source = (isNegative ? "-" : "") + digits + unit
        func value(_ dimension: Requirement.Quantity.Dimension, _ magnitude: Double) -> Requirement.Quantity {
            Requirement.Quantity(dimension: dimension, value: isNegative ? -magnitude : magnitude, source: source)
        }
        if unit.isEmpty { return value(.plain, number) }
        if unit == "%" { return value(.share, Percent.share(digits) ?? number / 100) }
        if let rate = Rate.perSecond(digits + unit) { return value(.rate, rate) }
        if let nanoseconds = DurationText.parse(digits + unit) { return value(.time, Double(nanoseconds)) }
        throw failure("'\(source)' has no known unit; units are ns, us, ms, s, min, h, %, /s, /min, /day", at: start)
    }
}
