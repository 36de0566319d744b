import LabCore

/// Loads, and what is measured beside the steps.
extension Elaborator {
    /// Above it a machine of one core cannot hand over requests one by one.
    static let largestRate = 1_000_000.0
    /// The name that counts the items of a load.
    static let itemName = "k"
    private static let standardEvery = Duration.seconds(1)
    private static let shortestEvery = Duration.milliseconds(1)

    mutating func load(_ subject: SourceValue, _ step: SourceValue) -> Step.Action? {
        let rates = rates(step["rate"])
        let length = time(step["for"], "for", default: .zero)
        guard let target = nodes.resolve(subject, .action, values) else { return nil }
        let item = item(step, of: target)
        let timeout = time(step["timeout"], "timeout", default: .seconds(10))
        let warmup = warmup(step["warmup"], of: length)
        let count = optional(step["count"]) { whole($0, "count", 1...1_000_000_000) }
        let seed = optional(step["seed"]) { whole($0, "seed", 0...Int64.max) }
        let id = giveID(step["id"], .load)
        guard let rates, let length, let item, let timeout, let warmup, let count, let seed else { return nil }
        let arrivals = step["arrival"]?.scalar.flatMap { Step.Load.Arrivals(rawValue: $0.text) } ?? .even
        var load = Step.Load(
            target: target.reference, arguments: item.arguments[0], rates: rates, duration: .constant(.duration(length.nanoseconds)), id: id)
        if item.arguments.count > 1 { load.variants = item.arguments }
        (load.arrivals, load.timeout, load.warmup, load.good) = (arrivals, timeout, warmup, item.good)
        (load.count, load.seed) = (count.map(Int.init), seed.map(UInt64.init))
        do throws(ArrivalPlanError) {
            // Whether there is one does not depend on the seed.
            _ = try load.arrivalPlan(over: length, seed: 0)
        } catch {
            log.error(at: step["rate"]?.location ?? step.location, error.description)
            return nil
        }
        if let id { measurements[id] = .load(labels: Self.labels(of: target)) }
        return .load(load)
    }

    /// What is sent, and which answers are good.
    private mutating func item(_ value: SourceValue, of target: NodeResolver.Resolved) -> (arguments: [Template], good: Match?)? {
        let outer = values.names[Self.itemName]
        values.names[Self.itemName] = .runtime(.integer)
        let kinds = (value["each"]?.list ?? []).map { value.laying($0) }
        let arguments = (kinds.isEmpty ? [value] : kinds).map { self.arguments($0, for: target) }
        values.names[Self.itemName] = outer
        let good = optional(value["good"]) { matches.match($0, on: target.gives, of: "the answer of \(target.reference)") }
        let sound = arguments.compactMap(\.self)
        guard sound.count == arguments.count, let good else { return nil }
        return (sound, good)
    }

    /// What limits can ask for by `where` and `for each`: who sent it and why it was refused, and for requests the route
    /// and the status.
    private static func labels(of target: NodeResolver.Resolved) -> [String] {
        var labels = ["reason", "member"]
        if target.takes.contains(where: { $0.name == "path" }) { labels.append("route") }
        if target.gives.contains(where: { $0.name == "status" }) { labels.append("status") }
        return labels
    }

    // MARK: numbers that are known before the run

    private func rates(_ value: SourceValue?) -> [Double]? {
        guard let value, let filled = values.substituted(value) else { return nil }
        let points = filled.list ?? [filled]
        var rates: [Double] = []
        for point in points {
            guard let scalar = point.scalar, let rate = Rate.perSecond(scalar.text) else {
                log.error(at: point.location, "value \(point.shapeName) for 'rate' must be \(ScalarShape.wanted(.rate))")
                continue
            }
            if rate <= Self.largestRate { rates.append(rate) } else {
                log.error(at: point.location, "\(scalar.shown) is more than one load can offer; at most 1000000/s")
            }
        }
        guard rates.count == points.count, !rates.isEmpty else { return nil }
        if rates.allSatisfy({ $0 == 0 }) {
            log.error(at: value.location, "a rate that is 0 all the time offers nothing; give at least one point above 0/s")
            return nil
        }
        return rates
    }

    /// A time above 0.
    private func time(_ value: SourceValue?, _ name: String, default standard: Duration, atLeast least: Duration = .nanoseconds(1)) -> Duration? {
        guard let value else { return standard }
        guard let nanoseconds = values.constant(value, for: FieldKind(name, .duration))?.durationNanoseconds else { return nil }
        if nanoseconds >= least.nanoseconds { return .nanoseconds(nanoseconds) }
        let wanted = least == .nanoseconds(1) ? "longer than 0s" : "at least \(DurationText.format(nanoseconds: least.nanoseconds))"
        log.error(at: value.location, "\(DurationText.format(nanoseconds: nanoseconds)) for '\(name)' must be \(wanted)")
        return nil
    }

    private func warmup(_ value: SourceValue?, of length: Duration?) -> Duration? {
        guard let value else { return .zero }
        guard let nanoseconds = values.constant(value, for: FieldKind("warmup", .duration))?.durationNanoseconds else { return nil }
        guard let length, nanoseconds >= length.nanoseconds else { return .nanoseconds(nanoseconds) }
        let (written, whole) = (DurationText.format(nanoseconds: nanoseconds), DurationText.format(nanoseconds: length.nanoseconds))
        log.error(at: value.location, "a warm-up of \(written) leaves nothing to measure of a load of \(whole)")
        return nil
    }

    private func whole(_ value: SourceValue, _ name: String, _ range: ClosedRange<Int64>) -> Int64? {
        guard let number = values.constant(value, for: FieldKind(name, .integer))?.integer else { return nil }
        if range.contains(number) { return number }
        log.error(at: value.location, "\(number) for '\(name)' must be a whole number from \(range.lowerBound) to \(range.upperBound)")
        return nil
    }

    // MARK: metrics

    mutating func metric(_ entry: SourceValue.Entry) -> Metric? {
        let isTaken = if case .load? = measurements[entry.name] { true } else { false }
        measurements[entry.name] = .unknown
        if isTaken, let home = idHomes[entry.name] {
            log.error(at: entry.location, "'\(entry.name)' is also the id of a load, in line \(home.line); names are given once")
            return nil
        }
        guard !isBroken(entry.value), let source = source(entry) else { return nil }
        return Metric(name: entry.name, location: entry.location, source: source)
    }

    private mutating func source(_ entry: SourceValue.Entry) -> Metric.Source? {
        let value = entry.value
        if let latency = value["latency"] { return latencySource(entry.name, latency, value).map { .latency($0) } }
        if let gauge = value["gauge"] { return gaugeSource(entry.name, gauge, value).map { .gauge($0) } }
        return value["probe"].flatMap { probeSource(entry.name, $0, value) }.map { .probe($0) }
    }

    private mutating func latencySource(_ name: String, _ latency: SourceValue, _ value: SourceValue) -> Metric.Latency? {
        guard let from = latency["from"], let to = latency["to"] else { return nil }
        let split = value["split-by"]
        let start = nodes.resolve(from, .event, values)
        guard let end = nodes.resolve(to, .event, values), let start else { return nil }
        guard let same = same(value["same"], start, end) else { return nil }
        if let split, !checkField(split, of: end) { return nil }
        measurements[name] = .metric(splitBy: split?.scalar?.text)
        return Metric.Latency(from: start.reference, to: end.reference, same: same, splitBy: split?.scalar?.text)
    }

    private mutating func gaugeSource(_ name: String, _ written: SourceValue, _ value: SourceValue) -> Metric.Gauge? {
        let every = time(value["every"], "every", default: Self.standardEvery, atLeast: Self.shortestEvery)
        guard let (query, field) = nodes.resolveGauge(written, values) else { return nil }
        guard let arguments = arguments(value, for: query), let every else { return nil }
        measurements[name] = .gauge(field.type)
        return Metric.Gauge(query: query.reference, arguments: arguments, field: field.name, every: every)
    }

    private mutating func probeSource(_ name: String, _ written: SourceValue, _ value: SourceValue) -> Step.Load? {
        let every = time(value["every"], "every", default: Self.standardEvery, atLeast: Self.shortestEvery)
        let timeout = time(value["timeout"], "timeout", default: .seconds(1))
        guard let target = nodes.resolve(written, .action, values), let item = item(value, of: target), let every, let timeout else { return nil }
        measurements[name] = .load(labels: Self.labels(of: target))
        // Its end is that of the steps; the plan's deadline is put in when it is known.
        return Step.Load(
            target: target.reference, arguments: item.arguments[0], rates: [1e9 / Double(every.nanoseconds)], duration: .constant(.duration(0)),
            timeout: timeout, good: item.good, id: name)
    }
}

extension Plan {
    /// The plan with probes that last as long as the run may.
    func withProbes() -> Plan {
        var plan = self
        for index in plan.metrics.indices {
            guard case .probe(var load) = plan.metrics[index].source else { continue }
            load.duration = .constant(.duration(deadline.nanoseconds))
            plan.metrics[index].source = .probe(load)
        }
        return plan
    }
}

extension SourceValue {
    /// A step whose `with` has these fields in place of its own, or beside them.
    fileprivate func laying(_ fields: SourceValue) -> SourceValue {
        let added = fields.record ?? []
        let kept = (self["with"]?.record ?? []).filter { entry in !added.contains { $0.name == entry.name } }
        let with = Entry(name: "with", location: fields.location, value: SourceValue(.record(kept + added), at: fields.location))
        return SourceValue(.record((record ?? []).filter { $0.name != "with" } + [with]), at: location)
    }
}
