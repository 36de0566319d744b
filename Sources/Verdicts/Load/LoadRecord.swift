import LabCore

/// One execution of a load or a probe, as the log tells it.
struct LoadRecord: Sendable {
    /// The step's id, or the name of the probe.
    var id: String
    var target: String
    var start: RunInstant
    /// Where the plan ends.
    var plannedEnd: RunInstant
    /// Items planned before it are those of the warm-up.
    var measuredFrom: RunInstant
    /// ns
    var timeout: Int64
    var isModelled: Bool
    /// In the order of the plan, without what came twice.
    var items: [LoadItem] = []
    /// What the far end had once more.
    var duplicates: [LoadItem] = []
    /// Seconds of a load that is too large for rows, in order.
    var windows: [LoadWindow] = []
    var harness: HarnessReport?
    var floor: LoadReport.Spectrum?
    var cloudCPU: Double?
    var labCPU: Double?
    /// Path of the step that it belongs to.
    var step: String
    /// When the log said that it was over.
    var end: RunInstant?
    /// A probe ends with the steps, whatever its plan says.
    var isProbe = false
    /// Ctrl-C, a deadline or a failure elsewhere ended it before its plan was over: what was measured is kept, and said to be a part.
    var isPartial = false

    var span: Range<RunInstant> {
        let last = isProbe || isPartial ? min(plannedEnd, end ?? plannedEnd) : plannedEnd
        return start..<max(start, last)
    }
    var measured: Range<RunInstant> {
        let from = min(max(measuredFrom, start), span.upperBound)
        return from..<span.upperBound
    }

    /// Where windows begin: with the measuring; for seconds instead of rows with the first whole one.
    var windowed: Range<RunInstant> {
        guard let first = windows.first(where: { $0.counts.planned > $0.counts.warmup && $0.start >= measured.lowerBound }), first.start < measured.upperBound
        else { return measured }
        return first.start..<measured.upperBound
    }

    /// Whether an item of the measured time says something: not if it was under way when all was stopped.
    func counts(_ item: LoadItem) -> Bool {
        guard item.planned >= measured.lowerBound else { return false }
        guard isPartial, let end, !item.isAnswered else { return true }
        return item.outcome != .unsent && item.planned.advanced(byNanoseconds: timeout) <= end
    }

    /// The event that begins it; `nil` for what the lab does not write.
    init?(_ fields: Fields) {
        guard let id = fields["load"]?.text, let start = fields["start_ns"]?.integer, let end = fields["end_ns"]?.integer, end >= start else { return nil }
        self.id = id
        target = fields["target"]?.text ?? ""
        step = fields["step"]?.text ?? ""
        self.start = RunInstant(nanoseconds: start)
        plannedEnd = RunInstant(nanoseconds: end)
        measuredFrom = RunInstant(nanoseconds: fields["measured_from_ns"]?.integer ?? start)
        timeout = max(fields["timeout_ns"]?.integer ?? 0, 0)
        isModelled = fields["modelled"]?.bool ?? false
    }

    /// From items, for tests and for what is not from a log.
    init(id: String, span: Range<RunInstant>, measuredFrom: RunInstant? = nil, timeout: Int64 = 10_000_000_000, isModelled: Bool = false, items: [LoadItem]) {
        (self.id, target, step, start, plannedEnd) = (id, "", "", span.lowerBound, span.upperBound)
        self.measuredFrom = measuredFrom ?? span.lowerBound
        (self.timeout, self.isModelled) = (timeout, isModelled)
        add(items)
        sort()
    }

    var withoutItems: LoadRecord {
        var copy = self
        (copy.items, copy.duplicates, copy.windows) = ([], [], [])
        return copy
    }

    mutating func add(_ more: [LoadItem]) {
        for item in more {
            if item.outcome == .duplicate { duplicates.append(item) } else { items.append(item) }
        }
    }

    /// Rows come in the order in which items ended.
    mutating func sort() {
        func isBefore(_ left: LoadItem, _ right: LoadItem) -> Bool { (left.planned, left.index) < (right.planned, right.index) }
        if zip(items, items.dropFirst()).contains(where: { isBefore($1, $0) }) { items.sort(by: isBefore) }
        duplicates.sort(by: isBefore)
        windows.sort { $0.start < $1.start }
    }
}

extension LoadItem {
    /// Its bytes were handed over, or it was answered, which is the same.
    var wasSent: Bool { self[.sent] != nil || isAnswered }
    /// The far end never had it, though it was sent and not refused: an acknowledgement without a delivery is a loss, too.
    var isLost: Bool { wasSent && !hasArrived && outcome != .refused }

    /// Whether its labels are these; a name that is given twice takes either value (`where route=/a,route=/b`).
    func hasLabels(_ wanted: [Requirement.Label]) -> Bool {
        wanted.allSatisfy { label in wanted.contains { $0.name == label.name && value(of: $0.name) == $0.value } }
    }

    /// The value of a label; `member` is the number of the device that sent it.
    func value(of label: String) -> String? {
        if let own = labels.first(where: { $0.name == label }) { return own.value }
        return label == "member" && member > 0 ? String(member) : nil
    }
}

/// Gathers loads, probes, faults and gauges from a log.
struct LoadCollector: Sendable {
    /// In the order in which they began.
    private(set) var records: [LoadRecord] = []
    private(set) var faults: [FaultSpan] = []
    /// When faults with an id began.
    private(set) var begun: [String: [RunInstant]] = [:]
    /// Gauges by name, in the order of the log.
    private(set) var gauges: [String: [Sample]] = [:]
    private var openFaults: [(index: Int, id: String?)] = []
    private let probes: [String]

    /// - Parameter probes: names of loads that run beside the steps.
    init(probes: [String] = []) { self.probes = probes }

    /// - Parameter event: one of the lab's own.
    mutating func observe(_ event: RunEvent) {
        switch event.name {
        case LabEvents.loadStarted:
            guard var record = LoadRecord(event.fields) else { return }
            record.isProbe = probes.contains(record.id)
            records.append(record)
        case LabEvents.loadRows:
            if let items = LoadRows.items(in: event.fields) { change(event) { $0.add(items) } }
        case LabEvents.loadWindow:
            if let window = LoadWindow(event.fields) { change(event) { $0.windows.append(window) } }
        case LabEvents.loadHarness: change(event) { $0.harness = HarnessReport(event.fields) }
        case LabEvents.loadFloor: change(event) { $0.floor = LoadFloor.spectrum(in: event.fields) }
        case LabEvents.loadCost:
            change(event) { ($0.cloudCPU, $0.labCPU) = (event.fields["cloud_ns"]?.asNumber, event.fields["lab_ns"]?.asNumber) }
        case LabEvents.loadEnded: change(event) { $0.end = event.fields["end_ns"]?.integer.map(RunInstant.init(nanoseconds:)) ?? event.at }
        case LabEvents.gauge: note(event)
        case LabEvents.faultStarted, LabEvents.faultEnded: noteFault(event)
        default: break
        }
    }

    /// - Parameter stopped: paths of steps that did not come to their end.
    mutating func end(at now: RunInstant, stopped: Set<String> = []) {
        for index in records.indices {
            let record = records[index]
            if record.end == nil || stopped.contains(record.step), !record.isProbe {
                records[index].isPartial = record.end ?? now < record.plannedEnd
            }
            if record.end == nil { records[index].end = now }
            records[index].sort()
        }
    }

    /// The last load that began under this name.
    private mutating func change(_ event: RunEvent, _ edit: (inout LoadRecord) -> Void) {
        guard let id = event.fields["load"]?.text, let index = records.lastIndex(where: { $0.id == id }) else { return }
        edit(&records[index])
    }

    private mutating func note(_ event: RunEvent) {
        guard let name = event.fields["name"]?.text, let value = event.fields["value"] else { return }
        // Asked and not told: for whoever asked there was nothing.
        if value == .null, event.fields["reason"] != nil {
            let isTime = gauges[name]?.last?.isTime ?? false
            return gauges[name, default: []].append(Sample(value: 0, at: event.at, isTime: isTime, isAnswered: false))
        }
        let time = value.durationNanoseconds
        guard let number = time.map(Double.init) ?? value.asNumber else { return }
        gauges[name, default: []].append(Sample(value: number, at: event.at, isTime: time != nil))
    }

    private mutating func noteFault(_ event: RunEvent) {
        guard let name = event.fields["fault"]?.text else { return }
        let id = event.fields["id"]?.text
        if event.name == LabEvents.faultStarted {
            if let id { begun[id, default: []].append(event.at) }
            openFaults.append((faults.count, id))
            faults.append(FaultSpan(name: name, start: event.at, end: nil))
        } else if let open = openFaults.lastIndex(where: { $0.id == id && faults[$0.index].name == name }) {
            faults[openFaults.remove(at: open).index].end = event.at
        }
    }
}
