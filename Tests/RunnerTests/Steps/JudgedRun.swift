import LabCore
import LabTesting
import Runner
import Testing
import Verdicts

/// A run in a scripted world, judged from its log as it was written and from the same log read back from its lines.
struct JudgedRun {
    let ending: ScenarioRun.Ending
    let events: [RunEvent]
    let summary: CaseSummary

    /// Fails the test where the judge comes to another result than the runner, live or from the file.
    init(_ plan: Plan, in world: ScriptedWorld, interruption: Duration? = nil, sourceLocation: Testing.SourceLocation = #_sourceLocation) throws {
        let outcome = try #require(world.run(plan, interruption: interruption), "the run stands still", sourceLocation: sourceLocation)
        ending = outcome.ending
        events = outcome.events
        summary = judge(plan: plan, events: events, run: "r")
        let stored = judge(plan: plan, events: try events.map(Self.readBack), run: "r")
        for finding in (summary.findings + stored.findings) where finding.subject == .lab {
            Issue.record("\(finding.title): \(finding.reason ?? "")\n\(Timeline(events))", sourceLocation: sourceLocation)
        }
        #expect(stored.verdict == summary.verdict, sourceLocation: sourceLocation)
        #expect(stored.findings.map(\.title) == summary.findings.map(\.title), sourceLocation: sourceLocation)
        #expect(stored.measurements == summary.measurements, sourceLocation: sourceLocation)
    }

    private static func readBack(_ event: RunEvent) throws -> RunEvent {
        try RunEvent(jsonLine: Array(EventLogDifference.jsonLine(event).utf8))
    }

    var verdict: Verdict { summary.verdict }

    /// How the steps ended, without times: `steps.1 do badge.boot: passed`.
    var steps: [String] {
        Timeline.steps(events).lines.map { String($0.drop { $0 != " " }.dropFirst()) }
    }

    /// The same with times.
    var timedSteps: [String] { Timeline.steps(events).lines }

    /// The reason with which a step ended.
    func reason(_ step: String) -> String? {
        events.last { $0.name == LabEvents.stepEnded && $0.fields["step"] == .text(step) }?.fields["reason"]?.text
    }

    /// The numbers of the events that a step took.
    func claimed(_ step: String) -> [Int64]? {
        events.last { $0.name == LabEvents.stepEnded && $0.fields["step"] == .text(step) }?.fields["claimed"]?.list?.compactMap(\.integer)
    }

    /// The numbers of the world's own events with this name.
    func numbers(_ name: String) -> [Int64] { events.filter { $0.name == name }.map { Int64($0.sequence) } }

    /// `name value` of everything measured, times in their short form.
    var measured: [String] {
        summary.measurements.map { measurement in
            let value = measurement.isTime ? DurationText.format(nanoseconds: Int64(measurement.value)) : FigureText.number(measurement.value)
            return "\(measurement.name) \(value)"
        }
    }

    /// The lab's lines with one of these names: `+2s lab.fault.started fault=…`.
    func lines(_ names: String...) -> [String] {
        events.filter { event in event.node == LabEvents.node && names.contains(event.name) }.map(Timeline.line)
    }
}
