import LabCore

/// A run with every verdict, as `lab run` would hand it to the reports.
enum SampleRun {
    static let seed: UInt64 = 0x5eed_1a7e

    static func plan(_ scenario: String, _ cell: Fields = [:], about: String, tags: [String] = ["nightly"]) -> Plan {
        Plan(scenario: scenario, file: "scenarios/\(scenario).yaml", about: about, tags: tags, seed: seed, cell: cell)
    }

    static func limit(_ source: String, _ milliseconds: Double, id: String? = nil, line: Int = 57) -> Limit {
        let name = String(source.prefix { $0 != " " })
        return Limit(
            id: id ?? source, location: SourceLocation(file: "scenarios/badge/register.yaml", line: line, column: 5),
            requirement: Requirement(
                source: source,
                claims: [
                    Requirement.Claim(
                        statistic: .worst, measurement: name, comparison: .lessOrEqual,
                        threshold: Requirement.Quantity(dimension: .time, value: milliseconds * 1e6, source: String(source.split(separator: " ").last ?? "")))
                ]))
    }

    static let registration: CaseSummary = {
        let events = SampleLog.registration()
        return CaseSummary(
            plan: plan(
                "badge/register", ["loss": "20%"],
                about: "A factory-new badge registers over REST, receives its own credentials and goes online over MQTT.", tags: ["badge", "smoke"]),
            run: "0611-1/badge-register.loss-20", verdict: .pass,
            limits: [
                LimitResult(limit: limit("registered.latency <= 2s", 2000), verdict: .pass, isMarginal: true, figure: "1.35 s", samples: 1),
                LimitResult(limit: limit("online.latency <= 4s", 4000, line: 58), verdict: .pass, figure: "1.48 s", samples: 1),
            ],
            measurements: [
                Measurement(name: "registered.latency", at: RunInstant(nanoseconds: 1_352_000_000), value: 1.349e9, isTime: true),
                Measurement(name: "online.latency", at: RunInstant(nanoseconds: 1_482_000_000), value: 1.479e9, isTime: true),
            ],
            eventCount: events.count, duration: .milliseconds(3251), wallClock: .milliseconds(347))
    }()

    static let rollback: CaseSummary = {
        let events = SampleLog.rollback()
        func miss(_ name: String, at milliseconds: Int64, _ differences: [String]) -> NearMiss? {
            events.first { $0.name == name && $0.at.nanoseconds == milliseconds * 1_000_000 }.map { NearMiss(event: $0, differences: differences) }
        }
        let early = events.first { $0.name == "boot.done" }.map {
            NearMiss(event: $0, differences: [], note: "before the step that it counts from")
        }
        let finding = Finding(
            subject: .step, verdict: .fail, location: SourceLocation(file: "scenarios/ota/rollback.yaml", line: 44, column: 5),
            title: "expect badge.boot.done", expected: "badge.boot.done where firmware = 2.3.0   within 3 m of line 42 (cloud.ota.start)",
            nearest: [miss("boot.done", at: 61_200, ["firmware"]), early].compactMap(\.self),
            sequence: events.first { $0.fields["outcome"] == "failed" }?.sequence, node: "badge")
        let limit = Limit(
            id: "ROLLBACK-120", location: SourceLocation(file: "scenarios/ota/rollback.yaml", line: 60, column: 5),
            requirement: Requirement(source: "rolled_back.latency <= 120s", claims: []))
        return CaseSummary(
            plan: plan(
                "ota/rollback", ["injected": "badge.app.hang"],
                about: "Whatever goes wrong with the new image, the badge ends on the old one and the cloud says so.", tags: ["ota", "nightly"]),
            run: "0611-1/ota-rollback.injected-badge.app.hang", verdict: .fail, findings: [finding],
            limits: [
                LimitResult(
                    limit: limit, verdict: .skipped, figure: "not measured", samples: 0,
                    reason: "line 44 (expect badge.boot.done) did not come to its end")
            ],
            eventCount: events.count, duration: .milliseconds(182_358), wallClock: .milliseconds(520))
    }()

    static let ramp: CaseSummary = {
        let requirement = Requirement(
            source: "p99(heartbeat) < 150ms",
            claims: [
                Requirement.Claim(
                    statistic: .percentile(thousandths: 99_000), measurement: "heartbeat", comparison: .less,
                    threshold: Requirement.Quantity(dimension: .time, value: 150e6, source: "150ms"))
            ])
        let limit = Limit(
            id: "HB-P99", location: SourceLocation(file: "scenarios/sla/ramp.yaml", line: 31, column: 5),
            text: "99 of 100 heartbeats are stored within 150 ms", requirement: requirement)
        let reason = "412 of 1000 samples, 588 more needed"
        let finding = Finding(
            subject: .limit, verdict: .unproven, location: limit.location, title: "HB-P99", expected: requirement.source,
            reason: "p99 131 ms [≥ 118 ms]: \(reason)")
        var chance = SeededGenerator(seed: 7)
        let samples = (0..<412).map { index in
            Measurement(
                name: "heartbeat.latency", at: RunInstant(nanoseconds: Int64(index) * 500_000_000),
                value: 20e6 + 110e6 * chance.unitInterval() * chance.unitInterval(), isTime: true)
        }
        return CaseSummary(
            plan: plan("sla/ramp", about: "2,000 badges and a rush of orders, with a slow database in the middle, stay inside the contract."),
            run: "0611-1/sla-ramp", verdict: .unproven, findings: [finding],
            limits: [LimitResult(limit: limit, verdict: .unproven, figure: "p99 131 ms [≥ 118 ms]", samples: 412, reason: reason)],
            measurements: samples, eventCount: 0, duration: .seconds(240), wallClock: .milliseconds(1840))
    }()

    static func plain(_ scenario: String, _ cell: Fields, _ verdict: Verdict, reason: String? = nil, about: String = "A case.") -> CaseSummary {
        let name = scenario.split(separator: "/").joined(separator: "-")
        return CaseSummary(
            plan: plan(scenario, cell, about: about), run: "0611-1/\(name)", verdict: verdict, eventCount: verdict == .pass ? 214 : 0,
            duration: verdict == .pass ? .milliseconds(12_400) : .zero, wallClock: verdict == .pass ? .milliseconds(310) : .zero, reason: reason)
    }

    static let flaky: CaseSummary = {
        var result = plain("charging/two-ports", ["port": 2], .flaky, reason: "try 2 of 2", about: "Two riders charge on one pile.")
        result.findings = [
            Finding(
                subject: .law, verdict: .fail, location: SourceLocation(file: "scenarios/charging/two-ports.yaml", line: 14, column: 5),
                title: "one settlement per order", expected: "at most one cloud.order.settled for each order",
                reason: "a second cloud.order.settled with order = o_17, the first is event 212", sequence: 240, node: "cloud")
        ]
        result.oracles = [OracleReport(oracle: "charging", noun: "order", judged: 2, gaps: [.init(reason: "order that is not over", count: 1)])]
        result.absences = [BusAbsence(node: "pile", from: .start.advanced(by: .seconds(3)), until: .start.advanced(by: .milliseconds(4250)))]
        return result
    }()

    static let summary = Summary(
        run: "0611-1", labVersion: "0.4", world: .sim, seed: seed,
        cases: [
            plain("badge/register", ["loss": "0%"], .pass), registration, rollback, flaky, ramp,
            plain("charging/power-loss", [:], .blocked, reason: "bench pile-b: no answer to AT in 5 s"),
            plain("badge/clone-alarm", [:], .quarantined, reason: "quarantined until 2027-01-31 (issue 41)"),
            plain("badge/antenna", [:], .skipped, reason: "needs fault badge.antenna.detune"),
        ])

    static func events(_ result: CaseSummary) -> [RunEvent] {
        switch result.plan.scenario {
        case "badge/register" where result.plan.cell["loss"] == "20%": SampleLog.registration()
        case "ota/rollback": SampleLog.rollback()
        default: []
        }
    }
}
