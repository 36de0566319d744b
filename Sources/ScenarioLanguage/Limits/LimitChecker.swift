import LabCore

/// What a scenario measures: by its steps, by `save`, by `metrics`.
struct Measurements {
    enum Source: Equatable {
        case time, count
        /// A saved field of this type.
        case saved(FieldType)
        /// A metric with the label that splits it.
        case metric(splitBy: String?)
        /// A step that is broken or not available yet: anything may be asked of it.
        case unknown
    }

    private(set) var names: [String] = []
    private var sources: [String: Source] = [:]
    /// Steps whose id is no measurement in itself.
    var steps: Set<String> = []

    subscript(name: String) -> Source? {
        get {
            if let source = sources[name] { return source }
            // `order.latency.p99` of a load.
            let owner = String(name.prefix { $0 != "." })
            return sources[owner] == .unknown ? .unknown : nil
        }
        set {
            if sources[name] == nil { names.append(name) }
            sources[name] = newValue
        }
    }
}

/// Objectives to `Limit`s: the text, then whether what it asks for is measured and comparable.
struct LimitChecker {
    let log: DiagnosticLog
    let measurements: Measurements

    /// - Parameter value: a `LIMIT` of sound form.
    /// - Returns: `nil` after an error was reported.
    func limit(_ value: SourceValue) -> Limit? {
        if let scalar = value.scalar {
            return requirement(scalar).map { Limit(id: scalar.text, location: value.location, requirement: $0) }
        }
        guard let written = value["require"]?.scalar else { return nil }
        let required = requirement(written)
        let marginal = value["marginal"]?.scalar.map { requirement($0) }
        guard let samples = sampleCount(value["min-samples"]?.scalar) else { return nil }
        guard let required else { return nil }
        if let marginal, marginal == nil { return nil }
        return Limit(
            id: value["id"]?.scalar?.text ?? written.text, location: value.location, text: value["text"]?.scalar?.text,
            requirement: required, marginal: marginal ?? nil, minimumSamples: samples.map { .count($0) } ?? .auto)
    }

    /// - Returns: the outer `nil` after an error; the inner one for `auto`.
    private func sampleCount(_ scalar: SourceValue.Scalar?) -> Int?? {
        guard let scalar, scalar.text != "auto" else { return .some(nil) }
        if scalar.text == "strict" {
            log.error(at: scalar.location, "'strict' is not available yet; write a number, or auto")
            return nil
        }
        return .some(scalar.integer)
    }

    private func requirement(_ scalar: SourceValue.Scalar) -> Requirement? {
        let syntax: RequirementSyntax
        do throws(PlacedFailure) {
            syntax = try RequirementParser.parse(scalar.text)
        } catch {
            log.error(in: scalar, at: error.offset, error.message)
            return nil
        }
        var claims: [Requirement.Claim] = []
        for claim in syntax.claims {
            guard let statistic = check(claim, in: scalar) else { continue }
            checkLabels(claim, each: syntax, in: scalar)
            claims.append(Requirement.Claim(
                statistic: statistic, measurement: claim.measurement, labels: claim.labels, comparison: claim.comparison,
                threshold: claim.threshold))
        }
        guard claims.count == syntax.claims.count else { return nil }
        return Requirement(source: syntax.source, claims: claims, label: syntax.label, window: syntax.window)
    }

    private func check(_ claim: RequirementSyntax.Claim, in scalar: SourceValue.Scalar) -> Requirement.Statistic? {
        if StatisticWord.needsLoad(claim.statisticName) {
            log.error(in: scalar, at: claim.statisticOffset, "'\(claim.statisticName)' is not available yet: needs `load`")
            return nil
        }
        guard let source = measurements[claim.measurement] else {
            log.error(in: scalar, at: claim.measurementOffset, unknown(claim.measurement, at: scalar.location))
            return nil
        }
        guard let statistic = claim.statistic else { return nil }
        if let problem = Self.problem(with: claim.threshold, of: statistic, source) {
            log.error(in: scalar, at: claim.thresholdOffset, problem)
            return nil
        }
        return statistic
    }

    private func unknown(_ name: String, at place: SourceLocation) -> String {
        if measurements.steps.contains(name) { return "'\(name)' is a step; it is measured as \(name).latency and \(name).count" }
        return "nothing measures '\(name)'"
            + log.hint(for: name, at: place, among: measurements.names, "measured: ", none: "; give a step an id, or save a number")
    }

    /// Times compare with times, counts with bare numbers, shares with percent.
    private static func problem(
        with threshold: Requirement.Quantity, of statistic: Requirement.Statistic, _ source: Measurements.Source
    ) -> String? {
        if source == .unknown { return nil }
        if case .shareBelow(let bound) = statistic {
            return problem(with: bound, source) ?? (threshold.dimension == .share ? nil : "a share compares with percent, such as 99%")
        }
        if statistic == .count {
            return threshold.dimension == .plain ? nil : "a count compares with a bare number, not with \(threshold.source)"
        }
        return problem(with: threshold, source)
    }

    private static func problem(with threshold: Requirement.Quantity, _ source: Measurements.Source) -> String? {
        let isTime =
            switch source {
            case .time, .metric, .saved(.duration): true
            default: false
            }
        if isTime { return threshold.dimension == .time ? nil : "a time compares with a time such as 150ms or 2s, not with \(threshold.source)" }
        if source == .saved(.ratio), threshold.dimension == .share { return nil }
        return threshold.dimension == .plain ? nil : "a bare number is expected, not \(threshold.source)"
    }

    private func checkLabels(_ claim: RequirementSyntax.Claim, each syntax: RequirementSyntax, in scalar: SourceValue.Scalar) {
        var asked = zip(claim.labels.map(\.name), claim.labelOffsets).map { ($0, $1) }
        if let label = syntax.label { asked.append((label, syntax.labelOffset)) }
        guard let source = measurements[claim.measurement], source != .unknown else { return }
        for (label, offset) in asked {
            if case .metric(let split?) = source {
                if label != split { log.error(in: scalar, at: offset, "'\(claim.measurement)' has no label '\(label)' (has: \(split))") }
            } else {
                log.error(in: scalar, at: offset, "'\(claim.measurement)' has no labels; give a metric one with 'split-by'")
            }
        }
    }
}
