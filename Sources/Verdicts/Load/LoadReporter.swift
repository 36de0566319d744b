import LabCore

/// What loads came to, for pictures, tables and the archive: computed from the items after the run.
struct LoadReporter: Sendable {
    let plan: Plan
    /// Values of labels that are shown.
    private static let mostParts = 50

    init(plan: Plan) { self.plan = plan }

    /// One for each execution, in the order in which they began; `steady (2)` is the second of that name.
    func reports(_ records: [LoadRecord]) -> [LoadReport] {
        var turns: [String: Int] = [:]
        return records.map { record in
            let turn = turns[record.id, default: 0] + 1
            turns[record.id] = turn
            var report = report(record)
            if turn > 1 { report.id += " (\(turn))" }
            return report
        }
    }

    private func report(_ record: LoadRecord) -> LoadReport {
        let slice = LoadSlice([record])
        let written = plan.load(of: record)
        let members = written.flatMap { load in plan.roles.first { $0.name == load.load.target.role } }?.count ?? 1
        var report = LoadReport(
            id: record.id, location: written?.location ?? SourceLocation(file: plan.file, line: 1, column: 1),
            text: (written.map { $0.load.text(isProbe: $0.isProbe) } ?? "load \(record.target)") + (record.partialText.map { ", \($0)" } ?? ""), span: record.span, measuredFrom: record.measured.lowerBound,
            isModelled: record.isModelled, counts: slice.counts, response: slice.responses.spectrum(), service: slice.services.spectrum(),
            parts: Self.parts(slice), heat: HeatMapper(record).map)
        report.hops = HopSummary.report(slice.items)
        if members > 1 { report.raster = RasterMapper(record, members: members).raster }
        (report.harness, report.floor) = (record.harness, record.floor)
        (report.cloudCPU, report.labCPU) = (record.cloudCPU, record.labCPU)
        return report
    }

    private static func parts(_ slice: LoadSlice) -> [LoadReport.Part] {
        var names: [Requirement.Label] = []
        var items: [String: [LoadItem]] = [:]
        for item in slice.items {
            for label in item.labels {
                let key = "\(label.name)=\(label.value)"
                if items[key] == nil {
                    guard names.count < mostParts else { continue }
                    names.append(label)
                }
                items[key, default: []].append(item)
            }
        }
        return names.map { label in
            let part = items["\(label.name)=\(label.value)"] ?? []
            let values = Distribution(part, [], time: { $0.response }, histogram: { $0.response }, timeout: 0)
            func value(_ thousandths: Int) -> Int64? {
                let value = values.percentile(thousandths)
                return value == .infinity ? nil : Int64(value)
            }
            return LoadReport.Part(
                label: label, samples: part.count, p50: value(50_000), p99: value(99_000), refused: part.count { $0.outcome == .refused })
        }
    }
}

extension LoadRecord {
    /// `partial: measured for 34 s of 4 m`
    var partialText: String? {
        guard isPartial else { return nil }
        func text(_ nanoseconds: Int64) -> String { FigureText.duration(nanoseconds: Double(nanoseconds)) }
        let whole = plannedEnd.nanoseconds - start.nanoseconds
        return "partial: measured for \(text(span.upperBound.nanoseconds - start.nanoseconds)) of \(text(whole))"
    }
}

extension [LoadRecord] {
    /// What history and `lab show` keep of each load: `heartbeat.latency.p99`, `.achieved`, `.errors`, `.throughput`, `.count`
    /// (scenario-language.md, semantics 4). A percentile that lands on an item without an answer is left out.
    var measurements: [Measurement] {
        var names: [String] = []
        for record in self where !names.contains(record.id) { names.append(record.id) }
        return names.flatMap { name in
            let slice = LoadSlice(filter { $0.id == name })
            let at = slice.spans.first?.lowerBound ?? .start
            func measurement(_ part: String, _ value: Double, isTime: Bool = false) -> Measurement {
                Measurement(name: "\(name).\(part)", at: at, value: value, isTime: isTime)
            }
            let counts = slice.counts
            guard counts.planned > 0 else { return [Measurement]() }
            let (values, planned) = (slice.responses, Double(counts.planned))
            let places = [("p50", 50_000), ("p90", 90_000), ("p95", 95_000), ("p99", 99_000), ("p999", 99_900)]
            let percentiles = places.map { ($0.0, values.percentile($0.1)) }.filter { $0.1 < .infinity }
            return percentiles.map { measurement("latency.\($0.0)", $0.1, isTime: true) } + [
                measurement("achieved", Double(counts.sent) / planned), measurement("errors", Double(counts.planned - counts.good) / planned),
                measurement("throughput", slice.seconds > 0 ? Double(counts.answered) / slice.seconds : 0), measurement("count", Double(counts.good)),
            ]
        }
    }
}

// MARK: the plan's own words

extension Plan {
    /// The step or the probe that a record is of.
    func load(of record: LoadRecord) -> (load: Step.Load, location: SourceLocation, isProbe: Bool)? {
        for metric in metrics {
            if case .probe(let load) = metric.source, metric.name == record.id { return (load, metric.location, true) }
        }
        let all = allSteps.compactMap { step in
            if case .load(let load) = step.action { (load: load, location: step.location, path: step.path) } else { nil }
        }
        let found = all.first { $0.load.id == record.id } ?? all.first { $0.load.id == nil && record.id == $0.path }
            ?? all.first { $0.load.id == nil && "\($0.load.target)" == record.target }
        return found.map { ($0.load, $0.location, false) }
    }
}

extension Step.Load {
    /// `load badges.heartbeat, 10/s to 400/s to 10/s for 4m, arrivals poisson`
    func text(isProbe: Bool) -> String {
        func rate(_ value: Double) -> String { FigureText.number((value * 1000).rounded() / 1000) + "/s" }
        if isProbe { return "probe \(target), \(rate(rates.first ?? 0))" }
        var points: [Double] = []
        for point in rates where points.last != point { points.append(point) }
        if points.count > 6 { points = Array(points.prefix(3)) + [points.max() ?? 0] + Array(points.suffix(2)) }
        var text = "load \(target), \(points.map(rate).joined(separator: " to "))"
        if case .constant(let value) = duration, let nanoseconds = value.durationNanoseconds {
            text += " for \(DurationText.format(nanoseconds: nanoseconds))"
        }
        if let count { text += ", \(count) items" }
        return text + ", arrivals \(arrivals.rawValue)"
    }
}
