import LabCore

/// What is known about one measurement within one span of time.
struct Evidence: Sendable {
    enum Source: Sendable {
        /// Values of steps, saves and metrics; for a metric also how many were lost and came twice.
        case samples([Sample], pairs: PairCounts?)
        case load(LoadSlice)
        case gauge([Sample], recoveries: [Recovery?])
    }

    var source: Source
    /// The time over which rates are counted, half-open.
    var span: Range<RunInstant>
    /// Ranked values: of samples, of responses, of readings.
    var values: Distribution
    var isTime: Bool
    /// Smallest and largest number under way; where a claim asks for it.
    var inFlight: ClosedRange<Int>?

    init(_ samples: [Sample], span: Range<RunInstant>, pairs: PairCounts? = nil, isTime: Bool) {
        source = .samples(samples, pairs: pairs)
        self.span = span
        values = Distribution(samples)
        self.isTime = samples.first?.isTime ?? isTime
    }

    init(_ slice: LoadSlice) {
        source = .load(slice)
        span = (slice.spans.first?.lowerBound ?? .start)..<(slice.spans.last?.upperBound ?? .start)
        values = slice.responses
        isTime = true
    }

    init(gauge readings: [Sample], span: Range<RunInstant>, recoveries: [Recovery?] = []) {
        source = .gauge(readings, recoveries: recoveries)
        self.span = span
        values = Distribution(readings)
        isTime = readings.first?.isTime ?? false
    }

    var slice: LoadSlice? { if case .load(let slice) = source { slice } else { nil } }

    /// Times of a model, not of a machine.
    var isModelled: Bool { slice?.records.contains(where: \.isModelled) ?? false }

    var seconds: Double { slice?.seconds ?? Double(span.upperBound.nanoseconds - span.lowerBound.nanoseconds) / 1e9 }

    /// When samples came, answers of a load included.
    var moments: [RunInstant] {
        switch source {
        case .samples(let samples, _), .gauge(let samples, _): samples.map(\.at)
        case .load(let slice): slice.answers
        }
    }
}

/// What a metric between events counts beside its times; what was lost are its samples without an answer.
struct PairCounts: Sendable, Equatable {
    /// Ends of what had ended before.
    var duplicates = 0
}

/// Where evidence comes from: all that a run measured.
struct EvidenceStore: Sendable {
    var samples: [String: [Sample]] = [:]
    var pairs: [String: PairCounts] = [:]
    var loads: [String: [LoadRecord]] = [:]
    var gauges: [String: [Sample]] = [:]
    var faults: [FaultSpan] = []
    /// When faults and actions with an id began, for budgets.
    var events: [String: [RunInstant]] = [:]
    /// From the first step to the teardown.
    var span: Range<RunInstant>
    /// How late the lab's own timers were at worst, in ns of the run's time; 0 where time is virtual.
    var lateness = 0.0

    init(samples: [String: [Sample]] = [:], span: Range<RunInstant>) {
        self.samples = samples
        self.span = span
    }

    /// The samples of a measurement; a step's bare id means its latency.
    private func samples(of measurement: String) -> [Sample] { nameOfSamples(measurement).flatMap { samples[$0] } ?? [] }

    private func nameOfSamples(_ measurement: String) -> String? {
        [measurement, measurement + ".latency"].first { samples[$0] != nil }
    }

    /// All of a measurement with these labels.
    func evidence(for claim: Requirement.Claim, labels: [Requirement.Label]) -> Evidence {
        if let records = loads[claim.measurement] {
            let slice = LoadSlice(records, labels: labels)
            var evidence = Evidence(slice)
            if claim.statistic == .inFlight { evidence.inFlight = Self.range(InFlight(records, labels: labels), in: slice.spans) }
            return evidence
        }
        if let readings = gauges[claim.measurement] {
            let inside = readings.filter { span.lowerBound <= $0.at && $0.at <= span.upperBound }
            return Evidence(gauge: inside, span: span, recoveries: recoveries(claim, readings))
        }
        let all = samples(of: claim.measurement).filter { $0.hasLabels(labels) }
        return Evidence(all, span: span, pairs: pairs[claim.measurement], isTime: claim.threshold.dimension == .time)
    }

    /// The same in whole windows.
    func windows(for claim: Requirement.Claim, labels: [Requirement.Label], length: Duration) -> (parts: [Evidence], dropsPartial: Bool, measured: Int64) {
        if let records = loads[claim.measurement] {
            let slice = LoadSlice(records, labels: labels)
            guard Self.isFew(slice.length, length) else { return ([], false, slice.length) }
            let split = slice.split(into: length)
            let inFlight = claim.statistic == .inFlight ? InFlight(records, labels: labels) : nil
            let parts = split.parts.map { part in
                var evidence = Evidence(part)
                evidence.inFlight = inFlight.flatMap { Self.range($0, in: part.spans) }
                return evidence
            }
            return (parts, split.dropsPartial, slice.length)
        }
        let windows = TimeWindows(span: span, length: length)
        let measured = span.upperBound.nanoseconds - span.lowerBound.nanoseconds
        guard Self.isFew(measured, length) else { return ([], false, measured) }
        let readings = gauges[claim.measurement]
        let all = (readings ?? samples(of: claim.measurement)).filter { $0.hasLabels(labels) }
        var buckets = Array(repeating: [Sample](), count: windows.count)
        for sample in all {
            if let index = windows.index(of: sample.at) { buckets[index].append(sample) }
        }
        let parts = buckets.enumerated().map { index, bucket in
            readings == nil
                ? Evidence(
                    bucket, span: windows[index], pairs: claim.statistic == .lost ? pairs[claim.measurement] : nil,
                    isTime: claim.threshold.dimension == .time)
                : Evidence(gauge: bucket, span: windows[index])
        }
        return (parts, windows.dropsPartial, measured)
    }

    /// The most windows that are looked at, one by one.
    static let mostWindows: Int64 = 1_000_000
    private static func isFew(_ time: Int64, _ length: Duration) -> Bool { time / max(length.nanoseconds, 1) <= mostWindows }

    private static func range(_ inFlight: InFlight, in spans: [Range<RunInstant>]) -> ClosedRange<Int>? {
        let ranges = spans.map { inFlight.range(in: $0) }
        guard let least = ranges.map(\.lowerBound).min(), let most = ranges.map(\.upperBound).max() else { return nil }
        return least...most
    }

    private func recoveries(_ claim: Requirement.Claim, _ readings: [Sample]) -> [Recovery?] {
        guard case .recovery(let share) = claim.statistic else { return [] }
        let starts = faults.map(\.start)
        return starts.enumerated().map { index, start in
            let end = index + 1 < starts.count ? max(starts[index + 1], start) : span.upperBound
            return Recovery(readings, share: share, from: start, until: end)
        }
    }

    /// One store for each value of a label, in the order in which the values appear, with what has that value only: a fleet has tens of
    /// thousands, so items are looked at once and not once for each.
    func grouped(by label: String, for claims: [Requirement.Claim]) -> [(value: String, store: EvidenceStore)] {
        var empty = self
        for claim in claims {
            if let records = loads[claim.measurement] { empty.loads[claim.measurement] = records.map(\.withoutItems) }
            if let name = nameOfSamples(claim.measurement) { empty.samples[name] = [] }
        }
        var groups: [(value: String, store: EvidenceStore)] = []
        var places: [String: Int] = [:]
        func place(_ value: String) -> Int {
            if let place = places[value] { return place }
            groups.append((value, empty))
            places[value] = groups.count - 1
            return groups.count - 1
        }
        var seen: Set<String> = []
        for claim in claims where seen.insert(claim.measurement).inserted {
            for (number, record) in (loads[claim.measurement] ?? []).enumerated() {
                for item in record.items {
                    guard let index = item.value(of: label).map(place) else { continue }
                    groups[index].store.loads[claim.measurement]?[number].items.append(item)
                }
                for item in record.duplicates {
                    guard let index = item.value(of: label).map(place) else { continue }
                    groups[index].store.loads[claim.measurement]?[number].duplicates.append(item)
                }
            }
            guard let name = nameOfSamples(claim.measurement) else { continue }
            for sample in samples[name] ?? [] {
                guard let index = sample.labels[label].map({ place($0.description) }) else { continue }
                groups[index].store.samples[name]?.append(sample)
            }
        }
        return groups
    }
}

extension EvidenceStore {
    /// Loads, gauges and faults of a log, and when the actions that have an id began.
    mutating func take(_ collector: LoadCollector, plan: Plan, steps: [StepRecord]) {
        for record in collector.records { loads[record.id, default: []].append(record) }
        gauges = collector.gauges
        for metric in plan.metrics {
            if case .gauge = metric.source, gauges[metric.name] == nil { gauges[metric.name] = [] }
        }
        faults = collector.faults
        events = collector.begun
        for (id, place) in (plan.setup + plan.steps + plan.teardown).flatMap(\.actionsWithID) {
            events[id, default: []] += steps.filter { $0.location == place }.map(\.started.at)
        }
    }
}

extension Step {
    /// Actions that have an id, with their places in the file.
    fileprivate var actionsWithID: [(String, SourceLocation)] {
        switch action {
        case .act(let act): act.id.map { [($0, location)] } ?? []
        case .sequence(let turns):
            // The turns of a loop are the same lines.
            turns.first?.steps.flatMap(\.actionsWithID) ?? []
        case .parallel(let branches): branches.flatMap { $0.flatMap(\.actionsWithID) }
        default: []
        }
    }
}

extension Sample {
    /// Whether its labels are these; a name that is given twice takes either value.
    func hasLabels(_ wanted: [Requirement.Label]) -> Bool {
        wanted.allSatisfy { label in wanted.contains { $0.name == label.name && labels[$0.name]?.description == $0.value } }
    }
}
