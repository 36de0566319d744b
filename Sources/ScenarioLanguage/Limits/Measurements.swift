import LabCore

/// What a scenario measures: by its steps, by `save`, by `metrics`.
struct Measurements {
    enum Source: Equatable {
        case time, count
        /// A saved field of this type.
        case saved(FieldType)
        /// A time between events, with the label that splits it.
        case metric(splitBy: String?)
        /// A load step or a probe, with what its items are labelled with.
        case load(labels: [String])
        /// A number that a query gives, of this type.
        case gauge(FieldType)
        /// A step that is broken: anything may be asked of it.
        case unknown
    }

    private(set) var names: [String] = []
    private var sources: [String: Source] = [:]
    /// Steps whose id is no measurement in itself.
    var steps: Set<String> = []
    /// Ids of faults and actions: what a budget can be charged with.
    var events: Set<String> = []

    subscript(name: String) -> Source? {
        get {
            if let source = sources[name] { return source }
            // `order.latency.p99` of a broken load.
            let owner = String(name.prefix { $0 != "." })
            return sources[owner] == .unknown ? .unknown : nil
        }
        set {
            if sources[name] == nil { names.append(name) }
            sources[name] = newValue
        }
    }

    /// All that can be written bare, for proposals.
    var writtenNames: [String] {
        names.flatMap { name in
            guard case .load? = sources[name] else { return [name] }
            return [name] + ["latency", "achieved", "errors", "throughput", "count"].map { "\(name).\($0)" }
        }
    }

    /// A measurement with a statistic in its name: `heartbeat.latency.p99`, `heartbeat.achieved`, `registered.latency.p95`
    /// (scenario-language.md, semantics 4).
    ///
    /// - Returns: the measurement that is meant, and the statistic where the name says one.
    func named(_ name: String) -> (measurement: String, statistic: Requirement.Statistic?)? {
        guard let dot = name.utf8.lastIndex(of: UInt8(ascii: ".")) else { return nil }
        let (owner, last) = (String(name[..<dot]), name[name.index(after: dot)...])
        if case .load? = sources[owner] {
            switch last {
            case "latency": return (owner, nil)
            case "achieved": return (owner, .achieved)
            case "errors": return (owner, .errors)
            case "throughput": return (owner, .throughput)
            case "count": return (owner, .count)
            default: return nil
            }
        }
        return namedPercentile(name)
    }

    /// `x.latency.p99`, `x.latency.p999`, `x.latency.p99.9`
    private func namedPercentile(_ name: String) -> (measurement: String, statistic: Requirement.Statistic?)? {
        guard let range = name.firstRange(of: ".latency.") else { return nil }
        let owner = String(name[..<range.lowerBound])
        guard let thousandths = StatisticWord.measuredPercentile(name[range.upperBound...]) else { return nil }
        switch sources[owner] {
        case .load?: return (owner, .percentile(thousandths: thousandths))
        default: return sources["\(owner).latency"] == .time ? ("\(owner).latency", .percentile(thousandths: thousandths)) : nil
        }
    }
}

extension Measurements.Source {
    /// For messages.
    var title: String {
        switch self {
        case .time, .metric: "a time between events"
        case .count: "a count"
        case .saved: "a saved number"
        case .load: "a load or a probe"
        case .gauge: "a gauge"
        case .unknown: "broken"
        }
    }

    /// Whether the statistic can be asked of it.
    func allows(_ statistic: Requirement.Statistic) -> Bool {
        switch (self, statistic) {
        case (.unknown, _): true
        case (.gauge, .rate), (.gauge, .minRate): false
        case (_, .worst), (_, .percentile), (_, .max), (_, .mean), (_, .count), (_, .rate), (_, .minRate), (_, .shareBelow): true
        case (.load, .online), (.load, .recovery): false
        case (.load, _): true
        case (.metric, .lost), (.metric, .duplicates): true
        case (.gauge, .online), (.gauge, .inFlight), (.gauge, .recovery): true
        default: false
        }
    }

    /// What a statistic compares with.
    func dimension(of statistic: Requirement.Statistic) -> Requirement.Quantity.Dimension {
        switch statistic {
        case .count, .lost, .duplicates, .outOfOrder, .outages, .inFlight, .online, .burn: .plain
        case .ratio, .availability, .achieved, .errors, .shareBelow: .share
        case .rate, .minRate, .throughput: .rate
        case .longestOutage, .recovery: .time
        case .worst, .percentile, .max, .mean: valueDimension
        }
    }

    /// What its samples are.
    var valueDimension: Requirement.Quantity.Dimension {
        switch self {
        case .time, .metric, .load, .saved(.duration), .gauge(.duration): .time
        case .saved(.ratio), .gauge(.ratio): .share
        default: .plain
        }
    }
}
