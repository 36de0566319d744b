import LabCore
import Statistics
import Testing

@testable import Verdicts

func histogramText(_ times: [Int64]) -> String {
    var histogram = LatencyHistogram()
    for time in times { histogram.record(time) }
    return histogram.text
}

@Suite("Gauges (sla.md §2.3 CONN-1K, CONN-RECOVER)")
struct GaugeTests {
    /// One reading a second; -1 for one without an answer.
    private func store(_ values: [Double], faults: [Double] = []) -> EvidenceStore {
        var store = EvidenceStore(span: at(0)..<at(Double(values.count) * 1000))
        store.gauges["devices"] = values.enumerated().map { Sample(value: max(0, $1), at: at(Double($0) * 1000), isTime: false, isAnswered: $1 >= 0) }
        store.faults = faults.map { FaultSpan(name: "broker.restart", start: at($0), end: nil) }
        return store
    }

    @Test("online is the smallest reading, in every window of its own")
    func online() {
        let store = store([1000, 1000, 999, 1000])
        let all = limit(claim(.online, "devices", .greaterOrEqual, plain(1000)))
        #expect(ObjectiveJudge(store).judge(all).figure == "999 online")
        #expect(ObjectiveJudge(store).judge(all).verdict == .fail)
        let every = limit(claim(.online, "devices", .greaterOrEqual, plain(1000)), window: .init(length: .seconds(1)))
        let result = ObjectiveJudge(store).judge(every)
        #expect(result.verdict == .fail && result.figure == "from +2 s: 999 online")
        #expect(ObjectiveJudge(store).judge(limit(claim(.online, "devices", .greaterOrEqual, plain(1000)), window: .init(length: .seconds(1), share: 0.75))).verdict == .pass)
        #expect(ObjectiveJudge(store).judge(limit(claim(.max, "devices", .lessOrEqual, plain(1000)))).verdict == .pass)
    }

    @Test("who asks and is not told sees nobody: such a reading is 0")
    func silent() {
        let result = ObjectiveJudge(store([10, 10, -1, -1, 10])).judge(limit(claim(.online, "devices", .greaterOrEqual, plain(10))))
        #expect(result.verdict == .fail && result.figure == "0 online")
        #expect(result.reason == "2 of 5 readings had no answer, which counts as 0")
        #expect(ObjectiveJudge(store([10, 10, 10])).judge(limit(claim(.online, "devices", .greaterOrEqual, plain(10)))).verdict == .pass)
    }

    @Test("a cloud that does not answer is not recovered; what stood at 0 before cannot show that it came back")
    func silentRecovery() {
        #expect(recovery([10, -1, -1, -1, 10], faults: [500], within: 5).value == 3.5e9)
        #expect(recovery([10, -1, -1, -1, 10], faults: [500], within: 3).verdict == .fail)
        let nobody = recovery([0, 0, 0, 0], faults: [500])
        #expect(nobody.verdict == .unproven && nobody.reason == "the gauge stood at 0 before a fault, so nothing shows that it came back")
    }

    private func recovery(_ values: [Double], faults: [Double], share: Double = 0.999, within seconds: Double = 30) -> LimitResult {
        ObjectiveJudge(store(values, faults: faults)).judge(limit(claim(.recovery(share: share), "devices", .lessOrEqual, time(seconds * 1000))))
    }

    @Test("recovery counts from the fault's beginning to the gauge back at its share of the level before")
    func recovery() {
        let result = recovery([1000, 1000, 0, 400, 998, 999, 1000], faults: [1500])
        #expect(result.verdict == .pass)
        // 999 is 99.9 % of 1000, at 5 s.
        #expect(result.figure == "recovery 3.5 s" && result.value == 3.5e9)
        #expect(recovery([1000, 1000, 0, 400, 998, 999, 1000], faults: [1500], within: 3).verdict == .fail)
    }

    @Test("what comes back for a moment is not back; of several faults the slowest counts; a fault that nobody feels takes no time")
    func several() {
        #expect(recovery([1000, 0, 1000, 0, 1000], faults: [500]).value == 3.5e9)
        #expect(recovery([1000, 0, 1000, 1000, 0, 0, 1000], faults: [500, 3500]).value == 2.5e9)
        #expect(recovery([1000, 1000, 1000], faults: [500]).value == 0)
    }

    @Test("not back at the end fails where it was watched long enough, and proves nothing where not")
    func notBack() {
        let never = recovery([1000] + Array(repeating: 10, count: 40), faults: [500])
        #expect(never.verdict == .fail && never.figure == "recovery > 39.5 s")
        #expect(recovery([1000, 10, 10], faults: [500]).verdict == .unproven)
        #expect(recovery([1000, 1000], faults: []).reason == "no fault began, so there is nothing to recover from")
    }
}

@Suite("Budgets (sla.md §2.3 AVAIL-9999, §3.11)")
struct BudgetTests {
    private func judge(_ signs: String, events: [String: [RunInstant]], share: Double = 0.6) -> LimitResult {
        var store = store("probe", probes(signs), to: Double(signs.count) * 100)
        store.events = events
        var limit = limit(claim(.longestOutage, "probe", .lessOrEqual, time(60_000)))
        limit.budget = Limit.Budget(
            period: .seconds(2_592_000), allow: .milliseconds(259_200), charges: [.init(event: "restart-broker", times: 8), .init(event: "deploy", times: 4)],
            share: share)
        return ObjectiveJudge(store).judge(limit)
    }

    @Test("measured outage of one event times how often it comes: 8 × 9 s and 4 × 15 s are 132 s, 50.93 % of 259.2 s")
    func charges() {
        let signs = String(repeating: "+", count: 100) + String(repeating: "-", count: 90) + String(repeating: "+", count: 100)
            + String(repeating: "-", count: 150) + "++"
        let result = judge(signs, events: ["restart-broker": [at(10_000)], "deploy": [at(29_000)]])
        #expect(result.verdict == .pass)
        #expect(result.charges == [
            .init(event: "restart-broker", outage: .seconds(9), total: .seconds(72)), .init(event: "deploy", outage: .seconds(15), total: .seconds(60)),
        ])
        #expect(result.figure == "longest outage 15 s, budget 50.93 % of 259.2 s in 30 d")
        let strict = judge(signs, events: ["restart-broker": [at(10_000)], "deploy": [at(29_000)]], share: 0.5)
        #expect(strict.verdict == .fail && strict.reason == "the budget gives 50 %")
    }

    @Test("an event that did not happen leaves the budget unproven")
    func silent() {
        let result = judge("+++---+++", events: ["deploy": [at(250)]])
        #expect(result.verdict == .unproven)
        #expect(result.reason == "restart-broker did not happen in this run, so nothing is known about its outage")
    }
}

@Suite("The lab judges itself first (sla.md §1.3)")
struct VoidTests {
    private func judge(_ harness: HarnessReport, _ limit: Limit) -> LimitResult {
        var store = store("x", steady(1000, every: 1, response: 5), to: 1000)
        store.loads["x"]?[0].harness = harness
        return ObjectiveJudge(store).judge(limit)
    }

    private func harness(lag: Int64 = 100_000, loader: Double = 0.2, foreign: Double = 0.02, kept: Double = 1) -> HarnessReport {
        HarnessReport(
            sendLagMedian: 10_000, sendLagP99: lag, sendLagWorst: lag, wakeP99: 50_000, loaderCPU: loader, foreignCPU: foreign, planKept: kept, clockSteps: 0)
    }

    private let p99 = limit(claim(.percentile(thousandths: 99_000), "x", .less, time(200)))

    @Test("a lab that kept its plan says nothing")
    func kept() {
        #expect(judge(harness(), p99).verdict == .pass)
        #expect(!judge(harness(lag: 10_000_000), p99).isVoid)
    }

    @Test("send lag over 5 % of the threshold, a plan that was not kept, a busy generator or neighbour: void, whatever the figure")
    func void() {
        let late = judge(harness(lag: 10_000_001), p99)
        #expect(late.isVoid && late.verdict == .blocked)
        #expect(late.reason == "void, because the lab itself is in the way: send lag p99 10 ms is over 10 ms, 5 % of 200.0ms")
        #expect(late.value == 5e6)
        #expect(judge(harness(kept: 0.998), p99).reason?.hasSuffix("0.2 % of the plan were not sent, over 0.1 %") == true)
        #expect(judge(harness(loader: 0.9), p99).isVoid)
        #expect(judge(harness(foreign: 0.5), p99).reason?.hasSuffix("neighbours took 50 % of the machine, over 10 %") == true)
        var starved = harness()
        starved.refusedDescriptors = 1
        #expect(judge(starved, p99).reason?.hasSuffix("the system gave the lab no more descriptors for connections; raise `ulimit -n`") == true)
        #expect(HarnessReport(starved.asFields) == starved)
        #expect(judge(harness(foreign: 0.5), limit(claim(.max, "x", .less, time(1)))).verdict == .blocked)
    }

    @Test("the limit's own harness is what counts; a count needs no send lag")
    func own() {
        var own = p99
        own.harness = Limit.Harness(sendLagShare: nil, sendLag: 20_000_000, planShortfall: 0.01, loaderCPU: 1, foreignCPU: 0.6)
        #expect(!judge(harness(lag: 15_000_000, loader: 0.95, foreign: 0.5, kept: 0.995), own).isVoid)
        #expect(judge(harness(lag: 25_000_000), own).isVoid)
        #expect(!judge(harness(lag: 500_000_000), limit(claim(.lost, "x", .equal, plain(0)))).isVoid)
    }
}
