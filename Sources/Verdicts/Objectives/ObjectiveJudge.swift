package import LabCore

/// Judges limits from samples (sla.md §2).
package struct ObjectiveJudge: Sendable {
    private let samples: [String: [Sample]]
    private let span: Range<RunInstant>
    private let confidence: Double

    /// - Parameters:
    ///   - samples: by the name of their measurement, in the order of the log.
    ///   - span: the time of measuring, in which windows and rates are counted.
    package init(samples: [String: [Sample]], span: Range<RunInstant>, confidence: Double = 0.95) {
        self.samples = samples
        self.span = span
        self.confidence = confidence
    }

    package func judge(_ limit: Limit) -> LimitResult {
        let minimum: Int? = if case .count(let count) = limit.minimumSamples { count } else { nil }
        let result = judge(limit.requirement, minimum)
        let isMarginal = result.verdict == .pass && limit.marginal.map { judge($0, minimum).verdict != .pass } ?? false
        return LimitResult(
            limit: limit, verdict: result.verdict, isMarginal: isMarginal, figure: result.figure, samples: result.samples,
            reason: result.reason)
    }

    /// The samples of a measurement; a step's or load's bare id means its latency.
    private func samples(of measurement: String) -> [Sample] { samples[measurement] ?? samples[measurement + ".latency"] ?? [] }

    private func judge(_ requirement: Requirement, _ minimum: Int?) -> ClaimResult {
        var results: [ClaimResult] = []
        for group in groups(of: requirement) {
            let result = requirement.window.map { windowed(requirement, $0, group, minimum) } ?? plain(requirement, group, minimum)
            results.append(group.map { Self.prefixed(result, "\($0.name)=\($0.value): ") } ?? result)
        }
        guard results.count > 1 else { return results.first ?? ClaimResult(verdict: .unproven, figure: "no samples", samples: 0) }
        var worst = Self.worst(of: results)
        worst.samples = results.reduce(0) { $0 + $1.samples }
        return worst
    }

    /// The values of `for each label`, in the order in which they appear; one group for all without it.
    private func groups(of requirement: Requirement) -> [Requirement.Label?] {
        guard let label = requirement.label else { return [nil] }
        var values: [String] = []
        for sample in requirement.claims.flatMap({ samples(of: $0.measurement) }) {
            guard let value = sample.labels[label]?.description, !values.contains(value) else { continue }
            values.append(value)
        }
        return values.map { Requirement.Label(name: label, value: $0) }
    }

    private func claimed(_ claim: Requirement.Claim, _ group: Requirement.Label?) -> [Sample] {
        samples(of: claim.measurement).filter { sample in
            let isInGroup = group.map { sample.labels[$0.name]?.description == $0.value } ?? true
            // `where route=/a,/b` names one label twice: one of its values must hold.
            return isInGroup && claim.labels.allSatisfy { wanted in
                claim.labels.contains { $0.name == wanted.name && sample.labels[$0.name]?.description == $0.value }
            }
        }
    }

    private func plain(_ requirement: Requirement, _ group: Requirement.Label?, _ minimum: Int?) -> ClaimResult {
        Self.all(requirement.claims.map { claim in
            ClaimJudge(
                claim: claim, samples: claimed(claim, group), span: span, confidence: confidence, minimumSamples: minimum
            ).result()
        })
    }

    // MARK: Windows

    private func windowed(
        _ requirement: Requirement, _ window: Requirement.Window, _ group: Requirement.Label?, _ minimum: Int?
    ) -> ClaimResult {
        let windows = TimeWindows(span: span, length: window.length)
        let length = FigureText.exact(window.length)
        guard windows.count > 0 else {
            let measured = FigureText.duration(nanoseconds: Double(span.upperBound.nanoseconds - span.lowerBound.nanoseconds))
            return ClaimResult(
                verdict: .unproven, figure: "no samples", samples: 0, reason: "measured for \(measured), no whole window of \(length)")
        }
        let parts = requirement.claims.map { claim in Self.split(claimed(claim, group), into: windows) }
        // All windows together shall be as sure as one without windows.
        let shared = 1 - (1 - confidence) / Double(windows.count)
        let results = (0..<windows.count).map { index in
            let result = Self.all(zip(requirement.claims, parts).map { claim, part in
                ClaimJudge(
                    claim: claim, samples: part[index] ?? [], span: windows[index], confidence: shared, minimumSamples: minimum
                ).result()
            })
            return Self.prefixed(result, "from \(windows[index].lowerBound.figure): ")
        }
        return Self.verdict(of: results, share: window.share, length: length, drops: windows.dropsPartial)
    }

    private static func split(_ samples: [Sample], into windows: TimeWindows) -> [Int: [Sample]] {
        var parts: [Int: [Sample]] = [:]
        for sample in samples {
            if let index = windows.index(of: sample.at) { parts[index, default: []].append(sample) }
        }
        return parts
    }

    private static func verdict(of results: [ClaimResult], share: Double, length: String, drops: Bool) -> ClaimResult {
        let (passed, failed) = (results.count { $0.verdict == .pass }, results.count { $0.verdict == .fail })
        // In whole numbers, like a rank: in doubles 7 % of 100 windows would be 8.
        let thousandths = Int((share * 100_000).rounded())
        let needed = thousandths > 0 ? NearestRank.rank(thousandths: thousandths, count: results.count) : 0
        var result = worst(of: results)
        result.verdict = passed >= needed ? .pass : (results.count - failed < needed ? .fail : .unproven)
        result.samples = results.reduce(0) { $0 + $1.samples }
        let note = "held in \(passed) of \(results.count) windows of \(length)" + (drops ? ", the last partial one is dropped" : "")
        result.reason = [note, result.verdict == .pass ? nil : result.reason].compactMap { $0 }.joined(separator: "; ")
        return result
    }

    // MARK: Several results as one

    /// `and`: the severest decides, every figure is shown.
    private static func all(_ results: [ClaimResult]) -> ClaimResult {
        guard results.count > 1 else { return results.first ?? ClaimResult(verdict: .unproven, figure: "no claim", samples: 0) }
        var result = worst(of: results)
        result.figure = results.map(\.figure).joined(separator: ", ")
        result.samples = results.map(\.samples).max() ?? 0
        return result
    }

    /// The severest; among equals the one nearest to its limit.
    private static func worst(of results: [ClaimResult]) -> ClaimResult {
        results.max { left, right in
            left.verdict != right.verdict ? left.verdict < right.verdict : left.margin > right.margin
        } ?? ClaimResult(verdict: .unproven, figure: "no samples", samples: 0)
    }

    private static func prefixed(_ result: ClaimResult, _ prefix: String) -> ClaimResult {
        var result = result
        result.figure = prefix + result.figure
        return result
    }
}
