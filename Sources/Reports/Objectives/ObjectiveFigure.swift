import LabCore

/// An objective's outcome in the words and numbers that every report shares.
struct ObjectiveFigure {
    let result: LimitResult

    /// `pass`, `marginal`, `FAIL`, `unproven`, `void`
    var word: String { result.isVoid ? "void" : result.isMarginal && result.verdict == .pass ? "marginal" : result.verdict.word }

    /// For machines: the same in lower case.
    var status: String { result.isVoid ? "void" : result.isMarginal && result.verdict == .pass ? "marginal" : result.verdict.rawValue }

    /// A sign beside the word, so that nothing rests on colour.
    var symbol: String {
        if result.isVoid { return "⊘" }
        switch result.verdict {
        case .pass: return result.isMarginal ? "≈" : "✓"
        case .fail: return "✗"
        case .unproven: return "?"
        case .blocked: return "■"
        case .flaky: return "~"
        case .skipped, .quarantined: return "–"
        }
    }

    /// The claim that decided: the one with the threshold of the result.
    var claim: Requirement.Claim? {
        guard let threshold = result.threshold else { return result.limit.requirement.allClaims.count == 1 ? result.limit.requirement.allClaims.first : nil }
        return result.limit.requirement.allClaims.first { $0.threshold == threshold } ?? result.limit.requirement.allClaims.first
    }

    /// The claim that decided among several; `nil` where it is the only one, or where more than one has its threshold.
    private var deciding: Requirement.Claim? {
        let all = result.limit.requirement.allClaims
        let meant = all.filter { $0.threshold == result.threshold }
        return all.count > 1 && meant.count == 1 ? meant[0] : nil
    }

    var threshold: Requirement.Quantity? { result.threshold ?? claim?.threshold }

    /// `< 150 ms`
    var limitText: String? {
        guard let threshold else { return nil }
        return "\(claim?.comparison.rawValue ?? "") \(Self.text(threshold.value, threshold.dimension))"
    }

    /// `[118 ms, 140 ms]`, `[≥ 118 ms]`, `[≤ 140 ms]`
    var intervalText: String? {
        guard let dimension = threshold?.dimension else { return nil }
        switch (result.lower, result.upper) {
        case (let lower?, let upper?): return "[\(Self.text(lower, dimension)), \(Self.text(upper, dimension))]"
        case (let lower?, nil): return "[≥ \(Self.text(lower, dimension))]"
        case (nil, let upper?): return "[≤ \(Self.text(upper, dimension))]"
        case (nil, nil): return nil
        }
    }

    /// The figure as the judge wrote it; with its interval and the limit where the figure does not say them.
    var sentence: String {
        var text = result.figure
        let interval = text.contains("[") ? nil : intervalText
        // Beside the figures of several claims interval and limit say whose they are.
        let name = deciding.map { "\($0.text) " } ?? ""
        if let interval { text += name.isEmpty ? " \(interval)" : ", \(name)\(interval)" }
        if let limitText { text += ", limit \(interval == nil ? name : "")\(limitText)" }
        if result.isMarginal && result.verdict == .pass { text += ", marginal" }
        return text
    }

    /// `588 more needed`
    var missingText: String? { result.missingSamples.flatMap { $0 > 0 ? "\(HTMLText.grouped($0)) more needed" : nil } }

    static func text(_ value: Double, _ dimension: Requirement.Quantity.Dimension) -> String {
        guard value.isFinite else { return "no answer" }
        switch dimension {
        case .time: return FigureText.duration(nanoseconds: value)
        case .share: return FigureText.share(value)
        case .rate: return FigureText.number((value * 1000).rounded() / 1000) + "/s"
        case .plain: return Int(exactly: value).map(HTMLText.grouped) ?? FigureText.number(value)
        }
    }

    /// How much of the limit a value uses: below 1 is good, 1 is the limit. For "at least" a share uses what it lacks to 1, a count its
    /// inverse; for "=" a value off the limit uses more than all.
    func use(of value: Double) -> Double? {
        guard let claim, let threshold else { return nil }
        guard value.isFinite else { return value > 0 ? .infinity : nil }
        let limit = threshold.value
        switch claim.comparison {
        case .less, .lessOrEqual: return limit > 0 ? max(value, 0) / limit : value <= limit ? 0 : .infinity
        case .equal: return value == limit ? (limit == 0 ? 0 : 1) : limit == 0 ? .infinity : 1 + abs(value - limit) / abs(limit)
        case .greater, .greaterOrEqual:
            if threshold.dimension == .share, limit <= 1 { return limit < 1 ? max(1 - value, 0) / (1 - limit) : value >= 1 ? 1 : .infinity }
            return value > 0 ? max(limit, 0) / value : limit > 0 ? .infinity : 1
        }
    }

    /// The severest first, then the one that uses the most of its limit.
    static func isWorse(_ left: LimitResult, _ right: LimitResult) -> Bool {
        func key(_ result: LimitResult) -> (Verdict, Double) {
            let figure = ObjectiveFigure(result: result)
            return (result.verdict == .pass && result.isMarginal ? .quarantined : result.verdict, result.value.flatMap(figure.use) ?? 0)
        }
        return key(left) > key(right)
    }

    /// All objectives of a run, the worst first.
    static func worstFirst(_ cases: [CaseSummary]) -> [(result: CaseSummary, number: Int, limit: LimitResult)] {
        var all: [(result: CaseSummary, number: Int, limit: LimitResult)] = []
        for (index, result) in cases.enumerated() { all += result.limits.map { (result, index + 1, $0) } }
        return all.enumerated().sorted { left, right in
            if isWorse(left.element.limit, right.element.limit) { return true }
            return !isWorse(right.element.limit, left.element.limit) && left.offset < right.offset
        }.map(\.element)
    }
}
