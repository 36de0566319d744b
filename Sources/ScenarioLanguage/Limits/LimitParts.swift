import LabCore

/// The keys of a limit beside `require`: what makes it void, what it is compared with, what its outages may cost.
struct LimitParts {
    let log: DiagnosticLog
    let measurements: Measurements
    let value: SourceValue

    /// A part that may be missing. Its error must not be taken for its absence: the outer `nil` is an error, the inner one absence.
    func optional<Part>(_ key: String, _ read: (SourceValue) -> Part?) -> Part?? {
        guard let written = value[key] else { return .some(nil) }
        guard let part = read(written) else { return nil }
        return .some(part)
    }

    private static func share(_ value: SourceValue?) -> Double? {
        guard let scalar = value?.scalar, case .number(let share)? = try? Literal.read(scalar, for: FieldKind("", .ratio)) else { return nil }
        return share
    }

    private static func duration(_ value: SourceValue?) -> Duration? {
        value?.scalar.flatMap { DurationText.parse($0.text) }.map { .nanoseconds($0) }
    }

    var minimumSamples: Limit.MinimumSamples {
        guard let scalar = value["min-samples"]?.scalar else { return .auto }
        return scalar.text == "strict" ? .strict : scalar.integer.map { .count($0) } ?? .auto
    }

    func confidence() -> Double? {
        guard let written = value["confidence"] else { return 0.95 }
        guard let confidence = Self.share(written), confidence >= 0.5, confidence < 1 else {
            log.error(at: written.location, "a confidence lies between 50% and 100%, such as 95%; at 100% nothing could be proven")
            return nil
        }
        return confidence
    }

    /// - Returns: the outer `nil` after an error; the inner one without a target.
    func target(for required: CheckedLimit.Written?) -> Double?? {
        optional("target") { written in
            guard let target = Self.share(written), target > 0, target < 1 else {
                log.error(at: written.location, "a target lies between 0% and 100%, such as 99.9%")
                return nil
            }
            let burns = required?.requirement.allClaims.contains { if case .burn = $0.statistic { true } else { false } } ?? true
            if burns { return target }
            log.error(at: written.location, "'target' is what 'burn' counts against, and 'require' does not ask for it")
            return nil
        }
    }

    func harness() -> Limit.Harness? {
        var harness = Limit.Harness()
        guard let written = value["harness"] else { return harness }
        if let lag = written["send-lag-p99"]?.scalar {
            harness.sendLag = DurationText.parse(lag.text)
            harness.sendLagShare = harness.sendLag == nil ? Self.share(written["send-lag-p99"]) : nil
        }
        if let share = Self.share(written["plan-shortfall"]) { harness.planShortfall = share }
        if let share = Self.share(written["loader-cpu"]) { harness.loaderCPU = share }
        if let share = Self.share(written["foreign-cpu"]) { harness.foreignCPU = share }
        return harness
    }

    // MARK: baseline

    func baseline(_ written: SourceValue, for required: CheckedLimit.Written?) -> Limit.Baseline? {
        var baseline = Limit.Baseline(location: written.location)
        if let word = written["against"]?.scalar?.text, let against = Limit.Baseline.Against(rawValue: word) { baseline.against = against }
        if let pairs = written["pairs"]?.scalar?.integer { (baseline.pairs, baseline.pairsMaximum) = (pairs, max(pairs, baseline.pairsMaximum)) }
        if let most = written["pairs-max"]?.scalar?.integer { baseline.pairsMaximum = most }
        if let slice = Self.duration(written["slice"]) { baseline.slice = slice }
        if let effect = Self.share(written["worse-by"]) { baseline.worseBy = effect }
        if let floor = Self.duration(written["at-least"]) { baseline.atLeast = floor.nanoseconds }
        if let alpha = Self.share(written["alpha"]) { baseline.alpha = alpha }
        if let runs = written["runs"]?.scalar?.integer { baseline.runs = runs }
        baseline.cannotTellFails = written["cannot-tell"]?.scalar?.text == "fail"
        guard let metrics = metrics(written["metric"], baseline.metrics) else { return nil }
        baseline.metrics = metrics
        return hasSense(baseline, written, required) ? baseline : nil
    }

    private func hasSense(_ baseline: Limit.Baseline, _ written: SourceValue, _ required: CheckedLimit.Written?) -> Bool {
        func complain(_ key: String, _ message: String) -> Bool {
            log.error(at: written[key]?.location ?? written.location, message)
            return false
        }
        if baseline.pairsMaximum < baseline.pairs { return complain("pairs-max", "'pairs-max' is below the \(baseline.pairs) pairs that it begins with") }
        if baseline.slice < .milliseconds(100) { return complain("slice", "a slice of less than 100ms measures the lab; 1s to 5s are usual") }
        if baseline.worseBy <= 0 { return complain("worse-by", "'worse-by' is above 0%; a change of nothing cannot matter") }
        if baseline.alpha <= 0 || baseline.alpha >= 0.5 { return complain("alpha", "'alpha' lies between 0% and 50%, such as 1%") }
        // Without a sound requirement there is nothing to say about what it names.
        guard let required else { return true }
        let comparesLoad = required.requirement.allClaims.contains { claim in
            switch measurements[claim.measurement] {
            case .load?, .unknown?: true
            default: baseline.against == .history
            }
        }
        return comparesLoad || complain("against", "'baseline' compares loads and probes, and 'require' names none")
    }

    /// `p50, cpu-per-request`, or a list of such.
    private func metrics(_ value: SourceValue?, _ standard: [Limit.Baseline.Metric]) -> [Limit.Baseline.Metric]? {
        guard let value else { return standard }
        var metrics: [Limit.Baseline.Metric] = []
        var isSound = true
        for item in value.list ?? [value] {
            guard let scalar = item.scalar else { continue }
            for word in scalar.text.split(separator: ",").map({ $0.drop(while: \.isWhitespace) }) {
                let name = String(word.reversed().drop(while: \.isWhitespace).reversed())
                if name == "cpu-per-request" {
                    metrics.append(.cpuPerRequest)
                } else if let thousandths = StatisticWord.percentile(name) {
                    metrics.append(.percentile(thousandths))
                } else {
                    log.error(at: item.location, "'\(name)' cannot be compared; 'metric' takes percentiles such as p50, and cpu-per-request")
                    isSound = false
                }
            }
        }
        return isSound && !metrics.isEmpty ? metrics : nil
    }

    // MARK: budget

    /// - Returns: the outer `nil` after an error; the inner one without a budget.
    func budget(for required: CheckedLimit.Written?) -> Limit.Budget?? {
        guard let written = value["budget"] else {
            guard let text = value["require-budget"] else { return .some(nil) }
            log.error(at: text.location, "'require-budget' needs a 'budget' beside it")
            return nil
        }
        guard let period = Self.duration(written["period"]), let allow = Self.duration(written["allow"]) else { return nil }
        guard period > .zero, allow > .zero, allow <= period else {
            log.error(at: written.location, "'allow' is an outage above 0s that fits into 'period'")
            return nil
        }
        let charges = (written["charge"]?.record ?? []).compactMap { charge($0, period: period) }
        guard charges.count == written["charge"]?.record?.count, let share = budgetShare(written) else { return nil }
        if charges.isEmpty {
            log.error(at: written.location, "'charge' is empty; name the faults and actions whose outages count, such as restart-broker: 8/30d")
            return nil
        }
        if let required, !required.requirement.allClaims.contains(where: \.countsOutages) {
            log.error(at: written.location, "a budget adds up outages, and 'require' asks for none; write availability(…) or longest-outage(…) of a probe")
            return nil
        }
        return .some(Limit.Budget(period: period, allow: allow, charges: charges, share: share))
    }

    private func charge(_ entry: SourceValue.Entry, period: Duration) -> Limit.Budget.Charge? {
        guard let written = entry.value.scalar.flatMap({ Occurrences.read($0.text) }) else { return nil }
        if !measurements.events.contains(entry.name), measurements[entry.name] != .unknown {
            log.error(
                at: entry.location,
                "no fault or action has the id '\(entry.name)'"
                    + log.hint(for: entry.name, at: entry.location, among: measurements.events.sorted(), "ids: ", none: "; give one an id"))
            return nil
        }
        return Limit.Budget.Charge(event: entry.name, times: written.count * Double(period.nanoseconds) / Double(written.period))
    }

    /// `share: 60%` in the budget, or `require-budget: sum(charge) <= 60%` beside it.
    private func budgetShare(_ written: SourceValue) -> Double? {
        let inside = Self.share(written["share"])
        guard let text = value["require-budget"]?.scalar else { return inside ?? 1 }
        if inside != nil {
            log.error(at: text.location, "'require-budget' and 'share' of the budget say the same; write one of them")
            return nil
        }
        let words = text.text.filter { !$0.isWhitespace }
        let start = "sum(charge)<="
        guard words.hasPrefix(start), words.hasSuffix("%"), let share = Percent.share(String(words.dropFirst(start.count).dropLast())),
            share > 0, share <= 1
        else {
            log.error(at: text.location, "'require-budget' is written sum(charge) <= 60%")
            return nil
        }
        return share
    }
}

extension Requirement.Claim {
    var countsOutages: Bool { [.availability, .outages, .longestOutage].contains(statistic) }
}
