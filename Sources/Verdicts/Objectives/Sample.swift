package import LabCore

/// One measured value with its place in the run.
package struct Sample: Sendable, Equatable {
    /// Nanoseconds where `isTime`, else the bare number.
    package var value: Double
    package var at: RunInstant
    package var isTime: Bool
    package var labels: Fields
    /// `false` for what was still without an answer at the end: it counts as worse than every answer, and `value` is the
    /// time that it had waited (sla.md §2.4 rule 5).
    package var isAnswered: Bool

    package init(value: Double, at: RunInstant, isTime: Bool, labels: Fields = [:], isAnswered: Bool = true) {
        self.value = value
        self.at = at
        self.isTime = isTime
        self.labels = labels
        self.isAnswered = isAnswered
    }

}

/// Gathers measurements from a log: those that the runner noted and those named under `metrics:`.
struct SampleCollector: Sendable {
    private(set) var samples: [String: [Sample]] = [:]
    /// In the order of the log.
    private(set) var measurements: [Measurement] = []
    private var pairings: [MetricPairing]

    init(metrics: [Metric]) {
        pairings = metrics.compactMap(MetricPairing.init)
        for metric in metrics { samples[metric.name] = [] }
    }

    mutating func observe(_ event: RunEvent) {
        for index in pairings.indices {
            if let sample = pairings[index].observe(event) { add(sample, to: pairings[index].name) }
        }
        guard event.node == LabEvents.node, event.name == LabEvents.measured, let name = event.fields["name"]?.text else { return }
        let isTime = event.fields["unit"]?.text == "ns"
        guard let value = event.fields["value"].flatMap({ $0.durationNanoseconds.map(Double.init) ?? $0.asNumber }) else { return }
        add(Sample(value: value, at: event.at, isTime: isTime, labels: event.fields["labels"]?.record ?? [:]), to: name)
    }

    mutating func end(at now: RunInstant) {
        for pairing in pairings { samples[pairing.name, default: []] += pairing.unanswered(at: now) }
    }

    /// By the name of the metric.
    var pairs: [String: PairCounts] { Dictionary(pairings.map { ($0.name, $0.counts) }) { first, _ in first } }

    private mutating func add(_ sample: Sample, to name: String) {
        samples[name, default: []].append(sample)
        measurements.append(
            Measurement(name: name, at: sample.at, value: sample.value, isTime: sample.isTime, labels: sample.labels))
    }
}

/// Pairs the events of a metric: an answer belongs to the oldest open question with the same fields.
struct MetricPairing: Sendable {
    let name: String
    private let metric: Metric.Latency
    private var open: [[FieldValue]: [RunEvent]] = [:]
    /// What was answered once, where fields tell it apart.
    private var closed: Set<[FieldValue]> = []
    private var duplicates = 0

    /// - Returns: `nil` for a metric that is no distance of events.
    init?(_ metric: Metric) {
        guard case .latency(let latency) = metric.source else { return nil }
        name = metric.name
        self.metric = latency
    }

    mutating func observe(_ event: RunEvent) -> Sample? {
        var sample: Sample?
        let key = key(of: event)
        if concerns(event, metric.to), var questions = open[key], !questions.isEmpty {
            let question = questions.removeFirst()
            open[key] = questions
            let latency = event.at.nanoseconds - question.at.nanoseconds
            sample = Sample(value: Double(latency), at: question.at, isTime: true, labels: labels(event, question))
            if !metric.same.isEmpty { closed.insert(key) }
        } else if concerns(event, metric.to), closed.contains(key) {
            duplicates += 1
        }
        if concerns(event, metric.from) { open[key, default: []].append(event) }
        return sample
    }

    var counts: PairCounts { PairCounts(duplicates: duplicates) }

    func unanswered(at now: RunInstant) -> [Sample] {
        let questions = open.values.joined().sorted { $0.sequence < $1.sequence }
        return questions.map { question in
            Sample(
                value: Double(now.nanoseconds - question.at.nanoseconds), at: question.at, isTime: true, labels: labels(question, question),
                isAnswered: false)
        }
    }

    private func concerns(_ event: RunEvent, _ reference: NodeReference) -> Bool {
        event.name == reference.name && event.role == reference.role
    }

    /// Two events of one role belong together only if the same device noted them.
    private func key(of event: RunEvent) -> [FieldValue] {
        let fields = metric.same.map { event.value(at: $0) ?? .null }
        return metric.from.role == metric.to.role ? fields + [.text(event.node)] : fields
    }

    private func labels(_ event: RunEvent, _ question: RunEvent) -> Fields {
        guard let name = metric.splitBy, let value = event.value(at: name) ?? question.value(at: name) else { return [:] }
        return [name: value]
    }
}
