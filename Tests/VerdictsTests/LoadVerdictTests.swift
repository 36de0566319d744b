import LabCore
import Testing

@testable import Verdicts

@Suite("Latency counts from the plan (sla.md §3.3)")
struct CoordinatedOmissionTests {
    /// One connection, a request planned each 10 ms, 1 ms replies, a stall from 1 s to 2 s; 300 requests.
    private var items: [LoadItem] {
        var items: [LoadItem] = []
        var free = 0.0
        for index in 0..<300 {
            let planned = Double(index) * 10
            let sent = max(planned, free)
            // The server answers 1 ms after it has the request; while it stands still, at the end of that and 1 ms.
            let seen = (sent >= 1000 && sent < 2000 ? 2000 : sent) + 1
            free = seen
            items.append(item(index, planned: planned, sent: sent, seen: seen))
        }
        return items
    }

    @Test("from the plan: p90 731 ms, p99 974 ms, mean 187.9 ms, 89 of 300 over 200 ms; from the send p99 1.0 ms")
    func bothRows() {
        let record = LoadRecord(id: "x", span: at(0)..<at(3000), items: items)
        let slice = LoadSlice([record])
        let responses = slice.responses
        #expect((responses.percentile(90_000) / 1e6).rounded() == 731)
        #expect((responses.percentile(99_000) / 1e6).rounded() == 974)
        #expect((responses.mean / 1e5).rounded() == 1879)
        #expect(300 - responses.count(below: 200e6, orEqual: true) == 89)
        let services = slice.services
        #expect(services.percentile(99_000) == 1e6)
        #expect(300 - services.count(below: 200e6, orEqual: true) == 1)
    }

    @Test("the verdict is that of the plan")
    func verdict() {
        let judge = ObjectiveJudge(store("x", items, to: 3000))
        #expect(judge.judge(limit(claim(.percentile(thousandths: 90_000), "x", .less, time(200)))).verdict == .fail)
        #expect(judge.judge(limit(claim(.max, "x", .less, time(2000)))).verdict == .pass)
    }
}

@Suite("Is p99 < L proven? (sla.md §3.5, §3.6)")
struct ProofTests {
    private func verdict(_ good: Int, of count: Int, _ thousandths: Int) -> LimitResult {
        let items = (0..<count).map { item($0, planned: Double($0), seen: Double($0) + ($0 < good ? 10 : 900)) }
        return ObjectiveJudge(store("x", items, to: Double(count))).judge(
            limit(claim(.percentile(thousandths: thousandths), "x", .lessOrEqual, time(200)), minimumSamples: 1))
    }

    @Test("10,000 of 10,000 at 99.9 % pass, 3,000 of 3,000 are unproven, 3,700 of 3,700 pass, 9,990 of 10,000 unproven, 9,700 of 10,000 at 99 % fail", arguments: [
        (10_000, 10_000, 99_900, Verdict.pass), (3_000, 3_000, 99_900, .unproven), (3_700, 3_700, 99_900, .pass), (9_990, 10_000, 99_900, .unproven),
        (9_700, 10_000, 99_000, .fail),
    ])
    func verdicts(_ good: Int, _ count: Int, _ thousandths: Int, _ expected: Verdict) {
        #expect(verdict(good, of: count, thousandths).verdict == expected)
    }

    @Test("unproven says how many samples are missing: 3,688 prove 99.9 % where all are good")
    func missing() {
        let result = verdict(3_000, of: 3_000, 99_900)
        #expect(result.missingSamples == 688)
        #expect(result.value == 10e6 && result.upper == nil && result.threshold == time(200))
        #expect(verdict(3_700, of: 3_700, 99_900).missingSamples == nil)
    }

    @Test("the interval of a percentile is that of the ranks: n = 1000, p99: 983..997")
    func interval() {
        let items = (0..<1000).map { item($0, planned: Double($0), seen: Double($0) + Double($0 + 1)) }
        let result = ObjectiveJudge(store("x", items, to: 1000)).judge(limit(claim(.percentile(thousandths: 99_000), "x", .less, time(5000))))
        #expect(result.value == 990e6 && result.lower == 983e6 && result.upper == 997e6)
        #expect(result.figure == "p99 990 ms [983 ms, 997 ms]")
    }

    @Test("strict asks for 368 samples of p99, in 12 windows for 615 in each")
    func strict() {
        var strict = limit(claim(.percentile(thousandths: 99_000), "x", .less, time(200)))
        strict.minimumSamples = .strict
        #expect(ObjectiveJudge(store("x", steady(367, every: 1, response: 5), to: 367)).judge(strict).missingSamples == 1)
        #expect(ObjectiveJudge(store("x", steady(368, every: 1, response: 5), to: 368)).judge(strict).verdict == .pass)
        strict.requirement.window = .init(length: .seconds(1))
        #expect(ObjectiveJudge(store("x", steady(12 * 615, every: 1000.0 / 615, response: 5), to: 12_000)).judge(strict).verdict == .pass)
        let few = ObjectiveJudge(store("x", steady(12 * 614, every: 1000.0 / 614, response: 5), to: 12_000)).judge(strict)
        #expect(few.verdict == .unproven && few.missingSamples == 1)
    }
}

@Suite("What counts in a load (sla.md §2.4)")
struct LoadCountTests {
    private let mixed: [LoadItem] = [
        item(0, planned: 0, seen: 10), item(1, planned: 100, seen: 130), item(2, planned: 200, seen: 205, .refused, labels: [.init(name: "reason", value: "full")]),
        item(3, planned: 300, .unanswered), item(4, planned: 400, .unsent), item(5, planned: 500, seen: 520, arrived: false),
        item(1, planned: 100, .duplicate),
    ]

    private func figure(_ statistic: Requirement.Statistic, _ labels: [Requirement.Label] = []) -> Double? {
        let threshold: Requirement.Quantity = plain(0)
        let judge = ObjectiveJudge(store("x", mixed, to: 1000))
        return judge.judge(limit(claim(statistic, "x", .greaterOrEqual, threshold, labels: labels))).value
    }

    @Test("nothing is dropped: six planned, one without an answer, one that was never sent, one acknowledged and lost, one twice")
    func counts() {
        // Sent and not at the far end: number 3 without an answer, number 5 though it was acknowledged.
        #expect(figure(.lost) == 2)
        #expect(figure(.duplicates) == 1)
        #expect(figure(.outOfOrder) == 0)
        #expect(figure(.achieved) == 5.0 / 6)
        #expect(figure(.errors) == 0.5)
        #expect(figure(.ratio) == 0.5)
        #expect(figure(.count) == 3)
        #expect(figure(.throughput) == 4)
        #expect(figure(.count, [.init(name: "reason", value: "full")]) == 1)
    }

    @Test("what has no answer is worse than all, and is shown as the time that it had")
    func unanswered() {
        let result = ObjectiveJudge(store("x", mixed, to: 1000, timeout: 5200)).judge(limit(claim(.max, "x", .less, time(60_000))))
        #expect(result.verdict == .fail)
        #expect(result.figure == "max > 5.2 s")
        #expect(result.reason == "2 without an answer, counted as worse than all")
    }

    @Test("the warm-up is left out, and that is said")
    func warmup() {
        let items = (0..<100).map { item($0, planned: Double($0) * 10, seen: Double($0) * 10 + ($0 < 50 ? 900 : 5)) }
        let result = ObjectiveJudge(store("x", items, to: 1000, warmup: 500)).judge(limit(claim(.max, "x", .less, time(200))))
        #expect(result.verdict == .pass && result.samples == 50)
        #expect(result.reason == "50 of the warm-up are left out")
    }

    @Test("loads have labels: where picks one, for each judges every one and names the worst")
    func labels() {
        let items = (0..<400).map { index in
            item(index, planned: Double(index), seen: Double(index) + (index % 2 == 0 ? 5 : 300), labels: [.init(name: "route", value: index % 2 == 0 ? "/a" : "/b")])
        }
        let judge = ObjectiveJudge(store("x", items, to: 400))
        let p95 = claim(.percentile(thousandths: 95_000), "x", .less, time(200), labels: [.init(name: "route", value: "/a")])
        #expect(judge.judge(limit(p95)).verdict == .pass)
        let each = judge.judge(limit(claim(.percentile(thousandths: 95_000), "x", .less, time(200)), label: "route"))
        #expect(each.verdict == .fail && each.figure.hasPrefix("route=/b: p95 300 ms") && each.samples == 400)
    }

    @Test("members of a fleet are a label of their own")
    func members() {
        let items = (0..<10).map { item($0, planned: Double($0), seen: Double($0) + Double($0 % 5), member: $0 % 5 + 1) }
        let judge = ObjectiveJudge(store("x", items, to: 10))
        #expect(judge.judge(limit(claim(.max, "x", .less, time(3), labels: [.init(name: "member", value: "3")]))).verdict == .pass)
        #expect(judge.judge(limit(claim(.max, "x", .less, time(3)), label: "member")).figure == "member=5: max 4 ms")
    }

    @Test("a fleet of 20,000 is judged member by member in one look at its items", .timeLimit(.minutes(10)))
    func largeFleet() {
        let items = (0..<40_000).map { item($0, planned: Double($0), seen: Double($0) + ($0 == 31_234 ? 500 : 5), member: $0 % 20_000 + 1) }
        let result = ObjectiveJudge(store("x", items, to: 40_000)).judge(limit(claim(.max, "x", .less, time(200)), label: "member"))
        #expect(result.verdict == .fail && result.figure == "member=11235: max 500 ms" && result.samples == 40_000)
    }

    @Test("errors and ratios of few items are estimates: 0 of 300 do not prove 1 %, 0 of 400 do")
    func estimates() {
        func verdict(_ count: Int) -> LimitResult {
            ObjectiveJudge(store("x", steady(count, every: 1, response: 5), to: Double(count))).judge(limit(claim(.errors, "x", .less, share(0.01))))
        }
        #expect(verdict(300).verdict == .unproven)
        #expect(verdict(300).missingSamples == 68)
        #expect(verdict(400).verdict == .pass)
        #expect(verdict(400).lower == 0)
    }
}

@Suite("Windows of a load (sla.md §2.4 rule 3)")
struct LoadWindowTests {
    private let p50 = claim(.percentile(thousandths: 50_000), "x", .less, time(100))

    @Test("windows begin with the measuring, the last partial one is dropped, each has its share of the confidence")
    func windows() {
        // 5 s of warm-up, then 25 s: two windows of 10 s.
        let items = steady(3000, every: 10, response: 5)
        let result = ObjectiveJudge(store("x", items, to: 30_000, warmup: 5000)).judge(limit(p50, window: .init(length: .seconds(10))))
        #expect(result.verdict == .pass && result.samples == 2000)
        #expect(result.reason == "held in 2 of 2 windows of 10 s, the last partial one is dropped; 500 of the warm-up are left out")
    }

    @Test("one slow window fails the limit and is named by its beginning")
    func slowWindow() {
        let items = (0..<3000).map { item($0, planned: Double($0) * 10, seen: Double($0) * 10 + (1000..<2000 ~= $0 ? 500 : 5)) }
        let result = ObjectiveJudge(store("x", items, to: 30_000)).judge(limit(p50, window: .init(length: .seconds(10))))
        #expect(result.verdict == .fail)
        #expect(result.figure.hasPrefix("from +10 s: p50 500 ms"))
        let forgiven = ObjectiveJudge(store("x", items, to: 30_000)).judge(limit(p50, window: .init(length: .seconds(10), share: 0.6)))
        #expect(forgiven.verdict == .pass)
    }

    @Test("windows without number are not looked at")
    func tooMany() {
        let nanosecond = Requirement.Window(length: .nanoseconds(1))
        let result = ObjectiveJudge(store("x", steady(10, every: 10, response: 1), to: 100)).judge(limit(p50, window: nanosecond))
        #expect(result.verdict == .unproven && result.reason == "measured for 100 ms, more than 1000000 windows of 1 ns")
        let samples = [Sample(value: 1, at: at(5), isTime: true)]
        let steps = ObjectiveJudge(samples: ["x": samples], span: at(0)..<at(100)).judge(limit(p50, window: nanosecond))
        #expect(steps.verdict == .unproven)
    }

    @Test("a load shorter than one window is unproven")
    func tooShort() {
        let result = ObjectiveJudge(store("x", steady(10, every: 10, response: 1), to: 100)).judge(limit(p50, window: .init(length: .seconds(1))))
        #expect(result.verdict == .unproven && result.reason == "measured for 100 ms, no whole window of 1 s")
    }

    @Test("a part with windows beside one without: each is judged in its own way")
    func parts() {
        var both = limit(claim(.inFlight, "x", .greaterOrEqual, plain(1)), window: .init(length: .seconds(1)))
        both.requirement.others = [Requirement(source: "", claims: [claim(.lost, "x", .equal, plain(0))])]
        let items = steady(100, every: 50, response: 60)
        #expect(ObjectiveJudge(store("x", items, to: 5000)).judge(both).verdict == .pass)
        both.requirement.others[0].claims[0].comparison = .greater
        #expect(ObjectiveJudge(store("x", items, to: 5000)).judge(both).verdict == .fail)
    }

    @Test("percentiles over merged windows of histograms are those of the merged histogram, not an average")
    func histograms() throws {
        // sla.md §3.2: the p99 of the union, in the second with the slow ones.
        var record = LoadRecord(id: "x", span: at(0)..<at(2000), items: [])
        record.windows = [window(0, (1...1000).map { Int64($0) * 1000 }), window(1000, (1...1000).map { Int64($0) * 1_000_000 })]
        var store = EvidenceStore(span: at(0)..<at(2000))
        store.loads["x"] = [record]
        let result = ObjectiveJudge(store).judge(limit(claim(.percentile(thousandths: 99_000), "x", .less, time(2000))))
        #expect(result.samples == 2000)
        // Rank 1980 of the union is 980 ms; the average of the two p99 would be 495 ms.
        let value = try #require(result.value)
        #expect(abs(value / 980e6 - 1) < 0.001)
        let second = ObjectiveJudge(store).judge(limit(claim(.percentile(thousandths: 99_000), "x", .less, time(500)), window: .init(length: .seconds(1))))
        #expect(second.verdict == .fail && second.figure.hasPrefix("from +1 s: p99 99"))
        #expect(ObjectiveJudge(store).judge(limit(claim(.inFlight, "x", .greaterOrEqual, plain(0)))).verdict == .unproven)
    }
}

@Suite("Probes (sla.md §2.4 rules 7 and 8)")
struct ProbeTests {
    private func judge(_ signs: String, _ claims: Requirement.Claim..., minimum: Int? = nil, target: Double? = nil) -> LimitResult {
        var limit = Limit(id: "L", location: place(60), requirement: Requirement(source: "", claims: claims), target: target)
        if let minimum { limit.minimumSamples = .count(minimum) }
        return ObjectiveJudge(store("probe", probes(signs), to: Double(signs.count) * 100)).judge(limit)
    }

    @Test("downtime counts from the planned time of the first failed probe to that of the next good one")
    func downtime() {
        let outages = Outages(probes("++--+-+"), in: at(0)..<at(700))
        #expect(outages.times == [at(200)..<at(400), at(500)..<at(600)])
        #expect(outages.longest == 200_000_000 && outages.downtime == 300_000_000)
    }

    @Test("an outage that is not over ends with the window; what comes before the first good probe is one, too")
    func censored() {
        #expect(Outages(probes("--++--"), in: at(0)..<at(650)).times == [at(0)..<at(200), at(400)..<at(650)])
        #expect(Outages(probes("++++"), in: at(0)..<at(400)).count == 0)
    }

    @Test("outages and the longest of them")
    func outages() {
        let result = judge("++--+-+", claim(.outages, "probe", .lessOrEqual, plain(2)), claim(.longestOutage, "probe", .lessOrEqual, time(200)))
        #expect(result.verdict == .pass && result.figure == "2 outages, longest outage 200 ms")
        #expect(judge("++--+-+", claim(.longestOutage, "probe", .less, time(200))).verdict == .fail)
    }

    @Test("availability: the time and the ratio of good probes must both hold")
    func availability() {
        let good = String(repeating: "+", count: 4000)
        let limit = claim(.availability, "probe", .greaterOrEqual, share(0.999))
        #expect(judge(good, limit).verdict == .pass)
        #expect(judge(good, limit).figure == "availability 100 %, good probes 100 %")
        // One bad of 4001: 99.975 % of the time, but its ratio's interval reaches below 99.9 %.
        #expect(judge(good + "-" + "+", limit).verdict == .unproven)
        let down = judge(good + "-----", limit)
        #expect(down.verdict == .fail && down.reason == "down for 500 ms in 1 outage")
        // 3,688 prove 99.9 %, 3,687 do not.
        #expect(judge(String(repeating: "+", count: 3688), limit).verdict == .pass)
        let few = judge(String(repeating: "+", count: 3687), limit)
        #expect(few.verdict == .unproven && few.missingSamples == 1)
        #expect(judge(String(repeating: "+", count: 3688), limit, minimum: 3689).missingSamples == 1)
    }

    @Test("burn needs both windows and at least ten bad events: one of 50 is no alarm")
    func burn() {
        let alarm = claim(.burn(long: .seconds(60), short: .seconds(5)), "probe", .less, plain(14.4))
        let one = judge(String(repeating: "+", count: 49) + "-", alarm, target: 0.999)
        #expect(one.verdict == .pass && one.value == 0)
        #expect(one.reason == "1 bad ones are fewer than the 10 from which it burns")
        // 10 of 50 in the short window are 200 times the budget of 0.1 %, 10 of 600 in the long one 16.7 times.
        let ten = judge(String(repeating: "+", count: 590) + String(repeating: "-", count: 10), alarm, target: 0.999)
        #expect(ten.verdict == .fail && abs((ten.value ?? 0) - 10.0 / 600 / 0.001) < 1e-9)
        // The same ten over the whole minute: the short window does not burn at 14.4 when the last comes... but the first ten of a slow minute do.
        let slow = judge(String(repeating: "+++++++++++++++++++++++++++++++++++++++++++++++++++++++++++-", count: 10), alarm, target: 0.98)
        #expect(slow.verdict == .pass && slow.value == 0.8333333333333334)
    }

    @Test("in flight is the smallest number at any moment, from the sending to the answer")
    func inFlight() {
        // Three that overlap: 1 from 0, 2 from 10, 3 from 20, 2 from 30, 1 from 40, 0 from 50.
        let items = [item(0, planned: 0, seen: 30), item(1, planned: 10, seen: 40), item(2, planned: 20, seen: 50)]
        let inFlight = InFlight([LoadRecord(id: "x", span: at(0)..<at(100), items: items)])
        #expect(inFlight.range(in: at(0)..<at(20)) == 1...2)
        #expect(inFlight.range(in: at(20)..<at(30)) == 3...3)
        #expect(inFlight.range(in: at(20)..<at(45)) == 1...3)
        #expect(inFlight.range(in: at(45)..<at(60)) == 0...1)
        #expect(inFlight.range(in: at(60)..<at(70)) == 0...0)
    }

    @Test("held requests: each next one is sent in the moment in which one is answered, and 10 stay 10")
    func held() {
        let items = (0..<100).map { item($0, planned: Double($0 / 10) * 100, seen: Double($0 / 10) * 100 + 100) }
        let ten = limit(claim(.inFlight, "x", .greaterOrEqual, plain(10)), window: .init(length: .milliseconds(100)))
        #expect(ObjectiveJudge(store("x", items, to: 1000)).judge(ten).verdict == .pass)
        let eleven = limit(claim(.inFlight, "x", .greaterOrEqual, plain(11)), window: .init(length: .milliseconds(100)))
        #expect(ObjectiveJudge(store("x", items, to: 1000)).judge(eleven).verdict == .fail)
        let most = limit(claim(.inFlight, "x", .lessOrEqual, plain(10)))
        #expect(ObjectiveJudge(store("x", items, to: 1000)).judge(most).verdict == .pass)
    }
}

func window(_ start: Double, _ times: [Int64]) -> LoadWindow {
    var counts = LoadReport.Counts()
    // As the runner counts: the plan of a second holds its warm-up, too.
    (counts.planned, counts.sent, counts.good) = (times.count, times.count, times.count)
    let text = histogramText(times)
    return LoadWindow(start: at(start), length: 1_000_000_000, counts: counts, response: text, service: text)
}
