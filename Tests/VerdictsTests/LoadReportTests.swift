import LabCore
import Testing

@testable import Verdicts

@Suite("Loads in the summary")
struct LoadReportTests {
    private func loadStep(_ id: String, target: NodeReference = NodeReference(role: "cloud", name: "request")) -> Step {
        Step(location: place(12), path: "steps.1", action: .load(Step.Load(
            target: target, arguments: .record([]), rates: [10, 400, 400, 10], duration: .constant(.duration(3_000_000_000)), arrivals: .poisson, id: id)))
    }

    private func summary(_ items: [LoadItem], to end: Int64 = 3000, warmup: Int64 = 0, roles: [Role] = [], limits: [Limit] = []) -> CaseSummary {
        var log = LogBuilder()
        log.phase("steps")
        log.begin("steps.1", line: 12, "load cloud.request")
        log.load("x", items, to: end, warmup: warmup, modelled: true)
        log.end("steps.1", "passed")
        var plan = plan(steps: [loadStep("x")], limits: limits)
        plan.roles = roles
        return judge(plan: plan, events: log.finish(), run: "r")
    }

    @Test("what a load came to: text, span, counts, spectrum as far as the samples carry")
    func report() throws {
        let report = try #require(summary(steady(1000, every: 3, response: 5), warmup: 300).loads.first)
        #expect(report.id == "x" && report.location == place(12))
        #expect(report.text == "load cloud.request, 10/s to 400/s to 10/s for 3s, arrivals poisson")
        #expect(report.span == at(0)..<at(3000) && report.measuredFrom == at(300) && report.isModelled)
        #expect(report.counts.planned == 900 && report.counts.warmup == 100 && report.counts.good == 900 && report.counts.lost == 0)
        // 900 samples carry p99.5 and no p99.9.
        #expect(report.response.points.map(\.thousandths) == [0, 10_000, 25_000, 50_000, 75_000, 90_000, 95_000, 99_000, 99_500, 100_000])
        #expect(report.response.points.allSatisfy { $0.value == 5_000_000 } && report.response.samples == 900)
        #expect(report.hops?.hops.map(\.place) == [.sent, .seen])
        #expect(report.hops?.hops.map(\.p50) == [0, 5_000_000] && report.hops?.slowestCount == 9)
        #expect(report.raster == nil && report.harness == nil)
    }

    @Test("a percentile that lands on an item without an answer has no value")
    func unanswered() throws {
        let items = (0..<100).map { item($0, planned: Double($0) * 10, seen: $0 < 90 ? Double($0) * 10 + 1 : nil, $0 < 90 ? .good : .unanswered) }
        let report = try #require(summary(items).loads.first)
        #expect(report.response.points.first { $0.thousandths == 90_000 }?.value == 1_000_000)
        #expect(report.response.points.first { $0.thousandths == 95_000 }?.value == .some(nil))
        #expect(report.counts.unanswered == 10 && report.counts.lost == 10)
    }

    @Test("the heat map holds every item once, the unanswered in a row of their own, and at most 120 columns of 40 rows")
    func heat() throws {
        let items = (0..<1000).map { item($0, planned: Double($0) * 3, seen: $0 % 10 == 9 ? nil : Double($0) * 3 + Double($0 + 1), $0 % 10 == 9 ? .unanswered : .good) }
        let heat = try #require(summary(items).loads.first).heat
        #expect(heat.columnWidth == 25_000_000 && heat.counts.count == 120)
        #expect(heat.bounds.count == 40 && heat.bounds.last == 999_000_000 && zip(heat.bounds, heat.bounds.dropFirst()).allSatisfy { $0 < $1 })
        #expect(heat.counts.allSatisfy { $0.count == 41 })
        #expect(heat.counts.flatMap { $0 }.reduce(0, +) == 1000 && heat.planned.reduce(0, +) == 1000)
        #expect(heat.counts.reduce(0) { $0 + ($1.last ?? 0) } == 100)
        // 25 ms of a plan of one in 3 ms: 9 in the first column, from 0 to 24 ms.
        #expect(heat.planned[0] == 9)
    }

    @Test("hops of the median item and of the slowest 1 % add up to the whole")
    func hops() throws {
        let items = (0..<200).map { index -> LoadItem in
            var item = item(index, planned: Double(index), sent: Double(index) + 1, seen: Double(index) + 10 + Double(index))
            item[.handled] = at(Double(index) + 3)
            item[.committed] = at(Double(index) + 8 + Double(index))
            return item
        }
        let report = try #require(summary(items).loads.first?.hops)
        #expect(report.hops.map(\.place) == [.sent, .handled, .committed, .seen])
        // Rank 100 of 200 is item 99: 109 ms = 1 + 2 + 104 + 2.
        #expect(report.hops.map(\.median) == [1_000_000, 2_000_000, 104_000_000, 2_000_000])
        // Items 198 and 199: the commit took 203 and 204 ms.
        #expect(report.slowestCount == 2 && report.hops.map(\.slowest) == [1e6, 2e6, 203.5e6, 2e6])
    }

    @Test("the raster has a row for each member, the worst of a cell is seen")
    func raster() throws {
        let role = Role(name: "cloud", kind: "badge", count: 4, location: place(3))
        var items = (0..<8).map { item($0, planned: Double($0 / 4) * 1500, seen: Double($0 / 4) * 1500 + 5, member: $0 % 4 + 1) }
        items[1] = item(1, planned: 0, seen: 1200, member: 2)
        items[2] = item(2, planned: 0, .unanswered, member: 3)
        items[3] = item(3, planned: 0, seen: 5, .refused, member: 4)
        let raster = try #require(summary(items, roles: [role]).loads.first?.raster)
        #expect(raster.membersPerRow == 1 && raster.rows.count == 4)
        #expect(raster.rows.map { $0[0] } == [.good, .late, .lost, .refused])
        #expect(raster.rows.map { $0[60] } == [.good, .good, .good, .good])
        #expect(raster.rows[0][30] == .nothing)
    }

    @Test("1,200 members share 400 rows")
    func largeFleet() throws {
        let role = Role(name: "cloud", kind: "badge", count: 1200, location: place(3))
        let raster = try #require(summary([item(0, planned: 0, seen: 1, member: 1200)], roles: [role]).loads.first?.raster)
        #expect(raster.membersPerRow == 3 && raster.rows.count == 400 && raster.rows[399][0] == .good)
    }

    @Test("parts by label, measurements for the history, faults with their times")
    func rest() throws {
        let items = (0..<10).map { index in
            item(index, planned: Double(index), seen: Double(index) + 4, index == 9 ? .refused : .good, labels: [.init(name: "route", value: index < 4 ? "/a" : "/b")])
        }
        let summary = summary(items)
        let report = try #require(summary.loads.first)
        #expect(report.parts.map(\.label) == [.init(name: "route", value: "/a"), .init(name: "route", value: "/b")])
        #expect(report.parts.map(\.samples) == [4, 6] && report.parts.map(\.refused) == [0, 1] && report.parts[0].p99 == 4_000_000)
        #expect(summary.measurements.map(\.name) == [
            "x.latency.p50", "x.latency.p90", "x.latency.p95", "x.latency.p99", "x.latency.p999", "x.achieved", "x.errors", "x.throughput", "x.count",
        ])
        #expect(summary.measurements.map(\.value) == [4e6, 4e6, 4e6, 4e6, 4e6, 1, 0.1, 10.0 / 3, 9])
    }

    @Test("limits over the log as the runner writes it; times of a model are said to be so")
    func limits() throws {
        let p95 = limit(claim(.percentile(thousandths: 95_000), "x", .less, time(200)))
        let result = try #require(summary(steady(1000, every: 3, response: 5), limits: [p95]).limits.first)
        #expect(result.verdict == .pass && result.reason == "times are modelled" && result.samples == 1000)
    }

    @Test("faults with their ends, by their id where they have one")
    func faults() {
        var log = LogBuilder()
        log.phase("steps")
        log.note("fault.started", ["fault": "cloud.database.slow", "id": "slow"], at: 100)
        log.note("fault.started", ["fault": "broker.stop"], at: 200)
        log.note("fault.ended", ["fault": "cloud.database.slow", "id": "slow"], at: 300)
        let summary = judge(plan: plan(), events: log.finish(at: 400), run: "r")
        #expect(summary.faults == [
            FaultSpan(name: "cloud.database.slow", start: at(100), end: at(300)), FaultSpan(name: "broker.stop", start: at(200), end: nil),
        ])
    }

    @Test("a load that was stopped is measured to where it was stopped; the second of a loop has a name of its own")
    func stopped() {
        var log = LogBuilder()
        log.phase("steps")
        log.load("x", steady(10, every: 10, response: 1), to: 100)
        log.load("x", steady(10, every: 10, response: 1, from: 200), from: 200, to: 5000, finish: false)
        let summary = judge(plan: plan(), events: log.finish(at: 6000), run: "r")
        #expect(summary.loads.map(\.id) == ["x", "x (2)"])
        #expect(summary.loads.map(\.span) == [at(0)..<at(100), at(200)..<at(5000)])
    }

    @Test("Ctrl-C keeps what was measured and says that it is a part: what was under way is no loss, what was not counted yet is no failure")
    func partial() throws {
        var log = LogBuilder()
        log.phase("steps")
        log.begin("steps.1", line: 12, "load cloud.request")
        let items = steady(10, every: 10, response: 1) + [item(10, planned: 100, .unanswered)]
        log.load("x", items, to: 4000, finish: false)
        log.note("load.ended", ["load": "x", "sent": 11, "answered": 10], at: 4000)
        var limits = [limit(claim(.lost, "x", .equal, plain(0))), limit(claim(.count, "x", .equal, plain(100))), limit(claim(.max, "x", .less, time(200)))]
        limits[1].id = "C"
        let plan = plan(steps: [loadStep("x")], limits: limits)
        // The same log with its end at 120 ms: the step was interrupted there.
        var stopped = LogBuilder()
        stopped.phase("steps")
        stopped.begin("steps.1", line: 12, "load cloud.request")
        stopped.note("load.started", [
            "load": "x", "step": "steps.1", "target": "cloud.request", "planned": 100, "start_ns": 0, "end_ns": 4_000_000_000, "measured_from_ns": 0,
            "timeout_ns": 1_000_000_000, "modelled": false,
        ])
        stopped.note("load.rows", LoadRows.fields(load: "x", items: items), at: 120)
        stopped.note("load.ended", ["load": "x", "sent": 11, "answered": 10])
        stopped.end("steps.1", "interrupted")
        let part = judge(plan: plan, events: stopped.finish("interrupted"), run: "r")
        #expect(part.limits.map(\.verdict) == [.pass, .unproven, .pass] && part.verdict == .blocked)
        #expect(part.limits[2].reason == "partial: measured for 120 ms of 4 s" && part.limits[2].samples == 10)
        #expect(part.loads[0].text.hasSuffix(", partial: measured for 120 ms of 4 s"))
        log.end("steps.1", "passed")
        let whole = judge(plan: plan, events: log.finish(), run: "r")
        #expect(whole.limits.map(\.verdict) == [.fail, .fail, .fail])
    }

    @Test("a load whose last answer comes before its plan's end is measured for all of its plan, a probe to the end of the steps")
    func ends() {
        var log = LogBuilder()
        log.phase("steps")
        log.begin("steps.1", line: 12, "load cloud.request")
        log.load("x", steady(100, every: 10, response: 1), to: 1000, finish: false)
        log.note("load.ended", ["load": "x", "sent": 100, "answered": 100], at: 1000)
        log.end("steps.1", "passed")
        var events = log.finish()
        // All of it a little earlier than the plan's end.
        events = events.map { event in
            var event = event
            if event.at > at(991) { event.at = at(991) }
            return event
        }
        let every = limit(claim(.max, "x", .less, time(100)), window: .init(length: .milliseconds(100)))
        let summary = judge(plan: plan(steps: [loadStep("x")], limits: [every]), events: events, run: "r")
        #expect(summary.limits[0].reason == "held in 10 of 10 windows of 100 ms" && summary.loads[0].span == at(0)..<at(1000))
        let probe = Metric(name: "x", location: place(5), source: .probe(Step.Load(
            target: NodeReference(role: "cloud", name: "request"), arguments: .record([]), rates: [10], duration: .constant(.duration(1)), id: "x")))
        #expect(judge(plan: plan(metrics: [probe]), events: events, run: "r").loads[0].span == at(0)..<at(991))
        #expect(judge(plan: plan(metrics: [probe]), events: events, run: "r").loads[0].text == "probe cloud.request, 10/s")
    }
}
