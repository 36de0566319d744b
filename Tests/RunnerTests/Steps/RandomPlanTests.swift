import LabCore
import LabTesting
import Runner
import Testing

@Suite("Random plans in random worlds")
struct RandomPlanTests {
    private func run(_ seed: UInt64) throws -> JudgedRun {
        var random = RandomPlan(seed: seed)
        let plan = random.plan()
        return try JudgedRun(plan, in: random.world(), interruption: random.interruption())
    }

    @Test("come to an end, follow the rules, and the judge agrees with the runner", arguments: 0..<20)
    func rules(block: UInt64) throws {
        for seed in block * 25..<(block + 1) * 25 {
            let run = try run(seed)
            let rules = LogRules(run.events)
            if !rules.breaches.isEmpty { Issue.record("seed \(seed): \(rules.breaches)\n\(Timeline(run.events))") }
        }
    }

    @Test("the same plan in the same world gives the same log line for line", arguments: 0..<100 as Range<UInt64>)
    func repeats(seed: UInt64) throws {
        let difference = EventLogDifference.first(try run(seed).events, try run(seed).events)
        #expect(difference == nil, "seed \(seed)")
    }

    @Test("come to all kinds of ends")
    func variety() throws {
        var endings: [String: Int] = [:]
        var verbs: Set<String> = []
        for seed in 0..<300 as Range<UInt64> {
            let run = try run(seed)
            endings[run.ending.rawValue, default: 0] += 1
            for event in run.events where event.name == LabEvents.stepEnded && event.fields["outcome"] == "passed" {
                let start = run.events.first { $0.name == LabEvents.stepStarted && $0.fields["step"] == event.fields["step"] }
                verbs.insert(start?.fields["verb"]?.text ?? "")
            }
        }
        #expect(endings.keys.sorted() == ["done", "failed", "interrupted", "law_broken"])
        #expect(endings.values.allSatisfy { $0 >= 10 }, "\(endings)")
        #expect(verbs.sorted() == ["check", "clear", "do", "expect", "fault", "forbid", "wait"])
    }
}

@Suite("Comparing logs")
struct EventLogDifferenceTests {
    private let log = [
        RunEvent(sequence: 1, at: .start, node: "lab", name: "run.started"),
        RunEvent(sequence: 2, at: RunInstant(nanoseconds: 2_500_000_000), node: "badge", name: "boot.done", fields: ["firmware": "2.3.0", "ok": true]),
    ]

    @Test("equal logs have no difference")
    func equal() { #expect(EventLogDifference.first(log, log) == nil) }

    @Test("the first event that differs is told with what differs")
    func differs() throws {
        var other = log
        other[1].fields["firmware"] = "2.4.0"
        other[1].at = RunInstant(nanoseconds: 3)
        let difference = try #require(EventLogDifference.first(log, other))
        #expect(difference.sequence == 2)
        #expect(difference.parts == ["t", "firmware"])
        #expect(difference.description == """
            event 2 differs: t, firmware
              left   {"seq":2,"t":2500000000,"node":"badge","event":"boot.done","fields":{"firmware":"2.3.0","ok":true}}
              right  {"seq":2,"t":3,"node":"badge","event":"boot.done","fields":{"firmware":"2.4.0","ok":true}}
            """)
    }

    @Test("a log that ends earlier differs there; so do fields in another order")
    func ends() {
        #expect(EventLogDifference.first(log, [log[0]])?.description.hasSuffix("  right  –") == true)
        var other = log
        other[1].fields = ["ok": true, "firmware": "2.3.0"]
        #expect(EventLogDifference.first(log, other)?.parts == ["the order of the fields"])
    }

    @Test("a timeline has one line for each event")
    func timeline() {
        #expect(Timeline(log).description == "+0s lab.run.started\n+2.5s badge.boot.done firmware=2.3.0 ok=true")
        #expect(Timeline(log, of: "badge") == Timeline.world(log))
    }
}
