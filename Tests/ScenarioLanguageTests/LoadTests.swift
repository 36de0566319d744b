import LabCore
import ScenarioLanguage
import Testing

@Suite("Loads, metrics and limits in plans (scenario-language.md semantics 4 and 7, sla.md §2)")
struct LoadTests {
    private func example(_ path: String) throws -> [Plan] {
        let result = ScenarioLoader(catalogue: TestCatalogue.catalogue, files: FolderFiles(folder: "\(testFolder)/Corpus/good")).load([path])
        #expect(result.diagnostics.map(\.description) == [])
        return try #require(result.scenarios.first).plans(world: .sim, seed: 7)
    }

    private func load(_ step: Step) throws -> Step.Load {
        guard case .load(let load) = step.action else { throw NoLoad() }
        return load
    }
    private struct NoLoad: Error {}

    @Test("example 4: a ramp of heartbeats, a rush of orders, a slow database in the middle")
    func ramp() throws {
        let plan = try #require(try example("scenarios/sla/ramp.yaml").first)
        guard case .parallel(let branches) = plan.steps[0].action else { return #expect(Bool(false), "no branches") }
        let heartbeat = try load(branches[0][0])
        #expect(heartbeat.target == NodeReference(role: "badges", name: "heartbeat"))
        #expect(heartbeat.rates == [10, 400, 400, 10])
        #expect(heartbeat.duration == .constant(.duration(240_000_000_000)))
        #expect(heartbeat.arrivals == .even && heartbeat.timeout == .seconds(10) && heartbeat.warmup == .zero && heartbeat.id == "heartbeat")
        #expect(try load(branches[1][0]).arguments == .record([.init(name: "users", value: .constant(500))]))
        // A deadline of its own: four minutes and what the steps themselves take.
        #expect(plan.deadline == .seconds(300))
        let limits = plan.limits
        #expect(limits.map(\.id) == [
            "HB-P99", "lost(heartbeat) = 0 and achieved(heartbeat) >= 99.5%", "p95(order) < 400ms", "lost(order) = 0 and duplicates(order) = 0",
        ])
        #expect(limits[0].requirement.window == .init(length: .seconds(10)))
        #expect(limits[0].baseline?.against == .interleaved && limits[0].baseline?.metrics == [.percentile(50_000)])
        #expect(limits[0].baseline?.worseBy == 0.1 && limits[0].baseline?.location.line == 27)
        #expect(limits[1].requirement.claims.map(\.statistic) == [.lost, .achieved])
        #expect(limits[1].requirement.claims[1].threshold.value == 0.995)
    }

    @Test("every key of a load, a gauge, a probe and a limit, with values of the matrix")
    func everything() throws {
        let plans = try example("loads.yaml")
        #expect(plans.count == 2)
        let plan = plans[1]
        guard case .parallel(let branches) = plan.steps[0].action else { return #expect(Bool(false), "no branches") }
        let beat = try load(branches[0][0])
        #expect(beat.rates == [10, 400, 400, 10])
        #expect(beat.arrivals == .poisson && beat.seed == 7 && beat.timeout == .seconds(5) && beat.warmup == .seconds(5))
        #expect(beat.good == Match([.init(field: "rssi", test: .operators([.init(.gt, .constant(-200))]))]))
        let order = try load(branches[1][0])
        #expect(order.count == 10_000)
        #expect(order.arguments == .record([
            .init(name: "user", value: .text([.literal("user-"), .expression(.name("k"))])), .init(name: "minutes", value: .constant(5)),
        ]))
        let kinds = try load(plan.setup[1])
        #expect(kinds.rates == [0.5] && kinds.variants.count == 2 && kinds.arguments == kinds.variants[0])
        #expect(plan.metrics.map(\.name) == ["online", "purse", "boot", "health"])
        #expect(plan.metrics[1].source == .gauge(.init(
            query: .init(role: "cloud", name: "wallet"), arguments: .record([.init(name: "user", value: .constant("rider"))]), field: "cents",
            every: .milliseconds(500))))
        guard case .probe(let health) = plan.metrics[3].source else { return #expect(Bool(false), "no probe") }
        #expect(health.rates == [10] && health.timeout == .seconds(1) && health.id == "health")
        // It may last as long as the run; the steps end it.
        #expect(health.duration == .constant(.duration(7_200_000_000_000)))

        let limits = plan.limits
        #expect(limits[1].minimumSamples == .strict && limits[1].confidence == 0.99)
        #expect(limits[8].target == 0.99)
        let bare = limits[3].requirement.claims
        #expect(bare.map(\.statistic) == [.percentile(thousandths: 99_900), .percentile(thousandths: 50_000), .achieved, .errors, .throughput])
        #expect(bare.map(\.measurement) == Array(repeating: "beat", count: 5))
        #expect(limits[4].requirement.claims.map(\.statistic) == [.worst, .count, .percentile(thousandths: 95_000)])
        #expect(limits[10].requirement.claims[0].statistic == .recovery(share: 0.999))
        #expect(limits[10].requirement.claims[0].measurement == "purse")
        let budget = try #require(limits.first { $0.id == "BUDGET" })
        #expect(budget.budget == .init(
            period: .seconds(2_592_000), allow: .milliseconds(259_200), charges: [.init(event: "slow", times: 8), .init(event: "deploy", times: 4)],
            share: 0.6))
        #expect(budget.harness == .init(sendLagShare: nil, sendLag: 5_000_000, planShortfall: 0.002, loaderCPU: 0.9, foreignCPU: 0.15))
        let baseline = try #require(limits[limits.count - 2].baseline)
        #expect(baseline.metrics == [.percentile(50_000), .cpuPerRequest] && baseline.pairs == 20 && baseline.pairsMaximum == 60)
        #expect(baseline.atLeast == 200_000 && baseline.alpha == 0.01 && baseline.cannotTellFails && baseline.slice == .seconds(3))
        #expect(limits.last?.baseline?.against == .history && limits.last?.baseline?.metrics == [.percentile(50_000), .percentile(99_000)])
    }

    @Test("a load's own time counts for the deadline of a scenario that says none")
    func deadline() throws {
        let plan = try #require(try plans(scenario("steps:\n  - load: badge.heartbeat\n    rate: 1/s\n    for: 20m\n")).first)
        #expect(plan.deadline == .seconds(1_260))
    }

    private func refused(_ load: String, _ limit: String, metrics: String = "") -> [String] {
        messages(scenario("\(metrics)steps:\n  - load: badge.heartbeat\n    id: beat\n    \(load)\nlimits:\n  - \(limit)\n"))
            .map { String($0.drop { $0 != " " }.dropFirst(" error: ".count)) }
    }

    @Test("10,000 samples for p99.9 at 200/s are 50 s: 49 s are refused, with the rate and the time that would do")
    func percentiles() {
        #expect(refused("rate: 200/s\n    for: 50s", "p99.9(beat) < 1s") == [])
        #expect(refused("rate: 200/s\n    for: 49s", "p99.9(beat) < 1s") == [
            "p99.9(beat) needs 10000 samples, and load 'beat' gives 9800: 200 are missing; for: 50s at this rate, or a mean rate of 205/s, would do"
        ])
        // The warm-up gives none.
        #expect(refused("rate: 200/s\n    for: 50s\n    warmup: 5s", "p99.9(beat) < 1s") == [
            "p99.9(beat) needs 10000 samples, and load 'beat' gives 9000: 1000 are missing; for: 55s at this rate, or a mean rate of 223/s, would do"
        ])
    }

    @Test("strict: 3,688 good ones prove 99.9 % two-sided at 95 %, 7,376 prove 99.95 %, 36,887 prove 99.99 % (sla.md §2.3)", arguments: [
        ("99.9", 3_688), ("99.95", 7_376), ("99.99", 36_887),
    ])
    func strict(_ percent: String, _ needed: Int) {
        let limit = "{require: p\(percent)(beat) < 1s, min-samples: strict}"
        #expect(refused("rate: 1000/s\n    for: 60s\n    count: \(needed)", limit) == [])
        #expect(refused("rate: 1000/s\n    for: 60s\n    count: \(needed - 1)", limit) == [
            "p\(percent)(beat) needs \(needed) samples, and load 'beat' gives \(needed - 1): 1 is missing; count: \(needed) would do"
        ])
    }

    @Test("windows: 1,000 samples in each 10 s are 100/s (sla.md §2.3 API-P99)")
    func windows() {
        let limit = "{require: p99(beat) < 200ms in every 10s, min-samples: 1000}"
        #expect(refused("rate: 100/s\n    for: 120s", limit) == [])
        #expect(refused("rate: 99/s\n    for: 120s", limit) == [
            "p99(beat) needs 1000 samples in each window of 10s, and load 'beat' gives 990 in the one from 0s: 10 are missing; 100/s in every window would do"
        ])
        #expect(refused("rate: 100/s\n    for: 9s", limit) == [
            "a window of 10s does not fit into the 9s that load 'beat' is measured for; shorten the window, or lengthen 'for'"
        ])
    }

    @Test("the quiet ends of a ramp are refused where a number is written, and left to the verdict where none is")
    func rampWindows() {
        // 10/s to 400/s in 40 s: 588, 1562, 2538 and 3512 in windows of 10 s.
        let load = "rate: [10/s, 400/s]\n    for: 40s"
        #expect(refused(load, "p99(beat) < 1s in every 10s") == [])
        #expect(refused(load, "{require: p99(beat) < 1s in every 10s, min-samples: 588}") == [])
        #expect(refused(load, "{require: p99(beat) < 1s in 75% of every 10s, min-samples: 1562}") == [])
        #expect(refused(load, "{require: p99(beat) < 1s in every 10s, min-samples: 1562}") == [
            "p99(beat) needs 1562 samples in each window of 10s, and load 'beat' gives 588 in the one from 0s: 974 are missing; 157/s in every window would do"
        ])
    }

    @Test("strict in windows asks for more: of 12 windows each is proven at 1 - 0.05/12")
    func strictWindows() {
        // ln(0.05/24)/ln(0.99) = 614.3
        let limit = "{require: p99(beat) < 200ms in every 10s, min-samples: strict}"
        #expect(refused("rate: 61.5/s\n    for: 120s", limit) == [])
        #expect(refused("rate: 61.4/s\n    for: 120s", limit).map { $0.prefix(36) } == ["p99(beat) needs 615 samples in each "])
    }

    @Test("probes: 99.9 % needs 3,688 good ones, 6.2 min at 10/s")
    func probes() {
        let metrics = "metrics:\n  health: {probe: badge.heartbeat, every: 100ms}\n"
        #expect(refused("rate: 1/s\n    for: 6.2min", "availability(health) >= 99.9%", metrics: metrics) == [])
        #expect(refused("rate: 1/s\n    for: 300s\n    timeout: 1s", "availability(health) >= 99.9%", metrics: metrics) == [
            "availability(health) needs 3688 samples, and probe 'health' gives 3000: 688 are missing; every: 81ms, or steps of 369s, would do"
        ])
    }

    @Test("the time that a load's last item may be waited for gives a probe no samples: in 60 s there are 600, not 700")
    func probesBesideLoads() {
        let metrics = "metrics:\n  health: {probe: badge.heartbeat, every: 100ms}\n"
        let load = "rate: 1/s\n    for: 60s\n    timeout: 10s"
        #expect(refused(load, "count(health) >= 600", metrics: metrics) == [])
        #expect(refused(load, "{require: p95(health) < 1s, min-samples: 600}", metrics: metrics) == [])
        #expect(refused(load, "{require: p95(health) < 1s, min-samples: 601}", metrics: metrics) == [
            "p95(health) needs 601 samples, and probe 'health' gives 600: 1 is missing; every: 99ms, or steps of 61s, would do"
        ])
    }

    @Test("what is read once a second has no sample in each half second")
    func gauges() {
        let metrics = "metrics:\n  level: {gauge: cloud.wallet.cents}\n"
        #expect(refused("rate: 1/s\n    for: 60s", "online(level) >= 5 in every 1s", metrics: metrics) == [])
        #expect(refused("rate: 1/s\n    for: 60s", "online(level) >= 5 in every 500ms", metrics: metrics) == [
            "online(level) needs 1 sample in each window of 500ms, and gauge 'level' gives 0 in the one from 0s: 1 is missing; every: 500ms would do"
        ])
    }

    @Test("a million windows at most: windows of a microsecond are refused, and a thousand cells of many windows cost no hour", .timeLimit(.minutes(10)))
    func manyWindows() {
        #expect(refused("rate: 1/s\n    for: 60s", "max(beat) < 1s in every 1us") == [
            "1m hold more than 1000000 windows of 1us; make them longer"
        ])
        #expect(refused("rate: 1/s\n    for: 60s", "booted.latency < 1s in every 1us", metrics: "setup:\n  - expect: badge.boot.done\n    id: booted\n") == [
            "5m hold more than 1000000 windows of 1us; make them longer"
        ])
        let cells = "matrix: {a: [\((1...1000).map(String.init).joined(separator: ", "))]}\n"
        #expect(refused("rate: 1000/s\n    for: 1000s", "max(beat) < 1s in every 1ms", metrics: cells) == [])
    }

    @Test("counts that the plan never reaches are refused")
    func counts() {
        #expect(refused("rate: 100/s\n    for: 10s", "count(beat) >= 1000") == [])
        #expect(refused("rate: 100/s\n    for: 10s", "count(beat) > 1000").count == 1)
        #expect(refused("rate: 250/s\n    for: 400s\n    arrival: poisson\n    count: 99999", "count(beat) = 100000") == [
            "load 'beat' plans 99999 items, so 100000 are never counted; count: 100000 would do"
        ])
    }
}
