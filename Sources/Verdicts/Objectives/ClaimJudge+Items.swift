import LabCore
import Statistics

/// Statistics of items, gauges and counts.
extension ClaimJudge {
    /// The figure of a statistic that counts: none is a figure, too.
    func counted() -> ClaimResult? {
        switch (claim.statistic, evidence.source) {
        case (.count, .load(let slice)): return count(countOfItems(slice))
        case (.count, _): return count(values.count)
        case (.rate, .load(let slice)), (.throughput, .load(let slice)):
            let seconds = slice.seconds
            return rate(seconds > 0 ? Double(slice.counts.answered) / seconds : 0)
        case (.rate, _):
            let seconds = evidence.seconds
            return rate(seconds > 0 ? Double(values.count) / seconds : 0)
        case (.minRate, .load(let slice)):
            guard slice.hasRows else { return rate(slice.windows.map { Double($0.counts.answered) * 1e9 / Double($0.length) }.min() ?? 0) }
            return rate(slice.spans.map { Self.lowestRate(slice.answers, over: $0) }.min() ?? 0)
        case (.minRate, _): return rate(Self.lowestRate(evidence.moments, over: evidence.span))
        case (.lost, .samples(_, .some)): return count(values.unanswered)
        case (.duplicates, .samples(_, let pairs?)): return count(pairs.duplicates)
        default: return nil
        }
    }

    /// Items that came to a good end; where a label says how they ended, all answered ones with that label.
    private func countOfItems(_ slice: LoadSlice) -> Int {
        let asksForEnd = claim.labels.contains { ["reason", "status"].contains($0.name) }
        return asksForEnd ? slice.counts.answered : slice.counts.good
    }

    private func count(_ number: Int) -> ClaimResult {
        let figure = FigureText.number(Double(number))
        if let few = tooFew(figure, Double(number)) { return few }
        var result = exact(Double(number), figure, samples: values.count)
        // What a load did not come to do, because it was stopped, is no failure.
        if result.verdict == .fail, Double(number) < threshold, evidence.slice?.records.contains(where: \.isPartial) ?? false { result.verdict = .unproven }
        return result
    }

    private func rate(_ value: Double) -> ClaimResult {
        let figure = FigureText.number(value) + "/s"
        return tooFew(figure, value) ?? exact(value, figure, samples: values.count)
    }

    /// The fewest samples in any whole second of the span.
    private static func lowestRate(_ moments: [RunInstant], over span: Range<RunInstant>) -> Double {
        let windows = TimeWindows(span: span, length: .seconds(1))
        var counts: [Int: Int] = [:]
        for moment in moments {
            if let index = windows.index(of: moment) { counts[index, default: 0] += 1 }
        }
        // A second that occurs nowhere among the samples had none.
        return counts.count < windows.count ? 0 : Double(counts.values.min() ?? 0)
    }

    // MARK: items of loads and probes, readings of gauges

    /// `nil` for a statistic of values, and for one that this source does not have.
    func ofItems() -> ClaimResult? {
        switch evidence.source {
        case .samples: return nil
        case .gauge(let readings, let recoveries): return ofGauge(readings, recoveries)
        case .load(let slice): return ofLoad(slice)
        }
    }

    private func ofLoad(_ slice: LoadSlice) -> ClaimResult? {
        let counts = slice.counts
        switch claim.statistic {
        case .lost: return exact(Double(counts.lost), "\(counts.lost) lost", samples: counts.planned)
        case .duplicates: return exact(Double(counts.duplicates), "\(counts.duplicates) duplicates", samples: counts.planned)
        case .outOfOrder: return exact(Double(counts.outOfOrder), "\(counts.outOfOrder) out of order", samples: counts.planned)
        case .achieved:
            let share = Double(counts.sent) / Double(max(counts.planned, 1))
            return exact(share, "achieved \(FigureText.share(share))", samples: counts.planned)
        case .errors:
            let bad = counts.planned - counts.good
            var result = estimated(bad, figure: "errors \(FigureText.share(Double(bad) / Double(max(counts.planned, 1))))")
            result.reason = [Self.causes(of: slice), result.reason].compactMap(\.self).joined(separator: "; ")
            if result.reason?.isEmpty ?? true { result.reason = nil }
            return result
        case .ratio: return ratio(counts)
        case .availability: return availability(slice, counts)
        case .outages, .longestOutage, .inFlight:
            return slice.hasRows ? ofRows(slice) : unproven("not measured", "a load of so many items has no rows, which '\(claim.statistic.text)' needs")
        case .burn(let long, let short):
            let burn = Burn.worst(slice.burnPoints, long: long, short: short, target: target ?? 0)
            return exact(burn, "burn \(FigureText.number((burn * 100).rounded() / 100))", samples: counts.planned, reason: burnNote(counts))
        default: return nil
        }
    }

    /// What the items came to that were not good, the most frequent first: `status=404 × 2000, reason=timeout × 3`.
    private static func causes(of slice: LoadSlice) -> String? {
        var counts: [String: Int] = [:]
        for item in slice.items where item.outcome != .good {
            let label = ["reason", "status"].lazy.compactMap { name in item.value(of: name).map { "\(name)=\($0)" } }.first
            counts[label ?? "without an answer", default: 0] += 1
        }
        let sorted = counts.sorted { ($1.value, $0.key) < ($0.value, $1.key) }
        guard !sorted.isEmpty else { return nil }
        let rest = sorted.dropFirst(3).reduce(0) { $0 + $1.value }
        return (sorted.prefix(3).map { "\($0.key) × \($0.value)" } + (rest > 0 ? ["others × \(rest)"] : [])).joined(separator: ", ")
    }

    private func burnNote(_ counts: LoadReport.Counts) -> String? {
        let bad = counts.planned - counts.good
        return bad > 0 && bad < BurnRate.fewestBad ? "\(bad) bad ones are fewer than the \(BurnRate.fewestBad) from which it burns" : nil
    }

    private func ratio(_ counts: LoadReport.Counts) -> ClaimResult {
        estimated(counts.good, figure: "ratio \(FigureText.share(Double(counts.good) / Double(max(counts.planned, 1))))")
    }

    private func ofRows(_ slice: LoadSlice) -> ClaimResult? {
        switch claim.statistic {
        case .outages:
            let count = slice.outages.reduce(0) { $0 + $1.count }
            let figure = "\(count) outage\(count == 1 ? "" : "s")"
            return tooFew(figure, Double(count)) ?? exact(Double(count), figure, samples: values.count)
        case .longestOutage:
            let longest = Double(slice.outages.map(\.longest).max() ?? 0)
            let figure = "longest outage \(FigureText.duration(nanoseconds: longest))"
            return tooFew(figure, longest) ?? exact(longest, figure, samples: values.count)
        case .inFlight:
            guard let range = evidence.inFlight else { return nil }
            return exact(Double(worst(of: range)), "\(FigureText.number(Double(worst(of: range)))) in flight", samples: values.count)
        default: return nil
        }
    }

    /// The end of a range that is worse in the sense of the comparison.
    private func worst(of range: ClosedRange<Int>) -> Int {
        switch claim.comparison {
        case .less, .lessOrEqual: range.upperBound
        case .greater, .greaterOrEqual: range.lowerBound
        case .equal: abs(Double(range.lowerBound) - threshold) > abs(Double(range.upperBound) - threshold) ? range.lowerBound : range.upperBound
        }
    }

    /// 1 − downtime / window, and the ratio of good probes beside it: both must hold (sla.md §2.4 rule 7).
    private func availability(_ slice: LoadSlice, _ counts: LoadReport.Counts) -> ClaimResult {
        guard slice.hasRows else { return ratio(counts) }
        let value = slice.availability
        let good = Double(counts.good) / Double(max(counts.planned, 1))
        let figure = "availability \(FigureText.share(value)), good probes \(FigureText.share(good))"
        var result = estimated(counts.good, figure: figure)
        result.value = value
        if !claim.comparison.holds(value, threshold) {
            result.verdict = .fail
            let outages = slice.outages.reduce(0) { $0 + $1.count }
            let downtime = FigureText.duration(nanoseconds: Double(slice.outages.reduce(0) { $0 + $1.downtime }))
            result.reason = "down for \(downtime) in \(outages) outage\(outages == 1 ? "" : "s")"
            result.missing = nil
        } else if result.verdict == .fail {
            result.reason = "the time would do, the ratio of good probes does not"
        }
        result.margin = min(result.margin, claim.comparison.margin(value, threshold))
        return result
    }

    // MARK: gauges

    private func ofGauge(_ readings: [Sample], _ recoveries: [Recovery?]) -> ClaimResult? {
        switch claim.statistic {
        case .online, .inFlight:
            // Whoever asks and is not told sees nobody: such a reading is 0.
            guard let smallest = readings.map(\.value).min(), let largest = readings.map(\.value).max() else { return nil }
            let worst: Double
            switch claim.comparison {
            case .less, .lessOrEqual: worst = largest
            case .greater, .greaterOrEqual: worst = smallest
            case .equal: worst = abs(smallest - threshold) > abs(largest - threshold) ? smallest : largest
            }
            let silent = readings.count { !$0.isAnswered }
            return exact(
                worst, "\(FigureText.number(worst)) \(claim.statistic == .online ? "online" : "in flight")", samples: readings.count,
                reason: silent == 0 ? nil : "\(silent) of \(readings.count) readings had no answer, which counts as 0")
        case .recovery: return recovery(recoveries)
        default: return nil
        }
    }

    private func recovery(_ recoveries: [Recovery?]) -> ClaimResult {
        guard !recoveries.isEmpty else { return unproven("not measured", "no fault began, so there is nothing to recover from") }
        let known = recoveries.compactMap { $0 }
        guard known.count == recoveries.count, let worst = known.max(by: { $0.time ?? .max < $1.time ?? .max }) else {
            return unproven("not measured", "the gauge was not read before and after every fault; ask for it more often")
        }
        if known.contains(where: { $0.before <= 0 }) {
            return unproven("not measured", "the gauge stood at 0 before a fault, so nothing shows that it came back")
        }
        guard let time = worst.time else {
            let watched = FigureText.duration(nanoseconds: Double(worst.watched))
            var result = exact(.infinity, "recovery > \(watched)", samples: known.count, reason: "it was not back at the end")
            // Not back within a time that is shorter than the limit proves nothing.
            if isUpperLimit, Double(worst.watched) < threshold { result.verdict = .unproven }
            return result
        }
        return exact(Double(time), "recovery \(FigureText.duration(nanoseconds: Double(time)))", samples: known.count)
    }
}
