import Foundation
import LabCore

/// A night of loads with every outcome that an objective can have, for the tests and for looking at.
enum LoadRun {
    static let file = "scenarios/sla/charging-cloud.yaml"
    private static let second: Int64 = 1_000_000_000

    static let harness = HarnessReport(
        sendLagMedian: 41_000, sendLagP99: 104_000, sendLagWorst: 912_000, wakeP99: 52_000, loaderCPU: 0.231, foreignCPU: 0.021, planKept: 1, clockSteps: 0)
    static let slowHarness = HarnessReport(
        sendLagMedian: 90_000, sendLagP99: 14_200_000, sendLagWorst: 61_000_000, wakeP99: 9_100_000, loaderCPU: 0.64, foreignCPU: 0.48, planKept: 0.9981, clockSteps: 1)

    // MARK: Objectives

    static func quantity(_ source: String, _ value: Double, _ dimension: Requirement.Quantity.Dimension) -> Requirement.Quantity {
        Requirement.Quantity(dimension: dimension, value: value, source: source)
    }

    static func objective(
        _ id: String, _ source: String, line: Int, _ statistic: Requirement.Statistic, _ measurement: String, _ comparison: Requirement.Comparison,
        _ threshold: Requirement.Quantity, _ verdict: Verdict, figure: String, value: Double?, _ interval: (Double?, Double?), samples: Int, text: String? = nil,
        reason: String? = nil
    ) -> LimitResult {
        let claim = Requirement.Claim(statistic: statistic, measurement: measurement, comparison: comparison, threshold: threshold)
        let limit = Limit(
            id: id, location: SourceLocation(file: file, line: line, column: 5), text: text, requirement: Requirement(source: source, claims: [claim]))
        var result = LimitResult(limit: limit, verdict: verdict, figure: figure, samples: samples, reason: reason)
        result.value = value
        (result.lower, result.upper) = interval
        result.threshold = threshold
        return result
    }

    static let objectives: [LimitResult] = {
        var results: [LimitResult] = []
        results.append(objective(
            "API-P99", "p99(api) < 200ms", line: 41, .percentile(thousandths: 99_000), "api", .less, quantity("200ms", 200e6, .time), .fail,
            figure: "p99 1.18 s [1.02 s, 1.33 s]", value: 1.18e9, (1.02e9, 1.33e9), samples: 23_058, text: "every REST route answers within 200 ms at nominal load",
            reason: "412 of 23,058 were slower than the limit; allowed are 230"))
        results.append(objective(
            "API-P50", "p50(api) < 50ms", line: 42, .percentile(thousandths: 50_000), "api", .less, quantity("50ms", 50e6, .time), .pass,
            figure: "p50 3.1 ms [3.0 ms, 3.2 ms]", value: 3.1e6, (3.0e6, 3.2e6), samples: 23_058))
        results.append(objective(
            "RPC-100", "p99(rpc-accept) <= 100ms", line: 52, .percentile(thousandths: 99_000), "rpc-accept", .lessOrEqual, quantity("100ms", 100e6, .time), .unproven,
            figure: "p99 81 ms [≥ 64 ms]", value: 81e6, (64e6, nil), samples: 412, reason: "412 of 1000 samples, 588 more needed"))
        results[2].missingSamples = 588
        results.append(objective(
            "AVAIL-9999", "availability(probe) >= 99.99%", line: 60, .availability, "probe", .greaterOrEqual, quantity("99.99%", 0.9999, .share), .unproven,
            figure: "availability 99.993 %", value: 0.99993, (0.9997, 0.99999), samples: 6_000, text: "what users can reach in a month"))
        results[3].missingSamples = 30_887
        results[3].limit.budget = Limit.Budget(
            period: .seconds(30 * 86_400), allow: .milliseconds(259_200), charges: [.init(event: "restart-broker", times: 8), .init(event: "deploy", times: 4)], share: 0.6)
        results[3].charges = [
            .init(event: "restart-broker", outage: .milliseconds(9_400), total: .milliseconds(75_200)),
            .init(event: "deploy", outage: .milliseconds(14_100), total: .milliseconds(56_400)),
        ]
        results.append(objective(
            "HB-P99", "p99(heartbeat) < 1s in every 10s", line: 66, .percentile(thousandths: 99_000), "heartbeat", .less, quantity("1s", 1e9, .time), .blocked,
            figure: "p99 640 ms", value: 640e6, (610e6, 702e6), samples: 50_112,
            reason: "the lab sent late: send lag p99 14.2 ms, neighbours took 48 % of the machine (limit 10 %)"))
        results[4].isVoid = true
        results.append(objective(
            "CONC-10K", "in-flight(http) >= 10000 in every 1s", line: 70, .inFlight, "http", .greaterOrEqual, quantity("10000", 10_000, .plain), .pass,
            figure: "10,214", value: 10_214, (nil, nil), samples: 60))
        results.append(objective(
            "ORDERS", "count(orders-committed) = 100000", line: 74, .count, "orders-committed", .equal, quantity("100000", 100_000, .plain), .pass,
            figure: "100,000", value: 100_000, (nil, nil), samples: 100_000))
        results.append(objective(
            "LOST", "lost(heartbeat) = 0", line: 75, .lost, "heartbeat", .equal, quantity("0", 0, .plain), .fail, figure: "412", value: 412, (nil, nil), samples: 50_112))
        results.append(objective(
            "CONN-P99", "p99(connack) < 500ms", line: 78, .percentile(thousandths: 99_000), "connack", .less, quantity("500ms", 500e6, .time), .pass,
            figure: "p99 431 ms [402 ms, 488 ms]", value: 431e6, (402e6, 488e6), samples: 5_000, reason: "p99 < 400 ms does not hold"))
        results[8].isMarginal = true
        return results
    }()

    // MARK: Cases

    static let charging: CaseSummary = {
        let plan = Plan(
            scenario: "sla/charging-cloud", file: file, about: "Users, devices and the partner API at once, with a restart of the broker and a frozen cloud.",
            tags: ["sla", "nightly"], world: .emu, seed: 7)
        var result = CaseSummary(
            plan: plan, run: "1121-2/sla-charging-cloud", verdict: .fail, limits: objectives, eventCount: 61_204, duration: .seconds(160), wallClock: .seconds(163),
            timing: TimingReport(timers: 18_204, median: 61_000, p99: 410_000, worst: 2_100_000, speed: 1))
        result.loads = [
            LoadExample(id: "api", seed: 7, rates: [200, 200], seconds: 120, warmup: 5, freezes: [78.0..<79.4], losses: [40.2..<42.1]).report(isModelled: false, harness: harness),
            LoadExample(id: "heartbeat", seed: 11, rates: [50, 800, 800], seconds: 120, connections: 64, serviceMilliseconds: 9, freezes: [78.0..<79.4], losses: [40.2..<41.0], members: 50_000)
                .report(isModelled: false, harness: slowHarness),
        ]
        func instant(_ seconds: Double) -> RunInstant { RunInstant(nanoseconds: Int64(seconds * 1e9)) }
        result.faults = [
            FaultSpan(name: "broker.restart", start: instant(60), end: instant(62.1)), FaultSpan(name: "cloud.freeze", start: instant(98), end: instant(99.4)),
            FaultSpan(name: "cloud.database.slow add=50ms", start: instant(110), end: instant(124)), FaultSpan(name: "link badge.loss=2%", start: instant(104), end: nil),
        ]
        result.findings = [
            Finding(
                subject: .limit, verdict: .fail, location: objectives[0].limit.location, title: "API-P99", expected: "p99(api) < 200ms", reason: "p99 1.18 s [1.02 s, 1.33 s]")
        ]
        return result
    }()

    static let modelled: CaseSummary = {
        let plan = Plan(scenario: "sla/ramp", file: "scenarios/sla/ramp.yaml", about: "A ramp in virtual time.", world: .sim, seed: 7)
        var result = CaseSummary(plan: plan, run: "1121-2/sla-ramp", verdict: .pass, eventCount: 12_000, duration: .seconds(240), wallClock: .milliseconds(1840))
        result.limits = [
            objective(
                "RAMP-P95", "p95(order) < 400ms", line: 12, .percentile(thousandths: 95_000), "order", .less, quantity("400ms", 400e6, .time), .pass,
                figure: "p95 212 ms [208 ms, 219 ms]", value: 212e6, (208e6, 219e6), samples: 4_800)
        ]
        result.loads = [LoadExample(id: "order", seed: 3, rates: [1, 40], seconds: 240, connections: 4, serviceMilliseconds: 60).report(isModelled: true, harness: nil)]
        return result
    }()

    // MARK: Builds and nights

    static let comparison: ComparisonReport = {
        func row(
            _ objective: String, _ metric: String, _ ratio: Double, _ half: Double, _ outcome: ComparisonReport.Outcome, a: Double, line: Int, p: Double, reason: String? = nil
        ) -> ComparisonReport.Row {
            ComparisonReport.Row(
                objective: objective, location: SourceLocation(file: file, line: line, column: 7), metric: metric, pairs: 20, ratio: ratio, lower: ratio / (1 + half),
                upper: ratio * (1 + half), effect: 0.05, a: a, b: a * ratio, p: p, adjusted: min(1, p * 6), outcome: outcome, reason: reason)
        }
        return ComparisonReport(
            a: "4f1c9d2 (accepted 2026-11-18)", b: "9b20e77",
            rows: [
                row("API-200", "p50", 1.004, 0.012, .same, a: 3.1e6, line: 44, p: 0.41),
                row("API-200", "cpu-per-request", 1.118, 0.016, .regressed, a: 412_000, line: 44, p: 0.00000019, reason: "interval above 1.05 and 48.6 µs above the floor of 20 µs"),
                row("RPC-100", "p50", 1.031, 0.047, .cannotTell, a: 22e6, line: 55, p: 0.09, reason: "60 of 60 pairs used"),
                row("HB-P99", "p50", 0.91, 0.02, .improved, a: 8.8e6, line: 67, p: 0.0002),
                row("CONN-1K", "p50", 1.01, 0.2, .void, a: 91e6, line: 79, p: 0.7, reason: "neighbours took 48 % of the machine"),
            ], selfTest: .init(comparisons: 200, alarms: 1, smallestEffect: 0.021))
    }()

    static let history: [HistoryReport] = {
        var chance = SeededGenerator(seed: 9, purpose: "history")
        func points(_ levels: [(Int, Double)], noise: Double) -> [HistoryReport.Point] {
            var points: [HistoryReport.Point] = []
            for (count, level) in levels {
                for _ in 0..<count {
                    let commit = String(chance.next() & 0xfff_ffff | 0x1000_0000, radix: 16).prefix(7)
                    points.append(.init(run: "run-\(points.count + 1)", label: String(commit), value: level * (1 + noise * (chance.unitInterval() - 0.5))))
                }
            }
            return points
        }
        return [
            HistoryReport(
                metric: "sla/charging-cloud api.latency p50", unit: "ns", points: points([(24, 3.1e6), (18, 3.58e6), (18, 3.2e6)], noise: 0.06),
                changes: [
                    .init(index: 24, before: 3.1e6, after: 3.58e6, p: 0.0004, isConfirmed: true), .init(index: 42, before: 3.58e6, after: 3.2e6, p: 0.0008, isConfirmed: true),
                ]),
            HistoryReport(
                metric: "sla/charging-cloud api throughput", unit: "/s", points: points([(57, 4_120), (3, 3_600)], noise: 0.03),
                changes: [.init(index: 57, before: 4_120, after: 3_600, p: 0.0009, isConfirmed: false)]),
        ]
    }()

    static let summary: Summary = {
        var summary = Summary(run: "1121-2", labVersion: "0.6", world: .emu, seed: 7, cases: [charging, modelled, SampleRun.registration])
        summary.comparison = comparison
        summary.history = history
        return summary
    }()
}
