package import LabCore
import Statistics

/// Judges limits from what a run measured (sla.md §2).
package struct ObjectiveJudge: Sendable {
    private let store: EvidenceStore

    /// - Parameters:
    ///   - samples: by the name of their measurement, in the order of the log.
    ///   - span: the time of measuring, in which windows and rates are counted.
    package init(samples: [String: [Sample]], span: Range<RunInstant>) { store = EvidenceStore(samples: samples, span: span) }

    init(_ store: EvidenceStore) { self.store = store }

    package func judge(_ limit: Limit) -> LimitResult {
        var claimed = judge(limit.requirement, limit)
        let budget = limit.budget.map { BudgetJudge(store: store).judge($0, limit) }
        if let budget {
            let samples = claimed.samples
            claimed = Self.all([claimed, budget.result])
            claimed.samples = samples
        }
        let isMarginal = claimed.verdict == .pass && limit.marginal.map { judge($0, limit).verdict != .pass } ?? false
        let notes = [claimed.reason] + Self.notes(limit, store)
        var result = LimitResult(
            limit: limit, verdict: claimed.verdict, isMarginal: isMarginal, figure: claimed.figure, samples: claimed.samples,
            reason: notes.contains { $0 != nil } ? notes.compactMap(\.self).joined(separator: "; ") : nil)
        (result.value, result.lower, result.upper) = (claimed.value, claimed.lower, claimed.upper)
        (result.threshold, result.missingSamples) = (claimed.threshold, claimed.verdict == .unproven ? claimed.missing : nil)
        result.charges = budget?.charges ?? []
        let troubles = HarnessJudge(store: store).troubles(limit)
        if !troubles.isEmpty {
            (result.isVoid, result.verdict, result.isMarginal) = (true, .blocked, false)
            result.reason = "void, because the lab itself is in the way: " + troubles.joined(separator: "; ")
        }
        return result
    }

    /// What is left out, and what no machine measured.
    private static func notes(_ limit: Limit, _ store: EvidenceStore) -> [String?] {
        var seen: Set<String> = []
        let records = limit.requirement.allClaims.filter { seen.insert($0.measurement).inserted }.flatMap { store.loads[$0.measurement] ?? [] }
        let warmup = records.reduce(0) { sum, record in
            sum + record.items.count { $0.planned < record.measured.lowerBound } + record.windows.reduce(0) { $0 + $1.counts.warmup }
        }
        let partial = records.lazy.compactMap(\.partialText).first
        return [partial, warmup > 0 ? "\(warmup) of the warm-up are left out" : nil, records.contains(where: \.isModelled) ? "times are modelled" : nil]
    }

    // MARK: Requirements

    private func judge(_ requirement: Requirement, _ limit: Limit) -> ClaimResult {
        let parts = ([requirement] + requirement.others).map { judgePart($0, limit) }
        return Self.all(parts)
    }

    /// Claims with one label and one window.
    private func judgePart(_ part: Requirement, _ limit: Limit) -> ClaimResult {
        var results: [ClaimResult] = []
        for (group, store) in groups(of: part) {
            let judge = ObjectiveJudge(store)
            let result = part.window.map { judge.windowed(part, $0, group, limit) } ?? judge.plain(part, group, limit)
            results.append(group.map { Self.prefixed(result, "\($0.name)=\($0.value): ") } ?? result)
        }
        guard results.count > 1 else { return results.first ?? ClaimResult(verdict: .unproven, figure: "no samples", samples: 0, missing: 1) }
        var worst = Self.worst(of: results)
        worst.samples = results.reduce(0) { $0 + $1.samples }
        return worst
    }

    /// The values of `for each label`, in the order in which they appear; one group for all without it.
    private func groups(of part: Requirement) -> [(Requirement.Label?, EvidenceStore)] {
        guard let label = part.label else { return [(nil, store)] }
        return store.grouped(by: label, for: part.claims).map { (Requirement.Label(name: label, value: $0.value), $0.store) }
    }

    private func labels(_ claim: Requirement.Claim, _ group: Requirement.Label?) -> [Requirement.Label] {
        guard let group else { return claim.labels }
        // The group narrows what `where` gave the same name.
        return claim.labels.filter { $0.name != group.name } + [group]
    }

    private func plain(_ part: Requirement, _ group: Requirement.Label?, _ limit: Limit) -> ClaimResult {
        Self.told(part.claims.map { claim in
            (claim, result(of: claim, store.evidence(for: claim, labels: labels(claim, group)), limit, confidence: limit.confidence))
        }, of: limit)
    }

    private func result(of claim: Requirement.Claim, _ evidence: Evidence, _ limit: Limit, confidence: Double) -> ClaimResult {
        ClaimJudge(
            claim: claim, evidence: evidence, confidence: confidence, minimum: limit.minimumSamples, target: limit.target, lateness: store.lateness
        ).result()
    }

    // MARK: Windows

    /// Claims over the same windows must hold together in each; claims of loads that run at other times have windows of their own.
    private func windowed(_ part: Requirement, _ window: Requirement.Window, _ group: Requirement.Label?, _ limit: Limit) -> ClaimResult {
        var sets: [(spans: [Range<RunInstant>], claims: [(Requirement.Claim, [Evidence])], drops: Bool)] = []
        var tooShort: ClaimResult?
        for claim in part.claims {
            let (parts, drops, measured) = store.windows(for: claim, labels: labels(claim, group), length: window.length)
            if parts.isEmpty {
                let time = FigureText.duration(nanoseconds: Double(measured))
                let few = measured < window.length.nanoseconds
                tooShort = ClaimResult(
                    verdict: .unproven, figure: "no samples", samples: 0,
                    reason: "measured for \(time), \(few ? "no whole window" : "more than \(EvidenceStore.mostWindows) windows") of \(FigureText.exact(window.length))")
                continue
            }
            let spans = parts.map(\.span)
            if let index = sets.firstIndex(where: { $0.spans == spans }) {
                sets[index].claims.append((claim, parts))
            } else {
                sets.append((spans, [(claim, parts)], drops))
            }
        }
        if let tooShort { return tooShort }
        return Self.all(sets.map { windowed($0.claims, $0.spans, window, drops: $0.drops, limit) })
    }

    private func windowed(
        _ claims: [(claim: Requirement.Claim, parts: [Evidence])], _ spans: [Range<RunInstant>], _ window: Requirement.Window, drops: Bool, _ limit: Limit
    ) -> ClaimResult {
        // All windows together shall be as sure as one without windows.
        let shared = limit.confidence.confidence(sharedBy: spans.count)
        let results = spans.indices.map { index in
            let result = Self.told(claims.map { ($0.claim, self.result(of: $0.claim, $0.parts[index], limit, confidence: shared)) }, of: limit)
            return Self.prefixed(result, "from \(spans[index].lowerBound.figure): ")
        }
        return Self.verdict(of: results, window: window, drops: drops)
    }

    private static func verdict(of results: [ClaimResult], window: Requirement.Window, drops: Bool) -> ClaimResult {
        let (passed, failed) = (results.count { $0.verdict == .pass }, results.count { $0.verdict == .fail })
        let needed = window.needed(of: results.count)
        var result = worst(of: results)
        result.verdict = passed >= needed ? .pass : (results.count - failed < needed ? .fail : .unproven)
        result.samples = results.reduce(0) { $0 + $1.samples }
        let length = FigureText.exact(window.length)
        let note = "held in \(passed) of \(results.count) windows of \(length)" + (drops ? ", the last partial one is dropped" : "")
        result.reason = [note, result.verdict == .pass ? nil : result.reason].compactMap { $0 }.joined(separator: "; ")
        return result
    }

    // MARK: Several results as one

    /// Several claims' figures beside one another say what they are of: `http: 0 lost, errors 0 %, health: p99 12 ms`. The name of a
    /// measurement stands where it changes, the word of a statistic where the figure is a bare number.
    private static func told(_ results: [(claim: Requirement.Claim, result: ClaimResult)], of limit: Limit) -> ClaimResult {
        let claims = limit.requirement.allClaims
        guard claims.count > 1 else { return all(results.map(\.result)) }
        let isMixed = claims.contains { $0.subject != claims[0].subject }
        var last: String?
        return all(results.map { claim, result in
            var result = result
            if result.value != nil, let word = claim.statistic.wordOfBareFigure(isMixed: isMixed) { result = prefixed(result, "\(word) ") }
            if isMixed, last != claim.subject { result = prefixed(result, "\(claim.subject): ") }
            last = claim.subject
            return result
        })
    }

    /// `and`: the severest decides, every figure is shown.
    private static func all(_ results: [ClaimResult]) -> ClaimResult {
        guard results.count > 1 else { return results.first ?? ClaimResult(verdict: .unproven, figure: "no claim", samples: 0) }
        var result = worst(of: results)
        result.figure = results.map(\.figure).joined(separator: ", ")
        result.samples = results.map(\.samples).max() ?? 0
        // Windows say how many held also where another claim decides.
        if result.reason == nil { result.reason = results.lazy.compactMap(\.reason).first }
        return result
    }

    /// The severest; among equals the one nearest to its limit.
    private static func worst(of results: [ClaimResult]) -> ClaimResult {
        results.max { left, right in
            left.verdict != right.verdict ? left.verdict < right.verdict : left.relativeMargin > right.relativeMargin
        } ?? ClaimResult(verdict: .unproven, figure: "no samples", samples: 0)
    }

    private static func prefixed(_ result: ClaimResult, _ prefix: String) -> ClaimResult {
        var result = result
        result.figure = prefix + result.figure
        return result
    }
}

extension ClaimResult {
    /// The margin as a share of the limit, so that milliseconds and counts can be compared.
    fileprivate var relativeMargin: Double {
        guard let limit = threshold?.value, limit != 0 else { return margin }
        return margin / limit.magnitude
    }
}

extension Requirement.Statistic {
    /// The word of a statistic whose figure does not say it.
    fileprivate func wordOfBareFigure(isMixed: Bool) -> String? {
        switch self {
        case .count, .rate, .minRate, .throughput: text
        // Behind the name of its measurement the worst sample is what that name means.
        case .worst: isMixed ? nil : text
        default: nil
        }
    }
}
