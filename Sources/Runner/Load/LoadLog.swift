import LabCore
import Statistics

/// Writes a load into the event log: every item as a row, or, where there would be too many, counts and histograms of each second.
struct LoadLog {
    /// Loads with more planned items are written as windows.
    private static let largestWithRows = 1_000_000

    private let load: String
    private let plan: ArrivalPlan
    private let origin: RunInstant
    private let measuredFrom: RunInstant
    private let world: any World
    private let hasRows: Bool
    private var windows = LoadWindows()
    private var lastLook: RunInstant
    private var rows: [LoadItem] = []
    private var lastWritten: RunInstant
    private var sent = 0
    private var answered = 0
    private var planned = 0
    /// Of the answers so far, from the plan.
    private var live = LatencyHistogram()

    init(load: String, plan: ArrivalPlan, origin: RunInstant, warmup: Duration, world: any World) {
        self.load = load
        self.plan = plan
        self.origin = origin
        self.world = world
        measuredFrom = origin.advanced(by: warmup)
        (lastWritten, lastLook) = (origin, origin)
        hasRows = plan.count <= Self.largestWithRows
    }

    func began(_ load: Step.Load, step: String, end: RunInstant) {
        world.note(LabEvents.loadStarted, [
            "load": .text(self.load), "step": .text(step), "target": .text("\(load.target)"), "planned": .integer(Int64(plan.count)),
            "start_ns": .integer(origin.nanoseconds), "end_ns": .integer(end.nanoseconds), "measured_from_ns": .integer(measuredFrom.nanoseconds),
            "timeout_ns": .integer(load.timeout.nanoseconds), "modelled": .bool(world.isModelled),
        ])
    }

    mutating func append(_ item: LoadItem) {
        planned += 1
        if item[.sent] != nil || item.isAnswered { sent += 1 }
        if item.isAnswered { answered += 1 }
        if let response = item.response { live.record(response) }
        write(item)
    }

    /// `api 1200 of 24000, p50 0.8 ms, p99 3.1 ms`
    var standing: String {
        func time(_ thousandths: Int) -> String { live.percentile(thousandths: thousandths).map { FigureText.duration(nanoseconds: Double($0)) } ?? "–" }
        let silent = planned > answered ? ", \(planned - answered) without an answer" : ""
        return "\(load) \(planned) of \(plan.count), p50 \(time(50_000)), p99 \(time(99_000))\(silent)"
    }

    /// The far end has an item once more.
    mutating func repeated(_ item: LoadItem) {
        write(LoadItem(index: item.index, planned: item.planned, outcome: .duplicate, hasArrived: true, labels: item.labels, member: item.member))
    }

    private mutating func write(_ item: LoadItem) {
        guard hasRows else { return writeCounted(item) }
        rows.append(item)
        // Now and then, so that a run that is killed has lost a second of them at most.
        let isDue = world.now.nanoseconds - lastWritten.nanoseconds >= 1_000_000_000
        if rows.count >= LoadRows.batch || isDue { flush() }
    }

    private mutating func writeCounted(_ item: LoadItem) {
        let now = world.now
        windows.add(item, measuredFrom: measuredFrom, at: now)
        guard now.nanoseconds - lastLook.nanoseconds >= 1_000_000_000 else { return }
        lastLook = now
        noteWindows(at: now)
    }

    private mutating func noteWindows(at now: RunInstant) {
        for window in windows.finished(at: now) { world.note(LabEvents.loadWindow, window.fields(load: load)) }
    }

    private mutating func flush() {
        guard !rows.isEmpty else { return }
        world.note(LabEvents.loadRows, LoadRows.fields(load: load, items: rows))
        rows.removeAll(keepingCapacity: true)
        lastWritten = world.now
    }

    func note(floor: LoadReport.Spectrum) { world.note(LabEvents.loadFloor, LoadFloor.fields(load: load, floor)) }

    /// - Parameters:
    ///   - moment: when it was stopped, or all was over; what is measured after it is not of the load. Now where it is `nil`.
    ///   - harness: `nil` where time is virtual.
    mutating func end(at moment: RunInstant? = nil, harness: HarnessReport?, cost: (cloud: Double?, lab: Double?)? = nil) {
        flush()
        noteWindows(at: .distantFuture)
        if let harness { world.note(LabEvents.loadHarness, (["load": .text(load)] as Fields).merging(harness.asFields)) }
        if let cost, cost.cloud != nil || cost.lab != nil {
            var fields: Fields = ["load": .text(load)]
            if let cloud = cost.cloud { fields["cloud_ns"] = .number(cloud) }
            if let lab = cost.lab { fields["lab_ns"] = .number(lab) }
            world.note(LabEvents.loadCost, fields)
        }
        world.note(LabEvents.loadEnded, [
            "load": .text(load), "planned": .integer(Int64(planned)), "sent": .integer(Int64(sent)), "answered": .integer(Int64(answered)),
            "end_ns": .integer((moment ?? world.now).nanoseconds),
        ])
    }
}
