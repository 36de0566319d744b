import LabCore

/// An objective with its text, for what is checked against the plan of each cell.
struct CheckedLimit {
    struct Written {
        var scalar: SourceValue.Scalar
        var syntax: RequirementSyntax
        var requirement: Requirement
    }

    var limit: Limit
    /// What is required, then what is marginal.
    var written: [Written]
}

/// Objectives to `Limit`s: the text, then whether what it asks for is measured and comparable.
struct LimitChecker {
    let log: DiagnosticLog
    let measurements: Measurements
    /// For proposals; made once, because a hostile file asks thousands of times among thousands of names.
    private let writtenNames: [String]

    init(log: DiagnosticLog, measurements: Measurements) {
        self.log = log
        self.measurements = measurements
        writtenNames = measurements.writtenNames
    }

    /// - Parameter value: a `LIMIT` of sound form.
    /// - Returns: `nil` after an error was reported.
    func limit(_ value: SourceValue) -> CheckedLimit? {
        if let scalar = value.scalar {
            return requirement(scalar, hasTarget: false).map { written in
                CheckedLimit(limit: Limit(id: scalar.text, location: value.location, requirement: written.requirement), written: [written])
            }
        }
        guard let scalar = value["require"]?.scalar else { return nil }
        let parts = LimitParts(log: log, measurements: measurements, value: value)
        let required = requirement(scalar, hasTarget: value["target"] != nil)
        let marginal = parts.optional("marginal") { $0.scalar.flatMap { requirement($0, hasTarget: value["target"] != nil) } }
        let confidence = parts.confidence()
        let target = parts.target(for: required)
        let harness = parts.harness()
        let baseline = parts.optional("baseline") { parts.baseline($0, for: required) }
        let budget = parts.budget(for: required)
        guard let required, let marginal, let confidence, let target, let harness, let baseline, let budget else { return nil }
        if let marginal, let conflict = ClaimConflicts.emptyMargin(marginal, beside: required) {
            log.error(in: marginal.scalar, at: conflict.offset, conflict.message)
            return nil
        }
        let limit = Limit(
            id: value["id"]?.scalar?.text ?? scalar.text, location: value.location, text: value["text"]?.scalar?.text,
            requirement: required.requirement, marginal: marginal?.requirement, minimumSamples: parts.minimumSamples, confidence: confidence,
            target: target, harness: harness, baseline: baseline, budget: budget)
        return CheckedLimit(limit: limit, written: [required] + (marginal.map { [$0] } ?? []))
    }

    private func requirement(_ scalar: SourceValue.Scalar, hasTarget: Bool) -> CheckedLimit.Written? {
        var syntax: RequirementSyntax
        do throws(PlacedFailure) {
            syntax = try RequirementParser.parse(scalar.text)
        } catch {
            log.error(in: scalar, at: error.offset, error.message)
            return nil
        }
        var isSound = true
        for part in syntax.parts.indices {
            for index in syntax.parts[part].claims.indices {
                if let claim = check(syntax.parts[part].claims[index], in: scalar, hasTarget: hasTarget) {
                    checkLabels(claim, each: syntax.parts[part], in: scalar)
                    syntax.parts[part].claims[index] = claim
                } else {
                    isSound = false
                }
            }
        }
        guard isSound, let requirement = Self.requirement(syntax) else { return nil }
        let written = CheckedLimit.Written(scalar: scalar, syntax: syntax, requirement: requirement)
        if let conflict = ClaimConflicts.contradiction(in: written) {
            log.error(in: scalar, at: conflict.offset, conflict.message)
            return nil
        }
        return written
    }

    private static func requirement(_ syntax: RequirementSyntax) -> Requirement? {
        let parts = syntax.parts.map { part in
            let claims = part.claims.map {
                Requirement.Claim(
                    statistic: $0.statistic, measurement: $0.measurement, labels: $0.labels, comparison: $0.comparison, threshold: $0.threshold)
            }
            return Requirement(source: syntax.source, claims: claims, label: part.label, window: part.window)
        }
        guard var requirement = parts.first else { return nil }
        requirement.others = Array(parts.dropFirst())
        return requirement
    }

    // MARK: claims

    /// The claim with the measurement and the statistic that its words mean.
    private func check(_ written: RequirementSyntax.Claim, in scalar: SourceValue.Scalar, hasTarget: Bool) -> RequirementSyntax.Claim? {
        var claim = written
        if let named = measurements.named(written.measurement) {
            if let statistic = named.statistic {
                guard !written.isCall else {
                    let word = StatisticWord.word(written.statistic)
                    log.error(
                        in: scalar, at: written.measurementOffset,
                        "'\(written.measurement)' is a statistic already, and a statistic of a statistic says nothing; '\(word)' needs a measurement such as \(named.measurement)")
                    return nil
                }
                claim.statistic = statistic
            }
            claim.measurement = named.measurement
        }
        guard let source = measurements[claim.measurement] else {
            log.error(in: scalar, at: claim.measurementOffset, unknown(claim.measurement, at: scalar.location))
            return nil
        }
        if let problem = problem(with: claim, source, wasBare: !written.isCall && written.measurement == claim.measurement) {
            log.error(in: scalar, at: claim.statisticOffset, problem)
            return nil
        }
        if case .burn = claim.statistic, !hasTarget {
            log.error(in: scalar, at: claim.statisticOffset, "'burn' counts against a target; give the limit one, such as target: 99.9%")
            return nil
        }
        if let problem = Self.problem(with: claim.threshold, of: claim.statistic, source) {
            log.error(in: scalar, at: claim.thresholdOffset, problem)
            return nil
        }
        return claim
    }

    private func problem(with claim: RequirementSyntax.Claim, _ source: Measurements.Source, wasBare: Bool) -> String? {
        let name = claim.measurement
        if case .load = source, wasBare { return "'\(name)' is a load; write \(name).latency, p99(\(name)), lost(\(name)) or the like" }
        guard !source.allows(claim.statistic) else { return nil }
        let word = StatisticWord.word(claim.statistic)
        switch claim.statistic {
        case .online, .recovery: return "'\(word)' needs a gauge, and '\(name)' is \(source.title)"
        default: return "'\(word)' is counted over the items of a load or a probe, and '\(name)' is \(source.title)"
        }
    }

    private func unknown(_ name: String, at place: SourceLocation) -> String {
        if measurements.steps.contains(name) { return "'\(name)' is a step; it is measured as \(name).latency and \(name).count" }
        return "nothing measures '\(name)'"
            + log.hint(
                for: name, at: place, among: writtenNames, "measured: ",
                none: "; give a step an id, save a number, or name it under 'metrics'")
    }

    /// Times compare with times, counts with bare numbers, shares with percent, rates with rates.
    private static func problem(
        with threshold: Requirement.Quantity, of statistic: Requirement.Statistic, _ source: Measurements.Source
    ) -> String? {
        if source == .unknown { return nil }
        if case .shareBelow(let bound) = statistic, let problem = problem(with: bound, wanted: source.valueDimension, of: .worst) { return problem }
        return problem(with: threshold, wanted: source.dimension(of: statistic), of: statistic)
    }

    private static func problem(
        with threshold: Requirement.Quantity, wanted: Requirement.Quantity.Dimension, of statistic: Requirement.Statistic
    ) -> String? {
        if wanted == .share, threshold.dimension == .share, !statistic.isOfValues, !(0...1).contains(threshold.value) {
            return "a share lies between 0% and 100%, and \(threshold.source) does not"
        }
        // 0 is 0 in every unit but that of a time; and a share may be written as a bare number where it is a value.
        if threshold.dimension == wanted { return nil }
        switch wanted {
        case .time: return "a time compares with a time such as 150ms or 2s, not with \(threshold.source)"
        case .share:
            if threshold.dimension == .plain, threshold.value == 0 || statistic.isOfValues { return nil }
            return "a share compares with percent, such as 99%"
        case .rate:
            if threshold.dimension == .plain, threshold.value == 0 { return nil }
            return "a rate compares with a rate such as 10/s, not with \(threshold.source)"
        case .plain:
            if statistic == .count { return "a count compares with a bare number, not with \(threshold.source)" }
            return "a bare number is expected, not \(threshold.source)"
        }
    }

    private func checkLabels(_ claim: RequirementSyntax.Claim, each part: RequirementSyntax.Part, in scalar: SourceValue.Scalar) {
        var asked = zip(claim.labels.map(\.name), claim.labelOffsets).map { ($0, $1) }
        if let label = part.label { asked.append((label, part.labelOffset)) }
        guard let source = measurements[claim.measurement] else { return }
        let labels: [String]
        switch source {
        case .unknown: return
        case .metric(let split): labels = split.map { [$0] } ?? []
        case .load(let known): labels = known
        default: labels = []
        }
        for (label, offset) in asked where !labels.contains(label) {
            if labels.isEmpty {
                log.error(in: scalar, at: offset, "'\(claim.measurement)' has no labels; give a metric one with 'split-by'")
            } else {
                let hint = log.hint(for: label, at: scalar.location, among: labels, "has: ")
                log.error(in: scalar, at: offset, "'\(claim.measurement)' has no label '\(label)'\(hint)")
            }
        }
    }
}

extension Requirement.Statistic {
    /// Whether its figure is one of the values that were measured.
    var isOfValues: Bool {
        switch self {
        case .worst, .percentile, .max, .mean: true
        default: false
        }
    }
}
