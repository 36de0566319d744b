import LabCore
import Statistics

/// The items of a load that a claim looks at: those that were planned in a span of time, with the labels that it asks for.
struct LoadSlice: Sendable {
    /// One or more executions, each with the time in which it is looked at.
    var records: [LoadRecord]
    var spans: [Range<RunInstant>]
    var items: [LoadItem]
    var duplicates: Int
    /// What stands for the items of a load that is too large for rows.
    var windows: [LoadWindow]
    /// Items of the warm-up, which count nowhere.
    var warmup: Int

    /// - Parameter labels: of items; a load without rows has none.
    init(_ records: [LoadRecord], labels: [Requirement.Label] = []) {
        self.records = records
        spans = records.map(\.measured)
        items = []
        duplicates = 0
        windows = []
        warmup = 0
        for (record, span) in zip(records, spans) {
            let counted = record.items.filter { record.counts($0) && (labels.isEmpty || $0.hasLabels(labels)) }
            warmup += record.items.count { $0.planned < span.lowerBound } + record.windows.reduce(0) { $0 + $1.counts.warmup }
            items += counted
            duplicates += record.duplicates.count { $0.planned >= span.lowerBound && (labels.isEmpty || $0.hasLabels(labels)) }
            if labels.isEmpty { windows += record.windows.filter { $0.counts.planned > $0.counts.warmup } }
        }
    }

    private init(record: LoadRecord, span: Range<RunInstant>, items: [LoadItem], windows: [LoadWindow]) {
        (records, spans, self.items, self.windows, warmup) = ([record], [span], items, windows, 0)
        duplicates = record.duplicates.count { span.contains($0.planned) }
    }

    /// The items of each whole window, half-open and counted from the start of measuring (sla.md §2.4 rule 3).
    func split(into length: Duration) -> (parts: [LoadSlice], dropsPartial: Bool) {
        var parts: [LoadSlice] = []
        var dropsPartial = false
        for (record, span) in zip(records, spans) {
            let whole = TimeWindows(span: record.windowed, length: length)
            dropsPartial = dropsPartial || whole.dropsPartial
            var buckets = Array(repeating: [LoadItem](), count: whole.count)
            for item in items where span.contains(item.planned) {
                if let index = whole.index(of: item.planned) { buckets[index].append(item) }
            }
            var seconds = Array(repeating: [LoadWindow](), count: whole.count)
            for window in windows {
                if let index = whole.index(of: window.start) { seconds[index].append(window) }
            }
            for index in 0..<whole.count {
                parts.append(LoadSlice(record: record, span: whole[index], items: buckets[index], windows: seconds[index]))
            }
        }
        return (parts, dropsPartial)
    }

    // MARK: figures

    var counts: LoadReport.Counts {
        var counts = LoadReport.Counts()
        for item in items { counts.add(item) }
        for window in windows { counts.add(window.counts) }
        counts.duplicates += duplicates
        counts.warmup = warmup
        return counts
    }

    /// From the plan to the answer; what has none is worse than all.
    var responses: Distribution { Distribution(items, windows, time: { $0.response }, histogram: { $0.response }, timeout: records.map(\.timeout).max() ?? 0) }
    /// From the sending to the answer.
    var services: Distribution { Distribution(items, windows, time: { $0.service ?? $0.response }, histogram: { $0.service }, timeout: records.map(\.timeout).max() ?? 0) }

    /// ns
    var length: Int64 { spans.reduce(0) { $0 + $1.upperBound.nanoseconds - $1.lowerBound.nanoseconds } }
    var seconds: Double { Double(length) / 1e9 }

    /// Whether there is a row for every item, which outages and in-flight figures need.
    var hasRows: Bool { windows.isEmpty }

    /// Where the answered items were seen.
    var answers: [RunInstant] { items.compactMap { $0.isAnswered ? $0[.seen] : nil } }
}

extension LoadReport.Counts {
    /// Counts an item of the measured time.
    mutating func add(_ item: LoadItem) {
        planned += 1
        if item.wasSent { sent += 1 }
        switch item.outcome {
        case .good: good += 1
        case .refused: refused += 1
        case .unanswered, .unsent: unanswered += 1
        case .duplicate: break
        }
        if item.isLost { lost += 1 }
        if item.isOutOfOrder { outOfOrder += 1 }
    }

    /// Adds those of a second, whose plan holds the warm-up, too.
    mutating func add(_ other: LoadReport.Counts) {
        planned += other.planned - other.warmup
        sent += other.sent
        good += other.good
        refused += other.refused
        unanswered += other.unanswered
        lost += other.lost
        duplicates += other.duplicates
        outOfOrder += other.outOfOrder
    }

    var answered: Int { good + refused }
}
