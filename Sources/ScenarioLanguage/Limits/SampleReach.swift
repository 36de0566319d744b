import LabCore

/// Refuses a plan that cannot give a limit its samples, before it starts (sla.md §2.4 rules 2 and 3): too short a load, too low a rate,
/// windows that do not fit into what is measured.
///
/// It judges by what could be reached at best; what really came is for the verdict.
struct SampleReach {
    let log: DiagnosticLog
    let plan: Plan
    let budget: Budget

    func check(_ limit: CheckedLimit) {
        for written in limit.written {
            for part in written.syntax.parts { check(part, limit.limit, written) }
        }
        checkBaseline(limit)
    }

    private func check(_ part: RequirementSyntax.Part, _ limit: Limit, _ written: CheckedLimit.Written) {
        for claim in part.claims {
            guard let supply = SampleSupply(claim.measurement, in: plan) else {
                checkWindowOfRun(part, written)
                continue
            }
            let need = SampleNeed(claim: claim, limit: limit)
            if part.window == nil {
                checkWhole(claim, need, supply, written)
            } else {
                checkWindows(claim, of: part, need, supply, written)
            }
            checkStatistic(claim, of: part, supply, written)
        }
    }

    private func complain(_ written: CheckedLimit.Written, at offset: Int, _ message: String) {
        log.error(in: written.scalar, at: offset, message)
    }

    private func text(_ duration: Duration) -> String { DurationText.format(nanoseconds: duration.nanoseconds) }

    // MARK: the whole

    private func checkWhole(_ claim: RequirementSyntax.Claim, _ need: SampleNeed, _ supply: SampleSupply, _ written: CheckedLimit.Written) {
        let needed = need.samples(windows: 1)
        guard supply.total < Double(needed) else { return }
        complain(
            written, at: claim.statisticOffset,
            "\(need.text) needs \(Self.samples(needed)), and \(supply.text) gives \(Self.whole(supply.total)): \(Self.missing(needed, supply.total)); \(supply.advice(for: needed))")
    }

    private static func samples(_ count: Int) -> String { count == 1 ? "1 sample" : "\(count) samples" }

    private static func whole(_ count: Double) -> Int { Int(count.rounded(.down)) }

    private static func missing(_ needed: Int, _ total: Double) -> String {
        let count = needed - whole(total)
        return count == 1 ? "1 is missing" : "\(count) are missing"
    }

    // MARK: windows

    private func checkWindows(
        _ claim: RequirementSyntax.Claim, of part: RequirementSyntax.Part, _ need: SampleNeed, _ supply: SampleSupply, _ written: CheckedLimit.Written
    ) {
        guard let window = part.window else { return }
        guard supply.measured >= window.length else {
            complain(
                written, at: part.windowOffset,
                "a window of \(text(window.length)) does not fit into the \(text(supply.measured)) that \(supply.text) is measured for; shorten the window, or lengthen \(supply.lengthWord)")
            return
        }
        guard hasFewWindows(of: window.length, in: supply.measured, part, written), budget.spendWindows(Self.windows(window.length, in: supply.measured)),
            let counts = supply.counts(in: window.length)
        else { return }
        let needed = need.samples(windows: counts.count)
        let reachable = counts.count { $0 >= Double(needed) }
        // Where nobody wrote a number, the quiet ends of a ramp make the verdict unproven at worst, not the plan senseless.
        let isRefused = need.isWritten ? reachable < window.needed(of: counts.count) : reachable == 0
        guard isRefused, let worst = counts.indices.min(by: { counts[$0] < counts[$1] }) else { return }
        let start = text(window.length * worst)
        complain(
            written, at: claim.statisticOffset,
            "\(need.text) needs \(Self.samples(needed)) in each window of \(text(window.length)), and \(supply.text) gives \(Self.whole(counts[worst])) in the one from \(start): \(Self.missing(needed, counts[worst])); \(supply.advice(for: needed, in: window.length))")
    }

    private static func windows(_ length: Duration, in time: Duration) -> Int { Int(clamping: time.nanoseconds / max(length.nanoseconds, 1)) }

    private func hasFewWindows(of length: Duration, in time: Duration, _ part: RequirementSyntax.Part, _ written: CheckedLimit.Written) -> Bool {
        guard Self.windows(length, in: time) > ArrivalPlan.largestWindowCount else { return true }
        complain(
            written, at: part.windowOffset,
            "\(text(time)) hold more than \(ArrivalPlan.largestWindowCount) windows of \(text(length)); make them longer")
        return false
    }

    /// Windows over what the steps measure: they are counted in the time of the steps.
    private func checkWindowOfRun(_ part: RequirementSyntax.Part, _ written: CheckedLimit.Written) {
        guard let window = part.window, hasFewWindows(of: window.length, in: plan.deadline, part, written), window.length > plan.deadline else { return }
        complain(
            written, at: part.windowOffset,
            "a window of \(text(window.length)) does not fit into the run, which is stopped after \(text(plan.deadline)); shorten the window, or lengthen 'deadline'")
    }

    // MARK: single statistics

    private func checkStatistic(_ claim: RequirementSyntax.Claim, of part: RequirementSyntax.Part, _ supply: SampleSupply, _ written: CheckedLimit.Written) {
        switch claim.statistic {
        case .burn(let long, _) where long > supply.measured:
            complain(
                written, at: claim.statisticOffset,
                "the window of \(text(long)) does not fit into the \(text(supply.measured)) that \(supply.text) is measured for; shorten it, or lengthen \(supply.lengthWord)")
        case .count where supply.isExact && part.window == nil && part.label == nil && claim.labels.isEmpty:
            checkCount(claim, supply, written)
        case .recovery where !plan.measuredSteps.contains(where: \.isFault):
            complain(written, at: claim.statisticOffset, "'recovery' counts from the beginning of a fault, and the scenario has none")
        default: break
        }
    }

    /// More than is planned can never be counted.
    private func checkCount(_ claim: RequirementSyntax.Claim, _ supply: SampleSupply, _ written: CheckedLimit.Written) {
        let threshold = claim.threshold.value
        let isTooHigh =
            switch claim.comparison {
            case .greater: supply.total <= threshold
            case .greaterOrEqual, .equal: supply.total < threshold
            case .less, .lessOrEqual: false
            }
        guard isTooHigh else { return }
        complain(
            written, at: claim.thresholdOffset,
            "\(supply.text) plans \(Self.whole(supply.total)) items, so \(claim.threshold.source) are never counted; \(supply.advice(for: Int(clamping: Int64(threshold.rounded(.up)))))")
    }

    /// A percentile of each slice needs its samples, too (sla.md §2.2).
    private func checkBaseline(_ limit: CheckedLimit) {
        guard let baseline = limit.limit.baseline, baseline.against == .interleaved else { return }
        for claim in limit.limit.requirement.allClaims {
            guard let supply = SampleSupply(claim.measurement, in: plan), supply.isLoad else { continue }
            let slices = supply.total * Double(baseline.slice.nanoseconds) / Double(max(1, supply.measured.nanoseconds))
            for case .percentile(let thousandths) in baseline.metrics {
                let needed = Limit.MinimumSamples.auto.forPercentile(thousandths, confidence: limit.limit.confidence)
                guard slices < Double(needed) else { continue }
                log.error(
                    at: baseline.location,
                    "\(StatisticWord.word(.percentile(thousandths: thousandths))) of a slice needs \(needed) samples, and \(supply.text) gives \(Self.whole(slices)) in \(text(baseline.slice)); lengthen 'slice', raise the rate, or compare p50")
                return
            }
        }
    }
}

/// The samples that a claim asks for.
struct SampleNeed {
    let claim: RequirementSyntax.Claim
    let limit: Limit

    /// `p99(api)`
    var text: String {
        claim.statistic == .worst ? "'\(claim.measurement)'" : "\(StatisticWord.word(claim.statistic))(\(claim.measurement))"
    }

    /// Whether the file says how many, or how strict.
    var isWritten: Bool { limit.minimumSamples != .auto }

    /// - Parameter windows: the higher confidence of each of several (sla.md §2.4 rule 3).
    func samples(windows: Int) -> Int {
        let confidence = limit.confidence.confidence(sharedBy: windows)
        if case .count(let count) = limit.minimumSamples { return claim.statistic.isSampled ? count : 1 }
        switch claim.statistic {
        case .percentile(let thousandths): return limit.minimumSamples.forPercentile(thousandths, confidence: confidence)
        case .shareBelow: return provenShare.map { limit.minimumSamples.forPercentile(Int(($0 * 100_000).rounded()), confidence: confidence) } ?? 1
        case .ratio, .availability, .errors: return provenShare.map { Limit.MinimumSamples.strict(share: $0, confidence: confidence) } ?? 1
        default: return 1
        }
    }

    /// The share of good ones that must be proven; `nil` where none is.
    private var provenShare: Double? {
        let threshold = claim.threshold.value
        let share: Double
        switch claim.comparison {
        case .equal: return nil
        case .greater, .greaterOrEqual: share = threshold
        case .less, .lessOrEqual: share = 1 - threshold
        }
        return share > 0 && share < 1 ? share : nil
    }
}

extension Requirement.Statistic {
    /// Whether a number of samples says how far it can be believed.
    var isSampled: Bool {
        switch self {
        case .worst, .percentile, .max, .mean, .shareBelow, .ratio, .availability, .errors: true
        default: false
        }
    }
}
