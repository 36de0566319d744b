import LabCore
import Testing

@testable import Verdicts

private let minute = RunInstant.start..<RunInstant(nanoseconds: 60_000_000_000)

/// Samples of `x` in milliseconds, spread evenly over a minute.
private func judge(_ limit: Limit, _ values: [Double], labels: (Int) -> Fields = { _ in [:] }) -> LimitResult {
    let samples = values.enumerated().map { index, value in
        Sample(
            value: value * 1e6, at: RunInstant(nanoseconds: Int64(index) * 60_000_000_000 / Int64(max(1, values.count))), isTime: true,
            labels: labels(index))
    }
    return ObjectiveJudge(samples: values.isEmpty ? [:] : ["x.latency": samples], span: minute).judge(limit)
}

@Suite("Limits over the samples of a run (sla.md §2)")
struct LimitTests {
    @Test("a bare measurement is its worst sample in the sense of the comparison")
    func worst() {
        let upper = judge(limit(claim(.worst, "x.latency", .lessOrEqual, time(2000))), [100, 2000, 50])
        #expect(upper.verdict == .pass)
        #expect(upper.figure == "2 s")
        #expect(upper.samples == 3)
        #expect(judge(limit(claim(.worst, "x.latency", .less, time(2000))), [100, 2000, 50]).verdict == .fail)
        let lower = judge(limit(claim(.worst, "x.latency", .greaterOrEqual, time(100))), [100, 2000, 50])
        #expect(lower.verdict == .fail)
        #expect(lower.figure == "50 ms")
        #expect(judge(limit(claim(.worst, "x.latency", .equal, time(100))), [100, 100]).verdict == .pass)
        #expect(judge(limit(claim(.worst, "x.latency", .equal, time(100))), [100, 101]).verdict == .fail)
    }

    @Test("what misses its limit by less than the lab was late is unproven; by more it has failed", arguments: [(2_150, Verdict.unproven), (2_250, .fail), (2_000, .pass)])
    func lateness(value: Int, verdict: Verdict) {
        var store = EvidenceStore(
            samples: ["x.latency": [Sample(value: Double(value) * 1e6, at: .start, isTime: true, labels: [:])]], span: minute)
        store.lateness = 200e6
        let result = ObjectiveJudge(store).judge(limit(claim(.worst, "x.latency", .lessOrEqual, time(2000))))
        #expect(result.verdict == verdict)
        #expect(result.reason == (verdict == .unproven ? "the lab's own timers were up to 200 ms of the run's time late, and it misses by less" : nil))
        // What took long enough did so whoever was late.
        #expect(ObjectiveJudge(store).judge(limit(claim(.worst, "x.latency", .greaterOrEqual, time(2300)))).verdict == .fail)
    }

    @Test("no sample at all is unproven, not a pass")
    func noSamples() {
        let result = judge(limit(claim(.worst, "x.latency", .lessOrEqual, time(2000))), [])
        #expect(result.verdict == .unproven)
        #expect(result.figure == "no samples")
    }

    @Test("a pass that misses the marginal requirement is marginal")
    func marginal() {
        let stricter = Requirement(source: "x <= 1s", claims: [claim(.worst, "x.latency", .lessOrEqual, time(1000))])
        let limit = limit(claim(.worst, "x.latency", .lessOrEqual, time(2000)), marginal: stricter)
        #expect(judge(limit, [1500]).isMarginal)
        #expect(!judge(limit, [900]).isMarginal)
        #expect(!judge(limit, [2500]).isMarginal)
    }

    @Test("max, mean and count compare plainly")
    func plainStatistics() {
        #expect(judge(limit(claim(.max, "x", .less, time(31))), [10, 20, 30]).figure == "max 30 ms")
        #expect(judge(limit(claim(.mean, "x", .lessOrEqual, time(20))), [10, 20, 30]).verdict == .pass)
        #expect(judge(limit(claim(.count, "x", .equal, plain(3))), [10, 20, 30]).verdict == .pass)
        #expect(judge(limit(claim(.count, "x", .equal, plain(0))), []).verdict == .pass)
        let rate = Requirement.Quantity(dimension: .rate, value: 0.05, source: "0.05/s")
        #expect(judge(limit(claim(.rate, "x", .greaterOrEqual, rate)), [10, 20, 30]).verdict == .pass)
        #expect(judge(limit(claim(.minRate, "x", .greaterOrEqual, rate)), [10, 20, 30]).verdict == .fail)
    }

    @Test("a percentile is believed from ⌈10/(1-p)⌉ samples, and says how many are missing")
    func automaticMinimum() {
        let p95 = limit(claim(.percentile(thousandths: 95_000), "x", .less, time(200)))
        let few = judge(p95, Array(repeating: 10, count: 199))
        #expect(few.verdict == .unproven)
        #expect(few.reason == "199 of 200 samples, 1 more needed")
        #expect(judge(p95, Array(repeating: 10, count: 200)).verdict == .pass)
    }

    @Test("p99 < L is the question whether 99 % are below L: pass, unproven, fail", arguments: [
        (10_000, 10_000, Verdict.pass), (9_890, 10_000, .unproven), (9_700, 10_000, .fail),
    ])
    func percentile(good: Int, count: Int, expected: Verdict) {
        let values = Array(repeating: 10.0, count: good) + Array(repeating: 900.0, count: count - good)
        #expect(judge(limit(claim(.percentile(thousandths: 99_000), "x", .less, time(200))), values).verdict == expected)
        let byShare = limit(claim(.shareBelow(time(200)), "x", .greaterOrEqual, share(0.99)))
        #expect(judge(byShare, values).verdict == expected)
    }

    @Test("a percentile shows its interval")
    func interval() {
        let values = (1...1000).map(Double.init)
        let result = judge(limit(claim(.percentile(thousandths: 99_000), "x", .less, time(5000))), values)
        #expect(result.figure == "p99 990 ms [983 ms, 997 ms]")
    }

    @Test("p50(x) > L turns the question round")
    func lowerPercentile() {
        let values = Array(repeating: 10.0, count: 100) + Array(repeating: 900.0, count: 300)
        #expect(judge(limit(claim(.percentile(thousandths: 50_000), "x", .greater, time(100))), values).verdict == .pass)
        #expect(judge(limit(claim(.percentile(thousandths: 10_000), "x", .greater, time(100))), values).verdict == .fail)
    }

    @Test("`and`: the severest claim decides, every figure is shown")
    func conjunction() {
        let both = limit(claim(.max, "x", .less, time(100)), claim(.count, "x", .equal, plain(2)))
        #expect(judge(both, [10, 20]).figure == "max 20 ms, count 2")
        #expect(judge(both, [10, 20]).verdict == .pass)
        #expect(judge(both, [10, 200]).verdict == .fail)
        #expect(judge(both, [10, 20, 30]).verdict == .fail)
    }

    @Test("figures of several measurements say whose they are, where that changes; one claim alone needs no name")
    func names() {
        func sample(_ value: Double) -> Sample { Sample(value: value * 1e6, at: .start, isTime: true) }
        let judge = ObjectiveJudge(samples: ["x.latency": [sample(10), sample(20)], "y.latency": [sample(5)]], span: minute)
        func figure(_ limit: Limit) -> String { judge.judge(limit).figure }
        let (largest, mean) = (claim(.max, "x", .less, time(100)), claim(.mean, "x", .less, time(100)))
        let other = claim(.max, "y", .less, time(100))
        #expect(figure(limit(largest)) == "max 20 ms")
        #expect(figure(limit(largest, mean)) == "max 20 ms, mean 15 ms")
        #expect(figure(limit(largest, mean, other)) == "x: max 20 ms, mean 15 ms, y: max 5 ms")
        #expect(figure(limit(claim(.count, "x", .equal, plain(2)), claim(.worst, "y", .less, time(9)))) == "x: count 2, y: 5 ms")
        #expect(figure(limit(claim(.worst, "x", .less, time(99)), claim(.mean, "x", .less, time(99)))) == "worst 20 ms, mean 15 ms")
        #expect(figure(limit(largest, claim(.max, "z", .less, time(1)))) == "x: max 20 ms, z: no samples")
    }

    @Test("claims of one measurement with other labels have those in their names")
    func namesOfLabels() {
        let samples = ["/a", "/b"].enumerated().map { Sample(value: Double($0.offset + 1) * 1e6, at: .start, isTime: true, labels: ["route": .text($0.element)]) }
        func largest(_ route: String) -> Requirement.Claim { claim(.max, "x", .less, time(9), labels: [Requirement.Label(name: "route", value: route)]) }
        let result = ObjectiveJudge(samples: ["x.latency": samples], span: minute).judge(limit(largest("/a"), largest("/b")))
        #expect(result.figure == "x where route=/a: max 1 ms, x where route=/b: max 2 ms")
    }

    @Test("`for each label` judges every value alone and names the worst")
    func labels() {
        let each = limit(claim(.max, "x", .less, time(100)), label: "route")
        let result = judge(each, [10, 300, 20, 40]) { ["route": $0 % 2 == 0 ? "/a" : "/b"] }
        #expect(result.verdict == .fail)
        #expect(result.figure == "route=/b: max 300 ms")
        #expect(result.samples == 4)
        let one = limit(claim(.max, "x", .less, time(100), labels: [Requirement.Label(name: "route", value: "/a")]))
        #expect(judge(one, [10, 300, 20, 40]) { ["route": $0 % 2 == 0 ? "/a" : "/b"] }.verdict == .pass)
    }

    @Test("a limit in seconds on a bare number is unproven, not compared")
    func units() {
        let judge = ObjectiveJudge(samples: ["ports": [Sample(value: 2, at: .start, isTime: false)]], span: minute)
        let wrong = judge.judge(limit(claim(.worst, "ports", .lessOrEqual, time(2))))
        #expect(wrong.verdict == .unproven)
        #expect(wrong.reason == "'2.0ms' and the measurement have different units")
        #expect(judge.judge(limit(claim(.worst, "ports", .lessOrEqual, plain(2)))).verdict == .pass)
    }

    @Test("statistics over a load are unproven without one", arguments: [
        Requirement.Statistic.lost, .duplicates, .outOfOrder, .availability, .outages, .longestOutage, .recovery(share: 1), .inFlight, .online, .ratio,
        .burn(long: .seconds(3600), short: .seconds(300)),
    ])
    func needsLoad(statistic: Requirement.Statistic) {
        let result = judge(limit(claim(statistic, "x", .equal, plain(0))), [10])
        #expect(result.verdict == .unproven)
        #expect(result.reason?.hasSuffix("is counted over the items of a load step, and this run has none") == true)
    }
}

@Suite("Windows (sla.md §2.4 rule 3)")
struct WindowTests {
    @Test("windows are half-open and a last partial one is dropped")
    func halfOpen() {
        let span = RunInstant(nanoseconds: 5)..<RunInstant(nanoseconds: 30)
        let windows = TimeWindows(span: span, length: .nanoseconds(10))
        #expect(windows.count == 2)
        #expect(windows.dropsPartial)
        #expect([4, 5, 14, 15, 24, 25, 30].map { windows.index(of: RunInstant(nanoseconds: $0)) } == [nil, 0, 0, 1, 1, nil, nil])
        #expect(windows[1] == RunInstant(nanoseconds: 15)..<RunInstant(nanoseconds: 25))
    }

    @Test("`in every 10s` holds only if it holds in each, and names the window that breaks it")
    func every() {
        let limit = limit(claim(.max, "x", .less, time(100)), window: Requirement.Window(length: .seconds(10)))
        let fine = judge(limit, Array(repeating: 10, count: 60))
        #expect(fine.verdict == .pass)
        #expect(fine.reason == "held in 6 of 6 windows of 10 s")
        var values = Array(repeating: 10.0, count: 60)
        values[25] = 500
        let broken = judge(limit, values)
        #expect(broken.verdict == .fail)
        #expect(broken.figure == "from +20 s: max 500 ms")
    }

    @Test("`in 80 % of every 10s` forgives one window of six, not two")
    func share() {
        let limit = limit(claim(.max, "x", .less, time(100)), window: Requirement.Window(length: .seconds(10), share: 0.8))
        var values = Array(repeating: 10.0, count: 60)
        values[25] = 500
        #expect(judge(limit, values).verdict == .pass)
        values[35] = 500
        #expect(judge(limit, values).verdict == .fail)
    }

    @Test("`in 7 % of every 600ms`: of 100 windows 7 must hold, not the 8 that doubles would ask for", arguments: [(7, Verdict.pass), (6, .fail)])
    func exactShare(good: Int, expected: Verdict) {
        let limit = limit(claim(.max, "x", .less, time(100)), window: Requirement.Window(length: .milliseconds(600), share: 0.07))
        let values = (0..<100).map { $0 < good ? 10.0 : 500.0 }
        #expect(judge(limit, values).verdict == expected)
    }

    @Test("a window without a sample leaves the limit unproven")
    func emptyWindow() {
        let limit = limit(claim(.max, "x", .less, time(100)), window: Requirement.Window(length: .seconds(10)))
        #expect(judge(limit, [10, 10]).verdict == .unproven)
    }

    @Test("a run shorter than one window is unproven")
    func tooShort() {
        let limit = limit(claim(.max, "x", .less, time(100)), window: Requirement.Window(length: .seconds(90)))
        #expect(judge(limit, [10, 10]).reason == "measured for 60 s, no whole window of 90 s")
    }
}
