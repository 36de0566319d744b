import LabCore
import Testing

@testable import Verdicts

@Suite("Measurements from the log")
struct MetricTests {
    private let boot = NodeReference(role: "badge", name: "boot.started")
    private var metric: Metric { Metric(name: "back", location: place(50), from: boot, to: online, same: ["device"], splitBy: "device") }

    private func log(_ events: [(String, String, Int64)], end: Int64) -> [RunEvent] {
        var log = LogBuilder()
        log.phase("steps")
        for (name, device, at) in events {
            log.event(name == "boot.started" ? "badge" : "cloud", name, ["device": .text(device)], at: at)
        }
        return log.finish(at: end)
    }

    @Test("events are paired by the fields that they share")
    func pairs() {
        let events = log(
            [("boot.started", "A", 0), ("boot.started", "B", 100), ("mqtt.online", "B", 300), ("mqtt.online", "A", 1000), ("mqtt.online", "A", 2000)],
            end: 3000)
        let summary = judge(plan: plan(metrics: [metric]), events: events, run: "r")
        #expect(summary.measurements.map(\.value) == [200e6, 1000e6])
        #expect(summary.measurements.map(\.at.nanoseconds) == [100_000_000, 0])
        #expect(summary.measurements.map(\.labels) == [["device": "B"], ["device": "A"]])
    }

    @Test("what is unanswered at the end counts as worse than all and is shown so (sla.md §2.4 rule 5)")
    func unanswered() throws {
        let events = log([("boot.started", "A", 0), ("mqtt.online", "A", 1000), ("boot.started", "B", 4800)], end: 10_000)
        let limits = [limit(claim(.max, "back", .less, time(60_000)))]
        let summary = judge(plan: plan(metrics: [metric], limits: limits), events: events, run: "r")
        let result = try #require(summary.limits.first)
        #expect(result.verdict == .fail)
        #expect(result.figure == "max > 5.2 s")
        #expect(result.samples == 2)
        #expect(result.reason == "1 without an answer, counted as worse than all")
        #expect(summary.measurements.count == 1)
    }

    @Test("two events of one fleet belong together only for the same member")
    func fleet() {
        let metric = Metric(
            name: "boot", location: place(50), from: NodeReference(role: "badges", name: "boot.started"),
            to: NodeReference(role: "badges", name: "boot.done"))
        var log = LogBuilder()
        log.event("badges#1", "boot.started", at: 0)
        log.event("badges#2", "boot.started", at: 10)
        log.event("badges#2", "boot.done", at: 50)
        log.event("badges#1", "boot.done", at: 100)
        let summary = judge(plan: plan(metrics: [metric]), events: log.finish(), run: "r")
        #expect(summary.measurements.map(\.value) == [40e6, 100e6])
    }

    @Test("what the runner measured comes with its unit, in the order of the log")
    func measured() {
        var log = LogBuilder()
        log.note("measured", ["name": "online.latency", "value": 412_000_000, "unit": "ns"], at: 500)
        log.note("measured", ["name": "ports", "value": 2, "unit": ""])
        let summary = judge(plan: plan(), events: log.finish(), run: "r")
        #expect(summary.measurements == [
            Measurement(name: "online.latency", at: RunInstant(nanoseconds: 500_000_000), value: 412e6, isTime: true),
            Measurement(name: "ports", at: RunInstant(nanoseconds: 500_000_000), value: 2, isTime: false),
        ])
    }

    @Test("a limit without samples is skipped where the step that gives them failed, and unproven where nothing did")
    func missing() throws {
        let step = Step(location: place(41), path: "steps.1", action: .expect(Step.Expect(event: online, id: "online")))
        let limits = [limit(claim(.worst, "online.latency", .lessOrEqual, time(4000)))]
        var failed = LogBuilder()
        failed.phase("steps")
        failed.expect("steps.1", line: 41, online, from: (1, 0), within: 1000)
        failed.end("steps.1", "failed", at: 1000)
        let broken = judge(plan: plan(steps: [step], limits: limits), events: failed.finish("failed"), run: "r")
        #expect(broken.limits.map(\.verdict) == [.skipped])
        #expect(broken.limits.first?.reason == "line 41 (expect cloud.mqtt.online) did not come to its end")
        #expect(broken.findings.map(\.subject) == [.step])

        var clean = LogBuilder()
        clean.phase("steps")
        let empty = judge(plan: plan(steps: [step], limits: limits), events: clean.finish(), run: "r")
        #expect(empty.limits.map(\.verdict) == [.unproven])
        #expect(empty.verdict == .unproven)
    }
}
